package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/napi"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
	"github.com/seed-556df219/rxpath/softirq"
	"github.com/seed-556df219/rxpath/udp"
)

func architecture(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	require.NoError(t, err)
	return string(text)
}

// An index is every name of the module: "nic.Port.settle" and what it stands
// for, a *ast.FuncDecl, *ast.Field, *ast.TypeSpec or *ast.ValueSpec.
type index map[string]ast.Node

func (m *module) index() index {
	names := index{}
	for _, p := range m.packages {
		for _, f := range p.files {
			for _, d := range f.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					names[p.name+"."+funcName(d)] = d
				case *ast.GenDecl:
					names.add(p.name, d)
				}
			}
		}
	}
	return names
}

func (names index) add(pkg string, d *ast.GenDecl) {
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			name := pkg + "." + s.Name.Name
			names[name] = s
			eachField(s.Type, func(_ string, f *ast.Field) {
				for _, n := range f.Names {
					names[name+"."+n.Name] = f
				}
			})
		case *ast.ValueSpec:
			for _, n := range s.Names {
				names[pkg+"."+n.Name] = s
			}
		}
	}
}

// testNames returns the tests of the module.
func testNames(t *testing.T) map[string]bool {
	names := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(root, "*", "*_test.go"))
	require.NoError(t, err)
	for _, pattern := range []string{"*/*/*_test.go", "*/*/*/*_test.go"} {
		more, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		require.NoError(t, err)
		files = append(files, more...)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") {
				names[fn.Name.Name] = true
			}
		}
	}
	require.Greater(t, len(names), 100)
	return names
}

var inBackquotes = regexp.MustCompile("`([^`\n]+)`")

// TestArchitectureNames: every name of the page exists: of a package's thing, a
// test, a file or a directory.
func TestArchitectureNames(t *testing.T) {
	m := readModel(t)
	names, tests := m.index(), testNames(t)
	packages := map[string]bool{}
	for _, p := range m.packages {
		packages[p.name] = true
	}
	found := 0
	for _, match := range inBackquotes.FindAllStringSubmatch(withoutFigure(architecture(t)), -1) {
		word := strings.TrimPrefix(match[1], "*")
		pkg, _, dotted := strings.Cut(word, ".")
		switch {
		case dotted && packages[pkg] && !strings.Contains(word, "/"):
			require.Contains(t, names, word)
			found++
		case strings.HasPrefix(word, "Test"):
			require.True(t, tests[word], "no test %s", word)
		case strings.Contains(word, "/") && !strings.Contains(word, " "):
			_, err := os.Stat(filepath.Join(root, strings.TrimSuffix(word, "/...")))
			require.NoError(t, err)
		}
	}
	require.Greater(t, found, 120)
}

// withoutFigure takes fenced blocks out of a page.
func withoutFigure(page string) string {
	return regexp.MustCompile("(?s)\n```.*?\n```\n").ReplaceAllString(page, "\n")
}

// TestFigure: the figure names every loss for lack of something that the model
// has, and no reason that there is not.
func TestFigure(t *testing.T) {
	figure := regexp.MustCompile("(?s)\n```.*?\n```\n").FindString(architecture(t))
	require.NotEmpty(t, figure)
	reasons := map[string]bool{}
	for r := skb.NotDropped + 1; r < skb.NumReasons; r++ {
		reasons[r.String()] = true
		if r.Lost() && !slices.Contains(never, r) {
			require.Contains(t, figure, r.String())
		}
	}
	for _, word := range regexp.MustCompile(`\b[A-Z]+_[A-Z_]+\b`).FindAllString(figure, -1) {
		require.True(t, reasons[word], "no reason %s", word)
	}
	_, ids := totals(sampleHost())
	all := strings.Join(ids, " ") + " tp_drops"
	for _, l := range driverLines {
		all += " " + l.name
	}
	for _, word := range regexp.MustCompile(`\b(rx_\w+|time_squeeze|tp_drops|flow_limit_count|In[A-Z]\w+|NoPorts|IgnoredMulti|RcvbufErrors)\b`).FindAllString(figure, -1) {
		require.Contains(t, all, word, "no counter %s", word)
	}
}

