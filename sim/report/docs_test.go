package report

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/skb"
)

var tableExample = regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|")

// Every metric and every threshold of docs/metrics.md is read, names what the
// default scenario has, and has a value there.
func TestMetricsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	sc, res := defaultRun()
	metrics, rest, ok := strings.Cut(string(page), "## Thresholds")
	require.True(t, ok)
	thresholds, _, ok := strings.Cut(rest, "## Grammar")
	require.True(t, ok)

	n := 0
	for _, m := range tableExample.FindAllStringSubmatch(metrics, -1) {
		for _, text := range strings.Split(m[1], ", `") {
			text = strings.Trim(text, "`")
			metric, err := ParseMetric(text)
			require.NoError(t, err, text)
			require.NoError(t, metric.Check(sc), text)
			require.NotEmpty(t, metric.Value(res).String())
			n++
		}
	}
	require.Greater(t, n, 20)

	n = 0
	for _, m := range tableExample.FindAllStringSubmatch(thresholds, -1) {
		s := *sc
		s.Thresholds = []string{strings.Trim(m[1], "`")}
		ths, err := ParseThresholds(&s)
		require.NoError(t, err, m[1])
		_, value := ths[0].Eval(res)
		require.NotEqual(t, "no value", value, m[1])
		n++
	}
	require.Greater(t, n, 6)

	for r := skb.NotDropped + 1; r < skb.NumReasons; r++ {
		if r.Lost() {
			contains(t, metrics, "`"+r.String()+"`")
		}
	}
	for _, words := range [][]string{stages, {"hardirq", "busy"}} {
		for _, w := range words {
			contains(t, metrics, "`"+w+"`")
		}
	}
	for _, f := range socketFields {
		contains(t, metrics, "`"+f.name+"`")
	}
	for _, w := range metricWords {
		contains(t, string(page), w)
	}
}

// The page shows an error as it is.
func TestMetricsPageError(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	sc := world(1000, reader())
	sc.Thresholds = []string{"p(latency.wire_to_ap, 99) < 200us"}
	_, err = ParseThresholds(sc)
	contains(t, string(page), "\n"+err.Error()+"\n")
}

// docs/results.md has every stage of the search and of the path, and every name
// of the CSV.
func TestResultsPage(t *testing.T) {
	text, err := os.ReadFile(resultsPage)
	require.NoError(t, err)
	page := string(text)
	_, search, _ := strings.Cut(page, "## The bottleneck")
	last := 0
	for _, l := range limits {
		at := strings.Index(search, "| `"+l.name+"` | ")
		require.Greater(t, at, last, "%s is not there, or not in its order", l.name)
		last = at
	}
	_, res := defaultRun()
	for _, s := range res.Stages {
		contains(t, page, "| `"+s.Name+"` | "+s.From)
	}
	for _, c := range contexts[:6] {
		contains(t, page, "`"+c.name+"_ns`")
	}
	for _, f := range socketFields {
		contains(t, page, "`"+f.name+"`")
	}
}

// contains fails without printing the page.
func contains(t *testing.T, page, text string) {
	t.Helper()
	if !strings.Contains(page, text) {
		t.Errorf("%q is not there", text)
	}
}
