package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A typed package is a package of the module with the types of all that it
// says, as the present platform compiles it.
type typed struct {
	dir   string
	floor int
	fset  *token.FileSet
	files []*ast.File
	pkg   *types.Package
	info  *types.Info
	known map[*types.Func]bool // whether a method changes its receiver
}

// listed is what `go list` says of a package.
type listed struct {
	ImportPath, Dir, Export string
	Standard                bool
	GoFiles                 []string
}

// load types the packages on the floors up to the given one.
func load(t *testing.T, highest int) []*typed {
	t.Helper()
	var args []string
	for _, s := range sources(t) {
		if _, floor := place(s.dir); floor >= 0 && floor <= highest && !apart(&s) {
			args = append(args, "./"+s.dir)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,Standard,GoFiles"}, args...)...)
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err, "the packages do not compile")
	exports := map[string]string{}
	var ours []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		exports[l.ImportPath] = l.Export
		if strings.HasPrefix(l.ImportPath, module+"/") {
			ours = append(ours, l)
		}
	}
	fset := token.NewFileSet()
	imp := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(exports[path])
	})
	var all []*typed
	for _, l := range ours {
		var files []*ast.File
		for _, name := range l.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(l.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			require.NoError(t, err)
			files = append(files, f)
		}
		p, err := check(fset, imp, strings.TrimPrefix(l.ImportPath, module+"/"), files)
		require.NoError(t, err)
		all = append(all, p)
	}
	require.GreaterOrEqual(t, len(all), len(args))
	return all
}

// check types one package.
func check(fset *token.FileSet, imp types.Importer, dir string, files []*ast.File) (*typed, error) {
	_, floor := place(dir)
	p := &typed{dir: dir, floor: floor, fset: fset, files: files, known: map[*types.Func]bool{}, info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}}
	conf := types.Config{Importer: imp}
	var err error
	p.pkg, err = conf.Check(module+"/"+dir, fset, files, p.info)
	return p, err
}

// at prints a place in the source: sim/cpu/core.go:12, from the root.
func (p *typed) at(pos token.Pos) string {
	where := p.fset.Position(pos)
	return fmt.Sprintf("%s/%s:%d", p.dir, filepath.Base(where.Filename), where.Line)
}

// inspect walks all files.
func (p *typed) inspect(f func(ast.Node)) {
	for _, file := range p.files {
		ast.Inspect(file, func(n ast.Node) bool {
			if n != nil {
				f(n)
			}
			return true
		})
	}
}

// comment returns the text of the comments on the line of pos and on the lines
// that end right above it.
func (p *typed) comment(pos token.Pos) string {
	line := p.fset.Position(pos).Line
	name := p.fset.Position(pos).Filename
	for _, file := range p.files {
		if p.fset.Position(file.Pos()).Filename != name {
			continue
		}
		for _, g := range file.Comments {
			if p.fset.Position(g.Pos()).Line == line || p.fset.Position(g.End()).Line == line-1 {
				return g.Text()
			}
		}
	}
	return ""
}

// variables returns the package-level variables in the order of their names.
func (p *typed) variables() []*types.Var {
	var out []*types.Var
	for _, name := range p.pkg.Scope().Names() {
		if v, ok := p.pkg.Scope().Lookup(name).(*types.Var); ok {
			out = append(out, v)
		}
	}
	return out
}
