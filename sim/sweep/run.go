package sweep

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// A Base is the scenario that a sweep varies.
type Base struct {
	// Name is the scenario file's name, for faults.
	Name string
	// Data is the file.
	Data []byte
	// Sets are put into it before those of a point.
	Sets []scenariofile.Set
	// Prepare, if not nil, changes every scenario that comes out, to find captures for instance. It is called from several goroutines.
	Prepare func(*scenario.Scenario) error
}

// Scenario returns the scenario with further keys set.
func (b *Base) Scenario(sets ...scenariofile.Set) (*scenario.Scenario, error) {
	return b.parse(b.read(), sets)
}

// read reads the file, to be parsed many times.
func (b *Base) read() *scenariofile.Source { return scenariofile.Read(b.Name, b.Data) }

// parse is Scenario of a file that has been read.
func (b *Base) parse(src *scenariofile.Source, sets []scenariofile.Set) (*scenario.Scenario, error) {
	sc, err := src.Parse(append(slices.Clone(b.Sets), sets...)...)
	if err != nil {
		return nil, err
	}
	if b.Prepare != nil {
		if err := b.Prepare(&sc); err != nil {
			return nil, err
		}
	}
	return &sc, nil
}

// Options refine a sweep.
type Options struct {
	// Reps is the number of replications of each point; 0 means 1. Replication r has the scenario's seed plus r.
	Reps int
	// Workers is how many runs go on at once; 0 means one a core.
	Workers int
	// Measures are added to those that every outcome has.
	Measures []Measure
	// Shard and Shards select the points whose number leaves the remainder Shard when divided by Shards; 0 of 0 is all.
	Shard, Shards int
	// Skip, if not nil, says which runs not to do: those that a journal has.
	Skip func(point, rep int) bool
	// Done, if not nil, is called with every outcome as it comes, one at a time. Its error ends the sweep.
	Done func(Outcome) error
	// Look, if not nil, sees every result before it is forgotten, and may add to the outcome's metrics. It is called from
	// several goroutines. Solve and RunSide look themselves: it is not used there.
	Look func(o *Outcome, res *sim.Result)
	// Sim are the options of every run; Progress is not used.
	Sim sim.Options
}

// Runs returns how many runs a sweep of that design has, those skipped included.
func (o *Options) Runs(d *Design) int {
	n := 0
	for i := range d.Points {
		if o.has(i) {
			n += max(o.Reps, 1)
		}
	}
	return n
}

// has reports whether a point belongs to the shard.
func (o *Options) has(point int) bool { return o.Shards <= 1 || point%o.Shards == o.Shard }

// Check parses every value of the design alone, as far as values can be judged
// alone, so that a wrong key is found before anything runs. The error is that of
// the first point with it.
func Check(base *Base, d *Design) error {
	tried := map[scenariofile.Set]bool{}
	src := base.read()
	for i := range d.Points {
		if len(d.Points[i]) != len(d.Paths) {
			return fmt.Errorf("point %d has %d values for %d keys", i, len(d.Points[i]), len(d.Paths))
		}
		for _, s := range d.Sets(i) {
			if tried[s] {
				continue
			}
			tried[s] = true
			_, err := base.parse(src, []scenariofile.Set{s})
			if err == nil {
				continue
			}
			if _, whole := base.parse(src, d.Sets(i)); whole == nil {
				continue // wrong alone, right with the others
			}
			return err
		}
	}
	return nil
}

// Run runs every point of the design, and returns the outcomes by point and
// replication, without those skipped. A run that fails, or panics, is an outcome
// with its error, and the others go on. The error is that of ctx, of
// opts.Done, or of options that make no sense.
func Run(ctx context.Context, base *Base, d *Design, opts Options) ([]Outcome, error) {
	if opts.Shards < 0 || opts.Shard < 0 || opts.Shards > 0 && opts.Shard >= opts.Shards {
		return nil, fmt.Errorf("sweep: shard %d of %d: want 0 to %d", opts.Shard, opts.Shards, opts.Shards-1)
	}
	s := &runner{ctx: ctx, base: base, file: base.read(), design: d, opts: opts, parsed: map[string]Measure{}, points: map[int]*parsedPoint{}}
	s.opts.Sim.Progress = nil
	workers := opts.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(s.work)
	}
	wg.Wait()
	slices.SortFunc(s.out, less)
	return s.out, errors.Join(s.err, ctx.Err())
}

