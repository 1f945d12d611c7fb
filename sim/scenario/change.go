package scenario

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/units"
)

// A Change is what an operator does to the host while it runs, with the side
// effects that the kernel gives it. What is due at the very instant has happened
// before.
type Change struct {
	At engine.Time
	// Set are the settings, made in their order. Those of one interface are one command: one reset serves for all.
	Set []Setting
}

// A Setting is one key of a scenario with its new value, as --set takes them:
// nics[eth0].ring.rx and 1024, net.core.netdev_budget and 600.
type Setting struct{ Path, Value string }

// Apply changes the setting in a host and its interfaces, as plain data: no side
// effect is looked at. The error is a *cfgerr.Error whose path is that of the setting.
func (s Setting) Apply(h *Host, nics []NIC) error {
	set, err := s.find(h, nics)
	if err == nil {
		if want := set(s.Value); want != "" {
			err = s.fault(want)
		}
	}
	return err
}

func (s Setting) fault(want string) error {
	return &cfgerr.Error{Path: s.Path, Value: s.Value, Want: want}
}

// find returns what sets the key: a function that says what it expected if it
// can't read a value.
func (s Setting) find(h *Host, nics []NIC) (func(string) string, error) {
	path := strings.TrimPrefix(s.Path, "sysctl.")
	if strings.HasPrefix(path, "net.") {
		var set func(string) string
		EachSysctl(h, func(name string, v reflect.Value) {
			if name == path {
				set = func(value string) string { return setNumber(v, value) }
			}
		})
		if set == nil {
			return nil, s.fault(WantSetting + ": a sysctl that there is")
		}
		return set, nil
	}
	name, rest, ok := strings.Cut(strings.TrimPrefix(path, "nics["), "].")
	if !ok || !strings.HasPrefix(path, "nics[") {
		return nil, s.fault(WantSetting + ": a sysctl, or one of nics[NAME]." + strings.Join(RuntimeKeys(), ", "))
	}
	for i := range nics {
		if nics[i].Name != name && strconv.Itoa(i) != name {
			continue
		}
		if set := nics[i].knob(rest); set != nil {
			return set, nil
		}
		return nil, s.fault(WantSetting + ": one of " + strings.Join(RuntimeKeys(), ", "))
	}
	return nil, s.fault("the name of a nic in brackets, as in nics[eth0].ring.rx")
}

// EachSysctl calls f with every field of the host's configuration that has a
// sysctl tag, in their order.
func EachSysctl(h *Host, f func(name string, v reflect.Value)) {
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		for i := range v.NumField() {
			if name := v.Type().Field(i).Tag.Get("sysctl"); name != "" {
				f(name, v.Field(i))
			} else if v.Field(i).Kind() == reflect.Struct {
				walk(v.Field(i))
			}
		}
	}
	walk(reflect.ValueOf(h).Elem())
}

// What is expected of values.
const (
	// WantSetting begins what is expected of a path that is none.
	WantSetting = "a setting that can change while the host runs"

	wantNumber = "a whole number"
	wantBool   = "true or false"
	wantCPUs   = `a CPU mask such as "c", or a list of CPUs such as [2, 4-7]`
)

// setNumber sets a sysctl: a whole number, several, or a CPU mask.
func setNumber(v reflect.Value, value string) string {
	switch v.Kind() {
	case reflect.Slice:
		cpus, ok := parseCPUs(value)
		if !ok {
			return wantCPUs
		}
		v.Set(reflect.ValueOf(cpus))
	case reflect.Array:
		fields := strings.FieldsFunc(unquote(value), func(r rune) bool { return strings.ContainsRune(" ,[]\t", r) })
		if len(fields) != v.Len() {
			return fmt.Sprintf("%d numbers", v.Len())
		}
		for i, f := range fields {
			if want := setNumber(v.Index(i), f); want != "" {
				return want
			}
		}
	default:
		n, err := strconv.ParseInt(unquote(value), 10, 64)
		if err != nil || v.OverflowInt(n) {
			return wantNumber
		}
		v.SetInt(n)
	}
	return ""
}

