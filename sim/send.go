package sim

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// SenderConfig is a process that sends.
type SenderConfig struct {
	// Name appears in errors.
	Name string
	// Namespace is the network namespace of its socket, "" for the host's own.
	Namespace string
	// CPU is the processor that it is pinned to.
	CPU int
	// Local is the bound address; its address may be 0.0.0.0, then the one of the outgoing interface is used.
	Local netip.AddrPort
	// Device is the interface for multicast (IP_MULTICAST_IF); empty: the first one that is not lo.
	Device string
	// NoMulticastLoop clears IP_MULTICAST_LOOP.
	NoMulticastLoop bool
	// Nice is its nice value.
	Nice int
}

// A Sender is a process with a UDP socket, or a packet socket, that sends from a
// CPU of the host. What it sends over lo, veth or a tap device is received
// before its call returns, in its own time: on the way out it leaves a section
// in which softirqs are off, and they run there (RPS-18, SIRQ-9).
//
// Sends are queued, and happen one after the other when time passes.
//
// Not modelled:
//   - A sender's socket has no send buffer that could be full.
//   - A sender has no routes beyond its interfaces' networks, and asks nobody
//     by ARP.
//   - There are no queueing disciplines (a device without hardware has none).
type Sender struct {
	cfg   SenderConfig
	ns    *namespace
	task  *cpu.Task
	queue []sending
	buff  skb.Buff
	sent  uint64
	plan  *plan
	call  sending // the one under way
	out   packet  // of it
}

// A sending is one call of sendmsg, or of write.
type sending struct {
	dst     netip.AddrPort
	payload int
	segment int
	frame   *skb.Frame // of a packet socket or a tap device
	ifindex int32
}

// NewSender starts a process that sends nothing yet.
func (h *Host) NewSender(cfg SenderConfig) (*Sender, error) {
	if err := cfgerr.Range("cpu", cfg.CPU, 0, len(h.cores)-1); err != nil {
		return nil, err
	}
	if h.cores[cfg.CPU].Consumer() {
		return nil, &cfgerr.Error{Path: "cpu", Value: cfg.CPU, Want: "a CPU that Config.Senders names"}
	}
	if !cfg.Local.IsValid() || !cfg.Local.Addr().Is4() {
		return nil, &cfgerr.Error{Path: "bind", Value: cfg.Local, Want: "an IPv4 address and a port"}
	}
	s := &Sender{cfg: cfg}
	for _, ns := range h.spaces {
		if ns.name == cfg.Namespace {
			s.ns = ns
		}
	}
	if s.ns == nil {
		return nil, &cfgerr.Error{Path: "namespace", Value: cfg.Namespace, Want: "a namespace of this host"}
	}
	s.task = h.cores[cfg.CPU].NewTask(cfg.Name, cfg.Nice, s.step)
	return s, nil
}

// Send queues one sendto: a datagram of that many bytes.
func (s *Sender) Send(dst netip.AddrPort, payload int) error {
	return s.SendSegments(dst, payload, 0)
}

// SendSegments queues one sendmsg with UDP_SEGMENT: payload bytes, to be cut into
// datagrams of segment bytes each. A device with the feature
// tx-udp-segmentation takes them as one packet, another gets them all inside one
// BH-disabled section.
func (s *Sender) SendSegments(dst netip.AddrPort, payload, segment int) error {
	if !dst.Addr().Is4() || dst.Port() == 0 {
		return &cfgerr.Error{Path: "dst", Value: dst, Want: "an IPv4 address and a port"}
	}
	if err := cfgerr.Range("payload", payload, 0, maxPayload); err != nil {
		return err
	}
	if err := cfgerr.Range("segment", segment, 0, maxPayload); err != nil {
		return err
	}
	s.enqueue(sending{dst: dst, payload: payload, segment: segment})
	return nil
}

// maxPayload is what one datagram can carry over IPv4.
const maxPayload = 65535 - skb.IPHeader - skb.UDPHeader

// SendFrame queues a frame, with its Ethernet header: the send of a packet socket
// bound to the named interface, or the write to a tap device.
func (s *Sender) SendFrame(device string, f skb.Frame) error {
	d, err := s.ns.ip.DeviceNamed(device)
	if err != nil {
		return err
	}
	if s.ns.transmitterOf(d.Index) == nil {
		return fmt.Errorf("sim: interface %q does not send", device)
	}
	s.enqueue(sending{frame: &f, ifindex: d.Index})
	return nil
}

