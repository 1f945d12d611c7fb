package nic

import (
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A buffer is what a receive descriptor points to, and what becomes of it.
type buffer struct {
	size     uint32 // what the hardware fills
	head     uint32 // into which the start of a frame is copied, with skb_shared_info
	truesize uint32 // what each is charged with
	built    bool   // the skb is built around it
	condense bool   // somebody asks what lies in page fragments
	pad      uint32 // what build_skb leaves free before the frame
}

// Buffers of ixgbe.
const (
	halfPage   = 2048                                           // RX-14
	legacyHead = 640                                            // the head of a frame that is copied: 256 bytes, 64 before them, skb_shared_info
	built3K    = 3072                                           // IXGBE_RXBUFFER_3K, in half of two pages
	builtPad   = 192                                            // IXGBE_SKB_PAD: what build_skb leaves free before the frame
	igbPad     = headPad                                        // IGB_SKB_PAD
	igbBuilt2K = halfPage - kernel.SharedInfoSize - igbPad - 16 // IGB_MAX_FRAME_BUILD_SKB: 16 are for a timestamp
)

// setBuffer models ixgbe_set_rx_buffer_len and igb_set_rx_buffer_len: half a
// page, or half of two pages when the skb is built there and frames of the MTU
// would not fit.
func (p *Port) setBuffer() {
	p.last = inspected{} // it says how many descriptors a frame takes
	p.buffer = buffer{size: halfPage, head: p.driver.legacyHead, truesize: halfPage, built: p.driver.buildsSKB && !p.cfg.LegacyRX, condense: p.profile.Condense}
	p.buffer.pad = p.driver.buildPad
	if p.buffer.built && p.driver.largeBuffer(&p.cfg) {
		p.buffer.size, p.buffer.truesize = built3K, 2*halfPage
	}
}

// lay says where the l bytes of a frame lie, and what it is charged with. It
// models ixgbe_build_skb or, with a head of its own, ixgbe_construct_skb and
// ixgbe_pull_tail (RX-16, RX-23, RX-27).
func (p *Port) lay(b *skb.Buff, l, headers uint32) {
	if p.buffer.built {
		p.build(b, l)
		return
	}
	b.Linear, b.Truesize = l, kernel.SKBSize+p.buffer.head
	if l <= hdrSize {
		return
	}
	b.Linear = headers
	paged := p.buffer.truesize * p.descriptors(l)
	b.Truesize += paged
	if p.buffer.condense {
		b.FragLen, b.FragTruesize, b.NrFrags = l-headers, paged, uint8(p.descriptors(l))
		b.TailRoom = p.buffer.head - kernel.SharedInfoSize - headPad - headers
	}
}

// headPad is NET_SKB_PAD, which napi_alloc_skb leaves free.
const headPad = 64

// build lays the frame into its buffers as they are; further ones hang at the
// first as page fragments.
func (p *Port) build(b *skb.Buff, l uint32) {
	n := p.descriptors(l)
	b.Linear = min(l, p.buffer.size)
	b.Truesize = kernel.SKBSize + n*p.buffer.truesize
	b.TailRoom = p.buffer.truesize - kernel.SharedInfoSize - p.buffer.pad - b.Linear
	if n > 1 {
		b.FragLen, b.FragTruesize, b.NrFrags = l-b.Linear, (n-1)*p.buffer.truesize, uint8(n-1)
	}
}

// Headroom returns what is free before a frame in its head, in bytes.
func (p *Port) Headroom() uint16 {
	if p.buffer.built {
		return uint16(p.buffer.pad)
	}
	return headPad
}
