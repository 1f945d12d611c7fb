package scenariofile

import (
	"encoding/json"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/udp"
)

// The types of this file are the scenario file as Go sees it. Their comments
// are the documentation: the schema and docs/scenario.md are generated from
// them, rule numbers included. A field tagged self stands for its whole
// mapping; a field tagged only belongs to one kind of source; a field tagged
// example is shown with that value.
//
// A document is decoded on top of its defaults, so that it is complete
// afterwards; what has no default is a pointer, or a scalar that knows whether
// it was given.

// A document is a scenario file: a host, its traffic, its applications, how long to run.
type document struct {
	// Schema names the JSON Schema of this format for editors; rxpath does not read it.
	Schema string `json:"$schema,omitempty"`
	// Name appears in results. Left out: the name of the file without its ending.
	Name string `json:"name,omitempty"`
	// Kernel is the kernel profile by its name, or a profile with changes.
	Kernel kernelSection `json:"kernel"`
	// Host is the machine without its interfaces and applications.
	Host hostSection `json:"host"`
	// Sysctl holds sysctls under their own names.
	Sysctl sysctlSection `json:"sysctl"`
	// NICs are the network interfaces, at most 64. Left out: one named eth0 if there is traffic or an application, and no sender.
	NICs []nicSection `json:"nics,omitempty" jsonschema:"maxItems=64"`
	// Veths are pairs of virtual Ethernet devices, as containers have them.
	Veths []vethSection `json:"veths,omitempty"`
	// Tuns are tap devices, as virtual machines have them.
	Tuns []tunSection `json:"tuns,omitempty"`
	// Senders are processes of this host that send to it, over lo, veth and tap devices.
	Senders []senderSection `json:"senders,omitempty"`
	// Routes are routes besides the networks of the interfaces. Left out: a default route through the first interface.
	Routes []routeSection `json:"routes,omitempty"`
	// Devices are network devices on top of the interfaces, each on those before it: VLAN devices, bonds, bridges, macvlans.
	Devices []deviceSection `json:"devices,omitempty"`
	// Taps are packet sockets of the host, bound to a device or to none. Those of an interface can stand there as well.
	Taps []tapSection `json:"taps,omitempty"`
	// Raw are raw IPv4 sockets (LF-1).
	Raw []rawSection `json:"raw,omitempty"`
	// Conntrack switches connection tracking on; its limits are sysctls.
	Conntrack *conntrackSection `json:"conntrack,omitempty"`
	// Netfilter are the rules of the firewall; the first match decides (NF-1).
	Netfilter []ruleSection `json:"netfilter,omitempty"`
	// Traffic are the sources of frames: made by a law, or replayed from a capture (with pcap).
	Traffic []sourceSection `json:"traffic,omitempty"`
	// Apps are the applications.
	Apps []appSection `json:"apps,omitempty"`
	// Changes are what an operator does to the host while the run goes on, with the side effects that the kernel gives it.
	Changes []changeSection `json:"changes,omitempty"`
	// Run says how long and how closely to look.
	Run runSection `json:"run"`
	// Thresholds are expressions over metrics that must hold at the end, such as "drops == 0"; a crossed one makes exit status 99.
	Thresholds []string `json:"thresholds,omitempty" example:"[\"drops == 0\"]"`
}

// A kernelSection is a kernel profile and what is different from it.
type kernelSection struct {
	// Base is the profile that is changed.
	Base string
	// Behaviours are the changes, by the profile's field in snake case.
	Behaviours map[string]json.RawMessage
}

// A hostSection is the machine.
type hostSection struct {
	// CPUs is the number of CPUs, all online.
	CPUs int `json:"cpus"`
	// PossibleCPUs is the number of CPUs that the kernel was made ready for, as /proc/softirqs lists them (FMT-12). Left out: as many as there are.
	PossibleCPUs int `json:"possible_cpus,omitempty" example:"16"`
	// HZ is the frequency of the timer tick: CONFIG_HZ.
	HZ int `json:"hz" enum:"100 250 300 1000"`
	// TickPhase moves the timer ticks: they come at tick_phase + k/HZ, on every CPU.
	TickPhase duration `json:"tick_phase"`
	// ThreadIRQs is the boot parameter threadirqs as far as it concerns softirqs: ksoftirqd runs those of interrupts (SIRQ-8).
	ThreadIRQs bool `json:"threadirqs"`
	// Costs is the cost profile by its name, or a profile with changes: how long each step of the kernel takes.
	Costs costsSection `json:"costs"`
	// UHashEntries is the number of slots of the UDP hash tables, a power of two: the boot parameter uhash_entries (HT-1).
	UHashEntries int `json:"uhash_entries"`
	// UDPHashMix is the constant that the network namespace adds to a port's hash (HT-2).
	UDPHashMix uint32 `json:"udp_hash_mix"`
	// CloneFailures is the share of multicast copies for which there is no memory, as failslab makes it (FS-2).
	CloneFailures share `json:"clone_failures"`
}

// A costsSection is a cost profile and what is different from it.
type costsSection struct {
	// Base is the profile that is changed.
	Base string
	// Steps are the changes, by the key of the step.
	Steps map[string]cost
}

// A cost is the time of a step: a time, or a mapping.
type cost struct {
	// whole says that a bare time was given, which leaves nothing per byte.
	whole bool
	// Fixed is the time per packet, call or event.
	Fixed duration `json:"fixed,omitzero"`
	// PerByte is the time per byte.
	PerByte duration `json:"per_byte,omitzero"`
}

// A sysctlSection holds sysctls by their names.
type sysctlSection map[string]json.RawMessage

