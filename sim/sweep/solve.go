package sweep

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"runtime"
	"slices"
	"sync"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// A Problem asks for the value of one key from which on conditions hold.
type Problem struct {
	// Axis is the key with its candidates in ascending order, or the range in which they lie. A range between bare whole
	// numbers is solved to the unit, any other to Precision. The zero High is no bound: it is found by doubling Low.
	Axis Axis
	// Greatest asks for the largest value for which the conditions hold (a load); otherwise for the smallest (a buffer).
	Greatest bool
	// Until are the conditions. All of them have to hold, in all replications.
	Until []report.Threshold
	// Precision is the ratio at which the search in a range ends: 0.01 for 1 %; 0 means that.
	Precision float64
	// Reps is the number of replications of every value; 0 means 5.
	Reps int
	// Probes is the number of further values, half of them on either side of the answer, at which the conditions are
	// looked at to see whether they hold on one side only; 0 means 6, below 0 none.
	Probes int
}

// DefaultPrecision and the like are what zeros of a Problem mean.
const (
	DefaultPrecision = 0.01
	DefaultSolveReps = 5
	DefaultProbes    = 6
)

// A Trial is one value that was tried.
type Trial struct {
	// Value is the key's.
	Value string `json:"value"`
	// Holds reports whether the conditions held in every replication; Passed is in how many they did, of Reps. The
	// replications end with the first that does not pass.
	Holds  bool `json:"holds"`
	Passed int  `json:"passed"`
	Reps   int  `json:"reps"`
	// Seed is that of the replication that Got is of: the first that did not pass, else the first.
	Seed uint64 `json:"seed"`
	// Got are the values of the conditions' metrics there.
	Got []string `json:"got"`
	// Metrics are those of Options.Measures in that replication, by name.
	Metrics map[string]float64 `json:"metrics,omitempty"`
	// Error says why a replication failed; it did not pass then.
	Error string `json:"error,omitempty"`

	at *big.Rat
}

// An Answer is the solution of a Problem.
type Answer struct {
	Path string `json:"path"`
	// Found is false if the conditions hold nowhere in the range.
	Found bool `json:"found"`
	// Value is the smallest, or greatest, value for which they hold: the trial Holding. Failing is the nearest value beyond
	// it at which they do not; nil if they hold everywhere.
	Value   string `json:"value"`
	Holding *Trial `json:"holding,omitempty"`
	Failing *Trial `json:"failing,omitempty"`
	// Trials are all values that were tried, in ascending order.
	Trials []Trial `json:"trials"`
	// Monotone is false if the conditions held beyond a value at which they did not: then there is more than one border.
	Monotone bool `json:"monotone"`
	// Another run with a seed of its own passes at Value with at least this probability, at 95 % confidence: 0.05^(1/Reps).
	Reliability float64 `json:"reliability"`
}

// Solve searches by bisection, which needs a number of runs that grows with the
// logarithm of the range. It assumes that the conditions hold on one side of
// the answer only, and looks at some more values to see whether they do. The
// error is that of ctx, or of a problem that makes no sense.
func Solve(ctx context.Context, base *Base, p Problem, opts Options) (Answer, error) {
	s := &solver{ctx: ctx, base: base, p: p, opts: opts}
	if s.p.Reps <= 0 {
		s.p.Reps = DefaultSolveReps
	}
	if s.p.Precision <= 0 {
		s.p.Precision = DefaultPrecision
	}
	if s.p.Probes == 0 {
		s.p.Probes = DefaultProbes
	}
	if err := s.check(); err != nil {
		return Answer{}, err
	}
	err := s.search()
	return s.answer(), err
}

// A solver is a search under way.
type solver struct {
	ctx    context.Context
	base   *Base
	p      Problem
	opts   Options
	lo, hi quantity
	trials []*Trial // in ascending order
}

// check reads the range.
func (s *solver) check() (err error) {
	a := &s.p.Axis
	if len(s.p.Until) == 0 {
		return errors.New("sweep: a problem without conditions")
	}
	if a.Values != nil {
		for i := 1; i < len(a.Values); i++ {
			x, err1 := parseQuantity(a.Values[i-1])
			y, err2 := parseQuantity(a.Values[i])
			if err := errors.Join(err1, err2); err != nil {
				return fmt.Errorf("%s: %w", a.Path, err)
			}
			if x.value.Cmp(y.value) >= 0 {
				return fmt.Errorf("%s: %s before %s: want ascending values", a.Path, a.Values[i-1], a.Values[i])
			}
		}
		return nil
	}
	if s.lo, err = parseQuantity(a.Low); err != nil {
		return fmt.Errorf("%s: %w", a.Path, err)
	}
	if a.High == "" {
		if s.lo.value.Sign() <= 0 {
			return fmt.Errorf("%s: a range without end begins above 0", a.Path)
		}
		return nil
	}
	if s.hi, err = parseQuantity(a.High); err != nil {
		return fmt.Errorf("%s: %w", a.Path, err)
	}
	return nil
}

