package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/socket"
)

// pollingHost returns a host whose CPU 0 has the interrupts, throttled, and whose
// CPU 1 has a reader of one socket.
func pollingHost(t *testing.T, k kernel.Profile, s socket.Config, with scenario.ReadMode, change ...func(*Config)) *Host {
	t.Helper()
	s.Local = local
	return hostOf(t, append([]func(*Config){func(c *Config) {
		c.Host = scenario.HostWith(k)
		c.CPUs = 2
		c.NICs[0].RXUsecs = 1000
		c.Apps = []scenario.App{{Name: "reader", CPUs: []int{1}, Sockets: []socket.Config{s}, Read: scenario.Read{With: with, Batch: 1}}}
	}}, change...)...)
}

// sendEvery sends n datagrams, one every so often: the first by interrupt, from which
// the socket learns whom to poll.
func sendEvery(h *Host, n int, every time.Duration) {
	h.Advance(time.Millisecond)
	for range n {
		h.Inject(h.UDPFrame(sender, local, 100))
		h.Advance(every)
	}
}

// RX-3, K310-17: who polls the interface, by kernel, socket, driver and waiting
// call. Of six datagrams the first comes by interrupt.
func TestRX3WhoBusyPolls(t *testing.T) {
	connected := socket.Config{Remote: sender, BusyPoll: 1000}
	unconnected := socket.Config{BusyPoll: 1000}
	busyRead := func(c *Config) { c.Softirq.BusyRead = 1000 }
	busyPoll := func(c *Config) { c.Softirq.BusyPoll = 1000 }
	igb := func(c *Config) {
		c.NICs[0].Driver, c.NICs[0].Chip, c.NICs[0].LinkBitsPerSecond = nic.DriverIgb, nic.Chip82576, 1_000_000_000
	}
	for name, tc := range map[string]struct {
		k      kernel.Profile
		s      socket.Config
		with   scenario.ReadMode
		change func(*Config)
		want   uint64
	}{
		"RX-3 connected":                     {kernel.Linux40(), connected, scenario.Recvmsg, nil, 5},
		"RX-3 unconnected knows no instance": {kernel.Linux40(), unconnected, scenario.Recvmsg, nil, 0},
		"RX-3 busy_read off":                 {kernel.Linux40(), socket.Config{Remote: sender}, scenario.Recvmsg, nil, 0},
		"RX-3 busy_read":                     {kernel.Linux40(), socket.Config{Remote: sender}, scenario.Recvmsg, busyRead, 5},
		"RX-3 SO_BUSY_POLL 0":                {kernel.Linux40(), socket.Config{Remote: sender, BusyPoll: -1}, scenario.Recvmsg, busyRead, 0},
		"RX-3 igb has no function":           {kernel.Linux40(), connected, scenario.Recvmsg, igb, 0},
		"RX-3 poll without busy_poll":        {kernel.Linux40(), connected, scenario.PollRecvmsg, nil, 0},
		"RX-3 poll":                          {kernel.Linux40(), connected, scenario.PollRecvmsg, busyPoll, 5},
		"RX-3 epoll of 4.0":                  {kernel.Linux40(), connected, scenario.EpollRecvmsg, busyPoll, 0},
		"K310-17":                            {kernel.Linux310(), connected, scenario.Recvmsg, busyPoll, 0},
		"6.12/3.5 any socket":                {kernel.Linux612(), unconnected, scenario.Recvmsg, nil, 5},
		"6.12/3.5 any driver":                {kernel.Linux612(), connected, scenario.Recvmsg, igb, 5},
		"6.12/3.5 epoll":                     {kernel.Linux612(), socket.Config{}, scenario.EpollRecvmsg, busyPoll, 5},
	} {
		t.Run(name, func(t *testing.T) {
			change := tc.change
			if change == nil {
				change = func(*Config) {}
			}
			h := pollingHost(t, tc.k, tc.s, tc.with, change)
			sendEvery(h, 6, 500*time.Microsecond)
			h.Advance(3 * time.Millisecond)
			s := h.Snapshot()
			require.EqualValues(t, 6, s.Net.UDP.InDatagrams)
			require.Equal(t, tc.want, s.Net.TCPExt.BusyPollRxPackets)
			if tc.k.IxgbeBusyPoll && h.cfg.NICs[0].Driver == nic.DriverIxgbe {
				require.Equal(t, tc.want, ethtoolLine(h, "rx_queue_0_bp_cleaned"))
			}
			require.Equal(t, tc.want, s.CPUs[1].Softnet.Processed, "what it polls goes up on the reader's CPU")
		})
	}
}

// RX-3: a reader that finds nothing polls for SO_BUSY_POLL, counted by a clock of
// 1024 ns, then sleeps; one that does not block polls once.
func TestRX3HowLong(t *testing.T) {
	spent := func(t *testing.T, usecs int, edit func(*Config)) (loops uint64, system engine.Time) {
		h := pollingHost(t, kernel.Linux40(), socket.Config{Remote: sender, BusyPoll: usecs}, scenario.Recvmsg, edit)
		sendEvery(h, 1, time.Millisecond)
		return h.threads[0].BusyLoops(), engine.Time(h.Snapshot().CPUs[1].Time.System)
	}
	none := func(*Config) {}
	_, without := spent(t, -1, none)
	t.Run("RX-3 SO_BUSY_POLL 100", func(t *testing.T) {
		loops, with := spent(t, 100, none)
		require.EqualValues(t, 1, loops, "the first receive call knew no instance yet")
		require.InDelta(t, float64(101*1024*engine.Nanosecond), float64(with-without), float64(1224*engine.Nanosecond))
	})
	t.Run("RX-3 another task wants the CPU", func(t *testing.T) {
		_, with := spent(t, 900, func(c *Config) {
			c.HZ = 1000
			c.Apps = append(c.Apps, scenario.App{Name: "rival", CPUs: []int{1}, Busy: true})
		})
		require.Less(t, with-without, 900*engine.Microsecond)
	})
}

