package socket

const pageSize = 4096

// Memory is the accounting of all UDP sockets together. It models
// udp_memory_allocated and __sk_mem_schedule (6.3).
type Memory struct {
	Limits Limits
	// Pages is udp_memory_allocated: the mem column of /proc/net/sockstat.
	Pages int
}

// schedule models sk_rmem_schedule (UM-2): because UDP has no memory-pressure
// flag, the first limit is the effective one for a socket that already holds
// udp_rmem_min (UM-3).
func (m *Memory) schedule(s *Sock, truesize int) bool {
	if truesize <= s.fwdAlloc {
		return true
	}
	pages := (truesize + pageSize - 1) / pageSize
	allocated := m.Pages + pages
	if allocated > m.Limits.UDPMem[0] && (allocated > m.Limits.UDPMem[2] || s.rmem >= m.Limits.UDPRmemMin) {
		return false
	}
	m.Pages = allocated
	s.fwdAlloc += pages * pageSize
	return true
}

func (m *Memory) give(pages int) { m.Pages -= pages }

// uncharge models sock_rfree and sk_mem_reclaim: whole pages beyond the first
// go back (UM-4, UM-6).
func (s *Sock) uncharge(truesize int) {
	s.rmem -= truesize
	s.fwdAlloc += truesize
	if s.fwdAlloc > pageSize {
		s.host.Memory.give(s.fwdAlloc / pageSize)
		s.fwdAlloc %= pageSize
	}
}

// Reachable reports whether sockets with these buffer sizes, each holding one
// packet of the given truesize more, could together reach the first limit: if
// not, no socket can notice another through it.
func (l *Limits) Reachable(rcvbufs []int, truesize int) bool {
	pages := 0
	for _, r := range rcvbufs {
		if r < 0 {
			continue
		}
		pages += (r+truesize)/pageSize + 2
	}
	return pages > l.UDPMem[0]
}
