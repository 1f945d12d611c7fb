// Package engine holds virtual time and the two executives that let actors
// take turns in it.
//
// An actor is whatever has a timeline of its own: a core, a port. An executive
// always runs the actor whose next event comes first in the total order of
// [Key]: (time, class, actor index), and lets it go on until somebody else's
// turn has come, the horizon. The order of events of one actor at one instant
// is the order in which the actor itself has them.
//
// Two executives run the same actors. [Naive] looks at every actor before
// every single event and lets nobody go further than one event. [Lazy] keeps
// the actors in a winner tree, lets the winner go on up to the runner-up, and
// leaves settlers (actors that only others' looks can disturb) alone until
// somebody looks. Both must produce the same run, to the picosecond.
//
// Not a package for general use: no event is ever an object here, so there is
// nothing to allocate, cancel or leak.
package engine
