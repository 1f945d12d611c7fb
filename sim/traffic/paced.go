package traffic

import (
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
)

// A pace says how much work lies between one frame and the next.
type pace interface {
	next() uint64
}

// paced turns the work between frames into time, along the curve of a rate. A
// rate that changes thus stretches and squeezes the arrivals that a constant
// one would have: a Poisson process stays one.
type paced struct {
	pace    pace
	curve   curve
	segment segment
	total   wide        // of the segment
	done    wide        // work since the beginning of the segment, up to the last frame
	at      engine.Time // of the last frame, since the beginning of the segment
}

// newPaced returns the process from start on.
func newPaced(start engine.Time, c curve, p pace) *paced {
	x := &paced{pace: p, curve: c}
	x.enter()
	for start >= x.segment.from+x.segment.length {
		x.enter()
	}
	x.at = start - x.segment.from
	x.done = x.segment.work(x.at)
	return x
}

// enter goes to the beginning of the next segment.
func (p *paced) enter() {
	p.segment = p.curve.next()
	p.total = p.segment.total()
	p.done, p.at = wide{}, 0
}

// draw implements process.
func (p *paced) draw(at []engine.Time) {
	for i := range at {
		at[i] = p.step(p.pace.next())
	}
}

// step returns the instant at which so much more work is done.
func (p *paced) step(work uint64) engine.Time {
	p.done = p.done.plus(wide{0, work})
	for p.total.less(p.done) {
		if p.segment.from+p.segment.length >= tooLate {
			return tooLate
		}
		left := p.done.minus(p.total)
		p.enter()
		p.done = left
	}
	p.at = p.segment.when(p.done, p.at)
	return p.segment.from + p.at
}

// constantPace is the pace of equal gaps.
type constantPace struct{}

func (constantPace) next() uint64 { return 2 * frameWork }

// poissonPace is the pace of exponential gaps.
type poissonPace struct{ stream engine.Stream }

func (p *poissonPace) next() uint64 {
	hi, lo := bits.Mul64(law.UnitExponential(&p.stream), 2*frameWork)
	return hi<<6 | lo>>58 // law.Unit is 2^58
}

// jitterPace moves the frames of a constant pace by up to spread either way.
// A frame that would overtake the one before comes together with it.
type jitterPace struct {
	stream engine.Stream
	spread uint64 // at most 2·frameWork
	ahead  int64  // by how much the last frame came after its place in the constant pace
}

func (p *jitterPace) next() uint64 {
	moved := int64(p.stream.Below(2*p.spread+1)) - int64(p.spread)
	work := 2*frameWork + moved - p.ahead
	if work < 0 {
		p.ahead -= 2 * frameWork
		return 0
	}
	p.ahead = moved
	return uint64(work)
}
