package udp

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// UR-1 to UR-11, 2.2, table 4.5: what ends a datagram before a socket has it,
// with every counter; all others must stay zero.
func TestReceive(t *testing.T) {
	bad := func(h *skb.Header, p *skb.Buff) { h.UDPChecksum, p.Summed = skb.ChecksumBad, skb.ChecksumNone }
	complete := func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumComplete }
	short := func(h *skb.Header, p *skb.Buff) { p.UDPLen, p.Len = 76, 76 }
	above := func(h *skb.Header, p *skb.Buff) { p.UDPLen, p.Len = 77, 77 }
	for name, tc := range map[string]struct {
		changes []change
		noSock  bool
		want    mib.UDP
		reason  skb.DropReason
		icmp    int
		summed  skb.IPSummed // of what the socket got
	}{
		"UR-8: delivered":                          {summed: skb.ChecksumUnnecessary},
		"UR-1: 7 bytes":                            {changes: []change{func(_ *skb.Header, p *skb.Buff) { p.Len, p.UDPLen = 7, 7 }}, want: mib.UDP{InErrors: 1}, reason: skb.PktTooSmall},
		"UR-2: length beyond the packet":           {changes: []change{func(_ *skb.Header, p *skb.Buff) { p.UDPLen = 109 }}, want: mib.UDP{InErrors: 1}, reason: skb.PktTooSmall},
		"UR-3: length 7":                           {changes: []change{func(_ *skb.Header, p *skb.Buff) { p.UDPLen = 7 }}, want: mib.UDP{InErrors: 1}, reason: skb.PktTooSmall},
		"UR-3: length 0":                           {changes: []change{func(_ *skb.Header, p *skb.Buff) { p.UDPLen = 0 }}, want: mib.UDP{InErrors: 1}, reason: skb.PktTooSmall},
		"UR-3: length 8, trimmed":                  {changes: []change{func(_ *skb.Header, p *skb.Buff) { p.UDPLen = 8 }}, summed: skb.ChecksumUnnecessary},
		"2.2.1: bad, but the device says good":     {changes: []change{func(h *skb.Header, _ *skb.Buff) { h.UDPChecksum = skb.ChecksumBad }}, summed: skb.ChecksumUnnecessary},
		"2.2.1: bad, but a local sender's":         {changes: []change{bad, func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumPartial }}, summed: skb.ChecksumUnnecessary},
		"2.2.3: summed by the device, good":        {changes: []change{complete}, summed: skb.ChecksumUnnecessary},
		"2.2.3: summed by the device, bad, L 76":   {changes: []change{bad, complete, short}, want: mib.UDP{InErrors: 1, InCsumErrors: 1}, reason: skb.UDPCsum},
		"2.2.5: summed by the device, bad, L 77":   {changes: []change{bad, complete, above}, summed: skb.ChecksumNone},
		"2.2.4: only of what nobody summed":        {changes: []change{complete, func(_ *skb.Header, p *skb.Buff) { p.CsumBad = true }}, summed: skb.ChecksumUnnecessary},
		"2.2.2: no checksum":                       {changes: []change{bad, func(h *skb.Header, _ *skb.Buff) { h.UDPChecksum = skb.ChecksumZero }}, summed: skb.ChecksumUnnecessary},
		"UR-4: GRO says bad":                       {changes: []change{bad, func(_ *skb.Header, p *skb.Buff) { p.CsumBad = true }}, want: mib.UDP{InErrors: 1, InCsumErrors: 1}, reason: skb.UDPCsum},
		"2.2.4: GRO says bad, no socket":           {changes: []change{bad, func(_ *skb.Header, p *skb.Buff) { p.CsumBad = true }}, noSock: true, want: mib.UDP{InErrors: 1, InCsumErrors: 1}, reason: skb.UDPCsum},
		"UR-4: L 76, bad":                          {changes: []change{bad, short}, want: mib.UDP{InErrors: 1, InCsumErrors: 1}, reason: skb.UDPCsum},
		"2.2.5: L 76, good":                        {changes: []change{func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumNone }, short}, summed: skb.ChecksumUnnecessary},
		"CS-1: L 77, bad, is deferred":             {changes: []change{bad, above}, summed: skb.ChecksumNone},
		"2.2.5: L 77, good, is deferred":           {changes: []change{func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumNone }, above}, summed: skb.ChecksumNone},
		"UR-11: no socket":                         {noSock: true, want: mib.UDP{NoPorts: 1}, reason: skb.NoSocket, icmp: 1},
		"UR-10: no socket, bad":                    {changes: []change{bad}, noSock: true, want: mib.UDP{InErrors: 1, InCsumErrors: 1}, reason: skb.UDPCsum},
		"UR-10: no socket, deferred and good":      {changes: []change{func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumNone }}, noSock: true, want: mib.UDP{NoPorts: 1}, reason: skb.NoSocket, icmp: 1},
		"TAB-4: multicast, no socket":              {changes: []change{func(_ *skb.Header, p *skb.Buff) { p.Route.Type = skb.RouteMulticast }}, noSock: true, want: mib.UDP{IgnoredMulti: 1}, reason: skb.IgnoredMulti},
		"3.1.4: multicast, no socket, bad, L > 76": {changes: []change{bad, func(_ *skb.Header, p *skb.Buff) { p.Route.Type = skb.RouteMulticast }}, noSock: true, want: mib.UDP{IgnoredMulti: 1}, reason: skb.IgnoredMulti},
		"UR-7: broadcast, no socket":               {changes: []change{func(_ *skb.Header, p *skb.Buff) { p.Route.Type = skb.RouteBroadcast }}, noSock: true, want: mib.UDP{IgnoredMulti: 1}, reason: skb.IgnoredMulti},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			var s *sock
			if !tc.noSock {
				s = b.mustBind("s", "")
			}
			p := packet(own, tc.changes...)
			b.receive(p)
			b.counts(tc.want)
			require.Equal(t, tc.icmp, b.icmp)
			if tc.reason != skb.NotDropped {
				require.EqualValues(t, 1, b.ledger.Dropped[tc.reason])
				require.True(t, s == nil || len(s.got)+s.failed == 0, "UR-12: the socket that it was for knows nothing of it")
				return
			}
			require.Zero(t, b.ledger.Drops()+b.ledger.Rejects())
			require.Len(t, s.got, 1)
			require.Zero(t, s.failed)
			require.Equal(t, tc.summed, s.got[0].Summed)
			require.EqualValues(t, p.UDPLen, s.got[0].Len, "trimmed to the UDP length")
			require.EqualValues(t, 1, b.layer.Stats.Originals)
		})
	}
}

