package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// ReceiveSKB implements softirq.Stack. It models __netif_receive_skb_core
// (CORE-4): rounds over devices with their taps, ingress filters, tags and
// rx_handlers, then the protocol table.
//
// Not modelled:
//   - There are no packets of emergency memory (CORE-8: pfmemalloc needs
//     sockets that swap over the network, of which there are none).
//   - There are no PHY timestamps (CORE-1).
//   - A further round of the receive core, as for a VLAN device, takes no time
//     of its own.
func (l *Layer) ReceiveSKB(c *cpu.Core, b *skb.Buff) {
	if l.lists != nil && l.alone(c, b) {
		return
	}
	if c.Trace != nil {
		c.Trace.Enter(b, "__netif_receive_skb_core")
		c.Trace.Receive(ftrace.NetifReceiveSKB, b)
	}
	c.Spend(l.Costs.Core.Fixed)
	if l.NetStamp.Behind() && b.TStamp == 0 { // CORE-4.1
		b.TStamp = c.Now()
		c.Spend(l.Costs.Timestamp.Fixed)
	}
	if l.forIP(b) {
		c.Stats.Softnet.Processed++
		l.ipRcv(c, b)
		return
	}
	orig, exact := b.IfIndex, false
	for {
		c.Stats.Softnet.Processed++ // once a round (CORE-6)
		if b.InBand > 0 && !b.Tagged {
			b.Untag() // CORE-4.3
		}
		d := l.devices[b.IfIndex]
		pending := l.tapped && l.deliverTaps(c, b, d)
		if len(d.ingress) > 0 {
			pending = false // delivered before the filters run (CORE-5)
			if l.ingress(c, b, d) {
				return
			}
		}
		if b.Tagged {
			pending = false // delivered before the tag is looked at (CORE-5)
			if v := d.vlanDevice(b); v != nil {
				l.vlanReceive(b, v)
				continue
			}
		}
		if d.rxHandler != nil {
			pending = false // CORE-40
			switch d.rxHandler.handleFrame(c, b, d) {
			case rxConsumed:
				return
			case rxAnother:
				continue
			case rxExact:
				exact = true
			case rxPass:
			}
		}
		if b.Tagged {
			if again := l.zeroTags(b, d); again != nil {
				l.vlanReceive(b, again)
				continue
			}
			if b.TCI()&vlanIDMask != 0 {
				b.PktType = skb.PacketOtherHost // CORE-4.8
			}
			b.Tagged = false
		}
		l.deliver(c, b, l.devices[orig], d, exact, pending)
		return
	}
}

// forIP is the common case: nobody is interested in the packet but IP.
func (l *Layer) forIP(b *skb.Buff) bool {
	d := l.devices[b.IfIndex]
	return b.Head.EtherType == skb.EtherTypeIPv4 && b.InBand == 0 && !b.Tagged && !l.tapped && l.specific == 0 &&
		d.rxHandler == nil && len(d.ingress) == 0
}

const vlanIDMask = 0xfff

// zeroTags takes off tags that only have a priority, before others, and returns the
// VLAN device of the first that has one.
func (l *Layer) zeroTags(b *skb.Buff, d *Device) *Device {
	if !l.Profile.ZeroTagInner {
		return nil
	}
	for b.TCI()&vlanIDMask == 0 && b.InBand > 0 {
		b.Untag()
		if v := d.vlanDevice(b); v != nil {
			return v
		}
	}
	return nil
}

// deliver models the end of __netif_receive_skb_core, the protocol table
// (CORE-4.9, CORE-4.10): packet sockets for the packet's EtherType, newest
// first, the kernel's own handler as the oldest of all, then packet sockets
// bound to the device that the packet came in by and to the one it is on now.
// exact leaves out those that are not bound; pending says that a packet socket
// for all protocols has it already.
func (l *Layer) deliver(c *cpu.Core, b *skb.Buff, orig, d *Device, exact, pending bool) {
	typ := b.Head.EtherType
	if b.InBand > 0 {
		typ = skb.EtherTypeVLAN
	}
	if l.specific == 0 && !exact { // the common case: nobody but the kernel
		switch typ {
		case skb.EtherTypeIPv4:
			l.ipRcv(c, b)
			return
		case skb.EtherTypeARP, skb.EtherTypeIPv6:
			l.drop(c, l.elsewhere(b, typ))
			return
		}
	}
	l.deliverAll(c, b, delivery{typ: typ, orig: orig, dev: d, exact: exact, taken: pending})
}

