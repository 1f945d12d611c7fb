// Package socket models a UDP socket's receive side: the accounting of
// sk_rcvbuf, sk_rmem_alloc, sk_backlog and udp_mem (net/core/sock.c), queueing
// (net/ipv4/udp.c:udp_queue_rcv_skb), the receive calls (udp_recvmsg,
// recvmmsg, epoll), and the application's reader.
//
//	QueueRcvSKB ─ (B+M) > R ─▶ RcvbufErrors            
//	     │ owned by user ─▶ sk_backlog ─ full ─▶ InErrors
//	     ▼ release_sock drains it
//	M >= R ─▶ RcvbufErrors (S-2);  udp_mem ─▶ InErrors   (S-6)
//	     ▼
//	receive queue ─▶ wake ─▶ Reader: dequeue, copy ─▶ InDatagrams
//
// Not modelled: socket filters, encapsulation, SO_TIMESTAMP, SO_RXQ_OVFL,
// MSG_PEEK, SO_BUSY_POLL, the time that CPUs wait for the socket's spinlock.
package socket

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/hist"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Host is what all sockets of a host share.
type Host struct {
	Costs  *kernel.Costs
	Ledger *skb.Ledger
	Net    *mib.Net
	Memory Memory
	// CsumDrops counts datagrams whose bad checksum was found by their reader.
	CsumDrops uint64
	// Stack, if not nil, records the time from the poll to the receive queue.
	Stack *hist.Hist
}

// A Datagram is an skb in a receive queue.
type Datagram struct {
	// Arrived is when the last bit of the frame arrived, Queued when the datagram entered the queue.
	Arrived, Queued engine.Time
	// Polled is when the driver took the frame off the ring.
	Polled engine.Time
	// Head holds the addresses.
	Head *skb.Header
	// ID is the frame's number.
	ID uint64
	// Truesize is what it is charged with, in bytes; Payload the bytes a reader gets.
	Truesize, Payload uint32
	// Unverified: nobody has verified the checksum yet (2.2).
	Unverified bool
	// CPU is where it was queued.
	CPU uint16
}

// Sock is one UDP socket. It models struct sock.
type Sock struct {
	host   *Host
	Name   string
	RcvBuf int // sk_rcvbuf
	// NonBlocking is O_NONBLOCK: an empty receive call returns EAGAIN, and so does one that finds a bad checksum.
	NonBlocking bool

	rmem     int // sk_rmem_alloc, M
	fwdAlloc int // sk_forward_alloc
	backlog  ring
	logLen   int // sk_backlog.len, B
	owned    bool
	queue    ring
	closed   bool

	reader   int32     // the CPU that last read from the socket, -1 if none did
	settle   *cpu.Core // consumer to settle before the socket is looked at
	blocked  []*Thread // exclusive waiters, first come first served
	watchers []*watch  // epoll instances

	// Drops is sk_drops, Delivered and Bytes what readers got.
	Drops, Delivered, Bytes uint64
	// MaxQueued is the most datagrams that ever waited, MaxRmem the most bytes charged.
	MaxQueued, MaxRmem int
	// RxQueue and WireToApp are the times from queueing to the end of the copy, and from the wire to there.
	RxQueue, WireToApp hist.Hist
}

// Kinds of effects in digests.
const (
	digestQueued = cpu.DigestStages + 256 + iota
	digestFull
	digestRead
)

// New returns a socket with the given sk_rcvbuf.
func New(h *Host, name string, rcvbuf int) *Sock {
	return &Sock{host: h, Name: name, RcvBuf: rcvbuf, reader: -1}
}

// QueueRcvSKB implements udp.Socket. It models udp_queue_rcv_skb (Q-5 to
// a test without the lock, then, when the time of getting there and of
// queueing has passed, the socket as it is by then.
func (s *Sock) QueueRcvSKB(c *cpu.Core, b *skb.Buff) {
	if s.full() || s.reader < 0 { // perhaps only because the reader lags behind
		s.look(c)
		if s.full() && !s.closed {
			s.host.Net.UDP.RcvbufErrors++
			s.refuse(c, skb.SocketRcvbuff)
			return
		}
	}
	c.Spend(s.host.Costs.Enqueue.Fixed + s.remote(c))
	s.look(c)
	switch {
	case s.closed:
		s.host.Ledger.Drop(skb.SocketClosed)
	case !s.owned:
		if s.hasRoom(b.Truesize) || s.admit(c, b.Truesize) {
			d := s.queue.push()
			fill(d, c, b)
			s.queued(d, c, c.Now())
		}
	case s.full(): // full meanwhile, and not in RcvbufErrors
		s.refuse(c, skb.SocketBacklog)
	default:
		s.logLen += int(b.Truesize)
		fill(s.backlog.push(), c, b)
		s.host.Ledger.Put()
		c.Digest.Fold(c.Now(), digestQueued)
	}
}

// look brings a reader that lags behind to the core's clock.
func (s *Sock) look(c *cpu.Core) {
	if s.settle != nil {
		s.settle.Settle(c.Now())
	}
}

// full is the test before the lock and at the backlog: unsigned, and without
// the arriving packet (Q-5, CAP-1).
func (s *Sock) full() bool { return uint32(s.logLen+s.rmem) > uint32(s.RcvBuf) }

