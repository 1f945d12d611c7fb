package capture

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// ngThree writes the small capture as pcapng by hand, in units of which there
// are perSecond.
func ngThree(order binary.AppendByteOrder, res byte, perSecond uint64) []byte {
	n := ngBuilder{order: order}
	n.section()
	n.face(1, res)
	for _, s := range three() {
		at := epoch.Add(s.after)
		n.packet(0, uint64(at.Unix())*perSecond+uint64(at.Nanosecond())*perSecond/1e9, s.data, len(s.data))
	}
	return n.b
}

func TestFormats(t *testing.T) {
	tests := map[string][]byte{
		"pcap, microseconds":               rawPcap(binary.LittleEndian, false, 1, three()),
		"pcap, nanoseconds":                rawPcap(binary.LittleEndian, true, 1, three()),
		"pcap, microseconds, big-endian":   rawPcap(binary.BigEndian, false, 1, three()),
		"pcap, nanoseconds, big-endian":    rawPcap(binary.BigEndian, true, 1, three()),
		"pcap of pcapgo, microseconds":     pcapFile(t, 1, false, three()),
		"pcap of pcapgo, nanoseconds":      pcapFile(t, 1, true, three()),
		"pcapng of pcapgo":                 pcapngFile(t, 1, three()),
		"pcapng, microseconds":             ngThree(binary.LittleEndian, 6, 1e6),
		"pcapng, microseconds, big-endian": ngThree(binary.BigEndian, 6, 1e6),
		"pcapng, nanoseconds, big-endian":  ngThree(binary.BigEndian, 9, 1e9),
		"pcapng, a tenth of a nanosecond":  ngThree(binary.LittleEndian, 10, 1e10),
		"pcapng, a tenth of a microsecond": ngThree(binary.LittleEndian, 7, 1e7),
	}
	for name, b := range tests {
		for _, zip := range []bool{false, true} {
			if zip {
				name, b = name+", gzip", gzipped(t, b)
			}
			t.Run(name, func(t *testing.T) {
				f := mustOpen(t, b)
				require.Equal(t, zip, f.Info.Gzip)
				require.Equal(t, name[:4] == "pcap", f.Info.Format[:4] == "pcap")
				require.Equal(t, epoch, f.Info.First)
				require.Equal(t, 4*time.Millisecond, f.Info.Duration)
				require.Empty(t, f.Info.Warnings)
				var got []engine.Time
				var lens []uint32
				for _, fr := range play(t, f, DefaultOptions(ourMAC)) {
					got, lens = append(got, fr.At), append(lens, fr.WireLen())
				}
				require.Equal(t, []engine.Time{0, 1500 * engine.Microsecond, 4 * engine.Millisecond}, got)
				require.Equal(t, []uint32{146, 246, 346}, lens, "recorded length and four bytes of FCS")
			})
		}
	}
}

// Times in units of 2^-n s are exact to a nanosecond, rounded down.
func TestBinaryResolution(t *testing.T) {
	for _, exp := range []byte{1, 10, 20, 29} {
		n := ngBuilder{order: binary.LittleEndian}
		n.section()
		n.face(1, 0x80|exp)
		second := uint64(1) << exp
		n.packet(0, 1000*second, datagram(1, 20), 62)
		n.packet(0, 1000*second+second-1, datagram(1, 20), 62)
		n.packet(0, 1001*second+second/2, datagram(1, 20), 62)
		f := mustOpen(t, n.b)
		fr := play(t, f, DefaultOptions(ourMAC))
		require.Equal(t, engine.Time((second-1)*1e9/second)*engine.Nanosecond, fr[1].At, "2^-%d", exp)
		require.Equal(t, 1500*engine.Millisecond, fr[2].At, "2^-%d", exp)
	}
}

func TestResolutionOutOfReachIsRefused(t *testing.T) {
	for _, res := range []byte{0x80 | 30, 0x80 | 63, 20, 63} {
		_, err := openBytes(ngThree(binary.LittleEndian, res, 1))
		require.ErrorContains(t, err, "want at most 2^-29 s or 10^-19 s", "%#x", res)
	}
}

func TestOpenReadsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "three.pcap.gz")
	require.NoError(t, os.WriteFile(path, gzipped(t, pcapFile(t, 1, true, three())), 0o644))
	f, err := Open(path)
	require.NoError(t, err)
	require.Len(t, play(t, f, DefaultOptions(ourMAC)), 3)
}

