package skb

// A Memo remembers what a stage found out about a header, as long as nothing
// that the finding rests on has changed. Its zero value is empty.
type Memo[T any] struct {
	last memoEntry[T]
	near [memoNear]memoEntry[T]
	far  map[*Header]T
}

const memoNear = 8

type memoEntry[T any] struct {
	h *Header
	v T
}

// Get returns what Put last said of h.
func (m *Memo[T]) Get(h *Header) (T, bool) {
	if m.last.h == h {
		return m.last.v, true
	}
	return m.find(h)
}

func (m *Memo[T]) find(h *Header) (T, bool) {
	e := &m.near[h.slot()]
	if e.h == h {
		m.last = *e
		return e.v, true
	}
	v, ok := m.far[h]
	if ok {
		e.h, e.v = h, v
		m.last = *e
	}
	return v, ok
}

// Put remembers v of h.
func (m *Memo[T]) Put(h *Header, v T) {
	if m.far == nil || len(m.far) >= maxInterned {
		m.far = make(map[*Header]T)
	}
	m.far[h] = v
	m.last = memoEntry[T]{h, v}
	m.near[h.slot()] = m.last
}

// Forget empties m.
func (m *Memo[T]) Forget() { *m = Memo[T]{} }

// slot spreads flows over the near entries.
func (h *Header) slot() uint32 {
	x := uint32(h.Src)*31 ^ uint32(h.Dst)*17 ^ uint32(h.SrcPort)<<3 ^ uint32(h.DstPort)
	x ^= x >> 16
	x ^= x >> 8
	return x % memoNear
}
