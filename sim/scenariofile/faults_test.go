package scenariofile_test

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// TestScripts runs testdata/scripts. The input of a command is a scenario
// file; arguments set=(path=value) are Sets.
//
//	parse      what is wrong with it, or "valid"
//	canonical  the whole scenario as a file
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, file string) {
		datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
			var sets []scenariofile.Set
			for _, arg := range d.CmdArgs {
				require.Equal(t, "set", arg.Key)
				set, err := scenariofile.ParseSet(strings.Join(arg.Vals, ", "))
				require.NoError(t, err)
				sets = append(sets, set)
			}
			switch d.Cmd {
			case "parse":
				_, err := scenariofile.Parse("s.yaml", []byte(d.Input), sets...)
				return show(t, err)
			case "canonical":
				out, err := scenariofile.Canonical("s.yaml", []byte(d.Input), sets...)
				if err != nil {
					return show(t, err)
				}
				return string(out)
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
				return ""
			}
		})
	})
}

func show(t *testing.T, err error) string {
	if err == nil {
		return "valid\n"
	}
	faults, ok := err.(scenariofile.Faults)
	require.True(t, ok, "%T", err)
	require.NotEmpty(t, faults)
	var b strings.Builder
	_, werr := faults.WriteTo(&b)
	require.NoError(t, werr)
	return b.String()
}
