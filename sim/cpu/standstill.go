package cpu

import (
	"fmt"

	"github.com/seed-556df219/rxpath/sim/engine"
)

// patience is how many events in a row may happen on a core at one instant. What
// has an end has it earlier: no queue of a host holds so many packets.
const patience = 1 << 23

// A Standstill says that virtual time does not pass on a CPU any more, because
// what runs there repeats itself and costs nothing. A machine cannot do that.
type Standstill struct {
	// CPU is where, At when.
	CPU int
	At  engine.Time
	// Task is the name of the task that runs there, "" for interrupts.
	Task string
}

// Error implements error.
func (s *Standstill) Error() string {
	what := "interrupts follow each other"
	if s.Task != "" {
		what = fmt.Sprintf("the task %s goes on and on", s.Task)
	}
	return fmt.Sprintf("time stands still on CPU %d at %v: %s, and nothing of it takes time; give it a cost above 0 (host.costs)", s.CPU, s.At, what)
}

// moves notes that something happens now: a step of the task, an interrupt if
// nil. A core on which that happens for ever at one instant is stuck, and does
// nothing any more.
func (c *Core) moves(cur *Task) {
	if c.now != c.stillAt {
		c.stillAt, c.still = c.now, 0
	} else if c.still++; c.still == patience {
		c.stands(cur)
	}
}

func (c *Core) stands(cur *Task) {
	c.stuck = &Standstill{CPU: c.cfg.ID, At: c.now}
	if cur != nil {
		c.stuck.Task = cur.Name
	}
}

// Stuck returns why the core does nothing any more, nil if it does.
func (c *Core) Stuck() error {
	if c.stuck == nil {
		return nil
	}
	return c.stuck
}
