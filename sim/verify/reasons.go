package verify

import (
	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// reasons is what the tracepoint kfree_skb shows between two marks, by reason.
func (w *world) reasons(before, now mark) counters {
	p, _ := w.c.profile()
	out := counters{}
	// Any order: every name is set once.
	for name, n := range sim.KfreeReasons(&p, &before.Ledger, &now.Ledger, now.csum-before.csum) {
		if name == skb.TCIngress.String() && w.ingress != "" {
			name = w.ingress
		}
		out[name] = int64(n)
	}
	return out
}

// shown are the drop reasons that a case can have; a recorder that shared its
// machine saw those of other programs, too.
func (w *world) shown(c counters) any {
	if w.c.noisyCPUs {
		return ignored{}
	}
	return c
}
