package socket

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/hist"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// thread starts a reader of the sockets on a CPU.
func (b *bench) thread(c int, cfg ReaderConfig, socks ...*Sock) *Thread {
	return NewThread(&b.host, b.cores[c], "reader", cfg, socks, engine.NewStream(1, "reader"), 1)
}

// wakes is what a thread was woken for, and what it did then.
type wakes struct{ wakeups, calls, empty, waits uint64 }

func (t *Thread) wakes() wakes { return wakes{t.task.Wakeups, t.Calls, t.Empty, t.Waits} }

// WK-1, WK-2: blocking readers of one socket sleep exclusively: a datagram wakes
// one of them, the one that has slept longest.
func TestWK2OneExclusive(t *testing.T) {
	b := newBench(3)
	s := b.socket(1 << 20)
	first, second := b.thread(1, ReaderConfig{}, s), b.thread(2, ReaderConfig{}, s)
	b.start()
	b.until(ms)
	require.Equal(t, [2]wakes{{0, 1, 0, 0}, {0, 1, 0, 0}}, [2]wakes{first.wakes(), second.wakes()})
	b.deliver(s, 896, 1)
	b.until(2 * ms)
	require.Equal(t, [2]wakes{{1, 2, 0, 0}, {0, 1, 0, 0}}, [2]wakes{first.wakes(), second.wakes()})
	b.deliver(s, 896, 1) // the first is behind the second now
	b.until(3 * ms)
	require.Equal(t, [2]wakes{{1, 2, 0, 0}, {1, 2, 0, 0}}, [2]wakes{first.wakes(), second.wakes()})
	b.deliver(s, 896, 2)
	b.until(4 * ms)
	require.Equal(t, [2]uint64{2, 2}, [2]uint64{first.task.Wakeups, second.task.Wakeups}, "WK-1: every datagram wakes")
	b.counts(t, mib.UDP{InDatagrams: 4})
}

// WK-2: every epoll instance that watches the socket is told each time; who
// comes second finds nothing.
func TestWK2EveryEpoll(t *testing.T) {
	b := newBench(3)
	s := b.socket(1 << 20)
	s.NonBlocking = true
	b.costs.Copy.Fixed = 10 * us
	fast, slow := b.thread(1, ReaderConfig{Wait: WaitEpoll}, s), b.thread(2, ReaderConfig{Wait: WaitEpoll}, s)
	b.start()
	b.until(ms)
	b.deliver(s, 896, 1)
	b.until(2 * ms)
	require.EqualValues(t, 1, fast.task.Wakeups)
	require.EqualValues(t, 1, slow.task.Wakeups)
	require.EqualValues(t, 1, s.Delivered)
	require.EqualValues(t, 1, fast.Calls)
	require.Zero(t, slow.Calls, "epoll_wait asks the socket: it is empty already")
}

// 5.2, RX-3: a non-blocking receive that finds nothing returns at once: two
// threads are told of one datagram while it is still there.
func TestRecvEmpty(t *testing.T) {
	b := newBench(3)
	s := b.socket(1 << 20)
	s.NonBlocking = true
	b.costs.Dequeue.Fixed = 10 * us // both have seen it in epoll_wait before either takes it
	one, two := b.thread(1, ReaderConfig{Wait: WaitEpoll}, s), b.thread(2, ReaderConfig{Wait: WaitEpoll}, s)
	b.start()
	b.until(ms)
	b.deliver(s, 896, 1)
	b.until(2 * ms)
	require.EqualValues(t, 1, s.Delivered)
	require.EqualValues(t, 2, one.Calls+two.Calls)
	require.EqualValues(t, 1, one.Empty+two.Empty)
}

// RM-1, RM-2: recvmmsg takes up to vlen, one after the other; after the first it
// does not wait (MSG_WAITFORONE).
func TestRM2Batch(t *testing.T) {
	for _, tc := range []struct {
		batch, queued int
		calls         uint64 // the last one sleeps
	}{{0, 10, 11}, {1, 10, 11}, {4, 10, 4}, {10, 10, 2}, {64, 10, 2}, {4, 1, 2}} {
		b := newBench(2)
		s := b.socket(1 << 20)
		th := b.thread(1, ReaderConfig{Batch: tc.batch}, s)
		b.costs.IPILatency.Fixed = 100 * us // all ten are there when it wakes
		b.start()
		b.until(ms)
		b.deliver(s, 896, tc.queued)
		b.until(2 * ms)
		b.counts(t, mib.UDP{InDatagrams: uint64(tc.queued)})
		require.Equal(t, tc.calls, th.Calls, "vlen %d", tc.batch)
	}
}

