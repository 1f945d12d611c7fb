package softirq

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
)

// schedule interrupts CPU 0 at t; the handler schedules the feeds in order.
func (b *bench) schedule(t engine.Time, feeds ...*feed) {
	b.t.Helper()
	b.at(t, 0, func(c *cpu.Core) {
		for _, f := range feeds {
			b.host.CPUs[0].Schedule(f)
		}
	})
}

func (b *bench) feeds(log *[]run, cost engine.Time, pending ...int) (out []*feed) {
	for i, n := range pending {
		out = append(out, &feed{bench: b, name: string(rune('A' + i)), pending: n, cost: cost, log: log})
	}
	return out
}

// NAPI-5 to NAPI-8, NAPI-10, ODD-1: one saturated queue is polled once per run,
// 64 packets, and never squeezes.
func TestNAPI8OncePerRun(t *testing.T) {
	b := newBench(t, 1, 250)
	var log []run
	b.schedule(ms, b.feeds(&log, 0, 64*9+1)...)
	b.until(2 * ms)
	require.Len(t, log, 10)
	for i, r := range log {
		require.Equal(t, run{"A", uint64(i + 1), min(64, 64*9+1-64*i)}, r)
	}
	require.Zero(t, b.squeezes(0))
	require.EqualValues(t, 10, b.netRX(0), "SIRQ-7: runs, not packets")
	require.Zero(t, b.stats[0].KsoftirqdWakeups)
	require.EqualValues(t, 9, b.stats[0].Restarts)
}

// SIRQ-4, ODD-1: ten passes, 640 packets, per __do_softirq; the rest is
// ksoftirqd's.
func TestSIRQ4TenPasses(t *testing.T) {
	b := newBench(t, 1, 250)
	var log []run
	inIRQ := 0
	f := b.feeds(&log, 0, 64*25)[0]
	f.onPoll = func(*cpu.Core) {
		if b.stats[0].KsoftirqdWakeups == 0 {
			inIRQ++
		}
	}
	b.schedule(ms, f)
	b.until(2 * ms)
	require.Equal(t, 10, inIRQ)
	require.Len(t, log, 26)
	require.Zero(t, b.squeezes(0))
	require.EqualValues(t, 1, b.stats[0].KsoftirqdWakeups, "SIRQ-11, SIRQ-13: it goes on without another wake-up")
}

// SIRQ-2, SIRQ-3, SIRQ-5, SIRQ-5a, SIRQ-14: the four vectors, and two more: a saturated
// queue, a quarter of a millisecond for a poll of 64, started p after a tick.
func TestSIRQ5aPasses(t *testing.T) {
	for _, tc := range []struct {
		hz     int
		p      engine.Time
		passes int
		by     string
	}{
		{1000, 0, 8, "stopped by time"},
		{1000, 900 * us, 5, "stopped by time"},
		{250, 0, 10, "stopped by the restart count"},
		{250, 3900 * us, 1, "stopped by time"},
		{300, 0, 10, "2 ms are one jiffy of 3.3 ms"},
		{100, 9 * ms, 4, "one jiffy of 10 ms"},
	} {
		t.Run(fmt.Sprint(tc.hz, " Hz, ", tc.p, " after a tick"), func(t *testing.T) {
			b := newBench(t, 1, tc.hz)
			passes := 0
			f := b.feeds(nil, 250*us, saturated)[0]
			f.onPoll = func(*cpu.Core) {
				if b.stats[0].KsoftirqdWakeups == 0 {
					passes++
				}
			}
			jiffy := engine.Second / engine.Time(tc.hz)
			b.schedule(3*jiffy+tc.p, f)
			b.until(3*jiffy + tc.p + 20*ms)
			require.Equal(t, tc.passes, passes, tc.by)
			require.Equal(t, saturated-f.pending, 64*int(b.netRX(0)))
			require.NotZero(t, b.stats[0].KsoftirqdWakeups)
			require.Zero(t, b.squeezes(0), "NAPI-10")
		})
	}
}

