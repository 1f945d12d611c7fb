package procfs

import (
	"bufio"
	"fmt"
	"io"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// WriteDevMcast writes /proc/net/dev_mcast, the multicast filter of each
// device in the order of s.MCAddrs, oldest address first. It models
// dev_mc_seq_show of net/core/net-procfs.c (section 10.6). An address of a
// device that does not exist is an error.
func WriteDevMcast(w io.Writer, s *mib.Snapshot) error {
	addrs := map[int][]mib.MCAddr{}
	for i, a := range s.MCAddrs {
		if err := checkIfIndex(s, fmt.Sprintf("MCAddrs[%d].IfIndex", i), a.IfIndex); err != nil {
			return fmt.Errorf("procfs: net/dev_mcast: %w", err)
		}
		addrs[a.IfIndex] = append(addrs[a.IfIndex], a)
	}
	b := bufio.NewWriter(w)
	for i := range s.Devices {
		d := &s.Devices[i]
		for _, a := range addrs[d.IfIndex] {
			fmt.Fprintf(b, "%-4d %-15s %-5d %-5d %x\n", d.IfIndex, d.Name, a.Refcount, a.GlobalUse, a.Addr)
		}
	}
	return b.Flush()
}
