package procfs_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

// eachTag calls f with the counters of a mib struct.
func eachTag(table any, f func(name string, value uint64)) {
	v := reflect.ValueOf(table)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("kernel"); name != "" {
			f(name, v.Field(i).Uint())
		}
	}
}

// Every counter of package mib must be a column of its file: a field whose tag
// is misspelt would be printed nowhere.
func TestEveryCounterIsAColumn(t *testing.T) {
	s := &mib.Snapshot{MemErrors: true, OutTransmits: true, ReasmOverlaps: true, NetstatColumns: "linux-6.18"}
	row := func(write writer, prefix string) []string {
		for _, line := range lines(t, write, s) {
			if names, ok := strings.CutPrefix(line, prefix+": "); ok {
				return strings.Fields(names)
			}
		}
		t.Fatalf("no row %s", prefix)
		return nil
	}
	statistics, err := fs.Glob(procfs.FS(host()), "sys/class/net/eth0/statistics/*")
	require.NoError(t, err)
	for i := range statistics {
		statistics[i] = statistics[i][strings.LastIndexByte(statistics[i], '/')+1:]
	}
	for _, c := range []struct {
		table   any
		columns []string
	}{
		{mib.IP{}, row(procfs.WriteSNMP, "Ip")},
		{mib.ICMP{}, row(procfs.WriteSNMP, "Icmp")},
		{mib.UDP{}, row(procfs.WriteSNMP, "Udp")},
		{mib.IPExt{}, row(procfs.WriteNetstat, "IpExt")},
		{mib.TCPExt{}, row(procfs.WriteNetstat, "TcpExt")},
		{mib.Link{}, statistics},
		{mib.Conntrack{}, strings.Fields(text(t, procfs.WriteConntrackStat, s))},
	} {
		eachTag(c.table, func(name string, _ uint64) { require.Contains(t, c.columns, name, "%T", c.table) })
	}
}

// Every counter of a snapshot must be in the view under its own name, but for
// those that are listed here with the reason.
func TestCountersHasEveryCounter(t *testing.T) {
	s := host()
	s.SoftnetColumns = 13
	inView := map[uint64]bool{}
	procfs.EachCounter(s, func(_, _, _ string, value uint64) { inView[value] = true })
	hidden := map[string]bool{}
	leaves(reflect.ValueOf(s), "", func(path string, value uint64) {
		if !inView[value] {
			hidden[path] = true
		}
	})
	require.Equal(t, map[string]bool{
		".TimePS": true, // an instant
		// Shown in sums only.
		".CPUs.Time.Softirq": true, ".CPUs.Time.Ksoftirqd": true, ".CPUs.ContextSwitches": true,
		".CPUs.InputQueueLen": true, // from 15 columns on
		// In no file of the kernel; results show them elsewhere.
		".CPUs.Restarts": true, ".CPUs.KsoftirqdWakeups": true, ".CPUs.Preemptions": true, ".CPUs.Wakeups": true, ".CPUs.Time.Spinning": true,
		".Devices.RXOtherhostDropped": true, // rtnetlink only
		".Sockets.Delivered":          true, ".Sockets.Bytes": true,
		".Sockets.Inode": true, // a label
		".IRQs.Counts":   true, // 5005, of a CPU that the host does not have
	}, hidden)
}

