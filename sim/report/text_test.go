package report

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// fullInput is the fixture with everything that can be known about it.
func fullInput() Input {
	res := fixture()
	b := &Bottleneck{Stage: "rcvbuf", Objective: FewerLosses, Window: engine.Second, Counter: Counter{netSNMP, "Udp.RcvbufErrors"}, Value: 90_000,
		Knob: "apps[app].sockets[0].rcvbuf", Base: Trial{Lost: 97_500, Served: 550_000, P99: 5 * engine.Millisecond},
		Trials: []Trial{{Stage: "ring", Lost: 97_000, Served: 550_400, Permille: 4}, {Stage: "rcvbuf", Lost: 52_500, Served: 595_000, Permille: 461, Counts: true}},
		what:   "the receive buffer", how: "buffers 64 times as large", best: 1}
	return Input{Result: res, Version: "v1.2.3", Scenario: []byte("name: fixture\nrun: {for: 2s, seed: 1}\n"), Bottleneck: b,
		Assumptions: []Assumption{{Key: "dma", Objective: FewerLosses, Half: Trial{Lost: 80_000}, More: Trial{Lost: 120_000}},
			{Key: "pcie", Objective: FewerLosses, Half: Trial{Lost: 70_000}, More: Trial{Lost: 97_000}}}}
}

func TestTextGolden(t *testing.T) {
	var text, md bytes.Buffer
	require.NoError(t, Text(&text, fullInput()))
	require.NoError(t, Markdown(&md, fullInput()))
	golden(t, "fixture.txt", text.Bytes())
	golden(t, "fixture.md", md.Bytes())
}

// The embedded default fits one screen, with a bottleneck and a tick list.
func TestDefaultFitsAScreen(t *testing.T) {
	sc, res := defaultRun()
	b, err := FindBottleneck(context.Background(), sc, res, sim.Options{})
	require.NoError(t, err)
	var buf bytes.Buffer
	require.NoError(t, Text(&buf, Input{Result: res, Bottleneck: &b, Assumptions: []Assumption{{Key: "idle_exit"}, {Key: "switch"}}}))
	lines := strings.Split(strings.TrimSuffix(buf.String(), "\n"), "\n")
	require.LessOrEqual(t, len(lines), 40, buf.String())
	for _, l := range lines {
		require.LessOrEqual(t, runes(l), Width, l)
		require.Equal(t, strings.TrimRight(l, " "), l)
	}
	require.Contains(t, buf.String(), "Bottleneck: ")
	require.Contains(t, lines[len(lines)-1], "✓ drops == 0  (0)")
	require.Contains(t, buf.String(), "market-data: 1s of virtual time, seed 1")
}

// Every example's answer keeps the width, and its waterfall has every frame,
// then every copy, in exactly one row.
func TestExamplesWaterfall(t *testing.T) {
	files, err := filepath.Glob("../../examples/scenarios/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		sc, err := scenariofile.Load(file)
		require.NoError(t, err)
		sc.Run.For = min(sc.Run.For, 20*engine.Millisecond)
		res := run(t, &sc)
		w := &res.Waterfall
		require.Equal(t, w.Offered, sumRows(w.Frames), file)
		require.Equal(t, w.Delivered, sumRows(w.Copies), file)
		require.Equal(t, w.Tapped, sumRows(w.Taps), file)
		require.NotZero(t, w.Offered, file)
		var buf bytes.Buffer
		require.NoError(t, Text(&buf, Input{Result: res}))
		for l := range strings.Lines(buf.String()) {
			require.LessOrEqual(t, runes(strings.TrimSuffix(l, "\n")), Width, l)
		}
		// All rows of the waterfall are printed.
		require.Len(t, waterfall(res).rows, len(w.Frames)+len(w.Copies)+len(w.Taps)+1+min(1, int(w.Delivered))+min(1, int(w.Tapped)))
	}
}

func sumRows(rows []sim.Row) (n uint64) {
	for _, r := range rows {
		n += r.N
	}
	return n
}

func TestTextOfNothing(t *testing.T) {
	sc := world(1)
	sc.Traffic = nil
	sc.NICs = nil
	res := run(t, sc)
	b, err := FindBottleneck(context.Background(), sc, res, sim.Options{})
	require.NoError(t, err)
	var buf bytes.Buffer
	require.NoError(t, Text(&buf, Input{Result: res, Bottleneck: &b}))
	golden(t, "nothing.txt", buf.Bytes())
}

func TestTextRefusesBadThreshold(t *testing.T) {
	res := fixture()
	res.Scenario.Thresholds = []string{"drops == 0", "drps == 0"}
	for _, write := range []func() error{
		func() error { return Text(&bytes.Buffer{}, Input{Result: res}) },
		func() error { return Markdown(&bytes.Buffer{}, Input{Result: res}) },
		func() error { return JSON(&bytes.Buffer{}, Input{Result: res}) },
		func() error { return WriteDir(t.TempDir(), Input{Result: res}) },
	} {
		require.ErrorContains(t, write(), `thresholds[1]: "drps == 0", column 1: unknown metric "drps"`)
	}
}

func TestIncompleteIsSaid(t *testing.T) {
	res := fixture()
	res.Complete = false
	res.Time = engine.Second
	var buf bytes.Buffer
	require.NoError(t, Text(&buf, Input{Result: res}))
	require.Contains(t, buf.String(), "INCOMPLETE: it should have been 2s")
}

