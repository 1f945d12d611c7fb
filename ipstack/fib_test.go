package ipstack

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

func addr(s string) skb.Addr { return skb.AddrFrom(netip.MustParseAddr(s)) }

// receiveFrom hands a packet up on a device, from a source to a destination.
func (b *bench) receiveFrom(d *Device, src, dst string, change ...packet) {
	b.t.Helper()
	b.receive(netip.AddrPortFrom(netip.MustParseAddr(dst), 5001), append([]packet{func(h *skb.Header, p *skb.Buff) {
		h.Src, p.IfIndex = addr(src), d.Index
	}}, change...)...)
}

// The settings of route input, of all interfaces and of one: each case with the
// setting and without it.
func TestRouteSettings(t *testing.T) {
	const ok = skb.NotDropped
	for name, tc := range map[string]struct {
		src, dst     string
		all          func(*Config)
		dev          DeviceConf
		without, set skb.DropReason
	}{
		"RP-1 rp_filter of one interface":                   {"10.0.1.1", "10.0.0.2", nil, DeviceConf{RPFilter: 1}, ok, skb.IPRPFilter},
		"RP-1 the higher of the two":                        {"10.0.1.1", "10.0.0.2", func(c *Config) { c.RPFilter = 1 }, DeviceConf{RPFilter: 2}, ok, ok},
		"RP-1 accept_local off the look-up":                 {"10.0.1.255", "10.0.0.2", nil, DeviceConf{AcceptLocal: true}, skb.IPInvalidSource, ok},
		"RP-2 accept_local of one interface":                {"10.0.1.2", "10.0.0.2", nil, DeviceConf{AcceptLocal: true}, skb.IPInvalidSource, ok},
		"RP-2 accept_local of all":                          {"10.0.1.2", "10.0.0.2", func(c *Config) { c.AcceptLocal = 1 }, DeviceConf{}, skb.IPInvalidSource, ok},
		"RP-2 accept_local does not take a broadcast":       {"10.0.0.255", "10.0.0.2", func(c *Config) { c.AcceptLocal, c.RPFilter = 1, 1 }, DeviceConf{}, skb.IPInvalidSource, skb.IPInvalidSource},
		"RP-4 accept_local, our address, strict":            {"10.0.0.2", "10.0.0.2", func(c *Config) { c.AcceptLocal, c.RPFilter = 1, 1 }, DeviceConf{}, skb.IPInvalidSource, ok},
		"RP-4 accept_local, address of another, strict":     {"10.0.1.2", "10.0.0.2", func(c *Config) { c.AcceptLocal, c.RPFilter = 1, 1 }, DeviceConf{}, skb.IPInvalidSource, skb.IPRPFilter},
		"RP-2 blackhole counts as no route, rp 0":           {"192.168.0.1", "10.0.0.2", route("192.168.0.0/16", Blackhole), DeviceConf{}, ok, ok},
		"RP-2 blackhole counts as no route, rp 2":           {"192.168.0.1", "10.0.0.2", route("192.168.0.0/16", Blackhole), DeviceConf{RPFilter: 2}, ok, skb.IPRPFilter},
		"RP-2 unreachable counts as no route":               {"192.168.0.1", "10.0.0.2", route("192.168.0.0/16", Unreachable), DeviceConf{RPFilter: 1}, ok, skb.IPRPFilter},
		"RP-2 prohibit counts as no route":                  {"192.168.0.1", "10.0.0.2", route("192.168.0.0/16", Prohibit), DeviceConf{RPFilter: 1}, ok, skb.IPRPFilter},
		"RP-3 no route, rp 0":                               {"172.16.0.1", "10.0.0.2", route("192.168.0.0/16", Unicast, 2), DeviceConf{}, ok, ok},
		"RP-3 no route, rp 1":                               {"172.16.0.1", "10.0.0.2", route("192.168.0.0/16", Unicast, 2), DeviceConf{RPFilter: 1}, ok, skb.IPRPFilter},
		"RP-3 no route, rp 2":                               {"172.16.0.1", "10.0.0.2", route("192.168.0.0/16", Unicast, 2), DeviceConf{RPFilter: 2}, ok, skb.IPRPFilter},
		"RP-4 a nexthop of a multipath route":               {"172.16.0.1", "10.0.0.2", route("172.16.0.0/12", Unicast, 3, 2), DeviceConf{RPFilter: 1}, ok, ok},
		"RP-4 no nexthop of it":                             {"172.16.0.1", "10.0.0.2", route("172.16.0.0/12", Unicast, 3, 4), DeviceConf{RPFilter: 1}, ok, skb.IPRPFilter},
		"RP-4 the longer prefix":                            {"10.0.1.130", "10.0.0.2", route("10.0.1.128/25", Unicast, 2), DeviceConf{RPFilter: 1}, ok, ok},
		"RP-4 the interface's own network is as long":       {"10.0.1.130", "10.0.0.2", route("10.0.1.0/24", Unicast, 2), DeviceConf{RPFilter: 1}, ok, skb.IPRPFilter},
		"MC-3 source in 127/8, route_localnet":              {"127.0.0.1", "239.1.0.1", nil, DeviceConf{RouteLocalnet: true, AcceptLocal: true}, skb.IPInvalidSource, ok},
		"MC-3 source in 127/8, then validated":              {"127.0.0.1", "239.1.0.1", nil, DeviceConf{RouteLocalnet: true}, skb.IPInvalidSource, skb.IPInvalidSource},
		"1.5.6 destination in 127/8, route_localnet":        {"10.0.0.1", "127.0.0.1", nil, DeviceConf{RouteLocalnet: true}, skb.IPInvalidSource, ok},
		"1.5.6 destination in 127/8, route_localnet of all": {"10.0.0.1", "127.0.0.1", func(c *Config) { c.RouteLocalnet = 1 }, DeviceConf{}, skb.IPInvalidSource, ok},
		"1.5.7 not ours, forwarding":                        {"10.0.0.1", "10.0.1.9", func(c *Config) { c.IPForward = 1 }, DeviceConf{}, skb.IPInAddrErrors, skb.HandledElsewhere},
		"1.5.7 forwarding validates the source":             {"10.0.1.1", "10.0.1.9", func(c *Config) { c.IPForward, c.RPFilter = 1, 1 }, DeviceConf{}, skb.IPInAddrErrors, skb.IPRPFilter},
		"1.5.7 unreachable, not forwarding":                 {"10.0.0.1", "192.168.0.1", route("192.168.0.0/16", Prohibit), DeviceConf{}, skb.IPInAddrErrors, skb.IPInAddrErrors},
		"1.5 the first address of a network":                {"10.0.0.1", "10.0.0.0", nil, DeviceConf{}, ok, ok},
	} {
		t.Run(name, func(t *testing.T) {
			for _, set := range []bool{false, true} {
				b := newBench(t, func(_ *bench, c *Config) {
					if set && tc.all != nil {
						tc.all(c)
					}
				})
				twoNICs(b)
				b.eth0.Join(0xef010001)
				want := tc.without
				if set {
					b.eth0.Conf, want = tc.dev, tc.set
				}
				b.receiveFrom(b.eth0, tc.src, tc.dst)
				if want == ok {
					require.Len(t, b.got, 1, "set: %v", set)
					b.dropped(nil)
				} else {
					b.dropped(map[skb.DropReason]uint64{want: 1})
				}
			}
		})
	}
}

