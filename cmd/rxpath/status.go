package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Exit statuses (contracts: Exit status). 2 beats 1 beats 99.
const (
	exitOK        = 0
	exitFailed    = 1   // an output could not be written, or a run ended before its time
	exitUsage     = 2   // wrong usage or invalid input: nothing was run
	exitThreshold = 99  // a threshold was crossed
	exitInterrupt = 130 // SIGINT or SIGTERM: results are partial
)

// A statusError is an error with its exit status. An error without one is of
// the command line: 2.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// failed marks an error as one of doing, not of asking.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return &statusError{exitFailed, err}
}

// statusOf returns the exit status of an error: among several joined ones the
// one that beats the others.
func statusOf(err error) int {
	best := exitOK
	for _, e := range flatten(err) {
		status := exitUsage
		if s, ok := errors.AsType[*statusError](e); ok {
			status = s.status
		}
		if rank(status) > rank(best) {
			best = status
		}
	}
	return best
}

// rank orders statuses: the higher beats the lower.
func rank(status int) int {
	for i, s := range []int{exitOK, exitThreshold, exitFailed, exitUsage, exitInterrupt} {
		if s == status {
			return i
		}
	}
	return 0
}

// A joined is what errors.Join returns; faults of one scenario stay together.
type joined []error

func (j joined) Error() string { return errors.Join(j...).Error() }

// flatten takes a joined apart.
func flatten(err error) []error {
	if j, ok := err.(joined); ok {
		var out []error
		for _, e := range j {
			if e != nil {
				out = append(out, flatten(e)...)
			}
		}
		return out
	}
	return []error{err}
}

// join gathers what is not nil.
func join(errs ...error) error {
	all := flatten(joined(errs))
	if len(all) == 0 {
		return nil
	}
	return joined(all)
}

// explain prints an error for people: "rxpath: ..." each, and the faults of a
// scenario with their places below.
func explain(w io.Writer, err error) {
	for _, e := range flatten(err) {
		if f, ok := errors.AsType[*faults](e); ok {
			f.print(w)
			continue
		}
		fmt.Fprintf(w, "rxpath: %s\n", strings.ReplaceAll(strings.TrimRight(e.Error(), "\n"), "\n", "\n  "))
	}
}
