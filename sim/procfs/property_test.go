package procfs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

var writers = map[string]writer{
	"softnet_stat": procfs.WriteSoftnetStat, "snmp": procfs.WriteSNMP, "netstat": procfs.WriteNetstat, "dev": procfs.WriteDev,
	"udp": procfs.WriteUDP, "ptype": procfs.WritePType, "sockstat": procfs.WriteSockstat, "igmp": procfs.WriteIGMP,
	"nf_conntrack": procfs.WriteConntrackStat, "mcfilter": procfs.WriteMCFilter, "dev_mcast": procfs.WriteDevMcast, "softirqs": procfs.WriteSoftirqs,
	"interrupts": procfs.WriteInterrupts, "stat": procfs.WriteStat, "uptime": procfs.WriteUptime,
}

// Whatever a snapshot holds, nothing panics; an error says which file it was.
func TestAnySnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.Make[mib.Snapshot]().Draw(t, "snapshot")
		s.SoftnetColumns = rapid.SampledFrom([]int{s.SoftnetColumns, 10, 11, 13, 15}).Draw(t, "columns")
		s.NrIRQs %= 2000 // negative ones are refused, long ones only slow
		for name, write := range writers {
			if err := write(io.Discard, &s); err != nil {
				require.Contains(t, err.Error(), "procfs: ", name)
				require.Contains(t, err.Error(), name)
			}
		}
		_, err := json.Marshal(procfs.Counters(&s))
		require.NoError(t, err)
		_ = fs.WalkDir(procfs.FS(&s), ".", func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				_, err = fs.ReadFile(procfs.FS(&s), path)
			}
			if err != nil {
				require.Contains(t, err.Error(), "procfs: ")
			}
			return nil
		})
	})
}

// A possible snapshot draws a snapshot that a host could show.
func possible(t *rapid.T) *mib.Snapshot {
	s := &mib.Snapshot{
		TimePS:         rapid.Int64Range(0, math.MaxInt64/2).Draw(t, "time"),
		SoftnetColumns: rapid.SampledFrom([]int{10, 11, 13, 15}).Draw(t, "columns"),
		NetstatColumns: "linux-6.18",
		MemErrors:      true,
		ReasmOverlaps:  true,
		OutTransmits:   true,
		Net:            rapid.Make[mib.Net]().Draw(t, "net"),
		CPUs:           rapid.SliceOfN(rapid.Make[mib.CPU](), 1, 5).Draw(t, "cpus"),
		Sockets:        rapid.SliceOfN(rapid.Make[mib.Socket](), 0, 4).Draw(t, "sockets"),
		UDPMemPages:    rapid.IntRange(0, math.MaxInt32).Draw(t, "pages"),
		SocketsUsed:    rapid.IntRange(0, math.MaxInt32).Draw(t, "used"),
		FragMemory:     rapid.IntRange(0, math.MaxInt32).Draw(t, "frag"),
		NrIRQs:         rapid.IntRange(0, 1100).Draw(t, "nr_irqs"),
		Processes:      rapid.Uint64().Draw(t, "processes"),
		ProcsRunning:   rapid.IntRange(0, 1<<20).Draw(t, "running"),
	}
	books := rapid.Int64Range(0, math.MaxInt64/4)
	for i := range s.CPUs {
		s.CPUs[i].Time = mib.CPUTime{User: books.Draw(t, "user"), System: books.Draw(t, "system"), Idle: books.Draw(t, "idle"),
			Hardirq: books.Draw(t, "irq"), Softirq: books.Draw(t, "softirq"), Ksoftirqd: books.Draw(t, "ksoftirqd")}
	}
	for i := range s.Sockets {
		k := &s.Sockets[i]
		k.RxQueue, k.UID = rapid.IntRange(0, math.MaxInt32).Draw(t, "rx_queue"), rapid.IntRange(0, math.MaxInt32).Draw(t, "uid")
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "devices") {
		s.Devices = append(s.Devices, mib.Device{Name: fmt.Sprintf("eth%d", i), IfIndex: i + 1, Link: rapid.Make[mib.Link]().Draw(t, "link")})
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "irqs") {
		s.IRQs = append(s.IRQs, mib.IRQ{Number: 7 * i, Name: "eth0", Counts: rapid.SliceOfN(rapid.Uint64(), 0, 6).Draw(t, "counts")})
	}
	return s
}

