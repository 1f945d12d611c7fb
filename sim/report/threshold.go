package report

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/scenario"
)

// A Threshold compares a metric with a constant: p(latency.wire_to_app, 99) <
// 200us. It is made by [ParseThreshold].
type Threshold struct {
	text   string
	metric Metric
	op     string
	limit  Value
}

// operators are the comparisons, the longer of two that begin alike first.
var operators = []string{"==", "!=", "<=", ">=", "<", ">"}

// ParseThreshold reads a metric, one of == != < <= > >=, and a constant with
// the unit of the metric: a number, 200us, 80%, 10/s, 64KiB. The error is a
// *[MetricError].
func ParseThreshold(s string) (Threshold, error) {
	s = strings.TrimSpace(s)
	p := &parser{scanner: scanner{text: s}}
	t := Threshold{text: s, metric: p.metric()}
	at := p.space()
	for _, op := range operators {
		if t.op == "" && strings.HasPrefix(s[at:], op) {
			t.op = op
		}
	}
	if p.err == nil && t.op == "" {
		p.fail(at, p.found(), "one of "+strings.Join(operators, " "), "")
	}
	if p.err != nil {
		return Threshold{}, p.err
	}
	p.at = at + len(t.op)
	at = p.space()
	literal := s[at:]
	rat, err := t.metric.unit.parse(literal)
	if err != nil {
		p.fail(at, t.metric.literalFault(literal, err), "", "")
		return Threshold{}, p.err
	}
	t.limit = Value{t.metric.unit, rat}
	return t, nil
}

// literalFault explains a constant that does not go with the metric.
func (m *Metric) literalFault(literal string, err error) string {
	switch {
	case m.unit != Count:
		return err.Error()
	case strings.HasSuffix(literal, "%"):
		return fmt.Sprintf("%s is a number, not a share: share(%s) is one", m.text, m.text)
	case strings.HasSuffix(literal, "/s") || strings.HasSuffix(literal, "pps"):
		return fmt.Sprintf("%s is a number, not a rate: rate(%s) is one", m.text, m.text)
	}
	return fmt.Sprintf("%q is no number such as 0, 1000 or 1e6", clip(literal))
}

// String returns the text that the threshold was parsed from.
func (t Threshold) String() string { return t.text }

// Metric returns the left side.
func (t Threshold) Metric() Metric { return t.metric }

// Eval reports whether the threshold holds in res, and the value of its metric
// as people read it. The comparison is exact, whatever digits the text has.
// Where there is no value, such as a percentile of no packets, it does not hold.
func (t Threshold) Eval(res *sim.Result) (ok bool, value string) {
	v := t.metric.Value(res)
	if !v.Known() {
		return false, v.String()
	}
	c := v.Cmp(t.limit)
	switch t.op {
	case "==":
		ok = c == 0
	case "!=":
		ok = c != 0
	case "<":
		ok = c < 0
	case "<=":
		ok = c <= 0
	case ">":
		ok = c > 0
	case ">=":
		ok = c >= 0
	}
	return ok, v.String()
}

// ParseThresholds reads the thresholds of a scenario and checks that it has
// what they name, all before anything runs. It reports every fault at once, as
// *[MetricError] values.
func ParseThresholds(sc *scenario.Scenario) ([]Threshold, error) {
	var out []Threshold
	var errs []error
	var k *known
	for i, text := range sc.Thresholds {
		t, err := ParseThreshold(text)
		if err == nil && len(t.metric.needs) > 0 {
			if k == nil {
				if k, err = knownOf(sc); err != nil {
					return nil, err
				}
			}
			err = t.metric.check(k, t.text)
		}
		var m *MetricError
		if errors.As(err, &m) {
			m.Path = fmt.Sprintf("thresholds[%d]", i)
			errs = append(errs, m)
		}
		out = append(out, t)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

// A Check is a threshold with what became of it.
type Check struct {
	Threshold string
	OK        bool
	// Value is the metric's value as people read it.
	Value string
}

// CheckThresholds evaluates the thresholds of the scenario that res is of. An
// error says which of them is no threshold.
func CheckThresholds(res *sim.Result) ([]Check, error) {
	var out []Check
	for i, text := range res.Scenario.Thresholds {
		t, err := ParseThreshold(text)
		if err != nil {
			var m *MetricError
			if errors.As(err, &m) {
				m.Path = fmt.Sprintf("thresholds[%d]", i)
			}
			return nil, err
		}
		ok, value := t.Eval(res)
		out = append(out, Check{t.text, ok, value})
	}
	return out, nil
}
