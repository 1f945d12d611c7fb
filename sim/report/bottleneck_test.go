package report

import (
	"context"
	"math"
	"net/netip"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// Worlds whose bottleneck is known by construction: one thing is too small, and
// everything else would do.
var worlds = map[string]struct {
	make    func() *scenario.Scenario
	stage   string
	counter Counter
	knob    string
	says    string
}{
	"a softirq that takes three times as long overruns the ring": {
		func() *scenario.Scenario {
			sc := world(1_500_000, recvmmsg(reader()))
			slower(sc, softirqCosts, 3)
			return sc
		}, "softirq", Counter{ethtoolS, "rx_missed_errors"}, "nics[eth0].channels.combined",
		"Bottleneck: the CPU time of the softirq (rx_missed_errors = ",
	},
	"the default buffer is too small for a reader that pauses": {
		func() *scenario.Scenario {
			a := reader()
			a.Read.PauseEvery, a.Read.PauseFor = 20*engine.Millisecond, 5*engine.Millisecond
			return world(100_000, a)
		}, "rcvbuf", Counter{netSNMP, "Udp.RcvbufErrors"}, "apps[reader].sockets[0].rcvbuf with net.core.rmem_max",
		"with buffers 64 times as large alone, 100% of ",
	},
	"a reader that takes 20 µs for a datagram cannot read 100,000 a second": {
		func() *scenario.Scenario {
			a := reader()
			a.Read.Service = law.Constant(int64(20 * engine.Microsecond))
			return world(100_000, a)
		}, "reader", Counter{netSNMP, "Udp.RcvbufErrors"}, "apps[reader].read.service",
		"with its calls and its service time at a tenth alone, 100% of ",
	},
	"a thousand frames a second wait nowhere": {
		func() *scenario.Scenario { return world(1000, reader()) },
		None, Counter{}, "",
		"Bottleneck: none; nothing is lost, and no stage relaxed alone makes p99 from wire to application (",
	},
	"nobody reads, and nothing helps": {
		func() *scenario.Scenario {
			a := reader()
			a.Read.With = scenario.Never
			return world(100_000, a)
		}, None, Counter{netSNMP, "Udp.RcvbufErrors"}, "",
		" packets are lost (Udp.RcvbufErrors = ",
	},
	"interrupts every 500 µs": {
		func() *scenario.Scenario {
			sc := world(50_000, reader())
			sc.NICs[0].RXUsecs = 500
			return sc
		}, "moderation", Counter{"proc/softirqs", "NET_RX"}, "nics[eth0].coalesce.rx-usecs",
		"with interrupts at once (rx-usecs 0) alone, p99 from wire to application goes from ",
	},
	"a backlog of ten": {
		func() *scenario.Scenario {
			sc := world(500_000, recvmmsg(reader()))
			sc.Host.Softirq.NetdevMaxBacklog = 10
			sc.NICs[0].RPS = map[string][]int{"rx-0": {3}}
			return sc
		}, "backlog", Counter{softnetStat, "dropped"}, "net.core.netdev_max_backlog",
		"with an endless backlog alone, 99% of ",
	},
	"a reader shares its CPU with a hog": {
		func() *scenario.Scenario {
			a := reader()
			a.Read.Service = law.Constant(int64(6 * engine.Microsecond))
			return world(100_000, a, scenario.App{Name: "hog", CPUs: []int{2}, Busy: true})
		}, "scheduling", Counter{netSNMP, "Udp.RcvbufErrors"}, "apps[reader].cpu",
		"with a CPU of its own for every reader alone, ",
	},
	"a tap that is too slow": {
		func() *scenario.Scenario {
			sc := world(100_000, reader())
			sc.NICs[0].Taps = []scenario.Tap{{RcvBuf: 200_000, PerPacket: 15 * engine.Microsecond}}
			return sc
		}, "tap", Counter{}, "nics[eth0].taps",
		"Bottleneck: the packet sockets (no counter shows it): ",
	},
	"udp_mem for a few pages": {
		func() *scenario.Scenario {
			a := reader()
			a.Read.PauseEvery, a.Read.PauseFor = 20*engine.Millisecond, 2*engine.Millisecond
			sc := world(100_000, a)
			sc.Host.Limits.UDPMem = [3]int{10, 10, 10}
			return sc
		}, "udp_mem", Counter{netSNMP, "Udp.InErrors"}, "net.ipv4.udp_mem",
		"with 64 times udp_mem alone, 99% of ",
	},
	"a ring of 64 that drops when it is full": {
		func() *scenario.Scenario {
			sc := world(100_000, recvmmsg(reader()))
			n := &sc.NICs[0]
			n.Combined, n.TXPause, n.RXRing = 2, false, 64
			n.Affinity = map[string][]int{"TxRx-0": {1}, "TxRx-1": {1}}
			sc.Traffic[0].Arrivals = traffic.Arrivals{Kind: traffic.OnOff, BurstMilliPPS: 5_000_000_000, BurstMean: 300, FixedBursts: true}
			sc.Apps[0].Sockets[0].RcvBufForce = 4 << 20
			return sc
		}, "ring", Counter{ethtoolS, "rx_no_dma_resources"}, "nics[eth0].ring.rx",
		"with rings of 4096 descriptors alone, ",
	},
	"a switch port that queues for 100 µs": {
		func() *scenario.Scenario {
			sc := world(50_000, recvmmsg(reader()))
			sc.NICs[0].LinkBitsPerSecond = 100_000_000
			sc.NICs[0].Partner.Queue = 100 * engine.Microsecond
			sc.Traffic[0].Arrivals = traffic.Arrivals{Kind: traffic.OnOff, BurstMilliPPS: 500_000_000, BurstMean: 50, FixedBursts: true}
			return sc
		}, "partner", Counter{ethtoolS, "tx_flow_control_xoff"}, "nics[eth0].link_partner.queue",
		"with a thousand times the queue alone, ",
	},
}

func recvmmsg(a scenario.App) scenario.App {
	a.Read.With, a.Read.Batch = scenario.Recvmmsg, 64
	return a
}

// slower multiplies the costs of those keys.
func slower(sc *scenario.Scenario, keys []string, by engine.Time) {
	c := &sc.Host.Costs
	for _, key := range keys {
		cost, _ := c.Get(key)
		cost.Fixed *= by
		must(c.Set(key, cost))
	}
}

func TestFindBottleneck(t *testing.T) {
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			sc := w.make()
			res := run(t, sc)
			b, err := FindBottleneck(context.Background(), sc, res, sim.Options{})
			require.NoError(t, err)
			show := func() string {
				s := b.Sentence() + "\n"
				for _, x := range b.Trials {
					s += x.Stage + " " + grouped(x.Lost) + " " + grouped(x.Served) + " " + x.P99.String() + " " + point(int64(x.Permille), 1) + "%\n"
				}
				return s
			}
			require.Equal(t, w.stage, b.Stage, show())
			require.Equal(t, w.counter, b.Counter, show())
			require.Equal(t, w.knob, b.Knob, show())
			require.Contains(t, b.Sentence(), w.says)
			if w.counter.Name != "" && w.stage != "partner" {
				require.NotZero(t, b.Value)
				require.Contains(t, b.Sentence(), grouped(b.Value))
			}
			if w.stage == None {
				return
			}
			found := false
			for _, x := range b.Trials {
				if x.Stage == b.Stage {
					found = true
					require.True(t, x.Counts)
				}
			}
			require.True(t, found)
		})
	}
}

