package socket

import (
	"math"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
)

// Wait is how a thread waits for its sockets before it receives.
type Wait uint8

// Ways to wait.
const (
	// WaitRecv: in the receive call itself, on one socket.
	WaitRecv Wait = iota
	// WaitEpoll: in epoll_wait.
	WaitEpoll
	// WaitPoll: in poll or select, which ask every socket each time.
	WaitPoll
	// WaitSpin: not at all; it calls again and again without blocking, one socket after the other.
	WaitSpin
)

// ReaderConfig is how a thread receives.
type ReaderConfig struct {
	// Wait is how it waits: with epoll or poll, then one receive call on every ready socket.
	Wait Wait
	// Edge is EPOLLET: a socket is reported when something has come in, not as long as something is there.
	Edge bool
	// Drain repeats the receive call on a ready socket until it finds nothing.
	Drain bool
	// Batch is vlen of recvmmsg; 0 means recvmsg.
	Batch int
	// WaitAll leaves MSG_WAITFORONE out: a blocking recvmmsg waits for all of the batch.
	WaitAll bool
	// Timeout is that of recvmmsg, looked at only after a datagram has come in (RM-2); 0: none.
	Timeout engine.Time
	// RcvTimeo is SO_RCVTIMEO of the sockets, as this thread's blocking calls see it; 0: none.
	RcvTimeo engine.Time
	// Peek looks at every datagram with MSG_PEEK before it reads it.
	Peek bool
	// Buffer is the size of the program's buffer in bytes; 0: large enough.
	Buffer int
	// Service is the time in user mode per datagram.
	Service law.Law
	// Pauses are when the thread does nothing.
	Pauses Pauses
	// FaultPPM is how many of a million copies meet a page that is not there, and FaultFor how long that takes.
	FaultPPM int
	FaultFor law.Law
	// Nice is the thread's nice value.
	Nice int
}

// A Thread is one thread of an application that reads sockets. It is a step
// machine over the calls that it makes:
//
//	        ┌──────────── next ready socket, or again ───────────┐
//	        ▼                                                    │
//	top ─▶ epoll_wait ─▶ recv ─▶ copy ─▶ ... batch ... ─▶ service ┘
//	           │ none ready  │ empty, blocking   │ locked
//	           ▼             ▼                   ▼
//	         sleep         sleep               sleep
//
// With a [Pool], others take over the service.
//
// Not modelled:
//   - An epoll instance has no settings of busy polling of its own (EPIOCSPARAMS,
//     6.9), and there is no irq_suspend_timeout.
type Thread struct {
	cfg    ReaderConfig
	host   *Host
	task   *cpu.Task
	rand   engine.Stream
	timer  *cpu.Line
	pauses *pauser
	pool   *Pool
	socks  []*Sock

	plain   bool        // no waiting call, no pauses: a round is a receive call
	readsOn bool        // no MSG_PEEK, no SO_RCVTIMEO, no page faults
	simple  bool        // and of one datagram whose service takes a known time
	fixed   bool        // Service is always the same
	service engine.Time // that time
	buffer  uint32      // the most bytes that a call copies
	debt    engine.Time // kernel time that the next step takes more

	state    threadState
	ready    []*watch // epoll's ready list
	events   []*Sock  // of this waiting call
	served   int      // of events
	cur      *Sock
	d        Datagram
	got      int           // datagrams of this call
	handed   int           // of got, to the pool
	arrived  []engine.Time // of those, if there is a pool
	call0    engine.Time   // when this call began
	deadline engine.Time   // of SO_RCVTIMEO, Never if none runs
	peeking  bool          // this copy is MSG_PEEK's
	bad      bool          // the datagram's checksum was bad

	busy busyLoop

	entered bool     // recvmsg, or recvmmsg its next message, has just begun
	mark    cpu.Mark // when it has

	// Calls counts receive calls, Empty those that found nothing, Waits calls of epoll_wait and poll, Timeouts calls
	// that SO_RCVTIMEO or recvmmsg's timeout has ended, Faults copies that met a page fault, LockWaits those that
	// waited for the socket's owner.
	Calls, Empty, Waits, Timeouts, Faults, LockWaits uint64

	timerCount uint64
	timerCost  engine.Time
}

type threadState uint8

const (
	atTop threadState = iota
	inWait
	inRecv
	inCopy
	inLock
	inCallEnd
	inService
	inHandOver
	inPause
	inEnd
)