// A nicSection is one network interface.
type nicSection struct {
	// Name is the name of the interface. Left out: eth0, eth1 and so on.
	Name string `json:"name,omitempty"`
	// Driver is the driver (ethtool -i): ixgbe or igb. With igb the defaults are 1Gb/s, a ring of 256 and rx-usecs 3 (IGB-1, IGB-11).
	Driver string `json:"driver"`
	// Chip is what the driver drives: 82599 with ixgbe; 82576, i350, i210 or i211 with igb. Left out: the first of them (IGB-5).
	Chip string `json:"chip,omitempty" example:"\"i350\""`
	// Interrupts is msix, or msi for a single interrupt and so a single queue (RX-40).
	Interrupts string `json:"interrupts" enum:"msix msi"`
	// Address is the IPv4 address and the length of its network (ip address). Left out: 10.0.N.2/24 for the Nth interface from 0.
	Address prefix `json:"address,omitzero"`
	// MAC is the Ethernet address. Left out: 02:00:00:00:00:10 for the first interface, one more for each further one.
	MAC mac `json:"mac,omitzero"`
	// MTU is the largest packet, in bytes (RX-21).
	MTU int `json:"mtu"`
	// Link is the speed of the link.
	Link linkSpeed `json:"link"`
	// LinkPartner is the switch port at the other end.
	LinkPartner partnerSection `json:"link_partner"`
	// Ring holds the sizes of descriptor rings (ethtool -G).
	Ring ringSection `json:"ring"`
	// Coalesce holds interrupt moderation (ethtool -C).
	Coalesce coalesceSection `json:"coalesce"`
	// Channels holds the numbers of queues (ethtool -L).
	Channels channelsSection `json:"channels"`
	// Pause holds flow control (ethtool -A).
	Pause pauseSection `json:"pause"`
	// RXFlowHash says what the hardware hashes to choose a queue (ethtool -N rx-flow-hash).
	RXFlowHash flowHashSection `json:"rx-flow-hash"`
	// Features holds offloads (ethtool -K).
	Features featuresSection `json:"features"`
	// NTuple are the filters of the flow director, for UDP over IPv4 (ethtool -U flow-type udp4); they need features.ntuple. All look at the same fields, because the hardware has one mask (RX-35).
	NTuple []ntupleSection `json:"ntuple,omitempty"`
	// Promisc accepts every frame (ip link set promisc on).
	Promisc bool `json:"promisc"`
	// Up is false for an interface that is not up at first (ip link set down).
	Up bool `json:"up"`
	// Carrier is false for a link without a partner at first: what the partner would send is lost there.
	Carrier bool `json:"carrier"`
	// AllMulticast accepts every multicast frame (ip link set allmulticast on).
	AllMulticast bool `json:"allmulticast"`
	// VLANs are the VLAN ids that devices exist for on the interface, each from 1 to 4094.
	VLANs []int `json:"vlans,omitempty" example:"[100]"`
	// IRQAffinity maps a vector, as in TxRx-0, to the CPU of its interrupts: a number, or several as a mask or a list, of which the first gets them (smp_affinity). Left out: vector n to CPU n; without several queues, with igb and in ntuple mode every CPU (RX-39).
	IRQAffinity map[string]irqCPUs `json:"irq_affinity,omitempty" keys:"^(TxRx|rx|tx)-[0-9]+$|^msi$" example:"{\"TxRx-0\": 1}"`
	// RPS maps a queue, as in rx-0, to its rps_cpus: a CPU mask in quotes, or a list. Left out: none (RPS-1).
	RPS map[string]cpuSet `json:"rps,omitempty" keys:"^rx-[0-9]+$" example:"{\"rx-0\": \"c\"}"`
	// RPSFlowCnt maps a queue, as in rx-0, to its rps_flow_cnt: the entries of its flow table, rounded up to a power of two. Left out: none, no RFS (RPS-1).
	RPSFlowCnt map[string]int `json:"rps_flow_cnt,omitempty" keys:"^rx-[0-9]+$" example:"{\"rx-0\": 4096}"`
	// Threaded lets a thread poll each queue in place of net_rx_action (/sys/class/net/NAME/threaded); kernels before 5.12 do not have it.
	Threaded bool `json:"threaded"`
	// NAPIDeferHardIRQs is the number of empty polls that leave the interrupt masked (/sys/class/net/NAME/napi_defer_hard_irqs); kernels before 5.8 do not have it.
	NAPIDeferHardIRQs int `json:"napi_defer_hard_irqs"`
	// GROFlushTimeout is the time from such a poll to the next (/sys/class/net/NAME/gro_flush_timeout), and from one after which GRO holds datagrams; with 0 the interrupt is unmasked, and nothing waits in GRO.
	GROFlushTimeout duration `json:"gro_flush_timeout"`
	// Taps are packet sockets on the interface, as tcpdump opens one.
	Taps []tapSection `json:"taps,omitempty"`
	// Ingress are the filters of its ingress queueing discipline; the first match decides (CORE-4.5).
	Ingress []ingressSection `json:"ingress,omitempty"`
	// RSSTable is the indirection table (ethtool -X). Left out: the driver's own; ixgbe can't change it (RX-33, IGB-6).
	RSSTable indirectionSection `json:"rss_table,omitzero"`
	// RSSKey is the key of the receive hash (ethtool -X hkey). Left out: one fixed key, so that runs repeat (RX-34).
	RSSKey hashKey `json:"rss_key,omitzero"`
	// Conf holds the settings of IPv4 on this interface: net.ipv4.conf.NAME.
	Conf confSection `json:"conf"`
	// FrameOverhead is what a frame takes of the packet buffer beyond its own bytes, in bytes (HW-12).
	FrameOverhead int `json:"frame_overhead"`
	// PCIe slows the device's bus down beyond the cost profile (HW-10).
	PCIe pcieSection `json:"pcie,omitzero"`
	// Memory says how long packets hold half pages and which allocations fail. Left out: half pages are free when their turn comes, and nothing fails.
	Memory memorySection `json:"memory,omitzero"`
}

// An ntupleSection is a filter of the flow director. What is left out matches everything.
type ntupleSection struct {
	// SrcIP is the source address.
	SrcIP address `json:"src-ip,omitzero"`
	// DstIP is the destination address.
	DstIP address `json:"dst-ip,omitzero"`
	// SrcPort is the source port.
	SrcPort uint16 `json:"src-port,omitempty" example:"5000"`
	// DstPort is the destination port.
	DstPort uint16 `json:"dst-port,omitempty" example:"14506"`
	// VLAN is the id of the VLAN tag.
	VLAN uint16 `json:"vlan,omitempty" example:"100"`
	// Action is the queue of the frames that match, whatever RSS says; -1 drops them.
	Action int `json:"action"`
}

// A pcieSection is what slows a bus down.
type pcieSection struct {
	// Rate is the most that the bus carries of frames. Left out: as the cost profile says.
	Rate linkSpeed `json:"rate,omitzero"`
	// StallEvery is the time between the beginnings of two stalls, in which the bus begins no frame. The first is one StallEvery after the start.
	StallEvery duration `json:"stall_every,omitzero"`
	// StallFor is how long a stall lasts.
	StallFor duration `json:"stall_for,omitzero"`
}

