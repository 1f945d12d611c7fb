// Package rules is the ledger of the kernel rules that the model follows: which
// symbol models a rule, which test pins it, and which change of the behaviour
// was made to see that test fail.
//
// The rows stand in data/AREA.yaml, one file for each part of the model. A row:
//
//   - id: RX-5                  # as the specification writes it
//     says: One free slot always separates the two indices.
//     where: nic.Queue.unused   # package.Symbol or package.Type.Method; a list if several
//     test: nic.TestRing/RX-5_unused # what `go test -run` takes, after the package's directory; a list if several
//     changed: two slots free   # in a few words
//     mutation: {file: nic/ring.go, old: "- 1", new: "- 2"} # old occurs exactly once in the file
//   - id: RX-29
//     status: not modelled      # or: partly, with a why beside the test
//     why: LRO merges TCP only, and the model has no TCP.
//
// The tests of this package hold every row to the source: the symbols exist,
// the tests exist, the mutations fit. With RXPATH_MUTATION=1 they also plant
// every mutation, through the go command's -overlay flag, and want exactly that
// test to fail; this takes a compilation a row. Page renders docs/rules.md,
// which internal/docgen writes.
package rules
