package ipstack

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A piece is a fragment of a datagram: payload bytes from offset to offset + length.
type piece struct {
	offset, length int
	more           bool
	tos            uint8
}

// whole is a datagram of 3000 bytes of IP payload, as a link with an MTU of 1500 carries it.
var whole = []piece{{0, 1480, true, 0}, {1480, 1480, true, 0}, {2960, 40, false, 0}}

// fragment hands one piece of the datagram with that identification up.
func (b *bench) fragment(id int, p piece, change ...packet) {
	b.t.Helper()
	b.fragmentTo(local, id, p, change...)
}

func (b *bench) fragmentTo(dst netip.AddrPort, id int, p piece, change ...packet) {
	b.t.Helper()
	b.receive(dst, append([]packet{func(h *skb.Header, s *skb.Buff) {
		h.MoreFrags, h.FragOffset, h.TOS = p.more, uint16(p.offset), p.tos
		ip := skb.IPHeader + p.length
		s.IPID, s.IPLen, s.UDPLen = uint16(id), uint16(ip), 0
		s.Frame.Len = uint32(max(skb.EthHeader+ip, skb.EthMinLen))
		s.Len = s.Frame.Len - skb.EthHeader
		s.Truesize = 896
		if s.Frame.Len > 256 {
			s.Truesize = 2944
		}
		s.Summed = skb.ChecksumNone
		if p.offset == 0 {
			s.UDPLen = 3000
		} else {
			h.SrcPort, h.DstPort = 0, 0
		}
	}}, change...)...)
}

// ages lets time pass.
func (b *bench) ages(d engine.Time) {
	b.now += d
	b.exec.RunUntil(b.now)
	b.layer.Settle(b.now)
}

// reasm are the counters of reassembly.
type reasm struct{ Reqds, OKs, Fails, Timeout, Overlaps uint64 }

func (b *bench) reasm() reasm {
	ip := &b.net.IP
	return reasm{ip.ReasmReqds, ip.ReasmOKs, ip.ReasmFails, ip.ReasmTimeout, b.net.IPExt.ReasmOverlaps}
}

// FR-1, FR-8, FR-9, LD-1: three fragments are one datagram, in any order.
func TestFR8Reassembly(t *testing.T) {
	for name, order := range map[string][]int{
		"FR-8 in order": {0, 1, 2}, "FR-8 backwards": {2, 1, 0}, "FR-8 the first last": {1, 2, 0}, "FR-8 the middle last": {0, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for i, n := range order {
				require.Empty(t, b.got)
				require.EqualValues(t, i, b.layer.Fragments())
				b.fragment(7, whole[n])
			}
			require.Len(t, b.got, 1)
			got := b.got[0]
			require.EqualValues(t, 3000, got.Len, "the IP payload")
			require.EqualValues(t, 3000, got.UDPLen)
			require.EqualValues(t, 3020, got.IPLen)
			require.EqualValues(t, 5001, got.Head.DstPort, "the ports of the first fragment")
			require.False(t, got.Head.Fragment())
			require.Equal(t, reasm{Reqds: 3, OKs: 1}, b.reasm())
			require.EqualValues(t, 1, b.net.IP.InDelivers, "FR-9")
			require.EqualValues(t, 3, b.net.IP.InReceives, "FR-9")
			require.EqualValues(t, 1500+1500+60, b.net.IPExt.InOctets, "FR-9")
			require.EqualValues(t, 3, b.net.IPExt.InNoECTPkts, "FR-9")
			require.EqualValues(t, 2, b.ledger.Merged)
			require.Zero(t, b.layer.FragMemory())
			require.Zero(t, b.layer.Fragments())
			b.dropped(nil)
		})
	}
}

// FR-9: multicast counts per fragment, as assembly comes after the counters.
func TestFR9Multicast(t *testing.T) {
	b := newBench(t)
	b.eth0.Join(skb.AddrFrom(group.Addr()))
	for _, p := range whole {
		b.fragmentTo(group, 7, p)
	}
	require.EqualValues(t, 3, b.net.IPExt.InMcastPkts)
	require.EqualValues(t, 1500+1500+60, b.net.IPExt.InMcastOctets)
	require.EqualValues(t, 1, b.net.IP.InDelivers)
	require.Equal(t, skb.PacketMulticast, b.got[0].PktType)
	require.Equal(t, skb.RouteMulticast, b.got[0].Route.Type)
}

