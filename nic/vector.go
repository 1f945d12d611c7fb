package nic

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
)

// latencyClass is a class of the dynamic algorithm.
type latencyClass uint8

const (
	lowestLatency latencyClass = iota
	lowLatency
	bulkLatency
)

// A Vector is one MSI-X vector with its NAPI instance. It models struct
// ixgbe_q_vector and the hardware's mask, cause and timer of the vector (IRQ-1, IRQ-2).
type Vector struct {
	port   *Port
	index  int
	label  string
	napi   NAPI
	line   *cpu.Line
	lines  []*cpu.Line // one per core that it ever interrupted
	queues []*Queue

	pending   bool        // cause latched
	pendingAt engine.Time // when it was
	enabled   bool        // EIMS
	masked    bool        // from an interrupt to the end of the poll that it has asked for
	enabledAt engine.Time
	notBefore engine.Time // the throttle's countdown ends
	itr       int         // the driver's value
	interval  engine.Time // of the next countdown (IRQ-6)
	setting   int         // of rx-usecs, in the driver's units
	dynamic   bool        // moderation adapts
	class     latencyClass

	rxPackets, rxBytes uint64 // since the last ITR update
	adaptive           adaptiveITR

	id   uint16 // of the NAPI instance
	lock qvLock

	// NAPIYields counts polls that found the rings a socket's, PollYields polls of sockets that found them somebody
	// else's; the driver counts both in the same field (POLL-2).
	NAPIYields, PollYields uint64

	// Asserts counts interrupts sent, Polls calls of the poll function, by CPU in the host.
	Asserts, Polls uint64
	// Count is the row of /proc/interrupts, per CPU.
	Count []uint64
}

func newVector(p *Port, index int, label string) *Vector {
	v := &Vector{port: p, index: index, label: label, enabled: !p.cfg.Down}
	v.napi = p.instance(p.name, v)
	v.id = v.napi.ID()
	v.setting, v.dynamic = p.driver.setting(p.cfg.RXUsecs)
	v.itr = p.driver.startITR(v.setting, v.dynamic)
	v.interval = p.driver.interval(v.itr)
	return v
}

// Label returns the vector's name without the device's, as in TxRx-0.
func (v *Vector) Label() string { return v.label }

// NAPIID returns the id of the vector's instance.
func (v *Vector) NAPIID() uint16 { return v.id }

// Name returns the vector's name in /proc/interrupts (RX-40): the interrupt of a
// device without MSI-X has the device's.
func (v *Vector) Name() string {
	if v.port.cfg.MSI {
		return v.port.name
	}
	return v.port.name + "-" + v.label
}

// OtherFirst and OtherLast say where the vector for link changes stands among
// the port's interrupts: without MSI-X there is none.
func (p *Port) OtherFirst() bool { return p.driver.otherFirst && !p.cfg.MSI }

// OtherLast is the other half of OtherFirst.
func (p *Port) OtherLast() bool { return !p.driver.otherFirst && !p.cfg.MSI }

// Bind sends the vector's interrupts to a core from the next one on; one that is
// under way still goes where it was sent (NAPI-2). cpus is the length of the row
// of /proc/interrupts.
func (v *Vector) Bind(c *cpu.Core, cpus int) {
	if v.Count == nil {
		v.Count = make([]uint64, cpus)
	}
	for _, l := range v.lines {
		if l.Core() == c {
			v.line = l
			return
		}
	}
	v.line = c.NewLine(&v.port.costs.HardIRQ.Fixed, &v.Count[c.ID()], v.handle)
	v.line.Name = v.Name
	v.lines = append(v.lines, v.line)
}

// Free takes the vector's interrupts away. It models free_irq.
func (v *Vector) Free() {
	for _, l := range v.lines {
		l.Free()
	}
	v.lines = nil
}

// Core returns the CPU that the vector interrupts.
func (v *Vector) Core() *cpu.Core { return v.line.Core() }

// handle models ixgbe_msix_clean_rings, which writes no register (IRQ-1), and
// igb_msix_ring, which writes what the last poll has computed (IGB-11): the
// countdown that runs is the old one.
func (v *Vector) handle(c *cpu.Core) {
	if v.port.driver.writesITRLate {
		v.interval = v.port.driver.interval(v.itr)
	}
	v.napi.Schedule(c)
}

// written latches the cause of a descriptor that is written back at ready.
func (v *Vector) written(ready engine.Time) {
	if !v.pending || ready < v.pendingAt { // earlier: the service task's trigger, while a descriptor is under way
		v.pending, v.pendingAt = true, ready
	}
}

