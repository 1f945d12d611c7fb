package cpu

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
)

const us = engine.Microsecond

// A machine is some cores whose softirqs are what a test says.
type machine struct {
	t     *testing.T
	exec  engine.Executive
	costs kernel.Costs
	cores []*Core
	soft  []*jobs
	log   []string
}

// jobs are the softirqs of one core, each raised by an interrupt.
type jobs struct {
	c       *Core
	pending []func(*Core)
}

func (j *jobs) Pending() bool { return len(j.pending) > 0 }
func (j *jobs) Tick()         {}
func (j *jobs) Do(Context) {
	for len(j.pending) > 0 {
		job := j.pending[0]
		j.pending = j.pending[1:]
		job(j.c)
	}
}

// newMachine returns cores that are actors but for consumers, which come last.
func newMachine(t *testing.T, naive bool, cores, consumers int) *machine {
	m := &machine{t: t, exec: engine.NewLazy()}
	if naive {
		m.exec = engine.NewNaive()
	}
	m.costs.LockTransfer.Fixed = us
	for i := range cores + consumers {
		c := New(Config{ID: i, CPUs: cores + consumers, Jiffy: 1000 * us, TickPhase: 500 * us, Costs: &m.costs, Naive: naive}, m.exec, &mib.CPU{})
		j := &jobs{c: c}
		c.SetSoftirqs(j)
		m.cores, m.soft = append(m.cores, c), append(m.soft, j)
	}
	return m
}

// join makes the cores actors, the last ones consumers.
func (m *machine) join(consumers int) {
	for i, c := range m.cores {
		c.Join(i >= len(m.cores)-consumers)
	}
}

// at raises a softirq on a core.
func (m *machine) at(core int, t engine.Time, job func(*Core)) {
	var zero engine.Time
	var count uint64
	m.cores[core].NewLine(&zero, &count, func(*Core) { m.soft[core].pending = append(m.soft[core].pending, job) }).Raise(t)
}

// interrupt raises a hard interrupt of the given length on a core.
func (m *machine) interrupt(core int, t, d engine.Time) {
	var count uint64
	m.cores[core].NewLine(&d, &count, func(*Core) {}).Raise(t)
}

func (m *machine) say(c *Core, what string) {
	m.log = append(m.log, fmt.Sprintf("%v cpu%d %s", c.now, c.cfg.ID, what))
}

// hold is a softirq that holds a lock for a time.
func (m *machine) hold(l *Spinlock, d engine.Time) func(*Core) {
	return func(c *Core) {
		l.Lock(c)
		m.say(c, "has it")
		c.Spend(d)
		m.say(c, "gives it back")
		l.Unlock(c)
	}
}

// section starts a task that enters a section of a lock again and again: d in
// it, between apart.
func (m *machine) section(core int, start engine.Time, l *Spinlock, d, apart engine.Time, times int) {
	inside := false
	task := m.cores[core].NewTask("t", 0, func(c *Core, t *Task) {
		if inside {
			m.say(c, "has had it")
			inside = false
			if times--; times == 0 {
				t.Sleep()
				return
			}
			t.Continue(apart, true)
			return
		}
		m.say(c, "wants it")
		inside = true
		t.ContinueLocked(l, d)
	})
	task.Start(start)
}

func (m *machine) run(t engine.Time) {
	m.exec.RunUntil(t)
	for _, c := range m.cores {
		c.Rest()
	}
}

// both runs a test by the naive and by the lazy executive.
func both(t *testing.T, name string, f func(t *testing.T, naive bool)) {
	for _, naive := range []bool{false, true} {
		t.Run(fmt.Sprintf("%s, naive %v", name, naive), func(t *testing.T) { f(t, naive) })
	}
}

