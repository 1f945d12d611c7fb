package nic

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Buffers of ixgbe and igb (IGB-3).
const (
	refillBatch = 16  // IXGBE_RX_BUFFER_WRITE
	hdrSize     = 256 // IXGBE_RX_HDR_SIZE: copied if not longer (RX-16)
	tcpHeader   = 20  // without options, which are not known here
)

// descriptors returns how many a frame takes (RX-14).
func (p *Port) descriptors(l uint32) uint32 {
	if l <= p.buffer.size {
		return 1
	}
	return (l + p.buffer.size - 1) / p.buffer.size
}

// strips reports whether the hardware takes the outer VLAN tag out: not one of
// 802.1AD, and none with rx-vlan-offload off.
func (p *Port) strips(h *skb.Header) bool { return h.Tagged && !h.ServiceTag && p.cfg.RXVLANOffload }

// stripped returns the length of a frame in its buffers: without the VLAN tag
// that the hardware takes out (RX-14, RX-41).
func (p *Port) stripped(f *skb.Frame) uint32 {
	if p.strips(f.Head) {
		return f.Len - skb.VLANHeader
	}
	return f.Len
}

// A slot is a frame that the hardware has put into the ring.
type slot struct {
	frame skb.Frame
	ready engine.Time // its last descriptor was written back
	verdict
}

// A Queue is one receive ring. It models struct ixgbe_ring: the hardware fills
// armed descriptors, the driver cleans them and arms them again. Three indices
// go round it in this order (RX-4 to RX-6):
//
//	ntc ─ written back ─▶ rdh ─ armed ─▶ ntu ─ cleaned, one more than unused ─▶ ntc
type Queue struct {
	port   *Port
	vector *Vector
	index  int
	count  int // descriptors

	ntu     int    // next_to_use: the next one that the driver will arm, the tail register
	ntc     int    // next_to_clean: the next one that it will look at
	rdh     int    // the head register: the next one that the hardware will fill
	cleaned int    // cleaned_count of the poll: what it will arm next
	pages   *pages // nil: every half page is free again when its turn comes

	slots      []slot // a ring of its own: head to tail are filled
	mask       uint32
	head, tail uint32
	written    uint32 // naive: slots before it have been written back
	pieces     uint8  // naive: and so many descriptors of that one
	desc       uint8  // descriptors of the head frame that were cleaned already
	scratch    skb.Buff

	// Packets, Bytes and NonEOP are the ring's software counters (RX-10).
	Packets, Bytes, NonEOP uint64
	// NoDesc is QPRDC: frames discarded because no descriptor was armed (HW-7d); noDescFolded as of the last fold.
	NoDesc, noDescFolded uint64
	// CsumErr counts checksum errors the device reported (RX-26).
	CsumErr uint64
	// BPCleaned counts frames that sockets took by busy polling, BPMisses their polls that found nothing (POLL-2).
	BPCleaned, BPMisses uint64
	// AllocPageFailed and AllocBuffFailed count allocations that failed (RX-7, RX-15).
	AllocPageFailed, AllocBuffFailed uint64
}

func newQueue(p *Port, index, count int) *Queue {
	q := &Queue{port: p, index: index, pages: newPages(p, index)}
	q.fill(count)
	return q
}

// empty makes the ring anew, with nothing armed. What was in it must have been
// accounted for.
func (q *Queue) empty(count int) {
	if count != q.count {
		size := 1
		for size < count {
			size *= 2
		}
		q.count, q.slots, q.mask = count, make([]slot, size), uint32(size-1)
	}
	q.ntu, q.ntc, q.rdh, q.cleaned = 0, 0, 0, 0
	q.head, q.tail, q.written, q.pieces, q.desc = 0, 0, 0, 0, 0
	if q.pages != nil {
		q.pages.empty(count)
	}
}

// fill arms all of an empty ring but one descriptor (RX-6). It models the end of
// ixgbe_configure_rx_ring.
func (q *Queue) fill(count int) {
	q.empty(count)
	n := q.unused()
	if q.pages != nil {
		n, _ = q.provide(n, q.port.upAt)
	}
	q.ntu = q.after(q.ntu, n)
}

// after returns the index n descriptors behind i.
func (q *Queue) after(i, n int) int {
	if i += n; i >= q.count {
		i -= q.count
	}
	return i
}

