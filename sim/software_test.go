package sim

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// Two namespaces: the host's own with veth0, and tx, from which processes send.
var (
	vethAddr  = netip.MustParseAddrPort("10.77.0.2:5000")
	vethPeer  = netip.MustParseAddrPort("10.77.0.1:40000")
	loAddr    = netip.MustParseAddrPort("127.0.0.1:5000")
	vethMAC   = skb.MAC{2, 0, 0, 0, 0, 2}
	anySocket = socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:5000"), RcvBufForce: 1 << 24}
)

// softHost returns a machine without NIC: with lo, and a pair of veth devices.
func softHost(t *testing.T, prepare ...func(*Config)) *Host {
	cfg := Linux40()
	cfg.NICs, cfg.CPUs, cfg.Senders = nil, 2, []int{0, 1}
	cfg.Veths = []scenario.Veth{{
		{Name: "veth0", MTU: 1500, Addr: 0x0a4d0002, PrefixLen: 24, VethConfig: nic.VethConfig{MAC: vethMAC}},
		{Name: "veth1", Namespace: "tx", MTU: 1500, Addr: 0x0a4d0001, PrefixLen: 24, VethConfig: nic.VethConfig{MAC: [6]byte{2, 0, 0, 0, 0, 1}}},
	}}
	for _, p := range prepare {
		p(&cfg)
	}
	h, err := NewHost(cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, h.CheckLedger())
		h.Close()
	})
	return h
}

func bindAny(t *testing.T, h *Host) *Socket {
	s, err := h.Bind(anySocket)
	require.NoError(t, err)
	return s
}

// process returns a process of a namespace, on CPU 0.
func process(t *testing.T, h *Host, namespace, local string) *Sender {
	p, err := h.NewSender(SenderConfig{Name: "sender", Namespace: namespace, Local: netip.MustParseAddrPort(local)})
	require.NoError(t, err)
	return p
}

func idle(t *testing.T, h *Host) { require.True(t, h.RunUntilIdle(engine.Second)) }

func link(t *testing.T, h *Host, namespace, device string) mib.Link {
	l, ok := h.Link(namespace, device)
	require.True(t, ok)
	return l
}

// RPS-18: what is sent over lo passes the backlog of the sender's CPU, and is
// received in the sender's own time: nothing wakes ksoftirqd.
func TestRPS18Loopback(t *testing.T) {
	h := softHost(t)
	s, p := bindAny(t, h), process(t, h, "", "127.0.0.1:40000")
	for range 3 {
		require.NoError(t, p.Send(loAddr, 100))
	}
	idle(t, h)
	require.Equal(t, 3, s.Queued())
	require.EqualValues(t, 3, p.Sent())
	n := h.Snapshot()
	require.Equal(t, mib.Softnet{Processed: 3}, n.CPUs[0].Softnet)
	require.Equal(t, mib.Softnet{}, n.CPUs[1].Softnet)
	require.EqualValues(t, 3, n.CPUs[0].Softirqs[mib.SoftirqNetRX], "one run a send: at the end of its BH-disabled section")
	require.Zero(t, n.CPUs[0].KsoftirqdWakeups)
	require.Equal(t, mib.Link{RXPackets: 3, RXBytes: 3 * 128, TXPackets: 3, TXBytes: 3 * 128}, link(t, h, "", "lo"), "without Ethernet headers")
	require.EqualValues(t, 3, n.Net.UDP.OutDatagrams)
	require.EqualValues(t, 3*128, n.Net.IPExt.OutOctets)
	require.EqualValues(t, 3, n.Net.IP.InDelivers)
}

