package law_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
)

// draws returns n draws of l, in ascending order.
func draws(l law.Law, n int) []int64 {
	s := engine.NewStream(1, "test/"+l.String())
	out := make([]int64, n)
	for i := range out {
		out[i] = l.Draw(&s)
	}
	slices.Sort(out)
	return out
}

func meanOf(values []int64) float64 {
	var sum float64
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(len(values))
}

// ks returns the Kolmogorov-Smirnov distance of sorted values from a
// distribution function, times the root of their number: 1.95 is passed by one
// law in a thousand that is what it claims to be.
func ks(values []int64, below func(float64) float64) float64 {
	n, worst := float64(len(values)), 0.0
	for i, v := range values {
		p := below(float64(v))
		worst = max(worst, p-float64(i)/n, float64(i+1)/n-p)
	}
	return worst * math.Sqrt(n)
}

// chiSquare returns (chi² - degrees) / sqrt(2 degrees), about standard normal.
func chiSquare(counts []int, share []float64, n int) float64 {
	var sum float64
	for i, c := range counts {
		want := share[i] * float64(n)
		sum += (float64(c) - want) * (float64(c) - want) / want
	}
	free := float64(len(counts) - 1)
	return (sum - free) / math.Sqrt(2*free)
}

const many = 1_000_000

func TestExponentialIsExponential(t *testing.T) {
	const mean = 4_000_000
	got := draws(law.Must(law.Exponential(mean)), many)

	require.InEpsilon(t, mean, meanOf(got), 0.001)
	require.Less(t, ks(got, func(x float64) float64 { return -math.Expm1(-x / mean) }), 1.95)
	for _, p := range []float64{0.5, 0.9, 0.99, 0.999} {
		require.InEpsilon(t, -mean*math.Log(1-p), got[int(p*many)], 0.01, "quantile %v", p)
	}

	// A thousand cells that should be equally full.
	const cells = 1000
	counts, share := make([]int, cells), make([]float64, cells)
	for i := range share {
		share[i] = 1.0 / cells
	}
	for _, v := range got {
		counts[int(-math.Expm1(-float64(v)/mean)*cells)]++
	}
	require.InDelta(t, 0, chiSquare(counts, share, many), 3.3)
}

func TestExponentialRoundsToTheNearest(t *testing.T) {
	// The mean of an exponential law of mean m, rounded, is 1/(2 sinh(1/2m)).
	for _, mean := range []int64{1, 2, 10} {
		want := 1 / (2 * math.Sinh(1/(2*float64(mean))))
		require.InEpsilon(t, want, meanOf(draws(law.Must(law.Exponential(mean)), many)), 0.005, "mean %d", mean)
	}
}

func TestExponentialBeyondTheTable(t *testing.T) {
	// The table ends at 11.09 means: of a million draws, 15.26 should come from beyond.
	got := draws(law.Must(law.Exponential(law.MaxMean)), many)
	end := 16 * math.Ln2 * law.MaxMean
	beyond := 0
	for _, v := range got {
		if float64(v) > end {
			beyond++
		}
	}
	require.InDelta(t, 15.26, beyond, 12)
	require.LessOrEqual(t, got[many-1], law.Limit)
}

func TestUniformIsUniform(t *testing.T) {
	l := law.Must(law.Uniform(64, 1518))
	got := draws(l, many)
	require.Equal(t, []int64{l.Min(), l.Max()}, []int64{got[0], got[many-1]})
	require.Equal(t, []int64{64, 1518, 791}, []int64{l.Min(), l.Max(), l.Mean()})

	const n = 1518 - 64 + 1
	counts, share := make([]int, n), make([]float64, n)
	for i := range share {
		share[i] = 1.0 / n
	}
	for _, v := range got {
		counts[v-64]++
	}
	require.InDelta(t, 0, chiSquare(counts, share, many), 3.3)
}

func TestLognormalIsLognormal(t *testing.T) {
	const mean, p99 = 2_000_000, 9_000_000
	got := draws(law.Must(law.Lognormal(mean, p99)), many)
	require.InEpsilon(t, mean, meanOf(got), 0.005)
	require.InEpsilon(t, p99, got[many/100*99], 0.01)

	z := 2.3263478740408408
	sigma := z - math.Sqrt(z*z-2*math.Log(float64(p99)/mean))
	mu := math.Log(mean) - sigma*sigma/2
	require.Less(t, ks(got, func(x float64) float64 {
		return math.Erfc(-(math.Log(x)-mu)/(sigma*math.Sqrt2)) / 2
	}), 1.95)
}