// K310-9: 3.10 ignores the datagram without counting it.
func TestK310x9NotCounted(t *testing.T) {
	b := newBench(t, func(b *bench) { b.prof.IgnoredMulti = false })
	b.receive(packet(group))
	b.counts(mib.UDP{})
	require.EqualValues(t, 1, b.ledger.Dropped[skb.IgnoredMulti])
}

// 2.2: a software checksum costs its time: in the softirq up to 76 bytes, and
// for a port that nobody has.
func TestChecksumCost(t *testing.T) {
	none := func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumNone }
	sized := func(n int) change {
		return func(_ *skb.Header, p *skb.Buff) { p.UDPLen, p.Len = uint16(n), uint32(n) }
	}
	for name, tc := range map[string]struct {
		changes []change
		want    engine.Time
	}{
		"verified by the device": {[]change{sized(76)}, 0},
		"76 bytes":               {[]change{none, sized(76)}, 1000 + 76},
		"77 bytes":               {[]change{none, sized(77)}, 0},
		"summed by the device":   {[]change{func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumComplete }, sized(76)}, 0},
		"no checksum":            {[]change{none, sized(50), func(h *skb.Header, _ *skb.Buff) { h.UDPChecksum = skb.ChecksumZero }}, 0},
	} {
		b := newBench(t)
		b.costs.Checksum.Fixed, b.costs.Checksum.PerByte = 1000, 1
		s := b.mustBind("s", "")
		p := packet(own, tc.changes...)
		start := b.now + engine.Microsecond
		b.receive(p)
		require.Equal(t, tc.want, s.at[0]-start, name)
	}
}