// What is printed can be read again, and says what the snapshot says, modulo
// the width of the file.
func TestEveryNumberReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := possible(t)
		file := func(write writer) [][]string {
			var b bytes.Buffer
			require.NoError(t, write(&b, s))
			require.True(t, b.Len() == 0 || bytes.HasSuffix(b.Bytes(), []byte("\n")))
			var rows [][]string
			for line := range strings.Lines(b.String()) {
				rows = append(rows, strings.Fields(line))
			}
			return rows
		}
		readSoftnet(t, s, file(procfs.WriteSoftnetStat))
		readTables(t, s, append(file(procfs.WriteSNMP), file(procfs.WriteNetstat)...))
		readDev(t, s, file(procfs.WriteDev))
		readUDP(t, s, file(procfs.WriteUDP))
		readSoftirqs(t, s, file(procfs.WriteSoftirqs))
		readInterrupts(t, s, file(procfs.WriteInterrupts))
		readStat(t, s, file(procfs.WriteStat))
	})
}

// number reads what the file says in that base.
func number(t *rapid.T, field string, base int) uint64 {
	n, err := strconv.ParseUint(field, base, 64)
	require.NoError(t, err)
	return n
}

func readSoftnet(t *rapid.T, s *mib.Snapshot, rows [][]string) {
	require.Len(t, rows, len(s.CPUs))
	for i, row := range rows {
		require.Len(t, row, s.SoftnetColumns)
		for _, f := range row {
			require.Len(t, f, 8)
		}
		c := &s.CPUs[i]
		require.Equal(t, uint32(c.Softnet.Processed), uint32(number(t, row[0], 16)))
		require.Equal(t, uint32(c.Softnet.TimeSqueeze), uint32(number(t, row[2], 16)))
		require.Equal(t, uint32(c.Softnet.ReceivedRPS), uint32(number(t, row[9], 16)))
		if len(row) == 15 {
			require.Equal(t, uint32(number(t, row[11], 16)), uint32(number(t, row[13], 16)+number(t, row[14], 16)))
		}
	}
}

func readTables(t *rapid.T, s *mib.Snapshot, rows [][]string) {
	got := map[string]string{}
	for i := 0; i < len(rows); i += 2 {
		names, numbers := rows[i], rows[i+1]
		require.Len(t, numbers, len(names))
		require.Equal(t, names[0], numbers[0])
		for j := 1; j < len(names); j++ {
			_, err := strconv.ParseInt(strings.TrimPrefix(numbers[j], "-"), 10, 64)
			if err != nil {
				number(t, numbers[j], 10)
			}
			got[names[0]+names[j]] = numbers[j]
		}
	}
	for prefix, table := range map[string]any{"Ip:": s.Net.IP, "IpExt:": s.Net.IPExt, "TcpExt:": s.Net.TCPExt, "Icmp:": s.Net.ICMP, "Udp:": s.Net.UDP} {
		eachTag(table, func(name string, value uint64) { require.Equal(t, strconv.FormatUint(value, 10), got[prefix+name]) })
	}
}

