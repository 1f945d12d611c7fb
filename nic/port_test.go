package nic

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// HW-1, HW-2: the packet buffer and its watermarks, in kilobytes.
func TestHW2Watermarks(t *testing.T) {
	for _, tc := range []struct{ mtu, queues, capacity, high, low int }{
		{1500, 2, 448, 433, 10},
		{1500, 1, 512, 497, 10},
		{9000, 2, 448, 407, 39},
		{9000, 1, 512, 471, 39},
	} {
		cfg := oneQueue()
		cfg.MTU, cfg.Combined = tc.mtu, tc.queues
		f := newBench(t, cfg).port.fifo
		require.Equal(t, [3]int{tc.capacity << 10, tc.high << 10, tc.low << 10}, [3]int{f.capacity, f.high, f.low}, "%+v", tc)
	}
}

// HW-6: drop enable is on for several queues without TX pause, and only then.
func TestHW6DropEnable(t *testing.T) {
	for _, tc := range []struct {
		queues int
		pause  bool
		want   bool
	}{{1, false, false}, {1, true, false}, {2, false, true}, {2, true, false}} {
		cfg := oneQueue()
		cfg.Combined, cfg.TXPause = tc.queues, tc.pause
		require.Equal(t, tc.want, newBench(t, cfg).port.dropEn, "%+v", tc)
	}
}

// HW-7, HW-8, HW-9, ODD-6, ODD-7, ODD-8, ODD-10: all six rows of the table. 20000 frames at
// line rate meet a queue that nobody polls, and 100 more for another queue.
func TestHW7Table(t *testing.T) {
	const frames, other = 20_000, 100
	for name, tc := range map[string]struct {
		queues         int
		pause, obeys   bool
		missed, noDesc uint64
		xoff           uint64 // in 25 ms: the first, and one for each half of the pause time
		lostAtSender   uint64
		otherDelivered uint64 // into the ring of the other queue
	}{
		"HW-7 row 1: one queue, no pause":             {queues: 1, missed: frames + other - 511 - 8192},
		"HW-7 row 2: one queue, partner obeys":        {queues: 1, pause: true, obeys: true, xoff: 15, lostAtSender: frames + other - 511 - 7952},
		"HW-7 row 3: one queue, partner ignores":      {queues: 1, pause: true, missed: frames + other - 511 - 8192, xoff: 15},
		"HW-7 row 4: many queues, no pause":           {queues: 2, noDesc: frames - 511, otherDelivered: other},
		"HW-7 row 5: many queues, pause obeyed":       {queues: 2, pause: true, obeys: true, xoff: 15, lostAtSender: frames + other - 511 - 6928},
		"HW-7 row 6: many queues, partner ignores it": {queues: 2, pause: true, missed: frames + other - 511 - 7168, xoff: 15},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			cfg.Combined, cfg.TXPause, cfg.Partner.ObeysPause = tc.queues, tc.pause, tc.obeys
			cfg.Partner.Queue = 2 * engine.Millisecond
			b := newBench(t, cfg, stalled)
			full, free := frameOf(60), frameOf(60)
			for b.port.judge(full.Head).queue == b.port.judge(free.Head).queue && tc.queues > 1 {
				h := *free.Head
				h.Src++
				free.Head = &h
			}
			b.port.Connect(&train{frame: full, start: us, gap: lineRate(60), n: frames})
			b.port.Connect(&train{frame: free, start: us + frames*lineRate(60), gap: lineRate(60), n: other})
			b.until(25 * engine.Millisecond)

			require.Equal(t, tc.missed, b.ethtool("rx_missed_errors"))
			require.Equal(t, tc.noDesc, b.ethtool("rx_no_dma_resources"))
			require.Equal(t, tc.xoff, b.ethtool("tx_flow_control_xoff"))
			require.Zero(t, b.ethtool("tx_flow_control_xon"))
			require.Equal(t, tc.lostAtSender, b.port.PartnerLost()+uint64(waiting(b.port)))
			if tc.queues > 1 {
				q := b.port.Queues()[b.port.judge(free.Head).queue]
				require.EqualValues(t, tc.otherDelivered, q.filled(), "the other queue")
			}
			for _, zero := range []string{"rx_no_buffer_count", "rx_fifo_errors", "rx_over_errors", "rx_errors", "rx_dropped"} {
				require.Zero(t, b.ethtool(zero), zero)
			}
			b.until(2*engine.Second + 1) // the fold (HW-20)
			require.Equal(t, mib.Link{RXMissedErrors: tc.missed}, b.port.Link(),
				"what /proc/net/dev shows: rx_no_dma_resources and XOFF are nowhere in it (HW-8)")
			require.Equal(t, tc.missed, b.ledger.Dropped[skb.HWFIFO])
			require.Equal(t, tc.noDesc, b.ledger.Dropped[skb.HWNoDesc])
		})
	}
}

