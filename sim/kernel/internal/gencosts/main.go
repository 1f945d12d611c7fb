// Command gencosts turns the cost profiles in sim/kernel/costs into Go values
// and into the tables of docs/costs.md, and the comments of kernel.Costs and
// kernel.Profile into texts that a program can print. It is run by go generate
// in sim/kernel, with that directory as the working directory.
//
// The kernel package imports nothing but the standard library, so it cannot
// read YAML itself. A test of this command says whether the files are current.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// Where things are, from sim/kernel.
const (
	costsDir   = "costs"
	costsGo    = "costs.go"
	profileGo  = "profile.go"
	costsOut   = "costs_gen.go"
	profileOut = "profile_gen.go"
	docs       = "../../docs/costs.md"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "gencosts:", err)
		os.Exit(1)
	}
}

// run writes every generated file that is not current.
func run(kernelDir string) error {
	files, err := generate(kernelDir)
	if err != nil {
		return err
	}
	for _, f := range files {
		old, err := os.ReadFile(f.path)
		if err == nil && bytes.Equal(old, f.text) {
			continue
		}
		if err := os.WriteFile(f.path, f.text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// A file is what one generated file must hold.
type file struct {
	path string
	text []byte
}

// generate returns the generated files of the kernel package in kernelDir.
func generate(kernelDir string) ([]file, error) {
	at := func(name string) string { return filepath.Join(kernelDir, name) }
	steps, err := readFields(at(costsGo), "Costs", "cost")
	if err != nil {
		return nil, err
	}
	behaviours, err := readFields(at(profileGo), "Profile", "")
	if err != nil {
		return nil, err
	}
	profiles, err := readProfiles(at(costsDir), steps)
	if err != nil {
		return nil, err
	}
	costs, err := costsSource(steps, profiles)
	if err != nil {
		return nil, err
	}
	docsOf, err := profileSource(behaviours)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(at(docs))
	if err != nil {
		return nil, err
	}
	text, err = fillTables(text, steps, profiles)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", docs, err)
	}
	return []file{{at(costsOut), costs}, {at(profileOut), docsOf}, {at(docs), text}}, nil
}
