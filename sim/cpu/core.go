package cpu

import (
	"fmt"
	"iter"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
)

// Context is what a core is doing, as /proc/stat tells it apart.
type Context uint8

// Contexts.
const (
	Idle Context = iota
	User
	System
	Hardirq
	Softirq
	Ksoftirqd
	numContexts
)

// Softirqs is the pending work that a core runs when it leaves an interrupt or
// a BH-disabled region. *softirq.SoftnetData implements it.
type Softirqs interface {
	// Pending reports whether any softirq was raised.
	Pending() bool
	// Do models do_softirq: it runs what is pending, in the context given.
	Do(Context)
	// Tick raises what the timer interrupt raises.
	Tick()
}

// An Exit is a place at which pending softirqs run.
type Exit uint8

// Exits.
const (
	IRQExit  Exit = iota // the end of an interrupt
	BHEnable             // the end of a BH-disabled region
)

// Config is what a core needs to know.
type Config struct {
	ID        int
	CPUs      int         // of the host: the scheduler scales its periods with it
	Jiffy     engine.Time // 1/HZ
	TickPhase engine.Time // of the first tick
	Costs     *kernel.Costs
	Naive     bool // the naive executive runs this core: ticks come as events
}

// Core is one CPU. It models the parts of arch/x86/kernel/irq.c,
// kernel/softirq.c (irq_enter, irq_exit, local_bh_enable) and kernel/sched that
// decide who runs.
type Core struct {
	cfg    Config
	exec   engine.Executive
	id     engine.ID
	class  engine.Class
	costs  *kernel.Costs
	now    engine.Time
	quiet  engine.Time // nothing but the running task happens before
	next   engine.Time // the nearest of horizon, interrupt and tick: Spend takes the slow way from there
	ctx    Context
	books  [numContexts]engine.Time
	booked engine.Time // the books are up to date to here; the rest is the present context's

	horizon engine.Key
	turn    bool // the executive has just said: go
	yield   func(struct{}) bool
	resume  func() (struct{}, bool)
	stop    func()
	parked  bool // inside a Spend
	closing bool

	consumer bool         // no interrupts of its own, no backlog
	lagging  bool         // consumer of a lazy executive
	due      engine.Time  // lagging: the next event, Never if it is not
	end      *engine.Time // lagging: of the run
	section  engine.Time  // the longest time that a consumer spends without coming back to the task level

	lines   []*Line
	irqDue  engine.Time // the earliest line
	entered engine.Time // when the present interrupt began
	ticks   int         // pending, naive only
	tickAt  engine.Time // the next tick while busy
	edge    engine.Time // the next tick, busy or not, when it was last computed

	// Defer, if not nil, is asked before pending softirqs run at an exit: true leaves them to somebody else. On a consumer
	// it must not say so.
	Defer func(Exit) bool

	softirqs  Softirqs
	inSoftirq bool
	bhOff     int

	spinning   bool        // inside a Spinlock's Lock, and parked
	granted    engine.Time // when it has its lock
	spun       engine.Time // the time spent so
	spinner    *Task       // a task that spins
	lockedTo   engine.Time // when that will have had its lock
	grants     *Line       // tells it
	grantCost  engine.Time
	grantCount uint64

	still   int         // how many events have happened at this very instant
	stillAt engine.Time // which instant
	stuck   *Standstill

	sched scheduler

	// Trace, if not nil, records what happens on the core; see StartTrace.
	Trace *Trace

	// Stats are the counters that /proc shows of this CPU.
	Stats *mib.CPU
	// Digest witnesses what happened on this core.
	Digest engine.Digest
}

// New returns an idle core at time zero.
func New(cfg Config, exec engine.Executive, stats *mib.CPU) *Core {
	c := &Core{cfg: cfg, exec: exec, class: engine.ClassStep, costs: cfg.Costs, Stats: stats,
		horizon: engine.Last, irqDue: engine.Never, tickAt: engine.Never, due: engine.Never}
	c.sched.init(c)
	return c
}

// Join makes the core an actor of its executive. A consumer must have no lines
// but those of its own tasks, and tasks that touch nothing but their sockets.
func (c *Core) Join(consumer bool) {
	c.consumer = consumer
	if consumer {
		c.class = engine.ClassReader
		c.lagging = !c.cfg.Naive
		k := c.costs
		c.section = k.IdleExit.Fixed + k.Reschedule.Fixed + k.Tick.Fixed + k.Softirq.Fixed + k.TimerAction.Fixed + k.Switch.Fixed
		if c.lagging {
			c.due, c.end = c.nextEvent(), c.exec.End()
		}
		c.id = c.exec.AddSettler(c)
	} else {
		c.id = c.exec.Add(c)
	}
	if c.cfg.Naive {
		c.exec.Add(&ticker{c})
	}
}

