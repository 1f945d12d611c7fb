// Package readme keeps README.md true.
package readme

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write the present answer into README.md")

const (
	readme = "../../README.md"
	images = "../../docs/images"
)

var answer = regexp.MustCompile("(?s)(<!-- run:begin -->\n```\n)(.*?)(```\n<!-- run:end -->)")

// TestAnswer: the README shows what `rxpath run` prints.
func TestAnswer(t *testing.T) {
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	require.Regexp(t, answer, string(text))
	var out, errs bytes.Buffer
	dir := filepath.Join(t.TempDir(), "out")
	cmd := exec.Command("go", "run", "./cmd/rxpath", "run", "--out", dir)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "../..", &out, &errs
	require.NoError(t, cmd.Run(), errs.String())
	want := answer.ReplaceAllString(string(text), "${1}"+strings.ReplaceAll(out.String(), "$", "$$")+"${3}")
	if *rewrite {
		require.NoError(t, os.WriteFile(readme, []byte(want), 0o644))
	} else {
		require.Equal(t, want, string(text), "run go test ./internal/readme -rewrite, and read the difference")
	}
	for _, plot := range []string{"queues.png", "latency.png"} {
		samePicture(t, filepath.Join(dir, "plots", plot), filepath.Join(images, plot))
	}
}

// samePicture: the pictures in the README are those of the same run.
func samePicture(t *testing.T, got, want string) {
	t.Helper()
	data, err := os.ReadFile(got)
	require.NoError(t, err)
	if *rewrite {
		require.NoError(t, os.WriteFile(want, data, 0o644))
		return
	}
	shown, err := os.ReadFile(want)
	require.NoError(t, err)
	require.True(t, bytes.Equal(shown, data), "%s is not of this run: run go test ./internal/readme -rewrite, and look at it", want)
}

// TestGoSnippets: every Go test in the README passes.
func TestGoSnippets(t *testing.T) {
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	snippets := regexp.MustCompile("(?s)```go\n(package .*?)```").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, snippets)
	for _, s := range snippets {
		file := filepath.Join(t.TempDir(), "snippet_test.go")
		require.NoError(t, os.WriteFile(file, []byte(s[1]), 0o644))
		cmd := exec.Command("go", "test", file)
		cmd.Dir = "../.."
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

// TestLinks: every relative link leads somewhere.
func TestLinks(t *testing.T) {
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(m[1], "://") {
			_, err := os.Stat(filepath.Join("../..", m[1]))
			require.NoError(t, err)
		}
	}
}
