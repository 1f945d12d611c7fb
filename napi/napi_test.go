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

// A driver says how much work each poll does; it completes if told so.
type driver struct {
	work     int
	complete *Instance
	weights  []int
	receive  func()
}

func (d *driver) PollRings(c *cpu.Core, weight int) int {
	d.weights = append(d.weights, weight)
	if d.receive != nil {
		d.receive()
	}
	if d.complete != nil {
		d.complete.Complete(c, d.work)
	}
	return d.work
}

// NAPI-1, NAPI-3, NAPI-6b, NAPI-6c: every state and every event, those that do
// nothing among them.
func TestInstanceStates(t *testing.T) {
	const off = Sched | NPSVC
	type result struct {
		state  State
		raised bool
		polled bool
	}
	schedule := func(n *Instance, _ *driver) { n.Schedule(nil) }
	complete := func(n *Instance, _ *driver) { n.Complete(nil, 0) }
	disable := func(n *Instance, _ *driver) { n.Disable() }
	enable := func(n *Instance, _ *driver) { n.Enable() }
	partial := func(n *Instance, d *driver) { // the driver finds the ring empty and completes
		d.complete, d.work = n, 0
		n.Poll(nil, 64)
	}
	full := func(n *Instance, d *driver) {
		d.work = 64
		n.Poll(nil, 64)
	}
	for _, tc := range []struct {
		name  string
		from  State
		event func(*Instance, *driver)
		want  result
	}{
		{"NAPI-1 idle scheduled", 0, schedule, result{Sched, true, false}},
		{"NAPI-1 scheduled again: nothing", Sched, schedule, result{Sched, false, false}},
		{"NAPI-1 disable pending scheduled: nothing", Sched | Disable, schedule, result{Sched | Disable, false, false}},
		{"NAPI-1 DISABLE alone scheduled: nothing", Disable, schedule, result{Disable, false, false}},
		{"NAPI-1 disabled scheduled: nothing", off, schedule, result{off, false, false}},
		{"NAPI-3 idle completed: nothing", 0, complete, result{0, false, false}},
		{"NAPI-3 scheduled completed", Sched, complete, result{0, false, false}},
		{"NAPI-3 disable pending completed", Sched | Disable, complete, result{off, false, false}},
		{"NAPI-3 NPSVC stays", off, complete, result{off, false, false}},
		{"NAPI-6b idle polled: nothing", 0, full, result{0, false, false}},
		{"NAPI-6b scheduled polled, done", Sched, partial, result{0, false, true}},
		{"NAPI-6c scheduled polled, weight used", Sched, full, result{Sched, false, true}},
		{"NAPI-6c disable pending polled, done", Sched | Disable, partial, result{off, false, true}},
		{"NAPI-6c disable pending polled, weight used", Sched | Disable, full, result{off, false, true}},
		{"idle disabled", 0, disable, result{off, false, false}},
		{"scheduled disabled: polled once more", Sched, disable, result{Sched | Disable, false, false}},
		{"disabled enabled", off, enable, result{0, false, false}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := &driver{}
			n := New("eth0", d)
			n.state = tc.from
			var got result
			n.Raise = func(_ *cpu.Core, in *Instance) { got.raised = in == n }
			tc.event(n, d)
			got.state, got.polled = n.State(), len(d.weights) > 0
			require.Equal(t, tc.want, got)
			require.Equal(t, got.state == off, n.Disabled())
		})
	}
}

// NAPI-6c: an instance that used its weight wants to be polled again, one that
// did not does not, and one that is to be disabled neither.
func TestNAPI6cRepoll(t *testing.T) {
	for _, tc := range []struct {
		state  State
		work   int
		repoll bool
	}{{Sched, 64, true}, {Sched, 63, false}, {Sched, 0, false}, {Sched | Disable, 64, false}} {
		n := New("eth0", &driver{work: tc.work})
		n.state = tc.state
		work, repoll := n.Poll(nil, n.Weight())
		require.Equal(t, tc.work, work)
		require.Equal(t, tc.repoll, repoll, "%+v", tc)
	}
	require.Equal(t, 64, New("eth0", nil).Weight(), "POLL-1")
	require.Equal(t, "eth0", New("eth0", nil).String())
}

