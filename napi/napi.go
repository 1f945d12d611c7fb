// Package napi models a NAPI instance and what GRO does with UDP. It models
// the parts of include/linux/netdevice.h and net/core/dev.c that concern one
// struct napi_struct.
//
//	            Schedule                        Poll used its weight
//	0 ──────────────────────▶ SCHED ◀───────────────┐
//	▲ ▲                       │ │  └────────────────┘
//	│ └────── Complete ───────┘ │ Disable
//	│                           ▼
//	│ Enable             SCHED|DISABLE: polled once more
//	│                           │ Complete
//	└─── SCHED|NPSVC ◀──────────┘
//	          ▲ Disable, from 0
//
// Not modelled:
//   - There is no netpoll, so NAPI_STATE_NPSVC is set only while an instance
//     is disabled.
//   - GRO holds no TCP packets (TCP is counted and ends at the protocol
//     table), so it has none to flush at the end of a poll.
package napi

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
)

// Weight is NAPI_POLL_WEIGHT, the weight of every driver here (POLL-1).
const Weight = 64

// State is the state of an Instance: bits as in struct napi_struct (NAPI-1).
// Its zero value is an instance that may be scheduled.
type State uint8

// State bits.
const (
	Sched   State = 1 << iota // NAPI_STATE_SCHED: on a poll list, being polled, or disabled
	Disable                   // NAPI_STATE_DISABLE: somebody waits to disable it
	NPSVC                     // NAPI_STATE_NPSVC: whoever has set it keeps the instance to himself

	Missed         // NAPI_STATE_MISSED: it was to be scheduled while it was polled (4.12)
	InBusyPoll     // NAPI_STATE_IN_BUSY_POLL: a busy loop has it
	PreferBusyPoll // NAPI_STATE_PREFER_BUSY_POLL: a socket that prefers to poll could not have it
)

// A Driver polls its rings for an instance. *nic.Vector implements it.
type Driver interface {
	// PollRings takes up to weight packets off the rings on core c and returns
	// what net_rx_action is charged (POLL-3). It calls Complete if it is done.
	PollRings(c *cpu.Core, weight int) int
}

// An Instance is one struct napi_struct.
type Instance struct {
	state  State
	driver Driver
	// Name is the device's, for traces.
	Name string
	// Raise puts the instance at the tail of the core's poll list and raises
	// NET_RX (softirq.Schedule), or wakes the thread that polls it.
	Raise func(*cpu.Core, *Instance)
	// GRO, if not nil, may hold packets of a poll until it ends.
	GRO *GRO

	// Deferrals counts polls that left the interrupt masked to a timer, Contended the turns of busy loops that found the
	// instance taken, Rescheduled completions that found it missed.
	Deferrals, Contended, Rescheduled uint64

	id       uint16 // napi_id, 0: none
	deferral Deferral
	deferred int         // polls that may still leave the interrupt masked
	timers   []*cpu.Line // by CPU
	held     *[groBuckets]groList
}

// A Deferral says when a poll that is done leaves the interrupt masked.
type Deferral struct {
	// HardIRQs is napi_defer_hard_irqs: the number of empty polls after one that found packets.
	HardIRQs int
	// Timeout is gro_flush_timeout: the time to the next of them; 0: none.
	Timeout engine.Time
}

// New returns an idle instance that polls d.
func New(name string, d Driver) *Instance { return &Instance{driver: d, Name: name} }

// State returns the state.
func (n *Instance) State() State { return n.state }

// ID returns the id by which sockets find the instance, 0 if they cannot.
func (n *Instance) ID() uint16 { return n.id }

// InBusyPoll reports whether a busy loop has the instance.
func (n *Instance) InBusyPoll() bool { return n.state&InBusyPoll != 0 }

// String implements fmt.Stringer.
func (n *Instance) String() string { return n.Name }

// Schedule models napi_schedule. With SCHED or DISABLE set it changes nothing: a
// second interrupt is counted as an interrupt, and no more (NAPI-1); newer
// kernels remember it until the poll is done.
func (n *Instance) Schedule(c *cpu.Core) {
	if n.state&(Sched|Disable) != 0 {
		if n.state&Disable == 0 && n.GRO != nil && n.GRO.Profile.NAPIBusyLoop {
			n.state |= Missed
		}
		return
	}
	n.state |= Sched
	n.Raise(c, n)
}

