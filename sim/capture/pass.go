package capture

import (
	"io"

	"github.com/gopacket/gopacket/layers"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// A frame is a record as the path will see it.
type frame struct {
	skb.Frame // without At and Head
	head      skb.Header
	at        int64 // nanoseconds since 1970
	timed     bool  // whether the file says at
	link      layers.LinkType
	recorded  int // length on the wire according to the file, as an Ethernet frame without FCS

	snapped  bool // not all of it was captured
	cut      bool // so little that header facts are unknown
	bare     bool // the destination MAC was not recorded
	foreign  bool // not for the recording host
	outgoing bool // sent by the recording host
}

// ipv4 reports whether the IPv4 header was captured.
func (f *frame) ipv4() bool {
	return f.head.EtherType == skb.EtherTypeIPv4 && f.head.IPVersion|f.head.IHL != 0
}

// udp reports whether the UDP header was captured.
func (f *frame) udp() bool { return f.head.SrcPort|f.head.DstPort|f.UDPLen != 0 }

// A pass reads the frames of a file from the first to the last, in the order
// of the file.
type pass struct {
	file  io.Closer
	rd    reader
	rec   record
	ether []byte // the frame of a record that is not Ethernet
	last  int64  // time of the last frame
}

// next reads a frame. It returns io.EOF at the end of an undamaged file.
func (p *pass) next(f *frame) error {
	if err := p.rd.next(&p.rec); err != nil {
		return err
	}
	kind := kindOf(p.rec.link)
	if kind == unsupported {
		return unsupportedLink(p.rec.link)
	}
	if p.rec.timed {
		p.last = p.rec.at
	}
	*f = frame{at: p.last, timed: p.rec.timed, link: p.rec.link, recorded: p.rec.length, snapped: len(p.rec.data) < p.rec.length}
	data := p.rec.data
	if kind != ethernet {
		pkt := uncook(&p.rec)
		p.ether = pkt.appendFrame(p.ether[:0])
		data = p.ether
		f.recorded = skb.EthHeader + pkt.length
		f.bare, f.foreign, f.outgoing, f.cut = true, pkt.kind == sentToOthers, pkt.kind == sentByUs, pkt.cut
	}
	f.head, f.Frame = skb.Parse(data, max(f.recorded, skb.EthMinLen))
	f.cut = f.cut || f.snapped && lacking(data, &f.head, &f.Frame)
	return nil
}

func (p *pass) close() error { return p.file.Close() }

// lacking reports whether data, which is not a whole frame, ends before what
// the path decides on: the headers of Ethernet, IPv4 and UDP.
func lacking(data []byte, h *skb.Header, f *skb.Frame) bool {
	n := skb.EthHeader
	if h.Tagged || h.EtherType == skb.EtherTypeVLAN {
		n += skb.VLANHeader
	}
	if h.EtherType == skb.EtherTypeIPv4 {
		n += max(skb.IPHeader, int(h.IHL)*4)
		if h.Proto == skb.ProtoUDP && h.FragOffset == 0 {
			n += skb.UDPHeader
		}
	}
	return len(data) < min(n, int(f.Len))
}
