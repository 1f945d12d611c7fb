package main

import (
	"github.com/spf13/pflag"

	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// A setting is one override of a scenario's key and how it was asked for.
type setting struct {
	set scenariofile.Set
	// typed is the flag as on the command line: "--duration 10s".
	typed string
}

// settings are the overrides of a command line, in its order: the last one for
// a key wins, whichever flag it came from.
type settings struct {
	list []setting
	// thresholds are added to those of the scenario.
	thresholds []string
}

// sets returns the overrides, without the thresholds.
func (s *settings) sets() []scenariofile.Set {
	var out []scenariofile.Set
	for _, one := range s.list {
		out = append(out, one.set)
	}
	return out
}

// typed returns how the override that prints as set was asked for.
func (s *settings) typed(set string) string {
	for _, one := range s.list {
		if one.set.String() == set {
			return one.typed
		}
	}
	return "--set " + set
}

// addFlags defines --set and the flags that are short for it.
func (s *settings) addFlags(f *pflag.FlagSet) {
	f.Var(&setFlag{s, "--set"}, "set", "override a key of the scenario, the value in YAML; may be repeated, the last one wins")
	f.Var(&shortFlag{settings: s, name: "seed", path: "run.seed", kind: "N"}, "seed", "select the random numbers (run.seed)")
	f.Var(&shortFlag{settings: s, name: "duration", path: "run.for", kind: "TIME"}, "duration", "how long to run, in virtual time such as 500ms (run.for)")
	f.Var(&shortFlag{settings: s, name: "kernel", path: "kernel", kind: "NAME"}, "kernel", "use this kernel profile (kernel); see rxpath profiles")
	f.Var(&shortFlag{settings: s, name: "costs", path: "host.costs", kind: "NAME"}, "costs", "use this cost profile (host.costs); see rxpath profiles")
	f.Var(&naiveFlag{shortFlag{settings: s, name: "naive", path: "run.executive"}}, "naive", "use the naive executive, many times slower, to prove that the lazy one is right")
	f.Lookup("naive").NoOptDefVal = "true"
	f.Lookup("naive").Hidden = true
}

// addThresholdFlag defines --threshold.
func (s *settings) addThresholdFlag(f *pflag.FlagSet) {
	f.StringArrayVar(&s.thresholds, "threshold", nil, "a further threshold, `EXPR` such as 'drops == 0': exit status 99 if it does not hold; may be repeated")
}

// A setFlag is --set, or --with.
type setFlag struct {
	settings *settings
	name     string // as faults call it
}

func (f *setFlag) String() string { return "" }
func (f *setFlag) Type() string   { return "path=value" }

// Set implements pflag.Value.
func (f *setFlag) Set(arg string) error {
	set, err := scenariofile.ParseSet(arg)
	if err != nil {
		return err
	}
	f.settings.list = append(f.settings.list, setting{set, f.name + " " + set.String()})
	return nil
}

// A shortFlag is a flag that is short for --set path=.
type shortFlag struct {
	settings   *settings
	name, path string
	kind       string
}

func (f *shortFlag) String() string { return "" }
func (f *shortFlag) Type() string   { return f.kind }

// Set implements pflag.Value.
func (f *shortFlag) Set(arg string) error {
	f.settings.list = append(f.settings.list, setting{scenariofile.Set{Path: f.path, Value: arg}, "--" + f.name + " " + arg})
	return nil
}

// A naiveFlag is --naive.
type naiveFlag struct{ shortFlag }

func (f *naiveFlag) Type() string     { return "bool" }
func (f *naiveFlag) IsBoolFlag() bool { return true }

// Set implements pflag.Value.
func (f *naiveFlag) Set(arg string) error {
	if arg == "true" {
		return f.shortFlag.Set("naive")
	}
	return f.shortFlag.Set("lazy")
}
