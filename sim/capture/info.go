package capture

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Info says what is in a capture.
type Info struct {
	// Format is "pcap" or "pcapng"; Gzip says that it is compressed.
	Format string
	Gzip   bool
	// LinkTypes counts the frames of each link type, in order of its number.
	LinkTypes []LinkCount
	// Frames is the number of frames.
	Frames uint64
	// Bytes is the length of all frames on the wire in bytes, with the frame check sequence, and Longest
	// that of the longest one.
	Bytes   uint64
	Longest uint32
	// First is the time of the earliest frame, zero if the file has no times; Duration is that from the
	// earliest to the latest, in nanoseconds.
	First    time.Time
	Duration time.Duration
	// OutOfOrder is the number of frames that stand behind a later one, and WorstLate is how many later ones
	// stand before the worst of them. They are replayed in order of time.
	OutOfOrder uint64
	WorstLate  int
	// Untimed is the number of frames without a time (simple packet blocks).
	Untimed uint64
	// Snapped is the number of frames of which not everything was captured; Cut is the number of those that end inside
	// the headers of Ethernet, IPv4 or UDP: what is missing is taken for zero.
	Snapped, Cut uint64
	// Padded is the number of frames recorded with less than 60 bytes and counted with 60: the recording was
	// taken before the sender's device padded them, and a receiver never sees fewer (RX-24).
	Padded uint64
	// Outgoing is the number of frames that the recording host sent, so far as the link type shows it.
	Outgoing uint64
	// IPv4 and UDP are the numbers of frames with an IPv4 header and, of these, with a UDP header.
	IPv4, UDP uint64
	// BadIPChecksum and BadUDPChecksum are the numbers of frames whose checksum is there and wrong.
	BadIPChecksum, BadUDPChecksum uint64
	// Groups counts the frames of each IPv4 multicast destination, in order of the address. Groups beyond the
	// first 65,536 are not told apart, and counted in OtherGroups.
	Groups      []GroupCount
	OtherGroups uint64
	// Ports counts the frames of each UDP destination port, in order of the port.
	Ports []PortCount
	// RecorderLost is the number of packets that the recorder says it has lost.
	RecorderLost uint64
	// Damage is why the file ends early, empty if it does not. What comes behind the damage is not counted.
	Damage string
	// Warnings are what whoever replays the capture should know, without the name of the file.
	Warnings []string
}

// LinkCount is the number of frames of a link type.
type LinkCount struct {
	// Number is the link type as registered at tcpdump.org.
	Number int
	// Name is "Ethernet", "Linux cooked v1", ...
	Name   string
	Frames uint64
}

// GroupCount is the number of frames to an IPv4 multicast group.
type GroupCount struct {
	Group  skb.Addr
	Frames uint64
}

// PortCount is the number of frames to a UDP destination port.
type PortCount struct {
	Port   uint16
	Frames uint64
}

// A tally counts by key. One key is usually followed by the same.
type tally[K cmp.Ordered] struct {
	n     map[K]*uint64
	last  K
	count *uint64 // of last
	// rest counts what comes after the first maxKeys keys.
	rest uint64
}

const maxKeys = 1 << 16

func (t *tally[K]) add(k K) {
	if t.count == nil || k != t.last {
		c := t.n[k]
		if c == nil {
			if len(t.n) == maxKeys {
				t.rest++
				return
			}
			if t.n == nil {
				t.n = make(map[K]*uint64)
			}
			c = new(uint64)
			t.n[k] = c
		}
		t.last, t.count = k, c
	}
	*t.count++
}

