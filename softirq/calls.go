package softirq

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
)

// calls are functions queued for a CPU, as bits.
type calls uint8

const (
	callRPS   calls = 1 << iota // rps_trigger_softirq
	callDefer                   // trigger_rx_softirq
)

// call models smp_call_function_single_async from this CPU: an interrupt is sent
// unless a call is queued there already, whose interrupt then serves for both
// (RPS-14).
func (sd *SoftnetData) call(target *SoftnetData, f calls) {
	sd.core.Spend(sd.host.Costs.IPI.Fixed)
	first := target.calls == 0
	if target.calls |= f; first {
		target.ipi.Raise(sd.core.Now() + max(sd.host.Costs.IPILatency.Fixed, engine.Picosecond))
	}
}

// flushCalls models flush_smp_call_function_queue: the handler of the interrupt.
func (sd *SoftnetData) flushCalls(*cpu.Core) {
	f := sd.calls
	sd.calls = 0
	if f&callRPS != 0 {
		sd.rpsTriggerSoftirq()
	}
	if f&callDefer != 0 {
		sd.raise(mib.SoftirqNetRX)
	}
}

// DeferFree models skb_attempt_defer_free, called by a reader on core c that is
// done with an skb which the CPU alloc has made: the skb is left to that CPU,
// which is interrupted when half of skb_defer_max of them wait; beyond
// skb_defer_max it is freed here. The time of freeing is the reader's in either
// case, as in the kernels that have no such list.
func (h *Host) DeferFree(c *cpu.Core, alloc int) {
	if alloc == c.ID() {
		return
	}
	target := h.CPUs[alloc]
	target.deferCount++
	if target.deferCount < h.Config.SKBDeferMax && target.deferCount-1 == h.Config.SKBDeferMax/2 && target.calls&callDefer == 0 {
		h.DeferKicks++
		h.CPUs[c.ID()].call(target, callDefer)
	}
}
