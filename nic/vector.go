package nic

import (
	"fmt"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
)

// Interrupt moderation in the driver's unit of a quarter microsecond (2.3).
const (
	itrLowest  = 40  // IXGBE_100K_ITR
	itrLow     = 200 // IXGBE_20K_ITR
	itrBulk    = 500 // IXGBE_8K_ITR
	itrDynamic = 1
)

// eitrStep is what one step of the EITR field means (IRQ-9).
const eitrStep = 2048 * engine.Nanosecond

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
	napi   NAPI
	line   *cpu.Line
	queues []*Queue

	pending   bool        // cause latched
	pendingAt engine.Time // when it was
	enabled   bool        // EIMS
	enabledAt engine.Time
	notBefore engine.Time // the throttle's countdown ends
	itr       int         // the driver's value
	interval  engine.Time // of the next countdown (IRQ-6)
	setting   int         // 1 dynamic, else a fixed value
	class     latencyClass

	rxPackets, rxBytes uint64 // since the last ITR update

	// Asserts counts interrupts sent, Polls calls of the poll function, by CPU in the host.
	Asserts, Polls uint64
	// Count is the row of /proc/interrupts, per CPU.
	Count []uint64
}

func newVector(p *Port, index int, instance func(string, *Vector) NAPI) *Vector {
	v := &Vector{port: p, index: index, enabled: true}
	v.napi = instance(p.name, v)
	v.setting = p.cfg.RXUsecs
	if v.setting > itrDynamic {
		v.setting *= 4
	}
	v.itr = v.setting
	if v.setting == itrDynamic {
		v.itr = itrLow // IRQ-13
	}
	v.interval = interval(v.itr)
	return v
}

// interval is what the hardware makes of a driver's value (IRQ-12).
func interval(itr int) engine.Time { return engine.Time(itr&0xff8>>3) * eitrStep }

// Name returns the vector's name in /proc/interrupts (RX-40).
func (v *Vector) Name() string { return fmt.Sprintf("%s-TxRx-%d", v.port.name, v.index) }

// Bind sends the vector's interrupts to a core.
func (v *Vector) Bind(c *cpu.Core, cpus int) {
	if v.Count == nil {
		v.Count = make([]uint64, cpus)
	}
	v.line = c.NewLine(&v.port.costs.HardIRQ.Fixed, &v.Count[c.ID()], v.handle)
}

// Core returns the CPU that the vector interrupts.
func (v *Vector) Core() *cpu.Core { return v.line.Core() }

// handle models ixgbe_msix_clean_rings: it writes no register (IRQ-1).
func (v *Vector) handle(c *cpu.Core) { v.napi.Schedule(c) }

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
	v.enabled = false
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
// full weight is charged (POLL-3, POLL-4).
func (v *Vector) PollRings(c *cpu.Core, weight int) int {
	v.Polls++
	p := v.port
	c.Spend(p.costs.Poll.Fixed)
	budget := weight
	if len(v.queues) > 1 {
		budget = max(weight/len(v.queues), 1)
	}
	done := true
	for i := len(v.queues) - 1; i >= 0; i-- { // the most recently added ring first (RX-37)
		if v.queues[i].clean(c, budget) >= budget {
			done = false
		}
	}
	if !done {
		return weight
	}
	c.Spend(p.costs.PollDone.Fixed)
	p.settle(c.Now())
	v.napi.Complete()
	if v.setting == itrDynamic {
		v.setITR()
	}
	v.unmask(c.Now())
	return 0
}

// unmask writes the vector's bit to EIMS, the last action of a completed poll:
// nobody looks at the ring again, but a latched cause interrupts (IRQ-4).
func (v *Vector) unmask(t engine.Time) {
	v.enabled, v.enabledAt = true, t
	v.port.Changed()
}

// setITR models ixgbe_update_itr and ixgbe_set_itr (2.3), for the receive
// container: the transmit container has no packets and stays at lowest.
func (v *Vector) setITR() {
	if us := v.itr >> 2; v.rxPackets > 0 && us > 0 {
		v.class = v.class.next(v.rxBytes / uint64(us))
		v.rxPackets, v.rxBytes = 0, 0
	}
	target := [...]int{lowestLatency: itrLowest, lowLatency: itrLow, bulkLatency: itrBulk}[v.class]
	if target != v.itr {
		v.itr = 10 * target * v.itr / (9*target + v.itr)
		v.interval = interval(v.itr)
	}
}

// next moves a class by at most one step, by bytes per microsecond.
func (l latencyClass) next(rate uint64) latencyClass {
	switch {
	case l == lowestLatency && rate > 10:
		return lowLatency
	case l == lowLatency && rate > 20:
		return bulkLatency
	case l == lowLatency && rate <= 10:
		return lowestLatency
	case l == bulkLatency && rate <= 20:
		return lowLatency
	}
	return l
}
