package scenariofile

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Fault is one thing that is wrong with a scenario: where it stands, what
// stands there, and what was expected instead.
type Fault struct {
	// File is the name that was given to Load or Parse.
	File string
	// Line and Column count from 1, Column in characters; 0 for a fault of a Set or of the whole file.
	Line, Column int
	// Set is the --set argument at fault, empty if it is the file.
	Set string
	// Path is the key: "nics[0].ring.rx", "net.core.rmem_max"; empty for the whole file.
	Path string
	// Value is what was found, as it was written; empty if that is not the point.
	Value string
	// Problem says what is wrong if that is more than an unexpected value: "unknown key", "missing".
	Problem string
	// Want says what was expected: "a whole number from 1 to 256".
	Want string
	// Near is the nearest known key or name, empty if none is near.
	Near string

	set    int    // which Set, counted from 1; 0: the file
	source string // the line of the file
}

// Error returns the fault in one line, without the line of the file.
func (f *Fault) Error() string {
	var b strings.Builder
	switch {
	case f.Set != "":
		b.WriteString("--set " + f.Set + ": ")
	case f.Line > 0:
		fmt.Fprintf(&b, "%s:%d:%d: ", f.File, f.Line, f.Column)
	default:
		b.WriteString(f.File + ": ")
	}
	var what []string
	switch {
	case f.restated():
	case f.Path != "" && f.Value != "":
		what = append(what, f.Path+" = "+f.Value)
	case f.Path != "" || f.Value != "":
		what = append(what, f.Path+f.Value)
	}
	if f.Problem != "" {
		what = append(what, f.Problem)
	}
	if f.Want != "" {
		what = append(what, "want "+f.Want)
	}
	b.WriteString(strings.Join(what, ": "))
	if f.Near != "" {
		b.WriteString("; did you mean " + strconv.Quote(f.Near) + "?")
	}
	return b.String()
}

// restated reports that path and value would only repeat the Set.
func (f *Fault) restated() bool {
	return f.Set != "" && strings.HasPrefix(f.Set, f.Path+"=")
}

// Faults is everything that is wrong with a scenario: first the file from top
// to bottom, then the Sets in their order. It has at least one element, and at
// most 1,001: the last one counts the others.
type Faults []*Fault

// Error returns one line for every fault.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults one by one.
func (fs Faults) Unwrap() []error {
	out := make([]error, len(fs))
	for i, f := range fs {
		out[i] = f
	}
	return out
}

// WriteTo prints every fault with the line of the file that it is about, for
// people:
//
//	feed.yaml:9:13: nics[0].ring.rx = "many": want a whole number of at least 1
//	    9 |     ring: {rx: many}
//	      |                ^
func (fs Faults) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	for _, f := range fs {
		b.WriteString(f.Error() + "\n")
		if f.Line > 0 && f.source != "" {
			line, caret := snippet(f.source, f.Column)
			fmt.Fprintf(&b, "%5d | %s\n      | %s^\n", f.Line, line, caret)
		}
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// snippet returns the part of a line that a terminal can show and the blanks
// that stand before its column.
func snippet(source string, column int) (line, blanks string) {
	const most = 100
	r := []rune(source)
	at := min(max(column-1, 0), len(r))
	if from := max(0, at-most*3/4); from > 0 && len(r) > most {
		r, at = append([]rune("..."), r[from:]...), at-from+3
	}
	if len(r) > most {
		r = append(slices.Clone(r[:most]), []rune("...")...)
	}
	for _, c := range r[:at] {
		if c != '\t' {
			c = ' '
		}
		blanks += string(c)
	}
	return string(r), blanks
}

// sort puts the faults in the order that [Faults] promises.
func (fs Faults) sort() {
	slices.SortStableFunc(fs, func(a, b *Fault) int {
		return cmp.Or(
			cmp.Compare(a.set, b.set),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Want, b.Want),
		)
	})
}

// lines finds the lines of a text.
type lines struct {
	text   string
	starts []int
}

// get returns one line, counted from 1, without its end; "" if it is not there
// or not text.
func (l *lines) get(line int) string {
	if line < 1 {
		return ""
	}
	if l.starts == nil {
		l.starts = []int{0}
		for i := range len(l.text) {
			if l.text[i] == '\n' {
				l.starts = append(l.starts, i+1)
			}
		}
	}
	if line > len(l.starts) {
		return ""
	}
	text, _, _ := strings.Cut(l.text[l.starts[line-1]:], "\n")
	if text = strings.TrimSuffix(text, "\r"); !utf8.ValidString(text) {
		return ""
	}
	return text
}
