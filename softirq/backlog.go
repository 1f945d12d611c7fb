package softirq

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// backlog is the NAPI instance of a CPU's backlog.
type backlog struct {
	sd        *SoftnetData
	weight    int
	scheduled bool
}

// String implements fmt.Stringer.
func (bl *backlog) String() string { return "backlog" }

// Weight implements Poller.
func (bl *backlog) Weight() int { return bl.weight }

// Poll models process_backlog (RPS-13). The new weight is effective at the next
// poll (ODD-19).
func (bl *backlog) Poll(c *cpu.Core, quota int) (work int, repoll bool) {
	sd := bl.sd
	h := sd.host
	if !bl.scheduled {
		return 0, false
	}
	c.Trace.Call("process_backlog")
	c.Spend(h.Costs.Poll.Fixed)
	sd.netRPSActionAndIRQEnable()
	bl.weight = h.Config.DevWeight
	last := -1 // packets that may still be processed after SCHED was given up (K310-14)
	for {
		for sd.processQueue.len() > 0 {
			sd.receiveNext(c)
			work++
			if last--; last == 0 {
				return work, false
			}
			if work >= quota {
				return work, true
			}
		}
		if sd.inputPktQueue.len() == 0 {
			bl.scheduled = false
			return work, false
		}
		sd.inputPktQueue, sd.processQueue = sd.processQueue, sd.inputPktQueue
		if n := sd.processQueue.len(); h.Profile.BacklogReleasedEarly && n < quota-work {
			bl.scheduled = false
			last = n
		}
	}
}

// receiveNext hands the head of process_queue to the stack.
func (sd *SoftnetData) receiveNext(c *cpu.Core) {
	b := &sd.scratch
	*b = *sd.processQueue.pop()
	h := sd.host
	h.Ledger.Take()
	c.Trace.Enter(b, "__netif_receive_skb")
	c.Spend(h.Costs.Backlog.Fixed)
	if h.BacklogWait != nil {
		h.BacklogWait(c.Now() - b.Queued)
	}
	h.Stack.ReceiveSKB(c, b)
	c.Trace.Leave("__netif_receive_skb")
	sd.inputQueueHead++
}

// queue is a list of packets that grows to what it has to hold and then stays.
type queue struct {
	buf        []skb.Buff
	head, tail uint32
}

func (q *queue) len() int { return int(q.tail - q.head) }

// holds reports whether a packet whose number has one of the bits is in the queue.
func (q *queue) holds(bits uint64) bool {
	for i := q.head; i != q.tail; i++ {
		if q.buf[i&uint32(len(q.buf)-1)].ID&bits != 0 {
			return true
		}
	}
	return false
}

func (q *queue) push(b *skb.Buff) {
	if q.len() == len(q.buf) {
		q.grow()
	}
	q.buf[q.tail&uint32(len(q.buf)-1)] = *b
	q.tail++
}

func (q *queue) pop() *skb.Buff {
	b := &q.buf[q.head&uint32(len(q.buf)-1)]
	q.head++
	return b
}

func (q *queue) grow() {
	bigger := make([]skb.Buff, max(16, 2*len(q.buf)))
	n := uint32(0)
	for i := q.head; i != q.tail; i++ {
		bigger[n] = q.buf[i&uint32(len(q.buf)-1)]
		n++
	}
	q.buf, q.head, q.tail = bigger, 0, n
}
