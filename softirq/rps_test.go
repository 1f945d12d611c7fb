package softirq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// hashed returns a packet whose flow hash the kernel has computed already.
func hashed(hash uint32) *skb.Buff {
	return &skb.Buff{Frame: skb.Frame{Head: &skb.Header{EtherType: skb.EtherTypeIPv4, IPVersion: 4, IHL: 5}}, Hash: hash, SWHash: true}
}

// receive hands n packets with that hash to the stack on a core, as a driver does.
func (b *bench) receive(c *cpu.Core, hash uint32, n int) {
	for range n {
		p := hashed(hash)
		b.ledger.Frames++
		p.ID = b.ledger.Frames
		b.ledger.Take()
		b.host.CPUs[c.ID()].NetifReceiveSKB(c, p)
	}
}

// burst schedules a poll on CPU 0 that receives n packets.
func (b *bench) burst(t engine.Time, hash uint32, n int) {
	b.t.Helper()
	f := &feed{bench: b, pending: 1}
	f.onPoll = func(c *cpu.Core) { b.receive(c, hash, n) }
	b.schedule(t, f)
}

// RPS-2: map[(hash * len) >> 32]; hash 0 and an empty map mean here.
func TestRPS2Map(t *testing.T) {
	for _, tc := range []struct {
		cpus []int
		hash uint32
		want int
	}{
		{[]int{4, 5, 6, 7}, 0x00000001, 4},
		{[]int{4, 5, 6, 7}, 0x3fffffff, 4},
		{[]int{4, 5, 6, 7}, 0x40000000, 5},
		{[]int{4, 5, 6, 7}, 0x80000000, 6},
		{[]int{4, 5, 6, 7}, 0xffffffff, 7},
		{[]int{4, 5, 6, 7}, 0, -1},
		{[]int{2}, 1, 2},
		{[]int{2}, 0xffffffff, 2},
		{[]int{0, 2, 3}, 0x55555555, 0},
		{[]int{0, 2, 3}, 0x55555556, 2},
		{nil, 0x80000000, -1},
	} {
		b := newBench(t, 8, 250, func(b *bench) { b.rps = tc.cpus })
		require.Equal(t, tc.want, first(b.host.rpsCPU(hashed(tc.hash))), "%v, %#x", tc.cpus, tc.hash)
	}
}

// RPS-4, RPS-5, ODD-11: the software hash: addresses and ports, both directions
// alike; no ports of fragments; what cannot be dissected keeps its hash.
func TestRPS5FlowHash(t *testing.T) {
	b := newBench(t, 1, 250)
	flow := func(change func(*skb.Header)) *skb.Buff {
		h := &skb.Header{EtherType: skb.EtherTypeIPv4, IPVersion: 4, IHL: 5, Proto: skb.ProtoUDP, Src: 0x0a000001, Dst: 0x0a000002, SrcPort: 5000, DstPort: 5001}
		change(h)
		return &skb.Buff{Frame: skb.Frame{Head: h}}
	}
	hash := func(change func(*skb.Header)) uint32 { return b.host.flowHash(flow(change)) }
	base := hash(func(*skb.Header) {})
	for name, change := range map[string]func(*skb.Header){
		"source": func(h *skb.Header) { h.Src++ }, "destination": func(h *skb.Header) { h.Dst++ },
		"source port": func(h *skb.Header) { h.SrcPort += 7 }, "destination port": func(h *skb.Header) { h.DstPort += 7 },
		"fragment": func(h *skb.Header) { h.MoreFrags = true },
	} {
		require.NotEqual(t, base, hash(change), name)
	}
	require.Equal(t, base, hash(func(h *skb.Header) {
		h.Src, h.Dst, h.SrcPort, h.DstPort = h.Dst, h.Src, h.DstPort, h.SrcPort
	}), "the other direction")
	require.Equal(t,
		hash(func(h *skb.Header) { h.Dst = h.Src }),
		hash(func(h *skb.Header) { h.Dst, h.SrcPort, h.DstPort = h.Src, h.DstPort, h.SrcPort }), "equal addresses: ports are ordered")
	require.Equal(t, hash(func(h *skb.Header) { h.MoreFrags = true }), hash(func(h *skb.Header) { h.SrcPort, h.DstPort = 0, 0 }), "ports are 0")
	require.Equal(t, hash(func(h *skb.Header) { h.MoreFrags = true }), hash(func(h *skb.Header) { h.FragOffset, h.SrcPort, h.DstPort = 8, 1, 2 }),
		"all fragments alike")
	p := flow(func(h *skb.Header) { h.EtherType = skb.EtherTypeARP })
	require.Zero(t, b.host.flowHash(p))
	p.Hash = 77
	require.EqualValues(t, 77, b.host.flowHash(p), "the device's hash stays")
	p = flow(func(*skb.Header) {})
	p.Hash = 77
	require.Equal(t, base, b.host.flowHash(p), "RPS-4: the device's hash is replaced")
	require.True(t, p.SWHash)

	other := newBench(t, 1, 250, func(b *bench) { b.host.HashSecret = 2 })
	require.NotEqual(t, base, other.host.flowHash(flow(func(*skb.Header) {})), "keyed by a secret")
}

