// Package kernel holds what differs between kernels and between machines:
// a [Profile] names behaviours, a [Costs] value says how long each step takes,
// and both say where they come from.
//
// Behaviours are switched by fields named after the behaviour, never by a
// version number compared in code.
package kernel
