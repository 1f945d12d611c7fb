package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// small is a sweep of short runs of the built-in scenario.
func small(t testing.TB) (*Base, *Design, Options) {
	base := &Base{Name: scenariofile.DefaultName, Data: scenariofile.Default(), Sets: []scenariofile.Set{
		{Path: "run.for", Value: "300us"}, {Path: "apps[0].read.pauses", Value: "null"}}}
	d, err := Cross(Axis{Path: "load", Values: []string{"1", "8", "40"}}, Axis{Path: "apps[0].sockets[0].rcvbuf", Values: []string{"64KiB", "8MiB"}})
	require.NoError(t, err)
	require.NoError(t, Check(base, &d))
	return base, &d, Options{Reps: 2, Workers: 2}
}

func TestRunIsTheSameOnAnyNumberOfWorkers(t *testing.T) {
	base, d, opts := small(t)
	two, err := Run(t.Context(), base, d, opts)
	require.NoError(t, err)
	require.Len(t, two, 12)
	opts.Workers = 1
	one, err := Run(t.Context(), base, d, opts)
	require.NoError(t, err)
	require.Equal(t, one, two)
}

// TestCommonRandomNumbers: a replication has the same seed at every point, and
// a point has another seed in every replication.
func TestCommonRandomNumbers(t *testing.T) {
	base, d, opts := small(t)
	out, err := Run(t.Context(), base, d, opts)
	require.NoError(t, err)
	for _, o := range out {
		require.Empty(t, o.Error)
		require.Equal(t, uint64(1+o.Rep), o.Seed)
		require.Equal(t, d.Points[o.Point], o.Values)
	}
	require.NotEqual(t, out[0].Digest, out[1].Digest)
	require.Equal(t, out[0].Metrics["offered"], out[2].Metrics["offered"], "the same traffic meets another buffer")
	require.Greater(t, out[8].Metrics["drops"], out[10].Metrics["drops"], "a small buffer loses more at forty times the load, or nothing is measured")
	require.Zero(t, out[0].Metrics["drops"])
	require.Positive(t, out[0].Metrics["p(latency.wire_to_app, 99)_ns"])
}

// TestFailuresDoNotStopOthers: a point that cannot run is an outcome with its
// reason; so is one that panics.
func TestFailuresDoNotStopOthers(t *testing.T) {
	base, d, opts := small(t)
	base.Prepare = func(sc *scenario.Scenario) error {
		if sc.Apps[0].Sockets[0].RcvBuf == 64<<10 {
			panic("sweep test: a fault")
		}
		return nil
	}
	out, err := Run(t.Context(), base, d, opts)
	require.NoError(t, err)
	require.Len(t, out, 12)
	for _, o := range out {
		if o.Values[1] == "64KiB" {
			require.Equal(t, "panic: sweep test: a fault", o.Error)
			require.Nil(t, o.Metrics)
		} else {
			require.Empty(t, o.Error)
		}
	}
	bad := Design{Paths: []string{"run.max_events"}, Points: [][]string{{"10"}, {"100000000"}}}
	base.Prepare = nil
	out, err = Run(t.Context(), base, &bad, Options{})
	require.NoError(t, err)
	require.Contains(t, out[0].Error, "run.max_events is 10")
	require.Empty(t, out[1].Error)
}

func TestCheckFindsFaultsBeforeAnythingRuns(t *testing.T) {
	base, _, _ := small(t)
	for value, want := range map[string]string{"nics[0].ring.xr": "unknown key", "nics[0].ring.rx": "ring.rx"} {
		d := Design{Paths: []string{value}, Points: [][]string{{"many"}}}
		require.ErrorContains(t, Check(base, &d), want)
	}
	d := Design{Paths: []string{"a", "b"}, Points: [][]string{{"1"}}}
	require.ErrorContains(t, Check(base, &d), "1 values for 2 keys")
}

func TestDoneEndsASweep(t *testing.T) {
	base, d, opts := small(t)
	full := errors.New("disk full")
	opts.Done = func(Outcome) error { return full }
	out, err := Run(t.Context(), base, d, opts)
	require.ErrorIs(t, err, full)
	require.Len(t, out, 1)
}

func TestInterrupted(t *testing.T) {
	base, d, opts := small(t)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	opts.Done = func(Outcome) error {
		if n++; n == 3 {
			cancel()
		}
		return nil
	}
	out, err := Run(ctx, base, d, opts)
	require.ErrorIs(t, err, context.Canceled)
	require.GreaterOrEqual(t, len(out), 3)
	require.Less(t, len(out), 12)
	for _, o := range out {
		require.Empty(t, o.Error, "a run that was cut short is no outcome")
	}
}