// 6.18/7.2: a veth without GRO gives the packet to the backlog of the sender's
// CPU, with its truesize; what that refuses counts in rx_dropped of the
// receiving end, in tx_dropped of the sending one, and in neither's packets.
func Test618_7_2VethBacklog(t *testing.T) {
	h := softHost(t, func(c *Config) { c.Kernel, c.Softirq.NetdevMaxBacklog = kernel.Linux618(), 10 })
	s, p := bindAny(t, h), process(t, h, "tx", "10.77.0.1:40000")
	require.NoError(t, p.SendSegments(vethAddr, 64*100, 100))
	idle(t, h)
	require.Equal(t, 11, s.Queued())
	require.Equal(t, 11*(832+100), s.MemInfo().RmemAlloc, "head and page fragment of each")
	rx, tx := h.Snapshot().Devices[1].Link, link(t, h, "tx", "veth1")
	require.Equal(t, mib.Link{RXPackets: 11, RXBytes: 11 * 142, RXDropped: 53}, rx)
	require.Equal(t, mib.Link{TXPackets: 11, TXBytes: 11 * 142, TXDropped: 53}, tx)
	require.EqualValues(t, 53, h.Snapshot().CPUs[0].Softnet.Dropped)
	require.EqualValues(t, 11, h.Snapshot().Net.IP.InReceives)
	out, ok := h.Namespace("tx")
	require.True(t, ok)
	require.Zero(t, out.IP.InReceives, "the counters of the other namespace are its own")
	require.EqualValues(t, 1, out.UDP.OutDatagrams, "one call")
}

// 6.18/7.3: with GRO, and TSO off at the other end, packets wait in a ring of 256
// for the device's own NAPI instance. A full ring shows at the sender only.
func Test618_7_3VethRing(t *testing.T) {
	ring := func(c *Config) {
		c.Kernel, c.Veths[0][0].GRO = kernel.Linux618(), true
		c.Veths[0][1].Mirror = []string{"veth1", "veth1", "veth1", "veth1", "veth1", "veth1", "veth1"}
	}
	h := softHost(t, ring)
	s, p := bindAny(t, h), process(t, h, "tx", "10.77.0.1:40000")
	require.NoError(t, p.SendSegments(vethAddr, 64*100, 100))
	idle(t, h)
	require.Equal(t, 256, s.Queued())
	require.Equal(t, mib.Link{RXPackets: 256, RXBytes: 256 * 128}, h.Snapshot().Devices[1].Link, "polled: without Ethernet headers")
	require.Equal(t, mib.Link{TXPackets: 256, TXBytes: 256 * 128, TXDropped: 512 - 256}, link(t, h, "tx", "veth1"))
	require.Equal(t, mib.Softnet{Processed: 256}, h.Snapshot().CPUs[0].Softnet)
	require.EqualValues(t, 256, h.Ledger().Dropped[skb.FullRing])

	h = softHost(t, ring, func(c *Config) { c.Veths[0][1].TSO = true })
	s, p = bindAny(t, h), process(t, h, "tx", "10.77.0.1:40000")
	require.NoError(t, p.SendSegments(vethAddr, 64*100, 100))
	idle(t, h)
	require.Equal(t, 512, s.Queued(), "with TSO nothing could be merged: the backlog takes it")
}

