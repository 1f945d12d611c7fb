package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A row is a part of a floor: its packages import only what stands in rows
// further down, which here means further up the table.
type row struct {
	floor    int
	what     string
	packages []string
}

// floors is the architecture. A package that is in no row fails, and so does
// one that imports its own row or a later one. "x/..." stands for x and
// everything below it. Do not change it to make a build pass.
var floors = []row{
	{0, "virtual time, executives, random streams; faults of configurations", []string{"sim/engine", "sim/cfgerr"}},
	{0, "quantities as people write them", []string{"sim/units"}},
	{1, "packets, counters, kernels and machines as values; histograms, laws", []string{
		"sim/skb", "sim/mib", "sim/kernel", "sim/hist", "sim/law", "sim/ftrace"}},
	{1, "a core that spends time", []string{"sim/cpu"}},
	{2, "the stages, in the order in which a packet meets them; traffic", []string{
		"nic", "napi", "softirq", "ipstack", "udp", "socket", "sim/traffic"}},
	{3, "classic BPF programs", []string{"sim/filter"}},
	{3, "the experiment as plain structs; renderers; readers of captures", []string{
		"sim/scenario", "sim/procfs", "sim/trace", "sim/capture"}},
	{4, "the host and the run", []string{"sim"}},
	{5, "scenario files; statistics and tables", []string{"sim/scenariofile", "sim/report"}},
	{5, "network namespaces of the kernel that runs the program", []string{"sim/live"}},
	{5, "many runs, recorded truth, helpers for users' tests", []string{"sim/sweep", "sim/verify", "sim/simtest"}},
	{5, "plots", []string{"sim/report/plots"}},
	{6, "the command; runnable lessons", []string{"cmd/...", "examples/..."}},
}

// planned are packages of the table that may not exist yet.
var planned []string

// stages are the packages of the path. None imports another: package sim joins
// them.
var stages = []string{"nic", "napi", "softirq", "ipstack", "udp", "socket"}

// betweenStages are the imports between stages that there are all the same, and why.
var betweenStages = map[[2]string]string{}

// forbidden are the packages of the standard library that floors 0 to 2 must not
// import: a run depends on its configuration alone.
var forbidden = []string{"context", "crypto/rand", "io/ioutil", "log", "log/slog", "math/rand", "net", "net/http", "os", "os/exec",
	"path/filepath", "plugin", "runtime", "sync", "sync/atomic", "syscall", "testing", "unsafe"}

// place returns the row and the floor of a package, -1 if it has none.
func place(dir string) (at, floor int) {
	for i, r := range floors {
		for _, p := range r.packages {
			if prefix, ok := strings.CutSuffix(p, "..."); dir == p || ok && strings.HasPrefix(dir+"/", prefix) {
				return i, r.floor
			}
		}
	}
	return -1, -1
}

// apart reports whether a package stands beside the house: the tests and
// generators of the whole module below internal, and the generators of one
// package, which are commands below its internal.
func apart(s *source) bool {
	return strings.HasPrefix(s.dir, "internal/") || s.name == "main" && strings.Contains(s.dir, "/internal/")
}

// homeless names the packages that stand on no floor.
func homeless(all []source) (faults []string) {
	for _, s := range all {
		at, _ := place(s.dir)
		switch {
		case apart(&s) && at >= 0:
			faults = append(faults, fmt.Sprintf("%s is in the table of floors, but stands beside the house", s.dir))
		case !apart(&s) && at < 0:
			faults = append(faults, fmt.Sprintf("%s stands on no floor: give it a row in the table of internal/archtest/floors_test.go", s.dir))
		}
	}
	return faults
}

// upward names the imports that do not go down.
func upward(all []source) (faults []string) {
	for _, s := range all {
		if apart(&s) {
			continue
		}
		at, floor := place(s.dir)
		for _, dir := range s.own() {
			file := s.imports[module+"/"+dir]
			to, below := place(dir)
			sameTree := floor == 6 && below == 6 && tree(s.dir) == tree(dir)
			switch {
			case to < 0:
				faults = append(faults, fmt.Sprintf("%s: %s is for the module's own tests and generators, or on no floor", file, dir))
			case at >= 0 && to >= at && !sameTree && betweenStages[[2]string{s.dir, dir}] == "":
				faults = append(faults, fmt.Sprintf("%s: %s on floor %d (%s) imports %s on floor %d (%s)",
					file, s.dir, floor, floors[at].what, dir, below, floors[to].what))
			}
		}
	}
	return faults
}