func TestBadShards(t *testing.T) {
	base, d, opts := small(t)
	for _, s := range [][2]int{{2, 2}, {-1, 2}, {0, -1}} {
		opts.Shard, opts.Shards = s[0], s[1]
		_, err := Run(t.Context(), base, d, opts)
		require.Error(t, err, s)
	}
}

// complete runs a sweep with a journal and returns its bytes.
func complete(t *testing.T, path string, opts Options) []byte {
	t.Helper()
	base, d, _ := small(t)
	h, err := NewHeader(base, d, opts)
	require.NoError(t, err)
	j, err := Resume(path, h)
	require.NoError(t, err)
	opts.Skip, opts.Done = j.Has, j.Add
	_, err = Run(t.Context(), base, d, opts)
	require.NoError(t, err)
	require.NoError(t, j.Finish())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}

// TestJournalCutAtEveryByte: whatever a kill leaves of a journal, the sweep that
// goes on with it ends with the same bytes.
func TestJournalCutAtEveryByte(t *testing.T) {
	h := Header{Schema: Schema, ResultsVersion: 1, Scenario: "abc", Paths: []string{"load"}, Points: 3, Design: "def", Reps: 2, Shards: 1}
	var all []Outcome
	for p := range 3 {
		for r := range 2 {
			all = append(all, Outcome{Point: p, Rep: r, Seed: uint64(r), Values: []string{strconv.Itoa(p)},
				Metrics: map[string]float64{"drops": float64(p * r), "share(drops)": 1 / float64(3+p)}, Digest: "0123456789abcdef"})
		}
	}
	want, err := render(h, all)
	require.NoError(t, err)
	cut := filepath.Join(t.TempDir(), JournalName)
	for n := range len(want) + 1 {
		require.NoError(t, os.WriteFile(cut, want[:n], 0o666))
		j, err := Resume(cut, h)
		require.NoError(t, err, "cut at %d", n)
		for i := len(all) - 1; i >= 0; i-- { // the last one first: Finish has to put them in order
			if !j.Has(all[i].Point, all[i].Rep) {
				require.NoError(t, j.Add(all[i]))
			}
		}
		require.NoError(t, j.Finish())
		got, err := os.ReadFile(cut)
		require.NoError(t, err)
		if !bytes.Equal(want, got) {
			t.Fatalf("cut at %d: another journal", n)
		}
	}
}

func TestResumeRunsOnlyWhatIsMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), JournalName)
	base, d, opts := small(t)
	want := complete(t, path, opts)
	lines := bytes.SplitAfter(want, []byte("\n"))
	require.NoError(t, os.WriteFile(path, bytes.Join(lines[:6], nil), 0o666))
	h, err := NewHeader(base, d, opts)
	require.NoError(t, err)
	j, err := Resume(path, h)
	require.NoError(t, err)
	require.Equal(t, 5, j.Len())
	ran := 0
	opts.Skip = j.Has
	opts.Done = func(o Outcome) error { ran++; return j.Add(o) }
	_, err = Run(t.Context(), base, d, opts)
	require.NoError(t, err)
	require.Equal(t, 7, ran)
	require.NoError(t, j.Finish())
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

// TestFailuresAreTriedAgain: what failed, for want of a file perhaps, is run
// again when the sweep goes on.
func TestFailuresAreTriedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), JournalName)
	_, _, opts := small(t)
	want := complete(t, path, opts)
	h, all, err := Read(path)
	require.NoError(t, err)
	all[4] = Outcome{Point: all[4].Point, Rep: all[4].Rep, Seed: all[4].Seed, Values: all[4].Values, Error: "no such file"}
	text, err := render(h, all)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o666))
	require.Equal(t, string(want), string(complete(t, path, opts)))
}

func TestResumeRefusesAnotherSweep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, JournalName)
	base, d, opts := small(t)
	complete(t, path, opts)
	for want, change := range map[string]func(b *Base, d *Design, o *Options){
		"another scenario": func(b *Base, _ *Design, _ *Options) {
			b.Sets = append(b.Sets, scenariofile.Set{Path: "load", Value: "2"})
		},
		"it varies":          func(_ *Base, d *Design, _ *Options) { d.Paths = []string{"load", "host.cpus"} },
		"have other values":  func(_ *Base, d *Design, _ *Options) { d.Points = append([][]string{{"3", "64KiB"}}, d.Points[1:]...) },
		"2 replications":     func(_ *Base, _ *Design, o *Options) { o.Reps = 3 },
		"shard 0/1, not 1/2": func(_ *Base, _ *Design, o *Options) { o.Shard, o.Shards = 1, 2 },
		"it has the further metrics": func(_ *Base, _ *Design, o *Options) {
			m, err := NewMeasure("rate(drops)")
			require.NoError(t, err)
			o.Measures = []Measure{m}
		},
	} {
		b, e, o := *base, *d, opts
		b.Sets = append([]scenariofile.Set{}, base.Sets...)
		change(&b, &e, &o)
		h, err := NewHeader(&b, &e, o)
		require.NoError(t, err)
		_, err = Resume(path, h)
		var je *JournalError
		require.ErrorAs(t, err, &je)
		require.ErrorContains(t, err, want)
	}
	h, err := NewHeader(base, d, opts)
	require.NoError(t, err)
	h.ResultsVersion++
	_, err = Resume(path, h)
	require.ErrorContains(t, err, "gives other numbers now")
	_, err = Create(path, h)
	require.ErrorIs(t, err, ErrExists)
	other := filepath.Join(dir, "other")
	for text, want := range map[string]string{"my notes": "not the journal of a sweep", "my notes\n": "not the journal", "{}\n": "not the journal"} {
		require.NoError(t, os.WriteFile(other, []byte(text), 0o666))
		_, err = Resume(other, h)
		require.ErrorContains(t, err, want)
		left, err := os.ReadFile(other)
		require.NoError(t, err)
		require.Equal(t, text, string(left), "what is not ours stays")
	}
}