// GRO-3 and its successor: up to gro_normal_batch packets wait for each other,
// and none for longer than the poll; those of one CPU do not wait for another's.
func TestGRONormalBatch(t *testing.T) {
	for _, tc := range []struct {
		name    string
		list    bool
		batch   int
		arrive  int
		during  int // handed on before the poll ends
		weighty bool
	}{
		{"GRO-3 at once", false, 8, 3, 3, false},
		{"6.18/3.2.2 waiting for the end of the poll", true, 8, 7, 0, false},
		{"6.18/3.5.2 a full batch goes", true, 8, 17, 16, false},
		{"6.18/3.5.4 batch of one", true, 1, 3, 3, false},
		{"the weight is used", true, 8, 64 + 3, 64, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := kernel.Linux40()
			p.GRONormalList = tc.list
			u := &up{}
			c := core(t)
			g := &GRO{Profile: &p, Costs: &kernel.Costs{}, NormalBatch: tc.batch, Up: []Receiver{u}}
			d := &driver{}
			n := New("eth0", d)
			n.GRO, n.state = g, Sched
			d.receive = func() {
				for id := range tc.arrive {
					g.Receive(c, &skb.Buff{Frame: skb.Frame{ID: uint64(id + 1)}})
				}
				require.Len(t, u.ids, tc.during)
			}
			if d.complete = n; tc.weighty {
				d.complete, d.work = nil, 64
			}
			n.Poll(c, 64)
			require.Len(t, u.ids, tc.arrive)
			for i, id := range u.ids {
				require.EqualValues(t, i+1, id, "in order")
			}
		})
	}
}

// core returns a core that never runs.
func core(t *testing.T) *cpu.Core {
	t.Helper()
	var stats mib.CPU
	return cpu.New(cpu.Config{CPUs: 1, Jiffy: engine.Millisecond, Costs: &kernel.Costs{}}, engine.NewLazy(), &stats)
}

// 6.18 section 3.3: with napi_defer_hard_irqs 2, a poll that found packets and
// one that found none leave the interrupt masked; the second empty one unmasks.
func TestDeferHardIRQs(t *testing.T) {
	for _, tc := range []struct {
		name   string
		d      Deferral
		work   []int // of successive polls
		unmask []bool
	}{
		{"off", Deferral{0, 100}, []int{5, 0}, []bool{true, true}},
		{"no timeout", Deferral{2, 0}, []int{5, 0}, []bool{true, true}},
		{"6.18/3.3.1 two", Deferral{2, 100}, []int{5, 0, 0, 0}, []bool{false, false, true, true}},
		{"reloaded by packets", Deferral{2, 100}, []int{5, 0, 5, 0, 0}, []bool{false, false, false, false, true}},
		{"nothing found yet", Deferral{2, 100}, []int{0}, []bool{true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := core(t)
			n := New("eth0", &driver{})
			n.GRO = &GRO{Costs: &kernel.Costs{}}
			n.Defer(tc.d)
			for i, work := range tc.work {
				n.state = Sched
				require.Equal(t, tc.unmask[i], n.Complete(c, work), "poll %d", i)
				require.Zero(t, n.State(), "it may be scheduled all the same")
			}
		})
	}
}

// The timer of a deferral schedules the instance again, on the CPU that polled
// it; disabling takes it back.
func TestDeferTimer(t *testing.T) {
	for name, disable := range map[string]bool{"fires": false, "taken back": true} {
		exec := engine.NewLazy()
		var stats mib.CPU
		c := cpu.New(cpu.Config{CPUs: 1, Jiffy: engine.Millisecond, Costs: &kernel.Costs{}}, exec, &stats)
		c.SetSoftirqs(none{})
		n := New("eth0", &driver{})
		var at engine.Time
		n.Raise = func(c *cpu.Core, _ *Instance) { at = c.Now() }
		n.GRO = &GRO{Costs: &kernel.Costs{}}
		n.Defer(Deferral{HardIRQs: 1, Timeout: 20 * engine.Microsecond})
		n.state = Sched
		var zero engine.Time
		var count uint64
		line := c.NewLine(&zero, &count, func(c *cpu.Core) { require.False(t, n.Complete(c, 1)) })
		c.Join(false)
		line.Raise(engine.Microsecond)
		exec.RunUntil(2 * engine.Microsecond)
		want := 21 * engine.Microsecond
		if disable {
			n.Disable()
			want = 0
		}
		exec.RunUntil(engine.Millisecond)
		require.Equal(t, want, at, name)
		require.Equal(t, !disable, stats.LocalTimer == 1, name)
	}
}

// Enabling what is not disabled is a fault of the program.
func TestEnableTwice(t *testing.T) {
	n := New("eth0", &driver{})
	require.PanicsWithValue(t, "napi: Enable of an instance that is not disabled", n.Enable)
}

// A driver that does more than it may is a fault of the program.
func TestPollOverWeight(t *testing.T) {
	n := New("eth0", &driver{work: 65})
	n.Raise = func(*cpu.Core, *Instance) {}
	n.Schedule(nil)
	require.PanicsWithValue(t, "napi: poll did more work than its weight", func() { n.Poll(nil, 64) })
}

// up takes what GRO hands on.
type up struct {
	got *skb.Buff
	at  engine.Time
	ids []uint64
}

func (u *up) NetifReceiveSKB(c *cpu.Core, b *skb.Buff) {
	copied := *b
	u.got, u.at = &copied, c.Now()
	u.ids = append(u.ids, b.ID)
}

func (u *up) NetifReceiveSKBList(c *cpu.Core, list []skb.Buff) {
	for i := range list {
		u.NetifReceiveSKB(c, &list[i])
	}
}

// none is a core without softirqs.
type none struct{}

func (none) Pending() bool  { return false }
func (none) Do(cpu.Context) {}
func (none) Tick()          {}

