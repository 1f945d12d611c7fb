package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

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
		var b bytes.Buffer
		_, _ = scenariofile.Faults{f}.WriteTo(&b) // a buffer takes everything
		text := b.String()
		if rest, ok := strings.CutPrefix(text, "--set "+f.Set+": "); ok && f.Set != "" {
			text = s.typed(f.Set) + ": " + rest // as it was asked for: --duration 10, not --set run.for=10
		}
		out.list = append(out.list, text)
	}
	out.list = append(out.list, in.thresholdSyntax(s)...)
	return out
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
	return in.thresholdFaults(errs, len(doc.Thresholds))
}

// thresholdFaults prints the faults of thresholds, of which the first known are
// those of the scenario.
func (in *input) thresholdFaults(errs []error, known int) (list []string) {
	for _, e := range errs {
		m, ok := errors.AsType[*report.MetricError](e)
		if !ok {
			list = append(list, fmt.Sprintf("%s: thresholds: %v\n", in.name, e))
			continue
		}
		var i int
		_, _ = fmt.Sscanf(m.Path, "thresholds[%d]", &i) // which is what Path is
		if i < known {
			list = append(list, in.placed(m.Path, m.Text, m.Error()))
			continue
		}
		flag := *m
		flag.Path = "--threshold"
		list = append(list, flag.Error()+"\n")
	}
	return list
}

// hostFaults makes faults of an error with which sim.Run does not begin.
func (in *input) hostFaults(err error) error {
	out := &faults{name: in.label}
	for _, e := range cfgerr.All(err) {
		if e.Path == "" {
			out.list = append(out.list, fmt.Sprintf("%s: %v\n", in.name, e.Value))
			continue
		}
		out.list = append(out.list, in.placed(e.Path, fmt.Sprint(e.Value), e.Error()))
	}
	return out
}

// placed puts the place of a key before a text and its line below, if the key
// stands in the file with that value.
func (in *input) placed(path, value, text string) string {
	line, column, ok := in.locate(path, value)
	if !ok {
		return in.name + ": " + text + "\n"
	}
	lines := strings.Split(string(in.data), "\n")
	source := strings.TrimRight(lines[line-1], "\r")
	blanks := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string([]rune(source)[:column-1]))
	return fmt.Sprintf("%s:%d:%d: %s\n%5d | %s\n      | %s^\n", in.name, line, column, text, line, source, blanks)
}

// locate returns where the scalar at a path stands in the file. It finds only
// what is written there, with that value.
func (in *input) locate(path, value string) (line, column int, ok bool) {
	file, err := parser.ParseBytes(in.data, 0)
	if err != nil {
		return 0, 0, false
	}
	p, err := yaml.PathString("$." + path)
	if err != nil {
		return 0, 0, false
	}
	node, err := p.FilterFile(file)
	if err != nil || node.GetToken().Value != value {
		return 0, 0, false
	}
	at := node.GetToken().Position
	lines := strings.Split(string(in.data), "\n")
	if at.Line < 1 || at.Line > len(lines) || at.Column < 1 || at.Column > len([]rune(lines[at.Line-1])) {
		return 0, 0, false
	}
	return at.Line, at.Column, true
}

// unjoin takes what errors.Join returned apart.
func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}