func TestInfo(t *testing.T) {
	arp := ether(skb.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, skb.EtherTypeARP, make([]byte, 28))
	bad := datagram(7, 50)
	bad[len(bad)-1]++
	badIP := datagram(7, 50)
	badIP[14+8]++ // time to live
	fragment := ether(peerMAC, skb.EtherTypeIPv4, ipPacket(sender, group+1, 9, 100))
	fragment[14+7] = 10
	binary.BigEndian.PutUint16(fragment[14+10:], 0)
	binary.BigEndian.PutUint16(fragment[14+10:], ^onesSum(fragment[14:34], 0))
	f := mustOpen(t, pcapngFile(t, 1, []shot{
		{0, datagram(7, 100), 0},
		{1, arp, 0},
		shot{2, datagram(8, 1000), 0}.snap(64),
		{3, bad, 0},
		{4, badIP, 0},
		{5, fragment, 0},
		{6, ether(ourMAC, skb.EtherTypeIPv4, ipPacket(sender, 0x0a000002, 53, 10)), 0},
		shot{7, datagram(8, 100), 0}.snap(30),
		{8, nil, 0},
		{9, ether(peerMAC, 0x86dd, make([]byte, 40)), 9000},
	}))
	want := Info{
		Format: "pcapng", LinkTypes: []LinkCount{{1, "Ethernet", 10}},
		Frames: 10, First: epoch, Duration: 9,
		Bytes:   146 + 64 + 1046 + 96 + 96 + 146 + 64 + 146 + 64 + 9004,
		Longest: 9004,
		Snapped: 3, Cut: 1, Padded: 3,
		IPv4: 6, UDP: 5, BadUDPChecksum: 1, BadIPChecksum: 1,
		Groups: []GroupCount{{group, 4}, {group + 1, 1}},
		Ports:  []PortCount{{7, 3}, {8, 1}, {53, 1}},
		Warnings: []string{
			"1 of 10 frames were cut inside their headers: what is missing is taken for zero",
			"1 of 10 frames have a wrong IP checksum and will be refused (IP-8): was it left to the sender's device?",
			"1 of 10 frames have a wrong UDP checksum and will be refused (UR-4)",
		},
	}
	require.Empty(t, cmp.Diff(want, f.Info))
}

func TestSnappedFramesKeepTheirLength(t *testing.T) {
	whole := mustOpen(t, pcapFile(t, 1, true, three()))
	var cut []shot
	for _, s := range three() {
		cut = append(cut, s.snap(42))
	}
	snapped := mustOpen(t, pcapFile(t, 1, true, cut))
	require.EqualValues(t, 3, snapped.Info.Snapped)
	require.Zero(t, snapped.Info.Cut)
	require.Empty(t, cmp.Diff(play(t, whole, DefaultOptions(ourMAC)), play(t, snapped, DefaultOptions(ourMAC))))
}

func TestShortFramesArePadded(t *testing.T) {
	f := mustOpen(t, pcapFile(t, 1, true, []shot{{0, datagram(1, 17), 0}, {0, datagram(1, 18), 0}, {0, datagram(1, 19), 0}}))
	require.EqualValues(t, 1, f.Info.Padded, "59 bytes")
	var lens []uint32
	for _, fr := range play(t, f, DefaultOptions(ourMAC)) {
		lens = append(lens, fr.Len)
		require.EqualValues(t, 28+17+len(lens)-1, fr.IPLen, "padding is not part of the datagram")
	}
	require.Equal(t, []uint32{60, 60, 61}, lens)
}

func TestRecordedFCS(t *testing.T) {
	var shots []shot
	for _, s := range three() {
		s.data = append(s.data, 1, 2, 3, 4)
		shots = append(shots, s)
	}
	want := play(t, mustOpen(t, pcapFile(t, 1, true, three())), DefaultOptions(ourMAC))

	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		announced := mustOpen(t, rawPcap(order, true, 1|0x04000000|2<<28, shots))
		require.Empty(t, announced.Info.Warnings)
		require.Empty(t, cmp.Diff(want, play(t, announced, DefaultOptions(ourMAC))))
	}
	silent := mustOpen(t, pcapFile(t, 1, true, shots))
	require.Len(t, silent.Info.Warnings, 1)
	require.Contains(t, silent.Info.Warnings[0], "frame check sequence")
	require.Equal(t, want[0].Len+4, play(t, silent, DefaultOptions(ourMAC))[0].Len, "only a warning: it may be data")
}