// unquote takes the quotes of YAML away.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	for _, q := range []string{`"`, "'"} {
		if len(s) >= 2 && strings.HasPrefix(s, q) && strings.HasSuffix(s, q) {
			return s[1 : len(s)-1]
		}
	}
	return s
}

// parseCPUs reads a mask, or a list in brackets.
func parseCPUs(value string) ([]int, bool) {
	value = strings.TrimSpace(value)
	if list, ok := strings.CutPrefix(value, "["); ok && strings.HasSuffix(list, "]") {
		list = strings.NewReplacer(" ", "", `"`, "", "'", "").Replace(strings.TrimSuffix(list, "]"))
		cpus, err := units.ParseCPUList(list)
		return cpus, err == nil
	}
	cpus, err := units.ParseCPUMask(unquote(value))
	return cpus, err == nil
}

func number(to *int) func(string) string {
	return func(value string) string { return setNumber(reflect.ValueOf(to).Elem(), value) }
}

func onOff(to *bool) func(string) string {
	return func(value string) string {
		switch unquote(value) {
		case "true", "on":
			*to = true
		case "false", "off":
			*to = false
		default:
			return wantBool
		}
		return ""
	}
}

// offOn sets a field that says the opposite.
func offOn(to *bool) func(string) string {
	return func(value string) string {
		was := !*to
		want := onOff(&was)(value)
		*to = !was
		return want
	}
}

// A runtimeKey is a key of an interface that can change while the host runs.
type runtimeKey struct {
	key string
	set func(n *NIC) func(string) string
}

var runtimeKeys = []runtimeKey{
	{"ring.rx", func(n *NIC) func(string) string { return number(&n.RXRing) }},
	{"coalesce.rx-usecs", func(n *NIC) func(string) string { return number(&n.RXUsecs) }},
	{"channels.combined", func(n *NIC) func(string) string { return number(&n.Combined) }},
	{"pause.autoneg", func(n *NIC) func(string) string { return offOn(&n.NoPauseAutoneg) }},
	{"pause.rx", func(n *NIC) func(string) string { return onOff(&n.RXPause) }},
	{"pause.tx", func(n *NIC) func(string) string { return onOff(&n.TXPause) }},
	{"rx-flow-hash.udp4", func(n *NIC) func(string) string {
		return func(value string) string {
			switch unquote(value) {
			case "sd":
				n.UDPPortHash = false
			case "sdfn":
				n.UDPPortHash = true
			default:
				return `"sd" or "sdfn": both port bits or neither (EINVAL, RX-31)`
			}
			return ""
		}
	}},
	{"features.rx-checksumming", func(n *NIC) func(string) string { return onOff(&n.RXChecksum) }},
	{"features.gro", func(n *NIC) func(string) string { return onOff(&n.GRO) }},
	{"features.lro", func(n *NIC) func(string) string { return offOn(&n.NoLRO) }},
	{"features.rxhash", func(n *NIC) func(string) string { return offOn(&n.NoRXHash) }},
	{"features.ntuple", func(n *NIC) func(string) string { return onOff(&n.NTuple) }},
	{"features.rx-gro-list", func(n *NIC) func(string) string { return onOff(&n.GROFragList) }},
	{"features.rx-udp-gro-forwarding", func(n *NIC) func(string) string { return onOff(&n.GROUDPForwarding) }},
	{"features.rx-all", func(n *NIC) func(string) string { return onOff(&n.RXAll) }},
	{"mtu", func(n *NIC) func(string) string { return number(&n.MTU) }},
	{"promisc", func(n *NIC) func(string) string { return onOff(&n.Promisc) }},
	{"allmulticast", func(n *NIC) func(string) string { return onOff(&n.AllMulti) }},
	{"up", func(n *NIC) func(string) string { return offOn(&n.Down) }},
	{"carrier", func(n *NIC) func(string) string { return offOn(&n.NoCarrier) }},
	{"link_partner.obeys_pause", func(n *NIC) func(string) string { return onOff(&n.Partner.ObeysPause) }},
	{"conf.rp_filter", func(n *NIC) func(string) string { return number(&n.Conf.RPFilter) }},
	{"conf.accept_local", func(n *NIC) func(string) string { return onOff(&n.Conf.AcceptLocal) }},
	{"conf.route_localnet", func(n *NIC) func(string) string { return onOff(&n.Conf.RouteLocalnet) }},
	{"conf.accept_source_route", func(n *NIC) func(string) string { return offOn(&n.Conf.RefuseSourceRoute) }},
}

