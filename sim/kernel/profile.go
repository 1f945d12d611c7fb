package kernel

import "fmt"

// A Profile is one kernel as a list of behaviours. It is a plain value: derive
// another by changing fields of a copy.
type Profile struct {
	// Name is linux-4.0 and the like.
	Name string
	// Source says what the profile rests on.
	Source string
	// Release is what drivers show as their version, which is that of the kernel (5.11); empty: they have versions of their own.
	Release string
	// RepollSameRun: an instance that used its weight goes to the tail of the list and is polled again in the same
	// run of net_rx_action until the budget ends (K310-2, K310-3); otherwise at most once a run (NAPI-8).
	RepollSameRun bool
	// NetRXLooksAgain: net_rx_action whose private list is empty looks for instances that were scheduled meanwhile, which
	// need not raise NET_RX then, and goes on with what is left of budget and time (6.4).
	NetRXLooksAgain bool
	// NetdevBudgetUsecs: the time limit of net_rx_action is the sysctl net.core.netdev_budget_usecs (4.12); otherwise two jiffies.
	NetdevBudgetUsecs bool
	// SoftirqWhileKsoftirqd says what irq_exit and local_bh_enable do while ksoftirqd is runnable: run softirqs (SIRQ-12), or
	// defer them to it (4.9 to 6.4).
	SoftirqWhileKsoftirqd SoftirqRule
	// PollReturnsWork: a poll of ixgbe that is done charges its packets to the budget; otherwise nothing (POLL-3).
	PollReturnsWork bool
	// GRONormalList: packets that GRO does not merge go up in batches of net.core.gro_normal_batch, at the latest when the
	// poll ends (5.4); otherwise each at once (GRO-3).
	GRONormalList bool
	// UDPGRO: GRO merges the datagrams of a flow for a socket with UDP_GRO (5.0).
	UDPGRO bool
	// GROFixedIdent: datagrams without IP_DF that all have one ID may be merged, too (6.18); otherwise their IDs must count up.
	GROFixedIdent bool
	// SKBDefer: a reader leaves the skb to the CPU that made it, which frees what it was left in net_rx_action and may be
	// interrupted for it (5.19, of UDP from 6.18).
	SKBDefer bool
	// NAPIThreaded: a thread may poll an instance in place of net_rx_action (5.12).
	NAPIThreaded bool
	// NAPIDeferHardIRQs: a poll that is done may leave the interrupt masked and come again by a timer (5.8).
	NAPIDeferHardIRQs bool
	// IxgbeBuildSKB: ixgbe builds an skb around the receive buffer (4.12); otherwise, and with the private flag legacy-rx, it
	// copies headers or short frames out of it (RX-16, RX-23).
	IxgbeBuildSKB bool
	// IgbBuildSKB: igb builds an skb around the receive buffer (4.12), as ixgbe does.
	IgbBuildSKB bool
	// IxgbeLegacyHead is the size of the head into which ixgbe and igb copy, in bytes, skb_shared_info included (RX-27).
	IxgbeLegacyHead int
	// IxgbeAdaptiveITR: the dynamic moderation of ixgbe goes by packets and their size (4.15); otherwise by bytes per interval, in three classes (IRQ-14).
	IxgbeAdaptiveITR bool
	// IxgbeMaxRing is the largest ring of ixgbe on an 82599 (RX-1).
	IxgbeMaxRing int
	// IxgbeLRO: ixgbe has large-receive-offload on by default (RX-29).
	IxgbeLRO bool
	// RefillAfterLoop: ixgbe arms the freed descriptors that are left after the receive loop, too (K310-13).
	RefillAfterLoop bool
	// AffinityHintMoves: the affinity hint of a driver moves the interrupt (RX-39); otherwise it is only shown (K310-19).
	AffinityHintMoves bool
	// IxgbeBusyPoll: ixgbe has a function by which sockets poll a vector, with a lock and counters of its own (POLL-2, HW-28, K310-17).
	IxgbeBusyPoll bool
	// NAPIBusyLoop: sockets of every kind, and epoll, poll any NAPI instance, which they own meanwhile (4.12); otherwise connected
	// ones what the driver has for it (ixgbe_busy_poll).
	NAPIBusyLoop bool
	// BacklogReleasedEarly: process_backlog gives up its SCHED bit before it processes the last part (K310-14).
	BacklogReleasedEarly bool
	// RPSSingleCPU: an RPS map of one CPU on a queue without flow table is followed without a hash (K310-15).
	RPSSingleCPU bool
	// RFSHashBits: entries of the socket flow table hold upper bits of the flow's hash beside the CPU (RPS-6, K310-15).
	RFSHashBits bool
	// FlowLimit: the per-CPU flow limit exists (K310-8).
	FlowLimit bool
	// UDPEarlyDemux: UDP has an early-demux handler (K310-10).
	UDPEarlyDemux bool
	// UDPGROChecksum: GRO verifies UDP checksums in software that the device did not verify (GRO-2, K310-16).
	UDPGROChecksum bool
	// IgnoredMulti: the Udp row counts multicast datagrams without listener (K310-9).
	IgnoredMulti bool
	// EarlyDemuxFragments: early demux looks at fragments, too (IF-1, FR-11; not since 4.19).
	EarlyDemuxFragments bool
	// FragEvictor: above the low threshold a worker evicts incomplete datagrams, and a bucket holds 128 (FR-2, FR-4; not since 4.17).
	FragEvictor bool
	// FragOverlapFails: a datagram whose fragments overlap is given up, and ReasmOverlaps counts it (since 4.19), or of which one is empty or beyond the end; otherwise fragments are trimmed (FR-7).
	FragOverlapFails bool
	// ZeroNetValid: addresses of 0.0.0.0/8 other than 0.0.0.0 are as good as any (5.3); otherwise none is (1.5.4, 1.5.5).
	ZeroNetValid bool
	// FragQueueSize is what an incomplete datagram is charged for besides its fragments, in bytes (FR-3).
	FragQueueSize int
	// SubnetZeroBroadcast: the first address of a network is a broadcast address, too, as its last one is (fib_add_ifaddr before 5.14).
	SubnetZeroBroadcast bool
	// DeviceTapLists: packet sockets bound to a device are on lists of the device, which /proc/net/ptype does not show
	// (CORE-30, FMT-9); otherwise on those of all (K310-11).
	DeviceTapLists bool
	// SoftnetColumns is the width of /proc/net/softnet_stat (FMT-1, K310-8).
	SoftnetColumns int
	// NetstatColumns is whose columns of TCP, MPTCP and ICMP /proc/net/netstat and snmp have, and whose form /proc/net/udp.
	NetstatColumns NetstatColumns
	// RmemMax is the default of net.core.rmem_max.
	RmemMax int
	// MaxRestart is the number of passes of one __do_softirq (SIRQ-2).
	MaxRestart int
	// SoftirqTimeMS is the time limit of __do_softirq in milliseconds, rounded up to jiffies (SIRQ-2).
	SoftirqTimeMS int
	// FanoutFlush is the number of sockets that the multicast fan-out gathers before it delivers under the slot lock (section 3.1).
	FanoutFlush int
	// Hash2Threshold is the number of sockets in a slot up to which the primary chain is scanned (LK-1, 3.1).
	Hash2Threshold int
	// SmallHead is the size of an object of the slab skbuff_small_head in bytes, skb_shared_info included; 0: small heads come from kmalloc (linux-6.18 1.10).
	SmallHead int
	// SendPagedFrom is the size of a head in bytes, skb_shared_info included, above which udp_sendmsg puts the payload into page fragments; 0: never (linux-6.18 1.10).
	SendPagedFrom int
	// XDPTruesize is the truesize of a packet that a veth device copied for a native XDP program (linux-6.18 7.3).
	XDPTruesize int
	// TunReceives: what is written to a tap device is received at once; otherwise it goes through the backlog (4.15).
	TunReceives bool
	// LocalSourceOnly: without a reverse-path check, the only source refused for what it is is an address of the host; otherwise a subnet's broadcast address is, too (4.15).
	LocalSourceOnly bool
	// OtherhostCounted: a device counts the packets for another host that IP drops, in a counter that rtnetlink shows (5.19).
	OtherhostCounted bool
	// TimersMigrate: timers of an idle CPU run on another one (6.9).
	TimersMigrate bool
	// OutTransmits: the Ip row counts packets handed to a device in a column of its own (linux-6.18 4.3).
	OutTransmits bool
	// RoutingDropReasons: refusals by route input, IP options, reassembly and a reader's checksum have drop reasons of their own; otherwise they show as NOT_SPECIFIED (linux-6.18 4.2).
	RoutingDropReasons bool
	// AcceptRule is when a receive buffer takes a datagram: below_rcvbuf (S-2), up_to_rcvbuf (4.10), fits_or_empty (6.18).
	AcceptRule AcceptRule
	// ReleaseRule is when a reader gives memory back: each datagram after its copy (RX-7), or a quarter of the buffer at once (4.10).
	ReleaseRule ReleaseRule
	// FwdAllocRule is how many pages a socket takes from udp_mem: whole, whole_if_equal (6.1) or shortfall (6.12).
	FwdAllocRule FwdAllocRule
	// UDPMemLimit is which number of udp_mem is the ceiling: first (UM-3) or third (6.18).
	UDPMemLimit UDPMemLimit
	// UDPMemDrop is what a datagram counts that udp_mem refuses: in_errors (S-6), mem_errors (5.11) or drops_only (6.18); sk_drops always.
	UDPMemDrop UDPMemDrop
	// MemReserve: each CPU keeps up to net.core.mem_pcpu_rsv pages of udp_mem to itself before the common count sees them (6.0).
	MemReserve bool
	// SocketBacklog: a locked socket queues datagrams in its backlog; without, its lock is none of theirs (4.10).
	SocketBacklog bool
	// FilterFirst: the socket filter runs before the buffer is tested, and its refusals count in sk_drops (4.10); otherwise S-5.
	FilterFirst bool
	// Condense: a full-half buffer copies small page fragments into the head of the skb, whose truesize shrinks (skb_condense, 4.10).
	Condense bool
	// PeekCounts: InDatagrams counts a datagram when it is first seen, by MSG_PEEK too (RX-5); otherwise when it is taken.
	PeekCounts bool
	// OvflAlways: every datagram is stamped with sk_drops (OV-1); otherwise only those that come while SO_RXQ_OVFL is set.
	OvflAlways bool
	// RecvSkipsBadChecksum: a receive call that finds a bad checksum tries the next datagram; otherwise a non-blocking one ends with EAGAIN (5.2).
	RecvSkipsBadChecksum bool
	// RcvBufClamped: requests beyond half of INT_MAX are clamped, negative ones of SO_RCVBUFFORCE to 0; otherwise sk_rcvbuf can become negative (RB-5).
	RcvBufClamped bool
	// FanoutLockless: the multicast fan-out takes no slot lock and gathers nothing; every match but the first is served at once
	// with a clone, the first one last, with the packet itself (linux-6.18 2).
	FanoutLockless bool
	// Hash2First: a unicast lookup goes to the chain of the address, then to that of 0.0.0.0, however few sockets there are (linux-6.18 1.11).
	Hash2First bool
	// ReuseportArray: SO_REUSEPORT sockets of one address stand in an array, and a flow's hash scaled to its length chooses (linux-6.18 1.11).
	ReuseportArray bool
	// IncomingCPU: SO_INCOMING_CPU can be set (4.4): the socket of the CPU that processes a packet scores one more, and of a
	// SO_REUSEPORT array such a socket is taken, the first from the flow's place on (6.1; linux-6.18 1.11).
	IncomingCPU bool
	// EarlyDemuxBroadcast: early demux looks broadcast datagrams up, too (linux-6.18 2).
	EarlyDemuxBroadcast bool
	// TraceText is what trace files say of an event: plain, reasons (with the reason of kfree_skb, 5.17) or symbols (6.11).
	TraceText TraceText
	// ConnectedHash: connected sockets have a hash table of their own, which a unicast lookup asks first (6.13).
	ConnectedHash bool
	// BadChecksumMarked: GRO marks a packet of which it found the checksum bad, and UDP refuses it at once (GRO-2; not since 4.13).
	BadChecksumMarked bool
	// ZeroTagInner: a tag of VLAN 0 is taken off, and the next one looked at (5.4); otherwise nobody wants what has a second tag (CORE-4.8).
	ZeroTagInner bool
	// EarlyDemuxMember: early demux looks a multicast datagram up only if its interface wants it (linux-6.18 2).
	EarlyDemuxMember bool
}

