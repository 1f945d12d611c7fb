package socket

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// The rules of a socket, one by one: each row bears the ID of its rule.

// refuseAll and acceptAll are filters.
func refuseAll(*skb.Header, uint32) uint32          { return 0 }
func acceptAll(_ *skb.Header, udpLen uint32) uint32 { return udpLen }

// put hands one datagram of that truesize to s, on core c, now.
func (b *bench) put(c *cpu.Core, s *Sock, truesize uint32) {
	b.ledger.Frames++
	b.ledger.Take()
	h := &skb.Header{}
	s.QueueRcvSKB(c, &skb.Buff{Frame: h.UDPFrame(100), Truesize: truesize, Len: 108, Summed: skb.ChecksumUnnecessary})
}

// recvMsg is a recvmsg with a large buffer.
func (b *bench) recvMsg(s *Sock, flags Flags) (Message, error) {
	return s.RecvMsg(b.now, 1<<16, flags, &b.digest)
}

func TestQueueRules(t *testing.T) {
	t.Run("Q-4 a filter has the checksum verified first", func(t *testing.T) {
		b := newBench(1, func(b *bench) { b.costs.Checksum.Fixed = us })
		b.start()
		s := b.socket(1 << 20)
		s.SetFilter(acceptAll)
		b.deliver(s, 896, 1, bad)
		b.counts(t, mib.UDP{InErrors: 1, InCsumErrors: 1})
		require.EqualValues(t, 1, s.Drops)
		require.Zero(t, s.Queued())
	})
	t.Run("Q-4 and it is not summed again", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		s.SetFilter(acceptAll)
		b.deliver(s, 896, 1, func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumNone })
		d, err := b.recv(s)
		require.NoError(t, err)
		require.False(t, d.Unverified)
	})
	t.Run("Q-5 the test before the lock", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(2304)
		b.deliver(s, 2944, 1)
		b.costs.Enqueue.Fixed = us
		b.at(b.now+us, func(c *cpu.Core) {
			start := c.Now()
			b.put(c, s, 896)
			require.Equal(t, start, c.Now(), "before the way to the lock")
		})
		b.until(b.now + ms)
		b.counts(t, mib.UDP{RcvbufErrors: 1, InErrors: 1})
	})
	t.Run("Q-7 CPUs wait for the lock", func(t *testing.T) {
		for smp, want := range map[bool]engine.Time{true: 21 * us, false: 15 * us} {
			b := newBench(2, func(b *bench) { b.costs.Enqueue.Fixed = 10 * us })
			b.host.SMP = smp
			b.start()
			s := b.socket(1 << 20)
			var ended engine.Time
			b.job = func(c *cpu.Core) { b.put(c, s, 896) }
			other := b.cores[1].NewLine(&b.zero, &b.count, func(c *cpu.Core) {
				b.put(c, s, 896)
				ended = c.Now()
			})
			b.line.Raise(us)
			other.Raise(5 * us) // the lock is free at 11
			b.until(ms)
			require.InDelta(t, float64(want), float64(ended), 1, "another picosecond until the lock is seen to be free")
		}
	})
	t.Run("Q-8 not owned: into the queue", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 1)
		require.Equal(t, level{1, 896, 0, 1}, b.level(s))
	})
	t.Run("Q-9 owned: into the backlog", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		s.Lock()
		b.deliver(s, 896, 2)
		require.Equal(t, level{0, 0, 1792, 0}, b.level(s))
	})
	t.Run("Q-10 the lock is free again", func(t *testing.T) {
		b := newBench(1)
		b.host.SMP = true
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 3) // the second would find its own core in it
		require.Equal(t, 3, s.Queued())
	})
	t.Run("S-2 the test in the lock", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(2304)
		b.deliver(s, 1152, 3)
		require.Equal(t, 2, s.Queued(), "M = R is not above R before the lock, and too much behind it")
		b.counts(t, mib.UDP{RcvbufErrors: 1, InErrors: 1})
	})
	t.Run("S-5 a filter trims, and the charge stays", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		for _, keep := range []uint32{40, 8, 1000, 3} {
			s.SetFilter(func(*skb.Header, uint32) uint32 { return keep })
			b.deliver(s, 896, 1)
		}
		require.Equal(t, 4*896, s.Rmem())
		for _, want := range []uint32{32, 0, 100, 0} {
			d, err := b.recv(s)
			require.NoError(t, err)
			require.Equal(t, want, d.Payload)
		}
	})
	t.Run("S-5 behind the test of the buffer", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(2304)
		b.deliver(s, 2304, 1)
		s.SetFilter(refuseAll)
		b.deliver(s, 2304, 1)
		b.counts(t, mib.UDP{RcvbufErrors: 1, InErrors: 1})
		require.EqualValues(t, 1, s.Drops, "as a full buffer, not as the filter's refusal")
	})
	t.Run("S-6 udp_mem comes last", func(t *testing.T) {
		b := newBench(1, func(b *bench) { b.host.Memory.Limits.UDPMem = [3]int{0, 0, 0} })
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 1)
		b.counts(t, mib.UDP{InErrors: 1})
		require.EqualValues(t, 1, s.Drops)
		require.Zero(t, s.Rmem())
	})
	t.Run("S-7 charged", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 3)
		require.Equal(t, MemInfo{RmemAlloc: 2688, RcvBuf: 1 << 20, FwdAlloc: 4096 - 2688}, s.MemInfo())
	})
	t.Run("S-8 at the tail, with sk_drops", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 1)
		s.Drops = 5
		b.deliver(s, 896, 1)
		for i, want := range []uint32{0, 5} {
			d, err := b.recv(s)
			require.NoError(t, err)
			require.EqualValues(t, i+1, d.ID)
			require.Equal(t, want, d.Dropcount)
		}
	})
	t.Run("S-9 the reader wakes, also for the second", func(t *testing.T) {
		b := newBench(2)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{}, s)
		b.start()
		b.until(ms)
		require.True(t, th.Task().Asleep())
		b.deliver(s, 896, 1)
		b.until(2 * ms)
		b.deliver(s, 896, 1)
		b.until(3 * ms)
		require.EqualValues(t, 2, s.Delivered)
	})
}

