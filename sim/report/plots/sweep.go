package plots

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/seed-556df219/rxpath/sim/sweep"
)

// SweepNames are the plots of a sweep without their endings, in the order in
// which [Sweep] saves them. A sweep of one key has no heat plot, one without a
// numeric key no lines, one without a third key no multiples. A sample of a
// space has a scatter plot in their place.
var SweepNames = []string{"lines", "scatter", "multiples", "heat", "pareto"}

// Sweep draws what a sweep showed and hands each plot to save under its file
// name, as Draw does: the headline numbers along the key with the most values,
// with 95 % confidence bands where there are replications enough, and below them
// the sweep's further metrics, four at most; the same for
// each value of a third key; a map of two keys; and which points are best in
// loss and latency.
func Sweep(res *sweep.Results, save func(name string, data []byte) error) error {
	s := newSwept(res)
	for i, make := range []func() *figure{s.lines, s.scatter, s.multiples, s.heat, s.pareto} {
		f := make()
		if f == nil {
			continue
		}
		if err := saveFigure(SweepNames[i], f, save); err != nil {
			return err
		}
	}
	return nil
}

// swept is a sweep laid out for drawing.
type swept struct {
	measures []measured // of lines
	paths    []string
	points   []sweep.PointSummary // those with results
	x        int                  // the key of the x axis, -1 if none is numeric
	ratio    bool                 // its axis is logarithmic
	others   []int                // the other keys that vary, those with more values first
}

func newSwept(res *sweep.Results) *swept {
	s := &swept{measures: slices.Clone(sweptMeasures), paths: res.Header.Paths, x: -1}
	for _, name := range res.Header.Measures[:min(len(res.Header.Measures), maxFurther)] {
		s.measures = append(s.measures, further(&res.Header, name))
	}
	for _, p := range sweep.SummarizePoints(res.Outcomes) {
		if len(p.Metrics) > 0 {
			s.points = append(s.points, p)
		}
	}
	most := 1
	for k := range s.paths {
		if n := len(s.values(k)); n > most && s.numeric(k) {
			s.x, most = k, n
		}
	}
	s.ratio = s.x >= 0 && s.byRatio()
	for k := range s.paths {
		if k != s.x && len(s.values(k)) > 1 {
			s.others = append(s.others, k)
		}
	}
	slices.SortStableFunc(s.others, func(a, b int) int { return len(s.values(b)) - len(s.values(a)) })
	return s
}

// values returns the values of a key in the order of the points, each once.
func (s *swept) values(key int) (out []string) {
	for _, p := range s.points {
		if !slices.Contains(out, p.Values[key]) {
			out = append(out, p.Values[key])
		}
	}
	return out
}

func (s *swept) numeric(key int) bool {
	for _, v := range s.values(key) {
		if _, ok := sweep.Number(v); !ok {
			return false
		}
	}
	return true
}

// A measured is a metric that plots of sweeps show.
type measured struct {
	name, label string
	latency     bool
	share       bool
	bare        bool // a number without a unit
}

var sweptMeasures = []measured{
	{"share(drops)", "lost", false, true, false},
	{"p(latency.wire_to_app, 99)_ns", "p99 to the application", true, false, false},
	{"cpu.busy", "CPU busy", false, true, false},
}

// maxFurther is how many metrics lines has beside its own.
const maxFurther = 4

// further describes a metric that was asked for.
func further(h *sweep.Header, name string) measured {
	metric := h.Metric(name)
	latency, share := strings.HasSuffix(metric, "_ns"), sweep.IsShare(metric)
	return measured{name, shortName(strings.TrimSuffix(name, "_ns")), latency, share, !latency && !share}
}

// shortName is what a metric is called beside an axis: its name, or the counter
// that it is of.
func shortName(metric string) string {
	const most = 26
	if parts := strings.Split(metric, `"`); len(metric) > most && len(parts) > 4 {
		return parts[3]
	}
	if r := []rune(metric); len(r) > most {
		return string(r[:most]) + "…"
	}
	return metric
}

// interesting is the metric of plots that show one: losses if there are any,
// else the latency.
func (s *swept) interesting() measured {
	for _, p := range s.points {
		if p.Metrics["drops"].Max > 0 {
			return sweptMeasures[0]
		}
	}
	return sweptMeasures[1]
}

// axis returns the axis scale of a metric: its unit and what to divide by.
func (m *measured) axis(top float64) (unit string, size float64) {
	switch {
	case m.latency:
		sc := scaleFor(top*1000, timeScales)
		return sc.name, sc.size / 1000
	case m.share:
		return "%", 0.01
	case m.bare && top >= 1e6:
		return "million", 1e6
	case m.bare:
		return "", 1
	}
	sc := scaleFor(top, packetScales)
	return sc.name, sc.size
}

