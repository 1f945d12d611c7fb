package ipstack

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// twoNICs adds eth1, 10.0.1.2/24, and eth2 without an address.
func twoNICs(b *bench) (eth1, eth2 *Device) {
	return b.layer.AddDevice("eth1", mac, 1500, 0x0a000102, 24), b.layer.AddDevice("eth2", mac, 1500, 0, 0)
}

// IF-2, MC-1 to MC-3, 1.5, RP-1 to RP-5: which packets route input takes, and what it
// counts of the others: only EXDEV and "not our address" have a counter.
func TestRouteInput(t *testing.T) {
	const ok = skb.NotDropped
	for name, tc := range map[string]struct {
		src, dst string
		on       string // the device, eth0 if empty
		rp       int
		want     skb.DropReason
	}{
		"unicast":                           {"10.0.0.1", "10.0.0.2", "", 0, ok},
		"unicast to another own address":    {"10.0.0.1", "10.0.1.2", "", 0, ok},
		"1.5: not ours":                     {"10.0.0.1", "10.0.0.3", "", 0, skb.IPInAddrErrors},
		"1.5.2: source multicast":           {"239.1.0.9", "10.0.0.2", "", 0, skb.IPInvalidSource},
		"1.5.2: source 255.255.255.255":     {"255.255.255.255", "10.0.0.2", "", 0, skb.IPInvalidSource},
		"1.5.3: limited broadcast":          {"10.0.0.1", "255.255.255.255", "", 0, ok},
		"1.5.3: both 0":                     {"0.0.0.0", "0.0.0.0", "", 0, ok},
		"1.5.3: broadcast from 0 (DHCP)":    {"0.0.0.0", "255.255.255.255", "", 1, ok},
		"1.5.4: source in 0/8":              {"0.0.0.1", "10.0.0.2", "", 0, skb.IPInvalidSource},
		"1.5.4: source 0.0.0.0":             {"0.0.0.0", "10.0.0.2", "", 0, skb.IPInvalidSource},
		"1.5.5: destination 0.0.0.0":        {"10.0.0.1", "0.0.0.0", "", 0, skb.IPInvalidDest},
		"1.5.5: destination in 0/8":         {"10.0.0.1", "0.1.2.3", "", 0, skb.IPInvalidDest},
		"1.5.6: destination in 127/8":       {"10.0.0.1", "127.0.0.1", "", 0, skb.IPInvalidSource},
		"1.5.6: source in 127/8":            {"127.0.0.1", "10.0.0.2", "", 0, skb.IPInvalidSource},
		"1.5.6: on lo":                      {"127.0.0.1", "127.0.0.1", "lo", 0, ok},
		"1.5.6: on lo, any of 127/8":        {"127.0.0.1", "127.3.4.5", "lo", 0, ok},
		"RP-2: from our own address":        {"10.0.1.2", "10.0.0.2", "", 0, skb.IPInvalidSource},
		"RP-2: from a broadcast address":    {"10.0.1.255", "10.0.0.2", "", 0, skb.IPInvalidSource},
		"RP-4: another device, rp 0":        {"10.0.1.1", "10.0.0.2", "", 0, ok},
		"RP-4: another device, rp 1":        {"10.0.1.1", "10.0.0.2", "", 1, skb.IPRPFilter},
		"RP-4: another device, rp 2":        {"10.0.1.1", "10.0.0.2", "", 2, ok},
		"RP-4: this device, rp 1":           {"10.0.1.1", "10.0.0.2", "eth1", 1, ok},
		"RP-4: default route, rp 1":         {"192.168.9.9", "10.0.0.2", "", 1, ok},
		"RP-4: not its device, rp 1":        {"192.168.9.9", "10.0.0.2", "eth1", 1, skb.IPRPFilter},
		"RP-4: no address, rp 0":            {"10.0.0.1", "10.0.0.2", "eth2", 0, ok},
		"RP-4: no address, rp 1":            {"10.0.0.1", "10.0.0.2", "eth2", 1, skb.IPRPFilter},
		"RP-4: no address, rp 2":            {"10.0.0.1", "10.0.0.2", "eth2", 2, skb.IPRPFilter},
		"broadcast, source validated":       {"10.0.1.1", "10.0.0.255", "", 1, skb.IPRPFilter},
		"MC-1: joined":                      {"10.0.0.1", "239.1.0.1", "", 0, ok},
		"MC-1: another group":               {"10.0.0.1", "239.1.0.2", "", 0, skb.IPInvalidDest},
		"MC-2: joined on another interface": {"10.0.0.1", "239.1.0.1", "eth1", 0, skb.IPInvalidDest},
		"GM-3: 224.0.0.1 everywhere":        {"10.0.0.1", "224.0.0.1", "eth1", 0, ok},
		"MC-3: source multicast":            {"239.1.0.9", "239.1.0.1", "", 0, skb.IPInvalidSource},
		"MC-3: source 255.255.255.255":      {"255.255.255.255", "239.1.0.1", "", 0, skb.IPInvalidSource},
		"MC-3: source in 127/8":             {"127.0.0.1", "239.1.0.1", "", 0, skb.IPInvalidSource},
		"MC-3: source in 0/8":               {"0.0.0.0", "239.1.0.1", "", 0, skb.IPInvalidSource},
		"MC-3: source in 0/8, local group":  {"0.0.0.0", "224.0.0.1", "", 0, ok},
		"MC-3: RP rules, rp 1":              {"10.0.1.1", "239.1.0.1", "", 1, skb.IPRPFilter},
		"MC-3: RP rules, own address":       {"10.0.0.2", "239.1.0.1", "", 0, skb.IPInvalidSource},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(_ *bench, c *Config) { c.RPFilter = tc.rp })
			twoNICs(b)
			b.eth0.Join(0xef010001)
			on := b.eth0
			if tc.on != "" {
				var err error
				on, err = b.layer.DeviceNamed(tc.on)
				require.NoError(t, err)
			}
			dst := netip.MustParseAddr(tc.dst)
			for range 2 { // the second time from memory
				b.receive(netip.AddrPortFrom(dst, 5001), func(h *skb.Header, p *skb.Buff) {
					h.Src = skb.AddrFrom(netip.MustParseAddr(tc.src))
					p.IfIndex = on.Index
				})
			}
			want := mib.Net{IP: mib.IP{InReceives: 2}, IPExt: mib.IPExt{InOctets: 256, InNoECTPkts: 2}}
			switch {
			case tc.want == skb.IPRPFilter:
				want.TCPExt.IPReversePathFilter = 2 // RP-5
			case tc.want == skb.IPInAddrErrors:
				want.IP.InAddrErrors = 2
			case tc.want == ok:
				want.IP.InDelivers = 2
				if dst.IsMulticast() {
					want.IPExt.InMcastPkts, want.IPExt.InMcastOctets = 2, 256
				} else if last := dst.As4()[3]; last == 255 || tc.dst == "0.0.0.0" {
					want.IPExt.InBcastPkts, want.IPExt.InBcastOctets = 2, 256
				}
			}
			b.counts(want)
			if tc.want == ok {
				b.dropped(nil)
			} else {
				b.dropped(map[skb.DropReason]uint64{tc.want: 2})
			}
		})
	}
}

