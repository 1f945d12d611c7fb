package units

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// An Error is a text that is not the quantity that was asked for.
type Error struct {
	// Input is the text.
	Input string
	// Why says what is wrong with it: "unknown unit \"kb\"".
	Why string
	// Want says what was expected, with examples: "a rate such as 250kpps".
	Want string
}

// Error implements error.
func (e *Error) Error() string {
	return strconv.Quote(e.Input) + ": " + e.Why + ": want " + e.Want
}

// A unit is a name and how many of the smallest unit it holds.
type unit struct {
	name  string
	holds int64
}

// A quantity is a family of units.
type quantity struct {
	want   string // in errors
	finest string // what a value must be a whole number of, in errors
	units  []unit // a unit that Format may choose comes before its aliases, largest first
	print  int    // how many of units Format may choose from
	bare   int64  // what a number without a unit counts; 0: it needs one
	// decimals is the largest number of decimals that Format prints before it prefers a smaller unit.
	decimals int
	max      int64
}

// Limits of a number's text. They keep a hostile text from costing anything:
// no quantity has more digits or a larger exponent.
const (
	maxDigits   = 40
	maxExponent = 40
)

// parse reads s.
func (q *quantity) parse(s string) (int64, error) {
	bad := func(why string) (int64, error) { return 0, &Error{Input: clip(s), Why: why, Want: q.want} }
	number, name := split(s)
	if number == "" {
		return bad("no number")
	}
	holds := q.bare
	if name != "" {
		holds = q.holds(name)
		if holds == 0 {
			return bad("unknown unit " + strconv.Quote(clip(name)))
		}
	}
	digits, exp, ok := decimal(number)
	if !ok {
		return bad("not a decimal number")
	}
	if holds == 0 && s != "0" {
		return bad("no unit")
	}
	v := digits.Mul(digits, big.NewInt(holds))
	scale, rest := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exp, -exp))), nil), new(big.Int)
	if exp >= 0 {
		v.Mul(v, scale)
	} else if v.QuoRem(v, scale, rest); rest.Sign() != 0 {
		return bad("not a whole number of " + q.finest)
	}
	if !v.IsInt64() || v.Int64() > q.max {
		return bad("too large")
	}
	return v.Int64(), nil
}

// holds returns how many of the smallest unit the named one holds, 0 if there is no such unit.
func (q *quantity) holds(name string) int64 {
	for _, u := range q.units {
		if u.name == name {
			return u.holds
		}
	}
	return 0
}

// format prints v >= 0 in the largest unit that leaves a whole part and no
// more decimals than q allows.
func (q *quantity) format(v int64) string {
	smallest := q.units[q.print-1]
	for _, u := range q.units[:q.print] {
		if v < u.holds && u != smallest {
			continue
		}
		if s, ok := fixed(v, u.holds, q.decimals); ok || u == smallest {
			return s + u.name
		}
	}
	return "" // not reached: the loop ends at the smallest
}

// fixed prints v/d, d of the form 2^i·5^j, with all its decimals; ok says that
// they are at most decimals.
func fixed(v, d int64, decimals int) (s string, ok bool) {
	s = strconv.FormatInt(v/d, 10)
	rest := new(big.Int).SetInt64(v % d)
	if rest.Sign() == 0 {
		return s, true
	}
	s += "."
	n := 0
	for ; rest.Sign() != 0; n++ {
		digit := new(big.Int)
		digit.QuoRem(rest.Mul(rest, big.NewInt(10)), big.NewInt(d), rest)
		s += digit.String()
	}
	return s, n <= decimals
}

// split cuts s into a number and a unit, which one space may keep apart.
func split(s string) (number, unit string) {
	i := 0
	for i < len(s) && (isDigit(s[i]) || s[i] == '.') {
		i++
	}
	if i < len(s)-1 && i > 0 && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if s[j] == '+' || s[j] == '-' {
			j++
		}
		for k := j; k < len(s) && isDigit(s[k]); k++ {
			i = k + 1
		}
	}
	number, unit = s[:i], s[i:]
	if len(unit) > 1 {
		unit = strings.TrimPrefix(unit, " ")
	}
	return number, unit
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// decimal reads digits[.digits][e[+-]digits] as digits·10^exp.
func decimal(s string) (digits *big.Int, exp int, ok bool) {
	mantissa, e, hasExp := strings.Cut(strings.ToLower(s), "e")
	if hasExp {
		n, err := strconv.Atoi(e)
		if err != nil || n > maxExponent || n < -maxExponent {
			return nil, 0, false
		}
		exp = n
	}
	whole, frac, hasFrac := strings.Cut(mantissa, ".")
	if whole == "" || hasFrac && frac == "" || strings.Contains(frac, ".") || len(whole)+len(frac) > maxDigits {
		return nil, 0, false
	}
	digits, ok = new(big.Int).SetString(whole+frac, 10)
	return digits, exp - len(frac), ok
}

// clip shortens a text that is quoted in an error.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// whole is the largest value of a quantity that has no other limit.
const whole = math.MaxInt64