// Promote makes a consumer a core like any other, because somebody is about to
// interrupt it or to meet it at a socket. It is called between two runs of the
// executive, whoever that is; a core that is in the middle of the kernel takes
// its first interrupt at the end of the Spend after the present one.
func (c *Core) Promote() {
	if c.consumer {
		c.consumer, c.lagging, c.class = false, false, engine.ClassStep
		c.due = engine.Never // there is nothing to settle any more
		c.exec.Promote(c.id, c)
	}
}

// SetSoftirqs says what the core runs after interrupts.
func (c *Core) SetSoftirqs(s Softirqs) { c.softirqs = s }

// ID returns the CPU number.
func (c *Core) ID() int { return c.cfg.ID }

// Now returns the core's clock.
func (c *Core) Now() engine.Time { return c.now }

// Jiffies returns the number of ticks up to now, one that is due at this very
// instant included (SIRQ-5a, SIRQ-14). Every CPU sees the same.
func (c *Core) Jiffies() int64 {
	return c.ticksBy(c.now)
}

// ticksBy returns the number of ticks at or before t: they are at TickPhase and
// every jiffy after it.
func (c *Core) ticksBy(t engine.Time) int64 {
	if t < c.cfg.TickPhase {
		return 0
	}
	return int64((t-c.cfg.TickPhase)/c.cfg.Jiffy) + 1
}

// TickAt returns when the nth tick is, counted as Jiffies does.
func (c *Core) TickAt(n int64) engine.Time { return c.cfg.TickPhase + engine.Time(n-1)*c.cfg.Jiffy }

// JiffiesOf converts a time to jiffies, rounding up, as msecs_to_jiffies does.
func (c *Core) JiffiesOf(d engine.Time) int64 {
	return int64((d + c.cfg.Jiffy - 1) / c.cfg.Jiffy)
}

// Consumer reports whether the core was joined as a consumer.
func (c *Core) Consumer() bool { return c.consumer }

// Spend lets d pass in the current context.
func (c *Core) Spend(d engine.Time) {
	if c.now += d; c.now >= c.next {
		c.boundary()
	}
}

// enter changes the context, after booking the time in the old one, and returns
// the old one.
func (c *Core) enter(ctx Context) Context {
	old := c.ctx
	c.books[old] += c.now - c.booked
	c.booked = c.now
	c.ctx = ctx
	return old
}

// boundary ends a Spend that reached the horizon, an interrupt or a tick.
func (c *Core) boundary() {
	if c.lagging { // interrupts wait for the task level, and only the end of the run is a horizon
		c.park()
		return
	}
	consumer := c.consumer // it may be promoted while it is parked
	if !engine.MakeKey(c.now, c.class, int(c.id)).Before(c.horizon) {
		c.park()
	}
	if c.ctx != Hardirq && !consumer {
		c.interrupts()
	}
}

// park lets everybody go first who comes first.
func (c *Core) park() {
	c.parked = true
	if !c.yield(struct{}{}) {
		panic("cpu: closed")
	}
	c.parked = false
	c.turn = false
}

// rearm recomputes where Spend must take the slow way.
func (c *Core) rearm() {
	if c.lagging {
		return // Settle has said it
	}
	c.next = min(c.horizon.At, c.irqDue)
	if c.sched.busy {
		if c.cfg.Naive {
			if c.ticks > 0 {
				c.next = 0
			}
		} else {
			c.next = min(c.next, c.tickAt)
		}
	}
}

// Next implements engine.Actor.
func (c *Core) Next() (engine.Time, engine.Class) {
	if c.stuck != nil {
		return engine.Never, c.class
	}
	if c.parked {
		if c.spinning {
			return c.spinEnd(), c.class
		}
		return c.now, c.class
	}
	return c.nextEvent(), c.class
}

// nextEvent is when something happens next at the task level.
func (c *Core) nextEvent() engine.Time {
	t := c.disturbed()
	if cur := c.sched.cur; cur != nil {
		t = min(t, c.now+cur.rem)
	}
	return max(t, c.now)
}

