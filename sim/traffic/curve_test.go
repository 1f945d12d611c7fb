package traffic

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// exactWork returns the work of the first t of s as a fraction of s.length.
func exactWork(s segment, t int64) *big.Int {
	n := func(v int64) *big.Int { return big.NewInt(v) }
	flat := new(big.Int).Mul(n(2*int64(s.a)), n(t))
	flat.Mul(flat, n(int64(s.length)))
	bend := new(big.Int).Mul(n(int64(s.b)-int64(s.a)), n(t))
	return flat.Add(flat, bend.Mul(bend, n(t)))
}

func bigOf(w wide) *big.Int {
	b := new(big.Int).SetUint64(w.hi)
	return b.Lsh(b, 64).Add(b, new(big.Int).SetUint64(w.lo))
}

func anySegment(t *rapid.T) segment {
	return segment{
		from:   0,
		length: engine.Time(rapid.Int64Range(1, int64(engine.MaxTime)).Draw(t, "length")),
		a:      rapid.Uint64Range(0, MaxMilliPPS).Draw(t, "a"),
		b:      rapid.Uint64Range(0, MaxMilliPPS).Draw(t, "b"),
	}
}

func TestWorkOfASegment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySegment(t)
		at := rapid.Int64Range(0, int64(s.length)).Draw(t, "t")
		want, rest := new(big.Int).QuoRem(exactWork(s, at), big.NewInt(int64(s.length)), new(big.Int))
		if rest.Sign() > 0 {
			want.Add(want, big.NewInt(1))
		}
		require.Zero(t, want.Cmp(bigOf(s.work(engine.Time(at)))))
		require.Equal(t, s.total(), s.work(s.length))
	})
}

// The dumb way to find an instant: halving, with big numbers.
func TestWhenIsTheLastInstantBeforeTheWorkIsDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySegment(t)
		if s.a+s.b == 0 {
			return
		}
		total := bigOf(s.total())
		w := new(big.Int).Mul(total, big.NewInt(rapid.Int64Range(0, 1<<40).Draw(t, "share")))
		w.Rsh(w, 40)
		scaled := new(big.Int).Mul(w, big.NewInt(int64(s.length)))
		low, high := int64(0), int64(s.length)+1
		for high-low > 1 {
			mid := low + (high-low)/2
			if exactWork(s, mid).Cmp(scaled) <= 0 {
				low = mid
			} else {
				high = mid
			}
		}
		known := rapid.Int64Range(0, low).Draw(t, "known")
		work := wide{new(big.Int).Rsh(w, 64).Uint64(), w.Uint64()}
		if w.Sign() == 0 {
			low = 0 // done before anything has begun
		}
		require.Equal(t, engine.Time(low), s.when(work, engine.Time(known)))
	})
}

func TestProfileSegments(t *testing.T) {
	c := DefaultConfig()
	c.MilliPPS = 5
	c.Profile = []RatePoint{{At: 0, MilliPPS: 7}, {At: 10, MilliPPS: 9}, {At: 30, MilliPPS: 1, Step: true}}
	require.Equal(t, []segment{
		{0, 10, 7, 9},
		{10, 20, 9, 9},
		{30, tooLate - 30, 1, 1},
	}, newProfile(&c).segments)
}

func TestStatesHaveTheirShares(t *testing.T) {
	c := DefaultConfig()
	c.MilliPPS = 1_000_000_000
	c.Arrivals = Arrivals{Kind: MMPP, BurstMilliPPS: 4_000_000_000, High: engine.Millisecond, Low: 4 * engine.Millisecond}
	s := newStates(&c, engine.NewStream(1, "states"))
	require.Equal(t, [2]uint64{250_000_000, 4_000_000_000}, s.rates, "4·1 + 0.25·4 = 1·5")

	var stay [2]engine.Time
	const n = 100_000
	end := engine.Time(0)
	for range n {
		g := s.next()
		require.Equal(t, end, g.from)
		end = g.from + g.length
		high := 0
		if g.a == s.rates[1] {
			high = 1
		}
		stay[high] += g.length
	}
	require.InEpsilon(t, float64(engine.Millisecond), float64(stay[1])/(n/2), 0.02)
	require.InEpsilon(t, float64(4*engine.Millisecond), float64(stay[0])/(n/2), 0.02)
}

func TestTheLowRateMakesTheMean(t *testing.T) {
	for name, c := range map[string]struct {
		rate, burst uint64
		high, low   engine.Time
		want        uint64
	}{
		"a fifth at four times the rate":      {1000, 4000, 1, 4, 250},
		"a fifth at five times the rate":      {1000, 5000, 1, 4, 0},
		"of 10/3, rounded down":               {10, 30, 1, 3, 3},
		"of 50/3, rounded up":                 {20, 30, 1, 3, 17},
		"less than silence, through rounding": {1000, 5004, 1, 4, 0},
		"the largest":                         {MaxMilliPPS, MaxMilliPPS, longest, longest, MaxMilliPPS},
	} {
		require.Equal(t, c.want, lowRate(c.rate, &Arrivals{BurstMilliPPS: c.burst, High: c.high, Low: c.low}), name)
	}
}

func TestStatesBeginAsTheyGoOn(t *testing.T) {
	c := DefaultConfig()
	c.Arrivals = Arrivals{Kind: MMPP, BurstMilliPPS: 1_000_000_000, High: engine.Millisecond, Low: 4 * engine.Millisecond}
	high := 0
	const n = 10_000
	for seed := range uint64(n) {
		s := newStates(&c, engine.NewStream(seed, "states"))
		high += s.state
	}
	require.InEpsilon(t, n/5, high, 0.1)
}
