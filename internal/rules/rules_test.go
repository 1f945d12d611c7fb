package rules

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// root is the directory of the module.
const root = "../.."

// TestLedger holds every row to the source: its symbols and tests exist, its
// mutation fits.
func TestLedger(t *testing.T) {
	rows, err := Read(root)
	require.NoError(t, err)
	src, err := readSource(root)
	require.NoError(t, err)
	for i := range rows {
		r := &rows[i]
		for _, w := range r.Where {
			assert.NoError(t, src.symbol(w), "%s in %s", r.ID, r.area)
		}
		for _, ref := range r.Test {
			assert.NoError(t, src.testExists(ref, r.ID), "%s in %s", r.ID, r.area)
		}
		if r.Mutation != nil {
			_, err := r.Mutation.mutant(root)
			assert.NoError(t, err, "%s in %s", r.ID, r.area)
		}
	}
}

func TestExpand(t *testing.T) {
	require.Equal(t, []string{"RX-9", "RX-10", "V1", "V2", "K310-3", "SIRQ-5a"}, expand("RX-9..10 V1..2 K310-3..3 SIRQ-5a"))
}

func TestIdentify(t *testing.T) {
	for _, c := range []struct{ area, named, id, want string }{
		{"ixgbe", "", "RX-1", "nic"}, {"socket", "", "RX-1", "ip"}, {"ixgbe", "ip", "RX-1", "ip"},
		{"softirq", "", "K310-4", "3.10"}, {"softirq", "", "V9", "ip"}, {"devices", "", "6.18/1.3.2", "6.18"}, {"devices", "", "RPS-18", "nic"},
	} {
		got, err := identify(c.area, c.named, c.id)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%+v", c)
	}
	_, err := identify("ip", "", "RX-99")
	require.ErrorContains(t, err, "SUR-n")
}

// TestRowsAreComplete shows what a row may not leave out.
func TestRowsAreComplete(t *testing.T) {
	good := Row{ID: "RX-5", Says: "s", Where: list{"a.B"}, Test: list{"a.TestB"}, Changed: "c", Mutation: &Mutation{"f", "o", "n"}, area: "ixgbe"}
	require.NoError(t, good.complete())
	for want, spoil := range map[string]func(*Row){
		"has no test":      func(r *Row) { r.Test = nil },
		"what was changed": func(r *Row) { r.Mutation = nil },
		"the symbol":       func(r *Row) { r.Where = nil },
		"one line":         func(r *Row) { r.Says = "" },
		"why is it not":    func(r *Row) { r.Status = NotModelled },
		"what of it":       func(r *Row) { r.Status = Partly },
		"want modelled":    func(r *Row) { r.Status = "done" },
		"no rule":          func(r *Row) { r.ID = "RX-77" },
	} {
		r := good
		spoil(&r)
		require.ErrorContains(t, r.complete(), want)
	}
}

// TestMutations plants the mutation of every row and wants the row's test to
// fail, having passed without it. RXPATH_RULES limits it to an area,
// RXPATH_RULE_IDS to some IDs; RXPATH_RULES_SAMPLE=k/n plants every n-th
// mutation and only wants the tests of the other rows to exist and pass.
func TestMutations(t *testing.T) {
	if os.Getenv("RXPATH_MUTATION") == "" {
		t.Skip("planting mutations takes a compilation a rule: RXPATH_MUTATION=1 go test -v -timeout 60m ./internal/rules")
	}
	rows, err := Read(root)
	require.NoError(t, err)
	area, ids := os.Getenv("RXPATH_RULES"), strings.Fields(os.Getenv("RXPATH_RULE_IDS"))
	k, n := sample(t)
	b := binaries{dir: t.TempDir(), made: map[string]*binary{}}
	done := 0
	t.Run("rule", func(t *testing.T) {
		for i := range rows {
			r := &rows[i]
			if r.Mutation == nil || area != "" && r.area != area || len(ids) > 0 && !slices.Contains(ids, r.ID) {
				continue
			}
			done++
			planted := done%n == k
			t.Run(r.Spec+"/"+r.ID, func(t *testing.T) {
				t.Parallel()
				for _, ref := range r.Test {
					if b.passes(t, ref); planted {
						b.plant(t, r, ref)
					}
				}
			})
		}
	})
	require.NotZero(t, done, "no row to test")
}

func sample(t *testing.T) (k, n int) {
	s := os.Getenv("RXPATH_RULES_SAMPLE")
	if s == "" {
		return 0, 1
	}
	a, b, _ := strings.Cut(s, "/")
	k, err := strconv.Atoi(a)
	require.NoError(t, err)
	n, err = strconv.Atoi(b)
	require.NoError(t, err)
	return k % n, n
}

// binaries are the compiled tests of packages without any mutation.
type binaries struct {
	dir  string
	mu   sync.Mutex
	made map[string]*binary
}

type binary struct {
	once sync.Once
	path string
	err  error
}

func (b *binaries) of(dir string) (string, error) {
	b.mu.Lock()
	bin := b.made[dir]
	if bin == nil {
		bin = &binary{path: filepath.Join(b.dir, strings.ReplaceAll(dir, "/", "_")+".test")}
		b.made[dir] = bin
	}
	b.mu.Unlock()
	bin.once.Do(func() { bin.err = compile(dir, bin.path, "") })
	return bin.path, bin.err
}

func compile(dir, out, overlay string) error {
	args := []string{"test", "-c", "-vet=off", "-o", out}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.Command("go", append(args, "./"+dir)...)
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w:\n%s", err, text)
	}
	return nil
}

// passes runs one test without any mutation.
func (b *binaries) passes(t *testing.T, ref string) {
	t.Helper()
	dir, test, err := splitTest(ref)
	require.NoError(t, err)
	sound, err := b.of(dir)
	require.NoError(t, err)
	out, err := runOne(t, sound, dir, test)
	require.NoError(t, err, "%s fails without any mutation:\n%s", ref, out)
	require.Contains(t, out, "--- PASS: "+strings.Split(test, "/")[0], "%s did not run", ref)
	if strings.Contains(test, "/") {
		require.Regexp(t, `(?m)^ +--- PASS: `+regexp.QuoteMeta(test), out, "%s has no such row", ref)
	}
}

// plant runs one test with the row's mutation.
func (b *binaries) plant(t *testing.T, r *Row, ref string) {
	t.Helper()
	dir, test, err := splitTest(ref)
	require.NoError(t, err)
	tmp := t.TempDir()
	overlay, err := r.Mutation.overlay(root, tmp)
	require.NoError(t, err)
	mutant := filepath.Join(tmp, "mutant.test")
	require.NoError(t, compile(dir, mutant, overlay), "%s: the mutant does not compile", r.ID)
	_, err = runOne(t, mutant, dir, test)
	require.Error(t, err, "%s SURVIVES %q: %s passes all the same", r.ID, r.Changed, ref)
	require.NoError(t, os.Remove(mutant))
}

func runOne(t *testing.T, bin, dir, test string) (string, error) {
	t.Helper()
	var parts []string
	for _, p := range strings.Split(test, "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(p)+"$")
	}
	cmd := exec.CommandContext(t.Context(), bin, "-test.v", "-test.timeout=90s", "-test.run="+strings.Join(parts, "/"))
	cmd.Dir = filepath.Join(root, filepath.FromSlash(dir))
	out, err := cmd.CombinedOutput()
	return string(out), err
}
