package softirq

import (
	"slices"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// flowLimitHistory is the number of recent packets that the flow limit looks back on.
const flowLimitHistory = 128

// A flowLimit is the table of one CPU. It models struct sd_flow_limit.
type flowLimit struct {
	history [flowLimitHistory]uint32 // buckets of the last packets
	head    int
	buckets []uint8
}

// SetFlowLimitCPUs models a write to net.core.flow_limit_cpu_bitmap: a CPU that
// is new in it gets a table of the length that is set at present, one that is not
// in it any more loses its table and what that has counted (RPS-11, FMT-2).
func (h *Host) SetFlowLimitCPUs(cpus []int) {
	h.Config.FlowLimitCPUs = cpus
	for _, sd := range h.CPUs {
		sd.setFlowLimit(slices.Contains(cpus, sd.core.ID()))
	}
}

// SetFlowLimitTableLen models a write to net.core.flow_limit_table_len, a power
// of two: tables that exist stay as they are (RPS-11).
func (h *Host) SetFlowLimitTableLen(n int) error {
	c := h.Config
	c.FlowLimitTableLen = n
	if err := c.validateTableLen(); err != nil {
		return err
	}
	h.Config = c
	return nil
}

// setFlowLimit gives the CPU a table, or takes it away.
func (sd *SoftnetData) setFlowLimit(on bool) {
	switch h := sd.host; {
	case !on:
		sd.flowLimit, sd.FlowLimitLost = nil, sd.stats.Softnet.FlowLimitCount
	case sd.flowLimit == nil && h.Profile.FlowLimit:
		sd.flowLimit = &flowLimit{buckets: make([]uint8, h.Config.FlowLimitTableLen)}
	}
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
