package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

var (
	groFrom = netip.MustParseAddrPort("10.0.0.9:1000")
	groTo   = netip.MustParseAddrPort("10.0.0.2:7000")
)

// groHost returns a host with Linux 6.18 whose NIC gathers what comes within 100 us.
func groHost(t *testing.T, change func(*Config)) *Host {
	cfg := Linux40()
	cfg.Host = scenario.HostWith(kernel.Linux618())
	cfg.NICs[0].RXUsecs = 100
	if change != nil {
		change(&cfg)
	}
	h, err := NewHost(cfg)
	require.NoError(t, err)
	t.Cleanup(h.Close)
	h.Advance(time.Millisecond)
	return h
}

// groSocket opens a socket on port 7000.
func groSocket(t *testing.T, h *Host, gro bool, change func(*socket.Config)) *Socket {
	c := socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:7000"), GRO: gro, ReuseAddr: true, RcvBufForce: 1 << 20}
	if change != nil {
		change(&c)
	}
	s, err := h.Bind(c)
	require.NoError(t, err)
	return s
}

// burst sends n datagrams back to back, and lets them arrive.
func (h *Host) burst(to netip.AddrPort, payload, n int) {
	for range n {
		h.Inject(h.UDPFrame(groFrom, to, payload))
	}
	h.Advance(5 * time.Millisecond)
}

// 6.18/1.9.3: a NIC's datagrams of one poll pass IP and the socket as one, the
// device counts frames.
func Test618_1_9_3NIC(t *testing.T) {
	h := groHost(t, nil)
	s := groSocket(t, h, true, nil)
	before := h.Snapshot()
	h.burst(groTo, 100, 10)
	d := h.Snapshot().Sub(before)
	require.EqualValues(t, 10, d.Devices[1].Link.RXPackets)
	require.EqualValues(t, 1, d.Net.IP.InReceives)
	require.EqualValues(t, 1, d.Net.IP.InDelivers)
	require.EqualValues(t, 1028, d.Net.IPExt.InOctets)
	require.EqualValues(t, 10, d.Net.IPExt.InNoECTPkts)
	require.EqualValues(t, 1, d.CPUs[0].Softnet.Processed)
	require.Equal(t, 1, s.Queued())
	require.Equal(t, 2304+9*2048, s.MemInfo().RmemAlloc)
	require.EqualValues(t, 9, d.Ledger.Coalesced)
	require.NoError(t, h.CheckLedger())
	got, err := s.Recv()
	require.NoError(t, err)
	require.Equal(t, 1000, got.Len)
	d = h.Snapshot().Sub(before)
	require.EqualValues(t, 1, d.Net.UDP.InDatagrams)
	fall := h.Waterfall()
	require.Contains(t, fall.Frames, Row{Place: "GRO", Fate: Merged, N: 9})
}

// 6.18/1.9.3: a train that does not fit is lost as a whole, and counts once.
func Test618_1_9_3TrainLost(t *testing.T) {
	h := groHost(t, nil)
	s := groSocket(t, h, true, func(c *socket.Config) { c.RcvBufForce = 10_000 })
	before := h.Snapshot()
	h.burst(groTo, 20, 1)
	h.burst(groTo, 100, 10)
	h.burst(groTo, 20, 1)
	d := h.Snapshot().Sub(before)
	require.EqualValues(t, 1, d.Net.UDP.RcvbufErrors)
	require.EqualValues(t, 1, d.Net.UDP.InErrors)
	require.EqualValues(t, 1, s.Drops())
	require.Equal(t, 2, s.Queued())
	require.NoError(t, h.CheckLedger())
}

// 6.18/1.4.3: payloads of a train that fit into the tail room of its first head
// are copied there when the buffer is half full.
func Test618_1_4_3TrainCondensed(t *testing.T) {
	h := groHost(t, nil)
	s := groSocket(t, h, true, func(c *socket.Config) { c.RcvBufForce = 13_000 })
	for range 6 {
		h.burst(groTo, 20, 1)
	}
	h.burst(groTo, 20, 5) // 6 x 2304 is more than half of 26000
	require.Equal(t, 7*2304, s.MemInfo().RmemAlloc)
	h.burst(groTo, 400, 3) // 800 bytes fit behind 442, too
	require.Equal(t, 8*2304, s.MemInfo().RmemAlloc)
	h.burst(groTo, 1000, 2) // 1000 don't behind 1042
	require.Equal(t, 8*2304+2304+2048, s.MemInfo().RmemAlloc)
}

// 6.18/1.9.2: without UDP_GRO, or with GRO off, everything stays apart.
func Test618_1_9_2Apart(t *testing.T) {
	for name, tc := range map[string]struct {
		gro    bool
		change func(*Config)
	}{
		"6.18/1.9.2 plain socket":       {false, nil},
		"6.18/1.9.2 ethtool -K gro off": {true, func(c *Config) { c.NICs[0].GRO = false }},
		"6.18/1.9.1 linux-4.0":          {true, func(c *Config) { c.Kernel = kernel.Linux40() }},
		"6.18/1.9.3 no checksum":        {true, func(c *Config) { c.NICs[0].RXVLANOffload = false; c.NICs[0].VLANs = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			h := groHost(t, tc.change)
			s := groSocket(t, h, tc.gro, nil)
			if name == "6.18/1.9.3 no checksum" {
				for range 10 {
					f := h.UDPFrame(groFrom, groTo, 100)
					hd := *f.Head
					hd.UDPChecksum = skb.ChecksumZero
					f.Head = &hd
					h.Inject(f)
				}
				h.Advance(5 * time.Millisecond)
			} else {
				h.burst(groTo, 100, 10)
			}
			require.Equal(t, 10, s.Queued())
			require.Zero(t, h.Ledger().Coalesced)
		})
	}
}

