package nic

import "github.com/seed-556df219/rxpath/sim/skb"

// fifo is the receive packet buffer (HW-1, HW-2, IGB-14), in bytes.
type fifo struct {
	capacity  int
	high, low int
	overhead  int
	bytes     int
	buf       []fifoEntry
	head32    uint32
	tail32    uint32
}

type fifoEntry struct {
	frame skb.Frame
	verdict
}

// init sizes the buffer.
func (f *fifo) init(p *Port) {
	f.capacity, f.high, f.low = p.driver.packetBuffer(&p.cfg, len(p.queues))
	f.overhead = p.cfg.FrameOverhead
}

func (f *fifo) size(fr *skb.Frame) int { return int(fr.WireLen()) + f.overhead }

func (f *fifo) fits(fr *skb.Frame) bool { return f.bytes+f.size(fr) <= f.capacity }

func (f *fifo) len() int { return int(f.tail32 - f.head32) }

func (f *fifo) head() *fifoEntry { return &f.buf[f.head32&uint32(len(f.buf)-1)] }

func (f *fifo) at(i int) *fifoEntry { return &f.buf[(f.head32+uint32(i))&uint32(len(f.buf)-1)] }

func (f *fifo) push(fr *skb.Frame, v *verdict) {
	if f.len() == len(f.buf) {
		f.grow()
	}
	e := &f.buf[f.tail32&uint32(len(f.buf)-1)]
	e.frame, e.verdict = *fr, *v
	f.tail32++
	f.bytes += f.size(fr)
}

// pop removes the head.
func (f *fifo) pop(head *fifoEntry) {
	f.bytes -= f.size(&head.frame)
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
