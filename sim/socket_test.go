package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/procfs"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// Sockets driven by hand, and applications of a scenario.

// SUR-29: rx_queue is truesize, not payload, not packets.
func TestSUR29RxQueue(t *testing.T) {
	h := hostOf(t)
	bindTo(t, h, socket.Config{Local: local})
	send(t, h, h.UDPFrame(sender, local, 1), 1)
	require.Equal(t, "00000380", fmt.Sprintf("%08X", h.Snapshot().Sockets[0].RxQueue))
}

// A socket can be bound to what inet_bind takes, and a fault names its key.
func TestBindToForeignAddress(t *testing.T) {
	for addr, ok := range map[string]bool{
		"0.0.0.0": true, "10.0.0.2": true, "10.0.0.255": true, "10.0.0.0": true, "255.255.255.255": true, "239.1.2.3": true, "127.9.9.9": true,
		"10.0.0.3": false, "10.9.9.9": false, "0.0.0.1": false, "240.0.0.1": false,
	} {
		at := netip.AddrPortFrom(netip.MustParseAddr(addr), 5001)
		_, err := hostOf(t).Bind(socket.Config{Local: at})
		_, inApp := NewHost(Config{NICs: hostOf(t).cfg.NICs, Host: hostOf(t).cfg.Host, Apps: []scenario.App{{Name: "a", CPUs: []int{0}, Sockets: []socket.Config{{Local: at}}}}})
		if ok {
			require.NoError(t, err, addr)
			require.NoError(t, inApp, addr)
			continue
		}
		require.ErrorContains(t, err, "bind = "+addr+": want ")
		require.ErrorContains(t, err, "(EADDRNOTAVAIL)")
		require.ErrorContains(t, inApp, "apps[0].sockets[0].bind = "+addr+": want ")
	}
}

// PU-1, SUR-30: buckets ascending, in a bucket the newest first; two sockets on
// one port show the same bucket.
func TestPU1Order(t *testing.T) {
	h := hostOf(t)
	at := func(p uint16, name string) {
		bindTo(t, h, socket.Config{Name: name, Local: netip.AddrPortFrom(netip.IPv4Unspecified(), p), ReuseAddr: true})
	}
	at(5002, "b")
	at(5001, "old")
	at(5003, "c")
	at(5001, "new")
	var names []string
	var buckets []uint32
	for _, s := range h.Snapshot().Sockets {
		names, buckets = append(names, s.Name), append(buckets, s.Bucket)
	}
	require.Equal(t, []string{"new", "old", "b", "c"}, names)
	require.Equal(t, []uint32{5001, 5001, 5002, 5003}, buckets)
}

// What a program sees that reads by hand.
func TestSocketByHand(t *testing.T) {
	h := hostOf(t)
	s := bindTo(t, h, socket.Config{Local: local})
	require.Zero(t, s.Poll())
	send(t, h, h.UDPFrame(sender, local, 100), 2)
	require.Equal(t, socket.PollIn, s.Poll())
	require.Equal(t, 100, s.FIONREAD())
	m, err := s.RecvMsg(60, socket.MsgPeek)
	require.NoError(t, err)
	require.Equal(t, 60, m.N)
	require.Equal(t, socket.MsgTrunc, m.Flags)
	require.Equal(t, sender, m.From)
	require.Equal(t, 2, s.Queued())
	ms, err := s.RecvMMsg(8, 1<<16, 0)
	require.NoError(t, err)
	require.Len(t, ms, 2)
	require.Equal(t, uint64(2), h.Snapshot().Net.UDP.InDatagrams)
	require.Equal(t, socket.MemInfo{RcvBuf: 212992, FwdAlloc: 4096}, s.MemInfo())

	s.SetRcvBuf(1)
	require.Equal(t, 2304, s.RcvBuf())
	s.SetRcvBufForce(1 << 20)
	require.Equal(t, 1<<21, s.RcvBuf())

	down := errors.New("network is down")
	s.SetError(down)
	_, err = s.Recv()
	require.ErrorIs(t, err, down)
	s.Shutdown()
	require.Equal(t, socket.PollIn|socket.PollRdHup, s.Poll())
}

// A socket that is connected at run time receives from its peer only, and from
// everybody again when it is not any more.
func TestConnectAtRunTime(t *testing.T) {
	h := hostOf(t)
	s := bindTo(t, h, socket.Config{Local: anyAddr})
	other := netip.AddrPortFrom(sender.Addr(), sender.Port()+1)
	require.Error(t, s.Connect(netip.AddrPort{}))
	require.NoError(t, s.Connect(sender))
	require.True(t, h.Snapshot().Sockets[0].Connected)
	send(t, h, h.UDPFrame(other, local, 100), 1)
	require.Zero(t, s.Queued())
	send(t, h, h.UDPFrame(sender, local, 100), 1)
	require.Equal(t, 1, s.Queued())
	s.Disconnect()
	send(t, h, h.UDPFrame(other, local, 100), 1)
	require.Equal(t, 2, s.Queued())
}

