package law_test

import (
	"fmt"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
)

// A service time with a mean of 2 µs that takes more than 9 µs once in a
// hundred times, in picoseconds.
func ExampleLognormal() {
	service, err := law.Lognormal(2_000_000, 9_000_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	s := engine.NewStream(1, "service")
	for range 3 {
		fmt.Println(engine.Time(service.Draw(&s)))
	}
	_, err = law.Lognormal(2_000_000, 40_000_000)
	fmt.Println(err)
	// Output:
	// 588.787ns
	// 931.063ns
	// 2.455µs
	// p99 = 40000000: want the mean to 14.97 times the mean
}

func ExampleIMIX() {
	size := law.IMIX()
	fmt.Println(size)
	fmt.Println("mean", size.Mean(), "bytes, at most", size.Max())
	// Output:
	// empirical(64:7, 594:4, 1518:1)
	// mean 361 bytes, at most 1518
}

// Gaps between the frames of a Poisson stream of 250,000 a second.
func ExampleExponential() {
	gap := law.Must(law.Exponential(int64(4 * engine.Microsecond)))
	s := engine.NewStream(1, "gaps")
	var at engine.Time
	for range 250_000 {
		at += engine.Time(gap.Draw(&s))
	}
	fmt.Println(at.Duration())
	// Output:
	// 999.768177ms
}

func ExampleEmpirical() {
	polled := law.Must(law.Empirical([]int64{1, 8, 64}, []uint64{90, 9, 1}))
	s := engine.NewStream(1, "example")
	count := map[int64]int{}
	for range 100_000 {
		count[polled.Draw(&s)]++
	}
	fmt.Println(count)
	// Output:
	// map[1:89924 8:9093 64:983]
}

func ExamplePareto() {
	burst := law.Must(law.Pareto(10, 1500, 1000))
	fmt.Println(burst, "has a mean of", burst.Mean())
	// Output:
	// pareto(min 10, alpha 1.5, cap 1000) has a mean of 28
}
