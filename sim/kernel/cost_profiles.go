package kernel

import (
	"embed"
	"fmt"
	"strings"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
)

// costFiles are the profiles as they are written, with the reasoning in
// comments; costs_gen.go is made from them.
//
//go:embed costs/*.yaml
var costFiles embed.FS

// DefaultCosts returns the machine bdw-3.6ghz.
func DefaultCosts() Costs { return costProfiles()[0] }

// CostProfiles returns every machine, the default first.
func CostProfiles() []Costs { return costProfiles() }

// CostsNamed returns the machine of that name. The error is a *cfgerr.Error
// that lists all names and the nearest one.
func CostsNamed(name string) (Costs, error) {
	var names []string
	for _, c := range costProfiles() {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Costs{}, &cfgerr.Error{Path: "costs", Value: fmt.Sprintf("%q", name),
		Want: fmt.Sprintf("%s; the nearest is %q", strings.Join(names, ", "), cfgerr.Nearest(name, names))}
}

// CostsYAML returns the file that the machine of that name was made from,
// comments and all.
func CostsYAML(name string) ([]byte, error) {
	c, err := CostsNamed(name)
	if err != nil {
		return nil, err
	}
	return costFiles.ReadFile("costs/" + c.Name + ".yaml")
}
