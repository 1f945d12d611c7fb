package verify

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/kernel"
)

// The profile of a kernel is that of the nearest version, of two the older.
func TestNearestProfile(t *testing.T) {
	for version, want := range map[string]string{
		"3.10.0-1160.el7.x86_64": "linux-3.10", "2.6.32": "linux-3.10", "4.0.5": "linux-4.0", "4.4.302": "linux-4.0", "3.14.1": "linux-3.10", "3.16.0": "linux-4.0",
		"5.4.0-200-generic": "linux-6.1", "5.15.0-1071-aws": "linux-6.1", "6.1.192": "linux-6.1", "6.6.87": "linux-6.1", "6.8.0-45-generic": "linux-6.12",
		"6.12.117+deb13-amd64": "linux-6.12", "6.15": "linux-6.12", "6.16-rc1": "linux-6.18", "6.18.44": "linux-6.18", "6.19.2": "linux-6.18", "7.3.0": "linux-6.18",
	} {
		p, err := nearestProfile(version)
		require.NoError(t, err, version)
		require.Equal(t, want, p.Name, version)
	}
	for _, version := range []string{"", "6", "six.one", "1.2.13", "6.x"} {
		_, err := nearestProfile(version)
		require.ErrorContains(t, err, "no version of Linux", version)
	}
}

// What the probes of an idle socket say of a kernel, and what of it is not as in
// the profile of its version.
func TestDerive(t *testing.T) {
	new618 := map[string]bool{"Udp.IgnoredMulti": true, "Ip.OutTransmits": true}
	old := map[string]bool{"Udp.IgnoredMulti": true}
	for name, tt := range map[string]struct {
		version string
		o       observation
		base    string
		changed map[string]string
	}{
		"6.18 as it was recorded":           {"6.18.44", observation{truesize: 832, exact: 8, loose: 8, holds: 8, columns: 15, counters: new618}, "linux-6.18", nil},
		"6.18 with larger heads":            {"6.18.9", observation{truesize: 960, exact: 8, loose: 8, holds: 8, columns: 15, counters: new618}, "linux-6.18", map[string]string{"small_head": "704"}},
		"6.12 as it was recorded":           {"6.12.117", observation{truesize: 960, exact: 9, loose: 9, holds: 8, columns: 15, counters: map[string]bool{"Udp.IgnoredMulti": true, "Ip.OutTransmits": true}}, "linux-6.12", nil},
		"6.1 as it was recorded":            {"6.1.192", observation{truesize: 768, exact: 9, loose: 9, holds: 8, columns: 13, counters: old}, "linux-6.1", nil},
		"6.12 with the new acceptance rule": {"6.12.200", observation{truesize: 960, exact: 8, loose: 8, holds: 8, columns: 15, counters: new618}, "linux-6.12", map[string]string{"accept_rule": "fits_or_empty"}},
		"6.1, whole pages":                  {"6.1.9", observation{truesize: 768, exact: 9, loose: 9, holds: 8, columns: 13, counters: old, large: 8448, fwdAlloc: 7680}, "linux-6.1", nil},
		"6.1, pages as in 6.12":             {"6.1.9", observation{truesize: 768, exact: 9, loose: 9, holds: 8, columns: 13, counters: old, large: 8448, fwdAlloc: 3584}, "linux-6.1", map[string]string{"fwd_alloc_rule": "shortfall"}},
		"6.18, whole pages":                 {"6.18.9", observation{truesize: 832, exact: 8, loose: 8, holds: 8, columns: 15, counters: new618, large: 8448, fwdAlloc: 7680}, "linux-6.18", map[string]string{"fwd_alloc_rule": "whole"}},
		"4.0":                               {"4.0.5", observation{truesize: 768, exact: 8, loose: 9, holds: 8, released: true, peeked: true, columns: 11, counters: old}, "linux-4.0", nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := Machine{Version: tt.version}
			require.NoError(t, m.derive(&tt.o))
			require.Equal(t, tt.base, m.Base)
			if tt.changed == nil {
				tt.changed = map[string]string{}
			}
			require.Equal(t, tt.changed, m.Changed)
			require.Contains(t, m.String(), "profile "+tt.base+", the nearest")
			if len(tt.changed) > 0 {
				require.Contains(t, m.String(), "(not as "+tt.base+")")
			}
		})
	}
}

// The rules of acceptance that a kernel can have are told apart.
func TestProbedAcceptance(t *testing.T) {
	for rule, o := range map[kernel.AcceptRule]observation{
		kernel.FitsOrEmpty: {exact: 8, loose: 8, holds: 8}, kernel.BelowRcvBuf: {exact: 8, loose: 9, holds: 8}, kernel.UpToRcvBuf: {exact: 9, loose: 9, holds: 8},
	} {
		require.Contains(t, o.probed(), Probed{"accept_rule", rule.String()})
	}
	o := observation{exact: 5, loose: 7, holds: 8} // none that is known: the version's is kept
	require.False(t, slices.ContainsFunc(o.probed(), func(p Probed) bool { return p.Name == "accept_rule" }))
}