func (s *Sender) enqueue(o sending) {
	s.queue = append(s.queue, o)
	s.task.Start(s.ns.host.now)
}

// Sent returns the number of calls that have returned.
func (s *Sender) Sent() uint64 { return s.sent }

// step is what the process does: one call after the other, then sleep.
func (s *Sender) step(c *cpu.Core, t *cpu.Task) {
	o := &s.call
	switch {
	case len(s.queue) > 0:
		*o = s.queue[0]
		if s.queue = s.queue[1:]; len(s.queue) == 0 {
			s.queue = nil
		}
	case s.plan == nil || !s.plan.due(c, o):
		t.Sleep()
		return
	}
	h := s.ns.host
	c.Spend(h.costs.Syscall.Fixed)
	if o.frame == nil {
		s.sendmsg(c, o)
	} else {
		s.packetSendmsg(c, o)
	}
	s.sent++
	t.Continue(0, true)
}

// fresh makes the scratch packet a new one of the given frame. Its head has room
// for area bytes; paged bytes lie in page fragments.
func (s *Sender) fresh(c *cpu.Core, f *skb.Frame, area, paged int) *skb.Buff {
	h, b := s.ns.host, &s.buff
	h.born(f, c.Now())
	b.Reset(f)
	b.Truesize = uint32(h.profile.Truesize(area, paged))
	b.Len, b.Kmalloc = f.Len, true
	return b
}

// firstMade is where the numbers of packets of this host's programs begin if it
// has interfaces, whose frames have numbers of their own.
const firstMade = 1 << 32

// born enters a packet that a process of this host made into the ledger.
func (h *Host) born(f *skb.Frame, now engine.Time) {
	h.ledger.Frames++
	h.ledger.Hand++
	h.made++
	if f.ID, f.At = h.made, now; len(h.ports) > 0 { // behind those of the interfaces
		f.ID += firstMade
	}
}

// llReserved is LL_RESERVED_SPACE of an Ethernet device: what a packet socket,
// and IP, leave free for the link header.
const llReserved = 16

// packetSendmsg models packet_snd and dev_queue_xmit, or the write to a tap
// device.
func (s *Sender) packetSendmsg(c *cpu.Core, o *sending) {
	area := llReserved + int(o.frame.Len)
	dev := s.ns.transmitterOf(o.ifindex)
	tun, ok := dev.(*nic.Tun)
	if ok {
		area = nic.TunOverhead + int(o.frame.Len)
	}
	b := s.fresh(c, o.frame, area, 0)
	if !ok {
		area -= skb.EthHeader // that is in the reserved part
	}
	s.room(b, area)
	c.Spend(s.ns.host.costs.Send.For(b.Len))
	if ok {
		tun.Write(c, b)
		return
	}
	s.ns.devQueueXmit(c, dev, b)
}

// sendmsg models udp_sendmsg and ip_make_skb: it cuts a datagram into packets of
// the interface's MTU and gives each to the device.
func (s *Sender) sendmsg(c *cpu.Core, o *sending) {
	ns := s.ns
	h := ns.host
	c.Spend(h.costs.Send.For(uint32(o.payload)))
	p := &s.out
	*p = packet{dst: skb.AddrFrom(o.dst.Addr()), proto: skb.ProtoUDP, sport: s.cfg.Local.Port(), dport: o.dst.Port(),
		src: skb.AddrFrom(s.cfg.Local.Addr()), loop: !s.cfg.NoMulticastLoop}
	if !ns.routeOutput(p, s.cfg.Device) || ns.transmitterOf(p.dev.Index) == nil {
		ns.net.IP.OutNoRoutes++
		return
	}
	ns.ipID++
	p.id = ns.ipID
	u := skb.UDPHeader + o.payload
	mtu := p.dev.MTU
	ns.countOut(p, uint32(skb.IPHeader+u))
	switch {
	case o.segment > 0 && o.payload > o.segment:
		s.sendSegmented(c, p, o)
	case skb.IPHeader+u <= mtu:
		s.sendWhole(c, p, u, o.segment > 0)
	default:
		s.sendFragments(c, p, u, mtu)
	}
	ns.net.UDP.OutDatagrams++
}

