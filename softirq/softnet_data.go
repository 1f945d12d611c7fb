// Package softirq models the receive half of net/core/dev.c and
// kernel/softirq.c: per-CPU pending bits and poll lists, __do_softirq,
// ksoftirqd, net_rx_action, receive packet steering and the backlog.
//
//	napi.Schedule ─▶ poll_list ─▶ net_rx_action ─▶ Poll ─▶ NetifReceiveSKB
//	                                 │                        │ RPS: to another
//	                                 │ budget, 2 jiffies      ▼ CPU's backlog
//	                                 ▼                     enqueue_to_backlog
//	                             time_squeeze              dropped
//
// Not modelled:
//   - CPUs are not plugged in or out.
//   - Accelerated RFS does not exist: no flow is steered by the NIC's filters.
//   - With threadirqs, the handlers of interrupts run as without it.
//   - Other softirqs than NET_RX only count, and take a fixed time.
package softirq

import (
	"slices"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// A Poller is what net_rx_action polls. *napi.Instance implements it, and the
// backlog here.
type Poller interface {
	// Weight is what the next Poll may do at most.
	Weight() int
	// Poll does some work on the core and returns what it is charged with, and
	// whether it used its weight and wants to be polled again.
	Poll(c *cpu.Core, weight int) (work int, repoll bool)
}

// A Stack takes packets that are to be processed on this core.
// *ipstack.Layer implements it.
type Stack interface {
	// ReceiveSKB models __netif_receive_skb.
	ReceiveSKB(*cpu.Core, *skb.Buff)
	// ReceiveSKBList models __netif_receive_skb_list.
	ReceiveSKBList(*cpu.Core, []skb.Buff)
}

// A Device says how an interface steers its packets. *ipstack.Device
// implements it.
type Device interface {
	// RPSMap returns the CPUs of the queue's rps_cpus mask, in ascending order; empty without RPS (RPS-1).
	RPSMap(queue uint16) []int
	// CountDropped counts a packet that the core of the stack dropped (RPS-9).
	CountDropped()
}

// Host is what all SoftnetData of a host share.
type Host struct {
	Config  Config
	Profile *kernel.Profile
	Costs   *kernel.Costs
	Ledger  *skb.Ledger
	// CPUs are indexed by CPU number.
	CPUs []*SoftnetData
	// Stack is the next stage.
	Stack Stack
	// Device finds an interface by its index.
	Device func(ifindex int32) Device
	// RPS is true as soon as any queue has a mask (rps_needed).
	RPS bool
	// PossibleCPUs is the number of CPUs that the kernel was made ready for, at least that of CPUs; 0: as many.
	PossibleCPUs int
	// NetStamp is the switch of receive timestamps.
	NetStamp *skb.NetStamp
	// HashSecret keys the software flow hash (RPS-5).
	HashSecret uint32
	// ThreadIRQs is the boot parameter threadirqs as far as it concerns softirqs: irq_exit leaves them to ksoftirqd (SIRQ-8).
	ThreadIRQs bool
	// BacklogWait, if not nil, is told how long each packet waited in a backlog.
	BacklogWait func(engine.Time)
	// Trace, if not nil, is told of every poll and of the end of every net_rx_action.
	Trace func(Trace)
	// DeferKicks counts interrupts for skbs that readers left to the CPU that made them.
	DeferKicks uint64
	// FlowStats is what RFS did.
	FlowStats FlowStats

	sockFlows  sockFlowTable // net.core.rps_sock_flow_entries
	flowTables [][]flowTable // rps_flow_cnt, by interface index and queue
}

// SoftnetData is the receive state of one CPU. It models struct softnet_data.
type SoftnetData struct {
	host  *Host
	core  *cpu.Core
	stats *mib.CPU

	pending   uint32 // softirq bits
	pollList  []Poller
	run       []Poller // the private list of net_rx_action
	repoll    []Poller
	inNetRX   bool // net_rx_action will look at pollList again, and at rpsIPIList
	inThread  bool // a Thread will look at rpsIPIList
	ksoftirqd *cpu.Task

	backlog       backlog
	rpsIPIList    []*SoftnetData
	inputPktQueue queue
	processQueue  queue
	calls         calls // queued for this CPU's function call interrupt
	deferCount    int   // skbs that readers elsewhere left to be freed here
	ipi           *cpu.Line
	scratch       skb.Buff
	// inputQueueHead and inputQueueTail count packets that left and entered the queues, modulo 2^32 (RPS-6, RPS-8, RPS-13).
	inputQueueHead, inputQueueTail uint32
	flowLimit                      *flowLimit // nil: off
	// FlowLimitLost is how much of the counter flow_limit_count went with tables that were taken away (FMT-2).
	FlowLimitLost uint64
}

// New adds the state of a core to the host.
func New(h *Host, c *cpu.Core) *SoftnetData {
	sd := &SoftnetData{host: h, core: c, stats: c.Stats}
	sd.backlog = backlog{sd: sd, weight: h.Config.DevWeight}
	sd.ksoftirqd = c.NewTask("ksoftirqd", 0, sd.ksoftirqdStep)
	sd.ipi = c.NewLine(&h.Costs.Reschedule.Fixed, &c.Stats.CallFunction, sd.flushCalls)
	sd.ipi.Call = true
	sd.setFlowLimit(slices.Contains(h.Config.FlowLimitCPUs, c.ID()))
	c.SetSoftirqs(sd)
	if h.ThreadIRQs || h.Profile.SoftirqWhileKsoftirqd == kernel.SoftirqsDeferred {
		c.Defer = sd.deferred
	}
	h.CPUs = append(h.CPUs, sd)
	return sd
}

// Core returns the CPU.
func (sd *SoftnetData) Core() *cpu.Core { return sd.core }

// Schedule models ____napi_schedule: the poller goes to the tail of the list
// and NET_RX is raised; this never wakes ksoftirqd (NAPI-1). A kernel that looks
// at the list again in the same run of net_rx_action need not raise during it.
func (sd *SoftnetData) Schedule(p Poller) {
	sd.pollList = append(sd.pollList, p)
	if !sd.inNetRX {
		sd.raise(mib.SoftirqNetRX)
	}
}

// Kinds of effects in a core's digest.
const (
	digestSqueeze = cpu.DigestStages + iota
	digestBacklogDrop
)

// Live returns how many packets the backlog of this CPU holds.
func (sd *SoftnetData) Live() uint64 {
	return uint64(sd.BacklogLen())
}

// Holds reports whether a packet whose number has one of the bits waits in the backlog of this CPU.
func (sd *SoftnetData) Holds(bits uint64) bool {
	return sd.inputPktQueue.holds(bits) || sd.processQueue.holds(bits)
}

// BacklogLen returns the length of input_pkt_queue and process_queue.
func (sd *SoftnetData) BacklogLen() int { return sd.inputPktQueue.len() + sd.processQueue.len() }

// InputQueueLen returns the length of input_pkt_queue alone, which the limit is about.
func (sd *SoftnetData) InputQueueLen() int { return sd.inputPktQueue.len() }
