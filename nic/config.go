package nic

import (
	"errors"
	"fmt"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
)

// Config is one network interface, as an operator sets it with ethtool and ip.
type Config struct {
	// Driver is "ixgbe" or "igb".
	Driver string `ethtool:"-i driver"`
	// Chip is what the driver drives: 82599 for ixgbe; 82576, i350, i210 or i211 for igb. Empty: the first of them.
	Chip string
	// MAC is the interface's address.
	MAC [6]byte
	// MTU is in bytes, 68 to 9710 (RX-21).
	MTU int
	// LinkBitsPerSecond is the speed of the link.
	LinkBitsPerSecond int64
	// RXRing is the number of descriptors asked for; the driver clamps and rounds it (RX-1).
	RXRing int `ethtool:"-G rx"`
	// RXUsecs is 0 for no throttling, 1 for dynamic, else microseconds up to 1022 (IRQ-10). With igb 3 is dynamic,
	// too, and other times are from 10 to 10000 (IGB-11).
	RXUsecs int `ethtool:"-C rx-usecs"`
	// Combined is the number of queues, 1 to 63, or what the chip of igb has; 0 means the driver's default, one per
	// CPU (RX-36, IGB-5).
	Combined int `ethtool:"-L combined"`
	// MSI gives the device one interrupt and so one queue, as on a machine without MSI-X (RX-40).
	MSI bool
	// Indirection is the indirection table that is set; igb only (IGB-6).
	Indirection Indirection `ethtool:"-X"`
	// NTuple is the feature ntuple-filters: it takes the place of ATR, and of the affinity hints with it (RX-35, RX-39).
	NTuple bool `ethtool:"-K ntuple"`
	// RXPause and TXPause switch flow control (HW-4).
	RXPause bool `ethtool:"-A rx"`
	TXPause bool `ethtool:"-A tx"`
	// NoPauseAutoneg is what -a shows as "Autonegotiate: off" and -A autoneg changes. PauseForced is the flag behind
	// it, which follows from what was asked: on fibre at 10 Gb/s it is off anyway while the link is up (HW-4, HW-5).
	NoPauseAutoneg bool `ethtool:"-A autoneg off"`
	PauseForced    bool
	// UDPPortHash makes RSS hash UDP on ports, too (RX-31).
	UDPPortHash bool `ethtool:"-N rx-flow-hash udp4 sdfn"`
	// RXChecksum is the feature rx-checksumming.
	RXChecksum bool `ethtool:"-K rx"`
	// NoLRO switches the feature large-receive-offload off. It merges TCP only; but the driver resets the adapter when
	// it comes or goes (RX-29).
	NoLRO bool `ethtool:"-K lro off"`
	// LegacyRX is the private flag legacy-rx: headers are copied as in 4.0, in kernels that have it (ixgbe and igb from 4.12).
	LegacyRX bool `ethtool:"--set-priv-flags legacy-rx"`
	// NoRXHash switches the feature receive-hashing off. Nothing here reads the device's hash (RPS-4).
	NoRXHash bool `ethtool:"-K rxhash off"`
	// GRO is the feature generic-receive-offload.
	GRO bool `ethtool:"-K gro"`
	// GROFragList is the feature rx-gro-list (5.6): GRO chains the datagrams of flows that no socket with UDP_GRO is for.
	GROFragList bool `ethtool:"-K rx-gro-list"`
	// GROUDPForwarding is the feature rx-udp-gro-forwarding (5.12): GRO merges the datagrams of flows that no socket of this host is for.
	GROUDPForwarding bool `ethtool:"-K rx-udp-gro-forwarding"`
	// FlowFilters are the filters of the flow director; they need NTuple.
	FlowFilters []FlowFilter `ethtool:"-U"`
	// RXAll is the feature rx-all: frames with errors are received, too (RX-22).
	RXAll bool `ethtool:"-K rx-all"`
	// RXVLANOffload is the feature rx-vlan-offload: the hardware takes VLAN tags out.
	RXVLANOffload bool `ethtool:"-K rxvlan"`
	// Promisc accepts everything, AllMulti every multicast frame (RX-42).
	Promisc  bool `ip:"promisc"`
	AllMulti bool `ip:"allmulticast"`
	// Addresses are further addresses that the interface accepts, those of macvlans.
	Addresses [][6]byte
	// Down is an interface that is not up, NoCarrier a link that has no partner: what the partner would send is lost there.
	Down      bool `ip:"link set down"`
	NoCarrier bool
	// VLANs are the VLAN ids that devices were made for on this interface.
	VLANs []int `ip:"link add type vlan id"`
	// RSSKey is the Toeplitz key, 40 bytes used; nil means the fixed default key (RX-34: a real machine draws it at boot).
	RSSKey []byte
	// FrameOverhead is what a frame takes of the packet buffer beyond its bytes with FCS (HW-12).
	FrameOverhead int
	// PCIe slows the bus down.
	PCIe PCIe
	// Memory is where the driver's buffers come from.
	Memory Memory
	// Partner is the device at the other end of the link.
	Partner Partner
}