// 5.2.4: a blocking receive that meets a bad checksum starts over; a
// non-blocking one ends, and what the batch has is returned (RM-3).
func TestBadChecksumInRecv(t *testing.T) {
	for name, tc := range map[string]struct {
		nonBlocking bool
		batch       int
		calls       uint64
	}{
		"blocking":                               {false, 0, 4}, // three datagrams, and one that sleeps
		"batch":                                  {false, 8, 2},
		"epoll":                                  {true, 0, 4},
		"epoll, batch: two calls to the bad one": {true, 8, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(2)
			s := b.socket(1 << 20)
			s.NonBlocking = tc.nonBlocking
			b.costs.IPILatency.Fixed = 100 * us
			th := b.thread(1, ReaderConfig{Wait: map[bool]Wait{true: WaitEpoll}[tc.nonBlocking], Batch: tc.batch}, s)
			b.start()
			b.until(ms)
			b.deliver(s, 896, 2)
			b.deliver(s, 896, 1, bad)
			b.deliver(s, 896, 1)
			b.until(2 * ms)
			b.counts(t, mib.UDP{InDatagrams: 3, InErrors: 1, InCsumErrors: 1})
			require.EqualValues(t, 1, s.Drops)
			require.Zero(t, s.Rmem())
			require.Equal(t, tc.calls, th.Calls)
		})
	}
}

// RX-8, S-2, CAP-3: the memory of a datagram stays charged until it has been
// copied.
func TestRX8ChargedWhileCopied(t *testing.T) {
	b := newBench(2)
	s := b.socket(2304)
	b.costs.Copy.Fixed = 100 * us
	b.thread(1, ReaderConfig{}, s)
	b.start()
	b.until(ms)
	b.deliver(s, 2304, 1)
	b.until(ms + 50*us)
	require.Equal(t, level{0, 2304, 0, 1}, b.level(s), "off the queue, and charged")
	b.deliver(s, 2304, 1)
	b.counts(t, mib.UDP{RcvbufErrors: 1, InErrors: 1})
	b.until(ms + 200*us)
	b.deliver(s, 2304, 1)
	b.until(2 * ms)
	b.counts(t, mib.UDP{RcvbufErrors: 1, InErrors: 1, InDatagrams: 2})
	require.Equal(t, level{0, 0, 0, 1}, b.level(s))
}

// The times of a receive: a blocking reader on another CPU, from the wire to the
// end of the copy, step by step.
func TestReceiveTimes(t *testing.T) {
	run := func(change func(*bench), pkt ...func(*skb.Header, *skb.Buff)) engine.Time {
		b := newBench(2)
		change(b)
		s := b.socket(1 << 20)
		b.thread(1, ReaderConfig{}, s)
		b.start()
		b.until(ms)
		b.deliver(s, 896, 1, pkt...)
		b.until(10 * ms)
		require.EqualValues(t, 1, s.WireToApp.N)
		return engine.Time(s.WireToApp.Sum)
	}
	base := run(func(*bench) {})
	require.Equal(t, engine.Picosecond, base, "an interrupt takes that at least")
	unverified := func(_ *skb.Header, p *skb.Buff) { p.Summed = skb.ChecksumNone }
	for name, tc := range map[string]struct {
		cost *engine.Time
		of   func(*bench) *engine.Time
		pkt  []func(*skb.Header, *skb.Buff)
		want engine.Time
	}{
		"enqueue":               {of: func(b *bench) *engine.Time { return &b.costs.Enqueue.Fixed }, want: us},
		"wake":                  {of: func(b *bench) *engine.Time { return &b.costs.Wake.Fixed }, want: us},
		"interrupt latency":     {of: func(b *bench) *engine.Time { return &b.costs.IPILatency.Fixed }, want: us - base},
		"reschedule":            {of: func(b *bench) *engine.Time { return &b.costs.Reschedule.Fixed }, want: us},
		"idle exit":             {of: func(b *bench) *engine.Time { return &b.costs.IdleExit.Fixed }, want: us},
		"switch":                {of: func(b *bench) *engine.Time { return &b.costs.Switch.Fixed }, want: us},
		"dequeue":               {of: func(b *bench) *engine.Time { return &b.costs.Dequeue.Fixed }, want: us},
		"copy":                  {of: func(b *bench) *engine.Time { return &b.costs.Copy.Fixed }, want: us},
		"copy, per byte":        {of: func(b *bench) *engine.Time { return &b.costs.Copy.PerByte }, want: 100 * us},
		"remote":                {of: func(b *bench) *engine.Time { return &b.costs.RemoteSocket.Fixed }, want: us},
		"checksum, verified":    {of: func(b *bench) *engine.Time { return &b.costs.Checksum.Fixed }, want: 0},
		"checksum in recv":      {of: func(b *bench) *engine.Time { return &b.costs.Checksum.Fixed }, pkt: []func(*skb.Header, *skb.Buff){unverified}, want: us},
		"syscall: was paid":     {of: func(b *bench) *engine.Time { return &b.costs.Syscall.Fixed }, want: 0},
		"epoll: is none":        {of: func(b *bench) *engine.Time { return &b.costs.EpollWait.Fixed }, want: 0},
		"remote enqueue: first": {of: func(b *bench) *engine.Time { return &b.costs.RemoteEnqueue.Fixed }, want: 0},
	} {
		got := run(func(b *bench) { *tc.of(b) = us }, tc.pkt...)
		require.Equal(t, tc.want, got-base, name)
	}
}

