package mib

// IP is the Ip row of /proc/net/snmp. It models struct ipstats_mib, the part
// that receiving moves.
type IP struct {
	// InReceives counts IPv4 packets that reached ip_rcv, also those dropped there; not OTHERHOST frames.
	// Incremented in net/ipv4/ip_input.c:ip_rcv (IP-2).
	InReceives uint64 `kernel:"InReceives"`
	// InHdrErrors counts packets dropped for a malformed header, a bad checksum among them; not truncated ones.
	// Incremented in net/ipv4/ip_input.c:ip_rcv (IP-4, IP-5, IP-7, IP-8, IP-10).
	InHdrErrors uint64 `kernel:"InHdrErrors"`
	// InAddrErrors counts unicast packets that are not for this host while it does not forward.
	// Incremented in net/ipv4/route.c:ip_error.
	InAddrErrors uint64 `kernel:"InAddrErrors"`
	// ForwDatagrams counts packets that a router passed on; here they end.
	// Incremented in net/ipv4/ip_forward.c:ip_forward_finish.
	ForwDatagrams uint64 `kernel:"ForwDatagrams"`
	// InUnknownProtos counts packets for an IP protocol without handler and without raw socket.
	// Incremented in net/ipv4/ip_input.c:ip_local_deliver_finish (LF-3).
	InUnknownProtos uint64 `kernel:"InUnknownProtos"`
	// InDelivers counts packets handed to a protocol, whatever became of them there: UDP drops are included.
	// Incremented in net/ipv4/ip_input.c:ip_local_deliver_finish (LF-2).
	InDelivers uint64 `kernel:"InDelivers"`
	// ReasmTimeout counts datagrams whose rest did not come in time; each is in ReasmFails, too.
	// Incremented in net/ipv4/ip_fragment.c:ip_expire (FR-5).
	ReasmTimeout uint64 `kernel:"ReasmTimeout"`
	// ReasmReqds counts fragments that were handed to reassembly.
	// Incremented in net/ipv4/ip_fragment.c:ip_defrag (FR-1).
	ReasmReqds uint64 `kernel:"ReasmReqds"`
	// ReasmOKs counts datagrams that were put together, not their fragments.
	// Incremented in net/ipv4/ip_fragment.c:ip_frag_reasm (FR-8).
	ReasmOKs uint64 `kernel:"ReasmOKs"`
	// ReasmFails counts datagrams that were given up, and fragments for which there was no memory; not fragments
	// that were refused because they overlap or go beyond the end.
	// Incremented in net/ipv4/ip_fragment.c:ip_defrag, ip_expire, ip_frag_too_far, ip_frag_reasm (FR-2 to FR-8).
	ReasmFails uint64 `kernel:"ReasmFails"`
	// OutRequests counts IP packets that this host sent, before they are cut into fragments.
	// Incremented in net/ipv4/ip_output.c:ip_output.
	OutRequests uint64 `kernel:"OutRequests"`
	// OutNoRoutes counts datagrams that could not be sent for want of a route.
	// Incremented in net/ipv4/route.c:ip_route_output_key_hash.
	OutNoRoutes uint64 `kernel:"OutNoRoutes"`
	// FragOKs counts datagrams that were cut into fragments.
	// Incremented in net/ipv4/ip_output.c:ip_fragment.
	FragOKs uint64 `kernel:"FragOKs"`
	// FragCreates counts the fragments.
	// Incremented in net/ipv4/ip_output.c:ip_fragment.
	FragCreates uint64 `kernel:"FragCreates"`
	// OutTransmits counts IP packets handed to a device, in kernels that have the column (6.7).
	// Incremented in net/ipv4/ip_output.c:ip_output.
	OutTransmits uint64 `kernel:"OutTransmits"`
}

