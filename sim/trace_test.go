package sim

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/trace"
	"github.com/seed-556df219/rxpath/socket"
)

var (
	peer   = netip.MustParseAddrPort("10.0.0.1:4000")
	server = netip.MustParseAddrPort("10.0.0.2:5000")
)

// traced returns a host that records, with an idle CPU 0 that takes the
// interrupts and one program that reads port 5000 on CPU 2.
func traced(t *testing.T, change func(*Config), tc TraceConfig) *Host {
	t.Helper()
	cfg := Linux40()
	cfg.Apps = []scenario.App{{Name: "app", CPUs: []int{2}, Sockets: []socket.Config{{Local: netip.MustParseAddrPort("0.0.0.0:5000")}}}}
	if change != nil {
		change(&cfg)
	}
	h, err := NewHost(cfg)
	require.NoError(t, err)
	t.Cleanup(h.Close)
	h.Advance(time.Millisecond)
	require.NoError(t, h.Trace(tc))
	return h
}

// names returns the events of a trace in order, each as CPU:name.
func names(tr *trace.Trace) (out []string) {
	for i := range tr.Events {
		out = append(out, fmt.Sprintf("%d:%v", tr.Events[i].CPU, tr.Events[i].Kind))
	}
	return out
}

// bodies returns what the events of a kind say.
func bodies(tr *trace.Trace, kinds ...ftrace.Kind) (out []string) {
	set := ftrace.Of(kinds...)
	for i := range tr.Events {
		if e := &tr.Events[i]; set.Has(e.Kind) {
			out = append(out, e.Kind.String()+" "+trace.Body(tr.Text, e))
		}
	}
	return out
}

// TestTraceOrder is the typical order of 11.1 for one datagram.
func TestTraceOrder(t *testing.T) {
	h := traced(t, nil, TraceConfig{Events: ftrace.All})
	h.Inject(h.UDPFrame(peer, server, 100))
	h.Advance(30 * time.Microsecond)
	require.Equal(t, []string{
		"0:irq_handler_entry", "0:softirq_raise", "0:irq_handler_exit",
		"0:softirq_entry", "0:napi_gro_receive_entry", "0:netif_receive_skb", "0:napi_poll", "0:softirq_exit",
		"2:skb_copy_datagram_iovec",
	}, names(h.Events()))
	e := h.Events().Events
	require.Equal(t, ftrace.Hardirq|ftrace.IRQsOff, e[0].Flags, "the handler runs with interrupts off")
	require.Equal(t, ftrace.Softirq, e[3].Flags)
	require.Equal(t, ftrace.Idle, e[0].Task.Comm, "CPU 0 was idle")
	require.Equal(t, "app", e[8].Task.Comm)
	require.Contains(t, trace.Body(0, &e[4]), "queue_mapping=1 skbaddr=ffff880000000100 vlan_tagged=0", "the hash and the queue are the device's")
	require.Contains(t, trace.Body(0, &e[4]), "protocol=0x0800 ip_summed=1 hash=0x")
	require.Contains(t, trace.Body(0, &e[4]), "l4_hash=0 len=128 data_len=0 truesize=896 mac_header_valid=1 mac_header=-14 nr_frags=0")
	require.Equal(t, "irq=64 name=eth0-TxRx-0", trace.Body(0, &e[0]))
}

