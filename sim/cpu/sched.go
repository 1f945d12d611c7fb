package cpu

import (
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// Periods of the fair scheduler on one CPU; they grow with 1+log2(CPUs), at
// most four times (kernel/sched/fair.c:update_sysctl).
const (
	schedLatency        = 6 * engine.Millisecond
	schedMinGranularity = 750 * engine.Microsecond
	schedWakeupGran     = engine.Millisecond
)

// niceWeight is the load of a task of nice -20 to 19: a step of nice is a
// factor of about 1.25, nice 0 is 1024. It models prio_to_weight.
func niceWeight(nice int) int64 {
	w := int64(1024 << 10)
	for ; nice < 0; nice++ {
		w += w / 4
	}
	for ; nice > 0; nice-- {
		w -= w / 5
	}
	return max(w>>10, 1)
}

// A Task is a thread bound to one core, as a step machine: when the time of a
// step is used up, step is called and does what happens at its end, at once;
// it then calls Continue or Sleep for what comes next.
type Task struct {
	Name string
	core *Core
	step func(*Core, *Task)
	rem  engine.Time
	user bool

	state    taskState
	index    int
	weight   int64
	vruntime engine.Time
	began    engine.Time // of this stay on the CPU
	charged  engine.Time // vruntime is up to date to here
	// Wakeups counts how often the task was woken.
	Wakeups uint64
}

type taskState uint8

const (
	asleep taskState = iota
	waking           // a wake-up is under way to its core
	runnable
	running
)

// NewTask returns a sleeping task of c.
func (c *Core) NewTask(name string, nice int, step func(*Core, *Task)) *Task {
	t := &Task{Name: name, core: c, step: step, weight: niceWeight(nice), index: len(c.sched.tasks)}
	c.sched.tasks = append(c.sched.tasks, t)
	return t
}

// Core returns the core that the task is bound to.
func (t *Task) Core() *Core { return t.core }

// Asleep reports whether the task waits for a wake-up.
func (t *Task) Asleep() bool { return t.state == asleep }

// Running reports whether the task has the CPU.
func (t *Task) Running() bool { return t.state == running }

// Continue gives the task's next step: d in user or kernel mode.
func (t *Task) Continue(d engine.Time, user bool) { t.rem, t.user = d, user }

// Sleep makes the running task wait for a Wake.
func (t *Task) Sleep() {
	t.state = asleep
	t.core.sched.need = true
}

// A wakeup is under way to the task's core.
type wakeup struct {
	task *Task
	due  engine.Time // when its interrupt arrives
}

type scheduler struct {
	tasks   []*Task
	cur     *Task
	queue   []*Task  // runnable, not running
	waking  []wakeup // by inter-processor interrupts under way
	ipi     *Line
	need    bool // TIF_NEED_RESCHED of the running task, or of idle
	busy    bool
	minVR   engine.Time
	latency engine.Time
	credit  engine.Time // of a sleeper: half the latency
	minGran engine.Time
	wakeup  engine.Time
}

func (s *scheduler) init(c *Core) {
	f := engine.Time(bits.Len(uint(min(max(c.cfg.CPUs, 1), 8))))
	s.latency, s.minGran, s.wakeup = f*schedLatency, f*schedMinGranularity, f*schedWakeupGran
	s.credit = s.latency / 2
	s.ipi = c.NewLine(&c.costs.Reschedule.Fixed, &c.Stats.Reschedule, s.received)
}

// received models scheduler_ipi: it wakes whom interrupts that had arrived when
// it began were for. One interrupt serves for several.
func (s *scheduler) received(c *Core) {
	later := s.waking[:0]
	next := engine.Never
	for _, w := range s.waking {
		if w.due <= c.entered {
			c.activate(w.task)
		} else {
			later = append(later, w)
			next = min(next, w.due)
		}
	}
	s.waking = later
	s.ipi.Raise(next)
}

// send sends the interrupt that wakes a task; it arrives at the given instant.
func (s *scheduler) send(t *Task, due engine.Time) {
	t.state = waking
	s.waking = append(s.waking, wakeup{t, due})
	s.ipi.Raise(due)
}

// NeedResched reports the flag of the interrupted task (SIRQ-6).
func (c *Core) NeedResched() bool { return c.sched.need }

// Tasks returns the number of tasks of the core.
func (c *Core) Tasks() int { return len(c.sched.tasks) }

// Runnable returns the number of tasks that run or could run now.
func (c *Core) Runnable() int {
	n := len(c.sched.queue)
	if c.sched.cur != nil {
		n++
	}
	return n
}

// Current returns the running task, nil when idle.
func (c *Core) Current() *Task { return c.sched.cur }

// Wake makes a sleeping task runnable, from core c. It models try_to_wake_up:
// on another core, an interrupt does the rest there.
func (c *Core) Wake(t *Task) {
	if t.core != c {
		t.core.Settle(c.now)
	}
	if t.state != asleep {
		return
	}
	if t.core == c {
		t.Wakeups++
		c.activate(t)
		return
	}
	c.Spend(c.costs.IPI.Fixed)
	if t.core.Settle(c.now); t.state != asleep {
		return // somebody was quicker
	}
	t.Wakeups++
	t.core.sched.send(t, c.now+max(c.costs.IPILatency.Fixed, engine.Picosecond))
}

// Start makes a sleeping task runnable at the given instant, from outside.
func (t *Task) Start(at engine.Time) {
	if t.state == asleep {
		t.core.sched.send(t, max(at, t.core.now+1))
	}
}

// activate models ttwu_do_activate and check_preempt_wakeup: a sleeper gets up
// to half a latency of credit, and preempts whoever is further on by more than
// the wake-up granularity.
func (c *Core) activate(t *Task) {
	s := &c.sched
	c.leaveIdle()
	t.state = runnable
	c.Stats.Wakeups++
	s.charge(c)
	t.vruntime = max(t.vruntime, s.minVR-s.credit)
	s.queue = append(s.queue, t)
	if s.cur == nil || s.cur.vruntime-t.vruntime > t.weighed(s.wakeup) {
		s.need = true
	}
}

// charge brings the running task's vruntime up to date. It models update_curr;
// time in interrupts on top of the task is charged to it, as without
// CONFIG_IRQ_TIME_ACCOUNTING.
func (s *scheduler) charge(c *Core) {
	t := s.cur
	if t == nil {
		return
	}
	d := c.now - t.charged
	t.charged = c.now
	t.vruntime += t.weighed(d)
	vr := t.vruntime
	for _, q := range s.queue {
		vr = min(vr, q.vruntime)
	}
	s.minVR = max(s.minVR, vr)
}

// weighed scales a time by the task's weight. It models calc_delta_fair.
func (t *Task) weighed(d engine.Time) engine.Time {
	if t.weight == 1024 {
		return d
	}
	return d * 1024 / engine.Time(t.weight)
}

// tick models entity_tick: a task that has had its share gives way.
func (s *scheduler) tick(c *Core) {
	if s.cur == nil || len(s.queue) == 0 {
		return
	}
	s.charge(c)
	total, first := s.cur.weight, s.queue[0].vruntime
	for _, q := range s.queue {
		total += q.weight
		first = min(first, q.vruntime)
	}
	period := max(s.latency, engine.Time(len(s.queue)+1)*s.minGran)
	ideal := engine.Time(int64(period) / total * s.cur.weight)
	ran := c.now - s.cur.began
	if ran > ideal || ran >= s.minGran && s.cur.vruntime-first > ideal {
		s.need = true
	}
}

// resched calls schedule where the kernel would: on return to user mode or to
// idle, and at the end of a step in kernel mode (CONFIG_PREEMPT_VOLUNTARY).
func (c *Core) resched() {
	s := &c.sched
	for s.need || s.cur == nil && s.busy {
		if t := s.cur; t != nil && t.state == running && !t.user && t.rem > 0 {
			return
		}
		c.schedule()
	}
}

// takeFirst removes the runnable task with the least vruntime.
func (s *scheduler) takeFirst() *Task {
	best := 0
	for i := 1; i < len(s.queue); i++ {
		if s.queue[i].vruntime < s.queue[best].vruntime {
			best = i
		}
	}
	t := s.queue[best]
	last := len(s.queue) - 1
	for ; best < last; best++ {
		s.queue[best] = s.queue[best+1]
	}
	s.queue = s.queue[:last]
	return t
}

// schedule models __schedule: the runnable task with the least vruntime runs.
func (c *Core) schedule() {
	s := &c.sched
	s.need = false
	s.charge(c)
	prev := s.cur
	if prev != nil && prev.state == running {
		prev.state = runnable
		s.queue = append(s.queue, prev)
	}
	if len(s.queue) == 0 {
		c.idle()
		return
	}
	if t := s.takeFirst(); t != prev {
		if prev != nil && prev.state == runnable {
			c.Stats.Preemptions++
		}
		c.switchTo(t)
	} else {
		t.state = running
	}
}

// idle gives the CPU to nobody: ticks end.
func (c *Core) idle() {
	s := &c.sched
	s.need, s.cur, s.busy = false, nil, false
	c.ticks, c.tickAt = 0, engine.Never
	c.rearm()
}

// switchTo gives the CPU to another task. It models context_switch.
func (c *Core) switchTo(t *Task) {
	c.runs(t)
	c.enter(System)
	c.Spend(c.costs.Switch.Fixed)
	c.enter(Idle)
}

// runs makes t the running task, before the time of the switch.
func (c *Core) runs(t *Task) {
	t.state = running
	c.sched.cur = t
	c.Stats.ContextSwitches++
	c.Digest.Fold(c.now, uint64(t.index)<<8|digestSwitch)
	t.began, t.charged = c.now, c.now
}
