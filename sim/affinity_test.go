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