// FR-1: identification, addresses and protocol tell datagrams apart.
func TestFR1Key(t *testing.T) {
	for name, change := range map[string]packet{
		"FR-1 another identification": func(_ *skb.Header, p *skb.Buff) { p.IPID = 8 },
		"FR-1 another source":         func(h *skb.Header, _ *skb.Buff) { h.Src += 8 },
		"FR-1 another destination":    func(h *skb.Header, _ *skb.Buff) { h.Dst = 0x0a000102 },
		"FR-1 another protocol":       func(h *skb.Header, _ *skb.Buff) { h.Proto = 132 },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			twoNICs(b)
			b.fragment(7, whole[0])
			b.fragment(7, whole[1])
			b.fragment(7, whole[2], change)
			require.Empty(t, b.got)
			require.EqualValues(t, 3, b.layer.Fragments())
			b.fragment(7, whole[2])
			require.Len(t, b.got, 1)
			require.EqualValues(t, 1, b.layer.Fragments())
		})
	}
}

// FR-2, FR-3: what an incomplete datagram is charged for; above the high
// threshold no new one begins, but those that have begun go on.
func TestFR2HighThreshold(t *testing.T) {
	b := newBench(t, func(_ *bench, c *Config) { c.IPFragHighThresh, c.IPFragLowThresh = 3112, 1<<30 })
	b.fragment(1, whole[0])
	require.Equal(t, 168+2944, b.layer.FragMemory(), "FR-3")
	b.fragment(2, whole[0]) // memory is not above the threshold yet
	require.Equal(t, 2*(168+2944), b.layer.FragMemory())
	b.fragment(3, whole[0])
	require.Equal(t, reasm{Reqds: 3, Fails: 1}, b.reasm(), "FR-2")
	b.dropped(map[skb.DropReason]uint64{skb.FragMem: 1})
	b.fragment(2, whole[1])
	b.fragment(2, whole[2])
	require.Len(t, b.got, 1, "FR-2: existing queues still accept")

	b = newBench(t, func(b *bench, c *Config) {
		b.prof.FragEvictor = false
		c.IPFragHighThresh, c.IPFragLowThresh = 3111, 1
	})
	b.fragment(1, whole[0])
	b.fragment(1, whole[1])
	require.Equal(t, reasm{Reqds: 2, Fails: 1}, b.reasm(), "since 4.17 nobody is evicted, and existing ones don't go on")
}

// FR-2: a bucket holds 128 other datagrams; if it held more, the table gets
// another hash, at most every five seconds.
func TestFR2LongChain(t *testing.T) {
	b := newBench(t)
	srcs := 0
	for n := 0; n < 130; srcs++ {
		src := addr("10.0.0.1") + skb.Addr(srcs)<<8
		for id := 0; id < 65536 && n < 130; id++ {
			k := fragKey{src: src, dst: addr("10.0.0.2"), id: uint16(id), proto: skb.ProtoUDP}
			if k.hash(0) != 5 {
				continue
			}
			b.fragment(id, whole[0], func(h *skb.Header, _ *skb.Buff) { h.Src = src })
			n++
		}
	}
	require.Equal(t, reasm{Reqds: 130, Fails: 1}, b.reasm(), "129 fit: the one that comes meets 128 others")
	require.Equal(t, uint32(1013904223), b.layer.frags.rnd)
	b.dropped(map[skb.DropReason]uint64{skb.FragMem: 1})
	require.EqualValues(t, 129, b.layer.Fragments())
}

