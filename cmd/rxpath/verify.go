package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim/verify"
)

const verifyLong = `Verify replays recordings of real kernels on the model and compares every number
that was recorded: the rows of /proc/net/snmp and netstat, the device, softnet_stat,
what each socket has charged and lost, every step of a script, and why packets
were dropped.

A DIR holds cases, one a file of JSON (docs/cases.md): those of one kernel, or
of several. The kernel of a case selects the profile. A line a case says

  ok NAME               every number is the recorded one
  differs NAME          with what was expected and what the model gave
  relation NAME         the recording was noisy; what holds in each run was checked
  not replayable NAME   with the reason

and the last line how many there are of each.

Exit status: 0 if nothing differs, 1 if a case differs or could not be replayed
(measurements of time aside), 2 for wrong usage.`

const verifyExample = `  rxpath verify sim/verify/testdata/6.18
  rxpath verify recordings --quiet
  rxpath verify recordings --format json`

// verifyFormats are the formats of verify, the default first.
var verifyFormats = []string{"text", "json"}

// newVerify returns the subcommand verify.
func newVerify() *cobra.Command {
	format, quiet := verifyFormats[0], false
	c := &cobra.Command{
		Use:     "verify DIR...",
		Short:   "Replay recordings of real kernels and compare every number",
		Long:    verifyLong,
		Example: verifyExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("verify: want at least one folder of cases")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(c *cobra.Command, args []string) error {
			return runVerify(c, args, format, quiet)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "leave out cases that are ok, and relations that hold")
	c.Flags().Var(&choice{&format, verifyFormats}, "format", "`FORMAT`: "+orList(verifyFormats))
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(verifyFormats, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// runVerify replays every case of every folder.
func runVerify(c *cobra.Command, dirs []string, format string, quiet bool) error {
	doc := verify.Document{Schema: verify.DocumentSchema, Cases: []verify.Result{}}
	for _, dir := range dirs {
		fsys, files, err := casesIn(dir)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := c.Context().Err(); err != nil {
				return err
			}
			r := verify.RunFile(fsys, f)
			doc.Totals.Add(&r)
			if quiet && (r.Verdict == verify.OK || r.Verdict == verify.Relation) {
				continue
			}
			if format == "json" {
				doc.Cases = append(doc.Cases, r)
			} else if err := r.WriteText(c.OutOrStdout()); err != nil {
				return failed(err)
			}
		}
	}
	if err := writeTotals(c.OutOrStdout(), &doc, format); err != nil {
		return failed(err)
	}
	if doc.Totals.Failed() {
		return failed(fmt.Errorf("verify: %d of %d cases differ, %d could not be replayed",
			doc.Totals.Differ, doc.Totals.Cases, doc.Totals.NotReplayable-doc.Totals.Measured))
	}
	return nil
}

// casesIn lists the cases of a folder, or names the file that is given itself.
func casesIn(dir string) (fs.FS, []string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("verify: %w", fileError(err))
	}
	if !info.IsDir() { // one case: its settings stand beside it, or one folder up
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, nil, err
		}
		root := filepath.Dir(filepath.Dir(abs))
		rel, err := filepath.Rel(root, abs)
		return os.DirFS(root), []string{filepath.ToSlash(rel)}, err
	}
	root, prefix := dir, ""
	if filepath.Base(filepath.Clean(dir)) == "cases" { // the settings stand beside it
		root, prefix = filepath.Join(dir, ".."), "cases/"
	}
	files, err := verify.Files(os.DirFS(root))
	if err != nil {
		return nil, nil, fmt.Errorf("verify: %w", fileError(err))
	}
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("verify: %s: no case in it; want a folder with cases/*.json", dir)
	}
	if prefix != "" {
		kept := files[:0]
		for _, f := range files {
			if len(f) > len(prefix) && f[:len(prefix)] == prefix {
				kept = append(kept, f)
			}
		}
		files = kept
	}
	return os.DirFS(root), files, nil
}

func writeTotals(w io.Writer, doc *verify.Document, format string) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(doc)
	}
	_, err := fmt.Fprintln(w, doc.Totals.String())
	return err
}
