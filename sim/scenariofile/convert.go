package scenariofile

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/units"
)

// A converter makes a scenario of a document. On the way it completes the
// document if asked to, so that what comes out of it can be written down as a file with
// nothing left to defaults.
type converter struct {
	doc    *document
	root   *node
	faults *collector
	// complete fills the parts of the document in that nothing but Canonical reads.
	complete bool
	// load multiplies all rates, in thousandths.
	load uint64
	// synthetic and captures are the places of doc.Traffic that the two lists of the scenario came from.
	synthetic, captures []int
}

// fault adds what is wrong with the value at p unless that is known.
func (c *converter) fault(p path, problem, want string) {
	c.faultNear(p, problem, want, "")
}

// faultNear is fault with a suggestion.
func (c *converter) faultNear(p path, problem, want, near string) {
	p = c.written(p)
	f := fault{path: p, problem: problem, want: want, near: near}
	if n, _ := c.root.locate(p); n != nil {
		f.value = n.describe()
	}
	c.faults.addUnlessKnown(f)
}

// written returns p, or the path above it if the value there is written in
// short: kernel for kernel.base, join[0] for join[0].group.
func (c *converter) written(p path) path {
	if len(p) > 1 {
		above := p[:len(p)-1]
		if n, _ := c.root.locate(above); n != nil && n.kind != null && n.kind < list {
			return above
		}
	}
	return p
}

// convert does everything.
func (c *converter) convert() scenario.Scenario {
	c.checkScalars(nil, reflect.ValueOf(c.doc).Elem())
	s := scenario.Default()
	s.Name = c.doc.Name
	c.host(&s.Host)
	c.defaultNIC()
	for i := range c.doc.NICs {
		s.NICs = append(s.NICs, c.nic(i, &s.Host))
	}
	for i := range c.doc.Veths {
		s.Veths = append(s.Veths, c.veth(i, &s.Host))
	}
	for i := range c.doc.Tuns {
		s.Tuns = append(s.Tuns, c.tun(i))
	}
	for i := range c.doc.Senders {
		s.Senders = append(s.Senders, c.sender(i))
	}
	for i := range c.doc.Routes {
		s.Host.IP.Routes = append(s.Host.IP.Routes, c.route(i))
	}
	for i := range c.doc.Devices {
		s.Devices = append(s.Devices, c.device(i, &s.Host))
	}
	for i := range c.doc.Taps {
		s.Taps = append(s.Taps, c.tap(path{"taps"}.item(i), &c.doc.Taps[i], &s.Host, true))
	}
	for i := range c.doc.Raw {
		s.Raw = append(s.Raw, c.raw(i, &s.Host))
	}
	if d := c.doc.Conntrack; d != nil {
		s.Host.IP.Conntrack.On, s.Host.IP.Conntrack.Assured = true, d.Assured
	}
	for i := range c.doc.Netfilter {
		s.Host.IP.Netfilter = append(s.Host.IP.Netfilter, c.rule(i))
	}
	for j := range c.doc.Traffic {
		c.source(j, &s)
	}
	for i := range c.doc.Apps {
		s.Apps = append(s.Apps, c.app(i))
	}
	for i := range c.doc.Changes {
		s.Changes = append(s.Changes, change(&c.doc.Changes[i]))
	}
	s.Run = c.run()
	s.Thresholds = c.doc.Thresholds
	for _, e := range cfgerr.All(s.Validate()) {
		c.invalid(e)
	}
	return s
}

// selfTag marks a field that stands for the whole of its mapping, as one
// without a tag does.
const selfTag = "-"

var rawMessage = reflect.TypeFor[json.RawMessage]()

