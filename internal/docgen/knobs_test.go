package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

// A turn is a knob in a scenario, with two positions.
type turn struct {
	counter, path string
	scenario      string
	from, to      string
	// more says that the second position makes the counter larger; else it makes it smaller.
	more bool
}

// Scenarios to turn knobs in. An overload is 20,000 minimum-size frames at line
// rate, which are lost in the NIC.
const (
	overload = `
nics: [{name: eth0, promisc: true, ring: {rx: 64}, channels: {combined: 1}}]
traffic: [{name: feed, rate: 14.8Mpps, count: 20000, size: 64, groups: 64, dst: 239.1.0.1:5001}]
run: {for: 20ms}
`
	lasting = `
nics: [{name: eth0, promisc: true, ring: {rx: 512}, channels: {combined: 1}}]
traffic: [{name: feed, rate: 12Mpps, size: 64, groups: 64, dst: 239.1.0.1:5001}]
run: {for: 10ms}
`
	overloadDropEnabled = `
nics: [{name: eth0, promisc: true, ring: {rx: 64}, channels: {combined: 2}, pause: {tx: false}}]
traffic: [{name: feed, rate: 14.8Mpps, count: 20000, size: 64, groups: 64, dst: 239.1.0.1:5001}]
run: {for: 20ms}
`
	damaged = `
nics: [{name: eth0}]
traffic: [{name: feed, rate: 100kpps, payload: 100, dst: "10.0.0.2:5001", faults: {bad_ip_checksum: 50%}}]
run: {for: 10ms}
`
	jumbo = `
nics: [{name: eth0}]
traffic: [{name: feed, rate: 10kpps, size: 3000, dst: "10.0.0.2:5001"}]
run: {for: 10ms}
`
	steeredFlows = `
host: {costs: {base: bdw-3.6ghz, ip: 20us}}
sysctl: {net.core.netdev_max_backlog: 100, net.core.flow_limit_cpu_bitmap: "1"}
nics: [{name: eth0, channels: {combined: 1}, rps: {rx-0: "2"}}]
traffic: [{name: feed, rate: 500kpps, payload: 100, flows: 16, dst: "10.0.0.2:5001"}]
run: {for: 10ms}
`
	heavyFlow = `
host: {costs: {base: bdw-3.6ghz, ip: 20us}}
sysctl: {net.core.netdev_max_backlog: 200, net.core.flow_limit_cpu_bitmap: "1"}
nics: [{name: eth0, channels: {combined: 1}, rps: {rx-0: "2"}}]
traffic: [{name: feed, rate: 500kpps, payload: 100, dst: "10.0.0.2:5001"}]
run: {for: 5ms}
`
	light = `
host: {cpus: 2}
nics: [{name: eth0, channels: {combined: 1}}]
traffic: [{name: feed, rate: 100kpps, payload: 100, dst: "10.0.0.2:5001"}]
apps: [{name: hog, cpu: 1, busy: true}]
run: {for: 100ms}
`
	twoSubnets = `
nics: [{name: eth0, address: 10.0.0.2/24}, {name: eth1, address: 10.0.1.2/24}]
traffic: [{name: feed, to: eth1, rate: 10kpps, payload: 100, src: "10.0.0.1:5000", dst: "10.0.1.2:5001"}]
run: {for: 10ms}
`
	unread = `
sysctl: {net.core.rmem_max: 1048576}
nics: [{name: eth0}]
traffic: [{name: feed, rate: 100kpps, payload: 100, dst: "10.0.0.2:5001"}]
apps: [{name: app, cpu: 1, sockets: [{bind: "10.0.0.2:5001", rcvbuf: 512KiB}], read: {with: never}}]
run: {for: 10ms}
`
	unreadDefault = `
nics: [{name: eth0}]
traffic: [{name: feed, rate: 100kpps, payload: 100, dst: "10.0.0.2:5001"}]
apps: [{name: app, cpu: 1, sockets: [{bind: "10.0.0.2:5001"}], read: {with: never}}]
run: {for: 10ms}
`
	filtered = `
nics: [{name: eth0, features: {ntuple: true}, channels: {combined: 2}}]
traffic: [{name: feed, rate: 100kpps, payload: 100, dst: "10.0.0.2:5001"}]
run: {for: 10ms}
`
	short = `
nics: [{name: eth0, ring: {rx: 64}, memory: {page_hold: 1s, page_failures: {share: 10%, from: 1ns}, skb_failures: {share: 10%}}}]
traffic: [{name: feed, rate: 100kpps, payload: 1000, dst: "10.0.0.2:5001"}]
run: {for: 10ms}
`
	polled = `
nics: [{name: eth0, coalesce: {rx-usecs: 100}}]
traffic: [{name: feed, rate: 100kpps, payload: 100, src: "10.0.0.1:5000", dst: "10.0.0.2:5001"}]
apps: [{name: app, cpu: 1, sockets: [{bind: "10.0.0.2:5001", connect: "10.0.0.1:5000"}], read: {with: recvmsg}}]
run: {for: 1ms}
`
	scarce = `
sysctl: {net.ipv4.udp_mem: [2, 1000, 1000]}
nics: [{name: eth0}]
traffic: [{name: feed, rate: 100kpps, payload: 100, dst: "10.0.0.2:5001"}]
apps: [{name: app, cpu: 1, sockets: [{bind: "10.0.0.2:5001"}], read: {with: never}}]
run: {for: 1ms}
`
)

