package nic

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// TestInterrupts is section 2.1 and 2.2, one rule a row.
func TestInterrupts(t *testing.T) {
	throttled := func(usecs int) Config {
		c := oneQueue()
		c.RXUsecs = usecs
		return c
	}
	t.Run("IRQ-1 masked from the interrupt to the end of the poll", func(t *testing.T) {
		b := newBench(t, oneQueue(), stalled)
		v := b.port.Vectors()[0]
		require.True(t, v.enabled)
		b.send(frameOf(60), 1)
		require.False(t, v.enabled)
		b.pollTimes(1)
		require.True(t, v.enabled)
		b.send(frameOf(60), 5)
		require.EqualValues(t, 2, v.Asserts, "one interrupt, however many frames come")
	})
	t.Run("IRQ-2 pending, enabled and not throttled", func(t *testing.T) {
		b := newBench(t, throttled(100)) // 102.4 µs
		b.port.Connect(&train{frame: frameOf(60), start: 10 * us, gap: 10 * us, n: 30})
		b.until(engine.Millisecond)
		require.Equal(t, 10*us+1, b.polls[0].at, "the first frame at once")
		require.Equal(t, b.polls[0].at+102_400_000, b.polls[1].at, "the next when the countdown is over")
		require.Equal(t, b.polls[1].at+102_400_000, b.polls[2].at)
	})
	t.Run("IRQ-3 a descriptor is written back by itself and at once", func(t *testing.T) {
		b := newBench(t, oneQueue(), func(b *bench) { b.costs.DMA.Fixed = us })
		b.port.Connect(&train{frame: frameOf(60), start: 10 * us, gap: 10 * us, n: 3})
		b.until(engine.Millisecond)
		for i, p := range b.polls[:3] {
			require.Equal(t, poll{engine.Time(i+1)*10*us + us + 1, 1, 0}, p)
		}
	})
	t.Run("IRQ-4 a frame between the last look and the unmask", func(t *testing.T) {
		b := newBench(t, oneQueue(), func(b *bench) { b.costs.PollDone.Fixed = 10 * us })
		b.port.Connect(&train{frame: frameOf(60), start: us, gap: 5 * us, n: 2})
		b.until(engine.Millisecond)
		require.Equal(t, []poll{{us + 1, 1, 0}, {11*us + 2, 1, 0}}, b.polls, "the interrupt follows the unmask")
	})
	t.Run("IRQ-5 one more interrupt finds nothing", func(t *testing.T) {
		b := newBench(t, oneQueue(), func(b *bench) { b.costs.Driver.Fixed = 10 * us })
		b.port.Connect(&train{frame: frameOf(60), start: us, gap: 5 * us, n: 2})
		b.until(engine.Millisecond)
		require.Equal(t, []poll{{us + 1, 2, 0}, {21*us + 2, 0, 0}}, b.polls)
	})
	t.Run("IRQ-6 a new interval does not move the countdown", func(t *testing.T) {
		b := newBench(t, throttled(1000), stalled)
		b.send(frameOf(60), 1)
		v := b.port.Vectors()[0]
		due := v.notBefore
		v.itr = 40
		v.interval = interval(40)
		b.send(frameOf(60), 1)
		b.pollTimes(1)
		require.Equal(t, due, v.notBefore)
		b.send(frameOf(60), 1)
		b.allow = unlimited
		b.until(2 * engine.Millisecond)
		require.Equal(t, due+interval(40), v.notBefore, "it counts from the next interrupt on")
	})
	t.Run("IRQ-9 a step of the register is 2.048 µs", func(t *testing.T) {
		require.Equal(t, 2_048*engine.Nanosecond, interval(8))
		require.Equal(t, 511*2_048*engine.Nanosecond, interval(0xff8), "956 a second")
		require.Equal(t, interval(8), interval(15), "and nothing between")
	})
	t.Run("IRQ-10 what rx-usecs takes", func(t *testing.T) {
		require.Equal(t, 1, DefaultConfig().RXUsecs)
		for usecs, fine := range map[int]bool{-1: false, 0: true, 1: true, 2: true, 1022: true, 1023: false} {
			c := throttled(usecs)
			require.Equal(t, fine, c.Validate(4) == nil, "rx-usecs %d", usecs)
		}
		for usecs, shown := range map[int]int{0: 0, 1: 1, 30: 30} {
			require.Equal(t, shown, newBench(t, throttled(usecs)).port.Ethtool().RXUsecs)
		}
		setting, dynamic := ixgbeSetting(30)
		require.Equal(t, 120, setting, "stored in quarters")
		require.False(t, dynamic)
	})
	t.Run("IRQ-11 fixed settings do not adapt", func(t *testing.T) {
		for usecs := range 1023 {
			_, dynamic := ixgbeSetting(usecs)
			require.Equal(t, usecs == 1, dynamic, "rx-usecs %d", usecs)
		}
	})
	t.Run("IRQ-13 begins at 20000 a second, or at the setting", func(t *testing.T) {
		for usecs, itr := range map[int]int{0: 0, 1: 200, 2: 8, 250: 1000} {
			require.Equal(t, itr, newBench(t, throttled(usecs)).port.Vectors()[0].itr, "rx-usecs %d", usecs)
		}
	})
	t.Run("ODD-18 rx-usecs 3 acts as 2.048 µs", func(t *testing.T) {
		for _, usecs := range []int{2, 3} {
			b := newBench(t, throttled(usecs))
			b.port.Connect(&train{frame: frameOf(60), start: us, gap: 100 * engine.Nanosecond, n: 1000})
			b.until(50 * us)
			require.Equal(t, 2_048*engine.Nanosecond, b.polls[5].at-b.polls[4].at, "rx-usecs %d", usecs)
		}
	})
}