// IPExt is the IpExt row of /proc/net/netstat.
type IPExt struct {
	// InNoRoutes counts packets that a router has no route for; a host counts them in Ip.InAddrErrors.
	// Incremented in net/ipv4/route.c:ip_error.
	InNoRoutes uint64 `kernel:"InNoRoutes"`
	// InTruncatedPkts counts packets shorter than their total-length field; they are not in InHdrErrors.
	// Incremented in net/ipv4/ip_input.c:ip_rcv (IP-9).
	InTruncatedPkts uint64 `kernel:"InTruncatedPkts"`
	// InMcastPkts counts packets routed as multicast to a joined group, also when no socket wants them.
	// Incremented in net/ipv4/ip_input.c:ip_rcv_finish (IF-4).
	InMcastPkts uint64 `kernel:"InMcastPkts"`
	// InBcastPkts counts packets routed as broadcast.
	// Incremented in net/ipv4/ip_input.c:ip_rcv_finish (IF-4).
	InBcastPkts uint64 `kernel:"InBcastPkts"`
	// InOctets counts bytes from the IP header on, link padding included.
	// Incremented in net/ipv4/ip_input.c:ip_rcv (IP-2, IP-15).
	InOctets uint64 `kernel:"InOctets"`
	// OutMcastPkts counts multicast packets sent.
	// Incremented in net/ipv4/ip_output.c:ip_finish_output2.
	OutMcastPkts uint64 `kernel:"OutMcastPkts"`
	// OutBcastPkts counts broadcast packets sent.
	// Incremented in net/ipv4/ip_output.c:ip_finish_output2.
	OutBcastPkts uint64 `kernel:"OutBcastPkts"`
	// OutOctets counts bytes of IP packets sent.
	// Incremented in net/ipv4/ip_output.c:ip_output.
	OutOctets uint64 `kernel:"OutOctets"`
	// OutMcastOctets counts bytes of the packets in OutMcastPkts.
	// Incremented in net/ipv4/ip_output.c:ip_finish_output2.
	OutMcastOctets uint64 `kernel:"OutMcastOctets"`
	// OutBcastOctets counts bytes of the packets in OutBcastPkts.
	// Incremented in net/ipv4/ip_output.c:ip_finish_output2.
	OutBcastOctets uint64 `kernel:"OutBcastOctets"`
	// InMcastOctets counts bytes of the packets in InMcastPkts, without padding.
	// Incremented in net/ipv4/ip_input.c:ip_rcv_finish (IF-4).
	InMcastOctets uint64 `kernel:"InMcastOctets"`
	// InBcastOctets counts bytes of the packets in InBcastPkts, without padding.
	// Incremented in net/ipv4/ip_input.c:ip_rcv_finish (IF-4).
	InBcastOctets uint64 `kernel:"InBcastOctets"`
	// InCsumErrors counts bad IPv4 header checksums; each is in Ip.InHdrErrors, too.
	// Incremented in net/ipv4/ip_input.c:ip_rcv (IP-8).
	InCsumErrors uint64 `kernel:"InCsumErrors"`
	// InNoECTPkts counts packets whose ECN bits are 00, before the header checksum is looked at.
	// Incremented in net/ipv4/ip_input.c:ip_rcv (IP-6).
	InNoECTPkts uint64 `kernel:"InNoECTPkts"`
	// InECT1Pkts counts packets whose ECN bits are 01.
	// Incremented in net/ipv4/ip_input.c:ip_rcv (IP-6).
	InECT1Pkts uint64 `kernel:"InECT1Pkts"`
	// InECT0Pkts counts packets whose ECN bits are 10.
	// Incremented in net/ipv4/ip_input.c:ip_rcv (IP-6).
	InECT0Pkts uint64 `kernel:"InECT0Pkts"`
	// InCEPkts counts packets whose ECN bits are 11: a router was congested.
	// Incremented in net/ipv4/ip_input.c:ip_rcv (IP-6).
	InCEPkts uint64 `kernel:"InCEPkts"`
	// ReasmOverlaps counts datagrams that were given up because fragments overlap; each is in Ip.ReasmFails, too.
	// Kernels before 4.19 have no such column.
	// Incremented in net/ipv4/ip_fragment.c:ip_frag_queue.
	ReasmOverlaps uint64 `kernel:"ReasmOverlaps"`
}

// TCPExt is what receiving UDP moves in the TcpExt row of /proc/net/netstat.
type TCPExt struct {
	// IPReversePathFilter counts packets that failed rp_filter; an IP drop, though it stands with TCP (RP-5).
	// Incremented in net/ipv4/ip_input.c:ip_rcv_finish (IF-2).
	IPReversePathFilter uint64 `kernel:"IPReversePathFilter"`
	// BusyPollRxPackets counts packets that sockets took off a ring themselves, by busy polling; not those that a socket's poll
	// found on no ring because the interrupt had been quicker. Kernels before 3.11 have no such column.
	// Incremented in include/net/busy_poll.h:sk_busy_loop (RX-3); since 4.12 in napi_busy_loop.
	BusyPollRxPackets uint64 `kernel:"BusyPollRxPackets"`
}