// Truesizes by who allocates: the recorded tables of 6.18.
func Test618_1_10Overheads(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(*Config)
		send    func(*testing.T, *Host, int)
		first   map[int]int // truesize by payload, around the ends of classes
	}{
		"6.18/1.10 socket over lo": {func(*Config) {}, func(t *testing.T, h *Host, n int) {
			require.NoError(t, process(t, h, "", "127.0.0.1:40000").Send(loAddr, n))
		}, map[int]int{0: 832, 197: 832, 198: 1280, 645: 1280, 646: 2304, 1669: 2304, 1670: 4352, 16004: 16640, 16005: 16837, 65507: 66339}},
		"6.18/1.10 socket over veth": {func(*Config) {}, func(t *testing.T, h *Host, n int) {
			require.NoError(t, process(t, h, "tx", "10.77.0.1:40000").Send(vethAddr, n))
		}, map[int]int{0: 832, 197: 832, 198: 1280, 1472: 2304, 1473: 2304, 1684: 2304, 1685: 3584, 4000: 6912, 8000: 12800, 65507: 102656}},
		"6.18/1.10 packet socket": {func(*Config) {}, func(t *testing.T, h *Host, n int) {
			require.NoError(t, process(t, h, "tx", "10.77.0.1:40000").SendFrame("veth1", bareFrame(n)))
		}, map[int]int{0: 832, 198: 832, 199: 1280, 646: 1280, 647: 2304}},
		"6.18/1.10 tap": {func(c *Config) { tapOnly(c, false) }, writeTap, map[int]int{0: 832, 150: 832, 151: 1280, 598: 1280, 599: 2304}},
		"6.18/1.10 tap with IFF_NAPI": {func(c *Config) { tapOnly(c, true) }, writeTap,
			map[int]int{0: 832, 150: 832, 151: 1280}},
	} {
		t.Run(name, func(t *testing.T) {
			for payload, want := range tt.first {
				h := softHost(t, func(c *Config) { c.Kernel = kernel.Linux618() }, tt.prepare)
				s := bindAny(t, h)
				tt.send(t, h, payload)
				idle(t, h)
				require.Equal(t, 1, s.Queued(), "payload %d", payload)
				require.Equal(t, want, s.MemInfo().RmemAlloc, "payload %d", payload)
			}
		})
	}
}

func bareFrame(payload int) skb.Frame {
	f := skb.NewUDP(vethMAC, vethPeer, vethAddr, payload)
	f.Len = uint32(skb.EthHeader + skb.IPHeader + skb.UDPHeader + payload)
	return f
}

func tapOnly(c *Config, napi bool) {
	c.Veths = nil
	c.Tuns = []scenario.Tun{{Name: "tap0", MTU: 1500, Addr: 0x0a4d0002, PrefixLen: 24, TunConfig: nic.TunConfig{MAC: vethMAC, NAPI: napi}}}
}

func writeTap(t *testing.T, h *Host, payload int) {
	require.NoError(t, process(t, h, "", "0.0.0.0:40000").SendFrame("tap0", bareFrame(payload)))
}

// A tap device receives at once, or by its NAPI instance, or, in old kernels,
// through the backlog; its statistics count whole frames in any case.
func TestTun(t *testing.T) {
	for name, tt := range map[string]struct {
		kernel kernel.Profile
		napi   bool
	}{"backlog": {kernel.Linux40(), false}, "at once": {kernel.Linux618(), false}, "NAPI": {kernel.Linux618(), true}} {
		t.Run(name, func(t *testing.T) {
			h := softHost(t, func(c *Config) {
				tapOnly(c, tt.napi)
				c.Kernel = tt.kernel
				c.Softirq.NetdevMaxBacklog = 0
			})
			s := bindAny(t, h)
			for range 3 {
				writeTap(t, h, 100)
			}
			idle(t, h)
			require.Equal(t, 3, s.Queued())
			require.Equal(t, mib.Link{RXPackets: 3, RXBytes: 3 * 142}, link(t, h, "", "tap0"))
			runs := h.Snapshot().CPUs[0].Softirqs[mib.SoftirqNetRX]
			require.Equal(t, name != "at once", runs > 0, "NET_RX ran %d times", runs)
		})
	}
}

