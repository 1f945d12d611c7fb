package softirq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// newFlows returns a bench of four CPUs with RFS: a socket flow table and a
// table of queue 0 of interface 0, of 16 entries each.
func newFlows(t *testing.T, edit ...func(*bench)) *bench {
	t.Helper()
	b := newBench(t, 4, 250, append([]func(*bench){func(b *bench) { b.costs.IPILatency.Fixed = us }}, edit...)...)
	require.NoError(t, b.host.SetSockFlowEntries(16))
	require.NoError(t, b.host.SetFlowCnt(0, 0, 16))
	return b
}

// RPS-1: both tables are rounded up to a power of two; 0 is none; more than 2^29
// is refused; writing the same size clears the socket table.
func TestRPS1FlowTables(t *testing.T) {
	b := newBench(t, 2, 250)
	h := &b.host
	for _, tc := range []struct{ write, read int }{{0, 0}, {1, 1}, {2, 2}, {3, 4}, {4096, 4096}, {4097, 8192}} {
		require.NoError(t, h.SetSockFlowEntries(tc.write))
		require.Equal(t, tc.read, h.SockFlowEntries(), "rps_sock_flow_entries %d", tc.write)
		require.NoError(t, h.SetFlowCnt(2, 1, tc.write))
		require.Equal(t, tc.read, h.FlowCnt(2, 1), "rps_flow_cnt %d", tc.write)
		require.Zero(t, h.FlowCnt(2, 0), "of its queue only")
		require.Zero(t, h.FlowCnt(3, 1), "of its interface only")
	}
	for _, n := range []int{-1, 1<<29 + 1} {
		require.ErrorContains(t, h.SetSockFlowEntries(n), "net.core.rps_sock_flow_entries", "EINVAL")
		require.ErrorContains(t, h.SetFlowCnt(2, 0, n), "rps_flow_cnt")
		c := DefaultConfig()
		c.RPSSockFlowEntries = n
		require.ErrorContains(t, c.Validate(), "net.core.rps_sock_flow_entries")
	}
	require.NoError(t, h.SetSockFlowEntries(4))
	h.RecordFlow(b.cores[1], 3)
	require.EqualValues(t, 3|1, h.sockFlows[3]|1)
	require.NoError(t, h.SetSockFlowEntries(4))
	require.Equal(t, sockFlowTable{noCPU, noCPU, noCPU, noCPU}, h.sockFlows, "the same size clears it")
	h.RecordFlow(b.cores[1], 3)
	require.NoError(t, h.SetSockFlowEntries(8))
	require.Len(t, h.sockFlows, 8)
	require.NotContains(t, h.sockFlows, uint32(3), "another size is another table")
}

// RPS-6: the entry must be of the flow: the bits of the hash above those of the
// CPU number are compared; else the map decides.
func TestRPS6Match(t *testing.T) {
	for _, tc := range []struct {
		name             string
		recorded, packet uint32
		rps              []int
		old              bool
		want             int
	}{
		{"RPS-6 the reader's CPU", 0x12345678, 0x12345678, nil, false, 2},
		{"RPS-6 before the map", 0x12345678, 0x12345678, []int{0}, false, 2},
		{"RPS-6 another flow on the entry: the map", 0x12345678, 0x12345688, []int{3}, false, 3},
		{"RPS-6 another flow on the entry: nobody", 0x12345678, 0x12345688, nil, false, -1},
		{"RPS-6 low bits are the CPU's, and choose the entry", 0x12345678, 0x1234567b, nil, false, -1},
		{"K310-15 no hash bits: any flow of the entry", 0x12345678, 0x12345688, []int{3}, true, 2},
		{"RPS-2 no hash: nobody", 0x12345678, 0, []int{3}, false, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newFlows(t, func(b *bench) {
				b.rps = tc.rps
				if tc.old {
					b.prof = kernel.Linux310()
				}
			})
			b.host.RecordFlow(b.cores[2], tc.recorded)
			require.Equal(t, tc.want, first(b.host.rpsCPU(hashed(tc.packet))))
		})
	}
}

// RPS-6: RFS needs both tables; with one of them it is as if there were none.
func TestRPS6BothTables(t *testing.T) {
	for name, tc := range map[string]struct {
		socks, flows int
		want         int
	}{"both": {16, 16, 2}, "no socket table": {0, 16, 3}, "no table of the queue": {16, 0, 3}} {
		b := newBench(t, 4, 250, func(b *bench) { b.rps = []int{3} })
		require.NoError(t, b.host.SetSockFlowEntries(tc.socks))
		require.NoError(t, b.host.SetFlowCnt(0, 0, tc.flows))
		b.host.RecordFlow(b.cores[2], 0x12345678)
		require.Equal(t, tc.want, first(b.host.rpsCPU(hashed(0x12345678))), name)
	}
}

