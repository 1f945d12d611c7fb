package skb

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// A datagram as tcpdump prints it: 10.0.0.1:5000 to 239.193.4.65:14506, "hello", with both checksums right
// (checked with tshark).
const datagram = "01005e410441 020000000001 0800" +
	"4500 0021 1234 0000 4011 6a95 0a000001 efc10441" +
	"1388 38aa 000d 71cc" + "68656c6c6f"

func frame(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	require.NoError(t, err)
	return b
}

// plain is what Parse finds in the datagram.
func plain() Header {
	return Header{
		DstMAC: MAC{0x01, 0, 0x5e, 0x41, 0x04, 0x41}, SrcMAC: MAC{2, 0, 0, 0, 0, 1},
		EtherType: EtherTypeIPv4, IPVersion: 4, IHL: 5, TTL: 64, Proto: ProtoUDP,
		Src: 0x0a000001, Dst: 0xefc10441, SrcPort: 5000, DstPort: 14506,
	}
}

func with(change func(*Header)) Header {
	h := plain()
	change(&h)
	return h
}

func TestParse(t *testing.T) {
	etherOnly := func(etherType uint16) Header {
		return Header{DstMAC: plain().DstMAC, SrcMAC: plain().SrcMAC, EtherType: etherType}
	}
	tests := map[string]struct {
		old, new string // replaced in datagram, once
		cut      int    // bytes captured, 0 for all
		want     Header
		ip, udp  uint16
	}{
		"well-formed":                 {want: plain(), ip: 33, udp: 13},
		"trailing padding is ignored": {old: "6f", new: "6f 00000000 00ff", want: plain(), ip: 33, udp: 13},
		"type of service":             {old: "4500 0021", new: "45b8 0021", want: with(func(h *Header) { h.TOS, h.IPChecksum = 0xb8, ChecksumBad }), ip: 33, udp: 13},
		"no UDP checksum":             {old: "71cc", new: "0000", want: with(func(h *Header) { h.UDPChecksum = ChecksumZero }), ip: 33, udp: 13},
		"bad UDP checksum":            {old: "71cc", new: "71cd", want: with(func(h *Header) { h.UDPChecksum = ChecksumBad }), ip: 33, udp: 13},
		"checksum left to the sender's device": {old: "71cc", new: "fe21",
			want: plain(), ip: 33, udp: 13},
		"bad UDP payload":     {old: "68656c", new: "68656d", want: with(func(h *Header) { h.UDPChecksum = ChecksumBad }), ip: 33, udp: 13},
		"bad IP checksum":     {old: "6a95", new: "6a96", want: with(func(h *Header) { h.IPChecksum = ChecksumBad }), ip: 33, udp: 13},
		"IP version 5":        {old: "4500 0021", new: "5500 0021", want: with(func(h *Header) { h.IPVersion, h.IPChecksum = 5, ChecksumBad }), ip: 33, udp: 13},
		"IP header too short": {old: "4500 0021", new: "4400 0021", want: with(func(h *Header) { h.IHL, h.SrcPort, h.DstPort = 4, 0, 0 }), ip: 33},
		"IP options": {old: "4500 0021 1234 0000 4011 6a95 0a000001 efc10441", new: "4600 0025 1234 0000 4011 d58c 0a000001 efc10441 94040000",
			want: with(func(h *Header) { h.IHL = 6 }), ip: 37, udp: 13},
		"VLAN tag": {old: "0800", new: "8100 a064 0800", want: with(func(h *Header) { h.Tagged, h.VLAN = true, 0xa064 }), ip: 33, udp: 13},
		"three tags": {old: "0800", new: "8100 0064 8100 0065 8100 0066 0800", want: with(func(h *Header) {
			*h = etherOnly(EtherTypeVLAN)
			h.Tagged, h.VLAN, h.DoubleTagged, h.InnerVLAN = true, 100, true, 101
		})},
		"802.1AD": {old: "0800", new: "88a8 0064 0800", want: with(func(h *Header) { h.Tagged, h.ServiceTag, h.VLAN = true, true, 100 }), ip: 33, udp: 13},
		"802.1AD over 802.1Q": {old: "0800", new: "88a8 0064 8100 0065 0800", want: with(func(h *Header) {
			h.Tagged, h.ServiceTag, h.VLAN, h.DoubleTagged, h.InnerVLAN = true, true, 100, true, 101
		}), ip: 33, udp: 13},
		"802.1Q twice":         {old: "0800", new: "8100 0064 8100 0065 0800", want: with(func(h *Header) { h.Tagged, h.VLAN, h.DoubleTagged, h.InnerVLAN = true, 100, true, 101 }), ip: 33, udp: 13},
		"ARP":                  {old: "0800", new: "0806", want: etherOnly(EtherTypeARP)},
		"802.3 length":         {old: "0800", new: "0021", want: etherOnly(0x21)},
		"TCP has no UDP ports": {old: "4011 6a95", new: "4006 6aa0", want: with(func(h *Header) { h.Proto, h.SrcPort, h.DstPort = ProtoTCP, 0, 0 }), ip: 33},
		"first fragment":       {old: "1234 0000 4011 6a95", new: "1234 2000 4011 4a95", want: with(func(h *Header) { h.MoreFrags = true }), ip: 33, udp: 13},
		"later fragment has no ports": {old: "1234 0000 4011 6a95", new: "1234 00b9 4011 69dc",
			want: with(func(h *Header) { h.FragOffset, h.SrcPort, h.DstPort = 1480, 0, 0 }), ip: 33},
		"don't fragment is no fragment": {old: "1234 0000 4011 6a95", new: "1234 4000 4011 2a95", want: with(func(h *Header) { h.DF = true }), ip: 33, udp: 13},
		"UDP length beyond the packet":  {old: "38aa 000d", new: "38aa 00ff", want: plain(), ip: 33, udp: 255},
		"UDP length below its header":   {old: "38aa 000d", new: "38aa 0007", want: plain(), ip: 33, udp: 7},
		"cut behind the UDP header":     {cut: 42, want: plain(), ip: 33, udp: 13},
		"cut in the UDP header":         {cut: 41, want: with(func(h *Header) { h.SrcPort, h.DstPort = 0, 0 }), ip: 33},
		"cut in the IP header":          {cut: 33, want: etherOnly(EtherTypeIPv4)},
		"cut in the VLAN tag":           {old: "0800", new: "8100 0064 0800", cut: 17, want: etherOnly(EtherTypeVLAN)},
		"cut in the Ethernet header":    {cut: 13, want: Header{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.True(t, strings.Contains(datagram, tt.old), "%q is not in the datagram", tt.old)
			data := frame(t, strings.Replace(datagram, tt.old, tt.new, 1))
			whole := len(data)
			if tt.cut > 0 {
				data = data[:tt.cut]
			}
			h, f := Parse(data, whole)
			h.Keys = FlowKeys{} // TestParseKeys
			require.Empty(t, cmp.Diff(tt.want, h))
			id := uint16(0)
			if h.IPVersion != 0 {
				id = 0x1234
			}
			require.Empty(t, cmp.Diff(Frame{Len: uint32(whole), IPLen: tt.ip, UDPLen: tt.udp, IPID: id}, f))
		})
	}
}

