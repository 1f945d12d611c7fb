package udp

import "github.com/seed-556df219/rxpath/sim/skb"

// demuxMulticast models __udp4_lib_mcast_demux_lookup: exactly one match in a
// primary slot of at most ten sockets (ED-3).
func (l *Layer) demuxMulticast(h *skb.Header, ifindex int32) *Entry {
	chain := l.primary.at(l.Bucket(h.DstPort)).chain
	if len(chain) > l.Profile.Hash2Threshold {
		return nil
	}
	var only *Entry
	for _, e := range chain {
		if e.wantsMulticast(h, ifindex) {
			if only != nil {
				return nil
			}
			only = e
		}
	}
	return only
}

// demuxUnicast models __udp4_lib_demux_lookup: the first socket of the
// secondary chain, if it is connected to exactly this peer (ED-4).
func (l *Layer) demuxUnicast(h *skb.Header, ifindex int32) *Entry {
	chain := l.secondary.at(l.hash2(h.Dst, h.DstPort)).chain
	if len(chain) == 0 {
		return nil
	}
	if e := chain[0]; e.established(h, ifindex) {
		return e
	}
	return nil
}

// established models inet_match: the socket is connected to exactly this peer.
func (e *Entry) established(h *skb.Header, ifindex int32) bool {
	return e.Remote == h.Src && e.RemotePort == h.SrcPort && e.Local == h.Dst && e.LocalPort == h.DstPort &&
		(e.IfIndex == 0 || e.IfIndex == ifindex)
}

// A scan is one chain that the fan-out walks, and how many matches it then has.
type scan struct {
	slot  *slot
	found int
}

// matchMulticast returns the sockets of the fan-out in their order, and the
// chains in which it finds them: the primary slot up to ten sockets, else the
// chains of the group address and of 0.0.0.0 (3.1, MF-1, MF-2).
func (l *Layer) matchMulticast(h *skb.Header, ifindex int32) (all []*Entry, scans []scan) {
	slots := []*slot{l.primary.at(l.Bucket(h.DstPort))}
	if len(slots[0].chain) > l.Profile.Hash2Threshold {
		slots[0] = l.secondary.at(l.hash2(h.Dst, h.DstPort))
		if any := l.secondary.at(l.hash2(0, h.DstPort)); any != slots[0] {
			slots = append(slots, any)
		}
	}
	for _, s := range slots {
		for _, e := range s.chain {
			if e.wantsMulticast(h, ifindex) {
				all = append(all, e)
			}
		}
		scans = append(scans, scan{s, len(all)})
	}
	return all, scans
}

// lookup models __udp4_lib_lookup (LK-1 to LK-4) on a CPU.
func (l *Layer) lookup(h *skb.Header, ifindex int32, cpu int) *Entry {
	primary := l.primary.at(l.Bucket(h.DstPort)).chain
	exact := l.secondary.at(l.hash2(h.Dst, h.DstPort)).chain
	any := l.secondary.at(l.hash2(0, h.DstPort)).chain
	if l.Profile.ConnectedHash { // udp4_lib_lookup4: the newest that fits, whatever else it is bound to
		for _, e := range exact {
			if e.established(h, ifindex) {
				return e
			}
		}
	}
	if l.Profile.Hash2First {
		if e := l.best(exact, h, ifindex, cpu, h.Dst, true); e != nil {
			return e
		}
		return l.best(any, h, ifindex, cpu, 0, true)
	}
	if len(primary) > l.Profile.Hash2Threshold && len(primary) >= len(exact) {
		if e := l.best(exact, h, ifindex, cpu, h.Dst, true); e != nil {
			return e
		}
		if len(primary) >= len(any) {
			return l.best(any, h, ifindex, cpu, 0, true)
		}
	}
	return l.best(primary, h, ifindex, cpu, 0, false)
}

