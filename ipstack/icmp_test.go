package ipstack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// unreachable asks for an ICMP message about a packet from the nth peer, at t.
func (b *bench) unreachable(t engine.Time, peer int, change ...packet) (sent bool) {
	b.t.Helper()
	h := &skb.Header{EtherType: skb.EtherTypeIPv4, IPVersion: 4, IHL: 5, Proto: skb.ProtoUDP, Src: skb.Addr(0x0a000100 + peer), Dst: 0x0a000002}
	p := &skb.Buff{Frame: h.UDPFrame(100), IfIndex: b.eth0.Index, Route: skb.Route{Type: skb.RouteLocal}}
	for _, f := range change {
		f(h, p)
	}
	if p.Len == 0 { // its IP header has been pulled
		p.Len = uint32(p.IPLen) - uint32(h.IHL)*4
	}
	before := b.net.ICMP.OutMsgs
	b.now = max(b.now, t-engine.Microsecond)
	b.do(func(c *cpu.Core) { b.layer.ICMPSend(c, p) })
	require.Equal(b.t, b.net.ICMP.OutMsgs, b.net.ICMP.OutDestUnreachs)
	require.Equal(b.t, b.net.ICMP.OutMsgs, b.net.IP.OutRequests)
	return b.net.ICMP.OutMsgs > before
}

// UR-13: for what nothing is sent at all, and that this uses up no token.
func TestUR13NothingSent(t *testing.T) {
	for name, change := range map[string]packet{
		"broadcast MAC":   func(_ *skb.Header, b *skb.Buff) { b.PktType = skb.PacketBroadcast },
		"multicast MAC":   func(_ *skb.Header, b *skb.Buff) { b.PktType = skb.PacketMulticast },
		"another's MAC":   func(_ *skb.Header, b *skb.Buff) { b.PktType = skb.PacketOtherHost },
		"broadcast route": func(_ *skb.Header, b *skb.Buff) { b.Route.Type = skb.RouteBroadcast },
		"multicast route": func(_ *skb.Header, b *skb.Buff) { b.Route.Type = skb.RouteMulticast },
		"no route":        func(_ *skb.Header, b *skb.Buff) { b.Route.Type = skb.NoRoute },
		"later fragment":  func(h *skb.Header, _ *skb.Buff) { h.FragOffset = 8 },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for range 60 {
				require.False(t, b.unreachable(0, 1, change))
			}
			for range 6 {
				require.True(t, b.unreachable(0, 1))
			}
		})
	}
}

// UR-13: a peer gets six at once, then one a second; an idle one fills up again
// to six.
func TestUR13PerPeer(t *testing.T) {
	b := newBench(t)
	count := func(t engine.Time, peer, tries int) (n int) {
		for range tries {
			if b.unreachable(t, peer) {
				n++
			}
		}
		return n
	}
	require.Equal(t, 6, count(0, 1, 20), "V8")
	require.Zero(t, count(900*engine.Millisecond, 1, 5))
	require.Equal(t, 1, count(1100*engine.Millisecond, 1, 5))
	require.Equal(t, 2, count(3200*engine.Millisecond, 1, 5))
	require.Equal(t, 6, count(100*engine.Second, 1, 20), "never more than six")
	require.Equal(t, 6, count(101*engine.Second, 2, 20), "each peer has its own")
}

// UR-13: the host sends 50 at once, then 1000 a second, refilled only when 20 ms
// have passed; a token is used up even if the peer's bucket refuses.
func TestUR13Global(t *testing.T) {
	b := newBench(t)
	peers := 0
	count := func(at engine.Time, tries int) (n int) {
		for range tries {
			peers++
			if b.unreachable(at, peers) {
				n++
			}
		}
		return n
	}
	require.Equal(t, 50, count(0, 60), "the burst")
	require.Zero(t, count(19*engine.Millisecond, 5), "not refilled before 20 ms")
	require.Equal(t, 30, count(30*engine.Millisecond+engine.Microsecond, 45), "1000 a second since the first")
	require.Equal(t, 50, count(engine.Second, 60), "never more than 50")

	b = newBench(t)
	peers = 1
	for range 50 {
		b.unreachable(0, 1)
	}
	require.EqualValues(t, 6, b.net.ICMP.OutMsgs)
	require.Zero(t, count(0, 5), "the other 44 tokens went to a peer that got nothing")
}

// UR-13: loopback is not limited. The message quotes at most 548 bytes.
func TestUR13LoopbackAndSize(t *testing.T) {
	b := newBench(t)
	for range 200 {
		require.True(t, b.unreachable(0, 1, func(_ *skb.Header, p *skb.Buff) { p.IfIndex = 1 }))
	}
	require.EqualValues(t, 200*(20+8+128), b.net.IPExt.OutOctets)
	before := b.net.IPExt.OutOctets
	b.unreachable(0, 1, func(h *skb.Header, p *skb.Buff) { p.Frame = h.UDPFrame(1400) })
	require.EqualValues(t, 576, b.net.IPExt.OutOctets-before)
	before = b.net.IPExt.OutOctets
	b.unreachable(0, 1, func(_ *skb.Header, p *skb.Buff) { p.Len = 8 })
	require.EqualValues(t, 20+8+28, b.net.IPExt.OutOctets-before, "UDP has cut off what is behind its datagram")
}
