package verify

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

var recordings = os.DirFS("testdata")

// TestRecordings replays every case that is in the repository: what was recorded
// on Linux 6.1.192, 6.12.117 and 6.18.44, and cases made up at random (found) in
// which the model once differed from 6.18.44.
func TestRecordings(t *testing.T) {
	files, err := Files(recordings)
	require.NoError(t, err)
	for _, kernel := range slices.Sorted(maps.Keys(recorded)) {
		t.Run(kernel, func(t *testing.T) {
			t.Parallel()
			var totals Totals
			for _, f := range files {
				if !strings.HasPrefix(f, kernel+"/") {
					continue
				}
				r := RunFile(recordings, f)
				totals.Add(&r)
				if r.Verdict == Differs || r.Verdict == NotReplayable && r.Case.Group != measured {
					var b strings.Builder
					require.NoError(t, r.WriteText(&b))
					t.Error(b.String())
				}
			}
			t.Log(totals.String())
			require.Equal(t, recorded[kernel], totals.Cases)
		})
	}
	all := 0
	for _, n := range recorded { // Any order: a sum.
		all += n
	}
	require.Len(t, files, all)
}

// recorded is how many cases there are of each kernel.
var recorded = map[string]int{"6.1": 428, "6.12": 140, "6.18": 549, "found": 10}

// edited returns a folder with one case of the recordings, as edit leaves it.
func edited(t *testing.T, file string, edit func(c map[string]any)) (fs.FS, string) {
	data, err := fs.ReadFile(recordings, file)
	require.NoError(t, err)
	var c map[string]any
	require.NoError(t, json.Unmarshal(data, &c))
	edit(c)
	data, err = json.Marshal(c)
	require.NoError(t, err)
	out := fstest.MapFS{"k/cases/case.json": {Data: data}}
	dir := path.Dir(path.Dir(file))
	for _, kind := range []string{"lo", "veth", "tap"} {
		s, err := fs.ReadFile(recordings, path.Join(dir, "sysctls_"+kind+".json"))
		require.NoError(t, err)
		out["k/sysctls_"+kind+".json"] = &fstest.MapFile{Data: s}
	}
	return out, "k/cases/case.json"
}

// in goes down a path of keys and returns the object or list there.
func in(v any, keys ...string) map[string]any {
	for _, k := range keys {
		v = v.(map[string]any)[k]
	}
	return v.(map[string]any)
}

// A case is replayed by its set-up and its stimulus: under another name, in
// another group, it is as right as before.
func TestNamesDecideNothing(t *testing.T) {
	files, err := Files(recordings)
	require.NoError(t, err)
	for i := 0; i < len(files); i += 37 {
		fsys, file := edited(t, files[i], func(c map[string]any) { c["name"], c["group"] = "X", "X" })
		want, got := RunFile(recordings, files[i]), RunFile(fsys, file)
		require.Equal(t, want.Verdict, got.Verdict, "%s: %v", files[i], got.Differences)
	}
}

// Every number of a case is compared: whichever is changed, the case differs.
func TestEveryNumberIsCompared(t *testing.T) {
	for _, file := range []string{
		"6.18/cases/A_lo_p0_rbmin.json", "6.18/cases/A_gso2_p50.json", "6.18/cases/B_lo_exact_fit.json", "6.18/cases/K_lo_peek.json",
		"6.18/cases/D_veth_filter_one_of_three.json", "6.18/cases/E_good_after_bad.json", "6.18/cases/E_noport.json",
		"6.18/cases/F_flowlimit_backlog200.json", "6.18/cases/G_backlog_stale_weight.json", "6.1/cases/A_udpmem_p100.json",
		"6.18/cases/H_rcvbuf_rmem_max.json", "6.18/cases/K_lo_rxq_ovfl.json", "6.18/cases/K_veth_trunc.json",
	} {
		t.Run(file, func(t *testing.T) {
			require.Equal(t, OK, RunFile(recordings, file).Verdict)
			n := 0
			fsys, copied := edited(t, file, func(c map[string]any) { n = leaves(c["observed"]) })
			c, err := Read(fsys, copied)
			require.NoError(t, err)
			got, err := replay(c)
			require.NoError(t, err)
			for i := range n {
				var where string
				fsys, copied := edited(t, file, func(c map[string]any) { where = bump(c["observed"], i) })
				changed, err := Read(fsys, copied)
				require.NoError(t, err)
				if isInput(where) {
					continue
				}
				require.NotEmpty(t, compare(nil, "observed", any(changed.observed), got), "%s, number %d (%s), can be anything", file, i, where)
			}
			require.Positive(t, n)
		})
	}
}