// A tableRow is a row of a Markdown table: its cells.
type tableRow []string

// tableOf returns the rows of the first table below a heading.
func tableOf(t *testing.T, page, heading string) []tableRow {
	t.Helper()
	_, rest, ok := strings.Cut(page, "\n## "+heading+"\n")
	require.True(t, ok, "no heading %s", heading)
	var rows []tableRow
	for _, line := range strings.Split(rest, "\n") {
		if !strings.HasPrefix(line, "|") {
			if len(rows) > 0 {
				break
			}
			continue
		}
		var cells tableRow
		for _, c := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(c))
		}
		rows = append(rows, cells)
	}
	require.Greater(t, len(rows), 2)
	return rows[2:]
}

// names returns what stands in backquotes in a cell.
func (r tableRow) names(i int) (out []string) {
	for _, m := range inBackquotes.FindAllStringSubmatch(r[i], -1) {
		out = append(out, m[1])
	}
	return out
}

// TestFloors compares the table of floors with that of internal/archtest, which
// is tested against the source.
func TestFloors(t *testing.T) {
	want := floorsOfArchtest(t)
	got := map[string]string{}
	for _, r := range tableOf(t, architecture(t), "Floors") {
		for _, p := range r.names(1) {
			got[p] = r[0]
		}
	}
	for p, floor := range got {
		require.Equal(t, want[p], floor, "%s: internal/archtest has it on another floor", p)
	}
	for _, p := range readModel(t).packages {
		if want[p.dir] != "" {
			require.Contains(t, got, p.dir)
		}
	}
}

// floorsOfArchtest reads the variable floors: packages and their floor.
func floorsOfArchtest(t *testing.T) map[string]string {
	name := filepath.Join(root, "internal", "archtest", "floors_test.go")
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	out := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Names[0].Name != "floors" {
			return true
		}
		for _, row := range v.Values[0].(*ast.CompositeLit).Elts {
			fields := row.(*ast.CompositeLit).Elts
			for _, p := range fields[2].(*ast.CompositeLit).Elts {
				dir, err := strconv.Unquote(p.(*ast.BasicLit).Value)
				require.NoError(t, err)
				out[dir] = fields[0].(*ast.BasicLit).Value
			}
		}
		return false
	})
	require.Greater(t, len(out), 20, "the table of floors was not found")
	return out
}

// TestCodeMap: every package has its paragraph.
func TestCodeMap(t *testing.T) {
	page := architecture(t)
	for _, p := range readModel(t).packages {
		if p.name == "main" && p.dir != "cmd/rxpath" && p.dir != "internal/docgen" || strings.HasPrefix(p.dir, "examples/") || p.dir == "internal/archtest" && len(p.files) == 0 {
			continue
		}
		require.Contains(t, page, "**"+p.dir+"**", "the code map has no %s", p.dir)
	}
}

