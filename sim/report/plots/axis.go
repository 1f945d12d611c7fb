package plots

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// linear marks round numbers of a linear axis, at most most of them with a
// number.
type linear struct{ most int }

// Ticks implements plot.Ticker.
func (l linear) Ticks(lo, hi float64) []plot.Tick {
	mantissa, exp := step((hi - lo) / float64(l.most))
	size := float64(mantissa) * math.Pow10(exp)
	var out []plot.Tick
	for i := int64(math.Ceil(lo/size - 1e-9)); float64(i)*size <= hi*(1+1e-9); i++ {
		out = append(out, plot.Tick{Value: float64(i) * size, Label: scaled(i*int64(mantissa), exp)})
	}
	return out
}

// step returns the smallest of 1, 2 and 5 times a power of ten that is not
// below least.
func step(least float64) (mantissa, exp int) {
	if !(least > 0) {
		return 1, 0
	}
	exp = int(math.Floor(math.Log10(least)))
	for _, m := range []int{1, 2, 5} {
		if float64(m)*math.Pow10(exp) >= least*(1-1e-9) {
			return m, exp
		}
	}
	return 1, exp + 1
}

// scaled prints n·10^exp.
func scaled(n int64, exp int) string {
	return strconv.FormatFloat(float64(n)*math.Pow10(exp), 'f', max(-exp, 0), 64)
}

// ceiling returns the upper end of a linear axis from 0 that shows v.
func ceiling(v float64) float64 {
	if v <= 0 {
		return 1
	}
	m, exp := step(v * 1.02 / 4)
	size := float64(m) * math.Pow10(exp)
	return size * math.Ceil(v*1.02/size)
}

// A scale is a unit of an axis: how many base units it holds, and the value
// from which on it is used.
type scale struct {
	name       string
	size, from float64
}

// scaleFor returns the last of scales that is used for v.
func scaleFor(v float64, scales []scale) scale {
	out := scales[0]
	for _, s := range scales {
		if v >= s.from {
			out = s
		}
	}
	return out
}

var (
	byteScales   = []scale{{"bytes", 1, 0}, {"KiB", 1 << 10, 1 << 10}, {"MiB", 1 << 20, 1 << 20}, {"GiB", 1 << 30, 1 << 30}}
	packetScales = []scale{{"packets", 1, 0}, {"thousand packets", 1e3, 1e4}, {"million packets", 1e6, 2e6}}
	rateScales   = []scale{{"packets/s", 1, 0}, {"thousand packets/s", 1e3, 1e4}, {"million packets/s", 1e6, 2e6}}
	timeScales   = []scale{{"ns", float64(engine.Nanosecond), 0}, {"µs", float64(engine.Microsecond), float64(engine.Microsecond)},
		{"ms", float64(engine.Millisecond), float64(engine.Millisecond)}, {"s", float64(engine.Second), float64(engine.Second)}}
)

// timeAxis makes the x axis of p virtual time up to end, and returns its unit.
func timeAxis(p *plot.Plot, end engine.Time) scale {
	s := scaleFor(float64(end), timeScales)
	p.X.Label.Text = "virtual time, " + s.name
	p.X.Min, p.X.Max = 0, float64(max(end, 1))/s.size
	p.X.Tick.Marker = linear{10}
	return s
}

// logTime marks a logarithmic axis of picoseconds: powers of ten with a label,
// and twice and five times those on an axis of one or two of them.
type logTime struct{}

// Ticks implements plot.Ticker.
func (logTime) Ticks(lo, hi float64) []plot.Tick {
	var out []plot.Tick
	short := hi <= 100*lo
	for exp := 0; exp < 19; exp++ {
		for m := 1; m < 10; m++ {
			v := float64(m) * math.Pow10(exp)
			if v < lo*(1-1e-9) || v > hi*(1+1e-9) {
				continue
			}
			t := plot.Tick{Value: v}
			if m == 1 || short && (m == 2 || m == 5) {
				t.Label = engine.Time(v).String()
			}
			out = append(out, t)
		}
	}
	return out
}

// logRange returns 1, 2 or 5 times a power of ten below lo and above hi.
func logRange(lo, hi float64) (float64, float64) {
	lo = max(lo, 1)
	exp := math.Floor(math.Log10(lo))
	low := math.Pow10(int(exp))
	for _, m := range []float64{5, 2} {
		if m*math.Pow10(int(exp)) <= lo {
			low = m * math.Pow10(int(exp))
			break
		}
	}
	m, e := step(max(hi, low*2))
	return low, float64(m) * math.Pow10(e)
}

// percentiles marks an axis of -log10(1-p): 0 is 0 %, 1 is 90 %, 2 is 99 %.
type percentiles struct{}

// Ticks implements plot.Ticker.
func (percentiles) Ticks(_, hi float64) []plot.Tick {
	out := []plot.Tick{{Value: 0, Label: "0%"}, {Value: math.Log10(2), Label: "50%"}, {Value: 1, Label: "90%"}, {Value: 2, Label: "99%"}}
	label := "99."
	for i := 3; float64(i) <= hi; i++ {
		label += "9"
		out = append(out, plot.Tick{Value: float64(i), Label: label + "%"})
	}
	return out
}
