package traffic

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"net/netip"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Bounds of a Config.
const (
	// MaxMilliPPS is the largest rate, in thousandths of a frame per second: 2 Gpps.
	MaxMilliPPS = 2_000_000_000_000
	// MinSize and MaxSize bound the length of a frame with FCS: the least of
	// Ethernet, and the largest that a port takes (RX-21), with a VLAN tag.
	MinSize = 64
	MaxSize = 9728 + skb.VLANHeader
	// MinMTU is the least that IPv4 allows a link (RFC 791).
	MinMTU = 68
	// maxPayload is the longest UDP payload that IPv4 carries.
	maxPayload = 65535 - skb.IPHeader - skb.UDPHeader
	// MaxBurst is the largest mean length of a burst.
	MaxBurst = 1_000_000_000
)

// pps prints a rate in thousandths of a frame per second.
type pps uint64

func (p pps) String() string {
	s := fmt.Sprint(uint64(p) / 1000)
	if p%1000 != 0 {
		s += fmt.Sprintf(".%03d", p%1000)
	}
	return s + "pps"
}

// Validate reports every fault as a *cfgerr.Error whose path is that of the
// scenario file, below the source.
func (c *Config) Validate() error {
	return errors.Join(
		cfgerr.Check(c.Name != "", "name", c.Name, "a name"),
		c.validateRate(),
		cfgerr.Under("arrivals", c.validateArrivals()),
		c.validateSize(),
		c.validateFlows(),
		cfgerr.Range("vlan", c.VLAN, 0, 4094),
		cfgerr.Check(c.MTU == 0 || c.MTU >= MinMTU && c.MTU <= MaxSize-skb.EthHeader-skb.EthFCS-skb.VLANHeader, "mtu", c.MTU,
			fmt.Sprintf("0 for no fragments, or %d to %d", MinMTU, MaxSize-skb.EthHeader-skb.EthFCS-skb.VLANHeader)),
		cfgerr.Range("start", c.Start, 0, engine.MaxTime),
		cfgerr.Check(c.Stop == 0 || c.Stop > c.Start && c.Stop <= engine.MaxTime, "stop", c.Stop, "0, or later than start"),
		cfgerr.Under("faults", c.Faults.validate()),
	)
}

func (c *Config) validateRate() error {
	least := pps(1)
	if len(c.Profile) > 0 {
		least = 0 // silence, at first
	}
	errs := []error{cfgerr.Range("rate", pps(c.MilliPPS), least, MaxMilliPPS)}
	before := engine.Time(-1)
	for i, p := range c.Profile {
		at := fmt.Sprintf("profile[%d].", i)
		errs = append(errs,
			cfgerr.Check(p.At > before && p.At <= engine.MaxTime, at+"at", p.At, "0 or more, and later than the point before"),
			cfgerr.Range(at+"rate", pps(p.MilliPPS), 0, MaxMilliPPS))
		before = p.At
	}
	k := c.Arrivals.Kind
	errs = append(errs, cfgerr.Check(len(c.Profile) == 0 || k == Constant || k == Poisson || k == Jitter,
		"profile", k, "constant, poisson or jitter arrivals: the others have a mean rate"))
	return errors.Join(errs...)
}

func (c *Config) validateArrivals() error {
	a := &c.Arrivals
	switch a.Kind {
	case Constant, Poisson:
		return nil
	case Jitter:
		return cfgerr.Range("jitter.spread", a.SpreadPPM, 0, million)
	case OnOff, Pareto:
		return cfgerr.Under(a.Kind.String(), c.validateBursts())
	case MMPP:
		return cfgerr.Under("mmpp", c.validateStates())
	}
	return cfgerr.Check(false, "", a.Kind, "constant, poisson, jitter, onoff, mmpp or pareto")
}

// validateBurstRate checks the rate that must not be below the mean.
func (c *Config) validateBurstRate() error {
	return cfgerr.Check(c.Arrivals.BurstMilliPPS >= c.MilliPPS && c.Arrivals.BurstMilliPPS <= MaxMilliPPS,
		"burst_rate", pps(c.Arrivals.BurstMilliPPS), fmt.Sprintf("the rate of %v to %v", pps(c.MilliPPS), pps(MaxMilliPPS)))
}

