package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

const kernelDir = "../.."

// The generated files are those that go generate would write now.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := generate(kernelDir)
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, f := range files {
		got, err := os.ReadFile(f.path)
		require.NoError(t, err)
		if d := cmp.Diff(string(f.text), string(got)); d != "" {
			t.Errorf("%s is not current: run go generate ./sim/kernel (-want +got)\n%s", f.path, d)
		}
	}
}

// A copy of the kernel package in which one file was changed.
func changedCopy(t *testing.T, name, old, new string) string {
	t.Helper()
	root := t.TempDir()
	dir := root + "/sim/kernel"
	require.NoError(t, os.MkdirAll(root+"/docs", 0o755))
	require.NoError(t, os.CopyFS(dir, os.DirFS(kernelDir)))
	text, err := os.ReadFile(kernelDir + "/" + docs)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir+"/"+docs, text, 0o644))
	if name != "" {
		text, err := os.ReadFile(dir + "/" + name)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(text), old), "%q in %s", old, name)
		require.NoError(t, os.WriteFile(dir+"/"+name, []byte(strings.Replace(string(text), old, new, 1)), 0o644))
	}
	return dir
}

func TestGenerateReportsFaults(t *testing.T) {
	const bdw = "costs/bdw-3.6ghz.yaml"
	cases := map[string]struct{ file, old, new, want string }{
		"unknown key":         {bdw, "\n  driver:", "\n  drivers:", "costs.driver: missing\ncosts.drivers: no such step in kernel.Costs"},
		"no time":             {bdw, "    fixed: 26.1ns\n", "", "costs.gro.fixed: missing"},
		"no source":           {bdw, `    source: "U15: 1/5,705,245 - 1/6,701,692"` + "\n", "", "costs.gro.source: missing"},
		"no unit":             {bdw, "fixed: 26.1ns", "fixed: 26.1", "no unit"},
		"negative":            {bdw, "fixed: 26.1ns", "fixed: -26.1ns", "no number"},
		"too fine":            {bdw, "fixed: 26.1ns", "fixed: 26.10001ns", "not a whole number of picoseconds"},
		"per byte of no size": {bdw, "fixed: 26.1ns", "fixed: 26.1ns\n    per_byte: 1ps", "costs.gro.per_byte: this step does not depend on the size"},
		"unknown field":       {bdw, "fixed: 26.1ns", "fixed: 26.1ns\n    perbyte: 1ps", `unknown field "perbyte"`},
		"twice":               {bdw, "\n  gro:", "\n  driver:", "driver"},
		"no cpu":              {bdw, "\ncpu:", "\n# cpu:", "cpu: want a text"},
		"another name":        {bdw, "\nname: bdw-3.6ghz", "\nname: bdw", `name "bdw": want the name of the file`},
		"step without words":  {"costs.go", "	// One run of net_rx_action besides its polls.\n", "", "Costs.NetRXAction has no comment"},
		"behaviour likewise":  {"profile.go", "	// FlowLimit: the per-CPU flow limit exists (K310-8).\n", "", "Profile.FlowLimit has no comment"},
		"no such table":       {docs, beginMark + "p3-e1000", beginMark + "p4", `generated part "p4": no such profile`},
		"a table twice":       {docs, beginMark + "p3-e1000", beginMark + "bdw-3.6ghz", `"bdw-3.6ghz": no such profile, or a second time`},
		"no table":            {docs, beginMark + "p3-e1000", "<!-- p3-e1000", "no generated part for profile p3-e1000"},
		"no table of steps":   {docs, beginMark + "steps", "<!-- steps", `no generated part "steps"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := generate(changedCopy(t, tc.file, tc.old, tc.new))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// run brings a stale tree up to date and leaves a current one alone.
func TestRun(t *testing.T) {
	dir := changedCopy(t, "costs/bdw-3.6ghz.yaml", "fixed: 26.1ns", "fixed: 27.5ns")
	require.NoError(t, run(dir))
	for path, want := range map[string]string{costsOut: "Fixed: 27500", docs: "| `gro` | 27.5ns |"} {
		text, err := os.ReadFile(dir + "/" + path)
		require.NoError(t, err)
		require.Contains(t, string(text), want)
	}
	long := time.Unix(1e9, 0)
	require.NoError(t, os.Chtimes(dir+"/"+costsOut, long, long))
	require.NoError(t, run(dir))
	info, err := os.Stat(dir + "/" + costsOut)
	require.NoError(t, err)
	require.True(t, info.ModTime().Equal(long), "a current file is not written")
}

func TestCell(t *testing.T) {
	require.Equal(t, "`__do_softirq` a\\|b \\*", cell("__do_softirq a|b *"))
}
