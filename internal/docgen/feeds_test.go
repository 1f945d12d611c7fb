package main

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// A provocation makes a host lose packets for one reason.
type provocation struct {
	reason skb.DropReason
	when   string
	// prepare changes the host before it is made.
	prepare func(*sim.Config)
	// provoke does it; what it does before it calls begin does not count.
	provoke func(t *testing.T, h *sim.Host, begin func())
}

var (
	peer  = netip.MustParseAddrPort("10.0.0.1:5000")
	local = netip.MustParseAddrPort("10.0.0.2:5001")
	group = netip.MustParseAddrPort("239.1.0.1:5001")
)

// frame returns a provocation by one frame, changed by f, without a socket.
func frame(f func(*skb.Frame, *skb.Header)) func(*testing.T, *sim.Host, func()) {
	return frameTo(local, f)
}

func frameTo(to netip.AddrPort, f func(*skb.Frame, *skb.Header)) func(*testing.T, *sim.Host, func()) {
	return func(_ *testing.T, h *sim.Host, begin func()) {
		begin()
		h.Inject(changed(h.UDPFrame(peer, to, 100), f))
	}
}

// changed returns a frame with a header of its own.
func changed(fr skb.Frame, f func(*skb.Frame, *skb.Header)) skb.Frame {
	head := *fr.Head
	fr.Head = &head
	f(&fr, &head)
	return fr
}

// arp makes a frame that ends in the receive core and moves no counter of a loss.
func arp(_ *skb.Frame, h *skb.Header) { h.EtherType = skb.EtherTypeARP }

// flood provokes by many ARP frames at once, as fast as the link carries them.
func flood(n int) func(*testing.T, *sim.Host, func()) {
	return func(_ *testing.T, h *sim.Host, begin func()) {
		begin()
		f := changed(h.UDPFrame(peer, local, 18), arp)
		for range n {
			h.Inject(f)
		}
	}
}

// bound provokes by datagrams to a socket that nobody reads.
func bound(t *testing.T, h *sim.Host, cfg socket.Config) *sim.Socket {
	cfg.Local = local
	s, err := h.Bind(cfg)
	require.NoError(t, err)
	return s
}

func send(h *sim.Host, n int) {
	f := h.UDPFrame(peer, local, 100)
	for range n {
		h.Inject(f)
	}
}

// steered makes a host whose second CPU processes the packets, slowly.
func steered(c *sim.Config) {
	c.NICs[0].RPS = map[string][]int{"rx-0": {1}}
	c.Softirq.NetdevMaxBacklog = 100
	c.Costs.IP.Fixed = 20 * engine.Microsecond
}

func twoNICs(c *sim.Config) {
	n := sim.DefaultNIC("eth1")
	n.Addr = 0x0a000102
	n.Affinity = map[string][]int{"TxRx-0": {1}}
	c.NICs = append(c.NICs, n)
}

// fragments provokes by fragments of a datagram in three, by their places; the
// first number of two names another datagram.
func fragments(places ...[]int) func(*testing.T, *sim.Host, func()) {
	return func(_ *testing.T, h *sim.Host, begin func()) {
		begin()
		f := h.UDPFrame(peer, local, 4000)
		for _, p := range places {
			id := 7
			if len(p) > 1 {
				id = p[0]
			}
			h.Inject(new(skb.Fragmenter).Cut(&f, 1500, uint16(id))[p[len(p)-1]])
		}
	}
}

func router(c *sim.Config) { c.IP.IPForward = 1 }
func bridged(c *sim.Config) {
	c.Devices = []scenario.Device{{Name: "br0", Bridge: &scenario.Bridge{Ports: []scenario.BridgePort{{Device: "eth0", State: ipstack.PortForwarding}}}}}
}

func macvlan(c *sim.Config) {
	c.Devices = []scenario.Device{{Name: "mv0", Macvlan: &scenario.Macvlan{Device: "eth0", MAC: [6]byte{2, 5}}}}
}

func promiscuous(c *sim.Config) { c.NICs[0].Promisc = true }

// veth makes a host with a pair of devices, whose other end sends from a
// namespace of its own.
func veth(end nic.VethConfig) func(*sim.Config) {
	return func(c *sim.Config) {
		c.Kernel, c.Senders = kernel.Linux618(), []int{0}
		end.MAC = [6]byte{2, 0, 0, 0, 0, 0x12}
		c.Veths = []scenario.Veth{{
			{Name: "veth0", MTU: 1500, Addr: 0x0a4d0002, PrefixLen: 24, VethConfig: end},
			{Name: "veth1", Namespace: "tx", MTU: 1500, Addr: 0x0a4d0001, PrefixLen: 24},
		}}
	}
}