// A SoftirqRule says who runs softirqs while ksoftirqd is runnable.
type SoftirqRule uint8

// Rules.
const (
	SoftirqsRun      SoftirqRule = iota // the interrupt's end and local_bh_enable run them all the same
	SoftirqsDeferred                    // they are left to ksoftirqd
)

// String implements fmt.Stringer.
func (r SoftirqRule) String() string {
	switch r {
	case SoftirqsRun:
		return "run"
	case SoftirqsDeferred:
		return "defer"
	}
	return ""
}

// Linux40 returns the reference profile: Linux 4.0.5 on x86-64.
func Linux40() Profile {
	return Profile{
		Name:              "linux-4.0",
		Source:            "Linux 4.0.5 source, never compared with a running kernel",
		AffinityHintMoves: true,
		FlowLimit:         true,
		IxgbeBusyPoll:     true,
		RFSHashBits:       true,
		UDPEarlyDemux:     true,
		UDPGROChecksum:    true,
		IgnoredMulti:      true,
		BadChecksumMarked: true,
		SoftnetColumns:    11,
		RmemMax:           212992,
		NetstatColumns:    NetstatOf40,
		MaxRestart:        10,
		SoftirqTimeMS:     2,
		FanoutFlush:       32,
		Hash2Threshold:    10,
		SocketBacklog:     true,
		PeekCounts:        true,
		OvflAlways:        true,

		EarlyDemuxBroadcast: true,
		SubnetZeroBroadcast: true,
		EarlyDemuxFragments: true,
		FragEvictor:         true,
		FragQueueSize:       168,
		DeviceTapLists:      true,
		IxgbeLegacyHead:     640,
		IxgbeMaxRing:        4096,
		IxgbeLRO:            true,
	}
}

// Linux310 returns the profile of the 3.10 line: the classic net_rx_action.
func Linux310() Profile {
	p := Linux40()
	p.Name = "linux-3.10"
	p.Source = "Linux 3.10 source, in part memory, never compared with a running kernel; mainline, no backports"
	p.RepollSameRun = true
	p.RefillAfterLoop = true
	p.AffinityHintMoves = false
	p.IxgbeBusyPoll = false
	p.BacklogReleasedEarly = true
	p.FlowLimit = false
	p.RPSSingleCPU = true
	p.RFSHashBits = false
	p.UDPEarlyDemux = false
	p.UDPGROChecksum = false
	p.IgnoredMulti = false
	p.DeviceTapLists = false
	p.SoftnetColumns = 10
	p.NetstatColumns = NetstatOf310
	return p
}

// Profiles returns every profile, the reference first.
func Profiles() []Profile {
	return []Profile{Linux40(), Linux310(), Linux61(), Linux612(), Linux618()}
}

// ProfileNamed returns the profile of that name.
func ProfileNamed(name string) (Profile, error) {
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
	}
	return Profile{}, fmt.Errorf("kernel %q: no such profile", name)
}
