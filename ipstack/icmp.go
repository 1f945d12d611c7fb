package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Rate limits of icmp_send (UR-13).
const (
	icmpGlobalRate  = 1000 // tokens a second
	icmpGlobalBurst = 50
	icmpRefillAfter = 20 * engine.Millisecond
	icmpPeerRate    = engine.Second // icmp_ratelimit: one token
	icmpPeerBurst   = 6
	icmpPeers       = 1 << 16
)

// icmpLimit holds the token buckets.
type icmpLimit struct {
	started bool
	credit  int64
	stamp   engine.Time
	peers   map[skb.Addr]*peerBucket
}

type peerBucket struct {
	tokens, last engine.Time
}

// ICMPSend models icmp_send of a destination-unreachable message: nothing is
// sent for what was not addressed to this host alone, and the rate is limited,
// first for the host, then for the peer. Only counters move: nothing leaves.
func (l *Layer) ICMPSend(c *cpu.Core, b *skb.Buff) {
	if b.PktType != skb.PacketHost || b.Route.Type != skb.RouteLocal || b.Head.FragOffset != 0 {
		return
	}
	c.Spend(l.Costs.NoPort.Fixed)
	if b.IfIndex != 1 && (!l.icmp.globalAllow(c.Now()) || !l.icmp.peerAllow(b.Head.Src, c.Now())) {
		return
	}
	l.Net.ICMP.OutMsgs++
	l.Net.ICMP.OutDestUnreachs++
	l.Net.IP.OutRequests++
	// The message quotes at most 576 bytes with its headers (icmp_send).
	l.Net.IPExt.OutOctets += uint64(skb.IPHeader + 8 + min(uint32(b.IPLen), 576-skb.IPHeader-8))
}

// globalAllow models icmp_global_allow: refilled only when 20 ms have passed,
// and the token is used up even if the peer's bucket refuses then.
func (i *icmpLimit) globalAllow(now engine.Time) bool {
	if !i.started {
		i.started, i.credit, i.stamp = true, icmpGlobalBurst, now
	}
	if d := now - i.stamp; d >= icmpRefillAfter {
		i.credit = min(icmpGlobalBurst, i.credit+int64(min(d, engine.Second)*icmpGlobalRate/engine.Second))
		i.stamp = now
	}
	if i.credit == 0 {
		return false
	}
	i.credit--
	return true
}

// peerAllow models inet_peer_xrlim_allow.
func (i *icmpLimit) peerAllow(peer skb.Addr, now engine.Time) bool {
	p := i.peers[peer]
	if p == nil {
		if i.peers == nil || len(i.peers) >= icmpPeers {
			i.peers = make(map[skb.Addr]*peerBucket)
		}
		p = &peerBucket{tokens: icmpPeerBurst * icmpPeerRate, last: now}
		i.peers[peer] = p
	}
	p.tokens = min(p.tokens+now-p.last, icmpPeerBurst*icmpPeerRate)
	p.last = now
	if p.tokens < icmpPeerRate {
		return false
	}
	p.tokens -= icmpPeerRate
	return true
}