// maxLines is how many lines one panel has at most.
const maxLines = 7

var lineColors = []color.Color{blue, vermilion, green, purple, orange, sky, black}

// group is a line: the points that differ in the key of the x axis only.
type group struct {
	name   string
	points []sweep.PointSummary
}

// groups divides points by their keys other than those given.
func (s *swept) groups(points []sweep.PointSummary, without ...int) []group {
	var out []group
	at := map[string]int{}
	for _, p := range points {
		var parts []string
		for _, k := range s.others {
			if !slices.Contains(without, k) {
				parts = append(parts, keyName(s.paths[k])+" "+p.Values[k])
			}
		}
		name := strings.Join(parts, ", ")
		i, ok := at[name]
		if !ok {
			i = len(out)
			at[name] = i
			out = append(out, group{name: name})
		}
		out[i].points = append(out[i].points, p)
	}
	for _, g := range out {
		slices.SortStableFunc(g.points, func(a, b sweep.PointSummary) int { return compareNumbers(a.Values[s.x], b.Values[s.x]) })
	}
	return out
}

func compareNumbers(a, b string) int {
	x, _ := sweep.Number(a)
	y, _ := sweep.Number(b)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// keyName is the end of a path: "ring.rx" of "nics[0].ring.rx".
func keyName(path string) string {
	parts := strings.Split(path, ".")
	if strings.HasPrefix(path, "net.") || len(parts) < 2 {
		return parts[len(parts)-1]
	}
	return strings.Join(parts[len(parts)-2:], ".")
}

func (s *swept) title(what string) string {
	var varied []string
	for k := range s.paths {
		if len(s.values(k)) > 1 {
			varied = append(varied, keyName(s.paths[k]))
		}
	}
	return what + " by " + strings.Join(varied, ", ")
}

// note says what the reader needs to know of the numbers of lines.
func (s *swept) note() string {
	if s.replications() >= sweep.LeastReps {
		return s.reps() + ", bands are 95 % confidence intervals"
	}
	return s.reps()
}

// reps says what a number is the mean of.
func (s *swept) reps() string {
	if n := s.replications(); n > 1 {
		return fmt.Sprintf("means of %d replications", n)
	}
	return "one run a point"
}

func (s *swept) replications() (n int) {
	for _, p := range s.points {
		n = max(n, p.Metrics["offered"].N)
	}
	return n
}

// lines draws the headline numbers along the key with the most values.
func (s *swept) lines() *figure {
	if s.x < 0 || s.sampled() {
		return nil
	}
	f := &figure{title: s.title("Losses, latency and CPU time"), note: s.note(), panel: 190 * pixel}
	if len(s.measures) > 4 {
		f.panel = 150 * pixel
	}
	groups := s.groups(s.points)
	if len(groups) > maxLines {
		f.note += fmt.Sprintf("; %d of %d lines", maxLines, len(groups))
		groups = spreadOver(groups, maxLines)
	}
	if len(groups) > 1 {
		for i, g := range groups {
			f.legend = append(f.legend, entry{name: g.name, style: line(lineColors[i])})
		}
	}
	for _, m := range s.measures {
		if m.name == sweptMeasures[1].name && len(s.measures) > 4 {
			m.label = "p99" // there is no room for more
		}
		p := newPanel("")
		s.panel(p, m, groups, s.top(m, s.points))
		f.panels = append(f.panels, p)
	}
	return f
}

// spreadOver picks n of a list, the first and the last among them.
func spreadOver[T any](list []T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = list[i*(len(list)-1)/(n-1)]
	}
	return out
}

// top is the highest value of a metric, its interval included.
func (s *swept) top(m measured, points []sweep.PointSummary) float64 {
	top := 0.0
	for _, p := range points {
		v := p.Metrics[m.name]
		top = max(top, v.Mean)
		if v.Half != nil {
			top = max(top, min(v.Mean+*v.Half, 2*v.Mean))
		}
	}
	return top
}