// implements are the takers of interfaces, as Go knows them.
var implements = []struct {
	join, taker reflect.Type
}{
	{reflect.TypeFor[engine.Executive](), reflect.TypeFor[*engine.Lazy]()},
	{reflect.TypeFor[engine.Executive](), reflect.TypeFor[*engine.Naive]()},
	{reflect.TypeFor[engine.Actor](), reflect.TypeFor[*nic.Port]()},
	{reflect.TypeFor[engine.Actor](), reflect.TypeFor[*cpu.Core]()},
	{reflect.TypeFor[engine.Settler](), reflect.TypeFor[*cpu.Core]()},
	{reflect.TypeFor[cpu.Softirqs](), reflect.TypeFor[*softirq.SoftnetData]()},
	{reflect.TypeFor[nic.Receive](), reflect.TypeFor[*napi.GRO]()},
	{reflect.TypeFor[nic.NAPI](), reflect.TypeFor[*napi.Instance]()},
	{reflect.TypeFor[napi.Driver](), reflect.TypeFor[*nic.Vector]()},
	{reflect.TypeFor[napi.BusyPoller](), reflect.TypeFor[*nic.Vector]()},
	{reflect.TypeFor[nic.Ring](), reflect.TypeFor[*nic.Veth]()},
	{reflect.TypeFor[nic.Ring](), reflect.TypeFor[*nic.Tun]()},
	{reflect.TypeFor[napi.Receiver](), reflect.TypeFor[*softirq.SoftnetData]()},
	{reflect.TypeFor[softirq.Poller](), reflect.TypeFor[*napi.Instance]()},
	{reflect.TypeFor[softirq.Stack](), reflect.TypeFor[*ipstack.Layer]()},
	{reflect.TypeFor[softirq.Device](), reflect.TypeFor[*ipstack.Device]()},
	{reflect.TypeFor[ipstack.Protocol](), reflect.TypeFor[*udp.Layer]()},
	{reflect.TypeFor[udp.Socket](), reflect.TypeFor[*socket.Sock]()},
}

// TestJoinsAreTrue: every join of the table exists and is made where the table
// says, and a taker of an interface implements it.
func TestJoinsAreTrue(t *testing.T) {
	names := readModel(t).index()
	taken := map[[2]string]bool{}
	for _, r := range tableOf(t, architecture(t), "Joins") {
		require.Len(t, r, 5)
		join := r.names(1)
		require.Len(t, join, 1)
		for _, where := range r.names(4) {
			fn, ok := names[where].(*ast.FuncDecl)
			require.True(t, ok, "%s is no function", where)
			last := join[0][strings.LastIndex(join[0], ".")+1:]
			require.True(t, mentions(fn, last), "%s does not mention %s", where, last)
		}
		for _, i := range r.names(2) {
			spec, ok := names[i].(*ast.TypeSpec)
			if !ok {
				require.True(t, strings.HasPrefix(i, "*"), "%s is no type", i)
				continue
			}
			require.IsType(t, &ast.InterfaceType{}, spec.Type, i)
			for _, taker := range r.names(3) {
				if strings.HasPrefix(taker, "*") {
					taken[[2]string{i, taker}] = true
				}
			}
		}
	}
	for _, x := range implements {
		pair := [2]string{x.join.String(), x.taker.String()}
		require.True(t, x.taker.Implements(x.join), pair)
		require.True(t, taken[pair], "the table has no %s for %s", pair[1], pair[0])
		delete(taken, pair)
	}
	require.Empty(t, taken, "the test does not know whether these implement their interface")
}

func mentions(fn *ast.FuncDecl, name string) (found bool) {
	ast.Inspect(fn, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == name {
			found = true
		}
		return !found
	})
	return found
}

// TestJoinsAreAll: every exported interface of the stages and the floors below
// them, and every exported field that holds one or a function, is in the table.
func TestJoinsAreAll(t *testing.T) {
	m := readModel(t)
	names := m.index()
	var joins, interfaces []string
	for _, r := range tableOf(t, architecture(t), "Joins") {
		joins = append(joins, r.names(1)...)
		interfaces = append(interfaces, r.names(2)...)
	}
	found := 0
	for _, p := range m.packages {
		if !joined(p.dir) {
			continue
		}
		for name, n := range names {
			typ, ok := n.(*ast.TypeSpec)
			if !ok || !strings.HasPrefix(name, p.name+".") || !typ.Name.IsExported() {
				continue
			}
			if _, ok := typ.Type.(*ast.InterfaceType); ok {
				require.Contains(t, interfaces, name)
				found++
			}
			if _, ok := typ.Type.(*ast.StructType); !ok {
				continue
			}
			eachField(typ.Type, func(field string, f *ast.Field) {
				if ast.IsExported(field) && names.isJoin(p.name, f.Type) {
					require.Contains(t, joins, name+"."+field)
					found++
				}
			})
		}
	}
	require.Greater(t, found, 20)
}

