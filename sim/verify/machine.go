package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/kernel"
)

// A Machine is the kernel that runs this program, as far as cases can be run on
// it and replayed.
type Machine struct {
	// Release is what uname says, Version its number: 6.18.44.
	Release, Version string
	// Base is the profile of the nearest version, Changed what probes found otherwise: the value of each
	// behaviour by its name in a scenario.
	Base    string
	Changed map[string]string
	// Probed are the behaviours that probes looked at, with what they found.
	Probed []Probed
	// CPUs is the number of CPUs, LLC whether the kernel has a handler for 802.2.
	CPUs int
	LLC  bool
	// NoReasons says why drop reasons are not recorded, "" if they are.
	NoReasons string

	own, host map[string]string // settings that a namespace has of its own; those of the machine
}

// Probed is a behaviour that a probe looked at.
type Probed struct{ Name, Value string }

// String says in one line what the machine is taken for.
func (m *Machine) String() string {
	var found []string
	for _, p := range m.Probed {
		s := p.Name + " " + p.Value
		if _, ok := m.Changed[p.Name]; ok {
			s += " (not as " + m.Base + ")"
		}
		found = append(found, s)
	}
	return fmt.Sprintf("kernel %s, %d CPUs: profile %s, the nearest; probed: %s", m.Release, m.CPUs, m.Base, strings.Join(found, ", "))
}

// MarshalJSON implements [json.Marshaler].
func (m *Machine) MarshalJSON() ([]byte, error) {
	probed := map[string]string{}
	for _, p := range m.Probed {
		probed[p.Name] = p.Value
	}
	return json.Marshal(struct {
		Kernel  string            `json:"kernel"`
		CPUs    int               `json:"cpus"`
		Profile string            `json:"profile"`
		Probed  map[string]string `json:"probed"`
		Changed map[string]string `json:"changed,omitempty"`
	}{m.Release, m.CPUs, m.Base, probed, m.Changed})
}

// A Recording is a case that was run on a machine.
type Recording struct {
	// Result is what came of replaying it on the model.
	Result Result
	// Document is the case as it was recorded, nil if it was not.
	Document []byte
}

// notRun says why a case of one machine is not run on another.
func notRun(c *Case, format string, args ...any) *Recording {
	return &Recording{Result: Result{Case: c, Verdict: NotRun, Reason: fmt.Sprintf(format, args...)}}
}

// firstReleases are the numbers of releases before each major version's first:
// 3.0 to 3.19, 4.0 to 4.20, 5.0 to 5.19, 6.0 to 6.19.
var firstReleases = map[int]int{3: 0, 4: 20, 5: 41, 6: 61, 7: 81}

