package socket

// ring is a queue of datagrams that starts small, doubles when it has to, and
// then stays.
type ring struct {
	buf        []Datagram
	head, tail uint32
}

func (r *ring) len() int { return int(r.tail - r.head) }

// slot returns where the next datagram goes. It is part of the queue when tail
// has been moved on.
func (r *ring) slot() *Datagram {
	if r.len() == len(r.buf) {
		r.grow()
	}
	return &r.buf[r.tail&uint32(len(r.buf)-1)]
}

func (r *ring) pop() *Datagram {
	d := &r.buf[r.head&uint32(len(r.buf)-1)]
	r.head++
	return d
}

func (r *ring) grow() {
	bigger := make([]Datagram, max(16, 2*len(r.buf)))
	n := uint32(0)
	for i := r.head; i != r.tail; i++ {
		bigger[n] = r.buf[i&uint32(len(r.buf)-1)]
		n++
	}
	r.buf, r.head, r.tail = bigger, 0, n
}