func TestParetoIsPareto(t *testing.T) {
	const low, alpha, limit = 1_000_000, 1.5, 50_000_000
	l := law.Must(law.Pareto(low, 1000*alpha, limit))
	got := draws(l, many)
	uncapped, _ := slices.BinarySearch(got, limit)
	atLimit := math.Pow(low/float64(limit), alpha)
	require.InEpsilon(t, atLimit*many, many-uncapped, 0.1)
	require.Less(t, ks(got[:uncapped], func(x float64) float64 {
		return (1 - math.Pow(low/x, alpha)) / (1 - atLimit)
	}), 1.95)
	require.Equal(t, []int64{low, limit}, []int64{l.Min(), l.Max()})
	require.InDelta(t, low, got[0], 10)
	require.Equal(t, int64(limit), got[many-1])

	capped := low + low/(alpha-1)*(1-math.Pow(low/float64(limit), alpha-1))
	require.InEpsilon(t, capped, l.Mean(), 1e-6)
	require.InEpsilon(t, capped, meanOf(got), 0.01)
}

func TestParetoWithoutACap(t *testing.T) {
	l := law.Must(law.Pareto(1000, 2500, 0))
	require.Equal(t, int64(1666), l.Mean(), "min·alpha/(alpha-1)")
	require.Equal(t, law.Limit, l.Max())
	require.InEpsilon(t, 1666, meanOf(draws(l, many)), 0.01)
	heaviest := law.Must(law.Pareto(law.Limit, 1001, 0))
	require.Equal(t, law.Limit, heaviest.Mean())
	require.Equal(t, law.Limit, draws(heaviest, 10)[0])
}

func TestGeometricIsGeometric(t *testing.T) {
	for _, mean := range []int64{2, 3, 32} {
		l := law.Must(law.Geometric(mean))
		got := draws(l, many)
		require.InEpsilon(t, mean, meanOf(got), 0.005)

		fail := 1 - 1/float64(mean)
		cells := int(5 * mean)
		counts, share := make([]int, cells), make([]float64, cells)
		for i := range share {
			share[i] = math.Pow(fail, float64(i)) / float64(mean)
		}
		share[cells-1] *= float64(mean) // and all beyond
		for _, v := range got {
			counts[min(int(v), cells)-1]++
		}
		require.InDelta(t, 0, chiSquare(counts, share, many), 3.3, "mean %d", mean)
	}
}

func TestGeometricOfLargeMean(t *testing.T) {
	l := law.Must(law.Geometric(1 << 40))
	require.InEpsilon(t, float64(1<<40), meanOf(draws(l, many)), 0.005)
	one := law.Must(law.Geometric(1))
	require.Equal(t, []int64{1, 1, 1}, draws(one, 3))
}

func TestEmpiricalKeepsItsWeights(t *testing.T) {
	for name, c := range map[string]struct {
		values  []int64
		weights []uint64
		mean    int64
	}{
		"IMIX":             {[]int64{64, 594, 1518}, []uint64{7, 4, 1}, 361},
		"equal":            {[]int64{1, 2, 3, 4, 5}, nil, 3},
		"one in a million": {[]int64{1, 2}, []uint64{999_999, 1}, 1},
		"of weight 0":      {[]int64{9, 1, 2}, []uint64{0, 1, 1}, 1},
		"many":             {[]int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, []uint64{1, 20, 300, 4, 55, 66, 7, 8, 90, 10, 110}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			l := law.Must(law.Empirical(c.values, c.weights))
			require.Equal(t, c.mean, l.Mean())
			var total uint64
			weight := map[int64]uint64{}
			for i, v := range c.values {
				w := uint64(1)
				if c.weights != nil {
					w = c.weights[i]
				}
				weight[v] = w
				total += w
			}
			count := map[int64]int{}
			for _, v := range draws(l, many) {
				count[v]++
			}
			for v, w := range weight {
				p := float64(w) / float64(total)
				require.InDelta(t, p*many, count[v], 4*math.Sqrt(many*p*(1-p)), "value %d", v)
			}
		})
	}
}

