package sim

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// 3.3, MC-2: what sockets want of a group by source, and what the interface
// makes of it: a source that nobody wants ends at the route.
func TestSourceFilters(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.3")
	h := hostOf(t)
	plain := member()
	plain.Join = nil
	only := plain
	only.Join = []socket.Join{{Group: vectorGroup, Include: []netip.Addr{a}}}
	but := plain
	but.Join = []socket.Join{{Group: vectorGroup, Exclude: []netip.Addr{a}}}
	none := plain
	none.NoMulticastAll = true
	onlyA, notA, all, joinedNone := bindTo(t, h, only), bindTo(t, h, but), bindTo(t, h, plain), bindTo(t, h, none)
	from := func(src netip.Addr) [4]int {
		before := [4]int{onlyA.Queued(), notA.Queued(), all.Queued(), joinedNone.Queued()}
		send(t, h, h.UDPFrame(netip.AddrPortFrom(src, 5000), vectorDst, 100), 1)
		after := [4]int{onlyA.Queued(), notA.Queued(), all.Queued(), joinedNone.Queued()}
		for i := range after {
			after[i] -= before[i]
		}
		return after
	}
	require.Equal(t, [4]int{1, 0, 1, 0}, from(a))
	require.Equal(t, [4]int{0, 1, 1, 0}, from(b))

	require.NoError(t, onlyA.AddSource(vectorGroup, b, ""))
	require.Equal(t, [4]int{1, 1, 1, 0}, from(b))
	require.NoError(t, onlyA.DropSource(vectorGroup, a, ""))
	require.Equal(t, [4]int{0, 0, 0, 0}, from(a), "MC-2: one excludes it, the other includes another: the interface wants it from nobody")
	require.NoError(t, notA.UnblockSource(vectorGroup, a, ""))
	require.Equal(t, [4]int{0, 1, 1, 0}, from(a))
	require.NoError(t, notA.BlockSource(vectorGroup, b, ""))
	require.NoError(t, onlyA.SetSourceFilter(vectorGroup, "", true, []netip.Addr{a}))
	require.Equal(t, [4]int{0, 0, 0, 0}, from(b))
	require.EqualError(t, onlyA.BlockSource(vectorGroup, b, ""),
		"sim: 0.0.0.0:5001: group 239.1.0.1 on eth0: the socket filters this group in the other mode (EINVAL)")
}

// GM-2: the last source of the last member takes the group off the interface.
func TestGM2LastSourceLeaves(t *testing.T) {
	src, group := sender.Addr(), netip.MustParseAddr("239.1.7.9") // 224.0.0.1 opens the way for 239.1.0.1 (RX-42)
	h := hostOf(t)
	s := bindTo(t, h, socket.Config{Local: anyAddr})
	frame := h.UDPFrame(sender, netip.AddrPortFrom(group, 5001), 100)
	filtered := func() bool {
		d := send(t, h, frame, 1)
		return lost(d)[skb.HWFilter] == 1
	}
	require.True(t, filtered())
	require.NoError(t, s.AddSource(group, src, "eth0"))
	require.False(t, filtered())
	require.NoError(t, s.DropSource(group, src, "eth0"))
	require.True(t, filtered())
	require.ErrorContains(t, s.DropSource(group, src, "eth0"), "(EINVAL)")

	require.NoError(t, s.Join(group, ""))
	require.False(t, filtered())
	require.NoError(t, s.Leave(group, ""))
	require.True(t, filtered())
	require.ErrorContains(t, s.Leave(group, ""), "(EADDRNOTAVAIL)")
	require.ErrorContains(t, s.Leave(src, ""), "(EINVAL)")
	require.Error(t, s.Join(group, "eth7"))
}

// HT-4: a connected socket has the address of the interface on whose link its
// peer is, and gets no multicast.
func TestHT4Connected(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		n := DefaultNIC("eth1")
		n.Addr, n.MAC[5] = 0x0a000102, 1
		c.NICs = append(c.NICs, n)
	})
	for peer, want := range map[string]string{
		"10.0.0.9:7": "10.0.0.2", "10.0.1.9:7": "10.0.1.2", "192.168.7.7:7": "10.0.0.2", "127.0.0.5:7": "127.0.0.1",
	} {
		s := bindTo(t, h, socket.Config{Local: anyAddr, ReuseAddr: true, Remote: netip.MustParseAddrPort(peer)})
		require.Equal(t, want, s.entry.Local.String(), peer)
		s.Close()
	}
	s := bindTo(t, h, socket.Config{Local: anyAddr, ReuseAddr: true, Remote: sender, Join: []socket.Join{{Group: vectorGroup}}})
	d := send(t, h, h.UDPFrame(sender, vectorDst, 100), 1)
	require.EqualValues(t, 1, d.Net.UDP.IgnoredMulti)
	send(t, h, h.UDPFrame(sender, local, 100), 1)
	require.Equal(t, 1, s.Queued())
}

// FS-2, FS-4, TAB-5: a copy for which there is no memory is this socket's loss,
// in three counters, and nobody else's.
func TestFS2CloneFails(t *testing.T) {
	h := hostOf(t, func(c *Config) { c.UDP.CloneFailPPM = 1_000_000 })
	socks := []*Socket{bindTo(t, h, member()), bindTo(t, h, member()), bindTo(t, h, member())}
	d := send(t, h, h.UDPFrame(sender, vectorDst, 100), 1)
	require.Empty(t, cmp.Diff(mib.UDP{RcvbufErrors: 2, InErrors: 2}, d.Net.UDP))
	require.Empty(t, lost(d), "nothing was there to be dropped")
	for i, want := range []struct {
		queued int
		drops  uint64
	}{{1, 0}, {0, 1}, {0, 1}} {
		require.Equal(t, want.queued, socks[i].Queued(), "the oldest gets the original")
		require.Equal(t, want.drops, socks[i].Drops())
	}
	h = hostOf(t, func(c *Config) { c.UDP.CloneFailPPM = 250_000 })
	for range 65 {
		bindTo(t, h, member())
	}
	d = send(t, h, h.UDPFrame(sender, vectorDst, 100), 100)
	require.InDelta(t, 1600, float64(d.Net.UDP.RcvbufErrors), 140, "a quarter of 6400 copies, 4 standard deviations")
}
