package softirq

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Rules that the other tests meet in passing, each by itself.

func linux310(b *bench) { b.prof = kernel.Linux310() }

// polls returns who was polled in each run of net_rx_action: "AB|A".
func polls(log []run) (out string) {
	for i, r := range log {
		if i > 0 && r.nr != log[i-1].nr {
			out += "|"
		}
		out += r.name
	}
	return out
}

// NAPI-5: a run works on the list as it was at its start, with the budget of that
// moment: who is scheduled, and what is written, during the run is for the next.
func TestNAPI5PrivateList(t *testing.T) {
	b := newBench(t, 1, 250, func(b *bench) { b.host.Config.NetdevBudget = 1000 })
	var log []run
	f := b.feeds(&log, 0, 64, 64, 1)
	f[2].exact = true
	f[0].onPoll = func(*cpu.Core) {
		if len(log) == 1 {
			b.host.CPUs[0].Schedule(f[2])
			b.host.Config.NetdevBudget = 1
		}
	}
	b.schedule(ms, f[:2]...)
	b.until(2 * ms)
	require.Equal(t, "AB|C|AB", polls(log), "the second run has a budget of 1")
}

// NAPI-6e, K310-2: a budget of one left is a budget left, none left ends the run.
func TestNAPI6Budget(t *testing.T) {
	for _, tc := range []struct {
		name   string
		old    bool
		budget int
		want   string // polls of the first run
	}{
		{"NAPI-6 one left", false, 65, "AB"}, {"NAPI-6 none left", false, 64, "A"},
		{"K310-2 one left", true, 65, "AB"}, {"K310-2 none left", true, 64, "A"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, 1, 250, func(b *bench) { b.host.Config.NetdevBudget = tc.budget })
			if tc.old {
				linux310(b)
			}
			var log []run
			b.schedule(ms, b.feeds(&log, 0, 200, 200, 200)...)
			b.until(2 * ms)
			require.Equal(t, tc.want, polls(log)[:len(tc.want)])
			require.Equal(t, "|", polls(log)[len(tc.want):len(tc.want)+1])
		})
	}
}

// NAPI-10: of saturated queues it takes five on one CPU to use up 300.
func TestNAPI10FiveQueues(t *testing.T) {
	for queues, squeezed := range []bool{1: false, 2: false, 3: false, 4: false, 5: true, 6: true} {
		if queues == 0 {
			continue
		}
		b := newBench(t, 1, 250)
		b.schedule(ms, b.feeds(nil, us, slices.Repeat([]int{saturated}, queues)...)...)
		b.until(ms + 20*us)
		require.Equal(t, squeezed, b.squeezes(0) > 0, "%d queues", queues)
	}
}

// SIRQ-1: TIMER before NET_RX before SCHED and RCU; each is counted before it
// runs; what is raised during a pass waits for the next.
func TestSIRQ1Order(t *testing.T) {
	b := newBench(t, 1, 250)
	var at [2][mib.NumSoftirqs]uint64
	f := b.feeds(nil, 0, 64, 1)
	f[0].onPoll = func(*cpu.Core) {
		if at[0] == [mib.NumSoftirqs]uint64{} {
			at[0] = b.stats[0].Softirqs
			b.host.CPUs[0].RaiseSoftirq(mib.SoftirqTimer) // a lower number: not in this pass
			b.host.CPUs[0].RaiseSoftirq(mib.SoftirqRCU)   // a higher one, pending already
			b.host.CPUs[0].Schedule(f[1])
		}
	}
	f[1].onPoll = func(*cpu.Core) { at[1] = b.stats[0].Softirqs }
	b.at(ms, 0, func(*cpu.Core) {
		b.host.CPUs[0].Schedule(f[0])
		b.host.CPUs[0].Tick() // TIMER, SCHED and RCU
	})
	b.until(2 * ms)
	require.Equal(t, [mib.NumSoftirqs]uint64{mib.SoftirqTimer: 1, mib.SoftirqNetRX: 1}, at[0], "SCHED and RCU come behind")
	require.Equal(t, [mib.NumSoftirqs]uint64{mib.SoftirqTimer: 2, mib.SoftirqNetRX: 2, mib.SoftirqSched: 1, mib.SoftirqRCU: 1}, at[1])
}

// SIRQ-2: two milliseconds in jiffies, rounded up.
func TestSIRQ2Jiffies(t *testing.T) {
	for hz, want := range map[int]int64{1000: 2, 300: 1, 250: 1, 100: 1} {
		b := newBench(t, 1, hz)
		require.Equal(t, want, b.cores[0].JiffiesOf(2*ms), "%d Hz", hz)
	}
}

