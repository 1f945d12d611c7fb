package nic

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// always lets every allocation fail until t.
func always(until engine.Time) Failures { return Failures{Share: million, Until: until} }

// held is an interface whose packets keep their half pages for that long.
func held(hold engine.Time) Config {
	cfg := oneQueue()
	cfg.Memory.PageHold = hold
	return cfg
}

// RX-4: the three indices and next_to_alloc begin at 0, go round the ring one by
// one, and next_to_alloc is where the pages of the cleaned slots gather.
func TestRX4Indices(t *testing.T) {
	b := newBench(t, held(1), stalled)
	q := b.port.Queues()[0]
	require.Equal(t, [4]int{511, 0, 0, 511}, [4]int{q.ntu, q.ntc, q.rdh, q.pages.nta}, "RX-6: 511 of 512 armed, the tail register with them")
	b.send(frameOf(60), 70)
	require.Equal(t, [4]int{511, 0, 70, 511}, [4]int{q.ntu, q.ntc, q.rdh, q.pages.nta})
	b.pollTimes(1) // arms 48, the last 16 stay
	require.Equal(t, [4]int{47, 64, 70, 63}, [4]int{q.ntu, q.ntc, q.rdh, q.pages.nta})
	b.pollTimes(1) // arms 16 at its top
	require.Equal(t, [4]int{63, 70, 70, 69}, [4]int{q.ntu, q.ntc, q.rdh, q.pages.nta})
	for range 1000 {
		b.send(frameOf(60), 7)
		b.pollTimes(2)
		require.Less(t, max(q.ntu, q.ntc, q.rdh, q.pages.nta), 512)
		require.Equal(t, 511, q.free()+q.filled()+q.unused(), "RX-5, RX-6")
	}
}

// RX-5: unused is next_to_clean - next_to_use - 1, and a ring more when
// next_to_clean is not ahead; never above count - 1.
func TestRX5Unused(t *testing.T) {
	for _, tc := range []struct{ ntc, ntu, want int }{
		{0, 0, 511}, {5, 5, 511}, {0, 511, 0}, {1, 511, 1}, {511, 0, 510}, {6, 5, 0}, {100, 50, 49}, {50, 100, 461},
	} {
		q := Queue{count: 512, ntc: tc.ntc, ntu: tc.ntu}
		require.Equal(t, tc.want, q.unused(), "%+v", tc)
	}
}

// POLL-6, RX-7: without pages nothing is armed and the poll goes on; every try
// counts once; the ring shrinks until the interface can't receive any more. When
// pages come back, the next service run's interrupt (IRQ-8) arms all of it.
func TestPOLL6PagesRunOut(t *testing.T) {
	cfg := held(engine.Never)
	cfg.Memory.PageFailures = Failures{Share: million, From: 1, Until: engine.Second}
	b := newBench(t, cfg)
	q := b.port.Queues()[0]
	b.port.Connect(&train{frame: frameOf(300), start: us, gap: 10 * us, n: 2000})
	b.until(500 * engine.Millisecond)
	require.Zero(t, q.free())
	require.EqualValues(t, 2*511, b.got, "both halves of every page of the initial fill")
	require.NotZero(t, q.AllocPageFailed)
	require.Equal(t, q.AllocPageFailed, b.ethtool("alloc_rx_page_failed"))
	require.Equal(t, 2000-2*511, b.port.fifo.len(), "the rest waits in the packet buffer")
	b.until(2*engine.Second + engine.Millisecond)
	require.EqualValues(t, 2000, b.got, "IRQ-8: the poll of the service run finds pages again")
}

// RX-7 (a): the slots before the one without a page are armed, with one tail
// write; those behind it wait for a later poll, which counts them again.
func TestRX7ArmsUpToTheFailure(t *testing.T) {
	cfg := held(engine.Never)
	b := newBench(t, cfg, stalled)
	q := b.port.Queues()[0]
	b.send(frameOf(300), 511)
	b.pollTimes(8)
	require.Equal(t, [2]int{496, 15}, [2]int{q.free(), q.unused()})
	require.EqualValues(t, 511, q.pages.fresh, "the initial fill")
	q.pages.PageFailures = always(0)
	// The second half of a page goes with its packet, and the slot has none.
	b.send(frameOf(300), 10)
	b.pollTimes(1)
	require.EqualValues(t, 1, q.AllocPageFailed)
	require.Equal(t, [2]int{496 - 10 + 15, 10}, [2]int{q.free(), q.unused()}, "behind the first frame 16 are free, 15 with pages")
}

// RX-15, POLL-5, ODD-31: without an sk_buff the poll ends, counts as done, and
// unmasks the vector with the frame still in the ring; the next frame's
// interrupt brings the next try.
func TestPOLL5NoSKB(t *testing.T) {
	cfg := oneQueue()
	cfg.Memory.SKBFailures = always(us)
	b := newBench(t, cfg, stalled)
	q := b.port.Queues()[0]
	b.port.Connect(&train{frame: frameOf(60), start: 10, n: 3}) // back to back: 67.2 ns
	b.until(300 * engine.Nanosecond)
	b.pollTimes(1)
	require.EqualValues(t, 1, b.ethtool("alloc_rx_buff_failed"))
	require.Equal(t, 0, b.polls[0].charged, "fewer than its weight: done (POLL-3)")
	require.Zero(t, b.got)
	require.Equal(t, 3, q.filled(), "the slot is not consumed")
	require.Len(t, b.list, 1, "unmasked: the cause that the later frames latched (IRQ-4)")
	b.pollTimes(1)
	require.EqualValues(t, 2, b.ethtool("alloc_rx_buff_failed"))
	require.True(t, b.port.Vectors()[0].enabled)
	require.Empty(t, b.list, "nothing is latched any more: the frames are stuck")
	b.allow = unlimited
	b.until(engine.Second)
	require.Zero(t, b.got)
	b.send(frameOf(60), 1)
	require.EqualValues(t, 4, b.got, "until another one comes")
	require.Zero(t, q.filled())
}

