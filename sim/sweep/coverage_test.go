package sweep

import (
	"math"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// The confidence intervals of sweeps, judged by a queue whose loss is known:
// M/M/1/K, which the path is when nothing costs time but the reader's service.

const (
	serviceTime = engine.Microsecond
	places      = 7 // datagrams in the receive buffer; with the one in service K is 8
	truesize    = 896
)

// mm1k returns a scenario of an M/M/1/K queue.
func mm1k(rho float64, seed uint64) *scenario.Scenario {
	sc := scenario.Default()
	sc.Host.Costs = kernel.Costs{}
	sc.Host.Limits.RmemMax = 1 << 20
	nic := sim.DefaultNIC("eth0")
	nic.RXUsecs, nic.LinkBitsPerSecond = 0, 1_000_000_000_000
	sc.NICs = []scenario.NIC{nic}
	src := traffic.DefaultConfig()
	src.DstMAC, src.Dst = nic.MAC, netip.MustParseAddrPort("10.0.0.2:5000")
	src.MilliPPS = uint64(rho * 1e9)
	src.Size = law.Constant(64)
	src.Arrivals.Kind = traffic.Poisson
	sc.Traffic = []traffic.Config{src}
	service, err := law.Exponential(int64(serviceTime))
	if err != nil {
		panic(err)
	}
	sc.Apps = []scenario.App{{Name: "app", CPUs: []int{2},
		Sockets: []socket.Config{{Local: src.Dst, RcvBuf: places * truesize / 2}}, Read: scenario.Read{Service: service}}}
	sc.Run = scenario.Run{For: 4200 * serviceTime, Warmup: 200 * serviceTime, Seed: seed, MaxEvents: 1 << 40, MaxMemory: 1 << 40}
	return &sc
}

// blocked is the share of arrivals that M/M/1/K loses.
func blocked(rho float64, k int) float64 {
	return (1 - rho) * math.Pow(rho, float64(k)) / (1 - math.Pow(rho, float64(k+1)))
}

// TestCoverage counts how many 95 % confidence intervals of ten replications
// hold the true loss, at half load and at 95 %. RXPATH_COVERAGE gives the number
// of intervals: with 1,000 it prints what docs/cli.md states.
func TestCoverage(t *testing.T) {
	n := 60
	if s := os.Getenv("RXPATH_COVERAGE"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	for _, rho := range []float64{0.5, 0.95} {
		t.Run(strconv.FormatFloat(rho, 'g', -1, 64), func(t *testing.T) {
			t.Parallel()
			want, hits, sum := blocked(rho, places+1), 0, 0.0
			for i := range n {
				var x []float64
				for r := range 10 {
					res, err := sim.Run(t.Context(), mm1k(rho, uint64(10*i+r+1)), sim.Options{})
					require.NoError(t, err)
					m := res.Measured()
					x = append(x, float64(m.Sockets[0].Drops)/float64(m.Waterfall.Delivered))
				}
				s := Summarize(x)
				if math.Abs(s.Mean-want) <= *s.Half {
					hits++
				}
				sum += s.Mean
			}
			t.Logf("load %g: loss %.5f, theory %.5f; %d of %d intervals hold it", rho, sum/float64(n), want, hits, n)
			require.InEpsilon(t, want, sum/float64(n), 0.1)
			// Four standard errors of a share of 0.95, and what skewed samples of ten cost.
			require.GreaterOrEqual(t, float64(hits)/float64(n), 0.92-4*math.Sqrt(0.95*0.05/float64(n)))
			require.LessOrEqual(t, float64(hits)/float64(n), 0.96+4*math.Sqrt(0.95*0.05/float64(n)))
		})
	}
}