func TestCountersJSON(t *testing.T) {
	s := host()
	s.SoftnetColumns = 15
	out, err := json.Marshal(procfs.Counters(s))
	require.NoError(t, err)
	again, err := json.Marshal(procfs.Counters(s))
	require.NoError(t, err)
	require.Equal(t, string(out), string(again))

	var got map[string]any
	require.NoError(t, json.Unmarshal(out, &got))
	require.ElementsMatch(t, []string{
		"ethtool/eth0/S", "proc/interrupts", "proc/net/dev", "proc/net/netstat", "proc/net/snmp", "proc/net/sockstat",
		"proc/net/softnet_stat", "proc/net/stat/nf_conntrack", "proc/net/udp", "proc/softirqs", "proc/stat", "sys/class/net/eth0/statistics",
		"sys/class/net/lo/statistics",
	}, slices.Collect(maps.Keys(got)))
	for path, want := range map[string]string{
		"proc/net/softnet_stat": `[{"backlog_len":4105,"cpu":0,"dropped":4098,"flow_limit_count":4101,"input_qlen":4103,"process_qlen":2,"processed":4294971393,"received_rps":4100,"time_squeeze":4099},` +
			`{"backlog_len":8201,"cpu":1,"dropped":8194,"flow_limit_count":8197,"input_qlen":8198,"process_qlen":3,"processed":8193,"received_rps":8196,"time_squeeze":8195}]`,
		"proc/net/sockstat": `{"FRAG.inuse":1,"FRAG.memory":5888,"UDP.inuse":2,"UDP.mem":107,"sockets.used":112}`,
		"proc/net/udp": `[{"drops":17,"inode":18231,"local_address":"127.0.0.1:5001","name":"gateway","rem_address":"0.0.0.0:0","rx_queue":213248,"sl":5020},` +
			`{"drops":2147483653,"inode":1234567890123,"local_address":"239.193.4.65:14506","name":"feed","rem_address":"10.0.1.2:65535","rx_queue":896,"sl":14506}]`,
		"ethtool/eth0/S": `{"alloc_rx_buff_failed":4294971401,"alloc_rx_page_failed":4294971400,"rx_no_dma_resources":4294971402,"rx_packets":4001002,` +
			`"rx_queue_0_packets":4107,"tx_packets":4102,"tx_timeout_count":4294971399}`,
		"proc/interrupts": `[{"CPU0":12345,"CPU1":0,"irq":"67","name":"eth0-TxRx-0"},{"CPU0":5001,"CPU1":4294972298,"irq":"68","name":"eth0-TxRx-1"},` +
			`{"CPU0":5003,"CPU1":5004,"irq":"70","name":"eth0"},{"CPU0":4294968897,"CPU1":2601,"irq":"LOC","name":"Local timer interrupts"},` +
			`{"CPU0":1602,"CPU1":2602,"irq":"RES","name":"Rescheduling interrupts"},{"CPU0":1603,"CPU1":2603,"irq":"CAL","name":"Function call interrupts"}]`,
	} {
		require.Contains(t, string(out), fmt.Sprintf("%q:%s", path, want))
	}
	require.Contains(t, string(out), `"proc/net/snmp":{"Icmp.InDestUnreachs":407,"Icmp.InMsgs":401,`)
	require.Contains(t, string(out), `"Udp.InErrors":503,`)
}

func TestCountersOfNothing(t *testing.T) {
	out, err := json.Marshal(procfs.Counters(&mib.Snapshot{SoftnetColumns: 10}))
	require.NoError(t, err)
	require.Contains(t, string(out), `"proc/net/softnet_stat":[]`)
	require.Contains(t, string(out), `"proc/net/udp":[]`)
}

func TestEachCounterOrder(t *testing.T) {
	var rows []string
	procfs.EachCounter(host(), func(file, object, name string, value uint64) {
		rows = append(rows, fmt.Sprintf("%s,%s,%s,%d", file, object, name, value))
	})
	require.Equal(t, "ethtool/eth0/S,,rx_packets,4001002", rows[0])
	require.Contains(t, rows, "proc/net/dev,eth0,Receive.drop,8053")
	require.Contains(t, rows, "proc/net/udp,239.193.4.65:14506/1234567890123,drops,2147483653")
	require.Contains(t, rows, "proc/interrupts,67,CPU0,12345")
	require.Contains(t, rows, "proc/softirqs,0,NET_RX,4294968400")
	require.Contains(t, rows, "proc/stat,,cpu1.softirq,4912")
	require.Contains(t, rows, "proc/stat,,intr,8589979559")
	require.Equal(t, "sys/class/net/lo/statistics,,tx_dropped,3033", rows[len(rows)-1])
	seen := map[string]bool{}
	for _, r := range rows {
		key := r[:strings.LastIndexByte(r, ',')]
		require.False(t, seen[key], key)
		seen[key] = true
	}
}

func TestViewSum(t *testing.T) {
	v := procfs.Counters(host())
	for _, c := range []struct {
		file, name string
		want       uint64
	}{
		{"proc/net/snmp", "Udp.RcvbufErrors", 504},
		{"proc/net/softnet_stat", "time_squeeze", 0x1003 + 0x2003},
		{"sys/class/net/eth0/statistics", "rx_missed_errors", 4049},
	} {
		got, ok := v.Sum(c.file, c.name)
		require.True(t, ok, c.name)
		require.Equal(t, c.want, got, c.name)
	}
	_, ok := v.Sum("proc/net/snmp", "Udp.rcvbuferrors")
	require.False(t, ok)
	_, ok = v.Sum("proc/net/snmp6", "Udp.RcvbufErrors")
	require.False(t, ok)
}
