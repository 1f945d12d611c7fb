package sweep

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseAxis(t *testing.T) {
	for arg, want := range map[string]Axis{
		"net.core.netdev_budget=300,600,1200": {Path: "net.core.netdev_budget", Values: []string{"300", "600", "1200"}},
		"nics[0].ring.rx=64..512:x2":          {Path: "nics[0].ring.rx", Values: []string{"64", "128", "256", "512"}},
		"a=64..100:x1.25":                     {Path: "a", Values: []string{"64", "80", "100"}},
		"a=1ms..3ms:+1ms":                     {Path: "a", Values: []string{"1ms", "2ms", "3ms"}},
		"a=500us..2ms:x2":                     {Path: "a", Values: []string{"500us", "1ms", "2ms"}},
		"a=1ms..2.5ms:+500us":                 {Path: "a", Values: []string{"1ms", "1500us", "2ms", "2500us"}},
		"a=64KiB..1MiB:x4":                    {Path: "a", Values: []string{"64KiB", "256KiB", "1MiB"}},
		"load=1..3:+0.5":                      {Path: "load", Values: []string{"1", "1.5", "2", "2.5", "3"}},
		"a=250kpps..1Mpps:x2":                 {Path: "a", Values: []string{"250kpps", "500kpps", "1Mpps"}},
		"a=7":                                 {Path: "a", Values: []string{"7"}},
		"a=[1, 2], {b: 3, c: 4}, 'x,y'":       {Path: "a", Values: []string{"[1, 2]", "{b: 3, c: 4}", "'x,y'"}},
		"a=64..4096":                          {Path: "a", Low: "64", High: "4096"},
		"a=1us..1s:log":                       {Path: "a", Low: "1us", High: "1s", Log: true},
	} {
		got, err := ParseAxis(arg)
		require.NoError(t, err, arg)
		require.Equal(t, want, got, arg)
	}
}

func TestParseAxisFaults(t *testing.T) {
	for arg, want := range map[string]string{
		"a":              "want KEY=SPEC",
		"a=":             "want KEY=SPEC",
		"=1":             "want KEY=SPEC",
		"a=1,,2":         "an empty value",
		"a=[1,2":         "open bracket",
		"a=1..x:+1":      "want a number",
		"a=4..1:+1":      "lower bound first",
		"a=1ms..1:+1":    "not of one kind",
		"a=1..9:+1ms":    "same kind",
		"a=1..9:+0":      "above 0",
		"a=1..9:x1":      "factor above 1",
		"a=0..9:x2":      "lower bound above 0",
		"a=1..9:2":       "want a step",
		"a=0..9:log":     "begins above 0",
		"a=1..2parsec":   "unknown unit",
		"a=0..1e9:+1":    "want a number",
		"a=@nowhere.no":  "nowhere.no",
		"a=0..999999:+1": "more than 100000 values",
	} {
		_, err := ParseAxis(arg)
		require.ErrorContains(t, err, want, arg)
	}
}

func TestAxisFromFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "v.txt")
	require.NoError(t, os.WriteFile(file, []byte("# budgets\n300\n\n 600 \n"), 0o666))
	a, err := ParseAxis("net.core.netdev_budget=@" + file)
	require.NoError(t, err)
	require.Equal(t, []string{"300", "600"}, a.Values)
}

func FuzzParseAxis(f *testing.F) {
	for _, s := range []string{"a=1,2", "a=1..9:x2", "a=1ms..9ms:+1ms", "a=[1,2],'3'", "a=1..2:log", "a=@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		if strings.Contains(arg, "@") {
			t.Skip()
		}
		a, err := ParseAxis(arg)
		if err == nil && len(a.Values) == 0 && (a.Low == "" || a.High == "") {
			t.Fatalf("%q: no values and no range", arg)
		}
	})
}

func TestCross(t *testing.T) {
	d, err := Cross(Axis{Path: "a", Values: []string{"1", "2"}}, Axis{Path: "b", Values: []string{"x", "y", "z"}})
	require.NoError(t, err)
	require.Equal(t, Design{Paths: []string{"a", "b"}, Points: [][]string{
		{"1", "x"}, {"1", "y"}, {"1", "z"}, {"2", "x"}, {"2", "y"}, {"2", "z"}}}, d)
	d, err = Cross()
	require.NoError(t, err)
	require.Len(t, d.Points, 1)
	_, err = Cross(Axis{Path: "a", Values: []string{"1"}}, Axis{Path: "a", Values: []string{"2"}})
	require.ErrorContains(t, err, "a varies twice")
	_, err = Cross(Axis{Path: "a", Low: "1", High: "2"})
	require.ErrorContains(t, err, "has no values")
}

