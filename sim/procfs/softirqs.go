package procfs

import (
	"bufio"
	"fmt"
	"io"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// WriteSoftirqs writes /proc/softirqs: a row per softirq, a column per possible CPU,
// each number modulo 2^32. It models show_softirqs of fs/proc/softirqs.c
// (FMT-12).
func WriteSoftirqs(w io.Writer, s *mib.Snapshot) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%20s", "")
	writeCPUHeader(b, s.Possible())
	for i, name := range mib.SoftirqNames {
		fmt.Fprintf(b, "%12s:", name)
		for c := range s.CPUs {
			fmt.Fprintf(b, " %10d", uint32(s.CPUs[c].Softirqs[i]))
		}
		for range s.Possible() - len(s.CPUs) {
			fmt.Fprintf(b, " %10d", 0)
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}

// writeCPUHeader writes the names of the CPUs as the headers of /proc/softirqs
// and /proc/interrupts have them, and ends the line.
func writeCPUHeader(w io.Writer, cpus int) {
	for i := range cpus {
		fmt.Fprintf(w, "CPU%-8d", i)
	}
	io.WriteString(w, "\n")
}
