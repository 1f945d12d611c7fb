package sweep

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/report"
)

// Results are the outcomes of a sweep with what it is of.
type Results struct {
	Header   Header
	Outcomes []Outcome // by point and replication
	// Complete is false if points are missing.
	Complete bool
}

// columns are the names of all metrics that an outcome has, in order.
func columns(outcomes []Outcome) []string {
	seen := map[string]bool{}
	var names []string
	for _, o := range outcomes {
		for name := range o.Metrics { // Any order: they are sorted below.
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// CSV writes a line for every outcome: point, rep, seed, the keys that vary, the
// metrics by name, and the error of a run that failed. Numbers are as short as
// they can be without loss; what has no value is empty.
func (r *Results) CSV(w io.Writer) error {
	c := csv.NewWriter(w)
	names := columns(r.Outcomes)
	line := append([]string{"point", "rep", "seed"}, r.Header.Paths...)
	_ = c.Write(append(append(line, names...), "error"))
	for _, o := range r.Outcomes {
		line := append([]string{strconv.Itoa(o.Point), strconv.Itoa(o.Rep), strconv.FormatUint(o.Seed, 10)}, o.Values...)
		for _, n := range names {
			text := ""
			if v, ok := o.Metrics[n]; ok {
				text = strconv.FormatFloat(v, 'f', -1, 64)
			}
			line = append(line, text)
		}
		_ = c.Write(append(line, o.Error))
	}
	c.Flush()
	return c.Error()
}

// A document is the JSON of a sweep.
type document struct {
	Header
	Complete   bool           `json:"complete"`
	Confidence float64        `json:"confidence"`
	Results    []PointSummary `json:"results"`
}

// JSON writes the summary of every point, with means and confidence intervals.
func (r *Results) JSON(w io.Writer) error {
	return report.WriteIndented(w, document{r.Header, r.Complete, Confidence, SummarizePoints(r.Outcomes)})
}

// Parquet writes what CSV writes as a Parquet file, for pandas, DuckDB and the
// like: keys are numbers if all their values are, else text.
func (r *Results) Parquet(w io.Writer) error {
	names := columns(r.Outcomes)
	group := parquet.Group{
		"point": parquet.Int(64), "rep": parquet.Int(64), "seed": parquet.Uint(64), "error": parquet.Optional(parquet.String()),
	}
	numeric := make([]bool, len(r.Header.Paths))
	for i, p := range r.Header.Paths {
		numeric[i] = r.numeric(i)
		group[p] = parquet.String()
		if numeric[i] {
			group[p] = parquet.Leaf(parquet.DoubleType)
		}
	}
	for _, n := range names {
		group[n] = parquet.Optional(parquet.Leaf(parquet.DoubleType))
	}
	schema := parquet.NewSchema("sweep", group)
	out := parquet.NewGenericWriter[any](w, schema, parquet.CreatedBy("rxpath", "", ""))
	for _, o := range r.Outcomes {
		row := map[string]parquet.Value{
			"point": parquet.Int64Value(int64(o.Point)), "rep": parquet.Int64Value(int64(o.Rep)), "seed": parquet.Int64Value(int64(o.Seed)),
		}
		if o.Error != "" {
			row["error"] = parquet.ByteArrayValue([]byte(o.Error))
		}
		for i, p := range r.Header.Paths {
			row[p] = parquet.ByteArrayValue([]byte(o.Values[i]))
			if numeric[i] {
				v, _ := strconv.ParseFloat(o.Values[i], 64)
				row[p] = parquet.DoubleValue(v)
			}
		}
		for _, n := range names {
			if v, ok := o.Metrics[n]; ok {
				row[n] = parquet.DoubleValue(v)
			}
		}
		if _, err := out.WriteRows([]parquet.Row{leaves(schema, row)}); err != nil {
			return err
		}
	}
	return out.Close()
}

// leaves puts values in the order of a schema. It sets the levels itself: from
// Go values the package would make a 0 of an optional column a missing value.
func leaves(schema *parquet.Schema, values map[string]parquet.Value) parquet.Row {
	row := make(parquet.Row, 0, len(values))
	for i, path := range schema.Columns() {
		leaf, _ := schema.Lookup(path...)
		level := leaf.MaxDefinitionLevel
		v, ok := values[path[0]]
		if !ok {
			level = 0
		}
		row = append(row, v.Level(0, level, i))
	}
	return row
}

// numeric reports whether all values of a key are bare numbers.
func (r *Results) numeric(key int) bool {
	for _, o := range r.Outcomes {
		if _, err := strconv.ParseFloat(o.Values[key], 64); err != nil {
			return false
		}
	}
	return true
}

// A titled is a metric with the title of its column.
type titled struct{ name, title string }

// headline are the metrics that a table shows.
var headline = []titled{
	{"offered", "offered"}, {"drops", "drops"}, {"share(drops)", "lost"}, {"rejects", "rejects"},
	{"p(latency.wire_to_app, 50)_ns", "p50"}, {"p(latency.wire_to_app, 99)_ns", "p99"}, {"cpu.busy", "CPU busy"},
}

// Text writes a table with a line for every point: the keys, where packets
// went, latency from the wire to the application, CPU time, and the further
// measures of the sweep; means over the replications, with the half width of
// the confidence interval where there are at least five.
func (r *Results) Text(w io.Writer) error { return r.table(w, writeAligned) }

// Markdown writes the same as a Markdown table.
func (r *Results) Markdown(w io.Writer) error { return r.table(w, writeMarkdown) }

func (r *Results) table(w io.Writer, write func(io.Writer, [][]string, int) error) error {
	return write(w, r.Rows(), len(r.Header.Paths))
}

// Rows returns the table that Text writes: its head, then a row for every point.
func (r *Results) Rows() [][]string {
	points := SummarizePoints(r.Outcomes)
	var shown []titled
	for _, h := range headline {
		if slices.ContainsFunc(points, func(p PointSummary) bool {
			m, ok := p.Metrics[h.name]
			return ok && (m.Max != 0 || h.name != "rejects")
		}) {
			shown = append(shown, h)
		}
	}
	for _, m := range r.Header.Measures {
		shown = append(shown, titled{m, strings.TrimSuffix(m, "_ns")})
	}
	head := append([]string{}, r.Header.Paths...)
	for _, c := range shown {
		head = append(head, c.title)
	}
	rows := [][]string{head}
	for _, p := range points {
		row := append([]string{}, p.Values...)
		if len(p.Metrics) == 0 {
			rows = append(rows, append(row, "failed: "+firstLine(p.Error)))
			continue
		}
		for _, c := range shown {
			row = append(row, show(r.Header.Metric(c.name), p.Metrics[c.name]))
		}
		rows = append(rows, row)
	}
	return rows
}

// Metric returns the metric that a name stands for, with _ns behind it for a
// time: the name itself unless it is an alias.
func (h *Header) Metric(name string) string { return unalias(h.Aliases, name) }

func unalias(aliases map[string]string, name string) string {
	text, ok := aliases[name]
	switch {
	case !ok:
		return name
	case strings.HasSuffix(name, "_ns"):
		return text + "_ns"
	}
	return text
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// show prints a summary in the unit of its metric.
func show(name string, s Summary) string {
	if s.N == 0 {
		return "-"
	}
	text := number(name, s.Mean)
	if s.Half != nil && *s.Half > 0 {
		text += " ±" + number(name, *s.Half)
	}
	return text
}

// cpuShare matches the metrics that are a share of a CPU's time.
var cpuShare = regexp.MustCompile(`^cpu(\[[0-9]+\])?\.(hardirq|softirq|ksoftirqd|system|user|idle|busy|spinning)$`)

// IsShare reports whether a metric is a share of a whole, shown in percent.
func IsShare(metric string) bool {
	return strings.HasPrefix(metric, "share(") || cpuShare.MatchString(metric)
}

// number prints a number of a metric, with about four digits.
func number(name string, v float64) string {
	switch {
	case strings.HasSuffix(name, "_ns"):
		return engine.Time(digits(v*1000, 4)).String()
	case IsShare(name):
		return strconv.FormatFloat(digits(100*v, 3), 'f', -1, 64) + "%"
	case v == math.Trunc(v) && math.Abs(v) < 1e15 || math.Abs(v) >= 1000:
		return grouped(int64(math.Round(v)))
	}
	return strconv.FormatFloat(digits(v, 4), 'f', -1, 64)
}

// digits rounds to n significant digits.
func digits(v float64, n int) float64 {
	if v == 0 {
		return 0
	}
	text := strconv.FormatFloat(v, 'e', n-1, 64)
	v, _ = strconv.ParseFloat(text, 64) // a number that was just printed
	return v
}

// grouped prints 1234567 as 1,234,567.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// writeAligned writes columns: keys to the left, numbers to the right.
func writeAligned(w io.Writer, rows [][]string, keys int) error {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			if len(row) == len(rows[0]) {
				width[i] = max(width[i], len([]rune(c)))
			} else if i < keys {
				width[i] = max(width[i], len([]rune(c)))
			}
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", max(width[i]-len([]rune(c)), 0))
			if i > 0 {
				b.WriteString("  ")
			}
			if i < keys {
				b.WriteString(c + pad)
			} else if len(row) < len(rows[0]) {
				b.WriteString(c)
			} else {
				b.WriteString(pad + c)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

func writeMarkdown(w io.Writer, rows [][]string, keys int) error {
	for i, row := range rows {
		for len(row) < len(rows[0]) {
			row = append(row, "")
		}
		var b strings.Builder
		for _, c := range row {
			b.WriteString("| " + strings.ReplaceAll(c, "|", `\|`) + " ")
		}
		if i == 0 {
			b.WriteString("|\n")
			b.WriteString(strings.Repeat("|---", keys) + strings.Repeat("|---:", len(row)-keys))
		}
		if _, err := fmt.Fprintln(w, b.String()+"|"); err != nil {
			return err
		}
	}
	return nil
}
