package trace

import (
	"fmt"
	"strings"

	"github.com/seed-556df219/rxpath/sim/ftrace"
)

// ParseKinds returns the tracepoints of a list such as "kfree_skb,udp": names of
// events, with or without their system, and of systems. An empty list names all.
func ParseKinds(list string) (ftrace.Set, error) {
	if strings.TrimSpace(list) == "" {
		return ftrace.All, nil
	}
	var set ftrace.Set
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		found := ftrace.Set(0)
		for k := range ftrace.NumKinds {
			if name == k.String() || name == k.System() || name == k.System()+":"+k.String() {
				found |= ftrace.Of(k)
			}
		}
		if found == 0 {
			return 0, fmt.Errorf("%q: no such tracepoint; the nearest is %s", name, nearest(name))
		}
		set |= found
	}
	return set, nil
}

// nearest returns the name of a tracepoint, or of a system, that takes the fewest changes.
func nearest(name string) string {
	best, least := "", 1<<30
	for k := range ftrace.NumKinds {
		for _, n := range []string{k.String(), k.System() + ":" + k.String(), k.System()} {
			if d := distance(name, n); d < least {
				best, least = n, d
			}
		}
	}
	return best
}

// distance counts the letters to change, add or leave out to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			corner, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, corner+cost)
		}
	}
	return row[len(b)]
}
