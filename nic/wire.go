package nic

import (
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A wire is the link with the sources at its other end: the link partner's
// output queue puts their frames one behind the other, holds them while it is
// paused, and loses those that would wait too long.
type wire struct {
	feeds     []feed
	byte      engine.Time // time of a byte on the link
	queue     engine.Time // the partner's longest wait
	obeys     bool
	last      engine.Time // the last bit of the last frame that was sent
	paused    bool
	unplugged bool        // there is no link: paused, too
	resumed   engine.Time // no frame starts before
	at        engine.Time // arrival of the next frame, Never if none or paused
	from      int         // its feed
	lost      uint64      // frames lost in the partner's queue
	hand      *injected   // frames put on the wire by hand, nil before the first

	pausedAt, pausedFor engine.Time // since when, and how long before
}

// feedBlock is the number of frames that a feed draws at once; regularBlock
// that of a feed that can be passed over, where every frame drawn ahead has to
// be passed over by itself.
const (
	feedBlock    = 64
	regularBlock = 8
)

// A feed is one source with the frames drawn from it.
type feed struct {
	src     skb.FrameSource
	alike   bool              // all frames are equal
	frame   skb.Frame         // what they have in common
	regular skb.RegularSource // set if they can be passed over unseen: the link never delays them
	buf     []skb.Frame
	i, n    int
	ended   bool
	open    bool // more may come after it seemed to have ended
}

func (w *wire) init(bitsPerSecond int64, p Partner) {
	w.byte = engine.Time(8 * int64(engine.Second) / bitsPerSecond)
	w.queue, w.obeys = p.Queue, p.ObeysPause
	w.at = engine.Never
	w.last = -engine.Second
}

// connect adds a source.
func (w *wire) connect(src skb.FrameSource) {
	f := feed{src: src}
	if r, ok := src.(skb.RegularSource); ok {
		f.alike, f.frame = true, r.Frame()
		if r.MinGap() >= w.timeOf(f.frame.Len) {
			f.regular = r
		}
	}
	block := feedBlock
	if f.regular != nil {
		block = regularBlock
	}
	f.buf = make([]skb.Frame, block)
	w.feeds = append(w.feeds, f)
	w.advance()
}

// injected is the feed of frames that are put on the wire by hand.
type injected struct {
	frames []skb.Frame
	next   int
}

// Fill implements skb.FrameSource.
func (in *injected) Fill(out []skb.Frame) int {
	n := copy(out, in.frames[in.next:])
	if in.next += n; in.next == len(in.frames) {
		in.frames, in.next = in.frames[:0], 0
	}
	return n
}

// inject puts a frame on the wire.
func (w *wire) inject(f skb.Frame) {
	if w.hand == nil {
		w.hand = &injected{}
		w.feeds = append(w.feeds, feed{src: w.hand, buf: make([]skb.Frame, feedBlock), open: true})
	}
	w.hand.frames = append(w.hand.frames, f)
	w.advance()
}

// timeOf is the time that a frame occupies the link.
func (w *wire) timeOf(length uint32) engine.Time {
	return engine.Time(length+skb.EthFCS+skb.WireExtra) * w.byte
}

// peek returns the next frame of a feed, nil if it has ended.
func (f *feed) peek() *skb.Frame {
	if f.i == f.n {
		if f.ended {
			return nil
		}
		f.i, f.n = 0, f.src.Fill(f.buf)
		if f.n < len(f.buf) {
			f.ended = !f.open
		}
		if f.n == 0 {
			return nil
		}
	}
	return &f.buf[f.i]
}

// advance finds the next frame to arrive and when it does.
func (w *wire) advance() {
	if len(w.feeds) == 1 && !w.paused {
		if f := &w.feeds[0]; uint(f.i) < uint(f.n) { // the common case, without looking around
			fr := &f.buf[f.i]
			w.at, w.from = max(fr.At, max(w.last, w.resumed)+w.timeOf(fr.Len)), 0
			if w.at-fr.At <= w.queue || f.open {
				return
			}
		}
	}
	w.search()
}

// search is advance over all feeds, with what the partner loses.
func (w *wire) search() {
	for {
		best := engine.Never
		for i := range w.feeds {
			if f := w.feeds[i].peek(); f != nil && f.At < best {
				best, w.from = f.At, i
			}
		}
		if best == engine.Never || w.paused {
			w.at = engine.Never
			return
		}
		f := w.feeds[w.from].peek()
		t := w.timeOf(f.Len)
		w.at = max(f.At, w.last+t, w.resumed+t)
		if w.at-f.At <= w.queue || w.feeds[w.from].open {
			return
		}
		w.lost++
		w.feeds[w.from].i++
	}
}

// head returns the next frame, as it arrives. It stays there until pop.
func (w *wire) head() *skb.Frame {
	f := &w.feeds[w.from]
	fr := &f.buf[f.i]
	fr.At = w.at
	return fr
}

// pop removes the next frame.
func (w *wire) pop() {
	w.feeds[w.from].i++
	w.last = w.at
	w.advance()
}

// pause stops the partner at t; a frame that it has begun is sent to its end.
func (w *wire) pause(t engine.Time) {
	if !w.obeys || w.paused {
		return
	}
	w.paused, w.pausedAt = true, t
	if f := w.next(); f != nil && w.at-w.timeOf(f.Len) >= t {
		w.at = engine.Never
	}
}

// next returns the frame that arrives next, nil if none is under way.
func (w *wire) next() *skb.Frame {
	if w.at == engine.Never {
		return nil
	}
	return w.feeds[w.from].peek()
}

// resume lets the partner go on at t.
func (w *wire) resume(t engine.Time) {
	if !w.paused || w.unplugged {
		return
	}
	w.paused = false
	w.resumed = t
	w.pausedFor += t - w.pausedAt
	if w.at == engine.Never {
		w.advance()
	}
}

// alike returns the only source's frame, if all its frames are equal.
func (w *wire) alike() *skb.Frame {
	if len(w.feeds) != 1 || w.paused || !w.feeds[0].alike {
		return nil
	}
	return &w.feeds[0].frame
}

// skip passes over all frames of the only source that arrive by t, at least the
// next one. It returns their number and the sum of their instants.
func (w *wire) skip(t engine.Time) (n, sum uint64) {
	f := &w.feeds[0]
	if f.regular != nil && w.at == f.buf[f.i].At { // the link is not late: arrivals are where the source put them
		for f.i < f.n && f.buf[f.i].At <= t {
			n, sum = n+1, sum+uint64(f.buf[f.i].At)
			f.i++
		}
		var next engine.Time
		if f.i < f.n {
			next = f.buf[f.i].At
		} else {
			more, _, times := f.regular.Skip(t)
			n, sum = n+more, sum+times
			next = f.regular.Next()
		}
		if next != engine.Never {
			w.last = next - w.timeOf(f.frame.Len)
		}
		w.advance()
		return n, sum
	}
	for w.at <= t {
		n++
		sum += uint64(w.at)
		w.last = w.at
		f.i++
		w.advance()
	}
	return n, sum
}

// expire passes over the frames that should have come by t, and returns their
// number.
func (f *feed) expire(t engine.Time) (n uint64) {
	for fr := f.peek(); fr != nil && fr.At <= t; fr = f.peek() {
		f.i++
		n++
	}
	return n
}

// held counts the frames that should have arrived by t and have not. While the
// partner is paused it throws away what has waited too long already, so that
// the rest takes no more memory than the partner's queue.
func (w *wire) held(t engine.Time) (n uint64) {
	for i := range w.feeds {
		f := &w.feeds[i]
		if under := w.at != engine.Never && i == w.from; w.paused && !f.open && !under {
			w.lost += f.expire(t - w.queue - 1)
		}
		n += f.ahead(t)
	}
	return n
}

// ahead draws all frames up to t without taking them, and counts them.
func (f *feed) ahead(t engine.Time) (n uint64) {
	for f.peek() != nil {
		for n = 0; f.i+int(n) < f.n && f.buf[f.i+int(n)].At <= t; n++ {
		}
		if f.i+int(n) < f.n || f.ended {
			return n
		}
		more := make([]skb.Frame, 2*len(f.buf))
		have := copy(more, f.buf[f.i:f.n])
		got := f.src.Fill(more[have:])
		if f.ended = !f.open && have+got < len(more); got == 0 {
			return n
		}
		f.buf, f.i, f.n = more, 0, have+got
	}
	return 0
}

// unplug takes the link away: a frame that is on it is lost, and what the
// partner has to send after it is lost there.
func (w *wire) unplug(t engine.Time) {
	w.unplugged, w.paused, w.at = true, true, engine.Never
	w.discard(t)
}

// plug brings the link back at t.
func (w *wire) plug(t engine.Time) {
	w.discard(t)
	w.unplugged, w.paused, w.resumed = false, false, t
	w.advance()
}

// discard loses the frames that the partner would have begun to send by t.
func (w *wire) discard(t engine.Time) {
	for i := range w.feeds {
		f := &w.feeds[i]
		w.lost += f.expire(t)
	}
}
