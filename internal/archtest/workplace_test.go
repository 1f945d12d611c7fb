package archtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// workplaces match what belongs to the machine on which a file was written, and
// means nothing on another. They are put together here so that this file does
// not match them.
var workplaces = regexp.MustCompile(strings.Join([]string{
	`(^|[^\w./-])/` + `work(/|\b)`,         // its directories
	`\.` + `library\b`,                     // its collection of documents
	`(^|[^\w.])/` + `(root|home/\w+)/`,     // somebody's home
	`/tmp/` + `(bash_jobs|go-build\d|PRE)`, // what runs left behind
	`PREAMBLE` + `\.md`,                    // its instructions
}, "|"))

// TestNoFileNamesTheWorkplace reads every file that is, or could be, committed.
func TestNoFileNamesTheWorkplace(t *testing.T) {
	names := repository(t)
	require.Greater(t, len(names), 100)
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // removed, and not committed yet
		}
		require.NoError(t, err)
		for i, line := range bytes.Split(data, []byte("\n")) {
			if found := workplaces.Find(line); found != nil {
				t.Errorf("%s:%d: %q belongs to one machine", name, i+1, found)
			}
		}
	}
}

// repository returns the files of the repository, from its root: those that git
// knows and those that it does not ignore. Without git, there is nothing to test.
func repository(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("not a git checkout: %v", err)
	}
	return strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
}

func TestWorkplaces(t *testing.T) {
	slash := "/"
	for text, want := range map[string]bool{
		"see " + slash + "work/notes":       true,
		slash + "work":                      true,
		"(" + slash + "work)":               true,
		slash + "root/go/bin":               true,
		slash + "home/ann/x":                true,
		"." + "library/search":              true,
		"net/work/x":                        false,
		"/workload":                         false,
		"/network":                          false,
		"/proc/net/softnet_stat":            false,
		"the root/child pair":               false,
		"../work/x":                         false,
		"homework/1":                        false,
		"https://example.org/home/ann":      false,
		"/sys/class/net/eth0/queues/rx-0":   false,
		"a library, and another library/v2": false,
	} {
		require.Equal(t, want, workplaces.MatchString(text), "%q", text)
	}
}
