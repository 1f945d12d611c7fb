package filter

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// program makes a program of instructions in the form of Parse.
func program(t *testing.T, ins ...bpf.Instruction) *Program {
	t.Helper()
	raw, err := bpf.Assemble(ins)
	require.NoError(t, err)
	var lines []string
	for _, r := range raw {
		lines = append(lines, fmt.Sprint(r.Op, r.Jt, r.Jf, r.K))
	}
	p, err := Parse(lines)
	require.NoError(t, err)
	return p
}

// load returns a program that says whether a load gives a value.
func load(t *testing.T, ins bpf.Instruction, want uint32) *Program {
	return program(t, ins, bpf.JumpIf{Cond: bpf.JumpEqual, Val: want, SkipFalse: 1}, bpf.RetConstant{Val: 1}, bpf.RetConstant{Val: 0})
}

func abs(off uint32, size int) bpf.Instruction { return bpf.LoadAbsolute{Off: off, Size: size} }

func ext(n bpf.Extension) bpf.Instruction { return bpf.LoadExtension{Num: n} }

func buff(change ...func(*skb.Header, *skb.Buff)) *skb.Buff {
	f := skb.NewUDP(skb.MAC{2, 0, 0, 0, 0, 0x10}, netip.MustParseAddrPort("10.0.0.1:5000"), netip.MustParseAddrPort("239.1.2.3:14506"), 100)
	h := *f.Head
	f.Head = &h
	b := &skb.Buff{Frame: f, Len: f.Len - skb.EthHeader, IfIndex: 2}
	for _, c := range change {
		c(&h, b)
	}
	return b
}

// What `tcpdump -ddd 'udp port 14506'` prints, IPv6 left out.
const udpPort = `40 0 0 12
21 0 10 2048
48 0 0 23
21 0 8 17
40 0 0 20
69 6 0 8191
177 0 0 14
72 0 0 14
21 2 0 14506
72 0 0 16
21 0 1 14506
6 0 0 262144
6 0 0 0`

func TestUDPPort(t *testing.T) {
	p, err := Parse(strings.Split(udpPort, "\n"))
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		change func(*skb.Header, *skb.Buff)
		want   int
	}{
		"to the port":      {func(*skb.Header, *skb.Buff) {}, 262144},
		"from the port":    {func(h *skb.Header, _ *skb.Buff) { h.SrcPort, h.DstPort = 14506, 1 }, 262144},
		"another port":     {func(h *skb.Header, _ *skb.Buff) { h.DstPort = 1 }, 0},
		"behind options":   {func(h *skb.Header, b *skb.Buff) { h.IHL = 8; b.Len += 12 }, 262144},
		"first fragment":   {func(h *skb.Header, _ *skb.Buff) { h.MoreFrags = true }, 262144},
		"later fragment":   {func(h *skb.Header, _ *skb.Buff) { h.FragOffset = 1480 }, 0},
		"TCP":              {func(h *skb.Header, _ *skb.Buff) { h.Proto = 6 }, 0},
		"ARP":              {func(h *skb.Header, _ *skb.Buff) { h.EtherType = skb.EtherTypeARP }, 0},
		"tag out of band":  {func(h *skb.Header, b *skb.Buff) { h.Tagged, b.Tagged = true, true }, 262144},
		"tag in the data":  {func(h *skb.Header, b *skb.Buff) { h.Tagged = true; b.InBand = 1 }, 0},
		"cut in the ports": {func(_ *skb.Header, b *skb.Buff) { b.Len = 21 }, 0},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, p.Packet(buff(tc.change), 0, 2)) })
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { p.Packet(buff0, 0, 2) }))
}

var buff0 = buff()

