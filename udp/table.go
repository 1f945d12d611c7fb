package udp

import (
	"fmt"
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/cpu"
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
	// GRO is UDP_GRO: what stands for several datagrams is read as one.
	GRO bool
	// NoMulticastAll is IP_MULTICAST_ALL off (3.3).
	NoMulticastAll bool
	// Groups are the memberships of this socket.
	Groups []Membership

	rxDst  skb.Route // sk_rx_dst (ED-7)
	group  *reuseGroup
	slot2  uint32 // the secondary slot in which it stands
	chosen bool   // Local was chosen by Connect, not by Bind
}

// A slot is one chain of a hash table, newest socket first (HT-4). It models
// struct udp_hslot.
type slot struct {
	chain []*Entry
	lock  cpu.Spinlock
}

// A table holds the slots that somebody has asked for.
type table map[uint32]*slot

// at returns a slot.
func (t *table) at(key uint32) *slot {
	s := (*t)[key]
	if s == nil {
		if *t == nil {
			*t = table{}
		}
		s = &slot{}
		(*t)[key] = s
	}
	return s
}

func (s *slot) insert(e *Entry) { s.chain = append([]*Entry{e}, s.chain...) }

func (s *slot) remove(e *Entry) {
	for i, o := range s.chain {
		if o == e {
			s.chain = append(append([]*Entry{}, s.chain[:i]...), s.chain[i+1:]...)
			return
		}
	}
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
	return skb.Jhash(bits.ReverseBytes32(uint32(addr))+skb.JhashInit, skb.JhashInit, mix) ^ uint32(port)
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
	l.primary.at(l.Bucket(e.LocalPort)).insert(e)
	e.slot2 = l.hash2(e.Local, e.LocalPort)
	l.secondary.at(e.slot2).insert(e)
	l.addReuse(e)
	l.forget()
	return nil
}

// Unbind takes a socket out of both chains. It models udp_lib_unhash.
func (l *Layer) Unbind(e *Entry) {
	l.primary.at(l.Bucket(e.LocalPort)).remove(e)
	l.secondary.at(e.slot2).remove(e)
	e.group.leave(e)
	l.forget()
}

// Connect models ip4_datagram_connect and udp_v4_rehash: the socket receives
// from one peer only, and if it was bound to no address it now has local, the
// source address of the route to the peer, and moves to the head of that
// address's chain. Its place in the primary slot stays (HT-4).
func (l *Layer) Connect(e *Entry, peer skb.Addr, port uint16, local skb.Addr) {
	e.Remote, e.RemotePort = peer, port
	if e.Local == 0 {
		e.Local, e.chosen = local, true
		if k := l.hash2(e.Local, e.LocalPort); k != e.slot2 {
			l.secondary.at(e.slot2).remove(e)
			l.secondary.at(k).insert(e)
			e.slot2 = k
		}
	}
	l.forget()
}

// Disconnect models udp_disconnect: connect with AF_UNSPEC. The device
// goes, too, and an address that Connect chose, but the socket stays in the chain of that address, where
// nobody looks for it when there are more than ten sockets (HT-4).
func (l *Layer) Disconnect(e *Entry) {
	e.Remote, e.RemotePort, e.IfIndex = 0, 0, 0
	if e.chosen {
		e.Local, e.chosen = 0, false
	}
	l.forget()
}

// Changed says that what matching looks at has changed: a group, a peer.
func (l *Layer) Changed() { l.forget() }

// Position returns the place of a socket in its bucket, newest first (PU-1).
func (l *Layer) Position(e *Entry) int {
	for i, o := range l.primary.at(l.Bucket(e.LocalPort)).chain {
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
	chain := l.primary.at(l.Bucket(e.LocalPort)).chain
	if len(chain) > l.Profile.Hash2Threshold {
		own := l.secondary.at(l.hash2(e.Local, e.LocalPort)).chain
		if len(chain) >= len(own) {
			if o := inUse(own, e); o != nil {
				return o
			}
			return inUse(l.secondary.at(l.hash2(0, e.LocalPort)).chain, e)
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
