package trace

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/kernel"
)

// TestBody holds the bodies of 11.1, for three kinds of kernels.
func TestBody(t *testing.T) {
	const plain, reasons, symbols = kernel.TracePlain, kernel.TraceReasons, kernel.TraceSymbols
	whole := ftrace.Packet{ID: 1, Dev: "eth0", Queue: 2, HasQueue: true, Protocol: 0x800, Len: 1028, DataLen: 1000, NrFrags: 1, Truesize: 2944,
		Summed: 1, Hash: 0xabc, L4Hash: true, Tagged: true, VLANProto: 0x8100, TCI: 7}
	fail := ftrace.Event{Kind: ftrace.UDPFailQueueRcvSKB, RC: -12, Src: netip.MustParseAddrPort("10.77.0.1:40000"), Dst: netip.MustParseAddrPort("10.77.0.2:5000")}
	kfree := ftrace.Event{Kind: ftrace.KfreeSKB, Packet: ftrace.Packet{ID: 1, Protocol: 0x800}, Location: "udp_queue_rcv_skb", Reason: "SOCKET_RCVBUFF"}
	poll := ftrace.Event{Kind: ftrace.NAPIPoll, Packet: ftrace.Packet{Dev: "(no_device)"}, Work: 1, Budget: 64}
	for _, tc := range []struct {
		name string
		text kernel.TraceText
		e    ftrace.Event
		want string
	}{
		{"irq_handler_entry", plain, ftrace.Event{Kind: ftrace.IRQHandlerEntry, IRQ: 64, Name: "eth0-TxRx-0"}, "irq=64 name=eth0-TxRx-0"},
		{"irq_handler_exit", plain, ftrace.Event{Kind: ftrace.IRQHandlerExit, IRQ: 64}, "irq=64 ret=handled"},
		{"softirq_raise", plain, ftrace.Event{Kind: ftrace.SoftirqRaise, Vec: 3}, "vec=3 [action=NET_RX]"},
		{"softirq_entry", plain, ftrace.Event{Kind: ftrace.SoftirqEntry, Vec: 1}, "vec=1 [action=TIMER]"},
		{"softirq_exit of 5", plain, ftrace.Event{Kind: ftrace.SoftirqExit, Vec: 5}, "vec=5 [action=BLOCK_IOPOLL]"},
		{"softirq_exit of 5 in 6.1", reasons, ftrace.Event{Kind: ftrace.SoftirqExit, Vec: 5}, "vec=5 [action=IRQ_POLL]"},
		{"softirq_exit of 9", plain, ftrace.Event{Kind: ftrace.SoftirqExit, Vec: 9}, "vec=9 [action=RCU]"},
		{"napi_poll", plain, poll, "napi poll on napi struct ffff8800e3361a00 for device (no_device)"},
		{"napi_poll in 6.1", reasons, poll, "napi poll on napi struct ffff8800e3361a00 for device (no_device) work 1 budget 64"},
		{"netif_receive_skb", plain, ftrace.Event{Kind: ftrace.NetifReceiveSKB, Packet: whole}, "dev=eth0 skbaddr=ffff880000000100 len=1028"},
		{"netif_rx", plain, ftrace.Event{Kind: ftrace.NetifRX, Packet: whole}, "dev=eth0 skbaddr=ffff880000000100 len=1028"},
		{"net_dev_queue", plain, ftrace.Event{Kind: ftrace.NetDevQueue, Packet: whole}, "dev=eth0 skbaddr=ffff880000000100 len=1028"},
		{"napi_gro_receive_entry", plain, ftrace.Event{Kind: ftrace.NAPIGROReceiveEntry, Packet: whole},
			"dev=eth0 napi_id=0 queue_mapping=3 skbaddr=ffff880000000100 vlan_tagged=1 vlan_proto=0x8100 vlan_tci=0x0007 protocol=0x0800 " +
				"ip_summed=1 hash=0x00000abc l4_hash=1 len=1028 data_len=1000 truesize=2944 mac_header_valid=1 mac_header=-14 nr_frags=1 gso_size=0 gso_type=0"},
		{"kfree_skb", plain, kfree, "skbaddr=ffff880000000100 protocol=2048 location=ffffffff81327d03"},
		{"kfree_skb in 6.1", reasons, kfree, "skbaddr=ffff880000000100 protocol=2048 location=ffffffff815c4984 reason: SOCKET_RCVBUFF"},
		{"kfree_skb in 6.18", symbols, kfree, "skbaddr=ffff880000000100 rx_sk=0000000000000000 protocol=2048 location=udp_queue_rcv_one_skb reason: SOCKET_RCVBUFF"},
		{"consume_skb", plain, ftrace.Event{Kind: ftrace.ConsumeSKB, Packet: whole, Location: "udp_recvmsg"}, "skbaddr=ffff880000000100"},
		{"consume_skb in 6.18", symbols, ftrace.Event{Kind: ftrace.ConsumeSKB, Packet: whole, Location: "udp_recvmsg"}, "skbaddr=ffff880000000100 location=skb_consume_udp"},
		{"skb_copy_datagram_iovec", plain, ftrace.Event{Kind: ftrace.SKBCopyDatagramIovec, Packet: ftrace.Packet{ID: 2, Len: 100}}, "skbaddr=ffff880000000200 len=100"},
		{"sock_rcvqueue_full", plain, ftrace.Event{Kind: ftrace.SockRcvqueueFull, RmemAlloc: 212992, RcvBuf: 212992, Packet: ftrace.Packet{Truesize: 832}},
			"rmem_alloc=212992 truesize=832 sk_rcvbuf=212992"},
		{"sock_exceed_buf_limit", plain, ftrace.Event{Kind: ftrace.SockExceedBufLimit, Name: "UDP", Mem: [3]int{1, 2, 3}, Allocated: 4, RmemMin: 4096, RmemAlloc: 5},
			"proto:UDP sysctl_mem=1,2,3 allocated=4 sysctl_rmem=4096 rmem_alloc=5"},
		{"udp_fail_queue_rcv_skb", plain, fail, "rc=-12 port=5000"},
		{"udp_fail_queue_rcv_skb in 6.18", symbols, fail, "rc=-12 family=AF_INET src=10.77.0.1:40000 dest=10.77.0.2:5000"},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, Body(tc.text, &tc.e)) })
	}
}

