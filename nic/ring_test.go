package nic

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// RX-1, IGB-1: clamped first, then rounded up to a multiple of eight.
func TestRX1RingSize(t *testing.T) {
	for asked, want := range map[int]int{
		0: 64, 1: 64, 10: 64, 64: 64, 65: 72, 100: 104, 512: 512, 1000: 1000, 1001: 1008, 4090: 4096, 4096: 4096, 8192: 4096, 1 << 30: 4096,
	} {
		require.Equal(t, want, (&Config{Driver: DriverIxgbe, RXRing: asked}).RingSize(&kernel40), "ethtool -G rx %d", asked)
	}
}

// Table 1.8, TS-6, TS-7, RX-27, ODD-5: the jump is between 256 and 257 bytes.
func TestRX27Truesize(t *testing.T) {
	port := newBench(t, oneQueue()).port
	for l, want := range map[uint32]uint32{
		60: 896, 64: 896, 128: 896, 256: 896, 257: 2944, 512: 2944, 1024: 2944, 1514: 2944, 2048: 2944,
		2049: 4992, 4096: 4992, 4097: 7040, 9014: 11136,
	} {
		var b skb.Buff
		port.lay(&b, l, 42)
		require.Equal(t, want, b.Truesize, "L = %d", l)
	}
}

// RX-27, TS-8: a UDP payload of 214 bytes costs 896, one of 215 costs 2944, and
// a stripped VLAN tag does not count.
func TestTS8Payload(t *testing.T) {
	for name, tc := range map[string]struct {
		payload int
		tagged  bool
		want    uint32
	}{
		"1 byte":             {1, false, 896},
		"214 bytes":          {214, false, 896},
		"215 bytes":          {215, false, 2944},
		"214 bytes, tagged":  {214, true, 896},
		"215 bytes, tagged":  {215, true, 2944},
		"1472 bytes":         {1472, false, 2944},
		"8972 bytes, MTU 9k": {8972, false, 896 + 5*2048},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			cfg.MTU, cfg.VLANs = 9000, []int{7}
			b := newBench(t, cfg)
			var got uint32
			b.seen = func(p *skb.Buff) { got = p.Truesize }
			b.send(vlan(skb.NewUDP(cfg.MAC, sender, local, tc.payload), tc.tagged), 1)
			require.Equal(t, tc.want, got)
		})
	}
}

// vlan returns a frame of the same datagram with a tag of VLAN 7.
func vlan(f skb.Frame, tagged bool) skb.Frame {
	if !tagged {
		return f
	}
	h := *f.Head
	h.Tagged, h.VLAN = true, 7
	return h.UDPFrame(int(f.UDPLen) - skb.UDPHeader)
}

// RX-9.7, RX-24, ODD-15: rx_bytes counts the Ethernet header, not the FCS nor a
// stripped tag, and never less than 60 bytes.
func TestRX24Bytes(t *testing.T) {
	for name, tc := range map[string]struct {
		payload int
		tagged  bool
		onWire  uint32 // with FCS
		bytes   uint64
	}{
		"minimum frame":              {1, false, 64, 60},
		"18 bytes just fill it":      {18, false, 64, 60},
		"19 bytes":                   {19, false, 65, 61},
		"minimum VLAN frame":         {1, true, 64, 60},
		"14 bytes fill a VLAN frame": {14, true, 64, 60},
		"18 bytes in a VLAN frame":   {18, true, 68, 60},
		"19 bytes in a VLAN frame":   {19, true, 69, 61},
		"full frame":                 {1472, false, 1518, 1514},
		"full VLAN frame":            {1472, true, 1522, 1514},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			cfg.VLANs = []int{7}
			b := newBench(t, cfg)
			f := vlan(skb.NewUDP(cfg.MAC, sender, local, tc.payload), tc.tagged)
			require.Equal(t, tc.onWire, f.WireLen())
			b.seen = func(p *skb.Buff) { require.EqualValues(t, tc.bytes-skb.EthHeader, p.Len) }
			b.send(f, 3)
			require.EqualValues(t, 3, b.ethtool("rx_packets"))
			require.Equal(t, 3*tc.bytes, b.ethtool("rx_bytes"))
			require.Equal(t, 3*uint64(tc.onWire), b.ethtool("rx_bytes_nic"), "HW-24: with FCS")
		})
	}
}