func TestSpinlock(t *testing.T) {
	both(t, "MF-3 first come first served", func(t *testing.T, naive bool) {
		m := newMachine(t, naive, 3, 0)
		var l Spinlock
		m.at(2, 10*us, m.hold(&l, 10*us))
		m.at(1, 12*us, m.hold(&l, 10*us))
		m.at(0, 14*us, m.hold(&l, 10*us))
		m.join(0)
		m.run(100 * us)
		require.Equal(t, []string{
			"10µs cpu2 has it", "20µs cpu2 gives it back",
			"21µs cpu1 has it", "31µs cpu1 gives it back",
			"32µs cpu0 has it", "42µs cpu0 gives it back",
		}, m.log)
		require.EqualValues(t, 2, l.Contended)
		require.Equal(t, 9*us+18*us, l.Waited)
		require.Equal(t, int64(30*us-2*us), m.cores[0].Books(100*us).Softirq, "waiting is softirq time")
	})
	both(t, "nobody meets", func(t *testing.T, naive bool) {
		m := newMachine(t, naive, 2, 0)
		var l Spinlock
		m.at(0, 10*us, m.hold(&l, 10*us))
		m.at(1, 20*us, m.hold(&l, 10*us)) // at the very instant, and behind the other
		m.join(0)
		m.run(100 * us)
		require.Equal(t, []string{"10µs cpu0 has it", "20µs cpu0 gives it back", "20µs cpu1 has it", "30µs cpu1 gives it back"}, m.log)
		require.Zero(t, l.Contended)
	})
	both(t, "interrupts come in while a core spins", func(t *testing.T, naive bool) {
		m := newMachine(t, naive, 3, 0)
		var l Spinlock
		m.at(0, 10*us, m.hold(&l, 10*us))
		m.at(1, 11*us, m.hold(&l, 10*us))
		m.at(2, 12*us, m.hold(&l, 10*us))
		m.interrupt(1, 13*us, 2*us)  // over before its turn
		m.interrupt(1, 18*us, 20*us) // its turn comes at 21, it sees it at 38
		m.join(0)
		m.run(100 * us)
		require.Equal(t, []string{
			"10µs cpu0 has it", "20µs cpu0 gives it back",
			"38µs cpu1 has it", "48µs cpu1 gives it back",
			"49µs cpu2 has it", "59µs cpu2 gives it back",
		}, m.log)
		require.Equal(t, int64(22*us), m.cores[1].Books(100*us).Hardirq)
		require.Equal(t, int64(48*us-11*us-22*us), m.cores[1].Books(100*us).Softirq)
	})
	both(t, "an interrupt on the holder's core keeps everybody waiting", func(t *testing.T, naive bool) {
		m := newMachine(t, naive, 2, 0)
		var l Spinlock
		m.at(0, 10*us, func(c *Core) {
			l.Lock(c)
			c.Spend(5 * us)
			c.Spend(5 * us)
			l.Unlock(c)
		})
		m.interrupt(0, 14*us, 30*us)
		m.at(1, 12*us, m.hold(&l, us))
		m.join(0)
		m.run(100 * us)
		require.Equal(t, []string{"51µs cpu1 has it", "52µs cpu1 gives it back"}, m.log)
	})
	both(t, "books of a core that spins", func(t *testing.T, naive bool) {
		m := newMachine(t, naive, 2, 0)
		var l Spinlock
		m.at(0, 10*us, m.hold(&l, 100*us))
		m.at(1, 20*us, m.hold(&l, us))
		m.join(0)
		m.run(50 * us)
		require.Equal(t, int64(30*us), m.cores[1].Books(50*us).Softirq)
		require.Equal(t, int64(20*us), m.cores[1].Books(50*us).Idle)
		m.run(200 * us)
		require.Equal(t, int64(92*us), m.cores[1].Books(200*us).Softirq)
	})
	for _, consumers := range []int{0, 1} {
		both(t, fmt.Sprintf("tasks and cores, %d consumers", consumers), func(t *testing.T, naive bool) {
			m := newMachine(t, naive, 3-consumers, consumers)
			l := Spinlock{}
			if consumers > 0 {
				l.Consumer = m.cores[2]
			}
			m.section(2, 9*us, &l, 2*us, 20*us, 2) // 9 to 11, and from 31 on
			m.at(0, 10*us, m.hold(&l, 20*us))      // waits until 11+1
			m.at(1, 13*us, m.hold(&l, 10*us))      // gets it at 33, behind it the task
			m.join(consumers)
			m.run(100 * us)
			require.Equal(t, []string{"12µs cpu0 has it", "32µs cpu0 gives it back", "33µs cpu1 has it", "43µs cpu1 gives it back"}, only(m.log, "0", "1"))
			require.Equal(t, []string{"9µs cpu2 wants it", "11µs cpu2 has had it", "31µs cpu2 wants it", "46µs cpu2 has had it"}, only(m.log, "2"))
			require.EqualValues(t, 3, l.Contended)
			require.Equal(t, 2*us+20*us+13*us, l.Waited)
		})
		both(t, fmt.Sprintf("two cores behind a task, %d consumers", consumers), func(t *testing.T, naive bool) {
			m := newMachine(t, naive, 4-consumers, consumers)
			l := Spinlock{}
			if consumers > 0 {
				l.Consumer = m.cores[3]
			}
			m.at(0, 10*us, m.hold(&l, 10*us))
			m.section(3, 11*us, &l, 5*us, 0, 1)
			m.at(1, 12*us, m.hold(&l, 10*us))
			m.at(2, 27*us, m.hold(&l, 10*us)) // while 1 has not seen yet that it is its turn
			m.join(consumers)
			m.run(100 * us)
			require.Equal(t, []string{
				"10µs cpu0 has it", "20µs cpu0 gives it back", "27µs cpu1 has it", "37µs cpu1 gives it back", "38µs cpu2 has it", "48µs cpu2 gives it back",
			}, only(m.log, "0", "1", "2"))
			require.Equal(t, []string{"11µs cpu3 wants it", "26µs cpu3 has had it"}, only(m.log, "3"))
		})
	}
	t.Run("misuse panics", func(t *testing.T) {
		m := newMachine(t, false, 2, 0)
		var l Spinlock
		l.Lock(m.cores[0])
		require.PanicsWithValue(t, "cpu: cpu0@0ps takes a spinlock that it holds", func() { l.Lock(m.cores[0]) })
		require.PanicsWithValue(t, "cpu: cpu1@0ps releases a spinlock that it does not hold", func() { l.Unlock(m.cores[1]) })
	})
}

