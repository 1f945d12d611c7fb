package ipstack

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// IP-1 to IP-15, LF-1 to LF-3, IF-4: one packet, changed in one way, and every
// kept stands for a fragment that waits for the rest.
const kept = skb.NumReasons

// counter that moves. All others are compared, too, and must be zero.
func TestIPInput(t *testing.T) {
	received := func(octets uint64, more func(*mib.Net)) mib.Net {
		n := mib.Net{IP: mib.IP{InReceives: 1}, IPExt: mib.IPExt{InOctets: octets, InNoECTPkts: 1}}
		if more != nil {
			more(&n)
		}
		return n
	}
	headerError := func(octets uint64) mib.Net {
		return received(octets, func(n *mib.Net) { n.IP.InHdrErrors = 1 })
	}
	delivered := func(n *mib.Net) { n.IP.InDelivers = 1 }
	for name, tc := range map[string]struct {
		dst    netip.AddrPort
		change packet
		want   mib.Net
		reason skb.DropReason
	}{
		"delivered": {local, func(*skb.Header, *skb.Buff) {}, received(128, delivered), skb.NotDropped},
		"IP-1: OTHERHOST leaves no counter at all": {local, func(_ *skb.Header, b *skb.Buff) { b.PktType = skb.PacketOtherHost },
			mib.Net{}, skb.OtherHost},
		"IP-2, IP-15: padding is in InOctets": {local, func(_ *skb.Header, b *skb.Buff) { b.IPLen, b.Len = 29, 46 },
			received(46, delivered), skb.NotDropped},
		"IP-4: 19 bytes, before the ECN counter": {local, func(_ *skb.Header, b *skb.Buff) { b.Len = 19 },
			mib.Net{IP: mib.IP{InReceives: 1, InHdrErrors: 1}, IPExt: mib.IPExt{InOctets: 19}}, skb.PktTooSmall},
		"IP-5: IHL 4, before the ECN counter": {local, func(h *skb.Header, _ *skb.Buff) { h.IHL = 4 },
			mib.Net{IP: mib.IP{InReceives: 1, InHdrErrors: 1}, IPExt: mib.IPExt{InOctets: 128}}, skb.IPInHdr},
		"IP-5: version 5, before the ECN counter": {local, func(h *skb.Header, _ *skb.Buff) { h.IPVersion = 5 },
			mib.Net{IP: mib.IP{InReceives: 1, InHdrErrors: 1}, IPExt: mib.IPExt{InOctets: 128}}, skb.IPInHdr},
		"IP-6: ECN 01": {local, func(h *skb.Header, _ *skb.Buff) { h.TOS = 0xb9 },
			received(128, func(n *mib.Net) { n.IPExt.InNoECTPkts, n.IPExt.InECT1Pkts, n.IP.InDelivers = 0, 1, 1 }), skb.NotDropped},
		"IP-6: ECN 10": {local, func(h *skb.Header, _ *skb.Buff) { h.TOS = 2 },
			received(128, func(n *mib.Net) { n.IPExt.InNoECTPkts, n.IPExt.InECT0Pkts, n.IP.InDelivers = 0, 1, 1 }), skb.NotDropped},
		"IP-6: ECN 11": {local, func(h *skb.Header, _ *skb.Buff) { h.TOS = 3 },
			received(128, func(n *mib.Net) { n.IPExt.InNoECTPkts, n.IPExt.InCEPkts, n.IP.InDelivers = 0, 1, 1 }), skb.NotDropped},
		"IP-7: options beyond the end": {local, func(h *skb.Header, b *skb.Buff) { h.IHL, b.Len = 15, 59 }, headerError(59), skb.IPInHdr},
		"IP-7: nothing but options": {local, func(h *skb.Header, b *skb.Buff) { h.IHL, b.Len, b.IPLen = 15, 60, 60 },
			received(60, delivered), skb.NotDropped},
		"IP-8, IP-14: bad checksum, with CE": {local, func(h *skb.Header, _ *skb.Buff) { h.IPChecksum, h.TOS = skb.ChecksumBad, 3 },
			received(128, func(n *mib.Net) {
				n.IPExt.InNoECTPkts, n.IPExt.InCEPkts, n.IPExt.InCsumErrors, n.IP.InHdrErrors = 0, 1, 1, 1
			}), skb.IPCsum},
		"IP-9: truncated, not in InHdrErrors": {local, func(_ *skb.Header, b *skb.Buff) { b.IPLen = 129 },
			received(128, func(n *mib.Net) { n.IPExt.InTruncatedPkts = 1 }), skb.PktTooSmall},
		"IP-8 before IP-9": {local, func(h *skb.Header, b *skb.Buff) { h.IPChecksum, b.IPLen = skb.ChecksumBad, 129 },
			received(128, func(n *mib.Net) { n.IPExt.InCsumErrors, n.IP.InHdrErrors = 1, 1 }), skb.IPCsum},
		"IP-10: total length below the header": {local, func(_ *skb.Header, b *skb.Buff) { b.IPLen = 19 }, headerError(128), skb.IPInHdr},
		"IP-10: with options": {local, func(h *skb.Header, b *skb.Buff) { h.IHL, b.IPLen = 6, 23 },
			headerError(128), skb.IPInHdr},
		"IP-4 before IP-5": {local, func(h *skb.Header, b *skb.Buff) { h.IPVersion, b.Len = 6, 10 },
			mib.Net{IP: mib.IP{InReceives: 1, InHdrErrors: 1}, IPExt: mib.IPExt{InOctets: 10}}, skb.PktTooSmall},
		"IF-4, IP-15: multicast, octets after trimming": {group, func(_ *skb.Header, b *skb.Buff) { b.IPLen, b.Len = 29, 46 },
			received(46, func(n *mib.Net) { n.IPExt.InMcastPkts, n.IPExt.InMcastOctets, n.IP.InDelivers = 1, 29, 1 }), skb.NotDropped},
		"IF-4: limited broadcast": {netip.MustParseAddrPort("255.255.255.255:5001"), func(_ *skb.Header, b *skb.Buff) { b.Len += 10 },
			received(138, func(n *mib.Net) { n.IPExt.InBcastPkts, n.IPExt.InBcastOctets, n.IP.InDelivers = 1, 128, 1 }), skb.NotDropped},
		"IF-4: subnet broadcast": {netip.MustParseAddrPort("10.0.0.255:5001"), func(*skb.Header, *skb.Buff) {},
			received(128, func(n *mib.Net) { n.IPExt.InBcastPkts, n.IPExt.InBcastOctets, n.IP.InDelivers = 1, 128, 1 }), skb.NotDropped},
		"FR-1, LD-1: a fragment goes to reassembly": {local, func(h *skb.Header, _ *skb.Buff) { h.MoreFrags = true },
			received(128, func(n *mib.Net) { n.IP.ReasmReqds = 1 }), kept},
		"FR-9: a fragment of multicast counts": {group, func(h *skb.Header, _ *skb.Buff) { h.FragOffset = 8 },
			received(128, func(n *mib.Net) { n.IPExt.InMcastPkts, n.IPExt.InMcastOctets, n.IP.ReasmReqds = 1, 128, 1 }), kept},
		"LF-3: no handler": {local, func(h *skb.Header, _ *skb.Buff) { h.Proto = 132 },
			received(128, func(n *mib.Net) {
				n.IP.InUnknownProtos, n.ICMP.OutMsgs, n.ICMP.OutDestUnreachs, n.IP.OutRequests = 1, 1, 1, 1
				n.IPExt.OutOctets = 20 + 8 + 128
			}), skb.IPNoProto},
		"LF-2: TCP": {local, func(h *skb.Header, _ *skb.Buff) { h.Proto = skb.ProtoTCP }, received(128, delivered), skb.HandledElsewhere},
		"LF-2: ICMP": {local, func(h *skb.Header, _ *skb.Buff) { h.Proto = skb.ProtoICMP },
			received(128, func(n *mib.Net) { n.ICMP.InMsgs, n.IP.InDelivers = 1, 1 }), skb.HandledElsewhere},
		"LF-2: IGMP": {group, func(h *skb.Header, _ *skb.Buff) { h.Proto = skb.ProtoIGMP },
			received(128, func(n *mib.Net) { n.IPExt.InMcastPkts, n.IPExt.InMcastOctets, n.IP.InDelivers = 1, 128, 1 }), skb.HandledElsewhere},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.eth0.Join(skb.AddrFrom(group.Addr()))
			b.receive(tc.dst, tc.change)
			b.counts(tc.want)
			if tc.reason == skb.NotDropped {
				require.Len(t, b.got, 1)
				require.EqualValues(t, int(b.got[0].IPLen)-4*int(b.got[0].Head.IHL), b.got[0].Len, "UDP gets the IP payload, trimmed (IP-11)")
				require.EqualValues(t, 896, b.got[0].Truesize, "IP-11, TS-10: trimming does not change truesize")
				b.dropped(nil)
			} else if tc.reason == kept {
				require.EqualValues(t, 1, b.layer.Fragments())
				b.dropped(nil)
			} else {
				require.Empty(t, b.got)
				b.dropped(map[skb.DropReason]uint64{tc.reason: 1})
			}
		})
	}
}

