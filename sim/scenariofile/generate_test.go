package scenariofile

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenario"
)

var rewrite = flag.Bool("rewrite-generated", false, "write schema.json, docs/scenario.schema.json and the tables of docs/scenario.md")

const (
	docsSchema = "../../docs/scenario.schema.json"
	docsPage   = "../../docs/scenario.md"
)

// TestGenerated compares what is checked in with what the types say today.
// After a change of a type, a comment, a sysctl, a default or a range:
//
//	go generate ./sim/scenariofile
func TestGenerated(t *testing.T) {
	g := newGenerator(t)
	schema := g.schema()
	page := g.page(t)
	for _, f := range []struct {
		path string
		want []byte
	}{{"schema.json", schema}, {docsSchema, schema}, {docsPage, page}} {
		if *rewrite {
			require.NoError(t, os.WriteFile(f.path, f.want, 0o644))
			continue
		}
		got, err := os.ReadFile(f.path)
		require.NoError(t, err)
		if string(got) != string(f.want) {
			t.Errorf("%s is out of date: run go generate ./sim/scenariofile\n%s", f.path, firstDifference(string(got), string(f.want)))
		}
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d is\n%s\nand should be\n%s", i+1, g[i], w[i])
		}
	}
	return "one is longer"
}

// A generator derives the schema from the types.
type generator struct {
	comments map[string]string // of fields: "scenariofile.nicSection.MTU"
	root     *jsonschema.Schema
	defs     jsonschema.Definitions
	least    *node // the tree of a scenario in which as much as possible is left to its default
	defaults *node // the same, completed
	full     *node // the tree of testdata/everything.yaml
}

func newGenerator(t *testing.T) *generator {
	g := &generator{comments: map[string]string{}}
	for _, dir := range []string{".", "../../softirq", "../../ipstack", "../../socket", "../../udp", "../../nic"} {
		readComments(t, dir, g.comments)
	}
	const least = `
name: x
nics: [{taps: [{}]}]
netfilter: [{}]
traffic: [{rate: 1pps, size: 64, dst: 10.0.0.2:1}, {pcap: x}]
apps: [{cpu: 0, sockets: [{bind: 0.0.0.0:1}]}]
`
	faults := &collector{}
	tree := readYAML([]byte(least), 0, nil, faults)
	_, doc := build("default", tree, tree, unscaled, faults, true)
	require.Empty(t, faults.list)
	text, err := encode(doc)
	require.NoError(t, err)
	g.least = tree
	g.defaults = readYAML(text, 0, nil, faults)
	data, err := os.ReadFile("testdata/everything.yaml")
	require.NoError(t, err)
	g.full = readYAML(data, 0, nil, faults)
	require.Empty(t, faults.list)
	return g
}

// readComments collects the comments of struct fields.
func readComments(t *testing.T, dir string, into map[string]string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range s.Fields.List {
					for _, id := range field.Names {
						text := strings.Join(strings.Fields(field.Doc.Text()), " ")
						into[f.Name.Name+"."+spec.Name.Name+"."+id.Name] = sentence(id.Name, text)
					}
				}
			}
			return true
		})
	}
}

// sentence turns the comment of a Go field into one about its key: "CPUs is the
// number of CPUs" into "The number of CPUs".
func sentence(name, comment string) string {
	rest, ok := strings.CutPrefix(comment, name)
	if !ok {
		return comment
	}
	rest = strings.TrimLeft(rest, ": ")
	for _, verb := range []string{"is ", "are "} {
		rest = strings.TrimPrefix(rest, verb)
	}
	if rest == "" {
		return comment
	}
	return capital(rest)
}

