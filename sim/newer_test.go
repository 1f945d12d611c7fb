package sim

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/socket"
)

// The test vectors that were measured on Linux 6.18.44 (linux-6.18 10.1), and the
// tables of truesize, on hosts with that kernel and with others.

// loHost returns a host with a socket on port 5000 whose buffer has that many
// effective bytes (0: the default), and a process that sends to it over lo.
func loHost(t *testing.T, k kernel.Profile, rcvbuf int) (*Host, *Socket, *Sender) {
	h := softHost(t, func(c *Config) {
		c.Host = scenario.HostWith(k)
		c.CPUs = 2
	})
	s := bindAny(t, h)
	switch rcvbuf {
	case 0:
		s.Close()
		s = bindTo(t, h, socket.Config{Local: anySocket.Local})
	default:
		s.SetRcvBufForce(rcvbuf / 2)
	}
	return h, s, process(t, h, "", "127.0.0.1:40000")
}

// sendTo sends n datagrams of that payload over lo, and lets them arrive.
func sendTo(t *testing.T, h *Host, p *Sender, payload, n int) {
	for range n {
		require.NoError(t, p.Send(loAddr, payload))
	}
	idle(t, h)
}

// 6.18/10.1: SO_RCVBUF asked and got, and the largest one for everybody.
func Test618_10_1RcvBuf(t *testing.T) {
	h, s, _ := loHost(t, kernel.Linux618(), 0)
	for asked, want := range map[int]int{1: 2304, 1152: 2304, 1153: 2306, 8000000: 8388608} {
		s.SetRcvBuf(asked)
		require.Equal(t, want, s.RcvBuf(), "SO_RCVBUF %d", asked)
	}
	_ = h
	h, s, _ = loHost(t, kernel.Linux40(), 0)
	_ = h
	s.SetRcvBuf(8000000)
	require.Equal(t, 425984, s.RcvBuf(), "6.18/6: rmem_max was 212992")
}

// 6.18/10.1: what a buffer takes, one datagram after the other.
func Test618_10_1Accepts(t *testing.T) {
	for name, tc := range map[string]struct {
		k        kernel.Profile
		rcvbuf   int
		payloads []int
		rmem     []int // after each
	}{
		"6.18/10.1 2304 holds two of 832":            {kernel.Linux618(), 2304, []int{1, 1, 1}, []int{832, 1664, 1664}},
		"6.18/10.1 a small one behind a refused one": {kernel.Linux618(), 4000, []int{1, 3000, 1000, 1}, []int{832, 832, 3136, 3968}},
		"6.18/10.1 an empty buffer takes any":        {kernel.Linux618(), 2304, []int{60000, 60000, 60000}, []int{60832, 60832, 60832}},
		"6.18/10.1 exactly full":                     {kernel.Linux618(), 2304, []int{1472, 1}, []int{2304, 2304}},
		"6.18/10.1 4.0: 2304 holds three of 768":     {kernel.Linux40(), 2304, []int{1, 1, 1, 1}, []int{768, 1536, 2304, 2304}},
		"6.18/10.1 4.0: the second is on top":        {kernel.Linux40(), 4000, []int{1, 3000, 1000, 1}, []int{768, 5120, 5120, 5120}},
	} {
		t.Run(name, func(t *testing.T) {
			h, s, p := loHost(t, tc.k, tc.rcvbuf)
			require.Equal(t, tc.rcvbuf, s.RcvBuf())
			for i, n := range tc.payloads {
				sendTo(t, h, p, n, 1)
				require.Equal(t, tc.rmem[i], s.MemInfo().RmemAlloc, "datagram %d", i+1)
			}
		})
	}
}

// 6.18/10.1: 60000 bytes over lo, in 4.0 as in all.
func Test618_10_1OneLarge(t *testing.T) {
	h, s, p := loHost(t, kernel.Linux40(), 2304)
	sendTo(t, h, p, 60000, 3)
	require.Equal(t, 1, s.Queued())
}

