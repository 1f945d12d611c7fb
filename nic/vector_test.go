package nic

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

const us = engine.Microsecond

// vectorOf returns the only vector of a bench with that rx-usecs.
func vectorOf(t *testing.T, rxUsecs int) *Vector {
	cfg := oneQueue()
	cfg.RXUsecs = rxUsecs
	return newBench(t, cfg).port.Vectors()[0]
}

// IRQ-9, IRQ-12, ODD-18: rx-usecs n waits floor(n/2) steps of 2.048 µs; 3 acts
// as 2, 0 does not throttle, 1 is dynamic and begins with 20000 a second (IRQ-13).
func TestIRQ12Interval(t *testing.T) {
	require.Equal(t, engine.Time(0), vectorOf(t, 0).interval)
	require.Equal(t, 51_200*engine.Nanosecond, vectorOf(t, 1).interval)
	require.Equal(t, 2_048*engine.Nanosecond, vectorOf(t, 3).interval)
	require.Equal(t, 62*2_048*engine.Nanosecond, vectorOf(t, 125).interval)
	for n := 2; n <= 1022; n++ {
		require.Equal(t, engine.Time(n/2)*2_048*engine.Nanosecond, vectorOf(t, n).interval, "rx-usecs %d", n)
	}
}

// IRQ-11: a fixed value never adapts.
func TestIRQ11FixedStays(t *testing.T) {
	b := newBench(t, oneQueue())
	v := b.port.Vectors()[0]
	require.Zero(t, v.itr)
	cfg := oneQueue()
	cfg.RXUsecs = 50
	b = newBench(t, cfg)
	v = b.port.Vectors()[0]
	for range 20 {
		b.send(frameOf(1514), 100)
		b.until(b.now + engine.Millisecond)
	}
	require.Equal(t, 200, v.itr)
	require.Equal(t, 25*2_048*engine.Nanosecond, v.interval)
}

// IRQ-14, ODD-17: the dynamic algorithm to the register step. It stalls below
// targets that lie above.
func TestIRQ14Sequences(t *testing.T) {
	for name, tc := range map[string]struct {
		from  int
		class latencyClass
		rate  int // bytes per microsecond of the nominal interval
		want  []int
		end   int // where it stays
		runs  int // until it is there
	}{
		"200 to 500 stalls at 490": {200, bulkLatency, 1000,
			[]int{212, 224, 237, 250, 263, 276, 288, 300, 312, 324, 335, 346, 356, 366, 376}, 490, 47},
		"40 to 200 stalls at 190": {40, lowLatency, 15, []int{43, 46, 49, 53, 57, 61, 65, 69, 73, 77}, 190, 0},
		"200 to 40": {200, lowestLatency, 1,
			[]int{142, 113, 95, 83, 74, 68, 63, 59, 56, 53, 51, 49, 47, 46, 45, 44, 43, 42, 41, 40}, 40, 20},
		"490 to 200": {490, lowLatency, 15, []int{427, 383, 350, 325, 305, 289, 276, 265, 256, 249, 243}, 200, 30},
		"490 to 40":  {490, lowestLatency, 1, []int{230, 155, 120, 100, 86, 77, 70, 65, 61}, 40, 22},
	} {
		t.Run(name, func(t *testing.T) {
			v := vectorOf(t, 1)
			v.itr, v.class = tc.from, tc.class
			var got []int
			for range 200 {
				v.rxPackets, v.rxBytes = 1, uint64(tc.rate*(v.itr>>2))
				v.setITR()
				require.Equal(t, interval(v.itr), v.interval)
				require.Equal(t, tc.class, v.class)
				got = append(got, v.itr)
			}
			require.Equal(t, tc.want, got[:len(tc.want)])
			require.Equal(t, tc.end, got[199], "and stays there")
			if tc.runs > 0 {
				require.Equal(t, tc.end, got[tc.runs-1])
				require.NotEqual(t, tc.end, got[tc.runs-2], "not before run %d", tc.runs)
			}
		})
	}
}

// IRQ-15: what the hardware makes of the driver's values.
func TestIRQ15Intervals(t *testing.T) {
	for itr, want := range map[int]engine.Time{
		40: 10_240_000, 190: 47_104_000, 200: 51_200_000, 490: 124_928_000, 500: 126_976_000,
	} {
		require.Equal(t, want, interval(itr), "itr %d", itr)
	}
}

// 2.3 step A: every class at and around its limits, one step per run. The rate
// is a whole number: bytes divided by the nominal microseconds, rounded down.
func TestLatencyClasses(t *testing.T) {
	for _, tc := range []struct {
		from latencyClass
		rate uint64
		want latencyClass
	}{
		{lowestLatency, 0, lowestLatency}, {lowestLatency, 10, lowestLatency}, {lowestLatency, 11, lowLatency}, {lowestLatency, 1e9, lowLatency},
		{lowLatency, 0, lowestLatency}, {lowLatency, 10, lowestLatency}, {lowLatency, 11, lowLatency}, {lowLatency, 20, lowLatency}, {lowLatency, 21, bulkLatency},
		{bulkLatency, 0, lowLatency}, {bulkLatency, 20, lowLatency}, {bulkLatency, 21, bulkLatency},
	} {
		require.Equal(t, tc.want, tc.from.next(tc.rate), "%d at %d", tc.from, tc.rate)
	}
	v := vectorOf(t, 1) // itr 200: 50 nominal microseconds
	v.rxPackets, v.rxBytes = 1, 11*50-1
	v.setITR()
	require.Equal(t, lowestLatency, v.class, "10.98 is 10")
	v = vectorOf(t, 1)
	v.rxPackets, v.rxBytes = 1, 11*50
	v.setITR()
	require.Equal(t, lowLatency, v.class)
}

