package nic

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// igbQueues is an igb port with that many queues, without moderation.
func igbQueues(n int) Config {
	c := DefaultIgb()
	c.Combined, c.RXUsecs = n, 0
	return c
}

// TestIGBRing is the ring of igb where it is not that of ixgbe.
func TestIGBRing(t *testing.T) {
	t.Run("IGB-1 clamped to 80..4096, rounded up to 8", func(t *testing.T) {
		require.Equal(t, 256, DefaultIgb().RXRing)
		for asked, want := range map[int]int{1: 80, 64: 80, 80: 80, 81: 88, 256: 256, 1001: 1008, 4090: 4096, 8192: 4096} {
			require.Equal(t, want, (&Config{Driver: DriverIgb, RXRing: asked}).RingSize(&kernel40), "ethtool -G rx %d", asked)
		}
	})
	t.Run("IGB-2 nothing stays unarmed between polls", func(t *testing.T) {
		for _, driver := range []string{DriverIgb, DriverIxgbe} {
			cfg := DefaultOf(driver)
			cfg.Combined, cfg.RXUsecs = 1, 0
			b := newBench(t, cfg, stalled)
			b.send(frameOf(60), 70)
			b.pollTimes(2)
			q := b.port.Queues()[0]
			require.EqualValues(t, 70, q.Packets)
			require.Equal(t, map[string]int{DriverIgb: 0, DriverIxgbe: 6}[driver], q.unused(), driver)
		}
	})
	t.Run("IGB-3 truesize as ixgbe", func(t *testing.T) {
		for length, want := range map[int]uint32{256: 896, 257: 2944} {
			b := newBench(t, igbQueues(1))
			var got uint32
			b.seen = func(p *skb.Buff) { got = p.Truesize }
			b.send(frameOf(length), 1)
			require.Equal(t, want, got, "%d bytes", length)
		}
	})
	t.Run("IGB-4 a poll charges 64 or nothing", func(t *testing.T) {
		b := newBench(t, igbQueues(1), stalled)
		b.send(frameOf(60), 65)
		b.pollTimes(2)
		require.Equal(t, []uint64{64, 1}, []uint64{b.polls[0].packets, b.polls[1].packets})
		require.Equal(t, []int{64, 0}, []int{b.polls[0].charged, b.polls[1].charged})
	})
	t.Run("IGB-4 a bad UDP checksum counts", func(t *testing.T) {
		b := newBench(t, igbQueues(1))
		f := frameOf(100)
		h := *f.Head
		h.UDPChecksum = skb.ChecksumBad
		f.Head = &h
		b.send(f, 3)
		b.until(b.now + engine.Millisecond)
		require.EqualValues(t, 3, b.ethtool("rx_queue_0_csum_err"))
	})
}

// TestIGBVectors is which interrupts igb has (IGB-5), by CPUs and chip.
func TestIGBVectors(t *testing.T) {
	for name, tc := range map[string]struct {
		chip   string
		cpus   int
		queues int
		want   string
	}{
		"IGB-5 one CPU":           {Chip82576, 1, 1, "rx-0 tx-0"},
		"IGB-5 four CPUs":         {Chip82576, 4, 4, "rx-0 rx-1 rx-2 rx-3 tx-0 tx-1 tx-2 tx-3"},
		"IGB-5 five CPUs":         {ChipI350, 5, 5, "TxRx-0 TxRx-1 TxRx-2 TxRx-3 TxRx-4"},
		"IGB-5 sixteen CPUs":      {ChipI350, 16, 8, "TxRx-0 TxRx-1 TxRx-2 TxRx-3 TxRx-4 TxRx-5 TxRx-6 TxRx-7"},
		"IGB-5 i210 has 4 queues": {ChipI210, 16, 4, "TxRx-0 TxRx-1 TxRx-2 TxRx-3"},
		"IGB-5 i211 has 2 queues": {ChipI211, 16, 2, "TxRx-0 TxRx-1"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultIgb()
			cfg.Chip = tc.chip
			p := portOf(cfg, tc.cpus)
			var got []string
			for _, v := range p.Vectors() {
				got = append(got, v.Label())
				require.Equal(t, "eth0-"+v.Label(), v.Name())
			}
			require.Equal(t, tc.want, strings.Join(got, " "))
			require.Len(t, p.Queues(), tc.queues)
			for i, q := range p.Queues() {
				require.Same(t, p.Vectors()[i], q.vector)
			}
			require.True(t, p.OtherFirst(), "the interrupt for link changes is the first")
			require.False(t, p.OtherLast())
		})
	}
}