// TestEveryKindHasABody: none is forgotten.
func TestEveryKindHasABody(t *testing.T) {
	for k := range ftrace.NumKinds {
		require.NotEmpty(t, Body(kernel.TracePlain, &ftrace.Event{Kind: k}), k)
		require.NotEqual(t, "unknown", k.System(), k)
		got, err := ParseKinds(k.String())
		require.NoError(t, err)
		require.Equal(t, ftrace.Of(k), got)
	}
}

func TestFlags(t *testing.T) {
	for want, f := range map[string][2]ftrace.Flags{
		"....":  {0, 0},
		"d.h.":  {ftrace.IRQsOff | ftrace.Hardirq, 0},
		"d.H.":  {ftrace.IRQsOff | ftrace.Hardirq | ftrace.Softirq, 0},
		"..s.":  {ftrace.Softirq, 0},
		"..s1":  {ftrace.Softirq | ftrace.PreemptDepth, 0},
		".Ns.":  {ftrace.Softirq | ftrace.NeedResched, 0},
		"b....": {ftrace.BHOff, 1},
		"D....": {ftrace.BHOff | ftrace.IRQsOff, 1},
		"..s1.": {ftrace.Softirq | ftrace.PreemptDepth, 1},
	} {
		require.Equal(t, want, flags(kernel.TraceText(f[1]), f[0]))
	}
}