func (c *Config) validateBursts() error {
	a, least := &c.Arrivals, uint64(1)
	var alpha error
	if a.Kind == Pareto {
		if alpha = cfgerr.Range("alpha", a.AlphaMilli, 1001, 100_000); alpha == nil {
			// The shortest burst, mean·(alpha-1)/alpha, is at least one frame.
			least = (uint64(a.AlphaMilli) + uint64(a.AlphaMilli) - 1001) / (uint64(a.AlphaMilli) - 1000)
		}
	}
	if err := errors.Join(alpha, c.validateBurstRate(), cfgerr.Range("burst_mean", a.BurstMean, least, MaxBurst)); err != nil {
		return err
	}
	if c.MilliPPS == 0 {
		return nil // reported as a rate
	}
	num, den := silence(new(big.Int).SetUint64(c.MilliPPS), new(big.Int).SetUint64(a.BurstMilliPPS), a.BurstMean)
	return cfgerr.Check(num.Cmp(den.Mul(den, big.NewInt(int64(longest)))) <= 0,
		"burst_mean", a.BurstMean, "bursts so short that the mean silence is at most 10 h")
}

func (c *Config) validateStates() error {
	a := &c.Arrivals
	if err := errors.Join(c.validateBurstRate(),
		cfgerr.Range("high", a.High, 1, longest), cfgerr.Range("low", a.Low, 1, longest)); err != nil {
		return err
	}
	// A rate is rounded to a thousandth (by Scaled, too): as much is let pass.
	cycle := uint64(a.High + a.Low)
	all, high := times(c.MilliPPS, cycle), times(a.BurstMilliPPS, uint64(a.High))
	return errors.Join(
		cfgerr.Check(high.less(times(c.MilliPPS+1, cycle)), "burst_rate", pps(a.BurstMilliPPS),
			fmt.Sprintf("so little that low is not below 0: the high state alone makes more than the rate of %v", pps(c.MilliPPS))),
		cfgerr.Check(!all.less(times(frameWork/statesPerFrame, 2)), "high", a.High,
			fmt.Sprintf("states so long that they change at most %d times per frame", statesPerFrame)))
}

// statesPerFrame bounds the work per frame: where the state changes much more
// often than a frame is sent, MMPP is Poisson.
const statesPerFrame = 1000

func (c *Config) validateSize() error {
	largest := MaxSize
	if c.MTU != 0 {
		largest = c.overhead() + maxPayload
	}
	name, least, most := "size", int64(MinSize), int64(largest)
	if c.SizeIsPayload {
		name, least, most = "payload", 0, int64(largest-c.overhead())
	}
	return cfgerr.Check(c.Size.Min() >= least && c.Size.Max() <= most, name, c.Size,
		fmt.Sprintf("%d to %d bytes in every draw", least, most))
}

func (c *Config) validateFlows() error {
	is4 := func(a netip.AddrPort) bool { return a.Addr().Unmap().Is4() }
	first := skb.AddrFrom(c.Dst.Addr())
	last, beyond := bits.Add32(uint32(first), uint32(max(c.Groups, 1)-1), 0)
	return errors.Join(
		cfgerr.Check(is4(c.Src), "src", c.Src, "an IPv4 address and a port"),
		cfgerr.Check(is4(c.Dst) && c.Dst.Port() != 0, "dst", c.Dst, "an IPv4 address and a port of at least 1"),
		cfgerr.Check(!c.DstMAC.Multicast(), "dst_mac", fmt.Sprintf("%x", c.DstMAC), "a unicast address"),
		cfgerr.Check(c.Flows >= 1 && c.Flows <= 1<<16-int(c.Src.Port()), "flows", c.Flows,
			fmt.Sprintf("1 to %d: each has a source port of its own, from %d up", 1<<16-int(c.Src.Port()), c.Src.Port())),
		cfgerr.Check(c.Groups >= 0 && c.Groups <= max(c.Flows, 1), "groups", c.Groups, fmt.Sprintf("0 to the number of flows, %d", c.Flows)),
		cfgerr.Check(beyond == 0 && kindOf(first) == kindOf(skb.Addr(last)), "groups", c.Groups,
			fmt.Sprintf("so few that all destinations from %v up are %s", first, kindOf(first))),
	)
}

// kindOf says what a range of destinations must not mix.
func kindOf(a skb.Addr) string {
	switch {
	case a.Multicast():
		return "multicast"
	case a.Broadcast():
		return "broadcast"
	}
	return "unicast"
}

func (f *Faults) validate() error {
	var errs []error
	total := uint64(0)
	for i, ppm := range f.shares() {
		errs = append(errs, cfgerr.Range(faultNames[i], ppm, 0, million))
		total += uint64(ppm)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return cfgerr.Check(total <= million, "", total, "at most 1000000 millionths together")
}
