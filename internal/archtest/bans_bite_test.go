package archtest

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBansBite shows each ban sources that break it, and sources that only look
// like it. The package is always called x; a source is what stands below its
// package clause.
func TestBansBite(t *testing.T) {
	tests := map[string]struct {
		find func(*typed) []string
		src  string
		want int // faults
	}{
		"the host's clock":               {calls, `import "time"; var _ = func() int64 { return time.Now().Unix() }`, 1},
		"the clock as a value":           {calls, `import "time"; var _ = time.Now`, 1},
		"under another name":             {calls, `import tm "time"; func f() { tm.Sleep(1) }`, 1},
		"a method called Now":            {calls, `type time struct{}; func (time) Now() {}; func f() { time{}.Now() }`, 0},
		"a duration":                     {calls, `import "time"; var d = time.Second.Seconds()`, 0},
		"the global source":              {calls, `import "math/rand/v2"; func f() int { return rand.IntN(3) }`, 1},
		"a source of one's own":          {calls, `import "math/rand/v2"; func f() uint64 { return rand.NewPCG(1, 2).Uint64() }`, 0},
		"printing":                       {calls, `import "fmt"; func f() { fmt.Println() }`, 1},
		"formatting":                     {calls, `import "fmt"; func f() string { return fmt.Sprint() }`, 0},
		"the builtin print":              {calls, `func f() { println() }`, 1},
		"leaving":                        {calls, `import "os"; func f() { os.Exit(1) }`, 1},
		"reading a file":                 {calls, `import "os"; func f() { os.ReadFile("x") }`, 0},
		"a goroutine":                    {goroutines, `func f() { go f() }`, 1},
		"a channel":                      {goroutines, `func f(c chan int) { c <- 1 }`, 2},
		"an unsigned panic":              {panics, `func f() { panic("out of range") }`, 1},
		"a signed panic":                 {panics, `func f() { panic("x: out of range") }`, 0},
		"another's signature":            {panics, `func f() { panic("y: out of range") }`, 1},
		"a formatted panic":              {panics, `import "fmt"; func f() { panic(fmt.Sprintf("x: %d", 1)) }`, 0},
		"an unsigned formatted panic":    {panics, `import "fmt"; func f() { panic(fmt.Sprintf("%d", 1)) }`, 1},
		"an error as panic":              {panics, `func f(err error) { panic(err) }`, 1},
		"an error behind a signature":    {panics, `func f(err error) { panic("x: " + err.Error() + "!") }`, 0},
		"an error before a signature":    {panics, `func f(err error) { panic(err.Error() + "x: ") }`, 1},
		"a constant signature":           {panics, `const sign = "x: "; func f() { panic(sign + "no") }`, 0},
		"a variable is assigned to":      {mutable, `var n int; func f() { n = 1 }`, 1},
		"a variable is counted":          {mutable, `var n int; func f() { n++ }`, 1},
		"a table is written to":          {mutable, `var m = map[int]int{}; func f() { m[1] = 2 }`, 1},
		"a field is written to":          {mutable, `var s struct{ a [3]int }; func f() { s.a[1] += 2 }`, 1},
		"a map loses a key":              {mutable, `var m = map[int]int{}; func f() { delete(m, 1) }`, 1},
		"an address is taken":            {mutable, `var n int; func f() *int { return &n }`, 1},
		"an address is taken by a call":  {mutable, `type t struct{ n int }; func (t *t) inc() { t.n++ }; var v t; func f() { v.inc() }`, 1},
		"a value's method is called":     {mutable, `type t struct{ n int }; func (t t) get() int { return t.n }; var v t; func f() int { return v.get() }`, 0},
		"a pointer's method only reads":  {mutable, `type t struct{ n int }; func (t *t) get() int { return t.n }; var v t; func f() int { return v.get() }`, 0},
		"a method's method writes":       {mutable, `type t struct{ n [2]int }; func (t *t) get() { t.set() }; func (t *t) set() { t.n[0]++ }; var v t; func f() { v.get() }`, 1},
		"methods that call each other":   {mutable, `type t struct{ n int }; func (t *t) a() { t.b() }; func (t *t) b() { t.a() }; var v t; func f() { v.a() }`, 0},
		"another's method":               {mutable, `import "sync"; var once sync.Once; func f() { once.Do(f) }`, 1},
		"an element is looked at":        {mutable, `type t struct{ n int }; var v [3]t; func f() int { e := &v[1]; return e.n }`, 0},
		"an element is written to":       {mutable, `type t struct{ n int }; var v [3]t; func f() { e := &v[1]; e.n = 2 }`, 1},
		"a pointer is turned":            {mutable, `type t struct{ n int }; var v [3]t; func f() { e := &v[1]; e = nil; _ = e }`, 0},
		"an element's method writes":     {mutable, `type t struct{ n int }; func (t *t) inc() { t.n++ }; var v [3]t; func f() { e := &v[1]; e.inc() }`, 1},
		"a regular expression":           {mutable, `import "regexp"; var re = regexp.MustCompile("a"); func f() bool { return re.MatchString("a") }`, 0},
		"a local of the same name":       {mutable, `var n int; func f() { n := 1; n++; _ = n }`, 0},
		"a table is read":                {mutable, `var m = []int{1}; func f() int { return m[0] }`, 0},
		"a variable is a loop's":         {mutable, `var n int; func f() { for n = range 3 {} }`, 1},
		"an initialised error":           {mutable, `import "errors"; var ErrNo = errors.New("no")`, 0},
		"a map is walked":                {mapRanges, `func f(m map[int]int) { for range m {} }`, 1},
		"a map is walked with a reason":  {mapRanges, "func f(m map[int]int) {\n// Any order: nothing happens.\nfor range m {}\n}", 0},
		"a map is walked with a remark":  {mapRanges, "func f(m map[int]int) {\n// Nothing happens.\nfor range m {}\n}", 1},
		"a named map is walked":          {mapRanges, `type m map[int]int; func f(m m) { for range m {} }`, 1},
		"keys are gathered and sorted":   {mapRanges, `import "sort"; func f(m map[string]int) (k []string) { for s := range m { k = append(k, s) }; sort.Strings(k); return k }`, 0},
		"keys are gathered":              {mapRanges, `func f(m map[string]int) (k []string) { for s := range m { k = append(k, s) }; return k }`, 1},
		"something else is sorted":       {mapRanges, `import "sort"; func f(m map[string]int, o []string) (k []string) { for s := range m { k = append(k, s) }; sort.Strings(o); return k }`, 1},
		"keys of a map, sorted":          {mapRanges, `import ("maps"; "slices"); func f(m map[int]int) []int { return slices.Sorted(maps.Keys(m)) }`, 0},
		"a slice is walked":              {mapRanges, `func f(m []int) { for range m {} }`, 0},
		"keys of a map":                  {mapRanges, `import "maps"; func f(m map[int]int) { for range maps.Keys(m) {} }`, 1},
		"a float field":                  {floatFields, `type t struct { a float64 }`, 1},
		"a field of floats":              {floatFields, `type t struct { a map[string][]float32 }`, 1},
		"a field of a float type":        {floatFields, `type f float64; type t struct { a f }`, 1},
		"a whole field":                  {floatFields, `type t struct { a int }`, 0},
		"a float is computed":            {floats, `func f(n int) bool { return float64(n) > 0.5 }`, 1},
		"a float constant is whole":      {floats, `const n = int(1e9 * 0.5); func f() int { return n }`, 0},
		"a float parameter without name": {floats, `import "math"; func f(n uint64) bool { return math.Float64frombits(n) < 1 }`, 1},
	}
	imp := importer.ForCompiler(token.NewFileSet(), "source", nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, "x.go", "package x\n"+strings.ReplaceAll(tt.src, "; ", "\n"), parser.ParseComments|parser.SkipObjectResolution)
			require.NoError(t, err)
			p, err := check(fset, imp, "x", []*ast.File{f})
			require.NoError(t, err)
			require.Len(t, tt.find(p), tt.want)
		})
	}
}