// assertAt is when the vector interrupts next if nothing else happens, given
// that nothing is written back before next; a lower bound if nothing is pending.
func (v *Vector) assertAt(next engine.Time) engine.Time {
	if !v.enabled {
		return engine.Never
	}
	if v.pending {
		next = v.pendingAt
	}
	if next == engine.Never {
		return next
	}
	return max(next, v.enabledAt, v.notBefore)
}

// assert sends the interrupt at t: the cause is cleared and the vector masked
// (IRQ-1, IRQ-2). Descriptors that are written back later latch it again.
func (v *Vector) assert(t engine.Time) {
	p := v.port
	v.pending = false
	v.enabled, v.masked = false, true
	v.notBefore = t + v.interval
	v.Asserts++
	if !p.naive {
		v.pendingAt = engine.Never
		for _, q := range v.queues {
			v.pendingAt = min(v.pendingAt, q.firstAfter(t))
		}
		v.pending = v.pendingAt != engine.Never
	}
	p.Digest.Fold(t, digestIRQ+uint64(v.index)<<16)
	v.line.Raise(t + max(p.costs.Interrupt.Fixed, engine.Picosecond))
}

// PollRings implements napi.Driver. It models ixgbe_poll (POLL-2): each ring
// gets its share of the budget; if any used it up the poll is not done, and the
// full weight is charged (POLL-3, POLL-4). A poll of a busy loop leaves the
// vector as it is.
func (v *Vector) PollRings(c *cpu.Core, weight int) int {
	v.Polls++
	p := v.port
	c.Trace.Call(p.driver.poll)
	c.Spend(p.costs.Poll.Fixed)
	budget := weight
	if len(v.queues) > 1 {
		budget = max(weight/len(v.queues), 1)
	}
	if p.driver.busyPolls {
		if v.lock != qvIdle { // POLL-2 (2): ixgbe_qv_lock_napi
			v.NAPIYields++
			return weight
		}
		v.lock = qvNAPI
	}
	done, work := true, 0
	for i := len(v.queues) - 1; i >= 0; i-- { // the most recently added ring first (RX-37)
		c.Trace.Call(p.driver.clean)
		n := v.queues[i].clean(c, budget)
		c.Trace.Leave(p.driver.clean)
		if work += n; n >= budget {
			done = false
		}
	}
	v.lock = qvIdle
	if !done {
		return weight
	}
	if v.napi.InBusyPoll() {
		return min(work, weight-1)
	}
	c.Spend(p.costs.PollDone.Fixed)
	p.settle(c.Now())
	unmask := v.napi.Complete(c, work)
	if v.dynamic && unmask {
		p.driver.moderate(v)
	}
	if unmask {
		v.unmask(c.Now())
	}
	if p.profile.PollReturnsWork {
		return min(work, weight-1)
	}
	return 0
}

// qvLock says who has the rings of a vector. It models the state of struct
// ixgbe_q_vector.
type qvLock uint8

const (
	qvIdle qvLock = iota // IXGBE_QV_STATE_IDLE
	qvNAPI               // IXGBE_QV_STATE_NAPI: a poll
	qvPoll               // IXGBE_QV_STATE_POLL: a socket
)

// busyChunk is how many frames a socket's poll takes at most.
const busyChunk = 4

// BusyPoll implements napi.BusyPoller. It models ixgbe_low_latency_recv: up to
// four frames off the first ring that has any, unless a poll has the vector.
func (v *Vector) BusyPoll(c *cpu.Core) (packets int, ok bool) {
	p := v.port
	if p.cfg.Down || !p.driver.busyPolls {
		return 0, false
	}
	if v.lock != qvIdle { // ixgbe_qv_lock_poll
		v.PollYields++
		return 0, true
	}
	v.lock = qvPoll
	c.Trace.Call(busyPollFunction)
	for i := len(v.queues) - 1; i >= 0 && packets == 0; i-- {
		q := v.queues[i]
		c.Trace.Call(p.driver.clean)
		if packets = q.clean(c, busyChunk); packets > 0 {
			q.BPCleaned += uint64(packets)
		} else {
			q.BPMisses++
		}
		c.Trace.Leave(p.driver.clean)
	}
	c.Trace.Leave(busyPollFunction)
	v.lock = qvIdle
	return packets, true
}

// busyPollFunction is what tracers call BusyPoll.
const busyPollFunction = "ixgbe_low_latency_recv"

// unmask writes the vector's bit to EIMS, the last action of a completed poll:
// nobody looks at the ring again, but a latched cause interrupts (IRQ-4).
func (v *Vector) unmask(t engine.Time) {
	v.enabled, v.enabledAt, v.masked = !v.port.cfg.Down, t, false // POLL-2 (7)
	v.port.Changed()
}
