package kernel

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
)

// Each calls f with every behaviour of the profile, in the order of the fields:
// its name in a scenario ("repoll_same_run"), its value and what it means. Name,
// Source and Release are no behaviours.
func (p *Profile) Each(f func(name string, value any, doc string)) {
	p.each(func(name string, v reflect.Value, doc string) { f(name, v.Interface(), doc) })
}

// each is the one loop over the fields of a Profile.
func (p *Profile) each(f func(name string, v reflect.Value, doc string)) {
	v := reflect.ValueOf(p).Elem()
	for _, b := range behaviours {
		f(b.name, v.Field(b.field), b.doc)
	}
}

// A behaviour is a field of a Profile, with its name in a scenario.
type behaviour struct {
	field     int
	name, doc string
}

// behaviours lists them in the order of the fields.
var behaviours = listBehaviours()

func listBehaviours() (out []behaviour) {
	t := reflect.TypeFor[Profile]()
	for i := range t.NumField() {
		switch name := t.Field(i).Name; name {
		case "Name", "Source", "Release":
		default:
			out = append(out, behaviour{i, snake(name), profileDocs[name]})
		}
	}
	return out
}

// Set gives one behaviour another value, written as in a scenario: true or
// false, a whole number that is not negative, or the name of one of the values.
// The error is a *cfgerr.Error with the name as path: an unknown name names the
// nearest one, a wrong value says what was expected, and nothing changes.
func (p *Profile) Set(name, value string) error {
	var names []string
	var field reflect.Value
	p.each(func(n string, v reflect.Value, _ string) {
		names = append(names, n)
		if n == name {
			field = v
		}
	})
	if !field.IsValid() {
		return &cfgerr.Error{Path: name, Value: value, Want: fmt.Sprintf("the name of a behaviour; the nearest is %q", cfgerr.Nearest(name, names))}
	}
	if want := setValue(field, value); want != "" {
		return &cfgerr.Error{Path: name, Value: fmt.Sprintf("%q", value), Want: want}
	}
	return nil
}

// Changed lists the behaviours that differ from base, in the order of the
// fields: "softirq_time_ms: 4 (linux-4.0: 2)".
func (p *Profile) Changed(base Profile) []string {
	now, was := reflect.ValueOf(p).Elem(), reflect.ValueOf(&base).Elem()
	var out []string
	for _, b := range behaviours {
		if x, y := now.Field(b.field).Interface(), was.Field(b.field).Interface(); x != y {
			out = append(out, fmt.Sprintf("%s: %v (%s: %v)", b.name, x, base.Name, y))
		}
	}
	return out
}

// maxCount bounds the numbers of a profile: no behaviour counts further.
const maxCount = 1 << 24

// setValue parses s into v. It returns what was expected if s is not that.
func setValue(v reflect.Value, s string) (want string) {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		saved := reflect.New(v.Type()).Elem()
		saved.Set(v)
		if err := u.UnmarshalText([]byte(s)); err != nil {
			v.Set(saved)
			return err.Error()
		}
		return ""
	}
	if _, ok := v.Interface().(fmt.Stringer); ok {
		return setNamed(v, s)
	}
	switch {
	case v.Kind() == reflect.Bool:
		if s != "true" && s != "false" {
			return "true or false"
		}
		v.SetBool(s == "true")
	case v.CanInt():
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 || n > maxCount || v.OverflowInt(n) {
			return fmt.Sprintf("a whole number from 0 to %d", maxCount)
		}
		v.SetInt(n)
	case v.CanUint():
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n > maxCount || v.OverflowUint(n) {
			return fmt.Sprintf("a whole number from 0 to %d", maxCount)
		}
		v.SetUint(n)
	case v.Kind() == reflect.String:
		v.SetString(s)
	default:
		return "nothing: this behaviour can't be set by name"
	}
	return ""
}

// setNamed gives v, a whole number with a String method, the value whose name
// is s. Values count from 0 and end where String gives no name of its own: an
// empty text, or one with a bracket such as "AcceptRule(3)".
func setNamed(v reflect.Value, s string) (want string) {
	if !v.CanInt() && !v.CanUint() {
		return "nothing: this behaviour can't be set by name"
	}
	candidate := reflect.New(v.Type()).Elem()
	var names []string
	for n := range 64 {
		if candidate.CanInt() {
			candidate.SetInt(int64(n))
		} else {
			candidate.SetUint(uint64(n))
		}
		name := candidate.Interface().(fmt.Stringer).String()
		if name == "" || strings.ContainsAny(name, "()") {
			break
		}
		if name == s {
			v.Set(candidate)
			return ""
		}
		names = append(names, name)
	}
	return "one of " + strings.Join(names, ", ")
}

// initialisms are the words that Go writes in capitals; where two of them
// meet, only the list can tell them apart.
var initialisms = []string{"IPv4", "IPv6", "NAPI", "UDP", "GRO", "RPS", "RFS", "RSS", "ITR", "LRO", "XDP", "SKB", "IRQs", "IRQ", "CPU", "RX", "TX", "IP", "MS", "BH"}

// snake turns a Go name into a kernel-like one: UDPGROChecksum becomes
// udp_gro_checksum. A digit belongs to the word before it.
func snake(name string) string {
	var words []string
	for name != "" {
		n := wordLen(name)
		words = append(words, strings.ToLower(name[:n]))
		name = name[n:]
	}
	return strings.Join(words, "_")
}

// wordLen returns the length of the first word of a Go name in ASCII.
func wordLen(name string) int {
	for _, w := range initialisms {
		if rest, ok := strings.CutPrefix(name, w); ok && (rest == "" || !unicode.IsLower(rune(rest[0]))) {
			return len(w)
		}
	}
	n := 1
	for n < len(name) && !unicode.IsUpper(rune(name[n])) {
		n++
	}
	return n
}
