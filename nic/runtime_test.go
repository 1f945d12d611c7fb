package nic

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// alter does what an operator does, now.
func (b *bench) alter(edit func(*Config)) {
	b.t.Helper()
	next, err := b.asked(edit)
	require.NoError(b.t, err)
	if b.port.Become(next, b.now) {
		for _, v := range b.port.Vectors() {
			v.Bind(b.core, 1)
		}
	}
	require.NoError(b.t, b.ledger.Check(b.port.Live()))
}

// asked returns what the driver says to an operator's wish.
func (b *bench) asked(edit func(*Config)) (Config, error) {
	was := b.port.Config()
	want := was
	edit(&want)
	return was.Become(want)
}

// resets reports whether a change resets the adapter: ten frames that wait in
// the ring are then lost.
func (b *bench) resets(edit func(*Config)) bool {
	b.t.Helper()
	before := b.ledger.Dropped[skb.HWReset]
	b.send(frameOf(60), 10)
	require.GreaterOrEqual(b.t, b.port.Live(), uint64(10), "the ring must hold something to lose")
	b.alter(edit)
	lost := b.ledger.Dropped[skb.HWReset] - before
	require.True(b.t, lost == 0 || b.port.Live() == 0, "all or nothing")
	return lost > 0
}

// TestRingSizeAtRunTime is ethtool -G of an interface that is up.
func TestRingSizeAtRunTime(t *testing.T) {
	t.Run("RX-2 rings and their frames are lost, counters survive", func(t *testing.T) {
		b := newBench(t, oneQueue(), stalled)
		b.send(frameOf(60), 70)
		b.pollTimes(1)
		b.send(frameOf(60), 600) // 505 more in the ring, the rest in the packet buffer
		live := b.port.Live()
		require.Greater(t, live, uint64(511))
		b.alter(func(c *Config) { c.RXRing = 1001 })
		require.Equal(t, live, b.ledger.Dropped[skb.HWReset])
		require.Zero(t, b.port.Live())
		q := b.port.Queues()[0]
		require.Equal(t, 1008, q.count, "RX-1: rounded")
		require.Equal(t, 1007, q.free(), "all armed but one")
		require.EqualValues(t, 64, q.Packets, "the ring's own counters survive")
		for _, s := range b.port.EthtoolStats(0) {
			if s.Name != "rx_packets" && s.Name != "rx_bytes" && s.Name != "rx_queue_0_packets" && s.Name != "rx_queue_0_bytes" {
				require.Zero(t, s.Value, "no counter has them: %s", s.Name)
			}
		}
		b.send(frameOf(60), 5)
		b.pollTimes(2)
		require.EqualValues(t, 69, q.Packets, "and it goes on")
	})
	t.Run("RX-2 the same size changes nothing", func(t *testing.T) {
		b := newBench(t, oneQueue(), stalled)
		require.False(t, b.resets(func(c *Config) { c.RXRing = 505 }), "505 is 512")
	})
	t.Run("RX-2 down: only the number changes", func(t *testing.T) {
		b := newBench(t, oneQueue())
		b.alter(func(c *Config) { c.Down = true })
		b.alter(func(c *Config) { c.RXRing = 1024 })
		require.Equal(t, 1024, b.port.Ethtool().RX)
		require.EqualValues(t, 0, b.ledger.Dropped[skb.HWReset])
		b.alter(func(c *Config) { c.Down = false })
		require.Equal(t, 1023, b.port.Queues()[0].free())
	})
	t.Run("IGB-9 igb reads its registers before: nothing is lost but frames", func(t *testing.T) {
		b := newBench(t, igbQueues(1), stalled)
		b.send(frameOf(60), 10)
		b.alter(func(c *Config) { c.RXRing = 512 })
		require.EqualValues(t, 10, b.ledger.Dropped[skb.HWReset])
		require.EqualValues(t, 10, b.ethtool("rx_packets"))
	})
}

