package scenariofile_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

var fence = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// Every piece of YAML in the reference of the format is a scenario.
func TestDocsSnippets(t *testing.T) {
	page, err := os.ReadFile("../../docs/scenario.md")
	require.NoError(t, err)
	snippets := fence.FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(snippets), 5)
	require.Equal(t, strings.Count(string(page), "```yaml"), len(snippets))
	for i, s := range snippets {
		_, err := scenariofile.Parse("scenario.md", []byte(s[1]))
		require.NoError(t, err, "snippet %d:\n%s", i+1, s[1])
	}
}

// The reference shows a fault as it is printed.
func TestDocsFaults(t *testing.T) {
	page, err := os.ReadFile("../../docs/scenario.md")
	require.NoError(t, err)
	const text = "nics:\n  - name: eth0\n    rign: {rx: 4096}\n    mtu: 15000\n"
	_, err = scenariofile.Parse("feed.yaml", []byte(text), scenariofile.Set{Path: "run.for", Value: "10"})
	var faults scenariofile.Faults
	require.ErrorAs(t, err, &faults)
	var b strings.Builder
	_, err = faults.WriteTo(&b)
	require.NoError(t, err)
	require.Contains(t, string(page), b.String())
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/scenarios/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 5)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(data), "# yaml-language-server: $schema=../../docs/scenario.schema.json\n"), file)
		s, err := scenariofile.Load(file)
		require.NoError(t, err)
		require.True(t, len(s.Traffic)+len(s.Senders) > 0, file)
		require.NotEmpty(t, s.Apps, file)
		checkCanonical(t, file, string(data), nil)
	}
}