// disturbed is when the next interrupt or tick is due.
func (c *Core) disturbed() engine.Time {
	t := c.irqDue
	if c.sched.busy {
		if !c.cfg.Naive {
			t = min(t, c.tickAt)
		} else if c.ticks > 0 {
			t = min(t, c.tickAt-engine.Time(c.ticks)*c.cfg.Jiffy)
		}
	}
	return t
}

// Run implements engine.Actor.
func (c *Core) Run(horizon engine.Key) {
	c.horizon = horizon
	c.turn = true
	c.rearm()
	c.start()
	c.resume()
}

// Lower implements engine.Actor.
func (c *Core) Lower(horizon engine.Key) {
	c.horizon = horizon
	c.next = min(c.next, horizon.At)
	c.quiet = min(c.quiet, horizon.At)
}

// main is the coroutine: the task level, again and again.
func (c *Core) main(yield func(struct{}) bool) {
	defer func() {
		c.resume, c.stop, c.yield = nil, nil, nil
		if c.closing {
			_ = recover() // park's way out; any other panic goes on, with its own stack
		}
	}()
	c.yield = yield
	for {
		c.advance()
		if !yield(struct{}{}) {
			return
		}
	}
}

// Rest ends the coroutine if nothing hangs in it, so that a host that is not
// used any more can be collected. The next Run starts another.
func (c *Core) Rest() {
	if c.stop != nil && !c.parked {
		c.stop()
	}
}

// Close ends the coroutine in any state. The core can't run after it.
func (c *Core) Close() {
	if c.stop != nil {
		c.closing = true
		c.stop()
	}
}

// Settle implements engine.Settler for a consumer. Inside the kernel it may run
// beyond t, because nobody can notice; but not beyond the end of the run, where
// its books are read: near there it runs as a coroutine, as other cores do.
func (c *Core) Settle(t engine.Time) {
	if c.due <= t {
		c.settle(t)
	}
}

func (c *Core) settle(t engine.Time) {
	c.horizon = engine.MakeKey(t, c.class+1, 0)
	if end := *c.end; c.parked || t+c.section > end {
		c.next = end + 1
		c.start()
		c.resume()
	} else {
		c.next = engine.Never
		c.due = c.catchUp(t)
		return
	}
	c.due, _ = c.Next()
}

// catchUp is advance for a consumer that need not park: all its events up to t
// happen. It returns when the next one does.
func (c *Core) catchUp(t engine.Time) engine.Time {
	s := &c.sched
	for c.stuck == nil {
		if cur := s.cur; cur == nil {
			at := max(c.irqDue, c.now)
			if at > t {
				return at
			}
			if len(s.waking) == 1 && s.ipi.due == c.irqDue {
				c.wakeUp(at)
				continue
			}
		} else if end := c.now + cur.rem; end < c.irqDue && end < c.tickAt { // nextEvent and happen, without looking around
			if end > t {
				return end
			}
			c.moveTo(end)
			c.quiet = min(c.irqDue, c.tickAt, t)
			c.step(cur)
			continue
		}
		at := c.nextEvent()
		if at > t {
			return at
		}
		c.moveTo(at)
		c.happen()
	}
	return engine.Never
}

// wakeUp is what interrupt, leaveIdle, received, activate and schedule come to
// on a consumer that sleeps until the interrupt for its only waking task at t.
// That line comes first of those due at one instant, as lines[0].
func (c *Core) wakeUp(t engine.Time) {
	s, k := &c.sched, c.costs
	task := s.waking[0].task
	s.waking = s.waking[:0]
	irq := engine.Never
	if len(c.lines) > 1 {
		for _, l := range c.lines[1:] {
			irq = min(irq, l.due)
		}
	}
	s.ipi.due, c.irqDue = engine.Never, irq

	c.books[Idle] += t - c.now + k.IdleExit.Fixed
	c.now = t
	c.startTicks()

	t += k.IdleExit.Fixed
	c.Stats.Reschedule++
	c.Digest.Fold(t, digestInterrupt)
	c.books[Hardirq] += k.Reschedule.Fixed
	t += k.Reschedule.Fixed
	c.now = t
	c.Stats.Wakeups++
	task.vruntime = max(task.vruntime, s.minVR-s.credit)
	c.runs(task)
	c.books[System] += k.Switch.Fixed
	t += k.Switch.Fixed
	c.now, c.booked = t, t
}

// start makes the coroutine if there is none.
func (c *Core) start() {
	if c.resume == nil {
		c.resume, c.stop = iter.Pull(c.main)
	}
}

