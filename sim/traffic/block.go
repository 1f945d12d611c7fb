package traffic

import (
	"sort"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// tooLate is the instant of a frame that no run reaches.
const tooLate = engine.MaxTime + 1

// A process draws instants: it sets all of at, in order; tooLate stands for
// everything after engine.MaxTime.
type process interface {
	draw(at []engine.Time)
}

// A block is the clock of a process. It draws ahead, a block at a time.
type block struct {
	process    process
	end        engine.Time // nothing is sent after that
	left       uint64      // how many more may be drawn
	head, tail int         // buf[head:tail] has been drawn, but not sent
	buf        [256]engine.Time
}

// pending returns the instants that have been drawn, after drawing some if
// there are none; it returns none at the end of the source.
func (b *block) pending() []engine.Time {
	if b.head == b.tail {
		b.refill()
	}
	return b.buf[b.head:b.tail]
}

func (b *block) refill() {
	at := b.buf[:min(uint64(len(b.buf)), b.left)]
	b.head, b.tail = 0, len(at)
	if len(at) == 0 {
		return
	}
	b.process.draw(at)
	b.left -= uint64(len(at))
	if at[len(at)-1] > b.end {
		b.left = 0
		b.tail = sort.Search(len(at), func(i int) bool { return at[i] > b.end })
	}
}

// Next implements skb.RegularSource.
func (b *block) Next() engine.Time {
	if at := b.pending(); len(at) > 0 {
		return at[0]
	}
	return engine.Never
}

// take implements clock.
func (b *block) take(frames []skb.Frame) int {
	n := 0
	for n < len(frames) {
		at := b.pending()
		if len(at) == 0 {
			break
		}
		at = at[:min(len(at), len(frames)-n)]
		for i := range at {
			frames[n+i].At = at[i]
		}
		n += len(at)
		b.head += len(at)
	}
	return n
}

// Skip implements skb.RegularSource, one frame after the other.
func (b *block) Skip(t engine.Time) (n uint64, first engine.Time, sum uint64) {
	for {
		at := b.pending()
		if len(at) == 0 || at[0] > t {
			return n, first, sum
		}
		if n == 0 {
			first = at[0]
		}
		i := 0
		for ; i < len(at) && at[i] <= t; i++ {
			sum += uint64(at[i])
		}
		n += uint64(i)
		b.head += i
	}
}
