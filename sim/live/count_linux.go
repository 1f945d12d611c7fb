package live

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Counters is the state of what the kernel counts.
type Counters struct {
	// Net holds the rows of /proc/net/snmp and netstat: Udp.InErrors.
	Net map[string]int64
	// Dev holds the rows of /proc/net/dev, Stats64 what rtnetlink has beside them, by device.
	Dev, Stats64 map[string]map[string]int64
	// Softnet is /proc/net/softnet_stat by CPU. It is of the whole machine.
	Softnet []map[string]int64
	// Reasons is how often kfree_skb was called, by reason.
	Reasons map[string]int64
	// Sender is the row of the sender's device.
	Sender map[string]int64
}

// netFile is a file of the thread's network namespace.
func netFile(name string) string { return "/proc/thread-self/net/" + name }

func (n *Net) read(name string) []byte {
	data, err := os.ReadFile(netFile(name))
	n.fail(name, err)
	return data
}

// Counters reads all counters.
func (n *Net) Counters() *Counters {
	c := &Counters{Net: map[string]int64{}, Stats64: map[string]map[string]int64{}}
	for _, f := range []string{"snmp", "netstat"} {
		Rows(n.read(f), c.Net)
	}
	c.Dev = Devices(n.read("dev"))
	for name := range c.Dev { // Any order: devices are different.
		c.Stats64[name] = n.stats64(name)
	}
	var err error
	if c.Softnet, _, err = Softnet(n.read("softnet_stat")); err != nil {
		n.fail("softnet_stat", err)
	}
	if n.cfg.Kind == "veth" {
		n.fail("setns", n.inSender(func() error {
			c.Sender = Devices(n.read("dev"))[senderDevice]
			return nil
		}))
	}
	if n.trace != nil {
		c.Reasons = n.trace.counts()
	}
	return c
}

// Rows reads pairs of lines: names, and their values.
func Rows(data []byte, out map[string]int64) {
	lines := strings.Split(string(data), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for k := 1; k < min(len(names), len(values)); k++ {
			v, err := strconv.ParseInt(values[k], 10, 64)
			if err == nil {
				out[strings.TrimSuffix(names[0], ":")+"."+names[k]] = v
			}
		}
	}
}

// devColumns are those of /proc/net/dev that cases have; "" is one that they have not.
var devColumns = []string{"rx_bytes", "rx_packets", "rx_errs", "rx_drop", "rx_fifo", "rx_frame", "", "rx_multicast", "tx_bytes", "tx_packets", "", "tx_drop"}

// Devices reads the rows of /proc/net/dev.
func Devices(data []byte) map[string]map[string]int64 {
	out := map[string]map[string]int64{}
	for line := range strings.Lines(string(data)) {
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		row := map[string]int64{}
		for i, f := range strings.Fields(rest) {
			if i < len(devColumns) && devColumns[i] != "" {
				row[devColumns[i]], _ = strconv.ParseInt(f, 10, 64)
			}
		}
		out[strings.TrimSpace(name)] = row
	}
	return out
}

// Softnet reads /proc/net/softnet_stat, and says how many columns it has. A row
// may lack CPUs that are not online.
func Softnet(data []byte) (rows []map[string]int64, columns int, err error) {
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		at := func(i int) int64 {
			if i >= len(f) {
				return 0
			}
			v, e := strconv.ParseUint(f[i], 16, 32)
			if e != nil {
				err = fmt.Errorf("%q is no number of eight digits", f[i])
			}
			return int64(v)
		}
		cpu := len(rows)
		if len(f) >= 13 {
			cpu = int(at(12))
		}
		if cpu > 1<<16 {
			return nil, 0, fmt.Errorf("CPU %d", cpu)
		}
		for len(rows) <= cpu {
			rows = append(rows, map[string]int64{})
		}
		rows[cpu] = map[string]int64{"processed": at(0), "dropped": at(1), "time_squeeze": at(2), "received_rps": at(9), "flow_limit": at(10)}
		columns = len(f)
	}
	return rows, columns, err
}

// stats64 reads what rtnetlink shows of a device.
func (n *Net) stats64(device string) map[string]int64 {
	l, err := n.link.LinkByName(device)
	if err != nil {
		n.fail("rtnetlink "+device, err)
		return nil
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(l.Attrs().Index)
	req.AddData(msg)
	answers, err := req.Execute(unix.NETLINK_ROUTE, 0)
	if err != nil || len(answers) == 0 {
		n.fail("RTM_GETLINK", err)
		return nil
	}
	attrs, err := nl.ParseRouteAttr(answers[0][unix.SizeofIfInfomsg:])
	n.fail("RTM_GETLINK", err)
	out := map[string]int64{}
	for _, a := range attrs {
		if a.Attr.Type == unix.IFLA_STATS64 {
			for name, i := range stats64Fields { // Any order: every field has a name of its own.
				if len(a.Value) >= 8*(i+1) {
					out[name] = int64(binary.NativeEndian.Uint64(a.Value[8*i:]))
				}
			}
		}
	}
	return out
}

// stats64Fields are places in struct rtnl_link_stats64.
var stats64Fields = map[string]int{"dropped": 6, "missed_errors": 15, "otherhost": 24}

// InDatagrams is Udp.InDatagrams.
func (n *Net) InDatagrams() uint64 {
	c := map[string]int64{}
	Rows(n.read("snmp"), c)
	return uint64(c["Udp.InDatagrams"])
}

// ProcUDP reads a socket's row of /proc/net/udp.
func (s *Socket) ProcUDP() (rxQueue int, drops uint64) {
	inode := strconv.FormatUint(s.inode, 10)
	for line := range bytes.Lines(s.n.read("udp")) {
		f := strings.Fields(string(line))
		if len(f) >= 13 && f[9] == inode {
			_, rx, _ := strings.Cut(f[4], ":")
			q, err1 := strconv.ParseUint(rx, 16, 32)
			d, err2 := strconv.ParseUint(f[12], 10, 64)
			s.n.fail("/proc/net/udp", err1)
			s.n.fail("/proc/net/udp", err2)
			return int(q), d
		}
	}
	s.n.fail("/proc/net/udp", fmt.Errorf("no row with inode %s", inode))
	return 0, 0
}

// pulse sums what moves while packets are on their way.
func (n *Net) pulse() (sum int64) {
	c := map[string]int64{}
	Rows(n.read("snmp"), c)
	Rows(n.read("netstat"), c)
	for _, k := range []string{"Ip.InReceives", "Ip.InDelivers", "Ip.OutRequests", "IpExt.InOctets", "IpExt.InMcastPkts", "Udp.InErrors", "Ip.ReasmReqds", "Ip.ReasmFails"} {
		sum += c[k]
	}
	for _, row := range Devices(n.read("dev")) { // Any order: a sum.
		sum += row["rx_packets"] + row["rx_drop"] + row["tx_packets"]
	}
	return sum
}
