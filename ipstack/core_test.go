package ipstack

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// tagged makes a packet one with a tag that the hardware took out.
func tagged(tci uint16) packet {
	return func(h *skb.Header, b *skb.Buff) { h.Tagged, h.VLAN, b.Tagged = true, tci, true }
}

// inBand leaves the tags in the data, inner ones behind the first.
func inBand(tci uint16, inner ...uint16) packet {
	return func(h *skb.Header, b *skb.Buff) {
		h.Tagged, h.VLAN = true, tci
		if len(inner) > 0 {
			h.DoubleTagged, h.InnerVLAN = true, inner[0]
		}
		b.InBand = h.Tags()
		b.Len += skb.VLANHeader * uint32(b.InBand)
	}
}

// CORE-4 to CORE-6, CORE-9, CORE-20, ODD-15, ODD-26, ODD-27: one frame through the
// receive core: how often processed counts, who counts a drop, what a VLAN
// device counts.
func TestReceiveCore(t *testing.T) {
	tag := tagged
	serviceTag := func(h *skb.Header, _ *skb.Buff) { h.ServiceTag = true }
	outerOut := func(h *skb.Header, b *skb.Buff) { // the hardware took the first of two tags
		b.Tagged = true
		b.InBand--
		b.Len -= skb.VLANHeader
	}
	unknown := func(h *skb.Header, _ *skb.Buff) { h.EtherType = 0x88cc }
	both := func(f ...packet) packet {
		return func(h *skb.Header, b *skb.Buff) {
			for _, g := range f {
				g(h, b)
			}
		}
	}
	type result struct {
		processed             uint64
		dropped, vlanDropped  uint64
		vlanPackets, vlanOcts uint64
		taps, vlanTaps        uint64
		delivered             int
		reason                skb.DropReason
	}
	for name, tc := range map[string]struct {
		change        packet
		tap, tapOnTop bool
		want          result
	}{
		"plain":                        {change: both(), want: result{processed: 1, delivered: 1}},
		"with a tap":                   {change: both(), tap: true, want: result{processed: 1, taps: 1, delivered: 1}},
		"CORE-6: VLAN device":          {change: tag(7), want: result{processed: 2, vlanPackets: 1, vlanOcts: 128, delivered: 1}},
		"CORE-6: priority bits":        {change: tag(7 | 5<<13), want: result{processed: 2, vlanPackets: 1, vlanOcts: 128, delivered: 1}},
		"CORE-4.3: tag in the data":    {change: inBand(7), want: result{processed: 2, vlanPackets: 1, vlanOcts: 128, delivered: 1}},
		"CORE-4.3: no device for it":   {change: inBand(8), want: result{processed: 1, reason: skb.OtherHost}},
		"CORE-4.3: two tags":           {change: inBand(7, 0), want: result{processed: 2, vlanPackets: 1, vlanOcts: 132, delivered: 1}},
		"CORE-4.3: one out, one in":    {change: both(inBand(7, 9), outerOut), want: result{processed: 2, vlanPackets: 1, vlanOcts: 132, reason: skb.OtherHost}},
		"CORE-4.3: an inner one stays": {change: inBand(8, 7), want: result{processed: 1, dropped: 1, reason: skb.UnhandledProto}},
		"CORE-4.3: 802.1AD":            {change: both(inBand(7), serviceTag), want: result{processed: 1, reason: skb.OtherHost}},
		"CORE-6: taps in each round":   {change: tag(7), tap: true, tapOnTop: true, want: result{processed: 2, vlanPackets: 1, vlanOcts: 128, taps: 1, vlanTaps: 1, delivered: 1}},
		"CORE-4.8: unknown VLAN":       {change: tag(8), want: result{processed: 1, reason: skb.OtherHost}},
		"CORE-4.8: VLAN 0":             {change: tag(0), want: result{processed: 1, delivered: 1}},
		"CORE-4.8: VLAN 0, priority":   {change: tag(3 << 13), want: result{processed: 1, delivered: 1}},
		"CORE-9: another's frame":      {change: func(_ *skb.Header, b *skb.Buff) { b.PktType = skb.PacketOtherHost }, want: result{processed: 1, reason: skb.OtherHost}},
		"ODD-27: unknown EtherType":    {change: unknown, want: result{processed: 1, dropped: 1, reason: skb.UnhandledProto}},
		"CORE-5: but not with a tap":   {change: unknown, tap: true, want: result{processed: 1, taps: 1, reason: skb.UnhandledProto}},
		"CORE-5: tagged, with a tap":   {change: both(unknown, tag(8)), tap: true, want: result{processed: 1, dropped: 1, taps: 1, reason: skb.UnhandledProto}},
		"CORE-5: VLAN 0, with a tap":   {change: both(unknown, tag(0)), tap: true, want: result{processed: 1, dropped: 1, taps: 1, reason: skb.UnhandledProto}},
		"CORE-4.10: on the VLAN":       {change: both(unknown, tag(7)), tap: true, want: result{processed: 2, vlanDropped: 1, vlanPackets: 1, vlanOcts: 128, taps: 1, reason: skb.UnhandledProto}},
		"CORE-5: tap on the VLAN":      {change: both(unknown, tag(7)), tapOnTop: true, want: result{processed: 2, vlanPackets: 1, vlanOcts: 128, vlanTaps: 1, reason: skb.UnhandledProto}},
		"ARP has a handler":            {change: func(h *skb.Header, _ *skb.Buff) { h.EtherType = skb.EtherTypeARP }, want: result{processed: 1, reason: skb.HandledElsewhere}},
		"IPv6 has a handler":           {change: func(h *skb.Header, _ *skb.Buff) { h.EtherType = skb.EtherTypeIPv6 }, want: result{processed: 1, reason: skb.HandledElsewhere}},
		"1.6.7: an 802.3 frame hasn't": {change: func(h *skb.Header, _ *skb.Buff) { h.EtherType = 100 }, want: result{processed: 1, dropped: 1, reason: skb.UnhandledProto}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			v := b.eth0.AddVLAN(7, "eth0.7", 0, 0)
			var taps [2]*Tap
			if tc.tap {
				taps[0] = b.eth0.AddTap(1<<20, 0)
			}
			if tc.tapOnTop {
				taps[1] = v.AddTap(1<<20, 0)
			}
			b.receive(local, tc.change)
			got := result{processed: b.stats.Softnet.Processed, dropped: b.eth0.RXDropped, vlanDropped: v.RXDropped,
				vlanPackets: v.RXPackets, vlanOcts: v.RXBytes, delivered: len(b.got)}
			if taps[0] != nil {
				got.taps = taps[0].Packets
			}
			if taps[1] != nil {
				got.vlanTaps = taps[1].Packets
			}
			for r := range b.ledger.Dropped {
				if b.ledger.Dropped[r] > 0 {
					got.reason = skb.DropReason(r)
				}
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// CORE-4.6: the VLAN device takes for its own what has its MAC, counts
// multicast, and is the device that IP sees (IP-16, LK-5).
func TestVLANDevice(t *testing.T) {
	b := newBench(t)
	v := b.eth0.AddVLAN(7, "eth0.7", 0x0a000702, 24)
	tag := func(h *skb.Header, p *skb.Buff) { h.Tagged, h.VLAN, p.Tagged = true, 7, true }
	v.MAC = skb.MAC{2, 0, 0, 0, 0, 0x77}
	b.receive(local, tag, func(h *skb.Header, p *skb.Buff) { h.DstMAC, p.PktType = v.MAC, skb.PacketOtherHost })
	require.Len(t, b.got, 1)
	require.Equal(t, v.Index, b.got[0].IfIndex)
	require.False(t, b.got[0].Tagged)
	b.receive(local, tag, func(_ *skb.Header, p *skb.Buff) { p.PktType = skb.PacketOtherHost })
	require.Len(t, b.got, 1, "neither MAC")

	v.Join(skb.AddrFrom(group.Addr()))
	b.receive(group, tag)
	require.Len(t, b.got, 2)
	b.receive(group)
	require.Len(t, b.got, 2, "eth0 has not joined")
	require.EqualValues(t, 1, v.Multicast)
	require.EqualValues(t, 3, v.RXPackets)
}

// CORE-30 to CORE-32, CORE-35, PK-2: a packet socket charges truesize, tests
// before it adds, and counts what it refuses; UDP sees nothing of it.
func TestTap(t *testing.T) {
	for name, tc := range map[string]struct {
		rcvbuf        int
		packets, lost uint64
	}{
		"one byte over three packets": {3*896 + 1, 4, 6}, // CORE-32: the last may exceed
		"exactly three packets":       {3 * 896, 3, 7},
		"less than one":               {1, 1, 9},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			tap := b.eth0.AddTap(tc.rcvbuf, 0)
			for range 10 {
				b.receive(local)
			}
			require.Equal(t, tc.packets, tap.Packets)
			require.Equal(t, tc.lost, tap.Drops)
			require.Equal(t, tc.packets, tap.Live())
			b.dropped(map[skb.DropReason]uint64{skb.TapFull: tc.lost})
			require.Len(t, b.got, 10)
			require.Zero(t, b.eth0.RXDropped)
			b.counts(mib.Net{IP: mib.IP{InReceives: 10, InDelivers: 10}, IPExt: mib.IPExt{InOctets: 1280, InNoECTPkts: 10}})
			require.EqualValues(t, 10, b.ledger.Clones)
		})
	}
}

// A tap's reader takes its time for a packet, one after the other.
func TestTapReader(t *testing.T) {
	b := newBench(t)
	tap := b.eth0.AddTap(2*896, 3*engine.Microsecond)
	// Packets come every microsecond from 1 on; the reader is done with them at 4, 7, 10, ...
	var lost []int
	for n := 1; n <= 12; n++ {
		before := tap.Drops
		b.receive(local)
		if tap.Drops > before {
			lost = append(lost, n)
		}
	}
	require.Equal(t, []int{3, 5, 6, 8, 9, 11, 12}, lost)
	tap.Settle(20 * engine.Microsecond)
	require.Zero(t, tap.Live())
	require.EqualValues(t, 5, b.ledger.Consumed-12)
}

// Where the time of a packet goes between the driver and UDP, and what a packet
// costs that ends on the way.
func TestTimes(t *testing.T) {
	spent := func(cost func(*kernel.Costs) *kernel.Cost, dst netip.AddrPort, change ...packet) engine.Time {
		b := newBench(t, func(b *bench, _ *Config) { *cost(&b.costs) = kernel.Cost{Fixed: 1000, PerByte: 1} })
		b.eth0.AddTap(1<<20, 0)
		h := *skb.NewUDP(mac, sender, dst, 100).Head
		p := skb.Buff{Frame: h.UDPFrame(100), Truesize: 896, IfIndex: b.eth0.Index, Len: 128}
		for _, f := range change {
			f(&h, &p)
		}
		p.Head = &h
		var took engine.Time
		b.do(func(c *cpu.Core) {
			start := c.Now()
			b.ledger.Frames++
			b.ledger.Take()
			b.layer.ReceiveSKB(c, &p)
			took = c.Now() - start
		})
		b.exec.RunUntil(b.now + engine.Millisecond)
		return took
	}
	other := func(_ *skb.Header, p *skb.Buff) { p.PktType = skb.PacketOtherHost }
	unknown := func(h *skb.Header, _ *skb.Buff) { h.Proto = 132 }
	for name, tc := range map[string]struct {
		cost   func(*kernel.Costs) *kernel.Cost
		change []packet
		want   engine.Time
	}{
		"core":                   {cost: func(c *kernel.Costs) *kernel.Cost { return &c.Core }, want: 1000},
		"tap":                    {cost: func(c *kernel.Costs) *kernel.Cost { return &c.Tap }, want: 1128},
		"ip":                     {cost: func(c *kernel.Costs) *kernel.Cost { return &c.IP }, want: 1000},
		"route":                  {cost: func(c *kernel.Costs) *kernel.Cost { return &c.Route }, want: 1000},
		"route: not for others":  {cost: func(c *kernel.Costs) *kernel.Cost { return &c.Route }, change: []packet{other}},
		"free_drop":              {cost: func(c *kernel.Costs) *kernel.Cost { return &c.FreeDrop }, change: []packet{other}, want: 1000},
		"free_drop: none":        {cost: func(c *kernel.Costs) *kernel.Cost { return &c.FreeDrop }},
		"no_port: ICMP is built": {cost: func(c *kernel.Costs) *kernel.Cost { return &c.NoPort }, change: []packet{unknown}, want: 1000},
	} {
		require.Equal(t, tc.want, spent(tc.cost, local, tc.change...), name)
	}
}

// Kernels since 5.4 take a tag of VLAN 0 off and look at the next (CORE-4.8): a
// frame with a priority and a tag is that of the inner VLAN.
func TestZeroTags(t *testing.T) {
	for name, tc := range map[string]struct {
		change        packet
		before, after skb.DropReason
		vlan          uint64 // packets of the VLAN device, after
	}{
		"CORE-4.8 VLAN 0, then 0":           {inBand(0, 0), skb.UnhandledProto, skb.NotDropped, 0},
		"CORE-4.8 priority, then VLAN 0":    {inBand(5<<13, 0), skb.UnhandledProto, skb.NotDropped, 0},
		"CORE-4.8 VLAN 0, then a device's":  {inBand(0, 7), skb.UnhandledProto, skb.NotDropped, 1},
		"CORE-4.8 VLAN 0, then a stranger":  {inBand(0, 8), skb.UnhandledProto, skb.OtherHost, 0},
		"CORE-4.8 a stranger, then VLAN 0":  {inBand(8, 0), skb.UnhandledProto, skb.UnhandledProto, 0},
		"CORE-4.8 a stranger, then another": {inBand(8, 7), skb.UnhandledProto, skb.UnhandledProto, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, inner := range []bool{false, true} {
				b := newBench(t, func(b *bench, _ *Config) { b.prof.ZeroTagInner = inner })
				v := b.eth0.AddVLAN(7, "eth0.7", 0, 0)
				b.receive(local, tc.change)
				want, vlan := tc.before, uint64(0)
				if inner {
					want, vlan = tc.after, tc.vlan
				}
				require.Equal(t, vlan, v.RXPackets)
				if want == skb.NotDropped {
					b.dropped(nil)
					require.Len(t, b.got, 1)
				} else {
					b.dropped(drops(want, 1))
				}
			}
		})
	}
}

// IPv6 drops another host's packets before it asks whether it is switched off,
// and kernels that count such packets count these, too (ip6_rcv_core).
func TestOtherhostIPv6(t *testing.T) {
	for _, counted := range []bool{false, true} {
		b := newBench(t, func(b *bench, c *Config) { b.prof.OtherhostCounted, c.DisableIPv6 = counted, 1 })
		b.receive(local, func(h *skb.Header, p *skb.Buff) { h.EtherType, p.PktType = skb.EtherTypeIPv6, skb.PacketOtherHost })
		if counted {
			require.EqualValues(t, 1, b.eth0.RXOtherhostDropped)
			b.dropped(drops(skb.OtherHost, 1))
		} else {
			require.Zero(t, b.eth0.RXOtherhostDropped)
			b.dropped(drops(skb.HandledElsewhere, 1))
		}
	}
}
