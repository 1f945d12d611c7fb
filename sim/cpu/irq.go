package cpu

import (
	"slices"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// Kinds of effects in a core's digest; stages use kinds from DigestStages on.
const (
	digestInterrupt = iota + 1
	digestSwitch
	// DigestStages is the first kind that is free for stages.
	DigestStages = 16
)

// A Line is an interrupt of one core: a vector of a device, an inter-processor
// interrupt, a timer. Raising it while it is pending changes nothing but,
// perhaps, makes it earlier.
type Line struct {
	core    *Core
	due     engine.Time
	handler func(*Core)
	cost    *engine.Time
	count   *uint64
	// Name returns the name of a device's interrupt; it is nil for others. Call says that it is a function call from another CPU.
	Name func() string
	Call bool
}

// NewLine returns a line of c whose handler runs in hard interrupt context,
// after cost was spent, and counts in count.
func (c *Core) NewLine(cost *engine.Time, count *uint64, handler func(*Core)) *Line {
	l := &Line{core: c, due: engine.Never, handler: handler, cost: cost, count: count}
	c.lines = append(c.lines, l)
	return l
}

// Core returns the core that the line interrupts.
func (l *Line) Core() *Core { return l.core }

// Raise makes the line due at the given instant, which must lie after the
// present one: nothing reaches another core in no time.
func (l *Line) Raise(at engine.Time) {
	if at >= l.due {
		return
	}
	l.due = at
	c := l.core
	if at < c.irqDue {
		c.irqDue = at
		c.quiet = min(c.quiet, at)
		if c.lagging {
			c.due = min(c.due, max(at, c.now))
			return
		}
		c.next = min(c.next, at)
		c.exec.Changed(c.id)
	}
}

// Cancel takes a pending interrupt back.
func (l *Line) Cancel() {
	if l.due != engine.Never {
		l.due = engine.Never
		l.core.scanLines()
		if !l.core.lagging {
			l.core.exec.Changed(l.core.id)
		}
	}
}

// Free takes the line away, as free_irq does: what was pending does not come.
func (l *Line) Free() {
	l.Cancel()
	l.core.lines = slices.DeleteFunc(l.core.lines, func(o *Line) bool { return o == l })
}

func (c *Core) scanLines() {
	c.irqDue = engine.Never
	for _, l := range c.lines {
		c.irqDue = min(c.irqDue, l.due)
	}
}

func (c *Core) tickDue() bool {
	if !c.sched.busy {
		return false
	}
	if c.cfg.Naive {
		return c.ticks > 0
	}
	if c.consumer && c.tickAt == c.now { // behind the readers' class
		cur := c.sched.cur
		return c.irqDue > c.now && (cur == nil || cur.rem > 0)
	}
	return c.tickAt <= c.now
}

// interrupts takes everything that is due, ticks first, then lines in the order
// of their instants; a consumer takes one at a time.
func (c *Core) interrupts() {
	for first := true; (first || !c.consumer) && c.stuck == nil; first = false {
		switch {
		case c.tickDue():
			if c.cfg.Naive {
				c.ticks--
			} else {
				c.tickAt += c.cfg.Jiffy
			}
			c.tick()
		case c.irqDue <= c.now:
			c.interrupt(c.takeLine())
		default:
			c.rearm()
			return
		}
	}
}

// takeLine removes the earliest pending line.
func (c *Core) takeLine() *Line {
	var first *Line
	next := engine.Never // the earliest of the others
	for _, l := range c.lines {
		switch {
		case first == nil:
			first = l
		case l.due < first.due:
			first, next = l, min(next, first.due)
		default:
			next = min(next, l.due)
		}
	}
	first.due = engine.Never
	c.irqDue = next
	return first
}

// interrupt runs one hard interrupt. It models do_IRQ: irq_enter, the handler,
// irq_exit.
func (c *Core) interrupt(l *Line) {
	c.moves(nil)
	entered := c.entered
	c.entered = c.now
	c.leaveIdle()
	prev := c.enter(Hardirq)
	*l.count++
	c.Digest.Fold(c.now, digestInterrupt)
	c.Trace.enterIRQ(l)
	c.Spend(*l.cost)
	l.handler(c)
	c.Trace.handledIRQ(l)
	c.enter(prev)
	c.entered = entered
	c.irqExit()
	c.Trace.leaveIRQ(l)
}

// tick runs the timer interrupt. It models tick_sched_timer and
// scheduler_tick, and raises the TIMER and RCU softirqs.
func (c *Core) tick() {
	prev := c.enter(Hardirq)
	c.Stats.LocalTimer++
	c.Trace.enterTick()
	c.Spend(c.costs.Tick.Fixed)
	c.sched.tick(c)
	c.softirqs.Tick()
	c.enter(prev)
	c.irqExit()
	c.Trace.Leave(localTimer)
}

// irqExit models irq_exit: outside other interrupts and BH-disabled regions,
// pending softirqs run right here (SIRQ-8).
func (c *Core) irqExit() {
	if !c.InInterrupt() && c.softirqs.Pending() && (c.Defer == nil || !c.Defer(IRQExit)) {
		c.RunSoftirqs(Softirq)
	}
}

// InInterrupt models in_interrupt: the core is in a hard interrupt, in a
// softirq, or in a BH-disabled region.
func (c *Core) InInterrupt() bool { return c.ctx == Hardirq || c.inSoftirq || c.bhOff > 0 }

// LocalBHDisable models local_bh_disable: until the matching LocalBHEnable no
// softirq runs on this core, though interrupts do. A task calls it in its step;
// regions nest.
func (c *Core) LocalBHDisable() { c.bhOff++ }

// LocalBHEnable models local_bh_enable: leaving the outermost region runs what
// is pending, in the caller's time (SIRQ-9).
func (c *Core) LocalBHEnable() {
	c.bhOff--
	if !c.consumer { // that raises nothing but what its own interrupts run at once
		c.leaveBH()
	}
}

func (c *Core) leaveBH() {
	if !c.InInterrupt() && c.softirqs.Pending() && (c.Defer == nil || !c.Defer(BHEnable)) {
		c.RunSoftirqs(Softirq)
	}
}

// RunSoftirqs runs __do_softirq in the given context. It must not be nested.
func (c *Core) RunSoftirqs(ctx Context) {
	prev := c.enter(ctx)
	c.inSoftirq = true
	c.Trace.enterSoftirqs(ctx)
	c.softirqs.Do(ctx)
	c.Trace.leaveSoftirqs()
	c.inSoftirq = false
	c.enter(prev)
}

// leaveIdle ends an idle period: the exit takes its time, and ticks begin.
func (c *Core) leaveIdle() {
	if c.sched.busy {
		return
	}
	c.startTicks()
	prev := c.enter(Idle)
	c.rearm()
	c.Spend(c.costs.IdleExit.Fixed)
	c.enter(prev)
}

// startTicks makes the core busy: from now on it has ticks. Those passed over
// while it was idle were none of its business (tick_nohz_idle_exit).
func (c *Core) startTicks() {
	c.sched.busy = true
	c.ticks = 0
	if c.edge <= c.now {
		c.edge = c.cfg.TickPhase + engine.Time(c.ticksBy(c.now))*c.cfg.Jiffy
	}
	c.tickAt = c.edge
}
