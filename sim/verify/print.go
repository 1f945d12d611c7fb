package verify

import (
	"encoding/json"
	"fmt"
	"io"
)

// Totals counts cases by what became of them.
type Totals struct {
	Cases         int `json:"cases"`
	OK            int `json:"ok"`
	Differ        int `json:"differ"`
	Relations     int `json:"relations"`
	NotReplayable int `json:"not_replayable"`
	// Measured are those of NotReplayable that say how long things took.
	Measured int `json:"measured"`
	// NotRun are cases that this machine's kernel could not run.
	NotRun int `json:"not_run,omitempty"`
}

// Add counts a result.
func (t *Totals) Add(r *Result) {
	t.Cases++
	switch r.Verdict {
	case OK:
		t.OK++
	case Differs:
		t.Differ++
	case Relation:
		t.Relations++
	case NotReplayable:
		t.NotReplayable++
		if r.Case.Group == measured {
			t.Measured++
		}
	case NotRun:
		t.NotRun++
	}
}

// Failed reports whether a case differs, or one with counts was not replayed.
func (t *Totals) Failed() bool { return t.Differ > 0 || t.NotReplayable > t.Measured }

// String is the last line of a verification.
func (t *Totals) String() string {
	s := fmt.Sprintf("%d cases: %d ok, %d differ, %d relations, %d not replayable", t.Cases, t.OK, t.Differ, t.Relations, t.NotReplayable)
	if t.NotRun > 0 {
		s += fmt.Sprintf(", %d not run", t.NotRun)
	}
	if t.Measured > 0 {
		s += fmt.Sprintf(" (%d of them measurements of time)", t.Measured)
	}
	return s
}

// maxShown bounds the differences that a text shows of one case.
const maxShown = 20

// WriteText writes a result: a line, and under it what differs.
func (r *Result) WriteText(w io.Writer) error {
	line := fmt.Sprintf("%s %s", r.Verdict, r.name())
	if r.Reason != "" {
		line += ": " + r.Reason
	}
	if _, err := fmt.Fprintln(w, line); err != nil {
		return err
	}
	for i, d := range r.Differences {
		if i == maxShown {
			_, err := fmt.Fprintf(w, "  and %d more\n", len(r.Differences)-i)
			return err
		}
		if _, err := fmt.Fprintf(w, "  %v\n", d); err != nil {
			return err
		}
	}
	return nil
}

// name is the case's, with its kernel; its file if it could not be read.
func (r *Result) name() string {
	if r.Case.Name == "" {
		return r.Case.File
	}
	return r.Case.Name + " (" + r.Case.Kernel + ")"
}

// MarshalJSON implements [json.Marshaler].
func (r *Result) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		File        string       `json:"file"`
		Name        string       `json:"name"`
		Group       string       `json:"group"`
		Kernel      string       `json:"kernel"`
		Verdict     string       `json:"verdict"`
		Reason      string       `json:"reason,omitempty"`
		Differences []Difference `json:"differences,omitempty"`
	}{r.Case.File, r.Case.Name, r.Case.Group, r.Case.Kernel, r.Verdict.String(), r.Reason, r.Differences})
}

// A Document is a verification as JSON.
type Document struct {
	Schema string `json:"schema"`
	// Machine is the one on which the cases were run, if they were.
	Machine *Machine `json:"machine,omitempty"`
	Totals  Totals   `json:"totals"`
	Cases   []Result `json:"cases"`
}

// DocumentSchema names the form of a Document.
const DocumentSchema = "rxpath.verify/1"
