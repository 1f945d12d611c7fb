package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/live"
)

// here returns the machine that runs the test, which must let its network
// namespaces be made.
func here(t *testing.T) *Machine {
	t.Helper()
	if testing.Short() {
		t.Skip("cases on the kernel of this machine: skipped with -short")
	}
	m, err := ThisMachine(t.Context())
	if why, ok := errors.AsType[live.Unavailable](err); ok {
		t.Skipf("cases on the kernel of this machine: %s", why)
	}
	require.NoError(t, err)
	t.Log(m)
	return m
}

// disagrees is what is wrong where the kernel is one of those whose profile is
// proven, and what is worth knowing of any other.
func disagrees(t *testing.T, m *Machine, what string) {
	t.Helper()
	if strings.HasPrefix(m.Version+".", strings.TrimPrefix(m.Base, "linux-")+".") {
		t.Error(what)
	} else {
		t.Logf("a kernel without a profile of its own: %s", what)
	}
}

// patiently runs a case up to three times: a machine has other things to do, too,
// and a moment of them is no rule of its kernel.
func patiently(t *testing.T, m *Machine, fsys fs.FS, file string) *Recording {
	t.Helper()
	for attempt := 1; ; attempt++ {
		rec, err := m.Run(t.Context(), fsys, file)
		require.NoError(t, err, file)
		if rec.Result.Verdict != Differs || attempt == 3 {
			return rec
		}
		t.Logf("%s, run %d: %v", file, attempt, rec.Result.Differences)
	}
}

// representative are patterns of cases of every group.
var representative = []string{
	"A0_truesize_tap", "A_lo_p100_rb*0", "A_lo_p4000_rb4096", "A_veth_p1472_rb4096", "A_veth_p4000_rb8192", "A_vethnapi_p18_*", "A_tap_p472_*", "A_afpacket_p1*", "A_gso2_p212", "A_gso2_p215",
	"B_lo_exact*", "B_*_fill_k*", "B_*_peek*", "C_lo_market_rb65536_reads", "C_veth_frags*", "D_lo_n11_*", "D_*ssm*", "D_veth_broadcast*", "D_veth_n4_graded", "D_veth_connected*", "D_veth_filter*", "D_lo_unicast*",
	"E_badcsum_p6*", "E_close*", "E_filter*", "E_frag_shuffled", "E_frag_full*", "E_ip_opt*", "E_ip_short", "E_ip_tot*", "E_noport*", "E_src_zero", "E_tap_*", "E_ulen*", "E_xdp*", "E_rp_filter*", "E_otherhost*",
	"F_backlog1000_burst16x64", "F_vethring_burst8x32", "F_rps_cpu1_backlog10_*", "G_two_napis_budget300*", "G_backlog_stale*", "H", "K",
}

// This machine's kernel and the model agree: whatever is recorded here, the
// model replays. What can't be run here is said.
func TestThisMachine(t *testing.T) {
	m := here(t)
	schema := caseSchema(t)
	files, err := Files(Recorded())
	require.NoError(t, err)
	groups := map[string]int{}
	var totals Totals
	for _, f := range files {
		c, err := Read(Recorded(), f)
		require.NoError(t, err)
		if os.Getenv("RXPATH_LIVE") != "all" && !Matches(representative, c.Group, c.Name) {
			continue
		}
		rec := patiently(t, m, Recorded(), f)
		r := &rec.Result
		totals.Add(r)
		if r.Verdict != NotRun {
			groups[c.Group]++
		}
		var text strings.Builder
		require.NoError(t, r.WriteText(&text))
		switch r.Verdict {
		case OK:
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(rec.Document))
			require.NoError(t, err)
			require.NoError(t, schema.Validate(v), f)
			again := RunFile(fstest.MapFS{"cases/x.json": {Data: rec.Document}}, "cases/x.json")
			require.Equal(t, OK, again.Verdict, f)
		case NotRun, Relation:
			t.Log(text.String())
		default:
			disagrees(t, m, text.String())
		}
	}
	t.Log(totals.String())
	for _, g := range []string{"A", "B", "C", "D", "E", "H", "K"} {
		require.NotZero(t, groups[g], "no case of group %s ran", g)
	}
	require.Greater(t, totals.OK+totals.Differ, 3*totals.NotRun)
}

