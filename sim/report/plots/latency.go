package plots

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/hist"
)

// stageStyles are the looks of the stages; one that is not here gets the last.
var stageStyles = map[string]struct {
	color  color.Color
	dashes []vg.Length
}{
	"fifo":        {blue, []vg.Length{2 * pixel, 2 * pixel}},
	"ring":        {vermilion, []vg.Length{8 * pixel, 3 * pixel}},
	"backlog":     {green, []vg.Length{12 * pixel, 3 * pixel, 3 * pixel, 3 * pixel}},
	"stack":       {orange, []vg.Length{4 * pixel, 3 * pixel}},
	"rx_queue":    {purple, []vg.Length{14 * pixel, 4 * pixel}},
	"wire_to_app": {black, nil},
}

// latency draws, for every stage, the time that each share of the packets
// stayed below. Both axes are logarithmic: the tail has as much room as the rest.
func latency(res *sim.Result) *figure {
	f := &figure{title: title(res, "latency by stage"), panel: 350 * pixel, note: "no packet was read"}
	p := newPanel("time in the stage")
	p.X.Label.Text = "share of the packets that took no longer"
	p.X.Tick.Marker = percentiles{}
	p.X.Max = 1
	low, high := math.Inf(1), 0.0
	for i := range res.Stages {
		s := &res.Stages[i]
		if s.Hist.N == 0 {
			continue
		}
		xys := quantiles(&s.Hist)
		low, high = min(low, xys[0].Y), max(high, xys[len(xys)-1].Y)
		p.X.Max = max(p.X.Max, xys[len(xys)-1].X)
		look := stageStyles[s.Name]
		sty := line(look.color, look.dashes...)
		p.Add(&plotter.Line{XYs: xys, LineStyle: sty})
		f.legend = append(f.legend, entry{name: s.Name, style: sty})
	}
	if len(f.legend) == 0 {
		say(p, "no packet went through any stage")
		low, high = 1e6, 1e9
	}
	p.Y.Min, p.Y.Max = logRange(low, high)
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = logTime{}
	f.panels = append(f.panels, p)
	if n := wireToApp(res); n != nil {
		f.note = fmt.Sprintf("from wire to application: half of %s packets within %v, 99%% within %v, all within %v",
			grouped(n.N), short(n.Quantile(500_000)), short(n.Quantile(990_000)), short(n.Max))
	}
	return f
}

// wireToApp returns the whole latency, nil if nothing was read.
func wireToApp(res *sim.Result) *hist.Hist {
	for i := range res.Stages {
		if s := &res.Stages[i]; s.Name == "wire_to_app" && s.Hist.N > 0 {
			return &s.Hist
		}
	}
	return nil
}

// quantiles returns the curve of a distribution over -log10 of the share that is
// slower. The slowest packet of n ends it, at 1-1/2n.
func quantiles(h *hist.Hist) plotter.XYs {
	var out plotter.XYs
	n := float64(h.N)
	end := math.Log10(2 * n)
	seen, x := uint64(0), 0.0
	h.Each(func(_, last engine.Time, k uint64) bool {
		seen += k
		y := float64(max(min(last, h.Max), 1))
		next := end
		if seen < h.N {
			next = math.Log10(n / float64(h.N-seen))
		}
		out = append(out, plotter.XY{X: x, Y: y}, plotter.XY{X: next, Y: y})
		x = next
		return true
	})
	return out
}

// short cuts a time to three digits or a few more, rounded up, so that what is
// said to be within it is.
func short(t engine.Time) engine.Time {
	for step := engine.Time(1); ; step *= 10 {
		if t <= 1000*step {
			return (t + step - 1) / step * step
		}
	}
}