// The master table of receive drops (4.5): what each row moves, and nothing else.
func TestDropTable(t *testing.T) {
	unverifiedBad := bad
	for name, tc := range map[string]struct {
		edit   func(*bench)
		do     func(t *testing.T, b *bench, s *Sock)
		drops  uint64
		udp    mib.UDP
		reason skb.DropReason
	}{
		"TAB-7 filter, bad checksum": {nil, func(_ *testing.T, b *bench, s *Sock) {
			s.SetFilter(acceptAll)
			b.deliver(s, 896, 1, unverifiedBad)
		}, 1, mib.UDP{InErrors: 1, InCsumErrors: 1}, skb.UDPCsum},
		"TAB-8 full before the lock": {nil, func(_ *testing.T, b *bench, s *Sock) { b.deliver(s, 2944, 2) },
			1, mib.UDP{RcvbufErrors: 1, InErrors: 1}, skb.SocketRcvbuff},
		"TAB-9 backlog full": {func(b *bench) { b.costs.Enqueue.Fixed = 10 * us }, func(_ *testing.T, b *bench, s *Sock) {
			s.Lock()
			put := func(c *cpu.Core) { b.put(c, s, 2944) }
			other := b.cores[1].NewLine(&b.zero, &b.count, put)
			b.job = put
			b.line.Raise(us)
			other.Raise(5 * us)
			b.until(ms)
		}, 1, mib.UDP{InErrors: 1}, skb.SocketBacklog},
		"TAB-10 full behind the lock": {nil, func(_ *testing.T, b *bench, s *Sock) { b.deliver(s, 2304, 2) },
			1, mib.UDP{RcvbufErrors: 1, InErrors: 1}, skb.SocketRcvbuff},
		"TAB-6 Q-1 policy": {nil, func(_ *testing.T, b *bench, s *Sock) {
			s.SetRefusals(Refusals{PolicyPPM: 1_000_000}, engine.NewStream(1, ""))
			b.deliver(s, 896, 1)
		}, 1, mib.UDP{InErrors: 1}, skb.XFRMPolicy},
		"TAB-11 S-3 emergency reserves": {nil, func(_ *testing.T, b *bench, s *Sock) {
			s.SetRefusals(Refusals{ReservesPPM: 1_000_000, SecurityPPM: 1_000_000}, engine.NewStream(1, ""))
			b.deliver(s, 896, 1)
		}, 0, mib.UDP{RcvbufErrors: 1, InErrors: 1}, skb.SocketFilter},
		"TAB-11 S-5 cannot be trimmed": {nil, func(t *testing.T, b *bench, s *Sock) {
			s.SetRefusals(Refusals{TrimPPM: 1_000_000}, engine.NewStream(1, ""))
			s.SetFilter(acceptAll) // which cuts nothing
			b.deliver(s, 896, 1)
			require.Equal(t, 1, s.Queued())
			s.SetFilter(func(_ *skb.Header, n uint32) uint32 { return n - 1 })
			b.deliver(s, 896, 1)
		}, 0, mib.UDP{RcvbufErrors: 1, InErrors: 1}, skb.SocketFilter},
		"TAB-12 S-4 security module": {nil, func(_ *testing.T, b *bench, s *Sock) {
			s.SetRefusals(Refusals{SecurityPPM: 1_000_000}, engine.NewStream(1, ""))
			b.deliver(s, 896, 1)
		}, 0, mib.UDP{InErrors: 1}, skb.SocketFilter},
		"TAB-12 S-2 comes before S-4": {nil, func(_ *testing.T, b *bench, s *Sock) {
			b.deliver(s, 2304, 1)
			s.SetRefusals(Refusals{SecurityPPM: 1_000_000}, engine.NewStream(1, ""))
			b.deliver(s, 896, 1)
		}, 1, mib.UDP{RcvbufErrors: 1, InErrors: 1}, skb.SocketRcvbuff},
		"TAB-12 in newer kernels as what the filter refuses": {func(b *bench) { b.profile = kernel.Linux618() }, func(_ *testing.T, b *bench, s *Sock) {
			s.SetRefusals(Refusals{SecurityPPM: 1_000_000}, engine.NewStream(1, ""))
			b.deliver(s, 896, 1)
		}, 1, mib.UDP{InErrors: 1}, skb.SocketFilter},
		"TAB-13 filter returned 0": {nil, func(_ *testing.T, b *bench, s *Sock) {
			s.SetFilter(refuseAll)
			b.deliver(s, 896, 1)
		}, 0, mib.UDP{InErrors: 1}, skb.SocketFilter},
		"TAB-14 udp_mem": {func(b *bench) { b.host.Memory.Limits.UDPMem = [3]int{} }, func(_ *testing.T, b *bench, s *Sock) { b.deliver(s, 896, 1) },
			1, mib.UDP{InErrors: 1}, skb.ProtoMem},
		"TAB-15 recv, bad checksum": {nil, func(t *testing.T, b *bench, s *Sock) {
			b.deliver(s, 896, 1, unverifiedBad)
			_, err := b.recvMsg(s, 0)
			require.ErrorIs(t, err, ErrAgain)
		}, 1, mib.UDP{InErrors: 1, InCsumErrors: 1}, skb.UDPCsum},
		"TAB-15 recv with MSG_PEEK, still at the head": {nil, func(t *testing.T, b *bench, s *Sock) {
			b.deliver(s, 896, 1, unverifiedBad)
			_, err := b.recvMsg(s, MsgPeek)
			require.ErrorIs(t, err, ErrAgain)
			require.Zero(t, s.Queued())
		}, 1, mib.UDP{InErrors: 1, InCsumErrors: 1}, skb.UDPCsum},
		"TAB-16 recv with MSG_PEEK, no longer at the head": {nil, func(t *testing.T, b *bench, s *Sock) {
			b.deliver(s, 896, 1, unverifiedBad)
			var seen, taken Datagram
			require.True(t, s.peek(&seen))
			require.True(t, s.take(&taken)) // by another thread
			require.False(t, s.peeked(b.now, &seen, &b.digest))
			require.EqualValues(t, 1, s.Drops)
			b.counts(t, mib.UDP{})
			require.Equal(t, 896, s.Rmem())
			require.False(t, s.finish(b.now, &taken, &b.digest)) // which counts it
		}, 2, mib.UDP{InErrors: 1, InCsumErrors: 1}, skb.UDPCsum},
		"TAB-17 copy fault": {nil, func(t *testing.T, b *bench, s *Sock) {
			b.deliver(s, 896, 1)
			_, err := b.recvMsg(s, MsgFault)
			require.ErrorIs(t, err, ErrFault)
			require.Zero(t, s.Queued())
		}, 1, mib.UDP{InErrors: 1}, skb.CopyFault},
		"TAB-17 copy fault with MSG_PEEK: it stays": {nil, func(t *testing.T, b *bench, s *Sock) {
			b.deliver(s, 896, 1)
			_, err := b.recvMsg(s, MsgFault|MsgPeek)
			require.ErrorIs(t, err, ErrFault)
			require.Equal(t, 1, s.Queued())
			_, err = b.recvMsg(s, MsgFault) // TAB-18: peeked before
			require.ErrorIs(t, err, ErrFault)
		}, 1, mib.UDP{InErrors: 1}, skb.CopyFault},
		"TAB-18 copy fault, peeked before": {nil, func(t *testing.T, b *bench, s *Sock) {
			b.deliver(s, 896, 1)
			_, err := b.recvMsg(s, MsgPeek)
			require.NoError(t, err)
			_, err = b.recvMsg(s, MsgFault)
			require.ErrorIs(t, err, ErrFault)
			_, err = b.recvMsg(s, 0)
			require.ErrorIs(t, err, ErrAgain, "it is lost")
		}, 0, mib.UDP{InDatagrams: 1}, skb.CopyFault},
		"TAB-19 poll, bad checksum": {nil, func(t *testing.T, b *bench, s *Sock) {
			b.deliver(s, 896, 1, unverifiedBad)
			require.Zero(t, s.Poll(b.now, &b.digest))
		}, 1, mib.UDP{InErrors: 1, InCsumErrors: 1}, skb.UDPCsum},
		"TAB-19 SIOCINQ, bad checksum": {nil, func(t *testing.T, b *bench, s *Sock) {
			b.deliver(s, 896, 1, unverifiedBad)
			require.Zero(t, s.Inq(b.now, &b.digest))
		}, 1, mib.UDP{InErrors: 1, InCsumErrors: 1}, skb.UDPCsum},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(2)
			if tc.edit != nil {
				tc.edit(b)
			}
			b.start()
			s := b.socket(2304)
			tc.do(t, b, s)
			require.Equal(t, tc.drops, s.Drops, "sk_drops")
			b.counts(t, tc.udp)
			require.EqualValues(t, 1, b.ledger.Dropped[tc.reason])
			s.Close(nil)
			require.Zero(t, b.host.Memory.Pages, "nothing stays charged")
		})
	}
}

