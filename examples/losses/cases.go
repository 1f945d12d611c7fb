package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// A trap is one way to end before an application reads.
type trap struct {
	reason skb.DropReason
	when   string
	// at is where it ended, if not where the counters say that packets came.
	at string
	// who is the kernel's function, or the part of the device; knob the setting that has a say, empty if there is none.
	who, knob string
	// prepare changes the host before it is made; nil leaves it as it is.
	prepare func(*sim.Config)
	// lose loses packets; what happens before it calls begin does not count.
	lose func(h *sim.Host, begin func()) error
}

var (
	peer  = netip.MustParseAddrPort("10.0.0.1:5000")
	local = netip.MustParseAddrPort("10.0.0.2:5001")
	group = netip.MustParseAddrPort("239.1.0.1:5001")
)

// edit changes a frame and its header.
type edit func(*skb.Frame, *skb.Header)

func asIs(*skb.Frame, *skb.Header) {}

func arp(_ *skb.Frame, h *skb.Header) { h.EtherType = skb.EtherTypeARP }

// one sends one frame to our address and port, at which nobody listens.
func one(e edit) func(*sim.Host, func()) error { return oneTo(local, e) }

func oneTo(to netip.AddrPort, e edit) func(*sim.Host, func()) error {
	return func(h *sim.Host, begin func()) error {
		begin()
		h.Inject(edited(h.UDPFrame(peer, to, 100), e))
		return nil
	}
}

// edited returns a frame with a header of its own.
func edited(f skb.Frame, e edit) skb.Frame {
	head := *f.Head
	f.Head = &head
	e(&f, &head)
	return f
}

// flood sends n small frames as fast as the link carries them.
func flood(n int, to netip.AddrPort, e edit) func(*sim.Host, func()) error {
	return func(h *sim.Host, begin func()) error {
		begin()
		f := edited(h.UDPFrame(peer, to, 18), e)
		for range n {
			h.Inject(f)
		}
		return nil
	}
}

// send sends n datagrams to our port.
func send(h *sim.Host, n int) {
	f := h.UDPFrame(peer, local, 100)
	for range n {
		h.Inject(f)
	}
}

// heard does something with a socket on our port.
func heard(cfg socket.Config, lose func(*sim.Host, *sim.Socket, func()) error) func(*sim.Host, func()) error {
	return func(h *sim.Host, begin func()) error {
		cfg.Local = local
		s, err := h.Bind(cfg)
		if err != nil {
			return err
		}
		return lose(h, s, begin)
	}
}

// unread sends n datagrams to a socket that nobody reads.
func unread(n int, cfg socket.Config) func(*sim.Host, func()) error {
	return heard(cfg, func(h *sim.Host, _ *sim.Socket, begin func()) error {
		begin()
		send(h, n)
		return nil
	})
}

// badChecksum makes a datagram whose UDP checksum is wrong.
func badChecksum(h *sim.Host) skb.Frame {
	return edited(h.UDPFrame(peer, local, 100), func(_ *skb.Frame, h *skb.Header) { h.UDPChecksum = skb.ChecksumBad })
}

// fragments sends fragments of a datagram in three, by their places; the first
// number of two names another datagram.
func fragments(places ...[]int) func(*sim.Host, func()) error {
	return func(h *sim.Host, begin func()) error {
		begin()
		f := h.UDPFrame(peer, local, 4000)
		for _, p := range places {
			id := 7
			if len(p) > 1 {
				id = p[0]
			}
			h.Inject(new(skb.Fragmenter).Cut(&f, 1500, uint16(id))[p[len(p)-1]])
		}
		return nil
	}
}

// steered gives the packets to CPU 1, which takes long for each.
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

func router(c *sim.Config)      { c.IP.IPForward = 1 }
func promiscuous(c *sim.Config) { c.NICs[0].Promisc = true }
func withoutGRO(c *sim.Config)  { c.NICs[0].GRO = false }

func bridged(c *sim.Config) {
	c.Devices = []scenario.Device{{Name: "br0", Bridge: &scenario.Bridge{Ports: []scenario.BridgePort{{Device: "eth0", State: ipstack.PortForwarding}}}}}
}

