package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim/report"
)

// formats write results.
var formats = map[string]func(io.Writer, report.Input) error{
	"text": report.Text, "json": report.JSON, "csv": report.CSV, "md": report.Markdown,
}

// formatNames are the formats, the default first.
var formatNames = []string{"text", "json", "csv", "md"}

// A choice is a flag that takes one of a few words.
type choice struct {
	value *string
	words []string
}

func (c *choice) String() string { return *c.value }
func (c *choice) Type() string   { return "word" }

// Set implements pflag.Value.
func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		near := ""
		if s := similar(s, c.words); s != "" {
			near = "; did you mean " + s + "?"
		}
		return fmt.Errorf("want %s%s", orList(c.words), near)
	}
	*c.value = s
	return nil
}

// addFormat defines --format with the words that a command takes, the default
// first. usage ends before the list of them.
func addFormat(c *cobra.Command, value *string, words []string, usage string) {
	*value = words[0]
	c.Flags().Var(&choice{value, words}, "format", usage+": "+orList(words))
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// orList writes "text, json, csv or md".
func orList(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
