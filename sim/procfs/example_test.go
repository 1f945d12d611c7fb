package procfs_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

// One queue that no CPU can keep up with: every run of net_rx_action polls 64
// packets, and time_squeeze stays 0.
func ExampleWriteSoftnetStat() {
	s := &mib.Snapshot{
		SoftnetColumns: 11,
		CPUs: []mib.CPU{
			{Softnet: mib.Softnet{Processed: 4_000_000}},
			{Softnet: mib.Softnet{Processed: 10, Dropped: 1, TimeSqueeze: 2, ReceivedRPS: 3, FlowLimitCount: 4}},
		},
	}
	procfs.WriteSoftnetStat(os.Stdout, s)
	// Output:
	// 003d0900 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
	// 0000000a 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000003 00000004
}

// The drop column holds what the NIC missed, too. sysfs has the two apart.
func ExampleWriteDev() {
	s := &mib.Snapshot{Devices: []mib.Device{
		{Name: "eth0", Link: mib.Link{RXBytes: 6_400_000, RXPackets: 100_000, RXDropped: 2, RXMissedErrors: 40, Multicast: 99_000}},
	}}
	procfs.WriteDev(os.Stdout, s)
	// Output:
	// Inter-|   Receive                                                |  Transmit
	//  face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
	//   eth0: 6400000  100000    0   42    0     0          0     99000        0       0    0    0    0     0       0          0
}

// A full receive buffer counts twice: in RcvbufErrors and in InErrors.
func ExampleWriteSNMP() {
	s := &mib.Snapshot{Net: mib.Net{
		IP:  mib.IP{InReceives: 300, InDelivers: 300},
		UDP: mib.UDP{InErrors: 62, RcvbufErrors: 62},
	}}
	var b strings.Builder
	procfs.WriteSNMP(&b, s)
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "Udp:") {
			fmt.Print(line)
		}
	}
	// Output:
	// Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti
	// Udp: 0 0 62 0 62 0 0 0
}

// 238 datagrams of 896 bytes of truesize wait in a buffer of 212992 bytes: the
// last one overshot it. The lines end in blanks up to column 127.
func ExampleWriteUDP() {
	s := &mib.Snapshot{Sockets: []mib.Socket{
		{Bucket: 5001, Local: 0x7f000001, LocalPort: 5001, RxQueue: 238 * 896, UID: 1000, Inode: 18231, Drops: 62},
	}}
	var b strings.Builder
	procfs.WriteUDP(&b, s)
	for line := range strings.Lines(b.String()) {
		fmt.Println(strings.TrimRight(line, " \n"))
	}
	// Output:
	//   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
	//  5001: 0100007F:1389 00000000:0000 07 00000000:00034100 00:00000000 00000000  1000        0 18231 2 0000000000000000 62
}

func ExampleWriteSockstat() {
	procfs.WriteSockstat(os.Stdout, &mib.Snapshot{SocketsUsed: 112, UDPMemPages: 53, Sockets: make([]mib.Socket, 4)})
	// Output:
	// sockets: used 112
	// TCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0
	// UDP: inuse 4 mem 53
	// UDPLITE: inuse 0
	// RAW: inuse 0
	// FRAG: inuse 0 memory 0
}

func ExampleWriteEthtoolStats() {
	d := &mib.Device{Name: "eth0", Stats: []mib.NameValue{{Name: "rx_packets", Value: 100_000}, {Name: "rx_no_dma_resources", Value: 42}}}
	procfs.WriteEthtoolStats(os.Stdout, d)
	// Output:
	// NIC statistics:
	//      rx_packets: 100000
	//      rx_no_dma_resources: 42
}

// The tree is an fs.FS: os.CopyFS writes it to a directory, http.FS serves it.
func ExampleFS() {
	s := &mib.Snapshot{
		TimePS: 98_765_000_000_000,
		CPUs:   []mib.CPU{{Time: mib.CPUTime{Idle: 90_000_000_000_000, Softirq: 8_000_000_000_000, Ksoftirqd: 765_000_000_000}}},
		Devices: []mib.Device{
			{Name: "lo", IfIndex: 1},
			{Name: "eth0", IfIndex: 2, Link: mib.Link{RXDropped: 2, RXMissedErrors: 40}},
		},
	}
	tree := procfs.FS(s)
	files, _ := fs.Glob(tree, "sys/class/net/eth0/statistics/rx_*ed*")
	for _, name := range append(files, "proc/uptime", "proc/stat") {
		data, _ := fs.ReadFile(tree, name)
		line, _, _ := bytes.Cut(data, []byte("\n"))
		fmt.Printf("%s: %s\n", name, line)
	}
	// Output:
	// sys/class/net/eth0/statistics/rx_compressed: 0
	// sys/class/net/eth0/statistics/rx_dropped: 2
	// sys/class/net/eth0/statistics/rx_missed_errors: 40
	// proc/uptime: 98.76 90.00
	// proc/stat: cpu  0 0 0 9000 0 0 876 0 0 0
}

func ExampleCounters() {
	s := &mib.Snapshot{
		Net:            mib.Net{UDP: mib.UDP{InErrors: 3}},
		SoftnetColumns: 11,
		CPUs:           []mib.CPU{{Softnet: mib.Softnet{Processed: 3}}},
	}
	view := procfs.Counters(s)
	errors, ok := view.Sum("proc/net/snmp", "Udp.InErrors")
	fmt.Println(errors, ok)
	var files map[string]json.RawMessage
	text, _ := json.Marshal(view)
	json.Unmarshal(text, &files)
	fmt.Println(string(files["proc/net/softnet_stat"]))
	// Output:
	// 3 true
	// [{"cpu":0,"dropped":0,"flow_limit_count":0,"processed":3,"received_rps":0,"time_squeeze":0}]
}

// The long table of CSV output.
func ExampleEachCounter() {
	s := &mib.Snapshot{SoftnetColumns: 11, CPUs: []mib.CPU{{}, {Softnet: mib.Softnet{TimeSqueeze: 7}}}}
	s.Net.UDP.RcvbufErrors = 62
	w := csv.NewWriter(os.Stdout)
	w.Write([]string{"file", "object", "name", "value"})
	procfs.EachCounter(s, func(file, object, name string, value uint64) {
		if value != 0 {
			w.Write([]string{file, object, name, strconv.FormatUint(value, 10)})
		}
	})
	w.Flush()
	// Output:
	// file,object,name,value
	// proc/net/snmp,,Udp.RcvbufErrors,62
	// proc/net/softnet_stat,1,time_squeeze,7
}
