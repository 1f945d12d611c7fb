package socket

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// RB-1 to RB-5, table 6.1: what SO_RCVBUF and SO_RCVBUFFORCE make of a request.
// A request of 0 is "not given" here: rmem_default.
func TestRcvBufTable(t *testing.T) {
	for _, tc := range []struct {
		request, force, rmemMax int
		want                    int
	}{
		{request: 1000, rmemMax: 212992, want: 2304},
		{request: 1, rmemMax: 212992, want: 2304},
		{request: 1152, rmemMax: 212992, want: 2304},
		{request: 1153, rmemMax: 212992, want: 2306},
		{request: 65536, rmemMax: 212992, want: 131072},
		{request: 212992, rmemMax: 212992, want: 425984},
		{request: 212993, rmemMax: 212992, want: 425984},
		{request: 8388608, rmemMax: 212992, want: 425984},
		{request: -1, rmemMax: 212992, want: 425984},
		{request: 1000, rmemMax: 16777216, want: 2304},
		{request: 65536, rmemMax: 16777216, want: 131072},
		{request: 8388608, rmemMax: 16777216, want: 16777216},
		{request: -1, rmemMax: 16777216, want: 33554432},
		{rmemMax: 16777216, want: 212992}, // RB-4: the default, not doubled
		{force: 1000, rmemMax: 212992, want: 2304},
		{force: 8388608, rmemMax: 212992, want: 16777216}, // RB-3
		{force: -1, rmemMax: 212992, want: -2},            // RB-5
		{force: 1 << 30, rmemMax: 212992, want: -1 << 31}, // doubled it is negative as an int
		{request: -1, rmemMax: 1 << 30, want: -1 << 31},
	} {
		l := DefaultLimits()
		l.RmemMax = tc.rmemMax
		got := l.EffectiveRcvBuf(&profile40, &Config{RcvBuf: tc.request, RcvBufForce: tc.force})
		require.Equal(t, tc.want, got, "%+v", tc)
	}
}

// Table 7.3, CAP-1 to CAP-3, CAP-5, 12.7, 12.8: how many datagrams fit, every
// cell; the first that does not is dropped at Q-5 or, where M equals R exactly,
// at S-2. Only the way there shows which: Q-5 comes before the cost of queueing.
func TestCapacityTable(t *testing.T) {
	for _, tc := range []struct {
		truesize uint32
		rcvbuf   int
		fit      int
		exact    bool
	}{
		{896, 2304, 3, false}, {896, 212992, 238, false}, {896, 425984, 476, false}, {896, 8388608, 9363, false}, {896, 16777216, 18725, false},
		{2944, 2304, 1, false}, {2944, 212992, 73, false}, {2944, 425984, 145, false}, {2944, 8388608, 2850, false}, {2944, 16777216, 5699, false},
		{768, 2304, 3, true}, {768, 212992, 278, false}, {768, 425984, 555, false}, {768, 8388608, 10923, false}, {768, 16777216, 21846, false},
		{2304, 2304, 1, true}, {2304, 212992, 93, false}, {2304, 425984, 185, false}, {2304, 8388608, 3641, false}, {2304, 16777216, 7282, false},
		{832, 2304, 3, false}, {832, 212992, 256, true}, {832, 425984, 512, true}, {832, 8388608, 10083, false}, {832, 16777216, 20165, false},
	} {
		t.Run(fmt.Sprint("T=", tc.truesize, " R=", tc.rcvbuf), func(t *testing.T) {
			b := newBench(1)
			b.start()
			s := b.socket(tc.rcvbuf)
			b.deliver(s, tc.truesize, tc.fit)
			require.Equal(t, tc.fit, s.Queued())
			require.Equal(t, tc.fit*int(tc.truesize), s.Rmem())
			require.Equal(t, tc.exact, s.Rmem() == tc.rcvbuf)
			b.counts(t, mib.UDP{})

			b.costs.Enqueue.Fixed = engine.Nanosecond
			var took engine.Time
			b.at(b.now+us, func(c *cpu.Core) {
				start := c.Now()
				b.ledger.Frames++
				b.ledger.Take()
				h := &skb.Header{}
				s.QueueRcvSKB(c, &skb.Buff{Frame: h.UDPFrame(100), Truesize: tc.truesize, Len: 108, Summed: skb.ChecksumUnnecessary})
				took = c.Now() - start
			})
			b.until(b.now + us)
			require.Equal(t, tc.exact, took > 0, "S-2 comes after the way through the lock, Q-5 before")
			require.Equal(t, tc.fit, s.Queued())
			require.EqualValues(t, 1, s.Drops)
			b.counts(t, mib.UDP{RcvbufErrors: 1, InErrors: 1}) // CAP-5
			require.EqualValues(t, 1, b.ledger.Dropped[skb.SocketRcvbuff])
		})
	}
}

