package live

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Rows of /proc/net/snmp and netstat come in pairs of lines.
func TestRows(t *testing.T) {
	out := map[string]int64{}
	Rows([]byte("Ip: Forwarding InReceives\nIp: 1 77\nUdp: InDatagrams NoPorts\nUdp: 5 6 7\nTcp: MaxConn\nTcp: -1\nIcmp: a"), out)
	require.Equal(t, map[string]int64{"Ip.Forwarding": 1, "Ip.InReceives": 77, "Udp.InDatagrams": 5, "Udp.NoPorts": 6, "Tcp.MaxConn": -1}, out)
}

// Columns of /proc/net/dev that cases have not are left out.
func TestDevices(t *testing.T) {
	out := Devices([]byte("Inter-| Receive | Transmit\n face |bytes packets\n    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\nvt0:100 0 0 0 0 0 0 0 0 0 0 9 0 0 0 0\n"))
	require.Equal(t, map[string]int64{"rx_bytes": 1, "rx_packets": 2, "rx_errs": 3, "rx_drop": 4, "rx_fifo": 5, "rx_frame": 6, "rx_multicast": 8, "tx_bytes": 9, "tx_packets": 10, "tx_drop": 12}, out["lo"])
	require.Equal(t, int64(100), out["vt0"]["rx_bytes"])
	require.Equal(t, int64(9), out["vt0"]["tx_drop"])
	require.Len(t, out, 2)
}

// Softnet_stat has 11, 13 or 15 columns; from 13 on a row says its CPU.
func TestSoftnet(t *testing.T) {
	rows, columns, err := Softnet([]byte("0000000a 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000003 00000004\n0000000b 0 0 0 0 0 0 0 0 0 0\n"))
	require.NoError(t, err)
	require.Equal(t, 11, columns)
	require.Equal(t, map[string]int64{"processed": 10, "dropped": 1, "time_squeeze": 2, "received_rps": 3, "flow_limit": 4}, rows[0])
	require.Equal(t, int64(11), rows[1]["processed"])
	rows, columns, err = Softnet([]byte("1 0 0 0 0 0 0 0 0 0 0 0 00000000 0 0\n2 0 0 0 0 0 0 0 0 0 0 0 00000003 0 0\n"))
	require.NoError(t, err)
	require.Equal(t, 15, columns)
	require.Len(t, rows, 4, "CPUs 1 and 2 are offline")
	require.Empty(t, rows[1])
	require.Equal(t, int64(2), rows[3]["processed"])
	for _, text := range []string{"x 0 0 0 0 0 0 0 0 0 0\n", "1 0 0 0 0 0 0 0 0 0 0 0 ffffffff 0 0\n"} {
		_, _, err = Softnet([]byte(text))
		require.Error(t, err, text)
	}
}

// The format of skb:kfree_skb says where the reason is and what the numbers mean.
func TestFormat(t *testing.T) {
	offset, names, err := Format("name: kfree_skb\n\tfield:void * skbaddr;\toffset:8;\tsize:8;\tsigned:0;\n\tfield:unsigned short protocol;\toffset:24;\n\tfield:enum skb_drop_reason reason;\toffset:28;\tsize:4;\tsigned:0;\n\n" +
		`print fmt: "reason: %s", __print_symbolic(REC->reason, { 2, "NOT_SPECIFIED" }, { 3, "NO_SOCKET" })`)
	require.NoError(t, err)
	require.Equal(t, 28, offset)
	require.Equal(t, map[int]string{2: "NOT_SPECIFIED", 3: "NO_SOCKET"}, names)
	_, _, err = Format("field:void * location; offset:16;") // before 5.17
	require.ErrorContains(t, err, "gives no reason")
}
