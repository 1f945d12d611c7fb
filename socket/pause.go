package socket

import (
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
)

// Pauses are when a thread does nothing: a garbage collector stops it, a log is
// flushed. A pause holds back what the thread would do in user mode; a call
// that it is in the middle of goes on to its end.
type Pauses struct {
	// Every is the time from one beginning to the next if it is fixed, the first at Every; if it is a law, the
	// time from the end of a pause to the beginning of the next. Its zero value: no pauses but those of Trace.
	Every law.Law
	// For is how long each lasts.
	For law.Law
	// Trace are pauses as they were recorded, in the order of their beginnings.
	Trace []Pause
}

// A Pause is a stretch of time, from the beginning of the run.
type Pause struct{ At, For engine.Time }

// None reports that there are no pauses.
func (p *Pauses) None() bool { return len(p.Trace) == 0 && p.Every == law.Law{} }

// A pauser knows the pause that is going on or comes next.
type pauser struct {
	cfg    *Pauses
	rand   engine.Stream
	fixed  engine.Time // Every, if it is always the same
	at     engine.Time // the beginning of the pause
	end    engine.Time
	traced int // of Trace
}

// newPauser returns the pauses of a thread; what they draw, they draw from a
// stream of their own.
func newPauser(cfg *Pauses, rand *engine.Stream) *pauser {
	p := &pauser{cfg: cfg, at: engine.Never, end: engine.Never}
	if every, ok := cfg.Every.Fixed(); ok {
		p.fixed = engine.Time(every)
	}
	if _, ok := cfg.For.Fixed(); !ok || p.fixed == 0 && len(cfg.Trace) == 0 {
		p.rand = engine.NewStream(rand.Uint64(), "pauses")
	}
	p.next(0)
	return p
}

// next finds the pause that follows the present one, which ends at t.
func (p *pauser) next(t engine.Time) {
	switch {
	case p.traced < len(p.cfg.Trace):
		p.at = p.cfg.Trace[p.traced].At
		p.end = p.at + p.cfg.Trace[p.traced].For
		p.traced++
		return
	case len(p.cfg.Trace) > 0 || p.cfg.None():
		p.at, p.end = engine.Never, engine.Never
		return
	case p.fixed > 0:
		p.at = (t/p.fixed + 1) * p.fixed
	default:
		p.at = t + engine.Time(p.cfg.Every.Draw(&p.rand))
	}
	p.end = max(p.at+engine.Time(p.cfg.For.Draw(&p.rand)), t+1)
}

// pauseEnd returns the end of the pause in which now lies, 0 if in none. now
// never goes back.
func (p *pauser) pauseEnd(now engine.Time) engine.Time {
	for p.end <= now {
		p.next(p.end)
	}
	if now < p.at {
		return 0
	}
	return p.end
}
