package traffic_test

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

func TestConstantNeverDrifts(t *testing.T) {
	// A picosecond is too long for a gap of 10^15/14880952380: 14880952.38 frames
	// a second are 14,880,952 in the first second, and 38 more in a hundred.
	c := config(14_880_952_380, traffic.Constant)
	s := source(t, c).(skb.RegularSource)
	n, first, _ := s.Skip(engine.Second)
	require.Equal(t, uint64(14_880_952), n)
	require.Equal(t, engine.Time(67_200), first)
	n, _, _ = s.Skip(100 * engine.Second)
	require.Equal(t, uint64(1_488_095_238-14_880_952), n)
}

func TestConstantIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := config(rapid.Uint64Range(1, traffic.MaxMilliPPS).Draw(t, "rate"), traffic.Constant)
		c.Start = engine.Time(rapid.Int64Range(0, 1<<40).Draw(t, "start"))
		for i, at := range instants(t, c, 100) {
			want := big.NewInt(int64(i+1) * 1_000_000_000_000)
			want.Mul(want, big.NewInt(1000)).Quo(want, new(big.Int).SetUint64(c.MilliPPS))
			require.Equal(t, c.Start+engine.Time(want.Int64()), at, "frame %d", i+1)
		}
	})
}

func TestAConstantProfileIsNoProfile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := config(rapid.Uint64Range(1, traffic.MaxMilliPPS).Draw(t, "rate"), traffic.Constant)
		c.Start = engine.Time(rapid.Int64Range(0, 1<<40).Draw(t, "start"))
		want := instants(t, c, 100)
		c.Profile = []traffic.RatePoint{{At: 0, MilliPPS: c.MilliPPS}}
		require.Equal(t, want, instants(t, c, 100))
	})
}

// Poisson with a flat profile takes another way to the same process.
func TestPoissonWithAFlatProfile(t *testing.T) {
	c := config(1_000_000_000, traffic.Poisson)
	want := instants(t, c, 10_000)
	c.Profile = []traffic.RatePoint{{At: engine.Microsecond, MilliPPS: c.MilliPPS}}
	for i, at := range instants(t, c, 10_000) {
		require.InDelta(t, float64(want[i]), float64(at), 10, "frame %d", i)
	}
}

func TestARampSendsWhatLiesUnderIt(t *testing.T) {
	// 1 Mpps rising to 3 Mpps within 1 ms: frame n is due where t + t² = n, t in
	// ms and n in thousands; then 3 a microsecond, then nothing for a ms, ...
	c := config(1_000_000_000, traffic.Constant)
	c.Profile = profile()
	at := instants(t, c, 20_000)
	in := func(from, to engine.Time) int { return below(at, to+1) - below(at, from+1) }
	const ms = engine.Millisecond
	require.Equal(t, 2000, in(0, 1*ms))
	require.Equal(t, 3000, in(1*ms, 2*ms))
	require.Equal(t, 3000, in(2*ms, 3*ms))
	require.Equal(t, 0, in(3*ms, 4*ms))
	require.Equal(t, 1000, in(4*ms, 5*ms))
	require.Equal(t, 5000, in(5*ms, 9*ms))
	require.Equal(t, 500, in(9*ms, 10*ms))
	for _, n := range []int{1, 10, 100, 1000, 1999} {
		x := (math.Sqrt(1+4*float64(n)/1000) - 1) / 2
		require.InDelta(t, x*1e9, float64(at[n-1]), 2, "frame %d", n)
	}
}

func TestASourceThatStartsOnARamp(t *testing.T) {
	c := config(1_000_000_000, traffic.Constant)
	c.Profile = profile()
	whole := instants(t, c, 5000)
	c.Start = engine.Millisecond / 2
	late := instants(t, c, 2000)
	// At 0.5 ms 750 frames were due exactly, so the same ones follow.
	require.Equal(t, whole[750:2750], late)
}

func TestARateOfZeroEndsTheSource(t *testing.T) {
	c := config(1_000_000_000, traffic.Poisson)
	c.Profile = []traffic.RatePoint{{At: engine.Millisecond, Step: true}}
	got := instants(t, c, 5000)
	require.InDelta(t, 1000, len(got), 100)
	require.LessOrEqual(t, got[len(got)-1], engine.Millisecond)
	s := source(t, c).(skb.RegularSource)
	s.Skip(engine.Millisecond)
	require.Equal(t, engine.Never, s.Next())
}

