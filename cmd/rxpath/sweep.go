package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/filter"
	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/report/plots"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
	"github.com/seed-556df219/rxpath/sim/sweep"
)

const sweepLong = `Sweep runs a scenario at many points and prints a line for each: what was lost,
latencies, CPU time. A point is a combination of values of the keys that vary.

--vary names a key, as --set does, and its values:
  net.core.netdev_budget=300,600,1200   a list
  nics[0].ring.rx=64..4096:x2           a range, each value twice the one before
  apps[0].read.pauses.for=1ms..10ms:+1ms   a range in steps
  load=@loads.txt                       a file with one value a line
  nics[0].ring.rx=64..4096              a range to draw from (:log by ratio), with
                                        --design lhs or halton and --samples
--points FILE takes whole points from a CSV file whose first line names the keys.

--metric adds a column, and a panel to the plots: NAME=METRIC (docs/metrics.md),
or METRIC, which is its own name.

--reps runs every point with several seeds: replication r has the scenario's
seed plus r at every point, so that differences between points are not chance.
From five on, means have 95 % confidence intervals.

With --out, every finished run goes at once into results.jsonl, which survives a
kill at any instant; --resume goes on with it. --shard i/N does every N-th
point, beginning with i, for batch systems; rxpath merge puts shards together.
The same sweep gives the same files, however it was interrupted or divided.

A run that fails is reported with the command that repeats it, and the others
go on. Exit status: 0 done, 1 a run failed, 2 wrong usage or scenario, 130
interrupted.`

const sweepExample = `  rxpath sweep --vary load=1,2,5,10
  rxpath sweep feed.yaml --vary 'apps[0].sockets[0].rcvbuf=64KiB..16MiB:x2' --reps 5 --out rcvbuf
  rxpath sweep feed.yaml --vary load=1,2,4 --vary 'nics[0].ring.rx=512,4096' --format csv
  rxpath sweep feed.yaml --vary load=1..8:+1 --metric 'in_ring=p(latency.ring, 99)' --metric 'lost_by_reader=drops.SOCKET_RCVBUFF'
  rxpath sweep feed.yaml --vary load=1..20 --vary 'nics[0].ring.rx=64..4096:log' --design lhs --samples 100 --out space
  rxpath sweep feed.yaml --vary load=1..50:+1 --out limits --resume
  rxpath sweep feed.yaml --vary load=1..50:+1 --shard 0/4 --out shard0`

// A sweepCommand is what the command line of sweep asks for.
type sweepCommand struct {
	settings settings
	varied   []string
	points   string
	design   string
	samples  int
	reps     int
	jobs     int
	metrics  []string
	shard    string
	out      string
	resume   bool
	format   string
	page     pageFlag
	caps     captures
}

// crossDesign is the design that is not a sampler.
const crossDesign = "cross"

