package ipstack

import (
	"slices"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// BondMode is how a bond uses its slaves. It models BOND_MODE.
type BondMode uint8

// Modes of a bond, with the kernel's numbers.
const (
	BalanceRR BondMode = iota
	ActiveBackup
	BalanceXOR
	BondBroadcast
	LACP // 802.3ad
	BalanceTLB
	BalanceALB
)

// bondModes are the names of the modes, as the module parameter has them.
var bondModes = []string{"balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"}

// BondModes returns the names of all modes.
func BondModes() []string { return slices.Clone(bondModes) }

// String returns the name of the mode.
func (m BondMode) String() string { return bondModes[m] }

// UsesPrimary models bond_uses_primary: one slave is the active one.
func (m BondMode) UsesPrimary() bool { return m == ActiveBackup || m == BalanceTLB || m == BalanceALB }

// BondConfig is how a bond was made.
type BondConfig struct {
	Mode BondMode
	// AllSlavesActive is all_slaves_active: inactive slaves deliver, too.
	AllSlavesActive bool
}

// Bond is a bonding device. It models struct bonding.
//
// Not modelled:
//   - A bond does not send.
//   - The aggregator of an 802.3ad bond is not chosen: the slaves of the
//     active one are given. The state machines of LACP do not run; its frames
//     are consumed.
//   - ARP monitoring and the ARP of balance-alb, which only look at frames,
//     are left out.
type Bond struct {
	*Device
	cfg    BondConfig
	slaves []*bondSlave
}

// A bondSlave is a device of a bond. It models struct slave.
type bondSlave struct {
	bond   *Bond
	dev    *Device
	active bool
}

// AddBond registers a bond over devices, which take its address on the link. The
// first is active in a mode with one active slave; in the others all are.
func (l *Layer) AddBond(name string, cfg BondConfig, slaves []*Device, addr skb.Addr, prefixLen int) *Bond {
	d := l.AddDevice(name, slaves[0].MAC, slaves[0].MTU, addr, prefixLen)
	b := &Bond{Device: d, cfg: cfg}
	d.bond = b
	for _, s := range slaves {
		k := &bondSlave{bond: b, dev: s}
		b.slaves = append(b.slaves, k)
		s.MAC, s.master, s.rxHandler = d.MAC, d, k
	}
	b.SetActive(slaves[:1])
	if !cfg.Mode.UsesPrimary() {
		b.SetActive(slaves)
	}
	return b
}

// Mode returns the bond's mode.
func (b *Bond) Mode() BondMode { return b.cfg.Mode }

// Slaves returns the devices of the bond.
func (b *Bond) Slaves() []*Device {
	var out []*Device
	for _, s := range b.slaves {
		out = append(out, s.dev)
	}
	return out
}

// Active returns the active slaves. It models bond_is_active_slave.
func (b *Bond) Active() []*Device {
	var out []*Device
	for _, s := range b.slaves {
		if s.active {
			out = append(out, s.dev)
		}
	}
	return out
}

// FilterSlaves returns the slaves whose multicast filters have the bond's groups:
// the active one of a mode with one, else all. It models bond_set_rx_mode.
func (b *Bond) FilterSlaves() []*Device {
	if b.cfg.Mode.UsesPrimary() {
		return b.Active()
	}
	return b.Slaves()
}

// SetActive makes exactly these slaves active: the one that a failover chose, or
// those of the active aggregator. It models bond_change_active_slave.
func (b *Bond) SetActive(devs []*Device) {
	for _, s := range b.slaves {
		s.active = slices.Contains(devs, s.dev)
	}
}

// handleFrame implements rxHandler. It models bond_handle_frame (CORE-41).
func (s *bondSlave) handleFrame(c *cpu.Core, b *skb.Buff, _ *Device) rxResult {
	if s.bond.cfg.Mode == LACP && b.Head.EtherType == skb.EtherTypeSlow && b.Head.DstMAC == skb.SlowProtocolsMAC {
		s.bond.layer.drop(c, skb.HandledElsewhere) // bond_3ad_lacpdu_recv
		return rxConsumed
	}
	if s.exactMatch(b) {
		return rxExact
	}
	b.IfIndex = s.bond.Index
	return rxAnother
}

// exactMatch models bond_should_deliver_exact_match.
func (s *bondSlave) exactMatch(b *skb.Buff) bool {
	if s.active || s.bond.cfg.AllSlavesActive {
		return false
	}
	return s.bond.cfg.Mode != BalanceALB || b.PktType == skb.PacketBroadcast || b.PktType == skb.PacketMulticast
}
