package sim

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// A frame as bytes, with what a test writes into it. Offsets are those of an
// untagged frame with a 20-byte IPv4 header.
type bytes []byte

const (
	atEtherType = 12
	atVersion   = 14
	atTOS       = 15
	atIPLen     = 16
	atFrag      = 20
	atProto     = 23
	atIPSum     = 24
	atSrc       = 26
	atDst       = 30
	atUDP       = 34
	atUDPPort   = 36
	atUDPLen    = 38
	atUDPSum    = 40
)

// datagram returns a well-formed frame from the sender, with both checksums.
func datagram(dst netip.AddrPort, payload int) bytes {
	b := make(bytes, 42+payload)
	mac := DefaultNIC("eth0").MAC
	copy(b, mac[:])
	if dst.Addr().IsMulticast() {
		g := dst.Addr().As4()
		copy(b, []byte{0x01, 0x00, 0x5e, g[1] & 0x7f, g[2], g[3]})
	} else if dst.Addr() == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		copy(b, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	}
	copy(b[6:], []byte{2, 0, 0, 0, 0, 1})
	b.put16(atEtherType, 0x0800)
	b[atVersion], b[22], b[atProto] = 0x45, 64, 17
	b.put16(atIPLen, 28+payload)
	src, to := sender.Addr().As4(), dst.Addr().As4()
	copy(b[atSrc:], src[:])
	copy(b[atDst:], to[:])
	b.put16(atUDP, int(sender.Port()))
	b.put16(atUDPPort, int(dst.Port()))
	b.put16(atUDPLen, 8+payload)
	for i := range payload {
		b[42+i] = byte(i)
	}
	b.sumUDP()
	b.sumIP()
	return b
}

func (b bytes) put16(at, v int) { binary.BigEndian.PutUint16(b[at:], uint16(v)) }

// sumIP and sumUDP write the checksum that the bytes ought to have.
func (b bytes) sumIP() {
	b.put16(atIPSum, 0)
	hl := max(int(b[atVersion]&15)*4, 20)
	b.put16(atIPSum, int(^internet(b[atVersion:min(atVersion+hl, len(b))], 0)))
}

func (b bytes) sumUDP() {
	b.put16(atUDPSum, 0)
	n := int(binary.BigEndian.Uint16(b[atUDPLen:]))
	if n < 8 || atUDP+n > len(b) {
		return
	}
	s := ^internet(b[atUDP:atUDP+n], uint32(17+n)+uint32(internet(b[atSrc:atUDP], 0)))
	if s == 0 {
		s = 0xffff
	}
	b.put16(atUDPSum, int(s))
}

