package traffic_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

// everyFault switches every fault on, each with that share.
func everyFault(ppm uint32) traffic.Faults {
	return traffic.Faults{
		CRC: ppm, WrongMAC: ppm, UnknownEtherType: ppm, BadVersion: ppm, BadIPChecksum: ppm,
		Truncated: ppm, BadUDPChecksum: ppm, BadUDPLength: ppm, UnknownPort: ppm, Fragment: ppm,
	}
}

// faults holds a configuration with one kind of fault in every frame, and what
// the fault does to the bytes of a frame whose IP header begins at ip.
var faults = map[string]struct {
	faults traffic.Faults
	damage func(frame []byte, ip int)
}{
	"crc":       {traffic.Faults{CRC: 1e6}, func([]byte, int) {}},
	"wrong mac": {traffic.Faults{WrongMAC: 1e6}, func(b []byte, _ int) { copy(b, otherMAC[:]) }},
	"unknown ethertype": {traffic.Faults{UnknownEtherType: 1e6}, func(b []byte, ip int) {
		binary.BigEndian.PutUint16(b[ip-2:], 0x88b5)
	}},
	"bad version": {traffic.Faults{BadVersion: 1e6}, func(b []byte, ip int) {
		b[ip] = 0x55
		sumIP(b[ip:])
	}},
	"bad ip checksum": {traffic.Faults{BadIPChecksum: 1e6}, func(b []byte, ip int) { b[ip+10] ^= 0xff }},
	"truncated": {traffic.Faults{Truncated: 1e6}, func(b []byte, ip int) {
		binary.BigEndian.PutUint16(b[ip+2:], uint16(len(b)-ip+1))
		sumIP(b[ip:])
	}},
	"bad udp checksum": {traffic.Faults{BadUDPChecksum: 1e6}, func(b []byte, ip int) { b[ip+26] ^= 0xff }},
	"bad udp length": {traffic.Faults{BadUDPLength: 1e6}, func(b []byte, ip int) {
		n := binary.BigEndian.Uint16(b[ip+24:]) + 1
		binary.BigEndian.PutUint16(b[ip+24:], n)
		if ip+20+int(n) <= len(b) { // a parser may take padding for payload: then the sum is still good
			sumUDP(b[ip:])
		}
	}},
	"unknown port": {traffic.Faults{UnknownPort: 1e6}, func(b []byte, ip int) {
		binary.BigEndian.PutUint16(b[ip+22:], 9)
		sumUDP(b[ip:])
	}},
	"fragment": {traffic.Faults{Fragment: 1e6}, func(b []byte, ip int) {
		b[ip+6] = 0x20
		sumIP(b[ip:])
	}},
}

var (
	ourMAC   = skb.MAC{0x02, 0, 0, 0, 0, 0x10}
	otherMAC = skb.MAC{0x02, 0, 0, 0, 0, 0xef}
)

// What this package says of a damaged frame is what skb.Parse reads in the
// bytes of one: untagged and tagged, unicast and multicast, padded and not.
func TestFaultyFramesParseAsWhatTheyAre(t *testing.T) {
	for name, f := range faults {
		for _, vlan := range []int{0, 7} {
			for _, dst := range []string{"10.0.0.2:7000", "239.1.2.3:7000"} {
				for _, payload := range []int64{0, 1, 17, 18, 19, 1000} {
					t.Run(fmt.Sprintf("%s/vlan %d/%s/%d", name, vlan, dst, payload), func(t *testing.T) {
						c := config(1_000_000_000, traffic.Constant)
						c.VLAN, c.Dst, c.Size, c.SizeIsPayload = vlan, netip.MustParseAddrPort(dst), law.Constant(payload), true
						c.DstMAC, c.TOS, c.Faults = ourMAC, 0x2e, f.faults
						got := all(t, c, 1)[0]

						raw, ip := wire(&c, int(payload))
						f.damage(raw, ip)
						head, want := skb.Parse(raw, len(raw))
						if name == "crc" {
							head.Fault = skb.FaultCRC // is not in the bytes
						}
						require.Empty(t, cmp.Diff(head, *got.Head))
						got.Head, got.At, got.IPID = nil, 0, 0 // the bytes have no identification
						require.Empty(t, cmp.Diff(want, got))
					})
				}
			}
		}
	}
}

