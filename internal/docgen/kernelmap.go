package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A symbol is a name of the kernel and the Go name that models it.
type symbol struct {
	kernel string // "net_rx_action", "struct sk_buff", "net/core/dev.c"
	goName string // "softirq.SoftnetData.netRXAction"
	file   string // of the Go name
}

// The words by which a comment says that something models the kernel (P15).
var modelsWord = regexp.MustCompile(`\bmodels |\b[Tt]hey model |\bmodelled on `)

// The names of the kernel that can stand behind them: a source file, perhaps
// with a function; a type; a name with underscores.
var kernelName = regexp.MustCompile(`[a-z0-9_]+(?:/[a-z0-9_]+)+(?:[\w-]*\.[ch](?::\w+)?)?|(?:struct|enum) \w+|\b_*[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+\b|\b__\w+`)

// kernelNames returns the kernel's names that a comment says it models.
func kernelNames(text string) []string {
	var out []string
	for _, par := range paragraphs(text) {
		for _, s := range sentences(oneLine(par)) {
			at := modelsWord.FindStringIndex(s)
			if at == nil {
				continue
			}
			for _, name := range kernelName.FindAllString(what(s[at[1]:]), -1) {
				if !slices.Contains(out, name) {
					out = append(out, name)
				}
			}
		}
	}
	return out
}

// explains is where a sentence goes on to say how, or what that is.
var explains = regexp.MustCompile(`; |: |, (?:the|a|an|which|so|because|remembering) `)

// what cuts the rest of a sentence where it begins to explain the names that it
// has given.
func what(rest string) string {
	for _, at := range explains.FindAllStringIndex(rest, -1) {
		if kernelName.MatchString(rest[:at[0]]) {
			return rest[:at[0]]
		}
	}
	return rest
}

// isFile reports whether a kernel name is that of a source file.
func isFile(name string) bool { return strings.Contains(name, "/") }

// symbols returns what the module models: names, and source files apart.
func (m *module) symbols() (names, files []symbol) {
	for _, p := range m.packages {
		if !p.models() {
			continue
		}
		p.comments(func(c comment) {
			for _, k := range kernelNames(c.text) {
				source, function, has := strings.Cut(k, ":")
				if isFile(k) {
					files = append(files, symbol{source, c.name, c.file})
				}
				if !isFile(k) {
					names = append(names, symbol{k, c.name, c.file})
				} else if has {
					names = append(names, symbol{function, c.name, c.file})
				}
			}
		})
	}
	return sorted(names), sorted(files)
}

// sorted sorts by kernel name without leading underscores and "struct", and
// takes out what is there twice.
func sorted(list []symbol) []symbol {
	key := func(s symbol) string {
		k := strings.TrimPrefix(strings.TrimPrefix(s.kernel, "struct "), "enum ")
		return strings.ToLower(strings.TrimLeft(k, "_"))
	}
	slices.SortFunc(list, func(a, b symbol) int {
		return cmp.Or(cmp.Compare(key(a), key(b)), cmp.Compare(a.kernel, b.kernel), cmp.Compare(a.goName, b.goName), cmp.Compare(a.file, b.file))
	})
	return slices.Compact(list)
}

// A setting is a field of a configuration with the name that an operator knows.
type setting struct {
	name, goName, file string
}

// settings returns the fields that have a tag of that key: sysctl, ethtool.
func (m *module) settings(key string) []setting {
	var out []setting
	for _, p := range m.packages {
		for _, f := range p.files {
			ast.Inspect(f.File, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				eachField(spec.Type, func(name string, field *ast.Field) {
					if v, ok := tag(field, key); ok {
						out = append(out, setting{v, p.name + "." + spec.Name.Name + "." + name, f.path})
					}
				})
				return true
			})
		}
	}
	slices.SortFunc(out, func(a, b setting) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.goName, b.goName)) })
	return out
}

// tag returns the value of a key in a field's tag.
func tag(f *ast.Field, key string) (string, bool) {
	if f.Tag == nil {
		return "", false
	}
	text, err := strconv.Unquote(f.Tag.Value)
	if err != nil {
		return "", false
	}
	return reflect.StructTag(text).Lookup(key)
}

// kernelMapPage writes docs/KERNEL_MAP.md.
func kernelMapPage(m *module) []byte {
	var b bytes.Buffer
	b.WriteString(generated)
	b.WriteString(`# From the kernel to Go

Who knows the name in the kernel finds the Go name here. A row is there because a comment says "models NAME"; what such a comment says besides, and the rules that it cites, are with the code: ` + "`go doc -u PACKAGE NAME`" + `.
Names in Go are those of the kernel, respelled: underscores go, initialisms are capitals, what the package says already is left out. Counters are in [COUNTERS.md](COUNTERS.md), what is left out of a function in [deviations.md](deviations.md).

## Functions and types

| kernel | Go | file |
|---|---|---|
`)
	names, files := m.symbols()
	writeSymbols(&b, names)
	b.WriteString(`
## Source files

| kernel | Go | file |
|---|---|---|
`)
	writeSymbols(&b, files)
	for _, s := range []struct{ key, title string }{{"sysctl", "Sysctls"}, {"ethtool", "Settings of ethtool"}} {
		fmt.Fprintf(&b, "\n## %s\n\n| name | Go | file |\n|---|---|---|\n", s.title)
		for _, x := range m.settings(s.key) {
			name := x.name
			if s.key == "ethtool" {
				name = "ethtool " + name
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", name, x.goName, link(x.file))
		}
	}
	return b.Bytes()
}

func writeSymbols(b *bytes.Buffer, list []symbol) {
	for _, s := range list {
		fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", s.kernel, s.goName, link(s.file))
	}
}

// link returns a link from a page in docs to a file.
func link(file string) string { return fmt.Sprintf("[%s](../%s)", file, file) }
