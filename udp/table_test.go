package udp

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// HT-3: the secondary hash, with the check values of the specification.
func TestHT3CheckValues(t *testing.T) {
	for _, tc := range []struct {
		addr string
		port uint16
		want uint32
	}{
		{"0.0.0.0", 5001, 0xc0b0b14b}, {"239.1.0.1", 5001, 0xd5c92bd6}, {"192.168.0.1", 5001, 0x6a491d0e}, {"239.1.0.1", 31001, 0xd5c94146},
	} {
		a := skb.AddrFrom(netip.MustParseAddr(tc.addr))
		require.Equal(t, tc.want, portHash(a, tc.port, 0), "%s:%d", tc.addr, tc.port)
		l := Layer{Config: Config{HashEntries: 256}}
		require.Equal(t, tc.want&0xff, l.hash2(a, tc.port))
		l.Config.HashEntries = 65536
		require.Equal(t, tc.want&0xffff, l.hash2(a, tc.port), "only 16 bits are stored")
	}
	require.NotEqual(t, portHash(1, 1, 0), portHash(1, 1, 19), "the mix is in the hash")
}

// HT-2: the primary slot.
func TestHT2Slot(t *testing.T) {
	l := Layer{Config: Config{HashEntries: 8192, HashMix: 19}}
	require.EqualValues(t, 5020, l.Bucket(5001), "10.3: port 5001 and mix 19")
	require.EqualValues(t, 5021, l.Bucket(5002))
	require.EqualValues(t, 18, l.Bucket(8191), "and the mask")
}

// HT-1: one slot for each 2 MiB of memory, rounded up to a power of two.
func TestHT1Size(t *testing.T) {
	const gib = 1 << 30
	for memory, want := range map[uint64]int{
		0: 256, gib / 2: 256, gib/2 + 1: 512, 4 * gib: 2048, 5 * gib: 4096, 16 * gib: 8192, 64 * gib: 32768, 128 * gib: 65536, 1024 * gib: 65536,
	} {
		require.Equal(t, want, HashEntries(memory), "%d bytes", memory)
	}
	require.Equal(t, 8192, DefaultConfig().HashEntries)
	for n, ok := range map[int]bool{0: false, 128: false, 256: true, 257: false, 65536: true, 131072: false} {
		c := Config{HashEntries: n}
		require.Equal(t, ok, c.Validate() == nil, "%d", n)
	}
}

// connected and the like change an entry for a test.
func connected(addr string, port uint16) func(*Entry) {
	return func(e *Entry) { e.Remote, e.RemotePort = skb.AddrFrom(netip.MustParseAddr(addr)), port }
}

func onDevice(i int32) func(*Entry) { return func(e *Entry) { e.IfIndex = i } }

func onPort(p uint16) func(*Entry) { return func(e *Entry) { e.LocalPort = p } }

func reusePort(e *Entry) { e.ReusePort = true }

// fill binds sockets until the slot of the test's port holds more than ten, so
// that the secondary chains are used. They are bound to another port of the
// same slot and match nothing.
func (b *bench) fill() {
	for i := range 11 {
		b.mustBind(fmt.Sprint("filler", i), "10.9.9.9", onPort(uint16(port+b.layer.Config.HashEntries)))
	}
}

