package main

// A driverLine is a line of `ethtool -S`, what it says, and the register it is of.
type driverLine struct{ name, text, register string }

// driverLines are the lines of `ethtool -S` of ixgbe that the model moves, in
// the driver's order; all others are always 0. The driver gives them their
// meaning, not a struct of package mib, so it stands here; TestDriverLines holds
// the names to nic.Port.EthtoolStats.
var driverLines = []driverLine{
	{"rx_packets", "Counts frames that the driver took off its rings and handed to the stack, also those that the stack then drops (GRO-4). Not frames lost in the NIC.", ""},
	{"rx_bytes", "Counts their bytes with Ethernet header, without FCS and stripped VLAN tag, padded to 60 (RX-9).", ""},
	{"rx_pkts_nic", "Counts frames that the MAC accepted into the packet buffer; those that then found no descriptor are in it.", "GPRC"},
	{"rx_bytes_nic", "Counts their bytes with FCS, which `rx_bytes` leaves out (HW-24).", "GORC"},
	{"lsc_int", "Counts link changes that the device has interrupted for.", ""},
	{"non_eop_descs", "Counts descriptors that held a part of a frame, but not its end: frames of more than 2048 bytes.", ""},
	{"rx_errors", "Counts CRC and length errors.", "CRCERRS, RLEC"},
	{"rx_dropped", "Counts drops of the receive core, as the interface's statistics do: backlog full, no handler. Not losses in the NIC (HW-30).", ""},
	{"multicast", "Counts multicast frames that the MAC accepted.", "MPRC"},
	{"broadcast", "Counts broadcast frames that the MAC accepted.", "BPRC"},
	{"rx_crc_errors", "Counts frames with a bad frame check sequence (HW-25).", "CRCERRS"},
	{"fdir_match", "Counts frames to which a filter of the flow director applied, those that it dropped among them (RX-35).", "FDIRMATCH"},
	{"fdir_miss", "Counts frames for which the flow director had no filter, while the feature ntuple is on. The sampling of what is sent (ATR) is not modelled.", "FDIRMISS"},
	{"rx_missed_errors", "Counts frames lost because the packet buffer was full: the ring was full for longer than the packet buffer could bridge. " +
		"The one loss in the NIC that /proc/net/dev shows, too.", "MPC"},
	{"rx_long_length_errors", "Counts frames longer than MTU + 18, a VLAN tag not counted. They are in no other counter (HW-26).", "ROC"},
	{"rx_short_length_errors", "Counts frames of less than 64 bytes with a good FCS. They are in no other counter (HW-26).", "RUC"},
	{"tx_flow_control_xon", "Counts pause frames that let the link partner go on.", "LXONTXC"},
	{"tx_flow_control_xoff", "Counts pause frames that asked the link partner to stop. If it obeys, what is lost is lost there: no counter of this host sees it (HW-7).", "LXOFFTXC"},
	{"rx_flow_control_xon", "Counts pause frames received that let this side go on; the MAC consumes them. It counts whether RX pause is on or off (HW-27).", "LXONRXCNT"},
	{"rx_flow_control_xoff", "Counts pause frames received; the MAC consumes them. It stands still while RX pause is off (HW-27).", "LXOFFRXC"},
	{"rx_csum_offload_errors", "Counts bad IPv4 header checksums that the device found. Not bad UDP checksums on the 82599, and no loss: the frame goes on (RX-25, RX-26).", ""},
	{"alloc_rx_page_failed", "Counts descriptors that could not be armed for want of a page (RX-7). No frame is lost by that alone; the ring is smaller until a later poll has more luck (POLL-6).", ""},
	{"alloc_rx_buff_failed", "Counts polls that ended because there was no sk_buff for the next frame, which stays in the ring (RX-15, POLL-5).", ""},
	{"rx_no_dma_resources", "Counts frames discarded because their ring had no free descriptor, which happens only with several queues and TX pause off (HW-6). " +
		"No other counter has them: not /proc/net/dev, not the interface's statistics (HW-8).", "QPRDC"},
}

// queueLines are those per ring of ixgbe.
var queueLines = []driverLine{
	{"rx_queue_<n>_packets", "Counts frames that the driver took off ring n.", ""},
	{"rx_queue_<n>_bytes", "Counts their bytes, as `rx_bytes` does.", ""},
	{"tx_queue_<n>_bp_napi_yield", "Counts polls that found the vector of ring n taken by a socket that busy-polls it, and did nothing; and, in the same field, polls of sockets that found a poll there: `rx_queue_<n>_bp_poll_yield` is always 0 (POLL-2). A vector with several rings counts at the one that was added last. Linux 3.11 to 4.11 only.", ""},
	{"rx_queue_<n>_bp_cleaned", "Counts frames that sockets took off ring n by busy polling, four at most at a time; the device's other counters have them, too. Linux 3.11 to 4.11 only.", ""},
	{"rx_queue_<n>_bp_misses", "Counts polls of sockets that found ring n empty: the turns of their busy loops. Linux 3.11 to 4.11 only.", ""},
}

