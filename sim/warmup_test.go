package sim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// TestWarmup: what is measured after a warm-up is the difference of two runs,
// one up to its end and one of the whole.
func TestWarmup(t *testing.T) {
	run := func(length, warmup engine.Time) *Result {
		sc := oneServer(0.9, 5000, true)
		readBuffer(sc, 8)
		sc.Run.For, sc.Run.Warmup = length, warmup
		res, err := Run(t.Context(), sc, Options{})
		require.NoError(t, err)
		return res
	}
	const length, warmup = 4 * engine.Millisecond, 1500 * engine.Microsecond
	whole, first := run(length, warmup), run(warmup, 0)
	require.Same(t, first, first.Measured(), "without a warm-up everything is measured")
	require.Equal(t, run(length, 0).Digest, whole.Digest, "a warm-up changes nothing that happens")
	m := whole.Measured()
	require.Equal(t, length-warmup, m.Time)
	require.Empty(t, cmp.Diff(whole.Snapshot.Sub(first.Snapshot), m.Snapshot))
	require.Equal(t, whole.Waterfall.Delivered-first.Waterfall.Delivered, m.Waterfall.Delivered)
	require.Positive(t, m.Sockets[0].Drops)
	require.Equal(t, whole.Sockets[0].Drops-first.Sockets[0].Drops, m.Sockets[0].Drops)
	w, f, got := &whole.Sockets[0].WireToApp.Hist, &first.Sockets[0].WireToApp.Hist, &m.Sockets[0].WireToApp.Hist
	require.Equal(t, w.N-f.N, got.N)
	require.Equal(t, w.Sum-f.Sum, got.Sum)
	got.Add(f)
	require.Equal(t, w.Checksum(), got.Checksum(), "both parts make up the whole")
}

// TestWarmupOfACutRun: a run that ends within its warm-up has measured nothing
// yet, and says what it has.
func TestWarmupOfACutRun(t *testing.T) {
	sc := oneServer(0.9, 5000, true)
	readBuffer(sc, 8)
	sc.Run.Warmup, sc.Run.MaxEvents = 2*engine.Millisecond, 10
	res, err := Run(t.Context(), sc, Options{})
	require.ErrorContains(t, err, "max_events")
	require.Same(t, res, res.Measured())
}