// A case may say from which profile its kernel's is derived, and on what machine
// it was recorded.
func TestProfileOfACase(t *testing.T) {
	const file = "6.18/cases/A_lo_p0_rbmin.json"
	for name, tt := range map[string]struct {
		edit func(map[string]any)
		want Verdict
		text string
	}{
		"of a version without profile": {func(c map[string]any) { c["kernel"] = "6.14.2"; c["profile"] = map[string]any{"base": "linux-6.18"} }, OK, ""},
		"with a behaviour changed":     {func(c map[string]any) { c["profile"] = map[string]any{"base": "linux-6.18", "small_head": "704"} }, Differs, "expected 832, got 960"},
		"with an unknown behaviour":    {func(c map[string]any) { c["profile"] = map[string]any{"base": "linux-6.18", "smallhead": "704"} }, NotReplayable, `the nearest is "small_head"`},
		"with a wrong value":           {func(c map[string]any) { c["profile"] = map[string]any{"base": "linux-6.18", "accept_rule": "never"} }, NotReplayable, "accept_rule"},
		"of an unknown base":           {func(c map[string]any) { c["profile"] = map[string]any{"base": "linux-9.9"} }, NotReplayable, `no profile "linux-9.9"`},
		"without a base":               {func(c map[string]any) { c["profile"] = map[string]any{"small_head": "704"} }, NotReplayable, `no profile ""`},
		"on eight CPUs":                {func(c map[string]any) { c["machine"] = map[string]any{"cpus": 8, "llc": false} }, OK, ""},
		"on one CPU":                   {func(c map[string]any) { c["machine"] = map[string]any{"cpus": 1, "llc": false} }, OK, ""},
		"on no CPU":                    {func(c map[string]any) { c["machine"] = map[string]any{"cpus": 0, "llc": false} }, NotReplayable, "machine.cpus is 0"},
		"on a machine with a colour":   {func(c map[string]any) { c["machine"] = map[string]any{"cpus": 2, "colour": "red"} }, NotReplayable, "colour"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys, copied := edited(t, file, tt.edit)
			r := RunFile(fsys, copied)
			require.Equal(t, tt.want, r.Verdict, "%v %v", r.Reason, r.Differences)
			var b strings.Builder
			require.NoError(t, r.WriteText(&b))
			require.Contains(t, b.String(), tt.text)
		})
	}
}

// llc is the machine's: a frame of 802.3 is a loss of the device where nobody
// takes it.
func TestMachineLLC(t *testing.T) {
	const file = "6.18/cases/E_eth_802_3_llc.json"
	for llc, want := range map[bool]Verdict{true: OK, false: Differs} {
		fsys, copied := edited(t, file, func(c map[string]any) { c["machine"] = map[string]any{"cpus": 2, "llc": llc} })
		require.Equal(t, want, RunFile(fsys, copied).Verdict, "llc %v", llc)
	}
}

// Settings that a namespace has of its own are the case's, others the machine's;
// a case that changes one of those can't be run.
func TestAdapt(t *testing.T) {
	m := Machine{own: map[string]string{"net.ipv4.ipfrag_time": "30"}, host: map[string]string{"net.ipv4.ipfrag_time": "7", "net.core.netdev_budget": "600", "net.ipv4.udp_mem": "10 20 30"}}
	c := &Case{setup: setup{Sysctls: json.RawMessage(`{"net.core.netdev_budget": "300"}`),
		sysctls: map[string]string{"net.ipv4.ipfrag_time": "30", "net.core.netdev_budget": "300", "net.core.gone": "1", "net.ipv4.udp_mem": "1 2 3"}}}
	require.Equal(t, "with the machine's net.core.netdev_budget = 600", m.adapt(c), "what the case itself asks for is said, what all cases came with is not")
	require.Equal(t, map[string]string{"net.ipv4.ipfrag_time": "30", "net.core.netdev_budget": "600", "net.ipv4.udp_mem": "10 20 30"}, c.setup.sysctls)
	require.NoError(t, m.refuses(c))
	c.setup.SysctlsChanged = map[string]string{"net.ipv4.ipfrag_time": "1"}
	require.NoError(t, m.refuses(c))
	c.setup.SysctlsChanged = map[string]string{"net.ipv4.udp_mem": "1 1 1"}
	require.EqualError(t, m.refuses(c), "it changes net.ipv4.udp_mem, which is the whole machine's")
	c.setup.SysctlsChanged = map[string]string{"net.ipv4.udp_mem": "10 20 30"}
	require.NoError(t, m.refuses(c), "it is so already")
}

