package sweep

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/seed-556df219/rxpath/sim/report"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// Schema is the value of the key schema in the first line of a journal.
const Schema = "rxpath.sweep/1"

// JournalName is the file of a journal in the directory of a sweep.
const JournalName = "results.jsonl"

// A Header is the first line of a journal: what the sweep is of.
type Header struct {
	Schema         string `json:"schema"`
	ResultsVersion int    `json:"results_version"`
	// Scenario is the SHA-256 of the scenario in its canonical form.
	Scenario string `json:"scenario"`
	// Paths are the keys that vary, Points how many points there are, Design the SHA-256 of their values.
	Paths  []string `json:"paths"`
	Points int      `json:"points"`
	Design string   `json:"design"`
	Reps   int      `json:"reps"`
	// Measures are the metrics beyond the standard ones.
	Measures []string `json:"measures,omitempty"`
	// Aliases are the metrics of those measures that have a name of their own, by name.
	Aliases map[string]string `json:"aliases,omitempty"`
	// Shard and Shards say which points the journal has, 0 of 1 all.
	Shard  int `json:"shard"`
	Shards int `json:"shards"`
}

// NewHeader describes a sweep. The error is that of a base that is no scenario.
func NewHeader(base *Base, d *Design, opts Options) (Header, error) {
	canonical, err := scenariofile.Canonical(base.Name, base.Data, base.Sets...)
	if err != nil {
		return Header{}, err
	}
	design, err := json.Marshal(d.Points)
	if err != nil {
		return Header{}, err
	}
	h := Header{
		Schema: Schema, ResultsVersion: report.ResultsVersion, Scenario: fmt.Sprintf("%x", sha256.Sum256(canonical)),
		Paths: append([]string{}, d.Paths...), Points: len(d.Points), Design: fmt.Sprintf("%x", sha256.Sum256(design)),
		Reps: max(opts.Reps, 1), Shard: opts.Shard, Shards: max(opts.Shards, 1),
	}
	for _, m := range opts.Measures {
		h.Measures = append(h.Measures, m.Name)
	}
	for _, name := range h.Measures {
		if slices.Contains(d.Paths, name) {
			return Header{}, fmt.Errorf("metric %q has the name of a key that varies", name)
		}
	}
	h.Aliases = Aliases(opts.Measures)
	return h, nil
}

// differs says in which respect two headers are not of the same sweep; empty if
// they are. Shards of one sweep do not differ.
func (h *Header) differs(o *Header) string {
	switch {
	case h.Schema != o.Schema:
		return fmt.Sprintf("its schema is %q, not %q", o.Schema, h.Schema)
	case h.ResultsVersion != o.ResultsVersion:
		return fmt.Sprintf("its results_version is %d, that of this program %d: the same scenario gives other numbers now", o.ResultsVersion, h.ResultsVersion)
	case h.Scenario != o.Scenario:
		return "it is of another scenario, of this one with other settings, or of a version of rxpath with other keys"
	case !slices.Equal(h.Paths, o.Paths):
		return fmt.Sprintf("it varies %q, not %q", o.Paths, h.Paths)
	case h.Design != o.Design || h.Points != o.Points:
		return fmt.Sprintf("its %d points have other values than these %d", o.Points, h.Points)
	case h.Reps != o.Reps:
		return fmt.Sprintf("it has %d replications a point, not %d", o.Reps, h.Reps)
	case !slices.Equal(h.Measures, o.Measures):
		return fmt.Sprintf("it has the further metrics %q, not %q", o.Measures, h.Measures)
	case !maps.Equal(h.Aliases, o.Aliases):
		return fmt.Sprintf("the names of its further metrics stand for %q, not for %q", o.Aliases, h.Aliases)
	}
	return ""
}

// A Journal is a file of outcomes: a header, then one line for each, in the
// order in which they came. A line is written at once, so that a process killed
// at any instant loses at most the line that it was writing.
type Journal struct {
	path   string
	file   *os.File
	header Header
	had    map[[2]int]bool
	out    []Outcome
}

// A JournalError is a journal that is not that of the sweep.
type JournalError struct {
	Path, Why string
}

