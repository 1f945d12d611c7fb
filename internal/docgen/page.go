package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// countersPage writes docs/COUNTERS.md.
func countersPage(m *module) ([]byte, error) {
	all, err := m.sections()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(generated)
	b.WriteString(`# What the counters say

Every counter that the model moves: where a host shows it, what it counts and what it does not, where the kernel increments it, which losses move it, and which setting acts on it.
Places were found by rendering a host with and without the counter; losses and settings by provoking each loss and turning each setting in the simulator.
A field is the number of a word in its line, as awk counts, for Linux 4.0. Letters with a number, such as RPS-9, are rules of the specification that the code cites.

Counters are cumulative since boot and count events, not states. Names are those of [metrics](metrics.md): ` + "`counter(\"proc/net/snmp\", \"Udp.InErrors\")`" + `.

`)
	writeContents(&b, all)
	writeReasons(&b)
	for i := range all {
		writeSection(&b, &all[i])
	}
	return b.Bytes(), nil
}

// writeContents lists the sections with their counters.
func writeContents(b *bytes.Buffer, all []section) {
	b.WriteString("| table | counters |\n|---|---|\n")
	for i := range all {
		var names []string
		for _, e := range all[i].entries {
			names = append(names, e.name)
		}
		fmt.Fprintf(b, "| [%s](#%s) | %s |\n", all[i].title, anchor(all[i].title), codeList(names))
	}
}

// anchor is the name that GitHub gives a heading.
func anchor(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		}
	}
	return b.String()
}

// writeReasons writes the table from a loss to its counters.
func writeReasons(b *bytes.Buffer) {
	b.WriteString(`
## Which counter shows a loss

Every packet ends exactly once, with a reason (the kernel's names since 5.17; Linux 4.0 prints none). *Drops* are losses for lack of room, memory or time, *rejects* are refused on purpose. A reason without a counter leaves no trace in any file of the host.

| reason | kind | when | counters that move |
|---|---|---|---|
`)
	for _, f := range feeds {
		counters := "none"
		if len(f.counters) > 0 {
			counters = codeList(readable(f.counters))
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.reason, kind(f.reason), markdown(f.when), counters)
	}
	var names []string
	for _, r := range never {
		names = append(names, r.String())
	}
	fmt.Fprintf(b, "\nThe model has the reasons %s, too, but loses nothing for them.\n", codeList(names))
}

func kind(r skb.DropReason) string {
	if r.Lost() {
		return "drop"
	}
	return "reject"
}

// readable returns ids as a reader knows them.
func readable(ids []string) []string {
	names := map[string]string{
		"ethtool": "ethtool -S ", "statistics": "statistics/", "dev": "/proc/net/dev ", "softnet_stat": "softnet_stat ",
		"udp": "/proc/net/udp ",
	}
	var out []string
	for _, id := range ids {
		file, name, _ := strings.Cut(id, ":")
		if file == "dev" {
			name = strings.TrimPrefix(name, "Receive.")
		}
		out = append(out, names[file]+name)
	}
	return out
}

func writeSection(b *bytes.Buffer, s *section) {
	fmt.Fprintf(b, "\n## %s\n", s.title)
	if s.intro != "" {
		fmt.Fprintf(b, "\n%s\n", markdown(s.intro))
	}
	for i := range s.entries {
		writeEntry(b, &s.entries[i])
	}
}

func writeEntry(b *bytes.Buffer, e *entry) {
	fmt.Fprintf(b, "\n### `%s`\n\n%s\n\n", e.name, markdown(e.text))
	if len(e.places) == 0 {
		b.WriteString("- Shown: in no file, in results only\n")
	} else {
		var where []string
		for _, p := range e.places {
			where = append(where, p.String())
		}
		fmt.Fprintf(b, "- Shown: %s\n", strings.Join(where, "; "))
	}
	if e.kernel != "" {
		fmt.Fprintf(b, "- Kernel: %s\n", markdown(e.kernel))
	}
	fmt.Fprintf(b, "- Model: `%s`\n", e.goName)
	if list := fed(e.id); len(list) > 0 {
		var names []string
		for _, f := range list {
			if n := "`" + f.reason.String() + "`"; !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
		fmt.Fprintf(b, "- Drop reasons: %s\n", strings.Join(names, ", "))
	}
	for _, k := range turns(e.id) {
		fmt.Fprintf(b, "- Setting: `%s`: %s\n", k.path, k.how)
	}
}
