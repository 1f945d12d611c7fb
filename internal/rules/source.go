package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// split divides "sim/cpu.Core.Spend" into the package and what is in it.
func split(ref string) (pkg, name string, err error) {
	dir, base := path.Split(ref)
	pkg, name, ok := strings.Cut(base, ".")
	if !ok || pkg == "" || name == "" {
		return "", "", fmt.Errorf("%q: want package.Name", ref)
	}
	return dir + pkg, name, nil
}

// splitTest divides "sim/procfs.TestFormats/FMT-5_widths" into the directory of
// the package and what -run takes.
func splitTest(ref string) (dir, test string, err error) {
	head, _, sub := strings.Cut(ref, "/Test") // a row's name may hold slashes; a directory never begins with Test
	if sub && !strings.Contains(head, ".Test") {
		return "", "", fmt.Errorf("%q: want package.Test", ref)
	}
	i := strings.Index(ref, ".Test")
	if i < 0 {
		if i = strings.Index(ref, ".Example"); i < 0 {
			return "", "", fmt.Errorf("%q: want package.Test or package.Test/row", ref)
		}
	}
	return ref[:i], ref[i+1:], nil
}

// A source answers what a module declares.
type source struct {
	root string
	dirs map[string][]string        // the directories in which a package of that name stands
	decl map[string]map[string]bool // the declarations of a directory, without tests
	test map[string]string          // the text of the tests of a directory
}

func readSource(root string) (*source, error) {
	s := &source{root, map[string][]string{}, map[string]map[string]bool{}, map[string]string{}}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); p != root && (n == "testdata" || n[0] == '.' || n[0] == '_') {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(p))
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(rel)
		if strings.HasSuffix(p, "_test.go") {
			text, err := os.ReadFile(p)
			s.test[dir] += string(text)
			return err
		}
		f, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if s.decl[dir] == nil {
			s.decl[dir] = map[string]bool{}
			s.dirs[f.Name.Name] = append(s.dirs[f.Name.Name], dir)
		}
		for _, d := range f.Decls {
			declared(d, s.decl[dir])
		}
		return nil
	})
	return s, err
}

// declared notes what a declaration declares: functions, types, fields,
// methods, constants and variables.
func declared(d ast.Decl, names map[string]bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names[d.Name.Name] = true
			return
		}
		names[typeName(d.Recv.List[0].Type)+"."+d.Name.Name] = true
	case *ast.GenDecl:
		for _, sp := range d.Specs {
			switch sp := sp.(type) {
			case *ast.ValueSpec:
				for _, n := range sp.Names {
					names[n.Name] = true
				}
			case *ast.TypeSpec:
				names[sp.Name.Name] = true
				var fields *ast.FieldList
				switch t := sp.Type.(type) {
				case *ast.StructType:
					fields = t.Fields
				case *ast.InterfaceType:
					fields = t.Methods
				default:
					continue
				}
				for _, f := range fields.List {
					for _, n := range f.Names {
						names[sp.Name.Name+"."+n.Name] = true
					}
				}
			}
		}
	}
}

func typeName(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// symbol says whether a symbol exists.
func (s *source) symbol(ref string) error {
	pkg, name, err := split(ref)
	if err != nil {
		return err
	}
	dirs := s.dirs[pkg]
	if s.decl[pkg] != nil {
		dirs = []string{pkg}
	}
	for _, d := range dirs {
		if s.decl[d][name] {
			return nil
		}
	}
	return fmt.Errorf("where: nothing is called %s", ref)
}

// testExists says whether a test exists, as far as the text of the tests shows:
// the function, and the rule's ID or the row's name somewhere in the package's tests.
func (s *source) testExists(ref, id string) error {
	dir, test, err := splitTest(ref)
	if err != nil {
		return err
	}
	text, ok := s.test[dir]
	if !ok {
		return fmt.Errorf("test: no tests in %q", dir)
	}
	fn, row, rows := strings.Cut(test, "/")
	if !strings.Contains(text, "func "+fn+"(") {
		return fmt.Errorf("test: no function %s in %s", fn, dir)
	}
	if rows && !strings.Contains(strings.ReplaceAll(text, " ", "_"), strings.Split(row, "/")[0]) && !strings.Contains(text, id) {
		return fmt.Errorf("test: %s has no row %q", fn, row)
	}
	return nil
}

// mutant returns the file with the mutation in it.
func (m *Mutation) mutant(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.File)))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), m.Old); n != 1 || m.Old == "" {
		return "", fmt.Errorf("mutation: %s holds %d times, not once: %q", m.File, n, m.Old)
	}
	out := strings.Replace(string(text), m.Old, m.New, 1)
	if _, err := parser.ParseFile(token.NewFileSet(), m.File, out, parser.SkipObjectResolution); err != nil {
		return "", fmt.Errorf("mutation: %w", err)
	}
	return out, nil
}

// overlay writes the file that the go command's -overlay takes into dir.
func (m *Mutation) overlay(root, dir string) (string, error) {
	text, err := m.mutant(root)
	if err != nil {
		return "", err
	}
	real, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(m.File)))
	if err != nil {
		return "", err
	}
	copied := filepath.Join(dir, "mutant.go")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {real: copied}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, errors.Join(os.WriteFile(copied, []byte(text), 0o666), os.WriteFile(file, list, 0o666))
}
