package traffic

import "github.com/seed-556df219/rxpath/sim/skb"

const million = 1_000_000

// A fault is a kind of damage: a field of Faults.
type fault int

const (
	faultCRC fault = iota
	faultWrongMAC
	faultUnknownEtherType
	faultBadVersion
	faultBadIPChecksum
	faultTruncated
	faultBadUDPChecksum
	faultBadUDPLength
	faultUnknownPort
	faultFragment
	numFaults
)

// faultNames are the keys of a scenario file.
var faultNames = [numFaults]string{
	faultCRC: "crc", faultWrongMAC: "wrong_mac", faultUnknownEtherType: "unknown_ethertype",
	faultBadVersion: "bad_version", faultBadIPChecksum: "bad_ip_checksum", faultTruncated: "truncated",
	faultBadUDPChecksum: "bad_udp_checksum", faultBadUDPLength: "bad_udp_length",
	faultUnknownPort: "unknown_port", faultFragment: "fragment",
}

// shares returns the share of each fault in millionths.
func (f *Faults) shares() [numFaults]uint32 {
	return [numFaults]uint32{
		faultCRC: f.CRC, faultWrongMAC: f.WrongMAC, faultUnknownEtherType: f.UnknownEtherType,
		faultBadVersion: f.BadVersion, faultBadIPChecksum: f.BadIPChecksum, faultTruncated: f.Truncated,
		faultBadUDPChecksum: f.BadUDPChecksum, faultBadUDPLength: f.BadUDPLength,
		faultUnknownPort: f.UnknownPort, faultFragment: f.Fragment,
	}
}

// What stands in place of what is right.
const (
	strangeEtherType = 0x88b5 // IEEE 802 local experimental 1
	discardPort      = 9
)

// header returns the header facts of a damaged frame, as skb.Parse would read
// them, from those of the well-formed one.
func (f fault) header(h skb.Header, mac skb.MAC) skb.Header {
	switch f {
	case faultCRC:
		h.Fault = skb.FaultCRC
	case faultWrongMAC:
		h.DstMAC = stranger(mac)
	case faultUnknownEtherType:
		h = skb.Header{DstMAC: h.DstMAC, SrcMAC: h.SrcMAC, EtherType: strangeEtherType, VLAN: h.VLAN, Tagged: h.Tagged}
	case faultBadVersion:
		h.IPVersion = 5
	case faultBadIPChecksum:
		h.IPChecksum = skb.ChecksumBad
	case faultBadUDPChecksum:
		h.UDPChecksum = skb.ChecksumBad
	case faultUnknownPort:
		h.DstPort = discardPort
	case faultFragment:
		h.DF, h.MoreFrags = false, true
	}
	return h
}

// stranger returns a unicast MAC that is not mac.
func stranger(mac skb.MAC) skb.MAC {
	mac[0] = mac[0]&^1 | 2 // unicast, locally administered
	mac[5] = ^mac[5]
	return mac
}

// lengths changes the length fields of a well-formed frame to those of the
// damaged one. Padding counts as being there (IP-9), so a total length has to
// go beyond it.
func (f fault) lengths(fr *skb.Frame) {
	switch f {
	case faultUnknownEtherType:
		fr.IPLen, fr.UDPLen = 0, 0
	case faultTruncated:
		there := fr.Len - skb.EthHeader
		if fr.Head.Tagged {
			there -= skb.VLANHeader
		}
		fr.IPLen = uint16(there) + 1
	case faultBadUDPLength:
		fr.UDPLen++ // the IP payload ends where the datagram did (UR-2)
	}
}
