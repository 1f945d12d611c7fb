package procfs

import (
	"bufio"
	"io"
	"slices"
	"strings"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// ipExtRow is the IpExt row of /proc/net/netstat, as snmp4_ipextstats_list of
// net/ipv4/proc.c orders it.
var (
	ipExtRow = row{
		name: "IpExt",
		columns: strings.Fields(`InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets OutOctets
			InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets InCsumErrors InNoECTPkts InECT1Pkts InECT0Pkts InCEPkts ReasmOverlaps`),
	}
)

// WriteNetstat writes /proc/net/netstat: names and values of TcpExt, IpExt and, in
// newer kernels, MPTcpExt. It models netstat_seq_show of net/ipv4/proc.c (section
// 10.2) and mptcp_seq_show.
func WriteNetstat(w io.Writer, s *mib.Snapshot) error {
	b := bufio.NewWriter(w)
	tcp := row{name: "TcpExt", columns: tcpExtColumns[s.NetstatColumns]}
	if tcp.columns == nil {
		tcp.columns = tcpExtColumns[defaultColumns]
	}
	tcp.write(b, values(&s.Net.TCPExt))
	ext := row{name: ipExtRow.name, columns: ipExtColumns(s)}
	ext.write(b, values(&s.Net.IPExt))
	if columns := mptcpExtColumns[s.NetstatColumns]; columns != nil {
		mptcp := row{name: "MPTcpExt", columns: columns}
		mptcp.write(b, nil)
	}
	return b.Flush() // a failed write stays with b
}

// ipExtColumns returns the columns of the IpExt row in this kernel: packets have
// been counted by their ECN bits since 3.12.
func ipExtColumns(s *mib.Snapshot) []string {
	switch all := ipExtRow.columns; {
	case s.NetstatColumns == columns310:
		return all[:slices.Index(all, "InNoECTPkts")]
	case !s.ReasmOverlaps:
		return all[:len(all)-1]
	default:
		return all
	}
}
