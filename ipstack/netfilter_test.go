package ipstack

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

func rules(r ...Rule) func(*bench, *Config) {
	return func(_ *bench, c *Config) { c.Netfilter = r }
}

// NF-1, NF-2: what rules match, and that a drop by one moves no counter of its
// own: at PRE_ROUTING nothing after InNoECTPkts, at LOCAL_IN the multicast
// counters, never InDelivers.
func TestNF2Drop(t *testing.T) {
	const all = 1_000_000
	pre := mib.Net{IP: mib.IP{InReceives: 1}, IPExt: mib.IPExt{InOctets: 128, InNoECTPkts: 1}}
	in := pre
	in.IPExt.InMcastPkts, in.IPExt.InMcastOctets = 1, 128
	pass := in
	pass.IP.InDelivers = 1
	for name, tc := range map[string]struct {
		rules []Rule
		want  mib.Net
	}{
		"NF-2 PRE_ROUTING":            {[]Rule{{Hook: PreRouting, DropPPM: all}}, pre},
		"NF-2 raw":                    {[]Rule{{Hook: PreRouting, Raw: true, DropPPM: all}}, pre},
		"NF-2 LOCAL_IN":               {[]Rule{{Hook: LocalIn, DropPPM: all}}, in},
		"never":                       {[]Rule{{Hook: LocalIn, DropPPM: 0}}, pass},
		"another source":              {[]Rule{{Src: 0x0a000009, DropPPM: all}}, pass},
		"this source":                 {[]Rule{{Src: 0x0a000001, DropPPM: all}}, pre},
		"this source's network":       {[]Rule{{Src: 0x0a000000, SrcLen: 24, DropPPM: all}}, pre},
		"another network":             {[]Rule{{Src: 0x0a000080, SrcLen: 25, DropPPM: all}}, pass},
		"another destination":         {[]Rule{{Dst: 0x0a000001, DropPPM: all}}, pass},
		"this destination":            {[]Rule{{Dst: 0xef010001, DropPPM: all}}, pre},
		"all multicast":               {[]Rule{{Dst: 0xe0000000, DstLen: 4, DropPPM: all}}, pre},
		"another source port":         {[]Rule{{SrcPort: 5001, DropPPM: all}}, pass},
		"these ports":                 {[]Rule{{Proto: skb.ProtoUDP, SrcPort: 5000, DstPort: 5001, DropPPM: all}}, pre},
		"another port":                {[]Rule{{DstPort: 5000, DropPPM: all}}, pass},
		"another protocol":            {[]Rule{{Proto: skb.ProtoTCP, DropPPM: all}}, pass},
		"another device":              {[]Rule{{IfIndex: 1, DropPPM: all}}, pass},
		"this device":                 {[]Rule{{IfIndex: 2, DropPPM: all}}, pre},
		"the first match decides":     {[]Rule{{DstPort: 5001}, {DropPPM: all}}, pass},
		"ACCEPT decides":              {[]Rule{{Verdict: Accept, DropPPM: all}, {DropPPM: all}}, pass},
		"of its hook":                 {[]Rule{{Verdict: Accept}, {Hook: LocalIn, DropPPM: all}}, in},
		"NF-1 raw before mangle":      {[]Rule{{DropPPM: all}, {Raw: true, Verdict: Accept}}, pre},
		"NOTRACK goes on":             {[]Rule{{Raw: true, Verdict: NoTrack}, {Raw: true, DropPPM: all}}, pre},
		"REJECT of multicast is mute": {[]Rule{{Hook: LocalIn, Verdict: Reject, DropPPM: all}}, in},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, rules(tc.rules...))
			b.eth0.Join(skb.AddrFrom(group.Addr()))
			b.receive(group)
			b.counts(tc.want)
			b.dropped(drops(skb.NetfilterDrop, 1-tc.want.IP.InDelivers))
		})
	}
}

// Rules at random: a share of what matches is dropped, or a share matches.
func TestRulesAtRandom(t *testing.T) {
	for name, tc := range map[string]struct {
		rules []Rule
		want  float64
	}{
		"drop":              {[]Rule{{DropPPM: 250_000}}, 1000},
		"drop, then others": {[]Rule{{DropPPM: 250_000}, {DropPPM: 1_000_000}}, 1000}, // the rest is accepted
		"match":             {[]Rule{{MatchPPM: 250_000, DropPPM: 1_000_000}}, 1000},
		"match, twice":      {[]Rule{{MatchPPM: 250_000, DropPPM: 1_000_000}, {MatchPPM: 250_000, DropPPM: 1_000_000}}, 1750},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, rules(tc.rules...))
			for range 4000 {
				b.receive(local)
			}
			require.InDelta(t, tc.want, float64(b.ledger.Dropped[skb.NetfilterDrop]), 3*32, "within three standard deviations")
		})
	}
}

