package udp

import (
	"errors"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
)

// Config holds what the host decides for the UDP layer.
type Config struct {
	// HashEntries is the number of slots, a power of two from 256 to 65536 (HT-1).
	HashEntries int
	// HashMix is the constant that a namespace adds to ports (HT-2).
	HashMix uint32
}

// DefaultConfig returns the layer of a machine with 16 GiB of memory.
func DefaultConfig() Config { return Config{HashEntries: 8192} }

// Validate reports every field out of range.
func (c *Config) Validate() error {
	return errors.Join(
		cfgerr.Check(c.HashEntries >= 256 && c.HashEntries <= 65536 && c.HashEntries&(c.HashEntries-1) == 0,
			"udp_hash_entries", c.HashEntries, "a power of two from 256 to 65536"))
}
