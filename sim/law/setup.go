package law

import "math/big"

// Constructors calculate with whole multiples of 2^-setupBits: exact on every
// machine, slow, and used once for a law.
const setupBits = 128

// lnRatio returns ln(a/b), a >= b > 0.
func lnRatio(a, b int64) *big.Int {
	ratio := new(big.Int).Lsh(big.NewInt(a), setupBits)
	ratio.Quo(ratio, big.NewInt(b))
	octaves := ratio.BitLen() - 1 - setupBits
	sum := lnOctave(ratio.Rsh(ratio, uint(octaves)))
	return sum.Add(sum, new(big.Int).Mul(big.NewInt(int64(octaves)), lnOctave(two())))
}

// lnOctave returns ln x, 1 <= x <= 2, as 2·(t + t³/3 + t⁵/5 + ...) with
// t = (x-1)/(x+1).
func lnOctave(x *big.Int) *big.Int {
	one := new(big.Int).Lsh(big.NewInt(1), setupBits)
	power := new(big.Int).Lsh(new(big.Int).Sub(x, one), setupBits)
	power.Quo(power, new(big.Int).Add(x, one))
	square := product(power, power)
	sum := new(big.Int)
	for k := int64(1); power.Sign() != 0; k += 2 {
		sum.Add(sum, new(big.Int).Quo(power, big.NewInt(k)))
		power = product(power, square)
	}
	return sum.Lsh(sum, 1)
}

func two() *big.Int { return new(big.Int).Lsh(big.NewInt(2), setupBits) }

// product returns x·y.
func product(x, y *big.Int) *big.Int {
	p := new(big.Int).Mul(x, y)
	return p.Rsh(p, setupBits)
}

// perLn2 returns x/ln 2.
func perLn2(x *big.Int) *big.Int {
	q := new(big.Int).Lsh(x, setupBits)
	return q.Quo(q, lnOctave(two()))
}

// fixed returns x >= 0 in units of 2^-bits.
func fixed(x *big.Int, bits uint) uint64 {
	return new(big.Int).Rsh(x, setupBits-bits).Uint64()
}
