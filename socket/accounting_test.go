package socket

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// What newer kernels do differently at a socket, as behaviours of a profile:
// measured on Linux 6.1, 6.12 and 6.18 where a comment does not say otherwise.

// on61, on612 and on618 give a bench these kernels.
func on61(b *bench)  { b.profile = kernel.Linux61() }
func on612(b *bench) { b.profile = kernel.Linux612() }
func on618(b *bench) { b.profile = kernel.Linux618() }

// How many equal datagrams an unread socket accepts, by kernel: rounded up in
// 4.0, rounded down and one more up to 6.17, rounded down but at least one in
// 6.18.
func TestAcceptedByKernel(t *testing.T) {
	for _, tc := range []struct {
		truesize uint32
		rcvbuf   int
		on40     int
		on61     int
		on618    int
	}{
		{768, 212992, 278, 278, 277}, {832, 212992, 256, 257, 256}, {896, 212992, 238, 238, 237}, {960, 212992, 222, 222, 221},
		{1280, 212992, 167, 167, 166}, {2304, 212992, 93, 93, 92}, {2944, 212992, 73, 73, 72}, {4352, 212992, 49, 49, 48},
		{768, 2304, 3, 4, 3}, {832, 2304, 3, 3, 2}, {1280, 2304, 2, 2, 1}, {2304, 2304, 1, 2, 1}, {8448, 2304, 1, 1, 1},
		{768, 8192, 11, 11, 10}, {832, 8192, 10, 10, 9}, {1280, 8192, 7, 7, 6}, {2304, 8192, 4, 4, 3}, {8448, 8192, 1, 1, 1},
		{768, 20000, 27, 27, 26}, {832, 20000, 25, 25, 24}, {1280, 20000, 16, 16, 15}, {2304, 20000, 9, 9, 8}, {8448, 20000, 3, 3, 2},
		{832, 131072, 158, 158, 157}, {1280, 131072, 103, 103, 102}, {2304, 131072, 57, 57, 56}, {8448, 131072, 16, 16, 15},
		{832, 2097152, 2521, 2521, 2520}, {1280, 2097152, 1639, 1639, 1638}, {832, 8388608, 10083, 10083, 10082},
		{1280, 2560, 2, 3, 2}, {1280, 2558, 2, 2, 1}, {832, 8320, 10, 11, 10}, {102656, 2304, 1, 1, 1},
	} {
		for name, k := range map[string]struct {
			edit func(*bench)
			want int
		}{"4.0": {func(*bench) {}, tc.on40}, "6.1": {on61, tc.on61}, "6.12": {on612, tc.on61}, "6.18": {on618, tc.on618}} {
			t.Run(fmt.Sprintf("%s T=%d R=%d", name, tc.truesize, tc.rcvbuf), func(t *testing.T) {
				b := newBench(1, k.edit)
				b.start()
				s := b.socket(tc.rcvbuf)
				b.deliver(s, tc.truesize, k.want+3)
				require.Equal(t, k.want, s.Queued())
				require.Equal(t, k.want*int(tc.truesize), s.Rmem())
				b.counts(t, mib.UDP{RcvbufErrors: 3, InErrors: 3})
				require.EqualValues(t, 3, s.Drops)
			})
		}
	}
}

// 6.18: the arriving packet's own size counts, so that a small one may be
// accepted after a larger one was refused; 4.0 and 6.1 look only at what is there.
func TestAcceptsByOwnSize(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*bench)
		want []int // charged after each of 832, 4352, 2304, 832
	}{
		"4.0":  {func(*bench) {}, []int{832, 5184, 5184, 5184}},
		"6.1":  {on61, []int{832, 5184, 5184, 5184}},
		"6.18": {on618, []int{832, 832, 3136, 3968}},
	} {
		b := newBench(1, tc.edit)
		b.start()
		s := b.socket(4000)
		var got []int
		for _, truesize := range []uint32{832, 4352, 2304, 832} {
			b.deliver(s, truesize, 1)
			got = append(got, s.Rmem())
		}
		require.Equal(t, tc.want, got, name)
	}
}

