package skb

import "math/bits"

// JhashInit is the start value of the kernel's hash of words, `jhash.h:JHASH_INITVAL`.
const JhashInit = 0xdeadbeef

// Jhash mixes three words into one, `jhash.h:__jhash_final`: the end of Bob
// Jenkins' lookup3, which flows and addresses are hashed with (RPS-5, HT-3).
func Jhash(a, b, c uint32) uint32 {
	rot := bits.RotateLeft32
	c ^= b
	c -= rot(b, 14)
	a ^= c
	a -= rot(c, 11)
	b ^= a
	b -= rot(a, 25)
	c ^= b
	c -= rot(b, 16)
	a ^= c
	a -= rot(c, 4)
	b ^= a
	b -= rot(a, 14)
	c ^= b
	c -= rot(b, 24)
	return c
}
