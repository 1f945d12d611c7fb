package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-556df219/rxpath/sim/kernel"
)

// notModelled begins the paragraph of a package comment that lists what the
// package leaves out.
const notModelled = "Not modelled:"

// stated are the words by which a sentence anywhere else says that the model
// and the machine differ.
var stated = regexp.MustCompile(`(?i)\bnot modelled\b|\bdeviation\b|\breal (machine|kernel|host|interrupt)\b|\bunlike\b|\bnot followed\b`)

// A deviation is one thing in which the model differs from the kernel.
type deviation struct {
	name string // of the Go thing that says so; empty for a package
	file string
	text string
}

// deviations returns what the comments of a package say: the items of its
// lists, and single sentences.
func (p *pkg) deviations() (lists, single []deviation) {
	p.comments(func(c comment) {
		for _, par := range paragraphs(c.text) {
			if rest, ok := strings.CutPrefix(par, notModelled); ok {
				for _, item := range listItems(rest) {
					lists = append(lists, deviation{c.name, c.file, item})
				}
				continue
			}
			for _, s := range sentences(oneLine(par)) {
				if stated.MatchString(s) {
					single = append(single, deviation{c.name, c.file, s})
				}
			}
		}
	})
	return lists, single
}

// listItems returns what follows "Not modelled:": the items of a list with
// hyphens, or sentences. Each has to stand for itself on a page where nothing
// else says what it is about; TestDeviationsStandAlone looks at them.
func listItems(rest string) []string {
	if !strings.Contains(rest, "\n  - ") {
		return sentences(oneLine(rest))
	}
	var out []string
	for _, item := range strings.Split(rest, "\n  - ")[1:] {
		out = append(out, oneLine(item))
	}
	return out
}

// deviationsPage writes docs/deviations.md.
func deviationsPage(m *module) []byte {
	var b bytes.Buffer
	b.WriteString(generated)
	b.WriteString(`# Where the model leaves the kernel

What is left out or simplified, as the comments of the packages state it, package by package in the order of the path. What is not in this list and not in the rules' table is meant to be exact: a difference there is a bug.
How long each step takes is a matter of its own: [costs.md](costs.md) says which times were measured by somebody and which are assumed, and every result names the assumed ones that move it.
`)
	for _, p := range inPathOrder(m) {
		lists, single := p.deviations()
		if len(lists) == 0 && len(single) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## [%s](../%s)\n\n", p.dir, p.dir)
		if s := sentences(oneLine(p.doc())); len(s) > 0 {
			fmt.Fprintf(&b, "%s\n\n", markdown(s[0]))
		}
		if len(lists) > 0 {
			b.WriteString("Not modelled:\n\n")
			for _, d := range lists {
				fmt.Fprintf(&b, "- %s\n", markdown(d.text))
			}
		}
		if len(single) > 0 {
			if len(lists) > 0 {
				b.WriteString("\n")
			}
			b.WriteString("Stated where it applies:\n\n")
			for _, d := range single {
				fmt.Fprintf(&b, "- `%s`: %s\n", d.name, markdown(d.text))
			}
		}
	}
	b.WriteString("\n## Kernel profiles\n\n")
	for _, p := range kernel.Profiles() {
		fmt.Fprintf(&b, "- `%s`: %s.\n", p.Name, p.Source)
	}
	return b.Bytes()
}

// pathOrder is the order in which a packet meets the packages; the others
// follow by name.
var pathOrder = []string{"sim/traffic", "sim/capture", "nic", "napi", "softirq", "ipstack", "udp", "socket", "sim/cpu", "sim/kernel", "sim/mib", "sim/procfs"}

// inPathOrder returns the packages of the model.
func inPathOrder(m *module) []*pkg {
	var out []*pkg
	for _, p := range m.packages {
		if p.models() {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b *pkg) int { return pathPlace(a) - pathPlace(b) })
	return out
}

func pathPlace(p *pkg) int {
	if i := slices.Index(pathOrder, p.dir); i >= 0 {
		return i
	}
	return len(pathOrder)
}
