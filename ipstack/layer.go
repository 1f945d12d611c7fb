// Package ipstack models the receive core and IPv4 input: packet sockets, VLAN
// devices and the protocol table (net/core/dev.c:__netif_receive_skb_core),
// ip_rcv to ip_local_deliver_finish (net/ipv4/ip_input.c), route input
// (net/ipv4/route.c, net/ipv4/fib_frontend.c), group membership
// (net/ipv4/igmp.c), netfilter hooks, and icmp_send with its rate limits
// (net/ipv4/icmp.c).
//
// Not modelled:
//   - There is no IPsec.
//   - A router's half is left out: what becomes of a packet that the host
//     passes on, and multicast routing (ip_mr_input).
//   - ARP, IPv6, TCP, ICMP and IGMP packets are counted where the kernel
//     counts them first and end there.
package ipstack

import (
	"fmt"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A Protocol takes IP packets that are for this host. *udp.Layer implements it.
type Protocol interface {
	// EarlyDemux attaches a socket and its cached route to the packet, if the
	// packet is for exactly one.
	EarlyDemux(*skb.Buff)
	// Receive takes the packet over. Its Len is that of the IP payload.
	Receive(*cpu.Core, *skb.Buff)
}

// Layer is the receive core and IPv4 of one host.
type Layer struct {
	Config  Config
	Profile *kernel.Profile
	Costs   *kernel.Costs
	Ledger  *skb.Ledger
	Net     *mib.Net
	// UDP is the protocol handler.
	UDP Protocol
	// Output sends an ICMP error, on a core, or from a timer if that is nil.
	Output func(*cpu.Core, *Reply)
	// Rand draws for netfilter rules, IngressRand for those of ingress queueing disciplines.
	Rand, IngressRand engine.Stream
	// Digest witnesses what timers do.
	Digest engine.Digest
	// NetStamp is the switch of receive timestamps.
	NetStamp *skb.NetStamp
	// NetifReceiveSKB takes what a bridge passes up on its own device (CORE-6).
	NetifReceiveSKB func(*cpu.Core, *skb.Buff)
	// NetifRX and NetifRXNI take what macvlans hand to the backlog (CORE-43).
	NetifRX, NetifRXNI func(*cpu.Core, *skb.Buff) skb.DropReason
	// MacvlanCopies counts the copies made of multicasts for macvlans.
	MacvlanCopies uint64

	devices   []*Device   // by index, devices[1] is lo
	tapped    bool        // there is a packet socket for all protocols
	ptypeAll  []*Tap      // those that are not bound, newest first
	ptypeBase []*Tap      // those for one EtherType that are not bound
	specific  int         // packet sockets for one EtherType, bound or not
	plain     *skb.Header // the last that was plain (see isPlain)
	closed    TapTotals   // of packet sockets that are closed
	workers   []*worker   // by CPU, started when the first has work, or if there are macvlans
	taps      []*Tap      // all packet sockets, in the order in which they were opened
	routeGen  uint64
	icmp      icmpLimit
	frags     frags
	rules     []RuleCounter
	conntrack conntrack
	raw       []*RawSock // newest first
	peers     map[skb.Addr]*peer
	lists     []skbList // by CPU, if packets come in lists
}

// New returns a layer with the device lo.
func New(l Layer) *Layer {
	l.devices = []*Device{nil}
	l.rules = make([]RuleCounter, len(l.Config.Netfilter))
	l.AddDevice("lo", skb.MAC{}, 65536, skb.Addr(0x7f000001), 8)
	return &l
}

// Kinds of effects in a core's digest.
const (
	digestDrop     = cpu.DigestStages + 64
	digestFragment = digestDrop + 63
)

// Settle brings what timers do to t.
func (l *Layer) Settle(t engine.Time) {
	l.settleFrags(t)
	l.settleConntrack(t)
	for _, r := range l.raw {
		r.settle(t)
	}
}

// drop retires a packet in hand.
func (l *Layer) drop(c *cpu.Core, r skb.DropReason) {
	l.Ledger.Drop(r)
	if c.Trace != nil {
		l.traceDrop(c, r)
	}
	c.Digest.Fold(c.Now(), digestDrop+uint64(r))
	c.Spend(l.Costs.FreeDrop.Fixed)
}

// RouteGen returns the route generation of the namespace (ED-6).
func (l *Layer) RouteGen() uint64 { return l.routeGen }

// Device returns the device of that index; it must exist.
func (l *Layer) Device(ifindex int32) *Device { return l.devices[ifindex] }

// Devices returns all devices in the order of their index.
func (l *Layer) Devices() []*Device { return l.devices[1:] }

// DeviceNamed returns the device of that name, or an error that names those that exist.
func (l *Layer) DeviceNamed(name string) (*Device, error) {
	var names []string
	for _, d := range l.Devices() {
		if d.Name == name {
			return d, nil
		}
		names = append(names, d.Name)
	}
	return nil, fmt.Errorf("ipstack: no device %q: want one of %q", name, names)
}

// AddDevice registers a device with an address.
func (l *Layer) AddDevice(name string, mac skb.MAC, mtu int, addr skb.Addr, prefixLen int) *Device {
	d := &Device{layer: l, Name: name, Index: int32(len(l.devices)), MAC: mac, MTU: mtu, Addr: addr, PrefixLen: prefixLen}
	d.groups = []Group{{Addr: AllHosts, Users: 1, Excludes: 1}} // GM-3
	l.devices = append(l.devices, d)
	l.routeGen++
	return d
}

// AllHosts is 224.0.0.1, of which every device is a member (GM-3).
const AllHosts skb.Addr = 0xe0000001