// route is a configuration with that route and no default.
func route(to string, k RouteKind, via ...int32) func(*Config) {
	p := netip.MustParsePrefix(to)
	return func(c *Config) {
		c.Routes = append(c.Routes, Route{Dst: skb.AddrFrom(p.Addr()), PrefixLen: p.Bits(), Kind: k, IfIndexes: via})
	}
}

// The subnet's first address is no broadcast address since Linux 5.14.
func TestSubnetZero(t *testing.T) {
	b := newBench(t)
	b.receiveFrom(b.eth0, "10.0.0.1", "10.0.0.0")
	require.EqualValues(t, 1, b.net.IPExt.InBcastPkts)
	b = newBench(t, func(b *bench, _ *Config) { b.prof.SubnetZeroBroadcast = false })
	b.receiveFrom(b.eth0, "10.0.0.1", "10.0.0.0")
	b.dropped(map[skb.DropReason]uint64{skb.IPInAddrErrors: 1})
}

// IF-5: ip_error and ip_forward: what a host and a router count of a packet that
// is for neither, and whom they tell.
func TestIF5Dispatch(t *testing.T) {
	unreach := func(octets uint64) func(*mib.Net) {
		return func(n *mib.Net) {
			n.ICMP.OutMsgs, n.ICMP.OutDestUnreachs, n.IP.OutRequests, n.IPExt.OutOctets = 1, 1, 1, octets
		}
	}
	home := route("10.0.0.0/8", Unicast, 2)
	for name, tc := range map[string]struct {
		conf   func(*Config)
		dst    string
		change packet
		moved  func(*mib.Net)
		reason skb.DropReason
	}{
		"IF-5 a host: InAddrErrors, no ICMP": {nil, "10.0.0.9", nil, func(n *mib.Net) { n.IP.InAddrErrors = 1 }, skb.IPInAddrErrors},
		"IF-5 a router passes on":            {forward, "10.0.0.9", nil, func(n *mib.Net) { n.IP.ForwDatagrams, n.IPExt.OutOctets = 1, 128 }, skb.HandledElsewhere},
		"IF-5 a router, last hop": {forward, "10.0.0.9", func(h *skb.Header, _ *skb.Buff) { h.TTL = 1 }, func(n *mib.Net) {
			n.IP.InHdrErrors, n.ICMP.OutMsgs, n.ICMP.OutTimeExcds, n.IP.OutRequests, n.IPExt.OutOctets = 1, 1, 1, 1, 156
		}, skb.IPInHdr},
		"IF-5 a router, not its MAC": {forward, "10.0.0.9", func(_ *skb.Header, p *skb.Buff) { p.PktType = skb.PacketBroadcast }, nil, skb.IPInvalidDest},
		"IF-5 a router without a way: InNoRoutes": {configs(forward, home), "172.16.0.1", nil, func(n *mib.Net) {
			unreach(156)(n)
			n.IPExt.InNoRoutes = 1
		}, skb.IPInNoRoutes},
		"IF-5 a router, unreachable":   {configs(forward, home, route("172.16.0.0/12", Unreachable)), "172.16.0.1", nil, unreach(156), skb.IPInNoRoutes},
		"IF-5 a router, prohibited":    {configs(forward, home, route("172.16.0.0/12", Prohibit)), "172.16.0.1", nil, unreach(156), skb.IPInNoRoutes},
		"IF-5 a router, blackhole":     {configs(forward, home, route("172.16.0.0/12", Blackhole)), "172.16.0.1", nil, nil, skb.IPInNoRoutes},
		"IF-5 nobody to tell, no ICMP": {configs(forward, route("192.168.0.0/16", Unicast, 3)), "172.16.0.1", func(h *skb.Header, _ *skb.Buff) { h.Src = addr("172.17.0.1") }, func(n *mib.Net) { n.IPExt.InNoRoutes = 1 }, skb.IPInNoRoutes},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(_ *bench, c *Config) {
				if tc.conf != nil {
					tc.conf(c)
				}
			})
			var change []packet
			if tc.change != nil {
				change = append(change, tc.change)
			}
			b.receiveFrom(b.eth0, "10.0.0.1", tc.dst, change...)
			want := mib.Net{IP: mib.IP{InReceives: 1}, IPExt: mib.IPExt{InOctets: 128, InNoECTPkts: 1}}
			if tc.moved != nil {
				tc.moved(&want)
			}
			b.counts(want)
			b.dropped(map[skb.DropReason]uint64{tc.reason: 1})
		})
	}
}