// Two calls give the same answer.
func TestFindBottleneckIsDeterministic(t *testing.T) {
	sc := worlds["the default buffer is too small for a reader that pauses"].make()
	res := run(t, sc)
	a, err := FindBottleneck(context.Background(), sc, res, sim.Options{})
	require.NoError(t, err)
	b, err := FindBottleneck(context.Background(), sc, res, sim.Options{})
	require.NoError(t, err)
	require.Equal(t, a, b)
}

// A long run is cut to a part that shows the same; one whose begin does not is
// run whole.
func TestWindow(t *testing.T) {
	sc := world(1_000_000, recvmmsg(reader()))
	slower(sc, softirqCosts, 3)
	sc.Run.For = 500 * engine.Millisecond
	res := run(t, sc)
	b, err := FindBottleneck(context.Background(), sc, res, sim.Options{})
	require.NoError(t, err)
	require.InDelta(t, float64(200*engine.Millisecond), float64(b.Window), float64(engine.Millisecond), "the time of 200,000 frames")
	require.Equal(t, "softirq", b.Stage)

	late := traffic.DefaultConfig() // a second source that begins late, and is what is too much
	late.Name, late.MilliPPS, late.Dst, late.Start = "late", 2_000_000_000, readerAddr, 450*engine.Millisecond
	sc = world(500_000, recvmmsg(reader()))
	sc.Traffic = append(sc.Traffic, late)
	slower(sc, softirqCosts, 3)
	sc.Run.For = 500 * engine.Millisecond
	res = run(t, sc)
	require.NotZero(t, res.Snapshot.Ledger.Drops())
	b, err = FindBottleneck(context.Background(), sc, res, sim.Options{})
	require.NoError(t, err)
	require.Equal(t, sc.Run.For, b.Window)
	require.Equal(t, "softirq", b.Stage)
}

