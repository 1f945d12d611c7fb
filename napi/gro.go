package napi

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A Receiver takes a packet from GRO. *softirq.SoftnetData of the core
// implements it.
type Receiver interface {
	// NetifReceiveSKB takes the packet over; it may be gone when it returns.
	NetifReceiveSKB(*cpu.Core, *skb.Buff)
}

// GRO is generic receive offload as one device has it.
type GRO struct {
	// On is the feature generic-receive-offload.
	On      bool
	Costs   *kernel.Costs
	Profile *kernel.Profile
	// Up returns who takes packets on a core.
	Up func(*cpu.Core) Receiver
}

// Receive models napi_gro_receive and dev_gro_receive. UDP is never merged and
// never held (GRO-3); but a checksum that nobody has verified is verified here
// (GRO-2), unless the packet is a fragment, has IP options, is padded, or has a
// bad IP header checksum (GRO-1).
func (g *GRO) Receive(c *cpu.Core, b *skb.Buff) {
	if g.On {
		c.Spend(g.Costs.GRO.Fixed)
		g.verify(c, b)
	}
	g.Up(c).NetifReceiveSKB(c, b)
}

// verify models what udp4_gro_receive does with a checksum.
func (g *GRO) verify(c *cpu.Core, b *skb.Buff) {
	if !g.Profile.UDPGROChecksum || b.Summed != skb.ChecksumNone || !verifiable(b) {
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
	return h.EtherType == skb.EtherTypeIPv4 && h.IPVersion == 4 && h.IHL == 5 && h.Proto == skb.ProtoUDP &&
		h.IPChecksum != skb.ChecksumBad && !h.Fragment() && h.UDPChecksum != skb.ChecksumZero &&
		uint32(b.IPLen) == b.Len
}
