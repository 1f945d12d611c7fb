package socket

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A BusyLoop polls the device whose NAPI instance has that id in a task's time, until done says that it is enough, or
// once; prefer and budget are SO_PREFER_BUSY_POLL and SO_BUSY_POLL_BUDGET. True means that another task wants the CPU
// first. The napi package implements it.
type BusyLoop func(c *cpu.Core, id uint16, once, prefer bool, budget int, done func(*cpu.Core) bool) (resched bool)

// busySettings are what struct sock holds for busy polling.
type busySettings struct {
	usec        uint32 // sk_ll_usec
	prefer      bool   // sk_prefer_busy_poll
	budget      int    // sk_busy_poll_budget
	napi        uint16 // sk_napi_id
	incomingCPU int32  // sk_incoming_cpu
}

// mark models sock_rps_save_rxhash, sk_mark_napi_id and sk_incoming_cpu_update of
// a connected socket (S-1), sk_mark_napi_id_once of another.
//
// Not modelled:
//   - A packet of lo has no id. In newer kernels it leaves the number of its
//     sender's CPU in its place, which a socket that is not connected keeps.
func (s *Sock) mark(c *cpu.Core, b *skb.Buff) {
	switch {
	case s.SaveRXHash:
		s.rxHash, s.busy.napi, s.busy.incomingCPU = b.Hash, b.NAPI, int32(c.ID())
	case s.marksOnce && s.busy.napi == 0:
		s.busy.napi = b.NAPI
	}
}

// SetBusyPoll sets SO_BUSY_POLL, in microseconds; 0 ends busy polling.
func (s *Sock) SetBusyPoll(usecs int) { s.busy.usec = uint32(usecs) }

// BusyPoll returns SO_BUSY_POLL.
func (s *Sock) BusyPoll() int { return int(s.busy.usec) }

// SetPreferBusyPoll sets SO_PREFER_BUSY_POLL, SetBusyPollBudget SO_BUSY_POLL_BUDGET
// (5.11); older kernels know neither.
func (s *Sock) SetPreferBusyPoll(on bool) { s.busy.prefer = on }

// SetBusyPollBudget sets SO_BUSY_POLL_BUDGET, 0: BUSY_POLL_BUDGET.
func (s *Sock) SetBusyPollBudget(n int) { s.busy.budget = n }

// NAPIID returns sk_napi_id, 0 if none was recorded.
func (s *Sock) NAPIID() int { return int(s.busy.napi) }

// SetIncomingCPU sets SO_INCOMING_CPU (4.4).
func (s *Sock) SetIncomingCPU(cpu int) { s.busy.incomingCPU = int32(cpu) }

// IncomingCPU returns SO_INCOMING_CPU: the CPU that was set, or that has last
// queued for the connected socket; -1 before.
//
// Not modelled:
//   - As long as nobody has set SO_INCOMING_CPU, the CPU that queued for
//     a connected socket does not decide between it and another that is connected
//     to the same peer.
func (s *Sock) IncomingCPU() int { return int(s.busy.incomingCPU) }

// canBusyLoop models sk_can_busy_loop on core c: in old kernels nobody begins who
// is to give way.
func (s *Sock) canBusyLoop(c *cpu.Core) bool {
	return s.busy.usec > 0 && s.busy.napi != 0 && s.host.BusyLoop != nil && (s.host.Profile.NAPIBusyLoop || !c.NeedResched())
}

// busyClock models busy_loop_us_clock, whose microseconds are 1024 ns long.
func busyClock(t engine.Time) int64 { return int64(t / (1024 * engine.Nanosecond)) }

// busyLoop is a thread's part of a busy loop.
type busyLoop struct {
	done    func(*cpu.Core) bool // of whichever call the thread is in
	usecs   uint32               // how long
	since   int64                // the clock when it began, -1: none is under way
	found   bool                 // there was something when it was looked at last
	flag    bool                 // POLL_BUSY_LOOP: poll may loop
	able    bool                 // a socket said that it can
	until   int64                // the clock at which poll's loop ends, 0: it has not begun
	epoll   uint16               // the NAPI id of an epoll instance
	entered uint64
}