// V2: 300 datagrams of truesize 832 into 212992: 256 queued, 44 dropped.
func TestV2Exact(t *testing.T) {
	b := newBench(1)
	b.start()
	s := b.socket(212992)
	b.deliver(s, 832, 300)
	require.Equal(t, level{256, 212992, 0, 52}, b.level(s))
	require.EqualValues(t, 44, s.Drops)
	b.counts(t, mib.UDP{RcvbufErrors: 44, InErrors: 44})
}

// V3, CAP-4, OW-3, UM-7: V1 with the socket owned: the backlog takes 238, charged
// to nothing but itself; release queues them all.
func TestV3Backlog(t *testing.T) {
	b := newBench(1)
	b.start()
	s := b.socket(212992)
	s.Lock()
	require.True(t, s.Owned())
	b.deliver(s, 896, 300)
	require.Equal(t, level{0, 0, 213248, 0}, b.level(s))
	require.EqualValues(t, 62, s.Drops)
	b.counts(t, mib.UDP{RcvbufErrors: 62, InErrors: 62}) // at Q-5
	_, err := b.recv(s)
	require.ErrorIs(t, err, ErrAgain, "what is in the backlog cannot be read")
	s.Release(b.now)
	require.False(t, s.Owned())
	require.Equal(t, level{238, 213248, 0, 53}, b.level(s))
	b.counts(t, mib.UDP{RcvbufErrors: 62, InErrors: 62})
}

// V4, CAP-4, 12.9: T divides R: the backlog takes one more than the queue, which
// is lost when it drains.
func TestV4BacklogExact(t *testing.T) {
	b := newBench(1)
	b.start()
	s := b.socket(212992)
	s.Lock()
	b.deliver(s, 832, 300)
	require.Equal(t, level{0, 0, 257 * 832, 0}, b.level(s))
	b.counts(t, mib.UDP{RcvbufErrors: 43, InErrors: 43})
	s.Release(b.now)
	require.Equal(t, level{256, 212992, 0, 52}, b.level(s))
	require.EqualValues(t, 44, s.Drops)
	b.counts(t, mib.UDP{RcvbufErrors: 44, InErrors: 44})
}

// OV-1 apart, the order of a backlog is kept, and datagrams that arrive after
// the release follow those of the backlog.
func TestBacklogOrder(t *testing.T) {
	b := newBench(1)
	b.start()
	s := b.socket(212992)
	b.deliver(s, 896, 1)
	s.Lock()
	b.deliver(s, 896, 2)
	s.Release(b.now)
	b.deliver(s, 896, 1)
	for id := uint64(1); id <= 4; id++ {
		d, err := b.recv(s)
		require.NoError(t, err)
		require.Equal(t, id, d.ID)
	}
}

// Q-9, 12.4: the socket was owned and became full between the first test and the
// second: InErrors and sk_drops, not RcvbufErrors.
func TestQ9BacklogFull(t *testing.T) {
	b := newBench(2, func(b *bench) { b.costs.Enqueue.Fixed = 10 * us })
	b.start()
	s := b.socket(2304)
	var jobs [2]func(*cpu.Core)
	lines := [2]*cpu.Line{b.line, b.cores[1].NewLine(&b.zero, &b.count, func(c *cpu.Core) { jobs[1](c) })}
	put := func(c *cpu.Core) {
		b.ledger.Frames++
		b.ledger.Take()
		h := &skb.Header{}
		s.QueueRcvSKB(c, &skb.Buff{Frame: h.UDPFrame(100), Truesize: 2944, Len: 108, Summed: skb.ChecksumUnnecessary})
	}
	b.job, jobs[1] = put, put
	s.Lock()
	lines[0].Raise(us)     // tests at 1, is at the lock at 11
	lines[1].Raise(5 * us) // tests at 5, is at the lock at 15
	b.until(100 * us)
	require.Equal(t, level{0, 0, 2944, 0}, b.level(s))
	require.EqualValues(t, 1, s.Drops)
	b.counts(t, mib.UDP{InErrors: 1})
	require.EqualValues(t, 1, b.ledger.Dropped[skb.SocketBacklog])
}