// ODD-31, IRQ-8: if no frame comes, the service run frees them within two
// seconds.
func TestODD31ServiceRecovers(t *testing.T) {
	cfg := oneQueue()
	cfg.Memory.SKBFailures = always(us)
	b := newBench(t, cfg)
	b.send(frameOf(60), 1)
	b.until(2*engine.Second - 1)
	require.Zero(t, b.got)
	require.EqualValues(t, 1, b.ethtool("alloc_rx_buff_failed"))
	b.until(2*engine.Second + us)
	require.EqualValues(t, 1, b.got)
}

// RX-15: only the first descriptor of a frame needs an sk_buff.
func TestRX15OncePerFrame(t *testing.T) {
	cfg := oneQueue()
	cfg.MTU, cfg.Memory.SKBFailures = 9000, always(20*us)
	b := newBench(t, cfg)
	b.send(frameOf(9014), 1)
	require.EqualValues(t, 1, b.ethtool("alloc_rx_buff_failed"))
	require.Zero(t, b.ethtool("non_eop_descs"))
	b.until(20 * us)
	b.send(frameOf(60), 1)
	require.EqualValues(t, 2, b.got)
	require.EqualValues(t, 4, b.ethtool("non_eop_descs"))

	// Memory runs out between the first piece and the others: nobody asks for any.
	cfg.Memory.SKBFailures = Failures{Share: million, From: 12 * us}
	b = newBench(t, cfg, stalled, func(b *bench) { b.costs.PCIe.PerByte = engine.Nanosecond })
	b.port.Inject(frameOf(9014), 1) // there at 7.2 µs, the first piece written at 9.3, the last at 16.3
	b.until(10 * us)
	b.pollTimes(1)
	require.EqualValues(t, 1, b.ethtool("non_eop_descs"))
	b.until(20 * us)
	b.pollTimes(1)
	require.EqualValues(t, 1, b.got)
	require.Zero(t, b.ethtool("alloc_rx_buff_failed"))
}

// RX-16 to RX-20: what becomes of the page of a frame. The fresh pages beyond
// the 511 of the initial fill are what the frames cost; a frame of more than 256
// bytes whose packets live for ever costs half a page.
func TestPages(t *testing.T) {
	for name, tc := range map[string]struct {
		hold     engine.Time
		reserved uint32
		frame    skb.Frame
		mtu      int
		fresh    int // per 1000 descriptors, in steady state
	}{
		"RX-16 copied frames keep their page":                        {hold: engine.Never, frame: frameOf(256)},
		"RX-17 one byte more is attached":                            {hold: engine.Never, frame: frameOf(257), fresh: 500},
		"RX-17 the short last piece of a long frame is attached too": {hold: engine.Never, frame: frameOf(2048 + 100), mtu: 9000, fresh: 500},
		"RX-19 freed before its turn: recycled":                      {hold: us, frame: frameOf(1000)},
		"RX-19 still held: a fresh page":                             {hold: engine.Second, frame: frameOf(1000), fresh: 500},
		"RX-18 reserved pages are never used again":                  {hold: us, reserved: million, frame: frameOf(1000), fresh: 1000},
		"RX-18 nor when the frame was copied":                        {hold: us, reserved: million, frame: frameOf(60), fresh: 1000},
		"RX-20 sockets that hold for ever":                           {hold: engine.Never, frame: frameOf(1514), fresh: 500},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := held(tc.hold)
			cfg.Memory.Reserved = tc.reserved
			cfg.MTU = max(tc.mtu, cfg.MTU)
			b := newBench(t, cfg)
			q := b.port.Queues()[0]
			b.port.Connect(&train{frame: tc.frame, start: us, gap: 2 * us, n: 6000})
			b.until(6 * engine.Millisecond)
			before, frames := q.pages.fresh, b.got
			b.until(12 * engine.Millisecond)
			got := 1000 * float64(q.pages.fresh-before) / float64(b.got-frames) / float64(b.port.descriptors(tc.frame.Len))
			require.InDelta(t, tc.fresh, got, 20)
		})
	}
}

// RX-14, RX-19: the halves of a page take turns; a copied frame leaves the
// offset as it is (RX-16).
func TestRX19OffsetFlips(t *testing.T) {
	b := newBench(t, held(1), stalled)
	q := b.port.Queues()[0]
	offset := func() bool { return q.pages.slot[511].upper } // where the page of slot 0 is parked (RX-4)
	require.False(t, q.pages.slot[0].upper)
	b.send(frameOf(300), 1)
	b.pollTimes(1)
	require.True(t, offset(), "attached: the other half")

	b = newBench(t, held(1), stalled)
	q = b.port.Queues()[0]
	b.send(frameOf(256), 1)
	b.pollTimes(1)
	require.True(t, q.pages.slot[511].there)
	require.False(t, offset(), "copied: the same half")
}

// A fresh page costs time, a recycled one does not (section 11, d).
func TestPageCost(t *testing.T) {
	spent := func(hold engine.Time) int64 {
		b := newBench(t, held(hold), func(b *bench) { b.costs.Page.Fixed = engine.Microsecond })
		b.port.Connect(&train{frame: frameOf(1000), start: us, gap: 2 * us, n: 2000})
		b.until(engine.Second)
		return b.core.Books(b.now).Softirq
	}
	require.Zero(t, spent(1))
	require.NotZero(t, spent(engine.Never))
}
