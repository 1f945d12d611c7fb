package report

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

// drawn stands for the plots.
func drawn(_ *sim.Result, save func(string, []byte) error) error {
	return errors.Join(save("queues.svg", []byte("<svg/>")), save("queues.png", []byte("png")))
}

// files returns all files below dir, with their content.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		out[path] = string(data)
		return err
	}))
	return out
}

func TestWriteDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "results")
	in := fullInput()
	in.Plots = drawn
	require.NoError(t, WriteDir(dir, in))
	got := files(t, dir)
	require.Equal(t, string(jsonOf(t, in)), got["summary.json"])
	require.Equal(t, "<svg/>", got["plots/queues.svg"])

	tree := procfs.FS(&in.Result.Snapshot.Snapshot)
	n := 0
	require.NoError(t, fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, path)
		require.Equal(t, string(data), got["tree/"+path], path)
		n++
		return err
	}))
	require.Greater(t, n, 40)
	for _, want := range []string{"tree/proc/net/snmp", "tree/proc/self/net/softnet_stat", "tree/sys/class/net/eth0/statistics/rx_missed_errors", "tree/ethtool/eth0/S"} {
		require.Contains(t, got, want)
	}
	var others []string
	for path := range got {
		if !strings.HasPrefix(path, "tree/") {
			others = append(others, path)
		}
	}
	slices.Sort(others)
	require.Equal(t, []string{"plots/queues.png", "plots/queues.svg", "series/cpu.csv", "series/latency.csv", "series/ledger.csv", "series/queues.csv", "summary.json"}, others)
}

// The last row of every cumulative series is what the run ended with.
func TestSeries(t *testing.T) {
	sc := worlds["the default buffer is too small for a reader that pauses"].make()
	res := run(t, sc)
	dir := t.TempDir()
	require.NoError(t, WriteDir(dir, Input{Result: res}))
	table := func(name string) (head []string, rows [][]string) {
		f, err := os.Open(filepath.Join(dir, "series", name))
		require.NoError(t, err)
		defer f.Close()
		all, err := csv.NewReader(f).ReadAll()
		require.NoError(t, err)
		return all[0], all[1:]
	}
	head, rows := table("queues.csv")
	require.Len(t, rows, 11)
	require.Equal(t, []string{"0", "0", "0", "0", "0", "0"}, rows[0])
	require.Equal(t, "10000000", rows[1][0])
	require.Equal(t, []string{"time_ns", "fifo_bytes", "ring_frames", "backlog_packets", "rx_queue_bytes", "rx_queue_max_bytes"}, head)

	head, rows = table("ledger.csv")
	l := res.Snapshot.Ledger
	last := rows[len(rows)-1]
	require.Equal(t, []string{"time_ns", "frames", "clones", "consumed", "drops", "rejects", "live", "SOCKET_RCVBUFF"}, head)
	for i, want := range []uint64{l.Frames, l.Clones, l.Consumed, l.Drops(), l.Rejects(), l.Live(), l.Drops()} {
		require.Equal(t, strconv.FormatUint(want, 10), last[i+1], head[i+1])
	}
	require.NotEqual(t, "0", last[7])

	_, rows = table("cpu.csv")
	require.Len(t, rows, 11*4)
	for _, r := range rows {
		var sum float64
		for _, cell := range r[2:] {
			v, err := strconv.ParseFloat(cell, 64)
			require.NoError(t, err)
			sum += v
		}
		at, err := strconv.ParseFloat(r[0], 64)
		require.NoError(t, err)
		require.InDelta(t, at, sum, 0.01, "the contexts of a CPU are all of its time")
	}

	_, rows = table("latency.csv")
	counted := map[string]uint64{}
	for _, r := range rows {
		n, err := strconv.ParseUint(r[3], 10, 64)
		require.NoError(t, err)
		counted[r[0]] += n
	}
	for i := range res.Stages {
		require.Equal(t, res.Stages[i].Hist.N, counted[res.Stages[i].Name])
	}
}

// A run without samples has series without rows.
func TestSeriesWithoutSamples(t *testing.T) {
	sc := world(1000, reader())
	sc.Run.For, sc.Run.Sample = engine.Millisecond, 0
	dir := t.TempDir()
	require.NoError(t, WriteDir(dir, Input{Result: run(t, sc)}))
	got := files(t, dir)
	require.Equal(t, "time_ns,fifo_bytes,ring_frames,backlog_packets,rx_queue_bytes,rx_queue_max_bytes\n", got["series/queues.csv"])
	require.NotContains(t, got, "plots")
}

// A directory of results is taken again: what was in it goes, what was not ours stays.
func TestWriteDirAgain(t *testing.T) {
	dir := t.TempDir()
	in := Input{Result: fixture(), Plots: drawn}
	require.NoError(t, WriteDir(dir, in))
	first := files(t, dir)
	for path, text := range map[string]string{"notes.txt": "mine", "tree/proc/old": "old", "plots/old.svg": "old", "series/old.csv": "old", "results.jsonl": "old"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, path), []byte(text), 0o666))
	}
	require.NoError(t, WriteDir(dir, in))
	got := files(t, dir)
	require.Equal(t, "mine", got["notes.txt"])
	delete(got, "notes.txt")
	require.Equal(t, first, got)
	in.Plots = nil
	require.NoError(t, WriteDir(dir, in))
	require.NoDirExists(t, filepath.Join(dir, "plots"))
}

// Any other directory is left alone.
func TestWriteDirRefuses(t *testing.T) {
	in := Input{Result: fixture()}
	for name, text := range map[string]string{
		"thesis.tex":     `\begin{document}`,
		"summary.json":   `{"schema": "somebody/1"}`,
		"results.jsonl":  `{"schema": "rxpath.sweep/1"}`,
		"summary.json ":  `{"schema": "rxpath.run/1"}`,
		"tree":           "",
		"summary.json\t": "not JSON",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
		err := WriteDir(dir, in)
		require.ErrorContains(t, err, dir+" is not empty and no directory of results")
		require.ErrorContains(t, err, "want a new or an empty one")
		require.Equal(t, map[string]string{name: text}, files(t, dir))
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "summary.json"), []byte("garbage"), 0o666))
	require.ErrorContains(t, WriteDir(dir, in), "its summary.json is not by rxpath")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	require.Error(t, WriteDir(file, in))
	require.Error(t, WriteDir(filepath.Join(file, "below"), in))
}

// A sweep's summary is ours, too.
func TestPrepareDir(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, PrepareDir(dir))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "summary.json"), []byte(`{"a": 1, "schema": "rxpath.sweep/1"}`), 0o666))
	require.NoError(t, PrepareDir(dir))
	require.NoError(t, PrepareDir(filepath.Join(dir, "a", "b")))
	require.DirExists(t, filepath.Join(dir, "a", "b"))
}

// An error of a plot is that of the directory.
func TestPlotErrors(t *testing.T) {
	in := Input{Result: fixture(), Plots: func(*sim.Result, func(string, []byte) error) error { return os.ErrInvalid }}
	require.ErrorIs(t, WriteDir(t.TempDir(), in), os.ErrInvalid)
}