// waiting counts frames that a paused partner still holds and will lose.
func waiting(p *Port) (n int) {
	for i := range p.wire.feeds {
		f := &p.wire.feeds[i]
		n += f.n - f.i + f.src.(*train).n
	}
	return n
}

// HW-3, HW-7e: XOFF at the high mark; while it lasts it is repeated after half
// the pause time, 0xFFFF quanta of 512 bits; XON when the buffer has drained to
// the low mark. An obedient partner loses nothing if it may wait.
func TestHW3PauseAndResume(t *testing.T) {
	cfg := oneQueue()
	cfg.Partner.ObeysPause, cfg.Partner.Queue = true, engine.Second
	b := newBench(t, cfg, stalled)
	require.EqualValues(t, 65535*512*100, b.port.pauseTime(), "3.355 ms at 10 Gb/s")
	b.port.Connect(&train{frame: frameOf(60), start: us, gap: lineRate(60), n: 20_000})

	mark := us + engine.Time(511+7952-1)*lineRate(60) // the frame that reaches 497 KB
	b.until(mark - 1)
	require.Zero(t, b.ethtool("tx_flow_control_xoff"))
	b.until(mark)
	require.EqualValues(t, 1, b.ethtool("tx_flow_control_xoff"))
	half := b.port.pauseTime() / 2
	b.until(mark + half - 1)
	require.EqualValues(t, 1, b.ethtool("tx_flow_control_xoff"))
	b.until(mark + half)
	require.EqualValues(t, 2, b.ethtool("tx_flow_control_xoff"))
	require.LessOrEqual(t, b.port.FIFOBytes(), 497<<10+64, "at most the frame on the wire comes after it")

	for b.port.FIFOBytes() > 10<<10 {
		require.Zero(t, b.ethtool("tx_flow_control_xon"))
		b.pollTimes(1)
	}
	require.EqualValues(t, 1, b.ethtool("tx_flow_control_xon"))
	b.allow = unlimited
	b.kick.Raise(b.now + 1)
	b.until(engine.Second)
	require.EqualValues(t, 20_000, b.got)
	require.Zero(t, b.port.PartnerLost())
	require.Zero(t, b.ethtool("rx_missed_errors"))
}

// HW-11: what fits before the first loss, and how long it takes at line rate.
func TestHW11Capacity(t *testing.T) {
	for name, tc := range map[string]struct {
		size, queues, holds int
		fill                engine.Time
	}{
		"448 KB of 64-byte frames":   {64, 2, 7168, 481_689_600},
		"448 KB of 1518-byte frames": {1518, 2, 302, 371_580_800},
		"512 KB of 64-byte frames":   {64, 1, 8192, 550_502_400},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			cfg.Combined = tc.queues
			b := newBench(t, cfg, stalled)
			gap := lineRate(tc.size - skb.EthFCS)
			require.Equal(t, tc.fill, engine.Time(tc.holds)*gap)
			b.port.Connect(&train{frame: frameOf(tc.size - skb.EthFCS), start: gap, gap: gap, n: 20_000})
			b.until(engine.Time(511)*gap + tc.fill)
			require.Zero(t, b.port.Missed())
			require.Equal(t, tc.holds, b.port.fifo.len())
			b.until(engine.Time(511)*gap + tc.fill + gap)
			require.EqualValues(t, 1, b.port.Missed())
		})
	}
	t.Run("with drop enable only the ring", func(t *testing.T) {
		cfg := oneQueue()
		cfg.Combined, cfg.TXPause = 2, false
		b := newBench(t, cfg, stalled)
		b.send(frameOf(60), 512)
		require.EqualValues(t, 1, b.port.NoDescriptor())
	})
	t.Run("HW-12: overhead per frame", func(t *testing.T) {
		cfg := oneQueue()
		cfg.FrameOverhead = 64
		b := newBench(t, cfg, stalled)
		b.send(frameOf(60), 511+4096+1)
		require.EqualValues(t, 1, b.port.Missed())
	})
}

