package sim_test

import (
	"fmt"
	"math/bits"
	"math/rand"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/socket"
)

// A boundSock is a socket of the model, in the order in which they were bound.
type boundSock struct {
	s             *sim.Socket
	port          uint16
	local, remote uint32
	rport         uint16
	dev           string
	ra, rp, all   bool
	uid           int
	joins         []string // group@dev
	slot2         uint32
	auto          bool
	order2        int // insertion sequence in secondary
}

func number(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// secondary is HT-3.
func secondary(addr uint32, port uint16, mix, mask uint32) uint32 {
	a := bits.ReverseBytes32(addr) + 0xdeadbeef
	b := uint32(0xdeadbeef)
	c := mix
	rol := bits.RotateLeft32
	c ^= b
	c -= rol(b, 14)
	a ^= c
	a -= rol(c, 11)
	b ^= a
	b -= rol(a, 25)
	c ^= b
	c -= rol(b, 16)
	a ^= c
	a -= rol(c, 4)
	b ^= a
	b -= rol(a, 14)
	c ^= b
	c -= rol(b, 24)
	return (c ^ uint32(port)) & 0xffff & mask
}

// Binding and looking up: HT-2 to HT-4, BD-1 with its hole, LK-1 to LK-4, ED-4, 3.1, 3.3, MF-1, MF-2, MF-4.
func TestLookupModel(t *testing.T) {
	addrs := []netip.Addr{netip.IPv4Unspecified(), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.1.2"), netip.MustParseAddr("239.1.1.1"), netip.MustParseAddr("239.1.1.2"), netip.MustParseAddr("10.0.0.255")}
	ports := []uint16{5000, 5000, 5000, 5256, 5001}
	srcs := []netip.AddrPort{netip.MustParseAddrPort("10.0.0.9:77"), netip.MustParseAddrPort("10.0.0.9:78"), netip.MustParseAddrPort("10.0.0.10:77")}
	stat := map[string]int{}
	for seed := range int64(80) {
		r := rand.New(rand.NewSource(seed))
		cfg := sim.Linux40()
		n := sim.DefaultNIC("eth1")
		n.MAC[5]++
		n.Addr = 0x0a000102
		cfg.NICs = append(cfg.NICs, n)
		cfg.UDP.HashEntries = 256
		cfg.UDP.HashMix = uint32(r.Intn(1000))
		mix := cfg.UDP.HashMix
		h, err := sim.NewHost(cfg)
		require.NoError(t, err)
		// host membership
		hold, err := h.Bind(socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:9")})
		require.NoError(t, err)
		for _, g := range []string{"239.1.1.1", "239.1.1.2"} {
			for _, d := range []string{"eth0", "eth1"} {
				require.NoError(t, hold.Join(netip.MustParseAddr(g), d))
			}
		}
		_ = hold
		var ss []*boundSock // bind order
		seq := 0
		slot := func(p uint16) uint32 { return (uint32(p) + mix) & 255 }
		chain2 := func(k uint32) []*boundSock {
			var out []*boundSock
			for _, s := range ss {
				if s.slot2 == k {
					out = append(out, s)
				}
			}
			slices.SortFunc(out, func(a, b *boundSock) int { return b.order2 - a.order2 })
			return out
		}
		chain1 := func(k uint32) []*boundSock {
			var out []*boundSock
			for _, s := range ss {
				if slot(s.port) == k {
					out = append([]*boundSock{s}, out...)
				}
			}
			return out
		}
		inuse := func(c []*boundSock, n *boundSock) bool {
			for _, o := range c {
				if o.port == n.port && !(o.ra && n.ra) && (o.dev == "" || n.dev == "" || o.dev == n.dev) &&
					!(o.rp && n.rp && o.uid == n.uid) && (o.local == 0 || n.local == 0 || o.local == n.local) {
					return true
				}
			}
			return false
		}
		many := r.Intn(2) == 0
		for range 30 {
			n := &boundSock{port: ports[r.Intn(5)], local: number(addrs[0]), all: r.Intn(4) > 0, uid: r.Intn(2), ra: r.Intn(10) < 7, rp: r.Intn(10) < 3}
			la := addrs[0]
			if r.Intn(2) == 0 {
				la = addrs[r.Intn(6)]
			}
			n.local = number(la)
			if many {
				n.port = 5000
				n.ra = true
			}
			if r.Intn(4) == 0 {
				n.dev = []string{"eth0", "eth1"}[r.Intn(2)]
			}
			c := socket.Config{Local: netip.AddrPortFrom(la, n.port), ReuseAddr: n.ra, ReusePort: n.rp, UID: n.uid, Device: n.dev, NoMulticastAll: !n.all}
			var peer netip.AddrPort
			if r.Intn(5) == 0 {
				peer = srcs[r.Intn(3)]
			}
			n.slot2 = secondary(n.local, n.port, mix, 255)
			// model conflict
			c1 := chain1(slot(n.port))
			var clash bool
			if own := chain2(n.slot2); len(c1) > 10 && len(c1) >= len(own) {
				clash = inuse(own, n) || inuse(chain2(secondary(0, n.port, mix, 255)), n)
				if !clash && inuse(c1, n) {
					stat["hole"]++
				}
			} else {
				clash = inuse(c1, n)
			}
			s, err := h.Bind(c)
			require.Equal(t, clash, err != nil, "seed %d %+v %v", seed, n, err)
			if clash {
				stat["clash"]++
				continue
			}
			n.s = s
			seq++
			n.order2 = seq
			ss = append(ss, n)
			if peer.IsValid() {
				require.NoError(t, s.Connect(peer))
				n.remote, n.rport = number(peer.Addr()), peer.Port()
				if n.local == 0 {
					n.local, n.auto = 0x0a000002, true
					if k := secondary(n.local, n.port, mix, 255); k != n.slot2 {
						seq++
						n.slot2, n.order2 = k, seq
					}
				}
				if r.Intn(4) == 0 {
					s.Disconnect()
					n.remote, n.rport, n.dev = 0, 0, ""
					if n.auto {
						n.local, n.auto = 0, false
					}
				}
			}
			if r.Intn(3) == 0 {
				g, d := []string{"239.1.1.1", "239.1.1.2"}[r.Intn(2)], []string{"eth0", "eth1"}[r.Intn(2)]
				require.NoError(t, s.Join(netip.MustParseAddr(g), d))
				n.joins = append(n.joins, g+"@"+d)
			}
			if r.Intn(8) == 0 && len(ss) > 2 {
				i := r.Intn(len(ss))
				ss[i].s.Close()
				ss = slices.Delete(ss, i, i+1)
			}
		}
		for range 40 {
			dst := addrs[1+r.Intn(5)]
			dev := []string{"eth0", "eth1"}[r.Intn(2)]
			if dst == addrs[5] {
				dev = "eth0"
			}
			src := srcs[r.Intn(3)]
			port := ports[r.Intn(5)]
			d := number(dst)
			f := h.UDPFrame(src, netip.AddrPortFrom(dst, port), 100)
			if dev == "eth1" && !dst.IsMulticast() {
				f.Head.DstMAC = n.MAC
			}
			if dst == addrs[5] {
				f.Head.DstMAC = [6]byte{255, 255, 255, 255, 255, 255}
			}
			c1 := chain1(slot(port))
			match := func(s *boundSock) bool {
				if s.port != port || s.remote != 0 && s.remote != number(src.Addr()) || s.rport != 0 && s.rport != src.Port() ||
					s.local != 0 && s.local != d || s.dev != "" && s.dev != dev {
					return false
				}
				if !dst.IsMulticast() || s.all || slices.Contains(s.joins, dst.String()+"@"+dev) {
					return true
				}
				return false
			}
			var want []*boundSock
			alt := map[*boundSock]bool{}
			if dst.IsMulticast() || dst == addrs[5] {
				if len(c1) > 10 {
					a, b := secondary(d, port, mix, 255), secondary(0, port, mix, 255)
					for _, s := range chain2(a) {
						if match(s) {
							want = append(want, s)
						}
					}
					if a != b {
						for _, s := range chain2(b) {
							if match(s) {
								want = append(want, s)
							}
						}
					}
					stat["multi2"]++
				} else {
					for _, s := range c1 {
						if match(s) {
							want = append(want, s)
						}
					}
					stat["multi1"]++
				}
			} else {
				score := func(s *boundSock, second bool, la uint32) int {
					if s.port != port {
						return 0
					}
					if second && s.local != la {
						return 0
					}
					sc := 2
					for _, f := range [][2]bool{{s.local != 0, s.local == d}, {s.remote != 0, s.remote == number(src.Addr())}, {s.rport != 0, s.rport == src.Port()}, {s.dev != "", s.dev == dev}} {
						if f[0] {
							if !f[1] {
								return 0
							}
							sc += 4
						}
					}
					if second && s.local != 0 {
						sc -= 4
					}
					return sc
				}
				pick := func(c []*boundSock, second bool, la uint32) *boundSock {
					var best *boundSock
					top := 0
					reuse := false
					clear(alt)
					for _, s := range c {
						if sc := score(s, second, la); sc > top {
							best, top, reuse = s, sc, s.rp
							clear(alt)
							alt[s] = true
						} else if sc == top && sc > 0 && reuse {
							alt[s] = true
						}
					}
					return best
				}
				a, b := chain2(secondary(d, port, mix, 255)), chain2(secondary(0, port, mix, 255))
				var w *boundSock
				if len(a) > 0 && a[0].remote == number(src.Addr()) && a[0].rport == src.Port() && a[0].local == d && a[0].port == port && (a[0].dev == "" || a[0].dev == dev) {
					w = a[0]
					stat["demux"]++
				} else if len(c1) > 10 && len(c1) >= len(a) {
					w = pick(a, true, d)
					if w == nil {
						if len(c1) < len(b) {
							w = pick(c1, false, 0)
						} else {
							w = pick(b, true, 0)
						}
					}
					stat["uni2"]++
				} else {
					w = pick(c1, false, 0)
					stat["uni1"]++
				}
				if w != nil {
					want = append(want, w)
				}
				if len(alt) > 1 {
					stat["reuse"]++
				}
			}
			h.InjectOn(dev, f)
			h.Advance(time.Millisecond)
			type got struct {
				s *boundSock
				q time.Duration
			}
			var gots []got
			for _, s := range ss {
				for s.s.Queued() > 0 {
					dg, err := s.s.Recv()
					require.NoError(t, err)
					gots = append(gots, got{s, dg.Queued})
				}
			}
			slices.SortStableFunc(gots, func(a, b got) int { return int(a.q - b.q) })
			var order []*boundSock
			for _, g := range gots {
				order = append(order, g.s)
			}
			if len(alt) > 1 && len(order) == 1 {
				require.True(t, alt[order[0]])
				continue
			}
			name := func(l []*boundSock) (o []string) {
				for _, s := range l {
					o = append(o, fmt.Sprintf("%p %+v", s, *s))
				}
				return
			}
			require.Equal(t, name(want), name(order), "seed %d dst %v:%d dev %s src %v count %d net %+v", seed, dst, port, dev, src, len(c1), h.Snapshot().Net.UDP)
		}
		h.Close()
	}
	for _, k := range []string{"clash", "hole", "demux", "multi1", "multi2", "uni1", "uni2", "reuse"} {
		require.NotZero(t, stat[k], k)
	}
}