// 2.3 step A 1: without packets nothing changes and nothing is cleared; with
// them the sums begin anew.
func TestITRWithoutPackets(t *testing.T) {
	v := vectorOf(t, 1)
	v.class = bulkLatency
	v.setITR()
	require.Equal(t, bulkLatency, v.class)
	require.Equal(t, 212, v.itr, "step C runs all the same")
	v.rxPackets, v.rxBytes = 3, 30_000
	v.setITR()
	require.Zero(t, v.rxPackets)
	require.Zero(t, v.rxBytes)
}

// IRQ-17, RX-10: a slow feed of 60-byte frames, one per session, is at 100000
// interrupts a second after 20 of them.
func TestIRQ17SlowFeed(t *testing.T) {
	cfg := oneQueue()
	cfg.RXUsecs = 1
	b := newBench(t, cfg)
	v := b.port.Vectors()[0]
	for n := 1; n <= 20; n++ {
		require.NotEqual(t, 40, v.itr)
		b.send(frameOf(60), 1)
		b.until(b.now + engine.Millisecond)
		require.Len(t, b.polls, n)
	}
	require.Equal(t, 40, v.itr)
}

// IRQ-16: in overload nothing is updated and the sums grow; the first completed
// poll moves one class up.
func TestIRQ16Overload(t *testing.T) {
	cfg := oneQueue()
	cfg.RXUsecs = 1
	b := newBench(t, cfg, stalled)
	v := b.port.Vectors()[0]
	b.send(frameOf(1514), 64*5+10)
	for n := range 5 {
		b.pollTimes(1)
		require.EqualValues(t, 1514*64*(n+1), v.rxBytes)
		require.Equal(t, 200, v.itr)
	}
	b.pollTimes(1)
	require.Zero(t, v.rxBytes)
	require.Equal(t, lowLatency, v.class)
}

// IRQ-1, IRQ-2, IRQ-6: the first frame after a silence interrupts at once; while the
// countdown runs, frames wait for its end.
func TestIRQ2Throttle(t *testing.T) {
	cfg := oneQueue()
	cfg.RXUsecs = 100 // 102.4 µs
	b := newBench(t, cfg)
	at := func(d engine.Time) {
		f := frameOf(60)
		b.until(d)
		b.port.Inject(f, d)
	}
	at(10 * us)
	at(15 * us)
	at(20 * us)
	at(500 * us)
	at(600 * us)
	b.until(engine.Millisecond)
	first := 10*us + 1
	require.Equal(t, []poll{
		{first, 1, 0},
		{first + 102_400_000, 2, 0},
		{500*us + 1, 1, 0},
		{500*us + 1 + 102_400_000, 1, 0},
	}, b.polls)
}

// IRQ-3, IRQ-4: a frame that arrives between the last look at the ring and the
// unmask has latched its cause: the interrupt follows the unmask.
func TestIRQ4Window(t *testing.T) {
	b := newBench(t, oneQueue(), func(b *bench) { b.costs.PollDone.Fixed = 10 * us })
	b.port.Connect(&train{frame: frameOf(60), start: us, gap: 5 * us, n: 2})
	b.until(engine.Millisecond)
	require.Equal(t, []poll{{us + 1, 1, 0}, {11*us + 2, 1, 0}}, b.polls, "the second comes at 6 µs and waits for 11")
}

// IRQ-5, ODD-16: a frame that arrived after the interrupt and was taken by the
// same poll leaves its cause behind: one more interrupt finds nothing.
func TestIRQ5EmptyInterrupt(t *testing.T) {
	b := newBench(t, oneQueue(), func(b *bench) { b.costs.Driver.Fixed = 10 * us })
	b.port.Connect(&train{frame: frameOf(60), start: us, gap: 5 * us, n: 2})
	b.until(engine.Millisecond)
	require.Equal(t, []poll{{us + 1, 2, 0}, {21*us + 2, 0, 0}}, b.polls)
	require.EqualValues(t, 2, b.port.Vectors()[0].Asserts)
}

// IRQ-8, ODD-16: the service task triggers an idle vector every two seconds.
func TestIRQ8Service(t *testing.T) {
	b := newBench(t, oneQueue())
	b.until(10 * engine.Second)
	require.Equal(t, []poll{
		{2*engine.Second + 1, 0, 0}, {4*engine.Second + 1, 0, 0}, {6*engine.Second + 1, 0, 0}, {8*engine.Second + 1, 0, 0},
	}, b.polls[:4])
	require.EqualValues(t, 5, b.port.Vectors()[0].Asserts)
}

