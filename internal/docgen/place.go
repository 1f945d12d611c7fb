package main

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

// A place is where a file shows a counter.
type place struct {
	file string // "/proc/net/snmp"
	// line is the first word of the line, empty if the file has one number, or a line per CPU without a name.
	line string
	// field is the number of the word in its line, from 1, as awk counts; 0 in a file of one number.
	field int
	// column is its name, where the file has names that are not the counter's own.
	column string
	// format is the kernel that has the column, empty if Linux 4.0 has it.
	format string
}

// String names the place for a reader.
func (p place) String() string {
	s := fmt.Sprintf("`%s`", p.file)
	if p.line != "" {
		s += fmt.Sprintf(", line `%s`", p.line)
	}
	if p.field > 0 {
		s += fmt.Sprintf(", field %d", p.field)
	}
	if p.column != "" {
		s += fmt.Sprintf(" (`%s`)", p.column)
	}
	if p.format != "" {
		s += ", in " + p.format
	}
	return s
}

// probe is a value that shows in a rendered file and stands there for nothing else.
const probe = 87654321

// find renders the files of a host with and without a counter, and returns
// where they differ: so a place is where the counter is, folds included, and
// not where somebody thinks it is. Of the files that are there several times,
// and of the words of a file that move together, it returns the first.
// A column that Linux 4.0 has not is looked for in the files of 6.1.
func find(set func(*mib.Snapshot, uint64)) ([]place, error) {
	out, err := findIn("", set)
	if err != nil || len(out) > 0 {
		return out, err
	}
	return findIn(newerFormat, set)
}

// newerFormat is that of files with columns that Linux 4.0 has not.
const newerFormat = "linux-6.1"

func findIn(format string, set func(*mib.Snapshot, uint64)) ([]place, error) {
	before, after := sampleHost(), sampleHost()
	before.NetstatColumns, after.NetstatColumns = format, format
	set(after, probe)
	var out []place
	a, b := procfs.FS(before), procfs.FS(after)
	err := fs.WalkDir(a, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == "proc/self" || name == "proc/1" {
				return fs.SkipDir
			}
			return nil
		}
		was, err := fs.ReadFile(a, name)
		if err != nil {
			return err
		}
		is, err := fs.ReadFile(b, name)
		if err != nil {
			return err
		}
		if p, ok := difference(string(was), string(is)); ok {
			p.file, p.format = "/"+anyDevice(name), format
			p.column = column(name, moved(before, after))
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

// column returns the name of the column of /proc/net/dev that moved: its columns
// are sums of counters with names of their own.
func column(file string, moved []string) string {
	for _, id := range moved {
		if name, ok := strings.CutPrefix(id, "dev:Receive."); ok && file == "proc/net/dev" {
			return name
		}
	}
	return ""
}

// anyDevice takes the name of the sample's device out of a path.
func anyDevice(name string) string { return strings.Replace(name, "/"+sampleDevice+"/", "/<if>/", 1) }

// difference returns the first word in which two files of the same shape differ.
func difference(was, is string) (place, bool) {
	x, y := strings.Split(was, "\n"), strings.Split(is, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] == y[i] {
			continue
		}
		f, g := strings.Fields(x[i]), strings.Fields(y[i])
		for k := range min(len(f), len(g)) {
			if f[k] != g[k] {
				return at(g, k, len(y)), true
			}
		}
	}
	return place{}, false
}

// at describes word k of a line of a file of so many lines.
func at(words []string, k, lines int) place {
	switch {
	case len(words) == 1 && lines <= 2:
		return place{}
	case isNumber(words[0]):
		return place{field: k + 1}
	}
	return place{line: word(words[0]), field: k + 1}
}

// word takes the name of the sample's device out of the first word of a line.
func word(first string) string {
	if first == sampleDevice+":" {
		return "<if>:"
	}
	return first
}

// isNumber reports whether a line that begins with this word has no name.
func isNumber(s string) bool { return strings.Trim(s, "0123456789abcdef:") == "" }

const sampleDevice = "eth0"

// sampleHost is a host with one of everything.
func sampleHost() *mib.Snapshot {
	return &mib.Snapshot{
		HZ: 250, NrIRQs: 80, SoftnetColumns: 11, MemErrors: true, ReasmOverlaps: true, OutTransmits: true,
		CPUs: make([]mib.CPU, 1), Conntrack: make([]mib.Conntrack, 1),
		Devices: []mib.Device{{Name: "lo", IfIndex: 1}, {Name: sampleDevice, IfIndex: 2}},
		Sockets: []mib.Socket{{Name: "app", Bucket: 1, LocalPort: 5001, Inode: 18231}},
	}
}

// identify returns the id of the counter that set sets: the first one that
// moves, but not one of /proc/net/dev, whose columns are sums of others.
func identify(set func(*mib.Snapshot, uint64)) string {
	for _, format := range []string{"", newerFormat} {
		before, after := sampleHost(), sampleHost()
		before.NetstatColumns, after.NetstatColumns = format, format
		set(after, probe)
		for _, id := range moved(before, after) {
			if !strings.HasPrefix(id, "dev:") {
				return id
			}
		}
	}
	return ""
}

// An id names a counter of any row of a file: "snmp:Udp.InErrors". It is made
// of what procfs.EachCounter says.
func id(file, object, name string) string {
	dir, base := path.Split(file)
	switch {
	case base == "S": // ethtool/eth0/S
		base = "ethtool"
	case base == "interrupts": // the columns are CPUs
		name = object
	case strings.HasPrefix(dir, "sys/"):
		base = "statistics"
	}
	return base + ":" + name
}

// totals returns the sums of all counters by id, and the ids in order.
func totals(s *mib.Snapshot) (map[string]uint64, []string) {
	sums := map[string]uint64{}
	var order []string
	procfs.EachCounter(s, func(file, object, name string, v uint64) {
		k := id(file, object, name)
		if _, ok := sums[k]; !ok {
			order = append(order, k)
		}
		sums[k] += v
	})
	return sums, order
}

// moved returns the ids of the counters in which two snapshots differ.
func moved(before, after *mib.Snapshot) []string {
	was, _ := totals(before)
	is, order := totals(after)
	var out []string
	for _, k := range order {
		if is[k] != was[k] {
			out = append(out, k)
		}
	}
	return out
}