// 6.18/10.1, 1.10: how many equal datagrams an idle socket takes.
func Test618_10_1Capacity(t *testing.T) {
	for name, tc := range map[string]struct {
		k                     kernel.Profile
		rcvbuf, payload, want int
	}{
		"6.18/10.1 100000 of 1 byte":   {kernel.Linux618(), 100000, 1, 120},
		"6.18/10.1 default of 1 byte":  {kernel.Linux618(), 0, 1, 256},
		"6.18/10.1 800000 of 645":      {kernel.Linux618(), 800000, 645, 625},
		"6.18/10.1 800000 of 1472":     {kernel.Linux618(), 800000, 1472, 347},
		"6.18/10.1 800000 of 3717":     {kernel.Linux618(), 800000, 3717, 183},
		"6.18/10.1 800000 of 16000":    {kernel.Linux618(), 800000, 16000, 48},
		"6.18/1.10 768 in 4.0":         {kernel.Linux40(), 0, 133, 278},
		"6.18/1.10 768 in 6.1":         {kernel.Linux61(), 0, 133, 278},
		"6.18/1.10 960 in 6.12":        {kernel.Linux612(), 0, 133, 222},
		"6.18/1.10 1280 in 4.0":        {kernel.Linux40(), 0, 645, 167},
		"6.18/1.10 1280 in 6.1":        {kernel.Linux61(), 0, 645, 167},
		"6.18/1.10 1280 in 6.18":       {kernel.Linux618(), 0, 645, 166},
		"6.18/1.10 2304 in 4.0":        {kernel.Linux40(), 0, 1669, 93},
		"6.18/1.10 2304 in 6.12":       {kernel.Linux612(), 0, 1669, 93},
		"6.18/1.10 2304 in 6.18":       {kernel.Linux618(), 0, 1669, 92},
		"6.18/1.10 4352 in 4.0":        {kernel.Linux40(), 0, 3717, 49},
		"6.18/1.10 4352 in 6.1":        {kernel.Linux61(), 0, 3717, 49},
		"6.18/1.10 4352 in 6.18":       {kernel.Linux618(), 0, 3717, 48},
		"6.18/10.1 8388608 of 1 byte":  {kernel.Linux618(), 8388608, 1, 10082},
		"6.18/0.2 4.10 to 6.17 in 6.1": {kernel.Linux61(), 99840, 645, 79},
	} {
		t.Run(name, func(t *testing.T) {
			h, s, p := loHost(t, tc.k, tc.rcvbuf)
			const over = 80
			sendTo(t, h, p, tc.payload, tc.want+over)
			require.Equal(t, tc.want, s.Queued())
			require.EqualValues(t, over, s.Drops())
			u := h.Snapshot().Net.UDP
			require.EqualValues(t, over, u.RcvbufErrors)
			require.EqualValues(t, over, u.InErrors)
		})
	}
}

// 6.18/1.10: what ixgbe's datagrams are charged with, and so how many of them a
// default buffer holds.
func Test618_1_10NIC(t *testing.T) {
	for name, tc := range map[string]struct {
		k                     kernel.Profile
		legacy                bool
		payload, charge, want int
	}{
		"6.18/1.10 896 in 4.0":   {kernel.Linux40(), false, 100, 896, 238},
		"6.18/1.10 2944 in 4.0":  {kernel.Linux40(), false, 1400, 2944, 73},
		"6.18/1.10 896 in 6.18":  {kernel.Linux618(), true, 100, 896, 237},
		"6.18/1.10 2944 in 6.18": {kernel.Linux618(), true, 1400, 2944, 72},
		"6.18/1.10 2304 in 6.18": {kernel.Linux618(), false, 100, 2304, 92},
		"6.18/1.10 2304 in 6.12": {kernel.Linux612(), false, 1400, 2304, 93},
	} {
		t.Run(name, func(t *testing.T) {
			h := hostOf(t, func(c *Config) {
				c.Host = scenario.HostWith(tc.k)
				c.NICs[0].LegacyRX = tc.legacy
			})
			s := bindTo(t, h, socket.Config{Local: local})
			send(t, h, h.UDPFrame(sender, local, tc.payload), 1)
			require.Equal(t, tc.charge, s.MemInfo().RmemAlloc)
			send(t, h, h.UDPFrame(sender, local, tc.payload), tc.want+19)
			require.Equal(t, tc.want, s.Queued())
		})
	}
}

