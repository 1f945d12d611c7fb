package plots

import (
	"bytes"
	"fmt"
	"image"
	_ "image/png"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/sweep"
)

// sweepOf makes up a sweep: loss grows with the load and falls with the buffer.
func sweepOf(reps int, axes ...sweep.Axis) *sweep.Results {
	d, err := sweep.Cross(axes...)
	if err != nil {
		panic(err)
	}
	res := &sweep.Results{Header: sweep.Header{Paths: d.Paths, Points: len(d.Points), Reps: reps}}
	for i, v := range d.Points {
		x, _ := sweep.Number(v[0])
		for r := range reps {
			lost := max(0, 0.1*x-0.05*float64(i%3)) * (1 + 0.1*float64(r))
			res.Outcomes = append(res.Outcomes, sweep.Outcome{Point: i, Rep: r, Values: v, Metrics: map[string]float64{
				"offered": 1000, "drops": 1000 * lost, "share(drops)": lost, "cpu.busy": x / 20, "p(latency.wire_to_app, 99)_ns": 1e4 * (x + float64(i%3)),
			}})
		}
	}
	return res
}

func drawn(t *testing.T, res *sweep.Results) map[string][]byte {
	out := map[string][]byte{}
	require.NoError(t, Sweep(res, func(name string, data []byte) error { out[name] = data; return nil }))
	for name, data := range out {
		if strings.HasSuffix(name, ".png") {
			_, _, err := image.Decode(bytes.NewReader(data))
			require.NoError(t, err)
		}
	}
	return out
}

// TestSweepPlots says which plots a sweep has, and what stands on them.
func TestSweepPlots(t *testing.T) {
	load := sweep.Axis{Path: "load", Values: []string{"1", "2", "4", "8"}}
	buf := sweep.Axis{Path: "apps[0].sockets[0].rcvbuf", Values: []string{"64KiB", "1MiB", "8MiB"}}
	usecs := sweep.Axis{Path: "nics[0].coalesce.rx-usecs", Values: []string{"1", "50"}}
	kernel := sweep.Axis{Path: "kernel", Values: []string{"linux-4.0", "linux-3.10"}}
	for name, c := range map[string]struct {
		res   *sweep.Results
		plots string
		texts []string
	}{
		"one key":             {sweepOf(5, load), "lines", []string{"load", "bands are 95 % confidence intervals"}},
		"two keys":            {sweepOf(1, load, buf), "heat lines pareto", []string{"sockets[0].rcvbuf 64KiB", "one run a point"}},
		"three keys":          {sweepOf(2, load, buf, usecs), "heat lines multiples pareto", []string{"means of 2 replications"}},
		"no numeric key":      {sweepOf(1, kernel), "", nil},
		"a word and a number": {sweepOf(1, load, kernel), "heat lines", []string{"kernel linux-3.10"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := drawn(t, c.res)
			var names []string
			for _, n := range SweepNames {
				if got[n+".svg"] != nil {
					names = append(names, n)
				}
			}
			require.ElementsMatch(t, strings.Fields(c.plots), names)
			require.Len(t, got, 2*len(names))
			for _, text := range c.texts {
				require.Contains(t, string(got["lines.svg"]), text)
			}
			require.Equal(t, got, drawn(t, c.res), "the same sweep gives the same bytes")
		})
	}
}

// TestFurtherMetrics: a metric that was asked for has a panel under its name,
// with its unit; a long one that of its counter; the fifth none.
func TestFurtherMetrics(t *testing.T) {
	res := sweepOf(1, sweep.Axis{Path: "load", Values: []string{"1", "2"}})
	res.Header.Aliases = map[string]string{"cpu1": "cpu[1].busy", "in_ring_ns": "p(latency.ring, 99)"}
	res.Header.Measures = []string{"cpu1", "in_ring_ns", "rate(drops)", `counter("proc/net/softnet_stat", "time_squeeze")`, "fifth"}
	for i := range res.Outcomes {
		for _, m := range res.Header.Measures {
			res.Outcomes[i].Metrics[m] = 0.25 * float64(i+1)
		}
		res.Outcomes[i].Metrics["in_ring_ns"] = 2500
	}
	svg := string(drawn(t, res)["lines.svg"])
	for _, label := range []string{"cpu1, %", "in_ring, µs", ">rate(drops)<", ">time_squeeze<"} {
		require.Contains(t, svg, label)
	}
	require.NotContains(t, svg, "fifth")
}