// HW-10: a slow bus with free descriptors also ends as rx_missed_errors.
func TestHW10SlowBus(t *testing.T) {
	b := newBench(t, oneQueue(), func(b *bench) { b.costs.PCIe.Fixed = 2 * lineRate(60) })
	b.port.Connect(&train{frame: frameOf(60), start: us, gap: lineRate(60), n: 30_000})
	b.until(10 * engine.Millisecond)
	// One frame in two leaves; the buffer takes 8192 more than have left.
	require.InDelta(t, 30_000/2-8192, float64(b.port.Missed()), 2)
	require.EqualValues(t, 30_000-b.port.Missed(), b.got)
	require.Equal(t, 511, b.port.Queues()[0].free()+b.port.Queues()[0].unused())
}

// HW-20 to HW-23, ODD-9: packets and bytes are live; what the hardware counts is
// as of the last fold, every two seconds; `ethtool -S` shows it fresh.
func TestHW20Fold(t *testing.T) {
	b := newBench(t, oneQueue())
	group := skb.NewUDP(skb.MAC{}, sender, multicast, 18)
	crc, length := frameOf(60), frameOf(60)
	crc.Head.Fault, length.Head.Fault = skb.FaultCRC, skb.FaultLength
	b.port.JoinGroup(group.Head.Dst)
	for _, f := range []skb.Frame{group, group, crc, length, length, length} {
		b.send(f, 1)
	}
	live := mib.Link{RXPackets: 2, RXBytes: 120}
	folded := mib.Link{RXPackets: 2, RXBytes: 120, Multicast: 2, RXErrors: 4, RXLengthErrors: 3, RXCRCErrors: 1}
	require.Equal(t, live, b.port.Link())
	require.EqualValues(t, 2, b.ethtool("multicast"))
	require.EqualValues(t, 4, b.ethtool("rx_errors"))
	require.EqualValues(t, 1, b.ethtool("rx_crc_errors"))
	b.until(2*engine.Second - 1)
	require.Equal(t, live, b.port.Link(), "reading with ethtool changes nothing here")
	b.until(2 * engine.Second)
	require.Equal(t, folded, b.port.Link())
	b.send(group, 1)
	folded.RXPackets, folded.RXBytes = 3, 180
	require.Equal(t, folded, b.port.Link())
	require.EqualValues(t, 3, b.ethtool("multicast"))
	require.EqualValues(t, 3, b.ethtool("rx_pkts_nic"), "HW-24")
}

