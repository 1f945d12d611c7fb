package sweep

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// A quantity is a number with one of the units of a scenario file.
type quantity struct {
	value *big.Rat // in the smallest unit of its family
	unit  string   // as it was written, empty for a bare number
	point bool     // written with a decimal point, so that fractions make sense
}

// families are units that can be converted into each other, smallest first.
var families = [][]struct {
	unit   string
	factor int64
}{
	{{"", 1}},
	{{"ps", 1}, {"ns", 1e3}, {"us", 1e6}, {"µs", 1e6}, {"ms", 1e9}, {"s", 1e12}},
	{{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}},
	{{"pps", 1}, {"kpps", 1e3}, {"Mpps", 1e6}},
	{{"b/s", 1}, {"kb/s", 1e3}, {"Mb/s", 1e6}, {"Gb/s", 1e9}},
	{{"%", 1}},
	{{"x", 1}},
}

var quantityForm = regexp.MustCompile(`^(-?[0-9]+(?:\.[0-9]+)?)([A-Za-zµ/%]*)$`)

// family returns the index of a unit's family and its factor.
func family(unit string) (at int, factor int64, ok bool) {
	for i, f := range families {
		for _, u := range f {
			if u.unit == unit {
				return i, u.factor, true
			}
		}
	}
	return 0, 0, false
}

func parseQuantity(s string) (quantity, error) {
	m := quantityForm.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return quantity{}, fmt.Errorf("%q: want a number, with a unit if the key has one, such as 64, 10ms, 8MiB", s)
	}
	_, factor, ok := family(m[2])
	if !ok {
		return quantity{}, fmt.Errorf("%q: unknown unit %q: want one of ns us ms s, B KiB MiB GiB, pps kpps Mpps, kb/s Mb/s Gb/s, %%", s, m[2])
	}
	r, _ := new(big.Rat).SetString(m[1])
	return quantity{r.Mul(r, big.NewRat(factor, 1)), m[2], strings.Contains(m[1], ".")}, nil
}

// String prints the quantity exactly: as a whole number of the largest unit
// that allows it, else as a decimal of its own unit.
func (q quantity) String() string {
	at, own, _ := family(q.unit)
	for _, u := range slices.Backward(families[at]) {
		if u.unit == "µs" {
			continue
		}
		if v := new(big.Rat).Quo(q.value, big.NewRat(u.factor, 1)); v.IsInt() {
			return v.Num().String() + u.unit
		}
	}
	v := new(big.Rat).Quo(q.value, big.NewRat(own, 1))
	digits, exact := v.FloatPrec()
	if !exact {
		digits = 9
	}
	return strings.TrimRight(v.FloatString(digits), "0") + q.unit
}

// whole reports whether the quantity was written as a bare whole number.
func (q quantity) whole() bool { return q.unit == "" && !q.point }

// Number returns a value of a key as a number in the smallest unit of its kind,
// for axes of plots; false if it is no quantity.
func Number(value string) (float64, bool) {
	q, err := parseQuantity(value)
	if err != nil {
		return 0, false
	}
	f, _ := q.value.Float64()
	return f, true
}