// joined reports whether the table covers the packages of a directory.
func joined(dir string) bool {
	return slices.Contains([]string{"sim", "sim/cpu", "sim/engine", "sim/skb", "sim/mib", "sim/traffic", "sim/capture", "sim/procfs",
		"nic", "napi", "softirq", "ipstack", "udp", "socket"}, dir)
}

// isJoin reports whether a field of that type is a join: a function, or an
// interface of the module.
func (names index) isJoin(pkg string, t ast.Expr) bool {
	name := ""
	switch t := t.(type) {
	case *ast.FuncType:
		return true
	case *ast.Ident:
		name = pkg + "." + t.Name
	case *ast.SelectorExpr:
		name = embedded(t.X) + "." + t.Sel.Name
	}
	spec, ok := names[name].(*ast.TypeSpec)
	if !ok {
		return false
	}
	_, ok = spec.Type.(*ast.InterfaceType)
	return ok
}

// TestCountersOnlyGrow: stages increment counters and do nothing else to them.
func TestCountersOnlyGrow(t *testing.T) {
	m := readModel(t)
	p, err := m.pkg("sim/mib")
	require.NoError(t, err)
	counter := map[string]bool{}
	for _, table := range tables {
		eachField(p.structType(table.name), func(name string, f *ast.Field) {
			if _, ok := tag(f, "kernel"); ok {
				counter[name] = true
			}
		})
	}
	require.Greater(t, len(counter), 35)
	grown := map[string]bool{}
	for _, p := range m.packages {
		if !slices.Contains([]string{"ipstack", "socket", "softirq", "udp", "napi", "sim/cpu"}, p.dir) {
			continue // nic fills mib.Link from its registers
		}
		for _, f := range p.files {
			ast.Inspect(f.File, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.IncDecStmt:
					if c := counterOf(counter, n.X); c != "" {
						require.Equal(t, token.INC, n.Tok, "%s: %s", f.path, c)
						grown[c] = true
					}
				case *ast.AssignStmt:
					for _, left := range n.Lhs {
						if c := counterOf(counter, left); c != "" {
							require.Equal(t, token.ADD_ASSIGN, n.Tok, "%s: %s", f.path, c)
							grown[c] = true
						}
					}
				}
				return true
			})
		}
	}
	require.Greater(t, len(grown), 30)
}

// counterOf returns the name of the counter that an expression is.
func counterOf(counters map[string]bool, x ast.Expr) string {
	if s, ok := x.(*ast.SelectorExpr); ok && counters[s.Sel.Name] {
		return s.Sel.Name
	}
	return ""
}

var mdLink = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)

// TestLinks: the links of the architecture and of those in docs lead to files.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	pages = append(pages, filepath.Join(root, "ARCHITECTURE.md"))
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, l := range mdLink.FindAllStringSubmatch(withoutFigure(string(text)), -1) {
			if strings.Contains(l[1], "://") {
				continue
			}
			_, err := os.Stat(filepath.Join(filepath.Dir(page), filepath.FromSlash(l[1])))
			require.NoError(t, err, "%s: link to %s", filepath.Base(page), l[1])
		}
	}
}

// TestIndexOfDocs: docs/README.md names every document and every schema.
func TestIndexOfDocs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "README.md"))
	require.NoError(t, err)
	entries, err := os.ReadDir(filepath.Join(root, "docs"))
	require.NoError(t, err)
	for _, e := range entries {
		if name := e.Name(); name != "README.md" && (filepath.Ext(name) == ".md" || filepath.Ext(name) == ".json") {
			require.True(t, strings.Contains(string(text), "("+name+")"), "docs/README.md has no link to %s: give it a line there", name)
		}
	}
}

// Pages for people stay short enough to be read, and cite functions, not lines.
func TestArchitectureIsAMap(t *testing.T) {
	page := architecture(t)
	lines := strings.Count(page, "\n")
	require.LessOrEqual(t, lines, 300)
	require.NotRegexp(t, `\.(go|c):\d`, page, "a line number")
	require.NotContains(t, page, "```go", "a copy of code")
}