// A memorySection is the memory that the driver's buffers come from.
type memorySection struct {
	// PageHold is how long a packet of more than 256 bytes holds its half page. If that is longer than the ring takes to come round, the page is lost to the ring and a fresh one costs time (RX-19).
	PageHold duration `json:"page_hold,omitzero"`
	// ReservedPages is the share of fresh pages that are not used again: on another node, or from the emergency reserves (RX-18).
	ReservedPages share `json:"reserved_pages,omitzero"`
	// PageFailures are page allocations that fail; alloc_rx_page_failed counts them (RX-7).
	PageFailures failuresSection `json:"page_failures,omitzero"`
	// SKBFailures are allocations of an sk_buff that fail; alloc_rx_buff_failed counts them (RX-15).
	SKBFailures failuresSection `json:"skb_failures,omitzero"`
}

// A failuresSection is failing allocations.
type failuresSection struct {
	// Share is how many of them fail.
	Share share `json:"share"`
	// From is when they begin to fail.
	From duration `json:"from,omitzero"`
	// Until is when they succeed again. Left out: never.
	Until duration `json:"until,omitzero"`
}

// A confSection is net.ipv4.conf.NAME of an interface.
type confSection struct {
	// RPFilter is the strictness of the reverse-path check: 0 off, 1 strict, 2 loose; the higher number of this and net.ipv4.conf.all.rp_filter counts (RP-1).
	RPFilter int `json:"rp_filter" enum:"0 1 2"`
	// AcceptLocal takes packets from the host's own addresses (RP-2).
	AcceptLocal bool `json:"accept_local"`
	// RouteLocalnet routes 127.0.0.0/8.
	RouteLocalnet bool `json:"route_localnet"`
	// AcceptSourceRoute takes packets with a source route, if net.ipv4.conf.all.accept_source_route does, too (IF-3).
	AcceptSourceRoute bool `json:"accept_source_route"`
}

// A partnerSection is a switch port.
type partnerSection struct {
	// ObeysPause makes it stop sending on a pause frame (HW-4).
	ObeysPause bool `json:"obeys_pause"`
	// Queue is the longest time that a frame waits there before it is lost, where the host never sees it.
	Queue duration `json:"queue"`
}

// A ringSection is what ethtool -G sets.
type ringSection struct {
	// RX is the number of receive descriptors per queue; the driver rounds it and clamps it to 64 to 4096, from 6.2 on to 8192 (RX-1), igb to 80 to 4096 (IGB-1).
	RX int `json:"rx"`
}

// A coalesceSection is what ethtool -C sets.
type coalesceSection struct {
	// RXUsecs is the least time between interrupts in microseconds; 0 for none, 1 for dynamic moderation (IRQ-10), 3 for igb's default kind of it (IGB-11).
	RXUsecs int `json:"rx-usecs"`
}

// A channelsSection is what ethtool -L sets.
type channelsSection struct {
	// Combined is the number of queues; 0 for the driver's choice, one per CPU (RX-36); with igb at most what the chip has (IGB-5).
	Combined int `json:"combined"`
}

// A pauseSection is what ethtool -A sets.
type pauseSection struct {
	// RX obeys pause frames of the link partner (HW-4).
	RX bool `json:"rx"`
	// TX sends pause frames when the packet buffer fills (HW-4).
	TX bool `json:"tx"`
	// Autoneg is false after -A autoneg off. Fibre at 10 Gb/s does not negotiate while the link is up, and refuses -A autoneg on then (HW-5).
	Autoneg bool `json:"autoneg"`
}

// A flowHashSection is what ethtool -N rx-flow-hash sets.
type flowHashSection struct {
	// UDP4 is what is hashed of UDP over IPv4: sd for the addresses, sdfn for the ports as well (RX-31).
	UDP4 string `json:"udp4" enum:"sd sdfn"`
}

// A featuresSection is what ethtool -K sets.
type featuresSection struct {
	// RXChecksumming lets the hardware verify checksums.
	RXChecksumming bool `json:"rx-checksumming"`
	// GRO switches generic-receive-offload.
	GRO bool `json:"gro"`
	// RXVLANOffload lets the hardware take VLAN tags out.
	RXVLANOffload bool `json:"rx-vlan-offload"`
	// LRO is large-receive-offload. It merges TCP only, but the driver resets the adapter when it comes or goes (RX-29).
	LRO bool `json:"lro"`
	// RXHash is receive-hashing. Nothing reads the device's hash: RPS computes its own (RPS-4).
	RXHash bool `json:"rxhash"`
	// RXGROList is GRO that chains datagrams of flows without UDP_GRO socket, in kernels that have it (5.6).
	RXGROList bool `json:"rx-gro-list"`
	// RXUDPGROForwarding is GRO that merges datagrams of flows without socket, in kernels that have it (5.12).
	RXUDPGROForwarding bool `json:"rx-udp-gro-forwarding"`
	// LegacyRX is the private flag legacy-rx (ethtool --set-priv-flags): ixgbe and igb copy headers and short frames, as they did before 4.12, in kernels that build skbs around the buffers.
	LegacyRX bool `json:"legacy-rx"`
	// NTuple is ntuple-filters: it takes the place of ATR, and with it of the affinity that the driver hints at (RX-35, RX-39).
	NTuple bool `json:"ntuple"`
	// RXAll receives frames with errors, too (RX-22).
	RXAll bool `json:"rx-all"`
}

// An indirectionSection is what ethtool -X sets: which queue a hash goes to.
type indirectionSection struct {
	// Equal spreads over that many queues, in turn. Left out: as weight says.
	Equal int `json:"equal,omitempty"`
	// Weight gives each queue its share of the table.
	Weight []int `json:"weight,omitempty" example:"[6, 2]"`
}

