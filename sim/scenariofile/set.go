package scenariofile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/units"
)

// A Set overrides one key of a scenario, as --set path=value does.
type Set struct {
	// Path names the key: a sysctl by its own name (net.core.netdev_budget), any other from the root, with elements of lists
	// by number or by name (nics[0].ring.rx, nics[eth0].ring.rx). The path load multiplies the rate of every source.
	Path string
	// Value is YAML; null, or nothing, takes the key away, so that its default applies.
	Value string
}

// String prints path=value.
func (s Set) String() string { return s.Path + "=" + s.Value }

// ParseSet splits path=value.
func ParseSet(arg string) (Set, error) {
	p, value, ok := strings.Cut(arg, "=")
	if !ok || strings.TrimSpace(p) == "" {
		return Set{}, fmt.Errorf("%q: want path=value, such as nics[0].ring.rx=4096", clip(arg))
	}
	return Set{strings.TrimSpace(p), value}, nil
}

// loadPath is the synthetic key that multiplies all rates.
const loadPath = "load"

// A setter applies Sets to a tree.
type setter struct {
	root   *node
	faults *collector
	load   uint64 // in thousandths
}

// apply applies the nth Set, counted from 1. Later ones win.
func (s *setter) apply(n int, set Set) {
	at := origin{set: n}
	p, ok := parsePath(set.Path)
	if !ok {
		s.faults.addAside(fault{at: at, problem: "not a path", want: "a path such as nics[0].ring.rx or net.core.rmem_max"})
		return
	}
	value := readYAML([]byte(set.Value), n, p, s.faults)
	switch {
	case value == nil:
	case set.Path == loadPath:
		s.setLoad(at, value)
	default:
		s.put(p, value, at)
	}
}

func (s *setter) setLoad(at origin, value *node) {
	load, err := units.ParseMilli(value.text)
	if err != nil || load == 0 || value.kind != number && value.kind != str {
		s.faults.addAside(fault{path: path{loadPath}, at: at, value: value.describe(), want: factorNotation{}.want() + ", above 0"})
		return
	}
	s.load = load
}

// put sets the node at p and makes the mappings on the way, or takes it away.
func (s *setter) put(p path, value *node, at origin) {
	if !s.resolve(p, at) {
		return
	}
	if there, _ := s.root.locate(p); there == nil && value.kind == null {
		return
	}
	n, sch := s.root, compiled()
	for i, token := range p {
		next := element(sch, token)
		switch {
		case i < len(p)-1:
			n = n.descend(sch, next, token, at)
		case value.kind == null:
			n.take(token)
		default:
			n.enter(sch, token, value)
		}
		sch = next
	}
}

// resolve checks that p leads somewhere, and replaces names of elements by
// their numbers.
func (s *setter) resolve(p path, at origin) bool {
	n, sch := s.root, compiled()
	for i, token := range p {
		if isList(sch) {
			k := s.index(p[:i], n, token, at)
			if k < 0 {
				return false
			}
			p[i] = strconv.Itoa(k)
		}
		next := element(sch, p[i])
		if next == nil {
			s.unknown(p[:i], token, sch, at)
			return false
		}
		n, sch = n.child(p[i]), next
	}
	return true
}

// take removes the child under one token.
func (n *node) take(token string) {
	if n.kind == list {
		i, _ := strconv.Atoi(token) // index returned it
		n.items = slices.Delete(n.items, i, i+1)
		return
	}
	n.remove(token)
}

// enter puts a child under one token. Where only one key may be, it replaces the others.
func (n *node) enter(sch *jsonschema.Schema, token string, value *node) {
	if n.kind == list {
		i, _ := strconv.Atoi(token) // index returned it
		n.items[i] = value
		return
	}
	if sch = deref(sch); sch.MaxProperties != nil && *sch.MaxProperties == 1 && n.field(token) == nil {
		n.fields = nil
	}
	n.put(token, value)
}

// descend returns the child under one token, which is a list or a mapping
// afterwards: the name of a profile becomes its base, any other value gives way.
func (n *node) descend(sch, next *jsonschema.Schema, token string, at origin) *node {
	child := n.child(token)
	want := mapping
	if isList(next) {
		want = list
	}
	if child != nil && child.kind == want {
		return child
	}
	fresh := &node{kind: want, at: at}
	if child != nil && child.kind == str && deref(next).Properties[baseKey] != nil {
		fresh.put(baseKey, child)
	}
	n.enter(sch, token, fresh)
	return fresh
}

// index returns the element of the list n at p that token names, by number or
// by name, and reports it if there is none. The interface that a scenario
// leaves to the default can be named as well: it is then written down.
func (s *setter) index(p path, n *node, token string, at origin) int {
	none := n == nil || n.kind == null || n.kind == list && len(n.items) == 0
	if none && p.String() == "nics" && (token == "0" || token == nicName(0)) {
		s.root.put(p[0], &node{kind: list, at: at, items: []*node{{kind: mapping, at: at}}})
		return 0
	}
	var known []string
	if n != nil && n.kind == list {
		for i, item := range n.items {
			name := elementName(p, i, item)
			if token == strconv.Itoa(i) || token == name {
				return i
			}
			if known = append(known, name); name == "" {
				known[i] = strconv.Itoa(i)
			}
		}
	}
	want := fmt.Sprintf("one of %s, as in %s[0]", either(known), p)
	if len(known) == 0 {
		want = fmt.Sprintf("an element that is there: %s has none", p)
	}
	s.faults.addAside(fault{path: p, at: at, problem: fmt.Sprintf("no element %q", clip(token)), want: want, near: cfgerr.Near(token, known)})
	return -1
}

// elementName returns the name of an element of a list, empty if it has none.
func elementName(p path, i int, item *node) string {
	if name := item.get("name"); name != nil {
		return name.text
	}
	if len(p) == 1 {
		switch p[0] {
		case "nics":
			return nicName(i)
		case "traffic":
			return sourceName(i)
		case "apps":
			return appName(i)
		}
	}
	return ""
}

// unknown reports a key that the mapping at p does not have.
func (s *setter) unknown(p path, key string, sch *jsonschema.Schema, at origin) {
	f := fault{path: p.under(key), at: at, problem: "unknown key"}
	f.near, f.want = suggest(key, sch, loadPath)
	switch {
	case len(keys(sch)) == 0 && f.want == "":
		f.path, f.problem, f.want = p, fmt.Sprintf("no key %q below it", clip(key)), expectation(sch)
	case f.near != "":
		f.near = p.under(f.near).String()
	}
	s.faults.addAside(f)
}
