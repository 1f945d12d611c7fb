package scenariofile

import (
	"encoding/json"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
)

// A lawOf is a distribution as it is written: a value, or a family with its
// parameters, or the word imix. Exactly one of its fields is set.
type lawOf[T ~int64, N notation[T]] struct {
	// Fixed is the value if it is always the same.
	Fixed scalar[T, N] `json:"-"`
	// Uniform: every value from min to max is equally likely.
	Uniform *uniformLaw[T, N] `json:"uniform,omitempty"`
	// Exponential: many small values, few large ones, no memory.
	Exponential *exponentialLaw[T, N] `json:"exponential,omitempty"`
	// Lognormal: the law of service times, given by what one measures.
	Lognormal *lognormalLaw[T, N] `json:"lognormal,omitempty"`
	// Pareto: a heavy tail.
	Pareto *paretoLaw[T, N] `json:"pareto,omitempty"`
	// Empirical: values that were measured, with their weights.
	Empirical *empiricalLaw[T, N] `json:"empirical,omitempty"`

	// imix is the word imix.
	imix bool
}

type uniformLaw[T ~int64, N notation[T]] struct {
	// Min is the least value.
	Min scalar[T, N] `json:"min" jsonschema:"required"`
	// Max is the greatest value.
	Max scalar[T, N] `json:"max" jsonschema:"required"`
}

type exponentialLaw[T ~int64, N notation[T]] struct {
	// Mean is the mean.
	Mean scalar[T, N] `json:"mean" jsonschema:"required"`
}

type lognormalLaw[T ~int64, N notation[T]] struct {
	// Mean is the mean.
	Mean scalar[T, N] `json:"mean" jsonschema:"required"`
	// P99 is the value that one in a hundred exceeds, at most some 14 times the mean.
	P99 scalar[T, N] `json:"p99" jsonschema:"required"`
}

type paretoLaw[T ~int64, N notation[T]] struct {
	// Min is the least value.
	Min scalar[T, N] `json:"min" jsonschema:"required"`
	// Alpha is the index of the tail, above 1: the smaller, the heavier.
	Alpha factor `json:"alpha" jsonschema:"required"`
	// Cap is the greatest value; what lies beyond becomes it. Left out: none.
	Cap scalar[T, N] `json:"cap,omitzero"`
}

type empiricalLaw[T ~int64, N notation[T]] struct {
	// Values are the values.
	Values []scalar[T, N] `json:"values" jsonschema:"required"`
	// Weights say how often each value comes, relative to the others. Left out: equally often.
	Weights []uint64 `json:"weights,omitempty"`
}

// imixWord stands for the simple Internet mix of frame lengths.
const imixWord = "imix"

// IsZero reports that no law was given, for omitzero.
func (l lawOf[T, N]) IsZero() bool {
	return !l.imix && l.Fixed.IsZero() && l.Uniform == nil && l.Exponential == nil && l.Lognormal == nil && l.Pareto == nil && l.Empirical == nil
}

// UnmarshalJSON reads a scalar or a mapping.
func (l *lawOf[T, N]) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == `"`+imixWord+`"`:
		l.imix = true
		return nil
	case b[0] == '{':
		type plain lawOf[T, N]
		return json.Unmarshal(b, (*plain)(l))
	}
	return l.Fixed.UnmarshalJSON(b)
}

// MarshalJSON prints what UnmarshalJSON reads.
func (l lawOf[T, N]) MarshalJSON() ([]byte, error) {
	switch {
	case l.imix:
		return json.Marshal(imixWord)
	case !l.Fixed.IsZero():
		return l.Fixed.MarshalJSON()
	}
	type plain lawOf[T, N]
	return json.Marshal(plain(l))
}

// law returns the distribution. The error's text says which parameters do not go together.
func (l *lawOf[T, N]) law() (law.Law, error) {
	switch {
	case l.imix:
		return law.IMIX(), nil
	case l.Uniform != nil:
		return law.Uniform(int64(l.Uniform.Min.v), int64(l.Uniform.Max.v))
	case l.Exponential != nil:
		return law.Exponential(int64(l.Exponential.Mean.v))
	case l.Lognormal != nil:
		return law.Lognormal(int64(l.Lognormal.Mean.v), int64(l.Lognormal.P99.v))
	case l.Pareto != nil:
		return law.Pareto(int64(l.Pareto.Min.v), int64(l.Pareto.Alpha.v), int64(l.Pareto.Cap.v))
	case l.Empirical != nil:
		values := make([]int64, len(l.Empirical.Values))
		for i, v := range l.Empirical.Values {
			values[i] = int64(v.v)
		}
		return law.Empirical(values, l.Empirical.Weights)
	}
	return law.Constant(int64(l.Fixed.v)), nil
}

// family returns the key of the law, nil for a value.
func (l *lawOf[T, N]) family() path {
	switch {
	case l.Uniform != nil:
		return path{"uniform"}
	case l.Exponential != nil:
		return path{"exponential"}
	case l.Lognormal != nil:
		return path{"lognormal"}
	case l.Pareto != nil:
		return path{"pareto"}
	case l.Empirical != nil:
		return path{"empirical"}
	}
	return nil
}

// The laws of a scenario file.
type (
	timeLaw = lawOf[engine.Time, timeNotation]
	sizeLaw = lawOf[int64, bytesNotation]
)
