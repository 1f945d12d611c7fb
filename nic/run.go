package nic

import "github.com/seed-556df219/rxpath/sim/engine"

// This file is the port as an actor. Under the lazy executive its only events
// are interrupts and the service task; under the naive one, every arrival,
// departure, write-back and timer.

// Next implements engine.Actor.
func (p *Port) Next() (engine.Time, engine.Class) {
	if p.naive {
		return p.nextNaive()
	}
	at := p.service
	wb := engine.Never
	for _, v := range p.vectors {
		if !v.enabled {
			continue
		}
		if !v.pending && wb == engine.Never {
			wb = p.nextWriteBack()
		}
		at = min(at, v.assertAt(wb))
	}
	return at, engine.ClassInterrupt
}

// nextWriteBack is a lower bound of when a frame that is not in a ring yet can
// have been written into one.
func (p *Port) nextWriteBack() engine.Time {
	if p.blocked {
		return engine.Never // until a core arms descriptors
	}
	t := p.departure()
	if t == engine.Never {
		if t = p.wire.at; t == engine.Never {
			return t // no more frames, or paused until a core arms descriptors
		}
		t = max(t, p.dmaFree)
	}
	return t + p.costs.PCIe.Fixed + p.costs.DMA.Fixed
}

// Run implements engine.Actor.
func (p *Port) Run(horizon engine.Key) {
	if p.naive {
		p.runNaive()
		return
	}
	t, class := p.Next()
	if !engine.MakeKey(t, class, int(p.id)).Before(horizon) {
		return // a core's look has moved the bound on since the executive asked
	}
	p.settle(t)
	if p.service <= t {
		p.serve(t)
	}
	for _, v := range p.vectors {
		if v.enabled && v.pending && v.assertAt(engine.Never) <= t {
			v.assert(t)
		}
	}
}

// Lower implements engine.Actor: Run never goes on.
func (p *Port) Lower(engine.Key) {}

// serve models ixgbe_service_task as far as it is seen: it folds the hardware's
// counters (HW-20 to HW-22) and triggers every vector (IRQ-8).
func (p *Port) serve(t engine.Time) {
	p.service += p.period()
	p.update()
	for _, v := range p.vectors {
		v.written(t)
	}
}

// nextNaive is the earliest of everything that can happen.
func (p *Port) nextNaive() (engine.Time, engine.Class) {
	at, class := p.wire.at, engine.ClassArrival
	consider := func(t engine.Time, c engine.Class) {
		if t < at || t == at && c < class {
			at, class = t, c
		}
	}
	consider(min(p.departure(), p.xoffAgain, p.firstWriteBack()), engine.ClassWriteBack)
	consider(p.service, engine.ClassInterrupt)
	for _, v := range p.vectors {
		consider(v.assertAt(engine.Never), engine.ClassInterrupt)
	}
	return at, class
}

// firstWriteBack is when the earliest descriptor under way is written back.
func (p *Port) firstWriteBack() engine.Time {
	t := engine.Never
	for _, q := range p.queues {
		if q.written != q.tail {
			t = min(t, q.writtenBack(&q.slots[q.written&q.mask], q.pieces))
		}
	}
	return t
}

// runNaive runs one event. Of several at one instant an arrival comes first,
// then the repeated XOFF, departures, write-backs, the service task, interrupts.
func (p *Port) runNaive() {
	t, class := p.nextNaive()
	switch {
	case class == engine.ClassArrival:
		p.arrive()
	case class == engine.ClassWriteBack && p.xoffAgain == t:
		p.sendXOFF(t)
	case class == engine.ClassWriteBack && p.departure() == t:
		p.depart(t)
	case class == engine.ClassWriteBack:
		p.writeBack(t)
	case p.service == t:
		p.serve(t)
	default:
		for _, v := range p.vectors {
			if v.assertAt(engine.Never) == t {
				v.assert(t)
				return
			}
		}
	}
}

// writeBack latches the cause of the descriptors written back at t.
func (p *Port) writeBack(t engine.Time) {
	for _, q := range p.queues {
		for q.written != q.tail {
			s := &q.slots[q.written&q.mask]
			if q.writtenBack(s, q.pieces) != t {
				break
			}
			if q.pieces++; q.pieces == s.desc {
				q.written++
				q.pieces = 0
			}
			q.vector.written(t)
		}
	}
}
