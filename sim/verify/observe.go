package verify

import (
	"slices"
	"strconv"
	"strings"
)

// observedKey reports whether a case recorded something under that name.
func (c *Case) observedKey(name string) bool {
	_, ok := c.observed[name]
	return ok
}

// rows are the rows of /proc/net/snmp and netstat that a case has one by one.
var rows = []string{"Udp", "Ip", "IpExt"}

// tree is a delta as cases have it.
func (w *world) tree(d delta) object {
	o := object{"other_nonzero": counters{}, "stats64_rx": counters{}, "softnet": object{}}
	for _, r := range rows {
		o[r] = counters{}
	}
	// Any order: every counter has a place of its own.
	for name, v := range d.net {
		row, field, _ := strings.Cut(name, ".")
		if slices.Contains(rows, row) {
			o[row].(counters)[field] = v
		} else if row != "UdpLite" {
			o["other_nonzero"].(counters)[name] = v
		}
	}
	rx := w.c.setup.Env.RXDev
	if dev := d.dev[rx]; dev != nil {
		o["dev"], o["stats64_rx"] = dev, d.stats64[rx]
	}
	if dev := d.dev[secondRX]; dev != nil {
		o["dev2"] = dev
	}
	for i, c := range d.softnet {
		o["softnet"].(object)[strconv.Itoa(i)] = c
	}
	if w.c.noisyCPUs {
		o["softnet"] = ignored{}
	}
	return o
}

// secondRX is the second device by which bursts arrive.
const secondRX = "vr1"

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

// memory is what SO_MEMINFO and /proc/net/udp show of a socket.
func (r *receiver) memory() object {
	m := r.MemInfo()
	queue, drops := r.ProcUDP()
	return object{
		"SO_MEMINFO": object{"rmem_alloc": m.RmemAlloc, "rcvbuf": m.RcvBuf, "fwd_alloc": m.FwdAlloc, "backlog": m.Backlog, "drops": int64(m.Drops)},
		"proc_udp":   object{"rx_queue": queue, "drops": int64(drops)},
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
		n, _ := r.ProcUDP()
		queue = append(queue, int64(n))
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
			if _, err := r.recv(); err != nil {
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

// shown are the drop reasons that a case can have; a recorder that shared its
// machine saw those of other programs, too.
func (w *world) shown(c counters) any {
	if w.c.noisyCPUs || c == nil {
		return ignored{}
	}
	return c
}
