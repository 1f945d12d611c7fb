// Package notebooks runs the notebooks of this folder without a browser.
package notebooks

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A notebook is the part of a Jupyter notebook that is looked at here.
type notebook struct {
	Cells         []cell
	Metadata      map[string]any
	NBFormat      int `json:"nbformat"`
	NBFormatMinor int `json:"nbformat_minor"`
}

type cell struct {
	Type           string `json:"cell_type"`
	ID             string
	Source         []string
	Metadata       map[string]any
	ExecutionCount *int `json:"execution_count"`
	Outputs        []output
}

type output struct {
	Type      string `json:"output_type"`
	Name      string
	Text      json.RawMessage
	Data      map[string]json.RawMessage
	EName     string `json:"ename"`
	EValue    string `json:"evalue"`
	Traceback []string
}

func (c *cell) source() string { return strings.Join(c.Source, "") }

// notebooks are the files of all notebooks.
func notebooks(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.ipynb")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func read(t *testing.T, data []byte) *notebook {
	t.Helper()
	var n notebook
	require.NoError(t, json.Unmarshal(data, &n))
	return &n
}

// TestStripped: a notebook is stored without what a run has left in it, and has
// the parts of a lesson.
func TestStripped(t *testing.T) {
	index, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, file := range notebooks(t) {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			n := read(t, data)
			require.Equal(t, [2]int{4, 5}, [2]int{n.NBFormat, n.NBFormatMinor})
			require.Equal(t, map[string]any{
				"kernelspec":    map[string]any{"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
				"language_info": map[string]any{"name": "python"},
			}, n.Metadata, "metadata that an editor has left")
			ids := map[string]bool{}
			var prose, code strings.Builder
			for i, c := range n.Cells {
				require.Empty(t, c.Outputs, "cell %d has outputs: clear them, as README.md says", i)
				require.Nil(t, c.ExecutionCount, "cell %d has a number of execution", i)
				require.Empty(t, c.Metadata, "cell %d has metadata", i)
				require.False(t, c.ID == "" || ids[c.ID], "cell %d: the id %q is missing or there twice", i, c.ID)
				ids[c.ID] = true
				if c.Type == "code" {
					code.WriteString(c.source() + "\n")
				} else {
					prose.WriteString(c.source() + "\n")
				}
			}
			at := -1
			for _, part := range []string{"\n## Question\n", "\n## Experiment\n", "\n## Answer\n", "\n## On a real host\n", "\n## Exercises\n"} {
				next := strings.Index(prose.String(), part)
				require.Greater(t, next, at, "the part %q, in its place", strings.TrimSpace(part))
				at = next
			}
			require.Contains(t, code.String(), "\nassert ", "a cell asserts what the answer says")
			require.Contains(t, string(index), "("+file+")", "README.md lists every notebook")
		})
	}
}

// need is what a Python must have to run the notebooks, and the command that installs it.
const (
	need    = "nbclient, ipykernel, pandas, matplotlib, jinja2"
	install = "apt-get install --no-install-recommends jupyter-nbconvert python3-nbclient python3-ipykernel jupyter-client python3-pandas python3-matplotlib"
)

// python returns a Python that has what the notebooks need: that of $PYTHON, the
// one on the path, or the system's.
var python = sync.OnceValue(func() string {
	for _, name := range []string{os.Getenv("PYTHON"), "python3", "/usr/bin/python3"} {
		if path, err := exec.LookPath(name); err == nil && exec.Command(path, "-c", "import "+need).Run() == nil {
			return path
		}
	}
	return ""
})

// build compiles rxpath once.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "notebooks")
	if err != nil {
		return "", err
	}
	scratch = dir
	program := filepath.Join(dir, "rxpath")
	out, err := exec.Command("go", "build", "-o", program, "../../cmd/rxpath").CombinedOutput()
	if err != nil {
		os.Stderr.Write(out)
	}
	return program, err
})

var scratch string

func TestMain(m *testing.M) {
	status := m.Run()
	if scratch != "" {
		_ = os.RemoveAll(scratch)
	}
	os.Exit(status)
}