// The probabilities of an alias table add up to the weights, whatever they are.
func TestEmpiricalIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Uint64Range(0, 1000), 1, 40).Draw(t, "weights")
		weights[0]++
		values := make([]int64, len(weights))
		for i := range values {
			values[i] = int64(i)
		}
		l := law.Must(law.Empirical(values, weights))
		got := law.Probabilities(l)
		var total float64
		for _, w := range weights {
			total += float64(w)
		}
		for i, w := range weights {
			require.InDelta(t, float64(w)/total, got[int64(i)], 1e-12, "value %d", i)
		}
	})
}

func TestEveryDrawIsWithinTheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLaw(t)
		s := engine.NewStream(rapid.Uint64().Draw(t, "seed"), "bounds")
		fixed, ok := l.Fixed()
		for range 200 {
			v := l.Draw(&s)
			require.GreaterOrEqual(t, v, l.Min(), "%v", l)
			require.LessOrEqual(t, v, l.Max(), "%v", l)
			if ok {
				require.Equal(t, fixed, v)
			}
		}
		require.GreaterOrEqual(t, l.Mean(), l.Min(), "%v", l)
		require.LessOrEqual(t, l.Mean(), l.Max(), "%v", l)
		require.True(t, l.Equal(l))
	})
}

func anyLaw(t *rapid.T) law.Law {
	value := func(name string, lo, hi int64) int64 { return rapid.Int64Range(lo, hi).Draw(t, name) }
	switch rapid.IntRange(0, 6).Draw(t, "family") {
	case 0:
		return law.Constant(value("value", 0, law.Limit))
	case 1:
		lo := value("lo", 0, law.Limit)
		return law.Must(law.Uniform(lo, value("hi", lo, law.Limit)))
	case 2:
		return law.Must(law.Exponential(value("mean", 1, law.MaxMean)))
	case 3:
		mean := value("mean", 1, 1<<56)
		return law.Must(law.Lognormal(mean, mean+mean/100*value("percent", 0, 1396)))
	case 4:
		lo := value("min", 1, law.Limit)
		return law.Must(law.Pareto(lo, value("alpha", 1001, 100_000), value("cap", lo, law.Limit)))
	case 5:
		return law.Must(law.Geometric(value("mean", 1, 1<<40)))
	default:
		return law.Must(law.Empirical(rapid.SliceOfN(rapid.Int64Range(0, law.Limit), 1, 20).Draw(t, "values"), nil))
	}
}

func TestImpossibleLawsAreRefused(t *testing.T) {
	second := func(_ law.Law, err error) error { return err }
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"uniform upside down":     {second(law.Uniform(10, 9)), "max = 9: want 10 to 4611686018427387903"},
		"uniform below 0":         {second(law.Uniform(-1, 9)), "min = -1: want 0 to 4611686018427387903"},
		"exponential of 0":        {second(law.Exponential(0)), "mean = 0: want 1 to 72057594037927935"},
		"p99 below the mean":      {second(law.Lognormal(100, 99)), "p99 = 99: want the mean to 14.97 times the mean"},
		"p99 too far out":         {second(law.Lognormal(100, 1498)), "p99 = 1498: want the mean to 14.97 times the mean"},
		"lognormal of 0":          {second(law.Lognormal(0, 0)), "mean = 0: want 1 to 72057594037927936"},
		"pareto without a mean":   {second(law.Pareto(1, 1000, 0)), "alpha = 1000: want 1001 to 100000"},
		"pareto from 0":           {second(law.Pareto(0, 1500, 0)), "min = 0: want 1 to 4611686018427387903"},
		"pareto with a low cap":   {second(law.Pareto(10, 1500, 9)), "cap = 9: want 10 to 4611686018427387903"},
		"geometric below 1":       {second(law.Geometric(0)), "mean = 0: want 1 to 1099511627776"},
		"no values":               {second(law.Empirical(nil, nil)), "values = 0: want 1 to 65536"},
		"a negative value":        {second(law.Empirical([]int64{1, -2}, nil)), "values[1] = -2: want 0 to 4611686018427387903"},
		"not a weight each":       {second(law.Empirical([]int64{1, 2}, []uint64{1})), "weights = 1: want one for each of the 2 values"},
		"no weight at all":        {second(law.Empirical([]int64{1, 2}, []uint64{0, 0})), "weights = [0 0]: want one that is more than 0"},
		"weights of 2^46 and one": {second(law.Empirical([]int64{1, 2}, []uint64{1 << 46, 1})), "weights[1] = 1: want 0 to 0"},
	} {
		t.Run(name, func(t *testing.T) {
			require.EqualError(t, c.err, c.want)
			_, ok := errors.AsType[*cfgerr.Error](c.err)
			require.True(t, ok)
		})
	}
	require.PanicsWithValue(t, "law: mean = 0: want 1 to 72057594037927935", func() { law.Must(law.Exponential(0)) })
	_, err := law.Lognormal(100, 1496)
	require.NoError(t, err)
}

