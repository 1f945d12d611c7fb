package socket

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/hist"
	"github.com/seed-556df219/rxpath/sim/law"
)

// PoolConfig is how the threads that read hand datagrams to others that serve
// them.
type PoolConfig struct {
	// Queue is how many datagrams can wait between them.
	Queue int
	// Drop loses a datagram in the program when the queue is full; otherwise the reader waits for room.
	Drop bool
	// Service is the time in user mode per datagram.
	Service law.Law
	// Nice is the workers' nice value.
	Nice int
}

// A Pool is a queue in a program between threads that read sockets and workers
// that serve what was read. Nothing of it is the kernel's but the sleeping and
// waking, which models futex_wait and futex_wake.
type Pool struct {
	cfg     PoolConfig
	host    *Host
	workers []*worker
	full    []*Thread // who waits for room, first come first served

	arrived []engine.Time // a ring: when the frames of the datagrams that wait arrived
	head    int
	n       int

	// Handled counts datagrams that were served, Dropped those that found the queue full, Stalls how often a reader
	// waited for room. Max is the most that ever waited, Done the time from the wire to the end of the service.
	Handled, Dropped, Stalls uint64
	Max                      int
	Done                     hist.Hist
}

// A worker is one thread of a pool.
type worker struct {
	pool    *Pool
	task    *cpu.Task
	rand    engine.Stream
	serving bool
	arrived engine.Time
}

// NewPool returns a pool without workers.
func NewPool(h *Host, cfg PoolConfig) *Pool {
	return &Pool{cfg: cfg, host: h, arrived: make([]engine.Time, cfg.Queue)}
}

// AddWorker starts a worker on core c.
func (p *Pool) AddWorker(c *cpu.Core, name string, rand engine.Stream) *cpu.Task {
	w := &worker{pool: p, rand: rand}
	w.task = c.NewTask(name, p.cfg.Nice, w.step)
	w.task.Start(engine.Picosecond)
	p.workers = append(p.workers, w)
	return w.task
}

// Serve makes the pool serve what the thread reads.
func (p *Pool) Serve(t *Thread) { t.pool, t.simple = p, false }

// Waiting returns how many datagrams wait between readers and workers.
func (p *Pool) Waiting() int { return p.n }

// handOver puts the datagrams of a call into the pool's queue, and goes on when
// all are there.
func (t *Thread) handOver(c *cpu.Core) {
	p := t.pool
	for t.handed < t.got {
		if p.n == len(p.arrived) {
			if !p.cfg.Drop {
				p.Stalls++
				p.full = append(p.full, t)
				t.state = inHandOver
				t.task.Continue(t.host.Costs.Syscall.Fixed, false)
				t.task.Sleep()
				return
			}
			p.Dropped++
			t.handed++
			continue
		}
		p.arrived[(p.head+p.n)%len(p.arrived)] = t.arrived[t.handed]
		p.n++
		p.Max = max(p.Max, p.n)
		t.handed++
		p.wakeOne(c)
	}
	t.arrived = t.arrived[:0]
	t.again()
	t.next(c)
}

// wakeOne wakes a worker that sleeps.
func (p *Pool) wakeOne(c *cpu.Core) {
	for _, w := range p.workers {
		if w.task.Asleep() {
			c.Spend(p.host.Costs.Syscall.Fixed + p.host.Costs.Wake.Fixed)
			c.Wake(w.task)
			return
		}
	}
}

// step ends a service, and begins the next or sleeps.
func (w *worker) step(c *cpu.Core, _ *cpu.Task) {
	p := w.pool
	if w.serving {
		p.Handled++
		p.Done.Record(c.Now() - w.arrived)
	}
	if w.serving = p.n > 0; !w.serving {
		w.task.Continue(p.host.Costs.Syscall.Fixed, false)
		w.task.Sleep()
		return
	}
	w.arrived = p.arrived[p.head]
	p.head = (p.head + 1) % len(p.arrived)
	p.n--
	if len(p.full) > 0 {
		t := p.full[0]
		p.full = p.full[:copy(p.full, p.full[1:])]
		c.Spend(p.host.Costs.Syscall.Fixed + p.host.Costs.Wake.Fixed)
		c.Wake(t.task)
	}
	w.task.Continue(engine.Time(p.cfg.Service.Draw(&w.rand)), true)
}
