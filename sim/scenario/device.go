package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Device is a network device without hardware of its own: exactly one of VLAN,
// Bond, Bridge and Macvlan says which. The devices that it stands on are
// interfaces, their VLAN devices, or devices before it.
type Device struct {
	Name string
	// Addr is the device's IPv4 address with PrefixLen; 0 for none.
	Addr      skb.Addr
	PrefixLen int
	// RPS is the set of CPUs of its only queue's rps_cpus mask (RPS-1), which counts where packets are received by it
	// anew: on a bridge, and on a macvlan for multicasts.
	RPS []int
	// Ingress are the filters of its ingress queueing discipline (CORE-4.5).
	Ingress []ipstack.Rule
	// Taps are packet sockets bound to it.
	Taps []Tap

	VLAN    *VLAN
	Bond    *Bond
	Bridge  *Bridge
	Macvlan *Macvlan
}

// VLAN is an 802.1Q device (ip link add type vlan).
type VLAN struct {
	Device string
	ID     int
}

// Bond is a bonding device over interfaces.
type Bond struct {
	ipstack.BondConfig
	Slaves []string
	// Active are the active slaves: the one of a mode with one, those of the active aggregator. Empty: the first
	// slave, or all of them.
	Active []string
}

// Bridge is an Ethernet bridge.
type Bridge struct {
	ipstack.BridgeConfig
	Ports []BridgePort
}

// BridgePort is a device in a bridge.
type BridgePort struct {
	Device string
	State  ipstack.PortState
}

// Macvlan is a device with an address of its own on another device.
type Macvlan struct {
	Device string
	Mode   ipstack.MacvlanMode
	MAC    skb.MAC
	// Down says that it is not up.
	Down bool
}

// Below returns the names of the devices that d stands on.
func (d *Device) Below() []string {
	switch {
	case d.VLAN != nil:
		return []string{d.VLAN.Device}
	case d.Bond != nil:
		return d.Bond.Slaves
	case d.Bridge != nil:
		var out []string
		for _, p := range d.Bridge.Ports {
			out = append(out, p.Device)
		}
		return out
	case d.Macvlan != nil:
		return []string{d.Macvlan.Device}
	}
	return nil
}

// VLANName returns the name of the device that NIC.VLANs makes.
func VLANName(nic string, id int) string { return fmt.Sprintf("%s.%d", nic, id) }

// DeviceNames returns the names of all devices but lo in the order of their
// interface indices, which count up from 2.
func DeviceNames(nics []NIC, veths []Veth, tuns []Tun, devices []Device) []string {
	var out []string
	for i := range nics {
		out = append(out, nics[i].Name)
	}
	for i := range nics {
		for _, id := range nics[i].VLANs {
			out = append(out, VLANName(nics[i].Name, id))
		}
	}
	for i := range veths {
		for j := range veths[i] {
			if veths[i][j].Namespace == "" {
				out = append(out, veths[i][j].Name)
			}
		}
	}
	for i := range tuns {
		out = append(out, tuns[i].Name)
	}
	for i := range devices {
		out = append(out, devices[i].Name)
	}
	return out
}

// Tap is a packet socket and the program behind it, which keeps up or does not.
type Tap struct {
	// Name is that of the program, in results.
	Name string
	// Device is the device that a host's packet socket is bound to; empty: all. One of an interface or device is bound to that.
	Device string
	// Kind is how it gets its packets.
	Kind ipstack.TapKind
	// EtherType is the protocol of the socket; 0 for all (ETH_P_ALL).
	EtherType uint16
	// RcvBuf is sk_rcvbuf in bytes, which bounds the plain kind.
	RcvBuf int
	// Frames and FrameSize are those of the mmap ring, in packets and bytes.
	Frames, FrameSize int
	// SnapLen is the most bytes wanted of a packet; 0: all.
	SnapLen int
	// Filter is its classic BPF program, see package filter; empty: none.
	Filter []string
	// PerPacket is the time that the reader takes for a packet; 0: it never reads.
	PerPacket engine.Time
	// Task makes the reader a task on CPU with that nice value; otherwise it runs on a CPU of its own.
	Task      bool
	CPU, Nice int
}

