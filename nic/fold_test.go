package nic

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Section 4.4: when the hardware's counters come to the driver's, and what shows
// which.
func TestFolds(t *testing.T) {
	crc := func(b *bench, n int) { b.send(fault(skb.FaultCRC)(), n) }
	t.Run("HW-20 every two seconds", func(t *testing.T) {
		b := newBench(t, oneQueue())
		for round := range 3 {
			at := engine.Time(round+1) * 2 * engine.Second
			crc(b, 1)
			b.until(at - 1)
			require.EqualValues(t, round, b.port.Link().RXCRCErrors)
			b.until(at)
			require.EqualValues(t, round+1, b.port.Link().RXCRCErrors)
		}
	})
	t.Run("HW-20 and by the driver's side of ethtool -S", func(t *testing.T) {
		b := newBench(t, oneQueue())
		crc(b, 1)
		b.port.Fold()
		require.EqualValues(t, 1, b.port.Link().RXCRCErrors)
	})
	t.Run("HW-21 a fold adds what is new, once", func(t *testing.T) {
		b := newBench(t, oneQueue())
		crc(b, 2)
		b.port.Fold()
		b.port.Fold()
		crc(b, 3)
		b.port.Fold()
		require.EqualValues(t, 5, b.port.Link().RXCRCErrors)
	})
	t.Run("HW-22 what a fold leaves in the device's statistics", func(t *testing.T) {
		b := newBench(t, oneQueue(), stalled)
		group := groupFrame("239.1.0.1:5001")()
		b.port.JoinGroup(group.Head.Dst)
		b.send(group, 1)
		crc(b, 2)
		b.send(fault(skb.FaultLength)(), 4)
		b.send(sized(1515)(), 8) // ROC and RUC are in no statistic
		b.send(sized(59)(), 16)
		b.send(frameOf(60), 511-1+8192+32)
		b.port.Fold()
		require.Equal(t, mib.Link{Multicast: 1, RXErrors: 2 + 4, RXLengthErrors: 4, RXCRCErrors: 2, RXMissedErrors: 32}, b.port.Link())
	})
	t.Run("HW-23 packets and bytes are live, the rest is as of the fold", func(t *testing.T) {
		b := newBench(t, oneQueue())
		b.send(frameOf(100), 1)
		crc(b, 1)
		require.Equal(t, mib.Link{RXPackets: 1, RXBytes: 100}, b.port.Link())
	})
	t.Run("HW-24 rx_bytes_nic has the FCS; the difference of packets is in the ring or was discarded", func(t *testing.T) {
		cfg := oneQueue()
		cfg.Combined, cfg.TXPause = 2, false
		b := newBench(t, cfg, stalled)
		b.send(frameOf(100), 511+7)
		b.pollTimes(1)
		require.EqualValues(t, 518*104, b.ethtool("rx_bytes_nic"))
		require.EqualValues(t, 7, b.ethtool("rx_no_dma_resources"))
		require.EqualValues(t, 511-64, b.port.Live())
		require.EqualValues(t, 7+511-64, b.ethtool("rx_pkts_nic")-b.ethtool("rx_packets"))
	})
	t.Run("HW-24 frames that missed the packet buffer are not in rx_pkts_nic", func(t *testing.T) {
		b := newBench(t, oneQueue(), stalled)
		b.send(frameOf(60), 511+8192+5)
		require.EqualValues(t, 5, b.ethtool("rx_missed_errors"))
		require.EqualValues(t, 511+8192, b.ethtool("rx_pkts_nic"))
	})
	t.Run("HW-30 rx_dropped is the core's, rx_missed_errors fresh", func(t *testing.T) {
		b := newBench(t, oneQueue(), stalled)
		b.send(frameOf(60), 511+8192+5)
		for _, s := range b.port.EthtoolStats(7) {
			switch s.Name {
			case "rx_dropped":
				require.EqualValues(t, 7, s.Value)
			case "rx_missed_errors":
				require.EqualValues(t, 5, s.Value)
			}
		}
		require.Zero(t, b.port.Link().RXMissedErrors)
	})
	t.Run("HW-9 rx_no_buffer_count is not read on the 82599", func(t *testing.T) {
		b := newBench(t, oneQueue(), stalled)
		b.send(frameOf(60), 600)
		require.NotZero(t, b.port.regs.noBuffer)
		require.Zero(t, b.ethtool("rx_no_buffer_count"))
	})
	t.Run("HW-8 rx_no_dma_resources is in no statistic of the device", func(t *testing.T) {
		cfg := oneQueue()
		cfg.Combined, cfg.TXPause = 2, false
		b := newBench(t, cfg, stalled)
		b.send(frameOf(60), 511+9)
		b.port.Fold()
		require.EqualValues(t, 9, b.ethtool("rx_no_dma_resources"))
		require.Equal(t, mib.Link{}, b.port.Link())
	})
	t.Run("HW-8 only sixteen queues have a register", func(t *testing.T) {
		cfg := oneQueue()
		cfg.Combined, cfg.TXPause, cfg.NTuple, cfg.FlowFilters = 17, false, true, []FlowFilter{{Action: 16}}
		b := newBench(t, cfg, stalled)
		b.send(frameOf(60), 511+9)
		require.Zero(t, b.ethtool("rx_no_dma_resources"))
		require.EqualValues(t, 9, b.ledger.Dropped[skb.HWNoDesc])
	})
}
