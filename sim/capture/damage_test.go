package capture

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A file that ends anywhere gives the frames that are whole, and says so.
func TestTruncated(t *testing.T) {
	for name, tt := range map[string]struct {
		file                  []byte
		head, before, trailer int // bytes of the file header, and around the data of each record
		section               int // bytes of the section header
	}{
		"pcap":   {pcapFile(t, 1, true, three()), 24, 16, 0, 24},
		"pcapng": {ngThree(binary.LittleEndian, 9, 1e9), 28 + 32, 28, 4, 28},
	} {
		t.Run(name, func(t *testing.T) {
			whole := play(t, mustOpen(t, tt.file), DefaultOptions(ourMAC))
			pad := func(n int) int { return n + (4-n%4)%4 }
			if tt.trailer == 0 {
				pad = func(n int) int { return n }
			}
			ends := []int{tt.head}
			for _, s := range three() {
				ends = append(ends, ends[len(ends)-1]+tt.before+pad(len(s.data))+tt.trailer)
			}
			require.Equal(t, len(tt.file), ends[3])
			for n := range tt.file {
				f, err := openBytes(tt.file[:n])
				good := 0
				for good < 3 && ends[good+1] <= n {
					good++
				}
				switch {
				case n == 0:
					require.EqualError(t, err, "test: empty file: want a pcap or pcapng file")
				case n == tt.head || n == tt.section:
					require.NoError(t, err)
					require.Equal(t, []string{"holds no frames"}, f.Info.Warnings)
				case good == 0:
					require.Error(t, err, "%d bytes", n)
				default:
					require.NoError(t, err, "%d bytes", n)
					require.Equal(t, whole[:good], rebase(whole, play(t, f, DefaultOptions(ourMAC))), "%d bytes", n)
					if n == ends[good] {
						require.Empty(t, f.Info.Damage, "%d bytes", n)
						break
					}
					require.Equal(t, "unexpected EOF", f.Info.Damage, "%d bytes", n)
					require.Contains(t, f.Info.Warnings[0], "unexpected EOF after ")
				}
			}
		})
	}
}

// rebase gives frames the header pointers of others that are equal.
func rebase(whole, frames []skb.Frame) []skb.Frame {
	for i := range frames {
		if *frames[i].Head == *whole[i].Head {
			frames[i].Head = whole[i].Head
		}
	}
	return frames
}

func TestDamagedGzip(t *testing.T) {
	var shots []shot
	for i := range 2000 {
		shots = append(shots, shot{time.Duration(i), datagram(uint16(i), i%90), 0})
	}
	zip := gzipped(t, pcapFile(t, 1, true, shots))
	f := mustOpen(t, zip[:len(zip)/2])
	require.Equal(t, "unexpected EOF", f.Info.Damage)
	require.Greater(t, f.Info.Frames, uint64(100))
	require.Len(t, play(t, f, DefaultOptions(ourMAC)), int(f.Info.Frames))

	zip[len(zip)-8]++ // checksum
	f = mustOpen(t, zip)
	require.EqualValues(t, 2000, f.Info.Frames)
	require.Equal(t, "gzip: invalid checksum", f.Info.Damage)
}

func TestDamagedRecordEndsTheFile(t *testing.T) {
	file := pcapFile(t, 1, true, three())
	binary.LittleEndian.PutUint32(file[24+16+142+8:], 1<<30) // captured length of the second frame
	f := mustOpen(t, file)
	require.EqualValues(t, 1, f.Info.Frames)
	require.Contains(t, f.Info.Damage, "capture length exceeds")

	file = pcapFile(t, 1, true, three())
	binary.LittleEndian.PutUint32(file[24+16+142+12:], 1<<32-1) // original length
	f = mustOpen(t, file)
	require.EqualValues(t, 1, f.Info.Frames)
	require.Contains(t, f.Info.Damage, "length") // pcapgo finds it first where int has 32 bits

	n := ngBuilder{order: binary.LittleEndian}
	n.section()
	n.face(1, 6)
	n.packet(0, 1, datagram(1, 100), 142)
	n.packet(0, 1<<62, datagram(1, 100), 142)
	f = mustOpen(t, n.b)
	require.EqualValues(t, 1, f.Info.Frames)
	require.Contains(t, f.Info.Damage, "out of range")
}

func TestNotACapture(t *testing.T) {
	for want, b := range map[string][]byte{
		"not a capture: it starts with 6e 61 6d 65": []byte("name: feed\ntraffic: []\n"),
		"not a capture: it starts with 78":          []byte("x"),
		"compressed with zstd":                      []byte("\x28\xb5\x2f\xfd...."),
		"compressed with xz":                        []byte("\xfd7zXZ\x00...."),
		"Unknown major version 7":                   append(rawPcap(binary.LittleEndian, true, 1, nil)[:4], 7, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0),
		"unexpected EOF":                            rawPcap(binary.LittleEndian, true, 1, nil)[:10],
		"Wrong byte order value":                    append([]byte{0x0a, 0x0d, 0x0d, 0x0a}, make([]byte, 40)...),
		"gzip: invalid header":                      {0x1f, 0x8b, 0xff, 0xff, 0, 0, 0, 0, 0, 0},
	} {
		_, err := openBytes(b)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "test: ")
	}
	_, err := openBytes(gzipped(t, nil))
	require.ErrorContains(t, err, "empty file")
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "absent.pcap"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "absent.pcap")
	_, err = Open(dir)
	require.ErrorContains(t, err, "not a regular file")
}

