package report_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/report/plots"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// slowReader is 100,000 datagrams a second for an application that takes 20 µs
// for each.
func slowReader() *scenario.Scenario {
	addr := netip.MustParseAddrPort("10.0.0.2:5001")
	sc := scenario.Default()
	sc.Name = "slow-reader"
	sc.NICs = []scenario.NIC{sim.DefaultNIC("eth0")}
	feed := traffic.DefaultConfig()
	feed.MilliPPS, feed.Arrivals, feed.Dst = 100_000_000, traffic.Arrivals{Kind: traffic.Constant}, addr
	sc.Traffic = []traffic.Config{feed}
	sc.Apps = []scenario.App{{Name: "gateway", CPUs: []int{2}, Sockets: []socket.Config{{Local: addr}},
		Read: scenario.Read{Service: law.Constant(int64(20 * engine.Microsecond))}}}
	sc.Run.For = 100 * engine.Millisecond
	return &sc
}

// The stage that limits a run is found by relaxing one at a time.
func ExampleFindBottleneck() {
	ctx, sc := context.Background(), slowReader()
	res, err := sim.Run(ctx, sc, sim.Options{})
	if err != nil {
		panic(err)
	}
	b, err := report.FindBottleneck(ctx, sc, res, sim.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(b.Stage, b.Counter, b.Knob)
	for _, t := range b.Trials {
		fmt.Printf("%s: %v\n", t.Stage, t.Counts)
	}
	// Output:
	// reader snmp: Udp.RcvbufErrors apps[gateway].read.service
	// ring: false
	// moderation: false
	// rcvbuf: false
	// softirq: false
	// reader: true
}

func ExampleParseThreshold() {
	t, err := report.ParseThreshold(`p(latency.wire_to_app, 99.9) < 200us`)
	fmt.Println(t, err)
	_, err = report.ParseThreshold(`p(latency.wire_to_app, 999) < 200us`)
	fmt.Println(err)
	_, err = report.ParseThreshold(`drop == 0`)
	fmt.Println(err)
	// Output:
	// p(latency.wire_to_app, 99.9) < 200us <nil>
	// "p(latency.wire_to_app, 999) < 200us", column 24: percentile 999: want a percentage above 0, up to 100, such as 99.9
	// "drop == 0", column 1: unknown metric "drop": want one of drops, rejects, offered, delivered, consumed, born, live, partner_lost, p, mean, max, count, rate, share, counter, cpu, socket; the nearest is "drops"
}

func ExampleParseMetric() {
	res, err := sim.Run(context.Background(), slowReader(), sim.Options{})
	if err != nil {
		panic(err)
	}
	for _, text := range []string{`rate(offered)`, `socket["gateway"].rcvbuf`, `share(rejects)`, `p(latency.backlog, 50)`} {
		m, err := report.ParseMetric(text)
		if err != nil {
			panic(err)
		}
		fmt.Println(m, "=", m.Value(res))
	}
	// Output:
	// rate(offered) = 100000/s
	// socket["gateway"].rcvbuf = 212992B
	// share(rejects) = 0%
	// p(latency.backlog, 50) = no value
}

func ExampleWriteDir() {
	dir, err := os.MkdirTemp("", "rxpath")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	res, err := sim.Run(context.Background(), slowReader(), sim.Options{})
	if err != nil {
		panic(err)
	}
	if err := report.WriteDir(dir, report.Input{Result: res, Plots: plots.Draw}); err != nil {
		panic(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		panic(err)
	}
	for i := range files {
		files[i], _ = filepath.Rel(dir, files[i])
		files[i] = filepath.ToSlash(files[i])
	}
	slices.Sort(files)
	for _, f := range files {
		fmt.Println(f)
	}
	// Output:
	// plots/cpu.png
	// plots/cpu.svg
	// plots/latency.png
	// plots/latency.svg
	// plots/losses.png
	// plots/losses.svg
	// plots/queues.png
	// plots/queues.svg
	// series/cpu.csv
	// series/latency.csv
	// series/ledger.csv
	// series/queues.csv
	// tree/ethtool
	// tree/proc
	// tree/sys
}