// 6.18/1.9.3, 1.9.4: GRO asks whether the unicast look-up would find a socket with
// UDP_GRO; so a multicast is merged if the newest of its sockets has it. The others
// get it whole or cut, each segment with a head: the sizes were measured on 6.18.
func Test618_1_9_4Multicast(t *testing.T) {
	group := netip.MustParseAddrPort("239.1.1.1:7000")
	join := func(c *socket.Config) { c.Join = []socket.Join{{Group: group.Addr()}} }
	for name, tc := range map[string]struct {
		gro    [2]bool // the older socket, the newer one
		queued [2]int
		merged uint64
	}{
		"6.18/1.9.3 both":             {[2]bool{true, true}, [2]int{1, 1}, 4},
		"6.18/1.9.4 the newer one":    {[2]bool{false, true}, [2]int{5, 1}, 4},
		"6.18/1.9.2 the older one":    {[2]bool{true, false}, [2]int{5, 5}, 0},
		"6.18/1.9.2 none of the both": {[2]bool{false, false}, [2]int{5, 5}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := groHost(t, nil)
			older := groSocket(t, h, tc.gro[0], join)
			newer := groSocket(t, h, tc.gro[1], join)
			h.burst(group, 100, 5)
			require.Equal(t, tc.queued, [2]int{older.Queued(), newer.Queued()})
			require.Equal(t, tc.merged, h.Ledger().Coalesced)
			require.NoError(t, h.CheckLedger())
			switch tc.queued {
			case [2]int{5, 1}: // 192 + 42 + 100 bytes in a head of 1024, then 832 and a fragment each
				require.Equal(t, 1280+4*(832+100), older.MemInfo().RmemAlloc)
				require.Equal(t, 2304+4*2048, newer.MemInfo().RmemAlloc)
			case [2]int{5, 5}:
				require.Equal(t, 5*2304, older.MemInfo().RmemAlloc)
			}
		})
	}
}

// 6.18/1.9.1: with rx-gro-list a plain socket gets its datagrams as they came, but
// IP has seen one; with rx-udp-gro-forwarding a flow without socket is refused once.
func Test618_1_9_1Features(t *testing.T) {
	t.Run("6.18/1.9.1 rx-gro-list", func(t *testing.T) {
		h := groHost(t, func(c *Config) { c.NICs[0].GROFragList = true })
		s := groSocket(t, h, false, nil)
		h.burst(groTo, 100, 5)
		require.EqualValues(t, 1, h.Snapshot().Net.IP.InReceives)
		require.Equal(t, 5, s.Queued())
		require.Equal(t, 5*2304, s.MemInfo().RmemAlloc)
		require.NoError(t, h.CheckLedger())
	})
	t.Run("6.18/1.9.1 rx-udp-gro-forwarding", func(t *testing.T) {
		h := groHost(t, func(c *Config) { c.NICs[0].GROUDPForwarding = true })
		h.burst(groTo, 100, 5)
		require.EqualValues(t, 1, h.Snapshot().Net.UDP.NoPorts)
		require.EqualValues(t, 4, h.Ledger().Coalesced)
		groSocket(t, h, false, nil)
		h.burst(groTo, 100, 5)
		require.EqualValues(t, 8, h.Ledger().Coalesced, "nobody on the host has UDP_GRO: nobody looks for sockets")
		groSocket(t, h, true, func(c *socket.Config) { c.Local = netip.MustParseAddrPort("0.0.0.0:9") })
		h.burst(groTo, 100, 5)
		require.EqualValues(t, 8, h.Ledger().Coalesced)
	})
}

// udp_encap_needed_key goes with the last socket that had UDP_GRO.
func TestUDPGROKey(t *testing.T) {
	h := groHost(t, nil)
	a, b := groSocket(t, h, true, nil), groSocket(t, h, true, nil)
	require.Equal(t, 2, h.encaps)
	a.SetGRO(false)
	a.SetGRO(true)
	require.Equal(t, 2, h.encaps)
	a.SetGRO(false)
	a.Close()
	b.Close()
	require.Zero(t, h.encaps)
}

// 6.18/3.3.1: with gro_flush_timeout datagrams of several polls meet in GRO, which
// holds them between.
func Test618_3_3_1Held(t *testing.T) {
	h := groHost(t, func(c *Config) { c.NICs[0].RXUsecs, c.NICs[0].GROFlushTimeout = 0, 200_000_000 })
	s := groSocket(t, h, true, nil)
	for range 3 {
		h.Inject(h.UDPFrame(groFrom, groTo, 100))
		h.Advance(50 * time.Microsecond)
		require.NoError(t, h.CheckLedger())
	}
	require.Zero(t, s.Queued())
	require.Contains(t, h.Waterfall().Frames, Row{Place: "GRO", Fate: Waiting, N: 1})
	h.Advance(time.Millisecond)
	require.Equal(t, 1, s.Queued())
	require.EqualValues(t, 2, h.Ledger().Coalesced)

	h.Inject(h.UDPFrame(groFrom, groTo, 100))
	h.Advance(50 * time.Microsecond)
	require.NoError(t, h.Set("nics[0].channels.combined", "2"))
	require.EqualValues(t, 1, h.Ledger().Dropped[skb.HWReset], "the instances went, with what they held")
	require.NoError(t, h.CheckLedger())
}
