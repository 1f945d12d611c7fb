package capture

import (
	"slices"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// MaxLate is the number of places by which a frame may stand too late in a
// file: the frames before it that have later times.
const MaxLate = 1 << 16

// A ruler measures by how many places frames stand too late. It remembers the
// latest MaxLate+1 times, in order.
type ruler struct {
	times []int64 // the last MaxLate+1 count
	late  uint64  // frames
	worst int     // places
}

// add takes the time of the next frame of a file. It returns false if more
// than MaxLate frames before it are later.
func (r *ruler) add(at int64) bool {
	if len(r.times) == 2*MaxLate {
		r.times = append(r.times[:0], r.times[MaxLate-1:]...)
	}
	n := len(r.times)
	if n == 0 || r.times[n-1] <= at {
		r.times = append(r.times, at)
		return true
	}
	from := max(0, n-MaxLate-1)
	i, _ := slices.BinarySearch(r.times[from:], at+1) // behind its equals
	places := n - from - i
	if places > MaxLate {
		return false
	}
	r.late++
	r.worst = max(r.worst, places)
	r.times = slices.Insert(r.times, from+i, at)
	return true
}

// An entry is a frame that waits for its turn. It is small because a window or
// a short capture holds many.
type entry struct {
	at                  int64 // nanoseconds since 1970
	head                *skb.Header
	len                 uint32
	ipLen, udpLen, ipID uint16
}

// A window holds frames until none that is earlier can come: a heap in order
// of time and, at equal times, of place in the file.
type window struct {
	heap []waiting
	n    uint64 // frames that ever came
}

type waiting struct {
	entry
	place uint64
}

func (a *waiting) before(b *waiting) bool {
	return a.at < b.at || a.at == b.at && a.place < b.place
}

// push adds a frame.
func (w *window) push(e entry) {
	w.heap = append(w.heap, waiting{e, w.n})
	w.n++
	h := w.heap
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(&h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// pop takes out the first frame. There must be one.
func (w *window) pop() entry {
	h := w.heap
	first := h[0].entry
	last := len(h) - 1
	h[0] = h[last]
	w.heap = h[:last]
	h = w.heap
	for i := 0; ; {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1].before(&h[down]) {
			down++
		}
		if !h[down].before(&h[i]) {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	return first
}
