package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/filter"
	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/report/plots"
	"github.com/seed-556df219/rxpath/sim/scenario"
)

const runLong = `Run runs a scenario and prints what it showed: where every packet ended, what
took how long, what the CPUs did, what limits the host, and whether thresholds
hold.

FILE is a scenario (docs/scenario.md), a capture (pcap or pcapng) that is
replayed once to a host made for it, or - for a scenario on the standard input.
Without FILE it is the built-in scenario, a market-data feed of 250,000
messages a second.

--set overrides any key of the scenario. Sysctls have their own names, other
keys their path, elements of lists their number or name; the value is YAML. The
path load multiplies the rate of every source.

To name what limits the host, parts of the path are made more generous one at a
time, and the run is done again for each; --no-bottleneck does without.

Exit status: 0 done, 1 failed, 2 wrong usage or scenario, 99 a threshold was
crossed, 130 interrupted; then the results so far are printed and marked.`

const runExample = `  rxpath run
  rxpath run feed.yaml --set net.core.rmem_max=8388608 --set 'nics[eth0].ring.rx=4096'
  rxpath run --set load=4 --duration 500ms --seed 7
  rxpath run --kernel linux-3.10 --set 'apps[gateway].cpu=1'
  rxpath run feed.yaml --kernel linux-4.0 --compare-kernel linux-6.18
  rxpath run --threshold 'p(latency.wire_to_app, 99) < 50us'
  rxpath run feed.pcapng --set load=10
  rxpath run feed.yaml --format json | jq .ledger
  rxpath run feed.yaml --out results
  rxpath run --trace trace.txt --trace-events kfree_skb,sock
  rxpath run --print-scenario > my.yaml`

// A runCommand is what the command line of run asks for.
type runCommand struct {
	settings     settings
	format       string
	out          string
	page         pageFlag
	trace        traceFlags
	noBottleneck bool
	assumptions  bool
	said         func(flag string) bool // whether the command line has the flag
	printOnly    bool
	other        string
	caps         captures
	input        *input
}

// newRun returns the subcommand run.
func newRun() *cobra.Command {
	r := new(runCommand)
	c := &cobra.Command{
		Use:               "run [FILE]",
		Short:             "Run a scenario or a capture",
		Long:              runLong,
		Example:           runExample,
		Args:              atMostOneFile,
		ValidArgsFunction: completeFiles(1),
		RunE:              func(c *cobra.Command, args []string) error { return r.run(c, args) },
	}
	f := c.Flags()
	f.SortFlags = false
	r.said = f.Changed
	r.settings.addFlags(f)
	r.settings.addThresholdFlag(f)
	addFormat(c, &r.format, formatNames, "`FORMAT` of the results on the standard output")
	f.StringVar(&r.out, "out", "", "also write summary.json, the host's files, time series and plots to `DIR`, new or of an earlier run")
	r.page.add(f)
	r.trace.add(c)
	f.BoolVar(&r.noBottleneck, "no-bottleneck", false, "do not look for the bottleneck, which takes up to thirteen more runs, nor, unless asked, for assumed costs")
	f.BoolVar(&r.assumptions, "assumptions", false, "name the assumed costs that the results depend on, which takes two more runs for each: always, or with =false never; by default where it is soon done")
	f.BoolVar(&r.printOnly, "print-scenario", false, "print the scenario that would be run, with every default, and run nothing")
	f.StringVar(&r.other, "compare-kernel", "", "run under the kernel profile `NAME`, too, and show what differs: what an upgrade changes for this host")
	completeFlags(c)
	_ = c.RegisterFlagCompletionFunc("compare-kernel", cobra.FixedCompletions(kernelNames(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// atMostOneFile refuses a second file.
func atMostOneFile(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("run: unexpected argument %q: want one file; for a setting write --set %s", args[1], shellWord(args[1]))
	}
	return nil
}

// run does everything that can be wrong with a run before it begins.
func (r *runCommand) run(c *cobra.Command, args []string) error {
	if err := r.page.check(); err != nil {
		return err
	}
	if r.other != "" {
		return r.compareKernel(c, args)
	}
	in, err := openInput(firstOf(args), c.InOrStdin(), &r.caps)
	if err != nil {
		return err
	}
	r.input = in
	sc, complete, err := in.scenario(&r.settings)
	if err != nil {
		return err
	}
	if r.printOnly {
		return in.print(c.OutOrStdout(), complete)
	}
	if err := r.caps.check(in, &r.settings, sc, complete); err != nil {
		return err
	}
	ctx, stop := interruptible(c.Context())
	defer stop()
	if r.out != "" {
		if err := prepareDir(r.out); err != nil {
			return err
		}
	}
	if err := r.trace.check(); err != nil {
		return err
	}
	if in.around != nil {
		for _, n := range append(in.around.notes(), in.around.hint()) {
			fmt.Fprintf(c.ErrOrStderr(), "rxpath: %s\n", strings.Join(paragraph(n, 92), "\n"))
		}
	}
	return r.simulate(ctx, c, sc, complete)
}

// interruptible returns a context that SIGINT or SIGTERM ends. The second one
// kills, as does the first before there is anything to show.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// isDir refuses a directory of --out that is a file, or in one.
func isDir(dir string) error {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		switch fi, err := os.Stat(at); {
		case err == nil && !fi.IsDir():
			return fmt.Errorf("--out: %s is not a directory", at)
		case err == nil || at == filepath.Dir(at):
			return nil
		}
	}
}

// prepareDir makes the directory of --out ready. What is there and not ours is
// refused as wrong usage; what cannot be written is a failure.
func prepareDir(dir string) error {
	if err := isDir(dir); err != nil {
		return err
	}
	err := report.PrepareDir(dir)
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return failed(fmt.Errorf("--out: %s: %w", e.Path, e.Err))
	}
	if err != nil {
		return fmt.Errorf("--out: %s", strings.TrimPrefix(err.Error(), "report: "))
	}
	return nil
}

// simulate runs the scenario and shows the results, whole or not.
func (r *runCommand) simulate(ctx context.Context, c *cobra.Command, sc *scenario.Scenario, complete []byte) error {
	opts := sim.Options{OpenCapture: r.caps.source, OpenFilter: filter.Open, Trace: r.trace.config()}
	bar := newProgress(c.ErrOrStderr(), sc.Run.For)
	opts.Progress = bar.step
	res, err := sim.Run(ctx, sc, opts)
	bar.done()
	err = ended(err, res, sc)
	if res == nil {
		return err
	}
	results := report.Input{Result: res, Scenario: complete, Version: version(), Plots: plots.Draw}
	if err == nil {
		err = r.explore(ctx, c.ErrOrStderr(), &results)
	}
	return join(err, r.show(c, results), crossed(res))
}

// ended says why a run ended before its time.
func ended(err error, res *sim.Result, sc *scenario.Scenario) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled) && res != nil:
		return &statusError{exitInterrupt, fmt.Errorf("interrupted at %v of %v: the results are partial", res.Time, sc.Run.For)}
	case res != nil:
		return failed(fmt.Errorf("%w: the results are partial", err))
	}
	return failed(err)
}

