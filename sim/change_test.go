package sim

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// TestSet changes settings of a host that runs, by their paths and through the
// files that it shows, and looks at what the host shows then.
func TestSet(t *testing.T) {
	for name, tc := range map[string]struct {
		path, value string
		file, want  string
	}{
		"RX-1 ethtool -G rx 0 sets the least":              {"nics[eth0].ring.rx", "0", "ethtool/eth0/g", "Current hardware settings:\nRX:\t\t64\n"},
		"ODD-13 ethtool -G rx 8192 succeeds and sets 4096": {"nics[eth0].ring.rx", "8192", "ethtool/eth0/g", "Current hardware settings:\nRX:\t\t4096"},
		"ethtool -C":             {"nics[0].coalesce.rx-usecs", "30", "ethtool/eth0/c", "rx-usecs: 30"},
		"ethtool -L":             {"nics[0].channels.combined", "3", "ethtool/eth0/l", "Combined:\t3"},
		"ethtool -A":             {"nics[0].pause.tx", "off", "ethtool/eth0/a", "TX:\t\toff"},
		"ip link set mtu":        {"nics[0].mtu", "9000", "sys/class/net/eth0/mtu", "9000"},
		"ip link set down":       {"nics[0].up", "false", "sys/class/net/eth0/operstate", "down"},
		"no carrier":             {"nics[0].carrier", "false", "sys/class/net/eth0/carrier", "0"},
		"ip link set promisc on": {"nics[0].promisc", "on", "sys/class/net/eth0/flags", "0x1103"},
		"rps_cpus":               {"nics[0].rps.rx-1", "[1-2]", "sys/class/net/eth0/queues/rx-1/rps_cpus", "6"},
		"smp_affinity":           {"nics[0].irq_affinity.TxRx-1", `"c"`, "proc/irq/65/smp_affinity", "c"},
		"one CPU":                {"nics[0].irq_affinity.TxRx-1", "3", "proc/irq/65/smp_affinity_list", "3"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hostOf(t, func(c *Config) { c.NICs[0].Combined = 2 })
			h.Advance(time.Millisecond)
			require.NoError(t, h.Set(tc.path, tc.value))
			require.Contains(t, read(t, h, tc.file), tc.want)
			h.Advance(time.Millisecond)
			require.NoError(t, h.CheckLedger())
		})
	}
	t.Run("a sysctl", func(t *testing.T) {
		h := hostOf(t)
		require.NoError(t, h.Set("net.core.netdev_budget", "17"))
		require.NoError(t, h.Set("net.ipv4.udp_mem", "1 2 3"))
		require.NoError(t, h.Set("net.core.flow_limit_cpu_bitmap", `"3"`))
		require.Equal(t, 17, h.softnet.Config.NetdevBudget)
		require.Equal(t, [3]int{1, 2, 3}, h.sockets.Memory.Limits.UDPMem)
		require.Equal(t, []int{0, 1}, h.Config().Softirq.FlowLimitCPUs)
	})
	t.Run("as files", func(t *testing.T) {
		h := hostOf(t, func(c *Config) { c.NICs[0].Combined = 2 })
		for file, text := range map[string]string{
			"proc/irq/65/smp_affinity": "c\n", "proc/irq/64/smp_affinity_list": "1,3\n",
			"sys/class/net/eth0/queues/rx-0/rps_cpus": "6\n", "sys/class/net/eth0/mtu": "2000\n",
		} {
			require.NoError(t, h.WriteFile(file, text), file)
			require.Equal(t, strings.TrimSpace(text), read(t, h, file))
		}
		require.NoError(t, h.WriteFile("proc/sys/net/core/netdev_budget", "18\n"))
		require.Equal(t, 18, h.softnet.Config.NetdevBudget)
		for file, text := range map[string]string{
			"proc/irq/99/smp_affinity": "1", "proc/irq/64/smp_affinity": "g", "proc/irq/64/node": "0", "proc/net/dev": "x",
			"proc/irq/65/smp_affinity_list": "4", "sys/class/net/eth0/queues/rx-7/rps_cpus": "1", "proc/irq/64/smp_affinity_list": "",
		} {
			require.Error(t, h.WriteFile(file, text), file)
		}
	})
	t.Run("what is wrong", func(t *testing.T) {
		h := hostOf(t)
		before := h.Config()
		for path, want := range map[string]string{
			"nics[eth0].rign.rx": "ring.rx", "nics[eth1].ring.rx": "the name of a nic", "host.cpus": "can change while the host runs",
			"nics[0].driver": "can change while the host runs", "net.core.nothing": "a sysctl that there is", "nics[0].ring.rx": "whole number",
			"nics[0].mtu": "whole number", "nics[0].up": "true or false", "nics[0].rps.rx-0": "a CPU mask", "nics[0].rx-flow-hash.udp4": "EINVAL",
		} {
			require.ErrorContains(t, h.Set(path, "x"), want, path)
		}
		require.ErrorContains(t, h.Set("nics[0].mtu", "9711"), "68 to 9710")
		require.ErrorContains(t, h.Set("nics[0].coalesce.rx-usecs", "1023"), "0 to 1022")
		require.ErrorContains(t, h.Set("nics[0].irq_affinity.TxRx-4", "0"), "one of TxRx-0")
		require.ErrorContains(t, h.Change(func(c *Config) { c.CPUs = 2 }), "can't change while the host runs")
		require.ErrorContains(t, h.Change(func(c *Config) { c.NICs = nil }), "nics")
		require.ErrorContains(t, h.Change(func(c *Config) { c.NICs[0].Name = "eth7" }), "name")
		require.Equal(t, before, h.Config(), "nothing has changed")
	})
}

