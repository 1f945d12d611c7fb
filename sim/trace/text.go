package trace

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/kernel"
)

// A Trace is what the tracers of a host recorded.
type Trace struct {
	// CPUs is the number of CPUs, Text what the kernel's trace files say.
	CPUs int
	Text kernel.TraceText
	// Events are what is left in the buffers, in the order in which it happened.
	Events []ftrace.Event
	// Lost counts events that were overwritten, by CPU.
	Lost []uint64
}

// Written counts all events, the overwritten ones included.
func (t *Trace) Written() uint64 {
	n := uint64(len(t.Events))
	for _, l := range t.Lost {
		n += l
	}
	return n
}

// preamble are the lines above the events, by the number of columns of flags.
var preamble = [...]string{`#                              _-----=> irqs-off
#                             / _----=> need-resched
#                            | / _---=> hardirq/softirq
#                            || / _--=> preempt-depth
#                            ||| /     delay
#           TASK-PID   CPU#  ||||    TIMESTAMP  FUNCTION
#              | |       |   ||||       |         |
`, `#                                _-----=> irqs-off/BH-disabled
#                               / _----=> need-resched
#                              | / _---=> hardirq/softirq
#                              || / _--=> preempt-depth
#                              ||| / _-=> migrate-disable
#                              |||| /     delay
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
`}

// WriteText writes the file trace of tracefs with the tracer nop (11.2). It
// models kernel/trace/trace.c:print_trace_line and trace_output.c:trace_print_context.
func WriteText(w io.Writer, t *Trace) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# tracer: nop\n#\n# entries-in-buffer/entries-written: %d/%d   #P:%d\n#\n", len(t.Events), t.Written(), t.CPUs)
	b.WriteString(preamble[min(int(t.Text), 1)])
	overrun := t.Written() > uint64(len(t.Events))
	started := map[int]bool{}
	locations := map[string]bool{}
	for i := range t.Events {
		e := &t.Events[i]
		if !started[e.CPU] {
			started[e.CPU] = true
			if lost := t.Lost[e.CPU]; lost > 0 {
				fmt.Fprintf(b, "CPU:%d [LOST %d EVENTS]\n", e.CPU, lost)
			}
			if overrun && i > 0 {
				fmt.Fprintf(b, "##### CPU %d buffer started ####\n", e.CPU)
			}
		}
		if e.Location != "" && t.Text != kernel.TraceSymbols {
			locations[Symbol(t.Text, e.Location)] = true
		}
		b.WriteString(Line(t.Text, e))
		b.WriteByte('\n')
	}
	var names []string
	for name := range locations { // any order: sorted next
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(b, "# %s is %016x\n", name, address(name))
	}
	return b.Flush()
}

// Line returns the line of an event without its newline.
func Line(text kernel.TraceText, e *ftrace.Event) string {
	width := 5
	if text > kernel.TracePlain {
		width = 7
	}
	return fmt.Sprintf("%16s-%-*d [%03d] %s %s: %s: %s", e.Task.Comm, width, e.Task.PID, e.CPU, flags(text, e.Flags), stamp(e.At), e.Kind, Body(text, e))
}

// stamp prints a time as trace files do, microseconds cut off.
func stamp(t engine.Time) string {
	us := int64(t / engine.Microsecond)
	return fmt.Sprintf("%5d.%06d", us/1e6, us%1e6)
}

// flags prints the columns between CPU and time: irqs-off, need-resched,
// context, preempt-depth, and in newer kernels migrate-disable.
func flags(text kernel.TraceText, f ftrace.Flags) string {
	has := func(bit ftrace.Flags) bool { return f&bit != 0 }
	out := []byte("....")
	switch newer := text > kernel.TracePlain; {
	case has(ftrace.IRQsOff) && has(ftrace.BHOff) && newer:
		out[0] = 'D'
	case has(ftrace.IRQsOff):
		out[0] = 'd'
	case has(ftrace.BHOff) && newer:
		out[0] = 'b'
	}
	if has(ftrace.NeedResched) {
		out[1] = 'N'
	}
	switch {
	case has(ftrace.Hardirq) && has(ftrace.Softirq):
		out[2] = 'H'
	case has(ftrace.Hardirq):
		out[2] = 'h'
	case has(ftrace.Softirq):
		out[2] = 's'
	}
	if has(ftrace.PreemptDepth) {
		out[3] = '1'
	}
	if text > kernel.TracePlain {
		out = append(out, '.')
	}
	return string(out)
}

