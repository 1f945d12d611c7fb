package lessons

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write the pages and plots of the lessons")

const root = "../.."

var theLab struct {
	lab *Lab
	err error
}

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "lessons")
	if err != nil {
		panic(err)
	}
	theLab.lab, theLab.err = NewLab(root, dir)
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// lab returns the laboratory of all tests.
func lab(t *testing.T) *Lab {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh")
	}
	require.NoError(t, theLab.err)
	// The go command repeats a test that passed when a file has changed that the
	// test looked at: all that goes into the program and the examples.
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == ".git" && d.IsDir() {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(path); err == nil && (ext == ".go" || ext == ".yaml") {
			_, err = os.Stat(path)
		}
		return err
	}))
	return theLab.lab
}

// TestPages: every page and every plot is what its commands print and draw.
func TestPages(t *testing.T) {
	templates, err := filepath.Glob(filepath.Join(root, "examples", "*", "page.md.tmpl"))
	require.NoError(t, err)
	require.NotEmpty(t, templates)
	index, err := os.ReadFile(filepath.Join(root, "examples", "README.md"))
	require.NoError(t, err)
	for _, file := range templates {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			page, err := lab(t).Render(file, string(text))
			require.NoError(t, err)
			same(t, filepath.Join(dir, "README.md"), []byte(page.Text))
			for name, data := range page.Plots {
				same(t, filepath.Join(dir, name), data)
			}
			for _, part := range []string{"## Question", "## Experiment", "## Answer", "## On a real host"} {
				require.Contains(t, page.Text, "\n"+part+"\n")
			}
			require.Contains(t, string(index), "("+filepath.Base(dir)+"/README.md)", "examples/README.md lists every lesson")
		})
	}
}

// same: a file has these bytes, or gets them.
func same(t *testing.T, name string, data []byte) {
	t.Helper()
	if *rewrite {
		require.NoError(t, os.WriteFile(name, data, 0o644))
		return
	}
	old, err := os.ReadFile(name)
	require.NoError(t, err)
	const do = "%s is not what its commands give: run go test ./internal/lessons -rewrite, and look at it"
	if strings.HasSuffix(name, ".md") {
		require.Equal(t, string(data), string(old), do, name)
	}
	require.True(t, bytes.Equal(old, data), do, name)
}

// TestRender: what a page can ask for, and what it is told when it asks wrongly.
func TestRender(t *testing.T) {
	l := &Lab{dir: t.TempDir(), said: map[string]string{}}
	page, err := l.Render("page", "# T\n\n{{$t := table `printf 'load  lost\n1     0%%\n2     5%%\n'; date >> dates`}}Lost {{$t.Cell 2 `lost`}}.\n{{$t}}\n{{line 1 `wc -l < dates`}}{{plot `dates` `x.png` `Dates`}}")
	require.NoError(t, err)
	require.Contains(t, page.Text, "\n\nLost 5%.\n```console\n$ printf")
	require.Contains(t, page.Text, "\nload  lost\n1     0%\n2     5%\n```\n1![Dates](x.png)")
	require.NotEmpty(t, page.Plots["x.png"])
	for text, want := range map[string]string{
		"{{run `echo no; false`}}":                            "echo no; false: exit status 1\nno",
		"{{$t := table `echo a`}}{{$t.Cell 1 `b`}}":           `no column "b": want one of ["a"]`,
		"{{$t := table `echo a; echo 1`}}{{$t.Cell 2 `a`}}":   "no row 2: want 1 to 1",
		"{{$t := table `echo a; echo 1`}}{{$t.Cell 0 `a`}}":   "no row 0: want 1 to 1",
		"{{line 2 `echo a`}}":                                 "no line 2: want 1 to 1",
		"{{plot `none` `x.png` `There is no such picture.`}}": "none: no such file",
		"{{": "unclosed action",
	} {
		_, err := l.Render("page", text)
		require.ErrorContains(t, err, want)
	}
}

// number returns a cell without its thousands' commas and its unit %.
func number(t *testing.T, table *Table, row int, column string) float64 {
	t.Helper()
	cell, err := table.Cell(row, column)
	require.NoError(t, err)
	n, err := strconv.ParseFloat(strings.TrimSuffix(strings.ReplaceAll(cell, ",", ""), "%"), 64)
	require.NoError(t, err)
	return n
}
