package report

import (
	"math/bits"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// What people read is rounded for a table: three digits of a time, thousandths
// of a percent. Programs get the exact numbers from JSON and CSV.

// grouped prints a number with its thousands apart: 1,234,567.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// shortTime prints a time with three digits: 27.7µs, 1.5ms, 854ns.
func shortTime(t engine.Time) string {
	if t < 0 {
		return "-" + shortTime(-t)
	}
	units := []struct {
		size engine.Time
		name string
	}{{engine.Nanosecond, "ns"}, {engine.Microsecond, "µs"}, {engine.Millisecond, "ms"}, {engine.Second, "s"}}
	for i, u := range units {
		for _, digits := range []int{2, 1, 0} {
			step := u.size // what the last digit stands for
			for range digits {
				step /= 10
			}
			n := int64((t + step/2) / step)
			if n < 1000 || i == len(units)-1 && digits == 0 {
				return point(n, digits) + u.name
			}
		}
	}
	return ""
}

// point prints n with the last digits after a point, without zeros at the end.
func point(n int64, digits int) string {
	s := strconv.FormatInt(n, 10)
	if digits == 0 {
		return s
	}
	for len(s) <= digits {
		s = "0" + s
	}
	return strings.TrimSuffix(strings.TrimRight(s[:len(s)-digits]+"."+s[len(s)-digits:], "0"), ".")
}

// percent prints a as a share of b with the given number of decimals; what is
// there, but less than the last decimal shows, is "<0.001%".
func percent(a, b uint64, decimals int) string {
	if b == 0 {
		return "-"
	}
	scale := uint64(100)
	for range decimals {
		scale *= 10
	}
	hi, lo := bits.Mul64(a, scale)
	if hi >= b {
		return "-"
	}
	n, rest := bits.Div64(hi, lo, b)
	if n == 0 && a > 0 {
		return "<" + padded(1, decimals) + "%"
	}
	if rest >= b-b/2 && !(n+1 == scale && a < b) { // rounded, but not up to 100%
		n++
	}
	return padded(n, decimals) + "%"
}

// padded prints n with exactly that many digits after the point.
func padded(n uint64, digits int) string {
	s := strconv.FormatUint(n, 10)
	if digits == 0 {
		return s
	}
	for len(s) <= digits {
		s = "0" + s
	}
	return s[:len(s)-digits] + "." + s[len(s)-digits:]
}

// shortBytes prints a number of bytes in the largest binary unit that is not
// above it, with three digits: 208KiB, 1.5MiB.
func shortBytes(n uint64) string {
	size, name := uint64(1), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n < size*1024 {
			break
		}
		size, name = size*1024, next
	}
	whole, rest := n/size, n%size
	switch {
	case size == 1 || whole >= 100:
		return strconv.FormatUint(whole, 10) + name
	case whole >= 10:
		return point(int64(whole*10+rest*10/size), 1) + name
	}
	return point(int64(whole*100+rest*100/size), 2) + name
}

// wrapped breaks a text into lines of at most width characters, at blanks; the
// lines after the first begin with indent.
func wrapped(text string, width int, indent string) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case runes(line)+1+runes(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = indent + word
		}
	}
	return append(lines, line)
}
