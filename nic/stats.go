package nic

import (
	"fmt"
	"strings"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// registers are the hardware's counters since the interface came up (HW-21:
// clear-on-read registers whose folds are added up come to the same).
type registers struct {
	good, goodBytes      uint64 // GPRC, GORC: accepted into the FIFO, bytes with FCS
	multicast, broadcast uint64 // MPRC, BPRC
	missed               uint64 // MPC
	crc, length          uint64 // CRCERRS, RLEC
	oversize, undersize  uint64 // ROC, RUC
	xoff, xon            uint64 // LXOFFTXC, LXONTXC
	xoffReceived         uint64 // LXOFFRXCNT
	xonReceived          uint64 // LXONRXCNT
	fdirMatch, fdirMiss  uint64 // FDIRMATCH, FDIRMISS
	noBuffer             uint64 // RNBC: a frame found no descriptor and waits
}

// fault counts a frame with which something is wrong for the MAC, or which it
// consumes; filters count nothing.
func (r *registers) fault(h *skb.Header, reason skb.DropReason) {
	switch reason {
	case skb.HWCRC:
		r.crc++
	case skb.HWLength:
		r.length++
	case skb.HWOversize:
		r.oversize++
	case skb.HWUndersize:
		r.undersize++
	case skb.HWPause:
		if h.PauseTime == 0 {
			r.xonReceived++
		} else {
			r.xoffReceived++
		}
	}
}

// look counts the searches of the flow director for n frames that got that far.
func (r *registers) look(v *verdict, n uint64) {
	switch {
	case v.matched && (v.reason == skb.NotDropped || v.reason == skb.HWFilter):
		r.fdirMatch += n
	case v.reason|v.bad == skb.NotDropped:
		r.fdirMiss += n
	}
}

// accept counts frames that the MAC put into the FIFO.
func (r *registers) accept(n, bytes uint64, cast skb.PacketType) {
	r.good += n
	r.goodBytes += bytes
	switch cast {
	case skb.PacketMulticast:
		r.multicast += n
	case skb.PacketBroadcast:
		r.broadcast += n
	}
}

// Link returns the interface's statistics, without the drops of the receive
// core, which the caller adds (CORE-20).
func (p *Port) Link() mib.Link {
	if p.driver.foldsOnRead {
		return p.igbLink()
	}
	return p.ixgbeLink(&p.folded)
}

// EthtoolStats returns the lines of `ethtool -S` in the driver's order (4.6,
// IGB-10).
func (p *Port) EthtoolStats(coreDropped uint64) []mib.NameValue {
	if p.driver.foldsOnRead {
		return p.igbStats()
	}
	return p.ixgbeStats(coreDropped)
}

// ringSums adds up the rings' own counters.
func (p *Port) ringSums() (packets, bytes uint64) {
	for _, q := range p.queues {
		packets += q.Packets
		bytes += q.Bytes
	}
	return packets, bytes
}

// read returns what a query of statistics sees of the hardware's counters: they
// are read at once, or as of the last fold.
func (p *Port) read() *registers {
	if p.driver.foldsOnRead && p.cfg.linkUp() {
		return &p.regs
	}
	return &p.folded
}

// ixgbeLink models ixgbe_get_stats64: packets and bytes are live, the hardware's
// counters as of a fold (HW-22, HW-23).
func (p *Port) ixgbeLink(f *registers) mib.Link {
	var l mib.Link
	l.RXPackets, l.RXBytes = p.ringSums()
	l.Multicast = f.multicast
	l.RXErrors = f.crc + f.length
	l.RXLengthErrors = f.length
	l.RXCRCErrors = f.crc
	l.RXMissedErrors = f.missed
	return l
}

// foldedNow returns what a fold makes of the registers. It models
// ixgbe_update_stats: LXOFFRXC is left alone while receive pause is off, and
// keeps what it has counted (HW-27).
func (p *Port) foldedNow() registers {
	r := p.regs
	if !p.cfg.RXPause {
		r.xoffReceived = p.folded.xoffReceived
	}
	return r
}

// Fold adds the hardware's counters to the driver's, as the service task does
// and `ethtool -S` before it prints (HW-20).
func (p *Port) Fold() {
	p.folded = p.foldedNow()
	for _, q := range p.queues {
		q.noDescFolded = q.NoDesc
	}
}

// ixgbeStats models ixgbe_get_ethtool_stats, in the driver's order (4.6). The
// command folds first, so hardware counters are fresh (HW-30); here reading
// changes nothing.
func (p *Port) ixgbeStats(coreDropped uint64) []mib.NameValue {
	r := p.foldedNow()
	link := p.ixgbeLink(&r)
	var nonEOP, csum, noDesc, noPage, noBuff uint64
	for i, q := range p.queues {
		nonEOP += q.NonEOP
		csum += q.CsumErr
		noPage += q.AllocPageFailed
		noBuff += q.AllocBuffFailed
		if i < 16 { // QPRDC is read for 16 queues
			noDesc += q.NoDesc
		}
	}
	known := map[string]uint64{
		"rx_packets": link.RXPackets, "rx_bytes": link.RXBytes, "rx_pkts_nic": r.good, "rx_bytes_nic": r.goodBytes, "lsc_int": p.lsc,
		"non_eop_descs": nonEOP, "rx_errors": link.RXErrors, "rx_dropped": coreDropped, "multicast": r.multicast,
		"broadcast": r.broadcast, "rx_crc_errors": r.crc, "rx_missed_errors": r.missed,
		"rx_long_length_errors": r.oversize, "rx_short_length_errors": r.undersize,
		"tx_flow_control_xon": r.xon, "tx_flow_control_xoff": r.xoff, "rx_flow_control_xon": r.xonReceived, "rx_flow_control_xoff": r.xoffReceived,
		"rx_csum_offload_errors": csum, "rx_no_dma_resources": noDesc, "fdir_match": r.fdirMatch, "fdir_miss": r.fdirMiss,
		"alloc_rx_page_failed": uint64(uint32(noPage)), "alloc_rx_buff_failed": uint64(uint32(noBuff)), // HW-29
	}
	perQueue, of := ixgbeQueueNames, 2
	if p.profile.IxgbeBusyPoll {
		perQueue, of = ixgbeBusyPollNames, 5
	}
	out := make([]mib.NameValue, len(ethtoolNames)+len(perQueue))
	for i, name := range ethtoolNames {
		out[i] = mib.NameValue{Name: name, Value: known[name]}
	}
	rest := out[len(ethtoolNames):]
	for i, name := range perQueue {
		rest[i].Name = name
	}
	for i, q := range p.queues { // behind those of the transmit queues
		rest[(64+i)*of] = mib.NameValue{Name: fmt.Sprintf("rx_queue_%d_packets", i), Value: q.Packets}
		rest[(64+i)*of+1] = mib.NameValue{Name: fmt.Sprintf("rx_queue_%d_bytes", i), Value: q.Bytes}
		if of == 5 { // rx_queue_N_bp_poll_yield counts with bp_napi_yield (POLL-2)
			rest[i*of+2] = mib.NameValue{Name: fmt.Sprintf("tx_queue_%d_bp_napi_yield", i), Value: p.yields(i)}
			rest[(64+i)*of+3] = mib.NameValue{Name: fmt.Sprintf("rx_queue_%d_bp_misses", i), Value: q.BPMisses}
			rest[(64+i)*of+4] = mib.NameValue{Name: fmt.Sprintf("rx_queue_%d_bp_cleaned", i), Value: q.BPCleaned}
		}
	}
	return out
}

// Names of the lines for each queue and packet buffer, without and with those
// of busy polling. Making them took longer than everything else of a snapshot.
var (
	ixgbeQueueNames    = queueNames("packets bytes", "packets bytes")
	ixgbeBusyPollNames = queueNames("packets bytes bp_napi_yield bp_misses bp_cleaned", "packets bytes bp_poll_yield bp_misses bp_cleaned")
)

// queueNames returns the names for 64 transmit and 64 receive queues with their
// lines, and for eight packet buffers in each direction.
func queueNames(tx, rx string) (out []string) {
	for i := range 64 { // HW-28
		for s := range strings.FieldsSeq(tx) {
			out = append(out, fmt.Sprintf("tx_queue_%d_%s", i, s))
		}
	}
	for i := range 64 {
		for s := range strings.FieldsSeq(rx) {
			out = append(out, fmt.Sprintf("rx_queue_%d_%s", i, s))
		}
	}
	for _, dir := range []string{"tx", "rx"} {
		for i := range 8 {
			out = append(out, fmt.Sprintf("%s_pb_%d_pxon", dir, i), fmt.Sprintf("%s_pb_%d_pxoff", dir, i))
		}
	}
	return out
}

// yields is bp_napi_yield of a transmit ring: both kinds of a vector's, at the
// ring of the vector that was added last (POLL-2).
func (p *Port) yields(txRing int) uint64 {
	if txRing >= len(p.queues) {
		return 0
	}
	v := p.queues[txRing].vector
	if v.queues[len(v.queues)-1].index != txRing {
		return 0
	}
	return v.NAPIYields + v.PollYields
}

// ethtoolNames are the device-wide names (4.6).
var ethtoolNames = []string{
	"rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_pkts_nic", "tx_pkts_nic", "rx_bytes_nic", "tx_bytes_nic",
	"lsc_int", "tx_busy", "non_eop_descs", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped", "multicast", "broadcast",
	"rx_no_buffer_count", "collisions", "rx_over_errors", "rx_crc_errors", "rx_frame_errors", "hw_rsc_aggregated",
	"hw_rsc_flushed", "fdir_match", "fdir_miss", "fdir_overflow", "rx_fifo_errors", "rx_missed_errors",
	"tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors", "tx_heartbeat_errors", "tx_timeout_count",
	"tx_restart_queue", "rx_long_length_errors", "rx_short_length_errors", "tx_flow_control_xon",
	"rx_flow_control_xon", "tx_flow_control_xoff", "rx_flow_control_xoff", "rx_csum_offload_errors",
	"alloc_rx_page_failed", "alloc_rx_buff_failed", "rx_no_dma_resources", "os2bmc_rx_by_bmc", "os2bmc_tx_by_bmc",
	"os2bmc_tx_by_host", "os2bmc_rx_by_host",
}

// Ethtool returns what the other ethtool commands show.
func (p *Port) Ethtool() *mib.Ethtool {
	d := p.driver
	e := &mib.Ethtool{
		Driver: d.name, Version: d.version, FirmwareVersion: d.firmware, BusInfo: fmt.Sprintf("0000:%02x:00.0", 2+p.ifindex),
		RXMax: d.maxRing, RX: d.ringSize(&p.cfg), TXMax: d.maxRing, TX: d.txRing, RXUsecs: p.cfg.RXUsecs,
		AutonegPause: p.cfg.pauseAutoneg(), RXPause: p.cfg.RXPause, TXPause: p.cfg.TXPause,
		CombinedMax: d.maxChannels, Combined: len(p.queues), Other: 1,
		RXFlowHashPorts: p.cfg.UDPPortHash,
	}
	if p.cfg.MSI {
		e.CombinedMax, e.Other = 1, 0
	}
	if len(p.vectors) > len(p.queues) { // transmission has vectors of its own, which -C rx-usecs leaves alone
		e.TXUsecs = igbConservative
	}
	if d.setsIndirection {
		for _, q := range p.table {
			e.Indirection = append(e.Indirection, int(q))
		}
	}
	return e
}

// Missed and NoDescriptor return the frames lost in the FIFO and for want of a
// descriptor, fresh.
func (p *Port) Missed() uint64 { return p.regs.missed }

// NoDescriptor returns the frames discarded for want of a descriptor.
func (p *Port) NoDescriptor() (n uint64) {
	for _, q := range p.queues {
		n += q.NoDesc
	}
	return n
}