// NewThread starts a thread on core c that reads the sockets; it begins at the
// instant start.
func NewThread(h *Host, c *cpu.Core, name string, cfg ReaderConfig, socks []*Sock, rand engine.Stream, start engine.Time) *Thread {
	t := &Thread{cfg: cfg, host: h, rand: rand, socks: socks, deadline: engine.Never}
	t.busy.since, t.busy.done = -1, t.busyDone
	t.plain = cfg.Wait == WaitRecv && cfg.Pauses.None()
	t.readsOn = !cfg.Peek && cfg.RcvTimeo == 0 && cfg.FaultPPM == 0
	if t.buffer = math.MaxUint32; cfg.Buffer > 0 {
		t.buffer = uint32(min(uint64(cfg.Buffer), math.MaxUint32))
	}
	if service, ok := cfg.Service.Fixed(); ok { // otherwise service stays 0: every time is drawn
		t.service, t.fixed = engine.Time(service), true
		t.simple = t.plain && cfg.Batch <= 1
	}
	t.task = c.NewTask(name, cfg.Nice, t.step)
	if !cfg.Pauses.None() {
		t.pauses = newPauser(&t.cfg.Pauses, &t.rand)
	}
	if t.pauses != nil || cfg.RcvTimeo > 0 || cfg.FaultPPM > 0 {
		t.timer = c.NewLine(&t.timerCost, &t.timerCount, t.timeout)
	}
	if cfg.Wait == WaitEpoll || cfg.Wait == WaitPoll {
		for _, s := range socks {
			w := &watch{thread: t, sock: s}
			s.watchers = append(s.watchers, w)
			if cfg.Wait == WaitEpoll && s.queue.len() > 0 {
				w.mark()
			}
		}
	}
	t.task.Start(start)
	return t
}

// Task returns the thread's task.
func (t *Thread) Task() *cpu.Task { return t.task }

// wake wakes the thread from core c, or from outside at the given instant.
func (t *Thread) wake(c *cpu.Core, now engine.Time) bool {
	if c != nil {
		t.task.Core().Settle(c.Now()) // time has passed since the socket was looked at
	}
	if !t.task.Asleep() || t.state != inRecv && t.state != inWait {
		return false
	}
	if c == nil {
		t.task.Start(now + engine.Picosecond)
		return true
	}
	c.Trace.Call(fnWake)
	c.Spend(t.host.Costs.Wake.Fixed)
	c.Wake(t.task)
	c.Trace.Leave(fnWake)
	return true
}

// timeout is the thread's own timer: a pause or a page fault ends, or a
// blocking call has waited long enough (SO_RCVTIMEO).
func (t *Thread) timeout(c *cpu.Core) {
	if t.state == inRecv {
		t.cur.leave(t)
	}
	c.Wake(t.task)
}

// step is what happens at the end of the present step, and of those after it as
// long as nothing comes in between.
func (t *Thread) step(c *cpu.Core, task *cpu.Task) {
	for {
		switch s := t.state; { // the common ones first
		case s == inRecv && c.Consumer():
			t.readOn(c)
		case s == inRecv:
			t.recv(c)
		case s == inService:
			t.next(c)
		case s == inWait:
			t.wait(c)
		case s == inCopy:
			t.copied(c)
		case s == atTop, s == inPause:
			t.top(c)
		case s == inCallEnd:
			t.endCall(c)
		case s == inLock:
			t.free(c)
		case s == inHandOver:
			t.handOver(c)
		case s == inEnd:
			task.Continue(0, true)
			task.Sleep()
		}
		if !c.StepOver(task) {
			return
		}
	}
}

func (t *Thread) begin(s threadState, d engine.Time) {
	t.state = s
	if t.debt > 0 {
		d += t.debt
		t.debt = 0
	}
	t.task.Continue(d, false)
}

// top begins a round, unless the thread pauses now.
func (t *Thread) top(c *cpu.Core) {
	if t.pauses != nil {
		if end := t.pauses.pauseEnd(c.Now()); end > 0 {
			t.state = inPause
			t.task.Continue(0, true)
			t.task.Sleep()
			t.timer.Raise(end)
			return
		}
	}
	k := t.host.Costs
	switch t.cfg.Wait {
	case WaitEpoll:
		t.Waits++
		t.begin(inWait, k.Syscall.Fixed+k.EpollWait.Fixed)
	case WaitPoll:
		t.Waits++
		t.busy.flag, t.busy.until = t.host.BusyLoop != nil && *t.host.NetBusyPoll != 0, 0
		t.begin(inWait, k.Syscall.Fixed+k.EpollWait.Fixed+engine.Time(len(t.socks))*k.PollFD.Fixed)
	case WaitSpin:
		t.served %= len(t.socks)
		t.cur = t.socks[t.served]
		t.served++
		t.call(c)
	default:
		t.cur = t.socks[0]
		t.call(c)
	}
}

