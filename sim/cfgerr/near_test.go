package cfgerr

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	words := []string{"ring", "rcvbuf", "budget", "netdev_budget"}
	for _, tc := range []struct{ name, s, nearest, near string }{
		{"the word itself", "ring", "ring", "ring"},
		{"a letter too many", "rring", "ring", "ring"},
		{"neighbours swapped are one edit", "rnig", "ring", "ring"},
		{"case and dashes count as nothing", "NETDEV-BUDGET", "netdev_budget", "netdev_budget"},
		{"far from every word", "queue_length", "budget", ""},
		{"nothing", "", "ring", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.nearest, Nearest(tc.s, words))
			require.Equal(t, tc.near, Near(tc.s, words))
		})
	}
	known := []string{"ring", "rps", "rcvbuf", "rcvbufforce", "rx-flow-hash", "udp_hash_mix"}
	for in, want := range map[string]string{
		"rign": "ring", "rcvbfu": "rcvbuf", "RCVBUF": "rcvbuf", "rx_flow_hash": "rx-flow-hash", "udp-hash-mix": "udp_hash_mix",
		"rcvbufforc": "rcvbufforce", "rings": "ring", "xyz": "", "": "", "address": "",
	} {
		require.Equal(t, want, Near(in, known), in)
	}
	require.Empty(t, Nearest("ring", nil))
	require.Empty(t, Near("ring", nil))
	require.Equal(t, "a", Nearest("x", []string{"a", "b"}), "the first of several")
	require.NotEmpty(t, Nearest(strings.Repeat("x", 1<<20), words), "a long word costs no more than a short one")
}

// edits agrees with the definition by recursion.
func TestEdits(t *testing.T) {
	var dumb func(a, b string) int
	dumb = func(a, b string) int {
		switch {
		case a == "" || b == "":
			return len(a) + len(b)
		case a[0] == b[0]:
			return dumb(a[1:], b[1:])
		}
		n := 1 + min(dumb(a[1:], b), dumb(a, b[1:]), dumb(a[1:], b[1:]))
		if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
			n = min(n, 1+dumb(a[2:], b[2:]))
		}
		return n
	}
	word := rapid.StringMatching(`[abc]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		require.Equal(t, dumb(a, b), edits(a, b))
	})
}
