package sim_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

// busy is a scenario of a million frames a second for a month.
func busy() *scenario.Scenario {
	sc := scenario.Default()
	sc.NICs = []scenario.NIC{sim.DefaultNIC("eth0")}
	feed := traffic.DefaultConfig()
	feed.To, feed.MilliPPS = "eth0", 1_000_000_000
	sc.Traffic = []traffic.Config{feed}
	sc.Run.For = 30 * 24 * 3600 * engine.Second
	sc.Run.Sample = 0
	return &sc
}

// A long run listens often: what it does between two looks is bounded, not the
// virtual time.
func TestRunEndsSoonAfterItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looks := 0
	res, err := sim.Run(ctx, busy(), sim.Options{Progress: func(engine.Time, uint64) {
		if looks++; looks == 20 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, res.Complete)
	require.Positive(t, res.Time)
	require.Less(t, res.Time, 10*engine.Second)
}

// A run whose context has ended finds what is wrong, and simulates nothing.
func TestRunWithoutTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	res, err := sim.Run(ctx, busy(), sim.Options{})
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, res.Time)
	require.False(t, res.Complete)

	wrong := busy()
	wrong.Traffic[0].To = "eth1"
	_, err = sim.Run(ctx, wrong, sim.Options{})
	require.ErrorContains(t, err, "traffic[0].to")
}

// Looking up more often changes nothing.
func TestRunIsTheSameInOddSteps(t *testing.T) {
	one := busy()
	one.Run.For = 300 * engine.Millisecond
	many := *one
	many.Run.Sample = 777 * engine.Microsecond
	a, err := sim.Run(t.Context(), one, sim.Options{})
	require.NoError(t, err)
	b, err := sim.Run(t.Context(), &many, sim.Options{})
	require.NoError(t, err)
	require.True(t, a.Complete)
	require.Equal(t, a.Digest, b.Digest)
	require.Equal(t, a.Snapshot, b.Snapshot)
}
