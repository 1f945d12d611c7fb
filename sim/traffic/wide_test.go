package traffic

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestFloorSumCountsAsALoopDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.Uint64Range(1, 1<<41).Draw(t, "m")
		a := rapid.Uint64Range(0, m-1).Draw(t, "a")
		b := rapid.Uint64Range(0, m-1).Draw(t, "b")
		n := rapid.Uint64Range(0, 3000).Draw(t, "n")
		var want uint64
		for i := range n {
			q, _ := times(a, i).plus(wide{0, b}).over(m)
			want += q
		}
		require.Equal(t, want, floorSum(n, m, a, b))
	})
}

func TestFloorSumOfHugeRanges(t *testing.T) {
	// Cut anywhere, the parts add up, modulo 2^64.
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.Uint64Range(1, 1<<41).Draw(t, "m")
		a := rapid.Uint64Range(0, m-1).Draw(t, "a")
		b := rapid.Uint64Range(0, m-1).Draw(t, "b")
		n := rapid.Uint64Range(0, 1<<53).Draw(t, "n")
		k := rapid.Uint64Range(0, n).Draw(t, "cut")
		whole, rest := times(a, k).plus(wide{0, b}).over(m)
		require.Equal(t, floorSum(n, m, a, b), floorSum(k, m, a, b)+(n-k)*whole+floorSum(n-k, m, a, rest))
	})
}

func TestTriangle(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 3, 10, 11} {
		var want uint64
		for i := range n {
			want += i
		}
		require.Equal(t, want, triangle(n))
	}
	require.Equal(t, uint64(1)<<62, triangle(1<<63+1), "(2^63+1)·2^62 is 2^125 + 2^62")
}
