package udp

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// queue hands a packet to a socket. It models udp_queue_rcv_skb of newer
// kernels: a packet that stands for several datagrams, as a local sender's
// UDP_SEGMENT or GRO makes it, is cut up for a socket without UDP_GRO (linux-6.18 1.9).
func (l *Layer) queue(c *cpu.Core, e *Entry, b *skb.Buff) {
	if b.GSOSize == 0 || e.GRO && !b.Train.Whole {
		e.Sock.QueueRcvSKB(c, b)
		return
	}
	l.queueSegments(c, e, b)
}

// segmentHead is what the head of a segment has room for besides the aligned
// reserve: the headers that are copied into it (skb_segment).
const segmentHead = skb.EthHeader + skb.IPHeader + skb.UDPHeader + 2

// queueSegments models udp_rcv_segment: every datagram has a head of its own and
// its payload in the page fragments of the whole, or is one of the buffers of
// which GRO made the packet; each is tested alone.
func (l *Layer) queueSegments(c *cpu.Core, e *Entry, b *skb.Buff) {
	left := b.Len - skb.UDPHeader
	for i := 0; left > 0; i++ {
		n := min(left, uint32(b.GSOSize))
		if left -= n; left > 0 {
			l.Ledger.Clone()
			c.Trace.Cloned(b)
			l.Stats.ClonesUnlocked++
		}
		cp := *b
		cp.GSOSize, cp.Cloned, cp.FragList, cp.Train = 0, false, 0, skb.Train{}
		cp.Len = skb.UDPHeader + n
		l.cut(&cp, &b.Train, i, n, left == 0)
		c.Spend(l.Costs.Clone.Fixed)
		e.Sock.QueueRcvSKB(c, &cp)
		c.Trace.Leave("udp_queue_rcv_skb")
	}
	if b.Chain != nil && b.Train.Chunk > 0 { // the buffers of the frag list are among the segments
		b.Chain.Kept = true
	}
}

// cut says what the ith segment, of n bytes of payload, is charged with. It models
// skb_segment, or for a list skb_segment_list: the head of a chunk is a buffer as
// it came, but the first one is copied; the others are new heads that share the
// page fragments.
func (l *Layer) cut(s *skb.Buff, t *skb.Train, i int, n uint32, last bool) {
	head := segmentHead
	s.FragLen, s.FragTruesize, s.NrFrags, s.TailRoom = 0, 0, 0, 0
	if t.Chunk > 0 {
		head = int(t.Headroom) + skb.EthHeader + skb.IPHeader + skb.UDPHeader
		if begins := i%int(t.Chunk) == 0; begins && !t.Paged || t.Whole {
			switch {
			case last && (i > 0 || t.Whole):
				s.Truesize = t.Last
			case i > 0 && t.Chunk > 1:
				s.Truesize = uint32(l.Profile.Truesize(int(t.Head)-kernel.SKBSize-kernel.SharedInfoSize, 0))
			case i > 0 || t.Whole:
				s.Truesize = t.Head
			default:
				s.Truesize = uint32(l.Profile.Truesize(head+int(n), 0))
			}
			return
		}
	}
	s.Truesize = uint32(l.Profile.Truesize(head, int(n)))
	s.FragLen, s.FragTruesize, s.NrFrags = n, n, 1
	s.TailRoom = uint32(l.Profile.HeadRoom(head) - head)
}

// GROLookup tells GRO whether there is a socket for a packet, and whether that
// has UDP_GRO. It models udp4_gro_lookup_skb, which looks for one as if the
// packet were unicast.
func (l *Layer) GROLookup(b *skb.Buff) (found, gro bool) {
	e := l.find(b).unicast
	return e != nil, e != nil && e.GRO
}
