package softirq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
)

// with returns an edit of a bench's kernel.
func with(change func(*kernel.Profile)) func(*bench) {
	return func(b *bench) { change(&b.prof) }
}

// SIRQ-8: with threadirqs irq_exit wakes ksoftirqd; the end of a BH-disabled
// region still runs softirqs in place.
func TestSIRQ8ThreadIRQs(t *testing.T) {
	for name, tc := range map[string]struct {
		threadirqs bool
		wakeups    uint64
		in         func(mib.CPUTime) int64
	}{
		"SIRQ-8 off: at irq_exit": {false, 0, func(t mib.CPUTime) int64 { return t.Softirq }},
		"SIRQ-8 on: ksoftirqd":    {true, 1, func(t mib.CPUTime) int64 { return t.Ksoftirqd }},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1, 250, func(b *bench) { b.host.ThreadIRQs = tc.threadirqs })
			b.schedule(ms, b.feeds(nil, 10*us, 1)...)
			b.until(2 * ms)
			require.EqualValues(t, 1, b.netRX(0))
			require.Equal(t, tc.wakeups, b.stats[0].KsoftirqdWakeups)
			require.EqualValues(t, 10*us, tc.in(b.cores[0].Books(2*ms)))
			b.process(2*ms+us, 0, func(c *cpu.Core) {
				c.LocalBHDisable()
				b.send(c, 1)
				c.LocalBHEnable()
				require.Len(t, b.got, 1, "local_bh_enable runs it here")
			})
			b.until(3 * ms)
			require.Len(t, b.got, 1)
		})
	}
}

// SIRQ-8: an interrupt inside another, inside a softirq or inside a BH-disabled
// region runs no softirqs of its own.
func TestSIRQ8NotNested(t *testing.T) {
	b := newBench(t, 1, 250)
	f := b.feeds(nil, 100*us, 64, 1)
	f[0].onPoll = func(c *cpu.Core) {
		if f[0].pending == 0 {
			b.kicks[0].Raise(c.Now() + 10*us) // into this poll
		}
	}
	b.schedule(ms, f[0])
	b.jobs[0] = func(c *cpu.Core) {
		if c.Now() > ms {
			b.host.CPUs[0].Schedule(f[1])
			return
		}
		b.host.CPUs[0].Schedule(f[0])
	}
	b.until(ms + 50*us)
	require.Equal(t, 1, f[1].pending, "it was scheduled, and waits")
	require.EqualValues(t, 1, b.netRX(0))
	b.until(2 * ms)
	require.Zero(t, f[1].pending)
}

// SIRQ-10: raise_softirq of a process wakes ksoftirqd; in an interrupt or in a
// BH-disabled region it does not.
func TestSIRQ10RaiseSoftirq(t *testing.T) {
	b := newBench(t, 1, 250)
	b.process(100*us, 0, func(c *cpu.Core) {
		c.LocalBHDisable()
		b.host.CPUs[0].RaiseSoftirq(mib.SoftirqNetTX)
		require.Zero(t, b.stats[0].KsoftirqdWakeups, "BH-disabled region")
		c.LocalBHEnable()
		require.EqualValues(t, 1, b.stats[0].Softirqs[mib.SoftirqNetTX])
		b.host.CPUs[0].RaiseSoftirq(mib.SoftirqNetTX)
		require.EqualValues(t, 1, b.stats[0].KsoftirqdWakeups, "a process")
		require.EqualValues(t, 1, b.stats[0].Softirqs[mib.SoftirqNetTX], "not at once")
	})
	b.until(ms)
	require.EqualValues(t, 2, b.stats[0].Softirqs[mib.SoftirqNetTX])
	b.at(2*ms, 0, func(*cpu.Core) { b.host.CPUs[0].RaiseSoftirq(mib.SoftirqNetTX) })
	b.until(3 * ms)
	require.EqualValues(t, 3, b.stats[0].Softirqs[mib.SoftirqNetTX])
	require.EqualValues(t, 1, b.stats[0].KsoftirqdWakeups, "an interrupt")
}

