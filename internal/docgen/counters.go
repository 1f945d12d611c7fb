package main

import (
	"fmt"
	"go/ast"
	"reflect"
	"slices"
	"strings"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// An entry is one counter of the page.
type entry struct {
	// id names the counter in the tables of this command: "snmp:Udp.InErrors", "statistics:rx_dropped". It is empty if no
	// file shows it.
	id string
	// name is the heading: the name in its file, or the Go name if no file shows it.
	name string
	// goName is where it is counted.
	goName string
	// text says what it counts, kernel where the kernel increments it.
	text, kernel string
	places       []place
}

// A section is the counters of one table.
type section struct {
	title, intro string
	entries      []entry
}

// A table is a struct of package mib whose fields are counters.
type table struct {
	name, title, intro string
	// of finds it in a snapshot.
	of func(*mib.Snapshot) any
}

// tables are in the order in which a packet meets them.
var tables = []table{
	{"Link", "The interface: statistics and /proc/net/dev",
		"The driver's numbers and the drops of the receive core. `ip -s link` and `ifconfig` show the same ones.",
		func(s *mib.Snapshot) any { return &s.Devices[1].Link }},
	{"Softnet", "A CPU: /proc/net/softnet_stat",
		"One line per CPU, in hexadecimal, without names.",
		func(s *mib.Snapshot) any { return &s.CPUs[0].Softnet }},
	{"CPU", "A CPU: interrupts, softirqs, the scheduler", "",
		func(s *mib.Snapshot) any { return &s.CPUs[0] }},
	{"IP", "IPv4: the Ip row of /proc/net/snmp",
		"From here on the kernel counts per network namespace: there is one number for all interfaces and CPUs.",
		func(s *mib.Snapshot) any { return &s.Net.IP }},
	{"Conntrack", "Connection tracking: /proc/net/stat/nf_conntrack",
		"One line per CPU, in hexadecimal, after the number of connections; the file is there only with connection tracking. No counter of IP has these losses.",
		func(s *mib.Snapshot) any { return &s.Conntrack[0] }},
	{"IPExt", "IPv4: the IpExt row of /proc/net/netstat", "", func(s *mib.Snapshot) any { return &s.Net.IPExt }},
	{"TCPExt", "IPv4: the TcpExt row of /proc/net/netstat", "", func(s *mib.Snapshot) any { return &s.Net.TCPExt }},
	{"ICMP", "ICMP: the Icmp row of /proc/net/snmp", "", func(s *mib.Snapshot) any { return &s.Net.ICMP }},
	{"UDP", "UDP: the Udp row of /proc/net/snmp",
		"`InErrors` is at least `InCsumErrors` + `RcvbufErrors`; `NoPorts` and `IgnoredMulti` are not part of it.",
		func(s *mib.Snapshot) any { return &s.Net.UDP }},
}

// increments separates what a counter's comment says from where the kernel
// increments it.
const increments = "Incremented in "

// sections returns every counter of the host, in path order.
func (m *module) sections() ([]section, error) {
	p, err := m.pkg("sim/mib")
	if err != nil {
		return nil, err
	}
	out := []section{driverSection()}
	for i := range tables {
		s, err := p.section(&tables[i])
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	out[3].entries = append([]entry{netRX()}, out[3].entries...) // before what else a CPU counts
	out = slices.Insert(out, 1, igbSection())
	return append(out, socketSection()), nil
}

// section reads the counters of a table from their declaration.
func (p *pkg) section(t *table) (section, error) {
	spec := p.structType(t.name)
	if spec == nil {
		return section{}, fmt.Errorf("%s: no struct %s", p.dir, t.name)
	}
	s := section{title: t.title, intro: t.intro}
	var err error
	eachField(spec, func(name string, f *ast.Field) {
		text := oneLine(f.Doc.Text())
		if !strings.HasPrefix(text, name+" counts ") {
			return // a level, or a table of its own
		}
		e := entry{name: name, goName: "mib." + t.name + "." + name}
		e.text, e.kernel, _ = strings.Cut(text, increments)
		e.text = capital(strings.TrimPrefix(strings.TrimSpace(e.text), name+" "))
		e.kernel = strings.TrimSuffix(e.kernel, ".")
		set := func(s *mib.Snapshot, v uint64) {
			reflect.ValueOf(t.of(s)).Elem().FieldByName(name).SetUint(v)
		}
		if e.places, err = find(set); err != nil {
			return
		}
		if e.id = identify(set); e.id != "" {
			_, e.name, _ = strings.Cut(e.id, ":")
		}
		s.entries = append(s.entries, e)
	})
	return s, err
}

// structType returns the declaration of a struct of the package, nil if there
// is none.
func (p *pkg) structType(name string) (st *ast.StructType) {
	for _, f := range p.files {
		ast.Inspect(f.File, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == name {
				st, _ = spec.Type.(*ast.StructType)
			}
			return st == nil
		})
	}
	return st
}

// netRX is the one row of /proc/softirqs that receiving moves.
func netRX() entry {
	set := func(s *mib.Snapshot, v uint64) { s.CPUs[0].Softirqs[mib.SoftirqNetRX] = v }
	e := entry{
		id: "softirqs:NET_RX", name: "NET_RX", goName: "mib.CPU.Softirqs",
		text:   "Counts runs of net_rx_action: not interrupts, and not packets (SIRQ-7). The other rows count their softirqs alike.",
		kernel: "kernel/softirq.c:__do_softirq (SIRQ-1)",
	}
	e.places, _ = find(set) // TestNetRX finds it
	return e
}

// socketSection is what a socket counts.
func socketSection() section {
	drops := entry{
		id: "udp:drops", name: "drops", goName: "socket.Sock.Drops",
		text: "Counts datagrams that this socket refused or lost, whatever the reason: `sk_drops`. " +
			"Not what never found the socket. It is never reset, and ends with the socket.",
		kernel: "net/ipv4/udp.c:__udp_queue_rcv_skb, udp_queue_rcv_skb; net/core/sock.c:sock_queue_rcv_skb; net/core/datagram.c:skb_kill_datagram (section 4.5)",
	}
	drops.places, _ = find(func(s *mib.Snapshot, v uint64) { s.Sockets[0].Drops = v })
	return section{
		title: "A socket: /proc/net/udp, and packet sockets",
		intro: "One line per UDP socket. The column `rx_queue` is no counter but a level: bytes of truesize that are charged to the receive buffer.",
		entries: []entry{drops, {
			name: "tp_drops", goName: "ipstack.Tap.Drops",
			text: "Counts packets that a packet socket (a tap, such as tcpdump's) lost because its buffer was full. No file shows it: the " +
				"program asks for it with PACKET_STATISTICS. A tap's drop is no loss of the host: the packet itself goes on (CORE-35).",
			kernel: "net/packet/af_packet.c:packet_rcv (CORE-31)",
		}},
	}
}
