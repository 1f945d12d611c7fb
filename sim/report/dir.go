package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-556df219/rxpath/sim/procfs"
)

// What stands in a directory of results.
const (
	summaryFile = "summary.json"
	treeDir     = "tree"
	seriesDir   = "series"
	plotsDir    = "plots"
	sweepFile   = "results.jsonl"
)

// WriteDir writes a result into a directory:
//
//	summary.json       what [JSON] writes
//	tree/              the host's files: proc, sys, ethtool/<if>/{S,i,g,c,a,l}
//	series/*.csv       queue depths, ledger and CPU time at every sample; the histograms of the latencies
//	plots/*.{svg,png}  what in.Plots draws
//
// The directory is created with its parents, or taken if [PrepareDir] does.
func WriteDir(dir string, in Input) error {
	summary, err := encodeJSON(&in)
	if err != nil {
		return err
	}
	if err := PrepareDir(dir); err != nil {
		return err
	}
	// The summary comes first: an interrupted directory is ours, too.
	if err := os.WriteFile(filepath.Join(dir, summaryFile), summary, 0o666); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(dir, treeDir), procfs.FS(&in.Result.Snapshot.Snapshot)); err != nil {
		return err
	}
	if err := writeSeries(filepath.Join(dir, seriesDir), in.Result); err != nil {
		return err
	}
	if in.Plots == nil {
		return nil
	}
	plots := filepath.Join(dir, plotsDir)
	if err := os.Mkdir(plots, 0o777); err != nil {
		return err
	}
	return in.Plots(in.Result, func(name string, data []byte) error {
		return os.WriteFile(filepath.Join(plots, name), data, 0o666)
	})
}

// PrepareDir makes a directory ready for results: it creates it, or takes an
// existing one that is empty or holds a summary.json of rxpath, whose results
// it removes; other files in it stay. Anything else is an error, and nothing
// changes.
func PrepareDir(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.MkdirAll(dir, 0o777)
	case err != nil:
		return err
	case len(entries) == 0:
		return nil
	}
	if err := isOurs(filepath.Join(dir, summaryFile)); err != nil {
		return fmt.Errorf("report: %s is not empty and no directory of results (%w): want a new or an empty one", dir, err)
	}
	for _, old := range []string{treeDir, seriesDir, plotsDir, sweepFile} {
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			return err
		}
	}
	return nil
}

// isOurs reports why a file is no summary of rxpath, nil if it is one.
func isOurs(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return errors.New("it holds no " + summaryFile)
	}
	defer f.Close()
	const most = 256 << 20
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return err
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if json.NewDecoder(bytes.NewReader(data)).Decode(&head) != nil || !strings.HasPrefix(head.Schema, "rxpath.") {
		return errors.New("its " + summaryFile + " is not by rxpath")
	}
	return nil
}
