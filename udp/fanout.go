package udp

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// deliverMulticast models __udp4_lib_mcast_deliver (3.1): every socket that
// matches gets the datagram.
//
// Not modelled:
//   - The walk over a slot's chain takes no time of its own (it is part of the
//     cost clone), so a slot lock is held for as long as sockets are served
//     under it.
//   - Opening, binding and closing sockets, and reading /proc/net/udp, wait
//     for no slot lock, and nobody waits for them.
func (l *Layer) deliverMulticast(c *cpu.Core, b *skb.Buff) {
	m := l.find(b)
	c.Trace.Call("__udp4_lib_mcast_deliver")
	switch {
	case l.Profile.FanoutLockless:
		l.deliverInWalk(c, b, m.multi)
	default:
		l.deliverStack(c, b, m)
	}
}

// ignored ends a multicast datagram that no socket wants (3.1.4).
func (l *Layer) ignored(c *cpu.Core) {
	if l.Profile.IgnoredMulti {
		l.Net.UDP.IgnoredMulti++
	}
	l.drop(c, skb.IgnoredMulti)
}

// deliverStack gathers matching sockets in an array. When one more is found and
// the array is full, all in it are served, under the lock of the slot that is
// being walked; the rest is served after the walks, with no lock, and the last
// of all gets the packet itself (3.1.2 to 3.1.5).
func (l *Layer) deliverStack(c *cpu.Core, b *skb.Buff, m *match) {
	stack := m.multi
	for _, s := range m.scans {
		l.lock(c, s.slot)
		since := c.Now()
		for s.found-(len(m.multi)-len(stack)) > l.Profile.FanoutFlush {
			l.flushStack(c, b, stack[:l.Profile.FanoutFlush], false)
			stack = stack[l.Profile.FanoutFlush:]
		}
		l.Stats.SlotHeld += c.Now() - since
		s.slot.lock.Unlock(c)
	}
	if len(stack) == 0 {
		l.ignored(c)
		return
	}
	l.flushStack(c, b, stack, true)
}

// lock takes a slot's lock and notes the time that it took.
func (l *Layer) lock(c *cpu.Core, s *slot) {
	since := c.Now()
	c.Trace.Call("_raw_spin_lock")
	s.lock.Lock(c)
	c.Trace.Leave("_raw_spin_lock")
	if waited := c.Now() - since; waited > 0 {
		l.Stats.SlotWaits++
		l.Stats.SlotWaited += waited
	}
}

// flushStack models flush_stack (FS-1): a clone for every socket, at the end of
// the last call the packet itself for the last one.
func (l *Layer) flushStack(c *cpu.Core, b *skb.Buff, stack []*Entry, final bool) {
	clones := &l.Stats.ClonesLocked
	if final {
		clones = &l.Stats.ClonesUnlocked
	}
	c.Trace.Enter(b, "flush_stack")
	for i, e := range stack {
		if final && i == len(stack)-1 {
			l.Stats.Originals++
			l.queue(c, e, b)
			return
		}
		l.clone(c, b, e, clones)
	}
	c.Trace.Leave("flush_stack")
}

// deliverInWalk models the fan-out of 4.7 and later: without a lock or an array,
// every match but the first gets a clone as soon as it is found, and the first
// gets the packet itself, last.
func (l *Layer) deliverInWalk(c *cpu.Core, b *skb.Buff, all []*Entry) {
	if len(all) == 0 {
		l.ignored(c)
		return
	}
	for _, e := range all[1:] {
		l.clone(c, b, e, &l.Stats.ClonesUnlocked)
	}
	l.Stats.Originals++
	l.queue(c, all[0], b)
}

// clone gives a socket a copy of its own, with what is known of the checksum so
// far (CS-2), and counts it. If there is no memory for it, this socket loses, and
// no other (FS-2, FS-4).
func (l *Layer) clone(c *cpu.Core, b *skb.Buff, e *Entry, clones *uint64) {
	if l.Config.CloneFailPPM > 0 && l.Rand.Below(1_000_000) < uint64(l.Config.CloneFailPPM) {
		l.Stats.CloneFailures++
		c.Spend(l.Costs.Clone.Fixed)
		e.Sock.CloneFailed(c)
		return
	}
	*clones++
	l.Ledger.Clone()
	c.Trace.Cloned(b)
	c.Trace.Call("skb_clone")
	c.Spend(l.Costs.Clone.Fixed)
	c.Trace.Leave("skb_clone")
	if b.FragLen != 0 {
		l.share(c, e, b)
		c.Trace.Leave("udp_queue_rcv_skb")
		return
	}
	l.queue(c, e, b) // reads b, keeps nothing of it
	c.Trace.Leave("udp_queue_rcv_skb")
}

// share queues a clone of a packet with page fragments, which nobody can condense
// while there is another one. A clone that the socket refused, or of which its
// filter made a packet of its own, is gone.
func (l *Layer) share(c *cpu.Core, e *Entry, b *skb.Buff) {
	was, outer, own := b.Cloned, b.Chain, skb.Chain{}
	truesize, length, paged, pieces, list := b.Truesize, b.FragLen, b.FragTruesize, b.NrFrags, b.FragList
	b.Cloned, b.Chain = true, &own
	l.queue(c, e, b)
	b.Cloned, b.Chain = was || own.Kept, outer
	b.Truesize, b.FragLen, b.FragTruesize, b.NrFrags, b.FragList = truesize, length, paged, pieces, list
	if own.Kept && outer != nil {
		outer.Kept = true
	}
}
