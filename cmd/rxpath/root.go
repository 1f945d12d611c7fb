package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `Rxpath simulates the UDP receive path of Linux, from the wire to the
application's recvmsg, and answers one question: on this host, with these
settings and this traffic, where will packets wait, where will they be lost,
and which knob helps?

The same scenario and seed give the same bytes, on any machine.`

const rootExample = `  rxpath run                                     the built-in scenario: a market-data feed
  rxpath run --set load=4                        the same with four times the traffic
  rxpath run feed.yaml --out results             a scenario of your own, with files and plots
  rxpath run feed.pcapng                         a capture of your own
  rxpath run --print-scenario > my.yaml          a scenario to start from
  rxpath sweep --vary load=1,2,5,10              what more traffic does
  rxpath solve --max load                        how much of it the host carries
  rxpath trace --packet 1000                     one packet's way through the kernel
  rxpath check my.yaml                           what is wrong with it`

// newRoot returns the command with its subcommands.
func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "rxpath",
		Short:         "Simulate the UDP receive path of Linux",
		Long:          rootLong,
		Example:       rootExample,
		Args:          noFile,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(flagError)
	root.Version = version()
	root.SetVersionTemplate(versionText())
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.SetHelpCommand(newHelp(root))
	root.AddCommand(newRun(), newSweep(), newMerge(), newSolve(), newCompare(), newCheck(), newTrace(), newProfiles(), newVerify(), newVersion(), newCompletion(root))
	return root
}

// noFile refuses arguments that are no subcommand, and says which was meant.
func noFile(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if fi, err := os.Stat(args[0]); err == nil && fi.Mode().IsRegular() {
		return fmt.Errorf("unknown command %q; did you mean \"rxpath run %s\"?", args[0], shellWord(args[0]))
	}
	return unknownCommand(c, args[0])
}

// unknownCommand names the subcommand that was probably meant.
func unknownCommand(c *cobra.Command, name string) error {
	var known []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			known = append(known, sub.Name())
		}
	}
	if near := similar(name, known); near != "" {
		return fmt.Errorf("unknown command %q; did you mean %s?", name, near)
	}
	if len(known) == 0 {
		return fmt.Errorf("%s has no command %q", c.CommandPath(), name)
	}
	return fmt.Errorf("unknown command %q: want %s", name, orList(known))
}

// newHelp returns the help command: like cobra's, but it fails for a command
// that there is not.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show help for a command",
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			if at, _, err := root.Find(args); err == nil {
				for _, sub := range at.Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			at := root
			for _, name := range args {
				i := slices.IndexFunc(at.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
				if i < 0 {
					return unknownCommand(at, name)
				}
				at = at.Commands()[i]
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

// flagError names the flag that was probably meant.
func flagError(c *cobra.Command, err error) error {
	e, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	if e.GetSpecifiedShortnames() != "" {
		return fmt.Errorf("%s: unknown flag -%s; see %s --help", c.Name(), e.GetSpecifiedName(), c.CommandPath())
	}
	var known []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, "--"+f.Name)
		}
	})
	name := e.GetSpecifiedName()
	switch near := similar("--"+name, known); {
	case near != "":
		return fmt.Errorf("%s: unknown flag --%s; did you mean %s?", c.Name(), name, near)
	case isKey(name):
		return fmt.Errorf("%s: unknown flag --%s; did you mean --set %s=VALUE?", c.Name(), name, name)
	}
	return fmt.Errorf("%s: unknown flag --%s; see %s --help", c.Name(), name, c.CommandPath())
}

// similar returns the words that s may be a slip of the pen for, as a question
// names them: "run or sweep"; empty if there is none.
func similar(s string, words []string) string {
	list := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, w := range words {
		list.AddCommand(&cobra.Command{Use: w, Run: func(*cobra.Command, []string) {}})
	}
	return strings.Join(list.SuggestionsFor(s), " or ")
}

// isKey reports whether a flag's name begins like the path of a scenario's key.
func isKey(name string) bool {
	first := name[:strings.IndexAny(name+".", ".[")]
	return first == "net" || first == "load" || slices.Contains(schemaKeys(), first)
}
