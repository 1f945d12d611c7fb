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
// Not modelled:
//   - There are no encapsulation sockets. Of IPsec policies, security modules and
//     emergency reserves there are only the shares of datagrams that they refuse.
//   - The option SO_PEEK_OFF, MSG_ERRQUEUE, and signals do not exist.
//   - The moments for which a reader holds the socket's spinlock take no time,
//     so only CPUs that queue wait for it.
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
	Profile *kernel.Profile
	Costs   *kernel.Costs
	Ledger  *skb.Ledger
	Net     *mib.Net
	Memory  Memory
	// CsumDrops counts datagrams whose bad checksum was found by their reader.
	CsumDrops uint64
	// RecordFlow, if not nil, is told of every call of recvmsg on a connected socket, with the hash of its last packet (RPS-7).
	RecordFlow func(c *cpu.Core, hash uint32)
	// SMP: several CPUs process packets, and wait for each other at a socket's lock.
	SMP bool
	// DeferFree, if not nil, is told of every skb that a reader on core c frees, with the CPU that made it (linux-6.18 3.7).
	DeferFree func(c *cpu.Core, alloc int)
	// BusyLoop polls a device in a reader's time (napi.Table.BusyLoop); nil: no device can be polled.
	BusyLoop BusyLoop
	// NetBusyPoll is net.core.busy_poll, in microseconds.
	NetBusyPoll *int
	// Stack, if not nil, records the time from the poll to the receive queue.
	Stack *hist.Hist

	consumers []*cpu.Core // that may lag behind and give memory back
	spare     []*reference
}

// A Datagram is an skb in a receive queue.
type Datagram struct {
	// Arrived is when the last bit of the frame arrived, Queued when the datagram entered the queue.
	Arrived, Queued engine.Time
	// Polled is when the driver took the frame off the ring.
	Polled engine.Time
	// TStamp is the packet's timestamp, 0 without one (CORE-1).
	TStamp engine.Time
	// Head holds the addresses.
	Head *skb.Header
	// ID is the frame's number.
	ID uint64
	// Truesize is what it is charged with, in bytes; Payload the bytes a reader gets.
	Truesize, Payload uint32
	// Dropcount is sk_drops when it was queued: what SO_RXQ_OVFL reports (OV-1).
	Dropcount uint32
	// Unverified: nobody has verified the checksum yet (2.2).
	Unverified bool
	// Peeked: it has been seen with MSG_PEEK.
	Peeked bool
	ref    *reference // of those who have it besides the queue, nil if nobody ever had
	// CPU is where it was queued, AllocCPU where its skb was made.
	CPU, AllocCPU uint8
	// NAPI is the id of the instance that polled its packet.
	NAPI uint16
	// FragList is the number of buffers behind its first.
	FragList uint16
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
	shut     bool   // shutdown(SHUT_RD)
	err      error  // sk_err
	filter   Filter // SO_ATTACH_FILTER
	refusing bool   // some of refusals is not 0

	lock cpu.Spinlock // sk_lock.slock, later that of the queue

	readerQueue int // how many of queue are in the reader's own, from the head (4.13 on)
	deficit     int // bytes read and not given back yet (forward_deficit, 4.10 on)
	inFlight    int // bytes on their way into the queue (udp_prod_queue, 6.18)

	// RXQOvfl is SO_RXQ_OVFL.
	RXQOvfl bool

	// SaveRXHash: the socket is connected, and saves the flow hash, the NAPI id and the CPU of what comes to it (S-1).
	SaveRXHash bool
	marksOnce  bool   // otherwise it saves the NAPI id of the first that has one (4.10)
	rxHash     uint32 // sk_rxhash

	reader   int32       // the CPU that last read from the socket, -1 if none did
	settle   *cpu.Core   // consumer to settle before the socket is looked at
	blocked  []*Thread   // exclusive waiters, first come first served
	watchers []*watch    // epoll instances, and polls
	lockers  []*cpu.Task // who sleeps in lock_sock

	// Drops is sk_drops, Delivered and Bytes what readers got.
	Drops, Delivered, Bytes uint64
	// MaxQueued is the most datagrams that ever waited, MaxRmem the most bytes charged.
	MaxQueued, MaxRmem int
	// What few sockets have stands behind what each packet asks for.
	busy     busySettings
	refusals Refusals
	rand     engine.Stream // of refusals
	filterRC int           // what sk_filter has just returned, if not EPERM
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
	s := &Sock{host: h, Name: name, RcvBuf: rcvbuf, reader: -1, marksOnce: h.Profile.NAPIBusyLoop}
	s.busy.incomingCPU = -1
	return s
}

