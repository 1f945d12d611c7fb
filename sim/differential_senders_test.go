package sim

import (
	"fmt"
	"net/netip"

	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

// The devices without hardware of random worlds.
var (
	worldVeth = netip.AddrPortFrom(netip.MustParseAddr("10.77.0.2"), port)
	worldLo   = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
)

// senders gives some worlds a pair of veth devices, a tap device, and processes
// that send over them and over lo.
func (w *world) senders() {
	drawn := w.rnd
	w.rnd = engine.NewStream(w.seed, "senders")
	if w.one(4) && w.cfg.IP.IPFragTime > 1 { // the worlds with fragments have enough to do
		end := nic.VethConfig{MAC: skb.MAC{2, 0, 0, 0, 0x77, 2}, GRO: w.one(2)}
		if w.one(6) {
			end.XDP = nic.XDPDrop
		}
		peer := nic.VethConfig{MAC: skb.MAC{2, 0, 0, 0, 0x77, 1}, TSO: w.one(3), USO: w.one(3)}
		pair := scenario.Veth{
			{Name: "veth0", MTU: 1500, Addr: 0x0a4d0002, PrefixLen: 24, VethConfig: end},
			{Name: "veth1", Namespace: "tx", MTU: 1500, Addr: 0x0a4d0001, PrefixLen: 24, VethConfig: peer},
		}
		if w.one(3) {
			pair[0].RPS = []int{w.pick(w.cfg.CPUs)}
		}
		if w.one(3) {
			pair[1].Mirror = []string{"veth1", "veth1", "veth1", "veth1"}
		}
		w.cfg.Veths = []scenario.Veth{pair}
		w.cfg.Tuns = []scenario.Tun{{Name: "tap0", MTU: 1500, Addr: 0x0a4e0002, PrefixLen: 24,
			TunConfig: nic.TunConfig{MAC: skb.MAC{2, 0, 0, 0, 0x78, 2}, NAPI: w.one(2)}}}
		for range w.between(1, 3) {
			w.cfg.Senders = append(w.cfg.Senders, w.pick(w.cfg.CPUs))
		}
		if w.one(2) {
			w.cfg.Sending = w.sending()
		}
		if w.one(2) {
			w.cfg.Kernel = []kernel.Profile{kernel.Linux61(), kernel.Linux618()}[w.pick(2)]
		}
	}
	w.rnd = drawn
}

// sending are processes that send by themselves: over lo, over veth, to the tap device.
func (w *world) sending() (out []scenario.Sender) {
	for i := range w.between(1, 3) {
		s := scenario.Sender{Name: fmt.Sprint("program", i), CPU: w.pick(w.cfg.CPUs), Local: netip.MustParseAddrPort("10.77.0.1:41000"), Payload: law.Constant(int64(w.pick(300))),
			Pace: traffic.Config{MilliPPS: uint64(w.between(1, 400)) * 1_000_000, Arrivals: traffic.Arrivals{Kind: traffic.Poisson}, Start: engine.Time(w.pick(200)) * engine.Microsecond}}
		switch w.pick(3) {
		case 0:
			s.Dst, s.Local = worldLo, netip.MustParseAddrPort("127.0.0.1:41000")
		case 1:
			s.Dst, s.Namespace, s.Segment = worldVeth, "tx", w.pick(100)
		default:
			s.Dst, s.Tap = netip.AddrPortFrom(netip.MustParseAddr("10.78.0.2"), port), "tap0"
		}
		out = append(out, s)
	}
	return out
}

// sendings adds what processes send to the instants of a run.
func (w *world) sendings(h *Host, out []instant) []instant {
	r := engine.NewStream(w.seed, "sendings")
	var from [][3]*Sender // by CPU: over lo, over veth, to the tap device
	for _, c := range w.cfg.Senders {
		one := func(namespace, local string) *Sender {
			s, err := h.NewSender(SenderConfig{Name: "sender", Namespace: namespace, CPU: c, Local: netip.MustParseAddrPort(local)})
			if err != nil {
				panic(err)
			}
			return s
		}
		from = append(from, [3]*Sender{one("", "127.0.0.1:40000"), one("tx", "10.77.0.1:40000"), one("", "0.0.0.0:40000")})
	}
	for range 4 + r.Below(40) {
		s := from[r.Below(uint64(len(from)))]
		n := int(r.Below(200))
		at := w.rounded(engine.Time(r.Below(uint64(w.end))))
		do := []func() error{
			func() error { return s[0].Send(worldLo, n) },
			func() error { return s[0].SendSegments(worldLo, 10*(n+1), n+1) },
			func() error { return s[1].Send(worldVeth, n) },
			func() error { return s[1].Send(worldVeth, 20*n) },
			func() error { return s[1].SendSegments(worldVeth, 64*(n+1), n+1) },
			func() error {
				f := skb.NewUDP(skb.MAC{2, 0, 0, 0, 0x78, 2}, netip.MustParseAddrPort("10.78.0.1:40000"), netip.AddrPortFrom(netip.MustParseAddr("10.78.0.2"), port), n)
				return s[2].SendFrame("tap0", f)
			},
		}[r.Below(6)]
		out = append(out, instant{t: at, lock: func() {
			if err := do(); err != nil {
				panic(err)
			}
		}})
	}
	return out
}

// sentBy counts what processes of a host have sent, by how it went.
func sentBy(h *Host) map[string]uint64 {
	out := map[string]uint64{}
	own, _ := h.Namespace("")
	lo, _ := h.Link("", "lo")
	out["sent over lo"] = lo.TXPackets
	out["sent"] = own.UDP.OutDatagrams
	for _, s := range h.sending {
		out["sent by a program"] += s.Sent()
	}
	if tx, ok := h.Namespace("tx"); ok {
		veth, _ := h.Link("tx", "veth1")
		tap, _ := h.Link("", "tap0")
		out["sent over veth"], out["not taken by the other end"] = veth.TXPackets, veth.TXDropped
		out["sent in fragments"] = tx.IP.FragOKs
		out["written to a tap"] = tap.RXPackets
		out["ICMP error that came back"] = tx.ICMP.InDestUnreachs
	}
	return out
}
