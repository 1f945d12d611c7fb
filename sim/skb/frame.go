package skb

import (
	"net/netip"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// EtherTypes and IP protocols that the path tells apart.
const (
	EtherTypeIPv4   = 0x0800
	EtherTypeARP    = 0x0806
	EtherTypeVLAN   = 0x8100
	EtherTypeQinQ   = 0x88a8
	EtherTypeIPv6   = 0x86dd
	EtherTypePause  = 0x8808
	EtherTypeSlow   = 0x8809 // slow protocols: LACP
	EtherTypeMinDIX = 1536   // below: an 802.3 length field

	ProtoICMP = 1
	ProtoIGMP = 2
	ProtoTCP  = 6
	ProtoUDP  = 17
)

// Sizes of headers, in bytes.
const (
	EthHeader  = 14
	EthFCS     = 4
	EthMinLen  = 60 // without FCS
	WireExtra  = 20 // preamble, start delimiter and inter-frame gap
	IPHeader   = 20
	UDPHeader  = 8
	VLANHeader = 4
)

// Fault is what the MAC finds wrong with a frame.
type Fault uint8

// MAC faults (HW-25, HW-26).
const (
	NoFault     Fault = iota
	FaultCRC          // bad frame check sequence: CRCERRS
	FaultLength       // 802.3 length field does not match: RLEC
)

// Checksum is what stands in a checksum field.
type Checksum uint8

// States of a checksum field.
const (
	ChecksumGood Checksum = iota
	ChecksumZero          // not used by the sender (UDP over IPv4)
	ChecksumBad
)

// Options is what ip_options_compile makes of the options of an IPv4 header, as
// far as a receiver decides on it (IF-3).
type Options uint8

// Kinds of options.
const (
	NoOptions        Options = iota // none, or only such as decide nothing
	OptionsBad                      // malformed
	SourceRouteDone                 // a source route whose addresses are used up
	SourceRouteLoose                // one that goes on to Header.NextHop
	SourceRouteStrict
	SourceRouteBad // one whose pointer leaves no room for an address
)

// A MAC is an Ethernet address.
type MAC [6]byte

// Link-local group addresses.
var (
	SlowProtocolsMAC = MAC{0x01, 0x80, 0xc2, 0, 0, 0x02} // LACP
)

// LinkLocal reports whether m is one of 01:80:c2:00:00:00 to 0f, which bridges do
// not forward. It models is_link_local_ether_addr.
func (m MAC) LinkLocal() bool {
	return m[0] == 0x01 && m[1] == 0x80 && m[2] == 0xc2 && m[3] == 0 && m[4] == 0 && m[5]&0xf0 == 0
}

// Multicast reports whether the group bit is set; broadcast counts as multicast.
func (m MAC) Multicast() bool { return m[0]&1 != 0 }

// Broadcast reports whether m is ff:ff:ff:ff:ff:ff.
func (m MAC) Broadcast() bool { return m == MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// MulticastMAC returns 01:00:5e and the low 23 bits of the group (GM-2).
func MulticastMAC(group uint32) MAC {
	return MAC{0x01, 0x00, 0x5e, byte(group>>16) & 0x7f, byte(group >> 8), byte(group)}
}

// Addr is an IPv4 address as a number: 239.1.0.1 is 0xef010001.
type Addr uint32

// AddrFrom converts an IPv4 address; any other is 0.0.0.0.
func AddrFrom(a netip.Addr) Addr {
	if !a.Unmap().Is4() {
		return 0
	}
	b := a.Unmap().As4()
	return Addr(b[0])<<24 | Addr(b[1])<<16 | Addr(b[2])<<8 | Addr(b[3])
}

// Netip converts a to the standard library's type.
func (a Addr) Netip() netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

// String prints a dotted quad.
func (a Addr) String() string { return a.Netip().String() }

// Multicast reports whether a is in 224.0.0.0/4.
func (a Addr) Multicast() bool { return a>>28 == 0xe }

// Broadcast reports whether a is 255.255.255.255.
func (a Addr) Broadcast() bool { return a == 0xffffffff }

// Loopback reports whether a is in 127.0.0.0/8.
func (a Addr) Loopback() bool { return a>>24 == 127 }

// A Header holds the facts of a frame that all frames of a flow share. It is
// immutable once a frame points to it, and compared by pointer, so stages may
// remember what they found out about it.
type Header struct {
	DstMAC, SrcMAC MAC
	EtherType      uint16 // behind the VLAN tag, if any
	VLAN           uint16 // tag control information
	Tagged         bool   // a VLAN tag is there
	ServiceTag     bool   // that tag is one of 802.1AD, which the NIC leaves where it is
	DoubleTagged   bool   // a second tag, of 802.1Q, follows
	InnerVLAN      uint16 // its tag control information
	Fault          Fault

	IPVersion  uint8 // as in the header: 4 unless malformed
	IHL        uint8 // in words of four bytes: 5 without options
	TOS        uint8
	Proto      uint8
	IPChecksum Checksum
	DF         bool // IP_DF: routers are not to cut the packet
	MoreFrags  bool
	FragOffset uint16 // in bytes
	TTL        uint8
	// Options is what is to be said of the IP options, NextHop the next address of a source route among them.
	Options  Options
	NextHop  Addr
	ICMPType uint8 // of an ICMP message
	Src, Dst Addr

	SrcPort, DstPort uint16
	UDPChecksum      Checksum // of UDP, or of TCP
	// PartSum is, of a fragment, one more than the ones' complement sum of what it carries, 0 if that is not known.
	PartSum uint32

	// Keys are what the flow hash is made of, if not of the addresses and ports above (RPS-5).
	Keys FlowKeys

	PauseTime uint16 // of a PAUSE frame, in quanta; 0 lets the other side go on (HW-27)
}

// Fragment reports whether the datagram is a fragment of a larger one.
func (h *Header) Fragment() bool { return h.MoreFrags || h.FragOffset != 0 }

// Tags returns the number of VLAN tags.
func (h *Header) Tags() uint8 {
	switch {
	case !h.Tagged:
		return 0
	case h.DoubleTagged:
		return 2
	}
	return 1
}

// Stacked reports whether the tags are more than one of 802.1Q: then the NIC does
// not see what is behind them.
func (h *Header) Stacked() bool { return h.ServiceTag || h.DoubleTagged }

// A Frame is one frame on the wire. It is a value: whoever queues it copies it.
type Frame struct {
	// At is the instant at which the last bit has been received. From a
	// FrameSource: the instant at which the sender would like that to be.
	At engine.Time
	// Head is shared by all frames of the flow.
	Head *Header
	// ID numbers the frames offered to a host, from 1; Chosen is set in the one that is followed.
	ID uint64
	// Len is the length from the destination MAC to the end of the payload, in
	// bytes, with a VLAN tag and padding, without FCS.
	Len uint32
	// IPLen is the total-length field of the IPv4 header.
	IPLen uint16
	// UDPLen is the length field of the UDP header.
	UDPLen uint16
	// IPID is the identification field of the IPv4 header, which fragments of a datagram share.
	IPID uint16
}

// Bits of an ID beside the number: Chosen of the frame that somebody follows,
// Sought of those among which somebody looks for one.
const (
	Chosen uint64 = 1 << 63
	Sought uint64 = 1 << 62
)

// Number returns the number in a frame's ID.
func Number(id uint64) uint64 { return id &^ (Chosen | Sought) }

// Endpoints returns the addresses and ports of a datagram of h's flow.
func (h *Header) Endpoints() (src, dst netip.AddrPort) {
	return netip.AddrPortFrom(h.Src.Netip(), h.SrcPort), netip.AddrPortFrom(h.Dst.Netip(), h.DstPort)
}

// WireLen returns the length with FCS, as contracts count frames.
func (f *Frame) WireLen() uint32 { return f.Len + EthFCS }

// A FrameSource gives frames in the order in which they are to be sent.
type FrameSource interface {
	// Fill sets At, Head, Len, IPLen, UDPLen and IPID of frames, in order of At, and
	// returns how many; fewer than len(frames) means that the source has ended.
	// At is when the last bit of the frame would arrive on an idle link.
	Fill(frames []Frame) int
}

// A RegularSource sends equal frames of one flow, so that a port that loses
// them all can count them without looking at each.
type RegularSource interface {
	FrameSource

	// Next returns the At of the next frame, Never if the source has ended.
	Next() engine.Time

	// Skip passes over all frames with At <= t and returns their number, the
	// first one's At and the sum of all their At modulo 2^64.
	Skip(t engine.Time) (n uint64, first engine.Time, sum uint64)

	// Frame returns what every frame has in common.
	Frame() Frame

	// MinGap returns a time that no two successive frames come closer than, 0 if
	// there is none.
	MinGap() engine.Time
}

// NewUDP returns the frame of a well-formed UDP datagram without VLAN tag or IP
// options, padded to the minimum length. dstMAC is ignored for multicast and
// broadcast destinations, which carry their own.
func NewUDP(dstMAC MAC, src, dst netip.AddrPort, payload int) Frame {
	h := &Header{
		DstMAC: dstMAC, SrcMAC: MAC{2, 0, 0, 0, 0, 1}, EtherType: EtherTypeIPv4,
		IPVersion: 4, IHL: 5, TTL: 64, Proto: ProtoUDP, DF: true,
		Src: AddrFrom(src.Addr()), Dst: AddrFrom(dst.Addr()),
		SrcPort: src.Port(), DstPort: dst.Port(),
	}
	if h.Dst.Multicast() {
		h.DstMAC = MulticastMAC(uint32(h.Dst))
	} else if h.Dst.Broadcast() {
		h.DstMAC = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	return h.UDPFrame(payload)
}

// UDPFrame returns a frame of h's flow that carries payload bytes.
func (h *Header) UDPFrame(payload int) Frame {
	ip := int(h.IHL)*4 + UDPHeader + payload
	l := EthHeader + ip
	l += VLANHeader * int(h.Tags())
	return Frame{Head: h, Len: uint32(max(l, EthMinLen)), IPLen: uint16(ip), UDPLen: uint16(UDPHeader + payload)}
}

// PayloadFor returns the UDP payload of an untagged frame whose length with FCS is size.
func PayloadFor(size int) int {
	return size - EthFCS - EthHeader - IPHeader - UDPHeader
}
