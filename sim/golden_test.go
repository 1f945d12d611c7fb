package sim

import (
	"context"
	"fmt"
	"net/netip"
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

// goldenRuns are what three experiments give, on every operating system,
// architecture and GOMAXPROCS: .ci/run repeats them on other ones.
//
// A change here is a change of results. Make it only if the new numbers are
// nearer to the kernel, or the model has more in it, and then raise
// report.ResultsVersion and write an entry under "Changed results" in
// CHANGELOG.md that says which experiments change, and why.
var goldenRuns = map[string]string{
	"feed": `
digest 4a32a34fa601ab59
frames 12618 clones 37762 read 44366 live 342
SOCKET_RCVBUFF 3170
PACKET_SOCK_ERROR 2502
time_squeeze 0 softirqs 1344 in 17771430290ps, context switches 2442
fifo 12618 sum 10773904536ps p99 853852ps
ring 12615 sum 716587366549ps p99 117440511ps
backlog 12588 sum 227872783600ps p99 39845887ps
stack 34591 sum 650828413050ps p99 39845887ps
rx_queue 34378 sum 12280583192856ps p99 2684354559ps
wire_to_app 34378 sum 14934916258524ps p99 2751463423ps
`,
	"overload": `
digest cc03838f71597988
frames 446428 clones 0 read 96 live 8915
HW_FIFO 352797
SOCKET_RCVBUFF 84620
time_squeeze 265 softirqs 287 in 29946770399ps, context switches 2
fifo 85439 sum 230825784203535ps p99 2900608324ps
ring 84940 sum 14927916591241ps p99 180355071ps
stack 320 sum 96432000ps p99 301350ps
rx_queue 96 sum 2326080620800ps p99 29909657400ps
wire_to_app 96 sum 2327891376896ps p99 29944047901ps
`,
	"faults": `
digest 3088787a5d0a885f
frames 24722 clones 0 read 13564 live 68
HW_CRC 59
HW_FILTER 50
UNHANDLED_PROTO 57
HANDLED_ELSEWHERE 42
PKT_TOO_SMALL 111
IP_INHDR 55
IP_CSUM 51
IP_INVALID_DEST 3
UDP_CSUM 107
IGNORED_MULTI 46
SOCKET_RCVBUFF 10509
time_squeeze 0 softirqs 622 in 9537620906ps, context switches 3
fifo 24613 sum 24951070356ps p99 1233322ps
ring 24597 sum 1219045741436ps p99 111149055ps
stack 13616 sum 4333153584ps p99 372710ps
rx_queue 13564 sum 3353179789710ps p99 1140850687ps
wire_to_app 13564 sum 4168268263645ps p99 1207959551ps
`,
}

// TestGolden runs each experiment with both executives.
func TestGolden(t *testing.T) {
	for name, sc := range map[string]scenario.Scenario{"feed": goldenFeed(), "overload": goldenOverload(), "faults": goldenFaults()} {
		t.Run(name, func(t *testing.T) {
			for _, naive := range []bool{false, true} {
				sc.Run.Naive = naive
				res, err := Run(context.Background(), &sc, Options{})
				require.NoError(t, err)
				require.Equal(t, strings.TrimPrefix(goldenRuns[name], "\n"), res.golden(), "the results have changed: see goldenRuns (naive: %v)", naive)
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
