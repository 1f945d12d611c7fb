package report

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenario"
)

// An Assumption is a cost that nobody measured, and that moves what a run shows.
type Assumption struct {
	// Key is the cost's key in the profile: "idle_exit".
	Key string
	// Objective is what it moves.
	Objective Objective
	// Half and More are the runs with half the cost and with half as much again.
	Half, More Trial
}

// FindAssumptions returns the assumed costs that move the headline of a run by
// more than 10 % when they are half as large or half as large again: its losses
// if there are any, else the 99th percentile of the latency from the wire to
// the application. It takes two runs for every assumed cost, as short as those
// of [FindBottleneck], on all cores: opts must bear that. Where these would serve
// more than most packets in all, of which lost ones count an eighth, it looks at
// none and returns nil.
func FindAssumptions(ctx context.Context, sc *scenario.Scenario, res *sim.Result, opts sim.Options, most uint64) ([]Assumption, error) {
	f, err := newFinder(ctx, sc, res, opts, view{frames: 50_000, pauses: 1})
	if err != nil {
		return nil, fmt.Errorf("report: assumptions: %w", err)
	}
	var keys []string
	sc.Host.Costs.Each(func(key string, c *kernel.Cost) {
		if c.Assumed && (c.Fixed > 0 || c.PerByte > 0) {
			keys = append(keys, key)
		}
	})
	if work := f.base.Served + f.base.Lost/8; work > most/uint64(2*max(len(keys), 1)) {
		return nil, nil
	}
	found, errs := make([]*Assumption, len(keys)), make([]error, len(keys))
	var wg sync.WaitGroup
	next := atomic.Int64{}
	for range min(runtime.GOMAXPROCS(0), len(keys)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(keys)); i = next.Add(1) - 1 {
				found[i], errs[i] = f.assume(sc, keys[i])
			}
		})
	}
	wg.Wait()
	out := []Assumption{}
	for i, a := range found {
		if errs[i] != nil {
			return nil, fmt.Errorf("report: assumptions: with another %s: %w", keys[i], errs[i])
		}
		if a != nil {
			out = append(out, *a)
		}
	}
	return out, nil
}

// assume runs the scenario with half a cost and with half as much again; it
// returns nil if neither moves the objective.
func (f *finder) assume(sc *scenario.Scenario, key string) (*Assumption, error) {
	half, err := f.withCost(sc, key, 1)
	if err != nil || half.digest == f.base.digest { // no packet takes this step
		return nil, err
	}
	more, err := f.withCost(sc, key, 3)
	if err != nil || !f.moved(&half) && !f.moved(&more) {
		return nil, err
	}
	return &Assumption{Key: key, Objective: f.objective, Half: half, More: more}, nil
}

// withCost runs the scenario with so many halves of a cost.
func (f *finder) withCost(sc *scenario.Scenario, key string, halves engine.Time) (Trial, error) {
	c := clone(sc)
	c.Host.Costs.Each(func(k string, cost *kernel.Cost) {
		if k == key {
			cost.Fixed = cost.Fixed * halves / 2
			cost.PerByte = cost.PerByte * halves / 2
		}
	})
	res, err := f.run(c)
	if err != nil {
		return Trial{}, err
	}
	return trialOf(key, res), nil
}

// moved reports whether the objective is more than a tenth away from the base,
// and by more than what counts at all.
func (f *finder) moved(t *Trial) bool {
	a, b := f.base.Lost, t.Lost
	if f.objective == LowerLatency {
		if t.Lost >= leastSaved {
			return true
		}
		a, b = uint64(f.base.P99), uint64(t.P99)
	}
	d := max(minus(a, b), minus(b, a))
	return d > a/10 && (f.objective == LowerLatency || d >= leastSaved)
}

// assumptionSentence names the costs with what they do to the objective.
func assumptionSentence(all []Assumption) string {
	if len(all) == 0 {
		return "Assumed costs: none moves the result by more than a tenth when halved or half as large again."
	}
	var parts []string
	for i := range all {
		a := &all[i]
		show := func(t *Trial) string {
			if a.Objective == LowerLatency && t.Lost == 0 {
				return shortTime(t.P99)
			}
			return grouped(t.Lost) + " lost"
		}
		parts = append(parts, fmt.Sprintf("%s (%s to %s)", a.Key, show(&a.Half), show(&a.More)))
	}
	what := "losses"
	if all[0].Objective == LowerLatency {
		what = "p99 from wire to application"
	}
	return fmt.Sprintf("Assumed costs that move %s by more than a tenth when halved or half as large again: %s.", what, strings.Join(parts, ", "))
}
