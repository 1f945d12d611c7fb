package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Types of ICMP errors that input sends.
const (
	destUnreach   = 3
	timeExceeded  = 11
	parameterProb = 12
)

// Rate limits (UR-13).
const (
	icmpRefillAfter = 20 * engine.Millisecond
	peerBurst       = 6 // of net.ipv4.icmp_ratelimit
	icmpPeers       = 1 << 16

	// ip_error has its own pace for the same tokens: one message a second, five at once.
	routeErrorCost  = engine.Second
	routeErrorBurst = 5 * routeErrorCost

	// A peer that nobody has heard of has saved up a minute (inet_getpeer).
	peerIdle = 60 * engine.Second
)

// icmpLimit holds the token bucket of the host.
type icmpLimit struct {
	started bool
	credit  int64
	stamp   engine.Time
}

// A peer is what is remembered of another host. It models struct inet_peer.
type peer struct {
	tokens, last engine.Time // of its ICMP messages: rate_tokens, rate_last
	rid          uint32      // its fragments so far (FR-6)
}

// peer models inet_getpeer_v4.
func (l *Layer) peer(a skb.Addr, now engine.Time) *peer {
	p := l.peers[a]
	if p == nil {
		if l.peers == nil || len(l.peers) >= icmpPeers {
			l.peers = make(map[skb.Addr]*peer)
		}
		p = &peer{last: now - peerIdle}
		l.peers[a] = p
	}
	return p
}

// ICMPSend models icmp_send of a destination-unreachable message about a packet
// in hand, whose IP header has been pulled. It quotes what is left of the packet:
// UDP has cut off what is behind its datagram.
func (l *Layer) ICMPSend(c *cpu.Core, b *skb.Buff) {
	n := b.IPLen
	b.IPLen = uint16(min(uint32(b.Head.IHL)*4+b.Len, maxPacket))
	l.icmpReply(c, destUnreach, b)
	b.IPLen = n
}

// icmpReply sends an ICMP error, or finds that it must not, and lets the time for
// it pass if there is anything to think about.
func (l *Layer) icmpReply(c *cpu.Core, typ uint8, b *skb.Buff) {
	if l.icmpAllowed(b) {
		c.Spend(l.Costs.NoPort.Fixed)
		l.settleFrags(c.Now()) // what they had to say came before
		l.icmpSend(c, c.Now(), typ, b)
	}
}

// icmpAllowed reports whether icmp_send may answer the packet at all: only what
// was addressed to one host alone, only a datagram's first fragment, no ICMP
// error, and only if there is a way back (UR-13).
func (l *Layer) icmpAllowed(b *skb.Buff) bool {
	h := b.Head
	switch b.Route.Type {
	case skb.NoRoute, skb.RouteBroadcast, skb.RouteMulticast:
		return false
	}
	if b.PktType != skb.PacketHost || h.FragOffset != 0 || h.Proto == skb.ProtoICMP && icmpError(h.ICMPType) {
		return false
	}
	r := l.fibLookup(h.Src)
	return !r.failed()
}

// icmpError is the error flag of icmp_pointers.
func icmpError(typ uint8) bool {
	switch typ {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

// icmpSend models the second half of icmp_send: the rate is limited, first for
// the host, then for the peer. What is sent leaves by Output, on core c, nil for a
// timer's.
func (l *Layer) icmpSend(c *cpu.Core, now engine.Time, typ uint8, b *skb.Buff) {
	m := &l.Net.ICMP
	if b.IfIndex != 1 && l.Config.ICMPRatemask>>typ&1 != 0 {
		limited := l.Profile.NetstatColumns >= kernel.NetstatOf61 // counted
		if !l.globalAllow(now) {
			if limited {
				m.OutRateLimitGlobal++
			}
			return
		}
		if !l.peerAllow(b.Head.Src, now) {
			if limited {
				m.OutRateLimitHost++
			}
			return
		}
	}
	m.OutMsgs++
	switch typ {
	case destUnreach:
		m.OutDestUnreachs++
	case timeExceeded:
		m.OutTimeExcds++
	case parameterProb:
		m.OutParmProbs++
	}
	l.Net.IP.OutRequests++
	// The message quotes at most 576 bytes with its headers (icmp_send).
	length := skb.IPHeader + 8 + min(uint32(b.IPLen), 576-skb.IPHeader-8)
	l.Net.IPExt.OutOctets += uint64(length)
	if l.Output != nil {
		l.Output(c, &Reply{Src: b.Head.Dst, Dst: b.Head.Src, Type: typ, Len: uint16(length)})
	}
}

// globalAllow models icmp_global_allow: refilled only when 20 ms have passed,
// and the token is used up even if the peer's bucket refuses then.
func (l *Layer) globalAllow(now engine.Time) bool {
	i, burst := &l.icmp, int64(l.Config.ICMPMsgsBurst)
	if !i.started {
		i.started, i.credit, i.stamp = true, min(burst, int64(l.Config.ICMPMsgsPerSec)), now
	}
	if d := now - i.stamp; d >= icmpRefillAfter {
		i.credit = min(burst, i.credit+int64(min(d, engine.Second)/engine.Microsecond)*int64(l.Config.ICMPMsgsPerSec)/1_000_000)
		i.stamp = now
	}
	if i.credit == 0 {
		return false
	}
	i.credit--
	return true
}

// peerAllow models inet_peer_xrlim_allow.
func (l *Layer) peerAllow(a skb.Addr, now engine.Time) bool {
	cost := engine.Time(l.Config.ICMPRatelimit) * engine.Millisecond
	return cost == 0 || l.peer(a, now).spend(now, cost, peerBurst*cost)
}

// spend takes the tokens of one message, if there are as many.
func (p *peer) spend(now, cost, burst engine.Time) bool {
	p.tokens = min(p.tokens+now-p.last, burst)
	p.last = now
	if p.tokens < cost {
		return false
	}
	p.tokens -= cost
	return true
}
