package capture

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// disordered returns n frames, numbered by their port, most of them out of order by up to reach.
func disordered(n int, reach int64, rng *rand.Rand) []shot {
	var shots []shot
	for i := range n {
		at := time.Duration(int64(i)*10 + rng.Int64N(10*reach))
		shots = append(shots, shot{at / 20 * 20, datagram(uint16(i+1), 20), 0}) // with ties
	}
	return shots
}

// The dumb model: a stable sort of everything, and counting by comparing each with each.
func sorted(shots []shot) (order []shot, late uint64, worst int) {
	for i, s := range shots {
		places := 0
		for _, before := range shots[:i] {
			if before.after > s.after {
				places++
			}
		}
		if places > 0 {
			late++
		}
		worst = max(worst, places)
	}
	order = slices.Clone(shots)
	slices.SortStableFunc(order, func(a, b shot) int { return int(a.after - b.after) })
	return order, late, worst
}

func TestOutOfOrderIsPutInOrder(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		shots := disordered(1+rng.IntN(300), 1+rng.Int64N(60), rng)
		want, late, worst := sorted(shots)
		f := mustOpen(t, pcapFile(t, 1, true, shots))
		require.Equal(t, late, f.Info.OutOfOrder, "seed %d", seed)
		require.Equal(t, worst, f.Info.WorstLate, "seed %d", seed)
		require.Equal(t, epoch.Add(want[0].after), f.Info.First, "seed %d", seed)
		require.Equal(t, late > 0, len(f.Info.Warnings) == 1, "seed %d", seed)
		got := play(t, f, DefaultOptions(ourMAC))
		require.Len(t, got, len(want))
		for i, fr := range got {
			port := uint16(want[i].data[36])<<8 | uint16(want[i].data[37])
			require.Equal(t, port, fr.Head.DstPort, "seed %d, frame %d", seed, i)
			require.Equal(t, engine.FromDuration(want[i].after-want[0].after), fr.At, "seed %d, frame %d", seed, i)
		}
	}
}

// The window holds one frame more than the worst displacement, however long the file.
func TestWindowIsJustLargeEnough(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	f := mustOpen(t, pcapFile(t, 1, true, disordered(5000, 20, rng)))
	s, err := f.Source(DefaultOptions(ourMAC))
	require.NoError(t, err)
	defer s.Close()
	require.Len(t, drain(s, 4000), 4000)
	require.LessOrEqual(t, cap(s.late.heap), 2*(f.Info.WorstLate+1))
	require.Empty(t, s.kept)
}

// The ruler forgets what lies too far back, but never measures too little because of it.
func TestRulerBound(t *testing.T) {
	var r ruler
	for i := range int64(5*MaxLate + 3) {
		require.True(t, r.add(i))
	}
	end := int64(5*MaxLate + 3)
	require.LessOrEqual(t, len(r.times), 2*MaxLate)
	require.True(t, r.add(end-1-10))
	require.Equal(t, 10, r.worst)
	require.True(t, r.add(end-MaxLate), "as many places as may be: the late one above stands before it")
	require.Equal(t, MaxLate, r.worst)
	require.EqualValues(t, 2, r.late)
	require.False(t, r.add(end-MaxLate-10))
	require.False(t, r.add(0))
}

func TestRulerIsExactAcrossCompaction(t *testing.T) {
	for _, lead := range []int64{2*MaxLate - 1, 2 * MaxLate, 2*MaxLate + 1, 3 * MaxLate} {
		var r ruler
		for i := range lead {
			r.add(i)
		}
		require.True(t, r.add(lead-1-MaxLate), "%d later", MaxLate)
		require.Equal(t, MaxLate, r.worst)
		r = ruler{}
		for i := range lead {
			r.add(i)
		}
		require.False(t, r.add(lead-2-MaxLate), "%d later", MaxLate+1)
	}
}

func TestTooMuchDisorderIsRefused(t *testing.T) {
	b := rawPcap(binary.LittleEndian, true, 1, nil)
	tiny := rawPcap(binary.LittleEndian, true, 1, []shot{{time.Second, nil, 60}})[24:]
	early := rawPcap(binary.LittleEndian, true, 1, []shot{{0, nil, 60}})[24:]
	for range MaxLate {
		b = append(b, tiny...)
	}
	f := mustOpen(t, append(b, early...))
	require.Equal(t, MaxLate, f.Info.WorstLate)
	fr := play(t, f, DefaultOptions(ourMAC))
	require.Zero(t, fr[0].At)
	require.Equal(t, engine.Second, fr[1].At)

	_, err := openBytes(append(append(b, tiny...), early...))
	require.EqualError(t, err, "test: frame 65538 stands behind more than 65536 later ones: put the file in order first, for instance with reordercap")
}

// An endlessFile is a pcap file of equal records that is made as it is read.
type endlessFile struct{ head, rec []byte }

func (e endlessFile) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(e.head)) {
		n = copy(p, e.head[off:])
		off = int64(len(e.head))
	}
	for at := (off - int64(len(e.head))) % int64(len(e.rec)); n < len(p); at = 0 {
		n += copy(p[n:], e.rec[at:])
	}
	return n, nil
}

// A file is streamed: memory does not grow with its length.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	const frames = 400_000
	file := rawPcap(binary.LittleEndian, true, 1, []shot{{0, datagram(1, 100), 0}})
	e := endlessFile{file[:24], file[24:]}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := OpenReader("endless", e, int64(len(e.head)+frames*len(e.rec)))
	require.NoError(t, err)
	s, err := f.Source(DefaultOptions(ourMAC))
	require.NoError(t, err)
	buf := make([]skb.Frame, 256)
	n := 0
	for k := s.Fill(buf); k > 0; k = s.Fill(buf) {
		n += k
	}
	runtime.ReadMemStats(&after)
	require.Equal(t, frames, n)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20), "of a file of 63 MB")
}
