package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// Files for the tests, made in memory: by pcapgo where it can write them, by
// hand where it cannot (big-endian files, odd resolutions, simple packets).

var (
	epoch   = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	ourMAC  = skb.MAC{2, 0, 0, 0, 0, 0x10}
	group   = skb.Addr(0xefc10441) // 239.193.4.65
	sender  = skb.Addr(0x0a000001)
	peerMAC = skb.MAC{2, 0, 0, 0, 0, 9}
)

// A shot is a packet to be written.
type shot struct {
	after  time.Duration // since epoch
	data   []byte
	length int // original length, 0: len(data)
}

func (s shot) info(iface int) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: epoch.Add(s.after), CaptureLength: len(s.data), Length: max(s.length, len(s.data)), InterfaceIndex: iface}
}

// snap cuts the packet.
func (s shot) snap(n int) shot {
	return shot{s.after, s.data[:n], max(s.length, len(s.data))}
}

// ipPacket returns an IPv4 datagram with right checksums.
func ipPacket(src, dst skb.Addr, port uint16, payload int) []byte {
	b := make([]byte, 28+payload)
	b[0], b[8], b[9] = 0x45, 64, skb.ProtoUDP
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint32(b[12:], uint32(src))
	binary.BigEndian.PutUint32(b[16:], uint32(dst))
	binary.BigEndian.PutUint16(b[20:], 5000)
	binary.BigEndian.PutUint16(b[22:], port)
	binary.BigEndian.PutUint16(b[24:], uint16(8+payload))
	for i := range payload {
		b[28+i] = byte(i + int(port))
	}
	binary.BigEndian.PutUint16(b[10:], ^onesSum(b[:20], 0))
	pseudo := uint32(skb.ProtoUDP) + uint32(8+payload)
	binary.BigEndian.PutUint16(b[26:], ^onesSum(b[20:], uint32(onesSum(b[12:20], pseudo))))
	return b
}

