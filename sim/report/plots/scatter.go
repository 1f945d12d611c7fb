package plots

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/seed-556df219/rxpath/sim/sweep"
)

// maxColumns is how many keys a matrix of scatter plots shows.
const maxColumns = 5

// sampled reports whether the points are a sample of a space, and no grid: then
// few of them differ in one key only, and lines through those show little.
func (s *swept) sampled() bool {
	if s.x < 0 || len(s.others) == 0 {
		return false
	}
	cells := 1.0
	for k := range s.paths {
		cells *= float64(len(s.values(k)))
	}
	return cells > 2*float64(len(s.points))
}

// scatter draws every point of a sample: a row for each metric, a column for
// each key, coloured by the key that goes most with the most interesting
// metric. It is nil for a grid, which has lines.
func (s *swept) scatter() *figure {
	if !s.sampled() {
		return nil
	}
	keys := []int{}
	for k := range s.paths {
		if len(s.values(k)) > 1 {
			keys = append(keys, k)
		}
	}
	by, rho := s.strongest(keys)
	f := &figure{title: s.title("Losses, latency and CPU time"), note: fmt.Sprintf("%d points, %s", len(s.points), s.reps()), panel: 150 * pixel}
	if len(keys) > maxColumns {
		f.note += fmt.Sprintf("; %d of %d keys", maxColumns, len(keys))
		keys = keys[:maxColumns]
	}
	if by >= 0 {
		m := s.interesting()
		f.note += fmt.Sprintf("; coloured by %s, which decides most (rank correlation with %s: %.2f)", keyName(s.paths[by]), m.label, rho)
		f.legend = s.thirds(by)
	}
	f.columns = len(keys)
	for _, m := range s.measures {
		if m.name == sweptMeasures[1].name {
			m.label = "p99"
		}
		for _, k := range keys {
			f.panels = append(f.panels, s.cloud(m, k, by))
		}
	}
	return f
}

// strongest returns the key whose ranks go most with those of the most
// interesting metric, and the correlation; -1 if no key is numeric.
func (s *swept) strongest(keys []int) (key int, rho float64) {
	key = -1
	m := s.interesting()
	for _, k := range keys {
		if !s.numeric(k) {
			continue
		}
		var xs, ys []float64
		for _, p := range s.points {
			if v, ok := p.Metrics[m.name]; ok {
				x, _ := sweep.Number(p.Values[k])
				xs, ys = append(xs, x), append(ys, v.Mean)
			}
		}
		if r := stat.Correlation(ranks(xs), ranks(ys), nil); key < 0 || math.Abs(r) > math.Abs(rho) {
			key, rho = k, r // NaN, of a metric that never changes, loses against every other
		}
	}
	if math.IsNaN(rho) {
		return -1, 0
	}
	return key, rho
}

// ranks returns the place of each value in their order; equal ones share the
// middle of theirs.
func ranks(values []float64) []float64 {
	sorted := slices.Sorted(slices.Values(values))
	out := make([]float64, len(values))
	for i, v := range values {
		first, _ := slices.BinarySearch(sorted, v)
		after, _ := slices.BinarySearchFunc(sorted, v, func(a, b float64) int {
			if a <= b {
				return -1
			}
			return 1
		})
		out[i] = float64(first+after-1) / 2
	}
	return out
}

// thirdColors are those of low, middle and high values, told apart by their
// lightness, too.
var thirdColors = []color.Color{sky, blue, vermilion}

// third returns in which third of its values a key's value is.
func (s *swept) third(key int, value string) int {
	values := s.values(key)
	slices.SortFunc(values, compareNumbers)
	return slices.Index(values, value) * len(thirdColors) / len(values)
}

// thirds is the legend of the thirds of a key.
func (s *swept) thirds(key int) (out []entry) {
	values := s.values(key)
	slices.SortFunc(values, compareNumbers)
	for i, c := range thirdColors {
		var some []string
		for _, v := range values {
			if s.third(key, v) == i {
				some = append(some, v)
			}
		}
		if len(some) == 0 {
			continue
		}
		name := keyName(s.paths[key]) + " " + some[0]
		if len(some) > 1 {
			name += " to " + some[len(some)-1]
		}
		out = append(out, entry{name: name, fill: c})
	}
	return out
}

// cloud is one metric of all points by one key.
func (s *swept) cloud(m measured, key, by int) *plot.Plot {
	top := s.top(m, s.points)
	unit, size := m.axis(top)
	p := newPanel(m.label)
	if unit != "" {
		p.Y.Label.Text += ", " + unit
	}
	p.Y.Max = ceiling(top / size)
	if m.share && top <= 1 {
		p.Y.Max = min(p.Y.Max, 100)
	}
	p.Y.Tick.Marker = linear{4}
	at := s.keyAxis(p, key)
	for _, pt := range s.points {
		v, ok := pt.Metrics[m.name]
		if !ok {
			continue
		}
		c := color.Color(blue)
		if by >= 0 {
			c = thirdColors[s.third(by, pt.Values[by])]
		}
		x := at(pt.Values[key])
		if v.Half != nil {
			lo, hi := max((v.Mean-*v.Half)/size, 0), min((v.Mean+*v.Half)/size, p.Y.Max)
			p.Add(&plotter.Line{XYs: plotter.XYs{{X: x, Y: lo}, {X: x, Y: hi}}, LineStyle: draw.LineStyle{Color: c, Width: pixel}})
		}
		p.Add(&plotter.Scatter{XYs: plotter.XYs{{X: x, Y: v.Mean / size}}, GlyphStyle: draw.GlyphStyle{Color: c, Radius: 2.5 * pixel, Shape: draw.CircleGlyph{}}})
	}
	return p
}

// keyAxis makes the x axis that of a key, by ratio if its values span more than
// a power of ten, and returns where a value is.
func (s *swept) keyAxis(p *plot.Plot, key int) (at func(string) float64) {
	values := s.values(key)
	at = func(v string) float64 { return float64(slices.Index(values, v)) }
	if s.numeric(key) {
		slices.SortFunc(values, compareNumbers)
		one := swept{paths: s.paths, points: s.points, x: key}
		one.ratio = one.byRatio()
		at = one.at
	}
	lo, hi := at(values[0]), at(values[len(values)-1])
	p.X.Label.Text = keyName(s.paths[key])
	p.X.Min, p.X.Max = lo-(hi-lo)*0.03, hi+(hi-lo)*0.03
	p.X.Tick.Marker = fewValues{values, at, lo, hi}
	return at
}

// fewValues marks some of many values, three or four of them evenly apart.
type fewValues struct {
	values []string
	at     func(string) float64
	lo, hi float64
}

// Ticks implements plot.Ticker.
func (v fewValues) Ticks(_, _ float64) []plot.Tick {
	longest := vg.Length(0)
	sty := style(tickSize, black)
	for _, text := range v.values {
		longest = max(longest, sty.Width(text))
	}
	n := 3
	if longest < 28*pixel {
		n = 4
	}
	var out []plot.Tick
	for i := range n {
		want := v.lo + (v.hi-v.lo)*(float64(i)+0.5)/float64(n)
		best := slices.MinFunc(v.values, func(a, b string) int {
			da, db := math.Abs(v.at(a)-want), math.Abs(v.at(b)-want)
			switch {
			case da < db:
				return -1
			case da > db:
				return 1
			}
			return strings.Compare(a, b)
		})
		if len(out) == 0 || out[len(out)-1].Label != best {
			out = append(out, plot.Tick{Value: v.at(best), Label: best})
		}
	}
	return out
}
