package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A Tap is a packet socket for all protocols, as tcpdump opens one. Its reader
// takes a fixed time for a packet, on a CPU of its own: the time that it takes
// from other tasks is not modelled.
type Tap struct {
	layer     *Layer
	rcvbuf    int
	perPacket engine.Time

	rmem   int
	queue  []tapEntry
	head   int
	freeAt engine.Time // the reader is busy until then

	// Packets and Drops are tp_packets and tp_drops (CORE-31).
	Packets, Drops uint64
}

type tapEntry struct {
	at       engine.Time
	truesize int
}

// AddTap binds a packet socket to the device. New ones run first (CORE-30).
func (d *Device) AddTap(rcvbuf int, perPacket engine.Time) *Tap {
	t := &Tap{layer: d.layer, rcvbuf: rcvbuf, perPacket: perPacket}
	d.taps = append([]*Tap{t}, d.taps...)
	return t
}

// Taps returns the device's packet sockets.
func (d *Device) Taps() []*Tap { return d.taps }

// receive models packet_rcv (CORE-31): full is tested before the packet is
// added, so the last one may exceed the limit (CORE-32).
func (t *Tap) receive(c *cpu.Core, b *skb.Buff) {
	l := t.layer
	t.settle(c.Now())
	l.Ledger.Clone()
	if t.rmem >= t.rcvbuf {
		t.Drops++
		l.Ledger.Drop(skb.TapFull)
	} else {
		t.Packets++
		t.rmem += int(b.Truesize)
		t.queue = append(t.queue, tapEntry{c.Now(), int(b.Truesize)})
		l.Ledger.Put()
	}
	c.Spend(t.cost(l.Costs, b))
}

func (t *Tap) cost(k *kernel.Costs, b *skb.Buff) engine.Time { return k.Tap.For(b.Len) }

// settle lets the reader take what it has taken by now.
func (t *Tap) settle(now engine.Time) {
	if t.perPacket == 0 {
		return
	}
	for t.head < len(t.queue) {
		e := t.queue[t.head]
		done := max(e.at, t.freeAt) + t.perPacket
		if done > now {
			break
		}
		t.freeAt = done
		t.rmem -= e.truesize
		t.head++
		t.layer.Ledger.Take()
		t.layer.Ledger.Consume()
	}
	if t.head > 64 && t.head*2 > len(t.queue) {
		t.queue = t.queue[:copy(t.queue, t.queue[t.head:])]
		t.head = 0
	}
}

// Settle brings the tap's reader to t.
func (t *Tap) Settle(now engine.Time) { t.settle(now) }

// Live returns how many packets the tap holds.
func (t *Tap) Live() uint64 { return uint64(len(t.queue) - t.head) }
