package scenariofile

import (
	"fmt"

	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

// sourceName is the name of the nth source if the scenario gives none.
func sourceName(n int) string { return fmt.Sprintf("traffic%d", n) }

// source converts one entry of the traffic list into a synthetic source or a capture.
func (c *converter) source(j int, s *scenario.Scenario) {
	d := &c.doc.Traffic[j]
	p := path{"traffic"}.item(j)
	if d.Name == "" {
		d.Name = sourceName(j)
	}
	to := -1
	switch {
	case d.To != "":
		to = c.nicNamed(p.under("to"), d.To)
	case len(c.doc.NICs) == 1:
		d.To, to = c.doc.NICs[0].Name, 0
	default:
		var known []string
		for i := range c.doc.NICs {
			known = append(known, c.doc.NICs[i].Name)
		}
		c.fault(p.under("to"), "missing", "the name of a nic: "+names(known))
	}
	if d.PCAP != "" {
		c.captures = append(c.captures, j)
		s.Captures = append(s.Captures, c.capture(p, d))
		return
	}
	c.synthetic = append(c.synthetic, j)
	t := c.synthesis(p, d)
	if to >= 0 {
		t.DstMAC = s.MACOf(to)
	}
	s.Traffic = append(s.Traffic, t)
}

// synthesis converts a synthetic source.
func (c *converter) synthesis(p path, d *sourceSection) traffic.Config {
	t := traffic.Config{
		Name: d.Name, To: d.To, MilliPPS: d.Rate.v, Src: d.Src.v, Dst: d.Dst.v, Flows: d.Flows, Groups: d.Groups,
		VLAN: *d.VLAN, MTU: d.MTU, TOS: *d.TOS, NoChecksum: !*d.Checksum, Start: d.Start.v, Stop: d.Stop.v, Count: d.Count,
	}
	for i := range d.Profile {
		t.Profile = append(t.Profile, traffic.RatePoint{At: d.Profile[i].At.v, MilliPPS: d.Profile[i].Rate.v, Step: d.Profile[i].Step})
	}
	t.Arrivals = arrivals(d.Arrivals)
	if c.load != unscaled {
		t = t.Scaled(c.load)
		setRates(&d.Rate, d.Profile, d.Arrivals, &t)
	}
	if len(d.Profile) == 0 && !d.Rate.given {
		c.fault(p.under("rate"), "missing", rateNotation{}.want())
	}
	if !d.Dst.given {
		c.fault(p.under("dst"), "missing", endpointNotation{}.want())
	}
	switch {
	case d.Size.IsZero() == d.Payload.IsZero():
		c.fault(p.under("size"), map[bool]string{true: "missing"}[d.Size.IsZero()], "exactly one of size (the frame with its FCS) and payload (that of UDP)")
	case d.Size.IsZero():
		t.Size, t.SizeIsPayload = lawAt(c, p.under("payload"), &d.Payload), true
	default:
		t.Size = lawAt(c, p.under("size"), &d.Size)
	}
	if f := d.Faults; f != nil {
		t.Faults = traffic.Faults{
			CRC: f.CRC.v, WrongMAC: f.WrongMAC.v, UnknownEtherType: f.UnknownEtherType.v, BadVersion: f.BadVersion.v,
			BadIPChecksum: f.BadIPChecksum.v, Truncated: f.Truncated.v, BadUDPChecksum: f.BadUDPChecksum.v,
			BadUDPLength: f.BadUDPLength.v, UnknownPort: f.UnknownPort.v, Fragment: f.Fragment.v,
		}
	}
	return t
}

// unscaled is the load of a scenario as it is written, in thousandths.
const unscaled = 1000

// setRates writes the rates of t back.
func setRates(mean *rate, profile []pointSection, a *arrivalsSection, t *traffic.Config) {
	set := func(r *rate, milliPPS uint64) {
		if r.given && r.err == nil {
			*r = as[rateNotation](milliPPS)
		}
	}
	set(mean, t.MilliPPS)
	for i := range profile {
		set(&profile[i].Rate, t.Profile[i].MilliPPS)
	}
	switch {
	case a.OnOff != nil:
		set(&a.OnOff.BurstRate, t.Arrivals.BurstMilliPPS)
	case a.MMPP != nil:
		set(&a.MMPP.BurstRate, t.Arrivals.BurstMilliPPS)
	case a.Pareto != nil:
		set(&a.Pareto.BurstRate, t.Arrivals.BurstMilliPPS)
	}
}

// scaleCapture multiplies the rate of a capture, or its speed.
func (c *converter) scaleCapture(d *sourceSection) {
	scaled := func(v uint64) uint64 { return traffic.Config{MilliPPS: v}.Scaled(c.load).MilliPPS }
	d.Rate.v, d.Speed.v = scaled(d.Rate.v), scaled(d.Speed.v)
}

// arrivals converts a law of arrivals.
func arrivals(d *arrivalsSection) traffic.Arrivals {
	switch {
	case d.Poisson != nil:
		return traffic.Arrivals{Kind: traffic.Poisson}
	case d.Jitter != nil:
		return traffic.Arrivals{Kind: traffic.Jitter, SpreadPPM: d.Jitter.Spread.v}
	case d.OnOff != nil:
		return traffic.Arrivals{Kind: traffic.OnOff, BurstMilliPPS: d.OnOff.BurstRate.v, BurstMean: d.OnOff.BurstMean, FixedBursts: d.OnOff.Fixed}
	case d.MMPP != nil:
		return traffic.Arrivals{Kind: traffic.MMPP, BurstMilliPPS: d.MMPP.BurstRate.v, High: d.MMPP.High.v, Low: d.MMPP.Low.v}
	case d.Pareto != nil:
		return traffic.Arrivals{Kind: traffic.Pareto, BurstMilliPPS: d.Pareto.BurstRate.v, BurstMean: d.Pareto.BurstMean, AlphaMilli: uint32(min(d.Pareto.Alpha.v, 1<<32-1))}
	}
	return traffic.Arrivals{Kind: traffic.Constant}
}

// capture converts a capture.
func (c *converter) capture(p path, d *sourceSection) scenario.Capture {
	c.scaleCapture(d)
	out := scenario.Capture{
		Name: d.Name, To: d.To, File: d.PCAP, SpeedMilli: d.Speed.v, MilliPPS: d.Rate.v, Loops: *d.Loops, Start: d.Start.v, KeepMAC: *d.KeepMAC,
	}
	if d.Speed.given && d.Rate.given {
		c.fault(p.under("speed"), "", "either speed or rate")
	}
	for _, r := range d.Rewrite {
		m, s := &r.Match, &r.Set
		out.Rewrite = append(out.Rewrite, scenario.Rewrite{
			MatchDst: skb.AddrFrom(m.Dst.v.Addr()), MatchDstPort: m.Dst.v.Port(), MatchSrc: skb.AddrFrom(m.Src.v.Addr()), MatchSrcPort: m.Src.v.Port(),
			Dst: skb.AddrFrom(s.Dst.v.Addr()), DstPort: s.Dst.v.Port(), Src: skb.AddrFrom(s.Src.v.Addr()), SrcPort: s.Src.v.Port(),
		})
	}
	return out
}