// below returns how many instants come before t.
func below(at []engine.Time, t engine.Time) int {
	n, _ := slices.BinarySearch(at, t)
	return n
}

// windows counts the instants in n windows of that width.
func windows(at []engine.Time, width engine.Time, n int) []float64 {
	counts := make([]float64, n)
	for _, t := range at {
		if i := int((t - 1) / width); i < n {
			counts[i]++
		}
	}
	return counts
}

// dispersion returns the mean and the variance over the mean.
func dispersion(counts []float64) (mean, index float64) {
	for _, c := range counts {
		mean += c / float64(len(counts))
	}
	for _, c := range counts {
		index += (c - mean) * (c - mean) / float64(len(counts)-1) / mean
	}
	return mean, index
}

// Every kind has the mean rate that was asked for; what differs is how evenly
// the frames come. Of a million frames a second, the index of dispersion of the
// counts in windows of w µs is
//
//   - 1 for Poisson;
//   - for MMPP 1 + 2·v·(w/r - (1-exp(-rw))/r²)/w, with v the variance of the
//     rate, 0.2·0.8·3.75², and r = 1/1000 + 1/4000;
//   - for bursts of length L in cycles of C µs, in wide windows,
//     (Var L + Var C - 2 Cov(L, C))/20: silences have a variance of 18², C is
//     0.1·L more, and L has a variance of 20·19 (geometric), 0, or
//     12²·2.5/(1.5²·0.5) (Pareto).
func TestMeanRateAndDispersion(t *testing.T) {
	ofBursts := func(v float64) float64 { return (v + 18*18 + 0.01*v - 0.2*v) / 20 }
	r := 0.00125
	for name, want := range map[string]struct {
		rate   float64 // relative error allowed
		window engine.Time
		index  float64
		within float64 // relative error allowed, but for an index of 0
	}{
		"constant":              {1e-6, 100, 0, 0},
		"jitter":                {1e-6, 100, 0, 0},
		"poisson":               {0.003, 100, 1, 0.05},
		"mmpp":                  {0.05, 100, 1 + 2*0.16*3.75*3.75*(100/r+math.Expm1(-100*r)/r/r)/100, 0.1},
		"onoff":                 {0.01, 1000, ofBursts(20 * 19), 0.15},
		"onoff of fixed bursts": {0.01, 1000, ofBursts(0), 0.15},
		"pareto":                {0.03, 1000, ofBursts(12 * 12 * 2.5 / (1.5 * 1.5 * 0.5)), 0.4},
	} {
		t.Run(name, func(t *testing.T) {
			at := instants(t, kinds()[name], 1_000_000)
			require.InEpsilon(t, float64(engine.Microsecond), float64(at[len(at)-1])/1e6, want.rate)
			mean, index := dispersion(windows(at, want.window*engine.Microsecond, 900_000/int(want.window)))
			require.InEpsilon(t, float64(want.window), mean, want.rate+0.01)
			require.InDelta(t, want.index, index, want.within*want.index+0.01)
		})
	}
}

func TestPoissonGapsAreExponential(t *testing.T) {
	for name, profile := range map[string][]traffic.RatePoint{"alone": nil, "through a profile": {{At: 1, MilliPPS: 14_880_952_380}}} {
		t.Run(name, func(t *testing.T) {
			c := config(14_880_952_380, traffic.Poisson)
			c.Profile = profile
			const n, cells = 1_000_000, 100
			mean := 1e15 / float64(c.MilliPPS)
			counts := make([]float64, cells)
			last := engine.Time(0)
			for _, at := range instants(t, c, n) {
				counts[int(-math.Expm1(-float64(at-last)/mean)*cells)]++
				last = at
			}
			var chi float64
			for _, x := range counts {
				chi += (x - n/cells) * (x - n/cells) / (n / cells)
			}
			require.InDelta(t, cells-1, chi, 3.3*math.Sqrt(2*(cells-1)))
			require.InEpsilon(t, mean, float64(last)/n, 0.003)
		})
	}
}

