package procfs

import (
	"bufio"
	"fmt"
	"io"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/mib"
)

// WriteIGMP writes /proc/net/igmp: each device that has groups, with its groups
// in the order of s.Memberships, newest first. It models igmp_mc_seq_show of
// net/ipv4/igmp.c (section 10.5). Queriers speak version 3, no report is
// waiting. A membership of a device that does not exist is an error.
func WriteIGMP(w io.Writer, s *mib.Snapshot) error {
	groups := map[int][]mib.Membership{}
	for i, m := range s.Memberships {
		if err := checkIfIndex(s, fmt.Sprintf("Memberships[%d].IfIndex", i), m.IfIndex); err != nil {
			return fmt.Errorf("procfs: net/igmp: %w", err)
		}
		groups[m.IfIndex] = append(groups[m.IfIndex], m)
	}
	b := bufio.NewWriter(w)
	b.WriteString("Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n")
	for i := range s.Devices {
		d := &s.Devices[i]
		list := groups[d.IfIndex]
		if len(list) > 0 {
			fmt.Fprintf(b, "%d\t%-10s: %5d %7s\n", d.IfIndex, d.Name, len(list), "V3")
		}
		for _, m := range list {
			fmt.Fprintf(b, "\t\t\t\t%08X %5d %d:%08X\t\t%d\n", hostOrder(m.Group), m.Users, 0, 0, 0)
		}
	}
	return b.Flush()
}

// checkIfIndex refuses an index that no device has.
func checkIfIndex(s *mib.Snapshot, path string, index int) error {
	for i := range s.Devices {
		if s.Devices[i].IfIndex == index {
			return nil
		}
	}
	return cfgerr.Check(false, path, index, "the index of a device")
}