// 6.18/10.1, 1.5: after a fill nothing is accepted until the 31st datagram has
// been read; then a quarter of the buffer is free at once.
func Test618_10_1Release(t *testing.T) {
	h, s, p := loHost(t, kernel.Linux618(), 100000)
	sendTo(t, h, p, 1, 120)
	for i := 1; i <= 62; i++ {
		_, err := s.Recv()
		require.NoError(t, err)
		before := s.Drops()
		sendTo(t, h, p, 1, 1)
		require.Equal(t, i <= 30, s.Drops() > before, "after %d reads", i)
	}
	h, s, p = loHost(t, kernel.Linux40(), 100000)
	sendTo(t, h, p, 1, 140)
	dropped := s.Drops()
	for range 62 {
		_, err := s.Recv()
		require.NoError(t, err)
		sendTo(t, h, p, 1, 1)
	}
	require.Equal(t, dropped, s.Drops(), "in 4.0 every read frees a place")
}

// 6.18/10.1: two CPUs send 600 datagrams each, and 120 of them are queued.
func Test618_10_1TwoCPUs(t *testing.T) {
	h, s, p := loHost(t, kernel.Linux618(), 100000)
	q, err := h.NewSender(SenderConfig{Name: "other", CPU: 1, Local: netip.MustParseAddrPort("127.0.0.1:40001")})
	require.NoError(t, err)
	for range 600 {
		require.NoError(t, p.Send(loAddr, 1))
		require.NoError(t, q.Send(loAddr, 1))
	}
	idle(t, h)
	require.Equal(t, 120, s.Queued())
	require.EqualValues(t, 1080, s.Drops())
}

// 6.18/10.1, 1.6: what the protocol's memory refuses moves the socket's drops
// only, in 6.18; in 6.1 MemErrors and InErrors, too.
func Test618_10_1Memory(t *testing.T) {
	for name, tc := range map[string]struct {
		k               kernel.Profile
		errors, columns uint64
	}{
		"6.18/10.1 6.18": {kernel.Linux618(), 0, 0},
		"6.18/1.6 6.1":   {kernel.Linux61(), 1, 1},
		"6.18/1.6 4.0":   {kernel.Linux40(), 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := softHost(t, func(c *Config) {
				c.Host = scenario.HostWith(tc.k)
				c.CPUs, c.Limits.UDPMem, c.Limits.MemPcpuRsv = 2, [3]int{256, 256, 256}, 1
			})
			s, p := bindAny(t, h), process(t, h, "", "127.0.0.1:40000")
			s.SetRcvBufForce(4 << 20)
			sendTo(t, h, p, 1, 2000)
			lost := uint64(2000 - s.Queued())
			require.Greater(t, lost, uint64(100))
			u := h.Snapshot().Net.UDP
			require.Equal(t, [4]uint64{lost, lost * tc.errors, lost * tc.columns, 0}, [4]uint64{s.Drops(), u.InErrors, u.MemErrors, u.RcvbufErrors})
		})
	}
}

// 6.18/10.1: multicast over lo: every member is charged in full; a full one loses
// alone; a group whose port nobody has is ignored.
func Test618_10_1Multicast(t *testing.T) {
	group := netip.MustParseAddrPort("239.1.1.1:5000")
	h := softHost(t, func(c *Config) {
		c.Host = scenario.HostWith(kernel.Linux618())
		c.CPUs = 2
	})
	var members []*Socket
	for range 3 {
		members = append(members, bindTo(t, h, socket.Config{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), 5000), ReuseAddr: true,
			Join: []socket.Join{{Group: group.Addr(), Device: "lo"}}}))
	}
	p, err := h.NewSender(SenderConfig{Name: "sender", Local: netip.MustParseAddrPort("127.0.0.1:40000"), Device: "lo"})
	require.NoError(t, err)
	require.NoError(t, p.Send(group, 1000))
	idle(t, h)
	for _, s := range members {
		require.Equal(t, 2304, s.MemInfo().RmemAlloc)
	}
	n := h.Snapshot().Net
	require.Equal(t, [3]uint64{1, 1, 1}, [3]uint64{n.IP.InReceives, n.IP.InDelivers, n.IPExt.InMcastPkts})

	members[1].SetRcvBuf(1152) // 2304, which it holds already
	for range 5 {
		require.NoError(t, p.Send(group, 1000))
	}
	idle(t, h)
	u := h.Snapshot().Net.UDP
	require.Equal(t, [2]uint64{5, 5}, [2]uint64{u.InErrors, u.RcvbufErrors})
	require.Equal(t, [3]uint64{0, 5, 0}, [3]uint64{members[0].Drops(), members[1].Drops(), members[2].Drops()})

	require.NoError(t, p.Send(netip.AddrPortFrom(group.Addr(), 5999), 1000))
	idle(t, h)
	require.EqualValues(t, 1, h.Snapshot().Net.UDP.IgnoredMulti)
	require.EqualValues(t, 7, h.Snapshot().Net.IP.InDelivers, "6.18/4.1.8")
}

