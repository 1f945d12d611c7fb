package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// The output is what the example is about: five polls and a squeeze a run under
// the old loop (K310-4), one poll a run and no squeeze since 3.19 (NAPI-8).
func TestOutput(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out))
	want, err := os.ReadFile("testdata/budget.out")
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}
