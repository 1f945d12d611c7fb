package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Parts of a buffer's size that assembling depends on (FR-10, TS-1 to TS-6).
const (
	maxPacket   = 65535
	maxFrags    = 17   // MAX_SKB_FRAGS
	skbShare    = 256  // struct sk_buff
	headSize    = 896  // truesize of a small packet: a head for 256 bytes
	headRoom    = 256  // bytes that a head has room for
	pageHalf    = 2048 // a page fragment that the driver attaches to what is longer
	notMergable = -1
)

// ipDefrag models ip_defrag: it takes a fragment over, and reports whether the
// datagram is whole; then b is the datagram (FR-1 to FR-8).
//
// Not modelled:
//   - The checksum of a datagram that came in fragments is verified only of
//     frames that were given byte by byte (skb.FrameOf), and if all of the
//     datagram is UDP's; else it is what the first fragment's header says.
//   - Fragments of which a tap still holds a copy are merged like others
//     (FR-10).
func (l *Layer) ipDefrag(c *cpu.Core, b *skb.Buff, user fragUser) bool {
	c.Spend(l.Costs.Defrag.Fixed)
	l.settleFrags(c.Now())
	h, ip := b.Head, &l.Net.IP
	ip.ReasmReqds++
	q := l.fragFind(c, fragKey{h.Src, h.Dst, b.IPID, h.Proto, user})
	if q == nil {
		ip.ReasmFails++
		l.drop(c, skb.FragMem)
		return false
	}
	if l.ipFragTooFar(q) {
		ip.ReasmFails++
		l.fragPurge(q, skb.FragTooFar)
		l.frags.stopTimer(q)
		l.fragStartTimer(c, q)
		q.first, q.last, q.length, q.meat, q.ecn = false, false, 0, 0, 0
	}
	part := fragment{
		frame: b.Frame, truesize: b.Truesize, ifindex: b.IfIndex, pktType: b.PktType, summed: b.Summed,
		kmalloc: b.Kmalloc, tailRoom: b.TailRoom,
		pulled: h.Proto == skb.ProtoUDP && (l.devices[b.IfIndex].GRO || user == defragLocalDeliver && l.demuxes(h)),
	}
	if !l.ipFragQueue(c, q, &part, int(b.Len)-int(h.IHL)*4) {
		return false
	}
	c.Trace.Queued(b.ID, "an incomplete datagram")
	if q.first && q.last && q.meat == q.length {
		return l.ipFragReasm(c, q, b)
	}
	return false
}

// ipFragTooFar models ip_frag_too_far: the source has sent so many fragments of
// others since that these must be of an older datagram with the same
// identification (FR-6).
func (l *Layer) ipFragTooFar(q *fragQueue) bool {
	most := l.Config.IPFragMaxDist
	if most == 0 {
		return false
	}
	start := q.rid
	q.peer.rid++
	q.rid = q.peer.rid
	return len(q.frags) > 0 && q.rid-start > uint32(most)
}

// ipFragQueue models ip_frag_queue up to the question whether all is there: the
// fragment finds its place, or is dropped, or makes others give way (FR-7).
func (l *Layer) ipFragQueue(c *cpu.Core, q *fragQueue, part *fragment, length int) bool {
	h := part.frame.Head
	start := int(h.FragOffset)
	end := start + length
	if !h.MoreFrags {
		if end < q.length || q.last && end != q.length {
			l.fragCorrupt(c, q)
			return false
		}
		q.last, q.length = true, end
	} else {
		end &^= 7
		if end > q.length {
			if q.last {
				l.fragCorrupt(c, q)
				return false
			}
			q.length = end
		}
	}
	if end <= start {
		l.fragCorrupt(c, q)
		return false
	}
	part.offset, part.length = start, end-start
	part.tailRoom += uint32(length - part.length)
	if l.Profile.FragOverlapFails {
		if !l.fragInsertStrict(c, q, part) {
			return false
		}
	} else if !l.fragInsertTrimming(c, q, part) {
		return false
	}
	q.meat += part.length
	q.ecn |= 1 << (h.TOS & 3)
	q.first = q.first || part.offset == 0
	l.frags.charge(int(part.truesize))
	l.frags.held++
	l.Ledger.Put()
	c.Digest.Fold(c.Now(), digestFragment)
	return true
}

// fragCorrupt drops a fragment that can't be of this datagram; in kernels since
// 4.20 the datagram is given up with it (ip_frag_queue: discard_qp).
func (l *Layer) fragCorrupt(c *cpu.Core, q *fragQueue) {
	if !l.Profile.FragOverlapFails {
		l.drop(c, skb.DupFrag)
		return
	}
	l.Net.IP.ReasmFails++
	l.fragGiveUp(q)
	l.drop(c, skb.FragInvalid)
}

// fragGiveUp retires a datagram that can't become whole.
func (l *Layer) fragGiveUp(q *fragQueue) {
	l.Ledger.Finer.Waited += uint64(len(q.frags))
	l.fragPurge(q, skb.FragInvalid)
	l.fragRemove(q)
}