// LK-1 to LK-3, LK-5, HT-5: the score of every field, ties, and the same with the
// secondary chains.
func TestLookup(t *testing.T) {
	type socket struct {
		name, local string
		change      []func(*Entry)
	}
	any := func(name string, change ...func(*Entry)) socket { return socket{name, "", change} }
	at := func(name string, change ...func(*Entry)) socket { return socket{name, "10.0.0.2", change} }
	peer := connected("10.0.0.1", 5000)
	for name, tc := range map[string]struct {
		sockets []socket
		want    string
		wantSec string // with the secondary chains, if it differs
	}{
		"nobody":                                 {},
		"any address":                            {sockets: []socket{any("a")}, want: "a"},
		"LK-2: another address":                  {sockets: []socket{{"a", "10.0.0.3", nil}}},
		"another port":                           {sockets: []socket{any("a", onPort(5002))}},
		"the address beats any":                  {sockets: []socket{at("a"), any("b")}, want: "a"},
		"LK-3: the newest of equals":             {sockets: []socket{any("a"), any("b")}, want: "b"},
		"LK-2: connected to another peer":        {sockets: []socket{any("a", connected("10.0.0.9", 5000))}},
		"LK-2: connected to another port":        {sockets: []socket{any("a", connected("10.0.0.1", 5001))}},
		"LK-2: connected beats bound":            {sockets: []socket{any("a", peer), any("b")}, want: "a"},
		"LK-2: peer and port beat address":       {sockets: []socket{any("a", peer), at("b")}, want: "a", wantSec: "b"},
		"LK-2: all of it":                        {sockets: []socket{at("a", peer, onDevice(2)), at("b", peer), any("c", peer, onDevice(2))}, want: "a"},
		"LK-5: the packet's device":              {sockets: []socket{any("a", onDevice(2)), any("b")}, want: "a"},
		"LK-5: a device other than the packet's": {sockets: []socket{any("a", onDevice(3))}},
		"LK-2: device equals address":            {sockets: []socket{at("a"), any("b", onDevice(2))}, want: "b", wantSec: "a"},
		"LK-2: only the peer's port":             {sockets: []socket{any("a", connected("0.0.0.0", 5000)), any("b")}, want: "a"},
		"LK-1: chain of the address first":       {sockets: []socket{any("a", peer, onDevice(2)), at("b")}, want: "a", wantSec: "b"},
		"LK-1: then the chain of any":            {sockets: []socket{{"a", "10.0.0.3", nil}, any("b")}, want: "b"},
		"LK-1: and not what is disqualified":     {sockets: []socket{at("a", onDevice(3)), any("b")}, want: "b"},
	} {
		for _, secondary := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", secondary ", secondary), func(t *testing.T) {
				b := newBench(t)
				if secondary {
					b.fill()
				}
				for _, s := range tc.sockets {
					b.mustBind(s.name, s.local, s.change...)
				}
				want := tc.want
				if secondary && tc.wantSec != "" {
					want = tc.wantSec
				}
				var got string
				if names := b.receive(packet(own)); len(names) > 0 {
					got = names[0]
				}
				require.Equal(t, want, got)
				require.Equal(t, want == "", b.net.UDP.NoPorts == 1)
			})
		}
	}
}

// LK-1: if the secondary chain is longer than the primary slot, the primary slot
// is scanned after all. Two addresses must share a secondary slot for that.
func TestLK1FallsBack(t *testing.T) {
	b := newBench(t)
	slot := b.layer.hash2(skb.AddrFrom(own), port)
	b.fill() // 11 in the primary slot
	// Strangers in the secondary slot: sockets of other ports that hash there.
	n := 0
	for p := 1; n < 20; p++ {
		if p%b.layer.Config.HashEntries != port && b.layer.hash2(0, uint16(p)) == slot {
			b.mustBind(fmt.Sprint("stranger", p), "", onPort(uint16(p)))
			n++
		}
		if p == 65535 {
			break
		}
	}
	require.Greater(t, n, 0)
	for len(b.layer.secondary.at(slot).chain) <= len(b.layer.primary.at(b.layer.Bucket(port)).chain)+2 {
		b.mustBind("more", "", onPort(b.layer.secondary.at(slot).chain[0].LocalPort), func(e *Entry) { e.ReusePort = true })
	}
	b.mustBind("any, connected", "", connected("10.0.0.1", 5000))
	b.mustBind("address", "10.0.0.2")
	require.Equal(t, []string{"any, connected"}, b.receive(packet(own)), "as in the primary scan: the score decides")
}

// LK-4: SO_REUSEPORT: the same flow keeps its socket, flows spread, and the
// choice is the documented one.
func TestLK4ReusePort(t *testing.T) {
	b := newBench(t)
	const members = 5
	var newestFirst []string
	for i := range members {
		s := b.mustBind(fmt.Sprint(i), "", reusePort)
		newestFirst = append([]string{s.Name}, newestFirst...)
	}
	flow := func(p uint16) *skb.Buff { return packet(own, func(h *skb.Header, _ *skb.Buff) { h.SrcPort = p }) }
	count := map[string]int{}
	for p := uint16(1000); p < 3000; p++ {
		pkt := flow(p)
		// The rule as it is written: the newest to begin with, then each further
		// member replaces it with a chance of one in how many there are, drawn
		// from a linear congruential sequence.
		want, hash := newestFirst[0], b.layer.reuseHash(pkt.Head)
		for matches := uint64(2); matches <= members; matches++ {
			if uint64(hash)*matches>>32 == 0 {
				want = newestFirst[matches-1]
			}
			hash = hash*1664525 + 1013904223
		}
		require.Equal(t, []string{want}, b.receive(pkt))
		require.Equal(t, []string{want}, b.receive(flow(p)), "the same flow, the same socket")
		count[want]++
	}
	for _, name := range newestFirst {
		require.InDelta(t, 400, count[name], 80, "socket %s", name) // 4 standard deviations
	}
	b.mustBind("6", "", reusePort, connected("10.0.0.1", 1500))
	require.Equal(t, []string{"6"}, b.receive(flow(1500)), "a better score ends it")

}