func readDev(t *rapid.T, s *mib.Snapshot, rows [][]string) {
	require.Len(t, rows, 2+len(s.Devices))
	for i, row := range rows[2:] {
		l := &s.Devices[i].Link
		require.Len(t, row, 17)
		require.Equal(t, s.Devices[i].Name+":", row[0])
		for j, want := range []uint64{l.RXBytes, l.RXPackets, l.RXErrors, l.RXDropped + l.RXMissedErrors, l.RXFIFOErrors,
			l.RXLengthErrors + l.RXCRCErrors, 0, l.Multicast, l.TXBytes, l.TXPackets, 0, l.TXDropped, 0, 0, 0, 0} {
			require.Equal(t, want, number(t, row[1+j], 10))
		}
	}
}

func readUDP(t *rapid.T, s *mib.Snapshot, rows [][]string) {
	require.Len(t, rows, 1+len(s.Sockets))
	for i, row := range rows[1:] {
		k := &s.Sockets[i]
		require.Len(t, row, 13)
		require.Equal(t, uint64(k.Bucket), number(t, strings.TrimSuffix(row[0], ":"), 10))
		addr, port, _ := strings.Cut(row[1], ":")
		a := uint32(number(t, addr, 16))
		require.Equal(t, k.Local, a<<24|a>>24|a<<8&0xff0000|a>>8&0xff00)
		require.Equal(t, uint64(k.LocalPort), number(t, port, 16))
		_, rx, _ := strings.Cut(row[4], ":")
		require.Equal(t, uint64(k.RxQueue), number(t, rx, 16))
		require.Equal(t, uint64(k.UID), number(t, row[7], 10))
		require.Equal(t, k.Inode, number(t, row[9], 10))
		drops, err := strconv.ParseInt(row[12], 10, 64)
		require.NoError(t, err)
		require.Equal(t, uint32(k.Drops), uint32(drops))
	}
}

func readSoftirqs(t *rapid.T, s *mib.Snapshot, rows [][]string) {
	require.Len(t, rows[0], len(s.CPUs))
	require.Len(t, rows, 1+mib.NumSoftirqs)
	for i, row := range rows[1:] {
		require.Len(t, row, 1+len(s.CPUs))
		for cpu := range s.CPUs {
			require.Equal(t, uint64(uint32(s.CPUs[cpu].Softirqs[i])), number(t, row[1+cpu], 10))
		}
	}
}

func readInterrupts(t *rapid.T, s *mib.Snapshot, rows [][]string) {
	byLabel := map[string][]string{}
	for _, row := range rows[1:] {
		byLabel[row[0]] = row[1:]
	}
	require.Len(t, byLabel, len(s.IRQs)+15)
	for _, irq := range s.IRQs {
		for cpu := range s.CPUs {
			want := uint64(0)
			if cpu < len(irq.Counts) {
				want = uint64(uint32(irq.Counts[cpu]))
			}
			require.Equal(t, want, number(t, byLabel[fmt.Sprintf("%d:", irq.Number)][cpu], 10))
		}
	}
	for cpu := range s.CPUs {
		require.Equal(t, uint64(uint32(s.CPUs[cpu].LocalTimer)), number(t, byLabel["LOC:"][cpu], 10))
	}
}

func readStat(t *rapid.T, s *mib.Snapshot, rows [][]string) {
	require.Len(t, rows, 1+len(s.CPUs)+7)
	for cpu := range s.CPUs {
		row, c := rows[1+cpu], &s.CPUs[cpu].Time
		require.Equal(t, fmt.Sprintf("cpu%d", cpu), row[0])
		require.Len(t, row, 11)
		for i, want := range []int64{c.User, 0, c.System, c.Idle, 0, c.Hardirq, c.Softirq + c.Ksoftirqd, 0, 0, 0} {
			require.Equal(t, uint64(want/tick), number(t, row[1+i], 10))
		}
	}
	intr := rows[1+len(s.CPUs)]
	require.Equal(t, "intr", intr[0])
	require.GreaterOrEqual(t, len(intr), 2+s.NrIRQs)
	for _, row := range rows[1+len(s.CPUs):] {
		for _, f := range row[1:] {
			number(t, f, 10)
		}
	}
}