func (t *Tap) validate(cpus int) error {
	ring := t.Kind == ipstack.TPacketRcv
	errs := []error{
		cfgerr.Check(!ring || t.Frames >= 1 && t.Frames <= 1<<20, "frames", t.Frames, "1 to 1048576"),
		cfgerr.Check(!ring || t.FrameSize >= 96 && t.FrameSize <= 1<<20 && t.FrameSize%16 == 0, "frame_size", t.FrameSize, "a multiple of 16 from 96 to 1048576"),
		cfgerr.Range("snaplen", t.SnapLen, 0, 1<<20),
		cfgerr.Check(!t.Task || t.PerPacket > 0, "per_packet", t.PerPacket, "more than 0 for a program with a CPU"),
		cfgerr.Check(!t.Task || t.CPU >= 0 && t.CPU < cpus, "cpu", t.CPU, fmt.Sprintf("0 to %d", cpus-1)),
		cfgerr.Range("nice", t.Nice, -20, 19),
	}
	errs = append(errs, cfgerr.Check(len(t.Filter) <= maxFilter, "filter", len(t.Filter), "at most 4096 instructions"))
	for i, ins := range t.Filter {
		errs = append(errs, cfgerr.Check(instruction(ins), fmt.Sprintf("filter[%d]", i), ins, "an instruction as tcpdump -ddd prints it: code jt jf k"))
	}
	return errors.Join(errs...)
}

// maxFilter is BPF_MAXINSNS.
const maxFilter = 4096

// instruction reports whether s is an instruction of classic BPF: four numbers.
// Whether the program is one, package filter says, which runs it.
func instruction(s string) bool {
	f := strings.Fields(s)
	for i, bits := range []int{16, 8, 8, 32} {
		if len(f) != 4 {
			return false
		}
		if _, err := strconv.ParseUint(f[i], 10, bits); err != nil {
			return false
		}
	}
	return true
}

// A land is what Validate knows of the devices so far.
type land struct {
	nics    map[string]bool
	known   map[string]bool
	master  map[string]string // what has taken a device over: a bond, a bridge, or "macvlan"
	vlanIDs map[string]bool
}

// validateDevices reports every fault of the devices and packet sockets of the host.
func (s *Scenario) validateDevices() error {
	l := land{nics: map[string]bool{}, known: map[string]bool{}, master: map[string]string{}, vlanIDs: map[string]bool{}}
	for i := range s.NICs {
		n := &s.NICs[i]
		l.nics[n.Name], l.known[n.Name] = true, true
		for _, id := range n.VLANs {
			l.known[VLANName(n.Name, id)] = true
			l.vlanIDs[VLANName(n.Name, id)] = true
		}
	}
	errs := []error{s.validateSoftware(l.known)}
	for i := range s.Devices {
		d := &s.Devices[i]
		at := fmt.Sprintf("devices[%d]", i)
		errs = append(errs, cfgerr.Under(at, l.device(d, &s.Host)),
			cfgerr.Check(d.Name != "" && d.Name != "lo" && len(d.Name) < 16 && !l.known[d.Name], at+".name", d.Name, "a name of its own, 1 to 15 characters"))
		l.known[d.Name] = true
	}
	for i := range s.Taps {
		t := &s.Taps[i]
		at := fmt.Sprintf("taps[%d]", i)
		errs = append(errs, cfgerr.Under(at, t.validate(s.Host.CPUs)),
			cfgerr.Check(t.Device == "" || t.Device == "lo" || l.known[t.Device], at+".device", t.Device, "the name of a device, or none for all"))
	}
	return errors.Join(errs...)
}