// 6.18: a datagram of any size enters an empty socket, and the next does not.
func TestEmptyTakesAny(t *testing.T) {
	b := newBench(1, on618)
	b.start()
	s := b.socket(2304)
	b.deliver(s, 60832, 3)
	require.Equal(t, 1, s.Queued())
	b.counts(t, mib.UDP{RcvbufErrors: 2, InErrors: 2})
}

// The reader gives back a quarter of the buffer at once: with 100000 bytes full
// of 832, thirty reads free nothing, the 31st frees 31 places.
func TestReleaseQuarter(t *testing.T) {
	for name, edit := range map[string]func(*bench){"6.1": on61, "6.18": on618} {
		b := newBench(1, edit)
		b.start()
		s := b.socket(100_000)
		b.deliver(s, 832, 200)
		full := map[string]int{"6.1": 121, "6.18": 120}[name]
		require.Equal(t, full, s.Queued())
		drops := s.Drops
		for range 30 {
			_, err := b.recv(s)
			require.NoError(t, err)
			b.deliver(s, 832, 1)
			drops++
			require.Equal(t, drops, s.Drops, name)
			require.Equal(t, full*832, s.Rmem())
		}
		require.Equal(t, (full-30)*832, s.RxQueueBytes(), "/proc/net/udp shows what is unread")
		_, err := b.recv(s)
		require.NoError(t, err)
		require.Equal(t, (full-31)*832, s.Rmem())
		b.deliver(s, 832, 31)
		require.Equal(t, drops, s.Drops, "31 are accepted in a row")
		b.deliver(s, 832, 1)
		require.Equal(t, drops+1, s.Drops)
	}
}

// The release comes at a quarter, not above it, and a socket that is read one by
// one gives back at once, because its reader's queue is empty.
func TestReleaseAtTheQuarter(t *testing.T) {
	b := newBench(1, on618)
	b.start()
	s := b.socket(16640)
	b.deliver(s, 832, 20)
	for range 4 {
		_, _ = b.recv(s)
	}
	require.Equal(t, 20*832, s.Rmem())
	_, _ = b.recv(s)
	require.Equal(t, 15*832, s.Rmem(), "5 * 832 = 16640/4")

	s = b.socket(100_000)
	for range 10 {
		b.deliver(s, 832, 1)
		_, err := b.recv(s)
		require.NoError(t, err)
		require.Zero(t, s.Rmem())
	}
}

// The reader's queue takes over what has come in meanwhile at each release, not
// before: two datagrams, one read, two more; the reader's queue holds one.
func TestReaderQueue(t *testing.T) {
	b := newBench(1, on618)
	b.start()
	s := b.socket(100_000)
	b.deliver(s, 832, 2)
	_, _ = b.recv(s)
	b.deliver(s, 832, 2)
	require.Equal(t, 4*832, s.Rmem())
	_, _ = b.recv(s)
	require.Equal(t, 2*832, s.Rmem(), "the second was the last of the reader's queue")
	_, _ = b.recv(s)
	require.Equal(t, 2*832, s.Rmem(), "which holds both of the others now")
	_, _ = b.recv(s)
	require.Zero(t, s.Rmem())

	s = b.socket(16640) // a quarter is five of 832
	b.deliver(s, 832, 6)
	_, _ = b.recv(s)
	b.deliver(s, 832, 4)
	for range 4 {
		_, _ = b.recv(s)
	}
	require.Equal(t, 5*832, s.Rmem(), "a quarter came together")
	_, _ = b.recv(s)
	require.Equal(t, 5*832, s.Rmem(), "what had come in meanwhile had joined the reader's queue")
}

