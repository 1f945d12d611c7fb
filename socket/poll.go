package socket

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
)

// Events are what poll says of a socket.
type Events uint8

// Events of poll and epoll.
const (
	// PollIn is POLLIN and POLLRDNORM: there is something to read.
	PollIn Events = 1 << iota
	// PollRdHup is POLLRDHUP: reading was shut down.
	PollRdHup
)

// Poll models udp_poll (PL-1): on a blocking descriptor it looks at the first
// datagram's checksum, and drops those that are bad.
func (s *Sock) Poll(now engine.Time, digest *engine.Digest) Events {
	e, _ := s.poll(now, digest)
	return e
}

// poll returns, besides the events, how long the checksums took that it verified.
func (s *Sock) poll(now engine.Time, digest *engine.Digest) (Events, engine.Time) {
	switch {
	case s.shut:
		return PollIn | PollRdHup, 0
	case s.queue.len() == 0:
		return 0, 0
	case s.NonBlocking:
		return PollIn, 0
	}
	if !s.queue.first().Unverified && !s.quarters() {
		return PollIn, 0
	}
	_, ok, took := s.firstPacketLength(now, digest)
	if !ok {
		return 0, took
	}
	return PollIn, took
}

// Inq models ioctl SIOCINQ, or FIONREAD: the payload of the first datagram, not
// of all (PL-2).
func (s *Sock) Inq(now engine.Time, digest *engine.Digest) int {
	n, _, _ := s.firstPacketLength(now, digest)
	return n
}

// firstPacketLength models first_packet_length: datagrams with a bad checksum
// at the head are dropped, and the first of the others is verified for good.
//
// Not modelled:
//   - poll and FIONREAD do not wait for the socket's owner before they drop a
//     datagram with a bad checksum.
func (s *Sock) firstPacketLength(now engine.Time, digest *engine.Digest) (n int, ok bool, took engine.Time) {
	if s.quarters() {
		s.refill()
	}
	for s.queue.len() > 0 {
		head := s.queue.first()
		if !head.Unverified {
			return int(head.Payload), true, took
		}
		took += s.host.Costs.Checksum.For(head.Payload)
		if !head.badChecksum() {
			head.Unverified = false
			continue
		}
		var d Datagram
		s.take(&d)
		s.kill(now, &d, digest)
	}
	return 0, false, took
}

// Shutdown models shutdown(SHUT_RD): receive calls that find nothing return the
// end of the file, and poll says so.
func (s *Sock) Shutdown(now engine.Time) {
	s.shut = true
	for _, w := range s.watchers {
		w.callback(nil, now)
	}
	for len(s.blocked) > 0 {
		s.firstBlocked().wake(nil, now)
	}
}

// dataReady models sock_def_readable: at most one exclusive sleeper, and every
// epoll instance and every poll (WK-1, WK-2).
func (s *Sock) dataReady(c *cpu.Core, now engine.Time) {
	if c != nil {
		c.Trace.Call(fnReadable)
	}
	for _, w := range s.watchers {
		w.callback(c, now)
	}
	for len(s.blocked) > 0 {
		if s.firstBlocked().wake(c, now) {
			break
		}
	}
	if c != nil {
		c.Trace.Leave(fnReadable)
	}
}

// firstBlocked takes the first of those who sleep in a receive call.
func (s *Sock) firstBlocked() *Thread {
	t := s.blocked[0]
	if len(s.blocked) == 1 {
		s.blocked = s.blocked[:0]
	} else {
		s.blocked = s.blocked[:copy(s.blocked, s.blocked[1:])]
	}
	return t
}

// leave takes a thread out of those that sleep in a receive call.
func (s *Sock) leave(t *Thread) {
	for i, b := range s.blocked {
		if b == t {
			s.blocked = append(s.blocked[:i], s.blocked[i+1:]...)
			return
		}
	}
}

// A watch is a socket in an epoll instance, or in a call of poll. It models
// struct epitem and struct poll_table_entry.
type watch struct {
	thread *Thread
	sock   *Sock
	marked bool // on the ready list
}

// callback models ep_poll_callback, or pollwake.
func (w *watch) callback(c *cpu.Core, now engine.Time) {
	t := w.thread
	if c != nil {
		if t.cfg.Wait == WaitEpoll {
			c.Trace.Call(fnPoll)
			defer c.Trace.Leave(fnPoll)
		}
		t.task.Core().Settle(c.Now()) // time has passed since the socket was looked at
	}
	if t.cfg.Wait == WaitEpoll {
		w.mark()
		if w.sock.marksOnce {
			t.busyCallback(w.sock)
		}
	}
	if t.state != inWait || !t.task.Asleep() {
		return
	}
	if c != nil && t.cfg.Wait == WaitEpoll {
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

// collect lists the sockets that a waiting call finds ready. It models ep_send_events for
// epoll: sockets on the ready list are asked, and stay on it as long as they
// have data, unless they are edge-triggered; and do_poll for the others, which
// ask every socket.
func (t *Thread) collect(c *cpu.Core) {
	t.events, t.served = t.events[:0], 0
	if t.cfg.Wait != WaitEpoll {
		t.busy.able = false
		for _, s := range t.socks {
			if s.busy.usec > 0 {
				t.busyPollOne(c, s)
			}
			e, took := s.poll(c.Now(), &c.Digest)
			t.debt += took
			if e&PollIn != 0 {
				t.events = append(t.events, s)
				t.busy.flag = false
			}
		}
		return
	}
	kept := 0
	for i, w := range t.ready {
		w.marked = false
		if s := w.sock; s.queue.len() == 0 && !s.shut {
			continue
		}
		e, took := w.sock.poll(c.Now(), &c.Digest)
		t.debt += took
		if e&PollIn == 0 {
			continue
		}
		t.events = append(t.events, w.sock)
		if !t.cfg.Edge {
			w.marked = true
			if i != kept {
				t.ready[kept] = w
			}
			kept++
		}
	}
	t.ready = t.ready[:kept]
}
