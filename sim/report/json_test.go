package report

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/procfs"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

func jsonOf(t testing.TB, in Input) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, JSON(&b, in))
	return b.Bytes()
}

// strictSchema is the published schema, without other keys.
func strictSchema(t testing.TB) *validator.Schema {
	t.Helper()
	text, err := json.Marshal(schemaOf(t, true))
	require.NoError(t, err)
	tree, err := validator.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := validator.NewCompiler()
	require.NoError(t, c.AddResource("run.schema.json", tree))
	s, err := c.Compile("run.schema.json")
	require.NoError(t, err)
	return s
}

// Outputs of all kinds follow the schema and the rules of the contract.
func TestJSONFollowsTheSchema(t *testing.T) {
	schema := strictSchema(t)
	full := fullInput()
	full.Histograms = true
	inputs := map[string]Input{"fixture": full, "bare fixture": {Result: fixture()}, "zero": {Result: &sim.Result{}}}
	_, res := defaultRun()
	canonical, err := scenariofile.Canonical(scenariofile.DefaultName, scenariofile.Default())
	require.NoError(t, err)
	inputs["default"] = Input{Result: res, Scenario: canonical}
	files, err := filepath.Glob("../../examples/scenarios/*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		sc, err := scenariofile.Load(file)
		require.NoError(t, err)
		sc.Run.For = min(sc.Run.For, 5*engine.Millisecond)
		inputs[file] = Input{Result: run(t, &sc)}
	}
	wd, err := os.Getwd()
	require.NoError(t, err)
	for name, in := range inputs {
		data := jsonOf(t, in)
		tree, err := validator.UnmarshalJSON(bytes.NewReader(data))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(tree), name)
		checkKeys(t, data)
		require.NotContains(t, string(data), wd, "no path of this machine")
	}
	broken := bytes.Replace(jsonOf(t, full), []byte(`"complete": true`), []byte(`"complete": 1`), 1)
	tree, err := validator.UnmarshalJSON(bytes.NewReader(broken))
	require.NoError(t, err)
	require.Error(t, schema.Validate(tree))
}

var threeDecimals = regexp.MustCompile(`^-?[0-9]+(\.[0-9]{0,2}[1-9])?$`)

// checkKeys checks that keys are sorted in every object, and that times are
// numbers with at most three decimals.
func checkKeys(t *testing.T, data []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var walk func(key string)
	walk = func(key string) {
		tok, err := d.Token()
		require.NoError(t, err)
		switch tok {
		case json.Delim('{'):
			last := ""
			for d.More() {
				k, err := d.Token()
				require.NoError(t, err)
				require.Less(t, last, k.(string), "keys are not sorted")
				last = k.(string)
				walk(last)
			}
			_, _ = d.Token()
		case json.Delim('['):
			for d.More() {
				walk("")
			}
			_, _ = d.Token()
		default:
			if strings.HasSuffix(key, "_ns") {
				n, ok := tok.(json.Number)
				require.True(t, ok, "%s is %v", key, tok)
				require.Regexp(t, threeDecimals, n.String())
			}
		}
	}
	walk("")
}

// What the JSON says is what the result has.
func TestJSONValues(t *testing.T) {
	in := fullInput()
	in.Histograms = true
	c := &in.Result.Scenario.Host.Costs
	*c = kernel.DefaultCosts()
	require.NoError(t, c.Set("switch", kernel.Cost{Fixed: 3 * engine.Microsecond}))
	var got map[string]any
	d := json.NewDecoder(bytes.NewReader(jsonOf(t, in)))
	d.UseNumber()
	require.NoError(t, d.Decode(&got))
	at := func(path string) string {
		var v any = got
		for _, key := range strings.Split(path, "/") {
			switch node := v.(type) {
			case map[string]any:
				v = node[key]
			case []any:
				i, err := strconv.Atoi(key)
				require.NoError(t, err)
				v = node[i]
			}
		}
		return fmt.Sprint(v)
	}
	for path, want := range map[string]string{
		"schema": "rxpath.run/1", "results_version": "1", "version": "v1.2.3", "name": "fixture", "seed": "1", "digest": "00000000feedbeef",
		"complete": "true", "time_ns": "2000000000", "scenario/run/for": "2s", "partner_lost": "7", "drops": "195000", "rejects": "1234",
		"ledger/born": "1300000", "ledger/live": "3766", "ledger/dropped/HW_FIFO": "100000",
		"latency/ring/n": "200", "latency/ring/p50_ns": "50331.647", "latency/ring/p99_9_ns": "100000", "latency/ring/histogram/0/n": "2",
		"latency/backlog/n": "0", "latency/backlog/max_ns": "0",
		"sockets/0/remote": "10.0.0.1:9", "sockets/1/remote": "", "sockets/8/local": "10.0.0.2:5008", "sockets/8/latency/wire_to_app/max_ns": "180000",
		"cpu/9/softirq_ns": "450000000", "cpu/9/ksoftirqd_ns": "1", "cpu/15/idle_ns": "2000000000",
		"kernel/profile": "linux-4.0", "kernel/changed/0": "softirq_time_ms: 4 (linux-4.0: 2)", "costs/changed/0": "switch: 3µs (bdw-3.6ghz: 1.5µs)",
		"costs/steps/switch/source": "set by the user", "costs/steps/switch/fixed_ns": "3000", "costs/steps/dma/assumed": "true", "costs/assumed/0": "dma",
		"thresholds/0/ok": "false", "thresholds/1/ok": "true", "waterfall/frames/0/reason": "HW_FIFO", "waterfall/frames/1/reason": "",
		"waterfall/copies/3/fate": "read", "bottleneck/stage": "rcvbuf", "bottleneck/trials/rcvbuf/improvement_percent": "46.1",
		"bottleneck/trials/rcvbuf/counts": "true", "bottleneck/counter/value": "90000", "assumptions/0/key": "dma", "warnings/4": "five",
	} {
		require.Equal(t, want, at(path), path)
	}
	counters, err := json.Marshal(got["counters"])
	require.NoError(t, err)
	want, err := json.Marshal(procfs.Counters(&in.Result.Snapshot.Snapshot))
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(counters))
}

