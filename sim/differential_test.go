package sim

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/trace"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
	"github.com/seed-556df219/rxpath/softirq"
	"github.com/seed-556df219/rxpath/udp"
)

// The differential test: random hosts under random traffic, run by the naive
// executive, by the lazy one, and by the lazy one in odd slices of time. All
// three must agree to the picosecond in every counter, every latency and every
// effect.

// differentialCases is how many hosts `go test` tries; the environment variable
// RXPATH_CASES gives another number. A failure names its number: run it alone
// with -run 'TestExecutivesAgree/N$'.
const differentialCases = 300

func cases(t *testing.T) int {
	s := os.Getenv("RXPATH_CASES")
	if s == "" {
		return differentialCases
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err, "RXPATH_CASES")
	require.Positive(t, n, "RXPATH_CASES")
	return n
}

func TestExecutivesAgree(t *testing.T) {
	var seen coverage
	for n := range cases(t) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := randomWorld(uint64(n))
			lazy := w.run(t, false, 0)
			seen.add(lazy)
			requireSame(t, "naive", w.run(t, true, 0), lazy)
			requireSame(t, "sliced", w.run(t, false, 1+w.rnd.Below(5)), lazy)
		})
	}
	seen.report(t)
}

// outcome is everything that can be seen of a run.
type outcome struct {
	Snapshot Snapshot
	Stages   []stageSum
	Threads  []threadSum
	Pools    []poolSum
	Held     uint64
	Digest   uint64
	Fanout   udp.Stats
	// Threaded counts polls by threads, Deferred those that left the interrupt masked.
	Threaded, Deferred uint64
	// Trains counts packets that GRO made of several, GROHeld what it holds at the end.
	Trains, GROHeld uint64
	// Busy counts what busy polling did, by what.
	Busy map[string]uint64
	// DeferKicks counts interrupts to free what readers left.
	DeferKicks uint64
	// Flows is what RFS did.
	Flows softirq.FlowStats
	// Taps counts packets that programs as tasks took, and packets of sockets that carried a timestamp.
	Taps [2]uint64
	// Partner counts what link partners lost, Changes what was changed and what the host said to it.
	Partner  uint64
	Changes  []string
	Promoted int
	Sent     map[string]uint64
	// Trace is what tracers recorded, Journey the way of one packet, of some worlds.
	Trace   *trace.Trace
	Journey *trace.Journey
}

type stageSum struct {
	Name             string
	N, Sum, Checksum uint64
	Max              engine.Time
}

type threadSum struct{ Calls, Empty, Waits, Wakeups, Timeouts, Faults, LockWaits uint64 }

type poolSum struct {
	Handled, Dropped, Stalls uint64
	Max                      int
	Checksum                 uint64
}

func requireSame(t *testing.T, name string, got, want outcome) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	t.Fatalf("%s run differs from the lazy one (- %s, + lazy):\n%s", name, name, cmp.Diff(got, want, cmpopts.EquateComparable(netip.AddrPort{})))
}

// world is a random host with its traffic and what is done to it.
type world struct {
	seed    uint64
	rnd     engine.Stream
	cfg     Config
	traffic []traffic.Config
	end     engine.Time
	changes []scenario.Change
	// contended worlds let several CPUs meet at sockets that are locked and released all the time.
	contended bool
	// meddled worlds are worked on by hand at some instants.
	meddled bool
	// grain is what the instants of a round world are multiples of, 0 for a world that is not round.
	grain engine.Time
	// mangle spoils every so-many-th frame, stray sends them astray, 0 none.
	mangle, stray uint64
}

