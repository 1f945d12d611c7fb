package main

import (
	"regexp"
	"strings"
)

// oneLine joins the words of a comment with single blanks.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// paragraphs splits a comment at its empty lines.
func paragraphs(s string) []string {
	var out []string
	for _, p := range regexp.MustCompile(`\n[ \t]*\n`).Split(strings.TrimSpace(s), -1) {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

// sentenceEnd is a full stop and the blank behind it.
var sentenceEnd = regexp.MustCompile(`[.!?] +`)

// sentences splits a line into its sentences.
func sentences(line string) []string {
	var out []string
	for line != "" {
		end := len(line)
		if at := sentenceEnd.FindStringIndex(line); at != nil {
			end = at[1]
		}
		out = append(out, strings.TrimSpace(line[:end]))
		line = line[end:]
	}
	return out
}

// docLink is a link of a Go comment: [Port], [mib.Snapshot], [*Error].
var docLink = regexp.MustCompile(`\[\*?([A-Za-z][\w./]*)\]`)

// code is a word that Markdown would take for something else, or that reads
// better as code: what has an underscore or a placeholder, and paths.
var code = regexp.MustCompile(`[^\s()"',;` + "`" + `]*(?:[_<]|/proc/|/sys/|\.[ch]\b)[^\s()"',;` + "`" + `]*`)

// markdown makes Markdown of the text of a comment in one line.
func markdown(s string) string {
	parts := strings.Split(oneLine(s), "`") // what stands in backquotes already is left alone
	for i := 0; i < len(parts); i += 2 {
		p := docLink.ReplaceAllString(parts[i], "`$1`")
		inner := strings.Split(p, "`")
		for k := 0; k < len(inner); k += 2 {
			inner[k] = code.ReplaceAllStringFunc(inner[k], quote)
		}
		parts[i] = strings.Join(inner, "`")
	}
	return strings.Join(parts, "`")
}

// quote puts a word into backquotes, but not the punctuation behind it.
func quote(w string) string {
	bare := strings.TrimRight(w, ".:!?")
	if bare == "<=" || bare == "<" {
		return w
	}
	return "`" + bare + "`" + w[len(bare):]
}

// codeList returns words as code, with commas.
func codeList(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("`" + w + "`")
	}
	return b.String()
}

// capital returns s with a capital at its beginning.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
