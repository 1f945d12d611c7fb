package procfs

import (
	"bufio"
	"fmt"
	"io"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// WriteConntrackStat writes /proc/net/stat/nf_conntrack: a line of eight-digit
// hexadecimal numbers per CPU, each modulo 2^32, the number of connections
// first in each. It models ct_cpu_seq_show of
// net/netfilter/nf_conntrack_standalone.c. What the model does not count is 0.
func WriteConntrackStat(w io.Writer, s *mib.Snapshot) error {
	b := bufio.NewWriter(w)
	b.WriteString("entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  " +
		"expect_new expect_create expect_delete search_restart\n")
	for i := range s.Conntrack {
		c := &s.Conntrack[i]
		fmt.Fprintf(b, "%08x  %08x %08x %08x %08x %08x %08x %08x %08x %08x %08x %08x %08x  %08x %08x %08x %08x\n", uint32(s.ConntrackCount),
			uint32(c.Searched), uint32(c.Found), uint32(c.New), uint32(c.Invalid), 0, 0, 0,
			uint32(c.Insert), uint32(c.InsertFailed), uint32(c.Drop), uint32(c.EarlyDrop), 0, 0, 0, 0, 0)
	}
	return b.Flush()
}
