package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/filter"
	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
	"github.com/seed-556df219/rxpath/sim/sweep"
)

const solveLong = `Solve finds the smallest value of a key for which conditions hold (--min), or
the greatest (--max): the receive buffer, ring or budget that loses nothing, the
highest load that the host carries.

--min and --max name the key and where to look:
  apps[0].sockets[0].rcvbuf=64KiB..16MiB   a range: to the unit for whole numbers,
                                           else to --precision
  nics[0].ring.rx=64..4096:x2              candidates, as rxpath sweep takes them
  load                                     from 1 upwards, without end

--until gives the conditions, which are thresholds (docs/metrics.md); without it
they are drops == 0. They have to hold in every one of --reps replications. The
answer comes with the run on either side of it. The search bisects, which
assumes that there is one border; some further values are tried, and a warning
tells when they disagree.

Exit status: 0 found, 1 there is no such value, or a run failed, 2 wrong usage
or scenario, 130 interrupted.`

const solveExample = `  rxpath solve --max load
  rxpath solve feed.yaml --min 'apps[0].sockets[0].rcvbuf=64KiB..64MiB'
  rxpath solve feed.yaml --min 'nics[0].ring.rx=64..4096:x2' --until 'drops.HW_FIFO == 0' --until 'drops.HW_NO_DESC == 0'
  rxpath solve feed.yaml --max load=1..50 --until 'p(latency.wire_to_app, 99.9) < 1ms' --reps 20`

// A solveCommand is what the command line of solve asks for.
type solveCommand struct {
	settings  settings
	min, max  string
	until     []string
	metrics   []string
	reps      int
	precision string
	jobs      int
	format    string
	page      pageFlag
	caps      captures
}

var solveFormats = []string{"text", "json"}

