package napi

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A bench is a GRO with one instance, whose polls receive what a test gives it.
type bench struct {
	*testing.T
	gro    GRO
	n      *Instance
	c      *cpu.Core
	up     trains
	ledger skb.Ledger
	encaps int
	kind   func(*skb.Buff)
	found  bool
	own    bool
}

// A train is what came up: datagrams of a size, and what they are charged with.
type train struct {
	count    uint64
	payload  uint32
	truesize uint32
}

type trains struct {
	got  []train
	last skb.Buff
}

func (u *trains) NetifReceiveSKB(_ *cpu.Core, b *skb.Buff) {
	u.last = *b
	u.got = append(u.got, train{b.Segments(), uint32(b.UDPLen) - skb.UDPHeader, b.Truesize})
}

func (u *trains) NetifReceiveSKBList(c *cpu.Core, list []skb.Buff) {
	for i := range list {
		u.NetifReceiveSKB(c, &list[i])
	}
}

// newBench returns a bench with a 6.18 kernel, a socket with UDP_GRO, and buffers
// as a local sender's.
func newBench(t *testing.T) *bench {
	p := kernel.Linux618()
	x := &bench{T: t, c: core(t), encaps: 1, found: true, own: true, kind: local}
	x.gro = GRO{On: true, Profile: &p, Costs: &kernel.Costs{}, Up: []Receiver{&x.up}, NormalBatch: 8, Ledger: &x.ledger, EncapNeeded: &x.encaps,
		Lookup: func(*skb.Buff) (bool, bool) { return x.found, x.own }}
	x.n = New("eth0", nil)
	x.n.GRO = &x.gro
	return x
}

// flow is the header of the test's datagrams.
var flow = skb.Header{EtherType: skb.EtherTypeIPv4, IPVersion: 4, IHL: 5, TTL: 64, Proto: skb.ProtoUDP, Src: 1, Dst: 2, SrcPort: 1000, DstPort: 7000}

// local gives a packet a head from kmalloc, as a packet socket's.
func local(b *skb.Buff) {
	p := kernel.Linux618()
	b.Kmalloc, b.Truesize = true, uint32(p.Truesize(16+int(b.Frame.Len), 0))
}

// tap gives it a head that tun_build_skb makes of a page.
func tap(b *skb.Buff) {
	b.Truesize = kernel.SKBSize + kernel.SharedInfoSize + (b.Frame.Len+64+63)&^63
}

// built gives it half a page, built half of two with n page fragments behind it, legacy a small head and a fragment.
func built(b *skb.Buff) { b.Truesize = 2304 }
func jumbo(b *skb.Buff) {
	payload := uint32(b.UDPLen) - skb.UDPHeader
	b.Truesize, b.FragLen, b.FragTruesize, b.NrFrags = 4352+4096, payload-3000, 4096, 1
}
func legacy(b *skb.Buff) {
	b.Truesize, b.FragLen, b.FragTruesize, b.NrFrags = 896+2048, uint32(b.UDPLen)-skb.UDPHeader, 2048, 1
}

// A datagram of so many bytes; change spoils it.
type datagram struct {
	payload int
	id      uint16
	change  func(*skb.Header, *skb.Buff)
}

// run returns n datagrams whose IDs count up.
func run(payload, n int) (out []datagram) {
	for i := range n {
		out = append(out, datagram{payload: payload, id: uint16(i + 1)})
	}
	return out
}

// receive gives GRO a datagram within a poll.
func (x *bench) receive(d datagram) {
	h := flow
	b := skb.Buff{Frame: h.UDPFrame(d.payload), Summed: skb.ChecksumUnnecessary}
	b.Frame.Len = skb.EthHeader + uint32(b.IPLen)
	b.Len, b.IPID = uint32(b.IPLen), d.id
	x.kind(&b)
	if d.change != nil {
		d.change(&h, &b)
	}
	b.Head = &h
	x.ledger.Frames++
	x.ledger.Take()
	x.gro.polled(x.c, x.n)
	x.gro.Receive(x.c, &b)
}

// poll is a poll that finds these datagrams and is done, and returns what came up
// by its end.
func (x *bench) poll(all []datagram) []train {
	x.up.got = nil
	for _, d := range all {
		x.receive(d)
	}
	x.n.state = Sched
	x.n.Complete(x.c, len(all))
	return x.up.got
}

