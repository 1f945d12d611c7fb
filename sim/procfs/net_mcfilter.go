package procfs

import (
	"io"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// WriteMCFilter writes /proc/net/mcfilter: only its header, because source
// filters are not modelled. It models igmp_mcf_seq_show of net/ipv4/igmp.c
// (section 10.5).
func WriteMCFilter(w io.Writer, _ *mib.Snapshot) error {
	_, err := io.WriteString(w, "Idx Device        MCA        SRC    INC    EXC\n")
	return err
}