// schema returns the JSON Schema as it is written to files.
func (g *generator) schema() []byte {
	r := &jsonschema.Reflector{
		RequiredFromJSONSchemaTags: true,
		ExpandedStruct:             true,
		Anonymous:                  true,
		Namer:                      defName,
		Mapper:                     g.special,
		LookupComment: func(t reflect.Type, field string) string {
			return g.comments["scenariofile."+typeName(t)+"."+field]
		},
	}
	root := r.Reflect(document{})
	g.root, g.defs = root, root.Definitions
	root.ID = "https://raw.githubusercontent.com/seed-556df219/rxpath/main/docs/scenario.schema.json"
	root.Title = "rxpath scenario"
	root.Description = "A host, its traffic, its applications, how long to run."
	g.finish(nil, reflect.TypeFor[document](), root)
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err)
	}
	return append(unescape(out), '\n')
}

// unescape undoes the escapes that encoding/json makes for HTML.
func unescape(b []byte) []byte {
	for _, c := range []string{"<", ">", "&"} {
		b = bytes.ReplaceAll(b, []byte(fmt.Sprintf(`\u%04x`, c[0])), []byte(c))
	}
	return b
}

func typeName(t reflect.Type) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	return name
}

// defName names a definition: nicSection is nic, lawOf[engine.Time, ...] is timeLaw.
func defName(t reflect.Type) string {
	name := typeName(t)
	for _, suffix := range []string{"Section", "Of"} {
		name = strings.TrimSuffix(name, suffix)
	}
	if !strings.Contains(t.Name(), "[") {
		return name
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	if strings.Contains(t.Name(), "timeNotation") {
		return "time" + name
	}
	return "size" + name
}

// oneOfTypes lets a value have several types, which the library's Type does not.
func oneOfTypes(s *jsonschema.Schema, types ...string) {
	s.Type = ""
	setExtra(s, "type", types)
}

func setExtra(s *jsonschema.Schema, key string, v any) {
	if s.Extras == nil {
		s.Extras = map[string]any{}
	}
	s.Extras[key] = v
}

// special returns the schemas of types that are not what they seem in Go.
func (g *generator) special(t reflect.Type) *jsonschema.Schema {
	if s, ok := reflect.Zero(t).Interface().(interface{ expects() string }); ok {
		return scalarSchema(t, s.expects())
	}
	switch t {
	case reflect.TypeFor[kernelSection]():
		return kernelSchema()
	case reflect.TypeFor[costsSection]():
		return costsSchema()
	case reflect.TypeFor[sysctlSection]():
		return g.sysctlSchema()
	case reflect.TypeFor[changeSettings]():
		one := uint64(1)
		return &jsonschema.Schema{Type: "object", Title: "a mapping of paths to values", MinProperties: &one, PatternProperties: map[string]*jsonschema.Schema{"^.+$": {}}}
	case reflect.TypeFor[cpuSet]():
		return cpuSetSchema(wantCPUSet)
	case reflect.TypeFor[irqCPUs]():
		return cpuSetSchema(wantIRQCPUs, "integer")
	}
	return nil
}

// Patterns of scalars. They are looser than the parsers, which explain better
// what is wrong; a test says that they are nowhere stricter.
const number10 = `[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?`

var patterns = map[string]string{
	"timeNotation":     `^(0|` + number10 + ` ?(ps|ns|us|µs|μs|ms|s|m|h))$`,
	"neverNotation":    `^(never|` + number10 + ` ?(ps|ns|us|µs|μs|ms|s|m|h))$`,
	"rateNotation":     `^(0|` + number10 + ` ?(pps|kpps|Mpps|Gpps|/s))$`,
	"linkNotation":     `^(0|` + number10 + ` ?[kMGT]?b/s)$`,
	"bytesNotation":    `^(` + number10 + ` ?([kKMGT]?B|[KMGT]iB)?|imix)$`,
	"shareNotation":    `^` + number10 + ` ?(%|ppm)?$`,
	"factorNotation":   `^` + number10 + ` ?x?$`,
	"maskNotation":     `^[0-9a-fA-F]{1,8}(,[0-9a-fA-F]{1,8})*$`,
	"addrNotation":     `^[0-9]+(\.[0-9]+){3}$`,
	"endpointNotation": `^[0-9]+(\.[0-9]+){3}:[0-9]+$`,
	"patternNotation":  `^([0-9]+(\.[0-9]+){3})?(:[0-9]+)?$`,
	"prefixNotation":   `^[0-9]+(\.[0-9]+){3}/[0-9]+$`,
	"networkNotation":  `^[0-9]+(\.[0-9]+){3}(/[0-9]+)?$`,
	"protoNotation":    `^([a-z]+|[0-9]+)$`,
	"macNotation":      `^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$|^[0-9a-fA-F]{4}(\.[0-9a-fA-F]{4}){2}$`,
	"keyNotation":      `^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){39}$`,
}

var notationName = regexp.MustCompile(`\.(\w+Notation)\]`)

// scalarSchema describes a scalar of one notation.
func scalarSchema(t reflect.Type, want string) *jsonschema.Schema {
	name := notationName.FindStringSubmatch(t.Name())[1]
	s := &jsonschema.Schema{Title: want, Pattern: patterns[name]}
	if s.Pattern == "" {
		panic("no pattern for " + name)
	}
	typeOfScalar(s, notationOf(t))
	return s
}

// typeOfScalar says whether a notation has numbers beside texts: all, or 0 only.
func typeOfScalar(s *jsonschema.Schema, notation any, more ...string) {
	types := []string{"string"}
	if _, ok := notation.(interface{ plain() }); ok {
		types = append(types, "number")
	}
	if _, ok := notation.(interface{ zero() }); ok {
		types = append(types, "number")
		s.Minimum, s.Maximum = "0", "0"
	}
	if types = append(types, more...); len(types) == 1 {
		s.Type = "string"
		return
	}
	oneOfTypes(s, types...)
}

// notationOf returns the notation of a scalar type: the second type argument.
func notationOf(t reflect.Type) any {
	for _, n := range []any{bytesNotation{}, shareNotation{}, factorNotation{}, timeNotation{}, rateNotation{}, protoNotation{}} {
		if strings.HasSuffix(t.Name(), reflect.TypeOf(n).Name()+"]") {
			return n
		}
	}
	return nil
}

// cpuSetSchema describes a set of CPUs: a mask or a list of numbers and ranges.
func cpuSetSchema(want string, more ...string) *jsonschema.Schema {
	item := &jsonschema.Schema{Title: "a CPU, or a range of CPUs such as 4-7", Pattern: `^[0-9]+(-[0-9]+)?$`, Minimum: "0", Maximum: "255"}
	oneOfTypes(item, "integer", "string")
	s := &jsonschema.Schema{Title: want, Pattern: patterns["maskNotation"], Items: item}
	if len(more) > 0 {
		s.Minimum, s.Maximum = "0", "255"
	}
	oneOfTypes(s, append(more, "string", "array")...)
	return s
}

// nameOr describes a name of a list, or a mapping with a base.
func nameOr(what string, known []string, changes func(*jsonschema.Schema)) *jsonschema.Schema {
	enum := make([]any, len(known))
	for i, name := range known {
		enum[i] = name
	}
	s := &jsonschema.Schema{
		Title: "the name of a " + what + ", or a mapping with base", AdditionalProperties: jsonschema.FalseSchema, Properties: jsonschema.NewProperties(),
		If:   &jsonschema.Schema{Type: "string"},
		Then: &jsonschema.Schema{Enum: enum},
	}
	oneOfTypes(s, "string", "object")
	s.Properties.Set(baseKey, &jsonschema.Schema{Type: "string", Enum: enum, Default: known[0], Description: "The " + what + " that is changed."})
	changes(s)
	return s
}

func kernelSchema() *jsonschema.Schema {
	return nameOr("kernel profile", kernelNames(), func(s *jsonschema.Schema) {
		p := kernel.Linux40()
		p.Each(func(name string, value any, doc string) {
			b := &jsonschema.Schema{Description: doc, Default: value}
			switch _, named := value.(fmt.Stringer); {
			case named:
				b.Type = "string"
				b.Enum, b.Default = enumOf(p.Set(name, "\x00")), fmt.Sprint(value)
			case reflect.TypeOf(value).Kind() == reflect.Bool:
				b.Type = "boolean"
			default:
				b.Type = "integer"
				b.Minimum, b.Maximum = rangeOf(p.Set(name, "-1"))
			}
			s.Properties.Set(name, b)
		})
	})
}

func costsSchema() *jsonschema.Schema {
	return nameOr("cost profile", costNames(), func(s *jsonschema.Schema) {
		want, base := timeNotation{}.want(), kernel.DefaultCosts()
		time := func(doc string) *jsonschema.Schema {
			s := &jsonschema.Schema{Title: want, Pattern: patterns["timeNotation"], Description: doc}
			typeOfScalar(s, timeNotation{})
			return s
		}
		for _, step := range kernel.Steps() {
			c := time(step.Doc)
			c.Title = "a time such as 149.2ns, or a mapping with fixed"
			typeOfScalar(c, timeNotation{}, "object")
			c.Properties = jsonschema.NewProperties()
			c.Properties.Set("fixed", time("Time per packet, call or event."))
			if step.Bytes != "" {
				c.Title += " and per_byte"
				c.Description += " Per byte of the " + step.Bytes + "."
				c.Properties.Set("per_byte", time("Time per byte of the "+step.Bytes+"."))
			}
			c.AdditionalProperties = jsonschema.FalseSchema
			v, _ := base.Get(step.Key)
			c.Default = cost{Fixed: as[timeNotation](v.Fixed), PerByte: as[timeNotation](v.PerByte)}
			s.Properties.Set(step.Key, c)
		}
	})
}

func (g *generator) sysctlSchema() *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", AdditionalProperties: jsonschema.FalseSchema, Properties: jsonschema.NewProperties()}
	h := scenario.DefaultHost()
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name := f.Tag.Get(sysctlKey)
			if name == "" {
				if f.Type.Kind() == reflect.Struct {
					walk(v.Field(i))
				}
				continue
			}
			d := &jsonschema.Schema{Description: g.comments[v.Type().String()+"."+f.Name]}
			switch f.Type.Kind() {
			case reflect.Int:
				d.Type = "integer"
				d.Minimum, d.Maximum = g.probe(path{sysctlKey, name}, tooSmall)
			case reflect.Slice:
				d.Type, d.Title, d.Pattern = "string", maskNotation{}.want(), patterns["maskNotation"]
			case reflect.Array:
				n := uint64(f.Type.Len())
				d.Title = setSysctl(v.Field(i), json.RawMessage(`""`))
				d.Items = &jsonschema.Schema{Type: "integer"}
				d.MinItems, d.MaxItems, d.Pattern = &n, &n, `^\s*-?[0-9]+(\s+-?[0-9]+)*\s*$`
				oneOfTypes(d, "array", "string")
			default:
				panic("a sysctl of type " + f.Type.String())
			}
			d.Default = sysctlJSON(v.Field(i))
			s.Properties.Set(name, d)
		}
	}
	walk(reflect.ValueOf(&h).Elem())
	return s
}

