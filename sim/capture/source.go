package capture

import (
	"errors"
	"fmt"
	"io"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// maxKept is the number of frames up to which a capture that is replayed more
// than once is kept in memory after the first pass.
const maxKept = 1 << 16

// A Source replays a file. It implements [skb.FrameSource]. It is not for use
// by several goroutines at once.
type Source struct {
	file    *File
	opts    Options
	clock   clock
	in      *pass // nil when the file is not needed any more
	frame   frame // being read
	late    window
	headers skb.Interner
	err     error

	passes      int     // begun
	read, given uint64  // frames of this pass
	last        int64   // time of the last frame given in this pass
	kept        []entry // a short capture, when it will be used again
	over        bool
}

// Source returns a source that replays f. Close it.
func (f *File) Source(o Options) (*Source, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	if o.Loops != 1 && o.MilliPPS == 0 && f.span == 0 && f.Info.Frames > 0 {
		return nil, fmt.Errorf("%s: all frames have the same time, so that the gap between two passes is not known: want one pass, or a constant rate", f.name)
	}
	s := &Source{file: f, opts: o, clock: newClock(&o, f.Info.Frames, f.span), passes: 1, last: f.first}
	if f.Info.Frames == 0 {
		s.over = true
		return s, nil
	}
	if o.Loops != 1 && f.Info.Frames <= maxKept {
		s.kept = make([]entry, 0, f.Info.Frames)
	}
	var err error
	if s.in, err = f.begin(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	return s, nil
}

// Fill implements [skb.FrameSource]. It ends behind the last pass, at a time
// that no run can reach, after Close, and on an error, which Err returns.
func (s *Source) Fill(frames []skb.Frame) int {
	for i := range frames {
		if !s.next(&frames[i]) {
			return i
		}
	}
	return len(frames)
}

// Err returns why the source ended before its time: nil, or that the file
// could not be read again as it was.
func (s *Source) Err() error { return s.err }

// Close ends the source. It may be called more than once.
func (s *Source) Close() error {
	s.over = true
	if s.in == nil {
		return nil
	}
	err := s.in.close()
	s.in = nil
	return err
}

// next gives a frame its time.
func (s *Source) next(f *skb.Frame) bool {
	if s.over || s.given == s.file.Info.Frames && !s.again() {
		return false
	}
	e, ok := s.take()
	if !ok {
		return false
	}
	at, ok := s.clock.next(uint64(e.at - s.file.first))
	if !ok {
		s.Close()
		return false
	}
	f.At, f.Head, f.Len, f.IPLen, f.UDPLen, f.IPID = at, e.head, e.len, e.ipLen, e.udpLen, e.ipID
	return true
}

// take returns the next frame of this pass in order of time. There must be one.
func (s *Source) take() (entry, bool) {
	if s.in == nil {
		s.given++
		return s.kept[s.given-1], true
	}
	for s.read < s.file.Info.Frames && len(s.late.heap) <= s.file.Info.WorstLate {
		e, err := s.readEntry()
		if err != nil {
			return e, s.fail(err)
		}
		s.read++
		s.late.push(e)
	}
	e := s.late.pop()
	if e.at < s.last {
		return e, s.fail(errChanged)
	}
	s.last = e.at
	s.given++
	if cap(s.kept) > 0 {
		s.kept = append(s.kept, e)
	}
	return e, true
}

// readEntry reads the next frame of the file and gives it its addresses.
func (s *Source) readEntry() (entry, error) {
	f := &s.frame
	if err := s.in.next(f); err != nil {
		return entry{}, damaged(err)
	}
	s.opts.readdress(f)
	return entry{f.at, s.headers.Intern(f.head), f.Len, f.IPLen, f.UDPLen, f.IPID}, nil
}

// again begins the next pass, if there is one.
func (s *Source) again() bool {
	if s.passes == s.opts.Loops {
		s.Close()
		return false
	}
	s.passes++
	s.clock.again()
	s.read, s.given, s.last = 0, 0, s.file.first
	if cap(s.kept) > 0 {
		if s.in != nil {
			s.in.close()
			s.in = nil
		}
		return true
	}
	if err := s.in.restart(s.file.firstTimed); err != nil {
		return s.fail(damaged(err))
	}
	return true
}

var errChanged = errors.New("its time is not what it was")

// fail ends the source.
func (s *Source) fail(err error) bool {
	s.err = fmt.Errorf("%s: pass %d, frame %d of %d: %w: has the file changed since it was opened?", s.file.name, s.passes, s.read+1, s.file.Info.Frames, err)
	s.Close()
	return false
}

var _ interface {
	skb.FrameSource
	io.Closer
} = (*Source)(nil)
