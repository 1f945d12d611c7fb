package sweep

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// LeastReps is how many replications an interval takes.
const LeastReps = 5

// Confidence is the level of every interval.
const Confidence = 0.95

// A Summary is what the replications of a point say of one metric.
type Summary struct {
	// N is the number of replications that have a value.
	N int `json:"n"`
	// Mean is their mean, Min and Max the smallest and largest.
	Mean float64 `json:"mean"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
	// Half is half the width of the 95 % confidence interval of the mean, Mean-Half to Mean+Half, by Student's t; nil
	// below five replications.
	Half *float64 `json:"half_width,omitempty"`
}

// Summarize describes a sample. The zero Summary is that of nothing.
func Summarize(x []float64) Summary {
	if len(x) == 0 {
		return Summary{}
	}
	s := Summary{N: len(x), Min: math.Inf(1), Max: math.Inf(-1)}
	var sd float64
	s.Mean, sd = stat.MeanStdDev(x, nil)
	for _, v := range x {
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	}
	if s.Min == s.Max {
		s.Mean, sd = s.Min, 0 // without what rounding adds
	}
	if s.N >= LeastReps {
		t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(s.N - 1)}.Quantile(1 - (1-Confidence)/2)
		half := t * sd / math.Sqrt(float64(s.N))
		s.Half = &half
	}
	return s
}

// A PointSummary is what the replications of a point say.
type PointSummary struct {
	Point  int      `json:"point"`
	Values []string `json:"values"`
	// Failed counts the replications without a result, Error is the first one's.
	Failed  int                `json:"failed,omitempty"`
	Error   string             `json:"error,omitempty"`
	Metrics map[string]Summary `json:"metrics"`
}

// SummarizePoints summarises outcomes, which are in order, point by point.
func SummarizePoints(outcomes []Outcome) []PointSummary {
	var points []PointSummary
	for len(outcomes) > 0 {
		n := 1
		for n < len(outcomes) && outcomes[n].Point == outcomes[0].Point {
			n++
		}
		points = append(points, summarizePoint(outcomes[:n]))
		outcomes = outcomes[n:]
	}
	return points
}

func summarizePoint(reps []Outcome) PointSummary {
	p := PointSummary{Point: reps[0].Point, Values: reps[0].Values, Metrics: map[string]Summary{}}
	sample := map[string][]float64{}
	for _, o := range reps {
		if o.Error != "" {
			p.Failed++
			if p.Error == "" {
				p.Error = o.Error
			}
		}
		for name, v := range o.Metrics { // Any order: each name has a sample of its own.
			sample[name] = append(sample[name], v)
		}
	}
	for name, x := range sample { // Any order: each name has a summary of its own.
		p.Metrics[name] = Summarize(x)
	}
	return p
}
