package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// faults are what is wrong with an input and the command line that goes with
// it, ready to print: each a line that editors can jump to, most with the line
// of the file below.
type faults struct {
	name string // of the input, for people
	list []string
}

// Error implements error.
func (f *faults) Error() string { return strings.Join(f.list, "") }

// print prints every fault below a line that says what they are about.
func (f *faults) print(w io.Writer) {
	fmt.Fprintf(w, "rxpath: %s: %s\n%s", f.name, plural(uint64(len(f.list)), "fault"), f.Error())
}

// faultsOf makes faults of an error of package scenariofile.
func (in *input) faultsOf(err error, s *settings) error {
	list, ok := errors.AsType[scenariofile.Faults](err)
	if !ok {
		return err
	}
	out := &faults{name: in.label}
	for _, f := range list {
		out.list = append(out.list, s.printed(f))
	}
	out.list = append(out.list, in.thresholdSyntax(s)...)
	return out
}

// printed returns a fault as people read it.
func (s *settings) printed(f *scenariofile.Fault) string {
	var b bytes.Buffer
	_, _ = scenariofile.Faults{f}.WriteTo(&b) // a buffer takes everything
	text := b.String()
	if rest, ok := strings.CutPrefix(text, "--set "+f.Set+": "); ok && f.Set != "" {
		return s.typed(f.Set) + ": " + rest // as it was asked for: --duration 10, not --set run.for=10
	}
	return text
}

// thresholdSyntax returns the faults of thresholds that show without a valid
// scenario.
func (in *input) thresholdSyntax(s *settings) []string {
	var doc struct {
		Thresholds []string `yaml:"thresholds"`
	}
	overridden := func(o setting) bool { return strings.HasPrefix(o.set.Path, "thresholds") }
	if yaml.Unmarshal(in.data, &doc) != nil || slices.ContainsFunc(s.list, overridden) {
		doc.Thresholds = nil // that is a fault of its own, or does not matter
	}
	var errs []error
	for i, text := range slices.Concat(doc.Thresholds, s.thresholds) {
		_, err := report.ParseThreshold(text)
		if m, ok := errors.AsType[*report.MetricError](err); ok {
			m.Path = fmt.Sprintf("thresholds[%d]", i)
			errs = append(errs, m)
		}
	}
	return in.thresholdFaults(errs, len(doc.Thresholds), s)
}

// thresholdFaults prints the faults of thresholds, of which the first known are
// those of the scenario.
func (in *input) thresholdFaults(errs []error, known int, s *settings) (list []string) {
	for _, e := range errs {
		m, ok := errors.AsType[*report.MetricError](e)
		if !ok {
			list = append(list, fmt.Sprintf("%s: thresholds: %v\n", in.name, e))
			continue
		}
		var i int
		_, _ = fmt.Sscanf(m.Path, "thresholds[%d]", &i) // which is what Path is
		if i < known {
			list = append(list, in.placed(m.Path, m.Error(), s))
			continue
		}
		flag := *m
		flag.Path = "--threshold"
		list = append(list, flag.Error()+"\n")
	}
	return list
}

// hostFaults makes faults of an error with which sim.Run does not begin.
func (in *input) hostFaults(err error, s *settings) error {
	out := &faults{name: in.label}
	for _, e := range cfgerr.All(err) {
		if e.Path == "" {
			out.list = append(out.list, fmt.Sprintf("%s: %v\n", in.name, e.Value))
			continue
		}
		out.list = append(out.list, in.placed(e.Path, e.Error(), s))
	}
	return out
}

// placed puts the place of a key before a text and its line below.
func (in *input) placed(key, text string, s *settings) string {
	f := scenariofile.Read(in.name, in.data).Locate(key, s.sets()...)
	f.Path, f.Value, f.Problem = "", "", text
	return s.printed(f)
}

// unjoin takes what errors.Join returned apart.
func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}