// RX-3: a reset clears the hardware's registers: what they had counted since the
// last fold is lost, what was folded stays.
func TestRX3Registers(t *testing.T) {
	bad := frameOf(60)
	h := *bad.Head
	h.Fault = skb.FaultCRC
	bad.Head = &h
	for name, edit := range map[string]func(*Config){
		"RX-3 ring size": func(c *Config) { c.RXRing = 1024 },
		"RX-3 MTU":       func(c *Config) { c.MTU = 9000 },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, oneQueue())
			b.send(bad, 3)
			b.until(3 * engine.Second) // folded at 2 s
			b.send(bad, 4)
			require.EqualValues(t, 7, b.ethtool("rx_crc_errors"))
			b.alter(edit)
			require.EqualValues(t, 3, b.ethtool("rx_crc_errors"))
			require.EqualValues(t, 3, b.port.Link().RXCRCErrors)
			b.send(bad, 1)
			require.EqualValues(t, 4, b.ethtool("rx_crc_errors"))
		})
	}
}

// TestRSCResets is when large receive offload comes and goes (RX-29): each time
// the adapter is reset.
func TestRSCResets(t *testing.T) {
	base := func() Config {
		c := oneQueue()
		c.RXUsecs = 1
		return c
	}
	usecs := func(n int) func(*Config) { return func(c *Config) { c.RXUsecs = n } }
	for name, tc := range map[string]struct {
		from  func(*Config)
		to    func(*Config)
		reset bool
	}{
		"RX-29 rx-checksum off":            {func(*Config) {}, func(c *Config) { c.RXChecksum = false }, true},
		"RX-29 and on again":               {func(c *Config) { c.RXChecksum = false }, func(c *Config) { c.RXChecksum = true }, true},
		"RX-29 lro off":                    {func(*Config) {}, func(c *Config) { c.NoLRO = true }, true},
		"RX-29 without it nothing happens": {func(c *Config) { c.NoLRO = true }, func(c *Config) { c.RXChecksum = false }, false},
		"RX-29 rx-usecs 7 to 6":            {usecs(7), usecs(6), true},
		"RX-29 rx-usecs 6 to 7":            {usecs(6), usecs(7), true},
		"RX-29 rx-usecs 5 to 6":            {usecs(5), usecs(6), false},
		"IRQ-13 rx-usecs 9 to 10":          {func(c *Config) { c.RXUsecs, c.NoLRO = 9, true }, usecs(10), true},
		"IRQ-13 rx-usecs 2 to 1":           {func(c *Config) { c.RXUsecs, c.NoLRO = 2, true }, usecs(1), true},
		"IRQ-13 rx-usecs 0 to 9":           {func(c *Config) { c.RXUsecs, c.NoLRO = 0, true }, usecs(9), false},
		"IRQ-13 rx-usecs 10 to 1000":       {usecs(10), usecs(1000), false},
		"IRQ-13 rx-usecs 1 to 10":          {usecs(1), usecs(10), false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := base()
			tc.from(&cfg)
			require.Equal(t, tc.reset, newBench(t, cfg, stalled).resets(tc.to))
		})
	}
	t.Run("RX-29 not with igb", func(t *testing.T) {
		require.False(t, newBench(t, igbQueues(1), stalled).resets(func(c *Config) { c.RXChecksum = false }))
	})
}

// IRQ-13: -C resets a vector's value to that of the setting at once; the classes
// are kept.
func TestIRQ13Coalesce(t *testing.T) {
	cfg := oneQueue()
	cfg.RXUsecs = 1
	b := newBench(t, cfg)
	v := b.port.Vectors()[0]
	require.Equal(t, itrLow, v.itr)
	v.itr, v.class = 40, bulkLatency
	b.alter(func(c *Config) { c.RXUsecs = 100 })
	require.Equal(t, 400, v.itr)
	require.Equal(t, 50*2_048*engine.Nanosecond, v.interval)
	b.alter(func(c *Config) { c.RXUsecs = 1 })
	require.Equal(t, itrLow, v.itr)
	require.Equal(t, bulkLatency, v.class)
	require.Equal(t, 1, b.port.Ethtool().RXUsecs)
}