// panel draws one metric along the x axis.
func (s *swept) panel(p *plot.Plot, m measured, groups []group, top float64) {
	unit, size := m.axis(top)
	p.Y.Label.Text = m.label
	if unit != "" {
		p.Y.Label.Text += ", " + unit
	}
	p.Y.Max = ceiling(top / size)
	if m.share && top <= 1 {
		p.Y.Max = min(p.Y.Max, 100)
	}
	p.Y.Tick.Marker = linear{4}
	s.xAxis(p)
	for i, g := range groups {
		var mean plotter.XYs
		var above, below plotter.XYs
		for _, pt := range g.points {
			v, ok := pt.Metrics[m.name]
			if !ok {
				continue
			}
			x := s.at(pt.Values[s.x])
			mean = append(mean, plotter.XY{X: x, Y: v.Mean / size})
			half := 0.0
			if v.Half != nil {
				half = *v.Half
			}
			above = append(above, plotter.XY{X: x, Y: min((v.Mean+half)/size, p.Y.Max)})
			below = append(below, plotter.XY{X: x, Y: max((v.Mean-half)/size, 0)})
		}
		if len(mean) == 0 {
			continue
		}
		slices.Reverse(below)
		p.Add(band{append(above, below...), faint(lineColors[i])})
		p.Add(&plotter.Line{XYs: mean, LineStyle: line(lineColors[i])})
		p.Add(&plotter.Scatter{XYs: mean, GlyphStyle: draw.GlyphStyle{Color: lineColors[i], Radius: 2.5 * pixel, Shape: draw.CircleGlyph{}}})
	}
}

// faint is a colour one can see others through.
func faint(c color.Color) color.Color {
	r, g, b, _ := c.RGBA()
	return color.NRGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 56}
}

// A band is a filled polygon.
type band struct {
	xys  plotter.XYs
	fill color.Color
}

// Plot implements plot.Plotter.
func (b band) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	var pts []vg.Point
	for _, xy := range b.xys {
		pts = append(pts, vg.Point{X: tx(xy.X), Y: ty(xy.Y)})
	}
	c.FillPolygon(b.fill, pts)
}

// byRatio reports whether the x axis is logarithmic.
func (s *swept) byRatio() bool {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range s.values(s.x) {
		f, _ := sweep.Number(v)
		lo, hi = min(lo, f), max(hi, f)
	}
	return lo > 0 && hi/lo >= 16
}

// at is the place of a value on the x axis.
func (s *swept) at(value string) float64 {
	f, _ := sweep.Number(value)
	if s.ratio {
		return math.Log10(f)
	}
	return f
}

// xAxis marks the values of the key, as they were written.
func (s *swept) xAxis(p *plot.Plot) {
	values := s.values(s.x)
	slices.SortFunc(values, compareNumbers)
	p.X.Label.Text = s.paths[s.x]
	lo, hi := s.at(values[0]), s.at(values[len(values)-1])
	margin := (hi - lo) * 0.02
	p.X.Min, p.X.Max = lo-margin, hi+margin
	p.X.Tick.Marker = valueTicks{values, s.at, lo, hi}
}

// valueTicks marks values, with labels as far as there is room.
type valueTicks struct {
	values []string
	at     func(string) float64
	lo, hi float64
}

// Ticks implements plot.Ticker.
func (v valueTicks) Ticks(_, _ float64) []plot.Tick {
	var out []plot.Tick
	last := math.Inf(-1)
	sty := style(tickSize, black)
	for _, text := range v.values {
		t := plot.Tick{Value: v.at(text)}
		room := float64(sty.Width(text)+14*pixel) / float64(width-120*pixel) * (v.hi - v.lo)
		if t.Value-last >= room {
			t.Label, last = text, t.Value
		}
		out = append(out, t)
	}
	return out
}

// maxMultiples is how many small multiples there are at most.
const maxMultiples = 6

// multiples draws the most interesting number once for each value of a third
// key; nil if there is none.
func (s *swept) multiples() *figure {
	if s.x < 0 || len(s.others) < 2 || s.sampled() {
		return nil
	}
	by := s.others[len(s.others)-1]
	m := s.interesting()
	f := &figure{title: s.title(strings.ToUpper(m.label[:1]) + m.label[1:]), note: s.note(), panel: 150 * pixel}
	values := s.values(by)
	if len(values) > maxMultiples {
		f.note += fmt.Sprintf("; %d of %d panels", maxMultiples, len(values))
		values = spreadOver(values, maxMultiples)
	}
	var named []group
	for _, v := range values {
		var some []sweep.PointSummary
		for _, p := range s.points {
			if p.Values[by] == v {
				some = append(some, p)
			}
		}
		groups := s.groups(some, by)
		if len(groups) > maxLines {
			groups = spreadOver(groups, maxLines)
		}
		named = groups
		p := newPanel("")
		s.panel(p, m, groups, s.top(m, s.points))
		p.Y.Label.Text = keyName(s.paths[by]) + " " + v
		f.panels = append(f.panels, p)
	}
	unit, _ := m.axis(s.top(m, s.points))
	f.note = m.label + " in " + unit + ", " + f.note
	for i, g := range named {
		if g.name != "" {
			f.legend = append(f.legend, entry{name: g.name, style: line(lineColors[i])})
		}
	}
	return f
}

