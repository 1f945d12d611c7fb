package lessons

import (
	"fmt"
	"strconv"
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
	kernels, err := lab(t).Table("rxpath sweep examples/isolcpus/scenario.yaml --duration 100ms --set 'apps[reader].cpu=0' --set load=16 --vary kernel=linux-6.1,linux-6.18 --metric 'rate(consumed)'")
	require.NoError(t, err)
	require.Greater(t, number(t, kernels, 1, "rate(consumed)"), 5*read(2), "softirqs wait for ksoftirqd")
	require.Less(t, number(t, kernels, 2, "rate(consumed)"), 2*read(2), "and no longer")
}

// TestArticles: each statement of the page has its numbers, under linux-3.10,
// linux-4.0 and linux-6.18.
func TestArticles(t *testing.T) {
	out, err := lab(t).Output("go run ./examples/articles")
	require.NoError(t, err)
	for row, want := range map[string][3]int{
		"1 polls in the first run, 1000 frames wait": {5, 1, 1},
		"2 time_squeeze, 1000 frames wait":           {3, 0, 0},
		"2 time_squeeze, 64 frames wait, budget 64":  {1, 1, 1},
		"2 packets that were left then":              {0, 0, 0},
		"3 NET_RX softirqs, a datagram each 100 us":  {100, 100, 100},
		"3 times that ksoftirqd was woken for them":  {0, 0, 0},
		"4 InErrors, four losses at a socket":        {4, 4, 4},
		"4 RcvbufErrors, the same four":              {1, 1, 1},
		"5 frames of 64 bytes in a ring of 512":      {511, 510, 510},
		"5 frames of 1518 bytes in a ring of 512":    {511, 510, 510},
		"6 copies of the data, 65 listeners":         {1, 1, 1},
		"6 KiB charged to the 65, payload 1472":      {186, 186, 146},
		"7 served under the lock, 32 listeners":      {0, 0, 0},
		"7 served under the lock, 33 listeners":      {32, 32, 0},
		"8 softnet_stat dropped, the ring is full":   {0, 0, 0},
		"8 frames that the NIC lost then":            {0, 0, 0},
	} {
		require.Contains(t, out, fmt.Sprintf("%-44s %11d %10d %11d\n", row, want[0], want[1], want[2]))
	}
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
	newer, err := lab(t).Table("rxpath sweep examples/fanout/scenario.yaml --kernel linux-6.18 --vary 'apps[0].copies=65' --metric 'cpu[1].spinning'")
	require.NoError(t, err)
	require.Less(t, number(t, newer, 1, "cpu[1].spinning"), spinning(3), "RCU takes no lock")
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

// TestUpgrade: the direction of every conclusion of upgrading 4.0 to 6.18, by
// its number on the page.
func TestUpgrade(t *testing.T) {
	const (
		queued = `socket["reader"].max_queued`
		netRX  = `counter("proc/softirqs","NET_RX")`
	)
	table := func(command string) func(row int, column string) float64 {
		page, err := lab(t).Table(command)
		require.NoError(t, err)
		return func(row int, column string) float64 { return number(t, page, row, column) }
	}
	sizes := table(`rxpath sweep examples/upgrade/scenario.yaml --set apps[0].read.with=never --vary traffic[0].payload=100,1400 --vary kernel=linux-4.0,linux-6.18 --metric 'socket["reader"].max_queued'`)
	require.Equal(t, [4]float64{238, 92, 73, 92}, [4]float64{sizes(1, queued), sizes(2, queued), sizes(3, queued), sizes(4, queued)}, "1")
	veth := table(`rxpath sweep examples/upgrade/veth.yaml --set apps[0].read.with=never --vary senders[0].payload=100,1000 --vary kernel=linux-4.0,linux-6.18 --metric 'socket["reader"].max_queued'`)
	require.Equal(t, [2]float64{278, 256}, [2]float64{veth(1, queued), veth(2, queued)}, "2: not those of the NIC")
	require.Equal(t, [2]float64{93, 92}, [2]float64{veth(3, queued), veth(4, queued)}, "3: one less")
	mixed := table(`rxpath sweep examples/upgrade/mixed.yaml --vary kernel=linux-4.0,linux-6.18 --metric 'socket["reader"].queued' --metric 'socket["reader"].rx_queue'`)
	require.Equal(t, [2]float64{2, 3}, [2]float64{mixed(1, `socket["reader"].queued`), mixed(2, `socket["reader"].queued`)}, "4")
	batch := table(`rxpath sweep examples/upgrade/scenario.yaml --set kernel=linux-6.18 --set apps[0].sockets[0].rcvbufforce=106496 --set apps[0].read.pauses=null --set apps[0].read.service=3us --set 'traffic[0].arrivals={onoff: {burst_rate: 1Mpps, burst_mean: 85, fixed: true}}' --vary kernel.release_rule=each,quarter`)
	require.Greater(t, batch(2, "drops"), batch(1, "drops"), "5")
	rmem := table(`rxpath sweep examples/upgrade/scenario.yaml --set apps[0].sockets[0].rcvbuf=4MiB --vary kernel=linux-4.0,linux-6.18 --metric 'socket["reader"].rcvbuf'`)
	require.Positive(t, rmem(1, "drops"), "6")
	require.Zero(t, rmem(2, "drops"), "6")
	const inErrors, rcvbufErrors = `counter("proc/net/snmp","Udp.InErrors")`, `counter("proc/net/snmp","Udp.RcvbufErrors")`
	mem := table(`rxpath sweep examples/upgrade/scenario.yaml --set 'net.ipv4.udp_mem=[20,20,20]' --vary kernel=linux-4.0,linux-6.18 --metric 'counter("proc/net/snmp","Udp.InErrors")' --metric 'counter("proc/net/udp","drops")'`)
	require.Positive(t, mem(1, inErrors), "7")
	require.Zero(t, mem(2, inErrors), "7")
	require.Positive(t, mem(2, `counter("proc/net/udp","drops")`), "7")
	full := table(`rxpath sweep examples/upgrade/scenario.yaml --set 'apps[0].locks={every: 4ms, for: 2ms}' --vary kernel=linux-4.0,linux-6.18 --metric 'counter("proc/net/snmp","Udp.InErrors")' --metric 'counter("proc/net/snmp","Udp.RcvbufErrors")'`)
	require.Positive(t, full(2, rcvbufErrors), "8")
	require.Equal(t, full(2, inErrors), full(2, rcvbufErrors), "8")
	lock := table(`rxpath sweep examples/upgrade/scenario.yaml --set nics[0].channels.combined=4 --set nics[0].rx-flow-hash.udp4=sdfn --set traffic[0].flows=64 --set 'nics[0].irq_affinity={TxRx-0: 0, TxRx-1: 1, TxRx-2: 2, TxRx-3: 3}' --set traffic[0].rate=3Mpps --vary kernel=linux-4.0,linux-6.18 --metric 'cpu[1].spinning'`)
	require.Positive(t, lock(1, "cpu[1].spinning"), "9")
	require.Zero(t, lock(2, "cpu[1].spinning"), "9")
	deferred := table(`rxpath sweep examples/upgrade/scenario.yaml --set traffic[0].count=5000 --set traffic[0].rate=1Mpps --set apps[0].sockets[0].rcvbufforce=16MiB --set 'apps[0].read.pauses={at: [{at: 1ms, for: 20ms}]}' --vary kernel=linux-6.12,linux-6.18 --vary apps[0].cpu=1,2 --metric 'counter("proc/softirqs","NET_RX")'`)
	require.Equal(t, deferred(1, netRX), deferred(3, netRX), "10: the reader's own CPU")
	require.Greater(t, deferred(4, netRX), deferred(2, netRX)+5000./64, "10")
	budget := table(`rxpath sweep examples/upgrade/scenario.yaml --set host.cpus=8 --set nics[0].channels.combined=8 --set 'nics[0].irq_affinity={TxRx-0: 1, TxRx-1: 1, TxRx-2: 1, TxRx-3: 1, TxRx-4: 1, TxRx-5: 1, TxRx-6: 1, TxRx-7: 1}' --set nics[0].rx-flow-hash.udp4=sdfn --set nics[0].coalesce.rx-usecs=250 --set traffic[0].flows=64 --set traffic[0].rate=900kpps --set net.core.netdev_budget=64 --vary kernel=linux-4.0,linux-6.18 --metric 'counter("proc/net/softnet_stat","time_squeeze")'`)
	require.Zero(t, budget(1, `counter("proc/net/softnet_stat","time_squeeze")`), "12")
	require.Positive(t, budget(2, `counter("proc/net/softnet_stat","time_squeeze")`), "12")
	ring := table(`rxpath sweep examples/upgrade/scenario.yaml --set nics[0].ring.rx=8192 --set traffic[0].rate=8Mpps --set traffic[0].count=12000 --vary kernel=linux-4.0,linux-6.18 --metric 'counter("ethtool/eth0/S","rx_missed_errors")'`)
	require.Positive(t, ring(1, `counter("ethtool/eth0/S","rx_missed_errors")`), "14")
	require.Zero(t, ring(2, `counter("ethtool/eth0/S","rx_missed_errors")`), "14")
	reuse := table(`rxpath sweep examples/upgrade/scenario.yaml --set 'apps[0].cpus=[0,1,2,3]' --set apps[0].cpu=null --set apps[0].copies=4 --set 'apps[0].sockets=[{bind: 0.0.0.0:5000, reuseport: true}]' --set traffic[0].flows=8 --vary kernel=linux-4.0,linux-6.18 --metric 'socket["reader-0"].delivered' --metric 'socket["reader-1"].delivered' --metric 'socket["reader-2"].delivered'`)
	require.NotEqual(t, reuse(1, `socket["reader-0"].delivered`), reuse(2, `socket["reader-0"].delivered`), "16")
	for name, tc := range map[string]struct {
		command, low, high string
		lowRow, highRow    int
	}{
		"11 moderation":               {`rxpath sweep examples/upgrade/scenario.yaml --set apps[0].read.pauses=null --set traffic[0].payload=1400 --set traffic[0].rate=18kpps --vary kernel=linux-4.0,linux-6.18 --metric 'mean(latency.ring)'`, "mean(latency.ring)", "mean(latency.ring)", 2, 1},
		"13 bursts of eight":          {`rxpath sweep examples/upgrade/scenario.yaml --set nics[0].coalesce.rx-usecs=125 --set apps[0].read.pauses=null --set kernel=linux-6.18 --vary net.core.gro_normal_batch=1,8 --metric 'mean(latency.stack)'`, "mean(latency.stack)", "mean(latency.stack)", 1, 2},
		"17 4.0: the newest first":    {`rxpath sweep examples/upgrade/scenario.yaml --set traffic[0].dst=239.1.1.1:5000 --set 'apps=[{name: old, cpu: 2, sockets: [{bind: 0.0.0.0:5000, join: [239.1.1.1], reuseaddr: true}]}, {name: new, cpu: 3, sockets: [{bind: 0.0.0.0:5000, join: [239.1.1.1], reuseaddr: true}]}]' --vary kernel=linux-4.0,linux-6.18 --metric 'old=mean(socket["old"].latency.wire_to_app)' --metric 'new=mean(socket["new"].latency.wire_to_app)'`, "new", "old", 1, 1},
		"17 6.18: the newest last":    {`rxpath sweep examples/upgrade/scenario.yaml --set traffic[0].dst=239.1.1.1:5000 --set 'apps=[{name: old, cpu: 2, sockets: [{bind: 0.0.0.0:5000, join: [239.1.1.1], reuseaddr: true}]}, {name: new, cpu: 3, sockets: [{bind: 0.0.0.0:5000, join: [239.1.1.1], reuseaddr: true}]}]' --vary kernel=linux-4.0,linux-6.18 --metric 'old=mean(socket["old"].latency.wire_to_app)' --metric 'new=mean(socket["new"].latency.wire_to_app)'`, "old", "new", 2, 2},
		"18 6.1: the program's share": {`rxpath sweep examples/upgrade/scenario.yaml --set apps[0].cpu=1 --set apps[0].read.pauses=null --set traffic[0].rate=4Mpps --vary kernel=linux-4.0,linux-6.1,linux-6.18 --metric 'rate(consumed)'`, "rate(consumed)", "rate(consumed)", 1, 2},
		"18 6.18: as in 4.0":          {`rxpath sweep examples/upgrade/scenario.yaml --set apps[0].cpu=1 --set apps[0].read.pauses=null --set traffic[0].rate=4Mpps --vary kernel=linux-4.0,linux-6.1,linux-6.18 --metric 'rate(consumed)'`, "rate(consumed)", "rate(consumed)", 3, 2},
	} {
		page, err := lab(t).Table(tc.command)
		require.NoError(t, err)
		require.Less(t, quantity(t, page, tc.lowRow, tc.low), quantity(t, page, tc.highRow, tc.high), name)
	}
	out, err := lab(t).Output(`for k in linux-4.0 linux-6.18; do rxpath run examples/upgrade/scenario.yaml --kernel $k --no-bottleneck --out files-$k > files.txt; head -1 files-$k/tree/proc/net/softnet_stat | wc -w; done`)
	require.NoError(t, err)
	require.Equal(t, []string{"11", "15"}, strings.Fields(out), "19")
}

// quantity returns a cell with a unit as a number of the smallest.
func quantity(t *testing.T, table *Table, row int, column string) float64 {
	t.Helper()
	cell, err := table.Cell(row, column)
	require.NoError(t, err)
	for unit, factor := range map[string]float64{"ns": 1, "µs": 1e3, "ms": 1e6} {
		if n, ok := strings.CutSuffix(cell, unit); ok {
			v, err := strconv.ParseFloat(n, 64)
			require.NoError(t, err)
			return v * factor
		}
	}
	return number(t, table, row, column)
}

// TestBusyPoll: polling for longer than the usual gap takes most packets off the
// ring, several times sooner, for nearly all of a CPU; an unconnected socket of
// 4.0 cannot.
func TestBusyPoll(t *testing.T) {
	const polled = `counter("proc/net/netstat","TcpExt.BusyPollRxPackets")`
	const base = "rxpath sweep examples/busypoll/scenario.yaml --metric 'p(latency.wire_to_app, 50)' --metric 'cpu[1].busy' --metric '" + polled + "' "
	got, err := lab(t).Table(base + "--vary 'apps[reader].sockets[0].busy_poll=0,100'")
	require.NoError(t, err)
	require.Zero(t, number(t, got, 1, polled))
	require.Greater(t, number(t, got, 2, polled), 0.9*number(t, got, 2, "offered"))
	require.Less(t, number(t, got, 1, "cpu[1].busy"), 20.)
	require.Greater(t, number(t, got, 2, "cpu[1].busy"), 90.)
	plain, err := lab(t).Table(base + `--vary kernel=linux-4.0,linux-6.12 --set 'apps[reader].sockets[0]={bind: "10.0.0.2:5001", busy_poll: 100}'`)
	require.NoError(t, err)
	require.Zero(t, number(t, plain, 1, polled))
	require.Positive(t, number(t, plain, 2, polled))
}
