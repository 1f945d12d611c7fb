package traffic

import (
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Config is one synthetic source of frames.
type Config struct {
	// Name identifies the source and its random streams.
	Name string
	// To is the name of the interface that receives the frames.
	To string
	// MilliPPS is the mean rate in thousandths of a frame per second: 250 kpps is 250_000_000. It is 1 to
	// MaxMilliPPS; with a Profile it is the rate at time 0, and may be 0.
	MilliPPS uint64
	// Profile changes the rate over time; empty means MilliPPS throughout. It takes Constant, Poisson or Jitter
	// arrivals.
	Profile []RatePoint
	// Arrivals is the law of the gaps between frames.
	Arrivals Arrivals
	// Size is the law of the frame length with FCS (and VLAN tag), in bytes, MinSize to MaxSize; SizeIsPayload
	// makes it the UDP payload instead, from 0 to what fits a frame of MaxSize. Short frames are padded.
	Size          law.Law
	SizeIsPayload bool
	// Src and Dst are the addresses of the first flow: IPv4.
	Src, Dst netip.AddrPort
	// DstMAC is the destination MAC of unicast frames: the MAC of the interface. Multicast and broadcast
	// destinations carry their own.
	DstMAC skb.MAC
	// Flows is the number of flows, at least 1: they take turns at random, each equally likely, and differ in
	// the source port, counted up from Src. Of Groups > 1, the destination address is counted up from Dst, too:
	// flow i sends to Dst + i mod Groups. There are no more groups than flows.
	Flows, Groups int
	// VLAN is the VLAN id of a tag, 0 for none.
	VLAN int
	// TOS is the type-of-service byte.
	TOS uint8
	// MTU is that of the sender's link: a datagram whose IP length is larger comes in fragments, back to back. 0 for
	// frames of any size. Rate, Count and Size are those of datagrams, which may then have up to 65507 bytes of payload.
	MTU int
	// NoChecksum leaves the UDP checksum zero.
	NoChecksum bool
	// Start and Stop bound the source in virtual time; Stop 0 means the end of the run. The first frame comes one
	// gap after Start, the last at Stop at the latest.
	Start, Stop engine.Time
	// Count ends the source after that many frames, 0 for no limit.
	Count uint64
	// Faults are the shares of frames that are damaged, in millionths; together at most 1000000.
	Faults Faults
}

// RatePoint is one corner of a rate profile. The last one's rate stays.
type RatePoint struct {
	// At is the virtual time, later than that of the point before.
	At engine.Time
	// MilliPPS is the rate from there on, 0 to MaxMilliPPS.
	MilliPPS uint64
	// Step jumps to the rate at At; otherwise the rate moves evenly from the point before.
	Step bool
}

// Kind is the family of an arrival law.
type Kind uint8

// Arrival laws.
const (
	Constant Kind = iota // equal gaps
	Poisson              // exponential gaps
	Jitter               // equal gaps, each frame moved by up to Spread of a gap either way, in order
	OnOff                // bursts at BurstMilliPPS with geometric (or fixed) lengths, exponential silences between
	MMPP                 // Poisson whose rate switches between two states, exponential times in each
	Pareto               // bursts whose length has a heavy tail, exponential silences between
)

var kindNames = [...]string{"constant", "poisson", "jitter", "onoff", "mmpp", "pareto"}

// String returns the name in a scenario file.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Arrivals is a law of arrivals.
type Arrivals struct {
	Kind Kind
	// SpreadPPM is the jitter as millionths of the gap (Jitter); at most 1000000.
	SpreadPPM uint32
	// BurstMilliPPS is the rate inside a burst (OnOff, Pareto) or in the high state (MMPP): the mean rate to
	// MaxMilliPPS. What remains for the silences, or for the low state, follows from the mean rate.
	BurstMilliPPS uint64
	// BurstMean is the mean number of frames of a burst (OnOff, Pareto), 1 to MaxBurst; with Pareto at least
	// alpha/(alpha-1), so that the shortest burst is a frame.
	BurstMean uint64
	// FixedBursts makes every burst BurstMean long (OnOff).
	FixedBursts bool
	// High and Low are the mean times in the two states (MMPP), up to 10 hours.
	High, Low engine.Time
	// AlphaMilli is the tail index of the burst length in thousandths, above 1000 (Pareto).
	AlphaMilli uint32
}

// Faults are shares of damaged frames, in millionths.
type Faults struct {
	CRC              uint32 // bad frame check sequence
	WrongMAC         uint32 // somebody else's unicast MAC
	UnknownEtherType uint32
	BadVersion       uint32 // IP version 5
	BadIPChecksum    uint32
	Truncated        uint32 // IP total length beyond the end of the frame
	BadUDPChecksum   uint32
	BadUDPLength     uint32 // UDP length beyond the end of the packet
	UnknownPort      uint32 // destination port that the scenario's sockets do not use: 9
	Fragment         uint32 // a first fragment whose rest never comes
}

// DefaultConfig returns a market-data feed: 250,000 multicast frames of 128
// bytes a second, Poisson, in one flow.
func DefaultConfig() Config {
	return Config{
		Name: "feed", To: "eth0",
		MilliPPS: 250_000_000,
		Arrivals: Arrivals{Kind: Poisson},
		Size:     law.Constant(128),
		Src:      netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), 5000),
		Dst:      netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 193, 4, 65}), 14506),
		Flows:    1, Groups: 1,
	}
}

// Scaled returns c with all rates multiplied by milli thousandths, rounded to
// the nearest thousandth of a frame per second: the mean rate, that of bursts,
// and those of the profile. Shares, burst lengths and times stay.
func (c Config) Scaled(milli uint64) Config {
	c.MilliPPS = scaled(c.MilliPPS, milli)
	c.Arrivals.BurstMilliPPS = scaled(c.Arrivals.BurstMilliPPS, milli)
	c.Profile = slices.Clone(c.Profile)
	for i := range c.Profile {
		c.Profile[i].MilliPPS = scaled(c.Profile[i].MilliPPS, milli)
	}
	return c
}

// scaled returns rate·milli/1000, rounded, at most the largest uint64.
func scaled(rate, milli uint64) uint64 {
	w := times(rate, milli).plus(wide{0, 500})
	if w.hi >= 1000 {
		return math.MaxUint64
	}
	n, _ := w.over(1000)
	return n
}
