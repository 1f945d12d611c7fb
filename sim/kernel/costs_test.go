package kernel_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
)

func named(t *testing.T, name string) *kernel.Costs {
	t.Helper()
	c, err := kernel.CostsNamed(name)
	require.NoError(t, err)
	return &c
}

func TestProfiles(t *testing.T) {
	var names []string
	for _, c := range kernel.CostProfiles() {
		names = append(names, c.Name)
		require.NoError(t, c.Validate(), c.Name)
		require.NotEmpty(t, c.Description, c.Name)
		require.NotEmpty(t, c.CPU, c.Name)
		require.NotEmpty(t, c.Source, c.Name)
		c.Each(func(key string, cost *kernel.Cost) {
			require.NotEmpty(t, cost.Source, "%s: %s", c.Name, key)
		})
		require.Equal(t, c, *named(t, c.Name))
	}
	require.Equal(t, []string{"bdw-3.6ghz", "p3-e1000", "xeon-2.0ghz"}, names)
	require.Equal(t, *named(t, "bdw-3.6ghz"), kernel.DefaultCosts())
}

func TestProfilesAreCopies(t *testing.T) {
	c := kernel.DefaultCosts()
	c.Driver.Fixed = 1
	require.NotEqual(t, c.Driver, kernel.DefaultCosts().Driver)
}

func TestCostsNamedUnknown(t *testing.T) {
	_, err := kernel.CostsNamed("xeon-2.4ghz")
	fault, ok := errors.AsType[*cfgerr.Error](err)
	require.True(t, ok)
	require.Equal(t, "costs", fault.Path)
	require.EqualError(t, err, `costs = "xeon-2.4ghz": want bdw-3.6ghz, p3-e1000, xeon-2.0ghz; the nearest is "xeon-2.0ghz"`)
	_, err = kernel.CostsYAML("nobody")
	require.ErrorContains(t, err, `"nobody"`)
}

func TestCostsYAML(t *testing.T) {
	for _, c := range kernel.CostProfiles() {
		text, err := kernel.CostsYAML(c.Name)
		require.NoError(t, err)
		require.Contains(t, string(text), "\nname: "+c.Name+"\n")
	}
}

// Each, Steps and Set agree on the keys, and each key reaches a field of its own.
func TestEveryKey(t *testing.T) {
	steps := kernel.Steps()
	seen := map[string]bool{}
	var c kernel.Costs
	i := 0
	c.Each(func(key string, cost *kernel.Cost) {
		require.Equal(t, steps[i].Key, key)
		require.False(t, seen[key], "%s twice", key)
		require.Greater(t, len(steps[i].Doc), 20, "%s has no comment", key)
		require.Zero(t, *cost)
		seen[key] = true
		i++
		require.NoError(t, c.Set(key, kernel.Cost{Fixed: engine.Time(i), Source: "test"}))
		require.Equal(t, engine.Time(i), cost.Fixed)
		got, ok := c.Get(key)
		require.True(t, ok)
		require.Equal(t, *cost, got)
	})
	require.Len(t, steps, i)
	require.Equal(t, "dma", steps[0].Key, "declaration order")
	require.Equal(t, "remote_socket", steps[i-1].Key, "declaration order")
	_, ok := c.Get("driver ")
	require.False(t, ok)
}

func TestFor(t *testing.T) {
	c := kernel.Cost{Fixed: 100 * engine.Nanosecond, PerByte: 85}
	require.Equal(t, 101530*engine.Picosecond, c.For(18))
	require.Equal(t, "100ns + 85ps/B", c.String())
	c.PerByte = 0
	require.Equal(t, c.Fixed, c.For(1<<32-1))
	require.Equal(t, "100ns", c.String())
}

func TestSet(t *testing.T) {
	c := kernel.DefaultCosts()
	require.NoError(t, c.Set("switch", kernel.Cost{Fixed: 3 * engine.Microsecond}))
	require.Equal(t, kernel.Cost{Fixed: 3 * engine.Microsecond, Source: "set by the user"}, c.Switch)
	require.NoError(t, c.Set("copy", kernel.Cost{Fixed: 1, PerByte: 2, Source: "mine", Assumed: true}))
	base := kernel.DefaultCosts()
	require.Equal(t, []string{
		"copy: 1ps + 2ps/B (bdw-3.6ghz: 151.67ns + 85ps/B)",
		"switch: 3µs (bdw-3.6ghz: 1.5µs)",
	}, c.Changed(&base))
	require.Empty(t, base.Changed(&base))
}

func TestSetRefuses(t *testing.T) {
	cases := map[string]struct {
		key  string
		cost kernel.Cost
		want string
	}{
		"unknown key":          {"drivr", kernel.Cost{Fixed: 75000}, `drivr = 75ns: want the key of a cost; the nearest is "driver"`},
		"capitals":             {"FullDrop", kernel.Cost{}, `FullDrop = 0ps: want the key of a cost; the nearest is "full_drop"`},
		"negative":             {"gro", kernel.Cost{Fixed: -1}, "gro = -1ps: want 0 to 1s"},
		"above a second":       {"gro", kernel.Cost{Fixed: engine.Second + 1}, "gro = 1s: want 0 to 1s"},
		"no size":              {"gro", kernel.Cost{PerByte: 1}, "gro.per_byte = 1ps: want 0: this step does not depend on the size of a packet"},
		"negative per byte":    {"copy", kernel.Cost{PerByte: -1}, "copy.per_byte = -1ps: want 0 to 15.258µs per byte"},
		"64 KiB over a second": {"copy", kernel.Cost{PerByte: engine.Second/65536 + 1}, "copy.per_byte = 15.258µs: want 0 to 15.258µs per byte"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := kernel.DefaultCosts()
			err := c.Set(tc.key, tc.cost)
			require.EqualError(t, err, tc.want)
			require.IsType(t, &cfgerr.Error{}, cfgerr.All(err)[0])
			require.Empty(t, cmp.Diff(kernel.DefaultCosts(), c), "a refused cost changes nothing")
		})
	}
}

func TestValidate(t *testing.T) {
	require.NoError(t, new(kernel.Costs).Validate(), "every cost may be zero")
	c := kernel.DefaultCosts()
	c.Driver.Fixed = -5
	c.Copy.PerByte = engine.Second
	c.Switch.PerByte = 1
	c.RemoteSocket.Fixed = 2 * engine.Second
	var paths []string
	for _, e := range cfgerr.All(cfgerr.Under("host.costs", c.Validate())) {
		paths = append(paths, e.Path)
	}
	require.Equal(t, []string{"host.costs.driver", "host.costs.copy.per_byte", "host.costs.switch.per_byte", "host.costs.remote_socket"}, paths)
}

// A profile says of every cost whether somebody measured it; a source that
// begins with a row of the published table is not assumed, one from memory is.
func TestAssumedFlags(t *testing.T) {
	for _, c := range kernel.CostProfiles() {
		c.Each(func(key string, cost *kernel.Cost) {
			row, _, _ := strings.Cut(cost.Source, ":")
			measured := slices.Contains([]string{"U2", "U3", "U7", "U13", "U14", "U15", "U16", "U17", "U21", "T1", "xdp25", "L_measures"}, strings.Trim(strings.Fields(row)[0], ","))
			if strings.Contains(cost.Source, "from memory") || strings.Contains(cost.Source, "times bdw") {
				require.True(t, cost.Assumed, "%s: %s: %q", c.Name, key, cost.Source)
			}
			if measured {
				require.False(t, cost.Assumed, "%s: %s: %q", c.Name, key, cost.Source)
			}
		})
	}
}