var (
	rangeWant   = regexp.MustCompile(`(?:^|from )(-?\d+) to (-?\d+)$`)
	upToWant    = regexp.MustCompile(`^a power of two up to (\d+)$`)
	atLeastWant = regexp.MustCompile(`^at least (\d+)`)
)

// tooSmall is below the range of every whole number of a scenario.
const tooSmall = "-4611686018427387904"

// any1 is a token that stands for any element of a list.
const any1 = "*"

// resolve replaces any1 by the first element that has the rest of the path.
func resolve(n *node, p path) (path, bool) {
	for i, token := range p {
		if token != any1 {
			continue
		}
		above, _ := n.locate(p[:i])
		if above == nil {
			return nil, false
		}
		for k := range above.items {
			if found, ok := resolve(n, append(p[:i].item(k), p[i+1:]...)); ok {
				return found, true
			}
		}
		return nil, false
	}
	found, _ := n.locate(p)
	return p, found != nil
}

// probe asks the scenario's own validation for the range of a whole number, by
// giving it one that is out of every range.
func (g *generator) probe(p path, bad string) (lo, hi json.Number) {
	tree := g.full.copy()
	found, ok := resolve(tree, p)
	if !ok && p[0] != sysctlKey {
		panic("testdata/everything.yaml has no " + p.String())
	}
	if ok {
		p = found
	}
	at, _ := tree.locate(p[:len(p)-1])
	value := &node{kind: number, text: bad}
	if at.kind == list {
		i, _ := strconv.Atoi(p[len(p)-1])
		at.items[i] = value
	} else {
		at.put(p[len(p)-1], value)
	}
	faults := &collector{}
	build("probe", tree, tree, unscaled, faults, true)
	for _, f := range faults.list {
		if f.path.above(p) || p.above(f.path) {
			if m := rangeWant.FindStringSubmatch(f.want); m != nil {
				return json.Number(m[1]), json.Number(m[2])
			}
			if m := upToWant.FindStringSubmatch(f.want); m != nil {
				return "1", json.Number(m[1])
			}
			if m := atLeastWant.FindStringSubmatch(f.want); m != nil {
				return json.Number(m[1]), ""
			}
		}
	}
	return "", ""
}

