package verify

import (
	"errors"
	"fmt"
	"io/fs"
)

// Verdict is what became of a case.
type Verdict uint8

// Verdicts.
const (
	OK            Verdict = iota // every number is the recorded one
	Differs                      // some are not
	Relation                     // noisy when it was recorded: what holds in every run holds
	NotReplayable                // nothing was compared
	NotRun                       // a case that this machine's kernel can't run
)

var verdictNames = [...]string{"ok", "differs", "relation", "not replayable", "not run"}

// String returns the word that results use.
func (v Verdict) String() string { return verdictNames[v] }

// A Result is one case replayed.
type Result struct {
	Case *Case
	Verdict
	// Differences are in the order of the case.
	Differences []Difference
	// Reason says why a case was not replayed, or which relations were checked.
	Reason string
}

// Run replays one case.
func Run(c *Case) Result {
	r := Result{Case: c}
	if c.Group == measured {
		r.Verdict, r.Reason = NotReplayable, "measurements of time: nothing that a kernel counts"
		return r
	}
	got, err := replay(c)
	if why, ok := errors.AsType[notReplayable](err); ok {
		r.Verdict, r.Reason = NotReplayable, string(why)
		return r
	}
	if err != nil {
		r.Verdict, r.Differences = Differs, []Difference{{"replay", nil, err.Error()}}
		return r
	}
	if !c.Deterministic {
		r.Reason, r.Differences = c.relations(got)
		r.Verdict = Relation
	} else {
		r.Differences = compare(nil, "observed", any(c.observed), got)
	}
	if len(r.Differences) > 0 {
		r.Verdict = Differs
	}
	return r
}

// RunFile reads and replays the case in a file.
func RunFile(fsys fs.FS, file string) Result {
	c, err := Read(fsys, file)
	return runRead(file, c, err)
}

// runRead replays a case that was read from a file, if it could be.
func runRead(file string, c *Case, err error) Result {
	if err != nil {
		if c == nil {
			c = &Case{File: file}
		}
		return Result{Case: c, Verdict: NotReplayable, Reason: fmt.Sprintf("not understood: %v", err)}
	}
	return Run(c)
}