func TestCapacityRules(t *testing.T) {
	fill := func(r int, truesizes ...uint32) *Sock {
		b := newBench(1)
		b.start()
		s := b.socket(r)
		for _, truesize := range truesizes {
			b.deliver(s, truesize, 1)
		}
		return s
	}
	t.Run("CAP-1 one may overshoot", func(t *testing.T) {
		require.Equal(t, 2303+2944, fill(2304, 2303, 2944).Rmem(), "R - 1 + T")
		require.Equal(t, 2304, fill(2304, 2304, 2944).Rmem())
	})
	t.Run("CAP-2 rounded up", func(t *testing.T) {
		for _, tc := range []struct{ r, truesize, n int }{{2304, 1152, 2}, {2305, 1152, 3}, {8960, 896, 10}, {8961, 896, 11}, {2304, 9000, 1}} {
			b := newBench(1)
			b.start()
			s := b.socket(tc.r)
			b.deliver(s, uint32(tc.truesize), 20)
			require.Equal(t, tc.n, s.Queued(), "%+v", tc)
		}
	})
	t.Run("CAP-4 the backlog takes floor(R/T)+1", func(t *testing.T) {
		for _, tc := range []struct{ r, truesize, n, left int }{{2304, 1152, 3, 2}, {2305, 1152, 3, 3}, {8960, 896, 11, 10}, {2304, 9000, 1, 1}} {
			b := newBench(1)
			b.start()
			s := b.socket(tc.r)
			s.Lock()
			b.deliver(s, uint32(tc.truesize), 20)
			require.Equal(t, tc.n*tc.truesize, s.Backlog(), "%+v", tc)
			s.Release(b.now)
			require.Equal(t, tc.left, s.Queued(), "%+v", tc)
		}
	})
	t.Run("CAP-5 the same counters by either test", func(t *testing.T) {
		for _, truesize := range []uint32{2304, 2305} { // M = R behind the lock, M > R before it
			b := newBench(1)
			b.start()
			s := b.socket(2304)
			b.deliver(s, truesize, 2)
			b.counts(t, mib.UDP{RcvbufErrors: 1, InErrors: 1})
			require.EqualValues(t, 1, s.Drops)
		}
	})
}

