package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
)

// trace lets tracers record every third world: the last events of each CPU, and
// the way of one packet.
func (w *world) trace(t *testing.T, h *Host) {
	if w.seed%3 != 0 || len(h.ports) == 0 {
		return
	}
	r := engine.NewStream(w.seed, "trace")
	cfg := TraceConfig{Events: ftrace.All, Buffer: 1 + int(r.Below(300)), Packet: 1 + r.Below(400)}
	cfg.Interface = h.ports[r.Below(uint64(len(h.ports)))].Name()
	require.NoError(t, h.Trace(cfg))
}

// neverTraced are tracepoints that these worlds do not reach, with why.
var neverTraced = map[ftrace.Kind]string{}

func (c *coverage) addTrace(o outcome) {
	if o.Trace != nil {
		for i := range o.Trace.Events {
			c.events["event "+o.Trace.Events[i].Kind.String()]++
		}
	}
	j := o.Journey
	if j == nil {
		return
	}
	c.events["journey"]++
	if j.Lost != "" {
		c.events["journey that ended early"]++
	}
	if j.Left != "" {
		c.events["journey not over"]++
	}
	cpus := map[int]bool{}
	for i := range j.Calls {
		cpus[j.Calls[i].CPU] = true
	}
	if len(cpus) > 1 {
		c.events["journey over two CPUs"]++
	}
	for i := range j.Outcomes {
		switch j.Outcomes[i].Fate {
		case ftrace.Read:
			c.events["journey that was read"]++
		case ftrace.Cloned:
			c.events["journey of copies"]++
		}
	}
}
