package udp

import "github.com/seed-556df219/rxpath/sim/skb"

// wantsMulticast models __udp_is_mcast_sock and ip_mc_sf_allow (3.3).
func (e *Entry) wantsMulticast(h *skb.Header, ifindex int32) bool {
	if e.LocalPort != h.DstPort || e.Local != 0 && e.Local != h.Dst ||
		e.Remote != 0 && e.Remote != h.Src || e.RemotePort != 0 && e.RemotePort != h.SrcPort ||
		e.IfIndex != 0 && e.IfIndex != ifindex {
		return false
	}
	if !h.Dst.Multicast() || !e.NoMulticastAll {
		return true
	}
	for _, g := range e.Groups {
		if g.Group == h.Dst && g.IfIndex == ifindex {
			return true
		}
	}
	return false
}
