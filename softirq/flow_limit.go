package softirq

import "github.com/seed-556df219/rxpath/sim/skb"

// flowLimitHistory is the number of recent packets that the flow limit looks back on.
const flowLimitHistory = 128

// A flowLimit is the table of one CPU. It models struct sd_flow_limit.
type flowLimit struct {
	history [flowLimitHistory]uint32 // buckets of the last packets
	head    int
	buckets []uint8
}

// flowLimited models skb_flow_limit (RPS-12): with the target's queue half full,
// a flow that has more than half of the recent packets is refused. The table is
// that of the CPU that enqueues, not of the target (RPS-11).
func (sd *SoftnetData) flowLimited(b *skb.Buff, qlen int) bool {
	h := sd.host
	t := sd.flowLimit
	if limit := h.Config.NetdevMaxBacklog; t == nil || limit < 0 || qlen < limit/2 { // compared as unsigned (RPS-8)
		return false
	}
	next := h.flowHash(b) & uint32(len(t.buckets)-1)
	old := t.history[t.head]
	t.history[t.head] = next
	t.head = (t.head + 1) % flowLimitHistory
	if t.buckets[old] != 0 {
		t.buckets[old]--
	}
	if t.buckets[next]++; t.buckets[next] > flowLimitHistory/2 {
		sd.stats.Softnet.FlowLimitCount++
		return true
	}
	return false
}
