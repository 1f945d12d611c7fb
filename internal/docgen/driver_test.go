package main

import (
	"go/ast"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

const root = "../.."

func readModel(t *testing.T) *module {
	t.Helper()
	m, err := readModule(root)
	require.NoError(t, err)
	return m
}

// TestDriverLines compares the table with the lines to which
// nic.Port.ixgbeStats gives a value.
func TestDriverLines(t *testing.T) {
	p, err := readModel(t).pkg("nic")
	require.NoError(t, err)
	var want []string
	for _, f := range p.files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || funcName(fn) != "Port.ixgbeStats" {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if kv, ok := n.(*ast.KeyValueExpr); ok {
					if key, ok := kv.Key.(*ast.BasicLit); ok {
						name, err := strconv.Unquote(key.Value)
						require.NoError(t, err)
						want = append(want, name)
					}
				}
				return true
			})
		}
	}
	require.NotEmpty(t, want)
	var got []string
	for _, l := range driverLines {
		got = append(got, l.name)
	}
	require.ElementsMatch(t, want, got)
}

// TestPlaces pins places that everybody knows.
func TestPlaces(t *testing.T) {
	all, err := readModel(t).sections()
	require.NoError(t, err)
	where := map[string][]string{}
	for _, s := range all {
		for _, e := range s.entries {
			if e.id == "" {
				require.Empty(t, e.places, e.name)
				continue
			}
			require.NotContains(t, where, e.id)
			require.NotEmpty(t, e.places, e.id)
			for _, p := range e.places {
				where[e.id] = append(where[e.id], p.String())
			}
		}
	}
	for id, want := range map[string][]string{
		"snmp:Udp.RcvbufErrors":       {"`/proc/net/snmp`, line `Udp:`, field 6"},
		"softnet_stat:time_squeeze":   {"`/proc/net/softnet_stat`, field 3"},
		"softnet_stat:received_rps":   {"`/proc/net/softnet_stat`, field 10"},
		"statistics:rx_missed_errors": {"`/proc/net/dev`, line `<if>:`, field 5 (`drop`)", "`/sys/class/net/<if>/statistics/rx_missed_errors`"},
		"statistics:rx_dropped":       {"`/proc/net/dev`, line `<if>:`, field 5 (`drop`)", "`/sys/class/net/<if>/statistics/rx_dropped`"},
		"softirqs:NET_RX":             {"`/proc/softirqs`, line `NET_RX:`, field 2", "`/proc/stat`, line `softirq`, field 2"},
		"udp:drops":                   {"`/proc/net/udp`, field 13"},
	} {
		require.Equal(t, want, where[id], id)
	}
	for _, f := range feeds {
		for _, id := range f.counters {
			if id[:3] != "dev" { // columns of /proc/net/dev are sums of entries
				require.Contains(t, where, id, "no entry for a counter of %s", f.reason)
			}
		}
	}
	for _, k := range knobs {
		require.Contains(t, where, k.counter)
	}
}

// Each table has every counter that procfs knows of it.
func TestEveryCounterHasAnEntry(t *testing.T) {
	all, err := readModel(t).sections()
	require.NoError(t, err)
	var have []string
	for _, s := range all {
		for _, e := range s.entries {
			have = append(have, e.id)
		}
	}
	levelsAndRows := []string{"udp:rx_queue", "stat:processes", "stat:procs_running", "stat:intr", "stat:softirq"}
	_, ids := totals(sampleHost())
	for _, id := range ids {
		switch {
		case slices.Contains(levelsAndRows, id), hasPrefix(id, "sockstat:"), hasPrefix(id, "stat:cpu"), hasPrefix(id, "dev:"), hasPrefix(id, "softirqs:"):
			continue // levels, times, and sums of others
		}
		require.Contains(t, have, id)
	}
}

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

func TestNetRX(t *testing.T) {
	require.Equal(t, "NET_RX", mib.SoftirqNames[mib.SoftirqNetRX])
	require.Len(t, netRX().places, 2)
}

// constantName returns the Go name of a reason, by the names that String gives.
func constantName(m *module, r skb.DropReason) (name string) {
	p, err := m.pkg("sim/skb")
	if err != nil {
		return ""
	}
	for _, f := range p.files {
		ast.Inspect(f.File, func(n ast.Node) bool {
			kv, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, isName := kv.Key.(*ast.Ident)
			value, isText := kv.Value.(*ast.BasicLit)
			if isName && isText && value.Value == strconv.Quote(r.String()) {
				name = key.Name
			}
			return true
		})
	}
	return name
}

// mentions reports whether a package uses a name of another one.
func (p *pkg) mentions(name string) bool {
	found := false
	for _, f := range p.files {
		ast.Inspect(f.File, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == name {
				found = true
			}
			return !found
		})
	}
	return found
}
