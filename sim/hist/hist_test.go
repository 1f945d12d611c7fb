package hist

import (
	"math/bits"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// values are times of every size, with the ends of buckets among them.
func values() (v []engine.Time) {
	for i := range engine.Time(130) {
		v = append(v, i)
	}
	for shift := range 57 {
		for _, m := range []engine.Time{32, 33, 47, 63} {
			v = append(v, m<<shift-1, m<<shift, m<<shift+1)
		}
	}
	slices.Sort(v)
	return slices.Compact(v)
}

func TestBucketsAreNarrowAndSideBySide(t *testing.T) {
	next := engine.Time(0)
	for _, v := range values() {
		var h Hist
		h.Record(v)
		n := 0
		h.Each(func(first, last engine.Time, count uint64) bool {
			n++
			require.True(t, first <= v && v <= last, "%d in %d..%d", v, first, last)
			require.LessOrEqual(t, last-first, first/32)
			require.Equal(t, uint64(1), count)
			require.LessOrEqual(t, first, max(next, v), "a gap before %d", first)
			next = last + 1
			return true
		})
		require.Equal(t, 1, n)
	}
}

func TestRecordN(t *testing.T) {
	var one, many Hist
	for _, v := range []engine.Time{-5, 0, 31, 32, 1000, 1 << 40} {
		for range 7 {
			one.Record(v)
		}
		many.RecordN(v, 7)
	}
	require.Equal(t, one, many)
	require.Equal(t, engine.Time(1<<40), one.Max)
	require.Equal(t, uint64(42), one.N)
	require.Equal(t, 7*uint64(31+32+1000+1<<40), one.Sum)
}

func TestQuantile(t *testing.T) {
	var h Hist
	require.Zero(t, h.Quantile(500_000))
	for v := range engine.Time(1000) {
		h.Record(v + 1)
	}
	for _, ppm := range []uint64{0, 1, 1000, 500_000, 990_000, 999_000, 1_000_000, 2_000_000} {
		want := engine.Time(max(1, min(ppm, 1_000_000)/1000))
		got := h.Quantile(ppm)
		require.GreaterOrEqual(t, got, want)
		require.LessOrEqual(t, got, want+want/32, "%d ppm", ppm)
	}
	require.Equal(t, engine.Time(500), h.Mean())
}

func TestSinceAndAdd(t *testing.T) {
	var h Hist
	h.Record(10)
	h.Record(100_000)
	before := h.Clone()
	h.Record(20)
	h.Record(30)
	since := h.Since(&before)
	require.Equal(t, uint64(2), since.N)
	require.Equal(t, uint64(50), since.Sum)
	require.Equal(t, engine.Time(30), since.Max)
	before.Add(&since)
	require.Equal(t, h.Checksum(), before.Checksum())
	require.NotEqual(t, h.Checksum(), since.Checksum())
	require.Positive(t, bits.OnesCount64(h.Checksum()))
	var none Hist
	none.Each(func(_, _ engine.Time, _ uint64) bool { t.Fatal("nothing was recorded"); return false })
	require.Zero(t, none.Clone())
}

func BenchmarkRecord(b *testing.B) {
	var h Hist
	for i := range b.N {
		h.Record(engine.Time(i) << 7 & 0xfffffff)
	}
}