// SIRQ-3: after a pass, with more pending: another one unless time, the
// interrupted task or the number of restarts says no; then ksoftirqd is woken.
// With nothing pending it is not.
func TestSIRQ3AnotherPass(t *testing.T) {
	for _, tc := range []struct {
		name    string
		cost    engine.Time
		pending int
		resched bool
		passes  int
		woken   uint64
	}{
		{"SIRQ-3 nothing left", us, 64*3 - 1, false, 3, 0},
		{"SIRQ-3 ten passes", us, saturated, false, 10, 1},
		{"SIRQ-3 time", ms, saturated, false, 4, 1},
		{"SIRQ-3 need_resched", us, saturated, true, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, 1, 250)
			f := b.feeds(nil, tc.cost, tc.pending)[0]
			reader := b.cores[0].NewTask("reader", 0, func(_ *cpu.Core, t *cpu.Task) { t.Sleep() })
			passes := 0
			f.onPoll = func(c *cpu.Core) {
				if b.stats[0].KsoftirqdWakeups == 0 {
					passes++
				}
				if tc.resched {
					c.Wake(reader)
				}
			}
			b.schedule(4*ms, f)
			b.until(8*ms + us)
			require.Equal(t, tc.passes, passes)
			require.Equal(t, tc.woken, b.stats[0].KsoftirqdWakeups)
		})
	}
}

// SIRQ-5: the time is looked at between passes only: one long pass goes on, and
// is the last.
func TestSIRQ5OneLongPass(t *testing.T) {
	for d, passes := range map[engine.Time]int{4*ms - 1: 2, 4 * ms: 1, 50 * ms: 1} { // from right after a tick to the next
		b := newBench(t, 1, 250)
		f := b.feeds(nil, d, saturated)[0]
		n := 0
		f.onPoll = func(*cpu.Core) {
			if b.stats[0].KsoftirqdWakeups == 0 {
				n++
			}
		}
		b.schedule(40*ms, f)
		b.until(160 * ms)
		require.Equal(t, passes, n, "a pass of %v", d)
	}
}

// SIRQ-7: NET_RX counts runs of net_rx_action: three instances that one
// interrupt schedules and 30 packets are one.
func TestSIRQ7Runs(t *testing.T) {
	b := newBench(t, 1, 250)
	b.schedule(ms, b.feeds(nil, 0, 10, 10, 10)...)
	b.until(2 * ms)
	require.EqualValues(t, 1, b.netRX(0))
	b.at(3*ms, 0, func(*cpu.Core) {}) // an interrupt that schedules nobody
	b.until(4 * ms)
	require.EqualValues(t, 1, b.netRX(0))
}

// SIRQ-11: ksoftirqd sleeps when nothing is pending, and while something is it
// shares the CPU fairly with a task of nice 0. The rule of 4.9 keeps ticks out.
func TestSIRQ11Ksoftirqd(t *testing.T) {
	b := newBench(t, 1, 1000, with(func(p *kernel.Profile) { p.SoftirqWhileKsoftirqd = kernel.SoftirqsDeferred }))
	hog := b.cores[0].NewTask("hog", 0, func(_ *cpu.Core, t *cpu.Task) { t.Continue(100*us, true) })
	hog.Start(1)
	f := b.feeds(nil, 100*us, saturated)[0]
	b.schedule(ms, f)
	b.until(500 * ms)
	books := b.cores[0].Books(500 * ms)
	require.InDelta(t, 1, float64(books.Ksoftirqd)/float64(books.User), 0.1)
	require.EqualValues(t, 1, b.stats[0].KsoftirqdWakeups)
	require.NotZero(t, b.stats[0].Preemptions)
	f.pending = 0
	b.until(600 * ms)
	was := b.cores[0].Books(600 * ms).Ksoftirqd
	b.until(700 * ms)
	require.Equal(t, was, b.cores[0].Books(700*ms).Ksoftirqd, "asleep")
	f.pending = saturated
	b.schedule(701*ms, f)
	b.until(710 * ms)
	require.EqualValues(t, 2, b.stats[0].KsoftirqdWakeups)
}

