package plots

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"image"
	_ "image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/hist"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
	"github.com/seed-556df219/rxpath/sim/skb"
)

var update = flag.Bool("update", false, "write testdata")

// fixture returns a small result made by hand: losses in three places, three
// queues, two busy CPUs, six samples.
func fixture() *sim.Result {
	res := &sim.Result{Time: 50 * engine.Millisecond}
	res.Scenario.Name = "fixture"
	for i := range 6 {
		at := engine.Time(i) * 10 * engine.Millisecond
		s := sim.Sample{At: at, Depths: sim.Depths{FIFOBytes: 100_000 * i, RingFrames: 512 * min(i, 1), RxQueueBytes: 3_000_000 * (i % 3)}}
		s.Ledger.Frames = uint64(100_000 * i)
		s.Ledger.Dropped[skb.HWFIFO] = uint64(20_000 * max(i-2, 0))
		s.Ledger.Dropped[skb.SocketRcvbuff] = uint64(9_000 * i)
		s.Ledger.Dropped[skb.TapFull] = uint64(100 * i * i)
		for c := range 4 {
			t := mib.CPUTime{Idle: int64(at)}
			if c == 1 || c == 2 {
				t = mib.CPUTime{Hardirq: int64(at) / 20, Softirq: int64(at) / 4, Ksoftirqd: int64(at) / 10, System: int64(at) * int64(c) / 10, User: int64(at) / 10}
				t.Idle = int64(at) - t.Hardirq - t.Softirq - t.Ksoftirqd - t.System - t.User
			}
			s.CPU = append(s.CPU, t)
		}
		res.Series = append(res.Series, s)
	}
	last := res.Series[5]
	res.Snapshot.Ledger = last.Ledger
	for _, t := range last.CPU {
		res.Snapshot.CPUs = append(res.Snapshot.CPUs, mib.CPU{Time: t})
	}
	for i, name := range []string{"fifo", "ring", "backlog", "stack", "rx_queue", "wire_to_app"} {
		s := sim.Stage{Name: name}
		for k := range 50 {
			if name != "backlog" {
				s.Hist.Record(engine.Time(k*k+1) * engine.Microsecond / engine.Time(6-i))
			}
		}
		res.Stages = append(res.Stages, s)
	}
	return res
}

// drawAll returns every file.
func drawAll(t testing.TB, res *sim.Result) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	require.NoError(t, Draw(res, func(name string, data []byte) error {
		require.NotContains(t, out, name)
		out[name] = data
		return nil
	}))
	return out
}

// TestGolden compares small plots with pictures that somebody has looked at.
// After a change, look at the PNG of TestLook, then write them with -update.
func TestGolden(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "wasm" {
		t.Skip("fused multiplication may change a last digit on " + runtime.GOARCH)
	}
	for name, data := range drawAll(t, fixture()) {
		if !strings.HasSuffix(name, ".svg") {
			continue
		}
		path := filepath.Join("testdata", name)
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(path, data, 0o644))
			continue
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		if !bytes.Equal(want, data) {
			t.Errorf("%s has changed: go test -update writes it anew; look at it, and say why in the commit", path)
		}
	}
}

// TestLook writes the plots of the fixture and of the examples for somebody to
// look at, if RXPATH_LOOK names a directory.
func TestLook(t *testing.T) {
	dir := os.Getenv("RXPATH_LOOK")
	if dir == "" {
		t.Skip("RXPATH_LOOK is not set")
	}
	results := map[string]*sim.Result{"fixture": fixture()}
	files, err := filepath.Glob("../../../examples/scenarios/*.yaml")
	require.NoError(t, err)
	for _, f := range files {
		sc, err := scenariofile.Load(f)
		require.NoError(t, err)
		results[sc.Name], err = sim.Run(context.Background(), &sc, sim.Options{})
		require.NoError(t, err)
	}
	for name, res := range results {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
		for file, data := range drawAll(t, res) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name, file), data, 0o644))
		}
	}
}

