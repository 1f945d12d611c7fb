package capture

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

const (
	feed       = "../../examples/captures/feed.pcapng"
	feedReadme = "../../examples/captures/README.md"
	// A published sample that may not be copied into the repository.
	exchange = "../../../shared/captures/deribit-sample_capture_v1_6.pcapng"
)

func openExchange(t *testing.T) *File {
	if _, err := os.Stat(exchange); err != nil {
		t.Skipf("the capture of an exchange is not here, which is no part of the repository: %v", err)
	}
	f, err := Open(exchange)
	require.NoError(t, err)
	return f
}

// What tshark, capinfos and reordercap 4.0 say about the file.
func TestExchangeCapture(t *testing.T) {
	f := openExchange(t)
	want := Info{
		Format: "pcapng", LinkTypes: []LinkCount{{1, "Ethernet", 5066}},
		Frames: 5066, IPv4: 5066, UDP: 5066, Bytes: 1109187, Longest: 1504,
		First: time.Date(2023, 6, 15, 19, 42, 29, 957011749, time.UTC), Duration: 80731942509,
		OutOfOrder: 4, WorstLate: 1,
		Ports:    []PortCount{{6100, 4854}, {6101, 212}},
		Warnings: []string{"4 of 5066 frames are out of order, by up to 1 places: they are replayed in order of time"},
	}
	for i, n := range []uint64{468, 179, 1184, 403, 132, 6, 4, 6, 6, 6, 302, 1791, 6, 6, 6, 6, 6, 6, 6, 6, 6, 525} {
		want.Groups = append(want.Groups, GroupCount{0xef6f6f00 + skb.Addr(i), n}) // 239.111.111.i
	}
	require.Empty(t, gocmp.Diff(want, f.Info))

	frames := play(t, f, DefaultOptions(ourMAC))
	require.Len(t, frames, 5066)
	require.True(t, slices.IsSortedFunc(frames, func(a, b skb.Frame) int { return cmp.Compare(a.At, b.At) }))
	require.Equal(t, 80731942509*engine.Nanosecond, frames[5065].At)
	for _, fr := range frames {
		require.Equal(t, skb.MulticastMAC(uint32(fr.Head.Dst)), fr.Head.DstMAC, "recorded on lo without an address")
		require.Equal(t, skb.ChecksumGood, fr.Head.IPChecksum)
	}
}

// The table of examples/captures/README.md is true.
func TestFeedIsAsItsReadmeSays(t *testing.T) {
	f, err := Open(feed)
	require.NoError(t, err)
	readme, err := os.ReadFile(feedReadme)
	require.NoError(t, err)
	said := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(string(readme), -1) {
		said[row[1]] = row[2]
	}
	frames := play(t, f, DefaultOptions(ourMAC))
	to := map[string]int{}
	perMillisecond := map[engine.Time]int{}
	busiest := 0
	for _, fr := range frames {
		to[fmt.Sprintf("to %v, UDP port %d", fr.Head.Dst, fr.Head.DstPort)]++
		ms := fr.At / engine.Millisecond
		perMillisecond[ms]++
		busiest = max(busiest, perMillisecond[ms])
		require.Equal(t, "10.0.0.1", fr.Head.Src.String())
	}
	want := map[string]string{
		"what": "value", "format": "pcapng, nanoseconds, Ethernet",
		"frames":                      strconv.FormatUint(f.Info.Frames, 10),
		"duration":                    fmt.Sprintf("%d.%09d s", f.Info.Duration/1e9, f.Info.Duration%1e9),
		"bytes on the wire, with FCS": strconv.FormatUint(f.Info.Bytes, 10),
		"longest frame, with FCS":     strconv.Itoa(int(f.Info.Longest)),
		"frames out of order":         strconv.FormatUint(f.Info.OutOfOrder, 10),
		"captured of each frame":      fmt.Sprintf("%d bytes", captured(t, f)),
		"busiest millisecond, counted from the first frame": strconv.Itoa(busiest),
	}
	for k, n := range to {
		want[k] = strconv.Itoa(n)
	}
	require.Empty(t, gocmp.Diff(want, said))
	require.Empty(t, f.Info.Warnings)
	require.Equal(t, f.Info.Frames, f.Info.Snapped)
	require.Zero(t, f.Info.Padded+f.Info.Cut)
	size, err := os.Stat(feed)
	require.NoError(t, err)
	require.Less(t, size.Size(), int64(800_000))
}

