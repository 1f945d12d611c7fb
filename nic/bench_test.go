package nic

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/napi"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A bench is a port on one core. Every cost is zero unless a test sets it, so
// that instants are those of the rules; an interrupt takes a picosecond to
// arrive. Its softirqs poll only when the test lets them.
// kernel40 is the reference.
var kernel40 = kernel.Linux40()

type bench struct {
	pastGRO int // of got, what did not come by GRO
	t       *testing.T
	exec    engine.Executive
	naive   bool
	core    *cpu.Core
	stats   mib.CPU
	costs   kernel.Costs
	profile kernel.Profile
	ledger  skb.Ledger
	hw      Hardware
	port    *Port
	kick    *cpu.Line
	kicks   uint64
	zero    engine.Time
	now     engine.Time

	list  []*napi.Instance // what is scheduled
	allow int              // polls that may still be made
	polls []poll
	seen  func(*skb.Buff) // if not nil, is told of every packet
	got   uint64
}

// A poll is one call of a poll function.
type poll struct {
	at      engine.Time
	packets uint64
	charged int
}

// instance makes the NAPI instance of a vector; what it raises stands on the list.
func (b *bench) instance(device string, v *Vector) NAPI {
	in := napi.New(device, v)
	in.Raise = func(_ *cpu.Core, n *napi.Instance) { b.list = append(b.list, n) }
	return in
}

const unlimited = 1 << 30

func newBench(t *testing.T, cfg Config, edit ...func(*bench)) *bench {
	t.Helper()
	require.NoError(t, cfg.Validate(4))
	b := &bench{t: t, exec: engine.NewLazy(), profile: kernel.Linux40(), allow: unlimited}
	for _, f := range edit {
		f(b)
	}
	if b.naive {
		b.exec = engine.NewNaive()
	}
	b.core = cpu.New(cpu.Config{CPUs: 1, Jiffy: 4 * engine.Millisecond, Costs: &b.costs, Naive: b.naive}, b.exec, &b.stats)
	b.core.SetSoftirqs(b)
	b.port = New("eth0", cfg, Env{
		Naive: b.naive, Profile: &b.profile, Costs: &b.costs, Ledger: &b.ledger, GRO: b, Receive: b.past, IfIndex: 2, CPUs: 4, Seed: 1, Hardware: b.hw,
		NAPI: b.instance,
	})
	for _, v := range b.port.Vectors() {
		v.Bind(b.core, 1)
	}
	b.kick = b.core.NewLine(&b.zero, &b.kicks, func(*cpu.Core) {})
	b.core.Join(false)
	b.port.Join(b.exec)
	return b
}

// Receive implements Receive: the stack ends here.
func (b *bench) Receive(_ *cpu.Core, p *skb.Buff) {
	b.got++
	if b.seen != nil {
		b.seen(p)
	}
	b.ledger.Consume()
}

// past is Receive of what comes past GRO.
func (b *bench) past(c *cpu.Core, p *skb.Buff) {
	b.pastGRO++
	b.Receive(c, p)
}

// Pending implements cpu.Softirqs.
func (b *bench) Pending() bool { return len(b.list) > 0 && b.allow > 0 }

// Do implements cpu.Softirqs.
func (b *bench) Do(cpu.Context) {
	for b.Pending() {
		b.allow--
		n := b.list[0]
		b.list = b.list[1:]
		at, before := b.core.Now(), b.got
		charged, repoll := n.Poll(b.core, n.Weight())
		if repoll {
			b.list = append(b.list, n)
		}
		b.polls = append(b.polls, poll{at, b.got - before, charged})
	}
}

// Tick implements cpu.Softirqs.
func (b *bench) Tick() {}

// until brings everything to t.
func (b *bench) until(t engine.Time) {
	b.t.Helper()
	b.exec.RunUntil(t)
	b.port.Settle(t)
	b.now = t
	require.NoError(b.t, b.ledger.Check(b.port.Live()))
}

// pollTimes lets the softirqs make up to n polls, now.
func (b *bench) pollTimes(n int) {
	b.t.Helper()
	b.allow = n
	b.kick.Raise(b.now + 1)
	b.until(b.now + 2)
	b.allow = 0
}

// stalled keeps the softirqs from polling.
func stalled(b *bench) { b.allow = 0 }

// A train is a source of equal frames, gap apart, the first at start.
type train struct {
	frame      skb.Frame
	start, gap engine.Time
	n          int
}

// Fill implements skb.FrameSource.
func (s *train) Fill(out []skb.Frame) int {
	for i := range out {
		if s.n == 0 {
			return i
		}
		out[i] = s.frame
		out[i].At = s.start
		s.start += s.gap
		s.n--
	}
	return len(out)
}

var (
	sender = netip.MustParseAddrPort("10.0.0.1:5000")
	local  = netip.MustParseAddrPort("10.0.0.2:5001")

	multicast = netip.MustParseAddrPort("239.1.0.1:5001")
)

// frameOf returns a frame for the default MAC whose length without FCS is l.
func frameOf(l int) skb.Frame {
	return skb.NewUDP(DefaultConfig().MAC, sender, local, l-skb.EthHeader-skb.IPHeader-skb.UDPHeader)
}

// groupFrame returns a frame to a group or broadcast address.
func groupFrame(dst string) func() skb.Frame {
	return func() skb.Frame { return skb.NewUDP(skb.MAC{}, sender, netip.MustParseAddrPort(dst), 10) }
}

// lineRate is the gap of frames of l bytes without FCS at 10 Gb/s.
func lineRate(l int) engine.Time { return engine.Time(l+skb.EthFCS+skb.WireExtra) * 800 }

// send puts n frames on the wire back to back, from the next picosecond on, and
// lets them arrive.
func (b *bench) send(f skb.Frame, n int) {
	b.t.Helper()
	for range n {
		b.port.Inject(f, b.now+1)
	}
	b.until(b.now + 3 + engine.Time(n)*b.port.wire.timeOf(f.Len))
}

// oneQueue is an interface with one queue whose interrupts are not throttled.
func oneQueue() Config {
	c := DefaultConfig()
	c.Combined, c.RXUsecs = 1, 0
	return c
}

// ethtool returns a line of `ethtool -S`.
func (b *bench) ethtool(name string) uint64 {
	b.t.Helper()
	for _, s := range b.port.EthtoolStats(0) {
		if s.Name == name {
			return s.Value
		}
	}
	b.t.Fatalf("no line %q", name)
	return 0
}
