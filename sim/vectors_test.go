package sim

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// The test vectors of the specification, section 13, through a whole host. V2,
// V3, V4, V13 and V16 need what no host can be told, such as a truesize: they
// stand with package socket and package udp. V10 (filters), V12 (MSG_PEEK),
// V14 (reassembly) and V15 (SO_RXQ_OVFL) are not modelled.

var (
	vectorGroup = netip.MustParseAddr("239.1.0.1")
	vectorDst   = netip.AddrPortFrom(vectorGroup, 5001)
	anyAddr     = netip.AddrPortFrom(netip.IPv4Unspecified(), 5001)
)

// hostOf returns a Linux 4.0 machine, changed as told.
func hostOf(t *testing.T, change ...func(*Config)) *Host {
	t.Helper()
	cfg := Linux40()
	for _, f := range change {
		f(&cfg)
	}
	h, err := NewHost(cfg)
	require.NoError(t, err)
	t.Cleanup(h.Close)
	return h
}

func bindTo(t *testing.T, h *Host, cfg socket.Config) *Socket {
	t.Helper()
	s, err := h.Bind(cfg)
	require.NoError(t, err)
	return s
}

// member is a socket that joined the vectors' group and may share its port.
func member() socket.Config {
	return socket.Config{Local: anyAddr, ReuseAddr: true, Join: []socket.Join{{Group: vectorGroup}}}
}

// send injects n frames and lets them arrive; it returns what the counters moved.
func send(t *testing.T, h *Host, f skb.Frame, n int) Snapshot {
	t.Helper()
	before := h.Snapshot()
	for range n {
		h.Inject(f)
	}
	h.Advance(10 * time.Millisecond)
	require.NoError(t, h.CheckLedger())
	return h.Snapshot().Sub(before)
}

// lost returns what the ledger lost, by reason.
func lost(s Snapshot) map[skb.DropReason]uint64 {
	out := map[skb.DropReason]uint64{}
	for r, n := range s.Ledger.Dropped {
		if n > 0 {
			out[skb.DropReason(r)] = n
		}
	}
	return out
}

// V1, 12.29: the row of /proc/net/udp says 00034100 and 62 drops.
func TestV1InProc(t *testing.T) {
	h := hostOf(t)
	bindTo(t, h, socket.Config{Local: local})
	send(t, h, h.UDPFrame(sender, local, 100), 300)
	rows := h.Snapshot().Sockets
	require.Equal(t, "00034100", fmt.Sprintf("%08X", rows[0].RxQueue))
	require.EqualValues(t, 62, rows[0].Drops)
}

// V5, 12.3, 12.14, FS-4: one multicast datagram for 33 listeners, the newest of
// them full: it loses its copy, the others do not.
func TestV5OneFullListener(t *testing.T) {
	h := hostOf(t)
	var socks []*Socket
	for i := range 33 {
		c := member()
		if i == 32 {
			c.RcvBuf = 1000
		}
		socks = append(socks, bindTo(t, h, c))
	}
	newest := socks[32]
	fill := send(t, h, h.UDPFrame(sender, local, 100), 3) // unicast goes to the newest
	require.Equal(t, 3, newest.Queued())
	require.Zero(t, fill.Net.UDP.InErrors)

	d := send(t, h, h.UDPFrame(sender, vectorDst, 100), 1)
	require.Empty(t, cmp.Diff(mib.Net{
		IP:    mib.IP{InReceives: 1, InDelivers: 1},
		IPExt: mib.IPExt{InOctets: 128, InNoECTPkts: 1, InMcastPkts: 1, InMcastOctets: 128},
		UDP:   mib.UDP{RcvbufErrors: 1, InErrors: 1},
	}, d.Net))
	require.EqualValues(t, 32, h.udp.Stats.ClonesLocked, "the dropped one among them")
	require.Zero(t, h.udp.Stats.ClonesUnlocked)
	require.EqualValues(t, 3+1, h.udp.Stats.Originals)
	require.EqualValues(t, 1, newest.Drops())
	for i, s := range socks[:32] {
		require.Equal(t, 1, s.Queued(), "socket %d", i)
		require.Zero(t, s.Drops())
	}
	require.Equal(t, map[skb.DropReason]uint64{skb.SocketRcvbuff: 1}, lost(d))
}

// 12.36, RX-28, TS-9: every listener is charged the full truesize.
func TestFanoutChargesAll(t *testing.T) {
	h := hostOf(t)
	for range 65 {
		bindTo(t, h, member())
	}
	send(t, h, h.UDPFrame(sender, vectorDst, 1472), 1)
	total := 0
	for _, r := range h.Snapshot().Sockets {
		total += r.RxQueue
	}
	require.Equal(t, 191_360, total)
}