// only returns the lines of some cores: a consumer that lags behind says the
// same, later.
func only(log []string, cores ...string) []string {
	var out []string
	for _, line := range log {
		for _, c := range cores {
			var at, who string
			fmt.Sscan(line, &at, &who)
			if who == "cpu"+c {
				out = append(out, line)
			}
		}
	}
	return out
}

// Random machines: what everybody does at which instant is the same by both
// executives and in slices, however the waiting falls.
func TestSpinlockExecutivesAgree(t *testing.T) {
	var contended uint64
	for seed := range uint64(300) {
		run := func(naive bool, slices int) ([][]string, []Spinlock, []mib.CPUTime) {
			r := engine.NewStream(seed, "spinlocks")
			pick := func(n int) int { return int(r.Below(uint64(n))) }
			span := func(n int) engine.Time { return engine.Time(pick(n)) * us / 2 }
			consumers := pick(2)
			n := 2 + pick(4)
			m := newMachine(t, naive, n-consumers, consumers)
			m.costs.LockTransfer.Fixed = span(3)
			m.costs.Tick.Fixed, m.costs.Switch.Fixed, m.costs.IdleExit.Fixed, m.costs.Reschedule.Fixed = span(8), span(4), span(4), span(4)
			locks := make([]Spinlock, 1+pick(2))
			if consumers > 0 {
				for i := range locks {
					locks[i].Consumer = m.cores[n-1]
				}
			}
			for i := range m.cores {
				if pick(3) == 0 || i == n-consumers {
					m.section(i, 1+span(600), &locks[pick(len(locks))], span(20), span(60), 40)
				}
				if pick(3) == 0 {
					m.section(i, 1+span(600), &locks[pick(len(locks))], span(20), span(60), 40)
				}
				if i >= n-consumers {
					continue
				}
				for range pick(60) {
					m.at(i, 1+span(3000), func(c *Core) {
						for range 1 + pick(3) {
							c.Spend(span(8))
							first := pick(len(locks))
							locks[first].Lock(c)
							c.Spend(span(8))
							if first == 0 && len(locks) > 1 && pick(2) == 0 { // one inside the other
								m.hold(&locks[1], span(8))(c)
							}
							m.say(c, "gives the first back")
							locks[first].Unlock(c)
						}
					})
				}
				for range pick(20) {
					m.interrupt(i, 1+span(3000), span(30))
				}
			}
			m.join(consumers)
			for i := 1; i < slices; i++ {
				m.run(engine.Time(i) * 3000 * us / engine.Time(slices))
			}
			m.run(3000 * us)
			logs := make([][]string, n)
			var books []mib.CPUTime
			for i, c := range m.cores {
				logs[i] = append(only(m.log, fmt.Sprint(i)), fmt.Sprint(c.Digest.Sum(), c.Stats.LocalTimer, c.Stats.ContextSwitches))
				books = append(books, c.Books(3000*us))
				c.Close()
			}
			for i := range locks {
				locks[i] = Spinlock{Contended: locks[i].Contended, Waited: locks[i].Waited}
			}
			return logs, locks, books
		}
		logs, locks, books := run(false, 1)
		for i := range locks {
			contended += locks[i].Contended
		}
		for name, f := range map[string]func() ([][]string, []Spinlock, []mib.CPUTime){
			"naive":  func() ([][]string, []Spinlock, []mib.CPUTime) { return run(true, 1) },
			"sliced": func() ([][]string, []Spinlock, []mib.CPUTime) { return run(false, 7) },
		} {
			l, k, b := f()
			for i := range logs {
				require.Equal(t, logs[i], l[i], "seed %d, %s, cpu %d", seed, name, i)
			}
			require.Equal(t, locks, k, "seed %d, %s", seed, name)
			require.Equal(t, books, b, "seed %d, %s", seed, name)
		}
	}
	require.Greater(t, contended, uint64(3000), "worlds in which nobody meets prove nothing")
	t.Log(contended, "waits")
}
