package plots

import (
	"bytes"
	"fmt"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/seed-556df219/rxpath/sim"
)

// Names are the plots without their endings, in the order in which [Draw] saves
// them. A run without samples has no queues plot.
var Names = []string{"queues", "losses", "latency", "cpu"}

// Draw draws every plot of a result and hands each to save under its file name:
// queues.svg, queues.png, and so on. It stops at the first error of save.
func Draw(res *sim.Result, save func(name string, data []byte) error) error {
	for i, make := range []func(*sim.Result) *figure{queues, losses, latency, cpu} {
		f := make(res)
		if f == nil {
			continue
		}
		if err := saveFigure(Names[i], f, save); err != nil {
			return err
		}
	}
	return nil
}

// saveFigure renders a figure in each format.
func saveFigure(name string, f *figure, save func(name string, data []byte) error) error {
	for _, format := range []struct {
		ending string
		render func(*figure) ([]byte, error)
	}{{".svg", svg}, {".png", png}} {
		data, err := format.render(f)
		if err != nil {
			return fmt.Errorf("plots: %s%s: %w", name, format.ending, err)
		}
		if err := save(name+format.ending, data); err != nil {
			return err
		}
	}
	return nil
}

// pixel is what a browser takes for a pixel.
const pixel = vg.Inch / 96

// width of a figure.
const width = 800 * pixel

// svg renders a figure as SVG. Its text stays text, in the first of a few fonts
// of equal widths that the reader has.
func svg(f *figure) ([]byte, error) {
	c := vgsvg.NewWith(vgsvg.UseWH(width, f.height()))
	f.draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, err
	}
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif")), nil
}

// png renders a figure with two dots for each pixel.
func png(f *figure) ([]byte, error) {
	c := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, f.height()), vgimg.UseDPI(2*96))}
	f.draw(draw.New(c))
	var b bytes.Buffer
	_, err := c.WriteTo(&b)
	return b.Bytes(), err
}
