package sim

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// Worlds whose times are drawn to the picosecond hardly ever let two things
// happen at one instant, and hardly ever fill a packet buffer for long. Some
// worlds are changed so that they do. The changes draw from a stream of their
// own: the other worlds stay what they are.

// grain is what every time of a round world is a multiple of: a frame of 105
// bytes takes one of it at 10 Gb/s, and a jiffy is a whole number of it.
const grain = 100 * engine.Nanosecond

// drivers gives some interfaces the driver igb, and some a single interrupt.
func (w *world) drivers() {
	drawn := w.rnd
	w.rnd = engine.NewStream(w.seed, "drivers")
	for i := range w.cfg.NICs {
		n := &w.cfg.NICs[i]
		if w.one(4) {
			n.Driver, n.LinkBitsPerSecond = nic.DriverIgb, 1_000_000_000
			n.Chip = []string{nic.Chip82576, nic.ChipI350}[w.pick(2)]
			n.RXUsecs = []int{3, 1, 0, 10, 100}[w.pick(5)]
			if w.one(3) {
				n.Indirection.Equal = w.between(1, n.Combined)
			}
		}
		if w.one(12) {
			n.MSI, n.Combined, n.RPS, n.Indirection = true, 1, nil, nic.Indirection{}
		}
		if n.Affinity != nil {
			n.Affinity = map[string][]int{vectorLabel(n): {w.pick(w.cfg.CPUs)}}
		}
	}
	if w.one(6) { // masks with CPUs that are not online (RPS-1)
		w.cfg.PossibleCPUs = w.cfg.CPUs + 8
		cpu := w.cfg.CPUs + w.pick(8)
		off := func(set []int) []int { return append(slices.Clone(set), cpu) }
		for i := range w.cfg.NICs {
			n := &w.cfg.NICs[i]
			for q := range n.RPS { // Any order: all get the same.
				n.RPS[q] = off(n.RPS[q])
			}
			for v := range n.Affinity { // Any order, too.
				n.Affinity[v] = off(n.Affinity[v])
			}
		}
	}
	w.rnd = drawn
}

// alter lets an operator change settings of some worlds while they run.
func (w *world) alter() {
	drawn := w.rnd
	w.rnd = engine.NewStream(w.seed, "changes")
	if w.one(2) {
		at := engine.Time(0)
		for range w.between(1, 6) {
			at = w.rounded(at + w.span(w.end/4))
			if at >= w.end {
				break
			}
			c := scenario.Change{At: at}
			for range w.between(1, 2) {
				c.Set = append(c.Set, w.setting())
			}
			w.changes = append(w.changes, c)
		}
	}
	at := func() engine.Time { return w.rounded(w.span(w.end)) }
	if n := &w.cfg.NICs[0]; n.TXPause && !n.Partner.ObeysPause && w.one(2) { // a partner begins to obey in the middle of a pause
		w.changes = append(w.changes, scenario.Change{At: at(), Set: []scenario.Setting{{Path: "nics[0].link_partner.obeys_pause", Value: "true"}}})
	}
	if a := &w.cfg.Apps[w.pick(len(w.cfg.Apps))]; w.one(4) { // packets begin to come to a CPU that has only read
		w.changes = append(w.changes, scenario.Change{At: at(), Set: []scenario.Setting{{Path: "nics[0].rps.rx-0", Value: fmt.Sprint(a.CPUs[:1])}}})
	}
	w.rnd = drawn
}

