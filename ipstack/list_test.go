package ipstack

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// When the packets of a list get to UDP, in microseconds after the list came:
// the receive core takes 100 for each, IP 10, the route 1.
func TestList618(t *testing.T) {
	other := netip.MustParseAddrPort("10.0.0.3:5001")
	all := netip.MustParseAddrPort("10.0.0.255:5001")
	for name, tc := range map[string]struct {
		dst  []netip.AddrPort
		want []engine.Time
	}{
		"6.18/3.5.3 one":                               {[]netip.AddrPort{local}, []engine.Time{111}},
		"6.18/3.5.3 three of a flow":                   {[]netip.AddrPort{local, local, local}, []engine.Time{331, 331, 331}},
		"6.18/3.5.3 another route sends them on":       {[]netip.AddrPort{local, local, other, local}, []engine.Time{442, 442, 443, 443}},
		"6.18/2.10 a broadcast has no hint":            {[]netip.AddrPort{all, all}, []engine.Time{222, 222}},
		"6.18/3.5.3 of no packet nothing comes":        {nil, nil},
		"6.18/3.5.3 one that is not for us in between": {[]netip.AddrPort{local, netip.MustParseAddrPort("10.0.9.9:1"), local}, []engine.Time{332, 333}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(b *bench, _ *Config) {
				b.costs.Core.Fixed, b.costs.IP.Fixed, b.costs.Route.Fixed = 100*engine.Microsecond, 10*engine.Microsecond, engine.Microsecond
			})
			b.layer.AddDevice("eth1", mac, 1500, skb.AddrFrom(other.Addr()), 32)
			var list []skb.Buff
			for _, dst := range tc.dst {
				p := skb.Buff{Frame: skb.NewUDP(mac, sender, dst, 100), Truesize: 896, IfIndex: b.eth0.Index, Summed: skb.ChecksumUnnecessary}
				p.Len = p.Frame.Len - skb.EthHeader
				if dst == all {
					p.PktType = skb.PacketBroadcast
				}
				list = append(list, p)
				b.ledger.Frames++
				b.ledger.Take()
			}
			var start engine.Time
			b.sees = func() uint64 { return uint64((b.core.Now() - start) / engine.Microsecond) }
			b.do(func(c *cpu.Core) {
				start = c.Now()
				b.layer.ReceiveSKBList(c, list)
			})
			b.exec.RunUntil(b.now + engine.Millisecond)
			var got []engine.Time
			for _, us := range b.saw {
				got = append(got, engine.Time(us))
			}
			require.Equal(t, tc.want, got)
			require.NoError(t, b.ledger.Check(0))
		})
	}
}

// A list counts, refuses and delivers what its packets would one by one: with
// taps, a bridge that hands them back, a firewall and fragments in between.
func TestListIsNothingElse(t *testing.T) {
	for name, change := range map[string]packet{
		"plain": func(*skb.Header, *skb.Buff) {}, "other host": func(_ *skb.Header, p *skb.Buff) { p.PktType = skb.PacketOtherHost },
		"ARP": func(h *skb.Header, _ *skb.Buff) { h.EtherType = skb.EtherTypeARP }, "checksum": func(h *skb.Header, _ *skb.Buff) { h.IPChecksum = skb.ChecksumBad },
		"SCTP": func(h *skb.Header, _ *skb.Buff) { h.Proto = 132 }, "source": func(h *skb.Header, _ *skb.Buff) { h.Src = 0x7f000001 },
		"fragment": func(h *skb.Header, _ *skb.Buff) { h.MoreFrags = true },
	} {
		for _, tapped := range []bool{false, true} {
			run := func(list bool) *bench {
				b := newBench(t, func(b *bench, _ *Config) { b.prof = kernel.Linux618() })
				if tapped {
					b.eth0.AddTap(1<<20, 0)
				}
				var bufs []skb.Buff
				for i := range 4 {
					h := *skb.NewUDP(mac, sender, local, 100).Head
					p := skb.Buff{Frame: h.UDPFrame(100), Truesize: 896, IfIndex: b.eth0.Index, Summed: skb.ChecksumUnnecessary}
					p.Len = p.Frame.Len - skb.EthHeader
					if p.IPID = uint16(i); i%2 == 1 {
						change(&h, &p)
					}
					p.Head = &h
					bufs = append(bufs, p)
					b.ledger.Frames++
					b.ledger.Take()
				}
				b.do(func(c *cpu.Core) {
					if list {
						b.layer.ReceiveSKBList(c, bufs)
						return
					}
					for i := range bufs {
						b.layer.ReceiveSKB(c, &bufs[i])
					}
				})
				return b
			}
			alone, listed := run(false), run(true)
			require.Equal(t, alone.net, listed.net, name)
			require.Equal(t, alone.ledger, listed.ledger, name)
			require.Equal(t, len(alone.got), len(listed.got), name)
			require.Equal(t, alone.stats.Softnet, listed.stats.Softnet, name)
		}
	}
}
