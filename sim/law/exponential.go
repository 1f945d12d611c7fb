package law

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
)

const (
	unitBits = 58

	// Unit is the mean of UnitExponential.
	Unit = 1 << unitBits

	// MaxMean is the largest mean of an exponential law, so that 64 means, where
	// UnitExponential ends, are within Limit. As a time it is 20 hours.
	MaxMean = 1<<56 - 1
)

// Within the first octaves of a uniform number the exponential comes from the
// table; a number below is drawn again.
const tailOctaves = 16

// UnitExponential returns a draw from the exponential law of mean 1, in units
// of 1/Unit. Its mean is 6·10^-7 too high, its quantiles are within 2·10^-6 of
// the mean, and it ends at 64 means, where 2·10^-28 of the draws would be.
func UnitExponential(s *engine.Stream) uint64 {
	u := s.Uint64()
	if u < 1<<(64-tailOctaves) {
		return exponentialTail(s)
	}
	return negLog(u)
}

// exponentialTail draws what lies beyond the first tailOctaves octaves: as
// much as they hold, and on top of it the same law again.
func exponentialTail(s *engine.Stream) uint64 {
	sum := uint64(tailOctaves * ln2)
	for {
		u := s.Uint64()
		if u >= 1<<(64-tailOctaves) {
			total, carry := bits.Add64(sum, negLog(u), 0)
			return total | -carry
		}
		var carry uint64
		if sum, carry = bits.Add64(sum, tailOctaves*ln2, 0); carry != 0 {
			return math.MaxUint64
		}
	}
}

// negLog returns -ln(u/2^64), u > 0, in units of 1/Unit. Every leading zero of
// u is worth ln 2; the rest comes from the table.
func negLog(u uint64) uint64 {
	octave := bits.LeadingZeros64(u)
	u <<= octave & 63 // which it is anyway, and the compiler now knows
	cell := u >> 55 & 0xff
	from := negLogTable[cell]
	down, _ := bits.Mul64(u<<9, from-negLogTable[cell+1])
	return uint64(octave)*ln2 + from - down
}

// Exponential returns the exponential law of that mean, 1 to MaxMean, rounded
// to whole numbers. Below a mean of ten or so the rounding shows.
func Exponential(mean int64) (Law, error) {
	if err := cfgerr.Range("mean", mean, 1, MaxMean); err != nil {
		return Law{}, err
	}
	return Law{kind: KindExponential, a: mean}, nil
}

func (l *Law) exponential(e uint64) int64 {
	hi, lo := bits.Mul64(e, uint64(l.a))
	lo, carry := bits.Add64(lo, Unit/2, 0)
	return int64((hi+carry)<<(64-unitBits) | lo>>unitBits)
}

// maxGeometric is the largest mean of a geometric law.
const maxGeometric = 1 << 40

// Geometric returns the law of the number of tries up to and with the first
// success, with that mean, 1 to 2^40: the exponential law of whole numbers.
func Geometric(mean int64) (Law, error) {
	if err := cfgerr.Range("mean", mean, 1, maxGeometric); err != nil {
		return Law{}, err
	}
	if mean == 1 {
		return Constant(1), nil
	}
	// A try fails with probability 1-1/mean, so there are floor(E/rate) failures,
	// E exponential of mean 1, rate = -ln(1-1/mean). x is 1/rate, which is less
	// than mean, in units of 2^-shift.
	shift := 64 - bits.Len64(uint64(mean))
	x := new(big.Int).Lsh(big.NewInt(1), uint(setupBits+shift))
	x.Quo(x, lnRatio(mean, mean-1))
	return Law{kind: KindGeometric, a: mean, x: x.Uint64(), shift: uint8(shift)}, nil
}

func (l *Law) geometric(e uint64) int64 {
	hi, _ := bits.Mul64(e, l.x)
	return 1 + int64(hi>>(l.shift-(64-unitBits)))
}