// setting is one that a host may take or refuse.
func (w *world) setting() scenario.Setting {
	n := w.pick(len(w.cfg.NICs))
	cpu := func() string { return fmt.Sprintf("[%d]", w.pick(w.cfg.CPUs)) }
	all := []struct {
		path   string
		values []string
	}{
		{"ring.rx", []string{"64", "512", "4096"}},
		{"channels.combined", []string{"1", "2", "5"}},
		{"coalesce.rx-usecs", []string{"0", "1", "10", "100"}},
		{"pause.rx", []string{"true", "false"}},
		{"pause.tx", []string{"true", "false"}},
		{"rx-flow-hash.udp4", []string{"sd", "sdfn"}},
		{"features.rx-checksumming", []string{"true", "false"}},
		{"features.gro", []string{"true", "false"}},
		{"features.rx-all", []string{"true", "false"}},
		{"mtu", []string{"1500", "600"}},
		{"promisc", []string{"true", "false"}},
		{"carrier", []string{"true", "false", "true"}},
		{"up", []string{"true", "false", "true"}},
		{"irq_affinity." + vectorLabel(&w.cfg.NICs[n]), []string{cpu(), cpu()}},
		{"rps.rx-0", []string{"[]", cpu(), "\"1\""}},
		{"link_partner.obeys_pause", []string{"true", "false"}},
	}
	if w.one(4) {
		return []scenario.Setting{
			{Path: "net.core.netdev_budget", Value: "64"}, {Path: "net.core.netdev_max_backlog", Value: "30"},
			{Path: "net.core.dev_weight", Value: "16"}, {Path: "net.ipv4.udp_mem", Value: "10 20 30"}, {Path: "net.ipv4.ip_early_demux", Value: "0"},
			{Path: "net.core.flow_limit_cpu_bitmap", Value: "\"3\""}, {Path: "net.ipv4.conf.all.rp_filter", Value: "1"},
		}[w.pick(7)]
	}
	s := all[w.pick(len(all))]
	return scenario.Setting{Path: fmt.Sprintf("nics[%d].%s", n, s.path), Value: s.values[w.pick(len(s.values))]}
}

// vectorLabel is the label of the first queue vector.
func vectorLabel(n *scenario.NIC) string {
	switch {
	case n.MSI:
		return nic.LabelMSI
	case n.Driver == nic.DriverIgb && n.Combined <= 4:
		return "rx-0"
	}
	return "TxRx-0"
}

// temper makes some worlds saturated, some restless, some round, some all of it.
func (w *world) temper() {
	drawn := w.rnd
	w.rnd = engine.NewStream(w.seed, "temper")
	if w.one(5) {
		w.saturate()
	}
	if w.one(8) {
		w.rouse()
	}
	if w.one(3) {
		w.round()
	}
	if w.rnd = engine.NewStream(w.seed, "flows"); w.one(4) {
		w.followFlows()
	}
	w.rnd = engine.NewStream(w.seed, "eras")
	if w.one(4) {
		w.newer()
	}
	w.rnd = drawn
}

// listen makes some worlds with many listeners, so that cores meet at the locks
// of slots, and with sockets of every kind.
func (w *world) listen() {
	drawn := w.rnd
	w.rnd = engine.NewStream(w.seed, "listen")
	if w.one(4) {
		w.crowd()
	}
	if w.one(3) {
		w.mingle()
	}
	if w.one(3) {
		w.choose()
	}
	if w.one(5) {
		w.cfg.UDP.CloneFailPPM = uint32(w.between(1, 300_000))
	}
	if w.one(5) {
		k := &w.cfg.Kernel
		k.FanoutLockless, k.Hash2First, k.ReuseportArray, k.EarlyDemuxBroadcast = w.one(2), w.one(2), w.one(2), w.one(2)
		k.EarlyDemuxMember = w.one(2)
	}
	if w.rnd = engine.NewStream(w.seed, "incoming"); w.one(8) {
		w.cfg.Kernel.IncomingCPU = true
		for i := range w.cfg.Apps {
			for j := range w.cfg.Apps[i].Sockets {
				w.cfg.Apps[i].Sockets[j].IncomingCPU = w.pick(w.cfg.CPUs + 1)
			}
		}
	}
	w.rnd = drawn
}

