package sim

import (
	"errors"
	"fmt"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/napi"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// softEnv joins a device without hardware: nic ─▶ softirq, nic ─▶ napi.
func (h *Host) softEnv(number int32, gro bool, headroom uint16) nic.SoftEnv {
	g := h.newGRO(gro, h.spaces[number>>nsShift])
	g.Headroom = func() uint16 { return headroom }
	return nic.SoftEnv{
		Profile: &h.profile, Costs: &h.costs, Ledger: &h.ledger, IfIndex: number, GRO: g,
		NetifRX: func(c *cpu.Core, b *skb.Buff) skb.DropReason { return h.softnet.CPUs[c.ID()].NetifRX(c, b) },
		Receive: h.netifReceiveSKB,
		NAPI: func(device string, r nic.Ring) nic.NAPI {
			in := napi.New(device, r)
			in.GRO = g
			h.soft = append(h.soft, in)
			if h.profile.NAPIBusyLoop {
				h.napiTable.Add(in)
			}
			in.Raise = func(c *cpu.Core, in *napi.Instance) { h.softnet.CPUs[c.ID()].Schedule(in) }
			return in
		},
	}
}

// addLoopback gives a namespace its lo.
func (ns *namespace) addLoopback() {
	ns.setTransmitter(loIndex, nic.NewLoopback(ns.host.softEnv(ns.number(loIndex), false, 0)))
}

// addDevice registers an interface in a namespace.
func (ns *namespace) addDevice(name string, mac skb.MAC, mtu int, addr skb.Addr, prefixLen int, rps []int) *ipstack.Device {
	d := ns.ip.AddDevice(name, mac, mtu, addr, prefixLen)
	if cpus := ns.host.cfg.Online(rps); len(cpus) > 0 {
		d.SetRPS(0, cpus)
		ns.host.softnet.RPS = true
	}
	return d
}

// addVeths makes the pairs of virtual Ethernet devices, in any namespaces.
func (h *Host) addVeths() error {
	for i := range h.cfg.Veths {
		ends := &h.cfg.Veths[i]
		var names [2]string
		var cfgs [2]nic.VethConfig
		var envs [2]nic.SoftEnv
		var in [2]*namespace
		var index [2]int32
		for j := range ends {
			e := &ends[j]
			in[j] = h.namespaceNamed(e.Namespace)
			if _, err := in[j].ip.DeviceNamed(e.Name); err == nil {
				return &cfgerr.Error{Path: fmt.Sprintf("veths[%d].%s.name", i, [...]string{"end", "peer"}[j]), Value: e.Name, Want: "a name of its own"}
			}
			d := in[j].addDevice(e.Name, skb.MAC(e.MAC), e.MTU, e.Addr, e.PrefixLen, e.RPS)
			d.Conf = e.Conf
			d.SetIngress(e.Ingress)
			names[j], cfgs[j], index[j] = e.Name, e.VethConfig, d.Index
			envs[j] = h.softEnv(in[j].number(d.Index), e.GRO, llReserved-skb.EthHeader)
		}
		pair := nic.NewVeth(names, cfgs, envs)
		for j := range pair {
			in[j].setTransmitter(index[j], pair[j])
		}
	}
	return h.addMirrors()
}

// addMirrors lets what an interface sends go out by others first.
func (h *Host) addMirrors() error {
	for i := range h.cfg.Veths {
		for j := range h.cfg.Veths[i] {
			e := &h.cfg.Veths[i][j]
			if len(e.Mirror) == 0 {
				continue
			}
			ns := h.namespaceNamed(e.Namespace)
			own, _ := ns.ip.DeviceNamed(e.Name)
			from := ns.transmitterOf(own.Index)
			for k, name := range e.Mirror {
				d, err := ns.ip.DeviceNamed(name)
				if err != nil || ns.transmitterOf(d.Index) == nil {
					return &cfgerr.Error{Path: fmt.Sprintf("veths[%d].%s.mirror[%d]", i, [...]string{"end", "peer"}[j], k), Value: name, Want: "an interface of the same namespace that sends"}
				}
				if h.mirrors == nil {
					h.mirrors = map[transmitter][]transmitter{}
				}
				h.mirrors[from] = append(h.mirrors[from], ns.transmitterOf(d.Index))
			}
		}
	}
	return nil
}

// addTuns makes the tap devices, in the host's own namespace.
func (h *Host) addTuns() error {
	ns := h.spaces[0]
	for i := range h.cfg.Tuns {
		t := &h.cfg.Tuns[i]
		if _, err := ns.ip.DeviceNamed(t.Name); err == nil {
			return &cfgerr.Error{Path: fmt.Sprintf("tuns[%d].name", i), Value: t.Name, Want: "a name of its own"}
		}
		d := ns.addDevice(t.Name, skb.MAC(t.MAC), t.MTU, t.Addr, t.PrefixLen, t.RPS)
		ns.setTransmitter(d.Index, nic.NewTun(t.Name, t.TunConfig, h.softEnv(ns.number(d.Index), true, nic.TunOverhead)))
	}
	return nil
}

// senderCPUs marks the CPUs on which processes may send, or receive what others
// sent: their softirqs run there.
func (h *Host) senderCPUs(busy []bool) {
	for _, c := range h.cfg.Senders {
		busy[c] = true
	}
	for i := range h.cfg.Sending {
		busy[h.cfg.Sending[i].CPU] = true
	}
	mark := func(mask []int) {
		for _, c := range h.cfg.Online(mask) {
			busy[c] = true
		}
	}
	for i := range h.cfg.Veths {
		for j := range h.cfg.Veths[i] {
			mark(h.cfg.Veths[i][j].RPS)
		}
	}
	for i := range h.cfg.Tuns {
		mark(h.cfg.Tuns[i].RPS)
	}
}

// validateSenders reports CPUs that there are not.
func validateSenders(cfg *Config) error {
	var errs []error
	for i, c := range cfg.Senders {
		errs = append(errs, cfgerr.Range(fmt.Sprintf("senders[%d]", i), c, 0, cfg.CPUs-1))
	}
	return errors.Join(errs...)
}

// liveInDevices returns how many packets devices without hardware hold.
func (h *Host) liveInDevices() (n uint64) {
	for _, ns := range h.spaces {
		for _, d := range ns.devices {
			if d != nil {
				n += uint64(d.Live())
			}
		}
	}
	return n
}

// liveInGRO returns how many packets GRO holds.
func (h *Host) liveInGRO() (n uint64) {
	for _, in := range h.napis {
		n += in.Held()
	}
	for _, in := range h.soft {
		n += in.Held()
	}
	return n
}

// openVethTaps opens the packet sockets of the ends that are in the host's own
// namespace.
func (h *Host) openVethTaps() error {
	for i := range h.cfg.Veths {
		for j := range h.cfg.Veths[i] {
			e := &h.cfg.Veths[i][j]
			if e.Namespace != "" || len(e.Taps) == 0 {
				continue
			}
			dev, _ := h.ip.DeviceNamed(e.Name)
			if err := h.openTaps(dev, e.Taps); err != nil {
				return err
			}
		}
	}
	return nil
}
