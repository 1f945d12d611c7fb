package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSweepSurvivesKills kills a sweep at random moments and goes on with it:
// its files are those of one that nobody killed. RXPATH_POINTS gives the number
// of points, RXPATH_KILLS that of kills.
func TestSweepSurvivesKills(t *testing.T) {
	t.Parallel()
	points, kills := environment(t, "RXPATH_POINTS", 60), environment(t, "RXPATH_KILLS", 3)
	path, err := exec.LookPath("rxpath")
	require.NoError(t, err)
	dir := t.TempDir()
	args := func(out string, more ...string) []string {
		return append([]string{"sweep", "--vary", "run.seed=1.." + strconv.Itoa(points) + ":+1", "--duration", "2ms", "--out", filepath.Join(dir, out)}, more...)
	}
	began := time.Now()
	text, err := exec.Command(path, args("whole")...).CombinedOutput()
	require.NoError(t, err, "%s", text)
	whole := time.Since(began)

	killed := 0
	for range kills {
		cmd := exec.Command(path, args("killed", "--resume")...)
		require.NoError(t, cmd.Start())
		time.Sleep(time.Duration(rand.Int64N(int64(whole) / int64(kills))))
		require.NoError(t, cmd.Process.Kill())
		if cmd.Wait() != nil {
			killed++
		}
	}
	require.Positive(t, killed, "no kill came in time: nothing is tested")
	text, err = exec.Command(path, args("killed", "--resume")...).CombinedOutput()
	require.NoError(t, err, "%s", text)

	var shards []string
	for i := range 3 {
		shards = append(shards, filepath.Join(dir, "shard"+strconv.Itoa(i)))
		text, err = exec.Command(path, args("shard"+strconv.Itoa(i), "--shard", strconv.Itoa(i)+"/3")...).CombinedOutput()
		require.NoError(t, err, "%s", text)
	}
	text, err = exec.Command(path, append([]string{"merge", "--out", filepath.Join(dir, "merged")}, shards...)...).CombinedOutput()
	require.NoError(t, err, "%s", text)

	for _, name := range []string{"results.jsonl", "results.csv", "results.parquet", "summary.json"} {
		want, err := os.ReadFile(filepath.Join(dir, "whole", name))
		require.NoError(t, err)
		for _, other := range []string{"killed", "merged"} {
			got, err := os.ReadFile(filepath.Join(dir, other, name))
			require.NoError(t, err)
			require.True(t, string(want) == string(got), "%s of %s is not that of the whole", name, other)
		}
	}
}

// environment is a number that an environment variable overrides.
func environment(t *testing.T, name string, def int) int {
	s := os.Getenv(name)
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err, name)
	return n
}
