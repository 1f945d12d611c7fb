package report

import (
	"bytes"
	"io"
	"strings"
)

// Width is how many characters a line of [Text] has at most, as long as no name
// of the scenario is longer than usual.
const Width = 100

// Text writes the answer for people: where the packets went, latencies, CPU
// time, sockets, the bottleneck if in has one, and a tick list of the
// scenario's thresholds. For the default scenario it fits 40 lines.
//
// An error is one of w, or that of a threshold that cannot be read.
func Text(w io.Writer, in Input) error {
	checks, err := CheckThresholds(in.Result)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	line := func(s string) { b.WriteString(s + "\n") }
	title, setup := heading(in.Result)
	for _, s := range []string{title, setup} {
		for _, l := range wrapped(s, Width, "  ") {
			line(l)
		}
	}
	for _, t := range []*table{waterfall(in.Result), latency(in.Result), cpuTable(in.Result), sockets(in.Result)} {
		line("")
		for _, l := range t.text(len("  wire_to_app")) {
			line(l)
		}
	}
	if lines := remarks(&in); len(lines) > 0 {
		line("")
		for _, s := range lines {
			for _, l := range wrapped(s, Width, "  ") {
				line(l)
			}
		}
	}
	if len(checks) > 0 {
		line("")
		line("THRESHOLDS")
		for _, c := range checks {
			line("  " + tick(c.OK) + " " + c.Threshold + "  (" + c.Value + ")")
		}
	}
	_, err = w.Write(b.Bytes())
	return err
}

func tick(ok bool) string {
	if ok {
		return "✓"
	}
	return "✗"
}

// Markdown writes what [Text] writes as Markdown, for a ticket or a page. An
// error is as there.
func Markdown(w io.Writer, in Input) error {
	checks, err := CheckThresholds(in.Result)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	title, setup := heading(in.Result)
	b.WriteString("## " + markdownEscape(title) + "\n\n" + markdownEscape(setup) + "\n")
	for _, t := range []*table{waterfall(in.Result), latency(in.Result), cpuTable(in.Result), sockets(in.Result)} {
		b.WriteString("\n### " + capital(t.title) + "\n\n" + strings.Join(t.markdown(), "\n") + "\n")
	}
	for _, s := range remarks(&in) {
		b.WriteString("\n" + markdownEscape(s) + "\n")
	}
	if len(checks) > 0 {
		b.WriteString("\n### Thresholds\n\n")
		for _, c := range checks {
			b.WriteString("- " + tick(c.OK) + " " + markdownEscape(c.Threshold) + " (" + markdownEscape(c.Value) + ")\n")
		}
	}
	_, err = w.Write(b.Bytes())
	return err
}

// capital begins a title with a capital letter; CPU is all capitals.
func capital(s string) string {
	if rest, ok := strings.CutPrefix(s, "cpu"); ok {
		return "CPU" + rest
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