// SIRQ-12 and its opposite: while ksoftirqd waits for its turn, 4.0 runs
// softirqs at the end of every interrupt and of every BH-disabled region; 4.9 to
// 6.4 leave them to it.
func TestSIRQ12WhileKsoftirqd(t *testing.T) {
	for name, tc := range map[string]struct {
		rule   kernel.SoftirqRule
		runs   uint64
		atOnce int
	}{
		"SIRQ-12 run":         {kernel.SoftirqsRun, 20, 1},
		"6.18/3.8.2 deferred": {kernel.SoftirqsDeferred, 10, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1, 250, with(func(p *kernel.Profile) { p.SoftirqWhileKsoftirqd = tc.rule }))
			hog := b.cores[0].NewTask("hog", -20, func(_ *cpu.Core, t *cpu.Task) { t.Continue(10*ms, true) })
			hog.Start(1)
			f := b.feeds(nil, us, saturated)[0]
			b.schedule(100*us, f)
			b.until(150 * us)
			require.EqualValues(t, 10, b.netRX(0))
			b.at(200*us, 0, func(*cpu.Core) {}) // an interrupt of something else
			b.until(300 * us)
			require.Equal(t, tc.runs, b.netRX(0))
		})
		t.Run(name+", local_bh_enable", func(t *testing.T) {
			b := newBench(t, 1, 250, with(func(p *kernel.Profile) { p.SoftirqWhileKsoftirqd = tc.rule }))
			b.process(100*us, 0, func(c *cpu.Core) {
				b.host.CPUs[0].RaiseSoftirq(mib.SoftirqNetTX) // wakes ksoftirqd
				c.LocalBHDisable()
				b.send(c, 1)
				c.LocalBHEnable()
				require.Len(t, b.got, tc.atOnce)
			})
			b.until(ms)
			require.Len(t, b.got, 1)
		})
	}
}

// 6.18 section 3.1: the time limit is a sysctl, in jiffies rounded up; 0 stands
// for its default of two jiffies.
func TestNetdevBudgetUsecs(t *testing.T) {
	for _, tc := range []struct {
		name  string
		has   bool
		usecs int
		d     engine.Time
		want  uint64
	}{
		{"6.18/3.1.2 two jiffies", true, 0, 8*ms - 1, 0},
		{"6.18/3.1.2 two jiffies are over", true, 0, 8 * ms, 1},
		{"6.18/3.1.2 2000 us are one jiffy", true, 2000, 4*ms - 1, 0},
		{"6.18/3.1.2 2000 us are over", true, 2000, 4 * ms, 1},
		{"6.18/3.1.2 20 ms", true, 20_000, 20*ms - 1, 0},
		{"NAPI-5 no such sysctl in 4.0", false, 2000, 8*ms - 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, 1, 250, with(func(p *kernel.Profile) { p.NetdevBudgetUsecs = tc.has }))
			b.host.Config.NetdevBudgetUsecs = tc.usecs
			b.schedule(40*ms, b.feeds(nil, tc.d, 1)...)
			b.until(100 * ms)
			require.Equal(t, tc.want, b.squeezes(0))
		})
	}
}

// 6.18 section 3.1: an instance that an interrupt schedules during a run is
// polled in the same run, when the others are done and if there is budget; it
// raises nothing, so there is no run more.
func TestNetRXLooksAgain(t *testing.T) {
	for _, tc := range []struct {
		name  string
		again bool
		want  string
		runs  uint64
	}{
		{"NAPI-7 next run", false, "AB", 2},
		{"6.18/3.1.6 same run", true, "AB", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, 1, 250, with(func(p *kernel.Profile) { p.NetRXLooksAgain = tc.again }))
			var log []run
			f := b.feeds(&log, 0, 1, 1)
			f[0].onPoll = func(*cpu.Core) { b.host.CPUs[0].Schedule(f[1]) }
			b.schedule(ms, f[0])
			b.until(2 * ms)
			require.Equal(t, tc.want, names(log))
			require.Equal(t, tc.runs, b.netRX(0))
			b.schedule(3*ms, f[0]) // it raises again afterwards
			b.until(4 * ms)
			require.Len(t, log, 4)
		})
	}
	t.Run("6.18/3.1.6 what is left of the budget", func(t *testing.T) {
		b := newBench(t, 1, 250, with(func(p *kernel.Profile) { p.NetRXLooksAgain = true }))
		b.host.Config.NetdevBudget = 65
		var log []run
		f := b.feeds(&log, 0, 64, 128)
		f[0].exact = true
		f[0].weight = 65
		f[0].onPoll = func(*cpu.Core) { b.host.CPUs[0].Schedule(f[1]) }
		b.schedule(ms, f[0])
		b.until(2 * ms)
		require.Equal(t, []run{{"A", 1, 64}, {"B", 1, 64}, {"B", 2, 64}, {"B", 3, 0}}, log)
		require.EqualValues(t, 1, b.squeezes(0))
	})
	t.Run("6.18/3.6.6 no empty run of the sender", func(t *testing.T) {
		b := newBench(t, 2, 250, with(func(p *kernel.Profile) { p.NetRXLooksAgain = true }), func(b *bench) { b.rps = []int{1} })
		b.burst(ms, 1, 3)
		b.until(2 * ms)
		require.Len(t, b.got, 3)
		require.EqualValues(t, 1, b.netRX(0))
		require.EqualValues(t, 1, b.stats[1].Softnet.ReceivedRPS)
	})
}

