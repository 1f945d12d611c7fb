package scenariofile

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A scenario in which anything stands in the place of anything else gives
// faults that have a place, and never a panic.
func TestMutations(t *testing.T) {
	data, err := os.ReadFile("testdata/everything.yaml")
	require.NoError(t, err)
	none := &collector{}
	full := readYAML(data, 0, nil, none)
	require.Empty(t, none.list)
	var places []path
	var known []string
	var walk func(p path, n *node)
	walk = func(p path, n *node) {
		places = append(places, p)
		for i, item := range n.items {
			walk(p.item(i), item)
		}
		for _, f := range n.fields {
			known = append(known, f.key)
			walk(p.under(f.key), f.value)
		}
	}
	walk(nil, full)

	scalar := rapid.Custom(func(t *rapid.T) *node {
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return &node{}
		case 1:
			return &node{kind: boolean, text: strconv.FormatBool(rapid.Bool().Draw(t, "bool"))}
		case 2:
			return &node{kind: number, text: rapid.SampledFrom([]string{"0", "-1", "1", "2", "64", "0.5", "-0", "1e3", "1e400", "-1e-400", "18446744073709551616"}).Draw(t, "number")}
		}
		return &node{kind: str, text: rapid.SampledFrom([]string{
			"", "0", "x", "never", "imix", "poisson", "1us", "250kpps", "239.1.1.1:1", "239.1.1.1", "eth0", "linux-4.0", "bdw-3.6ghz", "c", "100%", "8MiB", "1 2 3",
		}).Draw(t, "text")}
	})
	var value func(depth int) *rapid.Generator[*node]
	value = func(depth int) *rapid.Generator[*node] {
		return rapid.Custom(func(t *rapid.T) *node {
			switch kind := rapid.IntRange(0, 4).Draw(t, "kind"); {
			case depth == 0 || kind < 2:
				return scalar.Draw(t, "scalar")
			case kind == 2:
				p := rapid.SampledFrom(places).Draw(t, "copy of")
				n, _ := full.locate(p)
				return n.copy()
			case kind == 3:
				return &node{kind: list, items: rapid.SliceOfN(value(depth-1), 0, 3).Draw(t, "items")}
			}
			n := &node{kind: mapping}
			for range rapid.IntRange(0, 3).Draw(t, "fields") {
				n.put(rapid.SampledFrom(known).Draw(t, "key"), value(depth-1).Draw(t, "value"))
			}
			return n
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		tree := full.copy()
		for range rapid.IntRange(1, 3).Draw(t, "mutations") {
			p := rapid.SampledFrom(places).Draw(t, "place")
			n, _ := tree.locate(p)
			if n == nil {
				continue
			}
			v := value(2).Draw(t, "value")
			v.stamp(n.at)
			if rapid.Bool().Draw(t, "replace") || n.kind != mapping {
				*n = *v
			} else {
				n.put(rapid.SampledFrom(known).Draw(t, "key"), v)
			}
		}
		faults := &collector{}
		_, doc := finish("m.yaml", tree, unscaled, faults, true)
		out := faults.faults("m.yaml", data, nil, tree)
		if out == nil {
			text, err := encode(doc)
			require.NoError(t, err)
			_, err = Parse("again.yaml", text)
			require.NoError(t, err, "%s", text)
		}
		for _, f := range out {
			require.NotZero(t, f.Line, "%v", f)
			require.NotEmpty(t, f.Problem+f.Want, "%v", f)
		}
	})
}

// stamp gives a node and all below it a place.
func (n *node) stamp(at origin) {
	n.at = at
	for _, item := range n.items {
		item.stamp(at)
	}
	for i := range n.fields {
		n.fields[i].at = at
		n.fields[i].value.stamp(at)
	}
}