func TestOwnerRules(t *testing.T) {
	t.Run("OW-1 a reader sleeps for the owner, and its copy stays charged", func(t *testing.T) {
		b := newBench(2)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{}, s)
		b.start()
		b.deliver(s, 896, 1)
		b.until(ms)
		b.costs.Copy.Fixed = 100 * us
		b.deliver(s, 896, 1)
		s.Lock() // during the copy
		b.until(2 * ms)
		require.EqualValues(t, 1, th.LockWaits)
		require.True(t, th.Task().Asleep())
		require.Equal(t, 896, s.Rmem(), "copied, not freed")
		b.counts(t, mib.UDP{InDatagrams: 2})
		s.Release(b.now)
		b.until(3 * ms)
		require.Zero(t, s.Rmem())
		require.False(t, s.Owned())
	})
	t.Run("OW-1 a socket that nobody owns makes nobody sleep", func(t *testing.T) {
		b := newBench(2)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{}, s)
		b.start()
		b.deliver(s, 896, 10)
		b.until(ms)
		require.Zero(t, th.LockWaits)
		require.EqualValues(t, 10, s.Delivered)
	})
	t.Run("OW-2 setsockopt holds the socket while it runs", func(t *testing.T) {
		b := newBench(2)
		s := b.socket(1 << 20)
		l := NewLocker(&b.host, b.cores[1], "locks", LockConfig{Every: 10 * ms, For: 2 * ms}, []*Sock{s})
		b.start()
		for _, tc := range []struct {
			at    engine.Time
			owned bool
		}{{9 * ms, false}, {11 * ms, true}, {13 * ms, false}, {19 * ms, false}, {21 * ms, true}} {
			b.until(tc.at)
			require.Equal(t, tc.owned, s.Owned(), "at %v", tc.at)
		}
		require.EqualValues(t, 2, l.Held)
		require.InDelta(t, float64(3*ms), float64(b.cores[1].Books(21*ms).System), float64(us), "in the kernel")
	})
	t.Run("OW-2 two programs lock one socket: the second waits", func(t *testing.T) {
		b := newBench(3)
		s := b.socket(1 << 20)
		cfg := LockConfig{Every: 10 * ms, For: 2 * ms, Asleep: true}
		one, two := NewLocker(&b.host, b.cores[1], "one", cfg, []*Sock{s}), NewLocker(&b.host, b.cores[2], "two", cfg, []*Sock{s})
		b.start()
		b.until(13 * ms)
		require.True(t, s.Owned(), "12 ms to 14 ms by the second")
		require.EqualValues(t, 1, one.Waited+two.Waited)
		b.until(15 * ms)
		require.False(t, s.Owned())
		require.EqualValues(t, 2, one.Held+two.Held)
	})
	t.Run("OW-3 release drains, frees, wakes", func(t *testing.T) {
		b := newBench(2)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{}, s)
		b.start()
		b.until(ms)
		s.Lock()
		b.deliver(s, 896, 3)
		require.True(t, th.Task().Asleep())
		s.Release(b.now)
		b.until(2 * ms)
		require.EqualValues(t, 3, s.Delivered)
		require.Zero(t, s.Backlog())
	})
	t.Run("OW-4 each datagram of the drain meets the test behind the lock", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(2304)
		s.Lock()
		b.deliver(s, 1152, 3)
		b.counts(t, mib.UDP{})
		s.Release(b.now)
		require.Equal(t, 2, s.Queued())
		b.counts(t, mib.UDP{RcvbufErrors: 1, InErrors: 1})
	})
	// 150 of 896 are in the backlog of 212992; while they drain, each that has been moved counts twice.
	draining := func(t *testing.T, at engine.Time) (*bench, *Sock) {
		b := newBench(2)
		s := b.socket(212992)
		NewLocker(&b.host, b.cores[1], "locks", LockConfig{Every: 10 * ms, For: 5 * ms}, []*Sock{s})
		b.start()
		b.until(11 * ms)
		require.True(t, s.Owned())
		b.deliver(s, 896, 150)
		require.Equal(t, 134_400, s.Backlog())
		b.costs.Enqueue.Fixed = 10 * us
		b.until(15*ms + at)
		return b, s
	}
	t.Run("OW-5 what has been drained counts twice", func(t *testing.T) {
		b, s := draining(t, 1000*us+us) // 100 drained
		require.Equal(t, 100*896, s.Rmem())
		require.Equal(t, 134_400, s.Backlog())
		b.costs.Enqueue.Fixed = 0
		b.deliver(s, 896, 1)
		b.counts(t, mib.UDP{RcvbufErrors: 1, InErrors: 1})
		require.EqualValues(t, 1, s.Drops, "224000 > 212992, although 134400 are in use")
	})
	t.Run("OW-5 and no longer when the drain has ended", func(t *testing.T) {
		b, s := draining(t, 3*ms)
		require.Equal(t, 134_400, s.Rmem())
		require.Zero(t, s.Backlog())
		b.costs.Enqueue.Fixed = 0
		b.deliver(s, 896, 1)
		b.counts(t, mib.UDP{})
	})
	t.Run("OW-6 what comes during the drain is drained, too", func(t *testing.T) {
		b, s := draining(t, 100*us+us)
		b.costs.Enqueue.Fixed = 0
		b.deliver(s, 896, 5)
		require.Equal(t, 155*896, s.Backlog())
		b.until(20*ms - us)
		require.Equal(t, 155, s.Queued())
		require.False(t, s.Owned())
	})
}

func TestReceiveRules(t *testing.T) {
	t.Run("RX-1 a pending error comes first, once", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 1)
		refused := errors.New("connection refused")
		s.SetError(refused)
		_, err := b.recv(s)
		require.ErrorIs(t, err, refused)
		_, err = b.recv(s)
		require.NoError(t, err)
	})
	t.Run("RX-2 MSG_PEEK leaves the head", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 2)
		for range 3 {
			m, err := b.recvMsg(s, MsgPeek)
			require.NoError(t, err)
			require.EqualValues(t, 1, m.ID)
		}
		m, err := b.recvMsg(s, 0)
		require.NoError(t, err)
		require.EqualValues(t, 1, m.ID)
		require.Equal(t, 1, s.Queued())
		require.Equal(t, 896, s.Rmem())
	})
	t.Run("RX-3 EAGAIN when empty, the end after shutdown", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		_, err := b.recv(s)
		require.ErrorIs(t, err, ErrAgain)
		b.deliver(s, 896, 1)
		s.Shutdown(b.now)
		_, err = b.recvMsg(s, 0)
		require.NoError(t, err, "what is there is read")
		_, err = b.recvMsg(s, 0)
		require.ErrorIs(t, err, io.EOF)
	})
	t.Run("RX-3 shutdown wakes who sleeps", func(t *testing.T) {
		b := newBench(2)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{}, s)
		b.start()
		b.until(ms)
		s.Shutdown(b.now)
		b.until(2 * ms)
		require.Equal(t, inEnd, th.state)
		require.True(t, th.Task().Asleep(), "it has ended")
	})
	// A jiffy is 4 ms; the ticks are at 0, 4, 8 ... ms.
	for _, tc := range []struct{ timeo, ends engine.Time }{{us, 4 * ms}, {4 * ms, 4 * ms}, {4*ms + 1, 8 * ms}, {10 * ms, 12 * ms}} {
		t.Run(fmt.Sprint("RX-3 SO_RCVTIMEO counts jiffies ", tc.timeo), func(t *testing.T) {
			b := newBench(2)
			s := b.socket(1 << 20)
			th := b.thread(1, ReaderConfig{RcvTimeo: tc.timeo}, s)
			b.start()
			b.until(tc.ends - 1)
			require.Zero(t, th.Timeouts)
			b.until(tc.ends + us)
			require.EqualValues(t, 1, th.Timeouts)
			require.EqualValues(t, 1, th.Empty)
			require.EqualValues(t, 2, th.Calls, "EAGAIN, and again")
		})
	}
	t.Run("RX-3 SO_RCVTIMEO is not over when data comes", func(t *testing.T) {
		b := newBench(2)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{RcvTimeo: 8 * ms}, s)
		b.start()
		for at := 7 * ms; at < 40*ms; at += 4 * ms {
			b.until(at)
			b.deliver(s, 896, 1)
		}
		require.Zero(t, th.Timeouts)
		require.EqualValues(t, 9, s.Delivered)
		b.until(100 * ms)
		require.NotZero(t, th.Timeouts)
	})
	t.Run("RX-5 the first MSG_PEEK counts, the read does not", func(t *testing.T) {
		for name, tc := range map[string]struct {
			edit func(*bench)
			want []uint64
		}{"4.0": {func(*bench) {}, []uint64{1, 1, 1}}, "6.1": {on61, []uint64{0, 0, 1}}, "6.18": {on618, []uint64{0, 0, 1}}} {
			b := newBench(1, tc.edit)
			b.start()
			s := b.socket(1 << 20)
			b.deliver(s, 896, 1)
			for i, flags := range []Flags{MsgPeek, MsgPeek, 0} {
				_, err := b.recvMsg(s, flags)
				require.NoError(t, err)
				require.Equal(t, tc.want[i], b.net.UDP.InDatagrams, "%s, call %d", name, i)
			}
		}
	})
	t.Run("RX-7 whoever has it last frees it", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 1)
		var seen, taken Datagram
		require.True(t, s.peek(&seen))
		require.True(t, s.take(&taken))
		require.True(t, s.finish(b.now, &taken, &b.digest))
		require.Equal(t, 896, s.Rmem(), "the peeker has it still")
		require.True(t, s.peeked(b.now, &seen, &b.digest))
		require.Zero(t, s.Rmem())
	})
	t.Run("RX-8 a page fault in the copy keeps it charged", func(t *testing.T) {
		b := newBench(2)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{FaultPPM: 1_000_000, FaultFor: law.Constant(int64(5 * ms))}, s)
		b.start()
		b.until(ms)
		b.deliver(s, 896, 1)
		b.until(5 * ms)
		require.Equal(t, level{0, 896, 0, 1}, b.level(s))
		require.True(t, th.Task().Asleep())
		b.counts(t, mib.UDP{})
		b.until(7 * ms)
		require.Zero(t, s.Rmem())
		require.EqualValues(t, 1, th.Faults)
		b.counts(t, mib.UDP{InDatagrams: 1})
	})
	t.Run("RX-8 MSG_TRUNC and short buffers", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 4)
		for _, tc := range []struct {
			size  int
			flags Flags
			n     int
			out   Flags
		}{{60, 0, 60, MsgTrunc}, {60, MsgTrunc, 100, MsgTrunc}, {100, 0, 100, 0}, {0, 0, 0, MsgTrunc}} {
			m, err := s.RecvMsg(b.now, tc.size, tc.flags, &b.digest)
			require.NoError(t, err)
			require.Equal(t, tc.n, m.N)
			require.Equal(t, tc.out, m.Flags)
		}
		b.counts(t, mib.UDP{InDatagrams: 4})
		require.Zero(t, s.Queued(), "the rest is gone")
	})
}

