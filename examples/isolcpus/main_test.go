package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// The output is what the example is about: the CPU that takes the interrupts has
// no time for the application, and one of its own has.
func TestOutput(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out))
	want, err := os.ReadFile("testdata/isolcpus.out")
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}