// SIRQ-6: a reader woken on an idle CPU sets need_resched on the idle task: one
// pass, then ksoftirqd.
func TestSIRQ6NeedResched(t *testing.T) {
	b := newBench(t, 1, 250)
	reader := b.cores[0].NewTask("reader", 0, func(_ *cpu.Core, t *cpu.Task) { t.Sleep() })
	passes := 0
	f := b.feeds(nil, us, 64*5)[0]
	f.onPoll = func(c *cpu.Core) {
		if b.stats[0].KsoftirqdWakeups == 0 {
			passes++
		}
		c.Wake(reader)
	}
	b.schedule(ms, f)
	b.until(2 * ms)
	require.Equal(t, 1, passes)
	require.Zero(t, f.pending)
}

// SIRQ-8, SIRQ-12, ODD-25: 4.0 runs softirqs at irq_exit although ksoftirqd is
// runnable.
func TestSIRQ12AtIRQExit(t *testing.T) {
	b := newBench(t, 1, 250)
	hog := b.cores[0].NewTask("hog", -20, func(_ *cpu.Core, t *cpu.Task) { t.Continue(10*ms, true) })
	hog.Start(1)
	f := b.feeds(nil, us, saturated)[0]
	b.schedule(100*us, f)
	b.until(150 * us)
	require.EqualValues(t, 10, b.netRX(0))
	require.EqualValues(t, 1, b.stats[0].KsoftirqdWakeups)
	require.Equal(t, 2, b.cores[0].Runnable(), "ksoftirqd waits for the hog")
	b.at(200*us, 0, func(*cpu.Core) {}) // an interrupt of something else
	b.until(300 * us)
	require.EqualValues(t, 20, b.netRX(0))
	require.Zero(t, b.cores[0].Books(300*us).Ksoftirqd)
	require.Equal(t, 20*us, engine.Time(b.cores[0].Books(300*us).Softirq))
}

// SIRQ-9: leaving a BH-disabled region runs what is pending, in the caller's
// time; inside it an interrupt does not.
func TestSIRQ9LocalBHEnable(t *testing.T) {
	b := newBench(t, 1, 250)
	f := b.feeds(nil, us, 10)[0]
	var atEnable, atDisabled uint64
	done := false
	task := b.cores[0].NewTask("task", 0, func(c *cpu.Core, t *cpu.Task) {
		if done {
			t.Sleep()
			return
		}
		done = true
		c.LocalBHDisable()
		c.LocalBHDisable()
		c.Spend(50 * us) // the interrupt comes here
		atDisabled = b.netRX(0)
		c.LocalBHEnable()
		atDisabled += b.netRX(0)
		c.LocalBHEnable()
		atEnable = b.netRX(0)
		t.Continue(0, false)
	})
	task.Start(100 * us)
	b.schedule(120*us, f)
	b.until(ms)
	require.Zero(t, atDisabled)
	require.EqualValues(t, 1, atEnable)
}

// NAPI-1: scheduling from a task does not wake ksoftirqd, and nothing runs
// before the next interrupt (SIRQ-10).
func TestNAPI1RaiseDoesNotWake(t *testing.T) {
	b := newBench(t, 1, 250)
	f := b.feeds(nil, 0, 10)[0]
	task := b.cores[0].NewTask("task", 0, func(_ *cpu.Core, t *cpu.Task) {
		b.host.CPUs[0].Schedule(f)
		t.Sleep()
	})
	task.Start(100 * us)
	b.until(ms)
	require.Zero(t, b.netRX(0))
	require.Zero(t, b.stats[0].KsoftirqdWakeups)
	b.at(2*ms, 0, func(*cpu.Core) {})
	b.until(3 * ms)
	require.EqualValues(t, 1, b.netRX(0))
}

