package procfs

import (
	"bufio"
	"fmt"
	"io"
	"math"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// tickPS is a tick of USER_HZ, 1/100 s, in picoseconds.
const tickPS = 10_000_000_000

// A clock sums times that together could exceed an int64 of picoseconds, and
// reads in whole ticks, rounded down.
type clock struct{ whole, rest int64 }

func (c *clock) add(ps int64) {
	c.whole += ps / tickPS
	c.rest += ps % tickPS
}

func (c *clock) ticks() int64 { return c.whole + c.rest/tickPS }

// The columns of a cpu line.
const (
	cpuUser = iota
	cpuNice
	cpuSystem
	cpuIdle
	cpuIOWait
	cpuIRQ
	cpuSoftirq
	cpuSteal
	cpuGuest
	cpuGuestNice
	numCPUTimes
)

// cpuTimeNames are the kernel's names of the columns, as of enum cpu_usage_stat.
var cpuTimeNames = [numCPUTimes]string{"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"}

// cpuTimes is a cpu line.
type cpuTimes [numCPUTimes]clock

func (t *cpuTimes) add(c *mib.CPUTime) {
	t[cpuUser].add(c.User)
	t[cpuSystem].add(c.System)
	t[cpuIdle].add(c.Idle)
	t[cpuIRQ].add(c.Hardirq)
	t[cpuSoftirq].add(c.Softirq)
	t[cpuSoftirq].add(c.Ksoftirqd)
}

func (t *cpuTimes) write(w io.Writer, name string) {
	io.WriteString(w, name)
	for i := range t {
		fmt.Fprintf(w, " %d", t[i].ticks())
	}
	io.WriteString(w, "\n")
}

// WriteStat writes /proc/stat. It models show_stat of fs/proc/stat.c.
//
// Times are in ticks of 1/100 s; softirq holds what ksoftirqd ran, too. The
// first number of intr counts the local interrupts (LOC, RES, CAL) as well, the
// others are one per interrupt number. The machine booted at the epoch, so
// btime is 0, as the modification times of [FS] have it. s.NrIRQs and the
// numbers of interrupts must be from 0 to 2^19.
func WriteStat(w io.Writer, s *mib.Snapshot) error {
	n, err := nrIRQs(s)
	if err != nil {
		return fmt.Errorf("procfs: stat: %w", err)
	}
	b := bufio.NewWriter(w)
	writeCPUTimes(b, s)
	writeIntr(b, s, n)
	fmt.Fprintf(b, "ctxt %d\nbtime 0\nprocesses %d\nprocs_running %d\nprocs_blocked 0\n",
		contextSwitches(s), s.Processes, s.ProcsRunning)
	total, sums := softirqSums(s)
	fmt.Fprintf(b, "softirq %d", total)
	for _, sum := range sums {
		fmt.Fprintf(b, " %d", sum)
	}
	b.WriteByte('\n')
	return b.Flush()
}

// writeCPUTimes writes the line of all CPUs and the line of each. The two
// blanks after "cpu" are the kernel's.
func writeCPUTimes(w io.Writer, s *mib.Snapshot) {
	allCPUTimes(s).write(w, "cpu ")
	for i := range s.CPUs {
		var one cpuTimes
		one.add(&s.CPUs[i].Time)
		one.write(w, fmt.Sprintf("cpu%d", i))
	}
}

func allCPUTimes(s *mib.Snapshot) *cpuTimes {
	var all cpuTimes
	for i := range s.CPUs {
		all.add(&s.CPUs[i].Time)
	}
	return &all
}

// writeIntr writes the intr line: the total, then the count of every number up
// to nr_irqs, modulo 2^32.
func writeIntr(w io.Writer, s *mib.Snapshot, nrIRQs int) {
	perIRQ := make([]uint64, nrIRQs)
	for i := range s.IRQs {
		perIRQ[s.IRQs[i].Number] += irqSum(&s.IRQs[i], len(s.CPUs))
	}
	fmt.Fprintf(w, "intr %d", interrupts(s, math.MaxUint32))
	for _, count := range perIRQ {
		fmt.Fprintf(w, " %d", uint32(count))
	}
	io.WriteString(w, "\n")
}

// interrupts returns the total of the intr line: kstat_cpu_irqs_sum, which does
// not wrap, and arch_irq_stat_cpu, a sum of counters of which archMask is left:
// 32 bits in the file.
func interrupts(s *mib.Snapshot, archMask uint64) (total uint64) {
	for i := range s.IRQs {
		total += irqSum(&s.IRQs[i], len(s.CPUs))
	}
	for cpu := range s.CPUs {
		for i := range archRows {
			total += archRows[i].of(&s.CPUs[cpu]) & archMask
		}
	}
	return total
}

func contextSwitches(s *mib.Snapshot) (sum uint64) {
	for i := range s.CPUs {
		sum += s.CPUs[i].ContextSwitches
	}
	return sum
}

// softirqSums returns the numbers of the softirq line. The kernel keeps the sum
// of a row in 32 bits and the total in 64.
func softirqSums(s *mib.Snapshot) (total uint64, sums [mib.NumSoftirqs]uint32) {
	for cpu := range s.CPUs {
		for i, count := range s.CPUs[cpu].Softirqs {
			sums[i] += uint32(count)
			total += uint64(uint32(count))
		}
	}
	return total, sums
}
