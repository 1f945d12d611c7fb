//go:build linux

package main

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"time"
)

// A channel is one group of the feed.
type channel struct {
	to      netip.AddrPort
	from    uint16  // source port
	share   float64 // of the bursts
	payload [2]int  // least and largest payload, in bytes
}

// The channels: two of incremental updates on one port, and one of snapshots,
// whose messages are large.
var channels = []channel{
	{netip.MustParseAddrPort("239.193.4.64:14506"), 5000, 0.60, [2]int{60, 700}},
	{netip.MustParseAddrPort("239.193.4.65:14506"), 5001, 0.30, [2]int{60, 1400}},
	{netip.MustParseAddrPort("239.193.4.66:14507"), 5002, 0.10, [2]int{400, 1400}},
}

// A message is a datagram to be sent.
type message struct {
	at      time.Duration // since the start
	channel int
	payload int // bytes
}

// Bursts have a length with a Pareto tail, as those of market data do.
const (
	burstLeast   = 3
	burstLargest = 400
	burstTail    = 1.25
	payloadTail  = 1.4
)

// newFeed draws a feed of n messages: bursts in quick succession, each on one
// channel, with exponential pauses between them. A burst is due all at once;
// how quickly it goes out is up to the machine.
func newFeed(seed uint64, n int, length time.Duration) []message {
	rng := rand.New(rand.NewPCG(seed, 0))
	var feed []message
	var at float64
	for len(feed) < n {
		c := pick(rng)
		for range min(int(pareto(rng, burstLeast, burstLargest, burstTail)), n-len(feed)) {
			size := channels[c].payload
			feed = append(feed, message{time.Duration(at * 1e9), c, int(pareto(rng, float64(size[0]), float64(size[1]), payloadTail))})
		}
		at += rng.ExpFloat64()
	}
	// The pauses were drawn without a unit.
	if last := feed[n-1].at; last > 0 {
		for i := range feed {
			feed[i].at = time.Duration(float64(feed[i].at) / float64(last) * float64(length))
		}
	}
	return feed
}

// pick draws a channel.
func pick(rng *rand.Rand) int {
	x := rng.Float64()
	for i, c := range channels {
		if x -= c.share; x < 0 {
			return i
		}
	}
	return len(channels) - 1
}

// pareto draws from least to largest with that tail index.
func pareto(rng *rand.Rand, least, largest, tail float64) float64 {
	return min(largest, least*math.Pow(1-rng.Float64(), -1/tail))
}
