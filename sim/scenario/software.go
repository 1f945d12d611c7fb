package scenario

import (
	"errors"
	"fmt"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A Veth is a pair of virtual Ethernet devices: what one end sends the other
// receives.
type Veth [2]VethEnd

// VethEnd is one end of a pair.
type VethEnd struct {
	Name string
	// Namespace is the network namespace that it lives in, "" for the host's own.
	Namespace string
	nic.VethConfig
	MTU       int
	Addr      skb.Addr
	PrefixLen int
	// Conf holds net.ipv4.conf.NAME.
	Conf ipstack.DeviceConf
	// Ingress are the filters of its ingress hook (CORE-4.5).
	Ingress []ipstack.Rule
	// RPS are the CPUs of rps_cpus of its only queue.
	RPS []int
	// Mirror are interfaces of the same namespace by which every packet goes out first, in this order, before it goes
	// out by this one (tc, act_mirred). A name may stand there more than once.
	Mirror []string
	Taps   []Tap
}

// A Tun is a tap device of the host's own namespace.
type Tun struct {
	Name string
	nic.TunConfig
	MTU       int
	Addr      skb.Addr
	PrefixLen int
	RPS       []int
}

// soft is what all devices without hardware have.
type soft struct {
	name      string
	mtu       int
	prefixLen int
	rps       []int
}

func (d *soft) validate(h *Host) error {
	return errors.Join(
		cfgerr.Check(d.name != "" && d.name != "lo" && len(d.name) < 16, "name", d.name, "1 to 15 characters, and not lo"),
		cfgerr.Range("mtu", d.mtu, 68, 65535),
		cfgerr.Range("address", d.prefixLen, 0, 32),
		h.checkMask("rps", d.rps))
}

// validateSoftware reports every fault of devices without hardware, and of the
// processes that send over them. known has the names of the devices that there
// are in the host's own namespace, and gets those of these.
func (s *Scenario) validateSoftware(known map[string]bool) error {
	var errs []error
	cpus := s.Host.CPUs
	taps, namespaces := map[string]bool{}, map[string]bool{"": true}
	own := func(at, name string) {
		errs = append(errs, cfgerr.Check(!known[name], at+".name", name, "a name of its own"))
		known[name] = true
	}
	for i := range s.Veths {
		for j, key := range []string{"end", "peer"} {
			e, at := &s.Veths[i][j], fmt.Sprintf("veths[%d].%s", i, key)
			errs = append(errs, cfgerr.Under(at, e.Conf.Validate()),
				cfgerr.Under(at, (&soft{e.Name, e.MTU, e.PrefixLen, e.RPS}).validate(&s.Host)))
			for k := range e.Taps {
				errs = append(errs, cfgerr.Under(fmt.Sprintf("%s.taps[%d]", at, k), e.Taps[k].validate(cpus)))
			}
			if namespaces[e.Namespace] = true; e.Namespace == "" {
				own(at, e.Name)
			}
		}
	}
	for i := range s.Tuns {
		t, at := &s.Tuns[i], fmt.Sprintf("tuns[%d]", i)
		errs = append(errs, cfgerr.Under(at, (&soft{t.Name, t.MTU, t.PrefixLen, t.RPS}).validate(&s.Host)))
		own(at, t.Name)
		taps[t.Name] = true
	}
	names := map[string]bool{}
	for i := range s.Senders {
		p, at := &s.Senders[i], fmt.Sprintf("senders[%d]", i)
		errs = append(errs, cfgerr.Under(at, p.validate(cpus, taps, namespaces)),
			cfgerr.Check(!names[p.Name], at+".name", p.Name, "a name of its own"))
		names[p.Name] = true
	}
	return errors.Join(errs...)
}
