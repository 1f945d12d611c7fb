package softirq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

const (
	us = engine.Microsecond
	ms = engine.Millisecond
)

// A bench is the softirq state of some cores, without anything above or below.
// Every cost is zero unless a test sets it. Ticks are at multiples of the jiffy.
type bench struct {
	t      *testing.T
	exec   *engine.Lazy
	costs  kernel.Costs
	prof   kernel.Profile
	ledger skb.Ledger
	host   Host
	cores  []*cpu.Core
	stats  []mib.CPU
	kicks  []*cpu.Line
	jobs   []func(*cpu.Core) // what the next kick of a core does
	zero   engine.Time
	count  uint64

	rps     []int // CPUs of every queue
	dropped int
	stack   func(c *cpu.Core, b *skb.Buff) // if not nil, is told of every packet
	got     []arrival
}

// An arrival is a packet that reached the stack.
type arrival struct {
	cpu int
	id  uint64
}

func newBench(t *testing.T, cpus, hz int, edit ...func(*bench)) *bench {
	t.Helper()
	b := &bench{t: t, exec: engine.NewLazy(), prof: kernel.Linux40(), stats: make([]mib.CPU, cpus)}
	b.host = Host{Config: DefaultConfig(), Profile: &b.prof, Costs: &b.costs, Ledger: &b.ledger, Stack: b,
		Device: func(int32) Device { return b }, HashSecret: 1}
	for _, f := range edit {
		f(b)
	}
	for i := range cpus {
		c := cpu.New(cpu.Config{ID: i, CPUs: cpus, Jiffy: engine.Second / engine.Time(hz), Costs: &b.costs}, b.exec, &b.stats[i])
		New(&b.host, c)
		b.cores = append(b.cores, c)
		b.jobs = append(b.jobs, nil)
		b.kicks = append(b.kicks, c.NewLine(&b.zero, &b.count, func(c *cpu.Core) { b.jobs[c.ID()](c) }))
	}
	for _, c := range b.cores {
		c.Join(false)
	}
	b.host.RPS = len(b.rps) > 0
	return b
}

// ReceiveSKB implements Stack.
func (b *bench) ReceiveSKB(c *cpu.Core, p *skb.Buff) {
	b.stats[c.ID()].Softnet.Processed++
	b.got = append(b.got, arrival{c.ID(), p.ID})
	if b.stack != nil {
		b.stack(c, p)
	}
	b.ledger.Consume()
}

// ReceiveSKBList implements Stack.
func (b *bench) ReceiveSKBList(c *cpu.Core, list []skb.Buff) {
	for i := range list {
		b.ReceiveSKB(c, &list[i])
	}
}

// RPSMap implements Device.
func (b *bench) RPSMap(uint16) []int { return b.rps }

// CountDropped implements Device.
func (b *bench) CountDropped() { b.dropped++ }

// at interrupts a CPU at the given instant, and runs f in the handler.
func (b *bench) at(t engine.Time, c int, f func(*cpu.Core)) {
	b.t.Helper()
	b.until(t - 1)
	b.jobs[c] = f
	b.kicks[c].Raise(t)
}

func (b *bench) until(t engine.Time) {
	b.t.Helper()
	b.exec.RunUntil(t)
	var live uint64
	for _, sd := range b.host.CPUs {
		live += sd.Live()
	}
	require.NoError(b.t, b.ledger.Check(live))
}

// netRX returns how often net_rx_action has run on a CPU.
func (b *bench) netRX(c int) uint64 { return b.stats[c].Softirqs[mib.SoftirqNetRX] }

func (b *bench) squeezes(c int) uint64 { return b.stats[c].Softnet.TimeSqueeze }

// A feed is an instance with some packets that its poll takes, as ixgbe does it:
// 64 of 64, or what is left and 0 (POLL-3).
type feed struct {
	bench   *bench
	name    string
	pending int
	cost    engine.Time // of a poll
	exact   bool        // return the true number, as the backlog does
	weight  int         // 0: 64
	onPoll  func(*cpu.Core)
	log     *[]run
}

// A run is a poll as a test sees it.
type run struct {
	name  string
	nr    uint64 // of net_rx_action
	taken int
}

// String implements fmt.Stringer.
func (f *feed) String() string { return f.name }

// Weight implements Poller.
func (f *feed) Weight() int {
	if f.weight > 0 {
		return f.weight
	}
	return 64
}

// Poll implements Poller.
func (f *feed) Poll(c *cpu.Core, weight int) (int, bool) {
	n := min(weight, f.pending)
	f.pending -= n
	if f.log != nil {
		*f.log = append(*f.log, run{f.name, f.bench.netRX(c.ID()), n})
	}
	if f.onPoll != nil {
		f.onPoll(c)
	}
	c.Spend(f.cost)
	if n == weight || f.exact {
		return n, n == weight
	}
	return 0, false
}

// saturated is more than any test polls.
const saturated = 1 << 40

// names returns who was polled, in order.
func names(log []run) (out string) {
	for _, r := range log {
		out += r.name
	}
	return out
}