// TestSUR37 pins the order of two events and what they are about.
func TestSUR37(t *testing.T) {
	t.Run("SUR-37 napi_poll comes after the poll", func(t *testing.T) {
		h := traced(t, nil, TraceConfig{Events: ftrace.All})
		var polled engine.Time
		for range 3 {
			h.Inject(h.UDPFrame(peer, server, 100))
		}
		h.Advance(30 * time.Microsecond)
		for _, e := range h.Events().Events {
			switch e.Kind {
			case ftrace.NetifReceiveSKB:
				polled = e.At
			case ftrace.NAPIPoll:
				require.Positive(t, polled)
				require.Greater(t, e.At, polled)
				return
			}
		}
		t.Fatal("no napi_poll")
	})
	t.Run("SUR-37 udp_fail_queue_rcv_skb comes after the free", func(t *testing.T) {
		require.Equal(t, []string{
			"sock_rcvqueue_full rmem_alloc=2688 truesize=896 sk_rcvbuf=2688",
			"kfree_skb skbaddr=ffff880000000400 protocol=2048 location=__udp_queue_rcv_skb",
			"udp_fail_queue_rcv_skb rc=-12 port=5000",
		}, named(t, full(t, kernel.Linux40(), 2688/2)))
	})
	t.Run("and before it in 6.18", func(t *testing.T) {
		require.Equal(t, []string{
			"udp_fail_queue_rcv_skb rc=-12 family=AF_INET src=10.0.0.1:4000 dest=10.0.0.2:5000",
			"kfree_skb skbaddr=ffff880000000400 rx_sk=0000000000000000 protocol=2048 location=udp_queue_rcv_one_skb reason: SOCKET_RCVBUFF",
		}, lastTwo(named(t, full(t, kernel.Linux618(), 2688/2))))
	})
}

func lastTwo(s []string) []string { return s[len(s)-2:] }

// full returns what is told of the fourth datagram of which three fit.
func full(t *testing.T, k kernel.Profile, rcvbuf int) *trace.Trace {
	h := traced(t, func(cfg *Config) {
		cfg.Kernel = k
		cfg.Apps = nil
	}, TraceConfig{Events: ftrace.Of(ftrace.SockRcvqueueFull, ftrace.KfreeSKB, ftrace.UDPFailQueueRcvSKB, ftrace.SockExceedBufLimit)})
	_, err := h.Bind(socket.Config{Local: server, RcvBuf: rcvbuf})
	require.NoError(t, err)
	for range 4 {
		h.Inject(h.UDPFrame(peer, server, 100))
	}
	h.Advance(time.Millisecond)
	return h.Events()
}

// named returns what the events say, with the function of kfree_skb in place of its address.
func named(t *testing.T, tr *trace.Trace) (out []string) {
	t.Helper()
	for i := range tr.Events {
		e := &tr.Events[i]
		body := trace.Body(tr.Text, e)
		if at := strings.Index(body, "location=ffffffff"); at >= 0 {
			body = body[:at] + "location=" + trace.Symbol(tr.Text, e.Location) + body[at+len("location=ffffffff81642a80"):]
		}
		out = append(out, e.Kind.String()+" "+body)
	}
	return out
}

