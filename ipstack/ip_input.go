package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// ipRcv models ip_rcv: the checks in the kernel's order (IP-1 to IP-13).
func (l *Layer) ipRcv(c *cpu.Core, b *skb.Buff) {
	if l.lists != nil && l.listed(c, b, listIPRcv) {
		return
	}
	c.Trace.Enter(b, "ip_rcv")
	c.Spend(l.Costs.IP.Fixed)
	if b.PktType == skb.PacketOtherHost {
		if l.Profile.OtherhostCounted {
			l.devices[b.IfIndex].RXOtherhostDropped++
		}
		l.drop(c, skb.OtherHost) // no counter at all (IP-1)
		return
	}
	ip, ext := &l.Net.IP, &l.Net.IPExt
	ip.InReceives++
	ext.InOctets += uint64(b.Len) // link padding included (IP-15)
	if l.isPlain(b.Head) && b.IPLen >= skb.IPHeader && uint32(b.IPLen) <= b.Len {
		l.countECN(b)
	} else if reason := l.checkHeader(b); reason != skb.NotDropped {
		l.drop(c, reason)
		return
	}
	if b.Len > uint32(b.IPLen) { // IP-11
		if b.FragLen == 0 {
			b.TailRoom += b.Len - uint32(b.IPLen)
		}
		b.Len = uint32(b.IPLen)
		if b.Summed == skb.ChecksumComplete {
			b.Summed = skb.ChecksumNone
		}
	}
	if l.filtering() && l.preRouting(c, b) {
		return
	}
	l.ipRcvFinish(c, b)
}

// isPlain reports whether a header is that of a whole UDP datagram without options
// that passes every check which does not depend on lengths.
func (l *Layer) isPlain(h *skb.Header) bool { return h == l.plain || l.isPlainToo(h) }

func (l *Layer) isPlainToo(h *skb.Header) bool {
	if h.IPVersion != 4 || h.IHL != skb.IPHeader/4 || h.IPChecksum == skb.ChecksumBad || h.Options != skb.NoOptions || h.Fragment() || h.Proto != skb.ProtoUDP {
		return false
	}
	l.plain = h
	return true
}

// countECN counts a packet by its ECN field (IP-14).
func (l *Layer) countECN(b *skb.Buff) {
	ext := &l.Net.IPExt
	switch b.Head.TOS & 3 {
	case 0:
		ext.InNoECTPkts += b.Segments()
	case 1:
		ext.InECT1Pkts += b.Segments()
	case 2:
		ext.InECT0Pkts += b.Segments()
	case 3:
		ext.InCEPkts += b.Segments()
	}
}

// checkHeader runs IP-4 to IP-10 and counts what they find.
func (l *Layer) checkHeader(b *skb.Buff) skb.DropReason {
	ip, ext := &l.Net.IP, &l.Net.IPExt
	h := b.Head
	hl := uint32(h.IHL) * 4
	switch {
	case b.Len < skb.IPHeader:
		ip.InHdrErrors++
		l.Ledger.Finer.IPShort++
		return skb.PktTooSmall
	case h.IHL < 5, h.IPVersion != 4:
		ip.InHdrErrors++
		return skb.IPInHdr
	}
	l.countECN(b) // before the checksum is looked at
	switch {
	case b.Len < hl:
		ip.InHdrErrors++
		return skb.IPInHdr
	case h.IPChecksum == skb.ChecksumBad:
		ext.InCsumErrors++
		ip.InHdrErrors++
		return skb.IPCsum
	case b.Len < uint32(b.IPLen):
		ext.InTruncatedPkts++
		return skb.PktTooSmall
	case uint32(b.IPLen) < hl:
		ip.InHdrErrors++
		return skb.IPInHdr
	}
	return skb.NotDropped
}

// ipRcvFinish models ip_rcv_finish: early demux, route, dispatch (IF-1 to IF-5).
func (l *Layer) ipRcvFinish(c *cpu.Core, b *skb.Buff) {
	if l.lists != nil && l.listed(c, b, listFinish) {
		return
	}
	c.Trace.Enter(b, "ip_rcv_finish")
	if b.Route.Type == skb.NoRoute && l.demuxes(b.Head) {
		l.UDP.EarlyDemux(b)
		c.Trace.Leaf("udp_v4_early_demux")
		if b.Route.Gen != l.routeGen { // ipv4_dst_check (ED-6)
			b.Route = skb.Route{}
		}
	}
	if b.Route.Type == skb.NoRoute {
		c.Trace.Call("ip_route_input_noref")
		if l.lists == nil || !l.hinted(c, b) {
			c.Spend(l.Costs.Route.Fixed)
		}
		r := l.routeInput(l.devices[b.IfIndex], b.Head)
		c.Trace.Leave("ip_route_input_noref")
		if r.reason != skb.NotDropped { // IF-2
			if r.reason == skb.IPRPFilter {
				l.Net.TCPExt.IPReversePathFilter++ // RP-5
			}
			l.refine(r.reason, l.devices[b.IfIndex], b.Head)
			l.refuse(c, b, r.reason)
			return
		}
		b.Route = r.route
	}
	if b.Head.Options != skb.NoOptions && l.ipRcvOptions(c, b) {
		return
	}
	ext := &l.Net.IPExt
	switch b.Route.Type { // IF-4
	case skb.RouteMulticast:
		ext.InMcastPkts++
		ext.InMcastOctets += uint64(b.Len)
	case skb.RouteBroadcast:
		ext.InBcastPkts++
		ext.InBcastOctets += uint64(b.Len)
	}
	switch {
	case l.lists != nil && l.listed(c, b, listInput):
	case b.Route.Type < skb.RouteUnicast && !b.Route.Discard:
		l.localDeliver(c, b) // as dstInput would
	default:
		l.dstInput(c, b)
	}
}

