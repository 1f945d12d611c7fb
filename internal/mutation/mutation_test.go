package mutation

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// root is the directory of the module.
const root = "../.."

// cases is how many random hosts a fault has to survive to count as not found.
// Nearly all are found within the 300 that `go test ./sim` tries; what takes
// more today takes less tomorrow, because every change of a draw changes all hosts.
const cases = 1200

// mutant returns the file with the fault in it.
func (f *fault) mutant(t *testing.T) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.file)))
	require.NoError(t, err)
	text := string(src)
	for _, e := range f.edits {
		require.Equal(t, 1, strings.Count(text, e.old), "%q: %s must hold exactly once:\n%s", f.name, f.file, e.old)
		text = strings.Replace(text, e.old, e.new, 1)
	}
	return text
}

// TestFaultsFit checks that every edit fits its file and leaves Go behind.
func TestFaultsFit(t *testing.T) {
	require.GreaterOrEqual(t, len(faults), 10)
	names := map[string]bool{}
	for _, f := range faults {
		require.False(t, names[f.name], "two faults are called %q", f.name)
		names[f.name] = true
		_, err := parser.ParseFile(token.NewFileSet(), f.file, f.mutant(t), parser.SkipObjectResolution)
		require.NoError(t, err, "%s in %s", f.name, f.file)
	}
}

// TestDifferentialTestCatches plants every fault, and none: without a fault the
// differential test must pass, else whatever fails proves nothing.
func TestDifferentialTestCatches(t *testing.T) {
	if os.Getenv("RXPATH_MUTATION") == "" {
		t.Skip("planting faults takes minutes: RXPATH_MUTATION=1 go test -v ./internal/mutation")
	}
	began := time.Now()
	found := make([]string, len(faults))
	t.Run("fault", func(t *testing.T) {
		t.Run("none", func(t *testing.T) {
			t.Parallel()
			out, err := run(t, build(t, nil))
			require.NoError(t, err, "the differential test fails without any fault:\n%s", out)
		})
		for i := range faults {
			t.Run(faults[i].name, func(t *testing.T) {
				t.Parallel()
				found[i] = plant(t, &faults[i])
			})
		}
	})
	for i, f := range faults {
		t.Logf("%-66s %-24s %s", f.name, f.file, found[i])
	}
	t.Logf("%d faults in %v", len(faults), time.Since(began).Round(time.Second))
}

var (
	failedCase = regexp.MustCompile(`(?m)^ +--- FAIL: TestExecutivesAgree/(\d+) `)
	difference = regexp.MustCompile(`(naive|sliced) run differs from the lazy one`)
)

// plant runs the differential test with the fault and returns after how many
// cases it was found, and by which comparison.
func plant(t *testing.T, f *fault) string {
	out, err := run(t, build(t, f))
	require.Error(t, err, "%d cases do not find that %s", cases, f.name)
	diff, at := difference.FindStringSubmatch(out), failedCase.FindStringSubmatch(out)
	if diff == nil && strings.Contains(out, "\npanic: ") {
		diff = []string{"", "panic"} // the faulty executive tripped over itself
	}
	require.NotNil(t, diff, "the test failed, but not with a difference:\n%s", out)
	require.NotNil(t, at, "the failed case has no number:\n%s", out)
	n, err := strconv.Atoi(at[1])
	require.NoError(t, err)
	return fmt.Sprintf("%3d cases (%s)", n+1, diff[1])
}

// build compiles the tests of package sim with the fault, nil for none.
func build(t *testing.T, f *fault) (bin string) {
	t.Helper()
	dir := t.TempDir()
	overlay := map[string]map[string]string{"Replace": {}}
	if f != nil {
		real, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(f.file)))
		require.NoError(t, err)
		copied := filepath.Join(dir, "mutant.go")
		require.NoError(t, os.WriteFile(copied, []byte(f.mutant(t)), 0o666))
		overlay["Replace"][real] = copied
	}
	list, err := json.Marshal(overlay)
	require.NoError(t, err)
	overlayFile := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, list, 0o666))
	bin = filepath.Join(dir, "sim.test")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", bin, "-overlay", overlayFile, "./sim")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "the mutant does not compile:\n%s", out)
	return bin
}

// run runs the differential test up to its first failure.
func run(t *testing.T, bin string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bin, "-test.run=^TestExecutivesAgree$", "-test.failfast", "-test.timeout=15m")
	cmd.Dir = filepath.Join(root, "sim")
	cmd.Env = append(os.Environ(), "RXPATH_CASES="+strconv.Itoa(cases))
	out, err := cmd.CombinedOutput()
	return string(out), err
}
