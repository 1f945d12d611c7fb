package ipstack

import "github.com/seed-556df219/rxpath/sim/skb"

// fibKind is what the routing tables say of an address.
type fibKind uint8

const (
	fibNone fibKind = iota
	fibUnicast
	fibLocal
	fibBroadcast
	fibUnreachable
	fibProhibit
	fibBlackhole
)

// A fibResult is the entry of the routing tables for an address. It models
// struct fib_result.
type fibResult struct {
	kind fibKind
	dev  *Device // of a local or broadcast address, or of the interface whose network it is in
	via  []int32 // the devices of a configured route
}

// failed reports whether the look-up itself returns an error: for these types
// fib_lookup does, as for an address without route (RP-2).
func (r *fibResult) failed() bool {
	switch r.kind {
	case fibNone, fibUnreachable, fibProhibit, fibBlackhole:
		return true
	}
	return false
}

// through reports whether the route goes through a device, by any nexthop of a
// multipath route (RP-4).
func (r *fibResult) through(d *Device) bool {
	if r.dev != nil {
		return r.dev == d
	}
	for _, i := range r.via {
		if i == d.Index {
			return true
		}
	}
	return false
}

// fibLookup models fib_lookup: the host's own addresses, then the most specific
// of the interfaces' networks and the configured routes.
func (l *Layer) fibLookup(a skb.Addr) fibResult {
	if r := l.localTable(a); r.kind != fibNone {
		return r
	}
	best, length := fibResult{}, -1
	for _, d := range l.devices[2:] {
		if d.onLink(a) && d.PrefixLen > length {
			best, length = fibResult{kind: fibUnicast, dev: d}, d.PrefixLen
		}
	}
	for i := range l.Config.Routes {
		r := &l.Config.Routes[i]
		if r.PrefixLen > length && within(a, r.Dst, r.PrefixLen) {
			best, length = fibResult{kind: kindOf[r.Kind], via: r.IfIndexes}, r.PrefixLen
		}
	}
	if length < 0 && len(l.Config.Routes) == 0 && len(l.devices) > 2 {
		return fibResult{kind: fibUnicast, dev: l.devices[2]}
	}
	return best
}

var kindOf = [...]fibKind{Unicast: fibUnicast, Unreachable: fibUnreachable, Prohibit: fibProhibit, Blackhole: fibBlackhole}

// localTable looks an address up in the table that fib_add_ifaddr fills.
func (l *Layer) localTable(a skb.Addr) fibResult {
	for _, d := range l.Devices() {
		if d.isBroadcast(a, l.Profile.SubnetZeroBroadcast) {
			return fibResult{kind: fibBroadcast, dev: d}
		}
	}
	for _, d := range l.Devices() {
		if a == d.Addr && a != 0 || d.Index == 1 && a.Loopback() {
			return fibResult{kind: fibLocal, dev: d}
		}
	}
	return fibResult{}
}

// MayBind reports whether a socket may be bound to an address, as
// `af_inet.c:inet_bind` decides with inet_addr_type: it may to one of this host,
// to a broadcast address, to a group, and to 0.0.0.0.
func (l *Layer) MayBind(a skb.Addr) bool {
	return a == 0 || a.Broadcast() || a.Multicast() || l.localTable(a).kind != fibNone
}

// isBroadcast reports whether a is one of the two broadcast addresses of the
// device's network: its last, and, where zero says so, its first.
func (d *Device) isBroadcast(a skb.Addr, zero bool) bool {
	if d.Addr == 0 || d.PrefixLen == 0 || d.PrefixLen >= 31 || a == d.Addr {
		return false
	}
	host := skb.Addr(1)<<(32-d.PrefixLen) - 1
	return a == d.Addr|host || zero && a == d.Addr&^host
}

// onLink reports whether a is in the device's subnet.
func (d *Device) onLink(a skb.Addr) bool {
	return d.Addr != 0 && d.PrefixLen > 0 && within(a, d.Addr, d.PrefixLen)
}

// within reports whether a is in the network of that prefix.
func within(a, network skb.Addr, prefixLen int) bool {
	shift := 32 - prefixLen
	return a>>shift == network>>shift
}

// hasAddress models inet_lookup_ifaddr_rcu: of 127.0.0.0/8 lo has one address.
func (l *Layer) hasAddress(a skb.Addr) bool {
	if a == 0x7f000001 {
		return true
	}
	for _, d := range l.Devices() {
		if d.Addr == a {
			return true
		}
	}
	return false
}

// validateSource models fib_validate_source (RP-1 to RP-4).
func (l *Layer) validateSource(d *Device, src skb.Addr) skb.DropReason {
	if d.Index == 1 {
		return skb.NotDropped
	}
	rp := max(l.Config.RPFilter, d.Conf.RPFilter)
	acceptLocal := l.Config.AcceptLocal != 0 || d.Conf.AcceptLocal
	if rp == 0 && acceptLocal {
		return skb.NotDropped // RP-1
	}
	r := l.fibLookup(src)
	switch {
	case r.failed():
		if rp == 0 {
			return skb.NotDropped
		}
		return skb.IPRPFilter // RP-3
	case rp == 0 && l.Profile.LocalSourceOnly && (r.kind == fibBroadcast || src.Loopback() && !l.hasAddress(src)):
		return skb.NotDropped
	case r.kind != fibUnicast && (r.kind != fibLocal || !acceptLocal):
		return skb.IPInvalidSource // RP-2
	case r.through(d), rp == 0:
		return skb.NotDropped
	case rp == 1, d.Addr == 0: // RP-4: loose mode wants an address on the device, too
		return skb.IPRPFilter
	}
	return skb.NotDropped
}
