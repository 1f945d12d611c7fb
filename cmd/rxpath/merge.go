package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim/sweep"
)

const mergeLong = `Merge puts the shards of a sweep together: the directory of --out then holds
what the sweep in one would have written, to the byte. Each DIR is the --out of
rxpath sweep --shard.

Exit status: 0 done, 1 runs are missing or a file can't be written, 2 wrong
usage, or directories that are not of one sweep.`

// newMerge returns the subcommand merge.
func newMerge() *cobra.Command {
	var out, format string
	c := &cobra.Command{
		Use:     "merge DIR... --out DIR",
		Short:   "Put the shards of a sweep together",
		Long:    mergeLong,
		Example: `  rxpath merge shard0 shard1 shard2 shard3 --out limits`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("merge: want the directories of the shards")
			}
			return nil
		},
		RunE: func(c *cobra.Command, dirs []string) error {
			if out == "" {
				return errors.New("merge: want --out DIR, where the whole sweep goes")
			}
			return merge(c, dirs, out, format)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&out, "out", "", "keep the whole sweep in `DIR`, which is new or empty")
	addFormat(c, &format, formatNames, "`FORMAT` of the results on the standard output")
	completeFlags(c)
	return c
}

func merge(c *cobra.Command, dirs []string, out, format string) error {
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return fmt.Errorf("--out: %s is not empty", out)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return failed(fmt.Errorf("--out: %w", err))
	}
	var journals []string
	for _, d := range dirs {
		journals = append(journals, filepath.Join(d, sweep.JournalName))
	}
	path := filepath.Join(out, sweep.JournalName)
	err := sweep.Merge(path, journals...)
	if e, ok := errors.AsType[*sweep.JournalError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*os.PathError](err); ok && os.IsNotExist(e) {
		return fmt.Errorf("%s: no sweep is there", filepath.Dir(e.Path))
	}
	if err != nil {
		return failed(err)
	}
	h, outcomes, err := sweep.Read(path)
	if err != nil {
		return failed(err)
	}
	res := sweep.Results{Header: h, Outcomes: outcomes, Complete: true}
	return join(failed(sweepFormats[format](&res, c.OutOrStdout())), failed(writeSweep(out, &res)))
}
