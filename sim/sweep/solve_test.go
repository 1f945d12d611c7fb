package sweep

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// bursts is a feed of bursts to a reader that pauses, on a host that can lose
// them in several places.
const bursts = `
sysctl: {net.core.rmem_max: 16777216}
host: {cpus: 2}
nics:
  - {name: eth0, channels: {combined: 1}, pause: {rx: false, tx: false}, irq_affinity: {TxRx-0: 0}}
traffic:
  - {name: feed, rate: 60kpps, size: 300, arrivals: {poisson: {}}, dst: 239.1.1.1:5000}
apps:
  - name: reader
    cpu: 1
    sockets: [{bind: 0.0.0.0:5000, join: [239.1.1.1], rcvbuf: 1MiB}]
    read: {pauses: {every: 10ms, for: 3ms}}
run: {for: 20ms}
`

func conditions(t *testing.T, texts ...string) (out []report.Threshold) {
	for _, s := range texts {
		c, err := report.ParseThreshold(s)
		require.NoError(t, err)
		out = append(out, c)
	}
	return out
}

// TestSolveAgainstBruteForce asks five questions whose answers are also found by
// trying everything.
func TestSolveAgainstBruteForce(t *testing.T) {
	for name, q := range map[string]struct {
		axis     string
		greatest bool
		until    string
	}{
		"the smallest receive buffer":          {"apps[0].sockets[0].rcvbuf=16KiB..1MiB:+24KiB", false, "drops == 0"},
		"the greatest load":                    {"load=1..16:+1", true, "share(drops) < 5%"},
		"the longest pause":                    {"apps[0].read.pauses.for=250us..9ms:+250us", true, "p(latency.wire_to_app, 99) < 4ms"},
		"the smallest limit that is asked for": {"net.core.rmem_max=16384..1048576:x1.5", false, "drops == 0"},
		"the slowest moderation":               {"nics[0].coalesce.rx-usecs=2..1000:+48", true, "p(latency.ring, 50) < 100us"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := &Base{Name: "bursts.yaml", Data: []byte(bursts)}
			axis, err := ParseAxis(q.axis)
			require.NoError(t, err)
			p := Problem{Axis: axis, Greatest: q.greatest, Until: conditions(t, q.until), Reps: 2, Probes: -1}
			got, err := Solve(t.Context(), base, p, Options{})
			require.NoError(t, err)
			require.True(t, got.Found)
			require.NotNil(t, got.Failing, "everything holds: the question is too easy")

			var holding []string
			for _, v := range axis.Values {
				one := p
				one.Axis.Values = []string{v}
				a, err := Solve(t.Context(), base, one, Options{})
				require.NoError(t, err)
				if a.Found {
					holding = append(holding, v)
				}
			}
			want := holding[0]
			if q.greatest {
				want = holding[len(holding)-1]
			}
			require.Equal(t, want, got.Value, "of %q those hold: %q", axis.Values, holding)
			require.Less(t, len(got.Trials), len(axis.Values))
		})
	}
}

// TestSolveRanges: without candidates the border is found to the unit, or to the
// precision, and its two sides are next to each other.
func TestSolveRanges(t *testing.T) {
	base := &Base{Name: "bursts.yaml", Data: []byte(bursts)}
	for _, c := range []struct {
		axis     Axis
		greatest bool
		until    string
	}{
		{Axis{Path: "apps[0].sockets[0].rcvbuf", Low: "4KiB", High: "4MiB"}, false, "drops == 0"},
		{Axis{Path: "net.core.rmem_max", Low: "2304", High: "4000000"}, false, "drops == 0"},
		{Axis{Path: "load", Low: "1.0"}, true, "share(drops) < 5%"},
		{Axis{Path: "load", Low: "1"}, true, "share(drops) < 5%"},
	} {
		a, err := Solve(t.Context(), base, Problem{Axis: c.axis, Greatest: c.greatest, Until: conditions(t, c.until), Reps: 1, Probes: 2}, Options{})
		require.NoError(t, err)
		require.True(t, a.Found, c.axis)
		require.True(t, a.Holding.Holds)
		require.False(t, a.Failing.Holds)
		h, err := parseQuantity(a.Holding.Value)
		require.NoError(t, err)
		f, err := parseQuantity(a.Failing.Value)
		require.NoError(t, err)
		hv, _ := h.value.Float64()
		fv, _ := f.value.Float64()
		if c.axis.Path == "net.core.rmem_max" || c.axis.Low == "1" {
			require.InDelta(t, hv, fv, 1, "%v", a)
		} else {
			require.InDelta(t, 1, hv/fv, 0.011, "%v", a)
		}
		require.Equal(t, c.greatest, hv < fv)
	}
}