func macvlan(c *sim.Config) {
	c.Devices = []scenario.Device{{Name: "mv0", Macvlan: &scenario.Macvlan{Device: "eth0", MAC: [6]byte{2, 5}}}}
}

// veth makes a host with a pair of devices, whose other end sends from a
// namespace of its own, with a current kernel.
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

// sent sends n datagrams at once from there.
func sent(n int) func(*sim.Host, func()) error {
	return func(h *sim.Host, begin func()) error {
		if _, err := h.Bind(socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:14506"), RcvBufForce: 1 << 24}); err != nil {
			return err
		}
		s, err := h.NewSender(sim.SenderConfig{Namespace: "tx", Local: netip.MustParseAddrPort("10.77.0.1:40000")})
		if err != nil {
			return err
		}
		begin()
		return s.SendSegments(netip.MustParseAddrPort("10.77.0.2:14506"), n*100, 100)
	}
}

// wanted turns the answer of a call that has to fail into an error if it did not.
func wanted(err error, what string) error {
	if err == nil {
		return fmt.Errorf("%s did not fail", what)
	}
	return nil
}

// cases has every reason of the model, in the order of the path.
var cases = []trap{
	{reason: skb.HWCRC, when: "bad frame check sequence", who: "MAC (CRCERRS)", knob: "cable, transceiver",
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.Fault = skb.FaultCRC })},
	{reason: skb.HWLength, when: "802.3 length field wrong", who: "MAC (RLEC)", knob: "the sender",
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.Fault = skb.FaultLength })},
	{reason: skb.HWOversize, when: "longer than MTU + 18", who: "MAC (ROC)", knob: "`ip link set eth0 mtu`",
		lose: one(func(f *skb.Frame, _ *skb.Header) { f.Len = 1515 })},
	{reason: skb.HWUndersize, when: "shorter than 64 bytes", who: "MAC (RUC)", knob: "the sender",
		lose: one(func(f *skb.Frame, _ *skb.Header) { f.Len = 59 })},
	{reason: skb.HWPause, when: "a pause frame, consumed by the MAC", who: "MAC (LXOFFRXC)", knob: "`ethtool -A eth0 rx`",
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.EtherType, h.PauseTime = skb.EtherTypePause, 0xffff })},
	{reason: skb.HWFilter, when: "neither our MAC address nor a joined group", who: "MAC (address filter)", knob: "`ip link set eth0 promisc`, `allmulticast`; join the group",
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.DstMAC[5]++ })},
	{reason: skb.HWFilter, when: "a filter of the flow director with the action -1", who: "MAC (flow director)", knob: "`ethtool -N eth0`",
		prepare: func(c *sim.Config) {
			c.NICs[0].NTuple, c.NICs[0].FlowFilters = true, []nic.FlowFilter{{Action: -1}}
		}, lose: one(asIs)},
	{reason: skb.HWVLANFilter, when: "a VLAN that nobody registered", who: "MAC (VLAN filter)", knob: "`ip link add link eth0 type vlan id`",
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.Tagged, h.VLAN = true, 7 })},
	{reason: skb.HWFIFO, when: "packet buffer of the controller full, because the ring was", at: "the packet buffer", who: "MAC (MPC)", knob: "`ethtool -G eth0 rx`; the CPU that empties the ring",
		lose: flood(30000, local, arp)},
	{reason: skb.HWNoDesc, when: "ring full, several queues, TX pause off", at: "the packet buffer", who: "MAC (QPRDC)", knob: "`ethtool -G eth0 rx`, `ethtool -A eth0 tx`",
		prepare: func(c *sim.Config) { c.NICs[0].Combined, c.NICs[0].TXPause = 2, false }, lose: flood(30000, local, arp)},
	{reason: skb.HWReset, when: "in the ring when `ethtool -G` reset the adapter", at: "the ring", who: "`ixgbe_set_ringparam`", knob: "change rings before the market opens",
		prepare: func(c *sim.Config) { c.NICs[0].RXUsecs = 1000 },
		lose: func(h *sim.Host, begin func()) error {
			send(h, 1)
			h.Advance(500 * time.Microsecond) // the next interrupt is throttled
			send(h, 10)
			h.Advance(10 * time.Microsecond)
			begin()
			return h.Set("nics[eth0].ring.rx", "4096")
		}},
	{reason: skb.FullRing, when: "ring of a veth device full (`tx_dropped` of the end that sent)", at: "the device", who: "`veth_xmit`", knob: "fewer at once", prepare: veth(nic.VethConfig{GRO: true}), lose: sent(300)},
	{reason: skb.XDPDropped, when: "an XDP program at a veth device", at: "the device", who: "`veth_xdp_rcv_skb`", knob: "the program", prepare: veth(nic.VethConfig{XDP: nic.XDPDrop}), lose: sent(1)},
	{reason: skb.CPUBacklog, when: "backlog of the RPS CPU longer than netdev_max_backlog", at: "the backlog", who: "`enqueue_to_backlog`", knob: "`net.core.netdev_max_backlog`, `rps_cpus`",
		prepare: steered, lose: unread(1000, socket.Config{RcvBufForce: 1 << 24})},
	{reason: skb.CPUBacklog, when: "one flow has more than half of the backlog", at: "the backlog", who: "`skb_flow_limit`", knob: "`net.core.flow_limit_cpu_bitmap`",
		prepare: func(c *sim.Config) {
			steered(c)
			c.Softirq.FlowLimitCPUs = []int{0}
		}, lose: unread(1000, socket.Config{RcvBufForce: 1 << 24})},
	{reason: skb.TCIngress, when: "a filter of the ingress queueing discipline", who: "`handle_ing`", knob: "`tc filter ... ingress`",
		prepare: func(c *sim.Config) { c.NICs[0].Ingress = []ipstack.Rule{{DropPPM: 1_000_000}} }, lose: one(asIs)},
	{reason: skb.MACInvalidSource, when: "a group as source address, at a bridge port", who: "`br_handle_frame`", knob: "the sender", prepare: bridged,
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.SrcMAC[0] |= 1 })},
	{reason: skb.MACControl, when: "a PAUSE address, at a bridge port", who: "`br_handle_frame`", knob: "the sender", prepare: bridged,
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.DstMAC = skb.MAC{0x01, 0x80, 0xc2, 0, 0, 1} })},
	{reason: skb.BridgeState, when: "a bridge port that does not forward", who: "`br_handle_frame`", knob: "spanning tree",
		prepare: func(c *sim.Config) {
			bridged(c)
			c.Devices[0].Bridge.Ports[0].State = ipstack.PortBlocking
		}, lose: one(asIs)},
	{reason: skb.DevReady, when: "for a macvlan that is down", who: "`macvlan_handle_frame`", knob: "`ip link set mv0 up`",
		prepare: func(c *sim.Config) {
			macvlan(c)
			c.Devices[0].Macvlan.Down = true
		}, lose: one(func(_ *skb.Frame, h *skb.Header) { h.DstMAC = [6]byte{2, 5} })},
	{reason: skb.MacvlanBacklog, when: "a thousand multicasts wait for macvlans already", who: "`macvlan_broadcast_enqueue`", knob: "fewer broadcasts",
		prepare: func(c *sim.Config) {
			macvlan(c)
			c.Costs.IP.Fixed = 0 // so that one poll after the other goes on, and the worker does not run
			c.NICs[0].RXRing = 4096
		}, lose: flood(3000, netip.MustParseAddrPort("255.255.255.255:9"), arp)},
	{reason: skb.TapFull, when: "buffer of a packet socket (tcpdump) full: a copy is lost, not the packet", at: "the tap", who: "`packet_rcv`", knob: "`tcpdump -B`; only `PACKET_STATISTICS` tells",
		prepare: func(c *sim.Config) { c.NICs[0].Taps = []scenario.Tap{{RcvBuf: 1}} }, lose: flood(2, local, arp)},
	{reason: skb.UnhandledProto, when: "EtherType without handler", who: "`__netif_receive_skb_core`", knob: "the sender",
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.EtherType = 0x88cc })},
	{reason: skb.UnhandledProto, when: "the same while tcpdump runs on the interface", who: "`__netif_receive_skb_core`", knob: "tcpdump: it takes the packet",
		prepare: func(c *sim.Config) { c.NICs[0].Taps = []scenario.Tap{{RcvBuf: 1 << 20}} },
		lose:    one(func(_ *skb.Frame, h *skb.Header) { h.EtherType = 0x88cc })},
	{reason: skb.HandledElsewhere, when: "no loss: ARP, for another handler", who: "`arp_rcv` and others", lose: one(arp)},
	{reason: skb.HandledElsewhere, when: "no loss: ICMP", who: "`icmp_rcv`", lose: one(func(_ *skb.Frame, h *skb.Header) { h.Proto = skb.ProtoICMP })},
	{reason: skb.HandledElsewhere, when: "no loss: passed on by a router", who: "`ip_forward`", knob: "`net.ipv4.ip_forward`", prepare: router,
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.Dst++ })},
	{reason: skb.OtherHost, when: "another host's MAC address, in promiscuous mode", who: "`ip_rcv`", knob: "`ip link set eth0 promisc off`", prepare: promiscuous,
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.DstMAC[5]++ })},
	{reason: skb.PktTooSmall, when: "shorter than its IP total length", who: "`ip_rcv`", knob: "the sender", lose: one(func(f *skb.Frame, _ *skb.Header) { f.IPLen++ })},
	{reason: skb.PktTooSmall, when: "UDP length wrong", who: "`__udp4_lib_rcv`", knob: "the sender", lose: one(func(f *skb.Frame, _ *skb.Header) { f.UDPLen++ })},
	{reason: skb.IPInHdr, when: "malformed IPv4 header", who: "`ip_rcv`", knob: "the sender", lose: one(func(_ *skb.Frame, h *skb.Header) { h.IHL = 4 })},
	{reason: skb.IPInHdr, when: "malformed IP options", who: "`ip_rcv_options`", knob: "the sender", lose: one(func(_ *skb.Frame, h *skb.Header) { h.Options = skb.OptionsBad })},
	{reason: skb.IPInHdr, when: "come too far for a router to pass on", who: "`ip_forward`", knob: "the sender's TTL", prepare: router,
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.Dst++; h.TTL = 1 })},
	{reason: skb.IPCsum, when: "bad IPv4 header checksum", who: "`ip_rcv`", knob: "the sender", lose: one(func(_ *skb.Frame, h *skb.Header) { h.IPChecksum = skb.ChecksumBad })},
	{reason: skb.NetfilterDrop, when: "a rule of the firewall", who: "`nf_hook_slow`", knob: "`iptables -L -v`: its own counters",
		prepare: func(c *sim.Config) { c.IP.Netfilter = []ipstack.Rule{{DstPort: 5001, DropPPM: 1_000_000}} }, lose: one(asIs)},
	{reason: skb.ConntrackFull, when: "the table of connection tracking full", who: "`init_conntrack`", knob: "`net.netfilter.nf_conntrack_max`; `-j NOTRACK`",
		prepare: func(c *sim.Config) {
			c.IP.Conntrack.On, c.IP.Conntrack.Max, c.IP.Conntrack.Assured, c.IP.Conntrack.Buckets = true, 100, 100, 1
		}, lose: one(asIs)},
	{reason: skb.IPRPFilter, when: "failed the reverse-path check: it should have come by another interface", who: "`fib_validate_source`", knob: "`net.ipv4.conf.all.rp_filter`",
		prepare: func(c *sim.Config) {
			twoNICs(c)
			c.IP.RPFilter = 1
		}, lose: func(h *sim.Host, begin func()) error {
			begin()
			h.InjectOn("eth1", h.UDPFrame(peer, local, 100))
			return nil
		}},
	{reason: skb.IPInvalidSource, when: "a source that cannot be, such as 127.0.0.1", who: "`ip_route_input_slow`", knob: "`net.ipv4.conf.all.log_martians`",
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.Src = 0x7f000001 })},
	{reason: skb.IPInvalidDest, when: "a group that the interface has not joined", who: "`ip_route_input_noref`", knob: "join it on this interface", prepare: promiscuous, lose: oneTo(group, asIs)},
	{reason: skb.IPInAddrErrors, when: "a unicast address that is not ours", who: "`ip_error`", knob: "`net.ipv4.ip_forward`", lose: one(func(_ *skb.Frame, h *skb.Header) { h.Dst++ })},
	{reason: skb.IPInNoRoutes, when: "a router that has no route for it", who: "`ip_error`", knob: "`ip route`",
		prepare: func(c *sim.Config) {
			router(c)
			c.IP.Routes = []ipstack.Route{{Dst: 0x0a000000, PrefixLen: 8, IfIndexes: []int32{2}}}
		}, lose: one(func(_ *skb.Frame, h *skb.Header) { h.Dst = 0xac100001 })},
	{reason: skb.IPSourceRoute, when: "a source route that is refused", who: "`ip_rcv_options`", knob: "`net.ipv4.conf.all.accept_source_route`",
		lose: one(func(_ *skb.Frame, h *skb.Header) { h.Options = skb.SourceRouteDone })},
	{reason: skb.FragReasmTimeout, when: "a fragment whose rest did not come in time", who: "`ip_expire`", knob: "`net.ipv4.ipfrag_time`",
		prepare: func(c *sim.Config) { c.IP.IPFragTime = 1 }, lose: fragments([]int{0})},
	{reason: skb.FragTooFar, when: "a fragment after which too many others of the source came", who: "`ip_frag_too_far`", knob: "`net.ipv4.ipfrag_max_dist`",
		prepare: func(c *sim.Config) { c.IP.IPFragMaxDist = 1 }, lose: fragments([]int{0}, []int{100, 0}, []int{101, 0}, []int{1})},
	{reason: skb.DupFrag, when: "a fragment that overlaps", who: "`ip_frag_queue`", knob: "the sender", lose: fragments([]int{0}, []int{0})},
	{reason: skb.FragInvalid, when: "fragments with an impossible mix of ECN bits", who: "`ip_frag_reasm`", knob: "the sender",
		lose: func(h *sim.Host, begin func()) error {
			begin()
			f := h.UDPFrame(peer, local, 2000)
			for i, g := range new(skb.Fragmenter).Cut(&f, 1500, 7) {
				h.Inject(edited(g, func(_ *skb.Frame, h *skb.Header) { h.TOS = uint8(i) }))
			}
			return nil
		}},
	{reason: skb.FragMem, when: "no memory for incomplete datagrams", who: "`inet_frag_find`", knob: "`net.ipv4.ipfrag_high_thresh`",
		prepare: func(c *sim.Config) { c.IP.IPFragHighThresh, c.IP.IPFragLowThresh = 1, 1<<30 }, lose: fragments([]int{100, 0}, []int{0})},
	{reason: skb.IPNoProto, when: "no handler for the IP protocol", who: "`ip_local_deliver_finish`", knob: "the sender", lose: one(func(_ *skb.Frame, h *skb.Header) { h.Proto = 132 })},
	{reason: skb.UDPCsum, when: "bad UDP checksum, found before a socket is looked for", who: "`__udp4_lib_rcv`", knob: "the sender",
		lose: func(h *sim.Host, begin func()) error { begin(); h.Inject(badChecksum(h)); return nil }},
	{reason: skb.UDPCsum, when: "bad UDP checksum, without GRO: found by the reader", at: "the receive queue", who: "`udp_recvmsg`", knob: "the sender", prepare: withoutGRO,
		lose: heard(socket.Config{}, func(h *sim.Host, s *sim.Socket, begin func()) error {
			begin()
			h.Inject(badChecksum(h))
			h.Advance(time.Millisecond)
			_, err := s.Recv()
			return wanted(err, "recv")
		})},
	{reason: skb.UDPCsum, when: "bad UDP checksum, without GRO: found for a socket's filter", at: "the socket", who: "`udp_queue_rcv_skb`", knob: "the sender", prepare: withoutGRO,
		lose: heard(socket.Config{}, func(h *sim.Host, s *sim.Socket, begin func()) error {
			s.SetFilter(func(_ *skb.Header, n uint32) uint32 { return n })
			begin()
			h.Inject(badChecksum(h))
			return nil
		})},
	{reason: skb.NoSocket, when: "no socket on the port", who: "`__udp4_lib_rcv`", knob: "start the program; `net.ipv4.icmp_ratelimit` for the answers", lose: one(asIs)},
	{reason: skb.IgnoredMulti, when: "a joined group, no socket on the port", who: "`__udp4_lib_mcast_deliver`", knob: "bind the port",
		lose: heard(socket.Config{Join: []socket.Join{{Group: group.Addr()}}}, func(h *sim.Host, _ *sim.Socket, begin func()) error {
			begin()
			h.Inject(h.UDPFrame(peer, netip.AddrPortFrom(group.Addr(), 9), 100))
			return nil
		})},
	{reason: skb.SocketFilter, when: "refused by the socket's filter", at: "the socket", who: "`sock_queue_rcv_skb`", knob: "`SO_ATTACH_FILTER`",
		lose: heard(socket.Config{}, func(h *sim.Host, s *sim.Socket, begin func()) error {
			s.SetFilter(func(*skb.Header, uint32) uint32 { return 0 })
			begin()
			send(h, 1)
			return nil
		})},
	{reason: skb.SocketFilter, when: "refused by a security module", at: "the socket", who: "`sock_queue_rcv_skb`", knob: "the policy of the module", lose: unread(1, socket.Config{Refusals: socket.Refusals{SecurityPPM: 1_000_000}})},
	{reason: skb.SocketFilter, when: "made of emergency reserves", at: "the socket", who: "`sock_queue_rcv_skb`", knob: "`vm.min_free_kbytes`", lose: unread(1, socket.Config{Refusals: socket.Refusals{ReservesPPM: 1_000_000}})},
	{reason: skb.XFRMPolicy, when: "refused by an IPsec policy", at: "the socket", who: "`udp_queue_rcv_skb`", knob: "`ip xfrm policy`", lose: unread(1, socket.Config{Refusals: socket.Refusals{PolicyPPM: 1_000_000}})},
	{reason: skb.SocketRcvbuff, when: "receive buffer full", at: "the socket", who: "`udp_queue_rcv_skb`, `sock_queue_rcv_skb`", knob: "`SO_RCVBUF`, `net.core.rmem_max`; a faster reader", lose: unread(4, socket.Config{RcvBuf: 1})},
	{reason: skb.SocketBacklog, when: "socket locked by its program, and its backlog full", at: "the socket", who: "`udp_queue_rcv_skb`", knob: "`SO_RCVBUF`", prepare: twoNICs,
		lose: heard(socket.Config{RcvBuf: 1}, func(h *sim.Host, s *sim.Socket, begin func()) error {
			s.Lock()
			send(h, 2) // two of the three that fit
			h.Advance(time.Millisecond)
			begin()
			f := h.UDPFrame(peer, local, 100)
			h.InjectOn("eth0", f) // on two CPUs at once: both find room before the lock, one behind it
			h.InjectOn("eth1", f)
			return nil
		})},
	{reason: skb.ProtoMem, when: "memory of all UDP sockets together", at: "the socket", who: "`__sk_mem_schedule`", knob: "`net.ipv4.udp_mem`, `udp_rmem_min`",
		prepare: func(c *sim.Config) { c.Limits.UDPMem = [3]int{1, 1, 1} }, lose: unread(6, socket.Config{})},
	{reason: skb.ProtoMem, when: "the same in a kernel that counts it (since 5.11; 6.18 does not)", at: "the socket", who: "`__sk_mem_schedule`", knob: "`net.ipv4.udp_mem`, `udp_rmem_min`",
		prepare: func(c *sim.Config) {
			c.Limits.UDPMem = [3]int{1, 1, 1}
			c.Kernel.UDPMemDrop = kernel.MemMemErrors
		}, lose: unread(6, socket.Config{})},
	{reason: skb.CopyFault, when: "could not be copied to the program", at: "the receive queue", who: "`udp_recvmsg`", knob: "the program's pointer",
		lose: heard(socket.Config{}, func(h *sim.Host, s *sim.Socket, begin func()) error {
			send(h, 1)
			h.Advance(time.Millisecond)
			begin()
			_, err := s.RecvMsg(100, socket.MsgFault)
			return wanted(err, "recvmsg")
		})},
	{reason: skb.SocketClosed, when: "still queued when the socket was closed", at: "the receive queue", who: "close", knob: "read what is left before closing",
		lose: heard(socket.Config{}, func(h *sim.Host, s *sim.Socket, begin func()) error {
			send(h, 1)
			h.Advance(time.Millisecond)
			begin()
			s.Close()
			return nil
		})},
}