// POLL-3, POLL-4, ODD-2: 63 frames complete a poll and charge nothing; exactly
// 64 charge 64 and are followed by a poll that finds nothing.
func TestPOLL3Charge(t *testing.T) {
	for frames, want := range map[int][]poll{
		1:  {{0, 1, 0}},
		63: {{0, 63, 0}},
		64: {{0, 64, 64}, {0, 0, 0}},
		65: {{0, 64, 64}, {0, 1, 0}},
	} {
		rule := "POLL-3"
		if frames == 64 {
			rule = "POLL-4"
		}
		t.Run(fmt.Sprintf("%s %d frames", rule, frames), func(t *testing.T) {
			b := newBench(t, oneQueue(), stalled)
			b.send(frameOf(60), frames)
			b.pollTimes(len(want))
			got := append([]poll{}, b.polls...)
			for i := range got {
				got[i].at = 0
			}
			require.Equal(t, want, got)
		})
	}
}

// POLL-2 (3), (6), RX-37: several rings of a vector share the budget, the one
// added last comes first; one that uses its share makes the poll not done.
func TestPOLL2Shares(t *testing.T) {
	for rings, share := range map[int]int{1: 64, 2: 32, 3: 21, 5: 12, 63: 1} {
		t.Run(fmt.Sprint(rings), func(t *testing.T) {
			cfg := oneQueue()
			cfg.Combined = rings
			b := newBench(t, cfg, stalled)
			v := b.port.Vectors()[0]
			v.queues = b.port.queues // all on one vector, as on a machine with one CPU
			put := func(q *Queue, n int) {
				f := frameOf(60)
				for range n {
					q.put(&f, &verdict{desc: 1}, b.now)
					b.ledger.Frames++
				}
			}
			put(v.queues[rings-1], share-1)
			b.until(us)
			done := v.pollOn(b, 64)
			require.Equal(t, poll{us, uint64(share - 1), 0}, done)

			put(v.queues[0], share)
			require.Equal(t, poll{us, uint64(share), 64}, v.pollOn(b, 64), "not done: 64 whatever was taken")

			if rings > 1 {
				var order []uint16
				b.seen = func(p *skb.Buff) { order = append(order, p.Queue) }
				put(v.queues[0], 1)
				put(v.queues[rings-1], 1)
				v.pollOn(b, 64)
				require.Equal(t, []uint16{uint16(rings - 1), 0}, order)
			}
		})
	}
}

// pollOn calls the poll function once, in an interrupt of the core.
func (v *Vector) pollOn(b *bench, weight int) poll {
	var p poll
	line := b.core.NewLine(&b.zero, &b.kicks, func(c *cpu.Core) {
		before := b.got
		p.charged = v.PollRings(c, weight)
		p.packets = b.got - before
	})
	p.at = b.now
	line.Raise(b.now)
	b.until(b.now)
	return p
}

// RX-36, RX-37, ODD-12: queues and vectors by CPUs; RSS spreads over 16 at most.
func TestRX36Queues(t *testing.T) {
	for name, tc := range map[string]struct {
		combined, cpus        int
		queues, vectors, rssN int
	}{
		"one CPU":                {0, 1, 1, 1, 1},
		"one per CPU":            {0, 4, 4, 4, 4},
		"24 CPUs, RSS of 16":     {0, 24, 24, 24, 16},
		"100 CPUs, 63 queues":    {0, 100, 63, 63, 16},
		"more queues than CPUs":  {8, 4, 8, 4, 8},
		"fewer queues than CPUs": {2, 4, 2, 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.Combined = tc.combined
			var b bench
			p := New("eth0", cfg, Env{Profile: &b.profile, Costs: &b.costs, Ledger: &b.ledger, CPUs: tc.cpus, NAPI: b.instance})
			require.Len(t, p.Queues(), tc.queues)
			require.Len(t, p.Vectors(), tc.vectors)
			require.Equal(t, tc.rssN, p.rssCount)
			for i, q := range p.Queues() {
				require.Equal(t, i%tc.vectors, q.vector.index, "RX-37")
			}
			for i, v := range p.Vectors() {
				require.Equal(t, fmt.Sprintf("eth0-TxRx-%d", i), v.Name(), "RX-40")
			}
		})
	}
}

// IRQ-8: the service task's trigger does not wait for a descriptor that is on
// its way to memory, whichever executive runs the port.
func TestIRQ8WhileWritingBack(t *testing.T) {
	for _, naive := range []bool{true, false} {
		b := newBench(t, oneQueue(), func(b *bench) {
			b.naive = naive
			b.costs.DMA.Fixed = 800 * engine.Nanosecond
		})
		at := 2*engine.Second - 100*engine.Nanosecond
		b.port.Connect(&train{frame: frameOf(60), start: at, gap: us, n: 1})
		b.until(3 * engine.Second)
		require.Equal(t, []poll{{2*engine.Second + 1, 0, 0}, {at + 800*engine.Nanosecond + 1, 1, 0}}, b.polls, "naive: %v", naive)
	}
}
