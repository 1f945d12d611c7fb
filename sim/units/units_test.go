package units_test

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/units"
)

func TestParse(t *testing.T) {
	parse := map[string]func(string) (int64, error){
		"time":   func(s string) (int64, error) { v, err := units.ParseTime(s); return int64(v), err },
		"rate":   func(s string) (int64, error) { v, err := units.ParseRate(s); return int64(v), err },
		"link":   units.ParseLink,
		"bytes":  units.ParseBytes,
		"ppm":    func(s string) (int64, error) { v, err := units.ParsePPM(s); return int64(v), err },
		"factor": func(s string) (int64, error) { v, err := units.ParseMilli(s); return int64(v), err },
	}
	for _, c := range []struct {
		kind, in string
		want     int64
		err      string // a part of the error; empty: none
	}{
		{"time", "67.2ns", 67_200, ""},
		{"time", "0.001ns", 1, ""},
		{"time", "10us", 10_000_000, ""},
		{"time", "10µs", 10_000_000, ""},
		{"time", "10μs", 10_000_000, ""},
		{"time", "10 us", 10_000_000, ""},
		{"time", "20ms", 20e9, ""},
		{"time", "4s", 4e12, ""},
		{"time", "1m", 60e12, ""},
		{"time", "1.5h", 5400e12, ""},
		{"time", "1e-6s", 1_000_000, ""},
		{"time", "0", 0, ""},
		{"time", "0.0", 0, "no unit"},
		{"time", "00s", 0, ""},
		{"time", "9223372036854775807ps", math.MaxInt64, ""},
		{"time", "9223372036854775808ps", 0, "too large"},
		{"time", "1e41s", 0, "not a decimal number"},
		{"time", "1e40s", 0, "too large"},
		{"time", "10", 0, "no unit"},
		{"time", "0.5ps", 0, "not a whole number of picoseconds"},
		{"time", "1.5.5s", 0, "not a decimal number"},
		{"time", "1.s", 0, "not a decimal number"},
		{"time", ".5s", 0, "not a decimal number"},
		{"time", "-1s", 0, "no number"},
		{"time", "+1s", 0, "no number"},
		{"time", "", 0, "no number"},
		{"time", "ns", 0, "no number"},
		{"time", "1 ", 0, `unknown unit " "`},
		{"time", "1  s", 0, `unknown unit " s"`},
		{"time", "1s ", 0, `unknown unit "s "`},
		{"time", "1sec", 0, `unknown unit "sec"`},
		{"time", "1m30s", 0, `unknown unit "m30s"`},
		{"time", "1_000ns", 0, `unknown unit "_000ns"`},
		{"time", "0x10ns", 0, `unknown unit "x10ns"`},

		{"rate", "250kpps", 250_000_000, ""},
		{"rate", "14.88Mpps", 14_880_000_000, ""},
		{"rate", "14880952pps", 14_880_952_000, ""},
		{"rate", "1/s", 1000, ""},
		{"rate", "0.001/s", 1, ""},
		{"rate", "1Gpps", 1e12, ""},
		{"rate", "0.0001/s", 0, "not a whole number of thousandths of a packet per second"},
		{"rate", "250000", 0, "no unit"},
		{"rate", "10Gb/s", 0, "a bit rate"},
		{"rate", "10b/s", 0, "a bit rate"},
		{"rate", "250Kpps", 0, `unknown unit "Kpps"`},
		{"rate", "1mpps", 0, `unknown unit "mpps"`},

		{"link", "10Gb/s", 10_000_000_000, ""},
		{"link", "1Gb/s", 1_000_000_000, ""},
		{"link", "100Mb/s", 100_000_000, ""},
		{"link", "2.5Gb/s", 2_500_000_000, ""},
		{"link", "10000Mb/s", 10_000_000_000, ""},
		{"link", "10GB/s", 0, `unknown unit "GB/s"`},
		{"link", "10Gbps", 0, `unknown unit "Gbps"`},
		{"link", "10", 0, "no unit"},

		{"bytes", "64KiB", 65536, ""},
		{"bytes", "8MiB", 8 << 20, ""},
		{"bytes", "208KB", 208000, ""}, // docker/go-units reads 208KiB so
		{"bytes", "208KiB", 212992, ""},
		{"bytes", "1.5KiB", 1536, ""},
		{"bytes", "212992", 212992, ""},
		{"bytes", "212992B", 212992, ""},
		{"bytes", "1e6", 1_000_000, ""},
		{"bytes", "0.3KiB", 0, "not a whole number of bytes"},
		{"bytes", "64K", 0, `unknown unit "K"`},
		{"bytes", "64Kib", 0, `unknown unit "Kib"`},
		{"bytes", "-1", 0, "no number"},

		{"ppm", "0.1%", 1000, ""},
		{"ppm", "1e-4", 100, ""},
		{"ppm", "0.001", 1000, ""},
		{"ppm", "100%", 1_000_000, ""},
		{"ppm", "1", 1_000_000, ""},
		{"ppm", "12ppm", 12, ""},
		{"ppm", "0", 0, ""},
		{"ppm", "0.00001%", 0, "not a whole number of millionths"},
		{"ppm", "101%", 0, "too large"},
		{"ppm", "1.5", 0, "too large"},

		{"factor", "10", 10_000, ""},
		{"factor", "0.5", 500, ""},
		{"factor", "2x", 2_000, ""},
		{"factor", "0.0005", 0, "not a whole number of thousandths"},
	} {
		t.Run(c.kind+" "+c.in, func(t *testing.T) {
			got, err := parse[c.kind](c.in)
			if c.err == "" {
				require.NoError(t, err)
				require.Equal(t, c.want, got)
				return
			}
			var e *units.Error
			require.True(t, errors.As(err, &e), "%v", err)
			require.Equal(t, c.in, e.Input)
			require.Equal(t, c.err, e.Why)
			require.NotEmpty(t, e.Want)
		})
	}
}

