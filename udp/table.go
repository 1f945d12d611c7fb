package udp

import (
	"fmt"
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// An Entry is one bound socket in the hash tables, with what matching looks at.
type Entry struct {
	Sock Socket
	// Name appears in errors.
	Name string
	// Local is the bound address, 0 for any; Remote the connected peer, 0 for none.
	Local, Remote         skb.Addr
	LocalPort, RemotePort uint16
	// IfIndex is the bound device, 0 for any.
	IfIndex int32
	// ReusePort, ReuseAddr and UID decide whether addresses may be shared (BD-1).
	ReusePort, ReuseAddr bool
	UID                  int
	// NoMulticastAll is IP_MULTICAST_ALL off (3.3).
	NoMulticastAll bool
	// Groups are the memberships of this socket.
	Groups []GroupOn

	rxDst skb.Route // sk_rx_dst (ED-7)
}

// GroupOn is a group joined on a device.
type GroupOn struct {
	Group   skb.Addr
	IfIndex int32
}

// A table holds the chains that are not empty, newest socket first (HT-4).
type table struct {
	primary   map[uint32][]*Entry
	secondary map[uint32][]*Entry
}

// Bucket returns the primary slot of a port (HT-2), the sl column of
// /proc/net/udp.
func (l *Layer) Bucket(port uint16) uint32 {
	return (uint32(port) + l.Config.HashMix) & uint32(l.Config.HashEntries-1)
}

// hash2 returns the secondary slot of an address and a port (HT-3).
func (l *Layer) hash2(a skb.Addr, port uint16) uint32 {
	return uint32(uint16(portHash(a, port, l.Config.HashMix))) & uint32(l.Config.HashEntries-1)
}

// portHash models udp4_portaddr_hash (HT-3).
func portHash(addr skb.Addr, port uint16, mix uint32) uint32 {
	const golden = 0xdeadbeef
	a := bits.ReverseBytes32(uint32(addr)) + golden
	b := uint32(golden)
	c := mix
	rot := bits.RotateLeft32
	c ^= b
	c -= rot(b, 14)
	a ^= c
	a -= rot(c, 11)
	b ^= a
	b -= rot(a, 25)
	c ^= b
	c -= rot(b, 16)
	a ^= c
	a -= rot(c, 4)
	b ^= a
	b -= rot(a, 14)
	c ^= b
	c -= rot(b, 24)
	return c ^ uint32(port)
}

// Bind models udp_lib_get_port: it enters the socket at the head of both chains
// or says who is in the way (BD-1).
func (l *Layer) Bind(e *Entry) error {
	if e.LocalPort == 0 {
		return fmt.Errorf("udp: bind %s: port 0", e.Name)
	}
	if o := l.conflict(e); o != nil {
		return fmt.Errorf("udp: bind %s to %v:%d: address already in use by %s (EADDRINUSE); set reuseaddr or reuseport on both",
			e.Name, e.Local, e.LocalPort, o.Name)
	}
	if l.table.primary == nil {
		l.table = table{map[uint32][]*Entry{}, map[uint32][]*Entry{}}
	}
	k1, k2 := l.Bucket(e.LocalPort), l.hash2(e.Local, e.LocalPort)
	l.table.primary[k1] = append([]*Entry{e}, l.table.primary[k1]...)
	l.table.secondary[k2] = append([]*Entry{e}, l.table.secondary[k2]...)
	l.forget()
	return nil
}

// Unbind takes a socket out of both chains.
func (l *Layer) Unbind(e *Entry) {
	k1, k2 := l.Bucket(e.LocalPort), l.hash2(e.Local, e.LocalPort)
	l.table.primary[k1] = without(l.table.primary[k1], e)
	l.table.secondary[k2] = without(l.table.secondary[k2], e)
	l.forget()
}

// Changed says that what matching looks at has changed: a group, a peer.
func (l *Layer) Changed() { l.forget() }

func without(chain []*Entry, e *Entry) []*Entry {
	var out []*Entry
	for _, o := range chain {
		if o != e {
			out = append(out, o)
		}
	}
	return out
}

// Position returns the place of a socket in its bucket, newest first (PU-1).
func (l *Layer) Position(e *Entry) int {
	for i, o := range l.table.primary[l.Bucket(e.LocalPort)] {
		if o == e {
			return i
		}
	}
	return -1
}

// conflict models udp_lib_lport_inuse and its hole: with more than ten sockets
// in the slot, only the chains of the own address and of 0.0.0.0 are searched
// (BD-1).
func (l *Layer) conflict(e *Entry) *Entry {
	chain := l.table.primary[l.Bucket(e.LocalPort)]
	if len(chain) > l.Profile.Hash2Threshold {
		own := l.table.secondary[l.hash2(e.Local, e.LocalPort)]
		if len(chain) >= len(own) {
			if o := inUse(own, e); o != nil {
				return o
			}
			return inUse(l.table.secondary[l.hash2(0, e.LocalPort)], e)
		}
	}
	return inUse(chain, e)
}

func inUse(chain []*Entry, e *Entry) *Entry {
	for _, o := range chain {
		if o.LocalPort == e.LocalPort &&
			!(o.ReuseAddr && e.ReuseAddr) &&
			(o.IfIndex == 0 || e.IfIndex == 0 || o.IfIndex == e.IfIndex) &&
			!(o.ReusePort && e.ReusePort && o.UID == e.UID) &&
			(o.Local == 0 || e.Local == 0 || o.Local == e.Local) {
			return o
		}
	}
	return nil
}

// demuxMulticast models __udp4_lib_mcast_demux_lookup: exactly one match in a
// primary slot of at most ten sockets (ED-3).
func (l *Layer) demuxMulticast(h *skb.Header, ifindex int32) *Entry {
	chain := l.table.primary[l.Bucket(h.DstPort)]
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
	chain := l.table.secondary[l.hash2(h.Dst, h.DstPort)]
	if len(chain) == 0 {
		return nil
	}
	e := chain[0]
	if e.Remote == h.Src && e.RemotePort == h.SrcPort && e.Local == h.Dst && e.LocalPort == h.DstPort &&
		(e.IfIndex == 0 || e.IfIndex == ifindex) {
		return e
	}
	return nil
}

// matchMulticast returns the sockets of the fan-out in their order: over the
// primary slot up to ten sockets, else over the chains of the group address and
// of 0.0.0.0 (3.1, MF-1, MF-2).
func (l *Layer) matchMulticast(h *skb.Header, ifindex int32) []*Entry {
	chain := l.table.primary[l.Bucket(h.DstPort)]
	if len(chain) > l.Profile.Hash2Threshold {
		k, any := l.hash2(h.Dst, h.DstPort), l.hash2(0, h.DstPort)
		chain = l.table.secondary[k]
		if k != any {
			chain = append(append([]*Entry{}, chain...), l.table.secondary[any]...)
		}
	}
	var out []*Entry
	for _, e := range chain {
		if e.wantsMulticast(h, ifindex) {
			out = append(out, e)
		}
	}
	return out
}

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

// lookup models __udp4_lib_lookup (LK-1 to LK-4).
func (l *Layer) lookup(h *skb.Header, ifindex int32) *Entry {
	primary := l.table.primary[l.Bucket(h.DstPort)]
	if len(primary) > l.Profile.Hash2Threshold {
		exact := l.table.secondary[l.hash2(h.Dst, h.DstPort)]
		if len(primary) >= len(exact) {
			if e := l.best(exact, h, ifindex, h.Dst, true); e != nil {
				return e
			}
			any := l.table.secondary[l.hash2(0, h.DstPort)]
			if len(primary) >= len(any) {
				return l.best(any, h, ifindex, 0, true)
			}
		}
	}
	return l.best(primary, h, ifindex, 0, false)
}

// best returns the highest score, the first seen of equals unless SO_REUSEPORT
// chooses: whether it does is up to the first of them (LK-2 to LK-4). In a secondary chain the local address must equal.
func (l *Layer) best(chain []*Entry, h *skb.Header, ifindex int32, local skb.Addr, secondary bool) *Entry {
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
		switch {
		case score > top:
			win, top, reuse = e, score, e.ReusePort
			if reuse {
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