// A tapSection is a packet socket and the program behind it.
type tapSection struct {
	// Name is the name of the program, in results.
	Name string `json:"name,omitempty" example:"\"tcpdump\""`
	// Device is the device that it is bound to, only for the packet sockets of the host. Left out: all devices (CORE-30).
	Device string `json:"device,omitempty" example:"\"bond0\""`
	// Kind is how packets get to the program: through a queue of clones (packet_rcv, CORE-31), or a ring that it has mapped (tpacket_rcv, CORE-33).
	Kind string `json:"kind" enum:"queue ring"`
	// EtherType is the protocol of the socket as a number, 0x88cc for LLDP. Left out: all protocols.
	EtherType int `json:"ethertype,omitempty" min:"1" max:"65535" example:"35020"`
	// Frames is the number of frames of a ring.
	Frames int `json:"frames" min:"1" max:"1048576"`
	// FrameSize is the size of a frame of a ring, in bytes, a multiple of 16; a packet has 66 less.
	FrameSize byteSize `json:"frame_size"`
	// SnapLen is the most bytes that the program wants of a packet. Left out: all.
	SnapLen byteSize `json:"snaplen,omitzero"`
	// Filter is its classic BPF program, each instruction as tcpdump -ddd prints it: code jt jf k.
	Filter []string `json:"filter,omitempty" example:"[\"40 0 0 12\", \"21 0 1 2048\", \"6 0 0 262144\", \"6 0 0 0\"]"`
	// RcvBuf is the value given to SO_RCVBUF, in bytes: clamped to net.core.rmem_max and doubled. Left out: net.core.rmem_default (RB-1).
	RcvBuf byteSize `json:"rcvbuf,omitzero"`
	// RcvBufForce is the value given to SO_RCVBUFFORCE, in bytes: doubled, not clamped (RB-5).
	RcvBufForce byteSize `json:"rcvbufforce,omitzero"`
	// PerPacket is the time that the program takes for a packet; never if it does not read.
	PerPacket orNever `json:"per_packet"`
	// CPU is the CPU that the program runs on, as a task among others. Left out: one of its own, from which it takes time from nobody.
	CPU *int `json:"cpu,omitempty" example:"3"`
	// Nice is its priority there.
	Nice int `json:"nice"`
}

// A deviceSection is a network device without hardware of its own: one of vlan, bond, bridge and macvlan.
type deviceSection struct {
	// Name is the name of the device.
	Name string `json:"name" jsonschema:"required" example:"\"bond0\""`
	// Address is the IPv4 address and the length of its network. Left out: none for a VLAN device or macvlan, for a bond or bridge 10.0.N.2/24 with the number of its first interface.
	Address prefix `json:"address,omitzero"`
	// RPS is the rps_cpus of its only queue: where a bridge passes packets up, and a macvlan gets multicasts.
	RPS cpuSet `json:"rps,omitzero"`
	// VLAN makes it an 802.1Q device.
	VLAN *vlanSection `json:"vlan,omitempty"`
	// Bond makes it a bond over interfaces.
	Bond *bondSection `json:"bond,omitempty"`
	// Bridge makes it an Ethernet bridge.
	Bridge *bridgeSection `json:"bridge,omitempty"`
	// Macvlan makes it a device with an address of its own on another device.
	Macvlan *macvlanSection `json:"macvlan,omitempty"`
	// Ingress are the filters of its ingress queueing discipline; the first match decides (CORE-4.5).
	Ingress []ingressSection `json:"ingress,omitempty"`
	// Taps are packet sockets on the device.
	Taps []tapSection `json:"taps,omitempty"`
}

// A vlanSection is an 802.1Q device.
type vlanSection struct {
	// Device is the device below: an interface, or a device before this one.
	Device string `json:"device" jsonschema:"required" example:"\"bond0\""`
	// ID is the VLAN id.
	ID int `json:"id" jsonschema:"required" min:"1" max:"4094" example:"7"`
}

// A bondSection is a bond.
type bondSection struct {
	// Mode is how it uses its slaves (CORE-41).
	Mode string `json:"mode" enum:"balance-rr active-backup balance-xor broadcast 802.3ad balance-tlb balance-alb"`
	// Slaves are its interfaces; they take the address on the link of the first.
	Slaves []string `json:"slaves" jsonschema:"required" example:"[\"eth0\", \"eth1\"]"`
	// Active are the active slaves: one in the modes active-backup, balance-tlb and balance-alb, those of the active aggregator in 802.3ad. Left out: the first, or all.
	Active []string `json:"active,omitempty" example:"[\"eth0\"]"`
	// AllSlavesActive delivers what inactive slaves receive, too (CORE-41).
	AllSlavesActive bool `json:"all_slaves_active"`
}

// A bridgeSection is a bridge.
type bridgeSection struct {
	// Ports are the devices in it.
	Ports []portSection `json:"ports" jsonschema:"required"`
	// STP makes it take part in the spanning tree: then frames for it stay with the port (CORE-42).
	STP bool `json:"stp"`
	// GroupFwdMask says which of the link-local groups 01:80:c2:00:00:0n are forwarded: bit n (CORE-42).
	GroupFwdMask int `json:"group_fwd_mask" min:"0" max:"65535"`
}

// A portSection is a device in a bridge: a name, or a mapping.
type portSection struct {
	// Device is the device: an interface, or a device before this one.
	Device string `json:"device" jsonschema:"required" example:"\"eth0\""`
	// State is the state of the port in the spanning tree (CORE-42).
	State string `json:"state" enum:"disabled listening learning forwarding blocking"`
}

// A macvlanSection is a macvlan.
type macvlanSection struct {
	// Device is the device below.
	Device string `json:"device" jsonschema:"required" example:"\"eth0\""`
	// Mode is which other macvlans it talks to; passthru takes everything (CORE-43).
	Mode string `json:"mode" enum:"private vepa bridge passthru"`
	// MAC is its address on the link. Left out: 02:00:00:00:01:00 for the first device of the list, one more for each further one.
	MAC mac `json:"mac,omitzero"`
	// Down says that it is not up: what is for it is dropped.
	Down bool `json:"down"`
}

// An ingressSection is a filter of an ingress queueing discipline. What is left out matches everything.
type ingressSection struct {
	// Src is the source address.
	Src address `json:"src,omitzero"`
	// Dst is the destination address.
	Dst address `json:"dst,omitzero"`
	// SPort is the source port.
	SPort uint16 `json:"sport,omitempty" example:"5000"`
	// DPort is the destination port.
	DPort uint16 `json:"dport,omitempty" example:"14506"`
	// Drop is the share of matching packets that is dropped; the others pass.
	Drop share `json:"drop"`
}

// A routeSection is an entry of the main routing table (ip route).
type routeSection struct {
	// To is the network that the route leads to; 0.0.0.0/0 for the default route.
	To prefix `json:"to" example:"\"0.0.0.0/0\""`
	// Type is the type of the route; only a unicast route has devices (RP-2).
	Type string `json:"type" enum:"unicast unreachable prohibit blackhole"`
	// Dev is the interface.
	Dev string `json:"dev,omitempty" example:"\"eth0\""`
	// Devs are the interfaces of a multipath route (RP-4).
	Devs []string `json:"devs,omitempty" example:"[\"eth0\", \"eth1\"]"`
}

