package sim

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/trace"
)

// TraceConfig says what a host's tracers record.
type TraceConfig struct {
	// Events are the tracepoints that are on; 0: none.
	Events ftrace.Set
	// Buffer is how many events each CPU keeps, the last ones; 0: 65,536.
	Buffer int
	// Packet is the frame whose way through the kernel is recorded, by its number among the frames that come to
	// Interface, the first being 1; 0: none. An empty Interface is the first.
	Packet    uint64
	Interface string
	// Stop ends a run when that packet has ended.
	Stop bool

	search skb.DropReason // look for the first packet that is dropped for this, NumReasons: for any loss
}

// DefaultTraceBuffer is how many events a CPU keeps if nothing else is said.
const DefaultTraceBuffer = 1 << 16

// tracing is what a host records.
type tracing struct {
	cores  cpu.Tracing
	config TraceConfig
	port   *nic.Port // of the packet that is followed
}

// Trace records what happens from now on; what was recorded before is gone. A
// configuration that asks for nothing ends it. The run is the same with it.
func (h *Host) Trace(cfg TraceConfig) error {
	t := &tracing{config: cfg}
	if cfg.Packet > 0 || cfg.search != skb.NotDropped {
		t.port = h.port(cfg.Interface)
		if cfg.Interface == "" && len(h.ports) > 0 {
			t.port = h.ports[0]
		}
		if t.port == nil {
			return &cfgerr.Error{Path: "interface", Value: cfg.Interface, Want: fmt.Sprintf("one of the host's: %q", h.portNames())}
		}
		if n := t.port.Arrived(); cfg.Packet <= n && cfg.search == skb.NotDropped {
			return &cfgerr.Error{Path: "packet", Value: cfg.Packet, Want: fmt.Sprintf("more than %d: that many frames have come before the trace began", n)}
		}
	}
	if err := cfgerr.Check(cfg.Buffer >= 0, "buffer", cfg.Buffer, "0 or more events"); err != nil {
		return err
	}
	if cfg.Events&^ftrace.All != 0 {
		return &cfgerr.Error{Path: "events", Value: cfg.Events, Want: "a set of tracepoints"}
	}
	for _, p := range h.ports {
		p.Watch(0)
	}
	if h.tracing = nil; cfg.Events == 0 && t.port == nil {
		for _, c := range h.cores {
			c.StartTrace(nil)
		}
		return nil
	}
	t.cores = cpu.Tracing{
		Events: cfg.Events, Limit: cfg.Buffer, Graph: cfg.Packet > 0, Describe: h.describe, IRQ: h.irqNamed,
		Reason: h.kfreeReason, FailsFirst: h.profile.TraceText == kernel.TraceSymbols,
	}
	if cfg.Buffer == 0 {
		t.cores.Limit = DefaultTraceBuffer
	}
	switch {
	case t.port == nil:
	case cfg.search != skb.NotDropped:
		t.cores.Search = cfg.search
		t.port.Seek(t.cores.Drop)
	default:
		t.cores.Live = 1
		t.port.Watch(cfg.Packet)
	}
	h.tracing = t
	for _, c := range h.cores {
		c.StartTrace(&t.cores)
	}
	return nil
}

func (h *Host) portNames() (names []string) {
	for _, p := range h.ports {
		names = append(names, p.Name())
	}
	return names
}

// irqNamed returns an interrupt's number, 0 if it has none any more.
func (h *Host) irqNamed(name string) int {
	for _, irq := range h.irqs() {
		if irq.Name == name {
			return irq.Number
		}
	}
	return 0
}

// describe returns a packet's device, and the hash that the device gave it.
func (h *Host) describe(b *skb.Buff) (dev string, hash uint32, l4 bool) {
	ns := h.spaces[b.IfIndex>>nsShift]
	d := ns.ip.Device(b.IfIndex & (1<<nsShift - 1))
	if ns.index == 0 {
		if p := h.port(d.Name); p != nil {
			hash, l4 = p.Hash(b.Head)
		}
	}
	return d.Name, hash, l4
}

// Events returns what the tracers have recorded, in its order: that of the
// executives among CPUs. It is nil if nothing is recorded.
func (h *Host) Events() *trace.Trace {
	if h.tracing == nil {
		return nil
	}
	t := &trace.Trace{CPUs: len(h.cores), Text: h.profile.TraceText}
	for _, c := range h.cores {
		events, lost := c.Trace.Events()
		t.Events = append(t.Events, events...)
		t.Lost = append(t.Lost, lost)
	}
	merge(h, t.Events, func(e *ftrace.Event) *ftrace.Where { return &e.Where })
	return t
}

