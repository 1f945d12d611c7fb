package sim

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// conserved checks, from the counters that the host shows, that what goes into
// each part of it comes out, is held, or is lost there: at any instant, but for
// the packets that are in the hands of its CPUs and readers.
func (w *world) conserved(t *testing.T, h *Host) {
	s := h.Snapshot()
	why := s.Ledger.Dropped
	var wire, processed, dropped, packets, held, hand uint64
	for i := range s.CPUs {
		c := &s.CPUs[i]
		processed += c.Softnet.Processed
		dropped += c.Softnet.Dropped
		held += c.BacklogLen
	}
	hand = uint64(len(h.cores) + len(h.threads) + len(h.lockers))
	if h.profile.GRONormalList { // a whole batch passes IP step by step
		hand += uint64(len(h.cores) * h.cfg.Softirq.GRONormalBatch)
	}
	slack := func(name string, in, out uint64) {
		t.Helper()
		require.InDelta(t, float64(in), float64(out), float64(hand), "%s at %v", name, s.TimePS)
	}

	// Interfaces: what the MAC let in is missed, without a descriptor, in the FIFO, in a ring, or received.
	wire = s.Ledger.Frames
	for _, r := range framePlaces[0].reasons {
		wire -= why[r]
	}
	for _, p := range h.ports {
		fifo, ring := p.LiveFrames()
		wire -= fifo + ring
	}
	for i := range s.Devices {
		if h.port(s.Devices[i].Name) != nil {
			packets += s.Devices[i].Link.RXPackets
		}
	}
	lasting := !w.rechanneled() // other channels begin their counters at zero (RX-38)
	if lasting {
		slack("interfaces", wire-why[skb.HWFIFO]-why[skb.HWNoDesc]-why[skb.HWReset], packets)
	}

	// CPUs: what a driver hands on is in a backlog, did not find room there, or is processed, here or on another: once,
	// and once more for each VLAN device that it has come up through (CORE-6). What GRO holds or has merged is one packet with others.
	if len(w.cfg.Devices) == 0 && lasting {
		slack("backlogs", packets+h.throughVLANs(&s), h.inGRO()+held+dropped+processed)
	}

	// IP: what it receives is in error, misses a route, is refused by a filter, or is delivered.
	n := &s.Net
	if !w.plain() {
		return
	}
	slack("IP", n.IP.InReceives, n.IP.InHdrErrors+n.IPExt.InTruncatedPkts+n.IP.InAddrErrors+n.TCPExt.IPReversePathFilter+n.IP.InUnknownProtos+n.IP.InDelivers+
		n.IP.ForwDatagrams+why[skb.IPInNoRoutes]+why[skb.IPInvalidSource]+why[skb.IPInvalidDest]+why[skb.NetfilterDrop]+why[skb.ConntrackFull])

	// UDP: what it is handed, and its clones, is in error, for nobody, queued, or read.
	read, queued := uint64(0), uint64(0)
	for i := range s.Sockets {
		read += s.Sockets[i].Delivered
	}
	for _, k := range h.socks {
		queued += k.sock.Live()
	}
	u := &n.UDP
	copies := h.udp.Stats.ClonesLocked + h.udp.Stats.ClonesUnlocked + h.udp.Stats.CloneFailures
	if h.profile.UDPMemDrop == kernel.MemDropsOnly { // in sk_drops alone
		read += why[skb.ProtoMem]
	}
	if !h.profile.IgnoredMulti { // a datagram for no listener is counted nowhere
		read += why[skb.IgnoredMulti]
	}
	slack("UDP", n.IP.InDelivers+copies, u.InErrors+u.NoPorts+u.IgnoredMulti+queued+read)
}

// plain reports whether the world has neither routers nor fragments, which end in
// more ways, nor programs that close and lock sockets while it runs.
func (w *world) plain() bool {
	for i := range w.traffic {
		if c := &w.traffic[i]; c.MTU > 0 || c.Faults.Fragment > 0 {
			return false
		}
	}
	return w.cfg.IP.IPForward == 0 && !w.meddled
}

// rechanneled reports whether an operator asks for other channels.
func (w *world) rechanneled() bool {
	for _, c := range w.changes {
		for _, s := range c.Set {
			if strings.HasSuffix(s.Path, "channels.combined") {
				return true
			}
		}
	}
	return false
}

// throughVLANs returns the packets that VLAN devices of interfaces have received.
func (h *Host) throughVLANs(s *Snapshot) (n uint64) {
	for i := range s.Devices {
		if strings.Contains(s.Devices[i].Name, ".") {
			n += s.Devices[i].Link.RXPackets
		}
	}
	return n
}

// inGRO returns the packets that GRO holds, and those that it has made part of others.
func (h *Host) inGRO() (n uint64) {
	for _, p := range h.Waterfall().Frames {
		if p.Place == "GRO" {
			n += p.N
		}
	}
	return n
}
