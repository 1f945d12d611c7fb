package sim

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// read returns a file that the host shows, without its newline.
func read(t *testing.T, h *Host, name string) string {
	t.Helper()
	b, err := fs.ReadFile(h.FS(), name)
	require.NoError(t, err)
	return strings.TrimSuffix(string(b), "\n")
}

// TestAffinity is where interrupts go that nobody has placed, and what
// /proc/irq says of it.
func TestAffinity(t *testing.T) {
	for name, tc := range map[string]struct {
		change      func(*Config)
		cpus        []int  // of the queue vectors
		first, list string // of the second one: smp_affinity, smp_affinity_list
		hint        string
	}{
		"RX-39 hints":                  {func(*Config) {}, []int{0, 1, 2, 3}, "2", "1", "2"},
		"RX-39 CPU v is not online":    {func(c *Config) { c.CPUs = 2; c.NICs[0].Combined = 4 }, []int{0, 1}, "2", "1", "2"},
		"RX-39 ntuple mode":            {func(c *Config) { c.NICs[0].NTuple = true }, []int{0, 0, 0, 0}, "f", "0-3", "0"},
		"K310-19 a hint moves nothing": {func(c *Config) { c.Kernel = kernel.Linux310() }, []int{0, 0, 0, 0}, "f", "0-3", "2"},
		"RX-39 igb hints at nothing": {func(c *Config) {
			c.NICs[0].Config = nic.DefaultIgb()
			c.NICs[0].Combined = 3
		}, []int{0, 0, 0, 0, 0, 0}, "f", "0-3", "0"},
		"RX-39 told otherwise": {func(c *Config) {
			c.NICs[0].Affinity = map[string][]int{"TxRx-1": {3, 2}}
		}, []int{0, 2, 2, 3}, "c", "2-3", "2"},
		"RPS-1a 40 CPUs": {func(c *Config) {
			c.CPUs = 40
			c.NICs[0].Affinity = map[string][]int{"TxRx-1": {33, 35}}
		}, []int{0, 33, 2, 3}, "0a,00000000", "33,35", "00,00000002"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hostOf(t, func(c *Config) { c.NICs[0].Combined = 4 }, tc.change)
			var got []int
			for _, v := range h.ports[0].Vectors() {
				got = append(got, v.Core().ID())
			}
			require.Equal(t, tc.cpus, got)
			dir := "proc/irq/65/"
			if h.ports[0].OtherFirst() {
				dir = "proc/irq/66/"
			}
			require.Equal(t, tc.first, read(t, h, dir+"smp_affinity"))
			require.Equal(t, tc.list, read(t, h, dir+"smp_affinity_list"))
			require.Equal(t, tc.hint, read(t, h, dir+"affinity_hint"))
		})
	}
}

// Many queues and many CPUs: 63 queues of one port and one of another on 256
// CPUs; every queue's interrupts go to its own CPU.
func TestRX36ManyQueues(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.CPUs = 256
		c.NICs[0].Combined = 0
		c.NICs = append(c.NICs, DefaultNIC("eth1"))
		c.NICs[1].Addr += 256
		c.NICs[1].Affinity = map[string][]int{"TxRx-0": {255}}
	})
	require.Len(t, h.ports[0].Queues(), 63)
	require.Len(t, h.ports[0].Vectors(), 63)
	for i, v := range h.ports[0].Vectors() {
		require.Equal(t, i, v.Core().ID())
	}
	require.Equal(t, "80000000"+strings.Repeat(",00000000", 7), read(t, h, "proc/irq/128/smp_affinity"))
	require.Len(t, strings.Split(read(t, h, "proc/net/softnet_stat"), "\n"), 256)
}

// A whole run of such a machine: 256 CPUs, 64 queues, frames for all of them;
// both executives agree.
func TestManyQueuesRun(t *testing.T) {
	run := func(naive bool) (Snapshot, uint64) {
		h := hostOf(t, func(c *Config) {
			c.CPUs, c.Naive = 256, naive
			c.NICs[0].Combined = 0
			c.NICs = append(c.NICs, DefaultNIC("eth1"))
			c.NICs[1].Addr += 256
			c.NICs[1].Affinity = map[string][]int{"TxRx-0": {255}}
			c.NICs[1].RPS = map[string][]int{"rx-0": {100, 200}}
			for i := range 4 {
				c.Apps = append(c.Apps, scenario.App{Name: fmt.Sprint(i), CPUs: []int{60 + 60*i}, Sockets: []socket.Config{
					{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), 5000+uint16(i))},
				}})
			}
		})
		for i := range 400 {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i % 2), byte(3 + i/2)}), 1000)
			to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i % 2), 2}), 5000+uint16(i%4))
			h.InjectOn([]string{"eth0", "eth1"}[i%2], skb.NewUDP(h.cfg.NICs[i%2].MAC, from, to, 100))
		}
		h.Advance(2 * time.Millisecond)
		require.NoError(t, h.CheckLedger())
		return h.Snapshot(), h.Digest()
	}
	lazy, digest := run(false)
	require.EqualValues(t, 400, lazy.Net.UDP.InDatagrams)
	naive, same := run(true)
	require.Equal(t, lazy, naive)
	require.Equal(t, digest, same)
}