// call enters a receive call on the current socket.
func (t *Thread) call(c *cpu.Core) {
	t.Calls++
	t.got = 0
	t.entered = true
	t.call0 = c.Now()
	t.mark = c.Trace.Mark()
	t.peeking = t.cfg.Peek
	t.begin(inRecv, t.host.Costs.Syscall.Fixed+t.host.Costs.Dequeue.Fixed)
}

// wait looks which sockets are ready, and sleeps if none is.
func (t *Thread) wait(c *cpu.Core) {
	t.collect(c)
	if len(t.events) > 0 {
		t.busy.since = -1
		t.next(c)
		return
	}
	if t.debt > 0 { // checksums took their time: look again
		t.begin(inWait, 0)
		return
	}
	k := t.host.Costs
	again := k.EpollWait.Fixed
	switch {
	case t.cfg.Wait == WaitPoll:
		fds := engine.Time(len(t.socks)) * k.PollFD.Fixed
		if t.busy.flag && t.busyPollAgain(c) {
			t.begin(inWait, max(fds, engine.Nanosecond))
			return
		}
		t.busy.flag = false
		again += fds
	case t.busy.epoll != 0 || t.busy.since >= 0:
		found, resched := t.busyEpoll(c)
		if resched {
			return
		}
		if found {
			t.begin(inWait, 0)
			return
		}
	}
	t.begin(inWait, again)
	t.task.Sleep()
}

// recv takes a datagram, or ends the call, or sleeps.
func (t *Thread) recv(c *cpu.Core) {
	d, s := &t.d, t.cur
	if record := t.host.RecordFlow; record != nil && t.entered && s.rxHash != 0 {
		record(c, s.rxHash)
	}
	t.entered = false
	if t.deadline != engine.Never && t.timer != nil {
		t.timer.Cancel()
	}
	ok := t.get(c, s, d)
	for !ok && s.busy.usec > 0 && !s.shut {
		again, resched := t.busyRecv(c)
		if resched {
			return
		}
		if !again {
			break
		}
		ok = t.get(c, s, d)
	}
	t.busy.since = -1
	switch {
	case ok:
		s.reader = int32(c.ID())
		if c.Trace != nil {
			t.traceTaken(c)
		}
		t.begin(inCopy, t.copying(c, d))
		if t.cfg.FaultPPM > 0 && int(t.rand.Below(1_000_000)) < t.cfg.FaultPPM {
			t.Faults++
			t.task.Sleep()
			t.timer.Raise(c.Now() + max(engine.Time(t.cfg.FaultFor.Draw(&t.rand)), engine.Picosecond))
		}
	case t.got > 0 && !t.cfg.WaitAll: // MSG_WAITFORONE: what was received is returned
		t.endCall(c)
	case s.shut:
		t.finishCall(c, inEnd)
	case s.NonBlocking || t.cfg.Wait == WaitSpin:
		t.Empty++
		t.finishCall(c, inCallEnd)
	default:
		t.block(c)
	}
}

// get takes the datagram at the head, or peeks at it.
func (t *Thread) get(c *cpu.Core, s *Sock, d *Datagram) bool {
	if t.peeking {
		return s.peek(d)
	}
	before := s.reader
	s.reader = int32(c.ID()) // whose reserve of udp_mem the datagram goes back to
	if s.take(d) {
		return true
	}
	s.reader = before
	return false
}

// finishCall ends a receive call that found nothing.
func (t *Thread) finishCall(c *cpu.Core, then threadState) {
	t.deadline = engine.Never
	if t.got > 0 { // of a recvmmsg
		t.endCall(c)
		return
	}
	t.begin(then, t.host.Costs.RecvEmpty.Fixed)
}

// block sleeps in a blocking receive call (RX-3). SO_RCVTIMEO counts in
// jiffies, rounded up, and ends with the tick at which so many have passed.
func (t *Thread) block(c *cpu.Core) {
	s := t.cur
	if t.cfg.RcvTimeo > 0 {
		if t.deadline == engine.Never {
			t.deadline = c.TickAt(c.Jiffies() + c.JiffiesOf(t.cfg.RcvTimeo))
		}
		if t.deadline <= c.Now() {
			t.Timeouts++
			t.Empty++
			t.finishCall(c, inCallEnd)
			return
		}
		t.timer.Raise(t.deadline)
	}
	s.blocked = append(s.blocked, t)
	t.task.Continue(t.host.Costs.Dequeue.Fixed, false)
	t.task.Sleep()
}

