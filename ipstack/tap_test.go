package ipstack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

const us = engine.Microsecond

// order notes in which order packet sockets see packets.
func order(log *[]string, name string) TapConfig {
	return TapConfig{Name: name, RcvBuf: 1 << 20, Filter: func(*cpu.Core, *skb.Buff, *Device) int {
		*log = append(*log, name)
		return 1 << 18
	}}
}

// CORE-30: the sockets without a device run first, then those of the device,
// each list from the newest to the oldest, in every round. Before 4.0 there is
// one list for all (K310-11).
func TestTapOrder(t *testing.T) {
	for name, tc := range map[string]struct {
		prof kernel.Profile
		want []string
	}{
		"CORE-30 global list, then the device's": {kernel.Linux40(), []string{"global 2", "global 1", "eth0 2", "eth0 1", "global 2", "global 1", "eth0.7"}},
		"K310-11 one list":                       {kernel.Linux310(), []string{"eth0 2", "global 2", "eth0 1", "global 1", "eth0.7", "global 2", "global 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(b *bench, _ *Config) { b.prof = tc.prof })
			v := b.eth0.AddVLAN(7, "eth0.7", 0, 0)
			var log []string
			for _, o := range []struct {
				dev  *Device
				name string
			}{{nil, "global 1"}, {b.eth0, "eth0 1"}, {nil, "global 2"}, {b.eth0, "eth0 2"}, {v, "eth0.7"}} {
				b.layer.OpenTap(o.dev, order(&log, o.name))
			}
			b.receive(local, tagged(7))
			require.Equal(t, tc.want, log)
			require.EqualValues(t, 7, b.ledger.Clones)
		})
	}
}

// CORE-4.9, CORE-4.10: packet sockets for one EtherType. The kernel's own handler
// is the oldest of the bucket; those bound to a device come behind it.
func TestTapEtherType(t *testing.T) {
	const lldp = 0x88cc
	for name, tc := range map[string]struct {
		bound   string // to eth0, to its VLAN device, or to none
		proto   uint16
		change  []packet
		packets uint64
		reason  skb.DropReason
		dropped uint64 // rx_dropped of the device that the packet is on at the end
	}{
		"CORE-4.9 its EtherType, any device":              {proto: lldp, change: []packet{etherType(lldp)}, packets: 1, reason: skb.UnhandledProto},
		"CORE-4.9 its EtherType, its device":              {bound: "eth0", proto: lldp, change: []packet{etherType(lldp)}, packets: 1, reason: skb.UnhandledProto},
		"CORE-4.9 of the device it came in by":            {bound: "eth0", proto: lldp, change: []packet{etherType(lldp), tagged(7)}, packets: 1, reason: skb.UnhandledProto},
		"CORE-4.9 of the device it is on":                 {bound: "eth0.7", proto: lldp, change: []packet{etherType(lldp), tagged(7)}, packets: 1, reason: skb.UnhandledProto},
		"CORE-4.10 another device's: nobody takes it":     {bound: "eth0.7", proto: lldp, change: []packet{etherType(lldp)}, reason: skb.UnhandledProto, dropped: 1},
		"CORE-4.10 another EtherType's: nobody takes it":  {proto: lldp, change: []packet{etherType(0x88f7)}, reason: skb.UnhandledProto, dropped: 1},
		"CORE-4.9 IP: beside ip_rcv":                      {proto: skb.EtherTypeIPv4, packets: 1},
		"CORE-4.9 IP, bound: behind ip_rcv":               {bound: "eth0", proto: skb.EtherTypeIPv4, packets: 1},
		"CORE-4.9 a tag in the data is another EtherType": {proto: skb.EtherTypeVLAN, change: []packet{inBand(8, 9)}, packets: 1, reason: skb.UnhandledProto},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			v := b.eth0.AddVLAN(7, "eth0.7", 0, 0)
			var seen uint32
			tap := b.layer.OpenTap(map[string]*Device{"eth0": b.eth0, "eth0.7": v}[tc.bound], TapConfig{RcvBuf: 1 << 20, EtherType: tc.proto,
				Filter: func(_ *cpu.Core, p *skb.Buff, _ *Device) int { seen = p.Len; return 1 << 18 }})
			b.receive(local, tc.change...)
			require.Equal(t, tc.packets, tap.Packets)
			require.Equal(t, tc.reason, b.ended())
			require.Equal(t, tc.dropped, b.eth0.RXDropped+v.RXDropped)
			if tc.packets > 0 {
				require.GreaterOrEqual(t, seen, uint32(128), "the whole packet, whatever ip_rcv did with it")
			}
		})
	}
}

