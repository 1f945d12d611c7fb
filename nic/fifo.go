package nic

import "github.com/seed-556df219/rxpath/sim/skb"

// fifo is the receive packet buffer of the 82599 (HW-1, HW-2), in bytes.
type fifo struct {
	capacity  int
	high, low int
	overhead  int
	bytes     int
	// MaxBytes is the most that it ever held.
	maxBytes int
	buf      []fifoEntry
	head32   uint32
	tail32   uint32
}

type fifoEntry struct {
	frame skb.Frame
	verdict
}

// init sizes the buffer: 512 KB, less 64 KB for the tables of the flow director
// when there are several queues (HW-1), with the watermarks of HW-2.
func (f *fifo) init(p *Port, flowDirector bool) {
	kb := 512
	if flowDirector {
		kb -= 64
	}
	f.capacity = kb << 10
	f.overhead = p.cfg.FrameOverhead
	link := p.cfg.MTU + 38
	dv := 36*(8*link+672+2*5556+2*18944+6144)/25 + 1 + 2*8*link
	f.high = (kb - (dv+8191)/8192) << 10
	f.low = (2*(2*8*(p.cfg.MTU+18)+14401) + 8191) / 8192 << 10
}

func (f *fifo) size(fr *skb.Frame) int { return int(fr.WireLen()) + f.overhead }

func (f *fifo) fits(fr *skb.Frame) bool { return f.bytes+f.size(fr) <= f.capacity }

func (f *fifo) len() int { return int(f.tail32 - f.head32) }

func (f *fifo) head() *fifoEntry { return &f.buf[f.head32&uint32(len(f.buf)-1)] }

func (f *fifo) push(fr *skb.Frame, v verdict) {
	if f.len() == len(f.buf) {
		f.grow()
	}
	e := &f.buf[f.tail32&uint32(len(f.buf)-1)]
	e.frame, e.verdict = *fr, v
	f.tail32++
	f.bytes += f.size(fr)
	f.maxBytes = max(f.maxBytes, f.bytes)
}

func (f *fifo) pop() {
	f.bytes -= f.size(&f.head().frame)
	f.head32++
}

func (f *fifo) grow() {
	bigger := make([]fifoEntry, max(64, 2*len(f.buf)))
	n := uint32(0)
	for i := f.head32; i != f.tail32; i++ {
		bigger[n] = f.buf[i&uint32(len(f.buf)-1)]
		n++
	}
	f.buf, f.head32, f.tail32 = bigger, 0, n
}
