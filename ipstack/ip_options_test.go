package ipstack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// IF-3: what becomes of a packet with options, behind the route and before the
// multicast counters.
func TestIF3Options(t *testing.T) {
	const ok = skb.NotDropped
	accept := func(c *Config) { c.AcceptSourceRoute = 1 }
	problem := func(n *mib.Net) {
		n.ICMP.OutMsgs, n.ICMP.OutParmProbs, n.IP.OutRequests, n.IPExt.OutOctets = 1, 1, 1, 156
	}
	malformed := func(n *mib.Net) { n.IP.InHdrErrors = 1 }
	both := func(f ...func(*mib.Net)) func(*mib.Net) {
		return func(n *mib.Net) {
			for _, g := range f {
				g(n)
			}
		}
	}
	for name, tc := range map[string]struct {
		conf   func(*Config)
		dev    DeviceConf
		dst    string
		kind   skb.Options
		next   string
		change packet
		moved  func(*mib.Net)
		reason skb.DropReason
	}{
		"IF-3 harmless options":                        {dst: "10.0.0.2", kind: skb.NoOptions, reason: ok},
		"IF-3b malformed: InHdrErrors and ICMP":        {dst: "10.0.0.2", kind: skb.OptionsBad, moved: both(malformed, problem), reason: skb.IPInHdr},
		"IF-3b malformed, multicast: no ICMP":          {dst: "239.1.0.1", kind: skb.OptionsBad, moved: malformed, reason: skb.IPInHdr},
		"IF-3b malformed, not for us: before ip_error": {dst: "10.0.0.9", kind: skb.OptionsBad, moved: both(malformed, problem), reason: skb.IPInHdr},
		"IF-3c source route, off by default":           {dst: "10.0.0.2", kind: skb.SourceRouteDone, reason: skb.IPSourceRoute},
		"IF-3c off on the interface":                   {conf: accept, dev: DeviceConf{RefuseSourceRoute: true}, dst: "10.0.0.2", kind: skb.SourceRouteDone, reason: skb.IPSourceRoute},
		"IF-3d used up":                                {conf: accept, dst: "10.0.0.2", kind: skb.SourceRouteDone, reason: ok},
		"IF-3d no room for an address":                 {conf: accept, dst: "10.0.0.2", kind: skb.SourceRouteBad, moved: problem, reason: skb.IPSourceRoute},
		"IF-3d next stop is us":                        {conf: accept, dst: "10.0.0.2", kind: skb.SourceRouteLoose, next: "10.0.0.2", reason: ok},
		"IF-3d next stop elsewhere, a host":            {conf: accept, dst: "10.0.0.2", kind: skb.SourceRouteLoose, next: "10.0.0.9", reason: skb.IPSourceRoute},
		"IF-3d next stop elsewhere, a router":          {conf: configs(accept, forward), dst: "10.0.0.2", kind: skb.SourceRouteLoose, next: "10.0.0.9", moved: func(n *mib.Net) { n.IP.ForwDatagrams, n.IPExt.OutOctets = 1, 128 }, reason: skb.HandledElsewhere},
		"IF-3d next stop martian":                      {conf: accept, dst: "10.0.0.2", kind: skb.SourceRouteLoose, next: "0.0.0.9", reason: skb.IPSourceRoute},
		"IF-3d a router on a loose way":                {conf: configs(accept, forward), dst: "10.0.0.9", kind: skb.SourceRouteLoose, next: "10.0.0.8", moved: func(n *mib.Net) { n.IP.ForwDatagrams, n.IPExt.OutOctets = 1, 128 }, reason: skb.HandledElsewhere},
		"IF-3d a router on a strict way":               {conf: configs(accept, forward), dst: "10.0.0.9", kind: skb.SourceRouteStrict, next: "10.0.0.8", moved: problem, reason: skb.IPSourceRoute},
		"IF-3d multicast":                              {conf: accept, dst: "239.1.0.1", kind: skb.SourceRouteDone, reason: skb.IPSourceRoute},
		"IF-3d by a broadcast frame":                   {conf: accept, dst: "10.0.0.2", kind: skb.SourceRouteDone, change: func(_ *skb.Header, p *skb.Buff) { p.PktType = skb.PacketBroadcast }, reason: skb.IPSourceRoute},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(_ *bench, c *Config) {
				if tc.conf != nil {
					tc.conf(c)
				}
			})
			b.eth0.Conf = tc.dev
			b.eth0.Join(0xef010001)
			b.receiveFrom(b.eth0, "10.0.0.1", tc.dst, func(h *skb.Header, p *skb.Buff) {
				h.Options = tc.kind
				if tc.next != "" {
					h.NextHop = addr(tc.next)
				}
				if tc.change != nil {
					tc.change(h, p)
				}
			})
			want := mib.Net{IP: mib.IP{InReceives: 1}, IPExt: mib.IPExt{InOctets: 128, InNoECTPkts: 1}}
			if tc.moved != nil {
				tc.moved(&want)
			}
			if tc.reason == ok {
				want.IP.InDelivers = 1
				require.Len(t, b.got, 1)
				b.dropped(nil)
			} else {
				b.dropped(map[skb.DropReason]uint64{tc.reason: 1})
			}
			b.counts(want)
		})
	}
}

func forward(c *Config) { c.IPForward = 1 }

func configs(f ...func(*Config)) func(*Config) {
	return func(c *Config) {
		for _, g := range f {
			g(c)
		}
	}
}