// QueueRcvSKB implements udp.Socket. It models udp_queue_rcv_skb: in 4.0 (Q-5 to
// Q-10) there is a test without the lock, then, when the time of getting there and
// of queueing has passed, the socket as it is by then.
func (s *Sock) QueueRcvSKB(c *cpu.Core, b *skb.Buff) {
	c.Trace.Enter(b, fnQueueRcv)
	if s.refusing && s.denied(c) {
		return
	}
	if s.filter != nil && !s.filtered(c, b) {
		return
	}
	if s.host.Profile.AcceptRule != kernel.BelowRcvBuf {
		s.enqueueScheduleSKB(c, b)
		return
	}
	if s.full() { // perhaps only because the reader lags behind
		s.look(c)
		if s.full() && !s.closed {
			s.host.Net.UDP.RcvbufErrors++
			s.refuse(c, skb.SocketRcvbuff)
			return
		}
	}
	smp := s.host.SMP
	if smp {
		s.lock.Lock(c)
	}
	if s.reader < 0 {
		s.look(c)
	}
	cost := s.host.Costs.Enqueue.Fixed + s.remote(c)
	if s.filter != nil && !s.host.Profile.FilterFirst {
		cost += s.host.Costs.Filter.Fixed
	}
	if c.Trace != nil {
		c.Trace.Call(fnQueueRcv1)
		c.Trace.Call(fnSockQueue)
	}
	c.Spend(cost)
	s.look(c)
	switch {
	case s.closed:
		s.host.Ledger.Drop(skb.SocketClosed)
		c.Trace.KfreeSKB(skb.SocketClosed, fnDestruct)
	case !s.owned || !s.host.Profile.SocketBacklog:
		s.mark(c, b)
		if s.hasRoom(b.Truesize) || s.admit(c, c.Now(), b.Truesize, b.Head, b.Len) {
			d := s.queue.push()
			s.fill(d, c, b)
			s.charge(int(d.Truesize))
			s.queued(d, c, c.Now())
		}
	case s.full(): // full meanwhile, and not in RcvbufErrors
		c.Trace.Leave(fnQueueRcv1)
		s.refuse(c, skb.SocketBacklog)
	default:
		s.logLen += int(b.Truesize)
		if s.SaveRXHash { // the rest at the end of its owner's time
			s.rxHash = b.Hash
		}
		s.fill(s.backlog.push(), c, b)
		s.host.Ledger.Put()
		if c.Trace != nil {
			c.Trace.Leave(fnQueueRcv1)
			c.Trace.Queued(b.ID, "the backlog of "+s.Name)
		}
		c.Digest.Fold(c.Now(), digestQueued)
	}
	if smp {
		s.lock.Unlock(c)
	}
}

