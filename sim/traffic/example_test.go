package traffic_test

import (
	"fmt"
	"net/netip"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

// The first frames of a market-data feed.
func ExampleNew() {
	feed, err := traffic.New(traffic.DefaultConfig(), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	frames := make([]skb.Frame, 4)
	for _, f := range frames[:feed.Fill(frames)] {
		fmt.Printf("%-9v %v:%d, %d bytes with FCS, %d of payload\n", f.At, f.Head.Dst, f.Head.DstPort, f.WireLen(), f.UDPLen-skb.UDPHeader)
	}
	// Output:
	// 878.93ns  239.193.4.65:14506, 128 bytes with FCS, 82 of payload
	// 13.716µs  239.193.4.65:14506, 128 bytes with FCS, 82 of payload
	// 15.173µs  239.193.4.65:14506, 128 bytes with FCS, 82 of payload
	// 15.381µs  239.193.4.65:14506, 128 bytes with FCS, 82 of payload
}

// The smallest frames at the speed of a 10 Gb/s link: 67.2 ns each, and not a
// picosecond of drift in a second.
func ExampleNew_lineRate() {
	c := traffic.DefaultConfig()
	c.Arrivals.Kind = traffic.Constant
	c.Size = law.Constant(64)
	c.MilliPPS = 14_880_952_380
	s, _ := traffic.New(c, 1)

	// A port that loses them all needs not look at each.
	n, first, _ := s.(skb.RegularSource).Skip(engine.Second)
	fmt.Println(n, "frames in the first second, the first after", first)
	// Output:
	// 14880952 frames in the first second, the first after 67.2ns
}

// Twenty connections with frames of all sizes, one in a thousand of them with a
// bad checksum.
func ExampleConfig_faults() {
	c := traffic.DefaultConfig()
	c.Dst = netip.MustParseAddrPort("10.0.0.2:7000")
	c.DstMAC = skb.MAC{0x02, 0, 0, 0, 0, 0x10}
	c.Flows, c.Size = 20, law.IMIX()
	c.Faults.BadUDPChecksum = 1000
	c.Count = 100_000
	s, _ := traffic.New(c, 1)

	flows, bad := map[*skb.Header]bool{}, 0
	frames := make([]skb.Frame, 64)
	for n := s.Fill(frames); n > 0; n = s.Fill(frames) {
		for _, f := range frames[:n] {
			flows[f.Head] = true
			if f.Head.UDPChecksum == skb.ChecksumBad {
				bad++
			}
		}
	}
	fmt.Println(bad, "bad of", c.Count)
	fmt.Println(len(flows), "headers for 20 flows, with and without")
	// Output:
	// 105 bad of 100000
	// 40 headers for 20 flows, with and without
}

// The load of a working day in one second: up, a step at noon, and down.
func ExampleConfig_profile() {
	c := traffic.DefaultConfig()
	c.Arrivals.Kind = traffic.Constant
	c.MilliPPS = 0
	c.Profile = []traffic.RatePoint{
		{At: 400 * engine.Millisecond, MilliPPS: 100_000_000},
		{At: 500 * engine.Millisecond, MilliPPS: 200_000_000, Step: true},
		{At: 1000 * engine.Millisecond, MilliPPS: 0},
	}
	s, _ := traffic.New(c, 1)
	day := s.(skb.RegularSource)
	for t := 200 * engine.Millisecond; t <= engine.Second; t += 200 * engine.Millisecond {
		n, _, _ := day.Skip(t)
		fmt.Println("until", t, n)
	}
	fmt.Println(day.Next())
	// Output:
	// until 200ms 5000
	// until 400ms 15000
	// until 600ms 28000
	// until 800ms 24000
	// until 1s 8000
	// never
}

// Everything that is wrong is said at once.
func ExampleConfig_Validate() {
	c := traffic.DefaultConfig()
	c.MilliPPS = 0
	c.Size = law.Constant(40)
	c.Arrivals = traffic.Arrivals{Kind: traffic.Jitter, SpreadPPM: 2_000_000}
	fmt.Println(c.Validate())
	// Output:
	// rate = 0pps: want 0.001pps to 2000000000pps
	// arrivals.jitter.spread = 2000000: want 0 to 1000000
	// size = 40: want 64 to 9732 bytes in every draw
}

// Twice the load: bursts twice as fast, twice as often, as long as before.
func ExampleConfig_Scaled() {
	c := traffic.DefaultConfig()
	c.Arrivals = traffic.Arrivals{Kind: traffic.OnOff, BurstMilliPPS: 1_000_000_000, BurstMean: 32}
	c = c.Scaled(2000)
	fmt.Println(c.MilliPPS, c.Arrivals.BurstMilliPPS, c.Arrivals.BurstMean)
	// Output:
	// 500000000 2000000000 32
}
