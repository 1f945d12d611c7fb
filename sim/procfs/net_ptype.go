package procfs

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// WritePType writes /proc/net/ptype: the handlers for all protocols, then the
// 16 hash buckets of the others, each list in the order of s.PTypes. It models
// ptype_seq_show of net/core/net-procfs.c (FMT-8). Which handlers are shown at
// all is the snapshot's matter (FMT-9, K310-11).
func WritePType(w io.Writer, s *mib.Snapshot) error {
	rows := slices.Clone(s.PTypes)
	slices.SortStableFunc(rows, func(a, b mib.PType) int { return cmp.Compare(ptypeList(a), ptypeList(b)) })
	b := bufio.NewWriter(w)
	b.WriteString("Type Device      Function\n")
	for _, p := range rows {
		proto := "ALL "
		if p.EtherType != 0 {
			proto = fmt.Sprintf("%04x", p.EtherType)
		}
		fmt.Fprintf(b, "%s %-8s %s\n", proto, p.Device, p.Function)
	}
	return b.Flush()
}

// ptypeList returns the place of the list that holds p: -1 for ptype_all, else
// the bucket of ptype_base.
func ptypeList(p mib.PType) int {
	if p.EtherType == 0 {
		return -1
	}
	return int(p.EtherType & 15)
}
