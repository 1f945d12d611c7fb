package sweep

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/perf/benchmath"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/report"
)

// A Side is one of the two things that Compare compares: the replications of
// one scenario.
type Side struct {
	// Name says what it is, for the head of a column.
	Name string
	// Reps are the numbers of each replication by name.
	Reps []map[string]float64
	// Waterfall is that of the first replication that ended: what became of the packets, in order.
	Waterfall []WaterfallRow
	// Partial says that some of the replications are missing, because the run was interrupted.
	Partial bool
	// Aliases are the metrics that names of numbers stand for.
	Aliases map[string]string

	seeds []int // which replications these are, if some are missing
}

// A WaterfallRow is a row of a waterfall.
type WaterfallRow struct {
	Place, Fate, Reason string
	N                   float64
}

// RunSide runs a scenario with reps seeds and returns it as a side. The numbers
// of opts.Measures are added to those that every result has. With an error the
// side has the replications that ended without one.
func RunSide(ctx context.Context, name string, base *Base, reps int, opts Options) (Side, error) {
	s := Side{Name: name, Reps: make([]map[string]float64, reps), Aliases: Aliases(opts.Measures)}
	var mu sync.Mutex
	var first error
	falls := make([][]WaterfallRow, reps)
	opts.Reps = reps
	opts.Look = func(o *Outcome, res *sim.Result) {
		var b bytes.Buffer
		err := report.JSON(&b, report.Input{Result: res})
		var one Side
		if err == nil {
			one, err = ReadSide("", b.Bytes())
		}
		mu.Lock()
		defer mu.Unlock()
		if first = errors.Join(first, err); err != nil {
			return
		}
		s.Reps[o.Rep] = one.Reps[0]
		maps.Copy(s.Reps[o.Rep], o.further(opts.Measures))
		falls[o.Rep] = one.Waterfall
	}
	out, err := Run(ctx, base, &Design{Points: [][]string{{}}}, opts)
	for _, o := range out {
		if o.Error != "" {
			err = errors.Join(err, fmt.Errorf("seed %d: %s", o.Seed, o.Error))
		}
	}
	for i, rep := range s.Reps {
		if rep != nil {
			s.seeds = append(s.seeds, i)
		}
	}
	s.Reps = slices.DeleteFunc(s.Reps, func(rep map[string]float64) bool { return rep == nil })
	if falls = slices.DeleteFunc(falls, func(rows []WaterfallRow) bool { return rows == nil }); len(falls) > 0 {
		s.Waterfall = falls[0]
	}
	s.Partial = len(s.Reps) < reps
	return s, errors.Join(err, first)
}

// runDocument is what a side needs of the JSON of a run.
type runDocument struct {
	Schema      string                    `json:"schema"`
	TimeNS      float64                   `json:"time_ns"`
	Drops       float64                   `json:"drops"`
	Rejects     float64                   `json:"rejects"`
	PartnerLost float64                   `json:"partner_lost"`
	CPU         []map[string]float64      `json:"cpu"`
	Latency     map[string]map[string]any `json:"latency"`
	Sockets     []map[string]any          `json:"sockets"`
	Counters    map[string]any            `json:"counters"`
	Waterfall   struct {
		Offered   float64 `json:"offered"`
		Delivered float64 `json:"delivered"`
		Tapped    float64 `json:"tapped"`
		Frames    []WaterfallRow
		Copies    []WaterfallRow
		Taps      []WaterfallRow
	} `json:"waterfall"`
}

// ReadSide reads the JSON of a run (docs/results.md) as a side of one replication.
func ReadSide(name string, data []byte) (Side, error) {
	var d runDocument
	if err := json.Unmarshal(data, &d); err != nil {
		return Side{}, fmt.Errorf("not the results of a run: %w", err)
	}
	if d.Schema != report.Schema {
		return Side{}, fmt.Errorf("schema %q: want %q, the results of a run", d.Schema, report.Schema)
	}
	m := map[string]float64{
		"offered": d.Waterfall.Offered, "delivered": d.Waterfall.Delivered, "drops": d.Drops, "rejects": d.Rejects, "partner_lost": d.PartnerLost,
	}
	for stage, l := range d.Latency { // Any order: each stage has names of its own.
		latencies(m, "latency."+stage, l)
	}
	for i, c := range d.CPU {
		for key, v := range c { // Any order: each context has a name of its own.
			if context, isTime := strings.CutSuffix(key, "_ns"); isTime && d.TimeNS > 0 {
				m[fmt.Sprintf("cpu[%d].%s", i, context)] = v / d.TimeNS
			} else if key != "cpu" {
				m[fmt.Sprintf("cpu[%d].%s", i, key)] = v
			}
		}
	}
	for _, s := range d.Sockets {
		name, _ := s["name"].(string)
		if name == "" {
			name, _ = s["app"].(string)
		}
		for _, key := range []string{"drops", "delivered", "max_queued"} {
			if v, ok := s[key].(float64); ok {
				m[fmt.Sprintf("socket[%q].%s", name, key)] += v
			}
		}
	}
	for file, v := range d.Counters { // Any order: each file has names of its own.
		counters(m, file, v)
	}
	s := Side{Name: name, Reps: []map[string]float64{m}}
	s.Waterfall = slices.Concat(
		[]WaterfallRow{{Place: "frames on the wire", N: d.Waterfall.Offered}}, d.Waterfall.Frames,
		[]WaterfallRow{{Place: "copies for sockets", N: d.Waterfall.Delivered}}, d.Waterfall.Copies)
	if d.Waterfall.Tapped > 0 {
		s.Waterfall = slices.Concat(s.Waterfall, []WaterfallRow{{Place: "copies for taps", N: d.Waterfall.Tapped}}, d.Waterfall.Taps)
	}
	return s, nil
}

