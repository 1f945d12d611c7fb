package skb

// A Fragmenter cuts datagrams into fragments, as a sender does whose link has a
// small MTU (ip_fragment). Its zero value is ready; it remembers the header
// facts of what it has cut, and allocates nothing for more of the same.
type Fragmenter struct {
	heads map[*Header]*fragmentHeads
	out   []Frame
}

// fragmentHeads are the headers of a flow's fragments, by their place: those
// with more to come, and those without.
type fragmentHeads struct {
	more, last []*Header
}

// Cut returns the frames that carry f over a link of the given MTU, at least 68:
// f itself if it fits. They share the identification id and f's At. The slice is
// good until the next call.
func (fr *Fragmenter) Cut(f *Frame, mtu int, id uint16) []Frame {
	fr.out = append(fr.out[:0], *f)
	fr.out[0].IPID = id
	h := f.Head
	hl := int(h.IHL) * 4
	if int(f.IPLen) <= mtu || h.EtherType != EtherTypeIPv4 || h.IHL < 5 {
		return fr.out
	}
	heads := fr.heads[h]
	if heads == nil {
		if fr.heads == nil {
			fr.heads = map[*Header]*fragmentHeads{}
		}
		heads = &fragmentHeads{}
		fr.heads[h] = heads
	}
	payload := int(f.IPLen) - hl
	for i, at, n := 0, 0, 0; at < payload; i, at = i+1, at+n {
		if n = payload - at; n > mtu-hl {
			n = (mtu - hl) &^ 7 // what others follow
		}
		g := *f
		g.Head, g.IPID, g.IPLen = heads.at(h, i, at, at+n < payload), id, uint16(hl+n)
		g.Len = uint32(EthHeader + hl + n)
		if h.Tagged {
			g.Len += VLANHeader
		}
		g.Len = max(g.Len, EthMinLen)
		if at > 0 {
			g.UDPLen = 0
		}
		fr.out = append(fr.out[:i], g)
	}
	return fr.out
}

// at returns the header of the ith fragment, which begins at that offset.
func (hs *fragmentHeads) at(h *Header, i, offset int, more bool) *Header {
	list := &hs.last
	if more {
		list = &hs.more
	}
	for len(*list) <= i {
		*list = append(*list, nil)
	}
	if (*list)[i] == nil {
		g := *h
		g.DF, g.MoreFrags, g.FragOffset = false, more, uint16(offset)
		if offset > 0 {
			g.SrcPort, g.DstPort, g.UDPChecksum = 0, 0, ChecksumGood
		}
		(*list)[i] = &g
	}
	return (*list)[i]
}
