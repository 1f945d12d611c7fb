package socket

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
)

// readOn is recv on a consumer, a core on which nothing happens but its own tasks
// and timers. It goes through copied and freed, too, and through endCall and next
// if the call is a plain recvmsg, and reads on, until something else happens on the
// core, the queue is empty, the call ends, or a datagram is out of the ordinary.
// The thread is left as they would leave it. Under the naive executive, where
// always something else happens, it is recv.
func (t *Thread) readOn(c *cpu.Core) {
	if c.Trace != nil || !c.Passes(t.host.Costs.Copy.Fixed) || !t.ordinary() {
		t.recv(c)
		return
	}
	s, k := t.cur, t.host.Costs
	for s.queue.len() > 0 {
		d := s.queue.first()
		if d.ref != nil || d.badChecksum() || !c.PassKernel(t.copying(c, d)) {
			break
		}
		s.reader = int32(c.ID())
		t.host.Ledger.Take()
		s.received(c.Now(), d, &c.Digest)
		if t.pool != nil {
			t.arrived = append(t.arrived, d.Arrived)
		}
		if s.quarters() {
			s.refill()
			s.queue.pop()
			s.released(int(d.Truesize))
		} else {
			s.queue.pop()
			s.uncharge(int(d.Truesize))
		}
		t.got++
		step := k.Dequeue.Fixed
		switch {
		case t.got >= t.cfg.Batch && t.simple:
			t.got = 0
			if t.service > 0 && !c.PassUser(t.service) {
				t.state = inService
				t.task.Continue(t.service, true)
				return
			}
			t.Calls++
			t.call0 = c.Now()
			step += k.Syscall.Fixed
		case t.got >= t.cfg.Batch:
			t.endCall(c)
			return
		case t.cfg.Timeout > 0 && c.Now()-t.call0 >= t.cfg.Timeout:
			t.Timeouts++
			t.endCall(c)
			return
		}
		if !c.PassKernel(step) {
			t.task.Continue(step, false)
			return
		}
	}
	switch {
	case s.queue.len() > 0 || s.shut:
		t.recv(c)
	case t.got > 0 && !t.cfg.WaitAll:
		t.endCall(c)
	case t.simple && !s.NonBlocking:
		t.block(c)
	default:
		t.recv(c)
	}
}

// ordinary reports whether readOn knows all that there is to do.
func (t *Thread) ordinary() bool {
	s, h := t.cur, t.host
	return t.readsOn && t.debt == 0 && !s.owned && !s.closed && h.RecordFlow == nil && h.DeferFree == nil
}

// copying is how long it takes to copy a datagram.
func (t *Thread) copying(c *cpu.Core, d *Datagram) engine.Time {
	k := t.host.Costs
	cost := k.Copy.For(min(d.Payload, t.buffer))
	if d.Unverified {
		cost += k.Checksum.For(d.Payload)
	}
	if int(d.CPU) != c.ID() {
		cost += k.RemoteSocket.Fixed
	}
	return cost
}
