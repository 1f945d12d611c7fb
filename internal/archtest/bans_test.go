package archtest

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// A ban says what the source of some floors must not contain.
type ban struct {
	name    string
	highest int // the highest floor on which it holds
	find    func(p *typed) []string
}

// bans are the rules by which a run is a function of its configuration.
var bans = []ban{
	{"no clock, no chance, no environment, no printing", 4, calls},
	{"no goroutines and no channels", 4, goroutines},
	{"a panic names its package", 4, panics},
	{"no package variable changes", 4, mutable},
	{"no map is walked in its own order", 4, mapRanges},
	{"no float holds state", 4, floatFields},
	{"no float decides", 4, floats},
}

func TestBans(t *testing.T) {
	all := load(t, 4)
	for _, b := range bans {
		t.Run(b.name, func(t *testing.T) {
			for _, p := range all {
				if p.floor <= b.highest {
					for _, fault := range b.find(p) {
						t.Error(fault)
					}
				}
			}
		})
	}
}

// banned are functions of the standard library, by package; * stands for all.
var banned = map[string]struct {
	names, except []string
	why           string
}{
	"time":         {names: []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"}, why: "virtual time is the executive's"},
	"math/rand":    {names: []string{"*"}, why: "random numbers come from engine.NewStream"},
	"math/rand/v2": {names: []string{"*"}, except: []string{"NewPCG"}, why: "random numbers come from engine.NewStream"},
	"crypto/rand":  {names: []string{"*"}, why: "random numbers come from engine.NewStream"},
	"fmt":          {names: []string{"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"}, why: "the library does not print: return it"},
	"log":          {names: []string{"*"}, why: "the library does not log: return an error"},
	"log/slog":     {names: []string{"*"}, why: "the library does not log: return an error"},
	"os":           {names: []string{"Exit", "Getenv", "LookupEnv", "Environ", "ExpandEnv", "Hostname", "Getpid", "Getwd"}, why: "a run depends on its configuration alone"},
	"runtime":      {names: []string{"GOMAXPROCS", "NumCPU", "NumGoroutine", "GC"}, why: "a run depends on its configuration alone"},
}

// calls finds uses of banned functions, called or not.
func calls(p *typed) (faults []string) {
	for id, obj := range p.info.Uses {
		if b, ok := obj.(*types.Builtin); ok && (b.Name() == "print" || b.Name() == "println") {
			faults = append(faults, fmt.Sprintf("%s: %s: the library does not print: return it", p.at(id.Pos()), b.Name()))
		}
		f, ok := obj.(*types.Func)
		if !ok || f.Pkg() == nil || f.Signature().Recv() != nil {
			continue
		}
		b := banned[f.Pkg().Path()]
		if (slices.Contains(b.names, "*") || slices.Contains(b.names, f.Name())) && !slices.Contains(b.except, f.Name()) {
			faults = append(faults, fmt.Sprintf("%s: %s.%s: %s", p.at(id.Pos()), f.Pkg().Path(), f.Name(), b.why))
		}
	}
	slices.Sort(faults)
	return faults
}

// goroutines finds what makes, or talks to, another goroutine: they begin on
// floor 5. A coroutine (iter.Pull) runs in its caller's stead and is allowed.
func goroutines(p *typed) (faults []string) {
	p.inspect(func(n ast.Node) {
		switch n.(type) {
		case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
			faults = append(faults, fmt.Sprintf("%s: goroutines begin above package sim", p.at(n.Pos())))
		}
	})
	return faults
}

// panics finds panics whose value is not a text that begins with the package's
// name: a constant, fmt.Sprintf of one, or one with something added.
func panics(p *typed) (faults []string) {
	p.inspect(func(n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || !p.isBuiltin(call.Fun, "panic") {
			return
		}
		arg := call.Args[0]
		if inner, ok := arg.(*ast.CallExpr); ok && p.isFunc(inner.Fun, "fmt", "Sprintf") {
			arg = inner.Args[0]
		}
		for sum, ok := arg.(*ast.BinaryExpr); ok && p.info.Types[arg].Value == nil; sum, ok = arg.(*ast.BinaryExpr) {
			arg = sum.X
		}
		v := p.info.Types[arg].Value
		if v == nil || v.Kind() != constant.String || !strings.HasPrefix(constant.StringVal(v), p.pkg.Name()+": ") {
			faults = append(faults, fmt.Sprintf("%s: a panic begins with %q and says what was found", p.at(n.Pos()), p.pkg.Name()+": "))
		}
	})
	return faults
}

func (p *typed) isBuiltin(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	if !ok {
		return false
	}
	b, ok := p.info.Uses[id].(*types.Builtin)
	return ok && b.Name() == name
}

func (p *typed) isFunc(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	f, ok := p.info.Uses[sel.Sel].(*types.Func)
	return ok && f.Pkg() != nil && f.Pkg().Path() == pkg && f.Name() == name
}

// mutable finds package-level variables that are written to, in whole or in
// part, or could be: by whoever gets their address, by a method that changes
// its receiver. Error values, regular expressions and tables pass.
func mutable(p *typed) (faults []string) {
	vars := map[types.Object]bool{}
	for _, v := range p.variables() {
		vars[v] = true
	}
	for _, file := range p.files {
		for _, w := range p.writes(file, vars, map[types.Object]bool{}) {
			faults = append(faults, fmt.Sprintf("%s: package variable %s %s: a run has no memory of another", p.at(w.pos), w.name, w.how))
		}
	}
	return faults
}

// A write is a place in which a variable changes, or could.
type write struct {
	pos       token.Pos
	name, how string
}

// writes finds the writes to the given variables in a part of the source, and
// through the given pointers. A local pointer to one of the variables, such as
// r := &table[i], becomes one of the pointers.
func (p *typed) writes(part ast.Node, vars, pointers map[types.Object]bool) (found []write) {
	touched := func(e ast.Expr, how string) {
		if v := p.variable(e); v != nil && (vars[v] || pointers[v] && !isIdent(e)) {
			found = append(found, write{e.Pos(), v.Name(), how})
		}
	}
	harmless := map[ast.Expr]bool{}
	ast.Inspect(part, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					touched(e, "is assigned to")
				}
				break
			}
			for i, e := range n.Rhs {
				if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.AND && len(n.Lhs) == len(n.Rhs) {
					if v := p.variable(u.X); v != nil && vars[v] {
						pointers[p.info.Defs[n.Lhs[i].(*ast.Ident)]] = true
						harmless[e] = true
					}
				}
			}
		case *ast.IncDecStmt:
			touched(n.X, "is assigned to")
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				touched(n.Key, "is assigned to")
				if n.Value != nil {
					touched(n.Value, "is assigned to")
				}
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND && !harmless[n] {
				touched(n.X, "has its address taken")
			}
		case *ast.CallExpr:
			if len(n.Args) > 0 && (p.isBuiltin(n.Fun, "delete") || p.isBuiltin(n.Fun, "clear") || p.isBuiltin(n.Fun, "copy")) {
				touched(n.Args[0], "is changed")
			}
		case *ast.SelectorExpr:
			if s := p.info.Selections[n]; s != nil && s.Kind() == types.MethodVal && p.changesReceiver(s.Obj().(*types.Func)) {
				if v := p.variable(n.X); v != nil && !isPointer(v.Type()) {
					touched(n.X, "has a method called that changes it")
				} else if v != nil && pointers[v] {
					found = append(found, write{n.Pos(), v.Name(), "has a method called that changes it"})
				}
			}
		}
		return true
	})
	return found
}

