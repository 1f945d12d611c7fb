package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// A limit is a part of the path that can be made so generous that it limits
// nothing, all else equal.
type limit struct {
	name string
	// what names it in a sentence, how says what relaxing it means.
	what, how string
	// waits is where a packet that waits there is seen; losses are named by their reason.
	waits Counter
	// own are the reasons for which packets are lost in this very place.
	own []skb.DropReason
	// applies reports whether it could matter at all in a run that showed res.
	applies func(sc *scenario.Scenario, res *sim.Result) bool
	// relax changes a clone of the scenario.
	relax func(sc *scenario.Scenario)
	// knob is what an operator would turn.
	knob func(sc *scenario.Scenario, res *sim.Result) string
}

// limits are the parts of the path, the ones that are easiest to change first.
var limits = []limit{
	{
		name: "ring", what: "the receive ring", how: "rings of 4096 descriptors", waits: Counter{ethtoolS, "rx_missed_errors"},
		own: []skb.DropReason{skb.HWNoDesc, skb.HWFIFO},
		applies: func(sc *scenario.Scenario, _ *sim.Result) bool {
			return slices.ContainsFunc(sc.NICs, func(n scenario.NIC) bool { return n.RingSize(&sc.Host.Kernel) < largestRing })
		},
		relax: eachNIC(func(n *scenario.NIC) { n.RXRing = largestRing }),
		knob:  nicKnob("ring.rx"),
	},
	{
		name: "moderation", what: "interrupt moderation", how: "interrupts at once (rx-usecs 0)", waits: Counter{"proc/softirqs", "NET_RX"},
		applies: func(sc *scenario.Scenario, _ *sim.Result) bool {
			return slices.ContainsFunc(sc.NICs, func(n scenario.NIC) bool { return n.RXUsecs != 0 })
		},
		relax: eachNIC(func(n *scenario.NIC) { n.RXUsecs = 0 }),
		knob:  nicKnob("coalesce.rx-usecs"),
	},
	{
		name: "budget", what: "the budget of net_rx_action", how: "a thousand times the budget", waits: Counter{softnetStat, "time_squeeze"},
		applies: func(_ *scenario.Scenario, res *sim.Result) bool {
			return Counter{softnetStat, "time_squeeze"}.Value(res) > 0
		},
		relax: func(sc *scenario.Scenario) {
			b := &sc.Host.Softirq.NetdevBudget
			*b = min(max(*b, 1)*1000, math.MaxInt32)
		},
		knob: fixedKnob("net.core.netdev_budget"),
	},
	{
		name: "backlog", what: "the backlog of RPS", how: "an endless backlog", waits: Counter{softnetStat, "dropped"},
		own:     []skb.DropReason{skb.CPUBacklog},
		applies: lost(skb.CPUBacklog),
		relax:   func(sc *scenario.Scenario) { sc.Host.Softirq.NetdevMaxBacklog = -1 },
		knob:    fixedKnob("net.core.netdev_max_backlog"),
	},
	{
		name: "rcvbuf", what: "the receive buffer", how: "buffers 64 times as large", waits: Counter{netUDP, "rx_queue"},
		own:     []skb.DropReason{skb.SocketRcvbuff, skb.SocketBacklog},
		applies: lost(skb.SocketRcvbuff, skb.SocketBacklog),
		relax:   relaxBuffers,
		knob:    bufferKnob,
	},
	{
		name: "udp_mem", what: "the memory limit of UDP", how: "64 times udp_mem", waits: Counter{"proc/net/sockstat", "UDP.mem"},
		own:     []skb.DropReason{skb.ProtoMem},
		applies: lost(skb.ProtoMem),
		relax: func(sc *scenario.Scenario) {
			for i := range sc.Host.Limits.UDPMem {
				m := &sc.Host.Limits.UDPMem[i]
				*m = min(max(*m, 1)*64, math.MaxInt32)
			}
		},
		knob: fixedKnob("net.ipv4.udp_mem"),
	},
	{
		name: "tap", what: "the packet sockets", how: "taps ten times as fast with buffers 64 times as large",
		own:     []skb.DropReason{skb.TapFull},
		applies: lost(skb.TapFull),
		relax: eachNIC(func(n *scenario.NIC) {
			for i := range n.Taps {
				t := &n.Taps[i]
				t.PerPacket = (t.PerPacket + 9) / 10
				t.RcvBuf = min(t.RcvBuf*64, math.MaxInt32)
			}
		}),
		knob: nicKnob("taps"),
	},
	{
		name: "scheduling", what: "a CPU that readers share", how: "a CPU of its own for every reader", waits: Counter{netUDP, "rx_queue"},
		applies: func(sc *scenario.Scenario, _ *sim.Result) bool { return sharesCPU(sc) },
		relax:   separate,
		knob:    appKnob("cpu"),
	},
	{
		name: "softirq", what: "the CPU time of the softirq", how: "its costs at a tenth", waits: Counter{softnetStat, "processed"},
		applies: func(_ *scenario.Scenario, res *sim.Result) bool { return res.Snapshot.Ledger.Frames > 0 },
		relax:   func(sc *scenario.Scenario) { cheaper(&sc.Host.Costs, softirqCosts) },
		knob:    nicKnob("channels.combined"),
	},
	{
		name: "reader", what: "the reader's speed", how: "its calls and its service time at a tenth", waits: Counter{netUDP, "rx_queue"},
		applies: hasReader,
		relax: func(sc *scenario.Scenario) {
			cheaper(&sc.Host.Costs, readerCosts)
			for i := range sc.Apps {
				s := &sc.Apps[i].Read.Service
				*s = law.Constant(s.Mean() / 10)
			}
		},
		knob: appKnob("read.service"),
	},
	{
		name: "pauses", what: "the reader's pauses", how: "no pauses", waits: Counter{netUDP, "rx_queue"},
		applies: func(sc *scenario.Scenario, _ *sim.Result) bool {
			return slices.ContainsFunc(sc.Apps, func(a scenario.App) bool {
				return a.Read.PauseEvery > 0 || !a.Read.Pauses.None() || a.Read.FaultPPM > 0
			})
		},
		relax: func(sc *scenario.Scenario) {
			for i := range sc.Apps {
				r := &sc.Apps[i].Read
				r.PauseEvery, r.PauseFor, r.Pauses, r.FaultPPM = 0, 0, socket.Pauses{}, 0
			}
		},
		knob: appKnob("read.pauses"),
	},
	{
		name: "partner", what: "the link partner's queue", how: "a thousand times the queue", waits: Counter{ethtoolS, "tx_flow_control_xoff"},
		applies: func(_ *scenario.Scenario, res *sim.Result) bool { return res.Partner > 0 },
		relax: eachNIC(func(n *scenario.NIC) {
			n.Partner.Queue = min(max(n.Partner.Queue, engine.Microsecond), engine.MaxTime/1000) * 1000
		}),
		knob: nicKnob("link_partner.queue"),
	},
}

