package procfs

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/mib"
)

// maxNrIRQs bounds nr_irqs: IRQ_BITMAP_BITS of an x86-64 kernel for 4096 CPUs.
const maxNrIRQs = 1 << 19

// An archRow is a row of /proc/interrupts below those of the devices.
type archRow struct {
	label, description string
	count              func(*mib.CPU) uint64 // nil: nothing in the model moves it
}

// archRows are the rows of arch_show_interrupts (FMT-15).
var archRows = []archRow{
	{"NMI", "Non-maskable interrupts", nil},
	{"LOC", "Local timer interrupts", func(c *mib.CPU) uint64 { return c.LocalTimer }},
	{"SPU", "Spurious interrupts", nil},
	{"PMI", "Performance monitoring interrupts", nil},
	{"IWI", "IRQ work interrupts", nil},
	{"RTR", "APIC ICR read retries", nil},
	{"RES", "Rescheduling interrupts", func(c *mib.CPU) uint64 { return c.Reschedule }},
	{"CAL", "Function call interrupts", func(c *mib.CPU) uint64 { return c.CallFunction }},
	{"TLB", "TLB shootdowns", nil},
	{"TRM", "Thermal event interrupts", nil},
	{"THR", "Threshold APIC interrupts", nil},
	{"MCE", "Machine check exceptions", nil},
	{"MCP", "Machine check polls", nil},
}

func (r *archRow) of(c *mib.CPU) uint64 {
	if r.count == nil {
		return 0
	}
	return r.count(c)
}

// WriteInterrupts writes /proc/interrupts: a row per interrupt, a column per
// CPU, each number modulo 2^32. It models show_interrupts of kernel/irq/proc.c
// and arch_show_interrupts of arch/x86/kernel/irq.c (FMT-13 to FMT-17).
//
// The width of the first column grows with s.NrIRQs. A number of an interrupt
// below 0 or above 2^19 is an error.
func WriteInterrupts(w io.Writer, s *mib.Snapshot) error {
	n, err := nrIRQs(s)
	if err != nil {
		return fmt.Errorf("procfs: interrupts: %w", err)
	}
	prec := irqWidth(n)
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%*s", prec+8, "")
	writeCPUHeader(b, len(s.CPUs))
	for _, irq := range shownIRQs(s) {
		fmt.Fprintf(b, "%*d: ", prec, irq.Number)
		for cpu := range s.CPUs {
			fmt.Fprintf(b, "%10d ", uint32(irqCount(irq, cpu)))
		}
		fmt.Fprintf(b, " %8s-%-8s", "PCI-MSI", "edge")
		if irq.Name != "" {
			fmt.Fprintf(b, "  %s", irq.Name)
		}
		b.WriteByte('\n')
	}
	for i := range archRows {
		fmt.Fprintf(b, "%*s: ", prec, archRows[i].label)
		for cpu := range s.CPUs {
			fmt.Fprintf(b, "%10d ", uint32(archRows[i].of(&s.CPUs[cpu])))
		}
		fmt.Fprintf(b, "  %s\n", archRows[i].description)
	}
	for _, label := range []string{"ERR", "MIS"} {
		fmt.Fprintf(b, "%*s: %10d\n", prec, label, 0)
	}
	return b.Flush()
}

// irqWidth returns the width of the first column (FMT-13).
func irqWidth(nrIRQs int) int {
	prec := 3
	for limit := 1000; prec < 10 && limit <= nrIRQs; limit *= 10 {
		prec++
	}
	return prec
}

// nrIRQs returns nr_irqs: s.NrIRQs, or more if an interrupt has a higher number.
func nrIRQs(s *mib.Snapshot) (int, error) {
	n := s.NrIRQs
	if err := cfgerr.Range("NrIRQs", n, 0, maxNrIRQs); err != nil {
		return 0, err
	}
	for i := range s.IRQs {
		number := s.IRQs[i].Number
		if err := cfgerr.Range(fmt.Sprintf("IRQs[%d].Number", i), number, 0, maxNrIRQs-1); err != nil {
			return 0, err
		}
		n = max(n, number+1)
	}
	return n, nil
}

// shownIRQs returns the interrupts by number, without those that have neither a
// handler nor a count (FMT-14).
func shownIRQs(s *mib.Snapshot) []*mib.IRQ {
	var out []*mib.IRQ
	for i := range s.IRQs {
		irq := &s.IRQs[i]
		if irq.Name != "" || irqSum(irq, len(s.CPUs)) != 0 {
			out = append(out, irq)
		}
	}
	slices.SortStableFunc(out, func(a, b *mib.IRQ) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

// irqCount returns an interrupt's count on one CPU; a CPU beyond its list had none.
func irqCount(irq *mib.IRQ, cpu int) uint64 {
	if cpu < len(irq.Counts) {
		return irq.Counts[cpu]
	}
	return 0
}

// irqSum returns an interrupt's count on all CPUs.
func irqSum(irq *mib.IRQ, cpus int) (sum uint64) {
	for cpu := range cpus {
		sum += irqCount(irq, cpu)
	}
	return sum
}
