package sim

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/trace"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// nested returns the calls of a journey on a CPU as lines indented by their
// depth, events and durations left out.
func nested(j *trace.Journey, cpu int) string {
	var b strings.Builder
	depth := 0
	for i := range j.Calls {
		c := &j.Calls[i]
		if c.CPU != cpu {
			continue
		}
		switch c.Step {
		case ftrace.Enter, ftrace.IRQEnter:
			fmt.Fprintf(&b, "%s%s\n", strings.Repeat(" ", depth), c.Func)
			depth++
		case ftrace.Return, ftrace.IRQReturn:
			depth--
		}
	}
	return b.String()
}

// ends returns what became of a packet, in words.
func ends(j *trace.Journey) (out []string) {
	for i := range j.Outcomes {
		o := &j.Outcomes[i]
		out = append(out, strings.TrimSpace(fmt.Sprintf("CPU %d %v %s %s", o.CPU, o.Fate, o.Place, o.Reason)))
	}
	return out
}

var feed = netip.MustParseAddr("239.1.1.1")

// listeners gives a host programs that listen to the feed, one on each of the CPUs.
func listeners(cpus ...int) func(*Config) {
	return func(cfg *Config) {
		cfg.Apps = nil
		for i, c := range cpus {
			a := scenario.App{Name: fmt.Sprintf("app%d", i), CPUs: []int{c}, Sockets: []socket.Config{{
				Local: netip.MustParseAddrPort("0.0.0.0:5000"), ReuseAddr: true, Join: []socket.Join{{Group: feed, Device: "eth0"}}}}}
			if i == 0 {
				a.Read.With = scenario.EpollRecvmsg
			}
			cfg.Apps = append(cfg.Apps, a)
		}
	}
}

// follow injects three datagrams of the feed and returns the way of the second.
func follow(t *testing.T, change func(*Config)) (*Host, *trace.Journey) {
	t.Helper()
	h := traced(t, change, TraceConfig{Packet: 2})
	require.Nil(t, h.Journey(), "it has not come yet")
	require.False(t, h.Journeyed())
	for range 3 {
		h.Inject(h.UDPFrame(peer, netip.AddrPortFrom(feed, 5000), 100))
	}
	h.Advance(time.Millisecond)
	j := h.Journey()
	require.NotNil(t, j)
	require.EqualValues(t, 2, j.Packet)
	require.True(t, h.Journeyed(), "all of it has ended, and returned")
	require.Empty(t, j.Left)
	return h, j
}

// TestFG10 is the nesting of the calls for one multicast datagram.
func TestFG10(t *testing.T) {
	_, j := follow(t, listeners(2, 3))
	require.Equal(t, `do_IRQ
 irq_exit
  __do_softirq
   net_rx_action
    ixgbe_poll
     ixgbe_clean_rx_irq
      napi_gro_receive
       netif_receive_skb_internal
        __netif_receive_skb_core
         ip_rcv
          ip_rcv_finish
           udp_v4_early_demux
           ip_route_input_noref
           ip_local_deliver
            ip_local_deliver_finish
             udp_rcv
              __udp4_lib_rcv
               __udp4_lib_mcast_deliver
                _raw_spin_lock
                flush_stack
                 skb_clone
                 udp_queue_rcv_skb
                  __udp_queue_rcv_skb
                   sock_queue_rcv_skb
                 udp_queue_rcv_skb
                  __udp_queue_rcv_skb
                   sock_queue_rcv_skb
                    sock_def_readable
                     ep_poll_callback
`, nested(j, 0))
	require.Equal(t, `SyS_recvmsg
 udp_recvmsg
  __skb_recv_datagram
  skb_copy_datagram_iovec
  skb_free_datagram_locked
`, nested(j, 2), "each reader in its own time")
	require.Equal(t, nested(j, 2), nested(j, 3))
	require.Equal(t, []string{
		"CPU 0 cloned", "CPU 0 queued app1", "CPU 0 queued app0", "CPU 3 read app1", "CPU 2 read app0",
	}, ends(j))
	require.Less(t, j.Frame.At, j.Ready)
	require.Less(t, j.Ready, j.Polled)
}

// TestJourneyOverRPS goes over two CPUs.
func TestJourneyOverRPS(t *testing.T) {
	_, j := follow(t, func(cfg *Config) {
		listeners(2)(cfg)
		cfg.NICs[0].RPS = map[string][]int{"rx-0": {1}}
	})
	require.Contains(t, nested(j, 0), `
      napi_gro_receive
       netif_receive_skb_internal
        enqueue_to_backlog
`)
	require.True(t, strings.HasPrefix(nested(j, 1), `smp_call_function_single_interrupt
 irq_exit
  __do_softirq
   net_rx_action
    process_backlog
     __netif_receive_skb
      __netif_receive_skb_core
       ip_rcv
`), nested(j, 1))
	require.NotContains(t, nested(j, 0), "ip_rcv")
}