// RuntimeKeys lists the keys below nics[NAME] that can change while the host
// runs.
func RuntimeKeys() []string {
	var out []string
	for _, k := range runtimeKeys {
		out = append(out, k.key)
	}
	return append(out, "irq_affinity.VECTOR", "rps.rx-N", "rps_flow_cnt.rx-N")
}

// knob returns what sets a key of the interface, nil if it can't change.
func (n *NIC) knob(key string) func(string) string {
	for _, k := range runtimeKeys {
		if k.key == key {
			return k.set(n)
		}
	}
	if label, ok := strings.CutPrefix(key, "irq_affinity."); ok {
		return func(value string) string {
			cpus, ok := parseCPUs(value)
			if cpu, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && cpu >= 0 {
				cpus, ok = []int{cpu}, true // a bare number is one CPU
			}
			if !ok {
				return "a CPU, " + wantCPUs
			}
			n.Affinity = put(n.Affinity, label, cpus)
			return ""
		}
	}
	if queue, ok := strings.CutPrefix(key, "rps_flow_cnt."); ok {
		return func(value string) string {
			var size int
			if want := number(&size)(value); want != "" {
				return want
			}
			if n.RPSFlowCnt = maps.Clone(n.RPSFlowCnt); n.RPSFlowCnt == nil {
				n.RPSFlowCnt = map[string]int{}
			}
			n.RPSFlowCnt[queue] = size
			return ""
		}
	}
	if queue, ok := strings.CutPrefix(key, "rps."); ok {
		return func(value string) string {
			cpus, ok := parseCPUs(value)
			if !ok {
				return wantCPUs
			}
			n.RPS = put(n.RPS, queue, cpus)
			return ""
		}
	}
	return nil
}

func put(m map[string][]int, k string, v []int) map[string][]int {
	if m = maps.Clone(m); m == nil {
		m = map[string][]int{}
	}
	m[k] = v
	return m
}

// Become returns what a host and its interfaces are after an operator has asked
// for what the second pair says: not always what was asked for. It returns an
// error for what the kernel refuses, and for what can't change while a host
// runs, with the paths of the scenario file.
func Become(was *Host, nics []NIC, want *Host, wanted []NIC) (Host, []NIC, error) {
	errs := []error{was.fixed(want), want.Validate(), cfgerr.Check(len(nics) == len(wanted), "nics", len(wanted), fmt.Sprintf("%d: interfaces don't come and go", len(nics)))}
	out := slices.Clone(wanted)
	for i := range min(len(nics), len(wanted)) {
		n, err := nics[i].become(&wanted[i], want)
		if out[i] = n; err == nil {
			err = out[i].validate(want)
		}
		errs = append(errs, cfgerr.Under(fmt.Sprintf("nics[%d]", i), err))
	}
	return *want, out, errors.Join(errs...)
}

// fixed reports fields of the host that differ and are no sysctls.
func (h *Host) fixed(want *Host) error {
	a, b := *h, *want
	for _, x := range []*Host{&a, &b} {
		EachSysctl(x, func(_ string, v reflect.Value) { v.SetZero() })
	}
	was, is := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range was.NumField() {
		if name := was.Type().Field(i).Name; !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()) {
			return &cfgerr.Error{Path: "host." + name, Value: "changed", Want: "what it was: it can't change while the host runs"}
		}
	}
	return nil
}