// MF-4, SUR-32: SO_REUSEPORT shares unicast out and doubles multicast;
// SO_REUSEADDR alone gives all unicast to the newest.
func TestReuse(t *testing.T) {
	flows := func(b *bench, dst netip.Addr) map[string]int {
		count := map[string]int{}
		for p := uint16(1000); p < 1100; p++ {
			for _, name := range b.receive(packet(dst, func(h *skb.Header, _ *skb.Buff) { h.SrcPort = p })) {
				count[name]++
			}
		}
		return count
	}
	t.Run("MF-4 SO_REUSEPORT and multicast", func(t *testing.T) {
		b := newBench(t)
		for i := range 3 {
			b.mustBind(fmt.Sprint(i), "", reusePort)
		}
		require.Equal(t, map[string]int{"0": 100, "1": 100, "2": 100}, flows(b, group))
	})
	t.Run("SUR-32 SO_REUSEPORT and unicast", func(t *testing.T) {
		b := newBench(t)
		for i := range 3 {
			b.mustBind(fmt.Sprint(i), "", reusePort)
		}
		count := flows(b, own)
		require.Len(t, count, 3)
		require.Equal(t, 100, count["0"]+count["1"]+count["2"])
	})
	t.Run("SUR-32 SO_REUSEADDR and unicast", func(t *testing.T) {
		b := newBench(t)
		for i := range 3 {
			b.mustBind(fmt.Sprint(i), "")
		}
		require.Equal(t, map[string]int{"2": 100}, flows(b, own))
	})
}

// LK-4: whether equals draw lots is decided by the socket that set the best
// score, not by the one that has just won.
func TestLK4FlagOfTheFirst(t *testing.T) {
	b := newBench(t)
	b.mustBind("plain", "")
	b.mustBind("plain too", "")
	b.mustBind("reuse", "", reusePort)
	count := map[string]int{}
	for p := uint16(1000); p < 3000; p++ {
		count[b.receive(packet(own, func(h *skb.Header, _ *skb.Buff) { h.SrcPort = p }))[0]]++
	}
	require.Len(t, count, 3)
	require.InDelta(t, 667, count["plain"], 100, "the last of three: one in three")
}