// CS-2, SUR-42: what the fan-out hands out is unverified for each, and stays so
// for the next whatever the one before finds out.
func TestCS2EachForItself(t *testing.T) {
	b := newBench(t)
	for i := range 40 {
		b.mustBind(fmt.Sprint(i), "")
	}
	b.receive(packet(group, func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumNone }))
	for name, s := range b.socks {
		require.Len(t, s.got, 1)
		require.Equal(t, skb.ChecksumNone, s.got[0].Summed, name)
	}
}

// Table 3.2, FS-1, FS-3, 12.14: clones under the slot lock, clones outside it, and who
// gets the original, for every row and all numbers up to 100.
func TestFanoutTable(t *testing.T) {
	rows := map[int][2]uint64{0: {0, 0}, 1: {0, 0}, 10: {0, 9}, 32: {0, 31}, 33: {32, 0}, 64: {32, 31}, 65: {64, 0}, 100: {96, 3}}
	for n := 0; n <= 100; n++ {
		b := newBench(t)
		b.costs.Clone.Fixed = engine.Nanosecond
		for i := range n {
			b.mustBind(fmt.Sprint(i+1), "")
		}
		start := b.now + engine.Microsecond
		order := b.receive(packet(group))
		st := b.layer.Stats
		want, listed := rows[n]
		if n > 0 && !listed {
			locked := uint64((n - 1) / 32 * 32)
			want = [2]uint64{locked, uint64(n) - locked - 1}
		}
		require.Equal(t, want, [2]uint64{st.ClonesLocked, st.ClonesUnlocked}, "N = %d", n)
		require.EqualValues(t, max(n-1, 0), b.ledger.Clones)
		require.Len(t, order, n)
		if n == 0 {
			b.counts(mib.UDP{IgnoredMulti: 1})
			continue
		}
		b.counts(mib.UDP{})
		require.EqualValues(t, 1, st.Originals)
		for i, name := range order {
			require.Equal(t, fmt.Sprint(n-i), name, "MF-1: newest first")
			// The original is the one that needs no clone: its time is that of the clone before.
			at := b.socks[name].at[0] - start
			require.Equal(t, engine.Time(min(i+1, n-1))*engine.Nanosecond, at, "the last visited gets the original")
		}
		if n == 1 {
			require.Equal(t, start, b.socks["1"].at[0])
		}
	}
}

// MF-1, MF-2, V16: the order of the fan-out, and how it changes between ten and
// eleven sockets in the slot.
func TestMF2V16Order(t *testing.T) {
	b := newBench(t)
	for i := 1; i <= 11; i++ {
		local := ""
		if i%2 == 1 {
			local = "239.1.0.1"
		}
		b.mustBind(fmt.Sprint(i), local)
	}
	require.Equal(t, []string{"11", "9", "7", "5", "3", "1", "10", "8", "6", "4", "2"}, b.receive(packet(group)))
	b.layer.Unbind(b.socks["11"].Entry)
	require.Equal(t, []string{"10", "9", "8", "7", "6", "5", "4", "3", "2", "1"}, b.receive(packet(group)))
}

// 3.1.3, FS-1: entries carry over from the first chain to the second: 20 of the
// group and 20 of any make one flush of 32 in the second chain.
func TestFanoutAcrossChains(t *testing.T) {
	b := newBench(t)
	for i := range 20 {
		b.mustBind(fmt.Sprint("any", i), "")
		b.mustBind(fmt.Sprint("group", i), "239.1.0.1")
	}
	order := b.receive(packet(group))
	require.Len(t, order, 40)
	require.Equal(t, "group19", order[0])
	require.Equal(t, "any19", order[20])
	require.Equal(t, "any0", order[39])
	require.EqualValues(t, 32, b.layer.Stats.ClonesLocked)
	require.EqualValues(t, 7, b.layer.Stats.ClonesUnlocked)
}