// RPS-5: a packet that was dissected further than IPv4 and UDP is hashed by what
// was found: both directions alike, and not by the outer addresses.
func TestRPS5Keys(t *testing.T) {
	b := newBench(t, 1, 250)
	hash := func(etherType uint16, k skb.FlowKeys) uint32 {
		return b.host.flowHash(&skb.Buff{Hash: 77, Frame: skb.Frame{Head: &skb.Header{EtherType: etherType, Keys: k}}})
	}
	k := skb.FlowKeys{Src: 1, Dst: 2, Ports: 3<<16 | 4, Found: true}
	require.EqualValues(t, 77, hash(skb.EtherTypeIPv6, skb.FlowKeys{Src: 1}), "not dissected: the device's")
	require.Equal(t, hash(skb.EtherTypeIPv6, k), hash(skb.EtherTypeIPv6, skb.FlowKeys{Src: 2, Dst: 1, Ports: 4<<16 | 3, Found: true}))
	require.Equal(t, hash(skb.EtherTypeIPv6, k), hash(skb.EtherTypeIPv4, k))
	require.NotEqual(t, hash(skb.EtherTypeIPv6, k), hash(skb.EtherTypeIPv6, skb.FlowKeys{Src: 1, Dst: 2, Ports: 5, Found: true}))
	require.NotEqual(t, hash(skb.EtherTypeIPv6, k), hash(skb.EtherTypeIPv6, skb.FlowKeys{Src: 1, Dst: 9, Ports: 3<<16 | 4, Found: true}))
}

// RPS-3, CORE-7, ODD-22: a CPU that is chosen is reached through its backlog,
// the present one, too; -1 means at once.
func TestRPS3LocalBacklog(t *testing.T) {
	b := newBench(t, 2, 250, func(b *bench) { b.rps = []int{0} })
	f := &feed{bench: b, pending: 1}
	f.onPoll = func(c *cpu.Core) {
		b.receive(c, 1, 3)
		require.Empty(t, b.got)
		require.Equal(t, 3, b.host.CPUs[0].BacklogLen())
		b.receive(c, 0, 1)
		require.Equal(t, []arrival{{0, 4}}, b.got, "no hash: at once")
	}
	b.schedule(ms, f)
	b.until(2 * ms)
	require.Equal(t, []arrival{{0, 4}, {0, 1}, {0, 2}, {0, 3}}, b.got)
	require.EqualValues(t, 2, b.netRX(0), "the backlog joins the list during the run")
	require.Zero(t, b.stats[0].Softnet.ReceivedRPS)
}

