package nic

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// newer returns a bench whose kernel is that one.
func newer(t *testing.T, k kernel.Profile, cfg Config) *bench {
	return newBench(t, cfg, func(b *bench) { b.profile = k })
}

// laid returns a frame of l bytes with that many bytes of headers, as the driver
// gives it to the stack.
func laid(p *Port, l, headers uint32) *skb.Buff {
	b := new(skb.Buff)
	p.lay(b, l, headers)
	return b
}

// 6.18/5: the largest ring of an 82599 is 8192 from 6.2 on, its default the same as ever.
func TestRingMaxima618(t *testing.T) {
	for name, tc := range map[string]struct {
		k    kernel.Profile
		want int
	}{
		"6.18/5 linux-4.0":  {kernel.Linux40(), 4096},
		"6.18/5 linux-6.1":  {kernel.Linux61(), 4096},
		"6.18/5 linux-6.12": {kernel.Linux612(), 8192},
		"6.18/5 linux-6.18": {kernel.Linux618(), 8192},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			require.Equal(t, 512, cfg.RingSize(&tc.k))
			cfg.RXRing = 100_000
			require.Equal(t, tc.want, cfg.RingSize(&tc.k))
			p := newer(t, tc.k, cfg).port
			require.Equal(t, tc.want, p.Queues()[0].count)
			require.Equal(t, tc.want, p.Ethtool().RXMax)
		})
	}
	igb := DefaultIgb()
	igb.RXRing = 100_000
	k := kernel.Linux618()
	require.Equal(t, 4096, igb.RingSize(&k), "this driver's is another matter")
	require.Equal(t, k.Release, newer(t, k, igb).port.Ethtool().Version, "but drivers have the kernel's version (ethtool -i)")
}

// 6.18/5.1: what a frame without FCS is charged with, by kernel and MTU.
func TestTruesize618(t *testing.T) {
	legacy := func(c *Config) { c.LegacyRX = true }
	jumbo := func(c *Config) { c.MTU = 9000 }
	for name, tc := range map[string]struct {
		k    kernel.Profile
		edit func(*Config)
		want map[uint32]uint32
	}{
		"6.18/5.1.1 copied":               {kernel.Linux40(), nil, map[uint32]uint32{60: 896, 256: 896, 257: 2944, 1514: 2944}},
		"6.18/5.1.2 built":                {kernel.Linux618(), nil, map[uint32]uint32{60: 2304, 256: 2304, 257: 2304, 1522: 2304}},
		"6.18/5.1.2 built in 6.1":         {kernel.Linux61(), nil, map[uint32]uint32{60: 2304, 1522: 2304}},
		"6.18/5.1.3 legacy-rx":            {kernel.Linux618(), legacy, map[uint32]uint32{256: 896, 257: 2944}},
		"6.18/5.1.3 legacy-rx before":     {kernel.Linux612(), legacy, map[uint32]uint32{256: 1280, 257: 3328}},
		"6.18/5.1.4 jumbo copied":         {kernel.Linux40(), jumbo, map[uint32]uint32{60: 896, 9014: 11136}},
		"6.18/5.1.4 jumbo built":          {kernel.Linux618(), jumbo, map[uint32]uint32{60: 4352, 3072: 4352, 3073: 8448, 9014: 12544}},
		"6.18/5.1 a flag without meaning": {kernel.Linux40(), legacy, map[uint32]uint32{256: 896, 257: 2944}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			if tc.edit != nil {
				tc.edit(&cfg)
			}
			p := newer(t, tc.k, cfg).port
			for l, want := range tc.want {
				require.Equal(t, want, laid(p, l, 42).Truesize, "L = %d", l)
			}
		})
	}
}

// 6.18/1.4.4: what of a frame lies in page fragments, and how much of it the
// head could take.
func TestFragments618(t *testing.T) {
	cfg := oneQueue()
	built := laid(newer(t, kernel.Linux618(), cfg).port, 1514, 42)
	require.Equal(t, [3]uint32{1514, 0, 22}, [3]uint32{built.Linear, built.FragLen, built.TailRoom}, "nothing, in a built skb")
	cfg.LegacyRX = true
	copied := laid(newer(t, kernel.Linux612(), cfg).port, 300, 42)
	require.Equal(t, [4]uint32{42, 258, 2048, 598}, [4]uint32{copied.Linear, copied.FragLen, copied.FragTruesize, copied.TailRoom})
	cfg.LegacyRX, cfg.MTU = false, 9000
	jumbo := laid(newer(t, kernel.Linux618(), cfg).port, 9014, 42)
	require.Equal(t, [4]uint32{3072, 5942, 8192, 512}, [4]uint32{jumbo.Linear, jumbo.FragLen, jumbo.FragTruesize, jumbo.TailRoom})
}

