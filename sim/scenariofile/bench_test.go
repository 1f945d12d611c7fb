package scenariofile_test

import (
	"testing"

	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// A sweep reads its scenario once, and parses it for every point.
func BenchmarkParse(b *testing.B) {
	sets := []scenariofile.Set{{Path: "nics[eth0].ring.rx", Value: "1024"}, {Path: "load", Value: "2"}}
	src := scenariofile.Read(scenariofile.DefaultName, scenariofile.Default())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := src.Parse(sets...); err != nil {
			b.Fatal(err)
		}
	}
}