// HW-25, HW-26, HW-27, RX-21, RX-41, RX-42: what the MAC refuses, and where that
// shows. Whatever is not named stays zero.
func TestMACRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		config func(*Config)
		frame  func() skb.Frame
		reason skb.DropReason
		shows  map[string]uint64
	}{
		"HW-25 CRC":    {frame: fault(skb.FaultCRC), reason: skb.HWCRC, shows: map[string]uint64{"rx_crc_errors": 1, "rx_errors": 1}},
		"HW-26 length": {frame: fault(skb.FaultLength), reason: skb.HWLength, shows: map[string]uint64{"rx_errors": 1}},
		"HW-26 oversize, not in rx_errors": {frame: sized(1515), reason: skb.HWOversize,
			shows: map[string]uint64{"rx_long_length_errors": 1}},
		"RX-21 MTU + 18 fits": {frame: sized(1514)},
		"RX-21 at least 1518": {config: func(c *Config) { c.MTU = 68 }, frame: sized(1514)},
		"RX-21 MTU 9000":      {config: func(c *Config) { c.MTU = 9000 }, frame: sized(9014)},
		"RX-21 MTU 9000, a byte more": {config: func(c *Config) { c.MTU = 9000 }, frame: sized(9015), reason: skb.HWOversize,
			shows: map[string]uint64{"rx_long_length_errors": 1}},
		"RX-21 a tag does not count": {config: func(c *Config) { c.VLANs = []int{7} }, frame: tagged(7, 1472)},
		"RX-21 tagged, a byte more": {config: func(c *Config) { c.VLANs = []int{7} }, frame: tagged(7, 1473), reason: skb.HWOversize,
			shows: map[string]uint64{"rx_long_length_errors": 1}},
		"HW-26 undersize":               {frame: sized(59), reason: skb.HWUndersize, shows: map[string]uint64{"rx_short_length_errors": 1}},
		"HW-27 PAUSE":                   {frame: pauseFrame, reason: skb.HWPause, shows: map[string]uint64{"rx_flow_control_xoff": 1}},
		"HW-27 PAUSE with RX pause off": {config: func(c *Config) { c.RXPause = false }, frame: pauseFrame, reason: skb.HWPause},
		"another's MAC":                 {frame: someoneElses, reason: skb.HWFilter},
		"another's MAC, promiscuous":    {config: promisc, frame: someoneElses},
		"RX-41 foreign VLAN":            {frame: tagged(7, 100), reason: skb.HWVLANFilter},
		"RX-41 VLAN 0 always":           {frame: tagged(0, 100)},
		"RX-41 promiscuous":             {config: promisc, frame: tagged(7, 100)},
		"RX-42 group not joined":        {frame: groupFrame("239.9.9.9:1"), reason: skb.HWFilter},
		"RX-42 promiscuous": {config: promisc, frame: groupFrame("239.9.9.9:1"),
			shows: map[string]uint64{"multicast": 1}},
		"RX-42 allmulticast": {config: func(c *Config) { c.AllMulti = true }, frame: groupFrame("239.9.9.9:1"),
			shows: map[string]uint64{"multicast": 1}},
		"RX-42 broadcast always": {frame: groupFrame("255.255.255.255:1"), shows: map[string]uint64{"broadcast": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			if tc.config != nil {
				tc.config(&cfg)
			}
			b := newBench(t, cfg)
			f := tc.frame()
			b.send(f, 1)
			want := map[string]uint64{}
			for k, v := range tc.shows {
				want[k] = v
			}
			if tc.reason == skb.NotDropped {
				l := uint64(max(b.port.stripped(&f), 60))
				want["rx_packets"], want["rx_bytes"], want["rx_queue_0_packets"], want["rx_queue_0_bytes"] = 1, l, 1, l
				want["rx_pkts_nic"], want["rx_bytes_nic"] = 1, uint64(f.WireLen())
				require.EqualValues(t, 1, b.got)
				require.Zero(t, b.ledger.Drops()+b.ledger.Rejects())
			} else {
				require.EqualValues(t, 1, b.ledger.Dropped[tc.reason])
				require.Zero(t, b.got)
			}
			got := map[string]uint64{}
			for _, s := range b.port.EthtoolStats(0) {
				if s.Value != 0 {
					got[s.Name] = s.Value
				}
			}
			delete(got, "non_eop_descs")
			require.Empty(t, cmp.Diff(want, got))
		})
	}
}

func promisc(c *Config) { c.Promisc = true }

func fault(f skb.Fault) func() skb.Frame {
	return func() skb.Frame {
		fr := frameOf(60)
		fr.Head.Fault = f
		return fr
	}
}

// sized returns a frame of any length without FCS, runts among them.
func sized(l int) func() skb.Frame {
	return func() skb.Frame {
		f := frameOf(l)
		f.Len = uint32(l)
		return f
	}
}

func tagged(id uint16, payload int) func() skb.Frame {
	return func() skb.Frame {
		h := *frameOf(60).Head
		h.Tagged, h.VLAN = true, id
		return h.UDPFrame(payload)
	}
}

func pauseFrame() skb.Frame {
	f := frameOf(60)
	f.Head.EtherType, f.Head.DstMAC = skb.EtherTypePause, skb.MAC{0x01, 0x80, 0xc2, 0, 0, 1}
	f.Head.PauseTime = 0xffff
	return f
}

func someoneElses() skb.Frame {
	f := frameOf(60)
	f.Head.DstMAC[5]++
	return f
}

