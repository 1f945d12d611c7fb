package main

import (
	"context"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pages are the commands that write a page, with what must stand on it.
var pages = map[string]struct {
	args []string
	has  []string
}{
	"run":     {[]string{"run", "--duration", "20ms"}, []string{"market-data", "Where the packets went", "<svg", "Bottleneck", "rxpath run --set run.for=20ms", "assumed: ", "apps:"}},
	"sweep":   {[]string{"sweep", "--duration", "5ms", "--vary", "load=1,4", "--vary", "nics[0].ring.rx=64,4096", "--reps", "5"}, []string{"4 points", "95 % confidence", "<svg", "±", "--vary load=1,4"}},
	"solve":   {[]string{"solve", "--duration", "5ms", "--max", "load=1..4:+1", "--until", "share(drops) < 1%"}, []string{"The greatest load", "Values that were tried", "--max load=1..4:+1"}},
	"compare": {[]string{"compare", "--duration", "5ms", "--with", "load=4"}, []string{"What differs", "Where the packets went", "--with load=4"}},
}

// fetches matches what would make a browser ask for something.
var fetches = regexp.MustCompile(`(?i)(src|href|srcset|action)\s*=|url\(|@import|<script|<link|<iframe`)

// TestPages writes a page with each command: it is whole, it is the same again,
// and it asks for nothing.
func TestPages(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("rxpath")
	require.NoError(t, err)
	for name, p := range pages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, again := writePage(t, path, p.args), writePage(t, path, p.args)
			require.Equal(t, first, again)
			require.True(t, strings.HasPrefix(first, "<!DOCTYPE html>"))
			require.Empty(t, fetches.FindAllString(strings.ReplaceAll(first, `xmlns:xlink="http://www.w3.org/1999/xlink"`, ""), -1))
			for _, text := range p.has {
				require.Contains(t, html.UnescapeString(first), text)
			}
			for _, tag := range []string{"section", "details", "table", "svg", "pre", "figure"} {
				require.Equal(t, strings.Count(first, "<"+tag), strings.Count(first, "</"+tag+">"), tag)
			}
		})
	}
}

func writePage(t *testing.T, path string, args []string) string {
	file := filepath.Join(t.TempDir(), "page.html")
	out, err := exec.Command(path, append(args, "--report", file)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// TestPagesInABrowser opens the pages in a real browser as wide as a phone:
// nothing but tables and code scrolls sideways, and the images have a size.
// apt-get install chromium makes it run.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium: apt-get install chromium")
	}
	path, err := exec.LookPath("rxpath")
	require.NoError(t, err)
	const probe = `<script>
const flat = [...document.querySelectorAll("svg")].filter(s => s.getBoundingClientRect().height < 50).length;
document.title = "probe wide=" + (document.documentElement.scrollWidth > window.innerWidth) + " flat=" + flat + " rows=" + document.querySelectorAll("tr").length;
</script>`
	for name, p := range pages {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(writePage(t, path, p.args), "</body>", probe+"</body>", 1)
			file := filepath.Join(t.TempDir(), "page.html")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o666))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=500,900", "--user-data-dir="+t.TempDir(), "--dump-dom", "file://"+file)
			dom, err := cmd.Output()
			if err != nil && len(dom) == 0 {
				t.Skipf("chromium can't run here: %v", err)
			}
			title := regexp.MustCompile(`<title>(probe[^<]*)</title>`).FindStringSubmatch(string(dom))
			require.NotNil(t, title, "the page's script did not run")
			require.Contains(t, title[1], "wide=false flat=0")
			require.NotContains(t, title[1], "rows=0")
		})
	}
}
