package procfs_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

// The literal lines below are those of the specification; the name of a test
// starts with the rule or section that has them.

type writer = func(io.Writer, *mib.Snapshot) error

func text(t *testing.T, write writer, s *mib.Snapshot) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(&b, s))
	return b.String()
}

func lines(t *testing.T, write writer, s *mib.Snapshot) []string {
	t.Helper()
	out := text(t, write, s)
	require.True(t, out == "" || strings.HasSuffix(out, "\n"), "no newline at the end")
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

func TestFMT1SoftnetStat(t *testing.T) {
	s := &mib.Snapshot{SoftnetColumns: 11, CPUs: []mib.CPU{
		{Softnet: mib.Softnet{Processed: 0x12345678, Dropped: 2, TimeSqueeze: 3, ReceivedRPS: 7, FlowLimitCount: 1}},
	}}
	require.Equal(t, "12345678 00000002 00000003 00000000 00000000 00000000 00000000 00000000 00000000 00000007 00000001\n",
		text(t, procfs.WriteSoftnetStat, s))
}

func TestFMT1Widths(t *testing.T) {
	s := host()
	zeros := strings.Repeat(" 00000000", 6)
	for columns, want := range map[int][2]string{
		10: {"00001001 00001002 00001003" + zeros + " 00001004",
			"00002001 00002002 00002003" + zeros + " 00002004"},
		11: {"00001001 00001002 00001003" + zeros + " 00001004 00001005",
			"00002001 00002002 00002003" + zeros + " 00002004 00002005"},
		13: {"00001001 00001002 00001003" + zeros + " 00001004 00001005 00001009 00000000",
			"00002001 00002002 00002003" + zeros + " 00002004 00002005 00002009 00000001"},
		15: {"00001001 00001002 00001003" + zeros + " 00001004 00001005 00001009 00000000 00001007 00000002",
			"00002001 00002002 00002003" + zeros + " 00002004 00002005 00002009 00000001 00002006 00000003"},
	} {
		s.SoftnetColumns = columns
		require.Equal(t, want[:], lines(t, procfs.WriteSoftnetStat, s), "%d columns", columns)
	}
	for _, columns := range []int{-1, 0, 9, 12, 14, 16} {
		s.SoftnetColumns = columns
		err := procfs.WriteSoftnetStat(io.Discard, s)
		require.EqualError(t, err, fmt.Sprintf("procfs: net/softnet_stat: SoftnetColumns = %d: want 10, 11, 13 or 15", columns))
		var fault *cfgerr.Error
		require.ErrorAs(t, err, &fault)
	}
}

func TestFMT3SoftnetStatWraps(t *testing.T) {
	s := &mib.Snapshot{SoftnetColumns: 10, CPUs: []mib.CPU{{Softnet: mib.Softnet{Processed: 1<<32 - 1, Dropped: 1 << 32, TimeSqueeze: 1<<33 + 5}}}}
	require.Equal(t, []string{"ffffffff 00000000 00000005" + strings.Repeat(" 00000000", 7)}, lines(t, procfs.WriteSoftnetStat, s))
}

func TestFMT4DevHeader(t *testing.T) {
	got := lines(t, procfs.WriteDev, &mib.Snapshot{})
	require.Equal(t, []string{
		"Inter-|   Receive                                                |  Transmit",
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
	}, got)
	require.Len(t, got[0], 76)
	require.Len(t, got[1], 122)
}

func TestFMT5DevRows(t *testing.T) {
	s := &mib.Snapshot{Devices: []mib.Device{
		{Name: "eth0", Link: mib.Link{RXBytes: 6400000, RXPackets: 100000, RXMissedErrors: 42, Multicast: 99000}},
		{Name: "lo"},
	}}
	got := lines(t, procfs.WriteDev, s)[2:]
	// The example has sent 10 packets of 1234 bytes; the model sends nothing.
	example := "  eth0: 6400000  100000    0   42    0     0          0     99000     1234      10    0    0    0     0       0          0"
	require.Equal(t, strings.Replace(example, "     1234      10", "        0       0", 1), got[0])
	require.Equal(t, "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0", got[1])
}

func TestFMT6DevSums(t *testing.T) {
	s := &mib.Snapshot{Devices: []mib.Device{{Name: "a-long-name-15c", Link: mib.Link{
		RXBytes: 12345678901, RXPackets: 123456789, RXErrors: 1, RXDropped: 20, RXMissedErrors: 300,
		RXFIFOErrors: 4, RXLengthErrors: 50, RXCRCErrors: 600, Multicast: 7,
	}}}}
	require.Equal(t, "a-long-name-15c: 12345678901 123456789    1  320    4   650          0         7"+
		"        0       0    0    0    0     0       0          0", lines(t, procfs.WriteDev, s)[2])
}

func TestFMT8PType(t *testing.T) {
	require.Equal(t, []string{
		"Type Device      Function",
		"ALL  eth0     packet_rcv",
		"0800          ip_rcv",
		"0806          arp_rcv",
		"86dd          ipv6_rcv",
	}, lines(t, procfs.WritePType, host()))
}

// Buckets are the low four bits of the EtherType; in a bucket the order stays.
func TestFMT8PTypeBuckets(t *testing.T) {
	s := &mib.Snapshot{PTypes: []mib.PType{
		{EtherType: 0x0806, Function: "arp_rcv"}, {EtherType: 0x8864, Function: "pppoe_rcv"}, {EtherType: 0x0004, Function: "llc_rcv"},
	}}
	require.Equal(t, []string{
		"8864          pppoe_rcv",
		"0004          llc_rcv",
		"0806          arp_rcv",
	}, lines(t, procfs.WritePType, s)[1:])
	require.EqualValues(t, 0x0806, s.PTypes[0].EtherType, "the snapshot was changed")
}

func TestFMT10StatisticsFiles(t *testing.T) {
	files, err := fs.Glob(procfs.FS(host()), "sys/class/net/eth0/statistics/*")
	require.NoError(t, err)
	require.Len(t, files, 23)
}

func TestFMT11AndCORE20RxDroppedInSysfs(t *testing.T) {
	s := &mib.Snapshot{Devices: []mib.Device{{Name: "eth0", Link: mib.Link{RXDropped: 5, RXMissedErrors: 37}}}}
	for name, want := range map[string]string{"rx_dropped": "5\n", "rx_missed_errors": "37\n", "rx_over_errors": "0\n"} {
		got, err := fs.ReadFile(procfs.FS(s), "sys/class/net/eth0/statistics/"+name)
		require.NoError(t, err)
		require.Equal(t, want, string(got), name)
	}
	require.Contains(t, lines(t, procfs.WriteDev, s)[2], "   42 ")
}

func TestFMT12Softirqs(t *testing.T) {
	s := &mib.Snapshot{CPUs: make([]mib.CPU, 4)}
	for i, n := range []uint64{1, 22, 333, 4444} {
		s.CPUs[i].Softirqs[mib.SoftirqNetRX] = n
	}
	got := lines(t, procfs.WriteSoftirqs, s)
	require.Len(t, got, 11)
	require.Equal(t, "                    CPU0       CPU1       CPU2       CPU3       ", got[0])
	require.Equal(t, "      NET_RX:          1         22        333       4444", got[4])
	require.Equal(t, "BLOCK_IOPOLL:          0          0          0          0", got[6])
}

// FMT-12, FMT-1, FMT-13, ODD-32: /proc/softirqs lists possible CPUs, and masks
// have their width; softnet_stat and /proc/interrupts list those online.
func TestODD32PossibleCPUs(t *testing.T) {
	s := host()
	online := len(s.CPUs)
	s.PossibleCPUs = online + 30
	soft := lines(t, procfs.WriteSoftirqs, s)
	require.Len(t, strings.Fields(soft[0]), online+30)
	require.Len(t, strings.Fields(soft[4]), 1+online+30)
	require.True(t, strings.HasSuffix(soft[4], "          0"))
	require.Len(t, lines(t, procfs.WriteSoftnetStat, s), online)
	require.Len(t, strings.Fields(lines(t, procfs.WriteInterrupts, s)[0]), online)
	mask, err := fs.ReadFile(procfs.FS(s), "sys/class/net/eth0/queues/rx-0/rps_cpus")
	require.NoError(t, err)
	require.Len(t, strings.TrimSpace(string(mask)), 8)
}

func TestFMT13InterruptWidth(t *testing.T) {
	for nrIRQs, want := range map[int]string{0: "CAL: ", 999: "CAL: ", 1000: " CAL: ", 9999: " CAL: ", 10000: "  CAL: ", 1 << 19: "   CAL: "} {
		out := text(t, procfs.WriteInterrupts, &mib.Snapshot{NrIRQs: nrIRQs, CPUs: make([]mib.CPU, 1)})
		require.Contains(t, out, "\n"+want+"         0   Function call interrupts\n", "nr_irqs %d", nrIRQs)
		require.True(t, strings.HasPrefix(out, strings.Repeat(" ", len(want)-2+8)+"CPU0       \n"), "nr_irqs %d", nrIRQs)
	}
	// nr_irqs is more than every number in use.
	out := text(t, procfs.WriteInterrupts, &mib.Snapshot{NrIRQs: 5, IRQs: []mib.IRQ{{Number: 999, Name: "eth9"}}})
	require.Contains(t, out, "\n 999:   PCI-MSI-edge      eth9\n")
}

func TestFMT14InterruptRow(t *testing.T) {
	s := &mib.Snapshot{
		CPUs: []mib.CPU{{CallFunction: 5}, {CallFunction: 6}},
		IRQs: []mib.IRQ{
			{Number: 68}, // neither a handler nor a count: not shown
			{Number: 67, Name: "eth0-TxRx-0", Counts: []uint64{12345, 0}},
			{Number: 66, Counts: []uint64{0, 3}}, // a count is enough
		},
	}
	got := lines(t, procfs.WriteInterrupts, s)
	require.Equal(t, "           CPU0       CPU1       ", got[0])
	require.Equal(t, " 66:          0          3   PCI-MSI-edge    ", got[1])
	require.Equal(t, " 67:      12345          0   PCI-MSI-edge      eth0-TxRx-0", got[2])
	require.Equal(t, "NMI:          0          0   Non-maskable interrupts", got[3])
	require.Contains(t, got, "CAL:          5          6   Function call interrupts")
}

func TestFMT15ArchRows(t *testing.T) {
	var labels []string
	for _, line := range lines(t, procfs.WriteInterrupts, &mib.Snapshot{CPUs: make([]mib.CPU, 2)})[1:] {
		labels = append(labels, line[:3])
	}
	require.Equal(t, strings.Fields("NMI LOC SPU PMI IWI RTR RES CAL TLB TRM THR MCE MCP ERR MIS"), labels)
}

func TestFMT16InterruptsWrap(t *testing.T) {
	s := &mib.Snapshot{CPUs: []mib.CPU{{CallFunction: 1<<32 + 9, LocalTimer: 1<<32 - 1}}}
	out := text(t, procfs.WriteInterrupts, s)
	require.Contains(t, out, "CAL:          9   ")
	require.Contains(t, out, "LOC: 4294967295   ")
}

func TestInterruptNumberOutOfRange(t *testing.T) {
	for number, write := range map[int]writer{-1: procfs.WriteInterrupts, 1 << 19: procfs.WriteStat} {
		err := write(io.Discard, &mib.Snapshot{IRQs: []mib.IRQ{{}, {Number: number}}})
		require.ErrorContains(t, err, fmt.Sprintf("IRQs[1].Number = %d: want 0 to 524287", number))
	}
	err := procfs.WriteStat(io.Discard, &mib.Snapshot{NrIRQs: 1<<19 + 1})
	require.EqualError(t, err, "procfs: stat: NrIRQs = 524289: want 0 to 524288")
}

func Test4_7Ethtool(t *testing.T) {
	d := &mib.Device{
		Name: "eth0", Stats: []mib.NameValue{{Name: "rx_packets", Value: 1 << 40}, {Name: "tx_timeout_count", Value: 1<<32 + 2}},
		Ethtool: &mib.Ethtool{Driver: "ixgbe", Version: "4.0.1-k", FirmwareVersion: "0x61bd0001", BusInfo: "0000:03:00.0",
			RXMax: 4096, RX: 512, TXMax: 4096, TX: 512, RXUsecs: 1, RXPause: true, TXPause: true, CombinedMax: 63, Combined: 4, Other: 1},
	}
	for option, want := range map[string]struct {
		write func(io.Writer, *mib.Device) error
		text  string
	}{
		"-S": {procfs.WriteEthtoolStats, "NIC statistics:\n     rx_packets: 1099511627776\n     tx_timeout_count: 2\n"}, // HW-29
		"-i": {procfs.WriteEthtoolDriver, "driver: ixgbe\nversion: 4.0.1-k\nfirmware-version: 0x61bd0001\nexpansion-rom-version: \n" +
			"bus-info: 0000:03:00.0\nsupports-statistics: yes\nsupports-test: yes\nsupports-eeprom-access: yes\n" +
			"supports-register-dump: yes\nsupports-priv-flags: no\n"},
		"-g": {procfs.WriteEthtoolRing, "Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t4096\nRX Mini:\t0\nRX Jumbo:\t0\nTX:\t\t4096\n" +
			"Current hardware settings:\nRX:\t\t512\nRX Mini:\t0\nRX Jumbo:\t0\nTX:\t\t512\n\n"},
		"-c": {procfs.WriteEthtoolCoalesce, "Coalesce parameters for eth0:\nAdaptive RX: off  TX: off\n" +
			"stats-block-usecs: 0\nsample-interval: 0\npkt-rate-low: 0\npkt-rate-high: 0\n\n" +
			"rx-usecs: 1\nrx-frames: 0\nrx-usecs-irq: 0\nrx-frames-irq: 0\n\n" +
			"tx-usecs: 0\ntx-frames: 0\ntx-usecs-irq: 0\ntx-frames-irq: 0\n\n" +
			"rx-usecs-low: 0\nrx-frame-low: 0\ntx-usecs-low: 0\ntx-frame-low: 0\n\n" +
			"rx-usecs-high: 0\nrx-frame-high: 0\ntx-usecs-high: 0\ntx-frame-high: 0\n\n"},
		"-a": {procfs.WriteEthtoolPause, "Pause parameters for eth0:\nAutonegotiate:\toff\nRX:\t\ton\nTX:\t\ton\n\n"},
		"-l": {procfs.WriteEthtoolChannels, "Channel parameters for eth0:\nPre-set maximums:\nRX:\t\t0\nTX:\t\t0\nOther:\t\t1\nCombined:\t63\n" +
			"Current hardware settings:\nRX:\t\t0\nTX:\t\t0\nOther:\t\t1\nCombined:\t4\n\n"},
		"-n": {procfs.WriteEthtoolFlowHash, "UDP over IPV4 flows use these fields for computing Hash flow key:\nIP SA\nIP DA\n\n"},
	} {
		var b bytes.Buffer
		require.NoError(t, want.write(&b, d), option)
		require.Equal(t, want.text, b.String(), option)
		require.ErrorContains(t, want.write(io.Discard, &mib.Device{Name: "lo"}), "ethtool "+option+" lo: ", option)
	}
	d.Ethtool.RXFlowHashPorts = true
	var b bytes.Buffer
	require.NoError(t, procfs.WriteEthtoolFlowHash(&b, d))
	require.Equal(t, "UDP over IPV4 flows use these fields for computing Hash flow key:\nIP SA\nIP DA\n"+
		"L4 bytes 0 & 1 [TCP/UDP src port]\nL4 bytes 2 & 3 [TCP/UDP dst port]\n\n", b.String())
}

func Test10_1IdleSNMP(t *testing.T) {
	const idle = `Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates
Ip: 2 64 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
Icmp: InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps
Icmp: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
%sTcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors
Tcp: 1 200 120000 -1 0 0 0 0 0 0 0 0 0 0 0
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti
Udp: 0 0 0 0 0 0 0 0
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti
UdpLite: 0 0 0 0 0 0 0 0
`
	require.Equal(t, fmt.Sprintf(idle, ""), text(t, procfs.WriteSNMP, &mib.Snapshot{}))
	sent := &mib.Snapshot{Net: mib.Net{ICMP: mib.ICMP{OutDestUnreachs: 6}}}
	withMsg := strings.Replace(fmt.Sprintf(idle, "IcmpMsg: OutType3\nIcmpMsg: 6\n"),
		"Icmp: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 ", "Icmp: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 6 ", 1)
	require.Equal(t, withMsg, text(t, procfs.WriteSNMP, sent))
}

func TestK310_9UDPRowsWithoutIgnoredMulti(t *testing.T) {
	s := host()
	s.NoIgnoredMulti, s.MemErrors, s.OutTransmits = true, false, false
	got := lines(t, procfs.WriteSNMP, s)
	require.Equal(t, []string{
		"Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors",
		"Udp: 800501 502 503 508 504 0 505",
		"UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors",
		"UdpLite: 0 0 0 0 0 0 0",
	}, got[len(got)-4:])
	require.NotContains(t, text(t, procfs.WriteSNMP, s), "IgnoredMulti")
	_, ok := procfs.Counters(s).Sum("proc/net/snmp", "Udp.IgnoredMulti")
	require.False(t, ok)
}

func Test10_2Netstat(t *testing.T) {
	s := host()
	s.NetstatColumns = "linux-4.0"
	s.ReasmOverlaps = false
	got := lines(t, procfs.WriteNetstat, s)
	require.Len(t, got, 4)
	names, numbers := strings.Fields(got[0]), strings.Fields(got[1])
	require.Len(t, names, 1+112)
	require.Len(t, numbers, 1+112)
	for i, name := range names[1:] {
		want := map[string]string{"IPReversePathFilter": "301", "BusyPollRxPackets": "302"}[name]
		require.Equal(t, cmp.Or(want, "0"), numbers[1+i], name)
	}
	require.Equal(t, "SyncookiesSent SyncookiesRecv SyncookiesFailed", strings.Join(names[1:4], " "))
	require.Equal(t, "TCPACKSkippedTimeWait TCPACKSkippedChallenge", strings.Join(names[111:], " "))
	require.Equal(t, []string{
		"IpExt: InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets OutOctets InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets InCsumErrors InNoECTPkts InECT1Pkts InECT0Pkts InCEPkts",
		"IpExt: 213 201 202 215 203 216 5000000204 205 206 217 207 218 208 209 210 211 212",
	}, got[2:])
}

func Test10_3UDP(t *testing.T) {
	s := host()
	s.NetstatColumns = "linux-4.0"
	got := lines(t, procfs.WriteUDP, s)
	const header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops"
	require.Equal(t, header+strings.Repeat(" ", 127-len(header)), got[0])
	// The example shows the socket's address; the model hides it as kptr_restrict does.
	example := " 5020: 0100007F:1389 00000000:0000 07 00000000:00034100 00:00000000 00000000  1000        0 18231 2 ffff88003b0a1c00 17        "
	require.Len(t, example, 127)
	require.Equal(t, strings.Replace(example, "ffff88003b0a1c00", "0000000000000000", 1), got[1])
	// A connected socket; text longer than 127 is neither cut nor padded; drops are signed.
	require.Equal(t, "14506: 4104C1EF:38AA 0201000A:FFFF 01 00000000:00000380 00:00000000 00000000    12        0 1234567890123 2 0000000000000000 -2147483643",
		got[2])
}

func Test10_4Sockstat(t *testing.T) {
	s := &mib.Snapshot{SocketsUsed: 112, UDPMemPages: 3, Sockets: make([]mib.Socket, 4)}
	const want = "sockets: used 112\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\nUDP: inuse 4 mem 3\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse %s\n"
	require.Equal(t, fmt.Sprintf(want, "0 memory 0"), text(t, procfs.WriteSockstat, s))
	s.FragMemory = 5888
	require.Equal(t, fmt.Sprintf(want, "1 memory 5888"), text(t, procfs.WriteSockstat, s))
}

// NF-3: the counters of connection tracking, a line per CPU.
func TestNF3ConntrackStat(t *testing.T) {
	s := &mib.Snapshot{ConntrackCount: 65536, Conntrack: []mib.Conntrack{{Searched: 1, Found: 2, New: 3, Invalid: 4, Insert: 5, InsertFailed: 6, Drop: 7, EarlyDrop: 1<<32 + 8}, {}}}
	require.Equal(t, "entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"+
		"00010000  00000001 00000002 00000003 00000004 00000000 00000000 00000000 00000005 00000006 00000007 00000008 00000000  00000000 00000000 00000000 00000000\n"+
		"00010000  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000000\n",
		text(t, procfs.WriteConntrackStat, s))
}

// 10.1: Forwarding is 1 for a router and 2 for a host.
func Test10_1Forwarding(t *testing.T) {
	require.Contains(t, text(t, procfs.WriteSNMP, &mib.Snapshot{}), "\nIp: 2 64 ")
	require.Contains(t, text(t, procfs.WriteSNMP, &mib.Snapshot{Forwarding: true}), "\nIp: 1 64 ")
}

func Test10_5IGMP(t *testing.T) {
	s := &mib.Snapshot{
		Devices: []mib.Device{{Name: "lo", IfIndex: 1}, {Name: "eth0", IfIndex: 2}, {Name: "eth1", IfIndex: 3}},
		Memberships: []mib.Membership{
			{IfIndex: 2, Group: 0xef010001, Users: 4}, {IfIndex: 1, Group: 0xe0000001, Users: 1}, {IfIndex: 2, Group: 0xe0000001, Users: 1},
		},
	}
	require.Equal(t, "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"+
		"1\tlo        :     1      V3\n"+
		"\t\t\t\t010000E0     1 0:00000000\t\t0\n"+
		"2\teth0      :     2      V3\n"+
		"\t\t\t\t010001EF     4 0:00000000\t\t0\n"+
		"\t\t\t\t010000E0     1 0:00000000\t\t0\n", text(t, procfs.WriteIGMP, s))
	s.Memberships[1].IfIndex = 9
	require.EqualError(t, procfs.WriteIGMP(io.Discard, s), "procfs: net/igmp: Memberships[1].IfIndex = 9: want the index of a device")
}

func Test10_5MCFilter(t *testing.T) {
	const head = "Idx Device        MCA        SRC    INC    EXC\n"
	s := host()
	require.Equal(t, head, text(t, procfs.WriteMCFilter, s))
	s.Devices[1].Name = "enp3s0f0"
	s.MCFilters = []mib.MCFilter{{IfIndex: s.Devices[1].IfIndex, Group: 0xef010001, Source: 0x0a000001, Includes: 2, Excludes: 13}}
	require.Equal(t, head+"  2 enp3s0 0xef010001 0x0a000001      2     13\n", text(t, procfs.WriteMCFilter, s))
	s.MCFilters[0].IfIndex = 99
	require.EqualError(t, procfs.WriteMCFilter(io.Discard, s), "procfs: net/mcfilter: MCFilters[0].IfIndex = 99: want the index of a device")
}

func Test10_6DevMcast(t *testing.T) {
	s := &mib.Snapshot{
		Devices: []mib.Device{{Name: "eth0", IfIndex: 2}},
		MCAddrs: []mib.MCAddr{{IfIndex: 2, Refcount: 1, Addr: [6]byte{0x01, 0x00, 0x5e, 0x01, 0x00, 0x01}}},
	}
	require.Equal(t, "2    eth0            1     0     01005e010001\n", text(t, procfs.WriteDevMcast, s))
	s.MCAddrs[0].IfIndex = 3
	require.EqualError(t, procfs.WriteDevMcast(io.Discard, s), "procfs: net/dev_mcast: MCAddrs[0].IfIndex = 3: want the index of a device")
}

func TestStatSumsBeforeItRounds(t *testing.T) {
	s := &mib.Snapshot{CPUs: []mib.CPU{
		{Time: mib.CPUTime{Idle: 6_000_000_000, Softirq: 3_000_000_000, Ksoftirqd: 8_000_000_000}},
		{Time: mib.CPUTime{Idle: 5_000_000_000}},
	}}
	require.Equal(t, []string{
		"cpu  0 0 0 1 0 0 1 0 0 0",
		"cpu0 0 0 0 0 0 0 1 0 0 0",
		"cpu1 0 0 0 0 0 0 0 0 0 0",
		"intr 0",
		"ctxt 0",
		"btime 0",
		"processes 0",
		"procs_running 0",
		"procs_blocked 0",
		"softirq 0 0 0 0 0 0 0 0 0 0 0",
	}, lines(t, procfs.WriteStat, s))
}

func TestStatOfManyLongDays(t *testing.T) {
	s := &mib.Snapshot{CPUs: make([]mib.CPU, 256), TimePS: math.MaxInt64}
	for i := range s.CPUs {
		s.CPUs[i].Time.Idle = math.MaxInt64
	}
	// 256 times 106 days, 18 h, 0 min, 36.854775807 s.
	require.Equal(t, "cpu  0 0 0 236118324143 0 0 0 0 0 0", lines(t, procfs.WriteStat, s)[0])
	require.Equal(t, "9223372.03 2361183241.43\n", text(t, procfs.WriteUptime, s))
}

func TestUptimeMoves(t *testing.T) {
	for ps, want := range map[int64]string{0: "0.00 0.00\n", 9_999_999_999: "0.00 0.00\n", 10_000_000_000: "0.01 0.00\n", 1_050_000_000_000: "1.05 0.00\n"} {
		require.Equal(t, want, text(t, procfs.WriteUptime, &mib.Snapshot{TimePS: ps}))
	}
}

func TestRPSMask(t *testing.T) {
	for want, c := range map[string]struct {
		cpus int
		set  []int
	}{
		"c\n":                 {4, []int{2, 3}},
		"0\n":                 {2, nil},
		"0c\n":                {8, []int{2, 3}},
		"00000000\n":          {32, nil},
		"80000000\n":          {32, []int{31}},
		"1,00000001\n":        {33, []int{0, 32}},
		"80,00000000\n":       {40, []int{39}},
		"00000001,80000000\n": {64, []int{31, 32}},
	} {
		s := &mib.Snapshot{CPUs: make([]mib.CPU, c.cpus), Devices: []mib.Device{{Name: "eth0", RXQueues: []mib.RXQueue{{RPSCPUs: c.set}}}}}
		got, err := fs.ReadFile(procfs.FS(s), "sys/class/net/eth0/queues/rx-0/rps_cpus")
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}

// A full disk must not look like a short file.
func TestWriteErrors(t *testing.T) {
	s, d := host(), &host().Devices[1]
	full := errWriter{}
	for name, write := range writers {
		require.ErrorIs(t, write(full, s), errFull, name)
	}
	for _, write := range []func(io.Writer, *mib.Device) error{
		procfs.WriteEthtoolStats, procfs.WriteEthtoolDriver, procfs.WriteEthtoolRing, procfs.WriteEthtoolCoalesce,
		procfs.WriteEthtoolPause, procfs.WriteEthtoolChannels, procfs.WriteEthtoolFlowHash,
	} {
		require.ErrorIs(t, write(full, d), errFull)
	}
	require.ErrorIs(t, procfs.WriteStatistic(full, d, "rx_packets"), errFull)
}

var errFull = fmt.Errorf("no space left on device")

type errWriter struct{}

func (errWriter) Write([]byte) (int, error) { return 0, errFull }
