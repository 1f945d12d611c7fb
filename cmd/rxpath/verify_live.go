package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim/verify"
)

// runLive runs the cases on the kernel of this machine. Whatever ends it, its
// namespaces end with the process.
func (v *verifyCommand) runLive(c *cobra.Command, dirs []string) error {
	ctx, stop := interruptible(c.Context())
	defer stop()
	w := c.OutOrStdout()
	machine, err := verify.ThisMachine(ctx)
	if ctx.Err() != nil {
		return &statusError{exitInterrupt, errors.New("interrupted while looking at the kernel")}
	}
	if err != nil {
		return failed(fmt.Errorf("verify: --live: %w", err))
	}
	rec, err := newRecorder(v.record)
	if err != nil {
		return err
	}
	doc := verify.Document{Schema: verify.DocumentSchema, Machine: machine, Cases: []verify.Result{}}
	if v.format != "json" {
		if _, err := fmt.Fprintln(w, machine); err != nil {
			return failed(err)
		}
	}
	if machine.NoReasons != "" {
		fmt.Fprintf(c.ErrOrStderr(), "rxpath: drop reasons are not compared: %s\n", machine.NoReasons)
	}
	began, left := time.Now(), 0
	test := func(ctx context.Context, fsys fs.FS, file string) (verify.Result, error) {
		if v.limit > 0 && time.Since(began) > v.limit {
			left++
			return verify.Result{Case: &verify.Case{File: file, Name: path.Base(file)}, Verdict: verify.NotRun, Reason: "after the time limit"}, nil
		}
		r, err := machine.Run(ctx, fsys, file)
		if err != nil {
			if ctx.Err() == nil {
				err = failed(fmt.Errorf("verify: %w", err))
			}
			return verify.Result{}, err
		}
		return r.Result, rec.keep(r)
	}
	if len(dirs) == 0 {
		var files []string
		if files, err = verify.Files(verify.Recorded()); err == nil {
			err = v.files(ctx, w, verify.Recorded(), files, &doc, test)
		}
	} else {
		err = v.folders(ctx, w, dirs, &doc, test)
	}
	interrupted := ctx.Err() != nil
	if err != nil && !interrupted {
		return err
	}
	if err := rec.index(); err != nil {
		return err
	}
	err = v.end(w, &doc)
	switch {
	case interrupted:
		return &statusError{exitInterrupt, fmt.Errorf("interrupted after %d cases", doc.Totals.Cases)}
	case left > 0:
		return join(err, failed(fmt.Errorf("verify: %d cases are left after --time-limit %v", left, v.limit)))
	}
	return err
}

// A recorder keeps cases in a folder, one a file.
type recorder struct {
	dir   string // "": nowhere
	names []indexed
}

// indexed is a row of index.json.
type indexed struct {
	Name          string `json:"name"`
	Group         string `json:"group"`
	Deterministic bool   `json:"deterministic"`
	Description   string `json:"description"`
}

// indexFile is the list of what was recorded, and the mark of a folder of ours.
const indexFile = "index.json"

// newRecorder makes the folder of --record ready: one that is new, empty, or a
// recording already.
func newRecorder(dir string) (*recorder, error) {
	r := &recorder{dir: dir}
	if dir == "" {
		return r, nil
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0:
	case err != nil:
		return nil, fmt.Errorf("--record: %w", fileError(err))
	default:
		data, err := os.ReadFile(filepath.Join(dir, indexFile))
		if err != nil || json.Unmarshal(data, &r.names) != nil {
			return nil, fmt.Errorf("--record: %s: there are other files in it; want a new folder, or one that --record made", dir)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "cases"), 0o755); err != nil {
		return nil, failed(fmt.Errorf("--record: %w", fileError(err)))
	}
	return r, r.index()
}

// keep writes a case.
func (r *recorder) keep(rec *verify.Recording) error {
	c := rec.Result.Case
	if r.dir == "" || rec.Document == nil || c.Name == "" {
		return nil
	}
	name := path.Base(c.File)
	if err := replaceFile(filepath.Join(r.dir, "cases", name), rec.Document); err != nil {
		return err
	}
	row := indexed{c.Name, c.Group, c.Deterministic, c.Description}
	for i := range r.names {
		if r.names[i].Name == c.Name {
			r.names[i] = row
			return nil
		}
	}
	r.names = append(r.names, row)
	return nil
}

// index writes the list of what was recorded.
func (r *recorder) index() error {
	if r.dir == "" {
		return nil
	}
	if r.names == nil {
		r.names = []indexed{}
	}
	data, err := json.MarshalIndent(r.names, "", " ")
	if err != nil {
		return failed(err)
	}
	return replaceFile(filepath.Join(r.dir, indexFile), append(data, '\n'))
}

// replaceFile writes a file so that it is there whole, or not at all.
func replaceFile(name string, data []byte) error {
	err := os.WriteFile(name+".new", data, 0o644)
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return failed(fmt.Errorf("--record: %w", fileError(err)))
	}
	return nil
}
