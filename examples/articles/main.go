// Articles runs what is often said of this path: each statement has an experiment
// that shows what happens, under an old, the reference and a new kernel.
//
//	go run ./examples/articles
package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
	"github.com/seed-556df219/rxpath/softirq"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "articles:", err)
		os.Exit(1)
	}
}

// An experiment is one row: what was measured in one host.
type experiment struct {
	title   string
	measure func(kernel.Profile) (int, error)
}

var experiments = []experiment{
	{"1 polls in the first run, 1000 frames wait", func(k kernel.Profile) (int, error) { return polls(k, 1000, 300, first) }},
	{"2 time_squeeze, 1000 frames wait", func(k kernel.Profile) (int, error) { return polls(k, 1000, 300, squeezes) }},
	{"2 time_squeeze, 64 frames wait, budget 64", func(k kernel.Profile) (int, error) { return polls(k, 64, 64, squeezes) }},
	{"2 packets that were left then", func(k kernel.Profile) (int, error) { return polls(k, 64, 64, left) }},
	{"3 NET_RX softirqs, a datagram each 100 us", func(k kernel.Profile) (int, error) { return calm(k, false) }},
	{"3 times that ksoftirqd was woken for them", func(k kernel.Profile) (int, error) { return calm(k, true) }},
	{"4 InErrors, four losses at a socket", func(k kernel.Profile) (int, error) { return losses(k, false) }},
	{"4 RcvbufErrors, the same four", func(k kernel.Profile) (int, error) { return losses(k, true) }},
	{"5 frames of 64 bytes in a ring of 512", func(k kernel.Profile) (int, error) { return ring(k, 18, false) }},
	{"5 frames of 1518 bytes in a ring of 512", func(k kernel.Profile) (int, error) { return ring(k, 1472, false) }},
	{"6 copies of the data, 65 listeners", func(k kernel.Profile) (int, error) { return fanout(k, 65, data) }},
	{"6 descriptors, 65 listeners", func(k kernel.Profile) (int, error) { return fanout(k, 65, descriptors) }},
	{"6 KiB charged to the 65, payload 1472", func(k kernel.Profile) (int, error) { return fanout(k, 65, charged) }},
	{"7 served under the lock, 32 listeners", func(k kernel.Profile) (int, error) { return fanout(k, 32, locked) }},
	{"7 served under the lock, 33 listeners", func(k kernel.Profile) (int, error) { return fanout(k, 33, locked) }},
	{"8 softnet_stat dropped, the ring is full", func(k kernel.Profile) (int, error) { return ring(k, 18, true) }},
	{"8 softnet_stat dropped, the backlog is full", func(k kernel.Profile) (int, error) { return backlog(k, false) }},
	{"8 frames that the NIC lost then", func(k kernel.Profile) (int, error) { return backlog(k, true) }},
}

// run prints a row for each experiment, with a column for each kernel.
func run(w io.Writer) error {
	kernels := []kernel.Profile{kernel.Linux310(), kernel.Linux40(), kernel.Linux618()}
	fmt.Fprintf(w, "%-44s %11s %10s %11s\n", "experiment", "linux-3.10", "linux-4.0", "linux-6.18")
	for _, e := range experiments {
		var n [3]int
		for i, k := range kernels {
			var err error
			if n[i], err = e.measure(k); err != nil {
				return fmt.Errorf("%s: %w", e.title, err)
			}
		}
		fmt.Fprintf(w, "%-44s %11d %10d %11d\n", e.title, n[0], n[1], n[2])
	}
	return nil
}

var (
	to    = netip.MustParseAddrPort("10.0.0.2:14506")
	group = netip.MustParseAddrPort("239.193.4.65:14506")
	from  = netip.MustParseAddrPort("10.0.0.1:5000")
)

// host returns a host with that kernel and one large socket.
func host(k kernel.Profile, change func(*sim.Config)) (*sim.Host, *sim.Socket, error) {
	cfg := sim.Linux40()
	cfg.Kernel = k
	if change != nil {
		change(&cfg)
	}
	h, err := sim.NewHost(cfg)
	if err != nil {
		return nil, nil, err
	}
	s, err := h.Bind(socket.Config{Local: to, RcvBufForce: 64 << 20})
	return h, s, err
}

// gather makes the next burst wait in the ring: an interrupt has just been, and
// the next one comes a millisecond later.
func gather(h *sim.Host, f skb.Frame, n int) {
	h.Inject(f)
	h.Advance(100 * time.Microsecond)
	for range n {
		h.Inject(f)
	}
}

// What polls measures.
const (
	first    = iota // polls in the first run
	squeezes        // time_squeeze
	left            // packets that the first run after a squeeze found
)

// polls lets a burst wait in one ring, and watches net_rx_action.
func polls(k kernel.Profile, frames, budget, what int) (int, error) {
	h, _, err := host(k, func(c *sim.Config) {
		c.NICs[0].RXRing, c.NICs[0].RXUsecs = 2048, 1000
		c.Softirq.NetdevBudget = budget
	})
	if err != nil {
		return 0, err
	}
	defer h.Close()
	var runs, inFirst, squeezed, found int
	gather(h, h.UDPFrame(from, to, 18), 0)
	h.TracePolls(func(e softirq.Trace) {
		switch {
		case e.Poller == "":
			runs++
			if e.Squeezed {
				squeezed++
			}
		case runs == 0:
			inFirst++
		case squeezed > 0:
			found += int(e.Packets)
		}
	})
	for range frames {
		h.Inject(h.UDPFrame(from, to, 18))
	}
	h.Advance(5 * time.Millisecond)
	return [...]int{inFirst, squeezed, found}[what], nil
}