// headSlack is what __ip_append_data asks for beside the packet: the reserved
// link header, and 15 bytes to align.
const headSlack = llReserved + 15

// sendWhole sends a datagram that the MTU lets pass. With UDP_SEGMENT the payload
// lies in page fragments, even if it is no longer than a segment.
func (s *Sender) sendWhole(c *cpu.Core, p *packet, u int, segments bool) {
	h := s.ns.host
	f := s.ns.frame(p, u, 0, false)
	area, paged := skb.IPHeader+u+headSlack, 0
	if most := h.profile.SendPagedFrom; segments || most > 0 && area >= most-kernel.SharedInfoSize {
		area, paged = skb.IPHeader+skb.UDPHeader+headSlack, u-skb.UDPHeader
	}
	b := s.fresh(c, &f, area, paged)
	b.FragLen, b.FragTruesize, b.NrFrags = uint32(paged), uint32(paged), pieces(paged)
	s.room(b, area-15)
	b.Summed = skb.ChecksumUnnecessary // CHECKSUM_PARTIAL: nobody looks at it
	s.ns.output(c, p, b)
}

// pieces returns the number of page fragments that hold so much of a payload
// (SKB_FRAG_PAGE_ORDER).
func pieces(paged int) uint8 { return uint8((paged + 1<<15 - 1) >> 15) }

// room says how much of the head is free behind so many bytes of headers and
// data, when the packet is in IP's hands.
func (s *Sender) room(b *skb.Buff, used int) {
	head := int(b.Truesize-b.FragTruesize) - kernel.SKBSize - kernel.SharedInfoSize
	b.TailRoom = uint32(max(head-used, 0))
}

// sendSegmented sends what UDP_SEGMENT asked for: one packet whose payload lies
// in page fragments, or, if the device can't cut it, one packet a segment.
func (s *Sender) sendSegmented(c *cpu.Core, p *packet, o *sending) {
	ns := s.ns
	small := skb.IPHeader + skb.UDPHeader + headSlack
	if ns.cutsSegments(p.dev) {
		f := ns.frame(p, skb.UDPHeader+o.payload, 0, false)
		b := s.fresh(c, &f, small, o.payload)
		b.FragLen, b.FragTruesize, b.NrFrags = uint32(o.payload), uint32(o.payload), pieces(o.payload)
		b.GSOSize = uint16(o.segment)
		s.room(b, small-15)
		b.Summed = skb.ChecksumUnnecessary
		ns.output(c, p, b)
		return
	}
	c.LocalBHDisable()
	for left := o.payload; left > 0; left -= o.segment {
		n := min(left, o.segment)
		f := ns.frame(p, skb.UDPHeader+n, 0, false)
		b := s.fresh(c, &f, small, n)
		b.FragLen, b.FragTruesize, b.NrFrags = uint32(n), uint32(n), pieces(n)
		s.room(b, small-15)
		b.Summed = skb.ChecksumUnnecessary
		ns.output(c, p, b)
		ns.ipID++
		p.id = ns.ipID
	}
	c.LocalBHEnable()
}

// sendFragments models ip_do_fragment of packets that ip_append_data has already
// made as long as the MTU allows.
func (s *Sender) sendFragments(c *cpu.Core, p *packet, u, mtu int) {
	ns := s.ns
	for off, n := 0, 0; off < u; off += n {
		if n = u - off; n > mtu-skb.IPHeader {
			n = (mtu - skb.IPHeader) &^ 7 // what others follow
		}
		f := ns.frame(p, n, off, off+n < u)
		if off > 0 {
			f.UDPLen = 0
		} else {
			f.UDPLen = uint16(u)
		}
		area := skb.IPHeader + n + headSlack
		b := s.fresh(c, &f, area, 0)
		s.room(b, area-15)
		ns.net.IP.FragCreates++
		ns.output(c, p, b)
	}
	ns.net.IP.FragOKs++
}

