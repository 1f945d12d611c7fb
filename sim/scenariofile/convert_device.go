package scenariofile

import (
	"net/netip"
	"slices"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/filter"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// tap converts one packet socket. Its buffer is set as that of any other socket.
// Only those of the host say what they are bound to.
func (c *converter) tap(p path, d *tapSection, h *scenario.Host, ofHost bool) scenario.Tap {
	cfg := socket.Config{RcvBuf: c.rcvBuf(p.under("rcvbuf"), &d.RcvBuf), RcvBufForce: c.rcvBuf(p.under("rcvbufforce"), &d.RcvBufForce)}
	if cfg.RcvBuf != 0 && cfg.RcvBufForce != 0 {
		c.fault(p.under("rcvbufforce"), "", "only one of rcvbuf and rcvbufforce")
	}
	if d.Device != "" && !ofHost {
		c.fault(p.under("device"), "", "nothing: it is bound to what it stands under")
	}
	t := scenario.Tap{
		Name: d.Name, Device: d.Device, EtherType: uint16(d.EtherType), RcvBuf: h.Limits.EffectiveRcvBuf(&h.Kernel, &cfg),
		SnapLen: int(d.SnapLen.v), Filter: d.Filter, PerPacket: d.PerPacket.v, Nice: d.Nice,
	}
	if d.Kind == "ring" {
		t.Kind, t.Frames, t.FrameSize = ipstack.TPacketRcv, d.Frames, int(d.FrameSize.v)
	}
	if d.CPU != nil {
		t.Task, t.CPU = true, *d.CPU
	}
	if len(d.Filter) > 0 {
		if _, err := filter.Parse(d.Filter); err != nil {
			c.fault(p.under("filter"), "", "a BPF program as tcpdump -ddd prints it, an instruction an item ("+err.Error()+")")
		}
	}
	return t
}

// ingress converts the filters of an ingress queueing discipline.
func ingress(d []ingressSection) []ipstack.Rule {
	var out []ipstack.Rule
	for i := range d {
		r := &d[i]
		out = append(out, ipstack.Rule{
			Src: skb.AddrFrom(r.Src.v), Dst: skb.AddrFrom(r.Dst.v), SrcPort: r.SPort, DstPort: r.DPort, DropPPM: r.Drop.v})
	}
	return out
}

// below returns the names of the devices that d stands on.
func (d *deviceSection) below() []string {
	switch {
	case d.Bond != nil:
		return d.Bond.Slaves
	case d.Bridge != nil:
		var out []string
		for _, p := range d.Bridge.Ports {
			out = append(out, p.Device)
		}
		return out
	}
	return nil
}

// enslaved reports whether an interface is part of a bond or bridge, which then
// has the address.
func (c *converter) enslaved(name string) bool {
	return slices.ContainsFunc(c.doc.Devices, func(d deviceSection) bool { return slices.Contains(d.below(), name) })
}

// device converts one device, and completes what depends on its place.
func (c *converter) device(i int, h *scenario.Host) scenario.Device {
	d := &c.doc.Devices[i]
	at := path{"devices"}.item(i)
	if n := c.firstNIC(d); n >= 0 && !c.enslaved(d.Name) {
		d.Address.or(defaultAddress(n))
	}
	out := scenario.Device{
		Name: d.Name, Addr: skb.AddrFrom(d.Address.v.Addr()), RPS: d.RPS.v, Ingress: ingress(d.Ingress),
	}
	if d.Address.v.IsValid() {
		out.PrefixLen = d.Address.v.Bits()
	}
	for k := range d.Taps {
		out.Taps = append(out.Taps, c.tap(at.under("taps").item(k), &d.Taps[k], h, false))
	}
	if d.VLAN != nil {
		out.VLAN = &scenario.VLAN{Device: d.VLAN.Device, ID: d.VLAN.ID}
	}
	if b := d.Bond; b != nil {
		mode := max(slices.Index(ipstack.BondModes(), b.Mode), 0)
		out.Bond = &scenario.Bond{Slaves: b.Slaves, Active: b.Active,
			BondConfig: ipstack.BondConfig{Mode: ipstack.BondMode(mode), AllSlavesActive: b.AllSlavesActive}}
	}
	if b := d.Bridge; b != nil {
		out.Bridge = &scenario.Bridge{BridgeConfig: ipstack.BridgeConfig{STP: b.STP, GroupFwdMask: uint16(b.GroupFwdMask)}}
		for _, p := range b.Ports {
			state := max(slices.Index(ipstack.PortStates(), p.State), 0)
			out.Bridge.Ports = append(out.Bridge.Ports, scenario.BridgePort{Device: p.Device, State: ipstack.PortState(state)})
		}
	}
	if m := d.Macvlan; m != nil {
		m.MAC.or(skb.MAC{2, 0, 0, 0, 1, byte(i)})
		mode := max(slices.Index(ipstack.MacvlanModes(), m.Mode), 0)
		out.Macvlan = &scenario.Macvlan{Device: m.Device, Mode: ipstack.MacvlanMode(mode), MAC: m.MAC.v, Down: m.Down}
	}
	return out
}

// firstNIC returns the place of the first interface that a bond or bridge stands
// on, -1 if there is none.
func (c *converter) firstNIC(d *deviceSection) int {
	for range c.doc.Devices { // each stands on those before it
		below := d.below()
		if len(below) == 0 {
			break
		}
		if n := slices.IndexFunc(c.doc.NICs, func(n nicSection) bool { return n.Name == below[0] }); n >= 0 {
			return n
		}
		next := slices.IndexFunc(c.doc.Devices, func(o deviceSection) bool { return o.Name == below[0] })
		if next < 0 {
			break
		}
		d = &c.doc.Devices[next]
	}
	return -1
}

// defaultAddress is that of the nth interface.
func defaultAddress(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(n), 2}), 24)
}

// ifIndex returns the index of a device by its name, 0 after reporting that
// there is none of it.
func (c *converter) ifIndex(p path, name string) int32 {
	known := []string{}
	for i := range c.doc.NICs {
		known = append(known, c.doc.NICs[i].Name)
	}
	for i := range c.doc.NICs {
		for _, id := range c.doc.NICs[i].VLANs {
			known = append(known, scenario.VLANName(c.doc.NICs[i].Name, id))
		}
	}
	for i := range c.doc.Veths {
		for _, e := range []*vethEndSection{&c.doc.Veths[i].End, &c.doc.Veths[i].Peer} {
			if e.Namespace == "" {
				known = append(known, e.Name)
			}
		}
	}
	for i := range c.doc.Tuns {
		known = append(known, c.doc.Tuns[i].Name)
	}
	for i := range c.doc.Devices {
		known = append(known, c.doc.Devices[i].Name)
	}
	if i := slices.Index(known, name); i >= 0 {
		return scenario.IfIndex(i)
	}
	c.faultNear(p, "", "the name of a nic or device: "+names(known), cfgerr.Near(name, known))
	return 0
}
