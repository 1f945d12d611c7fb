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
	// counts are the datagrams in each list of held (rx_count).
	counts []int

	// Ledger accounts for what is held between two polls.
	Ledger *skb.Ledger
	// Lookup finds the socket of a packet.
	Lookup Lookup
	// EncapNeeded is the number of sockets that ever asked for UDP_GRO and are still open, on the whole host.
	EncapNeeded *int
	// Forwarding and FragList are the features rx-udp-gro-forwarding and rx-gro-list.
	Forwarding, FragList bool
	// Hash returns the hash that the device gives the packets of a flow; nil: none.
	Hash func(*skb.Header) uint32
	// Headroom returns what the driver leaves free before a frame; nil: nothing.
	Headroom func() uint16
	// Precise: a jiffy is at most a millisecond, so that a poll that used its weight leaves what is young in GRO.
	Precise bool
	// Trains counts the packets that were made of several.
	Trains uint64

	polls []*Instance // by CPU: whose poll runs there
}

// Receive models napi_gro_receive and dev_gro_receive. UDP is merged for sockets
// with UDP_GRO only, and otherwise never held (GRO-3); but a checksum that nobody has verified is verified here
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
		if g.merges() && g.offload(c, b) {
			c.Trace.Leave("napi_gro_receive")
			return
		}
	}
	if g.Profile.GRONormalList {
		g.normal(c, b, 1)
	} else {
		g.Up[c.ID()].NetifReceiveSKB(c, b)
	}
	c.Trace.Leave("napi_gro_receive")
}

// normal models gro_normal_one: the packet waits, in hand, until there are
// gro_normal_batch of them, of which it counts for so many, or the poll ends.
func (g *GRO) normal(c *cpu.Core, b *skb.Buff, count int) {
	for len(g.held) <= c.ID() {
		g.held, g.counts = append(g.held, nil), append(g.counts, 0)
	}
	g.held[c.ID()] = append(g.held[c.ID()], *b)
	if g.counts[c.ID()] += count; g.counts[c.ID()] >= g.NormalBatch {
		g.flush(c)
	}
}

// polling returns the instance whose poll runs on the core.
func (g *GRO) polling(c *cpu.Core) *Instance {
	if c.ID() >= len(g.polls) {
		return nil
	}
	return g.polls[c.ID()]
}

// polled says that the poll of an instance begins on a core.
func (g *GRO) polled(c *cpu.Core, n *Instance) {
	for len(g.polls) <= c.ID() {
		g.polls = append(g.polls, nil)
	}
	g.polls[c.ID()] = n
}

// flush models gro_normal_list: what was held goes up, in its order.
func (g *GRO) flush(c *cpu.Core) {
	if c == nil || c.ID() >= len(g.held) {
		return
	}
	list := g.held[c.ID()]
	g.counts[c.ID()] = 0
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
		b.CsumBad = g.Profile.BadChecksumMarked
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