// become is Become for one interface. With other queues than before, the
// interrupts are new ones, and masks of queues that are gone go with them
// (RX-38); an interface that comes up hints anew (RX-39).
func (n *NIC) become(want *NIC, h *Host) (NIC, error) {
	out := *want
	cfg, err := n.Config.Become(want.Config)
	if err != nil {
		return out, err
	}
	out.Config = cfg
	a, b := *n, out
	for _, x := range []*NIC{&a, &b} {
		x.Config, x.Affinity, x.RPS, x.RPSFlowCnt, x.Conf = cfg, nil, nil, nil, n.Conf
	}
	if !reflect.DeepEqual(a, b) {
		return out, &cfgerr.Error{Path: "name", Value: out.Name, Want: "what it was: names, addresses, taps and NAPI settings can't change while the host runs"}
	}
	asked := func(now, before map[string][]int, keep func(string) bool) map[string][]int {
		kept := map[string][]int{}
		for k, set := range now { // Any order: every entry is looked at by itself.
			if old, ok := before[k]; !ok || !slices.Equal(old, set) || keep(k) {
				kept[k] = set
			}
		}
		return kept
	}
	if was, is := n.Queues(h.CPUs), out.Queues(h.CPUs); was != is {
		out.Affinity = asked(out.Affinity, n.Affinity, func(string) bool { return false })
		there := func(queue string) bool {
			i, err := strconv.Atoi(strings.TrimPrefix(queue, "rx-"))
			return err == nil && i < is
		}
		out.RPS = asked(out.RPS, n.RPS, there)
		out.RPSFlowCnt = maps.Clone(out.RPSFlowCnt)
		maps.DeleteFunc(out.RPSFlowCnt, func(queue string, size int) bool { return n.RPSFlowCnt[queue] == size && !there(queue) })
	} else if n.Down && !out.Down {
		labels := out.Labels(h.CPUs)
		out.Affinity = asked(out.Affinity, n.Affinity, func(label string) bool {
			return out.Hint(slices.Index(labels, label), h.CPUs) < 0 || !h.Kernel.AffinityHintMoves
		})
	}
	return out, nil
}

// checkChanges makes all changes, in the order of their times, and reports what
// is wrong with them.
func (s *Scenario) checkChanges() error {
	var errs []error
	order := make([]int, len(s.Changes))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return s.Changes[order[a]].At < s.Changes[order[b]].At })
	host, nics := s.Host, slices.Clone(s.NICs)
	for i := range nics {
		nics[i].Config = nics[i].Booted()
	}
	for _, i := range order {
		c := &s.Changes[i]
		at := fmt.Sprintf("changes[%d]", i)
		errs = append(errs,
			cfgerr.Check(c.At >= 0 && c.At <= s.Run.For, at+".at", c.At, "0 to the end of the run"),
			cfgerr.Check(len(c.Set) > 0, at+".set", len(c.Set), "at least one setting"))
		var err error
		if host, nics, err = c.After(&host, nics); err != nil {
			errs = append(errs, cfgerr.Under(at+".set", err))
		}
	}
	return errors.Join(errs...)
}

// After returns what a host and its interfaces are after the change. An error
// has the path of the setting that caused it.
func (c *Change) After(h *Host, nics []NIC) (Host, []NIC, error) {
	host, out := *h, slices.Clone(nics)
	for _, s := range c.Set {
		if err := s.Apply(&host, out); err != nil {
			return *h, nics, err
		}
	}
	next, become, err := Become(h, nics, &host, out)
	if err != nil {
		return *h, nics, c.blame(err, nics)
	}
	return next, become, nil
}

// blame gives the errors of a whole configuration the path of the setting that
// they are about, as it is written.
func (c *Change) blame(err error, nics []NIC) error {
	var errs []error
	for _, e := range cfgerr.All(err) {
		path := e.Path
		for _, s := range c.Set {
			if canonical(s.Path, nics) == path {
				path = s.Path
			}
		}
		errs = append(errs, &cfgerr.Error{Path: path, Value: e.Value, Want: e.Want})
	}
	return errors.Join(errs...)
}

// canonical returns a path with the number of an interface in place of its name.
func canonical(path string, nics []NIC) string {
	path = strings.TrimPrefix(path, "sysctl.")
	for i := range nics {
		if rest, ok := strings.CutPrefix(path, "nics["+nics[i].Name+"]"); ok {
			return fmt.Sprintf("nics[%d]%s", i, rest)
		}
	}
	return path
}
