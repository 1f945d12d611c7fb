package socket

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Everything that decides whether a socket takes a datagram, and when the
// memory comes back, is in this file. What kernels do differently are fields of
// [kernel.Profile]; the rest of the package calls these:
//
//	arrival  full, belowRcvBuf (4.0)   or  accepts, condense (4.10 on)
//	         schedule: udp_mem and sk_forward_alloc
//	         charge
//	reading  released: at the dequeue (4.10 on)  or  uncharge after the copy (4.0)

const pageSize = 4096

// Memory is the accounting of all UDP sockets together. It models
// udp_memory_allocated and __sk_mem_schedule (6.3).
type Memory struct {
	Limits Limits
	// Pages is udp_memory_allocated: the mem column of /proc/net/sockstat.
	Pages int

	reserve []int // udp_memory_per_cpu_fw_alloc: what each CPU has not told yet
}

// add models sk_memory_allocated_add and sk_memory_allocated_sub of pages that a
// CPU takes, or gives back if they are fewer than none: from 6.0 on a CPU keeps
// them to itself until there are net.core.mem_pcpu_rsv (linux-6.18 1.6.4).
func (h *Host) add(cpu, pages int) {
	m := &h.Memory
	if !h.Profile.MemReserve {
		m.Pages += pages
		return
	}
	for len(m.reserve) <= cpu {
		m.reserve = append(m.reserve, 0)
	}
	own := &m.reserve[cpu]
	*own += pages
	if pages > 0 && *own >= m.Limits.MemPcpuRsv || pages < 0 && *own <= -m.Limits.MemPcpuRsv {
		m.Pages += *own
		*own = 0
	}
}

// give returns pages on the CPU that last read from the socket.
func (s *Sock) give(pages int) { s.host.add(max(int(s.reader), 0), -pages) }

// schedule models sk_rmem_schedule (UM-2): because UDP has no memory-pressure
// flag, the first limit is the effective one for a socket that already holds
// udp_rmem_min (UM-3).
func (s *Sock) schedule(truesize int, now engine.Time, cpu int) bool {
	m, rules := &s.host.Memory, s.host.Profile
	pages, short := s.shortOf(truesize)
	if !short {
		return true
	}
	s.host.add(cpu, pages)
	first := m.Limits.UDPMem[0]
	if rules.UDPMemLimit == kernel.UDPMemThird {
		first = m.Limits.UDPMem[2]
	}
	if m.Pages > first { // perhaps only because readers lag behind
		s.host.settle(now)
	}
	if m.Pages > first && (m.Pages > m.Limits.UDPMem[2] || s.rmem >= m.Limits.UDPRmemMin) {
		s.host.add(cpu, -pages)
		return false
	}
	s.fwdAlloc += pages * pageSize
	return true
}

// shortOf returns how many pages the socket needs for a datagram, and whether it
// needs any.
func (s *Sock) shortOf(truesize int) (pages int, short bool) {
	rule := s.host.Profile.FwdAllocRule
	if truesize < s.fwdAlloc || truesize == s.fwdAlloc && rule != kernel.FwdWholeIfEqual {
		return 0, false
	}
	if rule == kernel.FwdShortfall {
		truesize -= s.fwdAlloc
	}
	return (truesize + pageSize - 1) / pageSize, true
}

// settle brings every reader that lags behind to the given instant.
func (h *Host) settle(now engine.Time) {
	for _, c := range h.consumers {
		c.Settle(now)
	}
}

// full is the test of 4.0 before the lock and at the backlog: unsigned, and
// without the arriving packet (Q-5, CAP-1).
func (s *Sock) full() bool { return uint32(s.logLen+s.rmem) > uint32(s.RcvBuf) }

// belowRcvBuf is the test of sock_queue_rcv_skb: signed (S-2).
func (s *Sock) belowRcvBuf() bool { return int32(s.rmem) < int32(s.RcvBuf) }

// accepts is the one test of __udp_enqueue_schedule_skb (4.10 on).
func (s *Sock) accepts(truesize int) bool {
	charged := s.rmem + s.inFlight
	if s.host.Profile.AcceptRule == kernel.FitsOrEmpty {
		return charged == 0 || charged+truesize <= s.RcvBuf
	}
	return charged <= s.RcvBuf
}

