package scenariofile

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/units"
	"github.com/seed-556df219/rxpath/socket"
)

// host fills in the machine.
func (c *converter) host(h *scenario.Host) {
	d := &c.doc.Host
	h.CPUs, h.PossibleCPUs, h.HZ, h.TickPhase = d.CPUs, d.PossibleCPUs, d.HZ, d.TickPhase.v
	h.ThreadIRQs = d.ThreadIRQs
	h.UDP.HashEntries, h.UDP.HashMix, h.UDP.CloneFailPPM = d.UHashEntries, d.UDPHashMix, d.CloneFailures.v
	h.Kernel = c.kernel()
	h.Limits.RmemMax = h.Kernel.RmemMax
	h.Costs = c.costs()
	c.sysctls(h)
}

// kernel returns the profile, and completes the list of its behaviours.
func (c *converter) kernel() kernel.Profile {
	d := &c.doc.Kernel
	p, err := kernel.ProfileNamed(d.Base)
	if err != nil {
		c.faultNear(path{"kernel", baseKey}, "", names(kernelNames()), cfgerr.Near(d.Base, kernelNames()))
		p = kernel.Linux40()
	}
	base := p
	for _, name := range slices.Sorted(maps.Keys(d.Behaviours)) {
		for _, e := range cfgerr.All(p.Set(name, text(d.Behaviours[name]))) {
			c.fault(path{"kernel", name}, "", e.Want)
		}
	}
	if changed := p.Changed(base); len(changed) > 0 {
		p.Source += "; changed: " + strings.Join(changed, ", ")
	}
	if !c.complete {
		return p
	}
	d.Behaviours = map[string]json.RawMessage{}
	p.Each(func(name string, value any, _ string) {
		if s, ok := value.(fmt.Stringer); ok {
			value = s.String()
		}
		raw, err := json.Marshal(value)
		if err != nil {
			panic("scenariofile: behaviour " + name + ": " + err.Error()) // a profile has booleans, numbers and names
		}
		d.Behaviours[name] = raw
	})
	return p
}

// fromScenario is the source of a cost that a scenario changed.
const fromScenario = "set in the scenario"

// costs returns the cost profile, and completes the list of its steps.
func (c *converter) costs() kernel.Costs {
	d := &c.doc.Host.Costs
	at := path{"host", "costs"}
	profile, err := kernel.CostsNamed(d.Base)
	if err != nil {
		c.faultNear(at.under(baseKey), "", names(costNames()), cfgerr.Near(d.Base, costNames()))
		profile = kernel.DefaultCosts()
	}
	for _, key := range slices.Sorted(maps.Keys(d.Steps)) {
		given := d.Steps[key]
		now, _ := profile.Get(key)
		was := now
		if given.whole || !given.Fixed.IsZero() {
			now.Fixed = given.Fixed.v
		}
		if given.whole || !given.PerByte.IsZero() {
			now.PerByte = given.PerByte.v
		}
		if now == was {
			continue
		}
		now.Source, now.Assumed = fromScenario, false
		for _, e := range cfgerr.All(profile.Set(key, now)) {
			c.fault(at.under(pathOf(e.Path)...), "", e.Want)
		}
	}
	if !c.complete {
		return profile
	}
	d.Steps = map[string]cost{}
	profile.Each(func(key string, v *kernel.Cost) {
		d.Steps[key] = cost{Fixed: as[timeNotation](v.Fixed), PerByte: as[timeNotation](v.PerByte)}
	})
	return profile
}

func kernelNames() []string {
	var out []string
	for _, p := range kernel.Profiles() {
		out = append(out, p.Name)
	}
	return out
}

func costNames() []string {
	var out []string
	for _, p := range kernel.CostProfiles() {
		out = append(out, p.Name)
	}
	return out
}

// sysctls sets what the scenario names, and completes the list.
func (c *converter) sysctls(h *scenario.Host) {
	all := map[string]json.RawMessage{}
	eachSysctl(h, func(name string, v reflect.Value) {
		if raw, ok := c.doc.Sysctl[name]; ok {
			if want := setSysctl(v, raw); want != "" {
				c.fault(path{sysctlKey, name}, "", want)
			}
		}
		all[name] = sysctlJSON(v)
	})
	c.doc.Sysctl = all
}

// eachSysctl calls f with every field of the host's configuration that has a
// sysctl tag, in their order.
func eachSysctl(h *scenario.Host, f func(name string, v reflect.Value)) { scenario.EachSysctl(h, f) }

// A sysctl is written as a number; a CPU mask in the kernel's notation if its
// field is a list of CPUs; several numbers as a list, or in one text as in /proc/sys.