// TestShardsMerge: shards that ran apart give the bytes of the whole.
func TestShardsMerge(t *testing.T) {
	dir := t.TempDir()
	_, _, opts := small(t)
	want := complete(t, filepath.Join(dir, "whole"), opts)
	var shards []string
	for i := range 4 {
		opts.Shard, opts.Shards = i, 4
		shards = append(shards, filepath.Join(dir, fmt.Sprint(i)))
		complete(t, shards[i], opts)
	}
	merged := filepath.Join(dir, "merged")
	require.NoError(t, Merge(merged, shards[2], shards[0], shards[3], shards[1]))
	got, err := os.ReadFile(merged)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
	require.ErrorContains(t, Merge(merged, shards[:3]...), "2 of 12 runs are missing")
	h, all, err := Read(shards[0])
	require.NoError(t, err)
	all[0].Metrics["drops"]++
	text, err := render(h, all)
	require.NoError(t, err)
	forged := filepath.Join(dir, "forged")
	require.NoError(t, os.WriteFile(forged, text, 0o666))
	require.ErrorContains(t, Merge(merged, append(shards, forged)...), "not as in another shard")
	h.Reps = 7
	text, err = render(h, all)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(forged, text, 0o666))
	require.ErrorContains(t, Merge(merged, append(shards, forged)...), "7 replications")
}

func TestSummarize(t *testing.T) {
	require.Zero(t, Summarize(nil))
	four := Summarize([]float64{1, 2, 3, 4})
	require.Nil(t, four.Half, "below five replications there is no interval")
	require.Equal(t, 2.5, four.Mean)
	five := Summarize([]float64{1, 2, 3, 4, 5})
	require.InDelta(t, 2.7764*1.5811/2.23607, *five.Half, 1e-3, "t(0.975, 4) s / sqrt n")
	require.Equal(t, Summary{N: 5, Mean: 0.1, Min: 0.1, Max: 0.1, Half: new(float64)}, Summarize([]float64{.1, .1, .1, .1, .1}))
}

func TestSummarizePoints(t *testing.T) {
	p := SummarizePoints([]Outcome{
		{Point: 0, Rep: 0, Metrics: map[string]float64{"drops": 2}}, {Point: 0, Rep: 1, Metrics: map[string]float64{"drops": 4}},
		{Point: 3, Rep: 0, Error: "e1"}, {Point: 3, Rep: 1, Error: "e2"},
	})
	require.Len(t, p, 2)
	require.Equal(t, 3.0, p[0].Metrics["drops"].Mean)
	require.Equal(t, 2, p[1].Failed)
	require.Equal(t, "e1", p[1].Error)
}

