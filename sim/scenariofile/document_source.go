package scenariofile

import (
	"cmp"
	"encoding/json"
	"net/netip"
)

// A sourceSection is a source of frames: a synthetic one, or a capture if pcap
// is there.
type sourceSection struct {
	// Name is the name of the source. Left out: traffic0, traffic1 and so on.
	Name string `json:"name,omitempty"`
	// To is the interface that receives the frames. Left out: the only one.
	To string `json:"to,omitempty" example:"\"eth0\""`
	// Rate is the mean rate of frames; with a profile, the rate at time 0. In a capture: replay at this constant rate, whatever the recorded times.
	Rate rate `json:"rate,omitzero"`
	// Start delays the first frame.
	Start duration `json:"start"`

	// Profile changes the rate over time: it moves evenly from point to point, or jumps with step; the last point's rate stays. For constant, poisson and jitter arrivals.
	Profile []pointSection `json:"profile,omitempty" only:"synthetic"`
	// Arrivals is the law of the gaps between frames: constant, poisson, or a mapping with one law.
	Arrivals *arrivalsSection `json:"arrivals,omitempty" only:"synthetic"`
	// Size is the length of a frame with its FCS, in bytes, at least 64; or a law, or imix. Either size or payload is needed.
	Size sizeLaw `json:"size,omitzero" only:"synthetic"`
	// Payload is the length of the UDP payload, in bytes; or a law.
	Payload sizeLaw `json:"payload,omitzero" only:"synthetic"`
	// Src is the source address and port of the first flow.
	Src endpoint `json:"src,omitzero" only:"synthetic"`
	// Dst is the destination address and port of the first flow.
	Dst endpoint `json:"dst,omitzero" only:"synthetic"`
	// Flows is the number of flows: they take turns at random and differ in the source port, counted up from src. Left out: as many as groups.
	Flows int `json:"flows,omitempty" only:"synthetic" min:"1" max:"65536"`
	// Groups is the number of destination addresses, counted up from dst: flow i sends to dst + i modulo groups. Not more than flows.
	Groups int `json:"groups,omitempty" only:"synthetic" min:"1" max:"65536"`
	// VLAN is the VLAN id of a tag; 0 for no tag.
	VLAN *int `json:"vlan,omitempty" only:"synthetic"`
	// TOS is the type-of-service byte.
	TOS *uint8 `json:"tos,omitempty" only:"synthetic"`
	// MTU is that of the sender's link: a datagram whose IP length is larger comes in fragments, back to back; rate, count and size are then those of datagrams. Left out: one frame for each, of any size.
	MTU int `json:"mtu,omitempty" only:"synthetic" example:"1500"`
	// Checksum fills in the UDP checksum; without it the field is zero.
	Checksum *bool `json:"checksum,omitempty" only:"synthetic"`
	// Stop ends the source. Left out: the end of the run.
	Stop duration `json:"stop,omitzero" only:"synthetic"`
	// Count ends the source after that many frames. Left out: no limit.
	Count uint64 `json:"count,omitempty" only:"synthetic" example:"1000000"`
	// Faults are shares of damaged frames, together at most 100%.
	Faults *faultsSection `json:"faults,omitempty" only:"synthetic"`

	// PCAP is a pcap or pcapng file, relative to the scenario file.
	PCAP string `json:"pcap,omitempty" example:"\"feed.pcapng\""`
	// Speed is how many times as fast as recorded the frames come.
	Speed factor `json:"speed,omitzero" only:"capture"`
	// Loops is the number of passes; 0 for as many as fit into the run.
	Loops *int `json:"loops,omitempty" only:"capture"`
	// Rewrite changes addresses; the first rule that matches a frame applies.
	Rewrite []rewriteSection `json:"rewrite,omitempty" only:"capture"`
	// KeepMAC keeps recorded unicast destination MACs; otherwise they become the interface's, so that a capture of another host is for this one.
	KeepMAC *bool `json:"keep_mac,omitempty" only:"capture"`
}

// A pointSection is a corner of a rate profile.
type pointSection struct {
	// At is the time of the corner.
	At duration `json:"at" jsonschema:"required"`
	// Rate is the rate from there.
	Rate rate `json:"rate" jsonschema:"required"`
	// Step jumps to the rate at that time; otherwise it moves evenly from the point before.
	Step bool `json:"step"`
}

// An arrivalsSection is a law of arrivals: the word constant or poisson, or a
// mapping with one key.
type arrivalsSection struct {
	// Constant: equal gaps.
	Constant *noParameters `json:"constant,omitempty"`
	// Poisson: exponential gaps, the law of many independent senders.
	Poisson *noParameters `json:"poisson,omitempty"`
	// Jitter: equal gaps, each frame moved by up to a share of a gap either way.
	Jitter *jitterSection `json:"jitter,omitempty"`
	// OnOff: bursts at a higher rate, silence between.
	OnOff *onOffSection `json:"onoff,omitempty"`
	// MMPP: Poisson arrivals whose rate switches between two states.
	MMPP *mmppSection `json:"mmpp,omitempty"`
	// Pareto: bursts whose length has a heavy tail.
	Pareto *paretoBursts `json:"pareto,omitempty"`
}

