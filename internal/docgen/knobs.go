package main

// A knob is a setting that moves a counter, by the path that --set takes. The
// test TestKnobs turns each in a scenario and looks at the counter.
type knob struct {
	counter, path string
	// how says what turning it does to the counter.
	how string
}

var knobs = []knob{
	{"ethtool:rx_missed_errors", "nics[].ring.rx", "a larger ring loses fewer of a burst"},
	{"ethtool:rx_missed_errors", "nics[].channels.combined", "more queues on more CPUs lose fewer, if the flows have different addresses and every ring holds what comes between two interrupts"},
	{"ethtool:rx_missed_errors", "nics[].link_partner.obeys_pause", "with a partner that obeys pause frames the loss moves to the partner"},
	{"ethtool:rx_missed_errors", "nics[].pause.tx", "off, with several queues: the loss moves to `rx_no_dma_resources`"},
	{"ethtool:rx_no_dma_resources", "nics[].ring.rx", "a larger ring loses fewer of a burst"},
	{"ethtool:rx_no_dma_resources", "nics[].pause.tx", "on: the loss moves to `rx_missed_errors`, or to the link partner"},
	{"ethtool:rx_long_length_errors", "nics[].mtu", "a larger MTU lets them in"},
	{"ethtool:rx_csum_offload_errors", "nics[].features.rx-checksumming", "off: the device finds none"},
	{"ethtool:fdir_match", "nics[].ntuple", "a filter that matches fewer frames counts fewer"},
	{"ethtool:alloc_rx_page_failed", "nics[].memory.page_hold", "pages whose packets are freed soon are used again, and none is allocated"},
	{"ethtool:alloc_rx_buff_failed", "nics[].memory.skb_failures", "none fail"},
	{"ethtool:tx_flow_control_xoff", "nics[].pause.tx", "off: none are sent"},
	{"statistics:rx_dropped", "net.core.netdev_max_backlog", "a longer backlog refuses fewer"},
	{"softnet_stat:dropped", "net.core.netdev_max_backlog", "a longer backlog refuses fewer"},
	{"softnet_stat:dropped", "nics[].rps", "more CPUs refuse fewer, if there are several flows"},
	{"softnet_stat:time_squeeze", "net.core.netdev_budget", "a larger budget ends fewer runs early; since Linux 3.19 one busy queue alone never uses up 300 (NAPI-10)"},
	{"softnet_stat:received_rps", "nics[].rps", "none without a mask"},
	{"softnet_stat:flow_limit_count", "net.core.flow_limit_cpu_bitmap", "none without a CPU in it"},
	{"softnet_stat:flow_limit_count", "net.core.netdev_max_backlog", "a longer backlog is half full later"},
	{"softirqs:NET_RX", "nics[].coalesce.rx-usecs", "more time between interrupts makes fewer runs"},
	{"interrupts:LOC", "host.hz", "a faster timer ticks more often"},
	{"netstat:TcpExt.IPReversePathFilter", "net.ipv4.conf.all.rp_filter", "0: none are refused"},
	{"netstat:TcpExt.BusyPollRxPackets", "apps[].sockets[].busy_poll", "none without it, or net.core.busy_read"},
	{"netstat:TcpExt.BusyPollRxPackets", "net.core.busy_read", "`SO_BUSY_POLL` of sockets that do not ask for it"},
	{"snmp:Udp.RcvbufErrors", "apps[].sockets[].rcvbuf", "a larger buffer refuses fewer of a burst, but none of a lasting overload"},
	{"snmp:Udp.RcvbufErrors", "net.core.rmem_max", "lets a program have the buffer it asks for"},
	{"snmp:Udp.RcvbufErrors", "net.core.rmem_default", "the buffer of a program that asks for none"},
	{"snmp:Udp.InErrors", "apps[].sockets[].rcvbuf", "as for `Udp.RcvbufErrors`, which is a part of it"},
	{"snmp:Udp.InErrors", "net.ipv4.udp_mem", "the first number is the limit of all sockets together (UM-3)"},
	{"snmp:Udp.InErrors", "net.ipv4.udp_rmem_min", "what a socket may hold above that limit"},
	{"udp:drops", "apps[].sockets[].rcvbuf", "as for `Udp.RcvbufErrors`"},
}

// turns returns the knobs of a counter.
func turns(id string) []knob {
	var out []knob
	for _, k := range knobs {
		if k.counter == id && id != "" {
			out = append(out, k)
		}
	}
	return out
}