// latencies notes the statistics of one latency by the names of metrics.
func latencies(m map[string]float64, what string, l map[string]any) {
	if n, _ := l["n"].(float64); n == 0 {
		return
	}
	for key, name := range map[string]string{ // Any order: each has a name of its own.
		"n": "count(%s)", "mean_ns": "mean(%s)_ns", "p50_ns": "p(%s, 50)_ns", "p90_ns": "p(%s, 90)_ns", "p99_ns": "p(%s, 99)_ns",
		"p99_9_ns": "p(%s, 99.9)_ns", "max_ns": "max(%s)_ns",
	} {
		if v, ok := l[key].(float64); ok {
			m[fmt.Sprintf(name, what)] = v
		}
	}
}

// labels are what names a row of a file: no counters.
var labels = []string{"cpu", "device", "irq", "name", "sl", "local_address", "rem_address", "inode", "app"}

// counters sums the counters of a file over its rows.
func counters(m map[string]float64, file string, v any) {
	rows, many := v.([]any)
	if !many {
		rows = []any{v}
	}
	for _, r := range rows {
		row, _ := r.(map[string]any)
		for name, v := range row { // Any order: sums of whole numbers.
			if f, ok := v.(float64); ok && !(many && slices.Contains(labels, name)) {
				m[fmt.Sprintf("counter(%q, %q)", file, name)] += f
			}
		}
	}
}

// A Delta is one number on both sides.
type Delta struct {
	Name string `json:"name"`
	// A and B are the medians of the replications, NaN where there is none.
	A float64 `json:"a"`
	B float64 `json:"b"`
	// P is the probability that a difference as large comes by chance (Mann-Whitney U test).
	P float64 `json:"p"`
	// Significant is false where the difference may be chance: P is 0.05 or more. With one replication a side nothing is chance:
	// a run is exact.
	Significant bool `json:"significant"`
	// Spread is how far the replications of A and of B are from their medians at most, relative to them.
	SpreadA float64 `json:"spread_a"`
	SpreadB float64 `json:"spread_b"`
}

// A Comparison is what differs between two sides.
type Comparison struct {
	A, B Side
	// Deltas are the numbers that differ in at least one replication, by name; Same counts the others.
	Deltas []Delta
	Same   int
}

