package udp

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// queue hands a packet to a socket. It models udp_queue_rcv_skb of newer
// kernels: a packet that stands for several datagrams, as a local sender's
// UDP_SEGMENT makes it, is cut up for a socket without UDP_GRO (linux-6.18 1.9).
func (l *Layer) queue(c *cpu.Core, e *Entry, b *skb.Buff) {
	if b.GSOSize == 0 || e.GRO {
		e.Sock.QueueRcvSKB(c, b)
		return
	}
	l.queueSegments(c, e, b)
}

// segmentHead is what the head of a segment has room for besides the aligned
// reserve: the headers that are copied into it (skb_segment).
const segmentHead = skb.EthHeader + skb.IPHeader + skb.UDPHeader + 2

// queueSegments models udp_rcv_segment: every datagram has a head of its own and
// its payload in the page fragments of the whole; each is tested alone.
func (l *Layer) queueSegments(c *cpu.Core, e *Entry, b *skb.Buff) {
	left := b.Len - skb.UDPHeader
	for left > 0 {
		n := min(left, uint32(b.GSOSize))
		if left -= n; left > 0 {
			l.Ledger.Clone()
			c.Trace.Cloned(b)
			l.Stats.ClonesUnlocked++
		}
		cp := *b
		cp.GSOSize, cp.Cloned = 0, false
		cp.Len = skb.UDPHeader + n
		cp.Truesize = uint32(l.Profile.Truesize(segmentHead, int(n)))
		cp.FragLen, cp.FragTruesize = n, n
		cp.TailRoom = uint32(l.Profile.HeadRoom(segmentHead) - segmentHead)
		c.Spend(l.Costs.Clone.Fixed)
		e.Sock.QueueRcvSKB(c, &cp)
		c.Trace.Leave("udp_queue_rcv_skb")
	}
}