// A rawSection is a raw socket and the program behind it.
type rawSection struct {
	// Name is the name of the program. Left out: raw0, raw1 and so on.
	Name string `json:"name,omitempty" example:"\"pim\""`
	// Proto is the IP protocol of the socket.
	Proto protocol `json:"proto" jsonschema:"required"`
	// Bind is the local address. Left out: any.
	Bind address `json:"bind,omitzero"`
	// Connect is the address of the peer. Left out: any.
	Connect address `json:"connect,omitzero"`
	// Dev is the interface that the socket is bound to. Left out: none.
	Dev string `json:"dev,omitempty" example:"\"eth0\""`
	// Join are the groups that it joins.
	Join []address `json:"join,omitempty" example:"[\"239.1.1.1\"]"`
	// MulticastAll is IP_MULTICAST_ALL: also groups that others have joined.
	MulticastAll bool `json:"multicast_all"`
	// RcvBuf is the value given to SO_RCVBUF, in bytes: clamped to net.core.rmem_max and doubled. Left out: net.core.rmem_default (RB-1).
	RcvBuf byteSize `json:"rcvbuf,omitzero"`
	// PerPacket is the time that the program takes for a packet, on a CPU of its own; never if it does not read.
	PerPacket orNever `json:"per_packet"`
}

// A conntrackSection is connection tracking.
type conntrackSection struct {
	// Assured is the number of entries that other, assured connections hold all the time.
	Assured int `json:"assured" min:"0" max:"16777216"`
}

// A ruleSection is a netfilter rule. What is left out matches everything.
type ruleSection struct {
	// Hook is where the rule looks (NF-1).
	Hook string `json:"hook" enum:"PRE_ROUTING LOCAL_IN"`
	// Table is where the rule stands: raw, before connection tracking, or behind it: mangle at PRE_ROUTING, filter at LOCAL_IN. Left out: behind it.
	Table string `json:"table,omitempty" enum:"raw mangle filter" example:"\"raw\""`
	// Src is the source address, or a network.
	Src network `json:"src,omitzero"`
	// Dst is the destination address, or a network.
	Dst network `json:"dst,omitzero"`
	// Proto is the IP protocol.
	Proto protocol `json:"proto,omitzero"`
	// SPort is the source port.
	SPort uint16 `json:"sport,omitempty" example:"5000"`
	// DPort is the destination port.
	DPort uint16 `json:"dport,omitempty" example:"14506"`
	// In is the interface.
	In string `json:"in,omitempty" example:"\"eth0\""`
	// Probability is the share of packets that the rule matches at random; for the others the next rule is asked.
	Probability share `json:"probability,omitzero"`
	// Verdict is what becomes of a packet: REJECT answers with an ICMP message, NOTRACK keeps it from connection tracking.
	Verdict string `json:"verdict" enum:"DROP REJECT ACCEPT NOTRACK"`
	// Drop is the share of matching packets that DROP and REJECT drop; the others are accepted.
	Drop share `json:"drop"`
}

// An appSection is an application.
type appSection struct {
	// Name is the name of the application. Left out: app0, app1 and so on.
	Name string `json:"name,omitempty"`
	// CPU is the CPU of its only thread.
	CPU *int `json:"cpu,omitempty" example:"2"`
	// CPUs are the CPUs of its threads, one thread each.
	CPUs []int `json:"cpus,omitempty" example:"[2, 3]"`
	// Nice is the priority of its threads, lowest last.
	Nice int `json:"nice"`
	// Copies starts several of them, named NAME-0, NAME-1 and so on, with one thread each, on the CPUs in turn. Left out: one, under its own name.
	Copies int `json:"copies,omitempty" min:"1" max:"10000"`
	// Sockets are its UDP sockets.
	Sockets []socketSection `json:"sockets,omitempty"`
	// Shared lets every thread read every socket; otherwise socket i belongs to thread i modulo the number of threads.
	Shared bool `json:"shared"`
	// Read is how its threads receive.
	Read readSection `json:"read"`
	// Locks are times at which the program locks its sockets (lock_sock), as setsockopt does.
	Locks *locksSection `json:"locks,omitempty"`
	// Workers are threads that serve what the others read: then read.service is their time.
	Workers *workersSection `json:"workers,omitempty"`
	// Busy makes it a CPU hog without sockets.
	Busy bool `json:"busy"`
}

