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
	// CloneFailPPM is the share of copies for which there is no memory (FS-2), in millionths.
	CloneFailPPM uint32
}

// DefaultConfig returns the layer of a machine with 16 GiB of memory.
func DefaultConfig() Config { return Config{HashEntries: HashEntries(16 << 30)} }

// HashEntries returns the number of slots that a machine makes with that much
// low memory: one for each 2 MiB, as a power of two. It models udp_table_init
// (HT-1).
func HashEntries(memory uint64) int {
	n := 256
	for uint64(n)<<21 < memory && n < 65536 {
		n *= 2
	}
	return n
}

// Validate reports every field out of range.
func (c *Config) Validate() error {
	return errors.Join(
		cfgerr.Check(c.HashEntries >= 256 && c.HashEntries <= 65536 && c.HashEntries&(c.HashEntries-1) == 0,
			"udp_hash_entries", c.HashEntries, "a power of two from 256 to 65536"),
		cfgerr.Range("udp_clone_failures", c.CloneFailPPM, 0, 1_000_000))
}
