// Package scenarios_test runs the example scenarios and checks what their
// comments say.
package scenarios_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// run runs an example with overrides.
func run(t *testing.T, file string, sets ...string) *sim.Result {
	t.Helper()
	var parsed []scenariofile.Set
	for _, arg := range sets {
		set, err := scenariofile.ParseSet(arg)
		require.NoError(t, err)
		parsed = append(parsed, set)
	}
	s, err := scenariofile.Load(file, parsed...)
	require.NoError(t, err)
	res, err := sim.Run(t.Context(), &s, sim.Options{})
	require.NoError(t, err)
	return res
}

// lost returns the packets lost for one reason.
func lost(r *sim.Result, reason skb.DropReason) uint64 { return r.Snapshot.Ledger.Dropped[reason] }

// allLost returns all packets lost.
func allLost(r *sim.Result) uint64 {
	sum := uint64(0)
	for _, n := range r.Snapshot.Ledger.Dropped {
		sum += n
	}
	return sum
}

func squeezes(r *sim.Result) uint64 {
	sum := uint64(0)
	for _, c := range r.Snapshot.CPUs {
		sum += c.Softnet.TimeSqueeze
	}
	return sum
}

func TestLosslessFeed(t *testing.T) {
	require.Zero(t, allLost(run(t, "lossless-feed.yaml")))
	require.NotZero(t, lost(run(t, "lossless-feed.yaml", "net.core.rmem_max=212992"), skb.SocketRcvbuff))
	require.NotZero(t, lost(run(t, "lossless-feed.yaml", "load=4", "run.for=1s"), skb.SocketRcvbuff))
}

func TestRingOverrun(t *testing.T) {
	r := run(t, "ring-overrun.yaml")
	require.Greater(t, lost(r, skb.HWFIFO), r.Waterfall.Offered/2)
	require.Equal(t, lost(r, skb.HWFIFO), allLost(r), "nothing but the packet buffer loses")
	require.Zero(t, squeezes(r))
	old := run(t, "ring-overrun.yaml", "kernel=linux-3.10")
	require.NotZero(t, squeezes(old))
	require.NotZero(t, lost(old, skb.HWFIFO))
	obeyed := run(t, "ring-overrun.yaml", "nics[0].link_partner.obeys_pause=true")
	require.Zero(t, allLost(obeyed))
	require.NotZero(t, obeyed.Partner)
}

func TestSmallRcvbuf(t *testing.T) {
	r := run(t, "small-rcvbuf.yaml")
	drops := r.Snapshot.Net.UDP.RcvbufErrors
	require.NotZero(t, drops)
	require.Equal(t, drops, r.Snapshot.Net.UDP.InErrors)
	require.Equal(t, drops, r.Sockets[0].Drops)
	// Each of the pauses within 2 s, but not the one at its end, loses what 238 packets of room leave of a thousand.
	require.InDelta(t, 7*(1000-238), drops, 7*10)
	require.NotZero(t, allLost(run(t, "small-rcvbuf.yaml", "apps[0].sockets[0].rcvbuf=1MiB")), "clamped")
	require.Zero(t, allLost(run(t, "small-rcvbuf.yaml", "apps[0].sockets[0].rcvbuf=1MiB", "net.core.rmem_max=1048576")))
}

func TestRPS(t *testing.T) {
	const short = "run.for=100ms"
	both := run(t, "rps-two-cpus.yaml", short)
	require.Zero(t, allLost(both))
	for cpu, c := range both.Snapshot.CPUs {
		handed := cpu == 2 || cpu == 3
		require.Equal(t, handed, c.Softnet.ReceivedRPS > 0, "CPU %d", cpu)
	}
	require.NotZero(t, lost(run(t, "rps-two-cpus.yaml", short, "nics[0].rps=null"), skb.HWFIFO))
	self := lost(run(t, "rps-two-cpus.yaml", short, `nics[0].rps.rx-0="1"`), skb.HWFIFO)
	require.Greater(t, self, lost(run(t, "rps-two-cpus.yaml", short, "nics[0].rps=null"), skb.HWFIFO), "worse than off")
	require.NotZero(t, lost(run(t, "rps-two-cpus.yaml", short, "traffic[0].flows=1", "traffic[1].flows=1"), skb.CPUBacklog))
}

func TestMulticastFanOut(t *testing.T) {
	r := run(t, "multicast-fan-out.yaml", "run.for=200ms", "traffic[0].stop=199ms") // so that the end finds no fan-out half done
	require.Zero(t, allLost(r))
	require.Len(t, r.Sockets, 10)
	require.Equal(t, 10*r.Waterfall.Frames[len(r.Waterfall.Frames)-1].N, r.Waterfall.Delivered)
	require.NotZero(t, lost(run(t, "multicast-fan-out.yaml", "run.for=1s", "apps[strategy].copies=40"), skb.SocketRcvbuff))
}

// The built-in scenario loses nothing, and shows waiting.
func TestDefault(t *testing.T) {
	s, err := scenariofile.Parse(scenariofile.DefaultName, scenariofile.Default())
	require.NoError(t, err)
	r, err := sim.Run(t.Context(), &s, sim.Options{})
	require.NoError(t, err)
	require.Zero(t, allLost(r))
	require.InEpsilon(t, 250_000, r.Waterfall.Offered, 0.02)
	last := r.Stages[len(r.Stages)-1]
	require.Greater(t, last.Hist.Quantile(990_000), 10*last.Hist.Quantile(500_000), "%s has no tail", last.Name)
}

// TestContainers: the client pays for receiving; the pauses cost what the buffer
// does not hold, and RPS moves the work elsewhere.
func TestContainers(t *testing.T) {
	r := run(t, "containers.yaml")
	require.NotZero(t, lost(r, skb.SocketRcvbuff))
	require.Equal(t, lost(r, skb.SocketRcvbuff), allLost(r))
	require.NotZero(t, r.Snapshot.CPUs[0].Time.Softirq)
	require.Zero(t, r.Snapshot.CPUs[2].Softnet.Processed)
	require.Zero(t, allLost(run(t, "containers.yaml", "apps[server].sockets[0].rcvbuf=2MiB")))
	moved := run(t, "containers.yaml", "veths[0].end.rps=[2]")
	require.Zero(t, moved.Snapshot.CPUs[0].Softnet.Processed)
	require.NotZero(t, moved.Snapshot.CPUs[2].Softnet.Processed)
	faster := run(t, "containers.yaml", "senders[client].rate=200kpps")
	require.InEpsilon(t, 2*r.Waterfall.Offered, faster.Waterfall.Offered, 0.02)
	require.InEpsilon(t, 2*r.Waterfall.Offered, run(t, "containers.yaml", "load=2").Waterfall.Offered, 0.02)
}
