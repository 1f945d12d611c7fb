package nic

import (
	"errors"
	"fmt"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
)

// Memory is where the driver's buffers come from: how long packets keep half
// pages, and which allocations fail. The zero value is a machine in which every
// half page is free again when its turn comes; it costs nothing to simulate.
//
// The model does not follow a page through the stack. How long packets hold
// theirs is PageHold, the same for all.
type Memory struct {
	// PageHold is how long a packet of more than 256 bytes holds its half page, from the poll that took it to its
	// kfree_skb (RX-19); engine.Never: for ever, as in sockets that nobody reads (RX-20).
	PageHold engine.Time
	// Reserved is the share of fresh pages, in millionths, that lie on another NUMA node than the polling CPU or
	// come from the emergency reserves, and so are never used again (RX-18).
	Reserved uint32
	// PageFailures are allocations of pages that fail (RX-7), SKBFailures those of sk_buffs (RX-15).
	PageFailures, SKBFailures Failures
}

// Failures are failing allocations.
type Failures struct {
	// Share is how many fail, in millionths.
	Share uint32
	// From and Until bound the time in which they do; Until 0 is the end of the run.
	From, Until engine.Time
}

// at returns the share at t.
func (f *Failures) at(t engine.Time) uint32 {
	if t < f.From || f.Until > 0 && t >= f.Until {
		return 0
	}
	return f.Share
}

const million = 1_000_000

func (f *Failures) validate() error {
	return errors.Join(
		cfgerr.Range("share", f.Share, 0, million),
		cfgerr.Check(f.From >= 0, "from", f.From, "0 or more"),
		cfgerr.Check(f.Until == 0 || f.Until > f.From, "until", f.Until, "0, or more than from"))
}

func (m *Memory) validate() error {
	return errors.Join(
		cfgerr.Check(m.PageHold >= 0, "page_hold", m.PageHold, "0 or more"),
		cfgerr.Range("reserved_pages", m.Reserved, 0, million),
		cfgerr.Under("page_failures", m.PageFailures.validate()),
		cfgerr.Under("skb_failures", m.SKBFailures.validate()))
}

// pages are the pages of one ring. Every slot that the driver has armed has one,
// of which the hardware fills a half (RX-14).
type pages struct {
	Memory
	slot                   []page // by descriptor
	nta                    int    // next_to_alloc: where the next recycled page is parked (RX-4)
	failPage, failSKB, far engine.Stream
	// Fresh counts pages that were allocated and mapped, Recycled those that were parked again.
	fresh, recycled uint64
}

// A page is one with a half for the hardware. The zero value is none. It models
// struct ixgbe_rx_buffer.
type page struct {
	there    bool
	reserved bool
	upper    bool        // the half at offset 2048
	held     engine.Time // a packet holds the other half until then
}

// newPages returns nil if nobody can tell one page from another.
func newPages(p *Port, queue int) *pages {
	if p.cfg.Memory == (Memory{}) {
		return nil
	}
	stream := func(what string) engine.Stream {
		return engine.NewStream(p.seed, fmt.Sprintf("nic/%s/rx-%d/%s", p.name, queue, what))
	}
	return &pages{Memory: p.cfg.Memory, failPage: stream("page"), failSKB: stream("skb"), far: stream("reserved")}
}

// empty takes all pages out of the ring.
func (g *pages) empty(count int) {
	g.slot = make([]page, count)
	g.nta = 0
}

// armPages gives pages to n slots from next_to_use on, at the expense of the
// core, and returns how many got one.
func (q *Queue) armPages(c *cpu.Core, n int) int {
	n, fresh := q.provide(n, c.Now())
	c.Spend(engine.Time(fresh) * q.port.costs.Page.Fixed)
	return n
}

// provide models ixgbe_alloc_mapped_page for n slots: the first that can't get
// a page ends it (RX-7 a).
func (q *Queue) provide(n int, now engine.Time) (armed, fresh int) {
	g := q.pages
	for ; armed < n; armed++ {
		s := &g.slot[q.after(q.ntu, armed)]
		if s.there {
			continue
		}
		if g.failPage.Below(million) < uint64(g.PageFailures.at(now)) {
			q.AllocPageFailed++
			break
		}
		*s = page{there: true, reserved: g.far.Below(million) < uint64(g.Reserved)}
		fresh++
	}
	g.fresh += uint64(fresh)
	if armed > 0 {
		g.nta = q.after(q.ntu, armed)
	}
	return armed, fresh
}

// fetch takes the page of the descriptor at next_to_clean. It models
// ixgbe_fetch_rx_buffer as far as memory goes, and returns false if there is no
// sk_buff for the first piece of a frame: the slot is not consumed (RX-15).
func (q *Queue) fetch(s *slot, now engine.Time) bool {
	g := q.pages
	if q.desc == 0 && g.failSKB.Below(million) < uint64(g.SKBFailures.at(now)) {
		q.AllocBuffFailed++
		return false
	}
	pg := g.slot[q.ntc]
	g.slot[q.ntc] = page{}
	switch {
	case pg.reserved: // freed, or the packet's (RX-18)
		return true
	case !q.port.buffer.built && q.port.stripped(&s.frame) <= hdrSize: // copied: the page stays as it is (RX-16)
	case now < pg.held: // the other half is in use: the packet keeps the page (RX-19)
		return true
	default:
		pg.upper = !pg.upper
		pg.held = engine.Never
		if g.PageHold < engine.Never-now {
			pg.held = now + g.PageHold
		}
	}
	g.slot[g.nta] = pg
	g.nta = q.after(g.nta, 1)
	g.recycled++
	return true
}