// TestParquet: a file has every value, and tells 0 from none.
func TestParquet(t *testing.T) {
	r := Results{Header: Header{Paths: []string{"load", "rcvbuf"}}, Outcomes: []Outcome{
		{Seed: 1, Values: []string{"0.5", "64KiB"}, Metrics: map[string]float64{"drops": 0, "p50": 2.5}},
		{Point: 1, Seed: 1<<64 - 1, Values: []string{"0", ""}, Metrics: map[string]float64{"drops": 3}},
		{Point: 2, Rep: 1, Seed: 2, Values: []string{"2", "8MiB"}, Error: "no"},
	}}
	var b bytes.Buffer
	require.NoError(t, r.Parquet(&b))
	type row struct {
		Point  int64    `parquet:"point"`
		Rep    int64    `parquet:"rep"`
		Seed   uint64   `parquet:"seed"`
		Load   float64  `parquet:"load"`
		Rcvbuf string   `parquet:"rcvbuf"`
		Drops  *float64 `parquet:"drops"`
		P50    *float64 `parquet:"p50"`
		Error  *string  `parquet:"error"`
	}
	got, err := parquet.Read[row](bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	require.Equal(t, []row{
		{Seed: 1, Load: 0.5, Rcvbuf: "64KiB", Drops: new(0.0), P50: new(2.5)},
		{Point: 1, Seed: 1<<64 - 1, Drops: new(3.0)},
		{Point: 2, Rep: 1, Seed: 2, Load: 2, Rcvbuf: "8MiB", Error: new("no")},
	}, got)
}

// TestNamesOfMetrics: a metric is called by its text, or as one likes, but not
// as something else, and a time has _ns behind it in files and its unit in tables.
func TestNamesOfMetrics(t *testing.T) {
	for text, want := range map[string][2]string{
		"rate(drops)":                     {"rate(drops)", "1,500"},
		"lost_rate=rate(drops)":           {"lost_rate", "1,500"},
		" in_ring = p(latency.ring, 99) ": {"in_ring_ns", "1.5µs"},
		"p(latency.ring, 99)":             {"p(latency.ring, 99)_ns", "1.5µs"},
		"busy1=cpu[1].busy":               {"busy1", "150000%"},
		"spun=cpu[1].spinning":            {"spun", "150000%"},
		`counter("proc/net/snmp", "a=b")`: {`counter("proc/net/snmp", "a=b")`, "1,500"},
	} {
		m, err := NewMeasure(text)
		require.NoError(t, err, text)
		require.Equal(t, want, [2]string{m.Name, m.Format(1500)}, text)
	}
	for _, wrong := range []string{"drops=rejects", "lost=drops", "p99=p(latency.ring, 99)", "x=", "=drops", "a b=drops", "x=drop"} {
		_, err := NewMeasure(wrong)
		require.Error(t, err, wrong)
	}
	_, err := NewMeasures([]string{"a=drops", "a=rejects"})
	require.ErrorContains(t, err, "already")
	base, d, opts := small(t)
	opts.Measures, err = NewMeasures([]string{"a=drops", "rate(drops)"})
	require.NoError(t, err)
	h, err := NewHeader(base, d, opts)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "rate(drops)"}, h.Measures)
	require.Equal(t, map[string]string{"a": "drops"}, h.Aliases)
	require.Equal(t, "drops", h.Metric("a"))
	d.Paths[0] = "a"
	_, err = NewHeader(base, d, opts)
	require.ErrorContains(t, err, "has the name of a key that varies")
}

// TestReplicationsShareAScenario: a point is parsed once, whatever its
// replications and workers, also when a journal has some of them.
func TestReplicationsShareAScenario(t *testing.T) {
	base, d, _ := small(t)
	var parsed atomic.Int64
	base.Prepare = func(*scenario.Scenario) error { parsed.Add(1); return nil }
	alone := map[[2]int]string{}
	for i := range d.Points {
		for rep := range 4 {
			out, err := Run(t.Context(), base, d, Options{Reps: 4, Workers: 1, Skip: func(p, r int) bool { return p != i || r != rep }})
			require.NoError(t, err)
			require.Len(t, out, 1)
			alone[[2]int{i, rep}] = out[0].Digest
		}
	}
	parsed.Store(0)
	out, err := Run(t.Context(), base, d, Options{Reps: 4, Workers: 3, Skip: func(_, r int) bool { return r == 1 }})
	require.NoError(t, err)
	require.Len(t, out, 3*len(d.Points))
	for _, o := range out {
		require.Equal(t, alone[[2]int{o.Point, o.Rep}], o.Digest, "point %d, replication %d", o.Point, o.Rep)
	}
	require.EqualValues(t, len(d.Points), parsed.Load())
}

// TestDamagedLine: a journal that something else wrote into is refused, with
// the number of the line.
func TestDamagedLine(t *testing.T) {
	base, d, opts := small(t)
	h, err := NewHeader(base, d, opts)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), JournalName)
	j, err := Resume(path, h)
	require.NoError(t, err)
	opts.Done = j.Add
	_, err = Run(t.Context(), base, d, opts)
	require.NoError(t, err)
	require.NoError(t, j.Finish())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(data, "garbage\n"...), 0o600))
	_, err = Resume(path, h)
	require.ErrorContains(t, err, "line 14 is damaged: ")
}

// BenchmarkPoint says what a point costs beyond its run: the run is as short as can be.
func BenchmarkPoint(b *testing.B) {
	base, _, _ := small(b)
	base.Sets[0].Value = "1ns"
	d := Design{Paths: []string{"load"}, Points: make([][]string, b.N)}
	for i := range d.Points {
		d.Points[i] = []string{"2"}
	}
	out, err := Run(b.Context(), base, &d, Options{Workers: 1})
	if err != nil || out[0].Error != "" {
		b.Fatal(err, strings.TrimSpace(out[0].Error))
	}
}
