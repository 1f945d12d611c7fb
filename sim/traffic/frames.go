package traffic

import (
	"net/netip"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// overhead returns what a frame is longer than its UDP payload, with FCS.
func (c *Config) overhead() int {
	n := skb.EthHeader + skb.IPHeader + skb.UDPHeader + skb.EthFCS
	if c.VLAN != 0 {
		n += skb.VLANHeader
	}
	return n
}

// flow returns the header facts of flow i.
func (c *Config) flow(i int) skb.Header {
	dst := c.Dst
	if c.Groups > 1 {
		dst = netip.AddrPortFrom((skb.AddrFrom(dst.Addr()) + skb.Addr(i%c.Groups)).Netip(), dst.Port())
	}
	src := netip.AddrPortFrom(c.Src.Addr(), c.Src.Port()+uint16(i))
	h := *skb.NewUDP(c.DstMAC, src, dst, 0).Head
	h.TOS = c.TOS
	if c.VLAN != 0 {
		h.Tagged, h.VLAN = true, uint16(c.VLAN)
	}
	if c.NoChecksum {
		h.UDPChecksum = skb.ChecksumZero
	}
	return h
}

// A maker gives frames their contents.
type maker struct {
	// heads has the well-formed header of each flow, followed by one for each
	// kind of fault that is switched on.
	heads  []skb.Header
	flows  uint64
	faults []share

	size       law.Law
	notPayload int64 // what is to be taken off a size

	flowStream, sizeStream, faultStream engine.Stream

	id uint16 // of the last lone fragment
}

// A share of all numbers below a million stands for a fault: those below limit
// that are in no share before.
type share struct {
	fault fault
	limit uint64
}

func newMaker(c *Config, stream streams) maker {
	m := maker{
		flows: uint64(c.Flows), size: c.Size,
		flowStream: stream("flow"), sizeStream: stream("size"), faultStream: stream("fault"),
	}
	if !c.SizeIsPayload {
		m.notPayload = int64(c.overhead())
	}
	limit := uint64(0)
	for f, ppm := range c.Faults.shares() {
		if ppm > 0 {
			limit += uint64(ppm)
			m.faults = append(m.faults, share{fault(f), limit})
		}
	}
	m.heads = make([]skb.Header, 0, c.Flows*(1+len(m.faults)))
	for i := range c.Flows {
		h := c.flow(i)
		m.heads = append(m.heads, h)
		for _, s := range m.faults {
			m.heads = append(m.heads, s.fault.header(h, c.DstMAC))
		}
	}
	return m
}

// same returns the frame that all frames are equal to, if they are.
func (m *maker) same() (skb.Frame, bool) {
	size, fixed := m.size.Fixed()
	if m.flows != 1 || len(m.faults) != 0 || !fixed {
		return skb.Frame{}, false
	}
	return m.heads[0].UDPFrame(int(size - m.notPayload)), true
}

// dress sets Head, Len, IPLen and UDPLen of the next frame.
func (m *maker) dress(f *skb.Frame) {
	flow := uint64(0)
	if m.flows > 1 {
		flow = m.flowStream.Below(m.flows)
	}
	head := &m.heads[flow*uint64(1+len(m.faults))]
	g := head.UDPFrame(int(m.size.Draw(&m.sizeStream) - m.notPayload))
	f.Head, f.Len, f.IPLen, f.UDPLen, f.IPID = head, g.Len, g.IPLen, g.UDPLen, 0
	if len(m.faults) > 0 {
		m.damage(f, flow)
	}
}

// damage makes one of the faults of a well-formed frame, or none.
func (m *maker) damage(f *skb.Frame, flow uint64) {
	x := m.faultStream.Below(million)
	for i, s := range m.faults {
		if x < s.limit {
			s.fault.lengths(f)
			f.Head = &m.heads[int(flow)*(1+len(m.faults))+1+i]
			if s.fault == faultFragment {
				m.id++
				f.IPID = m.id
			}
			return
		}
	}
}
