package nic

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// RX-34: the published verification suite of the Toeplitz hash, with and without
// ports.
func TestRX34Toeplitz(t *testing.T) {
	for _, tc := range []struct {
		src, dst         string
		withPorts, addrs uint32
	}{
		{"66.9.149.187:2794", "161.142.100.80:1766", 0x51ccc178, 0x323e8fc2},
		{"199.92.111.2:14230", "65.69.140.83:4739", 0xc626b0ea, 0xd718262a},
		{"24.19.198.95:12898", "12.22.207.184:38024", 0x5c2b394a, 0xd2d0a5de},
		{"38.27.205.30:48228", "209.142.163.6:2217", 0xafc7327f, 0x82989176},
		{"153.39.163.191:44251", "202.188.127.2:1303", 0x10e828a2, 0x5d1809c5},
	} {
		f := skb.NewUDP(skb.MAC{}, netip.MustParseAddrPort(tc.src), netip.MustParseAddrPort(tc.dst), 10)
		require.Equal(t, tc.withPorts, rssHash(defaultRSSKey[:], f.Head, true), tc.src)
		require.Equal(t, tc.addrs, rssHash(defaultRSSKey[:], f.Head, false), tc.src)
	}
}

// RX-30, RX-31, RX-32, ODD-11: UDP hashes on addresses, with sdfn on ports, too;
// fragments and other protocols never; what is not IPv4 has no hash.
func TestRX30WhatIsHashed(t *testing.T) {
	base := frameOf(60)
	hash := func(ports bool, change func(*skb.Header)) uint32 {
		h := *base.Head
		change(&h)
		return rssHash(defaultRSSKey[:], &h, ports)
	}
	same := func(*skb.Header) {}
	for name, tc := range map[string]struct {
		change             func(*skb.Header)
		moves, movesByPort bool // the hash, without and with sdfn
	}{
		"source address":      {func(h *skb.Header) { h.Src++ }, true, true},
		"destination address": {func(h *skb.Header) { h.Dst++ }, true, true},
		"source port":         {func(h *skb.Header) { h.SrcPort++ }, false, true},
		"destination port":    {func(h *skb.Header) { h.DstPort++ }, false, true},
		"type of service":     {func(h *skb.Header) { h.TOS++ }, false, false},
	} {
		t.Run("RX-30 "+name, func(t *testing.T) {
			require.Equal(t, tc.moves, hash(false, tc.change) != hash(false, same))
		})
		t.Run("RX-31 sdfn, "+name, func(t *testing.T) {
			require.Equal(t, tc.movesByPort, hash(true, tc.change) != hash(true, same))
		})
	}
	addresses := hash(false, same)
	require.NotZero(t, addresses)
	t.Run("RX-32 fragments hash on addresses only", func(t *testing.T) {
		require.Equal(t, addresses, hash(true, func(h *skb.Header) { h.MoreFrags = true }), "the first")
		require.Equal(t, addresses, hash(true, func(h *skb.Header) { h.FragOffset = 8 }), "a later one")
	})
	t.Run("RX-32 what is not IP has no hash", func(t *testing.T) {
		require.Zero(t, hash(true, func(h *skb.Header) { h.EtherType = skb.EtherTypeARP }))
	})
	require.Equal(t, addresses, hash(true, func(h *skb.Header) { h.Proto = 132 }))
}

// RX-33: the table is filled round-robin and reversed in groups of four.
func TestRX33Indirection(t *testing.T) {
	table := func(queues int) (out []int) {
		for i := range uint32(128) {
			require.Equal(t, indirection(i, queues), indirection(0xabcdef00|i&127, queues), "hash & 127")
			out = append(out, indirection(i, queues))
		}
		return out
	}
	require.Equal(t, []int{3, 2, 1, 0, 3, 2, 1, 0}, table(4)[:8])
	require.Equal(t, []int{1, 0, 1, 0, 1, 0, 1, 0}, table(2)[:8])
	require.Equal(t, []int{0, 2, 1, 0, 1, 0, 2, 1, 2, 1, 0, 2, 0, 2, 1, 0}, table(3)[:16])
	require.Equal(t, []int{3, 2, 1, 0, 1, 0, 5, 4, 5, 4, 3, 2}, table(6)[:12])
	require.Equal(t, []int{3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 3}, table(16)[:17])
	for q := 1; q <= 16; q++ {
		count := make([]int, q)
		for _, v := range table(q) {
			count[v]++
		}
		for v, n := range count { // 128 entries dealt round-robin
			want := 128 / q
			if v < 128%q {
				want++
			}
			require.Equal(t, want, n, "queue %d of %d", v, q)
		}
	}
}

// HW-7, RX-32: what has no hash goes to queue 0, and all UDP between two
// addresses lands in one queue.
func TestQueueChoice(t *testing.T) {
	cfg := oneQueue()
	cfg.Combined = 4
	b := newBench(t, cfg)
	f := frameOf(60)
	want := indirection(rssHash(defaultRSSKey[:], f.Head, false), 4)
	for range 100 {
		h := *f.Head
		h.SrcPort++
		f.Head = &h
		require.Equal(t, want, int(b.port.judge(&h).queue))
	}
	arp := *f.Head
	arp.EtherType = skb.EtherTypeARP
	require.Zero(t, b.port.judge(&arp).queue)

	cfg.UDPPortHash = true
	b = newBench(t, cfg)
	seen := map[int]bool{}
	for range 100 {
		h := *f.Head
		h.SrcPort++
		f.Head = &h
		seen[int(b.port.judge(&h).queue)] = true
	}
	require.Len(t, seen, 4, "sdfn spreads ports")

	cfg.Combined, cfg.UDPPortHash = 20, false
	b = newBench(t, cfg)
	for i := range 1000 {
		h := *f.Head
		h.Src += skb.Addr(i)
		require.Less(t, int(b.port.judge(&h).queue), 16, "RX-36: RSS never leaves the first 16")
	}
}
