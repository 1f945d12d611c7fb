package capture

import (
	"fmt"
	"io"
	"os"
)

// A File is a capture that has been looked through once. It does not change,
// and any number of sources may read it at the same time.
type File struct {
	// Info says what is in the file.
	Info Info

	name string
	open func() (io.ReadSeekCloser, error)
	// first and firstTimed are the earliest time and that of the first frame that has one, in nanoseconds
	// since 1970; span is the time from first to the latest.
	first, firstTimed int64
	span              uint64
}

// Open looks through a capture file. The file must stay as it is while it is
// replayed. A file that is damaged behind its first frame is taken up to
// there, and [Info.Warnings] says so; an error means that nothing in it can be
// replayed: it is no capture, of an unknown link type, in more disorder than
// [MaxLate], or damaged from the start.
func Open(path string) (*File, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: a capture is read more than once", path)
	}
	return newFile(path, func() (io.ReadSeekCloser, error) { return os.Open(path) })
}

// OpenReader looks through a capture of size bytes that is held elsewhere,
// for instance in memory. The name is for errors.
func OpenReader(name string, r io.ReaderAt, size int64) (*File, error) {
	return newFile(name, func() (io.ReadSeekCloser, error) {
		return sectionCloser{io.NewSectionReader(r, 0, size)}, nil
	})
}

// A sectionCloser is a section with nothing to close.
type sectionCloser struct{ *io.SectionReader }

func (sectionCloser) Close() error { return nil }

func newFile(name string, open func() (io.ReadSeekCloser, error)) (*File, error) {
	f := &File{name: name, open: open}
	if err := f.scan(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// begin opens the file for reading from its first frame.
func (f *File) begin() (*pass, error) {
	in, err := f.open()
	if err != nil {
		return nil, err
	}
	p := &pass{file: in, rd: reader{in: in}}
	if err := p.restart(f.firstTimed); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}