// largestRing is the largest ring of the driver (RX-1).
const largestRing = 4096

// softirqCosts are what the softirq spends on packets; the timer's part of it,
// and latencies in which no CPU is busy, stay.
var softirqCosts = []string{"hardirq", "softirq", "net_rx", "poll", "poll_done", "ipi", "reschedule", "driver", "refill", "gro", "core", "rps",
	"backlog", "tap", "tap_ring", "tap_filter", "timestamp", "ip", "route", "conntrack", "defrag", "udp", "checksum", "clone", "enqueue", "full_drop", "remote_enqueue", "free_drop", "no_port", "wake", "epoll_wake"}

// readerCosts are what a reader spends in the kernel.
var readerCosts = []string{"syscall", "dequeue", "copy", "recv_empty", "epoll_wait", "busy_poll", "remote_socket"}

// cheaper divides the costs of those keys by ten.
func cheaper(c *kernel.Costs, keys []string) {
	c.Each(func(key string, cost *kernel.Cost) {
		if slices.Contains(keys, key) {
			cost.Fixed /= 10
			cost.PerByte /= 10
		}
	})
}

// clone copies a scenario so far as relaxing changes it.
func clone(sc *scenario.Scenario) *scenario.Scenario {
	c := *sc
	c.NICs = slices.Clone(sc.NICs)
	for i := range c.NICs {
		c.NICs[i].Taps = slices.Clone(c.NICs[i].Taps)
	}
	c.Apps = slices.Clone(sc.Apps)
	for i := range c.Apps {
		c.Apps[i].CPUs = slices.Clone(c.Apps[i].CPUs)
		c.Apps[i].Sockets = slices.Clone(c.Apps[i].Sockets)
	}
	return &c
}