// 6.18/5.1.4: a jumbo frame takes a descriptor for every 3072 bytes, and a
// change of the MTU changes the buffers.
func TestJumboDescriptors618(t *testing.T) {
	cfg := oneQueue()
	cfg.MTU = 9000
	b := newer(t, kernel.Linux618(), cfg)
	b.send(frameOf(7000), 1)
	b.until(engine.Millisecond)
	q := b.port.Queues()[0]
	require.Equal(t, [2]uint64{1, 2}, [2]uint64{q.Packets, q.NonEOP}, "three descriptors")
	want := b.port.Config()
	want.MTU = 1500
	b.port.Become(want, b.now)
	require.Equal(t, uint32(2304), laid(b.port, 1514, 42).Truesize)
}

// 6.18/5.2: an skb that is built around a half page holds it, however short the
// frame; what is copied gives it back at once.
func TestPages618(t *testing.T) {
	for name, tc := range map[string]struct {
		k     kernel.Profile
		fresh bool
	}{
		"6.18/5.2 copied": {kernel.Linux40(), false},
		"6.18/5.2 built":  {kernel.Linux618(), true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newer(t, tc.k, held(engine.Never))
			q := b.port.Queues()[0]
			b.send(frameOf(60), 500)
			b.until(engine.Millisecond)
			before := q.pages.fresh
			for range 4 {
				b.send(frameOf(60), 500)
				b.until(b.now + engine.Millisecond)
			}
			require.Equal(t, tc.fresh, q.pages.fresh > before, "one page a packet under overload, or none")
		})
	}
}

// 6.18/5: LRO is off by default, so its coming and going resets nothing; and the
// driver's version is the kernel's.
func TestIxgbeOfLaterKernels(t *testing.T) {
	for name, tc := range map[string]struct {
		k       kernel.Profile
		resets  bool
		version string
	}{
		"6.18/5 linux-4.0":  {kernel.Linux40(), true, "4.0.1-k"},
		"6.18/5 linux-6.18": {kernel.Linux618(), false, "6.18.44"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			cfg.RXUsecs = 1
			p := newer(t, tc.k, cfg).port
			next := p.Config()
			next.NoLRO = true
			require.Equal(t, tc.resets, p.resets(&next))
			require.Equal(t, tc.version, p.Ethtool().Version)
		})
	}
}

// 6.18/5.4: the interval for frames of one size, in microseconds at 10 Gb/s for
// throughput and for low latency, and at 1 Gb/s.
func TestUsecsForSize618(t *testing.T) {
	for size, want := range map[uint64][3]int{60: {20, 10, 80}, 200: {42, 22, 126}, 512: {76, 38, 126}, 1500: {118, 60, 126}, 1967: {126, 64, 126}, 9000: {126, 64, 126}} {
		require.Equal(t, want, [3]int{usecsForSize(size, false, false), usecsForSize(size, true, false), usecsForSize(size, false, true)}, "%d bytes", size)
	}
}

// 6.18/5.4: one update of the receive direction, at an interval of 50 µs.
func TestAdaptiveUpdate618(t *testing.T) {
	for name, tc := range map[string]struct {
		usecs          int
		packets, bytes uint64
		late           int64
		want           int
	}{
		"6.18/5.4.1 more than a jiffy ago":    {50, 1000, 60_000, 2, 10 | latencyBit},
		"6.18/5.4.1 a jiffy ago":              {50, 0, 0, 1, 52 | latencyBit},
		"6.18/5.4.2 no packets":               {50, 0, 0, 0, 52 | latencyBit},
		"6.18/5.4.2 at most 126":              {126, 0, 0, 0, 126 | latencyBit},
		"6.18/5.4.3 three short ones":         {50, 3, 180, 0, 10 | latencyBit},
		"6.18/5.4.3 three of 3000":            {50, 3, 9000, 0, 52},
		"6.18/5.4.4 four":                     {50, 4, 240, 0, 52},
		"6.18/5.4.4 47":                       {126, 47, 2820, 0, 126},
		"6.18/5.4.5 48":                       {50, 48, 2880, 0, 50},
		"6.18/5.4.5 95":                       {50, 95, 5700, 0, 50},
		"6.18/5.4.6 96":                       {50, 96, 5760, 0, 25},
		"6.18/5.4.6 not below ten":            {12, 255, 15_300, 0, 10},
		"6.18/5.4.7 256 for throughput":       {50, 256, 15_360, 0, 20},
		"6.18/5.4.7 256 of 1500, twice as by": {50, 256, 384_000, 0, 118},
	} {
		t.Run(name, func(t *testing.T) {
			d := direction{raw: adaptiveMax | latencyBit, updated: 100}
			d.update(tc.usecs, tc.packets, tc.bytes, 100+tc.late, false)
			require.Equal(t, tc.want, d.raw)
			require.Equal(t, 100+tc.late, d.updated)
		})
	}
}