// sendICMP models icmp_push_reply and what follows: an ICMP error goes out by a
// device that can send; by a NIC nothing leaves. Without a core it is a timer's.
func (ns *namespace) sendICMP(c *cpu.Core, r *ipstack.Reply) {
	h := ns.host
	p := &packet{src: r.Src, dst: r.Dst, proto: skb.ProtoICMP, icmpType: r.Type}
	if h.profile.OutTransmits {
		ns.net.IP.OutTransmits++
	}
	if !ns.routeOutput(p, "") || ns.transmitterOf(p.dev.Index) == nil {
		return
	}
	f := ns.frame(p, int(r.Len)-skb.IPHeader, 0, false)
	at := h.now
	if c != nil {
		at = c.Now()
	}
	arp := ns.unresolved(p, &f)
	if arp && !ns.ask(p, &f, at) {
		return
	}
	if c == nil {
		h.fromTimer(ns, &f, p.dev.Index)
		return
	}
	b := &skb.Buff{}
	h.born(&f, at)
	b.Reset(&f)
	b.Len = f.Len
	b.Truesize = uint32(h.profile.Truesize(int(f.Len)+headSlack, 0))
	b.Summed = skb.ChecksumUnnecessary
	if arp {
		ns.devQueueXmit(c, ns.transmitterOf(p.dev.Index), b)
		return
	}
	ns.output(c, p, b)
}

// nobody is the MAC of an address that no interface has.
var nobody = skb.MAC{2, 0, 0, 0xff, 0xff, 0xff}

// unresolved reports whether a packet for one host goes out by a veth device at
// the other end of which nobody has its address.
func (ns *namespace) unresolved(p *packet, f *skb.Frame) bool {
	_, ok := ns.transmitterOf(p.dev.Index).(*nic.Veth)
	return ok && p.typ == skb.RouteUnicast && f.Head.DstMAC == nobody
}

// arpLen is the length of an ARP request with its Ethernet header, arpFails how
// long the address is asked for in vain: three times, every second (mcast_solicit).
const (
	arpLen   = skb.EthHeader + 28
	arpFails = 3 * engine.Second
)

// ask makes an ARP request of the frame of a packet that waits for the answer, and
// reports whether one is to be sent: what waits behind it sends none. It models
// __neigh_event_send and arp_solicit.
//
// Not modelled:
//   - An ARP request without answer is not repeated, and what waited for the
//     answer is in no account.
func (ns *namespace) ask(p *packet, f *skb.Frame, at engine.Time) bool {
	if last, ok := ns.asked[p.dst]; ok && at < last+arpFails {
		return false
	}
	if ns.asked == nil || len(ns.asked) >= maxHeaders {
		ns.asked = map[skb.Addr]engine.Time{}
	}
	ns.asked[p.dst] = at
	*f = skb.Frame{Len: arpLen, Head: ns.intern(skb.Header{
		EtherType: skb.EtherTypeARP, SrcMAC: p.dev.MAC, DstMAC: skb.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	})}
	return true
}

// fromTimer sends a packet from a timer's softirq: of a CPU that has nothing to
// do, kernels since 6.9 run timers on another one.
func (h *Host) fromTimer(ns *namespace, f *skb.Frame, ifindex int32) {
	i := 0
	if h.profile.TimersMigrate {
		i = len(h.cores) - 1
	}
	if h.cores[i].Consumer() {
		return
	}
	for len(h.timers) <= i {
		h.timers = append(h.timers, nil)
	}
	if h.timers[i] == nil {
		h.timers[i] = &Sender{cfg: SenderConfig{Name: "timer", CPU: i}}
		h.timers[i].task = h.cores[i].NewTask("timer", 0, h.timers[i].step)
	}
	h.timers[i].ns = ns
	h.timers[i].enqueue(sending{frame: f, ifindex: ifindex})
}

// A packet is what IP knows of what it sends.
type packet struct {
	src, dst     skb.Addr
	proto        uint8
	sport, dport uint16
	id           uint16
	icmpType     uint8
	typ          skb.RouteType
	dev          *ipstack.Device
	loop         bool // a copy for this host's own members
}

