package report

import (
	"github.com/seed-556df219/rxpath/sim"
)

// ResultsVersion is raised with each "Changed results" entry of the changelog:
// results of different versions cannot be compared number by number.
const ResultsVersion = 1

// An Input is a result with what is known about it. Only Result is needed.
type Input struct {
	Result *sim.Result
	// Scenario is the scenario in its canonical form, YAML or JSON, as scenariofile.Canonical returns it; nil if there
	// is none.
	Scenario []byte
	// Version is that of the program; empty if it has none.
	Version string
	// Bottleneck is what [FindBottleneck] found; nil if nobody looked.
	Bottleneck *Bottleneck
	// Assumptions are what [FindAssumptions] found; nil if nobody looked.
	Assumptions []Assumption
	// Histograms adds the buckets of every latency to the JSON.
	Histograms bool
	// Plots draws the plots of a directory and saves each under its name; nil for none. It is plots.Draw.
	Plots func(res *sim.Result, save func(name string, data []byte) error) error
}
