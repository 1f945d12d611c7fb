package sim

import (
	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/udp"
)

// Fate is what has become of the packets in a row of a waterfall.
type Fate uint8

// Fates.
const (
	Lost    Fate = iota // for lack of room, memory or time
	Refused             // on purpose
	Waiting             // still there when the run ended
	Passed              // gone on to the second part: queued, or trying to be
	Read                // read by an application
	Merged              // part of another packet: a fragment that came together with the rest, or a datagram of a train
)

// String returns the word that results use.
func (f Fate) String() string {
	return [...]string{"lost", "refused", "waiting", "passed", "read", "merged"}[f]
}

// A Row is a number of packets that are, or ended, in one place.
type Row struct {
	// Place is "MAC", "FIFO", "ring", "GRO", "backlog", "core", "IP", "UDP", "socket", "kernel" (in a core's hands), "reader" or "tap".
	Place string
	Fate  Fate
	// Reason is why they ended, NotDropped for the others.
	Reason skb.DropReason
	N      uint64
}

// Waterfall says where every packet of a run is: every frame is in exactly one
// row of Frames, every copy for a socket in one of Copies, every copy for a tap
// in one of Taps. Rows with nothing in them are left out.
type Waterfall struct {
	// Offered counts frames on the wire; the rows of Frames add up to it.
	Offered uint64
	Frames  []Row
	// Copied counts copies of frames for macvlans, which go the way of frames: the rows of Frames add up to Offered
	// and Copied.
	Copied uint64
	// Delivered counts copies that came to a socket: frames that passed, and
	// their clones. The rows of Copies add up to it.
	Delivered uint64
	Copies    []Row
	// Tapped counts the copies made for packet sockets and raw sockets; the rows of Taps add up to it.
	Tapped uint64
	Taps   []Row
}

// framePlaces are the places in which frames end, with the reasons.
var framePlaces = []struct {
	place   string
	reasons []skb.DropReason
}{
	{"MAC", []skb.DropReason{skb.HWCRC, skb.HWLength, skb.HWOversize, skb.HWUndersize, skb.HWPause, skb.HWFilter, skb.HWVLANFilter}},
	{"FIFO", []skb.DropReason{skb.HWFIFO}},
	{"ring", []skb.DropReason{skb.HWNoDesc, skb.HWReset}},
	{"device", []skb.DropReason{skb.FullRing, skb.XDPDropped}},
	{"GRO", nil},
	{"backlog", []skb.DropReason{skb.CPUBacklog}},
	{"core", []skb.DropReason{skb.TCIngress, skb.MACInvalidSource, skb.MACControl, skb.BridgeState, skb.DevReady, skb.MacvlanBacklog,
		skb.UnhandledProto, skb.HandledElsewhere}},
	{"IP", []skb.DropReason{skb.OtherHost, skb.PktTooSmall, skb.IPInHdr, skb.IPCsum, skb.NetfilterDrop, skb.IPRPFilter,
		skb.IPInvalidSource, skb.IPInvalidDest, skb.IPInAddrErrors, skb.IPInNoRoutes, skb.IPSourceRoute,
		skb.FragReasmTimeout, skb.FragTooFar, skb.DupFrag, skb.FragInvalid, skb.FragMem, skb.ConntrackFull, skb.IPNoProto}},
	{"UDP", []skb.DropReason{skb.NoSocket, skb.IgnoredMulti, skb.UDPCsum}},
}

// socketReasons are why copies end at a socket.
var socketReasons = []skb.DropReason{skb.NoMem, skb.XFRMPolicy, skb.SocketRcvbuff, skb.SocketBacklog, skb.SocketFilter, skb.ProtoMem,
	skb.SocketClosed, skb.CopyFault, skb.UDPCsum}

