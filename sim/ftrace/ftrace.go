// Package ftrace holds what a host's tracers record: typed events, one kind for
// each tracepoint of the receive path, in a bounded buffer per CPU, and the
// function calls that one chosen packet goes through. Cores fill it in (package
// cpu); package trace prints it as files of tracefs.
//
// Not modelled:
//   - Tracepoints of other parts of the kernel than the receive path do not
//     exist, nor does napi_gro_frags_entry, since no driver here calls
//     napi_gro_frags.
//   - The identifiers of NAPI instances in events (napi_id) are 0.
//   - A copy of a packet has the address of its packet. All addresses are made
//     up, and the same in every run.
package ftrace

import (
	"net/netip"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// A Kind is a tracepoint.
type Kind uint8

// Tracepoints, by their systems irq, napi, net, skb, sock and udp.
const (
	IRQHandlerEntry Kind = iota
	IRQHandlerExit
	SoftirqRaise
	SoftirqEntry
	SoftirqExit
	NAPIPoll
	NAPIGROReceiveEntry
	NetifReceiveSKBEntry
	NetifReceiveSKB
	NetifRXEntry
	NetifRXNIEntry
	NetifRX
	NetDevQueue
	KfreeSKB
	ConsumeSKB
	SKBCopyDatagramIovec
	SockRcvqueueFull
	SockExceedBufLimit
	UDPFailQueueRcvSKB
	// NumKinds is the number of tracepoints.
	NumKinds
)

var kindNames = [NumKinds][2]string{
	IRQHandlerEntry: {"irq", "irq_handler_entry"}, IRQHandlerExit: {"irq", "irq_handler_exit"},
	SoftirqRaise: {"irq", "softirq_raise"}, SoftirqEntry: {"irq", "softirq_entry"}, SoftirqExit: {"irq", "softirq_exit"},
	NAPIPoll: {"napi", "napi_poll"}, NAPIGROReceiveEntry: {"net", "napi_gro_receive_entry"},
	NetifReceiveSKBEntry: {"net", "netif_receive_skb_entry"}, NetifReceiveSKB: {"net", "netif_receive_skb"},
	NetifRXEntry: {"net", "netif_rx_entry"}, NetifRXNIEntry: {"net", "netif_rx_ni_entry"}, NetifRX: {"net", "netif_rx"},
	NetDevQueue: {"net", "net_dev_queue"},
	KfreeSKB:    {"skb", "kfree_skb"}, ConsumeSKB: {"skb", "consume_skb"}, SKBCopyDatagramIovec: {"skb", "skb_copy_datagram_iovec"},
	SockRcvqueueFull: {"sock", "sock_rcvqueue_full"}, SockExceedBufLimit: {"sock", "sock_exceed_buf_limit"},
	UDPFailQueueRcvSKB: {"udp", "udp_fail_queue_rcv_skb"},
}

// String returns the tracepoint's name.
func (k Kind) String() string {
	if k < NumKinds {
		return kindNames[k][1]
	}
	return "unknown"
}

// System returns the directory of tracefs in which the tracepoint is.
func (k Kind) System() string {
	if k < NumKinds {
		return kindNames[k][0]
	}
	return "unknown"
}

// Entry reports whether k is one of the events that say all of a packet at the
// entry of a function: netif_rx_entry and the like.
func (k Kind) Entry() bool {
	switch k {
	case NAPIGROReceiveEntry, NetifReceiveSKBEntry, NetifRXEntry, NetifRXNIEntry:
		return true
	}
	return false
}

// A Set is a set of tracepoints.
type Set uint32

// All has every tracepoint.
const All Set = 1<<NumKinds - 1

// Of returns the set of the kinds given.
func Of(kinds ...Kind) (s Set) {
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has reports whether k is in the set.
func (s Set) Has(k Kind) bool { return s>>k&1 != 0 }

// Flags is the context in which something happened: the columns between CPU and
// time of a trace file.
type Flags uint8

// Bits of Flags.
const (
	IRQsOff      Flags = 1 << iota // interrupts are disabled
	NeedResched                    // TIF_NEED_RESCHED and PREEMPT_NEED_RESCHED
	Hardirq                        // in a handler of an interrupt
	Softirq                        // in a softirq
	BHOff                          // in a BH-disabled region
	PreemptDepth                   // preempt_disable is nested once
)

// A Task is who had the CPU: pid 0 is idle.
type Task struct {
	Comm string
	PID  int
}

// Idle is the idle task.
const Idle = "<idle>"

// A Where says when something happened, on which CPU, and in whose time.
type Where struct {
	At    engine.Time
	CPU   int
	Task  Task
	Flags Flags
}

// A Packet is what an event tells of a packet.
type Packet struct {
	// ID is its number among the frames of its interface, 0 if there is no packet.
	ID uint64
	// Dev is the device.
	Dev string
	// Queue is the receive queue, HasQueue whether there was one.
	Queue    uint16
	HasQueue bool
	// Protocol is skb->protocol.
	Protocol uint16
	// Len is the length without the link header on receive, DataLen the part of it in page fragments, NrFrags their
	// number; all in bytes.
	Len, DataLen uint32
	NrFrags      int
	Truesize     uint32
	// Summed is skb->ip_summed.
	Summed uint8
	// Hash is skb->hash, L4Hash whether it is one over ports.
	Hash   uint32
	L4Hash bool
	// Tagged says that a tag is out of band: VLANProto and TCI.
	Tagged         bool
	VLANProto, TCI uint16
	// GSOSize is the length of its segments.
	GSOSize uint16
}

// An Event is one event. Which fields its kind uses, trace.Body shows.
type Event struct {
	Where
	Kind Kind
	Packet
	// Location is the function that freed a packet, Reason why, by the kernel's name without its prefix.
	Location, Reason string
	// RmemAlloc and RcvBuf are the socket's, Mem is udp_mem, Allocated what UDP would have with the packet, in pages,
	// RmemMin is udp_rmem_min.
	RmemAlloc, RcvBuf  int
	Mem                [3]int
	Allocated, RmemMin int
	// RC is an errno with a minus; Src and Dst are the addresses of the packet.
	RC       int
	Src, Dst netip.AddrPort
	// Vec is a softirq's number.
	Vec uint8
	// IRQ and Name are an interrupt's.
	IRQ  int
	Name string
	// Work is what a poll charged, Budget its weight, Instance which of the device's instances was polled.
	Work, Budget, Instance int
}

// A Buffer holds the last events of one CPU. It models the ring buffer of one
// CPU in overwrite mode (kernel/trace/ring_buffer.c).
type Buffer struct {
	events  []Event
	limit   int
	next    int // of a full buffer: the oldest
	written uint64
}

// NewBuffer returns a buffer for so many events.
func NewBuffer(limit int) Buffer { return Buffer{limit: max(limit, 1)} }

// Add adds an event, over the oldest one if there is no room.
func (b *Buffer) Add(e *Event) {
	b.written++
	if len(b.events) < b.limit {
		b.events = append(b.events, *e)
		return
	}
	b.events[b.next] = *e
	b.next = (b.next + 1) % b.limit
}

// Events returns the events that are left, oldest first.
func (b *Buffer) Events() []Event {
	return append(append([]Event(nil), b.events[b.next:]...), b.events[:b.next]...)
}

// Lost counts events that were overwritten.
func (b *Buffer) Lost() uint64 { return b.written - uint64(len(b.events)) }

// A Step is what a function graph is made of: a call, a return, an event.
type Step uint8

// Steps.
const (
	Enter Step = iota
	Return
	// IRQEnter and IRQReturn are Enter and Return of the function that an interrupt enters.
	IRQEnter
	IRQReturn
	// Comment is an event among the calls.
	Comment
)

// A Call is one line of what a tracer records of a function graph.
type Call struct {
	Where
	// Seq orders what happened on one CPU.
	Seq  uint64
	Step Step
	// Func is the function, by the kernel's name.
	Func string
	// Event is set with Comment.
	Event *Event
}

// A Fate is what becomes of a packet, or of one copy of it.
type Fate uint8

// Fates.
const (
	Cloned  Fate = iota // one more copy is there
	Queued              // it waits at Where
	Read                // an application has it
	Dropped             // it ended, by Reason
	Merged              // GRO made it part of the packet whose number Reason is
)

var fateNames = [...]string{Cloned: "cloned", Queued: "queued", Read: "read", Dropped: "dropped", Merged: "merged"}

// String returns the fate in a word.
func (f Fate) String() string { return fateNames[f] }

// An Outcome is one thing that became of the chosen packet.
type Outcome struct {
	Where
	Fate Fate
	// Place is a socket, a function, or a part of the hardware.
	Place string
	// Reason is why it was dropped, by the name that results use.
	Reason string
}