// igbLines are the lines of igb that the model moves, as driverLines are of ixgbe.
var igbLines = []driverLine{
	{"rx_packets", "Counts frames that the MAC accepted into the packet buffer, lost ones for want of a descriptor among them; those of ixgbe are what the driver took (IGB-9).", "GPRC"},
	{"rx_bytes", "Counts their bytes with FCS.", "GORC"},
	{"rx_broadcast", "Counts broadcast frames that the MAC accepted.", "BPRC"},
	{"rx_multicast", "Counts multicast frames that the MAC accepted.", "MPRC"},
	{"multicast", "Counts the same.", "MPRC"},
	{"rx_crc_errors", "Counts frames with a bad frame check sequence (HW-25).", "CRCERRS"},
	{"rx_no_buffer_count", "Counts frames that found no descriptor in their ring and wait in the packet buffer. That is no loss.", "RNBC"},
	{"rx_missed_errors", "Counts frames lost because the packet buffer was full.", "MPC"},
	{"rx_long_length_errors", "Counts frames that were too long.", "ROC"},
	{"rx_short_length_errors", "Counts frames of less than 64 bytes with a good FCS.", "RUC"},
	{"rx_flow_control_xon", "Counts pause frames received that let this side go on.", "XONRXC"},
	{"rx_flow_control_xoff", "Counts pause frames received.", "XOFFRXC"},
	{"tx_flow_control_xon", "Counts pause frames that let the link partner go on.", "XONTXC"},
	{"tx_flow_control_xoff", "Counts pause frames that asked the link partner to stop.", "XOFFTXC"},
	{"rx_long_byte_count", "Counts the bytes of `rx_bytes` once more.", "GORC"},
	{"rx_errors", "Counts CRC errors and frames that were too long or too short. Not frames lost for want of room.", ""},
	{"rx_length_errors", "Counts frames that were too long or too short.", ""},
	{"rx_fifo_errors", "Counts `rx_missed_errors` and the drops of all rings: a frame that found the packet buffer full is in both (IGB-8, ODD-30).", ""},
	{"rx_queue_<n>_packets", "Counts frames that the driver took off ring n.", ""},
	{"rx_queue_<n>_bytes", "Counts their bytes.", ""},
	{"rx_queue_<n>_drops", "Counts frames discarded because ring n had no free descriptor, which happens only with several queues and TX pause off.", "RQDPC"},
	{"rx_queue_<n>_csum_err", "Counts bad checksums that the device found, those of UDP among them. No loss: the frame goes on.", ""},
	{"rx_queue_<n>_alloc_failed", "Counts failures to get a page or an sk_buff.", ""},
}

// driverSection is the part of the page on the driver's own counters.
func driverSection() section {
	s := section{
		title: "The driver: ethtool -S",
		intro: "What ixgbe counts of an 82599. The command reads the registers anew; the interface's statistics show them as of the last fold, up to two seconds ago (HW-20, HW-23). " +
			"Every other line is there, and 0.",
	}
	s.lines("ethtool:", "ixgbe", append(driverLines[:len(driverLines):len(driverLines)], queueLines...))
	return s
}

// igbSection is the same of igb.
func igbSection() section {
	s := section{
		title: "The driver igb: ethtool -S",
		intro: "What igb counts of an 82576 or its successors. Every query reads the registers, of the interface's statistics, too (IGB-9). Every other line is there, and 0. " +
			"Settings and losses act as on the lines of ixgbe, but where the line says otherwise.",
	}
	s.lines("igb:", "igb", igbLines)
	return s
}

// lines adds the lines of a driver.
func (s *section) lines(prefix, driver string, lines []driverLine) {
	for _, l := range lines {
		e := entry{id: prefix + l.name, name: l.name, goName: "nic.Port.EthtoolStats", text: l.text, kernel: "drivers/net/ethernet/intel/" + driver}
		if l.register != "" {
			e.kernel += ", register " + l.register
		}
		e.places = []place{{file: "ethtool -S <if>", line: l.name + ":", field: 2}}
		s.entries = append(s.entries, e)
	}
}
