package report

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// None is the stage of a [Bottleneck] when nothing binds, or nothing alone.
const None = "none"

// A Bottleneck is the stage of the path at which a run waits or loses: the one
// that, relaxed alone, improves the run most.
type Bottleneck struct {
	// Stage is its name: ring, moderation, budget, backlog, rcvbuf, udp_mem, tap, scheduling, softirq, reader, pauses, partner;
	// or none.
	Stage string
	// Counter is where an operator sees it, Value what it has in the whole run. With stage none, it is that of the
	// largest loss, if there is one.
	Counter Counter
	Value   uint64
	// Knob is the path of what to change: nics[eth0].ring.rx.
	Knob string
	// Objective is what was to improve.
	Objective Objective
	// Window is the virtual time of the runs that were compared, from the start of the scenario.
	Window engine.Time
	// Base is the scenario as it is, over Window.
	Base Trial
	// Trials are the runs with one stage relaxed; stages that could not matter were left out.
	Trials []Trial
	what   string
	how    string
	best   int
}

// An Objective is what is to improve.
type Objective uint8

// Objectives.
const (
	// FewerLosses is the objective of a run that loses packets, the link partner's losses included.
	FewerLosses Objective = iota
	// LowerLatency is that of the others: the 99th percentile from the wire to the application.
	LowerLatency
)

// String returns the metric.
func (o Objective) String() string {
	if o == FewerLosses {
		return "drops"
	}
	return "p(latency.wire_to_app, 99)"
}

// A Trial is a run with one stage relaxed, or with none.
type Trial struct {
	// Stage is its name; empty for the scenario as it is.
	Stage string
	// Lost counts packets lost, those of the link partner included.
	Lost uint64
	// Served counts packets that came to their end as meant: read, or refused on purpose.
	Served uint64
	// P99 is the 99th percentile of the time from the wire to the application.
	P99 engine.Time
	// Permille is the improvement of the objective, in thousandths of the base: packets saved, or time.
	Permille int
	// Counts says that the improvement is large enough to name the stage.
	Counts bool

	dropped [skb.NumReasons]uint64
	read    uint64
	digest  uint64
	gain    int // permille of Served
	score   uint64
}

// An improvement counts if it is a tenth of the base (of the losses, or of what
// is served when most is lost), and at least this much. Below, it is noise, or,
// of a latency, the cost of the path itself and no waiting.
const (
	leastPermille = 100
	leastSaved    = 5
	leastFaster   = 5 * engine.Microsecond
)

// FindBottleneck runs the scenario again, with one stage relaxed at a time, and
// names the stage that helps most; sc and res are the scenario and what its run
// showed. The objective is the losses if there are any, else the 99th percentile
// of the latency from the wire to the application.
//
// A packet counts as saved only if it gets to its end: one that waits in a
// larger buffer when the run ends is not saved. Runs that are long are cut to
// the first part, as long as that shows the same as the whole. The same
// arguments give the same answer. It takes up to thirteen runs; opts is used
// for them without its Progress.
func FindBottleneck(ctx context.Context, sc *scenario.Scenario, res *sim.Result, opts sim.Options) (Bottleneck, error) {
	f, err := newFinder(ctx, sc, res, opts, view{frames: 200_000, pauses: 2})
	if err != nil {
		return Bottleneck{}, fmt.Errorf("report: bottleneck: %w", err)
	}
	b := Bottleneck{Stage: None, Objective: f.objective, Window: f.window, Base: f.base, best: -1}
	for i := range limits {
		l := &limits[i]
		if !l.applies(sc, res) {
			continue
		}
		relaxed := clone(sc)
		l.relax(relaxed)
		t, err := f.try(l.name, relaxed)
		if err != nil {
			return Bottleneck{}, fmt.Errorf("report: bottleneck: with %s relaxed: %w", l.name, err)
		}
		b.Trials = append(b.Trials, t)
	}
	b.choose(sc, res)
	return b, nil
}

// choose names the stage of the best trial. Of several that are within a tenth
// of it, it is the one in whose own place the packets are lost, else the one
// that is easiest to change.
func (b *Bottleneck) choose(sc *scenario.Scenario, res *sim.Result) {
	b.best = b.bestTrial()
	if b.best < 0 {
		b.Counter = largestLoss(&res.Snapshot.Ledger)
		b.Value = b.Counter.Value(res)
		return
	}
	t := &b.Trials[b.best]
	l := limitNamed(t.Stage)
	b.Stage, b.what, b.how, b.Counter, b.Knob = l.name, l.what, l.how, l.waits, l.knob(sc, res)
	if b.Objective == FewerLosses {
		if r := mostReduced(&b.Base.dropped, &t.dropped); r != skb.NotDropped {
			b.Counter = counterOf(r)
		}
	}
	b.Value = b.Counter.Value(res)
}