// remote_enqueue is paid when the socket's last reader ran on another core.
func TestRemoteEnqueue(t *testing.T) {
	b := newBench(2)
	b.costs.RemoteEnqueue.Fixed = us
	s := b.socket(1 << 20)
	b.thread(1, ReaderConfig{}, s)
	b.start()
	b.until(ms)
	var took []engine.Time
	for n := range 3 {
		b.at(engine.Time(n+2)*ms, func(c *cpu.Core) {
			h := &skb.Header{}
			b.ledger.Frames++
			b.ledger.Take()
			start := c.Now()
			s.QueueRcvSKB(c, &skb.Buff{Frame: h.UDPFrame(1), Truesize: 896, Len: 9, Summed: skb.ChecksumUnnecessary})
			took = append(took, c.Now()-start)
		})
		b.until(engine.Time(n+2)*ms + 100*us)
	}
	require.Equal(t, []engine.Time{0, us, us}, took)
}

// A thread serves every ready socket of its epoll_wait once, then asks again;
// a socket with data stays ready (level-triggered).
func TestEpollLevelTriggered(t *testing.T) {
	b := newBench(2)
	one, two := b.socket(1<<20), b.socket(1<<20)
	one.NonBlocking, two.NonBlocking = true, true
	b.costs.IPILatency.Fixed = 100 * us
	b.costs.Copy.Fixed = us
	th := b.thread(1, ReaderConfig{Wait: WaitEpoll}, one, two)
	b.start()
	b.until(ms)
	b.deliver(one, 896, 3)
	b.deliver(two, 896, 1)
	b.until(ms + 103*us + us/2) // it wakes at 101, each copy takes one
	require.Equal(t, [2]int{1, 0}, [2]int{one.Queued(), two.Queued()}, "one, two, one, and one is being copied")
	b.until(2 * ms)
	b.counts(t, mib.UDP{InDatagrams: 4})
	require.Equal(t, wakes{1, 4, 0, 1 + 3}, th.wakes(), "asleep in the first wait; then three rounds, and one that finds nothing")
}

// A reader that pauses does nothing from k*every for so long, and goes on then.
func TestPauses(t *testing.T) {
	b := newBench(2)
	s := b.socket(1 << 20)
	th := b.thread(1, ReaderConfig{Pauses: Pauses{Every: law.Constant(int64(10 * ms)), For: law.Constant(int64(2 * ms))}, Service: law.Constant(int64(us))}, s)
	p := newPauser(&th.cfg.Pauses, &th.rand)
	for _, tc := range []struct{ now, want engine.Time }{
		{0, 0}, {9 * ms, 0}, {10*ms - 1, 0}, {10 * ms, 12 * ms}, {11 * ms, 12 * ms}, {12*ms - 1, 12 * ms}, {12 * ms, 0}, {25 * ms, 0}, {30 * ms, 32 * ms},
	} {
		require.Equal(t, tc.want, p.pauseEnd(tc.now), "at %v", tc.now)
	}
	b.start()
	read := func(at engine.Time) engine.Time { // when a datagram that comes at this instant has been copied
		b.until(at - us)
		before := s.WireToApp.Sum
		b.deliver(s, 896, 1)
		b.until(at + 9*ms)
		return at + engine.Time(s.WireToApp.Sum-before)
	}
	require.Equal(t, ms+1, read(ms))
	require.Equal(t, 30*ms+500*us+1, read(30*ms+500*us), "blocked in recvmsg: that call is served")
	require.Equal(t, 40*ms+500*us+1, read(40*ms+500*us), "it was blocked again before the pause began")
	b.until(50*ms - us)
	b.deliver(s, 896, 1) // read at 50 ms; back in user mode the pause begins
	require.Equal(t, 52*ms, read(51*ms))
}