// GM-2, GM-3, ED-6: the first join and the last leave of a group on a device
// count as a change of routes; the others do not.
func TestGM2Join(t *testing.T) {
	b := newBench(t)
	const g = skb.Addr(0xef010001)
	steps := []struct {
		join, changes bool
		users         int
	}{{true, true, 1}, {true, false, 2}, {false, false, 1}, {false, true, 0}, {false, false, 0}, {true, true, 1}}
	require.Equal(t, []Group{{Addr: 0xe0000001, Users: 1, Excludes: 1}}, b.eth0.Groups())
	seen := map[uint64]bool{}
	for i, s := range steps {
		gen := b.layer.RouteGen()
		seen[gen] = true
		var first bool
		if s.join {
			first = b.eth0.Join(g)
		} else {
			first = b.eth0.Leave(g)
		}
		require.Equal(t, s.changes, first, "step %d", i)
		require.Equal(t, s.changes, b.layer.RouteGen() != gen, "step %d", i)
		require.Equal(t, s.changes, !seen[b.layer.RouteGen()], "step %d: no generation comes again", i)
		want := []Group{{Addr: g, Users: s.users, Excludes: s.users}, {Addr: 0xe0000001, Users: 1, Excludes: 1}} // newest first
		if s.users == 0 {
			want = want[1:]
		}
		require.Equal(t, want, b.eth0.Groups(), "step %d", i)
		before := len(b.got)
		b.receive(netip.AddrPortFrom(g.Netip(), 5001))
		require.Equal(t, s.users > 0, len(b.got) > before, "step %d: what was found before is forgotten", i)
	}
}

// DeviceNamed says what there is.
func TestDeviceNamed(t *testing.T) {
	b := newBench(t)
	_, err := b.layer.DeviceNamed("eth9")
	require.EqualError(t, err, `ipstack: no device "eth9": want one of ["lo" "eth0"]`)
}

// RP-4: the most specific subnet says where a source belongs; whoever belongs
// nowhere belongs to the default route, through the first interface. A point-to-
// point prefix has no broadcast address.
func TestRoutes(t *testing.T) {
	b := newBench(t)
	eth1 := b.layer.AddDevice("eth1", mac, 1500, 0x0a000082, 25)
	eth2 := b.layer.AddDevice("eth2", mac, 1500, 0x0a000204, 31)
	for addr, want := range map[skb.Addr]*Device{
		0x0a000001: b.eth0, 0x0a00007f: b.eth0, 0x0a000081: eth1, 0x0a0000fe: eth1, 0x0a000205: eth2, 0x0a000206: b.eth0, 0xc0a80001: b.eth0,
	} {
		require.Equal(t, fibResult{kind: fibUnicast, dev: want}, b.layer.fibLookup(addr), "%v", addr)
	}
	for addr, want := range map[skb.Addr]fibKind{
		0x0a000002: fibLocal, 0x0a000082: fibLocal, 0x0a0000ff: fibBroadcast, 0x0a000080: fibBroadcast, 0x0a000000: fibBroadcast, 0x0a000204: fibLocal,
		0x0a000205: fibNone, 0x7f000001: fibLocal, 0x7f123456: fibLocal, 0x7fffffff: fibBroadcast, 0x7f000000: fibBroadcast, 0x0a000003: fibNone, 0: fibNone, 1: fibNone,
	} {
		require.Equal(t, want, b.layer.localTable(addr).kind, "%v", addr)
	}
	b.prof.SubnetZeroBroadcast = false
	require.Equal(t, fibNone, b.layer.localTable(0x0a000000).kind)
	require.Equal(t, fibBroadcast, b.layer.localTable(0x0a0000ff).kind)
}