// bestTrial returns the index of the trial to name, -1 if none counts.
func (b *Bottleneck) bestTrial() int {
	most := uint64(0)
	for i := range b.Trials {
		most = max(most, b.Trials[i].score)
	}
	best := -1
	for i := range b.Trials {
		t := &b.Trials[i]
		if !t.Counts || t.score < most-most/10 {
			continue
		}
		if slices.Contains(limitNamed(t.Stage).own, mostReduced(&b.Base.dropped, &t.dropped)) {
			return i
		}
		if best < 0 {
			best = i
		}
	}
	return best
}

// limitNamed returns the limit of that name.
func limitNamed(name string) *limit {
	return &limits[slices.IndexFunc(limits, func(l limit) bool { return l.name == name })]
}

// mostReduced returns the reason for which most packets less were lost.
func mostReduced(base, relaxed *[skb.NumReasons]uint64) skb.DropReason {
	best, most := skb.NotDropped, uint64(0)
	for r := range base {
		if skb.DropReason(r).Lost() && base[r] > relaxed[r] && base[r]-relaxed[r] > most {
			best, most = skb.DropReason(r), base[r]-relaxed[r]
		}
	}
	return best
}

// largestLoss returns the counter of the reason for which most were lost.
func largestLoss(l *skb.Ledger) Counter {
	var none [skb.NumReasons]uint64
	return counterOf(mostReduced(&l.Dropped, &none))
}

// A finder runs variants of a scenario over a window and compares them.
type finder struct {
	ctx       context.Context
	opts      sim.Options
	window    engine.Time
	objective Objective
	base      Trial
}

// A view says how much of a run is run again: a time that shows so many frames
// and so many pauses of every reader, at least 50 ms.
type view struct {
	frames uint64
	pauses engine.Time
}

// leastWindow is the least time that is run again.
const leastWindow = 50 * engine.Millisecond

// newFinder chooses the window and runs the scenario as it is over it.
func newFinder(ctx context.Context, sc *scenario.Scenario, res *sim.Result, opts sim.Options, v view) (*finder, error) {
	opts.Progress = nil
	f := &finder{ctx: ctx, opts: opts, window: v.window(sc, res), objective: LowerLatency}
	whole := trialOf("", res)
	if whole.Lost > 0 {
		f.objective = FewerLosses
	}
	f.base = whole
	if f.window == res.Time {
		return f, nil
	}
	short, err := f.run(sc)
	if err != nil {
		return nil, err
	}
	base := trialOf("", short)
	if f.represents(&base, &whole, res.Time) {
		f.base = base
		return f, nil
	}
	f.window = res.Time
	return f, nil
}

// window returns how long the runs should be, at most the whole run.
func (v view) window(sc *scenario.Scenario, res *sim.Result) engine.Time {
	w := leastWindow
	if n := res.Snapshot.Ledger.Frames + res.Partner; n > v.frames {
		hi, lo := bits.Mul64(uint64(res.Time), v.frames)
		t, _ := bits.Div64(hi, lo, n) // n > v.frames: the quotient is below res.Time
		w = max(w, engine.Time(t))
	} else {
		w = res.Time
	}
	for i := range sc.Apps {
		if r := &sc.Apps[i].Read; r.PauseEvery > 0 && r.PauseEvery < res.Time/v.pauses {
			w = max(w, v.pauses*r.PauseEvery+2*r.PauseFor)
		} else if r.PauseEvery > 0 {
			w = res.Time
		}
	}
	if w > res.Time/4*3 { // the whole has been run already
		return res.Time
	}
	return w
}

// represents reports whether the window shows what the whole run showed, within
// a factor of two: the losses for the time, or the latency.
func (f *finder) represents(short, whole *Trial, time engine.Time) bool {
	if f.objective == FewerLosses {
		a, b := mul(short.Lost, uint64(time)), mul(whole.Lost, uint64(f.window))
		return short.Lost >= leastSaved && !less(twice(a), b) && !less(twice(b), a)
	}
	return short.Lost == 0 && short.P99 <= 2*whole.P99 && whole.P99 <= 2*short.P99
}

// wide is a product of two 64-bit numbers.
type wide struct{ hi, lo uint64 }

func mul(a, b uint64) (w wide) {
	w.hi, w.lo = bits.Mul64(a, b)
	return w
}

