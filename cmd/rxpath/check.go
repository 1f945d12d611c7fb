package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim/capture"
	"github.com/seed-556df219/rxpath/sim/scenario"
)

const checkLong = `Check reads scenarios without running them. It prints "FILE: ok", and what the
captures of the scenario hold; or everything that is wrong, with its place, what
stands there, what was expected, and the nearest known key.

Sockets are opened and thresholds are read as for a run, and captures are
looked through to their end. A FILE may be a capture as well, or - for the
standard input.

Exit status: 0 if all files are ok, 2 if not.`

const checkExample = `  rxpath check feed.yaml
  rxpath check scenarios/*.yaml
  rxpath check feed.yaml --set 'nics[0].ring.rx=4096'
  rxpath check feed.pcapng`

// newCheck returns the subcommand check.
func newCheck() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:     "check FILE...",
		Short:   "Say what is wrong with scenarios, or what captures hold",
		Long:    checkLong,
		Example: checkExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("check: want at least one file")
			}
			return nil
		},
		ValidArgsFunction: completeFiles(0),
		RunE: func(c *cobra.Command, args []string) error {
			var errs []error
			for _, arg := range args {
				errs = append(errs, checkFile(c, arg, &s))
			}
			return join(errs...)
		},
	}
	c.Flags().SortFlags = false
	s.addFlags(c.Flags())
	s.addThresholdFlag(c.Flags())
	completeFlags(c)
	return c
}

// checkFile checks one file, and prints what is right; what is wrong is the error.
func checkFile(c *cobra.Command, arg string, s *settings) error {
	var caps captures
	in, err := openInput(arg, c.InOrStdin(), &caps)
	if err != nil {
		return err
	}
	sc, complete, err := in.scenario(s)
	if err != nil {
		return err
	}
	if err := caps.check(in, s, sc, complete); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.OutOrStdout(), "%s: ok\n", arg); err != nil {
		return failed(err)
	}
	return failed(printCaptures(c.OutOrStdout(), sc, &caps))
}

// printCaptures says what the captures of a scenario hold.
func printCaptures(w io.Writer, sc *scenario.Scenario, caps *captures) error {
	var b strings.Builder
	for _, one := range sc.Captures {
		f, err := caps.open(one.File)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "  %s: %s\n", one.File, contents(&f.Info))
		describe(&b, &f.Info)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// mostListed is the number of groups and ports that check lists.
const mostListed = 16

// describe lists groups and ports of a capture, and what to know about it.
func describe(b *strings.Builder, info *capture.Info) {
	for i, g := range info.Groups {
		if i == mostListed {
			fmt.Fprintf(b, "    and %s more\n", plural(uint64(len(info.Groups)-i), "group"))
			break
		}
		fmt.Fprintf(b, "    to group %v: %s\n", g.Group, plural(g.Frames, "frame"))
	}
	for i, p := range info.Ports {
		if i == mostListed {
			fmt.Fprintf(b, "    and %s more\n", plural(uint64(len(info.Ports)-i), "UDP port"))
			break
		}
		fmt.Fprintf(b, "    to UDP port %d: %s\n", p.Port, plural(p.Frames, "frame"))
	}
	for _, w := range info.Warnings {
		fmt.Fprintf(b, "    warning: %s\n", w)
	}
}
