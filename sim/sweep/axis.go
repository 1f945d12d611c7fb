package sweep

import (
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
)

// maxValues is how many values one axis may have.
const maxValues = 100_000

// An Axis is one key of the scenario with the values that it takes, or the
// range from which they are drawn.
type Axis struct {
	// Path is the key, as in a scenariofile.Set: "net.core.netdev_budget", "nics[eth0].ring.rx", "load".
	Path string
	// Values are YAML values, in the order in which they are run; nil if the axis is a range.
	Values []string
	// Low and High bound a range that Sample draws from, with units as the key has them: "64", "10ms".
	Low, High string
	// Log draws from the range evenly by ratio, not by difference.
	Log bool
}

// ParseAxis reads KEY=SPEC. SPEC is one of
//
//	300,600,1200      a list of values
//	64..4096:x2       from 64 to at most 4096, each twice the one before
//	1ms..10ms:+1ms    from 1 ms to at most 10 ms, in steps of 1 ms
//	@values.txt       a file with one value a line
//	64..4096          a range to draw from, as Sample does; 64..4096:log draws by ratio
//
// A range between whole numbers with a whole step has whole values; 1.0..2.0
// has fractions, too.
func ParseAxis(arg string) (Axis, error) {
	key, spec, ok := strings.Cut(arg, "=")
	key, spec = strings.TrimSpace(key), strings.TrimSpace(spec)
	if !ok || key == "" || spec == "" {
		return Axis{}, fmt.Errorf("%q: want KEY=SPEC, such as net.core.netdev_budget=300,600,1200 or nics[0].ring.rx=64..4096:x2", arg)
	}
	a := Axis{Path: key}
	var err error
	switch {
	case spec[0] == '@':
		a.Values, err = readValues(spec[1:])
	case strings.Contains(spec, ".."):
		err = a.parseRange(spec)
	default:
		a.Values, err = splitList(spec)
	}
	if err == nil && len(a.Values) > maxValues {
		err = fmt.Errorf("%d values: want at most %d", len(a.Values), maxValues)
	}
	if err != nil {
		return Axis{}, fmt.Errorf("%s: %w", key, err)
	}
	return a, nil
}

func readValues(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var values []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			values = append(values, line)
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("%s has no values: want one a line", file)
	}
	return values, nil
}

// splitList splits at commas that are not inside brackets or quotes, so that a
// value may be a YAML list or map.
func splitList(s string) ([]string, error) {
	var values []string
	depth, from := 0, 0
	var quote byte
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == ',' && depth == 0 && quote == 0:
			v := strings.TrimSpace(s[from:i])
			if v == "" {
				return nil, fmt.Errorf("%q: an empty value", s)
			}
			values = append(values, v)
			from = i + 1
		case quote != 0:
			if s[i] == quote {
				quote = 0
			}
		case s[i] == '\'' || s[i] == '"':
			quote = s[i]
		case s[i] == '[' || s[i] == '{':
			depth++
		case s[i] == ']' || s[i] == '}':
			depth--
		}
	}
	if depth != 0 || quote != 0 {
		return nil, fmt.Errorf("%q: an open bracket or quote", s)
	}
	return values, nil
}

// parseRange reads LOW..HIGH[:STEP].
func (a *Axis) parseRange(spec string) error {
	bounds, step, stepped := strings.Cut(spec, ":")
	low, high, _ := strings.Cut(bounds, "..")
	lo, err := parseQuantity(low)
	if err != nil {
		return err
	}
	hi, err := parseQuantity(high)
	if err != nil {
		return err
	}
	loFamily, _, _ := family(lo.unit)
	if hiFamily, _, _ := family(hi.unit); loFamily != hiFamily {
		return fmt.Errorf("%q: %q and %q are not of one kind", spec, low, high)
	}
	if lo.value.Cmp(hi.value) > 0 {
		return fmt.Errorf("%q: want the lower bound first", spec)
	}
	switch {
	case !stepped || step == "log":
		a.Low, a.High, a.Log = strings.TrimSpace(low), strings.TrimSpace(high), stepped
		if a.Log && lo.value.Sign() <= 0 {
			return fmt.Errorf("%q: a range by ratio begins above 0", spec)
		}
		return nil
	case strings.HasPrefix(step, "x"):
		return a.steps(lo, hi, step[1:], func(v, by *big.Rat) { v.Mul(v, by) }, func(by quantity) error {
			if by.unit != "" || by.value.Cmp(big.NewRat(1, 1)) <= 0 || lo.value.Sign() <= 0 {
				return errors.New("want a factor above 1, and a lower bound above 0")
			}
			return nil
		})
	case strings.HasPrefix(step, "+"):
		return a.steps(lo, hi, step[1:], func(v, by *big.Rat) { v.Add(v, by) }, func(by quantity) error {
			if f, _, _ := family(by.unit); f != loFamily || by.value.Sign() <= 0 {
				return fmt.Errorf("want a step above 0 of the same kind as %s", low)
			}
			return nil
		})
	}
	return fmt.Errorf("%q: want a step such as :x2 or :+64, or :log for a range to draw from", spec)
}

// steps lists the values from lo to hi.
func (a *Axis) steps(lo, hi quantity, step string, next func(v, by *big.Rat), check func(quantity) error) error {
	by, err := parseQuantity(step)
	if err == nil {
		err = check(by)
	}
	if err != nil {
		return fmt.Errorf("step %q: %w", step, err)
	}
	for v := new(big.Rat).Set(lo.value); v.Cmp(hi.value) <= 0; next(v, by.value) {
		q := quantity{new(big.Rat).Set(v), lo.unit, lo.point}
		if lo.whole() && hi.whole() && by.whole() {
			q.value = roundRat(v)
		}
		a.Values = append(a.Values, q.String())
		if len(a.Values) > maxValues {
			return fmt.Errorf("more than %d values", maxValues)
		}
	}
	return nil
}

// roundRat rounds to the nearest whole number.
func roundRat(v *big.Rat) *big.Rat {
	twice := new(big.Int).Mul(v.Num(), big.NewInt(2))
	twice.Add(twice, v.Denom())
	return new(big.Rat).SetInt(twice.Div(twice, new(big.Int).Mul(v.Denom(), big.NewInt(2))))
}
