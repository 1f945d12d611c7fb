package sim

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// With every cost zero but one, the path is a single server with a queue in
// front of it, and queueing theory says what is lost and how long the rest
// waits. The server is the reader's copy (a datagram stays charged while it is
// copied, RX-8, so the server's place counts), or the driver.

// serviceTime is that of the one server.
const serviceTime = engine.Microsecond

// oneServer returns a scenario in which frames arrive at rho times the
// server's rate, n of them.
func oneServer(rho float64, n uint64, poisson bool) *scenario.Scenario {
	sc := scenario.Default()
	sc.Run.Sample = 0
	sc.Host.Costs = kernel.Costs{}
	nic := DefaultNIC("eth0")
	nic.RXUsecs, nic.LinkBitsPerSecond = 0, 1_000_000_000_000 // neither moderation nor the link gets in the way
	sc.NICs = []scenario.NIC{nic}
	src := traffic.DefaultConfig()
	src.DstMAC, src.Dst = nic.MAC, local
	src.MilliPPS = uint64(rho * 1e9) // per millisecond of server time: 1 µs
	src.Size = law.Constant(64)
	src.Count = n
	src.Arrivals.Kind = traffic.Constant
	if poisson {
		src.Arrivals.Kind = traffic.Poisson
	}
	sc.Traffic = []traffic.Config{src}
	sc.Run.For = engine.Time(float64(n)/rho*1.05)*serviceTime + engine.Millisecond
	return &sc
}

// readBuffer makes the reader's copy the server and the receive buffer its
// queue: k datagrams in the system.
func readBuffer(sc *scenario.Scenario, k int) {
	sc.Host.Costs.Copy.Fixed = serviceTime
	sc.Host.Limits.RmemMax = 1 << 30
	sc.Apps = []scenario.App{{Name: "app", CPUs: []int{2}, Sockets: []socket.Config{{Local: local, RcvBuf: k * 896 / 2}}}}
}

func runScenario(t *testing.T, sc *scenario.Scenario) *Result {
	t.Helper()
	res, err := Run(context.Background(), sc, Options{})
	require.NoError(t, err)
	require.EqualValues(t, sc.Traffic[0].Count, res.Snapshot.Ledger.Frames)
	return res
}

// lossMD1K is the share that an M/D/1 queue with k places, the server's among
// them, loses: from the states that departures leave behind.
func lossMD1K(rho float64, k int) float64 {
	a := make([]float64, k+1) // arrivals during a service
	a[0] = math.Exp(-rho)
	for i := 1; i <= k; i++ {
		a[i] = a[i-1] * rho / float64(i)
	}
	p := make([]float64, k) // p[j]: a departure leaves j behind, up to a factor
	p[0] = 1
	sum := 1.0
	for j := 0; j < k-1; j++ {
		next := p[j] - p[0]*a[j]
		for i := 1; i <= j; i++ {
			next -= p[i] * a[j-i+1]
		}
		p[j+1] = next / a[0]
		sum += p[j+1]
	}
	return 1 - 1/(1/sum+rho)
}

// The formula itself, against values that can be had by hand: with one place it
// is Erlang's loss formula; with two, a departure leaves nobody behind with
// probability exp(-rho).
func TestLossMD1KFormula(t *testing.T) {
	for _, rho := range []float64{0.1, 0.5, 1, 2} {
		require.InDelta(t, rho/(1+rho), lossMD1K(rho, 1), 1e-12)
		require.InDelta(t, 1-1/(math.Exp(-rho)+rho), lossMD1K(rho, 2), 1e-12)
	}
	require.InDelta(t, 1-1/1.5, lossMD1K(1.5, 200), 1e-6, "in overload only the server's rate counts")
}

// M/D/1/K: the loss of the receive buffer, within four standard errors of a
// count whose losses come in clusters of up to K.
func TestMD1KReceiveBuffer(t *testing.T) {
	const n = 60_000
	for _, tc := range []struct {
		rho float64
		k   int
	}{{0.5, 3}, {0.8, 5}, {0.9, 10}, {1, 5}, {1.5, 20}} {
		t.Run(fmt.Sprint("rho ", tc.rho, ", K ", tc.k), func(t *testing.T) {
			sc := oneServer(tc.rho, n, true)
			readBuffer(sc, tc.k)
			res := runScenario(t, sc)
			want := lossMD1K(tc.rho, tc.k)
			got := float64(res.Sockets[0].Drops) / n
			tolerance := 4 * math.Sqrt(want*2/n)
			t.Logf("lost %.5f, theory %.5f, tolerance %.5f", got, want, tolerance)
			require.InDelta(t, want, got, tolerance)
			require.EqualValues(t, n, res.Sockets[0].Drops+res.Sockets[0].Delivered)
		})
	}
}

