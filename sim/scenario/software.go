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

func (d *soft) validate(cpus int) error {
	errs := []error{
		cfgerr.Check(d.name != "" && d.name != "lo" && len(d.name) < 16, "name", d.name, "1 to 15 characters, and not lo"),
		cfgerr.Range("mtu", d.mtu, 68, 65535),
		cfgerr.Range("address", d.prefixLen, 0, 32),
	}
	for i, c := range d.rps {
		errs = append(errs, cfgerr.Range(fmt.Sprintf("rps[%d]", i), c, 0, cpus-1))
	}
	return errors.Join(errs...)
}

// ValidateDevices reports every fault of devices without hardware on a host with
// that many CPUs.
func ValidateDevices(veths []Veth, tuns []Tun, cpus int) error {
	var errs []error
	for i := range veths {
		for j := range veths[i] {
			e := &veths[i][j]
			errs = append(errs, cfgerr.Under(fmt.Sprintf("veths[%d][%d]", i, j), e.Conf.Validate()),
				cfgerr.Under(fmt.Sprintf("veths[%d][%d]", i, j), (&soft{e.Name, e.MTU, e.PrefixLen, e.RPS}).validate(cpus)))
		}
	}
	for i := range tuns {
		t := &tuns[i]
		errs = append(errs, cfgerr.Under(fmt.Sprintf("tuns[%d]", i), (&soft{t.Name, t.MTU, t.PrefixLen, t.RPS}).validate(cpus)))
	}
	return errors.Join(errs...)
}