var knobTurns = []turn{
	{"ethtool:rx_missed_errors", "nics[].ring.rx", overload, "64", "4096", false},
	{"ethtool:rx_missed_errors", "nics[].channels.combined", lasting, "1", "4", false},
	{"ethtool:rx_missed_errors", "nics[].link_partner.obeys_pause", overload, "false", "true", false},
	{"ethtool:rx_missed_errors", "nics[].pause.tx", overloadDropEnabled, "true", "false", false},
	{"ethtool:rx_no_dma_resources", "nics[].ring.rx", overloadDropEnabled, "64", "4096", false},
	{"ethtool:rx_no_dma_resources", "nics[].pause.tx", overloadDropEnabled, "false", "true", false},
	{"ethtool:rx_long_length_errors", "nics[].mtu", jumbo, "1500", "9000", false},
	{"ethtool:rx_csum_offload_errors", "nics[].features.rx-checksumming", damaged, "true", "false", false},
	{"ethtool:fdir_match", "nics[].ntuple", filtered, "[{action: 0}]", "[{dst-port: 9, action: 0}]", false},
	{"ethtool:alloc_rx_page_failed", "nics[].memory.page_hold", short, "1s", "0s", false},
	{"ethtool:alloc_rx_buff_failed", "nics[].memory.skb_failures", short, "{share: 10%}", "{share: 0}", false},
	{"ethtool:tx_flow_control_xoff", "nics[].pause.tx", overload, "true", "false", false},
	{"statistics:rx_dropped", "net.core.netdev_max_backlog", steeredFlows, "100", "10000", false},
	{"softnet_stat:dropped", "net.core.netdev_max_backlog", steeredFlows, "100", "10000", false},
	{"softnet_stat:dropped", "nics[].rps", steeredFlows, `{rx-0: "2"}`, `{rx-0: "e"}`, false},
	{"softnet_stat:time_squeeze", "net.core.netdev_budget", overload, "64", "300", false},
	{"softnet_stat:received_rps", "nics[].rps", steeredFlows, `{rx-0: "2"}`, `{}`, false},
	{"softnet_stat:flow_limit_count", "net.core.flow_limit_cpu_bitmap", heavyFlow, `"1"`, `"0"`, false},
	{"softnet_stat:flow_limit_count", "net.core.netdev_max_backlog", heavyFlow, "200", "2000", false},
	{"softirqs:NET_RX", "nics[].coalesce.rx-usecs", light, "0", "100", false},
	{"interrupts:LOC", "host.hz", light, "100", "1000", true},
	{"netstat:TcpExt.IPReversePathFilter", "net.ipv4.conf.all.rp_filter", twoSubnets, "1", "0", false},
	{"netstat:TcpExt.BusyPollRxPackets", "apps[].sockets[].busy_poll", polled, "50", "0", false},
	{"netstat:TcpExt.BusyPollRxPackets", "net.core.busy_read", polled, "50", "0", false},
	{"snmp:Udp.RcvbufErrors", "apps[].sockets[].rcvbuf", unread, "16KiB", "512KiB", false},
	{"snmp:Udp.RcvbufErrors", "net.core.rmem_max", unread, "16384", "1048576", false},
	{"snmp:Udp.RcvbufErrors", "net.core.rmem_default", unreadDefault, "16384", "1048576", false},
	{"snmp:Udp.InErrors", "apps[].sockets[].rcvbuf", unread, "16KiB", "512KiB", false},
	{"snmp:Udp.InErrors", "net.ipv4.udp_mem", unreadDefault, "[10, 10, 10]", "[100, 100, 200]", false},
	{"snmp:Udp.InErrors", "net.ipv4.udp_rmem_min", scarce, "4096", "65536", false},
	{"udp:drops", "apps[].sockets[].rcvbuf", unread, "16KiB", "512KiB", false},
}

// TestKnobs turns every knob of the table and looks whether its counter moves
// as the table says.
func TestKnobs(t *testing.T) {
	require.Len(t, knobTurns, len(knobs))
	for i, k := range knobs {
		t.Run(k.counter+"/"+k.path, func(t *testing.T) {
			turn := knobTurns[i]
			require.Equal(t, [2]string{k.counter, k.path}, [2]string{turn.counter, turn.path})
			before, after := turn.at(t, turn.from), turn.at(t, turn.to)
			if turn.more {
				require.Greater(t, after, before)
			} else {
				require.Less(t, after, before)
			}
		})
	}
}

// at runs the scenario with the knob in a position and returns the counter.
func (x *turn) at(t *testing.T, value string) uint64 {
	path := strings.ReplaceAll(x.path, "[]", "[0]")
	sc, err := scenariofile.Parse("knob.yaml", []byte(x.scenario), scenariofile.Set{Path: path, Value: value})
	require.NoError(t, err)
	res, err := sim.Run(context.Background(), &sc, sim.Options{})
	require.NoError(t, err)
	sums, _ := totals(&res.Snapshot.Snapshot)
	require.Contains(t, sums, x.counter)
	return sums[x.counter]
}
