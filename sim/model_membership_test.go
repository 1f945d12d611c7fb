package sim_test

import (
	"fmt"
	"math/rand"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/socket"
)

// A modelRecord is a membership of the model, with its list of sources if it has one.
type modelRecord struct {
	inc    bool
	list   []int
	hasPsl bool
}

// A groupSock is a socket with its memberships, and the route generation of the route that it remembers.
type groupSock struct {
	s   *sim.Socket
	all bool
	rec map[int]*modelRecord
	rx  int
}

// Memberships and sources: GM-1, GM-2, MC-1, MC-2, 3.3, ED-3, ED-5 to ED-8.
func TestMembershipModel(t *testing.T) {
	stat := map[string]int{}
	for seed := range int64(100) {
		r := rand.New(rand.NewSource(seed))
		cfg := sim.Linux40()
		cfg.NICs[0].Promisc = true
		cfg.IP.IGMPMaxMemberships = 1 + r.Intn(3)
		cfg.IP.IGMPMaxMSF = r.Intn(4)
		h, err := sim.NewHost(cfg)
		require.NoError(t, err)
		grp := []netip.Addr{netip.MustParseAddr("239.1.1.1"), netip.MustParseAddr("239.1.1.2"), netip.MustParseAddr("224.0.0.9")}
		src := []netip.Addr{netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("10.0.0.10"), netip.MustParseAddr("10.0.0.11"), netip.MustParseAddr("10.0.0.12")}
		var ss []*groupSock
		n := 1 + r.Intn(3)
		for range n {
			g := &groupSock{all: r.Intn(2) == 0, rec: map[int]*modelRecord{}, rx: -1}
			g.s, err = h.Bind(socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:5000"), ReuseAddr: true, NoMulticastAll: !g.all})
			require.NoError(t, err)
			ss = append(ss, g)
		}
		gen := 0
		users := map[int]int{}
		var log []string
		join := func(s *groupSock, g int) bool {
			if s.rec[g] != nil || len(s.rec) >= cfg.IP.IGMPMaxMemberships {
				return false
			}
			s.rec[g] = &modelRecord{}
			if users[g]++; users[g] == 1 {
				gen++
			}
			return true
		}
		leave := func(s *groupSock, g int) {
			delete(s.rec, g)
			if users[g]--; users[g] == 0 {
				gen++
			}
		}
		change := func(s *groupSock, g, a int, inc, add bool) bool {
			p := s.rec[g]
			if p == nil {
				return false
			}
			if p.hasPsl {
				if p.inc != inc {
					return false
				}
			} else {
				p.inc = inc
			}
			i := slices.Index(p.list, a)
			if !add {
				if i < 0 {
					return false
				}
				if len(p.list) == 1 && inc {
					leave(s, g)
					return true
				}
				p.list = slices.Delete(p.list, i, i+1)
				return true
			}
			if p.hasPsl && len(p.list) >= cfg.IP.IGMPMaxMSF {
				return false
			}
			if i >= 0 {
				return false
			}
			p.list, p.hasPsl = append(p.list, a), true
			return true
		}
		for step := range 150 {
			s, g, a := ss[r.Intn(n)], r.Intn(3), r.Intn(4)
			var ok bool
			var err error
			var desc string
			switch op := r.Intn(12); op {
			case 0:
				ok, err, desc = join(s, g), s.s.Join(grp[g], ""), "join"
			case 1:
				if ok = s.rec[g] != nil; ok {
					leave(s, g)
				}
				err, desc = s.s.Leave(grp[g], ""), "leave"
			case 2:
				if s.rec[g] == nil && len(s.rec) >= cfg.IP.IGMPMaxMemberships {
					ok = false
				} else {
					join(s, g)
					ok = change(s, g, a, true, true)
				}
				err, desc = s.s.AddSource(grp[g], src[a], ""), "add"
			case 3:
				ok = change(s, g, a, true, false)
				err, desc = s.s.DropSource(grp[g], src[a], ""), "drop"
			case 4:
				ok = change(s, g, a, false, true)
				err, desc = s.s.BlockSource(grp[g], src[a], ""), "block"
			case 5:
				ok = change(s, g, a, false, false)
				err, desc = s.s.UnblockSource(grp[g], src[a], ""), "unblock"
			case 6:
				inc := r.Intn(2) == 0
				var l []int
				var la []netip.Addr
				for i := range src {
					if r.Intn(3) == 0 {
						l = append(l, i)
						la = append(la, src[i])
					}
				}
				p := s.rec[g]
				switch {
				case len(l) > cfg.IP.IGMPMaxMSF:
				case inc && len(l) == 0:
					if ok = p != nil; ok {
						leave(s, g)
					}
				case p != nil:
					ok = true
					p.inc, p.list, p.hasPsl = inc, l, len(l) > 0
				}
				err, desc = s.s.SetSourceFilter(grp[g], "", inc, la), fmt.Sprint("filter", inc, l)
			default:
				desc = "packet"
				f := h.UDPFrame(netip.AddrPortFrom(src[a], 7), netip.AddrPortFrom(grp[g], 5000), 50)
				proto0 := r.Intn(12) == 0 && g == 2
				if proto0 {
					f.Head.Src = 0
				}
				var match []*groupSock
				for _, s := range ss {
					p := s.rec[g]
					w := s.all
					if p != nil {
						w = slices.Contains(p.list, a) == p.inc
						if proto0 {
							w = !p.inc
						}
					}
					if w {
						match = append(match, s)
					}
				}
				inc, exc, members := 0, 0, 0
				for _, s := range ss {
					if p := s.rec[g]; p != nil {
						if !p.inc {
							members++
						}
						if slices.Contains(p.list, a) {
							if p.inc {
								inc++
							} else {
								exc++
							}
						}
					}
				}
				our := users[g] > 0 && (proto0 || inc > 0 || inc+exc == 0 && members > 0 || inc+exc > 0 && exc != members)
				var want []int
				if len(match) == 1 && match[0].rx == gen {
					if !our {
						stat["stale"]++
					}
					our = true
				}
				if our {
					if len(match) == 1 {
						match[0].rx = gen
					}
					for _, s := range match {
						want = append(want, slices.Index(ss, s))
					}
					if len(match) == 0 {
						stat["ignored"]++
					}
				} else {
					stat["not ours"]++
				}
				before := h.Snapshot()
				h.Inject(f)
				h.Advance(time.Millisecond)
				var got []int
				for i, s := range ss {
					if _, err := s.s.Recv(); err == nil {
						got = append(got, i)
					}
				}
				d := h.Snapshot().Sub(before).Net
				require.Equal(t, want, got, "seed %d step %d g %d a %d %v", seed, step, g, a, log)
				require.Equal(t, our, d.IPExt.InMcastPkts == 1, "seed %d step %d g %d a %d %v", seed, step, g, a, log)
				require.Equal(t, our && len(want) == 0, d.UDP.IgnoredMulti == 1)
				stat[fmt.Sprint(len(want))]++
				continue
			}
			stat[fmt.Sprint(desc[:3], ok)]++
			log = append(log, fmt.Sprintf("%s sock %d g %d a %d: %v", desc, slices.Index(ss, s), g, a, err))
			require.Equal(t, ok, err == nil, "seed %d step %d msf %d memb %d %v", seed, step, cfg.IP.IGMPMaxMSF, cfg.IP.IGMPMaxMemberships, log)
		}
		h.Close()
	}
	for _, k := range []string{"0", "1", "2", "3", "stale", "ignored", "not ours", "addtrue", "addfalse", "blotrue", "blofalse", "filtrue", "filfalse", "unbtrue"} {
		require.NotZero(t, stat[k], k)
	}
}
