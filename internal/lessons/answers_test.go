package lessons

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPause: the default buffer holds 238 short or 73 long datagrams, the
// formula's buffer loses nothing, and a smaller one does.
func TestPause(t *testing.T) {
	const sweep = "rxpath sweep examples/pause/scenario.yaml"
	held, err := lab(t).Table(sweep + ` --vary 'traffic[0].payload=100,300' --metric 'socket["reader"].max_queued'`)
	require.NoError(t, err)
	require.Equal(t, 238., number(t, held, 1, `socket["reader"].max_queued`))
	require.Equal(t, 73., number(t, held, 2, `socket["reader"].max_queued`))
	for payload, halves := range map[string]string{"100": "400KiB,445KiB", "300": "1400KiB,1450KiB"} {
		lost, err := lab(t).Table(sweep + " --set 'traffic[0].payload=" + payload + "' --vary 'apps[0].sockets[0].rcvbuf=" + halves + "'")
		require.NoError(t, err)
		require.Positive(t, number(t, lost, 1, "drops"), payload)
		require.Zero(t, number(t, lost, 2, "drops"), payload)
	}
}

// TestFeed: the reader gives way first, and its CPU is the busy one; a faster
// reader takes five times the load, and the ring overflows later still.
func TestFeed(t *testing.T) {
	const sweep = "rxpath sweep --duration 50ms --metric 'cpu[1].busy' --metric 'cpu[2].busy' --metric drops.SOCKET_RCVBUFF"
	slow, err := lab(t).Table(sweep + " --vary load=1,2,5,15")
	require.NoError(t, err)
	require.Zero(t, number(t, slow, 1, "drops"))
	require.Zero(t, number(t, slow, 2, "drops"))
	require.Positive(t, number(t, slow, 3, "drops"))
	require.Equal(t, number(t, slow, 3, "drops"), number(t, slow, 3, "drops.SOCKET_RCVBUFF"), "only the socket loses")
	require.Greater(t, number(t, slow, 3, "cpu[2].busy"), 99.)
	require.Less(t, number(t, slow, 3, "cpu[1].busy"), 60.)
	require.Greater(t, number(t, slow, 4, "drops"), number(t, slow, 4, "drops.SOCKET_RCVBUFF"), "now the interface does, too")
	fast, err := lab(t).Table(sweep + " --vary load=5 --vary 'apps[gateway].read.service=100ns'")
	require.NoError(t, err)
	require.Zero(t, number(t, fast, 1, "drops"))
}
