package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
	"github.com/seed-556df219/rxpath/softirq"
)

// Rules of NAPI, softirqs and RPS as an operator of a whole host sees them.

// NAPI-2: what an interrupt has scheduled is polled by that interrupt's CPU until
// it is done, wherever the interrupt is sent meanwhile.
func TestNAPI2StaysOnItsCPU(t *testing.T) {
	h := hostOf(t, func(c *Config) { c.Costs.Driver.Fixed = 10 * engine.Microsecond })
	polled := map[int]bool{}
	f := h.UDPFrame(sender, local, 18)
	for range 300 {
		h.Inject(f)
	}
	h.Advance(100 * time.Microsecond)
	h.ports[0].Vectors()[0].Bind(h.cores[2], h.cfg.CPUs)
	before := h.Snapshot()
	h.Advance(2 * time.Millisecond)
	d := h.Snapshot().Sub(before)
	for i, c := range d.CPUs {
		polled[i] = c.Softnet.Processed > 0
	}
	require.True(t, polled[0], "still many frames")
	require.False(t, polled[2])
	h.Advance(10 * time.Millisecond)
	h.Inject(f)
	h.Advance(time.Millisecond)
	require.NotZero(t, h.Snapshot().CPUs[2].Softnet.Processed, "the next interrupt")
}

// GRO-4, ODD-29: rx_packets counts what the device received, also if the stack
// drops it: for no listener, for a full backlog.
func TestGRO4RXPackets(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.NICs[0].RPS = map[string][]int{"rx-0": {2}}
		c.Softirq.NetdevMaxBacklog = 0
		c.Costs.Backlog.Fixed = 100 * engine.Microsecond
	})
	d := send(t, h, h.UDPFrame(sender, local, 100), 50)
	require.EqualValues(t, 50, d.Devices[1].Link.RXPackets)
	require.NotZero(t, lost(d)[skb.CPUBacklog])
	require.NotZero(t, d.Net.UDP.NoPorts)
	require.EqualValues(t, 50, lost(d)[skb.CPUBacklog]+d.Net.UDP.NoPorts, "and nobody got one")
}

// ODD-2: a device's poll charges the budget with 64 packets or with none; the
// backlog's with what it did.
func TestODD2Charge(t *testing.T) {
	type charge struct {
		poller        string
		packets, work int
	}
	for _, tc := range []struct {
		name string
		rps  []int
		k    kernel.Profile
		want []charge
	}{
		{"ODD-2 device", nil, kernel.Linux40(), []charge{{"eth0", 64, 64}, {"eth0", 36, 0}}},
		{"6.18/3.2.3 packets", nil, kernel.Linux618(), []charge{{"eth0", 64, 64}, {"eth0", 36, 36}}},
		{"ODD-2 backlog", []int{1}, kernel.Linux40(), []charge{{"eth0", 0, 64}, {"eth0", 0, 0}, {"backlog", 64, 64}, {"backlog", 36, 36}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := hostOf(t, func(c *Config) {
				c.Kernel = tc.k
				c.NICs[0].RPS = map[string][]int{"rx-0": tc.rps}
				c.NICs[0].RXUsecs = 500
				c.Costs.IPILatency.Fixed = 100 * engine.Microsecond
			})
			f := h.UDPFrame(sender, local, 18)
			h.Inject(f)
			h.Advance(400 * time.Microsecond)
			var got []charge
			h.TracePolls(func(e softirq.Trace) {
				if e.Poller != "" {
					got = append(got, charge{e.Poller, int(e.Packets), e.Work})
				}
			})
			for range 100 {
				h.Inject(f)
			}
			h.Advance(2 * time.Millisecond)
			require.Equal(t, tc.want, got)
		})
	}
}