// whole reports whether candidates are whole numbers.
func (s *solver) whole() bool { return s.lo.whole() && (s.p.Axis.High == "" || s.hi.whole()) }

// search finds the border.
func (s *solver) search() error {
	if s.p.Axis.Values != nil {
		return s.searchList()
	}
	lo, err := s.try(s.lo.value)
	if err != nil {
		return err
	}
	hi, err := s.upperEnd(lo)
	if err != nil || lo.Holds == hi.Holds {
		return err
	}
	for !s.near(lo.at, hi.at) {
		mid, err := s.try(s.middle(lo.at, hi.at))
		if err != nil {
			return err
		}
		if mid.Holds == lo.Holds {
			lo = mid
		} else {
			hi = mid
		}
	}
	return s.probe(s.lo.value, s.trials[len(s.trials)-1].at)
}

// maxDoublings bounds the search for an upper end.
const maxDoublings = 40

// upperEnd tries the upper end of the range, or doubles the lower one until the
// conditions change.
func (s *solver) upperEnd(lo *Trial) (*Trial, error) {
	if s.p.Axis.High != "" {
		return s.try(s.hi.value)
	}
	at := lo
	for range maxDoublings {
		next, err := s.try(new(big.Rat).Mul(at.at, big.NewRat(2, 1)))
		if err != nil || next.Holds != lo.Holds || next.Error != "" {
			return next, err
		}
		at = next
	}
	return at, nil
}

// near reports whether nothing is left between two values.
func (s *solver) near(lo, hi *big.Rat) bool {
	gap := new(big.Rat).Sub(hi, lo)
	if s.whole() {
		return gap.Cmp(big.NewRat(1, 1)) <= 0
	}
	limit := new(big.Rat).SetFloat64(s.p.Precision)
	return gap.Cmp(limit.Mul(limit, hi)) <= 0
}

// middle returns the value to try between two: the geometric mean where they
// are far apart, else the arithmetic one.
func (s *solver) middle(lo, hi *big.Rat) *big.Rat {
	sum := new(big.Rat).Add(lo, hi)
	mid := sum.Mul(sum, big.NewRat(1, 2))
	if lo.Sign() > 0 && new(big.Rat).Quo(hi, lo).Cmp(big.NewRat(4, 1)) > 0 {
		l, _ := lo.Float64()
		h, _ := hi.Float64()
		mid = new(big.Rat).SetFloat64(math.Round(math.Sqrt(l * h)))
		if s.lo.unit == "" && !s.whole() {
			mid = new(big.Rat).SetFloat64(math.Round(math.Sqrt(l*h)*1000) / 1000)
		}
	}
	return s.round(mid, lo, hi)
}

// round makes a value short to print: a whole number, or as many digits as the
// precision needs.
func (s *solver) round(v, lo, hi *big.Rat) *big.Rat {
	if s.whole() {
		return new(big.Rat).SetInt(new(big.Int).Quo(v.Num(), v.Denom()))
	}
	if at, _, _ := family(s.lo.unit); families[at][0].unit == "B" {
		return roundBytes(v, lo, hi)
	}
	f, _ := v.Float64()
	for digits := 2; digits < 15; digits++ {
		r, ok := new(big.Rat).SetString(fmt.Sprintf("%.*e", digits-1, f))
		if s.lo.unit != "" && ok && !r.IsInt() {
			r = roundRat(r)
		}
		if ok && r.Cmp(lo) > 0 && r.Cmp(hi) < 0 {
			away := new(big.Rat).Sub(r, v)
			if away.Abs(away).Cmp(new(big.Rat).Mul(new(big.Rat).Sub(hi, lo), big.NewRat(1, 4))) <= 0 {
				return r
			}
		}
	}
	return v
}

// roundBytes returns the roundest binary number near the middle of two.
func roundBytes(v, lo, hi *big.Rat) *big.Rat {
	for step := int64(1) << 30; step > 1; step >>= 1 {
		r := roundRat(new(big.Rat).Quo(v, big.NewRat(step, 1)))
		if r.Mul(r, big.NewRat(step, 1)); r.Cmp(lo) > 0 && r.Cmp(hi) < 0 {
			return r
		}
	}
	return roundRat(v)
}

