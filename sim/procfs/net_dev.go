package procfs

import (
	"bufio"
	"fmt"
	"io"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// A devColumn is a column of one half of /proc/net/dev: the sum of some fields
// of struct rtnl_link_stats64.
type devColumn struct {
	name   string
	width  int
	fields []string
}

// The columns of /proc/net/dev (FMT-5, FMT-6).
var (
	devReceive = []devColumn{
		{"bytes", 7, []string{"rx_bytes"}},
		{"packets", 7, []string{"rx_packets"}},
		{"errs", 4, []string{"rx_errors"}},
		{"drop", 4, []string{"rx_dropped", "rx_missed_errors"}},
		{"fifo", 4, []string{"rx_fifo_errors"}},
		{"frame", 5, []string{"rx_length_errors", "rx_over_errors", "rx_crc_errors", "rx_frame_errors"}},
		{"compressed", 10, []string{"rx_compressed"}},
		{"multicast", 9, []string{"multicast"}},
	}
	devTransmit = []devColumn{
		{"bytes", 8, []string{"tx_bytes"}},
		{"packets", 7, []string{"tx_packets"}},
		{"errs", 4, []string{"tx_errors"}},
		{"drop", 4, []string{"tx_dropped"}},
		{"fifo", 4, []string{"tx_fifo_errors"}},
		{"colls", 5, []string{"collisions"}},
		{"carrier", 7, []string{"tx_carrier_errors", "tx_aborted_errors", "tx_window_errors", "tx_heartbeat_errors"}},
		{"compressed", 10, []string{"tx_compressed"}},
	}
)

// devHeader is FMT-4.
const devHeader = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`

// WriteDev writes /proc/net/dev, a line per device. It models dev_seq_show and
// dev_seq_printf_stats of net/core/net-procfs.c (FMT-4 to FMT-6): the drop
// column is rx_dropped plus rx_missed_errors, frames that the NIC lost for want
// of a descriptor are nowhere (HW-8).
func WriteDev(w io.Writer, s *mib.Snapshot) error {
	b := bufio.NewWriter(w)
	b.WriteString(devHeader)
	for i := range s.Devices {
		d := &s.Devices[i]
		link := values(&d.Link)
		fmt.Fprintf(b, "%6s:", d.Name)
		for _, half := range [][]devColumn{devReceive, devTransmit} {
			for _, c := range half {
				fmt.Fprintf(b, " %*d", c.width, c.sum(link))
			}
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}

func (c *devColumn) sum(link map[string]uint64) (sum uint64) {
	for _, f := range c.fields {
		sum += link[f]
	}
	return sum
}
