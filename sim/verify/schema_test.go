package verify

import (
	"io/fs"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// TestSchema: docs/case.schema.json accepts every recorded case, and refuses
// what the reader refuses.
func TestSchema(t *testing.T) {
	file, err := os.Open("../../docs/case.schema.json")
	require.NoError(t, err)
	defer file.Close()
	tree, err := jsonschema.UnmarshalJSON(file)
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("case.schema.json", tree))
	schema, err := c.Compile("case.schema.json")
	require.NoError(t, err)

	files, err := Files(recordings)
	require.NoError(t, err)
	read := func(fsys fs.FS, name string) any {
		f, err := fsys.Open(name)
		require.NoError(t, err)
		defer f.Close()
		v, err := jsonschema.UnmarshalJSON(f)
		require.NoError(t, err)
		return v
	}
	for _, name := range files {
		require.NoError(t, schema.Validate(read(recordings, name)), name)
	}
	for what, edit := range map[string]func(map[string]any){
		"a key":              func(c map[string]any) { c["colour"] = "red" },
		"a set-up":           func(c map[string]any) { in(c, "setup")["weather"] = "fine" },
		"a kind of network":  func(c map[string]any) { in(c, "setup", "env")["kind"] = "ipvlan" },
		"a payload":          func(c map[string]any) { in(c, "stimulus")["payload"] = 65508 },
		"an operation":       func(c map[string]any) { in(c, "stimulus")["op"] = "shout" },
		"an option":          func(c map[string]any) { in(c, "setup")["sockets"] = []any{map[string]any{"SO_BUSY_POLL": 50}} },
		"a missing stimulus": func(c map[string]any) { delete(c, "stimulus") },
	} {
		fsys, name := edited(t, "6.18/cases/A_lo_p0_rbmin.json", edit)
		require.Error(t, schema.Validate(read(fsys, name)), what)
		require.NotEqual(t, OK, RunFile(fsys, name).Verdict, what)
	}
}
