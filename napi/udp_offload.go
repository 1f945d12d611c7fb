package napi

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// This file is what newer kernels do for sockets with UDP_GRO: datagrams of a
// flow become one packet, a train, that passes the stack and the socket as one
// (net/core/gro.c, net/ipv4/af_inet.c, net/ipv4/udp_offload.c; linux-6.18 1.9).
//
//	Receive ─┬─ no flow that merges ─────────────▶ up, in batches
//	         └─ bucket of the flow's hash ─┬─ matches a held one ─▶ part of it
//	                                       └─ none ─▶ held
//	held ─ 64 datagrams, a shorter one, a mismatch, the poll's end ─▶ up
//
// Not modelled: what GRO makes of VLAN tags that are still in the data (such
// datagrams are not merged), of tunnels, and of packets that have been segmented
// before (they pass); gro_max_size is as by default.

const (
	groBuckets  = 8       // GRO_HASH_BUCKETS
	maxGROSkbs  = 8       // MAX_GRO_SKBS: held in one bucket
	udpGROCnt   = 64      // UDP_GRO_CNT_MAX
	groMaxSize  = 1 << 16 // GRO_LEGACY_MAX_SIZE
	maxSkbFrags = 17      // MAX_SKB_FRAGS
)

// A held packet waits for others of its flow. It models struct napi_gro_cb.
type held struct {
	b       skb.Buff
	hash    uint32
	age     int64  // the jiffy in which it came
	length  uint16 // the UDP length of its first datagram
	count   int    // datagrams
	frags   int    // page fragments of its last head
	fixedID bool   // the datagrams have one ID
	list    bool   // chained as they are, for rx-gro-list
}

// A groList is one bucket, the oldest first. It models struct gro_list.
type groList struct {
	packets [maxGROSkbs]held
	n       int
}

// A Lookup says of a packet's flow whether there is a socket for it, and whether
// that has UDP_GRO. It models udp4_gro_lookup_skb.
type Lookup func(b *skb.Buff) (found, gro bool)

// merges reports whether any packet may be held at all: a socket has UDP_GRO
// (udp_encap_needed_key), or the device merges without (linux-6.18 1.9.1).
func (g *GRO) merges() bool {
	return g.Profile.UDPGRO && (g.EncapNeeded != nil && *g.EncapNeeded > 0 || g.Forwarding || g.FragList)
}

// offload models dev_gro_receive, inet_gro_receive and udp_gro_receive of a
// packet whose checksum is settled: it becomes part of a held one, or is held
// itself. It reports false for one that goes up as it is.
func (g *GRO) offload(c *cpu.Core, b *skb.Buff) bool {
	n := g.polling(c)
	if n == nil || !mergeable(b) {
		return false
	}
	found, gro := false, false
	if g.EncapNeeded != nil && *g.EncapNeeded > 0 {
		found, gro = g.Lookup(b)
	}
	list := g.FragList && !gro
	if !gro && !list && (found || !g.Forwarding) {
		return false
	}
	var hash uint32
	if g.Hash != nil {
		hash = g.Hash(b.Head)
	}
	if n.held == nil {
		n.held = new([groBuckets]groList)
	}
	l := &n.held[hash%groBuckets]
	if i := l.find(b, hash); i >= 0 {
		p := &l.packets[i]
		merged, full := false, true
		switch {
		case p.list != list:
			g.complete(c, l.take(i))
			return false
		case b.UDPLen <= p.length && !g.flushes(p, b):
			merged, full = g.append(p, b)
		}
		if merged {
			g.Ledger.Put()
			g.Ledger.Coalesce(1)
			c.Trace.Merged(b.ID, p.b.ID)
		}
		if full {
			g.complete(c, l.take(i))
		}
		if merged {
			return true
		}
	}
	if l.n == maxGROSkbs { // gro_flush_oldest
		g.complete(c, l.take(0))
	}
	l.hold(b, hash, c.Jiffies(), list)
	g.Ledger.Put()
	return true
}

// mergeable reports whether GRO gets as far as the ports of a datagram: no
// fragment, no options, no padding, not empty, and with a checksum that is not
// known to be bad (udp_gro_receive_segment).
func mergeable(b *skb.Buff) bool {
	h := b.Head
	return h.EtherType == skb.EtherTypeIPv4 && h.Proto == skb.ProtoUDP && b.InBand == 0 && b.GSOSize == 0 && b.FragList == 0 &&
		h.IPVersion == 4 && h.IHL == 5 && h.IPChecksum != skb.ChecksumBad && !h.Fragment() &&
		h.UDPChecksum != skb.ChecksumZero && !b.CsumBad && b.Summed != skb.ChecksumNone &&
		uint32(b.IPLen) == b.Len && b.UDPLen > skb.UDPHeader && b.UDPLen == b.IPLen-skb.IPHeader
}

// find returns the newest packet of the same flow, -1 if there is none. It models
// gro_list_prepare and the comparisons of inet_gro_receive and
// udp_gro_receive_segment that make another flow of a packet.
func (l *groList) find(b *skb.Buff, hash uint32) int {
	for i := l.n - 1; i >= 0; i-- {
		p := &l.packets[i]
		if p.hash == hash && p.b.IfIndex == b.IfIndex && p.b.Tagged == b.Tagged && (!b.Tagged || p.b.TCI() == b.TCI()) && sameFlow(p.b.Head, b.Head) {
			return i
		}
	}
	return -1
}

