package skb

import "github.com/seed-556df219/rxpath/sim/engine"

// PacketType is what eth_type_trans makes of the destination MAC.
type PacketType uint8

// Packet types (1.6).
const (
	PacketHost PacketType = iota
	PacketBroadcast
	PacketMulticast
	PacketOtherHost
	_              // PACKET_OUTGOING: what is sent is not shown to packet sockets
	PacketLoopback // dev_loopback_xmit's copy of what this host sends to a group
)

// IPSummed says who has verified the checksum (skb->ip_summed).
type IPSummed uint8

// Checksum states of a Buff.
const (
	ChecksumNone        IPSummed = iota // nobody
	ChecksumUnnecessary                 // the device, or GRO
	ChecksumComplete                    // nobody, but the device has summed the whole packet up
	ChecksumPartial                     // nobody needs to: a sender of this host left the sum to its device
)

// RouteType is the kind of a route.
type RouteType uint8

// Route types.
const (
	NoRoute RouteType = iota
	RouteLocal
	RouteBroadcast
	RouteMulticast
	RouteUnicast     // to another host, through this one
	RouteUnreachable // input is ip_error
)

// RouteError is why a route of type RouteUnreachable leads nowhere (dst->error).
type RouteError uint8

// Errors of routes.
const (
	NoRouteError RouteError = iota
	HostUnreach             // EHOSTUNREACH
	NetUnreach              // ENETUNREACH
	AccessDenied            // EACCES
	InvalidRoute            // EINVAL
)

// Conntrack is what connection tracking knows of a packet.
type Conntrack uint8

// States of tracking.
const (
	CTNone        Conntrack = iota // not looked at, or of no connection
	CTUntracked                    // told to leave it alone
	CTNew                          // the first of a connection, not confirmed yet
	CTEstablished                  // of a connection in the table
)

// A Route is the result of route input. It models struct rtable.
type Route struct {
	// Gen is the route generation of the namespace when the route was made (ED-6).
	Gen  uint64
	Type RouteType
	// Error is set with RouteUnreachable.
	Error RouteError
	// Discard says that input is dst_discard: the packet came back by the route by which it was sent, to a group that
	// nobody here has joined.
	Discard bool
}

// A Buff is a packet inside the kernel. It models struct sk_buff. A core has
// one scratch Buff that travels up the path by pointer; a stage that is handed
// it queues a copy, hands it on, or drops it, exactly once.
type Buff struct {
	Frame
	// Truesize is the memory charged for the packet, in bytes (1.8).
	Truesize uint32
	// FragLen is how many bytes of the packet lie in page fragments, FragTruesize what those add to Truesize, and
	// TailRoom how many bytes more the head could hold; FragLen is 0 for a linear packet.
	FragLen, FragTruesize, TailRoom uint32
	// Cloned says that the data is shared with another skb.
	Cloned bool
	// Kmalloc says that the head came from kmalloc, as those of local senders do: another packet can't take it over as a page.
	Kmalloc bool
	// FragList is the number of further buffers that hang behind the first (skb_shinfo frag_list).
	FragList uint16
	// GSOSize is the length of the datagrams into which the packet is to be cut, 0 if it is one (gso_size).
	GSOSize uint16
	// NrFrags is the number of page fragments in which the FragLen bytes lie (skb_shinfo nr_frags).
	NrFrags uint8
	// Train is how GRO has put a packet together that stands for several datagrams.
	Train Train
	// Chain, if there is one, is told what becomes of the buffers behind the first.
	Chain *Chain
	// NAPI is the id of the instance that polled the packet (napi_id), 0 if none did or it has none.
	NAPI uint16
	// Len is the length from the current header to the end, in bytes.
	Len uint32
	// Linear is how much of the frame, from its Ethernet header on, lies in the linear area; the rest is in page
	// fragments (RX-16, RX-23).
	Linear uint32
	// IfIndex is the device the packet now belongs to.
	IfIndex int32
	// Queue is the receive queue of the NIC.
	Queue uint16
	// AllocCPU is the CPU that made the skb (alloc_cpu) counted from 1; 0: the one that queues it.
	AllocCPU uint16
	// PktType is the packet type.
	PktType PacketType
	// Summed says whether the checksums were verified.
	Summed IPSummed
	// CsumBad marks a checksum that GRO found bad (GRO-2).
	CsumBad bool
	// Tagged says that a VLAN tag is kept out of band (vlan_tci): the one before
	// the InBand tags that are still in the data.
	Tagged bool
	// InBand is the number of VLAN tags still in the data, behind the Ethernet header.
	InBand uint8
	// Hash is the flow hash, 0 if none; SWHash says that the kernel computed it.
	Hash   uint32
	SWHash bool
	// CT is what connection tracking made of the packet (skb->nfct).
	CT Conntrack
	// Route is the packet's route, if it has one (skb_dst).
	Route Route
	// TStamp is when the packet was timestamped (skb->tstamp), 0 if it was not (CORE-1).
	TStamp engine.Time
	// Sock is the socket attached by early demux (skb->sk), nil otherwise.
	Sock any
	// Ready, Polled and Queued are when the descriptor was written back, when the
	// poll picked the frame up, and when it last entered a queue.
	Ready, Polled, Queued engine.Time
}