// A Poisson process along a ramp has the mean of the ramp in every window, and
// still a dispersion of 1.
func TestPoissonAlongARamp(t *testing.T) {
	var counts []float64
	for seed := range uint64(200) {
		c := config(1_000_000_000, traffic.Poisson)
		c.Profile, c.Stop = profile(), engine.Millisecond
		s, err := traffic.New(c, seed)
		require.NoError(t, err)
		n, _, _ := s.(skb.RegularSource).Skip(engine.Never)
		counts = append(counts, float64(n))
	}
	mean, index := dispersion(counts)
	require.InEpsilon(t, 2000, mean, 0.006)
	require.InDelta(t, 1, index, 0.3)
}

func TestJitterMovesAFrameByItsSpread(t *testing.T) {
	for _, spread := range []uint32{0, 300_000, 1_000_000} {
		c := config(1_000_000_000, traffic.Jitter)
		c.Arrivals.SpreadPPM = spread
		most := engine.Microsecond * engine.Time(spread) / 1_000_000
		var lowest, highest engine.Time
		for i, at := range instants(t, c, 100_000) {
			moved := at - engine.Time(i+1)*engine.Microsecond
			lowest, highest = min(lowest, moved), max(highest, moved)
		}
		require.InDelta(t, float64(most), float64(highest), 0.001*float64(most)+1)
		require.InDelta(t, -float64(most), float64(lowest), 0.001*float64(most)+1)
	}
}

// bursts splits instants where a gap is longer than the gap of a burst.
func bursts(at []engine.Time, gap engine.Time) (lengths []int, silences []engine.Time) {
	length, last := 0, engine.Time(0)
	for _, t := range at {
		if t-last > gap+1 {
			if length > 0 {
				lengths = append(lengths, length)
			}
			silences = append(silences, t-last-gap)
			length = 0
		}
		length++
		last = t
	}
	return lengths, silences[:len(lengths)]
}

func meanOf[T int | engine.Time](values []T) float64 {
	var sum float64
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(len(values))
}

func TestBurstsAndSilences(t *testing.T) {
	// 20 frames at 10 Mpps take 2 µs, of a cycle of 20 µs: 18 µs of silence. (One
	// silence in 180,000 is too short to be seen here.)
	for name, longest := range map[string]float64{"onoff": 20 * 20, "onoff of fixed bursts": 40, "pareto": 20 * 1000} {
		t.Run(name, func(t *testing.T) {
			lengths, silences := bursts(instants(t, kinds()[name], 1_000_000), 100*engine.Nanosecond)
			require.InEpsilon(t, 20, meanOf(lengths), 0.02)
			require.InEpsilon(t, float64(18*engine.Microsecond), meanOf(silences), 0.02)
			require.Less(t, float64(slices.Max(lengths)), longest)
			switch name {
			case "onoff":
				require.InEpsilon(t, 1-math.Pow(0.95, 20), share(lengths, 20), 0.02, "geometric: P(length <= 20)")
				require.Equal(t, 1, slices.Min(lengths))
			case "pareto":
				// The shortest is 20·1.5/2.5 = 12; beyond x are (12/x)^2.5.
				require.Equal(t, 12, slices.Min(lengths))
				require.InEpsilon(t, math.Pow(12.0/120, 2.5), 1-share(lengths, 120), 0.15)
			default:
				require.Equal(t, 20, slices.Min(lengths))
			}
		})
	}
}

// share returns the share of values that are at most x.
func share(values []int, x int) float64 {
	n := 0
	for _, v := range values {
		if v <= x {
			n++
		}
	}
	return float64(n) / float64(len(values))
}

func TestBurstsWithoutSilenceAreConstant(t *testing.T) {
	for _, k := range []traffic.Kind{traffic.OnOff, traffic.Pareto} {
		c := config(14_880_000_000, k) // gaps of 67204.301... ps
		c.Arrivals.BurstMilliPPS = c.MilliPPS
		want := instants(t, config(c.MilliPPS, traffic.Constant), 10_000)
		for i, at := range instants(t, c, 10_000) {
			require.InDelta(t, float64(want[i]), float64(at), 1)
		}
	}
}

func TestMMPPSwitchesBetweenTwoRates(t *testing.T) {
	// Much longer states than windows: most windows have one rate or the other.
	c := config(1_000_000_000, traffic.MMPP)
	c.Arrivals.High, c.Arrivals.Low = 10*engine.Millisecond, 40*engine.Millisecond
	counts := windows(instants(t, c, 4_000_000), 100*engine.Microsecond, 30_000)
	low, high := 0, 0
	for _, n := range counts {
		switch {
		case math.Abs(n-25) < 25: // 0.25 Mpps
			low++
		case math.Abs(n-400) < 100: // 4 Mpps
			high++
		}
	}
	require.InEpsilon(t, 0.2, float64(high)/float64(len(counts)), 0.25)
	require.InEpsilon(t, 0.99, float64(low+high)/float64(len(counts)), 0.01)
}

