package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the outputs in docs/cli.md")

// TestDocs runs every command of docs/cli.md, in their order, in one directory
// that has the examples. A block marked console shows commands behind "$ " and
// what they print, which must be so; commands of a block marked sh must succeed.
// With -rewrite the outputs are written into the page.
func TestDocs(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh")
	}
	const page = "../../docs/cli.md"
	old, err := os.ReadFile(page)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "examples"), os.DirFS("../../examples")))

	var out strings.Builder
	kind, last := "", 0
	for line := range strings.Lines(string(old)) {
		text := strings.TrimRight(line, "\n")
		switch fence, ok := strings.CutPrefix(text, "```"); {
		case ok && kind == "":
			kind = fence
			out.WriteString(line)
		case ok:
			kind = ""
			out.WriteString(line)
		case kind == "console" && strings.HasPrefix(text, "$ "):
			var printed string
			printed, last = shell(t, dir, text[2:], last)
			out.WriteString(line + printed)
		case kind == "console": // of the last time
		case kind == "sh":
			printed, status := shell(t, dir, text, 0)
			require.Zero(t, status, "%s\n%s", text, printed)
			out.WriteString(line)
		default:
			out.WriteString(line)
		}
	}
	if *rewrite {
		require.NoError(t, os.WriteFile(page, []byte(out.String()), 0o666))
		return
	}
	if diff := cmp.Diff(strings.Split(string(old), "\n"), strings.Split(out.String(), "\n")); diff != "" {
		t.Errorf("%s is not what the commands print (-page +printed); go test ./cmd/rxpath -run Docs -args -rewrite\n%s", page, diff)
	}
}

// shell runs a command after one that ended with the status last, and returns
// what it prints and its own status.
func shell(t *testing.T, dir, command string, last int) (printed string, status int) {
	cmd := exec.Command("sh", "-c", fmt.Sprintf("(exit %d); %s", last, command))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		status = e.ExitCode()
	} else {
		require.NoError(t, err)
	}
	return string(out), status
}