func (w *world) pick(n int) int                  { return int(w.rnd.Below(uint64(n))) }
func (w *world) one(n int) bool                  { return w.pick(n) == 0 }
func (w *world) between(lo, hi int) int          { return lo + w.pick(hi-lo+1) }
func (w *world) span(hi engine.Time) engine.Time { return engine.Time(w.rnd.Below(uint64(hi))) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func randomWorld(seed uint64) *world {
	w := &world{seed: seed, rnd: engine.NewStream(seed, "world")}
	w.end = engine.Millisecond/2 + w.span(6*engine.Millisecond)
	if w.one(25) {
		w.end = 20 * engine.Millisecond
	}
	w.cfg = Linux40()
	w.cfg.Seed = seed
	w.cfg.CPUs = w.between(1, 8)
	w.cfg.HZ = []int{100, 250, 1000}[w.pick(3)]
	w.cfg.TickPhase = w.span(engine.Millisecond)
	if w.one(4) {
		w.cfg.Kernel = kernel.Linux310()
	}
	w.sysctls()
	w.cfg.Costs = kernel.DefaultCosts()
	w.cfg.Costs.Each(func(key string, c *kernel.Cost) {
		if key == "send" || key == "busy_poll" { // as it is, and the worlds as they were before there was one
			return
		}
		c.Fixed = c.Fixed * engine.Time(w.between(20, 300)) / 100
	})
	if w.one(3) { // a slow machine: time limits and restarts
		f := engine.Time(w.between(2, 40))
		w.cfg.Costs.Each(func(key string, c *kernel.Cost) {
			if key != "pcie" && key != "dma" {
				c.Fixed *= f
			}
		})
	}
	w.nics()
	w.apps()
	w.sources()
	if w.one(8) {
		w.contend()
	}
	w.listen()
	w.temper()
	w.programs()
	w.drivers()
	w.device()
	w.internet()
	w.stack()
	w.capturing()
	w.senders()
	w.meetings()
	w.trains()
	w.polling()
	w.alter()
	w.refuse()
	return w
}

func (w *world) contend() {
	w.contended = true
	w.cfg.CPUs = max(w.cfg.CPUs, 4)
	w.cfg.Limits.UDPMem = socket.DefaultLimits().UDPMem
	w.cfg.Softirq.NetdevMaxBacklog = 1000
	for i := range w.cfg.NICs {
		n := &w.cfg.NICs[i]
		n.RPS = map[string][]int{}
		for q := range n.Combined {
			n.RPS[fmt.Sprintf("rx-%d", q)] = []int{0, 1, 2, 3}
		}
	}
	for i := range w.traffic {
		c := &w.traffic[i]
		c.MilliPPS, c.Flows, c.VLAN, c.Faults = 2_000_000_000, 16, 0, traffic.Faults{}
		c.Dst = netip.AddrPortFrom(group, port)
	}
}

func (w *world) sysctls() {
	s := &w.cfg.Softirq
	s.NetdevBudget = []int{300, 300, 64, 1, 0, 128}[w.pick(6)]
	s.DevWeight = []int{64, 64, 1, 7}[w.pick(4)]
	s.NetdevMaxBacklog = []int{1000, 1000, 10, 0, 40}[w.pick(5)]
	if w.one(3) {
		s.FlowLimitCPUs = []int{0, 1, 2, 3}
		s.FlowLimitTableLen = []int{1, 16, 4096}[w.pick(3)]
	}
	if w.one(4) {
		w.cfg.Limits.UDPMem = [3]int{w.between(1, 60), 60, w.between(60, 90)}
	}
	if w.one(3) {
		w.cfg.IP.IPEarlyDemux = 0
	}
	if w.one(6) {
		w.cfg.IP.Netfilter = []ipstack.Rule{{Hook: ipstack.Hook(w.pick(2)), DropPPM: uint32(w.between(1, 500_000))}}
	}
	w.cfg.IP.RPFilter = w.pick(3)
}

func (w *world) nics() {
	w.cfg.NICs = nil
	for i := range w.between(1, 2) {
		n := DefaultNIC(fmt.Sprintf("eth%d", i))
		n.Addr = skb.Addr(0x0a000002 + i<<8)
		n.MAC[5] = byte(i)
		n.Combined = w.between(1, 8)
		n.RXRing = []int{64, 64, 128, 512}[w.pick(4)]
		n.RXUsecs = []int{1, 1, 0, 2, 10, 100}[w.pick(6)]
		n.TXPause = w.one(2)
		n.RXPause = w.one(2)
		n.Partner.ObeysPause = w.one(2)
		if w.one(2) {
			n.Partner.Queue = w.span(100 * engine.Microsecond)
		}
		n.FrameOverhead = []int{0, 0, 1000, 4096}[w.pick(4)]
		n.UDPPortHash = w.one(2)
		n.RXChecksum = !w.one(3)
		n.GRO = !w.one(3)
		n.Promisc = w.one(6)
		if w.one(3) {
			n.VLANs = []int{7}
		}
		if w.one(2) {
			n.Affinity = map[string][]int{"TxRx-0": {w.pick(w.cfg.CPUs)}}
		}
		if w.one(2) {
			n.RPS = map[string][]int{}
			for q := range n.Combined {
				for c := range w.cfg.CPUs {
					if w.one(2) {
						n.RPS[fmt.Sprintf("rx-%d", q)] = append(n.RPS[fmt.Sprintf("rx-%d", q)], c)
					}
				}
			}
		}
		if w.one(4) {
			n.Taps = []scenario.Tap{{RcvBuf: w.between(1000, 50_000), PerPacket: w.span(3 * engine.Microsecond)}}
		}
		w.cfg.NICs = append(w.cfg.NICs, n)
	}
}

var (
	group = netip.MustParseAddr("239.1.2.3")
	other = netip.MustParseAddr("239.1.2.4")
)

const port = 14506

func (w *world) apps() {
	for i := range w.between(1, 6) {
		a := scenario.App{Name: fmt.Sprintf("app%d", i), Nice: []int{0, 0, 0, 5, -10}[w.pick(5)]}
		for range w.between(1, 2) {
			a.CPUs = append(a.CPUs, w.pick(w.cfg.CPUs))
		}
		if w.one(6) {
			a.Busy = true
			w.cfg.Apps = append(w.cfg.Apps, a)
			continue
		}
		a.Shared = w.one(3)
		a.Read.With = scenario.ReadMode(w.pick(5))
		a.Read.Batch = w.between(1, 40)
		if w.one(2) {
			a.Read.Service = must(law.Exponential(int64(1 + w.span(5*engine.Microsecond))))
		}
		if w.one(4) {
			a.Read.PauseEvery = engine.Millisecond + w.span(engine.Millisecond)
			a.Read.PauseFor = 1 + w.span(engine.Millisecond)
		}
		for range w.sockets(a) {
			c := w.socket()
			c.NonBlocking = a.Read.With != scenario.Recvmsg && a.Read.With != scenario.Recvmmsg && w.one(2)
			a.Sockets = append(a.Sockets, c)
		}
		w.cfg.Apps = append(w.cfg.Apps, a)
	}
}

func (w *world) sockets(a scenario.App) int {
	if a.Read.With == scenario.Recvmsg || a.Read.With == scenario.Recvmmsg {
		return w.between(1, len(a.CPUs))
	}
	if w.one(8) {
		return w.between(30, 40) // past the flush of the fan-out
	}
	return w.between(1, 3)
}

func (w *world) socket() socket.Config {
	c := socket.Config{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port), ReuseAddr: true}
	c.RcvBuf = []int{0, 1000, 5000, 20_000, 4480}[w.pick(5)]
	if w.one(4) {
		c.Local = netip.AddrPortFrom(group, port)
	}
	if !w.one(3) {
		for i := range w.cfg.NICs {
			c.Join = append(c.Join, socket.Join{Group: group, Device: w.cfg.NICs[i].Name})
		}
	}
	c.NoMulticastAll = w.one(5)
	if w.one(6) {
		c.Local = netip.AddrPortFrom(netip.IPv4Unspecified(), port+1)
	}
	return c
}

