package kernel

import "github.com/seed-556df219/rxpath/sim/engine"

// A Cost is the time that one step takes, and where that number comes from.
type Cost struct {
	Fixed   engine.Time // per packet, call or event
	PerByte engine.Time // per byte of the frame or payload: picoseconds
	Source  string      // a publication, or how it was derived
	Assumed bool        // nobody measured it
}

// For returns the time of a step over that many bytes.
func (c *Cost) For(bytes uint32) engine.Time {
	return c.Fixed + engine.Time(bytes)*c.PerByte
}

// Costs is a machine as a list of times. Each field's tag is its key in a
// scenario (host.costs.KEY) and in results.
type Costs struct {
	Name   string
	Source string

	// In the device.
	DMA       Cost `cost:"dma"`       // last bit received to descriptor written back
	PCIe      Cost `cost:"pcie"`      // time the DMA engine is busy with one frame
	Interrupt Cost `cost:"interrupt"` // MSI-X message sent to first instruction of the handler

	// In hard interrupts and around softirqs.
	HardIRQ     Cost `cost:"hardirq"`      // entry, handler (napi_schedule) and exit of an interrupt
	Tick        Cost `cost:"tick"`         // timer interrupt
	Softirq     Cost `cost:"softirq"`      // entry and exit of one pass of __do_softirq
	NetRXAction Cost `cost:"net_rx"`       // one run of net_rx_action besides its polls
	Poll        Cost `cost:"poll"`         // one call of a poll function besides its packets, TX cleaning included
	PollDone    Cost `cost:"poll_done"`    // napi_complete, ITR update, unmasking write
	IPI         Cost `cost:"ipi"`          // sending an inter-processor interrupt
	IPILatency  Cost `cost:"ipi_latency"`  // from sending to the first instruction of the handler
	Reschedule  Cost `cost:"reschedule"`   // handler of a rescheduling interrupt
	TimerAction Cost `cost:"timer_action"` // TIMER, RCU and SCHED softirq handlers after a tick

	// Per packet on the way up.
	Driver   Cost `cost:"driver"`    // ixgbe_clean_rx_irq: descriptor, skb, copy or page
	Refill   Cost `cost:"refill"`    // arming a batch of descriptors, the tail write included
	GRO      Cost `cost:"gro"`       // napi_gro_receive of a packet that is never merged
	Core     Cost `cost:"core"`      // netif_receive_skb up to the protocol handler
	RPS      Cost `cost:"rps"`       // get_rps_cpu and enqueue_to_backlog
	Backlog  Cost `cost:"backlog"`   // dequeueing in process_backlog
	Tap      Cost `cost:"tap"`       // one packet socket: clone, charge, wake
	IP       Cost `cost:"ip"`        // ip_rcv to ip_local_deliver
	Route    Cost `cost:"route"`     // route input lookup, skipped after early demux
	UDP      Cost `cost:"udp"`       // udp_rcv and the lookup
	Checksum Cost `cost:"checksum"`  // software checksum
	Clone    Cost `cost:"clone"`     // one more multicast listener: skb_clone, lock, walk
	Enqueue  Cost `cost:"enqueue"`   // udp_queue_rcv_skb of an accepted datagram, without waking
	FullDrop Cost `cost:"full_drop"` // udp_queue_rcv_skb of a refused datagram, kfree_skb included
	FreeDrop Cost `cost:"free_drop"` // kfree_skb of a packet dropped earlier
	NoPort   Cost `cost:"no_port"`   // icmp_send and its rate limit
	Wake     Cost `cost:"wake"`      // sock_def_readable with a sleeper: try_to_wake_up

	// In the reader.
	Syscall      Cost `cost:"syscall"`       // entry and exit of a system call
	Dequeue      Cost `cost:"dequeue"`       // __skb_recv_datagram
	Copy         Cost `cost:"copy"`          // copy to user and release of the memory
	RecvEmpty    Cost `cost:"recv_empty"`    // a receive call that finds nothing, without syscall
	EpollWait    Cost `cost:"epoll_wait"`    // epoll_wait that returns at once, without syscall
	EpollWake    Cost `cost:"epoll_wake"`    // ep_poll_callback, on top of wake
	Switch       Cost `cost:"switch"`        // a context switch
	IdleExit     Cost `cost:"idle_exit"`     // leaving idle, C-state exit included
	RemoteSocket Cost `cost:"remote_socket"` // a reader on another core than the softirq: cache lines that move, per datagram
}

// DefaultCosts returns the machine bdw-3.6ghz.
func DefaultCosts() Costs { return Costs{} }

// Validate reports every cost that no machine could have.
func (c *Costs) Validate() error { return nil }
