package sim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// prepareNICs returns the interfaces as the devices on top of them want them:
// the ids of VLAN devices registered, the address of a bond, promiscuous mode in
// a bridge, the addresses of macvlans.
func prepareNICs(cfg *Config) []scenario.NIC {
	nics := slices.Clone(cfg.NICs)
	hardware := map[string][]*scenario.NIC{} // what a device stands on in the end
	for i := range nics {
		n := &nics[i]
		n.VLANs, n.Addresses = slices.Clone(n.VLANs), slices.Clone(n.Addresses)
		hardware[n.Name] = []*scenario.NIC{n}
		for _, id := range n.VLANs {
			hardware[scenario.VLANName(n.Name, id)] = hardware[n.Name]
		}
	}
	for i := range cfg.Devices {
		d := &cfg.Devices[i]
		var below []*scenario.NIC
		for _, name := range d.Below() {
			below = append(below, hardware[name]...)
		}
		hardware[d.Name] = below
		for _, n := range below {
			switch {
			case d.VLAN != nil && !slices.Contains(n.VLANs, d.VLAN.ID):
				n.VLANs = append(n.VLANs, d.VLAN.ID) // vlan_vid_add
			case d.Bond != nil:
				n.MAC = below[0].MAC
			case d.Bridge != nil:
				n.AllMulti = true // br_add_if
				n.Promisc = n.Promisc || len(d.Bridge.Ports) > 1
			case d.Macvlan != nil && d.Macvlan.Mode == ipstack.MacvlanPassthru:
				n.Promisc = true
			case d.Macvlan != nil:
				n.Addresses = append(n.Addresses, d.Macvlan.MAC) // dev_uc_add
			}
		}
	}
	return nics
}

// addDevices makes the devices on top of the interfaces.
func (h *Host) addDevices(devices []scenario.Device) error {
	for i := range devices {
		if devices[i].Macvlan != nil {
			h.ip.StartWorkers(h.cores)
			break
		}
	}
	for i := range devices {
		d := &devices[i]
		dev := h.makeDevice(d)
		dev.SetIngress(d.Ingress)
		cpus := h.cfg.Online(d.RPS)
		dev.SetRPS(0, cpus)
		h.softnet.RPS = h.softnet.RPS || len(cpus) > 0
		if err := h.openTaps(dev, d.Taps); err != nil {
			return err
		}
	}
	return nil
}

// openTaps opens the packet sockets of one device.
func (h *Host) openTaps(d *ipstack.Device, taps []scenario.Tap) error {
	for i := range taps {
		if _, err := h.openTap(d, &taps[i]); err != nil {
			return err
		}
	}
	return nil
}

// openNICTaps opens those of interfaces.
func (h *Host) openNICTaps() error {
	for i := range h.cfg.NICs {
		n := &h.cfg.NICs[i]
		dev, _ := h.ip.DeviceNamed(n.Name)
		if err := h.openTaps(dev, n.Taps); err != nil {
			return err
		}
	}
	return h.openVethTaps()
}

// openHostTaps opens those that are of no interface or device.
func (h *Host) openHostTaps(taps []scenario.Tap) error {
	for i := range taps {
		var dev *ipstack.Device // nil: all of them
		if name := taps[i].Device; name != "" {
			dev, _ = h.ip.DeviceNamed(name)
		}
		if _, err := h.openTap(dev, &taps[i]); err != nil {
			return err
		}
	}
	return nil
}

// makeDevice registers one device.
func (h *Host) makeDevice(d *scenario.Device) *ipstack.Device {
	var below []*ipstack.Device
	for _, name := range d.Below() {
		dev, _ := h.ip.DeviceNamed(name) // it exists: Validate has seen it
		below = append(below, dev)
	}
	switch {
	case d.VLAN != nil:
		return below[0].AddVLAN(uint16(d.VLAN.ID), d.Name, d.Addr, d.PrefixLen)
	case d.Bond != nil:
		b := h.ip.AddBond(d.Name, d.Bond.BondConfig, below, d.Addr, d.PrefixLen)
		if len(d.Bond.Active) > 0 {
			b.SetActive(h.devicesNamed(d.Bond.Active))
		}
		if b.Mode() == ipstack.LACP {
			for _, s := range below {
				h.port(s.Name).JoinMAC(skb.SlowProtocolsMAC)
			}
		}
		return b.Device
	case d.Bridge != nil:
		b := h.ip.AddBridge(d.Name, d.Bridge.BridgeConfig, below, d.Addr, d.PrefixLen)
		for i, p := range d.Bridge.Ports {
			b.SetState(below[i], p.State)
		}
		return b.Device
	default:
		m := h.ip.AddMacvlan(d.Name, below[0], d.Macvlan.Mode, d.Macvlan.MAC, d.Addr, d.PrefixLen)
		m.Down = d.Macvlan.Down
		return m.Device
	}
}

func (h *Host) devicesNamed(names []string) []*ipstack.Device {
	var out []*ipstack.Device
	for _, n := range names {
		if d, err := h.ip.DeviceNamed(n); err == nil {
			out = append(out, d)
		}
	}
	return out
}

// filterPorts returns the ports whose multicast filters a group joined on the
// device goes into: dev_mc_sync through VLAN devices and macvlans, in a bond
// with one active slave to that one alone. A bridge wants every group anyway.
func (h *Host) filterPorts(d *ipstack.Device) []*nic.Port {
	if b := d.Bond(); b != nil {
		var out []*nic.Port
		for _, s := range b.FilterSlaves() {
			out = append(out, h.filterPorts(s)...)
		}
		return out
	}
	if d.Lower() != nil {
		return h.filterPorts(d.Lower())
	}
	if p := h.port(d.Name); p != nil {
		return []*nic.Port{p}
	}
	return nil
}