func eachNIC(f func(*scenario.NIC)) func(*scenario.Scenario) {
	return func(sc *scenario.Scenario) {
		for i := range sc.NICs {
			f(&sc.NICs[i])
		}
	}
}

// lost returns a test for losses of any of these reasons.
func lost(reasons ...skb.DropReason) func(*scenario.Scenario, *sim.Result) bool {
	return func(_ *scenario.Scenario, res *sim.Result) bool {
		return slices.ContainsFunc(reasons, func(r skb.DropReason) bool { return res.Snapshot.Ledger.Dropped[r] > 0 })
	}
}

func hasReader(sc *scenario.Scenario, _ *sim.Result) bool {
	return slices.ContainsFunc(sc.Apps, func(a scenario.App) bool { return !a.Busy && a.Read.With != scenario.Never })
}

// maxForced is the largest value of SO_RCVBUFFORCE that survives being doubled.
const maxForced = math.MaxInt32 / 2

// relaxBuffers makes every sk_rcvbuf 64 times as large, or as large as it can be.
func relaxBuffers(sc *scenario.Scenario) {
	for i := range sc.Apps {
		for k := range sc.Apps[i].Sockets {
			s := &sc.Apps[i].Sockets[k]
			effective := max(sc.Host.Limits.EffectiveRcvBuf(&sc.Host.Kernel, s), 1)
			s.RcvBuf, s.RcvBufForce = 0, min(effective*32, maxForced)
		}
	}
}

// sharesCPU reports whether the CPU of a reader has anything else to do.
func sharesCPU(sc *scenario.Scenario) bool {
	users := make([]int, sc.Host.CPUs)
	for i := range sc.NICs {
		for _, cpu := range vectorCPUs(&sc.NICs[i], &sc.Host) {
			users[cpu]++
		}
		for _, cpus := range sc.NICs[i].RPS {
			for _, cpu := range sc.Host.Online(cpus) {
				users[cpu]++
			}
		}
	}
	for i := range sc.Apps {
		for _, cpu := range threadCPUs(&sc.Apps[i]) {
			users[cpu]++
		}
	}
	for i := range sc.Apps {
		for _, cpu := range threadCPUs(&sc.Apps[i]) {
			if a := &sc.Apps[i]; !a.Busy && a.Read.With != scenario.Never && users[cpu] > 1 {
				return true
			}
		}
	}
	return false
}

// threadCPUs returns the CPU of every thread of an application and its copies.
func threadCPUs(a *scenario.App) []int {
	if a.Copies == 0 {
		return a.CPUs
	}
	var out []int
	for i := range a.Copies {
		out = append(out, a.CPUs[i%len(a.CPUs)])
	}
	return out
}

// vectorCPUs returns the CPU of every vector of an interface (RX-36, RX-39).
func vectorCPUs(n *scenario.NIC, h *scenario.Host) []int {
	var out []int
	for i, label := range n.Labels(h.CPUs) {
		out = append(out, n.VectorCPUs(i, label, h)[0])
	}
	return out
}

// maxCPUs is what a scenario may have.
const maxCPUs = 256

// separate moves every reader to a CPU that has nothing else to do. The CPUs
// are added to the host; interrupts stay where they are.
func separate(sc *scenario.Scenario) {
	was := sc.Host.CPUs
	for i := range sc.NICs {
		n := &sc.NICs[i]
		cpus := vectorCPUs(n, &sc.Host)
		n.Combined = min(n.Queues(was), len(cpus))
		n.Affinity = map[string][]int{}
		for v, label := range n.Labels(was) {
			n.Affinity[label] = []int{cpus[v]}
		}
		rps := n.RPS
		n.RPS = map[string][]int{}
		for q, set := range rps { // Any order: every queue is looked at by itself.
			n.RPS[q] = sc.Host.Online(set) // those that come must not be in it
		}
	}
	next := was
	for i := range sc.Apps {
		a := &sc.Apps[i]
		if a.Busy || a.Read.With == scenario.Never {
			continue
		}
		a.CPUs = slices.Clone(threadCPUs(a))
		for t := range a.CPUs {
			if next < maxCPUs {
				a.CPUs[t] = next
				next++
			}
		}
	}
	sc.Host.CPUs = next
	if sc.Host.PossibleCPUs > 0 {
		sc.Host.PossibleCPUs = max(sc.Host.PossibleCPUs, next)
	}
}