// A runner is a sweep under way.
type runner struct {
	ctx    context.Context
	base   *Base
	file   *scenariofile.Source
	design *Design
	opts   Options
	next   atomic.Int64 // the next run to begin

	mu     sync.Mutex
	out    []Outcome
	err    error
	parsed map[string]Measure
	points map[int]*parsedPoint // those under way
}

// A parsedPoint is the scenario of a point, parsed once for all its replications.
type parsedPoint struct {
	once sync.Once
	sc   *scenario.Scenario
	err  error
	left int // replications that have not asked for it
}

// scenario returns a copy of a point's scenario, whose seed and samples may be
// changed; what it points to is shared with the other replications.
func (s *runner) scenario(point int) (*scenario.Scenario, error) {
	p := s.point(point)
	p.once.Do(func() {
		defer func() {
			if x := recover(); x != nil {
				p.err = fmt.Errorf("panic: %v", x) // of every replication
			}
		}()
		p.sc, p.err = s.base.parse(s.file, s.design.Sets(point))
	})
	if p.err != nil {
		return nil, p.err
	}
	sc := *p.sc
	return &sc, nil
}

// point returns what a point's replications share, and forgets it with the last.
func (s *runner) point(point int) *parsedPoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.points[point]
	if p == nil {
		p = &parsedPoint{}
		for rep := range max(s.opts.Reps, 1) {
			if s.opts.Skip == nil || !s.opts.Skip(point, rep) {
				p.left++
			}
		}
		s.points[point] = p
	}
	if p.left--; p.left <= 0 {
		delete(s.points, point)
	}
	return p
}

// work does runs until there are none left.
func (s *runner) work() {
	reps := max(s.opts.Reps, 1)
	for {
		n := int(s.next.Add(1)) - 1
		point, rep := n/reps, n%reps
		if point >= len(s.design.Points) || s.ctx.Err() != nil || s.failed() {
			return
		}
		if !s.opts.has(point) || s.opts.Skip != nil && s.opts.Skip(point, rep) {
			continue
		}
		o := s.one(point, rep)
		if s.ctx.Err() != nil {
			return // it may have ended early
		}
		s.take(o)
	}
}

func (s *runner) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil
}

func (s *runner) take(o Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.out = append(s.out, o)
	if s.opts.Done != nil {
		s.err = s.opts.Done(o)
	}
}

// one does one run.
func (s *runner) one(point, rep int) (o Outcome) {
	o = Outcome{Point: point, Rep: rep, Values: s.design.Points[point]}
	defer func() {
		if p := recover(); p != nil {
			o.Error = fmt.Sprintf("panic: %v", p)
		}
	}()
	sc, err := s.scenario(point)
	if err != nil {
		o.Error = err.Error()
		return o
	}
	sc.Run.Seed += uint64(rep)
	sc.Run.Sample = 0 // no series is kept
	o.Seed = sc.Run.Seed
	res, err := sim.Run(s.ctx, sc, s.opts.Sim)
	if err != nil {
		o.Error = err.Error()
		return o
	}
	o.Digest = fmt.Sprintf("%016x", res.Digest)
	o.Metrics = s.measure(sc, res)
	if s.opts.Look != nil {
		s.opts.Look(&o, res)
	}
	return o
}

// measure reads all metrics of a result.
func (s *runner) measure(sc *scenario.Scenario, res *sim.Result) map[string]float64 {
	values := map[string]float64{}
	for _, m := range append(s.measures(texts(sc)), s.opts.Measures...) {
		if v, ok := m.value(res); ok {
			values[m.Name] = v
		}
	}
	return values
}

// measures reads the texts, each only once.
func (s *runner) measures(texts []string) []Measure {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Measure, 0, len(texts)+len(s.opts.Measures))
	for _, t := range texts {
		m, ok := s.parsed[t]
		if !ok {
			var err error
			if m, err = NewMeasure(t); err != nil {
				panic(fmt.Sprintf("sweep: standard metric: %v", err)) // caught by one
			}
			s.parsed[t] = m
		}
		out = append(out, m)
	}
	return out
}