// 6.18/10.1, 1.7: InDatagrams counts the read and not the peek; in 4.0 the first
// of both.
func Test618_10_1Peek(t *testing.T) {
	for name, tc := range map[string]struct {
		k    kernel.Profile
		want [2]uint64
	}{
		"6.18/10.1 6.18": {kernel.Linux618(), [2]uint64{0, 1}},
		"6.18/1.7 4.0":   {kernel.Linux40(), [2]uint64{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			h, s, p := loHost(t, tc.k, 100000)
			sendTo(t, h, p, 10, 1)
			var got [2]uint64
			for i, flags := range []socket.Flags{socket.MsgPeek, 0} {
				_, err := s.RecvMsg(100, flags)
				require.NoError(t, err)
				got[i] = h.Snapshot().Net.UDP.InDatagrams
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// 6.18/1.10: a multicast datagram with page fragments that two sockets share is
// condensed for neither; the only one that gets it condenses it.
func TestClonesAreNotCondensed618(t *testing.T) {
	for name, tc := range map[string]struct {
		members, want int
	}{
		"6.18/1.4.4 one member, condensed":     {1, 1280},
		"6.18/1.4.4 two members, neither is":   {2, 3328},
		"6.18/1.4.4 five members, none of all": {5, 3328},
	} {
		t.Run(name, func(t *testing.T) {
			h := hostOf(t, func(c *Config) {
				c.Host = scenario.HostWith(kernel.Linux612())
				c.NICs[0].LegacyRX = true
			})
			var all []*Socket
			for range tc.members {
				m := member()
				m.RcvBufForce = 3000
				all = append(all, bindTo(t, h, m))
			}
			f := h.UDPFrame(sender, netip.AddrPortFrom(vectorGroup, 5001), 300)
			send(t, h, f, 1)
			first := all[0].MemInfo().RmemAlloc
			require.Equal(t, 3328, first, "below half of the buffer as it is")
			send(t, h, f, 1)
			for _, s := range all {
				require.Equal(t, tc.want, s.MemInfo().RmemAlloc-first)
			}
		})
	}
}

// 6.18/4.3: what a rate limit of ICMP holds back is counted from 6.1 on: at the
// host's limit, and at that of the peer.
func TestICMPRateLimitCounted618(t *testing.T) {
	for name, tc := range map[string]struct {
		k            kernel.Profile
		global, host uint64
	}{
		"6.18/4.3 4.0":  {kernel.Linux40(), 0, 0},
		"6.18/4.3 6.18": {kernel.Linux618(), 10, 4},
	} {
		t.Run(name, func(t *testing.T) {
			h := hostOf(t, func(c *Config) {
				c.Host = scenario.HostWith(tc.k)
				c.IP.ICMPMsgsBurst, c.IP.ICMPMsgsPerSec = 10, 10
			})
			icmp := send(t, h, h.UDPFrame(sender, local, 10), 20).Net.ICMP
			require.EqualValues(t, 6, icmp.OutMsgs)
			require.Equal(t, [2]uint64{tc.global, tc.host}, [2]uint64{icmp.OutRateLimitGlobal, icmp.OutRateLimitHost})
		})
	}
}

// A datagram of a socket with UDP_SEGMENT has its payload in page fragments, even
// if it is no longer than a segment, as the kernel of 6.18 has it.
func TestOneSegmentIsPaged(t *testing.T) {
	for name, tc := range map[string]struct{ segment, want int }{
		"no UDP_SEGMENT":      {0, 1280},
		"less than a segment": {500, 832 + 272},
		"a segment":           {272, 832 + 272},
	} {
		t.Run(name, func(t *testing.T) {
			h, s, p := loHost(t, kernel.Linux618(), 100000)
			require.NoError(t, p.SendSegments(loAddr, 272, tc.segment))
			idle(t, h)
			require.Equal(t, tc.want, s.MemInfo().RmemAlloc)
		})
	}
}
