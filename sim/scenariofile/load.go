package scenariofile

import (
	_ "embed"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-556df219/rxpath/sim/scenario"
)

//go:embed default.yaml
var defaultYAML []byte

// Default returns the scenario file that rxpath runs when it is given none: a
// multicast market-data feed of 250,000 messages a second, with comments.
func Default() []byte { return append([]byte(nil), defaultYAML...) }

// DefaultName is what [Default] is called in faults.
const DefaultName = "default.yaml"

// Load reads the scenario file at path and applies the sets. The files of its
// captures are looked for where the scenario file is: their paths become
// relative to the working directory, as path is. Files of pauses are read.
//
// An error of the scenario is [Faults]: everything that is wrong with it at
// once. An error of the file system is returned as it is.
func Load(path string, sets ...Set) (scenario.Scenario, error) {
	data, err := readFile(path)
	if err != nil {
		return scenario.Scenario{}, err
	}
	s, err := Parse(path, data, sets...)
	if err != nil {
		return scenario.Scenario{}, err
	}
	for i := range s.Captures {
		if c := &s.Captures[i]; !filepath.IsAbs(c.File) {
			c.File = filepath.Join(filepath.Dir(path), filepath.FromSlash(c.File))
		}
	}
	if err := LoadPauses(&s, filepath.Dir(path)); err != nil {
		return scenario.Scenario{}, err
	}
	return s, nil
}

// readFile reads no more of a file than Parse would take.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxBytes+1))
}

// Parse reads a scenario from data and applies the sets, in their order. name
// is the file's name: it stands in faults, and its base without ending is the
// scenario's name if data gives none. Files of captures stay as they are written.
//
// The error is nil or [Faults]. Parse never panics, and is quick to refuse what
// is too large or too deep to be a scenario.
func Parse(name string, data []byte, sets ...Set) (scenario.Scenario, error) {
	return Read(name, data).Parse(sets...)
}

// A Source is a scenario file that has been read, to be parsed with one list of
// Sets after the other. It does not change: several goroutines may parse it.
type Source struct {
	name   string
	data   []byte
	root   *node // nil if it is not YAML
	faults collector
}

// Read reads a scenario from data for [Source.Parse], which tells what is wrong with it.
func Read(name string, data []byte) *Source {
	s := &Source{name: name, data: data}
	s.root = readYAML(data, 0, nil, &s.faults)
	return s
}

// Parse does what the function Parse does, without reading the file again.
func (s *Source) Parse(sets ...Set) (scenario.Scenario, error) {
	sc, _, faults := s.parse(sets, false)
	if faults != nil {
		return scenario.Scenario{}, faults
	}
	return sc, nil
}

// Locate returns a fault at the place of a key, "nics[0].ring.rx", for somebody
// who finds one that Parse can't: with the Set that gave the key its value, or
// the line of the key or of the nearest one above it that stands in the file,
// and the value as it was written.
func (s *Source) Locate(key string, sets ...Set) *Fault {
	found := fault{}
	if s.root == nil {
		return found.placed(s.name, &lines{}, sets, nil)
	}
	root := s.root.copy()
	if root.kind == mapping {
		set := &setter{root: root, faults: s.faults.clone(), load: unscaled}
		for i, one := range sets {
			set.apply(i+1, one)
		}
	}
	if p, ok := parsePath(key); ok {
		found.path = p
		if n, _ := root.locate(p); n != nil {
			found.value = n.text
		}
	}
	return found.placed(s.name, &lines{text: string(s.data)}, sets, root)
}

// Canonical returns the scenario that Parse makes of the same arguments as a
// file with every default filled in and every Set applied, in one order and
// one notation: what to store beside results. Parse reads it as the same
// scenario, and Canonical gives it back unchanged.
func Canonical(name string, data []byte, sets ...Set) ([]byte, error) {
	_, doc, faults := Read(name, data).parse(sets, true)
	if faults != nil {
		return nil, faults
	}
	return encode(doc)
}

// parse does what Parse says, and returns the document as well: with complete,
// every default is filled in.
func (s *Source) parse(sets []Set, complete bool) (scenario.Scenario, *document, Faults) {
	faults := s.faults.clone()
	if s.root == nil {
		return scenario.Scenario{}, nil, faults.faults(s.name, s.data, sets, nil)
	}
	root := s.root.copy()
	if root.kind == null {
		root = &node{kind: mapping, at: root.at}
	}
	set := &setter{root: root, faults: faults, load: unscaled}
	if root.kind == mapping {
		for i, one := range sets {
			set.apply(i+1, one)
		}
	}
	sc, doc := finish(s.name, root, set.load, faults, complete)
	return sc, doc, faults.faults(s.name, s.data, sets, root)
}

// finish makes a scenario of a tree.
func finish(name string, root *node, load uint64, faults *collector, complete bool) (scenario.Scenario, *document) {
	valid := root.copy()
	validate(valid, faults)
	return build(name, root, valid, load, faults, complete)
}

// build makes a scenario of the valid part of a tree.
func build(name string, root, valid *node, load uint64, faults *collector, complete bool) (scenario.Scenario, *document) {
	doc := defaultDocument()
	doc.Name = strings.TrimSuffix(filepath.Base(filepath.ToSlash(name)), filepath.Ext(name))
	raw, err := json.Marshal(valid.any())
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil { // the schema let something pass that the types do not take
		faults.add(fault{problem: err.Error()})
		return scenario.Scenario{}, &doc
	}
	c := &converter{doc: &doc, root: root, faults: faults, load: load, complete: complete}
	return c.convert(), &doc
}
