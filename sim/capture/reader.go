package capture

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// Formats of a file.
const (
	pcapFormat   = "pcap"
	pcapngFormat = "pcapng"
)

// bufferSize is how much is read from a file at once, in bytes.
const bufferSize = 64 << 10

// longestRecord is the length from which a record is taken for damage, in
// bytes; the longest packet that Linux hands to a recorder has half a megabyte.
const longestRecord = 1 << 24

// A record is one packet of a file, as recorded.
type record struct {
	at     int64 // nanoseconds since 1970
	timed  bool  // whether the file says at
	link   layers.LinkType
	data   []byte // what was captured, valid until the next record
	length int    // on the wire, at least len(data)
}

// errUnsupported marks what is well-formed, but cannot be replayed. Everything
// else that ends a file early is damage, and the records before it are good.
var errUnsupported = errors.New("not supported")

// A reader reads the records of a file, from the first to the last, and over
// again after start.
type reader struct {
	in    io.ReadSeeker
	raw   *bufio.Reader // over in
	gz    *gzip.Reader  // over raw, if compressed
	plain *bufio.Reader // over gz

	format string
	gzip   bool
	pcap   *pcapgo.Reader
	fcs    int // bytes of frame check sequence at the end of each record of a pcap file
	ng     *pcapgo.NgReader
	ifaces []iface // of the pcapng section being read
	lost   uint64  // lost by the recorder in the sections before
}

// An iface is what a reader has to know of an interface of a pcapng section.
type iface struct {
	link layers.LinkType
	// binary is the number of units to a second if that is a power of two, else 0.
	binary int64
	// lost is the number of packets that the recorder says it has lost.
	lost uint64
}

// start goes to the first record.
func (r *reader) start() error {
	if _, err := r.in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if r.raw == nil {
		r.raw = bufio.NewReaderSize(r.in, bufferSize)
	} else {
		r.raw.Reset(r.in)
	}
	b, err := r.decompress()
	if err != nil {
		return err
	}
	return r.header(b)
}

// decompress returns what a file holds, compressed or not.
func (r *reader) decompress() (*bufio.Reader, error) {
	magic, err := r.raw.Peek(2)
	r.gzip = bytes.Equal(magic, []byte{0x1f, 0x8b})
	if err != nil || !r.gzip {
		return r.raw, nil // header says what is wrong
	}
	if r.gz != nil {
		err = r.gz.Reset(r.raw)
	} else if r.gz, err = gzip.NewReader(r.raw); err == nil {
		r.plain = bufio.NewReaderSize(r.gz, bufferSize)
	}
	if err != nil {
		return nil, damaged(err)
	}
	r.plain.Reset(r.gz)
	return r.plain, nil
}

// header reads the file header.
func (r *reader) header(b *bufio.Reader) error {
	head, err := b.Peek(24)
	if err != nil && err != io.EOF {
		return damaged(err)
	}
	r.pcap, r.ng, r.ifaces, r.lost = nil, nil, r.ifaces[:0], 0
	r.format, err = recognize(head)
	if err != nil {
		return err
	}
	if r.format == pcapngFormat {
		r.ng, err = pcapgo.NewNgReader(b, pcapgo.NgReaderOptions{
			WantMixedLinkType: true, SectionEndCallback: r.sectionEnd, StatisticsCallback: r.statistics,
		})
		return damaged(err)
	}
	if len(head) < 24 {
		return damaged(io.ErrUnexpectedEOF)
	}
	r.fcs = announcedFCS(head)
	r.pcap, err = pcapgo.NewReader(b)
	return damaged(err)
}

// damaged names an end that comes too early.
func damaged(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// recognize tells the format of a file from its first bytes.
func recognize(head []byte) (format string, err error) {
	if len(head) == 0 {
		return "", errors.New("empty file: want a pcap or pcapng file")
	}
	if len(head) >= 4 {
		switch binary.BigEndian.Uint32(head) {
		case 0xa1b2c3d4, 0xa1b23c4d, 0xd4c3b2a1, 0x4d3cb2a1:
			return pcapFormat, nil
		case 0x0a0d0d0a:
			return pcapngFormat, nil
		}
	}
	for _, c := range []struct{ magic, name string }{
		{"\x28\xb5\x2f\xfd", "zstd"}, {"\xfd7zXZ", "xz"}, {"BZh", "bzip2"}, {"\x04\x22\x4d\x18", "lz4"}, {"PK\x03\x04", "zip"},
	} {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			return "", fmt.Errorf("compressed with %s: want a pcap or pcapng file, as it is or compressed with gzip", c.name)
		}
	}
	return "", fmt.Errorf("not a capture: it starts with % x, want a pcap or pcapng file, as it is or compressed with gzip", head[:min(4, len(head))])
}

