package udp

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A bench is the UDP layer on one core, with sockets that take everything.
// Every cost is zero unless a test sets it.
type bench struct {
	t      *testing.T
	exec   *engine.Lazy
	core   *cpu.Core
	stats  mib.CPU
	costs  kernel.Costs
	prof   kernel.Profile
	ledger skb.Ledger
	net    mib.Net
	layer  Layer
	line   *cpu.Line
	job    func(*cpu.Core)
	zero   engine.Time
	count  uint64
	now    engine.Time

	icmp  int
	order []string // the sockets that were served
	socks map[string]*sock
}

// A sock takes every datagram and remembers it.
type sock struct {
	*Entry
	bench *bench
	got   []skb.Buff
	at    []engine.Time
	// failed counts copies for which there was no memory.
	failed int
	cpu    int // SO_INCOMING_CPU
}

// QueueRcvSKB implements Socket.
func (s *sock) QueueRcvSKB(c *cpu.Core, b *skb.Buff) {
	s.bench.order = append(s.bench.order, s.Name)
	s.got = append(s.got, *b)
	s.at = append(s.at, c.Now())
	s.bench.ledger.Consume()
}

// CloneFailed implements Socket.
// IncomingCPU implements Socket.
func (s *sock) IncomingCPU() int { return s.cpu }

func (s *sock) CloneFailed(*cpu.Core) { s.failed++ }

const port = 5001

var (
	group  = netip.MustParseAddr("239.1.0.1")
	own    = netip.MustParseAddr("10.0.0.2")
	sender = netip.MustParseAddrPort("10.0.0.1:5000")
)

func newBench(t testing.TB, edit ...func(*bench)) *bench {
	t.Helper()
	b := &bench{exec: engine.NewLazy(), prof: kernel.Linux40(), socks: map[string]*sock{}}
	b.t, _ = t.(*testing.T)
	b.layer = Layer{Config: DefaultConfig(), Profile: &b.prof, Costs: &b.costs, Ledger: &b.ledger, Net: &b.net,
		Unreachable: func(*cpu.Core, *skb.Buff) { b.icmp++ }}
	for _, f := range edit {
		f(b)
	}
	b.core = cpu.New(cpu.Config{CPUs: 1, Jiffy: 4 * engine.Millisecond, Costs: &b.costs}, b.exec, &b.stats)
	b.core.SetSoftirqs(none{})
	b.line = b.core.NewLine(&b.zero, &b.count, func(c *cpu.Core) { b.job(c) })
	b.core.Join(false)
	return b
}

type none struct{}

func (none) Pending() bool  { return false }
func (none) Do(cpu.Context) {}
func (none) Tick()          {}

// bind binds a socket to an address, "" for any, and the test's port.
func (b *bench) bind(name, local string, change ...func(*Entry)) (*sock, error) {
	s := &sock{bench: b, cpu: -1, Entry: &Entry{Name: name, LocalPort: port, ReuseAddr: true}}
	if local != "" {
		s.Local = skb.AddrFrom(netip.MustParseAddr(local))
	}
	for _, f := range change {
		f(s.Entry)
	}
	s.Sock = s
	if err := b.layer.Bind(s.Entry); err != nil {
		return nil, err
	}
	b.socks[name] = s
	return s, nil
}

func (b *bench) mustBind(name, local string, change ...func(*Entry)) *sock {
	s, err := b.bind(name, local, change...)
	if err != nil {
		panic(err)
	}
	return s
}

// A change is what a test changes of a packet.
type change func(*skb.Header, *skb.Buff)

// packet returns a datagram with a payload of 100 bytes as ip_local_deliver
// hands it over.
func packet(dst netip.Addr, changes ...change) *skb.Buff {
	h := *skb.NewUDP(skb.MAC{}, sender, netip.AddrPortFrom(dst, port), 100).Head
	p := &skb.Buff{Frame: h.UDPFrame(100), Truesize: 896, IfIndex: 2, Summed: skb.ChecksumUnnecessary, Len: 108, Route: skb.Route{Type: skb.RouteLocal}}
	if dst.IsMulticast() {
		p.PktType, p.Route.Type = skb.PacketMulticast, skb.RouteMulticast
	}
	for _, f := range changes {
		f(&h, p)
	}
	p.Head = &h
	return p
}

// receive hands a packet over and returns the names of the sockets that got it.
func (b *bench) receive(p *skb.Buff) []string {
	b.order = nil
	b.ledger.Frames++
	b.ledger.Take()
	b.job = func(c *cpu.Core) { b.layer.Receive(c, p) }
	b.now += engine.Microsecond
	b.line.Raise(b.now)
	b.now += engine.Millisecond
	b.exec.RunUntil(b.now)
	if err := b.ledger.Check(0); err != nil {
		panic(err)
	}
	return b.order
}

// demux asks early demux for the socket of a packet before its IP header is
// taken off, nil if there is none.
func (b *bench) demux(p *skb.Buff) *Entry {
	p.Len += 20
	b.layer.EarlyDemux(p)
	e, _ := p.Sock.(*Entry)
	return e
}

func (b *bench) counts(want mib.UDP) {
	b.t.Helper()
	require.Empty(b.t, cmp.Diff(mib.Net{UDP: want}, b.net))
}
