package nic

import (
	"cmp"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// defaultRSSKey is the key when the scenario gives none. A real machine draws
// one at boot (RX-34); this one is the key of the published verification suite
// of the hash function.
var defaultRSSKey = [40]byte{
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
	0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
	0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
}

// toeplitz is the hash that the hardware computes over in (RX-34).
func toeplitz(key []byte, in []byte) uint32 {
	var hash uint32
	window := uint64(key[0])<<56 | uint64(key[1])<<48 | uint64(key[2])<<40 | uint64(key[3])<<32 |
		uint64(key[4])<<24 | uint64(key[5])<<16 | uint64(key[6])<<8 | uint64(key[7])
	for i, b := range in {
		for bit := 7; bit >= 0; bit-- {
			if b>>bit&1 != 0 {
				hash ^= uint32(window >> 32)
			}
			window <<= 1
		}
		if i+8 < len(key) {
			window |= uint64(key[i+8])
		}
	}
	return hash
}

// rssHash returns the hash of a frame: addresses, ports only if so configured
// (RX-30, RX-31) and never for fragments; 0 for what is not IPv4 (RX-32).
func rssHash(key []byte, h *skb.Header, ports bool) uint32 {
	if h.EtherType != skb.EtherTypeIPv4 || h.IPVersion != 4 || h.Stacked() {
		return 0
	}
	in := []byte{
		byte(h.Src >> 24), byte(h.Src >> 16), byte(h.Src >> 8), byte(h.Src),
		byte(h.Dst >> 24), byte(h.Dst >> 16), byte(h.Dst >> 8), byte(h.Dst),
		byte(h.SrcPort >> 8), byte(h.SrcPort), byte(h.DstPort >> 8), byte(h.DstPort),
	}
	if h.Proto != skb.ProtoUDP || !ports || h.Fragment() {
		in = in[:8]
	}
	return toeplitz(key, in)
}

// indirection returns the queue of a hash: 128 entries, round-robin over the
// queues but reversed in groups of four, as the driver packs them (RX-33).
func indirection(hash uint32, queues int) int {
	i := int(hash & 127)
	return (i&^3 + 3 - i&3) % queues
}

// steer chooses the queue: a filter of the flow director, else RSS, else 0
// (RX-35, RX-32). A filter may also refuse the frame.
func (p *Port) steer(h *skb.Header, v *verdict) {
	for i := range p.cfg.FlowFilters {
		if r := &p.cfg.FlowFilters[i]; p.hw.Match(r, h) {
			v.matched = true
			if r.Action < 0 {
				v.reason = cmp.Or(v.reason, skb.HWFilter)
				return
			}
			v.queue = uint8(r.Action)
			return
		}
	}
	if p.rssCount > 1 {
		if hash := p.hw.Hash(p.rssKey, h, p.cfg.UDPPortHash); hash != 0 {
			v.queue = p.table[hash%indirEntries]
		}
	}
}