// TestJourneyEnds says where packets end that nobody reads.
func TestJourneyEnds(t *testing.T) {
	t.Run("in a socket that is full", func(t *testing.T) {
		h := traced(t, func(cfg *Config) {
			cfg.Limits.RmemDefault = 2304
			cfg.Apps[0].Read.Service = law.Constant(int64(engine.Millisecond))
		}, TraceConfig{Packet: 8})
		for range 8 {
			h.Inject(h.UDPFrame(peer, server, 100))
		}
		h.Advance(100 * time.Microsecond)
		require.Equal(t, []string{"CPU 0 dropped udp_queue_rcv_skb SOCKET_RCVBUFF"}, ends(h.Journey()))
		require.True(t, h.Journeyed())
	})
	t.Run("at the filter of the MAC", func(t *testing.T) {
		h := traced(t, nil, TraceConfig{Packet: 1})
		h.Inject(h.UDPFrame(peer, netip.MustParseAddrPort("239.1.1.2:5000"), 100))
		h.Advance(100 * time.Microsecond)
		j := h.Journey()
		require.Equal(t, "HW_FILTER", j.Lost)
		require.Empty(t, j.Calls)
		require.True(t, h.Journeyed())
	})
	t.Run("in the packet buffer", func(t *testing.T) {
		h := overrun(t, TraceConfig{Packet: 8990})
		j := h.Journey()
		require.NotNil(t, j)
		require.Equal(t, "HW_FIFO", j.Lost)
		require.Equal(t, j.Frame.At, j.LostAt)
	})
	t.Run("nowhere yet: in the ring", func(t *testing.T) {
		h := overrun(t, TraceConfig{Packet: 300})
		require.Equal(t, "the ring of eth0-TxRx-0", h.Journey().Left)
		require.False(t, h.Journeyed())
	})
	t.Run("nowhere yet: in the FIFO", func(t *testing.T) {
		h := overrun(t, TraceConfig{Packet: 1000})
		require.Equal(t, "the FIFO", h.Journey().Left)
	})
	t.Run("nowhere yet: in the queue of a socket", func(t *testing.T) {
		h := traced(t, func(cfg *Config) { cfg.Apps = nil }, TraceConfig{Packet: 1})
		_, err := h.Bind(socket.Config{Local: server})
		require.NoError(t, err)
		h.Inject(h.UDPFrame(peer, server, 100))
		h.Advance(100 * time.Microsecond)
		require.Contains(t, h.Journey().Left, "the queue of ")
	})
}

// overrun returns a host whose CPU 0 is too slow for what comes.
func overrun(t *testing.T, tc TraceConfig) *Host {
	h := traced(t, func(cfg *Config) { cfg.Costs.HardIRQ.Fixed = engine.Second }, tc)
	for range 9000 {
		h.Inject(h.UDPFrame(peer, server, 18))
	}
	h.Advance(2 * time.Millisecond)
	return h
}

// TestJourneyOfTwoInterfaces: the number is that of its interface.
func TestJourneyOfTwoInterfaces(t *testing.T) {
	h := traced(t, func(cfg *Config) {
		n := DefaultNIC("eth1")
		n.Addr, n.MAC[5] = 0x0a000102, 7
		cfg.NICs = append(cfg.NICs, n)
	}, TraceConfig{Packet: 1, Interface: "eth1"})
	h.Inject(h.UDPFrame(peer, server, 100))
	h.Advance(100 * time.Microsecond)
	require.Nil(t, h.Journey(), "the first of eth0 is not the first of eth1")
	f := h.UDPFrame(peer, server, 100)
	f.Head.DstMAC[5] = 7
	h.InjectOn("eth1", f)
	h.Advance(100 * time.Microsecond)
	require.Equal(t, "eth1", h.Journey().Interface)
	require.Contains(t, nested(h.Journey(), 0), "ip_rcv")
}