// release returns the place of a version in the row of all, and the version
// without what distributions append.
func release(version string) (place int, number string, err error) {
	number, _, _ = strings.Cut(version, "-")
	number, _, _ = strings.Cut(number, "+")
	parts := strings.Split(number, ".")
	if len(parts) < 2 {
		return 0, "", fmt.Errorf("%q is no version of Linux", version)
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err := errors.Join(err1, err2); err != nil || major < 2 {
		return 0, "", fmt.Errorf("%q is no version of Linux", version)
	}
	first, ok := firstReleases[major]
	if !ok {
		first = firstReleases[7]
		if major < 3 {
			first, minor = 0, 0
		}
	}
	return first + minor, number, nil
}

// nearestProfile returns the profile of the version that is nearest to one; of two, the older.
func nearestProfile(version string) (kernel.Profile, error) {
	want, _, err := release(version)
	if err != nil {
		return kernel.Profile{}, err
	}
	var best kernel.Profile
	distance := -1
	for _, p := range kernel.Profiles() {
		at, _, err := release(strings.TrimPrefix(p.Name, "linux-"))
		if err != nil {
			continue
		}
		if d := max(want-at, at-want); distance < 0 || d < distance {
			best, distance = p, d
		}
	}
	return best, nil
}

// An observation is what a probe measured: an idle socket on lo that is filled,
// and one of which one datagram is read.
type observation struct {
	truesize int64 // of a datagram without payload
	// exact is how many datagrams a buffer took that holds them exactly, over by how many times it holds them;
	// loose is the same for a buffer that is a little larger.
	exact, loose, holds int
	released            bool  // reading one of several gave its memory back
	peeked              bool  // MSG_PEEK counted a datagram
	large, fwdAlloc     int64 // truesize of a datagram of several pages; what the socket has of its pages after two
	columns             int   // of softnet_stat
	counters            map[string]bool
	llc                 bool  // there is a handler for 802.2
	noReasons           error // why drop reasons are not seen
}

// pageSize is what a socket takes from udp_mem at least. Where it is another, the
// probe says nothing.
const pageSize = 4096

// probed says what the behaviours are of a kernel that was observed.
func (o *observation) probed() []Probed {
	head := o.truesize - kernel.SKBSize
	if head > 0 && head&(head-1) == 0 { // a class of kmalloc
		head = 0
	}
	out := []Probed{{"small_head", strconv.FormatInt(head, 10)}}
	switch over, loose := o.exact-o.holds, o.loose-o.holds; {
	case over == 0 && loose == 0:
		out = append(out, Probed{"accept_rule", kernel.FitsOrEmpty.String()})
	case over == 0 && loose == 1:
		out = append(out, Probed{"accept_rule", kernel.BelowRcvBuf.String()})
	case over == 1 && loose == 1:
		out = append(out, Probed{"accept_rule", kernel.UpToRcvBuf.String()})
	}
	rule := kernel.ReleaseQuarter
	if o.released {
		rule = kernel.ReleaseEach
	}
	// The second datagram takes the pages that are missing, or those of a whole one.
	pages := func(n int64) int64 { return (n + pageSize - 1) / pageSize * pageSize }
	if first := pages(o.large) - o.large; o.large > pageSize && first < o.large {
		switch o.fwdAlloc {
		case first + pages(o.large-first) - o.large:
			out = append(out, Probed{"fwd_alloc_rule", kernel.FwdShortfall.String()})
		case first + pages(o.large) - o.large:
			out = append(out, Probed{"fwd_alloc_rule", kernel.FwdWhole.String()})
		}
	}
	return append(out, Probed{"peek_counts", strconv.FormatBool(o.peeked)}, Probed{"release_rule", rule.String()}, Probed{"softnet_columns", strconv.Itoa(o.columns)},
		Probed{"ignored_multi", strconv.FormatBool(o.counters["Udp.IgnoredMulti"])}, Probed{"out_transmits", strconv.FormatBool(o.counters["Ip.OutTransmits"])})
}

// derive chooses the profile of a kernel and changes what probes found.
func (m *Machine) derive(o *observation) error {
	p, err := nearestProfile(m.Version)
	if err != nil {
		return err
	}
	m.Base, m.Changed, m.Probed = p.Name, map[string]string{}, o.probed()
	for i, f := range m.Probed {
		before := p
		if f.Name == "fwd_alloc_rule" && f.Value != kernel.FwdShortfall.String() && p.FwdAllocRule != kernel.FwdShortfall {
			f.Value = p.FwdAllocRule.String() // a probe does not tell the two from each other
			m.Probed[i] = f
		}
		if err := p.Set(f.Name, f.Value); err != nil {
			return err
		}
		if len(p.Changed(before)) > 0 {
			m.Changed[f.Name] = f.Value
		}
	}
	return nil
}

// adapt takes over the settings that are the machine's: a case that came with
// others is another experiment, and as good a one. It says which.
func (m *Machine) adapt(c *Case) (note string) {
	var others []string
	var own map[string]any // settings of the case itself, not of all that were recorded with it
	_ = json.Unmarshal(c.setup.Sysctls, &own)
	adapted := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.setup.sysctls)) {
		value := c.setup.sysctls[name]
		if _, ok := m.own[name]; ok {
			adapted[name] = value
			continue
		}
		v, ok := m.host[name]
		if !ok {
			continue // a setting that this kernel has not
		}
		adapted[name] = v
		if own[name] != nil && v != strings.Join(strings.Fields(value), " ") && !indifferent[name] {
			others = append(others, name+" = "+v)
		}
	}
	c.setup.sysctls = adapted
	if len(others) > 0 {
		note = "with the machine's " + strings.Join(others, ", ")
	}
	return note
}

// refuses says which setting of the whole machine a case changes.
func (m *Machine) refuses(c *Case) error {
	for _, name := range slices.Sorted(maps.Keys(c.setup.SysctlsChanged)) {
		value := c.setup.SysctlsChanged[name]
		if _, ok := m.own[name]; !ok && m.host[name] != value {
			return notReplayable(fmt.Sprintf("it changes %s, which is the whole machine's", name))
		}
	}
	return nil
}

// Bounds of how often a case is run: until two runs agree, and until two have
// the least of what other programs move, too.
const (
	fewestRuns = 2
	mostRuns   = 5
)

// runs is what several runs of a case gave.
type runs struct {
	observed map[string]any // nil: no two gave the same
	seen     *seen
	count    int
	attained int  // runs with the least machine-wide counters
	noisy    bool // other programs moved those, too
}

// A seen is what a run of a case saw beside the observation itself.
type seen struct {
	rcvbufs []int  // SO_RCVBUF of the sockets at the end
	before  object // the sockets before the measured part
	noisy   bool   // other programs received something meanwhile
}

