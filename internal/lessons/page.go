package lessons

import (
	"bytes"
	"fmt"
	"strings"
	"text/template"
)

// howToRun stands on every page below its title.
const howToRun = "Commands run in the root of the repository. `rxpath` is there after `go install ./cmd/rxpath`, if `$(go env GOPATH)/bin` is on your path; `go run ./cmd/rxpath` does the same everywhere."

// A Page is a rendered lesson.
type Page struct {
	// Text is README.md.
	Text string
	// Plots are the pictures that it shows, by file name.
	Plots map[string][]byte
}

// Render runs the commands of a page and puts what they print into its text,
// which is a template of text/template. It has
//
//	{{run `COMMAND`}}             the command and what it prints
//	{{text `COMMAND`}}            what it prints as a part of the page
//	{{line 2 `COMMAND`}}          only one line of it, in a sentence
//	{{$t := table `COMMAND`}}     a command that prints a table,
//	{{$t}}                        shown here,
//	{{$t.Cell ROW `COLUMN`}}      and one of its cells, rows counted from 1
//	{{plot `FILE` `NAME` `TEXT`}} a picture that a command has drawn, as NAME
func (l *Lab) Render(name, text string) (*Page, error) {
	page := &Page{Plots: map[string][]byte{}}
	funcs := template.FuncMap{
		"run": func(command string) (string, error) {
			out, err := l.Output(command)
			return console(command, out), err
		},
		"text": func(command string) (string, error) {
			out, err := l.Output(command)
			return strings.TrimRight(out, "\n"), err
		},
		"line": func(n int, command string) (string, error) {
			out, err := l.Output(command)
			if err != nil {
				return "", err
			}
			lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
			if n < 1 || n > len(lines) {
				return "", fmt.Errorf("%s: no line %d: want 1 to %d", command, n, len(lines))
			}
			return strings.TrimSpace(lines[n-1]), nil
		},
		"table": l.Table,
		"plot": func(file, name, text string) (string, error) {
			data, err := l.file(file)
			page.Plots[name] = data
			return "![" + text + "](" + name + ")", err
		},
	}
	t, err := template.New(name).Funcs(funcs).Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, nil); err != nil {
		return nil, err
	}
	title, rest, _ := strings.Cut(out.String(), "\n")
	page.Text = "<!-- Generated from page.md.tmpl: go test ./internal/lessons -rewrite -->\n\n" + title + "\n\n" + howToRun + "\n" + rest
	return page, nil
}