// What nobody has recorded follows the rules, too: other payloads, buffers and
// counts, run here and replayed.
func TestThisMachineMutated(t *testing.T) {
	m := here(t)
	for name, tt := range map[string]struct {
		file string
		edit func(map[string]any)
	}{
		"another payload": {"A_lo_p100_rb4096", func(c map[string]any) { in(c, "stimulus")["payload"] = 333 }},
		"one byte more":   {"A_lo_p100_rb4096", func(c map[string]any) { in(c, "stimulus")["payload"] = 198 }},
		"a large payload": {"A_lo_p100_rb4096", func(c map[string]any) { in(c, "stimulus")["payload"] = 33333 }},
		"another buffer": {"A_veth_p100_rb4096", func(c map[string]any) {
			c["setup"].(map[string]any)["sockets"] = []any{map[string]any{"SO_RCVBUF_asked": 7777}}
		}},
		"another count": {"A_veth_p100_rb4096", func(c map[string]any) { in(c, "stimulus")["count"] = 3 }},
		"fragments":     {"A_veth_p100_rb4096", func(c map[string]any) { in(c, "stimulus")["payload"] = 3333 }},
		"another script": {"B_lo_exact_fit", func(c map[string]any) {
			in(c, "stimulus")["ops"] = []any{[]any{"s", 700, 9}, []any{"r", 2}, []any{"peek", 1}, []any{"s", 10, 4}, []any{"inq"}, []any{"setbuf", 900}, []any{"r", 3}, []any{"f", 50, 3}}
		}},
		"a filter": {"E_filter_drop_all", func(c map[string]any) {
			in(c, "setup")["sockets"] = []any{map[string]any{"filt": []any{[]any{6, 0, 0, 17}}}}
		}},
		"larger to a group": {"D_veth_n11_grp", func(c map[string]any) {
			for _, v := range c["stimulus"].([]any) {
				v.(map[string]any)["payload"], v.(map[string]any)["count"] = 645, 7
			}
		}},
		"a frame to port 5001": {"E_ok_raw", func(c map[string]any) {
			frame := c["stimulus"].([]any)[0].(map[string]any)
			frame["hex"] = otherPort(frame["hex"].(string))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			fsys, copied := edited(t, "6.18/cases/"+tt.file+".json", tt.edit)
			rec := patiently(t, m, fsys, copied)
			if rec.Result.Verdict != OK {
				disagrees(t, m, fmt.Sprint(rec.Result.Reason, rec.Result.Differences))
			}
			require.NotEqual(t, OK, RunFile(fsys, copied).Verdict, "the recorded numbers are those of another case")
		})
	}
}

// otherPort changes the UDP port of a frame to 5001 and leaves out its checksum.
func otherPort(hex string) string { return hex[:72] + "1389" + hex[76:80] + "0000" + hex[84:] }

// Where the model is wrong about this kernel, a case differs.
func TestThisMachineDiffers(t *testing.T) {
	m := here(t)
	m.Changed = map[string]string{"accept_rule": "below_rcvbuf", "small_head": "1024"}
	rec, err := m.Run(t.Context(), Recorded(), "cases/A_lo_p100_rb4096.json")
	require.NoError(t, err)
	require.Equal(t, Differs, rec.Result.Verdict)
	require.NotEmpty(t, rec.Document, "it is recorded all the same")
}

// A case that changes the whole machine's settings, or measures time, or is
// noisy, is not run, and says why.
func TestNotRunHere(t *testing.T) {
	m := here(t)
	for file, why := range map[string]string{
		"A_udpmem_p1472": "net.ipv4.udp_mem, which is the whole machine's", "H_rcvbuf_rmem_max": "net.core.rmem_max, which is the whole machine's",
		"L_measures": "measurements of time", "B_lo_race_two_cpus": "not the same in every run",
	} {
		before := live.HostSysctls(probeSysctls)
		rec, err := m.Run(t.Context(), Recorded(), "cases/"+file+".json")
		require.NoError(t, err)
		require.Equal(t, NotRun, rec.Result.Verdict, file)
		require.Contains(t, rec.Result.Reason, why)
		require.Nil(t, rec.Document)
		require.Equal(t, before, live.HostSysctls(probeSysctls))
	}
}

// What ends the context ends the case.
func TestThisMachineInterrupted(t *testing.T) {
	m := here(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.Run(ctx, Recorded(), "cases/A_lo_p100_rb4096.json")
	require.ErrorIs(t, err, context.Canceled)
}

// caseSchema compiles docs/case.schema.json.
func caseSchema(t *testing.T) *jsonschema.Schema {
	file, err := os.Open("../../docs/case.schema.json")
	require.NoError(t, err)
	defer file.Close()
	tree, err := jsonschema.UnmarshalJSON(file)
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("case.schema.json", tree))
	schema, err := c.Compile("case.schema.json")
	require.NoError(t, err)
	return schema
}

// Recorded has the cases of 6.18, with their settings.
func TestRecorded(t *testing.T) {
	files, err := Files(Recorded())
	require.NoError(t, err)
	require.Len(t, files, recorded["6.18"])
	_, err = fs.Stat(Recorded(), "sysctls_veth.json")
	require.NoError(t, err)
}
