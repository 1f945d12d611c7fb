package nic

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Buffers of ixgbe and igb (IGB-3).
const (
	refillBatch = 16   // IXGBE_RX_BUFFER_WRITE
	bufferSize  = 2048 // half a page per descriptor (RX-14)
	hdrSize     = 256  // IXGBE_RX_HDR_SIZE: copied if not longer (RX-16)
)

// Truesize of a received packet (1.8).
const (
	truesizeBase = 896
	truesizeFrag = 2048
)

// Truesize returns what a frame of l bytes without FCS is charged with: 896 up
// to 256 bytes, from there 2048 more for each half page (RX-27).
func Truesize(l uint32) uint32 {
	if l <= hdrSize {
		return truesizeBase
	}
	return truesizeBase + truesizeFrag*descriptors(l)
}

// descriptors returns how many a frame takes (RX-14).
func descriptors(l uint32) uint32 { return max(1, (l+bufferSize-1)/bufferSize) }

// stripped returns the length of a frame in its buffers: the hardware takes the
// VLAN tag out (RX-14, RX-41).
func stripped(f *skb.Frame) uint32 {
	if f.Head.Tagged {
		return f.Len - skb.VLANHeader
	}
	return f.Len
}

// A slot is a frame that the hardware has put into the ring.
type slot struct {
	frame skb.Frame
	ready engine.Time // its last descriptor was written back
	cast  skb.PacketType
}

// A Queue is one receive ring. The hardware fills armed descriptors, the driver
// cleans them and arms them again: free + filled + unarmed == count - 1 (RX-6).
type Queue struct {
	port    *Port
	vector  *Vector
	index   int
	count   int // descriptors
	free    int // armed, empty
	filled  int // descriptors of the frames below
	unarmed int // cleaned, not armed again

	slots      []slot // a ring of its own: head to tail are filled
	mask       uint32
	head, tail uint32
	written    uint32 // naive: slots before it have been written back
	desc       int    // descriptors of the head frame that were cleaned already
	scratch    skb.Buff

	// Packets, Bytes and NonEOP are the ring's software counters (RX-10).
	Packets, Bytes, NonEOP uint64
	// CsumErr counts checksum errors the device reported (RX-26).
	CsumErr uint64
	// NoDesc is QPRDC: frames discarded because no descriptor was armed (HW-7d).
	NoDesc uint64
	// MaxFilled is the most descriptors that ever waited.
	MaxFilled int
}

func newQueue(p *Port, index, count int) *Queue {
	size := 1
	for size < count {
		size *= 2
	}
	return &Queue{port: p, index: index, count: count, free: count - 1, slots: make([]slot, size), mask: uint32(size - 1)}
}

// put lets the hardware fill descriptors with a frame; ready is when the last
// has been written back.
func (q *Queue) put(f *skb.Frame, cast skb.PacketType, n int, ready engine.Time) {
	s := &q.slots[q.tail&q.mask]
	s.frame = *f
	s.ready, s.cast = ready, cast
	q.tail++
	q.free -= n
	q.filled += n
	q.MaxFilled = max(q.MaxFilled, q.filled)
}

// firstAfter returns when the first frame written back after t will be, Never
// if none is under way.
func (q *Queue) firstAfter(t engine.Time) engine.Time {
	first := engine.Never
	for i := q.tail; i != q.head; i-- {
		r := q.slots[(i-1)&q.mask].ready
		if r <= t {
			break
		}
		first = r
	}
	return first
}

// clean models ixgbe_clean_rx_irq (RX-9): freed slots are armed again at the
// top of the loop, when 16 have gathered, and not after it (RX-11).
func (q *Queue) clean(c *cpu.Core, budget int) (packets int) {
	p := q.port
	for packets < budget {
		if q.unarmed >= refillBatch {
			q.arm(c)
		}
		if q.head == q.tail {
			p.settle(c.Now())
		}
		if q.head == q.tail {
			break
		}
		s := &q.slots[q.head&q.mask]
		if s.ready > c.Now() {
			break
		}
		n := int(descriptors(stripped(&s.frame)))
		q.filled--
		q.unarmed++
		if q.desc++; q.desc < n {
			q.NonEOP++
			continue
		}
		q.desc = 0
		if q.receive(c, s) {
			packets++
		}
	}
	if p.refills && q.unarmed > 0 {
		q.arm(c)
	}
	return packets
}

// arm models ixgbe_alloc_rx_buffers: every freed slot gets a buffer, one tail
// write hands them to the hardware (RX-7).
func (q *Queue) arm(c *cpu.Core) {
	c.Spend(q.port.costs.Refill.Fixed)
	q.port.settle(c.Now())
	q.free += q.unarmed
	q.unarmed = 0
	q.port.unblock(c.Now())
}

// receive takes the frame at the head off the ring and hands it up. It models
// the rest of the loop: fetching the buffer, ixgbe_process_skb_fields,
// napi_gro_receive.
func (q *Queue) receive(c *cpu.Core, s *slot) bool {
	p := q.port
	b := &q.scratch
	b.Reset(&s.frame)
	b.Ready, b.IfIndex, b.Queue, b.PktType = s.ready, p.ifindex, uint16(q.index), s.cast
	q.head++
	p.ledger.Take()
	c.Spend(p.costs.Driver.For(b.Frame.Len))
	b.Polled = c.Now()
	p.latRing.Record(b.Polled - b.Ready)
	c.Digest.Fold(b.Polled, digestPolled)

	l := max(stripped(&b.Frame), skb.EthMinLen) // padded again (RX-24)
	b.Tagged = b.Head.Tagged
	b.Truesize = Truesize(l)
	q.Packets++
	q.Bytes += uint64(l)
	q.vector.rxPackets++
	q.vector.rxBytes += uint64(l)
	b.Summed = p.rxChecksum(q, b)
	b.Len = l - skb.EthHeader
	p.gro.Receive(c, b)
	return true
}

// packetType models eth_type_trans.
func packetType(dst skb.MAC, own [6]byte) skb.PacketType {
	switch {
	case dst.Broadcast():
		return skb.PacketBroadcast
	case dst.Multicast():
		return skb.PacketMulticast
	case dst == skb.MAC(own):
		return skb.PacketHost
	}
	return skb.PacketOtherHost
}

// rxChecksum models ixgbe_rx_checksum (1.7): a bad UDP checksum is not counted
// on the 82599 (RX-26).
func (p *Port) rxChecksum(q *Queue, b *skb.Buff) skb.IPSummed {
	h := b.Head
	switch {
	case !p.cfg.RXChecksum, h.EtherType != skb.EtherTypeIPv4, h.IPVersion != 4:
		return skb.ChecksumNone
	case h.IPChecksum == skb.ChecksumBad:
		q.CsumErr++
		return skb.ChecksumNone
	case h.Fragment(), h.Proto != skb.ProtoUDP && h.Proto != skb.ProtoTCP:
		return skb.ChecksumNone
	case h.UDPChecksum == skb.ChecksumBad:
		if p.driver.countsUDPChecksums {
			q.CsumErr++
		}
		return skb.ChecksumNone
	case h.Proto == skb.ProtoUDP && (uint32(b.IPLen)+skb.EthHeader > b.Frame.Len || b.UDPLen > b.IPLen):
		return skb.ChecksumNone // the hardware could not have summed what is not there
	}
	return skb.ChecksumUnnecessary
}

// Kinds of effects in the digests of cores and ports.
const (
	digestPolled = cpu.DigestStages + 32 + iota
	digestIRQ
	digestLost
)