// newSolve returns the subcommand solve.
func newSolve() *cobra.Command {
	s := new(solveCommand)
	c := &cobra.Command{
		Use:               "solve [FILE]",
		Short:             "Find the setting for which conditions hold",
		Long:              solveLong,
		Example:           solveExample,
		Args:              atMostOneFile,
		ValidArgsFunction: completeFiles(1),
		RunE:              func(c *cobra.Command, args []string) error { return s.run(c, args) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&s.min, "min", "", "find the smallest value: `KEY=LO..HI`")
	f.StringVar(&s.max, "max", "", "find the greatest value: `KEY=LO..HI`, or KEY for 1 and up")
	f.StringArrayVar(&s.until, "until", nil, "a condition, `EXPR` such as 'drops == 0', which it is by default; may be repeated")
	addMetrics(f, &s.metrics)
	f.IntVar(&s.reps, "reps", sweep.DefaultSolveReps, "the conditions have to hold with each of `N` seeds")
	f.StringVar(&s.precision, "precision", "1%", "how near, as a `SHARE` of the value, the two sides of the answer come")
	s.settings.addFlags(f)
	f.IntVar(&s.jobs, "jobs", 0, "how many runs go on at once (`N`); 0 is one a core")
	s.page.add(f)
	addFormat(c, &s.format, solveFormats, "`FORMAT` of the answer")
	completeFlags(c)
	_ = c.RegisterFlagCompletionFunc("min", completeSet)
	_ = c.RegisterFlagCompletionFunc("max", completeSet)
	return c
}

// run does everything that can be wrong with a search before it begins.
func (s *solveCommand) run(c *cobra.Command, args []string) error {
	in, sc, err := openScenario(firstOf(args), c.InOrStdin(), &s.settings, &s.caps)
	if err != nil {
		return err
	}
	p, err := s.problem()
	if err != nil {
		return err
	}
	if len(s.until) == 0 {
		s.until = []string{"drops == 0"}
	}
	if p.Until, err = sweep.ParseConditions(sc, s.until); err != nil {
		return fmt.Errorf("--until: %s", strings.ReplaceAll(err.Error(), "thresholds[", "condition ["))
	}
	measures, err := sweep.NewMeasures(s.metrics)
	if err != nil {
		return fmt.Errorf("--metric: %w", err)
	}
	base := in.base(&s.settings)
	if err := errors.Join(s.check(base, &p), s.page.check()); err != nil {
		return err
	}
	ctx, stop := interruptible(c.Context())
	defer stop()
	return s.solve(ctx, c, in, base, p, measures)
}

// problem reads --min and --max.
func (s *solveCommand) problem() (p sweep.Problem, err error) {
	p = sweep.Problem{Reps: s.reps, Greatest: s.max != ""}
	flag, arg := s.flag(), s.min
	switch {
	case s.min != "" && s.max != "":
		return p, errors.New("--min and --max: want one of them")
	case s.max != "":
		arg = s.max
	case s.min == "":
		return p, errors.New("want --min KEY=LO..HI or --max KEY=LO..HI, such as --max load")
	}
	if s.reps < 1 {
		return p, fmt.Errorf("--reps %d: want 1 or more", s.reps)
	}
	share, ok := strings.CutSuffix(s.precision, "%")
	if p.Precision, err = strconv.ParseFloat(share, 64); err != nil || !ok || !(p.Precision >= 0.001 && p.Precision <= 50) {
		return p, fmt.Errorf("--precision %q: want 0.001%% to 50%%", s.precision)
	}
	p.Precision /= 100
	if key, _, ranged := strings.Cut(arg, "="); !ranged && s.max != "" {
		p.Axis = sweep.Axis{Path: key, Low: "1.0"}
		return p, nil
	}
	if p.Axis, err = sweep.ParseAxis(arg); err != nil {
		return p, fmt.Errorf("%s: %w", flag, err)
	}
	return p, nil
}

// flag returns the flag that names the key.
func (s *solveCommand) flag() string {
	if s.max != "" {
		return "--max"
	}
	return "--min"
}

// check tries the ends of the range on the scenario.
func (s *solveCommand) check(base *sweep.Base, p *sweep.Problem) error {
	d := sweep.Design{Paths: []string{p.Axis.Path}}
	for _, v := range append([]string{p.Axis.Low, p.Axis.High}, p.Axis.Values...) {
		if v != "" {
			d.Points = append(d.Points, []string{v})
		}
	}
	err := sweep.Check(base, &d)
	if fs, ok := errors.AsType[scenariofile.Faults](err); ok && len(fs) > 0 {
		return fmt.Errorf("%s: %s", s.flag(), strings.TrimPrefix(fs[0].Error(), "--set "))
	}
	return err
}

func (s *solveCommand) solve(ctx context.Context, c *cobra.Command, in *input, base *sweep.Base, p sweep.Problem, measures []sweep.Measure) error {
	bar := newWaiting(c.ErrOrStderr(), "searching")
	a, err := sweep.Solve(ctx, base, p, sweep.Options{Workers: s.jobs, Measures: measures, Sim: sim.Options{OpenCapture: s.caps.source, OpenFilter: filter.Open}})
	bar.done()
	switch {
	case errors.Is(err, context.Canceled):
		return &statusError{exitInterrupt, errors.New(interrupted(&a, p.Greatest))}
	case err != nil:
		return failed(err)
	}
	answer := solved{in: in, sets: s.settings.sets(), problem: &p, Answer: a, until: s.until, measures: measures}
	if s.format == "json" {
		err = answer.json(c.OutOrStdout())
	} else {
		err = answer.text(c.OutOrStdout())
	}
	err = join(failed(err), s.page.write(func() (*report.Page, error) { return answer.page(&s.settings, s.commandLine(in)) }))
	if !a.Found {
		return join(err, failed(fmt.Errorf("there is no such value of %s", a.Path)))
	}
	return err
}

// interrupted says what a search has found so far.
func interrupted(a *sweep.Answer, greatest bool) string {
	var holds, fails []string // in the order of the values
	for _, t := range slices.SortedFunc(slices.Values(a.Trials), func(x, y sweep.Trial) int { return compareValues(x.Value, y.Value) }) {
		if t.Holds {
			holds = append(holds, t.Value)
		} else {
			fails = append(fails, t.Value)
		}
	}
	if !greatest { // nearest to the answer first
		slices.Reverse(fails)
	} else {
		slices.Reverse(holds)
	}
	said := "interrupted before a value was tried"
	if n := len(a.Trials); n > 0 {
		said = fmt.Sprintf("interrupted; values tried: %d", n)
	}
	if len(holds) > 0 {
		said += "; it holds at " + holds[0]
	}
	if len(fails) > 0 {
		said += "; it fails at " + fails[0]
	}
	return said
}

// compareValues compares two values of a key that a search tries.
func compareValues(a, b string) int {
	x, _ := sweep.Number(a)
	y, _ := sweep.Number(b)
	return cmp.Compare(x, y)
}

// commandLine returns the command that repeats the search.
func (s *solveCommand) commandLine(in *input) string {
	words := append([]string{"solve"}, in.words()...)
	if s.max != "" {
		words = append(words, "--max", s.max)
	} else {
		words = append(words, "--min", s.min)
	}
	for _, u := range s.until {
		words = append(words, "--until", u)
	}
	for _, m := range s.metrics {
		words = append(words, "--metric", m)
	}
	words = append(words, "--reps", strconv.Itoa(s.reps), "--precision", s.precision)
	return commandLine(append(words, s.settings.words()...))
}

// A solved is an answer with what was asked.
type solved struct {
	in      *input
	sets    []scenariofile.Set
	problem *sweep.Problem
	until   []string
	// measures are shown beside the metrics of the conditions.
	measures []sweep.Measure
	sweep.Answer
}

func (s *solved) json(w io.Writer) error {
	return report.WriteIndented(w, struct {
		Schema   string   `json:"schema"`
		Greatest bool     `json:"greatest"`
		Until    []string `json:"until"`
		Reps     int      `json:"reps"`
		// Aliases are the metrics that names of metrics stand for.
		Aliases map[string]string `json:"aliases,omitempty"`
		sweep.Answer
	}{"rxpath.solve/1", s.problem.Greatest, s.until, s.problem.Reps, sweep.Aliases(s.measures), s.Answer})
}

func (s *solved) text(w io.Writer) error {
	var b strings.Builder
	which := "smallest"
	if s.problem.Greatest {
		which = "greatest"
	}
	fmt.Fprintf(&b, "The %s %s for which %s", which, s.Path, strings.Join(s.until, " and "))
	if !s.Found {
		fmt.Fprintf(&b, ":\nnone of the %d values that were tried.\n", len(s.Trials))
		s.side(&b, "fails", &s.Trials[len(s.Trials)-1])
		_, err := io.WriteString(w, b.String())
		return err
	}
	fmt.Fprintf(&b, ":\n%s\n\n", s.Value)
	s.side(&b, "holds", s.Holding)
	if s.Failing != nil {
		s.side(&b, "fails", s.Failing)
	} else {
		b.WriteString("It holds at every value that was tried: the answer is an end of the range.\n")
	}
	fmt.Fprintf(&b, "\n%d values were tried.", len(s.Trials))
	if !s.Monotone {
		b.WriteString(" WARNING: there is more than one border; the answer is the first:\n")
		for _, t := range s.Trials {
			fmt.Fprintf(&b, "  %-8s %s\n", map[bool]string{true: "holds", false: "fails"}[t.Holds], t.Value)
		}
	} else {
		b.WriteString(" The conditions hold on one side of the answer only.\n")
	}
	need := int(math.Ceil(math.Log(1-sweep.Confidence) / math.Log(0.95)))
	fmt.Fprintf(&b, "A run with another seed passes with a probability of at least %.0f%%, at 95%% confidence;\n--reps %d would make that 95%%.\n", 100*s.Reliability, need)
	_, err := io.WriteString(w, b.String())
	return err
}

// page returns the answer as a page.
func (s *solved) page(set *settings, command string) (*report.Page, error) {
	answer, err := text(s.text)
	tried := report.Part{Heading: "Values that were tried", Left: 4, Table: [][]string{{s.Path, "conditions", "replications passed", strings.Join(s.metrics(), ", ")}}}
	for i := range s.Trials {
		t := &s.Trials[i]
		what := "fail"
		if t.Holds {
			what = "hold"
		}
		tried.Table = append(tried.Table, []string{t.Value, what, fmt.Sprintf("%d of %d", t.Passed, t.Reps), strings.Join(append(slices.Clone(t.Got), s.further(t)...), ", ") + t.Error})
	}
	return &report.Page{Title: fmt.Sprintf("%s of %s", s.Path, s.in.label), Parts: append([]report.Part{{Heading: "Answer", Code: answer}, tried}, s.in.origin(set, command)...)}, err
}

// metrics names the metrics of the conditions.
func (s *solved) metrics() (out []string) {
	for i := range s.problem.Until {
		m := s.problem.Until[i].Metric()
		out = append(out, m.String())
	}
	return out
}

// further prints the metrics that were asked for beside those of the conditions.
func (s *solved) further(t *sweep.Trial) (out []string) {
	for _, m := range s.measures {
		if v, ok := t.Metrics[m.Name]; ok {
			out = append(out, strings.TrimSuffix(m.Name, "_ns")+" "+m.Format(v))
		}
	}
	return out
}

// side prints one side of the border, with the command that repeats it.
func (s *solved) side(b *strings.Builder, what string, t *sweep.Trial) {
	fmt.Fprintf(b, "%s at %s: ", what, t.Value)
	switch {
	case t.Error != "":
		fmt.Fprintf(b, "the run failed: %s\n", t.Error)
	case t.Holds:
		fmt.Fprintf(b, "in %d of %d replications; seed %d has", t.Passed, t.Reps, t.Seed)
	default:
		fmt.Fprintf(b, "with seed %d, which has", t.Seed)
	}
	for i, got := range t.Got {
		metric := s.problem.Until[i].Metric()
		fmt.Fprintf(b, " %s %s", metric.String(), got)
	}
	for _, got := range s.further(t) {
		b.WriteString(", " + got)
	}
	fmt.Fprintf(b, "\n  %s\n", s.in.again(append(append([]scenariofile.Set{}, s.sets...), s.Set(t)), t.Seed))
}
