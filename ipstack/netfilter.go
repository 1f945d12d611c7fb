package ipstack

import (
	"errors"
	"fmt"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Hook is a place where netfilter looks at packets (NF-1).
type Hook uint8

// Input hooks.
const (
	PreRouting Hook = iota
	LocalIn
)

// Verdict is what a rule says of a packet that it matches.
type Verdict uint8

// Verdicts. The first three end the traversal of a hook.
const (
	Drop    Verdict = iota
	Reject          // a drop with an ICMP port-unreachable message
	Accept          // no further rule of the hook is asked
	NoTrack         // connection tracking leaves the packet alone: only in the raw table
)

// String returns the target's name.
func (v Verdict) String() string { return [...]string{"DROP", "REJECT", "ACCEPT", "NOTRACK"}[v] }

// A Rule says what becomes of packets that it matches. A zero field matches
// everything.
type Rule struct {
	Hook Hook
	// Raw puts the rule into the raw table of PRE_ROUTING, before connection tracking; otherwise it is in mangle
	// or, at LOCAL_IN, in filter (NF-1).
	Raw      bool
	Src, Dst skb.Addr
	// SrcLen and DstLen are the lengths of the addresses' prefixes; 0 stands for 32, the address alone.
	SrcLen, DstLen   int
	Proto            uint8
	SrcPort, DstPort uint16
	IfIndex          int32
	// MatchPPM is the share of packets that the rule matches at random, in millionths; 0 stands for all. It models
	// xt_statistic: for a packet that it does not match, the next rule is asked.
	MatchPPM uint32
	Verdict  Verdict
	// DropPPM is the share of matching packets that Drop and Reject drop, in millionths; the others are accepted.
	DropPPM uint32
}

func (r *Rule) validate() error {
	return errors.Join(
		cfgerr.Check(r.Hook <= LocalIn, "hook", uint8(r.Hook), "PRE_ROUTING or LOCAL_IN"),
		cfgerr.Check(r.Verdict <= NoTrack, "verdict", uint8(r.Verdict), "DROP, REJECT, ACCEPT or NOTRACK"),
		cfgerr.Range("drop", r.DropPPM, 0, million),
		cfgerr.Range("probability", r.MatchPPM, 0, million),
		cfgerr.Range("src", r.SrcLen, 0, 32), cfgerr.Range("dst", r.DstLen, 0, 32),
		cfgerr.Check(!r.Raw || r.Hook == PreRouting, "table", "raw", "raw only at PRE_ROUTING"),
		cfgerr.Check(r.Verdict != Reject || r.Hook == LocalIn, "verdict", r.Verdict, "REJECT only at LOCAL_IN"),
		cfgerr.Check(r.Verdict != NoTrack || r.Raw, "verdict", r.Verdict, "NOTRACK only in the raw table"),
		cfgerr.Check(r.SrcPort == 0 && r.DstPort == 0 || r.Proto == 0 || r.Proto == skb.ProtoUDP, "proto", r.Proto, "udp, or none, with a port"))
}

func validateRules(rules []Rule) error {
	var errs []error
	for i := range rules {
		errs = append(errs, cfgerr.Under(fmt.Sprintf("netfilter[%d]", i), rules[i].validate()))
	}
	return errors.Join(errs...)
}

const million = 1_000_000

// RuleCounter is what a rule has matched: pkts and bytes of iptables -L -v, the
// only place where a drop by netfilter shows (NF-2).
type RuleCounter struct{ Packets, Bytes uint64 }

// RuleCounters returns the counters of the rules, in their order.
func (l *Layer) RuleCounters() []RuleCounter { return append([]RuleCounter{}, l.rules...) }

// filtering reports whether anything is registered at the hooks.
func (l *Layer) filtering() bool { return len(l.Config.Netfilter) > 0 || l.Config.Conntrack.On }

// preRouting models the hook NF_INET_PRE_ROUTING in the order of its priorities
// (NF-1): fragments are put together for connection tracking, the raw table,
// connection tracking, mangle. It reports whether the packet ended there.
func (l *Layer) preRouting(c *cpu.Core, b *skb.Buff) (ended bool) {
	track := l.Config.Conntrack.On
	if track && b.Head.Fragment() {
		b.Sock = nil
		if !l.ipDefrag(c, b, defragConntrack) {
			return true
		}
	}
	if l.traverse(c, PreRouting, true, b) {
		return true
	}
	if track && b.CT == skb.CTNone && l.conntrackIn(c, b) {
		return true
	}
	return l.traverse(c, PreRouting, false, b)
}

// localIn models the hook NF_INET_LOCAL_IN: the rules, and last of all the entry
// of a new connection (NF-1, LD-2).
func (l *Layer) localIn(c *cpu.Core, b *skb.Buff) (ended bool) {
	return l.traverse(c, LocalIn, false, b) || l.conntrackConfirm(c, b)
}

// traverse models nf_hook_slow and ipt_do_table over one hook's rules. A drop
// moves no counter of IP (NF-2).
func (l *Layer) traverse(c *cpu.Core, hook Hook, raw bool, b *skb.Buff) (ended bool) {
	for i := range l.Config.Netfilter {
		r := &l.Config.Netfilter[i]
		if r.Hook != hook || r.Raw != raw || !r.matches(b) || !l.chance(r.MatchPPM, true) {
			continue
		}
		l.rules[i].Packets++
		l.rules[i].Bytes += uint64(b.Len)
		switch {
		case r.Verdict == NoTrack:
			b.CT = skb.CTUntracked
			continue
		case r.Verdict == Accept || !l.chance(r.DropPPM, false):
			return false
		case r.Verdict == Reject:
			l.icmpReply(c, destUnreach, b)
		}
		l.refuse(c, b, skb.NetfilterDrop)
		return true
	}
	return false
}

// chance draws whether something of that share happens; unset is what 0 stands for.
func (l *Layer) chance(ppm uint32, unset bool) bool {
	switch ppm {
	case 0:
		return unset
	case million:
		return true
	}
	return l.Rand.Below(million) < uint64(ppm)
}

func (r *Rule) matches(b *skb.Buff) bool {
	h := b.Head
	return matchAddr(h.Src, r.Src, r.SrcLen) && matchAddr(h.Dst, r.Dst, r.DstLen) && (r.Proto == 0 || r.Proto == h.Proto) &&
		(r.SrcPort == 0 || r.SrcPort == h.SrcPort) && (r.DstPort == 0 || r.DstPort == h.DstPort) &&
		(r.IfIndex == 0 || r.IfIndex == b.IfIndex)
}

func matchAddr(a, want skb.Addr, prefixLen int) bool {
	if prefixLen == 0 {
		return want == 0 || a == want
	}
	return within(a, want, prefixLen)
}

// refuse drops a packet whose connection may not have been entered yet: then
// that is forgotten with it.
func (l *Layer) refuse(c *cpu.Core, b *skb.Buff, r skb.DropReason) {
	if b.CT == skb.CTNew {
		l.conntrack.count--
		b.CT = skb.CTNone
	}
	l.drop(c, r)
}
