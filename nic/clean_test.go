package nic

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// RX-8: a descriptor is ready when its status word has been written back, and
// not before, although the hardware has begun to fill it.
func TestRX8Readiness(t *testing.T) {
	b := newBench(t, oneQueue(), stalled, func(b *bench) { b.costs.DMA.Fixed = engine.Microsecond })
	b.port.Inject(frameOf(60), b.now+1)
	b.until(us / 2)
	q := b.port.Queues()[0]
	require.Equal(t, 1, q.filled())
	b.port.vectors[0].napi.Schedule(b.core)
	b.pollTimes(1)
	require.Zero(t, b.got)
	b.until(2 * us)
	b.pollTimes(1)
	require.EqualValues(t, 1, b.got)
}

// RX-9: what one call of the loop does, step by step.
func TestRX9Loop(t *testing.T) {
	poll := func(frames, budget int) (*Queue, *bench) {
		b := newBench(t, oneQueue(), stalled)
		b.send(frameOf(60), frames)
		b.port.vectors[0].pollOn(b, budget)
		return b.port.Queues()[0], b
	}
	for name, tc := range map[string]struct{ frames, budget, taken, unused int }{
		"RX-9 while packets are below the budget": {10, 4, 4, 4},
		"RX-9 until the first empty descriptor":   {10, 64, 10, 10},
		"RX-9 step 1 arms when 16 have gathered":  {17, 64, 17, 1},
		"RX-9 step 1 comes before the look":       {16, 64, 16, 0},
		"RX-9 the budget comes before step 1":     {16, 16, 16, 16},
	} {
		t.Run(name, func(t *testing.T) {
			q, b := poll(tc.frames, tc.budget)
			require.EqualValues(t, tc.taken, b.got)
			require.Equal(t, tc.unused, q.unused())
		})
	}
}

// RX-10: the ring and the vector's input of the moderation count the same.
func TestRX10Counters(t *testing.T) {
	b := newBench(t, oneQueue())
	b.send(frameOf(60), 2)
	b.send(frameOf(1514), 1)
	q, v := b.port.Queues()[0], b.port.Vectors()[0]
	require.Equal(t, [2]uint64{3, 1634}, [2]uint64{q.Packets, q.Bytes})
	require.Equal(t, [2]uint64{3, 1634}, [2]uint64{v.rxPackets, v.rxBytes}, "static moderation never clears it")
}

// RX-11: nothing is armed after the loop: up to 15 slots wait between polls.
func TestRX11NothingAfterTheLoop(t *testing.T) {
	b := newBench(t, oneQueue())
	b.send(frameOf(60), 15)
	require.Equal(t, 15, b.port.Queues()[0].unused())
	b.send(frameOf(60), 1)
	require.Equal(t, 0, b.port.Queues()[0].unused(), "the sixteenth brings the batch: armed before the next look")
}

// storing is a device that puts frames with errors into the ring unasked.
type storing struct{ Intel82599 }

func (storing) StoresBad() bool { return true }

func stores(b *bench) { b.hw = storing{} }

// RX-13: frames that the clean-up drops cost no budget, and neither do pieces of
// frames: one call walks more than 64 descriptors.
func TestRX13NoBudget(t *testing.T) {
	t.Run("RX-13 frames with errors", func(t *testing.T) {
		b := newBench(t, oneQueue(), stalled, stores)
		b.send(fault(skb.FaultCRC)(), 100)
		b.send(frameOf(60), 63)
		b.pollTimes(1)
		require.EqualValues(t, 63, b.got)
		require.Equal(t, 0, b.polls[0].charged)
		require.Zero(t, b.port.Queues()[0].filled(), "163 descriptors in one call")
	})
	t.Run("RX-13 pieces", func(t *testing.T) {
		cfg := oneQueue()
		cfg.MTU = 9000
		b := newBench(t, cfg, stalled)
		b.send(frameOf(9014), 63)
		b.pollTimes(1)
		require.EqualValues(t, 63, b.got)
		require.Equal(t, 0, b.polls[0].charged)
		require.EqualValues(t, 63*4, b.ethtool("non_eop_descs"))
	})
}

