package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// What kfree_skb shows of drops for which kernels have several names, or none.
func TestKfreeReasons(t *testing.T) {
	for name, tc := range map[string]struct {
		lose func(l *skb.Ledger)
		p    kernel.Profile
		want map[string]uint64
	}{
		"fragments that waited are consumed": {func(l *skb.Ledger) {
			l.Lose(skb.FragInvalid, 4)
			l.Finer.Waited = 3
		}, kernel.Linux618(), map[string]uint64{"NOT_SPECIFIED": 1}},
		"and were dropped in 6.1": {func(l *skb.Ledger) {
			l.Lose(skb.FragInvalid, 4)
			l.Finer.Waited = 3
		}, kernel.Linux61(), map[string]uint64{"NOT_SPECIFIED": 4}},
		"no memory for fragments": {func(l *skb.Ledger) { l.Lose(skb.FragMem, 2) }, kernel.Linux618(), map[string]uint64{"NOT_SPECIFIED": 2}},
		"to 0.0.0.0, and to a group": {func(l *skb.Ledger) {
			l.Lose(skb.IPInvalidDest, 3)
			l.Finer.ZeroDest = 1
		}, kernel.Linux618(), map[string]uint64{"IP_INVALID_DEST": 1, "NOT_SPECIFIED": 2}},
		"the same in 6.1": {func(l *skb.Ledger) {
			l.Lose(skb.IPInvalidDest, 3)
			l.Finer.ZeroDest = 1
		}, kernel.Linux61(), map[string]uint64{"NOT_SPECIFIED": 3}},
	} {
		t.Run(name, func(t *testing.T) {
			var before, now skb.Ledger
			tc.lose(&now)
			require.Equal(t, tc.want, KfreeReasons(&tc.p, &before, &now, 0))
		})
	}
}
