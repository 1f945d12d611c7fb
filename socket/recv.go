package socket

import (
	"errors"
	"io"
	"slices"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Errors of receive calls.
var (
	// ErrAgain is EAGAIN: nothing to receive, or a datagram with a bad checksum was found and dropped (5.2).
	ErrAgain = errors.New("socket: resource temporarily unavailable (EAGAIN)")
	// ErrFault is EFAULT: the datagram could not be copied (5.2).
	ErrFault = errors.New("socket: bad address (EFAULT)")
)

// Flags of a receive call, and of what it returns.
type Flags uint16

// Flags of recvmsg and recvmmsg.
const (
	// MsgPeek leaves the datagram in the queue (MSG_PEEK).
	MsgPeek Flags = 1 << iota
	// MsgTrunc asks for the whole length of a datagram that was cut; on return it says that one was (MSG_TRUNC).
	MsgTrunc
	// MsgDontWait makes the call non-blocking (MSG_DONTWAIT).
	MsgDontWait
	// MsgFault is none of the kernel's flags: the program's buffer cannot be written.
	MsgFault
)

// Message is what a receive call returns.
type Message struct {
	Datagram
	// N is the call's result: the bytes copied, or with MsgTrunc the whole length.
	N int
	// Flags holds MsgTrunc if the buffer was too small.
	Flags Flags
	// Ovfl is the value of the SO_RXQ_OVFL control message, 0 if there was none (OV-1).
	Ovfl uint32
}

// A reference is held by everybody who has an skb that MSG_PEEK has left in the
// queue (skb->users).
type reference struct{ users int }

// reference returns a reference with one user, the queue.
func (h *Host) reference() *reference {
	if n := len(h.spare); n > 0 {
		r := h.spare[n-1]
		h.spare = h.spare[:n-1]
		r.users = 1
		return r
	}
	return &reference{1}
}

// put drops one user, and reports whether it was the last.
func (h *Host) put(r *reference) bool {
	if r.users--; r.users > 0 {
		return false
	}
	h.spare = append(h.spare, r)
	return true
}

// take models __skb_recv_datagram: the head leaves the queue but stays charged
// (RX-2, RX-8) where its memory is not given back at once.
func (s *Sock) take(d *Datagram) bool {
	if s.queue.len() == 0 {
		return false
	}
	s.host.Ledger.Take()
	if !s.quarters() {
		*d = *s.queue.pop()
		return true
	}
	s.refill()
	*d = *s.queue.pop()
	s.released(int(d.Truesize))
	return true
}

// peek models __skb_recv_datagram with MSG_PEEK: the head stays where it is and
// has one user more. d.Peeked says whether it had been peeked at before.
func (s *Sock) peek(d *Datagram) bool {
	if s.queue.len() == 0 {
		return false
	}
	if s.quarters() {
		s.refill()
	}
	head := s.queue.first()
	if head.ref == nil {
		head.ref = s.host.reference()
	}
	head.ref.users++
	*d = *head
	head.Peeked = true
	return true
}

// head reports whether d, which was peeked at, is still the first.
func (s *Sock) head(d *Datagram) bool { return s.queue.len() > 0 && s.queue.first().ref == d.ref }

// badChecksum reports what the copy of a datagram finds out.
func (d *Datagram) badChecksum() bool { return d.Unverified && d.Head.UDPChecksum == skb.ChecksumBad }

// finish models the end of udp_recvmsg after the copy: the datagram counts now
// (RX-5), and its memory is released (RX-7). It reports false for a bad
// checksum, which is counted here and nowhere before (5.2.4).
func (s *Sock) finish(now engine.Time, d *Datagram, digest *engine.Digest) bool {
	if d.badChecksum() {
		s.kill(now, d, digest)
		return false
	}
	s.received(now, d, digest)
	s.copied(d)
	return true
}

// received counts a datagram that has been copied.
func (s *Sock) received(now engine.Time, d *Datagram, digest *engine.Digest) {
	if !d.Peeked || !s.host.Profile.PeekCounts {
		s.host.Net.UDP.InDatagrams++
	}
	s.Delivered++
	s.Bytes += uint64(d.Payload)
	s.host.Ledger.Consume()
	s.host.Ledger.ChainedRead += uint64(d.FragList)
	s.RxQueue.Record(now - d.Queued)
	s.WireToApp.Record(now - d.Arrived)
	digest.Fold(now, digestRead)
}

// kill models skb_kill_datagram for a bad checksum.
func (s *Sock) kill(now engine.Time, d *Datagram, digest *engine.Digest) {
	s.countBad()
	s.Drops++
	s.copied(d)
	s.host.Ledger.Drop(skb.UDPCsum)
	digest.Fold(now, digestFull+uint64(skb.UDPCsum)<<8)
}

func (s *Sock) countBad() {
	s.host.CsumDrops++
	s.host.Net.UDP.InCsumErrors++
	s.host.Net.UDP.InErrors++
}

// peeked ends a receive call with MSG_PEEK after the copy. A bad checksum drops
// the datagram, unless somebody was quicker: then only sk_drops moves (4.5).
func (s *Sock) peeked(now engine.Time, d *Datagram, digest *engine.Digest) bool {
	switch {
	case !d.badChecksum():
		if s.host.Profile.PeekCounts && !d.Peeked {
			s.host.Net.UDP.InDatagrams++
		}
		s.unref(d)
		return true
	case s.head(d):
		var gone Datagram
		s.take(&gone)
		gone.ref.users--
		s.kill(now, &gone, digest)
	default:
		s.Drops++
		s.unref(d)
	}
	return false
}

// unref drops a peeker's reference: the last one frees the datagram.
func (s *Sock) unref(d *Datagram) {
	if s.host.put(d.ref) && !s.quarters() {
		s.uncharge(int(d.Truesize))
	}
}

// copied models skb_free_datagram_locked: the memory of a datagram comes back
// after its copy (RX-7, RX-8), unless somebody who peeks at it still has it, or
// it came back when the datagram was taken.
func (s *Sock) copied(d *Datagram) {
	if d.ref != nil && !s.host.put(d.ref) {
		return
	}
	if !s.quarters() {
		s.uncharge(int(d.Truesize))
		if s.closed { // meanwhile
			s.releaseAll()
		}
	}
}

// fault ends a receive call that could not copy: unless the datagram had been
// peeked at before, it counts as an error; unless this call peeks, it is lost
// (5.2.5).
func (s *Sock) fault(now engine.Time, d *Datagram, flags Flags, digest *engine.Digest) {
	if !d.Peeked {
		s.Drops++
		s.host.Net.UDP.InErrors++
	}
	if flags&MsgPeek != 0 {
		s.unref(d)
		return
	}
	s.copied(d)
	s.host.Ledger.Drop(skb.CopyFault)
	digest.Fold(now, digestFull+uint64(skb.CopyFault)<<8)
}

// Recv reads one datagram from outside any core, at the given instant, without
// blocking: what an application's recvmsg would return. It models udp_recvmsg.
func (s *Sock) Recv(now engine.Time, digest *engine.Digest) (Datagram, error) {
	m, err := s.RecvMsg(now, 1<<16, MsgDontWait, digest)
	return m.Datagram, err
}

// RecvMsg is a recvmsg with a buffer of size bytes, from outside any core. It
// models udp_recvmsg. There is no thread that could sleep: where a blocking
// call would, it returns ErrAgain as well; but it goes on when it meets a bad
// checksum (5.2.4), and returns io.EOF when reading was shut down (RX-3).
func (s *Sock) RecvMsg(now engine.Time, size int, flags Flags, digest *engine.Digest) (Message, error) {
	if err := s.err; err != nil { // RX-1
		s.err = nil
		return Message{}, err
	}
	get := s.take
	if flags&MsgPeek != 0 {
		get = s.peek
	}
	var m Message
	for {
		d := &m.Datagram
		switch {
		case get(d):
		case s.shut:
			return Message{}, io.EOF
		default:
			return Message{}, ErrAgain
		}
		if flags&MsgFault != 0 && !(d.badChecksum() && size < int(d.Payload)) {
			s.fault(now, d, flags, digest)
			return Message{}, ErrFault
		}
		if flags&MsgPeek != 0 && s.peeked(now, d, digest) || flags&MsgPeek == 0 && s.finish(now, d, digest) {
			s.describe(&m, size, flags)
			return m, nil
		}
		if (s.NonBlocking || flags&MsgDontWait != 0) && !s.host.Profile.RecvSkipsBadChecksum {
			return Message{}, ErrAgain
		}
	}
}

// describe fills in what recvmsg says of a datagram that was copied.
func (s *Sock) describe(m *Message, size int, flags Flags) {
	m.N = min(size, int(m.Payload))
	if m.N < int(m.Payload) {
		m.Flags = MsgTrunc
		if flags&MsgTrunc != 0 {
			m.N = int(m.Payload)
		}
	}
	if s.RXQOvfl {
		m.Ovfl = m.Dropcount
	}
}

// RecvMMsg is a recvmmsg for up to vlen datagrams, from outside any core. It
// models __sys_recvmmsg: an error after the first datagram is the socket's next
// one, unless it is EAGAIN (RM-3).
func (s *Sock) RecvMMsg(now engine.Time, vlen, size int, flags Flags, digest *engine.Digest) ([]Message, error) {
	var got []Message
	for len(got) < vlen {
		m, err := s.RecvMsg(now, size, flags, digest)
		if err == nil {
			got = append(got, m)
			continue
		}
		if len(got) == 0 {
			return nil, err
		}
		if !errors.Is(err, ErrAgain) && !errors.Is(err, io.EOF) {
			s.err = err
		}
		break
	}
	return got, nil
}

// SetError leaves an error on the socket, as an ICMP message to a connected one
// does: the next receive call returns it (RX-1).
func (s *Sock) SetError(err error) { s.err = err }

// SetRcvBuf models SO_RCVBUF at run time: only later tests see it (RB-6).
func (s *Sock) SetRcvBuf(request int) {
	s.RcvBuf = s.host.Memory.Limits.rcvBuf(s.host.Profile, request)
}

// SetRcvBufForce models SO_RCVBUFFORCE at run time (RB-3).
func (s *Sock) SetRcvBufForce(request int) { s.RcvBuf = rcvBufOf(s.host.Profile, request) }

// SettleWith says that the core must be settled before the socket is looked at.
func (s *Sock) SettleWith(c *cpu.Core) {
	s.settle = c
	if !slices.Contains(s.host.consumers, c) {
		s.host.consumers = append(s.host.consumers, c)
	}
}
