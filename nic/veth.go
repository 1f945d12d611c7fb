package nic

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// vethRing is VETH_RING_SIZE.
const vethRing = 256

// XDP is what a program at a device's native hook does with every packet.
type XDP uint8

// XDP programs.
const (
	NoXDP   XDP = iota
	XDPPass     // XDP_PASS, after the packet was copied into a page of its own
	XDPDrop     // XDP_DROP
)

// VethConfig is one end of a pair.
type VethConfig struct {
	MAC [6]byte
	// GRO is the feature generic-receive-offload of this end: with it, and with TSO of the other end off, packets
	// wait in a ring for a NAPI instance.
	GRO bool
	// TSO is the feature tcp-segmentation-offload of this end.
	TSO bool
	// USO is the feature tx-udp-segmentation of this end: what UDP_SEGMENT makes crosses the pair as one packet.
	USO bool
	// XDP is a native XDP program at this end; packets then wait in the ring, too.
	XDP XDP
}

// Veth is one end of a pair of virtual Ethernet devices: what one sends the
// other receives. It models drivers/net/veth.c.
//
//	Xmit of this end ─┬─ netif_rx ──────────────▶ backlog of the sender's CPU
//	                  └─ ring of 256 ─▶ poll ─▶ GRO, of the other end
//
// Not modelled:
//   - A veth device has one queue.
//   - XDP programs on a veth device pass or drop: there is no XDP_TX and no
//     XDP_REDIRECT.
//   - A full ring of a veth device stops no queueing discipline of the sender
//     (flow control, 6.16).
type Veth struct {
	cfg  VethConfig
	env  SoftEnv
	peer *Veth

	ring     packetRing
	napi     NAPI
	notified bool // rx_notify_masked
	scratch  skb.Buff

	sent    traffic // to the other end's backlog
	polled  traffic // from the own ring
	dropped uint64  // what the other end did not take
}

// NewVeth returns both ends of a pair, with the names of their devices.
func NewVeth(names [2]string, cfgs [2]VethConfig, envs [2]SoftEnv) [2]*Veth {
	var ends [2]*Veth
	for i := range ends {
		v := &Veth{cfg: cfgs[i], env: envs[i]}
		if cfgs[1-i].XDP != NoXDP { // NETIF_F_GSO_SOFTWARE is taken off the other end (veth_xdp_set)
			v.cfg.TSO, v.cfg.USO = false, false
		}
		if v.cfg.GRO || v.cfg.XDP != NoXDP {
			v.ring.slots = make([]skb.Buff, vethRing)
		}
		v.napi = envs[i].NAPI(names[i], v)
		ends[i] = v
	}
	ends[0].peer, ends[1].peer = ends[1], ends[0]
	return ends
}

// Xmit models veth_xmit. What the other end drops counts in tx_dropped of this
// one, whatever else it counts there.
func (v *Veth) Xmit(c *cpu.Core, b *skb.Buff) {
	p := v.peer
	n := b.Len
	b.Route, b.Hash, b.SWHash = skb.Route{}, 0, false // skb_scrub_packet
	p.env.arrives(c, b, skb.MAC(p.cfg.MAC))
	if p.polls(b) {
		if !p.ring.put(b) {
			v.dropped++
			v.env.Ledger.Drop(skb.FullRing)
			c.Spend(v.env.Costs.FreeDrop.Fixed)
			return
		}
		p.env.Ledger.Put()
		p.notify(c)
		return
	}
	if p.env.NetifRX(c, b) == skb.NotDropped {
		v.sent.count(n)
	} else {
		v.dropped++
	}
}

// polls reports whether a packet waits for this end's NAPI instance: always for
// XDP, for GRO only if it could be merged (veth_skb_is_eligible_for_gro).
func (v *Veth) polls(*skb.Buff) bool {
	return v.cfg.XDP != NoXDP || v.cfg.GRO && !v.peer.cfg.TSO
}

// notify models __veth_xdp_flush.
func (v *Veth) notify(c *cpu.Core) {
	if !v.notified {
		v.notified = true
		v.napi.Schedule(c)
	}
}

// PollRings implements napi.Driver. It models veth_poll. What came while it ran,
// from another CPU, is for the next poll.
func (v *Veth) PollRings(c *cpu.Core, weight int) int {
	b := &v.scratch
	c.Spend(v.env.Costs.Poll.Fixed)
	done := 0
	for ; done < weight && v.ring.len() > 0; done++ {
		v.ring.take(b)
		v.env.Ledger.Take()
		v.polled.count(b.Len)
		c.Spend(v.env.Costs.Backlog.Fixed)
		b.Polled, b.NAPI = c.Now(), v.napi.ID()
		v.receive(c, b)
	}
	if done < weight && v.napi.Complete(c, done) {
		v.notified = false
		if v.ring.len() > 0 {
			v.notify(c)
		}
	}
	return done
}

// receive models veth_xdp_rcv_skb.
func (v *Veth) receive(c *cpu.Core, b *skb.Buff) {
	switch v.cfg.XDP {
	case XDPDrop:
		v.env.Ledger.Drop(skb.XDPDropped)
		c.Spend(v.env.Costs.FreeDrop.Fixed)
		return
	case XDPPass:
		b.Truesize = uint32(v.env.Profile.XDPTruesize)
	}
	v.env.GRO.Receive(c, b)
}

// Link returns the device's statistics. It models veth_get_stats64: what was
// polled at the other end counts as sent here, when it was polled.
func (v *Veth) Link() mib.Link {
	p := v.peer
	return mib.Link{
		RXPackets: p.sent.packets + v.polled.packets, RXBytes: p.sent.bytes + v.polled.bytes,
		TXPackets: v.sent.packets + p.polled.packets, TXBytes: v.sent.bytes + p.polled.bytes,
		TXDropped: v.dropped,
	}
}

// Live returns how many packets wait in the ring of this end.
func (v *Veth) Live() int { return v.ring.len() }

// Config returns what the end was made with.
func (v *Veth) Config() VethConfig { return v.cfg }