// M/D/1: the mean time in the queue and the server, by Pollaczek and Khinchin,
// within three percent.
func TestMD1Wait(t *testing.T) {
	const n = 100_000
	for _, rho := range []float64{0.3, 0.6, 0.8} {
		sc := oneServer(rho, n, true)
		readBuffer(sc, 10_000)
		res := runScenario(t, sc)
		require.Zero(t, res.Sockets[0].Drops)
		h := res.Sockets[0].RxQueue.Hist
		got := float64(h.Sum) / float64(h.N) / float64(serviceTime)
		want := 1 + rho/(2*(1-rho))
		t.Logf("rho %.1f: %.4f services, theory %.4f", rho, got, want)
		require.InEpsilon(t, want, got, 0.03)
	}
}

// D/D/1/K: below the server's rate nothing is lost and nothing waits; above it
// the server is never idle, so the count is exact but for what is still queued.
func TestDD1K(t *testing.T) {
	const n = 20_000
	t.Run("underload", func(t *testing.T) {
		sc := oneServer(0.999, n, false)
		readBuffer(sc, 3)
		res := runScenario(t, sc)
		require.Zero(t, res.Sockets[0].Drops)
		require.EqualValues(t, n, res.Sockets[0].Delivered)
		require.EqualValues(t, serviceTime+1, res.Sockets[0].RxQueue.Hist.Max, "a picosecond for the wake-up")
	})
	for _, k := range []int{3, 10, 100} {
		t.Run(fmt.Sprint("receive buffer, overload 2, K ", k), func(t *testing.T) {
			sc := oneServer(2, n, false)
			readBuffer(sc, k)
			res := runScenario(t, sc)
			// The first arrival is served from its instant on, one a microsecond, two arrivals each.
			served := uint64(n/2) + uint64(k)
			require.InDelta(t, float64(served), float64(res.Sockets[0].Delivered), 2)
			require.Equal(t, n-res.Sockets[0].Delivered, res.Sockets[0].Drops)
			require.LessOrEqual(t, res.Sockets[0].MaxQueued, k-1)
		})
	}
}

// ringServer makes the driver the server and a ring of 64 with drop enable its
// queue.
func ringServer(sc *scenario.Scenario) {
	sc.Host.Costs.Driver.Fixed = serviceTime
	nic := &sc.NICs[0]
	nic.Combined, nic.TXPause, nic.RXRing = 2, false, 64
}

// D/D/1/K and M/D/1/K of the ring (HW-7d, RX-11): of its 63 slots up to 16 are
// freed and not armed again, so the loss lies between those of 47 and 64 places,
// give or take three percent.
func TestRingQueue(t *testing.T) {
	const n = 60_000
	t.Run("D/D/1/K, overload 1.25", func(t *testing.T) {
		sc := oneServer(1.25, n, false)
		ringServer(sc)
		res := runScenario(t, sc)
		lost := res.Snapshot.Ledger.Dropped[skb.HWNoDesc]
		require.InDelta(t, n*0.2, float64(lost), 64, "the server takes four in five; the ring holds the last")
	})
	for _, rho := range []float64{0.95, 1, 1.2} {
		t.Run(fmt.Sprint("M/D/1/K, rho ", rho), func(t *testing.T) {
			sc := oneServer(rho, n, true)
			ringServer(sc)
			res := runScenario(t, sc)
			got := float64(res.Snapshot.Ledger.Dropped[skb.HWNoDesc]) / n
			low, high := lossMD1K(rho, 64), lossMD1K(rho, 47)
			t.Logf("lost %.5f, theory %.5f to %.5f", got, low, high)
			require.Greater(t, got, 0.97*low)
			require.Less(t, got, 1.03*high)
		})
	}
}
