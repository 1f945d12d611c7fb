package capture

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
)

func ratio(v wide) *big.Int {
	b := new(big.Int).SetUint64(v.hi)
	return b.Lsh(b, 64).Add(b, new(big.Int).SetUint64(v.lo))
}

// The 128-bit arithmetic against math/big.
func TestWide(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	u := func() uint64 { return rng.Uint64() >> rng.IntN(64) }
	n := func(v uint64) *big.Int { return new(big.Int).SetUint64(v) }
	for range 5000 {
		a, b, c, d := u(), u(), u()>>24, u()|1
		p := product(a, b)
		require.Equal(t, n(0).Mul(n(a), n(b)), ratio(p))
		p = product(a>>32, b).plus(product(b, c>>4))
		want := n(0).Mul(n(a>>32), n(b))
		want.Add(want, n(0).Mul(n(b), n(c>>4)))
		require.Zero(t, want.Cmp(ratio(p)))
		q, ok := p.over(d)
		want.Div(want, n(d))
		require.Equal(t, want.IsUint64(), ok)
		if ok {
			require.Equal(t, want.Uint64(), q)
		}
		w := wide{a >> 40, b}
		require.Zero(t, n(0).Mul(ratio(w), n(c>>16)).Cmp(ratio(w.times(c>>16))))
		require.Zero(t, n(0).Div(ratio(w), n(d)).Cmp(ratio(meanGap(w, d))))
	}
}

// At a constant rate frame n comes at Start + (n+1)*10^15/MilliPPS, without drift.
func TestConstantRate(t *testing.T) {
	c := clock{start: 7, rate: 3_000_000_000} // 3 Mpps: 333333.3 ps
	var last engine.Time
	for n := range uint64(3_000_000) {
		at, ok := c.next(n * 12345)
		require.True(t, ok)
		if n < 5 {
			require.Equal(t, engine.Time(7+(n+1)*1e15/3_000_000_000), at)
		}
		last = at
	}
	require.Equal(t, 7+engine.Second, last)
}

func TestSpeed(t *testing.T) {
	for _, tt := range []struct {
		speed    uint64
		recorded uint64 // ns
		want     engine.Time
	}{
		{1000, 1, engine.Nanosecond},
		{1000, 80731942509, 80731942509 * engine.Nanosecond},
		{10_000, 1, 100},
		{500, 1, 2 * engine.Nanosecond},
		{3000, 1, 333},
		{3000, 3, engine.Nanosecond},
		{1, 1, engine.Microsecond},
		{1_000_000_000, 1, 0},
		{1 << 63, 1 << 62, 500_000},
	} {
		c := clock{speed: tt.speed}
		at, ok := c.next(tt.recorded)
		require.True(t, ok)
		require.Equal(t, tt.want, at, "%+v", tt)
	}
}

// What no run can reach ends the source instead of wrapping around.
func TestClockEndsAtMaxTime(t *testing.T) {
	limit := uint64(engine.MaxTime / engine.Nanosecond)
	for _, tt := range []struct {
		c        clock
		recorded uint64
		ok       bool
	}{
		{clock{speed: 1000}, limit, true},
		{clock{speed: 1000}, limit + 1, false},
		{clock{speed: 1000, start: engine.Second}, limit, false},
		{clock{speed: 1}, limit / 1000, true},
		{clock{speed: 1}, limit/1000 + 1, false},
		{clock{speed: 1}, 1<<64 - 1, false},
		{clock{speed: 1000, start: engine.MaxTime}, 0, true},
		{clock{rate: 1, sent: 4610}, 0, true}, // frame 4611 at 4,611,000 s
		{clock{rate: 1, sent: 4611}, 0, false},
		{clock{rate: 1, sent: 1 << 63}, 0, false},
	} {
		_, ok := tt.c.next(tt.recorded)
		require.Equal(t, tt.ok, ok, "%+v", tt)
	}
}

// A pass starts one mean gap after the last frame of the one before.
func TestPeriod(t *testing.T) {
	o := DefaultOptions(ourMAC)
	c := newClock(&o, 4, 10) // 10 ns: gaps of 3333 ps
	for pass := range engine.Time(1000) {
		at, _ := c.next(0)
		require.Equal(t, pass*13333, at)
		at, _ = c.next(10)
		require.Equal(t, pass*13333+10000, at)
		c.again()
	}
	c = newClock(&o, 2, 1<<64-1)
	c.again()
	c.again()
	require.Equal(t, ratio(c.pass), new(big.Int).Mul(ratio(product(1<<64-1, 1000)), big.NewInt(4)), "far beyond 64 bits")
}
