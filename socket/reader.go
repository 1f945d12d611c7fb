package socket

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
)

// ReaderConfig is how a thread receives.
type ReaderConfig struct {
	// Epoll: epoll_wait first, then one receive call on every ready socket.
	Epoll bool
	// Batch is vlen of recvmmsg; 0 means recvmsg.
	Batch int
	// Service is the time in user mode per datagram.
	Service law.Law
	// PauseEvery and PauseFor: the thread does nothing from k*PauseEvery for PauseFor, k = 1, 2, ...
	PauseEvery, PauseFor engine.Time
	// Nice is the thread's nice value.
	Nice int
}

// A Thread is one thread of an application that reads sockets. It is a step
// machine over the calls that it makes:
//
//	        ┌──────────── next ready socket, or again ───────────┐
//	        ▼                                                    │
//	top ─▶ epoll_wait ─▶ recv ─▶ copy ─▶ ... batch ... ─▶ service ┘
//	           │ none ready  │ empty, blocking
//	           ▼             ▼
//	         sleep         sleep
type Thread struct {
	cfg   ReaderConfig
	host  *Host
	task  *cpu.Task
	rand  engine.Stream
	timer *cpu.Line
	socks []*Sock

	plain   bool        // one socket, no epoll, no pauses: a round is a receive call
	fixed   bool        // Service is always the same
	service engine.Time // that time

	state  threadState
	ready  []*watch // epoll's ready list
	events []*Sock  // of this epoll_wait
	served int      // of events
	cur    *Sock
	d      Datagram
	got    int // datagrams of this call

	entered bool // recvmsg, or recvmmsg its next message, has just begun

	// Calls counts receive calls, Empty those that found nothing, Waits calls of epoll_wait.
	Calls, Empty, Waits uint64
	timerCount          uint64
	timerCost           engine.Time
}

type threadState uint8

const (
	atTop threadState = iota
	inEpollWait
	inRecv
	inCopy
	inCallEnd
	inService
	inPause
)

// NewThread starts a thread on core c that reads the sockets; it begins at the
// instant start.
func NewThread(h *Host, c *cpu.Core, name string, cfg ReaderConfig, socks []*Sock, rand engine.Stream, start engine.Time) *Thread {
	t := &Thread{cfg: cfg, host: h, rand: rand, socks: socks}
	t.plain = !cfg.Epoll && cfg.PauseEvery == 0
	if service, ok := cfg.Service.Fixed(); ok { // otherwise service stays 0: every time is drawn
		t.service, t.fixed = engine.Time(service), true
	}
	t.task = c.NewTask(name, cfg.Nice, t.step)
	if cfg.PauseEvery > 0 {
		t.timer = c.NewLine(&t.timerCost, &t.timerCount, func(c *cpu.Core) { c.Wake(t.task) })
	}
	if cfg.Epoll {
		for _, s := range socks {
			w := &watch{thread: t, sock: s}
			s.watchers = append(s.watchers, w)
			if s.queue.len() > 0 {
				w.mark()
			}
		}
	}
	t.task.Start(start)
	return t
}

// Task returns the thread's task.
func (t *Thread) Task() *cpu.Task { return t.task }

// A watch is a socket in an epoll instance. It models struct epitem.
type watch struct {
	thread *Thread
	sock   *Sock
	marked bool // on the ready list
}

// callback models ep_poll_callback.
func (w *watch) callback(c *cpu.Core, now engine.Time) {
	w.mark()
	t := w.thread
	if t.state != inEpollWait || !t.task.Asleep() {
		return
	}
	if c != nil {
		c.Spend(t.host.Costs.EpollWake.Fixed)
	}
	t.wake(c, now)
}

func (w *watch) mark() {
	if !w.marked {
		w.marked = true
		w.thread.ready = append(w.thread.ready, w)
	}
}

// wake wakes the thread from core c, or from outside at the given instant.
func (t *Thread) wake(c *cpu.Core, now engine.Time) bool {
	if c != nil {
		t.task.Core().Settle(c.Now()) // time has passed since the socket was looked at
	}
	if !t.task.Asleep() || t.state == inPause {
		return false
	}
	if c == nil {
		t.task.Start(now + engine.Picosecond)
		return true
	}
	c.Spend(t.host.Costs.Wake.Fixed)
	c.Wake(t.task)
	return true
}

// step is what happens at the end of the present step, and of those after it as
// long as nothing comes in between.
func (t *Thread) step(c *cpu.Core, task *cpu.Task) {
	for {
		switch t.state {
		case inRecv:
			t.recv(c)
		case inCopy:
			t.copied(c)
		case inService:
			t.next(c)
		case atTop, inPause:
			t.top(c)
		case inEpollWait:
			t.epollWait(c)
		case inCallEnd:
			t.endCall(c)
		}
		if !c.StepOver(task) {
			return
		}
	}
}

