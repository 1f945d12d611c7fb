package engine

import (
	"hash/fnv"
	"math/bits"
	"math/rand/v2"
)

// A Stream is a named sequence of random numbers. Every component draws from a
// stream of its own, so a further draw in one never shifts another. Only whole
// numbers come out: the same on every architecture.
type Stream struct{ pcg rand.PCG }

// NewStream returns the stream of that name in the run with that seed.
func NewStream(seed uint64, name string) Stream {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails, as hash.Hash says
	return Stream{*rand.NewPCG(seed, h.Sum64())}
}

// Uint64 returns 64 random bits.
func (s *Stream) Uint64() uint64 { return s.pcg.Uint64() }

// Below returns a number in [0, n), n > 0, each within 2^-64·n of equally likely.
func (s *Stream) Below(n uint64) uint64 {
	hi, _ := bits.Mul64(s.pcg.Uint64(), n)
	return hi
}