// TestJourneyText: the summary is made of comments, the rest is a function graph.
func TestJourneyText(t *testing.T) {
	_, j := follow(t, listeners(2))
	var b strings.Builder
	require.NoError(t, trace.WriteGraph(&b, j, trace.GraphOptions{}))
	text := b.String()
	require.True(t, strings.HasPrefix(text, "# packet 2 of eth0 under linux-4.0: UDP 10.0.0.1:4000 > 239.1.1.1:5000, 146 bytes\n"), text)
	for _, want := range []string{"last bit received by eth0\n", "written back to a ring\n", "taken off the ring by the driver\n", "queued to app0 on CPU 0\n", "read by app0 on CPU 2\n",
		"# tracer: function_graph\n", " 0)   ==========> |\n 0)               |  do_IRQ() {\n", " 0)   <========== |\n 2)               |  SyS_recvmsg() {\n"} {
		require.Contains(t, text, want)
	}
	b.Reset()
	require.NoError(t, trace.WriteJSON(&b, j))
	var doc struct {
		Schema string
		Packet int
		Steps  []struct {
			Fate  string
			Place string
		}
		Calls []struct {
			Function   string
			Depth      int
			AtNs       float64 `json:"at_ns"`
			DurationNs float64 `json:"duration_ns"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(b.String()), &doc))
	require.Equal(t, "rxpath.trace/1", doc.Schema)
	require.Equal(t, 2, doc.Packet)
	require.Equal(t, "received", doc.Steps[0].Fate)
	require.Equal(t, "do_IRQ", doc.Calls[0].Function)
	require.Equal(t, "irq_exit", doc.Calls[1].Function)
	require.Equal(t, 1, doc.Calls[1].Depth)
	require.Greater(t, doc.Calls[0].DurationNs, doc.Calls[1].DurationNs)
	require.Greater(t, doc.Calls[1].AtNs, doc.Calls[0].AtNs)
}

// TestFirstDropped finds the first packet that is lost, and its way says the same.
func TestFirstDropped(t *testing.T) {
	sc := scenario.Default()
	sc.NICs = []scenario.NIC{DefaultNIC("eth0")}
	sc.Apps = []scenario.App{{Name: "app", CPUs: []int{2}, Read: scenario.Read{Service: law.Constant(int64(100 * engine.Microsecond))},
		Sockets: []socket.Config{{Local: netip.MustParseAddrPort("0.0.0.0:5000"), RcvBuf: 5000}}}}
	c := traffic.DefaultConfig()
	c.Name, c.To, c.Dst, c.MilliPPS = "feed", "eth0", server, 100_000_000
	c.Faults.CRC = 100_000
	sc.Traffic = []traffic.Config{c}
	sc.Run.For = 5 * engine.Millisecond
	follow := func(r skb.DropReason) *trace.Journey {
		n, err := FirstDropped(t.Context(), &sc, Options{}, "", r)
		require.NoError(t, err)
		require.NotZero(t, n)
		res, err := Run(t.Context(), &sc, Options{Trace: &TraceConfig{Packet: n, Stop: true}})
		require.NoError(t, err)
		require.False(t, res.Complete, "the run ends with the packet")
		return res.Journey
	}
	full := follow(skb.SocketRcvbuff)
	require.Equal(t, "SOCKET_RCVBUFF", full.Outcomes[0].Reason)
	require.Equal(t, full.Packet, follow(skb.NumReasons).Packet, "the first loss for lack of room")
	require.Equal(t, "HW_CRC", follow(skb.HWCRC).Lost)
	require.Empty(t, follow(skb.HWCRC).Calls, "no function has seen it")

	n, err := FirstDropped(t.Context(), &sc, Options{}, "", skb.HWNoDesc)
	require.NoError(t, err)
	require.Zero(t, n, "there is none")
	_, err = Run(t.Context(), &sc, Options{Trace: &TraceConfig{Packet: 1 << 40}})
	require.ErrorContains(t, err, "frames came to eth0 in 5ms")
	res, err := Run(t.Context(), &sc, Options{Trace: &TraceConfig{Events: ftrace.All}})
	require.NoError(t, err)
	require.True(t, res.Complete)
	require.NotEmpty(t, res.Trace.Events)
}

// TestJourneyOfABatch: newer kernels take the packets of a batch through the stack
// together; the functions that handled the others are not around this one.
func TestJourneyOfABatch(t *testing.T) {
	_, j := follow(t, func(cfg *Config) {
		listeners(2)(cfg)
		cfg.Kernel = kernel.Linux618()
	})
	require.Equal(t, `do_IRQ
 irq_exit
  __do_softirq
   net_rx_action
    ixgbe_poll
     ixgbe_clean_rx_irq
      napi_gro_receive
     netif_receive_skb_list_internal
      __netif_receive_skb_core
      ip_list_rcv
       ip_rcv
       ip_rcv_finish
        udp_v4_early_demux
        ip_route_input_noref
       ip_sublist_rcv_finish
        ip_local_deliver
         ip_local_deliver_finish
          udp_rcv
           __udp4_lib_rcv
            udp_queue_rcv_skb
             __udp_enqueue_schedule_skb
              sock_def_readable
               ep_poll_callback
`, nested(j, 0))
}