// heat draws a map of the two keys with the most values; nil if only one varies.
func (s *swept) heat() *figure {
	keys := slices.Clone(s.others)
	if s.x >= 0 {
		keys = append([]int{s.x}, keys...)
	}
	if len(keys) < 2 {
		return nil
	}
	x, y := keys[0], keys[1]
	h := heatMap{m: s.interesting(), xs: s.values(x), ys: s.values(y), cells: map[[2]string][]float64{}}
	if len(h.xs) > 24 || len(h.ys) > 24 || s.sampled() {
		return nil // no grid, or one too fine
	}
	if s.numeric(x) {
		slices.SortFunc(h.xs, compareNumbers)
	}
	if s.numeric(y) {
		slices.SortFunc(h.ys, compareNumbers)
	}
	for _, p := range s.points {
		k := [2]string{p.Values[x], p.Values[y]}
		if v, ok := p.Metrics[h.m.name]; ok {
			h.cells[k] = append(h.cells[k], v.Mean)
			h.top = max(h.top, v.Mean)
		}
	}
	p := newPanel(keyName(s.paths[y]))
	p.X.Label.Text = s.paths[x]
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, float64(len(h.xs)), 0, float64(len(h.ys))
	p.X.Tick.Marker, p.Y.Tick.Marker = cellTicks(h.xs), cellTicks(h.ys)
	p.X.Tick.Length, p.Y.Tick.Length = 0, 0
	p.Add(&h)
	unit, _ := h.m.axis(h.top)
	f := &figure{title: s.title(strings.ToUpper(h.m.label[:1]) + h.m.label[1:]), note: h.m.label + " in " + unit + ", " + s.reps(), panels: []*plot.Plot{p}}
	if len(keys) > 2 {
		f.note = "the worst over the other keys; " + f.note
	}
	f.panel = max(vg.Length(len(h.ys))*34*pixel, 120*pixel) + gap
	return f
}

// cellTicks labels the middles of cells.
type cellTicks []string

// Ticks implements plot.Ticker.
func (t cellTicks) Ticks(_, _ float64) []plot.Tick {
	out := make([]plot.Tick, len(t))
	for i, v := range t {
		out[i] = plot.Tick{Value: float64(i) + 0.5, Label: v}
	}
	return out
}

// A heatMap is cells with their numbers.
type heatMap struct {
	m      measured
	xs, ys []string
	cells  map[[2]string][]float64
	top    float64
}

// Plot implements plot.Plotter.
func (h *heatMap) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	_, size := h.m.axis(h.top)
	for i, x := range h.xs {
		for j, y := range h.ys {
			v := h.cells[[2]string{x, y}]
			if len(v) == 0 {
				continue
			}
			worst := slices.Max(v)
			part := 0.0
			if h.top > 0 {
				part = worst / h.top
			}
			x0, x1, y0, y1 := tx(float64(i)), tx(float64(i+1)), ty(float64(j)), ty(float64(j+1))
			c.FillPolygon(heatColor(part), []vg.Point{{X: x0 + pixel, Y: y0 + pixel}, {X: x1 - pixel, Y: y0 + pixel}, {X: x1 - pixel, Y: y1 - pixel}, {X: x0 + pixel, Y: y1 - pixel}})
			ink := color.Color(black)
			if part > 0.7 { // below, black has the greater contrast
				ink = color.White
			}
			sty := style(tickSize, ink)
			sty.XAlign, sty.YAlign = draw.XCenter, draw.YCenter
			text := threeDigits(worst / size)
			if sty.Width(text) < x1-x0 {
				c.FillText(sty, vg.Point{X: (x0 + x1) / 2, Y: (y0 + y1) / 2}, text)
			}
		}
	}
}

// heatColor goes from a light grey over orange to a dark red.
func heatColor(part float64) color.Color {
	stops := []color.RGBA{{240, 240, 240, 255}, {253, 212, 158, 255}, {239, 101, 72, 255}, {127, 0, 0, 255}}
	at := min(max(part, 0), 1) * float64(len(stops)-1)
	i := min(int(at), len(stops)-2)
	f := at - float64(i)
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + f*(float64(b)-float64(a)))) }
	a, b := stops[i], stops[i+1]
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

