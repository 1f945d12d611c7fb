package lessons

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Lab is a directory with the examples in which shell commands run; rxpath is
// on their path.
type Lab struct {
	dir  string
	said map[string]string // by command
}

// NewLab builds rxpath and the programs of the examples from the module at root and makes a Lab in dir, which
// exists and is empty.
func NewLab(root, dir string) (*Lab, error) {
	programs, err := filepath.Glob(filepath.Join(root, "examples", "*", "main.go"))
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		return nil, err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin"), "./cmd/rxpath")
	for _, p := range programs {
		build.Args = append(build.Args, "./examples/"+filepath.Base(filepath.Dir(p)))
	}
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(root, "examples"))); err != nil {
		return nil, err
	}
	return &Lab{dir: dir, said: map[string]string{}}, nil
}

// Output returns what a command prints to its standard output. A command runs once: who asks for it
// again gets the same text. For go run ./examples/NAME, NAME is on the path.
func (l *Lab) Output(command string) (string, error) {
	if out, ok := l.said[command]; ok {
		return out, nil
	}
	cmd := exec.Command("sh", "-c", strings.ReplaceAll(command, "go run ./examples/", ""))
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), "HOME="+l.dir, "LC_ALL=C",
		"PATH="+filepath.Join(l.dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	var out, stderr bytes.Buffer // apart: who writes to a head that has seen enough says so or not, as chance has it
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", command, err, out.String(), stderr.String())
	}
	l.said[command] = out.String()
	return out.String(), nil
}

// Table runs a command that prints a table, such as rxpath sweep.
func (l *Lab) Table(command string) (*Table, error) {
	out, err := l.Output(command)
	if err != nil {
		return nil, err
	}
	return parseTable(command, out), nil
}

// file reads a file that a command has written.
func (l *Lab) file(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(l.dir, filepath.FromSlash(name)))
}

// console shows a command and what it printed.
func console(command, out string) string {
	return "```console\n$ " + command + "\n" + strings.TrimRight(out, "\n") + "\n```"
}
