package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Device is a network device as the receive core and IPv4 see it. It models
// struct net_device and struct in_device.
type Device struct {
	layer     *Layer
	Name      string
	Index     int32
	MAC       skb.MAC
	MTU       int
	Addr      skb.Addr
	PrefixLen int

	// RXDropped is dev->rx_dropped: drops of the receive core (CORE-20).
	RXDropped uint64
	// RXPackets, RXBytes and Multicast are a VLAN device's own counters (CORE-4.6).
	RXPackets, RXBytes, Multicast uint64

	rps    [][]int // CPUs by queue
	taps   []*Tap
	groups []Group // newest first
	vlans  map[uint16]*Device
	routes skb.Memo[routeResult]
	gen    uint64 // of the routes
}

// Group is a multicast group that a device is a member of.
type Group struct {
	Addr skb.Addr
	// Users counts the memberships of sockets.
	Users int
}

// SetRPS sets rps_cpus of a queue: CPUs in ascending order (RPS-1).
func (d *Device) SetRPS(queue int, cpus []int) {
	for len(d.rps) <= queue {
		d.rps = append(d.rps, nil)
	}
	d.rps[queue] = cpus
}

// RPSMap implements softirq.Device.
func (d *Device) RPSMap(queue uint16) []int {
	if int(queue) >= len(d.rps) {
		return nil
	}
	return d.rps[queue]
}

// CountDropped implements softirq.Device.
func (d *Device) CountDropped() { d.RXDropped++ }

// Groups returns the memberships, newest first.
func (d *Device) Groups() []Group { return d.groups }

// Join models ip_mc_inc_group and reports whether the group is new on the
// device: only then is the MAC filter programmed and every cached route void
// (GM-2, ED-6).
func (d *Device) Join(group skb.Addr) bool {
	for i := range d.groups {
		if d.groups[i].Addr == group {
			d.groups[i].Users++
			return false
		}
	}
	d.groups = append([]Group{{group, 1}}, d.groups...)
	d.layer.routeGen++
	return true
}

// Leave undoes one Join and reports whether it was the last.
func (d *Device) Leave(group skb.Addr) bool {
	for i := range d.groups {
		if d.groups[i].Addr != group {
			continue
		}
		if d.groups[i].Users--; d.groups[i].Users > 0 {
			return false
		}
		d.groups = append(d.groups[:i], d.groups[i+1:]...)
		d.layer.routeGen++
		return true
	}
	return false
}

// member models ip_check_mc_rcu without source lists (MC-2).
func (d *Device) member(group skb.Addr) bool {
	for i := range d.groups {
		if d.groups[i].Addr == group {
			return true
		}
	}
	return false
}

// AddVLAN makes a VLAN device on top of d.
func (d *Device) AddVLAN(id uint16, name string, addr skb.Addr, prefixLen int) *Device {
	v := d.layer.AddDevice(name, d.MAC, d.MTU, addr, prefixLen)
	if d.vlans == nil {
		d.vlans = map[uint16]*Device{}
	}
	d.vlans[id] = v
	return v
}

// broadcast returns the device's subnet broadcast address, 0 without one.
func (d *Device) broadcast() skb.Addr {
	if d.PrefixLen == 0 || d.PrefixLen >= 31 {
		return 0
	}
	return d.Addr | skb.Addr(1<<(32-d.PrefixLen)-1)
}

// onLink reports whether a is in the device's subnet.
func (d *Device) onLink(a skb.Addr) bool {
	shift := 32 - d.PrefixLen
	return d.Addr != 0 && d.PrefixLen > 0 && a>>shift == d.Addr>>shift
}