// A datagram that sums to 0xffff is sent with 0xffff, because 0 says "none" (RFC 768).
func TestParseChecksumAllOnes(t *testing.T) {
	data := frame(t, datagram)
	udp := data[EthHeader+IPHeader:]
	// The last full word of the payload takes up what is missing to 0xffff.
	binary.BigEndian.PutUint16(udp[6:], 0xffff)
	word := udp[10:12]
	clear(word)
	s := fold(sum(udp, sum(data[26:34], ProtoUDP+13)))
	binary.BigEndian.PutUint16(word, 0xffff-s)
	h, _ := Parse(data, len(data))
	require.Equal(t, ChecksumGood, h.UDPChecksum)
}

func TestParseWireLengthIsTheCallers(t *testing.T) {
	_, f := Parse(frame(t, datagram), 1400)
	require.EqualValues(t, 1400, f.Len)
	require.EqualValues(t, 1404, f.WireLen())
}

// The sum of RFC 1071, word by word.
func slowSum(b []byte) uint16 {
	var s uint32
	for i, x := range b {
		s += uint32(x) << (8 * (1 - i%2))
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func TestSumIsTheSlowSum(t *testing.T) {
	var b []byte
	for i := range 300 {
		b = append(b, byte(i*i*7+i))
		require.Equal(t, slowSum(b), fold(sum(b, 0)), "%d bytes", len(b))
	}
	for i := range b {
		b[i] = 0xff
		require.Equal(t, slowSum(b[:i+1]), fold(sum(b[:i+1], 0)), "%d bytes of ff", i+1)
	}
}

func TestInternGivesEqualHeadersOnePointer(t *testing.T) {
	var in Interner
	a := in.Intern(plain())
	other := in.Intern(with(func(h *Header) { h.SrcPort++ }))
	require.NotSame(t, a, other)
	require.Same(t, a, in.Intern(plain()))
	require.Same(t, other, in.Intern(with(func(h *Header) { h.SrcPort++ })))
	require.Equal(t, plain(), *a)
}

func TestInternForgetsInsteadOfGrowing(t *testing.T) {
	var in Interner
	h := plain()
	first := in.Intern(h)
	for i := range maxInterned + 10 {
		h.Src = Addr(i)
		in.Intern(h)
	}
	require.LessOrEqual(t, len(in.seen), maxInterned)
	again := in.Intern(plain())
	require.NotSame(t, first, again)
	require.Equal(t, *first, *again)
}

func TestParseAndInternAllocateNothing(t *testing.T) {
	data := [][]byte{frame(t, datagram), frame(t, strings.Replace(datagram, "1388", "1389", 1))}
	var in Interner
	n := 0
	require.Zero(t, testing.AllocsPerRun(100, func() {
		h, _ := Parse(data[n%2], 60)
		in.Intern(h)
		n++
	}))
}

// FuzzParse: whatever the bytes, Parse returns, reads nothing behind them, and finds the more the more was captured.
func FuzzParse(f *testing.F) {
	f.Add(frame(f, datagram), uint16(60))
	f.Add(frame(f, strings.Replace(datagram, "0800", "8100 a064 0800", 1)), uint16(17))
	f.Add(frame(f, strings.Replace(datagram, "4500", "4f00", 1)), uint16(50))
	f.Add([]byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		h, fr := Parse(data, len(data))
		require.EqualValues(t, len(data), fr.Len)
		require.Zero(t, h.Fault)
		require.LessOrEqual(t, h.IHL, uint8(15))
		require.Zero(t, h.FragOffset%8)
		if h.EtherType != EtherTypeIPv4 {
			require.Zero(t, h.Src|h.Dst)
		}
		if h.DstPort != 0 || fr.UDPLen != 0 {
			require.EqualValues(t, ProtoUDP, h.Proto)
			require.Zero(t, h.FragOffset)
		}
		ch, cf := Parse(data[:min(len(data), int(cut))], len(data))
		require.Equal(t, fr.Len, cf.Len)
		for _, p := range [][2]uint64{
			{uint64(ch.EtherType), uint64(h.EtherType)}, {uint64(ch.Src), uint64(h.Src)}, {uint64(ch.Dst), uint64(h.Dst)},
			{uint64(ch.DstPort), uint64(h.DstPort)}, {uint64(cf.IPLen), uint64(fr.IPLen)}, {uint64(cf.UDPLen), uint64(fr.UDPLen)},
		} {
			if p[0] != p[1] && !((ch.EtherType == EtherTypeVLAN || ch.EtherType == EtherTypeQinQ) && h.Tagged) {
				require.Zero(t, p[0], "a cut frame shows what the whole one does, or nothing")
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for name, payload := range map[string]int{"64": 18, "1400": 1400} {
		b.Run(name, func(b *testing.B) {
			data := make([]byte, EthHeader+IPHeader+UDPHeader+payload)
			copy(data, frame(b, datagram))
			ip := data[EthHeader:]
			binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
			binary.BigEndian.PutUint16(ip[IPHeader+4:], uint16(UDPHeader+payload))
			b.ReportAllocs()
			var in Interner
			for b.Loop() {
				h, _ := Parse(data, len(data))
				in.Intern(h)
			}
		})
	}
}