// The same result gives the same bytes.
func TestDeterministic(t *testing.T) {
	a, b := drawAll(t, fixture()), drawAll(t, fixture())
	require.Len(t, a, 2*len(Names))
	for name := range a {
		require.True(t, bytes.Equal(a[name], b[name]), name)
	}
}

// PNGs are twice 800 pixels wide and as high as their SVG says.
func TestSizes(t *testing.T) {
	all := drawAll(t, fixture())
	for _, name := range Names {
		cfg, format, err := image.DecodeConfig(bytes.NewReader(all[name+".png"]))
		require.NoError(t, err)
		require.Equal(t, "png", format)
		require.Equal(t, 1600, cfg.Width)
		var root struct {
			Width  string `xml:"width,attr"`
			Height string `xml:"height,attr"`
		}
		require.NoError(t, xml.Unmarshal(all[name+".svg"], &root))
		require.Equal(t, "600pt", root.Width, "800 pixels")
		h, err := strconv.ParseFloat(strings.TrimSuffix(root.Height, "pt"), 64)
		require.NoError(t, err)
		require.InDelta(t, h/72*192, cfg.Height, 1)
		require.Less(t, cfg.Height, 1600)
	}
}

// A piece of text of an SVG with its place.
type svgText struct {
	text, transform string
	x, y, size      float64
}

// texts returns all text of an SVG.
func texts(t testing.TB, data []byte) (out []svgText) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		start, ok := tok.(xml.StartElement)
		if !ok || start.Name.Local != "text" {
			continue
		}
		s := svgText{}
		for _, a := range start.Attr {
			switch a.Name.Local {
			case "x":
				s.x, _ = strconv.ParseFloat(a.Value, 64)
			case "y":
				s.y, _ = strconv.ParseFloat(a.Value, 64)
			case "transform":
				s.transform = a.Value
			case "style":
				require.Contains(t, a.Value, "sans-serif", "a font that every reader has")
				_, rest, _ := strings.Cut(a.Value, "font-size:")
				size, _, _ := strings.Cut(rest, "px")
				s.size, _ = strconv.ParseFloat(size, 64)
			}
		}
		body, err := d.Token()
		require.NoError(t, err)
		s.text = string(body.(xml.CharData))
		out = append(out, s)
	}
}

// has reports whether one of the texts begins so.
func has(all []svgText, prefix string) bool {
	for _, s := range all {
		if strings.HasPrefix(s.text, prefix) {
			return true
		}
	}
	return false
}

// Every plot says what it shows, in which units, in text that can be read at a
// width of 800 pixels, and no text leaves the picture.
func TestTexts(t *testing.T) {
	want := map[string][]string{
		"queues":  {"fixture: queue depths", "sums over interfaces, CPUs and sockets, seen every 10ms; empty at every sample: backlog", "FIFO, KiB", "ring, packets", "rx_queue, MiB", "virtual time, ms"},
		"losses":  {"fixture: losses by place", "107,500 lost of 500,000 frames and their copies", "FIFO: 60,000", "socket: 45,000", "tap: 2,500", "lost, million packets/s", "virtual time, ms"},
		"latency": {"fixture: latency by stage", "from wire to application: half of 50 packets within 588µs, 99% within 2.41ms, all within 2.41ms", "fifo", "ring", "stack", "rx_queue", "wire_to_app", "time in the stage", "share of the packets that took no longer", "0%", "90%", "1ms", "10µs"},
		"cpu":     {"fixture: CPU time by context", "2 of 4 CPUs, the others idle", "hardirq", "softirq", "ksoftirqd", "system", "user", "CPU 1, %", "CPU 2, %", "100", "virtual time, ms"},
	}
	all := drawAll(t, fixture())
	for _, name := range Names {
		found := texts(t, all[name+".svg"])
		for _, w := range want[name] {
			require.True(t, has(found, w), "%s: %q is not there", name, w)
		}
		for _, s := range found {
			require.GreaterOrEqual(t, s.size, 9.0, "12 pixels: %q", s.text)
			if strings.Contains(s.transform, "rotate") {
				continue
			}
			sty := style(vg.Length(s.size), black)
			require.GreaterOrEqual(t, s.x, 0.0, s.text)
			require.LessOrEqual(t, s.x+float64(sty.Width(s.text)), 600.0, s.text)
		}
	}
}

