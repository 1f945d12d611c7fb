package sim

import (
	"github.com/seed-556df219/rxpath/sim/engine"
)

// trains lets GRO merge what comes for sockets of some worlds with newer kernels,
// and of all of them what no socket is for. The flows come in runs of equal
// frames, as long as their source makes them.
func (w *world) trains() {
	if !w.cfg.Kernel.UDPGRO {
		return
	}
	drawn := w.rnd
	w.rnd = engine.NewStream(w.seed, "trains")
	if w.one(3) {
		w.rnd = drawn
		return
	}
	for i := range w.cfg.Apps {
		for j := range w.cfg.Apps[i].Sockets {
			w.cfg.Apps[i].Sockets[j].GRO = !w.one(3)
		}
	}
	for i := range w.cfg.NICs {
		n := &w.cfg.NICs[i]
		n.GRO = n.GRO || w.one(2)
		n.GROFragList, n.GROUDPForwarding = w.one(6), w.one(6)
		if w.one(3) {
			n.GROFlushTimeout = w.span(200 * engine.Microsecond)
		}
	}
	w.cfg.Kernel.GROFixedIdent = w.one(2)
	w.rnd = drawn
}