func TestTheZeroLawIsTheConstantZero(t *testing.T) {
	var zero law.Law
	v, ok := zero.Fixed()
	require.True(t, ok)
	require.Zero(t, v)
	require.True(t, zero.Equal(law.Constant(0)))
}

func TestAConstantDrawsNothing(t *testing.T) {
	s := engine.NewStream(1, "constant")
	fresh := s
	l := law.Constant(7)
	require.Equal(t, int64(7), l.Draw(&s))
	require.Equal(t, fresh, s)
}

func TestEqualAndGoCmp(t *testing.T) {
	a, b := law.IMIX(), law.IMIX()
	require.True(t, a.Equal(b))
	require.Empty(t, cmp.Diff(a, b))
	require.NotEmpty(t, cmp.Diff(a, law.Constant(64)))
	require.False(t, a.Equal(law.Must(law.Empirical([]int64{64, 594, 1518}, []uint64{7, 4, 2}))))
	require.False(t, law.Must(law.Exponential(5)).Equal(law.Constant(5)))
}

func TestDrawDoesNotAllocate(t *testing.T) {
	for _, l := range []law.Law{
		law.Constant(1), law.Must(law.Uniform(0, 9)), law.Must(law.Exponential(9)), law.Must(law.Lognormal(9, 99)),
		law.Must(law.Pareto(1, 1100, 0)), law.Must(law.Geometric(3)), law.IMIX(),
	} {
		s := engine.NewStream(1, "alloc")
		require.Zero(t, testing.AllocsPerRun(1000, func() { l.Draw(&s) }), "%v", l)
	}
}

// The first draws are part of every result: they change with a "Changed
// results" entry in the changelog only.
func TestGoldenDraws(t *testing.T) {
	for _, c := range []struct {
		law  law.Law
		want [4]int64
	}{
		{law.Must(law.Uniform(0, 999_999)), [4]int64{86930, 384335, 817041, 177778}},
		{law.Must(law.Exponential(1_000_000)), [4]int64{2442649, 956240, 202066, 1727217}},
		{law.Must(law.Lognormal(1_000_000, 5_000_000)), [4]int64{2973906, 335241, 850610, 2185765}},
		{law.Must(law.Pareto(1_000_000, 1500, 0)), [4]int64{5095885, 1891734, 1144207, 3162867}},
		{law.Must(law.Geometric(1_000_000)), [4]int64{2442648, 956240, 202067, 1727217}},
		{law.IMIX(), [4]int64{64, 594, 594, 64}},
	} {
		s := engine.NewStream(1, "golden")
		var got [4]int64
		for i := range got {
			got[i] = c.law.Draw(&s)
		}
		require.Equal(t, c.want, got, "%v", c.law)
	}
}

func TestStrings(t *testing.T) {
	for want, l := range map[string]law.Law{
		"0":                              {},
		"uniform(64 to 1518)":            law.Must(law.Uniform(64, 1518)),
		"exponential(mean 2000)":         law.Must(law.Exponential(2000)),
		"lognormal(mean 2000, p99 9000)": law.Must(law.Lognormal(2000, 9000)),
		"pareto(min 1, alpha 1.05)":      law.Must(law.Pareto(1, 1050, 0)),
		"pareto(min 1, alpha 2, cap 9)":  law.Must(law.Pareto(1, 2000, 9)),
		"geometric(mean 8)":              law.Must(law.Geometric(8)),
		"empirical(64:7, 594:4, 1518:1)": law.IMIX(),
		"empirical(0:1, 1:1, 2:1, 3:1, 4:1, 5:1, 6:1, 7:1, and 2 more)": law.Must(law.Empirical([]int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, nil)),
	} {
		require.Equal(t, want, fmt.Sprint(l))
	}
	require.Equal(t, "pareto", law.KindPareto.String())
	require.Equal(t, "kind 99", law.Kind(99).String())
}
