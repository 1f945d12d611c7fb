package ipstack

import "github.com/seed-556df219/rxpath/sim/cpu"

// work is what waits for a worker. It models struct work_struct.
type work interface{ run(c *cpu.Core, w *worker) }

// A worker is a kernel thread of one CPU that runs what waits there. It models
// the bound worker pool of kernel/workqueue.c, one thread of it.
type worker struct {
	task  *cpu.Task
	works []work
}

// StartWorkers makes the kworker threads of all CPUs. Only a CPU on which
// packets are received ever has work for its own.
func (l *Layer) StartWorkers(cores []*cpu.Core) {
	for _, c := range cores {
		l.worker(c)
	}
}

// worker returns the worker of a CPU, and starts it if there is none.
func (l *Layer) worker(c *cpu.Core) *worker {
	for len(l.workers) <= c.ID() {
		l.workers = append(l.workers, nil)
	}
	w := l.workers[c.ID()]
	if w == nil {
		w = &worker{}
		w.task = c.NewTask("kworker", 0, w.step)
		l.workers[c.ID()] = w
	}
	return w
}

// schedule models schedule_work.
func (w *worker) schedule(c *cpu.Core, k work) {
	w.works = append(w.works, k)
	if w.task.Asleep() {
		c.Wake(w.task)
	}
}

// step runs one piece of work, or sleeps.
func (w *worker) step(c *cpu.Core, t *cpu.Task) {
	t.Continue(0, false)
	if len(w.works) == 0 {
		t.Sleep()
		return
	}
	k := w.works[0]
	w.works = w.works[:copy(w.works, w.works[1:])]
	k.run(c, w)
}
