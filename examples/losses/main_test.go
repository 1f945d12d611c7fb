package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// unused are reasons of the kernel for which the model loses nothing: a clone
// that could not be made never was a packet.
var unused = []skb.DropReason{skb.NoMem}

// TestEveryReason: the table has a row for every reason that a packet can end
// for, with a place, somebody who did it, and what has a say.
func TestEveryReason(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out), "every trap catches a packet")
	for r := skb.NotDropped + 1; r < skb.NumReasons; r++ {
		row := strings.Contains(out.String(), "\n| `"+r.String()+"`")
		require.NotEqual(t, row, slices.Contains(unused, r), r.String())
	}
	for _, c := range cases {
		require.NotEmpty(t, c.when, c.reason)
		require.NotEmpty(t, c.who, c.reason)
	}
}

// TestRows: the rows that people ask for most, as the answers of the page have
// them.
func TestRows(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out))
	for reason, moved := range map[string]string{
		"HW_FIFO":        "dev: `Receive.drop`; statistics: `rx_missed_errors`",
		"HW_NO_DESC":     "| ethtool -S: `rx_no_dma_resources` |",
		"CPU_BACKLOG":    "softnet_stat: `dropped` (2nd column)",
		"SOCKET_RCVBUFF": "| snmp: `Udp.InErrors`, `Udp.RcvbufErrors`; udp: `drops` |",
		"SOCKET_BACKLOG": "| snmp: `Udp.InErrors`; udp: `drops` |",
		"NETFILTER_DROP": "| none |",
		"NO_SOCKET":      "`Udp.NoPorts` |",
	} {
		rows := slices.DeleteFunc(strings.Split(out.String(), "\n"), func(l string) bool { return !strings.HasPrefix(l, "| `"+reason+"`") })
		require.NotEmpty(t, rows, reason)
		require.Contains(t, rows[0], moved)
	}
}
