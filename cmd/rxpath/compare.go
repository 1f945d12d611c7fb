package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/filter"
	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/sweep"
)

const compareLong = `Compare runs two scenarios, or one under two settings, and prints what differs:
where the packets went on both sides, and every counter, latency and share of
CPU time that is not the same.

A and B are scenarios or captures, as for rxpath run, or directories that rxpath
run --out or rxpath sweep --out made. Without B, the second side is the first
with the settings of --with. --set and its short forms apply to both.

Each scenario is run with --reps seeds, the same on both sides. Medians are
shown with how far the replications are from them; a change that may be chance
(Mann-Whitney U test, p >= 0.05) is ~ and hidden without --all. With one
replication every difference is shown: a run is exact.

Two directories of sweeps are compared point by point.

Exit status: 0 done, whatever differs, 1 failed, 2 wrong usage or scenario, 130
interrupted; then B is compared with the runs that it has.`

const compareExample = `  rxpath compare --with net.core.netdev_budget=600
  rxpath compare feed.yaml --with 'nics[0].ring.rx=4096' --with load=2
  rxpath compare feed.yaml --with kernel=linux-3.10 --reps 10
  rxpath compare before.yaml after.yaml
  rxpath compare results-monday results-tuesday`

// A compareCommand is what the command line of compare asks for.
type compareCommand struct {
	settings settings
	with     settings
	metrics  []string
	measures []sweep.Measure
	reps     int
	all      bool
	jobs     int
	format   string
	page     pageFlag
	caps     captures
	// names are those of the two sides, if not empty.
	names [2]string
	// after is printed behind a comparison in text.
	after func(a, b *compared) string
}

var compareFormats = []string{"text", "json", "md"}