// FR-4: above the low threshold a worker evicts: 128 buckets a run, whole
// buckets, and stops after more than 512 datagrams.
func TestFR4Eviction(t *testing.T) {
	const each = 168 + 2944
	b := newBench(t, func(_ *bench, c *Config) { c.IPFragLowThresh = 40 * each })
	for id := range 41 {
		b.fragment(id, whole[0])
	}
	require.EqualValues(t, 41, b.layer.Fragments(), "the threshold is looked at before the fragment is charged")
	b.fragment(41, whole[0])
	b.ages(engine.Millisecond)
	b.ages(engine.Millisecond)
	gone := 42 - int(b.layer.Fragments())
	require.Positive(t, gone)
	require.Less(t, gone, 42)
	require.Equal(t, reasm{Reqds: 42, Fails: uint64(gone)}, b.reasm(), "no ReasmTimeout")
	b.dropped(map[skb.DropReason]uint64{skb.FragMem: uint64(gone)})
	require.Zero(t, b.net.ICMP.OutMsgs)
	require.EqualValues(t, fragEvictBuckets, b.layer.frags.nextBucket)
	for b.layer.FragMemory() >= 40*each {
		b.fragment(1000+int(b.now/engine.Microsecond), whole[0])
		b.ages(engine.Millisecond)
	}

	b = newBench(t, func(_ *bench, c *Config) { c.IPFragLowThresh, c.IPFragHighThresh = 1<<30, 1<<30 })
	for id := range 30_000 {
		b.fragment(id, whole[0])
	}
	b.layer.Config.IPFragLowThresh = 1
	b.fragment(30_000, whole[0])
	b.ages(10 * engine.Millisecond)
	n := b.net.IP.ReasmFails
	require.Greater(t, n, uint64(fragEvictMax))
	require.Less(t, n, uint64(fragEvictMax+100), "it stops at the bucket with which more than 512 are gone")
}

// FR-5, V14: 30 seconds after the first fragment that came the rest is given
// up; the sender hears of it if the beginning is there and was for us alone.
func TestFR5Timeout(t *testing.T) {
	for name, tc := range map[string]struct {
		dst  netip.AddrPort
		have []int
		icmp uint64
	}{
		"FR-5 the first fragment": {local, []int{0}, 1},
		"FR-5 a later one":        {local, []int{1}, 0},
		"FR-5 two of three":       {local, []int{2, 0}, 1},
		"FR-5 multicast":          {group, []int{0}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.eth0.Join(skb.AddrFrom(group.Addr()))
			for _, n := range tc.have {
				b.fragmentTo(tc.dst, 7, whole[n])
				b.ages(9 * engine.Second) // does not extend the timer
			}
			b.ages(30*engine.Second - engine.Time(len(tc.have))*9*engine.Second - 20*engine.Millisecond)
			require.Equal(t, reasm{Reqds: uint64(len(tc.have))}, b.reasm())
			b.ages(40 * engine.Millisecond)
			require.Equal(t, reasm{Reqds: uint64(len(tc.have)), Fails: 1, Timeout: 1}, b.reasm())
			require.Equal(t, tc.icmp, b.net.ICMP.OutTimeExcds)
			require.Equal(t, tc.icmp, b.net.ICMP.OutMsgs)
			b.dropped(map[skb.DropReason]uint64{skb.FragReasmTimeout: uint64(len(tc.have))})
			require.Zero(t, b.layer.FragMemory())
			require.Zero(t, b.net.IP.InDelivers)
		})
	}
}

// V14 as it is written: the first fragment of two, the second never comes.
func TestV14(t *testing.T) {
	b := newBench(t)
	b.fragment(7, whole[0])
	require.NotZero(t, b.layer.FragMemory(), "sockstat: FRAG inuse 1")
	b.ages(31 * engine.Second)
	b.counts(mib.Net{
		IP:    mib.IP{InReceives: 1, ReasmReqds: 1, ReasmFails: 1, ReasmTimeout: 1, OutRequests: 1},
		IPExt: mib.IPExt{InOctets: 1500, InNoECTPkts: 1, OutOctets: 576},
		ICMP:  mib.ICMP{OutMsgs: 1, OutTimeExcds: 1},
	})
}