// portOf returns a port on a machine with that many CPUs, to look at only.
func portOf(cfg Config, cpus int) *Port {
	var b bench
	return New("eth0", cfg, Env{Profile: &b.profile, Costs: &b.costs, Ledger: &b.ledger, CPUs: cpus, NAPI: b.instance})
}

// IGB-6: contiguous blocks, and what ethtool -X makes of the table.
func TestIGB6Indirection(t *testing.T) {
	count := func(x Indirection, queues int) (out []int) {
		cfg := igbQueues(queues)
		cfg.Indirection = x
		require.NoError(t, cfg.Validate(8))
		out = make([]int, queues)
		for _, q := range portOf(cfg, 8).table {
			out[q]++
		}
		return out
	}
	require.Equal(t, []int{32, 32, 32, 32}, count(Indirection{}, 4))
	require.Equal(t, []int{43, 43, 42}, count(Indirection{}, 3))
	for j, q := range portOf(igbQueues(3), 8).table {
		require.EqualValues(t, j*3/128, q, "entry %d", j)
	}
	require.Equal(t, []int{64, 64, 0, 0}, count(Indirection{Equal: 2}, 4), "ethtool -X eth0 equal 2")
	require.Equal(t, []int{96, 0, 32, 0}, count(Indirection{Weight: []int{3, 0, 1}}, 4), "ethtool -X eth0 weight 3 0 1")
	for name, cfg := range map[string]Config{
		"RX-33 ixgbe has no operation": {Driver: DriverIxgbe, Indirection: Indirection{Equal: 2}},
		"more than there are queues":   func() Config { c := igbQueues(2); c.Indirection = Indirection{Equal: 3}; return c }(),
		"weights for more":             func() Config { c := igbQueues(2); c.Indirection = Indirection{Weight: []int{1, 1, 1}}; return c }(),
		"no weight at all":             func() Config { c := igbQueues(2); c.Indirection = Indirection{Weight: []int{0, 0}}; return c }(),
	} {
		require.ErrorContains(t, cfg.Validate(8), "rss_table", name)
	}
	cfg := igbQueues(4)
	cfg.Indirection = Indirection{Weight: []int{0, 0, 0, 1}}
	require.EqualValues(t, 3, newBench(t, cfg).port.judge(frameOf(60).Head).queue, "frames go by the table")
}

// IGB-7, ODD-30: drop enable looks at the number of queues, not at flow control.
func TestIGB7DropEnable(t *testing.T) {
	for _, pause := range []bool{false, true} {
		for queues, want := range map[int]bool{1: false, 2: true} {
			cfg := igbQueues(queues)
			cfg.TXPause = pause
			require.Equal(t, want, newBench(t, cfg).port.dropEn, "%d queues, pause %v", queues, pause)
		}
	}
}

