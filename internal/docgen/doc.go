// Command docgen writes the pages of docs that come from the source: what each
// counter means (COUNTERS.md), which Go name models which kernel symbol
// (KERNEL_MAP.md), and where the model leaves the kernel (deviations.md).
//
// It reads comments and struct tags, so a page says what the source says. What
// the source can't say by itself stands in tables of this command, and its
// tests hold them to what the model does: which counters a drop reason moves
// (feeds.go), by provoking every loss; which setting moves a counter
// (knobs.go), by turning each; the lines of `ethtool -S` (driver.go).
//
// Its tests also say whether the pages are current, and whether the names, the
// links and the tables of ARCHITECTURE.md are those of the code.
package main

//go:generate go run . ../..