// between returns how many descriptors there are from one index to another.
func (q *Queue) between(from, to int) int {
	n := to - from
	if n < 0 {
		n += q.count
	}
	return n
}

// free returns the number of descriptors that are armed and empty.
func (q *Queue) free() int { return q.between(q.rdh, q.ntu) }

// filled returns the number of descriptors that the hardware has filled, or is
// about to.
func (q *Queue) filled() int { return q.between(q.ntc, q.rdh) }

// unused models ixgbe_desc_unused: the descriptors that could be armed, one less
// than are not (RX-5).
func (q *Queue) unused() int {
	n := q.ntc - q.ntu - 1
	if q.ntc <= q.ntu {
		n += q.count
	}
	return n
}

// put lets the hardware fill descriptors with a frame; ready is when the last has
// been written back.
func (q *Queue) put(f *skb.Frame, v *verdict, ready engine.Time) *slot {
	s := &q.slots[q.tail&q.mask]
	s.frame = *f
	s.ready, s.verdict = ready, *v
	q.tail++
	q.rdh = q.after(q.rdh, int(v.desc))
	return s
}

// writtenBack returns when descriptor i of a frame is written back: one by one,
// as the bus carries its bytes (IRQ-3).
func (q *Queue) writtenBack(s *slot, i uint8) engine.Time {
	if i+1 >= s.desc {
		return s.ready
	}
	rest := q.port.stripped(&s.frame) - q.port.buffer.size*uint32(i+1)
	return s.ready - q.port.busTime(rest)
}

// firstAfter returns when the first descriptor written back after t will be,
// Never if none is under way.
func (q *Queue) firstAfter(t engine.Time) engine.Time {
	first := engine.Never
	for i := q.tail; i != q.head; i-- {
		s := &q.slots[(i-1)&q.mask]
		if s.ready <= t {
			break
		}
		first = s.ready
		for k := int(s.desc) - 2; k >= 0; k-- {
			r := q.writtenBack(s, uint8(k))
			if r <= t {
				return first
			}
			first = r
		}
	}
	return first
}

// clean models ixgbe_clean_rx_irq (RX-9): freed slots are armed again at the
// top of the loop, when 16 have gathered, and not after it (RX-11). A
// descriptor that is not the end of a packet costs no budget, nor does a frame
// that the clean-up drops (RX-13).
func (q *Queue) clean(c *cpu.Core, budget int) (packets int) {
	p := q.port
	if p.cfg.Down {
		return 0 // napi_disable: nobody polls
	}
	q.cleaned = q.unused()
	seen, bytes := q.Packets, q.Bytes
	for packets < budget {
		if q.cleaned >= refillBatch {
			q.arm(c)
		}
		if q.head == q.tail {
			p.settle(c.Now())
		}
		if q.head == q.tail {
			break
		}
		s := &q.slots[q.head&q.mask]
		if s.desc == 1 && s.ready > c.Now() || s.desc > 1 && q.writtenBack(s, q.desc) > c.Now() {
			break
		}
		if q.pages != nil && !q.fetch(s, c.Now()) {
			break
		}
		q.cleaned++
		q.ntc = q.after(q.ntc, 1)
		if q.desc++; q.desc < s.desc {
			q.NonEOP++
			continue
		}
		q.desc = 0
		if q.receive(c, s) {
			packets++
		}
	}
	q.vector.rxPackets += q.Packets - seen
	q.vector.rxBytes += q.Bytes - bytes
	if p.refills && q.cleaned > 0 {
		q.arm(c)
	}
	return packets
}

// arm models ixgbe_alloc_rx_buffers: every slot cleaned since the last time gets
// a buffer, one tail write hands them to the hardware (RX-7). Slots for which
// there is no page stay as they are until a later poll counts them again.
func (q *Queue) arm(c *cpu.Core) {
	p := q.port
	c.Spend(p.costs.Refill.Fixed)
	n := min(q.cleaned, q.unused()) // less if the ring was made anew meanwhile
	q.cleaned = 0
	if q.pages != nil {
		if n = q.armPages(c, n); n == 0 {
			return
		}
	}
	p.settle(c.Now())
	q.ntu = q.after(q.ntu, min(n, q.unused()))
	p.unblock(c.Now())
}

