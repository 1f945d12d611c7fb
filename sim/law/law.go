// Package law holds probability distributions that are drawn with whole
// numbers only, so that a run comes out the same on every architecture.
package law

import "github.com/seed-556df219/rxpath/sim/engine"

// Kind is the family of a law.
type Kind uint8

// Families.
const (
	KindConstant Kind = iota
)

// A Law is a distribution of non-negative whole numbers: picoseconds, bytes, frames.
type Law struct {
	kind Kind
	a    int64
}

// Constant returns the law of a fixed value.
func Constant(v int64) Law { return Law{kind: KindConstant, a: v} }

// Mean returns the mean, rounded down.
func (l *Law) Mean() int64 { return l.a }

// Fixed returns the value if every draw gives the same.
func (l *Law) Fixed() (int64, bool) { return l.a, l.kind == KindConstant }

// Draw returns a value. A constant draws nothing from s.
func (l *Law) Draw(s *engine.Stream) int64 { return l.a }
