package skb

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// A sender's fragments: full ones of a multiple of eight bytes, the rest in the
// last; ports in the first only.
func TestCut(t *testing.T) {
	type piece struct {
		offset, ip, frame, udp int
		more                   bool
		port                   uint16
	}
	for name, tc := range map[string]struct {
		payload, mtu int
		tagged       bool
		want         []piece
	}{
		"fits":                   {1472, 1500, false, []piece{{0, 1500, 1514, 1480, false, 14506}}},
		"one byte more":          {1473, 1500, false, []piece{{0, 1500, 1514, 1481, true, 14506}, {1480, 21, 60, 0, false, 0}}},
		"three":                  {4000, 1500, false, []piece{{0, 1500, 1514, 4008, true, 14506}, {1480, 1500, 1514, 0, true, 0}, {2960, 1068, 1082, 0, false, 0}}},
		"not a multiple of 8":    {600, 519, false, []piece{{0, 516, 530, 608, true, 14506}, {496, 132, 146, 0, false, 0}}},
		"the last may be odd":    {987, 519, false, []piece{{0, 516, 530, 995, true, 14506}, {496, 519, 533, 0, false, 0}}},
		"with a VLAN tag":        {1473, 1500, true, []piece{{0, 1500, 1518, 1481, true, 14506}, {1480, 21, 60, 0, false, 0}}},
		"an even number of them": {2952, 1500, false, []piece{{0, 1500, 1514, 2960, true, 14506}, {1480, 1500, 1514, 0, false, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := NewUDP(MAC{}, netip.MustParseAddrPort("10.0.0.1:5000"), netip.MustParseAddrPort("239.193.4.65:14506"), 0)
			f.Head.Tagged = tc.tagged
			f = f.Head.UDPFrame(tc.payload)
			var cutter Fragmenter
			var got []piece
			for _, g := range cutter.Cut(&f, tc.mtu, 77) {
				require.EqualValues(t, 77, g.IPID)
				got = append(got, piece{int(g.Head.FragOffset), int(g.IPLen), int(g.Len), int(g.UDPLen), g.Head.MoreFrags, g.Head.DstPort})
			}
			require.Equal(t, tc.want, got)
			require.False(t, f.Head.Fragment(), "the datagram's own header stays")
			require.Zero(t, testing.AllocsPerRun(10, func() { cutter.Cut(&f, tc.mtu, 78) }))
		})
	}
	arp := FrameOf(make([]byte, 60))
	require.Len(t, new(Fragmenter).Cut(&arp, 68, 1), 1)
}