func TestSolveEnds(t *testing.T) {
	base := &Base{Name: "bursts.yaml", Data: []byte(bursts)}
	easy, err := Solve(t.Context(), base, Problem{Axis: Axis{Path: "load", Low: "1", High: "2"}, Greatest: true, Until: conditions(t, "offered > 1"), Reps: 1}, Options{})
	require.NoError(t, err)
	require.True(t, easy.Found)
	require.Equal(t, "2", easy.Value)
	require.Nil(t, easy.Failing)
	never, err := Solve(t.Context(), base, Problem{Axis: Axis{Path: "load", Low: "1", High: "2"}, Until: conditions(t, "offered < 1"), Reps: 1}, Options{})
	require.NoError(t, err)
	require.False(t, never.Found)
	require.Len(t, never.Trials, 2)
}

// TestSolveWarns: conditions that hold, fail and hold again have no border, and
// the probes see it.
func TestSolveWarns(t *testing.T) {
	base := &Base{Name: "bursts.yaml", Data: []byte(bursts)}
	a, err := Solve(t.Context(), base, Problem{
		Axis: Axis{Path: "run.seed", Values: strings.Fields("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16")}, Greatest: true,
		Until: conditions(t, "offered < 1200"), Reps: 1, Probes: 14}, Options{})
	require.NoError(t, err)
	holds := ""
	for _, tr := range a.Trials {
		holds += fmt.Sprint(tr.Holds, " ")
	}
	require.False(t, a.Monotone, "of half the seeds: %s", holds)
}

// TestSolveNeedsEveryReplication: a value at which one replication fails does
// not hold, and the answer is that of any number of cores.
func TestSolveNeedsEveryReplication(t *testing.T) {
	base := &Base{Name: "bursts.yaml", Data: []byte(bursts)}
	p := Problem{Axis: Axis{Path: "host.cpus", Values: []string{"2"}}, Until: conditions(t, "offered < 1200"), Reps: 12}
	one, err := Solve(t.Context(), base, p, Options{Workers: 1})
	require.NoError(t, err)
	four, err := Solve(t.Context(), base, p, Options{Workers: 4})
	require.NoError(t, err)
	require.Equal(t, one, four)
	require.False(t, one.Found)
	require.Less(t, one.Trials[0].Passed, 12)
	require.InDelta(t, 0.779, one.Reliability, 0.001, "0.05^(1/12)")
}

func TestSolveFaults(t *testing.T) {
	base := &Base{Name: "bursts.yaml", Data: []byte(bursts)}
	until := conditions(t, "drops == 0")
	for want, p := range map[string]Problem{
		"without conditions": {Axis: Axis{Path: "load", Low: "1"}},
		"want ascending":     {Axis: Axis{Path: "load", Values: []string{"2", "1"}}, Until: until},
		"begins above 0":     {Axis: Axis{Path: "load", Low: "0"}, Until: until},
		"want a number":      {Axis: Axis{Path: "load", Low: "one"}, Until: until},
	} {
		_, err := Solve(t.Context(), base, p, Options{})
		require.ErrorContains(t, err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Solve(ctx, base, Problem{Axis: Axis{Path: "load", Low: "1"}, Until: until}, Options{})
	require.ErrorIs(t, err, context.Canceled)
	bad, err := Solve(t.Context(), base, Problem{Axis: Axis{Path: "run.max_events", Values: []string{"1", "2"}}, Until: until, Reps: 1}, Options{})
	require.NoError(t, err)
	require.Contains(t, bad.Trials[0].Error, "run.max_events")
	require.False(t, bad.Found)
	_, err = ParseConditions(mustScenario(t, base), []string{"drops == 0", "socket[\"nobody\"].drops == 0"})
	require.ErrorContains(t, err, "nobody")
}

func mustScenario(t *testing.T, b *Base) *scenario.Scenario {
	sc, err := b.Scenario(scenariofile.Set{Path: "load", Value: "1"})
	require.NoError(t, err)
	return sc
}
