package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/units"
)

// defaultProfile stands first.
const defaultProfile = "bdw-3.6ghz"

// A profile is one file of sim/kernel/costs.
type profile struct {
	Name        string
	Description string
	CPU         string `yaml:"cpu"`
	Source      string
	Costs       map[string]cost
}

// A cost is one entry of a file.
type cost struct {
	Fixed   duration
	PerByte duration `yaml:"per_byte"`
	Source  string
	Assumed bool
}

// A duration is a time that knows whether it was given.
type duration struct {
	given bool
	engine.Time
}

// UnmarshalYAML reads "149.2ns".
func (d *duration) UnmarshalYAML(text []byte) error {
	var s string
	if err := yaml.Unmarshal(text, &s); err != nil {
		return err
	}
	t, err := units.ParseTime(s)
	*d = duration{true, t}
	return err
}

// readProfiles reads every file of the directory, the default first, the others by name.
func readProfiles(dir string, steps []field) ([]profile, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var profiles []profile
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		p, err := readProfile(text, steps)
		if err == nil && p.Name+".yaml" != filepath.Base(path) {
			err = fmt.Errorf("name %q: want the name of the file", p.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if p.Name == defaultProfile {
			profiles = slices.Insert(profiles, 0, *p)
		} else {
			profiles = append(profiles, *p)
		}
	}
	if len(profiles) == 0 || profiles[0].Name != defaultProfile {
		return nil, fmt.Errorf("%s: no %s.yaml", dir, defaultProfile)
	}
	return profiles, nil
}

// readProfile decodes one file strictly and reports every entry that is
// missing, unknown or without a source.
func readProfile(text []byte, steps []field) (*profile, error) {
	var p profile
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&p); err != nil {
		return nil, err
	}
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, h := range []struct{ key, text string }{{"name", p.Name}, {"description", p.Description}, {"cpu", p.CPU}, {"source", p.Source}} {
		if h.text == "" {
			fault("%s: want a text", h.key)
		}
	}
	known := map[string]bool{}
	for _, s := range steps {
		known[s.key] = true
		c, ok := p.Costs[s.key]
		switch {
		case !ok:
			fault("costs.%s: missing", s.key)
			continue
		case !c.Fixed.given:
			fault("costs.%s.fixed: missing", s.key)
		case c.PerByte.Time != 0 && s.tag.Get("bytes") == "":
			fault("costs.%s.per_byte: this step does not depend on the size of a packet", s.key)
		}
		if c.Source == "" {
			fault("costs.%s.source: missing", s.key)
		}
	}
	for _, key := range sortedKeys(p.Costs) {
		if !known[key] {
			fault("costs.%s: no such step in kernel.Costs", key)
		}
	}
	return &p, errors.Join(errs...)
}

func sortedKeys(m map[string]cost) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