// RX-38: masks of queues that are gone go with them, and affinities with the
// interrupts; those that are asked for at the same time stay.
func TestRX38Masks(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		n := &c.NICs[0]
		n.Combined = 4
		n.RPS = map[string][]int{"rx-0": {1}, "rx-3": {2}}
		n.Affinity = map[string][]int{"TxRx-0": {3}, "TxRx-1": {3}}
	})
	require.NoError(t, h.Change(func(c *Config) {
		c.NICs[0].Combined = 2
		c.NICs[0].Affinity["TxRx-1"] = []int{2}
	}))
	n := h.Config().NICs[0]
	require.Equal(t, map[string][]int{"rx-0": {1}}, n.RPS)
	require.Equal(t, map[string][]int{"TxRx-1": {2}}, n.Affinity)
	require.Equal(t, 0, h.ports[0].Vectors()[0].Core().ID(), "RX-39: the hint")
	require.Equal(t, 2, h.ports[0].Vectors()[1].Core().ID())
}

// RX-39: an interface that comes up hints anew, and in 4.0 that moves interrupts.
func TestRX39HintAtUp(t *testing.T) {
	h := hostOf(t, func(c *Config) { c.NICs[0].Combined = 2 })
	require.NoError(t, h.Set("nics[0].irq_affinity.TxRx-1", "3"))
	require.Equal(t, 3, h.ports[0].Vectors()[1].Core().ID())
	require.NoError(t, h.Set("nics[0].up", "false"))
	require.NotContains(t, read(t, h, "proc/interrupts"), "eth0")
	require.NoError(t, h.Set("nics[0].up", "true"))
	require.Equal(t, 1, h.ports[0].Vectors()[1].Core().ID())
}

// NAPI-2: an affinity acts at the next interrupt: the poll that is under way
// stays where it is.
func TestNAPI2AffinityAtRunTime(t *testing.T) {
	h := hostOf(t)
	bindTo(t, h, socket.Config{Local: local})
	for range 100 {
		h.Inject(h.UDPFrame(sender, local, 10))
	}
	h.Advance(3 * time.Microsecond) // the interrupt is under way, or its poll
	require.NoError(t, h.Set("nics[0].irq_affinity.TxRx-0", "2"))
	h.Advance(30 * time.Millisecond)
	h.Inject(h.UDPFrame(sender, local, 10))
	h.Advance(30 * time.Millisecond)
	counts := h.Snapshot().IRQs[0].Counts
	require.EqualValues(t, 1, counts[0])
	require.Positive(t, counts[2])
	require.NoError(t, h.CheckLedger())
}

// A CPU that only reads becomes one like any other when something is sent to it.
func TestPromotion(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.Apps = []scenario.App{{Name: "reader", CPUs: []int{3}, Sockets: []socket.Config{{Local: local}}}}
	})
	require.True(t, h.cores[3].Consumer())
	require.NoError(t, h.Set("nics[0].rps.rx-0", "[3]"))
	require.False(t, h.cores[3].Consumer())
	d := send(t, h, h.UDPFrame(sender, local, 10), 5)
	require.EqualValues(t, 5, d.CPUs[3].Softnet.Processed)
	require.EqualValues(t, 5, d.Net.UDP.InDatagrams)
}

