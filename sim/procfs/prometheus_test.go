//go:build linux

package procfs_test

import (
	"fmt"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	prom "github.com/prometheus/procfs"
	promsys "github.com/prometheus/procfs/sysfs"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// The tests of this file let another project's parsers read the tree, and
// compare what they understood with the snapshot.

// readable returns the fixture with no socket whose drops the kernel would
// print as negative: this parser refuses them.
func readable() *mib.Snapshot {
	s := host()
	for i := range s.Sockets {
		s.Sockets[i].Drops &= 1<<31 - 1
	}
	return s
}

func promFS(t *testing.T, s *mib.Snapshot) (prom.FS, prom.Proc) {
	t.Helper()
	tree, err := prom.NewFS(filepath.Join(copyTree(t, s), "proc"))
	require.NoError(t, err)
	proc, err := tree.Proc(1)
	require.NoError(t, err)
	return tree, proc
}

// sameFields compares every counter of a mib struct with the field of that name.
func sameFields(t *testing.T, counters, parsed any) {
	t.Helper()
	c, p := reflect.ValueOf(counters), reflect.ValueOf(parsed)
	for i := range c.NumField() {
		name := c.Type().Field(i).Tag.Get("kernel")
		got := p.FieldByName(name)
		if (name == "MemErrors" || name == "ReasmOverlaps" || name == "OutTransmits" || strings.HasPrefix(name, "OutRateLimit")) && !got.IsValid() {
			continue // younger than the library
		}
		require.True(t, got.IsValid() && !got.IsNil(), "%s was not read", name)
		require.Equal(t, float64(c.Field(i).Uint()), got.Elem().Float(), name)
	}
}

func TestPrometheusSoftnet(t *testing.T) {
	for _, columns := range []int{10, 11, 13, 15} {
		s := host()
		s.SoftnetColumns = columns
		tree, _ := promFS(t, s)
		got, err := tree.NetSoftnetStat()
		require.NoError(t, err)
		require.Len(t, got, 2)
		for i := range got {
			c := &s.CPUs[i]
			want := prom.SoftnetStat{
				Processed: uint32(c.Softnet.Processed), Dropped: uint32(c.Softnet.Dropped), TimeSqueezed: uint32(c.Softnet.TimeSqueeze),
				ReceivedRps: uint32(c.Softnet.ReceivedRPS), Index: uint32(i), Width: columns,
			}
			if columns >= 11 {
				want.FlowLimitCount = uint32(c.Softnet.FlowLimitCount)
			}
			if columns >= 13 {
				want.SoftnetBacklogLen = uint32(c.BacklogLen)
			}
			require.Equal(t, want, got[i])
		}
	}
}

func TestPrometheusSNMP(t *testing.T) {
	s := host()
	_, proc := promFS(t, s)
	got, err := proc.Snmp()
	require.NoError(t, err)
	sameFields(t, s.Net.IP, got.Ip)
	sameFields(t, s.Net.ICMP, got.Icmp)
	sameFields(t, s.Net.UDP, got.Udp)
	require.Equal(t, 403.0, *got.IcmpMsg.OutType3)
	require.Equal(t, 2.0, *got.Ip.Forwarding)
	require.Equal(t, -1.0, *got.Tcp.MaxConn)
	require.Equal(t, 0.0, *got.UdpLite.IgnoredMulti)
}

func TestPrometheusNetstat(t *testing.T) {
	s := host()
	_, proc := promFS(t, s)
	got, err := proc.Netstat()
	require.NoError(t, err)
	sameFields(t, s.Net.IPExt, got.IpExt)
	sameFields(t, s.Net.TCPExt, got.TcpExt)
}

func TestPrometheusDev(t *testing.T) {
	s := host()
	tree, proc := promFS(t, s)
	for _, read := range []func() (prom.NetDev, error){tree.NetDev, proc.NetDev} {
		got, err := read()
		require.NoError(t, err)
		require.Len(t, got, len(s.Devices))
		for _, d := range s.Devices {
			l := &d.Link
			require.Equal(t, prom.NetDevLine{
				Name: d.Name, RxBytes: l.RXBytes, RxPackets: l.RXPackets, RxErrors: l.RXErrors,
				RxDropped: l.RXDropped + l.RXMissedErrors, RxFIFO: l.RXFIFOErrors,
				RxFrame: l.RXLengthErrors + l.RXCRCErrors, RxMulticast: l.Multicast,
				TxBytes: l.TXBytes, TxPackets: l.TXPackets, TxDropped: l.TXDropped,
			}, got[d.Name])
		}
	}
}

func TestPrometheusUDP(t *testing.T) {
	s := readable()
	tree, _ := promFS(t, s)
	got, err := tree.NetUDP()
	require.NoError(t, err)
	require.Len(t, got, len(s.Sockets))
	for i, k := range s.Sockets {
		g := got[i]
		require.Equal(t, uint64(k.Bucket), g.Sl)
		require.Equal(t, ipv4(k.Local), g.LocalAddr.String())
		require.Equal(t, uint64(k.LocalPort), g.LocalPort)
		require.Equal(t, ipv4(k.Remote), g.RemAddr.String())
		require.Equal(t, uint64(k.RemotePort), g.RemPort)
		require.Equal(t, map[bool]uint64{false: 7, true: 1}[k.Connected], g.St)
		require.Zero(t, g.TxQueue)
		require.Equal(t, uint64(k.RxQueue), g.RxQueue)
		require.Equal(t, uint64(k.UID), g.UID)
		require.Equal(t, k.Inode, g.Inode)
		require.Equal(t, k.Drops, *g.Drops)
	}
	sum, err := tree.NetUDPSummary()
	require.NoError(t, err)
	require.Equal(t, uint64(213248+896), sum.RxQueueLength)
	require.Equal(t, uint64(17+5), *sum.Drops)
}

func ipv4(a uint32) string { return net.IPv4(byte(a>>24), byte(a>>16), byte(a>>8), byte(a)).String() }

func TestPrometheusSockstat(t *testing.T) {
	s := host()
	tree, _ := promFS(t, s)
	got, err := tree.NetSockstat()
	require.NoError(t, err)
	require.Equal(t, s.SocketsUsed, *got.Used)
	rows := map[string]prom.NetSockstatProtocol{}
	for _, p := range got.Protocols {
		rows[p.Protocol] = p
	}
	require.Len(t, rows, 5)
	require.Equal(t, len(s.Sockets), rows["UDP"].InUse)
	require.Equal(t, s.UDPMemPages, *rows["UDP"].Mem)
	require.Equal(t, 1, rows["FRAG"].InUse)
	require.Equal(t, s.FragMemory, *rows["FRAG"].Memory)
}

func TestPrometheusInterrupts(t *testing.T) {
	s := host()
	_, proc := promFS(t, s)
	got, err := proc.Interrupts()
	require.NoError(t, err)
	require.Len(t, got, 3+15)
	require.Equal(t, prom.Interrupt{Info: "PCI-MSI-edge", Devices: "eth0-TxRx-1", Values: []string{"5001", "5002"}}, got["68"])
	require.Equal(t, prom.Interrupt{Info: "PCI-MSI-edge", Devices: "eth0-TxRx-0", Values: []string{"12345", "0"}}, got["67"])
	for label, count := range map[string]func(*mib.CPU) uint64{
		"LOC": func(c *mib.CPU) uint64 { return c.LocalTimer },
		"RES": func(c *mib.CPU) uint64 { return c.Reschedule },
		"CAL": func(c *mib.CPU) uint64 { return c.CallFunction },
	} {
		for i, v := range got[label].Values {
			require.Equal(t, fmt.Sprint(uint32(count(&s.CPUs[i]))), v)
		}
	}
}

func TestPrometheusSoftirqs(t *testing.T) {
	s := host()
	tree, _ := promFS(t, s)
	got, err := tree.Softirqs()
	require.NoError(t, err)
	for i, row := range [][]uint64{got.Hi, got.Timer, got.NetTx, got.NetRx, got.Block, nil, got.Tasklet, got.Sched, got.HRTimer, got.RCU} {
		if i == mib.SoftirqBlockIOPoll {
			require.Empty(t, got.IRQPoll) // it knows the newer name only
			continue
		}
		require.Len(t, row, len(s.CPUs), mib.SoftirqNames[i])
		for cpu, v := range row {
			require.Equal(t, uint64(uint32(s.CPUs[cpu].Softirqs[i])), v)
		}
	}
}

func TestPrometheusStat(t *testing.T) {
	s := host()
	tree, _ := promFS(t, s)
	got, err := tree.Stat()
	require.NoError(t, err)
	require.Len(t, got.CPU, len(s.CPUs))
	for i, c := range s.CPUs {
		seconds := func(ps int64) float64 { return float64(ps/tick) / 100 }
		require.Equal(t, prom.CPUStat{
			User: seconds(c.Time.User), System: seconds(c.Time.System), Idle: seconds(c.Time.Idle), IRQ: seconds(c.Time.Hardirq),
			SoftIRQ: seconds(c.Time.Softirq + c.Time.Ksoftirqd),
		}, got.CPU[int64(i)])
	}
	require.Equal(t, 34.07, got.CPUTotal.Idle) // 12.039999... and 22.03
	require.Zero(t, got.BootTime)
	require.Equal(t, s.Processes, got.ProcessCreated)
	require.Equal(t, uint64(s.ProcsRunning), got.ProcessesRunning)
	require.Equal(t, uint64(1604+2604), got.ContextSwitches)
	require.Len(t, got.IRQ, s.NrIRQs)
	require.Equal(t, uint64(12345), got.IRQ[67])
	require.Equal(t, uint64(5001+5002), got.IRQ[68])
	require.Equal(t, uint64(12345+5001+1<<32+5002+5003+5004)+1601+1602+1603+2601+2602+2603, got.IRQTotal)
	require.Equal(t, prom.SoftIRQStat{Hi: 3202, Timer: 3204, NetTx: 3206, NetRx: 3208, Block: 3210, BlockIoPoll: 3212,
		Tasklet: 3214, Sched: 3216, Hrtimer: 3218, Rcu: 3220}, got.SoftIRQ)
	require.Equal(t, uint64(3202+3204+3206+3208+3210+3212+3214+3216+3218+3220), got.SoftIRQTotal)
}

func TestPrometheusNetClass(t *testing.T) {
	s := host()
	tree, err := promsys.NewFS(filepath.Join(copyTree(t, s), "sys"))
	require.NoError(t, err)
	got, err := tree.NetClass()
	require.NoError(t, err)
	require.Len(t, got, 2)
	eth0, lo := got["eth0"], got["lo"]
	require.Equal(t, "02:01:a0:b0:c0:10", eth0.Address)
	require.Equal(t, "up", eth0.OperState)
	require.Equal(t, "full", eth0.Duplex)
	require.Equal(t, int64(10000), *eth0.Speed)
	require.Equal(t, int64(1500), *eth0.MTU)
	require.Equal(t, int64(2), *eth0.IfIndex)
	require.Equal(t, int64(0x1003), *eth0.Flags)
	require.Equal(t, int64(1), *eth0.Carrier)
	require.Nil(t, lo.Speed)
	require.Equal(t, int64(772), *lo.Type)
	require.Equal(t, "unknown", lo.OperState)
}
