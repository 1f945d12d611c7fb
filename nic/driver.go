package nic

import (
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
)

// Driver names.
const (
	DriverIxgbe = "ixgbe"
	DriverIgb   = "igb"
)

// A driver is what one driver, with the hardware that it drives, does in its
// own way. It is a value whose fields name behaviours, as kernel.Profile is:
// the port, its rings and its vectors ask for the behaviour, never for the name.
type driver struct {
	name, version, firmware string
	// poll and clean are the driver's functions, for traces.
	poll, clean string
	// hardware is the device, as far as no driver shows it.
	hardware Hardware

	// Limits of what ethtool and ip set.
	minRing, maxRing int   // -G rx
	txRing           int   // -g shows it
	maxChannels      int   // -L combined
	maxMTU           int   // ip link set mtu
	maxLink          int64 // bits per second

	// defaultQueues is the number of receive queues on a machine with that many CPUs.
	defaultQueues func(cpus int) int
	// rssQueues is how many of them the indirection table spreads over.
	rssQueues func(queues int) int
	// layout names the queue vectors, and says how many of them, from the first, have receive rings: ring i is
	// on vector i modulo that number.
	layout func(queues, cpus int) (labels []string, receiving int)
	// newer makes the driver what it is in a kernel.
	newer func(d *driver, k *kernel.Profile)
	// otherFirst: the vector for link changes is requested before the queue vectors.
	otherFirst bool
	// busyPolls: sockets may poll a vector (ndo_busy_poll).
	busyPolls bool
	// hints: vector v asks for CPU v, if several queues are hashed to (RX-39).
	hints bool

	// indirection fills the table that maps a hash to a queue.
	indirection func(queues int) [indirEntries]uint8
	// setsIndirection: `ethtool -X` can change it.
	setsIndirection bool

	// negotiatesPause: flow control is negotiated with the link partner, and -a says so (HW-4, IGB-14).
	negotiatesPause bool
	// dropEnable says whether frames for a full ring are discarded.
	dropEnable func(queues int, txPause bool) bool
	// packetBuffer sizes the FIFO and its watermarks, in bytes.
	packetBuffer func(c *Config, queues int) (capacity, high, low int)

	// refillsAfterLoop: freed descriptors that are left after the receive loop are armed, too.
	refillsAfterLoop bool
	// countsUDPChecksums: a bad UDP checksum counts as an error of checksum offload.
	countsUDPChecksums bool

	// setting translates `ethtool -C rx-usecs` into the driver's setting, and says whether that adapts itself.
	setting func(usecs int) (setting int, dynamic bool)
	// startITR is the value with which a vector begins.
	startITR func(setting int, dynamic bool) int
	// moderate computes a vector's next value when a poll is done.
	moderate func(v *Vector)
	// interval is what the hardware makes of a value.
	interval func(itr int) engine.Time
	// writesITRLate: a new value reaches the hardware at the start of the next interrupt, not at once.
	writesITRLate bool
	// legacyHead is the head into which the start of a frame is copied, in bytes with skb_shared_info; buildsSKB: there is
	// none, the skb is built around the buffer, unless legacy-rx is set.
	legacyHead uint32
	buildsSKB  bool
	// buildPad is what build_skb leaves free before a frame, in bytes; largeBuffer says whether it needs half of two pages.
	buildPad    uint32
	largeBuffer func(c *Config) bool
	// retunes says whether a change of rx-usecs resets the adapter.
	retunes func(was, is int) bool
	// lro: the hardware merges TCP, and a reset of the adapter starts or stops it (RX-29).
	lro bool
	// losesRegisters: a reset clears what was counted since the last fold (RX-3); otherwise it is read before.
	losesRegisters bool
	// downPeriod is the period of the service task while there is no link (HW-20).
	downPeriod engine.Time
	// foldsOnRead: every query of statistics reads the hardware's counters.
	foldsOnRead bool
}

// driverOf returns the driver of a configuration, nil if there is none of its
// name and chip.
func driverOf(c *Config) *driver {
	switch c.Driver {
	case DriverIxgbe:
		return ixgbe(c)
	case DriverIgb:
		return igb(c)
	}
	return nil
}

// driverFor returns the driver of a configuration as that kernel has it.
func driverFor(c *Config, k *kernel.Profile) *driver {
	d := driverOf(c)
	d.newer(d, k)
	if k.Release != "" { // drivers of the tree have no versions of their own any more
		d.version = k.Release
	}
	return d
}

// indirEntries is the length of the indirection table (RX-33, IGB-6).
const indirEntries = 128

// RingSize returns the number of descriptors that `ethtool -G rx n` gives in
// that kernel: clamped to what the driver can, then rounded up to a multiple of
// eight (RX-1, IGB-1).
func (c *Config) RingSize(k *kernel.Profile) int { return driverFor(c, k).ringSize(c) }

func (d *driver) ringSize(c *Config) int {
	return (min(max(c.RXRing, d.minRing), d.maxRing) + 7) &^ 7
}

func (c *Config) queues(cpus int) int {
	switch d := driverOf(c); {
	case c.MSI:
		return 1 // RX-40: one interrupt serves one queue
	case c.Combined == 0:
		return d.defaultQueues(cpus)
	default:
		return c.Combined
	}
}

// Queues returns the number of receive queues on a machine with that many CPUs
// (RX-36, IGB-5).
func (c *Config) Queues(cpus int) int { return c.queues(cpus) }

// Labels names the queue vectors of the interface on such a machine: TxRx-0 and
// so on (RX-40, IGB-5).
func (c *Config) Labels(cpus int) []string {
	names, _ := c.layout(cpus)
	return names
}

// layout is the driver's, but for a device without MSI-X, which has one interrupt.
func (c *Config) layout(cpus int) (names []string, receiving int) {
	if c.MSI {
		return []string{LabelMSI}, 1
	}
	return driverOf(c).layout(c.queues(cpus), cpus)
}

// Hint returns the CPU that the driver hints at for the nth vector: CPU n, if
// several queues are hashed to and n is online (RX-39). It returns -1 if it hints
// at none.
func (c *Config) Hint(n, cpus int) int {
	if d := driverOf(c); d.hints && !c.NTuple && !c.MSI && n < cpus && d.rssQueues(c.queues(cpus)) > 1 {
		return n
	}
	return -1
}
