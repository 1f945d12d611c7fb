package main

import "math/big"

// precision is in bits: far more than any table keeps.
const precision = 192

// tiny ends a series.
var tiny = new(big.Float).SetMantExp(num(1), -precision)

var ln2 = mul(num(2), artanh(quo(num(1), num(3))))

// halfPi is from Machin's formula.
var halfPi = func() *big.Float {
	a, b := arctanInverse(5), arctanInverse(239)
	return sub(mul(num(8), a), mul(num(2), b))
}()

func num(v int64) *big.Float         { return new(big.Float).SetPrec(precision).SetInt64(v) }
func add(a, b *big.Float) *big.Float { return new(big.Float).SetPrec(precision).Add(a, b) }
func sub(a, b *big.Float) *big.Float { return new(big.Float).SetPrec(precision).Sub(a, b) }
func mul(a, b *big.Float) *big.Float { return new(big.Float).SetPrec(precision).Mul(a, b) }
func quo(a, b *big.Float) *big.Float { return new(big.Float).SetPrec(precision).Quo(a, b) }
func neg(a *big.Float) *big.Float    { return new(big.Float).Neg(a) }

func negligible(x *big.Float) bool { return new(big.Float).Abs(x).Cmp(tiny) < 0 }

// artanh sums x + x^3/3 + x^5/5 + ..., |x| <= 1/2.
func artanh(x *big.Float) *big.Float {
	sum, power, square := num(0), x, mul(x, x)
	for k := int64(1); !negligible(power); k += 2 {
		sum = add(sum, quo(power, num(k)))
		power = mul(power, square)
	}
	return sum
}

// arctanInverse returns arctan(1/n).
func arctanInverse(n int64) *big.Float {
	sum, power := num(0), quo(num(1), num(n))
	for k := int64(1); !negligible(power); k += 2 {
		term := quo(power, num(k))
		if k%4 == 3 {
			term = neg(term)
		}
		sum = add(sum, term)
		power = quo(power, num(n*n))
	}
	return sum
}

// ln returns the natural logarithm of x, 1/2 <= x <= 1.
func ln(x *big.Float) *big.Float {
	return mul(num(2), artanh(quo(sub(x, num(1)), add(x, num(1)))))
}

// exp returns e^x.
func exp(x *big.Float) *big.Float {
	const halvings = 16
	x = new(big.Float).SetMantExp(x, -halvings)
	sum, term := num(1), x
	for k := int64(2); !negligible(term); k++ {
		sum = add(sum, term)
		term = quo(mul(term, x), num(k))
	}
	for range halvings {
		sum = mul(sum, sum)
	}
	return sum
}

// normalDensity returns the density of the standard normal law.
func normalDensity(z *big.Float) *big.Float {
	root := new(big.Float).SetPrec(precision).Sqrt(mul(num(4), halfPi))
	return quo(exp(neg(quo(mul(z, z), num(2)))), root)
}

// normalTail returns the probability that a standard normal law exceeds z >= 0:
// 1/2 - density(z) * (z + z^3/3 + z^5/(3*5) + ...).
func normalTail(z *big.Float) *big.Float {
	sum, term, square := num(0), z, mul(z, z)
	for k := int64(3); !negligible(term); k += 2 {
		sum = add(sum, term)
		term = quo(mul(term, square), num(k))
	}
	return sub(quo(num(1), num(2)), mul(normalDensity(z), sum))
}

// normalQuantile returns the z >= 0 with normalTail(z) = p, 0 < p <= 1/2, by
// Newton's method from a point that is not far off, or from 0: the tail is
// convex, so whatever the first step does, the others approach z from below.
func normalQuantile(p, from *big.Float) *big.Float {
	enough := new(big.Float).SetMantExp(num(1), -normal99Bits-10)
	for z := from; ; {
		step := quo(sub(normalTail(z), p), normalDensity(z))
		z = add(z, step)
		if new(big.Float).Abs(step).Cmp(enough) < 0 {
			return z
		}
	}
}
