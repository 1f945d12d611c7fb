package socket

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Functions of net/ipv4/udp.c and net/core/sock.c that tracers see.
const (
	fnQueueRcv    = "udp_queue_rcv_skb"
	fnQueueRcv1   = "__udp_queue_rcv_skb"
	fnSockQueue   = "sock_queue_rcv_skb"
	fnEnqueue     = "__udp_enqueue_schedule_skb"
	fnReadable    = "sock_def_readable"
	fnPoll        = "ep_poll_callback"
	fnReleaseSock = "release_sock"
	fnWake        = "try_to_wake_up"
	fnDestruct    = "inet_sock_destruct"

	fnDestructCommon = "udp_destruct_common"
)

// Errors of a socket that refuses a datagram (sock_queue_rcv_skb).
const (
	eperm   = -1
	enomem  = -12
	eacces  = -13
	enobufs = -105
)

// traceDrop tells the tracer of a datagram that the socket has refused on core c:
// only what has come as far as the queue fires udp_fail_queue_rcv_skb.
func (s *Sock) traceDrop(c *cpu.Core, r skb.DropReason) {
	fn, t := fnQueueRcv1, c.Trace
	switch t.Function() {
	case fnSockQueue:
	case fnEnqueue:
		fn = fnQueueRcv
	default:
		t.KfreeSKB(r, fnQueueRcv)
		return
	}
	rc := enomem
	switch r {
	case skb.SocketFilter:
		if rc = eperm; s.filterRC != 0 {
			rc = s.filterRC
		}
	case skb.ProtoMem:
		rc = enobufs
	}
	t.UDPFail(r, fn, rc)
}

// traceMem tells the tracer that udp_mem has refused a datagram: the pages that
// it would have taken are still in the sum (S-6).
func (s *Sock) traceMem(c *cpu.Core, truesize int) {
	m := &s.host.Memory
	pages, _ := s.shortOf(truesize)
	c.Trace.SockExceedBufLimit(m.Limits.UDPMem, m.Pages+pages, m.Limits.UDPRmemMin, s.rmem)
}

// syscall is the receive call of the thread, as linux-4.0 names its entry.
func (t *Thread) syscall() string {
	if t.cfg.Batch > 0 {
		return "SyS_recvmmsg"
	}
	return "SyS_recvmsg"
}

// verifies reports whether the copy sums the datagram up as it goes: a buffer
// that is too short makes the call verify it before (5.2).
func (t *Thread) verifies() bool {
	return t.d.Unverified && (t.cfg.Buffer == 0 || t.cfg.Buffer >= int(t.d.Payload))
}

// traceTaken tells the tracer that the thread has a datagram and copies it.
func (t *Thread) traceTaken(c *cpu.Core) {
	size := min(t.d.Payload, t.buffer)
	c.Trace.ReadBegins(t.mark, t.syscall(), t.d.ID, size, t.d.FragList, t.verifies())
}

// traceCopied tells the tracer that the copy has ended.
func (t *Thread) traceCopied(c *cpu.Core) {
	c.Trace.ReadCopied(t.d.ID, t.cur.Name, t.verifies(), !t.peeking && !t.d.badChecksum())
	if t.peeking {
		c.Trace.ReadEnds(t.syscall(), t.d.ID, false)
	}
	t.mark = c.Trace.Mark() // of the next message of a recvmmsg, or of the next call
}

// traceFreed tells the tracer that the datagram is freed: by neither consume_skb
// nor kfree_skb in 4.0 (RX-7), by the first since there is skb_consume_udp, and
// by kfree_skb if its checksum was bad.
func (t *Thread) traceFreed(c *cpu.Core) {
	if t.bad {
		c.Trace.EnterDatagram(t.d.ID, t.d.Head, "skb_kill_datagram")
		c.Trace.KfreeSKB(skb.UDPCsum, "")
		c.Trace.Leave("skb_kill_datagram")
	}
	c.Trace.ReadEnds(t.syscall(), t.d.ID, !t.bad && t.cur.quarters() && !t.host.Profile.SKBDefer)
}