// A socketSection is a UDP socket as an application opens it.
type socketSection struct {
	// Name appears in results.
	Name string `json:"name,omitempty" example:"\"feed-a\""`
	// Bind is the local address and port; 0.0.0.0 receives for every address.
	Bind endpoint `json:"bind,omitzero" jsonschema:"required"`
	// Connect is the peer, the only one that it then receives from.
	Connect endpoint `json:"connect,omitzero"`
	// Join are the groups that it joins (IP_ADD_MEMBERSHIP): an address, or an address and an interface.
	Join []joinSection `json:"join,omitempty" example:"[\"239.193.4.65\"]"`
	// RcvBuf is the value given to SO_RCVBUF, in bytes: clamped to net.core.rmem_max and doubled. Left out: net.core.rmem_default (RB-1).
	RcvBuf byteSize `json:"rcvbuf,omitzero"`
	// RcvBufForce is the value given to SO_RCVBUFFORCE, in bytes: doubled, not clamped (RB-5).
	RcvBufForce byteSize `json:"rcvbufforce,omitzero"`
	// ReusePort is SO_REUSEPORT.
	ReusePort bool `json:"reuseport"`
	// ReuseAddr is SO_REUSEADDR.
	ReuseAddr bool `json:"reuseaddr"`
	// MulticastAll is IP_MULTICAST_ALL: deliver every group that the host has joined, not only this socket's.
	MulticastAll bool `json:"multicast_all"`
	// Device is the interface that it is bound to (SO_BINDTODEVICE). Left out: any.
	Device string `json:"device,omitempty" example:"\"eth0\""`
	// NonBlocking is O_NONBLOCK.
	NonBlocking bool `json:"nonblocking"`
	// Timestamp is SO_TIMESTAMP: every packet of the host is stamped (CORE-2).
	Timestamp bool `json:"timestamp"`
	// RcvTimeo is SO_RCVTIMEO: how long a blocking receive call waits, in whole jiffies. Left out: for ever.
	RcvTimeo duration `json:"rcvtimeo,omitzero"`
	// RXQOvfl is SO_RXQ_OVFL: receive calls tell how many datagrams the socket has lost.
	RXQOvfl bool `json:"rxq_ovfl"`
	// BusyPoll is SO_BUSY_POLL: for how many microseconds a receive call that finds nothing polls the interface itself; 0: not at all.
	// Left out: net.core.busy_read. Linux 4.0 polls for connected sockets, and ixgbe alone; 3.10 does not.
	BusyPoll *int `json:"busy_poll,omitempty" example:"50"`
	// PreferBusyPoll is SO_PREFER_BUSY_POLL: with napi_defer_hard_irqs, interrupts stay off between two busy loops. Kernels before 5.11 do not have it.
	PreferBusyPoll bool `json:"prefer_busy_poll"`
	// BusyPollBudget is SO_BUSY_POLL_BUDGET: how many packets a turn of the loop takes at most. Left out: 8. Kernels before 5.11 do not have it.
	BusyPollBudget int `json:"busy_poll_budget,omitempty" example:"64"`
	// IncomingCPU is SO_INCOMING_CPU: of sockets that fit a datagram equally well (SO_REUSEPORT), that of the CPU which processes it gets it. Kernels before 4.4 do not let it be set.
	IncomingCPU *int `json:"incoming_cpu,omitempty" example:"2"`
	// UDPGRO is UDP_GRO (5.0): GRO merges up to 64 datagrams of a flow that come in one poll (6.18 section 1.9), and what UDP_SEGMENT of a local sender makes stays whole: each is one packet for IP, one datagram to read, and lost as one.
	UDPGRO bool `json:"udp_gro"`
	// Filter is the program of SO_ATTACH_FILTER, an instruction an item: code, jt, jf, k, as tcpdump -ddd prints it. It sees the UDP header.
	Filter []string `json:"filter,omitempty" example:"[\"40 0 0 0\", \"53 0 1 6000\", \"6 0 0 0\", \"6 0 0 65535\"]"`
	// UID is the user that owns it, which matters to reuseport.
	UID int `json:"uid"`
	// Refusals are datagrams that other parts of the kernel refuse at this socket. Left out: none.
	Refusals *refusalsSection `json:"refusals,omitempty"`
}

// A refusalsSection is shares of datagrams that are refused by parts of the
// kernel of which there is no more than this.
type refusalsSection struct {
	// Policy is the share refused by an IPsec policy.
	Policy share `json:"policy,omitzero"`
	// Reserves is the share whose memory came from the emergency reserves, which are not for this socket (S-3).
	Reserves share `json:"reserves,omitzero"`
	// Security is the share refused by a security module (S-4).
	Security share `json:"security,omitzero"`
	// Trim is the share, of those that the socket's filter cuts, for which there is no memory to do that (S-5).
	Trim share `json:"trim,omitzero"`
}

// A joinSection is a membership: an address, or a mapping.
type joinSection struct {
	// Group is the multicast address.
	Group address `json:"group" jsonschema:"required"`
	// Dev is the interface. Left out: the first.
	Dev string `json:"dev,omitempty" example:"\"eth0\""`
	// Include are the only sources that are wanted (IP_ADD_SOURCE_MEMBERSHIP). Left out: all are.
	Include []address `json:"include,omitempty" example:"[\"10.0.0.1\"]"`
	// Exclude are the sources that are not wanted (IP_BLOCK_SOURCE). Not beside include.
	Exclude []address `json:"exclude,omitempty" example:"[\"10.0.0.1\"]"`
}

// A readSection is how an application receives.
type readSection struct {
	// With is the system call: blocking recvmsg or recvmmsg on one socket; either after epoll_wait, poll or select on all sockets; spin calls again and again with MSG_DONTWAIT; or never.
	With string `json:"with" enum:"recvmsg recvmmsg epoll+recvmsg epoll+recvmmsg poll+recvmsg poll+recvmmsg select+recvmsg spin+recvmsg spin+recvmmsg never"`
	// Batch is the most datagrams of one recvmmsg.
	Batch int `json:"batch"`
	// Service is the time in user mode per datagram: a time or a law.
	Service timeLaw `json:"service"`
	// Edge is EPOLLET: epoll reports a socket when something comes in, not as long as something is there.
	Edge bool `json:"edge"`
	// Drain repeats the receive call on a ready socket until it finds nothing; the sockets must be non-blocking.
	Drain bool `json:"drain"`
	// WaitAll leaves MSG_WAITFORONE out: a blocking recvmmsg waits for the whole batch.
	WaitAll bool `json:"wait_all"`
	// Timeout is that of recvmmsg, which looks at it only when a datagram has come in (RM-2). Left out: none.
	Timeout duration `json:"timeout,omitzero"`
	// Peek looks at every datagram with MSG_PEEK before it reads it.
	Peek bool `json:"peek"`
	// Buffer is the size of the program's buffer in bytes; longer datagrams are cut. Left out: large enough.
	Buffer byteSize `json:"buffer,omitzero"`
	// Pauses stop every thread now and then, as a garbage collector or the flush of a log does.
	Pauses *pausesSection `json:"pauses,omitempty"`
	// Faults are page faults in the copy to the program.
	Faults *pageFaultsSection `json:"faults,omitempty"`
}

// A pausesSection is when and how long threads stop: every so often, or at the
// times given, or at those of a file.
type pausesSection struct {
	// Every is the time from one pause to the next, the first at that time; or a law, of the time from the end of one to the next.
	Every timeLaw `json:"every,omitzero"`
	// For is the length of a pause, or a law of it.
	For timeLaw `json:"for,omitzero"`
	// At are single pauses, in their order.
	At []pauseAtSection `json:"at,omitempty"`
	// Trace is a file of pauses, relative to the scenario file: two times a line, when and for how long, in their order; # begins a remark.
	Trace string `json:"trace,omitempty" example:"\"gc.txt\""`
}

// A pauseAtSection is one pause.
type pauseAtSection struct {
	// At is when it begins.
	At duration `json:"at" jsonschema:"required"`
	// For is how long it lasts.
	For duration `json:"for" jsonschema:"required"`
}

// A changeSection is what changes at one time.
type changeSection struct {
	// At is when, in virtual time; what is due at the very instant has happened before.
	At duration `json:"at" jsonschema:"required"`
	// Set maps settings, by the paths that --set takes, to their new values: sysctls, and of nics[NAME] what ethtool, ip and /proc/irq can change. Those of one interface are one command.
	Set changeSettings `json:"set" jsonschema:"required" example:"{\"nics[eth0].ring.rx\": 4096}"`
}