// CORE-31 to CORE-35: what a packet socket counts and holds of ten packets of
// 142 bytes, truesize 896. UDP gets all of them.
func TestTapKinds(t *testing.T) {
	accept := func(n int) func(*cpu.Core, *skb.Buff, *Device) int {
		return func(*cpu.Core, *skb.Buff, *Device) int { return n }
	}
	type result struct{ packets, drops, skDrops, bytes, rmem uint64 }
	for name, tc := range map[string]struct {
		cfg  TapConfig
		want result
	}{
		"CORE-31 room for all":                  {TapConfig{RcvBuf: 1 << 20}, result{10, 0, 0, 1420, 8960}},
		"CORE-31 the filter says 0":             {TapConfig{RcvBuf: 1 << 20, Filter: accept(0)}, result{}},
		"CORE-31 the filter wants 96 bytes":     {TapConfig{RcvBuf: 1 << 20, Filter: accept(96)}, result{10, 0, 0, 960, 8960}},
		"CORE-31 snap length below the filter":  {TapConfig{RcvBuf: 1 << 20, Filter: accept(96), SnapLen: 60}, result{10, 0, 0, 600, 8960}},
		"CORE-31 full: both counters":           {TapConfig{RcvBuf: 2 * 896}, result{2, 8, 8, 284, 1792}},
		"CORE-32 the last may exceed the limit": {TapConfig{RcvBuf: 2*896 + 1}, result{3, 7, 7, 426, 2688}},
		"CORE-33 ring: frames, nothing charged": {TapConfig{Kind: TPacketRcv, Frames: 16, FrameSize: 2048}, result{10, 0, 0, 1420, 0}},
		"CORE-33 ring full: sk_drops stays":     {TapConfig{Kind: TPacketRcv, Frames: 4, FrameSize: 2048}, result{4, 6, 0, 568, 0}},
		"CORE-33 as much as a frame holds":      {TapConfig{Kind: TPacketRcv, Frames: 16, FrameSize: 128}, result{10, 0, 0, 620, 0}},
		"CORE-33 ring with a filter":            {TapConfig{Kind: TPacketRcv, Frames: 16, FrameSize: 2048, Filter: accept(50)}, result{10, 0, 0, 500, 0}},
		"CORE-33 ring, the filter says 0":       {TapConfig{Kind: TPacketRcv, Frames: 16, FrameSize: 2048, Filter: accept(0)}, result{}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			tap := b.layer.OpenTap(b.eth0, tc.cfg)
			for range 10 {
				b.receive(local)
			}
			require.Equal(t, tc.want, result{tap.Packets, tap.Drops, tap.SKDrops, tap.Bytes, uint64(tap.Rmem())})
			require.Equal(t, tap.Packets, tap.Live())
			require.Equal(t, tc.want.drops, b.ledger.Dropped[skb.TapFull])
			require.Len(t, b.got, 10, "CORE-35")
			require.Zero(t, b.eth0.RXDropped, "CORE-35")
		})
	}
}

// CORE-34: PACKET_STATISTICS adds the losses to the packets, and forgets both.
func TestTapStatistics(t *testing.T) {
	b := newBench(t)
	tap := b.layer.OpenTap(b.eth0, TapConfig{RcvBuf: 2 * 896})
	for range 5 {
		b.receive(local)
	}
	packets, drops := tap.Statistics()
	require.Equal(t, [2]uint64{5, 3}, [2]uint64{packets, drops})
	packets, drops = tap.Statistics()
	require.Equal(t, [2]uint64{0, 0}, [2]uint64{packets, drops}, "cleared")
	b.receive(local)
	packets, drops = tap.Statistics()
	require.Equal(t, [2]uint64{1, 1}, [2]uint64{packets, drops})
	require.EqualValues(t, 2, tap.Packets, "since the opening")
	require.EqualValues(t, 4, tap.SKDrops, "and sk_drops stays")
}

// CORE-2, CORE-36: a clone carries the packet's timestamp; without one the time is
// that of the reading. A ring reads the clock itself when it copies.
func TestTapTimestamps(t *testing.T) {
	stamped := func(_ *skb.Header, p *skb.Buff) { p.TStamp = 77 }
	for name, tc := range map[string]struct {
		kind   TapKind
		change []packet
		want   engine.Time
	}{
		"CORE-36 stamped":            {PacketRcv, []packet{stamped}, 77},
		"CORE-36 not stamped":        {PacketRcv, nil, 9 * us},
		"CORE-2 ring, stamped":       {TPacketRcv, []packet{stamped}, 77},
		"CORE-2 ring, reads a clock": {TPacketRcv, nil, 1 * us},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			tap := b.layer.OpenTap(b.eth0, TapConfig{Kind: tc.kind, RcvBuf: 1 << 20, Frames: 4, FrameSize: 2048})
			b.receive(local, tc.change...)
			p, ok := tap.Recv(9 * us)
			require.True(t, ok)
			require.Equal(t, TapPacket{At: us, TStamp: tc.want, Len: 142}, p)
			_, ok = tap.Recv(9 * us)
			require.False(t, ok)
		})
	}
}

