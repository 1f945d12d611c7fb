package sim

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/napi"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/units"
)

// Config returns what the host is configured as now.
func (h *Host) Config() Config { return h.cfg.clone() }

// clone returns a copy that can be edited.
func (c *Config) clone() Config {
	out := *c
	out.NICs = slices.Clone(c.NICs)
	for i := range out.NICs {
		n := &out.NICs[i]
		n.Affinity, n.RPS, n.RPSFlowCnt = maps.Clone(n.Affinity), maps.Clone(n.RPS), maps.Clone(n.RPSFlowCnt)
	}
	return out
}

// Change makes the host what edit makes of its configuration, as an operator
// does with sysctl, ethtool and ip, and with the side effects that the kernel
// gives it: another ring size resets the adapter and loses what the rings hold
// (RX-2), other channels begin their counters at zero (RX-38), and so on. What
// the kernel refuses, and what no operator can change while a host runs, is an
// error, and nothing changes.
//
//	err := h.Change(func(c *sim.Config) { c.NICs[0].RXRing = 4096 })
func (h *Host) Change(edit func(*Config)) error {
	want := h.cfg.clone()
	edit(&want)
	host, nics, err := scenario.Become(&h.cfg.Host, h.cfg.NICs, &want.Host, want.NICs)
	if err != nil {
		return err
	}
	h.become(host, nics)
	return nil
}

// Set changes one setting, by the path that --set takes, as Change does:
// h.Set("nics[eth0].ring.rx", "4096"), h.Set("net.core.netdev_budget", "600").
func (h *Host) Set(path, value string) error {
	return h.apply(&scenario.Change{Set: []scenario.Setting{{Path: path, Value: value}}})
}

// apply makes a change of a scenario.
func (h *Host) apply(c *scenario.Change) error {
	host, nics, err := c.After(&h.cfg.Host, h.cfg.NICs)
	if err != nil {
		return err
	}
	h.become(host, nics)
	return nil
}

// become makes the host what host and nics say: the sysctls first, then one
// interface after the other.
func (h *Host) become(host scenario.Host, nics []scenario.NIC) {
	h.cfg.Host = host
	if err := h.softnet.Configure(host.Softirq); err != nil {
		panic("sim: " + err.Error()) // Become has seen the sizes
	}
	if host.Softirq.RPSSockFlowEntries > 0 {
		h.sockets.RecordFlow = h.softnet.RecordFlow
	}
	h.ip.Configure(host.IP)
	h.sockets.Memory.Limits = host.Limits
	for i := range nics {
		h.becomeNIC(i, &nics[i])
	}
	h.promote()
}

// becomeNIC changes one interface.
func (h *Host) becomeNIC(i int, next *scenario.NIC) {
	p, was := h.ports[i], h.cfg.NICs[i]
	dev, _ := h.ip.DeviceNamed(was.Name)
	h.cfg.NICs[i] = *next
	dev.MTU, dev.Conf, dev.GRO = next.MTU, next.Conf, next.GRO
	gro := h.gro[was.Name]
	gro.On, gro.NormalBatch = next.GRO, h.cfg.Softirq.GRONormalBatch
	gro.Forwarding, gro.FragList = next.GROUDPForwarding, next.GROFragList
	if linkUp(&was) != linkUp(next) {
		c := h.cores[0] // the default affinity: nobody hints at a CPU for this interrupt
		c.Promote()
		p.BindOther(c, h.cfg.CPUs)
	}
	made, vectors := len(h.napis), p.Vectors()
	if p.Become(next.Config, h.now) {
		h.deleteNAPIs(p.Name(), h.napis[:made])
		for _, v := range vectors {
			h.napiTable.Del(v.NAPIID())
		}
		h.placeVectors(p, next)
		if next.Threaded && h.profile.NAPIThreaded {
			h.makeThreads(p, h.napis[made:])
		}
	} else {
		h.placeVectors(p, next)
	}
	h.placeRPS(p, dev, next.RPS)
	h.placeFlowTables(dev, was.RPSFlowCnt, next.RPSFlowCnt)
}