// RX-42: the multicast filter is a hash of 12 bits; frames of a group with the
// same bits pass and count, with other bits they do not. Leaving undoes joining.
func TestRX42Filter(t *testing.T) {
	require.EqualValues(t, 0x031, mcIndex(skb.MAC{0x01, 0x00, 0x5e, 0x01, 0x12, 0x03}))
	require.EqualValues(t, 0xfff, mcIndex(skb.MAC{0x01, 0x00, 0x5e, 0x7f, 0xff, 0xff}))
	require.EqualValues(t, 0x00f, mcIndex(skb.MAC{0x01, 0x00, 0x5e, 0x00, 0xf0, 0x00}))

	b := newBench(t, oneQueue())
	joined := groupFrame("239.1.18.3:1")()
	passes := func(addr string) bool {
		before := b.got
		b.send(groupFrame(addr)(), 1)
		return b.got > before
	}
	require.False(t, passes("239.1.18.3:1"))
	b.port.JoinGroup(joined.Head.Dst)
	b.port.JoinGroup(joined.Head.Dst)
	require.True(t, passes("239.1.18.3:1"))
	require.True(t, passes("239.129.18.3:1"), "the same MAC")
	require.True(t, passes("224.77.18.3:1"), "another MAC, the same 12 bits")
	require.True(t, passes("239.1.31.3:1"), "0x1f instead of 0x12: its low half does not count")
	require.False(t, passes("239.1.34.3:1"))
	require.False(t, passes("239.1.18.4:1"))
	require.EqualValues(t, 4, b.ethtool("multicast"))
	require.EqualValues(t, 4, b.ethtool("rx_packets"))
	b.port.LeaveGroup(joined.Head.Dst)
	require.True(t, passes("239.1.18.3:1"), "joined twice")
	b.port.LeaveGroup(joined.Head.Dst)
	require.False(t, passes("239.1.18.3:1"))
}

// 4.6, HW-28: the names of `ethtool -S` in the driver's order, 721 lines.
func TestHW28EthtoolNames(t *testing.T) {
	b := newBench(t, oneQueue())
	stats := b.port.EthtoolStats(7)
	require.Len(t, stats, 721)
	var names []string
	for i := range 49 {
		names = append(names, stats[i].Name)
	}
	require.Equal(t, "lsc_int", names[8])
	require.Equal(t, []string{"non_eop_descs", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped", "multicast", "broadcast",
		"rx_no_buffer_count", "collisions", "rx_over_errors", "rx_crc_errors", "rx_frame_errors"}, names[10:22])
	require.Equal(t, []string{"rx_csum_offload_errors", "alloc_rx_page_failed", "alloc_rx_buff_failed", "rx_no_dma_resources",
		"os2bmc_rx_by_bmc", "os2bmc_tx_by_bmc", "os2bmc_tx_by_host", "os2bmc_rx_by_host"}, names[41:49])
	require.Equal(t, "tx_queue_0_packets", stats[49].Name)
	require.Equal(t, "rx_queue_0_packets", stats[49+5*64].Name)
	require.Equal(t, "tx_pb_0_pxon", stats[49+10*64].Name)
	require.Equal(t, "rx_pb_7_pxoff", stats[720].Name)
	seen := map[string]bool{}
	for _, s := range stats {
		require.False(t, seen[s.Name], s.Name)
		seen[s.Name] = true
		require.Equal(t, s.Name == "rx_dropped", s.Value == 7, "HW-30: rx_dropped is the core's: %s", s.Name)
	}
}

// The wire: frames follow each other at the speed of the link, and a partner
// that would have to hold one too long loses it.
func TestWireRate(t *testing.T) {
	cfg := oneQueue()
	cfg.Partner.Queue = 10 * lineRate(60)
	b := newBench(t, cfg)
	b.port.Connect(&train{frame: frameOf(60), start: us, n: 100}) // all at once
	b.until(us + 10*lineRate(60))
	require.EqualValues(t, 11, b.ledger.Frames)
	b.until(engine.Millisecond)
	require.EqualValues(t, 11, b.ledger.Frames)
	require.EqualValues(t, 89, b.port.PartnerLost())
}

// regularTrain is a train that can be passed over unseen.
type regularTrain struct{ train }

func (s *regularTrain) Next() engine.Time {
	if s.n == 0 {
		return engine.Never
	}
	return s.start
}

func (s *regularTrain) Skip(t engine.Time) (n uint64, first engine.Time, sum uint64) {
	first = s.Next()
	for s.Next() <= t {
		n, sum = n+1, sum+uint64(s.start)
		s.start += s.gap
		s.n--
	}
	return n, first, sum
}

func (s *regularTrain) Frame() skb.Frame    { return s.frame }
func (s *regularTrain) MinGap() engine.Time { return s.gap }

