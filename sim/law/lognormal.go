package law

import (
	"math/big"
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
)

// Lognormal returns the law whose logarithm is normal, with that mean and 99th
// percentile, 1 <= mean <= p99 <= 14.97·mean: no lognormal law has its 99th
// percentile further out. Of the two laws that fit it is the narrower. The mean
// is at most 2^56; draws end where 5·10^-13 of them would be, on either side.
func Lognormal(mean, p99 int64) (Law, error) {
	if err := cfgerr.Range("mean", mean, 1, 1<<56); err != nil {
		return Law{}, err
	}
	const want = "the mean to 14.97 times the mean"
	if p99 < mean {
		return Law{}, cfgerr.Check(false, "p99", p99, want)
	}
	// ln p99/mean = z·sigma - sigma²/2 with z the 99th percentile of the normal
	// law, so sigma = z - sqrt(z² - 2 ln p99/mean).
	z := new(big.Int).Lsh(big.NewInt(normal99), setupBits-60)
	square := new(big.Int).Mul(z, z)
	square.Sub(square, new(big.Int).Lsh(lnRatio(p99, mean), setupBits+1))
	if square.Sign() < 0 {
		return Law{}, cfgerr.Check(false, "p99", p99, want)
	}
	sigma := z.Sub(z, square.Sqrt(square))
	drop := new(big.Int).Mul(sigma, sigma)
	drop.Rsh(drop, setupBits+1)
	return Law{
		kind: KindLognormal, a: mean, b: p99,
		x: fixed(perLn2(sigma), 62), y: fixed(perLn2(drop), exp2Bits),
	}, nil
}

// lognormal returns mean·2^(x·N - y), N the normal number that u stands for.
func (l *Law) lognormal(u uint64) int64 {
	n, _ := bits.Mul64(normal(u), l.x) // 56 + 62 bits, less 64
	minus := -int64(u & 1)             // no branch that could be mispredicted
	return timesExp2(uint64(l.a), (int64(n)^minus)-minus-int64(l.y))
}

// What u must be for the ends of the law.
const (
	lognormalLowest  = 1
	lognormalHighest = 0
)

const normalOctaves = 40

// normal returns the distance from 0 of the normal number that a uniform u
// stands for, in units of 2^-56. The lowest bit of u, which is left for the
// sign, matters as little to the distance as any can. Every leading zero of u
// leads an octave further out, the next six bits to a cell of the octave.
func normal(u uint64) uint64 {
	u = max(u, 1<<(64-normalOctaves))
	octave := bits.LeadingZeros64(u)
	u <<= octave & 63
	cell := (normalOctaves-1-octave)*64 + int(u>>57&63)
	from := uint64(normalTable[cell]) << 28
	down, _ := bits.Mul64(u<<7, from-uint64(normalTable[cell+1])<<28)
	return from - down
}