// 6.18/1.9.3: which datagrams of one poll become one packet. Every row was
// measured on Linux 6.18.44, a packet socket sending over a veth pair with GRO.
func TestUDPGROMerges(t *testing.T) {
	id := func(ids ...int) (out []datagram) {
		for _, i := range ids {
			out = append(out, datagram{payload: 100, id: uint16(i)})
		}
		return out
	}
	with := func(d []datagram, from int, change func(*skb.Header, *skb.Buff)) []datagram {
		for i := range d[from:] {
			d[from+i].change = change
		}
		return d
	}
	df := func(h *skb.Header, _ *skb.Buff) { h.DF = true }
	six := []train{{3, 300, 2496}, {3, 300, 2496}}
	for _, tc := range []struct {
		name string
		in   []datagram
		want []train
	}{
		{"ten equal ones", run(100, 10), []train{{10, 1000, 8320}}},
		{"alone", run(100, 1), []train{{1, 100, 832}}},
		{"one ID, IP_DF", with(id(0, 0, 0, 0), 0, df), []train{{4, 400, 3328}}},
		{"one ID without IP_DF", id(0, 0, 0, 0), []train{{4, 400, 3328}}},
		{"IDs by twos", id(0, 2, 4), []train{{1, 100, 832}, {1, 100, 832}, {1, 100, 832}}},
		{"a shorter one is the last", append(append(run(100, 4), datagram{50, 5, nil}), id(6, 7)...), []train{{5, 450, 4160}, {2, 200, 1664}}},
		{"a longer one begins anew", append(run(100, 4), datagram{150, 5, nil}, datagram{150, 6, nil}), []train{{4, 400, 3328}, {2, 300, 1664}}},
		{"at most 64", run(20, 70), []train{{64, 1280, 64 * 832}, {6, 120, 6 * 832}}},
		{"less than 65536 bytes", run(1400, 50), []train{{46, 64400, 46 * 2304}, {4, 5600, 4 * 2304}}},
		{"TTL", with(run(100, 6), 3, func(h *skb.Header, _ *skb.Buff) { h.TTL = 63 }), six},
		{"TOS", with(run(100, 6), 3, func(h *skb.Header, _ *skb.Buff) { h.TOS = 2 }), six},
		{"IP_DF", with(run(100, 6), 3, df), six},
		{"source MAC", with(id(1, 2, 3, 1, 2, 3), 3, func(h *skb.Header, _ *skb.Buff) { h.SrcMAC[5] = 9 }), six},
		{"source port", with(id(1, 2, 3, 1, 2, 3), 3, func(h *skb.Header, _ *skb.Buff) { h.SrcPort = 9 }), six},
		{"source address", with(id(1, 2, 3, 1, 2, 3), 3, func(h *skb.Header, _ *skb.Buff) { h.Src = 9 }), six},
		{"VLAN tag", with(id(1, 2, 3, 1, 2, 3), 3, func(h *skb.Header, b *skb.Buff) { h.Tagged, b.Tagged = true, true }), six},
		{"no checksum", with(run(100, 2), 0, func(h *skb.Header, _ *skb.Buff) { h.UDPChecksum = skb.ChecksumZero }), []train{{1, 100, 832}, {1, 100, 832}}},
		{"one without checksum overtakes", []datagram{{100, 1, nil}, {100, 2, func(h *skb.Header, _ *skb.Buff) { h.UDPChecksum = skb.ChecksumZero }}, {100, 2, nil}},
			[]train{{1, 100, 832}, {2, 200, 1664}}},
		{"padding", with(run(10, 2), 0, func(_ *skb.Header, b *skb.Buff) { b.Len += 8 }), []train{{1, 10, 832}, {1, 10, 832}}},
		{"without padding", run(10, 4), []train{{4, 40, 3328}}},
		{"empty", run(0, 2), []train{{1, 0, 832}, {1, 0, 832}}},
		{"IP options", with(run(100, 2), 0, func(h *skb.Header, b *skb.Buff) { h.IHL = 6; b.IPLen += 4; b.Len += 4 }), []train{{1, 100, 832}, {1, 100, 832}}},
		{"fragments", with(run(100, 2), 0, func(h *skb.Header, _ *skb.Buff) { h.MoreFrags = true }), []train{{1, 100, 832}, {1, 100, 832}}},
		{"IP checksum", with(run(100, 2), 0, func(h *skb.Header, _ *skb.Buff) { h.IPChecksum = skb.ChecksumBad }), []train{{1, 100, 832}, {1, 100, 832}}},
		{"bad checksum", with(run(100, 2), 0, func(h *skb.Header, b *skb.Buff) { h.UDPChecksum, b.Summed = skb.ChecksumBad, skb.ChecksumNone }),
			[]train{{1, 100, 832}, {1, 100, 832}}},
		{"verified by GRO", with(run(100, 2), 0, func(_ *skb.Header, b *skb.Buff) { b.Summed = skb.ChecksumNone }), []train{{2, 200, 1664}}},
	} {
		t.Run("6.18/1.9.3 "+tc.name, func(t *testing.T) {
			x := newBench(t)
			require.Equal(t, tc.want, x.poll(tc.in))
			require.Zero(t, x.n.Held())
			require.Equal(t, uint64(len(tc.in)-len(tc.want)), x.ledger.Coalesced)
			require.NoError(t, x.ledger.Check(0))
		})
	}
}

