// Package hist is a log-linear histogram of times: 32 buckets an octave (each at
// most 3.2 % wide), 16 KiB when first used, whole numbers only. Its zero value is
// ready.
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
	counts *[octaves * sub]uint64 // nil before the first
	// N is the number of times, Sum their sum in picoseconds, Max the largest.
	N   uint64
	Sum uint64
	Max engine.Time
}

// Record counts d.
func (h *Hist) Record(d engine.Time) {
	h.RecordN(d, 1)
}

// RecordN counts d n times over.
func (h *Hist) RecordN(d engine.Time, n uint64) {
	v := uint64(max(d, 0))
	h.N += n
	h.Sum += v * n
	if v > uint64(h.Max) {
		h.Max = engine.Time(v)
	}
	// The first two octaves count 0..31 and 32..63 exactly, octave o the values
	// with 5+o bits in steps of 2^(o-1): shift is 0 for the first two, then o-1.
	shift := uint(bits.Len64(v|(2*sub-1))) - subBits - 1
	if h.counts == nil {
		h.counts = new([octaves * sub]uint64)
	}
	h.counts[(shift<<subBits+uint(v>>(shift%64)))%(octaves*sub)] += n
}

// low returns the smallest value of a bucket.
func low(bucket uint) uint64 {
	o, s := bucket/sub, bucket%sub
	if o == 0 {
		return uint64(s)
	}
	return uint64(sub+s) << (o - 1)
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
	if h.counts == nil {
		return
	}
	for i, n := range h.counts {
		if n == 0 {
			continue
		}
		if !yield(engine.Time(low(uint(i))), engine.Time(low(uint(i)+1)-1), n) {
			return
		}
	}
}

// Add counts everything that o counted.
func (h *Hist) Add(o *Hist) {
	if o.counts != nil {
		if h.counts == nil {
			h.counts = new([octaves * sub]uint64)
		}
		for i, n := range o.counts {
			h.counts[i] += n
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
	if before.counts != nil {
		for i, n := range before.counts {
			out.counts[i] -= n
		}
	}
	if h.Max == before.Max {
		var last engine.Time
		out.Each(func(_, end engine.Time, _ uint64) bool { last = end; return true })
		out.Max = min(last, h.Max)
	}
	return out
}