// Every byte of the headers and every word that can be asked for.
func TestLoads(t *testing.T) {
	tagged := func(h *skb.Header, b *skb.Buff) { h.Tagged, h.VLAN, b.Tagged = true, 0xa007, true }
	two := func(h *skb.Header, b *skb.Buff) {
		h.Tagged, h.ServiceTag, h.VLAN, h.DoubleTagged, h.InnerVLAN = true, true, 100, true, 101
		b.InBand = 2
		b.Len += 8
	}
	for name, tc := range map[string]struct {
		change func(*skb.Header, *skb.Buff)
		ins    bpf.Instruction
		want   uint32
	}{
		"destination MAC":        {ins: abs(0, 4), want: 0x01005e01},
		"source MAC":             {ins: abs(6, 4), want: 0x02000000},
		"EtherType":              {ins: abs(12, 2), want: 0x0800},
		"version and length":     {ins: abs(14, 1), want: 0x45},
		"TOS":                    {change: func(h *skb.Header, _ *skb.Buff) { h.TOS = 0xb8 }, ins: abs(15, 1), want: 0xb8},
		"total length":           {ins: abs(16, 2), want: 128},
		"fragment":               {change: func(h *skb.Header, _ *skb.Buff) { h.MoreFrags, h.FragOffset = true, 1480 }, ins: abs(20, 2), want: 0x2000 | 185},
		"protocol":               {ins: abs(23, 1), want: 17},
		"source":                 {ins: abs(26, 4), want: 0x0a000001},
		"destination":            {ins: abs(30, 4), want: 0xef010203},
		"source port":            {ins: abs(34, 2), want: 5000},
		"UDP length":             {ins: abs(38, 2), want: 108},
		"payload is zero":        {ins: abs(42, 4), want: 0},
		"length":                 {ins: ext(bpf.ExtLen), want: 142},
		"protocol of the packet": {ins: ext(bpf.ExtProto), want: 0x0800},
		"packet type":            {change: func(_ *skb.Header, b *skb.Buff) { b.PktType = skb.PacketMulticast }, ins: ext(bpf.ExtType), want: 2},
		"interface":              {ins: ext(bpf.ExtInterfaceIndex), want: 7},
		"queue, and one":         {change: func(_ *skb.Header, b *skb.Buff) { b.Queue = 3 }, ins: ext(bpf.ExtQueue), want: 4},
		"Ethernet":               {ins: ext(bpf.ExtLinkLayerType), want: 1},
		"hash":                   {change: func(_ *skb.Header, b *skb.Buff) { b.Hash = 99 }, ins: ext(bpf.ExtRXHash), want: 99},
		"CPU":                    {ins: ext(bpf.ExtCPUID), want: 5},
		"no tag":                 {ins: ext(bpf.ExtVLANTagPresent), want: 0},
		"a tag":                  {change: tagged, ins: ext(bpf.ExtVLANTagPresent), want: 1},
		"the tag":                {change: tagged, ins: ext(bpf.ExtVLANTag), want: 0xa007},
		"outer tag in the data":  {change: two, ins: abs(12, 4), want: 0x88a80064},
		"inner tag in the data":  {change: two, ins: abs(16, 4), want: 0x81000065},
		"IP behind two tags":     {change: two, ins: abs(20, 4), want: 0x08004500},
		"SKF_NET_OFF":            {ins: abs(netOffset+9, 1), want: 17},
		"SKF_LL_OFF":             {ins: abs(linkOffset+12, 2), want: 0x0800},
	} {
		t.Run(name, func(t *testing.T) {
			b := buff()
			if tc.change != nil {
				b = buff(tc.change)
			}
			require.Equal(t, 1, load(t, tc.ins, tc.want).Packet(b, 5, 7))
		})
	}
	require.Equal(t, 0, load(t, abs(142, 1), 0).Packet(buff(), 0, 0), "behind the end of the packet")
}

// A program that has seen a packet sees nothing of it in the next one.
func TestForgets(t *testing.T) {
	p := load(t, abs(30, 4), 0)
	require.Equal(t, 0, p.Packet(buff(), 0, 0))
	require.Equal(t, 1, p.Packet(buff(func(h *skb.Header, _ *skb.Buff) { h.EtherType = skb.EtherTypeARP }), 0, 0))
}

// A UDP socket's program begins at the UDP header.
func TestDatagram(t *testing.T) {
	h := buff().Head
	require.EqualValues(t, 1, load(t, abs(2, 2), 14506).Datagram(h, 108))
	require.EqualValues(t, 1, load(t, abs(4, 2), 108).Datagram(h, 108))
	require.EqualValues(t, 1, load(t, ext(bpf.ExtLen), 108).Datagram(h, 108))
	require.EqualValues(t, 0, load(t, abs(108, 1), 0).Datagram(h, 108))
	require.EqualValues(t, 60, program(t, bpf.RetConstant{Val: 60}).Datagram(h, 108))
}

func TestParseErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		lines []string
		want  string
	}{
		"nothing":             {nil, "0 instructions: want 1 to 4096"},
		"too many":            {make([]string, 4097), "4097 instructions: want 1 to 4096"},
		"three numbers":       {[]string{"6 0 0"}, `instruction 0: "6 0 0": want four numbers: code jt jf k`},
		"a jump too far":      {[]string{"6 0 0 1", "6 256 0 0"}, `instruction 1: "6 256 0 0": want four numbers: code jt jf k: "256" is none of 8 bits`},
		"a word":              {[]string{"ret 0 0 0"}, `"ret" is none of 16 bits`},
		"unknown instruction": {[]string{"65535 0 0 0"}, `instruction 0, "65535 0 0 0": no instruction that is supported`},
		"unknown extension":   {[]string{"32 0 0 4294963256", "6 0 0 0"}, `no instruction that is supported`},
		"no return":           {[]string{"40 0 0 12"}, "must end with"},
		"out of the program":  {[]string{"21 5 0 1", "6 0 0 0"}, "cannot jump 5 instructions"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(tc.lines)
			require.ErrorContains(t, err, tc.want)
		})
	}
}
