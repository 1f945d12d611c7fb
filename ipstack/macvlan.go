package ipstack

import (
	"slices"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// MacvlanMode is which other macvlans a macvlan talks to. It models enum macvlan_mode.
type MacvlanMode uint8

// Modes of a macvlan.
const (
	MacvlanPrivate MacvlanMode = iota
	MacvlanVEPA
	MacvlanBridge
	MacvlanPassthru // it takes everything
)

var macvlanModes = []string{"private", "vepa", "bridge", "passthru"}

// MacvlanModes returns the names of all modes.
func MacvlanModes() []string { return slices.Clone(macvlanModes) }

// String returns the name of the mode.
func (m MacvlanMode) String() string { return macvlanModes[m] }

// macvlanQueueLen is MACVLAN_BC_QUEUE_LEN.
const macvlanQueueLen = 1000

// Macvlan is a device with an address of its own on another device. It models
// struct macvlan_dev.
//
// Not modelled:
//   - A macvlan does not send, so none hears another.
//   - The mode source of a macvlan does not exist.
//   - The multicast filter of a macvlan is exact; the kernel's is a hash,
//     which lets some groups more through.
type Macvlan struct {
	*Device
	mode MacvlanMode
	// Down says that the device is not up.
	Down bool
}

// A macvlanPort is a device with macvlans on it. It models struct macvlan_port.
type macvlanPort struct {
	lower *Device
	vlans []*Macvlan

	// bcQueue holds copies of multicasts until a worker hands them to the macvlans.
	bcQueue   []skb.Buff
	scheduled bool
	running   *worker    // that is at it
	busy      []skb.Buff // what it has taken, from done on still to do
	done      int
	scratch   skb.Buff
}

// AddMacvlan registers a macvlan on lower, which may not be part of a bond or bridge.
func (l *Layer) AddMacvlan(name string, lower *Device, mode MacvlanMode, mac skb.MAC, addr skb.Addr, prefixLen int) *Macvlan {
	d := l.AddDevice(name, mac, lower.MTU, addr, prefixLen)
	if mode == MacvlanPassthru {
		d.MAC = lower.MAC
	}
	m := &Macvlan{Device: d, mode: mode}
	d.macvlan, d.lower = m, lower
	p, ok := lower.rxHandler.(*macvlanPort)
	if !ok {
		p = &macvlanPort{lower: lower}
		lower.rxHandler = p
	}
	p.vlans = append(p.vlans, m)
	return m
}

// Mode returns the macvlan's mode.
func (m *Macvlan) Mode() MacvlanMode { return m.mode }

// handleFrame implements rxHandler. It models macvlan_handle_frame (CORE-43).
func (p *macvlanPort) handleFrame(c *cpu.Core, b *skb.Buff, _ *Device) rxResult {
	l := p.lower.layer
	if b.Head.DstMAC.Multicast() {
		src := p.lookup(b.Head.SrcMAC)
		if src != nil && (src.mode == MacvlanPrivate || src.mode == MacvlanPassthru) {
			// Back from the wire, for whoever sent it: counted with no bytes.
			src.broadcastOne(b)
			src.countRX(0, l.NetifRX(c, b), false)
			return rxConsumed
		}
		p.broadcastEnqueue(c, b)
		return rxPass
	}
	m := p.vlans[0]
	if m.mode != MacvlanPassthru {
		m = p.lookup(b.Head.DstMAC)
	}
	switch {
	case m == nil:
		return rxPass
	case m.Down:
		l.drop(c, skb.DevReady)
		return rxConsumed
	}
	b.IfIndex, b.PktType = m.Index, skb.PacketHost
	m.countRX(b.Len+skb.EthHeader, skb.NotDropped, false)
	return rxAnother
}

// lookup models macvlan_hash_lookup.
func (p *macvlanPort) lookup(mac skb.MAC) *Macvlan {
	for _, m := range p.vlans {
		if m.MAC == mac {
			return m
		}
	}
	return nil
}

// countRX models macvlan_count_rx.
func (m *Macvlan) countRX(bytes uint32, r skb.DropReason, multicast bool) {
	if r != skb.NotDropped {
		m.RXErrors++
		return
	}
	m.RXPackets++
	m.RXBytes += uint64(bytes)
	if multicast {
		m.Multicast++
	}
}

// broadcastEnqueue models macvlan_broadcast_enqueue: a copy waits for a worker;
// the lower device counts one too many as dropped.
func (p *macvlanPort) broadcastEnqueue(c *cpu.Core, b *skb.Buff) {
	l := p.lower.layer
	c.Spend(l.Costs.Clone.Fixed)
	l.Ledger.Clone()
	l.MacvlanCopies++
	if len(p.bcQueue) >= macvlanQueueLen {
		p.lower.RXDropped++
		l.drop(c, skb.MacvlanBacklog)
		return
	}
	p.bcQueue = append(p.bcQueue, *b)
	l.Ledger.Put()
	if !p.scheduled {
		p.scheduled = true
		w := l.worker(c)
		if p.running != nil { // a work item never runs on two CPUs at once (__queue_work)
			w = p.running
		}
		if w.task.Asleep() {
			c.Spend(l.Costs.Wake.Fixed)
		}
		w.schedule(c, p)
	}
}

// run implements work. It models macvlan_process_broadcast.
func (p *macvlanPort) run(c *cpu.Core, w *worker) {
	p.scheduled, p.running = false, w
	p.bcQueue, p.busy, p.done = p.busy[:0], p.bcQueue, 0
	for p.done < len(p.busy) {
		b := &p.busy[p.done]
		p.done++
		p.lower.layer.Ledger.Take()
		p.broadcast(c, b)
	}
	p.busy = p.busy[:0]
	p.done, p.running = 0, nil
}

// broadcast models macvlan_broadcast: a copy for each macvlan that listens to
// the group, the packet itself for the last.
func (p *macvlanPort) broadcast(c *cpu.Core, b *skb.Buff) {
	l := p.lower.layer
	src := p.lookup(b.Head.SrcMAC)
	var last *Macvlan
	for _, m := range p.vlans {
		if !m.hears(b.Head.DstMAC, src) {
			continue
		}
		if last != nil {
			c.Spend(l.Costs.Clone.Fixed)
			l.Ledger.Clone()
			l.MacvlanCopies++
			p.scratch = *b
			last.receive(c, &p.scratch)
		}
		last = m
	}
	if last == nil {
		l.drop(c, skb.HandledElsewhere)
		return
	}
	last.receive(c, b)
}

// hears reports whether a multicast reaches the macvlan: one from the wire all
// that are up and listen; one that another macvlan sent and the switch sent
// back (src) those of the modes VEPA and, if src is VEPA, bridge.
func (m *Macvlan) hears(dst skb.MAC, src *Macvlan) bool {
	switch {
	case m.Down, m == src:
		return false
	case src != nil && m.mode != MacvlanVEPA && (src.mode != MacvlanVEPA || m.mode != MacvlanBridge):
		return false
	case dst.Broadcast():
		return true
	}
	return slices.ContainsFunc(m.groups, func(g Group) bool { return skb.MulticastMAC(uint32(g.Addr)) == dst })
}

// broadcastOne models macvlan_broadcast_one.
func (m *Macvlan) broadcastOne(b *skb.Buff) {
	b.IfIndex, b.PktType = m.Index, skb.PacketMulticast
	if b.Head.DstMAC.Broadcast() {
		b.PktType = skb.PacketBroadcast
	}
}

// receive puts the packet into the backlog of the worker's CPU.
func (m *Macvlan) receive(c *cpu.Core, b *skb.Buff) {
	m.broadcastOne(b)
	n := b.Len + skb.EthHeader
	m.countRX(n, m.layer.NetifRXNI(c, b), true)
}

// live returns how many copies wait.
func (p *macvlanPort) live() uint64 { return uint64(len(p.bcQueue) + len(p.busy) - p.done) }

// Live returns how many packets wait in the layer, those of packet sockets not
// counted.
func (l *Layer) Live() (n uint64) {
	for _, d := range l.Devices() {
		if p, ok := d.rxHandler.(*macvlanPort); ok {
			n += p.live()
		}
	}
	return n
}
