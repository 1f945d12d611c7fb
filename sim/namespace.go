package sim

import (
	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/softirq"
	"github.com/seed-556df219/rxpath/udp"
)

// A namespace is a network namespace: interfaces, routes, sockets and counters
// of its own, on the CPUs and in the backlogs of the one host. The first is the
// host's own, whose files it shows.
//
// An interface's number in softirq has its namespace's number in the upper half:
// ifindex 2 of the second namespace is 1<<16 | 2.
type namespace struct {
	host    *Host
	name    string
	index   int
	net     *mib.Net
	ip      *ipstack.Layer
	udp     *udp.Layer
	devices []transmitter // by ifindex, nil where nothing can be sent

	ipID    uint16
	headers map[skb.Header]*skb.Header // of what this namespace sends
	asked   map[skb.Addr]engine.Time   // when it last sent an ARP request for an address that nobody has
}

// A transmitter is a device through which a namespace sends. *nic.Loopback,
// *nic.Veth and *nic.Tun implement it.
type transmitter interface {
	// Xmit models ndo_start_xmit: the packet in hand, with its Ethernet header, is the device's.
	Xmit(*cpu.Core, *skb.Buff)
	// Link returns the device's statistics.
	Link() mib.Link
	// Live returns how many packets the device holds.
	Live() int
}

// nsShift is where the number of a namespace begins in that of an interface.
const nsShift = 16

// number returns the interface's number in softirq.
func (ns *namespace) number(ifindex int32) int32 { return int32(ns.index)<<nsShift | ifindex }

// transmitterOf returns the device by which an interface sends, nil if it does not.
func (ns *namespace) transmitterOf(ifindex int32) transmitter {
	if int(ifindex) >= len(ns.devices) {
		return nil
	}
	return ns.devices[ifindex]
}

func (ns *namespace) setTransmitter(ifindex int32, t transmitter) {
	for int(ifindex) >= len(ns.devices) {
		ns.devices = append(ns.devices, nil)
	}
	ns.devices[ifindex] = t
}

// namespaceNamed returns a namespace, making it if there is none of that name.
func (h *Host) namespaceNamed(name string) *namespace {
	for _, ns := range h.spaces {
		if ns.name == name {
			return ns
		}
	}
	ns := &namespace{host: h, name: name, index: len(h.spaces), net: &mib.Net{}}
	ns.makeLayers("netfilter/" + name)
	h.spaces = append(h.spaces, ns)
	h.softnet.Stack = stacks{h}
	h.softnet.Device = func(i int32) softirq.Device { return h.spaces[i>>nsShift].ip.Device(i & (1<<nsShift - 1)) }
	ns.addLoopback()
	return ns
}

// stacks is the receive core of a host with several namespaces.
type stacks struct{ h *Host }

// ReceiveSKB implements softirq.Stack: the packet goes to the namespace of its
// interface.
func (s stacks) ReceiveSKB(c *cpu.Core, b *skb.Buff) {
	ns := s.h.spaces[b.IfIndex>>nsShift]
	b.IfIndex &= 1<<nsShift - 1
	ns.ip.ReceiveSKB(c, b)
}

// ReceiveSKBList implements softirq.Stack: the packets of a list came in by one
// interface.
func (s stacks) ReceiveSKBList(c *cpu.Core, list []skb.Buff) {
	if len(list) == 0 {
		return
	}
	ns := s.h.spaces[list[0].IfIndex>>nsShift]
	for i := range list {
		list[i].IfIndex &= 1<<nsShift - 1
	}
	ns.ip.ReceiveSKBList(c, list)
}

// Namespace returns the counters of a network namespace by its name, "" for the
// host's own, and false if there is none.
func (h *Host) Namespace(name string) (mib.Net, bool) {
	for _, ns := range h.spaces {
		if ns.name == name {
			return *ns.net, true
		}
	}
	return mib.Net{}, false
}

// idleWithin is how near an event must be for RunUntilIdle to wait for it.
const idleWithin = engine.Millisecond

// RunUntilIdle lets time pass until no CPU has anything to do within the next
// millisecond: what was sent has been received, and whoever it woke has gone to
// sleep. It stops at the limit in any case, and reports whether the host is idle.
// A host whose interfaces have traffic never is.
func (h *Host) RunUntilIdle(limit engine.Time) bool {
	end := h.now + limit
	for {
		next := engine.Never
		for _, c := range h.cores {
			at, _ := c.Next()
			next = min(next, at)
		}
		if next > h.now+idleWithin {
			return true
		}
		if h.now >= end {
			return false
		}
		h.AdvanceTo(min(end, max(next, h.now)+runSlice))
	}
}

// runSlice is how far RunUntilIdle goes before it looks again.
const runSlice = 20 * engine.Microsecond

// Link returns the statistics of an interface of a namespace without hardware,
// and false if there is none.
func (h *Host) Link(namespaceName, device string) (mib.Link, bool) {
	for _, ns := range h.spaces {
		if ns.name != namespaceName {
			continue
		}
		d, err := ns.ip.DeviceNamed(device)
		if err != nil || ns.transmitterOf(d.Index) == nil {
			return mib.Link{}, false
		}
		return ns.transmitterOf(d.Index).Link(), true
	}
	return mib.Link{}, false
}

// ReaderChecksums counts the datagrams whose bad checksum their reader found;
// they are among those of the reason UDP_CSUM.
func (h *Host) ReaderChecksums() uint64 { return h.sockets.CsumDrops }

// TapStats returns how many packets each packet socket of the host's own
// namespace got.
func (h *Host) TapStats() []uint64 {
	var out []uint64
	for _, t := range h.ip.Taps() {
		out = append(out, t.Packets)
	}
	return out
}

// Time returns the virtual time in picoseconds.
func (h *Host) Time() engine.Time { return h.now }

// SetDevWeight sets net.core.dev_weight; the backlog of a CPU takes it over when
// it is polled, and has it from the next poll on (ODD-19).
func (h *Host) SetDevWeight(n int) error {
	err := cfgerr.Range("net.core.dev_weight", n, 1, 1<<20)
	if err == nil {
		h.softnet.Config.DevWeight = n
	}
	return err
}