// announcedFCS returns how many bytes at the end of each record are the frame
// check sequence, as the upper bits of a pcap file's link type say.
func announcedFCS(head []byte) int {
	link := binary.LittleEndian.Uint32(head[20:])
	if head[0] == 0xa1 {
		link = binary.BigEndian.Uint32(head[20:])
	}
	if link&0x04000000 == 0 {
		return 0
	}
	return int(link>>28) * 2
}

// next reads a record. It returns io.EOF at the end of an undamaged file.
func (r *reader) next(rec *record) error {
	next := r.nextPcap
	if r.ng != nil {
		next = r.nextNg
	}
	if err := next(rec); err != nil {
		return err
	}
	if rec.length < 0 || rec.length > longestRecord {
		return fmt.Errorf("impossible length of %d bytes", uint32(rec.length))
	}
	return nil
}

func (r *reader) nextPcap(rec *record) error {
	data, ci, err := r.pcap.ZeroCopyReadPacketData()
	if err != nil {
		if ci.CaptureLength > 0 {
			return damaged(err) // the header of the record was there
		}
		return err
	}
	*rec = record{at: ci.Timestamp.UnixNano(), timed: true, link: r.pcap.LinkType(), data: data, length: ci.Length}
	if r.fcs > 0 {
		rec.length = max(0, rec.length-r.fcs)
		rec.data = data[:min(len(data), rec.length)]
	}
	return nil
}

func (r *reader) nextNg(rec *record) error {
	data, ci, err := r.ng.ZeroCopyReadPacketData()
	if err != nil {
		return err
	}
	i, err := r.iface(ci.InterfaceIndex)
	if err != nil {
		return err
	}
	*rec = record{link: i.link, data: data, length: max(ci.Length, len(data))}
	rec.at, rec.timed, err = i.time(ci)
	return err
}

// iface returns the interface with that index in the section.
func (r *reader) iface(index int) (*iface, error) {
	for len(r.ifaces) <= index {
		i, err := r.ng.Interface(len(r.ifaces))
		if err != nil {
			return nil, err
		}
		res, finest := i.TimestampResolution, uint8(19) // 10^19 units fit in 64 bits
		if res.Binary() {
			finest = 29 // beyond, units are shorter than a nanosecond and no whole number of them
		}
		if res.Exponent() > finest {
			return nil, fmt.Errorf("interface %d (%s): time resolution code %#x is %w: want at most 2^-29 s or 10^-19 s", len(r.ifaces), i.Name, uint8(res), errUnsupported)
		}
		n := iface{link: i.LinkType}
		if res.Binary() {
			n.binary = 1 << res.Exponent()
		}
		r.ifaces = append(r.ifaces, n)
	}
	return &r.ifaces[index], nil
}

// time returns the instant of a packet in nanoseconds since 1970. The library
// takes a unit of 2^-n s for a whole number of nanoseconds; that is undone here.
func (i *iface) time(ci gopacket.CaptureInfo) (at int64, timed bool, err error) {
	if ci.Timestamp.IsZero() {
		return 0, false, nil
	}
	const years = 250 * 366 * 24 * 3600
	s, ns := ci.Timestamp.Unix(), int64(ci.Timestamp.Nanosecond())
	if s < -years || s > years {
		return 0, false, fmt.Errorf("time %d s since 1970 is out of range", s)
	}
	if i.binary != 0 {
		units := ns / (1e9 / i.binary)
		ns = units * 1e9 / i.binary
	}
	return s*1e9 + ns, true, nil
}

// statistics notes what the recorder says about an interface.
func (r *reader) statistics(index int, s pcapgo.NgInterfaceStatistics) {
	if i, err := r.iface(index); err == nil && s.PacketsDropped != pcapgo.NgNoValue64 {
		i.lost = s.PacketsDropped
	}
}

// sectionEnd forgets the interfaces of the section.
func (r *reader) sectionEnd([]pcapgo.NgInterface, pcapgo.NgSectionInfo) {
	r.lost = r.dropped()
	r.ifaces = r.ifaces[:0]
}

// dropped returns how many packets the recorder says it has lost so far.
func (r *reader) dropped() uint64 {
	n := r.lost
	for i := range r.ifaces {
		n += r.ifaces[i].lost
	}
	return n
}