// Complete models napi_complete_done, up to 4.0 napi_complete: what the poll
// held back goes up, and the instance may be scheduled again (NAPI-3). Whoever
// waits to disable it gets it instead. It returns whether the driver is to
// enable the interrupt: always, unless a timer is to schedule the instance, it
// is scheduled again, or it is in a busy loop, which has it until it ends.
func (n *Instance) Complete(c *cpu.Core, work int) (unmask bool) {
	if n.state&InBusyPoll != 0 {
		return false
	}
	if n.state&NPSVC != 0 {
		return true
	}
	timeout, unmask := n.deferIRQ(work)
	n.flush(c, timeout > 0)
	missed := n.state&(Missed|Disable) == Missed
	n.state &^= Sched | Missed | PreferBusyPoll
	if n.state&Disable != 0 {
		n.state = Sched | NPSVC
		return true
	}
	if missed {
		n.Rescheduled++
		n.Schedule(c)
		return false
	}
	if timeout > 0 {
		if !unmask {
			n.Deferrals++
		}
		n.startTimer(c, timeout)
	}
	return unmask
}

// flush models gro_flush_normal: what GRO holds goes up, with old only what has
// waited since an earlier jiffy, and then what the poll has gathered.
func (n *Instance) flush(c *cpu.Core, old bool) {
	if n.GRO != nil {
		n.GRO.flushHeld(c, n, old)
		n.GRO.flush(c)
	}
}

// Defer sets when a poll that is done leaves the interrupt masked.
func (n *Instance) Defer(d Deferral) { n.deferral, n.deferred = d, 0 }

// deferIRQ counts a poll that is done. It returns the time to the next one that
// a timer is to begin, because packets wait in GRO or because the interrupt is to
// stay masked, and whether it is not.
func (n *Instance) deferIRQ(work int) (timeout engine.Time, unmask bool) {
	if work > 0 {
		if n.held != nil && n.Held() > 0 {
			timeout = n.deferral.Timeout
		}
		n.deferred = n.deferral.HardIRQs
	}
	if n.deferred == 0 {
		return timeout, true
	}
	n.deferred--
	return n.deferral.Timeout, n.deferral.Timeout == 0
}

// startTimer models hrtimer_start of the instance's one timer.
func (n *Instance) startTimer(c *cpu.Core, timeout engine.Time) {
	for _, t := range n.timers {
		if t != nil {
			t.Cancel()
		}
	}
	n.timer(c).Raise(c.Now() + timeout)
}

// watchdog models napi_watchdog: an instance that somebody polls is left alone.
func (n *Instance) watchdog(c *cpu.Core) {
	if n.state&Sched == 0 {
		n.Schedule(c)
	}
}

// timer returns the instance's timer on a core. It models napi_watchdog, whose
// interrupt takes the time of a device's.
func (n *Instance) timer(c *cpu.Core) *cpu.Line {
	for len(n.timers) <= c.ID() {
		n.timers = append(n.timers, nil)
	}
	if n.timers[c.ID()] == nil {
		n.timers[c.ID()] = c.NewLine(&n.GRO.Costs.HardIRQ.Fixed, &c.Stats.LocalTimer, n.watchdog)
	}
	return n.timers[c.ID()]
}

// Disable models napi_disable: until Enable the instance is scheduled by nobody
// and polled by nobody. One that is scheduled is polled once more first; the
// caller, who sleeps meanwhile, may ask Disabled.
//
// Not modelled:
//   - Who waits in napi_disable wakes at once when the instance is free; the
//     kernel's looks every millisecond.
func (n *Instance) Disable() {
	for _, t := range n.timers {
		if t != nil {
			t.Cancel()
		}
	}
	if n.state&Sched != 0 {
		n.state |= Disable
		return
	}
	n.state = Sched | NPSVC
}

// Disabled reports whether Disable has got the instance.
func (n *Instance) Disabled() bool { return n.state == Sched|NPSVC }

// Enable models napi_enable. An instance that is not disabled is a fault of the
// program.
func (n *Instance) Enable() {
	if !n.Disabled() {
		panic("napi: Enable of an instance that is not disabled")
	}
	n.state = 0
}

// Weight returns the weight, which no sysctl changes (POLL-1).
func (n *Instance) Weight() int { return Weight }

// Poll models napi_poll: an instance that is not scheduled does no work
// (NAPI-6b). repoll says that it used its weight and is to be polled again,
// unless it is to be disabled (NAPI-6c).
func (n *Instance) Poll(c *cpu.Core, weight int) (work int, repoll bool) {
	if n.state&Sched == 0 {
		return 0, false
	}
	if n.GRO != nil && n.GRO.merges() {
		n.GRO.polled(c, n)
	}
	work = n.driver.PollRings(c, weight)
	if work > weight {
		panic("napi: poll did more work than its weight")
	}
	if work < weight {
		return work, false
	}
	if n.state&Disable != 0 {
		n.Complete(c, work)
		return work, false
	}
	if n.state&PreferBusyPoll != 0 { // the rest is that socket's, or the timer's
		if n.Complete(c, work) {
			n.Schedule(c)
		}
		return work, false
	}
	n.flush(c, n.GRO != nil && n.GRO.Precise)
	return work, true
}
