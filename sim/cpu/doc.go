// Package cpu models a core that spends time.
//
// [Core.Spend] is the only way in which time passes in a stage. Code between
// two Spends is atomic at [Core.Now]. When Spend moves the clock past the
// horizon, the core parks: its kernel context is a coroutine, and the executive
// runs whoever is earlier. So a stage reads like the kernel function that it
// models, and never sees the engine.
//
// What runs, in this order: hard interrupts, at the next end of a Spend or
// inside a task's step (a stated deviation: a real interrupt does not wait for
// the end of the running function); softirqs, at irq_exit and when a task
// leaves a BH-disabled region; tasks, under a fair scheduler modelled on
// kernel/sched/fair.c. Tasks are step machines, so that an interrupt can split
// a step.
//
//	             ┌────────────────────── hard interrupt ◀─┐ any time
//	idle ──wake──▶ task ──step──▶ task        │           │
//	  ▲            │  ▲                     irq_exit      │
//	  └──sleep─────┘  └── bh_enable ──▶ softirqs ─────────┘
//
// A core is an actor, or a consumer: a core that only runs readers (no
// interrupt, no backlog) can be disturbed by wake-ups only, and its doings are
// noticed only by whoever looks at its sockets. The lazy executive leaves it
// behind until then.
//
// Not modelled:
//   - A task stays on its CPU: the scheduler migrates none.
//   - There are no real-time scheduling classes.
//   - A core has one frequency, and one idle state with a fixed exit time.
//   - An idle CPU has no ticks (NO_HZ_IDLE is on).
package cpu