// isInput tells numbers of an observation that say what was done.
func isInput(string) bool { return false }

// leaves counts the numbers below v.
func leaves(v any) (n int) {
	walk(v, func(*float64) { n++ })
	return n
}

// bump adds one to the number at place i.
func bump(v any, i int) string {
	n := 0
	walk(v, func(f *float64) {
		if n == i {
			*f++
		}
		n++
	})
	return fmt.Sprint(i)
}

// walk calls f with every number, in the order of the keys.
func walk(v any, f func(*float64)) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if n, ok := v[k].(float64); ok {
				f(&n)
				v[k] = n
			} else {
				walk(v[k], f)
			}
		}
	case []any:
		for i := range v {
			if n, ok := v[i].(float64); ok {
				f(&n)
				v[i] = n
			} else {
				walk(v[i], f)
			}
		}
	}
}

// What a case expects and the model does not know is a difference, and what its
// set-up says and the reader does not know is no replay.
func TestUnknownKeys(t *testing.T) {
	const file = "6.18/cases/A_lo_p0_rbmin.json"
	for name, tt := range map[string]struct {
		edit func(map[string]any)
		want Verdict
		text string
	}{
		"a counter that the model has not": {func(c map[string]any) { in(c, "observed", "after_send", "Udp")["InBananas"] = 1 }, Differs, "observed.after_send.Udp.InBananas: expected 1, got 0"},
		"an observation of another kind":   {func(c map[string]any) { in(c, "observed")["weather"] = "fine" }, Differs, "observed.weather: expected fine, got nothing"},
		"an option of a socket": {func(c map[string]any) {
			in(c, "setup")["sockets"] = []any{map[string]any{"SO_BUSY_POLL": 50}}
		}, NotReplayable, "SO_BUSY_POLL"},
		"a sysctl":             {func(c map[string]any) { in(c, "setup")["sysctls"] = map[string]any{"net.core.bpf_jit_enable": "1"} }, NotReplayable, "net.core.bpf_jit_enable"},
		"a kernel":             {func(c map[string]any) { c["kernel"] = "9.9.1" }, NotReplayable, "no profile for kernel 9.9.1"},
		"a kind of network":    {func(c map[string]any) { in(c, "setup", "env")["kind"] = "ipvlan" }, NotReplayable, `"ipvlan"`},
		"a note":               {func(c map[string]any) { in(c, "setup")["note"] = "ip link set vr0 down" }, NotReplayable, "ip link set vr0 down"},
		"a stimulus":           {func(c map[string]any) { in(c, "stimulus")["op"] = "shout" }, NotReplayable, "shout"},
		"a payload too large":  {func(c map[string]any) { in(c, "stimulus")["payload"] = 65508 }, NotReplayable, "0 to 65507"},
		"another row of steps": {func(c map[string]any) { in(c, "observed", "trace_rle")["rows"] = []any{} }, Differs, "observed.trace_rle.rows (length)"},
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

// Nothing that a file can say makes the reader panic.
func FuzzRead(f *testing.F) {
	for _, file := range []string{"6.18/cases/A_lo_p0_rbmin.json", "6.18/cases/B_lo_exact_fit.json", "6.18/cases/D_lo_n2_any.json", "6.18/cases/E_noport.json", "6.18/cases/K_lo_trunc.json"} {
		data, err := fs.ReadFile(recordings, file)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 || strings.Count(string(data), "0") > 1<<10 {
			return
		}
		c, err := Read(fstest.MapFS{"case.json": {Data: data}}, "case.json")
		if err == nil && c.Group != measured {
			_, _ = c.profile()
			_, _ = c.open()
		}
	})
}
