package scenariofile

import (
	"regexp"
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

// A collector gathers faults, and knows which of them only follow from others.
type collector struct {
	list []fault
	// weak faults count only if nothing else is said about the same key: a unit
	// that does not match the schema's pattern is explained better by its parser.
	weak []fault
}

func (c *collector) add(f fault) { c.list = append(c.list, f) }

func (c *collector) addWeak(f fault) { c.weak = append(c.weak, f) }

// about reports whether a fault at p, or above it, is known.
func (c *collector) about(p path) bool {
	for _, f := range c.list {
		if len(f.path) > 0 && f.path.above(p) {
			return true
		}
	}
	return false
}

// follows lists keys whose checks look at other keys: while a cause is wrong,
// a fault of an effect says nothing.
var follows = []struct{ cause, effect *regexp.Regexp }{
	{regexp.MustCompile(`^host(\.cpus)?$`), regexp.MustCompile(`(\.cpus?(\[\d+\])?|\.irq_affinity\..*|\.rps\..*|flow_limit_cpu_bitmap)$`)},
	{regexp.MustCompile(`^nics(\[\d+\](\.name)?)?$`), regexp.MustCompile(`\.(to|in|device|dev|join|join\[\d+\])$`)},
	{regexp.MustCompile(`^nics(\[\d+\](\.name)?)?$`), regexp.MustCompile(`^nics\[\d+\]\.name$`)},
}

// addUnlessKnown adds f unless it follows from a fault that is there already:
// one of the same key, of a key above or below it, or of a key that its check
// looks at.
func (c *collector) addUnlessKnown(f fault) {
	text := f.path.String()
	for _, known := range c.list {
		if len(known.path) == 0 {
			continue
		}
		if known.path.above(f.path) || f.path.above(known.path) {
			return
		}
		cause := known.path.String()
		for _, d := range follows {
			if d.cause.MatchString(cause) && d.effect.MatchString(text) {
				return
			}
		}
	}
	c.add(f)
}

// faults places everything that was found in the file called name, whose tree is root (which
// may be nil), and returns it in order; nil if nothing is wrong.
func (c *collector) faults(name string, data []byte, sets []Set, root *node) Faults {
	for _, f := range c.weak {
		c.addUnlessKnown(f)
	}
	var out Faults
	for _, f := range c.list {
		at := f.at
		if at == (origin{}) && root != nil {
			_, at = root.locate(f.path)
		}
		full := &Fault{
			File: name, Line: at.line, Column: at.column, Path: f.path.String(),
			Value: f.value, Problem: f.problem, Want: f.want, Near: f.near, set: at.set,
		}
		if at.set > 0 {
			full.Set = clip(sets[at.set-1].String())
		}
		if at.line > 0 {
			full.source = lineOf(data, at.line)
		}
		out = append(out, full)
	}
	out.sort()
	return out
}