// The window holds two pauses of every reader.
func TestWindowHoldsPauses(t *testing.T) {
	a := reader()
	a.Read.PauseEvery, a.Read.PauseFor = 200*engine.Millisecond, 10*engine.Millisecond
	sc := world(1_000_000, a)
	sc.Run.For = 2 * engine.Second
	res := &sim.Result{Scenario: *sc, Time: sc.Run.For, Snapshot: sim.Snapshot{Ledger: skb.Ledger{Frames: 2_000_000}}}
	v := view{frames: 200_000, pauses: 2}
	require.Equal(t, 420*engine.Millisecond, v.window(sc, res))
	sc.Apps[0].Read.PauseEvery = 1500 * engine.Millisecond
	require.Equal(t, sc.Run.For, v.window(sc, res))
	sc.Apps[0].Read.PauseEvery = 0
	require.Equal(t, 200*engine.Millisecond, v.window(sc, res))
	res.Snapshot.Ledger.Frames = 100_000
	require.Equal(t, sc.Run.For, v.window(sc, res))
}

// Packets that only wait in a larger buffer are not saved: what a slow reader
// leaves is no reason to name the buffer.
func TestWaitingIsNotSaving(t *testing.T) {
	sc := worlds["a reader that takes 20 µs for a datagram cannot read 100,000 a second"].make()
	res := run(t, sc)
	b, err := FindBottleneck(context.Background(), sc, res, sim.Options{})
	require.NoError(t, err)
	for _, x := range b.Trials {
		if x.Stage == "rcvbuf" {
			require.Zero(t, x.Lost, "a buffer that large takes all")
			require.False(t, x.Counts)
			return
		}
	}
	t.Fatal("rcvbuf was not tried")
}

// Relaxing changes a copy: of the scenario itself, nothing changes.
func TestRelaxChangesACopy(t *testing.T) {
	makeAll := func() *scenario.Scenario {
		sc := worlds["a tap that is too slow"].make()
		sc.Apps = append(sc.Apps, scenario.App{Name: "c", CPUs: []int{2, 3}, Copies: 3, Sockets: sc.Apps[0].Sockets})
		sc.Apps[0].Read.PauseEvery, sc.Apps[0].Read.PauseFor = 10, 5
		return sc
	}
	sc := makeAll()
	for _, l := range limits {
		c := clone(sc)
		l.relax(c)
		require.False(t, reflect.DeepEqual(sc, c), "%s changes nothing", l.name)
		require.True(t, reflect.DeepEqual(makeAll(), sc), "%s changes the original", l.name)
	}
}

// With readers moved away, interrupts stay where they are.
func TestSeparate(t *testing.T) {
	sc := world(1000, reader(), scenario.App{Name: "c", CPUs: []int{0, 3}, Copies: 3, Sockets: reader().Sockets}, scenario.App{Name: "hog", CPUs: []int{1}, Busy: true})
	sc.NICs[0].Combined = 0
	separate(sc)
	require.Equal(t, 8, sc.Host.CPUs)
	require.Equal(t, []int{4}, sc.Apps[0].CPUs)
	require.Equal(t, []int{5, 6, 7}, sc.Apps[1].CPUs)
	require.Equal(t, []int{1}, sc.Apps[2].CPUs)
	require.Equal(t, 4, sc.NICs[0].Combined)
	require.Equal(t, map[string][]int{"TxRx-0": {1}, "TxRx-1": {1}, "TxRx-2": {2}, "TxRx-3": {3}}, sc.NICs[0].Affinity)
	require.False(t, sharesCPU(world(1000, reader())))
	shared := reader()
	shared.CPUs = []int{1}
	require.True(t, sharesCPU(world(1000, shared)), "with the interrupt")
	rps := world(1000, reader())
	rps.NICs[0].RPS = map[string][]int{"rx-0": {2, 4}}
	rps.Host.PossibleCPUs = 5
	require.True(t, sharesCPU(rps))
	separate(rps)
	require.Equal(t, []int{2}, rps.NICs[0].RPS["rx-0"], "CPU 4 was not online before the reader got it")
	require.Equal(t, [2]int{5, 5}, [2]int{rps.Host.CPUs, rps.Host.PossibleCPUs})
	require.NoError(t, rps.Validate())
}

