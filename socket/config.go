package socket

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
)

// MinRcvBuf is SOCK_MIN_RCVBUF (RB-2).
const MinRcvBuf = 2304

// Limits holds the sysctls that bound receive memory.
type Limits struct {
	// RmemDefault is sk_rcvbuf of a new socket, in bytes, not doubled (RB-4).
	RmemDefault int `sysctl:"net.core.rmem_default"`
	// RmemMax clamps SO_RCVBUF, in bytes, before doubling (RB-1).
	RmemMax int `sysctl:"net.core.rmem_max"`
	// UDPMem are the limits of all UDP sockets together, in pages (UM-1); the first is the effective one (UM-3).
	UDPMem [3]int `sysctl:"net.ipv4.udp_mem"`
	// MemPcpuRsv is how many pages of udp_mem a CPU takes, or gives back, before the others see it, in kernels that count on each CPU (6.0; settable since 6.7).
	MemPcpuRsv int `sysctl:"net.core.mem_pcpu_rsv"`
	// UDPRmemMin is what a socket may hold above the first limit, in bytes.
	UDPRmemMin int `sysctl:"net.ipv4.udp_rmem_min"`
}

// DefaultLimits returns the defaults of Linux 4.0 on a machine with 16 GiB of memory.
func DefaultLimits() Limits {
	return Limits{RmemDefault: 212992, RmemMax: 212992, UDPMem: DefaultUDPMem(4_096_000), UDPRmemMin: 4096, MemPcpuRsv: 256}
}

// DefaultUDPMem models udp_init: what udp_mem is on a machine with so many free
// pages at boot (UM-1).
func DefaultUDPMem(pages int) [3]int {
	limit := max(pages/8, 128)
	return [3]int{limit / 4 * 3, limit, 2 * (limit / 4 * 3)}
}

// Validate reports every field that the kernel would refuse.
func (l *Limits) Validate() error {
	return errors.Join(
		cfgerr.Range("net.core.rmem_default", l.RmemDefault, MinRcvBuf, 1<<31-1),
		cfgerr.Range("net.core.rmem_max", l.RmemMax, MinRcvBuf, 1<<31-1),
		cfgerr.Check(l.UDPMem[0] >= 0 && l.UDPMem[0] <= l.UDPMem[2], "net.ipv4.udp_mem", l.UDPMem, "three numbers of pages, the first not above the third"),
		cfgerr.Range("net.core.mem_pcpu_rsv", l.MemPcpuRsv, 0, 1<<31-1),
		cfgerr.Range("net.ipv4.udp_rmem_min", l.UDPRmemMin, 1, 1<<31-1),
	)
}

// Config is one UDP socket as an application opens it.
type Config struct {
	// Name appears in results.
	Name string
	// Local is the bound address; 0.0.0.0 receives everything, port 0 is refused.
	Local netip.AddrPort
	// Remote is the connected peer; the zero value means not connected.
	Remote netip.AddrPort
	// RcvBuf is the value given to SO_RCVBUF, in bytes: clamped by rmem_max and doubled; 0 means not given (rmem_default).
	RcvBuf int
	// RcvBufForce is the value given to SO_RCVBUFFORCE: not clamped. 0 means not given.
	RcvBufForce int
	// Join are the groups joined with IP_ADD_MEMBERSHIP.
	Join []Join
	// ReusePort and ReuseAddr are SO_REUSEPORT and SO_REUSEADDR.
	ReusePort, ReuseAddr bool
	// NoMulticastAll clears IP_MULTICAST_ALL, so that only groups this socket joined are delivered (3.3).
	NoMulticastAll bool
	// Device is the bound device (SO_BINDTODEVICE), empty for any.
	Device string
	// NonBlocking is O_NONBLOCK: a receive call that finds nothing, or a bad checksum, returns EAGAIN. A thread that
	// blocks in recvmsg or recvmmsg needs it off.
	NonBlocking bool
	// Timestamp is SO_TIMESTAMP: it makes the whole host stamp packets (CORE-2), and this socket get the times.
	Timestamp bool
	// RcvTimeo is SO_RCVTIMEO: how long a blocking receive call waits, in whole jiffies; 0: for ever.
	RcvTimeo engine.Time
	// RXQOvfl is SO_RXQ_OVFL: receive calls tell how many datagrams the socket had lost.
	RXQOvfl bool
	// BusyPoll is SO_BUSY_POLL: for how many microseconds (of 1024 ns) a receive call that finds nothing polls the device
	// itself; 0: not given, and net.core.busy_read counts; -1: given as 0.
	BusyPoll int
	// PreferBusyPoll is SO_PREFER_BUSY_POLL: with napi_defer_hard_irqs, interrupts stay off between two busy loops (5.11).
	PreferBusyPoll bool
	// BusyPollBudget is SO_BUSY_POLL_BUDGET: how many packets a turn takes at most (5.11); 0: 8.
	BusyPollBudget int
	// IncomingCPU is SO_INCOMING_CPU, counted from 1: of sockets that fit equally well, that of the CPU which processes a packet
	// gets it (4.4); 0: not given.
	IncomingCPU int
	// GRO is UDP_GRO: what stands for several datagrams, as UDP_SEGMENT or GRO makes it, is read as one.
	GRO bool
	// Filter is the program of SO_ATTACH_FILTER; none: no filter.
	Filter []FilterInsn
	// UID owns the socket.
	UID int
	// Refusals are datagrams that other parts of the kernel refuse.
	Refusals Refusals
}