// 6.18/1.9.3: what a train is charged with. The rows of local and tap buffers were
// measured on Linux 6.18.44; those of ixgbe follow from the same rules: a head of a
// page becomes one of at most 17 fragments of the last head, a fragment moves
// there, a head from kmalloc hangs in the list.
func TestUDPGROTruesize(t *testing.T) {
	for _, tc := range []struct {
		name           string
		kind           func(*skb.Buff)
		payload, count int
		truesize       int
		list           uint16
	}{
		{"kmalloc 199", local, 199, 5, 5 * 1280, 4},
		{"tap 20, two", tap, 20, 2, 704 + 448, 0},
		{"tap 20, one head full", tap, 20, 18, 8320, 0},
		{"tap 20, a second head", tap, 20, 19, 9024, 1},
		{"tap 20, and its first fragment", tap, 20, 20, 9472, 1},
		{"tap 20, two full", tap, 20, 36, 16640, 1},
		{"tap 20, a third", tap, 20, 37, 17344, 2},
		{"tap 100", tap, 100, 46, 27264, 2},
		{"tap 700", tap, 700, 38, 44544, 2},
		{"tap 1400", tap, 1400, 46, 86144, 2},
		{"ixgbe, build_skb", built, 100, 64, 4*2304 + 60*2048, 3},
		{"ixgbe, jumbo frames of two buffers", jumbo, 4000, 10, 2*8448 + 8*(4352-256+4096), 1},
		{"ixgbe, legacy-rx", legacy, 1000, 18, 2*2944 + 16*2048, 1},
	} {
		t.Run("6.18/1.9.3 "+tc.name, func(t *testing.T) {
			x := newBench(t)
			x.kind = tc.kind
			require.Equal(t, []train{{uint64(tc.count), uint32(tc.payload * tc.count), uint32(tc.truesize)}}, x.poll(run(tc.payload, tc.count)))
			b := &x.up.last
			require.Equal(t, tc.list, b.FragList)
			require.EqualValues(t, tc.payload, b.GSOSize)
			require.EqualValues(t, 28+tc.payload*tc.count, b.Len)
			require.Equal(t, skb.ChecksumUnnecessary, b.Summed)
		})
	}
}

