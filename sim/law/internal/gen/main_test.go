package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckedInTablesAreTheGeneratedOnes(t *testing.T) {
	want, err := generate()
	require.NoError(t, err)
	got, err := os.ReadFile("../../tables.go")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run go generate ./sim/law")
}

// Digits from tables that this program had no part in.
func TestFunctionsAgainstKnownDigits(t *testing.T) {
	for name, c := range map[string]struct {
		got  string
		want string
	}{
		"ln 2":               {ln2.Text('f', 40), "0.6931471805599453094172321214581765680755"},
		"pi/2":               {halfPi.Text('f', 40), "1.5707963267948966192313216916397514420986"},
		"e":                  {exp(num(1)).Text('f', 40), "2.7182818284590452353602874713526624977572"},
		"ln 3/4":             {ln(quo(num(3), num(4))).Text('f', 40), "-0.2876820724517809274392190059938274315035"},
		"normal tail of 1":   {normalTail(num(1)).Text('f', 18), "0.158655253931457051"},
		"normal 99th":        {normalQuantile(quo(num(1), num(100)), num(0)).Text('f', 15), "2.326347874040841"},
		"normal tail at 0":   {normalTail(num(0)).Text('f', 5), "0.50000"},
		"normal one in 10^9": {normalQuantile(quo(num(1), num(1_000_000_000)), num(5)).Text('f', 12), "5.997807015008"},
	} {
		require.Equal(t, c.want, c.got, name)
	}
}
