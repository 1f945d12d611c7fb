package main

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
	"github.com/seed-556df219/rxpath/sim/skb"
)

const root = "../.."

func readModel(t *testing.T) *module {
	t.Helper()
	m, err := readModule(root)
	require.NoError(t, err)
	return m
}

// TestDriverLines compares the tables with the lines to which the drivers'
// functions give a value.
func TestDriverLines(t *testing.T) {
	for fn, lines := range map[string][]driverLine{"Port.ixgbeStats": append(driverLines[:len(driverLines):len(driverLines)], queueLines...), "Port.igbStats": igbLines} {
		t.Run(fn, func(t *testing.T) {
			var got []string
			for _, l := range lines {
				got = append(got, l.name)
			}
			require.ElementsMatch(t, linesWithValues(t, fn), got)
		})
	}
}

// linesWithValues returns the names to which a function of package nic gives a
// value: the keys of its map, and the names of its literals with a Value; %d is a ring.
func linesWithValues(t *testing.T, name string) (names []string) {
	p, err := readModel(t).pkg("nic")
	require.NoError(t, err)
	for _, f := range p.files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || funcName(fn) != name {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.KeyValueExpr:
					if key, ok := n.Key.(*ast.BasicLit); ok {
						names = append(names, unquote(t, key))
					}
				case *ast.CompositeLit:
					names = append(names, ringLines(t, n)...)
				}
				return true
			})
		}
	}
	require.NotEmpty(t, names)
	return names
}

// ringLines returns the name of a NameValue literal of a ring that has a value.
func ringLines(t *testing.T, lit *ast.CompositeLit) []string {
	var name string
	valued := false
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return nil
		}
		switch key, _ := kv.Key.(*ast.Ident); {
		case key == nil:
			return nil
		case key.Name == "Value":
			valued = true
		case key.Name == "Name":
			ast.Inspect(kv.Value, func(n ast.Node) bool {
				if b, ok := n.(*ast.BasicLit); ok {
					name = unquote(t, b)
				}
				return true
			})
		}
	}
	switch {
	case !valued || name == "" || strings.Contains(name, "%s"):
		return nil
	case !strings.Contains(name, "%d"): // igb writes the ring before it
		name = "rx_queue_%d_" + name
	}
	return []string{strings.Replace(name, "%d", "<n>", 1)}
}

func unquote(t *testing.T, lit *ast.BasicLit) string {
	s, err := strconv.Unquote(lit.Value)
	require.NoError(t, err)
	return s
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

// levels are what files print that is no counter, or a sum of counters that have
// entries, by file or by file and name.
var levels = map[string]string{
	"proc/net/dev":                       "sums of the interface's statistics, which name their columns",
	"proc/net/sockstat":                  "levels",
	"proc/net/udp rx_queue":              "a level",
	"proc/net/softnet_stat backlog_len":  "a level",
	"proc/net/softnet_stat input_qlen":   "a level",
	"proc/net/softnet_stat process_qlen": "a level",
	"proc/stat":                          "times, and sums of interrupts and softirqs",
	"proc/interrupts":                    "a row for each interrupt; LOC, RES and CAL have entries",
	"proc/softirqs":                      "a row for each softirq; NET_RX has an entry",
	"proc/net/stat/nf_conntrack entries": "a level",
}

// TestEveryPrintedCounterHasAnEntry: whatever hosts of all kernels and drivers
// print has an entry on the page, is a level, or is a line of a driver that is
// always 0.
func TestEveryPrintedCounterHasAnEntry(t *testing.T) {
	all, err := readModel(t).sections()
	require.NoError(t, err)
	have := map[string]bool{}
	for _, s := range all {
		for _, e := range s.entries {
			have[e.name] = true
		}
	}
	for _, k := range kernel.Profiles() {
		for _, driver := range []string{"ixgbe", "igb"} {
			cfg := sim.Linux40()
			cfg.Kernel = k
			if cfg.NICs[0].Driver = driver; driver == "igb" {
				cfg.NICs[0].LinkBitsPerSecond = 1_000_000_000
			}
			h, err := sim.NewHost(cfg)
			require.NoError(t, err)
			s := h.Snapshot()
			procfs.EachCounter(&s.Snapshot, func(file, _, name string, _ uint64) {
				switch {
				case levels[file] != "", levels[file+" "+name] != "", strings.HasPrefix(file, "ethtool/"): // see TestDriverLines
				case !have[name]:
					t.Errorf("%s %s of %s has no entry", file, name, k.Name)
				}
			})
			h.Close()
		}
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
