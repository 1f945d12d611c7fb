package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// ReceiveSKB implements softirq.Stack. It models __netif_receive_skb_core
// (CORE-4): rounds over devices, taps, VLAN, the protocol table.
func (l *Layer) ReceiveSKB(c *cpu.Core, b *skb.Buff) {
	c.Spend(l.Costs.Core.Fixed)
	h := b.Head
	for {
		c.Stats.Softnet.Processed++ // once a round (CORE-6)
		d := l.devices[b.IfIndex]
		tapped := len(d.taps) > 0
		for _, t := range d.taps {
			t.receive(c, b)
		}
		if b.Tagged {
			tapped = false // delivered before the tag is looked at (CORE-5)
			if v := d.vlans[h.VLAN&0xfff]; v != nil {
				l.toVLAN(b, v)
				continue
			}
			if h.VLAN&0xfff != 0 {
				b.PktType = skb.PacketOtherHost // CORE-4.8
			}
			b.Tagged = false
		}
		switch h.EtherType {
		case skb.EtherTypeIPv4:
			l.ipRcv(c, b)
		case skb.EtherTypeARP, skb.EtherTypeIPv6:
			l.drop(c, skb.HandledElsewhere)
		default:
			if !tapped {
				d.RXDropped++ // CORE-4.10
			}
			l.drop(c, skb.UnhandledProto)
		}
		return
	}
}

// toVLAN models vlan_do_receive (CORE-4.6): the VLAN device counts the packet
// without its Ethernet header.
func (l *Layer) toVLAN(b *skb.Buff, v *Device) {
	b.IfIndex = v.Index
	b.Tagged = false
	if b.PktType == skb.PacketOtherHost && b.Head.DstMAC == v.MAC {
		b.PktType = skb.PacketHost
	}
	v.RXPackets++
	v.RXBytes += uint64(b.Len)
	if b.PktType == skb.PacketMulticast {
		v.Multicast++
	}
}