// 6.18/1.9.1, 1.9.2: for whom datagrams are merged.
func TestUDPGROForWhom(t *testing.T) {
	together, apart := []train{{3, 300, 2496}}, []train{{1, 100, 832}, {1, 100, 832}, {1, 100, 832}}
	for _, tc := range []struct {
		name  string
		world func(*bench)
		want  []train
	}{
		{"6.18/1.9.3 a socket with UDP_GRO", func(*bench) {}, together},
		{"6.18/1.9.2 a plain socket", func(x *bench) { x.own = false }, apart},
		{"6.18/1.9.2 no socket", func(x *bench) { x.own, x.found = false, false }, apart},
		{"6.18/1.9.2 no socket of the host has UDP_GRO", func(x *bench) { x.encaps = 0 }, apart},
		{"6.18/1.9.1 a kernel before UDP_GRO", func(x *bench) { p := *x.gro.Profile; p.UDPGRO = false; x.gro.Profile = &p }, apart},
		{"6.18/1.9.2 GRO off", func(x *bench) { x.gro.On = false }, apart},
		{"6.18/1.9.1 rx-udp-gro-forwarding, no socket", func(x *bench) { x.own, x.found, x.gro.Forwarding = false, false, true }, together},
		{"6.18/1.9.1 rx-udp-gro-forwarding, a plain socket", func(x *bench) { x.own, x.gro.Forwarding = false, true }, apart},
		{"6.18/1.9.1 rx-udp-gro-forwarding, nobody looks", func(x *bench) { x.encaps, x.gro.Forwarding = 0, true }, together},
		{"6.18/1.9.1 rx-gro-list, a plain socket", func(x *bench) { x.own, x.gro.FragList = false, true }, together},
		{"6.18/1.9.1 rx-gro-list, a socket with UDP_GRO", func(x *bench) { x.gro.FragList = true }, together},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := newBench(t)
			tc.world(x)
			require.Equal(t, tc.want, x.poll(run(100, 3)))
			require.Equal(t, x.gro.FragList && !x.own, x.up.last.Train.Whole)
		})
	}
	t.Run("6.18/1.9.1 a list and a train do not mix", func(t *testing.T) {
		x := newBench(t)
		x.gro.FragList, x.own = true, false
		x.receive(run(100, 1)[0])
		x.own = true
		require.Equal(t, apart[:2], x.poll(run(100, 2)[1:]))
	})
}

// 6.18/1.9.3: kernels before 6.18 want IDs that count up, unless IP_DF is set.
func TestUDPGROFixedID(t *testing.T) {
	same := []datagram{{100, 7, nil}, {100, 7, nil}, {100, 7, nil}}
	x := newBench(t)
	p := kernel.Linux612()
	x.gro.Profile = &p
	require.Len(t, x.poll(same), 3)
	require.Len(t, x.poll(run(100, 3)), 1)
	for i := range same {
		same[i].change = func(h *skb.Header, _ *skb.Buff) { h.DF = true }
	}
	require.Len(t, x.poll(same), 1)
	mixed := append(same[:2:2], datagram{100, 9, same[0].change})
	require.Len(t, x.poll(mixed), 2, "once it is one ID it stays")
}

// 6.18/3.5.6: eight buckets by the hash that the device gave, each of at most
// eight packets; the oldest makes room.
func TestUDPGROBuckets(t *testing.T) {
	flows := func(n int) (out []datagram) {
		for i := range n {
			out = append(out, datagram{100, 1, func(h *skb.Header, _ *skb.Buff) { h.SrcPort = uint16(i) }})
		}
		return out
	}
	next := func(d []datagram) []datagram {
		for i := range d {
			d[i].id++
		}
		return d
	}
	t.Run("6.18/3.5.6 eight flows without hash", func(t *testing.T) {
		x := newBench(t)
		require.Len(t, x.poll(append(flows(8), next(flows(8))...)), 8)
	})
	t.Run("6.18/3.5.6 nine flows without hash", func(t *testing.T) {
		x := newBench(t)
		require.Len(t, x.poll(append(flows(9), next(flows(9))...)), 18, "each makes the next one go")
	})
	t.Run("6.18/3.5.6 64 flows with hashes", func(t *testing.T) {
		x := newBench(t)
		x.gro.Hash = func(h *skb.Header) uint32 { return uint32(h.SrcPort) }
		require.Len(t, x.poll(append(flows(64), next(flows(64))...)), 64)
	})
	t.Run("6.18/3.5.6 the order of the flush: bucket by bucket, the oldest first", func(t *testing.T) {
		x := newBench(t)
		x.gro.Hash = func(h *skb.Header) uint32 { return 7 - uint32(h.SrcPort)%2 }
		in := flows(4)
		for i := range in {
			in[i].payload = 100 + i
		}
		require.Equal(t, []train{{1, 101, 832}, {1, 103, 832}, {1, 100, 832}, {1, 102, 832}}, x.poll(in))
	})
}