// 6.18/5.4.8: the smaller of the two wishes, those for low latency behind all
// others; nothing is smoothed. The steady states of a receiving vector.
func TestAdaptiveSteady618(t *testing.T) {
	for name, tc := range map[string]struct {
		size     int
		gap      engine.Time
		min, max int // microseconds
	}{
		"6.18/5.4 60 bytes, 100 kpps: fewer than four an interval":      {60, 10 * us, 10, 14},
		"6.18/5.4 1500 bytes, 10 kpps":                                  {1514, 100 * us, 56, 62},
		"6.18/5.4 60 bytes, 1 Mpps: grows to 48 packets, and no more":   {60, us, 46, 50},
		"6.18/5.4 1500 bytes, 400 kpps: one of 48 fills the interval":   {1514, 2500 * engine.Nanosecond, 116, 126},
		"6.18/5.4 60 bytes, 10 Mpps: from 256 packets on by their size": {60, 100 * engine.Nanosecond, 10, 20},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			cfg.RXUsecs = 1
			b := newer(t, kernel.Linux618(), cfg)
			b.port.Connect(&train{frame: frameOf(tc.size), start: us, gap: tc.gap, n: 1 << 30})
			for ms := engine.Time(30); ms < 60; ms++ {
				b.until(ms * engine.Millisecond)
				usecs := b.port.Vectors()[0].itr >> 2
				require.GreaterOrEqual(t, usecs, tc.min)
				require.LessOrEqual(t, usecs, tc.max)
			}
		})
	}
}

// 6.18/5.3: a poll that leaves its interrupt to a timer leaves the interval alone.
func TestAdaptOnlyUnmasked618(t *testing.T) {
	for name, masked := range map[string]bool{"6.18/5.3 unmasked": false, "6.18/5.3 left masked": true} {
		t.Run(name, func(t *testing.T) {
			cfg := oneQueue()
			cfg.RXUsecs = 1
			v := newer(t, kernel.Linux618(), cfg).port.Vectors()[0]
			v.napi = &leavesMasked{NAPI: v.napi, masked: masked}
			was := v.itr
			v.PollRings(v.line.Core(), 64)
			require.Equal(t, masked, v.itr == was)
		})
	}
}

// leavesMasked is an instance whose interrupt may stay masked.
type leavesMasked struct {
	NAPI
	masked bool
}

func (l *leavesMasked) Complete(*cpu.Core, int) bool { return !l.masked }

// 6.18/5: from 4.12 on igb builds skbs, too: around half a page as long as frames
// of the MTU fit behind 64 free bytes, else around half of two.
func TestIgbTruesize618(t *testing.T) {
	for _, tc := range []struct {
		name string
		k    kernel.Profile
		edit func(*Config)
		want map[uint32]uint32
	}{
		{"copied in 4.0", kernel.Linux40(), func(*Config) {}, map[uint32]uint32{60: 896, 257: 2944}},
		{"built", kernel.Linux618(), func(*Config) {}, map[uint32]uint32{60: 2304, 1518: 2304}},
		{"legacy-rx", kernel.Linux618(), func(c *Config) { c.LegacyRX = true }, map[uint32]uint32{60: 896, 257: 2944}},
		{"largest MTU for half a page", kernel.Linux618(), func(c *Config) { c.MTU = 1626 }, map[uint32]uint32{60: 2304}},
		{"a larger MTU", kernel.Linux618(), func(c *Config) { c.MTU = 1627 }, map[uint32]uint32{60: 4352, 3073: 8448}},
		{"rx-all", kernel.Linux618(), func(c *Config) { c.RXAll = true }, map[uint32]uint32{60: 4352}},
	} {
		t.Run("6.18/5 "+tc.name, func(t *testing.T) {
			cfg := DefaultIgb()
			cfg.Combined = 1
			tc.edit(&cfg)
			p := newer(t, tc.k, cfg).port
			for l, want := range tc.want {
				require.Equal(t, want, laid(p, l, 42).Truesize, "L = %d", l)
			}
			if tc.k.Release != "" {
				require.Equal(t, "6.18.44", p.Ethtool().Version)
			}
		})
	}
	b := laid(newer(t, kernel.Linux618(), DefaultIgb()).port, 100, 42)
	require.EqualValues(t, 1728-64-100, b.TailRoom)
}
