package law_test

import (
	"testing"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
)

var sink int64

// BenchmarkDraw is one draw of each family.
func BenchmarkDraw(b *testing.B) {
	for name, l := range map[string]law.Law{
		"constant":    law.Constant(2000),
		"uniform":     law.Must(law.Uniform(64, 1518)),
		"exponential": law.Must(law.Exponential(4_000_000)),
		"lognormal":   law.Must(law.Lognormal(2_000_000, 9_000_000)),
		"pareto":      law.Must(law.Pareto(1000, 1500, 0)),
		"geometric":   law.Must(law.Geometric(32)),
		"imix":        law.IMIX(),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s := engine.NewStream(1, "bench")
			var sum int64
			for b.Loop() {
				sum += l.Draw(&s)
			}
			sink = sum
		})
	}
}

// BenchmarkUnitExponential is what a Poisson source pays.
func BenchmarkUnitExponential(b *testing.B) {
	b.ReportAllocs()
	s := engine.NewStream(1, "bench")
	var sum uint64
	for b.Loop() {
		sum += law.UnitExponential(&s)
	}
	sink = int64(sum)
}