// deleteNAPIs frees what the instances hold that an interface no longer has.
func (h *Host) deleteNAPIs(device string, old []*napi.Instance) {
	for _, in := range old {
		if in.Name == device {
			in.Delete()
		}
	}
}

func linkUp(n *scenario.NIC) bool { return !n.Down && !n.NoCarrier }

// promote makes actors of the consumers that can be disturbed now.
func (h *Host) promote() {
	busy := h.busy()
	h.meet(busy)
	for i, b := range busy {
		if b {
			h.cores[i].Promote()
		}
	}
}

// WriteFile does what writing text to a file of the host's tree does:
//
//	proc/irq/N/smp_affinity, smp_affinity_list
//	sys/class/net/IF/queues/rx-N/rps_cpus, rps_flow_cnt
//	sys/class/net/IF/mtu
//	proc/sys/net/core/netdev_budget and all other sysctls
//
// in the kernel's own notation (RPS-1a). Other files cannot be written.
func (h *Host) WriteFile(name, text string) error {
	text = strings.TrimSpace(text)
	if key, ok := strings.CutPrefix(name, "proc/sys/"); ok {
		return h.Set(strings.ReplaceAll(key, "/", "."), text)
	}
	parts := strings.Split(name, "/")
	switch {
	case len(parts) == 4 && parts[0] == "proc" && parts[1] == "irq":
		return h.writeAffinity(name, parts[2], parts[3], text)
	case len(parts) == 5 && strings.HasPrefix(name, "sys/class/net/") && parts[4] == "mtu":
		return h.Set("nics["+parts[3]+"].mtu", text)
	case len(parts) == 7 && strings.HasPrefix(name, "sys/class/net/") && parts[4] == "queues" && parts[6] == "rps_cpus":
		return h.Set("nics["+parts[3]+"].rps."+parts[5], strconv.Quote(text))
	case len(parts) == 7 && strings.HasPrefix(name, "sys/class/net/") && parts[4] == "queues" && parts[6] == "rps_flow_cnt":
		return h.Set("nics["+parts[3]+"].rps_flow_cnt."+parts[5], text)
	}
	return fmt.Errorf("sim: %s: no file that can be written: proc/sys/net/..., proc/irq/N/smp_affinity, queues/rx-N/rps_cpus, queues/rx-N/rps_flow_cnt, mtu", name)
}

// writeAffinity models irq_affinity_proc_write and irq_affinity_list_proc_write.
func (h *Host) writeAffinity(name, number, file, text string) error {
	parse := map[string]func(string) ([]int, error){"smp_affinity": units.ParseCPUMask, "smp_affinity_list": units.ParseCPUList}[file]
	if parse == nil {
		return fmt.Errorf("sim: %s: no file that can be written: smp_affinity or smp_affinity_list", name)
	}
	cpus, err := parse(text)
	if err != nil {
		return fmt.Errorf("sim: %s: %w (EINVAL)", name, err)
	}
	for i, p := range h.ports {
		for k, v := range p.Vectors() {
			if strconv.Itoa(h.irqNumber(p, k)) == number {
				return h.Change(func(c *Config) {
					n := &c.NICs[i]
					if n.Affinity == nil {
						n.Affinity = map[string][]int{}
					}
					n.Affinity[v.Label()] = cpus
				})
			}
		}
	}
	return &cfgerr.Error{Path: path.Dir(name), Value: number, Want: "the number of a queue vector's interrupt"}
}

// irqNumber returns the number of the nth queue vector of a port.
func (h *Host) irqNumber(port *nic.Port, n int) int {
	next := firstIRQ
	for _, p := range h.ports {
		if p.OtherFirst() {
			next++
		}
		if p == port {
			return next + n
		}
		if next += len(p.Vectors()); p.OtherLast() {
			next++
		}
	}
	return next
}
