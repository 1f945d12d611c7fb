package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

const completionLong = `Completion prints a script that makes a shell complete rxpath's commands, flags,
scenario files, and the paths of --set.

bash, with the package bash-completion:
  rxpath completion bash > ~/.local/share/bash-completion/completions/rxpath
zsh, into a directory of $fpath:
  rxpath completion zsh > ~/.zfunc/_rxpath
fish:
  rxpath completion fish > ~/.config/fish/completions/rxpath.fish
Then start a new shell. For this shell only:
  source <(rxpath completion bash)`

// shells are the shells that completion knows.
var shells = []string{"bash", "zsh", "fish"}

// newCompletion returns the subcommand completion, which takes the place of
// cobra's.
func newCompletion(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:               "completion SHELL",
		Short:             "Print a script for completion in bash, zsh or fish",
		Long:              completionLong,
		ValidArgsFunction: cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && slices.Contains(shells, args[0]) {
				return nil
			}
			if len(args) == 1 {
				if near := similar(args[0], shells); near != "" {
					return fmt.Errorf("completion: no shell %q; did you mean %s?", args[0], near)
				}
			}
			return fmt.Errorf("completion: want one shell: %s", orList(shells))
		},
		RunE: func(c *cobra.Command, args []string) error {
			w := c.OutOrStdout()
			switch args[0] {
			case "bash":
				return failed(root.GenBashCompletionV2(w, true))
			case "zsh":
				return failed(root.GenZshCompletion(w))
			}
			return failed(root.GenFishCompletion(w, true))
		},
	}
}