// RPS-6: a flow stays with its CPU as long as packets of it are queued there,
// and then follows its reader: nothing is reordered.
func TestRPS6Moves(t *testing.T) {
	b := newFlows(t)
	const hash = 0x12345678
	b.host.RecordFlow(b.cores[1], hash)
	poll := &feed{bench: b, pending: 1}
	poll.onPoll = func(c *cpu.Core) {
		b.receive(c, hash, 3)
		require.Equal(t, 3, b.host.CPUs[1].BacklogLen())
		b.host.RecordFlow(b.cores[2], hash) // the reader has moved
		b.receive(c, hash, 1)
		require.Equal(t, 4, b.host.CPUs[1].BacklogLen(), "three of it are under way")
	}
	b.schedule(ms, poll)
	b.until(2 * ms)
	require.EqualValues(t, 4, b.host.CPUs[1].inputQueueHead, "RPS-13: one for each packet")
	require.EqualValues(t, 4, b.host.CPUs[1].inputQueueTail, "RPS-8")
	b.burst(3*ms, hash, 2)
	b.until(4 * ms)
	require.Equal(t, []arrival{{1, 1}, {1, 2}, {1, 3}, {1, 4}, {2, 5}, {2, 6}}, b.got)
	require.Equal(t, FlowStats{Followed: 6, Moved: 2, Kept: 1}, b.host.FlowStats)
}

// RPS-6: the count of packets that left a queue moves when they have been
// processed, so a packet in hand still holds its flow.
func TestRPS6InHand(t *testing.T) {
	b := newFlows(t)
	const hash = 0x12345678
	b.host.RecordFlow(b.cores[1], hash)
	b.burst(ms, hash, 1)
	b.stack = func(c *cpu.Core, _ *skb.Buff) { c.Spend(100 * us) }
	b.until(ms + 50*us)
	require.Zero(t, b.host.CPUs[1].BacklogLen(), "in hand")
	b.host.RecordFlow(b.cores[2], hash)
	require.Equal(t, 1, first(b.host.rpsCPU(hashed(hash))))
	b.until(2 * ms)
	require.Equal(t, 2, first(b.host.rpsCPU(hashed(hash))))
}

// RPS-6: the numbers wrap: they are compared as signed 32-bit ones.
func TestRPS6Wraps(t *testing.T) {
	b := newFlows(t)
	f := &flow{cpu: 1, lastQtail: 5}
	b.host.CPUs[1].inputQueueHead = 1<<32 - 3
	b.host.moveFlow(f, 2)
	require.EqualValues(t, 1, f.cpu, "eight packets are still to come")
	b.host.CPUs[1].inputQueueHead = 5
	b.host.CPUs[2].inputQueueHead = 77
	b.host.moveFlow(f, 2)
	require.Equal(t, flow{2, 77}, *f)
}

// RPS-7: only a hash that a socket has saved is recorded; the CPU's bits give way.
func TestRPS7Record(t *testing.T) {
	b := newFlows(t)
	b.host.RecordFlow(b.cores[3], 0)
	require.NotContains(t, b.host.sockFlows, uint32(3))
	b.host.RecordFlow(b.cores[3], 0xabcdef01)
	require.EqualValues(t, 0xabcdef03, b.host.sockFlows[1])
	b.host.PossibleCPUs = 256
	b.host.RecordFlow(b.cores[3], 0xabcdef01)
	require.EqualValues(t, 0xabcdef03, b.host.sockFlows[1])
	b.host.RecordFlow(b.cores[3], 0xabcdeff1)
	require.EqualValues(t, 0xabcdef03, b.host.sockFlows[1], "256 possible CPUs take eight bits")
	none := newBench(t, 1, 250)
	none.host.RecordFlow(none.cores[0], 1) // no table: nothing
}

// K310-15: a map of one CPU is followed without a hash by 3.10, unless the queue
// has a flow table.
func TestK310x15OneCPU(t *testing.T) {
	for _, tc := range []struct {
		name  string
		old   bool
		cpus  []int
		flows int
		hash  uint32
		want  int
	}{
		{"K310-15 no hash, one CPU", true, []int{2}, 0, 0, 2},
		{"K310-15 no hash, two CPUs", true, []int{2, 3}, 0, 0, -1},
		{"K310-15 no hash, a flow table", true, []int{2}, 16, 0, -1},
		{"RPS-2 no hash in 4.0", false, []int{2}, 0, 0, -1},
		{"RPS-2 a hash in 4.0", false, []int{2}, 0, 1, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, 4, 250, func(b *bench) {
				b.rps = tc.cpus
				if tc.old {
					b.prof = kernel.Linux310()
				}
			})
			require.NoError(t, b.host.SetFlowCnt(0, 0, tc.flows))
			require.Equal(t, tc.want, first(b.host.rpsCPU(hashed(tc.hash))))
		})
	}
}