// TestWholeNumbersAreAsLikely: of a range of whole numbers, none is drawn more
// often than another, its ends included.
func TestWholeNumbersAreAsLikely(t *testing.T) {
	for _, spec := range []string{"load=1..20", "load=0..19"} {
		a, err := ParseAxis(spec)
		require.NoError(t, err)
		d, err := Sample(LatinHypercube, 60, 1, a)
		require.NoError(t, err)
		times := map[string]int{}
		for _, p := range d.Points {
			times[p[0]]++
		}
		require.Len(t, times, 20)
		for v, n := range times {
			require.Equal(t, 3, n, "%s: %s", spec, v)
		}
	}
	top, err := (&Axis{Path: "a", Low: "64", High: "4096", Log: true}).at(math.Nextafter(1, 0))
	require.NoError(t, err)
	require.Equal(t, "4096", top)
}

// TestLatinHypercube checks what makes one: of n points, one lies in each n-th
// part of every range.
func TestLatinHypercube(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		d, err := Sample(LatinHypercube, n, seed, Axis{Path: "a", Low: "0", High: strconv.Itoa(1000*n - 1)}, Axis{Path: "b", Low: "1ms", High: "2ms"})
		require.NoError(t, err)
		require.Len(t, d.Points, n)
		strata := map[int]bool{}
		for _, p := range d.Points {
			v, err := strconv.Atoi(p[0])
			require.NoError(t, err)
			strata[min(v/1000, n-1)] = true
		}
		require.GreaterOrEqual(t, len(strata), n-1, "rounding may put one point on a border")
		again, err := Sample(LatinHypercube, n, seed, Axis{Path: "a", Low: "0", High: strconv.Itoa(1000*n - 1)}, Axis{Path: "b", Low: "1ms", High: "2ms"})
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}

// TestSampleIsShort: samples of fractions are decimals that one would write.
func TestSampleIsShort(t *testing.T) {
	d, err := Sample(LatinHypercube, 500, 1,
		Axis{Path: "load", Low: "1.0", High: "10.0"}, Axis{Path: "small", Low: "0.001", High: "0.5", Log: true}, Axis{Path: "time", Low: "100ns", High: "2us"})
	require.NoError(t, err)
	for _, p := range d.Points {
		for i, form := range []string{`^[0-9]0?(\.[0-9]{1,2})?$`, `^0\.[0-9]{1,6}$`, `^[0-9]{1,4}(ns|ps|us)$`} {
			require.Regexp(t, form, p[i], d.Paths[i])
		}
	}
}

func TestSampleWithLists(t *testing.T) {
	d, err := Sample(Halton, 4, 1, Axis{Path: "r", Low: "64", High: "4096", Log: true}, Axis{Path: "l", Values: []string{"x", "y"}})
	require.NoError(t, err)
	require.Equal(t, []string{"l", "r"}, d.Paths)
	require.Len(t, d.Points, 8)
	for _, p := range d.Points {
		v, err := strconv.Atoi(p[1])
		require.NoError(t, err)
		require.True(t, v >= 64 && v <= 4096, v)
	}
	_, err = Sample("sobol", 4, 1, Axis{Path: "r", Low: "1", High: "2"})
	require.ErrorContains(t, err, "lhs or halton")
	_, err = Sample(Halton, 4, 1, Axis{Path: "l", Values: []string{"x"}})
	require.ErrorContains(t, err, "nothing to draw from")
	_, err = Sample(Halton, 0, 1, Axis{Path: "r", Low: "1", High: "2"})
	require.ErrorContains(t, err, "0 samples")
}

func TestReadPoints(t *testing.T) {
	d, err := ReadPoints(strings.NewReader("load, nics[0].ring.rx\n# slow\n1, 512\n2, 4096\n"))
	require.NoError(t, err)
	require.Equal(t, Design{Paths: []string{"load", "nics[0].ring.rx"}, Points: [][]string{{"1", "512"}, {"2", "4096"}}}, d)
	for text, want := range map[string]string{"": "no points", "a,b\n": "no points", "a,b\n1\n": "wrong number of fields", "a,a\n1,2\n": "varies twice"} {
		_, err := ReadPoints(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}