// Waterfall returns where every packet is now.
func (h *Host) Waterfall() Waterfall {
	w := Waterfall{Offered: h.ledger.Frames}
	var s udp.Stats
	var taps ipstack.TapTotals
	waiting := map[string]uint64{}
	for _, ns := range h.spaces {
		s.ClonesLocked += ns.udp.Stats.ClonesLocked
		s.ClonesUnlocked += ns.udp.Stats.ClonesUnlocked
		s.Originals += ns.udp.Stats.Originals
		t := ns.ip.TapTotals()
		taps.Queued, taps.InHand = taps.Queued+t.Queued, taps.InHand+t.InHand
		taps.Read, taps.Closed = taps.Read+t.Read, taps.Closed+t.Closed
		waiting["IP"] += ns.ip.Fragments()
		waiting["core"] += ns.ip.Live()
	}
	csum := h.sockets.CsumDrops // bad checksums found at the socket; the others were found before
	dropped := h.ledger.Dropped
	dropped[skb.UDPCsum] -= csum

	w.Copied = h.ip.MacvlanCopies
	w.Tapped = h.ledger.Clones - s.ClonesLocked - s.ClonesUnlocked - w.Copied
	dropped[skb.SocketClosed] -= taps.Closed
	raw := h.ip.RawTotals()
	dropped[skb.SocketRcvbuff] -= raw.Drops
	w.Delivered = s.Originals + s.ClonesLocked + s.ClonesUnlocked

	for _, p := range h.ports {
		fifo, ring := p.LiveFrames()
		waiting["FIFO"] += fifo
		waiting["ring"] += ring
	}
	waiting["device"], waiting["GRO"] = h.liveInDevices(), h.liveInGRO()
	for _, sd := range h.softnet.CPUs {
		waiting["backlog"] += sd.Live()
	}
	for _, p := range framePlaces {
		for _, r := range p.reasons {
			w.Frames = addRow(w.Frames, p.place, fateOf(r), r, dropped[r])
		}
		w.Frames = addRow(w.Frames, p.place, Waiting, skb.NotDropped, waiting[p.place])
		switch p.place {
		case "GRO":
			w.Frames = addRow(w.Frames, p.place, Merged, skb.NotDropped, h.ledger.Coalesced)
		case "IP":
			w.Frames = addRow(w.Frames, p.place, Merged, skb.NotDropped, h.ledger.Merged-h.ledger.Coalesced)
		}
	}
	w.Frames = addRow(w.Frames, "kernel", Waiting, skb.NotDropped, w.Offered+w.Copied-total(w.Frames)-s.Originals)
	w.Frames = addRow(w.Frames, "socket", Passed, skb.NotDropped, s.Originals)

	dropped[skb.UDPCsum] = csum
	for _, r := range socketReasons {
		w.Copies = addRow(w.Copies, "socket", fateOf(r), r, dropped[r])
	}
	var queued, taken uint64
	for _, k := range h.socks {
		queued += k.sock.Live()
	}
	taken = h.ledger.Consumed - taps.Read - raw.Read
	w.Copies = addRow(w.Copies, "socket", Waiting, skb.NotDropped, queued)
	w.Copies = addRow(w.Copies, "reader", Waiting, skb.NotDropped, w.Delivered-total(w.Copies)-taken)
	w.Copies = addRow(w.Copies, "reader", Read, skb.NotDropped, taken)

	w.Taps = addRow(w.Taps, "tap", Lost, skb.TapFull, dropped[skb.TapFull])
	w.Taps = addRow(w.Taps, "tap", Refused, skb.SocketClosed, taps.Closed)
	w.Taps = addRow(w.Taps, "tap", Waiting, skb.NotDropped, taps.Queued)
	w.Taps = addRow(w.Taps, "reader", Waiting, skb.NotDropped, taps.InHand)
	w.Taps = addRow(w.Taps, "tap", Read, skb.NotDropped, taps.Read)
	w.Taps = addRow(w.Taps, "raw", Lost, skb.SocketRcvbuff, raw.Drops)
	w.Taps = addRow(w.Taps, "raw", Waiting, skb.NotDropped, raw.Queued)
	w.Taps = addRow(w.Taps, "raw", Read, skb.NotDropped, raw.Read)
	return w
}

func fateOf(r skb.DropReason) Fate {
	if r.Lost() {
		return Lost
	}
	return Refused
}

func addRow(rows []Row, place string, f Fate, r skb.DropReason, n uint64) []Row {
	if n == 0 {
		return rows
	}
	return append(rows, Row{place, f, r, n})
}

func total(rows []Row) (n uint64) {
	for _, r := range rows {
		n += r.N
	}
	return n
}

// InHand returns how many packets the waterfall finds between two queues: what
// it must have in common with the ledger, which counts them one by one.
func (w *Waterfall) InHand() (n uint64) {
	for _, rows := range [][]Row{w.Frames, w.Copies, w.Taps} {
		for _, r := range rows {
			if r.Fate == Waiting && (r.Place == "kernel" || r.Place == "reader") {
				n += r.N
			}
		}
	}
	return n
}