// FR-5: whoever does not find out by himself is told before it matters: the
// message takes its token at the time of the expiry.
func TestFR5TakesItsTokenInTime(t *testing.T) {
	b := newBench(t, func(_ *bench, c *Config) { c.ICMPRatelimit = 10_000 })
	for id := range 6 {
		b.fragment(id, whole[0])
	}
	b.now += 31 * engine.Second // nobody settles
	b.receive(local, func(h *skb.Header, _ *skb.Buff) { h.Proto = 132 })
	require.EqualValues(t, 6, b.net.ICMP.OutTimeExcds)
	require.Zero(t, b.net.ICMP.OutDestUnreachs)
}

// FR-6: 64 fragments of others in between, and the datagram is begun again.
func TestFR6TooFar(t *testing.T) {
	for name, tc := range map[string]struct {
		dist, others int
		src          skb.Addr
		want         reasm
		delivered    int
	}{
		"FR-6 63 others":                 {64, 63, 0, reasm{Reqds: 66, OKs: 1}, 1},
		"FR-6 64 others":                 {64, 64, 0, reasm{Reqds: 67, Fails: 1}, 0},
		"FR-6 64 others of another host": {64, 64, 8, reasm{Reqds: 67, OKs: 1}, 1},
		"FR-6 64 others, no limit":       {0, 64, 0, reasm{Reqds: 67, OKs: 1}, 1},
		"FR-6 a smaller limit":           {3, 3, 0, reasm{Reqds: 6, Fails: 1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(_ *bench, c *Config) { c.IPFragMaxDist = tc.dist })
			b.fragment(7, whole[0])
			b.fragment(7, whole[1])
			for i := range tc.others {
				b.fragment(100+i, whole[0], func(h *skb.Header, _ *skb.Buff) { h.Src += tc.src })
			}
			b.ages(20 * engine.Second)
			b.fragment(7, whole[2])
			require.Equal(t, tc.want, b.reasm())
			require.Len(t, b.got, tc.delivered)
			if tc.delivered == 1 {
				return
			}
			b.dropped(map[skb.DropReason]uint64{skb.FragTooFar: 2})
			b.ages(11 * engine.Second)
			require.EqualValues(t, tc.others, b.net.IP.ReasmTimeout, "the others; this one's timer was restarted")
			b.fragment(7, whole[1])
			b.fragment(7, whole[0])
			require.Len(t, b.got, 1, "what came after the restart counts")
		})
	}
}

// FR-7: fragments that are refused, and overlaps, as kernels up to 4.18 treat
// them: no ReasmFails.
func TestFR7Overlaps(t *testing.T) {
	for name, tc := range map[string]struct {
		pieces    []piece
		delivered int
		drops     uint64
	}{
		"FR-7 a duplicate of the only one replaces it": {[]piece{whole[0], whole[0], whole[1], whole[2]}, 1, 1},
		"FR-7 a duplicate of a later one is covered":   {[]piece{whole[0], whole[2], whole[2], whole[1]}, 1, 1},
		"FR-7 covered by its predecessor":              {[]piece{{0, 1480, true, 0}, {8, 800, true, 0}, whole[1], whole[2]}, 1, 1},
		"FR-7 trimmed on the left":                     {[]piece{whole[0], {1400, 1560, true, 0}, whole[2]}, 1, 0},
		"FR-7 a successor is trimmed":                  {[]piece{whole[1], {0, 1600, true, 0}, whole[2]}, 1, 0},
		"FR-7 a successor is covered":                  {[]piece{{800, 400, true, 0}, whole[0], whole[1], whole[2]}, 1, 1},
		"FR-7 several successors are covered":          {[]piece{{8, 8, true, 0}, {32, 8, true, 0}, {1472, 80, true, 0}, whole[0], whole[1], whole[2]}, 1, 3},
		"FR-7 rounded down to eight":                   {[]piece{{0, 1487, true, 0}, whole[1], whole[2]}, 1, 0},
		"FR-7 less than eight bytes":                   {[]piece{{1480, 7, true, 0}, whole[0], whole[1], whole[2]}, 1, 1},
		"FR-7 an empty last one":                       {[]piece{{3000, 0, false, 0}, whole[0], whole[1]}, 0, 1},
		"FR-7 beyond the end":                          {[]piece{whole[2], {2960, 80, true, 0}, whole[0], whole[1]}, 1, 1},
		"FR-7 another end":                             {[]piece{whole[2], {2960, 80, false, 0}, whole[0], whole[1]}, 1, 1},
		"FR-7 an end before what is there":             {[]piece{whole[1], {1480, 40, false, 0}, whole[0], whole[2]}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for _, p := range tc.pieces {
				b.fragment(7, p)
			}
			require.Len(t, b.got, tc.delivered)
			if tc.delivered == 1 {
				require.EqualValues(t, 3000, b.got[0].Len)
				require.Zero(t, b.layer.FragMemory())
			}
			require.Equal(t, reasm{Reqds: uint64(len(tc.pieces)), OKs: uint64(tc.delivered)}, b.reasm())
			b.dropped(drops(skb.DupFrag, tc.drops))
		})
	}
}

