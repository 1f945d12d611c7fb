package kernel

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a profile says of where a value comes from names behaviours that there
// are, each once; and nothing that differs from the profile it began with is
// without evidence of its own.
func TestEvidenceOfDifferences(t *testing.T) {
	known := map[string]bool{}
	reference := Linux40()
	reference.Each(func(name string, _ any, _ string) { known[name] = true })
	for _, p := range Profiles()[1:] {
		from, ok := provenances[p.Name]
		require.True(t, ok, p.Name)
		seen := map[string]bool{}
		for _, name := range strings.Fields(from.recorded + " " + from.source + " " + from.memory) {
			require.True(t, known[name], "%s: %s is no behaviour", p.Name, name)
			require.False(t, seen[name], "%s: %s twice", p.Name, name)
			seen[name] = true
		}
		base, err := ProfileNamed(from.as)
		require.NoError(t, err)
		for _, line := range p.Changed(base) {
			name, _, _ := strings.Cut(line, ":")
			e, _ := p.Evidence(name)
			require.Less(t, e, Inherited, "%s: where does %s come from?", p.Name, line)
		}
	}
}

// The evidence of one behaviour in several profiles, and of one that was changed.
func TestEvidence(t *testing.T) {
	changed := Linux618()
	changed.MaxRestart = 5
	for name, tc := range map[string]struct {
		p         Profile
		behaviour string
		want      string
	}{
		"the reference is source":       {Linux40(), "accept_rule", "source"},
		"recorded":                      {Linux61(), "accept_rule", "recorded"},
		"read":                          {Linux61(), "ixgbe_build_skb", "source"},
		"K310-13 from memory":           {Linux310(), "refill_after_loop", "memory"},
		"nobody looked":                 {Linux310(), "accept_rule", "as in linux-4.0, not looked at"},
		"changed by somebody":           {changed, "max_restart", "set in the scenario"},
		"the others are what they were": {changed, "accept_rule", "recorded"},
	} {
		t.Run(name, func(t *testing.T) {
			_, words := tc.p.Evidence(tc.behaviour)
			require.Equal(t, tc.want, words)
		})
	}
	recorded := fmt.Sprint(func() (out []bool) {
		for _, p := range Profiles() {
			out = append(out, p.Recorded())
		}
		return out
	}())
	require.Equal(t, "[false false true true true]", recorded, "4.0 and 3.10 rest on source")
}