// TestKfreeLocations are the functions of 11.1 from which packets are freed.
func TestKfreeLocations(t *testing.T) {
	header := func(change func(*skb.Header)) func(*Host) skb.Frame {
		return func(h *Host) skb.Frame {
			f := h.UDPFrame(peer, server, 100)
			head := *f.Head
			change(&head)
			f.Head = &head
			return f
		}
	}
	plain := header(func(*skb.Header) {})
	for _, tc := range []struct {
		name, location string
		frame          func(*Host) skb.Frame
		change         func(*Config)
	}{
		{"ip_rcv: a bad checksum", "ip_rcv", header(func(h *skb.Header) { h.IPChecksum = skb.ChecksumBad }), func(c *Config) { c.NICs[0].RXChecksum = false }},
		{"ip_rcv: another version", "ip_rcv", header(func(h *skb.Header) { h.IPVersion = 5 }), nil},
		{"ip_rcv_finish: a martian source", "ip_rcv_finish", header(func(h *skb.Header) { h.Src = 0x7f000001 }), nil},
		{"nf_hook_slow: a rule drops", "nf_hook_slow", plain, func(c *Config) { c.IP.Netfilter = []ipstack.Rule{{Hook: ipstack.PreRouting, DropPPM: 1_000_000}} }},
		{"__netif_receive_skb_core: no handler", "__netif_receive_skb_core", header(func(h *skb.Header) { h.EtherType = 0x88b5 }), nil},
		{"ip_error: not ours", "ip_error", header(func(h *skb.Header) { h.Dst = 0x0a000909 }), nil},
		{"ip_local_deliver_finish: no protocol", "ip_local_deliver_finish", header(func(h *skb.Header) { h.Proto = 99 }), nil},
		{"__udp4_lib_rcv: no socket", "__udp4_lib_rcv", header(func(h *skb.Header) { h.DstPort = 5001 }), nil},
		{"__udp4_lib_rcv: a bad checksum", "__udp4_lib_rcv", func(h *Host) skb.Frame {
			f := header(func(h *skb.Header) { h.UDPChecksum = skb.ChecksumBad })(h)
			g := f.Head.UDPFrame(10)
			return g
		}, func(c *Config) { c.NICs[0].RXChecksum = false }},
		{"udp_queue_rcv_skb: full before the lock", "udp_queue_rcv_skb", plain, func(c *Config) {
			c.Limits.RmemDefault = 2304
			c.Apps[0].Read.Service = law.Constant(int64(engine.Millisecond))
		}},
		{"enqueue_to_backlog: no room", "enqueue_to_backlog", plain, func(c *Config) {
			c.NICs[0].RPS = map[string][]int{"rx-0": {1}}
			c.Softirq.NetdevMaxBacklog = 0
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := traced(t, tc.change, TraceConfig{Events: ftrace.Of(ftrace.KfreeSKB)})
			for range 8 {
				h.Inject(tc.frame(h))
			}
			h.Advance(time.Millisecond)
			events := h.Events().Events
			require.NotEmpty(t, events)
			require.Equal(t, tc.location, events[0].Location)
		})
	}
}

// TestConsumeSKB says who frees by consume_skb.
func TestConsumeSKB(t *testing.T) {
	both := TraceConfig{Events: ftrace.Of(ftrace.ConsumeSKB, ftrace.KfreeSKB)}
	send := func(h *Host, dst netip.AddrPort) []string {
		h.Inject(h.UDPFrame(peer, dst, 100))
		h.Advance(time.Millisecond)
		return bodies(h.Events(), ftrace.ConsumeSKB, ftrace.KfreeSKB)
	}
	t.Run("SUR-28 a read fires neither", func(t *testing.T) {
		h := traced(t, nil, both)
		require.Empty(t, send(h, server))
		require.EqualValues(t, 1, h.Snapshot().Net.UDP.InDatagrams)
	})
	t.Run("a read since skb_consume_udp", func(t *testing.T) {
		h := traced(t, func(c *Config) { c.Kernel = kernel.Linux61() }, both)
		require.Equal(t, []string{"consume_skb skbaddr=ffff880000000100"}, send(h, server))
	})
	t.Run("SUR-28 an ignored multicast", func(t *testing.T) {
		h := traced(t, func(c *Config) {
			c.Apps[0].Sockets[0].Join = []socket.Join{{Group: netip.MustParseAddr("239.1.1.1"), Device: "eth0"}}
		}, both)
		require.Equal(t, []string{"consume_skb skbaddr=ffff880000000100"}, send(h, netip.MustParseAddrPort("239.1.1.1:5001")))
		require.EqualValues(t, 1, h.Snapshot().Net.UDP.IgnoredMulti)
	})
	for name, k := range map[string]kernel.Profile{"inet_sock_destruct": kernel.Linux40(), "udp_destruct_common": kernel.Linux612()} {
		t.Run("SUR-28 a close fires kfree_skb in "+name, func(t *testing.T) {
			h := traced(t, func(c *Config) { c.Kernel, c.Apps = k, nil }, both)
			s, err := h.Bind(socket.Config{Local: server})
			require.NoError(t, err)
			send(h, server)
			require.Empty(t, send(h, server))
			before := h.Snapshot().Net
			s.Close()
			require.Equal(t, before, h.Snapshot().Net, "no counter moves")
			require.Len(t, bodies(h.Events(), ftrace.KfreeSKB), 2, "one for each")
			for i, e := range h.Events().Events {
				require.Equal(t, [2]any{name, uint64(i + 1)}, [2]any{e.Location, e.ID})
				require.Equal(t, h.Time(), e.At)
			}
		})
	}
	t.Run("PK-6 the reader of a packet socket", func(t *testing.T) {
		h := traced(t, func(c *Config) {
			c.NICs[0].Taps = []scenario.Tap{{Name: "tcpdump", RcvBuf: 1 << 20, PerPacket: engine.Microsecond, CPU: 3, Task: true}}
		}, both)
		require.Equal(t, []string{"consume_skb skbaddr=ffff880000000100"}, send(h, server))
		require.Equal(t, "packet_recvmsg", h.Events().Events[0].Location)
		require.Equal(t, "tcpdump", h.Events().Events[0].Task.Comm)
	})
}

