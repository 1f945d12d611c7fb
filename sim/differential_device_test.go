package sim

import (
	"net/netip"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// stack puts devices on the interfaces of some worlds: bonds, bridges, macvlans,
// VLAN devices on those, with ingress filters, packet sockets and RPS masks. It
// draws from a stream of its own.
func (w *world) stack() {
	drawn := w.rnd
	w.rnd = engine.NewStream(w.seed, "stack")
	defer func() { w.rnd = drawn }()
	if w.one(4) {
		w.cfg.NICs[w.pick(len(w.cfg.NICs))].Ingress = w.ingress()
	}
	if w.one(6) {
		w.cfg.Taps = append(w.cfg.Taps, w.tap())
	}
	if w.traffic[0].MTU > 0 && !w.one(4) {
		a, b := &w.traffic[0], &w.traffic[1] // their fragments mix, and a router marked some (FR-8)
		b.To, b.Src, b.Dst, b.DstMAC, b.VLAN = a.To, a.Src, a.Dst, a.DstMAC, a.VLAN
		b.MilliPPS, b.Flows, b.Arrivals = a.MilliPPS, a.Flows, a.Arrivals // so that they have the same identifications
		a.TOS, b.TOS = 0, 3
	}
	switch w.pick(8) {
	case 0:
		w.bond()
	case 1, 2:
		w.bridge()
	case 3, 4:
		w.macvlans()
	default:
		return
	}
	if w.one(3) {
		under := w.cfg.Devices[0].Name
		w.cfg.Devices = append(w.cfg.Devices, scenario.Device{Name: under + ".7", Addr: 0x0a090202, PrefixLen: 24, VLAN: &scenario.VLAN{Device: under, ID: 7}})
		w.traffic[0].VLAN = 7
	}
	for i := range w.cfg.Devices {
		d := &w.cfg.Devices[i]
		if w.one(3) {
			d.Ingress = w.ingress()
		}
		if w.one(3) {
			d.RPS = []int{w.pick(w.cfg.CPUs)}
		}
		if w.one(4) {
			d.Taps = append(d.Taps, w.tap())
		}
	}
	w.joinDevices()
	if w.one(2) {
		w.stray = uint64(w.between(2, 30))
	}
}

func (w *world) ingress() []ipstack.Rule {
	return []ipstack.Rule{{DstPort: port + 1, DropPPM: 1_000_000}, {DropPPM: uint32(w.between(0, 400_000))}}
}

func (w *world) tap() scenario.Tap {
	t := scenario.Tap{RcvBuf: w.between(1000, 50_000), PerPacket: w.rounded(w.span(3 * engine.Microsecond))}
	if w.one(2) {
		t.Kind, t.Frames, t.FrameSize = ipstack.TPacketRcv, w.between(1, 64), 128*w.between(1, 16)
	}
	if w.one(3) {
		t.EtherType = []uint16{skb.EtherTypeIPv4, 0x1234}[w.pick(2)]
	}
	return t
}

// capturing gives packet sockets programs that run as tasks, and filters, and
// turns timestamps on. It draws from a stream of its own.
func (w *world) capturing() {
	drawn := w.rnd
	w.rnd = engine.NewStream(w.seed, "capturing")
	defer func() { w.rnd = drawn }()
	if w.one(6) {
		w.cfg.Softirq.TstampPrequeue = w.pick(2)
		for i := range w.cfg.Apps {
			for k := range w.cfg.Apps[i].Sockets {
				w.cfg.Apps[i].Sockets[k].Timestamp = w.one(2)
			}
		}
	}
	if w.one(6) {
		w.cfg.NICs[0].RXVLANOffload = false
	}
	lists := [][]scenario.Tap{w.cfg.Taps}
	for i := range w.cfg.NICs {
		lists = append(lists, w.cfg.NICs[i].Taps)
	}
	for i := range w.cfg.Devices {
		lists = append(lists, w.cfg.Devices[i].Taps)
	}
	for _, taps := range lists {
		for i := range taps {
			t := &taps[i]
			if w.one(3) {
				t.Task, t.CPU, t.Nice = true, w.pick(w.cfg.CPUs), []int{0, -5, 5}[w.pick(3)]
				t.PerPacket = max(t.PerPacket, w.rounded(1))
			}
			if w.one(4) {
				t.SnapLen, t.Filter = w.between(1, 100), []string{"6 0 0 96"}
				w.cfg.OpenFilter = thirds
			}
		}
	}
}

// thirds is a filter that ignores some packets, by their length.
func thirds([]string) (func(*skb.Buff, int, int32) int, error) {
	return func(b *skb.Buff, _ int, _ int32) int {
		if b.Len%3 == 0 {
			return 0
		}
		return int(b.Len)
	}, nil
}

func (w *world) bond() {
	b := &scenario.Bond{BondConfig: ipstack.BondConfig{Mode: ipstack.BondMode(w.pick(len(ipstack.BondModes()))), AllSlavesActive: w.one(4)}}
	for i := range w.cfg.NICs {
		b.Slaves = append(b.Slaves, w.cfg.NICs[i].Name)
	}
	w.cfg.Devices = append(w.cfg.Devices, scenario.Device{Name: "bond0", Addr: 0x0a090002, PrefixLen: 24, Bond: b})
	for i := range w.traffic {
		w.traffic[i].DstMAC = w.cfg.NICs[0].MAC
	}
}

func (w *world) bridge() {
	b := &scenario.Bridge{BridgeConfig: ipstack.BridgeConfig{STP: w.one(2), GroupFwdMask: uint16(w.pick(2)) << 14}}
	for i := range w.cfg.NICs {
		state := ipstack.PortForwarding
		if w.one(4) {
			state = ipstack.PortState(w.pick(len(ipstack.PortStates())))
		}
		b.Ports = append(b.Ports, scenario.BridgePort{Device: w.cfg.NICs[i].Name, State: state})
	}
	w.cfg.Devices = append(w.cfg.Devices, scenario.Device{Name: "br0", Addr: 0x0a090002, PrefixLen: 24, Bridge: b})
}

// macvlans puts some on the first interface, and lets a source send to one.
func (w *world) macvlans() {
	mac := skb.MAC{2, 0, 0, 9, 9, 0}
	for i := range w.between(1, 3) {
		mac[5] = byte(i)
		w.cfg.Devices = append(w.cfg.Devices, scenario.Device{Name: "mv" + string(rune('0'+i)), Addr: skb.Addr(0x0a090002 + i<<8), PrefixLen: 24,
			Macvlan: &scenario.Macvlan{Device: w.cfg.NICs[0].Name, Mode: ipstack.MacvlanMode(w.pick(3)), MAC: mac, Down: w.one(4)}})
	}
	if w.one(2) {
		c := &w.traffic[0]
		c.To, c.DstMAC = w.cfg.NICs[0].Name, mac
		if w.one(2) {
			c.Dst = netip.AddrPortFrom(w.cfg.Devices[0].Addr.Netip(), port)
		}
	}
}

// joinDevices lets some sockets listen on the devices, too.
func (w *world) joinDevices() {
	for i := range w.cfg.Apps {
		for k := range w.cfg.Apps[i].Sockets {
			s := &w.cfg.Apps[i].Sockets[k]
			for _, d := range w.cfg.Devices {
				if w.one(2) {
					s.Join = append(s.Join, socket.Join{Group: group, Device: d.Name})
				}
			}
		}
	}
}

// A strayed source makes every so-many-th frame one that is for a switch, or
// from nobody.
type strayed struct {
	skb.FrameSource
	every, n uint64
	heads    map[*skb.Header]*[3]skb.Header
}

// Fill implements skb.FrameSource.
func (s *strayed) Fill(out []skb.Frame) int {
	n := s.FrameSource.Fill(out)
	for i := range out[:n] {
		f := &out[i]
		if s.n++; s.n%s.every != 0 {
			continue
		}
		h := s.heads[f.Head]
		if h == nil {
			h = &[3]skb.Header{*f.Head, *f.Head, *f.Head}
			h[0].SrcMAC = skb.MAC{}
			h[1].DstMAC = skb.MAC{1, 0x80, 0xc2, 0, 0, 1}
			h[2].DstMAC = skb.MAC{1, 0x80, 0xc2, 0, 0, 14}
			s.heads[f.Head] = h
		}
		f.Head = &h[s.n/s.every%3]
	}
	return n
}