func (w *world) sources() {
	for i := range w.between(1, 3) {
		c := traffic.DefaultConfig()
		c.Name = fmt.Sprintf("feed%d", i)
		nic := &w.cfg.NICs[w.pick(len(w.cfg.NICs))]
		c.To, c.DstMAC = nic.Name, nic.MAC
		c.MilliPPS = 1000 * uint64([]int{20_000, 200_000, 1_000_000, 14_880_952}[w.pick(4)])
		c.Arrivals.Kind = traffic.Kind([]int{int(traffic.Constant), int(traffic.Poisson)}[w.pick(2)])
		c.Size = law.Constant(int64([]int{64, 64, 128, 261, 1518}[w.pick(5)]))
		if w.one(3) {
			c.Size = must(law.Uniform(64, 1518))
		}
		c.Dst = netip.AddrPortFrom([]netip.Addr{group, group, group, other, nic.Addr.Netip(), netip.MustParseAddr("10.0.9.9")}[w.pick(6)], uint16(port+[]int{0, 0, 0, 1, 2}[w.pick(5)]))
		c.Flows = []int{1, 1, 7}[w.pick(3)]
		c.NoChecksum = w.one(4)
		if w.one(5) {
			c.VLAN = []int{7, 8}[w.pick(2)]
		}
		if w.one(2) {
			c.Faults = traffic.Faults{CRC: 10_000, WrongMAC: 10_000, UnknownEtherType: 10_000, BadVersion: 10_000, BadIPChecksum: 10_000,
				Truncated: 10_000, BadUDPChecksum: 50_000, BadUDPLength: 10_000, UnknownPort: 20_000, Fragment: 10_000}
		}
		w.traffic = append(w.traffic, c)
	}
}

