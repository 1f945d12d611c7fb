package sim

import (
	"fmt"
	"net/netip"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// In a world where everything is drawn, two CPUs hardly ever meet within the
// microsecond in which it matters, and if they do, something else often hides
// it. Some worlds are therefore made anew, with little in them but two
// interfaces, two CPUs that receive from them, and what these meet at.

// meetings makes one world in ten such a world.
func (w *world) meetings() {
	drawn := w.rnd
	w.rnd = engine.NewStream(w.seed, "meetings")
	if w.one(10) {
		w.bare()
		[]func(){w.wakeTogether, w.besiege, w.ration, w.beginTogether, w.chime, w.share}[w.pick(6)]()
	}
	w.rnd = drawn
}

// bare is a host whose two interfaces interrupt CPUs 0 and 1, and get the same
// frames at the same instants. Whoever reads is on other CPUs.
func (w *world) bare() {
	old := w.cfg
	w.cfg = Linux40()
	w.cfg.Seed, w.cfg.CPUs, w.cfg.HZ, w.cfg.TickPhase = w.seed, w.between(4, 6), old.HZ, old.TickPhase
	w.cfg.Kernel = []kernel.Profile{kernel.Linux40(), kernel.Linux40(), kernel.Linux310()}[w.pick(3)]
	w.cfg.IP.RPFilter = 0
	w.cfg.Costs = kernel.DefaultCosts()
	w.cfg.Costs.Each(func(_ string, c *kernel.Cost) { c.Fixed = c.Fixed * engine.Time(w.between(50, 150)) / 100 })
	w.cfg.NICs, w.cfg.Apps, w.traffic = nil, nil, nil
	w.grain, w.mangle, w.stray, w.contended, w.meddled = 0, 0, 0, false, false
	rate := 1000 * uint64(w.between(20_000, 200_000))
	for i := range 2 {
		n := DefaultNIC(fmt.Sprintf("eth%d", i))
		n.Addr = skb.Addr(0x0a000002 + i<<8)
		n.MAC[5] = byte(i)
		n.Combined, n.RXUsecs, n.Affinity = 1, 0, map[string][]int{"TxRx-0": {i}}
		w.cfg.NICs = append(w.cfg.NICs, n)
		c := traffic.DefaultConfig() // of one name: they draw the same
		c.Name, c.To, c.DstMAC = "feed", n.Name, n.MAC
		c.MilliPPS, c.Size, c.Dst = rate, law.Constant(128), netip.AddrPortFrom(group, port)
		w.traffic = append(w.traffic, c)
	}
}

// reader adds a program with sockets on the given ports.
func (w *world) reader(cpu int, with scenario.ReadMode, ports ...uint16) *scenario.App {
	a := scenario.App{Name: fmt.Sprintf("reader%d", cpu), CPUs: []int{cpu}}
	a.Read.With, a.Read.Batch = with, 1
	for _, p := range ports {
		s := socket.Config{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), p), ReuseAddr: true}
		for i := range w.cfg.NICs {
			s.Join = append(s.Join, socket.Join{Group: group, Device: w.cfg.NICs[i].Name})
		}
		a.Sockets = append(a.Sockets, s)
	}
	w.cfg.Apps = append(w.cfg.Apps, a)
	return &w.cfg.Apps[len(w.cfg.Apps)-1]
}

// wakeTogether lets both CPUs wake one reader, each through a socket of its own,
// so slowly that it has read and sleeps again before the second is done.
func (w *world) wakeTogether() {
	w.reader(3, []scenario.ReadMode{scenario.EpollRecvmsg, scenario.EpollRecvmmsg}[w.pick(2)], port, port+1)
	w.traffic[1].Dst = netip.AddrPortFrom(group, port+1)
	w.traffic[1].Start = w.span(10 * engine.Microsecond)
	k := &w.cfg.Costs
	k.IPI.Fixed, k.Wake.Fixed = w.span(5*engine.Microsecond), 2*engine.Microsecond+w.span(3*engine.Microsecond)
	k.IPILatency.Fixed = w.span(engine.Microsecond)
	for _, quick := range []*kernel.Cost{&k.Syscall, &k.Dequeue, &k.Copy, &k.RecvEmpty, &k.EpollWait, &k.Switch, &k.IdleExit, &k.Reschedule} {
		quick.Fixed = min(quick.Fixed, 300*engine.Nanosecond)
	}
}

