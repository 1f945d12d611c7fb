package report

import (
	"context"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/hist"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// fixture returns a result made by hand, so that what is printed of it changes
// only when the printing does. It has a loss in most places, eight busy CPUs,
// nine sockets, a tap, a warning, and thresholds of which one is crossed.
func fixture() *sim.Result {
	sc := scenario.Default()
	sc.Name = "fixture"
	sc.NICs = []scenario.NIC{sim.DefaultNIC("eth0")}
	sc.Host.CPUs = 16
	sc.Host.Kernel.SoftirqTimeMS = 4
	sc.Run.For = 2 * engine.Second
	sc.Thresholds = []string{"drops == 0", "p(latency.wire_to_app, 99) < 10ms", "p(latency.backlog, 99) < 1ms"}
	sc.Host.Costs = kernel.Costs{Name: "hand-made", DMA: kernel.Cost{Fixed: 800, Assumed: true}, PCIe: kernel.Cost{PerByte: 273, Assumed: true}}
	res := &sim.Result{
		Scenario: sc, Complete: true, Time: 2 * engine.Second, Digest: 0xfeedbeef, Partner: 7,
		Warnings: []string{"one", "two", "three", "four", "five"},
	}
	l := skb.Ledger{Frames: 1_000_000, Clones: 300_000, Consumed: 1_100_000}
	l.Dropped[skb.HWFIFO] = 100_000
	l.Dropped[skb.NoSocket] = 1_234
	l.Dropped[skb.SocketRcvbuff] = 90_000
	l.Dropped[skb.TapFull] = 5_000
	res.Waterfall = sim.Waterfall{
		Offered: 1_000_000, Delivered: 1_093_761, Tapped: 105_005,
		Frames: []sim.Row{{Place: "FIFO", Fate: sim.Lost, Reason: skb.HWFIFO, N: 100_000}, {Place: "ring", Fate: sim.Waiting, N: 3},
			{Place: "UDP", Fate: sim.Refused, Reason: skb.NoSocket, N: 1_234}, {Place: "kernel", Fate: sim.Waiting, N: 2},
			{Place: "socket", Fate: sim.Passed, N: 898_761}},
		Copies: []sim.Row{{Place: "socket", Fate: sim.Lost, Reason: skb.SocketRcvbuff, N: 90_000}, {Place: "socket", Fate: sim.Waiting, N: 3_756},
			{Place: "reader", Fate: sim.Waiting, N: 5}, {Place: "reader", Fate: sim.Read, N: 1_000_000}},
		Taps: []sim.Row{{Place: "tap", Fate: sim.Lost, Reason: skb.TapFull, N: 5_000}, {Place: "tap", Fate: sim.Waiting, N: 5}, {Place: "tap", Fate: sim.Read, N: 100_000}},
	}
	res.Snapshot = sim.Snapshot{Ledger: l, Snapshot: mib.Snapshot{TimePS: int64(res.Time), HZ: 250, SoftnetColumns: 11,
		Net: mib.Net{UDP: mib.UDP{InDatagrams: 1_000_000, InErrors: 90_000, RcvbufErrors: 90_000, NoPorts: 1_234}}}}
	for i := range 16 {
		c := mib.CPU{Time: mib.CPUTime{Idle: int64(res.Time)}}
		if busy := int64(i%10) * int64(engine.Second) / 10; i > 1 && i < 10 {
			c.Time = mib.CPUTime{Hardirq: busy / 100, Softirq: busy / 2, Ksoftirqd: 1000, System: busy / 4, User: busy / 4, Idle: int64(res.Time) - 101*busy/100 - 1000}
			c.Softnet = mib.Softnet{Processed: uint64(i) * 1000, TimeSqueeze: uint64(i)}
		}
		res.Snapshot.CPUs = append(res.Snapshot.CPUs, c)
	}
	res.Snapshot.Devices = []mib.Device{
		{Name: "lo", IfIndex: 1, MTU: 65536},
		{Name: "eth0", IfIndex: 2, MTU: 1500, SpeedMbps: 10000, Link: mib.Link{RXPackets: 900_000, RXMissedErrors: 100_000},
			Stats: []mib.NameValue{{Name: "rx_packets", Value: 900_000}, {Name: "rx_missed_errors", Value: 100_000}}},
	}
	for i, s := range []struct {
		name  string
		times []engine.Time
	}{{"fifo", ladder(850*engine.Nanosecond, 20)}, {"ring", ladder(engine.Microsecond, 100)}, {"backlog", nil},
		{"stack", ladder(200*engine.Nanosecond, 5)}, {"rx_queue", ladder(3*engine.Microsecond, 900)}, {"wire_to_app", ladder(5*engine.Microsecond, 1000)}} {
		res.Stages = append(res.Stages, sim.Stage{Name: s.name, From: "here", To: "there", Hist: filled(s.times, uint64(i)+1)})
	}
	for i := range 9 {
		k := mib.Socket{Name: "app-" + string(rune('0'+i)), Local: 0x0a000002, LocalPort: uint16(5000 + i), RcvBuf: 212992 << i, RxQueue: 896 * i, Queued: i, MaxQueued: 10 * i,
			Inode: uint64(18231 + i), Drops: uint64(10_000 * (i % 3)), Delivered: uint64(100_000 + i), Bytes: uint64(1000 * i)}
		if i == 0 {
			k.Connected, k.Remote, k.RemotePort = true, 0x0a000001, 9
		}
		res.Snapshot.Sockets = append(res.Snapshot.Sockets, k)
		res.Sockets = append(res.Sockets, sim.SocketResult{Socket: k, App: k.Name,
			RxQueue:   sim.Stage{Name: "rx_queue", From: "here", To: "there", Hist: filled(ladder(engine.Microsecond, 10*(i+1)), 1)},
			WireToApp: sim.Stage{Name: "wire_to_app", From: "here", To: "there", Hist: filled(ladder(2*engine.Microsecond, 10*(i+1)), 1)}})
	}
	for i := range 5 {
		at := engine.Time(i) * engine.Second / 2
		s := sim.Sample{At: at, Depths: sim.Depths{FIFOBytes: 1000 * i * i, RingFrames: 100 * i, RxQueueBytes: 50_000 * (i % 3), RxQueueMax: 40_000 * (i % 3)}}
		s.Ledger = skb.Ledger{Frames: 250_000 * uint64(i), Clones: 75_000 * uint64(i), Consumed: 275_000 * uint64(i)}
		for r, n := range l.Dropped {
			s.Ledger.Dropped[r] = n * uint64(i) / 4
		}
		for c := range res.Snapshot.CPUs {
			t := res.Snapshot.CPUs[c].Time
			n := int64(i)
			s.CPU = append(s.CPU, mib.CPUTime{Hardirq: t.Hardirq * n / 4, Softirq: t.Softirq * n / 4, Ksoftirqd: t.Ksoftirqd * n / 4, System: t.System * n / 4, User: t.User * n / 4, Idle: t.Idle * n / 4})
		}
		res.Series = append(res.Series, s)
	}
	return res
}

// ladder returns step, 2·step, ..., n·step.
func ladder(step engine.Time, n int) (out []engine.Time) {
	for i := range n {
		out = append(out, step*engine.Time(i+1))
	}
	return out
}

func filled(times []engine.Time, each uint64) (h hist.Hist) {
	for _, t := range times {
		for range each {
			h.Record(t)
		}
	}
	return h
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// run runs a scenario.
func run(t testing.TB, sc *scenario.Scenario) *sim.Result {
	t.Helper()
	res, err := sim.Run(context.Background(), sc, sim.Options{})
	require.NoError(t, err)
	return res
}

// defaultRun is a run of what rxpath runs when it is given no scenario. It is
// shared: nobody may change it.
var defaultRun = sync.OnceValues(func() (*scenario.Scenario, *sim.Result) {
	sc, err := scenariofile.Parse(scenariofile.DefaultName, scenariofile.Default())
	must(err)
	res, err := sim.Run(context.Background(), &sc, sim.Options{})
	must(err)
	return &sc, res
})

// world returns a host with one queue on CPU 1 and a unicast source of that many
// frames a second, of 128 bytes, evenly spaced, for CPU 2 to read.
func world(pps uint64, apps ...scenario.App) *scenario.Scenario {
	sc := scenario.Default()
	sc.Name = "world"
	n := sim.DefaultNIC("eth0")
	n.Affinity = map[string][]int{"TxRx-0": {1}}
	sc.NICs = []scenario.NIC{n}
	t := traffic.DefaultConfig()
	t.Name, t.MilliPPS, t.Arrivals, t.Dst = "feed", pps*1000, traffic.Arrivals{Kind: traffic.Constant}, readerAddr
	sc.Traffic = []traffic.Config{t}
	sc.Apps = apps
	sc.Run.For, sc.Run.Sample = 100*engine.Millisecond, 10*engine.Millisecond
	return &sc
}

var readerAddr = netip.MustParseAddrPort("10.0.0.2:5001")

// reader is an application on CPU 2 with one socket.
func reader() scenario.App {
	return scenario.App{Name: "reader", CPUs: []int{2}, Sockets: []socket.Config{{Local: readerAddr}}}
}

var update = flag.Bool("update", false, "write testdata, docs/run.schema.json and the generated part of docs/results.md")

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "%s: go test -update writes it anew; say why in the commit", path)
}
