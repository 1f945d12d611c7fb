package socket

import (
	"github.com/google/go-cmp/cmp"
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

// A bench is some sockets on some cores; CPU 0 delivers. Every cost is zero
// unless a test sets it.
type bench struct {
	exec    *engine.Lazy
	cores   []*cpu.Core
	stats   []mib.CPU
	costs   kernel.Costs
	profile kernel.Profile
	ledger  skb.Ledger
	net     mib.Net
	host    Host
	line    *cpu.Line
	job     func(*cpu.Core)
	zero    engine.Time
	count   uint64
	now     engine.Time
	digest  engine.Digest
	socks   []*Sock
}

func newBench(cpus int, edit ...func(*bench)) *bench {
	b := &bench{exec: engine.NewLazy(), stats: make([]mib.CPU, cpus)}
	b.profile = kernel.Linux40()
	limits := DefaultLimits()
	limits.MemPcpuRsv = 1 // every page is seen at once
	b.host = Host{Profile: &b.profile, Costs: &b.costs, Ledger: &b.ledger, Net: &b.net, Memory: Memory{Limits: limits}}
	for _, f := range edit {
		f(b)
	}
	for i := range cpus {
		c := cpu.New(cpu.Config{ID: i, CPUs: cpus, Jiffy: 4 * ms, Costs: &b.costs}, b.exec, &b.stats[i])
		c.SetSoftirqs(none{})
		b.cores = append(b.cores, c)
	}
	b.line = b.cores[0].NewLine(&b.zero, &b.count, func(c *cpu.Core) { b.job(c) })
	return b
}

// start ends the setting up: after it no more threads can be made.
func (b *bench) start() {
	for _, c := range b.cores {
		c.Join(false)
	}
}

type none struct{}

func (none) Pending() bool  { return false }
func (none) Do(cpu.Context) {}
func (none) Tick()          {}

func (b *bench) socket(rcvbuf int) *Sock {
	s := New(&b.host, "s", rcvbuf)
	b.socks = append(b.socks, s)
	return s
}

// deliver hands n datagrams of that truesize to a socket, at once.
func (b *bench) deliver(s *Sock, truesize uint32, n int, change ...func(*skb.Header, *skb.Buff)) {
	b.at(b.now+us, func(c *cpu.Core) {
		for range n {
			h := &skb.Header{}
			p := &skb.Buff{Frame: h.UDPFrame(100), Truesize: truesize, Len: 108, Summed: skb.ChecksumUnnecessary}
			p.At, p.Polled = c.Now(), c.Now()
			b.ledger.Frames++
			p.ID = b.ledger.Frames
			b.ledger.Take()
			for _, f := range change {
				f(h, p)
			}
			s.QueueRcvSKB(c, p)
		}
	})
	b.until(b.now + 2*us)
}

// at runs f on CPU 0 in an interrupt at t.
func (b *bench) at(t engine.Time, f func(*cpu.Core)) {
	b.until(t - 1)
	b.job = f
	b.line.Raise(t)
}

func (b *bench) until(t engine.Time) {
	b.exec.RunUntil(t)
	b.now = t
	var live uint64
	for _, s := range b.socks {
		live += s.Live()
	}
	if err := b.ledger.Check(live); err != nil {
		panic(err)
	}
}

func (b *bench) recv(s *Sock) (Datagram, error) { return s.Recv(b.now, &b.digest) }

func (b *bench) counts(t require.TestingT, want mib.UDP) {
	require.Empty(t, cmp.Diff(mib.Net{UDP: want}, b.net))
}

// level is the accounting of a socket.
type level struct{ queued, rmem, backlog, pages int }

func (b *bench) level(s *Sock) level {
	return level{s.Queued(), s.Rmem(), s.Backlog(), b.host.Memory.Pages}
}

// bad is a checksum that nobody has verified and that is wrong.
func bad(h *skb.Header, p *skb.Buff) { h.UDPChecksum, p.Summed = skb.ChecksumBad, skb.ChecksumNone }

var profile40 = kernel.Linux40()
