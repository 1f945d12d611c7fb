package procfs_test

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

// 6.18/4.3, 4.4: the lines of names are those that were recorded on each kernel.
func TestRecordedNames(t *testing.T) {
	for name, s := range map[string]*mib.Snapshot{
		"6.18/4.3 linux-6.1":  {NetstatColumns: "linux-6.1", MemErrors: true, ReasmOverlaps: true},
		"6.18/4.3 linux-6.12": {NetstatColumns: "linux-6.12", MemErrors: true, ReasmOverlaps: true, OutTransmits: true},
		"6.18/4.3 linux-6.18": {NetstatColumns: "linux-6.18", MemErrors: true, ReasmOverlaps: true, OutTransmits: true},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile("testdata/recorded-" + strings.TrimPrefix(s.NetstatColumns, "linux-") + ".txt")
			require.NoError(t, err)
			var got strings.Builder
			for _, write := range []func(io.Writer, *mib.Snapshot) error{procfs.WriteSNMP, procfs.WriteNetstat, procfs.WriteUDP} {
				var b bytes.Buffer
				require.NoError(t, write(&b, s))
				for i, line := range strings.SplitAfter(b.String(), "\n") {
					if i%2 == 0 {
						got.WriteString(line)
					}
				}
			}
			require.Equal(t, string(want), got.String())
		})
	}
}

// 6.18/4.3, K310-9: rows of older kernels end earlier.
func TestOlderNames(t *testing.T) {
	for name, tc := range map[string]struct {
		columns, last, lastIPExt string
		mptcp                    bool
	}{
		"K310-9 linux-3.10": {"linux-3.10", "TCPSpuriousRtxHostQueues", "InCsumErrors", false},
		"6.18/4.3 4.0":      {"linux-4.0", "TCPACKSkippedChallenge", "InCEPkts", false},
		"6.18/4.3 6.18":     {"linux-6.18", "TCPAODroppedIcmps", "InCEPkts", true},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, procfs.WriteNetstat(&b, &mib.Snapshot{NetstatColumns: tc.columns}))
			lines := strings.Split(b.String(), "\n")
			require.True(t, strings.HasSuffix(lines[0], " "+tc.last), lines[0][len(lines[0])-40:])
			require.True(t, strings.HasSuffix(lines[2], " "+tc.lastIPExt), lines[2])
			require.Equal(t, tc.mptcp, strings.Contains(b.String(), "MPTcpExt:"))
		})
	}
}

// 6.18/4.4: the drops of a socket are printed signed in 4.0, unsigned later.
func TestDropsOfUDP(t *testing.T) {
	for columns, want := range map[string]string{"linux-4.0": "-1", "linux-6.18": "4294967295"} {
		var b bytes.Buffer
		require.NoError(t, procfs.WriteUDP(&b, &mib.Snapshot{NetstatColumns: columns, Sockets: []mib.Socket{{Drops: 1<<32 - 1}}}))
		fields := strings.Fields(strings.Split(b.String(), "\n")[1])
		require.Equal(t, want, fields[len(fields)-1])
	}
}