// ODD-19: dev_weight is the backlog's weight, not the device's.
func TestODD19DevWeight(t *testing.T) {
	most := func(rps map[string][]int) (device, backlog uint64) {
		h := hostOf(t, func(c *Config) {
			c.Softirq.DevWeight = 7
			c.NICs[0].RPS = rps
			c.NICs[0].RXUsecs = 500
		})
		f := h.UDPFrame(sender, local, 18)
		h.Inject(f)
		h.Advance(100 * time.Microsecond)
		h.TracePolls(traceMost(&device, &backlog))
		for range 200 {
			h.Inject(f)
		}
		h.Advance(5 * time.Millisecond)
		return device, backlog
	}
	device, _ := most(nil)
	require.EqualValues(t, 64, device)
	_, backlog := most(map[string][]int{"rx-0": {1}})
	require.EqualValues(t, 7, backlog)
}

// ODD-20: a limit of 100 accepts 101 packets; up to twice as many are resident.
func TestODD20TwiceTheBacklog(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.NICs[0].RPS = map[string][]int{"rx-0": {2}}
		c.Softirq.NetdevMaxBacklog = 100
		c.Costs.Backlog.Fixed = 50 * engine.Microsecond
	})
	f := h.UDPFrame(sender, local, 18)
	most, resident := uint64(0), uint64(0)
	for range 400 {
		h.Inject(f)
		h.Advance(5 * time.Microsecond)
		c := h.Snapshot().CPUs[2]
		most, resident = max(most, c.InputQueueLen), max(resident, c.BacklogLen)
	}
	require.EqualValues(t, 101, most)
	require.Greater(t, resident, uint64(150))
	require.LessOrEqual(t, resident, uint64(202))
}

// ODD-22: steering to the CPU that polls goes through its backlog all the same;
// steering to another adds an empty NET_RX run to the sender.
func TestODD22LocalAndRemote(t *testing.T) {
	runs := func(rps map[string][]int, on int) (netRX0 uint64, s Snapshot) {
		h := hostOf(t, func(c *Config) { c.NICs[0].RPS = rps })
		for range 10 {
			h.Inject(h.UDPFrame(sender, local, 18))
			h.Advance(time.Millisecond)
		}
		s = h.Snapshot()
		require.EqualValues(t, 10, s.CPUs[on].Softnet.Processed)
		return s.CPUs[0].Softirqs[mib.SoftirqNetRX], s
	}
	none, _ := runs(nil, 0)
	local, _ := runs(map[string][]int{"rx-0": {0}}, 0)
	remote, s := runs(map[string][]int{"rx-0": {1}}, 1)
	require.EqualValues(t, 10, none)
	require.EqualValues(t, 20, local, "the device's poll, then the backlog's")
	require.EqualValues(t, 20, remote, "the device's poll, then nothing")
	require.Zero(t, s.CPUs[0].Softnet.TimeSqueeze)
}

// ODD-23: received_rps counts interrupts: under load far fewer than packets.
func TestODD23ReceivedRPS(t *testing.T) {
	h := hostOf(t, func(c *Config) { c.NICs[0].RPS = map[string][]int{"rx-0": {1}} })
	f := h.UDPFrame(sender, local, 18)
	for range 20 {
		for range 1000 {
			h.Inject(f)
		}
		h.Advance(time.Millisecond)
	}
	c := h.Snapshot().CPUs[1]
	require.Greater(t, c.Softnet.Processed, uint64(5000))
	require.Less(t, c.Softnet.ReceivedRPS, c.Softnet.Processed/20)
	require.Equal(t, c.Softnet.ReceivedRPS, c.CallFunction, "RPS-14: the CAL row")
}

