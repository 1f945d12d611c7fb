package procfs

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/units"
)

// Flags and types of devices in /sys/class/net/<if>.
const (
	etherFlags    = 0x1003 // IFF_UP, IFF_BROADCAST, IFF_MULTICAST
	loopbackFlags = 0x9    // IFF_UP, IFF_LOOPBACK
	upFlag        = 0x1    // IFF_UP
	promiscFlag   = 0x100  // IFF_PROMISC
	allMultiFlag  = 0x200  // IFF_ALLMULTI
	etherType     = 1      // ARPHRD_ETHER
	loopbackType  = 772    // ARPHRD_LOOPBACK
)

// statisticsFiles are the files of /sys/class/net/<if>/statistics (FMT-10). They
// are the fields of struct rtnl_link_stats64, without one of Linux 4.6 and later.
var statisticsFiles = strings.Fields(`rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped tx_dropped multicast
	collisions rx_length_errors rx_over_errors rx_crc_errors rx_frame_errors rx_fifo_errors rx_missed_errors tx_aborted_errors
	tx_carrier_errors tx_fifo_errors tx_heartbeat_errors tx_window_errors rx_compressed tx_compressed`)

// WriteStatistic writes the file of that name in
// /sys/class/net/<if>/statistics: one decimal number. It models netstat_show of
// net/core/net-sysfs.c (FMT-10). rx_dropped is the core's drops alone, without
// rx_missed_errors (FMT-11, CORE-20). Fields that nothing moves are 0.
func WriteStatistic(w io.Writer, d *mib.Device, name string) error {
	_, err := fmt.Fprintf(w, "%d\n", values(&d.Link)[name])
	return err
}

// An attribute is a file of /sys/class/net/<if> with its text, without newline.
type attribute struct{ path, text string }

// netClassAttributes returns the files of /sys/class/net/<if> that the snapshot
// knows, statistics apart, for a host of that many CPUs. They model the
// attributes of net/core/net-sysfs.c. Files that cannot be read
// on a real device, as speed on lo, are absent.
func netClassAttributes(d *mib.Device, cpus int) []attribute {
	broadcast, operstate, flags, typ := "ff:ff:ff:ff:ff:ff", "up", etherFlags, etherType
	if d.Name == "lo" {
		broadcast, operstate, flags, typ = "00:00:00:00:00:00", "unknown", loopbackFlags, loopbackType
	}
	carrier := "1"
	if d.Down {
		operstate, flags = "down", flags&^upFlag
	}
	if d.NoCarrier {
		operstate, carrier = "down", "0"
	}
	if d.Promisc {
		flags |= promiscFlag
	}
	if d.AllMulti {
		flags |= allMultiFlag
	}
	out := []attribute{
		{"addr_len", "6"},
		{"address", macAddress(d.MAC)},
		{"broadcast", broadcast},
		{"carrier", carrier},
		{"dormant", "0"},
		{"flags", fmt.Sprintf("0x%x", flags)},
		{"ifindex", fmt.Sprint(d.IfIndex)},
		{"mtu", fmt.Sprint(d.MTU)},
		{"operstate", operstate},
		{"type", fmt.Sprint(typ)},
	}
	if d.Down { // reading it is EINVAL then
		out = slices.DeleteFunc(out, func(a attribute) bool { return a.path == "carrier" })
	}
	if d.SpeedMbps != 0 && !d.Down && !d.NoCarrier {
		out = append(out, attribute{"duplex", "full"}, attribute{"speed", fmt.Sprint(d.SpeedMbps)})
	}
	for i := range d.RXQueues {
		queue := fmt.Sprintf("queues/rx-%d/", i)
		out = append(out,
			attribute{queue + "rps_cpus", cpuMask(d.RXQueues[i].RPSCPUs, cpus)},
			attribute{queue + "rps_flow_cnt", strconv.Itoa(d.RXQueues[i].RPSFlowCnt)})
	}
	return out
}

// macAddress prints an address as %pM does.
func macAddress(m [6]byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// cpuMask prints a set of CPUs as show_rps_map does with %*pb: groups of 32 bits
// from the highest, the first as wide as the number of CPUs needs (RPS-1a).
func cpuMask(set []int, cpus int) string { return units.FormatCPUMask(set, cpus) }
