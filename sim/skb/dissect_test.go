package skb

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// RPS-5: what the flow hash is made of.
func TestRPS5Dissect(t *testing.T) {
	const (
		v4    = "4500 0000 0000 0000 40" // then protocol, checksum, addresses
		addrs = "0000 0a000001 0a000002"
		udp   = "1388 1389 0000 0000"
		six   = "20010db8 00000000 00000000 00000001 20010db8 00000000 00000000 00000002"
	)
	found := FlowKeys{0x0a000001, 0x0a000002, 0x13881389, true}
	noPorts := FlowKeys{0x0a000001, 0x0a000002, 0, true}
	sixKeys := FlowKeys{0x20010db9, 0x20010dba, 0x13881389, true}
	labelled := FlowKeys{0x20010db9, 0x20010dba, 0x12345, true}
	for _, tc := range []struct {
		name  string
		ether uint16
		data  string
		want  FlowKeys
	}{
		{"RPS-5 UDP", EtherTypeIPv4, v4 + "11" + addrs + udp, found},
		{"RPS-5 TCP", EtherTypeIPv4, v4 + "06" + addrs + udp, found},
		{"RPS-5 AH: behind its first word", EtherTypeIPv4, v4 + "33" + addrs + "0000 0000" + udp, found},
		{"RPS-5 ICMP has no ports", EtherTypeIPv4, v4 + "01" + addrs + udp, noPorts},
		{"RPS-5 options before the ports", EtherTypeIPv4, "4600 0000 0000 0000 4011" + addrs + "01010101" + udp, found},
		{"RPS-5 first fragment", EtherTypeIPv4, "4500 0000 0000 2000 4011" + addrs + udp, noPorts},
		{"RPS-5 later fragment", EtherTypeIPv4, "4500 0000 0000 0001 4011" + addrs + udp, noPorts},
		{"RPS-5 do not fragment", EtherTypeIPv4, "4500 0000 0000 4000 4011" + addrs + udp, found},
		{"RPS-5 ports cut off", EtherTypeIPv4, v4 + "11" + addrs + "1388", noPorts},
		{"RPS-5 header too short", EtherTypeIPv4, "4400" + strings.Repeat("00", 30), FlowKeys{}},
		{"RPS-5 cut off", EtherTypeIPv4, "4500", FlowKeys{}},
		{"RPS-5 ARP", EtherTypeARP, strings.Repeat("00", 46), FlowKeys{}},
		{"RPS-5 IPv6", EtherTypeIPv6, "60000000 0008 1140" + six + udp, sixKeys},
		{"RPS-5 IPv6 with a flow label", EtherTypeIPv6, "60012345 0008 1140" + six + udp, labelled},
		{"RPS-5 IPv6 with a class only", EtherTypeIPv6, "6ff00000 0008 1140" + six + udp, sixKeys},
		{"RPS-5 VLAN", EtherTypeVLAN, "0007 0800" + v4 + "11" + addrs + udp, found},
		{"RPS-5 two tags", EtherTypeQinQ, "0007 8100 0008 86dd" + "60000000 0008 1140" + six + udp, sixKeys},
		{"RPS-5 PPPoE", 0x8864, "1100 0001 0000 0021" + v4 + "11" + addrs + udp, found},
		{"RPS-5 PPPoE of IPv6", 0x8864, "1100 0001 0000 0057" + "60000000 0008 1140" + six + udp, sixKeys},
		{"RPS-5 PPPoE control", 0x8864, "1100 0001 0000 c021" + v4 + "11" + addrs + udp, FlowKeys{}},
		{"RPS-5 IPIP", EtherTypeIPv4, v4 + "04" + "0000 01010101 02020202" + v4 + "11" + addrs + udp, found},
		{"RPS-5 IPv6 in IPv4", EtherTypeIPv4, v4 + "29" + addrs + "60000000 0008 1140" + six + udp, sixKeys},
		{"RPS-5 GRE", EtherTypeIPv4, v4 + "2f" + "0000 01010101 02020202" + "0000 0800" + v4 + "11" + addrs + udp, found},
		{"RPS-5 GRE with checksum, key and sequence", EtherTypeIPv4,
			v4 + "2f" + "0000 01010101 02020202" + "b000 0800" + strings.Repeat("ff", 12) + v4 + "11" + addrs + udp, found},
		{"RPS-5 GRE with a frame", EtherTypeIPv4,
			v4 + "2f" + "0000 01010101 02020202" + "0000 6558" + strings.Repeat("ff", 12) + "0800" + v4 + "11" + addrs + udp, found},
		{"RPS-5 GRE of version 1", EtherTypeIPv4, v4 + "2f" + addrs + "0001 0800" + v4 + "11" + "0000 01010101 02020202" + udp, noPorts},
		{"RPS-5 GRE with a route", EtherTypeIPv4, v4 + "2f" + addrs + "4000 0800" + v4 + "11" + "0000 01010101 02020202" + udp, noPorts},
		{"RPS-5 GRE cut off", EtherTypeIPv4, v4 + "2f" + addrs + "00", noPorts},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data, err := hex.DecodeString(strings.ReplaceAll(tc.data, " ", ""))
			require.NoError(t, err)
			got := Dissect(tc.ether, data)
			if !tc.want.Found {
				require.False(t, got.Found)
				return
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// Whatever the bytes, dissection ends.
func FuzzDissect(f *testing.F) {
	f.Add(uint16(EtherTypeIPv4), []byte{0x45})
	f.Add(uint16(EtherTypeQinQ), []byte("\x00\x07\x08\x00E\x00\x00\x00\x00\x00\x00\x00@\x04\x00\x00aaaabbbbE"))
	f.Fuzz(func(t *testing.T, etherType uint16, data []byte) {
		Dissect(etherType, data)
	})
}

// A parsed frame has keys of its own unless it is UDP over IPv4, whose addresses
// and ports the header has.
func TestParseKeys(t *testing.T) {
	frame := func(etherType, rest string) Header {
		data, err := hex.DecodeString(strings.Repeat("02", 12) + etherType + strings.ReplaceAll(rest, " ", ""))
		require.NoError(t, err)
		h, _ := Parse(data, len(data))
		return h
	}
	require.Zero(t, frame("0800", "4500 0024 0000 0000 4011 0000 0a000001 0a000002 1388 1389 0008 0000").Keys)
	require.Equal(t, FlowKeys{0x0a000001, 0x0a000002, 0x13881389, true}, frame("0800", "4500 0024 0000 0000 4006 0000 0a000001 0a000002 1388 1389 0008 0000").Keys)
	require.True(t, frame("86dd", "60000000 0008 1140"+strings.Repeat("00", 32)).Keys.Found)
	require.Zero(t, frame("0806", strings.Repeat("00", 46)).Keys)
}
