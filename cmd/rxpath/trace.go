package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/filter"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/trace"
)

const traceLong = `Trace follows one packet from the wire to the application, or to where it was
dropped. It prints in comments when it was where, and then every function of the
kernel that had it in hand, as the tracer function_graph of ftrace shows them,
with the times that this run took: the CPU, how long the function took, its
callees indented. Durations from 10 microseconds on are marked by +, from 100 by
!, from a millisecond by #.

FILE is as for rxpath run; without one it is the built-in scenario. The packet
is the Nth frame that comes to the interface (--packet), or the first one that is
dropped for a reason (--dropped), such as SOCKET_RCVBUFF or HW_FIFO; any stands
for every loss for lack of room.

Exit status: 0 done, 1 failed, 2 wrong usage, no such packet, or no such drop,
130 interrupted.`

const traceExample = `  rxpath trace
  rxpath trace --packet 1000
  rxpath trace --dropped any --set load=10
  rxpath trace feed.yaml --interface eth1 --packet 7 --abstime
  rxpath trace --packet 2 --format json | jq '.calls[] | {function, duration_ns}'`

// traceFormats are the formats of trace, the default first.
var traceFormats = []string{"text", "json"}

// anyLoss stands for every loss in --dropped.
const anyLoss = "any"

// A traceCommand is what the command line of trace asks for.
type traceCommand struct {
	settings settings
	format   string
	packet   uint64
	dropped  string
	iface    string
	graph    trace.GraphOptions
	caps     captures
}