// V6, 12.18: frames of a group that nobody joined, let through by the NIC, show
// in InReceives, InOctets and InNoECTPkts.
func TestV6NotJoined(t *testing.T) {
	h := hostOf(t, func(c *Config) { c.NICs[0].Promisc = true })
	d := send(t, h, h.UDPFrame(sender, vectorDst, 100), 100)
	require.Empty(t, cmp.Diff(mib.Net{
		IP:    mib.IP{InReceives: 100},
		IPExt: mib.IPExt{InOctets: 12800, InNoECTPkts: 100},
	}, d.Net))
	require.Equal(t, map[skb.DropReason]uint64{skb.IPInvalidDest: 100}, lost(d))
}

// V7, 12.19: the group is joined, the port has no listener.
func TestV7NoListener(t *testing.T) {
	h := hostOf(t)
	c := member()
	c.Local = netip.AddrPortFrom(netip.IPv4Unspecified(), 6000)
	bindTo(t, h, c)
	d := send(t, h, h.UDPFrame(sender, vectorDst, 100), 100)
	require.Empty(t, cmp.Diff(mib.Net{
		IP:    mib.IP{InReceives: 100, InDelivers: 100},
		IPExt: mib.IPExt{InOctets: 12800, InNoECTPkts: 100, InMcastPkts: 100, InMcastOctets: 12800},
		UDP:   mib.UDP{IgnoredMulti: 100},
	}, d.Net))
	require.Equal(t, map[skb.DropReason]uint64{skb.IgnoredMulti: 100}, lost(d))
}

// V8, UR-13: 20 datagrams to a closed port within a millisecond: six messages.
func TestV8ClosedPort(t *testing.T) {
	h := hostOf(t)
	d := send(t, h, h.UDPFrame(sender, local, 100), 20)
	require.Empty(t, cmp.Diff(mib.Net{
		IP:    mib.IP{InReceives: 20, InDelivers: 20, OutRequests: 6},
		IPExt: mib.IPExt{InOctets: 20 * 128, InNoECTPkts: 20, OutOctets: 6 * (20 + 8 + 128)},
		ICMP:  mib.ICMP{OutMsgs: 6, OutDestUnreachs: 6},
		UDP:   mib.UDP{NoPorts: 20},
	}, d.Net))
}

// V9, CS-1 to CS-3, 12.24: a bad UDP checksum that the device did not verify.
func TestV9BadChecksum(t *testing.T) {
	onReceive := mib.UDP{InErrors: 1, InCsumErrors: 1}
	for name, tc := range map[string]struct {
		gro     bool
		payload int
		queued  int
		before  mib.UDP // before anybody reads
		after   mib.UDP
	}{
		"V9 GRO off":                       {payload: 100, queued: 3, after: mib.UDP{InErrors: 3, InCsumErrors: 3}},
		"V9 GRO on":                        {gro: true, payload: 100, before: onReceive, after: onReceive},
		"SUR-24 GRO off, payload 68, L 76": {payload: 68, before: onReceive, after: onReceive},
		"SUR-24 GRO off, payload 69, L 77": {payload: 69, queued: 3, after: mib.UDP{InErrors: 3, InCsumErrors: 3}},
		"V9 GRO off, payload 50":           {payload: 50, before: onReceive, after: onReceive},
		"GRO on, padded frame":             {gro: true, payload: 10, before: onReceive, after: onReceive},
	} {
		t.Run(name, func(t *testing.T) {
			h := hostOf(t, func(c *Config) { c.NICs[0].GRO, c.NICs[0].RXChecksum = tc.gro, false })
			var socks []*Socket
			for range 3 {
				socks = append(socks, bindTo(t, h, member()))
			}
			f := h.UDPFrame(sender, vectorDst, tc.payload)
			f.Head.UDPChecksum = skb.ChecksumBad
			d := send(t, h, f, 1)
			require.Equal(t, tc.before, d.Net.UDP)
			for _, s := range socks {
				require.Equal(t, tc.queued > 0, s.Queued() == 1)
				require.Zero(t, s.Drops())
				_, err := s.Recv()
				require.ErrorIs(t, err, socket.ErrAgain)
			}
			require.Equal(t, tc.after, h.Snapshot().Net.UDP)
			for _, s := range socks {
				require.Equal(t, tc.queued > 0, s.Drops() == 1)
			}
			require.Zero(t, ethtoolLine(h, "rx_csum_offload_errors"), "ODD-14")
			require.NoError(t, h.CheckLedger())
		})
	}
}

