package units_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed-556df219/rxpath/sim/units"
)

func TestParseCPUMask(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []int
	}{
		{"0", nil},
		{"c", []int{2, 3}},
		{"C", []int{2, 3}},
		{"f", []int{0, 1, 2, 3}},
		{"00000000,00000001", []int{0}},
		{"1,0", []int{32}},
		{"ff,ffffffff", count(40)},
		{"80000000", []int{31}},
	} {
		got, err := units.ParseCPUMask(c.in)
		require.NoError(t, err, c.in)
		require.Equal(t, c.want, got, c.in)
	}
	for in, why := range map[string]string{
		"":          "a group of 0 digits where 1 to 8 are",
		"f,":        "a group of 0 digits where 1 to 8 are",
		",f":        "a group of 0 digits where 1 to 8 are",
		"fffffffff": "a group of 9 digits where 1 to 8 are",
		"0xc":       `"0xc" is not hexadecimal`,
		" c":        `" c" is not hexadecimal`,
		"2-3":       `"2-3" is not hexadecimal`,
		"+c":        `"+c" is not hexadecimal`,
	} {
		_, err := units.ParseCPUMask(in)
		require.ErrorContains(t, err, why, in)
	}
}

// The examples of RPS-1a.
func TestFormatCPUMask(t *testing.T) {
	require.Equal(t, "f", units.FormatCPUMask(count(4), 4))
	require.Equal(t, "ff", units.FormatCPUMask(count(8), 8))
	require.Equal(t, "ff,ffffffff", units.FormatCPUMask(count(40), 40))
	require.Equal(t, "00,00000000", units.FormatCPUMask(nil, 40))
	require.Equal(t, "ffffffff", units.FormatCPUMask(count(32), 32))
	require.Equal(t, "c", units.FormatCPUMask([]int{3, 2}, 4))
	require.Equal(t, "4", units.FormatCPUMask([]int{2, 3}, 3), "CPU 3 is not possible")
	require.Equal(t, "0", units.FormatCPUMask(nil, 0))
}

func count(n int) []int {
	var cpus []int
	for cpu := range n {
		cpus = append(cpus, cpu)
	}
	return cpus
}

func TestCPUMaskRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		possible := rapid.IntRange(1, units.MaxCPU+1).Draw(t, "possible")
		cpus := rapid.SliceOfDistinct(rapid.IntRange(0, possible-1), rapid.ID[int]).Draw(t, "cpus")
		got, err := units.ParseCPUMask(units.FormatCPUMask(cpus, possible))
		require.NoError(t, err)
		slices.Sort(cpus)
		require.True(t, slices.Equal(cpus, got), "%v %v", cpus, got)
	})
}

func FuzzParseCPUMask(f *testing.F) {
	for _, s := range []string{"c", "ff,ffffffff", "", ",", "fffffffff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cpus, err := units.ParseCPUMask(s)
		if err != nil {
			return
		}
		again, err := units.ParseCPUMask(units.FormatCPUMask(cpus, units.MaxCPU+1))
		require.NoError(t, err)
		require.Equal(t, cpus, again)
		require.True(t, slices.IsSorted(cpus))
	})
}

// The notation of smp_affinity_list, both ways.
func TestCPUList(t *testing.T) {
	for in, want := range map[string][]int{"": nil, "2": {2}, "0-3,8": {0, 1, 2, 3, 8}, "8,0-1,1": {0, 1, 8}, "4095": {4095}} {
		got, err := units.ParseCPUList(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for in, why := range map[string]string{
		"a": "no number", "1,": "no number", "3-1": "above its end", "4096": "above 4095", "1-": "no number", "-1": "no number", " 1": "no number",
	} {
		_, err := units.ParseCPUList(in)
		require.ErrorContains(t, err, why, in)
	}
	for want, in := range map[string][]int{"": nil, "2": {2}, "0-3,8": {0, 1, 2, 3, 8}, "0-1,3-4": {0, 1, 3, 4}} {
		require.Equal(t, want, units.FormatCPUList(in))
	}
}
