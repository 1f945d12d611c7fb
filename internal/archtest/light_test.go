package archtest

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// heavy are packages of the standard library that a simulation has no use for.
// Everything else that is heavy (YAML, schemas, plots, command lines, captures)
// is not of the standard library.
var heavy = []string{"crypto/tls", "database/sql", "flag", "html/template", "log", "net", "net/http", "os/exec", "os/user", "plugin", "testing",
	"text/template"}

// TestSimIsLight looks at everything that a program gets by importing package
// sim: the standard library and ourselves, on every platform.
func TestSimIsLight(t *testing.T) {
	for _, platform := range []string{"linux/amd64", "js/wasm", "windows/amd64"} {
		t.Run(strings.ReplaceAll(platform, "/", "-"), func(t *testing.T) {
			goos, goarch, _ := strings.Cut(platform, "/")
			cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.Standard}} {{.ImportPath}}", "./sim")
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			require.NoError(t, err)
			lines := strings.Fields(strings.TrimSpace(string(out)))
			require.Greater(t, len(lines), 100)
			for i := 0; i < len(lines); i += 2 {
				standard, p := lines[i] == "true", lines[i+1]
				if !standard && p != module && !strings.HasPrefix(p, module+"/") {
					t.Errorf("sim depends on %s, which is not of the standard library", p)
				}
				if standard && slices.Contains(heavy, p) {
					t.Errorf("sim depends on %s", p)
				}
			}
		})
	}
}
