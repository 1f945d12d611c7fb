package kernel_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/kernel"
)

// The truesize of linear packets by the bytes that their heads have room for:
// each row ends with the last size of a class and begins the next.
func TestTruesize618_1_10(t *testing.T) {
	big := map[int]int{704: 1280, 705: 2304, 1728: 2304, 1729: 4352, 3776: 4352, 3777: 8448, 7872: 8448, 7873: 16640}
	for name, small := range map[string]struct {
		profile kernel.Profile
		want    map[int]int
	}{
		"6.18/1.10 linux-4.0":  {kernel.Linux40(), map[int]int{0: 768, 192: 768, 193: 1280}},
		"6.18/1.10 linux-6.1":  {kernel.Linux61(), map[int]int{0: 768, 192: 768, 193: 1280}},
		"6.18/1.10 linux-6.12": {kernel.Linux612(), map[int]int{0: 960, 384: 960, 385: 1280}},
		"6.18/1.10 linux-6.18": {kernel.Linux618(), map[int]int{0: 832, 256: 832, 257: 1280}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, m := range []map[int]int{small.want, big} {
				for area, want := range m {
					require.Equal(t, want, small.profile.Truesize(area, 0), "area %d", area)
				}
			}
			require.Equal(t, small.want[0]+1000, small.profile.Truesize(0, 1000), "page fragments count as they are")
		})
	}
}

// TS-11: what a datagram that a local sender sends over the loopback is charged:
// the head has room for its headers, its payload and 31 bytes of the device.
func TestTS11LocalSender(t *testing.T) {
	p := kernel.Linux40()
	for payload, want := range map[int]int{1: 768, 100: 768, 300: 1280, 1472: 2304} {
		require.Equal(t, want, p.Truesize(28+payload+31, 0), "payload %d", payload)
	}
}