func sameFlow(a, b *skb.Header) bool {
	return a == b || a.DstMAC == b.DstMAC && a.SrcMAC == b.SrcMAC && a.Src == b.Src && a.Dst == b.Dst && a.SrcPort == b.SrcPort && a.DstPort == b.DstPort
}

// flushes models inet_gro_flush: the fields that must be equal, and IDs that
// either count the datagrams or are all the same.
func (g *GRO) flushes(p *held, b *skb.Buff) bool {
	h, q := b.Head, p.b.Head
	if h.TTL != q.TTL || h.TOS != q.TOS || h.DF != q.DF {
		return true
	}
	offset := b.IPID - p.b.IPID
	if p.count == 1 && offset == 0 && (h.DF || g.Profile.GROFixedIdent) {
		p.fixedID = true
	}
	if p.fixedID {
		return offset != 0
	}
	return int(offset) != p.count
}

// append models skb_gro_receive, or for a list skb_gro_receive_list: it makes a
// datagram part of a held packet, unless that would become too large. full says
// that nothing may follow: it is one of 64, shorter than the others, or did not fit.
func (g *GRO) append(p *held, b *skb.Buff) (merged, full bool) {
	payload := uint32(b.UDPLen) - skb.UDPHeader
	if p.b.Len+payload >= groMaxSize {
		return false, true
	}
	p.charge(b, payload)
	if p.count == 1 {
		p.begin(b)
	}
	p.count++
	p.b.Train.Last = b.Truesize
	p.b.IPLen += uint16(payload)
	p.b.UDPLen += uint16(payload)
	p.b.Len += payload
	p.b.Frame.Len += payload
	p.b.FragLen += payload
	return true, p.count == udpGROCnt || b.UDPLen != p.length
}

// charge adds what the buffers of a datagram cost, by where its payload lies: its
// page fragments go to the last head, or its own head does as one (a head from
// kmalloc can't); else, and when the last head has 17, it becomes the next head.
func (p *held) charge(b *skb.Buff, payload uint32) {
	cost, pieces := b.Truesize-kernel.SKBSize, 1+int(b.NrFrags)
	paged := b.FragLen >= payload
	if paged {
		cost, pieces = b.FragTruesize, int(b.NrFrags)
	}
	if p.list || b.Kmalloc && !paged || p.frags+pieces > maxSkbFrags {
		cost = b.Truesize
		p.b.FragList++
		p.frags = int(b.NrFrags)
	} else {
		p.frags += pieces
	}
	p.b.Truesize += cost
	p.b.FragTruesize += cost
}

// begin makes a held packet the first of a train.
func (p *held) begin(b *skb.Buff) {
	payload := uint32(p.length) - skb.UDPHeader
	t := &p.b.Train
	t.Whole, t.Paged = p.list, b.FragLen >= payload
	t.Head = p.b.Truesize - p.b.FragTruesize
	switch {
	case p.list || b.Kmalloc && !t.Paged:
		t.Chunk, t.Head = 1, b.Truesize
	case t.Paged:
		t.Chunk = maxSkbFrags / b.NrFrags
	default:
		t.Chunk = 1 + (maxSkbFrags-b.NrFrags)/(1+b.NrFrags)
	}
}

// hold models the end of dev_gro_receive for a packet of a new flow.
func (l *groList) hold(b *skb.Buff, hash uint32, age int64, list bool) {
	l.packets[l.n] = held{b: *b, hash: hash, age: age, length: b.UDPLen, count: 1, frags: int(b.NrFrags), list: list}
	l.n++
}

// take takes the ith packet out of a bucket.
func (l *groList) take(i int) held {
	p := l.packets[i]
	l.n--
	copy(l.packets[i:l.n], l.packets[i+1:l.n+1])
	return p
}

// complete models napi_gro_complete: a packet goes up, as a train if it has
// become one.
func (g *GRO) complete(c *cpu.Core, p held) {
	g.Ledger.Take()
	if p.count > 1 {
		g.Trains++
		p.b.GSOSize = p.length - skb.UDPHeader
		p.b.Summed = skb.ChecksumUnnecessary
		if g.Headroom != nil {
			p.b.Train.Headroom = g.Headroom()
		}
		if p.b.NrFrags == 0 {
			p.b.NrFrags = uint8(min(p.count-1, maxSkbFrags))
		}
	}
	if g.Profile.GRONormalList {
		g.normal(c, &p.b, p.count)
	} else {
		g.Up[c.ID()].NetifReceiveSKB(c, &p.b)
	}
}

// flushHeld models gro_flush: what is held goes up, with old only what came in
// an earlier jiffy.
func (g *GRO) flushHeld(c *cpu.Core, n *Instance, old bool) {
	if n.held == nil || c == nil {
		return
	}
	now := c.Jiffies()
	for i := range n.held {
		l := &n.held[i]
		for l.n > 0 && !(old && l.packets[0].age == now) {
			g.complete(c, l.take(0))
		}
	}
}

// Held returns how many packets the instance holds.
func (n *Instance) Held() (packets uint64) {
	if n.held == nil {
		return 0
	}
	for i := range n.held {
		packets += uint64(n.held[i].n)
	}
	return packets
}

// Delete frees what the instance holds. It models gro_cleanup, as netif_napi_del calls it.
func (n *Instance) Delete() {
	if k := n.Held(); k > 0 {
		n.GRO.Ledger.Lose(skb.HWReset, k)
		*n.held = [groBuckets]groList{} // a poll that is under way may hold more yet, until its end
	}
}
