package scenariofile

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
)

// The schema is generated from the types of document.go, the sysctl tags of the
// configurations, the kernel's profiles and its costs.
//
//go:generate go test -run ^TestGenerated$ . -args -rewrite-generated

//go:embed schema.json
var schemaJSON []byte

// Schema returns the JSON Schema of scenario files (draft 2020-12), for editors
// and other programs. docs/scenario.schema.json is the same.
func Schema() []byte { return bytes.Clone(schemaJSON) }

// compiled returns the schema ready for use.
var compiled = sync.OnceValue(func() *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		panic("scenariofile: schema.json: " + err.Error()) // it is checked in, and tested
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("scenario.schema.json", doc); err != nil {
		panic("scenariofile: schema.json: " + err.Error())
	}
	return c.MustCompile("scenario.schema.json")
})

// deref follows references.
func deref(s *jsonschema.Schema) *jsonschema.Schema {
	for s != nil && s.Ref != nil {
		s = s.Ref
	}
	return s
}

// property returns the schema of a key, nil if the key is unknown.
func property(s *jsonschema.Schema, key string) *jsonschema.Schema {
	if s = deref(s); s == nil {
		return nil
	}
	if p := s.Properties[key]; p != nil {
		return p
	}
	for re, p := range s.PatternProperties {
		if re.MatchString(key) {
			return p
		}
	}
	return nil
}

// element returns the schema of what stands under one token of a path: an
// element of a list or the value of a key; nil if there is no such key.
func element(s *jsonschema.Schema, token string) *jsonschema.Schema {
	if isList(s) {
		return deref(s).Items2020
	}
	return property(s, token)
}

// schemaAt returns the schema of the node at p, nil if there is none.
func schemaAt(p path) *jsonschema.Schema {
	s := compiled()
	for _, token := range p {
		if s = element(s, token); s == nil {
			return nil
		}
	}
	return deref(s)
}

// isList reports whether s describes lists.
func isList(s *jsonschema.Schema) bool {
	s = deref(s)
	return s != nil && s.Items2020 != nil
}

// keys returns the keys that s knows, in order.
func keys(s *jsonschema.Schema) []string {
	if s = deref(s); s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.Properties))
}

// suggest returns the known key nearest to an unknown one of a mapping that s
// describes, or the place where such a key is known; else what keys there are,
// if they are few. more are keys that are known beside those of the root.
func suggest(key string, s *jsonschema.Schema, more ...string) (nearest, want string) {
	s = deref(s)
	known := keys(s)
	if s == compiled() {
		known = append(known, more...)
	}
	if nearest = cfgerr.Near(key, known); nearest != "" {
		return nearest, ""
	}
	if elsewhere := find(s, key); elsewhere != "" {
		return elsewhere, ""
	}
	for re := range s.PatternProperties {
		return "", "a key such as " + example(re.String())
	}
	const few = 24
	if len(known) > 0 && len(known) <= few {
		want = either(known)
	}
	return "", want
}

// example returns a key that a pattern of the form ^name-[0-9]+$ matches.
func example(pattern string) string {
	return strings.NewReplacer("^", "", "[0-9]+", "0", "$", "").Replace(pattern)
}

// find returns where below s a key is known, as a path with [] for any element.
func find(s *jsonschema.Schema, key string) string {
	s = deref(s)
	if s == nil {
		return ""
	}
	if s.Properties[key] != nil {
		return key
	}
	for _, k := range keys(s) {
		below, name := deref(s.Properties[k]), k
		if below.Items2020 != nil {
			below, name = below.Items2020, k+"[]"
		}
		if at := find(below, key); at != "" {
			return name + "." + at
		}
	}
	return ""
}

// expectation describes what s expects, for people.
func expectation(s *jsonschema.Schema) string {
	s = deref(s)
	switch {
	case s == nil:
		return ""
	case s.Title != "":
		return s.Title
	case s.Enum != nil:
		return words(s.Enum.Values)
	case s.Types == nil:
		return ""
	}
	switch types := s.Types.ToStrings(); types[0] {
	case "boolean":
		return "true or false"
	case "integer":
		return "a whole number" + bounds(s)
	case "array":
		return "a list"
	case "object":
		return "a mapping"
	default:
		return "a text"
	}
}

func bounds(s *jsonschema.Schema) string {
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		return " from " + s.Minimum.RatString() + " to " + s.Maximum.RatString()
	case s.Minimum != nil:
		return " of at least " + s.Minimum.RatString()
	}
	return ""
}

// words lists the values of an enumeration.
func words(values []any) string {
	out := make([]string, len(values))
	for i, v := range values {
		if out[i] = fmt.Sprint(v); reflect.TypeOf(v).Kind() == reflect.String && !isNumber(v) {
			out[i] = strconv.Quote(out[i])
		}
	}
	return either(out)
}

func isNumber(v any) bool {
	_, ok := v.(json.Number)
	return ok
}