// The times of epoll_wait: a thread that sleeps in it, from the wire to the end
// of the copy, step by step.
func TestEpollTimes(t *testing.T) {
	run := func(change func(*bench)) engine.Time {
		b := newBench(2)
		change(b)
		s := b.socket(1 << 20)
		s.NonBlocking = true
		b.thread(1, ReaderConfig{Wait: WaitEpoll}, s)
		b.start()
		b.until(ms)
		b.deliver(s, 896, 1)
		b.until(10 * ms)
		require.EqualValues(t, 1, s.WireToApp.N)
		return engine.Time(s.WireToApp.Sum)
	}
	base := run(func(*bench) {})
	for name, tc := range map[string]struct {
		of   func(*bench) *engine.Time
		want engine.Time
	}{
		"the callback":                      {func(b *bench) *engine.Time { return &b.costs.EpollWake.Fixed }, us},
		"the wake-up":                       {func(b *bench) *engine.Time { return &b.costs.Wake.Fixed }, us},
		"asking the sockets once more":      {func(b *bench) *engine.Time { return &b.costs.EpollWait.Fixed }, us},
		"the call of recvmsg":               {func(b *bench) *engine.Time { return &b.costs.Syscall.Fixed }, us},
		"recv_empty: not on the way":        {func(b *bench) *engine.Time { return &b.costs.RecvEmpty.Fixed }, 0},
		"dequeue":                           {func(b *bench) *engine.Time { return &b.costs.Dequeue.Fixed }, us},
		"switch: to the thread, at the end": {func(b *bench) *engine.Time { return &b.costs.Switch.Fixed }, us},
	} {
		require.Equal(t, tc.want, run(func(b *bench) { *tc.of(b) = us })-base, name)
	}
}

// Service is the time in user mode for each datagram of a call: after a call
// that returned four, four of them.
func TestService(t *testing.T) {
	for name, tc := range map[string]struct {
		batch   int
		service law.Law
		want    []engine.Time // when each datagram had waited so long
	}{
		"recvmsg":       {0, law.Constant(int64(10 * us)), []engine.Time{0, 10 * us, 20 * us, 30 * us, 40 * us, 50 * us}},
		"recvmmsg of 4": {4, law.Constant(int64(10 * us)), []engine.Time{0, 0, 0, 0, 40 * us, 40 * us}},
		"none":          {4, law.Law{}, []engine.Time{0, 0, 0, 0, 0, 0}},
	} {
		b := newBench(2)
		s := b.socket(1 << 20)
		b.costs.IPILatency.Fixed = 100 * us
		b.thread(1, ReaderConfig{Batch: tc.batch, Service: tc.service}, s)
		b.start()
		b.until(ms)
		b.deliver(s, 896, 6)
		b.until(2 * ms)
		var sum engine.Time
		for _, w := range tc.want {
			sum += 100*us + w
		}
		require.EqualValues(t, sum, s.RxQueue.Sum, name)
		require.EqualValues(t, 100*us+tc.want[5], s.RxQueue.Max, name)
	}

	for _, l := range []law.Law{
		law.Must(law.Exponential(int64(10 * us))), law.Must(law.Uniform(int64(9*us), int64(11*us))), law.Must(law.Lognormal(int64(10*us), int64(30*us))),
	} {
		b := newBench(2)
		s := b.socket(1 << 20)
		b.costs.IPILatency.Fixed = 100 * us
		th := b.thread(1, ReaderConfig{Service: l}, s)
		b.start()
		b.until(ms)
		b.deliver(s, 896, 400)
		b.until(100 * ms)
		require.EqualValues(t, 400, s.Delivered)
		require.EqualValues(t, 401, th.Calls)
		busy := engine.Time(b.cores[1].Books(100 * ms).User)
		require.InDelta(t, float64(4*ms), float64(busy), float64(ms), "%v: 400 draws of 10 µs on average", l)
	}
}

// The latency of the stack is from the poll to the receive queue.
func TestStackLatency(t *testing.T) {
	b := newBench(1)
	var stack hist.Hist
	b.host.Stack = &stack
	b.costs.Enqueue.Fixed = us
	b.start()
	s := b.socket(1 << 20)
	b.deliver(s, 896, 1, func(_ *skb.Header, p *skb.Buff) { p.Polled -= us / 2 })
	b.until(ms)
	require.EqualValues(t, 1, stack.N)
	require.EqualValues(t, us+us/2, stack.Sum)
}

// A hog takes all the time that others leave, in user mode.
func TestHog(t *testing.T) {
	b := newBench(1)
	Hog(b.cores[0], "hog", 0, ms)
	b.start()
	b.until(10*ms + us)
	require.EqualValues(t, 9*ms+us, b.cores[0].Books(10*ms+us).User)
}