// RX-5, RX-6, ODD-4: one slot stays unarmed; a ring of 512 holds 511 frames, the
// 512th waits in the FIFO.
func TestRX6RingHoldsOneLess(t *testing.T) {
	for asked, holds := range map[int]int{64: 63, 512: 511, 4096: 4095} {
		t.Run(fmt.Sprint(asked), func(t *testing.T) {
			cfg := oneQueue()
			cfg.RXRing = asked
			b := newBench(t, cfg, stalled)
			q := b.port.Queues()[0]
			require.Equal(t, holds, q.free())
			b.send(frameOf(60), holds)
			require.Zero(t, q.free())
			require.Zero(t, b.port.fifo.len())
			b.send(frameOf(60), 1)
			fifo, ring := b.port.LiveFrames()
			require.EqualValues(t, 1, fifo)
			require.EqualValues(t, holds, ring)
		})
	}
}

// seenSlots is what a packet finds of its ring when it is handed to the stack.
type seenSlots struct{ free, unarmed int }

// RX-12, first vector: a full ring of 511 polled by 64. The first poll arms 16
// at frame counts 16, 32 and 48, every later one at 0, too; the last returns 63
// frames and leaves 15 slots unarmed.
func TestRX12FullRing(t *testing.T) {
	b := newBench(t, oneQueue(), stalled)
	q := b.port.Queues()[0]
	b.send(frameOf(60), 511)
	var slots []seenSlots
	b.seen = func(*skb.Buff) { slots = append(slots, seenSlots{q.free(), q.unused()}) }
	free, unarmed := 0, 0
	for poll := range 8 {
		slots = nil
		b.pollTimes(1)
		n := min(64, 511-64*poll)
		require.Len(t, slots, n)
		for k, s := range slots {
			if unarmed >= 16 {
				free, unarmed = free+unarmed, 0
			}
			unarmed++
			require.Equal(t, seenSlots{free, unarmed}, s, "poll %d, frame %d", poll, k)
		}
		switch poll {
		case 0:
			require.Equal(t, seenSlots{48, 16}, seenSlots{q.free(), q.unused()}, "hardware then owns 48")
		case 7:
			require.Equal(t, seenSlots{496, 15}, seenSlots{q.free(), q.unused()})
		default:
			require.Equal(t, seenSlots{48 + 64*poll, 16}, seenSlots{q.free(), q.unused()}, "poll %d", poll)
		}
	}
	require.Len(t, b.polls, 8)
	require.Equal(t, 0, b.polls[7].charged, "63 frames complete the poll (POLL-3)")
	require.Len(t, b.list, 1, "the cause that later frames latched has interrupted again (IRQ-5)")
	b.pollTimes(1)
	require.Equal(t, poll{b.now - 1, 0, 0}, b.polls[8], "and finds nothing")
	require.Empty(t, b.list)
}

// RX-12, second vector: 70 frames in a fresh ring.
func TestRX12Seventy(t *testing.T) {
	b := newBench(t, oneQueue(), stalled)
	q := b.port.Queues()[0]
	b.send(frameOf(60), 70)
	b.pollTimes(1)
	require.Equal(t, seenSlots{511 - 70 + 48, 16}, seenSlots{q.free(), q.unused()})
	b.pollTimes(1)
	require.Equal(t, seenSlots{511 - 6, 6}, seenSlots{q.free(), q.unused()})
	require.Equal(t, []uint64{64, 6}, []uint64{b.polls[0].packets, b.polls[1].packets})
}

// RX-11, K310-13, IGB-2: in linux-3.10 nothing stays unarmed after the loop.
func TestK310x13RefillAfterLoop(t *testing.T) {
	b := newBench(t, oneQueue(), stalled, func(b *bench) { b.profile = kernel.Linux310() })
	q := b.port.Queues()[0]
	b.send(frameOf(60), 70)
	b.pollTimes(1)
	require.Equal(t, seenSlots{511 - 6, 0}, seenSlots{q.free(), q.unused()})
	b.pollTimes(1)
	require.Equal(t, seenSlots{511, 0}, seenSlots{q.free(), q.unused()})
}

