package napi

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
)

// Linux 6.12, napi_busy_loop: what a loop does with the instance, turn by turn,
// and in which state it leaves it. The driver completes every poll that finds less
// than it may.
func TestBusyLoop(t *testing.T) {
	for name, tc := range map[string]struct {
		from    State
		budget  int
		found   []int // by the polls
		turns   int
		meet    bool // an interrupt comes in the last turn
		weights []int
		polled  uint64
		want    State
		raised  bool
	}{
		"6.12/3.3 nothing":                          {0, 0, []int{0, 0, 0}, 2, false, []int{8, 8, 8}, 0, 0, false},
		"6.12/3.3 something":                        {0, 0, []int{3, 0}, 1, false, []int{8, 8}, 3, 0, false},
		"6.12/3.3 the last poll is not counted":     {0, 0, []int{3, 2}, 1, false, []int{8, 8}, 3, 0, false},
		"6.12/3.3 more than it may: a softirq":      {0, 0, []int{8, 8}, 1, false, []int{8, 8}, 8, Sched, true},
		"6.12/3.3 SO_BUSY_POLL_BUDGET":              {0, 64, []int{8, 8}, 1, false, []int{64, 64}, 8, 0, false},
		"6.12/3.3 somebody has it":                  {Sched, 0, nil, 2, false, nil, 0, Sched, false},
		"6.12/3.3 it is being disabled":             {Sched | Disable, 0, nil, 1, false, nil, 0, Sched | Disable, false},
		"6.12/3.3 the last poll serves what it met": {0, 0, []int{0, 0}, 1, true, []int{8, 8}, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			profile, costs := kernel.Linux612(), kernel.DefaultCosts()
			d := &driver{}
			n := New("eth0", d)
			n.GRO = &GRO{Profile: &profile, Costs: &costs}
			raised := false
			n.Raise = func(*cpu.Core, *Instance) { raised = true }
			n.state = tc.from
			exec := engine.NewLazy()
			c := cpu.New(cpu.Config{CPUs: 1, Jiffy: engine.Millisecond, Costs: &costs}, exec, &mib.CPU{})
			c.SetSoftirqs(none{})
			d.receive = func() {
				d.work, d.complete = tc.found[len(d.weights)-1], n
				if d.work >= d.weights[len(d.weights)-1] {
					d.complete = nil
				}
			}
			ext := &mib.TCPExt{}
			table := &Table{Profile: &profile, Costs: &costs, TCPExt: ext}
			table.Add(n)
			turns := 0
			line := c.NewLine(&costs.HardIRQ.Fixed, new(uint64), func(c *cpu.Core) {
				table.BusyLoop(c, n.ID(), false, false, tc.budget, func(c *cpu.Core) bool {
					if turns++; turns == tc.turns && tc.meet {
						n.Schedule(c)
						require.NotZero(t, n.State()&Missed)
					}
					return turns == tc.turns
				})
			})
			c.Join(false)
			line.Raise(engine.Microsecond)
			exec.RunUntil(engine.Millisecond)
			require.Equal(t, tc.weights, d.weights)
			require.Equal(t, tc.polled, ext.BusyPollRxPackets)
			require.Equal(t, tc.want, n.State())
			require.Equal(t, tc.raised, raised)
		})
	}
}

// Linux 6.12, napi_complete_done: an instance that was to be scheduled while it
// was polled is polled again, and its interrupt stays masked.
func TestMissed(t *testing.T) {
	profile := kernel.Linux612()
	n := New("eth0", &driver{})
	n.GRO = &GRO{Profile: &profile}
	raised := 0
	n.Raise = func(*cpu.Core, *Instance) { raised++ }
	n.Schedule(nil)
	n.Schedule(nil)
	require.Equal(t, Sched|Missed, n.State())
	require.False(t, n.Complete(nil, 1))
	require.Equal(t, Sched, n.State())
	require.Equal(t, 2, raised)
	require.True(t, n.Complete(nil, 1))
	require.Zero(t, n.State())
}
