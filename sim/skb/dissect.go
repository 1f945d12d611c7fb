package skb

import "encoding/binary"

// FlowKeys are what the kernel's flow hash is made of, for a packet whose keys
// are not the IPv4 addresses and UDP ports of its Header. It models struct
// flow_keys.
type FlowKeys struct {
	// Src and Dst are the addresses, of IPv6 folded into a word each.
	Src, Dst uint32
	// Ports is both ports, or an IPv6 flow label.
	Ports uint32
	// Found: the packet could be dissected.
	Found bool
}

// EtherTypes and protocols that are looked through or have ports.
const (
	etherTypePPPoE = 0x8864
	etherTypeTEB   = 0x6558 // an Ethernet frame in GRE

	protoIPIP    = 4
	protoDCCP    = 33
	protoIPv6    = 41
	protoGRE     = 47
	protoESP     = 50
	protoAH      = 51
	protoSCTP    = 132
	protoUDPLite = 136
)

// Dissect models __skb_flow_dissect (RPS-5): it looks through VLAN tags, PPPoE,
// GRE, IPIP and IPv6 in IP for the innermost addresses. data is what follows an
// Ethernet header with that EtherType.
//
// Not modelled:
//   - TIPC and FCoE, which have keys of their own, are dissected as unknown
//     protocols.
func Dissect(etherType uint16, data []byte) FlowKeys {
	var k FlowKeys
	for {
		proto, rest, ok := k.network(etherType, data)
		if !ok || k.Found {
			return k
		}
		if etherType, data, ok = inner(proto, rest); ok {
			continue
		}
		k.Found = true
		k.Ports = ports(proto, rest)
		return k
	}
}

// network reads down to the first IP header, and takes its addresses. A flow
// label ends the search.
func (k *FlowKeys) network(etherType uint16, data []byte) (proto uint8, rest []byte, ok bool) {
	word := binary.BigEndian.Uint32
	for {
		switch {
		case (etherType == EtherTypeVLAN || etherType == EtherTypeQinQ) && len(data) >= VLANHeader:
			etherType, data = binary.BigEndian.Uint16(data[2:]), data[VLANHeader:]
		case etherType == etherTypePPPoE && len(data) >= 8:
			switch binary.BigEndian.Uint16(data[6:]) {
			case 0x21:
				etherType = EtherTypeIPv4
			case 0x57:
				etherType = EtherTypeIPv6
			default:
				return 0, nil, false
			}
			data = data[8:]
		case etherType == EtherTypeIPv4 && len(data) >= IPHeader && data[0]&15 >= 5:
			k.Src, k.Dst = word(data[12:]), word(data[16:])
			if proto = data[9]; binary.BigEndian.Uint16(data[6:])&0x3fff != 0 {
				proto = 0 // a fragment has no ports
			}
			return proto, data[min(int(data[0]&15)*4, len(data)):], true
		case etherType == EtherTypeIPv6 && len(data) >= 40:
			k.Src = word(data[8:]) ^ word(data[12:]) ^ word(data[16:]) ^ word(data[20:])
			k.Dst = word(data[24:]) ^ word(data[28:]) ^ word(data[32:]) ^ word(data[36:])
			if label := word(data) & 0xfffff; label != 0 {
				k.Ports, k.Found = label, true
			}
			return data[6], data[40:], true
		default:
			return 0, nil, false
		}
	}
}

// inner returns what a tunnel carries.
func inner(proto uint8, data []byte) (etherType uint16, rest []byte, ok bool) {
	switch proto {
	case protoIPIP:
		return EtherTypeIPv4, data, true
	case protoIPv6:
		return EtherTypeIPv6, data, true
	case protoGRE:
		return innerGRE(data)
	}
	return 0, nil, false
}

// innerGRE looks into GRE of version 0 without source routes.
func innerGRE(data []byte) (etherType uint16, rest []byte, ok bool) {
	if len(data) < 4 {
		return 0, nil, false
	}
	const checksum, routing, key, sequence, version = 0x8000, 0x4000, 0x2000, 0x1000, 7
	flags, n := binary.BigEndian.Uint16(data), 4
	if flags&(routing|version) != 0 {
		return 0, nil, false
	}
	for _, option := range [...]uint16{checksum, key, sequence} {
		if flags&option != 0 {
			n += 4
		}
	}
	etherType, rest = binary.BigEndian.Uint16(data[2:]), data[min(n, len(data)):]
	if etherType == etherTypeTEB {
		if len(rest) < EthHeader {
			return 0, nil, true // nothing to dissect in it
		}
		etherType, rest = binary.BigEndian.Uint16(rest[12:]), rest[EthHeader:]
	}
	return etherType, rest, true
}

// ports returns the word that holds the ports, 0 of a protocol without. It
// models skb_flow_get_ports.
func ports(proto uint8, data []byte) uint32 {
	switch proto {
	case ProtoTCP, ProtoUDP, protoDCCP, protoESP, protoSCTP, protoUDPLite:
	case protoAH:
		data = data[min(4, len(data)):]
	default:
		return 0
	}
	if len(data) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(data)
}
