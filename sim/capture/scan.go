package capture

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// restart goes to the first frame of the file. Frames without a time before
// the first one that has one stand at firstTimed.
func (p *pass) restart(firstTimed int64) error {
	p.last = firstTimed
	return p.rd.start()
}

// A scan is the look through a file that comes before any replay.
type scan struct {
	survey
	ruler
	timed              bool   // a frame had a time
	untimed            uint64 // frames before it
	first, last, begin int64  // earliest, latest, first in the file
}

// add takes the next frame. It returns false if the disorder is too great.
func (s *scan) add(f *frame) bool {
	s.survey.add(f)
	if !f.timed && !s.timed {
		s.untimed++ // stands at the first time that comes
		return true
	}
	if !s.timed {
		s.timed = true
		s.first, s.last, s.begin = f.at, f.at, f.at
		for range min(s.untimed, MaxLate) {
			s.ruler.add(f.at)
		}
	}
	s.first, s.last = min(s.first, f.at), max(s.last, f.at)
	return s.ruler.add(f.at)
}

// scan looks through the file.
func (f *File) scan() error {
	p, err := f.begin()
	if err != nil {
		return err
	}
	defer p.close()
	var s scan
	var fr frame
	for {
		if err = p.next(&fr); err != nil {
			break
		}
		if !s.add(&fr) {
			return fmt.Errorf("frame %d stands behind more than %d later ones: put the file in order first, for instance with reordercap", s.Frames, MaxLate)
		}
	}
	if errors.Is(err, errUnsupported) || s.Frames == 0 && err != io.EOF {
		return fmt.Errorf("frame %d: %w", s.Frames+1, err)
	}
	if err != io.EOF {
		s.Damage = err.Error()
	}
	f.keep(&s, p)
	return nil
}

// keep notes what a scan has found.
func (f *File) keep(s *scan, p *pass) {
	f.first, f.firstTimed, f.span = s.first, s.begin, uint64(s.last-s.first)
	s.Format, s.Gzip = p.rd.format, p.rd.gzip
	s.RecorderLost = p.rd.dropped()
	s.OutOfOrder, s.WorstLate = s.late, s.worst
	if s.timed {
		s.First = time.Unix(0, s.first).UTC()
	}
	s.Duration = time.Duration(min(f.span, math.MaxInt64))
	f.Info = s.done()
}