// What cannot be drawn is said: no samples, no packet, no loss, idle CPUs, and
// very long names.
func TestCorners(t *testing.T) {
	all := drawAll(t, &sim.Result{})
	require.NotContains(t, all, "queues.svg", "no samples")
	require.True(t, has(texts(t, all["losses.svg"]), "nothing was lost"))
	require.True(t, has(texts(t, all["latency.svg"]), "no packet went through any stage"))
	require.True(t, has(texts(t, all["cpu.svg"]), "every CPU idled"))

	res := fixture()
	for i := range res.Series {
		res.Series[i].Depths = sim.Depths{}
	}
	require.True(t, has(texts(t, drawAll(t, res)["queues.svg"]), "every queue was empty"))

	res = fixture()
	res.Scenario.Name = strings.Repeat("long ", 40)
	for i := range 60 {
		c := res.Snapshot.CPUs[1]
		c.Time.User += int64(i)
		res.Snapshot.CPUs = append(res.Snapshot.CPUs, c)
	}
	for _, s := range texts(t, drawAll(t, res)["cpu.svg"]) {
		sty := style(vg.Length(s.size), black)
		require.LessOrEqual(t, s.x+float64(sty.Width(s.text)), 600.0, s.text)
	}
	require.True(t, has(texts(t, drawAll(t, res)["cpu.svg"]), "the 4 busiest of 64 CPUs, 2 of which idle"))

	one := &sim.Result{Time: 1}
	one.Stages = []sim.Stage{{Name: "wire_to_app"}}
	one.Stages[0].Hist.Record(0)
	require.Len(t, drawAll(t, one), 6)
}

// A run without samples shows its whole time as one interval.
func TestNoSamples(t *testing.T) {
	res := fixture()
	res.Series = nil
	all := drawAll(t, res)
	require.NotContains(t, all, "queues.png")
	require.True(t, has(texts(t, all["losses.svg"]), "FIFO: 60,000"))
	s := samples(res)
	require.Len(t, s, 2)
	xys := rates(s, scale{"s", 1e12, 1e12}, func(s *sim.Sample) float64 { return float64(s.Ledger.Dropped[skb.HWFIFO]) })
	require.Len(t, xys, 2)
	require.InDelta(t, 60_000/0.05, xys[0].Y, 1e-6)
	require.Equal(t, xys[0].Y, xys[1].Y)
}

// The end of an interrupted run is no multiple of the interval.
func TestLastSample(t *testing.T) {
	res := fixture()
	res.Time += engine.Millisecond
	s := samples(res)
	require.Len(t, s, 7)
	require.Equal(t, res.Time, s[6].At)
	require.Len(t, res.Series, 6, "the result is as it was")
}

// Many samples are drawn as bins: rates keep their total, depths their peaks.
func TestBins(t *testing.T) {
	var s []sim.Sample
	for i := range 10_001 {
		one := sim.Sample{At: engine.Time(i) * engine.Millisecond}
		one.Ledger.Frames = uint64(i * i)
		if i == 7777 {
			one.Depths.RingFrames = 512
		}
		s = append(s, one)
	}
	sec := scale{"s", 1e12, 1e12}
	xys := rates(s, sec, func(s *sim.Sample) float64 { return float64(s.Ledger.Frames) })
	require.Len(t, xys, 2*maxBins)
	total := 0.0
	for i := 0; i < len(xys); i += 2 {
		total += xys[i].Y * (xys[i+1].X - xys[i].X)
	}
	require.InEpsilon(t, 1e8, total, 1e-9)
	peaks := depths(s, sec, func(d *sim.Depths) int { return d.RingFrames })
	require.Len(t, peaks, maxBins+1)
	require.Equal(t, 512.0, highest(peaks))
	require.Equal(t, []int{0}, edges(1))
	require.Equal(t, []int{0, 1, 2}, edges(3))
}