// RX-13, RX-14: a frame of 9014 bytes takes five descriptors, four of them not
// the end of a packet, and one of the budget.
func TestRX14Jumbo(t *testing.T) {
	cfg := oneQueue()
	cfg.MTU = 9000
	b := newBench(t, cfg, stalled)
	q := b.port.Queues()[0]
	b.send(frameOf(9014), 70)
	require.Equal(t, 511-350, q.free())
	b.pollTimes(1)
	require.EqualValues(t, 64, b.polls[0].packets)
	require.EqualValues(t, 4*64, b.ethtool("non_eop_descs"))
	b.pollTimes(1)
	require.EqualValues(t, 4*70, b.ethtool("non_eop_descs"))
	require.EqualValues(t, 70*9014, b.ethtool("rx_bytes"))
}

// RX-14: ceil(L/2048), L without the tag that the hardware strips. The ring
// takes a frame only when it has room for the whole of it.
func TestRX14Descriptors(t *testing.T) {
	for name, tc := range map[string]struct{ payload, tag, descriptors int }{
		"60 bytes":           {1, 0, 1},
		"2048 bytes":         {2006, 0, 1},
		"2049 bytes":         {2007, 0, 2},
		"4096 bytes":         {4054, 0, 2},
		"4097 bytes":         {4055, 0, 3},
		"2048 bytes and tag": {2006, 1, 1},
		"2049 bytes and tag": {2007, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			cfg.MTU, cfg.VLANs = 9000, []int{7}
			b := newBench(t, cfg, stalled)
			b.send(vlan(skb.NewUDP(cfg.MAC, sender, local, tc.payload), tc.tag == 1), 1)
			require.Equal(t, 511-tc.descriptors, b.port.Queues()[0].free())
			b.pollTimes(1)
			require.EqualValues(t, tc.descriptors-1, b.ethtool("non_eop_descs"))
		})
	}
}

// TestDumbRing compares a ring with the dumbest model of one: arrivals against
// free slots, refills of 16 at the top of the loop, losses by drop enable or by
// a FIFO of so many frames (RX-6, RX-9, RX-11, HW-7).
func TestDumbRing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dropEn := rapid.Bool().Draw(rt, "drop enable")
		cfg := oneQueue()
		cfg.RXRing = rapid.SampledFrom([]int{64, 72, 128, 512}).Draw(rt, "ring")
		cfg.FrameOverhead = 4096 // a FIFO of some 120 frames
		cfg.TXPause = false
		if dropEn {
			cfg.Combined = 2
		}
		b := newBench(t, cfg, stalled)
		f := frameOf(60)
		q := b.port.Queues()[b.port.judge(f.Head).queue]
		room := b.port.fifo.capacity / (64 + 4096)

		free, filled, unarmed, fifo, lost := cfg.RingSize(&kernel40)-1, 0, 0, 0, 0
		transfer := func() {
			n := min(fifo, free)
			fifo, free, filled = fifo-n, free-n, filled+n
		}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			if rapid.Bool().Draw(rt, "arrive") {
				n := rapid.IntRange(1, 200).Draw(rt, "frames")
				b.send(f, n)
				for range n {
					if fifo++; dropEn && free == 0 || fifo > room && free == 0 {
						fifo--
						lost++
					}
					transfer()
				}
			} else {
				b.pollTimes(1)
				for n := 0; n < 64; n++ {
					if unarmed >= 16 {
						free, unarmed = free+unarmed, 0
						transfer()
					}
					if filled == 0 {
						break
					}
					filled, unarmed = filled-1, unarmed+1
				}
			}
			if len(b.list) == 0 && filled > 0 {
				rt.Fatalf("%d frames in the ring, and nobody is scheduled", filled)
			}
			got := [5]int{q.free(), q.filled(), q.unused(), b.port.fifo.len(), int(b.port.Missed() + b.port.NoDescriptor())}
			require.Equal(rt, [5]int{free, filled, unarmed, fifo, lost}, got, "free, filled, unarmed, FIFO, lost")
			require.Equal(rt, q.count-1, q.free()+q.filled()+q.unused(), "RX-6")
		}
	})
}