// crowd lets several CPUs receive for more sockets than the fan-out gathers.
func (w *world) crowd() {
	w.cfg.CPUs = max(w.cfg.CPUs, 4)
	for i := range w.cfg.NICs {
		n := &w.cfg.NICs[i]
		n.RPS = map[string][]int{}
		for q := range n.Combined {
			n.RPS[fmt.Sprintf("rx-%d", q)] = []int{0, 1, 2, 3}
		}
	}
	a := scenario.App{Name: "crowd", CPUs: []int{w.pick(w.cfg.CPUs)}}
	a.Read.With = []scenario.ReadMode{scenario.Never, scenario.EpollRecvmsg}[w.pick(2)]
	a.Read.Batch = 1
	for range w.between(33, 100) {
		a.Sockets = append(a.Sockets, w.socket())
	}
	w.cfg.Apps = append(w.cfg.Apps, a)
	for i := range w.traffic {
		c := &w.traffic[i]
		c.Flows, c.VLAN = 16, 0
		c.Dst = netip.AddrPortFrom(group, port)
	}
}

// refuse has sockets at which other parts of the kernel refuse datagrams.
func (w *world) refuse() {
	if !w.one(12) {
		return
	}
	for i := range w.cfg.Apps {
		for k := range w.cfg.Apps[i].Sockets {
			w.cfg.Apps[i].Sockets[k].Refusals = socket.Refusals{
				PolicyPPM: uint32(w.pick(100_000)), ReservesPPM: uint32(w.pick(100_000)), SecurityPPM: uint32(w.pick(100_000)), TrimPPM: 500_000,
			}
		}
	}
}

// choose lets sockets choose the sources from which they want a group.
func (w *world) choose() {
	src := w.traffic[0].Src.Addr()
	for i := range w.cfg.Apps {
		for k := range w.cfg.Apps[i].Sockets {
			for n := range w.cfg.Apps[i].Sockets[k].Join {
				j := &w.cfg.Apps[i].Sockets[k].Join[n]
				switch w.pick(4) {
				case 0:
					j.Include = []netip.Addr{src}
				case 1:
					j.Include = []netip.Addr{src.Next(), src.Next().Next()}
				case 2:
					j.Exclude = []netip.Addr{src}
				}
			}
		}
	}
}

// mingle connects sockets, binds them to devices and lets them share a port.
func (w *world) mingle() {
	for i := range w.cfg.Apps {
		for k := range w.cfg.Apps[i].Sockets {
			s := &w.cfg.Apps[i].Sockets[k]
			if w.one(3) {
				s.Remote = w.traffic[w.pick(len(w.traffic))].Src
			}
			if w.one(4) {
				s.Device = w.cfg.NICs[w.pick(len(w.cfg.NICs))].Name
			}
			if s.ReusePort = w.one(3); s.ReusePort && w.one(2) {
				s.Local = netip.AddrPortFrom(w.cfg.NICs[0].Addr.Netip(), s.Local.Port())
			}
		}
	}
}

// followFlows lets packets follow the readers of connected sockets, who are on
// several CPUs.
func (w *world) followFlows() {
	w.cfg.Softirq.RPSSockFlowEntries = []int{1, 64, 4096}[w.pick(3)]
	for i := range w.cfg.NICs {
		n := &w.cfg.NICs[i]
		n.RPSFlowCnt = map[string]int{"rx-0": []int{1, 16, 4096}[w.pick(3)]}
	}
	c := &w.traffic[0]
	c.Flows, c.Faults, c.VLAN = 1, traffic.Faults{}, 0
	c.MilliPPS = 1000 * uint64([]int{20_000, 200_000}[w.pick(2)])
	n := &w.cfg.NICs[0]
	for i := range w.cfg.NICs {
		if w.cfg.NICs[i].Name == c.To {
			n = &w.cfg.NICs[i]
		}
	}
	c.Dst = netip.AddrPortFrom(n.Addr.Netip(), port+5)
	a := scenario.App{Name: "follower", CPUs: []int{w.pick(w.cfg.CPUs)}}
	if w.one(2) {
		a.CPUs, a.Shared = []int{0, w.cfg.CPUs - 1}, true // the flow moves from one to the other
	}
	a.Read.With, a.Read.Batch = []scenario.ReadMode{scenario.EpollRecvmsg, scenario.EpollRecvmmsg}[w.pick(2)], w.between(1, 3)
	a.Read.Service = law.Constant(int64(w.span(10 * engine.Microsecond)))
	a.Sockets = []socket.Config{{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port+5), Remote: c.Src}}
	w.cfg.Apps = append(w.cfg.Apps, a)
}