// wire returns the bytes of a well-formed frame of c's first flow, and where
// its IP header begins.
func wire(c *traffic.Config, payload int) (frame []byte, ip int) {
	b := make([]byte, 0, 64+payload)
	dst := skb.AddrFrom(c.Dst.Addr())
	mac := c.DstMAC
	if dst.Multicast() {
		mac = skb.MAC{0x01, 0x00, 0x5e, byte(dst>>16) & 0x7f, byte(dst >> 8), byte(dst)}
	}
	b = append(b, mac[:]...)
	b = append(b, 2, 0, 0, 0, 0, 1)
	if c.VLAN != 0 {
		b = append(b, 0x81, 0x00, byte(c.VLAN>>8), byte(c.VLAN))
	}
	b = append(b, 0x08, 0x00)
	ip = len(b)
	src4, dst4 := c.Src.Addr().As4(), c.Dst.Addr().As4()
	b = append(b, 0x45, c.TOS, byte((28+payload)>>8), byte(28+payload), 0, 0, 0x40, 0, 64, 17, 0, 0)
	b = append(b, src4[:]...)
	b = append(b, dst4[:]...)
	b = binary.BigEndian.AppendUint16(b, c.Src.Port())
	b = binary.BigEndian.AppendUint16(b, c.Dst.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(8+payload))
	b = append(b, 0, 0)
	for i := range payload {
		b = append(b, byte(i))
	}
	sumIP(b[ip:])
	if !c.NoChecksum {
		sumUDP(b[ip:])
	}
	for len(b) < 60 {
		b = append(b, 0)
	}
	return b, ip
}

func ones(sum uint32, b []byte) uint32 {
	for i, x := range b {
		sum += uint32(x) << (8 * (1 - i%2))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return sum
}

// sumIP and sumUDP put the right checksum into a packet.
func sumIP(ip []byte) {
	binary.BigEndian.PutUint16(ip[10:], 0)
	binary.BigEndian.PutUint16(ip[10:], ^uint16(ones(0, ip[:20])))
}

func sumUDP(ip []byte) {
	udp := ip[20 : 20+int(binary.BigEndian.Uint16(ip[24:]))]
	binary.BigEndian.PutUint16(udp[6:], 0)
	sum := ^uint16(ones(ones(17+uint32(len(udp)), ip[12:20]), udp))
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
}

func TestWellFormedFrames(t *testing.T) {
	for name, c := range map[string]struct {
		set      func(*traffic.Config)
		len      uint32
		ip, udp  uint16
		wireSize uint32
	}{
		"64 bytes are 18 of payload":      {func(c *traffic.Config) { c.Size = law.Constant(64) }, 60, 46, 26, 64},
		"64 bytes with a tag are 14":      {func(c *traffic.Config) { c.Size, c.VLAN = law.Constant(64), 5 }, 60, 42, 22, 64},
		"128 bytes":                       {func(*traffic.Config) {}, 124, 110, 90, 128},
		"9732 bytes":                      {func(c *traffic.Config) { c.Size, c.VLAN = law.Constant(9732), 5 }, 9728, 9710, 9690, 9732},
		"no payload is padded":            {func(c *traffic.Config) { c.Size, c.SizeIsPayload = law.Constant(0), true }, 60, 28, 8, 64},
		"no payload with a tag is padded": {func(c *traffic.Config) { c.Size, c.SizeIsPayload, c.VLAN = law.Constant(0), true, 5 }, 60, 28, 8, 64},
		"100 bytes of payload":            {func(c *traffic.Config) { c.Size, c.SizeIsPayload = law.Constant(100), true }, 142, 128, 108, 146},
		"without a checksum":              {func(c *traffic.Config) { c.NoChecksum = true }, 124, 110, 90, 128},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(1_000_000_000, traffic.Constant)
			c.set(&cfg)
			f := all(t, cfg, 1)[0]
			require.Equal(t, []uint32{c.len, c.wireSize}, []uint32{f.Len, f.WireLen()})
			require.Equal(t, []uint16{c.ip, c.udp}, []uint16{f.IPLen, f.UDPLen})

			raw, _ := wire(&cfg, int(c.udp)-8)
			head, want := skb.Parse(raw, len(raw))
			require.Empty(t, cmp.Diff(head, *f.Head))
			require.Equal(t, want.Len, f.Len)
			require.Equal(t, source(t, cfg).(skb.RegularSource).Frame().Len, f.Len)
		})
	}
}

