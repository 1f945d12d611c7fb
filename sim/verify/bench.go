package verify

import (
	"net/netip"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/socket"
)

// A bench is what a case runs on: a simulated host, or network namespaces of the
// kernel that runs this program. It has the network and the settings of the
// case, and a sender; sockets are opened by the case.
type bench interface {
	// bind opens a socket of the receiver with the options of spec.
	bind(cfg socket.Config, spec *socketSpec) (endpoint, error)
	// firstSender is the sender that is there from the beginning, newSender starts another.
	firstSender() sender
	newSender(port uint16, cpu int) (sender, error)
	// ready is called when the sockets of the set-up are open.
	ready()
	// moreWarmUps is how many warm-ups of so many packets each are needed beside n.
	moreWarmUps(n, packets int) int
	// datagram returns what puts a well-formed datagram on the wire, headed one that begins with these bytes,
	// and frame these bytes themselves.
	datagram(payload int) (func() error, error)
	headed(head []byte, payload int) (func() error, error)
	frame(data []byte) (func() error, error)
	// settle waits until everything has happened that follows from what was sent, wait so long.
	settle() error
	wait(t engine.Time) error
	// mark is the state of all counters, and since what has moved.
	mark() any
	since(mark any) delta
	// inDatagrams is Udp.InDatagrams.
	inDatagrams() uint64
	// tapped is how many packets a packet socket got.
	tapped() int64
	// check says what went wrong meanwhile.
	check() error
	close()
}

// A sender is a process with a socket that sends.
type sender interface {
	// send hands one datagram to the kernel, or one of several segments.
	send(dst netip.AddrPort, payload, segment int) error
}

// An endpoint is a socket that receives.
type endpoint interface {
	RecvMsg(size int, flags socket.Flags) (sim.Message, error)
	Poll() socket.Events
	FIONREAD() int
	Connect(peer netip.AddrPort) error
	SetRcvBuf(bytes int)
	RcvBuf() int
	// MemInfo is SO_MEMINFO, ProcUDP what /proc/net/udp shows.
	MemInfo() socket.MemInfo
	ProcUDP() (rxQueue int, drops uint64)
	// Queued is the number of datagrams that are waiting. Nothing may follow but Close.
	Queued() int
	Close()
}

// A world is a case with the bench on which it runs.
type world struct {
	bench
	c  *Case
	rx []*receiver
}

// A receiver is a socket of a case.
type receiver struct {
	endpoint
	spec socketSpec
}

// recv reads one datagram, and does not wait.
func (r *receiver) recv() (sim.Message, error) { return r.RecvMsg(1<<16, socket.MsgDontWait) }

// drops is how many datagrams the socket has lost.
func (r *receiver) drops() uint64 { return r.MemInfo().Drops }

// delta is what has moved between two marks: counters under the kernel's names.
type delta struct {
	net          counters            // rows of /proc/net/snmp and netstat: Udp.InErrors
	dev, stats64 map[string]counters // by device: its row in /proc/net/dev; what rtnetlink shows beside it
	softnet      []counters          // by CPU
	drops        counters            // reasons of the tracepoint kfree_skb
	sender       counters            // the sender's row in /proc/net/dev
}
