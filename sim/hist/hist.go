// Package hist is a sparse log-linear histogram of times: 32 buckets an octave
// (each at most 3.2 % wide), octaves allocated when first used, whole numbers
// only. Its zero value is ready.
package hist

import (
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/engine"
)

const (
	subBits = 5
	sub     = 1 << subBits
	octaves = 64 // 59 are used; of 64 an index needs no check
)

// A Hist counts times. Times below zero count as zero.
type Hist struct {
	oct [octaves]*[sub]uint64
	// N is the number of times, Sum their sum in picoseconds, Max the largest.
	N   uint64
	Sum uint64
	Max engine.Time
}

// Record counts d.
func (h *Hist) Record(d engine.Time) {
	v := uint64(max(d, 0))
	h.N++
	h.Sum += v
	h.Max = max(h.Max, engine.Time(v))
	// The first two octaves count 0..31 and 32..63 exactly, octave o the values
	// with 5+o bits in steps of 2^(o-1): shift is 0 for the first two, then o-1.
	shift := uint(bits.Len64(v|(2*sub-1))) - subBits - 1
	top := v >> (shift % 64)
	p := h.oct[(shift+uint(top>>subBits))%octaves]
	if p == nil {
		p = h.allocate((shift + uint(top>>subBits)) % octaves)
	}
	p[top%sub]++
}

//go:noinline
func (h *Hist) allocate(o uint) *[sub]uint64 {
	h.oct[o] = new([sub]uint64)
	return h.oct[o]
}

// low returns the smallest value of a bucket.
func low(oct, s uint) uint64 {
	if oct == 0 {
		return uint64(s)
	}
	return uint64(sub+s) << (oct - 1)
}

// Mean returns the mean, rounded down; 0 of nothing.
func (h *Hist) Mean() engine.Time {
	if h.N == 0 {
		return 0
	}
	return engine.Time(h.Sum / h.N)
}

// Quantile returns a time such that at least ppm of a million recorded times
// are not longer: the upper end of the bucket in which that time lies, and
// never more than Max. 0 of nothing.
func (h *Hist) Quantile(ppm uint64) engine.Time {
	if h.N == 0 {
		return 0
	}
	ppm = min(ppm, 1_000_000)
	hi, lo := bits.Mul64(h.N, ppm)
	want, rem := bits.Div64(hi, lo, 1_000_000)
	if rem > 0 || want == 0 {
		want++
	}
	var seen uint64
	var at engine.Time
	h.Each(func(_, last engine.Time, n uint64) bool {
		seen += n
		at = last
		return seen < want
	})
	return min(at, h.Max)
}

// Each calls yield for every bucket that counted something, in order, with its
// first and last time, until yield returns false.
func (h *Hist) Each(yield func(first, last engine.Time, n uint64) bool) {
	for o, p := range h.oct {
		if p == nil {
			continue
		}
		for s, n := range p {
			if n == 0 {
				continue
			}
			first := low(uint(o), uint(s))
			next := first + 1
			if o > 0 {
				next = first + 1<<(o-1)
			}
			if !yield(engine.Time(first), engine.Time(next-1), n) {
				return
			}
		}
	}
}

// Add counts everything that o counted.
func (h *Hist) Add(o *Hist) {
	for i, p := range o.oct {
		if p == nil {
			continue
		}
		if h.oct[i] == nil {
			h.oct[i] = new([sub]uint64)
		}
		for s, n := range p {
			h.oct[i][s] += n
		}
	}
	h.N += o.N
	h.Sum += o.Sum
	h.Max = max(h.Max, o.Max)
}

// Clone returns a copy that shares nothing.
func (h *Hist) Clone() Hist {
	var c Hist
	c.Add(h)
	return c
}

// Checksum mixes all counts, for digests.
func (h *Hist) Checksum() uint64 {
	var d engine.Digest
	d.Fold(engine.Time(h.N), h.Sum)
	h.Each(func(first, _ engine.Time, n uint64) bool {
		d.Fold(first, n)
		return true
	})
	return d.Sum()
}

// Since returns what was counted since before, an earlier copy. Its Max is the
// largest time if that came since, else the upper end of its bucket.
func (h *Hist) Since(before *Hist) Hist {
	out := h.Clone()
	out.N -= before.N
	out.Sum -= before.Sum
	for i, p := range before.oct {
		if p == nil {
			continue
		}
		for s, n := range p {
			out.oct[i][s] -= n
		}
	}
	if h.Max == before.Max {
		var last engine.Time
		out.Each(func(_, end engine.Time, _ uint64) bool { last = end; return true })
		out.Max = min(last, h.Max)
	}
	return out
}