// run runs a Python program in this folder, with rxpath as built now. It skips
// the test where Jupyter is not installed.
func run(t *testing.T, program string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs simulations for many seconds")
	}
	if python() == "" {
		t.Skipf("no Python with %s: %s", need, install)
	}
	rxpath, err := build()
	require.NoError(t, err)
	// The go command repeats a test that passed when a file has changed that the
	// test looked at: all that goes into the program and the notebooks.
	require.NoError(t, filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == ".git" && d.IsDir() {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(path); err == nil && (ext == ".go" || ext == ".yaml" || ext == ".py") {
			_, err = os.Stat(path)
		}
		return err
	}))
	cmd := exec.Command(python(), append([]string{"-c", program}, args...)...)
	cmd.Env = append(os.Environ(), "RXPATH="+rxpath, "PYTHONDONTWRITEBYTECODE=1", "PYDEVD_DISABLE_FILE_VALIDATION=1",
		"IPYTHONDIR="+scratch, "JUPYTER_RUNTIME_DIR="+t.TempDir(), "LC_ALL=C.UTF-8")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// execute runs the cells of the notebook on the standard output of which the
// result is printed. A cell that fails ends it, and is in the result.
const execute = `
import sys, nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
book = nbformat.read(sys.argv[1], as_version=4)
try:
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": "."}}).execute()
except CellExecutionError:
    pass
print(nbformat.writes(book))
`

// TestNotebooks runs every cell of every notebook: those that assert what the
// notebook says are among them.
func TestNotebooks(t *testing.T) {
	for _, file := range notebooks(t) {
		t.Run(strings.TrimSuffix(file, ".ipynb"), func(t *testing.T) {
			t.Parallel()
			stdout, stderr, err := run(t, execute, file)
			require.NoError(t, err, stderr)
			n := read(t, []byte(stdout))
			plots, answers := 0, 0
			for i, c := range n.Cells {
				for _, o := range c.Outputs {
					require.NotEqual(t, "error", o.Type, "cell %d: %s: %s\n%s\n%s", i, o.EName, o.EValue, strings.Join(o.Traceback, "\n"), c.source())
					require.False(t, o.Type == "stream" && o.Name == "stderr", "cell %d warns: %s", i, o.Text)
					if o.Data["image/png"] != nil {
						plots++
					}
					if o.Data["text/markdown"] != nil {
						answers++
						require.NotContains(t, string(o.Data["text/markdown"]), "nan", "a number is missing")
					}
				}
				require.True(t, c.Type != "code" || c.ExecutionCount != nil, "cell %d was not run:\n%s", i, c.source())
			}
			require.Positive(t, plots, "there is a plot")
			require.Equal(t, 1, answers, "the answer is made by a cell")
		})
	}
}