// advance executes task-level events before the horizon.
func (c *Core) advance() {
	for {
		t := c.nextEvent()
		if !c.turn && !engine.MakeKey(t, c.class, int(c.id)).Before(c.horizon) {
			return
		}
		c.turn = false
		c.moveTo(t)
		if c.happen(); c.stuck != nil {
			return
		}
	}
}

// moveTo lets the running task, or nobody, have the time up to t.
func (c *Core) moveTo(t engine.Time) {
	d := t - c.now
	c.now, c.booked = t, t
	cur := c.sched.cur
	switch {
	case cur == nil:
		c.books[Idle] += d
	case cur.user:
		c.books[User] += d
		cur.rem -= d
	default:
		c.books[System] += d
		cur.rem -= d
	}
}

// happen does what is due now at the task level.
func (c *Core) happen() {
	if c.irqDue <= c.now || c.tickDue() {
		c.interrupts()
		c.resched()
		return
	}
	cur := c.sched.cur
	if cur != nil && cur.rem <= 0 {
		c.stepEnds(cur)
	}
}

// stepEnds lets the running task do what happens at the end of its step.
func (c *Core) stepEnds(cur *Task) {
	if !c.cfg.Naive {
		c.quiet = min(c.irqDue, c.tickAt, c.horizon.At)
	}
	c.step(cur)
}

func (c *Core) step(cur *Task) {
	c.moves(cur)
	c.ctx = System // the books are up to date
	cur.step(c, cur)
	c.enter(Idle)
	if s := &c.sched; s.need {
		if cur.state == asleep && len(s.queue) == 0 { // resched and schedule, without looking around
			s.charge(c)
			c.idle()
			return
		}
		c.resched()
	}
}

// StepOver lets the whole of the running task's step pass, if nothing else
// happens before its end, and reports whether it did: then the task may go on
// with what happens there, at once.
func (c *Core) StepOver(t *Task) bool {
	end := c.now + t.rem
	if end >= c.quiet || end == c.now || c.sched.need {
		return false // a step that takes no time is counted, see moves
	}
	if t.user {
		c.books[System] += c.now - c.booked
		c.books[User] += t.rem
		c.booked = end
	} // else the time is the present context's
	c.now = end
	t.rem = 0
	return true
}

// Passes reports whether PassKernel would.
func (c *Core) Passes(d engine.Time) bool { return c.now+d < c.quiet && !c.sched.need }

// PassKernel lets d pass in the kernel for a running task of a consumer that is at
// the end of its step, if nothing else happens before, and reports whether it did.
func (c *Core) PassKernel(d engine.Time) bool {
	if c.now+d >= c.quiet || c.sched.need {
		return false
	}
	c.now += d
	return true
}

// PassUser is PassKernel in user mode.
func (c *Core) PassUser(d engine.Time) bool {
	if c.now+d >= c.quiet || c.sched.need {
		return false
	}
	c.books[System] += c.now - c.booked
	c.books[User] += d
	c.now += d
	c.booked = c.now
	return true
}

// ticker makes the naive executive see every tick.
type ticker struct{ c *Core }

func (k *ticker) Next() (engine.Time, engine.Class) {
	if !k.c.sched.busy {
		return engine.Never, engine.ClassTick
	}
	return k.c.tickAt, engine.ClassTick
}

func (k *ticker) Run(engine.Key) {
	k.c.ticks++
	k.c.tickAt += k.c.cfg.Jiffy
	k.c.rearm()
}

func (k *ticker) Lower(engine.Key) {}

// Books returns the time spent in each context up to t, which must be an
// instant up to which the core has run: what a Spend in progress has booked
// beyond t is not counted, idle time up to t is.
func (c *Core) Books(t engine.Time) mib.CPUTime {
	b := c.books
	if c.now > t || c.spinning {
		b[c.ctx] += t - c.booked
	} else if cur := c.sched.cur; cur == nil {
		b[Idle] += t - c.now
	} else if cur.user {
		b[User] += t - c.now
	} else {
		b[System] += t - c.now
	}
	spun := c.spun
	if c.spinning {
		spun += t - c.now
	}
	return mib.CPUTime{
		Spinning: int64(spun),
		User:     int64(b[User]), System: int64(b[System]), Idle: int64(b[Idle]),
		Hardirq: int64(b[Hardirq]), Softirq: int64(b[Softirq]), Ksoftirqd: int64(b[Ksoftirqd]),
	}
}

// String names the core for error messages.
func (c *Core) String() string { return fmt.Sprintf("cpu%d@%v", c.cfg.ID, c.now) }
