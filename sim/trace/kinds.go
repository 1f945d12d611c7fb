package trace

import (
	"fmt"
	"strings"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
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
			return 0, fmt.Errorf("%q: no such tracepoint; the nearest is %s", name, cfgerr.Nearest(name, names()))
		}
		set |= found
	}
	return set, nil
}

// names returns every name that a set of tracepoints may be told by: the
// event's, the system's, and both.
func names() []string {
	var out []string
	for k := range ftrace.NumKinds {
		out = append(out, k.String(), k.System()+":"+k.String(), k.System())
	}
	return out
}
