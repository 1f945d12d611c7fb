package engine

import "slices"

// An Actor has a timeline of its own.
type Actor interface {
	// Next is the instant and class of the actor's next event, Never if it has none.
	// A lower bound is enough: an actor that is run before it has anything to do
	// moves its Next on.
	Next() (Time, Class)

	// Run executes the actor's next event. It may go on as long as the key of
	// its own next event comes before the horizon.
	Run(horizon Key)

	// Lower moves the horizon of the running actor nearer. It is called from
	// within Run, when something that the actor did brings another's turn forward.
	Lower(horizon Key)
}

// A Settler is an actor whose doings nobody can notice without looking, and
// that nobody can disturb without saying so: it may lag behind until then.
type Settler interface {
	// Settle brings the actor to t: everything that happens at or before t is done.
	Settle(t Time)
}

// ID is an actor's index in its executive. It breaks ties, so the order in
// which actors are added is part of the result.
type ID int

// An Executive runs actors in the total order.
type Executive interface {
	// Add makes a an actor. Nothing may have run yet.
	Add(a Actor) ID

	// AddSettler makes a an actor that may lag behind: the lazy executive never
	// runs it, and settles it at the end of every RunUntil.
	AddSettler(a interface {
		Actor
		Settler
	}) ID

	// Promote makes what AddSettler has added an actor like any other, from the next RunUntil on. It is called
	// between two of them.
	Promote(id ID, a Actor)

	// Changed says that the next event of the actor may have moved.
	Changed(ID)

	// RunUntil runs everything that comes before the sample class at t.
	RunUntil(t Time)

	// End points to the t of the present or last RunUntil.
	End() *Time

	// Events is the number of times that an actor was run.
	Events() uint64
}

// Naive is the executive that proves the other: before every event it looks at
// every actor, and no actor ever runs two events in a row unseen.
type Naive struct {
	actors []Actor
	events uint64
	end    Time
}

// NewNaive returns an executive without actors.
func NewNaive() *Naive { return &Naive{} }

// Add implements Executive.
func (x *Naive) Add(a Actor) ID {
	x.actors = append(x.actors, a)
	return ID(len(x.actors) - 1)
}

// AddSettler implements Executive: to the naive executive all actors are alike.
func (x *Naive) AddSettler(a interface {
	Actor
	Settler
}) ID {
	return x.Add(a)
}

// Promote implements Executive: to the naive executive all actors are alike.
func (x *Naive) Promote(ID, Actor) {}

// Changed implements Executive: the naive executive asks everyone anyway.
func (x *Naive) Changed(ID) {}

// End implements Executive.
func (x *Naive) End() *Time { return &x.end }

// Events implements Executive.
func (x *Naive) Events() uint64 { return x.events }

// RunUntil implements Executive.
func (x *Naive) RunUntil(t Time) {
	x.end = t
	end := AfterAll(t)
	for {
		best, who := end, -1
		for i, a := range x.actors {
			at, class := a.Next()
			if k := MakeKey(at, class, i); k.Before(best) {
				best, who = k, i
			}
		}
		if who < 0 {
			return
		}
		x.events++
		x.actors[who].Run(best)
	}
}

// Lazy is the executive that is used: a winner tree over the actors' next
// events, the runner-up as the winner's horizon, settlers left alone.
type Lazy struct {
	actors   []Actor // nil for a settler
	settlers []Settler
	keys     []Key
	tree     []int32 // tree[1] is the winner; leaves start at base
	base     int
	running  ID
	horizon  Key
	events   uint64
	end      Time
}

// NewLazy returns an executive without actors.
func NewLazy() *Lazy { return &Lazy{running: -1} }

// Add implements Executive.
func (x *Lazy) Add(a Actor) ID {
	x.actors = append(x.actors, a)
	x.keys = append(x.keys, Last)
	x.base = 0
	return ID(len(x.actors) - 1)
}

// AddSettler implements Executive.
func (x *Lazy) AddSettler(a interface {
	Actor
	Settler
}) ID {
	id := x.Add(nil)
	x.settlers = append(x.settlers, a)
	return id
}

// Promote implements Executive.
func (x *Lazy) Promote(id ID, a Actor) {
	x.actors[id] = a
	x.settlers = slices.DeleteFunc(x.settlers, func(s Settler) bool { return any(s) == any(a) })
}

// End implements Executive.
func (x *Lazy) End() *Time { return &x.end }

// Events implements Executive.
func (x *Lazy) Events() uint64 { return x.events }

// Changed implements Executive.
func (x *Lazy) Changed(id ID) {
	if x.base == 0 || id == x.running || x.actors[id] == nil {
		return // rebuilt at the next RunUntil, or after Run, or never run
	}
	at, class := x.actors[id].Next()
	k := MakeKey(at, class, int(id))
	if x.keys[id] == k {
		return
	}
	x.keys[id] = k
	x.replay(int(id))
	if x.running >= 0 && k.Before(x.horizon) {
		x.horizon = k
		x.actors[x.running].Lower(k)
	}
}

// RunUntil implements Executive.
func (x *Lazy) RunUntil(t Time) {
	x.end = t
	end := AfterAll(t)
	x.rebuild()
	for len(x.actors) > 0 {
		who := x.tree[1]
		if !x.keys[who].Before(end) {
			break
		}
		x.events++
		x.running = ID(who)
		x.horizon = x.runnerUp(int(who), end)
		x.actors[who].Run(x.horizon)
		x.running = -1
		x.refresh(int(who))
		x.replay(int(who))
	}
	for _, s := range x.settlers {
		s.Settle(t)
	}
}

// refresh asks an actor for its next event.
func (x *Lazy) refresh(i int) {
	if a := x.actors[i]; a != nil {
		at, class := a.Next()
		x.keys[i] = MakeKey(at, class, i)
	}
}

// rebuild plays the whole tournament.
func (x *Lazy) rebuild() {
	n := len(x.actors)
	x.base = 1
	for x.base < n {
		x.base *= 2
	}
	if len(x.tree) != 2*x.base {
		x.tree = make([]int32, 2*x.base)
	}
	for i := range x.base {
		x.tree[x.base+i] = -1
		if i < n {
			x.refresh(i)
			x.tree[x.base+i] = int32(i)
		}
	}
	for i := x.base - 1; i > 0; i-- {
		x.tree[i] = x.winner(x.tree[2*i], x.tree[2*i+1])
	}
}

func (x *Lazy) winner(a, b int32) int32 {
	if b < 0 || a >= 0 && x.keys[a].Before(x.keys[b]) {
		return a
	}
	return b
}

// replay plays the matches on the way from leaf i to the root.
func (x *Lazy) replay(i int) {
	for p := (x.base + i) / 2; p > 0; p /= 2 {
		x.tree[p] = x.winner(x.tree[2*p], x.tree[2*p+1])
	}
}

// runnerUp is the earliest event of all but the winner, and at the latest end.
func (x *Lazy) runnerUp(i int, end Key) Key {
	best := end
	for p := x.base + i; p > 1; p /= 2 {
		if o := x.tree[p^1]; o >= 0 && x.keys[o].Before(best) {
			best = x.keys[o]
		}
	}
	return best
}