// RX-13, IRQ-3: the pieces of a frame are written back one by one, as the bus
// carries them; a poll takes those that are there, and the frame with the last.
func TestRX13PieceByPiece(t *testing.T) {
	cfg := oneQueue()
	cfg.MTU = 9000
	b := newBench(t, cfg, stalled, func(b *bench) { b.costs.PCIe.PerByte = engine.Nanosecond })
	b.port.Inject(frameOf(9014), 1)
	there := b.now + 1 + lineRate(9014) // the last bit; the bus takes 9.014 µs from here
	for i, want := range []engine.Time{2048, 4096, 6144, 8192} {
		b.until(there + want*engine.Nanosecond - us/2)
		b.port.vectors[0].napi.Schedule(b.core)
		b.pollTimes(1)
		require.EqualValues(t, i, b.ethtool("non_eop_descs"))
		b.until(there + want*engine.Nanosecond)
		b.port.vectors[0].napi.Schedule(b.core)
		b.pollTimes(1)
		require.EqualValues(t, i+1, b.ethtool("non_eop_descs"))
	}
	require.Zero(t, b.got)
	b.until(there + 9014*engine.Nanosecond)
	b.port.vectors[0].napi.Schedule(b.core)
	b.pollTimes(1)
	require.EqualValues(t, 1, b.got)
}

// RX-22: a frame with an error bit is dropped without any counter of the
// driver's; with rx-all it is received, and the MAC's counters count all the
// same.
func TestRX22Errors(t *testing.T) {
	for name, tc := range map[string]struct {
		frame   func() skb.Frame
		reason  skb.DropReason
		counter string
	}{
		"RX-22 CRC":       {fault(skb.FaultCRC), skb.HWCRC, "rx_crc_errors"},
		"RX-22 length":    {fault(skb.FaultLength), skb.HWLength, "rx_errors"},
		"RX-22 oversize":  {sized(1515), skb.HWOversize, "rx_long_length_errors"},
		"RX-22 undersize": {sized(59), skb.HWUndersize, "rx_short_length_errors"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, oneQueue(), stores)
			b.send(tc.frame(), 1)
			require.Zero(t, b.got)
			require.EqualValues(t, 1, b.ledger.Dropped[tc.reason])
			require.Zero(t, b.ethtool("rx_packets"))
			require.EqualValues(t, 1, b.ethtool(tc.counter))

			cfg := oneQueue()
			cfg.RXAll = true
			b = newBench(t, cfg)
			b.send(tc.frame(), 1)
			require.EqualValues(t, 1, b.got)
			require.EqualValues(t, 1, b.ethtool("rx_packets"))
			require.EqualValues(t, 1, b.ethtool(tc.counter))
			require.Zero(t, b.ethtool("rx_pkts_nic"), "not a good one")
		})
	}
	cfg := oneQueue()
	cfg.RXAll = true
	b := newBench(t, cfg)
	f := someoneElses()
	f.Head.Fault = skb.FaultCRC
	b.send(f, 1)
	require.Zero(t, b.got, "the filters still apply")
}

// RX-23: how much of a long frame is copied into the linear area: the headers
// that the flow dissector finds. truesize stays.
func TestRX23PullTail(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*skb.Header)
		linear uint32
	}{
		"RX-23 UDP":             {func(*skb.Header) {}, 42},
		"RX-23 with IP options": {func(h *skb.Header) { h.IHL = 7 }, 50},
		"RX-23 first fragment":  {func(h *skb.Header) { h.MoreFrags = true }, 34},
		"RX-23 later fragment":  {func(h *skb.Header) { h.FragOffset = 1480 }, 34},
		"RX-23 other protocol":  {func(h *skb.Header) { h.Proto = 132 }, 34},
		"RX-23 TCP":             {func(h *skb.Header) { h.Proto = skb.ProtoTCP }, 54},
		"RX-23 a tag taken out": {func(h *skb.Header) { h.Tagged, h.VLAN = true, 7 }, 42},
		"RX-23 a tag left in":   {func(h *skb.Header) { h.Tagged, h.ServiceTag, h.VLAN = true, true, 7 }, 46},
		"RX-23 not IP":          {func(h *skb.Header) { h.EtherType = 0x88b5 }, 14},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			cfg.VLANs = []int{7}
			b := newBench(t, cfg)
			f := frameOf(1000)
			tc.change(f.Head)
			b.seen = func(p *skb.Buff) {
				require.Equal(t, tc.linear, p.Linear)
				require.EqualValues(t, 2944, p.Truesize)
				require.EqualValues(t, b.port.stripped(&f)-14, p.Len)
			}
			b.send(f, 1)
			b.seen = func(p *skb.Buff) { require.EqualValues(t, b.port.stripped(&f), p.Linear, "copied as a whole (RX-16)") }
			f.Len = 256
			b.send(f, 1)
			require.EqualValues(t, 2, b.got)
		})
	}
}

