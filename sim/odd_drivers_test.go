package sim

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// What is surprising about drivers and interrupts, as a host's files show it.

// ethtool returns a line of `ethtool -S`.
func ethtool(t *testing.T, h *Host, dev, name string) int {
	t.Helper()
	m := regexp.MustCompile(` ` + name + `: (\d+)\n`).FindStringSubmatch(read(t, h, "ethtool/"+dev+"/S") + "\n")
	require.NotNil(t, m, name)
	n, err := strconv.Atoi(m[1])
	require.NoError(t, err)
	return n
}

// interrupts returns the sum of a row of /proc/interrupts.
func interrupts(t *testing.T, h *Host, name string) (sum int) {
	t.Helper()
	for line := range strings.Lines(read(t, h, "proc/interrupts")) {
		fields := strings.Fields(line)
		if fields[len(fields)-1] != name {
			continue
		}
		for _, f := range fields[1 : 1+h.cfg.CPUs] {
			n, err := strconv.Atoi(f)
			require.NoError(t, err)
			sum += n
		}
	}
	return sum
}

// ODD-11: UDP between two addresses lands in one queue of the NIC whatever the
// ports are; but RPS spreads it, because it computes a hash of its own.
func TestODD11PortsAndQueues(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.NICs[0].Combined = 4
		c.NICs[0].RPS = map[string][]int{"rx-0": {0, 1, 2, 3}, "rx-1": {0, 1, 2, 3}, "rx-2": {0, 1, 2, 3}, "rx-3": {0, 1, 2, 3}}
	})
	bindTo(t, h, socket.Config{Local: local, RcvBufForce: 1 << 24})
	for p := range uint16(64) {
		h.Inject(h.UDPFrame(netip.AddrPortFrom(sender.Addr(), 1000+p), local, 10))
	}
	h.Advance(10 * time.Millisecond)
	used := 0
	for q := range 4 {
		if n := ethtool(t, h, "eth0", fmt.Sprintf("rx_queue_%d_packets", q)); n > 0 {
			require.Equal(t, 64, n)
			used++
		}
	}
	require.Equal(t, 1, used, "one queue")
	for cpu, s := range h.Snapshot().CPUs {
		require.Positive(t, s.Softnet.Processed, "CPU %d", cpu)
	}
}

// ODD-12: 24 CPUs give 24 queues, but RSS uses only 16 of them.
func TestODD12Queues(t *testing.T) {
	h := hostOf(t, func(c *Config) { c.CPUs, c.NICs[0].Combined = 24, 0 })
	require.Contains(t, read(t, h, "ethtool/eth0/l"), "Current hardware settings:\nRX:\t\t0\nTX:\t\t0\nOther:\t\t1\nCombined:\t24")
	for i := range 1000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1000)
		h.Inject(h.UDPFrame(from, local, 10))
	}
	h.Advance(10 * time.Millisecond)
	for q := range 24 {
		n := ethtool(t, h, "eth0", fmt.Sprintf("rx_queue_%d_packets", q))
		require.Equal(t, q < 16, n > 0, "queue %d: %d", q, n)
	}
}

// ODD-16: an idle vector interrupts every two seconds; after a busy session there
// is often one more interrupt, whose poll finds nothing.
func TestODD16IdleInterrupts(t *testing.T) {
	h := hostOf(t)
	h.Advance(11 * time.Second)
	require.Equal(t, 5, interrupts(t, h, "eth0-TxRx-0"))

	h = hostOf(t)
	h.Inject(h.UDPFrame(sender, local, 10))
	h.Inject(h.UDPFrame(sender, local, 10)) // arrives while the poll for the first is under way
	h.Advance(10 * time.Millisecond)
	require.Equal(t, 2, interrupts(t, h, "eth0-TxRx-0"))
	require.EqualValues(t, 2, h.ports[0].Vectors()[0].Polls)
	require.EqualValues(t, 2, h.Snapshot().Devices[1].Link.RXPackets)
}