// SIRQ-13: who would wake a ksoftirqd that is awake, running or not, does not.
func TestSIRQ13AwakeAlready(t *testing.T) {
	b := newBench(t, 1, 250)
	hog := b.cores[0].NewTask("hog", -20, func(_ *cpu.Core, t *cpu.Task) { t.Continue(10*ms, true) })
	hog.Start(1)
	f := b.feeds(nil, us, saturated)[0]
	b.schedule(100*us, f) // ten passes, then ksoftirqd is woken and waits for the hog
	b.at(200*us, 0, func(*cpu.Core) {})
	b.at(300*us, 0, func(*cpu.Core) {})
	b.until(400 * us)
	require.EqualValues(t, 30, b.netRX(0), "each would have woken it")
	require.EqualValues(t, 1, b.stats[0].KsoftirqdWakeups)
	require.Equal(t, 2, b.cores[0].Runnable())
}

// SIRQ-14: every CPU sees the same jiffies, which move at the ticks, in the
// middle of a softirq, too, and on a CPU without ticks of its own.
func TestSIRQ14Jiffies(t *testing.T) {
	b := newBench(t, 2, 250)
	var seen []int64
	f := b.feeds(nil, 0, 1)[0]
	f.onPoll = func(c *cpu.Core) {
		for range 3 {
			seen = append(seen, c.Jiffies())
			c.Spend(4 * ms)
		}
	}
	b.schedule(8*ms-1, f)
	b.until(30 * ms)
	require.Equal(t, []int64{2, 3, 4}, seen, "ticks at 0, 4, 8 ms ...")
	var other int64
	b.at(40*ms, 1, func(c *cpu.Core) { other = c.Jiffies() })
	b.until(50 * ms)
	require.EqualValues(t, 11, other, "a tick due at this very instant has been counted")
}

// RPS-4: only a hash that the kernel computed itself is used again; the device's
// is replaced.
func TestRPS4Recomputed(t *testing.T) {
	b := newBench(t, 1, 250)
	h := &skb.Header{EtherType: skb.EtherTypeIPv4, IPVersion: 4, IHL: 5, Proto: skb.ProtoUDP, Src: 1, Dst: 2}
	fresh := &skb.Buff{Frame: skb.Frame{Head: h}}
	device := &skb.Buff{Frame: skb.Frame{Head: h}, Hash: 77}
	software := &skb.Buff{Frame: skb.Frame{Head: h}, Hash: 77, SWHash: true}
	require.Equal(t, b.host.flowHash(fresh), b.host.flowHash(device))
	require.NotEqualValues(t, 77, device.Hash)
	require.EqualValues(t, 77, b.host.flowHash(software))
}

// RPS-8: the first packet for an idle backlog schedules it: here at the tail of
// the own list, for another CPU by its interrupt; later ones, and those that find
// it busy, only join the queue.
func TestRPS8Enqueue(t *testing.T) {
	b := newBench(t, 2, 250, func(b *bench) { b.costs.IPILatency.Fixed = us })
	here, there := b.host.CPUs[0], b.host.CPUs[1]
	enqueue := func(target *SoftnetData) {
		p := hashed(1)
		b.ledger.Frames++
		b.ledger.Take()
		here.enqueueToBacklog(target, p, nil)
	}
	b.at(ms, 0, func(*cpu.Core) {
		enqueue(here)
		require.Equal(t, []Poller{&here.backlog}, here.pollList)
		require.True(t, here.Pending(), "NET_RX")
		enqueue(here)
		require.Len(t, here.pollList, 1, "the second one")
		enqueue(there)
		require.Equal(t, []*SoftnetData{there}, here.rpsIPIList)
		require.Empty(t, there.pollList, "not before its interrupt")
		enqueue(there)
		require.Len(t, here.rpsIPIList, 1)
		there.processQueue, there.inputPktQueue = there.inputPktQueue, queue{} // as if it were being drained
		enqueue(there)
		require.Len(t, here.rpsIPIList, 1, "input_pkt_queue is empty, but the backlog is scheduled")
		require.EqualValues(t, 3, there.inputQueueTail)
	})
	b.until(2 * ms)
	require.Len(t, b.got, 5)
	require.EqualValues(t, 1, b.stats[1].Softnet.ReceivedRPS)
}

// RPS-9: what does not fit is counted by the target CPU and by the device, and
// nowhere else.
func TestRPS9Rejected(t *testing.T) {
	b := newBench(t, 2, 250, func(b *bench) {
		b.rps = []int{1}
		b.host.Config.NetdevMaxBacklog = 0
	})
	b.burst(ms, 1, 3)
	b.until(2 * ms)
	require.EqualValues(t, 2, b.stats[1].Softnet.Dropped)
	require.Zero(t, b.stats[0].Softnet.Dropped)
	require.Equal(t, 2, b.dropped, "dev->rx_dropped")
	require.EqualValues(t, 2, b.ledger.Dropped[skb.CPUBacklog])
}

