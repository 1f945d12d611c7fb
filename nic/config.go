package nic

import (
	"errors"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
)

// Driver names.
const (
	DriverIxgbe = "ixgbe"
)

// Config is one network interface, as an operator sets it with ethtool and ip.
type Config struct {
	// Driver is "ixgbe".
	Driver string `ethtool:"-i driver"`
	// MAC is the interface's address.
	MAC [6]byte
	// MTU is in bytes, 68 to 9710 (RX-21).
	MTU int
	// LinkBitsPerSecond is the speed of the link.
	LinkBitsPerSecond int64
	// RXRing is the number of descriptors asked for; the driver clamps and rounds it (RX-1).
	RXRing int `ethtool:"-G rx"`
	// RXUsecs is 0 for no throttling, 1 for dynamic, else microseconds up to 1022 (IRQ-10).
	RXUsecs int `ethtool:"-C rx-usecs"`
	// Combined is the number of queues, 1 to 63; 0 means the driver's default, one per CPU (RX-36).
	Combined int `ethtool:"-L combined"`
	// RXPause and TXPause switch flow control (HW-4).
	RXPause bool `ethtool:"-A rx"`
	TXPause bool `ethtool:"-A tx"`
	// UDPPortHash makes RSS hash UDP on ports, too (RX-31).
	UDPPortHash bool `ethtool:"-N rx-flow-hash udp4 sdfn"`
	// RXChecksum is the feature rx-checksumming.
	RXChecksum bool `ethtool:"-K rx"`
	// GRO is the feature generic-receive-offload.
	GRO bool `ethtool:"-K gro"`
	// Promisc accepts everything.
	Promisc bool `ip:"promisc"`
	// VLANs are the VLAN ids that devices were made for on this interface.
	VLANs []int `ip:"link add type vlan id"`
	// RSSKey is the Toeplitz key, 40 bytes used; nil means the fixed default key (RX-34: a real machine draws it at boot).
	RSSKey []byte
	// FrameOverhead is what a frame takes of the packet buffer beyond its bytes with FCS (HW-12).
	FrameOverhead int
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

// DefaultConfig returns the interface as the ixgbe driver of Linux 4.0 brings
// it up on a 10 Gb/s fibre link.
func DefaultConfig() Config {
	return Config{
		Driver: DriverIxgbe, MAC: [6]byte{0x02, 0, 0, 0, 0, 0x10}, MTU: 1500,
		LinkBitsPerSecond: 10_000_000_000,
		RXRing:            512, RXUsecs: 1, RXPause: true, TXPause: true, RXChecksum: true, GRO: true,
		Partner: Partner{Queue: 10 * engine.Millisecond},
	}
}

// Validate reports every field that no real interface would take. Values that
// the driver would silently clamp, as ring sizes (RX-1), are valid.
func (c *Config) Validate() error {
	errs := []error{
		cfgerr.Check(c.Driver == DriverIxgbe, "driver", c.Driver, `"ixgbe"`),
		cfgerr.Range("mtu", c.MTU, 68, 9710),
		cfgerr.Check(c.LinkBitsPerSecond >= 10_000_000 && c.LinkBitsPerSecond <= 1_000_000_000_000, "link", c.LinkBitsPerSecond, "10Mb/s to 1Tb/s"),
		cfgerr.Check(c.RXRing >= 1, "ring.rx", c.RXRing, "at least 1 (the driver clamps to 64..4096)"),
		cfgerr.Range("coalesce.rx-usecs", c.RXUsecs, 0, 1022),
		cfgerr.Range("channels.combined", c.Combined, 0, 63),
		cfgerr.Range("frame_overhead", c.FrameOverhead, 0, 4096),
		cfgerr.Check(c.Partner.Queue >= 0, "link_partner.queue", c.Partner.Queue, "0 or more"),
		cfgerr.Check(c.RSSKey == nil || len(c.RSSKey) == 40, "rss_key", len(c.RSSKey), "40 bytes"),
	}
	for _, id := range c.VLANs {
		errs = append(errs, cfgerr.Range("vlans", id, 1, 4094))
	}
	return errors.Join(errs...)
}
