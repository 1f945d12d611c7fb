package procfs

import (
	"bufio"
	"fmt"
	"io"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// WriteMCFilter writes /proc/net/mcfilter: the sources that members of a group
// name, with the number of those that include and exclude them. It models
// igmp_mcf_seq_show of net/ipv4/igmp.c (section 10.5). A filter of a device that
// does not exist is an error.
func WriteMCFilter(w io.Writer, s *mib.Snapshot) error {
	b := bufio.NewWriter(w)
	b.WriteString("Idx Device        MCA        SRC    INC    EXC\n")
	for i := range s.MCFilters {
		f := &s.MCFilters[i]
		if err := checkIfIndex(s, fmt.Sprintf("MCFilters[%d].IfIndex", i), f.IfIndex); err != nil {
			return fmt.Errorf("procfs: net/mcfilter: %w", err)
		}
		for j := range s.Devices {
			if d := &s.Devices[j]; d.IfIndex == f.IfIndex {
				fmt.Fprintf(b, "%3d %6.6s 0x%08x 0x%08x %6d %6d\n", f.IfIndex, d.Name, f.Group, f.Source, f.Includes, f.Excludes)
			}
		}
	}
	return b.Flush()
}
