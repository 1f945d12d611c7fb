package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// The states of a rule.
const (
	Modelled    = "modelled"
	Partly      = "partly"
	NotModelled = "not modelled"
	// Open: the ledger has no row.
	Open = "open"
)

// A Row is what the ledger says of one rule.
type Row struct {
	ID       string    `yaml:"id"`
	Spec     string    `yaml:"spec"` // nic, ip, 3.10 or 6.18, if the area does not say it
	Says     string    `yaml:"says"`
	Where    list      `yaml:"where"`
	Test     list      `yaml:"test"`
	Changed  string    `yaml:"changed"`
	Mutation *Mutation `yaml:"mutation"`
	Status   string    `yaml:"status"`
	Why      string    `yaml:"why"`

	area string
}

// A Mutation is one change of a source file.
type Mutation struct {
	File string `yaml:"file"`
	Old  string `yaml:"old"`
	New  string `yaml:"new"`
}

// list is one string or several.
type list []string

// UnmarshalYAML takes a scalar for a list of one.
func (l *list) UnmarshalYAML(b []byte) error {
	var one string
	if err := yaml.Unmarshal(b, &one); err == nil {
		*l = list{one}
		return nil
	}
	var many []string
	if err := yaml.Unmarshal(b, &many); err != nil {
		return err
	}
	*l = many
	return nil
}

// Area returns the file in which the row stands, without its extension.
func (r *Row) Area() string { return r.area }

// Read returns all rows below root, the root of the module, sorted by area and
// in the order of the files.
func Read(root string) ([]Row, error) {
	files, err := fs.Glob(os.DirFS(filepath.Join(root, "internal/rules/data")), "*.yaml")
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var rows []Row
	seen := map[string]string{}
	var errs []error
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(root, "internal/rules/data", name))
		if err != nil {
			return nil, err
		}
		area := strings.TrimSuffix(name, ".yaml")
		var part []Row
		if err := yaml.UnmarshalWithOptions(text, &part, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("internal/rules/data/%s: %w", name, err)
		}
		for i := range part {
			r := &part[i]
			r.area = area
			if err := r.complete(); err != nil {
				errs = append(errs, fmt.Errorf("internal/rules/data/%s: %s: %w", name, r.ID, err))
				continue
			}
			key := r.Spec + " " + r.ID
			if at, twice := seen[key]; twice {
				errs = append(errs, fmt.Errorf("internal/rules/data/%s: %s stands in %s, too", name, r.ID, at))
			}
			seen[key] = name
		}
		rows = append(rows, part...)
	}
	return rows, errors.Join(errs...)
}

// complete fills in what the row leaves to its area, and says what is missing.
func (r *Row) complete() error {
	var err error
	if r.Spec, err = identify(r.area, r.Spec, r.ID); err != nil {
		return err
	}
	if r.Status == "" {
		r.Status = Modelled
	}
	switch r.Status {
	case NotModelled:
		if r.Why == "" {
			return errors.New("why is it not modelled?")
		}
		if len(r.Test) > 0 || r.Mutation != nil {
			return errors.New("a rule that is not modelled has no test: is it modelled partly?")
		}
		return nil
	case Partly:
		if r.Why == "" {
			return errors.New("why: what of it is missing?")
		}
	case Modelled:
	default:
		return fmt.Errorf("status %q: want modelled, partly or not modelled", r.Status)
	}
	switch {
	case r.Says == "":
		return errors.New("says: the rule in one line")
	case len(r.Where) == 0:
		return errors.New("where: the symbol that models it")
	case len(r.Test) == 0:
		return errors.New("test: a rule that is claimed has no test")
	case r.Changed == "" || r.Mutation == nil:
		return errors.New("changed, mutation: what was changed to see the test fail?")
	}
	return nil
}
