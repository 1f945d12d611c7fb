package capture

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/gopacket/gopacket/layers"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// linkKind is how the packets of a link type are turned into Ethernet frames.
type linkKind uint8

const (
	unsupported linkKind = iota
	ethernet
	cooked  // Linux, version 1
	cooked2 // Linux, version 2
	bareIP
	loopback
)

// The link types that can be read, in the order in which errors name them.
var links = []struct {
	number layers.LinkType
	kind   linkKind
	name   string
}{
	{1, ethernet, "Ethernet"},
	{113, cooked, "Linux cooked v1"},
	{276, cooked2, "Linux cooked v2"},
	{101, bareIP, "raw IP"},
	{12, bareIP, "raw IP"},
	{14, bareIP, "raw IP"},
	{228, bareIP, "raw IPv4"},
	{229, bareIP, "raw IPv6"},
	{0, loopback, "BSD loopback"},
	{108, loopback, "OpenBSD loopback"},
}

func kindOf(link layers.LinkType) linkKind {
	for i := range links {
		if links[i].number == link {
			return links[i].kind
		}
	}
	return unsupported
}

// linkName returns a name for the link type: "Ethernet", "type 147".
func linkName(link layers.LinkType) string {
	for i := range links {
		if links[i].number == link {
			return links[i].name
		}
	}
	if name := link.String(); name != "UnknownLinkType" && name != "" {
		return name
	}
	return fmt.Sprintf("type %d", link)
}

func unsupportedLink(link layers.LinkType) error {
	var can []string
	for _, l := range links {
		can = append(can, fmt.Sprintf("%s (%d)", l.name, l.number))
	}
	return fmt.Errorf("link type %d (%s) is %w: want %s", link, linkName(link), errUnsupported, strings.Join(can, ", "))
}

// Addresses for packets that were recorded without.
var (
	// senderMAC is a source.
	senderMAC = skb.MAC{2, 0, 0, 0, 0, 1}
	// othersMAC is the destination of packets that were not for the recording host.
	othersMAC = skb.MAC{2, 0, 0, 0, 0, 0xfe}
	// groupMAC is the destination of multicasts of other protocols than IP.
	groupMAC     = skb.MAC{3, 0, 0, 0, 0, 0}
	broadcastMAC = skb.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// Packet types of the cooked formats.
const (
	sentToUs = iota
	sentToAll
	sentToGroup
	sentToOthers
	sentByUs
)

// A packet is a record on its way to become an Ethernet frame.
type packet struct {
	kind      uint16 // sentToUs ...
	src       skb.MAC
	etherType uint16
	payload   []byte // behind the link header, as far as captured
	length    int    // of the payload on the wire
	cut       bool   // inside the link header
}

// uncook takes the link header off a record that is not Ethernet.
func uncook(rec *record) packet {
	p := packet{src: senderMAC, length: rec.length}
	switch kindOf(rec.link) {
	case cooked:
		if b := p.header(rec.data, 16); b != nil {
			p.kind = binary.BigEndian.Uint16(b)
			p.sender(binary.BigEndian.Uint16(b[4:]), b[6:])
			p.etherType = binary.BigEndian.Uint16(b[14:])
		}
	case cooked2:
		if b := p.header(rec.data, 20); b != nil {
			p.kind = uint16(b[10])
			p.sender(uint16(b[11]), b[12:])
			p.etherType = binary.BigEndian.Uint16(b)
		}
	case loopback:
		if b := p.header(rec.data, 4); b != nil {
			p.etherType = familyEtherType(b)
		}
	case bareIP:
		p.payload = rec.data
		p.etherType = versionEtherType(rec.data)
	}
	if p.etherType < skb.EtherTypeMinDIX {
		// 802.2 and 802.3 are marked by small numbers; on the wire they have a length.
		p.etherType = uint16(min(p.length, 1500))
	}
	return p
}

// header takes n bytes off data; it returns nil if they were not all captured.
func (p *packet) header(data []byte, n int) []byte {
	p.length = max(0, p.length-n)
	if len(data) < n {
		p.cut = true
		return nil
	}
	p.payload = data[n:]
	return data[:n]
}

func (p *packet) sender(length uint16, addr []byte) {
	if int(length) == len(p.src) {
		copy(p.src[:], addr)
	}
}

// familyEtherType reads the address family of a loopback header, which is in
// the byte order of the recording machine. IPv6 has another number on each.
func familyEtherType(b []byte) uint16 {
	switch max(b[0], b[3]) {
	case 2:
		return skb.EtherTypeIPv4
	case 10, 24, 28, 30:
		return skb.EtherTypeIPv6
	}
	return 0
}

func versionEtherType(ip []byte) uint16 {
	if len(ip) > 0 && ip[0]>>4 == 6 {
		return skb.EtherTypeIPv6
	}
	return skb.EtherTypeIPv4
}

// destination returns the Ethernet destination of a packet that was recorded
// without: zero if it is for the recording host, whose address is not known.
func (p *packet) destination() skb.MAC {
	if p.kind == sentToOthers {
		return othersMAC
	}
	etherType, ip := p.etherType, p.payload
	if etherType == skb.EtherTypeVLAN && len(ip) >= skb.VLANHeader {
		etherType, ip = binary.BigEndian.Uint16(ip[2:]), ip[skb.VLANHeader:]
	}
	switch {
	case etherType == skb.EtherTypeIPv4 && len(ip) >= skb.IPHeader:
		dst := skb.Addr(binary.BigEndian.Uint32(ip[16:]))
		if dst.Multicast() {
			return skb.MulticastMAC(uint32(dst))
		}
		if dst.Broadcast() {
			return broadcastMAC
		}
	case etherType == skb.EtherTypeIPv6 && len(ip) >= 40 && ip[24] == 0xff:
		return skb.MAC{0x33, 0x33, ip[36], ip[37], ip[38], ip[39]}
	}
	switch p.kind {
	case sentToAll:
		return broadcastMAC
	case sentToGroup:
		return groupMAC
	}
	return skb.MAC{}
}

// appendFrame appends the Ethernet frame of p to b.
func (p *packet) appendFrame(b []byte) []byte {
	dst := p.destination()
	b = append(b, dst[:]...)
	b = append(b, p.src[:]...)
	b = binary.BigEndian.AppendUint16(b, p.etherType)
	return append(b, p.payload...)
}