// routeOutput models ip_route_output_flow: the device, the kind of route, and the
// source address. It reports false if there is no way; the device may be one that
// sends nothing, as a NIC.
func (ns *namespace) routeOutput(p *packet, device string) bool {
	ds := ns.ip.Devices()
	p.typ = skb.RouteUnicast
	switch {
	case p.dst.Multicast():
		p.typ = skb.RouteMulticast
	case p.dst.Broadcast():
		p.typ = skb.RouteBroadcast
	case p.dst.Loopback():
		p.typ = skb.RouteLocal
	}
	for _, d := range ds {
		switch {
		case d.Addr != 0 && d.Addr == p.dst:
			p.typ = skb.RouteLocal
		case d.PrefixLen > 0 && d.PrefixLen < 31 && p.dst == d.Addr|skb.Addr(1<<(32-d.PrefixLen)-1):
			p.typ, p.dev = skb.RouteBroadcast, d
		case d.PrefixLen > 0 && (d.Addr^p.dst)>>(32-d.PrefixLen) == 0 && p.dev == nil:
			p.dev = d
		}
	}
	if p.typ == skb.RouteLocal {
		p.dev = ds[0]
	} else if device != "" {
		d, err := ns.ip.DeviceNamed(device)
		if err != nil {
			return false
		}
		p.dev = d
	}
	if p.dev == nil && len(ds) > 1 { // the default route
		p.dev = ds[1]
	}
	if p.dev == nil {
		return false
	}
	if p.src == 0 {
		p.src = p.dev.Addr
		if p.typ == skb.RouteLocal && !p.dst.Loopback() { // the preferred source of its local route
			p.src = p.dst
		}
	}
	return true
}

// frame returns the Ethernet frame of n bytes of IP payload at an offset of the
// datagram. Nothing pads it: no hardware does.
func (ns *namespace) frame(p *packet, n, off int, more bool) skb.Frame {
	hd := skb.Header{
		EtherType: skb.EtherTypeIPv4, IPVersion: 4, IHL: 5, TTL: 64, Proto: p.proto, ICMPType: p.icmpType,
		Src: p.src, Dst: p.dst, DF: p.proto == skb.ProtoUDP && !more && off == 0, MoreFrags: more, FragOffset: uint16(off),
	}
	if off == 0 {
		hd.SrcPort, hd.DstPort = p.sport, p.dport
	}
	if p.dev.Index != loIndex {
		hd.SrcMAC = p.dev.MAC
		switch p.typ {
		case skb.RouteMulticast:
			hd.DstMAC = skb.MulticastMAC(uint32(p.dst))
			hd.TTL = 1
		case skb.RouteBroadcast:
			hd.DstMAC = skb.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		default:
			hd.DstMAC = ns.host.neighbour(p.dst, p.dev)
		}
	}
	f := skb.Frame{Head: ns.intern(hd), Len: uint32(skb.EthHeader + skb.IPHeader + n), IPLen: uint16(skb.IPHeader + n), IPID: p.id}
	if p.proto == skb.ProtoUDP {
		f.UDPLen = uint16(n)
	}
	return f
}

// loIndex is the number of lo in every namespace.
const loIndex = 1

// intern returns the one header that stands for hd, so that stages remember it.
func (ns *namespace) intern(hd skb.Header) *skb.Header {
	p := ns.headers[hd]
	if p == nil {
		if ns.headers == nil || len(ns.headers) >= maxHeaders {
			ns.headers = map[skb.Header]*skb.Header{}
		}
		own := hd // of a known header nothing is kept
		p = &own
		ns.headers[hd] = p
	}
	return p
}

// maxHeaders bounds what a namespace remembers of the flows that it sends.
const maxHeaders = 1 << 16

// neighbour models the neighbour table: the MAC of whoever has the address at
// the other end of the device, else a MAC that nobody has.
func (h *Host) neighbour(a skb.Addr, out *ipstack.Device) skb.MAC {
	for _, ns := range h.spaces {
		for _, d := range ns.ip.Devices() {
			if d.Addr == a && d != out && d.Index != loIndex {
				return d.MAC
			}
		}
	}
	return nobody
}

// countOut counts what __ip_local_out and ip_output count of a datagram of that
// many bytes, before it is cut.
func (ns *namespace) countOut(p *packet, length uint32) {
	ip, ext := &ns.net.IP, &ns.net.IPExt
	ip.OutRequests++
	if ns.host.profile.OutTransmits {
		ip.OutTransmits++
	}
	ext.OutOctets += uint64(length)
}

