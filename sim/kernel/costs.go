package kernel

import "github.com/seed-556df219/rxpath/sim/engine"

//go:generate go run ./internal/gencosts

// A Cost is the time that one step takes, and where that number comes from.
type Cost struct {
	// Fixed is the time per packet, call or event, in picoseconds.
	Fixed engine.Time
	// PerByte is the time per byte, in picoseconds. Only a step whose field has a bytes tag may have one.
	PerByte engine.Time
	// Source is a publication, or how the number was derived from one.
	Source string
	// Assumed says that nobody measured it.
	Assumed bool
}

// For returns the time of a step over that many bytes.
func (c *Cost) For(bytes uint32) engine.Time {
	return c.Fixed + engine.Time(bytes)*c.PerByte
}

// String prints the time without its source: "270ns", "151.67ns + 85ps/B".
func (c Cost) String() string {
	if c.PerByte == 0 {
		return c.Fixed.String()
	}
	return c.Fixed.String() + " + " + c.PerByte.String() + "/B"
}

// Costs is a machine as a list of times, one for each step that a packet, an
// interrupt or a reader takes. A field's cost tag is its key in a scenario
// (host.costs.KEY) and in results; its bytes tag, if it has one, says which
// bytes [Cost.For] is given. The comments are the documentation of the keys:
// docs/costs.md and [Steps] have them from here.
type Costs struct {
	// Name is the profile's name: bdw-3.6ghz.
	Name string
	// Description says in a sentence whose machine it is.
	Description string
	// CPU is the processor.
	CPU string
	// Source says what the profile rests on.
	Source string

	// Time from the last bit of a frame on the wire to its descriptor written back in memory. A latency: no core is busy.
	DMA Cost `cost:"dma"`
	// Time that the device's DMA engine and the bus are busy with one frame; the next frame waits for it.
	PCIe Cost `cost:"pcie" bytes:"frame without FCS"`
	// Time from the MSI-X message sent to the first instruction of the handler. A latency: no core is busy.
	Interrupt Cost `cost:"interrupt"`

	// Entry, handler (ixgbe_msix_clean_rings, napi_schedule) and exit (irq_exit, without softirqs) of a device interrupt.
	HardIRQ Cost `cost:"hardirq"`
	// One timer interrupt: tick_sched_timer, update_process_times, scheduler_tick.
	Tick Cost `cost:"tick"`
	// Entry and exit of one pass of __do_softirq over the pending softirqs.
	Softirq Cost `cost:"softirq"`
	// One run of net_rx_action besides its polls.
	NetRXAction Cost `cost:"net_rx"`
	// One call of a poll function (ixgbe_poll, process_backlog) besides its packets, TX cleaning included.
	Poll Cost `cost:"poll"`
	// The end of a completed poll: napi_complete, ixgbe_set_itr and the write that unmasks the vector.
	PollDone Cost `cost:"poll_done"`
	// Sending one inter-processor interrupt: smp_send_reschedule, or the one of net_rps_action_and_irq_enable.
	IPI Cost `cost:"ipi"`
	// Time from an inter-processor interrupt sent to the first instruction of its handler. A latency: no core is busy.
	IPILatency Cost `cost:"ipi_latency"`
	// Handler of an inter-processor interrupt: scheduler_ipi, or rps_trigger_softirq.
	Reschedule Cost `cost:"reschedule"`
	// The TIMER, SCHED and RCU softirqs that follow a tick, all together.
	TimerAction Cost `cost:"timer_action"`

	// One frame in the driver: ixgbe_clean_rx_irq with ixgbe_fetch_rx_buffer (descriptor, skb, copy or page) and eth_type_trans.
	Driver Cost `cost:"driver" bytes:"frame without FCS"`
	// Arming one batch of descriptors, usually 16: ixgbe_alloc_rx_buffers with its one tail write.
	Refill Cost `cost:"refill"`
	// One fresh page in that batch, where none was recycled: alloc_page and dma_map_page in ixgbe_alloc_mapped_page.
	Page Cost `cost:"page"`
	// napi_gro_receive and dev_gro_receive of a packet that is not merged, and as much of one that is; nothing with GRO off.
	GRO Cost `cost:"gro"`
	// netif_receive_skb and __netif_receive_skb_core up to the protocol handler.
	Core Cost `cost:"core"`
	// get_rps_cpu and enqueue_to_backlog of one packet.
	RPS Cost `cost:"rps"`
	// Dequeueing one packet in process_backlog, on a core that has not seen it yet.
	Backlog Cost `cost:"backlog"`
	// One packet socket: clone, run its filter, charge, queue, look for a reader (packet_rcv).
	Tap Cost `cost:"tap" bytes:"frame without FCS"`
	// One mmap ring: copy into its next frame, look for a reader (tpacket_rcv).
	TapRing Cost `cost:"tap_ring" bytes:"bytes copied"`
	// Running the filter of one packet socket over one packet: sk_run_filter.
	TapFilter Cost `cost:"tap_filter"`
	// Reading the clock for the timestamp of one packet: __net_timestamp.
	Timestamp Cost `cost:"timestamp"`
	// ip_rcv to ip_local_deliver_finish, hooks and early demux included, the route lookup not.
	IP Cost `cost:"ip"`
	// ip_route_input_noref; skipped when early demux found a valid route.
	Route Cost `cost:"route"`
	// ip_defrag of one fragment: finding its datagram, its place, and putting it together at the end.
	Defrag Cost `cost:"defrag"`
	// nf_conntrack_in and nf_conntrack_confirm of one packet; nothing without connection tracking.
	Conntrack Cost `cost:"conntrack"`
	// udp_rcv and __udp4_lib_rcv: header checks and the socket lookup.
	UDP Cost `cost:"udp"`
	// A software checksum over a datagram: udp4_gro_receive, __udp_lib_checksum_complete.
	Checksum Cost `cost:"checksum" bytes:"UDP length"`
	// One more multicast listener: its part of the walk in __udp4_lib_mcast_deliver, sock_hold and skb_clone.
	Clone Cost `cost:"clone"`
	// udp_queue_rcv_skb of an accepted datagram, with sock_def_readable when nobody sleeps.
	Enqueue Cost `cost:"enqueue"`
	// udp_queue_rcv_skb of a datagram that finds the socket full, its kfree_skb included.
	FullDrop Cost `cost:"full_drop"`
	// On top of enqueue and full_drop when the socket's last reader ran on another core: the lock and the counters that must move over.
	RemoteEnqueue Cost `cost:"remote_enqueue"`
	// kfree_skb of a packet that was refused or lost before it got to a socket.
	FreeDrop Cost `cost:"free_drop"`
	// icmp_send of a port unreachable, mostly its rate limit; kfree_skb is free_drop.
	NoPort Cost `cost:"no_port"`
	// Running a socket filter on one datagram: sk_run_filter.
	Filter Cost `cost:"filter"`
	// Waking a sleeping reader, on top of enqueue: try_to_wake_up. The interrupt to another core is ipi.
	Wake Cost `cost:"wake"`

	// One datagram on its way out: udp_sendmsg with its copy from the user, IP, and dev_queue_xmit to a device without hardware.
	Send Cost `cost:"send" bytes:"UDP payload"`
	// Entry and exit of one system call; recvmmsg pays it once for all its messages.
	Syscall Cost `cost:"syscall"`
	// Taking one datagram off the queue: __skb_recv_datagram.
	Dequeue Cost `cost:"dequeue"`
	// Copying one datagram to the user and giving its memory back: skb_copy_datagram_msg, skb_free_datagram_locked.
	Copy Cost `cost:"copy" bytes:"UDP payload"`
	// A receive that finds nothing (EAGAIN), besides syscall.
	RecvEmpty Cost `cost:"recv_empty"`
	// epoll_wait that returns at once, besides syscall.
	EpollWait Cost `cost:"epoll_wait"`
	// Asking one socket in poll or select: its place in the wait queue, udp_poll.
	PollFD Cost `cost:"poll_fd"`
	// ep_poll_callback for a thread that sleeps in epoll_wait, on top of wake.
	EpollWake Cost `cost:"epoll_wake"`
	// One turn of a busy loop besides the packets: the driver's lock and a look at the ring, the clock, cpu_relax (sk_busy_loop, napi_busy_loop).
	BusyPoll Cost `cost:"busy_poll"`
	// A context switch to another task: __schedule.
	Switch Cost `cost:"switch"`
	// Leaving the idle state, the hardware's exit latency included.
	IdleExit Cost `cost:"idle_exit"`
	// A spinlock for which somebody waits: the time from its release on one core to the next waiter going on. Nothing without contention.
	LockTransfer Cost `cost:"lock_transfer"`
	// One datagram that was queued by another core than the reader's: its cache lines move over.
	RemoteSocket Cost `cost:"remote_socket"`
}