// changeSettings holds settings by their paths.
type changeSettings map[string]json.RawMessage

// A pageFaultsSection is how often a copy to the program meets a page that is not there.
type pageFaultsSection struct {
	// Share is the share of the copies.
	Share share `json:"share" jsonschema:"required"`
	// For is the time until the page is there, or a law of it: the thread sleeps, and the datagram stays charged.
	For timeLaw `json:"for" jsonschema:"required"`
}

// A locksSection is when a program locks its sockets: meanwhile datagrams go to their backlogs.
type locksSection struct {
	// Every is the time from one occasion to the next; then every socket is locked, one after the other.
	Every duration `json:"every" jsonschema:"required"`
	// For is how long each socket is held.
	For duration `json:"for" jsonschema:"required"`
	// With is what the program does: setsockopt and cork (a corked send) take CPU time meanwhile, join waits for the RTNL asleep.
	With string `json:"with" enum:"setsockopt cork join"`
	// CPU is the CPU of the thread that does it. Left out: the first of the application.
	CPU *int `json:"cpu,omitempty" example:"2"`
}

// A workersSection is threads that serve what the application's threads read.
type workersSection struct {
	// CPUs are the CPUs of the workers, one each.
	CPUs []int `json:"cpus" jsonschema:"required" example:"[4, 5]"`
	// Queue is how many datagrams can wait between readers and workers.
	Queue int `json:"queue" min:"1" max:"1048576"`
	// Full is what happens when the queue is full: the reader waits, or the datagram is lost in the program.
	Full string `json:"full" enum:"wait drop"`
}

// A runSection is how long and how closely to look.
type runSection struct {
	// For is how long to run, in virtual time.
	For duration `json:"for"`
	// Seed selects the random numbers.
	Seed uint64 `json:"seed"`
	// Sample is the interval of the time series; 0 for none.
	Sample duration `json:"sample"`
	// Warmup is how long the host runs before metrics and thresholds begin to measure: full queues and settled moderation are then not mistaken for the beginning. Tables and files show the whole run.
	Warmup duration `json:"warmup"`
	// MaxEvents ends a run that takes too long, with the results so far.
	MaxEvents uint64 `json:"max_events"`
	// MaxMemory refuses a scenario whose queues could take more bytes.
	MaxMemory byteSize `json:"max_memory"`
	// Executive is how the run is computed: lazy, or naive, many times slower, to prove that lazy changes nothing.
	Executive string `json:"executive" enum:"lazy naive"`
}

// defaultDocument returns the document of an empty file, without its name.
func defaultDocument() document {
	d := scenario.Default()
	return document{
		Kernel: kernelSection{Base: d.Host.Kernel.Name},
		Host: hostSection{
			CPUs: d.Host.CPUs, HZ: d.Host.HZ, TickPhase: as[timeNotation](d.Host.TickPhase),
			Costs:        costsSection{Base: d.Host.Costs.Name},
			UHashEntries: udp.DefaultConfig().HashEntries, UDPHashMix: udp.DefaultConfig().HashMix,
			CloneFailures: as[shareNotation](uint32(0)),
		},
		Run: runSection{
			For: as[timeNotation](d.Run.For), Seed: d.Run.Seed, Sample: as[timeNotation](d.Run.Sample), Warmup: as[timeNotation](d.Run.Warmup),
			MaxEvents: d.Run.MaxEvents, MaxMemory: as[bytesNotation](d.Run.MaxMemory), Executive: lazy,
		},
	}
}

// The two values of interrupts.
const (
	msix = "msix"
	msi  = "msi"
)

// UnmarshalJSON decodes on top of the driver's defaults.
func (n *nicSection) UnmarshalJSON(b []byte) error {
	var given struct{ Driver string }
	_ = json.Unmarshal(b, &given) // the schema has said what is wrong
	d := nic.DefaultOf(given.Driver)
	type plain nicSection
	*n = nicSection{
		Driver: d.Driver, Interrupts: msix, MTU: d.MTU, Link: as[linkNotation](d.LinkBitsPerSecond),
		LinkPartner: partnerSection{ObeysPause: d.Partner.ObeysPause, Queue: as[timeNotation](d.Partner.Queue)},
		Ring:        ringSection{RX: d.RXRing}, Coalesce: coalesceSection{RXUsecs: d.RXUsecs}, Channels: channelsSection{Combined: d.Combined},
		Pause: pauseSection{RX: d.RXPause, TX: d.TXPause, Autoneg: !d.PauseForced}, RXFlowHash: flowHashSection{UDP4: flowHash(d.UDPPortHash)},
		Features: featuresSection{RXChecksumming: d.RXChecksum, GRO: d.GRO, LRO: !d.NoLRO, RXHash: !d.NoRXHash, NTuple: d.NTuple, RXAll: d.RXAll, RXGROList: d.GROFragList, RXUDPGROForwarding: d.GROUDPForwarding,
			RXVLANOffload: d.RXVLANOffload},
		Up: !d.Down, Carrier: !d.NoCarrier,
		Promisc: d.Promisc, AllMulticast: d.AllMulti, FrameOverhead: d.FrameOverhead,
		Conf: confSection{AcceptSourceRoute: true},
	}
	return json.Unmarshal(b, (*plain)(n))
}

// UnmarshalJSON decodes on top of the defaults.
func (f *failuresSection) UnmarshalJSON(b []byte) error {
	type plain failuresSection
	*f = failuresSection{Share: as[shareNotation](uint32(1_000_000))}
	return json.Unmarshal(b, (*plain)(f))
}

// UnmarshalJSON decodes on top of the defaults.
func (t *tapSection) UnmarshalJSON(b []byte) error {
	type plain tapSection
	*t = tapSection{Kind: "queue", Frames: 2048, FrameSize: as[bytesNotation](int64(2048)), PerPacket: as[neverNotation](engine.Microsecond)}
	return json.Unmarshal(b, (*plain)(t))
}

// UnmarshalJSON decodes on top of the defaults.
func (b *bondSection) UnmarshalJSON(raw []byte) error {
	type plain bondSection
	*b = bondSection{Mode: ipstack.BalanceRR.String()}
	return json.Unmarshal(raw, (*plain)(b))
}

// UnmarshalJSON reads a name or a mapping.
func (p *portSection) UnmarshalJSON(b []byte) error {
	*p = portSection{State: ipstack.PortForwarding.String()}
	if b[0] == '"' {
		return json.Unmarshal(b, &p.Device)
	}
	type plain portSection
	return json.Unmarshal(b, (*plain)(p))
}