func TestFormat(t *testing.T) {
	for want, got := range map[string]string{
		"0s":          units.FormatTime(0),
		"67.2ns":      units.FormatTime(67_200),
		"1234.567ns":  units.FormatTime(1_234_567 * engine.Picosecond),
		"1.5ms":       units.FormatTime(1500 * engine.Microsecond),
		"90s":         units.FormatTime(90 * engine.Second),
		"250kpps":     units.FormatRate(250_000_000),
		"14.88Mpps":   units.FormatRate(14_880_000_000),
		"14880952pps": units.FormatRate(14_880_952_000),
		"0.001pps":    units.FormatRate(1),
		"10Gb/s":      units.FormatLink(10_000_000_000),
		"2.5Gb/s":     units.FormatLink(2_500_000_000),
		"208KiB":      units.FormatBytes(212992),
		"16MiB":       units.FormatBytes(16 << 20),
		"1536":        units.FormatBytes(1536),
		"0":           units.FormatBytes(0),
		"0.1%":        units.FormatPPM(1000),
		"0.0001%":     units.FormatPPM(1),
		"100%":        units.FormatPPM(1_000_000),
		"0.5":         units.FormatMilli(500),
		"10":          units.FormatMilli(10_000),
		"1000001pps":  units.FormatRate(1_000_001_000),
	} {
		require.Equal(t, want, got)
	}
}

func TestErrorText(t *testing.T) {
	_, err := units.ParseRate("250kb")
	require.EqualError(t, err, `"250kb": unknown unit "kb": want a rate in packets per second such as 250kpps, 14.88Mpps or 1/s`)
}

// A hostile text is quoted in part and refused at once.
func TestLongText(t *testing.T) {
	long := make([]byte, 1<<20)
	for i := range long {
		long[i] = '9'
	}
	for _, err := range []error{
		second(units.ParseTime(string(long))), second(units.ParseTime("1e" + string(long))), second(units.ParseTime("1" + string(long) + "x")),
		second(units.ParseCPUMask(string(long))),
	} {
		require.Error(t, err)
		require.Less(t, len(err.Error()), 300)
	}
}

func second[T any](_ T, err error) error { return err }

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64Range(0, math.MaxInt64).Draw(t, "v")
		if rapid.Bool().Draw(t, "round") { // values that people write
			v = rapid.Int64Range(0, 2000).Draw(t, "small") * rapid.SampledFrom([]int64{1, 100, 1000, 1024, 1_000_000, 1_000_000_000, 1_000_000_000_000}).Draw(t, "unit")
		}
		tm, err := units.ParseTime(units.FormatTime(engine.Time(v)))
		require.NoError(t, err)
		require.Equal(t, engine.Time(v), tm)
		rate, err := units.ParseRate(units.FormatRate(uint64(v)))
		require.NoError(t, err)
		require.Equal(t, uint64(v), rate)
		link, err := units.ParseLink(units.FormatLink(v))
		require.NoError(t, err)
		require.Equal(t, v, link)
		size, err := units.ParseBytes(units.FormatBytes(v))
		require.NoError(t, err)
		require.Equal(t, v, size)
		milli, err := units.ParseMilli(units.FormatMilli(uint64(v)))
		require.NoError(t, err)
		require.Equal(t, uint64(v), milli)
		ppm := uint32(v % 1_000_001)
		share, err := units.ParsePPM(units.FormatPPM(ppm))
		require.NoError(t, err)
		require.Equal(t, ppm, share)
	})
}

// Whatever is accepted is printed as something that is accepted and equal.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"67.2ns", "14.88Mpps", "10Gb/s", "64KiB", "0.1%", "1e-4", "10x", "1e40s", ".", "e", "1e", "1e+", "9 µs", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		check(t, s, units.ParseTime, units.FormatTime)
		check(t, s, units.ParseRate, units.FormatRate)
		check(t, s, units.ParseLink, units.FormatLink)
		check(t, s, units.ParseBytes, units.FormatBytes)
		check(t, s, units.ParsePPM, units.FormatPPM)
		check(t, s, units.ParseMilli, units.FormatMilli)
	})
}

func check[T comparable](t *testing.T, s string, parse func(string) (T, error), format func(T) string) {
	v, err := parse(s)
	if err != nil {
		return
	}
	again, err := parse(format(v))
	require.NoError(t, err)
	require.Equal(t, v, again)
}