// The truth of 6.18: an exact duplicate is dropped, any other overlap is the end
// of the datagram, counted in ReasmOverlaps; so is a fragment that is empty or
// beyond the end, which counts in ReasmFails alone.
func TestOverlapFails(t *testing.T) {
	for name, tc := range map[string]struct {
		pieces []piece
		want   reasm
		dup    uint64 // dropped as duplicates
		gone   uint64 // given up with their datagram
	}{
		"none":                 {whole, reasm{Reqds: 3, OKs: 1}, 0, 0},
		"a duplicate":          {[]piece{whole[0], whole[0], whole[1], whole[2]}, reasm{Reqds: 4, OKs: 1}, 1, 0},
		"within what is there": {[]piece{whole[0], whole[1], {800, 1600, true, 0}, whole[2]}, reasm{Reqds: 4, OKs: 1}, 1, 0},
		"within two that met, not one after the other": {[]piece{whole[1], whole[0], {800, 1600, true, 0}}, reasm{Reqds: 3, Fails: 1, Overlaps: 1}, 0, 3},
		"over what is there":                           {[]piece{{800, 400, true, 0}, whole[0]}, reasm{Reqds: 2, Fails: 1, Overlaps: 1}, 0, 2},
		"into what is there":                           {[]piece{whole[1], {0, 1600, true, 0}}, reasm{Reqds: 2, Fails: 1, Overlaps: 1}, 0, 2},
		"out of what is there":                         {[]piece{whole[0], {1400, 1560, true, 0}}, reasm{Reqds: 2, Fails: 1, Overlaps: 1}, 0, 2},
		"over a hole between two":                      {[]piece{{0, 800, true, 0}, {1600, 800, true, 0}, {400, 1600, true, 0}}, reasm{Reqds: 3, Fails: 1, Overlaps: 1}, 0, 3},
		"an end before what is there":                  {[]piece{whole[1], {1480, 40, false, 0}}, reasm{Reqds: 2, Fails: 1}, 0, 2},
		"another end":                                  {[]piece{whole[2], {2960, 48, false, 0}}, reasm{Reqds: 2, Fails: 1}, 0, 2},
		"more behind the end":                          {[]piece{whole[2], {4000, 40, true, 0}}, reasm{Reqds: 2, Fails: 1}, 0, 2},
		"nothing in it":                                {[]piece{whole[0], {1480, 7, true, 0}}, reasm{Reqds: 2, Fails: 1}, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(b *bench, _ *Config) { b.prof.FragOverlapFails = true })
			for _, p := range tc.pieces {
				b.fragment(7, p)
			}
			require.Equal(t, tc.want, b.reasm())
			want := drops(skb.DupFrag, tc.dup)
			if tc.gone > 0 {
				want = drops(skb.FragInvalid, tc.gone)
				require.Equal(t, tc.gone-1, b.ledger.Finer.Waited, "all but the one that came last")
			}
			b.dropped(want)
			require.Zero(t, b.layer.FragMemory())
		})
	}
}

func drops(r skb.DropReason, n uint64) map[skb.DropReason]uint64 {
	if n == 0 {
		return nil
	}
	return map[skb.DropReason]uint64{r: n}
}

