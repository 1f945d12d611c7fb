package mib_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tests of this file read the source: a counter that is not explained, or
// that nothing increments, is a fault that no run would show.

// counterStructs are the tables of counters. Link is filled from the device's
// registers and the core's drops, so nothing increments its fields as such.
var counterStructs = []string{"IP", "IPExt", "TCPExt", "ICMP", "UDP", "Softnet", "Conntrack", "Link"}

// stages are the directories that increment counters.
var stages = []string{"ipstack", "napi", "socket", "softirq", "udp"}

// A counter is an exported field of a counter struct.
type counter struct {
	table, name, tag, doc string
}

// counters returns the fields of the counter structs of the package in dir.
func counters(t *testing.T, dir string) []counter {
	t.Helper()
	var out []counter
	found := map[string]bool{}
	for _, file := range sources(t, dir, "") {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !slices.Contains(counterStructs, spec.Name.Name) {
				return true
			}
			found[spec.Name.Name] = true
			for _, f := range spec.Type.(*ast.StructType).Fields.List {
				tag := ""
				if f.Tag != nil {
					tag = reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("kernel")
				}
				for _, name := range f.Names {
					if name.IsExported() {
						out = append(out, counter{spec.Name.Name, name.Name, tag, strings.Join(strings.Fields(f.Doc.Text()), " ")})
					}
				}
			}
			return true
		})
	}
	require.Len(t, found, len(counterStructs))
	return out
}

// sources parses the Go files below dir that are not tests, without those below skip.
func sources(t *testing.T, dir, skip string) []*ast.File {
	t.Helper()
	var files []*ast.File
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && (path == skip || d.Name() == "testdata" || d.Name()[0] == '.' || d.Name()[0] == '_'):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		files = append(files, file)
		return err
	})
	require.NoError(t, err)
	return files
}

// citation is "Incremented in net/ipv4/udp.c:udp_recvmsg", with more functions if need be.
var citation = regexp.MustCompile(`Incremented in [a-z0-9_/]+\.[ch]:[a-z0-9_]+\b.*\.$`)

// Each counter has the kernel's name, and says what it counts and where the
// kernel moves it.
func TestEveryCounterIsExplained(t *testing.T) {
	all := counters(t, ".")
	require.Greater(t, len(all), 40)
	for _, c := range all {
		at := c.table + "." + c.name
		require.NotEmpty(t, c.tag, "%s: no kernel tag", at)
		require.True(t, strings.HasPrefix(c.doc, c.name+" counts "), "%s: the comment does not begin with %q", at, c.name+" counts")
		if c.table != "Link" {
			require.Regexp(t, citation, c.doc, "%s: the comment does not say where the kernel increments it", at)
		}
	}
}

// notYet are counters that nothing increments, each with the reason. Take an
// entry out when that changes: the test fails if one is incremented after all.
var notYet = map[string]string{}

// Each counter is incremented somewhere outside this package, with ++ or +=.
// Fields are told apart by name only: two tables that share a name (InCsumErrors)
// vouch for each other.
func TestEveryCounterIsIncremented(t *testing.T) {
	root := filepath.Join("..", "..")
	all := counters(t, ".")
	names := map[string]bool{}
	for _, c := range all {
		names[c.name] = true
	}
	for _, stage := range stages {
		dir := filepath.Join(root, stage)
		if _, err := os.Stat(dir); err != nil || len(increments(t, dir, "", names)) == 0 {
			t.Skipf("%s increments no counter yet: the stages are not complete", stage)
		}
	}
	done := increments(t, root, filepath.Join(root, "sim", "mib"), names)
	for _, c := range all {
		at := c.table + "." + c.name
		why := notYet[at]
		switch {
		case c.table == "Link":
		case !done[c.name] && why == "":
			t.Errorf("%s is never incremented", at)
		case done[c.name] && why != "":
			t.Errorf("%s is incremented: take it out of notYet (%q)", at, why)
		}
	}
}

// increments returns those of names that the sources below dir, but not below
// skip, increment.
func increments(t *testing.T, dir, skip string, names map[string]bool) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	note := func(x ast.Expr) {
		if sel, ok := x.(*ast.SelectorExpr); ok && names[sel.Sel.Name] {
			found[sel.Sel.Name] = true
		}
	}
	for _, file := range sources(t, dir, skip) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.IncDecStmt:
				if n.Tok == token.INC {
					note(n.X)
				}
			case *ast.AssignStmt:
				if n.Tok == token.ADD_ASSIGN {
					note(n.Lhs[0])
				}
			}
			return true
		})
	}
	return found
}
