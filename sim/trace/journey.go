package trace

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A Journey is the way of one packet from the wire to where it ended, or to
// where it is.
type Journey struct {
	// Packet is its number among the frames that came to Interface, from 1.
	Packet    uint64
	Interface string
	// Kernel is the name of the kernel, Text what its trace files say, CPUs the number of CPUs.
	Kernel string
	Text   kernel.TraceText
	CPUs   int
	// Frame is the frame as it came; its At is when its last bit did.
	Frame skb.Frame
	// Ready and Polled are when it was written back and when the driver took it off its ring, 0 if it did not come so far.
	Ready, Polled engine.Time
	// Lost is why the hardware or the driver refused it, empty if neither did; LostAt is when.
	Lost   string
	LostAt engine.Time
	// Outcomes is what became of it and its copies, Calls the functions that handled it, both in their order.
	Outcomes []ftrace.Outcome
	Calls    []ftrace.Call
	// Left says where it, or the last of its copies, still was at the instant At; empty if all of it has ended.
	Left string
	At   engine.Time
}

// A step is one line of the summary.
type step struct {
	at   engine.Time
	cpu  int // -1: none
	what string
}

// steps tells the journey in sentences.
func (j *Journey) steps() []step {
	out := []step{{j.Frame.At, -1, "last bit received by " + j.Interface}}
	if j.Polled > 0 {
		out = append(out, step{j.Ready, -1, "written back to a ring"}, step{j.Polled, -1, "taken off the ring by the driver"})
	}
	if j.Lost != "" {
		out = append(out, step{j.LostAt, -1, "lost: " + j.Lost + lostWhere[j.Lost]})
	}
	for i := range j.Outcomes {
		o := &j.Outcomes[i]
		if what := tell(o); what != "" {
			out = append(out, step{o.At, o.CPU, what})
		}
	}
	if j.Left != "" {
		out = append(out, step{j.At, -1, "the run ended; still in " + j.Left})
	}
	return out
}

// lostWhere says more of losses that no function of the kernel has seen.
var lostWhere = map[string]string{
	skb.HWCRC.String():        ", refused by the MAC (rx_crc_errors)",
	skb.HWLength.String():     ", refused by the MAC (rx_length_errors)",
	skb.HWOversize.String():   ", refused by the MAC (rx_length_errors)",
	skb.HWUndersize.String():  ", refused by the MAC (rx_length_errors)",
	skb.HWPause.String():      ", a pause frame: the MAC keeps it",
	skb.HWFilter.String():     ", not for this host: no counter that moves",
	skb.HWVLANFilter.String(): ", a VLAN that nobody registered: no counter that moves",
	skb.HWFIFO.String():       ", no room in the packet buffer (rx_missed_errors)",
	skb.HWNoDesc.String():     ", no free descriptor in the ring (rx_no_dma_resources)",
	skb.HWReset.String():      ", the adapter was reset",
}

// tell returns what an outcome is in words, empty for what the next one says.
func tell(o *ftrace.Outcome) string {
	switch o.Fate {
	case ftrace.Queued:
		return "queued to " + o.Place
	case ftrace.Read:
		return "read by " + o.Place
	case ftrace.Merged:
		return "merged by GRO into packet " + o.Reason
	case ftrace.Dropped:
		if o.Place == "" {
			return "ended: " + o.Reason
		}
		return "ended in " + o.Place + ": " + o.Reason
	}
	return ""
}

// WriteGraph writes a summary of the journey in comments, and its functions as
// the tracer function_graph shows them.
func WriteGraph(w io.Writer, j *Journey, o GraphOptions) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# packet %d of %s under %s: %s\n#\n", j.Packet, j.Interface, j.Kernel, j.describe())
	steps := j.steps()
	for i, s := range steps {
		where := ""
		if s.cpu >= 0 {
			where = fmt.Sprintf(" on CPU %d", s.cpu)
		}
		since := ""
		if i > 0 {
			since = fmt.Sprintf("+%s us", micros(s.at-j.Frame.At))
		}
		fmt.Fprintf(b, "# %14s us %14s  %s%s\n", micros(s.at), since, s.what, where)
	}
	b.WriteString("#\n")
	if err := b.Flush(); err != nil {
		return err
	}
	if len(j.Calls) == 0 {
		_, err := io.WriteString(w, "# no function of the kernel has seen it\n")
		return err
	}
	return WriteCalls(w, j.Calls, j.CPUs, j.Text, o)
}

