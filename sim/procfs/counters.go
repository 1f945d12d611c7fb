package procfs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// A View is the counters of a snapshot under the names that an operator knows:
// file, then kernel name. Files are in the order of their paths.
//
// Its JSON is an object of files. A file is an object of integers under kernel
// names, or, if it has rows, an array of such objects, each with the labels of
// its row. All keys are sorted.
type View []File

// A File is the counters of one file.
type File struct {
	// Path is a path in the tree of [FS]: "proc/net/snmp".
	Path string
	// PerRow says that the file has a row per CPU, device, interrupt or socket; otherwise Rows has one element without labels.
	PerRow bool
	Rows   []Row
}

// A Row is the counters of one CPU, device, interrupt or socket, or of a file
// without such rows.
type Row struct {
	// Object names the row in its file: "0" for CPU 0, "eth0", "67", "239.1.0.1:5001/18231" (address and inode of a
	// socket). It is empty in a file without rows.
	Object string
	// Labels say in words what the row is; they are not counters.
	Labels []Label
	// Counters are in the order of the file's columns.
	Counters []mib.NameValue
}

// A Label is a property of a row: {"cpu", 0}, {"device", "eth0"}. Value is an
// int, a uint64 or a string.
type Label struct {
	Name  string
	Value any
}

// Counters returns the counters of s. Only what the model can move is in it: a
// column that always shows an idle host's value is not.
//
// Values have the model's 64 bits, not the width of the file: where
// softnet_stat or interrupts wrap at 2^32, these do not, so that differences
// and rates are right. Names are the kernel's, with the name of the row or half
// before them where the file has several: "Udp.InErrors" of proc/net/snmp,
// "Receive.drop" of proc/net/dev, "UDP.mem" of proc/net/sockstat, "cpu0.softirq"
// of proc/stat. A column without a name in its file, as in softnet_stat, has
// that of its variable.
func Counters(s *mib.Snapshot) View { return view(s, "") }

// CountersOf returns the counters of one file of s, the file of that path, with
// the work for one; nothing if there is none.
func CountersOf(s *mib.Snapshot, path string) View { return view(s, path) }

