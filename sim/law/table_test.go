package law

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// Each test here goes through all cells of a table, at places between the
// knots, and compares with the function of package math.

// inOctave calls f with numbers spread over every octave down to the lowest.
func inOctave(octaves int, f func(u uint64)) {
	for o := range octaves {
		for i := range uint64(1000) {
			u := 1<<63 | i*(1<<63/1000) | i*0x9e3779b97f4a7c15>>20
			f(u >> o)
		}
	}
}

func TestNegLogIsTheLogarithm(t *testing.T) {
	inOctave(tailOctaves, func(u uint64) {
		want := -math.Log(float64(u) / (1 << 64))
		got := float64(negLog(u)) / Unit
		require.InDelta(t, want, got, 2e-6, "u = %#x", u)
	})
	require.Zero(t, negLog(math.MaxUint64)>>20, "the smallest draw is next to 0")
}

func TestNegLogFallsWithoutAJump(t *testing.T) {
	for c := range uint64(256) {
		for o := range 16 {
			u := (1<<63 | c<<55) >> o
			require.Less(t, negLog(u)-negLog(u+1), uint64(1<<18), "at knot %d of octave %d", c, o)
		}
	}
}

func TestTheExponentialTailIsTheSameLawFurtherOut(t *testing.T) {
	// A table of 16 octaves ends at 16 ln 2; what is drawn beyond has its mean there.
	s := engine.NewStream(1, "tail")
	const n = 200_000
	var sum float64
	for range n {
		e := float64(exponentialTail(&s)) / Unit
		require.GreaterOrEqual(t, e, 16*math.Ln2)
		sum += e - 16*math.Ln2
	}
	require.InDelta(t, 1, sum/n, 4/math.Sqrt(n))
}

// The dumb way: as long as a number is too small for the table, there are 16
// octaves more.
func TestTheExponentialDrawsAgainAsOftenAsItTakes(t *testing.T) {
	s := engine.NewStream(1, "again")
	twice := 0
	for range 300_000 {
		copied := s
		want, u := 16*math.Ln2, copied.Uint64()
		for ; u < 1<<48; u = copied.Uint64() {
			want += 16 * math.Ln2
			twice++
		}
		want -= math.Log(float64(u) / (1 << 64))
		require.InDelta(t, want, float64(exponentialTail(&s))/Unit, 2e-6)
		require.Equal(t, copied, s)
	}
	require.Positive(t, twice)
}

func TestNormalQuantiles(t *testing.T) {
	inOctave(normalOctaves, func(u uint64) {
		z := float64(normal(u)) / (1 << 56)
		p, want := math.Erfc(z/math.Sqrt2)/2, float64(u)/(1<<65)
		// A step in z of d multiplies the tail by 1 - d·hazard, and the hazard is less than z+1.
		require.InDelta(t, 1, p/want, 5e-5*(z+1), "u = %#x, z = %v", u, z)
	})
	require.Equal(t, normal(1<<24), normal(0), "beyond the last octave there is nothing")
}

func TestTimesExp2(t *testing.T) {
	for _, v := range []uint64{1, 2, 3, 1000, 123_456_789, 1 << 40, 1 << 56, uint64(Limit)} {
		for z := -80.0; z < 70; z += 0.01713 {
			want := math.Min(float64(v)*math.Exp2(z), float64(Limit))
			got := float64(timesExp2(v, int64(z*(1<<exp2Bits))))
			require.InDelta(t, want, got, 0.5+2e-6*want, "%d * 2^%v", v, z)
		}
	}
	require.Equal(t, int64(12345), timesExp2(12345, 0), "2^0 is exactly 1")
	require.Equal(t, int64(12345*8), timesExp2(12345, 3<<exp2Bits))
	require.Equal(t, int64(1), timesExp2(1, -1<<exp2Bits), "a half is rounded up")
	require.Equal(t, Limit, timesExp2(1, 62<<exp2Bits))
	require.Equal(t, Limit, timesExp2(uint64(Limit), 100<<exp2Bits))
	require.Equal(t, Limit, timesExp2(uint64(Limit), 0))
	require.Equal(t, int64(1), timesExp2(uint64(Limit), -62<<exp2Bits))
	require.Equal(t, int64(0), timesExp2(uint64(Limit), -64<<exp2Bits))
	require.Equal(t, int64(0), timesExp2(uint64(Limit), math.MinInt64))
}

func TestLogarithmsOfConstructors(t *testing.T) {
	for _, c := range [][2]int64{{1, 1}, {2, 1}, {3, 2}, {1497, 100}, {1 << 40, 1<<40 - 1}, {Limit, 1}, {Limit, Limit - 1}} {
		got, _ := new(big.Float).SetMantExp(new(big.Float).SetInt(lnRatio(c[0], c[1])), -setupBits).Float64()
		want := math.Log1p(float64(c[0]-c[1]) / float64(c[1]))
		require.InDelta(t, want, got, 1e-15*want, "ln(%d/%d)", c[0], c[1])
	}
}

// The mean of a lognormal law over every number that can be drawn, not over a
// sample: the sum over the cells of its table.
func TestLognormalHasTheMeanAndThePercentileAskedFor(t *testing.T) {
	for _, c := range []struct{ mean, p99 int64 }{
		{2_000_000, 2_000_001}, {2_000_000, 2_200_000}, {2_000_000, 9_000_000}, {1_000_000, 10_000_000}, {1_000_000, 14_900_000},
	} {
		l := Must(Lognormal(c.mean, c.p99))
		var mean float64
		width := math.Ldexp(1, -normalOctaves)
		for o := normalOctaves - 1; o >= 0; o-- {
			const steps = 20_000
			for i := range uint64(steps) {
				u := (1<<63 + i*(1<<63/steps)) >> o &^ 1
				mean += float64(l.lognormal(u)+l.lognormal(u|1)) * math.Ldexp(1, -o-2) / steps
			}
		}
		mean += width * float64(l.Min()+l.Max()) / 2
		require.InEpsilon(t, c.mean, mean, 3e-4, "mean of %v", l)
		// The upper 100th is the lower 50th of the upper half.
		p99 := l.lognormal(math.MaxUint64 / 50 &^ 1)
		require.InEpsilon(t, c.p99, p99, 2e-4, "99th percentile of %v", l)
	}
}
