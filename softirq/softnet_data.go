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
// Not modelled: receive flow steering (RFS), steering of IPv6 packets (they are
// processed where they were polled), the map of one CPU that Linux 3.10 follows
// without a hash (K310-15), CPU hot-plug, the net.core.busy_* sysctls, other
// softirqs than NET_RX besides their counts and a fixed time.
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
	// Poll does some work on the core and returns what it is charged with.
	Poll(c *cpu.Core, weight int) int
}

// A Stack takes packets that are to be processed on this core.
// *ipstack.Layer implements it.
type Stack interface {
	// ReceiveSKB models __netif_receive_skb.
	ReceiveSKB(*cpu.Core, *skb.Buff)
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
	// HashSecret keys the software flow hash (RPS-5).
	HashSecret uint32
	// BacklogWait, if not nil, is told how long each packet waited in a backlog.
	BacklogWait func(engine.Time)
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
	ksoftirqd *cpu.Task

	backlog       backlog
	rpsIPIList    []*SoftnetData
	inputPktQueue queue
	processQueue  queue
	ipi           *cpu.Line
	scratch       skb.Buff
	flowLimit     *flowLimit // nil: off
}

// New adds the state of a core to the host.
func New(h *Host, c *cpu.Core) *SoftnetData {
	sd := &SoftnetData{host: h, core: c, stats: c.Stats}
	sd.backlog = backlog{sd: sd, weight: h.Config.DevWeight}
	sd.ksoftirqd = c.NewTask("ksoftirqd", 0, sd.ksoftirqdStep)
	sd.ipi = c.NewLine(&h.Costs.Reschedule.Fixed, &c.Stats.CallFunction, sd.rpsTriggerSoftirq)
	if h.Profile.FlowLimit && slices.Contains(h.Config.FlowLimitCPUs, c.ID()) {
		sd.flowLimit = &flowLimit{buckets: make([]uint8, h.Config.FlowLimitTableLen)}
	}
	c.SetSoftirqs(sd)
	h.CPUs = append(h.CPUs, sd)
	return sd
}

// Core returns the CPU.
func (sd *SoftnetData) Core() *cpu.Core { return sd.core }

// Schedule models ____napi_schedule: the poller goes to the tail of the list
// and NET_RX is raised; this never wakes ksoftirqd (NAPI-1).
func (sd *SoftnetData) Schedule(p Poller) {
	sd.pollList = append(sd.pollList, p)
	sd.raise(mib.SoftirqNetRX)
}

func (sd *SoftnetData) raise(nr uint) { sd.pending |= 1 << nr }

// Pending implements cpu.Softirqs.
func (sd *SoftnetData) Pending() bool { return sd.pending != 0 }

// Tick implements cpu.Softirqs: the timer interrupt raises TIMER, SCHED and RCU.
func (sd *SoftnetData) Tick() {
	sd.raise(mib.SoftirqTimer)
	sd.raise(mib.SoftirqSched)
	sd.raise(mib.SoftirqRCU)
}

// Do models __do_softirq (SIRQ-2, SIRQ-3): passes over what is pending, as long
// as time, the interrupted task and the restart count allow; what is left is
// ksoftirqd's.
func (sd *SoftnetData) Do(cpu.Context) {
	c, p := sd.core, sd.host.Profile
	end := c.Jiffies() + c.JiffiesOf(engine.Time(p.SoftirqTimeMS)*engine.Millisecond)
	restarts := p.MaxRestart
	for {
		sd.pass()
		if sd.pending == 0 {
			return
		}
		if c.Jiffies() >= end || c.NeedResched() {
			break
		}
		if restarts--; restarts == 0 {
			break
		}
		sd.stats.Restarts++
	}
	sd.wakeupSoftirqd()
}

// pass runs every pending softirq once, lowest number first (SIRQ-1).
func (sd *SoftnetData) pass() {
	pending := sd.pending
	sd.pending = 0
	sd.core.Spend(sd.host.Costs.Softirq.Fixed)
	timer := false
	for nr := uint(0); pending != 0; nr, pending = nr+1, pending>>1 {
		if pending&1 == 0 {
			continue
		}
		sd.stats.Softirqs[nr]++
		switch {
		case nr == mib.SoftirqNetRX && sd.host.Profile.RepollSameRun:
			sd.netRXActionClassic()
		case nr == mib.SoftirqNetRX:
			sd.netRXAction()
		case !timer:
			timer = true
			sd.core.Spend(sd.host.Costs.TimerAction.Fixed)
		}
	}
}