// 1.7, row 5: a bad checksum of TCP is counted.
func TestBadTCPChecksum(t *testing.T) {
	b := newBench(t, oneQueue())
	f := frameOf(200)
	f.Head.Proto, f.Head.UDPChecksum = skb.ProtoTCP, skb.ChecksumBad
	b.seen = func(p *skb.Buff) { require.Equal(t, skb.ChecksumNone, p.Summed) }
	b.send(f, 1)
	require.EqualValues(t, 1, b.ethtool("rx_csum_offload_errors"))
	require.EqualValues(t, 1, b.got)
}

// HW-29: the counters of failed allocations wrap at 2^32.
func TestHW29Wraps(t *testing.T) {
	b := newBench(t, oneQueue())
	q := b.port.Queues()[0]
	q.AllocPageFailed, q.AllocBuffFailed = math.MaxUint32, math.MaxUint32-1
	require.EqualValues(t, math.MaxUint32, b.ethtool("alloc_rx_page_failed"))
	require.EqualValues(t, math.MaxUint32-1, b.ethtool("alloc_rx_buff_failed"))
	q.AllocPageFailed, q.AllocBuffFailed = q.AllocPageFailed+1, q.AllocBuffFailed+3
	require.Zero(t, b.ethtool("alloc_rx_page_failed"))
	require.EqualValues(t, 1, b.ethtool("alloc_rx_buff_failed"))
}

// POLL-1: a poll takes 64 packets.
func TestPOLL1Weight(t *testing.T) {
	b := newBench(t, oneQueue(), stalled)
	b.send(frameOf(60), 100)
	b.pollTimes(1)
	require.EqualValues(t, 64, b.got)
}

// HW-4: flow control is on in both directions, and nothing was negotiated.
func TestHW4Default(t *testing.T) {
	e := newBench(t, DefaultConfig()).port.Ethtool()
	require.Equal(t, [3]bool{false, true, true}, [3]bool{e.AutonegPause, e.RXPause, e.TXPause})
}

// HW-10: a bus with a rate of its own, or one that stalls, fills the packet buffer
// while descriptors are free.
func TestHW10RateAndStalls(t *testing.T) {
	t.Run("HW-10 half of the rate of the link", func(t *testing.T) {
		cfg := oneQueue()
		cfg.PCIe.BitsPerSecond = 5_000_000_000
		b := newBench(t, cfg)
		b.port.Connect(&train{frame: frameOf(1514), start: us, gap: lineRate(1514), n: 4000})
		b.until(engine.Second)
		// The link carries a frame in 1230.4 ns, the bus in 2422.4.
		fits := 512 << 10 / 1518
		require.InDelta(t, 4000*(1-1230.4/2422.4)-float64(fits), float64(b.port.Missed()), 3)
		require.EqualValues(t, 4000-b.port.Missed(), b.got)
	})
	t.Run("HW-10 stalls", func(t *testing.T) {
		cfg := oneQueue()
		cfg.PCIe.StallEvery, cfg.PCIe.StallFor = engine.Millisecond, 600*us
		b := newBench(t, cfg)
		b.port.Connect(&train{frame: frameOf(60), start: us, gap: lineRate(60), n: 14880 * 2})
		b.until(engine.Millisecond - 1)
		require.Zero(t, b.port.fifo.len())
		b.until(engine.Millisecond + 500*us)
		require.NotZero(t, b.port.fifo.len())
		require.Zero(t, b.port.Missed())
		require.Equal(t, 511, b.port.Queues()[0].free()+b.port.Queues()[0].unused(), "with descriptors free")
		b.until(engine.Millisecond + 600*us)
		frames := 600 * us / lineRate(60)
		require.InDelta(t, float64(frames)-512<<10/64, float64(b.port.Missed()), 2)
	})
}

