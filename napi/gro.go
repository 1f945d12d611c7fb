package napi

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A Receiver takes a packet from GRO. *softirq.SoftnetData of the core
// implements it.
type Receiver interface {
	// NetifReceiveSKB takes the packet over; it may be gone when it returns.
	NetifReceiveSKB(*cpu.Core, *skb.Buff)
	// NetifReceiveSKBList takes several over, which pass each step of the stack together.
	NetifReceiveSKBList(*cpu.Core, []skb.Buff)
}

// GRO is generic receive offload as one device has it.
type GRO struct {
	// On is the feature generic-receive-offload.
	On      bool
	Costs   *kernel.Costs
	Profile *kernel.Profile
	// Up are who takes packets, by CPU.
	Up []Receiver
	// NormalBatch is net.core.gro_normal_batch.
	NormalBatch int

	// held is napi->rx_list: the packets of the poll that runs on a CPU. It is
	// empty between polls, so one list for each CPU is as good as one for each
	// instance.
	held [][]skb.Buff
}

// Receive models napi_gro_receive and dev_gro_receive. UDP is never merged and
// never held (GRO-3); but a checksum that nobody has verified is verified here
// (GRO-2), unless the packet is a fragment, has IP options, is padded, has a VLAN
// tag in its data or a bad IP header checksum (GRO-1).
func (g *GRO) Receive(c *cpu.Core, b *skb.Buff) {
	if c.Trace != nil {
		c.Trace.Enter(b, "napi_gro_receive")
		c.Trace.Receive(ftrace.NAPIGROReceiveEntry, b)
	}
	if g.On {
		c.Spend(g.Costs.GRO.Fixed)
		if b.Summed == skb.ChecksumNone {
			g.verify(c, b)
		}
	}
	if g.Profile.GRONormalList {
		g.hold(c, b)
		c.Trace.Leave("napi_gro_receive")
		return
	}
	g.Up[c.ID()].NetifReceiveSKB(c, b)
	c.Trace.Leave("napi_gro_receive")
}

// hold models gro_normal_one: the packet waits, in hand, until there are
// gro_normal_batch of them or the poll ends.
func (g *GRO) hold(c *cpu.Core, b *skb.Buff) {
	for len(g.held) <= c.ID() {
		g.held = append(g.held, nil)
	}
	g.held[c.ID()] = append(g.held[c.ID()], *b)
	if len(g.held[c.ID()]) >= g.NormalBatch {
		g.flush(c)
	}
}

// flush models gro_normal_list: what was held goes up, in its order.
func (g *GRO) flush(c *cpu.Core) {
	if c == nil || c.ID() >= len(g.held) {
		return
	}
	list := g.held[c.ID()]
	if len(list) > 0 {
		g.Up[c.ID()].NetifReceiveSKBList(c, list)
	}
	g.held[c.ID()] = list[:0]
}

// verify models what udp4_gro_receive does with a checksum that nobody has verified.
func (g *GRO) verify(c *cpu.Core, b *skb.Buff) {
	if !g.Profile.UDPGROChecksum || !verifiable(b) {
		return
	}
	c.Spend(g.Costs.Checksum.For(uint32(b.UDPLen)))
	if b.Head.UDPChecksum == skb.ChecksumBad {
		b.CsumBad = true
	} else {
		b.Summed = skb.ChecksumUnnecessary
	}
}

// verifiable says whether udp4_gro_receive gets as far as the checksum.
func verifiable(b *skb.Buff) bool {
	h := b.Head
	return b.InBand == 0 && h.EtherType == skb.EtherTypeIPv4 && h.IPVersion == 4 && h.IHL == 5 && h.Proto == skb.ProtoUDP &&
		h.IPChecksum != skb.ChecksumBad && !h.Fragment() && h.UDPChecksum != skb.ChecksumZero &&
		uint32(b.IPLen) == b.Len
}
