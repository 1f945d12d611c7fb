package traffic

import "math/bits"

// A wide is a whole number of 128 bits. Sums and differences must fit.
type wide struct{ hi, lo uint64 }

func times(a, b uint64) wide {
	hi, lo := bits.Mul64(a, b)
	return wide{hi, lo}
}

func (w wide) plus(x wide) wide {
	lo, carry := bits.Add64(w.lo, x.lo, 0)
	return wide{w.hi + x.hi + carry, lo}
}

func (w wide) minus(x wide) wide {
	lo, borrow := bits.Sub64(w.lo, x.lo, 0)
	return wide{w.hi - x.hi - borrow, lo}
}

func (w wide) less(x wide) bool {
	return w.hi < x.hi || w.hi == x.hi && w.lo < x.lo
}

// over returns w/d and the remainder. The quotient must fit 64 bits.
func (w wide) over(d uint64) (quotient, rest uint64) {
	return bits.Div64(w.hi, w.lo, d)
}

// triangle returns 0 + 1 + ... + (n-1) modulo 2^64.
func triangle(n uint64) uint64 {
	if n%2 == 0 {
		return n / 2 * (n - 1)
	}
	return n * ((n - 1) / 2)
}

// floorSum returns the sum of floor((a·i + b)/m) over 0 <= i < n modulo 2^64,
// where a, b < m. It counts the lattice points under a line; where there are
// more than n, it takes the line from its other side, as Euclid's algorithm
// does with remainders, so that it takes some log(min(m, n)) steps.
func floorSum(n, m, a, b uint64) uint64 {
	var sum uint64
	for {
		// Here a, b < m: the line ends at top/m, below n.
		top := times(a, n).plus(wide{0, b})
		if top.hi == 0 && top.lo < m {
			return sum
		}
		n, b = top.over(m)
		m, a = a, m
		sum += triangle(n)*(a/m) + n*(b/m)
		a, b = a%m, b%m
	}
}