// micros prints a time in microseconds with three decimals, cut off.
func micros(t engine.Time) string {
	ns := int64(t / engine.Nanosecond)
	return fmt.Sprintf("%d.%03d", ns/1000, ns%1000)
}

// describe says what the frame is.
func (j *Journey) describe() string {
	h := j.Frame.Head
	size := fmt.Sprintf("%d bytes", j.Frame.WireLen())
	switch {
	case h.EtherType != skb.EtherTypeIPv4:
		return fmt.Sprintf("EtherType 0x%04x, %s", h.EtherType, size)
	case h.Proto != skb.ProtoUDP:
		return fmt.Sprintf("%v > %v, IP protocol %d, %s", h.Src, h.Dst, h.Proto, size)
	case h.Fragment():
		return fmt.Sprintf("%v > %v, a fragment at %d, %s", h.Src, h.Dst, h.FragOffset, size)
	}
	src, dst := h.Endpoints()
	return fmt.Sprintf("UDP %v > %v, %s", src, dst, size)
}

// Names of JSON documents.
const (
	journeySchema = "rxpath.trace/1"
)

// JSON documents of a journey.
type (
	journeyDocument struct {
		Schema    string         `json:"schema"`
		Kernel    string         `json:"kernel"`
		Interface string         `json:"interface"`
		Packet    uint64         `json:"packet"`
		Frame     frameDocument  `json:"frame"`
		Steps     []stepDocument `json:"steps"`
		Calls     []callDocument `json:"calls"`
		Left      string         `json:"left,omitempty"`
	}
	frameDocument struct {
		WireLen   uint32 `json:"wire_len"`
		EtherType uint16 `json:"ethertype"`
		Src       string `json:"src,omitempty"`
		Dst       string `json:"dst,omitempty"`
	}
	stepDocument struct {
		AtNs   json.Number `json:"at_ns"`
		CPU    *int        `json:"cpu,omitempty"`
		Fate   string      `json:"fate"`
		Place  string      `json:"place,omitempty"`
		Reason string      `json:"reason,omitempty"`
	}
	callDocument struct {
		AtNs       json.Number  `json:"at_ns"`
		DurationNs *json.Number `json:"duration_ns,omitempty"` // absent: it has not returned
		CPU        int          `json:"cpu"`
		Task       string       `json:"task"`
		PID        int          `json:"pid"`
		Depth      int          `json:"depth"`
		Function   string       `json:"function,omitempty"`
		Interrupt  bool         `json:"interrupt,omitempty"`
		Event      string       `json:"event,omitempty"`
		Body       string       `json:"body,omitempty"`
	}
)

// nanos prints a time in nanoseconds with as many decimals as it has.
func nanos(t engine.Time) json.Number {
	ps := int64(t)
	s := fmt.Sprintf("%d.%03d", ps/1000, ps%1000)
	return json.Number(strings.TrimSuffix(strings.TrimRight(s, "0"), "."))
}

// WriteJSON writes a journey as one JSON document, rxpath.trace/1.
func WriteJSON(w io.Writer, j *Journey) error {
	h := j.Frame.Head
	d := journeyDocument{Schema: journeySchema, Kernel: j.Kernel, Interface: j.Interface, Packet: j.Packet, Left: j.Left,
		Frame: frameDocument{WireLen: j.Frame.WireLen(), EtherType: h.EtherType}, Calls: []callDocument{}}
	if h.EtherType == skb.EtherTypeIPv4 {
		src, dst := h.Endpoints()
		d.Frame.Src, d.Frame.Dst = src.String(), dst.String()
	}
	add := func(at engine.Time, fate, place, reason string) {
		d.Steps = append(d.Steps, stepDocument{AtNs: nanos(at), Fate: fate, Place: place, Reason: reason})
	}
	add(j.Frame.At, "received", j.Interface, "")
	if j.Polled > 0 {
		add(j.Ready, "written back", "ring", "")
		add(j.Polled, "polled", "ring", "")
	}
	if j.Lost != "" {
		add(j.LostAt, ftrace.Dropped.String(), "", j.Lost)
	}
	for i := range j.Outcomes {
		o := &j.Outcomes[i]
		add(o.At, o.Fate.String(), o.Place, o.Reason)
		d.Steps[len(d.Steps)-1].CPU = &o.CPU
	}
	d.Calls = documents(j.Calls, j.Text)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(d)
}