// Two runs of the same scenario give the same bytes in every format, and a run
// that was cut in slices by its samples does not show the executive's events.
func TestOutputsAreDeterministic(t *testing.T) {
	sc, err := scenariofile.Load("../../examples/scenarios/multicast-fan-out.yaml")
	require.NoError(t, err)
	sc.Run.For = 20 * engine.Millisecond
	naive := sc
	naive.Run.Naive = true
	for _, write := range []func(io.Writer, Input) error{Text, Markdown, JSON, CSV} {
		var a, b, c bytes.Buffer
		require.NoError(t, write(&a, Input{Result: run(t, &sc)}))
		require.NoError(t, write(&b, Input{Result: run(t, &sc)}))
		require.NoError(t, write(&c, Input{Result: run(t, &naive)}))
		require.Equal(t, a.String(), b.String())
		require.Equal(t, a.String(), c.String())
	}
}

func TestScenarioForms(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "null",
		" \n":                     "null",
		`{"b": 1.50, "a": "x<y"}`: `{"a":"x<y","b":1.50}`,
		"b: {d: 18446744073709551615}\na: [1, x]\n": `{"a":[1,"x"],"b":{"d":18446744073709551615}}`,
	} {
		got, err := scenarioJSON([]byte(in))
		require.NoError(t, err, in)
		require.JSONEq(t, want, string(got))
		require.Equal(t, strings.Contains(want, "18446744073709551615"), strings.Contains(string(got), "18446744073709551615"))
	}
	for _, in := range []string{"- a\n- b\n", "[1]", "3", "a: [", "\xff"} {
		_, err := scenarioJSON([]byte(in))
		require.Error(t, err, in)
		require.Error(t, JSON(io.Discard, Input{Result: fixture(), Scenario: []byte(in)}))
	}
}

// The long table has every counter, and the results that no file has.
func TestCSV(t *testing.T) {
	res := fixture()
	res.Sockets[3].Name = "app-2"
	var b bytes.Buffer
	require.NoError(t, CSV(&b, Input{Result: res}))
	rows, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"file", "object", "name", "value"}, rows[0])
	seen := map[string]string{}
	for _, r := range rows[1:] {
		key := strings.Join(r[:3], ",")
		require.NotContains(t, seen, key, "a row is there twice")
		seen[key] = r[3]
		v, err := strconv.ParseFloat(r[3], 64)
		require.NoError(t, err)
		require.GreaterOrEqual(t, v, 0.0)
	}
	procfs.EachCounter(&res.Snapshot.Snapshot, func(file, object, name string, v uint64) {
		require.Equal(t, fmt.Sprint(v), seen[file+","+object+","+name])
	})
	for key, want := range map[string]string{
		"ledger,,born": "1300000", "ledger,dropped,HW_FIFO": "100000", "ledger,dropped,HW_CRC": "0", "ledger,,partner_lost": "7",
		"latency,ring,p50_ns": "50331.647", "latency,backlog,n": "0", "cpu,9,softirq_ns": "450000000",
		"sockets,app-2/18233,drops": "20000", "sockets,app-2/18234,drops": "0", "sockets,app-8,wire_to_app.max_ns": "180000",
		"waterfall,frames,total": "1000000", "waterfall,frames,FIFO lost HW_FIFO": "100000", "waterfall,taps,tap read": "100000",
	} {
		require.Equal(t, want, seen[key], key)
	}
}

// A search that found nothing is not one that nobody made.
func TestNobodyLooked(t *testing.T) {
	var none, empty map[string]any
	require.NoError(t, json.Unmarshal(jsonOf(t, Input{Result: fixture()}), &none))
	require.Nil(t, none["assumptions"])
	require.Nil(t, none["bottleneck"])
	sc := world(1000, reader())
	res := run(t, sc)
	b, err := FindBottleneck(context.Background(), sc, res, sim.Options{})
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(jsonOf(t, Input{Result: res, Assumptions: []Assumption{}, Bottleneck: &b}), &empty))
	require.Equal(t, []any{}, empty["assumptions"])
	require.Equal(t, "none", empty["bottleneck"].(map[string]any)["stage"])
	require.True(t, slices.Contains([]any{"p(latency.wire_to_app, 99)"}, empty["bottleneck"].(map[string]any)["objective"]))
}

func TestNanoseconds(t *testing.T) {
	for in, want := range map[nanoseconds]string{0: "0", 1: "0.001", 10: "0.01", 100: "0.1", 67_200: "67.2", 1_000_000: "1000", -1500: "-1.5", 67_001: "67.001"} {
		require.Equal(t, want, in.String())
	}
}
