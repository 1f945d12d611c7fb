package engine

// Class orders events of one instant. The order is part of every result: a
// frame that arrives at t is there when a core looks at t, and a sample at t
// sees everything that happened at t.
type Class uint8

// The classes, first to last.
const (
	ClassSet       Class = iota // a change from outside: Host.Set, Host.Inject, Host.Bind
	ClassArrival                // a frame reaches the port
	ClassWriteBack              // a port has written a descriptor back
	ClassReader                 // a step of a core that only consumes
	ClassTick                   // a timer tick
	ClassInterrupt              // a port asserts an interrupt
	ClassStep                   // a step of any other core
	ClassSample                 // a sample or snapshot
)

// Key is a place in the total order of a run.
type Key struct {
	At  Time
	Tie uint32 // class, then actor
}

// MakeKey returns the place of an event of the given class and actor index.
func MakeKey(at Time, c Class, actor int) Key {
	return Key{at, uint32(c)<<24 | uint32(actor)}
}

// Before reports whether k comes before o.
func (k Key) Before(o Key) bool {
	return k.At < o.At || k.At == o.At && k.Tie < o.Tie
}

// Last is after every event.
var Last = Key{At: Never, Tie: 1<<32 - 1}

// AfterAll returns the place behind everything that happens at t except samples.
func AfterAll(t Time) Key { return MakeKey(t, ClassSample, 0) }
