package main

import "github.com/seed-556df219/rxpath/sim/skb"

// A feed says which counters show that a packet ended for a reason. The test
// TestFeeds provokes every one and looks at what has moved.
type feed struct {
	reason skb.DropReason
	// when tells the cases of a reason apart.
	when string
	// counters are the ids of all that move because of the loss; none means that no file shows it.
	counters []string
}

// Groups of counters that move together.
var (
	coreDropped = []string{"statistics:rx_dropped", "ethtool:rx_dropped", "dev:Receive.drop"}
	missed      = []string{"ethtool:rx_missed_errors", "statistics:rx_missed_errors", "dev:Receive.drop"}
	reasmFails  = []string{"snmp:Ip.ReasmFails", "snmp:Ip.ReasmReqds"}
	rxErrors    = []string{"ethtool:rx_errors", "statistics:rx_errors", "dev:Receive.errs", "dev:Receive.frame"}
)

// feeds has every reason, in the order of the path.
var feeds = []feed{
	{skb.HWCRC, "bad frame check sequence", append([]string{"ethtool:rx_crc_errors", "statistics:rx_crc_errors"}, rxErrors...)},
	{skb.HWLength, "802.3 length field wrong", append([]string{"statistics:rx_length_errors"}, rxErrors...)},
	{skb.HWOversize, "longer than MTU + 18", []string{"ethtool:rx_long_length_errors"}},
	{skb.HWUndersize, "shorter than 64 bytes", []string{"ethtool:rx_short_length_errors"}},
	{skb.HWPause, "a pause frame, consumed by the MAC", []string{"ethtool:rx_flow_control_xoff"}},
	{skb.HWFilter, "neither our MAC nor a joined group", nil},
	{skb.HWFilter, "a filter of the flow director with the action -1", []string{"ethtool:fdir_match"}},
	{skb.HWVLANFilter, "a VLAN that nobody registered", nil},
	{skb.HWFIFO, "packet buffer of the NIC full", missed},
	{skb.HWNoDesc, "ring full, several queues, TX pause off", []string{"ethtool:rx_no_dma_resources"}},
	{skb.HWReset, "in the ring or the packet buffer when the adapter was reset", nil},
	{skb.CPUBacklog, "backlog longer than netdev_max_backlog", append([]string{"softnet_stat:dropped"}, coreDropped...)},
	{skb.CPUBacklog, "refused by the flow limit", append([]string{"softnet_stat:dropped", "softnet_stat:flow_limit_count"}, coreDropped...)},
	{skb.FullRing, "ring of a veth device full", nil},
	{skb.XDPDropped, "an XDP program at a veth device", nil},
	{skb.UnhandledProto, "EtherType without handler", coreDropped},
	{skb.UnhandledProto, "the same while a tap is open on the interface", nil},
	{skb.HandledElsewhere, "ARP, IPv6, TCP, IGMP", nil},
	{skb.HandledElsewhere, "ICMP", []string{"snmp:Icmp.InMsgs"}},
	{skb.HandledElsewhere, "passed on by a router", nil},
	{skb.OtherHost, "another host's MAC, in promiscuous mode", nil},
	{skb.PktTooSmall, "shorter than its IP total length", []string{"netstat:IpExt.InTruncatedPkts"}},
	{skb.PktTooSmall, "UDP length wrong", []string{"snmp:Udp.InErrors"}},
	{skb.IPInHdr, "malformed IPv4 header", []string{"snmp:Ip.InHdrErrors"}},
	{skb.IPInHdr, "malformed IP options", []string{"snmp:Ip.InHdrErrors"}},
	{skb.IPInHdr, "come too far for a router to pass on", []string{"snmp:Ip.InHdrErrors"}},
	{skb.IPCsum, "bad IPv4 header checksum", []string{"snmp:Ip.InHdrErrors", "netstat:IpExt.InCsumErrors", "ethtool:rx_csum_offload_errors"}},
	{skb.NetfilterDrop, "a rule of the firewall", nil},
	{skb.IPRPFilter, "failed the reverse-path check", []string{"netstat:TcpExt.IPReversePathFilter"}},
	{skb.IPInvalidSource, "a source that cannot be", nil},
	{skb.IPInvalidDest, "a group that the interface has not joined", nil},
	{skb.IPInAddrErrors, "a unicast address that is not ours", []string{"snmp:Ip.InAddrErrors"}},
	{skb.IPInNoRoutes, "a router that has no route for it", []string{"netstat:IpExt.InNoRoutes"}},
	{skb.IPSourceRoute, "a source route that is refused", nil},
	{skb.FragReasmTimeout, "fragments whose rest did not come in time", append([]string{"snmp:Ip.ReasmTimeout"}, reasmFails...)},
	{skb.FragTooFar, "fragments after which too many others of the source came", reasmFails},
	{skb.DupFrag, "a fragment that overlaps, is empty or goes beyond the end", []string{"snmp:Ip.ReasmReqds"}},
	{skb.FragInvalid, "fragments with an impossible mix of ECN bits", reasmFails},
	{skb.FragMem, "no memory for incomplete datagrams", reasmFails},
	{skb.ConntrackFull, "the table of connection tracking full", []string{"nf_conntrack:drop"}},
	{skb.IPNoProto, "no handler for the IP protocol", []string{"snmp:Ip.InUnknownProtos"}},
	{skb.UDPCsum, "bad UDP checksum, found before a socket", []string{"snmp:Udp.InCsumErrors", "snmp:Udp.InErrors"}},
	{skb.UDPCsum, "bad UDP checksum, found by the reader", []string{"snmp:Udp.InCsumErrors", "snmp:Udp.InErrors", "udp:drops"}},
	{skb.NoSocket, "no socket on the port", []string{"snmp:Udp.NoPorts"}},
	{skb.IgnoredMulti, "a joined group, no socket on the port", []string{"snmp:Udp.IgnoredMulti"}},
	{skb.SocketRcvbuff, "receive buffer full", []string{"snmp:Udp.RcvbufErrors", "snmp:Udp.InErrors", "udp:drops"}},
	{skb.SocketBacklog, "socket locked by its program, and its backlog full", []string{"snmp:Udp.InErrors", "udp:drops"}},
	{skb.SocketFilter, "refused by the socket's filter", []string{"snmp:Udp.InErrors"}},
	{skb.SocketFilter, "refused by a security module", []string{"snmp:Udp.InErrors"}},
	{skb.SocketFilter, "made of emergency reserves, or no memory to cut it for the filter", []string{"snmp:Udp.RcvbufErrors", "snmp:Udp.InErrors"}},
	{skb.XFRMPolicy, "refused by an IPsec policy, at a socket", []string{"snmp:Udp.InErrors", "udp:drops"}},
	{skb.UDPCsum, "bad UDP checksum, found for the socket's filter", []string{"snmp:Udp.InCsumErrors", "snmp:Udp.InErrors", "udp:drops"}},
	{skb.ProtoMem, "udp_mem", []string{"snmp:Udp.InErrors", "udp:drops"}},
	{skb.ProtoMem, "udp_mem, in a kernel that counts MemErrors", []string{"snmp:Udp.MemErrors", "snmp:Udp.InErrors", "udp:drops"}},
	{skb.CopyFault, "could not be copied to the program", []string{"snmp:Udp.InErrors", "udp:drops"}},
	{skb.SocketClosed, "still queued when the socket was closed", nil},
	{skb.TCIngress, "a filter of the ingress queueing discipline", nil},
	{skb.MACInvalidSource, "a group as source address, at a bridge port", nil},
	{skb.MACControl, "a PAUSE address, at a bridge port", nil},
	{skb.BridgeState, "a bridge port that does not forward", nil},
	{skb.DevReady, "for a macvlan that is down", nil},
	{skb.MacvlanBacklog, "a thousand multicasts wait for macvlans already", coreDropped},
	{skb.TapFull, "buffer of a packet socket full: a copy, not the packet", nil},
}

// never are the reasons that the kernel and the hardware have, and for which
// the model loses nothing.
var never = []skb.DropReason{skb.NoMem}

// fed returns the feeds of a counter.
func fed(id string) []feed {
	var out []feed
	for _, f := range feeds {
		for _, c := range f.counters {
			if c == id && id != "" {
				out = append(out, f)
			}
		}
	}
	return out
}