// RPS-1: the mask of each queue, and of a queue that has none.
func TestRPSMap(t *testing.T) {
	b := newBench(t)
	require.Nil(t, b.eth0.RPSMap(0))
	b.eth0.SetRPS(2, []int{1, 3})
	b.eth0.SetRPS(0, []int{2})
	require.Equal(t, []int{2}, b.eth0.RPSMap(0))
	require.Nil(t, b.eth0.RPSMap(1))
	require.Equal(t, []int{1, 3}, b.eth0.RPSMap(2))
	require.Nil(t, b.eth0.RPSMap(3))
}

// Kernels since 5.3 take 0.0.0.0/8 for addresses like any other, but for 0.0.0.0
// itself (ipv4_is_zeronet).
func TestZeroNet(t *testing.T) {
	for name, tc := range map[string]struct {
		src, dst      string
		before, after skb.DropReason
	}{
		"1.5.4 source in 0/8":           {"0.0.0.1", "10.0.0.2", skb.IPInvalidSource, skb.NotDropped},
		"1.5.4 source 0.0.0.0":          {"0.0.0.0", "10.0.0.2", skb.IPInvalidSource, skb.IPInvalidSource},
		"1.5.5 destination in 0/8":      {"10.0.0.1", "0.1.2.3", skb.IPInvalidDest, skb.IPInAddrErrors},
		"1.5.5 destination 0.0.0.0":     {"10.0.0.1", "0.0.0.0", skb.IPInvalidDest, skb.IPInvalidDest},
		"MC-3 source in 0/8, to groups": {"0.0.0.9", "239.1.0.1", skb.IPInvalidSource, skb.NotDropped},
	} {
		t.Run(name, func(t *testing.T) {
			for _, valid := range []bool{false, true} {
				b := newBench(t, func(b *bench, _ *Config) { b.prof.ZeroNetValid = valid })
				b.eth0.Join(0xef010001)
				b.receive(netip.AddrPortFrom(netip.MustParseAddr(tc.dst), 5001), func(h *skb.Header, _ *skb.Buff) {
					h.Src = skb.AddrFrom(netip.MustParseAddr(tc.src))
				})
				want := tc.before
				if valid {
					want = tc.after
				}
				if want == skb.NotDropped {
					b.dropped(nil)
					require.Len(t, b.got, 1)
				} else {
					b.dropped(drops(want, 1))
				}
				require.Equal(t, want == skb.IPInvalidDest, b.ledger.Finer.ZeroDest == 1, "told apart from groups that nobody joined")
			}
		})
	}
}

// Without a reverse-path check kernels since 4.15 refuse the host's addresses as
// sources, and of 127.0.0.0/8 lo has one (inet_lookup_ifaddr_rcu).
func TestLoopbackSources(t *testing.T) {
	for name, tc := range map[string]struct {
		src           string
		before, after skb.DropReason
	}{
		"RP-2 lo's address":      {"127.0.0.1", skb.IPInvalidSource, skb.IPInvalidSource},
		"RP-2 another of 127/8":  {"127.5.5.5", skb.IPInvalidSource, skb.NotDropped},
		"RP-2 the host's own":    {"10.0.0.2", skb.IPInvalidSource, skb.IPInvalidSource},
		"RP-2 somebody's else's": {"10.0.0.7", skb.NotDropped, skb.NotDropped},
	} {
		t.Run(name, func(t *testing.T) {
			for _, own := range []bool{false, true} {
				for _, dst := range []string{"255.255.255.255", "10.0.0.2"} {
					b := newBench(t, func(b *bench, c *Config) { b.prof.LocalSourceOnly, c.RouteLocalnet = own, 1 })
					b.receive(netip.AddrPortFrom(netip.MustParseAddr(dst), 5001), func(h *skb.Header, _ *skb.Buff) {
						h.Src = skb.AddrFrom(netip.MustParseAddr(tc.src))
					})
					want := tc.before
					if own {
						want = tc.after
					}
					if want == skb.NotDropped {
						b.dropped(nil)
						require.Len(t, b.got, 1)
					} else {
						b.dropped(drops(want, 1))
						require.EqualValues(t, 1, b.ledger.Finer.LocalSource)
					}
				}
			}
		})
	}
}