// CS-2, SUR-42: with a filter, every listener verifies for itself what nobody has
// verified, so a bad checksum is counted, and its time spent, once for each.
func TestSUR42FiltersVerify(t *testing.T) {
	const sum = engine.Microsecond
	for name, tc := range map[string]struct {
		bad      bool
		verified bool
		sums     int64
		want     mib.UDP
	}{
		"CS-2 bad":                 {bad: true, sums: 3, want: mib.UDP{InErrors: 3, InCsumErrors: 3}},
		"SUR-42 good":              {sums: 3},
		"CS-1 verified by the NIC": {verified: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := hostOf(t, func(c *Config) {
				c.Costs = kernel.Costs{Checksum: kernel.Cost{Fixed: sum}}
				c.NICs[0].GRO, c.NICs[0].RXChecksum = false, tc.verified
			})
			var socks []*Socket
			for range 3 {
				s := bindTo(t, h, member())
				s.SetFilter(func(_ *skb.Header, n uint32) uint32 { return n })
				socks = append(socks, s)
			}
			f := h.UDPFrame(sender, vectorDst, 100)
			if tc.bad {
				f.Head.UDPChecksum = skb.ChecksumBad
			}
			d := send(t, h, f, 1)
			require.Empty(t, cmp.Diff(tc.want, d.Net.UDP))
			require.Equal(t, tc.sums*int64(sum), d.CPUs[0].Time.Softirq)
			for _, s := range socks {
				require.Equal(t, tc.want.InErrors/3, s.Drops())
			}
		})
	}
}

// ethtoolLine returns a line of `ethtool -S eth0`.
func ethtoolLine(h *Host, name string) uint64 {
	for _, s := range h.Snapshot().Devices[1].Stats {
		if s.Name == name {
			return s.Value
		}
	}
	panic(name)
}

// V9: the same with readers that block: each finds it for itself.
func TestV9BlockingReaders(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.NICs[0].GRO, c.NICs[0].RXChecksum = false, false
		for i := range 3 {
			c.Apps = append(c.Apps, scenario.App{Name: fmt.Sprint("app", i), CPUs: []int{i}, Sockets: []socket.Config{member()}})
		}
	})
	h.Advance(time.Millisecond)
	f := h.UDPFrame(sender, vectorDst, 100)
	f.Head.UDPChecksum = skb.ChecksumBad
	send(t, h, f, 1)
	d := h.Snapshot()
	require.Equal(t, mib.UDP{InErrors: 3, InCsumErrors: 3}, d.Net.UDP)
	for _, r := range d.Sockets {
		require.EqualValues(t, 1, r.Drops)
		require.Zero(t, r.RxQueue)
	}
	h.Inject(h.UDPFrame(sender, vectorDst, 100))
	h.Advance(time.Millisecond)
	require.EqualValues(t, 3, h.Snapshot().Net.UDP.InDatagrams, "they wait for the next one")
}

// V11: udp_mem 10 20 30.
func TestV11UDPMem(t *testing.T) {
	h := hostOf(t, func(c *Config) { c.Limits.UDPMem = [3]int{10, 20, 30} })
	other := netip.AddrPortFrom(local.Addr(), 5002)
	a, b := bindTo(t, h, socket.Config{Local: local}), bindTo(t, h, socket.Config{Local: other})
	d := send(t, h, h.UDPFrame(sender, local, 300), 20)
	require.Equal(t, mib.UDP{InErrors: 7}, d.Net.UDP)
	require.Equal(t, 13, a.Queued())
	require.EqualValues(t, 7, a.Drops())
	require.Equal(t, 10, h.Snapshot().UDPMemPages)
	require.Equal(t, map[skb.DropReason]uint64{skb.ProtoMem: 7}, lost(d))
	d = send(t, h, h.UDPFrame(sender, other, 300), 5)
	require.Equal(t, mib.UDP{InErrors: 3}, d.Net.UDP)
	require.Equal(t, 2, b.Queued())
	require.Equal(t, 12, h.Snapshot().UDPMemPages)
}

