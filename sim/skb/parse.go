package skb

import (
	"encoding/binary"
	"math/bits"
)

// Parse reads the header facts of a captured Ethernet frame. data holds the
// bytes that were captured, without FCS; wireLen is the length on the wire,
// without FCS. Where a capture was cut off inside a header, the missing fields
// are zero. It never fails: a malformed frame is a frame, too, and the stages
// count it where the kernel would.
func Parse(data []byte, wireLen int) (Header, Frame) {
	var h Header
	f := Frame{Len: uint32(wireLen)}
	if len(data) < EthHeader {
		return h, f
	}
	copy(h.DstMAC[:], data)
	copy(h.SrcMAC[:], data[6:])
	h.EtherType = binary.BigEndian.Uint16(data[12:])
	data = data[EthHeader:]
	if (h.EtherType == EtherTypeVLAN || h.EtherType == EtherTypeQinQ) && len(data) >= VLANHeader {
		h.Tagged, h.ServiceTag = true, h.EtherType == EtherTypeQinQ
		h.VLAN = binary.BigEndian.Uint16(data)
		h.EtherType = binary.BigEndian.Uint16(data[2:])
		data = data[VLANHeader:]
	}
	if h.Tagged && h.EtherType == EtherTypeVLAN && len(data) >= VLANHeader {
		h.DoubleTagged = true
		h.InnerVLAN = binary.BigEndian.Uint16(data)
		h.EtherType = binary.BigEndian.Uint16(data[2:])
		data = data[VLANHeader:]
	}
	switch h.EtherType {
	case EtherTypeIPv4:
		parseIPv4(data, &h, &f)
	case EtherTypePause:
		if len(data) >= 4 {
			h.PauseTime = binary.BigEndian.Uint16(data[2:])
		}
	}
	if h.EtherType != EtherTypeIPv4 || h.Proto != ProtoUDP {
		h.Keys = Dissect(h.EtherType, data)
	}
	return h, f
}

func parseIPv4(ip []byte, h *Header, f *Frame) {
	if len(ip) < IPHeader {
		return
	}
	h.IPVersion = ip[0] >> 4
	h.IHL = ip[0] & 15
	h.TOS = ip[1]
	f.IPLen = binary.BigEndian.Uint16(ip[2:])
	f.IPID = binary.BigEndian.Uint16(ip[4:])
	frag := binary.BigEndian.Uint16(ip[6:])
	h.DF = frag&0x4000 != 0
	h.MoreFrags = frag&0x2000 != 0
	h.FragOffset = frag & 0x1fff * 8
	h.TTL = ip[8]
	h.Proto = ip[9]
	h.Src = Addr(binary.BigEndian.Uint32(ip[12:]))
	h.Dst = Addr(binary.BigEndian.Uint32(ip[16:]))
	hl := int(h.IHL) * 4
	if hl < IPHeader || len(ip) < hl {
		return
	}
	if fold(sum(ip[:hl], 0)) != 0xffff {
		h.IPChecksum = ChecksumBad
	}
	h.Options, h.NextHop = parseOptions(ip[IPHeader:hl])
	if h.Proto == ProtoICMP && h.FragOffset == 0 && len(ip) > hl {
		h.ICMPType = ip[hl]
	}
	if h.Proto != ProtoUDP || h.FragOffset != 0 {
		return
	}
	udp := ip[hl:]
	if len(udp) < UDPHeader {
		return
	}
	h.SrcPort = binary.BigEndian.Uint16(udp)
	h.DstPort = binary.BigEndian.Uint16(udp[2:])
	f.UDPLen = binary.BigEndian.Uint16(udp[4:])
	h.UDPChecksum = udpChecksum(ip, udp, int(f.UDPLen), h)
}