// TestUDPMemEvents: what udp_mem refuses says rc=-105, and what UDP would have.
func TestUDPMemEvents(t *testing.T) {
	h := traced(t, func(c *Config) {
		c.Apps = nil
		c.Limits.UDPMem = [3]int{1, 1, 1}
	}, TraceConfig{Events: ftrace.Of(ftrace.SockExceedBufLimit, ftrace.UDPFailQueueRcvSKB)})
	_, err := h.Bind(socket.Config{Local: server})
	require.NoError(t, err)
	for range 6 {
		h.Inject(h.UDPFrame(peer, server, 100))
	}
	h.Advance(time.Millisecond)
	require.Equal(t, []string{
		"sock_exceed_buf_limit proto:UDP sysctl_mem=1,1,1 allocated=2 sysctl_rmem=4096 rmem_alloc=3584",
		"udp_fail_queue_rcv_skb rc=-105 port=5000",
	}, bodies(h.Events(), ftrace.SockExceedBufLimit, ftrace.UDPFailQueueRcvSKB)[:2])
}

// TestTraceChangesNothing: a run with tracers is the run without.
func TestTraceChangesNothing(t *testing.T) {
	run := func(tc TraceConfig) uint64 {
		h := traced(t, nil, tc)
		for range 200 {
			h.Inject(h.UDPFrame(peer, server, 100))
		}
		h.Advance(2 * time.Millisecond)
		return h.Digest()
	}
	require.Equal(t, run(TraceConfig{}), run(TraceConfig{Events: ftrace.All, Packet: 100}))
}

// TestTraceBuffer: a CPU keeps the last events and counts the others.
func TestTraceBuffer(t *testing.T) {
	h := traced(t, nil, TraceConfig{Events: ftrace.Of(ftrace.NetifReceiveSKB), Buffer: 3})
	for range 5 {
		h.Inject(h.UDPFrame(peer, server, 100))
	}
	h.Advance(time.Millisecond)
	tr := h.Events()
	require.Equal(t, []uint64{2, 0, 0, 0}, tr.Lost)
	require.EqualValues(t, 5, tr.Written())
	require.Len(t, tr.Events, 3)
	require.EqualValues(t, 3, tr.Events[0].ID, "the first two were overwritten")

	require.NoError(t, h.Trace(TraceConfig{}))
	require.Nil(t, h.Events(), "ended")
	h.Inject(h.UDPFrame(peer, server, 100))
	h.Advance(time.Millisecond)
}

func TestTraceFaults(t *testing.T) {
	h := traced(t, nil, TraceConfig{})
	h.Inject(h.UDPFrame(peer, server, 100))
	h.Advance(time.Millisecond)
	for want, tc := range map[string]TraceConfig{
		`interface = eth7: want one of the host's: ["eth0"]`:                        {Packet: 2, Interface: "eth7"},
		`packet = 1: want more than 1: that many frames have come before the trace`: {Packet: 1},
		`buffer = -1: want 0 or more events`:                                        {Events: ftrace.All, Buffer: -1},
		`events = 2147483648: want a set of tracepoints`:                            {Events: 1 << 31},
	} {
		require.ErrorContains(t, h.Trace(tc), want)
	}
}
