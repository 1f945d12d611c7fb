package sim

import (
	"slices"
	"sort"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/hist"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A Snapshot is everything that a host's files show, and the account of its
// packets, at one instant. It is plain data: copies share nothing that changes.
type Snapshot struct {
	mib.Snapshot
	// Ledger accounts for every packet.
	Ledger skb.Ledger
}

// Snapshot returns the counters as they are now.
func (h *Host) Snapshot() Snapshot {
	s := mib.Snapshot{
		NoIgnoredMulti: !h.profile.IgnoredMulti, ReasmOverlaps: h.profile.FragOverlapFails, OutTransmits: h.profile.OutTransmits, NetstatColumns: h.profile.NetstatColumns.String(), MemErrors: h.profile.UDPMemDrop != kernel.MemInErrors, TimePS: int64(h.now), HZ: h.cfg.HZ, PossibleCPUs: h.cfg.PossibleCPUs, Net: h.net, UDPMemPages: h.sockets.Memory.Pages,
		FragMemory: h.ip.FragMemory(), Forwarding: h.cfg.IP.IPForward != 0, SocketsUsed: len(h.socks), SoftnetColumns: h.profile.SoftnetColumns, CPUs: append([]mib.CPU{}, h.stats...),
	}
	if h.cfg.IP.Conntrack.On {
		s.Conntrack, s.ConntrackCount = h.ip.ConntrackStats(h.cfg.CPUs), h.ip.ConntrackCount()
	}
	for i, c := range h.cores {
		s.CPUs[i].Time = c.Books(h.now)
		s.CPUs[i].Softnet.FlowLimitCount -= h.softnet.CPUs[i].FlowLimitLost
		s.CPUs[i].BacklogLen = uint64(h.softnet.CPUs[i].BacklogLen())
		s.CPUs[i].InputQueueLen = uint64(h.softnet.CPUs[i].InputQueueLen())
		s.Processes += uint64(c.Tasks())
		s.ProcsRunning += c.Runnable()
	}
	for _, d := range h.ip.Devices() {
		s.Devices = append(s.Devices, h.device(d))
		for _, g := range d.Groups() {
			s.Memberships = append(s.Memberships, mib.Membership{IfIndex: int(d.Index), Group: uint32(g.Addr), Users: g.Users})
			for _, src := range g.Sources {
				s.MCFilters = append(s.MCFilters, mib.MCFilter{IfIndex: int(d.Index), Group: uint32(g.Addr), Source: uint32(src.Addr),
					Includes: src.Includes, Excludes: src.Excludes})
			}
		}
		s.MCAddrs = append(s.MCAddrs, mcAddrs(d)...)
	}
	s.Taps = h.tapRows()
	s.PacketSockets = len(s.Taps)
	s.RawSockets = len(h.ip.RawSocks())
	s.SocketsUsed += s.PacketSockets + s.RawSockets
	s.IRQs = h.irqs()
	s.NrIRQs = 16*h.cfg.CPUs + firstIRQ + len(s.IRQs)
	s.PTypes = h.ip.PTypes()
	s.Sockets = h.socketRows()
	return Snapshot{s, h.ledger}
}

// Sub returns what the counters of s have moved since before. Levels, such as
// queue lengths, addresses and names, stay those of s.
func (s Snapshot) Sub(before Snapshot) Snapshot {
	s.Snapshot = s.Snapshot.Sub(before.Snapshot)
	s.Ledger.Frames -= before.Ledger.Frames
	s.Ledger.Clones -= before.Ledger.Clones
	s.Ledger.Consumed -= before.Ledger.Consumed
	s.Ledger.Merged -= before.Ledger.Merged
	s.Ledger.Coalesced -= before.Ledger.Coalesced
	for r := range s.Ledger.Dropped {
		s.Ledger.Dropped[r] -= before.Ledger.Dropped[r]
	}
	return s
}

func (h *Host) port(name string) *nic.Port {
	for _, p := range h.ports {
		if p.Name() == name {
			return p
		}
	}
	return nil
}

// device models dev_get_stats (CORE-20): the driver's statistics and the drops
// of the receive core.
func (h *Host) device(d *ipstack.Device) mib.Device {
	out := mib.Device{Name: d.Name, IfIndex: int(d.Index), MAC: d.MAC, MTU: d.MTU}
	if b := d.Bond(); b != nil { // bond_get_stats (CORE-41a)
		for _, s := range b.Slaves() {
			slave := h.device(s)
			out.Link.Add(&slave.Link)
		}
		out.Link.RXDropped += d.RXDropped
		return out
	}
	if p := h.port(d.Name); p != nil {
		out.Link = p.Link()
		out.Stats = p.EthtoolStats(d.RXDropped)
		out.Ethtool = p.Ethtool()
		cfg := p.Config()
		out.SpeedMbps = int(cfg.LinkBitsPerSecond / 1_000_000)
		out.Down, out.NoCarrier, out.Promisc, out.AllMulti = cfg.Down, cfg.NoCarrier, cfg.Promisc, cfg.AllMulti
		for q := range p.Queues() {
			out.RXQueues = append(out.RXQueues, mib.RXQueue{RPSCPUs: d.RPSMap(uint16(q)), RPSFlowCnt: h.softnet.FlowCnt(d.Index, q)})
		}
	} else if t := h.spaces[0].transmitterOf(d.Index); t != nil {
		out.Link = t.Link()
	} else {
		out.Link = d.Link()
	}
	out.Link.RXDropped += d.RXDropped
	out.RXOtherhostDropped = d.RXOtherhostDropped
	return out
}

// mcAddrs lists the multicast MACs of a device, oldest first; groups that share
// their low 23 bits share a row (10.6).
func mcAddrs(d *ipstack.Device) []mib.MCAddr {
	if d.Index == 1 {
		return nil
	}
	var out []mib.MCAddr
	groups := d.Groups()
	for i := len(groups) - 1; i >= 0; i-- {
		mac := skb.MulticastMAC(uint32(groups[i].Addr))
		found := false
		for j := range out {
			if out[j].Addr == mac {
				out[j].Refcount++
				found = true
			}
		}
		if !found {
			out = append(out, mib.MCAddr{IfIndex: int(d.Index), Refcount: 1, Addr: mac})
		}
	}
	return out
}

// firstIRQ is the number of the first device interrupt, as MSI-X vectors get it
// behind the legacy and IO-APIC ones.
const firstIRQ = 64

// irqs lists the interrupts of every port, in the order in which its driver
// requests them (FMT-17, IGB-5).
func (h *Host) irqs() []mib.IRQ {
	var out []mib.IRQ
	next := firstIRQ
	add := func(n *scenario.NIC, name string, counts []uint64, cpus, hint []int) {
		if n.Down {
			name, hint = "", nil // free_irq
		}
		out = append(out, mib.IRQ{Number: next, Name: name, Counts: slices.Clone(counts), CPUs: cpus, Hint: hint})
		next++
	}
	none, all := make([]uint64, h.cfg.CPUs), make([]int, h.cfg.CPUs)
	for i := range all {
		all[i] = i
	}
	for i, p := range h.ports {
		n := &h.cfg.NICs[i]
		other := none
		if c := p.OtherCount(); c != nil {
			other = c
		}
		if p.OtherFirst() {
			add(n, p.Name(), other, all, nil)
		}
		for k, v := range p.Vectors() {
			var hint []int
			if cpu := n.Hint(k, h.cfg.CPUs); cpu >= 0 {
				hint = []int{cpu}
			}
			add(n, v.Name(), v.Count, n.VectorCPUs(k, v.Label(), &h.cfg.Host), hint)
		}
		if p.OtherLast() {
			add(n, p.Name(), other, all, nil)
		}
	}
	return out
}

// tapRows lists the packet sockets in the order in which they were opened.
func (h *Host) tapRows() []mib.Tap {
	var out []mib.Tap
	for _, t := range h.ip.Taps() {
		cfg := t.Config()
		row := mib.Tap{Name: cfg.Name, RcvBuf: cfg.RcvBuf, Frames: cfg.Frames, Rmem: t.Rmem(), Queued: int(t.Live()),
			Packets: t.Packets, Drops: t.Drops, SKDrops: t.SKDrops, Bytes: t.Bytes}
		if d := t.Device(); d != nil {
			row.Device = d.Name
		}
		out = append(out, row)
	}
	return out
}

// socketRows lists the sockets in the order of /proc/net/udp (PU-1).
func (h *Host) socketRows() []mib.Socket {
	var out []mib.Socket
	for _, s := range h.socks {
		e, k := s.entry, s.sock
		out = append(out, mib.Socket{
			Name: k.Name, Bucket: h.udp.Bucket(e.LocalPort), Local: uint32(e.Local), Remote: uint32(e.Remote),
			LocalPort: e.LocalPort, RemotePort: e.RemotePort, Connected: e.Remote != 0,
			RxQueue: k.RxQueueBytes(), RcvBuf: k.RcvBuf, Backlog: k.Backlog(), Queued: k.Queued(), MaxQueued: k.MaxQueued,
			UID: s.cfg.UID, Inode: s.inode, Drops: k.Drops, Delivered: k.Delivered, Bytes: k.Bytes,
			Order: h.udp.Position(e),
		})
	}
	sort.SliceStable(out, func(i, j int) bool {
		if out[i].Bucket != out[j].Bucket {
			return out[i].Bucket < out[j].Bucket
		}
		return out[i].Order < out[j].Order
	})
	return out
}

// A Stage is a part of the path whose latency is measured.
type Stage struct {
	// Name is what metrics use: latency.NAME.
	Name string
	// From and To say what is measured.
	From, To string
	// Hist holds the times.
	Hist hist.Hist
}

// Latencies returns the times that packets took in each stage, in the order of
// the path.
func (h *Host) Latencies() []Stage {
	stages := []Stage{
		{Name: "fifo", From: "last bit received", To: "descriptor written back"},
		{Name: "ring", From: "descriptor written back", To: "poll has taken the frame"},
		{Name: "backlog", From: "enqueued for the RPS CPU", To: "dequeued there", Hist: h.latBacklog.Clone()},
		{Name: "stack", From: "poll has taken the frame", To: "queued to the socket", Hist: h.latStack.Clone()},
		{Name: "rx_queue", From: "queued to the socket", To: "copied to the application"},
		{Name: "wire_to_app", From: "last bit received", To: "copied to the application"},
	}
	for _, p := range h.ports {
		fifo, ring := p.Latencies()
		stages[0].Hist.Add(fifo)
		stages[1].Hist.Add(ring)
	}
	for _, s := range h.socks {
		stages[4].Hist.Add(&s.sock.RxQueue)
		stages[5].Hist.Add(&s.sock.WireToApp)
	}
	return stages
}

// Depths are the queue lengths at one instant.
type Depths struct {
	FIFOBytes, RingFrames, BacklogPackets, RxQueueBytes, RxQueueMax int
}

// Depths returns the queue lengths now: sums over interfaces, CPUs and sockets,
// and the fullest socket.
func (h *Host) Depths() Depths {
	var d Depths
	for _, p := range h.ports {
		_, ring := p.LiveFrames()
		d.FIFOBytes += p.FIFOBytes()
		d.RingFrames += int(ring)
	}
	for _, sd := range h.softnet.CPUs {
		d.BacklogPackets += sd.BacklogLen()
	}
	for _, s := range h.socks {
		d.RxQueueBytes += s.sock.Rmem()
		d.RxQueueMax = max(d.RxQueueMax, s.sock.Rmem())
	}
	return d
}
