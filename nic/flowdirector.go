package nic

import (
	"errors"
	"fmt"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A FlowFilter is one perfect filter of the flow director for UDP over IPv4, as
// ethtool -U flow-type udp4 sets it. A zero field matches everything. It models
// struct ixgbe_fdir_filter.
type FlowFilter struct {
	Src, Dst         skb.Addr
	SrcPort, DstPort uint16
	// VLAN is the id of the tag; 0 does not look at it.
	VLAN uint16
	// Action is the queue, of all queues, not only those of RSS; -1 drops (RX-35).
	Action int
}

// matches reports whether the fields of a UDP datagram are the filter's.
func (f *FlowFilter) matches(h *skb.Header) bool {
	return (f.Src == 0 || f.Src == h.Src) && (f.Dst == 0 || f.Dst == h.Dst) &&
		(f.SrcPort == 0 || f.SrcPort == h.SrcPort) && (f.DstPort == 0 || f.DstPort == h.DstPort) &&
		(f.VLAN == 0 || h.Tagged && f.VLAN == h.VLAN&0xfff)
}

// mask says which fields a filter looks at.
func (f *FlowFilter) mask() [5]bool {
	return [5]bool{f.Src != 0, f.Dst != 0, f.SrcPort != 0, f.DstPort != 0, f.VLAN != 0}
}

// validateFilters models what ixgbe_add_ethtool_fdir_entry refuses: there is
// one mask for all filters, and a filter leads to a queue that there is.
func (c *Config) validateFilters(queues int) error {
	errs := []error{cfgerr.Check(c.NTuple || len(c.FlowFilters) == 0, "features.ntuple", c.NTuple, "true, as there are filters")}
	for i := range c.FlowFilters {
		f := &c.FlowFilters[i]
		errs = append(errs, cfgerr.Under(fmt.Sprintf("ntuple[%d]", i), errors.Join(
			cfgerr.Check(f.Action >= -1 && f.Action < queues, "action", f.Action, fmt.Sprintf("-1 to drop, or a queue: 0 to %d", queues-1)),
			cfgerr.Check(f.VLAN <= 4094, "vlan", f.VLAN, "1 to 4094"),
			cfgerr.Check(f.mask() == c.FlowFilters[0].mask(), "", *f, "the same fields as the first filter: the hardware has one mask for all"))))
	}
	return errors.Join(errs...)
}