// fill makes a datagram of a packet, field by field: a composite literal would
// be built beside the queue and copied.
func fill(d *Datagram, c *cpu.Core, b *skb.Buff) {
	d.Arrived, d.Polled, d.Head, d.ID = b.At, b.Polled, b.Head, b.ID
	d.Truesize, d.Payload = b.Truesize, b.Len-skb.UDPHeader
	d.Unverified, d.CPU = b.Summed == skb.ChecksumNone, uint16(c.ID())
}

// hasRoom is the common case of admit: the datagram fits twice over, into the
// buffer and into pages that the socket has.
func (s *Sock) hasRoom(truesize uint32) bool {
	return int32(s.rmem) < int32(s.RcvBuf) && int(truesize) <= s.fwdAlloc
}

// admit models the tests of sock_queue_rcv_skb (S-2, S-6) on core c, nil while
// a backlog drains outside any core.
func (s *Sock) admit(c *cpu.Core, truesize uint32) bool {
	switch {
	case int32(s.rmem) >= int32(s.RcvBuf): // S-2, signed
		s.host.Net.UDP.RcvbufErrors++
		s.refuse(c, skb.SocketRcvbuff)
		return false
	case !s.host.Memory.schedule(s, int(truesize)): // S-6
		s.refuse(c, skb.ProtoMem)
		return false
	}
	return true
}

// queued charges the datagram that has just entered the queue (S-7 to S-9).
func (s *Sock) queued(d *Datagram, c *cpu.Core, now engine.Time) {
	d.Queued = now
	s.rmem += int(d.Truesize)
	s.fwdAlloc -= int(d.Truesize)
	s.MaxRmem = max(s.MaxRmem, s.rmem)
	s.MaxQueued = max(s.MaxQueued, s.queue.len())
	s.host.Ledger.Put()
	if s.host.Stack != nil {
		s.host.Stack.Record(now - d.Polled)
	}
	if c != nil {
		c.Digest.Fold(now, digestQueued)
	}
	if len(s.blocked) > 0 || len(s.watchers) > 0 {
		s.dataReady(c, now)
	}
}

// refuse counts a drop at the socket (table 4.5).
func (s *Sock) refuse(c *cpu.Core, r skb.DropReason) {
	s.Drops++
	s.host.Net.UDP.InErrors++
	s.host.Ledger.Drop(r)
	if c != nil {
		c.Digest.Fold(c.Now(), digestFull+uint64(r)<<8)
		c.Spend(s.host.Costs.FullDrop.Fixed)
	}
}

// remote is what touching the socket costs a core when another one has read
// from it last: its cache lines have to move.
func (s *Sock) remote(c *cpu.Core) engine.Time {
	if s.reader < 0 || int(s.reader) == c.ID() {
		return 0
	}
	return s.host.Costs.RemoteEnqueue.Fixed
}

// dataReady models sock_def_readable: at most one exclusive sleeper, and every
// epoll instance (WK-1, WK-2).
func (s *Sock) dataReady(c *cpu.Core, now engine.Time) {
	for _, w := range s.watchers {
		w.callback(c, now)
	}
	for len(s.blocked) > 0 {
		t := s.blocked[0]
		if len(s.blocked) == 1 {
			s.blocked = s.blocked[:0]
		} else {
			s.blocked = s.blocked[:copy(s.blocked, s.blocked[1:])]
		}
		if t.wake(c, now) {
			return
		}
	}
}

// Lock models lock_sock: until Release, datagrams go to the backlog (OW-1).
func (s *Sock) Lock() { s.owned = true }

// Release models release_sock: the backlog drains into the queue, and only
// then stops counting (OW-3 to OW-5).
func (s *Sock) Release(now engine.Time) {
	for s.backlog.len() > 0 {
		d := s.backlog.pop()
		s.host.Ledger.Take()
		if s.admit(nil, d.Truesize) {
			q := s.queue.push()
			*q = *d
			s.queued(q, nil, now)
		}
	}
	s.logLen = 0
	s.owned = false
}

// Owned reports whether somebody holds lock_sock.
func (s *Sock) Owned() bool { return s.owned }

// Rmem returns sk_rmem_alloc, Backlog sk_backlog.len, in bytes of truesize.
func (s *Sock) Rmem() int { return s.rmem }

// Backlog returns sk_backlog.len in bytes of truesize.
func (s *Sock) Backlog() int { return s.logLen }

// Queued returns the number of datagrams in the receive queue.
func (s *Sock) Queued() int { return s.queue.len() }

// Live returns how many datagrams the socket holds.
func (s *Sock) Live() uint64 { return uint64(s.queue.len() + s.backlog.len()) }

// Close drops what is queued: no counter but the ledger's moves (V18).
func (s *Sock) Close() {
	s.closed = true
	s.host.Ledger.Lose(skb.SocketClosed, s.Live())
	for s.queue.len() > 0 {
		s.uncharge(int(s.queue.pop().Truesize))
	}
	s.host.Memory.give(s.fwdAlloc / pageSize)
	s.fwdAlloc %= pageSize
	s.backlog, s.logLen = ring{}, 0
}