// 6.18/3.5.2: in the batches a train counts for its datagrams.
func TestUDPGROBatch(t *testing.T) {
	x := newBench(t)
	for _, d := range run(100, 7) {
		x.receive(d)
	}
	require.Empty(t, x.up.got)
	x.receive(datagram{50, 8, nil}) // the eighth, and the last of the train
	require.Equal(t, []train{{8, 750, 8 * 832}}, x.up.got)
}

// 6.18/3.3.1: what GRO holds at the end of a poll, and when a timer comes for it.
func TestUDPGROFlushTimeout(t *testing.T) {
	t.Run("6.18/3.3.1 without gro_flush_timeout nothing waits", func(t *testing.T) {
		x := newBench(t)
		require.Len(t, x.poll(run(100, 3)), 1)
	})
	t.Run("6.18/3.3.1 with it the young wait, and the interrupt is unmasked", func(t *testing.T) {
		exec := engine.NewLazy()
		x := newBench(t)
		x.c = running(exec)
		x.n.Defer(Deferral{Timeout: 20 * engine.Microsecond})
		var again []engine.Time
		x.n.Raise = func(c *cpu.Core, n *Instance) {
			again = append(again, c.Now())
			n.Complete(c, 0) // it finds nothing: everything goes
		}
		at(exec, x.c, engine.Microsecond, func() {
			require.Empty(t, x.poll(run(100, 3)))
			require.EqualValues(t, 1, x.n.Held())
			require.NoError(t, x.ledger.Check(x.n.Held()))
			require.Zero(t, x.n.Deferrals)
		})
		at(exec, x.c, 11*engine.Microsecond, func() {
			require.Empty(t, x.poll([]datagram{{100, 4, nil}}), "the fourth joins them, and the timer begins anew")
		})
		exec.RunUntil(900 * engine.Microsecond)
		require.Equal(t, []engine.Time{31 * engine.Microsecond}, again)
		require.Equal(t, []train{{4, 400, 3328}}, x.up.got)
	})
	t.Run("6.18/3.3.1 the next jiffy ends the wait", func(t *testing.T) {
		exec := engine.NewLazy()
		x := newBench(t)
		x.c = running(exec)
		x.n.Raise = func(*cpu.Core, *Instance) {}
		x.n.Defer(Deferral{Timeout: 100 * engine.Millisecond})
		at(exec, x.c, engine.Microsecond, func() { require.Empty(t, x.poll(run(100, 3))) })
		other := []datagram{{60, 9, func(h *skb.Header, _ *skb.Buff) { h.SrcPort = 9 }}}
		at(exec, x.c, 1001*engine.Microsecond, func() { require.Equal(t, []train{{3, 300, 2496}}, x.poll(other)) })
		require.EqualValues(t, 1, x.n.Held())
		x.n.Delete()
		require.Zero(t, x.n.Held())
		require.EqualValues(t, 1, x.ledger.Dropped[skb.HWReset])
		require.NoError(t, x.ledger.Check(0))
	})
}

// 6.18/3.5.2: a poll that used its weight flushes GRO, but with jiffies of a
// millisecond not what is young.
func TestUDPGROFullPoll(t *testing.T) {
	for name, precise := range map[string]bool{"HZ below 1000": false, "HZ 1000": true} {
		x := newBench(t)
		x.gro.Precise = precise
		d := &driver{work: 64, receive: func() {
			for _, dg := range run(100, 3) {
				x.receive(dg)
			}
		}}
		x.n.driver, x.n.state = d, Sched
		x.n.Poll(x.c, 64)
		require.Equal(t, precise, x.n.Held() == 1, name)
		require.Equal(t, !precise, len(x.up.got) == 1, name)
	}
}

// running returns a core with jiffies of a millisecond that runs.
func running(exec engine.Executive) *cpu.Core {
	c := cpu.New(cpu.Config{CPUs: 1, Jiffy: engine.Millisecond, Costs: &kernel.Costs{}}, exec, new(mib.CPU))
	c.SetSoftirqs(none{})
	c.Join(false)
	return c
}

// at lets f happen on the core, and time pass up to then.
func at(exec engine.Executive, c *cpu.Core, t engine.Time, f func()) {
	var zero engine.Time
	var count uint64
	c.NewLine(&zero, &count, func(*cpu.Core) { f() }).Raise(t)
	exec.RunUntil(t + engine.Nanosecond)
}