// run runs the world; slices > 0 cuts the run into that many odd slices more.
func (w *world) run(t *testing.T, naive bool, slices uint64) outcome {
	cfg := w.cfg
	cfg.Naive = naive
	h, err := NewHost(cfg)
	require.NoError(t, err)
	defer h.Close()
	w.trace(t, h)
	for _, c := range w.traffic {
		src, err := traffic.New(c, w.seed)
		require.NoError(t, err)
		if w.stray > 0 {
			src = &strayed{FrameSource: src, every: w.stray, heads: map[*skb.Header]*[3]skb.Header{}}
		}
		if w.mangle > 0 {
			src = &mangled{FrameSource: src, every: w.mangle, longest: uint32(max(1518, h.port(c.To).Config().MTU+22)), heads: map[*skb.Header]*[4]skb.Header{}}
		}
		h.port(c.To).Connect(src)
	}
	var out outcome
	for _, at := range w.instants(h, slices) {
		h.AdvanceTo(at.t)
		require.NoError(t, h.CheckLedger())
		if slices == 0 && len(w.cfg.Senders) == 0 { // whose frames come from no wire, in several namespaces
			w.conserved(t, h)
		}
		if at.lock != nil {
			at.lock()
		}
		if c := at.change; c != nil {
			consumers := h.consumers()
			err := h.apply(c)
			out.Promoted += consumers - h.consumers()
			out.Changes = append(out.Changes, fmt.Sprint(c.Set, err))
			require.NoError(t, h.CheckLedger())
		}
	}
	fall := h.Waterfall()
	require.Equal(t, h.Ledger().Hand, fall.InHand(), "the waterfall must find what is in hand")
	require.Equal(t, fall.Offered+fall.Copied, total(fall.Frames))
	require.Equal(t, fall.Delivered, total(fall.Copies))
	require.Equal(t, fall.Tapped, total(fall.Taps))
	out.Snapshot, out.Digest, out.Fanout = h.Snapshot(), h.Digest(), h.udp.Stats
	out.Sent = sentBy(h)
	out.Trace, out.Journey = h.Events(), h.Journey()
	for _, p := range h.ports {
		out.Partner += p.PartnerLost()
	}
	for _, s := range h.Latencies() {
		out.Stages = append(out.Stages, stageSum{s.Name, s.Hist.N, s.Hist.Sum, s.Hist.Checksum(), s.Hist.Max})
	}
	for _, tap := range h.ip.Taps() {
		if tap.Task() != nil {
			out.Taps[0] += tap.Packets - tap.Live()
		}
		out.Taps[1] += tap.Stamped
	}
	for _, p := range h.pollers {
		out.Threaded += p.Polls
	}
	out.Flows, out.DeferKicks = h.softnet.FlowStats, h.softnet.DeferKicks
	for _, n := range h.napis {
		out.Deferred += n.Deferrals
	}
	for _, n := range w.cfg.NICs {
		out.Trains += h.gro[n.Name].Trains
	}
	out.GROHeld = h.liveInGRO()
	for _, k := range h.threads {
		out.Threads = append(out.Threads, threadSum{k.Calls, k.Empty, k.Waits, k.Task().Wakeups, k.Timeouts, k.Faults, k.LockWaits})
	}
	for _, p := range h.pools {
		out.Pools = append(out.Pools, poolSum{p.Handled, p.Dropped, p.Stalls, p.Max, p.Done.Checksum()})
	}
	out.Busy = polledBy(h)
	for _, l := range h.lockers {
		out.Held += l.Held
	}
	return out
}

type instant struct {
	t      engine.Time
	lock   func()
	change *scenario.Change
}

