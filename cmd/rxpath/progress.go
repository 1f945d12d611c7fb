package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/cwriter"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/sweep"
)

// progressDelay is how long a run must take before there is anything to see.
const progressDelay = 300 * time.Millisecond

// A progress is a bar on a terminal: virtual time, packets per second of real
// time, and what is left. Its zero value is one that nobody sees.
type progress struct {
	container *mpb.Progress
	bar       *mpb.Bar
	started   time.Time
	frames    atomic.Uint64
	at        atomic.Int64
}

// isTerminal reports whether w is a terminal that can move its cursor.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && cwriter.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// newProgress begins a bar for a run of that length, if w is a terminal.
func newProgress(w io.Writer, runFor engine.Time) *progress {
	p := &progress{started: time.Now()}
	if !p.begin(w) {
		return p
	}
	style := mpb.BarStyle().Lbound("").Rbound("").Filler("━").Tip("━").Padding("─")
	p.bar = p.container.New(int64(runFor), style,
		mpb.PrependDecorators(decor.Any(p.simulated(runFor))),
		mpb.AppendDecorators(decor.Any(p.speed), decor.Any(p.left(runFor))),
	)
	return p
}

// newWaiting begins a spinner for something whose length is not known, if w is
// a terminal.
func newWaiting(w io.Writer, what string) *progress {
	p := &progress{started: time.Now()}
	if p.begin(w) {
		p.bar = p.container.New(0, mpb.SpinnerStyle().PositionLeft(),
			mpb.BarWidth(2), mpb.AppendDecorators(decor.Name(what+" "), decor.Elapsed(decor.ET_STYLE_GO)))
	}
	return p
}

// begin opens the terminal, if w is one.
func (p *progress) begin(w io.Writer) bool {
	if !isTerminal(w) {
		return false
	}
	shown := make(chan struct{})
	time.AfterFunc(progressDelay, func() { close(shown) })
	p.container = mpb.New(mpb.WithOutput(w), mpb.WithWidth(30), mpb.WithRenderDelay(shown))
	return true
}

// step is a sim.Options.Progress.
func (p *progress) step(at engine.Time, frames uint64) {
	p.frames.Store(frames)
	p.at.Store(int64(at))
	if p.bar != nil {
		p.bar.SetCurrent(int64(at))
	}
}

// done takes the bar away.
func (p *progress) done() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.container.Wait()
	}
}

// simulated prints the virtual time.
func (p *progress) simulated(runFor engine.Time) decor.DecorFunc {
	return func(decor.Statistics) string {
		return fmt.Sprintf("%.1f s of %.4g s ", engine.Time(p.at.Load()).Seconds(), runFor.Seconds())
	}
}

// speed prints packets per second of real time.
func (p *progress) speed(decor.Statistics) string {
	rate := float64(p.frames.Load()) / time.Since(p.started).Seconds()
	switch {
	case rate >= 1e6:
		return fmt.Sprintf(" %.1f M packets/s", rate/1e6)
	case rate >= 1e3:
		return fmt.Sprintf(" %.0f k packets/s", rate/1e3)
	}
	return fmt.Sprintf(" %.0f packets/s", rate)
}

// left prints how long the rest will take at the speed so far.
func (p *progress) left(runFor engine.Time) decor.DecorFunc {
	return func(decor.Statistics) string {
		at := engine.Time(p.at.Load())
		if at == 0 {
			return ""
		}
		rest := time.Duration(float64(time.Since(p.started)) * float64(runFor-at) / float64(at))
		return ", " + rest.Round(time.Second).String() + " left"
	}
}

// A counting is a bar on a terminal for a sweep: runs done and failed, runs per
// second, what is left.
type counting struct {
	progress
	failures atomic.Uint64
}

// newCounting begins a bar for so many runs, some of which a journal has, if w
// is a terminal.
func newCounting(w io.Writer, runs int, had *sweep.Journal) *counting {
	p := &counting{progress: progress{started: time.Now()}}
	if !p.begin(w) {
		return p
	}
	style := mpb.BarStyle().Lbound("").Rbound("").Filler("━").Tip("━").Padding("─")
	p.bar = p.container.New(int64(runs), style,
		mpb.PrependDecorators(decor.CountersNoUnit("%d of %d runs ")),
		mpb.AppendDecorators(decor.Any(func(st decor.Statistics) string {
			text := fmt.Sprintf(" %.1f runs/s", float64(p.frames.Load())/time.Since(p.started).Seconds())
			if done := p.frames.Load(); done > 0 {
				left := time.Duration(float64(time.Since(p.started)) / float64(done) * float64(st.Total-st.Current))
				text += ", " + left.Round(time.Second).String() + " left"
			}
			if n := p.failures.Load(); n > 0 {
				text += fmt.Sprintf(", %d failed", n)
			}
			return text
		})),
	)
	if had != nil {
		p.bar.SetCurrent(int64(had.Len()))
	}
	return p
}

// counting returns an Options.Done that counts, before what is there to do.
func (p *counting) counting(next func(sweep.Outcome) error) func(sweep.Outcome) error {
	return func(o sweep.Outcome) error {
		p.frames.Add(1)
		if o.Error != "" {
			p.failures.Add(1)
		}
		if p.bar != nil {
			p.bar.Increment()
		}
		if next == nil {
			return nil
		}
		return next(o)
	}
}
