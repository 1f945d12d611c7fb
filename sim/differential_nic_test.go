package sim

import (
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// device gives some interfaces what few have: long frames, memory that runs out,
// a slow bus, filters.
func (w *world) device() {
	drawn := w.rnd
	defer func() { w.rnd = drawn }()
	if w.rnd = engine.NewStream(w.seed, "device"); w.one(2) {
		return
	}
	for i := range w.cfg.NICs {
		n := &w.cfg.NICs[i]
		if w.one(3) && w.grain == 0 {
			n.MTU = 9000
			for k := range w.traffic {
				if c := &w.traffic[k]; c.To == n.Name {
					c.Size = must(law.Uniform(64, 9018))
				}
			}
		}
		n.RXAll, n.AllMulti = w.one(5), w.one(5)
		if w.one(3) {
			w.memory(&n.Memory)
		}
		if w.one(4) {
			n.PCIe.StallEvery = w.rounded(1 + w.span(engine.Millisecond))
			n.PCIe.StallFor = min(w.rounded(w.span(100*engine.Microsecond)), n.PCIe.StallEvery-1) / max(w.grain, 1) * max(w.grain, 1)
		}
		if w.one(5) && w.grain == 0 {
			n.PCIe.BitsPerSecond = 1_000_000_000 * int64(w.between(1, 8))
		}
		if w.one(3) && n.Driver == nic.DriverIxgbe {
			n.NTuple = true
			for f := range w.between(0, 3) {
				n.FlowFilters = append(n.FlowFilters, nic.FlowFilter{DstPort: uint16(port + f), Action: w.between(-1, n.Queues(w.cfg.CPUs)-1)})
			}
		}
	}
	if w.one(3) {
		w.mangle = uint64(w.between(2, 50))
	}
}

func (w *world) memory(m *nic.Memory) {
	fail := func() nic.Failures {
		f := nic.Failures{Share: uint32(w.between(1, 500_000)), From: w.span(engine.Millisecond)}
		if w.one(2) {
			f.Until = f.From + 1 + w.span(2*engine.Millisecond)
		}
		return f
	}
	m.PageHold = []engine.Time{0, engine.Never, 1 + w.span(engine.Millisecond)}[w.pick(3)]
	if w.one(3) {
		m.Reserved = uint32(w.between(1, 1_000_000))
	}
	if w.one(2) {
		m.PageFailures = fail()
	}
	if w.one(2) {
		m.SKBFailures = fail()
	}
}

// A mangled source makes every so-many-th frame one that the MAC finds something
// wrong with, or consumes.
type mangled struct {
	skb.FrameSource
	every, n uint64
	longest  uint32
	heads    map[*skb.Header]*[4]skb.Header
}

// Fill implements skb.FrameSource.
func (m *mangled) Fill(out []skb.Frame) int {
	n := m.FrameSource.Fill(out)
	for i := range out[:n] {
		if m.n++; m.n%m.every == 0 {
			m.spoil(&out[i], m.n/m.every%5)
		}
	}
	return n
}

func (m *mangled) spoil(f *skb.Frame, kind uint64) {
	h := m.heads[f.Head]
	if h == nil {
		h = &[4]skb.Header{*f.Head, *f.Head, *f.Head, *f.Head}
		h[0].Fault, h[1].Fault = skb.FaultLength, skb.FaultCRC
		h[2].EtherType, h[2].PauseTime = skb.EtherTypePause, 0xffff
		h[3].EtherType = skb.EtherTypePause
		m.heads[f.Head] = h
	}
	switch kind {
	case 0:
		f.Len = m.longest + 1
	default:
		f.Head = &h[kind-1]
		if kind == 2 {
			f.Len = 50
		}
	}
	if kind == 1 && f.Len%2 == 0 {
		f.Len, f.Head = 50, &h[0]
	}
}
