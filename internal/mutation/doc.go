// Package mutation proves that the differential test of package sim can fail:
// it plants faults in the lazy executive and its settlers, one at a time, and
// requires that the test finds each of them.
//
// A fault is a textual edit of one source file, applied through the go
// command's -overlay flag: the checkout is never touched. Planting takes a
// compilation a fault, some two minutes in all on two cores, so it is asked for
// with an environment variable:
//
//	RXPATH_MUTATION=1 go test -v ./internal/mutation
//
// Without it the package only checks that every edit still fits its file.
package mutation
