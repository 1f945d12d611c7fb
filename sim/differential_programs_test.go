package sim

import (
	"sort"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/socket"
)

// programs gives some worlds applications of every kind: they poll, spin, peek,
// fault, pause, lock their sockets, hand over to workers, filter; under every
// kernel's rules.
func (w *world) programs() {
	drawn := w.rnd
	w.rnd = engine.NewStream(w.seed, "programs")
	if w.one(3) {
		w.meddled = w.one(2)
		for i := range w.cfg.Apps {
			if a := &w.cfg.Apps[i]; !a.Busy {
				w.program(a)
			}
		}
		if w.one(2) {
			k, n := &w.cfg.Kernel, [...]kernel.Profile{kernel.Linux61(), kernel.Linux612(), kernel.Linux618()}[w.pick(3)]
			k.AcceptRule, k.ReleaseRule, k.FwdAllocRule = n.AcceptRule, n.ReleaseRule, n.FwdAllocRule
			k.UDPMemLimit, k.UDPMemDrop, k.SocketBacklog = n.UDPMemLimit, n.UDPMemDrop, w.one(2)
			k.FilterFirst, k.PeekCounts, k.OvflAlways, k.RecvSkipsBadChecksum = w.one(2), w.one(2), w.one(2), w.one(2)
		}
	}
	w.rnd = drawn
}

// program makes one application of another kind.
func (w *world) program(a *scenario.App) {
	r := &a.Read
	waits := []scenario.ReadMode{r.With, r.With, scenario.PollRecvmsg, scenario.PollRecvmmsg, scenario.SelectRecvmsg,
		scenario.SpinRecvmsg, scenario.SpinRecvmmsg, scenario.EpollRecvmsg, scenario.EpollRecvmmsg}
	r.With = waits[w.pick(len(waits))]
	r.Batch = w.between(1, 40)
	if a.Copies > 0 && len(a.CPUs) == 0 {
		return
	}
	ready := r.With.Wait() == socket.WaitEpoll || r.With.Wait() == socket.WaitPoll
	r.Edge = r.With.Wait() == socket.WaitEpoll && w.one(2)
	r.Drain = ready && w.one(2)
	r.WaitAll = r.With == scenario.Recvmmsg && w.one(2)
	if r.With.Batched() && w.one(2) {
		r.Timeout = 1 + w.rounded(w.span(300*engine.Microsecond))
	}
	r.Peek = !r.With.Batched() && w.one(3)
	r.Buffer = []int{0, 0, 64}[w.pick(3)]
	if w.one(3) {
		r.FaultPPM, r.FaultFor = w.between(1, 100_000), law.Constant(1+int64(w.rounded(w.span(200*engine.Microsecond))))
	}
	switch w.pick(4) {
	case 0:
		r.PauseEvery, r.PauseFor = 0, 0
		r.Pauses.Every = must(law.Exponential(int64(engine.Millisecond)))
		r.Pauses.For = must(law.Uniform(int64(engine.Microsecond), int64(engine.Millisecond)))
	case 1:
		r.PauseEvery, r.PauseFor = 0, 0
		var at engine.Time
		for range w.between(1, 5) {
			p := socket.Pause{At: w.rounded(at + w.span(engine.Millisecond)), For: w.rounded(1 + w.span(engine.Millisecond))}
			r.Pauses.Trace = append(r.Pauses.Trace, p)
			at = p.At + p.For
		}
	}
	if w.one(2) {
		every := w.rounded(20*engine.Microsecond + w.span(engine.Millisecond))
		a.Locks = scenario.Locks{Every: every, For: w.rounded(1 + w.span(every/2)), Asleep: w.one(2), CPU: w.pick(w.cfg.CPUs)}
	}
	if w.one(3) {
		a.Workers = scenario.Workers{CPUs: []int{w.pick(w.cfg.CPUs)}, Queue: w.between(1, 20), Drop: w.one(2)}
		if w.one(2) {
			a.Workers.CPUs = append(a.Workers.CPUs, w.pick(w.cfg.CPUs))
		}
	}
	for i := range a.Sockets {
		s := &a.Sockets[i]
		s.NonBlocking = r.Drain || ready && w.one(2)
		s.RXQOvfl = w.one(2)
		if w.one(2) {
			s.RcvTimeo = 1 + w.span(10*engine.Millisecond)
		}
		if w.one(4) { // source ports below a number
			s.Filter = []socket.FilterInsn{{Op: 0x28, K: 0}, {Op: 0x35, Jf: 1, K: uint32(w.between(1, 65535))}, {Op: 6}, {Op: 6, K: 40}}
		}
	}
}

// meddle does what a program does by hand.
func (w *world) meddle(h *Host, r *engine.Stream) func() {
	s := h.socks[r.Below(uint64(len(h.socks)))]
	n := int(1000 * (1 + r.Below(40)))
	switch r.Below(12) {
	case 0:
		return func() { s.Poll() }
	case 1:
		return func() { s.FIONREAD() }
	case 2:
		return func() { _, _ = s.Recv() }
	case 3:
		return func() { _, _ = s.RecvMsg(n, socket.MsgPeek) }
	case 4:
		return func() { _, _ = s.RecvMsg(n, socket.MsgFault) }
	case 5:
		return func() { _, _ = s.RecvMMsg(8, n, 0) }
	case 6:
		return func() { s.SetRcvBuf(n) }
	case 7:
		return func() { _ = s.Connect(w.traffic[0].Src) }
	case 8:
		return s.Disconnect
	case 9:
		return s.Shutdown
	case 10:
		return func() { s.SetNonBlocking(true) }
	default:
		return func() { // once
			for _, o := range h.socks {
				if o == s {
					s.Close()
					return
				}
			}
		}
	}
}

// meddling adds what is done by hand to the instants of a run, in their order.
func (w *world) meddling(h *Host, locks []instant) []instant {
	r := engine.NewStream(w.seed, "meddle")
	all := locks
	for range 20 {
		all = append(all, instant{t: w.rounded(engine.Time(r.Below(uint64(w.end)))), lock: w.meddle(h, &r)})
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].t < all[j].t })
	for len(all) > 0 && all[len(all)-1].t > w.end {
		all = all[:len(all)-1]
	}
	return all
}
