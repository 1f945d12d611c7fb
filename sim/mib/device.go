package mib

import "reflect"

// Link is the row of a device as dev_get_stats returns it. It models struct
// rtnl_link_stats64, the receive half; the transmit half is zero, because
// nothing is sent.
type Link struct {
	// RXPackets counts frames that the driver handed to the stack, also those the stack then drops; not frames lost in the NIC.
	RXPackets uint64 `kernel:"rx_packets"`
	// RXBytes counts their bytes with Ethernet header, without FCS and stripped VLAN tag, padded to 60 (RX-9).
	RXBytes uint64 `kernel:"rx_bytes"`
	// RXErrors counts CRC and length errors, as of the last fold (HW-22).
	RXErrors uint64 `kernel:"rx_errors"`
	// RXDropped counts drops of the receive core: backlog full, no handler. Not losses in the NIC (FMT-11).
	RXDropped uint64 `kernel:"rx_dropped"`
	// Multicast counts multicast frames that the MAC accepted, as of the last fold.
	Multicast uint64 `kernel:"multicast"`
	// RXLengthErrors counts 802.3 length mismatches, as of the last fold.
	RXLengthErrors uint64 `kernel:"rx_length_errors"`
	// RXCRCErrors counts bad frame check sequences, as of the last fold.
	RXCRCErrors uint64 `kernel:"rx_crc_errors"`
	// RXFIFOErrors counts frames that igb lost for want of a descriptor or of room in the packet buffer, so the latter
	// twice (IGB-8); ixgbe leaves it 0.
	RXFIFOErrors uint64 `kernel:"rx_fifo_errors"`
	// RXMissedErrors counts frames lost because the packet buffer was full, as of the last fold; /proc/net/dev
	// shows it in its drop column. Losses for want of a descriptor with drop enable are not here (HW-8).
	RXMissedErrors uint64 `kernel:"rx_missed_errors"`
	// TXPackets counts frames sent by lo, a veth or a tap device, once the other end has taken them; a veth's ring
	// counts them when they are polled at the other end.
	TXPackets uint64 `kernel:"tx_packets"`
	// TXBytes counts their bytes.
	TXBytes uint64 `kernel:"tx_bytes"`
	// TXDropped counts frames that the other end of a veth did not take: its backlog or its ring was full.
	TXDropped uint64 `kernel:"tx_dropped"`
}

// Add adds every counter of o. It models what bond_get_stats adds up (CORE-41a).
func (l *Link) Add(o *Link) { addFields(reflect.ValueOf(l).Elem(), reflect.ValueOf(o).Elem()) }

// NameValue is one line of `ethtool -S`.
type NameValue struct {
	Name  string
	Value uint64
}

// Ethtool is what the ethtool command shows of a device, besides -S.
type Ethtool struct {
	Driver, Version, FirmwareVersion, BusInfo string
	RXMax, RX, TXMax, TX                      int // -g
	RXUsecs, TXUsecs                          int // -c
	AutonegPause, RXPause, TXPause            bool
	CombinedMax, Combined, Other              int // -l
	RXFlowHashPorts                           bool
	// Indirection is the table of -x; empty if the driver has no operation for it (RX-33).
	Indirection []int
}

// RXQueue is one receive queue in /sys/class/net/<if>/queues.
type RXQueue struct {
	// RPSCPUs are the CPUs of its rps_cpus mask; empty: RPS is off (RPS-1).
	RPSCPUs []int
	// RPSFlowCnt is the number of entries of its flow table; 0: there is none (RPS-1).
	RPSFlowCnt int
}

// Device is one network device.
type Device struct {
	Name    string
	IfIndex int
	MAC     [6]byte
	MTU     int
	// SpeedMbps is the speed of the link in Mb/s; 0 for a device without, as lo.
	SpeedMbps int
	// Down is an interface that is not up, NoCarrier one whose link has no partner.
	Down, NoCarrier, Promisc, AllMulti bool
	Link                               Link
	// RXOtherhostDropped counts frames for another host that IP dropped, where the kernel counts them (5.19); only
	// rtnetlink shows it.
	RXOtherhostDropped uint64
	// RXQueues are the receive queues, rx-0 first.
	RXQueues []RXQueue
	// Stats are the lines of `ethtool -S` in the driver's order; nil for a device without.
	Stats   []NameValue
	Ethtool *Ethtool
}

// IRQ is one row of /proc/interrupts.
type IRQ struct {
	Number int
	Name   string
	Counts []uint64 // per CPU
	// CPUs are those of its smp_affinity, Hint those of its affinity_hint, ascending.
	CPUs, Hint []int
}