// ODD-25: 4.0 goes on with softirqs at the end of any interrupt though ksoftirqd
// is runnable, so that a hog does not slow the network down.
func TestODD25AtIRQExit(t *testing.T) {
	processed := func(rule kernel.SoftirqRule) uint64 {
		h := hostOf(t, func(c *Config) {
			c.Kernel.SoftirqWhileKsoftirqd = rule
			c.NICs[0].TXPause = false
			c.Costs.Driver.Fixed = 2 * engine.Microsecond // more than the CPU can do
		})
		socket.Hog(h.cores[0], "hog", -20, 0)
		f := h.UDPFrame(sender, local, 18)
		for range 40 {
			for range 1000 {
				h.Inject(f)
			}
			h.Advance(time.Millisecond)
		}
		return h.Snapshot().CPUs[0].Softnet.Processed
	}
	run, deferred := processed(kernel.SoftirqsRun), processed(kernel.SoftirqsDeferred)
	require.Greater(t, run, 2*deferred, "%d and %d packets", run, deferred)
}

// K310-8, K310-9: the files of 3.10 are narrower.
func TestK310Files(t *testing.T) {
	for _, tc := range []struct {
		name   string
		kernel kernel.Profile
		file   string
		fields int
	}{
		{"K310-8 ten columns", kernel.Linux310(), "proc/net/softnet_stat", 10},
		{"FMT-1 eleven columns", kernel.Linux40(), "proc/net/softnet_stat", 11},
		{"K310-9 no IgnoredMulti", kernel.Linux310(), "proc/net/snmp", 8},
		{"IgnoredMulti", kernel.Linux40(), "proc/net/snmp", 9},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := hostOf(t, func(c *Config) { c.Kernel = tc.kernel })
			text := read(t, h, tc.file)
			line, _, _ := strings.Cut(text, "\n")
			if i := strings.Index(text, "\nUdp:"); i >= 0 {
				line, _, _ = strings.Cut(text[i+1:], "\n")
			}
			require.Len(t, strings.Fields(line), tc.fields, line)
		})
	}
}

// K310-10: 3.10 has no early demux for UDP: every datagram takes the route lookup.
func TestK310x10NoEarlyDemux(t *testing.T) {
	for name, tc := range map[string]struct {
		kernel kernel.Profile
		hits   bool
	}{"linux-3.10": {kernel.Linux310(), false}, "linux-4.0": {kernel.Linux40(), true}} {
		h := hostOf(t, func(c *Config) { c.Kernel = tc.kernel })
		bindTo(t, h, member())
		d := send(t, h, h.UDPFrame(sender, vectorDst, 100), 10)
		require.EqualValues(t, 10, d.Net.IP.InDelivers)
		require.Equal(t, tc.hits, h.udp.Stats.DemuxHits > 0, name)
	}
}

// K310-11: a packet socket that is bound to a device shows in /proc/net/ptype of
// 3.10, and does not in 4.0's.
func TestK310x11TapsInPtype(t *testing.T) {
	for name, tc := range map[string]struct {
		kernel kernel.Profile
		shown  bool
	}{"linux-3.10": {kernel.Linux310(), true}, "linux-4.0": {kernel.Linux40(), false}} {
		h := hostOf(t, func(c *Config) {
			c.Kernel = tc.kernel
			c.NICs[0].Taps = []scenario.Tap{{RcvBuf: 100_000}}
		})
		require.Equal(t, tc.shown, strings.Contains(read(t, h, "proc/net/ptype"), "ALL "), name)
	}
}

// K310-17: without busy polling `ethtool -S` of ixgbe has no bp lines.
func TestK310x17NoBusyPolling(t *testing.T) {
	for want, k := range map[int]kernel.Profile{721: kernel.Linux40(), 721 - 6*64: kernel.Linux310()} {
		h := hostOf(t, func(c *Config) { c.Kernel = k })
		stats := h.Snapshot().Devices[1].Stats
		require.Len(t, stats, want, k.Name)
		for _, s := range stats {
			require.True(t, k.IxgbeBusyPoll || !strings.Contains(s.Name, "bp_"), s.Name)
		}
	}
}