// RPS-14, RPS-16, CORE-7, ODD-22, ODD-23: packets for another CPU: one interrupt
// however many they are, one more and empty run of net_rx_action here, and
// processed counts there.
func TestRPS14OneIPI(t *testing.T) {
	b := newBench(t, 2, 250, func(b *bench) {
		b.rps = []int{1}
		b.costs.IPILatency.Fixed = us
	})
	b.burst(ms, 1, 100)
	b.until(2 * ms)
	require.Len(t, b.got, 100)
	require.Equal(t, arrival{1, 1}, b.got[0])
	require.EqualValues(t, 1, b.stats[1].Softnet.ReceivedRPS)
	require.EqualValues(t, 1, b.stats[1].CallFunction)
	require.EqualValues(t, 100, b.stats[1].Softnet.Processed)
	require.Zero(t, b.stats[0].Softnet.Processed)
	require.EqualValues(t, 2, b.netRX(0), "RPS-16")
	require.EqualValues(t, 2, b.netRX(1), "a poll of 64, a poll of 36")
	require.Zero(t, b.squeezes(0))

	b.burst(3*ms, 1, 1)
	b.until(4 * ms)
	require.EqualValues(t, 2, b.stats[1].Softnet.ReceivedRPS)
}

// RPS-8, RPS-9, RPS-10, ODD-20, ODD-21: the test is <= and comes first: 1001
// packets fit; what does not is counted by the target CPU and by the device.
func TestRPS10Holds1001(t *testing.T) {
	for name, tc := range map[string]struct{ limit, fit int }{
		"default": {1000, 1001}, "ten": {10, 11}, "zero": {0, 1}, "negative: no limit": {-1, 1100},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 2, 250, func(b *bench) {
				b.rps = []int{1}
				b.costs.IPILatency.Fixed = ms
				b.host.Config.NetdevMaxBacklog = tc.limit
			})
			b.burst(ms, 1, 1100)
			b.until(ms + us)
			require.Equal(t, tc.fit, b.host.CPUs[1].InputQueueLen())
			require.EqualValues(t, 1100-tc.fit, b.stats[1].Softnet.Dropped, "of the target CPU")
			require.Zero(t, b.stats[0].Softnet.Dropped)
			require.Equal(t, 1100-tc.fit, b.dropped, "dev->rx_dropped")
			require.EqualValues(t, 1100-tc.fit, b.ledger.Dropped[skb.CPUBacklog])
			b.until(4 * ms)
			require.Len(t, b.got, tc.fit)
			for i, a := range b.got {
				require.Equal(t, arrival{1, uint64(i + 1)}, a, "in order")
			}
		})
	}
}

// RPS-15, ODD-20: process_queue does not count: about twice the limit is
// resident.
func TestRPS15TwiceTheLimit(t *testing.T) {
	b := newBench(t, 2, 250, func(b *bench) {
		b.rps = []int{1}
		b.costs.IPILatency.Fixed = us
	})
	b.stack = func(c *cpu.Core, p *skb.Buff) {
		if p.ID == 1 {
			c.Spend(ms)
		}
	}
	b.burst(ms, 1, 1100)
	b.burst(ms+500*us, 1, 1100)
	b.until(ms + 600*us)
	sd := b.host.CPUs[1]
	require.Equal(t, 1001, sd.InputQueueLen())
	require.Equal(t, 1000+1001, sd.BacklogLen(), "one is in hand")
	require.EqualValues(t, 2*99, b.stats[1].Softnet.Dropped)
	require.EqualValues(t, 1, b.stats[1].Softnet.ReceivedRPS, "it is still scheduled")
	b.until(10 * ms)
	require.Len(t, b.got, 2002)
}

// RPS-13, ODD-19: quota dev_weight; a change is effective one poll later.
func TestRPS13DevWeight(t *testing.T) {
	b := newBench(t, 2, 250, func(b *bench) {
		b.rps = []int{1}
		b.costs.IPILatency.Fixed = us
		b.costs.NetRXAction.Fixed = us
	})
	var runs []uint64
	b.stack = func(*cpu.Core, *skb.Buff) { runs = append(runs, b.netRX(1)) }
	b.host.CPUs[1].backlog.weight = 64
	b.host.Config.DevWeight = 10
	b.burst(ms, 1, 94)
	b.until(2 * ms)
	perRun := map[uint64]int{}
	for _, r := range runs {
		perRun[r]++
	}
	require.Equal(t, map[uint64]int{1: 64, 2: 10, 3: 10, 4: 10}, perRun)
	require.EqualValues(t, 5, b.netRX(1), "exactly the quota: one more poll that finds nothing")
}

