package capture

import (
	"encoding/binary"
	"testing"

	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/skb"
)

func sllHeader(kind, etherType uint16) []byte {
	b := binary.BigEndian.AppendUint16(nil, kind)
	b = append(b, 0, 1, 0, 6)
	b = append(append(b, peerMAC[:]...), 0, 0)
	return binary.BigEndian.AppendUint16(b, etherType)
}

func sll2Header(kind byte, etherType uint16) []byte {
	b := binary.BigEndian.AppendUint16(nil, etherType)
	b = append(b, 0, 0, 0, 0, 0, 3, 0, 1, kind, 6)
	return append(append(b, peerMAC[:]...), 0, 0)
}

func cat(a, b []byte) []byte { return append(append([]byte{}, a...), b...) }

func TestLinkTypes(t *testing.T) {
	us, all := skb.Addr(0x0a000010), skb.Addr(0xffffffff)
	toGroup, toUs, toAll := ipPacket(sender, group, 7, 100), ipPacket(sender, us, 7, 100), ipPacket(sender, all, 7, 100)
	groupMAC := skb.MulticastMAC(uint32(group))
	six := make([]byte, 48)
	six[0] = 0x60
	copy(six[24:], []byte{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
	tagged := cat([]byte{0, 100, 8, 0}, toGroup)

	tests := map[string]struct {
		link      layers.LinkType
		data      []byte
		dst       skb.MAC
		src       skb.MAC
		etherType uint16
		length    int
	}{
		"Ethernet to a group":      {1, ether(groupMAC, 0x800, toGroup), groupMAC, peerMAC, 0x800, 142},
		"Ethernet to another":      {1, ether(peerMAC, 0x800, toUs), ourMAC, peerMAC, 0x800, 142},
		"Ethernet on lo":           {1, ether(skb.MAC{}, 0x800, toGroup), groupMAC, peerMAC, 0x800, 142},
		"cooked to us":             {113, cat(sllHeader(sentToUs, 0x800), toUs), ourMAC, peerMAC, 0x800, 142},
		"cooked to all":            {113, cat(sllHeader(sentToAll, 0x806), make([]byte, 46)), broadcastMAC, peerMAC, 0x806, 60},
		"cooked to a group":        {113, cat(sllHeader(sentToGroup, 0x800), toGroup), groupMAC, peerMAC, 0x800, 142},
		"cooked to others":         {113, cat(sllHeader(sentToOthers, 0x800), toUs), othersMAC, peerMAC, 0x800, 142},
		"cooked by us to a group":  {113, cat(sllHeader(sentByUs, 0x800), toGroup), groupMAC, peerMAC, 0x800, 142},
		"cooked by us":             {113, cat(sllHeader(sentByUs, 0x800), toUs), ourMAC, peerMAC, 0x800, 142},
		"cooked VLAN":              {113, cat(sllHeader(sentToGroup, 0x8100), tagged), groupMAC, peerMAC, 0x800, 146},
		"cooked IPv6 to a group":   {113, cat(sllHeader(sentToGroup, 0x86dd), six), skb.MAC{0x33, 0x33, 1, 2, 3, 4}, peerMAC, 0x86dd, 62},
		"cooked LLC to a group":    {113, cat(sllHeader(sentToGroup, 4), make([]byte, 50)), skb.MAC{3}, peerMAC, 50, 64},
		"cooked v2 to us":          {276, cat(sll2Header(sentToUs, 0x800), toUs), ourMAC, peerMAC, 0x800, 142},
		"cooked v2 to all":         {276, cat(sll2Header(sentToAll, 0x800), toAll), broadcastMAC, peerMAC, 0x800, 142},
		"cooked v2 to a group":     {276, cat(sll2Header(sentToGroup, 0x800), toGroup), groupMAC, peerMAC, 0x800, 142},
		"cooked v2 to others":      {276, cat(sll2Header(sentToOthers, 0x800), toUs), othersMAC, peerMAC, 0x800, 142},
		"raw to a group":           {101, toGroup, groupMAC, senderMAC, 0x800, 142},
		"raw to us":                {101, toUs, ourMAC, senderMAC, 0x800, 142},
		"raw to all":               {101, toAll, broadcastMAC, senderMAC, 0x800, 142},
		"raw IPv6":                 {101, six, skb.MAC{0x33, 0x33, 1, 2, 3, 4}, senderMAC, 0x86dd, 62},
		"raw of OpenBSD":           {14, toGroup, groupMAC, senderMAC, 0x800, 142},
		"raw of another BSD":       {12, toGroup, groupMAC, senderMAC, 0x800, 142},
		"raw IPv4":                 {228, toGroup, groupMAC, senderMAC, 0x800, 142},
		"loopback, little-endian":  {0, cat([]byte{2, 0, 0, 0}, toGroup), groupMAC, senderMAC, 0x800, 142},
		"loopback, big-endian":     {0, cat([]byte{0, 0, 0, 2}, toUs), ourMAC, senderMAC, 0x800, 142},
		"loopback, network order":  {108, cat([]byte{0, 0, 0, 2}, toUs), ourMAC, senderMAC, 0x800, 142},
		"loopback, IPv6 of a BSD":  {0, cat([]byte{30, 0, 0, 0}, six), skb.MAC{0x33, 0x33, 1, 2, 3, 4}, senderMAC, 0x86dd, 62},
		"loopback, another family": {0, cat([]byte{7, 0, 0, 0}, make([]byte, 80)), ourMAC, senderMAC, 80, 94},
	}
	for name, tt := range tests {
		for format, b := range map[string][]byte{
			"pcap":   pcapFile(t, tt.link, true, []shot{{0, tt.data, 0}}),
			"pcapng": pcapngFile(t, tt.link, []shot{{0, tt.data, 0}}),
		} {
			t.Run(name+", "+format, func(t *testing.T) {
				f := mustOpen(t, b)
				fr := play(t, f, DefaultOptions(ourMAC))[0]
				require.Equal(t, tt.dst, fr.Head.DstMAC, "destination")
				require.Equal(t, tt.src, fr.Head.SrcMAC, "source")
				require.Equal(t, tt.etherType, fr.Head.EtherType)
				require.EqualValues(t, tt.length, fr.Len)
				require.Zero(t, f.Info.Snapped+f.Info.Cut)
				if tt.etherType == skb.EtherTypeIPv4 {
					require.EqualValues(t, 7, fr.Head.DstPort)
					require.Equal(t, skb.ChecksumGood, fr.Head.UDPChecksum)
					require.Zero(t, f.Info.BadIPChecksum)
				}
			})
		}
	}
}

func TestCookedSnapped(t *testing.T) {
	whole := shot{0, cat(sllHeader(sentToGroup, 0x800), ipPacket(sender, group, 7, 500)), 0}
	fr := play(t, mustOpen(t, pcapFile(t, 113, true, []shot{whole.snap(60)})), DefaultOptions(ourMAC))[0]
	require.EqualValues(t, 14+528, fr.Len)
	require.EqualValues(t, 7, fr.Head.DstPort)

	f := mustOpen(t, pcapFile(t, 113, true, []shot{whole.snap(10)}))
	require.EqualValues(t, 1, f.Info.Cut)
	fr = play(t, f, DefaultOptions(ourMAC))[0]
	require.EqualValues(t, 14+528, fr.Len)
	require.Equal(t, ourMAC, fr.Head.DstMAC)
}

func TestOutgoingIsCounted(t *testing.T) {
	f := mustOpen(t, pcapFile(t, 276, true, []shot{{0, cat(sll2Header(sentByUs, 0x800), ipPacket(sender, group, 7, 100)), 0}}))
	require.EqualValues(t, 1, f.Info.Outgoing)
	require.Equal(t, []string{"1 of 1 frames were sent by the recording host: they are replayed as if received"}, f.Info.Warnings)
}

func TestUnknownLinkTypeIsRefused(t *testing.T) {
	data := []shot{{0, make([]byte, 100), 0}}
	_, err := openBytes(pcapFile(t, 127, true, data))
	require.EqualError(t, err, "test: frame 1: link type 127 (RadioTap) is not supported: want Ethernet (1), Linux cooked v1 (113), Linux cooked v2 (276), raw IP (101), raw IP (12), raw IP (14), raw IPv4 (228), raw IPv6 (229), BSD loopback (0), OpenBSD loopback (108)")
	_, err = openBytes(pcapFile(t, 9999, true, data))
	require.ErrorContains(t, err, "link type 9999 (type 9999) is not supported")

	n := ngBuilder{order: binary.LittleEndian}
	n.section()
	n.face(1, 6)
	n.face(127, 6)
	n.packet(0, 1, datagram(1, 100), 142)
	f := mustOpen(t, n.b)
	require.Empty(t, f.Info.Warnings, "an interface without frames does not matter")
	n.packet(1, 2, datagram(1, 100), 142)
	_, err = openBytes(n.b)
	require.ErrorContains(t, err, "test: frame 2: link type 127 (RadioTap)")
}