// internet is the checksum of RFC 1071 before it is complemented.
func internet(b []byte, s uint32) uint16 {
	for i, v := range b {
		if i%2 == 0 {
			s += uint32(v) << 8
		} else {
			s += uint32(v)
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// frame returns the frame, padded to the minimum.
func (b bytes) frame() skb.Frame {
	for len(b) < 60 {
		b = append(b, 0)
	}
	return skb.FrameOf(b)
}

// A row is a frame with one change and every counter that moves for it: those of
// the namespace, the socket's drops, and what the interface shows.
type row struct {
	host   func(*Config)
	bound  []socket.Config
	before func(*testing.T, *Host, []*Socket)
	dst    netip.AddrPort // default: the local address
	change func(bytes) bytes
	fault  skb.Fault

	want      mib.Net
	reason    skb.DropReason // NotDropped: queued
	drops     uint64         // sk_drops of the first socket
	rxDropped uint64         // of eth0
	filtered  bool           // by the MAC: no rx_packets
}

// received is what every packet moves that gets as far as the ECN counter.
func received(octets uint64, more ...func(*mib.Net)) mib.Net {
	n := mib.Net{IP: mib.IP{InReceives: 1}, IPExt: mib.IPExt{InOctets: octets, InNoECTPkts: 1}}
	for _, f := range more {
		f(&n)
	}
	return n
}

func delivered(n *mib.Net)   { n.IP.InDelivers++ }
func inErrors(n *mib.Net)    { n.UDP.InErrors++ }
func csumErrors(n *mib.Net)  { n.UDP.InErrors++; n.UDP.InCsumErrors++ }
func rcvbufErr(n *mib.Net)   { n.UDP.InErrors++; n.UDP.RcvbufErrors++ }
func hdrErrors(n *mib.Net)   { n.IP.InHdrErrors++ }
func noECNCount(n *mib.Net)  { n.IPExt.InNoECTPkts = 0 }
func softwareSums(c *Config) { c.NICs[0].RXChecksum, c.NICs[0].GRO = false, false }

func mcast(octets uint64) func(*mib.Net) {
	return func(n *mib.Net) { n.IPExt.InMcastPkts++; n.IPExt.InMcastOctets += octets }
}

func badUDP(b bytes) bytes { b[len(b)-1] ^= 0xff; return b }

func put(at int, v byte) func(bytes) bytes {
	return func(b bytes) bytes { b[at] = v; b.sumIP(); return b }
}

func put16(at, v int) func(bytes) bytes {
	return func(b bytes) bytes { b.put16(at, v); b.sumIP(); return b }
}

func tagged(vid int, more ...func(bytes) bytes) func(bytes) bytes {
	return func(b bytes) bytes {
		for _, f := range more {
			b = f(b)
		}
		return append(append(append(bytes{}, b[:12]...), 0x81, 0, byte(vid>>8), byte(vid)), b[12:]...)
	}
}

var rows = map[string]row{
	"queued": {want: received(128, delivered)},

	// Section 1.1, from the bytes of the frame on. IP-4 cannot happen on a wire: 60 bytes hold an IPv4 header.
	"IP-1 OTHERHOST":                         {host: func(c *Config) { c.NICs[0].Promisc = true }, change: put(5, 0x99), reason: skb.OtherHost},
	"IP-2, IP-15 padding counts in InOctets": {change: func(bytes) bytes { return datagram(local, 1) }, want: received(46, delivered)},
	"IP-5 version 6":                         {change: put(atVersion, 0x65), want: received(128, noECNCount, hdrErrors), reason: skb.IPInHdr},
	"IP-5 IHL 4":                             {change: put(atVersion, 0x44), want: received(128, noECNCount, hdrErrors), reason: skb.IPInHdr},
	"IP-6 ECT(1)":                            {change: put(atTOS, 1), want: received(128, noECNCount, delivered, func(n *mib.Net) { n.IPExt.InECT1Pkts++ })},
	"IP-6 ECT(0)":                            {change: put(atTOS, 2), want: received(128, noECNCount, delivered, func(n *mib.Net) { n.IPExt.InECT0Pkts++ })},
	"IP-6 CE":                                {change: put(atTOS, 3), want: received(128, noECNCount, delivered, func(n *mib.Net) { n.IPExt.InCEPkts++ })},
	"IP-7 options beyond the frame": {change: func(bytes) bytes { return put(atVersion, 0x4f)(datagram(local, 10)) },
		want: received(46, hdrErrors), reason: skb.IPInHdr},
	"IP-8, IP-14 bad checksum": {change: func(b bytes) bytes { b[atIPSum] ^= 1; return b },
		want: received(128, hdrErrors, func(n *mib.Net) { n.IPExt.InCsumErrors++ }), reason: skb.IPCsum},
	"IP-9 truncated":     {change: put16(atIPLen, 129), want: received(128, func(n *mib.Net) { n.IPExt.InTruncatedPkts++ }), reason: skb.PktTooSmall},
	"IP-10 total length": {change: put16(atIPLen, 19), want: received(128, hdrErrors), reason: skb.IPInHdr},
	"IF-4 multicast, octets without padding": {bound: []socket.Config{member()}, dst: vectorDst, change: func(bytes) bytes { return datagram(vectorDst, 1) },
		want: received(46, delivered, mcast(29))},
	"IF-4 broadcast": {dst: netip.MustParseAddrPort("255.255.255.255:5001"), bound: []socket.Config{{Local: anyAddr}},
		want: received(128, delivered, func(n *mib.Net) { n.IPExt.InBcastPkts++; n.IPExt.InBcastOctets += 128 })},
	"1.5 not our address": {dst: netip.MustParseAddrPort("10.0.0.3:5001"), want: received(128, func(n *mib.Net) { n.IP.InAddrErrors++ }), reason: skb.IPInAddrErrors},
	"1.5 martian source":  {change: put(atSrc, 127), want: received(128), reason: skb.IPInvalidSource},
	"RP-2 our own address as source": {change: func(b bytes) bytes { copy(b[atSrc:atDst], b[atDst:atUDP]); b.sumIP(); return b },
		want: received(128), reason: skb.IPInvalidSource},
	"RP-5 rp_filter": {host: func(c *Config) {
		c.IP.RPFilter = 1
		n := DefaultNIC("eth1")
		n.Addr, n.MAC[5] = 0x0a000102, 0x11
		c.NICs = append(c.NICs, n)
	}, change: func(b bytes) bytes { copy(b[atSrc:], []byte{10, 0, 1, 7}); b.sumIP(); return b },
		want: received(128, func(n *mib.Net) { n.TCPExt.IPReversePathFilter++ }), reason: skb.IPRPFilter},
	"MC-1 group not joined": {host: func(c *Config) { c.NICs[0].Promisc = true }, dst: vectorDst, want: received(128), reason: skb.IPInvalidDest},
	"NF-2 PRE_ROUTING": {host: func(c *Config) { c.IP.Netfilter = []ipstack.Rule{{DropPPM: 1_000_000}} },
		want: received(128), reason: skb.NetfilterDrop},
	"NF-2 LOCAL_IN": {host: func(c *Config) { c.IP.Netfilter = []ipstack.Rule{{Hook: ipstack.LocalIn, DropPPM: 1_000_000}} },
		bound: []socket.Config{member()}, dst: vectorDst, want: received(128, mcast(128)), reason: skb.NetfilterDrop},
	"LD-1 fragment": {change: put16(atFrag, 0x2000), want: received(128, func(n *mib.Net) { n.IP.ReasmReqds++ })},
	"LF-3 unknown protocol": {change: put(atProto, 132), want: received(128, func(n *mib.Net) {
		n.IP.InUnknownProtos, n.IP.OutRequests, n.ICMP.OutMsgs, n.ICMP.OutDestUnreachs, n.IPExt.OutOctets = 1, 1, 1, 1, 156
	}), reason: skb.IPNoProto},

	// Table 4.5, the rows that can happen here.
	"UR-1 no whole header":    {change: put16(atIPLen, 27), want: received(128, delivered, inErrors), reason: skb.PktTooSmall},
	"UR-2 length beyond":      {change: put16(atUDPLen, 109), want: received(128, delivered, inErrors), reason: skb.PktTooSmall},
	"UR-3 length 7":           {change: put16(atUDPLen, 7), want: received(128, delivered, inErrors), reason: skb.PktTooSmall},
	"UR-3 length 0":           {change: put16(atUDPLen, 0), want: received(128, delivered, inErrors), reason: skb.PktTooSmall},
	"UR-4 checksum, by GRO":   {host: func(c *Config) { c.NICs[0].RXChecksum = false }, change: badUDP, want: received(128, delivered, csumErrors), reason: skb.UDPCsum},
	"UR-4 checksum, by UDP":   {host: softwareSums, change: func(bytes) bytes { return badUDP(datagram(local, 68)) }, want: received(96, delivered, csumErrors), reason: skb.UDPCsum},
	"UR-4 L 77 is deferred":   {host: softwareSums, change: func(bytes) bytes { return badUDP(datagram(local, 69)) }, want: received(97, delivered)},
	"2.2.2 no checksum":       {host: softwareSums, change: func(b bytes) bytes { return badUDP(put16(atUDPSum, 0)(b)) }, want: received(128, delivered)},
	"UR-10 checksum, no port": {host: softwareSums, bound: []socket.Config{{Local: netip.MustParseAddrPort("0.0.0.0:6000")}}, change: badUDP, want: received(128, delivered, csumErrors), reason: skb.UDPCsum},
	"UR-11 no port": {bound: []socket.Config{{Local: netip.MustParseAddrPort("0.0.0.0:6000")}}, want: received(128, delivered, func(n *mib.Net) {
		n.UDP.NoPorts, n.IP.OutRequests, n.ICMP.OutMsgs, n.ICMP.OutDestUnreachs, n.IPExt.OutOctets = 1, 1, 1, 1, 156
	}), reason: skb.NoSocket},
	"3.1.4 no listener": {bound: []socket.Config{{Local: netip.MustParseAddrPort("0.0.0.0:6000"), Join: []socket.Join{{Group: vectorGroup}}}}, dst: vectorDst,
		want: received(128, delivered, mcast(128), func(n *mib.Net) { n.UDP.IgnoredMulti++ }), reason: skb.IgnoredMulti},
	"Q-5 full": {bound: []socket.Config{{Local: local, RcvBuf: 1000}}, before: fillWith(3),
		want: received(128, delivered, rcvbufErr), reason: skb.SocketRcvbuff, drops: 1},
	"S-2 full, M equals R": {bound: []socket.Config{{Local: local, RcvBuf: 3 * 896 / 2}}, before: fillWith(3),
		want: received(128, delivered, rcvbufErr), reason: skb.SocketRcvbuff, drops: 1},
	"S-6 udp_mem": {host: func(c *Config) { c.Limits.UDPMem = [3]int{0, 0, 0} },
		want: received(128, delivered, inErrors), reason: skb.ProtoMem, drops: 1},

	// The receive core and the MAC.
	"ODD-27 unknown EtherType": {change: put16(atEtherType, 0x88cc), reason: skb.UnhandledProto, rxDropped: 1},
	"CORE-5 while tcpdump runs": {host: func(c *Config) { c.NICs[0].Taps = []scenario.Tap{{RcvBuf: 1 << 20}} }, change: put16(atEtherType, 0x88cc),
		reason: skb.UnhandledProto},
	"CORE-5 tagged, while tcpdump runs": {host: func(c *Config) {
		c.NICs[0].Taps, c.NICs[0].Promisc = []scenario.Tap{{RcvBuf: 1 << 20}}, true
	}, change: tagged(9, put16(atEtherType, 0x88cc)), reason: skb.UnhandledProto, rxDropped: 1},
	"CORE-4.8 unknown VLAN":               {host: func(c *Config) { c.NICs[0].Promisc = true }, change: tagged(9), reason: skb.OtherHost},
	"CORE-4.6 VLAN device":                {host: func(c *Config) { c.NICs[0].VLANs = []int{9} }, change: tagged(9), want: received(128, delivered)},
	"ARP":                                 {change: put16(atEtherType, 0x0806), reason: skb.HandledElsewhere},
	"RX-41 VLAN filter":                   {change: tagged(9), reason: skb.HWVLANFilter, filtered: true},
	"RX-42 group filter":                  {dst: netip.MustParseAddrPort("239.1.0.2:5001"), reason: skb.HWFilter, filtered: true},
	"RX-42 the same 12 bits as 224.0.0.1": {dst: vectorDst, want: received(128), reason: skb.IPInvalidDest},
	"HW-25 bad FCS":                       {fault: skb.FaultCRC, reason: skb.HWCRC, filtered: true},
	"HW-26 802.3 length":                  {fault: skb.FaultLength, reason: skb.HWLength, filtered: true},
}

func fillWith(n int) func(*testing.T, *Host, []*Socket) {
	return func(t *testing.T, h *Host, s []*Socket) {
		send(t, h, datagram(local, 100).frame(), n)
		require.Equal(t, n, s[0].Queued())
		require.Zero(t, s[0].Drops())
	}
}

// TestCounters sends one frame of each kind through a whole host (GRO-4, ODD-29:
// rx_packets counts what the stack drops later) and compares every counter of the namespace; what is not named must stay zero.
func TestCounters(t *testing.T) {
	for name, tc := range rows {
		t.Run(name, func(t *testing.T) {
			var change []func(*Config)
			if tc.host != nil {
				change = append(change, tc.host)
			}
			h := hostOf(t, change...)
			if tc.bound == nil {
				tc.bound = []socket.Config{{Local: local}}
			}
			var socks []*Socket
			for _, c := range tc.bound {
				socks = append(socks, bindTo(t, h, c))
			}
			if tc.before != nil {
				tc.before(t, h, socks)
			}
			dst := local
			if tc.dst.IsValid() {
				dst = tc.dst
			}
			b := datagram(dst, 100)
			if tc.change != nil {
				b = tc.change(b)
			}
			f := b.frame()
			f.Head.Fault = tc.fault
			queued := socks[0].Queued()
			d := send(t, h, f, 1)

			require.Empty(t, cmp.Diff(tc.want, d.Net))
			want := map[skb.DropReason]uint64{tc.reason: 1}
			if tc.reason == skb.NotDropped {
				want = map[skb.DropReason]uint64{}
				queued++
			}
			if f.Head.Fragment() { // waits for the rest
				queued--
			}
			require.Empty(t, cmp.Diff(want, lost(d)))
			require.Equal(t, queued, socks[0].Queued())
			require.Equal(t, tc.drops, socks[0].Drops())
			require.Equal(t, tc.rxDropped, d.Devices[1].Link.RXDropped)
			require.Equal(t, tc.filtered, d.Devices[1].Link.RXPackets == 0, "GRO-4: rx_packets counts what the stack drops later")
			require.GreaterOrEqual(t, d.Net.UDP.InErrors, d.Net.UDP.RcvbufErrors+d.Net.UDP.InCsumErrors, "4.5: the invariant")
		})
	}
}

// A good datagram, read: InDatagrams, and the invariants of RX-5.
func TestInDatagramsAtRecv(t *testing.T) {
	h := hostOf(t, softwareSums)
	s := bindTo(t, h, socket.Config{Local: local})
	send(t, h, datagram(local, 69).frame(), 1)
	send(t, h, badUDP(datagram(local, 69)).frame(), 1)
	d, err := s.Recv()
	require.NoError(t, err)
	require.Equal(t, Datagram{From: sender, To: local, Len: 69, Arrived: d.Arrived, Queued: d.Queued, Frame: 1}, d)
	require.Less(t, d.Arrived, d.Queued)
	_, err = s.Recv()
	require.ErrorIs(t, err, socket.ErrAgain, "recv finds the bad checksum")
	require.Equal(t, mib.UDP{InDatagrams: 1, InErrors: 1, InCsumErrors: 1}, h.Snapshot().Net.UDP)
	require.EqualValues(t, 1, s.Drops())
	require.Equal(t, map[skb.DropReason]uint64{skb.UDPCsum: 1}, lost(h.Snapshot()))
}

// CORE-6, CORE-7, ODD-15, ODD-26: a VLAN frame counts twice in processed; the
// VLAN device counts 14 bytes less than the interface, whose minimum is 60.
func TestVLANCountsTwice(t *testing.T) {
	h := hostOf(t, func(c *Config) { c.NICs[0].VLANs = []int{7} })
	f := tagged(7)(datagram(local, 1)).frame()
	require.EqualValues(t, 60, f.Len)
	d := send(t, h, f, 10)
	require.EqualValues(t, 20, d.CPUs[0].Softnet.Processed)
	eth0, vlan := d.Devices[1], d.Devices[2]
	require.Equal(t, "eth0.7", vlan.Name)
	require.Equal(t, mib.Link{RXPackets: 10, RXBytes: 600}, eth0.Link)
	require.Equal(t, mib.Link{RXPackets: 10, RXBytes: 460}, vlan.Link)
}

// RPS-9, CORE-7, CORE-20, ODD-21, ODD-23: a backlog that overflows counts in
// dropped of the target CPU, in rx_dropped of the interface, and nowhere in the
// namespace.
func TestODD21BacklogDrops(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.NICs[0].RPS = map[string][]int{"rx-0": {2}}
		c.Softirq.NetdevMaxBacklog = 9
		c.Costs.Backlog.Fixed = 100 * engine.Microsecond
	})
	d := send(t, h, h.UDPFrame(sender, local, 100), 100)
	dropped := d.CPUs[2].Softnet.Dropped
	require.NotZero(t, dropped)
	require.Zero(t, d.CPUs[0].Softnet.Dropped)
	require.Zero(t, d.CPUs[0].Softnet.Processed)
	require.Equal(t, 100-dropped, d.CPUs[2].Softnet.Processed)
	require.Equal(t, dropped, d.Devices[1].Link.RXDropped)
	require.EqualValues(t, 100, d.Devices[1].Link.RXPackets)
	require.Equal(t, dropped, ethtoolLine(h, "rx_dropped"), "HW-30")
	require.Equal(t, 100-dropped, d.Net.IP.InReceives)
	require.Less(t, d.CPUs[2].Softnet.ReceivedRPS, uint64(10))
	require.Equal(t, dropped, lost(d)[skb.CPUBacklog])
}

// ODD-9, HW-22: what the NIC missed shows in `ethtool -S` at once and in the
// interface's counters up to two seconds later.
func TestODD9Lag(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.NICs[0].TXPause = false
		c.Costs.Driver.Fixed = 10 * engine.Microsecond
	})
	d := send(t, h, h.UDPFrame(sender, local, 18), 20_000)
	missed := ethtoolLine(h, "rx_missed_errors")
	require.NotZero(t, missed)
	require.Zero(t, d.Devices[1].Link.RXMissedErrors)
	require.NotZero(t, d.Devices[1].Link.RXPackets)
	h.Advance(2 * time.Second)
	require.Equal(t, missed, h.Snapshot().Devices[1].Link.RXMissedErrors)
	require.Zero(t, h.Snapshot().Devices[1].Link.RXDropped, "FMT-11: not in rx_dropped")
	require.EqualValues(t, 20_000, missed+h.Snapshot().Devices[1].Link.RXPackets)
	for _, zero := range []string{"rx_no_buffer_count", "rx_fifo_errors", "rx_over_errors", "rx_no_dma_resources"} {
		require.Zero(t, ethtoolLine(h, zero), "ODD-10: %s", zero)
	}
}