// instants returns when to stop and what to do there: locks at the same
// instants in every run, slices wherever it pleases.
func (w *world) instants(h *Host, slices uint64) []instant {
	r := engine.NewStream(w.seed, "locks")
	var out []instant
	at := engine.Time(0)
	part := uint64(w.end / 3)
	if w.contended {
		part = uint64(100 * engine.Microsecond)
	}
	for len(h.socks) > 0 && (w.contended || r.Below(3) > 0) {
		s := h.socks[r.Below(uint64(len(h.socks)))]
		at = w.rounded(at + engine.Time(r.Below(part)))
		hold := w.rounded(engine.Time(r.Below(part)))
		if at+hold >= w.end {
			break
		}
		lock, release := s.Lock, s.Release
		if r.Below(2) == 0 { // all of them: several CPUs meet at full backlogs
			lock = func() { each(h.socks, (*Socket).Lock) }
			release = func() { each(h.socks, (*Socket).Release) }
		}
		out = append(out, instant{t: at, lock: lock}, instant{t: at + hold, lock: release})
		at += hold + 1
	}
	for i := range w.changes {
		out = append(out, instant{t: w.changes[i].At, change: &w.changes[i]})
	}
	if w.meddled && len(h.socks) > 0 {
		out = w.meddling(h, out)
	}
	if len(w.cfg.Senders) > 0 {
		out = w.sendings(h, out)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].t < out[j].t })
	out = append(out, instant{t: w.end})
	if slices == 0 {
		return out
	}
	cut := engine.NewStream(w.seed, "slices")
	var all []instant
	prev := engine.Time(0)
	for _, i := range out {
		for prev < i.t {
			prev = min(i.t, w.rounded(prev+1+engine.Time(cut.Below(uint64(engine.Millisecond)/slices/slices))))
			if prev < i.t {
				all = append(all, instant{t: prev})
			}
		}
		all = append(all, i)
	}
	return all
}

// consumers counts the cores that may lag behind.
func (h *Host) consumers() (n int) {
	for _, c := range h.cores {
		if c.Consumer() {
			n++
		}
	}
	return n
}

func each[T any](all []T, f func(T)) {
	for _, v := range all {
		f(v)
	}
}

// coverage counts what happened over all cases: what never happens proves nothing.
type coverage struct {
	drops  [skb.NumReasons]uint64
	events map[string]uint64
	cases  int
}

func (c *coverage) add(o outcome) {
	c.cases++
	if c.events == nil {
		c.events = map[string]uint64{}
	}
	for r, n := range o.Snapshot.Ledger.Dropped {
		c.drops[r] += n
	}
	for _, k := range o.Threads {
		c.events["end of SO_RCVTIMEO or recvmmsg's timeout"] += k.Timeouts
		c.events["page fault"] += k.Faults
		c.events["wait for the socket's owner"] += k.LockWaits
	}
	for _, p := range o.Pools {
		c.events["service by a worker"] += p.Handled
		c.events["full queue of workers, dropped"] += p.Dropped
		c.events["full queue of workers, waited"] += p.Stalls
	}
	for what, n := range o.Sent {
		c.events[what] += n
	}
	c.addTrace(o)
	c.events["MemErrors"] += o.Snapshot.Net.UDP.MemErrors
	c.events["lock_sock by a program"] += o.Held
	for _, s := range o.Snapshot.CPUs {
		c.events["time_squeeze"] += s.Softnet.TimeSqueeze
		c.events["softirq restart"] += s.Restarts
		c.events["ksoftirqd wake-up"] += s.KsoftirqdWakeups
		c.events["task wake-up"] += s.Wakeups
		c.events["preemption"] += s.Preemptions
		c.events["flow_limit_count"] += s.Softnet.FlowLimitCount
		c.events["received_rps"] += s.Softnet.ReceivedRPS
		c.events["tick"] += s.LocalTimer
		c.events["reschedule interrupt"] += s.Reschedule
	}
	c.events["packet steered to its reader"] += o.Flows.Followed
	c.events["flow moved to its reader"] += o.Flows.Moved
	c.events["flow kept by packets under way"] += o.Flows.Kept
	c.events["interrupt to free"] += o.DeferKicks
	c.events["poll by a thread"] += o.Threaded
	c.events["interrupt left masked"] += o.Deferred
	for what, n := range o.Busy {
		c.events[what] += n
	}
	for _, ct := range o.Snapshot.Conntrack {
		c.events["connection"] += ct.Insert
		c.events["early drop of a connection"] += ct.EarlyDrop
		c.events["connection entered twice"] += ct.InsertFailed
	}
	c.events["datagram of fragments"] += o.Snapshot.Net.IP.ReasmOKs
	c.events["fragment overlap"] += o.Snapshot.Net.IPExt.ReasmOverlaps
	c.events["link partner lost"] += o.Partner
	c.events["consumer promoted"] += uint64(o.Promoted)
	for _, change := range o.Changes {
		if strings.HasSuffix(change, "<nil>") {
			c.events["change"]++
		} else {
			c.events["change refused"]++
		}
	}
	c.events["read"] += o.Snapshot.Ledger.Consumed
	c.events["merged by GRO"] += o.Snapshot.Ledger.Coalesced
	c.events["train of GRO"] += o.Trains
	c.events["held by GRO at the end"] += o.GROHeld
	for _, p := range o.Snapshot.Taps {
		switch {
		case p.Frames > 0:
			c.events["packet in a ring"] += p.Packets
			c.events["ring full"] += p.Drops
		default:
			c.events["packet of a packet socket"] += p.Packets
			c.events["packet socket full"] += p.SKDrops
		}
	}
	c.events["packet that a program took"] += o.Taps[0]
	c.events["timestamp"] += o.Taps[1]
	c.events["clone under the slot lock"] += o.Fanout.ClonesLocked
	c.events["clone"] += o.Fanout.ClonesUnlocked
	c.events["early demux"] += o.Fanout.DemuxHits
	c.events["wait for a slot lock"] += o.Fanout.SlotWaits
	c.events["clone that failed"] += o.Fanout.CloneFailures
	for _, d := range o.Snapshot.Devices {
		for _, s := range d.Stats {
			switch s.Name {
			case "tx_flow_control_xoff", "tx_flow_control_xon", "lsc_int", "rx_flow_control_xoff", "rx_flow_control_xon",
				"non_eop_descs", "alloc_rx_page_failed", "alloc_rx_buff_failed", "fdir_match", "fdir_miss":
				c.events[s.Name] += s.Value
			case "rx_no_buffer_count", "rx_fifo_errors", "rx_queue_0_drops":
				c.events["igb "+s.Name] += s.Value // 0 with ixgbe
			}
		}
	}
}