// receive takes the frame at the head off the ring and hands it up. It models
// the rest of the loop: fetching the buffer, ixgbe_cleanup_headers,
// ixgbe_process_skb_fields, napi_gro_receive. It returns false if the clean-up
// has dropped the frame.
func (q *Queue) receive(c *cpu.Core, s *slot) bool {
	p := q.port
	b := &q.scratch
	b.Reset(&s.frame)
	b.Ready, b.IfIndex, b.Queue, b.PktType, b.NAPI = s.ready, p.ifindex, uint16(q.index), s.cast, q.vector.id
	bad, headers, sum := s.bad, s.headers, s.sum
	q.head++
	p.ledger.Take()
	c.Spend(p.costs.Driver.For(b.Frame.Len))
	b.Polled, b.AllocCPU = c.Now(), uint16(c.ID())+1
	p.latRing.Record(b.Polled - b.Ready)
	c.Digest.Fold(b.Polled, digestPolled)

	if bad != skb.NotDropped && !p.cfg.RXAll {
		p.missed(&b.Frame, bad, c.Now())
		p.ledger.Drop(bad) // RX-22: no software counter
		return false
	}
	l := max(p.stripped(&b.Frame), skb.EthMinLen) // padded again (RX-24)
	p.lay(b, l, uint32(headers))
	if b.InBand = b.Head.Tags(); p.strips(b.Head) {
		b.Tagged = true
		b.InBand--
	}
	q.Packets++
	q.Bytes += uint64(l)
	b.Summed = q.summed(sum, b)
	b.Len = l - skb.EthHeader
	if q.vector.lock == qvPoll { // ixgbe_rx_skb
		p.up(c, b)
	} else {
		p.gro.Receive(c, b)
	}
	return true
}

// headLen models eth_get_headlen: how much of a long frame is copied into the
// linear area (RX-23), with the VLAN tags that the hardware has left in. The
// headers of protocols other than IPv4 are not known here and stay behind.
func (p *Port) headLen(h *skb.Header) uint8 {
	n := skb.EthHeader + skb.VLANHeader*h.Tags()
	if p.strips(h) {
		n -= skb.VLANHeader
	}
	if h.EtherType != skb.EtherTypeIPv4 || h.IPVersion != 4 || h.IHL < 5 {
		return n
	}
	n += 4 * h.IHL
	switch {
	case h.Fragment():
	case h.Proto == skb.ProtoUDP:
		n += skb.UDPHeader
	case h.Proto == skb.ProtoTCP:
		n += tcpHeader
	}
	return n
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

// csum is what the driver makes of the checksums of a flow's frames.
type csum uint8

const (
	csumNone csum = iota // nobody verified them
	csumErr              // nor here, but the device found one bad
	csumGood
)

// rxChecksum models ixgbe_rx_checksum, row by row of the table in 1.7, for all
// whole frames of a flow. They are delivered in every case (RX-25).
func (p *Port) rxChecksum(h *skb.Header) csum {
	if !p.cfg.RXChecksum {
		return csumNone // row 1
	}
	ip, l4 := p.hw.Checksums(h)
	switch {
	case ip == SumBad:
		return csumErr // row 2
	case l4 == SumUnchecked:
		return csumNone // row 3
	case l4 == SumBad && h.Proto == skb.ProtoUDP && !p.driver.countsUDPChecksums:
		return csumNone // row 4: not counted (RX-26)
	case l4 == SumBad:
		return csumErr // row 5
	}
	return csumGood // row 6
}

// summed applies a flow's result to one frame: a datagram that is not all there
// can't have been verified.
func (q *Queue) summed(c csum, b *skb.Buff) skb.IPSummed {
	switch {
	case c == csumErr:
		q.CsumErr++
	case c == csumGood && (b.Head.Proto != skb.ProtoUDP || uint32(b.IPLen)+skb.EthHeader <= b.Frame.Len && b.UDPLen <= b.IPLen):
		return skb.ChecksumUnnecessary
	}
	return skb.ChecksumNone
}

// Kinds of effects in the digests of cores and ports.
const (
	digestPolled = cpu.DigestStages + 32 + iota
	digestIRQ
	digestLost
)
