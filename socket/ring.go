package socket

// ring is a queue of datagrams that starts small, doubles when it has to, and
// then stays.
type ring struct {
	buf        []Datagram
	head, tail uint32
}

func (r *ring) len() int { return int(r.tail - r.head) }

// push makes room for one more datagram and returns it, to be filled in.
func (r *ring) push() *Datagram {
	if int(r.tail-r.head) == len(r.buf) {
		r.grow()
	}
	d := &r.buf[r.tail&uint32(len(r.buf)-1)]
	r.tail++
	return d
}

func (r *ring) pop() *Datagram {
	d := &r.buf[r.head&uint32(len(r.buf)-1)]
	r.head++
	return d
}

// first returns the head, which stays.
func (r *ring) first() *Datagram { return &r.buf[r.head&uint32(len(r.buf)-1)] }

// at returns the datagram of an index from head to tail.
func (r *ring) at(i uint32) *Datagram { return &r.buf[i&uint32(len(r.buf)-1)] }

func (r *ring) grow() {
	bigger := make([]Datagram, max(16, 2*len(r.buf)))
	n := uint32(0)
	for i := r.head; i != r.tail; i++ {
		bigger[n] = r.buf[i&uint32(len(r.buf)-1)]
		n++
	}
	r.buf, r.head, r.tail = bigger, 0, n
}
