package udp

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/skb"
)

const (
	include = true
	exclude = false
	add     = true
	drop    = false
)

// 3.3, ip_mc_sf_allow: mode and list decide where the socket has a membership on
// the device that the packet came in by, IP_MULTICAST_ALL where it has none.
func TestSourceFilter(t *testing.T) {
	for name, tc := range map[string]struct {
		device  int32
		include bool
		sources []string
		all     bool
		want    bool
	}{
		"plain join":                                    {2, exclude, nil, false, true},
		"EXCLUDE, the source listed":                    {2, exclude, []string{"10.0.0.9", "10.0.0.1"}, true, false},
		"EXCLUDE, others listed":                        {2, exclude, []string{"10.0.0.9"}, true, true},
		"INCLUDE, the source listed":                    {2, include, []string{"10.0.0.9", "10.0.0.1"}, false, true},
		"INCLUDE, others listed":                        {2, include, []string{"10.0.0.9"}, true, false},
		"INCLUDE, nobody listed":                        {2, include, nil, true, false},
		"joined on another device, IP_MULTICAST_ALL":    {3, include, []string{"10.0.0.9"}, true, true},
		"joined on another device, no IP_MULTICAST_ALL": {3, include, []string{"10.0.0.1"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			m := Membership{Group: skb.AddrFrom(group), IfIndex: tc.device, Include: tc.include}
			for _, s := range tc.sources {
				m.Sources = append(m.Sources, skb.AddrFrom(netip.MustParseAddr(s)))
			}
			b.mustBind("s", "", func(e *Entry) { e.Groups, e.NoMulticastAll = []Membership{m}, !tc.all })
			require.Equal(t, tc.want, len(b.receive(packet(group))) == 1)
		})
	}
	t.Run("broadcast is not filtered", func(t *testing.T) {
		b := newBench(t)
		all := netip.MustParseAddr("255.255.255.255")
		b.mustBind("s", "", func(e *Entry) {
			e.Groups = []Membership{{Group: skb.AddrFrom(all), IfIndex: 2, Include: true}}
		})
		p := packet(all)
		p.Route.Type = skb.RouteBroadcast
		require.Len(t, b.receive(p), 1)
	})
}

// GM-1 and the system calls on source lists, as a kernel answers them: what each
// returns, and what the membership is afterwards.
func TestGM1Calls(t *testing.T) {
	g := skb.AddrFrom(group)
	type call func(*Entry) (bool, error)
	join := func(e *Entry) (bool, error) { return false, e.Join(g, 2, 20) }
	source := func(a skb.Addr, include, add bool) call {
		return func(e *Entry) (bool, error) { return e.ChangeSource(g, 2, a, include, add, 10) }
	}
	filter := func(include bool, sources ...skb.Addr) call {
		return func(e *Entry) (bool, error) { return e.SetFilter(g, 2, include, sources, 10) }
	}
	many := func(n int) (out []skb.Addr) {
		for i := range n {
			out = append(out, skb.Addr(100+i))
		}
		return out
	}
	for name, tc := range map[string]struct {
		before  []call // must succeed
		call    call
		err     string // "" for none
		leave   bool
		include bool
		sources []skb.Addr
	}{
		"join twice":                            {[]call{join}, join, "EADDRINUSE", false, exclude, nil},
		"source without a join":                 {nil, source(1, exclude, add), "EINVAL", false, exclude, nil},
		"block a source":                        {[]call{join}, source(1, exclude, add), "", false, exclude, []skb.Addr{1}},
		"block it twice":                        {[]call{join, source(1, exclude, add)}, source(1, exclude, add), "EADDRNOTAVAIL", false, exclude, []skb.Addr{1}},
		"unblock what is not blocked":           {[]call{join}, source(1, exclude, drop), "EADDRNOTAVAIL", false, exclude, nil},
		"unblock":                               {[]call{join, source(1, exclude, add), source(2, exclude, add)}, source(1, exclude, drop), "", false, exclude, []skb.Addr{2}},
		"unblock the last: still joined":        {[]call{join, source(1, exclude, add)}, source(1, exclude, drop), "", false, exclude, nil},
		"include after a join":                  {[]call{join}, source(1, include, add), "", false, include, []skb.Addr{1}},
		"include after a block":                 {[]call{join, source(1, exclude, add)}, source(2, include, add), "EINVAL", false, exclude, []skb.Addr{1}},
		"include after a block that was undone": {[]call{join, source(1, exclude, add), source(1, exclude, drop)}, source(2, include, add), "EINVAL", false, exclude, nil},
		"drop an included one":                  {[]call{join, source(1, include, add), source(2, include, add)}, source(2, include, drop), "", false, include, []skb.Addr{1}},
		"drop the last: leave":                  {[]call{join, source(1, include, add)}, source(1, include, drop), "", true, include, []skb.Addr{1}},
		"drop another":                          {[]call{join, source(1, include, add)}, source(2, include, drop), "EADDRNOTAVAIL", false, include, []skb.Addr{1}},
		"a drop that fails turns the mode":      {[]call{join}, source(1, include, drop), "EADDRNOTAVAIL", false, include, nil},
		"a list and one more":                   {[]call{join, filter(include, many(10)...)}, source(1, include, add), "ENOBUFS", false, include, many(10)},
		"a full list, and one that is in it":    {[]call{join, filter(include, many(10)...)}, source(100, include, add), "ENOBUFS", false, include, many(10)},
		"filter of eleven":                      {[]call{join}, filter(include, many(11)...), "ENOBUFS", false, exclude, nil},
		"filter without a join":                 {nil, filter(include, 1), "EINVAL", false, exclude, nil},
		"filter turns the mode":                 {[]call{join, source(1, exclude, add)}, filter(include, 7, 8), "", false, include, []skb.Addr{7, 8}},
		"filter of nothing included: leave":     {[]call{join, source(1, include, add)}, filter(include), "", true, include, []skb.Addr{1}},
		"filter of nothing excluded":            {[]call{join, source(1, include, add)}, filter(exclude), "", false, exclude, nil},
		"after which the mode is free":          {[]call{join, source(1, exclude, add), filter(exclude)}, source(1, include, add), "", false, include, []skb.Addr{1}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &Entry{}
			for _, f := range tc.before {
				leave, err := f(e)
				require.NoError(t, err)
				require.False(t, leave)
			}
			leave, err := tc.call(e)
			if tc.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, "("+tc.err)
			}
			require.Equal(t, tc.leave, leave)
			mode, sources := e.Filter(g, 2)
			require.Equal(t, tc.include, mode)
			require.ElementsMatch(t, tc.sources, sources)
		})
	}
	t.Run("20 memberships, and the same on another device counts", func(t *testing.T) {
		e := &Entry{}
		for i := range 20 {
			require.NoError(t, e.Join(g+skb.Addr(i/2), int32(2+i%2), 20), fmt.Sprint(i))
		}
		require.ErrorContains(t, e.Join(g+99, 2, 20), "ENOBUFS")
		require.True(t, Joined(e.Join(g, 2, 20)), "that it has joined is found first")
		require.NoError(t, e.Leave(g, 2))
		require.ErrorContains(t, e.Leave(g, 2), "EADDRNOTAVAIL")
		require.NoError(t, e.Leave(g, 3))
		require.NoError(t, e.Join(g+99, 2, 20))
	})
}