// changesReceiver reports whether a method with a pointer receiver writes to
// it. Of methods of other packages, nothing is known but the receiver.
func (p *typed) changesReceiver(m *types.Func) bool {
	if !isPointer(m.Signature().Recv().Type()) {
		return false
	}
	if m.Pkg() != p.pkg {
		return true
	}
	if changes, ok := p.known[m]; ok {
		return changes
	}
	for _, file := range p.files {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || p.info.Defs[f.Name] != types.Object(m) || len(f.Recv.List[0].Names) == 0 {
				continue
			}
			p.known[m] = false // should it call itself
			recv := p.info.Defs[f.Recv.List[0].Names[0]]
			p.known[m] = len(p.writes(f.Body, nil, map[types.Object]bool{recv: true})) > 0
		}
	}
	return p.known[m]
}

func isIdent(e ast.Expr) bool {
	_, ok := e.(*ast.Ident)
	return ok
}

// variable returns the variable that an expression designates a part of.
func (p *typed) variable(e ast.Expr) types.Object {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			v, _ := p.info.Uses[x].(*types.Var)
			if v == nil {
				return nil
			}
			return v
		case *ast.ParenExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.SelectorExpr:
			if _, ok := p.info.Selections[x]; !ok {
				return p.info.Uses[x.Sel] // package.Variable: another's
			}
			e = x.X
		default:
			return nil
		}
	}
}

func isPointer(t types.Type) bool {
	_, ok := t.Underlying().(*types.Pointer)
	return ok
}

// anyOrder is what the comment of a map range begins with that may come in any
// order, followed by the reason.
const anyOrder = "any order:"