// device reports every fault of one device.
func (l *land) device(d *Device, h *Host) error {
	kinds := 0
	for _, is := range []bool{d.VLAN != nil, d.Bond != nil, d.Bridge != nil, d.Macvlan != nil} {
		if is {
			kinds++
		}
	}
	errs := []error{
		cfgerr.Check(kinds == 1, "", kinds, "exactly one of vlan, bond, bridge and macvlan"),
		cfgerr.Range("address", d.PrefixLen, 0, 32),
		h.checkMask("rps", d.RPS),
	}
	for i := range d.Taps {
		errs = append(errs, cfgerr.Under(fmt.Sprintf("taps[%d]", i), d.Taps[i].validate(h.CPUs)))
	}
	if kinds != 1 {
		return errors.Join(errs...)
	}
	switch {
	case d.VLAN != nil:
		errs = append(errs, cfgerr.Under("vlan", l.vlan(d.VLAN)))
	case d.Bond != nil:
		errs = append(errs, cfgerr.Under("bond", l.bond(d)))
	case d.Bridge != nil:
		errs = append(errs, cfgerr.Under("bridge", l.bridge(d)))
	case d.Macvlan != nil:
		errs = append(errs, cfgerr.Under("macvlan", l.macvlan(d.Macvlan)))
	}
	return errors.Join(errs...)
}

func (l *land) vlan(v *VLAN) error {
	key := VLANName(v.Device, v.ID)
	defer func() { l.vlanIDs[key] = true }()
	return errors.Join(
		cfgerr.Check(l.known[v.Device], "device", v.Device, "a device that stands before"),
		cfgerr.Range("id", v.ID, 1, 4094),
		cfgerr.Check(!l.vlanIDs[key], "id", v.ID, "an id that is not on the device yet"))
}

func (l *land) bond(d *Device) error {
	b := d.Bond
	errs := []error{cfgerr.Check(len(b.Slaves) > 0, "slaves", b.Slaves, "at least one interface")}
	slaves := map[string]bool{}
	for i, s := range b.Slaves {
		at := fmt.Sprintf("slaves[%d]", i)
		errs = append(errs, cfgerr.Check(l.nics[s], at, s, "the name of an interface"), l.take(at, s, d.Name))
		slaves[s] = true
	}
	for i, s := range b.Active {
		errs = append(errs, cfgerr.Check(slaves[s], fmt.Sprintf("active[%d]", i), s, "a slave of the bond"))
	}
	one := b.Mode == ipstack.ActiveBackup || b.Mode == ipstack.BalanceTLB || b.Mode == ipstack.BalanceALB
	errs = append(errs, cfgerr.Check(!one || len(b.Active) <= 1, "active", b.Active, "one slave in this mode"),
		cfgerr.Check(one || b.Mode == ipstack.LACP || len(b.Active) == 0, "active", b.Active, "nothing: all slaves are active in this mode"))
	return errors.Join(errs...)
}

func (l *land) bridge(d *Device) error {
	errs := []error{cfgerr.Check(len(d.Bridge.Ports) > 0, "ports", len(d.Bridge.Ports), "at least one device")}
	for i, p := range d.Bridge.Ports {
		at := fmt.Sprintf("ports[%d].device", i)
		errs = append(errs, cfgerr.Check(l.known[p.Device], at, p.Device, "a device that stands before"), l.take(at, p.Device, d.Name))
	}
	return errors.Join(errs...)
}

func (l *land) macvlan(m *Macvlan) error {
	return errors.Join(
		cfgerr.Check(l.known[m.Device], "device", m.Device, "a device that stands before"),
		cfgerr.Check(m.Mode == ipstack.MacvlanPassthru || !m.MAC.Multicast() && m.MAC != skb.MAC{}, "mac", m.MAC, "an address of its own"),
		l.take("device", m.Device, "macvlan"))
}

// take gives a device a master: it can have one rx_handler (CORE-40).
func (l *land) take(at, device, master string) error {
	old := l.master[device]
	if old == "" {
		l.master[device] = master
	}
	return cfgerr.Check(old == "" || old == master && master == "macvlan", at, device, "a device that is not part of another (EBUSY)")
}

// MACOf returns the address on the link that NICs[i] has when the host is up: in
// a bond, that of the first slave.
func (s *Scenario) MACOf(i int) skb.MAC {
	for j := range s.Devices {
		b := s.Devices[j].Bond
		if b == nil || !slices.Contains(b.Slaves, s.NICs[i].Name) {
			continue
		}
		for k := range s.NICs {
			if s.NICs[k].Name == b.Slaves[0] {
				return s.NICs[k].MAC
			}
		}
	}
	return s.NICs[i].MAC
}