func TestRecvmmsgRules(t *testing.T) {
	t.Run("RM-1 a whole recvmsg for each", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 5)
		ms, err := s.RecvMMsg(b.now, 3, 60, 0, &b.digest)
		require.NoError(t, err)
		require.Len(t, ms, 3)
		require.Equal(t, 60, ms[2].N)
		require.Equal(t, 2*896, s.Rmem())
		b.counts(t, mib.UDP{InDatagrams: 3})
	})
	timed := func(waitAll bool, batch int) (*bench, *Sock, *Thread) {
		b := newBench(2)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{Batch: batch, Timeout: 2 * ms, WaitAll: waitAll, Service: law.Constant(int64(us))}, s)
		b.start()
		b.until(us)
		return b, s, th
	}
	t.Run("RM-2 the timeout is looked at when a datagram has come in", func(t *testing.T) {
		b, s, th := timed(true, 10)
		b.until(50 * ms) // long past it, and still asleep
		require.Zero(t, th.Timeouts)
		b.deliver(s, 896, 1)
		b.until(60 * ms)
		require.EqualValues(t, 1, th.Timeouts)
		require.EqualValues(t, 1, s.Delivered)
		require.EqualValues(t, 2, th.Calls)
	})
	t.Run("RM-2 without MSG_WAITFORONE it waits for all", func(t *testing.T) {
		b, s, th := timed(true, 3)
		b.deliver(s, 896, 2)
		b.until(500 * us)
		require.EqualValues(t, 2, s.Delivered)
		require.EqualValues(t, 1, th.Calls)
		b.deliver(s, 896, 1)
		b.until(600 * us)
		require.EqualValues(t, 2, th.Calls)
		require.Zero(t, th.Timeouts)
	})
	t.Run("RM-2 with it the first is enough", func(t *testing.T) {
		b, s, th := timed(false, 3)
		b.deliver(s, 896, 1)
		b.until(500 * us)
		require.EqualValues(t, 2, th.Calls)
	})
	t.Run("RM-3 an error after the first is the next call's", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 1)
		ms, err := s.RecvMMsg(b.now, 3, 100, MsgFault, &b.digest)
		require.ErrorIs(t, err, ErrFault)
		require.Empty(t, ms)

		b.deliver(s, 896, 2)
		calls := 0
		s.SetFilter(nil)
		got := []Message{}
		for calls < 1 { // the first is good, then the buffer ends
			m, err := b.recvMsg(s, 0)
			require.NoError(t, err)
			got = append(got, m)
			calls++
		}
		s.SetError(ErrFault)
		ms, err = s.RecvMMsg(b.now, 3, 100, 0, &b.digest)
		require.ErrorIs(t, err, ErrFault, "before the loop a pending error is returned")
		require.Empty(t, ms)
		ms, err = s.RecvMMsg(b.now, 3, 100, 0, &b.digest)
		require.NoError(t, err)
		require.Len(t, ms, 1, "EAGAIN after it is no error")
		require.Len(t, got, 1)
		b.deliver(s, 896, 1)
		_, err = b.recv(s)
		require.NoError(t, err, "nor is it kept")
	})
}