// newTrace returns the subcommand trace.
func newTrace() *cobra.Command {
	t := new(traceCommand)
	c := &cobra.Command{
		Use:     "trace [FILE]",
		Short:   "Show one packet's way through the kernel",
		Long:    traceLong,
		Example: traceExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("trace: unexpected argument %q: want one file; for another packet write --packet N", args[1])
			}
			return nil
		},
		ValidArgsFunction: completeFiles(1),
		RunE:              func(c *cobra.Command, args []string) error { return t.run(c, args) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.Uint64Var(&t.packet, "packet", 1, "follow frame `N` of the interface, the first being 1")
	f.StringVar(&t.dropped, "dropped", "", "follow the first packet that is dropped for `REASON`, or for any")
	f.StringVar(&t.iface, "interface", "", "the interface by `NAME`; the first one if not given")
	f.BoolVar(&t.graph.AbsTime, "abstime", false, "add a column with the time")
	f.BoolVar(&t.graph.Proc, "proc", false, "add a column with the task")
	addFormat(c, &t.format, traceFormats, "`FORMAT` of the result")
	t.settings.addFlags(f)
	completeFlags(c)
	_ = c.RegisterFlagCompletionFunc("dropped", cobra.FixedCompletions(append([]string{anyLoss}, reasonNames()...), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// reasonNames lists every drop reason.
func reasonNames() (names []string) {
	for r := skb.NotDropped + 1; r < skb.NumReasons; r++ {
		names = append(names, r.String())
	}
	return names
}

// reason returns the reason of --dropped, NotDropped if there is none.
func (t *traceCommand) reason() (skb.DropReason, error) {
	switch t.dropped {
	case "":
		return skb.NotDropped, nil
	case anyLoss:
		return skb.NumReasons, nil
	}
	for r := skb.NotDropped + 1; r < skb.NumReasons; r++ {
		if strings.EqualFold(r.String(), t.dropped) {
			return r, nil
		}
	}
	hint := "see docs/COUNTERS.md"
	if near := similar(strings.ToUpper(t.dropped), reasonNames()); near != "" {
		hint = "did you mean " + near + "?"
	}
	return 0, fmt.Errorf("--dropped %s: no such reason; %s", t.dropped, hint)
}

// run follows the packet and prints its way.
func (t *traceCommand) run(c *cobra.Command, args []string) error {
	why, err := t.reason()
	switch {
	case err != nil:
		return err
	case t.packet == 0:
		return errors.New("--packet 0: want 1 or more: the first frame is 1")
	case t.dropped != "" && c.Flags().Changed("packet"):
		return errors.New("--packet and --dropped: want one of them")
	}
	_, sc, err := openScenario(firstOf(args), c.InOrStdin(), &t.settings, &t.caps)
	if err != nil {
		return err
	}
	if len(sc.NICs) == 0 {
		return errors.New("trace: the scenario has no interface: want one under nics")
	}
	j, err := t.follow(c, sc, why)
	if err != nil {
		return err
	}
	if t.format == "json" {
		return failed(trace.WriteJSON(c.OutOrStdout(), j))
	}
	return failed(trace.WriteGraph(c.OutOrStdout(), j, t.graph))
}

// follow runs the scenario, twice if the packet has to be found first.
func (t *traceCommand) follow(c *cobra.Command, sc *scenario.Scenario, why skb.DropReason) (*trace.Journey, error) {
	ctx, stop := interruptible(c.Context())
	defer stop()
	opts := sim.Options{OpenCapture: t.caps.source, OpenFilter: filter.Open}
	packet := t.packet
	if why != skb.NotDropped {
		found, err := sim.FirstDropped(ctx, sc, opts, t.iface, why)
		if err != nil {
			return nil, traceError(err)
		}
		if found == 0 {
			return nil, fmt.Errorf("--dropped %s: no packet was, in %v of virtual time", t.dropped, sc.Run.For)
		}
		packet = found
	}
	opts.Trace = &sim.TraceConfig{Packet: packet, Interface: t.iface, Stop: true}
	res, err := sim.Run(ctx, sc, opts)
	if err != nil {
		return nil, traceError(err)
	}
	return res.Journey, nil
}

// traceError says of a wrong packet or interface which flag it was.
func traceError(err error) error {
	if e, ok := errors.AsType[*cfgerr.Error](err); ok {
		switch e.Path {
		case "packet", "interface":
			return fmt.Errorf("--%s %v: want %s", e.Path, e.Value, e.Want)
		}
	}
	if errors.Is(err, context.Canceled) {
		return &statusError{exitInterrupt, errors.New("interrupted before the packet had ended")}
	}
	return failed(err)
}

// traceFlags are the flags of run for events.
type traceFlags struct {
	file, events string
	buffer       int
}

func (t *traceFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&t.file, "trace", "", "also write the events of the tracepoints to `FILE`, as the file trace of tracefs, or as JSON lines if it ends in .json or .jsonl")
	f.StringVar(&t.events, "trace-events", "", "only these events, `NAMES` of tracepoints or of their systems: kfree_skb,sock")
	f.IntVar(&t.buffer, "trace-buffer", sim.DefaultTraceBuffer, "keep the last `N` events of each CPU")
	_ = c.RegisterFlagCompletionFunc("trace-events", cobra.FixedCompletions(eventNames(), cobra.ShellCompDirectiveNoFileComp))
}

// eventNames lists the tracepoints.
func eventNames() (names []string) {
	for k := range ftrace.NumKinds {
		names = append(names, k.String())
	}
	return names
}

// check finds what is wrong with the flags, and that the file can be written.
func (t *traceFlags) check() error {
	if t.file == "" {
		if t.events != "" {
			return errors.New("--trace-events: want --trace FILE, too")
		}
		return nil
	}
	if _, err := trace.ParseKinds(t.events); err != nil {
		return fmt.Errorf("--trace-events: %w", err)
	}
	if t.buffer < 1 {
		return fmt.Errorf("--trace-buffer %d: want 1 or more events", t.buffer)
	}
	f, err := os.OpenFile(t.file, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return failed(fmt.Errorf("--trace: %w", fileError(err)))
	}
	return failed(f.Close())
}

// config is what the run is to record, nil for nothing.
func (t *traceFlags) config() *sim.TraceConfig {
	if t.file == "" {
		return nil
	}
	kinds, _ := trace.ParseKinds(t.events) // checked before
	return &sim.TraceConfig{Events: kinds, Buffer: t.buffer}
}

// write writes the events.
func (t *traceFlags) write(tr *trace.Trace) error {
	if t.file == "" || tr == nil {
		return nil
	}
	f, err := os.Create(t.file)
	if err != nil {
		return failed(fmt.Errorf("--trace: %w", fileError(err)))
	}
	if strings.HasSuffix(t.file, ".json") || strings.HasSuffix(t.file, ".jsonl") {
		err = trace.WriteEventsJSON(f, tr)
	} else {
		err = trace.WriteText(f, tr)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return failed(fmt.Errorf("--trace: %w", fileError(err)))
	}
	return nil
}