// The costs that are made cheaper are costs; they become a tenth, and the others stay.
func TestCheaperCosts(t *testing.T) {
	c := kernel.DefaultCosts()
	cheaper(&c, []string{"copy", "wake"})
	base := kernel.DefaultCosts()
	require.Len(t, c.Changed(&base), 2)
	require.Equal(t, base.Wake.Fixed/10, c.Wake.Fixed)
	require.Equal(t, base.Copy.PerByte/10, c.Copy.PerByte)
	for _, keys := range [][]string{softirqCosts, readerCosts} {
		for _, key := range keys {
			_, ok := c.Get(key)
			require.True(t, ok, key)
		}
	}
}

func TestInterruptedSearch(t *testing.T) {
	sc := worlds["a thousand frames a second wait nowhere"].make()
	res := run(t, sc)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := FindBottleneck(ctx, sc, res, sim.Options{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = FindAssumptions(ctx, sc, res, sim.Options{}, math.MaxUint64)
	require.ErrorIs(t, err, context.Canceled)
}

// The latency of an idle path is a sum of costs, so the large ones among the
// assumed costs move it, and those of steps that no packet takes do not.
func TestFindAssumptions(t *testing.T) {
	sc := worlds["a thousand frames a second wait nowhere"].make()
	res := run(t, sc)
	all, err := FindAssumptions(context.Background(), sc, res, sim.Options{}, math.MaxUint64)
	require.NoError(t, err)
	keys := map[string]Assumption{}
	for _, a := range all {
		cost, _ := sc.Host.Costs.Get(a.Key)
		require.True(t, cost.Assumed, a.Key)
		keys[a.Key] = a
	}
	require.Contains(t, keys, "idle_exit")
	require.Less(t, keys["idle_exit"].Half.P99, keys["idle_exit"].More.P99)
	require.NotContains(t, keys, "tap")
	require.NotContains(t, keys, "rps")
	require.NotContains(t, keys, "pcie")
	require.Contains(t, assumptionSentence(all), "idle_exit (")

	sc = worlds["a softirq that takes three times as long overruns the ring"].make()
	all, err = FindAssumptions(context.Background(), sc, run(t, sc), sim.Options{}, math.MaxUint64)
	require.NoError(t, err)
	require.NotNil(t, all, "somebody looked")
	for _, a := range all {
		require.Equal(t, FewerLosses, a.Objective)
	}
	all, err = FindAssumptions(context.Background(), sc, run(t, sc), sim.Options{}, 1000)
	require.NoError(t, err)
	require.Nil(t, all, "it would take too long, so nobody looked")
	require.Contains(t, assumptionSentence([]Assumption{}), "none moves")
}

// What the comments of the examples say is what the search finds.
func TestBottlenecksOfExamples(t *testing.T) {
	for file, want := range map[string][2]string{
		"ring-overrun.yaml": {"softirq", "packets served in "},
		"small-rcvbuf.yaml": {"rcvbuf", "100% of "},
	} {
		sc, err := scenariofile.Load("../../examples/scenarios/" + file)
		require.NoError(t, err)
		sc.Run.For = min(sc.Run.For, 600*engine.Millisecond)
		b, err := FindBottleneck(context.Background(), &sc, run(t, &sc), sim.Options{})
		require.NoError(t, err)
		require.Equal(t, want[0], b.Stage, b.Sentence())
		require.Contains(t, b.Sentence(), want[1])
	}
}

// A knob names the application of the scenario, not its copy, and the socket
// that loses.
func TestKnobs(t *testing.T) {
	slow := reader()
	slow.Name, slow.Copies, slow.CPUs = "slow", 2, []int{2, 3}
	slow.Sockets = []socket.Config{{Local: netip.MustParseAddrPort("10.0.0.2:7001"), ReusePort: true}, {Local: netip.MustParseAddrPort("10.0.0.2:7002"), ReusePort: true}}
	sc := world(1000, reader(), slow)
	res := &sim.Result{Scenario: *sc}
	for i, name := range []string{"reader", "slow-0", "slow-0", "slow-1", "slow-1"} {
		res.Sockets = append(res.Sockets, sim.SocketResult{App: name, Socket: mib.Socket{Drops: []uint64{3, 2, 1, 0, 9}[i]}})
	}
	require.Equal(t, "apps[slow].read.service", appKnob("read.service")(sc, res))
	require.Equal(t, "apps[slow].sockets[1].rcvbuf with net.core.rmem_max", bufferKnob(sc, res))
	sc.Host.Limits.RmemMax = 1 << 20
	require.Equal(t, "apps[slow].sockets[1].rcvbuf", bufferKnob(sc, res))
	sc.Apps = sc.Apps[:1]
	require.Equal(t, "apps[reader].cpu", appKnob("cpu")(sc, res))
	sc.Apps = nil
	require.Equal(t, "net.core.rmem_default", bufferKnob(sc, res))

	sc.NICs = append(sc.NICs, sim.DefaultNIC("eth1"))
	res.Snapshot.Devices = []mib.Device{{Name: "lo", Link: mib.Link{RXPackets: 1000}}, {Name: "eth0", Link: mib.Link{RXPackets: 5}},
		{Name: "eth1", Link: mib.Link{RXPackets: 2}, Stats: []mib.NameValue{{Name: "rx_missed_errors", Value: 4}, {Name: "rx_packets", Value: 2}}}}
	require.Equal(t, "nics[eth1].ring.rx", nicKnob("ring.rx")(sc, res))
}

func TestPermille(t *testing.T) {
	require.Equal(t, 500, permille(1, 2))
	require.Equal(t, 1_000_000, permille(1<<40, 1))
	require.Equal(t, 1_000_000, permille(1<<63, 3))
	require.Equal(t, 1000, permille(1<<63, 1<<63))
	require.Equal(t, uint64(0), minus(1, 2))
	require.True(t, less(mul(1<<40, 1<<40), mul(1<<40, 1<<41)))
	require.False(t, less(twice(mul(1<<40, 1<<40)), mul(1<<40, 1<<41)))
}

// A part that shows something else than the whole does not stand for it.
func TestRepresents(t *testing.T) {
	f := &finder{objective: FewerLosses, window: 100}
	require.True(t, f.represents(&Trial{Lost: 100}, &Trial{Lost: 1000}, 1000))
	require.True(t, f.represents(&Trial{Lost: 51}, &Trial{Lost: 1000}, 1000))
	require.False(t, f.represents(&Trial{Lost: 49}, &Trial{Lost: 1000}, 1000))
	require.False(t, f.represents(&Trial{Lost: 201}, &Trial{Lost: 1000}, 1000))
	require.False(t, f.represents(&Trial{Lost: 4}, &Trial{Lost: 40}, 1000), "too few to tell")
	f.objective = LowerLatency
	require.True(t, f.represents(&Trial{P99: 10}, &Trial{P99: 20}, 1000))
	require.False(t, f.represents(&Trial{P99: 10}, &Trial{P99: 21}, 1000))
	require.False(t, f.represents(&Trial{P99: 21}, &Trial{P99: 10}, 1000))
	require.False(t, f.represents(&Trial{P99: 10, Lost: 1}, &Trial{P99: 10}, 1000))
}

// What moves the headline, up or down.
func TestMoved(t *testing.T) {
	f := &finder{objective: FewerLosses, base: Trial{Lost: 100}}
	require.True(t, f.moved(&Trial{Lost: 111}))
	require.True(t, f.moved(&Trial{Lost: 89}))
	require.False(t, f.moved(&Trial{Lost: 110}))
	f.base.Lost = 10
	require.False(t, f.moved(&Trial{Lost: 12}))
	f = &finder{objective: LowerLatency, base: Trial{P99: 1000}}
	require.True(t, f.moved(&Trial{P99: 1101}))
	require.False(t, f.moved(&Trial{P99: 900}))
	require.True(t, f.moved(&Trial{P99: 1000, Lost: 5}))
}