// mapRanges finds ranges over maps, but for those that gather what is sorted in
// the next statement, and the iterators of package maps outside of a sort.
func mapRanges(p *typed) (faults []string) {
	harmless := map[ast.Node]bool{}
	p.inspect(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.BlockStmt:
			for i := 1; i < len(n.List); i++ {
				if p.gathers(n.List[i-1], n.List[i]) {
					harmless[n.List[i-1]] = true
				}
			}
		case *ast.CallExpr:
			if p.isFunc(n.Fun, "slices", "Sorted") && len(n.Args) == 1 {
				if keys, ok := n.Args[0].(*ast.CallExpr); ok {
					harmless[keys.Fun] = true
				}
			}
		case *ast.RangeStmt:
			_, isMap := p.info.Types[n.X].Type.Underlying().(*types.Map)
			if isMap && !harmless[n] && !strings.Contains(strings.ToLower(p.comment(n.Pos())), anyOrder) {
				faults = append(faults, fmt.Sprintf("%s: a map comes in another order each time: sort its keys, or say %q and why in a comment", p.at(n.Pos()), anyOrder))
			}
		case *ast.SelectorExpr:
			for _, name := range []string{"All", "Keys", "Values"} {
				if p.isFunc(n, "maps", name) && !harmless[n] {
					faults = append(faults, fmt.Sprintf("%s: maps.%s comes in another order each time", p.at(n.Pos()), name))
				}
			}
		}
	})
	return faults
}

// gathers reports whether a range only appends to a slice that the next
// statement sorts.
func (p *typed) gathers(loop, sort ast.Stmt) bool {
	r, ok := loop.(*ast.RangeStmt)
	if !ok || len(r.Body.List) != 1 {
		return false
	}
	set, ok := r.Body.List[0].(*ast.AssignStmt)
	if !ok || len(set.Rhs) != 1 {
		return false
	}
	add, ok := set.Rhs[0].(*ast.CallExpr)
	if !ok || !p.isBuiltin(add.Fun, "append") {
		return false
	}
	call, ok := sort.(*ast.ExprStmt)
	if !ok {
		return false
	}
	by, ok := call.X.(*ast.CallExpr)
	if !ok || len(by.Args) == 0 || p.variable(by.Args[0]) == nil || p.variable(by.Args[0]) != p.variable(set.Lhs[0]) {
		return false
	}
	sel, ok := by.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	f, ok := p.info.Uses[sel.Sel].(*types.Func)
	return ok && (f.Pkg().Path() == "sort" || f.Pkg().Path() == "slices" && strings.HasPrefix(f.Name(), "Sort"))
}

// floatFields finds fields of structs that hold floats.
func floatFields(p *typed) (faults []string) {
	p.inspect(func(n ast.Node) {
		s, ok := n.(*ast.StructType)
		if !ok {
			return
		}
		for _, f := range s.Fields.List {
			if holdsFloat(p.info.Types[f.Type].Type) {
				faults = append(faults, fmt.Sprintf("%s: a float in a struct: state is whole numbers, the same on every machine", p.at(f.Pos())))
			}
		}
	})
	return faults
}

func holdsFloat(t types.Type) bool {
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return t.Info()&(types.IsFloat|types.IsComplex) != 0
	case *types.Array:
		return holdsFloat(t.Elem())
	case *types.Slice:
		return holdsFloat(t.Elem())
	case *types.Pointer:
		return holdsFloat(t.Elem())
	case *types.Map:
		return holdsFloat(t.Key()) || holdsFloat(t.Elem())
	}
	return false
}

// forReports are the functions that may compute with floats,
// because nothing but a report calls them.
var forReports = map[string]string{
	"sim/engine.Time.Nanoseconds": "for reports only",
	"sim/engine.Time.Seconds":     "for reports only",
}

// floats finds expressions that are computed as floats. A constant is computed
// by the compiler, exactly, and passes if a whole number comes out.
func floats(p *typed) (faults []string) {
	for _, file := range p.files {
		for _, d := range file.Decls {
			name := ""
			if f, ok := d.(*ast.FuncDecl); ok {
				name = p.dir + "." + strings.TrimPrefix(funcName(p, f), "*")
			}
			if forReports[name] != "" {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				e, ok := n.(ast.Expr)
				if !ok {
					return true
				}
				tv, ok := p.info.Types[e]
				if !ok || tv.IsType() || tv.Value != nil || tv.Type == nil || !holdsFloat(tv.Type) {
					return true
				}
				faults = append(faults, fmt.Sprintf("%s: a float in %s: whole numbers decide", p.at(e.Pos()), name))
				return false
			})
		}
	}
	return faults
}

func funcName(p *typed, f *ast.FuncDecl) string {
	obj, _ := p.info.Defs[f.Name].(*types.Func)
	if r := obj.Signature().Recv(); r != nil {
		t := r.Type()
		if ptr, ok := t.(*types.Pointer); ok {
			t = ptr.Elem()
		}
		if named, ok := t.(*types.Named); ok {
			return named.Obj().Name() + "." + f.Name.Name
		}
	}
	return f.Name.Name
}