// CORE-1, CORE-4.1: with netdev_tstamp_prequeue 0 the receive core takes the time, if
// anybody needs it and the packet has none; with 1 it leaves that to whoever
// handed it the packet.
func TestLateTimestamp(t *testing.T) {
	for name, tc := range map[string]struct {
		prequeue, users int
		had, want       engine.Time
	}{
		"CORE-1 needed, late":         {0, 1, 0, us},
		"CORE-1 needed, has one":      {0, 1, 5, 5},
		"CORE-1 needed, before RPS":   {1, 1, 0, 0},
		"CORE-2 nobody needs it":      {0, 0, 0, 0},
		"CORE-2 nobody needs it more": {0, -1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.prequeue = tc.prequeue
			if tc.users != 0 {
				b.layer.NetStamp.Enable()
			}
			if tc.users < 0 {
				b.layer.NetStamp.Disable()
			}
			b.receive(local, func(_ *skb.Header, p *skb.Buff) { p.TStamp = tc.had })
			require.Equal(t, tc.want, b.got[0].TStamp)
		})
	}
}

// The program of a packet socket as a task: what it takes, and that its buffer is
// full while it is slow. A frame of a ring is free when the program has done.
func TestTapTask(t *testing.T) {
	for name, tc := range map[string]struct {
		kind         TapKind
		drops, taken uint64
	}{
		"PacketRcv: memory is free after the copy": {PacketRcv, 3, 7},
		"TPacketRcv: frame is free after the work": {TPacketRcv, 4, 6},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(b *bench, _ *Config) { b.costs.Switch.Fixed = us / 10 })
			tap := b.layer.OpenTap(nil, TapConfig{Name: "tcpdump", Kind: tc.kind, RcvBuf: 2 * 896, Frames: 2, FrameSize: 2048, PerPacket: 2 * us})
			tap.Run(b.core, 0)
			for range 10 {
				b.receive(local)
			}
			b.exec.RunUntil(b.now + engine.Millisecond)
			require.Equal(t, tc.drops, tap.Drops)
			require.Equal(t, tc.taken, tap.Packets)
			require.Zero(t, tap.Live())
			require.Equal(t, TapTotals{Read: tc.taken}, b.layer.TapTotals())
			require.True(t, tap.Task().Asleep())
			require.Equal(t, engine.Time(tc.taken)*2*us, engine.Time(b.core.Books(b.now+engine.Millisecond).User))
		})
	}
}

// Close frees what is queued and takes the socket out of every list.
func TestTapClose(t *testing.T) {
	b := newBench(t)
	one := b.layer.OpenTap(b.eth0, TapConfig{RcvBuf: 1 << 20})
	two := b.layer.OpenTap(nil, TapConfig{RcvBuf: 1 << 20, EtherType: skb.EtherTypeIPv4})
	b.receive(local)
	one.Close()
	two.Close()
	require.NoError(t, b.ledger.Check(0))
	require.Equal(t, TapTotals{Closed: 2}, b.layer.TapTotals())
	b.receive(local)
	require.EqualValues(t, 1, one.Packets)
	require.Empty(t, b.layer.Taps())
	require.Empty(t, b.eth0.Taps())
}

// FMT-8, FMT-9, K310-11, ODD-28: which packet sockets /proc/net/ptype shows.
func TestPTypes(t *testing.T) {
	own := []mib.PType{{EtherType: 0x800, Function: "ip_rcv"}, {EtherType: 0x806, Function: "arp_rcv"}, {EtherType: 0x86dd, Function: "ipv6_rcv"}}
	all := func(more ...mib.PType) []mib.PType { return append(more, own...) }
	for name, tc := range map[string]struct {
		prof kernel.Profile
		want []mib.PType
	}{
		"FMT-9 bound ones are not shown": {kernel.Linux40(), all(mib.PType{Function: "tpacket_rcv"}, mib.PType{EtherType: 0x88cc, Function: "packet_rcv"})},
		"K310-11 all are shown": {kernel.Linux310(), all(mib.PType{Function: "tpacket_rcv"}, mib.PType{Device: "eth0", Function: "packet_rcv"},
			mib.PType{EtherType: 0x88f7, Device: "eth0", Function: "packet_rcv"}, mib.PType{EtherType: 0x88cc, Function: "packet_rcv"})},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(b *bench, _ *Config) { b.prof = tc.prof })
			b.eth0.AddTap(1<<20, 0)
			b.layer.OpenTap(nil, TapConfig{Kind: TPacketRcv, Frames: 1})
			b.layer.OpenTap(nil, TapConfig{EtherType: 0x88cc})
			b.layer.OpenTap(b.eth0, TapConfig{EtherType: 0x88f7})
			require.Equal(t, tc.want, b.layer.PTypes())
		})
	}
}

// CORE-31: the copy of a datagram that this host gets of what it sends to a group
// is delivered, and no packet socket is shown it.
func TestCORE31LoopedCopies(t *testing.T) {
	looped := func(_ *skb.Header, b *skb.Buff) { b.PktType = skb.PacketLoopback }
	for _, cfg := range []TapConfig{{RcvBuf: 1 << 20}, {Kind: TPacketRcv, Frames: 16, FrameSize: 2048}} {
		b := newBench(t)
		tap := b.layer.OpenTap(nil, cfg)
		b.receive(local, looped)
		require.EqualValues(t, 1, b.net.IP.InDelivers)
		require.Zero(t, tap.Packets)
		require.Zero(t, b.ledger.Clones)
		b.receive(local)
		require.EqualValues(t, 1, tap.Packets, "another does count")
	}
}