// S-1: a connected socket records the NAPI instance and the CPU of what comes to
// it; another only the first instance, since 4.10.
func TestS1Marks(t *testing.T) {
	for name, tc := range map[string]struct {
		k         kernel.Profile
		s         socket.Config
		napi, cpu int
	}{
		"S-1 connected":       {kernel.Linux40(), socket.Config{Local: local, Remote: sender}, 2, 1},
		"S-1 unconnected":     {kernel.Linux40(), socket.Config{Local: local}, 0, -1},
		"S-1 3.10":            {kernel.Linux310(), socket.Config{Local: local, Remote: sender}, 0, 1},
		"6.12/1 unconnected":  {kernel.Linux612(), socket.Config{Local: local}, 1, -1},
		"6.12/1 and then all": {kernel.Linux612(), socket.Config{Local: local, Remote: sender}, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := hostOf(t, func(c *Config) {
				c.Host = scenario.HostWith(tc.k)
				c.CPUs = 2
				n := c.NICs[0]
				n.Name, n.Affinity = "eth1", map[string][]int{"TxRx-0": {1}}
				n.MAC[5]++
				c.NICs[0].Addr, n.Addr = n.Addr+1<<8, c.NICs[0].Addr
				c.NICs = append(c.NICs, n)
			})
			s := bindTo(t, h, tc.s)
			require.Equal(t, [2]int{0, -1}, [2]int{s.NAPIID(), s.IncomingCPU()})
			for i, name := range []string{"eth0", "eth1"} {
				f := h.UDPFrame(sender, local, 100)
				head := *f.Head
				head.DstMAC = h.cfg.NICs[i].MAC
				f.Head = &head
				h.InjectOn(name, f)
				h.Advance(time.Millisecond)
			}
			require.Equal(t, 2, s.Queued())
			require.Equal(t, [2]int{tc.napi, tc.cpu}, [2]int{s.NAPIID(), s.IncomingCPU()})
		})
	}
}

// 6.18/3.3.2: a socket that prefers to poll keeps the interrupt off with
// napi_defer_hard_irqs and gro_flush_timeout, as long as it comes again in time.
func TestPreferBusyPoll(t *testing.T) {
	for name, tc := range map[string]struct {
		prefer bool
		want   uint64
	}{"6.18/3.3.2 prefers": {true, 0}, "6.18/3.3.2 does not": {false, 10}} {
		t.Run(name, func(t *testing.T) {
			h := pollingHost(t, kernel.Linux618(), socket.Config{BusyPoll: 50, PreferBusyPoll: tc.prefer}, scenario.Recvmsg, func(c *Config) {
				c.NICs[0].RXUsecs = 0
				c.NICs[0].NAPIDeferHardIRQs, c.NICs[0].GROFlushTimeout = 1, 200*engine.Microsecond
			})
			sendEvery(h, 2, 20*time.Microsecond)
			interrupts, polled := h.ports[0].Vectors()[0].Asserts, h.Snapshot().Net.TCPExt.BusyPollRxPackets
			for range 10 {
				h.Inject(h.UDPFrame(sender, local, 100))
				h.Advance(20 * time.Microsecond)
			}
			require.EqualValues(t, 10, h.Snapshot().Net.TCPExt.BusyPollRxPackets-polled)
			require.Equal(t, tc.want, h.ports[0].Vectors()[0].Asserts-interrupts)
		})
	}
}

// A packet that its reader polls goes up in the reader's own call, to the end of
// its way: no interrupt, no softirq.
func TestBusyPollJourney(t *testing.T) {
	for name, tc := range map[string]struct {
		k    kernel.Profile
		want []string
	}{
		"POLL-2 by the driver": {kernel.Linux40(), []string{"SyS_recvmsg", "udp_recvmsg", "__skb_recv_datagram", "sk_busy_loop", "ixgbe_low_latency_recv", "ixgbe_clean_rx_irq", "netif_receive_skb_internal"}},
		"6.12/3.5 by NAPI":     {kernel.Linux612(), []string{"SyS_recvmsg", "udp_recvmsg", "__skb_recv_datagram", "napi_busy_loop", "ixgbe_poll", "ixgbe_clean_rx_irq", "napi_gro_receive"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := pollingHost(t, tc.k, socket.Config{Remote: sender, BusyPoll: 1000}, scenario.Recvmsg)
			require.NoError(t, h.Trace(TraceConfig{Packet: 3}))
			sendEvery(h, 3, 200*time.Microsecond)
			h.Advance(2 * time.Millisecond)
			var got []string
			for _, c := range h.Journey().Calls {
				if c.Step == ftrace.Enter && len(got) < len(tc.want) {
					require.Equal(t, "reader", c.Task.Comm)
					got = append(got, c.Func)
				}
			}
			require.Equal(t, tc.want, got)
		})
	}
}
