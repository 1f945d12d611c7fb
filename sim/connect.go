package sim

import "github.com/seed-556df219/rxpath/sim/skb"

// sourceTo returns the address that the host sends from to a peer: that of the
// interface on whose link the peer is, or else of the first one.
func (h *Host) sourceTo(peer skb.Addr) skb.Addr {
	if peer>>24 == 127 {
		return 0x7f000001
	}
	for i := range h.cfg.NICs {
		n := &h.cfg.NICs[i]
		if shift := 32 - uint(n.PrefixLen); n.Addr>>shift == peer>>shift {
			return n.Addr
		}
	}
	if len(h.cfg.NICs) == 0 {
		return 0
	}
	return h.cfg.NICs[0].Addr
}
