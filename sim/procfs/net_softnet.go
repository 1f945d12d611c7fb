package procfs

import (
	"bufio"
	"fmt"
	"io"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/mib"
)

// WriteSoftnetStat writes /proc/net/softnet_stat: a line of eight-digit
// hexadecimal numbers per CPU, each modulo 2^32. It models softnet_seq_show of
// net/core/net-procfs.c (FMT-1 to FMT-3).
//
// The width is s.SoftnetColumns: 10 up to Linux 3.10; 11 with flow_limit_count;
// 13 with the length of the backlog and the number of the CPU; 15 with the two
// parts of that length. Any other width is an error.
func WriteSoftnetStat(w io.Writer, s *mib.Snapshot) error {
	n := s.SoftnetColumns
	ok := n == 10 || n == 11 || n == 13 || n == 15
	if err := cfgerr.Check(ok, "SoftnetColumns", n, "10, 11, 13 or 15"); err != nil {
		return fmt.Errorf("procfs: net/softnet_stat: %w", err)
	}
	b := bufio.NewWriter(w)
	for i := range s.CPUs {
		columns := softnetRow(&s.CPUs[i], i)
		for col, v := range columns[:n] {
			if col > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(b, "%08x", uint32(v))
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}

// softnetRow returns the columns of the widest format. Columns 4 to 8 are
// always 0; 9 is cpu_collision, which only sending moves.
func softnetRow(c *mib.CPU, cpu int) [15]uint64 {
	n := &c.Softnet
	return [15]uint64{
		0: n.Processed, 1: n.Dropped, 2: n.TimeSqueeze,
		9: n.ReceivedRPS, 10: n.FlowLimitCount,
		11: c.BacklogLen, 12: uint64(cpu),
		13: c.InputQueueLen, 14: c.BacklogLen - c.InputQueueLen,
	}
}