func TestWakeupRules(t *testing.T) {
	t.Run("WK-1 a wake-up for every datagram", func(t *testing.T) {
		b := newBench(3)
		s := b.socket(1 << 20)
		one, two := b.thread(1, ReaderConfig{}, s), b.thread(2, ReaderConfig{}, s)
		b.costs.IPILatency.Fixed = 50 * us
		b.start()
		b.until(ms)
		b.deliver(s, 896, 2) // the second finds a queue that is not empty
		b.until(2 * ms)
		require.EqualValues(t, 1, one.Task().Wakeups)
		require.EqualValues(t, 1, two.Task().Wakeups)
	})
	t.Run("WK-2 one exclusive sleeper, and every poll", func(t *testing.T) {
		b := newBench(5)
		s := b.socket(1 << 20)
		s.NonBlocking = true
		poll, epoll := b.thread(3, ReaderConfig{Wait: WaitPoll}, s), b.thread(4, ReaderConfig{Wait: WaitEpoll}, s)
		s.NonBlocking = false
		one, two := b.thread(1, ReaderConfig{}, s), b.thread(2, ReaderConfig{}, s)
		b.start()
		b.until(ms)
		b.deliver(s, 896, 1)
		b.until(2 * ms)
		require.EqualValues(t, 1, one.Task().Wakeups+two.Task().Wakeups)
		require.EqualValues(t, 1, poll.Task().Wakeups)
		require.EqualValues(t, 1, epoll.Task().Wakeups)
	})
	t.Run("WK-3 within the softirq, under the lock", func(t *testing.T) {
		b := newBench(3, func(b *bench) { b.costs.Wake.Fixed = 20 * us })
		b.host.SMP = true
		s := b.socket(1 << 20)
		b.thread(2, ReaderConfig{}, s)
		b.start()
		b.until(ms)
		var first, second engine.Time
		b.job = func(c *cpu.Core) { b.put(c, s, 896); first = c.Now() }
		other := b.cores[1].NewLine(&b.zero, &b.count, func(c *cpu.Core) { b.put(c, s, 896); second = c.Now() })
		b.line.Raise(ms + us)
		other.Raise(ms + 5*us)
		b.until(2 * ms)
		require.Equal(t, ms+21*us, first)
		require.GreaterOrEqual(t, second, first)
	})
}

func TestPollRules(t *testing.T) {
	t.Run("PL-1 a blocking descriptor drops bad checksums", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		require.Zero(t, s.Poll(b.now, &b.digest))
		b.deliver(s, 896, 2, bad)
		b.deliver(s, 896, 1)
		require.Equal(t, PollIn, s.Poll(b.now, &b.digest))
		b.counts(t, mib.UDP{InErrors: 2, InCsumErrors: 2})
		require.Equal(t, 1, s.Queued())
		require.Equal(t, 896, s.Rmem())
	})
	t.Run("PL-1 a non-blocking one reports them", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		s.NonBlocking = true
		b.deliver(s, 896, 1, bad)
		require.Equal(t, PollIn, s.Poll(b.now, &b.digest))
		b.counts(t, mib.UDP{})
	})
	t.Run("PL-1 reading was shut down", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 1, bad)
		s.Shutdown(b.now)
		require.Equal(t, PollIn|PollRdHup, s.Poll(b.now, &b.digest))
		b.counts(t, mib.UDP{})
	})
	t.Run("PL-1 in epoll_wait, which takes the time of the checksum", func(t *testing.T) {
		b := newBench(2)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{Wait: WaitEpoll}, s)
		b.start()
		b.until(ms)
		b.costs.Checksum.Fixed = 100 * us
		b.deliver(s, 896, 1, bad)
		b.until(2 * ms)
		b.counts(t, mib.UDP{InErrors: 1, InCsumErrors: 1})
		require.Zero(t, th.Calls)
		require.EqualValues(t, 100*us, b.cores[1].Books(2*ms).System)
	})
	t.Run("PL-2 SIOCINQ is the payload of the first", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		require.Zero(t, s.Inq(b.now, &b.digest))
		b.deliver(s, 896, 1, bad)
		b.deliver(s, 896, 3)
		require.Equal(t, 100, s.Inq(b.now, &b.digest))
		require.Equal(t, 3, s.Queued())
		b.counts(t, mib.UDP{InErrors: 1, InCsumErrors: 1})
	})
	t.Run("poll asks every socket each time", func(t *testing.T) {
		b := newBench(2)
		one, two, three := b.socket(1<<20), b.socket(1<<20), b.socket(1<<20)
		b.costs.PollFD.Fixed = 10 * us
		th := b.thread(1, ReaderConfig{Wait: WaitPoll}, one, two, three)
		b.start()
		b.until(ms)
		require.EqualValues(t, 30*us, b.cores[1].Books(ms).System)
		b.deliver(two, 896, 2)
		b.until(2 * ms)
		require.EqualValues(t, 2, two.Delivered)
		require.Equal(t, wakes{1, 2, 0, 3}, th.wakes())
		require.EqualValues(t, (1+1+2)*30*us, b.cores[1].Books(2*ms).System)
	})
	t.Run("edge-triggered: reported once, read until empty", func(t *testing.T) {
		for _, drain := range []bool{false, true} {
			b := newBench(2)
			s := b.socket(1 << 20)
			s.NonBlocking = true
			b.costs.IPILatency.Fixed = 50 * us
			b.thread(1, ReaderConfig{Wait: WaitEpoll, Edge: true, Drain: drain}, s)
			b.start()
			b.until(ms)
			b.deliver(s, 896, 3)
			b.until(2 * ms)
			require.EqualValues(t, map[bool]int{false: 1, true: 3}[drain], s.Delivered)
			b.deliver(s, 896, 1)
			b.until(3 * ms)
			require.EqualValues(t, map[bool]int{false: 2, true: 4}[drain], s.Delivered)
		}
	})
	t.Run("spinning never sleeps", func(t *testing.T) {
		b := newBench(2)
		one, two := b.socket(1<<20), b.socket(1<<20)
		b.costs.RecvEmpty.Fixed = us
		th := b.thread(1, ReaderConfig{Wait: WaitSpin}, one, two)
		b.start()
		b.deliver(two, 896, 1)
		b.until(ms)
		require.EqualValues(t, 1, two.Delivered)
		require.InDelta(t, 1000, float64(th.Empty), 2)
		require.Zero(t, th.Task().Wakeups)
	})
	t.Run("a peek costs a call", func(t *testing.T) {
		b := newBench(2)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{Peek: true}, s)
		b.start()
		b.deliver(s, 896, 5)
		b.until(ms)
		require.EqualValues(t, 5, s.Delivered)
		require.EqualValues(t, 11, th.Calls)
		b.counts(t, mib.UDP{InDatagrams: 5})
		require.Zero(t, s.Rmem())
	})
}