// MarshalJSON prints a name if that is all.
func (p portSection) MarshalJSON() ([]byte, error) {
	if p.State == ipstack.PortForwarding.String() {
		return json.Marshal(p.Device)
	}
	type plain portSection
	return json.Marshal(plain(p))
}

// UnmarshalJSON decodes on top of the defaults.
func (m *macvlanSection) UnmarshalJSON(b []byte) error {
	type plain macvlanSection
	*m = macvlanSection{Mode: ipstack.MacvlanVEPA.String()}
	return json.Unmarshal(b, (*plain)(m))
}

// UnmarshalJSON decodes on top of the defaults.
func (s *ingressSection) UnmarshalJSON(b []byte) error {
	type plain ingressSection
	*s = ingressSection{Drop: as[shareNotation](uint32(1_000_000))}
	return json.Unmarshal(b, (*plain)(s))
}

// UnmarshalJSON decodes on top of the defaults.
func (r *rawSection) UnmarshalJSON(b []byte) error {
	type plain rawSection
	*r = rawSection{MulticastAll: true, PerPacket: as[neverNotation](engine.Microsecond)}
	return json.Unmarshal(b, (*plain)(r))
}

// UnmarshalJSON decodes on top of the defaults.
func (r *routeSection) UnmarshalJSON(b []byte) error {
	type plain routeSection
	*r = routeSection{Type: "unicast"}
	return json.Unmarshal(b, (*plain)(r))
}

// UnmarshalJSON decodes on top of the defaults.
func (r *ruleSection) UnmarshalJSON(b []byte) error {
	type plain ruleSection
	*r = ruleSection{Hook: "PRE_ROUTING", Verdict: "DROP", Drop: as[shareNotation](uint32(1_000_000))}
	return json.Unmarshal(b, (*plain)(r))
}

// UnmarshalJSON decodes on top of the defaults.
func (a *appSection) UnmarshalJSON(b []byte) error {
	type plain appSection
	*a = appSection{Read: readSection{With: "recvmsg", Batch: defaultBatch, Service: timeLaw{Fixed: as[timeNotation](engine.Time(0))}}}
	return json.Unmarshal(b, (*plain)(a))
}

// UnmarshalJSON decodes on top of the defaults.
func (l *locksSection) UnmarshalJSON(b []byte) error {
	type plain locksSection
	*l = locksSection{With: "setsockopt"}
	return json.Unmarshal(b, (*plain)(l))
}

// UnmarshalJSON decodes on top of the defaults.
func (w *workersSection) UnmarshalJSON(b []byte) error {
	type plain workersSection
	*w = workersSection{Queue: 1024, Full: "wait"}
	return json.Unmarshal(b, (*plain)(w))
}

// defaultBatch is vlen of recvmmsg if the scenario does not say it.
const defaultBatch = 64

// UnmarshalJSON lets a law replace the default law.
func (r *readSection) UnmarshalJSON(b []byte) error {
	type plain readSection
	service := r.Service
	r.Service = timeLaw{}
	if err := json.Unmarshal(b, (*plain)(r)); err != nil {
		return err
	}
	if r.Service.IsZero() {
		r.Service = service
	}
	return nil
}

// UnmarshalJSON decodes on top of the defaults.
func (s *socketSection) UnmarshalJSON(b []byte) error {
	type plain socketSection
	*s = socketSection{MulticastAll: true}
	return json.Unmarshal(b, (*plain)(s))
}

// UnmarshalJSON reads an address or a mapping.
func (j *joinSection) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return j.Group.UnmarshalJSON(b)
	}
	type plain joinSection
	return json.Unmarshal(b, (*plain)(j))
}

// MarshalJSON prints an address if that is all.
func (j joinSection) MarshalJSON() ([]byte, error) {
	if j.Dev == "" && len(j.Include) == 0 && len(j.Exclude) == 0 {
		return j.Group.MarshalJSON()
	}
	type plain joinSection
	return json.Marshal(plain(j))
}

// UnmarshalJSON reads a time or a mapping.
func (c *cost) UnmarshalJSON(b []byte) error {
	if b[0] != '{' {
		c.whole = true
		return c.Fixed.UnmarshalJSON(b)
	}
	type plain cost
	return json.Unmarshal(b, (*plain)(c))
}

// MarshalJSON prints a time if that is all.
func (c cost) MarshalJSON() ([]byte, error) {
	if c.PerByte.v == 0 {
		return c.Fixed.MarshalJSON()
	}
	type plain cost
	return json.Marshal(plain(c))
}

// UnmarshalJSON reads a name or a mapping.
func (k *kernelSection) UnmarshalJSON(b []byte) error {
	return nameOrMapping(b, &k.Base, &k.Behaviours)
}

// MarshalJSON prints the name first.
func (k kernelSection) MarshalJSON() ([]byte, error) { return mappingWithBase(k.Base, k.Behaviours) }

// UnmarshalJSON reads a name or a mapping.
func (c *costsSection) UnmarshalJSON(b []byte) error { return nameOrMapping(b, &c.Base, &c.Steps) }

// MarshalJSON prints the name first.
func (c costsSection) MarshalJSON() ([]byte, error) { return mappingWithBase(c.Base, c.Steps) }

const baseKey = "base"

// nameOrMapping reads a name, or a mapping with a base and changes to it.
func nameOrMapping[V any](b []byte, base *string, changes *map[string]V) error {
	if b[0] == '"' {
		return json.Unmarshal(b, base)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	for key, value := range raw {
		if key == baseKey {
			if err := json.Unmarshal(value, base); err != nil {
				return err
			}
			continue
		}
		var v V
		if err := json.Unmarshal(value, &v); err != nil {
			return err
		}
		if *changes == nil {
			*changes = map[string]V{}
		}
		(*changes)[key] = v
	}
	return nil
}

// mappingWithBase prints what nameOrMapping reads.
func mappingWithBase[V any](base string, changes map[string]V) ([]byte, error) {
	if len(changes) == 0 {
		return json.Marshal(base)
	}
	rest, err := json.Marshal(changes) // sorts the keys
	if err != nil {
		return nil, err
	}
	name, err := json.Marshal(base)
	if err != nil {
		return nil, err
	}
	return append([]byte(`{"`+baseKey+`":`+string(name)+`,`), rest[1:]...), nil
}
