package kernel

// Sizes on x86-64 with the usual 17 fragments (linux-6.18 0.3).
const (
	// SKBSize is the part of struct sk_buff in a truesize.
	SKBSize = 256
	// SharedInfoSize is the part of struct skb_shared_info in a head.
	SharedInfoSize = 320
	// smallestHead is the slab from which kmalloc takes the smallest head.
	smallestHead = 512
)

// HeadSize returns the size of a head that has room for area bytes of headers
// and payload. It models kmalloc_reserve as __alloc_skb calls it: the slab
// skbuff_small_head, or else the power of two that kmalloc rounds up to
// (linux-6.18 1.10).
func (p *Profile) HeadSize(area int) int {
	need := (area+63)&^63 + SharedInfoSize
	if need <= p.SmallHead {
		return p.SmallHead
	}
	size := smallestHead
	for size < need {
		size *= 2
	}
	return size
}

// Truesize returns what a packet is charged with whose head has room for area
// bytes and that has paged bytes in page fragments. It models SKB_TRUESIZE.
func (p *Profile) Truesize(area, paged int) int {
	return SKBSize + p.HeadSize(area) + paged
}

// HeadRoom returns how many bytes a head for so many bytes has room for.
func (p *Profile) HeadRoom(area int) int { return p.HeadSize(area) - SharedInfoSize }