// FR-8: the mixes of ECN bits that may be, and what they make.
func TestFR8ECN(t *testing.T) {
	const not, ect1, ect0, ce = 0, 1, 2, 3
	for name, tc := range map[string]struct {
		tos  [3]uint8
		want int // -1: refused
	}{
		"FR-8 all not":          {[3]uint8{not, not, not}, 0},
		"FR-8 all ECT0":         {[3]uint8{ect0, ect0, ect0}, ect0},
		"FR-8 ECT0 and ECT1":    {[3]uint8{ect0, ect1, ect0}, ect0},
		"FR-8 ECT and CE":       {[3]uint8{ect0, ce, ect0}, ce},
		"FR-8 CE and ECT1":      {[3]uint8{ce, ect1, ce}, ce},
		"FR-8 all CE":           {[3]uint8{ce, ce, ce}, ce},
		"FR-8 not-ECT and ECT":  {[3]uint8{not, ect0, not}, -1},
		"FR-8 ECT1 and not-ECT": {[3]uint8{ect1, not, ect1}, -1},
		"FR-8 not-ECT and CE":   {[3]uint8{not, not, ce}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for i, p := range whole {
				p.tos = tc.tos[i]
				b.fragment(7, p)
			}
			require.Zero(t, b.layer.FragMemory())
			if tc.want < 0 {
				require.Equal(t, reasm{Reqds: 3, Fails: 1}, b.reasm())
				b.dropped(drops(skb.FragInvalid, 3))
				return
			}
			require.Equal(t, reasm{Reqds: 3, OKs: 1}, b.reasm())
			require.EqualValues(t, tc.want, b.got[0].Head.TOS)
		})
	}
	t.Run("FR-8 longer than a packet", func(t *testing.T) {
		b := newBench(t)
		for at := 0; at < 65520; at += 1480 {
			b.fragment(7, piece{at, min(1480, 65520-at), at+1480 < 65520, 0})
		}
		require.Equal(t, reasm{Reqds: 45, Fails: 1}, b.reasm())
		b.dropped(drops(skb.FragInvalid, 45))
	})
}

// FR-10: truesize of the datagram by number and size of fragments.
func TestFR10Truesize(t *testing.T) {
	const large, small = 1480, 200
	for name, tc := range map[string]struct {
		n, length, last int
		gro, demux      bool
		want            uint32
	}{
		"FR-10 two":                       {2, large, large, true, true, 5632},
		"FR-10 nine":                      {9, large, large, true, true, 2944 + 8*2688},
		"FR-10 the tenth is chained":      {10, large, large, true, true, 2944 + 8*2688 + 2944},
		"FR-10 twenty":                    {20, large, large, true, true, 2944 + 8*2688 + 11*2944},
		"FR-10 without GRO":               {2, large, large, false, true, 5632},
		"FR-10 without early demux":       {2, large, large, true, false, 5632},
		"FR-10 without both":              {2, large, large, false, false, 2944 + 2048},
		"FR-10 seventeen without both":    {17, large, large, false, false, 2944 + 16*2048},
		"FR-10 the 18th without both":     {18, large, large, false, false, 2944 + 16*2048 + 2944},
		"FR-10 a small last one":          {2, large, small, true, true, 2944 + 640},
		"FR-10 a small last one, no both": {2, large, small, false, false, 2944 + 640},
		"FR-10 small ones, chained":       {11, large, small, true, true, 2944 + 8*2688 + 2944 + 896},
		"FR-10 into the head's room":      {2, 200, 16, true, true, 896},
		"FR-10 no room in the head":       {2, 200, 32, true, true, 896 + 640},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(_ *bench, c *Config) {
				if !tc.demux {
					c.IPEarlyDemux = 0
				}
			})
			b.eth0.GRO = tc.gro
			for i := range tc.n {
				p := piece{i * tc.length, tc.length, i < tc.n-1, 0}
				if i == tc.n-1 {
					p.length = tc.last
				}
				b.fragment(7, p)
			}
			require.Len(t, b.got, 1)
			require.Equal(t, tc.want, b.got[0].Truesize)
		})
	}
}