// explore runs the scenario again with one thing changed at a time, as far as
// that was asked for, and adds to the results what came out.
func (r *runCommand) explore(ctx context.Context, stderr io.Writer, in *report.Input) error {
	opts := sim.Options{OpenCapture: r.caps.source, OpenFilter: filter.Open}
	sc := &in.Result.Scenario
	if !r.noBottleneck {
		p := newWaiting(stderr, "looking for the bottleneck")
		b, err := report.FindBottleneck(ctx, sc, in.Result, opts)
		p.done()
		if err != nil {
			return unexplored(err, "the bottleneck")
		}
		in.Bottleneck = &b
	}
	if most := r.effort(); most > 0 {
		p := newWaiting(stderr, "looking for assumed costs that matter")
		a, err := report.FindAssumptions(ctx, sc, in.Result, opts, most)
		p.done()
		if err != nil {
			return unexplored(err, "assumptions")
		}
		in.Assumptions = a
	}
	return nil
}

// soonLookedAt is how many packets may be served again to find the assumed costs
// that matter if nobody asks for them: about a second of one core.
const soonLookedAt = 6_000_000

// effort returns how many packets may be served again to find the assumed costs that
// matter: any number if that is asked for, and few if nothing is said of it.
func (r *runCommand) effort() uint64 {
	switch {
	case r.assumptions:
		return math.MaxUint64
	case r.said("assumptions") || r.noBottleneck:
		return 0
	}
	return soonLookedAt
}

// unexplored says what the results are without.
func unexplored(err error, what string) error {
	if errors.Is(err, context.Canceled) {
		return &statusError{exitInterrupt, fmt.Errorf("interrupted while looking for %s: the results are whole, but without that", what)}
	}
	return failed(fmt.Errorf("looking for %s: %w", what, err))
}

// show prints the results and writes them to the directory.
func (r *runCommand) show(c *cobra.Command, in report.Input) error {
	err := failed(formats[r.format](c.OutOrStdout(), in))
	if r.out != "" {
		err = join(err, failed(report.WriteDir(r.out, in)))
	}
	err = join(err, r.trace.write(in.Result.Trace))
	return join(err, r.page.write(func() (*report.Page, error) { return report.RunPage(in, r.again()) }))
}

// again returns the command line that repeats the run.
func (r *runCommand) again() string {
	words := r.input.again(r.settings.sets(), 0)
	for _, t := range r.settings.thresholds {
		words += " --threshold " + shellWord(t)
	}
	return words
}

// crossed reports thresholds that do not hold. A run that is not complete
// has none: nobody knows how it would have ended.
func crossed(res *sim.Result) error {
	if !res.Complete {
		return nil
	}
	checks, err := report.CheckThresholds(res)
	if err != nil {
		return failed(err)
	}
	var errs []error
	for _, k := range checks {
		if !k.OK {
			errs = append(errs, &statusError{exitThreshold, fmt.Errorf("threshold crossed: %s: it is %s", k.Threshold, k.Value)})
		}
	}
	return join(errs...)
}

func firstOf(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
