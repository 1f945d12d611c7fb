package procfs

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// The rows of /proc/net/snmp, as the arrays snmp4_*_list of net/ipv4/proc.c
// order them.
var (
	ipRow = row{
		name: "Ip",
		columns: strings.Fields(`Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards
			InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits`),
		idle: map[string]string{"DefaultTTL": "64"},
	}
	icmpRow = row{
		name: "Icmp",
		columns: strings.Fields(`InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos
			InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds
			OutParmProbs OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps`),
	}
	tcpRow = row{
		name: "Tcp",
		columns: strings.Fields(`RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab
			InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors`),
		idle: map[string]string{"RtoAlgorithm": "1", "RtoMin": "200", "RtoMax": "120000", "MaxConn": "-1"},
	}
	udpColumns = strings.Fields("InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors")
)

// icmpTypes are the ICMP message types that have columns in the Icmp row, in
// the order of their numbers. The kernel counts by type and folds into the row
// (icmpmibmap of net/ipv4/proc.c).
var icmpTypes = []struct {
	number int
	name   string
}{
	{0, "EchoReps"},
	{3, "DestUnreachs"},
	{4, "SrcQuenchs"},
	{5, "Redirects"},
	{8, "Echos"},
	{11, "TimeExcds"},
	{12, "ParmProbs"},
	{13, "Timestamps"},
	{14, "TimestampReps"},
	{17, "AddrMasks"},
	{18, "AddrMaskReps"},
}

// WriteSNMP writes /proc/net/snmp: a line of names and a line of values for
// each of Ip, Icmp, Tcp, Udp and UdpLite. It models snmp_seq_show of
// net/ipv4/proc.c (section 10.1).
func WriteSNMP(w io.Writer, s *mib.Snapshot) error {
	b := bufio.NewWriter(w)
	icmp := values(&s.Net.ICMP)
	udp, udpLite := udpRows(s)
	ip := values(&s.Net.IP)
	ip["Forwarding"] = 2
	if s.Forwarding {
		ip["Forwarding"] = 1
	}
	row := ipRow
	if !s.OutTransmits {
		row.columns = row.columns[:len(row.columns)-1]
	}
	row.write(b, ip)
	icmpColumns(s).write(b, icmp)
	writeICMPMsg(b, icmp)
	tcpRow.write(b, nil)
	udp.write(b, values(&s.Net.UDP))
	udpLite.write(b, nil)
	return b.Flush() // a failed write stays with b
}

// icmpColumns returns the row of ICMP in the width of this kernel.
func icmpColumns(s *mib.Snapshot) *row {
	r := icmpRow
	if !modern(s) {
		r.columns = slices.DeleteFunc(slices.Clone(r.columns), func(c string) bool { return strings.HasPrefix(c, "OutRateLimit") })
	}
	return &r
}

// udpRows returns the two rows of UDP in the width of this kernel (K310-9).
func udpRows(s *mib.Snapshot) (udp, udpLite row) {
	columns := udpColumns
	if !s.MemErrors {
		columns = columns[:len(columns)-1]
	}
	if s.NoIgnoredMulti {
		columns = slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return c == "IgnoredMulti" })
	}
	return row{name: "Udp", columns: columns}, row{name: "UdpLite", columns: columns}
}

// writeICMPMsg writes the IcmpMsg rows: the types that were ever counted, 16 of
// them in a row. It models icmpmsg_put.
func writeICMPMsg(w io.Writer, icmp map[string]uint64) {
	var r row
	r.name = "IcmpMsg"
	counts := map[string]uint64{}
	for _, dir := range []string{"In", "Out"} {
		for _, t := range icmpTypes {
			if v := icmp[dir+t.name]; v != 0 {
				column := dir + "Type" + strconv.Itoa(t.number)
				counts[column] = v
				r.columns = append(r.columns, column)
			}
		}
	}
	for columns := range slices.Chunk(r.columns, 16) {
		r.columns = columns
		r.write(w, counts)
	}
}
