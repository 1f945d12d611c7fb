package softirq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
)

// 6.18 section 3.7: skbs that another CPU's reader frees wait on the CPU that
// made them; the 33rd of 64 interrupts it, and any net_rx_action there begins the
// count anew.
func TestDeferFree(t *testing.T) {
	for _, tc := range []struct {
		name       string
		freed      int
		alloc      int
		ipis, runs uint64
	}{
		{"6.18/3.7.2 not yet half", 32, 0, 0, 0},
		{"6.18/3.7.2 half", 33, 0, 1, 1},
		{"6.18/3.7.2 beyond the most: once", 200, 0, 1, 1},
		{"6.18/3.7.1 the reader's own", 200, 1, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, 2, 250, func(b *bench) { b.costs.IPILatency.Fixed = us })
			b.process(ms, 1, func(c *cpu.Core) {
				for range tc.freed {
					b.host.DeferFree(c, tc.alloc)
				}
			})
			b.until(2 * ms)
			require.Equal(t, tc.ipis, b.stats[tc.alloc].CallFunction)
			require.Equal(t, tc.runs, b.netRX(tc.alloc))
			require.Zero(t, b.stats[0].Softnet.ReceivedRPS, "not of RPS")
			if tc.ipis > 0 {
				require.Zero(t, b.host.CPUs[0].deferCount)
			}
		})
	}
	t.Run("6.18/3.7.3 flushed by any run", func(t *testing.T) {
		b := newBench(t, 2, 250, func(b *bench) { b.costs.IPILatency.Fixed = us })
		free := func(c *cpu.Core) {
			for range 32 {
				b.host.DeferFree(c, 0)
			}
		}
		b.process(ms, 1, free)
		b.schedule(2*ms, &feed{bench: b, pending: 1})
		b.process(3*ms, 1, free)
		b.until(4 * ms)
		require.Zero(t, b.stats[0].CallFunction)
		require.Equal(t, 32, b.host.CPUs[0].deferCount)
	})
}

// RPS-14: calls that find another one queued for the CPU share its interrupt.
func TestRPS14Merged(t *testing.T) {
	b := newBench(t, 3, 250, func(b *bench) {
		b.rps = []int{0}
		b.costs.IPILatency.Fixed = 100 * us
	})
	b.process(ms, 1, func(c *cpu.Core) {
		c.LocalBHDisable()
		b.send(c, 1)
		c.LocalBHEnable()
	})
	b.process(ms+10*us, 2, func(c *cpu.Core) {
		for range 33 {
			b.host.DeferFree(c, 0)
		}
	})
	b.until(2 * ms)
	require.Len(t, b.got, 1)
	require.EqualValues(t, 1, b.stats[0].Softnet.ReceivedRPS)
	require.EqualValues(t, 1, b.stats[0].CallFunction, "the CAL row")
	require.EqualValues(t, 1, b.netRX(0))
}