// TestLayout is how many queues and vectors a machine gets, and their names.
func TestLayout(t *testing.T) {
	for name, tc := range map[string]struct {
		combined, cpus        int
		queues, vectors, rssN int
	}{
		"RX-36 one CPU has one queue":       {0, 1, 1, 1, 1},
		"RX-36 one queue per CPU":           {0, 8, 8, 8, 8},
		"RX-36 RSS spreads over 16":         {0, 24, 24, 24, 16},
		"RX-36 at most 63 queues":           {0, 256, 63, 63, 16},
		"RX-37 not more vectors than CPUs":  {8, 3, 8, 3, 8},
		"RX-37 not more than there are for": {2, 8, 2, 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.Combined = tc.combined
			p := portOf(cfg, tc.cpus)
			require.Len(t, p.Queues(), tc.queues)
			require.Len(t, p.Vectors(), tc.vectors)
			require.Equal(t, tc.rssN, p.rssCount)
			for i, q := range p.Queues() {
				require.Same(t, p.Vectors()[i%tc.vectors], q.vector, "ring %d", i)
			}
		})
	}
	t.Run("RX-37 the ring that was added last is polled first", func(t *testing.T) {
		cfg := oneQueue()
		cfg.Combined = 2
		b := newBench(t, cfg, stalled)
		v := b.port.Vectors()[0]
		v.queues = b.port.queues // both on one vector
		for _, q := range b.port.queues {
			f := frameOf(60)
			q.put(&f, &verdict{desc: 1}, b.now)
			b.ledger.Frames++
		}
		var order []uint16
		b.seen = func(p *skb.Buff) { order = append(order, p.Queue) }
		b.until(us)
		v.pollOn(b, 64)
		require.Equal(t, []uint16{1, 0}, order)
	})
	t.Run("RX-40 names", func(t *testing.T) {
		for i, v := range portOf(DefaultConfig(), 3).Vectors() {
			require.Equal(t, fmt.Sprintf("eth0-TxRx-%d", i), v.Name())
		}
		require.True(t, portOf(DefaultConfig(), 3).OtherLast())
	})
}
