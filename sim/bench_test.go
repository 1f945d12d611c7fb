package sim

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// benchHost returns a host with the case's readers of one multicast port, each on a CPU
// of its own, and a feed.
func benchHost(tb testing.TB, bc *benchCase, naive bool) *Host {
	cfg := Linux40()
	cfg.Naive = naive
	cfg.CPUs = bc.readers + 1
	cfg.Limits.RmemMax = 16 << 20
	cfg.NICs[0].Affinity = map[string][]int{"TxRx-0": {0}}
	bc.nic(&cfg.NICs[0])
	cfg.Costs.IP.Fixed += bc.firewall
	for i := range bc.readers {
		cfg.Apps = append(cfg.Apps, scenario.App{
			Name: fmt.Sprintf("reader%d", i), CPUs: []int{i + 1},
			Sockets: []socket.Config{{
				Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port), ReuseAddr: true, RcvBuf: 8 << 20,
				Join: []socket.Join{{Group: group}},
			}},
			Read: scenario.Read{With: bc.with, Batch: 32, Service: law.Constant(int64(100 * engine.Nanosecond))},
		})
	}
	h, err := NewHost(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(h.Close)
	c := traffic.DefaultConfig()
	c.To, c.DstMAC = "eth0", cfg.NICs[0].MAC
	c.Dst = netip.AddrPortFrom(group, port)
	bc.feed(&c)
	src, err := traffic.New(c, 1)
	if err != nil {
		tb.Fatal(err)
	}
	h.ports[0].Connect(src)
	return h
}

// A benchCase is a row of the table of targets.
type benchCase struct {
	name     string
	readers  int
	with     scenario.ReadMode
	slice    engine.Time
	feed     func(*traffic.Config)
	nic      func(*scenario.NIC)
	firewall engine.Time // more time per packet in IP, as connection tracking takes it
}

var benchCases = []benchCase{
	{"overload/constant/14.88Mpps", 1, scenario.Recvmsg, 10 * engine.Millisecond, func(c *traffic.Config) {
		c.MilliPPS, c.Size, c.Arrivals.Kind = 14_880_952_380, law.Constant(64), traffic.Constant
	}, func(n *scenario.NIC) { n.RXPause, n.TXPause = false, false }, 0},
	{"overload/constant/90%lost", 1, scenario.Recvmsg, 10 * engine.Millisecond, func(c *traffic.Config) {
		c.MilliPPS, c.Size, c.Arrivals.Kind = 14_880_952_380, law.Constant(64), traffic.Constant
	}, func(n *scenario.NIC) { n.RXPause, n.TXPause = false, false }, 300 * engine.Nanosecond},
	{"overload/poisson/14.88Mpps", 1, scenario.Recvmsg, 10 * engine.Millisecond, func(c *traffic.Config) {
		c.MilliPPS, c.Size, c.Arrivals.Kind = 14_000_000_000, law.Constant(64), traffic.Poisson
	}, func(n *scenario.NIC) { n.RXPause, n.TXPause = false, false }, 0},
	{"lossless/poisson/1Mpps", 1, scenario.Recvmsg, 10 * engine.Millisecond, func(c *traffic.Config) {
		c.MilliPPS, c.Size, c.Arrivals.Kind = 1_000_000_000, law.Constant(128), traffic.Poisson
	}, func(n *scenario.NIC) {}, 0},
	{"multicast/250kpps/10readers", 10, scenario.Recvmsg, 10 * engine.Millisecond, func(c *traffic.Config) {
		c.MilliPPS, c.Size, c.Arrivals.Kind = 250_000_000, law.Constant(128), traffic.Poisson
	}, func(n *scenario.NIC) {}, 0},
	{"multicast/250kpps/10epoll", 10, scenario.EpollRecvmmsg, 10 * engine.Millisecond, func(c *traffic.Config) {
		c.MilliPPS, c.Size, c.Arrivals.Kind = 250_000_000, law.Constant(128), traffic.Poisson
	}, func(n *scenario.NIC) {}, 0},
}

// BenchmarkRun reports simulated packets (frames offered) per second on one
// core, with histograms and ledger on, and RTF, simulated seconds per second.
func BenchmarkRun(b *testing.B) {
	for _, naive := range []bool{false, true} {
		name := map[bool]string{false: "lazy", true: "naive"}[naive]
		for _, bc := range benchCases {
			b.Run(name+"/"+bc.name, func(b *testing.B) {
				h := benchHost(b, &bc, naive)
				h.AdvanceTo(20 * engine.Millisecond)
				before := h.ledger
				start := h.now
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					h.AdvanceTo(h.now + bc.slice)
				}
				b.StopTimer()
				frames := h.ledger.Frames - before.Frames
				b.ReportMetric(float64(frames)/b.Elapsed().Seconds()/1e6, "Mpackets/s")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(frames), "ns/packet")
				b.ReportMetric((h.now-start).Seconds()/b.Elapsed().Seconds(), "RTF")
				if err := h.CheckLedger(); err != nil {
					b.Fatal(err)
				}
				b.Logf("drops %d of %d, read %d", h.ledger.Drops()-before.Drops(), frames, h.ledger.Consumed-before.Consumed)
			})
		}
	}
}

// TestNoAllocationPerPacket runs every benchmark in its steady state and checks
// that a run that is sixteen times longer, with thousands of packets more,
// allocates no more: what is left is the coroutines that AdvanceTo starts, and
// now and then a queue that grows or a histogram that sees a new octave.
func TestNoAllocationPerPacket(t *testing.T) {
	const slack = 20
	for _, naive := range []bool{false, true} {
		for _, bc := range benchCases {
			t.Run(fmt.Sprintf("%s/naive=%v", bc.name, naive), func(t *testing.T) {
				h := benchHost(t, &bc, naive)
				h.AdvanceTo(20 * engine.Millisecond)
				advance := func(d engine.Time) (allocs float64, frames uint64) {
					before := h.ledger.Frames
					allocs = testing.AllocsPerRun(1, func() { h.AdvanceTo(h.now + d) })
					return allocs, h.ledger.Frames - before
				}
				short, few := advance(engine.Millisecond)
				long, many := advance(16 * engine.Millisecond)
				require.Greater(t, many, few+5000)
				require.LessOrEqual(t, long, short+slack, "allocations for %d frames and for %d", many, few)
			})
		}
	}
}