// besiege lets three CPUs fill the backlog of a socket that its program owns
// again and again, so that it is full when one gets its lock, and was not when
// it came.
func (w *world) besiege() {
	w.contended = true
	a := w.reader(3, []scenario.ReadMode{scenario.Recvmsg, scenario.EpollRecvmsg, scenario.Never}[w.pick(3)], port)
	a.Sockets[0].RcvBuf = w.between(1000, 20_000)
	for i := range w.cfg.NICs {
		n := &w.cfg.NICs[i]
		n.UDPPortHash, n.RPS = true, map[string][]int{"rx-0": {0, 1, 2}}
		w.traffic[i].MilliPPS, w.traffic[i].Flows = 1000*uint64(w.between(500_000, 2_000_000)), 16
	}
}

// ration gives several readers on CPUs of their own less memory together than
// their buffers hold.
func (w *world) ration() {
	for cpu := 2; cpu < w.cfg.CPUs; cpu++ {
		a := w.reader(cpu, []scenario.ReadMode{scenario.Recvmsg, scenario.EpollRecvmsg}[w.pick(2)], port)
		a.Sockets[0].RcvBufForce = 100_000
		a.Read.Service = law.Constant(int64(w.span(5 * engine.Microsecond)))
	}
	pages := w.between(2, 40)
	w.cfg.Limits.UDPMem = [3]int{pages, pages, pages + w.pick(20)}
	w.cfg.Limits.UDPRmemMin = []int{4096, 1}[w.pick(2)]
	for i := range w.traffic {
		w.traffic[i].MilliPPS = 1000 * uint64(w.between(100_000, 500_000))
		w.traffic[i].Arrivals.Kind = traffic.Poisson
	}
}

// beginTogether shows both CPUs the first packet of a connection at once, again
// and again.
func (w *world) beginTogether() {
	ct := &w.cfg.IP.Conntrack
	ct.On, ct.Max, ct.Buckets = true, w.between(5, 20), []int{4, 64}[w.pick(2)]
	w.reader(3, scenario.Recvmsg, port)
	for i := range w.traffic {
		w.traffic[i].Flows = 500
	}
}

// chime lets ticks fall into the instants at which busy readers end their steps:
// all times are multiples of one grain, and the steps are a few of it.
func (w *world) chime() {
	for cpu := 2; cpu < w.cfg.CPUs; cpu++ {
		w.reader(cpu, []scenario.ReadMode{scenario.Recvmsg, scenario.EpollRecvmsg, scenario.Recvmmsg}[w.pick(3)], port)
	}
	w.end = 20 * engine.Millisecond
	w.round()
	for i := range w.traffic {
		w.traffic[i].MilliPPS = 1000 * uint64([]int{200_000, 1_000_000}[w.pick(2)])
	}
}

// share lets the readers of several CPUs take from one socket.
func (w *world) share() {
	a := w.reader(2, []scenario.ReadMode{scenario.Recvmsg, scenario.EpollRecvmsg, scenario.SpinRecvmsg}[w.pick(3)], port)
	for cpu := 3; cpu < w.cfg.CPUs; cpu++ {
		a.CPUs = append(a.CPUs, cpu)
	}
	a.Shared = true
	a.Sockets[0].RcvBuf = w.between(2000, 50_000)
	a.Read.Service = law.Constant(int64(w.span(5 * engine.Microsecond)))
}
