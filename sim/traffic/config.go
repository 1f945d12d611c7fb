package traffic

import (
	"net/netip"

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
	// MilliPPS is the mean rate in thousandths of a frame per second: 250 kpps is 250_000_000.
	MilliPPS uint64
	// Profile changes the rate over time; empty means MilliPPS throughout.
	Profile []RatePoint
	// Arrivals is the law of the gaps between frames.
	Arrivals Arrivals
	// Size is the law of the frame length with FCS, in bytes; SizeIsPayload makes it the UDP payload instead.
	Size          law.Law
	SizeIsPayload bool
	// Src and Dst are the addresses of the first flow.
	Src, Dst netip.AddrPort
	// DstMAC is the destination MAC of unicast frames: the MAC of the interface.
	DstMAC skb.MAC
	// Flows is the number of flows, at least 1: they take turns at random, each equally likely, and differ in
	// the source port, counted up from Src. Of Groups > 1, the destination address is counted up from Dst, too.
	Flows, Groups int
	// VLAN is the VLAN id of a tag, 0 for none.
	VLAN int
	// TOS is the type-of-service byte.
	TOS uint8
	// NoChecksum leaves the UDP checksum zero.
	NoChecksum bool
	// Start and Stop bound the source in virtual time; Stop 0 means the end of the run.
	Start, Stop engine.Time
	// Count ends the source after that many frames, 0 for no limit.
	Count uint64
	// Faults are the shares of frames that are damaged, in millionths; together at most 1000000.
	Faults Faults
}

// RatePoint is one corner of a rate profile.
type RatePoint struct {
	At       engine.Time
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
	Jitter               // equal gaps, each frame moved by up to Spread of a gap either way
	OnOff                // bursts at BurstMilliPPS with exponential (or fixed) lengths, silence between
	MMPP                 // Poisson whose rate switches between two states
	Pareto               // bursts whose length has a heavy tail
)

// Arrivals is a law of arrivals.
type Arrivals struct {
	Kind Kind
	// SpreadPPM is the jitter as millionths of the gap (Jitter); at most 1000000.
	SpreadPPM uint32
	// BurstMilliPPS is the rate inside a burst (OnOff, Pareto) or in the high state (MMPP).
	BurstMilliPPS uint64
	// BurstMean is the mean number of frames of a burst (OnOff, Pareto).
	BurstMean uint64
	// FixedBursts makes every burst BurstMean long (OnOff).
	FixedBursts bool
	// High and Low are the mean times in the two states (MMPP).
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
	Truncated        uint32 // total length beyond the end of the frame
	BadUDPChecksum   uint32
	BadUDPLength     uint32 // UDP length beyond the end of the packet
	UnknownPort      uint32 // destination port that the scenario's sockets do not use: 9
	Fragment         uint32 // a first fragment whose rest never comes
}