// setSysctl sets a field. It returns what was expected if raw is not that.
func setSysctl(v reflect.Value, raw json.RawMessage) (want string) {
	switch v.Kind() {
	case reflect.Slice:
		cpus, err := units.ParseCPUMask(text(raw))
		if err != nil {
			return maskNotation{}.want()
		}
		v.Set(reflect.ValueOf(cpus))
	case reflect.Array:
		want = fmt.Sprintf("%d numbers, as [1, 2, 3] or \"1 2 3\"", v.Len())
		fields := strings.Fields(text(raw))
		if raw[0] == '[' {
			var list []json.Number
			if json.Unmarshal(raw, &list) != nil {
				return want
			}
			fields = nil
			for _, n := range list {
				fields = append(fields, n.String())
			}
		}
		if len(fields) != v.Len() {
			return want
		}
		for i, s := range fields {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil || v.Index(i).OverflowInt(n) {
				return want
			}
			v.Index(i).SetInt(n)
		}
	default:
		n, err := strconv.ParseInt(text(raw), 10, 64)
		if err != nil || v.OverflowInt(n) {
			return "a whole number"
		}
		v.SetInt(n)
	}
	return ""
}

// sysctlJSON prints a field as setSysctl reads it.
func sysctlJSON(v reflect.Value) json.RawMessage {
	var out any = v.Interface()
	if cpus, ok := out.([]int); ok {
		out = maskNotation{}.format(cpus)
	}
	raw, err := json.Marshal(out)
	if err != nil {
		panic(fmt.Sprintf("scenariofile: a sysctl of type %s", v.Type())) // no such field is declared
	}
	return raw
}

// routeKinds are the types of routes by their names.
var routeKinds = map[string]ipstack.RouteKind{
	"unicast": ipstack.Unicast, "unreachable": ipstack.Unreachable, "prohibit": ipstack.Prohibit, "blackhole": ipstack.Blackhole,
}

// route converts one route.
func (c *converter) route(i int) ipstack.Route {
	d, p := &c.doc.Routes[i], path{"routes"}.item(i)
	r := ipstack.Route{Dst: skb.AddrFrom(d.To.v.Addr()), PrefixLen: max(d.To.v.Bits(), 0), Kind: routeKinds[d.Type]}
	through := func(p path, name string) {
		if n := c.ifIndex(p, name); n > 0 {
			r.IfIndexes = append(r.IfIndexes, n)
		}
	}
	if d.Dev != "" {
		through(p.under("dev"), d.Dev)
	}
	for j, name := range d.Devs {
		through(p.under("devs").item(j), name)
	}
	return r
}

// raw converts one raw socket.
func (c *converter) raw(i int, h *scenario.Host) ipstack.RawConfig {
	d, p := &c.doc.Raw[i], path{"raw"}.item(i)
	if d.Name == "" {
		d.Name = fmt.Sprintf("raw%d", i)
	}
	cfg := socket.Config{RcvBuf: c.rcvBuf(p.under("rcvbuf"), &d.RcvBuf)}
	r := ipstack.RawConfig{
		Name: d.Name, Protocol: d.Proto.v, Local: skb.AddrFrom(d.Bind.v), Remote: skb.AddrFrom(d.Connect.v), NoMulticastAll: !d.MulticastAll,
		RcvBuf: h.Limits.EffectiveRcvBuf(&h.Kernel, &cfg), PerPacket: d.PerPacket.v,
	}
	for _, g := range d.Join {
		r.Groups = append(r.Groups, skb.AddrFrom(g.v))
	}
	if d.Dev != "" {
		if n := c.nicNamed(p.under("dev"), d.Dev); n >= 0 {
			r.IfIndex = scenario.IfIndex(n)
		}
	}
	return r
}

// verdicts are the verdicts of rules by their names.
var verdicts = map[string]ipstack.Verdict{"DROP": ipstack.Drop, "REJECT": ipstack.Reject, "ACCEPT": ipstack.Accept, "NOTRACK": ipstack.NoTrack}

// prefixLen is the length of a rule's prefix: 0 for a single address.
func prefixLen(n *network) int {
	if !n.v.IsValid() || n.v.Bits() == 32 {
		return 0
	}
	return n.v.Bits()
}

// rule converts one netfilter rule.
func (c *converter) rule(i int) ipstack.Rule {
	d := &c.doc.Netfilter[i]
	r := ipstack.Rule{
		Raw: d.Table == "raw", Src: skb.AddrFrom(d.Src.v.Addr()), Dst: skb.AddrFrom(d.Dst.v.Addr()), SrcLen: prefixLen(&d.Src), DstLen: prefixLen(&d.Dst),
		Proto: d.Proto.v, SrcPort: d.SPort, DstPort: d.DPort, MatchPPM: d.Probability.v, Verdict: verdicts[d.Verdict], DropPPM: d.Drop.v,
	}
	if wrong := map[string]string{"LOCAL_IN": "mangle", "PRE_ROUTING": "filter"}[d.Hook]; d.Table == wrong {
		c.fault(path{"netfilter"}.item(i).under("table"), "", "raw or mangle at PRE_ROUTING, filter at LOCAL_IN")
	}
	if d.Hook == "LOCAL_IN" {
		r.Hook = ipstack.LocalIn
	}
	if d.In != "" {
		r.IfIndex = c.ifIndex(path{"netfilter"}.item(i).under("in"), d.In)
	}
	return r
}
