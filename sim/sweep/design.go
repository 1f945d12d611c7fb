package sweep

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distmv"
	"gonum.org/v1/gonum/stat/samplemv"

	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// maxPoints is how many points a design may have.
const maxPoints = 1_000_000

// A Design is the points of a sweep.
type Design struct {
	// Paths are the keys that vary.
	Paths []string
	// Points are the values of the keys, point by point, in the order of Paths.
	Points [][]string
}

// Sets returns what point i sets.
func (d *Design) Sets(i int) []scenariofile.Set {
	sets := make([]scenariofile.Set, len(d.Paths))
	for j, p := range d.Paths {
		sets[j] = scenariofile.Set{Path: p, Value: d.Points[i][j]}
	}
	return sets
}

// Cross returns every combination of the axes' values. The last axis changes
// fastest. No axis gives one point at which nothing is changed.
func Cross(axes ...Axis) (Design, error) {
	d := Design{Points: [][]string{{}}}
	for _, a := range axes {
		if a.Values == nil {
			return Design{}, fmt.Errorf("%s: a range has no values of its own: want a step such as :x2 or :+64, or samples of a Latin hypercube or Halton design", a.Path)
		}
		if err := d.add(a.Path); err != nil {
			return Design{}, err
		}
		if len(d.Points)*len(a.Values) > maxPoints {
			return Design{}, fmt.Errorf("more than %d points", maxPoints)
		}
		var crossed [][]string
		for _, p := range d.Points {
			for _, v := range a.Values {
				crossed = append(crossed, append(append([]string{}, p...), v))
			}
		}
		d.Points = crossed
	}
	return d, nil
}

// add adds a key.
func (d *Design) add(path string) error {
	for _, p := range d.Paths {
		if p == path {
			return fmt.Errorf("%s varies twice", path)
		}
	}
	d.Paths = append(d.Paths, path)
	return nil
}

// A Sampler places points in a space of ranges.
type Sampler string

// Samplers.
const (
	// LatinHypercube gives every range as many strata as there are points, and draws once from each.
	LatinHypercube Sampler = "lhs"
	// Halton is a low-discrepancy sequence, scrambled by the seed.
	Halton Sampler = "halton"
)

// Samplers are all of them.
var Samplers = []string{string(LatinHypercube), string(Halton)}

// resolution is into how many steps a range of quantities that are not whole
// numbers is divided, so that values are short to print.
const resolution = 1000

// Sample returns n points of the ranges, combined with every value of the axes
// that are lists. The same seed gives the same points.
func Sample(how Sampler, n int, seed uint64, axes ...Axis) (Design, error) {
	if n < 1 || n > maxPoints {
		return Design{}, fmt.Errorf("%d samples: want 1 to %d", n, maxPoints)
	}
	var ranges, lists []Axis
	for _, a := range axes {
		if a.Values == nil {
			ranges = append(ranges, a)
		} else {
			lists = append(lists, a)
		}
	}
	if len(ranges) == 0 {
		return Design{}, errors.New("nothing to draw from: want a range such as nics[0].ring.rx=64..4096")
	}
	src := rand.NewPCG(seed, 0)
	cube := mat.NewDense(n, len(ranges), nil)
	unit := distmv.NewUnitUniform(len(ranges), src)
	switch how {
	case LatinHypercube:
		samplemv.LatinHypercube{Q: unit, Src: src}.Sample(cube)
	case Halton:
		samplemv.Halton{Kind: samplemv.Owen, Q: unit, Src: src}.Sample(cube)
	default:
		return Design{}, fmt.Errorf("design %q: want %s", how, strings.Join(Samplers, " or "))
	}
	d, err := Cross(lists...)
	if err != nil {
		return Design{}, err
	}
	if len(d.Points)*n > maxPoints {
		return Design{}, fmt.Errorf("more than %d points", maxPoints)
	}
	for _, r := range ranges {
		if err := d.add(r.Path); err != nil {
			return Design{}, err
		}
	}
	var points [][]string
	for _, p := range d.Points {
		for i := range n {
			q := append([]string{}, p...)
			for j, r := range ranges {
				v, err := r.at(cube.At(i, j))
				if err != nil {
					return Design{}, err
				}
				q = append(q, v)
			}
			points = append(points, q)
		}
	}
	d.Points = points
	return d, nil
}

// at returns the value at u of the way through a range.
func (a *Axis) at(u float64) (string, error) {
	lo, err := parseQuantity(a.Low)
	if err != nil {
		return "", fmt.Errorf("%s: %w", a.Path, err)
	}
	hi, err := parseQuantity(a.High)
	if err != nil {
		return "", fmt.Errorf("%s: %w", a.Path, err)
	}
	l, _ := lo.value.Float64()
	h, _ := hi.value.Float64()
	counts := lo.whole() && hi.whole()
	if counts {
		h++ // each whole number stands for what begins at it, so that the ends are as likely as others
	}
	v := l + u*(h-l)
	if a.Log {
		v = l * math.Pow(h/l, u)
	}
	exponent := 0
	if counts {
		v = math.Floor(v)
	} else {
		exponent = int(math.Floor(math.Log10(math.Max(v, (h-l)/resolution)/resolution))) + 1
	}
	// A step is a power of ten and exact, so that the values are short decimals.
	step := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, -exponent))), nil))
	if exponent < 0 {
		step.Inv(step)
	}
	size, _ := step.Float64()
	r := new(big.Rat).SetFloat64(math.Round(v / size))
	r.Mul(r, step)
	if counts || lo.unit != "" && exponent >= 0 {
		r = roundRat(r)
	}
	if r.Cmp(lo.value) < 0 {
		r = lo.value
	}
	if r.Cmp(hi.value) > 0 {
		r = hi.value
	}
	return quantity{r, lo.unit, false}.String(), nil
}

// ReadPoints reads a design from CSV: the first line names the keys, every
// other line is a point.
func ReadPoints(r io.Reader) (Design, error) {
	c := csv.NewReader(r)
	c.Comment = '#'
	c.TrimLeadingSpace = true
	rows, err := c.ReadAll()
	if err != nil {
		return Design{}, err
	}
	if len(rows) < 2 {
		return Design{}, errors.New("no points: want a line with the keys, then one line a point")
	}
	if len(rows)-1 > maxPoints {
		return Design{}, fmt.Errorf("more than %d points", maxPoints)
	}
	var d Design
	for _, p := range rows[0] {
		if err := d.add(strings.TrimSpace(p)); err != nil {
			return Design{}, err
		}
	}
	d.Points = rows[1:]
	return d, nil
}