// wakeupSoftirqd models wakeup_softirqd; a running ksoftirqd is left alone (SIRQ-13).
func (sd *SoftnetData) wakeupSoftirqd() {
	if sd.ksoftirqd.Asleep() {
		sd.stats.KsoftirqdWakeups++
		sd.core.Wake(sd.ksoftirqd)
	}
}

// ksoftirqdStep models run_ksoftirqd: sleep if nothing is pending, else run
// __do_softirq and offer the CPU to others (SIRQ-11).
func (sd *SoftnetData) ksoftirqdStep(c *cpu.Core, t *cpu.Task) {
	if sd.pending == 0 {
		t.Sleep()
		return
	}
	t.Continue(0, false)
	c.RunSoftirqs(cpu.Ksoftirqd)
}

// timeLimit models the two-jiffy limit of net_rx_action (NAPI-5, NAPI-11).
func (sd *SoftnetData) timeLimit() int64 { return sd.core.Jiffies() + 2 }

// netRXAction models net_rx_action since 3.19: a private list, every instance
// polled at most once (NAPI-5 to NAPI-9).
func (sd *SoftnetData) netRXAction() {
	c, h := sd.core, sd.host
	c.Spend(h.Costs.NetRXAction.Fixed)
	budget, limit := h.Config.NetdevBudget, sd.timeLimit()
	sd.run, sd.pollList = sd.pollList, sd.run[:0]
	sd.repoll = sd.repoll[:0]
	for i := 0; ; i++ {
		if i == len(sd.run) {
			sd.run = sd.run[:0]
			if len(sd.rpsIPIList) == 0 && len(sd.repoll) == 0 {
				return
			}
			break
		}
		n := sd.run[i]
		weight := n.Weight()
		work := n.Poll(c, weight)
		if work == weight {
			sd.repoll = append(sd.repoll, n)
		}
		budget -= work
		if budget <= 0 || c.Jiffies() >= limit {
			sd.stats.Softnet.TimeSqueeze++
			c.Digest.Fold(c.Now(), digestSqueeze)
			sd.run = sd.run[:copy(sd.run, sd.run[i+1:])]
			break
		}
	}
	sd.run = append(append(sd.run, sd.pollList...), sd.repoll...)
	sd.pollList, sd.run = sd.run, sd.pollList[:0]
	if len(sd.pollList) > 0 {
		sd.raise(mib.SoftirqNetRX)
	}
	sd.netRPSActionAndIRQEnable()
}

// netRXActionClassic models net_rx_action up to 3.18: one list, an instance
// that used its weight goes to its tail and is polled again (K310-1 to K310-6).
func (sd *SoftnetData) netRXActionClassic() {
	c, h := sd.core, sd.host
	c.Spend(h.Costs.NetRXAction.Fixed)
	budget, limit := h.Config.NetdevBudget, sd.timeLimit()
	for len(sd.pollList) > 0 {
		if budget <= 0 || c.Jiffies() >= limit {
			sd.stats.Softnet.TimeSqueeze++
			c.Digest.Fold(c.Now(), digestSqueeze)
			sd.raise(mib.SoftirqNetRX)
			break
		}
		n := sd.pollList[0]
		weight := n.Weight()
		work := n.Poll(c, weight)
		sd.pollList = append(sd.pollList[:0], sd.pollList[1:]...)
		if work == weight {
			sd.pollList = append(sd.pollList, n)
		}
		budget -= work
	}
	sd.netRPSActionAndIRQEnable()
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

// BacklogLen returns the length of input_pkt_queue and process_queue.
func (sd *SoftnetData) BacklogLen() int { return sd.inputPktQueue.len() + sd.processQueue.len() }

// InputQueueLen returns the length of input_pkt_queue alone, which the limit is about.
func (sd *SoftnetData) InputQueueLen() int { return sd.inputPktQueue.len() }
