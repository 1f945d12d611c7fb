package law

import (
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// Kind is the family of a law.
type Kind uint8

// Families.
const (
	KindConstant    Kind = iota // always the same
	KindUniform                 // every whole number of a range
	KindExponential             // the gaps of a Poisson process
	KindLognormal               // service times
	KindPareto                  // a heavy tail
	KindGeometric               // the number of tries up to a success
	KindEmpirical               // values with weights
)

var kindNames = [...]string{"constant", "uniform", "exponential", "lognormal", "pareto", "geometric", "empirical"}

// String returns the name in lower case: "lognormal".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Limit is the largest value that a law gives; a law that goes beyond gives
// Limit there. As a time it is engine.MaxTime, 53 days.
const Limit = int64(engine.MaxTime)

// A Law is a distribution of non-negative whole numbers: picoseconds, bytes,
// frames. Its zero value is the constant 0.
type Law struct {
	kind Kind
	// a, b and c are what the constructor was given.
	a, b, c int64
	// x, y and shift are what Draw and Mean need; each family says what.
	x, y  uint64
	shift uint8
	// table is that of an empirical law.
	table *table
}

// Constant returns the law of a fixed value. Nothing forbids a negative one
// here; whoever takes a law for a size or a time checks Min.
func Constant(v int64) Law { return Law{kind: KindConstant, a: v} }

// Must returns l, and panics if err is not nil. It is for laws that are known
// to be possible, as in tests: law.Must(law.Uniform(64, 1518)).
func Must(l Law, err error) Law {
	if err != nil {
		panic("law: " + err.Error())
	}
	return l
}

// Kind returns the family.
func (l Law) Kind() Kind { return l.kind }

// Draw returns a value. A constant draws nothing from s.
func (l *Law) Draw(s *engine.Stream) int64 {
	switch l.kind {
	case KindConstant:
		return l.a
	case KindExponential:
		return l.exponential(UnitExponential(s))
	case KindUniform:
		return l.a + int64(s.Below(l.x))
	case KindLognormal:
		return l.lognormal(s.Uint64())
	case KindPareto:
		return l.pareto(UnitExponential(s))
	case KindGeometric:
		return l.geometric(UnitExponential(s))
	default:
		return l.table.draw(s)
	}
}

// Mean returns the mean, rounded down. That of a Pareto law with a cap is
// within a millionth.
func (l Law) Mean() int64 {
	switch l.kind {
	case KindUniform:
		return l.a + (l.b-l.a)/2
	case KindPareto:
		return int64(l.y)
	case KindEmpirical:
		return l.table.mean
	default: // the first parameter is the mean
		return l.a
	}
}

// Min returns the smallest value that Draw can return.
func (l Law) Min() int64 {
	switch l.kind {
	case KindExponential:
		return 0
	case KindLognormal:
		return l.lognormal(lognormalLowest)
	case KindGeometric:
		return 1
	case KindEmpirical:
		return slices.Min(l.table.values)
	default:
		return l.a
	}
}

// Max returns the largest value that Draw can return, Limit if there is none:
// what memory has to be planned for.
func (l Law) Max() int64 {
	switch l.kind {
	case KindConstant:
		return l.a
	case KindUniform:
		return l.b
	case KindLognormal:
		return l.lognormal(lognormalHighest)
	case KindPareto:
		return l.c
	case KindEmpirical:
		return slices.Max(l.table.values)
	default:
		return Limit
	}
}

// Fixed returns the value if every draw gives the same.
func (l Law) Fixed() (int64, bool) {
	low, high := l.Min(), l.Max()
	return low, low == high
}

// Equal reports whether both laws were made with the same parameters.
func (l Law) Equal(o Law) bool {
	if l.table != nil && o.table != nil {
		return slices.Equal(l.table.values, o.table.values) && slices.Equal(l.table.weights, o.table.weights)
	}
	return l == o
}

// String names the law with its parameters: "lognormal(mean 2000, p99 9000)".
func (l Law) String() string {
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	switch l.kind {
	case KindConstant:
		return n(l.a)
	case KindUniform:
		return "uniform(" + n(l.a) + " to " + n(l.b) + ")"
	case KindLognormal:
		return "lognormal(mean " + n(l.a) + ", p99 " + n(l.b) + ")"
	case KindPareto:
		s := "pareto(min " + n(l.a) + ", alpha " + milli(l.b)
		if l.c < Limit {
			s += ", cap " + n(l.c)
		}
		return s + ")"
	case KindEmpirical:
		return l.table.String()
	default:
		return l.kind.String() + "(mean " + n(l.a) + ")"
	}
}

// milli prints thousandths: 1500 is "1.5".
func milli(v int64) string {
	s := strconv.FormatInt(v/1000, 10)
	if v%1000 == 0 {
		return s
	}
	return s + "." + strings.TrimRight(strconv.FormatInt(1000+v%1000, 10)[1:], "0")
}