// TestHelper: what rxpath_notebook.py does with calls that are right, and says
// of wrong ones. One Python does all, one after the other.
func TestHelper(t *testing.T) {
	gopath, err := exec.LookPath("go")
	require.NoError(t, err)
	cases := []struct {
		name string
		code string
		env  map[string]string
		want string // a regular expression
	}{
		{
			name: "values of settings are YAML",
			code: `print(rx._flags({"a": "20ms", "b": 2.5, "c": None, "d": [2, 3], "e": True}, {"reps": 3, "metric": ["x", "y"], "resume": True}))`,
			want: `^\['--set', 'a=20ms', '--set', 'b=2.5', '--set', 'c=null', '--set', 'd=\[2, 3\]', '--set', 'e=true', '--reps', '3', '--metric', 'x', '--metric', 'y', '--resume'\]`,
		},
		{
			name: "a scenario as text",
			code: `print(rx.run("name: mine\nrun: {for: 1ms}\n").json["scenario"]["name"])`,
			want: `^mine`,
		},
		{
			name: "a crossed threshold is an answer",
			code: `print(rx.run(duration="5ms", threshold="offered == 0").json["thresholds"][-1]["ok"])`,
			want: `^False`,
		},
		{
			name: "a sweep has a row for every run",
			code: `print(rx.sweep(vary={"load": [1, 2]}, duration="1ms", reps=2)[["point", "rep", "load"]].values.tolist())`,
			want: `^\[\[0, 0, 1\], \[0, 1, 1\], \[1, 0, 2\], \[1, 1, 2\]\]`,
		},
		{
			name: "a series of samples",
			code: `r = rx.run(duration="4ms", set={"run.sample": "1ms"}, series=True); print(r.series["queues"]["time_ns"].tolist(), r.cpu.loc[3, "idle"])`,
			want: `^\[0, 1000000, 2000000, 3000000, 4000000\] 1\.0`,
		},
		{
			name: "sizes",
			code: `print(rx.size("440KiB"), rx.size("2MiB"), rx.size("17"))`,
			want: `^450560 2097152 17`,
		},
		{
			name: "an unknown key is the command's error",
			code: `rx.run(set={"laod": 2})`,
			want: `^RxpathError: (?s:.*)unknown key; did you mean "load"`,
		},
		{
			name: "RXPATH that is no program",
			code: `rx.run()`,
			env:  map[string]string{"RXPATH": "/no/such/program"},
			want: `^RxpathError: RXPATH is '/no/such/program': want the path of the program rxpath`,
		},
		{
			name: "no RXPATH, nothing on the path",
			code: `rx.run()`,
			env:  map[string]string{"RXPATH": "", "PATH": "/no/such/directory"},
			want: `^RxpathError: no program rxpath: put it on the PATH, name it in RXPATH, or use a checkout of rxpath and have Go installed`,
		},
		{
			name: "built from the checkout",
			code: `print(rx.rxpath("version"), rx.command())`,
			env:  map[string]string{"RXPATH": "", "PATH": filepath.Dir(gopath) + string(os.PathListSeparator) + "/usr/bin:/bin"},
			want: `^(?s:.*)results_version(?s:.*)rxpath-\w+/rxpath\n`,
		},
		{
			name: "Parquet says what CSV says",
			code: `
with tempfile.TemporaryDirectory() as d:
    rx.rxpath("sweep", "--duration", "1ms", "--vary", "load=0.01,1,40", "--vary", "apps[0].sockets[0].rcvbuf=4KiB,8MiB,12345", "--reps", "7", "--out", d)
    table, again = pd.DataFrame(rx.read_flat_parquet(d + "/results.parquet")), pd.read_csv(d + "/results.csv")
    assert table.isna().any().any() and (table["drops"] == 0).any() and (table["drops"] > 0).any()
    pd.testing.assert_frame_equal(table[again.columns].astype(again.dtypes), again)
    print(table.shape[0], "rows")
`,
			want: `^63 rows`,
		},
		{
			name: "not Parquet",
			code: `rx.read_flat_parquet("README.md")`,
			want: `^ValueError: README.md: not a Parquet file`,
		},
	}
	type task struct {
		Code string            `json:"code"`
		Env  map[string]string `json:"env"`
	}
	tasks := make([]task, len(cases))
	for i, c := range cases {
		tasks[i] = task{c.code, c.env}
	}
	asked, err := json.Marshal(tasks)
	require.NoError(t, err)
	stdout, stderr, err := run(t, `
import contextlib, io, json, os, sys, tempfile
sys.path.insert(0, ".")
import pandas as pd
import rxpath_notebook as rx
said, before = [], dict(os.environ)
for task in json.loads(sys.argv[1]):
    os.environ.update(task["env"] or {})
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(task["code"])
        except Exception as e:
            print(f"{type(e).__name__}: {e}")
    os.environ.update(before)
    said.append(out.getvalue())
print(json.dumps(said))
`, string(asked))
	require.NoError(t, err, stderr)
	var said []string
	require.NoError(t, json.Unmarshal([]byte(stdout), &said), stdout)
	require.Len(t, said, len(cases))
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			require.Regexp(t, regexp.MustCompile(c.want), said[i])
		})
	}
}