// calm sends a hundred datagrams with pauses between them.
func calm(k kernel.Profile, woken bool) (int, error) {
	h, _, err := host(k, nil)
	if err != nil {
		return 0, err
	}
	defer h.Close()
	before := h.Snapshot().CPUs[0]
	for range 100 {
		h.Inject(h.UDPFrame(from, to, 18))
		h.Advance(100 * time.Microsecond)
	}
	after := h.Snapshot().CPUs[0]
	if woken {
		return int(after.KsoftirqdWakeups - before.KsoftirqdWakeups), nil
	}
	return int(after.Softirqs[mib.SoftirqNetRX] - before.Softirqs[mib.SoftirqNetRX]), nil
}

// losses loses a datagram to a full buffer, to a filter, to a bad checksum and to
// a wrong length.
func losses(k kernel.Profile, rcvbuf bool) (int, error) {
	h, s, err := host(k, func(c *sim.Config) { c.NICs[0].GRO, c.NICs[0].RXChecksum = false, false })
	if err != nil {
		return 0, err
	}
	defer h.Close()
	one := func(f skb.Frame) {
		h.Inject(f)
		h.Advance(time.Millisecond)
	}
	bad := h.UDPFrame(from, to, 18)
	bad.Head.UDPChecksum = skb.ChecksumBad
	one(bad)
	short := h.UDPFrame(from, to, 18)
	short.UDPLen = 7
	one(short)
	s.SetFilter(func(*skb.Header, uint32) uint32 { return 0 })
	one(h.UDPFrame(from, to, 18))
	s.SetFilter(nil)
	s.SetRcvBuf(1)
	for h.Snapshot().Net.UDP.RcvbufErrors == 0 {
		one(h.UDPFrame(from, to, 18))
	}
	u := h.Snapshot().Net.UDP
	if rcvbuf {
		return int(u.RcvbufErrors), nil
	}
	return int(u.InErrors), nil
}

// ring fills the first of two rings, and counts what it took, or what softnet_stat says.
func ring(k kernel.Profile, payload int, softnet bool) (int, error) {
	const burst = 700
	h, _, err := host(k, func(c *sim.Config) {
		c.NICs[0].Combined, c.NICs[0].RXRing, c.NICs[0].RXUsecs = 2, 512, 1000
		c.NICs[0].TXPause = false
	})
	if err != nil {
		return 0, err
	}
	defer h.Close()
	gather(h, h.UDPFrame(from, to, payload), burst)
	h.Advance(5 * time.Millisecond)
	now := h.Snapshot()
	if softnet {
		n := 0
		for i := range now.CPUs {
			n += int(now.CPUs[i].Softnet.Dropped)
		}
		return n, nil
	}
	return burst - int(now.Ledger.Dropped[skb.HWNoDesc]), nil
}

// What fanout measures.
const (
	data        = iota // packets with data of their own
	descriptors        // skbs
	charged            // KiB of truesize
	locked             // copies made under the slot's lock
)

// fanout sends one datagram to many listeners.
func fanout(k kernel.Profile, n, what int) (int, error) {
	h, _, err := host(k, nil)
	if err != nil {
		return 0, err
	}
	defer h.Close()
	var socks []*sim.Socket
	for range n {
		s, err := h.Bind(socket.Config{Local: group, ReuseAddr: true, Join: []socket.Join{{Group: group.Addr()}}})
		if err != nil {
			return 0, err
		}
		socks = append(socks, s)
	}
	h.Inject(h.UDPFrame(from, group, 1472))
	h.Advance(time.Millisecond)
	bytes := 0
	for _, s := range socks {
		bytes += s.RxQueueBytes()
	}
	f := h.Fanout()
	clones := int(f.ClonesLocked + f.ClonesUnlocked)
	return [...]int{n - clones, clones + int(f.Originals), bytes >> 10, int(f.ClonesLocked)}[what], nil
}

// backlog sends a burst through RPS to a CPU whose backlog is short, and counts
// what softnet_stat says, or what the NIC lost.
func backlog(k kernel.Profile, nic bool) (int, error) {
	h, _, err := host(k, func(c *sim.Config) {
		c.NICs[0].RPS = map[string][]int{"rx-0": {1}}
		c.NICs[0].RXUsecs = 1000
		c.Softirq.NetdevMaxBacklog = 10
	})
	if err != nil {
		return 0, err
	}
	defer h.Close()
	gather(h, h.UDPFrame(from, to, 18), 400)
	h.Advance(5 * time.Millisecond)
	now := h.Snapshot()
	if nic {
		return int(now.Ledger.Dropped[skb.HWFIFO] + now.Ledger.Dropped[skb.HWNoDesc]), nil
	}
	n := 0
	for i := range now.CPUs {
		n += int(now.CPUs[i].Softnet.Dropped)
	}
	return n, nil
}