// Error implements error.
func (e *JournalError) Error() string { return e.Path + ": " + e.Why }

// ErrExists is why Create did not begin a journal.
var ErrExists = errors.New("holds results of a sweep already")

// Create begins the journal of a sweep at path. The error wraps ErrExists if
// there is one.
func Create(path string, h Header) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s %w", path, ErrExists)
	}
	if err != nil {
		return nil, err
	}
	j := &Journal{path: path, file: f, header: h, had: map[[2]int]bool{}}
	return j, j.writeHeader()
}

func (j *Journal) writeHeader() error {
	line, err := json.Marshal(j.header)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(line, '\n'))
	return err
}

// Resume opens the journal at path to go on with it, or begins it if there is
// none, or none whose first line was written whole. A line at the end that was
// not written whole is cut off. Outcomes that failed are forgotten, to be tried
// again. The error is a *JournalError if it is not that of this sweep.
func Resume(path string, h Header) (*Journal, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	head, rest, whole := bytes.Cut(data, []byte("\n"))
	if !whole {
		if begun, _ := json.Marshal(h); len(head) > 0 && !bytes.HasPrefix(begun, head) {
			return nil, &JournalError{path, "it is not the journal of a sweep"}
		}
		if err := os.RemoveAll(path); err != nil {
			return nil, err
		}
		return Create(path, h)
	}
	j := &Journal{path: path, header: h, had: map[[2]int]bool{}}
	was, err := readHeader(path, head)
	if err != nil {
		return nil, err
	}
	if why := h.differs(&was); why != "" {
		return nil, &JournalError{path, why}
	}
	if was.Shard != h.Shard || was.Shards != h.Shards {
		return nil, &JournalError{path, fmt.Sprintf("it is shard %d/%d, not %d/%d", was.Shard, was.Shards, h.Shard, h.Shards)}
	}
	kept := len(head) + 1
	for len(rest) > 0 {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			break
		}
		o, err := readOutcome(path, line, &h, len(j.out)+2)
		if err != nil {
			return nil, err
		}
		if !j.keep(o) {
			return nil, &JournalError{path, fmt.Sprintf("point %d, replication %d is there twice", o.Point, o.Rep)}
		}
		rest = after
		kept += len(line) + 1
	}
	if err := j.reopen(kept); err != nil {
		return nil, err
	}
	return j, j.dropFailed()
}

func readHeader(path string, line []byte) (Header, error) {
	var h Header
	if err := json.Unmarshal(line, &h); err != nil || h.Schema == "" {
		return Header{}, &JournalError{path, "it is not the journal of a sweep"}
	}
	return h, nil
}

// readOutcome reads the line of that number.
func readOutcome(path string, line []byte, h *Header, number int) (Outcome, error) {
	var o Outcome
	if err := json.Unmarshal(line, &o); err != nil {
		return Outcome{}, &JournalError{path, fmt.Sprintf("line %d is damaged: %v", number, err)}
	}
	if o.Point < 0 || o.Point >= h.Points || o.Rep < 0 || o.Rep >= h.Reps {
		return Outcome{}, &JournalError{path, fmt.Sprintf("point %d, replication %d is not of this sweep", o.Point, o.Rep)}
	}
	return o, nil
}

// keep notes an outcome; false if it is there.
func (j *Journal) keep(o Outcome) bool {
	k := [2]int{o.Point, o.Rep}
	if j.had[k] {
		return false
	}
	j.had[k] = true
	j.out = append(j.out, o)
	return true
}