func TestVLANTagStays(t *testing.T) {
	tagged := ether(skb.MulticastMAC(uint32(group)), skb.EtherTypeVLAN, append([]byte{0x60, 100, 8, 0}, ipPacket(sender, group, 7, 100)...))
	f := mustOpen(t, pcapFile(t, 1, true, []shot{{0, tagged, 0}}))
	fr := play(t, f, DefaultOptions(ourMAC))[0]
	require.True(t, fr.Head.Tagged)
	require.EqualValues(t, 0x6064, fr.Head.VLAN)
	require.EqualValues(t, skb.EtherTypeIPv4, fr.Head.EtherType)
	require.EqualValues(t, 14+4+128, fr.Len)
	require.Equal(t, []GroupCount{{group, 1}}, f.Info.Groups)
}

// Two sections with interfaces of several link types and resolutions, each with its own statistics.
func TestSeveralInterfaces(t *testing.T) {
	n := ngBuilder{order: binary.BigEndian}
	n.section()
	n.face(1, 6)
	n.face(101, 9)
	n.packet(0, 1_000_000_000, datagram(1, 100), 142)
	n.packet(1, 1000_000_001_000, ipPacket(sender, group, 2, 100), 128)
	n.lost(0, 3)
	n.lost(0, 5) // counts up
	n.lost(1, 1)
	n.section()
	n.face(113, 6)
	n.packet(0, 1_000_000_002, append(sllHeader(sentToGroup, skb.EtherTypeIPv4), ipPacket(sender, group, 3, 100)...), 144)
	n.lost(0, 10)
	f := mustOpen(t, n.b)
	require.Equal(t, []LinkCount{{1, "Ethernet", 1}, {101, "raw IP", 1}, {113, "Linux cooked v1", 1}}, f.Info.LinkTypes)
	require.EqualValues(t, 16, f.Info.RecorderLost)
	require.Equal(t, []string{"the recorder lost 16 packets"}, f.Info.Warnings)
	for i, fr := range play(t, f, DefaultOptions(ourMAC)) {
		require.EqualValues(t, 142, fr.Len)
		require.EqualValues(t, i+1, fr.Head.DstPort)
		require.Equal(t, engine.Time(i)*engine.Microsecond, fr.At)
		require.Equal(t, skb.MulticastMAC(uint32(group)), fr.Head.DstMAC)
	}
}

// Simple packet blocks have no time; each stands at the time of the frame before it.
func TestSimplePackets(t *testing.T) {
	build := func(timed bool) *File {
		n := ngBuilder{order: binary.LittleEndian}
		n.section()
		n.face(1, 6)
		n.simple(datagram(1, 100))
		n.simple(datagram(2, 100))
		if timed {
			n.packet(0, 5_000_000, datagram(3, 100), 142)
			n.simple(datagram(4, 100))
			n.packet(0, 5_000_010, datagram(5, 100), 142)
		}
		return mustOpen(t, n.b)
	}
	mixed := build(true)
	require.EqualValues(t, 3, mixed.Info.Untimed)
	require.Equal(t, time.Unix(5, 0).UTC(), mixed.Info.First)
	require.Equal(t, 10*time.Microsecond, mixed.Info.Duration)
	require.Equal(t, []string{"3 of 5 frames have no time: each stands at the time of the frame before it"}, mixed.Info.Warnings)
	for i, fr := range play(t, mixed, DefaultOptions(ourMAC)) {
		require.EqualValues(t, i+1, fr.Head.DstPort)
		require.Equal(t, []engine.Time{0, 0, 0, 0, 10 * engine.Microsecond}[i], fr.At)
	}

	none := build(false)
	require.True(t, none.Info.First.IsZero())
	o := DefaultOptions(ourMAC)
	o.MilliPPS = 1000_000
	for i, fr := range play(t, none, o) {
		require.Equal(t, engine.Time(i+1)*engine.Millisecond, fr.At)
	}
}