// A filter of a scenario: source ports from 5001 up are refused.
func TestFilterOfConfig(t *testing.T) {
	h := hostOf(t)
	s := bindTo(t, h, socket.Config{Local: local, Filter: []socket.FilterInsn{{Op: 0x28}, {Op: 0x35, Jf: 1, K: 5001}, {Op: 6}, {Op: 6, K: 65535}}})
	send(t, h, h.UDPFrame(sender, local, 100), 3)
	d := send(t, h, h.UDPFrame(netip.AddrPortFrom(sender.Addr(), 5001), local, 100), 2)
	require.Equal(t, 3, s.Queued())
	require.EqualValues(t, 2, d.Net.UDP.InErrors)
	require.Zero(t, s.Drops())
	_, err := h.Bind(socket.Config{Local: vectorDst, Filter: []socket.FilterInsn{{Op: 0xff}}})
	require.ErrorContains(t, err, "filter")
}

// An application as a scenario describes it: 20000 datagrams a second, 10 µs
// each; what it does to itself decides what it loses.
func TestApplications(t *testing.T) {
	us, ms := engine.Microsecond, engine.Millisecond
	for name, tc := range map[string]struct {
		change func(*scenario.App)
		check  func(*testing.T, *Host, Snapshot)
	}{
		"blocking": {func(*scenario.App) {}, func(t *testing.T, _ *Host, s Snapshot) {
			require.Zero(t, s.Sockets[0].Drops)
		}},
		"spinning uses the whole CPU": {func(a *scenario.App) { a.Read.With = scenario.SpinRecvmsg }, func(t *testing.T, h *Host, s Snapshot) {
			require.Less(t, s.CPUs[2].Time.Idle, int64(ms))
			require.Zero(t, s.Sockets[0].Drops)
		}},
		"a lock of 15 ms fills the backlog": {func(a *scenario.App) {
			a.Locks = scenario.Locks{Every: 50 * ms, For: 15 * ms, Asleep: true, CPU: 3}
		}, func(t *testing.T, h *Host, s Snapshot) {
			require.EqualValues(t, 1, h.lockers[0].Held)
			require.InDelta(t, 300-238, float64(s.Sockets[0].Drops), 3, "the reader has one in hand")
			require.EqualValues(t, s.Sockets[0].Drops, s.Net.UDP.RcvbufErrors)
		}},
		"a page fault of 15 ms at each copy": {func(a *scenario.App) {
			a.Read.FaultPPM, a.Read.FaultFor = 1_000_000, law.Constant(int64(15*ms))
		}, func(t *testing.T, h *Host, s Snapshot) {
			require.InDelta(t, 7, float64(s.Sockets[0].Delivered), 1)
		}},
		"pauses from a list": {func(a *scenario.App) {
			a.Read.Pauses.Trace = []socket.Pause{{At: 20 * ms, For: 20 * ms}}
		}, func(t *testing.T, h *Host, s Snapshot) {
			require.InDelta(t, 400-238, float64(s.Sockets[0].Drops), 3)
		}},
		"workers on two CPUs": {func(a *scenario.App) {
			a.Read.Service = law.Constant(int64(90 * us))
			a.Workers = scenario.Workers{CPUs: []int{1, 3}, Queue: 100}
		}, func(t *testing.T, h *Host, s Snapshot) {
			require.Zero(t, s.Sockets[0].Drops)
			require.InDelta(t, 2000, float64(h.pools[0].Handled), 5)
		}},
		"one CPU does not do as much": {func(a *scenario.App) { a.Read.Service = law.Constant(int64(90 * us)) }, func(t *testing.T, h *Host, s Snapshot) {
			require.Greater(t, s.Sockets[0].Drops, uint64(500))
		}},
		"peeking": {func(a *scenario.App) { a.Read.Peek = true }, func(t *testing.T, h *Host, s Snapshot) {
			require.InDelta(t, 2*2000, float64(h.threads[0].Calls), 10)
		}},
		"SO_RCVTIMEO": {func(a *scenario.App) { a.Sockets[0].RcvTimeo = ms; a.Sockets[0].Local = vectorDst }, func(t *testing.T, h *Host, s Snapshot) {
			require.InDelta(t, 25, float64(h.threads[0].Timeouts), 1, "every jiffy of 4 ms")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a := scenario.App{Name: "reader", CPUs: []int{2}, Sockets: []socket.Config{{Local: local}}}
			a.Read.Service = law.Constant(int64(10 * us))
			tc.change(&a)
			h := hostOf(t, func(c *Config) { c.Apps = []scenario.App{a} })
			c := traffic.DefaultConfig()
			c.To, c.DstMAC, c.Src, c.Dst, c.MilliPPS = "eth0", h.cfg.NICs[0].MAC, sender, local, 20_000_000
			c.Size, c.Arrivals.Kind = law.Constant(128), traffic.Constant
			src, err := traffic.New(c, 1)
			require.NoError(t, err)
			h.port("eth0").Connect(src)
			h.Advance(100 * time.Millisecond)
			require.NoError(t, h.CheckLedger())
			tc.check(t, h, h.Snapshot())
		})
	}
}