// Reset makes b a fresh packet of the given frame.
func (b *Buff) Reset(f *Frame) {
	b.Frame = *f
	b.Truesize, b.Len, b.Linear, b.IfIndex, b.Queue, b.AllocCPU = 0, 0, 0, 0, 0, 0
	b.PktType, b.Summed, b.CsumBad, b.Tagged, b.InBand = 0, ChecksumNone, false, false, 0
	b.Hash, b.SWHash = 0, false
	b.TailRoom, b.NAPI, b.Kmalloc, b.FragList = 0, 0, false, 0
	if b.GSOSize != 0 {
		b.GSOSize, b.Train = 0, Train{}
	}
	b.Route = Route{}
	b.TStamp = 0
	if b.Sock != nil {
		b.Sock = nil
	}
	if b.FragLen != 0 {
		b.FragLen, b.FragTruesize, b.TailRoom, b.NrFrags = 0, 0, 0, 0
	}
	b.Cloned, b.CT = false, CTNone
	b.Ready, b.Polled, b.Queued = 0, 0, 0
}

// TCI returns the tag control information of the tag that is out of band.
func (b *Buff) TCI() uint16 {
	if b.Head.DoubleTagged && b.InBand == 0 {
		return b.Head.InnerVLAN
	}
	return b.Head.VLAN
}

// Untag takes the outermost tag out of the data. It models skb_vlan_untag
// (CORE-4.3).
func (b *Buff) Untag() {
	b.InBand--
	b.Tagged = true
	b.Len -= VLANHeader
}

// Condense models what ___pskb_trim of net/core/skbuff.c does to the memory of a
// packet with page fragments that is cut to keep bytes: who cuts what others have,
// too, gets a head of its own, and what is left in fragments moves into the head
// if that has room for it (6.18/1.4.4).
func (b *Buff) Condense(keep uint32) {
	if b.FragLen == 0 || keep >= b.Len {
		return
	}
	b.Cloned = false
	if linear := b.Len - b.FragLen; keep > linear+b.TailRoom {
		b.FragLen = keep - linear
		return
	}
	if b.Chain != nil && keep > b.Len-b.FragLen { // of the first behind it the rest is needed; the others are freed
		b.Chain.Pulled++
	}
	b.Truesize -= b.FragTruesize
	b.FragLen, b.FragTruesize, b.NrFrags, b.FragList, b.Chain = 0, 0, 0, 0, nil
}

// A Chain is what has become of the buffers behind the first of a packet.
type Chain struct {
	// Kept says that a socket took a copy.
	Kept bool
	// Pulled counts those that were consumed, because the head holds what they had (__pskb_pull_tail).
	Pulled uint16
}

// A Train says of which buffers GRO made a packet (skb_gro_receive): heads, the
// first of which is the packet's and each of which takes the payloads of some
// datagrams more as page fragments. Its zero value is a packet that no GRO made.
type Train struct {
	// Chunk is the number of datagrams to a head.
	Chunk uint8
	// Paged: heads have the headers only. Whole: nothing was taken apart, each datagram is the buffer that it was.
	Paged, Whole bool
	// Headroom is what is free before the Ethernet header of a head, in bytes.
	Headroom uint16
	// Head is the truesize of a head without fragments, Last that of the last datagram as it came.
	Head, Last uint32
}

// Segments returns for how many datagrams the packet stands (gso_segs).
func (b *Buff) Segments() uint64 {
	if b.GSOSize == 0 || b.UDPLen < UDPHeader {
		return 1
	}
	return uint64((int(b.UDPLen) - UDPHeader + int(b.GSOSize) - 1) / int(b.GSOSize))
}