// checkScalars looks for scalars in v, which stands at p, and reports those
// that are not written as they should be.
func (c *converter) checkScalars(p path, v reflect.Value) {
	if s, ok := v.Interface().(interface{ check() (problem, want string) }); ok {
		if problem, want := s.check(); want != "" {
			c.fault(slices.Clone(p), problem, want)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.checkScalars(p, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			at := p
			if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); key != "" && key != selfTag {
				at = append(p, key) // what is behind p is nobody's any more
			}
			c.checkScalars(at, v.Field(i))
		}
	case reflect.Slice:
		if v.Type() == rawMessage {
			return
		}
		for i := range v.Len() {
			c.checkScalars(append(p, strconv.Itoa(i)), v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() { // faults are sorted by place
			c.checkScalars(append(p, key.String()), v.MapIndex(key))
		}
	}
}

// law returns the distribution at p, and reports parameters that do not go together.
func lawAt[T ~int64, N notation[T]](c *converter, p path, l *lawOf[T, N]) law.Law {
	made, err := l.law()
	for _, e := range cfgerr.All(err) {
		at := append(p.under(l.family()...), pathOf(e.Path)...)
		want := inNotation[N](e.Want)
		if at[len(at)-1] == "alpha" {
			want = inNotation[factorNotation](e.Want)
		}
		c.fault(at, "", want)
	}
	return made
}

var rangeText = regexp.MustCompile(`^(\d+) to (\d+)$`)

// inNotation rewrites "1000 to 2000" of the smallest unit in the notation of a scenario.
func inNotation[N notation[T], T ~int64 | ~uint64](want string) string {
	var n N
	m := rangeText.FindStringSubmatch(want)
	if m == nil {
		return want
	}
	lo, err1 := strconv.ParseInt(m[1], 10, 64)
	hi, err2 := strconv.ParseInt(m[2], 10, 64)
	switch {
	case err1 != nil || err2 != nil:
		return want
	case hi == law.Limit:
		return "at least " + n.format(T(lo))
	}
	return n.format(T(lo)) + " to " + n.format(T(hi))
}

// pathOf reads the path of a cfgerr.Error.
func pathOf(s string) path {
	if s == "" {
		return nil
	}
	p, ok := parsePath(s)
	if !ok {
		return path{s}
	}
	return p
}

// change converts the settings of one time, in the order of their paths.
func change(d *changeSection) scenario.Change {
	out := scenario.Change{At: d.At.v}
	for _, p := range slices.Sorted(maps.Keys(d.Set)) {
		out.Set = append(out.Set, scenario.Setting{Path: p, Value: string(d.Set[p])})
	}
	return out
}

var settingPath = regexp.MustCompile(`^changes\[(\d+)\]\.set\.(.+)$`)

// invalidSetting reports what is wrong with a setting of changes: its path is one key.
func (c *converter) invalidSetting(e *cfgerr.Error, index, setting string) {
	p := path{"changes", index, "set", setting}
	f := fault{path: p, want: e.Want}
	if n, _ := c.root.locate(p); n != nil {
		f.value = n.describe()
	} else { // something that follows from the settings
		f.path, f.problem, f.value = p[:3], setting, clip(fmt.Sprint(e.Value))
	}
	if strings.HasPrefix(e.Want, scenario.WantSetting) {
		if f.near = cfgerr.Near(setting, c.settings()); f.near != "" {
			f.want = scenario.WantSetting
		}
	}
	c.faults.addUnlessKnown(f)
}

// settings lists what can change at run time.
func (c *converter) settings() (out []string) {
	for i := range c.doc.NICs {
		for _, k := range scenario.RuntimeKeys() {
			out = append(out, "nics["+c.doc.NICs[i].Name+"]."+k)
		}
	}
	return append(out, slices.Sorted(maps.Keys(c.doc.Sysctl))...)
}

// invalid reports what scenario.Validate found, under the path that it has in the file.
func (c *converter) invalid(e *cfgerr.Error) {
	if m := settingPath.FindStringSubmatch(e.Path); m != nil {
		c.invalidSetting(e, m[1], m[2])
		return
	}
	p := c.written(c.inFile(pathOf(e.Path)))
	f := fault{path: p, want: e.Want}
	switch n, _ := c.root.locate(p); {
	case n == nil: // a default, or nothing where something must be
		if v := reflect.ValueOf(e.Value); !v.IsValid() || v.IsZero() {
			f.problem = "missing"
		}
	case n.kind < list:
		f.value = n.describe()
		if cpu, ok := e.Value.(int); ok && slices.Contains(p, "rps") {
			f.problem = fmt.Sprintf("CPU %d", cpu)
		}
	default: // one value of several
		f.value = clip(fmt.Sprint(e.Value))
	}
	if last := e.Path[strings.LastIndexByte(e.Path, '.')+1:]; c.load != unscaled && (last == "rate" || last == "burst_rate" || last == "speed") {
		f.problem = "times a load of " + units.FormatMilli(c.load)
	}
	c.faults.addUnlessKnown(f)
}

// inFile turns a path of the scenario into one of the file, where captures are
// sources as well and some keys have other names.
func (c *converter) inFile(p path) path {
	p = slices.Clone(p)
	if len(p) == 0 {
		return p
	}
	places := map[string][]int{"traffic": c.synthetic, "captures": c.captures}[p[0]]
	if i, err := strconv.Atoi(p[min(1, len(p)-1)]); err == nil && i < len(places) {
		p[0], p[1] = "traffic", strconv.Itoa(places[i])
	}
	switch {
	case p[0] == "udp_hash_entries":
		return path{"host", "uhash_entries"}
	case p[0] == "udp_clone_failures":
		return path{"host", "clone_failures"}
	case p[0] == "nics" && p[len(p)-1] == "prefix":
		p[len(p)-1] = "address"
	case p[0] == "apps" && p[len(p)-1] == "cpu" && c.doc.Apps != nil:
		if n, _ := c.root.locate(p[:len(p)-1]); n.get("cpus") != nil {
			p[len(p)-1] = "cpus"
		}
	}
	return p
}

// text returns a JSON scalar as it is written, without quotes.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// names lists words in quotes for a fault: "eth0" or "eth1".
func names(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	return either(quoted)
}

// either lists choices: a, b or c.
func either(choices []string) string {
	switch n := len(choices); n {
	case 0:
		return "nothing"
	case 1:
		return choices[0]
	default:
		return strings.Join(choices[:n-1], ", ") + " or " + choices[n-1]
	}
}
