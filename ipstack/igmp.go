package ipstack

import "github.com/seed-556df219/rxpath/sim/skb"

// A Group is a multicast group that a device is a member of. It models struct
// ip_mc_list.
type Group struct {
	Addr skb.Addr
	// Users counts the memberships of sockets.
	Users int
	// Excludes counts the members in EXCLUDE mode; the others are in INCLUDE mode.
	Excludes int
	// Sources are those that any member names in its filter.
	Sources []GroupSource
}

// GroupSource is a source that members of a group name in their filters. It
// models struct ip_sf_list.
type GroupSource struct {
	Addr skb.Addr
	// Includes and Excludes count the members that name it, by their mode.
	Includes, Excludes int
}

// A SourceFilter is what one member of a group wants to receive. It models
// struct ip_sf_socklist with its mode: a plain join excludes nothing.
type SourceFilter struct {
	// Include says that only Sources are wanted; otherwise all but those are.
	Include bool
	Sources []skb.Addr
}

// Join models ip_mc_inc_group for a member without filter, and reports whether
// the group is new on the device: only then is the MAC filter programmed and
// every cached route void (GM-2, ED-6).
func (d *Device) Join(group skb.Addr) bool {
	g := d.group(group)
	if g == nil {
		d.groups = append([]Group{{Addr: group}}, d.groups...)
		g = &d.groups[0]
		d.layer.routeGen++
	}
	g.Users++
	g.Excludes++
	d.routes.Forget()
	return g.Users == 1
}

// Leave undoes one Join and reports whether it was the last.
func (d *Device) Leave(group skb.Addr) bool { return d.LeaveFiltered(group, SourceFilter{}) }

// LeaveFiltered models ip_mc_leave_group: a member goes, with the filter that it
// has. It reports whether it was the last.
func (d *Device) LeaveFiltered(group skb.Addr, f SourceFilter) bool {
	g := d.group(group)
	if g == nil {
		return false
	}
	g.count(&f, -1)
	d.routes.Forget()
	if g.Users--; g.Users > 0 {
		return false
	}
	for i := range d.groups {
		if &d.groups[i] == g {
			d.groups = append(d.groups[:i], d.groups[i+1:]...)
			break
		}
	}
	d.layer.routeGen++
	return true
}

// SetFilter models ip_mc_add_src and ip_mc_del_src as ip_mc_source and
// ip_mc_msfilter use them: a member of the group that had the filter old has the
// filter f from now on. No route becomes void by it (MC-2).
func (d *Device) SetFilter(group skb.Addr, old, f SourceFilter) {
	if g := d.group(group); g != nil {
		g.count(&old, -1)
		g.count(&f, 1)
		d.routes.Forget()
	}
}

// count adds n members with a filter.
func (g *Group) count(f *SourceFilter, n int) {
	if !f.Include {
		g.Excludes += n
	}
	for _, a := range f.Sources {
		s := g.source(a)
		if s == nil {
			g.Sources = append(g.Sources, GroupSource{Addr: a})
			s = &g.Sources[len(g.Sources)-1]
		}
		if f.Include {
			s.Includes += n
		} else {
			s.Excludes += n
		}
	}
	kept := g.Sources[:0]
	for _, s := range g.Sources {
		if s.Includes != 0 || s.Excludes != 0 {
			kept = append(kept, s)
		}
	}
	g.Sources = kept
}

func (g *Group) source(a skb.Addr) *GroupSource {
	for i := range g.Sources {
		if g.Sources[i].Addr == a {
			return &g.Sources[i]
		}
	}
	return nil
}

func (d *Device) group(a skb.Addr) *Group {
	for i := range d.groups {
		if d.groups[i].Addr == a {
			return &d.groups[i]
		}
	}
	return nil
}

// Member reports whether a device wants a packet with this header (MC-2).
func (l *Layer) Member(ifindex int32, h *skb.Header) bool { return l.devices[ifindex].member(h) }

// member models ip_check_mc_rcu (MC-2): whether the device wants a packet of
// this group, from this source.
func (d *Device) member(h *skb.Header) bool {
	g := d.group(h.Dst)
	switch {
	case g == nil:
		return false
	case h.Proto == skb.ProtoIGMP, h.Src == 0:
		return true
	}
	if s := g.source(h.Src); s != nil {
		return s.Includes > 0 || s.Excludes != g.Excludes
	}
	return g.Excludes > 0
}