// enqueueScheduleSKB models __udp_enqueue_schedule_skb (4.10 on): one test, at
// once charged, then the lock of the queue; nobody's ownership counts.
//
// Not modelled:
//   - Of CPUs that meet at a 6.18 socket, each queues its own packet; the
//     kernel puts them on a list, which one of them queues for all.
func (s *Sock) enqueueScheduleSKB(c *cpu.Core, b *skb.Buff) {
	c.Trace.Call(fnEnqueue)
	s.mark(c, b)
	if !s.accepts(int(b.Truesize)) || b.FragLen != 0 { // perhaps only because the reader lags behind
		s.look(c)
		if !s.accepts(int(b.Truesize)) && !s.closed {
			s.host.Net.UDP.RcvbufErrors++
			s.refuse(c, skb.SocketRcvbuff)
			return
		}
	}
	size := s.condense(b)
	charged := &s.rmem // 4.10: at once
	if s.host.Profile.AcceptRule == kernel.FitsOrEmpty {
		charged = &s.inFlight // 6.18: in the producers' own account, until the readers have been woken
	}
	*charged += size
	locks := s.host.SMP && charged == &s.rmem
	if locks {
		s.lock.Lock(c) // of the queue
	}
	if s.reader < 0 {
		s.look(c)
	}
	c.Spend(s.host.Costs.Enqueue.Fixed + s.remote(c))
	s.look(c)
	s.enqueueSKB(c, b, size, charged)
	if locks {
		s.lock.Unlock(c)
	}
}

// enqueueSKB is the part of __udp_enqueue_schedule_skb under the queue's lock.
func (s *Sock) enqueueSKB(c *cpu.Core, b *skb.Buff, size int, charged *int) {
	if s.closed {
		*charged -= size
		s.host.Ledger.Drop(skb.SocketClosed)
		c.Trace.KfreeSKB(skb.SocketClosed, fnDestruct)
		return
	}
	if !s.schedule(size, c.Now(), c.ID()) {
		*charged -= size
		if c.Trace != nil {
			s.traceMem(c, size)
		}
		s.memRefused(c)
		return
	}
	d := s.queue.push()
	s.fill(d, c, b)
	d.Truesize = uint32(size)
	if charged == &s.rmem {
		s.rmem -= size // charge counts it
	}
	s.charge(size)
	s.queued(d, c, c.Now())
	if charged == &s.inFlight {
		s.inFlight -= size
	}
}

// look brings a reader that lags behind to the core's clock.
func (s *Sock) look(c *cpu.Core) {
	if s.settle != nil {
		s.settle.Settle(c.Now())
	}
}

// fill makes a datagram of a packet, field by field: a composite literal would
// be built beside the queue and copied.
func (s *Sock) fill(d *Datagram, c *cpu.Core, b *skb.Buff) {
	d.Arrived, d.Polled, d.TStamp, d.Head, d.ID = b.At, b.Polled, b.TStamp, b.Head, b.ID
	d.Truesize, d.Payload = b.Truesize, b.Len-skb.UDPHeader
	d.NAPI = b.NAPI
	d.Unverified, d.Peeked, d.CPU, d.ref, d.FragList = b.Summed == skb.ChecksumNone, false, uint8(c.ID()), nil, b.FragList
	if d.AllocCPU = d.CPU; b.AllocCPU != 0 {
		d.AllocCPU = uint8(b.AllocCPU - 1)
	}
	if b.Chain != nil {
		b.Chain.Kept = true
	}
	if s.filter != nil {
		d.Unverified = false // each clone was verified for its own socket (CS-2)
	}
}

// hasRoom is the common case of admit: the datagram fits twice over, into the
// buffer and into pages that the socket has, and no filter asks for it.
func (s *Sock) hasRoom(truesize uint32) bool {
	return s.belowRcvBuf() && int(truesize) < s.fwdAlloc && s.filter == nil && !s.refusing
}

