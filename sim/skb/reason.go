package skb

// A DropReason says why a packet ended before an application read it. The
// reasons below HardwareReasons are the kernel's enum skb_drop_reason without
// its prefix (younger than 4.0, whose files print none: there they are our own
// bookkeeping); the others are our own.
type DropReason uint8

// Reasons, with the first place of the path first.
const (
	// NotDropped is the zero value: the packet lives (SKB_NOT_DROPPED_YET).
	NotDropped DropReason = iota

	// HWCRC: bad frame check sequence, refused by the MAC (HW-25).
	HWCRC
	// HWLength: 802.3 length field does not match the frame (HW-26).
	HWLength
	// HWOversize: longer than the maximum frame size (HW-26).
	HWOversize
	// HWUndersize: shorter than 64 bytes with a good FCS (HW-26).
	HWUndersize
	// HWPause: a PAUSE frame, consumed by the MAC (HW-27).
	HWPause
	// HWFilter: neither our MAC nor a group we listen to (RX-42), or a filter of the flow director that drops (RX-35).
	HWFilter
	// HWVLANFilter: tagged with a VLAN id nobody registered (RX-41).
	HWVLANFilter
	// HWFIFO: the packet buffer of the NIC was full; rx_missed_errors (HW-7c).
	HWFIFO
	// HWNoDesc: no descriptor, drop enabled; rx_no_dma_resources (HW-7d).
	HWNoDesc
	// HWReset: in the FIFO or the ring when the adapter was reset (RX-2, RX-3).
	HWReset

	// CPUBacklog: netdev_max_backlog or the flow limit (RPS-9).
	CPUBacklog
	// UnhandledProto: no handler for the EtherType (CORE-4).
	UnhandledProto
	// HandledElsewhere: went to a handler that this model counts but does not follow (ARP, IPv6, TCP, ICMP).
	HandledElsewhere
	// OtherHost: not addressed to us, dropped by ip_rcv without a counter (IP-1).
	OtherHost
	// PktTooSmall: fewer bytes than the header needs, or than its length field says (IP-4, IP-9, UR-1, UR-2).
	PktTooSmall
	// IPInHdr: malformed IPv4 header (IP-5, IP-7, IP-10).
	IPInHdr
	// IPCsum: bad IPv4 header checksum (IP-8).
	IPCsum
	// NetfilterDrop: a rule at PRE_ROUTING or LOCAL_IN said so (NF-2).
	NetfilterDrop
	// IPRPFilter: failed the reverse-path check (RP-5).
	IPRPFilter
	// IPInvalidSource: martian source address (1.5).
	IPInvalidSource
	// IPInvalidDest: a group that this interface has not joined, or an address that cannot be routed (MC-1).
	IPInvalidDest
	// IPInAddrErrors: not our address and not forwarding (ip_error).
	IPInAddrErrors
	// IPNoProto: no handler and no raw socket for the IP protocol (LF-3).
	IPNoProto
	// UDPCsum: bad UDP checksum (UR-4, UR-10, Q-4, recvmsg).
	UDPCsum
	// NoSocket: no socket for the unicast port (UR-11).
	NoSocket
	// IgnoredMulti: no listener for the multicast port; the kernel calls it consumed (section 3.1).
	IgnoredMulti
	// NoMem: a clone could not be allocated (FS-2).
	NoMem
	// SocketRcvbuff: the receive buffer was full by either test (Q-5, S-2).
	SocketRcvbuff
	// SocketBacklog: the socket was owned and its backlog full.
	SocketBacklog
	// SocketFilter: sk_filter refused it: a BPF filter, an LSM hook, for want of memory to cut it (S-3, S-4, S-5).
	SocketFilter
	// ProtoMem: the udp_mem limit (S-6).
	ProtoMem
	// SocketClosed: queued when the socket was closed (V18).
	SocketClosed
	// CopyFault: lost in recvmsg by a copy fault (5.2).
	CopyFault
	// TapFull: the clone for a packet socket whose buffer was full (CORE-31).
	TapFull

	// Reasons from here on came later: a run's digest has the numbers of those above.

	// IPInNoRoutes: to be forwarded, and no way to go (ip_error).
	IPInNoRoutes
	// IPSourceRoute: a source route that is refused or leads nowhere (IF-3).
	IPSourceRoute
	// FragReasmTimeout: the rest of the datagram did not come in time (FR-5).
	FragReasmTimeout
	// FragTooFar: too many other fragments of the source have come since (FR-6).
	FragTooFar
	// DupFrag: a fragment that is there already; up to 4.18 also one that is empty, beyond the end, or overlaps (FR-7).
	DupFrag
	// FragInvalid: fragments that do not make a datagram: too long, or an impossible mix of ECN bits (FR-8); since 4.19 also those of a
	// datagram of which two overlap, or one is empty or beyond the end.
	FragInvalid
	// ConntrackFull: no room for the packet's connection in the table of connection tracking (NF-3).
	ConntrackFull
	// FragMem: no memory for incomplete datagrams (FR-2, FR-4).
	FragMem
	// TCIngress: a filter of the ingress queueing discipline said so (CORE-4.5).
	TCIngress
	// MACInvalidSource: the source address of a frame for a bridge is a group or zero (CORE-42).
	MACInvalidSource
	// MACControl: a PAUSE address at a bridge port (CORE-42).
	MACControl
	// BridgeState: the bridge port is not forwarding (CORE-42).
	BridgeState
	// DevReady: the macvlan it was for is down (CORE-43).
	DevReady
	// MacvlanBacklog: the copy of a multicast for macvlans when a thousand waited already (CORE-43).
	MacvlanBacklog
	// FullRing: the ring of a veth device was full; tx_dropped of the sending end (linux-6.18 7.3).
	FullRing
	// XDPDropped: a native XDP program at a veth device said so.
	XDPDropped
	// XFRMPolicy: an IPsec policy said so, at a socket.
	XFRMPolicy

	// NumReasons is the number of reasons, NotDropped included.
	NumReasons
)

