package softirq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// limited returns a bench whose CPU 0 has a flow limit and steers to CPU 1, which
// does not drain; f runs on CPU 0 with 500 packets of flow 9 in the backlog.
func limited(t *testing.T, f func(*bench, *cpu.Core), edit ...func(*bench)) *bench {
	t.Helper()
	b := newBench(t, 2, 250, append([]func(*bench){func(b *bench) {
		b.rps = []int{1}
		b.costs.IPILatency.Fixed = ms
		b.host.Config.FlowLimitCPUs = []int{0}
	}}, edit...)...)
	poll := &feed{bench: b, pending: 1}
	poll.onPoll = func(c *cpu.Core) {
		b.receive(c, 9, 500)
		f(b, c)
	}
	b.schedule(ms, poll)
	b.until(ms + us)
	return b
}

// RPS-11, RPS-12, ODD-24: below half the backlog nothing is recorded; from there
// on one flow gets 64 packets in, and is refused from the 65th. The table is
// that of the CPU that enqueues; the drop is the target's.
func TestRPS12OneFlow(t *testing.T) {
	b := limited(t, func(b *bench, c *cpu.Core) {
		table := b.host.CPUs[0].flowLimit
		require.Equal(t, make([]uint8, 4096), table.buckets, "500 packets, and nothing recorded")
		b.receive(c, 9, 64)
		require.Zero(t, b.dropped)
		b.receive(c, 9, 1)
		require.Equal(t, 1, b.dropped)
		b.receive(c, 9, 63)
		require.EqualValues(t, 128, table.buckets[9])
		b.receive(c, 9, 72)
		require.EqualValues(t, 128, table.buckets[9], "and stays there")
		require.Equal(t, 136, b.dropped)
	})
	require.EqualValues(t, 136, b.stats[0].Softnet.FlowLimitCount)
	require.EqualValues(t, 136, b.stats[1].Softnet.Dropped)
	require.Zero(t, b.stats[0].Softnet.Dropped)
	require.Zero(t, b.stats[1].Softnet.FlowLimitCount)
	require.EqualValues(t, 136, b.ledger.Dropped[skb.CPUBacklog])
	require.Equal(t, 564, b.host.CPUs[1].InputQueueLen())
}

// RPS-12: a flow that is refused does not keep others out, and they push it out
// of the history of 128.
func TestRPS12OtherFlows(t *testing.T) {
	limited(t, func(b *bench, c *cpu.Core) {
		table := b.host.CPUs[0].flowLimit
		b.receive(c, 9, 128)
		require.Equal(t, 64, b.dropped)
		b.receive(c, 7, 64)
		require.Equal(t, 64, b.dropped, "another flow gets its 64")
		require.EqualValues(t, 64, table.buckets[9])
		require.EqualValues(t, 64, table.buckets[7])
		b.receive(c, 9+4096, 1) // the same bucket, in the place of one of flow 9
		require.Equal(t, 64, b.dropped)
		b.receive(c, 7, 1)
		require.Equal(t, 65, b.dropped, "its 65th of the last 128")
		for hash := uint32(100); hash < 300; hash++ {
			b.receive(c, hash, 1)
		}
		require.Equal(t, 65, b.dropped)
		require.Zero(t, table.buckets[9])
		require.Zero(t, table.buckets[7])
	})
}

// RPS-8, RPS-11, K310-8: the limit works on CPUs that have it only, not at all
// without a backlog limit, and not in 3.10.
func TestRPS11Off(t *testing.T) {
	for name, edit := range map[string]func(*bench){
		"another CPU has it":   func(b *bench) { b.host.Config.FlowLimitCPUs = []int{1} },
		"nobody has it":        func(b *bench) { b.host.Config.FlowLimitCPUs = nil },
		"K310-8":               func(b *bench) { b.prof = kernel.Linux310() },
		"negative: unlimited":  func(b *bench) { b.host.Config.NetdevMaxBacklog = -1 },
		"half of it is beyond": func(b *bench) { b.host.Config.NetdevMaxBacklog = 2000 },
	} {
		b := limited(t, func(b *bench, c *cpu.Core) { b.receive(c, 9, 400) }, edit)
		require.Zero(t, b.dropped, name)
		require.Zero(t, b.stats[0].Softnet.FlowLimitCount, name)
	}
}

// RPS-11, FMT-2: tables are made when the bitmap is written, with the length of
// that moment; a CPU that stays in the bitmap keeps its table, one that leaves
// loses it with what it counted.
func TestRPS11WriteTime(t *testing.T) {
	b := newBench(t, 2, 250)
	h := &b.host
	require.NoError(t, h.SetFlowLimitTableLen(16))
	h.SetFlowLimitCPUs([]int{0})
	require.NoError(t, h.SetFlowLimitTableLen(64))
	kept := h.CPUs[0].flowLimit
	require.Len(t, kept.buckets, 16, "the length of that moment")
	require.Nil(t, h.CPUs[1].flowLimit)
	kept.head = 7
	b.stats[0].Softnet.FlowLimitCount += 5
	h.SetFlowLimitCPUs([]int{0, 1})
	require.Same(t, kept, h.CPUs[0].flowLimit, "it keeps its table")
	require.Len(t, h.CPUs[1].flowLimit.buckets, 64)
	require.Zero(t, h.CPUs[0].FlowLimitLost)
	h.SetFlowLimitCPUs([]int{1})
	require.Nil(t, h.CPUs[0].flowLimit)
	require.EqualValues(t, 5, h.CPUs[0].FlowLimitLost, "FMT-2")
	h.SetFlowLimitCPUs([]int{0, 1})
	require.Equal(t, &flowLimit{buckets: make([]uint8, 64)}, h.CPUs[0].flowLimit, "a new one")
	for _, n := range []int{0, -1, 100, 1 << 21} {
		require.ErrorContains(t, h.SetFlowLimitTableLen(n), "net.core.flow_limit_table_len")
	}
	require.Equal(t, 64, h.Config.FlowLimitTableLen)
}
