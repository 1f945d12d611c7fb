package capture

import (
	"errors"
	"fmt"
	"net"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Options say how a capture is replayed.
type Options struct {
	// SpeedMilli is the speed in thousandths: 1000 as recorded, 10000 ten times as fast. Ignored with MilliPPS.
	SpeedMilli uint64
	// MilliPPS replays at a constant rate, in thousandths of a frame per second, whatever the file's times.
	MilliPPS uint64
	// Loops is the number of passes; 0 means without end. A pass starts one mean gap after the last frame of
	// the one before.
	Loops int
	// Start is when the earliest frame comes; with MilliPPS, one gap before it.
	Start engine.Time
	// Rewrite rules change addresses; the first match applies.
	Rewrite []Rewrite
	// KeepMAC keeps recorded unicast destination MACs; otherwise they become MAC.
	KeepMAC bool
	// MAC is the address of the interface that the frames are for. With KeepMAC it may be zero.
	MAC skb.MAC
}

// Rewrite changes addresses of matching IPv4 frames, as the network before the
// interface could do; checksums stay as right or wrong as they were. A zero
// field of a match matches everything, a zero field of the new values changes
// nothing. Only UDP has ports here, and of a fragmented datagram only the first
// fragment: no rule with a port matches the others.
type Rewrite struct {
	MatchDst, MatchSrc         skb.Addr
	MatchDstPort, MatchSrcPort uint16
	Dst, Src                   skb.Addr
	DstPort, SrcPort           uint16
}

// DefaultOptions replays once, as recorded, to the interface with that address.
func DefaultOptions(mac skb.MAC) Options {
	return Options{SpeedMilli: 1000, Loops: 1, MAC: mac}
}

// Validate reports every fault, as *cfgerr.Error values.
func (o *Options) Validate() error {
	mac := net.HardwareAddr(o.MAC[:])
	return errors.Join(
		cfgerr.Check(o.SpeedMilli > 0 || o.MilliPPS > 0, "speed", o.SpeedMilli, "more than 0, or a rate"),
		cfgerr.Check(o.Loops >= 0, "loops", o.Loops, "0 or more"),
		cfgerr.Check(o.Start >= 0 && o.Start <= engine.MaxTime, "start", o.Start, fmt.Sprintf("0 to %v", engine.MaxTime)),
		cfgerr.Check(!o.MAC.Multicast() && (o.KeepMAC || o.MAC != skb.MAC{}), "mac", mac, "the unicast address of an interface"))
}

// readdress gives h the addresses that it is replayed with.
func (o *Options) readdress(f *frame) {
	h := &f.head
	dst := h.Dst
	if f.ipv4() {
		o.rewrite(h)
	}
	moved := h.Dst != dst
	switch {
	case h.Dst.Multicast() && (moved || !o.KeepMAC):
		h.DstMAC = skb.MulticastMAC(uint32(h.Dst))
	case h.Dst.Broadcast() && (moved || !o.KeepMAC):
		h.DstMAC = broadcastMAC
	case h.DstMAC.Multicast():
		if moved { // from a group to one host
			h.DstMAC = o.MAC
		}
	case f.foreign && !moved:
	case f.bare || !o.KeepMAC:
		h.DstMAC = o.MAC
	}
}

// rewrite applies the first rule that matches.
func (o *Options) rewrite(h *skb.Header) {
	for i := range o.Rewrite {
		if r := &o.Rewrite[i]; r.match(h) {
			r.apply(h)
			return
		}
	}
}

func (r *Rewrite) match(h *skb.Header) bool {
	return (r.MatchDst == 0 || r.MatchDst == h.Dst) && (r.MatchSrc == 0 || r.MatchSrc == h.Src) &&
		(r.MatchDstPort == 0 || r.MatchDstPort == h.DstPort) && (r.MatchSrcPort == 0 || r.MatchSrcPort == h.SrcPort)
}

func (r *Rewrite) apply(h *skb.Header) {
	if r.Dst != 0 {
		h.Dst = r.Dst
	}
	if r.Src != 0 {
		h.Src = r.Src
	}
	if h.Proto != skb.ProtoUDP || h.FragOffset != 0 {
		return // no ports to change
	}
	if r.DstPort != 0 {
		h.DstPort = r.DstPort
	}
	if r.SrcPort != 0 {
		h.SrcPort = r.SrcPort
	}
}
