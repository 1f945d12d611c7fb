package mib

// Softnet is one row of /proc/net/softnet_stat. It models the counters of
// struct softnet_data (FMT-1).
type Softnet struct {
	// Processed counts rounds of the receive core on this CPU: a frame of a VLAN device counts twice, and with
	// RPS it counts on the target CPU only.
	// Incremented in net/core/dev.c:__netif_receive_skb_core (CORE-4, CORE-6).
	Processed uint64 `kernel:"processed"`
	// Dropped counts packets refused by this CPU's backlog; not losses in the NIC or at a socket.
	// Incremented in net/core/dev.c:enqueue_to_backlog (RPS-9).
	Dropped uint64 `kernel:"dropped"`
	// TimeSqueeze counts runs of net_rx_action that ended by budget or time; nothing need have been left to do.
	// Incremented in net/core/dev.c:net_rx_action (NAPI-6e, NAPI-9).
	TimeSqueeze uint64 `kernel:"time_squeeze"`
	// ReceivedRPS counts inter-processor interrupts that woke this CPU's backlog; not packets.
	// Incremented in net/core/dev.c:rps_trigger_softirq (RPS-14).
	ReceivedRPS uint64 `kernel:"received_rps"`
	// FlowLimitCount counts packets refused by the flow limit; each is in Dropped of the target CPU, too.
	// Incremented in net/core/dev.c:skb_flow_limit (RPS-12).
	FlowLimitCount uint64 `kernel:"flow_limit_count"`
}

// The softirqs in the order in which they run (SIRQ-1).
const (
	SoftirqHI = iota
	SoftirqTimer
	SoftirqNetTX
	SoftirqNetRX
	SoftirqBlock
	SoftirqBlockIOPoll
	SoftirqTasklet
	SoftirqSched
	SoftirqHRTimer
	SoftirqRCU
	NumSoftirqs
)

// SoftirqNames are the row names of /proc/softirqs.
var SoftirqNames = [NumSoftirqs]string{"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "BLOCK_IOPOLL", "TASKLET", "SCHED", "HRTIMER", "RCU"}

// CPUTime is the time of a CPU in its contexts, in picoseconds, as the books of
// package cpu have it. /proc/stat shows softirq and ksoftirqd as one.
type CPUTime struct {
	User, System, Idle, Hardirq, Softirq, Ksoftirqd int64
	// Spinning is the part of the others in which the CPU waited for spinlocks that another one held.
	Spinning int64
}

// CPU is what one CPU counts.
type CPU struct {
	Softnet  Softnet
	Softirqs [NumSoftirqs]uint64
	Time     CPUTime
	// LocalTimer counts timer ticks, the LOC row of /proc/interrupts.
	LocalTimer uint64
	// Reschedule counts rescheduling interrupts received, the RES row.
	Reschedule uint64
	// CallFunction counts function call interrupts received, the CAL row (RPS-14).
	CallFunction uint64
	// ContextSwitches counts task switches, the ctxt row of /proc/stat.
	ContextSwitches uint64
	// Restarts counts further passes of __do_softirq beyond the first (SIRQ-3).
	Restarts uint64
	// KsoftirqdWakeups counts wake-ups of ksoftirqd/N (SIRQ-3).
	KsoftirqdWakeups uint64
	// Preemptions counts tasks that had to give the CPU away while they could have gone on.
	Preemptions uint64
	// Wakeups counts tasks woken on this CPU.
	Wakeups uint64
	// BacklogLen is the number of packets in input_pkt_queue and process_queue now.
	BacklogLen uint64
	// InputQueueLen is the part of BacklogLen that is in input_pkt_queue; the rest is in process_queue.
	InputQueueLen uint64
}
