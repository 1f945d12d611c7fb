// Losses sends a packet into every trap of the receive path and prints, as a
// Markdown table, which counters each one moves.
//
//	go run ./examples/losses
//
// The traps are in cases.go: how to make a host lose a packet for that reason,
// the function of the kernel that does it, and the setting that has a say.
package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "losses:", err)
		os.Exit(1)
	}
}

// run prints a row for every case.
func run(w io.Writer) error {
	fmt.Fprintln(w, "| reason | what happened | it came as far as | counters that moved | who did it | what has a say |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|")
	for _, c := range cases {
		lost, moved, err := c.witness()
		if err != nil {
			return fmt.Errorf("%s, %s: %w", c.reason, c.when, err)
		}
		kind := ""
		if c.reason.Lost() {
			kind = " **lost**"
		}
		fmt.Fprintf(w, "| `%s`%s | %s | %s | %s | %s | %s |\n", c.reason, kind, c.when, cmp.Or(c.at, reached(moved)), shown(moved, lost), c.who, cmp.Or(c.knob, "-"))
	}
	return nil
}

// A counter is a number of the host's files that has moved.
type counter struct {
	file, name string
	by         uint64
}

// witness lets a case happen, and two seconds pass in which the driver folds its
// registers. It returns how many packets ended for the reason, and what moved.
func (c *trap) witness() (lost uint64, moved []counter, err error) {
	cfg := sim.Linux40()
	if c.prepare != nil {
		c.prepare(&cfg)
	}
	h, err := sim.NewHost(cfg)
	if err != nil {
		return 0, nil, err
	}
	defer h.Close()
	var before sim.Snapshot
	if err := c.lose(h, func() { before = h.Snapshot() }); err != nil {
		return 0, nil, err
	}
	h.Advance(2100 * time.Millisecond)
	after := h.Snapshot()
	lost = after.Ledger.Dropped[c.reason] - before.Ledger.Dropped[c.reason]
	if lost == 0 {
		return 0, nil, fmt.Errorf("no packet ended for that reason")
	}
	old := map[counter]uint64{}
	for _, n := range numbers(&before) {
		old[counter{file: n.file, name: n.name}] = n.by
	}
	for _, n := range numbers(&after) {
		if was := old[counter{file: n.file, name: n.name}]; n.by > was {
			n.by -= was
			moved = append(moved, n)
		}
	}
	return lost, moved, nil
}

// numbers returns the counters of a snapshot, summed over CPUs, interfaces and
// sockets, in the order of the files.
func numbers(s *sim.Snapshot) []counter {
	var out []counter
	at := map[[2]string]int{}
	procfs.EachCounter(&s.Snapshot, func(file, _, name string, v uint64) {
		k := [2]string{operators(file), name}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, counter{file: k[0], name: name})
		}
		out[i].by += v
	})
	return out
}

// operators names a file as an operator does.
func operators(file string) string {
	switch {
	case strings.HasPrefix(file, "ethtool/"):
		return "ethtool -S"
	case strings.HasPrefix(file, "sys/class/net/"):
		return "statistics"
	}
	return strings.TrimPrefix(file, "proc/net/")
}

// way are the counters that say how far a packet came.
var way = []struct{ file, name, place string }{
	{"snmp", "Ip.InDelivers", "the protocol"},
	{"snmp", "Ip.InReceives", "IP"},
	{"softnet_stat", "processed", "the receive core"},
	{"ethtool -S", "rx_packets", "the driver"},
	{"ethtool -S", "rx_pkts_nic", "the packet buffer"},
}

// reached says how far the packet came that came farthest.
func reached(moved []counter) string {
	for _, w := range way {
		if slices.ContainsFunc(moved, func(c counter) bool { return c.file == w.file && c.name == w.name }) {
			return w.place
		}
	}
	return "the MAC"
}

// traffic are the files and counters that move for packets, lost or not.
var traffic = map[string][]string{
	"ethtool -S":   {"rx_packets", "rx_bytes", "rx_pkts_nic", "rx_bytes_nic", "multicast", "broadcast", "tx_packets", "tx_bytes", "tx_pkts_nic", "tx_bytes_nic"},
	"statistics":   {"rx_packets", "rx_bytes", "multicast", "tx_packets", "tx_bytes"},
	"dev":          {"Receive.packets", "Receive.bytes", "Receive.multicast", "Transmit.packets", "Transmit.bytes"},
	"softnet_stat": {"processed", "received_rps", "time_squeeze", "input_qlen", "process_qlen", "backlog_len"},
	"snmp":         {"Ip.InReceives", "Ip.InDelivers", "Ip.OutRequests", "Ip.ForwDatagrams"},
	"udp":          {"rx_queue"},
}

// isTraffic reports whether a counter says that packets came, not that one was lost.
func isTraffic(c counter) bool {
	switch {
	case strings.HasPrefix(c.name, "rx_queue_"), strings.HasSuffix(c.name, "Octets"), strings.HasSuffix(c.name, "ECTPkts"), strings.HasSuffix(c.name, "McastPkts"), strings.HasSuffix(c.name, "BcastPkts"):
		return true
	case strings.HasPrefix(c.file, "proc/"), c.file == "sockstat", strings.HasPrefix(c.name, "IpExt.InECT"), c.name == "IpExt.InCEPkts":
		return true
	}
	return slices.Contains(traffic[c.file], c.name)
}

// columns are the places of counters whose file names none.
var columns = map[string]string{"dropped": "2nd column", "flow_limit_count": "11th column"}

// shown lists the counters by file, with a number where it is not that of the
// packets lost.
func shown(moved []counter, lost uint64) string {
	var parts []string
	last := ""
	for _, c := range moved {
		if isTraffic(c) {
			continue
		}
		name := "`" + c.name + "`"
		if column := columns[c.name]; column != "" && c.file == "softnet_stat" {
			name += " (" + column + ")"
		}
		if c.by != lost {
			name += fmt.Sprintf(" +%d for %d", c.by, lost)
		}
		if c.file != last {
			name = c.file + ": " + name
			last = c.file
			parts = append(parts, name)
			continue
		}
		parts[len(parts)-1] += ", " + name
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, "; ")
}
