package nic

import (
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Hardware is what a device does by itself: facts that the driver's source does
// not prove and that come from data sheets, marked [H] in the rules. Give
// [Env].Hardware another to have another device; it may embed [Intel82599] and
// change one answer. The methods are asked about a flow, not about every packet. What a full ring and a full packet buffer do (HW-7 c, d,
// e) is in [Port]: arrive, transfer, sendXOFF; the size of the buffer and the
// order of the indirection table come with the driver.
type Hardware interface {
	// Check returns what the MAC finds wrong with a frame, given the programmed maximum length with FCS (HW-7 a).
	Check(f *skb.Frame, maxFrame uint32) skb.DropReason
	// StoresBad reports whether frames that Check finds wrong come into the ring although the driver has not asked
	// for them (RX-22).
	StoresBad() bool
	// Hash returns the receive hash of a frame, over the ports only if so told, and 0 for a frame without one
	// (RX-32, RX-34).
	Hash(key []byte, h *skb.Header, ports bool) uint32
	// Match reports whether a filter of the flow director applies to a frame (RX-35).
	Match(f *FlowFilter, h *skb.Header) bool
	// Checksums returns what the descriptors of whole frames say of the IPv4 checksum and of that of the protocol
	// above it (1.7).
	Checksums(h *skb.Header) (ip, l4 Sum)
	// PauseTime is how long the partner rests when it is asked to, for the time that a byte takes (HW-3).
	PauseTime(byteTime engine.Time) engine.Time
}

// Sum is what a descriptor says of a checksum.
type Sum uint8

// What a descriptor can say of a checksum.
const (
	SumUnchecked Sum = iota
	SumGood
	SumBad
)

// Intel82599 is the 82599.
type Intel82599 struct{}

// Check implements Hardware. A bad FCS comes before anything else, so that a
// runt counts as one only with a good FCS; a tag does not count for the longest
// frame (RX-21, HW-25, HW-26).
func (Intel82599) Check(f *skb.Frame, maxFrame uint32) skb.DropReason {
	if f.Head.Tagged {
		maxFrame += skb.VLANHeader
	}
	switch {
	case f.Head.Fault == skb.FaultCRC:
		return skb.HWCRC
	case f.Len < skb.EthMinLen:
		return skb.HWUndersize
	case f.WireLen() > maxFrame:
		return skb.HWOversize
	case f.Head.Fault == skb.FaultLength:
		return skb.HWLength
	}
	return skb.NotDropped
}

// StoresBad implements Hardware.
func (Intel82599) StoresBad() bool { return false }

// Hash implements Hardware.
func (Intel82599) Hash(key []byte, h *skb.Header, ports bool) uint32 { return rssHash(key, h, ports) }

// Match implements Hardware: fragments are not known as UDP to the device, nor
// is what stands behind two tags.
func (Intel82599) Match(f *FlowFilter, h *skb.Header) bool {
	return h.EtherType == skb.EtherTypeIPv4 && h.IPVersion == 4 && h.Proto == skb.ProtoUDP && !h.Fragment() && !h.Stacked() && f.matches(h)
}

// Checksums implements Hardware: the IPv4 header, and UDP or TCP of a whole
// datagram. UDP without a checksum is called bad: the erratum of row 4.
func (Intel82599) Checksums(h *skb.Header) (ip, l4 Sum) {
	if h.EtherType != skb.EtherTypeIPv4 || h.IPVersion != 4 || h.Stacked() {
		return SumUnchecked, SumUnchecked
	}
	ip = SumGood
	if h.IPChecksum == skb.ChecksumBad {
		ip = SumBad
	}
	switch {
	case h.Fragment(), h.Proto != skb.ProtoUDP && h.Proto != skb.ProtoTCP:
		return ip, SumUnchecked
	case h.UDPChecksum == skb.ChecksumBad, h.UDPChecksum == skb.ChecksumZero && h.Proto == skb.ProtoUDP:
		return ip, SumBad
	}
	return ip, SumGood
}

// PauseTime implements Hardware: 0xffff quanta of 512 bit times.
func (Intel82599) PauseTime(byteTime engine.Time) engine.Time { return 0xffff * 64 * byteTime }

// IntelGigabit is the 82576, the i350 and their like.
type IntelGigabit struct{ Intel82599 }

// Checksums implements Hardware: as the 82599, but without its erratum.
func (g IntelGigabit) Checksums(h *skb.Header) (ip, l4 Sum) {
	ip, l4 = g.Intel82599.Checksums(h)
	if l4 == SumBad && h.UDPChecksum == skb.ChecksumZero {
		l4 = SumGood
	}
	return ip, l4
}
