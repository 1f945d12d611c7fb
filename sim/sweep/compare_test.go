package sweep

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/procfs"
	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// TestReadSideHasEveryCounter compares what is read from the JSON with the
// counters themselves.
func TestReadSideHasEveryCounter(t *testing.T) {
	base := &Base{Name: "bursts.yaml", Data: []byte(bursts)}
	sc, err := base.Scenario()
	require.NoError(t, err)
	res, err := sim.Run(t.Context(), sc, sim.Options{})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, report.JSON(&b, report.Input{Result: res}))
	s, err := ReadSide("x", b.Bytes())
	require.NoError(t, err)
	want := map[string]float64{}
	procfs.EachCounter(&res.Snapshot.Snapshot, func(file, _, name string, v uint64) {
		want[fmt.Sprintf("counter(%q, %q)", file, name)] += float64(v)
	})
	got := map[string]float64{}
	for name, v := range s.Reps[0] {
		if strings.HasPrefix(name, "counter(") {
			got[name] = v
		}
	}
	require.Equal(t, want, got)
	require.Positive(t, s.Reps[0]["p(latency.wire_to_app, 99)_ns"])
	for _, text := range []string{"drops", "offered", "delivered", "mean(latency.stack)", "cpu[1].user", `socket["reader"].delivered`} {
		m, err := NewMeasure(text)
		require.NoError(t, err)
		v, ok := m.value(res)
		require.True(t, ok, text)
		require.InDelta(t, v, s.Reps[0][m.Name], 1e-6*v, "the same name has the same number as in a threshold: %s", text)
	}
}

func TestReadSideFaults(t *testing.T) {
	_, err := ReadSide("x", []byte("{"))
	require.ErrorContains(t, err, "not the results of a run")
	_, err = ReadSide("x", []byte(`{"schema": "rxpath.sweep/1"}`))
	require.ErrorContains(t, err, `want "rxpath.run/1"`)
}

func sideOf(t *testing.T, reps int, sets ...scenariofile.Set) Side {
	s, err := RunSide(t.Context(), "side", &Base{Name: "bursts.yaml", Data: []byte(bursts), Sets: sets}, reps, Options{})
	require.NoError(t, err)
	return s
}

func TestCompare(t *testing.T) {
	a := sideOf(t, 5)
	same := Compare(a, sideOf(t, 5))
	require.Empty(t, same.Deltas, "the same seeds give the same numbers")

	c := Compare(a, sideOf(t, 5, scenariofile.Set{Path: "load", Value: "8"}))
	found := map[string]Delta{}
	for _, d := range c.Deltas {
		found[d.Name] = d
	}
	require.True(t, found["offered"].Significant)
	require.InDelta(t, 0.0079, found["offered"].P, 0.0001, "the smallest p of five and five is 2/252")
	require.InDelta(t, 8, found["offered"].B/found["offered"].A, 0.2)

	chance := Compare(a, sideOf(t, 5, scenariofile.Set{Path: "run.seed", Value: "100"}))
	for _, d := range chance.Deltas {
		if d.Name == "offered" {
			require.False(t, d.Significant, "other seeds differ by chance: %+v", d)
			require.Equal(t, "~", d.change())
		}
	}
	require.Less(t, significant(chance.Deltas), len(chance.Deltas)/5)

	one := Compare(sideOf(t, 1), sideOf(t, 1, scenariofile.Set{Path: "run.seed", Value: "100"}))
	require.Equal(t, len(one.Deltas), significant(one.Deltas), "a run is exact")
}

func significant(deltas []Delta) (n int) {
	for _, d := range deltas {
		if d.Significant {
			n++
		}
	}
	return n
}

func TestDeltaChange(t *testing.T) {
	for want, d := range map[string]Delta{
		"+50.00%": {A: 2, B: 3, Significant: true}, "-50.00%": {A: 2, B: 1, Significant: true}, "new": {B: 1, Significant: true},
		"~": {A: 2, B: 3}, "?": {A: math.NaN(), B: 1, Significant: true}, "0%": {A: 2, B: 2, Significant: true},
	} {
		require.Equal(t, want, d.change())
	}
}

func TestComparisonText(t *testing.T) {
	a := Side{Name: "small", Reps: []map[string]float64{{"drops": 10, "p(latency.ring, 99)_ns": 1500, "cpu[0].user": 0.5, "same": 1}},
		Waterfall: []WaterfallRow{{Place: "frames on the wire", N: 100}, {"socket", "lost", "SOCKET_RCVBUFF", 10}}}
	b := Side{Name: "large", Reps: []map[string]float64{{"drops": 0, "p(latency.ring, 99)_ns": 3000, "cpu[0].user": 0.25, "same": 1}},
		Waterfall: []WaterfallRow{{Place: "frames on the wire", N: 100}, {"FIFO", "lost", "HW_FIFO", 3}}}
	c := Compare(a, b)
	var text strings.Builder
	require.NoError(t, c.Text(&text, false))
	require.Equal(t, strings.TrimPrefix(`
where the packets went  fate  reason            A    B
frames on the wire                            100  100
  FIFO                  lost  HW_FIFO           0    3
  socket                lost  SOCKET_RCVBUFF   10    0

                     A: small    B: large      change
drops                      10           0    -100.00%
p(latency.ring, 99)     1.5µs         3µs    +100.00%
cpu[0].user               50%         25%     -50.00%

1 numbers are the same on both sides.
`, "\n"), text.String())
	text.Reset()
	require.NoError(t, c.JSON(&text))
	require.Contains(t, text.String(), `"schema": "rxpath.compare/1"`)
}

// TestInterruptedSide: what had ended when a side was interrupted is compared
// with the same replications of the other.
func TestInterruptedSide(t *testing.T) {
	base := &Base{Name: "bursts.yaml", Data: []byte(bursts)}
	a, err := RunSide(t.Context(), "A", base, 4, Options{})
	require.NoError(t, err)
	require.False(t, a.Partial)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b, err := RunSide(ctx, "B", base, 4, Options{Workers: 1, Done: func(o Outcome) error {
		if o.Rep == 1 {
			cancel()
		}
		return nil
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, b.Partial)
	require.Len(t, b.Reps, 2)
	require.Equal(t, a.Waterfall, b.Waterfall)
	c := Compare(a, b)
	require.Len(t, c.A.Reps, 2)
	require.Len(t, a.Reps, 4, "the side itself stays as it is")
	require.Empty(t, c.Deltas, "the same seeds give the same numbers")
	var doc struct{ A, B struct{ Complete bool } }
	var text bytes.Buffer
	require.NoError(t, c.JSON(&text))
	require.NoError(t, json.Unmarshal(text.Bytes(), &doc))
	require.True(t, doc.A.Complete)
	require.False(t, doc.B.Complete)
	onFile := Side{Name: "of a file", Reps: a.Reps[:1]}
	c = Compare(onFile, b)
	require.Len(t, c.A.Reps, 1, "a side that was read has no seeds")
}