// GRO-1, GRO-2, GRO-3, CS-3, K310-16: who verifies a checksum in GRO, what comes
// of it, and what it costs. Whatever comes of it, the packet is handed on at
// once.
func TestGRO(t *testing.T) {
	type result struct {
		summed skb.IPSummed
		bad    bool
		cost   engine.Time
	}
	const gro, sum = 10, 1000 // per packet; per checksum, and a picosecond a byte of UDP length 108
	passed := result{skb.ChecksumNone, false, gro}
	good := result{skb.ChecksumUnnecessary, false, gro + sum + 108}
	bad := result{skb.ChecksumNone, true, gro + sum + 108}
	for name, tc := range map[string]struct {
		off, hardware, old, newer bool
		change                    func(*skb.Header, *skb.Buff)
		want                      result
	}{
		"not verified, good": {want: good},
		"not verified, bad":  {change: func(h *skb.Header, _ *skb.Buff) { h.UDPChecksum = skb.ChecksumBad }, want: bad},
		"GRO-2: bad, not marked since 4.13": {newer: true, change: func(h *skb.Header, _ *skb.Buff) { h.UDPChecksum = skb.ChecksumBad },
			want: result{skb.ChecksumNone, false, gro + sum + 108}},
		"GRO-1: feature off":            {off: true, want: result{skb.ChecksumNone, false, 0}},
		"GRO-1: feature off, bad":       {off: true, change: func(h *skb.Header, _ *skb.Buff) { h.UDPChecksum = skb.ChecksumBad }, want: result{}},
		"GRO-2: the device verified it": {hardware: true, want: result{skb.ChecksumUnnecessary, false, gro}},
		"GRO-2: no checksum":            {change: func(h *skb.Header, _ *skb.Buff) { h.UDPChecksum = skb.ChecksumZero }, want: passed},
		"GRO-2: first fragment":         {change: func(h *skb.Header, _ *skb.Buff) { h.MoreFrags = true }, want: passed},
		"GRO-2: later fragment":         {change: func(h *skb.Header, _ *skb.Buff) { h.FragOffset = 8 }, want: passed},
		"GRO-2: padded":                 {change: func(_ *skb.Header, b *skb.Buff) { b.Len++ }, want: passed},
		"GRO-2: padded and bad": {change: func(h *skb.Header, b *skb.Buff) {
			h.UDPChecksum = skb.ChecksumBad
			b.Len++
		}, want: passed},
		"GRO-1: IP options":      {change: func(h *skb.Header, _ *skb.Buff) { h.IHL = 6 }, want: passed},
		"GRO-1: bad IP checksum": {change: func(h *skb.Header, _ *skb.Buff) { h.IPChecksum = skb.ChecksumBad }, want: passed},
		"GRO-1: IP version 5":    {change: func(h *skb.Header, _ *skb.Buff) { h.IPVersion = 5 }, want: passed},
		"GRO-1: ARP":             {change: func(h *skb.Header, _ *skb.Buff) { h.EtherType = skb.EtherTypeARP }, want: passed},
		"GRO-1: TCP":             {change: func(h *skb.Header, _ *skb.Buff) { h.Proto = skb.ProtoTCP }, want: passed},
		"K310-16: no UDP handler before 3.14": {old: true, change: func(h *skb.Header, _ *skb.Buff) { h.UDPChecksum = skb.ChecksumBad },
			want: passed},
	} {
		t.Run(name, func(t *testing.T) {
			h := &skb.Header{EtherType: skb.EtherTypeIPv4, IPVersion: 4, IHL: 5, Proto: skb.ProtoUDP}
			b := &skb.Buff{Frame: h.UDPFrame(100), Len: 128}
			if tc.change != nil {
				tc.change(h, b)
			}
			if tc.hardware {
				b.Summed = skb.ChecksumUnnecessary
			}
			p := kernel.Linux40()
			if tc.old {
				p = kernel.Linux310()
			}
			p.BadChecksumMarked = !tc.newer
			costs := &kernel.Costs{GRO: kernel.Cost{Fixed: gro}, Checksum: kernel.Cost{Fixed: sum, PerByte: 1}}
			u := &up{}
			g := &GRO{On: !tc.off, Costs: costs, Profile: &p, Up: []Receiver{u}}

			exec := engine.NewLazy()
			var stats mib.CPU
			c := cpu.New(cpu.Config{CPUs: 1, Jiffy: engine.Millisecond, Costs: costs}, exec, &stats)
			c.SetSoftirqs(none{})
			var cost, zero engine.Time
			var count uint64
			line := c.NewLine(&zero, &count, func(c *cpu.Core) { g.Receive(c, b) })
			c.Join(false)
			line.Raise(1)
			exec.RunUntil(engine.Microsecond)

			require.NotNil(t, u.got, "GRO-3: handed on at once")
			cost = u.at - 1
			require.Equal(t, tc.want, result{u.got.Summed, u.got.CsumBad, cost})
		})
	}
}