// FR-11: the datagram has the route of the fragment that came last, and the
// socket of early demux only if that was the first.
func TestFR11EarlyDemux(t *testing.T) {
	for name, tc := range map[string]struct {
		order []int
		sock  bool
	}{
		"FR-11 the first last": {[]int{1, 2, 0}, true}, "FR-11 the last last": {[]int{0, 1, 2}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			asked := 0
			b.demux = func(p *skb.Buff) {
				asked++
				p.Sock = b
				p.Route = skb.Route{Type: skb.RouteLocal, Gen: b.layer.RouteGen()}
			}
			for _, n := range tc.order {
				b.fragment(7, whole[n])
			}
			require.Equal(t, 3, asked, "FR-11, IF-1: about each fragment")
			require.Len(t, b.got, 1)
			require.Equal(t, tc.sock, b.got[0].Sock != nil)
			require.Equal(t, skb.RouteLocal, b.got[0].Route.Type)
		})
	}
	b := newBench(t, func(b *bench, _ *Config) { b.prof.EarlyDemuxFragments = false })
	b.demux = func(*skb.Buff) { t.Fatal("asked about a fragment") }
	b.fragment(7, whole[0])
}

// Reassembly in a steady state allocates nothing.
func TestReassemblyAllocatesNothing(t *testing.T) {
	b := newBench(t)
	b.eth0.GRO = true
	id := 0
	run := func() {
		for _, p := range whole {
			b.fragment(id%1000, p)
		}
		id++
		b.got = b.got[:0]
	}
	for range 3000 {
		run()
	}
	base := testing.AllocsPerRun(200, func() { b.receive(local); b.receive(local); b.receive(local); b.got = b.got[:0] })
	require.LessOrEqual(t, testing.AllocsPerRun(200, run), base+10, "the bench itself allocates a header a packet")
}

// The checksum of a datagram in fragments is that of all they carry (2.2): of
// frames of which that is known.
func TestFragmentsSumUp(t *testing.T) {
	for name, tc := range map[string]struct {
		parts [3]uint32 // beside what makes the sum good in the last
		field skb.Checksum
		edit  func(i int, s *skb.Buff)
		want  skb.Checksum
	}{
		"FR-8 good":                     {[3]uint32{5, 0xfff0, 0}, skb.ChecksumGood, nil, skb.ChecksumGood},
		"FR-8 the first fragment alone": {[3]uint32{5, 0xfff0, 0}, skb.ChecksumBad, nil, skb.ChecksumGood},
		"FR-8 bad":                      {[3]uint32{5, 0xfff0, 1}, skb.ChecksumGood, nil, skb.ChecksumBad},
		"FR-8 no checksum":              {[3]uint32{5, 0xfff0, 1}, skb.ChecksumZero, nil, skb.ChecksumZero},
		"FR-8 not known of one": {[3]uint32{5, 0xfff0, 1}, skb.ChecksumGood, func(i int, s *skb.Buff) {
			if i == 1 {
				s.Head.PartSum = 0
			}
		}, skb.ChecksumGood},
		"FR-8 more than the datagram of UDP": {[3]uint32{5, 0xfff0, 1}, skb.ChecksumGood, func(i int, s *skb.Buff) {
			if i == 0 {
				s.UDPLen = 2000
			}
		}, skb.ChecksumGood},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for i, p := range whole {
				b.fragment(7, p, func(h *skb.Header, s *skb.Buff) {
					h.UDPChecksum, h.PartSum = tc.field, tc.parts[i]+1
					if i == 2 {
						for x := uint32(0); ; x++ {
							if h.SumsUp(3000, uint64(tc.parts[0]+tc.parts[1]+x)) {
								h.PartSum += x
								break
							}
						}
					}
					if s.Head = h; tc.edit != nil {
						tc.edit(i, s)
					}
				})
			}
			require.Len(t, b.got, 1)
			require.Equal(t, tc.want, b.got[0].Head.UDPChecksum)
			require.Zero(t, b.got[0].Head.PartSum)
		})
	}
}
