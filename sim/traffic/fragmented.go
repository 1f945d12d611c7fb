package traffic

import "github.com/seed-556df219/rxpath/sim/skb"

// A fragmented source sends datagrams that its link can't carry in one frame.
type fragmented struct {
	clock clock
	maker maker
	mtu   int
	cut   skb.Fragmenter
	id    uint16
	one   [1]skb.Frame
	left  []skb.Frame // of the last datagram
}

// Fill implements skb.FrameSource.
func (s *fragmented) Fill(frames []skb.Frame) int {
	n := 0
	for n < len(frames) {
		if len(s.left) == 0 {
			if s.clock.take(s.one[:]) == 0 {
				break
			}
			s.maker.dress(&s.one[0])
			s.left = s.cut.Cut(&s.one[0], s.mtu, s.id)
			s.id++
		}
		k := copy(frames[n:], s.left)
		s.left = s.left[k:]
		n += k
	}
	return n
}