// newCompare returns the subcommand compare.
func newCompare() *cobra.Command {
	s := new(compareCommand)
	c := &cobra.Command{
		Use:     "compare [A] [B]",
		Short:   "Show what differs between two scenarios or results",
		Long:    compareLong,
		Example: compareExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 2 {
				return fmt.Errorf("compare: unexpected argument %q: want two sides at most", args[2])
			}
			return nil
		},
		ValidArgsFunction: completeFiles(2),
		RunE:              func(c *cobra.Command, args []string) error { return s.run(c, args) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.Var(&setFlag{&s.with, "--with"}, "with", "override a key of the second side only; may be repeated")
	s.settings.addFlags(f)
	addMetrics(f, &s.metrics)
	f.IntVar(&s.reps, "reps", sweep.DefaultSolveReps, "run each side with `N` seeds")
	f.BoolVar(&s.all, "all", false, "show differences that may be chance, too")
	f.IntVar(&s.jobs, "jobs", 0, "how many runs go on at once (`N`); 0 is one a core")
	s.page.add(f)
	addFormat(c, &s.format, compareFormats, "`FORMAT` of the comparison")
	completeFlags(c)
	_ = c.RegisterFlagCompletionFunc("with", completeSet)
	return c
}

// A compared is one argument of compare.
type compared struct {
	name string
	// in and settings are a scenario to run, sc is what they make.
	in       *input
	settings *settings
	sc       *scenario.Scenario
	// side are the results of a run, results those of a sweep.
	side    *sweep.Side
	results *sweep.Results
}

func (s *compareCommand) run(c *cobra.Command, args []string) error {
	if s.reps < 1 {
		return fmt.Errorf("--reps %d: want 1 or more", s.reps)
	}
	if err := s.page.check(); err != nil {
		return err
	}
	if len(args) < 2 && len(s.with.list) == 0 {
		return errors.New("nothing to compare: want a second side, or --with PATH=VALUE")
	}
	var err error
	if s.measures, err = sweep.NewMeasures(s.metrics); err != nil {
		return fmt.Errorf("--metric: %w", err)
	}
	both := settings{list: append(append([]setting{}, s.settings.list...), s.with.list...)}
	a, err := s.open(c, firstOf(args), &s.settings)
	if err != nil {
		return err
	}
	second := firstOf(args)
	if len(args) == 2 {
		second = args[1]
	}
	b, err := s.open(c, second, &both)
	if err != nil {
		return err
	}
	switch {
	case len(s.metrics) > 0 && (a.in == nil || b.in == nil):
		return errors.New("--metric: want scenarios to run; results have the metrics that they have")
	case (a.results == nil) != (b.results == nil):
		return errors.New("a sweep compares with a sweep only")
	case a.results != nil && s.page.file != "":
		return errors.New("--report: sweeps are compared as text only")
	case a.results != nil && s.format != "text":
		return errors.New("--format: sweeps are compared as text only")
	case a.results != nil:
		return sweep.ComparePoints(c.OutOrStdout(), a.results, b.results)
	case len(args) < 2:
		a.name, b.name = "as it is", both.list[len(s.settings.list)].set.String()
		if n := len(s.with.list); n > 1 {
			b.name += fmt.Sprintf(" and %d more", n-1)
		}
	}
	if s.names[0] != "" {
		a.name, b.name = s.names[0], s.names[1]
	}
	ctx, stop := interruptible(c.Context())
	defer stop()
	var right sweep.Side
	left, err := s.sideOf(ctx, c, a)
	if err == nil {
		right, err = s.sideOf(ctx, c, b)
	}
	cut := errors.Is(err, context.Canceled)
	if err != nil && !cut {
		return failed(err)
	}
	if cut && len(right.Reps) == 0 {
		return &statusError{exitInterrupt, fmt.Errorf("interrupted after %d of %d runs of A and none of B: there is nothing to compare", len(left.Reps), s.reps)}
	}
	compared := sweep.Compare(left, right)
	err = failed(s.show(c.OutOrStdout(), compared))
	if cut {
		err = join(err, &statusError{exitInterrupt, fmt.Errorf("interrupted after %d of %d runs of B: the comparison is with these", len(right.Reps), s.reps)})
	}
	if err == nil && s.after != nil && s.format == "text" {
		_, err = io.WriteString(c.OutOrStdout(), s.after(a, b))
		err = failed(err)
	}
	return join(err, s.page.write(func() (*report.Page, error) { return s.makePage(&compared, args, a), nil }))
}

// makePage returns the comparison as a page.
func (s *compareCommand) makePage(c *sweep.Comparison, args []string, a *compared) *report.Page {
	rows, rest := c.Rows(s.all)
	falls := c.WaterfallRows()
	p := &report.Page{Title: fmt.Sprintf("%s and %s compared", c.A.Name, c.B.Name), Lead: []string{rest}, Parts: []report.Part{
		{Heading: "Where the packets went", Table: falls, Left: 3, Head: func(row int) bool { return falls[row+1][1] == "" }},
		{Heading: "What differs", Table: rows, Left: 1},
	}}
	words := append([]string{"compare"}, args...)
	words = append(words, s.settings.words()...)
	for _, set := range s.with.sets() {
		words = append(words, "--with", set.String())
	}
	for _, m := range s.metrics {
		words = append(words, "--metric", m)
	}
	command := commandLine(append(words, "--reps", strconv.Itoa(s.reps)))
	if a.in != nil {
		p.Parts = append(p.Parts, a.in.origin(a.settings, command)...)
	} else {
		p.Parts = append(p.Parts, report.Origin(version(), command, nil, nil, nil)...)
	}
	return p
}

// open reads an argument: a directory of results, or a scenario with settings.
func (s *compareCommand) open(c *cobra.Command, arg string, set *settings) (*compared, error) {
	if fi, err := os.Stat(arg); err == nil && fi.IsDir() {
		if len(set.list) > 0 {
			return nil, fmt.Errorf("%s: results can't be run with other settings: want a scenario for --set and --with", arg)
		}
		return openResults(arg)
	}
	in, sc, err := openScenario(arg, c.InOrStdin(), set, &s.caps)
	if err != nil {
		return nil, err
	}
	return &compared{name: in.label, in: in, settings: set, sc: sc}, nil
}

// openResults reads a directory of --out.
func openResults(dir string) (*compared, error) {
	if _, err := os.Stat(filepath.Join(dir, sweep.JournalName)); err == nil {
		h, out, err := sweep.Read(filepath.Join(dir, sweep.JournalName))
		return &compared{name: dir, results: &sweep.Results{Header: h, Outcomes: out}}, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "summary.json"))
	if err != nil {
		return nil, fmt.Errorf("%s: neither the results of a run nor of a sweep", dir)
	}
	side, err := sweep.ReadSide(dir, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "summary.json"), err)
	}
	return &compared{name: dir, side: &side}, nil
}

// sideOf returns a side, which may have to be run: with an error, what was run of it.
func (s *compareCommand) sideOf(ctx context.Context, c *cobra.Command, one *compared) (sweep.Side, error) {
	if one.side != nil {
		return *one.side, nil
	}
	p := newWaiting(c.ErrOrStderr(), "running "+one.name)
	side, err := sweep.RunSide(ctx, one.name, one.in.base(one.settings), s.reps, sweep.Options{Workers: s.jobs, Measures: s.measures, Sim: sim.Options{OpenCapture: s.caps.source, OpenFilter: filter.Open}})
	p.done()
	return side, err
}

func (s *compareCommand) show(w io.Writer, c sweep.Comparison) error {
	switch s.format {
	case "json":
		return c.JSON(w)
	case "md":
		return c.Markdown(w, s.all)
	}
	return c.Text(w, s.all)
}