// V6, MC-1, 12.18: a group that the interface has not joined shows in InReceives,
// InOctets and InNoECTPkts, and nowhere else.
func TestV6NotJoined(t *testing.T) {
	b := newBench(t)
	for range 100 {
		b.receive(group)
	}
	b.counts(mib.Net{IP: mib.IP{InReceives: 100}, IPExt: mib.IPExt{InOctets: 12800, InNoECTPkts: 100}})
	b.dropped(map[skb.DropReason]uint64{skb.IPInvalidDest: 100})
}

// IF-1, ED-6, K310-10: when early demux is asked, and when the route that it
// brings still stands.
func TestIF1EarlyDemux(t *testing.T) {
	asked := 0
	route := func(b *bench) func(*skb.Buff) {
		gen := b.layer.RouteGen()
		return func(p *skb.Buff) {
			asked++
			p.Sock = b
			p.Route = skb.Route{Type: skb.RouteMulticast, Gen: gen}
		}
	}
	b := newBench(t)
	b.demux = route(b)
	b.receive(group)
	b.counts(mib.Net{IP: mib.IP{InReceives: 1, InDelivers: 1}, IPExt: mib.IPExt{InOctets: 128, InNoECTPkts: 1, InMcastPkts: 1, InMcastOctets: 128}})
	require.Equal(t, 1, asked, "ED-5, ED-8: delivered, although the interface is not a member")

	b.eth0.Join(skb.AddrFrom(netip.MustParseAddr("239.9.9.9"))) // ED-6: any first join voids the route
	b.receive(group)
	require.EqualValues(t, 1, b.ledger.Dropped[skb.IPInvalidDest])
	require.Equal(t, 2, asked)
	b.demux = route(b)
	b.receive(group)
	require.Len(t, b.got, 2)

	for name, edit := range map[string]func(*bench, *Config){
		"ip_early_demux 0":           func(_ *bench, c *Config) { c.IPEarlyDemux = 0 },
		"6.18/2.9 udp_early_demux 0": func(_ *bench, c *Config) { c.UDPEarlyDemux = 0 },
		"K310-10":                    func(b *bench, _ *Config) { b.prof.UDPEarlyDemux = false },
	} {
		asked = 0
		b := newBench(t, edit)
		b.demux = route(b)
		b.receive(group)
		require.Zero(t, asked, name)
		require.EqualValues(t, 1, b.ledger.Dropped[skb.IPInvalidDest], name)
	}
	asked = 0
	b = newBench(t)
	b.demux = route(b)
	b.receive(local, func(h *skb.Header, _ *skb.Buff) { h.Proto = skb.ProtoTCP })
	require.Zero(t, asked, "another protocol has another handler")
	b.receive(local, func(h *skb.Header, _ *skb.Buff) { h.MoreFrags = true })
	require.Equal(t, 1, asked, "4.0 does not test for fragments")
}

// ED-5: a valid cached route spares the look-up, and its time.
func TestED5SparesTheRoute(t *testing.T) {
	b := newBench(t, func(b *bench, _ *Config) { b.costs.Route.Fixed = 100 * engine.Nanosecond })
	spent := func() engine.Time {
		before := b.core.Now()
		b.receive(local)
		b.exec.RunUntil(b.now + engine.Microsecond)
		return b.core.Now() - before - (b.now - before)
	}
	require.Equal(t, 100*engine.Nanosecond, spent())
	b.demux = func(p *skb.Buff) { p.Route = skb.Route{Type: skb.RouteLocal, Gen: b.layer.RouteGen()} }
	require.Zero(t, spent())
}