// CAP-6, S-2: two CPUs pass the first test; the second to come to the lock finds
// the queue at R exactly and is refused there.
func TestCAP6OnlyOneOvershoots(t *testing.T) {
	for name, tc := range map[string]struct {
		truesize uint32
		queued   int
	}{"M reaches R": {2304, 1}, "M passes R": {2944, 1}, "M below R": {2303, 2}} {
		b := newBench(2, func(b *bench) { b.costs.Enqueue.Fixed = 10 * us })
		b.start()
		s := b.socket(2304)
		put := func(c *cpu.Core) {
			b.ledger.Frames++
			b.ledger.Take()
			h := &skb.Header{}
			s.QueueRcvSKB(c, &skb.Buff{Frame: h.UDPFrame(100), Truesize: tc.truesize, Len: 108, Summed: skb.ChecksumUnnecessary})
		}
		b.job = put
		other := b.cores[1].NewLine(&b.zero, &b.count, put)
		b.line.Raise(us)
		other.Raise(5 * us)
		b.until(100 * us)
		require.Equal(t, tc.queued, s.Queued(), name)
		n := uint64(2 - tc.queued)
		b.counts(t, mib.UDP{RcvbufErrors: n, InErrors: n})
	}
}

// RB-5, 12.39: SO_RCVBUFFORCE -1: the unsigned test never refuses, the signed
// one always.
func TestRB5Negative(t *testing.T) {
	b := newBench(1)
	b.start()
	l := DefaultLimits()
	s := b.socket(l.EffectiveRcvBuf(&profile40, &Config{RcvBufForce: -1}))
	b.deliver(s, 896, 10)
	require.Zero(t, s.Queued())
	b.counts(t, mib.UDP{RcvbufErrors: 10, InErrors: 10})
	s.Lock()
	b.deliver(s, 896, 10)
	require.Equal(t, 8960, s.Backlog(), "the backlog's test is unsigned")
	s.Release(b.now)
	b.counts(t, mib.UDP{RcvbufErrors: 20, InErrors: 20})
}

// RB-6: changing R affects later tests only.
func TestRB6Later(t *testing.T) {
	b := newBench(1)
	b.start()
	s := b.socket(212992)
	b.deliver(s, 896, 100)
	s.RcvBuf = 2304
	b.deliver(s, 896, 1)
	require.Equal(t, 100, s.Queued())
	require.EqualValues(t, 1, s.Drops)
}

// V11, UM-2, UM-3, 12.5, 12.10: udp_mem 10 20 30: the first limit is the
// effective one for a socket that holds udp_rmem_min.
func TestV11UDPMem(t *testing.T) {
	b := newBench(1, func(b *bench) { b.host.Memory.Limits.UDPMem = [3]int{10, 20, 30} })
	b.start()
	a, c := b.socket(212992), b.socket(212992)
	b.deliver(a, 2944, 20)
	require.Equal(t, level{13, 13 * 2944, 0, 10}, b.level(a))
	require.EqualValues(t, 7, a.Drops)
	b.counts(t, mib.UDP{InErrors: 7})
	require.EqualValues(t, 7, b.ledger.Dropped[skb.ProtoMem])
	b.deliver(c, 2944, 5)
	require.Equal(t, level{2, 2 * 2944, 0, 12}, b.level(c))
	require.EqualValues(t, 3, c.Drops)
	b.counts(t, mib.UDP{InErrors: 10})
}

// UM-2b, UM-3: above udp_mem[2] nobody gets anything; udp_mem[1] has no effect.
func TestUM2Third(t *testing.T) {
	b := newBench(1, func(b *bench) { b.host.Memory.Limits.UDPMem = [3]int{1, 1, 3} })
	b.start()
	got := 0
	for range 6 { // every socket is empty, so only the third limit counts
		s := b.socket(212992)
		b.deliver(s, 896, 1)
		got += s.Queued()
	}
	require.Equal(t, 3, got)
	require.Equal(t, 3, b.host.Memory.Pages)
	b.counts(t, mib.UDP{InErrors: 3})
}

// UM-2c: M is compared with udp_rmem_min before T is added.
func TestUM2RmemMin(t *testing.T) {
	for rmemMin, want := range map[int]int{1: 1, 2944: 1, 2945: 2, 4096: 2, 5888: 2, 5889: 4} {
		b := newBench(1, func(b *bench) {
			b.host.Memory.Limits.UDPMem = [3]int{0, 0, 1000}
			b.host.Memory.Limits.UDPRmemMin = rmemMin
		})
		b.start()
		s := b.socket(212992)
		b.deliver(s, 2944, 5)
		// The first three need a new page each; the fourth fits into what they leave.
		require.Equal(t, want, s.Queued(), "udp_rmem_min %d", rmemMin)
	}
}