// captured returns how much of every frame was captured; it must be the same of all.
func captured(t *testing.T, f *File) int {
	p, err := f.begin()
	require.NoError(t, err)
	defer p.close()
	var fr frame
	n := -1
	for range f.Info.Frames {
		require.NoError(t, p.next(&fr))
		if n >= 0 {
			require.Len(t, p.rec.data, n)
		}
		n = len(p.rec.data)
	}
	return n
}

// tshark counts what we count, in files of every kind.
func TestTsharkCountsTheSame(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skipf("tshark is not installed, nobody else to ask: %v", err)
	}
	shots := append(three(),
		shot{5 * time.Millisecond, ether(ourMAC, skb.EtherTypeIPv4, ipPacket(sender, 0x0a000002, 53, 10)), 0},
		shot{6 * time.Millisecond, ether(broadcastMAC, skb.EtherTypeARP, make([]byte, 28)), 0})
	var toGroup, cookedShots []shot
	for i := range 5 {
		p := ipPacket(sender, group+skb.Addr(i%2), uint16(20000+i), 50)
		at := time.Duration(9-i) * time.Millisecond // backwards
		toGroup = append(toGroup, shot{at, p, 0})
		cookedShots = append(cookedShots, shot{at, cat(sll2Header(sentToGroup, 0x800), p), 0})
	}
	files := map[string][]byte{
		"micro.pcap":  rawPcap(binary.BigEndian, false, 1, shots),
		"nano.pcap":   pcapFile(t, 1, true, shots),
		"nano.pcapng": pcapngFile(t, 1, shots),
		"zip.pcap.gz": gzipped(t, pcapFile(t, 1, true, shots)),
		"raw.pcap":    pcapFile(t, 101, true, toGroup),
		"sll2.pcap":   pcapFile(t, 276, true, cookedShots),
		"tick.pcapng": ngThree(binary.BigEndian, 0x80|20, 1<<20),
	}
	paths := []string{feed}
	if _, err := os.Stat(exchange); err == nil {
		paths = append(paths, exchange)
	}
	dir := t.TempDir()
	for name, b := range files {
		paths = append(paths, filepath.Join(dir, name))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := Open(path)
			require.NoError(t, err)
			want := tshark(t, path)
			require.Equal(t, want.Frames, f.Info.Frames)
			require.Equal(t, want.Groups, f.Info.Groups)
			require.Equal(t, want.Ports, f.Info.Ports)
			require.Equal(t, want.First, f.Info.First)
			require.Equal(t, want.Duration, f.Info.Duration)
			require.Equal(t, want.Bytes, f.Info.Bytes)
		})
	}
}

// tshark fills in what it has to say about a file.
func tshark(t *testing.T, path string) Info {
	out, err := exec.Command("tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f",
		"-e", "frame.time_epoch", "-e", "frame.len", "-e", "ip.dst", "-e", "udp.dstport", "-e", "frame.encap_type").Output()
	require.NoError(t, err)
	var info Info
	groups, ports := tally[skb.Addr]{}, tally[uint16]{}
	var last time.Time
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, f, 5, "%q", line)
		at := epochTime(t, f[0])
		if info.Frames == 0 || at.Before(info.First) {
			info.First = at
		}
		if at.After(last) {
			last = at
		}
		info.Frames++
		length, err := strconv.Atoi(f[1])
		require.NoError(t, err)
		// Wireshark's numbers: 1 Ethernet, 7 raw IP, 210 cooked v2.
		length += map[string]int{"1": 0, "7": skb.EthHeader, "210": skb.EthHeader - 20}[f[4]]
		info.Bytes += uint64(max(length, skb.EthMinLen) + skb.EthFCS)
		if f[2] != "" {
			if a := skb.AddrFrom(netip.MustParseAddr(f[2])); a.Multicast() {
				groups.add(a)
			}
		}
		if f[3] != "" {
			p, err := strconv.ParseUint(f[3], 10, 16)
			require.NoError(t, err)
			ports.add(uint16(p))
		}
	}
	info.Groups = counts(&groups, func(a skb.Addr, n uint64) GroupCount { return GroupCount{a, n} })
	info.Ports = counts(&ports, func(p uint16, n uint64) PortCount { return PortCount{p, n} })
	info.Duration = last.Sub(info.First)
	return info
}

// epochTime reads seconds with nine decimals.
func epochTime(t *testing.T, s string) time.Time {
	sec, frac, _ := strings.Cut(s, ".")
	a, err := strconv.ParseInt(sec, 10, 64)
	require.NoError(t, err)
	b, err := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
	require.NoError(t, err)
	return time.Unix(a, b).UTC()
}
