package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

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

With --live the cases run first on the kernel of this machine, which must be
Linux, for root: in network namespaces that have no name, send nothing outside and
end with the command. What this kernel counts is compared with the model. Without
a DIR these are cases that come with rxpath. A case that this machine can't run is

  not run NAME          with the reason: a setting of the whole machine, no nft ...

Exit status: 0 if nothing differs, 1 if a case differs or could not be replayed
(measurements of time aside), or --live could do nothing, 2 for wrong usage,
130 interrupted.`

const verifyExample = `  rxpath verify sim/verify/testdata/6.18
  rxpath verify recordings --quiet
  rxpath verify recordings --format json
  sudo rxpath verify --live
  sudo rxpath verify --live --cases B,'E_badcsum*' --record my-kernel`

// verifyFormats are the formats of verify, the default first.
var verifyFormats = []string{"text", "json"}

// verifyCommand is what the flags of verify say.
type verifyCommand struct {
	format, record string
	quiet, live    bool
	cases          []string
	limit          time.Duration
}

// newVerify returns the subcommand verify.
func newVerify() *cobra.Command {
	v := verifyCommand{format: verifyFormats[0]}
	c := &cobra.Command{
		Use:     "verify DIR... | --live [DIR...]",
		Short:   "Replay recordings of real kernels and compare every number",
		Long:    verifyLong,
		Example: verifyExample,
		Args:    func(_ *cobra.Command, args []string) error { return v.check(args) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(c *cobra.Command, args []string) error { return v.run(c, args) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&v.live, "live", false, "run the cases on the kernel of this machine, and compare it with the model (Linux, root)")
	f.StringSliceVar(&v.cases, "cases", nil, "`PATTERN,...`: only cases of these groups (E) or names (E_badcsum*)")
	f.StringVar(&v.record, "record", "", "with --live, keep what this kernel counts as cases in `DIR`")
	f.DurationVar(&v.limit, "time-limit", 0, "with --live, begin no case after so long (`DURATION`; 0: no limit)")
	f.BoolVarP(&v.quiet, "quiet", "q", false, "leave out cases that are ok, relations that hold, and what is not run")
	f.Var(&choice{&v.format, verifyFormats}, "format", "`FORMAT`: "+orList(verifyFormats))
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(verifyFormats, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// check finds what is wrong with the command line.
func (v *verifyCommand) check(args []string) error {
	for _, p := range v.cases {
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("--cases %s: %w", p, err)
		}
	}
	switch {
	case v.limit < 0:
		return fmt.Errorf("--time-limit %v: want a time, or 0 for no limit", v.limit)
	case !v.live && v.record != "":
		return errors.New("--record: only what --live runs can be recorded")
	case !v.live && v.limit != 0:
		return errors.New("--time-limit: only for --live")
	case !v.live && len(args) == 0:
		return errors.New("verify: want at least one folder of cases, or --live")
	}
	return nil
}

// A tester gives the result of the case in a file.
type tester func(ctx context.Context, fsys fs.FS, file string) (verify.Result, error)

// run replays every case of every folder, or runs it on this kernel.
func (v *verifyCommand) run(c *cobra.Command, dirs []string) error {
	if v.live {
		return v.runLive(c, dirs)
	}
	doc := verify.Document{Schema: verify.DocumentSchema, Cases: []verify.Result{}}
	test := func(ctx context.Context, fsys fs.FS, file string) (verify.Result, error) {
		return verify.RunFile(fsys, file), ctx.Err()
	}
	if err := v.folders(c.Context(), c.OutOrStdout(), dirs, &doc, test); err != nil {
		return err
	}
	return v.end(c.OutOrStdout(), &doc)
}

// folders tests the selected cases of several folders.
func (v *verifyCommand) folders(ctx context.Context, w io.Writer, dirs []string, doc *verify.Document, test tester) error {
	for _, dir := range dirs {
		fsys, files, err := casesIn(dir)
		if err != nil {
			return err
		}
		if err := v.files(ctx, w, fsys, files, doc, test); err != nil {
			return err
		}
	}
	return nil
}

// files tests the selected ones of several cases.
func (v *verifyCommand) files(ctx context.Context, w io.Writer, fsys fs.FS, files []string, doc *verify.Document, test tester) error {
	for _, f := range files {
		if !v.selected(fsys, f) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := test(ctx, fsys, f)
		if err != nil {
			return err
		}
		doc.Totals.Add(&r)
		if v.quiet && (r.Verdict == verify.OK || r.Verdict == verify.Relation || r.Verdict == verify.NotRun) {
			continue
		}
		if v.format == "json" {
			doc.Cases = append(doc.Cases, r)
		} else if err := r.WriteText(w); err != nil {
			return failed(err)
		}
	}
	return nil
}

// selected reports whether --cases has a case. One that can't be read is.
func (v *verifyCommand) selected(fsys fs.FS, file string) bool {
	if len(v.cases) == 0 {
		return true
	}
	c, err := verify.Read(fsys, file)
	if c == nil || err != nil && c.Name == "" {
		return verify.Matches(v.cases, "", strings.TrimSuffix(path.Base(file), ".json"))
	}
	return verify.Matches(v.cases, c.Group, c.Name)
}

// end prints the totals and makes an error of what differs.
func (v *verifyCommand) end(w io.Writer, doc *verify.Document) error {
	if doc.Totals.Cases == 0 && len(v.cases) > 0 {
		return fmt.Errorf("verify: no case is selected by --cases %s", strings.Join(v.cases, ","))
	}
	if err := writeTotals(w, doc, v.format); err != nil {
		return failed(err)
	}
	switch t := &doc.Totals; {
	case t.Failed():
		return failed(fmt.Errorf("verify: %d of %d cases differ, %d could not be replayed", t.Differ, t.Cases, t.NotReplayable-t.Measured))
	case t.Cases > 0 && t.Cases == t.NotRun:
		return failed(errors.New("verify: this machine could run none of the cases"))
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