// V17, ED-5 to ED-7, MC-4, 12.16, 12.41: one listener: one look-up for 1000 datagrams,
// no clones, no fan-out; any process that joins a new group costs one more. The
// only cost is that of a look-up, so the softirq's time counts them.
func TestV17OneLookup(t *testing.T) {
	h := hostOf(t, func(c *Config) {
		c.Costs = kernel.Costs{Route: kernel.Cost{Fixed: engine.Microsecond}}
		c.NICs[0].RXUsecs = 0
	})
	bindTo(t, h, member())
	spent := int64(0)
	lookups := func(n int) int64 {
		send(t, h, h.UDPFrame(sender, vectorDst, 10), n)
		total := int64(0)
		for _, c := range h.Snapshot().CPUs {
			total += c.Time.Softirq
		}
		n0 := spent
		spent = total
		return (total - n0) / int64(engine.Microsecond)
	}
	require.EqualValues(t, 1, lookups(1000))
	require.EqualValues(t, 999, h.udp.Stats.DemuxHits-1)
	require.EqualValues(t, 1000, h.udp.Stats.Originals)
	require.Zero(t, h.Ledger().Clones)
	require.EqualValues(t, 0, lookups(100))

	stranger := bindTo(t, h, socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:7000")})
	require.NoError(t, stranger.Join(netip.MustParseAddr("239.7.7.7"), ""))
	require.EqualValues(t, 1, lookups(100), "ED-6: the first join of any group")
	second := bindTo(t, h, socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:7001")})
	require.NoError(t, second.Join(netip.MustParseAddr("239.7.7.7"), ""))
	require.EqualValues(t, 0, lookups(100), "not the second")
	second.Close()
	require.EqualValues(t, 0, lookups(100))
	stranger.Close()
	require.EqualValues(t, 1, lookups(100), "and the last leave")

	bindTo(t, h, member())
	require.EqualValues(t, 100, lookups(100), "12.16: a second listener brings them all back")
}

// ED-8: while the cached route stands, a group that the host has not joined is
// delivered to the only socket, and counted as multicast.
func TestED8CachedRoute(t *testing.T) {
	h := hostOf(t, func(c *Config) { c.NICs[0].Promisc = true })
	s := bindTo(t, h, member())
	foreign := h.UDPFrame(sender, netip.MustParseAddrPort("239.99.0.1:5001"), 100)
	d := send(t, h, foreign, 1)
	require.Zero(t, d.Net.IP.InDelivers, "no route is cached yet")
	send(t, h, h.UDPFrame(sender, vectorDst, 100), 1)
	d = send(t, h, foreign, 1)
	require.EqualValues(t, 1, d.Net.IP.InDelivers)
	require.EqualValues(t, 1, d.Net.IPExt.InMcastPkts)
	require.Equal(t, 2, s.Queued())
}

// V18, 12.28, GM-4: closing with 50 queued moves no counter.
func TestV18Close(t *testing.T) {
	h := hostOf(t)
	s := bindTo(t, h, socket.Config{Local: local, RcvBuf: 50 * 896 / 2})
	send(t, h, h.UDPFrame(sender, local, 100), 60)
	require.Equal(t, 50, s.Queued())
	before := h.Snapshot()
	s.Close()
	after := h.Snapshot()
	require.Empty(t, cmp.Diff(before.Net, after.Net))
	require.Equal(t, map[skb.DropReason]uint64{skb.SocketClosed: 50}, lost(after.Sub(before)))
	require.Zero(t, after.UDPMemPages)
	require.Empty(t, after.Sockets)
	require.NoError(t, h.CheckLedger())
	d := send(t, h, h.UDPFrame(sender, local, 100), 1)
	require.EqualValues(t, 1, d.Net.UDP.NoPorts)
}

// V3, V4 through a host: OW-2, OW-3: the socket owned by a sleeping setsockopt.
func TestV3Locked(t *testing.T) {
	h := hostOf(t)
	s := bindTo(t, h, socket.Config{Local: local})
	s.Lock()
	d := send(t, h, h.UDPFrame(sender, local, 100), 300)
	require.Equal(t, mib.UDP{RcvbufErrors: 62, InErrors: 62}, d.Net.UDP)
	row := h.Snapshot().Sockets[0]
	require.Equal(t, [2]int{0, 213248}, [2]int{row.RxQueue, row.Backlog})
	s.Release()
	row = h.Snapshot().Sockets[0]
	require.Equal(t, [2]int{213248, 0}, [2]int{row.RxQueue, row.Backlog})
	require.Equal(t, 238, s.Queued())
	require.NoError(t, h.CheckLedger())
}

// Table 7.3 through a host, for the rows of ixgbe: how many datagrams fit.
func TestCapacities(t *testing.T) {
	for _, tc := range []struct{ payload, rcvbuf, want int }{
		{1, 1000, 3}, {1, 0, 238}, {1, 212992, 476}, {100, 0, 238}, {214, 0, 238}, {215, 0, 73}, {300, 1000, 1}, {300, 0, 73}, {300, 212992, 145},
		{1472, 1000, 1}, {1472, 0, 73}, {1472, 212992, 145},
	} {
		h := hostOf(t)
		s := bindTo(t, h, socket.Config{Local: local, RcvBuf: tc.rcvbuf})
		send(t, h, h.UDPFrame(sender, local, tc.payload), tc.want+20)
		require.Equal(t, tc.want, s.Queued(), "%+v", tc)
		require.EqualValues(t, 20, s.Drops(), "%+v", tc)
	}
}

// ODD-1, NAPI-10, SIRQ-7, K310-4, K310-7: a second of a queue that its CPU
// cannot keep up with: 64 packets per run and no squeeze in 4.0; 320 and one
// squeeze per run in 3.10.
func TestODD1Saturated(t *testing.T) {
	for name, tc := range map[string]struct {
		kernel kernel.Profile
		perRun float64
		check  func(*testing.T, mib.CPU)
	}{
		"linux-4.0": {kernel.Linux40(), 64, func(t *testing.T, c mib.CPU) { require.Zero(t, c.Softnet.TimeSqueeze) }},
		"linux-3.10": {kernel.Linux310(), 320, func(t *testing.T, c mib.CPU) {
			require.InDelta(t, c.Softirqs[mib.SoftirqNetRX], c.Softnet.TimeSqueeze, 3)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := hostOf(t, func(c *Config) {
				c.Kernel = tc.kernel
				c.NICs[0].TXPause = false
			})
			bindTo(t, h, socket.Config{Local: local})
			f := h.UDPFrame(sender, local, 18)
			for range 40 { // 40 ms at line rate
				for range 14880 {
					h.Inject(f)
				}
				h.Advance(time.Millisecond)
			}
			c := h.Snapshot().CPUs[0]
			require.InDelta(t, tc.perRun, float64(c.Softnet.Processed)/float64(c.Softirqs[mib.SoftirqNetRX]), tc.perRun/50)
			require.Greater(t, c.Softnet.Processed, uint64(10_000))
			tc.check(t, c)
			require.NotZero(t, ethtoolLine(h, "rx_missed_errors"))
		})
	}
}

// MF-3: two CPUs deliver to the same listeners at once. Up to 32 of them nobody
// waits; with one more, the second CPU waits while the first serves 32 of them
// with the lock of the slot, and the wait is softirq time and latency.
func TestMF3TwoCPUs(t *testing.T) {
	run := func(listeners int) (working, slot, sockets, latest int64) {
		h := hostOf(t, func(c *Config) {
			c.NICs[0].Combined, c.NICs[0].UDPPortHash, c.NICs[0].RXUsecs = 2, true, 0
		})
		var socks []*Socket
		for range listeners {
			socks = append(socks, bindTo(t, h, member()))
		}
		var ports []uint16 // one for each queue
		for p := uint16(5000); len(ports) < 2; p++ {
			d := send(t, h, h.UDPFrame(netip.AddrPortFrom(sender.Addr(), p), local, 100), 1)
			if d.CPUs[len(ports)].Softnet.Processed == 1 {
				ports = append(ports, p)
			}
		}
		before, waited := h.Snapshot(), h.udp.Stats.SlotWaited
		start := h.Now()
		for _, p := range ports {
			h.Inject(h.UDPFrame(netip.AddrPortFrom(sender.Addr(), p), vectorDst, 100))
		}
		h.Advance(time.Millisecond)
		require.NoError(t, h.CheckLedger())
		d := h.Snapshot().Sub(before)
		for _, s := range socks {
			for s.Queued() > 0 {
				if got, err := s.Recv(); err == nil && got.To == vectorDst {
					latest = max(latest, int64(got.Queued-start))
				}
			}
		}
		slot = int64(h.udp.Stats.SlotWaited - waited)
		spun := d.CPUs[0].Time.Spinning + d.CPUs[1].Time.Spinning
		return d.CPUs[0].Time.Softirq + d.CPUs[1].Time.Softirq - spun, slot, spun - slot, latest
	}
	working32, slot32, socket32, latest32 := run(32)
	require.Zero(t, slot32)
	require.Positive(t, socket32, "without the slot's lock they meet at the lock of a socket")
	working33, slot33, socket33, latest33 := run(33)
	require.Zero(t, socket33, "the slot's lock keeps them apart")
	k := kernel.DefaultCosts()
	one := int64(k.Clone.Fixed + k.Enqueue.Fixed)
	require.InDelta(t, 32*one, slot33, float64(2*one), "the two packets are 100 ns apart")
	require.InDelta(t, 2*one, working33-working32, 1000, "the rest is the one listener more")
	require.InDelta(t, (slot33+one-socket32)/1000, latest33-latest32, 1, "in nanoseconds")
}
