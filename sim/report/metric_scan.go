package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A scanner cuts a metric into words, numbers, texts in quotes and single
// characters. The first fault stays in err; after it, everything is empty.
type scanner struct {
	text string
	at   int // the next byte
	err  *MetricError
}

// Bounds of a text, so that a hostile one costs nothing.
const (
	maxMetric = 1000
	maxNested = 20
)

// fail notes a fault at byte offset at, unless there is one already.
func (s *scanner) fail(at int, problem, want, nearest string) {
	if s.err == nil {
		s.err = &MetricError{Text: clip(s.text), Column: utf8.RuneCountInString(s.text[:at]) + 1, Problem: problem, Want: want, Nearest: nearest}
	}
}

// clip shortens a text that is quoted in an error.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// space passes over blanks and returns the offset of what follows.
func (s *scanner) space() int {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t') {
		s.at++
	}
	return s.at
}

// take returns the longest run of bytes for which is holds.
func (s *scanner) take(is func(byte) bool) string {
	from := s.at
	for s.err == nil && s.at < len(s.text) && is(s.text[s.at]) {
		s.at++
	}
	return s.text[from:s.at]
}

// word reads a name; it is empty if there is none.
func (s *scanner) word() string {
	return s.take(func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || '0' <= c && c <= '9'
	})
}

// peek reports whether the character c follows.
func (s *scanner) peek(c byte) bool {
	s.space()
	return s.err == nil && s.at < len(s.text) && s.text[s.at] == c
}

// expect passes over the character c.
func (s *scanner) expect(c byte) {
	if s.err != nil {
		return
	}
	if !s.peek(c) {
		s.fail(s.at, s.found(), strconv.Quote(string(c)), "")
		return
	}
	s.at++
}

// found describes what stands at the present place.
func (s *scanner) found() string {
	if s.at >= len(s.text) {
		return "unexpected end"
	}
	r, _ := utf8.DecodeRuneInString(s.text[s.at:])
	if !unicode.IsPrint(r) {
		return "unexpected character " + strconv.QuoteRune(r)
	}
	return "unexpected " + strconv.Quote(string(r))
}

// quoted reads a text in double or single quotes. There are no escapes: a text
// with one kind of quote stands in the other kind.
func (s *scanner) quoted(want string) string {
	at := s.space()
	if s.err != nil {
		return ""
	}
	if at >= len(s.text) || s.text[at] != '"' && s.text[at] != '\'' {
		s.fail(at, s.found(), want, "")
		return ""
	}
	end := strings.IndexByte(s.text[at+1:], s.text[at])
	if end < 0 {
		s.fail(at, "a quote that does not end", want, "")
		return ""
	}
	s.at = at + 1 + end + 1
	return s.text[at+1 : at+1+end]
}

// number reads digits with an optional point.
func (s *scanner) number() string {
	s.space()
	return s.take(func(c byte) bool { return '0' <= c && c <= '9' || c == '.' })
}
