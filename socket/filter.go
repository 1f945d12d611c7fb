package socket

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A Filter is a socket filter: it is shown a datagram of udpLen bytes, UDP
// header included, and returns how many of them to keep, 0 to refuse it.
type Filter func(h *skb.Header, udpLen uint32) uint32

// SetFilter models SO_ATTACH_FILTER; nil detaches.
func (s *Sock) SetFilter(f Filter) { s.filter = f }

// filtered is what a socket with a filter does first of all: it verifies the
// checksum, and newer kernels run the filter here. It reports whether the
// packet goes on.
func (s *Sock) filtered(c *cpu.Core, b *skb.Buff) bool {
	if b.Summed == skb.ChecksumNone {
		c.Spend(s.host.Costs.Checksum.For(b.Len))
		if b.Head.UDPChecksum == skb.ChecksumBad {
			s.host.Net.UDP.InCsumErrors++
			s.host.CsumDrops++
			s.refuse(c, skb.UDPCsum)
			return false
		}
	}
	if s.host.Profile.FilterFirst {
		if s.refusing && s.hooked(c) {
			return false
		}
		c.Spend(s.host.Costs.Filter.Fixed)
		if s.filter(b.Head, b.Len) == 0 {
			s.refuse(c, skb.SocketFilter)
			return false
		}
		if s.refusing && s.cannotTrim(c, b.Head, b.Len) {
			return false
		}
		if b.FragLen != 0 && s.host.Profile.Condense {
			b.Condense(max(s.filter(b.Head, b.Len), skb.UDPHeader))
		}
	}
	return true
}

// trim cuts a datagram to what the filter lets pass, at least the UDP header;
// its truesize stays (S-5, TS-10), but that of page fragments (skb.Buff.Condense).
//
// Not modelled:
//   - A filter that leaves less than a UDP header leaves the header here, as
//     in newer kernels; 4.0 makes a wrong length of it.
func (s *Sock) trim(d *Datagram) {
	udpLen := d.Payload + skb.UDPHeader
	d.Payload = min(max(s.filter(d.Head, udpLen), skb.UDPHeader), udpLen) - skb.UDPHeader
}