// fragInsertTrimming is how kernels up to 4.18 treat overlaps: what is there
// takes from the left of the new fragment, and the new one from what follows.
func (l *Layer) fragInsertTrimming(c *cpu.Core, q *fragQueue, part *fragment) bool {
	at := 0
	for at < len(q.frags) && q.frags[at].offset < part.offset {
		at++
	}
	if at > 0 {
		prev := &q.frags[at-1]
		if over := prev.offset + prev.length - part.offset; over > 0 {
			if over >= part.length {
				l.drop(c, skb.DupFrag)
				return false
			}
			part.offset += over
			part.length -= over
			part.trimmed()
		}
	}
	end := part.offset + part.length
	gone := at
	for gone < len(q.frags) && q.frags[gone].offset < end {
		next := &q.frags[gone]
		over := end - next.offset
		if over < next.length {
			next.offset += over
			next.length -= over
			next.trimmed()
			q.meat -= over
			break
		}
		q.meat -= next.length
		l.frags.charge(-int(next.truesize))
		l.frags.held--
		l.Ledger.Lose(skb.DupFrag, 1)
		gone++
	}
	q.frags = append(q.frags[:at], q.frags[gone:]...)
	q.insert(at, part)
	return true
}

// trimmed says that a sum over the whole fragment is of no use any more.
func (p *fragment) trimmed() {
	p.cut = true
	if p.summed != skb.ChecksumUnnecessary {
		p.summed = skb.ChecksumNone
	}
}

// udpChecksum returns whether the checksum of a whole datagram is good, as far as
// what its fragments carry is known (udp4_csum_init, 2.2).
func (q *fragQueue) udpChecksum() skb.Checksum {
	first := &q.frags[0]
	h := first.frame.Head
	if h.Proto != skb.ProtoUDP || h.UDPChecksum == skb.ChecksumZero || int(first.frame.UDPLen) != q.length {
		return h.UDPChecksum
	}
	sum := uint64(0)
	for i := range q.frags {
		p := &q.frags[i]
		if p.cut || p.frame.Head.PartSum == 0 {
			return h.UDPChecksum
		}
		sum += uint64(p.frame.Head.PartSum - 1)
	}
	if !h.SumsUp(first.frame.UDPLen, sum) {
		return skb.ChecksumBad
	}
	return skb.ChecksumGood
}

func (q *fragQueue) insert(at int, part *fragment) {
	q.frags = append(q.frags, fragment{})
	copy(q.frags[at+1:], q.frags[at:])
	q.frags[at] = *part
}

// fragInsertStrict is how kernels since 4.19 treat overlaps (inet_frag_queue_insert):
// what lies within one run of fragments is a duplicate, any other overlap ends
// the datagram. A run grows at the end of the datagram alone: fragments that came
// later and fill a gap are runs of their own, though they meet.
func (l *Layer) fragInsertStrict(c *cpu.Core, q *fragQueue, part *fragment) bool {
	end := part.offset + part.length
	at := 0
	for at < len(q.frags) && q.frags[at].offset < part.offset {
		at++
	}
	for i := 0; i < len(q.frags); {
		run, runEnd := i, q.frags[i].offset
		for ; i < len(q.frags) && (i == run || q.frags[i].inRun); i++ {
			runEnd += q.frags[i].length
		}
		first := q.frags[run].offset
		switch {
		case end <= first || part.offset >= runEnd:
		case part.offset >= first && end <= runEnd:
			l.drop(c, skb.DupFrag)
			return false
		default:
			l.Net.IPExt.ReasmOverlaps++
			l.fragCorrupt(c, q)
			return false
		}
	}
	if at > 0 && at == len(q.frags) {
		last := &q.frags[at-1]
		part.inRun = last.offset+last.length == part.offset
	}
	q.insert(at, part)
	return true
}

// ecnOf models ip_frag_ecn_table: the ECN bits of a datagram whose fragments had
// those of the set, and whether such a mix may be (FR-8).
func ecnOf(set uint8) (tos uint8, ok bool) {
	const notECT, ce = 1 << 0, 1 << 3
	switch {
	case set&notECT != 0 && set != notECT:
		return 0, false
	case set&ce != 0 && set != ce:
		return 3, true
	}
	return 0, true
}

