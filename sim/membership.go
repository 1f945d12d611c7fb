package sim

import (
	"fmt"
	"net/netip"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
	"github.com/seed-556df219/rxpath/udp"
)

// Join joins a group on the named interface, the first one if empty. It models
// IP_ADD_MEMBERSHIP (GM-1, GM-2).
func (s *Socket) Join(group netip.Addr, device string) error {
	return s.join(socket.Join{Group: group, Device: device})
}

// Leave undoes Join. It models IP_DROP_MEMBERSHIP.
func (s *Socket) Leave(group netip.Addr, device string) error {
	return s.onGroup(group, device, (*membership).leave)
}

// AddSource joins a group for one source only, or for one more. It models
// IP_ADD_SOURCE_MEMBERSHIP.
func (s *Socket) AddSource(group, source netip.Addr, device string) error {
	return s.onGroup(group, device, func(m *membership) error {
		if err := m.join(); err != nil && !udp.Joined(err) {
			return err
		}
		return m.source(source, true, true)
	})
}

// DropSource undoes AddSource; without its last source the group is left. It
// models IP_DROP_SOURCE_MEMBERSHIP.
func (s *Socket) DropSource(group, source netip.Addr, device string) error {
	return s.onGroup(group, device, func(m *membership) error { return m.source(source, true, false) })
}

// BlockSource excludes one source of a group that was joined. It models
// IP_BLOCK_SOURCE.
func (s *Socket) BlockSource(group, source netip.Addr, device string) error {
	return s.onGroup(group, device, func(m *membership) error { return m.source(source, false, true) })
}

// UnblockSource undoes BlockSource. It models IP_UNBLOCK_SOURCE.
func (s *Socket) UnblockSource(group, source netip.Addr, device string) error {
	return s.onGroup(group, device, func(m *membership) error { return m.source(source, false, false) })
}

// SetSourceFilter says from which sources a group that was joined is wanted: only
// from these, or from all but these. It models IP_MSFILTER.
func (s *Socket) SetSourceFilter(group netip.Addr, device string, include bool, sources []netip.Addr) error {
	return s.onGroup(group, device, func(m *membership) error {
		var list []skb.Addr
		for _, a := range sources {
			list = append(list, skb.AddrFrom(a))
		}
		return m.filtered(func() (bool, error) {
			return s.entry.SetFilter(m.group, m.dev.Index, include, list, s.host.cfg.IP.IGMPMaxMSF)
		})
	})
}

func (s *Socket) join(j socket.Join) error {
	err := s.onGroup(j.Group, j.Device, (*membership).join)
	for _, a := range j.Include {
		if err == nil {
			err = s.AddSource(j.Group, a, j.Device)
		}
	}
	for _, a := range j.Exclude {
		if err == nil {
			err = s.BlockSource(j.Group, a, j.Device)
		}
	}
	return err
}

// A membership is a socket at a group of an interface.
type membership struct {
	sock  *Socket
	group skb.Addr
	dev   *ipstack.Device
}

// onGroup does something to a membership, and says whose it was if it failed.
func (s *Socket) onGroup(group netip.Addr, device string, f func(*membership) error) error {
	if !group.Is4() || !group.IsMulticast() {
		return fmt.Errorf("sim: %s: %v is not a group from 224.0.0.0 to 239.255.255.255 (EINVAL)", s.cfg.Name, group)
	}
	d, err := s.host.deviceOf(device)
	if err != nil {
		return err
	}
	err = f(&membership{s, skb.AddrFrom(group), d})
	s.host.udp.Changed()
	if err != nil {
		return fmt.Errorf("sim: %s: group %v on %s: %w", s.cfg.Name, group, d.Name, err)
	}
	return nil
}

func (m *membership) filter() ipstack.SourceFilter {
	include, sources := m.sock.entry.Filter(m.group, m.dev.Index)
	return ipstack.SourceFilter{Include: include, Sources: sources}
}

func (m *membership) join() error {
	if err := m.sock.entry.Join(m.group, m.dev.Index, m.sock.host.cfg.IP.IGMPMaxMemberships); err != nil {
		return err
	}
	if m.dev.Join(m.group) {
		for _, p := range m.sock.host.filterPorts(m.dev) {
			p.JoinGroup(m.group)
		}
	}
	return nil
}

func (m *membership) leave() error {
	f := m.filter()
	if err := m.sock.entry.Leave(m.group, m.dev.Index); err != nil {
		return err
	}
	if m.dev.LeaveFiltered(m.group, f) {
		for _, p := range m.sock.host.filterPorts(m.dev) {
			p.LeaveGroup(m.group)
		}
	}
	return nil
}

func (m *membership) source(a netip.Addr, include, add bool) error {
	return m.filtered(func() (bool, error) {
		return m.sock.entry.ChangeSource(m.group, m.dev.Index, skb.AddrFrom(a), include, add, m.sock.host.cfg.IP.IGMPMaxMSF)
	})
}

// filtered changes the filter of a membership, on the interface as well.
func (m *membership) filtered(change func() (leave bool, err error)) error {
	old := m.filter()
	leave, err := change()
	if leave {
		return m.leave()
	}
	m.dev.SetFilter(m.group, old, m.filter())
	return err
}

// leaveGroups drops the memberships (GM-4).
func (s *Socket) leaveGroups() {
	for len(s.entry.Groups) > 0 {
		g := &s.entry.Groups[0]
		m := membership{s, g.Group, s.host.ip.Device(g.IfIndex)}
		_ = m.leave() // it is a member
	}
}

// deviceOf finds an interface to join on: without a name the first one, or what
// that is part of.
func (h *Host) deviceOf(name string) (*ipstack.Device, error) {
	if name != "" {
		return h.ip.DeviceNamed(name)
	}
	if len(h.ports) == 0 {
		return nil, fmt.Errorf("sim: no interface to join a group on (ENODEV)")
	}
	d, err := h.ip.DeviceNamed(h.ports[0].Name())
	for err == nil && d.Master() != nil {
		d = d.Master()
	}
	return d, err
}

// sourceTo returns the address that the host sends from to a peer: that of the
// interface on whose link the peer is, or else of the first one.
func (h *Host) sourceTo(peer skb.Addr) skb.Addr {
	p := packet{dst: peer}
	if !h.spaces[0].routeOutput(&p, "") {
		return 0
	}
	return p.src
}