// noParameters is the mapping {}.
type noParameters struct{}

// A jitterSection is the parameter of jitter.
type jitterSection struct {
	// Spread is the most that a frame moves, as a share of the gap.
	Spread share `json:"spread" jsonschema:"required"`
}

// An onOffSection holds the parameters of onoff.
type onOffSection struct {
	// BurstRate is the rate inside a burst.
	BurstRate rate `json:"burst_rate" jsonschema:"required"`
	// BurstMean is the mean number of frames of a burst.
	BurstMean uint64 `json:"burst_mean" example:"32" jsonschema:"required"`
	// Fixed makes every burst that long; otherwise lengths are geometric.
	Fixed bool `json:"fixed"`
}

// An mmppSection holds the parameters of mmpp.
type mmppSection struct {
	// BurstRate is the rate in the high state.
	BurstRate rate `json:"burst_rate" jsonschema:"required"`
	// High is the mean time in the high state.
	High duration `json:"high" jsonschema:"required"`
	// Low is the mean time in the low state.
	Low duration `json:"low" jsonschema:"required"`
}

// A paretoBursts holds the parameters of pareto arrivals.
type paretoBursts struct {
	// BurstRate is the rate inside a burst.
	BurstRate rate `json:"burst_rate" jsonschema:"required"`
	// BurstMean is the mean number of frames of a burst, at least alpha/(alpha-1).
	BurstMean uint64 `json:"burst_mean" example:"32" jsonschema:"required" min:"1" max:"1000000000"`
	// Alpha is the index of the tail, above 1: the smaller, the heavier.
	Alpha factor `json:"alpha" jsonschema:"required"`
}

// A faultsSection holds shares of damaged frames.
type faultsSection struct {
	// CRC is the share with a bad frame check sequence.
	CRC share `json:"crc,omitzero"`
	// WrongMAC is the share with somebody else's unicast MAC.
	WrongMAC share `json:"wrong_mac,omitzero"`
	// UnknownEtherType is the share of an unknown protocol.
	UnknownEtherType share `json:"unknown_ethertype,omitzero"`
	// BadVersion is the share with IP version 5.
	BadVersion share `json:"bad_version,omitzero"`
	// BadIPChecksum is the share with a bad IP header checksum.
	BadIPChecksum share `json:"bad_ip_checksum,omitzero"`
	// Truncated is the share whose IP length goes beyond the end of the frame.
	Truncated share `json:"truncated,omitzero"`
	// BadUDPChecksum is the share with a bad UDP checksum.
	BadUDPChecksum share `json:"bad_udp_checksum,omitzero"`
	// BadUDPLength is the share whose UDP length goes beyond the end of the packet.
	BadUDPLength share `json:"bad_udp_length,omitzero"`
	// UnknownPort is the share for port 9, where nobody listens.
	UnknownPort share `json:"unknown_port,omitzero"`
	// Fragment is the share of first fragments whose rest never comes.
	Fragment share `json:"fragment,omitzero"`
}

// A rewriteSection changes addresses of matching frames.
type rewriteSection struct {
	// Match says which frames: an address, a port or both for each end; what is left out matches everything.
	Match endsSection `json:"match" jsonschema:"required"`
	// Set says what the ends become; what is left out stays.
	Set endsSection `json:"set" jsonschema:"required"`
}

// An endsSection is the two ends of a datagram.
type endsSection struct {
	// Src is the source.
	Src pattern `json:"src,omitzero"`
	// Dst is the destination.
	Dst pattern `json:"dst,omitzero"`
}

// defaultSrc is the sender if the scenario does not say it.
var defaultSrc = netip.MustParseAddrPort("10.0.0.1:5000")

// UnmarshalJSON decodes on top of the defaults of the kind of source.
func (s *sourceSection) UnmarshalJSON(b []byte) error {
	type plain sourceSection
	*s = sourceSection{Start: as[timeNotation](0)}
	if err := json.Unmarshal(b, (*plain)(s)); err != nil {
		return err
	}
	if s.PCAP != "" {
		given(&s.Loops, 1)
		given(&s.KeepMAC, false)
		if !s.Rate.given {
			s.Speed.or(1000)
		}
		return nil
	}
	if s.Arrivals == nil {
		s.Arrivals = &arrivalsSection{Constant: &noParameters{}}
	}
	s.Src.or(defaultSrc)
	s.Groups = max(s.Groups, 1)
	s.Flows = cmp.Or(s.Flows, s.Groups)
	given(&s.VLAN, 0)
	given(&s.TOS, 0)
	given(&s.Checksum, true)
	return nil
}

// given points p to v if it points nowhere.
func given[T any](p **T, v T) {
	if *p == nil {
		*p = &v
	}
}

// UnmarshalJSON reads a word or a mapping.
func (a *arrivalsSection) UnmarshalJSON(b []byte) error {
	type plain arrivalsSection
	if b[0] == '"' {
		switch string(b) {
		case `"constant"`:
			a.Constant = &noParameters{}
		case `"poisson"`:
			a.Poisson = &noParameters{}
		}
		return nil
	}
	return json.Unmarshal(b, (*plain)(a))
}
