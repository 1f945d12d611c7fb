package sim

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// update writes the golden files instead of comparing with them.
var update = flag.Bool("update", false, "write testdata/golden")

// TestGolden runs three experiments with both executives and compares what they
// give with testdata/golden. That is the same on every operating system,
// architecture and GOMAXPROCS: .ci/run repeats this test on other ones.
//
// A change of a golden file is a change of results. Make it (with -update) only
// if the new numbers are nearer to the kernel, or the model has more in it;
// then raise report.ResultsVersion, and write an entry under "Changed results"
// in CHANGELOG.md that says which experiments change, and why.
func TestGolden(t *testing.T) {
	for name, sc := range map[string]scenario.Scenario{"feed": goldenFeed(), "overload": goldenOverload(), "faults": goldenFaults()} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", "golden", name+".txt")
			for _, naive := range []bool{false, true} {
				sc.Run.Naive = naive
				res, err := Run(context.Background(), &sc, Options{})
				require.NoError(t, err)
				if *update && !naive {
					require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o777))
					require.NoError(t, os.WriteFile(file, []byte(res.golden()), 0o666))
				}
				want, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, string(want), res.golden(), "the results have changed: see the comment of this test (naive: %v)", naive)
			}
		})
	}
}

// golden prints a result in a few lines.
func (r *Result) golden() string {
	var b strings.Builder
	l := &r.Snapshot.Ledger
	fmt.Fprintf(&b, "digest %016x\n", r.Digest)
	fmt.Fprintf(&b, "frames %d clones %d read %d live %d\n", l.Frames, l.Clones, l.Consumed, l.Live())
	for reason, n := range l.Dropped {
		if n > 0 {
			fmt.Fprintf(&b, "%v %d\n", skb.DropReason(reason), n)
		}
	}
	var squeeze, softirqs, switches uint64
	var softirq int64
	for _, c := range r.Snapshot.CPUs {
		squeeze += c.Softnet.TimeSqueeze
		switches += c.ContextSwitches
		softirq += c.Time.Softirq + c.Time.Ksoftirqd
		for _, n := range c.Softirqs {
			softirqs += n
		}
	}
	fmt.Fprintf(&b, "time_squeeze %d softirqs %d in %dps, context switches %d\n", squeeze, softirqs, softirq, switches)
	for _, s := range r.Stages {
		if s.Hist.N > 0 {
			fmt.Fprintf(&b, "%s %d sum %dps p99 %dps\n", s.Name, s.Hist.N, s.Hist.Sum, s.Hist.Quantile(990_000))
		}
	}
	return b.String()
}

// goldenScenario is a host with one interface and a source.
func goldenScenario(rate uint64) scenario.Scenario {
	sc := scenario.Default()
	sc.Run.For, sc.Run.Seed = 50*engine.Millisecond, 42
	sc.NICs = []scenario.NIC{DefaultNIC("eth0")}
	c := traffic.DefaultConfig()
	c.MilliPPS, c.Dst = 1000*rate, netip.AddrPortFrom(group, port)
	sc.Traffic = []traffic.Config{c}
	return sc
}

func goldenApp(name string, cpu int, read scenario.Read) scenario.App {
	return scenario.App{Name: name, CPUs: []int{cpu}, Read: read, Sockets: []socket.Config{{
		Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port), ReuseAddr: true, Join: []socket.Join{{Group: group}}, RcvBuf: 100_000,
	}}}
}

// goldenFeed is a market-data feed through RPS to three readers and a tap.
func goldenFeed() scenario.Scenario {
	sc := goldenScenario(250_000)
	n := &sc.NICs[0]
	n.RPS = map[string][]int{"rx-0": {0, 1}}
	n.Taps = []scenario.Tap{{RcvBuf: 100_000, PerPacket: 5 * engine.Microsecond}}
	sc.Traffic[0].Flows = 5
	sc.Apps = []scenario.App{
		goldenApp("fast", 2, scenario.Read{With: scenario.EpollRecvmmsg, Batch: 16, Service: must(law.Exponential(int64(engine.Microsecond)))}),
		goldenApp("slow", 3, scenario.Read{Service: must(law.Lognormal(int64(4*engine.Microsecond), int64(20*engine.Microsecond)))}),
		goldenApp("pausing", 2, scenario.Read{With: scenario.Recvmmsg, Batch: 8, PauseEvery: 10 * engine.Millisecond, PauseFor: 3 * engine.Millisecond}),
	}
	return sc
}

// goldenOverload is a link full of the smallest frames on an old kernel.
func goldenOverload() scenario.Scenario {
	sc := goldenScenario(14_880_952)
	sc.Host.Kernel = kernel.Linux310()
	sc.NICs[0].TXPause = false
	sc.Traffic[0].Size, sc.Traffic[0].Arrivals.Kind = law.Constant(64), traffic.Constant
	sc.Apps = []scenario.App{goldenApp("reader", 0, scenario.Read{}), {Name: "hog", CPUs: []int{0}, Busy: true, Nice: 5}}
	sc.Run.For = 30 * engine.Millisecond
	return sc
}

// goldenFaults is traffic of several kinds with everything wrong that can be.
func goldenFaults() scenario.Scenario {
	sc := goldenScenario(100_000)
	sc.NICs[0].VLANs = []int{7}
	sc.NICs[0].RXChecksum = false
	sc.Host.IP.RPFilter = 1
	sc.Traffic[0].Faults = traffic.Faults{CRC: 10_000, WrongMAC: 10_000, UnknownEtherType: 10_000, BadVersion: 10_000, BadIPChecksum: 10_000,
		Truncated: 10_000, BadUDPChecksum: 20_000, BadUDPLength: 10_000, UnknownPort: 10_000, Fragment: 10_000}
	for i, kind := range []traffic.Kind{traffic.OnOff, traffic.MMPP, traffic.Pareto, traffic.Jitter} {
		c := sc.Traffic[0]
		c.Name, c.VLAN, c.Size = fmt.Sprint(kind), 7*(i%2), must(law.Uniform(64, 1518))
		c.Faults = traffic.Faults{}
		c.Arrivals = traffic.Arrivals{Kind: kind, SpreadPPM: 300_000, BurstMilliPPS: 2_000_000_000, BurstMean: 40, AlphaMilli: 1500,
			High: 20 * engine.Microsecond, Low: engine.Millisecond}
		sc.Traffic = append(sc.Traffic, c)
	}
	sc.Apps = []scenario.App{
		goldenApp("reader", 1, scenario.Read{With: scenario.EpollRecvmsg, Service: must(law.Pareto(int64(engine.Microsecond), 1500, int64(engine.Millisecond)))}),
	}
	return sc
}