func labels(ticks []plot.Tick) (out []string) {
	for _, t := range ticks {
		if t.Label != "" {
			out = append(out, t.Label)
		}
	}
	return out
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		most   int
		want   string
	}{
		{0, 1, 10, "[0.0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0]"},
		{0, 100, 4, "[0 50 100]"},
		{0, 53, 5, "[0 20 40]"},
		{0, 0.004, 4, "[0.000 0.001 0.002 0.003 0.004]"},
		{0, 12_000_000, 4, "[0 5000000 10000000]"},
		{0, 0, 4, "[0]"},
	} {
		require.Equal(t, c.want, fmt.Sprint(labels(linear{c.most}.Ticks(c.lo, c.hi))))
	}
	require.Equal(t, "[100ns 1µs 10µs]", fmt.Sprint(labels(logTime{}.Ticks(5e4, 5e7))))
	require.Equal(t, "[0% 50% 90% 99% 99.9% 99.99%]", fmt.Sprint(labels(percentiles{}.Ticks(0, 4.5))))
	require.Len(t, unlabelled{linear{4}}.Ticks(0, 100), 3)
	require.Equal(t, "[    ]"[:5], fmt.Sprint(labels(unlabelled{linear{4}}.Ticks(0, 100)))[:5])
}

func TestRanges(t *testing.T) {
	for in, want := range map[float64]float64{0: 1, 1: 1.5, 97: 100, 100: 150, 512: 600, 3: 4, 0.5: 0.6} {
		require.InDelta(t, want, ceiling(in), 1e-9, in)
		require.GreaterOrEqual(t, ceiling(in), in)
	}
	for _, c := range [][4]float64{{1, 10, 1, 10}, {3, 70, 2, 100}, {853, 4e9, 500, 5e9}, {0, 0, 1, 2}} {
		lo, hi := logRange(c[0], c[1])
		require.InDelta(t, c[2], lo, 1e-6)
		require.InDelta(t, c[3], hi, 1)
	}
	require.Equal(t, "KiB", scaleFor(2000, byteScales).name)
	require.Equal(t, 1e3, scaleFor(50_000, packetScales).size)
	require.Equal(t, 1e6, scaleFor(5e7, rateScales).size)
	require.Equal(t, "packets", scaleFor(9_999, packetScales).name)
}

// The curve of a distribution goes through its quantiles.
func TestQuantiles(t *testing.T) {
	var h hist.Hist
	for i := range 1000 {
		h.Record(engine.Time(i+1) * engine.Nanosecond)
	}
	xys := quantiles(&h)
	for _, q := range []float64{0.5, 0.9, 0.99} {
		x := -math.Log10(1 - q)
		var y float64
		for _, p := range xys {
			if p.X <= x+1e-9 {
				y = p.Y
			}
		}
		require.InEpsilon(t, float64(h.Quantile(uint64(q*1e6))), y, 0.04)
	}
	last := xys[len(xys)-1]
	require.Equal(t, float64(h.Max), last.Y)
	require.InDelta(t, math.Log10(2000), last.X, 1e-9)
	for i := 1; i < len(xys); i++ {
		require.GreaterOrEqual(t, xys[i].X, xys[i-1].X)
		require.GreaterOrEqual(t, xys[i].Y, xys[i-1].Y)
	}
}

func TestShort(t *testing.T) {
	for in, want := range map[engine.Time]string{69_206_015: "69.3µs", 3_489_660_927: "3.49ms", 5_113_856_000: "5.12ms", 854: "854ps", 1_000_000: "1µs", 2401 * engine.Microsecond: "2.41ms"} {
		require.Equal(t, want, short(in).String())
		require.GreaterOrEqual(t, short(in), in)
	}
}

// An error of save ends the drawing.
func TestSaveErrors(t *testing.T) {
	broken := errors.New("disk full")
	n := 0
	require.ErrorIs(t, Draw(fixture(), func(string, []byte) error { n++; return broken }), broken)
	require.Equal(t, 1, n)
}