// ipFragReasm models ip_frag_reasm: the fragments become the datagram b, which
// was the last of them to arrive (FR-8 to FR-11). It reports whether they did.
func (l *Layer) ipFragReasm(c *cpu.Core, q *fragQueue, b *skb.Buff) bool {
	ip, first := &l.Net.IP, &q.frags[0]
	h := first.frame.Head
	ecn, ok := ecnOf(q.ecn)
	total := int(h.IHL)*4 + q.length
	if !ok || total > maxPacket {
		ip.ReasmFails++
		c.Digest.Fold(c.Now(), digestDrop+uint64(skb.FragInvalid))
		l.fragGiveUp(q)
		return false
	}
	ip.ReasmOKs++
	n := uint64(len(q.frags))
	l.frags.held -= n
	l.Ledger.Merge(n - 1)
	l.Ledger.Take()
	last := b.Head
	whole := *h
	whole.MoreFrags = false
	whole.UDPChecksum, whole.PartSum = q.udpChecksum(), 0
	whole.TOS |= ecn
	b.Head = l.frags.headers.Intern(whole)
	b.UDPLen, b.IPLen = first.frame.UDPLen, uint16(total)
	b.Len = uint32(total)
	b.PktType = first.pktType
	if first.kmalloc {
		coalesceHeads(q.frags, b)
	} else {
		b.Truesize = coalesce(q.frags)
	}
	b.Summed = first.summed
	for i := range q.frags {
		b.ID |= q.frags[i].frame.ID & skb.Chosen
		if q.frags[i].summed != b.Summed {
			b.Summed = skb.ChecksumNone
		}
		l.frags.charge(-int(q.frags[i].truesize))
	}
	if last.FragOffset != 0 {
		b.Sock = nil // FR-11
	}
	q.frags = q.frags[:0]
	l.fragRemove(q)
	return true
}

// coalesce models the merging of the fragments' buffers into the first one's by
// skb_try_coalesce, and returns the truesize of the result (FR-10).
func coalesce(parts []fragment) uint32 {
	sum := parts[0].truesize
	slots := parts[0].pages()
	room := 0 // in the head of a buffer without pages
	if slots == 0 {
		room = headRoom - parts[0].dataLen()
	}
	chained := false
	for i := range parts[1:] {
		p := &parts[1+i]
		delta := notMergable
		switch pages := p.pages(); {
		case chained:
		case slots == 0 && p.length <= room:
			room -= p.length
			delta = 0
		case pages > 0 && !p.pulled: // nothing in its head: only the pages move over
			if slots+pages <= maxFrags {
				slots += pages
				delta = int(p.truesize) - headSize
			}
		case slots+pages < maxFrags: // its head becomes a page, too
			slots += pages + 1
			delta = int(p.truesize) - skbShare
		}
		if delta == notMergable {
			chained = true
			delta = int(p.truesize)
		}
		sum += uint32(delta)
	}
	return sum
}

// coalesceHeads is coalesce for heads of kmalloc, as local senders have them, and
// no driver: nobody can take such a head over as a page, so what follows is
// copied into the room behind the first one's data, if nothing hangs behind it
// yet, or hangs behind it (skb_head_is_locked).
func coalesceHeads(parts []fragment, b *skb.Buff) {
	first := &parts[0]
	b.Truesize, b.TailRoom, b.Kmalloc = first.truesize, first.tailRoom, true
	b.FragLen, b.FragTruesize, b.FragList = 0, 0, 0
	for i := range parts[1:] {
		p := &parts[1+i]
		if b.FragList == 0 && uint32(p.length) <= b.TailRoom {
			b.TailRoom -= uint32(p.length)
			continue
		}
		b.Truesize += p.truesize
		b.FragLen += uint32(p.length)
		b.FragTruesize += p.truesize
		b.FragList++
	}
}

// dataLen is the length of the frame as the driver stores it, without the tag
// that the device strips.
func (p *fragment) dataLen() int {
	if p.frame.Head.Tagged {
		return int(p.frame.Len) - skb.VLANHeader
	}
	return int(p.frame.Len)
}

// pages returns the number of page fragments of the buffer (TS-7).
func (p *fragment) pages() int {
	if p.dataLen() <= headRoom {
		return 0
	}
	return (p.dataLen() + pageHalf - 1) / pageHalf
}

// ipExpire models ip_expire: the rest did not come in time. If the beginning is
// there and was for this host alone, its sender hears of it (FR-5).
func (l *Layer) ipExpire(q *fragQueue) {
	l.Net.IP.ReasmFails++
	l.Net.IP.ReasmTimeout++
	at := q.expires
	l.Digest.Fold(at, digestDrop+uint64(skb.FragReasmTimeout))
	tell, b := false, skb.Buff{}
	if q.first && len(q.frags) > 0 {
		tell, b = true, q.head()
	}
	user := q.key.user
	l.fragPurge(q, skb.FragReasmTimeout)
	l.fragRemove(q)
	if !tell {
		return
	}
	r := l.routeInput(l.devices[b.IfIndex], b.Head)
	b.Route = r.route
	if r.reason != skb.NotDropped || user == defragConntrack && r.route.Type != skb.RouteLocal {
		return
	}
	if l.icmpAllowed(&b) {
		l.icmpSend(nil, at, timeExceeded, &b)
	}
}

// head returns what a message about the datagram quotes: its first fragment.
func (q *fragQueue) head() skb.Buff {
	p := &q.frags[0]
	return skb.Buff{Frame: p.frame, IfIndex: p.ifindex, PktType: p.pktType}
}
