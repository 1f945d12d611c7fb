package ipstack

import "github.com/seed-556df219/rxpath/sim/skb"

// AddVLAN makes an 802.1Q device on top of d, with d's address on the link.
func (d *Device) AddVLAN(id uint16, name string, addr skb.Addr, prefixLen int) *Device {
	v := d.layer.AddDevice(name, d.MAC, d.MTU, addr, prefixLen)
	v.lower = d
	if d.vlans == nil {
		d.vlans = map[uint16]*Device{}
	}
	d.vlans[id] = v
	return v
}

// vlanDevice models vlan_find_dev: the device on top of d for the packet's tag,
// nil if there is none. Tags of 802.1AD have none.
func (d *Device) vlanDevice(b *skb.Buff) *Device {
	if len(d.vlans) == 0 || b.Head.ServiceTag && b.InBand+1 == b.Head.Tags() {
		return nil
	}
	return d.vlans[b.TCI()&vlanIDMask]
}

// vlanReceive models vlan_do_receive (CORE-4.6): the VLAN device counts the
// packet without its Ethernet header.
func (l *Layer) vlanReceive(b *skb.Buff, v *Device) {
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