func TestOvflRules(t *testing.T) {
	t.Run("OV-1 V15 the drops as of the queueing, none while zero", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(212992)
		s.RXQOvfl = true
		b.deliver(s, 896, 243)
		for range 238 {
			m, err := b.recvMsg(s, 0)
			require.NoError(t, err)
			require.Zero(t, m.Ovfl)
		}
		b.deliver(s, 896, 1)
		m, err := b.recvMsg(s, 0)
		require.NoError(t, err)
		require.EqualValues(t, 5, m.Ovfl)
	})
	t.Run("OV-1 only if asked", func(t *testing.T) {
		for name, tc := range map[string]struct {
			edit func(*bench)
			late uint32 // set only after the datagram was queued
		}{"4.0": {func(*bench) {}, 2}, "6.18": {on618, 0}} {
			b := newBench(1, tc.edit)
			b.start()
			s := b.socket(1 << 20)
			s.Drops = 2
			b.deliver(s, 896, 2)
			m, err := b.recvMsg(s, 0)
			require.NoError(t, err)
			require.Zero(t, m.Ovfl, name)
			s.RXQOvfl = true
			m, err = b.recvMsg(s, 0)
			require.NoError(t, err)
			require.Equal(t, tc.late, m.Ovfl, name)
		}
	})
	t.Run("OV-1 of a backlog: as of the drain", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		s.RXQOvfl = true
		s.Lock()
		b.deliver(s, 896, 1)
		s.Drops = 7
		s.Release(b.now)
		m, err := b.recvMsg(s, 0)
		require.NoError(t, err)
		require.EqualValues(t, 7, m.Ovfl)
	})
}

func TestRcvBufRules(t *testing.T) {
	of := func(c Config, rmemMax int) int {
		l := DefaultLimits()
		l.RmemMax = rmemMax
		return l.EffectiveRcvBuf(&profile40, &c)
	}
	t.Run("RB-1 clamped, doubled", func(t *testing.T) {
		require.Equal(t, 131072, of(Config{RcvBuf: 65536}, 212992))
		require.Equal(t, 425984, of(Config{RcvBuf: 8388608}, 212992))
	})
	t.Run("RB-2 the least", func(t *testing.T) {
		require.Equal(t, 2304, of(Config{RcvBuf: 1}, 212992))
		for _, bytes := range []int{2303, 2304} {
			l := DefaultLimits()
			l.RmemMax = bytes
			require.Equal(t, bytes < 2304, l.Validate() != nil)
			l = DefaultLimits()
			l.RmemDefault = bytes
			require.Equal(t, bytes < 2304, l.Validate() != nil)
		}
	})
	t.Run("RB-3 forced: not clamped", func(t *testing.T) {
		require.Equal(t, 16777216, of(Config{RcvBufForce: 8388608}, 212992))
	})
	t.Run("RB-4 the default is not doubled", func(t *testing.T) {
		require.Equal(t, 212992, of(Config{}, 16777216))
		require.Equal(t, 256*(256+256+320), DefaultLimits().RmemDefault)
	})
	t.Run("RB-5 negative", func(t *testing.T) {
		require.Equal(t, 425984, of(Config{RcvBuf: -1}, 212992))
		require.Equal(t, -2, of(Config{RcvBufForce: -1}, 212992))
	})
	t.Run("RB-6 at run time", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(212992)
		b.deliver(s, 896, 10)
		s.SetRcvBuf(1)
		require.Equal(t, 2304, s.RcvBuf)
		b.deliver(s, 896, 1)
		require.EqualValues(t, 1, s.Drops)
		require.Equal(t, 10, s.Queued())
		s.SetRcvBufForce(8388608)
		require.Equal(t, 16777216, s.RcvBuf)
		b.deliver(s, 896, 1)
		require.Equal(t, 11, s.Queued())
	})
}

func TestUDPMemRules(t *testing.T) {
	t.Run("UM-1 udp_init", func(t *testing.T) {
		require.Equal(t, [3]int{384000, 512000, 768000}, DefaultUDPMem(4_096_000))
		require.Equal(t, [3]int{96, 128, 192}, DefaultUDPMem(100))
		require.Equal(t, [3]int{750, 1003, 1500}, DefaultUDPMem(8024), "divided first")
	})
	t.Run("UM-4 more than a page goes back", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 4096, 2)
		_, _ = b.recv(s)
		require.Equal(t, MemInfo{RmemAlloc: 4096, RcvBuf: 1 << 20, FwdAlloc: 4096}, s.MemInfo(), "a page is not more than a page")
		_, _ = b.recv(s)
		require.Zero(t, b.host.Memory.Pages)
	})
	t.Run("UM-7 a backlog is charged to nobody", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		s.Lock()
		b.deliver(s, 896, 10)
		require.Equal(t, level{0, 0, 8960, 0}, b.level(s))
	})
	t.Run("UM-2 readers that lag behind are asked before a refusal", func(t *testing.T) {
		b := newBench(2, func(b *bench) { b.host.Memory.Limits.UDPMem = [3]int{1, 1, 100} })
		held, s := b.socket(1<<20), b.socket(1<<20)
		b.thread(1, ReaderConfig{}, held)
		b.cores[0].Join(false)
		b.cores[1].Join(true) // a consumer
		held.SettleWith(b.cores[1])
		late := b.cores[0].NewLine(&b.zero, &b.count, func(c *cpu.Core) { // the reader has been done for long, and nobody has looked
			s.rmem = 4096
			b.put(c, s, 896)
			s.rmem -= 4096
		})
		b.job = func(c *cpu.Core) { b.put(c, held, 11136) }
		b.line.Raise(2 * ms)
		late.Raise(5 * ms)
		b.until(6 * ms)
		b.counts(t, mib.UDP{InDatagrams: 1})
	})
}

