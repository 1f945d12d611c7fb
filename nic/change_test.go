package nic

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// change does what an operator does, now.
func (b *bench) change(edit func(*Config)) error {
	b.t.Helper()
	want := b.port.cfg
	edit(&want)
	next, err := b.port.cfg.Become(want)
	if err == nil && b.port.Become(next, b.now) {
		for _, v := range b.port.Vectors() {
			v.Bind(b.core, 1)
		}
	}
	return err
}

func ring(n int) func(*Config) { return func(c *Config) { c.RXRing = n } }
func down(c *Config)           { c.Down = true }
func up(c *Config)             { c.Down = false }

// RX-2: another size of the rings, on an interface that is up: what was in the
// rings and in the packet buffer is lost without a counter, and the rings' own
// counters go on.
func TestRX2SetRing(t *testing.T) {
	b := newBench(t, oneQueue(), stalled)
	b.send(frameOf(60), 10)
	b.pollTimes(1)
	b.send(frameOf(60), 600)
	fifo, inRing := b.port.LiveFrames()
	require.NotZero(t, fifo)

	require.NoError(t, b.change(ring(512)))
	require.Equal(t, fifo+inRing, b.port.Live(), "the same number: nothing happens")
	require.NoError(t, b.change(ring(510)))
	require.Equal(t, fifo+inRing, b.port.Live(), "nor if it is rounded to the same (RX-1)")

	require.NoError(t, b.change(ring(1001)))
	require.Zero(t, b.port.Live())
	require.Equal(t, fifo+inRing, b.ledger.Dropped[skb.HWReset])
	require.Equal(t, 1008-1, b.port.Queues()[0].free())
	require.EqualValues(t, 10, b.ethtool("rx_packets"), "the ring counters survive")
	for _, zero := range []string{"rx_missed_errors", "rx_no_dma_resources", "rx_dropped", "rx_errors"} {
		require.Zero(t, b.ethtool(zero), zero)
	}
	b.allow = unlimited
	b.kick.Raise(b.now + 1)
	b.until(b.now + engine.Millisecond)
	b.send(frameOf(60), 1007)
	require.EqualValues(t, 1017, b.got, "and it works")
}

// RX-2: an interface that is down only remembers the number.
func TestRX2SetRingDown(t *testing.T) {
	b := newBench(t, oneQueue())
	require.NoError(t, b.change(down))
	require.NoError(t, b.change(ring(64)))
	require.Equal(t, 64, b.port.Ethtool().RX)
	require.NoError(t, b.change(up))
	require.Equal(t, 63, b.port.Queues()[0].free())
}

// RX-3: a reset loses what the hardware has counted since the last fold, and
// keeps what was folded; a change of the MTU is one.
func TestRX3CountersLost(t *testing.T) {
	for name, reset := range map[string]func(*Config){
		"RX-3 ring": ring(64), "RX-3 MTU": func(c *Config) { c.MTU = 9000 },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, oneQueue())
			crc := fault(skb.FaultCRC)()
			b.send(crc, 3)
			b.until(2 * engine.Second) // the fold (HW-20)
			b.send(crc, 2)
			require.EqualValues(t, 5, b.ethtool("rx_crc_errors"))
			require.NoError(t, b.change(reset))
			require.EqualValues(t, 3, b.ethtool("rx_crc_errors"))
			b.send(crc, 1)
			require.EqualValues(t, 4, b.ethtool("rx_crc_errors"))
		})
	}
	cfg := oneQueue()
	cfg.Combined, cfg.TXPause = 2, false
	b := newBench(t, cfg, stalled)
	b.send(frameOf(60), 512)
	require.EqualValues(t, 1, b.ethtool("rx_no_dma_resources"))
	require.NoError(t, b.change(ring(64)))
	require.Zero(t, b.ethtool("rx_no_dma_resources"), "a register, too")
}

// A ring that is made anew asks for its pages once.
func TestResetAsksOnceForPages(t *testing.T) {
	cfg := held(us)
	b := newBench(t, cfg, stalled)
	q := b.port.Queues()[0]
	require.EqualValues(t, 511, q.pages.fresh)
	require.NoError(t, b.change(ring(64)))
	require.EqualValues(t, 511+63, q.pages.fresh)
	require.NoError(t, b.change(down))
	b.send(frameOf(60), 1)
	require.NoError(t, b.change(up))
	require.EqualValues(t, 511+63+63, q.pages.fresh)
}

// HW-20: without a link the service task runs ten times a second, and not at all
// while the interface is down.
func TestHW20WaitingForLink(t *testing.T) {
	b := newBench(t, oneQueue())
	v := b.port.Vectors()[0]
	runs := func(until engine.Time) uint64 {
		before := v.Asserts
		b.until(until)
		return v.Asserts - before
	}
	require.EqualValues(t, 1, runs(3*engine.Second), "at 2 s")
	require.NoError(t, b.change(func(c *Config) { c.NoCarrier = true }))
	require.EqualValues(t, 10, runs(4*engine.Second+us))
	require.NoError(t, b.change(down))
	require.Zero(t, runs(10*engine.Second))
	require.NoError(t, b.change(func(c *Config) { c.Down, c.NoCarrier = false, false }))
	runs(11*engine.Second + us) // the link's own run
	require.EqualValues(t, 1, runs(13*engine.Second))
}

// HW-5: -A resets the adapter; drop enable follows the new mode.
func TestHW5PauseResets(t *testing.T) {
	cfg := oneQueue()
	cfg.Combined = 2
	b := newBench(t, cfg, stalled)
	b.send(frameOf(60), 10)
	require.False(t, b.port.dropEn)
	require.NoError(t, b.change(func(c *Config) { c.RXPause, c.TXPause = true, true }))
	require.EqualValues(t, 10, b.port.Live(), "no change: no reset")
	require.NoError(t, b.change(func(c *Config) { c.TXPause = false }))
	require.EqualValues(t, 10, b.ledger.Dropped[skb.HWReset])
	require.True(t, b.port.dropEn)
	require.ErrorContains(t, b.change(func(c *Config) { c.NoPauseAutoneg = false }), "EINVAL", "at 10 Gb/s with the link up")

	cfg = oneQueue()
	cfg.NoCarrier = true
	b = newBench(t, cfg)
	require.NoError(t, b.change(func(c *Config) { c.RXPause, c.TXPause = false, false }))
	require.True(t, b.port.cfg.RXPause && b.port.cfg.TXPause, "autoneg is on while the link is down: both stay on")
	require.NoError(t, b.change(func(c *Config) { c.RXPause, c.TXPause, c.NoPauseAutoneg = false, false, true }))
	require.False(t, b.port.cfg.RXPause || b.port.cfg.TXPause)
}