// validate compares the tree with the schema, reports what does not match, and
// takes it out of the tree, so that the rest can be looked at further.
func validate(root *node, faults *collector) {
	dropNulls(root, compiled())
	err, ok := compiled().Validate(root.any()).(*jsonschema.ValidationError)
	if !ok {
		return
	}
	v := &violations{root: root, faults: faults, before: collector{wrong: maps.Clone(faults.wrong)}}
	v.walk(err)
	for _, p := range v.bad {
		root.prune(p)
	}
}

// dropNulls removes keys without a value where a list or a mapping would stand:
// a section whose content is commented out. A scalar without a value is an error.
func dropNulls(n *node, s *jsonschema.Schema) {
	if isList(s) {
		for _, item := range n.items {
			dropNulls(item, deref(s).Items2020)
		}
		return
	}
	for _, f := range slices.Clone(n.fields) {
		sub := deref(property(s, f.key))
		switch {
		case sub == nil || sub.Types == nil:
		case f.value.kind == null && (slices.Contains(sub.Types.ToStrings(), "array") || slices.Contains(sub.Types.ToStrings(), "object")):
			n.remove(f.key)
		default:
			dropNulls(f.value, sub)
		}
	}
}

// prune takes the node at p away: a key altogether, an element of a list by an empty
// one, so that the others keep their places.
func (n *node) prune(p path) {
	if len(p) == 0 {
		*n = node{kind: mapping, at: n.at}
		return
	}
	above, _ := n.locate(p[:len(p)-1])
	last := p[len(p)-1]
	switch {
	case above == nil:
	case above.kind == mapping:
		above.remove(last)
	case above.kind == list:
		if bad := above.child(last); bad != nil {
			empty := null
			if s := schemaAt(p); s != nil && s.Types != nil && slices.Contains(s.Types.ToStrings(), "object") {
				empty = mapping
			}
			*bad = node{kind: empty, at: bad.at}
		}
	}
}

// violations turns the validator's errors into faults.
type violations struct {
	root   *node
	faults *collector
	before collector // what was wrong before: these nodes are null now, which is no further fault
	bad    []path
}

func (v *violations) walk(e *jsonschema.ValidationError) {
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			v.walk(cause)
		}
		return
	}
	p := path(e.InstanceLocation)
	if v.before.about(p) {
		v.bad = append(v.bad, p)
		return
	}
	s := schemaAt(p)
	f := fault{path: p, want: expectation(s)}
	if n, _ := v.root.locate(p); n != nil {
		f.value = n.describe()
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			v.unknown(p.under(key), s)
		}
		return
	case *kind.Required:
		for _, key := range k.Missing {
			v.faults.add(fault{path: p.under(key), problem: "missing", want: expectation(property(s, key))})
		}
		return
	case *kind.Pattern:
		v.faults.addWeak(f)
		return
	case *kind.FalseSchema:
		f.value, f.problem, f.want = "", "not in a synthetic source", "pcap beside it, for a capture"
		if source, _ := v.root.locate(p[:len(p)-1]); source.get("pcap") != nil {
			f.problem, f.want = "not in a capture (with pcap)", "sizes, addresses and gaps as recorded"
		}
	case *kind.Enum:
		f.want = words(k.Want)
		if text, ok := k.Got.(string); ok {
			f.near = nearAny(text, k.Want)
		}
	case *kind.Type:
		if len(p) == 0 {
			f.want = "a mapping of " + strings.Join(keys(s), ", ")
		}
		if n, _ := v.root.locate(p); n.kind == number && slices.Contains(k.Want, "string") && (s.Pattern == nil || s.Pattern.MatchString(n.text)) {
			f.want += "; in quotes, because it looks like a number"
		}
	case *kind.MinProperties, *kind.MaxProperties:
		if f.want = "at least one"; len(keys(s)) > 0 {
			f.want = "exactly one of " + strings.Join(keys(s), ", ")
		}
	case *kind.MinItems:
		f.want = fmt.Sprintf("at least %d of them", k.Want)
	case *kind.MaxItems:
		f.want = fmt.Sprintf("at most %d of them", k.Want)
	case *kind.Minimum, *kind.Maximum:
	default:
		f.want = e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	}
	v.bad = append(v.bad, p)
	v.faults.add(f)
}

// unknown reports a key of a mapping that s does not know.
func (v *violations) unknown(p path, s *jsonschema.Schema) {
	v.bad = append(v.bad, p)
	f := fault{path: p, problem: "unknown key"}
	if v.faults.full() {
		v.faults.add(f) // counted
		return
	}
	if above, _ := v.root.locate(p[:len(p)-1]); above.field(p[len(p)-1]) != nil {
		f.at = above.field(p[len(p)-1]).at
	}
	f.near, f.want = suggest(p[len(p)-1], s)
	v.faults.add(f)
}

func nearAny(s string, values []any) string {
	var texts []string
	for _, v := range values {
		if t, ok := v.(string); ok {
			texts = append(texts, t)
		}
	}
	return cfgerr.Near(s, texts)
}