// counts returns what row makes of each key and its number, in order of the keys.
func counts[K cmp.Ordered, R any](t *tally[K], row func(K, uint64) R) []R {
	keys := make([]K, 0, len(t.n))
	for k := range t.n {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var rows []R
	for _, k := range keys {
		rows = append(rows, row(k, *t.n[k]))
	}
	return rows
}

// A survey gathers an Info.
type survey struct {
	Info
	links  tally[layers.LinkType]
	groups tally[skb.Addr]
	ports  tally[uint16]
	// full is the number of IPv4 frames too long to be padded; trailing is how many of them go on
	// for four bytes behind it.
	full, trailing uint64
}

// add takes the next frame.
func (s *survey) add(f *frame) {
	s.Frames++
	s.Bytes += uint64(f.WireLen())
	s.Longest = max(s.Longest, f.WireLen())
	s.links.add(f.link)
	s.Untimed += one(!f.timed)
	s.Snapped += one(f.snapped)
	s.Cut += one(f.cut)
	s.Outgoing += one(f.outgoing)
	s.Padded += one(f.recorded < skb.EthMinLen)
	s.BadIPChecksum += one(f.head.IPChecksum == skb.ChecksumBad)
	s.BadUDPChecksum += one(f.head.UDPChecksum == skb.ChecksumBad)
	if !f.ipv4() {
		return
	}
	s.IPv4++
	if f.head.Dst.Multicast() {
		s.groups.add(f.head.Dst)
	}
	if f.udp() {
		s.UDP++
		s.ports.add(f.head.DstPort)
	}
	s.trailer(f)
}

func one(yes bool) uint64 {
	if yes {
		return 1
	}
	return 0
}

// trailer looks for a recorded frame check sequence.
func (s *survey) trailer(f *frame) {
	if int(f.Len) <= skb.EthMinLen+skb.EthFCS {
		return // padding looks the same
	}
	behind := int(f.Len) - skb.EthHeader - int(f.IPLen)
	if f.head.Tagged {
		behind -= skb.VLANHeader
	}
	s.full++
	s.trailing += one(behind == skb.EthFCS)
}

// done completes the Info.
func (s *survey) done() Info {
	s.LinkTypes = counts(&s.links, func(l layers.LinkType, n uint64) LinkCount { return LinkCount{int(l), linkName(l), n} })
	s.Groups = counts(&s.groups, func(a skb.Addr, n uint64) GroupCount { return GroupCount{a, n} })
	s.OtherGroups = s.groups.rest
	s.Ports = counts(&s.ports, func(p uint16, n uint64) PortCount { return PortCount{p, n} })
	s.warn()
	return s.Info
}

// longestEver is what the largest MTU of an Ethernet device of the model gives, with FCS (RX-21).
const longestEver = 9728

// warn writes the warnings.
func (s *survey) warn() {
	for _, w := range []struct {
		yes  bool
		text string
	}{
		{s.Frames == 0, "holds no frames"},
		{s.Damage != "", fmt.Sprintf("%s after %d frames: what comes behind is lost", s.Damage, s.Frames)},
		{s.OutOfOrder > 0, fmt.Sprintf("%d of %d frames are out of order, by up to %d places: they are replayed in order of time", s.OutOfOrder, s.Frames, s.WorstLate)},
		{s.Untimed > 0, fmt.Sprintf("%d of %d frames have no time: each stands at the time of the frame before it", s.Untimed, s.Frames)},
		{s.Cut > 0, fmt.Sprintf("%d of %d frames were cut inside their headers: what is missing is taken for zero", s.Cut, s.Frames)},
		{s.Outgoing > 0, fmt.Sprintf("%d of %d frames were sent by the recording host: they are replayed as if received", s.Outgoing, s.Frames)},
		{s.Longest > longestEver, fmt.Sprintf("the longest frame has %d bytes, more than any on a wire: the recording host has merged or not yet split them", s.Longest)},
		{s.full > 0 && s.trailing == s.full, "all frames go on for four bytes behind the IP datagram: if these are a recorded frame check sequence, lengths are four bytes too long"},
		{s.BadIPChecksum > 0, fmt.Sprintf("%d of %d frames have a wrong IP checksum and will be refused (IP-8): was it left to the sender's device?", s.BadIPChecksum, s.Frames)},
		{s.BadUDPChecksum > 0, fmt.Sprintf("%d of %d frames have a wrong UDP checksum and will be refused (UR-4)", s.BadUDPChecksum, s.Frames)},
		{s.RecorderLost > 0, fmt.Sprintf("the recorder lost %d packets", s.RecorderLost)},
		{s.Duration > engine.MaxTime.Duration(), fmt.Sprintf("lasts %v, longer than a run can be: are its times right?", s.Duration)},
	} {
		if w.yes {
			s.Warnings = append(s.Warnings, w.text)
		}
	}
}