// Table 1.7, RX-25, RX-26, ODD-14, CS-4: what the device says of checksums, and
// what it counts. Every frame is delivered.
func TestChecksumOffload(t *testing.T) {
	for name, tc := range map[string]struct {
		off    bool
		change func(*skb.Header, *skb.Frame)
		want   skb.IPSummed
		errors uint64 // rx_csum_offload_errors
	}{
		"good":                           {change: func(*skb.Header, *skb.Frame) {}, want: skb.ChecksumUnnecessary},
		"row 1, feature off":             {off: true, change: func(*skb.Header, *skb.Frame) {}},
		"row 1 before row 2":             {off: true, change: func(h *skb.Header, _ *skb.Frame) { h.IPChecksum = skb.ChecksumBad }},
		"RX-25 row 2, bad IPv4 checksum": {change: func(h *skb.Header, _ *skb.Frame) { h.IPChecksum = skb.ChecksumBad }, errors: 1},
		"row 2, of TCP":                  {change: func(h *skb.Header, _ *skb.Frame) { h.IPChecksum, h.Proto = skb.ChecksumBad, skb.ProtoTCP }, errors: 1},
		"row 3, fragment":                {change: func(h *skb.Header, _ *skb.Frame) { h.MoreFrags = true }},
		"row 3, last fragment":           {change: func(h *skb.Header, _ *skb.Frame) { h.FragOffset = 1480 }},
		"row 3, unknown protocol":        {change: func(h *skb.Header, _ *skb.Frame) { h.Proto = 132 }},
		"row 3, not IP":                  {change: func(h *skb.Header, _ *skb.Frame) { h.EtherType = skb.EtherTypeARP }},
		"RX-26 row 4, bad UDP checksum is not counted": {change: func(h *skb.Header, _ *skb.Frame) { h.UDPChecksum = skb.ChecksumBad }},
		"row 6, TCP":            {change: func(h *skb.Header, _ *skb.Frame) { h.Proto = skb.ProtoTCP }, want: skb.ChecksumUnnecessary},
		"length beyond the end": {change: func(_ *skb.Header, f *skb.Frame) { f.IPLen = 2000 }},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			cfg.RXChecksum = !tc.off
			b := newBench(t, cfg)
			f := frameOf(200)
			tc.change(f.Head, &f)
			got := skb.IPSummed(255)
			b.seen = func(p *skb.Buff) { got = p.Summed }
			b.send(f, 1)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.errors, b.ethtool("rx_csum_offload_errors"))
			require.EqualValues(t, 1, b.ethtool("rx_packets"))
		})
	}
}

// 1.6 step 7: the packet type, by destination MAC alone.
func TestPacketType(t *testing.T) {
	own := [6]byte{2, 0, 0, 0, 0, 0x10}
	for mac, want := range map[skb.MAC]skb.PacketType{
		own:                                  skb.PacketHost,
		{2, 0, 0, 0, 0, 0x11}:                skb.PacketOtherHost,
		{0x01, 0, 0x5e, 1, 2, 3}:             skb.PacketMulticast,
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}: skb.PacketBroadcast,
	} {
		require.Equal(t, want, packetType(mac, own), "%x", mac)
	}
}

// The latency of the ring is from the write-back to the poll (RX-9.3): the
// driver's cost of the frames before it is waiting time.
func TestRingLatency(t *testing.T) {
	b := newBench(t, oneQueue(), func(b *bench) {
		b.costs.Driver.Fixed = engine.Microsecond
		b.costs.DMA.Fixed = 300 * engine.Nanosecond
		b.costs.PCIe.Fixed = 20 * engine.Nanosecond
	})
	b.port.Connect(&train{frame: frameOf(60), start: engine.Microsecond, gap: 100 * engine.Nanosecond, n: 3})
	b.until(engine.Millisecond)
	fifo, ring := b.port.Latencies()
	require.EqualValues(t, 3, fifo.N)
	require.EqualValues(t, 3*320*engine.Nanosecond, fifo.Sum)
	// Interrupt at the first write-back, a picosecond later the first poll; each frame takes a microsecond more.
	require.EqualValues(t, 3*engine.Picosecond+(1+2+3)*engine.Microsecond-(100+200)*engine.Nanosecond, ring.Sum)
}