// TestWriteText holds 11.2 to the byte: the examples of the specification, with
// a buffer that has overrun.
func TestWriteText(t *testing.T) {
	full := ftrace.Event{Kind: ftrace.SockRcvqueueFull, RmemAlloc: 212992, RcvBuf: 212992, Packet: ftrace.Packet{Truesize: 832},
		Where: ftrace.Where{At: 1234567890999 * engine.Nanosecond, CPU: 3, Task: ftrace.Task{Comm: ftrace.Idle}, Flags: ftrace.Softirq | ftrace.PreemptDepth}}
	entry := ftrace.Event{Kind: ftrace.SoftirqEntry, Vec: 3,
		Where: ftrace.Where{At: 1234567891 * engine.Microsecond, CPU: 0, Task: ftrace.Task{Comm: "ksoftirqd/0", PID: 3}, Flags: ftrace.Softirq}}
	free := ftrace.Event{Kind: ftrace.KfreeSKB, Packet: ftrace.Packet{ID: 1, Protocol: 2048}, Location: "ip_rcv",
		Where: ftrace.Where{At: 1234567892 * engine.Microsecond, CPU: 0, Task: ftrace.Task{Comm: "ksoftirqd/0", PID: 3}, Flags: ftrace.Softirq}}
	tr := Trace{CPUs: 4, Events: []ftrace.Event{full, entry, free}, Lost: []uint64{0, 0, 0, 7}}
	var b strings.Builder
	require.NoError(t, WriteText(&b, &tr))
	require.Equal(t, `# tracer: nop
#
# entries-in-buffer/entries-written: 3/10   #P:4
#
#                              _-----=> irqs-off
#                             / _----=> need-resched
#                            | / _---=> hardirq/softirq
#                            || / _--=> preempt-depth
#                            ||| /     delay
#           TASK-PID   CPU#  ||||    TIMESTAMP  FUNCTION
#              | |       |   ||||       |         |
CPU:3 [LOST 7 EVENTS]
          <idle>-0     [003] ..s1  1234.567890: sock_rcvqueue_full: rmem_alloc=212992 truesize=832 sk_rcvbuf=212992
##### CPU 0 buffer started ####
     ksoftirqd/0-3     [000] ..s.  1234.567891: softirq_entry: vec=3 [action=NET_RX]
     ksoftirqd/0-3     [000] ..s.  1234.567892: kfree_skb: skbaddr=ffff880000000100 protocol=2048 location=ffffffff81642a80
# ip_rcv is ffffffff81642a80
`, b.String())

	t.Run("6.1 has one more column of flags", func(t *testing.T) {
		e := ftrace.Event{Kind: ftrace.SoftirqEntry, Vec: 9, Where: ftrace.Where{At: 151901575 * engine.Microsecond, Task: ftrace.Task{Comm: "python3", PID: 1366}, Flags: ftrace.Softirq}}
		require.Equal(t, "         python3-1366    [000] ..s..   151.901575: softirq_entry: vec=9 [action=RCU]", Line(kernel.TraceReasons, &e), "recorded on Linux 6.1")
	})
	t.Run("JSON lines", func(t *testing.T) {
		b.Reset()
		require.NoError(t, WriteEventsJSON(&b, &tr))
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		require.Len(t, lines, 3)
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(lines[2]), &got))
		require.Equal(t, map[string]any{"at_ns": 1234567892000.0, "cpu": 0.0, "task": "ksoftirqd/0", "pid": 3.0, "flags": "..s.", "event": "kfree_skb", "packet": 1.0,
			"location": "ip_rcv", "body": "skbaddr=ffff880000000100 protocol=2048 location=ffffffff81642a80"}, got)
	})
}

func TestParseKinds(t *testing.T) {
	all, err := ParseKinds("")
	require.NoError(t, err)
	require.Equal(t, ftrace.All, all)
	two, err := ParseKinds("kfree_skb, skb:consume_skb")
	require.NoError(t, err)
	require.Equal(t, ftrace.Of(ftrace.KfreeSKB, ftrace.ConsumeSKB), two)
	system, err := ParseKinds("sock")
	require.NoError(t, err)
	require.Equal(t, ftrace.Of(ftrace.SockRcvqueueFull, ftrace.SockExceedBufLimit), system)
	_, err = ParseKinds("kfree_skb,kfree_sbk")
	require.ErrorContains(t, err, `"kfree_sbk": no such tracepoint; the nearest is kfree_skb`)
	_, err = ParseKinds("udp:kfree_skb")
	require.ErrorContains(t, err, "no such tracepoint; the nearest is skb:kfree_skb")
}
