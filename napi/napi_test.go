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
}

func (d *driver) PollRings(_ *cpu.Core, weight int) int {
	d.weights = append(d.weights, weight)
	if d.complete != nil {
		d.complete.Complete()
	}
	return d.work
}

// NAPI-1, NAPI-3, NAPI-6b, POLL-1: every state and every event, those that do
// nothing among them.
func TestInstanceStates(t *testing.T) {
	raised := 0
	d := &driver{work: 7}
	n := New("eth0", d)
	n.Raise = func(_ *cpu.Core, got *Instance) {
		require.Same(t, n, got)
		raised++
	}
	is := func(s State, raises, polls int, what string) {
		t.Helper()
		require.Equal(t, s, n.State(), what)
		require.Equal(t, raises, raised, what)
		require.Len(t, d.weights, polls, what)
	}
	is(Idle, 0, 0, "a new instance")
	require.Equal(t, 64, n.Weight(), "POLL-1")
	require.Zero(t, n.Poll(nil, 64), "NAPI-6b: an instance that is not scheduled does no work")
	is(Idle, 0, 0, "idle, polled")
	n.Complete()
	is(Idle, 0, 0, "idle, completed")
	n.Schedule(nil)
	is(Scheduled, 1, 0, "idle, scheduled")
	n.Schedule(nil)
	is(Scheduled, 1, 0, "scheduled again: nothing (NAPI-1)")
	require.Equal(t, 7, n.Poll(nil, 64))
	is(Scheduled, 1, 1, "polled, still scheduled")
	n.Complete()
	is(Idle, 1, 1, "completed")
	n.Schedule(nil)
	d.complete, d.work = n, 0
	require.Zero(t, n.Poll(nil, 64))
	is(Idle, 2, 2, "the poll completed it")
	require.Equal(t, []int{64, 64}, d.weights)
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
}

func (u *up) NetifReceiveSKB(c *cpu.Core, b *skb.Buff) {
	copied := *b
	u.got, u.at = &copied, c.Now()
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
		off, hardware, old bool
		change             func(*skb.Header, *skb.Buff)
		want               result
	}{
		"not verified, good":            {want: good},
		"not verified, bad":             {change: func(h *skb.Header, _ *skb.Buff) { h.UDPChecksum = skb.ChecksumBad }, want: bad},
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
			costs := &kernel.Costs{GRO: kernel.Cost{Fixed: gro}, Checksum: kernel.Cost{Fixed: sum, PerByte: 1}}
			u := &up{}
			g := &GRO{On: !tc.off, Costs: costs, Profile: &p, Up: func(*cpu.Core) Receiver { return u }}

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