// BD-1: who may share an address.
func TestBD1Conflict(t *testing.T) {
	plain := func(e *Entry) { e.ReuseAddr = false }
	uid := func(n int) func(*Entry) { return func(e *Entry) { e.UID = n } }
	type f = []func(*Entry)
	for name, tc := range map[string]struct {
		first, second             f
		firstLocal, secondLocal   string
		refused, refusedSecondary bool
	}{
		"the same":                        {f{plain}, f{plain}, "", "", true, true},
		"both SO_REUSEADDR":               {f{}, f{}, "", "", false, false},
		"only the first":                  {f{}, f{plain}, "", "", true, true},
		"only the second":                 {f{plain}, f{}, "", "", true, true},
		"both SO_REUSEPORT":               {f{plain, reusePort}, f{plain, reusePort}, "", "", false, false},
		"SO_REUSEPORT, another user":      {f{plain, reusePort}, f{plain, reusePort, uid(7)}, "", "", true, true},
		"one SO_REUSEPORT":                {f{plain, reusePort}, f{plain}, "", "", true, true},
		"mixed":                           {f{}, f{plain, reusePort}, "", "", true, true},
		"different devices":               {f{plain, onDevice(2)}, f{plain, onDevice(3)}, "", "", false, false},
		"the same device":                 {f{plain, onDevice(2)}, f{plain, onDevice(2)}, "", "", true, true},
		"one with a device":               {f{plain, onDevice(2)}, f{plain}, "", "", true, true},
		"the second with a device":        {f{plain}, f{plain, onDevice(2)}, "", "", true, true},
		"different addresses":             {f{plain}, f{plain}, "10.0.0.2", "10.0.0.3", false, false},
		"the same address":                {f{plain}, f{plain}, "10.0.0.2", "10.0.0.2", true, true},
		"any, then an address":            {f{plain}, f{plain}, "", "10.0.0.2", true, true},
		"the hole: an address, then any":  {f{plain}, f{plain}, "10.0.0.2", "", true, false},
		"different ports":                 {f{plain}, f{plain, onPort(5002)}, "", "", false, false},
		"different ports, the same slot":  {f{plain}, f{plain, onPort(port + 8192)}, "", "", false, false},
		"the hole needs the same address": {f{plain}, f{plain}, "10.0.0.2", "10.0.0.2", true, true},
	} {
		for _, secondary := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", more than ten: ", secondary), func(t *testing.T) {
				b := newBench(t)
				b.mustBind("first", tc.firstLocal, tc.first...)
				if secondary {
					b.fill()
				}
				_, err := b.bind("second", tc.secondLocal, tc.second...)
				refused := tc.refused
				if secondary {
					refused = tc.refusedSecondary
				}
				if refused {
					require.ErrorContains(t, err, "EADDRINUSE")
					require.ErrorContains(t, err, "first")
				} else {
					require.NoError(t, err)
				}
			})
		}
	}
	b := newBench(t)
	_, err := b.bind("zero", "", onPort(0))
	require.ErrorContains(t, err, "port 0")
}

// BD-1: the hole opens with the eleventh socket in the slot, not with the tenth.
func TestBD1HoleOpensAbove10(t *testing.T) {
	for others, opens := range map[int]bool{9: false, 10: true} {
		b := newBench(t)
		b.mustBind("address", "10.0.0.2", func(e *Entry) { e.ReuseAddr = false })
		for i := range others {
			b.mustBind(fmt.Sprint(i), "10.9.9.9", onPort(port+8192))
		}
		_, err := b.bind("any", "", func(e *Entry) { e.ReuseAddr = false })
		require.Equal(t, opens, err == nil, "%d in the slot before the bind", others+1)
	}
}

// 3.3: the match rule of the fan-out, every condition.
func TestMulticastMatch(t *testing.T) {
	joined := func(i int32) func(*Entry) {
		return func(e *Entry) {
			e.NoMulticastAll = true
			e.Groups = []Membership{{Group: skb.AddrFrom(netip.MustParseAddr("239.9.9.9")), IfIndex: 2}, {Group: skb.AddrFrom(group), IfIndex: i}}
		}
	}
	for name, tc := range map[string]struct {
		local  string
		change []func(*Entry)
		dst    string
		want   bool
	}{
		"SUR-17 joined nothing, IP_MULTICAST_ALL": {"", nil, "", true},
		"bound to the group":                      {"239.1.0.1", nil, "", true},
		"bound to another group":                  {"239.1.0.2", nil, "", false},
		"bound to a unicast address":              {"10.0.0.2", nil, "", false},
		"another port":                            {"", []func(*Entry){onPort(5002)}, "", false},
		"connected to the source":                 {"", []func(*Entry){connected("10.0.0.1", 5000)}, "", true},
		"connected to another source":             {"", []func(*Entry){connected("10.0.0.9", 5000)}, "", false},
		"connected to another source port":        {"", []func(*Entry){connected("10.0.0.1", 5009)}, "", false},
		"bound to the device":                     {"", []func(*Entry){onDevice(2)}, "", true},
		"bound to another device":                 {"", []func(*Entry){onDevice(3)}, "", false},
		"IP_MULTICAST_ALL off, joined here":       {"", []func(*Entry){joined(2)}, "", true},
		"IP_MULTICAST_ALL off, joined there":      {"", []func(*Entry){joined(3)}, "", false},
		"IP_MULTICAST_ALL off, joined none":       {"", []func(*Entry){func(e *Entry) { e.NoMulticastAll = true }}, "", false},
		"IP_MULTICAST_ALL on, joined there":       {"", []func(*Entry){joined(3), func(e *Entry) { e.NoMulticastAll = false }}, "", true},
		"broadcast, IP_MULTICAST_ALL off":         {"", []func(*Entry){func(e *Entry) { e.NoMulticastAll = true }}, "255.255.255.255", true},
		"broadcast, bound to unicast":             {"10.0.0.2", nil, "255.255.255.255", false},
		"broadcast, bound to its own address":     {"255.255.255.255", nil, "255.255.255.255", true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.mustBind("s", tc.local, tc.change...)
			dst := group
			if tc.dst != "" {
				dst = netip.MustParseAddr(tc.dst)
			}
			p := packet(dst)
			if tc.dst != "" {
				p.PktType, p.Route.Type = skb.PacketBroadcast, skb.RouteBroadcast
			}
			require.Equal(t, tc.want, len(b.receive(p)) == 1)
			require.Equal(t, !tc.want, b.net.UDP.IgnoredMulti == 1)
		})
	}
}

