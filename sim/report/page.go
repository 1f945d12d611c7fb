package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/seed-556df219/rxpath/sim/kernel"
)

// A Page is one self-contained HTML page: it asks nothing of the network, and
// reads well on paper and on a phone.
type Page struct {
	Title string
	// Lead are the sentences under the title.
	Lead  []string
	Parts []Part
}

// A Part of a page is a heading and what stands under it, in this order.
type Part struct {
	Heading string
	Text    []string
	// Table has its head in the first row; its first Left columns are text, the others numbers. Rows of which Head is true
	// are head lines over the rows after them.
	Table [][]string
	Left  int
	Head  func(row int) bool
	// Figures are SVG images.
	Figures [][]byte
	// Code is printed as it is.
	Code string
	// Folded parts show their heading only, until they are opened or printed.
	Folded bool
}

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"svg":  inlineSVG,
	"dec":  func(n int) int { return n - 1 },
	"left": func(p Part, column int) bool { return column < p.Left },
	"head": func(p Part, row int) bool { return p.Head != nil && p.Head(row) },
}).Parse(pageHTML))

// inlineSVG returns an image as a part of the page, without what only a file of
// its own has.
func inlineSVG(image []byte) template.HTML {
	if i := bytes.Index(image, []byte("<svg")); i > 0 {
		image = image[i:]
	}
	return template.HTML(image) //nolint:gosec // plots are drawn here; their texts are escaped
}

// Write writes the page.
func (p *Page) Write(w io.Writer) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// RunPage returns the page of a run: the answer as Text has it, plots, the
// scenario, and what it takes to repeat it. command is the command line.
func RunPage(in Input, command string) (*Page, error) {
	checks, err := CheckThresholds(in.Result)
	if err != nil {
		return nil, err
	}
	title, setup := heading(in.Result)
	p := &Page{Title: title, Lead: append([]string{setup}, remarks(&in)...)}
	if len(checks) > 0 {
		part := Part{Heading: "Thresholds", Left: 3, Table: [][]string{{"", "threshold", "value"}}}
		for _, c := range checks {
			part.Table = append(part.Table, []string{tick(c.OK), c.Threshold, c.Value})
		}
		p.Parts = append(p.Parts, part)
	}
	for _, t := range []*table{waterfall(in.Result), latency(in.Result), cpuTable(in.Result), sockets(in.Result)} {
		p.Parts = append(p.Parts, t.part())
	}
	if in.Plots != nil {
		figures := Part{Heading: "Plots"}
		err := in.Plots(in.Result, func(name string, data []byte) error {
			if strings.HasSuffix(name, ".svg") {
				figures.Figures = append(figures.Figures, data)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		p.Parts = append(p.Parts, figures)
	}
	p.Parts = append(p.Parts, Origin(in.Version, command, in.Scenario, &in.Result.Scenario.Host.Kernel, &in.Result.Scenario.Host.Costs)...)
	return p, nil
}

// part returns the table as a part of a page.
func (t *table) part() Part {
	p := Part{Heading: capital(t.title)}
	if t.grouped() {
		p.Head = func(row int) bool { return t.rows[row].head }
	}
	head := make([]string, len(t.columns))
	for i, c := range t.columns {
		head[i] = c.head
	}
	for p.Left < len(t.columns) && !t.columns[p.Left].right {
		p.Left++
	}
	p.Table = append(p.Table, head)
	for _, r := range t.rows {
		row := make([]string, len(t.columns))
		for i := range row {
			row[i] = r.cell(i)
		}
		p.Table = append(p.Table, row)
	}
	return p
}

// Origin returns the parts that say where results come from: the version and
// the command that repeats them, the kernel and the costs with what is assumed
// of them, the scenario.
func Origin(version, command string, scenario []byte, k *kernel.Profile, c *kernel.Costs) []Part {
	how := Part{Heading: "How to repeat this", Code: command}
	if version != "" {
		how.Text = append(how.Text, "rxpath "+version+fmt.Sprintf(", results version %d. The same version, scenario and seed give the same bytes.", ResultsVersion))
	}
	parts := []Part{how}
	if k != nil && c != nil {
		costs := Part{
			Heading: "Kernel and costs", Folded: true, Left: 3,
			Text:  []string{profileName(k) + ": " + k.Source + ".", costsName(c) + "."},
			Table: [][]string{{"cost", "value", "source"}},
		}
		c.Each(func(key string, cost *kernel.Cost) {
			source := cost.Source
			if cost.Assumed {
				source = "assumed: " + source
			}
			costs.Table = append(costs.Table, []string{key, cost.String(), source})
		})
		parts = append(parts, costs)
	}
	if len(scenario) > 0 {
		parts = append(parts, Part{Heading: "Scenario", Folded: true, Code: string(scenario)})
	}
	return parts
}
