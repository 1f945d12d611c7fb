package verify

import (
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

// enough is how long a replay waits for a host to come to rest.
const enough = 10 * 1_000_000_000_000

// settle lets everything happen that follows from what was sent.
func (w *world) settle() error {
	if !w.h.RunUntilIdle(enough) {
		return notReplayable("the host does not come to rest")
	}
	return nil
}

// A mark is the state of a world at one instant.
type mark struct {
	sim.Snapshot
	csum   uint64
	sender mib.Link
}

func (w *world) mark() mark {
	m := mark{Snapshot: w.h.Snapshot(), csum: w.h.ReaderChecksums()}
	if w.c.setup.Env.Kind == "veth" {
		m.sender, _ = w.h.Link(senderSpace, w.txPort)
	}
	return m
}

// delta is what has moved between two marks.
type delta struct {
	mib.Snapshot
	drops  counters
	sender mib.Link
}

func (w *world) since(before mark) delta {
	now := w.mark()
	d := delta{Snapshot: now.Snapshot.Snapshot.Sub(before.Snapshot.Snapshot)}
	d.drops = w.reasons(before, now)
	d.sender = mib.Link{TXPackets: now.sender.TXPackets - before.sender.TXPackets, TXBytes: now.sender.TXBytes - before.sender.TXBytes,
		TXDropped: now.sender.TXDropped - before.sender.TXDropped}
	return d
}

// rows are the rows of /proc/net/snmp and netstat that a case has one by one.
var rows = []string{"Udp", "Ip", "IpExt"}

// tree is a delta as cases have it.
func (w *world) tree(d delta) object {
	o := object{"other_nonzero": counters{}, "stats64_rx": counters{}, "softnet": object{}}
	for _, r := range rows {
		o[r] = counters{}
	}
	other := o["other_nonzero"].(counters)
	procfs.EachCounter(&d.Snapshot, func(file, _, name string, v uint64) {
		if file != "proc/net/snmp" && file != "proc/net/netstat" || v == 0 {
			return
		}
		row, field, _ := strings.Cut(name, ".")
		if slices.Contains(rows, row) {
			o[row].(counters)[field] = int64(v)
		} else if row != "UdpLite" {
			other[name] = int64(v)
		}
	})
	for k, v := range other { // Any order: every message has a type of its own.
		if t := icmpTypes[k]; t != "" {
			other["IcmpMsg."+t] = v
		}
	}
	for i := range d.Devices {
		switch dev := &d.Devices[i]; dev.Name {
		case w.c.setup.Env.RXDev:
			o["dev"], o["stats64_rx"] = devRow(&dev.Link), stats64(dev)
		case "vr1":
			o["dev2"] = devRow(&dev.Link)
		}
	}
	for i := range d.CPUs {
		s := &d.CPUs[i].Softnet
		o["softnet"].(object)[strconv.Itoa(i)] = moved(counters{
			"processed": int64(s.Processed), "dropped": int64(s.Dropped), "time_squeeze": int64(s.TimeSqueeze),
			"received_rps": int64(s.ReceivedRPS), "flow_limit": int64(s.FlowLimitCount)})
	}
	if w.c.noisyCPUs {
		o["softnet"] = ignored{}
	}
	return o
}

// icmpTypes are the columns of the row IcmpMsg that count what a column of Icmp
// does.
var icmpTypes = map[string]string{
	"Icmp.InDestUnreachs": "InType3", "Icmp.InTimeExcds": "InType11", "Icmp.InParmProbs": "InType12",
	"Icmp.OutDestUnreachs": "OutType3", "Icmp.OutTimeExcds": "OutType11", "Icmp.OutParmProbs": "OutType12",
}

// ignored stands for what a case recorded of other programs, too.
type ignored struct{}

// moved leaves out what is zero.
func moved(c counters) counters {
	for k, v := range c { // Any order: keys are independent.
		if v == 0 {
			delete(c, k)
		}
	}
	return c
}

// devRow is the row of a device in /proc/net/dev.
func devRow(l *mib.Link) counters {
	return moved(counters{
		"rx_bytes": int64(l.RXBytes), "rx_packets": int64(l.RXPackets), "rx_errs": int64(l.RXErrors),
		"rx_drop": int64(l.RXDropped + l.RXMissedErrors), "rx_fifo": int64(l.RXFIFOErrors),
		"rx_frame": int64(l.RXLengthErrors + l.RXCRCErrors), "rx_multicast": int64(l.Multicast),
		"tx_bytes": int64(l.TXBytes), "tx_packets": int64(l.TXPackets), "tx_drop": int64(l.TXDropped),
	})
}

// stats64 is what rtnetlink shows of a device beside that.
func stats64(d *mib.Device) counters {
	return moved(counters{"dropped": int64(d.Link.RXDropped), "missed_errors": int64(d.Link.RXMissedErrors), "otherhost": int64(d.RXOtherhostDropped)})
}

// memory is what SO_MEMINFO and /proc/net/udp show of a socket.
func (r *receiver) memory() object {
	m := r.MemInfo()
	return object{
		"SO_MEMINFO": object{"rmem_alloc": m.RmemAlloc, "rcvbuf": m.RcvBuf, "fwd_alloc": m.FwdAlloc, "backlog": m.Backlog, "drops": int64(m.Drops)},
		"proc_udp":   object{"rx_queue": r.RxQueueBytes(), "drops": int64(m.Drops)},
	}
}

func (w *world) memories() []any {
	out := []any{}
	for _, r := range w.rx {
		out = append(out, r.memory())
	}
	return out
}

// columns are lists of one number of each socket.
func (w *world) columns() object {
	rmem, queue, drops := []any{}, []any{}, []any{}
	for _, r := range w.rx {
		m := r.MemInfo()
		rmem = append(rmem, int64(m.RmemAlloc))
		queue = append(queue, int64(r.RxQueueBytes()))
		drops = append(drops, int64(m.Drops))
	}
	return object{"rmem_alloc": rmem, "rx_queue": queue, "drops": drops}
}

// drain reads everything and returns how much each socket had.
func (w *world) drain() []any {
	out := []any{}
	for _, r := range w.rx {
		n := int64(0)
		for {
			if _, err := r.Recv(); err != nil {
				break
			}
			n++
		}
		out = append(out, n)
	}
	return out
}

// runLengths codes rows that repeat: [count, values...].
func runLengths(rows [][]int64) []any {
	out := []any{}
	for i := 0; i < len(rows); {
		n := i
		for n < len(rows) && slices.Equal(rows[n], rows[i]) {
			n++
		}
		row := []any{int64(n - i)}
		for _, v := range rows[i] {
			row = append(row, v)
		}
		out = append(out, row)
		i = n
	}
	return out
}
