package mutation

// A fault is an edit of one file, or several.
type fault struct {
	name  string
	file  string // from the root of the module
	edits []edit
}

// An edit replaces old, which occurs in the file exactly once, by new.
type edit struct{ old, new string }

// faults are what somebody could get wrong in code that only one of the
// executives runs, or that makes them differ. A fault in code that both run
// alike is not the differential test's to find.
var faults = []fault{
	{
		name: "the horizon is a picosecond late",
		file: "sim/engine/executive.go",
		edits: []edit{{
			"x.actors[who].Run(x.horizon)",
			"x.actors[who].Run(Key{x.horizon.At + 1, x.horizon.Tie})",
		}},
	},
	{
		name: "a changed actor does not lower the horizon of the running one",
		file: "sim/engine/executive.go",
		edits: []edit{{
			"x.actors[x.running].Lower(k)",
			"_ = k",
		}},
	},
	{
		name: "a changed actor does not play its matches again",
		file: "sim/engine/executive.go",
		edits: []edit{{
			"x.keys[id] = k\n\tx.replay(int(id))",
			"x.keys[id] = k",
		}},
	},
	{
		name: "the runner-up leaves out the last match",
		file: "sim/engine/executive.go",
		edits: []edit{{
			"p > 1; p /= 2 {\n\t\tif o := x.tree[p^1]",
			"p > 3; p /= 2 {\n\t\tif o := x.tree[p^1]",
		}},
	},
	{
		name: "a lowered horizon does not stop the Spend under way",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"c.horizon = horizon\n\tc.next = min(c.next, horizon.At)",
			"c.horizon = horizon",
		}},
	},
	{
		name: "a consumer settled to t leaves out its own step at t",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"engine.MakeKey(t, c.class+1, 0)",
			"engine.MakeKey(t, c.class, 0)",
		}},
	},
	{
		name: "a consumer runs ahead of the end of the run inside the kernel",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"c.parked || t+c.section > end {",
			"c.parked || t > end {",
		}},
	},
	{
		name: "a settled consumer forgets when it is due next",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"c.due, _ = c.Next()",
			"c.due = max(c.due, t+1)",
		}},
	},
	{
		name: "a wake-up of a consumer is not watched for",
		file: "sim/cpu/irq.go",
		edits: []edit{{
			"c.due = min(c.due, max(at, c.now))",
			"_ = at",
		}},
	},
	{
		name: "an interrupt of another core is not announced",
		file: "sim/cpu/irq.go",
		edits: []edit{{
			"c.next = min(c.next, at)\n\t\tc.exec.Changed(c.id)",
			"c.next = min(c.next, at)",
		}},
	},
	{
		name: "a task steps over a lowered horizon",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"c.quiet = min(c.quiet, horizon.At)",
			"_ = horizon",
		}},
	},
	{
		name: "a task steps over a tick",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"c.quiet = min(c.irqDue, c.tickAt, c.horizon.At)",
			"c.quiet = min(c.irqDue, c.horizon.At)",
		}},
	},
	{
		name: "a task steps up to the very instant of the horizon",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"if end >= c.quiet ||",
			"if end > c.quiet ||",
		}},
	},
	{
		name: "a task steps over its need to give way",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"end >= c.quiet || end == c.now || c.sched.need {",
			"end >= c.quiet || end == c.now {",
		}},
	},
	{
		name: "a reader goes on in the kernel over what happens meanwhile",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"func (c *Core) PassKernel(d engine.Time) bool {\n\tif c.now+d >= c.quiet || c.sched.need {",
			"func (c *Core) PassKernel(d engine.Time) bool {\n\tif c.sched.need {",
		}},
	},
	{
		name: "a reader goes on in user mode over what happens meanwhile",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"func (c *Core) PassUser(d engine.Time) bool {\n\tif c.now+d >= c.quiet || c.sched.need {",
			"func (c *Core) PassUser(d engine.Time) bool {\n\tif c.sched.need {",
		}},
	},
	{
		name: "a bulk of irregular losses takes a frame in that arrives later",
		file: "nic/wire.go",
		edits: []edit{{
			"for w.at <= t {",
			"for w.at <= t+w.byte*84 {",
		}},
	},
	{
		name: "a task is woken on a core that was not settled",
		file: "sim/cpu/sched.go",
		edits: []edit{
			{"if t.core != c {\n\t\tt.core.Settle(c.now)\n\t}", ""},
			{"if t.core.Settle(c.now); t.state", "if t.state"},
		},
	},
	{
		name: "a tick comes before a reader's step of the same instant",
		file: "sim/cpu/irq.go",
		edits: []edit{{
			"if c.consumer && c.tickAt == c.now {",
			"if false {",
		}},
	},
	{
		name: "a sleeping consumer wakes only one of two tasks",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"len(s.waking) == 1 && s.ipi.due",
			"len(s.waking) >= 1 && s.ipi.due",
		}},
	},
	{
		name: "a consumer woken in one stride has no idle exit in its books",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"c.books[Idle] += t - c.now + k.IdleExit.Fixed",
			"c.books[Idle] += t - c.now",
		}},
	},
	{
		name: "a Spend runs over a tick",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"c.next = min(c.next, c.tickAt)",
			"_ = c.tickAt",
		}},
	},
	{
		name: "a ring is refilled on a port that was not settled",
		file: "nic/ring.go",
		edits: []edit{{
			"p.settle(c.Now())\n\tq.ntu = ",
			"q.ntu = ",
		}},
	},
	{
		name: "an empty ring is believed without settling the port",
		file: "nic/ring.go",
		edits: []edit{{
			"if q.head == q.tail {\n\t\t\tp.settle(c.Now())\n\t\t}",
			"",
		}},
	},
	{
		name: "a cause latched at the instant of the interrupt is kept",
		file: "nic/ring.go",
		edits: []edit{{
			"if s.ready <= t {",
			"if s.ready < t {",
		}},
	},
	{
		name: "a cause is latched by the last piece of a frame only",
		file: "nic/port.go",
		edits: []edit{{
			"ready = q.writtenBack(s, 0)",
			"_ = s",
		}},
	},
	{
		name: "pieces written back after the interrupt latch no cause",
		file: "nic/ring.go",
		edits: []edit{{
			"for k := int(s.desc) - 2; k >= 0; k-- {",
			"for k := -1; k >= 0; k-- {",
		}},
	},
	{
		name: "a bulk of losses is not looked up in the flow director",
		file: "nic/port.go",
		edits: []edit{{
			"p.regs.look(v, n)",
			"p.regs.look(v, 0)",
		}},
	},
	{
		name: "the cause is cleared when the handler starts",
		file: "nic/vector.go",
		edits: []edit{{
			"q.firstAfter(t))",
			"q.firstAfter(t+p.costs.Interrupt.Fixed))",
		}},
	},
	{
		name: "the cause is that of the first ring only",
		file: "nic/vector.go",
		edits: []edit{{
			"for _, q := range v.queues {\n\t\t\tv.pendingAt",
			"for _, q := range v.queues[:1] {\n\t\t\tv.pendingAt",
		}},
	},
	{
		name: "an unmasked vector is not announced",
		file: "nic/vector.go",
		edits: []edit{{
			"t, false // POLL-2 (7)\n\tv.port.Changed()",
			"t, false // POLL-2 (7)",
		}},
	},
	{
		name: "the port runs beyond its key",
		file: "nic/run.go",
		edits: []edit{{
			"if !engine.MakeKey(t, class, int(p.id)).Before(horizon) {",
			"if false && class == 0 {",
		}},
	},
	{
		name: "the bound of the next write-back is too late for short frames",
		file: "nic/run.go",
		edits: []edit{{
			"return t + p.costs.PCIe.Fixed + p.costs.DMA.Fixed",
			"return t + p.costs.PCIe.Fixed + p.busTime(1514) + p.costs.DMA.Fixed",
		}},
	},
	{
		name: "a frame leaves the FIFO before one that arrives at that instant",
		file: "nic/port.go",
		edits: []edit{{
			"case d < at && d <= t:",
			"case d <= at && d <= t:",
		}},
	},
	{
		name: "the last loss of a bulk is not counted",
		file: "nic/wire.go",
		edits: []edit{{
			"n, sum = n+more, sum+times",
			"n, sum = n+more-1, sum+times",
		}},
	},
	{
		name: "the instants of a bulk of losses add up to a picosecond less",
		file: "nic/wire.go",
		edits: []edit{{
			"n, sum = n+more, sum+times",
			"n, sum = n+more, sum+times-1",
		}},
	},
	{
		name: "a bulk of losses ends a frame early in the sum of instants",
		file: "sim/traffic/constant.go",
		edits: []edit{{
			"triangle(n)*c.gap",
			"triangle(n-1)*c.gap",
		}},
	},
	{
		name: "arrivals are passed over while the FIFO has room",
		file: "nic/port.go",
		edits: []edit{{
			"f == nil || p.fifo.fits(f) {",
			"f == nil {",
		}},
	},
	{
		name: "arrivals of one source of several are passed over",
		file: "nic/wire.go",
		edits: []edit{{
			"len(w.feeds) != 1 || w.paused",
			"w.paused",
		}},
	},
	{
		name: "a bulk of losses takes a frame in that arrives later",
		file: "nic/wire.go",
		edits: []edit{{
			"f.regular.Skip(t)",
			"f.regular.Skip(t+w.byte*84)",
		}},
	},
	{
		name: "a socket is queued to before its reader is settled",
		file: "socket/sock.go",
		edits: []edit{{
			"s.look(c)\n\tswitch {",
			"switch {",
		}},
	},
	{
		name: "a socket is tested before its reader is settled",
		file: "socket/sock.go",
		edits: []edit{{
			"s.look(c)\n\t\tif s.full()",
			"if s.full()",
		}},
	},
	{
		name: "CPUs whose readers share a socket lag behind",
		file: "sim/host.go",
		edits: []edit{{
			"if t.Task().Core() != s.readers[0].Task().Core() {",
			"if false {",
		}},
	},
	{
		name: "udp_mem refuses without asking readers that lag behind",
		file: "socket/accounting.go",
		edits: []edit{{
			"s.host.settle(now)\n",
			"",
		}},
	},
	{
		name: "a consumer that is interrupted from now on goes on lagging",
		file: "sim/cpu/core.go",
		edits: []edit{{
			"c.consumer, c.lagging, c.class = false, false, engine.ClassStep",
			"c.consumer, c.class = false, engine.ClassStep",
		}},
	},
	{
		name: "losses in bulk pass over the pause request that a partner has begun to obey",
		file: "nic/port.go",
		edits: []edit{{
			"if until := min(t, p.xoffAgain); !p.many(until) {",
			"if until := t; !p.many(until) {",
		}},
	},
}
