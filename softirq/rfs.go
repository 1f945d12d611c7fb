package softirq

import (
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// FlowStats counts what RFS did. The kernel shows none of it.
type FlowStats struct {
	// Followed counts packets that went where their flow was read, Moved flows that changed their CPU, Kept packets whose
	// flow could not yet, because earlier ones were still queued.
	Followed, Moved, Kept uint64
}

// noCPU is RPS_NO_CPU: an entry that nobody has written.
const noCPU = 0xffff

// maxFlowEntries is the most entries of either kind of table (RPS-1).
const maxFlowEntries = 1 << 29

// A sockFlowTable says on which CPU a flow was last read. It models struct
// rps_sock_flow_table: an entry is the upper bits of the flow's hash and the
// number of the CPU (RPS-6).
type sockFlowTable []uint32

// A flow is where the packets of one entry of a queue's table go. It models
// struct rps_dev_flow.
type flow struct {
	cpu       uint16
	lastQtail uint32 // the target's input_queue_tail behind the last packet
}

// A flowTable is that of one receive queue. It models struct
// rps_dev_flow_table.
type flowTable []flow

// roundUp is roundup_pow_of_two; 0 stays 0.
func roundUp(n int) int {
	if n == 0 {
		return 0
	}
	return 1 << bits.Len(uint(n-1))
}

// SetSockFlowEntries models a write to net.core.rps_sock_flow_entries: the
// number is rounded up to a power of two, 0 takes the table away, and the same
// size clears it (RPS-1).
func (h *Host) SetSockFlowEntries(n int) error {
	if err := cfgerr.Range("net.core.rps_sock_flow_entries", n, 0, maxFlowEntries); err != nil {
		return err
	}
	if size := roundUp(n); size != len(h.sockFlows) {
		h.sockFlows = make(sockFlowTable, size)
	}
	for i := range h.sockFlows {
		h.sockFlows[i] = noCPU
	}
	h.RPS = h.RPS || n > 0
	return nil
}

// SockFlowEntries is what reading net.core.rps_sock_flow_entries gives.
func (h *Host) SockFlowEntries() int { return len(h.sockFlows) }

// SetFlowCnt models a write to rps_flow_cnt of a receive queue (RPS-1).
func (h *Host) SetFlowCnt(ifindex int32, queue, n int) error {
	if err := cfgerr.Range("rps_flow_cnt", n, 0, maxFlowEntries); err != nil {
		return err
	}
	for len(h.flowTables) <= int(ifindex) {
		h.flowTables = append(h.flowTables, nil)
	}
	tables := &h.flowTables[ifindex]
	for len(*tables) <= queue {
		*tables = append(*tables, nil)
	}
	t := make(flowTable, roundUp(n))
	for i := range t {
		t[i].cpu = noCPU
	}
	(*tables)[queue] = t
	return nil
}

// FlowCnt is what reading rps_flow_cnt of a receive queue gives.
func (h *Host) FlowCnt(ifindex int32, queue int) int { return len(h.flowTable(ifindex, uint16(queue))) }

// flowTable returns the table of a queue, empty if it has none.
func (h *Host) flowTable(ifindex int32, queue uint16) flowTable {
	if int(ifindex) >= len(h.flowTables) || int(queue) >= len(h.flowTables[ifindex]) {
		return nil
	}
	return h.flowTables[ifindex][queue]
}

// cpuMask is rps_cpu_mask: the bits of an entry that hold a CPU.
func (h *Host) cpuMask() uint32 { return uint32(roundUp(max(len(h.CPUs), h.PossibleCPUs)) - 1) }

// RecordFlow models sock_rps_record_flow, which recvmsg calls on core c with the
// hash that the socket has saved (RPS-7).
func (h *Host) RecordFlow(c *cpu.Core, hash uint32) {
	if len(h.sockFlows) == 0 || hash == 0 {
		return
	}
	entry := uint32(c.ID())
	if h.Profile.RFSHashBits {
		entry |= hash &^ h.cpuMask()
	}
	h.sockFlows[hash&uint32(len(h.sockFlows)-1)] = entry
}

// flowCPU models the part of get_rps_cpu that follows the reader of a flow: -1
// if it is the map's turn. A flow moves to its reader's CPU only when its packets
// have left the queue of the CPU to which they went so far, or it has none
// (RPS-6).
func (h *Host) flowCPU(b *skb.Buff, hash uint32) (int, *flow) {
	table := h.flowTable(b.IfIndex, b.Queue)
	if len(table) == 0 || len(h.sockFlows) == 0 {
		return -1, nil
	}
	entry := h.sockFlows[hash&uint32(len(h.sockFlows)-1)]
	desired := entry
	if h.Profile.RFSHashBits {
		if (entry^hash)&^h.cpuMask() != 0 {
			return -1, nil
		}
		desired = entry & h.cpuMask()
	}
	f := &table[hash&uint32(len(table)-1)]
	if uint32(f.cpu) != desired {
		h.moveFlow(f, uint16(desired))
	}
	if !h.online(f.cpu) {
		return -1, nil
	}
	h.FlowStats.Followed++
	return int(f.cpu), f
}

// moveFlow models set_rps_cpu: the flow changes to its reader's CPU if nothing of
// it can still be in the queue of the old one.
func (h *Host) moveFlow(f *flow, desired uint16) {
	if h.online(f.cpu) && int32(h.CPUs[f.cpu].inputQueueHead-f.lastQtail) < 0 {
		h.FlowStats.Kept++
		return
	}
	f.cpu = desired
	if h.online(desired) {
		f.lastQtail = h.CPUs[desired].inputQueueHead
		h.FlowStats.Moved++
	}
}

func (h *Host) online(cpu uint16) bool { return int(cpu) < len(h.CPUs) }
