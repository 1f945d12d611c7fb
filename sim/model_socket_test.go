package sim_test

import (
	"errors"
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

// This model and those beside it are written from the words of the specification
// alone, and know nothing of the packages that they judge: random histories must
// give both the same counters.

// A modelDatagram is an skb in a queue of the model.
type modelDatagram struct {
	T, payload int
	bad        bool
	peeked     bool
	drop       int
}

// A modelSock is a socket of the model: R, M, F and B are sk_rcvbuf, sk_rmem_alloc, sk_forward_alloc and sk_backlog.len.
type modelSock struct {
	R        int
	M, F, B  int
	drops    int
	owned    bool
	q, log   []modelDatagram
	nonblock bool
	filter   int // -1 none
}

// A modelHost is udp_mem, udp_memory_allocated and the Udp line of the model.
type modelHost struct {
	lim   [3]int
	min   int
	pages int
	u     mib.UDP
}

// queue is table 4.2: S-2, S-5, S-6, S-7, S-8.
func (h *modelHost) queue(s *modelSock, d modelDatagram) {
	if int32(s.M) >= int32(s.R) {
		s.drops++
		h.u.RcvbufErrors++
		h.u.InErrors++
		return
	}
	if s.filter == 0 {
		h.u.InErrors++
		return
	}
	if s.filter > 0 && d.payload+8 > s.filter {
		d.payload = s.filter - 8
	}
	if d.T > s.F {
		amt := (d.T + 4095) / 4096
		s.F += amt * 4096
		h.pages += amt
		ok := false
		if h.pages <= h.lim[0] {
			ok = true
		} else if h.pages > h.lim[2] {
		} else if s.M < h.min {
			ok = true
		}
		if !ok {
			s.F -= amt * 4096
			h.pages -= amt
			s.drops++
			h.u.InErrors++
			return
		}
	}
	s.M += d.T
	s.F -= d.T
	d.drop = s.drops
	s.q = append(s.q, d)
}

// arrive is table 4.1.
func (h *modelHost) arrive(s *modelSock, d modelDatagram) {
	if s.filter >= 0 && d.bad {
		h.u.InCsumErrors++
		h.u.InErrors++
		s.drops++
		return
	}
	if uint32(s.B+s.M) > uint32(s.R) {
		s.drops++
		h.u.RcvbufErrors++
		h.u.InErrors++
		return
	}
	if s.owned {
		s.log = append(s.log, d)
		s.B += d.T
		return
	}
	h.queue(s, d)
}

// free is UM-4.
func (h *modelHost) free(s *modelSock, d modelDatagram) {
	s.M -= d.T
	s.F += d.T
	if s.F > 4096 {
		h.pages -= s.F / 4096
		s.F %= 4096
	}
}

// release is OW-3 to OW-5.
func (h *modelHost) release(s *modelSock) {
	for _, d := range s.log {
		h.queue(s, d)
	}
	s.log = nil
	s.B = 0
	s.owned = false
}

// A modelMessage is what a receive call returns.
type modelMessage struct {
	n     int
	trunc bool
	ovfl  int
	err   error
}

// recv is 5.1 to 5.3: RX-2, RX-3, RX-5, RX-7, and the rows of table 4.5 about recv.
func (h *modelHost) recv(s *modelSock, size int, fl socket.Flags) modelMessage {
	for {
		if len(s.q) == 0 {
			return modelMessage{err: socket.ErrAgain}
		}
		d := s.q[0]
		peek := fl&socket.MsgPeek != 0
		was := d.peeked
		if peek {
			s.q[0].peeked = true
		} else {
			s.q = s.q[1:]
		}
		short := size < d.payload
		fault := fl&socket.MsgFault != 0
		if d.bad && (short || !fault) {
			if peek {
				s.q = s.q[1:]
			}
			h.free(s, d)
			s.drops++
			h.u.InCsumErrors++
			h.u.InErrors++
			if s.nonblock || fl&socket.MsgDontWait != 0 {
				return modelMessage{err: socket.ErrAgain}
			}
			continue
		}
		if fault {
			if !was {
				s.drops++
				h.u.InErrors++
			}
			if !peek {
				h.free(s, d)
			}
			return modelMessage{err: socket.ErrFault}
		}
		if !was {
			h.u.InDatagrams++
		}
		m := modelMessage{n: min(size, d.payload), trunc: short, ovfl: d.drop}
		if fl&socket.MsgTrunc != 0 {
			m.n = d.payload
		}
		if !peek {
			h.free(s, d)
		}
		return m
	}
}

// The accounting of sockets, S-2, S-5, S-6, OW-5, RB-1 to RB-6, RX-2 to RX-8, OV-1, UM-2 to UM-7, CAP-1 to
// CAP-5, and the rows of table 4.5 that follow from them.
func TestSocketModel(t *testing.T) {
	for seed := range int64(60) {
		r := rand.New(rand.NewSource(seed))
		cfg := sim.Linux40()
		cfg.NICs[0].GRO, cfg.NICs[0].RXChecksum = false, false
		lo := 1 + r.Intn(30)
		cfg.Limits.UDPMem = [3]int{lo, lo + r.Intn(10), lo + 10 + r.Intn(30)}
		cfg.Limits.UDPRmemMin = []int{1, 896, 2944, 4096, 9000}[r.Intn(5)]
		cfg.Limits.RmemMax = []int{2304, 5000, 212992}[r.Intn(3)]
		h, err := sim.NewHost(cfg)
		require.NoError(t, err)
		m := &modelHost{lim: cfg.Limits.UDPMem, min: cfg.Limits.UDPRmemMin}
		var ss []*sim.Socket
		var ms []*modelSock
		for i := range 3 {
			c := socket.Config{Local: netip.MustParseAddrPort(fmt.Sprintf("10.0.0.2:%d", 5000+i)), RXQOvfl: true}
			s, err := h.Bind(c)
			require.NoError(t, err)
			ss = append(ss, s)
			ms = append(ms, &modelSock{R: 212992, filter: -1})
		}
		var trace []string
		for step := range 200 {
			i := r.Intn(3)
			s, k := ss[i], ms[i]
			op := r.Intn(16)
			desc := ""
			switch {
			case op < 8:
				pay := []int{0, 1, 68, 69, 100, 214, 215, 1000, 1472}[r.Intn(9)]
				bad := r.Intn(5) == 0 && pay > 68
				n := 1 + r.Intn(4)
				desc = fmt.Sprintf("arrive %d x%d pay %d bad %v", i, n, pay, bad)
				f := h.UDPFrame(netip.MustParseAddrPort("10.0.0.9:77"), netip.MustParseAddrPort(fmt.Sprintf("10.0.0.2:%d", 5000+i)), pay)
				if bad {
					f.Head.UDPChecksum = skb.ChecksumBad
				}
				T := 896
				if pay > 214 {
					T = 2944
				}
				for range n {
					h.Inject(f)
					h.Advance(time.Millisecond)
					m.arrive(k, modelDatagram{T: T, payload: pay, bad: bad})
				}
			case op < 11:
				var fl socket.Flags
				if r.Intn(3) == 0 {
					fl |= socket.MsgPeek
				}
				if r.Intn(3) == 0 {
					fl |= socket.MsgTrunc
				}
				if r.Intn(3) == 0 {
					fl |= socket.MsgDontWait
				}
				if r.Intn(5) == 0 {
					fl |= socket.MsgFault
				}
				size := []int{0, 1, 50, 100, 1472, 65536}[r.Intn(6)]
				want := m.recv(k, size, fl)
				got, err := s.RecvMsg(size, fl)
				desc = fmt.Sprintf("recv %d size %d flags %d: %v %v", i, size, fl, want, err)
				if want.err != nil {
					require.True(t, errors.Is(err, want.err), "seed %d step %d %s: %v", seed, step, desc, trace)
				} else {
					require.NoError(t, err, "seed %d step %d %s: %v", seed, step, desc, trace)
					require.Equal(t, want, modelMessage{n: got.N, trunc: got.Flags&socket.MsgTrunc != 0, ovfl: int(got.Drops)}, "seed %d %s: %v", seed, desc, trace)
				}
			case op == 11:
				if k.owned {
					desc = fmt.Sprintf("release %d", i)
					s.Release()
					m.release(k)
				} else {
					desc = fmt.Sprintf("lock %d", i)
					s.Lock()
					k.owned = true
				}
			case op == 12:
				v := []int{-1, 0, 1152, 1153, 2688, 4032, 5888, 20000, 1 << 30}[r.Intn(9)]
				if r.Intn(2) == 0 {
					s.SetRcvBuf(v)
					u := uint32(v)
					if u > uint32(cfg.Limits.RmemMax) {
						u = uint32(cfg.Limits.RmemMax)
					}
					k.R = int(int32(max(u*2, 2304)))
					desc = fmt.Sprintf("rcvbuf %d", v)
				} else {
					s.SetRcvBufForce(v)
					k.R = int(int32(max(uint32(v)*2, 2304)))
					desc = fmt.Sprintf("rcvbufforce %d", v)
				}
			case op == 13:
				k.nonblock = !k.nonblock
				s.SetNonBlocking(k.nonblock)
				desc = "nonblock"
			case op == 14:
				v := []int{-1, 0, 8, 9, 60, 77, 500}[r.Intn(7)]
				k.filter = v
				desc = fmt.Sprintf("filter %d %d", i, v)
				if v < 0 {
					s.SetFilter(nil)
				} else {
					s.SetFilter(func(*skb.Header, uint32) uint32 { return uint32(v) })
				}
			case op == 15:
				desc = "close"
				s.Close()
				for _, d := range k.q {
					k.F += d.T
				}
				m.pages -= k.F / 4096
				s, err := h.Bind(socket.Config{Local: netip.MustParseAddrPort(fmt.Sprintf("10.0.0.2:%d", 5000+i)), RXQOvfl: true})
				require.NoError(t, err)
				ss[i] = s
				*k = modelSock{R: 212992, filter: -1}
			}
			trace = append(trace, desc)
			snap := h.Snapshot()
			require.Empty(t, cmp.Diff(m.u, snap.Net.UDP), "seed %d step %d %v", seed, step, trace)
			require.EqualValues(t, m.pages, snap.UDPMemPages, "pages seed %d step %d %v", seed, step, trace)
			for j := range ss {
				mi := ss[j].MemInfo()
				require.Equal(t, socket.MemInfo{RmemAlloc: ms[j].M, RcvBuf: ms[j].R, FwdAlloc: ms[j].F, Backlog: ms[j].B, Drops: uint64(ms[j].drops)}, mi, "seed %d step %d sock %d %v", seed, step, j, trace)
				require.Equal(t, len(ms[j].q), ss[j].Queued())
			}
			require.NoError(t, h.CheckLedger())
		}
		h.Close()
	}
}
