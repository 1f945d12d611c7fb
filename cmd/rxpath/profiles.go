package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim/kernel"
)

const profilesLong = `Profiles lists what a scenario may name: kernel profiles (kernel:, --kernel),
which are kernels as lists of behaviours, each with what its value rests on:
recorded on such a kernel, its source, or memory; and cost profiles (host.costs:,
--costs), which are machines as lists of times, each with where the number
comes from.

With NAME it shows one profile, with what its rows mean. In YAML a kernel
profile is a scenario that says it all; a cost profile is the file that it was
made from, with the reasoning in comments.`

const profilesExample = `  rxpath profiles
  rxpath profiles linux-3.10
  rxpath profiles bdw-3.6ghz
  rxpath profiles bdw-3.6ghz --format yaml
  rxpath profiles linux-4.0 --format json`

// profileFormats are the formats of profiles, the default first.
var profileFormats = []string{"text", "json", "yaml"}

// newProfiles returns the subcommand profiles.
func newProfiles() *cobra.Command {
	format := profileFormats[0]
	c := &cobra.Command{
		Use:     "profiles [NAME]",
		Short:   "List kernel and cost profiles",
		Long:    profilesLong,
		Example: profilesExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("profiles: unexpected argument %q: want one name", args[1])
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return append(kernelNames(), costsNames()...), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			text, err := profileText(firstOf(args), format)
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return failed(err)
		},
	}
	c.Flags().Var(&choice{&format, profileFormats}, "format", "`FORMAT`: "+orList(profileFormats))
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(profileFormats, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// profileText returns one profile, or all of them, in a format.
func profileText(name, format string) ([]byte, error) {
	var kernels []kernel.Profile
	var machines []kernel.Costs
	for _, p := range kernel.Profiles() {
		if name == "" || p.Name == name {
			kernels = append(kernels, p)
		}
	}
	for _, c := range kernel.CostProfiles() {
		if name == "" || c.Name == name {
			machines = append(machines, c)
		}
	}
	if len(kernels)+len(machines) == 0 {
		known := append(kernelNames(), costsNames()...)
		if near := similar(name, known); near != "" {
			return nil, fmt.Errorf("no profile %q; did you mean %s?", name, near)
		}
		return nil, fmt.Errorf("no profile %q: want %s", name, orList(known))
	}
	var b bytes.Buffer
	switch {
	case format == "json":
		return profilesJSON(kernels, machines)
	case format == "yaml" && name == "":
		return nil, fmt.Errorf("profiles: --format yaml is for one profile: want %s", orList(append(kernelNames(), costsNames()...)))
	case format == "yaml" && len(kernels) > 0:
		kernelYAML(&b, &kernels[0])
	case format == "yaml":
		return kernel.CostsYAML(name)
	case name == "":
		allProfiles(&b, kernels, machines)
	case len(kernels) > 0:
		kernelText(&b, &kernels[0])
	default:
		costsText(&b, &machines[0])
	}
	return b.Bytes(), nil
}

// allProfiles writes the profiles side by side.
func allProfiles(b *bytes.Buffer, kernels []kernel.Profile, machines []kernel.Costs) {
	fmt.Fprintln(b, "KERNEL PROFILES (r recorded on such a kernel, s its source, m from memory; no mark: reference, or not looked at)")
	var names []string
	rows := [][]string{}
	for i := range kernels {
		names = append(names, kernels[i].Name)
		row := 0
		kernels[i].Each(func(name string, value any, _ string) {
			if i == 0 {
				rows = append(rows, []string{name})
			}
			rows[row] = append(rows[row], fmt.Sprint(value)+evidenceMark(&kernels[i], name))
			row++
		})
	}
	table(b, append([]string{"behaviour"}, names...), rows)
	for i := range kernels {
		fmt.Fprintf(b, "  %s: %s\n", kernels[i].Name, kernels[i].Source)
	}

	fmt.Fprintln(b, "\nCOST PROFILES (* assumed: nobody measured it)")
	names, rows = nil, nil
	for i := range machines {
		names = append(names, machines[i].Name)
		row := 0
		machines[i].Each(func(key string, c *kernel.Cost) {
			if i == 0 {
				rows = append(rows, []string{key})
			}
			cell := c.String()
			if c.Assumed {
				cell += " *"
			}
			rows[row] = append(rows[row], cell)
			row++
		})
	}
	table(b, append([]string{"step"}, names...), rows)
	for i := range machines {
		fmt.Fprintf(b, "  %s: %s\n", machines[i].Name, machines[i].CPU)
		indent(b, machines[i].Description)
	}
	fmt.Fprintln(b, "\nWhat a row means, and where a number comes from: rxpath profiles NAME")
}

// evidenceMark is what a value rests on, in a letter: none for the reference,
// which all comes from source, and for what nobody has looked at.
func evidenceMark(p *kernel.Profile, name string) string {
	e, _ := p.Evidence(name)
	mark := map[kernel.Evidence]string{kernel.Recorded: " r", kernel.FromSource: " s", kernel.FromMemory: " m"}[e]
	if p.Name == kernel.Linux40().Name {
		return ""
	}
	return mark
}

// table writes rows in columns.
func table(w io.Writer, head []string, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range append([][]string{head}, rows...) {
		fmt.Fprintln(t, "  "+strings.Join(r, "\t"))
	}
	_ = t.Flush() // a buffer takes everything
}

// kernelText writes one kernel profile with what its behaviours are.
func kernelText(b *bytes.Buffer, p *kernel.Profile) {
	fmt.Fprintf(b, "%s: %s\n\n", p.Name, p.Source)
	p.Each(func(name string, value any, doc string) {
		_, evidence := p.Evidence(name)
		fmt.Fprintf(b, "%s: %v  (%s)\n", name, value, evidence)
		indent(b, doc)
	})
}

// costsText writes one cost profile with the provenance of every time.
func costsText(b *bytes.Buffer, c *kernel.Costs) {
	fmt.Fprintf(b, "%s: %s\n%s\nSource: %s\n\n", c.Name, c.CPU, c.Description, c.Source)
	docs := map[string]kernel.Step{}
	for _, s := range kernel.Steps() {
		docs[s.Key] = s
	}
	c.Each(func(key string, cost *kernel.Cost) {
		assumed := ""
		if cost.Assumed {
			assumed = "  (assumed)"
		}
		fmt.Fprintf(b, "%s: %v%s\n", key, *cost, assumed)
		doc := docs[key].Doc
		if bytesOf := docs[key].Bytes; bytesOf != "" {
			doc += " Per byte of the " + bytesOf + "."
		}
		indent(b, doc)
		indent(b, "Source: "+cost.Source)
	})
}

// indent writes a paragraph below a row.
func indent(b *bytes.Buffer, text string) {
	for _, line := range paragraph(text, 94) {
		fmt.Fprintf(b, "    %s\n", strings.TrimSpace(line))
	}
}

// kernelYAML writes a profile as a scenario that names every behaviour.
func kernelYAML(b *bytes.Buffer, p *kernel.Profile) {
	fmt.Fprintf(b, "# %s\nkernel:\n  base: %s\n", p.Source, p.Name)
	p.Each(func(name string, value any, doc string) {
		fmt.Fprintf(b, "  # %s\n  %s: %v\n", doc, name, value)
	})
}

// The JSON of profiles.
type (
	profilesDoc struct {
		Schema  string       `json:"schema"`
		Kernels []kernelDoc  `json:"kernels,omitempty"`
		Costs   []machineDoc `json:"costs,omitempty"`
	}
	kernelDoc struct {
		Name       string         `json:"name"`
		Source     string         `json:"source"`
		Recorded   bool           `json:"recorded"`
		Behaviours []behaviourDoc `json:"behaviours"`
	}
	behaviourDoc struct {
		Name     string `json:"name"`
		Value    any    `json:"value"`
		Evidence string `json:"evidence"`
		Doc      string `json:"doc"`
	}
	machineDoc struct {
		Name        string    `json:"name"`
		CPU         string    `json:"cpu"`
		Description string    `json:"description"`
		Source      string    `json:"source"`
		Steps       []stepDoc `json:"steps"`
	}
	stepDoc struct {
		Key     string      `json:"key"`
		Fixed   json.Number `json:"fixed_ns"`
		PerByte json.Number `json:"per_byte_ns,omitempty"`
		Bytes   string      `json:"bytes,omitempty"`
		Assumed bool        `json:"assumed"`
		Source  string      `json:"source"`
		Doc     string      `json:"doc"`
	}
)

// profilesJSON writes profiles for programs.
func profilesJSON(kernels []kernel.Profile, machines []kernel.Costs) ([]byte, error) {
	doc := profilesDoc{Schema: "rxpath.profiles/1"}
	for i := range kernels {
		k := kernelDoc{Name: kernels[i].Name, Source: kernels[i].Source, Recorded: kernels[i].Recorded()}
		kernels[i].Each(func(name string, value any, text string) {
			if s, ok := value.(fmt.Stringer); ok {
				value = s.String()
			}
			_, evidence := kernels[i].Evidence(name)
			k.Behaviours = append(k.Behaviours, behaviourDoc{name, value, evidence, text})
		})
		doc.Kernels = append(doc.Kernels, k)
	}
	steps := kernel.Steps()
	for i := range machines {
		c := &machines[i]
		m := machineDoc{Name: c.Name, CPU: c.CPU, Description: c.Description, Source: c.Source}
		c.Each(func(key string, cost *kernel.Cost) {
			s := steps[len(m.Steps)]
			step := stepDoc{Key: key, Fixed: nanoseconds(int64(cost.Fixed)), Bytes: s.Bytes, Assumed: cost.Assumed, Source: cost.Source, Doc: s.Doc}
			if s.Bytes != "" {
				step.PerByte = nanoseconds(int64(cost.PerByte))
			}
			m.Steps = append(m.Steps, step)
		})
		doc.Costs = append(doc.Costs, m)
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	return append(out, '\n'), failed(err)
}

// nanoseconds writes picoseconds as nanoseconds, exactly.
func nanoseconds(ps int64) json.Number {
	s := fmt.Sprintf("%d.%03d", ps/1000, ps%1000)
	return json.Number(strings.TrimRight(strings.TrimRight(s, "0"), "."))
}
