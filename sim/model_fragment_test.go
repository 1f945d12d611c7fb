package sim_test

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// A modelFragment is one that waits, a modelQueue a datagram that is not whole.
type modelFragment struct{ off, n, T, udplen int }
type modelQueue struct {
	f           []modelFragment
	first, last bool
	len, meat   int
	ecn         int
	rid         uint32
	overlap     bool
	born        time.Duration
}

// Reassembly: FR-1 to FR-3, FR-5 to FR-8, FR-10, with overlaps, distances, ECN and expiry.
func TestFragmentModel(t *testing.T) {
	stat := map[string]int{}
	for seed := range int64(60) {
		r := rand.New(rand.NewSource(seed))
		cfg := sim.Linux40()
		cfg.IP.IPFragMaxDist = []int{0, 1, 2, 3, 64}[r.Intn(5)]
		cfg.IP.IPFragHighThresh = []int{4194304, 4194304, 5000, 9000}[r.Intn(4)]
		cfg.IP.IPFragLowThresh = cfg.IP.IPFragHighThresh - 1
		if cfg.IP.IPFragHighThresh < 10000 { // no eviction while we look
			cfg.IP.IPFragLowThresh = 1 << 30
		}
		cfg.NICs[0].GRO = r.Intn(2) == 0
		h, err := sim.NewHost(cfg)
		require.NoError(t, err)
		s, err := h.Bind(socket.Config{Local: netip.MustParseAddrPort("10.0.0.2:5000"), RcvBufForce: 1 << 24})
		require.NoError(t, err)
		qs := map[int]*modelQueue{}
		var w mib.Net
		rid := map[int]uint32{}
		mem := 0
		qsize := 168
		var log []string
		for step := range 120 {
			id, src := r.Intn(3), 9+r.Intn(2)
			max := []int{4, 12, 40, 180}[r.Intn(4)]
			off := 8 * r.Intn(max)
			n := 8 * (1 + r.Intn(1+max/2))
			mf := r.Intn(3) > 0
			if r.Intn(6) == 0 {
				n += r.Intn(8) - 4
			}
			if r.Intn(3) == 0 {
				off = 0
				mf = true
			}
			if q := qs[src<<8|id]; q != nil && r.Intn(2) == 0 { // fill the first hole
				at := 0
				for _, f := range q.f {
					if f.off > at {
						break
					}
					at = f.off + f.n
				}
				if at%8 == 0 {
					off = at
					if q.last && r.Intn(2) == 0 && q.len > at {
						n = q.len - at
						mf = true
					}
				}
			}
			if off == 0 && !mf {
				mf = true
			}
			if n > 1472 {
				n = 1472
			}
			if n < 1 {
				n = 1
			}
			tos := 0
			if r.Intn(8) == 0 {
				tos = r.Intn(4)
			}
			ip := make([]byte, 20+n)
			ip[0], ip[1], ip[8], ip[9] = 0x45, byte(tos), 64, 17
			binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
			binary.BigEndian.PutUint16(ip[4:], uint16(id))
			fo := off / 8
			if mf {
				fo |= 0x2000
			}
			binary.BigEndian.PutUint16(ip[6:], uint16(fo))
			copy(ip[12:], []byte{10, 0, 0, byte(src)})
			copy(ip[16:], []byte{10, 0, 0, 2})
			ul := 0
			if off == 0 && n >= 8 {
				ul = 8 + r.Intn(200)
				binary.BigEndian.PutUint16(ip[20:], 77)
				binary.BigEndian.PutUint16(ip[22:], 5000)
				binary.BigEndian.PutUint16(ip[24:], uint16(ul))
			}
			binary.BigEndian.PutUint16(ip[10:], ^onesSum(ip[:20], 0))
			fr := append(append(append(make([]byte, 0), cfg.NICs[0].MAC[:]...), 2, 0, 0, 0, 0, 1, 8, 0), ip...)
			for len(fr) < 60 {
				fr = append(fr, 0)
			}
			T := 896
			if len(fr) > 256 {
				T = 2944
			}
			// reference
			w.IP.InReceives++
			w.IPExt.InOctets += uint64(len(fr) - 14)
			switch tos {
			case 0:
				w.IPExt.InNoECTPkts++
			case 1:
				w.IPExt.InECT1Pkts++
			case 2:
				w.IPExt.InECT0Pkts++
			case 3:
				w.IPExt.InCEPkts++
			}
			w.IP.ReasmReqds++
			key := src<<8 | id
			wantT := -1
			desc := fmt.Sprintf("id %d src %d off %d n %d mf %v tos %d T %d", id, src, off, n, mf, tos, T)
			func() {
				q := qs[key]
				if q == nil {
					if mem > cfg.IP.IPFragHighThresh {
						w.IP.ReasmFails++
						desc += " nomem"
						stat["nomem"]++
						return
					}
					q = &modelQueue{born: h.Now()}
					qs[key] = q
					mem += qsize
				}
				// too far
				if cfg.IP.IPFragMaxDist > 0 {
					st := q.rid
					rid[src]++
					q.rid = rid[src]
					if len(q.f) > 0 && q.rid-st > uint32(cfg.IP.IPFragMaxDist) {
						w.IP.ReasmFails++
						for _, f := range q.f {
							mem -= f.T
						}
						*q = modelQueue{rid: q.rid, born: h.Now()}
						stat["far"]++
						desc += " far"
					}
				}
				end := off + n
				if !mf {
					if end < q.len || q.last && end != q.len {
						desc += " corrupt"
						stat["corrupt"]++
						return
					}
					q.last, q.len = true, end
				} else {
					end &^= 7
					if end > q.len {
						if q.last {
							desc += " corrupt"
							stat["corrupt"]++
							return
						}
						q.len = end
					}
				}
				if end == off {
					desc += " empty"
					stat["empty"]++
					return
				}
				o := off
				at := 0
				for at < len(q.f) && q.f[at].off < off {
					at++
				}
				if at > 0 {
					if i := q.f[at-1].off + q.f[at-1].n - o; i > 0 {
						o += i
						q.overlap = true
						if end <= o {
							desc += " covered"
							stat["covered"]++
							return
						}
					}
				}
				for at < len(q.f) && q.f[at].off < end {
					q.overlap = true
					i := end - q.f[at].off
					if i < q.f[at].n {
						q.f[at].off += i
						q.f[at].n -= i
						q.meat -= i
						break
					}
					q.meat -= q.f[at].n
					mem -= q.f[at].T
					q.f = append(q.f[:at:at], q.f[at+1:]...)
				}
				q.f = append(q.f[:at:at], append([]modelFragment{{o, end - o, T, ul}}, q.f[at:]...)...)
				q.meat += end - o
				q.ecn |= 1 << tos
				mem += T
				if o == 0 {
					q.first = true
				}
				if !(q.first && q.last && q.meat == q.len) {
					return
				}
				for _, f := range q.f {
					mem -= f.T
				}
				mem -= qsize
				delete(qs, key)
				if q.ecn&1 != 0 && q.ecn != 1 {
					w.IP.ReasmFails++
					stat["ecn"]++
					desc += " ecn"
					return
				}
				w.IP.ReasmOKs++
				w.IP.InDelivers++
				u := q.f[0].udplen
				if u > q.len || q.len < 8 || u < 8 {
					w.UDP.InErrors++
					stat["udplen"]++
					return
				}
				stat["ok"]++
				wantT = 0
				if q.f[0].T == 2944 && !q.overlap {
					wantT = 2944
					slots, chained := 1, false
					for _, f := range q.f[1:] {
						k, d := 1, 640
						if f.T == 2944 {
							k, d = 2, 2688
						}
						if chained || slots+k > 17 {
							chained = true
							wantT += f.T
						} else {
							slots += k
							wantT += d
						}
					}
				}
			}()
			log = append(log, desc)
			h.Inject(skb.FrameOf(fr))
			h.Advance(500 * time.Microsecond)
			require.NoError(t, h.CheckLedger())
			snap := h.Snapshot()
			got := snap.Net
			got.ICMP, got.IPExt.OutOctets, got.IP.OutRequests = mib.ICMP{}, 0, 0
			if d := cmp.Diff(w, got); d != "" {
				t.Fatalf("seed %d step %d dist %d: %v\n%s", seed, step, cfg.IP.IPFragMaxDist, log, d)
			}
			require.Equal(t, mem, snap.FragMemory, "mem seed %d step %d %v", seed, step, log)
			if wantT >= 0 {
				require.Equal(t, 1, s.Queued())
				if wantT > 0 {
					require.Equal(t, wantT, s.MemInfo().RmemAlloc, "seed %d %v", seed, log)
					stat["T"]++
				}
				_, err := s.Recv()
				require.NoError(t, err)
				w.UDP.InDatagrams++
			}
			if r.Intn(40) == 0 {
				h.Advance(31 * time.Second)
				n := uint64(len(qs))
				w.IP.ReasmFails += n
				w.IP.ReasmTimeout += n
				stat["timeout"] += int(n)
				clear(qs)
				mem = 0
				log = append(log, "31s")
				require.Equal(t, 0, h.Snapshot().FragMemory)
			}
		}
		h.Close()
	}
	require.Len(t, stat, 10, "%v", stat)
}