func TestShortTime(t *testing.T) {
	for in, want := range map[engine.Time]string{
		0: "0ns", 1: "0ns", 5: "0.01ns", 67_200: "67.2ns", 853_852: "854ns", 999_400: "999ns", 999_600: "1µs", 1_000_000: "1µs", 1_005_000: "1.01µs",
		27_709_000: "27.7µs", 99_960_000: "100µs", 3_489_000_000: "3.49ms", 12 * engine.Second: "12s", 12345 * engine.Second: "12345s", -67_200: "-67.2ns",
		1500 * engine.Millisecond: "1.5s",
	} {
		require.Equal(t, want, shortTime(in), int64(in))
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		a, b     uint64
		decimals int
		want     string
	}{
		{0, 0, 3, "-"}, {0, 5, 3, "0.000%"}, {5, 5, 3, "100.000%"}, {1, 3, 3, "33.333%"}, {2, 3, 3, "66.667%"}, {1, 10_000_000, 3, "<0.001%"},
		{9_999_999, 10_000_000, 3, "99.999%"}, {1, 8, 0, "13%"}, {3, 8, 0, "38%"}, {3, 2, 0, "150%"}, {1 << 63, 1<<63 + 5, 1, "99.9%"},
	} {
		require.Equal(t, c.want, percent(c.a, c.b, c.decimals), c)
	}
}

func TestShortBytes(t *testing.T) {
	for in, want := range map[uint64]string{0: "0B", 1023: "1023B", 1024: "1KiB", 212992: "208KiB", 1536: "1.5KiB", 16 << 20: "16MiB", 1<<30 + 1<<29: "1.5GiB"} {
		require.Equal(t, want, shortBytes(in))
	}
}

func TestRanges(t *testing.T) {
	require.Equal(t, "0,2-5,7", ranges([]int{0, 2, 3, 4, 5, 7}))
	require.Equal(t, "", ranges(nil))
}

func TestShorten(t *testing.T) {
	require.Equal(t, "gateway", shorten("gateway", 24))
	long := shorten(strings.Repeat("ä", 30)+"z", 24)
	require.Equal(t, 24, runes(long))
	require.True(t, strings.HasSuffix(long, "z"))
}

// Every loss has a counter, and every counter that a reason names exists.
func TestCountersOfReasons(t *testing.T) {
	sc := world(1000, reader())
	sc.Host.IP.Conntrack.On = true
	k, err := knownOf(sc)
	require.NoError(t, err)
	for r := skb.NotDropped + 1; r < skb.NumReasons; r++ {
		c := counterOf(r)
		if c.Name == "" {
			require.True(t, !r.Lost() || r == skb.HWReset || r == skb.TapFull, "%v is lost without a counter", r)
			continue
		}
		problem, _, _ := k.counter(strings.Replace(c.File, "<if>", "eth0", 1), c.Name, "", false)
		require.Empty(t, problem)
	}
	for _, l := range limits {
		if l.waits.Name != "" {
			problem, _, _ := k.counter(strings.Replace(l.waits.File, "<if>", "eth0", 1), l.waits.Name, "", false)
			require.Empty(t, problem)
		}
	}
}

// Names of users do not become markup.
func TestMarkdownEscape(t *testing.T) {
	res := fixture()
	res.Scenario.Name = "a|b*c_d`<script>[x](y)\\"
	res.Scenario.Thresholds = nil
	var buf bytes.Buffer
	require.NoError(t, Markdown(&buf, Input{Result: res}))
	require.Contains(t, buf.String(), "## a\\|b\\*c\\_d\\`&lt;script>\\[x](y)\\\\: 2s")
}

// A writer that fails is an error of every format.
func TestWriterErrors(t *testing.T) {
	full := brokenWriter{}
	for _, write := range []func() error{
		func() error { return Text(full, Input{Result: fixture()}) },
		func() error { return Markdown(full, Input{Result: fixture()}) },
		func() error { return JSON(full, Input{Result: fixture()}) },
		func() error { return CSV(full, Input{Result: fixture()}) },
	} {
		require.ErrorIs(t, write(), os.ErrClosed)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

// What was changed while a run went on stands in its answer, in the order of the times.
func TestChangesAreListed(t *testing.T) {
	res := &sim.Result{Complete: true}
	set := func(path, value string) scenario.Setting { return scenario.Setting{Path: path, Value: value} }
	res.Scenario.Changes = []scenario.Change{
		{At: 5 * engine.Second, Set: []scenario.Setting{set("nics[eth0].ring.rx", "4096")}},
		{At: engine.Second, Set: []scenario.Setting{set("net.core.netdev_budget", "600"), set("nics[eth0].up", "false")}},
	}
	require.Contains(t, strings.Join(remarks(&Input{Result: res}), "\n"),
		"Changed while it ran: at 1s net.core.netdev_budget to 600, at 1s nics[eth0].up to false, at 5s nics[eth0].ring.rx to 4096.")
	res.Scenario.Changes[0].Set = make([]scenario.Setting, 10)
	require.Contains(t, remarks(&Input{Result: res})[0], ", and 6 more.")
}
