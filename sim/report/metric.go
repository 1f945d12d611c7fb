package report

import (
	"fmt"
	"math/big"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/hist"
)

// A Metric is one number of a result, named in the grammar of docs/metrics.md:
// drops, p(latency.wire_to_app, 99.9), rate(counter("proc/net/snmp", "Udp.InErrors")).
// It is made by [ParseMetric].
type Metric struct {
	text string
	unit Unit
	// total says that the value only grows during a run, so that a rate makes sense.
	total bool
	// get returns the value; nil means that there is none.
	get func(*sim.Result) *big.Rat
	// needs are what the metric names of a scenario.
	needs []need
}

// A need is something of a scenario that a metric names: an interface's
// counter, a CPU, a socket.
type need struct {
	column int
	check  func(*known) (problem, want, nearest string)
}

// String returns the text that the metric was parsed from.
func (m Metric) String() string { return m.text }

// Unit returns what the metric is measured in.
func (m Metric) Unit() Unit { return m.unit }

// Value returns what the metric has in res, since the warm-up if there was one. What the scenario does not have, a
// CPU or a socket, has no value; [Metric.Check] finds that before anything runs.
func (m Metric) Value(res *sim.Result) Value {
	return Value{m.unit, m.get(res.Measured())}
}

// A histogramMetric is what p, mean, max and count are taken of.
type histogramMetric struct {
	get   func(*sim.Result) *hist.Hist // nil if there is no such thing
	needs []need
}

// Stages are the names of the latencies, in the order of the path.
func Stages() []string { return append([]string(nil), stages...) }

var stages = []string{"fifo", "ring", "backlog", "stack", "rx_queue", "wire_to_app"}

// A MetricError is a text that is no metric or no threshold, or one that names
// what the scenario does not have.
type MetricError struct {
	// Path is where the text stands in a scenario: "thresholds[0]"; empty if it stands alone.
	Path string
	// Text is the whole metric or threshold.
	Text string
	// Column is the place of the fault in Text, counted in characters from 1.
	Column int
	// Problem says what is wrong: `unknown metric "drop"`.
	Problem string
	// Want says what was expected, Nearest which of that was probably meant; either may be empty.
	Want, Nearest string
}

// Error implements error.
func (e *MetricError) Error() string {
	s := fmt.Sprintf("%q, column %d: %s", e.Text, e.Column, e.Problem)
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if e.Want != "" {
		s += ": want " + e.Want
	}
	if e.Nearest != "" {
		s += fmt.Sprintf("; the nearest is %q", e.Nearest)
	}
	return s
}