// best returns the highest score, the first seen of equals unless SO_REUSEPORT
// chooses: whether it does is up to the first of them (LK-2 to LK-4). In a secondary chain the local address must equal.
func (l *Layer) best(chain []*Entry, h *skb.Header, ifindex int32, cpu int, local skb.Addr, secondary bool) *Entry {
	var win *Entry
	top, matches, reuse := 0, uint64(0), false
	var hash uint32
	for _, e := range chain {
		score := e.score(h, ifindex)
		if secondary && e.Local != local {
			score = 0
		} else if secondary && score > 0 && e.Local != 0 {
			score -= 4
		}
		if score > 0 && l.byCPU && e.Sock.IncomingCPU() == cpu {
			score++
		}
		switch {
		case score > top:
			win, top = e, score
			if l.Profile.ReuseportArray {
				if chosen := e.group.choose(l.reuseHash(h), l.byCPU, cpu); chosen != nil && e.Remote == 0 {
					if win = chosen; !e.group.connected() {
						return win
					}
				}
				continue
			}
			if reuse = e.ReusePort; reuse {
				matches, hash = 1, l.reuseHash(h)
			}
		case score == top && score > 0 && reuse:
			matches++
			if uint64(hash)*matches>>32 == 0 {
				win = e
			}
			hash = hash*1664525 + 1013904223
		}
	}
	return win
}

// score models compute_score; 0 disqualifies (LK-2).
func (e *Entry) score(h *skb.Header, ifindex int32) int {
	if e.LocalPort != h.DstPort {
		return 0
	}
	score := 2
	for _, f := range [...]struct{ set, equal bool }{
		{e.Local != 0, e.Local == h.Dst},
		{e.Remote != 0, e.Remote == h.Src},
		{e.RemotePort != 0, e.RemotePort == h.SrcPort},
		{e.IfIndex != 0, e.IfIndex == ifindex},
	} {
		if f.set {
			if !f.equal {
				return 0
			}
			score += 4
		}
	}
	return score
}

// reuseHash models udp_ehashfn, the hash by which a flow keeps its SO_REUSEPORT
// socket (LK-4): one Jenkins round over the addresses and ports.
func (l *Layer) reuseHash(h *skb.Header) uint32 {
	x := portHash(h.Src, h.SrcPort, l.ReuseSecret)
	return portHash(h.Dst, h.DstPort, x)
}

// A reuseGroup is the SO_REUSEPORT sockets of one user on one address, port and
// device, in the order in which they were bound. It models struct
// sock_reuseport of 4.5 and later.
type reuseGroup struct{ socks []*Entry }

// addReuse models udp_reuseport_add_sock.
func (l *Layer) addReuse(e *Entry) {
	e.group = nil
	if !e.ReusePort {
		return
	}
	for _, o := range l.primary.at(l.Bucket(e.LocalPort)).chain {
		if o != e && o.group != nil && o.LocalPort == e.LocalPort && o.Local == e.Local && o.IfIndex == e.IfIndex && o.UID == e.UID {
			e.group = o.group
			break
		}
	}
	if e.group == nil {
		e.group = &reuseGroup{}
	}
	e.group.socks = append(e.group.socks, e)
}

// leave models reuseport_detach_sock: the last socket takes the place.
func (g *reuseGroup) leave(e *Entry) {
	if g == nil {
		return
	}
	for i, o := range g.socks {
		if last := len(g.socks) - 1; o == e {
			g.socks[i] = g.socks[last]
			g.socks = g.socks[:last]
			return
		}
	}
}

// choose models reuseport_select_sock: the hash scaled to the length of the
// array, and on from there past connected sockets; byCPU, to the first whose
// SO_INCOMING_CPU this is, if there is one.
func (g *reuseGroup) choose(hash uint32, byCPU bool, cpu int) *Entry {
	if g == nil {
		return nil
	}
	n := len(g.socks)
	first := int(uint64(hash) * uint64(n) >> 32)
	var valid *Entry
	for i := range n {
		e := g.socks[(first+i)%n]
		if e.Remote != 0 {
			continue
		}
		if !byCPU || e.Sock.IncomingCPU() == cpu {
			return e
		}
		if valid == nil {
			valid = e
		}
	}
	return valid
}

// connected reports whether a socket of the group has been connected.
func (g *reuseGroup) connected() bool {
	for _, e := range g.socks {
		if e.Remote != 0 {
			return true
		}
	}
	return false
}