// What a program loses itself, it says.
func TestProgramResult(t *testing.T) {
	sc := scenario.Default()
	sc.Run.For = 20 * engine.Millisecond
	n := DefaultNIC("eth0")
	sc.NICs = []scenario.NIC{n}
	a := scenario.App{Name: "slow", CPUs: []int{2}, Sockets: []socket.Config{{Local: local}}}
	a.Read.Service = law.Constant(int64(engine.Millisecond))
	a.Workers = scenario.Workers{CPUs: []int{3}, Queue: 10, Drop: true}
	a.Locks = scenario.Locks{Every: 5 * engine.Millisecond, For: engine.Millisecond, CPU: 1}
	sc.Apps = []scenario.App{a}
	c := traffic.DefaultConfig()
	c.To, c.Src, c.Dst, c.MilliPPS = "eth0", sender, local, 20_000_000
	c.Size = law.Constant(128)
	sc.Traffic = []traffic.Config{c}
	res, err := Run(t.Context(), &sc, Options{})
	require.NoError(t, err)
	p := res.Programs[0]
	require.Equal(t, "slow", p.App)
	require.InDelta(t, 19, float64(p.Handled), 2)
	require.Greater(t, p.Dropped, uint64(300))
	require.EqualValues(t, p.Handled, p.Done.Hist.N)
	require.EqualValues(t, 3, p.Locked)
	require.Len(t, res.Warnings, 1)
	require.Contains(t, res.Warnings[0], "slow lost")
}

// UM-8: packet sockets have no such account of pages.
func TestUM8Taps(t *testing.T) {
	h := hostOf(t, func(c *Config) { c.NICs[0].Taps = []scenario.Tap{{RcvBuf: 1 << 20, PerPacket: engine.Second}} })
	send(t, h, h.UDPFrame(sender, local, 100), 50)
	require.Zero(t, h.Snapshot().UDPMemPages)
}

// The column MemErrors is there in kernels that have it.
func TestMemErrorsColumn(t *testing.T) {
	for name, want := range map[string]bool{"linux-4.0": false, "linux-6.1": true, "linux-6.18": true} {
		h := hostOf(t, func(c *Config) { c.Kernel = must(kernel.ProfileNamed(name)) })
		s := h.Snapshot()
		_, ok := procfs.Counters(&s.Snapshot).Sum("proc/net/snmp", "Udp.MemErrors")
		require.Equal(t, want, ok, name)
	}
}

// TestIncomingCPU shards a port by CPU, as servers do: a SO_REUSEPORT socket for each
// CPU that receives, with its SO_INCOMING_CPU, gets what that CPU processes, and
// under 4.0, where it cannot be set, what the flow's hash says.
func TestIncomingCPU(t *testing.T) {
	for _, k := range []kernel.Profile{kernel.Linux40(), kernel.Linux61(), kernel.Linux618()} {
		cfg := Linux40()
		cfg.Kernel, cfg.CPUs = k, 2
		n := DefaultNIC("eth0")
		n.Combined, n.UDPPortHash, n.Affinity = 2, true, map[string][]int{"TxRx-0": {0}, "TxRx-1": {1}}
		cfg.NICs = []scenario.NIC{n}
		h, err := NewHost(cfg)
		require.NoError(t, err)
		var socks [2]*Socket
		for cpu := range socks {
			socks[cpu], err = h.Bind(socket.Config{Local: local, ReusePort: true, IncomingCPU: cpu + 1})
			require.NoError(t, err)
		}
		for p := range uint16(100) {
			h.Inject(h.UDPFrame(netip.AddrPortFrom(sender.Addr(), 2000+p), local, 100))
			h.Advance(time.Millisecond)
		}
		apart := true
		for cpu, s := range socks {
			n := s.Queued()
			require.Greater(t, n, 10, k.Name)
			apart = apart && uint64(n) == h.Snapshot().CPUs[cpu].Softnet.Processed
		}
		require.Equal(t, k.IncomingCPU, apart, k.Name)
		require.Equal(t, map[bool]int{true: 1, false: -1}[k.IncomingCPU], socks[1].IncomingCPU())
		require.NoError(t, h.CheckLedger())
	}
}