// ED-1 to ED-4: when early demux finds a socket.
func TestEarlyDemux(t *testing.T) {
	multi := func(b *bench, n int) {
		for i := range n {
			b.mustBind(fmt.Sprint(i), "")
		}
	}
	peer := connected("10.0.0.1", 5000)
	for name, tc := range map[string]struct {
		dst    netip.Addr
		setup  func(*bench)
		change change
		want   string
	}{
		"ED-3: nobody":          {group, func(*bench) {}, nil, ""},
		"ED-3: exactly one":     {group, func(b *bench) { multi(b, 1) }, nil, "0"},
		"ED-3: two":             {group, func(b *bench) { multi(b, 2) }, nil, ""},
		"ED-3: one of two":      {group, func(b *bench) { multi(b, 1); b.mustBind("x", "239.1.0.2") }, nil, "0"},
		"ED-3: ten in the slot": {group, func(b *bench) { multi(b, 1); bindStrangers(b, 9) }, nil, "0"},
		"ED-3: eleven":          {group, func(b *bench) { multi(b, 1); bindElsewhere(b, 10) }, nil, ""},
		"HT-5: and ten of another port in its slot": {group, func(b *bench) { multi(b, 1); bindStrangers(b, 10) }, nil, ""},
		"ED-1: 7 bytes of UDP":                      {group, func(b *bench) { multi(b, 1) }, func(_ *skb.Header, p *skb.Buff) { p.Len = 7 }, ""},
		"ED-1: 8 bytes of UDP":                      {group, func(b *bench) { multi(b, 1) }, func(_ *skb.Header, p *skb.Buff) { p.Len = 8 }, "0"},
		"ED-2: broadcast":                           {netip.MustParseAddr("10.0.0.255"), func(b *bench) { multi(b, 1) }, func(_ *skb.Header, p *skb.Buff) { p.PktType = skb.PacketBroadcast }, "0"},
		"ED-2: another's":                           {group, func(b *bench) { multi(b, 1) }, func(_ *skb.Header, p *skb.Buff) { p.PktType = skb.PacketOtherHost }, ""},
		"ED-4: unconnected":                         {own, func(b *bench) { b.mustBind("a", "10.0.0.2") }, nil, ""},
		"ED-4: connected":                           {own, func(b *bench) { b.mustBind("a", "10.0.0.2", peer) }, nil, "a"},
		"ED-4: to another":                          {own, func(b *bench) { b.mustBind("a", "10.0.0.2", connected("10.0.0.1", 5009)) }, nil, ""},
		"ED-4: only the first":                      {own, func(b *bench) { b.mustBind("a", "10.0.0.2", peer); b.mustBind("b", "10.0.0.2") }, nil, ""},
		"ED-4: the first":                           {own, func(b *bench) { b.mustBind("b", "10.0.0.2"); b.mustBind("a", "10.0.0.2", peer) }, nil, "a"},
		"ED-4: its device":                          {own, func(b *bench) { b.mustBind("a", "10.0.0.2", peer, onDevice(2)) }, nil, "a"},
		"ED-4: another device":                      {own, func(b *bench) { b.mustBind("a", "10.0.0.2", peer, onDevice(3)) }, nil, ""},
		"ED-4: bound to any":                        {own, func(b *bench) { b.mustBind("a", "", peer) }, nil, ""},
		"ED-4: many in the slot":                    {own, func(b *bench) { b.fill(); b.mustBind("a", "10.0.0.2", peer) }, nil, "a"},
		"ED-2: unicast looks not":                   {own, func(b *bench) { multi(b, 1) }, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			tc.setup(b)
			p := packet(tc.dst)
			if tc.change != nil {
				tc.change(p.Head, p)
			}
			e := b.demux(p)
			if tc.want == "" {
				require.Nil(t, e)
				require.Zero(t, b.layer.Stats.DemuxHits)
				return
			}
			require.Equal(t, tc.want, e.Name)
			require.EqualValues(t, 1, b.layer.Stats.DemuxHits)
		})
	}
}

