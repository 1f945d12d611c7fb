package nic

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A SoftEnv is what a device without hardware needs of its host.
type SoftEnv struct {
	Profile *kernel.Profile
	Costs   *kernel.Costs
	Ledger  *skb.Ledger
	// IfIndex is the device's number in its host.
	IfIndex int32
	// NetifRX hands a packet to the backlog of a CPU (softirq.SoftnetData.NetifRX).
	NetifRX func(*cpu.Core, *skb.Buff) skb.DropReason
	// Receive hands a packet to the core's stack at once (netif_receive_skb).
	Receive func(*cpu.Core, *skb.Buff)
	// GRO takes what the device's own NAPI instance polls.
	GRO Receive
	// NAPI makes the instance that polls a ring of the named device.
	NAPI func(device string, r Ring) NAPI
}

// A Ring is what an instance of a device without hardware polls.
type Ring interface {
	// PollRings takes up to weight packets and returns their number.
	PollRings(c *cpu.Core, weight int) int
}

// traffic is a count of packets and of their bytes.
type traffic struct{ packets, bytes uint64 }

func (t *traffic) count(bytes uint32) {
	t.packets++
	t.bytes += uint64(bytes)
}

// arrives makes a packet that a device has sent one that the next device
// receives. It models eth_type_trans as __dev_forward_skb and loopback_xmit call
// it: the Ethernet header is behind it.
func (e *SoftEnv) arrives(c *cpu.Core, b *skb.Buff, own skb.MAC) {
	b.IfIndex, b.Queue = e.IfIndex, 0
	b.PktType = packetType(b.Head.DstMAC, own)
	b.Len -= min(skb.EthHeader, b.Len)
	b.Ready, b.Polled = c.Now(), c.Now()
	if b.Head.Tagged { // no hardware takes tags out
		b.InBand = 1
		if b.Head.DoubleTagged {
			b.InBand = 2
		}
	}
}

// A packetRing is a ptr_ring of packets between two ends of a wire that is none.
type packetRing struct {
	slots      []skb.Buff
	head, tail uint32
}

func (r *packetRing) len() int { return int(r.tail - r.head) }

// put copies a packet into the ring, unless it is full.
func (r *packetRing) put(b *skb.Buff) bool {
	if r.len() == len(r.slots) {
		return false
	}
	r.slots[r.tail%uint32(len(r.slots))] = *b
	r.tail++
	return true
}

func (r *packetRing) take(b *skb.Buff) {
	*b = r.slots[r.head%uint32(len(r.slots))]
	r.head++
}

// Loopback is the device lo. It models drivers/net/loopback.c.
type Loopback struct {
	env  SoftEnv
	sent traffic
}

// NewLoopback returns lo.
func NewLoopback(env SoftEnv) *Loopback { return &Loopback{env: env} }

// Xmit models loopback_xmit: the packet goes to the backlog of the sender's CPU,
// and counts only if it is taken there (RPS-18). The route of the sender stays
// with it.
func (l *Loopback) Xmit(c *cpu.Core, b *skb.Buff) {
	l.env.arrives(c, b, skb.MAC{})
	n := b.Len
	if l.env.NetifRX(c, b) == skb.NotDropped {
		l.sent.count(n)
	}
}

// Link returns the device's statistics: what it has sent it has received. It
// models loopback_get_stats64.
func (l *Loopback) Link() mib.Link {
	s := l.sent
	return mib.Link{RXPackets: s.packets, RXBytes: s.bytes, TXPackets: s.packets, TXBytes: s.bytes}
}

// Live returns how many packets the device holds.
func (l *Loopback) Live() int { return 0 }