// IGB-8, ODD-30: where igb counts what it loses. 3000 frames meet a ring of 256
// that nobody polls.
func TestIGB8Losses(t *testing.T) {
	const frames, ring, fifo = 3000, 255, 64 << 10 / 64
	t.Run("IGB-8 one queue: the packet buffer overflows, counted twice", func(t *testing.T) {
		cfg := igbQueues(1)
		cfg.TXPause = false
		b := newBench(t, cfg, stalled)
		b.port.Connect(&train{frame: frameOf(60), start: us, gap: us, n: frames})
		b.until(10 * engine.Millisecond)
		require.Equal(t, mib.Link{RXMissedErrors: frames - ring - fifo, RXFIFOErrors: frames - ring - fifo}, b.port.Link())
		require.EqualValues(t, 1, b.ethtool("rx_no_buffer_count"), "the head of the packet buffer found no descriptor, and waits")
		require.Zero(t, b.ethtool("rx_queue_0_drops"))
	})
	t.Run("IGB-8 several queues: discarded, a FIFO error", func(t *testing.T) {
		b := newBench(t, igbQueues(2), stalled)
		f := frameOf(60)
		q := b.port.judge(f.Head).queue
		b.port.Connect(&train{frame: f, start: us, gap: us, n: frames})
		b.until(10 * engine.Millisecond)
		require.Equal(t, mib.Link{RXFIFOErrors: frames - ring}, b.port.Link())
		require.EqualValues(t, frames-ring, b.ethtool(fmt.Sprintf("rx_queue_%d_drops", q)))
		require.Zero(t, b.ethtool("rx_no_buffer_count"))
	})
	t.Run("IGB-8 errors", func(t *testing.T) {
		b := newBench(t, igbQueues(1))
		runt := frameOf(60)
		runt.Len = 40
		b.send(runt, 2)
		b.send(frameOf(1600), 3)
		f := frameOf(60)
		h := *f.Head
		h.Fault = skb.FaultCRC
		f.Head = &h
		b.send(f, 4)
		require.Equal(t, mib.Link{RXErrors: 9, RXLengthErrors: 5, RXCRCErrors: 4}, b.port.Link())
	})
}

// IGB-9: what the hardware has counted shows at once, not at the next service
// run; -S has the MAC's packets and bytes, the interface the rings'.
func TestIGB9Fresh(t *testing.T) {
	b := newBench(t, igbQueues(1), stalled)
	b.send(frameOf(100), 7)
	require.EqualValues(t, 0, b.port.Link().RXPackets)
	require.EqualValues(t, 7, b.ethtool("rx_packets"))
	require.EqualValues(t, 7*104, b.ethtool("rx_bytes"))
	b.pollTimes(1)
	require.EqualValues(t, 7, b.port.Link().RXPackets)
	require.EqualValues(t, 7*100, b.port.Link().RXBytes)

	b = newBench(t, igbQueues(2))
	b.until(3 * engine.Second)
	for _, v := range b.port.Vectors() {
		require.EqualValues(t, 1, v.Asserts, "the watchdog has triggered %s", v.Name())
	}
}

// IGB-10: the lines of ethtool -S.
func TestIGB10Order(t *testing.T) {
	var names []string
	for _, s := range portOf(igbQueues(2), 4).EthtoolStats(0) {
		names = append(names, s.Name)
	}
	const want = `rx_packets tx_packets rx_bytes tx_bytes rx_broadcast tx_broadcast rx_multicast tx_multicast multicast
  collisions rx_crc_errors rx_no_buffer_count rx_missed_errors tx_aborted_errors tx_carrier_errors tx_window_errors
  tx_abort_late_coll tx_deferred_ok tx_single_coll_ok tx_multi_coll_ok tx_timeout_count rx_long_length_errors
  rx_short_length_errors rx_align_errors tx_tcp_seg_good tx_tcp_seg_failed rx_flow_control_xon rx_flow_control_xoff
  tx_flow_control_xon tx_flow_control_xoff rx_long_byte_count tx_dma_out_of_sync tx_smbus rx_smbus dropped_smbus
  os2bmc_rx_by_bmc os2bmc_tx_by_bmc os2bmc_tx_by_host os2bmc_rx_by_host tx_hwtstamp_timeouts rx_hwtstamp_cleared
  rx_errors tx_errors tx_dropped rx_length_errors rx_over_errors rx_frame_errors rx_fifo_errors tx_fifo_errors tx_heartbeat_errors
  tx_queue_0_packets tx_queue_0_bytes tx_queue_0_restart tx_queue_1_packets tx_queue_1_bytes tx_queue_1_restart
  rx_queue_0_packets rx_queue_0_bytes rx_queue_0_drops rx_queue_0_csum_err rx_queue_0_alloc_failed
  rx_queue_1_packets rx_queue_1_bytes rx_queue_1_drops rx_queue_1_csum_err rx_queue_1_alloc_failed`
	require.Equal(t, strings.Fields(want), names)
}