// Of what other programs move, too, the least of the runs is kept; of the rest
// nothing is changed.
func TestLeast(t *testing.T) {
	run := func(text string) map[string]any {
		var v map[string]any
		require.NoError(t, loose([]byte(text), &v))
		return v
	}
	a := run(`{"after_send": {"Udp": {"InErrors": 3}, "softnet": {"0": {"processed": 12, "dropped": 1}}}, "drop_reasons": {"NO_SOCKET": 2, "NOT_SPECIFIED": 1}}`)
	b := run(`{"after_send": {"Udp": {"InErrors": 3}, "softnet": {"0": {"processed": 10, "dropped": 2}, "1": {"processed": 4}}}, "drop_reasons": {"NO_SOCKET": 2}}`)
	require.Equal(t, without(a), without(b))
	least(a, b, false)
	require.Equal(t, run(`{"after_send": {"Udp": {"InErrors": 3}, "softnet": {"0": {"processed": 10, "dropped": 1}}}, "drop_reasons": {"NO_SOCKET": 2}}`), a)
	c := run(`{"after_send": {"Udp": {"InErrors": 4}}}`)
	require.NotEqual(t, without(a), without(c))
}

// A recording has the parts that the template has, with the numbers of here.
func TestShape(t *testing.T) {
	var want any
	require.NoError(t, loose([]byte(`{"after_send": {"Udp": {"InErrors": 1}, "softnet": {}}, "received": [3], "sockets": [{"drops": 1}]}`), &want))
	got := object{"after_send": object{"Udp": counters{"NoPorts": 2}, "Ip": counters{"InReceives": 9}, "softnet": ignored{}}, "received": []any{int64(4), int64(5)}, "sockets": []any{object{"drops": 7, "rmem": 8}}}
	out, err := shape("observed", want, got)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"after_send": map[string]any{"Udp": map[string]int64{"NoPorts": 2}}, "received": []any{int64(4), int64(5)},
		"sockets": []any{map[string]any{"drops": int64(7)}}}, out)
	_, err = shape("observed", map[string]any{"weather": "fine"}, object{})
	require.EqualError(t, err, "observed.weather can't be observed")
}

// The file of a recording is the template with the numbers, the settings and the
// machine of here; what was not recorded again is gone.
func TestRewrite(t *testing.T) {
	template := []byte(`{"name": "N", "group": "A", "kernel": "6.1.192", "description": "<d>", "runs": 3, "deterministic": true, "noise": {"x": 1}, "machine_wide_counters_contaminated": true,
		"setup": {"env": {"kind": "lo", "mtu": 65536}, "sysctls": "sysctls_lo.json", "sockets": [{"SO_RCVBUF_asked": 7, "SO_RCVBUF_got": 1}]}, "stimulus": {"op": "send", "count": 1000000000000000001}, "observed": {"old": 1}}`)
	m := Machine{Version: "6.14.2", Base: "linux-6.12", Changed: map[string]string{"small_head": "576"}, CPUs: 8}
	c := &Case{Deterministic: true, setup: setup{sysctls: map[string]string{"net.core.rmem_max": "5"}}}
	doc, err := m.rewrite(template, c, &runs{observed: map[string]any{"new": int64(2)}, seen: &seen{rcvbufs: []int{2304}}, count: 4, attained: 2})
	require.NoError(t, err)
	require.Equal(t, `{"name":"N","group":"A","kernel":"6.14.2","profile":{"base":"linux-6.12","small_head":"576"},"machine":{"cpus":8,"llc":false},"description":"<d>","runs":4,"deterministic":true,`+
		`"machine_wide_counters":"least of 4 runs, attained in 2","setup":{"env":{"kind":"lo","mtu":65536},"sockets":[{"SO_RCVBUF_asked":7,"SO_RCVBUF_got":2304}],"sysctls":{"net.core.rmem_max":"5"}},`+
		`"stimulus":{"op":"send","count":1000000000000000001},"observed":{"new":2}}`+"\n", string(doc))
	m = Machine{Version: "6.12.3", Base: "linux-6.12", CPUs: 2}
	doc, err = m.rewrite(template, c, &runs{observed: map[string]any{}, seen: &seen{}, count: 2, attained: 1, noisy: true})
	require.NoError(t, err)
	require.NotContains(t, string(doc), `"profile"`, "the version has that profile")
	require.Contains(t, string(doc), `"machine_wide_counters_contaminated":true`)
}

// Every key of a case is written again.
func TestKeysAreComplete(t *testing.T) {
	data, err := json.Marshal(document{Setup: json.RawMessage("{}"), Stimulus: json.RawMessage("{}"), Observed: json.RawMessage("{}"), Noise: json.RawMessage("{}"), Profile: json.RawMessage("{}")})
	require.NoError(t, err)
	var doc map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &doc))
	delete(doc, "noise") // of the old runs
	require.ElementsMatch(t, keys, slices.Collect(maps.Keys(doc)))
}

// Cases are selected by group and by pattern.
func TestMatches(t *testing.T) {
	require.True(t, Matches(nil, "E", "E_noport"))
	require.True(t, Matches([]string{"K", "E"}, "E", "E_noport"))
	require.True(t, Matches([]string{"E_no*"}, "E", "E_noport"))
	require.False(t, Matches([]string{"E_bad*", "A"}, "E", "E_noport"))
}