// rewrite returns the file of a case with what was observed here in the place
// of what was recorded elsewhere.
func (m *Machine) rewrite(template []byte, c *Case, r *runs) ([]byte, error) {
	s := r.seen
	var doc map[string]json.RawMessage
	var setup map[string]any
	if err := errors.Join(json.Unmarshal(template, &doc), exact(doc["setup"], &setup)); err != nil {
		return nil, err
	}
	setup["sysctls"] = c.setup.sysctls
	if setup["SO_RCVBUF_got"] != nil {
		setup["SO_RCVBUF_got"] = s.rcvbufs
	}
	if setup["sockets_before"] != nil {
		setup["sockets_before"] = s.before
	}
	if l, ok := setup["sockets"].([]any); ok {
		for i, v := range l {
			if spec, ok := v.(map[string]any); ok && spec["SO_RCVBUF_got"] != nil && i < len(s.rcvbufs) {
				spec["SO_RCVBUF_got"] = s.rcvbufs[i]
			}
		}
	}
	delete(doc, "noise")
	delete(doc, "machine_wide_counters_contaminated")
	delete(doc, "machine_wide_counters")
	delete(doc, "profile")
	set := map[string]any{"kernel": m.Version, "runs": r.count, "deterministic": !c.related(), "setup": setup, "observed": r.observed,
		"machine": machine{CPUs: m.CPUs, LLC: m.LLC}, "machine_wide_counters": fmt.Sprintf("least of %d runs, attained in %d", r.count, r.attained)}
	if r.noisy {
		set["machine_wide_counters_contaminated"] = true
	}
	if _, number, err := release(strings.TrimPrefix(m.Base, "linux-")); err != nil || len(m.Changed) > 0 || !strings.HasPrefix(m.Version+".", number+".") {
		profile := maps.Clone(m.Changed)
		profile[profileBase] = m.Base
		set["profile"] = profile
	}
	for k, v := range set { // Any order: keys are different.
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			return nil, err
		}
		doc[k] = text.Bytes()
	}
	return ordered(doc)
}

// keys are those of a case, in the order of its file.
var keys = []string{"name", "group", "kernel", "profile", "machine", "description", "runs", "deterministic", "machine_wide_counters",
	"machine_wide_counters_contaminated", "setup", "stimulus", "observed"}

// ordered writes a case on one line.
func ordered(doc map[string]json.RawMessage) ([]byte, error) {
	var out bytes.Buffer
	for _, k := range keys {
		if len(doc[k]) == 0 {
			continue
		}
		sep := byte(',')
		if out.Len() == 0 {
			sep = '{'
		}
		out.WriteByte(sep)
		fmt.Fprintf(&out, "%q:", k)
		if err := json.Compact(&out, doc[k]); err != nil {
			return nil, err
		}
	}
	out.WriteString("}\n")
	return out.Bytes(), nil
}

// exact decodes JSON and keeps numbers as they are written.
func exact(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(v)
}

// shape makes of what a run observed the part that the template has, with what
// kernels are known to differ in left out. Counters are kept whole.
func shape(at string, want, got any) (any, error) {
	switch g := got.(type) {
	case ignored:
		return nil, nil
	case counters:
		return map[string]int64(g), nil
	case object:
		m, ok := want.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s is an object here, and %T in the case", at, want)
		}
		out := map[string]any{}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			v, known := g[k]
			if !known {
				return nil, notReplayable(fmt.Sprintf("%s.%s can't be observed", at, k))
			}
			s, err := shape(at+"."+k, m[k], v)
			if err != nil {
				return nil, err
			}
			if _, skip := v.(ignored); !skip {
				out[k] = s
			}
		}
		return out, nil
	case []any:
		l, _ := want.([]any)
		out := make([]any, len(g))
		for i := range g {
			var w any
			if len(l) > 0 {
				w = l[min(i, len(l)-1)]
			}
			s, err := shape(fmt.Sprintf("%s[%d]", at, i), w, g[i])
			if err != nil {
				return nil, err
			}
			out[i] = s
		}
		return out, nil
	}
	return normal(got), nil
}

// machineWide are the parts of an observation that other programs move, too.
var machineWide = map[string]bool{"softnet": true, "drop_reasons": true}

// least merges the machine-wide parts of b into a: the smaller of each. It
// reports whether b has the minimum in all, and whether a had.
func least(a, b any, wide bool) (bIs, aWas bool) {
	m, ok1 := a.(map[string]any)
	n, ok2 := b.(map[string]any)
	bIs, aWas = true, true
	if l, ok := a.([]any); ok && !wide {
		r, _ := b.([]any)
		for i := range min(len(l), len(r)) {
			x, y := least(l[i], r[i], false)
			bIs, aWas = bIs && x, aWas && y
		}
		return bIs, aWas
	}
	if !ok1 || !ok2 {
		return true, true
	}
	keys := map[string]bool{}
	for k := range m { // Any order: a set.
		keys[k] = true
	}
	for k := range n { // Any order: a set.
		keys[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		va, vb := m[k], n[k]
		if !wide || isTree(va) || isTree(vb) {
			x, y := least(va, vb, wide || machineWide[k])
			bIs, aWas = bIs && x, aWas && y
			continue
		}
		x, y := at(va), at(vb)
		bIs, aWas = bIs && y <= x, aWas && x <= y
		if low := min(x, y); low == 0 {
			delete(m, k)
		} else {
			m[k] = low
		}
	}
	return bIs, aWas
}

func isTree(v any) bool { _, ok := v.(map[string]any); return ok }

// without returns a copy of an observation without its machine-wide parts.
func without(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v { // Any order: keys are different.
			if !machineWide[k] {
				out[k] = without(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = without(e)
		}
		return out
	}
	return v
}

// Matches reports whether a case is selected: all are without a pattern, and by
// its group or a pattern of its name otherwise.
func Matches(patterns []string, group, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name)
		return ok || p == group
	})
}
