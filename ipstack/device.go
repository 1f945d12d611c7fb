package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/mib"
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
	// RXOtherhostDropped is dev->core_stats rx_otherhost_dropped, where the kernel counts it.
	RXOtherhostDropped uint64
	// RXPackets, RXBytes and Multicast are the own counters of a device without
	// hardware: a VLAN device (CORE-4.6), a bridge, a macvlan (CORE-43).
	RXPackets, RXBytes, Multicast uint64
	// RXErrors counts what a macvlan could not hand on; its rx_dropped shows it, too.
	RXErrors uint64
	// Ingress are the counters of the ingress queueing discipline.
	Ingress IngressStats

	rps           [][]int // CPUs by queue
	ptypeAll      []*Tap  // packet sockets for all protocols, newest first
	ptypeSpecific []*Tap  // those for one EtherType
	taps          []*Tap  // all that are bound to the device, newest first
	groups        []Group // newest first
	vlans         map[uint16]*Device
	ingress       []Rule
	rxHandler     rxHandler
	lower         *Device // a VLAN device or macvlan stands on it
	master        *Device // a bond or bridge that the device is part of
	bond          *Bond   // what the device is, if it is one of these
	bridge        *Bridge
	macvlan       *Macvlan
	routes        skb.Memo[routeResult]
	gen           uint64 // of the routes
}

// IngressStats are the counters of an ingress queueing discipline, as `tc -s
// qdisc` shows them.
type IngressStats struct{ Packets, Bytes, Drops uint64 }

// SetIngress gives the device an ingress queueing discipline with these
// filters; the first match decides (CORE-4.5).
func (d *Device) SetIngress(rules []Rule) { d.ingress = rules }

// Lower returns the device that a VLAN device or macvlan stands on, nil for others.
func (d *Device) Lower() *Device { return d.lower }

// Master returns the bond or bridge that the device is part of, nil if none.
func (d *Device) Master() *Device { return d.master }

// Bond returns the bond that the device is, nil if it is none.
func (d *Device) Bond() *Bond { return d.bond }

// Bridge returns the bridge that the device is, nil if it is none.
func (d *Device) Bridge() *Bridge { return d.bridge }

// Macvlan returns the macvlan that the device is, nil if it is none.
func (d *Device) Macvlan() *Macvlan { return d.macvlan }

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

// Link returns what the device itself counts, without hardware below it. It
// models vlan_dev_get_stats64, br_get_stats64 (which has no multicast), and
// macvlan_dev_get_stats64, which shows rx_errors as rx_dropped, too. The drops of
// the receive core come on top (CORE-20).
func (d *Device) Link() mib.Link {
	return mib.Link{RXPackets: d.RXPackets, RXBytes: d.RXBytes, Multicast: d.Multicast, RXErrors: d.RXErrors, RXDropped: d.RXErrors}
}
