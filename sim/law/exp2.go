package law

import "math/bits"

// exp2Bits is the number of fraction bits of the exponent of timesExp2.
const exp2Bits = 54

// timesExp2 returns v·2^z, rounded to the nearest whole number, at most Limit.
// z is in units of 2^-exp2Bits, v is at most Limit.
func timesExp2(v uint64, z int64) int64 {
	cell := z >> (exp2Bits - 8) & 0xff
	from := exp2Table[cell]
	up, _ := bits.Mul64(uint64(z)<<(64-exp2Bits+8), exp2Table[cell+1]-from)
	hi, lo := bits.Mul64(v, from+up) // 62 bits too many

	shift := 62 - z>>exp2Bits // below 64 unless v shrinks to 0 or 1; masked, so that it costs one instruction
	if shift > 0 && shift < 64 {
		lo, carry := bits.Add64(lo, 1<<((shift-1)&63), 0)
		hi += carry
		if hi>>((shift-1)&63) != 0 { // 2^63 or more
			return Limit
		}
		return min(int64(hi<<((64-shift)&63)|lo>>(shift&63)), Limit)
	}
	switch {
	case shift <= 0:
		return Limit
	case shift == 64:
		return int64(hi + lo>>63)
	case shift < 128:
		return int64((hi + 1<<(shift-65)) >> (shift - 64))
	}
	return 0
}
