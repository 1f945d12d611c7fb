// Budget shows what net.core.netdev_budget does to one busy queue, under two
// kernels, poll by poll.
//
//	go run ./examples/budget
//
// The common explanation, "budget 300, weight 64: the poll function is called
// 300/64 + 1 = 5 times, and time_squeeze counts when work is left", is true of
// kernels up to 3.18. Since 3.19 net_rx_action polls each instance once: one
// busy queue gets 64 packets a run and never squeezes.
package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/socket"
	"github.com/seed-556df219/rxpath/softirq"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "budget:", err)
		os.Exit(1)
	}
}

// pending is how many frames wait in the ring when the interrupt comes.
const pending = 1000

// run prints both traces side by side.
func run(w io.Writer) error {
	old, err := trace(kernel.Linux310())
	if err != nil {
		return err
	}
	newer, err := trace(kernel.Linux40())
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d frames wait in one ring; netdev_budget 300, weight 64: packets by poll\n\n", pending)
	const width = 54
	fmt.Fprintf(w, "%-*s%s\n", width, "linux-3.10", "linux-4.0")
	for i := range max(len(old), len(newer)) {
		left, right := "", ""
		if i < len(old) {
			left = old[i]
		}
		if i < len(newer) {
			right = newer[i]
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-*s%s", width, left, right), " "))
	}
	return nil
}

// trace runs the burst through a host with that kernel and returns a line for
// each run of net_rx_action, and the counters.
func trace(k kernel.Profile) ([]string, error) {
	cfg := sim.Linux40()
	cfg.Kernel = k
	cfg.NICs[0].RXRing = 2048
	cfg.NICs[0].RXUsecs = 500 // long enough for the burst to gather in the ring
	h, err := sim.NewHost(cfg)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	to := netip.MustParseAddrPort("10.0.0.2:14506")
	if _, err := h.Bind(socket.Config{Local: to, RcvBufForce: 64 << 20}); err != nil {
		return nil, err
	}
	frame := h.UDPFrame(netip.MustParseAddrPort("10.0.0.1:5000"), to, 18)
	h.Inject(frame) // its interrupt comes at once, the next one 500 µs later
	h.Advance(100 * time.Microsecond)
	before := h.Snapshot().CPUs[0]

	var lines []string
	line := ""
	h.TracePolls(func(e softirq.Trace) {
		switch {
		case e.Poller != "":
			line += fmt.Sprintf(" %d", e.Packets)
		case e.Squeezed:
			lines = append(lines, fmt.Sprintf("run %d: polls%s, time_squeeze", len(lines)+1, line))
			line = ""
		default:
			lines = append(lines, fmt.Sprintf("run %d: polls%s", len(lines)+1, line))
			line = ""
		}
	})
	for range pending {
		h.Inject(frame)
	}
	h.Advance(4 * time.Millisecond)
	after := h.Snapshot().CPUs[0]
	return append(lines, "", fmt.Sprintf("processed %d, NET_RX %d, time_squeeze %d",
		after.Softnet.Processed-before.Softnet.Processed, after.Softirqs[mib.SoftirqNetRX]-before.Softirqs[mib.SoftirqNetRX],
		after.Softnet.TimeSqueeze-before.Softnet.TimeSqueeze)), nil
}
