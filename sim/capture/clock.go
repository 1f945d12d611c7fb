package capture

import (
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// A wide is a number of up to 128 bits.
type wide struct{ hi, lo uint64 }

func product(a, b uint64) wide {
	hi, lo := bits.Mul64(a, b)
	return wide{hi, lo}
}

func (w wide) plus(v wide) wide {
	lo, carry := bits.Add64(w.lo, v.lo, 0)
	hi, _ := bits.Add64(w.hi, v.hi, carry)
	return wide{hi, lo}
}

func (w wide) times(m uint64) wide {
	hi, lo := bits.Mul64(w.lo, m)
	return wide{w.hi*m + hi, lo}
}

// over divides, rounding down. It returns false if the quotient needs more than 64 bits.
func (w wide) over(d uint64) (uint64, bool) {
	if w.hi >= d {
		return 0, false
	}
	q, _ := bits.Div64(w.hi, w.lo, d)
	return q, true
}

// A clock says when frames are sent, with whole numbers only.
type clock struct {
	start engine.Time
	speed uint64 // thousandths
	rate  uint64 // thousandths of a frame per second; 0: as recorded
	sent  uint64 // frames, of all passes

	pass   wide // picoseconds from the first frame to the first one of this pass, as recorded
	period wide // from one pass to the next
}

// newClock returns the clock of a capture of n frames that lasts span nanoseconds.
func newClock(o *Options, n, span uint64) clock {
	c := clock{start: o.Start, speed: o.SpeedMilli, rate: o.MilliPPS}
	if n > 1 {
		// The next pass starts one mean gap after the last frame.
		last := product(span, uint64(engine.Nanosecond))
		c.period = last.plus(meanGap(last, n-1))
	}
	return c
}

func meanGap(last wide, gaps uint64) wide {
	hi := last.hi / gaps
	lo, _ := bits.Div64(last.hi%gaps, last.lo, gaps)
	return wide{hi, lo}
}

// next returns the time of the next frame, which was recorded that many
// nanoseconds after the first one; false if no run gets there.
func (c *clock) next(recorded uint64) (engine.Time, bool) {
	c.sent++
	var q uint64
	var ok bool
	if c.rate != 0 {
		q, ok = product(c.sent, 1000*uint64(engine.Second)).over(c.rate)
	} else {
		q, ok = c.pass.plus(product(recorded, uint64(engine.Nanosecond))).times(1000).over(c.speed)
	}
	if !ok || q > uint64(engine.MaxTime-c.start) {
		return 0, false
	}
	return c.start + engine.Time(q), true
}

// again starts the next pass.
func (c *clock) again() { c.pass = c.pass.plus(c.period) }