// HW-7c: frames that are certainly lost may be counted at once: with a source
// that can be passed over, one that cannot, and the naive executive, the same is
// lost at the same instants, and the same frames come after it.
func TestLossesCountedAtOnce(t *testing.T) {
	type outcome struct {
		missed, frames, taken, partner uint64
		digest                         uint64
		polls                          []poll
		last                           engine.Time
	}
	for name, gap := range map[string]engine.Time{
		"line rate": lineRate(60), "half of it": 2 * lineRate(60), "more than the link carries": lineRate(60) * 3 / 4, "a picosecond more": lineRate(60) + 1,
	} {
		for _, refused := range []bool{false, true} {
			measure := func(regular, naive bool) (o outcome) {
				cfg := oneQueue()
				cfg.Partner.Queue = 50 * engine.Microsecond
				b := newBench(t, cfg, stalled, func(b *bench) { b.naive = naive })
				f := frameOf(60)
				if refused {
					f.Head.Fault = skb.FaultCRC
				}
				s := train{frame: f, start: us, gap: gap, n: 30_000}
				if regular {
					b.port.Connect(&regularTrain{s})
				} else {
					b.port.Connect(&s)
				}
				b.seen = func(p *skb.Buff) { o.last = p.At }
				for k := range 30 { // polls in the middle of it, now and then
					b.until(engine.Time(k) * 111 * us)
					b.pollTimes(k % 3)
				}
				b.until(10 * engine.Millisecond)
				b.allow = unlimited
				b.kick.Raise(b.now + 1)
				b.until(20 * engine.Millisecond)
				o.missed, o.frames, o.taken, o.partner = b.port.Missed(), b.ledger.Frames, b.got, b.port.PartnerLost()
				o.digest, o.polls = b.port.Digest.Sum(), b.polls
				return o
			}
			want := measure(false, true)
			require.Equal(t, !refused, want.missed > 5000 && want.taken > 8000, "%s: %+v", name, want)
			require.Equal(t, want, measure(false, false), "%s, seen one by one", name)
			require.Equal(t, want, measure(true, false), "%s, passed over", name)
			require.Equal(t, want, measure(true, true), "%s, naive", name)
		}
	}
}

// HW-27: LXOFFRXC is not read while receive pause is off, and keeps what it
// has counted until it is; LXONRXC is always read.
func TestHW27Fold(t *testing.T) {
	cfg := oneQueue()
	cfg.RXPause = false
	b := newBench(t, cfg)
	xon := pauseFrame()
	xon.Head.PauseTime = 0
	b.send(pauseFrame(), 2)
	b.send(xon, 3)
	b.until(2 * engine.Second)
	require.Zero(t, b.ethtool("rx_flow_control_xoff"))
	require.EqualValues(t, 3, b.ethtool("rx_flow_control_xon"))
	b.port.cfg.RXPause = true
	require.EqualValues(t, 2, b.ethtool("rx_flow_control_xoff"))
	b.port.cfg.RXPause = false
	require.Zero(t, b.ethtool("rx_flow_control_xoff"), "nobody has read it in between")
	b.port.cfg.RXPause = true
	b.port.Fold()
	b.port.cfg.RXPause = false
	b.send(pauseFrame(), 5)
	require.EqualValues(t, 2, b.ethtool("rx_flow_control_xoff"), "it stands still")
	require.Equal(t, mib.Link{}, b.port.Link())
}

// HW-7, rows 2 and 5: what the sender sees that obeys.
func TestHW7SendersView(t *testing.T) {
	cfg := oneQueue()
	cfg.Partner.ObeysPause, cfg.Partner.Queue = true, engine.Millisecond
	b := newBench(t, cfg, stalled)
	b.port.Connect(&train{frame: frameOf(60), start: us, gap: us, n: 30_000})
	require.Equal(t, PartnerView{}, b.port.Partner(b.now))
	b.until(8 * engine.Millisecond)
	require.Equal(t, PartnerView{}, b.port.Partner(b.now))
	b.until(10 * engine.Millisecond)
	mark := engine.Time(511+7952) * us // the frame that reaches the high mark
	view := b.port.Partner(b.now)
	require.Equal(t, b.now-mark, view.Paused)
	require.EqualValues(t, 1001, view.Held, "what came within its queue")
	require.EqualValues(t, 10_000-511-7952-1001, view.Lost)
	require.EqualValues(t, 10_000, b.ledger.Frames+view.Held+view.Lost)
	b.allow = unlimited
	b.kick.Raise(b.now + 1)
	b.until(b.now + engine.Second)
	after := b.port.Partner(b.now)
	require.Zero(t, after.Held)
	require.EqualValues(t, 30_000, b.got+after.Lost)
	require.InDelta(t, float64(view.Lost), float64(after.Lost), 2)
	require.Less(t, after.Paused-view.Paused, engine.Millisecond)
}
