// Package verify replays recordings of real kernels on a simulated host, and
// says where the two differ.
//
// A recording is a folder of cases, one a file of JSON: what was set up, what
// was sent, and every counter, queue and step that was observed
// (docs/cases.md, docs/case.schema.json). The kernel of a case selects the
// profile. A case is replayed by its set-up and its stimulus alone: its name
// decides nothing.
//
//	Read ─▶ Case ─▶ world: a host with lo, veth or tap, sockets, a sender
//	                  │ stimulus: sends, reads, frames, bursts
//	                  ▼
//	                observed ─▶ compare ─▶ Result: ok, differs, relation, not replayable
//
// Every number that was recorded is compared. What a case says and the model
// does not know is a difference, except in cases that were noisy when they were
// recorded: of these, relations are checked that hold in every run.
package verify
