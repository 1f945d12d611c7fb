package law

import (
	"math/big"
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
)

// Pareto returns the law of min·U^(-1/alpha), U uniform: half as many draws
// beyond 2^(1/alpha) times the value. min is 1 to Limit; alphaMilli, the tail
// index in thousandths, 1001 to 100000, so that there is a mean; a draw beyond
// limit gives limit, and 0 stands for Limit. Values are rounded to whole
// numbers: a min below ten or so shows it.
func Pareto(min, alphaMilli, limit int64) (Law, error) {
	if limit == 0 {
		limit = Limit
	}
	if err := cfgerr.Range("min", min, 1, Limit); err != nil {
		return Law{}, err
	}
	if err := cfgerr.Range("alpha", alphaMilli, 1001, 100_000); err != nil {
		return Law{}, err
	}
	if err := cfgerr.Range("cap", limit, min, Limit); err != nil {
		return Law{}, err
	}
	// x is 1/(alpha·ln 2) in units of 2^-63, y the mean.
	x := new(big.Int).Lsh(big.NewInt(1000), setupBits)
	x.Quo(x, big.NewInt(alphaMilli))
	return Law{
		kind: KindPareto, a: min, b: alphaMilli, c: limit,
		x: fixed(perLn2(x), 63), y: paretoMean(min, alphaMilli, limit),
	}, nil
}

// pareto returns min·e^(E/alpha).
func (l *Law) pareto(e uint64) int64 {
	z, _ := bits.Mul64(e, l.x) // 58 + 63 bits, less 64
	return min(timesExp2(uint64(l.a), int64(z>>(unitBits-1-exp2Bits))), l.c)
}

// paretoMean is min + min/(alpha-1)·(1 - (min/limit)^(alpha-1)), rounded down.
func paretoMean(min, alphaMilli, limit int64) uint64 {
	z := lnRatio(limit, min)
	z.Mul(z, big.NewInt(alphaMilli-1000)).Quo(z, big.NewInt(1000))
	sum := big.NewInt(min)
	if z = perLn2(z); z.BitLen() <= setupBits+6 { // else the power is 0 to us
		sum.Sub(sum, big.NewInt(timesExp2(uint64(min), -int64(fixed(z, exp2Bits)))))
	}
	sum.Mul(sum, big.NewInt(1000)).Quo(sum, big.NewInt(alphaMilli-1000))
	sum.Add(sum, big.NewInt(min))
	if most := big.NewInt(limit); sum.Cmp(most) > 0 {
		sum = most
	}
	return sum.Uint64()
}
