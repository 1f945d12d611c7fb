package scenariofile

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLocate looks up keys that stand in a file, do not, or were given by a Set.
func TestLocate(t *testing.T) {
	src := Read("f.yaml", []byte("nics:\n  - {name: eth0, mtu: 9000}\nsysctl:\n  net.core.rmem_max: 1MiB\nthresholds: [a, \"b c\"]\n"))
	for _, c := range []struct {
		key          string
		line, column int
		value        string
	}{
		{"nics[0].mtu", 2, 23, "9000"},
		{"net.core.rmem_max", 4, 22, "1MiB"},
		{"thresholds[1]", 5, 17, "b c"},
		{"nics[0].ring.rx", 2, 5, ""},    // the interface that has it
		{"nics[1].mtu", 1, 1, ""},        // the list
		{"no.such", 1, 1, ""},            // the file
		{"", 1, 1, ""}, {"[[", 1, 1, ""}, // no keys
	} {
		f := src.Locate(c.key)
		require.Equal(t, []int{c.line, c.column}, []int{f.Line, f.Column}, c.key)
		require.Equal(t, c.value, f.Value, c.key)
		require.Empty(t, f.Set)
	}
	sets := []Set{{Path: "run.seed", Value: "3"}, {Path: "nics[0]", Value: "{name: eth1, mtu: 9100}"}}
	f := src.Locate("nics[0].mtu", sets...)
	require.Equal(t, "nics[0]={name: eth1, mtu: 9100}", f.Set)
	require.Equal(t, "9100", f.Value)
	f = src.Locate("nics[0].ring.rx", sets...)
	require.Equal(t, "nics[0]={name: eth1, mtu: 9100}", f.Set)
	require.Zero(t, Read("f.yaml", []byte("{")).Locate("nics[0].mtu").Line, "what is not YAML has no places")
}