// NAPI-13, NAPI-11, first vector: one poll of 5 ms at 250 Hz squeezes if two
// ticks have passed.
func TestNAPI13TimeLimit(t *testing.T) {
	for _, tc := range []struct {
		hz   int
		p, d engine.Time
		want uint64
	}{
		{250, 0, 5 * ms, 0},
		{250, 3500 * us, 5 * ms, 1},
		{250, 3 * ms, 5 * ms, 1}, // exactly 2T-p
		{250, 3*ms - 1, 5 * ms, 0},
		{1000, 0, 2*ms - 1, 0},
		{1000, 0, 2 * ms, 1},
		{100, 0, 20*ms - 1, 0},
		{100, 9999 * us, 10001 * us, 1},
	} {
		b := newBench(t, 1, tc.hz)
		b.schedule(40*ms+tc.p, b.feeds(nil, tc.d, 1)...)
		b.until(200 * ms)
		require.Equal(t, tc.want, b.squeezes(0), "%d Hz, p %v, d %v", tc.hz, tc.p, tc.d)
	}
}

// NAPI-11: for any phase and any duration, exactly from 2T - p on.
func TestNAPI11AnyPhase(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		hz := rapid.SampledFrom([]int{100, 250, 300, 1000}).Draw(rt, "HZ")
		jiffy := engine.Second / engine.Time(hz)
		p := engine.Time(rapid.Int64Range(0, int64(jiffy)-1).Draw(rt, "phase"))
		d := engine.Time(rapid.Int64Range(1, 3*int64(jiffy)).Draw(rt, "duration"))
		b := newBench(t, 1, hz)
		b.schedule(jiffy+p, b.feeds(nil, d, 1)...)
		b.until(10 * jiffy)
		require.Equal(rt, d >= 2*jiffy-p, b.squeezes(0) == 1)
	})
}

// NAPI-13, second vector, NAPI-7, NAPI-10: six saturated instances, budget 300.
func TestNAPI13SixInstances(t *testing.T) {
	b := newBench(t, 1, 250)
	var log []run
	b.schedule(ms, b.feeds(&log, us, saturated, saturated, saturated, saturated, saturated, saturated)...)
	b.until(ms + 14*us)
	require.Equal(t, "ABCDE"+"FABCD"+"EFABC", names(log))
	for i, r := range log {
		require.EqualValues(t, i/5+1, r.nr)
	}
	require.Equal(t, b.netRX(0)-1, b.squeezes(0), "every run ends by budget, 5 x 64 > 300; the third has not yet")
}

// NAPI-7: the order after a squeeze: the rest of the list, then what interrupts
// scheduled meanwhile, then who used its weight.
func TestNAPI7Order(t *testing.T) {
	b := newBench(t, 1, 250, func(b *bench) { b.host.Config.NetdevBudget = 128 })
	var log []run
	f := b.feeds(&log, 0, 128, 64, 64, 1, 1)
	late := f[4]
	f[0].onPoll = func(*cpu.Core) {
		if late.pending == 1 {
			b.host.CPUs[0].Schedule(late)
		}
	}
	b.schedule(ms, f[:4]...)
	b.until(2 * ms)
	require.Equal(t, "AB"+"CDEA"+"BCA", names(log))
	require.EqualValues(t, 2, b.squeezes(0), "the first run by A and B, the second by C and A")
	require.EqualValues(t, 3, b.netRX(0))
}

// NAPI-9, ODD-3: the test comes after the poll and before looking whether work
// remains; a budget of 0 or less polls, and squeezes every time.
func TestNAPI9BudgetAtOrBelowZero(t *testing.T) {
	for _, budget := range []int{0, -1, -1 << 31} {
		b := newBench(t, 1, 250, func(b *bench) { b.host.Config.NetdevBudget = budget })
		var log []run
		b.schedule(ms, b.feeds(&log, 0, 1, 1, 65)...)
		b.until(2 * ms)
		require.Equal(t, "ABCC", names(log))
		require.EqualValues(t, 4, b.squeezes(0), "budget %d", budget)
		require.EqualValues(t, 4, b.netRX(0))
	}
	b := newBench(t, 1, 250, func(b *bench) { b.host.Config.NetdevBudget = 64 })
	b.schedule(ms, &feed{bench: b, pending: 64, exact: true})
	b.until(2 * ms)
	require.EqualValues(t, 1, b.squeezes(0), "NAPI-9: nothing is left, and it counts")
}