// Compare compares two sides number by number. If RunSide was interrupted, it
// compares the replications that both have.
func Compare(a, b Side) Comparison {
	if a.Partial || b.Partial {
		a, b = a.only(b.seeds), b.only(a.seeds)
	}
	c := Comparison{A: a, B: b}
	names := map[string]bool{}
	for _, rep := range slices.Concat(a.Reps, b.Reps) {
		for n := range rep { // Any order: a set.
			names[n] = true
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(names), c.byKind) {
		x, y := column(a.Reps, name), column(b.Reps, name)
		if slices.Equal(x, y) {
			c.Same++
			continue
		}
		c.Deltas = append(c.Deltas, delta(name, x, y))
	}
	return c
}

// only returns the side with the given replications, if it was run.
func (s *Side) only(seeds []int) Side {
	out := *s
	if s.seeds == nil || seeds == nil {
		return out
	}
	out.Reps, out.seeds = nil, nil
	for i, seed := range s.seeds {
		if slices.Contains(seeds, seed) {
			out.Reps, out.seeds = append(out.Reps, s.Reps[i]), append(out.seeds, seed)
		}
	}
	return out
}

// byKind orders names: aliases, totals, latencies, CPUs, sockets, counters, each by name.
func (c *Comparison) byKind(a, b string) int {
	kind := func(name string) int {
		switch {
		case c.A.Aliases[name] != "":
			return -1
		case strings.Contains(name, "(latency."):
			return 1
		case strings.HasPrefix(name, "cpu["):
			return 2
		case strings.HasPrefix(name, "socket["):
			return 3
		case strings.HasPrefix(name, "counter("):
			return 4
		}
		return 0
	}
	return cmp.Or(kind(a)-kind(b), strings.Compare(a, b))
}

func column(reps []map[string]float64, name string) (out []float64) {
	for _, r := range reps {
		if v, ok := r[name]; ok {
			out = append(out, v)
		}
	}
	return out
}

func delta(name string, x, y []float64) Delta {
	d := Delta{Name: name, A: math.NaN(), B: math.NaN(), Significant: true}
	if len(x) > 0 {
		d.A, d.SpreadA = center(x)
	}
	if len(y) > 0 {
		d.B, d.SpreadB = center(y)
	}
	if len(x) > 1 && len(y) > 1 {
		r := benchmath.AssumeNothing.Compare(benchmath.NewSample(x, &benchmath.DefaultThresholds), benchmath.NewSample(y, &benchmath.DefaultThresholds))
		d.P, d.Significant = r.P, r.P < r.Alpha
	}
	return d
}

// center returns the median and the largest distance from it, relative to it.
func center(x []float64) (median, spread float64) {
	sorted := slices.Sorted(slices.Values(x))
	n := len(sorted)
	median = (sorted[(n-1)/2] + sorted[n/2]) / 2
	if median != 0 {
		spread = max(median-sorted[0], sorted[n-1]-median) / math.Abs(median)
	}
	return median, spread
}

// change prints by how much B differs from A.
func (d *Delta) change() string {
	switch {
	case math.IsNaN(d.A) || math.IsNaN(d.B):
		return "?"
	case !d.Significant:
		return "~"
	case d.A == d.B:
		return "0%"
	case d.A == 0:
		return "new"
	}
	return fmt.Sprintf("%+.2f%%", 100*(d.B-d.A)/math.Abs(d.A))
}

// Text writes the waterfall of both sides and what differs, in the style of
// benchstat: medians with their spread, the change, ~ where it may be chance.
func (c *Comparison) Text(w io.Writer, all bool) error { return c.tables(w, all, writeAligned) }

// Markdown writes the same as Markdown.
func (c *Comparison) Markdown(w io.Writer, all bool) error { return c.tables(w, all, writeMarkdown) }

func (c *Comparison) tables(w io.Writer, all bool, write func(io.Writer, [][]string, int) error) error {
	if err := write(w, c.WaterfallRows(), 3); err != nil {
		return err
	}
	fmt.Fprintln(w)
	rows, rest := c.Rows(all)
	if len(rows) > 1 {
		if err := write(w, rows, 1); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintln(w, rest)
	return err
}

// Rows returns the table of what differs, its head first, and a sentence on
// what it leaves out: what is the same, and without all what may be chance.
func (c *Comparison) Rows(all bool) (rows [][]string, rest string) {
	rows = [][]string{{"", "A: " + c.A.Name, "", "B: " + c.B.Name, "", "change", ""}}
	hidden, lacking := 0, 0
	for i := range c.Deltas {
		d := &c.Deltas[i]
		if d.lacking() && !all {
			lacking++
			continue
		}
		if !d.Significant && !all {
			hidden++
			continue
		}
		p := ""
		if len(c.A.Reps) > 1 && len(c.B.Reps) > 1 {
			p = fmt.Sprintf("(p=%.3f n=%d+%d)", d.P, len(c.A.Reps), len(c.B.Reps))
		}
		metric := unalias(c.A.Aliases, d.Name)
		rows = append(rows, []string{strings.TrimSuffix(d.Name, "_ns"), show1(metric, d.A), spread(d.SpreadA, d.A), show1(metric, d.B), spread(d.SpreadB, d.B), d.change(), p})
	}
	rest = fmt.Sprintf("%d numbers are the same on both sides.", c.Same)
	if hidden > 0 {
		rest += fmt.Sprintf(" %d differ by no more than chance would.", hidden)
	}
	if lacking > 0 {
		rest += fmt.Sprintf(" %d that one side does not have are 0 on the other.", lacking)
	}
	return rows, rest
}

// lacking reports whether only one side has the number, and it is 0 there: a
// counter of another kernel that nothing moved.
func (d *Delta) lacking() bool {
	return math.IsNaN(d.A) && d.B == 0 && d.SpreadB == 0 || math.IsNaN(d.B) && d.A == 0 && d.SpreadA == 0
}

// show1 prints one number.
func show1(name string, v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return number(name, v)
}

func spread(s, of float64) string {
	if s == 0 || math.IsNaN(of) {
		return ""
	}
	return "±" + strconv.FormatFloat(math.Ceil(100*s), 'f', 0, 64) + "%"
}

// WaterfallRows lays both waterfalls side by side: a head, then the rows of
// either, in order.
func (c *Comparison) WaterfallRows() [][]string {
	type key struct{ place, fate, reason string }
	of := func(r WaterfallRow) key { return key{r.Place, r.Fate, r.Reason} }
	n := map[key][2]string{}
	var order []key
	at := 0
	for side, rows := range [][]WaterfallRow{c.A.Waterfall, c.B.Waterfall} {
		at = 0
		for _, r := range rows {
			k := of(r)
			v, known := n[k]
			if !known {
				order = slices.Insert(order, at, k)
			}
			at = slices.Index(order, k) + 1
			v[side] = grouped(int64(r.N))
			n[k] = v
		}
	}
	out := [][]string{{"where the packets went", "fate", "reason", "A", "B"}}
	for _, k := range order {
		v := n[k]
		place := k.place
		if k.fate != "" {
			place = "  " + place
		}
		out = append(out, []string{place, k.fate, k.reason, orZero(v[0]), orZero(v[1])})
	}
	return out
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// JSON writes the comparison for programs.
func (c *Comparison) JSON(w io.Writer) error {
	type side struct {
		Name string `json:"name"`
		Reps int    `json:"reps"`
		// Complete is false if it was interrupted, and has fewer replications than were asked for.
		Complete bool `json:"complete"`
	}
	type entry struct {
		Delta
		A *float64 `json:"a"`
		B *float64 `json:"b"`
	}
	known := func(v float64) *float64 {
		if math.IsNaN(v) {
			return nil
		}
		return &v
	}
	deltas := []entry{}
	for _, d := range c.Deltas {
		deltas = append(deltas, entry{d, known(d.A), known(d.B)})
	}
	return report.WriteIndented(w, struct {
		Schema         string  `json:"schema"`
		ResultsVersion int     `json:"results_version"`
		A              side    `json:"a"`
		B              side    `json:"b"`
		Same           int     `json:"same"`
		Deltas         []entry `json:"deltas"`
		// Aliases are the metrics that names of deltas stand for.
		Aliases map[string]string `json:"aliases,omitempty"`
	}{"rxpath.compare/1", report.ResultsVersion, side{c.A.Name, len(c.A.Reps), !c.A.Partial}, side{c.B.Name, len(c.B.Reps), !c.B.Partial}, c.Same, deltas, c.A.Aliases})
}

// ComparePoints writes a line for every point that two sweeps have in common:
// how much each number of the headline, and each further metric that both have,
// changes from A to B, ~ where that may be chance. Points are the same if their keys have the same values.
func ComparePoints(w io.Writer, a, b *Results) error {
	if !slices.Equal(a.Header.Paths, b.Header.Paths) {
		return fmt.Errorf("the sweeps vary %q and %q: want the same keys", a.Header.Paths, b.Header.Paths)
	}
	other := map[string][]map[string]float64{}
	for _, o := range b.Outcomes {
		if o.Error == "" {
			k := strings.Join(o.Values, "\x00")
			other[k] = append(other[k], o.Metrics)
		}
	}
	shown := slices.Clone(headline)
	for _, m := range a.Header.Measures {
		if slices.Contains(b.Header.Measures, m) && a.Header.Metric(m) == b.Header.Metric(m) {
			shown = append(shown, titled{m, strings.TrimSuffix(m, "_ns")})
		}
	}
	head := slices.Clone(a.Header.Paths)
	for _, h := range shown {
		head = append(head, h.title+" A", "B", "change")
	}
	rows := [][]string{head}
	for rest := a.Outcomes; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Point == rest[0].Point {
			n++
		}
		point := rest[:n]
		rest = rest[n:]
		var mine []map[string]float64
		for _, o := range point {
			if o.Error == "" {
				mine = append(mine, o.Metrics)
			}
		}
		theirs := other[strings.Join(point[0].Values, "\x00")]
		if len(mine) == 0 || len(theirs) == 0 {
			continue
		}
		row := slices.Clone(point[0].Values)
		for _, h := range shown {
			d, metric := delta(h.name, column(mine, h.name), column(theirs, h.name)), a.Header.Metric(h.name)
			row = append(row, show1(metric, d.A), show1(metric, d.B), d.change())
		}
		rows = append(rows, row)
	}
	if len(rows) == 1 {
		return errors.New("the sweeps have no point in common")
	}
	return writeAligned(w, rows, len(a.Header.Paths))
}