// burst provokes by datagrams that arrive inside one section without softirqs.
func burst(n int) func(*testing.T, *sim.Host, func()) {
	return func(t *testing.T, h *sim.Host, begin func()) {
		_, err := h.Bind(socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:14506"), RcvBufForce: 1 << 24})
		require.NoError(t, err)
		s, err := h.NewSender(sim.SenderConfig{Namespace: "tx", Local: netip.MustParseAddrPort("10.77.0.1:40000")})
		require.NoError(t, err)
		begin()
		require.NoError(t, s.SendSegments(netip.MustParseAddrPort("10.77.0.2:14506"), n*100, 100))
	}
}

var provocations = []provocation{
	{skb.HWCRC, "bad frame check sequence", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.Fault = skb.FaultCRC })},
	{skb.HWLength, "802.3 length field wrong", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.Fault = skb.FaultLength })},
	{skb.HWOversize, "longer than MTU + 18", nil, frame(func(f *skb.Frame, _ *skb.Header) { f.Len = 1515 })},
	{skb.HWUndersize, "shorter than 64 bytes", nil, frame(func(f *skb.Frame, _ *skb.Header) { f.Len = 59 })},
	{skb.HWPause, "a pause frame, consumed by the MAC", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.EtherType, h.PauseTime = skb.EtherTypePause, 0xffff })},
	{skb.HWFilter, "neither our MAC nor a joined group", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.DstMAC[5]++ })},
	{skb.HWFilter, "a filter of the flow director with the action -1", func(c *sim.Config) {
		c.NICs[0].NTuple, c.NICs[0].FlowFilters = true, []nic.FlowFilter{{Action: -1}}
	}, frame(func(*skb.Frame, *skb.Header) {})},
	{skb.HWVLANFilter, "a VLAN that nobody registered", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.Tagged, h.VLAN = true, 7 })},
	{skb.HWFIFO, "packet buffer of the NIC full", nil, flood(30000)},
	{skb.HWNoDesc, "ring full, several queues, TX pause off", func(c *sim.Config) {
		c.NICs[0].Combined, c.NICs[0].TXPause = 2, false
	}, flood(30000)},
	{skb.HWReset, "in the ring or the packet buffer when the adapter was reset", func(c *sim.Config) { c.NICs[0].RXUsecs = 1000 },
		func(t *testing.T, h *sim.Host, begin func()) {
			send(h, 1)
			h.Advance(500 * time.Microsecond) // the next interrupt is throttled
			send(h, 10)
			h.Advance(10 * time.Microsecond)
			begin()
			require.NoError(t, h.Set("nics[eth0].ring.rx", "4096"))
		}},
	{skb.CPUBacklog, "backlog longer than netdev_max_backlog", steered, func(t *testing.T, h *sim.Host, begin func()) {
		bound(t, h, socket.Config{RcvBufForce: 1 << 24})
		begin()
		send(h, 1000)
	}},
	{skb.CPUBacklog, "refused by the flow limit", func(c *sim.Config) {
		steered(c)
		c.Softirq.FlowLimitCPUs = []int{0}
	}, func(t *testing.T, h *sim.Host, begin func()) {
		bound(t, h, socket.Config{RcvBufForce: 1 << 24})
		begin()
		send(h, 1000)
	}},
	{skb.FullRing, "ring of a veth device full", veth(nic.VethConfig{GRO: true}), burst(300)},
	{skb.XDPDropped, "an XDP program at a veth device", veth(nic.VethConfig{XDP: nic.XDPDrop}), burst(1)},
	{skb.UnhandledProto, "EtherType without handler", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.EtherType = 0x88cc })},
	{skb.UnhandledProto, "the same while a tap is open on the interface", func(c *sim.Config) {
		c.NICs[0].Taps = []scenario.Tap{{RcvBuf: 1 << 20}}
	}, frame(func(_ *skb.Frame, h *skb.Header) { h.EtherType = 0x88cc })},
	{skb.HandledElsewhere, "ARP, IPv6, TCP, IGMP", nil, func(_ *testing.T, h *sim.Host, begin func()) {
		begin()
		f := h.UDPFrame(peer, local, 100)
		h.Inject(changed(f, arp))
		h.Inject(changed(f, func(_ *skb.Frame, h *skb.Header) { h.EtherType = skb.EtherTypeIPv6 }))
		h.Inject(changed(f, func(_ *skb.Frame, h *skb.Header) { h.Proto = skb.ProtoTCP }))
		h.Inject(changed(f, func(_ *skb.Frame, h *skb.Header) { h.Proto = skb.ProtoIGMP }))
	}},
	{skb.HandledElsewhere, "ICMP", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.Proto = skb.ProtoICMP })},
	{skb.OtherHost, "another host's MAC, in promiscuous mode", promiscuous, frame(func(_ *skb.Frame, h *skb.Header) { h.DstMAC[5]++ })},
	{skb.PktTooSmall, "shorter than its IP total length", nil, frame(func(f *skb.Frame, _ *skb.Header) { f.IPLen++ })},
	{skb.PktTooSmall, "UDP length wrong", nil, frame(func(f *skb.Frame, _ *skb.Header) { f.UDPLen++ })},
	{skb.IPInHdr, "malformed IPv4 header", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.IHL = 4 })},
	{skb.IPCsum, "bad IPv4 header checksum", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.IPChecksum = skb.ChecksumBad })},
	{skb.NetfilterDrop, "a rule of the firewall", func(c *sim.Config) {
		c.IP.Netfilter = []ipstack.Rule{{DstPort: 5001, DropPPM: 1_000_000}}
	}, frame(func(*skb.Frame, *skb.Header) {})},
	{skb.IPRPFilter, "failed the reverse-path check", func(c *sim.Config) {
		twoNICs(c)
		c.IP.RPFilter = 1
	}, func(_ *testing.T, h *sim.Host, begin func()) {
		begin()
		h.InjectOn("eth1", h.UDPFrame(peer, local, 100))
	}},
	{skb.IPInvalidSource, "a source that cannot be", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.Src = 0x7f000001 })},
	{skb.IPInvalidDest, "a group that the interface has not joined", promiscuous, frameTo(group, func(*skb.Frame, *skb.Header) {})},
	{skb.IPInAddrErrors, "a unicast address that is not ours", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.Dst++ })},
	{skb.IPInNoRoutes, "a router that has no route for it", func(c *sim.Config) {
		router(c)
		c.IP.Routes = []ipstack.Route{{Dst: 0x0a000000, PrefixLen: 8, IfIndexes: []int32{2}}}
	}, frame(func(_ *skb.Frame, h *skb.Header) { h.Dst = 0xac100001 })},
	{skb.IPSourceRoute, "a source route that is refused", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.Options = skb.SourceRouteDone })},
	{skb.HandledElsewhere, "passed on by a router", router, frame(func(_ *skb.Frame, h *skb.Header) { h.Dst++ })},
	{skb.IPInHdr, "malformed IP options", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.Options = skb.OptionsBad })},
	{skb.IPInHdr, "come too far for a router to pass on", router, frame(func(_ *skb.Frame, h *skb.Header) { h.Dst++; h.TTL = 1 })},
	{skb.FragReasmTimeout, "fragments whose rest did not come in time", func(c *sim.Config) { c.IP.IPFragTime = 1 }, fragments([]int{0})},
	{skb.FragTooFar, "fragments after which too many others of the source came", func(c *sim.Config) { c.IP.IPFragMaxDist = 1 }, fragments([]int{0}, []int{100, 0}, []int{101, 0}, []int{1})},
	{skb.DupFrag, "a fragment that overlaps, is empty or goes beyond the end", nil, fragments([]int{0}, []int{0})},
	{skb.FragInvalid, "fragments with an impossible mix of ECN bits", nil, func(_ *testing.T, h *sim.Host, begin func()) {
		begin()
		f := h.UDPFrame(peer, local, 2000)
		for i, g := range new(skb.Fragmenter).Cut(&f, 1500, 7) {
			h.Inject(changed(g, func(_ *skb.Frame, h *skb.Header) { h.TOS = uint8(i) }))
		}
	}},
	{skb.FragMem, "no memory for incomplete datagrams", func(c *sim.Config) { c.IP.IPFragHighThresh, c.IP.IPFragLowThresh = 1, 1<<30 }, fragments([]int{100, 0}, []int{0})},
	{skb.ConntrackFull, "the table of connection tracking full", func(c *sim.Config) {
		c.IP.Conntrack.On, c.IP.Conntrack.Max, c.IP.Conntrack.Assured, c.IP.Conntrack.Buckets = true, 100, 100, 1
	}, frame(func(*skb.Frame, *skb.Header) {})},
	{skb.IPNoProto, "no handler for the IP protocol", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.Proto = 132 })},
	{skb.UDPCsum, "bad UDP checksum, found before a socket", nil, frame(func(_ *skb.Frame, h *skb.Header) { h.UDPChecksum = skb.ChecksumBad })},
	{skb.UDPCsum, "bad UDP checksum, found by the reader", func(c *sim.Config) { c.NICs[0].GRO = false },
		func(t *testing.T, h *sim.Host, begin func()) {
			s := bound(t, h, socket.Config{})
			begin()
			h.Inject(changed(h.UDPFrame(peer, local, 100), func(_ *skb.Frame, h *skb.Header) { h.UDPChecksum = skb.ChecksumBad }))
			h.Advance(time.Millisecond)
			_, err := s.Recv()
			require.ErrorIs(t, err, socket.ErrAgain)
		}},
	{skb.NoSocket, "no socket on the port", nil, frame(func(*skb.Frame, *skb.Header) {})},
	{skb.IgnoredMulti, "a joined group, no socket on the port", nil, func(t *testing.T, h *sim.Host, begin func()) {
		bound(t, h, socket.Config{Join: []socket.Join{{Group: group.Addr()}}})
		begin()
		h.Inject(h.UDPFrame(peer, netip.AddrPortFrom(group.Addr(), 9), 100))
	}},
	{skb.SocketRcvbuff, "receive buffer full", nil, func(t *testing.T, h *sim.Host, begin func()) {
		bound(t, h, socket.Config{RcvBuf: 1})
		begin()
		send(h, 4)
	}},
	{skb.SocketBacklog, "socket locked by its program, and its backlog full", twoNICs, func(t *testing.T, h *sim.Host, begin func()) {
		bound(t, h, socket.Config{RcvBuf: 1}).Lock()
		send(h, 2) // two of the three that fit
		h.Advance(time.Millisecond)
		begin()
		f := h.UDPFrame(peer, local, 100)
		h.InjectOn("eth0", f) // on two CPUs at once: both find room before the lock, one behind it
		h.InjectOn("eth1", f)
	}},
	{skb.SocketFilter, "refused by the socket's filter", nil, func(t *testing.T, h *sim.Host, begin func()) {
		bound(t, h, socket.Config{}).SetFilter(func(*skb.Header, uint32) uint32 { return 0 })
		begin()
		send(h, 1)
	}},
	{skb.SocketFilter, "refused by a security module", nil, func(t *testing.T, h *sim.Host, begin func()) {
		bound(t, h, socket.Config{Refusals: socket.Refusals{SecurityPPM: 1_000_000}})
		begin()
		send(h, 1)
	}},
	{skb.SocketFilter, "made of emergency reserves, or no memory to cut it for the filter", nil, func(t *testing.T, h *sim.Host, begin func()) {
		bound(t, h, socket.Config{Refusals: socket.Refusals{ReservesPPM: 1_000_000}})
		begin()
		send(h, 1)
	}},
	{skb.XFRMPolicy, "refused by an IPsec policy, at a socket", nil, func(t *testing.T, h *sim.Host, begin func()) {
		bound(t, h, socket.Config{Refusals: socket.Refusals{PolicyPPM: 1_000_000}})
		begin()
		send(h, 1)
	}},
	{skb.UDPCsum, "bad UDP checksum, found for the socket's filter", func(c *sim.Config) { c.NICs[0].GRO = false },
		func(t *testing.T, h *sim.Host, begin func()) {
			bound(t, h, socket.Config{}).SetFilter(func(_ *skb.Header, n uint32) uint32 { return n })
			begin()
			h.Inject(changed(h.UDPFrame(peer, local, 100), func(_ *skb.Frame, h *skb.Header) { h.UDPChecksum = skb.ChecksumBad }))
		}},
	{skb.ProtoMem, "udp_mem, in a kernel that counts MemErrors", func(c *sim.Config) {
		c.Limits.UDPMem = [3]int{1, 1, 1}
		c.Kernel.UDPMemDrop = kernel.MemMemErrors
	}, func(t *testing.T, h *sim.Host, begin func()) {
		bound(t, h, socket.Config{})
		begin()
		send(h, 6)
	}},
	{skb.ProtoMem, "udp_mem", func(c *sim.Config) { c.Limits.UDPMem = [3]int{1, 1, 1} }, func(t *testing.T, h *sim.Host, begin func()) {
		bound(t, h, socket.Config{})
		begin()
		send(h, 6)
	}},
	{skb.CopyFault, "could not be copied to the program", nil, func(t *testing.T, h *sim.Host, begin func()) {
		s := bound(t, h, socket.Config{})
		send(h, 1)
		h.Advance(time.Millisecond)
		begin()
		_, err := s.RecvMsg(100, socket.MsgFault)
		require.ErrorIs(t, err, socket.ErrFault)
	}},
	{skb.SocketClosed, "still queued when the socket was closed", nil, func(t *testing.T, h *sim.Host, begin func()) {
		s := bound(t, h, socket.Config{})
		send(h, 1)
		h.Advance(time.Millisecond)
		begin()
		s.Close()
	}},
	{skb.TCIngress, "a filter of the ingress queueing discipline", func(c *sim.Config) {
		c.NICs[0].Ingress = []ipstack.Rule{{DropPPM: 1_000_000}}
	}, frame(func(*skb.Frame, *skb.Header) {})},
	{skb.MACInvalidSource, "a group as source address, at a bridge port", bridged, frame(func(_ *skb.Frame, h *skb.Header) { h.SrcMAC[0] |= 1 })},
	{skb.MACControl, "a PAUSE address, at a bridge port", bridged, frame(func(_ *skb.Frame, h *skb.Header) {
		h.DstMAC = skb.MAC{0x01, 0x80, 0xc2, 0, 0, 1}
	})},
	{skb.BridgeState, "a bridge port that does not forward", func(c *sim.Config) {
		bridged(c)
		c.Devices[0].Bridge.Ports[0].State = ipstack.PortBlocking
	}, frame(func(*skb.Frame, *skb.Header) {})},
	{skb.DevReady, "for a macvlan that is down", func(c *sim.Config) {
		macvlan(c)
		c.Devices[0].Macvlan.Down = true
	}, frame(func(_ *skb.Frame, h *skb.Header) { h.DstMAC = [6]byte{2, 5} })},
	{skb.MacvlanBacklog, "a thousand multicasts wait for macvlans already", func(c *sim.Config) {
		macvlan(c)
		c.Costs.IP.Fixed = 0 // so that one poll after the other goes on, and the worker does not run
		c.NICs[0].RXRing = 4096
	}, func(_ *testing.T, h *sim.Host, begin func()) {
		begin()
		f := changed(h.UDPFrame(peer, netip.MustParseAddrPort("255.255.255.255:9"), 18), arp)
		for range 3000 {
			h.Inject(f)
		}
	}},
	{skb.TapFull, "buffer of a packet socket full: a copy, not the packet", func(c *sim.Config) {
		c.NICs[0].Taps = []scenario.Tap{{RcvBuf: 1}}
	}, flood(2)},
}