// REJECT answers, within the limits of every ICMP message.
func TestReject(t *testing.T) {
	b := newBench(t, rules(Rule{Hook: LocalIn, Verdict: Reject, DstPort: 5001, DropPPM: 1_000_000}))
	for range 10 {
		b.receive(local)
	}
	require.EqualValues(t, 6, b.net.ICMP.OutDestUnreachs)
	require.Zero(t, b.net.IP.InDelivers)
	b.dropped(drops(skb.NetfilterDrop, 10))
}

// NF-2: only a rule's own counters show what it did.
func TestNF2RuleCounters(t *testing.T) {
	b := newBench(t, rules(Rule{Src: 0x0a000009}, Rule{DropPPM: 1_000_000}, Rule{Hook: LocalIn}))
	b.receive(local)
	b.receive(local)
	require.Equal(t, []RuleCounter{{}, {2, 256}, {}}, b.layer.RuleCounters())
}

// What rules can't be.
func TestRuleFaults(t *testing.T) {
	for want, r := range map[string]Rule{
		"netfilter[0].drop":        {DropPPM: 1_000_001},
		"netfilter[0].probability": {MatchPPM: 1_000_001},
		"netfilter[0].src":         {SrcLen: 33},
		"netfilter[0].dst":         {DstLen: -1},
		"netfilter[0].table":       {Hook: LocalIn, Raw: true},
		"netfilter[0].verdict":     {Verdict: Reject},
		"netfilter[0].hook":        {Hook: 2},
		"netfilter[0].proto":       {Proto: skb.ProtoICMP, DstPort: 7},
	} {
		c := DefaultConfig()
		c.Netfilter = []Rule{r}
		require.ErrorContains(t, c.Validate(), want)
	}
	c := DefaultConfig()
	c.Netfilter = []Rule{{Verdict: NoTrack}, {Verdict: 9}}
	require.ErrorContains(t, c.Validate(), "raw table")
	require.ErrorContains(t, c.Validate(), "netfilter[1].verdict")
}

func tracking(edit ...func(*ConntrackConfig)) func(*bench, *Config) {
	return func(_ *bench, c *Config) {
		c.Conntrack.On = true
		for _, f := range edit {
			f(&c.Conntrack)
		}
	}
}

// from makes a packet one of another flow.
func fromPort(port int) packet {
	return func(h *skb.Header, _ *skb.Buff) { h.SrcPort = uint16(port) }
}

func (b *bench) ct() mib.Conntrack { return b.layer.ConntrackStats(1)[0] }

// NF-4: an entry for each 5-tuple, also of multicast, once its first packet has
// passed LOCAL_IN; it goes when its time is over.
func TestNF4Entries(t *testing.T) {
	b := newBench(t, tracking())
	b.eth0.Join(skb.AddrFrom(group.Addr()))
	require.Zero(t, b.layer.ConntrackCount())
	b.receive(local)
	b.receive(local)
	b.receive(local, fromPort(5999))
	b.receive(local, func(h *skb.Header, _ *skb.Buff) { h.Proto = 132 })
	b.receive(group)
	got := b.ct()
	got.Searched = 0 // by chance of the hash
	require.Equal(t, mib.Conntrack{Found: 1, New: 4, Insert: 4}, got)
	require.Equal(t, 4, b.layer.ConntrackCount())

	b.ages(20 * engine.Second)
	b.receive(local) // 30 seconds more for this one
	b.ages(15 * engine.Second)
	require.Equal(t, 2, b.layer.ConntrackCount(), "it, and the one of the generic tracker")
	b.ages(30 * engine.Second)
	require.Equal(t, 1, b.layer.ConntrackCount())
	b.ages(600 * engine.Second)
	require.Zero(t, b.layer.ConntrackCount())
}