func rangeOf(err error) (lo, hi json.Number) {
	m := regexp.MustCompile(`from (-?\d+) to (-?\d+)`).FindStringSubmatch(err.Error())
	return json.Number(m[1]), json.Number(m[2])
}

func enumOf(err error) []any {
	_, list, _ := strings.Cut(err.Error(), "one of ")
	var out []any
	for _, name := range strings.Split(list, ", ") {
		out = append(out, name)
	}
	return out
}

// finish adds to the schema s of t, an example of which stands at p, what the
// library does not read off the types.
func (g *generator) finish(p path, t reflect.Type, s *jsonschema.Schema) {
	if t.Kind() != reflect.Struct || s.Properties == nil {
		return
	}
	g.union(t, s)
	only := map[string][]string{}
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		sub, ok := s.Properties.Get(key)
		if !ok {
			continue
		}
		if kind := f.Tag.Get("only"); kind != "" {
			only[kind] = append(only[kind], key)
		}
		g.field(p.under(key), f, sub)
	}
	if len(only) > 0 {
		s.If = &jsonschema.Schema{Required: []string{"pcap"}}
		s.Then, s.Else = no(only["synthetic"]), no(only["capture"])
	}
}

// no refuses keys.
func no(keys []string) *jsonschema.Schema {
	s := &jsonschema.Schema{Properties: jsonschema.NewProperties()}
	for _, key := range keys {
		s.Properties.Set(key, jsonschema.FalseSchema)
	}
	return s
}