// admit models the tests of sock_queue_rcv_skb (S-2, S-5, S-6) on core c, nil
// while a backlog drains outside any core.
func (s *Sock) admit(c *cpu.Core, now engine.Time, truesize uint32, h *skb.Header, udpLen uint32) bool {
	switch {
	case !s.belowRcvBuf(): // S-2
		s.host.Net.UDP.RcvbufErrors++
		if c != nil {
			c.Trace.SockRcvqueueFull(s.rmem, truesize, s.RcvBuf)
		}
		s.refuse(c, skb.SocketRcvbuff)
		return false
	case s.refusing && !s.host.Profile.FilterFirst && s.hooked(c): // S-3, S-4
		return false
	case s.filter != nil && !s.host.Profile.FilterFirst && s.filter(h, udpLen) == 0: // S-5
		s.host.Net.UDP.InErrors++
		s.drop(c, skb.SocketFilter)
		return false
	case s.refusing && s.filter != nil && !s.host.Profile.FilterFirst && s.cannotTrim(c, h, udpLen): // S-5
		return false
	case !s.schedule(int(truesize), now, cpuOf(c)): // S-6
		if c != nil && c.Trace != nil {
			s.traceMem(c, int(truesize))
		}
		s.memRefused(c)
		return false
	}
	return true
}

// cpuOf returns the CPU of a core, the first one outside any.
func cpuOf(c *cpu.Core) int {
	if c == nil {
		return 0
	}
	return c.ID()
}

// queued ends the queueing of the datagram that has just entered the queue (S-8,
// S-9).
func (s *Sock) queued(d *Datagram, c *cpu.Core, now engine.Time) {
	d.Queued = now
	if s.filter != nil {
		s.trim(d)
	}
	d.Dropcount = 0
	if s.RXQOvfl || s.host.Profile.OvflAlways {
		d.Dropcount = uint32(s.Drops)
	}
	s.MaxQueued = max(s.MaxQueued, s.queue.len())
	s.host.Ledger.Put()
	if s.host.Stack != nil {
		s.host.Stack.Record(now - d.Polled)
	}
	if c != nil {
		c.Digest.Fold(now, digestQueued)
		c.Trace.Queued(d.ID, s.Name)
	}
	if len(s.blocked) > 0 || len(s.watchers) > 0 {
		s.dataReady(c, now)
	}
}

// refuse counts a drop at the socket (table 4.5).
func (s *Sock) refuse(c *cpu.Core, r skb.DropReason) {
	s.host.Net.UDP.InErrors++
	s.lose(c, r)
}

// lose counts a drop in sk_drops only.
func (s *Sock) lose(c *cpu.Core, r skb.DropReason) {
	s.Drops++
	s.drop(c, r)
}

// drop frees a packet at the socket.
func (s *Sock) drop(c *cpu.Core, r skb.DropReason) {
	s.host.Ledger.Drop(r)
	if c != nil {
		if c.Trace != nil {
			s.traceDrop(c, r)
		}
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

// Rmem returns sk_rmem_alloc, Backlog sk_backlog.len, in bytes of truesize.
func (s *Sock) Rmem() int { return s.rmem }

// Backlog returns sk_backlog.len in bytes of truesize.
func (s *Sock) Backlog() int { return s.logLen }

// Queued returns the number of datagrams in the receive queue.
func (s *Sock) Queued() int { return s.queue.len() }

// Live returns how many datagrams the socket holds.
func (s *Sock) Live() uint64 { return uint64(s.queue.len() + s.backlog.len()) }

// Close drops what is queued: no counter but the ledger's moves (V18), and
// nothing shows it but the tracepoint kfree_skb, of which freed, if not nil, is
// told with the number of each packet and the function: inet_sock_destruct, or
// udp_destruct_common of newer kernels (SUR-28). Whoever peeks at one still has it.
func (s *Sock) Close(freed func(id uint64, h *skb.Header, fn string)) {
	fn := fnDestruct
	if s.quarters() {
		fn = fnDestructCommon
	}
	for _, q := range []*ring{&s.queue, &s.backlog} {
		for i := q.head; i != q.tail; i++ {
			d := q.at(i)
			s.host.Ledger.Chained += uint64(d.FragList)
			if freed != nil && (d.ref == nil || d.ref.users == 1) {
				freed(d.ID, d.Head, fn)
			}
		}
	}
	s.closed = true
	s.host.Ledger.Lose(skb.SocketClosed, s.Live())
	s.releaseAll()
	s.backlog, s.logLen = ring{}, 0
}