// The shares of faults, flows, groups and sizes are those asked for, and no
// fault prefers a flow.
func TestShares(t *testing.T) {
	c := mixture()
	const n = 400_000
	count := map[string]float64{}
	for _, f := range all(t, c, n) {
		h := f.Head
		plain := false
		switch {
		case h.Fault == skb.FaultCRC:
			count["crc"]++
		case h.EtherType != skb.EtherTypeIPv4:
			count["unknown ethertype"]++
			continue // has no addresses
		case !h.DstMAC.Multicast():
			count["wrong mac"]++
		case h.IPVersion != 4:
			count["bad version"]++
		case h.IPChecksum == skb.ChecksumBad:
			count["bad ip checksum"]++
		case uint32(f.IPLen) > f.Len-skb.EthHeader:
			count["truncated"]++
		case h.UDPChecksum == skb.ChecksumBad:
			count["bad udp checksum"]++
		case f.UDPLen > f.IPLen-skb.IPHeader:
			count["bad udp length"]++
		case h.DstPort == 9:
			count["unknown port"]++
		case h.MoreFrags:
			count["fragment"]++
		default:
			plain = true
			count["plain"]++
		}
		flow := int(h.SrcPort) - 5000
		require.Equal(t, skb.AddrFrom(c.Dst.Addr())+skb.Addr(flow%4), h.Dst)
		count[fmt.Sprint("flow ", flow, " plain ", plain)]++
		count[fmt.Sprint("size ", f.WireLen())]++
	}
	near := func(name string, p float64) {
		t.Helper()
		require.InDelta(t, p*n, count[name], 4*math.Sqrt(n*p*(1-p)), name)
	}
	for name := range faults {
		near(name, 0.01)
	}
	near("plain", 0.9)
	for flow := range 40 {
		near(fmt.Sprint("flow ", flow, " plain true"), 0.9/40)
		near(fmt.Sprint("flow ", flow, " plain false"), 0.09/40)
	}
	near("size 64", 0.99*7/12)
	near("size 594", 0.99*4/12)
	near("size 1518", 0.99*1/12)
}

// Each part draws from a stream of its own.
func TestSwitchingFaultsOnMovesNothing(t *testing.T) {
	c := mixture()
	c.Faults = traffic.Faults{}
	plain := all(t, c, 1000)
	c.Faults = everyFault(100_000)
	for i, f := range all(t, c, 1000) {
		require.Equal(t, plain[i].At, f.At)
		require.Equal(t, plain[i].Len, f.Len)
		if f.Head.EtherType == skb.EtherTypeIPv4 {
			require.Equal(t, plain[i].Head.SrcPort, f.Head.SrcPort)
		}
	}
	c.Flows, c.Groups, c.Size = 1, 1, law.Constant(64)
	for i, f := range all(t, c, 1000) {
		require.Equal(t, plain[i].At, f.At)
	}
}

func TestHeadersAreShared(t *testing.T) {
	c := mixture()
	seen := map[*skb.Header]skb.Header{}
	facts := map[skb.Header]*skb.Header{}
	for _, f := range all(t, c, 100_000) {
		seen[f.Head] = *f.Head
		facts[*f.Head] = f.Head
	}
	// Truncated and BadUDPLength differ in their lengths only, and the header of
	// an unknown EtherType has no addresses below the group's MAC.
	require.Len(t, seen, 40*11)
	require.Len(t, facts, 40*8+4)
	for p, h := range seen {
		require.Equal(t, h, *p, "never written to")
	}
}

func TestOnlyEqualFramesAreRegular(t *testing.T) {
	for name, set := range map[string]func(*traffic.Config){
		"flows":  func(c *traffic.Config) { c.Flows = 2 },
		"sizes":  func(c *traffic.Config) { c.Size = law.IMIX() },
		"faults": func(c *traffic.Config) { c.Faults.CRC = 1 },
	} {
		c := traffic.DefaultConfig()
		_, ok := source(t, c).(skb.RegularSource)
		require.True(t, ok)
		set(&c)
		_, ok = source(t, c).(skb.RegularSource)
		require.False(t, ok, name)
	}
	c := traffic.DefaultConfig()
	c.Size = law.Must(law.Uniform(64, 64))
	_, ok := source(t, c).(skb.RegularSource)
	require.True(t, ok, "a law with one value is a fixed size")
}

func TestFillLeavesTheIDAlone(t *testing.T) {
	for _, c := range []traffic.Config{config(1_000_000_000, traffic.Constant), mixture()} {
		frames := []skb.Frame{{ID: 17}}
		source(t, c).Fill(frames)
		require.Equal(t, uint64(17), frames[0].ID)
		require.Positive(t, frames[0].At)
	}
}

var _ = engine.Second
