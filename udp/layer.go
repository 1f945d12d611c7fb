// Package udp models net/ipv4/udp.c as far as receiving goes: the hash tables,
// early demux, unicast lookup, the multicast fan-out, and the checks of
// __udp4_lib_rcv.
//
//	EarlyDemux ─ exactly one socket ─────────────────────────┐
//	Receive ─┬─ attached by early demux ─────────────────────┤
//	         ├─ broadcast, multicast ─ deliverMulticast ─────┼─▶ Socket
//	         └─ unicast ─ lookup ─┬──────────────────────────┘
//	                              └─ NoPorts, ICMP
//
// Not modelled:
//   - There are no encapsulation sockets, no UDP-Lite and no IPv6 sockets.
//   - IPsec policies are not asked.
//   - The kernel never chooses a port: a socket is bound to the one that it is
//     given.
package udp

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A Socket takes a datagram or refuses it. *socket.Sock implements it.
type Socket interface {
	// QueueRcvSKB models udp_queue_rcv_skb: the packet is in hand, and queued or
	// dropped when it returns. It does not change b, nor keep it.
	QueueRcvSKB(*cpu.Core, *skb.Buff)
	// IncomingCPU is SO_INCOMING_CPU, -1 for none.
	IncomingCPU() int
	// CloneFailed says that there was no memory for a copy for this socket (FS-2).
	CloneFailed(*cpu.Core)
}

// Layer is UDP of one host.
type Layer struct {
	Config  Config
	Profile *kernel.Profile
	Costs   *kernel.Costs
	Ledger  *skb.Ledger
	Net     *mib.Net
	// Unreachable sends an ICMP port-unreachable message (ipstack.ICMPSend).
	Unreachable func(*cpu.Core, *skb.Buff)
	// Member reports whether a device wants a multicast packet (ipstack.Layer.Member).
	Member func(ifindex int32, h *skb.Header) bool
	// Rand draws which clones fail.
	Rand engine.Stream
	// ReuseSecret keys the choice among SO_REUSEPORT sockets (LK-4).
	ReuseSecret uint32
	// Stats are counters that no file shows.
	Stats Stats

	primary, secondary table
	memo               []skb.Memo[*match] // by interface index
	last               found              // what find said last
	byCPU              bool               // SO_INCOMING_CPU has been set
}

// Stats counts what happened in the fan-out.
type Stats struct {
	// ClonesLocked counts copies delivered with the slot lock held, ClonesUnlocked those without (3.2).
	ClonesLocked, ClonesUnlocked uint64
	// Originals counts packets that were handed to a socket without a copy.
	Originals uint64
	// DemuxHits counts packets for which early demux found the only socket.
	DemuxHits uint64
	// CloneFailures counts copies for which there was no memory (FS-2).
	CloneFailures uint64
	// SlotWaits counts how often a CPU found a slot's lock taken, SlotWaited how long they waited, in all (MF-3).
	SlotWaits  uint64
	SlotWaited engine.Time
	// SlotHeld is for how long slots' locks were held while sockets were served under them (3.1.2).
	SlotHeld engine.Time
}

// A match is what the tables say of a flow that arrives on an interface.
type match struct {
	demux   *Entry   // by early demux
	unicast *Entry   // by lookup
	multi   []*Entry // in the order of the fan-out
	scans   []scan   // the chains in which multi was found
}

// Kinds of effects in a core's digest.
const digestDrop = cpu.DigestStages + 128

// found is a match and the flow that it belongs to.
type found struct {
	*match
	head    *skb.Header
	ifindex int32
}

// find looks a flow up, remembering the result until a socket comes or goes.
func (l *Layer) find(b *skb.Buff) *match {
	if l.last.head != b.Head || l.last.ifindex != b.IfIndex {
		l.last = found{l.findToo(b), b.Head, b.IfIndex}
	}
	return l.last.match
}

func (l *Layer) findToo(b *skb.Buff) *match {
	for int(b.IfIndex) >= len(l.memo) {
		l.memo = append(l.memo, skb.Memo[*match]{})
	}
	memo := &l.memo[b.IfIndex]
	if m, ok := memo.Get(b.Head); ok {
		return m
	}
	h := b.Head
	m := &match{}
	switch b.PktType {
	case skb.PacketBroadcast:
		if l.Profile.EarlyDemuxBroadcast {
			m.demux = l.demuxMulticast(h, b.IfIndex)
		}
	case skb.PacketMulticast:
		if !l.Profile.EarlyDemuxMember || l.Member(b.IfIndex, h) {
			m.demux = l.demuxMulticast(h, b.IfIndex)
		}
	case skb.PacketHost:
		m.demux = l.demuxUnicast(h, b.IfIndex)
	}
	m.multi, m.scans = l.matchMulticast(h, b.IfIndex)
	m.unicast = l.lookup(h, b.IfIndex, noCPU)
	memo.Put(h, m)
	return m
}

// noCPU is no socket's.
const noCPU = -2

// findUnicast is find(b).unicast on a core.
func (l *Layer) findUnicast(c *cpu.Core, b *skb.Buff) *Entry {
	if l.byCPU {
		return l.lookup(b.Head, b.IfIndex, c.ID())
	}
	return l.find(b).unicast
}

