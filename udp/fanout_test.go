package udp

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Two CPUs deliver to the same slot: how long does the second wait? A clone
// takes a microsecond, nothing else takes any time, and the second CPU comes
// 5.5 microseconds after the first.
func TestSlotLock(t *testing.T) {
	const us = engine.Microsecond
	other := netip.MustParseAddr("239.1.0.7")
	for name, tc := range map[string]struct {
		any, group int // sockets bound to 0.0.0.0, and behind them to the group
		second     netip.Addr
		want       engine.Time
	}{
		"MF-3 32 listeners, no flush":                      {any: 32, second: group},
		"SUR-14 33 listeners, a flush of 32":               {any: 33, second: group, want: 32*us - 5*us - us/2 + 1},
		"3.2 65 listeners, two flushes":                    {any: 65, second: group, want: 64*us - 5*us - us/2 + 1},
		"MF-3 another group of the same port":              {any: 33, second: other, want: 32*us - 5*us - us/2 + 1},
		"3.1.3 the flush in the second chain, same group":  {any: 20, group: 20, second: group, want: 32*us - 5*us - us/2 + 1},
		"3.1.3 the flush in the second chain, other group": {any: 20, group: 20, second: other, want: 32*us - 5*us - us/2 + 1},
		"3.1.3 the flush in the first chain, same group":   {group: 40, second: group, want: 32*us - 5*us - us/2 + 1},
		"3.1.3 the flush in the first chain, other group":  {group: 40, second: other},
		"LK-1 unicast takes no lock":                       {any: 65, second: own},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.costs.Clone.Fixed = us
			for i := range tc.any {
				b.mustBind(fmt.Sprint("any", i), "")
			}
			for i := range tc.group {
				b.mustBind(fmt.Sprint("group", i), "239.1.0.1")
			}
			var took engine.Time
			c := cpu.New(cpu.Config{ID: 1, CPUs: 2, Jiffy: 4 * engine.Millisecond, Costs: &b.costs}, b.exec, &mib.CPU{})
			c.SetSoftirqs(none{})
			p := packet(tc.second)
			l := c.NewLine(&b.zero, &b.count, func(c *cpu.Core) {
				since := c.Now()
				b.layer.Receive(c, p)
				took = c.Now() - since
			})
			c.Join(false)
			b.ledger.Frames++
			b.ledger.Take()
			l.Raise(b.now + us + 5*us + us/2)
			clones := b.layer.Stats
			b.receive(packet(group))
			served := b.layer.Stats.ClonesLocked + b.layer.Stats.ClonesUnlocked - clones.ClonesLocked - clones.ClonesUnlocked
			alone := engine.Time(served)*us - engine.Time(max(tc.any+tc.group-1, 0))*us
			require.Equal(t, tc.want, took-alone)
			require.Equal(t, tc.want > 0, b.layer.Stats.SlotWaits == 1)
			require.Equal(t, tc.want, b.layer.Stats.SlotWaited)
		})
	}
}

// 6.18/2: the fan-out of newer kernels: every match but the first at once, the
// first last, with the packet itself, and no lock.
func TestFanoutLockless(t *testing.T) {
	newer := func(b *bench) { b.prof.FanoutLockless = true }
	for n, want := range map[int][]string{
		0: {}, 1: {"1"}, 2: {"1", "2"}, 4: {"3", "2", "1", "4"},
	} {
		b := newBench(t, newer)
		b.costs.Clone.Fixed = engine.Nanosecond
		for i := range n {
			b.mustBind(fmt.Sprint(i+1), "")
		}
		start := b.now + engine.Microsecond
		require.ElementsMatch(t, want, b.receive(packet(group)), "n = %d", n)
		require.Equal(t, len(want), len(b.order))
		for i, name := range want {
			require.Equal(t, name, b.order[i])
			require.Equal(t, engine.Time(min(i+1, n-1))*engine.Nanosecond, b.socks[name].at[0]-start, "the first match gets the original, last")
		}
		require.EqualValues(t, max(n-1, 0), b.ledger.Clones)
		b.counts(mib.UDP{IgnoredMulti: map[bool]uint64{true: 1}[n == 0]})
	}
	t.Run("the first of both chains", func(t *testing.T) {
		b := newBench(t, newer)
		b.fill()
		b.mustBind("group", "239.1.0.1")
		b.mustBind("any", "")
		b.mustBind("group too", "239.1.0.1")
		require.Equal(t, []string{"group", "any", "group too"}, b.receive(packet(group)))
	})
	t.Run("65 listeners, nothing under a lock", func(t *testing.T) {
		b := newBench(t, newer)
		for i := range 65 {
			b.mustBind(fmt.Sprint(i), "")
		}
		b.receive(packet(group))
		require.Zero(t, b.layer.Stats.ClonesLocked)
		require.EqualValues(t, 64, b.layer.Stats.ClonesUnlocked)
		require.EqualValues(t, 1, b.layer.Stats.Originals)
	})
}

// 6.18/1.11: lookups of newer kernels never walk the primary chain, so a socket
// bound to the address wins over a better match of 0.0.0.0.
func TestHash2First(t *testing.T) {
	for first, want := range map[bool]string{false: "any, connected", true: "address"} {
		b := newBench(t, func(b *bench) { b.prof.Hash2First = first })
		b.mustBind("address", "10.0.0.2")
		b.mustBind("any, connected", "", connected("10.0.0.1", 5000))
		require.Equal(t, []string{want}, b.receive(packet(own)))
		b.layer.Unbind(b.socks["address"].Entry)
		require.Equal(t, []string{"any, connected"}, b.receive(packet(own)))
		b.layer.Unbind(b.socks["any, connected"].Entry)
		require.Empty(t, b.receive(packet(own)))
	}
}