// sk_forward_alloc as datagrams of one size come and go, by rule.
func TestFwdAlloc(t *testing.T) {
	for name, tc := range map[string]struct {
		edit     func(*bench)
		truesize uint32
		arrive   []int // sk_forward_alloc after each arrival
		keeps    bool  // a page, when all have been read
	}{
		"4.0":                   {func(*bench) {}, 2944, []int{1152, 2304, 3456, 512}, false},
		"6.1":                   {on61, 2944, []int{1152, 2304, 3456, 512}, true},
		"6.1: equal is short":   {on61, 2048, []int{2048, 4096, 2048, 4096}, true},
		"6.12":                  {on612, 2944, []int{1152, 2304, 3456, 512}, true},
		"6.12: shortfall":       {on612, 6912, []int{1280, 2560, 3840, 1024}, true},
		"6.1: whole":            {on61, 6912, []int{1280, 2560, 3840, 5120}, true},
		"6.12: equal is enough": {on612, 2048, []int{2048, 0, 2048, 0}, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(1, tc.edit)
			b.start()
			s := b.socket(1 << 20)
			var got []int
			for range tc.arrive {
				b.deliver(s, tc.truesize, 1)
				got = append(got, s.MemInfo().FwdAlloc)
			}
			require.Equal(t, tc.arrive, got)
			if tc.keeps {
				for range tc.arrive {
					_, err := b.recv(s)
					require.NoError(t, err)
				}
				require.Equal(t, 4096, s.MemInfo().FwdAlloc, "1 to 4096 bytes stay")
				require.Equal(t, 1, b.host.Memory.Pages)
			}
		})
	}
}

// udp_mem "1 1 1": in 6.1 and 6.12 a refusal counts InErrors and MemErrors, in
// 6.18 sk_drops only.
func TestUDPMemDrop(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*bench)
		want mib.UDP
	}{
		"4.0":  {func(*bench) {}, mib.UDP{InErrors: 10}},
		"6.1":  {on61, mib.UDP{InErrors: 10, MemErrors: 10}},
		"6.12": {on612, mib.UDP{InErrors: 10, MemErrors: 10}},
		"6.18": {on618, mib.UDP{}},
	} {
		b := newBench(1, tc.edit, func(b *bench) { b.host.Memory.Limits.UDPMem = [3]int{1, 1, 1} })
		b.start()
		first := b.socket(1 << 28)
		b.deliver(first, 2304, 1)
		b.deliver(first, 4352, 10)
		require.Equal(t, 1, first.Queued(), name)
		b.counts(t, tc.want)
		require.EqualValues(t, 10, first.Drops)
		require.EqualValues(t, 10, b.ledger.Dropped[skb.ProtoMem])
		require.Equal(t, 2304, first.Rmem(), "a refused datagram is not charged")
	}
}

// The ceiling is udp_mem[0] up to 6.12, udp_mem[2] in 6.18; below the third, an
// empty socket gets udp_rmem_min, counted with the datagram itself from 4.10 on.
func TestUDPMemLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		edit     func(*bench)
		truesize uint32
		third    int
		want     int // of 16 to an empty socket, when another one holds the first limit
	}{
		"4.0: before adding":                    {func(*bench) {}, 768, 100, 10},
		"6.1: five of 768":                      {on61, 768, 100, 5},
		"6.12: four of 960":                     {on612, 960, 100, 4},
		"6.1: nothing beyond the third":         {on61, 768, 2, 0},
		"6.18: the first is none":               {on618, 832, 100, 16},
		"6.18: nothing beyond the third":        {on618, 832, 2, 0},
		"4.0: nothing beyond the third, either": {func(*bench) {}, 768, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(1, tc.edit, func(b *bench) { b.host.Memory.Limits.UDPMem = [3]int{2, 2, tc.third} })
			b.start()
			holder, s := b.socket(1<<28), b.socket(1<<28)
			b.deliver(holder, 2304, 3)
			require.Equal(t, 2, b.host.Memory.Pages)
			b.deliver(s, tc.truesize, 16)
			require.Equal(t, tc.want, s.Queued())
		})
	}
}

