package sim

import (
	"net/netip"

	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// polling lets readers of some worlds poll the interfaces themselves: on the
// CPU of the queue and elsewhere, in the driver's way and in that of NAPI. It
// draws from a stream of its own.
func (w *world) polling() {
	drawn := w.rnd
	w.rnd = engine.NewStream(w.seed, "busy polling")
	if w.one(5) {
		w.busyPoll()
	}
	w.rnd = drawn
}

func (w *world) busyPoll() {
	if k := kernel.Linux40(); w.one(2) {
		w.cfg.Kernel.IxgbeBusyPoll, w.cfg.Kernel.NAPIBusyLoop = true, false
		w.cfg.Kernel.NAPIThreaded, w.cfg.Kernel.NAPIDeferHardIRQs = k.NAPIThreaded, k.NAPIDeferHardIRQs
	} else {
		w.newer()
	}
	w.cfg.Softirq.BusyPoll = []int{0, 5, 50}[w.pick(3)]
	w.cfg.Softirq.BusyRead = []int{0, 3, 50}[w.pick(3)]
	w.cfg.CPUs = max(w.cfg.CPUs, 2)
	n := &w.cfg.NICs[0]
	if w.one(3) {
		n.Driver, n.Chip, n.LinkBitsPerSecond, n.MSI = nic.DriverIxgbe, nic.DefaultConfig().Chip, nic.DefaultConfig().LinkBitsPerSecond, false
		n.Affinity, n.Indirection = nil, nic.Indirection{}
	}
	n.RXUsecs = []int{0, 1, 100}[w.pick(3)]
	c := &w.traffic[0]
	c.To, c.DstMAC = n.Name, n.MAC
	c.Flows, c.Faults, c.VLAN, c.MTU = 1, traffic.Faults{}, 0, 0
	c.Size, c.SizeIsPayload = law.Constant(int64(w.between(64, 300))), false
	c.MilliPPS = 1000 * uint64([]int{20_000, 200_000, 1_000_000}[w.pick(3)])
	c.Dst = netip.AddrPortFrom(n.Addr.Netip(), port+7)
	a := scenario.App{Name: "poller", CPUs: []int{w.pick(w.cfg.CPUs)}}
	if w.one(2) {
		a.CPUs, a.Shared = []int{0, w.cfg.CPUs - 1}, true
	}
	a.Read.With, a.Read.Batch = scenario.ReadMode(w.pick(5)), w.between(1, 4)
	a.Read.Service = law.Constant(int64(w.span(5 * engine.Microsecond)))
	s := socket.Config{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port+7), BusyPoll: []int{0, -1, 1, 50, 200}[w.pick(5)]}
	s.PreferBusyPoll, s.BusyPollBudget = w.one(2), []int{0, 0, 1, 64, 3}[w.pick(5)]
	if !w.one(4) {
		s.Remote = c.Src
	}
	a.Sockets = []socket.Config{s}
	w.cfg.Apps = append(w.cfg.Apps, a)
	if w.one(2) {
		w.cfg.Apps = append(w.cfg.Apps, scenario.App{Name: "rival", CPUs: a.CPUs, Busy: true})
	}
}

// polledBy counts what busy polling did.
func polledBy(h *Host) map[string]uint64 {
	out := map[string]uint64{"BusyPollRxPackets": h.net.TCPExt.BusyPollRxPackets}
	for _, t := range h.threads {
		out["busy loop"] += t.BusyLoops()
	}
	for _, n := range h.napis {
		out["busy loop that found an instance taken"] += n.Contended
		out["missed interrupt"] += n.Rescheduled
	}
	for _, p := range h.ports {
		for _, v := range p.Vectors() {
			out["poll that yielded to a socket"] += v.NAPIYields
			out["socket that yielded to a poll"] += v.PollYields
			for _, q := range p.Queues() {
				out["bp_misses"] += q.BPMisses
			}
		}
	}
	return out
}
