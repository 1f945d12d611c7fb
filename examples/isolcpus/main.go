// Isolcpus shows what it is worth to keep an application off the CPU that takes
// the interrupts: the same feed, once with both on one CPU, once with the
// application on a CPU of its own.
//
//	go run ./examples/isolcpus
//
// On a real machine the second is the boot parameter isolcpus=1, the interrupt
// kept where it was with
//
//	echo 1 > /proc/irq/64/smp_affinity
//
// and the application started with taskset -c 1. In the middle of a third run the
// interrupt is moved away instead, as an operator would who finds out too late.
package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "isolcpus:", err)
		os.Exit(1)
	}
}

// feed is a market-data feed and its reader on the given CPU; interrupts come to CPU 0.
func feed(cpu int) scenario.Scenario {
	sc := scenario.Default()
	sc.Run.For, sc.Run.Sample = 2*engine.Second, 0
	sc.NICs = []scenario.NIC{sim.DefaultNIC("eth0")}
	sc.NICs[0].Affinity = map[string][]int{"TxRx-0": {0}}

	group := netip.MustParseAddr("239.193.4.65")
	src := traffic.DefaultConfig()
	src.Name, src.To, src.MilliPPS, src.Dst = "feed", "eth0", 200_000_000, netip.AddrPortFrom(group, 14506)
	src.Arrivals.Kind = traffic.Poisson
	sc.Traffic = []traffic.Config{src}

	sc.Apps = []scenario.App{{
		Name: "handler", CPUs: []int{cpu},
		Sockets: []socket.Config{{
			Local: netip.AddrPortFrom(netip.IPv4Unspecified(), 14506), Join: []socket.Join{{Group: group}}, RcvBuf: 1 << 20,
		}},
		Read: scenario.Read{Service: law.Constant(int64(4400 * engine.Nanosecond))},
	}}
	return sc
}

// run prints a line for each arrangement.
func run(w io.Writer) error {
	shared, isolated, moved := feed(0), feed(1), feed(0)
	moved.Changes = []scenario.Change{{At: engine.Second, Set: []scenario.Setting{{Path: "nics[eth0].irq_affinity.TxRx-0", Value: "2"}}}}
	fmt.Fprintf(w, "200000 messages a second, 4.4 µs of work for each; interrupts on CPU 0\n\n")
	fmt.Fprintf(w, "%-32s %9s %9s %9s %9s %9s\n", "the application is", "read", "lost", "p50", "p99", "max")
	for _, c := range []struct {
		where string
		sc    scenario.Scenario
	}{
		{"on CPU 0 as well", shared},
		{"on CPU 1, alone", isolated},
		{"on CPU 0, interrupt moved at 1 s", moved},
	} {
		res, err := sim.Run(context.Background(), &c.sc, sim.Options{})
		if err != nil {
			return err
		}
		s := &res.Sockets[0]
		h := &s.WireToApp.Hist
		fmt.Fprintf(w, "%-32s %9d %9d %9v %9v %9v\n", c.where, s.Delivered, s.Drops,
			rounded(h.Quantile(500_000)), rounded(h.Quantile(990_000)), rounded(h.Max))
	}
	return nil
}

func rounded(t engine.Time) time.Duration { return t.Duration().Round(100 * time.Nanosecond) }