// union widens the schema of a mapping that can also be written as a scalar.
func (g *generator) union(t reflect.Type, s *jsonschema.Schema) {
	one := uint64(1)
	switch name := typeName(t); {
	case name == "lawOf":
		if strings.Contains(t.Name(), "bytesNotation") { // a size has an end
			s.Properties.Delete("exponential")
		}
		f, _ := t.FieldByName("Fixed")
		value := scalarSchema(f.Type, reflect.Zero(f.Type).Interface().(interface{ expects() string }).expects())
		s.Title = value.Title + ", or a law: " + strings.Join(propertyKeys(s), ", ")
		s.Pattern = value.Pattern
		s.MinProperties, s.MaxProperties = &one, &one
		typeOfScalar(s, notationOf(f.Type), "object")
	case name == "arrivalsSection":
		s.Title = "constant, poisson, or a mapping with one law: " + strings.Join(propertyKeys(s), ", ")
		s.MinProperties, s.MaxProperties = &one, &one
		s.If, s.Then = &jsonschema.Schema{Type: "string"}, &jsonschema.Schema{Enum: []any{"constant", "poisson"}}
		oneOfTypes(s, "string", "object")
	case name == "joinSection":
		s.Title = addrNotation{}.want() + ", or a mapping with group, dev, include, exclude"
		s.Pattern = patterns["addrNotation"]
		oneOfTypes(s, "string", "object")
	case name == "portSection":
		s.Title = "the name of a device, or a mapping with device, state"
		oneOfTypes(s, "string", "object")
	}
}