// BusyLoops returns how many busy loops the thread has begun.
func (t *Thread) BusyLoops() uint64 { return t.busy.entered }

// loop begins or goes on with a busy loop; it returns true if another task
// wants the CPU first.
func (t *Thread) loop(c *cpu.Core, id uint16, usecs uint32, once, prefer bool, budget int) (resched bool) {
	b := &t.busy
	if b.since < 0 {
		b.since, b.usecs, b.found = busyClock(c.Now()), usecs, false
		b.entered++
	} else if t.busyDone(c) { // napi_busy_loop asks before it starts again
		b.since = -1
		return false
	}
	if t.host.BusyLoop(c, id, once, prefer, budget, b.done) {
		return true
	}
	b.since = -1
	return false
}

// busyDone models sk_busy_loop_end, busy_loop_timeout and ep_busy_loop_end: there
// is something to read, or the time is up.
func (t *Thread) busyDone(c *cpu.Core) bool {
	b := &t.busy
	if b.found = len(t.ready) > 0; t.state != inWait || t.cfg.Wait != WaitEpoll {
		b.found = t.cur.queue.len() > 0
	}
	return b.found || busyClock(c.Now()) > b.since+int64(b.usecs)
}

// busyRecv is the busy loop of a receive call that has found nothing (RX-3). It
// says whether to look into the queue again, or to come again when the CPU is free.
func (t *Thread) busyRecv(c *cpu.Core) (again, resched bool) {
	s, b := t.cur, &t.busy
	if b.since < 0 && !s.canBusyLoop(c) {
		return false, false
	}
	once := s.NonBlocking || t.cfg.Wait == WaitSpin || t.got > 0 && !t.cfg.WaitAll
	if t.loop(c, s.busy.napi, s.busy.usec, once, s.busy.prefer, s.busy.budget) {
		t.begin(inRecv, 0)
		return false, true
	}
	if t.host.Profile.NAPIBusyLoop {
		return s.queue.len() > 0, false
	}
	return s.queue.len() > 0 && (b.found || !once), false // wait_for_more_packets looks once more, before it sleeps
}

// busyPollOne is sock_poll of a socket that poll or select asks: with
// POLL_BUSY_LOOP it polls the device once.
func (t *Thread) busyPollOne(c *cpu.Core, s *Sock) {
	if !t.busy.flag || !s.canBusyLoop(c) {
		return
	}
	t.busy.able = true
	t.cur = s
	t.loop(c, s.busy.napi, s.busy.usec, true, s.busy.prefer, s.busy.budget)
}

// busyPollAgain models the end of a round of do_poll that has found nothing: as
// long as net.core.busy_poll allows there is another one.
func (t *Thread) busyPollAgain(c *cpu.Core) bool {
	b := &t.busy
	if !b.able || c.NeedResched() {
		return false
	}
	now := busyClock(c.Now())
	if b.until == 0 {
		b.until = now + int64(uint32(*t.host.NetBusyPoll)) + 1
		return true
	}
	return now < b.until
}

// busyEpoll models ep_busy_loop: epoll polls the device from which its last socket
// was woken.
func (t *Thread) busyEpoll(c *cpu.Core) (again, resched bool) {
	b := &t.busy
	if b.since < 0 && (b.epoll == 0 || *t.host.NetBusyPoll == 0) {
		return false, false
	}
	if t.loop(c, b.epoll, uint32(*t.host.NetBusyPoll), false, false, 0) {
		t.begin(inWait, 0)
		return false, true
	}
	if len(t.ready) == 0 {
		b.epoll = 0
	}
	return len(t.ready) > 0, false
}

// busyCallback models ep_set_busy_poll_napi_id (4.12).
func (t *Thread) busyCallback(s *Sock) {
	if t.host.BusyLoop != nil && s.busy.napi != 0 && *t.host.NetBusyPoll != 0 {
		t.busy.epoll = s.busy.napi
	}
}
