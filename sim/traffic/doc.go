// Package traffic makes the frames that reach a host: synthetic sources, each
// with a law of arrivals, a law of sizes, a number of flows and a share of
// damaged frames.
//
// [New] turns a [Config] into a [skb.FrameSource]. What a source sends is a
// function of its configuration and the seed: arrivals, sizes, flows and faults
// draw from streams of their own, so that switching faults on moves no arrival,
// and it makes no difference how many frames are asked for at a time.
//
// Everything is a whole number of picoseconds, and no rate drifts: the n-th
// frame of a constant source at r frames a second comes at floor(n/r), and where
// random gaps are added up, fractions of a picosecond are kept.
//
// How it is built: a clock gives the instants (constant.go for equal gaps,
// block.go for everything drawn), a process behind the clock draws them
// (poisson.go, bursts.go, paced.go), and frames.go gives each its contents.
// A source of equal frames is a [skb.RegularSource], too: a port that loses
// thousands of them passes over them without making one.
//
// Not here: a link. Sources send as fast as they are told to, and the port
// makes frames wait for the wire. Captured traffic is read by sim/capture.
package traffic
