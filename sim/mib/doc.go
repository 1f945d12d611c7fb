// Package mib holds the counters of the modelled host as plain structs, one
// per table of the kernel: the fields bear the kernel's names, a copy is a
// snapshot, the zero value is ready. The stages share them by pointer, because
// the kernel itself counts one row in several places.
//
// Every field's comment says what it counts, what it does not say, and where
// the kernel moves it. All counters are uint64 here; where a file shows fewer
// bits, package procfs wraps.
package mib