// 6.18/1.9: what UDP_SEGMENT makes crosses a veth that can cut it as one packet:
// IP counts one, ECN each datagram, a plain socket gets them all, one with
// UDP_GRO the whole.
func Test618_1_9SuperPacket(t *testing.T) {
	for name, tt := range map[string]struct {
		gro             bool
		queued, charged int
	}{
		"6.18/1.9.4 plain socket":   {false, 10, 10 * (832 + 100)},
		"6.18/1.9.3 UDP_GRO socket": {true, 1, 832 + 1000},
	} {
		t.Run(name, func(t *testing.T) {
			h := softHost(t, func(c *Config) { c.Kernel, c.Veths[0][1].USO = kernel.Linux618(), true })
			s, p := bindAny(t, h), process(t, h, "tx", "10.77.0.1:40000")
			s.SetGRO(tt.gro)
			require.NoError(t, p.SendSegments(vethAddr, 1000, 100))
			idle(t, h)
			n := h.Snapshot().Net
			require.EqualValues(t, 1, n.IP.InReceives)
			require.EqualValues(t, 1, n.IP.InDelivers)
			require.EqualValues(t, 10, n.IPExt.InNoECTPkts)
			require.EqualValues(t, 1028, n.IPExt.InOctets)
			require.Equal(t, tt.queued, s.Queued())
			require.Equal(t, tt.charged, s.MemInfo().RmemAlloc)
		})
	}
}

// Nobody on the port: the ICMP error goes back over the veth, and the sender's
// namespace receives it on the same CPU.
func TestUR11ErrorsGoBack(t *testing.T) {
	h := softHost(t, func(c *Config) { c.Kernel, c.IP.ICMPRatemask = kernel.Linux618(), 0 })
	p := process(t, h, "tx", "10.77.0.1:40000")
	for range 3 {
		require.NoError(t, p.Send(vethAddr, 100))
	}
	idle(t, h)
	n := h.Snapshot()
	require.EqualValues(t, 3, n.Net.UDP.NoPorts)
	require.EqualValues(t, 3, n.Net.ICMP.OutDestUnreachs)
	require.EqualValues(t, 6, n.CPUs[0].Softnet.Processed)
	require.EqualValues(t, 3, n.Devices[1].Link.TXPackets)
	require.EqualValues(t, 3*170, n.Devices[1].Link.TXBytes)
	back, _ := h.Namespace("tx")
	require.EqualValues(t, 3, back.ICMP.InDestUnreachs)
	require.EqualValues(t, 3, back.IP.InDelivers)
}

// What cannot be sent is refused, with what was expected.
func TestSenderRefuses(t *testing.T) {
	h := softHost(t)
	for _, cfg := range []SenderConfig{
		{CPU: 2, Local: vethPeer}, {CPU: -1, Local: vethPeer}, {Namespace: "nowhere", Local: vethPeer}, {},
		{Local: netip.MustParseAddrPort("[::1]:5")},
	} {
		_, err := h.NewSender(cfg)
		require.Error(t, err)
	}
	p := process(t, h, "tx", "10.77.0.1:40000")
	require.Error(t, p.Send(netip.MustParseAddrPort("10.77.0.2:0"), 1))
	require.Error(t, p.Send(vethAddr, 65508))
	require.Error(t, p.Send(vethAddr, -1))
	require.Error(t, p.SendSegments(vethAddr, 10, -1))
	require.Error(t, p.SendFrame("veth9", skb.Frame{}))
	for _, spoil := range []func(*Config){
		func(c *Config) { c.Senders = []int{7} },
		func(c *Config) { c.Veths[0][0].Name = "lo" },
		func(c *Config) { c.Veths[0][0].MTU = 67 },
		func(c *Config) { c.Veths[0][0].RPS = []int{2} },
		func(c *Config) { c.Veths[0][1].Namespace, c.Veths[0][1].Name = "", "veth0" },
		func(c *Config) { c.Veths[0][0].Mirror = []string{"veth9"} },
		func(c *Config) { c.Tuns = []scenario.Tun{{Name: "veth0", MTU: 1500}} },
	} {
		cfg := Linux40()
		cfg.NICs, cfg.CPUs = nil, 2
		cfg.Veths = []scenario.Veth{{{Name: "veth0", MTU: 1500}, {Name: "veth1", Namespace: "tx", MTU: 1500}}}
		spoil(&cfg)
		_, err := NewHost(cfg)
		require.Error(t, err)
	}
}
