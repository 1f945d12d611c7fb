package socket

import "github.com/seed-556df219/rxpath/sim/cpu"

// Kind of effect in digests.
const digestNoClone = digestRead + 16

// CloneFailed implements udp.Socket. It models what flush_stack of
// net/ipv4/udp.c counts when skb_clone finds no memory (FS-2): nothing was
// dropped, since there was nothing yet, but this socket has lost a datagram.
func (s *Sock) CloneFailed(c *cpu.Core) {
	s.Drops++
	s.host.Net.UDP.RcvbufErrors++
	s.host.Net.UDP.InErrors++
	c.Digest.Fold(c.Now(), digestNoClone)
}