// RX-35: filters of the flow director come before RSS; -1 drops; only UDP over
// IPv4 that is no fragment can match.
func TestRX35Filters(t *testing.T) {
	filter := func(f FlowFilter) func(*Config) {
		return func(c *Config) { c.FlowFilters = []FlowFilter{f} }
	}
	base := *frameOf(60).Head
	rss := int(indirection(rssHash(defaultRSSKey[:], &base, false), 8))
	other := (rss + 1) % 8
	for name, tc := range map[string]struct {
		config func(*Config)
		change func(*skb.Header)
		queue  int // -1: dropped
	}{
		"RX-35 no filter":                {func(*Config) {}, nil, rss},
		"RX-35 every datagram":           {filter(FlowFilter{Action: other}), nil, other},
		"RX-35 destination port":         {filter(FlowFilter{DstPort: 5001, Action: other}), nil, other},
		"RX-35 another destination port": {filter(FlowFilter{DstPort: 5002, Action: other}), nil, rss},
		"RX-35 source port":              {filter(FlowFilter{SrcPort: 5000, Action: other}), nil, other},
		"RX-35 another source port":      {filter(FlowFilter{SrcPort: 5001, Action: other}), nil, rss},
		"RX-35 addresses":                {filter(FlowFilter{Src: 0x0a000001, Dst: 0x0a000002, Action: other}), nil, other},
		"RX-35 another source":           {filter(FlowFilter{Src: 0x0a000003, Dst: 0x0a000002, Action: other}), nil, rss},
		"RX-35 another destination":      {filter(FlowFilter{Src: 0x0a000001, Dst: 0x0a000003, Action: other}), nil, rss},
		"RX-35 action -1 drops":          {filter(FlowFilter{DstPort: 5001, Action: -1}), nil, -1},
		"RX-35 no VLAN tag":              {filter(FlowFilter{VLAN: 7, Action: other}), nil, rss},
		"RX-35 VLAN":                     {filter(FlowFilter{VLAN: 7, Action: other}), func(h *skb.Header) { h.Tagged, h.VLAN = true, 0x2007 }, other},
		"RX-35 fragments do not match":   {filter(FlowFilter{Action: other}), func(h *skb.Header) { h.MoreFrags = true }, rss},
		"RX-35 two tags hide it": {filter(FlowFilter{Action: other}), func(h *skb.Header) {
			h.Tagged, h.VLAN, h.DoubleTagged = true, 7, true
		}, 0},
		"RX-35 TCP does not match": {filter(FlowFilter{Action: other}), func(h *skb.Header) { h.Proto = skb.ProtoTCP }, rss},
		"RX-35 the second filter": {func(c *Config) {
			c.FlowFilters = []FlowFilter{{DstPort: 5002, Action: rss}, {DstPort: 5001, Action: other}}
		}, nil, other},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			cfg.Combined, cfg.NTuple, cfg.VLANs = 8, true, []int{7}
			tc.config(&cfg)
			b := newBench(t, cfg)
			f := frameOf(100)
			if tc.change != nil {
				tc.change(f.Head)
			}
			queue := -1
			b.seen = func(p *skb.Buff) { queue = int(p.Queue) }
			b.send(f, 1)
			require.Equal(t, tc.queue, queue)
			if tc.queue < 0 {
				require.EqualValues(t, 1, b.ledger.Dropped[skb.HWFilter])
			}
			matched := uint64(0)
			if queue == other || queue < 0 {
				matched = 1
			}
			require.Equal(t, [2]uint64{matched, 1 - matched}, [2]uint64{b.ethtool("fdir_match"), b.ethtool("fdir_miss")})
		})
	}
	t.Run("RX-35 a queue beyond those of RSS", func(t *testing.T) {
		cfg := oneQueue()
		cfg.Combined, cfg.NTuple, cfg.FlowFilters = 20, true, []FlowFilter{{Action: 19}}
		b := newBench(t, cfg)
		var queue uint16
		b.seen = func(p *skb.Buff) { queue = p.Queue }
		b.send(frameOf(60), 1)
		require.EqualValues(t, 19, queue)
	})
	t.Run("RX-35 refused", func(t *testing.T) {
		for want, filters := range map[string][]FlowFilter{
			"ntuple[0].action = 4: want -1 to drop, or a queue: 0 to 3": {{Action: 4}},
			"ntuple[0].action = -2: want -1":                            {{Action: -2}},
			"want the same fields as the first filter":                  {{DstPort: 1}, {SrcPort: 1}},
			"ntuple[0].vlan = 4095: want 1 to 4094":                     {{VLAN: 4095}},
		} {
			cfg := oneQueue()
			cfg.Combined, cfg.NTuple, cfg.FlowFilters = 4, true, filters
			require.ErrorContains(t, cfg.Validate(4), want)
		}
		cfg := oneQueue()
		cfg.FlowFilters = []FlowFilter{{}}
		require.ErrorContains(t, cfg.Validate(4), "features.ntuple = false: want true, as there are filters")
	})
}

// RX-21: the range of the MTU.
func TestRX21Range(t *testing.T) {
	for mtu, ok := range map[int]bool{67: false, 68: true, 9710: true, 9711: false} {
		cfg := oneQueue()
		cfg.MTU = mtu
		if err := cfg.Validate(1); ok {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "mtu = ")
		}
	}
	cfg := oneQueue()
	cfg.MTU = 9710
	b := newBench(t, cfg)
	b.send(frameOf(9724), 1)
	require.EqualValues(t, 1, b.got, "9728 bytes with FCS")
	b.send(frameOf(9725), 1)
	require.EqualValues(t, 1, b.got)
}
