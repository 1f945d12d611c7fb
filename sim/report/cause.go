package report

import (
	"fmt"
	"strings"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/procfs"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A Counter is one number of the host's files, summed over the file's rows, and
// over the interfaces if File has <if> in it.
type Counter struct {
	// File is a path of the tree: "proc/net/snmp", "ethtool/<if>/S".
	File string
	// Name is the kernel's: "Udp.RcvbufErrors".
	Name string
}

// String says where an operator finds it: "ethtool -S: rx_missed_errors".
func (c Counter) String() string {
	if c.Name == "" {
		return "no counter"
	}
	place := c.place()
	return place[strings.LastIndexByte(place, '/')+1:] + ": " + c.Name
}

// place names the file as an operator does.
func (c Counter) place() string {
	switch {
	case strings.HasPrefix(c.File, "ethtool/"):
		return "ethtool -S"
	case strings.HasPrefix(c.File, "sys/"):
		return "/" + strings.Replace(c.File, "<if>", "*", 1)
	}
	return "/" + c.File
}

// with prints the counter in a sentence, with its value unless that is a level
// and so says nothing about the run.
func (c Counter) with(value uint64) string {
	if isLevel(c.File, c.Name) {
		return fmt.Sprintf("see %s in %s", c.Name, c.place())
	}
	return fmt.Sprintf("%s = %s in %s", c.Name, grouped(value), c.place())
}

// Value returns the counter's value in a result; 0 for the zero Counter.
func (c Counter) Value(res *sim.Result) (sum uint64) {
	before, after, each := strings.Cut(c.File, "<if>")
	procfs.EachCounter(&res.Snapshot.Snapshot, func(file, _, name string, v uint64) {
		if name != c.Name {
			return
		}
		if file == c.File || each && strings.HasPrefix(file, before) && strings.HasSuffix(file, after) {
			sum += v
		}
	})
	return sum
}

// Files that counters are in.
const (
	ethtoolS    = "ethtool/<if>/S"
	statistics  = "sys/class/net/<if>/statistics"
	netSNMP     = "proc/net/snmp"
	netNetstat  = "proc/net/netstat"
	softnetStat = "proc/net/softnet_stat"
	netUDP      = "proc/net/udp"
	nfConntrack = "proc/net/stat/nf_conntrack"
)

// counterOf returns the counter in which a packet that ended for that reason
// is seen most directly; a reason that the kernel counts nowhere has none. Some
// are seen in several, and some counters count several reasons.
func counterOf(r skb.DropReason) Counter {
	switch r {
	case skb.HWCRC:
		return Counter{ethtoolS, "rx_crc_errors"}
	case skb.HWLength:
		return Counter{statistics, "rx_length_errors"}
	case skb.HWOversize:
		return Counter{ethtoolS, "rx_long_length_errors"}
	case skb.HWUndersize:
		return Counter{ethtoolS, "rx_short_length_errors"}
	case skb.HWPause:
		return Counter{ethtoolS, "rx_flow_control_xoff"}
	case skb.HWFIFO:
		return Counter{ethtoolS, "rx_missed_errors"}
	case skb.HWNoDesc:
		return Counter{ethtoolS, "rx_no_dma_resources"}
	case skb.FullRing:
		return Counter{statistics, "tx_dropped"}
	case skb.CPUBacklog:
		return Counter{softnetStat, "dropped"}
	case skb.UnhandledProto, skb.MacvlanBacklog:
		return Counter{statistics, "rx_dropped"}
	case skb.PktTooSmall:
		return Counter{netNetstat, "IpExt.InTruncatedPkts"}
	case skb.IPInHdr:
		return Counter{netSNMP, "Ip.InHdrErrors"}
	case skb.IPCsum:
		return Counter{netNetstat, "IpExt.InCsumErrors"}
	case skb.IPRPFilter:
		return Counter{netNetstat, "TcpExt.IPReversePathFilter"}
	case skb.IPInAddrErrors:
		return Counter{netSNMP, "Ip.InAddrErrors"}
	case skb.IPInNoRoutes:
		return Counter{netNetstat, "IpExt.InNoRoutes"}
	case skb.ConntrackFull:
		return Counter{nfConntrack, "drop"}
	case skb.FragReasmTimeout:
		return Counter{netSNMP, "Ip.ReasmTimeout"}
	case skb.FragTooFar, skb.FragInvalid, skb.FragMem:
		return Counter{netSNMP, "Ip.ReasmFails"}
	case skb.IPNoProto:
		return Counter{netSNMP, "Ip.InUnknownProtos"}
	case skb.UDPCsum:
		return Counter{netSNMP, "Udp.InCsumErrors"}
	case skb.NoSocket:
		return Counter{netSNMP, "Udp.NoPorts"}
	case skb.IgnoredMulti:
		return Counter{netSNMP, "Udp.IgnoredMulti"}
	case skb.SocketRcvbuff, skb.NoMem:
		return Counter{netSNMP, "Udp.RcvbufErrors"}
	case skb.XFRMPolicy, skb.SocketBacklog, skb.SocketFilter, skb.ProtoMem, skb.CopyFault:
		return Counter{netSNMP, "Udp.InErrors"}
	}
	return Counter{}
}