// tree returns the command or the example that a package of floor 6 belongs to.
func tree(dir string) string {
	parts := strings.SplitN(dir, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

// neighbours names the imports between stages that are not in betweenStages,
// and those that are and do not exist.
func neighbours(all []source) (faults []string) {
	found := map[[2]string]bool{}
	for _, s := range all {
		for _, dir := range s.own() {
			pair := [2]string{s.dir, dir}
			if !slices.Contains(stages, s.dir) || !slices.Contains(stages, dir) {
				continue
			}
			found[pair] = true
			if betweenStages[pair] == "" {
				faults = append(faults, fmt.Sprintf("%s: stage %s imports stage %s: declare a one-method interface and let package sim join them",
					s.imports[module+"/"+dir], s.dir, dir))
			}
		}
	}
	for pair, why := range betweenStages {
		if !found[pair] {
			faults = append(faults, fmt.Sprintf("%s does not import %s any more: take it out of betweenStages (%q)", pair[0], pair[1], why))
		}
	}
	return faults
}

// heavyGround names what floors 0 to 2 import beyond what they may.
func heavyGround(all []source) (faults []string) {
	for _, s := range all {
		_, floor := place(s.dir)
		if floor < 0 || floor > 2 || apart(&s) {
			continue
		}
		for _, p := range s.foreign() {
			faults = append(faults, fmt.Sprintf("%s: %s on floor %d imports %s, which is not of the standard library", s.imports[p], s.dir, floor, p))
		}
		for _, p := range forbidden {
			if file := s.imports[p]; file != "" {
				faults = append(faults, fmt.Sprintf("%s: %s on floor %d imports %s: a run depends on its configuration alone", file, s.dir, floor, p))
			}
		}
	}
	return faults
}

func TestFloors(t *testing.T) {
	all := sources(t)
	for name, rule := range map[string]func([]source) []string{
		"every package stands on a floor":                   homeless,
		"imports go down":                                   upward,
		"no stage imports a stage":                          neighbours,
		"floors 0 to 2 need little of the standard library": heavyGround,
	} {
		t.Run(name, func(t *testing.T) {
			for _, fault := range rule(all) {
				t.Error(fault)
			}
		})
	}
}

func TestEveryRowExists(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range floors {
		for _, p := range r.packages {
			require.False(t, seen[p], "%s stands in two rows", p)
			seen[p] = true
			dir := filepath.Join(root, filepath.FromSlash(strings.TrimSuffix(p, "/...")))
			if _, err := os.Stat(dir); err != nil && !slices.Contains(planned, p) {
				t.Errorf("%s is in the table of floors and does not exist", p)
			}
		}
	}
	for _, p := range planned {
		require.True(t, seen[p], "%s is planned on no floor", p)
	}
}

func TestPlace(t *testing.T) {
	for dir, want := range map[string]int{
		"sim/engine": 0, "sim/units": 0, "sim/cpu": 1, "nic": 2, "sim/traffic": 2, "sim/procfs": 3, "sim": 4, "sim/report": 5,
		"cmd/rxpath": 6, "examples": 6, "examples/replay/x": 6, "sim/enginex": -1, "sim/engine/x": -1, "cmdx": -1, "": -1,
	} {
		_, floor := place(dir)
		require.Equal(t, want, floor, "%q", dir)
	}
}

// TestRulesBite shows each rule a package that breaks it and one that does not.
func TestRulesBite(t *testing.T) {
	pkg := func(dir, name string, imports ...string) source {
		s := source{dir: dir, name: name, imports: map[string]string{}}
		for _, p := range imports {
			s.imports[strings.Replace(p, "@", module, 1)] = dir + "/x.go"
		}
		return s
	}
	tests := map[string]struct {
		rule func([]source) []string
		pkg  source
		want string // "" for no fault
	}{
		"a new package":                        {homeless, pkg("sim/new", "new"), "sim/new stands on no floor"},
		"a generator of one package":           {homeless, pkg("sim/kernel/internal/gen", "main"), ""},
		"a hidden package":                     {homeless, pkg("sim/kernel/internal/secret", "secret"), "stands on no floor"},
		"a generator of the module":            {homeless, pkg("internal/docgen", "main"), ""},
		"a stage imports the host":             {upward, pkg("udp", "udp", "@/sim/engine", "@/sim"), "udp on floor 2"},
		"the host imports a stage":             {upward, pkg("sim", "sim", "@/udp"), ""},
		"a package imports its own row":        {upward, pkg("sim/skb", "skb", "@/sim/mib"), "sim/skb on floor 1"},
		"the core imports what stands beneath": {upward, pkg("sim/cpu", "cpu", "@/sim/mib"), ""},
		"a package imports a test's":           {upward, pkg("sim/report", "report", "@/internal/archtest"), "internal/archtest is for"},
		"an example imports another":           {upward, pkg("examples/a", "main", "@/examples/b"), "examples/a on floor 6"},
		"an example imports its own part":      {upward, pkg("examples/a", "main", "@/examples/a/b"), ""},
		"a stage imports a stage":              {neighbours, pkg("udp", "udp", "@/socket"), "stage udp imports stage socket"},
		"a stage imports traffic":              {neighbours, pkg("udp", "udp", "@/sim/traffic"), ""},
		"a stage reads YAML":                   {heavyGround, pkg("udp", "udp", "github.com/goccy/go-yaml"), "not of the standard library"},
		"a stage asks the system":              {heavyGround, pkg("udp", "udp", "os"), "udp on floor 2 imports os"},
		"a renderer asks the system":           {heavyGround, pkg("sim/procfs", "procfs", "os"), ""},
		"a stage computes":                     {heavyGround, pkg("udp", "udp", "math/bits", "fmt", "@/sim/skb"), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			faults := tt.rule([]source{tt.pkg})
			if tt.want == "" {
				require.Empty(t, faults)
				return
			}
			require.Len(t, faults, 1)
			require.Contains(t, faults[0], tt.want)
		})
	}
}