// view returns the counters of the file of that path, or of all if it is empty.
func view(s *mib.Snapshot, only string) (v View) {
	add := func(path string, perRow bool, rows func() []Row) {
		if only == "" || only == path {
			v = append(v, File{path, perRow, rows()})
		}
	}
	flat := func(path string, counters func() []mib.NameValue) {
		add(path, false, func() []Row { return []Row{{Counters: counters()}} })
	}
	flat("proc/net/netstat", func() []mib.NameValue { return slices.Concat(named("TcpExt.", &s.Net.TCPExt), netstatIPExt(s)) })
	flat("proc/net/snmp", func() []mib.NameValue { return slices.Concat(snmpIP(s), snmpICMP(s), snmpUDP(s)) })
	flat("proc/net/sockstat", func() []mib.NameValue { return sockstatCounters(s) })
	flat("proc/stat", func() []mib.NameValue { return statCounters(s) })
	add("proc/interrupts", true, func() []Row { return interruptRows(s) })
	add("proc/net/dev", true, func() []Row { return devRows(s) })
	add("proc/net/softnet_stat", true, func() []Row { return cpuRows(s, softnetCounters) })
	add("proc/net/udp", true, func() []Row { return udpSockets(s) })
	add("proc/softirqs", true, func() []Row { return cpuRows(s, softirqCounters) })
	if s.Conntrack != nil {
		add("proc/net/stat/nf_conntrack", true, func() []Row { return conntrackRows(s) })
	}
	for i := range s.Devices {
		d := &s.Devices[i]
		flat("sys/class/net/"+d.Name+"/statistics", func() []mib.NameValue { return named("", &d.Link) })
		if len(d.Stats) > 0 {
			flat("ethtool/"+d.Name+"/S", func() []mib.NameValue { return d.Stats })
		}
	}
	slices.SortStableFunc(v, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return v
}

// EachCounter calls f with every counter of s, in the order of [Counters]: the
// rows of the CSV long table. object is empty in a file without rows.
func EachCounter(s *mib.Snapshot, f func(file, object, name string, value uint64)) {
	Counters(s).each(f)
}

func (v View) each(f func(file, object, name string, value uint64)) {
	for _, file := range v {
		for _, row := range file.Rows {
			for _, c := range row.Counters {
				f(file.Path, row.Object, c.Name, c.Value)
			}
		}
	}
}

// EachCounterOf is EachCounter of one file.
func EachCounterOf(s *mib.Snapshot, path string, f func(object, name string, value uint64)) {
	CountersOf(s, path).each(func(_, object, name string, value uint64) { f(object, name, value) })
}

// Sum returns the counter of that name in that file, summed over the file's
// rows, and whether there is one: v.Sum("proc/net/snmp", "Udp.InErrors").
func (v View) Sum(file, name string) (sum uint64, ok bool) {
	for _, f := range v {
		if f.Path != file {
			continue
		}
		for _, row := range f.Rows {
			for _, c := range row.Counters {
				if c.Name == name {
					sum += c.Value
					ok = true
				}
			}
		}
	}
	return sum, ok
}

// MarshalJSON implements [json.Marshaler].
func (v View) MarshalJSON() ([]byte, error) {
	files := make(map[string]any, len(v)) // encoding/json sorts the keys of maps
	for _, f := range v {
		rows := make([]map[string]any, len(f.Rows))
		for i, r := range f.Rows {
			rows[i] = r.object()
		}
		if f.PerRow {
			files[f.Path] = rows
		} else {
			files[f.Path] = rows[0]
		}
	}
	return json.Marshal(files)
}

func (r *Row) object() map[string]any {
	m := make(map[string]any, len(r.Labels)+len(r.Counters))
	for _, l := range r.Labels {
		m[l.Name] = l.Value
	}
	for _, c := range r.Counters {
		m[c.Name] = c.Value
	}
	return m
}

// cpuRows returns a row per CPU.
func cpuRows(s *mib.Snapshot, counters func(*mib.Snapshot, int) []mib.NameValue) []Row {
	rows := make([]Row, len(s.CPUs))
	for cpu := range s.CPUs {
		rows[cpu] = Row{strconv.Itoa(cpu), []Label{{"cpu", cpu}}, counters(s, cpu)}
	}
	return rows
}

// netstatIPExt returns the IpExt row in the width of this kernel.
func netstatIPExt(s *mib.Snapshot) []mib.NameValue {
	shown := ipExtColumns(s)
	return slices.DeleteFunc(named("IpExt.", &s.Net.IPExt), func(c mib.NameValue) bool { return !slices.Contains(shown, strings.TrimPrefix(c.Name, "IpExt.")) })
}

func conntrackRows(s *mib.Snapshot) []Row {
	rows := make([]Row, len(s.Conntrack))
	for cpu := range s.Conntrack {
		rows[cpu] = Row{strconv.Itoa(cpu), []Label{{"cpu", cpu}}, named("", &s.Conntrack[cpu])}
	}
	return rows
}

// snmpIP returns the Ip row in the width of this kernel.
func snmpIP(s *mib.Snapshot) []mib.NameValue {
	return slices.DeleteFunc(named("Ip.", &s.Net.IP), func(c mib.NameValue) bool { return !s.OutTransmits && c.Name == "Ip.OutTransmits" })
}

// snmpICMP returns the Icmp row in the width of this kernel.
func snmpICMP(s *mib.Snapshot) []mib.NameValue {
	shown := icmpColumns(s).columns
	return slices.DeleteFunc(named("Icmp.", &s.Net.ICMP), func(c mib.NameValue) bool { return !slices.Contains(shown, strings.TrimPrefix(c.Name, "Icmp.")) })
}

// snmpUDP returns the Udp row in the width of this kernel (K310-9).
func snmpUDP(s *mib.Snapshot) []mib.NameValue {
	return slices.DeleteFunc(named("Udp.", &s.Net.UDP), func(c mib.NameValue) bool {
		return s.NoIgnoredMulti && c.Name == "Udp.IgnoredMulti" || !s.MemErrors && c.Name == "Udp.MemErrors"
	})
}

func softnetCounters(s *mib.Snapshot, cpu int) []mib.NameValue {
	c := &s.CPUs[cpu]
	out := named("", &c.Softnet)
	if s.SoftnetColumns < 11 {
		out = slices.DeleteFunc(out, func(c mib.NameValue) bool { return c.Name == "flow_limit_count" })
	}
	if s.SoftnetColumns >= 13 {
		out = append(out, mib.NameValue{Name: "backlog_len", Value: c.BacklogLen})
	}
	if s.SoftnetColumns >= 15 {
		out = append(out,
			mib.NameValue{Name: "input_qlen", Value: c.InputQueueLen},
			mib.NameValue{Name: "process_qlen", Value: c.BacklogLen - c.InputQueueLen})
	}
	return out
}

func softirqCounters(s *mib.Snapshot, cpu int) []mib.NameValue {
	out := make([]mib.NameValue, mib.NumSoftirqs)
	for i, name := range mib.SoftirqNames {
		out[i] = mib.NameValue{Name: name, Value: s.CPUs[cpu].Softirqs[i]}
	}
	return out
}

func sockstatCounters(s *mib.Snapshot) []mib.NameValue {
	return []mib.NameValue{
		{Name: "sockets.used", Value: uint64(s.SocketsUsed)},
		{Name: "UDP.inuse", Value: uint64(len(s.Sockets))},
		{Name: "UDP.mem", Value: uint64(s.UDPMemPages)},
		{Name: "FRAG.inuse", Value: uint64(fragInUse(s))},
		{Name: "FRAG.memory", Value: uint64(s.FragMemory)},
	}
}

// statCounters returns the lines of /proc/stat: of a cpu line the columns that
// the model moves, of the intr and softirq lines the total.
func statCounters(s *mib.Snapshot) []mib.NameValue {
	var out []mib.NameValue
	add := func(line string, times *cpuTimes) {
		for _, i := range []int{cpuUser, cpuSystem, cpuIdle, cpuIRQ, cpuSoftirq} {
			out = append(out, mib.NameValue{Name: line + "." + cpuTimeNames[i], Value: uint64(times[i].ticks())})
		}
	}
	add("cpu", allCPUTimes(s))
	for i := range s.CPUs {
		var one cpuTimes
		one.add(&s.CPUs[i].Time)
		add(fmt.Sprintf("cpu%d", i), &one)
	}
	softirqs := uint64(0)
	for cpu := range s.CPUs {
		for _, count := range s.CPUs[cpu].Softirqs {
			softirqs += count
		}
	}
	return append(out,
		mib.NameValue{Name: "intr", Value: interrupts(s, math.MaxUint64)},
		mib.NameValue{Name: "ctxt", Value: contextSwitches(s)},
		mib.NameValue{Name: "processes", Value: s.Processes},
		mib.NameValue{Name: "procs_running", Value: uint64(s.ProcsRunning)},
		mib.NameValue{Name: "softirq", Value: softirqs})
}

// interruptRows returns the rows of /proc/interrupts: those of devices, and
// those of the CPU that the model moves.
func interruptRows(s *mib.Snapshot) []Row {
	rows := []Row{}
	add := func(irq, name string, count func(cpu int) uint64) {
		row := Row{Object: irq, Labels: []Label{{"irq", irq}, {"name", name}}}
		for cpu := range s.CPUs {
			row.Counters = append(row.Counters, mib.NameValue{Name: fmt.Sprintf("CPU%d", cpu), Value: count(cpu)})
		}
		rows = append(rows, row)
	}
	for _, irq := range shownIRQs(s) {
		add(strconv.Itoa(irq.Number), irq.Name, func(cpu int) uint64 { return irqCount(irq, cpu) })
	}
	for i := range archRows {
		if r := &archRows[i]; r.count != nil {
			add(r.label, r.description, func(cpu int) uint64 { return r.count(&s.CPUs[cpu]) })
		}
	}
	return rows
}

// devRows returns the receive half of /proc/net/dev; nothing is sent.
func devRows(s *mib.Snapshot) []Row {
	rows := make([]Row, len(s.Devices))
	for i := range s.Devices {
		d := &s.Devices[i]
		link := values(&d.Link)
		rows[i] = Row{Object: d.Name, Labels: []Label{{"device", d.Name}}}
		for _, c := range devReceive {
			if c.name != "compressed" {
				rows[i].Counters = append(rows[i].Counters, mib.NameValue{Name: "Receive." + c.name, Value: c.sum(link)})
			}
		}
	}
	return rows
}

// udpSockets returns the rows of /proc/net/udp. Addresses are written as people
// write them.
func udpSockets(s *mib.Snapshot) []Row {
	rows := make([]Row, len(s.Sockets))
	for i := range s.Sockets {
		k := &s.Sockets[i]
		local := addrPort(k.Local, k.LocalPort)
		rows[i] = Row{
			Object: fmt.Sprintf("%s/%d", local, k.Inode),
			Labels: []Label{{"sl", int(k.Bucket)}, {"local_address", local}, {"rem_address", addrPort(k.Remote, k.RemotePort)},
				{"inode", k.Inode}, {"name", k.Name}},
			Counters: []mib.NameValue{{Name: "rx_queue", Value: uint64(k.RxQueue)}, {Name: "drops", Value: k.Drops}},
		}
	}
	return rows
}

func addrPort(addr uint32, port uint16) string {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(addr >> 24), byte(addr >> 16), byte(addr >> 8), byte(addr)}), port).String()
}
