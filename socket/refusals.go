package socket

import (
	"errors"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Refusals are the shares of a socket's datagrams, in millionths, that are
// refused by parts of the kernel of which the model has no more than this.
type Refusals struct {
	// PolicyPPM: an IPsec policy says no (xfrm4_policy_check, Q-1).
	PolicyPPM uint32
	// ReservesPPM: the skb was made of the emergency reserves, which are not for this socket (S-3).
	ReservesPPM uint32
	// SecurityPPM: a security module says no (security_sock_rcv_skb, S-4).
	SecurityPPM uint32
	// TrimPPM: of those that the socket's filter cuts, there was no memory to do it (S-5).
	TrimPPM uint32
}

// Validate reports every share above 1.
func (r *Refusals) Validate() error {
	const all = 1_000_000
	return errors.Join(
		cfgerr.Check(r.PolicyPPM <= all, "policy", r.PolicyPPM, "at most 1000000 ppm"),
		cfgerr.Check(r.ReservesPPM <= all, "reserves", r.ReservesPPM, "at most 1000000 ppm"),
		cfgerr.Check(r.SecurityPPM <= all, "security", r.SecurityPPM, "at most 1000000 ppm"),
		cfgerr.Check(r.TrimPPM <= all, "trim", r.TrimPPM, "at most 1000000 ppm"),
	)
}

// SetRefusals makes the socket refuse datagrams, drawn with rand.
func (s *Sock) SetRefusals(r Refusals, rand engine.Stream) {
	s.refusals, s.rand, s.refusing = r, rand, r != Refusals{}
}

// chance draws whether one of the shares hits a datagram.
func (s *Sock) chance(ppm uint32) bool { return ppm > 0 && s.rand.Below(1_000_000) < uint64(ppm) }

// denied is what comes before anything else: the policy, and in newer kernels
// the hooks of sk_filter for a socket that has no filter. It reports whether the
// packet was dropped.
func (s *Sock) denied(c *cpu.Core) bool {
	if s.chance(s.refusals.PolicyPPM) {
		s.refuse(c, skb.XFRMPolicy)
		return true
	}
	return s.filter == nil && s.host.Profile.FilterFirst && s.hooked(c)
}

// hooked models sk_filter as far as its first two questions go, and reports whether
// the packet was dropped: emergency reserves are ENOMEM, as if the buffer were
// full, but sk_drops does not know (S-3, S-4). Newer kernels count both like what the filter refuses.
func (s *Sock) hooked(c *cpu.Core) bool {
	switch {
	case s.chance(s.refusals.ReservesPPM):
		s.filterFails(c, enomem)
	case s.chance(s.refusals.SecurityPPM):
		s.filterFails(c, eacces)
	default:
		return false
	}
	return true
}

// cannotTrim is the end of a datagram that the filter cuts when there is no memory to
// do that (S-5). It reports whether it was dropped.
func (s *Sock) cannotTrim(c *cpu.Core, h *skb.Header, udpLen uint32) bool {
	if s.refusals.TrimPPM == 0 || s.filter(h, udpLen) >= udpLen || !s.chance(s.refusals.TrimPPM) {
		return false
	}
	s.filterFails(c, enomem)
	return true
}

// filterFails drops what sk_filter returned an error for.
func (s *Sock) filterFails(c *cpu.Core, rc int) {
	if s.host.Profile.FilterFirst {
		s.refuse(c, skb.SocketFilter)
		return
	}
	u := &s.host.Net.UDP
	if rc == enomem {
		u.RcvbufErrors++
	}
	u.InErrors++
	s.filterRC = rc
	s.drop(c, skb.SocketFilter)
	s.filterRC = 0
}