// newSweep returns the subcommand sweep.
func newSweep() *cobra.Command {
	s := new(sweepCommand)
	c := &cobra.Command{
		Use:               "sweep [FILE]",
		Short:             "Run a scenario at many points",
		Long:              sweepLong,
		Example:           sweepExample,
		Args:              atMostOneFile,
		ValidArgsFunction: completeFiles(1),
		RunE:              func(c *cobra.Command, args []string) error { return s.run(c, args) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringArrayVar(&s.varied, "vary", nil, "a key and its values, `KEY=SPEC`; may be repeated")
	f.StringVar(&s.points, "points", "", "take the points from this CSV `FILE`; its first line names the keys")
	s.design = crossDesign
	designs := append([]string{crossDesign}, sweep.Samplers...)
	f.Var(&choice{&s.design, designs}, "design", "how ranges become points: every combination of values, or a sample: "+orList(designs))
	f.IntVar(&s.samples, "samples", 0, "how many points a sample has (`N`)")
	f.IntVar(&s.reps, "reps", 1, "run each point with `N` seeds")
	s.settings.addFlags(f)
	addMetrics(f, &s.metrics)
	f.StringVar(&s.out, "out", "", "keep results.jsonl, results.csv, results.parquet, summary.json and plots in `DIR`")
	f.BoolVar(&s.resume, "resume", false, "go on with the sweep that is in the directory of --out")
	f.StringVar(&s.shard, "shard", "", "do only every N-th point, beginning with i (`i/N`, i from 0)")
	f.IntVar(&s.jobs, "jobs", 0, "how many runs go on at once (`N`); 0 is one a core")
	s.page.add(f)
	addFormat(c, &s.format, formatNames, "`FORMAT` of the results on the standard output")
	completeFlags(c)
	_ = c.RegisterFlagCompletionFunc("design", cobra.FixedCompletions(designs, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("vary", completeSet)
	return c
}

// addMetrics adds --metric.
func addMetrics(f *pflag.FlagSet, metrics *[]string) {
	f.StringArrayVar(metrics, "metric", nil, "a further metric to keep and show, `[NAME=]METRIC` as in thresholds; may be repeated")
}

// run does everything that can be wrong with a sweep before it begins.
func (s *sweepCommand) run(c *cobra.Command, args []string) error {
	in, sc, err := openScenario(firstOf(args), c.InOrStdin(), &s.settings, &s.caps)
	if err != nil {
		return err
	}
	d, err := s.makeDesign(sc.Run.Seed)
	if err != nil {
		return err
	}
	opts, err := s.options()
	if err != nil {
		return err
	}
	if err := s.page.check(); err != nil {
		return err
	}
	base := in.base(&s.settings)
	if err := sweep.Check(base, &d); err != nil {
		return s.faultsOf(err, in)
	}
	ctx, stop := interruptible(c.Context())
	defer stop()
	return s.simulate(ctx, c, in, base, &d, opts)
}

// faultsOf shows what is wrong with the values of --vary as faults of --set.
func (s *sweepCommand) faultsOf(err error, in *input) error {
	if fs, ok := errors.AsType[scenariofile.Faults](err); ok {
		for _, f := range fs {
			if f.Set != "" {
				return fmt.Errorf("--vary: %s", strings.TrimPrefix(f.Error(), "--set "))
			}
		}
		return in.faultsOf(err, &s.settings)
	}
	return err
}

// makeDesign returns the points.
func (s *sweepCommand) makeDesign(seed uint64) (sweep.Design, error) {
	var axes []sweep.Axis
	for _, v := range s.varied {
		a, err := sweep.ParseAxis(v)
		if err != nil {
			return sweep.Design{}, fmt.Errorf("--vary: %w", err)
		}
		axes = append(axes, a)
	}
	switch {
	case s.points != "" && len(axes) > 0:
		return sweep.Design{}, errors.New("--points and --vary: want one of them")
	case s.points != "":
		f, err := os.Open(s.points)
		if err != nil {
			return sweep.Design{}, fmt.Errorf("--points: %w", fileError(err))
		}
		defer f.Close()
		d, err := sweep.ReadPoints(f)
		if err != nil {
			return d, fmt.Errorf("--points: %s: %w", s.points, err)
		}
		return d, nil
	case len(axes) == 0:
		return sweep.Design{}, errors.New("nothing varies: want --vary KEY=VALUES, such as --vary load=1,2,5, or --points FILE")
	case s.design == crossDesign && s.samples != 0:
		return sweep.Design{}, errors.New("--samples: want --design lhs or halton with it")
	case s.design == crossDesign:
		d, err := sweep.Cross(axes...)
		if err != nil {
			return d, fmt.Errorf("--vary: %w", err)
		}
		return d, nil
	case s.samples < 1:
		return sweep.Design{}, fmt.Errorf("--design %s: want --samples N, how many points to draw", s.design)
	}
	d, err := sweep.Sample(sweep.Sampler(s.design), s.samples, seed, axes...)
	if err != nil {
		return d, fmt.Errorf("--vary: %w", err)
	}
	return d, nil
}

// options reads the flags that say how to run.
func (s *sweepCommand) options() (sweep.Options, error) {
	o := sweep.Options{Reps: s.reps, Workers: s.jobs, Sim: sim.Options{OpenCapture: s.caps.source, OpenFilter: filter.Open}}
	switch {
	case s.reps < 1:
		return o, fmt.Errorf("--reps %d: want 1 or more", s.reps)
	case s.jobs < 0:
		return o, fmt.Errorf("--jobs %d: want 0 or more", s.jobs)
	case s.resume && s.out == "":
		return o, errors.New("--resume: want --out DIR, the directory of the sweep to go on with")
	}
	var err error
	if o.Measures, err = sweep.NewMeasures(s.metrics); err != nil {
		return o, fmt.Errorf("--metric: %w", err)
	}
	if s.shard != "" {
		i, n, ok := strings.Cut(s.shard, "/")
		var err1, err2 error
		o.Shard, err1 = strconv.Atoi(i)
		o.Shards, err2 = strconv.Atoi(n)
		if !ok || err1 != nil || err2 != nil || o.Shards < 1 || o.Shard < 0 || o.Shard >= o.Shards {
			return o, fmt.Errorf("--shard %q: want i/N with i from 0 to N-1, such as 0/4", s.shard)
		}
	}
	return o, nil
}

// simulate runs the points and shows what they gave, all of them or not.
func (s *sweepCommand) simulate(ctx context.Context, c *cobra.Command, in *input, base *sweep.Base, d *sweep.Design, opts sweep.Options) error {
	h, err := sweep.NewHeader(base, d, opts)
	if err != nil {
		return failed(err)
	}
	var journal *sweep.Journal
	if s.out != "" {
		if journal, err = s.openJournal(h); err != nil {
			return err
		}
		opts.Skip, opts.Done = journal.Has, journal.Add
	}
	bar := newCounting(c.ErrOrStderr(), opts.Runs(d), journal)
	opts.Done = bar.counting(opts.Done)
	outcomes, err := sweep.Run(ctx, base, d, opts)
	bar.done()
	if journal != nil {
		outcomes = journal.Outcomes()
		if err == nil {
			err = journal.Finish()
		} else {
			err = errors.Join(err, journal.Close())
		}
	}
	missing := opts.Runs(d) - len(outcomes)
	switch {
	case errors.Is(err, context.Canceled):
		hint := ""
		if s.out != "" {
			hint = "; --resume goes on"
		}
		err = &statusError{exitInterrupt, fmt.Errorf("interrupted with %d of %d runs to do%s", missing, opts.Runs(d), hint)}
	case err != nil:
		err = failed(err)
	}
	res := sweep.Results{Header: h, Outcomes: outcomes, Complete: missing == 0}
	return join(err, failed(sweepFormats[s.format](&res, c.OutOrStdout())), s.write(&res), s.failures(in, d, outcomes),
		s.page.write(func() (*report.Page, error) { return sweepPage(in, &s.settings, &res, s.commandLine(in)) }))
}

// commandLine returns the command that repeats the sweep.
func (s *sweepCommand) commandLine(in *input) string {
	words := append([]string{"sweep"}, in.words()...)
	for _, v := range s.varied {
		words = append(words, "--vary", v)
	}
	if s.points != "" {
		words = append(words, "--points", s.points)
	}
	if s.design != crossDesign {
		words = append(words, "--design", s.design, "--samples", strconv.Itoa(s.samples))
	}
	words = append(words, "--reps", strconv.Itoa(s.reps))
	for _, m := range s.metrics {
		words = append(words, "--metric", m)
	}
	return commandLine(append(words, s.settings.words()...))
}

// sweepLead says what a sweep is of.
func sweepLead(res *sweep.Results) string {
	lead := fmt.Sprintf("%d points, one run each", res.Header.Points)
	if res.Header.Reps > 1 {
		lead = fmt.Sprintf("%d points, each with %d seeds, the same at every point", res.Header.Points, res.Header.Reps)
	}
	if res.Header.Reps >= sweep.LeastReps {
		lead += "; numbers are means with half the width of their 95 % confidence intervals"
	}
	if !res.Complete {
		lead += ". INCOMPLETE: runs are missing"
	}
	return lead + "."
}

// sweepFormats write the results of a sweep.
var sweepFormats = map[string]func(*sweep.Results, io.Writer) error{
	"text": (*sweep.Results).Text, "json": (*sweep.Results).JSON, "csv": (*sweep.Results).CSV, "md": (*sweep.Results).Markdown,
}

// openJournal makes the directory of --out ready and opens its journal.
func (s *sweepCommand) openJournal(h sweep.Header) (*sweep.Journal, error) {
	if err := isDir(s.out); err != nil {
		return nil, err
	}
	path := filepath.Join(s.out, sweep.JournalName)
	if entries, err := os.ReadDir(s.out); err == nil && len(entries) > 0 {
		ours := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == sweep.JournalName })
		switch {
		case !ours:
			return nil, fmt.Errorf("--out: %s is not empty and holds no sweep", s.out)
		case !s.resume:
			return nil, fmt.Errorf("--out: %s holds a sweep already: --resume goes on with it", s.out)
		}
	}
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return nil, failed(fmt.Errorf("--out: %w", err))
	}
	j, err := sweep.Resume(path, h)
	if e, ok := errors.AsType[*sweep.JournalError](err); ok {
		return nil, fmt.Errorf("--resume: %w", e)
	}
	return j, failed(err)
}

// write writes the files beside the journal. Those of a sweep that is not
// complete say so, and are written again when it is.
func (s *sweepCommand) write(res *sweep.Results) error {
	if s.out == "" {
		return nil
	}
	return failed(writeSweep(s.out, res))
}

func writeSweep(dir string, res *sweep.Results) error {
	for name, write := range map[string]func(io.Writer) error{"results.csv": res.CSV, "results.parquet": res.Parquet, "summary.json": res.JSON} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := errors.Join(write(f), f.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return plots.Sweep(res, func(name string, data []byte) error {
		if err := os.MkdirAll(filepath.Join(dir, "plots"), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "plots", name), data, 0o644)
	})
}

// failures reports the runs that failed, each with the command that repeats it.
func (s *sweepCommand) failures(in *input, d *sweep.Design, outcomes []sweep.Outcome) error {
	var errs []error
	for _, o := range outcomes {
		if o.Error == "" {
			continue
		}
		again := in.again(append(s.settings.sets(), d.Sets(o.Point)...), o.Seed)
		errs = append(errs, failed(fmt.Errorf("point %d, replication %d failed: %s\nrepeat it with: %s", o.Point, o.Rep, o.Error, again)))
	}
	return join(errs...)
}

// base returns the scenario for package sweep.
func (in *input) base(s *settings) *sweep.Base {
	return &sweep.Base{Name: in.name, Data: in.data, Sets: s.sets(), Prepare: func(sc *scenario.Scenario) error { return in.prepare(sc, s) }}
}

// again returns the command that runs a scenario with these settings.
func (in *input) again(sets []scenariofile.Set, seed uint64) string {
	words := append([]string{"run"}, in.words()...)
	for _, set := range sets {
		words = append(words, "--set", set.String())
	}
	if seed != 0 {
		words = append(words, "--seed", strconv.FormatUint(seed, 10))
	}
	return commandLine(words)
}

// words returns the argument that names the input.
func (in *input) words() []string {
	switch in.label {
	case "the built-in scenario":
		return nil
	case "standard input":
		return []string{stdinName}
	}
	return []string{in.label}
}

// words returns the flags that set what s sets.
func (s *settings) words() (out []string) {
	for _, set := range s.sets() {
		out = append(out, "--set", set.String())
	}
	return out
}
