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

// TestRing: a larger ring loses less and waits longer; the number of queues and
// pause frames decide who counts the loss.
func TestRing(t *testing.T) {
	const (
		missed = `counter("ethtool/eth0/S","rx_missed_errors")`
		none   = `counter("ethtool/eth0/S","rx_no_dma_resources")`
		sweep  = "rxpath sweep examples/ring/scenario.yaml --metric partner_lost --metric '" + missed + "' --metric '" + none + "'"
	)
	rings, err := lab(t).Table(sweep + " --vary 'nics[0].channels.combined=1,2' --vary 'nics[0].ring.rx=512,4096'")
	require.NoError(t, err)
	lost := number(t, rings, 1, "drops")
	require.Positive(t, lost)
	require.Equal(t, lost, number(t, rings, 1, missed), "one queue: the packet buffer overflows")
	require.Zero(t, number(t, rings, 1, none))
	require.Zero(t, number(t, rings, 2, "drops"))
	require.Greater(t, number(t, rings, 3, "drops"), lost, "two queues: the packet buffer does not help")
	require.Equal(t, number(t, rings, 3, "drops"), number(t, rings, 3, none))
	require.Zero(t, number(t, rings, 3, missed))
	require.Less(t, number(t, rings, 4, "drops"), number(t, rings, 3, "drops"))

	pauses, err := lab(t).Table(sweep + " --set 'nics[0].pause.tx=true' --vary 'nics[0].link_partner.queue=1ms,10ms'")
	require.NoError(t, err)
	require.Zero(t, number(t, pauses, 1, "drops"))
	require.Positive(t, number(t, pauses, 1, "partner_lost"))
	require.Zero(t, number(t, pauses, 2, "drops"))
	require.Zero(t, number(t, pauses, 2, "partner_lost"))
}

// TestRPS: a longer backlog loses less; the target CPU's line has the loss; a
// burst needs fewer interrupts between CPUs than packets that come one by one.
func TestRPS(t *testing.T) {
	const (
		sweep    = "rxpath sweep examples/rps/scenario.yaml "
		dropped1 = `counter("proc/net/softnet_stat","dropped","1")`
		dropped2 = `counter("proc/net/softnet_stat","dropped","2")`
		ipis     = `counter("proc/net/softnet_stat","received_rps","2")`
	)
	limit, err := lab(t).Table(sweep + "--vary net.core.netdev_max_backlog=100,1000,2000 --metric '" + dropped1 + "' --metric '" + dropped2 + "'")
	require.NoError(t, err)
	require.Greater(t, number(t, limit, 1, "drops"), number(t, limit, 2, "drops"))
	require.Positive(t, number(t, limit, 2, "drops"))
	require.Equal(t, number(t, limit, 2, "drops"), number(t, limit, 2, dropped2))
	require.Zero(t, number(t, limit, 2, dropped1))
	require.Zero(t, number(t, limit, 3, "drops"))

	cpus, err := lab(t).Table(sweep + "--vary 'nics[0].rps.rx-0=[],[0,2]'")
	require.NoError(t, err)
	require.Zero(t, number(t, cpus, 1, "drops"))
	require.Zero(t, number(t, cpus, 2, "drops"))

	rates, err := lab(t).Table(sweep + "--set run.for=50ms --vary 'traffic[0].rate=100kpps,8Mpps' --metric '" + ipis + "'")
	require.NoError(t, err)
	require.Greater(t, number(t, rates, 1, ipis), 500.)
	require.Less(t, number(t, rates, 2, ipis), 10.)
}