func onesSum(b []byte, s uint32) uint16 {
	for i, x := range b {
		s += uint32(x) << (8 * (1 - i%2))
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// ether puts an Ethernet header before a packet.
func ether(dst skb.MAC, etherType uint16, payload []byte) []byte {
	b := append(append([]byte{}, dst[:]...), peerMAC[:]...)
	return append(binary.BigEndian.AppendUint16(b, etherType), payload...)
}

// datagram returns an Ethernet frame to the group.
func datagram(port uint16, payload int) []byte {
	return ether(skb.MulticastMAC(uint32(group)), skb.EtherTypeIPv4, ipPacket(sender, group, port, payload))
}

// three is a small capture.
func three() []shot {
	return []shot{{0, datagram(1000, 100), 0}, {1500 * time.Microsecond, datagram(1001, 200), 0}, {4 * time.Millisecond, datagram(1000, 300), 0}}
}

// pcapFile writes a little-endian pcap file.
func pcapFile(t testing.TB, link layers.LinkType, nano bool, shots []shot) []byte {
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if nano {
		w = pcapgo.NewWriterNanos(&b)
	}
	require.NoError(t, w.WriteFileHeader(65535, link))
	for _, s := range shots {
		require.NoError(t, w.WritePacket(s.info(0), s.data))
	}
	return b.Bytes()
}

// pcapngFile writes a little-endian pcapng file with nanoseconds.
func pcapngFile(t testing.TB, link layers.LinkType, shots []shot) []byte {
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, link)
	require.NoError(t, err)
	for _, s := range shots {
		require.NoError(t, w.WritePacket(s.info(0), s.data))
	}
	require.NoError(t, w.Flush())
	return b.Bytes()
}

// rawPcap writes a pcap file of either byte order by hand. The upper bits of
// link are written, too.
func rawPcap(order binary.AppendByteOrder, nano bool, link uint32, shots []shot) []byte {
	magic, unit := uint32(0xa1b2c3d4), int64(1000)
	if nano {
		magic, unit = 0xa1b23c4d, 1
	}
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(order.AppendUint16(b, 2), 4)
	b = order.AppendUint64(b, 0)
	b = order.AppendUint32(order.AppendUint32(b, 65535), link)
	for _, s := range shots {
		at := epoch.Add(s.after)
		b = order.AppendUint32(b, uint32(at.Unix()))
		b = order.AppendUint32(b, uint32(int64(at.Nanosecond())/unit))
		b = order.AppendUint32(b, uint32(len(s.data)))
		b = order.AppendUint32(b, uint32(max(s.length, len(s.data))))
		b = append(b, s.data...)
	}
	return b
}

// An ngBuilder writes pcapng blocks by hand.
type ngBuilder struct {
	order binary.AppendByteOrder
	b     []byte
}

func (n *ngBuilder) block(typ uint32, body []byte) {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	n.b = n.order.AppendUint32(n.b, typ)
	n.b = n.order.AppendUint32(n.b, uint32(len(body)+12))
	n.b = append(n.b, body...)
	n.b = n.order.AppendUint32(n.b, uint32(len(body)+12))
}

func (n *ngBuilder) section() {
	b := n.order.AppendUint32(nil, 0x1a2b3c4d)
	b = n.order.AppendUint16(n.order.AppendUint16(b, 1), 0)
	n.block(0x0a0d0d0a, n.order.AppendUint64(b, ^uint64(0)))
}

// face adds an interface whose times are in units of resolution code res.
func (n *ngBuilder) face(link layers.LinkType, res byte) {
	b := n.order.AppendUint16(nil, uint16(link))
	b = n.order.AppendUint16(b, 0)
	b = n.order.AppendUint32(b, 0)
	b = n.order.AppendUint16(n.order.AppendUint16(b, 9), 1)
	b = append(b, res, 0, 0, 0)
	n.block(1, n.order.AppendUint32(b, 0))
}

// packet adds an enhanced packet at a time in units of its interface.
func (n *ngBuilder) packet(iface uint32, at uint64, data []byte, length int) {
	b := n.order.AppendUint32(nil, iface)
	b = n.order.AppendUint32(n.order.AppendUint32(b, uint32(at>>32)), uint32(at))
	b = n.order.AppendUint32(n.order.AppendUint32(b, uint32(len(data))), uint32(length))
	n.block(6, append(b, data...))
}

func (n *ngBuilder) simple(data []byte) {
	n.block(3, append(n.order.AppendUint32(nil, uint32(len(data))), data...))
}

// lost adds interface statistics.
func (n *ngBuilder) lost(iface uint32, packets uint64) {
	b := n.order.AppendUint32(nil, iface)
	b = n.order.AppendUint64(b, 0)
	b = n.order.AppendUint16(n.order.AppendUint16(b, 5), 8)
	b = n.order.AppendUint64(b, packets)
	n.block(5, n.order.AppendUint32(b, 0))
}

func gzipped(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func openBytes(b []byte) (*File, error) {
	return OpenReader("test", bytes.NewReader(b), int64(len(b)))
}

func mustOpen(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := openBytes(b)
	require.NoError(t, err)
	return f
}

// play returns all frames of one pass.
func play(t testing.TB, f *File, o Options) []skb.Frame {
	t.Helper()
	s, err := f.Source(o)
	require.NoError(t, err)
	defer s.Close()
	frames := drain(s, 1<<20)
	require.NoError(t, s.Err())
	return frames
}

// drain takes frames from s, at most n, in odd portions.
func drain(s skb.FrameSource, n int) []skb.Frame {
	var all []skb.Frame
	for len(all) < n {
		buf := make([]skb.Frame, min(7, n-len(all)))
		got := s.Fill(buf)
		all = append(all, buf[:got]...)
		if got < len(buf) {
			break
		}
	}
	return all
}
