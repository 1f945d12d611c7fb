package engine

import (
	"math"
	"strconv"
	"time"
)

// Time is an instant of virtual time, or a difference of two, in picoseconds.
// A 64-byte frame at 10 Gb/s takes exactly 67,200 of them; an int64 holds 106 days.
type Time int64

// Units of Time.
const (
	Picosecond  Time = 1
	Nanosecond       = 1000 * Picosecond
	Microsecond      = 1000 * Nanosecond
	Millisecond      = 1000 * Microsecond
	Second           = 1000 * Millisecond
)

// Never is later than every instant of a run.
const Never Time = math.MaxInt64

// MaxTime is the latest instant that a run may reach: 106 days.
const MaxTime Time = math.MaxInt64 / 2

// FromDuration converts d exactly; durations beyond 53 days saturate at MaxTime.
func FromDuration(d time.Duration) Time {
	if d > time.Duration(MaxTime/Nanosecond) {
		return MaxTime
	}
	return Time(d) * Nanosecond
}

// Duration converts t to a time.Duration, rounding down to whole nanoseconds.
func (t Time) Duration() time.Duration {
	return time.Duration(t / Nanosecond)
}

// Nanoseconds returns t in nanoseconds, for reports only: no decision may
// depend on a float.
func (t Time) Nanoseconds() float64 { return float64(t) / 1000 }

// Seconds returns t in seconds, for reports only.
func (t Time) Seconds() float64 { return float64(t) / float64(Second) }

// String prints t in the largest unit that leaves a whole part, with at most
// three decimals: "1.5µs", "67.2ns", "10ms".
func (t Time) String() string {
	switch {
	case t == Never:
		return "never"
	case t < 0:
		return "-" + (-t).String()
	case t < Nanosecond:
		return strconv.FormatInt(int64(t), 10) + "ps"
	}
	for _, u := range []struct {
		unit Time
		name string
	}{{Second, "s"}, {Millisecond, "ms"}, {Microsecond, "µs"}, {Nanosecond, "ns"}} {
		if t >= u.unit {
			milli := int64(t / (u.unit / 1000))
			s := strconv.FormatInt(milli/1000, 10)
			if frac := milli % 1000; frac != 0 {
				f := strconv.FormatInt(1000+frac, 10)[1:]
				for f[len(f)-1] == '0' {
					f = f[:len(f)-1]
				}
				s += "." + f
			}
			return s + u.name
		}
	}
	return "0ps"
}