// UM-5: n queued skbs of at most a page hold ceil(n*T/4096) pages.
func TestUM5Pages(t *testing.T) {
	for _, tc := range []struct{ n, truesize, pages int }{{238, 896, 53}, {73, 2944, 53}, {1, 896, 1}, {4, 896, 1}, {5, 896, 2}, {1, 4096, 1}, {1, 4097, 2}, {1, 11136, 3}, {256, 832, 52}} {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 24)
		b.deliver(s, uint32(tc.truesize), tc.n)
		require.Equal(t, tc.pages, b.host.Memory.Pages, "%+v", tc)
	}
}

// UM-4, UM-6, RX-7, 12.11: a socket that was drained keeps one page while it
// lives, none if T is more than a page; closing gives it back.
func TestUM6Drained(t *testing.T) {
	for truesize, keeps := range map[uint32]int{896: 1, 2944: 1, 4095: 1, 4097: 0, 11136: 0} {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 24)
		b.deliver(s, truesize, 100)
		full := b.host.Memory.Pages
		for range 100 {
			_, err := b.recv(s)
			require.NoError(t, err)
		}
		require.Zero(t, s.Rmem())
		require.Equal(t, keeps, b.host.Memory.Pages, "T = %d", truesize)
		b.deliver(s, truesize, 100)
		require.Equal(t, full, b.host.Memory.Pages, "T = %d, again", truesize)
		s.Close(nil)
		require.Zero(t, b.host.Memory.Pages, "T = %d, closed", truesize)
	}
}

// V18, 12.28: closing with 50 queued moves no counter; the 50 are in none.
func TestV18Close(t *testing.T) {
	b := newBench(1)
	b.start()
	s := b.socket(50 * 896)
	b.deliver(s, 896, 53)
	require.Equal(t, 50, s.Queued())
	before := b.net
	s.Lock()
	s.Close(nil)
	require.Equal(t, before, b.net)
	b.counts(t, mib.UDP{RcvbufErrors: 3, InErrors: 3})
	require.EqualValues(t, 50, b.ledger.Dropped[skb.SocketClosed])
	require.Equal(t, level{0, 0, 0, 0}, b.level(s))
	b.deliver(s, 896, 1) // found before it left the tables
	require.EqualValues(t, 51, b.ledger.Dropped[skb.SocketClosed])
	require.Equal(t, before, b.net)
}

// RX-2, RX-5, 12.1: InDatagrams counts when the application reads.
func TestRX5CountsAtRecv(t *testing.T) {
	b := newBench(1)
	b.start()
	s := b.socket(1 << 24)
	b.deliver(s, 896, 1000)
	b.counts(t, mib.UDP{})
	for n := uint64(1); n <= 10; n++ {
		d, err := b.recv(s)
		require.NoError(t, err)
		require.Equal(t, n, d.ID, "in order")
		require.EqualValues(t, 100, d.Payload)
		b.counts(t, mib.UDP{InDatagrams: n})
	}
	require.EqualValues(t, 10, s.Delivered)
	require.EqualValues(t, 1000, s.Bytes)
	require.Equal(t, 1000, s.MaxQueued)
	require.Equal(t, 896_000, s.MaxRmem)
}

// V13, 5.2.4, 12.24, 12.25: a bad checksum that nobody verified is queued and
// charged; a non-blocking recv that meets it returns EAGAIN although good
// datagrams wait.
func TestV13BadChecksum(t *testing.T) {
	b := newBench(1)
	b.start()
	s := b.socket(212992)
	b.deliver(s, 896, 1, bad)
	b.deliver(s, 896, 1)
	require.Equal(t, level{2, 1792, 0, 1}, b.level(s))
	b.counts(t, mib.UDP{})
	_, err := b.recv(s)
	require.ErrorIs(t, err, ErrAgain)
	b.counts(t, mib.UDP{InErrors: 1, InCsumErrors: 1})
	require.EqualValues(t, 1, s.Drops)
	require.EqualValues(t, 1, b.host.CsumDrops)
	require.Equal(t, 896, s.Rmem())
	_, err = b.recv(s)
	require.NoError(t, err)
	b.counts(t, mib.UDP{InErrors: 1, InCsumErrors: 1, InDatagrams: 1})
	_, err = b.recv(s)
	require.ErrorIs(t, err, ErrAgain)
	b.counts(t, mib.UDP{InErrors: 1, InCsumErrors: 1, InDatagrams: 1})

	s = b.socket(212992)
	b.deliver(s, 896, 1, bad, func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumUnnecessary })
	_, err = b.recv(s)
	require.NoError(t, err, "the device said it is good")
}