// ODD-2, POLL-3, RPS-17: the budget is charged with what the poll returns: 64 or
// 0 by a driver, the true number by the backlog.
func TestODD2Charge(t *testing.T) {
	for name, tc := range map[string]struct {
		exact bool
		want  uint64
	}{"driver: 63 packets are free": {false, 0}, "backlog: 63 packets are 63": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1, 250, func(b *bench) { b.host.Config.NetdevBudget = 63 * 4 })
			f := b.feeds(nil, 0, 63, 63, 63, 63)
			for i := range f {
				f[i].exact = tc.exact
			}
			b.schedule(ms, f...)
			b.until(2 * ms)
			require.Equal(t, tc.want, b.squeezes(0))
		})
	}
}

// NAPI-12: the weight is asked before each poll.
func TestNAPI12Weight(t *testing.T) {
	b := newBench(t, 1, 250)
	var log []run
	f := b.feeds(&log, 0, 100)[0]
	f.weight = 10
	f.onPoll = func(*cpu.Core) { f.weight += 10 }
	b.schedule(ms, f)
	b.until(2 * ms)
	var taken []int
	for _, r := range log {
		taken = append(taken, r.taken)
	}
	require.Equal(t, []int{10, 20, 30, 40, 0}, taken)
}

// SIRQ-1: the softirqs run in order of their numbers and are counted before; a
// tick raises TIMER, SCHED and RCU, and one raised in a pass waits for the next.
func TestSIRQ1Counts(t *testing.T) {
	b := newBench(t, 1, 250)
	f := b.feeds(nil, 0, 1)[0]
	b.at(4*ms-us, 0, func(c *cpu.Core) {
		b.host.CPUs[0].Schedule(f)
		c.Spend(us) // into the tick
	})
	b.until(5 * ms)
	var want [mib.NumSoftirqs]uint64
	want[mib.SoftirqNetRX], want[mib.SoftirqTimer], want[mib.SoftirqSched], want[mib.SoftirqRCU] = 1, 1, 1, 1
	require.Equal(t, want, b.stats[0].Softirqs)
}

// K310-1 to K310-7, first vector: one queue with 1000 frames; and linux-4.0 with
// the same input.
func TestK310OneQueue(t *testing.T) {
	type perRun struct {
		polls, packets int
		squeezed       uint64
	}
	measure := func(p kernel.Profile) (runs []perRun) {
		b := newBench(t, 1, 250, func(b *bench) { b.prof = p })
		var log []run
		var at []uint64
		f := b.feeds(&log, 0, 1000)[0]
		f.onPoll = func(*cpu.Core) { at = append(at, b.squeezes(0)) }
		b.schedule(ms, f)
		b.until(2 * ms)
		at = append(at, b.squeezes(0))
		require.Zero(t, f.pending)
		for i, r := range log {
			if int(r.nr) > len(runs) {
				runs = append(runs, perRun{})
			}
			last := &runs[len(runs)-1]
			last.polls++
			last.packets += r.taken
			last.squeezed = at[i+1]
		}
		return runs
	}
	require.Equal(t, []perRun{{5, 320, 1}, {5, 320, 2}, {5, 320, 3}, {1, 40, 3}}, measure(kernel.Linux310()))
	var want []perRun
	for range 15 {
		want = append(want, perRun{1, 64, 0})
	}
	require.Equal(t, append(want, perRun{1, 40, 0}), measure(kernel.Linux40()), "16 runs, no squeeze")
}