// The surprising facts of section 12 and the vectors of section 13 that no other
// test of this package has.
func TestSurprises(t *testing.T) {
	t.Run("SUR-7 ordinary overflow never comes to the test behind the lock", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(212992)
		b.deliver(s, 896, 300)
		b.costs.Enqueue.Fixed = us
		b.at(b.now+us, func(c *cpu.Core) {
			start := c.Now()
			b.put(c, s, 896)
			require.Equal(t, start, c.Now())
		})
		b.until(b.now + ms)
		require.EqualValues(t, 63, s.Drops)
	})
	t.Run("SUR-9 the comparisons", func(t *testing.T) {
		b := newBench(1)
		b.start()
		direct, owned := b.socket(2304), b.socket(2304)
		owned.Lock()
		b.deliver(direct, 1152, 5)
		b.deliver(owned, 1152, 5)
		require.Equal(t, 2, direct.Queued())
		require.Equal(t, 3*1152, owned.Backlog())
		owned.Release(b.now)
		require.Equal(t, 2, owned.Queued())
	})
	t.Run("SUR-25 EAGAIN although more wait", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 1, bad)
		b.deliver(s, 896, 1)
		_, err := b.recvMsg(s, MsgDontWait)
		require.ErrorIs(t, err, ErrAgain)
		require.Equal(t, 1, s.Queued())
		b.deliver(s, 896, 1)
		_, err = b.recvMsg(s, 0)
		require.NoError(t, err)
	})
	t.Run("SUR-25 not on a blocking call", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(1 << 20)
		b.deliver(s, 896, 1, bad)
		b.deliver(s, 896, 1)
		m, err := b.recvMsg(s, 0)
		require.NoError(t, err)
		require.EqualValues(t, 2, m.ID)
	})
	t.Run("SUR-38 an idle socket blocks recvmmsg past its timeout", func(t *testing.T) {
		b := newBench(2)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{Batch: 4, Timeout: us}, s)
		b.start()
		b.until(engine.Second)
		require.Zero(t, th.Timeouts)
		require.EqualValues(t, 1, th.Calls)
	})
	t.Run("SUR-40 a join that waits for the RTNL fills the backlog", func(t *testing.T) {
		b := newBench(2)
		s := b.socket(1 << 20)
		NewLocker(&b.host, b.cores[1], "joins", LockConfig{Every: 10 * ms, For: 5 * ms, Asleep: true}, []*Sock{s})
		b.start()
		b.until(12 * ms)
		b.deliver(s, 896, 4)
		require.Equal(t, level{0, 0, 3584, 0}, b.level(s))
		require.Zero(t, b.cores[1].Books(12*ms).System, "the holder sleeps")
		b.until(16 * ms)
		require.Equal(t, level{4, 3584, 0, 1}, b.level(s))
	})
	t.Run("V10 a filter that refuses", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(212992)
		s.SetFilter(refuseAll)
		b.deliver(s, 896, 10)
		b.counts(t, mib.UDP{InErrors: 10})
		require.Zero(t, s.Drops)
		require.EqualValues(t, 10, b.ledger.Dropped[skb.SocketFilter])
	})
	t.Run("V12 MSG_PEEK twice, then read", func(t *testing.T) {
		b := newBench(1)
		b.start()
		s := b.socket(212992)
		b.deliver(s, 896, 1)
		for i, flags := range []Flags{MsgPeek, MsgPeek, 0} {
			require.Equal(t, 896, s.Rmem(), "call %d", i)
			_, err := b.recvMsg(s, flags)
			require.NoError(t, err)
			b.counts(t, mib.UDP{InDatagrams: 1})
		}
		require.Zero(t, s.Rmem())
	})
}

// Newer kernels: a filter's refusal counts in sk_drops, and comes before the
// test of the buffer.
func TestFilterFirst(t *testing.T) {
	for name, edit := range map[string]func(*bench){"6.1": on61, "6.18": on618} {
		b := newBench(1, edit)
		b.start()
		s := b.socket(2304)
		b.deliver(s, 4352, 1) // full
		s.SetFilter(refuseAll)
		b.deliver(s, 4352, 1)
		b.counts(t, mib.UDP{InErrors: 1})
		require.EqualValues(t, 1, s.Drops, name)
		require.EqualValues(t, 1, b.ledger.Dropped[skb.SocketFilter])
	}
}

// Pauses at random and from a list: no two overlap, and the list ends.
func TestPauseKinds(t *testing.T) {
	rand := engine.NewStream(1, "x")
	trace := Pauses{Trace: []Pause{{ms, 2 * ms}, {3 * ms, ms}, {10 * ms, us}}}
	p := newPauser(&trace, &rand)
	for _, tc := range []struct{ now, want engine.Time }{{0, 0}, {ms, 3 * ms}, {3 * ms, 4 * ms}, {4 * ms, 0}, {10 * ms, 10*ms + us}, {11 * ms, 0}, {engine.Second, 0}} {
		require.Equal(t, tc.want, p.pauseEnd(tc.now), "at %v", tc.now)
	}
	random := Pauses{Every: law.Must(law.Exponential(int64(10 * ms))), For: law.Must(law.Uniform(int64(ms), int64(3*ms)))}
	p = newPauser(&random, &rand)
	var paused engine.Time
	for now := engine.Time(0); now < 100*engine.Second; {
		if end := p.pauseEnd(now); end > 0 {
			paused += end - now
			now = end
			continue
		}
		now += 100 * us
	}
	require.InDelta(t, 2.0/12*100, paused.Seconds(), 1, "2 of 12 ms, less what lies between two looks")
}

// Workers take over the service; a full queue makes the reader wait, or loses.
func TestPool(t *testing.T) {
	for _, drop := range []bool{false, true} {
		b := newBench(4)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{Batch: 8}, s)
		p := NewPool(&b.host, PoolConfig{Queue: 4, Drop: drop, Service: law.Constant(int64(100 * us))})
		p.AddWorker(b.cores[2], "w0", engine.NewStream(1, "w0"))
		p.AddWorker(b.cores[3], "w1", engine.NewStream(1, "w1"))
		p.Serve(th)
		b.start()
		b.until(ms)
		b.deliver(s, 896, 20)
		b.until(20 * ms)
		require.EqualValues(t, 20, s.Delivered)
		require.EqualValues(t, 20, p.Handled+p.Dropped)
		require.Equal(t, drop, p.Dropped > 0)
		require.Equal(t, drop, p.Stalls == 0)
		require.Equal(t, 4, p.Max)
		require.Zero(t, p.Waiting())
		require.EqualValues(t, p.Handled, p.Done.N)
		require.EqualValues(t, engine.Time(p.Handled)*100*us, b.cores[2].Books(20*ms).User+b.cores[3].Books(20*ms).User)
	}
}

func TestSocketConfigRefused(t *testing.T) {
	ok := Config{Local: netip.MustParseAddrPort("0.0.0.0:1")}
	require.NoError(t, ok.Validate())
	for want, spoil := range map[string]func(*Config){
		"rcvtimeo": func(c *Config) { c.RcvTimeo = -1 },
		"filter":   func(c *Config) { c.Filter = make([]FilterInsn, 4097) },
	} {
		c := ok
		spoil(&c)
		require.ErrorContains(t, c.Validate(), want)
	}
}
