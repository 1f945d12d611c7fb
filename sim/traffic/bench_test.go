package traffic_test

import (
	"testing"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

// BenchmarkFill makes frames, 64 at a time.
func BenchmarkFill(b *testing.B) {
	cases := kinds()
	ramp := config(1_000_000_000, traffic.Constant)
	ramp.Profile = []traffic.RatePoint{{At: 1_000_000 * engine.Second, MilliPPS: 3_000_000_000}}
	cases["constant on a ramp"] = ramp
	mixed := traffic.DefaultConfig()
	mixed.Flows, mixed.Groups, mixed.Size = 100, 10, law.IMIX()
	cases["poisson of 100 flows and IMIX"] = mixed
	mixed.Faults = traffic.Faults{CRC: 100, WrongMAC: 200, BadUDPChecksum: 300}
	cases["poisson of 100 flows, IMIX and faults"] = mixed
	for name, c := range cases {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s := source(b, c)
			frames := make([]skb.Frame, 64)
			n := 0
			for b.Loop() {
				n += s.Fill(frames)
			}
			if n != b.N*len(frames) {
				b.Fatal("the source ended")
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}

// BenchmarkSkip passes over as many frames as a port loses between two refills.
func BenchmarkSkip(b *testing.B) {
	for name, c := range kinds() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s := source(b, c).(skb.RegularSource)
			gap := 100 * engine.Time(1e15/c.MilliPPS)
			var t engine.Time
			var frames uint64
			for b.Loop() {
				t += gap
				n, _, _ := s.Skip(t)
				frames += n
			}
			b.ReportMetric(float64(frames)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}
