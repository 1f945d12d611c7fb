package nic

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/kernel"
)

// busyPollOn lets a socket poll the vector once, in an interrupt of the core.
func (v *Vector) busyPollOn(b *bench) (packets int, ok bool) {
	line := b.core.NewLine(&b.zero, &b.kicks, func(c *cpu.Core) { packets, ok = v.BusyPoll(c) })
	line.Raise(b.now)
	b.until(b.now)
	return packets, ok
}

// twoRings returns a vector with two rings, to which no interrupt comes.
func twoRings(t *testing.T, edit ...func(*bench)) (*bench, *Vector, func(ring, frames int)) {
	cfg := oneQueue()
	cfg.Combined = 2
	b := newBench(t, cfg, append(edit, stalled)...)
	v := b.port.Vectors()[0]
	v.queues = b.port.queues
	for _, q := range v.queues {
		q.vector = v
	}
	return b, v, func(ring, frames int) {
		f := frameOf(60)
		for range frames {
			v.queues[ring].put(&f, &verdict{desc: 1}, b.now)
			b.ledger.Frames++
		}
	}
}

// lines returns what ethtool shows of busy polling, if it is not 0.
func lines(p *Port) map[string]uint64 {
	out := map[string]uint64{}
	for _, s := range p.EthtoolStats(0) {
		if s.Value > 0 && (len(s.Name) > 14 && s.Name[11:14] == "bp_") {
			out[s.Name] = s.Value
		}
	}
	return out
}

// POLL-2 (2): a socket's poll takes four frames at most, off the first ring that
// has any, the one added last first, and hands them past GRO.
func TestPOLL2BusyPoll(t *testing.T) {
	b, v, put := twoRings(t)
	put(0, 6)
	put(1, 1)
	b.until(us)
	for _, want := range []struct {
		packets, left0, left1 int
		lines                 map[string]uint64
	}{
		{1, 6, 0, map[string]uint64{"rx_queue_1_bp_cleaned": 1}},
		{4, 2, 0, map[string]uint64{"rx_queue_1_bp_cleaned": 1, "rx_queue_1_bp_misses": 1, "rx_queue_0_bp_cleaned": 4}},
		{2, 0, 0, map[string]uint64{"rx_queue_1_bp_cleaned": 1, "rx_queue_1_bp_misses": 2, "rx_queue_0_bp_cleaned": 6}},
		{0, 0, 0, map[string]uint64{"rx_queue_1_bp_cleaned": 1, "rx_queue_1_bp_misses": 3, "rx_queue_0_bp_cleaned": 6, "rx_queue_0_bp_misses": 1}},
	} {
		n, ok := v.busyPollOn(b)
		require.True(t, ok)
		require.Equal(t, want.packets, n)
		require.Equal(t, want.lines, lines(b.port))
	}
	require.Equal(t, 7, b.pastGRO, "netif_receive_skb, not napi_gro_receive")
	put(0, 1)
	v.pollOn(b, 64)
	require.Equal(t, 7, b.pastGRO, "a poll of NAPI still gives to GRO")
}

// POLL-2 (2): who finds the vector taken does nothing: a poll charges 64, and
// both count at the transmit ring that was added last.
func TestPOLL2Yields(t *testing.T) {
	t.Run("POLL-2 a poll yields", func(t *testing.T) {
		b, v, put := twoRings(t)
		put(0, 3)
		b.until(us)
		v.lock = qvPoll
		require.Equal(t, poll{us, 0, 64}, v.pollOn(b, 64))
		require.Equal(t, map[string]uint64{"tx_queue_1_bp_napi_yield": 1}, lines(b.port))
		v.lock = qvIdle
		require.Equal(t, poll{us, 3, 0}, v.pollOn(b, 64))
	})
	t.Run("POLL-2 a socket yields", func(t *testing.T) {
		b, v, put := twoRings(t)
		put(0, 3)
		b.until(us)
		v.lock = qvNAPI
		n, ok := v.busyPollOn(b)
		require.Zero(t, n)
		require.True(t, ok, "LL_FLUSH_BUSY: it may try again")
		require.Equal(t, map[string]uint64{"tx_queue_1_bp_napi_yield": 1}, lines(b.port), "the same field; rx_queue_N_bp_poll_yield is always 0")
	})
	t.Run("POLL-2 free again", func(t *testing.T) {
		b, v, put := twoRings(t)
		put(0, 1)
		b.until(us)
		v.pollOn(b, 64)
		put(0, 1)
		n, _ := v.busyPollOn(b)
		require.Equal(t, 1, n, "the poll has let go of the vector")
		put(0, 1)
		require.Equal(t, poll{us, 1, 0}, v.pollOn(b, 64), "and the socket")
	})
}

// POLL-2, K310-17: only ixgbe, and not in every kernel; nobody polls a device
// that is down.
func TestPOLL2WhoCanBePolled(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*bench, *Port)
		want bool
	}{
		"POLL-2 ixgbe of 4.0":         {func(*bench, *Port) {}, true},
		"POLL-2 ixgbe that is down":   {func(_ *bench, p *Port) { p.cfg.Down = true }, false},
		"K310-17 ixgbe without":       {func(_ *bench, p *Port) { k := kernel.Linux310(); p.driver.newer(p.driver, &k) }, false},
		"POLL-2 ixgbe of a newer one": {func(_ *bench, p *Port) { k := kernel.Linux61(); p.driver.newer(p.driver, &k) }, false},
		"POLL-2 igb":                  {func(_ *bench, p *Port) { p.driver = igb(&p.cfg) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			b, v, put := twoRings(t)
			tc.edit(b, b.port)
			put(0, 1)
			b.until(us)
			_, ok := v.busyPollOn(b)
			require.Equal(t, tc.want, ok)
		})
	}
}
