package verify

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// addRoute adds a route of the receiver's namespace.
func (m *model) addRoute(cfg *sim.Config, prefix, device string) error {
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return notReplayable("setup.note: " + err.Error())
	}
	index := map[string]int32{"lo": 1, m.c.setup.Env.RXDev: 2}[device]
	if index == 0 {
		return notReplayable(fmt.Sprintf("setup.note: no device %q", device))
	}
	cfg.IP.Routes = append(cfg.IP.Routes, ipstack.Route{Dst: skb.AddrFrom(p.Addr()), PrefixLen: p.Bits(), IfIndexes: []int32{index}})
	return nil
}

// addXDP attaches an XDP program to the receiving device.
func (m *model) addXDP(cfg *sim.Config, action, mode string) error {
	switch {
	case len(cfg.Veths) == 0:
		return notReplayable("setup.note: XDP on " + m.c.setup.Env.Kind)
	case mode == "generic" && action == "DROP": // in the receive core, where the ingress hook is
		cfg.Veths[0][0].Ingress = []ipstack.Rule{{DropPPM: 1_000_000}}
		m.ingress = "NOT_SPECIFIED"
		return nil
	case mode == "generic":
		return nil
	}
	cfg.Veths[0][0].XDP = map[string]nic.XDP{"DROP": nic.XDPDrop, "PASS": nic.XDPPass}[action]
	return nil
}

// deviceSysctl sets net.ipv4.conf of the receiving device.
func (m *model) deviceSysctl(cfg *sim.Config, key, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil {
		return notReplayable("setup.note: " + err.Error())
	}
	conf := &cfg.Veths[0][0].Conf
	switch key {
	case "rp_filter":
		conf.RPFilter = n
	case "accept_local":
		conf.AcceptLocal = n != 0
	case "route_localnet":
		conf.RouteLocalnet = n != 0
	case "accept_source_route":
		conf.RefuseSourceRoute = n == 0
	default:
		return notReplayable(fmt.Sprintf("setup.note: the model has no setting %q of a device", key))
	}
	return nil
}

// firewall adds the recorder's rule: it is about the receiver's port.
func (m *model) firewall(cfg *sim.Config, hook, verdict string) error {
	r := ipstack.Rule{DstPort: receiverPort, DropPPM: 1_000_000}
	if verdict == "reject" {
		r.Verdict = ipstack.Reject
	}
	switch hook {
	case "prerouting":
		r.Hook = ipstack.PreRouting
	case "input":
		r.Hook = ipstack.LocalIn
	case "ingress":
		if len(cfg.Veths) == 0 || r.Verdict == ipstack.Reject {
			return notReplayable("description: a firewall at " + hook)
		}
		cfg.Veths[0][0].Ingress = []ipstack.Rule{r}
		m.ingress = "NETFILTER_DROP"
		return nil
	}
	cfg.IP.Netfilter = append(cfg.IP.Netfilter, r)
	return nil
}
