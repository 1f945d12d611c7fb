// Package report shows what a run did: as text that fits a screen, as Markdown,
// as JSON and as a CSV long table for programs, and as a directory with the
// host's files, the time series and plots. It also reads the metrics in which
// thresholds are written, and finds the stage that limits a run.
//
// Everything that it prints is a function of the result: the same run gives the
// same bytes. There is no wall time, host name or path of the machine in it.
// Floats appear in printing only; what decides, such as a threshold, is exact.
//
// The keys of the JSON are in docs/results.md and docs/run.schema.json, the
// metrics in docs/metrics.md. The plots are drawn by package plots, so that a
// program that wants none does not carry gonum.org/v1/plot.
package report