func threeDigits(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.01:
		return fmt.Sprintf("%.2f", v)
	}
	return "<0.01"
}

// A dot is a point by what one would have less of.
type dot struct {
	latency, lost, busy float64
	name                string
}

// beats reports whether a is nowhere worse than b, and somewhere better.
func (a *dot) beats(b *dot) bool {
	return a.latency <= b.latency && a.lost <= b.lost && a.busy <= b.busy && (a.latency < b.latency || a.lost < b.lost || a.busy < b.busy)
}

// dots returns the points. Load is no choice of who looks for the best: of
// several, the highest is drawn.
func (s *swept) dots() (out []dot, load string) {
	loads := slices.Index(s.paths, "load")
	if loads >= 0 && s.sampled() {
		return nil, "" // hardly two points have one load
	}
	if loads >= 0 {
		load = slices.MaxFunc(s.values(loads), compareNumbers)
	}
	for _, p := range s.points {
		l, ok := p.Metrics["p(latency.wire_to_app, 99)_ns"]
		if !ok || l.Mean <= 0 || loads >= 0 && p.Values[loads] != load {
			continue
		}
		var parts []string
		for k := range s.paths {
			if k != loads && len(s.values(k)) > 1 {
				parts = append(parts, p.Values[k])
			}
		}
		out = append(out, dot{l.Mean * 1000, 100 * p.Metrics["share(drops)"].Mean, 100 * p.Metrics["cpu.busy"].Mean, strings.Join(parts, ", ")})
	}
	slices.SortStableFunc(out, func(a, b dot) int { return cmp.Or(cmp.Compare(a.latency, b.latency), cmp.Compare(a.lost, b.lost)) })
	return out, load
}

// pareto draws every point by latency and loss, its CPU time as its size, and
// names those that no other point beats in all three; nil if there are too few,
// or nothing was lost.
func (s *swept) pareto() *figure {
	dots, load := s.dots()
	if len(dots) < 3 || s.interesting().latency {
		return nil
	}
	top, busiest := 0.0, 0.0
	for _, d := range dots {
		top, busiest = max(top, d.lost), max(busiest, d.busy)
	}
	p := newPanel("lost, %")
	p.X.Label.Text = "p99 from the wire to the application"
	p.X.Min, p.X.Max = logRange(dots[0].latency, dots[len(dots)-1].latency)
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, logTime{}
	p.Y.Max, p.Y.Tick.Marker = ceiling(top), linear{6}
	var best dotNames
	for i := range dots {
		d := &dots[i]
		at, c := plotter.XY{X: d.latency, Y: d.lost}, color.Color(grey)
		if !slices.ContainsFunc(dots, func(o dot) bool { return o.beats(d) }) {
			c = vermilion
			best.at, best.names = append(best.at, at), append(best.names, d.name)
		}
		radius := vg.Length(3+6*d.busy/max(busiest, 1)) * pixel
		p.Add(&plotter.Scatter{XYs: plotter.XYs{at}, GlyphStyle: draw.GlyphStyle{Color: faint(c), Radius: radius, Shape: draw.CircleGlyph{}}})
		p.Add(&plotter.Scatter{XYs: plotter.XYs{at}, GlyphStyle: draw.GlyphStyle{Color: c, Radius: 2.5 * pixel, Shape: draw.CircleGlyph{}}})
	}
	p.Add(best)
	f := &figure{title: s.title("Loss against latency"), panel: 330 * pixel, panels: []*plot.Plot{p}}
	f.note = s.reps() + "; the larger, the more CPU time; red: no other is better in loss, latency and CPU time"
	if load != "" {
		f.note = "load " + load + "; " + f.note
	}
	return f
}

// labels writes names beside points, as far as they don't meet.
type dotNames struct {
	at    plotter.XYs
	names []string
}

// Plot implements plot.Plotter.
func (n dotNames) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	sty := style(tickSize, vermilion)
	type box struct{ x0, x1, y vg.Length }
	var taken []box
	for i, xy := range n.at {
		x, y := tx(xy.X)+7*pixel, ty(xy.Y)+7*pixel
		w := sty.Width(n.names[i])
		if x+w > c.Max.X {
			x -= w + 14*pixel
		}
		b := box{x, x + w, y}
		if slices.ContainsFunc(taken, func(o box) bool { return b.x0 < o.x1 && o.x0 < b.x1 && math.Abs(float64(b.y-o.y)) < float64(14*pixel) }) {
			continue
		}
		taken = append(taken, b)
		c.FillText(sty, vg.Point{X: x, Y: y}, n.names[i])
	}
}
