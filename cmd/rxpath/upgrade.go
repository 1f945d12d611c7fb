package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// compareKernel runs the scenario under its kernel and under another one, and
// shows what differs: what an upgrade changes for this host.
func (r *runCommand) compareKernel(c *cobra.Command, args []string) error {
	switch {
	case r.out != "":
		return errors.New("--out: with --compare-kernel there are two runs; want one of them, or rxpath compare of two directories")
	case r.printOnly || r.assumptions:
		return errors.New("--compare-kernel shows what differs only: want it without --print-scenario and --assumptions")
	case !slices.Contains(compareFormats, r.format):
		return fmt.Errorf("--format %s: want %s with --compare-kernel", r.format, orList(compareFormats))
	}
	s := &compareCommand{settings: r.settings, reps: 1, format: r.format, page: r.page, after: differences}
	s.with.list = []setting{{scenariofile.Set{Path: "kernel", Value: r.other}, "--compare-kernel " + r.other}}
	in, sc, err := openScenario(firstOf(args), c.InOrStdin(), &r.settings, &r.caps)
	if err != nil {
		return err
	}
	if in.around != nil {
		return errors.New("--compare-kernel: want a scenario; rxpath compare takes captures, too")
	}
	s.names = [2]string{sc.Host.Kernel.Name, r.other}
	return s.run(c, args)
}

// differences names the behaviours in which the kernels of two scenarios differ.
func differences(a, b *compared) string {
	from, to := &a.sc.Host.Kernel, &b.sc.Host.Kernel
	was := map[string]string{}
	from.Each(func(name string, value any, _ string) { was[name] = fmt.Sprint(value) })
	var out []string
	to.Each(func(name string, value any, _ string) {
		if now := fmt.Sprint(value); now != was[name] {
			out = append(out, fmt.Sprintf("%s %s -> %s", name, was[name], now))
		}
	})
	if len(out) == 0 {
		return "\nThe kernels do not differ in any behaviour.\n"
	}
	text := fmt.Sprintf("%s behaviours differ (rxpath profiles %s says what they are): %s.", fmt.Sprint(len(out)), to.Name, strings.Join(out, ", "))
	for _, k := range []*kernel.Profile{from, to} {
		if !k.Recorded() {
			text += fmt.Sprintf(" %s rests on source only.", k.Name)
		}
	}
	return "\n" + strings.Join(paragraph(text, 98), "\n") + "\n"
}
