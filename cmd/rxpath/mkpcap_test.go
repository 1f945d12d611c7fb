package main

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// flow is the grammar of mkpcap: SRC>DST[:PORT], with VLAN/ before and *COUNT behind.
var flow = regexp.MustCompile(`^(?:(\d+)/)?([\d.]+)>([\d.]+):(\d+)(?:\*(\d+))?$`)

// mkpcap writes a capture of datagrams with 10 bytes of payload, 1 ms apart.
func mkpcap(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 1)
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	ts.Check(w.WriteFileHeader(65536, layers.LinkTypeEthernet))
	at := time.Unix(1_700_000_000, 0)
	for _, arg := range args[1:] {
		m := flow.FindStringSubmatch(arg)
		if m == nil {
			ts.Fatalf("%q: not a flow", arg)
		}
		count := 1
		if m[5] != "" {
			count, _ = strconv.Atoi(m[5])
		}
		vlan, _ := strconv.Atoi(m[1])
		port, _ := strconv.Atoi(m[4])
		frame := datagram(vlan, netip.MustParseAddr(m[2]), netip.MustParseAddr(m[3]), uint16(port))
		for range count {
			ts.Check(w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(frame), Length: len(frame)}, frame))
			at = at.Add(time.Millisecond)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o666))
}

// datagram returns a frame without FCS, with a right IP checksum and none of UDP.
func datagram(vlan int, src, dst netip.Addr, port uint16) []byte {
	mac := []byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55}
	d := dst.As4()
	switch {
	case dst.IsMulticast():
		mac = []byte{0x01, 0x00, 0x5e, d[1] & 0x7f, d[2], d[3]}
	case d[3] == 255:
		mac = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	b := append(mac, 0x00, 0x66, 0x77, 0x88, 0x99, 0xaa)
	if vlan > 0 {
		b = binary.BigEndian.AppendUint16(append(b, 0x81, 0x00), uint16(vlan))
	}
	b = append(b, 0x08, 0x00)
	ip := []byte{0x45, 0, 0, 20 + 8 + 10, 0, 0, 0, 0, 64, 17, 0, 0}
	ip = append(append(ip, src.AsSlice()...), dst.AsSlice()...)
	sum := uint32(0)
	for i := 0; i < len(ip); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum))
	b = append(b, ip...)
	b = binary.BigEndian.AppendUint16(b, 40000)
	b = binary.BigEndian.AppendUint16(b, port)
	b = append(b, 0, 18, 0, 0)
	b = append(b, make([]byte, 10)...)
	return append(b, make([]byte, max(0, 60-len(b)))...)
}

// What mkpcap writes is what others read.
func TestDatagram(t *testing.T) {
	p := gopacket.NewPacket(datagram(7, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("239.1.2.3"), 5000), layers.LayerTypeEthernet, gopacket.Default)
	require.Nil(t, p.ErrorLayer())
	require.Equal(t, "01:00:5e:01:02:03", p.LinkLayer().(*layers.Ethernet).DstMAC.String())
	require.Equal(t, uint16(7), p.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q).VLANIdentifier)
	require.Equal(t, "239.1.2.3", p.NetworkLayer().(*layers.IPv4).DstIP.String())
	require.Equal(t, layers.UDPPort(5000), p.TransportLayer().(*layers.UDP).DstPort)
	require.Len(t, p.TransportLayer().LayerPayload(), 10)
}
