package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// module is the module's path, root its directory.
const (
	module = "github.com/seed-556df219/rxpath"
	root   = "../.."
)

// A source is a package of the module as its files have it, whatever their
// build constraints: what one operating system does not compile counts, too.
type source struct {
	dir     string            // from the root: "sim/engine"
	name    string            // of the package
	imports map[string]string // path, and the file that imports it; tests do not count
}

// sources returns the packages of the module in the order of their directories.
// Modules within the module are on their own.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(root, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if dir != root {
			_, err := os.Stat(filepath.Join(dir, "go.mod"))
			if d.Name() == "testdata" || d.Name()[0] == '.' || d.Name()[0] == '_' || err == nil {
				return fs.SkipDir
			}
		}
		if s := read(t, dir); s.name != "" {
			out = append(out, s)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, len(out), 15, "the module was not found")
	return out
}

// read parses the imports of the files of a directory that are not tests.
func read(t *testing.T, dir string) source {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	rel, err := filepath.Rel(root, dir)
	require.NoError(t, err)
	s := source{dir: filepath.ToSlash(rel), imports: map[string]string{}}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		s.name = f.Name.Name
		for _, spec := range f.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			s.imports[p] = path.Join(s.dir, filepath.Base(name))
		}
	}
	return s
}

// own returns the directories of the module's packages that s imports, sorted.
func (s *source) own() []string {
	var out []string
	for p := range s.imports {
		if dir, ok := strings.CutPrefix(p, module+"/"); ok {
			out = append(out, dir)
		}
	}
	slices.Sort(out)
	return out
}

// foreign returns the paths that s imports and that are neither the module's
// nor the standard library's, sorted.
func (s *source) foreign() []string {
	var out []string
	for p := range s.imports {
		if first, _, _ := strings.Cut(p, "/"); strings.Contains(first, ".") && !strings.HasPrefix(p, module+"/") {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}
