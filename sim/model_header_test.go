package sim_test

import (
	"encoding/binary"
	"math/rand"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// onesSum is the sum of RFC 1071, begun with s.
func onesSum(b []byte, s uint32) uint16 {
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// optionsFail says which options ip_options_compile refuses, and whether it had met a source route (IF-3).
func optionsFail(o []byte) (bad, srr bool) {
	rr, ts := false, false
	for len(o) > 0 {
		if o[0] == 0 {
			return
		}
		if o[0] == 1 {
			o = o[1:]
			continue
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return true, srr
		}
		n := int(o[1])
		switch o[0] {
		case 131, 137:
			if n < 3 || o[2] < 4 || srr {
				return true, srr
			}
			srr = true
		case 7:
			if rr || n < 3 || o[2] < 4 || int(o[2]) <= n && int(o[2])+3 > n {
				return true, srr
			}
			rr = true
		case 68:
			if ts || n < 4 || o[2] < 5 {
				return true, srr
			}
			if int(o[2]) <= n {
				if int(o[2])+3 > n {
					return true, srr
				}
				if f := o[3] & 15; (f == 1 || f == 3) && int(o[2])+7 > n {
					return true, srr
				}
			} else if o[3]&15 != 3 && o[3]>>4 == 15 {
				return true, srr
			}
			ts = true
		case 148:
			if n < 4 {
				return true, srr
			}
		case 134:
			return true, srr
		}
		o = o[n:]
	}
	return
}

// Headers, bad in every way: IP-1 to IP-10, IF-2 to IF-5, MC-1, MC-3, 1.5, RP-1 to RP-5, LF-2, LF-3, UR-1 to UR-11, 2.2, CS-3.
func TestHeaderModel(t *testing.T) {
	stat := map[string]int{}
	for seed := range int64(250) {
		r := rand.New(rand.NewSource(seed))
		cfg := sim.Linux40()
		gro, hw := r.Intn(2) == 0, r.Intn(2) == 0
		cfg.NICs[0].GRO, cfg.NICs[0].RXChecksum = gro, hw
		cfg.NICs[0].Promisc = true
		rp := r.Intn(3)
		cfg.NICs[0].Conf.RPFilter = rp
		cfg.IP.AcceptLocal = r.Intn(2)
		cfg.IP.RouteLocalnet = r.Intn(2)
		noroute := r.Intn(2) == 0
		if noroute {
			// only an unrelated route: no default
			cfg.IP.Routes = append(cfg.IP.Routes, ipstack.Route{Dst: 0xac100000, PrefixLen: 12, Kind: ipstack.Unicast, IfIndexes: []int32{2}})
		}
		h, err := sim.NewHost(cfg)
		require.NoError(t, err)
		for range 2 {
			_, err = h.Bind(socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:5000"), ReuseAddr: true, Join: []socket.Join{{Group: netip.MustParseAddr("239.1.1.1")}}})
			require.NoError(t, err)
		}
		for i := range 25 {
			ihl := 5
			if r.Intn(3) == 0 {
				ihl = 5 + r.Intn(4)
			}
			pay := []int{0, 1, 18, 50, 68, 69, 100, 300}[r.Intn(8)]
			ip := make([]byte, ihl*4+8+pay)
			ip[0] = 0x40 | byte(ihl)
			ip[1] = byte(r.Intn(256))
			binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
			ip[8], ip[9] = byte(1+r.Intn(255)), 17
			pick := func(l ...string) []byte { a := netip.MustParseAddr(l[r.Intn(len(l))]).As4(); return a[:] }
			copy(ip[12:], pick("10.0.0.9", "10.0.0.9", "10.0.0.9", "10.0.0.9", "0.1.2.3", "0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255", "10.0.0.2", "10.0.0.255", "10.0.0.0", "99.1.1.1"))
			copy(ip[16:], pick("10.0.0.2", "10.0.0.2", "10.0.0.2", "239.1.1.1", "239.1.1.1", "239.1.1.9", "224.0.0.1", "10.0.0.255", "10.0.0.0", "255.255.255.255", "0.0.0.0", "0.5.5.5", "127.0.0.1", "127.1.2.3", "10.0.0.77", "8.8.8.8"))
			for k := 20; k < ihl*4; k++ {
				ip[k] = []byte{0, 1, 7, 68, 131, 137, 148, 134, 3, 4, 5, 8, 12, 0xf0, 0xf1, byte(r.Intn(256))}[r.Intn(16)]
			}
			udp := ip[ihl*4:]
			binary.BigEndian.PutUint16(udp, 77)
			binary.BigEndian.PutUint16(udp[2:], []uint16{5000, 5000, 5000, 5001}[r.Intn(4)])
			binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
			for k := 8; k < len(udp); k++ {
				udp[k] = byte(r.Intn(256))
			}
			if r.Intn(8) == 0 {
				binary.BigEndian.PutUint16(udp[4:], []uint16{0, 7, 8, 9, uint16(len(udp) - 1), uint16(len(udp) + 1), 65535}[r.Intn(7)])
			}
			ul := int(binary.BigEndian.Uint16(udp[4:]))
			ckOver := udp
			if ul >= 8 && ul < len(udp) {
				ckOver = udp[:ul]
			}
			ck := ^onesSum(ckOver, uint32(onesSum(ip[12:20], 17+uint32(ul))))
			if ck == 0 {
				ck = 0xffff
			}
			badudp := r.Intn(4) == 0
			zero := r.Intn(6) == 0
			if zero {
				ck = 0
			} else if badudp {
				ck ^= 0x0101
			}
			binary.BigEndian.PutUint16(udp[6:], ck)
			if r.Intn(10) == 0 {
				binary.BigEndian.PutUint16(ip[2:], []uint16{0, 19, 20, 21, 24, 27, 28, 29, uint16(len(ip) - 1), uint16(len(ip) + 1), 65535}[r.Intn(11)])
			}
			if r.Intn(15) == 0 {
				ip[0] = byte(r.Intn(256))
			}
			if r.Intn(10) == 0 {
				ip[9] = byte([]int{200, 2, 1, 6}[r.Intn(4)])
			}
			// checksum over what the header says
			n := int(ip[0]&15) * 4
			if n >= 20 && n <= len(ip) {
				binary.BigEndian.PutUint16(ip[10:], 0)
				binary.BigEndian.PutUint16(ip[10:], ^onesSum(ip[:n], 0))
				if r.Intn(12) == 0 {
					ip[10] ^= 0x10
				}
			}
			fr := make([]byte, 14+len(ip))
			mac := cfg.NICs[0].MAC
			copy(fr, mac[:])
			dst := binary.BigEndian.Uint32(ip[16:])
			pt := "host"
			switch {
			case dst>>28 == 14:
				m := skb.MulticastMAC(dst)
				copy(fr, m[:])
				pt = "multi"
			case dst == 0xffffffff || dst == 0x0a0000ff || dst == 0x0a000000:
				copy(fr, []byte{255, 255, 255, 255, 255, 255})
				pt = "broad"
			case r.Intn(10) == 0:
				fr[5] ^= 0x40
				pt = "other"
			}
			fr[6] = 2
			fr[12] = 8
			copy(fr[14:], ip)
			for len(fr) < 60 {
				fr = append(fr, 0)
			}
			// ---- reference
			var w mib.Net
			L := len(fr) - 14
			src := binary.BigEndian.Uint32(ip[12:])
			outcome := func() string {
				if pt == "other" {
					return "otherhost"
				}
				w.IP.InReceives++
				w.IPExt.InOctets += uint64(L)
				b := fr[14:]
				if b[0]&15 < 5 || b[0]>>4 != 4 {
					w.IP.InHdrErrors++
					return "ihl"
				}
				switch b[1] & 3 {
				case 0:
					w.IPExt.InNoECTPkts++
				case 1:
					w.IPExt.InECT1Pkts++
				case 2:
					w.IPExt.InECT0Pkts++
				case 3:
					w.IPExt.InCEPkts++
				}
				hl := int(b[0]&15) * 4
				if L < hl {
					w.IP.InHdrErrors++
					return "short"
				}
				if onesSum(b[:hl], 0) != 0xffff {
					w.IPExt.InCsumErrors++
					w.IP.InHdrErrors++
					return "ipcsum"
				}
				tot := int(binary.BigEndian.Uint16(b[2:]))
				if L < tot {
					w.IPExt.InTruncatedPkts++
					return "trunc"
				}
				if tot < hl {
					w.IP.InHdrErrors++
					return "tot<hl"
				}
				b = b[:tot]
				// route
				local := dst == 0x0a000002
				validate := func() string {
					al := cfg.IP.AcceptLocal == 1
					if rp == 0 && al {
						return ""
					}
					switch {
					case src == 0x0a000002 || src>>24 == 127:
						if !al {
							return "inval"
						}
						// LOCAL with accept_local: route via? own address: dev match
						if src>>24 == 127 { // via lo
							if rp == 1 {
								return "rpf"
							}
						}
						return ""
					case src == 0x0a0000ff || src == 0x0a000000:
						return "inval"
					case src>>8 == 0x0a0000:
						return ""
					}
					if noroute {
						if rp == 0 {
							return ""
						}
						return "rpf"
					}
					return ""
				}
				fail := func(s string) string {
					if s == "rpf" {
						w.TCPExt.IPReversePathFilter++
					}
					return s
				}
				rt := ""
				srcMB := src>>28 == 14 || src == 0xffffffff
				if dst>>28 == 14 {
					if dst != 0xef010101 && dst != 0xe0000001 {
						return "nomember"
					}
					switch {
					case srcMB, src>>24 == 127 && cfg.IP.RouteLocalnet == 0:
						return "martian"
					case src>>24 == 0:
						if dst>>8 != 0xe00000 {
							return "martian"
						}
					default:
						if s := validate(); s != "" {
							return fail(s)
						}
					}
					rt = "multi"
				} else {
					switch {
					case srcMB:
						return "martian"
					case dst == 0xffffffff || dst == 0 && src == 0:
						if src>>24 != 0 {
							if s := validate(); s != "" {
								return fail(s)
							}
						}
						rt = "broad"
					case src>>24 == 0, dst>>24 == 0:
						return "martian"
					case (dst>>24 == 127 || src>>24 == 127) && cfg.IP.RouteLocalnet == 0:
						return "martian"
					case dst == 0x0a0000ff || dst == 0x0a000000 || dst == 0x7fffffff || dst == 0x7f000000:
						if s := validate(); s != "" {
							return fail(s)
						}
						rt = "broad"
					case local || dst>>24 == 127:
						if s := validate(); s != "" {
							return fail(s)
						}
						rt = "local"
					default:
						rt = "unreach"
					}
				}
				if hl > 20 {
					bad, srr := optionsFail(b[20:hl])
					if bad {
						w.IP.InHdrErrors++
						return "opt"
					}
					if srr {
						return "srr" // accept_source_route all default 0
					}
				}
				if rt == "multi" {
					w.IPExt.InMcastPkts++
					w.IPExt.InMcastOctets += uint64(tot)
				}
				if rt == "broad" {
					w.IPExt.InBcastPkts++
					w.IPExt.InBcastOctets += uint64(tot)
				}
				if rt == "unreach" {
					w.IP.InAddrErrors++
					return "unreach"
				}
				u := b[hl:]
				switch b[9] {
				case 1, 2, 6:
					w.IP.InDelivers++
					return "otherproto"
				case 17:
				default:
					w.IP.InUnknownProtos++
					return "unkproto"
				}
				w.IP.InDelivers++
				e := &w.UDP
				if len(u) < 8 {
					e.InErrors++
					return "udpshort"
				}
				ul := int(binary.BigEndian.Uint16(u[4:]))
				if ul > len(u) || ul < 8 {
					e.InErrors++
					return "udplen"
				}
				u = u[:ul]
				bad := binary.BigEndian.Uint16(u[6:]) != 0 && onesSum(u, uint32(onesSum(b[12:20], 17+uint32(ul)))) != 0xffff
				groSaw := gro && hl == 20 && tot == L
				if bad && (groSaw || ul <= 76) {
					e.InCsumErrors++
					e.InErrors++
					return "csum"
				}
				port := binary.BigEndian.Uint16(u[2:])
				if rt != "local" {
					if port != 5000 {
						e.IgnoredMulti++
						return "ignored"
					}
					return "fanout"
				}
				if port == 5000 {
					return "queued"
				}
				if bad {
					e.InCsumErrors++
					e.InErrors++
					return "csumnoport"
				}
				e.NoPorts++
				return "noport"
			}()
			stat[outcome]++
			before := h.Snapshot()
			h.Inject(skb.FrameOf(fr))
			h.Advance(time.Millisecond)
			require.NoError(t, h.CheckLedger())
			got := h.Snapshot().Sub(before).Net
			if got.ICMP.InMsgs > 0 {
				stat["looped"]++
				continue
			}
			got.ICMP, got.IPExt.OutOctets, got.IP.OutRequests = mib.ICMP{}, 0, 0
			if d := cmp.Diff(w, got); d != "" {
				t.Errorf("seed %d frame %d outcome %s gro %v hw %v rp %d al %d ln %d noroute %v\n% x\nsrc %s dst %s %s", seed, i, outcome, gro, hw, rp, cfg.IP.AcceptLocal, cfg.IP.RouteLocalnet, noroute, fr[14:], skb.Addr(src), skb.Addr(dst), d)
				t.FailNow()
			}
		}
		h.Close()
	}
	require.Len(t, stat, 24, "%v", stat) // every end that a packet can come to
}
