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
	// GRO says that packets pass napi_gro_receive, which pulls the beginnings of their UDP headers (FR-10).
	GRO bool
	// Conf is net.ipv4.conf.NAME.
	Conf DeviceConf

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

// AddVLAN makes a VLAN device on top of d.
func (d *Device) AddVLAN(id uint16, name string, addr skb.Addr, prefixLen int) *Device {
	v := d.layer.AddDevice(name, d.MAC, d.MTU, addr, prefixLen)
	if d.vlans == nil {
		d.vlans = map[uint16]*Device{}
	}
	d.vlans[id] = v
	return v
}