// RX-38: other channels are other rings and vectors: their counters begin at
// zero, those of the hardware keep what was folded.
func TestRX38Channels(t *testing.T) {
	bad := frameOf(60)
	h := *bad.Head
	h.Fault = skb.FaultCRC
	bad.Head = &h
	cfg := oneQueue()
	cfg.Combined = 4
	b := newBench(t, cfg)
	b.send(frameOf(4000), 0)
	b.send(frameOf(100), 20)
	b.send(bad, 2)
	b.until(2*engine.Second + 1)
	b.send(bad, 5)
	require.Equal(t, mib.Link{RXPackets: 20, RXBytes: 2000, RXErrors: 2, RXCRCErrors: 2}, b.port.Link())
	b.alter(func(c *Config) { c.Combined = 2 })
	require.Len(t, b.port.Queues(), 2)
	require.Len(t, b.port.Vectors(), 2)
	require.Equal(t, mib.Link{RXErrors: 2, RXCRCErrors: 2}, b.port.Link())
	require.EqualValues(t, 2, b.ethtool("rx_crc_errors"), "RX-3")
	b.send(frameOf(100), 3)
	b.until(b.now + engine.Millisecond)
	require.EqualValues(t, 3, b.port.Link().RXPackets)

	b.alter(func(c *Config) { c.Combined = 40 })
	require.Len(t, b.port.Queues(), 40)
	require.Equal(t, 16, b.port.rssCount, "RSS uses 16 at most")
	bad64 := b.port.Config()
	bad64.Combined = 64
	require.ErrorContains(t, bad64.Validate(4), "0 to 63")
}

// TestPause is ethtool -A (HW-4, HW-5).
func TestPause(t *testing.T) {
	off := func(c *Config) { c.RXPause, c.TXPause = false, false }
	t.Run("HW-5 another mode resets", func(t *testing.T) {
		b := newBench(t, oneQueue(), stalled)
		require.True(t, b.resets(func(c *Config) { c.TXPause = false }))
		require.False(t, b.resets(func(c *Config) { c.TXPause = false }), "the same again does not")
	})
	t.Run("HW-5 drop enable follows", func(t *testing.T) {
		cfg := oneQueue()
		cfg.Combined = 2
		b := newBench(t, cfg)
		require.False(t, b.port.dropEn)
		b.alter(func(c *Config) { c.TXPause = false })
		require.True(t, b.port.dropEn)
	})
	t.Run("HW-5 autoneg on while up at 10G is refused", func(t *testing.T) {
		b := newBench(t, oneQueue())
		_, err := b.asked(func(c *Config) { c.NoPauseAutoneg = false })
		require.ErrorContains(t, err, "EINVAL")
	})
	t.Run("HW-5 link down: off has no effect without autoneg off", func(t *testing.T) {
		b := newBench(t, oneQueue())
		b.alter(func(c *Config) { c.NoCarrier = true })
		b.alter(off)
		require.True(t, b.port.Config().RXPause && b.port.Config().TXPause, "the requested mode is full again")
		b.alter(func(c *Config) { off(c); c.NoPauseAutoneg = true })
		require.False(t, b.port.Config().RXPause || b.port.Config().TXPause)
	})
	t.Run("HW-4 what -a shows", func(t *testing.T) {
		b := newBench(t, oneQueue())
		shown := func() [3]bool {
			e := b.port.Ethtool()
			return [3]bool{e.AutonegPause, e.RXPause, e.TXPause}
		}
		require.Equal(t, [3]bool{false, true, true}, shown(), "up at 10G")
		b.alter(func(c *Config) { c.NoCarrier = true })
		require.Equal(t, [3]bool{true, true, true}, shown(), "down")
		b.alter(func(c *Config) { c.NoCarrier = false })
		b.alter(func(c *Config) { c.RXPause = false })
		b.alter(func(c *Config) { c.NoCarrier = true })
		require.Equal(t, [3]bool{false, false, true}, shown(), "down, after -A had sent autoneg off")
		slow := oneQueue()
		slow.LinkBitsPerSecond = gigabit
		require.True(t, newBench(t, slow).port.Ethtool().AutonegPause, "up at 1G")
	})
	t.Run("IGB-14 igb negotiates", func(t *testing.T) {
		b := newBench(t, igbQueues(1), stalled)
		require.True(t, b.port.Ethtool().AutonegPause)
		require.False(t, b.resets(func(c *Config) { c.NoPauseAutoneg, c.RXPause = true, false }), "forced: no reset")
		require.False(t, b.port.Config().RXPause)
		require.True(t, b.resets(func(c *Config) { c.NoPauseAutoneg = false }), "negotiated anew")
	})
}

