package plots

import (
	"cmp"
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/mib"
)

// The contexts of a CPU, from the bottom of the stack.
var cpuContexts = []struct {
	name  string
	color color.Color
	time  func(*mib.CPUTime) int64
}{
	{"hardirq", vermilion, func(t *mib.CPUTime) int64 { return t.Hardirq }},
	{"softirq", orange, func(t *mib.CPUTime) int64 { return t.Softirq }},
	{"ksoftirqd", yellow, func(t *mib.CPUTime) int64 { return t.Ksoftirqd }},
	{"system", sky, func(t *mib.CPUTime) int64 { return t.System }},
	{"user", blue, func(t *mib.CPUTime) int64 { return t.User }},
}

// maxCPUs is how many CPUs have a panel.
const maxCPUs = 4

// cpu draws how the busiest CPUs spent their time, a panel each.
func cpu(res *sim.Result) *figure {
	f := &figure{title: title(res, "CPU time by context"), panel: 130 * pixel}
	for _, c := range cpuContexts {
		f.legend = append(f.legend, entry{name: c.name, fill: c.color})
	}
	busy := busiest(res)
	shown := slices.Clone(busy[:min(len(busy), maxCPUs)])
	slices.Sort(shown)
	s := samples(res)
	for _, n := range shown {
		f.panels = append(f.panels, cpuPanel(res, s, n))
	}
	all := len(res.Snapshot.CPUs)
	f.note = fmt.Sprintf("%d of %d CPUs, mean of each interval; the rest is idle", len(shown), all)
	if idle := all - len(busy); len(busy) > maxCPUs {
		f.note = fmt.Sprintf("the %d busiest of %d CPUs, %d of which idle; mean of each interval", maxCPUs, all, idle)
	} else if idle > 0 {
		f.note = fmt.Sprintf("%d of %d CPUs, the others idle; mean of each interval", len(shown), all)
	}
	if len(shown) == 0 {
		p := newPanel("percent")
		timeAxis(p, res.Time)
		say(p, "every CPU idled")
		f.panels = append(f.panels, p)
	}
	return f
}

// busiest returns the CPUs that did anything, the busiest first.
func busiest(res *sim.Result) []int {
	var out []int
	work := map[int]int64{}
	for i := range res.Snapshot.CPUs {
		for _, c := range cpuContexts {
			work[i] += c.time(&res.Snapshot.CPUs[i].Time)
		}
		if work[i] > 0 {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(work[b], work[a]) })
	return out
}

// cpuPanel stacks the contexts of CPU n in percent of its time.
func cpuPanel(res *sim.Result, s []sim.Sample, n int) *plot.Plot {
	p := newPanel(fmt.Sprintf("CPU %d, %%", n))
	unit := timeAxis(p, res.Time)
	p.Y.Max = 100
	p.Y.Tick.Marker = linear{5}
	for top := len(cpuContexts); top > 0; top-- { // each layer is drawn from 0, over the one above it
		xys := rates(s, unit, func(s *sim.Sample) float64 {
			if n >= len(s.CPU) {
				return 0
			}
			sum := int64(0)
			for _, c := range cpuContexts[:top] {
				sum += c.time(&s.CPU[n])
			}
			return float64(sum) / 1e10 // picoseconds to percent of a second
		})
		p.Add(area{xys, cpuContexts[top-1].color})
	}
	return p
}

// An area is filled from 0 up to a line.
type area struct {
	xys   plotter.XYs
	color color.Color
}

// Plot implements plot.Plotter.
func (a area) Plot(c draw.Canvas, p *plot.Plot) {
	if highest(a.xys) == 0 {
		return
	}
	l := plotter.Line{XYs: a.xys, FillColor: a.color}
	l.Plot(c, p)
}