// 6.18/3.4.1: a thread polls in place of net_rx_action: no NET_RX, no
// budget, no squeeze, and between two polls others may run.
func TestThread(t *testing.T) {
	b := newBench(t, 2, 250, func(b *bench) { b.host.Config.NetdevBudget = 1; b.rps = []int{1} })
	var log []run
	f := b.feeds(&log, 10*us, 200)[0]
	f.onPoll = func(c *cpu.Core) {
		if len(log) == 1 {
			b.receive(c, 1, 1)
		}
	}
	thread := b.host.CPUs[0].NewThread("napi/eth0-0", f)
	b.at(ms, 0, thread.Schedule)
	b.until(2 * ms)
	require.Equal(t, []run{{"A", 0, 64}, {"A", 1, 64}, {"A", 1, 64}, {"A", 1, 8}}, log, "NET_RX runs once, for the interrupt of RPS")
	require.Zero(t, b.squeezes(0))
	require.Equal(t, []arrival{{1, 1}}, b.got)
	require.EqualValues(t, 40*us, b.cores[0].Books(2*ms).System)
	f.pending = 1
	b.at(3*ms, 0, thread.Schedule)
	b.until(4 * ms)
	require.Len(t, log, 5)
	require.Zero(t, f.pending)

	newer := newBench(t, 2, 250, with(func(p *kernel.Profile) { p.NetRXLooksAgain = true }), func(b *bench) { b.rps = []int{1} })
	g := newer.feeds(nil, 0, 1)[0]
	g.onPoll = func(c *cpu.Core) { newer.receive(c, 1, 1) }
	newer.at(ms, 0, newer.host.CPUs[0].NewThread("napi/eth0-0", g).Schedule)
	newer.until(2 * ms)
	require.Equal(t, []arrival{{1, 1}}, newer.got)
	require.Zero(t, newer.netRX(0), "the thread sends it")
}

// A trace tells of every poll and of the end of every run.
func TestTrace(t *testing.T) {
	b := newBench(t, 1, 250, func(b *bench) { b.host.Config.NetdevBudget = 100 })
	var got []Trace
	b.host.Trace = func(e Trace) { got = append(got, e) }
	f := b.feeds(nil, us, 64, 65, 1)
	for _, f := range f {
		f.onPoll = func(c *cpu.Core) { b.stats[0].Softnet.Processed += 7 }
	}
	b.schedule(ms, f...)
	b.until(2 * ms)
	at := func(n int) engine.Time { return ms + engine.Time(n)*us }
	require.Equal(t, []Trace{
		{At: at(1), Run: 1, Poller: "A", Work: 64, Packets: 7, Budget: 36},
		{At: at(2), Run: 1, Poller: "B", Work: 64, Packets: 7, Budget: -28},
		{At: at(2), Run: 1, Budget: -28, Squeezed: true, Left: 3},
		{At: at(3), Run: 2, Poller: "C", Packets: 7, Budget: 100},
		{At: at(4), Run: 2, Poller: "A", Packets: 7, Budget: 100},
		{At: at(5), Run: 2, Poller: "B", Packets: 7, Budget: 100},
		{At: at(5), Run: 2, Budget: 100},
	}, got)
}
