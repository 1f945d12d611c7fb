package scenariofile

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

// xdpPrograms are the values of xdp, in the order of nic.XDP.
var xdpPrograms = []string{"none", "pass", "drop"}

// softAddress is the default address of the nth device without hardware of a kind.
func softAddress(kind, n, host int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(kind), byte(n), byte(host)}), 24)
}

// conf converts the settings of IPv4 of a device.
func (d *confSection) conf() ipstack.DeviceConf {
	return ipstack.DeviceConf{RPFilter: d.RPFilter, AcceptLocal: d.AcceptLocal, RouteLocalnet: d.RouteLocalnet, RefuseSourceRoute: !d.AcceptSourceRoute}
}

// veth converts a pair, and completes what depends on its place.
func (c *converter) veth(i int, h *scenario.Host) (out scenario.Veth) {
	d := &c.doc.Veths[i]
	for j, e := range []*vethEndSection{&d.End, &d.Peer} {
		at := path{"veths"}.item(i).under([]string{"end", "peer"}[j])
		e.Address.or(softAddress(77, i, 2-j))
		e.MAC.or(skb.MAC{2, 0, 0, 0, 2, byte(2*i + j)})
		v := &out[j]
		*v = scenario.VethEnd{
			Name: e.Name, Namespace: e.Namespace, MTU: e.MTU, Addr: skb.AddrFrom(e.Address.v.Addr()), PrefixLen: e.Address.v.Bits(),
			VethConfig: nic.VethConfig{MAC: e.MAC.v, GRO: e.GRO, TSO: e.TSO, USO: e.USO, XDP: nic.XDP(max(slices.Index(xdpPrograms, e.XDP), 0))},
			Conf:       e.Conf.conf(), Ingress: ingress(e.Ingress), RPS: e.RPS.v,
		}
		for k := range e.Taps {
			v.Taps = append(v.Taps, c.tap(at.under("taps").item(k), &e.Taps[k], h, false))
		}
		if len(e.Taps) > 0 && e.Namespace != "" {
			c.fault(at.under("taps"), "", "none in another namespace")
		}
	}
	return out
}

// tun converts a tap device, and completes what depends on its place.
func (c *converter) tun(i int) scenario.Tun {
	d := &c.doc.Tuns[i]
	d.Address.or(softAddress(78, i, 2))
	d.MAC.or(skb.MAC{2, 0, 0, 0, 3, byte(i)})
	return scenario.Tun{Name: d.Name, MTU: d.MTU, Addr: skb.AddrFrom(d.Address.v.Addr()), PrefixLen: d.Address.v.Bits(),
		TunConfig: nic.TunConfig{MAC: d.MAC.v, NAPI: d.NAPI}, RPS: d.RPS.v}
}

// sender converts a process that sends.
func (c *converter) sender(i int) scenario.Sender {
	d := &c.doc.Senders[i]
	p := path{"senders"}.item(i)
	if d.Name == "" {
		d.Name = fmt.Sprintf("sender%d", i)
	}
	s := scenario.Sender{
		Name: d.Name, Namespace: d.Namespace, CPU: d.CPU, Nice: d.Nice, Local: d.Bind.v, Dst: d.Dst.v, Device: d.Device, NoMulticastLoop: !d.MulticastLoop,
		Tap: d.Tap, Payload: lawAt(c, p.under("payload"), &d.Payload), Segment: d.Segment,
		Pace: traffic.Config{MilliPPS: d.Rate.v, Arrivals: arrivals(d.Arrivals), Start: d.Start.v, Stop: d.Stop.v, Count: d.Count},
	}
	for j := range d.Profile {
		s.Pace.Profile = append(s.Pace.Profile, traffic.RatePoint{At: d.Profile[j].At.v, MilliPPS: d.Profile[j].Rate.v, Step: d.Profile[j].Step})
	}
	if c.load != unscaled {
		s.Pace = s.Pace.Scaled(c.load)
		setRates(&d.Rate, d.Profile, d.Arrivals, &s.Pace)
	}
	return s
}