// A file that changes between Open and the replay ends the source with an error, at the frame where it shows.
func TestChangedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "feed.pcap")
	write := func(shots []shot) { require.NoError(t, os.WriteFile(path, pcapFile(t, 1, true, shots), 0o644)) }
	for name, changed := range map[string][]shot{
		"shorter":     three()[:2],
		"earlier":     {{-time.Second, datagram(1, 1), 0}, {0, datagram(1, 1), 0}, {0, datagram(1, 1), 0}},
		"in disorder": {three()[2], three()[1], three()[0]},
	} {
		t.Run(name, func(t *testing.T) {
			write(three())
			f, err := Open(path)
			require.NoError(t, err)
			write(changed)
			s, err := f.Source(DefaultOptions(ourMAC))
			require.NoError(t, err)
			require.Less(t, len(drain(s, 10)), 3)
			require.ErrorContains(t, s.Err(), "has the file changed since it was opened?")
			require.ErrorContains(t, s.Err(), "feed.pcap: pass 1, frame ")
			require.Zero(t, s.Fill(make([]skb.Frame, 1)), "stays ended")
			require.NoError(t, s.Close())
		})
	}
	f, err := Open(path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	_, err = f.Source(DefaultOptions(ourMAC))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// A brokenReader fails from some offset on.
type brokenReader struct {
	b    []byte
	from int64
}

func (r *brokenReader) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, r.b[min(off, r.from):r.from])
	if n < len(p) {
		return n, errors.New("disk on fire")
	}
	return n, nil
}

func TestReadErrorIsDamage(t *testing.T) {
	b := pcapFile(t, 1, true, three())
	f, err := OpenReader("disk", &brokenReader{b, int64(len(b) - 10)}, int64(len(b)))
	require.NoError(t, err)
	require.EqualValues(t, 2, f.Info.Frames)
	require.Equal(t, "disk on fire", f.Info.Damage)
	_, err = OpenReader("disk", &brokenReader{b, 0}, int64(len(b)))
	require.EqualError(t, err, "disk: disk on fire")
}

// FuzzOpen: whatever the bytes, opening and replaying end without a panic, and what Info says is what is replayed.
func FuzzOpen(f *testing.F) {
	f.Add(pcapFile(f, 1, true, three()))
	f.Add(rawPcap(binary.BigEndian, false, 113, []shot{{0, sllHeader(2, 0x800), 0}, {0, nil, 0}}))
	f.Add(rawPcap(binary.LittleEndian, false, 276, []shot{{0, sll2Header(2, 0x8100), 900}}))
	f.Add(rawPcap(binary.LittleEndian, false, 0, []shot{{9, []byte{2, 0, 0, 0, 0x45}, 0}, {0, nil, 0}}))
	f.Add(ngThree(binary.LittleEndian, 9, 1e9))
	f.Add(ngThree(binary.BigEndian, 0x94, 1<<20))
	f.Add(gzipped(f, pcapFile(f, 101, true, []shot{{0, ipPacket(sender, group, 1, 5), 0}})))
	n := ngBuilder{order: binary.LittleEndian}
	n.section()
	n.face(1, 6)
	n.simple(datagram(1, 10))
	n.packet(0, 5, datagram(1, 10), 52)
	n.lost(0, 3)
	f.Add(n.b)
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := openBytes(b)
		if err != nil {
			return
		}
		o := DefaultOptions(ourMAC)
		o.Loops = 2
		o.MilliPPS = 1e9
		s, err := file.Source(o)
		require.NoError(t, err)
		frames := drain(s, 1<<20)
		require.NoError(t, s.Err())
		require.Len(t, frames, int(2*file.Info.Frames))
		o.MilliPPS, o.Loops = 0, 1
		last, lens := engine.Time(0), uint64(0)
		s, err = file.Source(o)
		require.NoError(t, err)
		frames = drain(s, 1<<20)
		for _, fr := range frames {
			require.GreaterOrEqual(t, fr.At, last)
			require.GreaterOrEqual(t, fr.Len, uint32(60))
			last = fr.At
			lens += uint64(fr.WireLen())
		}
		require.NoError(t, s.Err())
		if last < engine.MaxTime/2 && len(frames) == int(file.Info.Frames) {
			require.Equal(t, file.Info.Bytes, lens)
			require.Equal(t, file.Info.Duration, last.Duration())
		}
		var _ io.Closer = s
	})
}