// RPS-13: when process_queue is empty the whole of input_pkt_queue moves over,
// in the same poll; SCHED is given up only when both are empty.
func TestRPS13Refill(t *testing.T) {
	b := newBench(t, 2, 250, func(b *bench) {
		b.rps = []int{1}
		b.costs.IPILatency.Fixed = us
	})
	b.stack = func(c *cpu.Core, p *skb.Buff) {
		if p.ID <= 2 {
			c.Spend(100 * us)
		}
	}
	b.burst(ms, 1, 2)
	b.burst(ms+50*us, 1, 3) // while the first is in hand
	b.until(3 * ms)
	require.Equal(t, []arrival{{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}}, b.got)
	require.EqualValues(t, 1, b.netRX(1), "one poll")
	require.EqualValues(t, 1, b.stats[1].Softnet.ReceivedRPS)
}

// K310-14: 3.10 gives SCHED up before the last part: who comes meanwhile finds
// it clear and sends another interrupt.
func TestK310x14ReleasedEarly(t *testing.T) {
	b := newBench(t, 2, 250, func(b *bench) {
		b.prof = kernel.Linux310()
		b.rps = []int{1}
		b.costs.IPILatency.Fixed = us
	})
	b.stack = func(c *cpu.Core, p *skb.Buff) {
		if p.ID <= 2 {
			c.Spend(100 * us)
		}
	}
	b.burst(ms, 1, 2)
	b.burst(ms+50*us, 1, 3)
	b.until(3 * ms)
	require.Equal(t, []arrival{{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}}, b.got, "nothing is lost or reordered")
	require.EqualValues(t, 2, b.stats[1].Softnet.ReceivedRPS)
	require.EqualValues(t, 2, b.netRX(1))
}

// RPS-8, RPS-16: several target CPUs get one interrupt each; a target whose
// backlog is scheduled gets none, and no further NET_RX run follows here.
func TestRPS16OnlyFromIdle(t *testing.T) {
	b := newBench(t, 3, 250, func(b *bench) {
		b.rps = []int{1, 2}
		b.costs.IPILatency.Fixed = 100 * us
	})
	b.burst(ms, 1, 5)
	b.burst(ms+10*us, 1, 5) // the interrupt is still under way
	b.burst(ms+20*us, 0xffffffff, 5)
	b.until(2 * ms)
	require.Len(t, b.got, 15)
	require.EqualValues(t, 1, b.stats[1].Softnet.ReceivedRPS)
	require.EqualValues(t, 1, b.stats[2].Softnet.ReceivedRPS)
	require.EqualValues(t, 2+1+2, b.netRX(0), "RPS-16: not every remote enqueue")
}

// RPS-13, RPS-14: waiting interrupts are sent at the start of a backlog poll,
// not only at the end of net_rx_action.
func TestRPS13SendsFirst(t *testing.T) {
	b := newBench(t, 2, 250, func(b *bench) {
		b.rps = []int{0, 1}
		b.costs.IPILatency.Fixed = us
	})
	var atRemote engine.Time
	b.stack = func(c *cpu.Core, _ *skb.Buff) {
		if c.ID() == 1 {
			atRemote = c.Now()
		}
		c.Spend(100 * us)
	}
	f := &feed{bench: b, pending: 1}
	f.onPoll = func(c *cpu.Core) { b.receive(c, 0xffffffff, 1) } // to CPU 1
	b.at(ms, 0, func(c *cpu.Core) {
		b.host.CPUs[0].Schedule(f)
		b.receive(c, 1, 1) // to this CPU's backlog, behind f on the list
	})
	b.until(3 * ms)
	require.Len(t, b.got, 2)
	require.Equal(t, ms+us, atRemote, "before the local packet's 100 µs")
}