// elsewhere tells apart what handlers refuse that this model does not follow.
func (l *Layer) elsewhere(b *skb.Buff, typ uint16) skb.DropReason {
	switch {
	case typ == skb.EtherTypeIPv6 && b.PktType == skb.PacketOtherHost && l.Profile.OtherhostCounted: // ip6_rcv_core
		l.devices[b.IfIndex].RXOtherhostDropped++
		return skb.OtherHost
	case typ == skb.EtherTypeIPv6 && l.Config.DisableIPv6 != 0:
		l.Ledger.Finer.IPv6Off++
	case typ < skb.EtherTypeMinDIX:
		l.Ledger.Finer.LLC++
	}
	return skb.HandledElsewhere
}

// A delivery is a packet at the protocol table.
type delivery struct {
	typ       uint16
	orig, dev *Device
	exact     bool
	taken     bool // somebody has taken it
}

// deliverAll is deliver with all that there is.
func (l *Layer) deliverAll(c *cpu.Core, b *skb.Buff, v delivery) {
	global := func(t *Tap) bool { // deliver_ptype_list_skb over ptype_base
		return t.device == nil && !v.exact || t.device != nil && (t.device == v.orig || t.device == v.dev)
	}
	v.taken = l.deliverSpecific(c, b, l.ptypeBase, v.typ, global) || v.taken
	mine := *b // ip_rcv takes its reference and changes it (skb_share_check)
	reason := skb.UnhandledProto
	switch {
	case v.exact:
	case v.typ == skb.EtherTypeIPv4:
		l.ipRcv(c, b)
		c.Trace.Leave("ip_rcv")
		reason = skb.NotDropped
		*b = mine
	case v.typ == skb.EtherTypeARP, v.typ == skb.EtherTypeIPv6, l.Config.LLC && v.typ < skb.EtherTypeMinDIX:
		reason = l.elsewhere(b, v.typ)
	}
	if reason != skb.UnhandledProto {
		v.taken = true
	}
	all := func(*Tap) bool { return true }
	v.taken = l.deliverSpecific(c, b, v.orig.ptypeSpecific, v.typ, all) || v.taken
	if v.dev != v.orig {
		v.taken = l.deliverSpecific(c, b, v.dev.ptypeSpecific, v.typ, all) || v.taken
	}
	if reason == skb.NotDropped {
		return
	}
	if !v.taken {
		v.dev.RXDropped++ // CORE-4.10
	} else if reason == skb.UnhandledProto {
		l.Ledger.Finer.Tapped++ // the last packet socket took it over: nothing is left to drop
	}
	l.drop(c, reason)
}

// ingress models handle_ing and reports whether the packet was dropped: its
// queueing discipline counts it, rx_dropped does not (CORE-4.5).
func (l *Layer) ingress(c *cpu.Core, b *skb.Buff, d *Device) bool {
	d.Ingress.Packets++
	d.Ingress.Bytes += uint64(b.Len) + skb.EthHeader
	for i := range d.ingress {
		r := &d.ingress[i]
		if !r.matches(b) {
			continue
		}
		if r.DropPPM == 1_000_000 || l.IngressRand.Below(1_000_000) < uint64(r.DropPPM) {
			d.Ingress.Drops++
			l.drop(c, skb.TCIngress)
			return true
		}
		return false
	}
	return false
}

// An rxResult is what an rx_handler made of a packet. It models
// rx_handler_result_t (8.5).
type rxResult uint8

const (
	rxConsumed rxResult = iota // taken
	rxAnother                  // it is on another device now: one more round
	rxExact                    // only for handlers bound to its devices
	rxPass                     // go on
)

// An rxHandler is the master of a device: *Bond, *bridgePort or *macvlanPort.
// It models rx_handler_func_t; a device has one at most (CORE-40).
type rxHandler interface {
	handleFrame(c *cpu.Core, b *skb.Buff, d *Device) rxResult
}