// copied ends the copy: the datagram has been read, unless its checksum is bad.
func (t *Thread) copied(c *cpu.Core) {
	s := t.cur
	if c.Trace != nil {
		t.traceCopied(c)
	}
	if t.peeking {
		t.bad = !s.peeked(c.Now(), &t.d, &c.Digest)
		t.freed(c)
		return
	}
	if t.bad = t.d.badChecksum(); !t.bad {
		s.received(c.Now(), &t.d, &c.Digest)
	}
	if s.owned && s.host.Profile.SocketBacklog { // lock_sock_fast takes the slow way (OW-1)
		t.LockWaits++
		t.state = inLock
		t.free(c)
		return
	}
	t.release(c)
	c.LocalBHDisable() // lock_sock_fast and unlock_sock_fast around the release
	c.LocalBHEnable()
	t.freed(c)
}

// free is the slow way of lock_sock_fast: it sleeps until nobody owns the
// socket, and owns it while it frees the datagram.
func (t *Thread) free(c *cpu.Core) {
	if !t.cur.lockSock(t.task) {
		return
	}
	t.release(c)
	t.cur.releaseSock(c, c.Now())
	t.freed(c)
}

// release gives the datagram's memory back.
func (t *Thread) release(c *cpu.Core) {
	if c.Trace != nil {
		t.traceFreed(c)
	}
	if t.bad {
		t.cur.kill(c.Now(), &t.d, &c.Digest)
		return
	}
	t.cur.copied(&t.d)
	if free := t.host.DeferFree; free != nil {
		free(c, int(t.d.AllocCPU))
	}
}

// freed goes on after a datagram: with the next of the batch, or over again
// after a bad checksum, or to the end of the call.
func (t *Thread) freed(c *cpu.Core) {
	t.d.ref = nil
	k := t.host.Costs
	switch {
	case t.bad && (!t.cur.NonBlocking && t.cfg.Wait != WaitSpin || t.host.Profile.RecvSkipsBadChecksum): // a blocking call starts over (5.2.4)
		t.begin(inRecv, k.Dequeue.Fixed)
	case t.bad:
		t.endCall(c)
	case t.peeking: // now for good, in a call of its own
		t.peeking = false
		t.entered = true
		t.Calls++
		t.begin(inRecv, k.Syscall.Fixed+k.Dequeue.Fixed)
	default:
		t.deadline = engine.Never // SO_RCVTIMEO counts anew for each
		if t.pool != nil {
			t.arrived = append(t.arrived, t.d.Arrived)
		}
		t.got++
		if t.got >= t.cfg.Batch {
			t.endCall(c)
			return
		}
		if t.cfg.Timeout > 0 && c.Now()-t.call0 >= t.cfg.Timeout { // RM-2: only here
			t.Timeouts++
			t.endCall(c)
			return
		}
		t.entered = true
		t.begin(inRecv, k.Dequeue.Fixed)
	}
}

// endCall returns to user mode, where each datagram takes its time.
func (t *Thread) endCall(c *cpu.Core) {
	t.deadline = engine.Never
	if t.pool != nil && t.got > 0 {
		t.handed = 0
		t.handOver(c)
		return
	}
	d := engine.Time(t.got) * t.service
	if !t.fixed {
		for range t.got {
			d += engine.Time(t.cfg.Service.Draw(&t.rand))
		}
	}
	t.again()
	if d == 0 {
		t.next(c)
		return
	}
	t.state = inService
	t.task.Continue(d, true)
}

// again ends the count of a call: with Drain, a socket that gave something is
// asked again.
func (t *Thread) again() {
	if t.cfg.Drain && t.got > 0 && t.cfg.Wait != WaitSpin {
		t.served--
	}
	t.got = 0
}

// next goes on with the next ready socket, or from the top.
func (t *Thread) next(c *cpu.Core) {
	if t.plain {
		t.call(c)
		return
	}
	if t.cfg.Wait != WaitSpin && t.served < len(t.events) {
		t.cur = t.events[t.served]
		t.served++
		t.call(c)
		return
	}
	t.top(c)
}

// Hog returns a task of c that only burns time, in steps of a millisecond.
func Hog(c *cpu.Core, name string, nice int, start engine.Time) *cpu.Task {
	task := c.NewTask(name, nice, func(_ *cpu.Core, t *cpu.Task) { t.Continue(engine.Millisecond, true) })
	task.Start(start)
	return task
}
