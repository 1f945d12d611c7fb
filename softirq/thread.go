package softirq

import "github.com/seed-556df219/rxpath/sim/cpu"

// A Thread polls one instance in place of net_rx_action. It models
// napi_threaded_poll: a SCHED_NORMAL task that knows no budget, no time limit and
// no squeeze.
//
// Not modelled:
//   - The thread of a threaded NAPI instance is bound to one CPU; a real one
//     may run on any.
type Thread struct {
	sd     *SoftnetData
	poller Poller
	task   *cpu.Task
	woken  bool // NAPI_STATE_SCHED_THREADED
	// Polls counts polls.
	Polls uint64
}

// NewThread returns a thread of this CPU that sleeps until its instance is
// scheduled.
func (sd *SoftnetData) NewThread(name string, p Poller) *Thread {
	t := &Thread{sd: sd, poller: p}
	t.task = sd.core.NewTask(name, 0, t.step)
	return t
}

// Schedule models ____napi_schedule of a threaded instance, called on core c.
func (t *Thread) Schedule(c *cpu.Core) {
	t.woken = true
	c.Wake(t.task)
}

// step is one round of the thread: a poll in a BH-disabled section. The kernels
// that look at the poll list again send the interrupts of RPS at its end; in the
// others a run of net_rx_action at local_bh_enable does.
func (t *Thread) step(c *cpu.Core, task *cpu.Task) {
	if !t.woken {
		task.Sleep()
		return
	}
	t.woken = false
	t.Polls++
	c.LocalBHDisable()
	t.sd.inThread = t.sd.host.Profile.NetRXLooksAgain
	depth, weight := c.Trace.Depth(), t.poller.Weight()
	work, repoll := t.poller.Poll(c, weight)
	c.Trace.NAPIPoll(depth, nameOf(t.poller), work, weight)
	t.woken = t.woken || repoll
	if t.sd.inThread {
		t.sd.inThread = false
		t.sd.netRPSActionAndIRQEnable()
	}
	c.LocalBHEnable()
	task.Continue(0, false)
}