// UR-4, UR-6: a bad checksum is found before the socket that early demux
// attached is looked at; a good packet bypasses the fan-out.
func TestUR6Demuxed(t *testing.T) {
	b := newBench(t)
	s := b.mustBind("s", "")
	p := packet(group)
	b.demux(p)
	p.Len, p.Route.Type = 108, skb.RouteMulticast
	b.mustBind("another", "")
	require.Equal(t, []string{"s"}, b.receive(p), "one that was opened meanwhile gets nothing")
	require.EqualValues(t, 1, b.layer.Stats.DemuxHits)
	b.layer.Unbind(b.socks["another"].Entry)

	p = packet(group, func(h *skb.Header, p *skb.Buff) {
		h.UDPChecksum, p.CsumBad, p.Summed = skb.ChecksumBad, true, skb.ChecksumNone
	})
	b.demux(p)
	p.Len = 108
	b.receive(p)
	require.Len(t, s.got, 1)
	b.counts(mib.UDP{InErrors: 1, InCsumErrors: 1})
}

// TestDumbFanout compares the fan-out with the dumbest model of one: walk the
// sockets that match, newest first, the group's before the others when there are
// more than ten; serve 32 under the lock when a 33rd comes.
func TestDumbFanout(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		type made struct {
			name, local string
			matches     bool
		}
		var newest []made
		for i := range rapid.IntRange(0, 120).Draw(rt, "sockets") {
			m := made{name: fmt.Sprint(i), local: rapid.SampledFrom([]string{"", "", "239.1.0.1", "239.1.0.2", "10.0.0.2"}).Draw(rt, "local")}
			m.matches = m.local == "" || m.local == "239.1.0.1"
			b.mustBind(m.name, m.local)
			newest = append([]made{m}, newest...)
		}
		var want []string
		collect := func(local ...string) {
			for _, m := range newest {
				for _, l := range local {
					if m.matches && m.local == l {
						want = append(want, m.name)
					}
				}
			}
		}
		if len(newest) > 10 {
			collect("239.1.0.1")
			collect("")
		} else {
			collect("239.1.0.1", "")
		}
		locked, gathered := 0, 0
		for range want {
			if gathered == 32 {
				locked, gathered = locked+32, 0
			}
			gathered++
		}
		order := b.receive(packet(group))
		require.Equal(rt, want, order)
		st := b.layer.Stats
		require.EqualValues(rt, locked, st.ClonesLocked)
		require.EqualValues(rt, max(len(want)-locked-1, 0), st.ClonesUnlocked)
		require.EqualValues(rt, min(len(want), 1), st.Originals)
		require.Equal(rt, len(want) == 0, b.net.UDP.IgnoredMulti == 1)
	})
}

// Where the time of a datagram goes in this layer, and what one costs that ends
// here.
func TestTimes(t *testing.T) {
	unverified := func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumNone }
	for name, tc := range map[string]struct {
		cost    func(*bench) *engine.Time
		sockets int
		changes []change
		want    engine.Time // until the interrupt is over
	}{
		"udp":                           {func(b *bench) *engine.Time { return &b.costs.UDP.Fixed }, 1, nil, 1000},
		"clone, for all but the last":   {func(b *bench) *engine.Time { return &b.costs.Clone.Fixed }, 5, []change{func(_ *skb.Header, p *skb.Buff) { p.Route.Type = skb.RouteMulticast }}, 4000},
		"free_drop, no port":            {func(b *bench) *engine.Time { return &b.costs.FreeDrop.Fixed }, 0, nil, 1000},
		"free_drop, delivered":          {func(b *bench) *engine.Time { return &b.costs.FreeDrop.Fixed }, 1, nil, 0},
		"UR-10: checksum, no port":      {func(b *bench) *engine.Time { return &b.costs.Checksum.Fixed }, 0, []change{unverified}, 1000},
		"UR-10: verified, no port":      {func(b *bench) *engine.Time { return &b.costs.Checksum.Fixed }, 0, nil, 0},
		"CS-1: deferred, with a socket": {func(b *bench) *engine.Time { return &b.costs.Checksum.Fixed }, 1, []change{unverified}, 0},
	} {
		b := newBench(t)
		*tc.cost(b) = 1000
		for i := range tc.sockets {
			b.mustBind(fmt.Sprint(i), "")
		}
		b.receive(packet(own, tc.changes...))
		require.Equal(t, tc.want, engine.Time(b.core.Books(b.now).Hardirq), name)
	}
}
