package nic

import (
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// This file is the driver igb on an 82576, i350, i210 or i211
// (drivers/net/ethernet/intel/igb), where it is not as ixgbe.
//
// Not modelled:
//   - What igb does differently in newer kernels is left out but for its
//     buffers, its version and what a poll returns: its moderation, its rings
//     and its statistics are those of 4.0 under every profile.

// igbChips are the chips, with their number of queues (IGB-5) and their receive
// packet buffers in KB (IGB-14).
func igbChip(name string) (queues, bufferKB int) {
	switch name {
	case "", Chip82576:
		return 8, 64
	case ChipI350:
		return 8, 36
	case ChipI210:
		return 4, 34
	case ChipI211:
		return 2, 34
	}
	return 0, 0
}

func igb(c *Config) *driver {
	most, kb := igbChip(c.Chip)
	if most == 0 {
		return nil
	}
	return &driver{
		name: DriverIgb, poll: "igb_poll", clean: "igb_clean_rx_irq", version: "5.2.15-k", firmware: "1.63, 0x800009fa", hardware: IntelGigabit{},
		minRing: 80, maxRing: 4096, txRing: 256, maxChannels: most, maxMTU: 9216, maxLink: gigabit, // IGB-1
		defaultQueues: func(cpus int) int { return min(most, cpus) },
		rssQueues:     func(queues int) int { return queues },
		layout:        func(queues, _ int) ([]string, int) { return igbVectors(queues, most) },
		otherFirst:    true,
		indirection:   contiguousTable, setsIndirection: true,
		negotiatesPause:    true,
		dropEnable:         func(queues int, _ bool) bool { return queues > 1 }, // IGB-7
		packetBuffer:       func(c *Config, _ int) (capacity, high, low int) { return igbPacketBuffer(c.MTU, kb) },
		refillsAfterLoop:   true, // IGB-2
		countsUDPChecksums: true, // IGB-4
		legacyHead:         legacyHead,
		buildPad:           igbPad,
		newer:              newerIgb,
		largeBuffer:        igbLargeBuffer,
		setting:            igbSetting,
		retunes:            func(int, int) bool { return false },
		downPeriod:         servicePeriod,
		startITR:           igbStartITR,
		moderate:           igbModerate,
		interval:           igbInterval,
		writesITRLate:      true,
		foldsOnRead:        true,
	}
}

// newerIgb makes igb what it is in that kernel: from 4.12 on it builds skbs around
// its buffers (igb_build_skb), and copies with the private flag legacy-rx only.
func newerIgb(d *driver, k *kernel.Profile) {
	d.legacyHead, d.buildsSKB = uint32(k.IxgbeLegacyHead), k.IgbBuildSKB
}

// igbLargeBuffer models igb_set_rx_buffer_len: half a page has room for a frame
// with FCS and a VLAN tag of up to 1648 bytes; with rx-all there is no telling.
func igbLargeBuffer(c *Config) bool {
	return c.RXAll || c.MTU+skb.EthHeader+skb.EthFCS+skb.VLANHeader > igbBuilt2K
}

// gigabit is the speed for which igb adapts its moderation.
const gigabit = 1_000_000_000

// igbVectors names the queue vectors: receive and transmit rings share one only
// if there are more queues than half of what the chip has; otherwise those for
// transmission come behind (IGB-5).
func igbVectors(queues, most int) (names []string, receiving int) {
	if queues > most/2 {
		return labels("TxRx-", queues), queues
	}
	return append(labels("rx-", queues), labels("tx-", queues)...), queues
}

// contiguousTable gives every queue a block of entries (IGB-6).
func contiguousTable(queues int) (table [indirEntries]uint8) {
	for j := range table {
		table[j] = uint8(j * queues / indirEntries)
	}
	return table
}

// igbPacketBuffer models igb_reset: XOFF at nine tenths of the buffer, or where
// two of the largest frames still fit, XON 16 bytes below (IGB-14).
func igbPacketBuffer(mtu, kb int) (capacity, high, low int) {
	capacity = kb << 10
	high = min(capacity*9/10, capacity-2*(mtu+18)) &^ 15
	return capacity, high, high - 16
}

// Interrupt moderation of igb: the driver's unit is a quarter of a microsecond (IGB-11).
const (
	igbConservative = 3    // the default setting: as dynamic, but never the fastest class
	igbStart        = 648  // IGB_START_ITR
	igb70K          = 56   // IGB_70K_ITR
	igb20K          = 196  // IGB_20K_ITR
	igb4K           = 980  // IGB_4K_ITR
	igbLargest      = 3000 // bytes: the largest frame size that counts
)

// igbSetting models igb_set_coalesce: up to 3 is a kind, anything else a time
// (IGB-11).
func igbSetting(usecs int) (setting int, dynamic bool) {
	if setting = usecs; usecs > igbConservative {
		setting *= 4
	}
	return setting, setting&igbConservative != 0
}

func igbStartITR(setting int, dynamic bool) int {
	if dynamic {
		return igbStart
	}
	return setting
}

// igbInterval models igb_write_itr: the register keeps 13 bits of whole
// microseconds, and nothing is written as one of them (IGB-11).
func igbInterval(itr int) engine.Time {
	if itr &= 0x7ffc; itr == 0 {
		itr = 4
	}
	return engine.Time(itr>>2) * engine.Microsecond
}

// igbModerate models the choice in igb_ring_irq_enable (IGB-12, IGB-13).
func igbModerate(v *Vector) {
	if len(v.port.vectors) == 1 {
		v.updateITR()
	} else {
		v.updateRingITR()
	}
}

// updateRingITR models igb_update_ring_itr: the average size of a frame gives
// the interval (IGB-12).
func (v *Vector) updateRingITR() {
	value := igb4K
	if v.port.cfg.LinkBitsPerSecond == gigabit {
		if v.rxPackets == 0 {
			return
		}
		size := min(int(v.rxBytes/v.rxPackets)+24, igbLargest)
		if value = size / 2; 300 < size && size < 1200 {
			value = size / 3
		}
		if v.setting == igbConservative {
			value = max(value, igb20K)
		}
	}
	v.itr = value
	v.rxPackets, v.rxBytes = 0, 0
}

// updateITR models igb_set_itr and igb_update_itr, for a device with a single
// queue vector (IGB-13).
func (v *Vector) updateITR() {
	if v.port.cfg.LinkBitsPerSecond != gigabit {
		v.itr = igb4K
		return
	}
	if v.rxPackets > 0 {
		v.class = v.class.igbNext(v.rxBytes, v.rxPackets)
		v.rxPackets, v.rxBytes = 0, 0
	}
	class := v.class
	if class == lowestLatency && v.setting == igbConservative {
		class = lowLatency
	}
	v.itr = [...]int{lowestLatency: igb70K, lowLatency: igb20K, bulkLatency: igb4K}[class]
}

// igbNext moves a class by what came since the last completion.
func (l latencyClass) igbNext(bytes, packets uint64) latencyClass {
	size := bytes / packets
	switch l {
	case lowestLatency:
		switch {
		case size > 8000:
			return bulkLatency
		case packets < 5 && bytes > 512:
			return lowLatency
		}
	case lowLatency:
		switch {
		case bytes > 10_000 && (packets < 10 || size > 1200):
			return bulkLatency
		case bytes > 10_000 && packets > 35:
			return lowestLatency
		case bytes > 10_000:
		case size > 2000:
			return bulkLatency
		case packets <= 2 && bytes < 512:
			return lowestLatency
		}
	case bulkLatency:
		if bytes > 25_000 && packets > 35 || bytes < 1500 {
			return lowLatency
		}
	}
	return l
}
