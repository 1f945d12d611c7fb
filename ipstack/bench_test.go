package ipstack

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

// A bench is the layer on one core, with a UDP that takes everything. Every
// cost is zero unless a test sets it.
type bench struct {
	t      *testing.T
	exec   *engine.Lazy
	core   *cpu.Core
	stats  mib.CPU
	costs  kernel.Costs
	prof   kernel.Profile
	ledger skb.Ledger
	net    mib.Net
	layer  *Layer
	eth0   *Device
	line   *cpu.Line
	job    func(*cpu.Core)
	zero   engine.Time
	count  uint64
	now    engine.Time

	demux func(*skb.Buff) // if not nil, early demux
	got   []skb.Buff      // what UDP got
	sees  func() uint64   // if not nil, what UDP looks at
	saw   []uint64        // and has seen

	backlog     []skb.Buff // what netif_rx got
	backlogFull bool       // it refuses
	prequeue    int        // net.core.netdev_tstamp_prequeue
}

var (
	own    = netip.MustParseAddr("10.0.0.2")
	sender = netip.MustParseAddrPort("10.0.0.1:5000")
	local  = netip.AddrPortFrom(own, 5001)
	group  = netip.MustParseAddrPort("239.1.0.1:5001")
	mac    = skb.MAC{2, 0, 0, 0, 0, 0x10}
)

// newBench makes a host with lo and eth0, 10.0.0.2/24.
func newBench(t *testing.T, edit ...func(*bench, *Config)) *bench {
	t.Helper()
	b := &bench{t: t, exec: engine.NewLazy(), prof: kernel.Linux40()}
	cfg := DefaultConfig()
	for _, f := range edit {
		f(b, &cfg)
	}
	require.NoError(t, cfg.Validate())
	b.core = cpu.New(cpu.Config{CPUs: 1, Jiffy: 4 * engine.Millisecond, Costs: &b.costs}, b.exec, &b.stats)
	b.core.SetSoftirqs(none{})
	b.line = b.core.NewLine(&b.zero, &b.count, func(c *cpu.Core) { b.job(c) })
	b.core.Join(false)
	b.layer = New(Layer{Config: cfg, Profile: &b.prof, Costs: &b.costs, Ledger: &b.ledger, Net: &b.net, UDP: b,
		Rand: engine.NewStream(1, "netfilter"), IngressRand: engine.NewStream(1, "ingress"), NetStamp: &skb.NetStamp{Prequeue: &b.prequeue}})
	b.layer.NetifReceiveSKB = b.layer.ReceiveSKB
	b.layer.NetifRX = func(_ *cpu.Core, p *skb.Buff) skb.DropReason {
		if b.backlogFull {
			b.ledger.Drop(skb.CPUBacklog)
			return skb.CPUBacklog
		}
		b.backlog = append(b.backlog, *p)
		b.ledger.Consume()
		return skb.NotDropped
	}
	b.layer.NetifRXNI = b.layer.NetifRX
	b.layer.StartWorkers([]*cpu.Core{b.core})
	b.eth0 = b.layer.AddDevice("eth0", mac, 1500, skb.AddrFrom(own), 24)
	return b
}

type none struct{}

func (none) Pending() bool  { return false }
func (none) Do(cpu.Context) {}
func (none) Tick()          {}

// EarlyDemux implements Protocol.
func (b *bench) EarlyDemux(p *skb.Buff) {
	if b.demux != nil {
		b.demux(p)
	}
}

// Receive implements Protocol.
func (b *bench) Receive(_ *cpu.Core, p *skb.Buff) {
	if b.sees != nil {
		b.saw = append(b.saw, b.sees())
	}
	b.got = append(b.got, *p)
	b.ledger.Consume()
}

// do runs f on the core, a microsecond after what was before.
func (b *bench) do(f func(*cpu.Core)) {
	b.t.Helper()
	b.job = f
	b.now += engine.Microsecond
	b.line.Raise(b.now)
	b.exec.RunUntil(b.now)
}

// A packet is a Buff as a driver hands it up, and what a test changes of it.
type packet func(*skb.Header, *skb.Buff)

// receive hands a packet from the sender to the destination up, with a UDP
// payload of 100 bytes: IP length 128.
func (b *bench) receive(dst netip.AddrPort, change ...packet) {
	b.t.Helper()
	h := *skb.NewUDP(mac, sender, dst, 100).Head
	p := skb.Buff{Frame: h.UDPFrame(100), Truesize: 896, IfIndex: b.eth0.Index, Summed: skb.ChecksumUnnecessary}
	p.Len = p.Frame.Len - skb.EthHeader
	switch {
	case h.DstMAC.Broadcast():
		p.PktType = skb.PacketBroadcast
	case h.DstMAC.Multicast():
		p.PktType = skb.PacketMulticast
	}
	for _, f := range change {
		f(&h, &p)
	}
	p.Head = &h
	b.ledger.Frames++
	b.ledger.Take()
	b.do(func(c *cpu.Core) { b.layer.ReceiveSKB(c, &p) })
	require.NoError(b.t, b.ledger.Check(b.tapped()+b.layer.Fragments()+b.layer.RawTotals().Queued))
}

func (b *bench) tapped() (n uint64) {
	for _, t := range b.layer.Taps() {
		n += t.Live()
	}
	return n + b.layer.Live()
}

// counts compares every counter of the namespace.
func (b *bench) counts(want mib.Net) {
	b.t.Helper()
	require.Empty(b.t, cmp.Diff(want, b.net))
}

// dropped compares what the ledger lost, and why.
func (b *bench) dropped(want map[skb.DropReason]uint64) {
	b.t.Helper()
	got := map[skb.DropReason]uint64{}
	for r, n := range b.ledger.Dropped {
		if n > 0 {
			got[skb.DropReason(r)] = n
		}
	}
	if want == nil {
		want = map[skb.DropReason]uint64{}
	}
	require.Empty(b.t, cmp.Diff(want, got))
}
