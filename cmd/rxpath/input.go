package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/filter"
	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// stdinName is the argument for the standard input, and what it is called in faults.
const stdinName = "-"

// An input is a scenario before the command line's settings are applied.
type input struct {
	// name is what faults call the file, label what people do.
	name, label string
	data        []byte
	// dir is where relative captures are looked for; empty for the working directory.
	dir string
	// around is the capture that the scenario was made for; nil if it comes from a file.
	around *around
}

// openInput reads what an argument names: a scenario, a capture to make one
// for, the standard input; nothing for the scenario that is built in.
func openInput(arg string, stdin io.Reader, caps *captures) (*input, error) {
	switch arg {
	case "":
		return &input{name: scenariofile.DefaultName, label: "the built-in scenario", data: scenariofile.Default()}, nil
	case stdinName:
		data, err := readAll(stdin)
		if looksLikeCapture("", data) {
			return nil, errors.New("standard input: a capture is read more than once: want its name")
		}
		if len(data) == 0 && err == nil {
			err = errors.New("standard input: empty: want a scenario")
		}
		return &input{name: "stdin", label: "standard input", data: data}, err
	}
	f, err := os.Open(arg)
	if err != nil {
		return nil, fileError(err)
	}
	defer f.Close()
	data, err := readAll(f)
	if err != nil {
		return nil, fileError(err)
	}
	if looksLikeCapture(arg, data) {
		return inputAround(arg, caps)
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("%s: empty: want a scenario or a capture", arg)
	}
	return &input{name: arg, label: arg, data: data, dir: filepath.Dir(arg)}, nil
}

// openScenario opens what an argument names and does everything that can be
// wrong with it before it is run, captures included.
func openScenario(arg string, stdin io.Reader, s *settings, caps *captures) (*input, *scenario.Scenario, error) {
	in, err := openInput(arg, stdin, caps)
	if err != nil {
		return nil, nil, err
	}
	sc, complete, err := in.scenario(s)
	if err != nil {
		return nil, nil, err
	}
	return in, sc, caps.check(in, s, sc, complete)
}

// inputAround makes a scenario for a capture.
func inputAround(path string, caps *captures) (*input, error) {
	f, err := caps.open(path)
	if err != nil {
		return nil, fileError(err)
	}
	a, err := newAround(path, f)
	if err != nil {
		return nil, err
	}
	in := &input{name: filepath.Base(path), label: path, dir: filepath.Dir(path), around: a}
	in.data = a.yaml(aroundTail)
	return in, nil
}

// readAll reads no more than a scenario may have, and one byte to tell.
func readAll(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, scenariofile.MaxBytes+1))
}

// fileError says what could not be read without the name of the system call.
func fileError(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("%s: %w", e.Path, e.Err)
	}
	return err
}

// scenario returns what is to be run, and the same as a complete file whose captures are where
// the scenario has them. It finds everything that can be known to be wrong
// without running, but for the captures.
func (in *input) scenario(s *settings) (*scenario.Scenario, []byte, error) {
	sc, err := in.parse(s)
	if err != nil {
		return nil, nil, err
	}
	if in.around != nil && len(sc.Captures) == 1 {
		in.data = in.around.yaml(in.around.runFor(&sc.Captures[0])) // now that the speed is known
		if sc, err = in.parse(s); err != nil {
			return nil, nil, err
		}
	}
	if err := rehearse(sc); err != nil {
		return nil, nil, in.hostFaults(err, s)
	}
	known := len(sc.Thresholds)
	sets := s.sets()
	if len(s.thresholds) > 0 {
		sc.Thresholds = append(sc.Thresholds, s.thresholds...)
		sets = append(sets, scenariofile.Set{Path: "thresholds", Value: quote(sc.Thresholds)})
	}
	if _, err := report.ParseThresholds(sc); err != nil {
		return nil, nil, &faults{in.label, in.thresholdFaults(unjoin(err), known, s)}
	}
	complete, err := scenariofile.Canonical(in.name, in.data, sets...)
	return sc, complete, in.faultsOf(err, s)
}

// rehearse does all of a run but the running, and without captures.
func rehearse(sc *scenario.Scenario) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	none := func(scenario.Capture, skb.MAC) (skb.FrameSource, []string, error) { return noFrames{}, nil, nil }
	if _, err := sim.Run(ctx, sc, sim.Options{OpenCapture: none, OpenFilter: filter.Open}); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// noFrames is a source that has ended.
type noFrames struct{}

// Fill implements skb.FrameSource.
func (noFrames) Fill([]skb.Frame) int { return 0 }

// parse applies the settings and finds the files.
func (in *input) parse(s *settings) (*scenario.Scenario, error) {
	sc, err := scenariofile.Parse(in.name, in.data, s.sets()...)
	if err != nil {
		return nil, in.faultsOf(err, s)
	}
	if err := in.prepare(&sc, s); err != nil {
		return nil, err
	}
	return &sc, nil
}

// prepare finds the files that a scenario names, and reads those of pauses.
func (in *input) prepare(sc *scenario.Scenario, s *settings) error {
	for i := range sc.Captures {
		sc.Captures[i].File = in.resolve(sc.Captures[i].File)
	}
	err := scenariofile.LoadPauses(sc, in.dir)
	if _, ok := errors.AsType[*os.PathError](err); ok || err == nil {
		return fileError(err)
	}
	return in.hostFaults(err, s)
}

// resolve returns a capture's path as the working directory needs it.
func (in *input) resolve(file string) string {
	if file = filepath.FromSlash(file); filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(in.dir, file)
}

// print writes a complete scenario so that it can be run from the working
// directory, with what it is in comments.
func (in *input) print(w io.Writer, complete []byte) error {
	entries, err := captureEntries(complete)
	if err != nil {
		return err
	}
	var sets []scenariofile.Set
	for _, e := range entries {
		sets = append(sets, scenariofile.Set{
			Path: fmt.Sprintf("traffic[%d].pcap", e.index), Value: quote(filepath.ToSlash(in.resolve(e.path))),
		})
	}
	sc, err := scenariofile.Parse(in.name, complete)
	if err != nil {
		return failed(err)
	}
	for i := range sc.Apps {
		if file := sc.Apps[i].Read.PauseFile; file != "" {
			sets = append(sets, scenariofile.Set{
				Path: fmt.Sprintf("apps[%d].read.pauses.trace", i), Value: quote(filepath.ToSlash(in.resolve(file))),
			})
		}
	}
	text, err := scenariofile.Canonical(in.name, complete, sets...)
	if err != nil {
		return failed(err)
	}
	notes := []string{fmt.Sprintf("What rxpath runs of %s, with every default filled in.", in.label)}
	if in.around != nil {
		notes = append(notes, in.around.notes()...)
	}
	var b strings.Builder
	for _, n := range notes {
		fmt.Fprintf(&b, "# %s\n", strings.Join(paragraph(n, 98), "\n# "))
	}
	_, err = io.WriteString(w, b.String()+string(text))
	return failed(err)
}