func TestMMPPWithASilentState(t *testing.T) {
	c := config(1_000_000_000, traffic.MMPP)
	c.Arrivals.BurstMilliPPS = 5 * c.MilliPPS
	at := instants(t, c, 1_000_000)
	require.InEpsilon(t, float64(engine.Microsecond), float64(at[len(at)-1])/1e6, 0.1)
}

func TestStartStopAndCount(t *testing.T) {
	for name, c := range kinds() {
		t.Run(name, func(t *testing.T) {
			c.Start = 100 * engine.Microsecond
			whole := instants(t, c, 3000)
			require.Len(t, whole, 3000)
			require.GreaterOrEqual(t, whole[0], c.Start)
			require.True(t, slices.IsSorted(whole))

			c.Count = 1000
			require.Equal(t, whole[:1000], instants(t, c, 3000))

			c.Stop = whole[499]
			require.Equal(t, whole[:below(whole, c.Stop+1)], instants(t, c, 3000), "a frame at stop is sent")
			c.Stop--
			require.Equal(t, whole[:below(whole, c.Stop+1)], instants(t, c, 3000))
		})
	}
}

func TestASourceEndsBeforeMaxTime(t *testing.T) {
	for name, c := range kinds() {
		t.Run(name, func(t *testing.T) {
			c.Start = engine.MaxTime - engine.Millisecond
			at := instants(t, c, 100_000)
			require.Less(t, len(at), 100_000)
			if len(at) > 0 {
				require.LessOrEqual(t, at[len(at)-1], engine.MaxTime)
			}
		})
	}
}

func TestVerySlowSources(t *testing.T) {
	// A frame in 1000 s: the run ends after some 4611.
	for k := traffic.Constant; k <= traffic.Pareto; k++ {
		c := config(1, k)
		if k == traffic.MMPP {
			c.Arrivals.High, c.Arrivals.Low = 2000*engine.Second, 8000*engine.Second
		}
		n := len(instants(t, c, 10_000))
		require.InDelta(t, 4611, n, 1500, "%v", k)
	}
}

// Fill and Skip, however they are mixed, pass over the frames that Fill alone
// gives, and count and add them up correctly.
func TestFillAndSkipGiveTheSameFrames(t *testing.T) {
	for name, c := range kinds() {
		c.Count = 5000
		want := all(t, c, 6000)
		require.Len(t, want, 5000)
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			s := source(t, c).(skb.RegularSource)
			left := want
			for range 40 {
				if len(left) == 0 {
					require.Equal(t, engine.Never, s.Next())
				} else if rapid.Bool().Draw(t, "look") {
					require.Equal(t, left[0].At, s.Next())
				}
				if rapid.Bool().Draw(t, "skip") {
					left = skip(t, s, left)
				} else {
					left = fill(t, s, left)
				}
			}
		}))
	}
}

func fill(t *rapid.T, s skb.RegularSource, left []skb.Frame) []skb.Frame {
	frames := make([]skb.Frame, rapid.IntRange(0, 300).Draw(t, "frames"))
	n := s.Fill(frames)
	require.Equal(t, min(len(frames), len(left)), n)
	for i, f := range frames[:n] {
		require.Equal(t, left[i].At, f.At)
		f.At = 0
		require.Equal(t, s.Frame(), f)
	}
	return left[n:]
}

func skip(t *rapid.T, s skb.RegularSource, left []skb.Frame) []skb.Frame {
	until := engine.Time(0)
	if i := rapid.IntRange(-1, 300).Draw(t, "until"); i >= 0 && len(left) > 0 {
		until = left[min(i, len(left)-1)].At + engine.Time(rapid.Int64Range(-1, 1).Draw(t, "beside"))
	}
	var count, sum uint64
	var first engine.Time
	for count < uint64(len(left)) && left[count].At <= until {
		if count == 0 {
			first = left[0].At
		}
		sum += uint64(left[count].At)
		count++
	}
	n, f, total := s.Skip(until)
	require.Equal(t, count, n)
	require.Equal(t, sum, total)
	require.Equal(t, first, f)
	return left[n:]
}

