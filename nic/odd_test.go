package nic

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// This file is the surprises of section 10 that concern the device and its ring,
// each told once from the beginning.

// ODD-4: a ring of 512 holds 511 frames; what a poll takes is armed again in
// batches of 16 at the top of its loop, and nothing is armed at its end.
func TestODD4RingOf512(t *testing.T) {
	b := newBench(t, oneQueue(), stalled)
	b.send(frameOf(60), 600)
	_, inRing := b.port.LiveFrames()
	require.EqualValues(t, 511, inRing)

	b = newBench(t, oneQueue(), stalled)
	q := b.port.Queues()[0]
	b.send(frameOf(60), 40)
	b.pollTimes(1)
	require.EqualValues(t, 40, b.got)
	require.Equal(t, 511-40+32, q.free(), "two batches of 16 of the 40 taken")
	require.Equal(t, 8, q.unused(), "the other 8 wait for the next poll")
}

// ODD-5: one byte more, and a frame costs its socket more than three times as
// much memory.
func TestODD5OneByteMore(t *testing.T) {
	b := newBench(t, oneQueue())
	var cost []uint32
	b.seen = func(p *skb.Buff) { cost = append(cost, p.Truesize) }
	b.send(frameOf(256), 1)
	b.send(frameOf(257), 1)
	require.Equal(t, []uint32{896, 2944}, cost)
}

// overrun sends 20,000 frames at line rate to a queue that nobody polls, and
// waits until the interface's statistics are up to date. There is a second
// queue, for which a hundred frames follow.
func overrun(t *testing.T, txPause bool) (b *bench, other *Queue) {
	cfg := oneQueue()
	cfg.Combined, cfg.TXPause = 2, txPause
	b = newBench(t, cfg, stalled)
	full, free := frameOf(60), frameOf(60)
	for b.port.judge(full.Head).queue == b.port.judge(free.Head).queue {
		h := *free.Head
		h.Src++
		free.Head = &h
	}
	b.port.Connect(&train{frame: full, start: us, gap: lineRate(60), n: 20_000})
	b.port.Connect(&train{frame: free, start: us + 20_000*lineRate(60), gap: lineRate(60), n: 100})
	b.until(2*engine.Second + 1)
	return b, b.port.Queues()[b.port.judge(free.Head).queue]
}

// ODD-6: with several queues and TX pause off, what is lost because a ring is
// full shows in `ethtool -S` and nowhere else.
func TestODD6InvisibleLoss(t *testing.T) {
	b, _ := overrun(t, false)
	require.EqualValues(t, 20_000-511, b.ethtool("rx_no_dma_resources"))
	require.Equal(t, mib.Link{}, b.port.Link(), "nothing in /proc/net/dev, ifconfig and sysfs")
}

// ODD-7: by default TX pause is on, and then a queue that nobody polls stops
// the others, and the loss is rx_missed_errors.
func TestODD7OneQueueStopsAll(t *testing.T) {
	b, other := overrun(t, DefaultConfig().TXPause)
	require.Zero(t, other.filled(), "a hundred frames were sent to it, and its ring is empty")
	require.NotZero(t, b.ethtool("rx_missed_errors"))
	require.Zero(t, b.ethtool("rx_no_dma_resources"))
	require.Equal(t, b.ethtool("rx_missed_errors"), b.port.Link().RXMissedErrors, "and here everybody sees it")
}

// ODD-8: switching flow control off changes which counter shows the same
// overload.
func TestODD8WhichCounter(t *testing.T) {
	on, _ := overrun(t, true)
	off, other := overrun(t, false)
	require.NotZero(t, on.ethtool("rx_missed_errors"))
	require.Zero(t, on.ethtool("rx_no_dma_resources"))
	require.Zero(t, off.ethtool("rx_missed_errors"))
	require.NotZero(t, off.ethtool("rx_no_dma_resources"))
	require.Equal(t, 100, other.filled(), "and the other queue gets its frames")
}

// ODD-9: what the hardware counts is up to two seconds old in /proc/net/dev; what
// the driver counts is not; `ethtool -S` shows both fresh.
func TestODD9TwoSecondsLate(t *testing.T) {
	b := newBench(t, oneQueue())
	group := groupFrame("239.1.0.1:5001")()
	b.port.JoinGroup(group.Head.Dst)
	crc := frameOf(60)
	crc.Head.Fault = skb.FaultCRC
	b.send(group, 1)
	b.send(crc, 1)
	require.Equal(t, mib.Link{RXPackets: 1, RXBytes: 60}, b.port.Link())
	require.EqualValues(t, 1, b.ethtool("multicast"))
	require.EqualValues(t, 1, b.ethtool("rx_crc_errors"))
	b.until(2 * engine.Second)
	require.Equal(t, mib.Link{RXPackets: 1, RXBytes: 60, Multicast: 1, RXErrors: 1, RXCRCErrors: 1}, b.port.Link())
}

// ODD-10: rx_no_buffer_count, rx_fifo_errors and rx_over_errors are always 0 on
// the 82599, whatever is full.
func TestODD10AlwaysZero(t *testing.T) {
	for _, txPause := range []bool{true, false} {
		b, _ := overrun(t, txPause)
		require.NotZero(t, b.ledger.Drops())
		for _, name := range []string{"rx_no_buffer_count", "rx_fifo_errors", "rx_over_errors"} {
			require.Zero(t, b.ethtool(name), name)
		}
		require.Zero(t, b.port.Link().RXFIFOErrors)
	}
}

// ODD-13: `ethtool -G eth0 rx 8192` succeeds, and the ring has 4096 descriptors;
// rx_packets goes on. `ethtool -L` makes other rings, and rx_packets is 0.
func TestODD13OtherRings(t *testing.T) {
	b := newBench(t, oneQueue())
	b.send(frameOf(60), 10)
	require.NoError(t, b.change(ring(8192)))
	require.Equal(t, 4096, b.port.Ethtool().RX)
	require.Equal(t, 4095, b.port.Queues()[0].free())
	require.EqualValues(t, 10, b.port.Link().RXPackets)
	require.NoError(t, b.change(func(c *Config) { c.Combined = 2 }))
	require.Zero(t, b.port.Link().RXPackets)
	b.send(frameOf(60), 3)
	require.EqualValues(t, 3, b.port.Link().RXPackets)
}

// ODD-14: a hundred datagrams with a bad UDP checksum, and
// rx_csum_offload_errors stays 0; one with a bad IP checksum counts.
func TestODD14BadUDPChecksums(t *testing.T) {
	b := newBench(t, oneQueue())
	bad := frameOf(200)
	bad.Head.UDPChecksum = skb.ChecksumBad
	b.send(bad, 100)
	require.Zero(t, b.ethtool("rx_csum_offload_errors"))
	badIP := frameOf(200)
	badIP.Head.IPChecksum = skb.ChecksumBad
	b.send(badIP, 1)
	require.EqualValues(t, 1, b.ethtool("rx_csum_offload_errors"))
	require.EqualValues(t, 101, b.ethtool("rx_packets"), "all of them are delivered")
}

// ODD-15: the smallest frame with a VLAN tag has 56 bytes when the tag is taken
// out, and counts 60.
func TestODD15SmallestVLANFrame(t *testing.T) {
	cfg := oneQueue()
	cfg.VLANs = []int{7}
	b := newBench(t, cfg)
	f := vlan(skb.NewUDP(cfg.MAC, sender, local, 1), true)
	require.EqualValues(t, 64, f.WireLen(), "with tag and FCS")
	b.send(f, 1)
	require.EqualValues(t, 60, b.ethtool("rx_bytes"))
}
