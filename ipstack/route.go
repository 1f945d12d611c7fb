package ipstack

import "github.com/seed-556df219/rxpath/sim/skb"

// A routeResult is what route input finds for a flow: a route, or why the packet
// ends in ip_rcv_finish.
type routeResult struct {
	route  skb.Route
	reason skb.DropReason
}

// routeInput models ip_route_input_noref, remembering what it found as long as
// the route generation stands.
func (l *Layer) routeInput(d *Device, h *skb.Header) routeResult {
	if d.gen != l.routeGen {
		d.routes.Forget()
		d.gen = l.routeGen
	}
	if r, ok := d.routes.Get(h); ok {
		return r
	}
	var r routeResult
	if h.Dst.Multicast() {
		r = l.routeMulticast(d, h)
	} else {
		r = l.routeSlow(d, h, h.Dst)
	}
	r.route.Gen = l.routeGen
	d.routes.Put(h, r)
	return r
}

func invalid(r skb.DropReason) routeResult { return routeResult{reason: r} }

func routed(t skb.RouteType) routeResult { return routeResult{route: skb.Route{Type: t}} }

// routeMulticast models ip_route_input_mc (MC-1, MC-3): a group that this
// device has not joined leaves no counter.
func (l *Layer) routeMulticast(d *Device, h *skb.Header) routeResult {
	if !d.member(h) {
		return invalid(skb.IPInvalidDest)
	}
	switch {
	case h.Src.Multicast(), h.Src.Broadcast(), h.Src.Loopback() && !l.routeLocalnet(d):
		return invalid(skb.IPInvalidSource)
	case l.zeroNet(h.Src):
		if h.Dst>>8 != AllHosts>>8 {
			return invalid(skb.IPInvalidSource)
		}
	default:
		if r := l.validateSource(d, h.Src); r != skb.NotDropped {
			return invalid(r)
		}
	}
	return routed(skb.RouteMulticast)
}

// routeLocalnet is IN_DEV_ROUTE_LOCALNET.
func (l *Layer) routeLocalnet(d *Device) bool {
	return d.Index == 1 || l.Config.RouteLocalnet != 0 || d.Conf.RouteLocalnet
}

// routeSlow models ip_route_input_slow (1.5), for a destination that may be the
// next stop of a source route.
func (l *Layer) routeSlow(d *Device, h *skb.Header, dst skb.Addr) routeResult {
	switch {
	case h.Src.Multicast(), h.Src.Broadcast():
		return invalid(skb.IPInvalidSource)
	case dst.Broadcast(), h.Src == 0 && dst == 0:
		return l.validated(d, h.Src, skb.RouteBroadcast)
	case l.zeroNet(h.Src):
		return invalid(skb.IPInvalidSource)
	case l.zeroNet(dst):
		return invalid(skb.IPInvalidDest)
	case (dst.Loopback() || h.Src.Loopback()) && !l.routeLocalnet(d):
		return invalid(skb.IPInvalidSource)
	}
	forward := l.Config.IPForward != 0
	r := l.fibLookup(dst)
	switch {
	case r.kind == fibBroadcast:
		return l.validated(d, h.Src, skb.RouteBroadcast)
	case r.kind == fibLocal:
		return l.validated(d, h.Src, skb.RouteLocal)
	case !forward:
		return unreachable(skb.HostUnreach)
	case r.failed():
		return unreachable(errorOf(r.kind))
	}
	return l.validated(d, h.Src, skb.RouteUnicast)
}

// zeroNet models ipv4_is_zeronet.
func (l *Layer) zeroNet(a skb.Addr) bool { return a == 0 || a>>24 == 0 && !l.Profile.ZeroNetValid }

// validated is a route of that type if the source may use it; a source in 0/8
// is that of a host without address.
func (l *Layer) validated(d *Device, src skb.Addr, t skb.RouteType) routeResult {
	if !l.zeroNet(src) {
		if r := l.validateSource(d, src); r != skb.NotDropped {
			return invalid(r)
		}
	}
	return routed(t)
}

// unreachable is a route whose input function is ip_error.
func unreachable(e skb.RouteError) routeResult {
	return routeResult{route: skb.Route{Type: skb.RouteUnreachable, Error: e}}
}

// errorOf is what fib_lookup returns for an address that it fails for; none in
// the tables is ENETUNREACH in the end.
func errorOf(k fibKind) skb.RouteError {
	switch k {
	case fibUnreachable:
		return skb.HostUnreach
	case fibProhibit:
		return skb.AccessDenied
	case fibBlackhole:
		return skb.InvalidRoute
	}
	return skb.NetUnreach
}