// ODD-17: dynamic moderation never comes to its slowest setting from below: in
// bulk traffic it makes 8005 interrupts a second, not 7875.
func TestODD17Stalls(t *testing.T) {
	h := hostOf(t)
	c := traffic.DefaultConfig()
	c.Name, c.To, c.DstMAC, c.Dst, c.MilliPPS, c.Size = "bulk", "eth0", h.cfg.NICs[0].MAC, local, 200_000_000, law.Constant(1518)
	c.Arrivals.Kind = traffic.Constant
	src, err := traffic.New(c, 1)
	require.NoError(t, err)
	h.ports[0].Connect(src)
	h.AdvanceTo(engine.Second)
	before := interrupts(t, h, "eth0-TxRx-0")
	h.AdvanceTo(2 * engine.Second)
	require.InDelta(t, 8005, interrupts(t, h, "eth0-TxRx-0")-before, 1)
}

// ODD-30: igb counts an overflow of its packet buffer twice, as missed and as a
// FIFO error, and /proc/net/dev shows both. With several queues it discards
// instead, whatever flow control says.
func TestODD30Igb(t *testing.T) {
	flood := func(queues int) *Host {
		h := hostOf(t, func(c *Config) {
			c.NICs[0].Config = nic.DefaultIgb()
			c.NICs[0].Combined = queues
			c.Costs.Driver.Fixed = 100 * engine.Microsecond
		})
		for range 5000 {
			h.Inject(h.UDPFrame(sender, local, 10))
		}
		h.Advance(50 * time.Millisecond)
		return h
	}
	columns := func(h *Host) (drop, fifo int) {
		for line := range strings.Lines(read(t, h, "proc/net/dev")) {
			if f := strings.Fields(line); f[0] == "eth0:" {
				drop, _ = strconv.Atoi(f[4])
				fifo, _ = strconv.Atoi(f[5])
			}
		}
		return drop, fifo
	}
	one := flood(1)
	drop, fifo := columns(one)
	require.Positive(t, drop)
	require.Equal(t, drop, fifo)
	require.Equal(t, drop, ethtool(t, one, "eth0", "rx_missed_errors"))
	require.Equal(t, drop, ethtool(t, one, "eth0", "rx_fifo_errors"))

	two := flood(2)
	drop, fifo = columns(two)
	require.Zero(t, drop)
	require.Positive(t, fifo)
	require.Contains(t, read(t, two, "ethtool/eth0/a"), "TX:\t\ton", "although it could send pause frames")
}

// The texts of ethtool for igb: 4.7 with its own values (IGB-1, IGB-5, IGB-11).
func TestIgbTexts(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.NICs[0].Config = nic.DefaultIgb()
		c.NICs[0].Combined = 2
	})
	for file, want := range map[string]string{
		"i": "driver: igb\nversion: 5.2.15-k\n",
		"g": "Pre-set maximums:\nRX:\t\t4096\nRX Mini:\t0\nRX Jumbo:\t0\nTX:\t\t4096\nCurrent hardware settings:\nRX:\t\t256\nRX Mini:\t0\nRX Jumbo:\t0\nTX:\t\t256\n",
		"c": "rx-usecs: 3\n",
		"a": "Autonegotiate:\ton\nRX:\t\ton\nTX:\t\ton\n",
		"l": "Other:\t\t1\nCombined:\t8\nCurrent hardware settings:\nRX:\t\t0\nTX:\t\t0\nOther:\t\t1\nCombined:\t2\n",
		"x": "RX flow hash indirection table for eth0 with 2 RX ring(s):\n    0:      0     0     0     0     0     0     0     0\n",
	} {
		require.Contains(t, read(t, h, "ethtool/eth0/"+file)+"\n", want, "ethtool -%s", file)
	}
	require.Contains(t, read(t, h, "ethtool/eth0/c"), "tx-usecs: 3", "transmission has vectors of its own")
	require.NoError(t, h.Set("nics[eth0].coalesce.rx-usecs", "100"))
	require.Contains(t, read(t, h, "ethtool/eth0/c"), "rx-usecs: 100\n")
	require.Contains(t, read(t, h, "ethtool/eth0/c"), "tx-usecs: 3\n", "and a setting of its own, which nobody has changed")
	ixgbe := hostOf(t)
	_, err := ixgbe.FS().Open("ethtool/eth0/x")
	require.Error(t, err, "RX-33: no such operation")
	require.Equal(t, 722, strings.Count(read(t, ixgbe, "ethtool/eth0/S"), "\n")+1, "HW-28: 721 lines below the first")
}