// condense models skb_condense: in a buffer more than half full, fragments that
// fit into the head are copied there, unless somebody else has them, too. It
// returns what is charged for the packet.
func (s *Sock) condense(b *skb.Buff) int {
	if b.FragLen != 0 && s.host.Profile.Condense && s.rmem+s.inFlight > s.RcvBuf>>1 && !b.Cloned && b.FragLen <= b.TailRoom {
		return int(b.Truesize - b.FragTruesize)
	}
	return int(b.Truesize)
}

// charge models skb_set_owner_r (S-7).
func (s *Sock) charge(truesize int) {
	s.rmem += truesize
	s.fwdAlloc -= truesize
	s.MaxRmem = max(s.MaxRmem, s.rmem)
}

// uncharge models sock_rfree and sk_mem_reclaim: whole pages beyond the first
// go back (UM-4, UM-6).
func (s *Sock) uncharge(truesize int) {
	s.rmem -= truesize
	s.fwdAlloc += truesize
	if s.fwdAlloc > pageSize {
		s.give(s.fwdAlloc / pageSize)
		s.fwdAlloc %= pageSize
	}
}

// released models the end of __skb_recv_udp and udp_rmem_release (4.10 on): the
// datagram that a reader has just taken off the queue is given back together
// with others, when they are a quarter of the buffer or were the last of the
// reader's own queue, which then takes over what has come in meanwhile.
func (s *Sock) released(truesize int) {
	s.readerQueue--
	s.deficit += truesize
	if s.deficit < s.RcvBuf>>2 && s.readerQueue > 0 {
		return
	}
	s.rmem -= s.deficit
	s.fwdAlloc += s.deficit
	s.deficit = 0
	if pages := (s.fwdAlloc - 1) / pageSize; pages > 0 { // 1 to 4096 bytes stay
		s.give(pages)
		s.fwdAlloc -= pages * pageSize
	}
	s.readerQueue = s.queue.len()
}

// refill moves what has arrived to the reader's own queue, when that is empty:
// what every look at the queue does from a reader's side (4.10 on).
func (s *Sock) refill() {
	if s.readerQueue == 0 {
		s.readerQueue = s.queue.len()
	}
}

// quarters reports whether the reader has a queue of its own and gives memory
// back in quarters of the buffer.
func (s *Sock) quarters() bool { return s.host.Profile.ReleaseRule == kernel.ReleaseQuarter }

// releaseAll gives back everything at the end of the socket.
func (s *Sock) releaseAll() {
	for s.queue.len() > 0 {
		s.uncharge(int(s.queue.pop().Truesize))
	}
	s.uncharge(s.deficit)
	s.deficit, s.readerQueue = 0, 0
	s.give(s.fwdAlloc / pageSize)
	s.fwdAlloc %= pageSize
}

// memRefused counts a datagram that udp_mem refused (S-6).
func (s *Sock) memRefused(c *cpu.Core) {
	u := &s.host.Net.UDP
	switch s.host.Profile.UDPMemDrop {
	case kernel.MemDropsOnly:
		s.lose(c, skb.ProtoMem)
		return
	case kernel.MemMemErrors:
		u.MemErrors++
	}
	s.refuse(c, skb.ProtoMem)
}

// RxQueueBytes is rx_queue in /proc/net/udp: what is charged, without what has
// been read already (udp_rqueue_get).
func (s *Sock) RxQueueBytes() int { return s.rmem - s.deficit }

// MemInfo is what SO_MEMINFO and sock_diag show of a socket, in bytes.
type MemInfo struct {
	RmemAlloc, RcvBuf, FwdAlloc, Backlog int
	Drops                                uint64
}

// MemInfo models sk_get_meminfo.
func (s *Sock) MemInfo() MemInfo {
	return MemInfo{RmemAlloc: s.rmem, RcvBuf: s.RcvBuf, FwdAlloc: s.fwdAlloc, Backlog: s.logLen, Drops: s.Drops}
}
