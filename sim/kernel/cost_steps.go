package kernel

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
)

// Limits of one cost.
const (
	// maxCost is the longest time of a step, for a packet of any size.
	maxCost = engine.Second
	// largestPacket is the size up to which a step must stay below maxCost.
	largestPacket = 65536
)

// A Step is the description of one field of [Costs].
type Step struct {
	// Key is its name in scenarios and results: "driver".
	Key string
	// Bytes says which bytes count for Cost.PerByte; empty: the step takes the same time whatever the size.
	Bytes string
	// Doc says what the step covers, with the kernel's function names.
	Doc string
}

// Steps returns the description of every step, in the order of the fields of
// [Costs].
func Steps() []Step {
	var steps []Step
	walk(reflect.TypeFor[Costs](), func(_ int, s Step) { steps = append(steps, s) })
	return steps
}

// walk is the one loop over the struct tags of [Costs].
func walk(t reflect.Type, visit func(field int, s Step)) {
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		if key, ok := tag.Lookup("cost"); ok {
			visit(i, Step{Key: key, Bytes: tag.Get("bytes"), Doc: stepDocs[key]})
		}
	}
}

// each calls f with every step and its cost.
func (c *Costs) each(f func(s Step, cost *Cost)) {
	v := reflect.ValueOf(c).Elem()
	walk(v.Type(), func(i int, s Step) { f(s, v.Field(i).Addr().Interface().(*Cost)) })
}

// Each calls f with the key and the cost of every step, in the order of the
// fields. f may change the cost.
func (c *Costs) Each(f func(key string, cost *Cost)) {
	c.each(func(s Step, cost *Cost) { f(s.Key, cost) })
}

// Get returns the cost of a step; ok says that there is one of that key.
func (c *Costs) Get(key string) (cost Cost, ok bool) {
	c.Each(func(k string, at *Cost) {
		if k == key {
			cost, ok = *at, true
		}
	})
	return cost, ok
}

// Set gives the step of that key another cost. A cost without a source gets
// "set by the user". The error is a *cfgerr.Error, or several of them joined,
// with the key as path: an unknown key names the nearest one; a cost that
// [Costs.Validate] refuses is refused here, and nothing changes.
func (c *Costs) Set(key string, cost Cost) error {
	var keys []string
	err := errUnknown
	c.each(func(s Step, at *Cost) {
		keys = append(keys, s.Key)
		if s.Key != key {
			return
		}
		if err = s.check(&cost); err == nil {
			*at = cost
			if at.Source == "" {
				at.Source = "set by the user"
			}
		}
	})
	if err == errUnknown {
		return &cfgerr.Error{Path: key, Value: cost.String(), Want: fmt.Sprintf("the key of a cost; the nearest is %q", cfgerr.Nearest(key, keys))}
	}
	return err
}

var errUnknown = errors.New("unknown key")

// check reports what no machine could have.
func (s *Step) check(c *Cost) error {
	sized := s.Bytes != ""
	var fixed, perByte error
	if c.Fixed < 0 || c.Fixed > maxCost {
		fixed = &cfgerr.Error{Path: s.Key, Value: c.Fixed, Want: "0 to 1s"}
	}
	switch {
	case !sized && c.PerByte != 0:
		perByte = &cfgerr.Error{Path: s.Key + ".per_byte", Value: c.PerByte, Want: "0: this step does not depend on the size of a packet"}
	case c.PerByte < 0 || c.PerByte > maxCost/largestPacket:
		perByte = &cfgerr.Error{Path: s.Key + ".per_byte", Value: c.PerByte, Want: "0 to " + (maxCost / largestPacket).String() + " per byte"}
	}
	return errors.Join(fixed, perByte)
}

// Validate reports every cost that no machine could have, as *cfgerr.Error
// values whose paths are the keys: a negative one, one above a second, one per
// byte of a step that has no size. Every cost may be zero.
func (c *Costs) Validate() error {
	var errs []error
	c.each(func(s Step, cost *Cost) { errs = append(errs, s.check(cost)) })
	return errors.Join(errs...)
}

// Changed lists what differs from base, in the order of the fields:
// "switch: 3µs (bdw-3.6ghz: 1.5µs)". A difference in sources alone is none.
func (c *Costs) Changed(base *Costs) []string {
	var out []string
	c.Each(func(key string, cost *Cost) {
		if was, _ := base.Get(key); was.Fixed != cost.Fixed || was.PerByte != cost.PerByte {
			out = append(out, fmt.Sprintf("%s: %v (%s: %v)", key, *cost, base.Name, was))
		}
	})
	return out
}