// traceMost notes the most packets that a poll of the device and one of a
// backlog have taken.
func traceMost(device, backlog *uint64) func(softirq.Trace) {
	return func(e softirq.Trace) {
		switch e.Poller {
		case "eth0":
			*device = max(*device, e.Packets)
		case "backlog":
			*backlog = max(*backlog, e.Packets)
		}
	}
}

// SIRQ-5, SIRQ-3: how many passes one __do_softirq makes over a saturated queue,
// 250 µs each, by the timer frequency and how long after a tick it begins.
func TestSIRQ5Phases(t *testing.T) {
	for _, tc := range []struct {
		hz    int
		phase engine.Time // in microseconds
		want  int
	}{
		{1000, 500, 6}, {1000, 999, 5}, {300, 0, 10}, {300, 3000, 2}, {250, 1500, 10}, {250, 1750, 9}, {250, 3000, 4}, {250, 3750, 1}, {100, 0, 10}, {100, 9000, 4}, {100, 9500, 2},
	} {
		t.Run(fmt.Sprintf("SIRQ-5 HZ %d, %d µs after a tick", tc.hz, tc.phase), func(t *testing.T) {
			h := hostOf(t, func(c *Config) {
				c.CPUs, c.HZ, c.NICs[0].RXRing = 1, tc.hz, 4096
				c.Costs = kernel.Costs{Switch: kernel.Cost{Fixed: 100 * engine.Millisecond}, Driver: kernel.Cost{Fixed: 250 * engine.Microsecond / 64}}
			})
			h.AdvanceTo(engine.Second/10 + tc.phase*engine.Microsecond)
			for range 3000 {
				h.Inject(h.UDPFrame(sender, local, 10))
			}
			h.Advance(90 * time.Millisecond) // ksoftirqd is not there yet
			s := h.Snapshot().CPUs[0]
			require.EqualValues(t, tc.want, s.Softirqs[3], "NET_RX in /proc/softirqs")
			require.EqualValues(t, 64*tc.want, s.Softnet.Processed)
			require.EqualValues(t, 1, s.KsoftirqdWakeups)
		})
	}
}

// NAPI-9, K310-2, K310-4: a thousand frames wait in one queue. 4.0 asks for the
// budget after a poll, so that it counts with nothing left if there is no budget
// at all; 3.10 asks before one, polls again while there is budget, and polls
// nothing without.
func TestNAPI9Budgets(t *testing.T) {
	for name, tc := range map[string]struct {
		k        kernel.Profile
		runs     map[int]int // by netdev_budget
		squeezes map[int]int
	}{
		"NAPI-9 linux-4.0": {kernel.Linux40(), map[int]int{-5: 17, 0: 17, 1: 17, 64: 17, 65: 17, 640: 17}, map[int]int{-5: 17, 0: 17, 1: 15, 64: 15}},
		"K310-4 linux-3.10": {kernel.Linux310(), map[int]int{1: 17, 64: 17, 65: 9, 128: 9, 129: 7, 300: 5, 640: 3},
			map[int]int{1: 15, 64: 15, 65: 7, 128: 7, 129: 5, 300: 3, 640: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			for budget, runs := range tc.runs {
				h := hostOf(t, func(c *Config) {
					c.Kernel, c.CPUs, c.NICs[0].RXRing, c.Softirq.NetdevBudget = tc.k, 1, 4096, budget
					c.Costs = kernel.Costs{Driver: kernel.Cost{Fixed: engine.Microsecond}}
				})
				for range 1000 {
					h.Inject(h.UDPFrame(sender, local, 10))
				}
				h.Advance(3 * time.Millisecond)
				s := h.Snapshot().CPUs[0]
				require.EqualValues(t, 1000, s.Softnet.Processed)
				require.EqualValues(t, runs, s.Softirqs[3], "budget %d: runs, the last of which finds nothing (IRQ-5)", budget)
				require.EqualValues(t, tc.squeezes[budget], s.Softnet.TimeSqueeze, "budget %d", budget)
			}
		})
	}
}