// output models ip_finish_output2 and, for broadcast and for groups that this
// host has joined, the copy that ip_mc_output loops back.
func (ns *namespace) output(c *cpu.Core, p *packet, b *skb.Buff) {
	ext := &ns.net.IPExt
	dev := ns.transmitterOf(p.dev.Index)
	switch p.typ {
	case skb.RouteMulticast:
		ext.OutMcastPkts++
		ext.OutMcastOctets += uint64(b.IPLen)
	case skb.RouteBroadcast:
		ext.OutBcastPkts++
		ext.OutBcastOctets += uint64(b.IPLen)
	}
	if p.dev.Index == loIndex {
		ns.localRoute(p, b)
	} else if p.typ == skb.RouteBroadcast || p.typ == skb.RouteMulticast && p.loop && p.dev.Member(b.Head) {
		ns.loopback(c, p, b)
	}
	ns.devQueueXmit(c, dev, b)
}

// localRoute gives a packet over lo the route by which it goes out, and comes in
// again: of a group that lo has not joined nobody is told (dst_discard).
func (ns *namespace) localRoute(p *packet, b *skb.Buff) {
	b.Route = skb.Route{Type: p.typ, Gen: ns.ip.RouteGen(), Discard: p.typ == skb.RouteMulticast && !p.dev.Member(b.Head)}
}

// loopback models ip_mc_output's copy for this host: dev_loopback_xmit gives it
// to the backlog as if it had come in by the device.
func (ns *namespace) loopback(c *cpu.Core, p *packet, b *skb.Buff) {
	h := ns.host
	h.ledger.Frames++ // a second packet, as far as receiving goes
	h.ledger.Hand++
	cp := *b
	cp.Cloned = true
	cp.Summed = skb.ChecksumUnnecessary
	cp.Len -= skb.EthHeader
	cp.IfIndex, cp.PktType = ns.number(p.dev.Index), skb.PacketLoopback
	ns.loopRoute(p, &cp)
	c.LocalBHDisable()
	h.softnet.CPUs[c.ID()].NetifRX(c, &cp)
	c.LocalBHEnable()
}

// loopRoute gives a looped copy the route by which the original goes out.
func (ns *namespace) loopRoute(p *packet, b *skb.Buff) {
	b.Route = skb.Route{Type: p.typ, Gen: ns.ip.RouteGen()}
}

// devQueueXmit models __dev_queue_xmit for a device without queue: the driver
// runs in a section without softirqs, and when that ends they do. Packets that
// the interface mirrors go out first (act_mirred).
func (ns *namespace) devQueueXmit(c *cpu.Core, dev transmitter, b *skb.Buff) {
	c.LocalBHDisable()
	for _, m := range ns.host.mirrors[dev] {
		cp := *b
		cp.Cloned = true
		ns.host.ledger.Frames++
		ns.host.ledger.Hand++
		m.Xmit(c, &cp)
	}
	if c.Trace != nil {
		c.Trace.NetDevQueue(b, ns.nameOf(dev))
	}
	dev.Xmit(c, b)
	c.LocalBHEnable()
}

// nameOf returns the name of a device that sends.
func (ns *namespace) nameOf(dev transmitter) string {
	i := slices.Index(ns.devices, dev)
	if i < 0 {
		return ""
	}
	return ns.ip.Device(int32(i)).Name
}

// cutsSegments reports whether a device takes packets that are to be cut
// (tx-udp-segmentation); another one's are cut before it (validate_xmit_skb).
func (ns *namespace) cutsSegments(d *ipstack.Device) bool {
	switch t := ns.transmitterOf(d.Index).(type) {
	case *nic.Veth:
		return t.Config().USO
	case *nic.Loopback:
		return true
	}
	return false
}

// SetGRO sets UDP_GRO: a packet that stands for several datagrams is read as one.
// From the first time on GRO looks the sockets of all packets up (udp_tunnel_encap_enable).
func (s *Socket) SetGRO(on bool) {
	s.entry.GRO = on
	if on && !s.encap {
		s.encap = true
		s.host.encaps++
	}
}

// encapDisable models what udp_destroy_sock does with udp_encap_needed_key.
func (s *Socket) encapDisable() {
	if s.encap {
		s.encap = false
		s.host.encaps--
	}
}