// dstInput models dst_input: what the route says of the packet.
func (l *Layer) dstInput(c *cpu.Core, b *skb.Buff) {
	switch {
	case b.Route.Type == skb.RouteUnicast:
		l.ipForward(c, b)
	case b.Route.Type == skb.RouteUnreachable:
		l.ipError(c, b)
	case b.Route.Discard:
		l.refuse(c, b, skb.IPInvalidDest)
	default:
		l.localDeliver(c, b)
	}
}

// demuxes reports whether the protocol's early demux is asked about a packet. It
// was about fragments, too, before 4.19 (IF-1, FR-11).
func (l *Layer) demuxes(h *skb.Header) bool {
	return l.Config.IPEarlyDemux != 0 && l.Config.UDPEarlyDemux != 0 && l.Profile.UDPEarlyDemux && h.Proto == skb.ProtoUDP && (l.Profile.EarlyDemuxFragments || !h.Fragment())
}

// ipError models ip_error: a route that leads nowhere. A host says so in a
// counter, a router to the sender, at a pace of its own (1.5).
func (l *Layer) ipError(c *cpu.Core, b *skb.Buff) {
	if l.Config.IPForward == 0 {
		l.Net.IP.InAddrErrors++
		l.refuse(c, b, skb.IPInAddrErrors)
		return
	}
	switch b.Route.Error {
	case skb.InvalidRoute:
		l.refuse(c, b, skb.IPInNoRoutes)
		return
	case skb.NetUnreach:
		l.Net.IPExt.InNoRoutes++
	}
	l.settleFrags(c.Now())
	if l.peer(b.Head.Src, c.Now()).spend(c.Now(), routeErrorCost, routeErrorBurst) {
		l.icmpReply(c, destUnreach, b)
	}
	l.refuse(c, b, skb.IPInNoRoutes)
}

// ipForward models ip_forward as far as the input side counts: a packet that has
// come too far is the sender's to hear of, any other leaves the model here.
//
// Not modelled:
//   - Forwarding ends with its input side: a packet for elsewhere is not
//     fragmented, not sent, causes no redirect, and no FORWARD hook sees it.
func (l *Layer) ipForward(c *cpu.Core, b *skb.Buff) {
	switch {
	case b.PktType != skb.PacketHost:
		l.refuse(c, b, skb.IPInvalidDest)
	case b.Head.TTL <= 1:
		l.Net.IP.InHdrErrors++
		l.icmpReply(c, timeExceeded, b)
		l.refuse(c, b, skb.IPInHdr)
	default:
		if l.conntrackConfirm(c, b) { // the last at POST_ROUTING
			return
		}
		l.Net.IP.ForwDatagrams++
		l.Net.IPExt.OutOctets += uint64(b.Len)
		l.refuse(c, b, skb.HandledElsewhere)
	}
}

// localDeliver models ip_local_deliver and ip_local_deliver_finish.
func (l *Layer) localDeliver(c *cpu.Core, b *skb.Buff) {
	ip := &l.Net.IP
	c.Trace.Enter(b, "ip_local_deliver")
	raw := false
	if b.Head != l.plain || len(l.raw) > 0 || l.filtering() { // more than the common case
		if b.Head.Fragment() && !l.ipDefrag(c, b, defragLocalDeliver) { // LD-1
			return
		}
		if l.filtering() && l.localIn(c, b) {
			return
		}
		raw = len(l.raw) > 0 && l.rawLocalDeliver(c, b) // LF-1
	}
	c.Trace.Call("ip_local_deliver_finish")
	b.Len -= uint32(b.Head.IHL) * 4
	switch b.Head.Proto {
	case skb.ProtoUDP:
		l.UDP.Receive(c, b)
		ip.InDelivers++ // after the handler, whatever happened in it (LF-2)
	case skb.ProtoICMP:
		l.icmpRcv(b.Head.ICMPType)
		ip.InDelivers++
		l.drop(c, skb.HandledElsewhere)
	case skb.ProtoTCP, skb.ProtoIGMP:
		ip.InDelivers++
		l.drop(c, skb.HandledElsewhere)
	default:
		if raw {
			ip.InDelivers++ // LF-3: it has had its copies
			l.drop(c, skb.HandledElsewhere)
			return
		}
		ip.InUnknownProtos++ // LF-3
		l.ICMPSend(c, b)
		l.Ledger.Chained += uint64(b.FragList)
		l.drop(c, skb.IPNoProto)
	}
}

// refine tells refusals of a source apart, as newer kernels do.
func (l *Layer) refine(r skb.DropReason, d *Device, h *skb.Header) {
	switch f := &l.Ledger.Finer; {
	case r == skb.IPInvalidDest && l.zeroNet(h.Dst):
		f.ZeroDest++
	case r != skb.IPInvalidSource:
	case h.Src.Multicast(), h.Src.Broadcast(), l.zeroNet(h.Src) && !h.Dst.Broadcast(): // before addresses of 127.0.0.0/8 are looked at
	case (h.Src.Loopback() || h.Dst.Loopback()) && !h.Dst.Broadcast() && !l.routeLocalnet(d):
		f.Localnet++
	case l.localTable(h.Src).kind == fibLocal:
		f.LocalSource++
	}
}
