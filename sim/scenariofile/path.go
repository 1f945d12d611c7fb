package scenariofile

import (
	"slices"
	"strconv"
	"strings"
)

// A path is the way from the root to a node: keys, and indices as decimal text.
type path []string

// sysctlKey is the section whose keys stand on their own in a path:
// net.core.rmem_max, not sysctl.net.core.rmem_max (contracts, Paths).
const sysctlKey = "sysctl"

// String prints nics[0].ring.rx.
func (p path) String() string {
	if len(p) > 1 && p[0] == sysctlKey {
		p = p[1:]
	}
	var b strings.Builder
	for _, token := range p {
		if _, err := strconv.Atoi(token); err == nil && b.Len() > 0 {
			b.WriteString("[" + token + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(clip(token))
	}
	return b.String()
}

// under returns p with more tokens.
func (p path) under(tokens ...string) path {
	return append(slices.Clone(p), tokens...)
}

// item returns p with an index.
func (p path) item(i int) path { return p.under(strconv.Itoa(i)) }

// above reports whether q is p or lies under it.
func (p path) above(q path) bool {
	return len(p) <= len(q) && slices.Equal(p, q[:len(p)])
}

// parsePath reads what String prints, and names in brackets: nics[eth0]. It returns false for
// a text that no path can be.
func parsePath(s string) (path, bool) {
	if s == "net" || strings.HasPrefix(s, "net.") {
		return path{sysctlKey, s}, true
	}
	if rest, ok := strings.CutPrefix(s, sysctlKey+"."); ok {
		return path{sysctlKey, rest}, rest != ""
	}
	var p path
	for _, part := range splitPath(s) {
		key, brackets, has := strings.Cut(part, "[")
		if key == "" {
			return nil, false
		}
		p = append(p, key)
		for has {
			var token string
			token, brackets, has = strings.Cut(brackets, "]")
			if !has || token == "" {
				return nil, false
			}
			p = append(p, token)
			if brackets == "" {
				break
			}
			if brackets[0] != '[' {
				return nil, false
			}
			brackets = brackets[1:]
		}
	}
	return p, true
}

// splitPath splits a path at its dots, but for those in brackets: a name may
// have some, as apps[239.1.1.1:5000] does.
func splitPath(s string) (parts []string) {
	from, inside := 0, false
	for i := range len(s) {
		switch {
		case s[i] == '[' || s[i] == ']':
			inside = s[i] == '['
		case s[i] == '.' && !inside:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[from:])
}