// RPS-5: the mix is Jenkins' final one, which the specification has check values
// of (HT-3), over three words that begin with 0xdeadbeef + 12 + the secret.
func TestRPS5Jenkins(t *testing.T) {
	const secret, begin = 77, 0xdeadbeef + 12 + 77
	word := func(w uint32) uint32 { return w - uint32(begin&0xffffffff) }
	require.EqualValues(t, 0xc0b0b14b^5001, jenkins3(word(0xdeadbeef), word(0xdeadbeef), word(0), secret))
	require.EqualValues(t, 0xd5c92bd6^5001, jenkins3(word(0x010001ef+0xdeadbeef), word(0xdeadbeef), word(0), secret))
}

// Where the time of a steered packet goes: from the interrupt on CPU 0 to the
// stack on CPU 1, for every cost on the way.
func TestRPSTimes(t *testing.T) {
	measure := func(edit func(*bench), n int) (first, last engine.Time) {
		b := newBench(t, 2, 250, func(b *bench) {
			b.rps = []int{1}
			edit(b)
		})
		var at []engine.Time
		b.stack = func(c *cpu.Core, _ *skb.Buff) { at = append(at, c.Now()) }
		b.burst(ms, 1, n)
		b.until(3 * ms)
		return at[0] - ms, at[n-1] - ms
	}
	first, last := measure(func(*bench) {}, 1)
	require.Equal(t, [2]engine.Time{1, 1}, [2]engine.Time{first, last})
	for name, tc := range map[string]struct {
		cost        func(*kernel.Costs) *kernel.Cost
		first, last engine.Time // of two packets, in microseconds
	}{
		"softirq, on both CPUs":    {func(c *kernel.Costs) *kernel.Cost { return &c.Softirq }, 2, 2},
		"net_rx_action, on both":   {func(c *kernel.Costs) *kernel.Cost { return &c.NetRXAction }, 2, 2},
		"rps, for each packet":     {func(c *kernel.Costs) *kernel.Cost { return &c.RPS }, 2, 2},
		"ipi, once":                {func(c *kernel.Costs) *kernel.Cost { return &c.IPI }, 1, 1},
		"reschedule: the handler":  {func(c *kernel.Costs) *kernel.Cost { return &c.Reschedule }, 1, 1},
		"poll, of the backlog":     {func(c *kernel.Costs) *kernel.Cost { return &c.Poll }, 1, 1},
		"backlog, for each packet": {func(c *kernel.Costs) *kernel.Cost { return &c.Backlog }, 1, 2},
		"idle exit, on both":       {func(c *kernel.Costs) *kernel.Cost { return &c.IdleExit }, 2, 2},
	} {
		first, last := measure(func(b *bench) { tc.cost(&b.costs).Fixed = us }, 2)
		require.Equal(t, [2]engine.Time{tc.first*us + 1, tc.last*us + 1}, [2]engine.Time{first, last}, name)
	}
}

// The wait in the backlog is from the enqueue to the dequeue; a drop takes the
// time of freeing.
func TestBacklogWaitAndDrop(t *testing.T) {
	var waits []engine.Time
	b := newBench(t, 2, 250, func(b *bench) {
		b.rps = []int{1}
		b.costs.IPILatency.Fixed = 10 * us
		b.costs.Backlog.Fixed = us
		b.costs.FreeDrop.Fixed = 100 * us
		b.host.Config.NetdevMaxBacklog = 1
		b.host.BacklogWait = func(d engine.Time) { waits = append(waits, d) }
	})
	var took engine.Time
	f := &feed{bench: b, pending: 1}
	f.onPoll = func(c *cpu.Core) {
		start := c.Now()
		b.receive(c, 1, 3)
		took = c.Now() - start
	}
	b.schedule(ms, f)
	b.until(3 * ms)
	require.Equal(t, 100*us, took)
	require.Equal(t, []engine.Time{111 * us, 112 * us}, waits, "the interrupt is sent when the poll is over, at 100")
}

// first drops the flow of a choice.
func first(cpu int, _ *flow) int { return cpu }