// What has no entry: refused before LOCAL_IN, malformed, not to be tracked, of
// another tracker.
func TestNF4NoEntry(t *testing.T) {
	for name, tc := range map[string]struct {
		rule   Rule
		change packet
		want   mib.Conntrack
	}{
		"NF-4 dropped at PRE_ROUTING": {Rule{DropPPM: 1_000_000}, nil, mib.Conntrack{New: 1}},
		"NF-4 dropped in raw":         {Rule{Raw: true, DropPPM: 1_000_000}, nil, mib.Conntrack{}},
		"NF-4 dropped at LOCAL_IN":    {Rule{Hook: LocalIn, DropPPM: 1_000_000}, nil, mib.Conntrack{New: 1}},
		"NF-4 NOTRACK":                {Rule{Raw: true, Verdict: NoTrack}, nil, mib.Conntrack{}},
		"NF-4 no route":               {Rule{Src: 1}, func(h *skb.Header, _ *skb.Buff) { h.Dst = 0x0a000009 }, mib.Conntrack{New: 1}},
		"NF-4 martian":                {Rule{Src: 1}, func(h *skb.Header, _ *skb.Buff) { h.Src = 0x7f000001 }, mib.Conntrack{New: 1}},
		"NF-4 bad options":            {Rule{Src: 1}, func(h *skb.Header, _ *skb.Buff) { h.Options = skb.OptionsBad }, mib.Conntrack{New: 1}},
		"NF-4 bad UDP checksum": {Rule{Src: 1}, func(h *skb.Header, p *skb.Buff) { h.UDPChecksum, p.Summed = skb.ChecksumBad, skb.ChecksumNone },
			mib.Conntrack{Invalid: 1}},
		"NF-4 bad UDP length": {Rule{Src: 1}, func(_ *skb.Header, p *skb.Buff) { p.UDPLen = 7 }, mib.Conntrack{Invalid: 1}},
		"NF-4 TCP":            {Rule{Src: 1}, func(h *skb.Header, _ *skb.Buff) { h.Proto = skb.ProtoTCP }, mib.Conntrack{}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, rules(tc.rule), tracking())
			var change []packet
			if tc.change != nil {
				change = append(change, tc.change)
			}
			b.receive(local, change...)
			require.Equal(t, tc.want, b.ct())
			require.Zero(t, b.layer.ConntrackCount())
		})
	}
}

// udp_error verifies a checksum that nobody has verified, so that UDP need not.
func TestConntrackVerifies(t *testing.T) {
	b := newBench(t, tracking(), func(b *bench, _ *Config) {
		b.costs.Conntrack.Fixed, b.costs.Checksum.PerByte = engine.Nanosecond, engine.Picosecond
	})
	start := b.core.Now()
	b.receive(local, func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumNone })
	b.exec.RunUntil(b.now + engine.Microsecond)
	require.Equal(t, skb.ChecksumUnnecessary, b.got[0].Summed)
	require.Equal(t, engine.Nanosecond+108*engine.Picosecond, b.core.Now()-start-engine.Microsecond)
	b.receive(local, func(h *skb.Header, p *skb.Buff) { h.UDPChecksum, p.Summed = skb.ChecksumZero, skb.ChecksumNone })
	b.ages(engine.Microsecond)
	require.Equal(t, skb.ChecksumNone, b.got[1].Summed)
}

// NF-3: in a full table an entry that is not assured goes for a new one.
func TestNF3EarlyDrop(t *testing.T) {
	b := newBench(t, tracking(func(c *ConntrackConfig) { c.Max, c.Buckets = 10, 4 }))
	for i := range 25 {
		b.receive(local, fromPort(6000+i))
	}
	require.Equal(t, 10, b.layer.ConntrackCount())
	got := b.ct()
	require.EqualValues(t, 15, got.EarlyDrop)
	require.EqualValues(t, 25, got.Insert)
	require.Zero(t, got.Drop)
	b.dropped(nil)
}

// NF-3: in a table full of assured entries a packet that would need another one
// is dropped, and no counter of IP says so; those of known connections pass.
func TestNF3Full(t *testing.T) {
	b := newBench(t, tracking(func(c *ConntrackConfig) { c.Max, c.Buckets, c.Assured = 1000, 64, 999 }))
	b.receive(local)
	b.receive(local, fromPort(5999))
	b.receive(local)
	require.Equal(t, 1000, b.layer.ConntrackCount())
	b.counts(mib.Net{IP: mib.IP{InReceives: 3, InDelivers: 2}, IPExt: mib.IPExt{InOctets: 3 * 128, InNoECTPkts: 3}})
	b.dropped(drops(skb.ConntrackFull, 1))
	require.EqualValues(t, 1, b.ct().Drop)
	require.Zero(t, b.ct().EarlyDrop)

	b = newBench(t, tracking(func(c *ConntrackConfig) { c.Max, c.Assured = 0, 1000 }))
	b.receive(local)
	require.Equal(t, 1001, b.layer.ConntrackCount(), "nf_conntrack_max 0: no limit")
}

