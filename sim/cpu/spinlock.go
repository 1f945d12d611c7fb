package cpu

import "github.com/seed-556df219/rxpath/sim/engine"

// A Spinlock makes cores wait for each other. It models spinlock_t with the
// ticket lock of arch/x86/include/asm/spinlock.h: whoever comes first has it
// first. Its zero value is free. Where nobody meets anybody it costs nothing.
//
// In softirqs, and in kernel code with BH disabled, a core says
//
//	lock.Lock(c)
//	c.Spend(...) // others that come now wait until Unlock
//	lock.Unlock(c)
//
// The time of waiting is spent in the core's present context. Interrupts come
// in meanwhile; one that still runs when the lock falls to its core delays
// everybody behind it, as tickets do.
//
// A task's step takes it with [Task.ContinueLocked]. That, and nothing else, a
// consumer may do: set Consumer to it, so that those that come by Lock find
// everything done that the consumer does up to then.
//
// Not modelled:
//   - An interrupt on a task's core does not prolong the time for which the
//     task's step holds a spinlock.
type Spinlock struct {
	// Consumer is settled before the lock is looked at, if it is not nil.
	Consumer *Core
	// Contended counts those that had to wait.
	Contended uint64
	// Waited is how long they did.
	Waited engine.Time

	holder *Core       // by Lock
	until  engine.Time // the end of the last task's hold
	queue  []waiter    // behind holder: nobody waits for a lock that nobody holds
}

// A waiter is a core or, if that is nil, a task.
type waiter struct {
	core        *Core
	task        *Task
	since, hold engine.Time
}

// Lock models _raw_spin_lock for the kernel code that c runs.
func (l *Spinlock) Lock(c *Core) {
	l.settle(c)
	if l.holder == nil && l.until <= c.now {
		l.holder = c
		return
	}
	if l.holder == c {
		panic("cpu: " + c.String() + " takes a spinlock that it holds")
	}
	l.wait(c)
}

func (l *Spinlock) settle(c *Core) {
	if l.Consumer != nil && l.Consumer != c {
		l.Consumer.Settle(c.now)
	}
}

// wait lets c spin until the lock is its own.
func (l *Spinlock) wait(c *Core) {
	l.Contended++
	since := c.now
	if l.holder == nil { // a task holds it, and it is known for how long
		l.holder = c
		d := l.until - c.now + c.transfer()
		c.spun += d
		c.Spend(d)
	} else {
		l.queue = append(l.queue, waiter{core: c})
		c.spin()
	}
	l.Waited += c.now - since
}

// transfer is how long it takes until a core sees that the lock is its own.
func (c *Core) transfer() engine.Time {
	return max(c.costs.LockTransfer.Fixed, engine.Picosecond)
}

// Unlock models _raw_spin_unlock: the next in the queue has the lock.
func (l *Spinlock) Unlock(c *Core) {
	l.settle(c)
	if l.holder != c {
		panic("cpu: " + c.String() + " releases a spinlock that it does not hold")
	}
	l.holder = nil
	if len(l.queue) > 0 {
		l.pass(c)
	}
}

// pass gives the lock to the tasks at the head of the queue, one after the
// other, and to the first core behind them.
func (l *Spinlock) pass(c *Core) {
	at := c.now
	n := 0
	for l.holder == nil && n < len(l.queue) {
		w := &l.queue[n]
		n++
		at += c.transfer()
		if w.core != nil {
			l.holder = w.core
			w.core.granted = at
			w.core.exec.Changed(w.core.id)
			break
		}
		l.Waited += at - w.since
		w.task.core.spun += at - w.since
		w.task.grant(at, at+w.hold)
		at += w.hold
		l.until = at
	}
	l.queue = l.queue[:copy(l.queue, l.queue[n:])]
}

// spin parks c, but for interrupts, until somebody has said when the lock is
// its own, and that instant has come.
func (c *Core) spin() {
	c.granted = engine.Never
	for c.granted > c.now {
		c.spinning, c.parked = true, true
		for {
			if !c.yield(struct{}{}) {
				panic("cpu: closed")
			}
			t := c.spinEnd()
			if !c.horizon.Before(engine.MakeKey(t, c.class, int(c.id))) {
				c.spun += t - c.now
				c.now = t
				break
			} // else what was due has been taken back
		}
		c.spinning, c.parked, c.turn = false, false, false
		if c.granted > c.now {
			c.interrupts()
		}
	}
}

// spinEnd is when something happens to a core that spins.
func (c *Core) spinEnd() engine.Time {
	t := c.granted
	if c.ctx != Hardirq {
		t = min(t, c.disturbed())
	}
	return max(t, c.now)
}

// ContinueLocked gives the task's next step: it spins for l, in kernel mode,
// and then holds it for d. When the step ends the lock is free again. The task
// has BH disabled around the step, and has spent no time since it began.
func (t *Task) ContinueLocked(l *Spinlock, d engine.Time) {
	c := t.core
	l.settle(c)
	t.user = false
	if l.holder != nil {
		l.Contended++
		l.queue = append(l.queue, waiter{task: t, since: c.now, hold: d})
		t.rem = engine.MaxTime
		return
	}
	start := c.now
	if l.until > start {
		start = l.until + c.transfer()
		l.Contended++
		l.Waited += start - c.now
		c.spun += start - c.now
	}
	l.until = start + d
	t.rem = l.until - c.now
}

// grant tells a task that spins that it has the lock from at to until.
func (t *Task) grant(at, until engine.Time) {
	c := t.core
	if c.grants == nil {
		c.grants = c.NewLine(&c.grantCost, &c.grantCount, func(c *Core) {
			c.spinner.rem = max(c.lockedTo-c.now, 0)
		})
	}
	c.spinner, c.lockedTo = t, until // a core has one at most: it can't be preempted
	c.grants.Raise(at)
}
