package plots

import (
	"gonum.org/v1/plot/plotter"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
)

// maxBins is how many points of a series a plot can show.
const maxBins = 400

// samples returns the samples of a result with the end of the run as the last
// one; a run without samples has its begin and its end.
func samples(res *sim.Result) []sim.Sample {
	out := res.Series
	if len(out) == 0 || out[0].At > 0 {
		out = append([]sim.Sample{{}}, out...)
	}
	if last := out[len(out)-1].At; last < res.Time {
		end := sim.Sample{At: res.Time, Ledger: res.Snapshot.Ledger}
		for i := range res.Snapshot.CPUs {
			end.CPU = append(end.CPU, res.Snapshot.CPUs[i].Time)
		}
		out = append(out[:len(out):len(out)], end)
	}
	return out
}

// edges returns the indices of at most maxBins+1 samples, the first and the
// last among them, as evenly as they can lie.
func edges(n int) []int {
	bins := min(n-1, maxBins)
	out := make([]int, 0, bins+1)
	for i := range bins + 1 {
		out = append(out, i*(n-1)/max(bins, 1))
	}
	return out
}

// rates returns a line of steps: what a cumulative number grew in each bin, by
// the bin's length in seconds.
func rates(s []sim.Sample, unit scale, value func(*sim.Sample) float64) plotter.XYs {
	var out plotter.XYs
	e := edges(len(s))
	for i := 1; i < len(e); i++ {
		a, b := &s[e[i-1]], &s[e[i]]
		y := (value(b) - value(a)) / (b.At - a.At).Seconds()
		out = append(out, plotter.XY{X: float64(a.At) / unit.size, Y: y}, plotter.XY{X: float64(b.At) / unit.size, Y: y})
	}
	return out
}

// depths returns a line through the largest level of each bin.
func depths(s []sim.Sample, unit scale, value func(*sim.Depths) int) plotter.XYs {
	var out plotter.XYs
	e := edges(len(s))
	for i := range e {
		from, to := e[i], e[i]+1
		if i+1 < len(e) {
			to = e[i+1]
		}
		most, at := value(&s[from].Depths), s[from].At
		for k := from; k < to; k++ {
			if v := value(&s[k].Depths); v > most {
				most, at = v, s[k].At
			}
		}
		out = append(out, plotter.XY{X: float64(at) / unit.size, Y: float64(most)})
	}
	return out
}

// interval returns how far apart the samples are, 0 if there are none.
func interval(res *sim.Result) engine.Time {
	if len(res.Series) < 2 {
		return 0
	}
	return res.Series[1].At - res.Series[0].At
}

// highest returns the largest y.
func highest(lines ...plotter.XYs) (y float64) {
	for _, l := range lines {
		for _, p := range l {
			y = max(y, p.Y)
		}
	}
	return y
}
