package sweep

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// An Outcome is one run of a sweep.
type Outcome struct {
	// Point and Rep say which run, both from 0.
	Point int `json:"point"`
	Rep   int `json:"rep"`
	// Seed is that of the run.
	Seed uint64 `json:"seed"`
	// Values are those of the design's keys at the point, in the order of its Paths.
	Values []string `json:"values"`
	// Metrics are the numbers of the result by name; nil if the run failed. Times end in _ns and are nanoseconds.
	// What has no value, such as a percentile of no packets, is missing.
	Metrics map[string]float64 `json:"metrics,omitempty"`
	// Digest witnesses the run, in hexadecimal digits.
	Digest string `json:"digest,omitempty"`
	// Error says why the run failed; empty if it did not.
	Error string `json:"error,omitempty"`
}

// less orders outcomes by point, then by replication.
func less(a, b Outcome) int {
	if a.Point != b.Point {
		return a.Point - b.Point
	}
	return a.Rep - b.Rep
}

// A Measure is a metric with the name under which outcomes have it: its text, or
// a shorter one.
type Measure struct {
	Name   string
	Metric report.Metric
}

// NewMeasure reads a metric (docs/metrics.md), or NAME=METRIC. Its name is the
// text, or NAME, with _ns behind it for a time.
func NewMeasure(text string) (Measure, error) {
	name, expr, named := strings.Cut(text, "=")
	if name = strings.TrimSpace(name); !named || !aliasForm.MatchString(name) {
		name, expr, named = strings.TrimSpace(text), text, false
	}
	m, err := report.ParseMetric(expr)
	if err != nil {
		return Measure{}, err
	}
	if _, err := report.ParseMetric(name); named && (err == nil || slices.Contains(taken, name)) {
		return Measure{}, fmt.Errorf("%q: %q is the name of something else: want another name", text, name)
	}
	if m.Unit() == report.Duration {
		name += "_ns"
	}
	return Measure{name, m}, nil
}

// NewMeasures reads several, whose names must differ.
func NewMeasures(texts []string) ([]Measure, error) {
	var out []Measure
	for _, text := range texts {
		m, err := NewMeasure(text)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(o Measure) bool { return o.Name == m.Name }) {
			return nil, fmt.Errorf("%q: there is a metric of that name already", text)
		}
		out = append(out, m)
	}
	return out, nil
}

// aliasForm is what a name of a metric may be.
var aliasForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// taken are the names of columns of tables and files that every sweep has.
var taken = []string{"lost", "p50", "p99", "point", "rep", "seed", "error", "load"}

// Aliases returns the metrics of those measures that have a name of their own, by name.
func Aliases(measures []Measure) map[string]string {
	var out map[string]string
	for _, m := range measures {
		if text := m.Metric.String(); strings.TrimSuffix(m.Name, "_ns") != text {
			if out == nil {
				out = map[string]string{}
			}
			out[m.Name] = text
		}
	}
	return out
}

// value returns the metric in a result, and whether it has a value.
func (m *Measure) value(res *sim.Result) (float64, bool) {
	v := m.Metric.Value(res)
	if m.Metric.Unit() == report.Duration {
		return v.Float() / 1000, v.Known()
	}
	return v.Float(), v.Known()
}

// Format prints a value of the measure with its unit, as tables do.
func (m *Measure) Format(v float64) string {
	return number(unalias(Aliases([]Measure{*m}), m.Name), v)
}

// Measures of every run, beside those of CPUs, sockets and stages.
var standard = []string{
	"offered", "delivered", "consumed", "drops", "rejects", "share(drops)", "rate(consumed)", "partner_lost",
	`counter("proc/net/softnet_stat", "processed")`, `counter("proc/net/softnet_stat", "dropped")`,
	`counter("proc/net/softnet_stat", "time_squeeze")`, `counter("proc/net/softnet_stat", "received_rps")`,
	`counter("proc/net/snmp", "Udp.InDatagrams")`, `counter("proc/net/snmp", "Udp.NoPorts")`,
	`counter("proc/net/snmp", "Udp.InErrors")`, `counter("proc/net/snmp", "Udp.RcvbufErrors")`,
	"cpu.busy",
}

// socketsShown is up to how many names of sockets have measures of their own.
const socketsShown = 16

// texts returns the metrics that every run of a scenario has.
func texts(sc *scenario.Scenario) []string {
	out := append([]string{}, standard...)
	for r := range skb.NumReasons {
		if r.Lost() {
			out = append(out, "drops."+r.String())
		}
	}
	for _, s := range report.Stages() {
		l := "latency." + s
		out = append(out, "count("+l+")", "mean("+l+")", "p("+l+", 50)", "p("+l+", 90)", "p("+l+", 99)", "p("+l+", 99.9)", "max("+l+")")
	}
	for c := range sc.Host.CPUs {
		for _, in := range []string{"hardirq", "softirq", "ksoftirqd", "system", "user", "busy"} {
			out = append(out, fmt.Sprintf("cpu[%d].%s", c, in))
		}
	}
	seen := map[string]bool{}
	for i := range sc.Apps {
		name := sc.Apps[i].Name
		if name == "" || seen[name] || len(seen) == socketsShown {
			continue
		}
		seen[name] = true
		s := "socket[" + strconv.Quote(name) + "]"
		out = append(out, s+".delivered", s+".drops", s+".max_queued", "p("+s+".latency.wire_to_app, 99)")
	}
	return out
}

// further returns the metrics of some measures, nil if there are none.
func (o *Outcome) further(measures []Measure) map[string]float64 {
	if len(measures) == 0 {
		return nil
	}
	out := map[string]float64{}
	for _, m := range measures {
		if v, ok := o.Metrics[m.Name]; ok {
			out[m.Name] = v
		}
	}
	return out
}

// MarshalLine returns the outcome as one line of a journal.
func (o *Outcome) MarshalLine() ([]byte, error) {
	b, err := json.Marshal(o)
	return append(b, '\n'), err
}
