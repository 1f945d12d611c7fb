package nic

import (
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Met is what a port tells of the frame that somebody follows.
type Met struct {
	// Frame is the frame, At when its last bit came.
	Frame skb.Frame
	// Lost is why the hardware, or the driver, refused it, NotDropped if neither did; LostAt when.
	Lost   skb.DropReason
	LostAt engine.Time
}

// Watch follows the frame with the given number, the first being 1: when it
// comes, its ID is marked with skb.Chosen. It is called before it comes; until
// then the port passes over no frame unseen.
func (p *Port) Watch(number uint64) { p.watch, p.sought = number, nil }

// Seek marks all frames that come with skb.Sought, and tells f of those that are
// refused before the stack sees them.
func (p *Port) Seek(f func(id uint64, r skb.DropReason, t engine.Time)) { p.watch, p.sought = never, f }

// never is a number that no frame has.
const never = 1<<62 - 1

// Met returns the frame that Watch has named, nil if it has not come.
func (p *Port) Met() *Met { return p.met }

// Arrived returns the number of frames that have come.
func (p *Port) Arrived() uint64 { return p.frameID }

// meet marks a frame that has come, if somebody follows it or looks for it.
func (p *Port) meet(f *skb.Frame) {
	switch {
	case p.sought != nil:
		f.ID |= skb.Sought
	case f.ID == p.watch:
		p.met = &Met{Frame: *f}
		f.ID |= skb.Chosen
	}
}

// missed notes that a frame has ended before the stack saw it.
func (p *Port) missed(f *skb.Frame, r skb.DropReason, t engine.Time) {
	switch {
	case f.ID&skb.Sought != 0 && p.sought != nil:
		p.sought(f.ID, r, t)
	case f.ID&skb.Chosen != 0 && p.met.Lost == skb.NotDropped:
		p.met.Lost, p.met.LostAt = r, t
	}
}

// Where says where the frame that somebody follows is, if the port has it: in
// the FIFO, or in a ring.
func (p *Port) Where() string {
	for i := range p.fifo.len() {
		if p.fifo.at(i).frame.ID&skb.Chosen != 0 {
			return "the FIFO"
		}
	}
	for _, q := range p.queues {
		for i := q.head; i != q.tail; i++ {
			if q.slots[i&q.mask].frame.ID&skb.Chosen != 0 {
				return "the ring of " + q.vector.Name()
			}
		}
	}
	return ""
}

// Hash returns the hash that the descriptor of a flow's frames has, and whether it is one over ports (RX-30, RX-31).
func (p *Port) Hash(h *skb.Header) (hash uint32, ports bool) {
	return p.hw.Hash(p.rssKey, h, p.cfg.UDPPortHash), p.cfg.UDPPortHash && h.Proto == skb.ProtoUDP && !h.Fragment()
}

// RXHash returns the hash that the driver gives the packets of a flow, 0 with the
// feature receive-hashing off.
func (p *Port) RXHash(h *skb.Header) uint32 {
	if p.cfg.NoRXHash {
		return 0
	}
	return p.hw.Hash(p.rssKey, h, p.cfg.UDPPortHash)
}