// K310-7: up to 3200 packets and 10 squeezes per __do_softirq.
func TestK310x7PerInvocation(t *testing.T) {
	b := newBench(t, 1, 250, func(b *bench) { b.prof = kernel.Linux310() })
	polls, squeezes := 0, uint64(0)
	f := b.feeds(nil, 0, 64*100)[0]
	f.onPoll = func(*cpu.Core) {
		if b.stats[0].KsoftirqdWakeups == 0 {
			polls++
			squeezes = b.squeezes(0)
		}
	}
	b.schedule(ms, f)
	b.until(2 * ms)
	require.Equal(t, 50, polls)
	require.EqualValues(t, 9, squeezes, "before the last squeeze")
}

// K310-4: the test is made only with work on the list: budget 64, exactly 64
// packets and a poll that finds nothing; no squeeze when nothing is left. A
// budget of 0 polls nothing.
func TestK310x4NeverWithoutWork(t *testing.T) {
	b := newBench(t, 1, 250, func(b *bench) { b.prof = kernel.Linux310(); b.host.Config.NetdevBudget = 64 })
	b.schedule(ms, &feed{bench: b, pending: 63})
	b.schedule(2*ms, &feed{bench: b, pending: 64, exact: true, weight: 65})
	b.until(3 * ms)
	require.Zero(t, b.squeezes(0))
	b.schedule(4*ms, &feed{bench: b, pending: 64})
	b.until(5 * ms)
	require.EqualValues(t, 1, b.squeezes(0), "the instance is still on the list")

	b = newBench(t, 1, 250, func(b *bench) {
		b.prof = kernel.Linux310()
		b.host.Config.NetdevBudget = 0
		b.costs.NetRXAction.Fixed = us
	})
	f := &feed{bench: b, pending: 1}
	b.schedule(ms, f)
	b.until(2*ms - 1)
	require.Equal(t, 1, f.pending)
	require.EqualValues(t, 1000-1, b.squeezes(0), "one in every run, and every run takes a microsecond")
}

// K310-6: what interrupts schedule during a run is polled in the same run.
func TestK310x6JoinsTheRun(t *testing.T) {
	b := newBench(t, 1, 250, func(b *bench) { b.prof = kernel.Linux310() })
	var log []run
	f := b.feeds(&log, 0, 65, 1)
	f[0].onPoll = func(*cpu.Core) {
		if f[1].pending == 1 && len(log) == 1 {
			b.host.CPUs[0].Schedule(f[1])
		}
	}
	b.schedule(ms, f[0])
	b.until(2 * ms)
	require.Equal(t, []run{{"A", 1, 64}, {"B", 1, 1}, {"A", 1, 1}}, log)
}

// NAPI-4: the defaults of the sysctls, and what is refused.
func TestNAPI4Defaults(t *testing.T) {
	c := DefaultConfig()
	require.NoError(t, c.Validate())
	require.Equal(t, [4]int{300, 64, 1000, 1}, [4]int{c.NetdevBudget, c.DevWeight, c.NetdevMaxBacklog, c.TstampPrequeue})
	c.NetdevBudget, c.NetdevMaxBacklog = -1, -1
	require.NoError(t, c.Validate(), "the kernel takes any int")
	c.DevWeight, c.FlowLimitTableLen, c.TstampPrequeue = 0, 100, 2
	for _, want := range []string{"dev_weight", "flow_limit_table_len", "netdev_tstamp_prequeue"} {
		require.ErrorContains(t, c.Validate(), want)
	}
}

// K310-2: the time limit of 3.10, tested before each poll: two jiffies after the
// start, exactly.
func TestK310x2TimeLimit(t *testing.T) {
	for d, polls := range map[engine.Time]int{8 * ms: 1, 8*ms - 1: 2, 4 * ms: 2, 4*ms - 1: 3} {
		b := newBench(t, 1, 250, func(b *bench) { b.prof = kernel.Linux310() })
		var log []run
		b.schedule(8*ms, b.feeds(&log, d, saturated)...)
		b.until(40 * ms)
		first := 0
		for _, r := range log {
			if r.nr == 1 {
				first++
			}
		}
		require.Equal(t, polls, first, "polls of %v", d)
		require.NotZero(t, b.squeezes(0))
	}
}
