// Package cfgerr holds the error that every configuration check returns: the
// path of the field, its value, and what was expected.
package cfgerr

import (
	"errors"
	"fmt"
	"strings"
)

// An Error is one fault of a configuration.
type Error struct {
	// Path names the field from the root: "nics[0].ring.rx".
	Path string
	// Value is what was found.
	Value any
	// Want says what was expected: "64 to 4096".
	Want string
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s = %v: want %s", e.Path, e.Value, e.Want)
}

// Check returns nil if ok, an *Error otherwise.
func Check(ok bool, path string, value any, want string) error {
	if ok {
		return nil
	}
	return &Error{path, value, want}
}

// Range checks lo <= v <= hi.
func Range[T interface {
	~int | ~int32 | ~int64 | ~uint32 | ~uint64
}](path string, v, lo, hi T) error {
	if lo <= v && v <= hi {
		return nil
	}
	return &Error{path, v, fmt.Sprintf("%v to %v", lo, hi)}
}

// Under puts prefix before the path of every Error in err.
func Under(prefix string, err error) error {
	var out []error
	for _, e := range All(err) {
		out = append(out, &Error{join(prefix, e.Path), e.Value, e.Want})
	}
	return errors.Join(out...)
}

func join(prefix, path string) string {
	if path == "" || strings.HasPrefix(path, "[") {
		return prefix + path
	}
	return prefix + "." + path
}

// All returns every *Error in a tree of joined errors, in order. An error of
// another type becomes one without a path.
func All(err error) []*Error {
	switch e := err.(type) {
	case nil:
		return nil
	case *Error:
		return []*Error{e}
	case interface{ Unwrap() []error }:
		var out []*Error
		for _, u := range e.Unwrap() {
			out = append(out, All(u)...)
		}
		return out
	}
	return []*Error{{Path: "", Value: err, Want: "a valid value"}}
}