// Partner is the link partner: a switch port.
type Partner struct {
	// ObeysPause: it stops sending on XOFF.
	ObeysPause bool
	// Queue is the longest time that a frame waits in its output queue, for the link or for a pause to end,
	// before it is lost there: a loss that the host never sees.
	Queue engine.Time
}

// LabelMSI and LabelOther are the labels of the interrupts that are named as
// the device: the only one without MSI-X, and the one for link changes.
const (
	LabelMSI   = "msi"
	LabelOther = "other"
)

// Indirection is an indirection table as `ethtool -X` makes it. The zero value
// is the driver's own.
type Indirection struct {
	// Equal spreads over the first queues, round-robin.
	Equal int
	// Weight gives every queue its share of the entries.
	Weight []int
}

// entries models what ethtool computes before it calls igb_set_rxfh; nil: the driver's own.
func (x *Indirection) entries() *[indirEntries]uint8 {
	var table [indirEntries]uint8
	switch {
	case x.Equal > 0:
		for i := range table {
			table[i] = uint8(i % x.Equal)
		}
	case len(x.Weight) > 0:
		sum, partial, j := 0, x.Weight[0], 0
		for _, w := range x.Weight {
			sum += w
		}
		for i := range table {
			for i >= indirEntries*partial/sum {
				j++
				partial += x.Weight[j]
			}
			table[i] = uint8(j)
		}
	default:
		return nil
	}
	return &table
}

func (x *Indirection) validate(d *driver, queues int) error {
	if x.Equal == 0 && len(x.Weight) == 0 {
		return nil
	}
	sum, errs := 0, []error{
		cfgerr.Check(d.setsIndirection, "rss_table", "given", "none: ixgbe has no operation for it (EOPNOTSUPP, RX-33)"),
		cfgerr.Check(x.Equal == 0 || len(x.Weight) == 0, "rss_table", "equal and weight", "only one of equal and weight"),
		cfgerr.Check(x.Equal >= 0 && x.Equal <= queues, "rss_table.equal", x.Equal, fmt.Sprintf("1 to %d, the number of queues", queues)),
		cfgerr.Check(len(x.Weight) <= queues, "rss_table.weight", len(x.Weight), fmt.Sprintf("at most %d weights, one per queue", queues)),
	}
	for _, w := range x.Weight {
		errs = append(errs, cfgerr.Range("rss_table.weight", w, 0, 1_000_000))
		sum += w
	}
	errs = append(errs, cfgerr.Check(len(x.Weight) == 0 || sum > 0, "rss_table.weight", sum, "weights that are not all 0"))
	return errors.Join(errs...)
}

