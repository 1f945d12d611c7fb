package plots

import (
	"fmt"
	"image/color"
	"strings"

	"gonum.org/v1/plot/plotter"

	"github.com/seed-556df219/rxpath/sim"
)

// The queues of the path, in its order.
var queueKinds = []struct {
	name   string
	scales []scale
	color  color.Color
	depth  func(*sim.Depths) int
}{
	{"FIFO", byteScales, blue, func(d *sim.Depths) int { return d.FIFOBytes }},
	{"ring", packetScales, vermilion, func(d *sim.Depths) int { return d.RingFrames }},
	{"backlog", packetScales, green, func(d *sim.Depths) int { return d.BacklogPackets }},
	{"rx_queue", byteScales, purple, func(d *sim.Depths) int { return d.RxQueueBytes }},
}

// queues draws the depth of every queue that ever held something over time, one
// panel each; nil for a run without samples.
func queues(res *sim.Result) *figure {
	if len(res.Series) < 2 {
		return nil
	}
	f := &figure{title: title(res, "queue depths"), panel: 130 * pixel}
	var empty []string
	for _, k := range queueKinds {
		p := newPanel("")
		unit := timeAxis(p, res.Time)
		xys := depths(res.Series, unit, k.depth)
		top := highest(xys)
		if top == 0 {
			empty = append(empty, k.name)
			continue
		}
		s := scaleFor(top, k.scales)
		for i := range xys {
			xys[i].Y /= s.size
		}
		p.Y.Label.Text = k.name + ", " + s.name
		p.Y.Max = ceiling(top / s.size)
		p.Y.Tick.Marker = linear{4}
		p.Add(&plotter.Line{XYs: xys, LineStyle: line(k.color)})
		f.panels = append(f.panels, p)
	}
	f.note = fmt.Sprintf("sums over interfaces, CPUs and sockets, seen every %v", interval(res))
	if len(res.Series) > maxBins {
		f.note += fmt.Sprintf(", the largest of each %d", (len(res.Series)+maxBins-2)/maxBins)
	}
	if len(empty) > 0 {
		f.note += "; empty at every sample: " + strings.Join(empty, ", ")
	}
	if len(f.panels) == 0 {
		p := newPanel("queues")
		timeAxis(p, res.Time)
		p.Y.Tick.Marker = linear{4}
		say(p, "every queue was empty at every sample")
		f.panels = append(f.panels, p)
	}
	return f
}

// title begins with the name of the scenario.
func title(res *sim.Result, what string) string {
	if res.Scenario.Name == "" {
		return strings.ToUpper(what[:1]) + what[1:]
	}
	name := []rune(res.Scenario.Name)
	if len(name) > 50 {
		name = append(name[:49:49], '…')
	}
	return string(name) + ": " + what
}