// Join is one IP_ADD_MEMBERSHIP.
type Join struct {
	Group netip.Addr
	// Device is the interface by name; empty: the first NIC.
	Device string
	// Include are the only sources that are wanted (IP_ADD_SOURCE_MEMBERSHIP), Exclude those that are not (IP_BLOCK_SOURCE);
	// not both. Without either, all are.
	Include, Exclude []netip.Addr
}

// Validate reports every field that the kernel would refuse.
func (c *Config) Validate() error {
	errs := []error{
		cfgerr.Check(c.Local.IsValid() && c.Local.Addr().Is4(), "bind", c.Local, "an IPv4 address and a port, such as 0.0.0.0:14506"),
		cfgerr.Check(!c.Local.IsValid() || c.Local.Port() != 0, "bind", c.Local, "a port from 1 to 65535"),
		cfgerr.Check(!c.Remote.IsValid() || c.Remote.Addr().Is4(), "connect", c.Remote, "an IPv4 address and a port"),
		cfgerr.Check(c.RcvBuf == 0 || c.RcvBufForce == 0, "rcvbufforce", c.RcvBufForce, "only one of rcvbuf and rcvbufforce"),
		cfgerr.Range("rcvbuf", c.RcvBuf, -1, 1<<31-1),
		cfgerr.Range("rcvbufforce", c.RcvBufForce, -1, 1<<31-1),
	}
	errs = append(errs, cfgerr.Range("busy_poll", c.BusyPoll, -1, 1<<31-1), cfgerr.Range("busy_poll_budget", c.BusyPollBudget, 0, 1<<16-1),
		cfgerr.Check(0 <= c.IncomingCPU && c.IncomingCPU < 1<<16, "incoming_cpu", c.IncomingCPU-1, "0 to 65534"),
		cfgerr.Check(c.RcvTimeo >= 0, "rcvtimeo", c.RcvTimeo, "0 or more"),
		cfgerr.Check(len(c.Filter) <= maxFilter, "filter", len(c.Filter), "at most 4096 instructions"),
		cfgerr.Under("refusals", c.Refusals.Validate()))
	for _, j := range c.Join {
		errs = append(errs, cfgerr.Check(j.Group.Is4() && j.Group.IsMulticast(), "join", j.Group, "a group from 224.0.0.0 to 239.255.255.255"),
			cfgerr.Check(len(j.Include) == 0 || len(j.Exclude) == 0, "join", j.Exclude, "either sources to include or sources to exclude"))
		for _, a := range slices.Concat(j.Include, j.Exclude) {
			errs = append(errs, cfgerr.Check(a.Is4() && !a.IsMulticast(), "join", a, "the IPv4 address of a source"))
		}
	}
	return errors.Join(errs...)
}

// EffectiveRcvBuf returns sk_rcvbuf of a socket opened with c (RB-1 to RB-5).
func (l *Limits) EffectiveRcvBuf(p *kernel.Profile, c *Config) int {
	switch {
	case c.RcvBufForce != 0:
		return rcvBufOf(p, c.RcvBufForce)
	case c.RcvBuf != 0:
		return l.rcvBuf(p, c.RcvBuf)
	}
	return l.RmemDefault // RB-4
}

// rcvBuf is what SO_RCVBUF makes of a request: clamped as unsigned (RB-1).
func (l *Limits) rcvBuf(p *kernel.Profile, request int) int {
	return rcvBufOf(p, int(min(uint32(request), uint32(l.RmemMax))))
}

// rcvBufOf models __sock_set_rcvbuf. Where nothing is clamped, the kernel
// doubles and compares as unsigned and stores an int, so that a large request
// becomes negative (RB-5).
func rcvBufOf(p *kernel.Profile, val int) int {
	if p.RcvBufClamped {
		val = min(max(val, 0), (1<<31-1)/2)
	}
	return int(int32(max(uint32(2*val), MinRcvBuf)))
}
