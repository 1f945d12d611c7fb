package traffic

import (
	"math/big"
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
)

// A moment is an instant with a fraction of 64 bits, so that sums of gaps do
// not drift.
type moment struct {
	ps   uint64
	frac uint64
}

// add moves m on, at most to tooLate. gap.ps is below 2^62.
func (m *moment) add(gap moment) {
	frac, carry := bits.Add64(m.frac, gap.frac, 0)
	m.ps = min(m.ps+gap.ps+carry, uint64(tooLate))
	m.frac = frac
}

// A mean is a mean time, in units of 2^-(shift+6) picoseconds, to be
// multiplied by draws of the exponential law.
type mean struct {
	m     uint64
	shift uint8 // 1 to 63
}

// Times up to longest may be means: 10 hours, just below 2^55 ps.
const longest = 36_000 * engine.Second

// newMean returns num/den picoseconds, at most longest.
func newMean(num, den *big.Int) mean {
	shift := 56 - (num.BitLen() - den.BitLen())
	shift = min(max(shift, 1), 63)
	m := new(big.Int).Lsh(num, uint(shift+6))
	return mean{m.Quo(m, den).Uint64(), uint8(shift)}
}

// times returns a draw from the exponential law with that mean; e is one from
// the law of mean 1 (law.UnitExponential).
func (m mean) times(e uint64) moment {
	hi, lo := bits.Mul64(e, m.m) // 58 + 6 + shift bits after the point
	return moment{hi >> (m.shift & 63), hi<<((64-m.shift)&63) | lo>>(m.shift&63)}
}

// poisson draws a Poisson process of constant rate.
type poisson struct {
	stream engine.Stream
	at     moment
	gap    mean
}

func newPoisson(milliPPS uint64, start engine.Time, s engine.Stream) *poisson {
	gap := newMean(big.NewInt(frameWork), new(big.Int).SetUint64(milliPPS))
	return &poisson{stream: s, at: moment{ps: uint64(start)}, gap: gap}
}

// draw implements process.
func (p *poisson) draw(at []engine.Time) {
	now := p.at
	for i := range at {
		now.add(p.gap.times(law.UnitExponential(&p.stream)))
		at[i] = engine.Time(now.ps)
	}
	p.at = now
}