// neverHere are reasons that these worlds cannot produce, with why.
var neverHere = map[skb.DropReason]string{
	skb.NotDropped:      "not a reason",
	skb.IPInvalidSource: "sources are well-formed",
	skb.IPSourceRoute:   "sources send no options",
	skb.IPNoProto:       "sources send UDP",
	skb.NoMem:           "memory does not run out",
}

func (c *coverage) report(t *testing.T) {
	if t.Failed() || c.cases < differentialCases {
		return
	}
	for r := skb.DropReason(0); r < skb.NumReasons; r++ {
		if neverHere[r] == "" {
			t.Logf("%-28s %9d", "drop "+r.String(), c.drops[r])
			require.NotZero(t, c.drops[r], "no case dropped a packet for %v", r)
		}
	}
	for k := range ftrace.NumKinds {
		t.Logf("%-28s %9d", "event "+k.String(), c.events["event "+k.String()])
		if neverTraced[k] == "" {
			require.NotZero(t, c.events["event "+k.String()], "no case recorded a %v", k)
		}
	}
	for _, e := range []string{"packet in a ring", "ring full", "packet of a packet socket", "packet socket full", "packet that a program took", "timestamp", "time_squeeze", "softirq restart", "ksoftirqd wake-up", "task wake-up", "preemption", "received_rps", "flow_limit_count", "tick",
		"reschedule interrupt", "read", "packet steered to its reader", "flow moved to its reader", "flow kept by packets under way", "interrupt to free", "poll by a thread", "interrupt left masked", "busy loop", "BusyPollRxPackets", "poll that yielded to a socket", "socket that yielded to a poll", "bp_misses", "busy loop that found an instance taken", "missed interrupt", "clone under the slot lock", "clone", "early demux", "tx_flow_control_xoff", "tx_flow_control_xon",
		"rx_flow_control_xoff", "rx_flow_control_xon", "non_eop_descs", "alloc_rx_page_failed", "alloc_rx_buff_failed", "fdir_match", "fdir_miss",
		"wait for a slot lock", "clone that failed", "change", "change refused", "link partner lost", "lsc_int", "consumer promoted",
		"end of SO_RCVTIMEO or recvmmsg's timeout", "page fault", "wait for the socket's owner",
		"service by a worker", "full queue of workers, dropped", "full queue of workers, waited", "MemErrors", "lock_sock by a program",
		"igb rx_no_buffer_count", "igb rx_fifo_errors", "igb rx_queue_0_drops", "merged by GRO", "train of GRO", "held by GRO at the end",
		"datagram of fragments", "fragment overlap", "connection", "connection entered twice", "early drop of a connection",
		"sent", "sent by a program", "sent over lo", "sent over veth", "not taken by the other end", "sent in fragments", "written to a tap", "ICMP error that came back",
		"journey", "journey that ended early", "journey that was read", "journey over two CPUs", "journey of copies", "journey not over"} {
		t.Logf("%-28s %9d", e, c.events[e])
		require.NotZero(t, c.events[e], "no case saw a %s", e)
	}
}
