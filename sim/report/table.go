package report

import (
	"strings"
	"unicode/utf8"
)

// A table is a part of the answer that text and Markdown print each in their way.
type table struct {
	title   string
	columns []column
	rows    []row
}

type column struct {
	head string
	// right aligns numbers.
	right bool
}

// A row has as many cells as the table has columns, or fewer.
type row struct {
	cells []string
	// head says that the rows after it are its parts.
	head bool
}

// heads returns columns: those after the first left ones are aligned right.
func heads(left int, names ...string) []column {
	var out []column
	for i, n := range names {
		out = append(out, column{n, i >= left})
	}
	return out
}

func (t *table) add(cells ...string)     { t.rows = append(t.rows, row{cells: cells}) }
func (t *table) addHead(cells ...string) { t.rows = append(t.rows, row{cells: cells, head: true}) }

// grouped reports whether some rows are parts of others.
func (t *table) grouped() bool {
	for _, r := range t.rows {
		if r.head {
			return true
		}
	}
	return false
}

// cell returns the text of a cell, empty if the row has none.
func (r *row) cell(i int) string {
	if i < len(r.cells) {
		return r.cells[i]
	}
	return ""
}

// text returns the table as lines: its title stands in the head of the first
// column, which is at least first wide, the others as wide as they need.
func (t *table) text(first int) []string {
	widths := make([]int, len(t.columns))
	lines := make([][]string, 0, len(t.rows)+1)
	header := make([]string, len(t.columns))
	for i, c := range t.columns {
		header[i] = c.head
	}
	header[0] = strings.ToUpper(t.title)
	lines = append(lines, header)
	for _, r := range t.rows {
		line := make([]string, len(t.columns))
		for i := range line {
			line[i] = r.cell(i)
		}
		if !r.head && t.grouped() {
			line[0] = "  " + line[0]
		}
		lines = append(lines, line)
	}
	widths[0] = first
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], runes(cell))
		}
	}
	out := make([]string, len(lines))
	for n, line := range lines {
		out[n] = t.line(line, widths)
	}
	return out
}

// line pads the cells of a line and joins them.
func (t *table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		pad := strings.Repeat(" ", widths[i]-runes(cell))
		if t.columns[i].right {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// markdown returns the table as lines of a Markdown table. Rows that have parts
// are bold.
func (t *table) markdown() []string {
	head, rule := "|", "|"
	for _, c := range t.columns {
		head += " " + c.head + " |"
		if c.right {
			rule += "---:|"
		} else {
			rule += "---|"
		}
	}
	out := []string{head, rule}
	for _, r := range t.rows {
		line := "|"
		for i := range t.columns {
			cell := markdownEscape(r.cell(i))
			if r.head && cell != "" {
				cell = "**" + cell + "**"
			}
			line += " " + cell + " |"
		}
		out = append(out, line)
	}
	return out
}

// markdownEscape keeps names of users from becoming markup.
func markdownEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`, "\n", " ").Replace(s)
}

func runes(s string) int { return utf8.RuneCountInString(s) }
