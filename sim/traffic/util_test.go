package traffic_test

import (
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

// config returns a feed of that rate and kind, with the parameters that the
// kind needs: bursts of 20 frames at ten times the rate, or 1 ms at four times
// the rate in 5 ms.
func config(milliPPS uint64, k traffic.Kind) traffic.Config {
	c := traffic.DefaultConfig()
	c.MilliPPS = milliPPS
	c.Arrivals = traffic.Arrivals{Kind: k}
	a := &c.Arrivals
	switch k {
	case traffic.Jitter:
		a.SpreadPPM = 300_000
	case traffic.OnOff:
		a.BurstMilliPPS, a.BurstMean = 10*milliPPS, 20
	case traffic.MMPP:
		a.BurstMilliPPS, a.High, a.Low = 4*milliPPS, engine.Millisecond, 4*engine.Millisecond
	case traffic.Pareto:
		a.BurstMilliPPS, a.BurstMean, a.AlphaMilli = 10*milliPPS, 20, 2500
	}
	return c
}

// kinds returns a configuration of each kind at a million frames a second, and
// some variants.
func kinds() map[string]traffic.Config {
	out := map[string]traffic.Config{}
	for k := traffic.Constant; k <= traffic.Pareto; k++ {
		out[k.String()] = config(1_000_000_000, k)
	}
	out["constant with a fractional gap"] = config(14_880_000_000, traffic.Constant)

	fixed := out["onoff"]
	fixed.Arrivals.FixedBursts = true
	out["onoff of fixed bursts"] = fixed

	for _, k := range []traffic.Kind{traffic.Constant, traffic.Poisson, traffic.Jitter} {
		c := out[k.String()]
		c.Profile = profile()
		out[k.String()+" with a profile"] = c
	}
	return out
}

// profile goes up, stays, jumps to silence, and comes back.
func profile() []traffic.RatePoint {
	return []traffic.RatePoint{
		{At: 1 * engine.Millisecond, MilliPPS: 3_000_000_000},
		{At: 2 * engine.Millisecond, MilliPPS: 3_000_000_000},
		{At: 3 * engine.Millisecond, MilliPPS: 0, Step: true},
		{At: 4 * engine.Millisecond, MilliPPS: 0},
		{At: 5 * engine.Millisecond, MilliPPS: 2_000_000_000},
		{At: 9 * engine.Millisecond, MilliPPS: 500_000_000},
	}
}

func source(t require.TestingT, c traffic.Config) skb.FrameSource {
	s, err := traffic.New(c, 1)
	require.NoError(t, err)
	return s
}

// all returns the frames of a source that ends, at most max.
func all(t require.TestingT, c traffic.Config, max int) []skb.Frame {
	frames := make([]skb.Frame, max)
	return frames[:source(t, c).Fill(frames)]
}

// instants returns the instants of the first n frames.
func instants(t require.TestingT, c traffic.Config, n int) []engine.Time {
	c.Size, c.Flows, c.Groups, c.Faults = traffic.DefaultConfig().Size, 1, 1, traffic.Faults{}
	frames := all(t, c, n)
	out := make([]engine.Time, len(frames))
	for i, f := range frames {
		out[i] = f.At
	}
	return out
}