// skb_condense: only above half the buffer, only what fits the head, never a
// clone; the test of the buffer has used the size before.
func TestCondense(t *testing.T) {
	nonlinear := func(frag uint32) func(*skb.Header, *skb.Buff) {
		return func(_ *skb.Header, p *skb.Buff) { p.FragLen, p.FragTruesize, p.TailRoom = frag, frag, 212 }
	}
	for name, tc := range map[string]struct {
		edit   func(*bench)
		before int // datagrams of 832 that are there
		frag   uint32
		more   func(*skb.Header, *skb.Buff)
		want   int
	}{
		"below half: charged in full": {on618, 2, 200, nil, 1032},
		"at half: not above":          {on618, 6, 200, nil, 1032},
		"above half":                  {on618, 7, 200, nil, 832},
		"tail room of 212":            {on618, 7, 212, nil, 832},
		"one more byte":               {on618, 7, 213, nil, 1045},
		"a clone":                     {on618, 7, 200, func(_ *skb.Header, p *skb.Buff) { p.Cloned = true }, 1032},
		"6.1":                         {on61, 7, 200, nil, 832},
		"4.0 knows none":              {func(*bench) {}, 7, 200, nil, 1032},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(1, tc.edit)
			b.start()
			s := b.socket(12 * 832)
			b.deliver(s, 832, tc.before)
			change := []func(*skb.Header, *skb.Buff){nonlinear(tc.frag)}
			if tc.more != nil {
				change = append(change, tc.more)
			}
			b.deliver(s, 832+tc.frag, 1, change...)
			require.Equal(t, tc.want, s.Rmem()-tc.before*832)
		})
	}
	b := newBench(1, on618)
	b.start()
	s := b.socket(12 * 832)
	b.deliver(s, 832, 11)
	b.deliver(s, 832+200, 1, nonlinear(200))
	require.EqualValues(t, 1, s.Drops, "832 would have fitted")
}

// From 4.10 on a locked socket queues as any other.
func TestNoSocketBacklog(t *testing.T) {
	b := newBench(1, on61)
	b.start()
	s := b.socket(212992)
	s.Lock()
	b.deliver(s, 832, 10)
	require.Equal(t, 10, s.Queued())
	require.Zero(t, s.Backlog())
	s.Release(b.now)
	require.Equal(t, 10, s.Queued())
}

// Newer receive calls that meet a bad checksum go on to the next datagram, and
// its memory has come back with the others.
func TestRecvSkipsBadChecksum(t *testing.T) {
	b := newBench(1, on618)
	b.start()
	s := b.socket(212992)
	b.deliver(s, 832, 2, bad)
	b.deliver(s, 832, 1)
	d, err := b.recv(s)
	require.NoError(t, err)
	require.EqualValues(t, 3, d.ID)
	require.Zero(t, s.Rmem())
	b.counts(t, mib.UDP{InDatagrams: 1, InErrors: 2, InCsumErrors: 2})
	require.EqualValues(t, 2, s.Drops)
}

// Between two CPUs: up to 6.17 what one has charged the other sees at once; in
// 6.18 both see it twice while the first one wakes readers.
func TestTwoProducers(t *testing.T) {
	for name, edit := range map[string]func(*bench){"6.1": on61, "6.18": on618} {
		b := newBench(2, edit, func(b *bench) { b.costs.Enqueue.Fixed = 10 * us })
		b.start()
		s := b.socket(2 * 832)
		put := func(c *cpu.Core) {
			for range 3 {
				b.ledger.Frames++
				b.ledger.Take()
				h := &skb.Header{}
				s.QueueRcvSKB(c, &skb.Buff{Frame: h.UDPFrame(100), Truesize: 832, Len: 108, Summed: skb.ChecksumUnnecessary})
			}
		}
		b.job = put
		other := b.cores[1].NewLine(&b.zero, &b.count, put)
		b.line.Raise(us)
		other.Raise(5 * us)
		b.until(100 * us)
		require.Equal(t, map[string]int{"6.1": 3, "6.18": 2}[name], s.Queued(), name)
		require.Equal(t, s.Queued()*832, s.Rmem())
	}
}

// SO_RCVBUF and SO_RCVBUFFORCE in newer kernels (RB-1, RB-3): nothing becomes
// negative.
func TestRcvBufClamped(t *testing.T) {
	p := kernel.Linux40()
	p.RcvBufClamped = true
	l := DefaultLimits()
	l.RmemMax = 4194304
	for _, tc := range []struct{ request, force, want int }{
		{request: 1, want: 2304}, {request: 1152, want: 2304}, {request: 8000000, want: 8388608}, {request: -1, want: 8388608},
		{force: -1, want: 2304}, {force: 1<<31 - 1, want: 2147483646}, {force: 8388608, want: 16777216}, {want: 212992},
	} {
		require.Equal(t, tc.want, l.EffectiveRcvBuf(&p, &Config{RcvBuf: tc.request, RcvBufForce: tc.force}), "%+v", tc)
	}
}

