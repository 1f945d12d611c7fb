package plots

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A figure is a title, a legend and one or more panels, one below the other or
// in rows, whose data areas line up.
type figure struct {
	title, note string
	legend      []entry
	panels      []*plot.Plot
	columns     int // panels in a row, which have one y axis; 0 is 1
	// panel is the height of a panel's part, with its share of the axes.
	panel vg.Length
}

// An entry of the legend is a line or a filled box with a name.
type entry struct {
	name  string
	style draw.LineStyle
	fill  color.Color // a box if not nil
}

// Measures of a figure.
const (
	margin     = 10 * pixel
	titleSize  = 16 * pixel
	textSize   = 13 * pixel
	tickSize   = 12 * pixel
	headHeight = 46 * pixel
	lineHeight = 20 * pixel
	sampleSize = 22 * pixel
	axisHeight = 34 * pixel // below the last panel
	gap        = 20 * pixel // between the data areas of two panels, and above the first
)

// The palette of Okabe and Ito.
var (
	black     = color.RGBA{A: 255}
	orange    = color.RGBA{230, 159, 0, 255}
	sky       = color.RGBA{86, 180, 233, 255}
	green     = color.RGBA{0, 158, 115, 255}
	yellow    = color.RGBA{240, 228, 66, 255}
	blue      = color.RGBA{0, 114, 178, 255}
	vermilion = color.RGBA{213, 94, 0, 255}
	purple    = color.RGBA{204, 121, 167, 255}

	grey  = color.RGBA{90, 90, 90, 255}
	light = color.RGBA{225, 225, 225, 255}
)

// style returns a text style of that size.
func style(size vg.Length, c color.Color) text.Style {
	return text.Style{Color: c, Font: font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size), Handler: plot.DefaultTextHandler}
}

// line returns a line style; dashes tell lines apart without their colours.
func line(c color.Color, dashes ...vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: c, Width: 2 * pixel, Dashes: dashes}
}

// newPanel returns an empty panel with a grid, the look of a figure, and the
// label of its y axis.
func newPanel(label string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil // the figure has one, and panels may overlap
	p.Y.Label.Text = label
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font = style(textSize, black).Font
		a.Tick.Label.Font = style(tickSize, black).Font
		a.Tick.Length = 4 * pixel
		a.Tick.LineStyle.Color, a.LineStyle.Color = grey, grey
		a.Padding = 0
		a.Label.Padding = 4 * pixel
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = light, light
	grid.Horizontal.Dashes, grid.Vertical.Dashes = nil, nil
	p.Add(grid)
	return p
}

// height returns the height of the figure.
func (f *figure) height() vg.Length {
	return 2*margin + headHeight + vg.Length(f.legendLines())*lineHeight + vg.Length(f.rows())*f.panel + axisHeight
}

// rows returns the number of rows of panels.
func (f *figure) rows() int {
	n := max(f.columns, 1)
	return (len(f.panels) + n - 1) / n
}

// entryWidth returns what an entry takes of its line.
func (e *entry) width() vg.Length {
	sty := style(textSize, black)
	return sampleSize + 6*pixel + sty.Width(e.name) + 22*pixel
}

// legendLines returns how many lines the legend takes.
func (f *figure) legendLines() int {
	lines, x := 0, vg.Length(0)
	for i := range f.legend {
		w := f.legend[i].width()
		if lines == 0 || x+w > width-2*margin {
			lines, x = lines+1, 0
		}
		x += w
	}
	return lines
}

// draw draws the figure on a canvas of its size.
func (f *figure) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	title, note := style(titleSize, black), style(textSize, grey)
	title.YAlign, note.YAlign = draw.YTop, draw.YTop
	c.FillText(title, vg.Point{X: c.Min.X, Y: c.Max.Y}, f.title)
	c.FillText(note, vg.Point{X: c.Min.X, Y: c.Max.Y - 22*pixel}, f.note)
	f.drawLegend(c, c.Max.Y-headHeight)
	c.Max.Y -= headHeight + vg.Length(f.legendLines())*lineHeight
	f.drawPanels(c)
}

// drawLegend draws the legend in lines below y.
func (f *figure) drawLegend(c draw.Canvas, y vg.Length) {
	sty := style(textSize, black)
	sty.YAlign = draw.YCenter
	x := c.Min.X
	y -= lineHeight / 2
	for i := range f.legend {
		e := &f.legend[i]
		if x+e.width() > c.Max.X && x > c.Min.X {
			x, y = c.Min.X, y-lineHeight
		}
		if e.fill != nil {
			c.FillPolygon(e.fill, []vg.Point{{X: x, Y: y - 5*pixel}, {X: x + sampleSize, Y: y - 5*pixel}, {X: x + sampleSize, Y: y + 5*pixel}, {X: x, Y: y + 5*pixel}})
		} else {
			c.StrokeLine2(e.style, x, y, x+sampleSize, y)
		}
		c.FillText(sty, vg.Point{X: x + sampleSize + 6*pixel, Y: y}, e.name)
		x += e.width()
	}
}

// drawPanels draws the panels so that their data areas are of one size and line
// up. Only the last row has labels and numbers of x axes, only the first column
// those of y axes.
func (f *figure) drawPanels(c draw.Canvas) {
	columns := max(f.columns, 1)
	left, right := vg.Length(0), vg.Length(0)
	for i, p := range f.panels {
		if i < len(f.panels)-columns {
			p.X.Label.Text = ""
			p.X.Tick.Marker = unlabelled{p.X.Tick.Marker}
		}
		if i%columns > 0 {
			p.Y.Label.Text = ""
			p.Y.Tick.Marker = unlabelled{p.Y.Tick.Marker}
		}
		data := p.DataCanvas(c)
		if i%columns == 0 {
			left = max(left, data.Min.X-c.Min.X)
		}
		if i%columns == columns-1 {
			right = max(right, c.Max.X-data.Max.X)
		}
	}
	pitch := (c.Max.X - right - c.Min.X - left + gap) / vg.Length(columns)
	for i, p := range f.panels {
		whole := p.DataCanvas(c)
		x0 := c.Min.X + left + vg.Length(i%columns)*pitch
		at := c // the canvas whose data area is the one that we want
		at.Min.X, at.Max.X = x0-(whole.Min.X-c.Min.X), x0+pitch-gap+(c.Max.X-whole.Max.X)
		top := c.Max.Y - vg.Length(i/columns)*f.panel - gap
		at.Max.Y = top + (c.Max.Y - whole.Max.Y)
		at.Min.Y = top - (f.panel - gap) - (whole.Min.Y - c.Min.Y)
		p.Draw(at)
	}
}

// unlabelled gives the ticks of an axis without their labels.
type unlabelled struct{ plot.Ticker }

func (u unlabelled) Ticks(min, max float64) []plot.Tick {
	ticks := u.Ticker.Ticks(min, max)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = " "
		}
	}
	return ticks
}

// say writes a sentence into the middle of a panel that has nothing to show.
func say(p *plot.Plot, sentence string) { p.Add(sentencePlotter(sentence)) }

type sentencePlotter string

// Plot implements plot.Plotter.
func (s sentencePlotter) Plot(c draw.Canvas, _ *plot.Plot) {
	sty := style(textSize, grey)
	sty.XAlign, sty.YAlign = draw.XCenter, draw.YCenter
	c.FillText(sty, c.Center(), string(s))
}