// udpChecksum tells a zero, a good and a bad UDP checksum apart. What was not
// captured is taken for good, and so is what a capture on the sending host
// shows before the device has filled it in: the bare pseudo-header sum.
func udpChecksum(ip, udp []byte, udpLen int, h *Header) Checksum {
	field := binary.BigEndian.Uint16(udp[6:])
	if field == 0 {
		return ChecksumZero
	}
	if h.MoreFrags || udpLen < UDPHeader || len(udp) < udpLen {
		return ChecksumGood
	}
	pseudo := sum(ip[12:20], uint64(ProtoUDP)+uint64(udpLen))
	if fold(sum(udp[:udpLen], pseudo)) == 0xffff || fold(pseudo) == field {
		return ChecksumGood
	}
	return ChecksumBad
}

// sum adds the words of b to s, an odd last byte as the high half of one (RFC
// 1071). It takes 64 bits at a time and adds the carry at the low end, which
// folds to the same 16.
func sum(b []byte, s uint64) uint64 {
	for ; len(b) >= 32; b = b[32:] {
		var c uint64
		s, c = bits.Add64(s, binary.BigEndian.Uint64(b), 0)
		s, c = bits.Add64(s, binary.BigEndian.Uint64(b[8:]), c)
		s, c = bits.Add64(s, binary.BigEndian.Uint64(b[16:]), c)
		s, c = bits.Add64(s, binary.BigEndian.Uint64(b[24:]), c)
		s += c // never wraps: a sum of all ones leaves no carry
	}
	s = s>>32 + s&0xffffffff // room for what is left
	for ; len(b) >= 8; b = b[8:] {
		x := binary.BigEndian.Uint64(b)
		s += x>>32 + x&0xffffffff
	}
	for ; len(b) >= 2; b = b[2:] {
		s += uint64(b[0])<<8 | uint64(b[1])
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	return s
}

func fold(s uint64) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// maxInterned bounds the memory of an Interner. Flows beyond it are forgotten
// and, when they come again, are new flows to whoever remembers headers.
const maxInterned = 1 << 16

// An Interner gives frames with equal header facts the same *Header. Its zero
// value is ready.
type Interner struct {
	seen map[Header]*Header
	last *Header
}

// Intern returns the one pointer that stands for h.
func (in *Interner) Intern(h Header) *Header {
	if in.last != nil && *in.last == h {
		return in.last
	}
	p := in.seen[h]
	if p == nil {
		if in.seen == nil || len(in.seen) >= maxInterned {
			in.seen = make(map[Header]*Header)
		}
		p = new(Header) // not &h: that would cost an allocation a call
		*p = h
		in.seen[h] = p
	}
	in.last = p
	return p
}

// FrameOf returns the frame with the given bytes, from the destination MAC to
// the end of the payload, without FCS: what a test injects to see what a kernel
// makes of a malformed header. Frames shorter than 60 bytes are runts.
func FrameOf(data []byte) Frame {
	h, f := Parse(data, len(data))
	if ip := EthHeader + VLANHeader*int(h.Tags()); h.Fragment() && len(data) > ip {
		h.PartSum = partSum(data[ip:], &h, int(f.IPLen))
	}
	f.Head = &h
	return f
}

// partSum returns the PartSum of a fragment. What is not a multiple of eight bytes
// at the end of one that others follow is cut off (FR-7).
func partSum(ip []byte, h *Header, length int) uint32 {
	hl := int(h.IHL) * 4
	if hl < IPHeader || length < hl || len(ip) < length {
		return 0
	}
	part := ip[hl:length]
	if h.MoreFrags {
		part = part[:len(part)&^7]
	}
	return uint32(fold(sum(part, 0))) + 1
}

// SumsUp reports whether the sum of a whole UDP datagram, with its header, is that
// of a good checksum.
func (h *Header) SumsUp(udpLen uint16, parts uint64) bool {
	addresses := uint64(h.Src>>16) + uint64(h.Src&0xffff) + uint64(h.Dst>>16) + uint64(h.Dst&0xffff)
	return fold(parts+addresses+uint64(ProtoUDP)+uint64(udpLen)) == 0xffff
}