// RPS-17: the backlog charges what it has processed: 63 packets use up a budget
// of 63, where a driver's 63 packets cost nothing.
func TestRPS17TrueNumber(t *testing.T) {
	for budget, squeezed := range map[int]uint64{63: 1, 64: 0} {
		b := newBench(t, 2, 250, func(b *bench) {
			b.rps = []int{1}
			b.costs.IPILatency.Fixed = us
		})
		b.burst(ms, 1, 63)
		b.until(ms + us/2)
		b.host.Config.NetdevBudget = budget
		b.until(2 * ms)
		require.Len(t, b.got, 63)
		require.Equal(t, squeezed, b.squeezes(1), "budget %d", budget)
	}
}

// K310-1, K310-6: 3.10 has no private list, so it polls whom an interrupt
// schedules meanwhile in the same run, with what is left of the budget.
func TestK310x1NoPrivateList(t *testing.T) {
	for name, want := range map[string]string{"linux-3.10": "ABA", "linux-4.0": "A|BA"} {
		b := newBench(t, 1, 250)
		if name == "linux-3.10" {
			linux310(b)
		}
		var log []run
		f := b.feeds(&log, 0, 65, 1)
		f[0].onPoll = func(*cpu.Core) {
			if len(log) == 1 {
				b.host.CPUs[0].Schedule(f[1])
			}
		}
		b.schedule(ms, f[0])
		b.until(2 * ms)
		require.Equal(t, want, polls(log), name)
	}
}

// K310-3: who used its weight goes to the tail of the same list.
func TestK310x3ToTheTail(t *testing.T) {
	b := newBench(t, 1, 250, linux310)
	var log []run
	b.schedule(ms, b.feeds(&log, 0, 100, 100)...)
	b.until(2 * ms)
	require.Equal(t, []run{{"A", 1, 64}, {"B", 1, 64}, {"A", 1, 36}, {"B", 1, 36}}, log)
	require.Zero(t, b.squeezes(0))
}

// K310-5: an empty list ends the run, and the waiting interrupts of RPS are sent.
func TestK310x5EndOfList(t *testing.T) {
	b := newBench(t, 2, 250, linux310, func(b *bench) {
		b.rps = []int{1}
		b.costs.IPILatency.Fixed = us
	})
	b.burst(ms, 1, 3)
	b.until(2 * ms)
	require.Len(t, b.got, 3)
	require.EqualValues(t, 1, b.stats[1].Softnet.ReceivedRPS)
	require.Zero(t, b.squeezes(0))
}

// K310-12: the backlog of 3.10 has the limit of 4.0.
func TestK310x12BacklogLimit(t *testing.T) {
	b := newBench(t, 2, 250, linux310, func(b *bench) {
		b.rps = []int{1}
		b.costs.IPILatency.Fixed = ms
	})
	b.burst(ms, 1, 1100)
	b.until(ms + us)
	require.Equal(t, 1001, b.host.CPUs[1].InputQueueLen())
	require.EqualValues(t, 99, b.stats[1].Softnet.Dropped)
}

// ODD-3: time_squeeze counts although nothing is left to do, and with a budget of
// 0 on every run.
func TestODD3SqueezedForNothing(t *testing.T) {
	for _, tc := range []struct {
		budget   int
		squeezed uint64
	}{{65, 0}, {64, 1}, {0, 1}, {-5, 1}} {
		b := newBench(t, 1, 250, func(b *bench) { b.host.Config.NetdevBudget = tc.budget })
		f := &feed{bench: b, pending: 64, exact: true, weight: 65}
		b.schedule(ms, f)
		b.until(2 * ms)
		require.Zero(t, f.pending)
		require.EqualValues(t, 1, b.netRX(0), "there was nothing more to do")
		require.Equal(t, tc.squeezed, b.squeezes(0), fmt.Sprint("budget ", tc.budget))
	}
}

// ODD-24: the flow limit looks at the table of the CPU that enqueues, and writes
// nothing down below half the backlog.
func TestODD24WhoseTable(t *testing.T) {
	limited(t, func(b *bench, c *cpu.Core) {
		mine := b.host.CPUs[0].flowLimit
		require.Zero(t, mine.head, "500 packets, and no history")
		b.receive(c, 9, 3)
		require.Equal(t, 3, mine.head)
		require.Nil(t, b.host.CPUs[1].flowLimit, "the target has none, and needs none")
		b.receive(c, 9, 62)
		require.Equal(t, 1, b.dropped)
	})
}
