package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// listStage is where the packets of a list gather before all of them go on.
type listStage uint8

const (
	noList     listStage = iota
	listIPRcv            // at the door of IP
	listFinish           // behind its checks and PRE_ROUTING
	listInput            // behind the route
)

// An skbList is the list of packets that a CPU takes through the stack, step by
// step (linux-6.18 3.5.3).
type skbList struct {
	stage   listStage
	entered bool // the next packet of ReceiveSKB is of the list
	bufs    []*skb.Buff
	before  []*skb.Buff // those of the step before
}

// ReceiveSKBList implements softirq.Stack. It models
// __netif_receive_skb_list_core, ip_list_rcv and ip_list_rcv_finish: all packets
// pass the receive core and the taps, then the checks of IP and PRE_ROUTING, then
// the route, and only then those with the same route go to their sockets, one by
// one.
//
// Not modelled:
//   - In a list of packets, one that is not IPv4 does not make those before it
//     go on first.
func (l *Layer) ReceiveSKBList(c *cpu.Core, list []skb.Buff) {
	for len(l.lists) <= c.ID() {
		l.lists = append(l.lists, skbList{})
	}
	l.lists[c.ID()].stage = listIPRcv
	for i := range list {
		l.lists[c.ID()].entered = true
		l.ReceiveSKB(c, &list[i])
		c.Trace.Leave("__netif_receive_skb_core")
	}
	c.Trace.Call("ip_list_rcv")
	for _, b := range l.nextStage(c, listFinish) {
		l.ipRcv(c, b)
		c.Trace.Leave("ip_rcv")
	}
	for _, b := range l.nextStage(c, listInput) {
		l.ipRcvFinish(c, b)
		c.Trace.Leave("ip_rcv_finish")
		if n := l.otherRoute(c); n > 0 {
			l.dispatch(c, n)
		}
	}
	l.dispatch(c, len(l.lists[c.ID()].bufs))
	l.lists[c.ID()].stage = noList
	c.Trace.Leave("ip_list_rcv")
}

// nextStage returns what has gathered, and lets it gather elsewhere.
func (l *Layer) nextStage(c *cpu.Core, next listStage) []*skb.Buff {
	st := &l.lists[c.ID()]
	st.stage = next
	st.before, st.bufs = st.bufs, st.before[:0]
	return st.before
}

// dispatch models ip_sublist_rcv_finish of the first n.
func (l *Layer) dispatch(c *cpu.Core, n int) {
	st := &l.lists[c.ID()]
	bufs := st.bufs
	st.stage = noList
	for _, b := range bufs[:n] {
		c.Trace.Enter(b, "ip_sublist_rcv_finish")
		l.dstInput(c, b)
		c.Trace.Leave("ip_sublist_rcv_finish")
	}
	st = &l.lists[c.ID()] // another CPU may have been the first to need a list
	st.bufs, st.stage = bufs[:copy(bufs, bufs[n:])], listInput
}

// listed puts a packet of the list aside at a stage.
func (l *Layer) listed(c *cpu.Core, b *skb.Buff, at listStage) bool {
	if c.ID() >= len(l.lists) || l.lists[c.ID()].stage != at {
		return false
	}
	st := &l.lists[c.ID()]
	st.bufs = append(st.bufs, b)
	return true
}

// alone receives a packet that is not of the list, such as one that a bridge hands
// back while the list passes: it goes all the way at once. It reports false for
// those of the list, and while there is none.
func (l *Layer) alone(c *cpu.Core, b *skb.Buff) bool {
	if c.ID() >= len(l.lists) {
		return false
	}
	st := &l.lists[c.ID()]
	if st.stage == noList || st.entered {
		st.entered = false
		return false
	}
	stage := st.stage
	st.stage = noList
	l.ReceiveSKB(c, b)
	l.lists[c.ID()].stage = stage
	return true
}

// otherRoute returns how many packets wait for delivery before the last one, if
// that has another route: they go first. Routes are the same to the same address
// with the same type of service.
func (l *Layer) otherRoute(c *cpu.Core) int {
	bufs := l.lists[c.ID()].bufs
	n := len(bufs) - 1
	if n < 1 || sameRoute(bufs[n-1].Head, bufs[n].Head) {
		return 0
	}
	return n
}

func sameRoute(a, b *skb.Header) bool { return a == b || a.Dst == b.Dst && a.TOS == b.TOS }

// hinted models ip_route_use_hint: a packet of a list takes over the route of the
// one before it, if that is to the same address and no broadcast; only its source
// is looked at again.
func (l *Layer) hinted(c *cpu.Core, b *skb.Buff) bool {
	if c.ID() >= len(l.lists) || l.lists[c.ID()].stage != listInput {
		return false
	}
	bufs := l.lists[c.ID()].bufs
	if len(bufs) == 0 {
		return false
	}
	last := bufs[len(bufs)-1]
	return last.Route.Type != skb.RouteBroadcast && sameRoute(last.Head, b.Head)
}
