// Package law holds probability distributions that are drawn with whole
// numbers only, so that a run comes out the same on every architecture.
//
// A [Law] is a small value: copy it, compare it with Equal, print it. Its
// constructors refuse what no law can be, and Draw never fails, never
// allocates, and takes one number from the stream (none for a constant,
// another one in 65,536 draws where an exponential is involved).
//
// The shapes come from tables that internal/gen writes and that are checked
// in: -ln over one octave, 2^x over one octave, and the quantiles of the normal
// law. In between they are joined by straight lines, which puts every quantile
// within a few parts in 100,000 of the true law; what remains is the rounding
// of the result to a whole number. The exponential law has no upper end: where
// the table ends, it adds that much and draws again, which for this law alone
// changes nothing.
package law

//go:generate go run ./internal/gen tables.go
