package ipstack

import (
	"errors"
	"slices"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// RawConfig is a raw IPv4 socket and the program behind it.
type RawConfig struct {
	Name string
	// Protocol is the IP protocol of the socket, 1 to 255.
	Protocol uint8
	// Local is the bound address, Remote the connected peer, 0 for any.
	Local, Remote skb.Addr
	// IfIndex is the bound device, 0 for any.
	IfIndex int32
	// Groups are joined, on the bound device or the first interface; NoMulticastAll is IP_MULTICAST_ALL off: other
	// groups are refused (3.3).
	Groups         []skb.Addr
	NoMulticastAll bool
	// RcvBuf is sk_rcvbuf in bytes.
	RcvBuf int
	// PerPacket is the time that the program takes for a packet, on a CPU of its own; 0: it never reads.
	PerPacket engine.Time
}

// Validate reports every field out of range.
func (r *RawConfig) Validate() error {
	errs := []error{
		cfgerr.Check(r.Protocol >= 1, "proto", r.Protocol, "an IP protocol from 1 to 255"),
		cfgerr.Check(r.RcvBuf >= 1, "rcvbuf", r.RcvBuf, "at least 1"),
		cfgerr.Check(r.PerPacket >= 0, "per_packet", r.PerPacket, "0 or more"),
	}
	for _, g := range r.Groups {
		errs = append(errs, cfgerr.Check(g.Multicast(), "join", g, "a group from 224.0.0.0 to 239.255.255.255"))
	}
	return errors.Join(errs...)
}

// A RawSock is a raw socket. It models struct raw_sock.
//
// Not modelled:
//   - Raw sockets have no ICMP_FILTER and no socket filter.
//   - Raw sockets do not count towards udp_mem (they have no page accounting,
//     UM-8).
//   - The program that reads a raw socket takes no time from others.
type RawSock struct {
	layer *Layer
	cfg   RawConfig

	rmem   int
	queue  []rawPacket
	head   int
	freeAt engine.Time

	// Packets counts packets queued, Drops those that found the buffer full: sk_drops.
	Packets, Drops uint64
}

type rawPacket struct {
	at       engine.Time
	truesize int
}

// OpenRaw opens a raw socket; new ones come first in their chain. Joining its
// groups is the host's, who knows the MAC filters.
func (l *Layer) OpenRaw(cfg RawConfig) *RawSock {
	r := &RawSock{layer: l, cfg: cfg}
	l.raw = slices.Insert(l.raw, 0, r)
	return r
}

// RawSocks returns the raw sockets, newest first.
func (l *Layer) RawSocks() []*RawSock { return l.raw }

// Config returns what the socket was opened with.
func (r *RawSock) Config() RawConfig { return r.cfg }

// Rmem returns sk_rmem_alloc.
func (r *RawSock) Rmem() int { return r.rmem }

// Live returns how many packets the socket holds.
func (r *RawSock) Live() uint64 { return uint64(len(r.queue) - r.head) }

// RawTotals says where the packets of all raw sockets are.
type RawTotals struct{ Queued, Read, Drops uint64 }

// RawTotals adds up all raw sockets.
func (l *Layer) RawTotals() (t RawTotals) {
	for _, r := range l.raw {
		t.Queued += r.Live()
		t.Read += r.Packets - r.Live()
		t.Drops += r.Drops
	}
	return t
}

// rawLocalDeliver models raw_local_deliver and raw_v4_input (LF-1): every raw
// socket of the protocol that matches has a clone, unless its multicast filter
// refuses. It reports whether one matched.
func (l *Layer) rawLocalDeliver(c *cpu.Core, b *skb.Buff) (matched bool) {
	for _, r := range l.raw {
		if r.matches(b) {
			matched = true
			if r.wants(b.Head) {
				r.receive(c, b)
			}
		}
	}
	return matched
}

// matches models __raw_v4_lookup.
func (r *RawSock) matches(b *skb.Buff) bool {
	h, cfg := b.Head, &r.cfg
	return cfg.Protocol == h.Proto && (cfg.Remote == 0 || cfg.Remote == h.Src) && (cfg.Local == 0 || cfg.Local == h.Dst) &&
		(cfg.IfIndex == 0 || cfg.IfIndex == b.IfIndex)
}

// wants models ip_mc_sf_allow for a socket whose memberships have no sources.
func (r *RawSock) wants(h *skb.Header) bool {
	return !h.Dst.Multicast() || !r.cfg.NoMulticastAll || slices.Contains(r.cfg.Groups, h.Dst)
}

// receive models raw_rcv and sock_queue_rcv_skb: no counter but sk_drops says
// that the buffer was full, which is tested before the packet is charged (S-2).
func (r *RawSock) receive(c *cpu.Core, b *skb.Buff) {
	l := r.layer
	r.settle(c.Now())
	l.Ledger.Clone()
	if r.rmem >= r.cfg.RcvBuf {
		r.Drops++
		l.Ledger.Drop(skb.SocketRcvbuff)
	} else {
		r.Packets++
		r.rmem += int(b.Truesize)
		r.queue = append(r.queue, rawPacket{c.Now(), int(b.Truesize)})
		l.Ledger.Put()
	}
	c.Spend(l.Costs.Clone.Fixed + l.Costs.Enqueue.Fixed)
}

// settle lets the program read what it has read by now.
func (r *RawSock) settle(now engine.Time) {
	for r.cfg.PerPacket > 0 && r.head < len(r.queue) {
		p := &r.queue[r.head]
		done := max(p.at, r.freeAt) + r.cfg.PerPacket
		if done > now {
			break
		}
		r.freeAt = done
		r.rmem -= p.truesize
		r.layer.Ledger.Take()
		r.layer.Ledger.Consume()
		if r.head++; r.head > 64 && r.head*2 > len(r.queue) {
			r.queue = r.queue[:copy(r.queue, r.queue[r.head:])]
			r.head = 0
		}
	}
}
