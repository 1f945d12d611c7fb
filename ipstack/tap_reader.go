package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
)

// A tapReader is the program behind a packet socket as a task: a loop over
// recvmsg, or over the frames of a ring with a poll when none is filled.
//
//	PacketRcv:   recv ─▶ copy ─▶ work ─▶ recv ...        recv ─ empty ─▶ sleep
//	TPacketRcv:  look ─▶ work, give the frame back ─▶ look ...  look ─ empty ─▶ poll ─▶ sleep
type tapReader struct {
	task  *cpu.Task
	state tapState
	entry tapEntry
}

type tapState uint8

const (
	tapLook tapState = iota // at the end of it, see what there is
	tapCopy
	tapWork
	tapPoll
)

// Run makes the program a task on a core: what it does takes time from others
// there. The core must not be joined as a consumer. It must be called before
// anything has been received.
func (t *Tap) Run(c *cpu.Core, nice int) {
	t.reader.task = c.NewTask(t.cfg.Name, nice, t.step)
}

// Task returns the program's task, nil if it has none.
func (t *Tap) Task() *cpu.Task { return t.reader.task }

// dataReady models sock_def_readable.
func (t *Tap) dataReady(c *cpu.Core) {
	task := t.reader.task
	if task == nil || !task.Asleep() {
		return
	}
	c.Spend(t.layer.Costs.Wake.Fixed)
	c.Wake(task)
}

// step is what happens at the end of the program's present step.
func (t *Tap) step(c *cpu.Core, task *cpu.Task) {
	k, r := t.layer.Costs, &t.reader
	switch r.state {
	case tapLook, tapPoll:
		t.look(c, task)
	case tapCopy: // packet_recvmsg gives the memory back, then returns
		t.rmem -= r.entry.truesize
		c.Trace.ConsumeSKB(r.entry.id, "packet_recvmsg") // PK-6
		t.done()
		r.state = tapWork
		task.Continue(t.cfg.PerPacket, true)
	case tapWork:
		if t.inHand { // TP_STATUS_KERNEL: the frame is free again
			t.done()
		}
		r.state = tapLook
		if t.cfg.Kind == TPacketRcv {
			t.look(c, task)
		} else {
			task.Continue(k.Syscall.Fixed+k.Dequeue.Fixed, false)
		}
	}
}

// look takes the oldest packet, or sleeps until there is one.
func (t *Tap) look(c *cpu.Core, task *cpu.Task) {
	k, r := t.layer.Costs, &t.reader
	ring := t.cfg.Kind == TPacketRcv
	switch {
	case t.head < len(t.queue):
		r.entry = t.take()
		t.layer.Ledger.Take()
		t.inHand = true
		if ring {
			r.state = tapWork
			task.Continue(t.cfg.PerPacket, true)
			return
		}
		r.state = tapCopy
		task.Continue(k.Copy.For(r.entry.snap), false)
	case ring && r.state == tapLook: // packet_poll looks once more
		r.state = tapPoll
		task.Continue(k.Syscall.Fixed+k.EpollWait.Fixed, false)
	default:
		r.state = tapLook
		task.Continue(k.Dequeue.Fixed, false)
		task.Sleep()
	}
}

// done retires the packet that the program has had.
func (t *Tap) done() {
	t.inHand = false
	t.layer.Ledger.Consume()
}