// The reasons before this one are the hardware's.
const firstSoftware = CPUBacklog

var reasonNames = [NumReasons]string{
	NotDropped: "NOT_DROPPED_YET",
	HWCRC:      "HW_CRC", HWLength: "HW_LENGTH", HWOversize: "HW_OVERSIZE", HWUndersize: "HW_UNDERSIZE",
	HWPause: "HW_PAUSE", HWFilter: "HW_FILTER", HWVLANFilter: "HW_VLAN_FILTER",
	HWFIFO: "HW_FIFO", HWNoDesc: "HW_NO_DESC", HWReset: "HW_RESET",
	FullRing: "FULL_RING", XDPDropped: "XDP",
	CPUBacklog: "CPU_BACKLOG", UnhandledProto: "UNHANDLED_PROTO", HandledElsewhere: "HANDLED_ELSEWHERE",
	TCIngress: "TC_INGRESS", MACInvalidSource: "MAC_INVALID_SOURCE", MACControl: "MAC_IEEE_MAC_CONTROL",
	BridgeState: "BRIDGE_INGRESS_STP_STATE", DevReady: "DEV_READY", MacvlanBacklog: "MACVLAN_BACKLOG",
	OtherHost: "OTHERHOST", PktTooSmall: "PKT_TOO_SMALL", IPInHdr: "IP_INHDR", IPCsum: "IP_CSUM",
	NetfilterDrop: "NETFILTER_DROP", IPRPFilter: "IP_RPFILTER", IPInvalidSource: "IP_INVALID_SOURCE",
	IPInvalidDest: "IP_INVALID_DEST", IPInAddrErrors: "IP_INADDRERRORS", IPInNoRoutes: "IP_INNOROUTES", IPSourceRoute: "IP_SOURCE_ROUTE",
	FragReasmTimeout: "FRAG_REASM_TIMEOUT", FragTooFar: "FRAG_TOO_FAR", DupFrag: "DUP_FRAG", FragInvalid: "FRAG_INVALID", FragMem: "FRAG_MEM",
	ConntrackFull: "NF_CONNTRACK_FULL",
	IPNoProto:     "IP_NOPROTO",
	UDPCsum:       "UDP_CSUM", NoSocket: "NO_SOCKET", IgnoredMulti: "IGNORED_MULTI", NoMem: "NOMEM",
	SocketRcvbuff: "SOCKET_RCVBUFF", SocketBacklog: "SOCKET_BACKLOG", SocketFilter: "SOCKET_FILTER",
	ProtoMem: "PROTO_MEM", SocketClosed: "SOCKET_CLOSE", CopyFault: "COPY_FAULT", TapFull: "PACKET_SOCK_ERROR",
	XFRMPolicy: "XFRM_POLICY",
}

// String returns the name that results use: SOCKET_RCVBUFF, HW_FIFO.
func (r DropReason) String() string {
	if r < NumReasons {
		return reasonNames[r]
	}
	return "UNKNOWN"
}

// Hardware reports whether the packet was lost before the kernel saw it.
func (r DropReason) Hardware() bool { return r > NotDropped && r < firstSoftware }

// Lost reports whether r is a loss for lack of room, memory or time; the other
// reasons are refusals on purpose (contracts: drops and rejects).
func (r DropReason) Lost() bool {
	switch r {
	case HWFIFO, HWNoDesc, HWReset, FullRing, CPUBacklog, MacvlanBacklog, NoMem, SocketRcvbuff, SocketBacklog, ProtoMem, FragMem, ConntrackFull, CopyFault, TapFull:
		return true
	}
	return false
}
