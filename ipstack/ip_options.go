package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// ipRcvOptions models ip_rcv_options, ip_options_compile and ip_options_rcv_srr
// (IF-3), and reports whether the packet was dropped.
//
// Not modelled:
//   - Of a source route that names several addresses of this host one after
//     the other, the first decides.
func (l *Layer) ipRcvOptions(c *cpu.Core, b *skb.Buff) bool {
	d := l.devices[b.IfIndex]
	switch b.Head.Options {
	case skb.NoOptions:
		return false
	case skb.OptionsBad:
		l.Net.IP.InHdrErrors++ // IF-3b
		l.icmpReply(c, parameterProb, b)
		l.Ledger.Finer.Options++
		l.refuse(c, b, skb.IPInHdr)
		return true
	}
	if l.Config.AcceptSourceRoute == 0 || d.Conf.RefuseSourceRoute || !l.sourceRoute(c, d, b) { // IF-3c, IF-3d
		l.refuse(c, b, skb.IPSourceRoute)
		return true
	}
	return false
}

// sourceRoute models ip_options_rcv_srr: a packet for this host goes on to the
// next stop of its route, if there is one and a way to it.
func (l *Layer) sourceRoute(c *cpu.Core, d *Device, b *skb.Buff) bool {
	h := b.Head
	if b.PktType != skb.PacketHost {
		return false
	}
	if b.Route.Type == skb.RouteUnicast { // we are a router on its way: a strict route would have named us
		if h.Options == skb.SourceRouteStrict {
			l.icmpReply(c, parameterProb, b)
			return false
		}
		return true
	}
	if b.Route.Type != skb.RouteLocal {
		return false
	}
	switch h.Options {
	case skb.SourceRouteDone:
		return true
	case skb.SourceRouteBad:
		l.icmpReply(c, parameterProb, b)
		return false
	}
	r := l.routeSlow(d, h, h.NextHop)
	if r.reason != skb.NotDropped || r.route.Type != skb.RouteUnicast && r.route.Type != skb.RouteLocal {
		return false
	}
	b.Route = r.route
	b.Route.Gen = l.routeGen
	return true
}
