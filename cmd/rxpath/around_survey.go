package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seed-556df219/rxpath/sim/capture"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A destination is where datagrams of a capture go.
type destination struct {
	addr skb.Addr
	port uint16
}

func (d destination) String() string { return fmt.Sprintf("%v:%d", d.addr, d.port) }

// A survey is what one looks for in a capture to make a scenario for it.
type survey struct {
	// frames counts UDP datagrams, or their first fragments, by destination, if the interface would take them.
	frames map[destination]uint64
	// selves counts the unicast datagrams whose source is their destination.
	selves map[skb.Addr]uint64
	// loopback counts datagrams from 127.0.0.1, broadcasts those to everybody.
	loopback, broadcasts uint64
	// vlans counts the frames of each VLAN.
	vlans map[int]uint64
}

// surveyMAC is the interface's address while a capture is looked through.
var surveyMAC = skb.MAC{2, 0, 0, 0, 0, 0x10}

// mostDestinations bounds the memory of a survey.
const mostDestinations = 1 << 16

// surveyOf looks through a capture.
func surveyOf(f *capture.File) (*survey, error) {
	src, err := f.Source(capture.DefaultOptions(surveyMAC))
	if err != nil {
		return nil, err
	}
	defer src.Close()
	s := &survey{frames: map[destination]uint64{}, selves: map[skb.Addr]uint64{}, vlans: map[int]uint64{}}
	frames := make([]skb.Frame, 512)
	for n := src.Fill(frames); n > 0; n = src.Fill(frames) {
		for i := range frames[:n] {
			s.add(frames[i].Head)
		}
	}
	return s, src.Err()
}

// add counts one frame.
func (s *survey) add(h *skb.Header) {
	if h.Tagged && h.VLAN&0xfff != 0 {
		s.vlans[int(h.VLAN&0xfff)]++
	}
	if h.EtherType != skb.EtherTypeIPv4 || h.Proto != skb.ProtoUDP || h.FragOffset != 0 || h.DstPort == 0 {
		return
	}
	if h.Src == localhost {
		s.loopback++
	}
	switch {
	case h.Dst.Broadcast(), h.DstMAC.Broadcast():
		s.broadcasts++
		return
	case h.Dst.Multicast():
	case h.DstMAC != surveyMAC:
		return // for another host
	case h.Src == h.Dst:
		s.selves[h.Dst]++
	}
	d := destination{h.Dst, h.DstPort}
	if _, known := s.frames[d]; known || len(s.frames) < mostDestinations {
		s.frames[d]++
	}
}

// address returns the unicast address that most datagrams go to, the lowest of
// several; ok says that there is one.
func (s *survey) address() (best skb.Addr, ok bool) {
	totals := map[skb.Addr]uint64{}
	for d, n := range s.frames {
		if !d.addr.Multicast() {
			totals[d.addr] += n
		}
	}
	var addrs []skb.Addr
	for a := range totals {
		addrs = append(addrs, a)
	}
	slices.Sort(addrs)
	for _, a := range addrs {
		if !ok || totals[a] > totals[best] {
			best, ok = a, true
		}
	}
	return best, ok
}

// destinations returns the destinations that keep lets through, busiest first.
func (s *survey) destinations(keep func(destination) bool) []destination {
	var out []destination
	for d := range s.frames {
		if keep(d) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b destination) int {
		return cmp.Or(cmp.Compare(s.frames[b], s.frames[a]), cmp.Compare(a.addr, b.addr), cmp.Compare(a.port, b.port))
	})
	return out
}

// total returns the number of datagrams to some destinations.
func (s *survey) total(list []destination) (n uint64) {
	for _, d := range list {
		n += s.frames[d]
	}
	return n
}

// vlanIDs returns the VLANs in order.
func (s *survey) vlanIDs() []int {
	var ids []int
	for id := range s.vlans {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
