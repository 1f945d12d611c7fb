package ipstack

import "github.com/seed-556df219/rxpath/sim/skb"

// A Reply is an ICMP error that this host sends.
type Reply struct {
	Src, Dst skb.Addr
	Type     uint8
	Len      uint16 // with its IP header
}

// icmpRcv models icmp_rcv, which counts.
func (l *Layer) icmpRcv(typ uint8) {
	m := &l.Net.ICMP
	m.InMsgs++
	switch typ {
	case destUnreach:
		m.InDestUnreachs++
	case timeExceeded:
		m.InTimeExcds++
	case parameterProb:
		m.InParmProbs++
	}
}

// Member reports whether the device is a member of the packet's group, and of
// its source. It models ip_check_mc_rcu as routes for output use it.
func (d *Device) Member(h *skb.Header) bool { return d.member(h) }