// 6.18/1.11: SO_REUSEPORT groups of newer kernels are arrays in the order of
// binding, and the flow's hash scaled to the length is the index.
func TestReuseportArray(t *testing.T) {
	newer := func(b *bench) { b.prof.Hash2First, b.prof.ReuseportArray = true, true }
	flow := func(p uint16) *skb.Buff { return packet(own, func(h *skb.Header, _ *skb.Buff) { h.SrcPort = p }) }
	b := newBench(t, newer)
	members := []string{"0", "1", "2", "3"}
	for _, name := range members {
		b.mustBind(name, "", reusePort)
	}
	require.Equal(t, []string{"3", "2", "1", "0"}[1:], b.receive(packet(group))[1:], "multicast goes to all")
	check := func(members []string) {
		t.Helper()
		seen := map[string]bool{}
		for p := uint16(1000); p < 1200; p++ {
			pkt := flow(p)
			want := members[uint64(b.layer.reuseHash(pkt.Head))*uint64(len(members))>>32]
			require.Equal(t, []string{want}, b.receive(pkt))
			seen[want] = true
		}
		require.Len(t, seen, len(members))
	}
	check(members)
	b.layer.Unbind(b.socks["1"].Entry)
	check([]string{"0", "3", "2"}) // the last takes the place of the one that goes

	b.mustBind("another user's", "", func(e *Entry) { e.ReusePort, e.UID = true, 7 })
	for p := uint16(1000); p < 1100; p++ {
		require.Equal(t, []string{"another user's"}, b.receive(flow(p)), "its group is of its own, and newer")
	}
	b.layer.Unbind(b.socks["another user's"].Entry)

	b.layer.Connect(b.socks["3"].Entry, skb.AddrFrom(sender.Addr()), 1500, 0)
	require.Equal(t, []string{"3"}, b.receive(flow(1500)), "a connected member gets what its peer sends")
	for p := uint16(1000); p < 1200; p++ {
		require.NotEqual(t, []string{"3"}, b.receive(flow(p)), "and nothing else")
	}
	for _, name := range []string{"0", "2"} {
		b.layer.Connect(b.socks[name].Entry, skb.AddrFrom(sender.Addr()), 1501, 0)
	}
	require.Empty(t, b.receive(flow(1000)))
}

// SO_INCOMING_CPU (4.4) makes a socket of this CPU score one more; in an array of
// SO_REUSEPORT the first such from the flow's place on is taken (linux-6.18 1.11,
// and measured on 6.18 over lo).
func TestIncomingCPU(t *testing.T) {
	here, there := 0, 1 // the bench receives on CPU 0
	flow := func(p uint16) *skb.Buff { return packet(own, func(h *skb.Header, _ *skb.Buff) { h.SrcPort = p }) }
	newer := func(b *bench) { b.prof.Hash2First, b.prof.ReuseportArray, b.prof.IncomingCPU = true, true, true }
	get := func(prepare func(*bench), reuse bool, cpus ...int) map[string]bool {
		b := newBench(t, prepare)
		for i, c := range cpus {
			name := string(rune('a' + i))
			b.mustBind(name, "", func(e *Entry) { e.ReusePort = reuse })
			b.socks[name].cpu = c
		}
		require.Len(t, b.receive(flow(999)), 1) // what was found before is forgotten
		b.layer.PreferCPUs()
		seen := map[string]bool{}
		for p := uint16(999); p < 1100; p++ {
			for _, name := range b.receive(flow(p)) {
				seen[name] = true
			}
		}
		return seen
	}
	set := func(names ...string) map[string]bool {
		out := map[string]bool{}
		for _, n := range names {
			out[n] = true
		}
		return out
	}
	for _, reuse := range []bool{false, true} {
		require.Equal(t, set("a"), get(newer, reuse, here, there), "reuseport %v", reuse)
		require.Equal(t, set("b"), get(newer, reuse, there, here), "reuseport %v", reuse)
		require.Equal(t, set("b"), get(newer, reuse, -1, here), "reuseport %v", reuse)
	}
	require.Equal(t, set("a", "c"), get(newer, true, here, there, here), "the flow chooses between the two")
	require.Equal(t, set("c"), get(newer, false, here, there, here), "the newest of the two")
	require.Equal(t, set("a", "b"), get(newer, true, there, -1), "none is of this CPU: all count")
	require.Equal(t, set("b"), get(newer, false, here-1, there), "none: the newest")
	require.Equal(t, set("b"), get(func(*bench) {}, false, here, there), "4.0 takes no notice")
	older := func(b *bench) { b.prof.IncomingCPU = true }
	require.Equal(t, set("a"), get(older, true, here, there), "without an array, the score alone")
}

// Connected sockets have a table of their own since 6.13 (udp4_lib_lookup4): the
// newest that is connected to the peer gets what it sends, and no score counts.
func TestConnectedHash(t *testing.T) {
	for hash, want := range map[bool]string{false: "older, on the device", true: "newer"} {
		b := newBench(t, func(b *bench) { b.prof.Hash2First, b.prof.ConnectedHash = true, hash })
		peer := connected(sender.Addr().String(), sender.Port())
		b.mustBind("older, on the device", own.String(), peer, onDevice(packet(own).IfIndex))
		b.mustBind("newer", own.String(), peer)
		b.mustBind("not connected", own.String())
		require.Equal(t, []string{want}, b.receive(packet(own)))
		b.layer.Unbind(b.socks[want].Entry)
		require.NotEqual(t, []string{"not connected"}, b.receive(packet(own)), "the other one is connected, too")
		require.Equal(t, []string{"not connected"}, b.receive(packet(own, func(h *skb.Header, _ *skb.Buff) { h.SrcPort++ })))
	}
}
