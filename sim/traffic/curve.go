package traffic

import (
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
)

// Work is the integral of the rate: how many frames have become due. Its unit
// is half of a thousandth of a frame per second times a picosecond, which
// makes the work of every ramp a whole number; a frame is 2·frameWork.

// A segment is a piece of a rate's curve: the rate moves evenly from a to b.
type segment struct {
	from, length engine.Time
	a, b         uint64 // in thousandths of a frame per second
}

// total returns the work of the whole segment.
func (s *segment) total() wide { return times(s.a+s.b, uint64(s.length)) }

// work returns the work of the first t of the segment, rounded up:
// 2·a·t + (b-a)·t²/length. t is at most length, which is not 0 if a is not b.
func (s *segment) work(t engine.Time) wide {
	w := times(2*s.a, uint64(t))
	switch {
	case s.a < s.b:
		bend, rest := s.bend(s.b-s.a, t)
		if rest {
			bend = bend.plus(wide{0, 1})
		}
		w = w.plus(bend)
	case s.a > s.b:
		bend, _ := s.bend(s.a-s.b, t)
		w = w.minus(bend)
	}
	return w
}

// bend returns slope·t²/length, rounded down, and whether there is a rest.
func (s *segment) bend(slope uint64, t engine.Time) (wide, bool) {
	q, r := times(uint64(t), uint64(t)).over(uint64(s.length))
	more, rest := times(slope, r).over(uint64(s.length))
	return times(slope, q).plus(wide{0, more}), rest != 0
}

// speed returns the work per picosecond t after the beginning, rounded down.
func (s *segment) speed(t engine.Time) uint64 {
	if s.a < s.b {
		more, _ := times(2*(s.b-s.a), uint64(t)).over(uint64(s.length))
		return 2*s.a + more
	}
	less, rest := times(2*(s.a-s.b), uint64(t)).over(uint64(s.length))
	if rest != 0 {
		less++
	}
	return 2*s.a - less
}

// when returns the instant at which the work is done, rounded down, as a time
// since the beginning of the segment: the last t with work(t) <= w. w is at most
// total, and not done before known.
func (s *segment) when(w wide, known engine.Time) engine.Time {
	if w == (wide{}) {
		return 0
	}
	if s.a == s.b {
		t, _ := w.over(2 * s.a)
		return engine.Time(t)
	}
	if !w.less(s.total()) {
		return s.length
	}
	return s.solve(w, known)
}

// solve finds when by Newton's method, kept between low and high: work(low) <=
// w < work(high).
func (s *segment) solve(w wide, low engine.Time) engine.Time {
	high, t := s.length, low
	for {
		var next engine.Time
		if done := s.work(t); w.less(done) {
			high, next = t, t-s.step(done.minus(w), t)
		} else {
			low, next = t, t+s.step(w.minus(done), t)
		}
		if high-low == 1 {
			return low
		}
		if next <= low || next >= high {
			next = low + (high-low)/2
		}
		t = next
	}
}

// step returns how long the work takes at the speed at t, at least 1 and at
// most the length of the segment.
func (s *segment) step(w wide, t engine.Time) engine.Time {
	speed := s.speed(t)
	if !w.less(times(speed, uint64(s.length))) {
		return s.length
	}
	n, _ := w.over(speed)
	return max(engine.Time(n), 1)
}

// A curve gives the segments of a rate one after the other. The last one ends
// at tooLate.
type curve interface {
	next() segment
}

// A profile is the curve of a Config: corners that the user has set.
type profile struct{ segments []segment }

// next implements curve.
func (p *profile) next() segment {
	s := p.segments[0]
	p.segments = p.segments[1:]
	return s
}

// newProfile returns the rate from time 0 on.
func newProfile(c *Config) *profile {
	p := &profile{}
	at, rate := engine.Time(0), c.MilliPPS
	for _, q := range c.Profile {
		s := segment{at, q.At - at, rate, q.MilliPPS}
		if q.Step {
			s.b = rate
		}
		if s.length > 0 {
			p.segments = append(p.segments, s)
		}
		at, rate = q.At, q.MilliPPS
	}
	p.segments = append(p.segments, segment{at, tooLate - at, rate, rate})
	return p
}

// states is the curve of MMPP: two rates in turns, each for an exponential time.
type states struct {
	stream engine.Stream
	at     engine.Time
	state  int // the one to come: 0 low, 1 high
	rates  [2]uint64
	stay   [2]law.Law
}

// newStates returns the curve of a valid configuration. It begins in either
// state with the probability that it has at any time.
func newStates(c *Config, s engine.Stream) *states {
	a := &c.Arrivals
	x := &states{
		stream: s, at: c.Start,
		rates: [2]uint64{lowRate(c.MilliPPS, a), a.BurstMilliPPS},
		stay:  [2]law.Law{law.Must(law.Exponential(int64(a.Low))), law.Must(law.Exponential(int64(a.High)))},
	}
	if x.stream.Below(uint64(a.High+a.Low)) < uint64(a.High) {
		x.state = 1
	}
	return x
}

// lowRate returns the rate in the low state that makes the mean rate right, 0
// if it takes less.
func lowRate(milliPPS uint64, a *Arrivals) uint64 {
	all, high := times(milliPPS, uint64(a.High+a.Low)), times(a.BurstMilliPPS, uint64(a.High))
	if all.less(high) {
		return 0
	}
	left := all.minus(high)
	rate, _ := left.plus(wide{0, uint64(a.Low) / 2}).over(uint64(a.Low))
	return rate
}

// next implements curve.
func (x *states) next() segment {
	from, rate := x.at, x.rates[x.state]
	stay := engine.Time(x.stay[x.state].Draw(&x.stream))
	x.at = min(x.at+stay, tooLate)
	x.state = 1 - x.state
	return segment{from, x.at - from, rate, rate}
}
