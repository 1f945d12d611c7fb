package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/seed-556df219/rxpath/sim/capture"
)

// mostNamed is the number of destinations that notes name.
const mostNamed = 8

// notes say what was assumed, a line each.
func (a *around) notes() []string {
	info := &a.file.Info
	out := []string{
		fmt.Sprintf("%s is a capture: %s", a.path, contents(info)),
		fmt.Sprintf("assumed: the default host, eth0 with address %v, one queue, its interrupt on CPU 1", a.address),
	}
	note := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(a.readers) == 0 {
		note("assumed: no application, because the capture has no UDP datagram that one could read")
	} else {
		note("assumed: an application for each destination, on CPUs 2 and 3 in turn, with the default buffer and no work of its own: %s", a.list(a.readers))
	}
	if a.recorded != a.address {
		note("assumed: %v was to be eth0's address", a.recorded)
	}
	if a.selves[a.recorded] > 0 || a.loopback > 0 {
		note("assumed: what the recording host sent to itself comes from %v", a.sender())
	}
	if len(a.more) > 0 {
		note("not read: %s, beyond the %d busiest destinations", a.list(a.more), mostReaders)
	}
	if len(a.others) > 0 {
		note("not read, because not eth0's address: %s", a.list(a.others))
	}
	if a.broadcasts > 0 {
		note("not read: %d broadcasts", a.broadcasts)
	}
	for _, id := range a.vlanIDs() {
		note("%d frames have VLAN id %d: applications here can't join groups on a VLAN device, and read unicast only", a.vlans[id], id)
	}
	return out
}

// hint says how to go on from what was assumed.
func (a *around) hint() string {
	return fmt.Sprintf("to change any of this: rxpath run --print-scenario %s > my.yaml, then rxpath run my.yaml", shellWord(a.path))
}

// list names destinations with their numbers of datagrams.
func (a *around) list(ds []destination) string {
	var parts []string
	for _, d := range ds[:min(len(ds), mostNamed)] {
		parts = append(parts, fmt.Sprintf("%v (%d datagrams)", d, a.frames[d]))
	}
	if rest := ds[len(parts):]; len(rest) > 0 {
		parts = append(parts, fmt.Sprintf("and %d more (%d datagrams)", len(rest), a.total(rest)))
	}
	return strings.Join(parts, ", ")
}

// contents says what is in a capture, in a line.
func contents(info *capture.Info) string {
	parts := []string{plural(info.Frames, "frame")}
	if info.Duration > 0 {
		parts[0] += " in " + info.Duration.String()
	}
	var links []string
	for _, l := range info.LinkTypes {
		links = append(links, l.Name)
	}
	parts = append(parts, links...)
	if n := len(info.Groups); n > 0 {
		parts = append(parts, plural(uint64(n), "group"))
	}
	if n := len(info.Ports); n > 0 {
		parts = append(parts, plural(uint64(n), "UDP port"))
	}
	if rest := info.Frames - info.UDP; rest > 0 {
		parts = append(parts, plural(rest, "frame")+" of other protocols")
	}
	return strings.Join(parts, ", ")
}

// paragraph breaks a text into lines of at most width characters, if its words
// allow; those behind the first are indented.
func paragraph(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = "  " + word
			continue
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// plural writes a number and what it counts.
func plural(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// shellWord quotes a word for a shell if it needs that.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./+:@%,=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
