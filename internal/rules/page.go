package rules

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
)

// Page renders docs/rules.md from the rows below root.
func Page(root string) ([]byte, error) {
	rows, err := Read(root)
	if err != nil {
		return nil, err
	}
	byID := map[string]*Row{}
	var newer []string
	for i := range rows {
		r := &rows[i]
		byID[r.Spec+" "+r.ID] = r
		if r.Spec == "6.18" {
			newer = append(newer, r.ID)
		}
	}
	sort.Slice(newer, func(i, j int) bool { return sectionLess(newer[i], newer[j]) })
	all := append([]spec{}, specs...)
	if len(newer) > 0 {
		all = append(all, spec{"6.18", "Newer kernels, by section of their facts", newer})
	}

	var b bytes.Buffer
	b.WriteString("<!-- Generated from internal/rules/data: change the rows there, then run `go generate ./internal/docgen`. -->\n")
	b.WriteString(head)
	b.WriteString("\n| kernel and part | rules | modelled | partly | not modelled | open |\n|---|---|---|---|---|---|\n")
	for _, s := range all {
		n := map[string]int{}
		for _, id := range s.ids {
			n[status(byID[s.name+" "+id])]++
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", s.title, len(s.ids), n[Modelled], n[Partly], n[NotModelled], n[Open])
	}
	for _, s := range all {
		fmt.Fprintf(&b, "\n## %s\n\n| rule | says | modelled in | pinned by | fails when | status |\n|---|---|---|---|---|---|\n", s.title)
		for _, id := range s.ids {
			writeRow(&b, id, byID[s.name+" "+id])
		}
	}
	return b.Bytes(), nil
}

const head = `# The rules of the kernel, one by one

What Linux does on the receive path, as rules with an ID, and where each stands in the model. *Modelled in* is a Go symbol (` + "`go doc -u PACKAGE NAME`" + `),
*pinned by* the test that holds it, *fails when* the change of the behaviour that was made to see that test fail: ` + "`make rules`" + ` plants every one of them and wants the
test to fail. *Partly* and *not modelled* say why. SUR-n are the surprising but true facts, TAB-n the rows of the table of drops, Vn and ODD-n worked examples.
`

func status(r *Row) string {
	if r == nil {
		return Open
	}
	return r.Status
}

func writeRow(b *bytes.Buffer, id string, r *Row) {
	if r == nil {
		fmt.Fprintf(b, "| %s |  |  |  |  | %s |\n", id, Open)
		return
	}
	state := r.Status
	if r.Why != "" {
		state += ": " + r.Why
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", id, cell(r.Says), code(r.Where), code(r.Test), cell(r.Changed), cell(state))
}

func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
}

func code(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = "`" + cell(n) + "`"
	}
	return strings.Join(quoted, ", ")
}

// sectionLess orders "6.18/1.3.2" by its numbers.
func sectionLess(a, b string) bool {
	x, y := strings.FieldsFunc(a, dots), strings.FieldsFunc(b, dots)
	for i := 0; i < len(x) && i < len(y); i++ {
		if x[i] == y[i] {
			continue
		}
		if len(x[i]) != len(y[i]) {
			return len(x[i]) < len(y[i])
		}
		return x[i] < y[i]
	}
	return len(x) < len(y)
}

func dots(r rune) bool { return r == '.' || r == '/' }