// DefaultConfig returns the interface as the ixgbe driver of Linux 4.0 brings
// it up on a 10 Gb/s fibre link.
func DefaultConfig() Config {
	return Config{
		Driver: DriverIxgbe, MAC: [6]byte{0x02, 0, 0, 0, 0, 0x10}, MTU: 1500,
		LinkBitsPerSecond: 10_000_000_000,
		RXRing:            512, RXUsecs: 1, RXPause: true, TXPause: true, RXChecksum: true, GRO: true, RXVLANOffload: true,
		Partner: Partner{Queue: 10 * engine.Millisecond},
	}
}

// DefaultIgb returns the interface as the igb driver of Linux 4.0 brings it up
// on a 1 Gb/s link (IGB-1, IGB-11).
func DefaultIgb() Config {
	c := DefaultConfig()
	c.Driver, c.LinkBitsPerSecond, c.RXRing, c.RXUsecs = DriverIgb, gigabit, 256, igbConservative
	return c
}

// DefaultOf returns the defaults of a driver; of ixgbe if there is none of that name.
func DefaultOf(driver string) Config {
	if driver == DriverIgb {
		return DefaultIgb()
	}
	return DefaultConfig()
}

// Validate reports every field that no real interface would take on a machine
// with that many CPUs. Values that the driver would silently clamp, as ring
// sizes (RX-1), are valid.
func (c *Config) Validate(cpus int) error {
	d := driverOf(c)
	if d == nil {
		return errors.Join(
			cfgerr.Check(c.Driver == DriverIxgbe || c.Driver == DriverIgb, "driver", c.Driver, `"ixgbe" or "igb"`),
			cfgerr.Check(c.Driver != DriverIxgbe, "chip", c.Chip, `"82599" with ixgbe`),
			cfgerr.Check(c.Driver != DriverIgb, "chip", c.Chip, `"82576", "i350", "i210" or "i211" with igb`))
	}
	errs := []error{
		cfgerr.Range("mtu", c.MTU, 68, d.maxMTU),
		cfgerr.Check(c.LinkBitsPerSecond >= 10_000_000 && c.LinkBitsPerSecond <= d.maxLink, "link", c.LinkBitsPerSecond, d.links()),
		cfgerr.Check(c.RXRing >= 0, "ring.rx", c.RXRing, fmt.Sprintf("at least 0 (the driver clamps to %d..%d)", d.minRing, d.maxRing)),
		d.checkUsecs(c.RXUsecs),
		cfgerr.Range("channels.combined", c.Combined, 0, d.maxChannels),
		cfgerr.Check(!c.MSI || c.Combined <= 1, "channels.combined", c.Combined, "0 or 1 with interrupts: msi"),
		cfgerr.Check(d.hints || !c.NTuple, "features.ntuple", c.NTuple, "false: igb of this kernel has no such feature"),
		cfgerr.Range("frame_overhead", c.FrameOverhead, 0, 4096),
		cfgerr.Check(c.Partner.Queue >= 0, "link_partner.queue", c.Partner.Queue, "0 or more"),
		cfgerr.Check(c.RSSKey == nil || len(c.RSSKey) == 40, "rss_key", len(c.RSSKey), "40 bytes"),
		c.Indirection.validate(d, c.queues(cpus)),
		c.validateFilters(c.queues(cpus)),
		cfgerr.Under("pcie", c.PCIe.validate()),
		cfgerr.Under("memory", c.Memory.validate()),
	}
	for _, id := range c.VLANs {
		errs = append(errs, cfgerr.Range("vlans", id, 1, 4094))
	}
	return errors.Join(errs...)
}

func (d *driver) links() string {
	if d.maxLink == gigabit {
		return "10Mb/s to 1Gb/s"
	}
	return "10Mb/s to 1Tb/s"
}

// checkUsecs refuses what ethtool -C refuses (IRQ-10, IGB-11).
func (d *driver) checkUsecs(usecs int) error {
	const at = "coalesce.rx-usecs"
	if d.name == DriverIgb {
		return cfgerr.Check(usecs == 0 || usecs == 1 || usecs == igbConservative || usecs >= 10 && usecs <= 10_000, at, usecs, "0, 1, 3 or 10 to 10000")
	}
	return cfgerr.Range(at, usecs, 0, 1022)
}
