package verify

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// counters are counts of which those that did not move are absent.
type counters map[string]int64

// object are values under names; the recording may have fewer of them.
type object map[string]any

// A Difference is a value that the model does not reproduce.
type Difference struct {
	// Path is where it stands in the case: observed.after_send.Udp.InErrors.
	Path string `json:"path"`
	// Expected was recorded, Got is the model's; nil where there is none.
	Expected any `json:"expected"`
	Got      any `json:"got"`
}

// String prints the difference on one line.
func (d Difference) String() string {
	return fmt.Sprintf("%s: expected %s, got %s", d.Path, show(d.Expected), show(d.Got))
}

// show prints a value, shortly.
func show(v any) string {
	if v == nil {
		return "nothing"
	}
	s := []rune(fmt.Sprint(v))
	if len(s) > 160 {
		s = append(s[:157], '.', '.', '.')
	}
	return string(s)
}

// compare appends where the recorded value and the model's differ.
func compare(out []Difference, at string, want, got any) []Difference {
	switch g := got.(type) {
	case ignored:
		return out
	case counters:
		return compareCounters(out, at, want, g)
	case object:
		m, ok := want.(map[string]any)
		if !ok {
			return append(out, Difference{at, want, fmt.Sprint(g)})
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			v, known := g[k]
			if !known {
				out = append(out, Difference{at + "." + k, m[k], nil})
				continue
			}
			out = compare(out, at+"."+k, m[k], v)
		}
		return out
	case []any:
		l, ok := want.([]any)
		if !ok {
			return append(out, Difference{at, want, g})
		}
		return compareLists(out, at, l, g)
	}
	if !reflect.DeepEqual(want, normal(got)) {
		out = append(out, Difference{at, want, got})
	}
	return out
}

// compareLists compares two lists, row by row as far as both go.
func compareLists(out []Difference, at string, want, got []any) []Difference {
	for i := range min(len(want), len(got)) {
		out = compare(out, fmt.Sprintf("%s[%d]", at, i), want[i], got[i])
	}
	if len(want) != len(got) {
		out = append(out, Difference{at + " (length)", int64(len(want)), int64(len(got))})
	}
	return out
}

// compareCounters compares both ways: what is absent is zero.
func compareCounters(out []Difference, at string, want any, got counters) []Difference {
	m, ok := want.(map[string]any)
	if !ok {
		return append(out, Difference{at, want, fmt.Sprint(got)})
	}
	names := map[string]bool{}
	for k := range m { // Any order: a set.
		names[k] = true
	}
	for k := range got { // Any order: a set.
		names[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(names)) {
		var w any = int64(0)
		if v, ok := m[k]; ok {
			w = v
		}
		g, known := got[k]
		switch {
		case !known && w != int64(0):
			out = append(out, Difference{at + "." + k, w, int64(0)})
		case w != any(g):
			out = append(out, Difference{at + "." + k, w, g})
		}
	}
	return out
}

// normal makes plain values of whole numbers and lists of any type.
func normal(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case uint64:
		return int64(v)
	case bool, string, int64, nil:
		return v
	}
	return v
}