// newer gives the host a newer kernel, and settings that older ones do not have.
func (w *world) newer() {
	w.cfg.Kernel = []kernel.Profile{kernel.Linux61(), kernel.Linux612(), kernel.Linux618()}[w.pick(3)]
	w.cfg.ThreadIRQs = w.one(4)
	w.cfg.Softirq.NetdevBudgetUsecs = []int{0, 2000}[w.pick(2)]
	w.cfg.Softirq.GRONormalBatch = []int{8, 8, 1, 3}[w.pick(4)]
	w.cfg.Limits.MemPcpuRsv = []int{0, 1, 7, 256}[w.seed%4]
	for i := range w.cfg.NICs {
		n := &w.cfg.NICs[i]
		n.Threaded = w.one(3)
		if w.one(2) {
			n.NAPIDeferHardIRQs, n.GROFlushTimeout = w.between(1, 3), w.span(50*engine.Microsecond)
		}
	}
}

// saturate offers one interface more equal frames than its host can take, from
// one source, so that the packet buffer stays full and losses are counted in bulk.
func (w *world) saturate() {
	n := &w.cfg.NICs[0]
	n.Combined, n.RPS, n.Affinity = 1, nil, nil
	n.TXPause = w.one(3)
	n.Partner.ObeysPause = w.one(2)
	n.FrameOverhead = []int{1000, 4096}[w.pick(2)]
	c := &w.traffic[0]
	c.To, c.DstMAC = n.Name, n.MAC
	c.MilliPPS = []uint64{14_880_952_380, 10_000_000_000, 8_000_000_000, 14_880_952_380 / 2}[w.pick(4)]
	c.Arrivals.Kind = []traffic.Kind{traffic.Constant, traffic.Constant, traffic.Poisson}[w.pick(3)]
	c.Size = law.Constant(64)
	c.Flows, c.Faults, c.VLAN = 1, traffic.Faults{}, 0
	w.traffic = w.traffic[:1]
	// Either the driver is the bottleneck, and the ring blocks, or the bus.
	w.cfg.Costs.PCIe.Fixed = []engine.Time{50, 50, 150}[w.pick(3)] * engine.Nanosecond
}

// rouse lets several CPUs wake quick readers on a CPU of their own again and
// again, and takes so long to wake them that they meet.
func (w *world) rouse() {
	w.cfg.CPUs = max(w.cfg.CPUs, 5)
	for i := range w.cfg.NICs {
		n := &w.cfg.NICs[i]
		n.GRO, n.UDPPortHash, n.Combined, n.Affinity = false, true, 4, nil
		n.RPS = map[string][]int{"rx-0": {0, 1, 2, 3}, "rx-1": {0, 1, 2, 3}}
	}
	for i := range w.cfg.Apps {
		a := &w.cfg.Apps[i]
		a.CPUs, a.Busy, a.Copies = []int{4}, false, 0
		if a.Read.With == scenario.Never {
			a.Read.With = scenario.EpollRecvmsg
		}
		a.Read.Service, a.Read.PauseEvery, a.Read.PauseFor = law.Constant(0), 0, 0
		a.Sockets = []socket.Config{w.socket()}
	}
	for i := range w.traffic {
		c := &w.traffic[i]
		c.MilliPPS, c.Flows = 1000*uint64(w.between(50_000, 400_000)), 16
		c.Dst = netip.AddrPortFrom(group, port)
	}
	k := &w.cfg.Costs
	k.IPI.Fixed, k.Wake.Fixed = w.span(5*engine.Microsecond), w.span(5*engine.Microsecond)
	k.IPILatency.Fixed = w.span(engine.Microsecond)
	for _, quick := range []*kernel.Cost{&k.Syscall, &k.Dequeue, &k.Copy, &k.RecvEmpty, &k.EpollWait, &k.Switch, &k.IdleExit, &k.Reschedule} {
		quick.Fixed = min(quick.Fixed, 300*engine.Nanosecond)
	}
}