// TestScatter: a sample of a space has one plot, with every point in a panel for
// each metric and key, coloured by the key that decides most. A grid has none.
func TestScatter(t *testing.T) {
	axes := []sweep.Axis{{Path: "load", Low: "1", High: "40"}, {Path: "nics[0].ring.rx", Low: "64", High: "4096", Log: true}, {Path: "kernel", Values: []string{"linux-4.0", "linux-6.18"}}}
	d, err := sweep.Sample(sweep.LatinHypercube, 30, 1, axes...)
	require.NoError(t, err)
	res := &sweep.Results{Header: sweep.Header{Paths: d.Paths, Points: len(d.Points), Reps: 1}}
	for i, v := range d.Points {
		x, _ := sweep.Number(v[slices.Index(d.Paths, "load")])
		res.Outcomes = append(res.Outcomes, sweep.Outcome{Point: i, Values: v, Metrics: map[string]float64{
			"offered": 1000, "drops": x, "share(drops)": x / 100, "cpu.busy": 0.5, "p(latency.wire_to_app, 99)_ns": 1e4 * float64(1+i%7),
		}})
	}
	got := drawn(t, res)
	svg := string(got["scatter.svg"])
	require.Len(t, got, 2, "the scatter plot alone, as SVG and PNG")
	dots := 0
	for _, c := range []string{"56B4E9", "0072B2", "D55E00"} {
		n := strings.Count(svg, "Z\" style=\"fill:#"+c) // a closed path in that colour
		require.Greater(t, n, 30, "a third of the points in colour %s", c)
		dots += n
	}
	require.Equal(t, 3*3*60+3, dots, "60 points, 30 for each kernel, in each of nine panels, and three boxes of the legend")
	for _, text := range []string{"60 points, one run a point; coloured by load, which decides most (rank correlation with lost: 1.00)", ">ring.rx<", ">linux-6.18<", ">lost, %<"} {
		require.Contains(t, svg, text)
	}
	require.Equal(t, got, drawn(t, res), "the same sweep gives the same bytes")
}

// TestRanks: equal values share the middle of their places.
func TestRanks(t *testing.T) {
	require.Equal(t, []float64{3, 0.5, 2, 0.5}, ranks([]float64{9, 1, 4, 1}))
}

// TestHeatHasEveryCell: the map prints the number of every point.
func TestHeatHasEveryCell(t *testing.T) {
	res := sweepOf(1, sweep.Axis{Path: "load", Values: []string{"1", "2"}}, sweep.Axis{Path: "b", Values: []string{"x", "y"}})
	for i := range res.Outcomes {
		res.Outcomes[i].Metrics["share(drops)"] = float64(i+1) / 9
	}
	svg := string(drawn(t, res)["heat.svg"])
	for i := range res.Outcomes {
		require.Contains(t, svg, fmt.Sprintf(">%s<", strconv.FormatFloat(100*float64(i+1)/9, 'f', 1, 64)))
	}
}

// TestPareto: of three points of which one is worse than another in everything,
// two are named; and of several loads the highest is drawn.
func TestPareto(t *testing.T) {
	res := sweepOf(1, sweep.Axis{Path: "b", Values: []string{"fast", "slow", "bad", "worst"}})
	for i, m := range []struct{ lost, p99 float64 }{{0.5, 1e4}, {0.1, 5e4}, {0.6, 2e4}, {0.7, 9e4}} {
		res.Outcomes[i].Metrics["share(drops)"], res.Outcomes[i].Metrics["p(latency.wire_to_app, 99)_ns"] = m.lost, m.p99
		res.Outcomes[i].Metrics["drops"], res.Outcomes[i].Metrics["cpu.busy"] = 1, 0.5
	}
	svg := string(drawn(t, res)["pareto.svg"])
	require.Contains(t, svg, ">fast<")
	require.Contains(t, svg, ">slow<")
	require.NotContains(t, svg, ">bad<")
	require.NotContains(t, svg, ">worst<")
	loads := sweepOf(1, sweep.Axis{Path: "load", Values: []string{"1", "8"}}, sweep.Axis{Path: "b", Values: []string{"x", "y", "z"}})
	require.Contains(t, string(drawn(t, loads)["pareto.svg"]), "load 8; ")
}
