package softirq

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
)

// raise models __raise_softirq_irqoff: the bit, and nothing else.
func (sd *SoftnetData) raise(nr uint) {
	sd.core.Trace.SoftirqRaise(nr)
	sd.pending |= 1 << nr
}

// RaiseSoftirq models raise_softirq, called on this CPU: outside interrupts,
// softirqs and BH-disabled regions nobody would come by to run it soon, so
// ksoftirqd is woken (SIRQ-10).
func (sd *SoftnetData) RaiseSoftirq(nr uint) {
	sd.raise(nr)
	if !sd.core.InInterrupt() {
		sd.wakeupSoftirqd()
	}
}

// Pending implements cpu.Softirqs.
func (sd *SoftnetData) Pending() bool { return sd.pending != 0 }

// Tick implements cpu.Softirqs: the timer interrupt raises TIMER, SCHED and RCU.
func (sd *SoftnetData) Tick() {
	sd.raise(mib.SoftirqTimer)
	sd.raise(mib.SoftirqSched)
	sd.raise(mib.SoftirqRCU)
}

// deferred says that what is pending is ksoftirqd's, although this is a place at
// which it could run. It models invoke_softirq with the boot parameter
// threadirqs, where only the end of a BH-disabled region runs softirqs (SIRQ-8),
// and ksoftirqd_running of the kernels that leave softirqs to a runnable
// ksoftirqd at both places (SIRQ-12).
func (sd *SoftnetData) deferred(at cpu.Exit) bool {
	if sd.host.Profile.SoftirqWhileKsoftirqd == kernel.SoftirqsDeferred && !sd.ksoftirqd.Asleep() {
		return true
	}
	if at == cpu.IRQExit && sd.host.ThreadIRQs {
		sd.wakeupSoftirqd()
		return true
	}
	return false
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
		sd.core.Trace.SoftirqEntry(nr)
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
		sd.core.Trace.SoftirqExit(nr)
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