// merge orders what several cores have recorded by the total order of the run;
// what one core has recorded stays in its order.
func merge[T any](h *Host, all []T, where func(*T) *ftrace.Where) {
	slices.SortStableFunc(all, func(a, b T) int {
		x, y := h.key(where(&a)), h.key(where(&b))
		switch {
		case x.Before(y):
			return -1
		case y.Before(x):
			return 1
		}
		return 0
	})
}

// key is the place of a core's doings in the total order.
func (h *Host) key(w *ftrace.Where) engine.Key {
	return engine.MakeKey(w.At, h.cores[w.CPU].Class(), w.CPU)
}

// Journey returns the way of the packet that is followed, as far as it has come;
// nil if none is, or if it has not come yet.
func (h *Host) Journey() *trace.Journey {
	t := h.tracing
	if t == nil || t.port == nil || t.port.Met() == nil {
		return nil
	}
	met := t.port.Met()
	j := &trace.Journey{
		Packet: t.config.Packet, Interface: t.port.Name(), Kernel: h.profile.Name, Text: h.profile.TraceText, CPUs: len(h.cores),
		Frame: met.Frame, Ready: t.cores.Ready, Polled: t.cores.Polled, At: h.now,
	}
	if met.Lost != skb.NotDropped {
		j.Lost, j.LostAt = met.Lost.String(), met.LostAt
	}
	for _, c := range h.cores {
		j.Calls = append(j.Calls, c.Trace.Calls()...)
		j.Outcomes = append(j.Outcomes, c.Trace.Outcomes()...)
	}
	merge(h, j.Calls, func(c *ftrace.Call) *ftrace.Where { return &c.Where })
	merge(h, j.Outcomes, func(o *ftrace.Outcome) *ftrace.Where { return &o.Where })
	if t.cores.Live > 0 && j.Lost == "" {
		j.Left = h.left(j)
	}
	return j
}

// left says where the packet that is followed still is.
func (h *Host) left(j *trace.Journey) string {
	if at := h.tracing.port.Where(); at != "" {
		return at
	}
	for i, sd := range h.softnet.CPUs {
		if sd.Holds(skb.Chosen) {
			return fmt.Sprintf("the backlog of CPU %d", i)
		}
	}
	for i := len(j.Outcomes) - 1; i >= 0; i-- {
		if o := &j.Outcomes[i]; o.Fate == ftrace.Queued {
			return "the queue of " + o.Place
		}
	}
	return "the hands of a CPU, or a queue that tracers do not see"
}

// Journeyed reports whether the packet that is followed has ended, and every
// function has returned that it is in.
func (h *Host) Journeyed() bool {
	t := h.tracing
	if t == nil || t.port == nil || t.port.Met() == nil {
		return false
	}
	if t.port.Met().Lost != skb.NotDropped {
		return true
	}
	return t.cores.Live <= 0 && !slices.ContainsFunc(h.cores, func(c *cpu.Core) bool { return c.Trace.Open() })
}

// traceDone reports whether a run that is made for a trace may end.
func (h *Host) traceDone() bool {
	t := h.tracing
	return t != nil && (t.config.Stop && h.Journeyed() || t.cores.First.Packet > 0)
}

// traceResult adds to a result what was recorded. A packet that has not come is
// an error.
func (h *Host) traceResult(res *Result) error {
	t := h.tracing
	if t == nil {
		return nil
	}
	if t.config.Events != 0 {
		res.Trace = h.Events()
	}
	res.found = t.cores.First.Packet
	if res.Journey = h.Journey(); res.Journey == nil && t.config.Packet > 0 {
		return &cfgerr.Error{Path: "packet", Value: t.config.Packet,
			Want: fmt.Sprintf("1 to %d: so many frames came to %s in %v", t.port.Arrived(), t.port.Name(), h.now)}
	}
	return nil
}

// FirstDropped runs a scenario up to the first packet of an interface that is
// dropped for the given reason, or for NumReasons is lost for any, and returns
// its number for TraceConfig.Packet; 0 if there is none. An empty interface is
// the first.
func FirstDropped(ctx context.Context, sc *scenario.Scenario, opts Options, iface string, r skb.DropReason) (packet uint64, err error) {
	opts.Trace = &TraceConfig{Interface: iface, search: r}
	res, err := Run(ctx, sc, opts)
	if err != nil {
		return 0, err
	}
	return res.found, nil
}
