package scenariofile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A fault is a [Fault] before its place is known: either at says where, or the
// path does.
type fault struct {
	path    path
	at      origin // zero: where path is
	value   string
	problem string
	want    string
	near    string
}

// maxFaults is how many faults are reported one by one.
const maxFaults = 1000

// A collector gathers faults, and knows which of them only follow from others.
type collector struct {
	list []fault
	more int // faults beyond maxFaults
	// weak faults count only if nothing else is said about the same key: a unit
	// that does not match the schema's pattern is explained better by its parser.
	weak []fault
	// wrong are the paths of the faults, over the paths above them, causes the rows of follows that they are in.
	wrong, over map[string]bool
	causes      [len(follows)]bool
}

// clone returns a collector that knows the same.
func (c *collector) clone() *collector {
	d := *c
	d.list, d.weak = slices.Clone(c.list), slices.Clone(c.weak)
	d.wrong, d.over = maps.Clone(c.wrong), maps.Clone(c.over)
	return &d
}

// full reports that a further fault would only be counted.
func (c *collector) full() bool { return len(c.list) >= maxFaults }

// addAside adds a fault of a Set that was not applied: it says nothing about
// what stands at its path.
func (c *collector) addAside(f fault) {
	if c.full() {
		c.more++
		return
	}
	c.list = append(c.list, f)
}

// add adds a fault.
func (c *collector) add(f fault) {
	c.addAside(f)
	if c.full() || len(f.path) == 0 {
		return
	}
	if c.wrong == nil {
		c.wrong, c.over = map[string]bool{}, map[string]bool{}
	}
	c.wrong[f.path.id()] = true
	for i := range f.path {
		c.over[f.path[:i].id()] = true
	}
	for i := range follows {
		c.causes[i] = c.causes[i] || follows[i].cause.MatchString(f.path.String())
	}
}

// id returns a text of its own for every path.
func (p path) id() string { return strings.Join(p, "\x00") }

func (c *collector) addWeak(f fault) {
	if len(c.weak) < maxFaults {
		c.weak = append(c.weak, f)
	}
}

// about reports whether a fault at p, or above it, is known.
func (c *collector) about(p path) bool {
	for i := range p {
		if c.wrong[p[:i+1].id()] {
			return true
		}
	}
	return false
}

// follows lists keys whose checks look at other keys: while a cause is wrong,
// a fault of an effect says nothing.
var follows = [...]struct{ cause, effect *regexp.Regexp }{
	{regexp.MustCompile(`^host(\.cpus)?$`), regexp.MustCompile(`(\.cpus?(\[\d+\])?|\.irq_affinity\..*|\.rps\..*|flow_limit_cpu_bitmap)$`)},
	{regexp.MustCompile(`^nics(\[\d+\](\.name)?)?$`), regexp.MustCompile(`\.(to|in|device|dev|join|join\[\d+\])$|^nics\[\d+\]\.name$`)},
}

// addUnlessKnown adds f unless it follows from a fault that is there already:
// one of the same key, of a key above or below it, or of a key that its check
// looks at.
func (c *collector) addUnlessKnown(f fault) {
	if c.full() || c.about(f.path) || c.over[f.path.id()] {
		return
	}
	for i := range follows {
		if c.causes[i] && follows[i].effect.MatchString(f.path.String()) {
			return
		}
	}
	c.add(f)
}

// faults places everything that was found in the file called name, whose tree
// is root (which may be nil), and returns it in order; nil if nothing is wrong.
func (c *collector) faults(name string, data []byte, sets []Set, root *node) Faults {
	for _, f := range c.weak {
		c.addUnlessKnown(f)
	}
	lines := &lines{text: string(data)}
	var out Faults
	for _, f := range c.list {
		out = append(out, f.placed(name, lines, sets, root))
	}
	out.sort()
	if c.more > 0 {
		out = append(out, &Fault{File: name, Problem: fmt.Sprintf("%d further faults", c.more)})
	}
	return out
}

// placed says where the fault is.
func (f *fault) placed(name string, lines *lines, sets []Set, root *node) *Fault {
	at := f.at
	if at == (origin{}) && root != nil {
		_, at = root.locate(f.path)
	}
	full := &Fault{
		File: name, Line: at.line, Column: at.column, Path: f.path.String(),
		Value: f.value, Problem: f.problem, Want: f.want, Near: f.near, set: at.set, source: lines.get(at.line),
	}
	if at.set > 0 {
		full.Set = clip(sets[at.set-1].String())
	}
	return full
}