// TestDumbRcvbuf compares a socket with the dumbest model of one: a list of
// truesizes, a list in the backlog, and three comparisons (Q-5, Q-9, S-2), with
// pages counted from scratch.
func TestDumbRcvbuf(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rapid.SampledFrom([]int{2304, 4480, 8960, 20000}).Draw(rt, "R")
		limit := rapid.SampledFrom([]int{1 << 20, 4, 2}).Draw(rt, "udp_mem")
		b := newBench(1, func(b *bench) { b.host.Memory.Limits.UDPMem = [3]int{limit, limit, limit + 1} })
		b.start()
		s := b.socket(r)

		var queue, backlog []int
		var owned bool
		var read, full, mem uint64
		m, bl, forward := 0, 0, 0
		total := func() int { return (m + forward) / 4096 }
		enqueue := func(t int) {
			if m >= r {
				full++
				return
			}
			if need := (t + 4095) / 4096; t > forward {
				if after := total() + need; after > limit && (after > limit+1 || m >= 4096) {
					mem++
					return
				}
				forward += need * 4096
			}
			queue, m, forward = append(queue, t), m+t, forward-t
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				_, err := b.recv(s)
				require.Equal(rt, len(queue) == 0, err != nil)
				if len(queue) > 0 {
					m, forward, queue = m-queue[0], forward+queue[0], queue[1:]
					if forward > 4096 {
						forward %= 4096
					}
					read++
				}
			case 1:
				if owned = !owned; owned {
					s.Lock()
				} else {
					s.Release(b.now)
					for _, t := range backlog {
						enqueue(t)
					}
					backlog, bl = nil, 0
				}
			default:
				t := rapid.SampledFrom([]int{768, 832, 896, 2304, 2944, 4992}).Draw(rt, "T")
				b.deliver(s, uint32(t), 1)
				switch {
				case m+bl > r:
					full++
				case owned:
					backlog, bl = append(backlog, t), bl+t
				default:
					enqueue(t)
				}
			}
			require.Equal(rt, level{len(queue), m, bl, total()}, b.level(s))
			require.Equal(rt, full+mem, s.Drops)
			b.counts(rt, mib.UDP{InDatagrams: read, RcvbufErrors: full, InErrors: full + mem})
		}
	})
}

// Config and Limits refuse what the kernel would.
func TestValidate(t *testing.T) {
	good := Config{Local: netip.MustParseAddrPort("0.0.0.0:5001")}
	require.NoError(t, good.Validate())
	for want, c := range map[string]Config{
		"bind":        {},
		"a port from": {Local: netip.MustParseAddrPort("10.0.0.2:0")},
		"rcvbufforce": {Local: good.Local, RcvBuf: 1, RcvBufForce: 1},
		"rcvbuf":      {Local: good.Local, RcvBuf: -2},
		"connect":     {Local: good.Local, Remote: netip.MustParseAddrPort("[::1]:1")},
		"join":        {Local: good.Local, Join: []Join{{Group: netip.MustParseAddr("10.0.0.1")}}},
	} {
		require.ErrorContains(t, c.Validate(), want)
	}
	l := DefaultLimits()
	require.NoError(t, l.Validate())
	require.Equal(t, 256*(256+256+320), l.RmemDefault, "RB-4: room for 256 skbs of 832")
	l.RmemMax, l.RmemDefault, l.UDPRmemMin, l.UDPMem = 2303, 2303, 0, [3]int{2, 1, 1} // RB-2
	for _, want := range []string{"rmem_default", "rmem_max", "udp_rmem_min", "udp_mem"} {
		require.ErrorContains(t, l.Validate(), want)
	}
}

// full_drop is what a refused datagram costs, by whichever test; it does not pay
// for queueing at Q-5.
func TestFullDropCost(t *testing.T) {
	for name, tc := range map[string]struct {
		truesize uint32
		want     engine.Time
	}{"Q-5": {2944, 100 * us}, "S-2": {2304, 110 * us}} {
		b := newBench(1)
		b.start()
		s := b.socket(2304)
		b.deliver(s, tc.truesize, 1)
		b.costs.FullDrop.Fixed, b.costs.Enqueue.Fixed = 100*us, 10*us
		before := b.cores[0].Books(b.now).Hardirq
		b.deliver(s, tc.truesize, 1)
		b.until(b.now + ms)
		require.Equal(t, tc.want, engine.Time(b.cores[0].Books(b.now).Hardirq-before), name)
		require.EqualValues(t, 1, s.Drops)
	}
}