// softirqNames are those of 4.0, in the order of their numbers.
var softirqNames = [...]string{"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "BLOCK_IOPOLL", "TASKLET", "SCHED", "HRTIMER", "RCU"}

func softirqName(text kernel.TraceText, nr uint8) string {
	if int(nr) >= len(softirqNames) {
		return fmt.Sprint(nr)
	}
	if text > kernel.TracePlain && nr == 5 {
		return "IRQ_POLL"
	}
	return softirqNames[nr]
}

// Body returns what an event says behind its name, in the words of a kernel (11.1).
func Body(text kernel.TraceText, e *ftrace.Event) string {
	switch e.Kind {
	case ftrace.IRQHandlerEntry:
		return fmt.Sprintf("irq=%d name=%s", e.IRQ, e.Name)
	case ftrace.IRQHandlerExit:
		return fmt.Sprintf("irq=%d ret=handled", e.IRQ)
	case ftrace.SoftirqRaise, ftrace.SoftirqEntry, ftrace.SoftirqExit:
		return fmt.Sprintf("vec=%d [action=%s]", e.Vec, softirqName(text, e.Vec))
	case ftrace.NAPIPoll:
		s := fmt.Sprintf("napi poll on napi struct %016x for device %s", napiAddress(e), e.Dev)
		if text > kernel.TracePlain {
			s += fmt.Sprintf(" work %d budget %d", e.Work, e.Budget)
		}
		return s
	case ftrace.NetifReceiveSKB, ftrace.NetifRX, ftrace.NetDevQueue:
		return fmt.Sprintf("dev=%s skbaddr=%016x len=%d", e.Dev, skbAddress(e.ID), e.Len)
	case ftrace.KfreeSKB:
		return kfreeSKB(text, e)
	case ftrace.ConsumeSKB:
		if text == kernel.TraceSymbols {
			return fmt.Sprintf("skbaddr=%016x location=%s", skbAddress(e.ID), Symbol(text, e.Location))
		}
		return fmt.Sprintf("skbaddr=%016x", skbAddress(e.ID))
	case ftrace.SKBCopyDatagramIovec:
		return fmt.Sprintf("skbaddr=%016x len=%d", skbAddress(e.ID), e.Len)
	case ftrace.SockRcvqueueFull:
		return fmt.Sprintf("rmem_alloc=%d truesize=%d sk_rcvbuf=%d", e.RmemAlloc, e.Truesize, e.RcvBuf)
	case ftrace.SockExceedBufLimit:
		s := fmt.Sprintf("proto:%s sysctl_mem=%d,%d,%d allocated=%d sysctl_rmem=%d rmem_alloc=%d", e.Name, e.Mem[0], e.Mem[1], e.Mem[2], e.Allocated, e.RmemMin, e.RmemAlloc)
		if text > kernel.TracePlain {
			s += " sysctl_wmem=4096 wmem_alloc=1 wmem_queued=0 kind=SK_MEM_RECV"
		}
		return s
	case ftrace.UDPFailQueueRcvSKB:
		if text == kernel.TraceSymbols {
			return fmt.Sprintf("rc=%d family=AF_INET src=%v dest=%v", e.RC, e.Src, e.Dst)
		}
		return fmt.Sprintf("rc=%d port=%d", e.RC, e.Dst.Port())
	}
	if e.Kind.Entry() {
		return atEntry(e)
	}
	return ""
}

func kfreeSKB(text kernel.TraceText, e *ftrace.Event) string {
	where := Symbol(text, e.Location)
	switch text {
	case kernel.TracePlain:
		return fmt.Sprintf("skbaddr=%016x protocol=%d location=%016x", skbAddress(e.ID), e.Protocol, address(where))
	case kernel.TraceReasons:
		return fmt.Sprintf("skbaddr=%016x protocol=%d location=%016x reason: %s", skbAddress(e.ID), e.Protocol, address(where), e.Reason)
	}
	return fmt.Sprintf("skbaddr=%016x rx_sk=%016x protocol=%d location=%s reason: %s", skbAddress(e.ID), 0, e.Protocol, where, e.Reason)
}

// atEntry is the body of the events that say all of a packet.
func atEntry(e *ftrace.Event) string {
	mapping := 0
	if e.HasQueue {
		mapping = int(e.Queue) + 1 // skb_record_rx_queue
	}
	return fmt.Sprintf("dev=%s napi_id=0 queue_mapping=%d skbaddr=%016x vlan_tagged=%d vlan_proto=0x%04x vlan_tci=0x%04x protocol=0x%04x "+
		"ip_summed=%d hash=0x%08x l4_hash=%d len=%d data_len=%d truesize=%d mac_header_valid=1 mac_header=-14 nr_frags=%d gso_size=%d gso_type=%s",
		e.Dev, mapping, skbAddress(e.ID), bit(e.Tagged), e.VLANProto, e.TCI, e.Protocol,
		e.Summed, e.Hash, bit(e.L4Hash), e.Len, e.DataLen, e.Truesize, e.NrFrags, e.GSOSize, gsoType(e))
}

// gsoType is gso_type: that of a packet which a sender left to be cut, SKB_GSO_UDP_L4.
func gsoType(e *ftrace.Event) string {
	if e.GSOSize == 0 {
		return "0" // so printf has it
	}
	return "0x20000"
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Addresses begin where the kernel's linear mapping and its text do.
const (
	linearMapping = 0xffff880000000000
	kernelText    = 0xffffffff81000000
	skbStride     = 256
)

// skbAddress is the made-up address of a packet.
func skbAddress(id uint64) uint64 {
	if id == 0 {
		return 0
	}
	return linearMapping + id*skbStride
}

// napiAddress is the made-up address of an instance.
func napiAddress(e *ftrace.Event) uint64 {
	return linearMapping + uint64(fnv(e.Dev))<<8&0xffffff00 + uint64(e.CPU)*0x1000
}

// address is the made-up address of an instruction in a function.
func address(symbol string) uint64 { return kernelText + uint64(fnv(symbol)&0x7fffff) }

// fnv is the hash FNV-1a.
func fnv(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// newer are the functions from which newer kernels free what 4.0 frees
// elsewhere (linux-6.18 4.2).
var newer = map[string]string{
	"ip_rcv": "ip_rcv_core", "ip_rcv_finish": "ip_rcv_finish_core", "ip_local_deliver_finish": "ip_protocol_deliver_rcu",
	"udp_queue_rcv_skb": "udp_queue_rcv_one_skb", "__udp_queue_rcv_skb": "udp_queue_rcv_one_skb",
	"skb_kill_datagram": "__udp_recvmsg", "udp_recvmsg": "skb_consume_udp",
}

// Symbol returns what a kernel calls the function that 4.0 calls name.
func Symbol(text kernel.TraceText, name string) string {
	if text > kernel.TracePlain {
		if n, ok := newer[name]; ok {
			return n
		}
	}
	return strings.TrimSpace(name)
}
