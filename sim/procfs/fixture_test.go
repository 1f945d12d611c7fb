package procfs_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/mib"
)

const (
	ps     = 1
	tick   = 10_000_000_000 * ps // 1/100 s
	second = 100 * tick
)

// host returns a snapshot by hand in which every counter is nonzero and differs
// from every other, so that no two columns can change places unseen.
// TestFixture holds it to that.
func host() *mib.Snapshot {
	return &mib.Snapshot{
		TimePS:         98*second + 76*tick + 5_400_000_000,
		HZ:             250,
		SoftnetColumns: 11, NetstatColumns: "linux-6.18", MemErrors: true, OutTransmits: true, ReasmOverlaps: true,
		NrIRQs:        72,
		Processes:     1301,
		ProcsRunning:  3,
		SocketsUsed:   112,
		PacketSockets: 1,
		UDPMemPages:   107,
		FragMemory:    5888,
		Net: mib.Net{
			IP: mib.IP{InReceives: 900001, InHdrErrors: 102, InAddrErrors: 103, InUnknownProtos: 104, InDelivers: 900005,
				ReasmReqds: 106, OutRequests: 107, ForwDatagrams: 108, ReasmTimeout: 109, ReasmOKs: 110, ReasmFails: 111,
				OutNoRoutes: 115, FragOKs: 112, FragCreates: 113, OutTransmits: 114},
			IPExt: mib.IPExt{InTruncatedPkts: 201, InMcastPkts: 202, InBcastPkts: 203, InOctets: 5_000_000_204, OutOctets: 205,
				InMcastOctets: 206, InBcastOctets: 207, InCsumErrors: 208, InNoECTPkts: 209, InECT1Pkts: 210, InECT0Pkts: 211, InCEPkts: 212, InNoRoutes: 213, ReasmOverlaps: 214,
				OutMcastPkts: 215, OutBcastPkts: 216, OutMcastOctets: 217, OutBcastOctets: 218},
			TCPExt: mib.TCPExt{IPReversePathFilter: 301, BusyPollRxPackets: 302},
			ICMP: mib.ICMP{InMsgs: 401, OutMsgs: 402, OutDestUnreachs: 403, OutTimeExcds: 404, OutParmProbs: 405,
				InDestUnreachs: 407, InTimeExcds: 408, InParmProbs: 409, OutRateLimitGlobal: 410, OutRateLimitHost: 411},
			UDP: mib.UDP{InDatagrams: 800501, NoPorts: 502, InErrors: 503, RcvbufErrors: 504, InCsumErrors: 505, IgnoredMulti: 506, MemErrors: 507, OutDatagrams: 508},
		},
		CPUs: []mib.CPU{
			{
				Softnet: mib.Softnet{Processed: 1<<32 + 0x1001, Dropped: 0x1002, TimeSqueeze: 0x1003, ReceivedRPS: 0x1004, FlowLimitCount: 0x1005},
				Softirqs: [mib.NumSoftirqs]uint64{1101, 1102, 1103, 1<<32 + 1104, 1105, 1106, 1107, 1108,
					1109, 1110},
				Time:            mib.CPUTime{User: 1201*tick + 1, System: 1202 * tick, Idle: 1203*tick + 9_999_999_999, Hardirq: 1204 * tick, Softirq: 1205 * tick, Ksoftirqd: 1307*tick + 7, Spinning: 1309 * tick},
				LocalTimer:      1<<32 + 1601,
				Reschedule:      1602,
				CallFunction:    1603,
				ContextSwitches: 1604,
				Restarts:        1605, KsoftirqdWakeups: 1606, Preemptions: 1607, Wakeups: 1608,
				BacklogLen: 0x1009, InputQueueLen: 0x1007,
			},
			{
				Softnet: mib.Softnet{Processed: 0x2001, Dropped: 0x2002, TimeSqueeze: 0x2003, ReceivedRPS: 0x2004, FlowLimitCount: 0x2005},
				Softirqs: [mib.NumSoftirqs]uint64{2101, 2102, 2103, 2104, 2105, 2106, 2107, 2108,
					2109, 2110},
				Time:            mib.CPUTime{User: 2201 * tick, System: 2202 * tick, Idle: 2203*tick + 1, Hardirq: 2204 * tick, Softirq: 2205 * tick, Ksoftirqd: 2707 * tick, Spinning: 2709 * tick},
				LocalTimer:      2601,
				Reschedule:      2602,
				CallFunction:    2603,
				ContextSwitches: 2604,
				Restarts:        2605, KsoftirqdWakeups: 2606, Preemptions: 2607, Wakeups: 2608,
				BacklogLen: 0x2009, InputQueueLen: 0x2006,
			},
		},
		Devices: []mib.Device{
			{
				Name: "lo", IfIndex: 1, MTU: 65536,
				Link: mib.Link{RXPackets: 3001, RXBytes: 3002, RXErrors: 3003, RXDropped: 3004, Multicast: 3005, RXLengthErrors: 3006,
					RXCRCErrors: 3017, RXFIFOErrors: 3018, RXMissedErrors: 3029, TXPackets: 3031, TXBytes: 3032, TXDropped: 3033},
				RXOtherhostDropped: 3034,
				RXQueues:           []mib.RXQueue{{}},
			},
			{
				Name: "eth0", IfIndex: 2, MTU: 1500, MAC: [6]byte{0x02, 0x01, 0xa0, 0xb0, 0xc0, 0x10}, SpeedMbps: 10000,
				Link: mib.Link{RXPackets: 4001001, RXBytes: 18_446_744_073_709_551_615, RXErrors: 4003, RXDropped: 4004, Multicast: 4005, RXLengthErrors: 4016,
					RXCRCErrors: 4027, RXFIFOErrors: 4038, RXMissedErrors: 4049, TXPackets: 4051, TXBytes: 4052, TXDropped: 4053},
				RXOtherhostDropped: 4054,
				RXQueues:           []mib.RXQueue{{RPSCPUs: []int{1}}, {RPSCPUs: []int{0, 1}}, {}},
				Stats: []mib.NameValue{
					{Name: "rx_packets", Value: 4001002}, {Name: "tx_packets", Value: 4102}, {Name: "tx_timeout_count", Value: 1<<32 + 4103},
					{Name: "alloc_rx_page_failed", Value: 1<<32 + 4104}, {Name: "alloc_rx_buff_failed", Value: 1<<32 + 4105},
					{Name: "rx_no_dma_resources", Value: 1<<32 + 4106}, {Name: "rx_queue_0_packets", Value: 4107},
				},
				Ethtool: &mib.Ethtool{
					Driver: "ixgbe", Version: "4.0.1-k", FirmwareVersion: "0x61bd0001", BusInfo: "0000:03:00.0",
					RXMax: 4096, RX: 512, TXMax: 4095, TX: 513, RXUsecs: 10, RXPause: true,
					CombinedMax: 63, Combined: 3, Other: 1, RXFlowHashPorts: true,
				},
			},
		},
		IRQs: []mib.IRQ{
			{Number: 68, Name: "eth0-TxRx-1", Counts: []uint64{5001, 1<<32 + 5002}, CPUs: []int{1}, Hint: []int{1}},
			{Number: 67, Name: "eth0-TxRx-0", Counts: []uint64{12345}, CPUs: []int{2}, Hint: []int{0}},
			{Number: 70, Name: "eth0", Counts: []uint64{5003, 5004, 5005}, CPUs: []int{0, 1, 2}},
			{Number: 69},
		},
		Sockets: []mib.Socket{
			{Name: "gateway", Bucket: 5020, Local: 0x7f000001, LocalPort: 5001, RxQueue: 213248, UID: 1000, Inode: 18231, Drops: 17,
				RcvBuf: 212992, Delivered: 6001, Bytes: 6002},
			{Name: "feed", Bucket: 14506, Local: 0xefc10441, LocalPort: 14506, Remote: 0x0a000102, RemotePort: 65535, Connected: true, RxQueue: 896,
				UID: 12, Inode: 1_234_567_890_123, Drops: 1<<31 + 5, Delivered: 6003, Bytes: 6004},
		},
		Conntrack: []mib.Conntrack{{Searched: 9701, Found: 9702, New: 9703, Invalid: 9704, Insert: 9705, InsertFailed: 9706, Drop: 9707, EarlyDrop: 9708}},
		Memberships: []mib.Membership{
			{IfIndex: 2, Group: 0xef010001, Users: 4},
			{IfIndex: 1, Group: 0xe0000001, Users: 1},
			{IfIndex: 2, Group: 0xe0000001, Users: 2},
		},
		MCAddrs: []mib.MCAddr{
			{IfIndex: 2, Refcount: 1, GlobalUse: 0, Addr: [6]byte{0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}},
			{IfIndex: 2, Refcount: 2, GlobalUse: 3, Addr: [6]byte{0x01, 0x00, 0x5e, 0x01, 0x00, 0x01}},
		},
		PTypes: []mib.PType{
			{EtherType: 0x86dd, Function: "ipv6_rcv"},
			{EtherType: 0x0806, Function: "arp_rcv"},
			{EtherType: 0, Device: "eth0", Function: "packet_rcv"},
			{EtherType: 0x0800, Function: "ip_rcv"},
		},
	}
}

// leaves calls f with every uint64 and every CPU time below v.
func leaves(v reflect.Value, path string, f func(path string, value uint64)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			leaves(v.Elem(), path, f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			leaves(v.Field(i), path+"."+v.Type().Field(i).Name, f)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			leaves(v.Index(i), path, f)
		}
	case reflect.Uint64:
		f(path, v.Uint())
	case reflect.Int64:
		f(path, uint64(v.Int()/tick))
	}
}

func TestFixture(t *testing.T) {
	seen := map[uint64]string{}
	leaves(reflect.ValueOf(host()), "", func(path string, value uint64) {
		require.NotZero(t, value, path)
		require.Empty(t, seen[value], "%s = %d, too", path, value)
		seen[value] = path
	})
	require.Greater(t, len(seen), 100)
}