// documents are the calls with their depth and duration.
func documents(calls []ftrace.Call, text kernel.TraceText) []callDocument {
	out := []callDocument{}
	open := map[stackOf][]int{}
	for i := range calls {
		c := &calls[i]
		k := key(c)
		d := callDocument{AtNs: nanos(c.At), CPU: c.CPU, Task: c.Task.Comm, PID: c.Task.PID, Depth: len(open[k]), Function: c.Func}
		switch c.Step {
		case ftrace.Return, ftrace.IRQReturn:
			if n := len(open[k]); n > 0 {
				at := &out[open[k][n-1]]
				took := nanos(c.At - calls[callOf(calls, i)].At)
				at.DurationNs = &took
				open[k] = open[k][:n-1]
			}
			continue
		case ftrace.Comment:
			d.Event, d.Body = c.Event.Kind.String(), Body(text, c.Event)
		default:
			d.Interrupt = c.Step == ftrace.IRQEnter
			open[k] = append(open[k], len(out))
		}
		out = append(out, d)
	}
	return out
}

// callOf returns the index of the call that returns at index i.
func callOf(calls []ftrace.Call, i int) int {
	depth := 0
	for j := i - 1; j >= 0; j-- {
		if key(&calls[j]) != key(&calls[i]) {
			continue
		}
		switch calls[j].Step {
		case ftrace.Return, ftrace.IRQReturn:
			depth++
		case ftrace.Enter, ftrace.IRQEnter:
			if depth == 0 {
				return j
			}
			depth--
		}
	}
	return i
}

// An eventDocument is one line of WriteEventsJSON.
type eventDocument struct {
	AtNs      json.Number `json:"at_ns"`
	CPU       int         `json:"cpu"`
	Task      string      `json:"task"`
	PID       int         `json:"pid"`
	Flags     string      `json:"flags"`
	Event     string      `json:"event"`
	Packet    uint64      `json:"packet,omitempty"`
	Device    string      `json:"device,omitempty"`
	Len       uint32      `json:"len,omitempty"`
	Truesize  uint32      `json:"truesize,omitempty"`
	Location  string      `json:"location,omitempty"`
	Reason    string      `json:"reason,omitempty"`
	RmemAlloc int         `json:"rmem_alloc,omitempty"`
	RcvBuf    int         `json:"sk_rcvbuf,omitempty"`
	RC        int         `json:"rc,omitempty"`
	Work      int         `json:"work,omitempty"`
	Vec       *uint8      `json:"vec,omitempty"`
	IRQ       int         `json:"irq,omitempty"`
	Body      string      `json:"body"`
}

// WriteEventsJSON writes events as JSON, one object a line, in their order.
func WriteEventsJSON(w io.Writer, t *Trace) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	for i := range t.Events {
		e := &t.Events[i]
		d := eventDocument{AtNs: nanos(e.At), CPU: e.CPU, Task: e.Task.Comm, PID: e.Task.PID, Flags: flags(t.Text, e.Flags), Event: e.Kind.String(),
			Packet: e.ID, Device: e.Dev, Len: e.Len, Truesize: e.Truesize, Location: Symbol(t.Text, e.Location), Reason: e.Reason,
			RmemAlloc: e.RmemAlloc, RcvBuf: e.RcvBuf, RC: e.RC, Work: e.Work, IRQ: e.IRQ, Body: Body(t.Text, e)}
		switch e.Kind {
		case ftrace.SoftirqRaise, ftrace.SoftirqEntry, ftrace.SoftirqExit:
			d.Vec = &e.Vec
		}
		if err := enc.Encode(d); err != nil {
			return err
		}
	}
	return b.Flush()
}