// round makes every time a multiple of grain, so that frames arrive at the
// instants at which descriptors are written back, steps end, ticks are due and
// the run is cut.
func (w *world) round() {
	w.grain = grain
	w.cfg.Costs.Each(func(_ string, c *kernel.Cost) { c.Fixed, c.PerByte = w.rounded(c.Fixed), 0 })
	w.cfg.HZ, w.cfg.TickPhase = 1000, w.cfg.TickPhase/grain*grain
	w.end = w.rounded(w.end)
	for i := range w.cfg.NICs {
		n := &w.cfg.NICs[i]
		n.RXUsecs = []int{0, 0, n.RXUsecs}[w.pick(3)] // the throttle counts in steps of 2.048 µs
		n.Partner.Queue = w.rounded(n.Partner.Queue)
		for j := range n.Taps {
			n.Taps[j].PerPacket = w.rounded(n.Taps[j].PerPacket)
		}
	}
	for i := range w.cfg.Apps {
		r := &w.cfg.Apps[i].Read
		r.Service = law.Constant(int64(grain) * int64(w.pick(30)))
		r.PauseEvery, r.PauseFor = w.rounded(r.PauseEvery), w.rounded(r.PauseFor)
	}
	for i := range w.traffic {
		c := &w.traffic[i]
		c.Arrivals.Kind = traffic.Constant
		if c.MilliPPS > 7_000_000_000 { // saturated: what the link carries
			c.Size, c.MilliPPS = law.Constant(105), 10_000_000_000
			continue
		}
		c.Size = law.Constant(int64([]int{105, 105, 230, 1230}[w.pick(4)]))
		c.MilliPPS = 1000 * uint64([]int{20_000, 200_000, 1_000_000, 5_000_000, 10_000_000}[w.pick(5)])
	}
}

// rounded returns t, in a round world rounded up to a multiple of its grain.
func (w *world) rounded(t engine.Time) engine.Time {
	if w.grain == 0 {
		return t
	}
	return (t + w.grain - 1) / w.grain * w.grain
}

// internet makes some worlds meet what IPv4 has besides local delivery: routers
// with few routes. It draws from a stream of its own.
func (w *world) internet() {
	drawn := w.rnd
	w.rnd = engine.NewStream(w.seed, "internet")
	if w.one(6) {
		w.route()
	}
	if w.one(4) {
		w.fragment()
	}
	if w.one(5) {
		w.track()
	}
	if w.one(6) {
		w.cfg.Raw = append(w.cfg.Raw, ipstack.RawConfig{Name: "raw", Protocol: skb.ProtoUDP, RcvBuf: w.between(1000, 50_000), PerPacket: w.span(3 * engine.Microsecond)})
	}
	w.rnd = drawn
}

// route makes a router of the host that knows its neighbours only.
func (w *world) route() {
	w.cfg.IP.IPForward = 1
	w.cfg.IP.Routes = []ipstack.Route{{Dst: 0x0a000000, PrefixLen: 16, Kind: ipstack.RouteKind(w.pick(2)) * ipstack.Prohibit}}
	if w.cfg.IP.Routes[0].Kind == ipstack.Unicast {
		w.cfg.IP.Routes[0].IfIndexes = []int32{scenario.IfIndex(0)}
	}
	for i := range w.cfg.NICs {
		w.cfg.NICs[i].Conf.RPFilter = w.pick(3)
	}
	if w.one(2) {
		w.traffic[0].Dst = netip.AddrPortFrom(netip.MustParseAddr("172.16.0.1"), port)
	}
}

