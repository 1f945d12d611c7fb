package traffic

import (
	"math"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// frameWork is what a rate of one thousandth of a frame per second takes to
// send a frame, in picoseconds.
const frameWork = 1_000_000_000_000_000

// A clock gives the instants at which a source sends, in order.
type clock interface {
	// take sets At of frames and returns how many; fewer than len(frames) means
	// that the source has ended.
	take(frames []skb.Frame) int

	// Next and Skip are those of skb.RegularSource.
	Next() engine.Time
	Skip(t engine.Time) (n uint64, first engine.Time, sum uint64)
}

// limit returns the number of frames that a count stands for.
func limit(count uint64) uint64 {
	if count == 0 {
		return math.MaxUint64
	}
	return count
}

// A constant clock sends frame n at start + floor(n·work/rate).
type constant struct {
	start      engine.Time
	work, rate uint64 // the gap is their quotient, in lowest terms
	gap, part  uint64 // the gap's whole part, and the rest in rate-ths
	last       uint64 // the last frame's number

	n  uint64      // frames sent
	at engine.Time // when frame n was sent
	in uint64      // and by how much that was rounded down, in rate-ths
}

func newConstant(milliPPS uint64, start, end engine.Time, count uint64) *constant {
	g := gcd(frameWork, milliPPS)
	c := &constant{start: start, at: start, work: frameWork / g, rate: milliPPS / g, last: limit(count)}
	c.gap, c.part = c.work/c.rate, c.work%c.rate
	c.last = c.upTo(end)
	return c
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// upTo returns the number of the last frame that is sent at t or before: frame
// n is if n·work < (t-start+1)·rate.
func (c *constant) upTo(t engine.Time) uint64 {
	if t < c.start {
		return 0
	}
	t = min(t, engine.MaxTime)
	n, _ := times(uint64(t-c.start)+1, c.rate).minus(wide{0, 1}).over(c.work)
	return min(n, c.last)
}

// Next implements skb.RegularSource.
func (c *constant) Next() engine.Time {
	if c.n == c.last {
		return engine.Never
	}
	at, _ := c.following()
	return at
}

// following returns when the frame after frame n is sent, and its in.
func (c *constant) following() (engine.Time, uint64) {
	at, in := c.at+engine.Time(c.gap), c.in+c.part
	if in >= c.rate {
		return at + 1, in - c.rate
	}
	return at, in
}

// take implements clock.
func (c *constant) take(frames []skb.Frame) int {
	n := int(min(uint64(len(frames)), c.last-c.n))
	for i := range frames[:n] {
		c.at, c.in = c.following()
		frames[i].At = c.at
	}
	c.n += uint64(n)
	return n
}

// Skip implements skb.RegularSource, by division.
func (c *constant) Skip(t engine.Time) (n uint64, first engine.Time, sum uint64) {
	last := c.upTo(t)
	if last <= c.n {
		return 0, 0, 0
	}
	n = last - c.n
	first, in := c.following()
	sum = n*uint64(first) + triangle(n)*c.gap + floorSum(n, c.rate, c.part, in)

	at, in := times(last, c.work).over(c.rate)
	c.n, c.at, c.in = last, c.start+engine.Time(at), in
	return n, first, sum
}