// GM-1, GM-2, 10.5, 10.6: what joining refuses and what it shows.
func TestGM1Join(t *testing.T) {
	h := hostOf(t)
	s := bindTo(t, h, socket.Config{Local: anyAddr})
	require.ErrorContains(t, s.Join(netip.MustParseAddr("10.0.0.7"), ""), "EINVAL")
	require.ErrorContains(t, s.Join(netip.MustParseAddr("ff02::1"), ""), "EINVAL")
	require.ErrorContains(t, s.Join(vectorGroup, "eth9"), `"eth9"`)
	for i := range 20 {
		g := netip.AddrFrom4([4]byte{239, 1, 1, byte(i)})
		require.NoError(t, s.Join(g, ""))
		require.ErrorContains(t, s.Join(g, "eth0"), "EADDRINUSE")
	}
	require.ErrorContains(t, s.Join(vectorGroup, ""), "ENOBUFS")
	other := bindTo(t, h, socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:5002")})
	require.NoError(t, other.Join(netip.MustParseAddr("239.1.1.0"), ""))
	require.NoError(t, other.Join(netip.MustParseAddr("239.129.1.0"), ""), "the same MAC")

	users := func() map[uint32]int {
		out := map[uint32]int{}
		for _, m := range h.Snapshot().Memberships {
			if m.IfIndex == 2 {
				out[m.Group] = m.Users
			}
		}
		return out
	}
	refcount := func() (n int) {
		for _, a := range h.Snapshot().MCAddrs {
			if a.Addr == skb.MulticastMAC(0xef010100) {
				n = a.Refcount
			}
		}
		return n
	}
	_, err := h.Bind(socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:5003"), Join: []socket.Join{{Group: vectorGroup}, {Group: vectorGroup}}})
	require.ErrorContains(t, err, "EADDRINUSE")
	require.Len(t, users(), 22, "a failed bind leaves no membership behind")
	require.Equal(t, 2, users()[0xef010100])
	require.Equal(t, 2, refcount())
	s.Close()
	s.Close() // closing twice leaves nobody else's groups
	require.Equal(t, map[uint32]int{0xe0000001: 1, 0xef010100: 1, 0xef810100: 1}, users(), "GM-4")
	other.Close()
	require.Equal(t, map[uint32]int{0xe0000001: 1}, users(), "GM-3")
	require.Zero(t, refcount())
}

// RX-39, RX-40, FMT-17, IRQ-1: vector n interrupts CPU n unless told otherwise;
// the "other" vector comes last and never does.
func TestRX39Affinity(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.NICs[0].Combined, c.NICs[0].UDPPortHash = 4, true
		c.NICs[0].Affinity = map[string][]int{"TxRx-3": {0}}
	})
	bindTo(t, h, socket.Config{Local: local})
	for p := range uint16(64) {
		h.Inject(h.UDPFrame(netip.AddrPortFrom(sender.Addr(), 1000+p), local, 10))
	}
	h.Advance(time.Millisecond)
	irqs := h.Snapshot().IRQs
	require.Len(t, irqs, 5)
	for i, r := range irqs[:4] {
		want := []int{0, 1, 2, 0}[i]
		require.Equal(t, "eth0-TxRx-"+string(rune('0'+i)), r.Name)
		for cpu, n := range r.Counts {
			require.Equal(t, cpu == want, n > 0, "%s on CPU %d", r.Name, cpu)
		}
		require.Equal(t, irqs[0].Number+i, r.Number)
	}
	require.Equal(t, "eth0", irqs[4].Name)
	require.Equal(t, []uint64{0, 0, 0, 0}, irqs[4].Counts)
	_, err := NewHost(func() Config {
		c := Linux40()
		c.NICs[0].Affinity = map[string][]int{"TxRx-1": {0}}
		return c
	}())
	require.ErrorContains(t, err, "TxRx-0", "it says which vectors there are")
}

// RX-1, ODD-13, RPS-1, HW-4: what the settings become.
func TestSettings(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.NICs[0].RXRing = 8192
		c.NICs[0].RPS = map[string][]int{"rx-0": {3, 1}}
	})
	d := h.Snapshot().Devices[1]
	require.Equal(t, [2]int{4096, 4096}, [2]int{d.Ethtool.RX, d.Ethtool.RXMax})
	require.Equal(t, []int{1, 3}, d.RXQueues[0].RPSCPUs)
	require.True(t, d.Ethtool.RXPause && d.Ethtool.TXPause && !d.Ethtool.AutonegPause)
	require.Equal(t, 1, d.Ethtool.RXUsecs, "IRQ-10")
}
