package lessons

import (
	"strings"
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

// TestBudget: budget decides how often a run is squeezed in the old loop, and
// not at all for one queue since 3.19 (K310-4, NAPI-8); it saves packets only
// where a task wants the CPU, and nothing where two jiffies are the limit (NAPI-10).
func TestBudget(t *testing.T) {
	const (
		squeezed = `counter("proc/net/softnet_stat","time_squeeze")`
		sweep    = "rxpath sweep examples/budget/scenario.yaml --vary net.core.netdev_budget=300,600,1200 --metric '" + squeezed + "' "
		one      = "--set 'nics[0].channels.combined=1' --set 'nics[0].irq_affinity={TxRx-0: 1}' "
		long     = "--set 'traffic[0].rate=2500kpps' --set 'traffic[0].count=100000' --set run.for=100ms "
	)
	column := func(command, name string) (out [3]float64) {
		table, err := lab(t).Table(sweep + command)
		require.NoError(t, err)
		for i := range out {
			out[i] = number(t, table, i+1, name)
		}
		return out
	}
	falls := func(c [3]float64) bool { return c[0] > c[1] && c[1] > c[2] }
	require.Equal(t, [3]float64{}, column(one, squeezed))
	require.True(t, falls(column(one+"--kernel linux-3.10", squeezed)))
	lost := column(one+"--kernel linux-3.10", "drops")
	require.InDelta(t, lost[0], lost[2], 0.01*lost[0], "fewer squeezes are not fewer losses")
	eight := column("", squeezed)
	require.Positive(t, eight[0])
	require.Zero(t, eight[1], "600 is more than eight polls of 64")
	require.True(t, falls(column(long+"--kernel linux-3.10", "drops")), "beside a task it helps the old loop")
	newer := column(long, "drops")
	require.GreaterOrEqual(t, newer[2], newer[0], "and not the new one")
	dear := column("--set host.costs.ip=6us --set 'apps[batch].cpu=3'", squeezed)
	require.Positive(t, dear[0])
	require.Equal(t, [3]float64{dear[0], dear[0], dear[0]}, dear, "two jiffies of 1 ms come before any of the budgets")
}

// TestIsolcpus: the interrupts' CPU carries less than one of the reader's own,
// the one beside a job least; and with overload the reader starves there.
func TestIsolcpus(t *testing.T) {
	const base = "rxpath sweep examples/isolcpus/scenario.yaml --duration 100ms --vary 'apps[reader].cpu=0,2,1' --metric 'rate(consumed)' "
	whole, err := lab(t).Table(base + "--vary load=1.45")
	require.NoError(t, err)
	require.Zero(t, number(t, whole, 3, "drops"), "alone")
	require.Positive(t, number(t, whole, 1, "drops"), "on the interrupts' CPU")
	require.Greater(t, number(t, whole, 2, "drops"), number(t, whole, 1, "drops"), "beside the job")
	over, err := lab(t).Table(base + "--vary load=2,16")
	require.NoError(t, err)
	read := func(row int) float64 { return number(t, over, row, "rate(consumed)") }
	require.Less(t, read(2), read(1)/10, "livelock on the interrupts' CPU")
	require.InDelta(t, read(5), read(6), 0.01*read(5), "a CPU of its own reads on")
	require.Greater(t, read(4), 5*read(2), "even beside the job")
}

// TestFanout: copies are made under the slot's lock from the 33rd listener on
// (3.1.2), which another CPU waits for (MF-3); an eleventh changes the order (MF-2).
func TestFanout(t *testing.T) {
	out, err := lab(t).Output("go run ./examples/fanout")
	require.NoError(t, err)
	require.Contains(t, out, "order with 10 listeners: 10 9 8 7 6 5 4 3 2 1\n")
	require.Contains(t, out, "order with 11 listeners: 11 9 7 5 3 1 10 8 6 4 2\n")
	program := parseTable("fanout", out)
	for row, locked := range []float64{0, 0, 0, 0, 32, 32, 64, 96} {
		require.Equal(t, locked, number(t, program, row+1, "under lock"))
	}
	listeners, err := lab(t).Table("rxpath sweep examples/fanout/scenario.yaml --vary 'apps[0].copies=10,32,33,65' --metric 'cpu[1].busy' --metric 'cpu[1].spinning'")
	require.NoError(t, err)
	busy := func(row int) float64 { return number(t, listeners, row, "cpu[1].busy") }
	spinning := func(row int) float64 { return number(t, listeners, row, "cpu[1].spinning") }
	require.InDelta(t, 3.2, busy(2)/busy(1), 0.5, "a listener costs what a listener costs")
	require.Greater(t, spinning(3), 3*spinning(2))
	require.Greater(t, spinning(4), 3*spinning(3))
}

// TestLosses: drop of /proc/net/dev has the packet buffer's losses and not the
// rings', and RcvbufErrors not those of a locked socket; the rows for every
// reason are tested beside the program.
func TestLosses(t *testing.T) {
	out, err := lab(t).Output("go run ./examples/losses")
	require.NoError(t, err)
	row := func(reason string) string {
		_, rest, found := strings.Cut(out, "\n| `"+reason+"`")
		require.True(t, found, reason)
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	require.Contains(t, row("HW_FIFO"), "Receive.drop")
	require.NotContains(t, row("HW_NO_DESC"), "Receive.drop")
	require.Contains(t, row("SOCKET_RCVBUFF"), "RcvbufErrors")
	require.NotContains(t, row("SOCKET_BACKLOG"), "RcvbufErrors")
	for _, silent := range []string{"HW_FILTER", "HW_RESET", "NETFILTER_DROP", "IP_INVALID_DEST", "IP_INVALID_SOURCE", "SOCKET_CLOSE"} {
		require.Contains(t, row(silent), "| none |")
	}
}