// ICMP is the Icmp row of /proc/net/snmp, the part that receiving UDP moves.
type ICMP struct {
	// InMsgs counts ICMP messages received; their content is not modelled.
	// Incremented in net/ipv4/icmp.c:icmp_rcv.
	InMsgs uint64 `kernel:"InMsgs"`
	// InDestUnreachs counts destination-unreachable messages received.
	// Incremented in net/ipv4/icmp.c:icmp_rcv.
	InDestUnreachs uint64 `kernel:"InDestUnreachs"`
	// InTimeExcds counts time-exceeded messages received.
	// Incremented in net/ipv4/icmp.c:icmp_rcv.
	InTimeExcds uint64 `kernel:"InTimeExcds"`
	// InParmProbs counts parameter-problem messages received.
	// Incremented in net/ipv4/icmp.c:icmp_rcv.
	InParmProbs uint64 `kernel:"InParmProbs"`
	// OutMsgs counts ICMP messages sent, after the rate limits.
	// Incremented in net/ipv4/icmp.c:icmp_out_count (UR-13).
	OutMsgs uint64 `kernel:"OutMsgs"`
	// OutRateLimitGlobal counts messages that were not sent because the host had sent too many (icmp_msgs_per_sec), in kernels
	// that have the column (6.1). Incremented in net/ipv4/icmp.c:icmpv4_global_allow.
	OutRateLimitGlobal uint64 `kernel:"OutRateLimitGlobal"`
	// OutRateLimitHost counts messages that were not sent because the peer had been sent too many (icmp_ratelimit), in kernels
	// that have the column (6.1). Incremented in net/ipv4/icmp.c:icmpv4_xrlim_allow.
	OutRateLimitHost uint64 `kernel:"OutRateLimitHost"`
	// OutDestUnreachs counts destination-unreachable messages sent: six at once to a peer and then one in each
	// net.ipv4.icmp_ratelimit, never about multicast and broadcast; over lo without limit.
	// Incremented in net/ipv4/icmp.c:icmp_out_count (UR-13).
	OutDestUnreachs uint64 `kernel:"OutDestUnreachs"`
	// OutTimeExcds counts time-exceeded messages sent: packets that came too far, datagrams that stayed incomplete.
	// Incremented in net/ipv4/icmp.c:icmp_out_count (FR-5).
	OutTimeExcds uint64 `kernel:"OutTimeExcds"`
	// OutParmProbs counts parameter-problem messages sent: malformed IP options.
	// Incremented in net/ipv4/icmp.c:icmp_out_count (IF-3).
	OutParmProbs uint64 `kernel:"OutParmProbs"`
}

// UDP is the Udp row of /proc/net/snmp. It models struct udp_mib.
type UDP struct {
	// InDatagrams counts datagrams that an application has read, or peeked at first; not datagrams that arrived.
	// Incremented in net/ipv4/udp.c:udp_recvmsg (RX-5).
	InDatagrams uint64 `kernel:"InDatagrams"`
	// NoPorts counts unicast datagrams with a good checksum and no socket; a bad one counts in InCsumErrors and InErrors
	// (UR-10), multicast and broadcast that nobody wants in IgnoredMulti.
	// Incremented in net/ipv4/udp.c:__udp4_lib_rcv (UR-11).
	NoPorts uint64 `kernel:"NoPorts"`
	// InErrors counts datagrams that UDP had in hand and dropped, once for each socket that lost a copy; not those
	// without a listener, nor anything that was lost before UDP. Bad checksums count in InCsumErrors, too, full receive
	// buffers in RcvbufErrors; wrong lengths, filters, policies, full socket backlogs, udp_mem and copies that failed count here only.
	// Incremented in net/ipv4/udp.c:__udp_queue_rcv_skb, udp_queue_rcv_skb, __udp4_lib_rcv, flush_stack, udp_recvmsg, first_packet_length.
	InErrors uint64 `kernel:"InErrors"`
	// OutDatagrams counts datagrams that this host sent.
	// Incremented in net/ipv4/udp.c:udp_sendmsg.
	OutDatagrams uint64 `kernel:"OutDatagrams"`
	// RcvbufErrors counts datagrams for which sock_queue_rcv_skb returned ENOMEM, or the test before it would have: the
	// receive buffer was full (Q-5, S-2), or there was no memory for a clone (FS-2), to cut the datagram for a filter, or none but
	// the emergency reserves (S-3, S-5). Each is in InErrors, too. A full socket backlog and udp_mem (S-6) are not here.
	// Incremented in net/ipv4/udp.c:__udp_queue_rcv_skb, udp_queue_rcv_skb, flush_stack.
	RcvbufErrors uint64 `kernel:"RcvbufErrors"`
	// InCsumErrors counts bad UDP checksums where they are found, which may be as late as the read, once for each socket (CS-2);
	// each is in InErrors, too.
	// Incremented in net/ipv4/udp.c:__udp4_lib_rcv, udp_queue_rcv_skb, udp_recvmsg, first_packet_length (UR-4, UR-10, Q-4, PL-1).
	InCsumErrors uint64 `kernel:"InCsumErrors"`
	// IgnoredMulti counts multicast and broadcast datagrams that came up to UDP, because the interface is a member of the group, and
	// that no socket wanted: by its port, its address, its peer or its sources.
	// Incremented in net/ipv4/udp.c:__udp4_lib_mcast_deliver (section 3.1).
	IgnoredMulti uint64 `kernel:"IgnoredMulti"`
	// MemErrors counts datagrams refused by udp_mem, where the kernel has the column (5.11) and fills it (not 6.18);
	// each is in InErrors, too.
	// Incremented in net/ipv4/udp.c:__udp_queue_rcv_skb.
	MemErrors uint64 `kernel:"MemErrors"`
}

// Net holds the counters of one network namespace.
type Net struct {
	IP     IP
	IPExt  IPExt
	TCPExt TCPExt
	ICMP   ICMP
	UDP    UDP
}