// TestFeeds provokes every loss of the table and compares the counters that
// move with those that the table says, among all counters that any loss moves.
func TestFeeds(t *testing.T) {
	var universe []string
	for _, f := range feeds {
		universe = append(universe, f.counters...)
	}
	require.Len(t, provocations, len(feeds))
	for _, f := range feeds {
		t.Run(f.reason.String()+"/"+f.when, func(t *testing.T) {
			at := slices.IndexFunc(provocations, func(p provocation) bool { return p.reason == f.reason && p.when == f.when })
			require.GreaterOrEqual(t, at, 0, "nothing provokes it")
			before, after := witness(t, &provocations[at])
			lost := after.Sub(before).Ledger.Dropped
			require.NotZero(t, lost[f.reason])
			var got []string
			for _, id := range moved(&before.Snapshot, &after.Snapshot) {
				if slices.Contains(universe, id) {
					got = append(got, id)
				}
			}
			require.ElementsMatch(t, unique(f.counters), got)
		})
	}
}

// witness lets a provocation happen and the driver fold its counters.
func witness(t *testing.T, p *provocation) (before, after sim.Snapshot) {
	cfg := sim.Linux40()
	if p.prepare != nil {
		p.prepare(&cfg)
	}
	h, err := sim.NewHost(cfg)
	require.NoError(t, err)
	p.provoke(t, h, func() { before = h.Snapshot() })
	h.Advance(2100 * time.Millisecond)
	require.NoError(t, h.CheckLedger())
	return before, h.Snapshot()
}

func unique(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}

// TestReasons: every reason is in the table, or is one that the model never
// uses.
func TestReasons(t *testing.T) {
	for r := skb.NotDropped + 1; r < skb.NumReasons; r++ {
		in := slices.ContainsFunc(feeds, func(f feed) bool { return f.reason == r })
		require.NotEqual(t, in, slices.Contains(never, r), r.String())
	}
	m := readModel(t)
	for _, r := range never {
		name := constantName(m, r)
		require.NotEmpty(t, name)
		for _, p := range m.packages {
			if slices.Contains([]string{"nic", "napi", "softirq", "ipstack", "udp", "socket"}, p.dir) {
				require.False(t, p.mentions(name), "%s uses skb.%s: the table of feeds must say so", p.dir, name)
			}
		}
	}
}
