package cpu

import (
	"fmt"
	"slices"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Tracing is what the tracers of a host's cores share.
type Tracing struct {
	// Events are the tracepoints that are on, Limit how many events a core keeps.
	Events ftrace.Set
	Limit  int
	// Graph: the calls that the chosen packet goes through are recorded. It is the one whose number has skb.Chosen set.
	Graph bool
	// Live counts the copies of the chosen packet that have not ended.
	Live int
	// Search, if not NotDropped, is a reason, or NumReasons for any loss, for whose first drop somebody looks among the
	// frames with skb.Sought; First is that frame's number.
	Search skb.DropReason
	First  FirstDrop
	// Describe returns a packet's device, and the hash that the device gave it.
	Describe func(b *skb.Buff) (dev string, hash uint32, l4 bool)
	// IRQ returns an interrupt's number by its name.
	IRQ func(name string) int
	// Reason returns the kernel's name of a drop reason.
	Reason func(skb.DropReason) string
	// Ready and Polled are when the chosen packet was written back, and when it was taken off its ring.
	Ready, Polled engine.Time
	// FailsFirst: udp_fail_queue_rcv_skb comes before the packet is freed.
	FailsFirst bool
}

// FirstDrop is the first drop that was looked for.
type FirstDrop struct {
	Packet uint64 // 0: none yet
	At     engine.Time
}

// Drop notes that a frame was dropped; of two the earlier one is kept.
func (t *Tracing) Drop(id uint64, r skb.DropReason, at engine.Time) {
	if id&skb.Sought == 0 || r != t.Search && !(t.Search == skb.NumReasons && r.Lost()) {
		return
	}
	if t.First.Packet == 0 || at < t.First.At {
		t.First = FirstDrop{skb.Number(id), at}
	}
}

// A Trace is the tracer of a core: what stages tell it is recorded with the
// core's time, task and context. Every method may be called on a nil Trace, and
// then does nothing. It models a CPU's part of kernel/trace.
//
// A stage names the kernel function that it enters, and Leave those whose return
// is not also that of their caller: leaving one leaves all that it has called.
type Trace struct {
	all  *Tracing
	core *Core

	events    ftrace.Buffer
	calls     []ftrace.Call
	outcomes  []ftrace.Outcome
	stack     []call
	committed int // so many of stack are in calls
	seq       uint64
}

// A call is a function that has not returned.
type call struct {
	fn   string
	id   uint64
	head *skb.Header // of the packet that it is about, nil if it is about none
	irq  bool
	seq  uint64
	ftrace.Where
}

// StartTrace gives the core a tracer; nil takes it away.
func (c *Core) StartTrace(all *Tracing) {
	if c.Trace = nil; all != nil {
		c.Trace = &Trace{all: all, core: c, events: ftrace.NewBuffer(all.Limit)}
	}
}

// Class returns the class of the core's events in the total order.
func (c *Core) Class() engine.Class { return c.class }

// Events returns the events that are left, oldest first, and how many were overwritten.
func (t *Trace) Events() (events []ftrace.Event, lost uint64) {
	return t.events.Events(), t.events.Lost()
}

// Calls returns the calls of the chosen packet in the order in which they happened.
func (t *Trace) Calls() []ftrace.Call {
	calls := slices.Clone(t.calls)
	slices.SortStableFunc(calls, func(a, b ftrace.Call) int {
		switch {
		case a.Seq < b.Seq:
			return -1
		case a.Seq > b.Seq:
			return 1
		}
		return 0
	})
	for i := range calls {
		calls[i].Seq = uint64(i)
	}
	return calls
}

// Outcomes returns what became of the chosen packet on this core.
func (t *Trace) Outcomes() []ftrace.Outcome { return t.outcomes }

// Open reports whether the chosen packet is inside a function now.
func (t *Trace) Open() bool { return t.committed > 0 }

// comm returns a task's name as the kernel has it, cut to 15 bytes.
func (t *Task) comm() string {
	name := t.Name
	if name == "ksoftirqd" {
		name += "/" + decimal(t.core.cfg.ID)
	}
	return name[:min(len(name), 15)]
}

func decimal(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return decimal(n/10) + decimal(n%10)
}

// Process numbers: ksoftirqd of CPU 0 is 3, the others come with their CPUs;
// programs are numbered from firstPID on.
const firstPID = 1000

// PID returns the task's process number, which is made up.
func (t *Task) PID() int {
	switch n := t.core.cfg.ID; {
	case t.index > 0:
		return firstPID + (t.index-1)*max(t.core.cfg.CPUs, 1) + n
	case n > 0:
		return 8 + 5*n
	}
	return 3
}

// where is the present instant and context.
func (t *Trace) where() ftrace.Where {
	c := t.core
	w := ftrace.Where{At: c.now, CPU: c.cfg.ID, Task: ftrace.Task{Comm: ftrace.Idle}}
	if cur := c.sched.cur; cur != nil {
		w.Task = ftrace.Task{Comm: cur.comm(), PID: cur.PID()}
	}
	if c.sched.need {
		w.Flags |= ftrace.NeedResched
	}
	if c.ctx == Hardirq {
		w.Flags |= ftrace.Hardirq | ftrace.IRQsOff
	}
	if c.inSoftirq {
		w.Flags |= ftrace.Softirq
	}
	if c.bhOff > 0 && c.ctx != Hardirq {
		if c.inSoftirq {
			w.Flags |= ftrace.PreemptDepth // local_bh_enable keeps one while it runs softirqs
		} else {
			w.Flags |= ftrace.BHOff
		}
	}
	return w
}

// Enter says that the core enters a function with a packet.
func (t *Trace) Enter(b *skb.Buff, fn string) {
	if t != nil {
		t.push(fn, b.ID, b.Head, false)
	}
}

// EnterDatagram is Enter with a packet of which the socket keeps less.
func (t *Trace) EnterDatagram(id uint64, head *skb.Header, fn string) {
	if t != nil {
		t.push(fn, id, head, false)
	}
}

// Call says that the core enters a function; it is about its caller's packet, if there is one.
func (t *Trace) Call(fn string) {
	if t != nil {
		t.push(fn, 0, nil, false)
	}
}

// Leave says that the core leaves a function, and with it all that it has called.
func (t *Trace) Leave(fn string) {
	if t != nil {
		t.pop(fn)
	}
}

// Leaf is a function that has just ended and began at the given instant.
func (t *Trace) Leaf(fn string) {
	if t != nil {
		t.leaf(fn)
	}
}

func (t *Trace) leaf(fn string) {
	t.push(fn, 0, nil, false)
	t.pop(fn)
}

func (t *Trace) push(fn string, id uint64, head *skb.Header, irq bool) {
	t.seq++
	f := call{fn: fn, id: id, head: head, irq: irq, seq: t.seq}
	under := t.present()
	if head == nil && !irq && under != nil {
		f.id, f.head = under.id, under.head
	}
	if !t.all.Graph {
		t.stack = append(t.stack, f)
		return
	}
	f.Where = t.where()
	t.stack = append(t.stack, f)
	if f.id&skb.Chosen != 0 || irq && under != nil && under.id&skb.Chosen != 0 {
		for ; t.committed < len(t.stack); t.committed++ {
			f := &t.stack[t.committed]
			step := ftrace.Enter
			if f.irq {
				step = ftrace.IRQEnter
			}
			t.calls = append(t.calls, ftrace.Call{Where: f.Where, Seq: f.seq, Step: step, Func: f.fn})
		}
	}
}

func (t *Trace) pop(fn string) {
	i := len(t.stack) - 1
	for i >= 0 && t.stack[i].fn != fn {
		i--
	}
	if i < 0 {
		return // entered before the trace began
	}
	for j := len(t.stack) - 1; j >= i; j-- {
		if j >= t.committed {
			continue
		}
		t.committed = j
		step := ftrace.Return
		if t.stack[j].irq {
			step = ftrace.IRQReturn
		}
		t.seq++
		t.calls = append(t.calls, ftrace.Call{Where: t.where(), Seq: t.seq, Step: step, Func: t.stack[j].fn})
	}
	t.stack = t.stack[:i]
}

// present is the innermost function, nil at the task level.
func (t *Trace) present() *call {
	if len(t.stack) == 0 {
		return nil
	}
	return &t.stack[len(t.stack)-1]
}

// emit records an event about the packet with the given raw number.
func (t *Trace) emit(id uint64, e *ftrace.Event) {
	e.ID = skb.Number(id)
	if t.all.Events.Has(e.Kind) {
		t.events.Add(e)
	}
	if t.all.Graph && id&skb.Chosen != 0 && !e.Kind.Entry() {
		t.seq++
		t.calls = append(t.calls, ftrace.Call{Where: e.Where, Seq: t.seq, Step: ftrace.Comment, Event: e})
	}
}

// wants reports whether anybody would see an event.
func (t *Trace) wants(k ftrace.Kind) bool { return t.all.Graph || t.all.Events.Has(k) }

// becomes notes what became of a packet, if it is the chosen one.
func (t *Trace) becomes(id uint64, f ftrace.Fate, place, reason string) {
	if id&skb.Chosen == 0 {
		return
	}
	switch f {
	case ftrace.Cloned:
		t.all.Live++
	case ftrace.Read, ftrace.Dropped, ftrace.Merged:
		t.all.Live--
	}
	t.outcomes = append(t.outcomes, ftrace.Outcome{Where: t.where(), Fate: f, Place: place, Reason: reason})
}

// enterIRQ is the entry of an interrupt up to its handler.
func (t *Trace) enterIRQ(l *Line) {
	if t == nil {
		return
	}
	t.push(l.entry(), 0, nil, true)
	t.irqHandler(ftrace.IRQHandlerEntry, l)
}

// enterTick is the entry of the timer interrupt.
func (t *Trace) enterTick() {
	if t != nil {
		t.push(localTimer, 0, nil, true)
	}
}

// handledIRQ says that the handler has returned.
func (t *Trace) handledIRQ(l *Line) {
	if t != nil {
		t.irqHandler(ftrace.IRQHandlerExit, l)
	}
}

func (t *Trace) irqHandler(k ftrace.Kind, l *Line) {
	if l.Name != nil && t.wants(k) {
		name := l.Name()
		t.emit(0, &ftrace.Event{Where: t.where(), Kind: k, IRQ: t.all.IRQ(name), Name: name})
	}
}

// Functions by which interrupts enter the kernel.
const (
	doIRQ           = "do_IRQ"
	localTimer      = "smp_apic_timer_interrupt"
	rescheduleEntry = "smp_reschedule_interrupt"
	callFunction    = "smp_call_function_single_interrupt"
)

// entry is the function by which the interrupt enters the kernel: devices have a
// name, others are timers unless they say.
func (l *Line) entry() string {
	switch {
	case l.Name != nil:
		return doIRQ
	case l == l.core.sched.ipi:
		return rescheduleEntry
	case l.Call:
		return callFunction
	}
	return localTimer
}

// leaveIRQ is the end of an interrupt, with the softirqs that ran there.
func (t *Trace) leaveIRQ(l *Line) {
	if t != nil {
		t.pop(l.entry())
	}
}

// enterSoftirqs is the entry of __do_softirq in the given context.
func (t *Trace) enterSoftirqs(ctx Context) {
	if t == nil {
		return
	}
	by := "local_bh_enable"
	switch {
	case ctx == Ksoftirqd:
		by = "run_ksoftirqd"
	case len(t.stack) > 0 && t.stack[len(t.stack)-1].irq:
		by = "irq_exit"
	}
	t.push(by, 0, nil, false)
	t.push("__do_softirq", 0, nil, false)
}

// leaveSoftirqs undoes enterSoftirqs.
func (t *Trace) leaveSoftirqs() {
	if t == nil {
		return
	}
	t.pop("__do_softirq")
	if f := t.present(); f != nil && !f.irq {
		t.pop(f.fn)
	}
}

// SoftirqRaise is the tracepoint softirq_raise.
func (t *Trace) SoftirqRaise(nr uint) {
	if t != nil && t.wants(ftrace.SoftirqRaise) {
		w := t.where()
		w.Flags |= ftrace.IRQsOff
		t.emit(0, &ftrace.Event{Where: w, Kind: ftrace.SoftirqRaise, Vec: uint8(nr)})
	}
}

// SoftirqEntry is the tracepoint softirq_entry; net_rx_action is a function of the graph.
func (t *Trace) SoftirqEntry(nr uint) {
	if t == nil {
		return
	}
	if t.wants(ftrace.SoftirqEntry) {
		t.emit(0, &ftrace.Event{Where: t.where(), Kind: ftrace.SoftirqEntry, Vec: uint8(nr)})
	}
	if nr == mib.SoftirqNetRX {
		t.push("net_rx_action", 0, nil, false)
	}
}

// SoftirqExit is the tracepoint softirq_exit.
func (t *Trace) SoftirqExit(nr uint) {
	if t == nil {
		return
	}
	if nr == mib.SoftirqNetRX {
		t.pop("net_rx_action")
	}
	if t.wants(ftrace.SoftirqExit) {
		t.emit(0, &ftrace.Event{Where: t.where(), Kind: ftrace.SoftirqExit, Vec: uint8(nr)})
	}
}

// Depth returns how deep the core is in functions, for Unwind.
func (t *Trace) Depth() int {
	if t == nil {
		return 0
	}
	return len(t.stack)
}

// NAPIPoll is the tracepoint napi_poll, after the poll has returned (SUR-37); it
// leaves what the poll has entered since the given depth.
func (t *Trace) NAPIPoll(depth int, dev string, work, budget int) {
	if t == nil {
		return
	}
	for len(t.stack) > depth {
		t.pop(t.stack[len(t.stack)-1].fn)
	}
	if t.wants(ftrace.NAPIPoll) {
		t.emit(0, &ftrace.Event{Where: t.where(), Kind: ftrace.NAPIPoll, Packet: ftrace.Packet{Dev: dev}, Work: work, Budget: budget})
	}
}

// packet describes a packet for an event of the given kind.
func (t *Trace) packet(b *skb.Buff, all bool) ftrace.Packet {
	dev, hash, l4 := t.all.Describe(b)
	p := ftrace.Packet{Dev: dev, Protocol: b.Head.EtherType, Len: b.Len, Truesize: b.Truesize}
	if !all {
		return p
	}
	if b.InBand > 0 {
		p.Protocol = skb.EtherTypeVLAN
	}
	p.Queue, p.HasQueue = b.Queue, b.Ready < b.Polled || hash != 0
	p.Summed, p.Hash, p.L4Hash = uint8(b.Summed), hash, l4
	if b.SWHash {
		p.Hash, p.L4Hash = b.Hash, true
	}
	if whole := b.Len + skb.EthHeader; b.Linear > 0 && b.Linear < whole {
		p.DataLen = whole - b.Linear
		p.NrFrags = int((whole + 2047) / 2048)
	}
	if b.FragLen > 0 {
		p.DataLen, p.NrFrags = b.FragLen, int((b.FragLen+4095)/4096)
	}
	if p.GSOSize = b.GSOSize; b.Tagged {
		p.Tagged, p.VLANProto, p.TCI = true, skb.EtherTypeVLAN, b.TCI()
	}
	return p
}

// Receive is a tracepoint about a packet at one of the doors of the receive path.
func (t *Trace) Receive(k ftrace.Kind, b *skb.Buff) {
	if t != nil {
		t.receive(k, b)
	}
}

func (t *Trace) receive(k ftrace.Kind, b *skb.Buff) {
	if k == ftrace.NAPIGROReceiveEntry && b.ID&skb.Chosen != 0 {
		t.all.Ready, t.all.Polled = b.Ready, b.Polled
	}
	if t.wants(k) {
		t.emit(b.ID, &ftrace.Event{Where: t.where(), Kind: k, Packet: t.packet(b, k.Entry())})
	}
}

// NetDevQueue is the tracepoint net_dev_queue: a device is about to send the
// packet, whose length has the link header.
func (t *Trace) NetDevQueue(b *skb.Buff, dev string) {
	if t != nil && t.wants(ftrace.NetDevQueue) {
		t.emit(b.ID, &ftrace.Event{Where: t.where(), Kind: ftrace.NetDevQueue, Packet: ftrace.Packet{Dev: dev, Len: b.Len}})
	}
}

// current returns the number of the packet that the core is busy with, and its protocol.
func (t *Trace) current() (id uint64, protocol uint16) {
	if f := t.present(); f != nil && f.head != nil {
		return f.id, f.head.EtherType
	}
	return 0, 0
}

// KfreeSKB is the tracepoint kfree_skb, of the packet that the core is busy
// with, in the given function, or the present one if that is empty.
func (t *Trace) KfreeSKB(r skb.DropReason, fn string) {
	if t == nil {
		return
	}
	if fn == "" {
		fn = t.Function()
	}
	id, protocol := t.current()
	if t.wants(ftrace.KfreeSKB) {
		t.emit(id, &ftrace.Event{Where: t.where(), Kind: ftrace.KfreeSKB, Packet: ftrace.Packet{Protocol: protocol},
			Location: fn, Reason: t.all.Reason(r)})
	}
	t.all.Drop(id, r, t.core.now)
	t.becomes(id, ftrace.Dropped, fn, r.String())
}

// Freed is KfreeSKB of a packet that a process frees at the given instant, up to
// which the core has run: the task, or one that is no task here, of that name.
func (t *Trace) Freed(at engine.Time, task *Task, comm string, id uint64, h *skb.Header, r skb.DropReason, fn string) {
	if t == nil {
		return
	}
	w := ftrace.Where{At: at, CPU: t.core.cfg.ID, Task: ftrace.Task{Comm: comm[:min(len(comm), 15)], PID: firstPID - 1}}
	if task != nil {
		w.Task = ftrace.Task{Comm: task.comm(), PID: task.PID()}
	}
	if t.wants(ftrace.KfreeSKB) {
		t.emit(id, &ftrace.Event{Where: w, Kind: ftrace.KfreeSKB, Packet: ftrace.Packet{Protocol: h.EtherType}, Location: fn, Reason: t.all.Reason(r)})
	}
	t.all.Drop(id, r, at)
	if id&skb.Chosen != 0 {
		t.all.Live--
		t.outcomes = append(t.outcomes, ftrace.Outcome{Where: w, Fate: ftrace.Dropped, Place: fn, Reason: r.String()})
	}
}

// Function returns the one that the core is in.
func (t *Trace) Function() string {
	if f := t.present(); f != nil {
		return f.fn
	}
	return ""
}

// ConsumeSKB is the tracepoint consume_skb, in the given function.
func (t *Trace) ConsumeSKB(id uint64, fn string) {
	if t != nil && t.wants(ftrace.ConsumeSKB) {
		t.emit(id, &ftrace.Event{Where: t.where(), Kind: ftrace.ConsumeSKB, Location: fn})
	}
}

// Consumed is ConsumeSKB of the packet that the core is busy with, which ends there.
func (t *Trace) Consumed(r skb.DropReason, fn string) {
	if t == nil {
		return
	}
	id, _ := t.current()
	t.ConsumeSKB(id, fn)
	t.all.Drop(id, r, t.core.now)
	t.becomes(id, ftrace.Dropped, fn, r.String())
}

// Elsewhere says that the packet that the core is busy with goes where this
// model does not follow it.
func (t *Trace) Elsewhere(r skb.DropReason) {
	if t != nil {
		id, _ := t.current()
		t.all.Drop(id, r, t.core.now)
		t.becomes(id, ftrace.Dropped, t.Function(), r.String())
	}
}

// Cloned says that there is one more copy of a packet.
func (t *Trace) Cloned(b *skb.Buff) {
	if t != nil {
		t.becomes(b.ID, ftrace.Cloned, "", "")
	}
}

// Merged says that a packet has become part of another one.
func (t *Trace) Merged(id, into uint64) {
	if t != nil {
		t.becomes(id, ftrace.Merged, "napi_gro_receive", fmt.Sprint(skb.Number(into)))
	}
}

// Queued says that a packet has been put into the queue of a socket.
func (t *Trace) Queued(id uint64, socket string) {
	if t != nil {
		t.becomes(id, ftrace.Queued, socket, "")
	}
}

// SockRcvqueueFull is the tracepoint sock_rcvqueue_full (S-2).
func (t *Trace) SockRcvqueueFull(rmem int, truesize uint32, rcvbuf int) {
	if t == nil || !t.wants(ftrace.SockRcvqueueFull) {
		return
	}
	id, _ := t.current()
	t.emit(id, &ftrace.Event{Where: t.where(), Kind: ftrace.SockRcvqueueFull, Packet: ftrace.Packet{Truesize: truesize}, RmemAlloc: rmem, RcvBuf: rcvbuf})
}

// SockExceedBufLimit is the tracepoint sock_exceed_buf_limit (S-6): allocated has
// the pages that were refused.
func (t *Trace) SockExceedBufLimit(mem [3]int, allocated, rmemMin, rmem int) {
	if t == nil || !t.wants(ftrace.SockExceedBufLimit) {
		return
	}
	id, _ := t.current()
	t.emit(id, &ftrace.Event{Where: t.where(), Kind: ftrace.SockExceedBufLimit, Mem: mem, Allocated: allocated, RmemMin: rmemMin, RmemAlloc: rmem, Name: "UDP"})
}

// UDPFail frees the packet that the core is busy with, which a socket has
// refused: the tracepoints kfree_skb and udp_fail_queue_rcv_skb, in this order up
// to 6.1 (SUR-37).
func (t *Trace) UDPFail(r skb.DropReason, fn string, rc int) {
	if t == nil {
		return
	}
	if !t.all.FailsFirst {
		t.KfreeSKB(r, fn)
	}
	if t.wants(ftrace.UDPFailQueueRcvSKB) {
		e := ftrace.Event{Where: t.where(), Kind: ftrace.UDPFailQueueRcvSKB, RC: rc}
		var id uint64
		if f := t.present(); f != nil && f.head != nil {
			id = f.id
			e.Src, e.Dst = f.head.Endpoints()
		}
		t.emit(id, &e)
	}
	if t.all.FailsFirst {
		t.KfreeSKB(r, fn)
	}
}

// A Mark is an instant of a core to which a tracer may come back.
type Mark struct {
	at  engine.Time
	seq uint64
}

// Mark returns the present instant.
func (t *Trace) Mark() (m Mark) {
	if t != nil {
		t.seq++
		m = Mark{t.core.now, t.seq}
	}
	return m
}

// ReadBegins says that a system call that began at m has taken a datagram off a
// socket, and copies so many bytes of it; chained is the number of buffers behind
// the first, verify says that it sums them up.
//
// Not modelled:
//   - In a trace, the bytes of a datagram are spread evenly over its chained
//     buffers.
func (t *Trace) ReadBegins(m Mark, sys string, id uint64, bytes uint32, chained uint16, verify bool) {
	if t == nil {
		return
	}
	if t.all.Graph && id&skb.Chosen != 0 {
		w := t.where()
		w.At = m.at
		for _, fn := range []string{sys, "udp_recvmsg", "__skb_recv_datagram"} {
			t.calls = append(t.calls, ftrace.Call{Where: w, Seq: m.seq, Step: ftrace.Enter, Func: fn})
		}
		t.task(ftrace.Return, "__skb_recv_datagram")
		t.task(ftrace.Enter, copyFunction(verify))
	}
	if !verify && t.wants(ftrace.SKBCopyDatagramIovec) {
		e := ftrace.Event{Where: t.where(), Kind: ftrace.SKBCopyDatagramIovec, Packet: ftrace.Packet{Len: bytes}}
		t.emit(id, &e)
		for n := uint32(chained); n > 0; n-- { // once more for each (FR-10)
			e.Len = bytes / (uint32(chained) + 1)
			t.emit(id, &e)
		}
	}
}

func copyFunction(verify bool) string {
	if verify {
		return "skb_copy_and_csum_datagram_msg"
	}
	return "skb_copy_datagram_iovec"
}

// task records a step of a task's own function.
func (t *Trace) task(s ftrace.Step, fn string) {
	t.seq++
	t.calls = append(t.calls, ftrace.Call{Where: t.where(), Seq: t.seq, Step: s, Func: fn})
}

// ReadCopied says that the datagram has been copied; good: it is the
// application's.
func (t *Trace) ReadCopied(id uint64, socket string, verify, good bool) {
	if t == nil {
		return
	}
	if t.all.Graph && id&skb.Chosen != 0 {
		t.task(ftrace.Return, copyFunction(verify))
	}
	if good {
		t.becomes(id, ftrace.Read, socket, "")
	}
}

// ReadEnds says that the datagram has been freed and the system call returns;
// consumes: by consume_skb.
func (t *Trace) ReadEnds(sys string, id uint64, consumes bool) {
	if t == nil {
		return
	}
	graph := t.all.Graph && id&skb.Chosen != 0
	if graph {
		t.task(ftrace.Enter, "skb_free_datagram_locked")
	}
	if consumes {
		t.ConsumeSKB(id, "udp_recvmsg")
	}
	if graph {
		for _, fn := range []string{"skb_free_datagram_locked", "udp_recvmsg", sys} {
			t.task(ftrace.Return, fn)
		}
	}
}