// NF-3: eight entries are looked at for one that may go; further away there may
// be others.
func TestNF3EightAreLookedAt(t *testing.T) {
	for _, tc := range []struct {
		others  uint16
		dropped uint64
	}{{7, 0}, {8, 1}} {
		b := newBench(t, tracking(func(c *ConntrackConfig) { c.Max, c.Buckets = 20, 3 }))
		b.receive(local)
		table := &b.layer.conntrack
		fresh := tuple{addr("10.0.0.1"), addr("10.0.0.2"), 0, 5001, skb.ProtoUDP}
		first := tuple{addr("10.0.0.1"), addr("10.0.0.2"), 5000, 5001, skb.ProtoUDP}
		for fresh.srcPort = 1; ; fresh.srcPort++ { // its bucket has no entry, the one after next has
			k := fresh.bucket(3)
			if k != first.bucket(3) && k != first.reply().bucket(3) {
				table.others[k], table.count = tc.others, 20
				break
			}
		}
		b.receive(local, fromPort(int(fresh.srcPort)))
		b.dropped(drops(skb.ConntrackFull, tc.dropped))
		require.Equal(t, tc.dropped, b.ct().Drop)
		require.Equal(t, 1-tc.dropped, b.ct().EarlyDrop)
	}
}

// NF-3: two packets of a new connection on their way at once: the second can't
// be entered.
func TestNF3InsertFailed(t *testing.T) {
	b := newBench(t, tracking())
	b.receive(local, func(h *skb.Header, p *skb.Buff) { // between this one's look-up and its confirmation
		b.layer.Config.Netfilter = nil
		p.CT = skb.CTNew
		b.layer.conntrack.start(&b.layer.Config.Conntrack)
		b.layer.conntrack.count++
		other := *p
		head := *h
		other.Head = &head
		b.do(func(c *cpu.Core) { require.False(t, b.layer.conntrackConfirm(c, &other)) })
		b.layer.conntrack.count++
	})
	require.Equal(t, 1, b.layer.ConntrackCount())
	require.EqualValues(t, 1, b.ct().InsertFailed)
	b.dropped(drops(skb.NetfilterDrop, 1))
}

// A reply makes a flow a stream: it is remembered for longer, and after that not
// for others to push out.
func TestConntrackStream(t *testing.T) {
	b := newBench(t, tracking(func(c *ConntrackConfig) { c.Max, c.Buckets = 1, 1 }), func(_ *bench, c *Config) { c.AcceptLocal = 1 })
	reply := func(h *skb.Header, _ *skb.Buff) {
		h.Src, h.Dst, h.SrcPort, h.DstPort = h.Dst, h.Src, h.DstPort, h.SrcPort
	}
	b.receive(local)
	b.receive(netip.AddrPortFrom(own, 5001), reply) // goes nowhere, but is seen
	b.receive(local)
	b.ages(100 * engine.Second)
	require.Equal(t, 1, b.layer.ConntrackCount())
	b.dropped(drops(skb.IPInAddrErrors, 1))
	b.receive(local, fromPort(5999))
	require.EqualValues(t, 1, b.ct().Drop, "it is assured: there is no room for another")
	b.dropped(map[skb.DropReason]uint64{skb.IPInAddrErrors: 1, skb.ConntrackFull: 1})
}

// FR-9, LD-1: connection tracking puts fragments together before anything else:
// multicast counts once, with the whole length.
func TestFR9Conntrack(t *testing.T) {
	b := newBench(t, tracking())
	b.eth0.Join(skb.AddrFrom(group.Addr()))
	for _, p := range whole {
		b.fragmentTo(group, 7, p)
	}
	require.Len(t, b.got, 1)
	require.EqualValues(t, 1, b.net.IPExt.InMcastPkts)
	require.EqualValues(t, 3020, b.net.IPExt.InMcastOctets)
	require.EqualValues(t, 3, b.net.IP.InReceives)
	require.Equal(t, reasm{Reqds: 3, OKs: 1}, b.reasm())
	require.EqualValues(t, 1, b.ct().New)
	require.EqualValues(t, 2944+2048+640, b.got[0].Truesize, "FR-10: early demux has not pulled")

	b = newBench(t, tracking())
	b.fragment(7, whole[0], func(h *skb.Header, _ *skb.Buff) { h.Dst = 0x0a000009 })
	b.ages(31 * engine.Second)
	require.Equal(t, reasm{Reqds: 1, Fails: 1, Timeout: 1}, b.reasm())
	require.Zero(t, b.net.ICMP.OutMsgs, "FR-5: tracking tells only the senders of what is for this host")
}

// Tracking in a steady state allocates nothing.
func TestConntrackAllocatesNothing(t *testing.T) {
	b := newBench(t, tracking(func(c *ConntrackConfig) { c.Max, c.Buckets = 50, 16 }))
	port := 0
	run := func() {
		port++
		b.receive(local, fromPort(1000+port%1000))
		b.got = b.got[:0]
	}
	for range 3000 {
		run()
	}
	plain := testing.AllocsPerRun(200, func() { b.receive(local, fromPort(1)); b.got = b.got[:0] })
	require.LessOrEqual(t, testing.AllocsPerRun(200, run), plain)
}