// PreferCPUs makes the CPU part of every look-up from now on: somebody has set
// SO_INCOMING_CPU. Kernels that cannot set it take no notice.
func (l *Layer) PreferCPUs() { l.byCPU = l.Profile.IncomingCPU }

// forget voids every remembered look-up.
func (l *Layer) forget() {
	l.last = found{}
	for i := range l.memo {
		l.memo[i].Forget()
	}
}

// EarlyDemux implements ipstack.Protocol. It models udp_v4_early_demux (ED-1 to
// ED-5): whether the cached route still stands is ipstack's to say.
func (l *Layer) EarlyDemux(b *skb.Buff) {
	if b.Len < uint32(b.Head.IHL)*4+skb.UDPHeader {
		return
	}
	if e := l.find(b).demux; e != nil {
		b.Sock = e
		b.Route = e.rxDst
		l.Stats.DemuxHits++
	}
}

// Receive implements ipstack.Protocol. It models __udp4_lib_rcv (UR-1 to
// UR-11).
func (l *Layer) Receive(c *cpu.Core, b *skb.Buff) {
	if b.FragList != 0 && b.Chain == nil {
		l.receiveChain(c, b)
		return
	}
	if c.Trace != nil {
		c.Trace.Call("udp_rcv")
		c.Trace.Call("__udp4_lib_rcv")
	}
	c.Spend(l.Costs.UDP.Fixed)
	u := &l.Net.UDP
	if b.Len < skb.UDPHeader || uint32(b.UDPLen) > b.Len || b.UDPLen < skb.UDPHeader {
		if b.Len < skb.UDPHeader {
			l.Ledger.Finer.UDPShort++
		}
		u.InErrors++
		l.drop(c, skb.PktTooSmall)
		return
	}
	if b.FragLen != 0 && b.Sock == nil && l.Profile.Condense {
		b.Condense(uint32(b.UDPLen))
	}
	b.Len = uint32(b.UDPLen)
	if b.Summed != skb.ChecksumUnnecessary && !l.checksumInit(c, b) {
		u.InCsumErrors++
		u.InErrors++
		l.drop(c, skb.UDPCsum)
		return
	}
	if e, ok := b.Sock.(*Entry); ok {
		e.rxDst = b.Route // ED-7
		b.Sock = nil
		l.Stats.Originals++
		l.queue(c, e, b)
		return
	}
	if b.Route.Type == skb.RouteMulticast || b.Route.Type == skb.RouteBroadcast {
		l.deliverMulticast(c, b)
		return
	}
	c.Trace.Leaf("__udp4_lib_lookup")
	if e := l.findUnicast(c, b); e != nil {
		l.Stats.Originals++
		l.queue(c, e, b)
		return
	}
	l.noPort(c, b)
}

// receiveChain is Receive for a packet with further buffers behind it, and finds
// out whether anybody has kept them.
func (l *Layer) receiveChain(c *cpu.Core, b *skb.Buff) {
	var chain skb.Chain
	list := b.FragList // which may be cut off
	b.Chain = &chain
	l.Receive(c, b)
	if b.Chain = nil; !chain.Kept { // all of it is freed
		l.Ledger.Chained += uint64(list - min(chain.Pulled, list))
	}
}

// noPort ends a datagram without socket (UR-10, UR-11).
func (l *Layer) noPort(c *cpu.Core, b *skb.Buff) {
	u := &l.Net.UDP
	if b.Summed == skb.ChecksumNone {
		c.Spend(l.Costs.Checksum.For(b.Len))
		if b.Head.UDPChecksum == skb.ChecksumBad {
			u.InCsumErrors++
			u.InErrors++
			l.drop(c, skb.UDPCsum)
			return
		}
	}
	u.NoPorts++
	l.Unreachable(c, b)
	l.drop(c, skb.NoSocket)
}

// deferAbove is the UDP length up to which a checksum that nobody verified is
// verified at once (2.2).
const deferAbove = 76

// checksumInit models udp4_csum_init (2.2) and reports whether the datagram goes
// on. What nobody has verified then is left to who reads it.
func (l *Layer) checksumInit(c *cpu.Core, b *skb.Buff) bool {
	good := b.Head.UDPChecksum != skb.ChecksumBad
	switch {
	case b.Summed == skb.ChecksumPartial,
		b.Head.UDPChecksum == skb.ChecksumZero,
		b.Summed == skb.ChecksumComplete && good:
	case b.Summed == skb.ChecksumNone && b.CsumBad:
		return false
	case b.Len > deferAbove:
		b.Summed = skb.ChecksumNone
		return true
	default:
		c.Spend(l.Costs.Checksum.For(b.Len))
		if !good {
			return false
		}
	}
	b.Summed = skb.ChecksumUnnecessary
	return true
}

func (l *Layer) drop(c *cpu.Core, r skb.DropReason) {
	l.Ledger.Drop(r)
	if r == skb.IgnoredMulti && !l.Profile.FanoutLockless {
		c.Trace.Consumed(r, "")
	} else {
		c.Trace.KfreeSKB(r, "__udp4_lib_rcv")
	}
	c.Digest.Fold(c.Now(), digestDrop+uint64(r))
	c.Spend(l.Costs.FreeDrop.Fixed)
}
