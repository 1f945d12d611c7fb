package lessons

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Table is what a command printed, in rows and columns.
type Table struct {
	command, text string
	columns       []string
	rows          [][]string
}

// gap is what stands between two columns.
var gap = regexp.MustCompile(` {2,}`)

// parseTable reads a table whose first line names the columns and whose cells
// have no two spaces in a row.
func parseTable(command, text string) *Table {
	t := &Table{command: command, text: text}
	for line := range strings.Lines(text) {
		cells := gap.Split(strings.TrimSpace(line), -1)
		if t.columns == nil {
			t.columns = cells
		} else if len(cells) == len(t.columns) {
			t.rows = append(t.rows, cells)
		}
	}
	return t
}

// String returns the command and its output, as a page shows them.
func (t *Table) String() string { return console(t.command, t.text) }

// Cell returns the text in a row, counted from 1, and a column.
func (t *Table) Cell(row int, column string) (string, error) {
	at := slices.Index(t.columns, column)
	if at < 0 {
		return "", fmt.Errorf("%s: no column %q: want one of %q", t.command, column, t.columns)
	}
	if row < 1 || row > len(t.rows) {
		return "", fmt.Errorf("%s: no row %d: want 1 to %d", t.command, row, len(t.rows))
	}
	return t.rows[row-1][at], nil
}
