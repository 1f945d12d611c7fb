package nic

import (
	"strconv"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
)

// This file is the driver ixgbe on an 82599 (drivers/net/ethernet/intel/ixgbe).

// Chips that the drivers here are for.
const (
	Chip82599 = "82599"
	Chip82576 = "82576"
	ChipI350  = "i350"
	ChipI210  = "i210"
	ChipI211  = "i211"
)

// fdirQueues is IXGBE_MAX_FDIR_INDICES, rssMax IXGBE_MAX_RSS_INDICES.
const (
	fdirQueues = 63
	rssMax     = 16
)

func ixgbe(c *Config) *driver {
	if c.Chip != "" && c.Chip != Chip82599 {
		return nil
	}
	return &driver{
		name: DriverIxgbe, poll: "ixgbe_poll", clean: "ixgbe_clean_rx_irq", version: "4.0.1-k", firmware: "0x61bf0001", hardware: Intel82599{},
		minRing: 64, maxRing: 4096, txRing: 512, maxChannels: fdirQueues, maxMTU: 9710, maxLink: 1_000_000_000_000,
		defaultQueues: func(cpus int) int { return min(fdirQueues, cpus) }, // RX-36
		rssQueues:     func(queues int) int { return min(rssMax, queues) },
		layout: func(queues, cpus int) ([]string, int) { // ixgbe_acquire_msix_vectors (RX-37)
			n := min(queues, cpus, fdirQueues)
			return labels("TxRx-", n), n
		},
		hints:       true,
		indirection: reversedTable,
		dropEnable:  func(queues int, txPause bool) bool { return queues > 1 && !txPause }, // HW-6
		packetBuffer: func(c *Config, queues int) (capacity, high, low int) {
			return ixgbePacketBuffer(c.MTU, queues > 1 || c.NTuple)
		},
		legacyHead:     legacyHead,
		buildPad:       builtPad,
		newer:          newerIxgbe,
		largeBuffer:    func(c *Config) bool { return c.MTU > 1500 },
		setting:        ixgbeSetting,
		retunes:        func(was, is int) bool { return ixgbeFast(was) != ixgbeFast(is) },
		lro:            true,
		losesRegisters: true,
		downPeriod:     engine.Second / 10,
		startITR:       ixgbeStartITR,
		moderate:       (*Vector).setITR,
		interval:       interval,
	}
}

// newerIxgbe makes ixgbe what it is in that kernel.
//
// Not modelled:
//   - LRO can't be switched on in kernels in which it is off by default.
//   - The statistic alloc_rx_page of newer kernels does not exist.
func newerIxgbe(d *driver, k *kernel.Profile) {
	d.maxRing, d.lro = k.IxgbeMaxRing, k.IxgbeLRO
	d.busyPolls = k.IxgbeBusyPoll
	d.legacyHead, d.buildsSKB = uint32(k.IxgbeLegacyHead), k.IxgbeBuildSKB
	if k.IxgbeAdaptiveITR {
		d.moderate = (*Vector).adaptITR
	}
}

// labels returns prefix0, prefix1 and so on.
func labels(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = prefix + strconv.Itoa(i)
	}
	return out
}

// reversedTable is the indirection table of ixgbe (RX-33).
func reversedTable(queues int) (table [indirEntries]uint8) {
	for i := range table {
		table[i] = uint8(indirection(uint32(i), queues))
	}
	return table
}

// ixgbeSetting models ixgbe_set_coalesce: 0 and 1 stay what they are, anything
// else is kept in quarters of a microsecond; an odd setting adapts (IRQ-10, IRQ-11).
func ixgbeSetting(usecs int) (setting int, dynamic bool) {
	if setting = usecs; usecs > itrDynamic {
		setting *= 4
	}
	return setting, setting&itrDynamic != 0
}

// ixgbeFast says whether descriptors of transmission are written back one by
// one: for intervals below 40 quarters of a microsecond (IRQ-13).
func ixgbeFast(usecs int) bool {
	setting, dynamic := ixgbeSetting(usecs)
	return !dynamic && setting < 40
}

// rsc says whether the hardware merges TCP. It models ixgbe_update_rsc and
// ixgbe_set_features (RX-29).
func (c *Config) rsc() bool {
	setting, dynamic := ixgbeSetting(c.RXUsecs)
	return !c.NoLRO && c.RXChecksum && (dynamic || setting > 24)
}

// ixgbeStartITR models ixgbe_alloc_q_vector (IRQ-13).
func ixgbeStartITR(setting int, dynamic bool) int {
	if dynamic {
		return itrLow
	}
	return setting
}

// ixgbePacketBuffer models ixgbe_set_rxpba_generic, ixgbe_hpbthresh and
// ixgbe_lpbthresh: 512 KB, less 64 KB for the tables of the flow director when
// that is on (HW-1, HW-2).
func ixgbePacketBuffer(mtu int, flowDirector bool) (capacity, high, low int) {
	kb := 512
	if flowDirector {
		kb -= 64
	}
	link := mtu + 38
	dv := 36*(8*link+672+2*5556+2*18944+6144)/25 + 1 + 2*8*link
	return kb << 10, (kb - (dv+8191)/8192) << 10, (2*(2*8*(mtu+18)+14401) + 8191) / 8192 << 10
}

// Interrupt moderation in the driver's unit of a quarter microsecond (2.3).
const (
	itrLowest  = 40  // IXGBE_100K_ITR
	itrLow     = 200 // IXGBE_20K_ITR
	itrBulk    = 500 // IXGBE_8K_ITR
	itrDynamic = 1
)

// eitrStep is what one step of the EITR field means (IRQ-9).
const eitrStep = 2048 * engine.Nanosecond

// interval is what the hardware makes of a driver's value (IRQ-12).
func interval(itr int) engine.Time { return engine.Time(itr&0xff8>>3) * eitrStep }

// setITR models ixgbe_update_itr and ixgbe_set_itr (2.3), for the receive
// container: the transmit container has no packets and stays at lowest.
func (v *Vector) setITR() {
	if us := v.itr >> 2; v.rxPackets > 0 && us > 0 {
		v.class = v.class.next(v.rxBytes / uint64(us))
		v.rxPackets, v.rxBytes = 0, 0
	}
	target := [...]int{lowestLatency: itrLowest, lowLatency: itrLow, bulkLatency: itrBulk}[v.class]
	if target != v.itr {
		v.itr = 10 * target * v.itr / (9*target + v.itr)
		v.interval = interval(v.itr)
	}
}

// next moves a class by at most one step, by bytes per microsecond.
func (l latencyClass) next(rate uint64) latencyClass {
	switch {
	case l == lowestLatency && rate > 10:
		return lowLatency
	case l == lowLatency && rate > 20:
		return bulkLatency
	case l == lowLatency && rate <= 10:
		return lowestLatency
	case l == bulkLatency && rate <= 20:
		return lowLatency
	}
	return l
}