// fragment makes sources send datagrams in fragments, with identifications that
// they share, through a reassembly that runs short of everything.
func (w *world) fragment() {
	ip := &w.cfg.IP
	ip.IPFragTime = w.pick(2) // 0: the next tick
	ip.IPFragMaxDist = []int{64, 64, 1, 4, 0}[w.pick(5)]
	if w.one(2) {
		ip.IPFragLowThresh = w.between(3000, 60_000)
		ip.IPFragHighThresh = ip.IPFragLowThresh + w.pick(30_000)
	}
	w.cfg.Kernel.FragOverlapFails = w.one(3)
	w.cfg.Kernel.EarlyDemuxFragments = !w.one(3)
	w.cfg.Kernel.FragEvictor = !w.one(3)
	w.cfg.HZ = 1000
	for len(w.traffic) < 2 {
		c := w.traffic[0]
		c.Name += "-too"
		w.traffic = append(w.traffic, c)
	}
	for i := range w.traffic {
		c := &w.traffic[i]
		c.MTU = []int{1500, 1500, 576, 68}[w.pick(4)]
		c.SizeIsPayload, c.Size = true, must(law.Uniform(0, int64([]int{3000, 3000, 9000, 65507}[w.pick(4)])))
		c.MilliPPS = 1000 * uint64([]int{5_000, 50_000, 500_000}[w.pick(3)])
		c.TOS = uint8(w.pick(4))
		c.VLAN = 0
	}
	if w.one(2) { // two senders of one address and one mind: their fragments meet
		c := &w.traffic[0]
		c.Arrivals.Kind, c.Size, c.Flows = traffic.Constant, law.Constant(int64(w.between(1500, 4000))), 1
		if !w.one(3) { // each loses some on the wire, so that both add to one datagram
			c.Faults.CRC = 300_000
		}
		name := w.traffic[1].Name
		w.traffic[1] = *c
		w.traffic[1].Name, w.traffic[1].TOS = name, c.TOS^1
		if w.one(2) { // but not of one link: they overlap
			c.MTU, w.traffic[1].MTU = 576, 1500
		}
	}
}

// track loads connection tracking with little room, and rules at every place.
func (w *world) track() {
	ct := &w.cfg.IP.Conntrack
	ct.On, ct.Max, ct.Buckets = true, w.between(1, 20), []int{1, 4, 64}[w.pick(3)]
	ct.Assured = w.pick(ct.Max + 1)
	for i := range w.traffic {
		w.traffic[i].Flows = []int{1, 7, 500}[w.pick(3)]
	}
	if len(w.cfg.NICs) > 1 && w.one(2) {
		w.twice()
	}
	if w.one(2) {
		w.cfg.IP.Netfilter = append(w.cfg.IP.Netfilter, ipstack.Rule{Raw: true, Verdict: ipstack.NoTrack, MatchPPM: 300_000},
			ipstack.Rule{Hook: ipstack.LocalIn, Verdict: ipstack.Reject, DropPPM: 100_000, Src: 0x0a000000, SrcLen: 8})
	}
}

// twice sends the same flows through two interfaces at the same instants, so
// that two CPUs meet at a new connection.
func (w *world) twice() {
	w.cfg.CPUs = max(w.cfg.CPUs, 2)
	w.cfg.IP.Conntrack.Max, w.cfg.IP.Conntrack.Assured = 50, 0
	w.cfg.IP.RPFilter = 0
	w.traffic = w.traffic[:1]
	c := w.traffic[0]
	c.Dst, c.Arrivals.Kind, c.Flows, c.VLAN, c.MTU, c.Faults = netip.MustParseAddrPort("224.0.0.1:14506"), traffic.Constant, 1, 0, 0, traffic.Faults{}
	c.SizeIsPayload, c.Size = true, law.Constant(100)
	w.traffic[0] = c
	for i := range w.cfg.NICs[:2] {
		n := &w.cfg.NICs[i]
		n.Conf.RPFilter, n.RPS, n.RXUsecs = 0, nil, 0
		n.Affinity = map[string][]int{vectorLabel(n): {i}}
		if i > 0 {
			*n = w.cfg.NICs[0]
			n.Name, n.Addr, n.MAC[5] = "eth1", n.Addr+1<<8, 1
			n.Affinity = map[string][]int{vectorLabel(n): {i}}
			c.Name, c.To = "too", n.Name
			w.traffic = append(w.traffic, c)
		}
	}
	w.traffic[0].To = w.cfg.NICs[0].Name
}