// TestIGB11Setting: rx-usecs of igb.
func TestIGB11Setting(t *testing.T) {
	t.Run("IGB-11 to the register", func(t *testing.T) {
		for usecs, want := range map[int]engine.Time{
			0: us, 1: 162 * us, 3: 162 * us, 10: 10 * us, 125: 125 * us, 8191: 8191 * us, 8192: us, 10_000: 1808 * us,
		} {
			cfg := igbQueues(1)
			cfg.RXUsecs = usecs
			require.Equal(t, want, newBench(t, cfg).port.Vectors()[0].interval, "rx-usecs %d", usecs)
		}
		require.Equal(t, 3, DefaultIgb().RXUsecs)
	})
	t.Run("IGB-11 what is refused", func(t *testing.T) {
		for usecs := -1; usecs <= 10_001; usecs++ {
			cfg := igbQueues(1)
			cfg.RXUsecs = usecs
			fine := usecs == 0 || usecs == 1 || usecs == 3 || usecs >= 10 && usecs <= 10_000
			require.Equal(t, fine, cfg.Validate(4) == nil, "rx-usecs %d", usecs)
		}
	})
	t.Run("IGB-11 written at the start of the next interrupt", func(t *testing.T) {
		cfg := igbQueues(1)
		cfg.RXUsecs = 3
		b := newBench(t, cfg)
		v := b.port.Vectors()[0]
		b.send(frameOf(100), 1)
		require.Equal(t, 196, v.itr, "computed when the poll was done")
		require.Equal(t, 162*us, v.interval, "not written yet")
		b.until(b.now + engine.Millisecond)
		b.send(frameOf(100), 1)
		require.Equal(t, 49*us, v.interval)
		require.Equal(t, 162*us, v.notBefore-(b.polls[1].at-1), "the countdown that runs is the old one")
	})
}

// IGB-12: with several vectors the average size of a frame decides.
func TestIGB12FrameSize(t *testing.T) {
	for _, tc := range []struct {
		usecs, bytes, packets int
		link                  int64
		want                  int
	}{
		{1, 60, 1, gigabit, 42},                 // (60+24)/2
		{3, 60, 1, gigabit, 196},                // conservative: at least 49 µs
		{1, 276, 1, gigabit, 150},               // 300 is not between
		{1, 277, 1, gigabit, 100},               // 301/3
		{1, 1175, 1, gigabit, 399},              // 1199/3
		{1, 1176, 1, gigabit, 600},              // 1200/2
		{1, 9000, 1, gigabit, 1500},             // at most 3000
		{1, 1514*3 + 60*3, 6, gigabit, 811 / 3}, // the mean
		{3, 1514, 1, gigabit, 769},              //
		{1, 60, 1, 100_000_000, 980},            // not 1 Gb/s
		{1, 0, 0, gigabit, 648},                 // no packets: unchanged
		{1, 0, 0, 100_000_000, 980},             // but not at another speed
	} {
		t.Run(fmt.Sprintf("IGB-12 %d bytes in %d frames, rx-usecs %d, %d", tc.bytes, tc.packets, tc.usecs, tc.link), func(t *testing.T) {
			cfg := igbQueues(2)
			cfg.RXUsecs, cfg.LinkBitsPerSecond = tc.usecs, tc.link
			p := newBench(t, cfg).port
			v := p.Vectors()[0]
			v.rxBytes, v.rxPackets = uint64(tc.bytes), uint64(tc.packets)
			igbModerate(v)
			require.Equal(t, tc.want, v.itr)
			require.Zero(t, v.rxBytes+v.rxPackets, "cleared")
		})
	}
}