func TestSkipToTheEnd(t *testing.T) {
	for name, c := range kinds() {
		t.Run(name, func(t *testing.T) {
			c.Count = 700
			s := source(t, c).(skb.RegularSource)
			n, _, _ := s.Skip(engine.Never)
			require.Equal(t, uint64(700), n)
			n, _, _ = s.Skip(engine.Never)
			require.Zero(t, n)
			require.Zero(t, s.Fill(make([]skb.Frame, 1)))
		})
	}
}

// It makes no difference how many frames are asked for at a time, for sources
// of mixed frames either.
func TestFillInPieces(t *testing.T) {
	c := mixture()
	want := all(t, c, 2000)
	rapid.Check(t, func(t *rapid.T) {
		s := source(t, c)
		var got []skb.Frame
		for len(got) < len(want) {
			frames := make([]skb.Frame, min(rapid.IntRange(1, 400).Draw(t, "n"), len(want)-len(got)))
			require.Equal(t, len(frames), s.Fill(frames))
			got = append(got, frames...)
		}
		for i := range want {
			want, got := want[i], got[i]
			require.Equal(t, *want.Head, *got.Head)
			want.Head, got.Head = nil, nil
			require.Equal(t, want, got)
		}
	})
}

func TestFillDoesNotAllocate(t *testing.T) {
	cases := kinds()
	cases["mixture"] = mixture()
	for name, c := range cases {
		s := source(t, c)
		frames := make([]skb.Frame, 100)
		require.Zero(t, testing.AllocsPerRun(100, func() { s.Fill(frames) }), name)
		if r, ok := s.(skb.RegularSource); ok {
			require.Zero(t, testing.AllocsPerRun(100, func() { r.Skip(r.Next() + 20*engine.Microsecond) }), name)
		}
	}
}

// Where the same seed and name give the same source, another of either does not.
func TestSeedAndNameSelectTheSource(t *testing.T) {
	c := config(1_000_000_000, traffic.Poisson)
	at := func(name string, seed uint64) engine.Time {
		c := c
		c.Name = name
		s, err := traffic.New(c, seed)
		require.NoError(t, err)
		return s.(skb.RegularSource).Next()
	}
	require.Equal(t, at("a", 1), at("a", 1))
	require.NotEqual(t, at("a", 1), at("a", 2))
	require.NotEqual(t, at("a", 1), at("b", 1))
}

// The first frames are part of every result: they change with a "Changed
// results" entry in the changelog only.
func TestGoldenArrivals(t *testing.T) {
	want := map[string]uint64{
		"constant with a fractional gap": 0x5b286529fb215974,
		"constant with a profile":        0x96cb312de43293ca,
		"constant":                       0x8ef5834685b701f4,
		"jitter with a profile":          0x257eaffd9723c2ba,
		"jitter":                         0x12dc452003ca196e,
		"mixture":                        0x43c1e50eadb35c5c,
		"mmpp":                           0x368123a621397933,
		"onoff of fixed bursts":          0x499f0704335dee2f,
		"onoff":                          0x2a4a4c1d70f38ff7,
		"pareto":                         0xe30a8b73a4dc8e5b,
		"poisson with a profile":         0xa86bcfc49ce67a23,
		"poisson":                        0xe3446c7335638a96,
	}
	got := map[string]uint64{}
	for name, c := range kinds() {
		h := fnv.New64a()
		for _, at := range instants(t, c, 10_000) {
			require.NoError(t, binary.Write(h, binary.BigEndian, at))
		}
		got[name] = h.Sum64()
	}
	h := fnv.New64a()
	for _, f := range all(t, mixture(), 10_000) {
		x := f.Head
		fmt.Fprintln(h, int64(f.At), f.Len, f.IPLen, f.UDPLen, x.DstMAC, x.EtherType, x.Fault, x.IPVersion,
			uint32(x.Dst), x.SrcPort, x.DstPort, x.IPChecksum, x.MoreFrags, x.UDPChecksum)
	}
	got["mixture"] = h.Sum64()
	require.Equal(t, want, got)
}

// mixture has everything that differs from frame to frame.
func mixture() traffic.Config {
	c := config(1_000_000_000, traffic.Poisson)
	c.Flows, c.Groups, c.Size = 40, 4, law.IMIX()
	c.Faults = everyFault(10_000)
	return c
}
