package ipstack

import (
	"slices"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// TapKind is how a packet socket hands packets to its program.
type TapKind uint8

// Kinds of packet sockets.
const (
	// PacketRcv queues a clone of each packet, bounded by sk_rcvbuf.
	PacketRcv TapKind = iota
	// TPacketRcv copies each packet into a ring of frames that the program has
	// mapped (PACKET_RX_RING), bounded by the number of frames.
	TPacketRcv
)

// The headers before a packet in a frame of the ring: tpacket2_hdr and
// sockaddr_ll, then the link header, with the network header on a multiple of 16.
const ringMACOffset = 66

// TapConfig is a packet socket and the program behind it, as tcpdump is one.
type TapConfig struct {
	Name string
	Kind TapKind
	// EtherType is the protocol of the socket; 0 is ETH_P_ALL.
	EtherType uint16
	// RcvBuf is sk_rcvbuf in bytes.
	RcvBuf int
	// Frames and FrameSize are those of the ring, in packets and bytes.
	Frames, FrameSize int
	// SnapLen is the most bytes that the program wants of a packet; 0: no limit.
	SnapLen int
	// Filter returns how many bytes of a packet the program wants, 0 to ignore
	// it. It models sk_run_filter; nil wants all of all packets.
	Filter func(c *cpu.Core, b *skb.Buff, d *Device) int
	// PerPacket is the time that the program takes for a packet in user mode; 0: it never reads.
	PerPacket engine.Time
}

// A Tap is a packet socket, as tcpdump opens one. It models struct packet_sock.
// Its program runs as a task if it was given a CPU (Run); otherwise on a CPU of
// its own, where it takes PerPacket for a packet and no time from anybody.
//
// Not modelled:
//   - Packet sockets are SOCK_RAW; SOCK_DGRAM does not exist.
//   - A ring of a packet socket has no blocks and no timeouts (TPACKET_V3).
//   - There are no fanout groups of packet sockets, and no PACKET_COPY_THRESH.
//   - The clone for a packet socket can always be allocated (CORE-31).
//   - Where a packet socket is the only taker, it gets a clone, too, and the
//     packet itself is dropped; the kernel hands it over, which no counter
//     tells apart.
type Tap struct {
	layer  *Layer
	device *Device // bound to, nil for all
	cfg    TapConfig
	closed bool

	rmem   int // sk_rmem_alloc
	queue  []tapEntry
	head   int
	freeAt engine.Time // without a task: the program is busy until then
	reader tapReader
	inHand bool // the task has taken an entry and still holds its memory or frame

	// Packets and Drops are what tp_packets and tp_drops count, from the opening on (CORE-31, CORE-33).
	Packets, Drops uint64
	// SKDrops is sk_drops, which a full ring does not move (CORE-33).
	SKDrops uint64
	// Bytes counts the bytes kept of packets.
	Bytes uint64
	// Stamped counts packets kept that carried a timestamp, and StampedLate those that
	// were stamped when they were copied into the ring (CORE-2, CORE-36).
	Stamped, StampedLate uint64

	readPackets, readDrops uint64 // what Statistics has returned
}

type tapEntry struct {
	at       engine.Time
	tstamp   engine.Time // 0: determined when it is read (CORE-36)
	truesize int
	snap     uint32
	id       uint64 // of the frame
}

// OpenTap opens a packet socket, bound to d or, if d is nil, to no device. New
// ones run first (CORE-30).
func (l *Layer) OpenTap(d *Device, cfg TapConfig) *Tap {
	t := &Tap{layer: l, device: d, cfg: cfg}
	l.taps = append(l.taps, t)
	if d != nil {
		d.taps = slices.Insert(d.taps, 0, t)
	}
	list := t.list()
	*list = slices.Insert(*list, 0, t)
	l.countTaps()
	return t
}

// AddTap opens a packet socket of the plain kind for all protocols, bound to the device.
func (d *Device) AddTap(rcvbuf int, perPacket engine.Time) *Tap {
	return d.layer.OpenTap(d, TapConfig{RcvBuf: rcvbuf, PerPacket: perPacket})
}

// list returns the list that the socket's hook is on. It models ptype_head: in
// Linux 4.0 a bound device has lists of its own (CORE-30), before that it has not
// (K310-11).
func (t *Tap) list() *[]*Tap {
	bound := t.device != nil && t.layer.Profile.DeviceTapLists
	switch {
	case t.cfg.EtherType != 0 && bound:
		return &t.device.ptypeSpecific
	case t.cfg.EtherType != 0:
		return &t.layer.ptypeBase
	case bound:
		return &t.device.ptypeAll
	}
	return &t.layer.ptypeAll
}

// countTaps brings the shortcuts of the receive core up to date.
func (l *Layer) countTaps() {
	l.tapped, l.specific = false, 0
	for _, t := range l.taps {
		if t.cfg.EtherType == 0 {
			l.tapped = true
		} else {
			l.specific++
		}
	}
}

// TapTotals says where the packets of all packet sockets are, closed ones
// included.
type TapTotals struct{ Queued, InHand, Read, Closed uint64 }

// TapTotals adds up all packet sockets.
func (l *Layer) TapTotals() TapTotals {
	sum := l.closed
	for _, t := range l.taps {
		n := t.Packets - t.Live()
		if t.inHand {
			sum.InHand++
			n--
		}
		sum.Queued += t.Live()
		sum.Read += n
	}
	return sum
}

// Close takes the socket's hook off and frees what is queued. A socket whose
// program is a task stays open.
func (t *Tap) Close() {
	l := t.layer
	t.closed = true
	remove := func(list *[]*Tap) {
		*list = slices.DeleteFunc(*list, func(o *Tap) bool { return o == t })
	}
	remove(t.list())
	remove(&l.taps)
	if t.device != nil {
		remove(&t.device.taps)
	}
	l.countTaps()
	l.Ledger.Lose(skb.SocketClosed, t.Live())
	l.closed.Closed += t.Live()
	l.closed.Read += t.Packets - t.Live()
	t.queue, t.head, t.rmem = nil, 0, 0
}

// Taps returns the packet sockets that are bound to the device, newest first.
func (d *Device) Taps() []*Tap { return d.taps }

// Taps returns all packet sockets of the host in the order in which they were opened.
func (l *Layer) Taps() []*Tap { return l.taps }

// Device returns the device that the socket is bound to, nil for all.
func (t *Tap) Device() *Device { return t.device }

// Config returns what the socket was opened with.
func (t *Tap) Config() TapConfig { return t.cfg }

// Rmem returns sk_rmem_alloc.
func (t *Tap) Rmem() int { return t.rmem }

// Statistics models PACKET_STATISTICS: packets, those lost included, and losses
// since the last call (CORE-34).
func (t *Tap) Statistics() (packets, drops uint64) {
	drops = t.Drops - t.readDrops
	packets = t.Packets - t.readPackets + drops
	t.readPackets, t.readDrops = t.Packets, t.Drops
	return packets, drops
}

// deliverTaps hands a packet to the sockets for all protocols, those without a
// device first (CORE-30), and reports whether there was one.
func (l *Layer) deliverTaps(c *cpu.Core, b *skb.Buff, d *Device) (any bool) {
	for _, t := range l.ptypeAll {
		if t.device == nil || t.device == d {
			any = true
			t.receive(c, b, d)
		}
	}
	for _, t := range d.ptypeAll {
		any = true
		t.receive(c, b, d)
	}
	return any
}

// deliverSpecific hands a packet to the sockets of a list that are for its
// EtherType. It models deliver_ptype_list_skb.
func (l *Layer) deliverSpecific(c *cpu.Core, b *skb.Buff, list []*Tap, typ uint16, match func(*Tap) bool) (any bool) {
	for _, t := range list {
		if t.cfg.EtherType == typ && match(t) {
			any = true
			t.receive(c, b, l.devices[b.IfIndex])
		}
	}
	return any
}

// receive is the hook of the socket. It models packet_rcv (CORE-31) and
// tpacket_rcv (CORE-33) up to where they differ.
func (t *Tap) receive(c *cpu.Core, b *skb.Buff, d *Device) {
	if t.closed || b.PktType == skb.PacketLoopback { // shown on its way out, if at all (CORE-31)
		return
	}
	snap := int(b.Len) + skb.EthHeader
	if f := t.cfg.Filter; f != nil {
		c.Spend(t.layer.Costs.TapFilter.Fixed)
		res := f(c, b, d)
		if res == 0 {
			return // not counted at all
		}
		snap = min(snap, res)
	}
	if t.cfg.SnapLen > 0 {
		snap = min(snap, t.cfg.SnapLen)
	}
	t.settle(c.Now())
	t.layer.Ledger.Clone()
	var cost kernel.Cost
	if e := (tapEntry{at: c.Now(), tstamp: b.TStamp, truesize: int(b.Truesize), snap: uint32(snap), id: b.ID}); t.cfg.Kind == TPacketRcv {
		cost = t.layer.Costs.TapRing
		t.intoRing(&e)
		snap = int(e.snap)
	} else {
		cost = t.layer.Costs.Tap
		snap = int(b.Len)
		t.intoQueue(&e)
	}
	c.Spend(cost.For(uint32(snap)))
	t.dataReady(c)
}

// intoQueue models the rest of packet_rcv: full is tested before the packet is
// added, so the last one may exceed the limit (CORE-32).
func (t *Tap) intoQueue(e *tapEntry) {
	if t.rmem >= t.cfg.RcvBuf {
		t.SKDrops++
		t.full()
		return
	}
	t.rmem += e.truesize
	if e.tstamp != 0 {
		t.Stamped++
	}
	t.keep(e)
}

// intoRing models the rest of tpacket_rcv: the packet is copied as far as its
// frame has room, with a time read now if it has no timestamp (CORE-2, CORE-33).
func (t *Tap) intoRing(e *tapEntry) {
	held := len(t.queue) - t.head
	if t.inHand {
		held++ // the program has not given the frame back
	}
	if held >= t.cfg.Frames {
		e.snap = 0
		t.full()
		return
	}
	e.truesize = 0 // nothing is charged
	e.snap = min(e.snap, uint32(max(t.cfg.FrameSize-ringMACOffset, 0)))
	if e.tstamp == 0 {
		e.tstamp = e.at
		t.StampedLate++
	} else {
		t.Stamped++
	}
	t.keep(e)
}

func (t *Tap) full() {
	t.Drops++
	t.layer.Ledger.Drop(skb.TapFull)
}

func (t *Tap) keep(e *tapEntry) {
	t.Packets++
	t.Bytes += uint64(e.snap)
	t.queue = append(t.queue, *e)
	t.layer.Ledger.Put()
}

// take removes the oldest entry.
func (t *Tap) take() tapEntry {
	e := t.queue[t.head]
	t.head++
	if t.head > 64 && t.head*2 > len(t.queue) {
		t.queue = t.queue[:copy(t.queue, t.queue[t.head:])]
		t.head = 0
	}
	return e
}

// settle lets a program without a task read what it has read by now.
func (t *Tap) settle(now engine.Time) {
	if t.cfg.PerPacket == 0 || t.reader.task != nil {
		return
	}
	for t.head < len(t.queue) {
		e := &t.queue[t.head]
		done := max(e.at, t.freeAt) + t.cfg.PerPacket
		if done > now {
			break
		}
		t.freeAt = done
		t.rmem -= e.truesize
		t.take()
		t.layer.Ledger.Take()
		t.layer.Ledger.Consume()
	}
}

// A TapPacket is what the program gets of a packet.
type TapPacket struct {
	// At is when it was queued, TStamp the time that the program is told: the packet's
	// timestamp if it had one; otherwise, of the plain kind, that of the reading (CORE-36).
	At, TStamp engine.Time
	// Len is the number of bytes kept of it.
	Len int
}

// Recv reads the oldest packet from outside of any task, as of now.
func (t *Tap) Recv(now engine.Time) (p TapPacket, ok bool) {
	t.settle(now)
	if t.head == len(t.queue) {
		return p, false
	}
	e := t.take()
	t.rmem -= e.truesize
	t.layer.Ledger.Take()
	t.layer.Ledger.Consume()
	p = TapPacket{At: e.at, TStamp: e.tstamp, Len: int(e.snap)}
	if p.TStamp == 0 {
		p.TStamp = now
	}
	return p, true
}

// Settle brings the socket's program to t.
func (t *Tap) Settle(now engine.Time) { t.settle(now) }

// Live returns how many packets the socket holds.
func (t *Tap) Live() uint64 { return uint64(len(t.queue) - t.head) }

// PTypes lists the handlers as /proc/net/ptype does: in Linux 4.0 those bound to
// a device are not there (FMT-9), before that they are (K310-11).
func (l *Layer) PTypes() []mib.PType {
	var out []mib.PType
	row := func(t *Tap) {
		p := mib.PType{EtherType: t.cfg.EtherType, Function: tapFunctions[t.cfg.Kind]}
		if t.device != nil {
			p.Device = t.device.Name
		}
		out = append(out, p)
	}
	for _, t := range l.ptypeAll {
		row(t)
	}
	for _, t := range l.ptypeBase {
		row(t)
	}
	return append(out,
		mib.PType{EtherType: skb.EtherTypeIPv4, Function: "ip_rcv"},
		mib.PType{EtherType: skb.EtherTypeARP, Function: "arp_rcv"},
		mib.PType{EtherType: skb.EtherTypeIPv6, Function: "ipv6_rcv"})
}

// tapFunctions are the hooks by their kernel symbols.
var tapFunctions = [...]string{PacketRcv: "packet_rcv", TPacketRcv: "tpacket_rcv"}
