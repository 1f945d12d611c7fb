package scenariofile_test

import (
	"testing"

	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// A sweep parses its scenario once for every point.
func BenchmarkParse(b *testing.B) {
	sets := []scenariofile.Set{{Path: "nics[eth0].ring.rx", Value: "1024"}, {Path: "load", Value: "2"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scenariofile.Parse(scenariofile.DefaultName, scenariofile.Default(), sets...); err != nil {
			b.Fatal(err)
		}
	}
}
