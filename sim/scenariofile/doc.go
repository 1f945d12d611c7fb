// Package scenariofile reads the scenario file: a whole experiment as YAML, with
// sysctls and ethtool settings under their own names. docs/scenario.md is the
// reference of the format.
//
// [Load] and [Parse] give a [scenario.Scenario]. They are strict, and report
// everything that is wrong at once as [Faults]: where it stands, what stands
// there, what was expected, the nearest known key. [Set] overrides a key, as
// --set does. [Canonical] writes a scenario down with nothing left to defaults.
//
// A file goes through five steps, and each adds what it finds wrong:
//
//	read      YAML becomes a tree that remembers places (goccy/go-yaml); keys that are there twice
//	set       overrides are put into the tree
//	validate  the tree is compared with the JSON Schema; what does not match is taken out
//	decode    the rest becomes a document on top of the defaults (encoding/json); units
//	convert   the document becomes a scenario, and is completed on the way; scenario.Validate
//
// A fault that only follows from another one is left out. The schema is
// generated from the types of the document, so that a key is declared once, with
// its comment, and is then known to all five.
package scenariofile