// 6.18/2.9: newer kernels look multicast up only if its interface wants it, and
// broadcast not at all.
func TestEarlyDemuxNewer(t *testing.T) {
	for name, tc := range map[string]struct {
		newer, member bool
		cast          skb.PacketType
		want          bool
	}{
		"no member, 4.0":  {false, false, skb.PacketMulticast, true},
		"no member, 6.18": {true, false, skb.PacketMulticast, false},
		"a member, 6.18":  {true, true, skb.PacketMulticast, true},
		"broadcast, 4.0":  {false, false, skb.PacketBroadcast, true},
		"broadcast, 6.18": {true, true, skb.PacketBroadcast, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(b *bench) {
				b.prof.EarlyDemuxMember, b.prof.EarlyDemuxBroadcast = tc.newer, !tc.newer
				b.layer.Member = func(ifindex int32, h *skb.Header) bool {
					return tc.member && ifindex == 2 && h.Dst == skb.AddrFrom(group)
				}
			})
			b.mustBind("s", "")
			p := packet(group)
			p.PktType = tc.cast
			require.Equal(t, tc.want, b.demux(p) != nil)
		})
	}
}

// bindElsewhere binds sockets of the same port to another address.
func bindElsewhere(b *bench, n int) {
	for i := range n {
		b.mustBind(fmt.Sprint("elsewhere", i), "10.9.9.9")
	}
}

// bindStrangers binds sockets of the same slot and another port.
func bindStrangers(b *bench, n int) {
	for i := range n {
		b.mustBind(fmt.Sprint("stranger", i), "10.9.9.9", onPort(port+8192))
	}
}

// ED-5, ED-7: the route that the first packet found comes with the next one.
func TestED7CachedRoute(t *testing.T) {
	b := newBench(t)
	s := b.mustBind("s", "")
	p := packet(group)
	require.Same(t, s.Entry, b.demux(p))
	require.Equal(t, skb.NoRoute, p.Route.Type, "the first packet must look the route up")
	p.Len, p.Route = 108, skb.Route{Type: skb.RouteMulticast, Gen: 42}
	require.Equal(t, []string{"s"}, b.receive(p))
	require.Nil(t, s.got[0].Sock)
	p = packet(group)
	b.demux(p)
	require.Equal(t, skb.Route{Type: skb.RouteMulticast, Gen: 42}, p.Route)
	p.Len, p.Route = 108, skb.Route{Type: skb.RouteMulticast, Gen: 43}
	b.receive(p)
	p = packet(netip.MustParseAddr("239.1.0.7"))
	b.demux(p)
	require.EqualValues(t, 43, p.Route.Gen, "ED-8: it is not keyed by destination")
}

// PU-1, HT-4: the newest socket comes first in its bucket; unbinding takes it out
// and changes what is found.
func TestHT4NewestFirst(t *testing.T) {
	b := newBench(t)
	var all []*sock
	for i := range 4 {
		all = append(all, b.mustBind(fmt.Sprint(i), ""))
	}
	for i, s := range all {
		require.Equal(t, 3-i, b.layer.Position(s.Entry))
	}
	require.Equal(t, []string{"3"}, b.receive(packet(own)))
	b.layer.Unbind(all[3].Entry)
	require.Equal(t, -1, b.layer.Position(all[3].Entry))
	require.Equal(t, []string{"2"}, b.receive(packet(own)))
	require.Equal(t, []string{"2", "1", "0"}, b.receive(packet(group)))
	all[1].NoMulticastAll = true
	b.layer.Changed()
	require.Equal(t, []string{"2", "0"}, b.receive(packet(group)))
}

