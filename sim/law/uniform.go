package law

import "github.com/seed-556df219/rxpath/sim/cfgerr"

// Uniform returns the law that gives every whole number from lo to hi with the
// same probability, 0 <= lo <= hi <= Limit.
func Uniform(lo, hi int64) (Law, error) {
	if err := cfgerr.Range("min", lo, 0, Limit); err != nil {
		return Law{}, err
	}
	if err := cfgerr.Range("max", hi, lo, Limit); err != nil {
		return Law{}, err
	}
	return Law{kind: KindUniform, a: lo, b: hi, x: uint64(hi-lo) + 1}, nil
}
