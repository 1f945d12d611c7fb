package kernel

// AcceptRule is when a receive buffer takes a datagram. The values differ in
// what they compare with sk_rcvbuf.
type AcceptRule uint8

// Acceptance rules.
const (
	// BelowRcvBuf: what is charged already must be less than sk_rcvbuf (CAP-1), and what waits in the backlog counts.
	BelowRcvBuf AcceptRule = iota
	// UpToRcvBuf: what is charged already must not exceed sk_rcvbuf (__udp_enqueue_schedule_skb, 4.10 to 6.17).
	UpToRcvBuf
	// FitsOrEmpty: the datagram must fit, or nothing be charged yet (6.18).
	FitsOrEmpty
)

// String returns the name of the rule in a scenario.
func (r AcceptRule) String() string {
	return nameOf(int(r), "below_rcvbuf", "up_to_rcvbuf", "fits_or_empty")
}

// ReleaseRule is when a reader gives the memory of datagrams back.
type ReleaseRule uint8

// Release rules.
const (
	// ReleaseEach: every datagram after it was copied (skb_free_datagram_locked).
	ReleaseEach ReleaseRule = iota
	// ReleaseQuarter: before the copy, when a quarter of sk_rcvbuf has come together or the reader's queue is empty (udp_rmem_release).
	ReleaseQuarter
)

// String returns the name of the rule in a scenario.
func (r ReleaseRule) String() string { return nameOf(int(r), "each", "quarter") }

// FwdAllocRule is how many pages a socket takes when it has too few.
type FwdAllocRule uint8

// Rules of forward allocation.
const (
	// FwdWhole: the pages of the whole datagram, if it is larger than what the socket has (UM-2).
	FwdWhole FwdAllocRule = iota
	// FwdWholeIfEqual: the same, and also if it is as large (6.1).
	FwdWholeIfEqual
	// FwdShortfall: the pages that are missing (6.12).
	FwdShortfall
)

// String returns the name of the rule in a scenario.
func (r FwdAllocRule) String() string { return nameOf(int(r), "whole", "whole_if_equal", "shortfall") }

// UDPMemLimit is which number of udp_mem a socket meets that holds more than
// udp_rmem_min.
type UDPMemLimit uint8

// Limits of udp_mem.
const (
	UDPMemFirst UDPMemLimit = iota
	UDPMemThird
)

// String returns the name of the limit in a scenario.
func (l UDPMemLimit) String() string { return nameOf(int(l), "first", "third") }

// UDPMemDrop is what a datagram counts that udp_mem refuses, besides sk_drops.
type UDPMemDrop uint8

// Counting of refusals by udp_mem.
const (
	MemInErrors  UDPMemDrop = iota // InErrors; the Udp row has no column MemErrors
	MemMemErrors                   // InErrors and MemErrors
	MemDropsOnly                   // nothing
)

// String returns the name of the value in a scenario.
func (d UDPMemDrop) String() string { return nameOf(int(d), "in_errors", "mem_errors", "drops_only") }

// NetstatColumns is a format of files that have columns of protocols that the
// model does not have.
type NetstatColumns uint8

// Formats, each named after the first kernel here that has it.
const (
	NetstatOf310 NetstatColumns = iota // [M]: from memory
	NetstatOf40
	NetstatOf61
	NetstatOf612
	NetstatOf618
)

// String returns the name of the format in a scenario.
func (n NetstatColumns) String() string {
	return nameOf(int(n), "linux-3.10", "linux-4.0", "linux-6.1", "linux-6.12", "linux-6.18")
}

// TraceText is what trace files say of an event.
type TraceText uint8

// Kinds of trace files.
const (
	// TracePlain: as 4.0 (11.1, 11.2).
	TracePlain TraceText = iota
	// TraceReasons: kfree_skb has a reason, napi_poll work and budget, the columns of flags one more (6.1).
	TraceReasons
	// TraceSymbols: locations are symbols, kfree_skb names the socket, and what UDP refuses is told before it is freed (6.18).
	TraceSymbols
)

// String returns the name of the value in a scenario.
func (t TraceText) String() string { return nameOf(int(t), "plain", "reasons", "symbols") }

// nameOf returns the name of a value, an empty text for one without.
func nameOf(n int, names ...string) string {
	if n < len(names) {
		return names[n]
	}
	return ""
}