// ip_error takes from the same tokens as icmp_send, and lets none be saved up
// beyond five: of a burst, two messages are sent.
func TestIF5RouteErrorsAreLimited(t *testing.T) {
	b := newBench(t, func(_ *bench, c *Config) {
		c.IPForward = 1
		route("10.0.0.0/8", Unicast, 2)(c)
	})
	for range 20 {
		b.receiveFrom(b.eth0, "10.0.0.1", "172.16.0.1")
	}
	require.EqualValues(t, 20, b.net.IPExt.InNoRoutes)
	require.EqualValues(t, 2, b.net.ICMP.OutDestUnreachs)
}

// MC-2: whose packets a device takes that members of the group have filters on.
func TestMC2SourceLists(t *testing.T) {
	const g = skb.Addr(0xef010001)
	include := func(s ...skb.Addr) SourceFilter { return SourceFilter{Include: true, Sources: s} }
	exclude := func(s ...skb.Addr) SourceFilter { return SourceFilter{Sources: s} }
	a, z := addr("10.0.0.1"), addr("10.0.0.9")
	for name, tc := range map[string]struct {
		members []SourceFilter
		takes   map[string]bool
	}{
		"MC-2 no member":                        {nil, map[string]bool{"10.0.0.1": false, "0.0.0.0": false}},
		"MC-2 a plain join takes every source":  {[]SourceFilter{exclude()}, map[string]bool{"10.0.0.1": true, "10.0.0.9": true}},
		"MC-2 included sources only":            {[]SourceFilter{include(a)}, map[string]bool{"10.0.0.1": true, "10.0.0.9": false}},
		"MC-2 all but the excluded":             {[]SourceFilter{exclude(a)}, map[string]bool{"10.0.0.1": false, "10.0.0.9": true}},
		"MC-2 excluded by one of two":           {[]SourceFilter{exclude(a), exclude(z)}, map[string]bool{"10.0.0.1": true, "10.0.0.9": true}},
		"MC-2 excluded by both":                 {[]SourceFilter{exclude(a), exclude(a)}, map[string]bool{"10.0.0.1": false, "10.0.0.9": true}},
		"MC-2 excluded by one, included by one": {[]SourceFilter{exclude(a), include(a)}, map[string]bool{"10.0.0.1": true, "10.0.0.9": true}},
		"MC-2 includes of two":                  {[]SourceFilter{include(a), include(z)}, map[string]bool{"10.0.0.1": true, "10.0.0.9": true, "10.0.0.7": false}},
		"MC-2 including nobody":                 {[]SourceFilter{include()}, map[string]bool{"10.0.0.1": false}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for _, f := range tc.members {
				b.eth0.Join(g)
				b.eth0.SetFilter(g, SourceFilter{}, f)
			}
			for src, want := range tc.takes {
				h := &skb.Header{Src: addr(src), Dst: g, Proto: skb.ProtoUDP}
				require.Equal(t, want, b.eth0.member(h), src)
				igmp := &skb.Header{Src: addr(src), Dst: g, Proto: skb.ProtoIGMP}
				require.Equal(t, len(tc.members) > 0, b.eth0.member(igmp), "IGMP is for any member")
			}
			require.Equal(t, len(tc.members) > 0, b.eth0.member(&skb.Header{Dst: g, Proto: skb.ProtoUDP}), "from 0.0.0.0")
			for i, f := range tc.members {
				require.Equal(t, i == len(tc.members)-1, b.eth0.LeaveFiltered(g, f))
			}
			require.Len(t, b.eth0.Groups(), 1, "only 224.0.0.1 is left")
		})
	}
}

// MC-2, ED-6: a filter is looked at from the next packet on, but does not void
// routes.
func TestMC2FilterChanges(t *testing.T) {
	b := newBench(t)
	g := skb.AddrFrom(group.Addr())
	b.eth0.Join(g)
	b.receive(group)
	require.Len(t, b.got, 1)
	gen := b.layer.RouteGen()
	only := SourceFilter{Include: true, Sources: []skb.Addr{addr("10.0.0.9")}}
	b.eth0.SetFilter(g, SourceFilter{}, only)
	b.receive(group)
	require.Len(t, b.got, 1)
	b.dropped(map[skb.DropReason]uint64{skb.IPInvalidDest: 1})
	b.eth0.SetFilter(g, only, SourceFilter{})
	b.receive(group)
	require.Len(t, b.got, 2)
	require.Equal(t, gen, b.layer.RouteGen())
	require.Empty(t, b.eth0.group(g).Sources)
	b.eth0.SetFilter(0xef090909, SourceFilter{}, only) // of a group that it is no member of
}
