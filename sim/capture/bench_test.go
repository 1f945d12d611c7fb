package capture

import (
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// many returns n frames of 64 flows, of which a share is out of order.
func many(n int, payload int, disorder bool) []shot {
	var flows [64][]byte
	for i := range flows {
		flows[i] = datagram(uint16(i), payload)
	}
	shots := make([]shot, n)
	for i := range shots {
		at := time.Duration(i) * time.Microsecond
		if disorder && i%16 == 0 {
			at -= 3 * time.Microsecond
		}
		shots[i] = shot{at, flows[i%64], 0}
	}
	return shots
}

func BenchmarkSource(b *testing.B) {
	const n = 200_000
	plain, disorder := many(n, 60, false), many(n, 60, true)
	cookedShots := make([]shot, n)
	for i, s := range plain[:64] {
		for j := i; j < n; j += 64 {
			cookedShots[j] = shot{plain[j].after, cat(sllHeader(sentToGroup, 0x800), s.data[14:]), 0}
		}
	}
	long := many(n/4, 1400, false)
	for _, bb := range []struct {
		name string
		file []byte
		n    int
	}{
		{"pcap", pcapFile(b, 1, true, plain), n},
		{"pcap/disordered", pcapFile(b, 1, true, disorder), n},
		{"pcap/cooked", pcapFile(b, layers.LinkTypeLinuxSLL, true, cookedShots), n},
		{"pcap/1400", pcapFile(b, 1, true, long), n / 4},
		{"pcapng", pcapngFile(b, 1, plain), n},
		{"gzip", gzipped(b, pcapFile(b, 1, true, plain)), n},
	} {
		b.Run(bb.name, func(b *testing.B) {
			f := mustOpen(b, bb.file)
			buf := make([]skb.Frame, 256)
			frames := 0
			b.ReportAllocs()
			for b.Loop() {
				s, err := f.Source(DefaultOptions(ourMAC))
				require.NoError(b, err)
				for k := s.Fill(buf); k > 0; k = s.Fill(buf) {
					frames += k
				}
			}
			require.Zero(b, frames%bb.n)
			b.ReportMetric(float64(frames)/b.Elapsed().Seconds()/1e6, "Mframes/s")
		})
	}
}

// A short capture in an endless loop is not read again.
func BenchmarkLoop(b *testing.B) {
	o := DefaultOptions(ourMAC)
	o.Loops = 0
	s, err := mustOpen(b, pcapFile(b, 1, true, many(10_000, 60, false))).Source(o)
	require.NoError(b, err)
	buf := make([]skb.Frame, 256)
	b.ReportAllocs()
	for b.Loop() {
		require.Equal(b, 256, s.Fill(buf))
	}
	b.ReportMetric(256*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mframes/s")
}

func BenchmarkOpen(b *testing.B) {
	file := pcapFile(b, 1, true, many(200_000, 60, false))
	for b.Loop() {
		mustOpen(b, file)
	}
	b.ReportMetric(200_000*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mframes/s")
}
