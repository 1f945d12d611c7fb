package softirq

import "slices"

// Configure changes sysctls while the host runs, as writes to them do; most are
// read where they are used.
func (h *Host) Configure(c Config) error {
	was := h.Config
	h.Config = c
	if !slices.Equal(was.FlowLimitCPUs, c.FlowLimitCPUs) {
		h.SetFlowLimitCPUs(c.FlowLimitCPUs)
	}
	if was.RPSSockFlowEntries != c.RPSSockFlowEntries {
		return h.SetSockFlowEntries(c.RPSSockFlowEntries)
	}
	return nil
}
