package nic

import (
	"fmt"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// igbLink models igb_get_stats64 and igb_update_stats: packets and bytes are
// the rings' own, everything else is read from the hardware at every query
// (IGB-9). A frame that found the packet buffer full counts twice, as missed
// and as a FIFO error; one that was discarded for want of a descriptor is a
// FIFO error (IGB-8, ODD-30).
func (p *Port) igbLink() mib.Link {
	var l mib.Link
	l.RXPackets, l.RXBytes = p.ringSums()
	r := p.read()
	l.Multicast = r.multicast
	l.RXErrors = r.crc + r.undersize + r.oversize
	l.RXLengthErrors = r.undersize + r.oversize
	l.RXCRCErrors = r.crc
	l.RXMissedErrors = r.missed
	l.RXFIFOErrors = r.missed + p.NoDescriptor()
	return l
}

// igbStats returns the lines of `ethtool -S` in the driver's order (IGB-10).
// Packets and bytes are those of the MAC, with FCS (IGB-9).
func (p *Port) igbStats() []mib.NameValue {
	r, link := p.read(), p.igbLink()
	known := map[string]uint64{
		"rx_packets": r.good, "rx_bytes": r.goodBytes, "rx_broadcast": r.broadcast, "rx_multicast": r.multicast, "multicast": r.multicast,
		"rx_crc_errors": r.crc, "rx_no_buffer_count": r.noBuffer, "rx_missed_errors": r.missed,
		"rx_long_length_errors": r.oversize, "rx_short_length_errors": r.undersize,
		"rx_flow_control_xon": r.xonReceived, "rx_flow_control_xoff": r.xoffReceived, "tx_flow_control_xon": r.xon, "tx_flow_control_xoff": r.xoff,
		"rx_long_byte_count": r.goodBytes, "rx_errors": link.RXErrors, "rx_length_errors": link.RXLengthErrors,
		"rx_fifo_errors": link.RXFIFOErrors,
	}
	out := make([]mib.NameValue, 0, len(igbNames)+8*len(p.queues))
	for _, name := range igbNames {
		out = append(out, mib.NameValue{Name: name, Value: known[name]})
	}
	for i := range p.queues { // as many transmit queues as receive queues
		for _, s := range []string{"packets", "bytes", "restart"} {
			out = append(out, mib.NameValue{Name: fmt.Sprintf("tx_queue_%d_%s", i, s)})
		}
	}
	for i, q := range p.queues {
		for _, s := range []mib.NameValue{
			{Name: "packets", Value: q.Packets}, {Name: "bytes", Value: q.Bytes}, {Name: "drops", Value: q.NoDesc},
			{Name: "csum_err", Value: q.CsumErr}, {Name: "alloc_failed", Value: q.AllocPageFailed + q.AllocBuffFailed},
		} {
			out = append(out, mib.NameValue{Name: fmt.Sprintf("rx_queue_%d_%s", i, s.Name), Value: s.Value})
		}
	}
	return out
}

// igbNames are the device-wide names of igb: those of its own, then those of
// struct rtnl_link_stats64 (IGB-10).
var igbNames = []string{
	"rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_broadcast", "tx_broadcast", "rx_multicast", "tx_multicast",
	"multicast", "collisions", "rx_crc_errors", "rx_no_buffer_count", "rx_missed_errors", "tx_aborted_errors",
	"tx_carrier_errors", "tx_window_errors", "tx_abort_late_coll", "tx_deferred_ok", "tx_single_coll_ok",
	"tx_multi_coll_ok", "tx_timeout_count", "rx_long_length_errors", "rx_short_length_errors", "rx_align_errors",
	"tx_tcp_seg_good", "tx_tcp_seg_failed", "rx_flow_control_xon", "rx_flow_control_xoff", "tx_flow_control_xon",
	"tx_flow_control_xoff", "rx_long_byte_count", "tx_dma_out_of_sync", "tx_smbus", "rx_smbus", "dropped_smbus",
	"os2bmc_rx_by_bmc", "os2bmc_tx_by_bmc", "os2bmc_tx_by_host", "os2bmc_rx_by_host", "tx_hwtstamp_timeouts",
	"rx_hwtstamp_cleared",
	"rx_errors", "tx_errors", "tx_dropped", "rx_length_errors", "rx_over_errors", "rx_frame_errors", "rx_fifo_errors",
	"tx_fifo_errors", "tx_heartbeat_errors",
}
