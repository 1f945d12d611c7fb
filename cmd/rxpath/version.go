package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim/report"
)

// newVersion returns the subcommand version.
func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of the program and of its results",
		Long: `Version prints the version of the program, the version of its results and that
of Go. Results of different results_versions cannot be compared number by
number: the changelog says what changed.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := io.WriteString(c.OutOrStdout(), versionText())
			return err
		},
	}
}

// versionText is what version prints, and --version.
func versionText() string {
	return fmt.Sprintf("rxpath %s\nresults_version %d\n%s %s/%s\n", version(), report.ResultsVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// version returns the version of the module: a release, or the commit that it
// was built of as far as the build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// noArgs refuses arguments.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s: unexpected argument %q", c.Name(), args[0])
	}
	return nil
}
