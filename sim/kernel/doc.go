// Package kernel holds what differs between kernels and between machines:
// a [Profile] names behaviours, a [Costs] value says how long each step takes,
// and both say where they come from.
//
// Behaviours are switched by fields named after the behaviour, never by a
// version number compared in code.
//
// Costs are data: the files costs/*.yaml, with the reasoning in comments, from
// which go generate makes Go values (this package reads no YAML) and the tables
// of docs/costs.md. The texts of [Steps] and [Profile.Each] are the comments of
// the fields, made into Go by the same command.
package kernel
