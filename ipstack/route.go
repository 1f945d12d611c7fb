package ipstack

import "github.com/seed-556df219/rxpath/sim/skb"

// A routeResult is what route input finds for a flow.
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
		r = l.routeSlow(d, h)
	}
	r.route.Gen = l.routeGen
	d.routes.Put(h, r)
	return r
}

func invalid(r skb.DropReason) routeResult { return routeResult{reason: r} }

// routeMulticast models ip_route_input_mc (MC-1, MC-3): a group that this
// device has not joined leaves no counter.
func (l *Layer) routeMulticast(d *Device, h *skb.Header) routeResult {
	if !d.member(h.Dst) {
		return invalid(skb.IPInvalidDest)
	}
	switch {
	case h.Src.Multicast(), h.Src.Broadcast(), h.Src.Loopback():
		return invalid(skb.IPInvalidSource)
	case h.Src>>24 == 0:
		if h.Dst>>8 != allHosts>>8 {
			return invalid(skb.IPInvalidSource)
		}
	default:
		if r := l.validateSource(d, h.Src); r != skb.NotDropped {
			return invalid(r)
		}
	}
	return routeResult{route: skb.Route{Type: skb.RouteMulticast}}
}

// routeSlow models ip_route_input_slow (1.5).
func (l *Layer) routeSlow(d *Device, h *skb.Header) routeResult {
	typ := skb.NoRoute
	switch {
	case h.Src.Multicast(), h.Src.Broadcast():
		return invalid(skb.IPInvalidSource)
	case h.Dst.Broadcast(), h.Src == 0 && h.Dst == 0:
		typ = skb.RouteBroadcast
	case h.Src>>24 == 0:
		return invalid(skb.IPInvalidSource)
	case h.Dst>>24 == 0:
		return invalid(skb.IPInvalidDest)
	case (h.Dst.Loopback() || h.Src.Loopback()) && d.Index != 1:
		return invalid(skb.IPInvalidSource)
	default:
		typ = l.addressType(h.Dst)
	}
	if typ == skb.NoRoute {
		return invalid(skb.IPInAddrErrors)
	}
	if h.Src>>24 != 0 {
		if r := l.validateSource(d, h.Src); r != skb.NotDropped {
			return invalid(r)
		}
	}
	return routeResult{route: skb.Route{Type: typ}}
}

// addressType looks an address up among the host's own.
func (l *Layer) addressType(a skb.Addr) skb.RouteType {
	for _, d := range l.Devices() {
		if a == d.Addr && a != 0 || d.Index == 1 && a.Loopback() {
			return skb.RouteLocal
		}
		if b := d.broadcast(); b != 0 && a == b {
			return skb.RouteBroadcast
		}
	}
	return skb.NoRoute
}

// validateSource models fib_validate_source (RP-1 to RP-4). The routes are the
// devices' subnets and a default route through the first interface.
func (l *Layer) validateSource(d *Device, src skb.Addr) skb.DropReason {
	if d.Index == 1 {
		return skb.NotDropped
	}
	if l.addressType(src) != skb.NoRoute {
		return skb.IPInvalidSource // one of our own addresses
	}
	if l.Config.RPFilter == 0 || l.routeTo(src) == d {
		return skb.NotDropped
	}
	if l.Config.RPFilter == 1 || d.Addr == 0 { // loose mode wants an address on the device, too
		return skb.IPRPFilter
	}
	return skb.NotDropped
}

// routeTo returns the device of the most specific route to an address.
func (l *Layer) routeTo(a skb.Addr) *Device {
	var best *Device
	for _, d := range l.devices[2:] {
		if d.onLink(a) && (best == nil || d.PrefixLen > best.PrefixLen) {
			best = d
		}
	}
	if best == nil && len(l.devices) > 2 {
		best = l.devices[2]
	}
	return best
}