func fixedKnob(path string) func(*scenario.Scenario, *sim.Result) string {
	return func(*scenario.Scenario, *sim.Result) string { return path }
}

// nicKnob names a key of the interface that misses most.
func nicKnob(key string) func(*scenario.Scenario, *sim.Result) string {
	return func(sc *scenario.Scenario, res *sim.Result) string {
		best, most := "0", uint64(0)
		for i := range sc.NICs {
			for _, d := range res.Snapshot.Devices {
				if d.Name == sc.NICs[i].Name && (most == 0 || d.Link.RXPackets+missed(d.Stats) > most) {
					best, most = d.Name, d.Link.RXPackets+missed(d.Stats)
				}
			}
		}
		return fmt.Sprintf("nics[%s].%s", best, key)
	}
}

// appKnob names a key of the application whose sockets lose most, or wait longest.
func appKnob(key string) func(*scenario.Scenario, *sim.Result) string {
	return func(sc *scenario.Scenario, res *sim.Result) string {
		return fmt.Sprintf("apps[%s].%s", worstApp(sc, res).Name, key)
	}
}

// bufferKnob names the buffer of the socket that loses most, and says whether
// the sysctl that clamps it must be raised, too.
func bufferKnob(sc *scenario.Scenario, res *sim.Result) string {
	a := worstApp(sc, res)
	if len(a.Sockets) == 0 {
		return "net.core.rmem_default"
	}
	worst, drops, nth := 0, uint64(0), 0
	for i := range res.Sockets {
		s := &res.Sockets[i]
		if !belongs(s.App, a) {
			continue
		}
		if s.Drops > drops {
			worst, drops = nth%len(a.Sockets), s.Drops
		}
		nth++
	}
	knob := fmt.Sprintf("apps[%s].sockets[%d].rcvbuf", a.Name, worst)
	if s := &a.Sockets[worst]; s.RcvBufForce == 0 && sc.Host.Limits.EffectiveRcvBuf(&sc.Host.Kernel, s) >= sc.Host.Limits.RmemMax {
		return knob + " with net.core.rmem_max"
	}
	return knob
}

// worstApp returns the application whose sockets lose most; if nothing is lost,
// whose datagrams are read latest.
func worstApp(sc *scenario.Scenario, res *sim.Result) *scenario.App {
	best, drops, wait := 0, uint64(0), engine.Time(-1)
	for i := range sc.Apps {
		var d uint64
		var w engine.Time
		for k := range res.Sockets {
			if s := &res.Sockets[k]; belongs(s.App, &sc.Apps[i]) {
				d += s.Drops
				w = max(w, s.WireToApp.Hist.Quantile(990_000))
			}
		}
		if d > drops || d == drops && w > wait && len(sc.Apps[i].Sockets) > 0 {
			best, drops, wait = i, d, w
		}
	}
	if len(sc.Apps) == 0 {
		return &scenario.App{}
	}
	return &sc.Apps[best]
}

// belongs reports whether a running application is a, or a copy of it.
func belongs(running string, a *scenario.App) bool {
	if a.Copies == 0 {
		return running == a.Name
	}
	for i := range a.Copies {
		if running == fmt.Sprintf("%s-%d", a.Name, i) {
			return true
		}
	}
	return false
}

// missed returns rx_missed_errors and rx_no_dma_resources of `ethtool -S`.
func missed(stats []mib.NameValue) (n uint64) {
	for _, s := range stats {
		if s.Name == "rx_missed_errors" || s.Name == "rx_no_dma_resources" {
			n += s.Value
		}
	}
	return n
}
