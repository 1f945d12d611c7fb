package procfs

import (
	"fmt"
	"io"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// WriteSockstat writes /proc/net/sockstat. It models sockstat_seq_show of
// net/ipv4/proc.c (section 10.4): the UDP row counts bound sockets and pages of
// receive memory; FRAG inuse is 0 or 1, not a number of queues.
func WriteSockstat(w io.Writer, s *mib.Snapshot) error {
	_, err := fmt.Fprintf(w, `sockets: used %d
TCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0
UDP: inuse %d mem %d
UDPLITE: inuse 0
RAW: inuse %d
FRAG: inuse %d memory %d
`, s.SocketsUsed, len(s.Sockets), s.UDPMemPages, s.RawSockets, fragInUse(s), s.FragMemory)
	return err
}

func fragInUse(s *mib.Snapshot) int {
	if s.FragMemory != 0 {
		return 1
	}
	return 0
}