// Socket is one row of /proc/net/udp.
type Socket struct {
	Name                  string // of the application, in results only
	Bucket                uint32 // sl: the hash slot
	Local, Remote         uint32 // addresses as numbers: 127.0.0.1 is 0x7f000001
	LocalPort, RemotePort uint16
	Connected             bool
	RxQueue               int // sk_rmem_alloc: bytes of truesize
	RcvBuf                int // sk_rcvbuf
	Backlog               int // sk_backlog.len
	Queued                int // datagrams in the receive queue
	MaxQueued             int // the most that ever were
	UID                   int
	Inode                 uint64
	Drops                 uint64 // sk_drops
	Delivered             uint64 // datagrams read, in results only
	Bytes                 uint64 // payload bytes read, in results only
	Order                 int    // position in the bucket, newest first
}

// Tap is one packet socket. No file of a real host shows all of it: the program
// asks for its statistics.
type Tap struct {
	Name, Device string // of the program; of the device it is bound to, empty for all
	RcvBuf       int    // sk_rcvbuf
	Frames       int    // of its mmap ring, 0 without one
	Rmem, Queued int    // sk_rmem_alloc, and packets that wait
	Packets      uint64 // tp_packets since it was opened
	Drops        uint64 // tp_drops since it was opened
	SKDrops      uint64 // sk_drops
	Bytes        uint64 // bytes kept
}

// Membership is one group of one device in /proc/net/igmp.
type Membership struct {
	IfIndex int
	Group   uint32
	Users   int
}

// MCFilter is one row of /proc/net/mcfilter: a source that members of a group name.
type MCFilter struct {
	IfIndex            int
	Group, Source      uint32
	Includes, Excludes int // members that name it, by their mode
}

// MCAddr is one row of /proc/net/dev_mcast.
type MCAddr struct {
	IfIndex   int
	Refcount  int
	GlobalUse int
	Addr      [6]byte
}

// PType is one row of /proc/net/ptype.
type PType struct {
	EtherType uint16 // 0 for ALL
	Device    string
	Function  string
}

// Snapshot is everything that the host's files show at one instant. Values are
// copies: comparing two snapshots is the normal way to test.
type Snapshot struct {
	// TimePS is the virtual time in picoseconds.
	TimePS int64
	HZ     int
	// PossibleCPUs is the number of CPUs that the kernel was made ready for, if that is more than those of CPUs,
	// which are online.
	PossibleCPUs int
	Net          Net
	CPUs         []CPU
	// Devices are in the order of their interface index; lo is the first.
	Devices []Device
	IRQs    []IRQ
	// Sockets are in the order of /proc/net/udp: bucket, then newest first.
	Sockets     []Socket
	Memberships []Membership
	MCFilters   []MCFilter
	MCAddrs     []MCAddr
	PTypes      []PType
	// Taps are the packet sockets in the order in which they were opened.
	Taps []Tap
	// UDPMemPages is the "mem" of the UDP row of /proc/net/sockstat.
	UDPMemPages int
	// SocketsUsed counts all sockets of the host.
	SocketsUsed int
	// RawSockets counts raw IPv4 sockets.
	RawSockets int
	// PacketSockets counts taps.
	PacketSockets int
	// FragMemory is what incomplete datagrams hold, in bytes: the FRAG row of /proc/net/sockstat (FR-3).
	FragMemory int
	// SoftnetColumns is the width of softnet_stat in this kernel: 10, 11, 13 or 15.
	SoftnetColumns int
	// Conntrack has what each CPU counts of connection tracking, nil without it; ConntrackCount is the number of connections.
	Conntrack      []Conntrack
	ConntrackCount int
	// Forwarding is net.ipv4.ip_forward.
	Forwarding bool
	// NoIgnoredMulti is set for a kernel whose Udp row has no column IgnoredMulti (K310-9).
	NoIgnoredMulti bool
	// ReasmOverlaps is set for a kernel whose IpExt row has a column ReasmOverlaps.
	ReasmOverlaps bool
	// OutTransmits is set for a kernel whose Ip row has a column OutTransmits.
	OutTransmits bool
	// NetstatColumns is the format of netstat, and with it of snmp and udp: that of linux-3.10, linux-4.0, linux-6.1, linux-6.12
	// or linux-6.18; empty: linux-4.0.
	NetstatColumns string
	// MemErrors is set for a kernel whose Udp row has a column MemErrors.
	MemErrors bool
	// NrIRQs is nr_irqs, the number of interrupt descriptors: it is the length of the intr line of /proc/stat
	// and sets the width of /proc/interrupts (FMT-13). One more than the highest number in IRQs is the least.
	NrIRQs int
	// Processes counts tasks created since boot, the processes line of /proc/stat.
	Processes uint64
	// ProcsRunning is the number of tasks that run or could run now, the procs_running line of /proc/stat.
	ProcsRunning int
}

// MaxPossible is CONFIG_NR_CPUS of large distribution kernels.
const MaxPossible = 8192

// Possible returns the number of possible CPUs (nr_cpu_ids).
func (s *Snapshot) Possible() int { return max(min(s.PossibleCPUs, MaxPossible), len(s.CPUs)) }
