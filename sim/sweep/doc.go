// Package sweep runs one scenario many times with keys changed: every
// combination of some values, or samples of ranges, each with several seeds.
//
// A Design is a list of points, a point the values of some keys. Run runs each
// point opts.Reps times on all cores. Replication r has the same seed at every
// point (common random numbers), so that what differs between two points is
// what the keys did, not chance. What comes out is an Outcome a run, with every
// number of the result by the name that thresholds use (docs/metrics.md).
//
// A Journal keeps outcomes as they come, one line of JSON each, so that a sweep
// that was killed goes on where it was; when all are there it is put in order,
// so that its bytes do not depend on what happened on the way. Shards are
// journals that Merge puts together.
//
// Summarize turns the replications of a point into means with 95 % confidence
// intervals (Student's t; none below five replications).
package sweep
