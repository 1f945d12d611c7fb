package ipstack

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// raw opens a raw socket that nobody reads.
func (b *bench) raw(cfg RawConfig) *RawSock {
	if cfg.RcvBuf == 0 {
		cfg.RcvBuf = 1 << 20
	}
	require.NoError(b.t, cfg.Validate())
	return b.layer.OpenRaw(cfg)
}

// LF-1: which raw sockets get a copy, beside the protocol's handler.
func TestLF1Raw(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  RawConfig
		dst  netip.AddrPort
		want uint64
	}{
		"LF-1 the protocol":             {RawConfig{Protocol: skb.ProtoUDP}, local, 1},
		"LF-1 another protocol":         {RawConfig{Protocol: skb.ProtoTCP}, local, 0},
		"LF-1 bound":                    {RawConfig{Protocol: skb.ProtoUDP, Local: 0x0a000002}, local, 1},
		"LF-1 bound elsewhere":          {RawConfig{Protocol: skb.ProtoUDP, Local: 0x0a000003}, local, 0},
		"LF-1 connected":                {RawConfig{Protocol: skb.ProtoUDP, Remote: 0x0a000001}, local, 1},
		"LF-1 connected elsewhere":      {RawConfig{Protocol: skb.ProtoUDP, Remote: 0x0a000009}, local, 0},
		"LF-1 on the device":            {RawConfig{Protocol: skb.ProtoUDP, IfIndex: 2}, local, 1},
		"LF-1 on another device":        {RawConfig{Protocol: skb.ProtoUDP, IfIndex: 1}, local, 0},
		"LF-1 multicast":                {RawConfig{Protocol: skb.ProtoUDP}, group, 1},
		"LF-1 multicast that it joined": {RawConfig{Protocol: skb.ProtoUDP, NoMulticastAll: true, Groups: []skb.Addr{0xef010001}}, group, 1},
		"LF-1 multicast of others":      {RawConfig{Protocol: skb.ProtoUDP, NoMulticastAll: true}, group, 0},
		"LF-1 unicast is no multicast":  {RawConfig{Protocol: skb.ProtoUDP, NoMulticastAll: true}, local, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.eth0.Join(skb.AddrFrom(group.Addr()))
			r, other := b.raw(tc.cfg), b.raw(RawConfig{Protocol: skb.ProtoUDP})
			b.receive(tc.dst)
			require.Equal(t, tc.want, r.Packets)
			require.EqualValues(t, 1, other.Packets, "every one that matches")
			require.Len(t, b.got, 1, "and UDP")
			require.EqualValues(t, 1, b.net.IP.InDelivers)
			require.EqualValues(t, tc.want+1, b.ledger.Clones)
		})
	}
}

// LF-3: without a handler a raw socket makes a delivery of it, even one whose
// multicast filter refuses; nobody is told anything.
func TestLF3Raw(t *testing.T) {
	sctp := func(h *skb.Header, _ *skb.Buff) { h.Proto = 132 }
	delivered := mib.Net{IP: mib.IP{InReceives: 1, InDelivers: 1}, IPExt: mib.IPExt{InOctets: 128, InNoECTPkts: 1}}
	mcast := delivered
	mcast.IPExt.InMcastPkts, mcast.IPExt.InMcastOctets = 1, 128
	for name, tc := range map[string]struct {
		cfg    RawConfig
		dst    netip.AddrPort
		want   mib.Net
		copies uint64
	}{
		"LF-3 a raw socket":               {RawConfig{Protocol: 132}, local, delivered, 1},
		"LF-3 one that refuses the group": {RawConfig{Protocol: 132, NoMulticastAll: true}, group, mcast, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.eth0.Join(skb.AddrFrom(group.Addr()))
			r := b.raw(tc.cfg)
			b.receive(tc.dst, sctp)
			b.counts(tc.want)
			require.Equal(t, tc.copies, r.Packets)
			b.dropped(drops(skb.HandledElsewhere, 1))
		})
	}
}

// S-2, UM-8: a raw socket's buffer takes one packet more than fits, and no
// counter but sk_drops says that it is full.
func TestRawBuffer(t *testing.T) {
	b := newBench(t)
	r := b.raw(RawConfig{Protocol: skb.ProtoUDP, RcvBuf: 3*896 + 1})
	for range 10 {
		b.receive(local)
	}
	require.EqualValues(t, 4, r.Packets)
	require.EqualValues(t, 6, r.Drops)
	require.Equal(t, 4*896, r.Rmem())
	b.counts(mib.Net{IP: mib.IP{InReceives: 10, InDelivers: 10}, IPExt: mib.IPExt{InOctets: 1280, InNoECTPkts: 10}})
	b.dropped(drops(skb.SocketRcvbuff, 6))
	require.Equal(t, RawTotals{Queued: 4, Drops: 6}, b.layer.RawTotals())

	b = newBench(t)
	r = b.raw(RawConfig{Protocol: skb.ProtoUDP, RcvBuf: 896, PerPacket: 3 * engine.Microsecond})
	for range 6 { // one a microsecond
		b.receive(local)
	}
	require.EqualValues(t, 2, r.Packets)
	b.ages(engine.Millisecond)
	require.Zero(t, r.Live())
	require.Equal(t, RawTotals{Read: 2, Drops: 4}, b.layer.RawTotals())
}

func TestRawFaults(t *testing.T) {
	for want, cfg := range map[string]RawConfig{
		"proto":      {RcvBuf: 1},
		"rcvbuf":     {Protocol: 1},
		"per_packet": {Protocol: 1, RcvBuf: 1, PerPacket: -1},
		"join":       {Protocol: 1, RcvBuf: 1, Groups: []skb.Addr{1}},
	} {
		require.ErrorContains(t, cfg.Validate(), want)
	}
}