// SetActiveSlaves makes exactly these slaves of a bond active, as a failover or
// a new aggregator does: the groups that are joined on the bond, and on what
// stands on it, move to the ports of the new ones.
func (h *Host) SetActiveSlaves(bond string, slaves ...string) error {
	d, err := h.ip.DeviceNamed(bond)
	if err != nil {
		return err
	}
	b := d.Bond()
	if b == nil {
		return fmt.Errorf("sim: %s is no bond (EINVAL)", bond)
	}
	devs := h.devicesNamed(slaves)
	for i, name := range slaves {
		if len(devs) != len(slaves) || !slices.Contains(b.Slaves(), devs[i]) {
			return fmt.Errorf("sim: %q is no slave of %s (EINVAL)", name, bond)
		}
	}
	if b.Mode().UsesPrimary() && len(devs) > 1 {
		return fmt.Errorf("sim: %s has one active slave in mode %s, not %d (EINVAL)", bond, b.Mode(), len(devs))
	}
	h.moveGroups(func() { b.SetActive(devs) })
	return nil
}

// moveGroups lets f change which ports stand below which devices, and moves what
// is joined on those accordingly.
func (h *Host) moveGroups(f func()) {
	h.eachJoined((*nic.Port).LeaveGroup)
	f()
	h.eachJoined((*nic.Port).JoinGroup)
}

// eachJoined calls f for each group that sockets have joined on a device
// without hardware of its own, with each port that listens to it.
func (h *Host) eachJoined(f func(*nic.Port, skb.Addr)) {
	for _, d := range h.ip.Devices() {
		if h.port(d.Name) != nil {
			continue
		}
		ports := h.filterPorts(d)
		for _, g := range d.Groups() {
			for _, p := range ports {
				if g.Addr != ipstack.AllHosts {
					f(p, g.Addr)
				}
			}
		}
	}
}

// SetPortState sets the spanning-tree state of a bridge port.
func (h *Host) SetPortState(bridge, port string, s ipstack.PortState) error {
	d, err := h.ip.DeviceNamed(bridge)
	if err != nil {
		return err
	}
	if d.Bridge() == nil {
		return fmt.Errorf("sim: %s is no bridge (EOPNOTSUPP)", bridge)
	}
	for _, p := range d.Bridge().Ports() {
		if p.Name == port {
			d.Bridge().SetState(p, s)
			return nil
		}
	}
	return fmt.Errorf("sim: %q is no port of %s (ENODEV)", port, bridge)
}

// A Tap is a packet socket of a host.
type Tap struct {
	host *Host
	tap  *ipstack.Tap
}

// OpenTap opens a packet socket while the host runs, bound to cfg.Device. Its
// program must not be a task.
func (h *Host) OpenTap(cfg scenario.Tap) (*Tap, error) {
	sc := scenario.Scenario{Host: h.cfg.Host, NICs: h.cfg.NICs, Devices: h.cfg.Devices, Taps: []scenario.Tap{cfg}, Run: scenario.Run{For: 1}}
	if err := sc.Validate(); err != nil {
		return nil, err
	}
	if cfg.Task {
		return nil, fmt.Errorf("sim: a packet socket that is opened while the host runs has no task")
	}
	var dev *ipstack.Device
	if cfg.Device != "" {
		dev, _ = h.ip.DeviceNamed(cfg.Device)
	}
	t, err := h.openTap(dev, &cfg)
	if err != nil {
		return nil, err
	}
	return &Tap{h, t}, nil
}

// Taps returns the packet sockets in the order in which they were opened.
func (h *Host) Taps() []*Tap {
	var out []*Tap
	for _, t := range h.ip.Taps() {
		out = append(out, &Tap{h, t})
	}
	return out
}

// openTap opens a packet socket that Validate has seen.
func (h *Host) openTap(d *ipstack.Device, cfg *scenario.Tap) (*ipstack.Tap, error) {
	c := ipstack.TapConfig{Name: cfg.Name, Kind: cfg.Kind, EtherType: cfg.EtherType, RcvBuf: cfg.RcvBuf, Frames: cfg.Frames,
		FrameSize: cfg.FrameSize, SnapLen: cfg.SnapLen, PerPacket: cfg.PerPacket}
	if len(cfg.Filter) > 0 {
		if h.cfg.OpenFilter == nil {
			return nil, errors.New("sim: a packet socket has a filter, but OpenFilter is not set")
		}
		run, err := h.cfg.OpenFilter(cfg.Filter)
		if err != nil {
			return nil, err
		}
		c.Filter = func(c *cpu.Core, b *skb.Buff, d *ipstack.Device) int { return run(b, c.ID(), d.Index) }
	}
	t := h.ip.OpenTap(d, c)
	if cfg.Task {
		t.Run(h.cores[cfg.CPU], cfg.Nice)
	}
	return t, nil
}

// Statistics returns what getsockopt(PACKET_STATISTICS) does: packets, those
// lost included, and losses since the last call, which it forgets (CORE-34).
func (t *Tap) Statistics() (packets, drops uint64) {
	t.tap.Settle(t.host.now)
	return t.tap.Statistics()
}

// Recv reads the oldest packet that the program has not read yet.
func (t *Tap) Recv() (ipstack.TapPacket, bool) { return t.tap.Recv(t.host.now) }

// Close closes the packet socket.
func (t *Tap) Close() { t.tap.Close() }
