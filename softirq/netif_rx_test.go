package softirq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// send makes n packets and gives each to netif_rx on a core.
func (b *bench) send(c *cpu.Core, n int) (results []skb.DropReason) {
	for range n {
		p := hashed(1)
		b.ledger.Frames++
		p.ID = b.ledger.Frames
		b.ledger.Take()
		results = append(results, b.host.CPUs[c.ID()].NetifRX(c, p))
	}
	return results
}

// process runs f once on a CPU, from t on, as a process in the kernel.
func (b *bench) process(t engine.Time, cpuID int, f func(*cpu.Core)) {
	done := false
	b.cores[cpuID].NewTask("process", 0, func(c *cpu.Core, t *cpu.Task) {
		if done {
			t.Sleep()
			return
		}
		done = true
		f(c)
		t.Continue(0, true)
	}).Start(t)
}

// RPS-18, SIRQ-9: what a process sends over loopback goes through the backlog of
// its CPU, and is received when it leaves its BH-disabled section, in its time.
func TestRPS18NetifRX(t *testing.T) {
	b := newBench(t, 2, 250)
	b.stack = func(c *cpu.Core, _ *skb.Buff) { c.Spend(10 * us) }
	b.process(100*us, 1, func(c *cpu.Core) {
		c.LocalBHDisable()
		require.Equal(t, []skb.DropReason{0, 0, 0}, b.send(c, 3), "NET_RX_SUCCESS")
		require.Equal(t, 3, b.host.CPUs[1].BacklogLen())
		require.Empty(t, b.got)
		before := c.Now()
		c.LocalBHEnable()
		require.Equal(t, []arrival{{1, 1}, {1, 2}, {1, 3}}, b.got)
		require.Equal(t, 30*us, c.Now()-before)
	})
	b.until(ms)
	require.EqualValues(t, 1, b.netRX(1))
	require.EqualValues(t, 3, b.stats[1].Softnet.Processed)
	require.Zero(t, b.stats[1].KsoftirqdWakeups)
	require.Equal(t, 30*us, engine.Time(b.cores[1].Books(ms).Softirq))
}

// RPS-18, RPS-9: netif_rx says NET_RX_DROP when the backlog is full.
func TestRPS18Drop(t *testing.T) {
	b := newBench(t, 1, 250, func(b *bench) { b.host.Config.NetdevMaxBacklog = 1 })
	b.process(100*us, 0, func(c *cpu.Core) {
		c.LocalBHDisable()
		require.Equal(t, []skb.DropReason{0, 0, skb.CPUBacklog}, b.send(c, 3))
		c.LocalBHEnable()
	})
	b.until(ms)
	require.Len(t, b.got, 2)
	require.EqualValues(t, 1, b.stats[0].Softnet.Dropped)
	require.Equal(t, 1, b.dropped, "dev->rx_dropped")
}

// RPS-18: with RPS the receiving device's map decides; the sender's CPU has an
// empty run more (RPS-16).
func TestRPS18Steered(t *testing.T) {
	b := newBench(t, 2, 250, func(b *bench) {
		b.rps = []int{1}
		b.costs.IPILatency.Fixed = us
	})
	b.process(100*us, 0, func(c *cpu.Core) {
		c.LocalBHDisable()
		b.send(c, 2)
		c.LocalBHEnable()
	})
	b.until(ms)
	require.Equal(t, []arrival{{1, 1}, {1, 2}}, b.got)
	require.EqualValues(t, 1, b.stats[1].Softnet.ReceivedRPS)
	require.EqualValues(t, 1, b.netRX(0))
}

// netif_rx_ni processes before it returns; inside a BH-disabled section, where it
// does not belong, it would wait for the end of that.
func TestNetifRXNI(t *testing.T) {
	b := newBench(t, 1, 250)
	b.process(100*us, 0, func(c *cpu.Core) {
		p := hashed(1)
		b.ledger.Frames++
		b.ledger.Take()
		require.Equal(t, skb.NotDropped, b.host.CPUs[0].NetifRXNI(c, p))
		require.Len(t, b.got, 1)
	})
	b.until(ms)
	require.EqualValues(t, 1, b.netRX(0))
}
