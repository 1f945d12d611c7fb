package softirq

import (
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
)

// A Trace is what net_rx_action tells of one poll, or of its own end.
type Trace struct {
	// At is the instant, CPU where it was.
	At  engine.Time
	CPU int
	// Run counts the runs of net_rx_action on this CPU, from 1 (SIRQ-7).
	Run uint64
	// Poller is who was polled: a device, or "backlog"; empty at the end of the run.
	Poller string
	// Work is what the poll charged to the budget, Packets how many rounds of the receive core it made.
	Work    int
	Packets uint64
	// Budget is what is left of netdev_budget.
	Budget int
	// Squeezed, at the end of a run: it ended by budget or time (NAPI-6e).
	Squeezed bool
	// Left, at the end of a run, is how many instances wait on the poll list.
	Left int
}

// tracePoll tells of a poll that has just ended.
func (sd *SoftnetData) tracePoll(n Poller, work, budget int, processed uint64) {
	sd.host.Trace(Trace{At: sd.core.Now(), CPU: sd.core.ID(), Run: sd.stats.Softirqs[mib.SoftirqNetRX],
		Poller: nameOf(n), Work: work, Packets: sd.stats.Softnet.Processed - processed, Budget: budget})
}

// deviceOf returns the device of a poller, which a backlog has not.
func deviceOf(n Poller) string {
	if _, ok := n.(*backlog); ok {
		return "(no_device)"
	}
	return nameOf(n)
}

// nameOf returns what a poller calls itself.
func nameOf(n Poller) string {
	if s, ok := n.(interface{ String() string }); ok {
		return s.String()
	}
	return "?"
}

// traceEnd tells that the run is over.
func (sd *SoftnetData) traceEnd(budget int, squeezed bool) {
	if sd.host.Trace != nil {
		sd.host.Trace(Trace{At: sd.core.Now(), CPU: sd.core.ID(), Run: sd.stats.Softirqs[mib.SoftirqNetRX],
			Budget: budget, Squeezed: squeezed, Left: len(sd.pollList)})
	}
}

// timeLimit is when net_rx_action ends by time: two jiffies in 4.0 (NAPI-5,
// NAPI-11), later netdev_budget_usecs, rounded up to jiffies.
func (sd *SoftnetData) timeLimit() int64 {
	if us := sd.host.Config.NetdevBudgetUsecs; us > 0 && sd.host.Profile.NetdevBudgetUsecs {
		return sd.core.Jiffies() + sd.core.JiffiesOf(engine.Time(us)*engine.Microsecond)
	}
	return sd.core.Jiffies() + 2
}

// poll lets an instance do its weight at most, and returns what it charges.
func (sd *SoftnetData) poll(n Poller, budget int) (work int, repoll bool) {
	processed := sd.stats.Softnet.Processed
	depth, weight := sd.core.Trace.Depth(), n.Weight()
	work, repoll = n.Poll(sd.core, weight) // NAPI-12
	if t := sd.core.Trace; t != nil {
		t.NAPIPoll(depth, deviceOf(n), work, weight)
	}
	if sd.host.Trace != nil {
		sd.tracePoll(n, work, budget-work, processed)
	}
	return work, repoll
}

// exhausted is the test of net_rx_action; it counts (NAPI-6e).
func (sd *SoftnetData) exhausted(budget int, limit int64) bool {
	if budget > 0 && sd.core.Jiffies() < limit {
		return false
	}
	sd.stats.Softnet.TimeSqueeze++
	sd.core.Digest.Fold(sd.core.Now(), digestSqueeze)
	return true
}

// netRXAction models net_rx_action since 3.19: a private list, every instance
// polled at most once (NAPI-5 to NAPI-9).
func (sd *SoftnetData) netRXAction() {
	sd.core.Spend(sd.host.Costs.NetRXAction.Fixed)
	budget, limit := sd.host.Config.NetdevBudget, sd.timeLimit()
	squeezed := false
	sd.repoll = sd.repoll[:0]
	sd.takeList()
	for i := 0; ; i++ {
		sd.deferCount = 0 // skb_defer_free_flush
		if i == len(sd.run) {
			sd.run = sd.run[:0]
			if len(sd.repoll) > 0 {
				break
			}
			if sd.inNetRX && len(sd.pollList) > 0 {
				sd.takeList()
				i = -1
				continue
			}
			if sd.inNetRX = false; len(sd.rpsIPIList) == 0 {
				sd.traceEnd(budget, false)
				return
			}
			break
		}
		n := sd.run[i]
		work, repoll := sd.poll(n, budget)
		if repoll {
			sd.repoll = append(sd.repoll, n)
		}
		budget -= work
		if squeezed = sd.exhausted(budget, limit); squeezed {
			sd.run = sd.run[:copy(sd.run, sd.run[i+1:])]
			break
		}
	}
	sd.run = append(append(sd.run, sd.pollList...), sd.repoll...)
	sd.pollList, sd.run = sd.run, sd.pollList[:0]
	if len(sd.pollList) > 0 {
		sd.raise(mib.SoftirqNetRX)
	} else {
		sd.inNetRX = false
	}
	sd.traceEnd(budget, squeezed)
	sd.netRPSActionAndIRQEnable()
}

// takeList makes the CPU's poll list the private one of this run, which is
// empty. From here on a kernel that will look again is not told by a raise.
func (sd *SoftnetData) takeList() {
	sd.inNetRX = sd.host.Profile.NetRXLooksAgain
	sd.run, sd.pollList = sd.pollList, sd.run[:0]
}

// netRXActionClassic models net_rx_action up to 3.18: one list, an instance
// that used its weight goes to its tail and is polled again (K310-1 to K310-6).
func (sd *SoftnetData) netRXActionClassic() {
	sd.core.Spend(sd.host.Costs.NetRXAction.Fixed)
	budget, limit := sd.host.Config.NetdevBudget, sd.timeLimit()
	squeezed := false
	for len(sd.pollList) > 0 {
		if squeezed = sd.exhausted(budget, limit); squeezed {
			sd.raise(mib.SoftirqNetRX)
			break
		}
		n := sd.pollList[0]
		work, repoll := sd.poll(n, budget)
		sd.pollList = append(sd.pollList[:0], sd.pollList[1:]...)
		if repoll {
			sd.pollList = append(sd.pollList, n)
		}
		budget -= work
	}
	sd.traceEnd(budget, squeezed)
	sd.netRPSActionAndIRQEnable()
}