// TestLink is a link that goes and comes.
func TestLink(t *testing.T) {
	t.Run("IRQ-8 ten service runs a second while waiting for link", func(t *testing.T) {
		b := newBench(t, oneQueue())
		b.until(10 * engine.Second)
		b.alter(func(c *Config) { c.NoCarrier = true })
		v := b.port.Vectors()[0]
		before := v.Asserts
		b.until(b.now + engine.Second)
		require.EqualValues(t, 10, v.Asserts-before)
		b.alter(func(c *Config) { c.NoCarrier = false })
		before = v.Asserts
		b.until(b.now + 10*engine.Second)
		require.EqualValues(t, 5, v.Asserts-before)
		require.EqualValues(t, 2, b.ethtool("lsc_int"))
	})
	t.Run("HW-20 what the partner sends meanwhile is lost there", func(t *testing.T) {
		b := newBench(t, oneQueue())
		b.port.Connect(&train{frame: frameOf(60), start: 10 * us, gap: 10 * us, n: 1000})
		b.until(2 * engine.Millisecond)
		b.alter(func(c *Config) { c.NoCarrier = true })
		b.until(6 * engine.Millisecond)
		require.EqualValues(t, 200, b.ledger.Frames)
		require.EqualValues(t, 400, b.port.PartnerLost())
		b.alter(func(c *Config) { c.NoCarrier = false })
		b.until(20 * engine.Millisecond)
		require.EqualValues(t, 600, b.ledger.Frames)
		require.EqualValues(t, 400, b.port.PartnerLost())
	})
	t.Run("IGB-9 igb's totals stand still without a link", func(t *testing.T) {
		b := newBench(t, igbQueues(1))
		b.until(2*engine.Second + 1)
		b.send(frameOf(60), 5)
		require.EqualValues(t, 5, b.ethtool("rx_packets"))
		b.alter(func(c *Config) { c.NoCarrier = true })
		b.until(b.now + 10*engine.Second)
		require.EqualValues(t, 0, b.ethtool("rx_packets"), "as of the last time that they were read")
		b.alter(func(c *Config) { c.NoCarrier = false })
		require.EqualValues(t, 5, b.ethtool("rx_packets"))
	})
	t.Run("POLL-2 a poll of an interface that goes down leaves its vector masked", func(t *testing.T) {
		b := newBench(t, oneQueue(), stalled)
		b.send(frameOf(60), 10)
		b.alter(func(c *Config) { c.Down = true })
		b.pollTimes(1)
		require.False(t, b.port.Vectors()[0].enabled)
		b.allow = unlimited
		b.alter(func(c *Config) { c.Down = false })
		b.send(frameOf(60), 3)
		b.until(b.now + engine.Millisecond)
		require.EqualValues(t, 3, b.port.Link().RXPackets)
		require.EqualValues(t, 10, b.ledger.Dropped[skb.HWReset])
	})
}

// RX-31: rx-flow-hash takes effect at once and without a reset.
func TestRX31AtRunTime(t *testing.T) {
	cfg := oneQueue()
	cfg.Combined = 4
	b := newBench(t, cfg, stalled)
	queues := func() map[uint8]bool {
		seen := map[uint8]bool{}
		for port := range uint16(64) {
			h := *frameOf(60).Head
			h.SrcPort = 1000 + port
			seen[b.port.judge(&h).queue] = true
		}
		return seen
	}
	require.Len(t, queues(), 1)
	require.False(t, b.resets(func(c *Config) { c.UDPPortHash = true }))
	require.Len(t, queues(), 4)
}

// What is no setting of an interface that runs is refused with its name.
func TestFixedAtRunTime(t *testing.T) {
	b := newBench(t, oneQueue())
	for name, edit := range map[string]func(*Config){
		"Driver":            func(c *Config) { c.Driver = DriverIgb },
		"LinkBitsPerSecond": func(c *Config) { c.LinkBitsPerSecond = gigabit },
		"MSI":               func(c *Config) { c.MSI = true },
		"FrameOverhead":     func(c *Config) { c.FrameOverhead = 7 },
	} {
		_, err := b.asked(edit)
		require.ErrorContains(t, err, name+" = ")
		require.ErrorContains(t, err, "can't change while the host runs")
	}
}
