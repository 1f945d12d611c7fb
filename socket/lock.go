package socket

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Lock models lock_sock from outside any core: until Release, datagrams go to
// the backlog (OW-1).
func (s *Sock) Lock() { s.owned = true }

// Release models release_sock from outside any core, in no time.
func (s *Sock) Release(now engine.Time) { s.releaseSock(nil, now) }

// Owned reports whether somebody holds lock_sock.
func (s *Sock) Owned() bool { return s.owned }

// lockSock models lock_sock for a task in its step: it reports whether the task
// owns the socket now. Otherwise the task sleeps, and tries again when it wakes.
func (s *Sock) lockSock(t *cpu.Task) bool {
	if !s.owned {
		s.owned = true
		return true
	}
	s.lockers = append(s.lockers, t)
	t.Continue(0, false)
	t.Sleep()
	return false
}

// releaseSock models release_sock and __release_sock: the backlog drains into
// the queue, what comes in meanwhile behind it, and only then stops counting
// (OW-3 to OW-6); then the first waits no longer.
func (s *Sock) releaseSock(c *cpu.Core, now engine.Time) {
	if c != nil {
		c.LocalBHDisable()
	}
	for s.backlog.len() > 0 {
		d := *s.backlog.pop()
		s.host.Ledger.Take()
		if c != nil {
			c.Spend(s.host.Costs.Enqueue.Fixed)
			now = c.Now()
		}
		if c != nil {
			c.Trace.EnterDatagram(d.ID, d.Head, fnReleaseSock)
			c.Trace.Call(fnQueueRcv1)
			c.Trace.Call(fnSockQueue)
		}
		if s.closed {
			s.host.Ledger.Drop(skb.SocketClosed)
			continue
		}
		if s.SaveRXHash {
			s.busy.napi = d.NAPI
			if c != nil {
				s.busy.incomingCPU = int32(c.ID())
			}
		}
		if s.admit(c, now, d.Truesize, d.Head, d.Payload+skb.UDPHeader) {
			q := s.queue.push()
			*q = d
			s.charge(int(q.Truesize))
			s.queued(q, c, now)
		}
		if c != nil {
			c.Trace.Leave(fnReleaseSock)
		}
	}
	s.logLen = 0
	s.owned = false
	if len(s.lockers) > 0 {
		t := s.lockers[0]
		s.lockers = s.lockers[:copy(s.lockers, s.lockers[1:])]
		if c != nil {
			c.Wake(t)
		} else {
			t.Start(now + engine.Picosecond)
		}
	}
	if c != nil {
		c.LocalBHEnable()
	}
}

// LockConfig is a program that locks its sockets now and then (OW-2).
type LockConfig struct {
	// Every is when: at k*Every, k = 1, 2, ...
	Every engine.Time
	// For is how long each socket is held.
	For engine.Time
	// Asleep: the holder sleeps meanwhile, as IP_ADD_MEMBERSHIP does until it gets the RTNL; otherwise it runs
	// in the kernel, as setsockopt and a corked send do.
	Asleep bool
	// Nice is the thread's nice value.
	Nice int
}

// A Locker is a thread that locks sockets, one after the other, and sleeps until
// it is time again. It models a program's thread in lock_sock and release_sock.
type Locker struct {
	cfg   LockConfig
	host  *Host
	task  *cpu.Task
	timer *cpu.Line
	socks []*Sock
	state lockerState
	next  int // of socks

	// Held counts how often a socket was held, Waited how often that had to wait for another owner.
	Held, Waited uint64
	timerCount   uint64
	timerCost    engine.Time
}

type lockerState uint8

const (
	lockerStarts lockerState = iota
	lockerIdle
	lockerEnters
	lockerHolds
)

// NewLocker starts a thread on core c that locks the sockets.
func NewLocker(h *Host, c *cpu.Core, name string, cfg LockConfig, socks []*Sock) *Locker {
	l := &Locker{cfg: cfg, host: h, socks: socks}
	l.task = c.NewTask(name, cfg.Nice, l.step)
	l.timer = c.NewLine(&l.timerCost, &l.timerCount, func(c *cpu.Core) { c.Wake(l.task) })
	l.task.Start(engine.Picosecond)
	return l
}

// Task returns the thread's task.
func (l *Locker) Task() *cpu.Task { return l.task }

// step is what happens at the end of the present step.
func (l *Locker) step(c *cpu.Core, _ *cpu.Task) {
	switch l.state {
	case lockerStarts:
		l.sleep(c)
	case lockerIdle:
		l.next = 0
		l.enter()
	case lockerEnters:
		s := l.socks[l.next]
		if !s.lockSock(l.task) {
			l.Waited++
			return
		}
		l.Held++
		l.state = lockerHolds
		if l.cfg.Asleep {
			l.task.Continue(0, false)
			l.task.Sleep()
			l.timer.Raise(c.Now() + l.cfg.For)
			return
		}
		l.task.Continue(l.cfg.For, false)
	case lockerHolds:
		l.socks[l.next].releaseSock(c, c.Now())
		if l.next++; l.next < len(l.socks) {
			l.enter()
			return
		}
		l.sleep(c)
	}
}

// enter begins a system call on the next socket.
func (l *Locker) enter() {
	l.state = lockerEnters
	l.task.Continue(l.host.Costs.Syscall.Fixed, false)
}

// sleep waits for the next multiple of Every.
func (l *Locker) sleep(c *cpu.Core) {
	l.state = lockerIdle
	l.task.Continue(0, true)
	l.task.Sleep()
	l.timer.Raise((c.Now()/l.cfg.Every + 1) * l.cfg.Every)
}