// HT-4: connect chooses the local address and moves the socket to the head of
// that address's chain; dissolving it gives the address back and leaves the
// socket where it is.
func TestHT4Connect(t *testing.T) {
	local := skb.AddrFrom(own)
	t.Run("HT-4 connect sets the local address", func(t *testing.T) {
		b := newBench(t)
		s := b.mustBind("s", "")
		require.Equal(t, []string{"s"}, b.receive(packet(group)))
		b.layer.Connect(s.Entry, skb.AddrFrom(sender.Addr()), sender.Port(), local)
		require.Equal(t, local, s.Local)
		require.Empty(t, b.receive(packet(group)), "a unicast address does not match multicast")
		require.Equal(t, []string{"s"}, b.receive(packet(own)))
		require.Empty(t, b.receive(packet(netip.MustParseAddr("10.0.0.3"))))
		require.Same(t, s.Entry, b.demux(packet(own)), "ED-4")
	})
	t.Run("HT-4 a bound address stays", func(t *testing.T) {
		b := newBench(t)
		s := b.mustBind("s", "10.0.0.3")
		b.layer.Connect(s.Entry, 1, 2, local)
		require.Equal(t, "10.0.0.3", s.Local.String())
		b.layer.Disconnect(s.Entry)
		require.Equal(t, "10.0.0.3", s.Local.String())
		require.Zero(t, s.Remote)
		require.Zero(t, s.RemotePort)
	})
	for name, tc := range map[string]struct {
		fill bool
		want []string
	}{
		"HT-4 found again with ten sockets": {false, []string{"s"}},
		"HT-4 missed with more than ten":    {true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if tc.fill {
				b.fill()
			}
			s := b.mustBind("s", "", onDevice(2))
			b.layer.Connect(s.Entry, skb.AddrFrom(sender.Addr()), sender.Port(), local)
			require.Equal(t, []string{"s"}, b.receive(packet(own)), "in the chain of its new address")
			b.layer.Disconnect(s.Entry)
			require.Zero(t, s.Local)
			require.Zero(t, s.IfIndex)
			require.Equal(t, tc.want, b.receive(packet(own)))
			require.Equal(t, tc.want, b.receive(packet(group)))
			b.layer.Unbind(s.Entry)
			require.Empty(t, b.receive(packet(own)))
			require.NotContains(t, b.layer.secondary.at(b.layer.hash2(local, port)).chain, s.Entry, "it has left the chain in which it stood")
		})
	}
	t.Run("HT-4 the place in the primary slot stays", func(t *testing.T) {
		b := newBench(t)
		s := b.mustBind("old", "")
		b.mustBind("new", "10.0.0.2")
		b.layer.Connect(s.Entry, skb.AddrFrom(sender.Addr()), sender.Port(), local)
		require.Equal(t, 1, b.layer.Position(s.Entry))
		require.Same(t, s.Entry, b.demux(packet(own)), "but it is the head of the secondary chain")
	})
}

// LK-1, LK-2: in the chain of the destination only sockets bound to it count,
// also when the chain of 0.0.0.0 shares its slot.
func TestLK2SharedSlot(t *testing.T) {
	b := newBench(t, func(b *bench) { b.layer.Config.HashEntries = 256 })
	a := skb.Addr(0x0a000001)
	for b.layer.hash2(a, port) != b.layer.hash2(0, port) {
		a++
	}
	b.fill()
	b.mustBind("address", a.String())
	b.mustBind("any, connected", "", connected("10.0.0.1", 5000))
	require.Equal(t, []string{"address"}, b.receive(packet(a.Netip())))
	require.Equal(t, []string{"any, connected"}, b.receive(packet((a + 1).Netip())))
	b.mustBind("group", "239.1.0.1")
	require.Equal(t, []string{"group", "any, connected"}, b.receive(packet(group)))
}

// 3.1: if both chains of the fan-out are one, it is walked once.
func TestFanoutOneChain(t *testing.T) {
	b := newBench(t, func(b *bench) { b.layer.Config.HashEntries = 256 })
	g := skb.Addr(0xef010001)
	for b.layer.hash2(g, port) != b.layer.hash2(0, port) {
		g++
	}
	b.fill()
	b.mustBind("any", "")
	b.mustBind("group", g.String())
	b.mustBind("any too", "")
	require.Equal(t, []string{"any too", "group", "any"}, b.receive(packet(g.Netip())))
}
