package sim

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// free is a host of two CPUs on which nothing takes time. A program on CPU 1 reads
// what the interface brings to CPU 0.
func free(with scenario.ReadMode) Config {
	cfg := Linux40()
	cfg.CPUs = 2
	cfg.Costs.Each(func(_ string, c *kernel.Cost) { *c = kernel.Cost{} })
	n := DefaultNIC("eth0")
	n.Combined, n.Affinity = 1, map[string][]int{"TxRx-0": {0}}
	cfg.NICs = []scenario.NIC{n}
	a := scenario.App{Name: "gateway", CPUs: []int{1}}
	a.Read.With, a.Read.Batch = with, 1
	a.Sockets = []socket.Config{{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port), Join: []socket.Join{{Group: group, Device: n.Name}}}}
	cfg.Apps = []scenario.App{a}
	return cfg
}

// runFree lets frames come at their constant rate for some time.
func runFree(t *testing.T, cfg Config, frames, until engine.Time) *Host {
	h, err := NewHost(cfg)
	require.NoError(t, err)
	t.Cleanup(h.Close)
	c := traffic.DefaultConfig()
	c.To, c.DstMAC, c.Size, c.Dst = "eth0", cfg.NICs[0].MAC, law.Constant(128), netip.AddrPortFrom(group, port)
	c.MilliPPS = 1000 * uint64(frames*engine.Second/until)
	src, err := traffic.New(c, 1)
	require.NoError(t, err)
	h.port("eth0").Connect(src)
	h.AdvanceTo(until)
	require.NoError(t, h.CheckLedger())
	return h
}

// TestStandstill has programs and ksoftirqd repeat what takes no time: the run
// ends, says who, and the other CPU goes on.
func TestStandstill(t *testing.T) {
	if testing.Short() {
		t.Skip("eight million steps a case")
	}
	for _, naive := range []bool{false, true} {
		t.Run(fmt.Sprintf("naive=%v", naive), func(t *testing.T) {
			t.Run("a program that never waits", func(t *testing.T) {
				cfg := free(scenario.SpinRecvmsg)
				cfg.Naive = naive
				h := runFree(t, cfg, 100, engine.Millisecond)
				var s *cpu.Standstill
				require.ErrorAs(t, h.Err(), &s)
				require.Equal(t, 1, s.CPU)
				require.Equal(t, "gateway", s.Task)
				require.Less(t, s.At, engine.Microsecond)
				require.Greater(t, h.Snapshot().Net.IP.InReceives, uint64(90), "CPU 0 goes on")
				h.AdvanceTo(2 * engine.Millisecond)
				require.ErrorIs(t, h.Err(), s)
			})
			if naive {
				return // which is slow
			}
			t.Run("ksoftirqd with a budget of nothing", func(t *testing.T) { // K310-4: no poll, and the softirq is raised again
				cfg := free(scenario.Recvmsg)
				cfg.Kernel = kernel.Linux310()
				cfg.Softirq.NetdevBudget = 0
				h := runFree(t, cfg, 100, engine.Millisecond)
				var s *cpu.Standstill
				require.ErrorAs(t, h.Err(), &s)
				require.Equal(t, 0, s.CPU)
				require.Equal(t, "ksoftirqd", s.Task)
				require.Zero(t, h.Snapshot().Net.IP.InReceives)
			})
		})
	}
}

// TestNothingTakesTime has a host on which nothing takes time receive, wake and
// read thousands of packets at one instant: that is no standstill.
func TestNothingTakesTime(t *testing.T) {
	for _, with := range []scenario.ReadMode{scenario.Recvmsg, scenario.Recvmmsg, scenario.EpollRecvmsg, scenario.EpollRecvmmsg, scenario.PollRecvmsg} {
		for _, naive := range []bool{false, true} {
			cfg := free(with)
			cfg.Naive = naive
			cfg.Apps[0].Sockets[0].RcvBufForce = 1 << 24
			cfg.Apps[0].Read.PauseEvery, cfg.Apps[0].Read.PauseFor = 10*engine.Millisecond, 9*engine.Millisecond
			h := runFree(t, cfg, 9000, 10*engine.Millisecond)
			require.NoError(t, h.Err())
			require.Greater(t, h.ledger.Frames, uint64(8000))
			h.AdvanceTo(20 * engine.Millisecond)
			require.NoError(t, h.Err())
			require.Greater(t, h.Snapshot().Net.UDP.InDatagrams, uint64(9000))
		}
	}
}
