package report

import (
	"math/big"
	"strings"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/units"
)

// A Unit is what a metric's value is measured in.
type Unit uint8

// Units.
const (
	Count Unit = iota // packets, datagrams, events
	Bytes
	Duration  // picoseconds
	Share     // 1 is all
	PerSecond // of virtual time
)

// parse reads a literal of that unit, exactly.
func (u Unit) parse(s string) (*big.Rat, error) {
	switch u {
	case Duration:
		t, err := units.ParseTime(s)
		return big.NewRat(int64(t), 1), err
	case Share:
		ppm, err := units.ParsePPM(s)
		return big.NewRat(int64(ppm), 1_000_000), err
	case PerSecond:
		milli, err := units.ParseRate(s)
		return ratio(milli, 1000), err
	case Bytes:
		n, err := units.ParseBytes(s)
		return big.NewRat(n, 1), err
	}
	milli, err := units.ParseMilli(s)
	return ratio(milli, 1000), err
}

// ratio returns a/b.
func ratio(a, b uint64) *big.Rat {
	return new(big.Rat).SetFrac(new(big.Int).SetUint64(a), new(big.Int).SetUint64(b))
}

// A Value is what a metric has in a result. Its zero value is none: the mean
// over no packets, a rate over no time.
type Value struct {
	// Unit is what it is measured in.
	Unit Unit
	rat  *big.Rat
}

// Known reports whether there is a value.
func (v Value) Known() bool { return v.rat != nil }

// Cmp compares two known values of the same unit, exactly.
func (v Value) Cmp(o Value) int { return v.rat.Cmp(o.rat) }

// Float returns the value for statistics: picoseconds of a Duration, 1 for a
// Share of all. It is 0 if there is none.
func (v Value) Float() float64 {
	if v.rat == nil {
		return 0
	}
	f, _ := v.rat.Float64()
	return f
}

// String prints the value with its unit, with at most three decimals: "12",
// "3.489ms", "42.13%", "1500/s". Digits beyond are cut off.
func (v Value) String() string {
	if v.rat == nil {
		return "no value"
	}
	switch v.Unit {
	case Duration:
		ps := new(big.Int).Quo(v.rat.Num(), v.rat.Denom())
		return engine.Time(ps.Int64()).String()
	case Share:
		return decimal(new(big.Rat).Mul(v.rat, big.NewRat(100, 1))) + "%"
	case PerSecond:
		return decimal(v.rat) + "/s"
	case Bytes:
		return decimal(v.rat) + "B"
	}
	return decimal(v.rat)
}

// decimal prints r >= 0 with at most three decimals, the rest cut off.
func decimal(r *big.Rat) string {
	milli := new(big.Int).Mul(r.Num(), big.NewInt(1000))
	milli.Quo(milli, r.Denom())
	whole, rest := milli.QuoRem(milli, big.NewInt(1000), new(big.Int))
	return strings.TrimSuffix(whole.String()+fraction(rest.Int64()), ".")
}

// fraction prints thousandths after the point: 250 is ".25", 0 is "".
func fraction(milli int64) string {
	if milli == 0 {
		return ""
	}
	return "." + strings.TrimRight(string([]byte{'0' + byte(milli/100), '0' + byte(milli/10%10), '0' + byte(milli%10)}), "0")
}