// RPS-1: a mask may name CPUs that are possible and not online; the map holds
// those that are online, in ascending order, and no map is left if none is.
func TestRPS1OfflineCPUs(t *testing.T) {
	const file = "sys/class/net/eth0/queues/rx-0/rps_cpus"
	h := hostOf(t, func(c *Config) { c.CPUs, c.PossibleCPUs = 4, 8 })
	processed := func() (out []uint64) {
		d := send(t, h, h.UDPFrame(sender, local, 10), 10)
		for i := range d.CPUs {
			out = append(out, d.CPUs[i].Softnet.Processed)
		}
		return out
	}
	require.NoError(t, h.WriteFile(file, "f4\n"))
	require.Equal(t, "04", read(t, h, file), "two digits for eight possible CPUs")
	require.Equal(t, []uint64{0, 0, 10, 0}, processed(), "CPU 2 is the only one online")
	require.NoError(t, h.WriteFile(file, "f0"))
	require.Equal(t, "00", read(t, h, file))
	require.Equal(t, []uint64{10, 0, 0, 0}, processed(), "no map: where they are polled")

	err := h.WriteFile(file, "300")
	require.ErrorContains(t, err, "nics[eth0].rps.rx-0 = 8: want 0 to 7", "bits that no CPU can have")
	require.Len(t, cfgerr.All(err), 1, "one line for two bits")
	require.NoError(t, h.Change(func(c *Config) { c.NICs[0].RPS["rx-0"] = []int{2, 3, 2, 2} }))
	require.Equal(t, "0c", read(t, h, file))
	require.Equal(t, []int{2, 3}, h.ip.Device(2).RPSMap(0), "a CPU stands in the map once")

	require.NoError(t, h.WriteFile("proc/irq/64/smp_affinity", "f2"))
	require.Equal(t, "f2", read(t, h, "proc/irq/64/smp_affinity"))
	require.Equal(t, 1, h.ports[0].Vectors()[0].Core().ID(), "the first that is online")
	require.ErrorContains(t, h.WriteFile("proc/irq/64/smp_affinity", "f0"), "EINVAL")
}

// RPS-1: rps_flow_cnt takes a number and rounds it up to a power of two.
func TestRPS1FlowCntFile(t *testing.T) {
	const file = "sys/class/net/eth0/queues/rx-0/rps_flow_cnt"
	h := hostOf(t)
	for text, want := range map[string]string{"5000\n": "8192", "4096": "4096", "1": "1", "0": "0"} {
		require.NoError(t, h.WriteFile(file, text))
		require.Equal(t, want, read(t, h, file))
	}
	require.ErrorContains(t, h.WriteFile(file, "536870913"), "want 0 to 536870912")
}

// RPS-1, RX-38: a queue that goes takes its flow table with it, and when it comes
// back it has none.
func TestRPS1FlowTablesOfChannels(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.NICs[0].Combined = 4
		c.NICs[0].RPSFlowCnt = map[string]int{"rx-1": 16, "rx-3": 32}
	})
	sizes := func() (out []string) {
		for _, q := range []string{"rx-0", "rx-1", "rx-2", "rx-3"} {
			if _, err := fs.Stat(h.FS(), "sys/class/net/eth0/queues/"+q); err == nil {
				out = append(out, read(t, h, "sys/class/net/eth0/queues/"+q+"/rps_flow_cnt"))
			}
		}
		return out
	}
	require.Equal(t, []string{"0", "16", "0", "32"}, sizes())
	require.NoError(t, h.Set("nics[eth0].channels.combined", "2"))
	require.Equal(t, []string{"0", "16"}, sizes())
	require.NoError(t, h.Set("nics[eth0].channels.combined", "4"))
	require.Equal(t, []string{"0", "16", "0", "0"}, sizes())
}