func twice(w wide) wide { return wide{w.hi<<1 | w.lo>>63, w.lo << 1} }

func less(a, b wide) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// run runs a variant over the window.
func (f *finder) run(sc *scenario.Scenario) (*sim.Result, error) {
	c := *sc
	c.Run.For = f.window
	c.Run.Sample = 0
	c.Run.Naive = false
	c.Run.MaxMemory = math.MaxInt64
	return sim.Run(f.ctx, &c, f.opts)
}

// try runs a variant and compares it with the base.
func (f *finder) try(stage string, sc *scenario.Scenario) (Trial, error) {
	res, err := f.run(sc)
	if err != nil {
		return Trial{}, err
	}
	t := trialOf(stage, res)
	f.compare(&t)
	return t, nil
}

// compare rates a trial by the base.
func (f *finder) compare(t *Trial) {
	b := &f.base
	if f.objective == LowerLatency {
		if t.Lost == 0 && t.read > 0 && t.P99 < b.P99 {
			t.score = uint64(b.P99 - t.P99)
			t.Permille = permille(t.score, uint64(b.P99))
		}
		t.Counts = t.Permille >= leastPermille && t.score >= uint64(leastFaster)
		return
	}
	t.score = min(minus(b.Lost, t.Lost), minus(t.Served, b.Served))
	t.Permille = permille(t.score, b.Lost)
	t.gain = permille(t.score, max(b.Served, 1))
	t.Counts = max(t.Permille, t.gain) >= leastPermille && t.score >= leastSaved
}

// permille returns a in thousandths of b, at most a million of them.
func permille(a, b uint64) int {
	const most = 1_000_000
	hi, lo := bits.Mul64(a, 1000)
	if hi >= b {
		return most
	}
	q, _ := bits.Div64(hi, lo, b)
	return int(min(q, most))
}

// minus returns a-b, not less than 0.
func minus(a, b uint64) uint64 {
	if a < b {
		return 0
	}
	return a - b
}

// trialOf takes from a result what trials are compared by.
func trialOf(stage string, res *sim.Result) Trial {
	l := &res.Snapshot.Ledger
	t := Trial{Stage: stage, digest: res.Digest, Lost: l.Drops() + res.Partner, Served: l.Consumed + l.Rejects(), dropped: l.Dropped}
	for i := range res.Stages {
		if s := &res.Stages[i]; s.Name == "wire_to_app" {
			t.P99, t.read = s.Hist.Quantile(990_000), s.Hist.N
		}
	}
	return t
}

// Sentence names the stage, its counter, what relaxing it alone brought, and
// the knob; or says that nothing binds.
func (b *Bottleneck) Sentence() string {
	if b.Stage == None {
		return "Bottleneck: none; " + b.whyNone()
	}
	seen := "no counter shows it"
	if b.Counter.Name != "" {
		seen = b.Counter.with(b.Value)
	}
	return fmt.Sprintf("Bottleneck: %s (%s): with %s alone, %s; knob: %s.", b.what, seen, b.how, b.change(&b.Trials[b.best]), b.Knob)
}

// change says what a trial changed in the objective.
func (b *Bottleneck) change(t *Trial) string {
	by := percent(uint64(t.Permille), 1000, 0)
	switch {
	case b.Objective == LowerLatency:
		return fmt.Sprintf("p99 from wire to application goes from %s to %s (-%s)", shortTime(b.Base.P99), shortTime(t.P99), by)
	case t.Permille < leastPermille:
		return fmt.Sprintf("packets served in %s go from %s to %s (+%s)", shortTime(b.Window), grouped(b.Base.Served), grouped(t.Served),
			percent(t.Served-b.Base.Served, max(b.Base.Served, 1), 0))
	}
	return fmt.Sprintf("%s of %s losses in %s are saved", by, grouped(b.Base.Lost), shortTime(b.Window))
}

func (b *Bottleneck) whyNone() string {
	switch {
	case b.Objective == FewerLosses:
		seen := "the link partner loses most"
		if b.Counter.Name != "" {
			seen = b.Counter.with(b.Value)
		}
		return fmt.Sprintf("%s lost (%s), but no stage relaxed alone saves a tenth of them, or serves a tenth more.",
			plural(int(b.Base.Lost), "packet is", "packets are"), seen)
	case b.Base.read == 0:
		return "nothing is lost, and nothing is read."
	}
	return fmt.Sprintf("nothing is lost, and no stage relaxed alone makes p99 from wire to application (%s) a tenth and %s shorter.",
		shortTime(b.Base.P99), shortTime(leastFaster))
}