// searchList bisects a list of candidates.
func (s *solver) searchList() error {
	values := s.p.Axis.Values
	at := func(i int) (*Trial, error) {
		q, err := parseQuantity(values[i])
		if err != nil {
			return nil, err
		}
		return s.tryText(q.value, values[i])
	}
	i, j := 0, len(values)-1
	lo, err := at(i)
	if err != nil {
		return err
	}
	hi, err := at(j)
	if err != nil || lo.Holds == hi.Holds {
		return err
	}
	for j-i > 1 {
		mid, err := at((i + j) / 2)
		if err != nil {
			return err
		}
		if mid.Holds == lo.Holds {
			i = (i + j) / 2
		} else {
			j = (i + j) / 2
		}
	}
	for k := range max(s.p.Probes, 0) { // spread over what was not tried
		n := (k + 1) * len(values) / (max(s.p.Probes, 0) + 1)
		if n > 0 && n < len(values)-1 {
			if _, err := at(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// probe looks at values on both sides of the border.
func (s *solver) probe(lo, hi *big.Rat) error {
	a := s.answer()
	if a.Holding == nil || a.Failing == nil {
		return nil
	}
	below, above := a.Holding.at, a.Failing.at
	if below.Cmp(above) > 0 {
		below, above = above, below
	}
	half := max(s.p.Probes, 0) / 2
	for k := range half {
		part := big.NewRat(int64(k+1), int64(half+1))
		for _, side := range [][2]*big.Rat{{lo, below}, {above, hi}} {
			v := new(big.Rat).Sub(side[1], side[0])
			v.Add(side[0], v.Mul(v, part))
			if v = s.round(v, side[0], side[1]); v.Cmp(side[0]) <= 0 || v.Cmp(side[1]) >= 0 {
				continue
			}
			if _, err := s.try(v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *solver) try(v *big.Rat) (*Trial, error) {
	return s.tryText(v, quantity{v, s.lo.unit, s.lo.point}.String())
}

// tryText runs one value, once.
func (s *solver) tryText(v *big.Rat, text string) (*Trial, error) {
	i, known := slices.BinarySearchFunc(s.trials, v, func(t *Trial, v *big.Rat) int { return t.at.Cmp(v) })
	if known {
		return s.trials[i], nil
	}
	t, err := s.run(text)
	if err != nil {
		return nil, err
	}
	t.at = v
	s.trials = slices.Insert(s.trials, i, t)
	return t, nil
}

// run runs the replications of a value, up to the first that does not pass.
func (s *solver) run(text string) (*Trial, error) {
	type verdict struct {
		pass bool
		got  []string
	}
	verdicts := make([]verdict, s.p.Reps)
	var mu sync.Mutex
	opts := s.opts
	opts.Reps = s.p.Reps
	opts.Look = func(o *Outcome, res *sim.Result) {
		v := verdict{pass: true}
		for _, c := range s.p.Until {
			ok, got := c.Eval(res)
			v.pass = v.pass && ok
			v.got = append(v.got, got)
		}
		mu.Lock()
		defer mu.Unlock()
		verdicts[o.Rep] = v
	}
	d := Design{Paths: []string{s.p.Axis.Path}, Points: [][]string{{text}}}
	workers := opts.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	t := &Trial{Value: text, Reps: s.p.Reps}
	// In order, and no further than the first that does not pass: what is reported does not depend on the number of cores.
	for from := 0; from < s.p.Reps; {
		n := min(s.p.Reps-from, workers)
		opts.Skip = func(_, rep int) bool { return rep < from || rep >= from+n }
		out, err := Run(s.ctx, s.base, &d, opts)
		if err != nil {
			return nil, err
		}
		for _, o := range out {
			v := verdicts[o.Rep]
			switch {
			case o.Error != "":
				t.Seed, t.Error, t.Got, t.Metrics = o.Seed, o.Error, nil, nil
				return t, nil
			case !v.pass:
				t.Seed, t.Got, t.Metrics = o.Seed, v.got, o.further(opts.Measures)
				return t, nil
			}
			if t.Passed++; t.Passed == 1 {
				t.Seed, t.Got, t.Metrics = o.Seed, v.got, o.further(opts.Measures)
			}
		}
		from += n
	}
	t.Holds = true
	return t, nil
}

// answer reads the border off the trials.
func (s *solver) answer() Answer {
	a := Answer{Path: s.p.Axis.Path, Monotone: true, Reliability: math.Pow(1-Confidence, 1/float64(s.p.Reps))}
	for _, t := range s.trials {
		a.Trials = append(a.Trials, *t)
	}
	ordered := slices.Clone(s.trials) // the conditions should hold from the first on, up to some
	if !s.p.Greatest {
		slices.Reverse(ordered)
	}
	for _, t := range ordered {
		switch {
		case t.Holds && a.Failing == nil:
			a.Holding = t
		case t.Holds:
			a.Monotone = false
		case a.Failing == nil:
			a.Failing = t
		}
	}
	if a.Holding != nil {
		a.Found, a.Value = true, a.Holding.Value
	}
	return a
}

// ParseConditions reads conditions and checks that the scenario has what they
// name.
func ParseConditions(sc *scenario.Scenario, texts []string) ([]report.Threshold, error) {
	of := *sc
	of.Thresholds = texts
	return report.ParseThresholds(&of)
}

// Set returns the setting of a trial.
func (a *Answer) Set(t *Trial) scenariofile.Set {
	return scenariofile.Set{Path: a.Path, Value: t.Value}
}
