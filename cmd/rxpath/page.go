package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/report/plots"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
	"github.com/seed-556df219/rxpath/sim/sweep"
)

// A pageFlag is --report: one HTML page with everything.
type pageFlag struct{ file string }

func (p *pageFlag) add(f *pflag.FlagSet) {
	f.StringVar(&p.file, "report", "", "also write one self-contained HTML page to `FILE`")
}

// check finds before anything runs what would keep the page from being written.
func (p *pageFlag) check() error {
	if p.file == "" {
		return nil
	}
	if fi, err := os.Stat(p.file); err == nil && fi.IsDir() {
		return fmt.Errorf("--report: %s is a directory: want the name of a file, such as %s", p.file, filepath.Join(p.file, "report.html"))
	}
	dir := filepath.Dir(p.file)
	switch fi, err := os.Stat(dir); {
	case err != nil:
		return fmt.Errorf("--report: %w", fileError(err))
	case !fi.IsDir():
		return fmt.Errorf("--report: %s is not a directory", dir)
	}
	return nil
}

// write writes the page, if it was asked for.
func (p *pageFlag) write(make func() (*report.Page, error)) error {
	if p.file == "" {
		return nil
	}
	page, err := make()
	if err != nil {
		return failed(err)
	}
	var b bytes.Buffer
	if err := page.Write(&b); err != nil {
		return failed(err)
	}
	if err := os.WriteFile(p.file, b.Bytes(), 0o666); err != nil {
		return failed(fmt.Errorf("--report: %w", fileError(err)))
	}
	return nil
}

// origin returns the parts of a page that say how to repeat a command on a
// scenario.
func (in *input) origin(s *settings, command string) []report.Part {
	base := in.base(s)
	sc, err := base.Scenario()
	if err != nil {
		return nil // it was read before
	}
	complete, _ := scenariofile.Canonical(in.name, in.data, s.sets()...)
	return report.Origin(version(), command, complete, &sc.Host.Kernel, &sc.Host.Costs)
}

// commandLine returns the words of a command line, quoted for a shell.
func commandLine(words []string) string {
	quoted := []string{"rxpath"}
	for _, w := range words {
		quoted = append(quoted, shellWord(w))
	}
	return strings.Join(quoted, " ")
}

// sweepPage returns the page of a sweep.
func sweepPage(in *input, s *settings, res *sweep.Results, command string) (*report.Page, error) {
	p := &report.Page{Title: "Sweep of " + in.label, Lead: []string{sweepLead(res)}}
	figures := report.Part{Heading: "Plots"}
	err := plots.Sweep(res, func(name string, data []byte) error {
		if strings.HasSuffix(name, ".svg") {
			figures.Figures = append(figures.Figures, data)
		}
		return nil
	})
	if len(figures.Figures) > 0 {
		p.Parts = append(p.Parts, figures)
	}
	p.Parts = append(p.Parts, report.Part{Heading: "Points", Table: res.Rows(), Left: len(res.Header.Paths)})
	p.Parts = append(p.Parts, in.origin(s, command)...)
	return p, err
}

// text returns what a func writes.
func text(write func(io.Writer) error) (string, error) {
	var b strings.Builder
	err := write(&b)
	return b.String(), err
}