func (t *Thread) begin(s threadState, d engine.Time) {
	t.state = s
	t.task.Continue(d, false)
}

// top begins a round, unless the thread pauses now.
func (t *Thread) top(c *cpu.Core) {
	if end := t.pauseEnd(c.Now()); end > 0 {
		t.state = inPause
		t.task.Continue(0, true)
		t.task.Sleep()
		t.timer.Raise(end)
		return
	}
	k := t.host.Costs
	if t.cfg.Epoll {
		t.Waits++
		t.begin(inEpollWait, k.Syscall.Fixed+k.EpollWait.Fixed)
		return
	}
	if t.cur != t.socks[0] {
		t.cur = t.socks[0]
	}
	t.call()
}

// pauseEnd returns the end of the pause that now lies in, 0 if none.
func (t *Thread) pauseEnd(now engine.Time) engine.Time {
	if t.cfg.PauseEvery == 0 || now < t.cfg.PauseEvery {
		return 0
	}
	if in := now % t.cfg.PauseEvery; in < t.cfg.PauseFor {
		return now - in + t.cfg.PauseFor
	}
	return 0
}

// call enters a receive call on the current socket.
func (t *Thread) call() {
	t.Calls++
	t.got = 0
	t.entered = true
	t.begin(inRecv, t.host.Costs.Syscall.Fixed+t.host.Costs.Dequeue.Fixed)
}

// epollWait models ep_send_events, level-triggered: sockets on the ready list
// are asked, and stay on it as long as they have data.
func (t *Thread) epollWait(c *cpu.Core) {
	t.events, t.served = t.events[:0], 0
	keep := t.ready[:0]
	for _, w := range t.ready {
		if w.marked = w.sock.queue.len() > 0; w.marked {
			t.events = append(t.events, w.sock)
			keep = append(keep, w)
		}
	}
	t.ready = keep
	if len(t.events) == 0 {
		t.task.Continue(t.host.Costs.EpollWait.Fixed, false)
		t.task.Sleep()
		return
	}
	t.next(c)
}

// recv takes a datagram, or ends the call, or sleeps.
func (t *Thread) recv(c *cpu.Core) {
	k, d, s := t.host.Costs, &t.d, t.cur
	if t.entered {
		t.entered = false
		if record := t.host.RecordFlow; record != nil && s.rxHash != 0 {
			record(c, s.rxHash)
		}
	}
	switch ok := s.take(d); {
	case ok:
		s.reader = int32(c.ID())
		cost := k.Copy.For(d.Payload)
		if d.Unverified {
			cost += k.Checksum.For(d.Payload)
		}
		if int(d.CPU) != c.ID() {
			cost += k.RemoteSocket.Fixed
		}
		t.begin(inCopy, cost)
	case t.got > 0: // MSG_WAITFORONE: what was received is returned
		t.endCall(c)
	case s.NonBlocking:
		t.Empty++
		t.begin(inCallEnd, k.RecvEmpty.Fixed)
	default:
		s.blocked = append(s.blocked, t)
		t.task.Continue(k.Dequeue.Fixed, false)
		t.task.Sleep()
	}
}

// copied ends the copy: the datagram has been read, unless its checksum is bad.
func (t *Thread) copied(c *cpu.Core) {
	ok := t.cur.finish(c.Now(), &t.d, &c.Digest)
	if ok {
		t.got++
	}
	c.LocalBHDisable() // lock_sock_fast and unlock_sock_fast around the release
	c.LocalBHEnable()
	if !ok && (!t.cur.NonBlocking || t.host.Profile.RecvSkipsBadChecksum) { // a blocking call starts over (5.2.4)
		t.begin(inRecv, t.host.Costs.Dequeue.Fixed)
	} else if ok && t.got < t.cfg.Batch {
		t.entered = true
		t.begin(inRecv, t.host.Costs.Dequeue.Fixed)
	} else {
		t.endCall(c)
	}
}

// endCall returns to user mode, where each datagram takes its time.
func (t *Thread) endCall(c *cpu.Core) {
	d := engine.Time(t.got) * t.service
	if !t.fixed {
		for range t.got {
			d += engine.Time(t.cfg.Service.Draw(&t.rand))
		}
	}
	t.got = 0
	if d == 0 {
		t.next(c)
		return
	}
	t.state = inService
	t.task.Continue(d, true)
}

// next goes on with the next ready socket, or from the top.
func (t *Thread) next(c *cpu.Core) {
	if t.plain {
		t.call()
		return
	}
	if t.served < len(t.events) {
		t.cur = t.events[t.served]
		t.served++
		t.call()
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
