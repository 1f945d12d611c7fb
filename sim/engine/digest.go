package engine

// Digest witnesses what one actor did. Fold mixes effects in their order; Add
// sums effects whose order within the actor carries no information, so that a
// thousand of them in arithmetic progression can be added at once.
type Digest struct {
	seq uint64
	sum uint64
}

const (
	digestPrime = 0x9e3779b97f4a7c15
	digestMix   = 0xd6e8feb86659fd93
)

// Fold mixes in an effect of the given kind at t.
func (d *Digest) Fold(t Time, kind uint64) {
	x := (d.seq ^ uint64(t)) * digestPrime
	d.seq = (x ^ x>>29) + kind*digestMix
}

// Add sums in n effects of the given kind, whose instants sum up to times modulo 2^64.
func (d *Digest) Add(kind, n, times uint64) {
	d.sum += (times + n*digestPrime) * (2*kind + 1) * digestMix
}

// Sum returns the digest so far.
func (d *Digest) Sum() uint64 {
	x := (d.seq ^ d.sum*digestPrime) * digestMix
	return x ^ x>>32
}

// Combine mixes the digests of several actors, in the order given.
func Combine(sums ...uint64) uint64 {
	var d Digest
	for i, s := range sums {
		d.Fold(Time(s), uint64(i))
	}
	return d.Sum()
}
