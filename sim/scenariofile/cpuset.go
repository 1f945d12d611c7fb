package scenariofile

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/seed-556df219/rxpath/sim/units"
)

// A cpuSet is a set of CPUs: a mask in the kernel's notation, as in rps_cpus,
// or a list of numbers and ranges, as in smp_affinity_list.
type cpuSet struct {
	v   []int
	err error
}

// An irqCPUs is a cpuSet that can also be one CPU: a bare number.
type irqCPUs struct{ cpuSet }

const (
	wantCPUSet  = `a CPU mask in hexadecimal such as "c" (CPUs 2 and 3), or a list of CPUs such as [2, 4-7]`
	wantIRQCPUs = `a CPU, a CPU mask in hexadecimal and in quotes such as "c" (CPUs 2 and 3), or a list of CPUs such as [2, 4-7]`
)

// UnmarshalJSON never fails: a wrong value remembers its error.
func (s *cpuSet) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		s.v, s.err = units.ParseCPUMask(text(b))
		return nil
	}
	var list []json.RawMessage
	if s.err = json.Unmarshal(b, &list); s.err != nil {
		return nil
	}
	parts := make([]string, len(list))
	for i, raw := range list {
		parts[i] = text(raw)
	}
	s.v, s.err = units.ParseCPUList(strings.Join(parts, ","))
	return nil
}

// UnmarshalJSON reads a number as one CPU.
func (s *irqCPUs) UnmarshalJSON(b []byte) error {
	if b[0] != '"' && b[0] != '[' {
		b = []byte("[" + string(b) + "]")
	}
	return s.cpuSet.UnmarshalJSON(bytes.TrimSpace(b))
}

// MarshalJSON prints a mask.
func (s cpuSet) MarshalJSON() ([]byte, error) { return json.Marshal(maskNotation{}.format(s.v)) }

// MarshalJSON prints a number for one CPU, a mask for several.
func (s irqCPUs) MarshalJSON() ([]byte, error) {
	if len(s.v) == 1 {
		return json.Marshal(s.v[0])
	}
	return s.cpuSet.MarshalJSON()
}

// check returns what is wrong with the value.
func (s cpuSet) check() (problem, want string) { return s.fault(wantCPUSet) }

// check returns what is wrong with the value.
func (s irqCPUs) check() (problem, want string) { return s.fault(wantIRQCPUs) }

func (s cpuSet) fault(want string) (string, string) {
	if s.err == nil {
		return "", ""
	}
	var e *units.Error
	if errors.As(s.err, &e) {
		return e.Why, want
	}
	return "", want
}
