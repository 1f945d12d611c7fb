package udp

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// A Membership is a group that a socket has joined on a device, with the
// sources from which it wants the group's packets. It models struct
// ip_mc_socklist: a plain join is in EXCLUDE mode and excludes nobody.
type Membership struct {
	Group   skb.Addr
	IfIndex int32
	// Include: only Sources are wanted (MCAST_INCLUDE); otherwise all but those.
	Include bool
	Sources []skb.Addr

	listed bool // it has, or has had, a list of sources: the mode is fixed
}

// membership returns the record of a group on a device, nil if there is none.
func (e *Entry) membership(group skb.Addr, ifindex int32) *Membership {
	for i := range e.Groups {
		if m := &e.Groups[i]; m.Group == group && m.IfIndex == ifindex {
			return m
		}
	}
	return nil
}

// Filter returns a copy of what the socket wants of a group on a device.
func (e *Entry) Filter(group skb.Addr, ifindex int32) (include bool, sources []skb.Addr) {
	if m := e.membership(group, ifindex); m != nil {
		return m.Include, slices.Clone(m.Sources)
	}
	return false, nil
}

// Errors of memberships.
var (
	errJoined   = errors.New("joined already (EADDRINUSE)")
	errUnjoined = errors.New("not joined (EINVAL)")
	errMode     = errors.New("the socket filters this group in the other mode (EINVAL)")
)

// Join models ip_mc_join_group as far as the socket goes (GM-1): it may have at
// most most memberships.
func (e *Entry) Join(group skb.Addr, ifindex int32, most int) error {
	switch {
	case e.membership(group, ifindex) != nil:
		return errJoined
	case len(e.Groups) >= most:
		return fmt.Errorf("more than %d memberships (ENOBUFS, net.ipv4.igmp_max_memberships)", most)
	}
	e.Groups = append(e.Groups, Membership{Group: group, IfIndex: ifindex})
	return nil
}

// Joined reports whether err says that a group has been joined before.
func Joined(err error) bool { return errors.Is(err, errJoined) }

// Leave models ip_mc_leave_group as far as the socket goes.
func (e *Entry) Leave(group skb.Addr, ifindex int32) error {
	for i := range e.Groups {
		if m := &e.Groups[i]; m.Group == group && m.IfIndex == ifindex {
			e.Groups = slices.Delete(e.Groups, i, i+1)
			return nil
		}
	}
	return errors.New("not joined (EADDRNOTAVAIL)")
}

// ChangeSource models ip_mc_source as far as the socket goes: it adds a source
// to the list, which may have at most most, or takes it off, in INCLUDE mode
// (IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP) or in EXCLUDE mode
// (IP_BLOCK_SOURCE, IP_UNBLOCK_SOURCE). A membership without list changes its
// mode, even if the call fails for another reason; one with a list does not. It
// reports whether the group is to be left: nothing included is nothing wanted.
func (e *Entry) ChangeSource(group skb.Addr, ifindex int32, source skb.Addr, include, add bool, most int) (leave bool, err error) {
	m := e.membership(group, ifindex)
	if m == nil {
		return false, errUnjoined
	}
	if m.Include != include {
		if m.listed {
			return false, errMode
		}
		m.Include = include
	}
	i := slices.Index(m.Sources, source)
	switch {
	case !add && i < 0:
		return false, fmt.Errorf("source %v is not listed (EADDRNOTAVAIL)", source)
	case !add && include && len(m.Sources) == 1:
		return true, nil
	case !add:
		m.Sources = slices.Delete(m.Sources, i, i+1)
	case m.listed && len(m.Sources) >= most: // the first list of all is not asked
		return false, fmt.Errorf("more than %d sources (ENOBUFS, net.ipv4.igmp_max_msf)", most)
	case i >= 0:
		return false, fmt.Errorf("source %v is listed already (EADDRNOTAVAIL)", source)
	default:
		m.Sources, m.listed = append(m.Sources, source), true
	}
	return false, nil
}

// SetFilter models ip_mc_msfilter (IP_MSFILTER) as far as the socket goes: mode
// and list at once.
func (e *Entry) SetFilter(group skb.Addr, ifindex int32, include bool, sources []skb.Addr, most int) (leave bool, err error) {
	if len(sources) > most {
		return false, fmt.Errorf("%d sources, more than %d (ENOBUFS, net.ipv4.igmp_max_msf)", len(sources), most)
	}
	if include && len(sources) == 0 {
		return true, nil
	}
	m := e.membership(group, ifindex)
	if m == nil {
		return false, errUnjoined
	}
	m.Include, m.Sources, m.listed = include, slices.Clone(sources), len(sources) > 0
	return false, nil
}

// wantsMulticast models __udp_is_mcast_sock (3.3).
func (e *Entry) wantsMulticast(h *skb.Header, ifindex int32) bool {
	return e.LocalPort == h.DstPort && (e.Local == 0 || e.Local == h.Dst) &&
		(e.Remote == 0 || e.Remote == h.Src) && (e.RemotePort == 0 || e.RemotePort == h.SrcPort) &&
		(e.IfIndex == 0 || e.IfIndex == ifindex) &&
		e.allows(h, ifindex)
}

// allows models ip_mc_sf_allow (3.3): the membership on the device decides, and
// without one IP_MULTICAST_ALL.
func (e *Entry) allows(h *skb.Header, ifindex int32) bool {
	if !h.Dst.Multicast() {
		return true
	}
	m := e.membership(h.Dst, ifindex)
	if m == nil {
		return !e.NoMulticastAll
	}
	return slices.Contains(m.Sources, h.Src) == m.Include
}
