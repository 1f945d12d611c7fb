package report

import (
	"fmt"
	"unicode/utf8"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/procfs"
	"github.com/seed-556df219/rxpath/sim/scenario"
)

// known is what a scenario's host has that a metric can name.
type known struct {
	cpus    int
	sockets []string
	view    procfs.View
}

// knownOf assembles the host of a scenario to see what it has. Nothing runs.
func knownOf(sc *scenario.Scenario) (*known, error) {
	h, err := sim.NewHost(sim.Config{Host: sc.Host, NICs: sc.NICs, Devices: sc.Devices, Raw: sc.Raw, Apps: sc.Apps, Seed: sc.Run.Seed})
	if err != nil {
		return nil, err
	}
	defer h.Close()
	snap := h.Snapshot()
	k := &known{cpus: len(snap.CPUs), view: procfs.Counters(&snap.Snapshot)}
	for i := range snap.Sockets {
		k.sockets = append(k.sockets, snap.Sockets[i].Name)
	}
	return k, nil
}

// counter says what is wrong with a counter, the problem empty if nothing.
func (k *known) counter(file, name, object string, one bool) (problem, want, near string) {
	var files, names, objects []string
	for _, f := range k.view {
		files = append(files, f.Path)
		if f.Path != file {
			continue
		}
		for _, row := range f.Rows {
			objects = append(objects, row.Object)
			if one && row.Object != object {
				continue
			}
			for _, c := range row.Counters {
				if c.Name == name {
					return "", "", ""
				}
				names = append(names, c.Name)
			}
		}
		if len(f.Rows) == 0 {
			return fmt.Sprintf("%s has no rows", file), "", ""
		}
	}
	switch {
	case len(objects) == 0:
		return fmt.Sprintf("no counters in %q", clip(file)), "one of " + few(files), cfgerr.Nearest(file, files)
	case len(names) == 0:
		return fmt.Sprintf("no row %q in %s", clip(object), file), "one of " + few(objects), cfgerr.Nearest(object, objects)
	}
	return fmt.Sprintf("no counter %q in %s", clip(name), file), "", cfgerr.Nearest(name, names)
}

// Check reports what the metric names and the scenario does not have: a CPU, a
// socket, a counter. It assembles the scenario's host, but runs nothing. The
// error is a *[MetricError], or that of a scenario that is not valid.
func (m Metric) Check(sc *scenario.Scenario) error {
	k, err := knownOf(sc)
	if err != nil {
		return err
	}
	return m.check(k, m.text)
}

// check does what Check says; the metric stands at the beginning of text.
func (m Metric) check(k *known, text string) error {
	for _, n := range m.needs {
		if problem, want, near := n.check(k); problem != "" {
			column := utf8.RuneCountInString(text[:min(n.column, len(text))]) + 1
			return &MetricError{Text: clip(text), Column: column, Problem: problem, Want: want, Nearest: near}
		}
	}
	return nil
}
