package ipstack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// IP-11: padding is cut off; a sum over it is of no use any more; truesize stays.
func TestIP11Trim(t *testing.T) {
	for name, tc := range map[string]struct {
		len  uint32
		want skb.IPSummed
	}{
		"IP-11 nothing to trim": {128, skb.ChecksumComplete},
		"IP-11 padding":         {130, skb.ChecksumNone},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.receive(local, func(_ *skb.Header, p *skb.Buff) { p.Len, p.Summed = tc.len, skb.ChecksumComplete })
			require.Equal(t, tc.want, b.got[0].Summed)
			require.EqualValues(t, 108, b.got[0].Len)
			require.EqualValues(t, 896, b.got[0].Truesize)
		})
	}
}

// IP-13: PRE_ROUTING comes before early demux and the route, and after the
// checks of the header.
func TestIP13PreRouting(t *testing.T) {
	b := newBench(t, rules(Rule{DropPPM: million}))
	b.demux = func(*skb.Buff) { t.Fatal("asked before the hook") }
	b.receive(local)
	b.dropped(drops(skb.NetfilterDrop, 1))
	b.receive(local, func(h *skb.Header, _ *skb.Buff) { h.IPChecksum = skb.ChecksumBad })
	require.EqualValues(t, 1, b.ledger.Dropped[skb.IPCsum], "a bad header never gets there")
	require.EqualValues(t, 1, b.layer.RuleCounters()[0].Packets)
}

// IP-16: IP sees the device on which the last round of the receive core ended.
func TestIP16Device(t *testing.T) {
	b := newBench(t)
	v := b.eth0.AddVLAN(7, "eth0.7", 0x0a000702, 24)
	v.Join(skb.AddrFrom(group.Addr()))
	b.receive(group, func(h *skb.Header, p *skb.Buff) { h.Tagged, h.VLAN, p.Tagged = true, 7, true })
	require.Len(t, b.got, 1, "a member is the VLAN device")
	require.Equal(t, v.Index, b.got[0].IfIndex)
	b.receive(group)
	require.Len(t, b.got, 1, "and not the one below")
}

// IF-2: of what route input refuses, only the reverse-path check counts.
func TestIF2Errors(t *testing.T) {
	for name, tc := range map[string]struct {
		src  string
		rp   int
		want uint64
	}{
		"IF-2 EXDEV":  {"10.0.1.1", 1, 1},
		"IF-2 EINVAL": {"239.1.1.1", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(_ *bench, c *Config) { c.RPFilter = tc.rp })
			twoNICs(b)
			b.receiveFrom(b.eth0, tc.src, "10.0.0.2")
			b.counts(mib.Net{IP: mib.IP{InReceives: 1}, IPExt: mib.IPExt{InOctets: 128, InNoECTPkts: 1}, TCPExt: mib.TCPExt{IPReversePathFilter: tc.want}})
			require.Empty(t, b.got)
		})
	}
}

// LD-1, LD-2: a fragment is one with more to come, or one that is not the first;
// LOCAL_IN sees the whole datagram.
func TestLD1LD2(t *testing.T) {
	for name, p := range map[string]piece{"LD-1 more to come": {0, 1480, true, 0}, "LD-1 an offset": {1480, 1480, false, 0}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.fragment(7, p)
			require.EqualValues(t, 1, b.net.IP.ReasmReqds)
			require.Empty(t, b.got)
		})
	}
	t.Run("LD-1 neither", func(t *testing.T) {
		b := newBench(t)
		b.receive(local)
		require.Zero(t, b.net.IP.ReasmReqds)
		require.Len(t, b.got, 1)
	})
	t.Run("LD-2 once for a datagram", func(t *testing.T) {
		b := newBench(t, rules(Rule{Hook: LocalIn}))
		for _, p := range whole {
			b.fragment(7, p)
		}
		require.Equal(t, []RuleCounter{{1, 3020}}, b.layer.RuleCounters())
	})
}

// LF-2: InDelivers counts when the handler has run, whatever it did.
func TestLF2After(t *testing.T) {
	b := newBench(t)
	b.sees = func() uint64 { return b.net.IP.InDelivers }
	b.receive(local)
	b.receive(local)
	require.Equal(t, []uint64{0, 1}, b.saw, "not yet when the handler runs")
	require.EqualValues(t, 2, b.net.IP.InDelivers)
}

// GM-3: every device is a member of 224.0.0.1, lo, too.
func TestGM3AllHosts(t *testing.T) {
	b := newBench(t)
	for _, d := range b.layer.Devices() {
		require.Equal(t, []Group{{Addr: 0xe0000001, Users: 1, Excludes: 1}}, d.Groups(), d.Name)
		b.receiveFrom(d, "10.0.0.1", "224.0.0.1")
	}
	require.Len(t, b.got, 2)
}

// SUR-21: what netfilter drops is in no counter of IP, a full table included.
func TestSUR21(t *testing.T) {
	for name, edit := range map[string]func(*bench, *Config){
		"SUR-21 a rule":       rules(Rule{DropPPM: million}),
		"SUR-21 a full table": tracking(func(c *ConntrackConfig) { c.Max, c.Buckets, c.Assured = 10, 1, 10 }),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, edit)
			b.receive(local)
			b.counts(mib.Net{IP: mib.IP{InReceives: 1}, IPExt: mib.IPExt{InOctets: 128, InNoECTPkts: 1}})
			require.Empty(t, b.got)
		})
	}
}

// SUR-31: corrupt fragments raise ReasmReqds only; memory says whether there are
// incomplete datagrams.
func TestSUR31(t *testing.T) {
	b := newBench(t)
	require.Zero(t, b.layer.FragMemory())
	b.fragment(7, whole[2])
	b.fragment(7, piece{2960, 80, false, 0})
	require.Equal(t, reasm{Reqds: 2}, b.reasm())
	require.NotZero(t, b.layer.FragMemory())
}