// reopen opens the file for appending behind its first bytes.
func (j *Journal) reopen(kept int) error {
	f, err := os.OpenFile(j.path, os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	j.file = f
	return f.Truncate(int64(kept))
}

// dropFailed forgets the outcomes that failed, so that they are tried again.
func (j *Journal) dropFailed() error {
	n := len(j.out)
	j.out = slices.DeleteFunc(j.out, func(o Outcome) bool {
		if o.Error != "" {
			delete(j.had, [2]int{o.Point, o.Rep})
		}
		return o.Error != ""
	})
	if len(j.out) == n {
		return nil
	}
	return j.rewrite()
}

// Has reports whether the journal has that outcome. It is an Options.Skip.
func (j *Journal) Has(point, rep int) bool { return j.had[[2]int{point, rep}] }

// Len returns how many outcomes there are.
func (j *Journal) Len() int { return len(j.out) }

// Outcomes returns the outcomes by point and replication.
func (j *Journal) Outcomes() []Outcome {
	out := slices.Clone(j.out)
	slices.SortFunc(out, less)
	return out
}

// Add writes an outcome down. It is an Options.Done.
func (j *Journal) Add(o Outcome) error {
	line, err := o.MarshalLine()
	if err != nil {
		return err
	}
	if _, err := j.file.Write(line); err != nil {
		return err
	}
	j.out = append(j.out, o) // had is read by the workers: what is under way is not asked for again
	return nil
}

// Finish puts the outcomes in order and closes the journal: the file is the
// same whatever came first.
func (j *Journal) Finish() error {
	if slices.IsSortedFunc(j.out, less) {
		return j.Close()
	}
	return errors.Join(j.rewrite(), j.Close())
}

// Close closes the journal as it is.
func (j *Journal) Close() error { return j.file.Close() }

// rewrite writes the journal anew, in order, and takes the place of the old file
// at once.
func (j *Journal) rewrite() error {
	text, err := render(j.header, j.Outcomes())
	if err != nil {
		return err
	}
	if err := replace(j.path, text); err != nil {
		return err
	}
	if err := j.file.Close(); err != nil {
		return err
	}
	return j.reopen(len(text))
}

// render returns the bytes of a journal.
func render(h Header, outcomes []Outcome) ([]byte, error) {
	var b bytes.Buffer
	line, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	b.Write(append(line, '\n'))
	for i := range outcomes {
		line, err := outcomes[i].MarshalLine()
		if err != nil {
			return nil, err
		}
		b.Write(line)
	}
	return b.Bytes(), nil
}

// replace writes a file beside path and renames it.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Read reads a journal that is finished, or was left. A last line that was not
// written whole is not an outcome.
func Read(path string) (Header, []Outcome, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Header{}, nil, err
	}
	head, rest, whole := bytes.Cut(data, []byte("\n"))
	if !whole {
		return Header{}, nil, &JournalError{path, "it is not the journal of a sweep"}
	}
	h, err := readHeader(path, head)
	if err != nil {
		return Header{}, nil, err
	}
	var out []Outcome
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			slices.SortFunc(out, less)
			return h, out, nil
		}
		o, err := readOutcome(path, line, &h, len(out)+2)
		if err != nil {
			return Header{}, nil, err
		}
		out = append(out, o)
		rest = after
	}
}

// Merge puts the journals of shards together, as the sweep in one would have
// written it, at path. Shards may overlap if they agree. What is missing is an
// error that says how much, and then nothing is written.
func Merge(path string, shards ...string) error {
	var whole Header
	seen := map[[2]int]Outcome{}
	for i, s := range shards {
		h, out, err := Read(s)
		if err != nil {
			return err
		}
		if i == 0 {
			whole = h
		}
		if why := whole.differs(&h); why != "" {
			return &JournalError{s, "not of the same sweep as " + shards[0] + ": " + why}
		}
		for _, o := range out {
			k := [2]int{o.Point, o.Rep}
			if was, twice := seen[k]; twice && !reflect.DeepEqual(was, o) {
				return &JournalError{s, fmt.Sprintf("point %d, replication %d is not as in another shard", o.Point, o.Rep)}
			}
			seen[k] = o
		}
	}
	if missing := whole.Points*whole.Reps - len(seen); missing > 0 {
		return fmt.Errorf("%d of %d runs are missing: want all %d shards, each finished", missing, whole.Points*whole.Reps, whole.Shards)
	}
	whole.Shard, whole.Shards = 0, 1
	out := make([]Outcome, 0, len(seen))
	for _, o := range seen { // Any order: they are sorted below.
		out = append(out, o)
	}
	slices.SortFunc(out, less)
	text, err := render(whole, out)
	if err != nil {
		return err
	}
	return replace(path, text)
}
