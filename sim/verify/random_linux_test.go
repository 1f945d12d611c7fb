package verify

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// setting returns a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err, name)
	return n
}

// made reads a case that was made up.
func made(doc map[string]any) (*Case, error) {
	data, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	return parse(Recorded(), "cases/random.json", data)
}

// lengths are of ICMP answers, in which a kernel repeats options: none of the
// receive path's.
var lengths = []string{".after_send.IpExt.OutOctets", ".after_send.dev.tx_bytes"}

// disagreement runs a made-up case on the kernel, and on the model: it returns
// what differs, or why there is nothing to compare.
func disagreement(t *testing.T, m *Machine, doc map[string]any) (diffs []string, why string) {
	c, err := made(doc)
	require.NoError(t, err)
	m.adapt(c)
	run, liveErr := m.once(t.Context(), c)
	model := *c
	if liveErr == nil {
		model.observed = run.observed
		model.noisyCPUs = run.seen.noisy
	}
	got, err := replay(&model)
	switch {
	case liveErr != nil && err != nil:
		return nil, "both: " + liveErr.Error() + " / " + err.Error()
	case liveErr != nil:
		return []string{"kernel: " + liveErr.Error()}, ""
	case err != nil:
		return []string{"model: " + err.Error()}, ""
	}
	for _, d := range compare(nil, "", any(model.observed), got) {
		if !slices.Contains(lengths, d.Path) {
			diffs = append(diffs, d.String())
		}
	}
	return diffs, ""
}

// steady runs a case that differs again: what is not there each time is noise.
func steady(t *testing.T, m *Machine, doc map[string]any) (diffs []string, why string) {
	diffs, why = disagreement(t, m, doc)
	for range 2 {
		if len(diffs) == 0 {
			return nil, why
		}
		again, w := disagreement(t, m, doc)
		diffs = slices.DeleteFunc(diffs, func(d string) bool { return !slices.Contains(again, d) })
		why = w
	}
	return diffs, why
}

// TestRandomCasesAgree: cases that nobody thought of count the same on the kernel
// of this machine and on the model. RXPATH_LIVE_CASES says how many,
// RXPATH_LIVE_SEED the first, RXPATH_LIVE_DIR where those that differ are
// written, and with RXPATH_LIVE_SHRINK they are made as small as they can be.
func TestRandomCasesAgree(t *testing.T) {
	m := here(t)
	first, n := setting(t, "RXPATH_LIVE_SEED", 1), setting(t, "RXPATH_LIVE_CASES", 80)
	same, skipped, differ := 0, map[string]int{}, 0
	for i := range n {
		doc := randomCase(uint64(first + i))
		diffs, why := steady(t, m, doc)
		switch {
		case why != "":
			skipped[why]++
		case len(diffs) == 0:
			same++
		default:
			differ++
			if os.Getenv("RXPATH_LIVE_SHRINK") != "" {
				doc, diffs = shrunk(t, m, doc, diffs)
			}
			text, _ := json.Marshal(doc)
			if dir := os.Getenv("RXPATH_LIVE_DIR"); dir != "" {
				require.NoError(t, os.WriteFile(fmt.Sprintf("%s/%d.json", dir, first+i), text, 0o644))
				require.NoError(t, os.WriteFile(fmt.Sprintf("%s/%d.txt", dir, first+i), []byte(strings.Join(diffs, "\n")+"\n"), 0o644))
			}
			delete(doc, "observed")
			text, _ = json.Marshal(doc)
			disagrees(t, m, fmt.Sprintf("seed %d: %s\n  %s", first+i, text, strings.Join(diffs, "\n  ")))
		}
	}
	t.Logf("%d cases the same, %d differ", same, differ)
	for why, k := range skipped {
		t.Logf("%d not compared: %s", k, why)
	}
}

// shrunk makes a case that differs smaller, as long as it differs.
func shrunk(t *testing.T, m *Machine, doc map[string]any, diffs []string) (map[string]any, []string) {
	for again := true; again; {
		again = false
		for _, smaller := range reductions(doc) {
			d, _ := disagreement(t, m, smaller)
			if len(d) > 0 && kindOf(d) == kindOf(diffs) {
				doc, diffs, again = smaller, d, true
				break
			}
		}
	}
	return doc, diffs
}

// kindOf is which number differs first.
func kindOf(diffs []string) string {
	s, _, _ := strings.Cut(diffs[0], ":")
	return s
}

// reductions are the documents with one thing less.
func reductions(doc map[string]any) (out []map[string]any) {
	edit := func(f func(d map[string]any)) {
		d := deepCopy(doc).(map[string]any)
		f(d)
		if !reflect.DeepEqual(d, doc) {
			out = append(out, d)
		}
	}
	without := func(l []any, from, n int) []any { return append(append([]any{}, l[:from]...), l[from+n:]...) }
	setup := doc["setup"].(map[string]any)
	edit(func(d map[string]any) { delete(d["setup"].(map[string]any), "note") })
	edit(func(d map[string]any) { d["description"] = "made up" })
	for n := 64; n > 0; n /= 2 {
		if l, ok := doc["stimulus"].([]any); ok {
			for i := 0; i+n <= len(l) && len(l) > n; i += n {
				edit(func(d map[string]any) { d["stimulus"] = without(l, i, n) })
			}
		}
		if s, ok := doc["stimulus"].(map[string]any); ok {
			l := s["ops"].([]any)
			for i := 0; i+n <= len(l) && len(l) > n; i += n {
				edit(func(d map[string]any) { d["stimulus"].(map[string]any)["ops"] = without(l, i, n) })
			}
		}
		l := setup["sockets"].([]any)
		for i := 0; i+n <= len(l) && len(l) > n; i += n {
			edit(func(d map[string]any) { d["setup"].(map[string]any)["sockets"] = without(l, i, n) })
		}
	}
	for i, s := range setup["sockets"].([]any) {
		for k := range s.(map[string]any) {
			edit(func(d map[string]any) { delete(d["setup"].(map[string]any)["sockets"].([]any)[i].(map[string]any), k) })
		}
	}
	for k, v := range map[string]any{"rx_gro": false, "tx_tso": true, "tx_udp_segmentation_offload": true, "iff_napi": false} {
		if e := setup["env"].(map[string]any); e[k] != nil {
			edit(func(d map[string]any) { d["setup"].(map[string]any)["env"].(map[string]any)[k] = v })
		}
	}
	if l, ok := doc["stimulus"].([]any); ok {
		for i, s := range l {
			if n, ok := s.(map[string]any)["count"].(int); ok && n > 1 {
				for _, k := range []int{1, n / 2, n - 1} {
					edit(func(d map[string]any) { d["stimulus"].([]any)[i].(map[string]any)["count"] = k })
				}
			}
		}
	}
	return out
}