func propertyKeys(s *jsonschema.Schema) []string {
	var out []string
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		out = append(out, p.Key)
	}
	return out
}

// field completes the schema of one key.
func (g *generator) field(p path, f reflect.StructField, s *jsonschema.Schema) {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for _, v := range strings.Fields(f.Tag.Get("enum")) {
		if n, err := strconv.Atoi(v); err == nil {
			s.Enum = append(s.Enum, n)
		} else {
			s.Enum = append(s.Enum, v)
		}
	}
	if e := f.Tag.Get("example"); e != "" {
		s.Examples = []any{json.RawMessage(e)}
	}
	if n := g.defaultOf(p); n != nil && (n.kind < list || n.kind == list && len(n.items) == 0) {
		s.Default = n.any()
	} else if f.Type.Kind() == reflect.Bool {
		s.Default = false
	}
	if lo := f.Tag.Get("min"); lo != "" {
		s.Minimum, s.Maximum = json.Number(lo), json.Number(f.Tag.Get("max"))
		return
	}
	switch t.Kind() {
	case reflect.Int:
		g.integer(p, s)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		largest := strconv.FormatUint(1<<t.Bits()-1, 10)
		if s.Minimum, s.Maximum = g.probe(p, largest); s.Minimum == "" {
			s.Minimum = "0"
		}
		if s.Maximum == "" {
			s.Maximum = json.Number(largest)
		}
	case reflect.Slice:
		elem := t.Elem()
		if def := g.definition(s.Items); def != nil {
			g.finish(p.under(any1), elem, def)
		} else if elem.Kind() == reflect.Int {
			g.integer(p.under(any1), s.Items)
		} else if elem.Kind() == reflect.Uint64 {
			s.Items.Minimum, s.Items.Maximum = "0", "18446744073709551615"
		}
	case reflect.Map:
		if re := f.Tag.Get("keys"); re != "" {
			s.PatternProperties = map[string]*jsonschema.Schema{re: s.AdditionalProperties}
			s.AdditionalProperties = jsonschema.FalseSchema
			if t.Elem().Kind() == reflect.Int {
				found, _ := resolve(g.full, p)
				n, _ := g.full.locate(found)
				g.integer(p.under(n.fields[0].key), s.PatternProperties[re])
			}
		}
	case reflect.Struct:
		if def := g.definition(s); def != nil {
			g.finish(p, t, def)
		}
	}
}

// integer gives a whole number the range that the scenario's validation states, else that of a C int.
func (g *generator) integer(p path, s *jsonschema.Schema) {
	if len(s.Enum) > 0 {
		return
	}
	s.Minimum, s.Maximum = g.probe(p, tooSmall)
	if s.Minimum == "" {
		s.Minimum = "-2147483648"
	}
	if s.Maximum == "" {
		s.Maximum = "2147483647"
	}
}

// defaultOf returns the value of a key that the scenario does not give, nil if there is none.
func (g *generator) defaultOf(p path) *node {
	found, ok := resolve(g.defaults, p)
	if !ok {
		return nil
	}
	if given, _ := g.least.locate(found); given != nil {
		return nil
	}
	n, _ := g.defaults.locate(found)
	return n
}

// definition returns what s refers to, once.
func (g *generator) definition(s *jsonschema.Schema) *jsonschema.Schema {
	if s == nil {
		return nil
	}
	name, ok := strings.CutPrefix(s.Ref, "#/$defs/")
	if !ok {
		return nil
	}
	return g.defs[name]
}
