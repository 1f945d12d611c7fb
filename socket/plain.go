package socket

import "github.com/seed-556df219/rxpath/sim/cpu"

// isSimple reports whether each round of the thread is one recvmsg on one socket
// and a service whose time is known. What may change while it runs is asked for
// by readPlain.
func (c *ReaderConfig) isSimple() bool {
	_, fixed := c.Service.Fixed()
	return c.Wait == WaitRecv && c.Batch <= 1 && fixed && c.Pauses.None() && !c.Peek && c.RcvTimeo == 0 && c.FaultPPM == 0
}

// readPlain is recv for a simple thread on a consumer. Unless something out of
// the ordinary is in the way, it goes through copied, endCall and next, too, and
// reads on, until the queue is empty or something else happens on the core: then
// the thread is left at the step in which it is, as they would leave it. Under the
// naive executive it is recv.
func (t *Thread) readPlain(c *cpu.Core) {
	s, h := t.cur, t.host
	k := h.Costs
	if t.pool != nil || t.debt > 0 || s.owned || s.closed || h.RecordFlow != nil || h.DeferFree != nil || s.quarters() {
		t.recv(c)
		return
	}
	for s.queue.len() > 0 {
		d := s.queue.first()
		if d.ref != nil || d.badChecksum() {
			break
		}
		size := d.Payload
		if t.cfg.Buffer > 0 {
			size = min(size, uint32(t.cfg.Buffer))
		}
		copying := k.Copy.For(size)
		if d.Unverified {
			copying += k.Checksum.For(d.Payload)
		}
		if int(d.CPU) != c.ID() {
			copying += k.RemoteSocket.Fixed
		}
		if !c.PassKernel(copying) {
			break
		}
		s.reader = int32(c.ID())
		h.Ledger.Take()
		s.received(c.Now(), d, &c.Digest)
		s.queue.pop()
		s.uncharge(int(d.Truesize))
		if t.service > 0 && !c.PassUser(t.service) {
			t.state = inService
			t.task.Continue(t.service, true)
			return
		}
		t.Calls++
		t.call0 = c.Now()
		if entry := k.Syscall.Fixed + k.Dequeue.Fixed; !c.PassKernel(entry) {
			t.task.Continue(entry, false)
			return
		}
	}
	t.recv(c)
}
