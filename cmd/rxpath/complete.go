package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// completeFiles offers files that can be run. limit is the number of arguments
// that the command takes; 0 for any.
func completeFiles(limit int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if limit > 0 && len(args) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return []string{"yaml", "yml", "json", "pcap", "pcapng", "cap", "gz"}, cobra.ShellCompDirectiveFilterFileExt
	}
}

// completeFlags makes the flags of a command complete their values.
func completeFlags(c *cobra.Command) {
	offer := map[string]cobra.CompletionFunc{
		"kernel": cobra.FixedCompletions(kernelNames(), cobra.ShellCompDirectiveNoFileComp),
		"costs":  cobra.FixedCompletions(costsNames(), cobra.ShellCompDirectiveNoFileComp),
		"set":    completeSet,
		"out": func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	for name, f := range offer {
		if c.Flags().Lookup(name) != nil {
			_ = c.RegisterFlagCompletionFunc(name, f) // the flag is there, and has none yet
		}
	}
}

func kernelNames() (names []string) {
	for _, p := range kernel.Profiles() {
		names = append(names, p.Name)
	}
	return names
}

func costsNames() (names []string) {
	for _, c := range kernel.CostProfiles() {
		names = append(names, c.Name)
	}
	return names
}

// A schemaNode is what completion needs of the scenario's schema.
type schemaNode struct {
	Ref         string                 `json:"$ref"`
	Description string                 `json:"description"`
	Properties  map[string]*schemaNode `json:"properties"`
	Items       *schemaNode            `json:"items"`
	AnyOf       []*schemaNode          `json:"anyOf"`
	OneOf       []*schemaNode          `json:"oneOf"`
	Enum        []any                  `json:"enum"`
	Defs        map[string]*schemaNode `json:"$defs"`
}

var schema = sync.OnceValue(func() *schemaNode {
	root := new(schemaNode)
	if err := json.Unmarshal(scenariofile.Schema(), root); err != nil {
		return new(schemaNode) // completion offers nothing
	}
	return root
})

// schemaKeys returns the sections of a scenario.
func schemaKeys() []string { return slices.Sorted(maps.Keys(schema().Properties)) }

// variants returns n and what it refers to or may be instead.
func (n *schemaNode) variants() []*schemaNode {
	if n == nil {
		return nil
	}
	out := []*schemaNode{n}
	if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
		out = append(out, schema().Defs[name].variants()...)
	}
	for _, v := range slices.Concat(n.AnyOf, n.OneOf) {
		out = append(out, v.variants()...)
	}
	return out
}

// key returns the value of a key.
func (n *schemaNode) key(name string) *schemaNode {
	for _, v := range n.variants() {
		if p := v.Properties[name]; p != nil {
			return p
		}
	}
	return nil
}

// items returns the element of a list.
func (n *schemaNode) items() *schemaNode {
	for _, v := range n.variants() {
		if v.Items != nil {
			return v.Items
		}
	}
	return nil
}

// completeSet offers the paths of a scenario's keys, one level at a time, and
// values where there are few.
func completeSet(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	const more = cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	if path, _, ok := strings.Cut(typed, "="); ok {
		return values(path), cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	if !strings.Contains(typed, ".") || strings.HasPrefix(typed, "net.") {
		for _, name := range slices.Sorted(maps.Keys(sysctls())) {
			out = append(out, cobra.CompletionWithDesc(name+"=", sysctls()[name].Description))
		}
	}
	at := strings.LastIndexByte(typed, '.') + 1
	return append(out, children(typed[:at], follow(strings.TrimSuffix(typed[:at], ".")))...), more
}

// sysctls returns the schema of every sysctl.
func sysctls() map[string]*schemaNode {
	for _, v := range schema().key("sysctl").variants() {
		if len(v.Properties) > 0 {
			return v.Properties
		}
	}
	return nil
}

// follow returns the node at a path, nil if there is none.
func follow(path string) *schemaNode {
	n := schema()
	if path == "" {
		return n
	}
	for part := range strings.SplitSeq(path, ".") {
		key, index, list := strings.Cut(part, "[")
		if n = n.key(key); n == nil {
			return nil
		}
		if list && strings.HasSuffix(index, "]") {
			n = n.items()
		}
	}
	return n
}

// children returns what may follow prefix.
func children(prefix string, n *schemaNode) (out []string) {
	if prefix == "" {
		out = append(out, cobra.CompletionWithDesc("load=", "Multiplies the rate of every source."))
	}
	keys := map[string]*schemaNode{}
	for _, v := range n.variants() {
		maps.Copy(keys, v.Properties)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		below := keys[key]
		end := "="
		switch {
		case key == "$schema" || key == "sysctl":
			continue
		case below.items() != nil && hasKeys(below.items()):
			end = "[0]."
		case hasKeys(below):
			end = "."
			if len(values(prefix+key)) > 0 { // a name will do as well
				out = append(out, cobra.CompletionWithDesc(prefix+key+"=", below.Description))
			}
		}
		out = append(out, cobra.CompletionWithDesc(prefix+key+end, below.Description))
	}
	return out
}

func hasKeys(n *schemaNode) bool {
	return slices.ContainsFunc(n.variants(), func(v *schemaNode) bool { return len(v.Properties) > 0 })
}

// values returns what may stand behind path=, if these are few.
func values(path string) (out []string) {
	n := follow(path)
	if known := sysctls()[path]; known != nil {
		n = known
	}
	switch path {
	case "kernel":
		return with(path, kernelNames())
	case "host.costs":
		return with(path, costsNames())
	}
	for _, v := range n.variants() {
		for _, e := range v.Enum {
			switch e := e.(type) {
			case string:
				out = append(out, path+"="+e)
			case bool:
				out = append(out, path+"="+strconv.FormatBool(e))
			case float64:
				out = append(out, path+"="+strconv.FormatFloat(e, 'g', -1, 64))
			}
		}
	}
	return out
}

func with(path string, words []string) (out []string) {
	for _, w := range words {
		out = append(out, path+"="+w)
	}
	return out
}
