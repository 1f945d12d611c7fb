package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A module is the source of a module, without its tests.
type module struct {
	fset     *token.FileSet
	packages []*pkg // in the order of their directories
}

// A pkg is one package.
type pkg struct {
	dir   string // from the root of the module, with slashes
	name  string
	files []*file
}

// A file is one source file.
type file struct {
	path string // from the root of the module, with slashes
	*ast.File
}

// readModule parses the packages below root. It needs no package to compile,
// only to be Go.
func readModule(root string) (*module, error) {
	m := &module{fset: token.NewFileSet()}
	byDir := map[string]*pkg{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != root && (name == "testdata" || name[0] == '.' || name[0] == '_' || isModule(p)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(m.fset, p, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		dir := path.Dir(rel)
		if byDir[dir] == nil {
			byDir[dir] = &pkg{dir: dir, name: parsed.Name.Name}
			m.packages = append(m.packages, byDir[dir])
		}
		byDir[dir].files = append(byDir[dir].files, &file{rel, parsed})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(m.packages, func(a, b *pkg) int { return strings.Compare(a.dir, b.dir) })
	return m, nil
}

// isModule reports whether a directory is the root of a module of its own.
func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// pkg returns the package in a directory.
func (m *module) pkg(dir string) (*pkg, error) {
	for _, p := range m.packages {
		if p.dir == dir {
			return p, nil
		}
	}
	return nil, fmt.Errorf("no package in %s", dir)
}

// doc returns the comment of the package, empty if it has none.
func (p *pkg) doc() string {
	for _, f := range p.files {
		if f.Doc != nil {
			return f.Doc.Text()
		}
	}
	return ""
}

// models reports whether the package belongs to the model: commands, examples
// and generators do not.
func (p *pkg) models() bool {
	return p.name != "main" && !strings.HasPrefix(p.dir, "internal/") && !strings.HasPrefix(p.dir, "examples/")
}

// A comment is a comment of the source and what it is about.
type comment struct {
	pkg  *pkg
	file string
	// name is the Go name in the notation of go doc: "nic.Port", "nic.Port.Settle", "nic.Config.MTU"; that of the package
	// for its own comment, that of the function for one inside it.
	name string
	text string
}

// comments calls f with every comment of a package, in the order of the files:
// those of the package, of types, fields, methods, functions, constants and
// variables, and those inside functions.
func (p *pkg) comments(f func(comment)) {
	for _, file := range p.files {
		add := func(name string, groups ...*ast.CommentGroup) {
			for _, g := range groups {
				if text := g.Text(); text != "" {
					f(comment{p, file.path, name, text})
				}
			}
		}
		add(p.name, file.Doc)
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				name := p.name + "." + funcName(d)
				add(name, d.Doc)
				add(name, inside(file.File, d)...)
			case *ast.GenDecl:
				p.declComments(d, add)
			}
		}
	}
}

// declComments passes on the comments of types, constants and variables.
func (p *pkg) declComments(d *ast.GenDecl, add func(name string, groups ...*ast.CommentGroup)) {
	for i, s := range d.Specs {
		doc := d.Doc
		if i > 0 {
			doc = nil // the comment of a group is about the first of it
		}
		switch s := s.(type) {
		case *ast.TypeSpec:
			name := p.name + "." + s.Name.Name
			add(name, doc, s.Doc, s.Comment)
			eachField(s.Type, func(field string, f *ast.Field) { add(name+"."+field, f.Doc, f.Comment) })
		case *ast.ValueSpec:
			add(p.name+"."+s.Names[0].Name, doc, s.Doc, s.Comment)
		}
	}
}

// eachField calls f with the fields of a struct or the methods of an interface,
// one call for a line that declares several: the name is that of the first.
func eachField(t ast.Expr, f func(name string, field *ast.Field)) {
	var list *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list = t.Methods
	default:
		return
	}
	for _, field := range list.List {
		name := embedded(field.Type)
		if len(field.Names) > 0 {
			name = field.Names[0].Name
		}
		f(name, field)
	}
}

// embedded returns the name under which a type is embedded.
func embedded(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.StarExpr:
		return embedded(t.X)
	case *ast.SelectorExpr:
		return t.Sel.Name
	}
	return ""
}

// funcName returns "Func" or "Type.Method".
func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	if s, ok := t.(*ast.StarExpr); ok {
		t = s.X
	}
	if x, ok := t.(*ast.IndexExpr); ok { // a generic type
		t = x.X
	}
	return embedded(t) + "." + d.Name.Name
}

// inside returns the comments in the body of a function.
func inside(f *ast.File, d *ast.FuncDecl) []*ast.CommentGroup {
	if d.Body == nil {
		return nil
	}
	var out []*ast.CommentGroup
	for _, g := range f.Comments {
		if d.Body.Pos() <= g.Pos() && g.End() <= d.Body.End() {
			out = append(out, g)
		}
	}
	return out
}