// 6.18/1.6.4: what a CPU takes or gives back is seen when there are mem_pcpu_rsv
// pages of it; up to then a limit can be passed.
func TestMemReserve(t *testing.T) {
	pages := func(t *testing.T, p func(*bench), steps [][2]int) (seen []int) {
		b := newBench(2, p, func(b *bench) { b.host.Memory.Limits.MemPcpuRsv = 10 })
		for _, s := range steps {
			b.host.add(s[0], s[1])
			seen = append(seen, b.host.Memory.Pages)
		}
		return seen
	}
	for _, tc := range []struct {
		name  string
		p     func(*bench)
		steps [][2]int // CPU, pages
		want  []int
	}{
		{"6.18/1.6.4 taken", on618, [][2]int{{0, 9}, {0, 1}, {0, 3}}, []int{0, 10, 10}},
		{"6.18/1.6.4 given back", on618, [][2]int{{0, 12}, {1, -9}, {1, -1}}, []int{12, 12, 2}},
		{"6.18/1.6.4 by both", on618, [][2]int{{0, 9}, {1, 9}, {0, -9}, {1, 1}}, []int{0, 0, 0, 10}},
		{"6.18/1.6.4 in 4.0 at once", func(*bench) {}, [][2]int{{0, 1}, {1, -1}}, []int{1, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, pages(t, tc.p, tc.steps)) })
	}
	t.Run("6.18/1.6.4 past the limit", func(t *testing.T) {
		for rsv, want := range map[int]int{0: 3, 1: 3, 10: 9, 256: 100} {
			b := newBench(1, on618, func(b *bench) {
				b.host.Memory.Limits.UDPMem, b.host.Memory.Limits.MemPcpuRsv = [3]int{3, 3, 3}, rsv
			})
			b.start()
			s := b.socket(1 << 28)
			b.deliver(s, 4096, 100)
			require.Equal(t, want, s.Queued(), "mem_pcpu_rsv %d", rsv)
		}
	})
}

// 6.18/1.4.4: a filter that cuts page fragments off frees them, before the test of
// the buffer; what is left moves into the head, if that has room for it.
func TestFilterCondenses(t *testing.T) {
	for name, tc := range map[string]struct {
		edit   func(*bench)
		keep   uint32
		cloned bool
		want   int
	}{
		"6.18/1.4.4 headers only":               {on618, 1, false, 832},
		"6.18/1.4.4 what the head has room for": {on618, 8 + 100 + 212, false, 832},
		"6.18/1.4.4 one byte more":              {on618, 8 + 100 + 213, false, 2832},
		"6.18/1.4.4 nothing cut":                {on618, 1 << 16, false, 2832},
		"6.18/1.4.4 a clone becomes its own":    {on618, 40, true, 832},
		"6.18/1.4.4 6.1":                        {on61, 40, false, 832},
		"6.18/1.4.4 4.0 condenses nothing":      {func(*bench) {}, 40, false, 2832},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(1, tc.edit)
			b.start()
			s := b.socket(1 << 20)
			s.SetFilter(func(*skb.Header, uint32) uint32 { return tc.keep })
			b.deliver(s, 832+2000, 1, func(_ *skb.Header, p *skb.Buff) {
				p.Len, p.FragLen, p.FragTruesize, p.TailRoom, p.Cloned = 8+100+2000, 2000, 2000, 212, tc.cloned
			})
			require.Equal(t, tc.want, s.Rmem())
		})
	}
	b := newBench(1, on618)
	b.start()
	s := b.socket(2 * 832)
	s.SetFilter(func(*skb.Header, uint32) uint32 { return 8 })
	b.deliver(s, 832+2000, 3, func(_ *skb.Header, p *skb.Buff) { p.Len, p.FragLen, p.FragTruesize = 8+2000, 2000, 2000 })
	require.Equal(t, 2, s.Queued(), "of the size after the cut")
}
