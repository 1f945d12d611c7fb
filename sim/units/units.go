package units

import (
	"math"

	"github.com/seed-556df219/rxpath/sim/engine"
)

var times = quantity{
	want:   "a time such as 67.2ns, 10us, 20ms, 4s or 1m",
	finest: "picoseconds",
	units: []unit{
		{"s", 1e12}, {"ms", 1e9}, {"us", 1e6}, {"ns", 1e3}, {"ps", 1},
		{"µs", 1e6}, {"μs", 1e6}, {"m", 60e12}, {"h", 3600e12}, // micro sign and Greek mu
	},
	print: 5, decimals: 3, max: whole,
}

// ParseTime reads a time that is not negative: a number and ps, ns, us (or
// µs), ms, s, m or h. Zero needs no unit.
func ParseTime(s string) (engine.Time, error) {
	v, err := times.parse(s)
	return engine.Time(v), err
}

// FormatTime prints t >= 0 so that ParseTime reads the same: "67.2ns".
// (engine.Time.String is for reports: it cuts after three decimals.)
func FormatTime(t engine.Time) string {
	if t == 0 {
		return "0s"
	}
	return times.format(int64(t))
}

var rates = quantity{
	want:   "a rate in packets per second such as 250kpps, 14.88Mpps or 1/s",
	finest: "thousandths of a packet per second",
	units:  []unit{{"Gpps", 1e12}, {"Mpps", 1e9}, {"kpps", 1e6}, {"pps", 1e3}, {"/s", 1e3}},
	print:  4, decimals: 2, max: whole,
}

// ParseRate reads a packet rate and returns thousandths of a packet per second:
// a number and pps, kpps, Mpps, Gpps or /s. A bit rate is refused. Zero needs
// no unit.
func ParseRate(s string) (milliPPS uint64, err error) {
	if _, name := split(s); links.holds(name) != 0 {
		return 0, &Error{Input: clip(s), Why: "a bit rate", Want: rates.want}
	}
	v, err := rates.parse(s)
	return uint64(v), err
}

// FormatRate prints thousandths of a packet per second, at most 2^63-1, so that
// ParseRate reads the same: "250kpps".
func FormatRate(milliPPS uint64) string {
	if milliPPS == 0 {
		return "0pps"
	}
	return rates.format(int64(min(milliPPS, math.MaxInt64)))
}

var links = quantity{
	want:   "a link speed such as 10Gb/s, 1Gb/s or 100Mb/s",
	finest: "bits per second",
	units:  []unit{{"Tb/s", 1e12}, {"Gb/s", 1e9}, {"Mb/s", 1e6}, {"kb/s", 1e3}, {"b/s", 1}},
	print:  5, decimals: 1, max: whole,
}

// ParseLink reads a link speed in bits per second: a number and b/s, kb/s,
// Mb/s, Gb/s or Tb/s. It never means bytes.
func ParseLink(s string) (bitsPerSecond int64, err error) { return links.parse(s) }

// FormatLink prints bits per second so that ParseLink reads the same: "10Gb/s".
func FormatLink(bitsPerSecond int64) string { return links.format(bitsPerSecond) }

var sizes = quantity{
	want:   "a number of bytes such as 212992, 208KiB or 8MiB (KiB is 1024, KB is 1000)",
	finest: "bytes",
	units: []unit{
		{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1},
		{"B", 1}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	},
	print: 5, decimals: 0, bare: 1, max: whole,
}

// ParseBytes reads a number of bytes that is not negative: a plain number, or
// one with B, kB or KB (1000), MB, GB, TB, KiB (1024), MiB, GiB or TiB.
func ParseBytes(s string) (int64, error) { return sizes.parse(s) }

// FormatBytes prints v >= 0 in the largest binary unit that divides it, else as
// a plain number, so that ParseBytes reads the same: "208KiB".
func FormatBytes(v int64) string { return sizes.format(v) }

var shares = quantity{
	want:   "a share from 0 to 1 such as 0.1%, 0.001 or 1e-3",
	finest: "millionths",
	units:  []unit{{"%", 10_000}, {"ppm", 1}},
	print:  1, decimals: 4, bare: 1_000_000, max: 1_000_000,
}

// ParsePPM reads a share or probability and returns millionths: a number from
// 0 to 1, a percentage up to 100%, or ppm.
func ParsePPM(s string) (uint32, error) {
	v, err := shares.parse(s)
	return uint32(v), err
}

// FormatPPM prints millionths as a percentage that ParsePPM reads the same: "0.1%".
func FormatPPM(ppm uint32) string { return shares.format(int64(ppm)) }

var factors = quantity{
	want:   "a factor such as 10, 0.5 or 2.25",
	finest: "thousandths",
	units:  []unit{{"", 1000}, {"x", 1000}},
	print:  1, decimals: 3, bare: 1000, max: whole,
}

// ParseMilli reads a factor that is not negative and returns thousandths: 10 is
// 10000. An x after the number changes nothing.
func ParseMilli(s string) (uint64, error) {
	v, err := factors.parse(s)
	return uint64(v), err
}

// FormatMilli prints thousandths, at most 2^63-1, so that ParseMilli reads the same: "0.5".
func FormatMilli(milli uint64) string { return factors.format(int64(min(milli, math.MaxInt64))) }