// IGB-13: one vector moderates by classes.
func TestIGB13Classes(t *testing.T) {
	for _, tc := range []struct {
		from           latencyClass
		bytes, packets uint64
		want           latencyClass
	}{
		{lowestLatency, 8001, 1, bulkLatency}, {lowestLatency, 8000, 1, lowLatency}, {lowestLatency, 513, 4, lowLatency},
		{lowestLatency, 512, 4, lowestLatency}, {lowestLatency, 513, 5, lowestLatency},
		{lowLatency, 10_001, 9, bulkLatency}, {lowLatency, 10_010, 10, lowLatency}, {lowLatency, 12_010, 10, bulkLatency},
		{lowLatency, 10_001, 36, lowestLatency}, {lowLatency, 10_001, 35, lowLatency}, {lowLatency, 10_000, 4, bulkLatency},
		{lowLatency, 10_000, 5, lowLatency}, {lowLatency, 511, 2, lowestLatency}, {lowLatency, 512, 2, lowLatency}, {lowLatency, 511, 3, lowLatency},
		{bulkLatency, 25_001, 36, lowLatency}, {bulkLatency, 25_001, 35, bulkLatency}, {bulkLatency, 25_000, 36, bulkLatency},
		{bulkLatency, 1499, 1, lowLatency}, {bulkLatency, 1500, 1, bulkLatency},
	} {
		require.Equal(t, tc.want, tc.from.igbNext(tc.bytes, tc.packets), "%+v", tc)
	}
	cfg := igbQueues(1)
	cfg.MSI, cfg.RXUsecs = true, 1
	b := newBench(t, cfg)
	require.Len(t, b.port.Vectors(), 1)
	v := b.port.Vectors()[0]
	for class, itr := range map[latencyClass]int{lowestLatency: 56, lowLatency: 196, bulkLatency: 980} {
		v.class = class
		igbModerate(v)
		require.Equal(t, itr, v.itr)
	}
	v.setting, v.class = igbConservative, lowestLatency
	igbModerate(v)
	require.Equal(t, 196, v.itr, "setting 3 forbids the lowest class")
	v.class, v.rxBytes, v.rxPackets = lowestLatency, 9000, 1
	igbModerate(v)
	require.Equal(t, 980, v.itr, "at once: no smoothing")
	b.port.cfg.LinkBitsPerSecond, v.itr = 100_000_000, 0
	v.class = lowestLatency
	igbModerate(v)
	require.Equal(t, 980, v.itr, "not 1 Gb/s")
}

// IGB-14: the packet buffer and its marks, in bytes.
func TestIGB14PacketBuffer(t *testing.T) {
	for _, tc := range []struct {
		chip                string
		mtu                 int
		capacity, high, low int
	}{
		{Chip82576, 1500, 65536, 58976, 58960},
		{ChipI350, 1500, 36864, 33168, 33152},
		{Chip82576, 9000, 65536, 47488, 47472},
	} {
		cfg := igbQueues(1)
		cfg.Chip, cfg.MTU = tc.chip, tc.mtu
		f := newBench(t, cfg).port.fifo
		require.Equal(t, [3]int{tc.capacity, tc.high, tc.low}, [3]int{f.capacity, f.high, f.low}, "%+v", tc)
	}
}

// RX-40: without MSI-X there is one queue and one interrupt with the device's name.
func TestRX40MSI(t *testing.T) {
	for _, driver := range []string{DriverIxgbe, DriverIgb} {
		cfg := DefaultOf(driver)
		cfg.MSI = true
		p := portOf(cfg, 8)
		require.Len(t, p.Queues(), 1)
		require.Len(t, p.Vectors(), 1)
		require.Equal(t, "eth0", p.Vectors()[0].Name())
		require.False(t, p.OtherFirst() || p.OtherLast())
		cfg.Combined = 2
		require.Error(t, cfg.Validate(8))
	}
}