// The same in the middle of its reader's work: what is due on it is done once,
// at its time, whichever executive runs it.
func TestPromotionOfABusyCPU(t *testing.T) {
	run := func(naive bool) (Snapshot, uint64) {
		h := hostOf(t, func(c *Config) {
			c.Naive = naive
			c.Apps = []scenario.App{{Name: "reader", CPUs: []int{3}, Sockets: []socket.Config{{Local: local}},
				Read: scenario.Read{Service: law.Constant(int64(100 * engine.Microsecond))}}}
		})
		for i := range 40 {
			h.Inject(h.UDPFrame(netip.AddrPortFrom(sender.Addr(), 1000+uint16(i)), local, 10))
			h.Advance(30 * time.Microsecond)
			if i == 10 {
				require.NoError(t, h.Set("nics[0].rps.rx-0", "[0, 3]"))
			}
		}
		h.Advance(20 * time.Millisecond)
		require.NoError(t, h.CheckLedger())
		return h.Snapshot(), h.Digest()
	}
	lazy, digest := run(false)
	naive, same := run(true)
	require.EqualValues(t, 40, lazy.Net.UDP.InDatagrams)
	require.Equal(t, naive, lazy)
	require.Equal(t, same, digest)
}

// Scheduled changes: made at their instants, in their order, listed with the scenario.
func TestScheduledChanges(t *testing.T) {
	sc := goldenScenario(100_000)
	sc.Run.For = 20 * engine.Millisecond
	sc.Changes = []scenario.Change{
		{At: 15 * engine.Millisecond, Set: []scenario.Setting{{Path: "nics[eth0].channels.combined", Value: "2"}}},
		{At: 0, Set: []scenario.Setting{{Path: "nics[eth0].carrier", Value: "false"}}},
		{At: 10 * engine.Millisecond, Set: []scenario.Setting{{Path: "nics[eth0].carrier", Value: "true"}, {Path: "net.core.netdev_budget", Value: "64"}}},
	}
	res, err := Run(context.Background(), &sc, Options{})
	require.NoError(t, err)
	require.InDelta(t, 1000, res.Partner, 150, "lost at the partner in the first half")
	require.InDelta(t, 1000, res.Snapshot.Ledger.Frames, 150)
	require.Less(t, res.Snapshot.Devices[1].Link.RXPackets, res.Snapshot.Ledger.Frames, "ODD-13: counters began anew at 15 ms")
	require.Len(t, res.Snapshot.Devices[1].RXQueues, 2)

	for name, c := range map[string]scenario.Change{
		"changes[3].at":             {At: 21 * engine.Millisecond, Set: []scenario.Setting{{Path: "nics[0].mtu", Value: "1000"}}},
		"changes[3].set":            {},
		"changes[3].set.nics[0].up": {Set: []scenario.Setting{{Path: "nics[0].up", Value: "perhaps"}}},
	} {
		bad := sc
		bad.Changes = append(bad.Changes[:3:3], c)
		require.ErrorContains(t, bad.Validate(), name)
	}
}

// A reset is a loss, in the ring's place of the waterfall.
func TestHWResetInTheWaterfall(t *testing.T) {
	h := hostOf(t, func(c *Config) { c.NICs[0].RXUsecs = 1000 })
	h.Inject(h.UDPFrame(sender, local, 10))
	h.Advance(100 * time.Microsecond) // the next interrupt is 900 µs away
	for range 10 {
		h.Inject(h.UDPFrame(sender, local, 10))
	}
	h.Advance(20 * time.Microsecond)
	before := h.Snapshot()
	require.NoError(t, h.Set("nics[0].ring.rx", "64"))
	d := h.Snapshot().Sub(before)
	require.Positive(t, d.Ledger.Dropped[skb.HWReset])
	require.Equal(t, nic.DriverIxgbe, h.Config().NICs[0].Driver)
	fall := h.Waterfall()
	require.Equal(t, fall.Offered, total(fall.Frames))
}

// ODD-13: ethtool -L resets rx_packets to 0.
func TestODD13Channels(t *testing.T) {
	h := hostOf(t, func(c *Config) { c.NICs[0].Combined = 2 })
	send(t, h, h.UDPFrame(sender, local, 10), 7)
	require.Equal(t, "7", read(t, h, "sys/class/net/eth0/statistics/rx_packets"))
	require.NoError(t, h.Set("nics[0].channels.combined", "1"))
	require.Equal(t, "0", read(t, h, "sys/class/net/eth0/statistics/rx_packets"))
}
