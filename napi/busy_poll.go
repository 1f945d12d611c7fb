package napi

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
)

// Functions that tracers see.
const (
	fnBusyLoop     = "sk_busy_loop"
	fnNAPIBusyLoop = "napi_busy_loop"
)

// BusyPollBudget is BUSY_POLL_BUDGET: what a turn of napi_busy_loop polls at
// most, unless the socket says otherwise.
const BusyPollBudget = 8

// A BusyPoller is a driver with a function by which sockets poll it
// (ndo_busy_poll). *nic.Vector implements it.
type BusyPoller interface {
	// BusyPoll takes a few packets off a ring on core c and returns their number, 0 also if somebody else has the ring.
	// It returns false if there is nothing to poll for good (LL_FLUSH_FAILED).
	BusyPoll(c *cpu.Core) (packets int, ok bool)
}

// A Table finds instances by their ids. It models napi_hash.
type Table struct {
	Profile *kernel.Profile
	Costs   *kernel.Costs
	// TCPExt counts BusyPollRxPackets.
	TCPExt *mib.TCPExt

	instances []*Instance // by id, from 1; nil: gone
}

// Add gives an instance an id. It models napi_hash_add.
func (t *Table) Add(n *Instance) {
	t.instances = append(t.instances, n)
	n.id = uint16(len(t.instances))
}

// Del makes sockets find the instance of that id no more. It models
// napi_hash_del.
func (t *Table) Del(id uint16) {
	if id > 0 {
		t.instances[id-1] = nil
	}
}

// byID models napi_by_id.
func (t *Table) byID(id uint16) *Instance {
	if id == 0 || int(id) > len(t.instances) {
		return nil
	}
	return t.instances[id-1]
}

// busyLoop is what a socket asks of one busy loop.
type busyLoop struct {
	once, prefer bool
	budget       int
	done         func(*cpu.Core) bool
}

// BusyLoop polls the instance of that id in a task's time until done, which is
// asked after every turn, says so; with once, a turn and no more. prefer and
// budget are SO_PREFER_BUSY_POLL and SO_BUSY_POLL_BUDGET, 0: BUSY_POLL_BUDGET. It
// models sk_busy_loop, or in newer kernels napi_busy_loop, which gives way to
// other tasks: then it returns true, and the caller comes again when it has the
// CPU, unless done says that it need not.
func (t *Table) BusyLoop(c *cpu.Core, id uint16, once, prefer bool, budget int, done func(*cpu.Core) bool) (resched bool) {
	n := t.byID(id)
	b := busyLoop{once, prefer, budget, done}
	switch {
	case n == nil:
	case t.Profile.NAPIBusyLoop:
		return t.napiBusyLoop(c, n, &b)
	default:
		if d, ok := n.driver.(BusyPoller); ok {
			t.skBusyLoop(c, d, &b)
		}
	}
	return false
}

// turn is the least time of a turn: no machine loops in none.
const turn = engine.Nanosecond

// spin lets the time of a turn pass that no packet accounts for.
func (t *Table) spin(c *cpu.Core) { c.Spend(max(t.Costs.BusyPoll.Fixed, turn)) }

// skBusyLoop models sk_busy_loop: the driver's function again and again, with BH
// disabled for all of the time, until there is data, the time is up, or somebody
// else wants the CPU.
func (t *Table) skBusyLoop(c *cpu.Core, d BusyPoller, b *busyLoop) {
	c.Trace.Call(fnBusyLoop)
	c.LocalBHDisable() // rcu_read_lock_bh
	for {
		t.spin(c)
		packets, ok := d.BusyPoll(c)
		t.TCPExt.BusyPollRxPackets += uint64(packets)
		if over := b.done(c); over || !ok || b.once || c.NeedResched() {
			break
		}
	}
	c.LocalBHEnable()
	c.Trace.Leave(fnBusyLoop)
}

// napiBusyLoop models napi_busy_loop: from the first turn in which nobody else
// has the instance it is the loop's, whose polls leave the interrupt as it is.
func (t *Table) napiBusyLoop(c *cpu.Core, n *Instance, b *busyLoop) (resched bool) {
	if b.budget == 0 {
		b.budget = BusyPollBudget
	}
	owned := false
	c.Trace.Call(fnNAPIBusyLoop)
	for {
		c.LocalBHDisable()
		t.spin(c)
		if !owned {
			owned = n.busy(b.prefer)
		}
		if owned {
			work := n.pollBusy(c, b.budget)
			t.TCPExt.BusyPollRxPackets += uint64(work)
		}
		c.LocalBHEnable()
		over := b.done(c) || b.once
		if resched = !over && c.NeedResched(); over || resched {
			break
		}
	}
	if owned {
		n.stopBusy(c, b)
	}
	c.Trace.Leave(fnNAPIBusyLoop)
	return resched
}

// busy takes the instance for a busy loop, if nobody has it.
func (n *Instance) busy(prefer bool) bool {
	if n.state&(Disable|Sched|InBusyPoll) != 0 {
		n.Contended++
		if prefer {
			n.state |= PreferBusyPoll
		}
		return false
	}
	n.state |= InBusyPoll | Sched
	return true
}

// pollBusy polls the instance in a busy loop: what was held back goes up at once.
func (n *Instance) pollBusy(c *cpu.Core, budget int) int {
	work := n.pollTraced(c, budget)
	n.GRO.flush(c)
	return work
}

// pollTraced calls the driver's poll function.
func (n *Instance) pollTraced(c *cpu.Core, budget int) int {
	depth := c.Trace.Depth()
	if n.GRO.merges() {
		n.GRO.polled(c, n)
	}
	work := n.driver.PollRings(c, budget)
	c.Trace.NAPIPoll(depth, n.Name, work, budget)
	return work
}

// stopBusy gives the instance back. It models busy_poll_stop: one more poll, so
// that the driver enables the interrupt; one that finds as much as it may leaves
// the rest to a softirq, or to the timer of a socket that prefers to poll.
func (n *Instance) stopBusy(c *cpu.Core, b *busyLoop) {
	n.state &^= Missed | InBusyPoll
	c.LocalBHDisable()
	timer := false
	if b.prefer {
		if n.deferred = n.deferral.HardIRQs; n.deferred > 0 && n.deferral.Timeout > 0 {
			n.startTimer(c, n.deferral.Timeout)
			timer = true
		}
	}
	if work := n.pollTraced(c, b.budget); work == b.budget {
		if timer && n.state&Disable == 0 {
			n.flush(c, n.GRO.Precise)
			n.state &^= Sched
		} else {
			n.GRO.flush(c)
			n.Raise(c, n)
		}
	}
	c.LocalBHEnable()
}
